/* The processes of a drill: each a `terrace run`, in a session of its own, its output in the node's
 * log. A process id from drill.json is believed only after /proc says that it runs this node. */
#ifndef TERRACE_CLI_DRILL_PROCESS_H
#define TERRACE_CLI_DRILL_PROCESS_H

#include "cli/drill/drill.h"

/* Raise the soft limit of open files as far as `files` needs and the hard limit allows; processes
 * started later inherit it. ERR_FULL when the hard limit is too low. */
enum error_code process_raise_files(size_t files, struct error *error);

/* This program by its own path, so that `ps` shows its name; by the kernel's link when the file has
 * been replaced since. */
struct program_path {
    char text[PATH_MAX];
};
struct program_path process_program(void);

/* Start the node of a seat and note its process id. It survives this command. */
enum error_code process_start(struct drill *drill, size_t seat, struct error *error);

/* Where drill.json is of the past (a command was interrupted, somebody started a node by hand),
 * take the process ids from what runs on this machine. */
void process_find(struct drill *drill);

/* Whether the seat's process is alive and really runs this seat's node. */
bool process_alive(const struct drill *drill, size_t seat);

/* Send a signal to the seat's process and wait until it is gone, at most `wait_ms`. The process id
 * becomes 0. A process that isn't ours or is gone already counts as ended. ERR_TIMEOUT. */
enum error_code process_end(struct drill *drill, size_t seat, int signal, uint64_t wait_ms,
                            struct error *error);
/* Send a signal that doesn't end it (SIGSTOP, SIGCONT); a process that isn't ours gets none. */
void process_signal(const struct drill *drill, size_t seat, int signal);
/* Wait, at most `wait_ms`, for a process that has been asked to end. False: it still runs. */
bool process_wait(struct drill *drill, size_t seat, uint64_t wait_ms);

/* What the kernel says of a process, in bytes; all 0 when it can't be read. */
struct process_memory {
    uint64_t proportional; /* pages shared with others count by their share */
    uint64_t anonymous;    /* of its own, not backed by a file */
};
struct process_memory process_memory(pid_t pid);

/* The last lines of the node's log, for an error message; the caller frees. "" when empty. */
char *process_log_end(const struct drill *drill, size_t seat);

#endif
