/* Starting, ending and measuring the processes of a drill. */
#include "cli/drill/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/print.h"
#include "node/author/file.h"

extern char **environ;

enum {
    FILES_BESIDE = 128, /* a node's own files: store, log, epoll, pipes */
    LOG_END_BYTES = 2048,
    LOG_END_LINES = 6,
    COMMAND_LINE_BYTES_MAX = PATH_MAX + 256,
    EXEC_LOOKS_MAX = 1000, /* of 1 ms: a busy machine takes its time to exec */
};

enum error_code process_raise_files(size_t files, struct error *error)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)files + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return ERR_OK;
    if (limit.rlim_max < wanted) {
        error_set(error, ERR_FULL, "open files", "one node needs %llu, the hard limit is %llu",
                  (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
        error_next(error, "raise it with `ulimit -Hn` as root, or take a smaller tree");
        return ERR_FULL;
    }
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return error_set(error, ERR_FULL, "open files", "%s", strerror(errno));
    return ERR_OK;
}

struct program_path process_program(void)
{
    static const char link[] = "/proc/self/exe";
    struct program_path path;
    ssize_t size = readlink(link, path.text, sizeof path.text - 1);
    path.text[size < 0 ? 0 : size] = '\0';
    if (access(path.text, X_OK) != 0)
        memcpy(path.text, link, sizeof link);
    return path;
}

static int spawn_node(char *const *words, const char *log, pid_t *pid)
{
    struct program_path program = process_program();
    setenv("TERRACE_DUMPABLE", "1", 0); /* a drill measures its nodes' memory from outside */
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    int answer = posix_spawn(pid, program.text, &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return answer;
}

enum error_code process_start(struct drill *drill, size_t seat, struct error *error)
{
    char path[PATH_MAX], log[PATH_MAX];
    char program[] = "terrace", option[] = "-d", verb[] = "run";
    if (drill_node_path(drill, seat, path, error) != ERR_OK ||
        path_join(log, path, "log", error) != ERR_OK)
        return error->code;
    char *words[] = {program, option, path, verb, NULL};
    int answer = spawn_node(words, log, &drill->seats[seat].pid);
    if (answer == 0)
        return ERR_OK;
    drill->seats[seat].pid = 0;
    error_set(error, ERR_IO, drill->seats[seat].code, "its process could not be started: %s",
              strerror(answer));
    if (answer == EAGAIN)
        error_next(error, "raise the limit of processes (`ulimit -u`), or take a smaller tree");
    return ERR_IO;
}

enum whose { WHOSE_OURS, WHOSE_OTHERS, WHOSE_UNKNOWN };

static enum whose whose_process(pid_t pid, const char *path)
{
    char name[64], line[COMMAND_LINE_BYTES_MAX], wanted[COMMAND_LINE_BYTES_MAX];
    snprintf(name, sizeof name, "/proc/%ld/cmdline", (long)pid);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return WHOSE_OTHERS;
    ssize_t got = read(file, line, sizeof line);
    close(file);
    if (got == 0)
        return WHOSE_UNKNOWN; /* between spawn and exec, or a zombie */
    int size = snprintf(wanted, sizeof wanted, "terrace%c-d%c%s%crun", 0, 0, path, 0) + 1;
    return got == size && memcmp(line, wanted, (size_t)size) == 0 ? WHOSE_OURS : WHOSE_OTHERS;
}

static bool is_over(int handle, uint64_t wait_ms)
{
    struct pollfd wait = {.fd = handle, .events = POLLIN};
    return poll(&wait, 1, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms) == 1;
}

/* A handle on the seat's process, or -1 when it is gone or somebody else's by now. The handle is
 * taken first: a process id that is re-used after the check can't be hit. */
static int open_process(const struct drill *drill, size_t seat)
{
    char path[PATH_MAX];
    struct error error;
    pid_t pid = drill->seats[seat].pid;
    if (pid <= 0 || drill_node_path(drill, seat, path, &error) != ERR_OK)
        return -1;
    int handle = pidfd_open(pid, 0);
    if (handle < 0)
        return -1;
    enum whose whose = whose_process(pid, path);
    for (int i = 0; whose == WHOSE_UNKNOWN && i < EXEC_LOOKS_MAX && !is_over(handle, 1); i++)
        whose = whose_process(pid, path);
    if (whose == WHOSE_OURS)
        return handle;
    close(handle);
    return -1;
}

bool process_alive(const struct drill *drill, size_t seat)
{
    int handle = open_process(drill, seat);
    if (handle < 0)
        return false;
    bool over = is_over(handle, 0);
    close(handle);
    return !over;
}

/* The seat whose node this process is; DRILL_NO_SEAT: none of ours. */
static size_t seat_of_process(const struct drill *drill, const char *pid)
{
    char name[64], line[COMMAND_LINE_BYTES_MAX];
    snprintf(name, sizeof name, "/proc/%.32s/cmdline", pid);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, line, sizeof line - 1);
    if (file >= 0)
        close(file);
    line[got < 0 ? 0 : got] = '\0';
    size_t size = strlen(drill->directory);
    const char *path = line + sizeof "terrace" + sizeof "-d";
    if (got <= path - line || strcmp(line, "terrace") != 0 ||
        strncmp(path, drill->directory, size) != 0 || path[size] != '/')
        return DRILL_NO_SEAT;
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (strcmp(path + size + 1, drill->seats[i].code) == 0)
            return i;
    }
    return DRILL_NO_SEAT;
}

void process_find(struct drill *drill)
{
    size_t alive = 0;
    for (size_t i = 0; i < drill->seat_count; i++)
        alive += process_alive(drill, i) ? 1 : 0;
    DIR *all = alive == drill->seat_count ? NULL : opendir("/proc");
    if (all == NULL)
        return;
    for (struct dirent *one = readdir(all); one != NULL; one = readdir(all)) {
        size_t seat = seat_of_process(drill, one->d_name);
        if (seat == DRILL_NO_SEAT || process_alive(drill, seat))
            continue;
        pid_t known = drill->seats[seat].pid;
        drill->seats[seat].pid = (pid_t)strtol(one->d_name, NULL, 10);
        if (!process_alive(drill, seat))
            drill->seats[seat].pid = known;
    }
    closedir(all);
}

bool process_wait(struct drill *drill, size_t seat, uint64_t wait_ms)
{
    int handle = open_process(drill, seat);
    bool over = handle < 0 || is_over(handle, wait_ms);
    if (handle >= 0)
        close(handle);
    if (!over)
        return false;
    if (drill->seats[seat].pid > 0)
        waitpid(drill->seats[seat].pid, NULL, WNOHANG); /* when this command started it */
    drill->seats[seat].pid = 0;
    return true;
}

void process_signal(const struct drill *drill, size_t seat, int signal)
{
    int handle = open_process(drill, seat);
    if (handle >= 0) {
        pidfd_send_signal(handle, signal, NULL, 0);
        close(handle);
    }
}

enum error_code process_end(struct drill *drill, size_t seat, int signal, uint64_t wait_ms,
                            struct error *error)
{
    process_signal(drill, seat, signal);
    if (process_wait(drill, seat, wait_ms))
        return ERR_OK;
    error_set(error, ERR_TIMEOUT, drill->seats[seat].code,
              "its process %ld did not end within %llu s", (long)drill->seats[seat].pid,
              (unsigned long long)(wait_ms / 1000));
    error_next(error, "`terrace drill kill --dir %s %s` ends it at once", drill->directory,
               drill->seats[seat].code);
    return ERR_TIMEOUT;
}

struct process_memory process_memory(pid_t pid)
{
    struct process_memory memory = {0};
    char name[64], line[256];
    unsigned long long kib = 0;
    snprintf(name, sizeof name, "/proc/%ld/smaps_rollup", (long)pid);
    FILE *file = fopen(name, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %llu kB", &kib) == 1)
            memory.proportional = kib << 10;
        else if (sscanf(line, "Pss_Anon: %llu kB", &kib) == 1)
            memory.anonymous = kib << 10;
    }
    if (file != NULL)
        fclose(file);
    return memory;
}

char *process_log_end(const struct drill *drill, size_t seat)
{
    char path[PATH_MAX], log[PATH_MAX], text[LOG_END_BYTES];
    struct error error;
    struct stat stat;
    ssize_t size = 0;
    if (drill_node_path(drill, seat, path, &error) != ERR_OK ||
        path_join(log, path, "log", &error) != ERR_OK)
        return mem_text("");
    int file = open(log, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &stat) == 0)
        size = pread(file, text, sizeof text,
                     stat.st_size > LOG_END_BYTES ? stat.st_size - LOG_END_BYTES : 0);
    if (file >= 0)
        close(file);
    size_t from = size > 0 ? (size_t)size : 0;
    for (unsigned lines = 0; from > 0; from--) {
        if (text[from - 1] == '\n' && lines++ == LOG_END_LINES)
            break;
    }
    return text_shown(SPAN(text + from, size > 0 ? (size_t)size - from : 0), 0);
}
