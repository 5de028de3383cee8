/* The guard is a process of its own, in a session that the terminal's signals don't reach. It waits
 * at a pipe whose other end only the command holds: a byte means done, the end of the pipe means
 * that the command is dead, whatever killed it. */
#include "cli/drill/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/drill/act.h"
#include "cli/drill/probe.h"
#include "cli/drill/process.h"
#include "cli/drill/remove.h"
#include "cli/print.h"

/* Some nodes have only begun to start and answer nobody yet: no clean stop. The last one may not
 * even bear its own name, so there is a pause, and a look for it. */
static void kill_nodes(struct drill *drill)
{
    struct error error = {0};
    probe_pause();
    process_find(drill);
    bool *all = mem_alloc(drill->seat_count * sizeof *all);
    memset(all, true, drill->seat_count * sizeof *all);
    if (act_kill(drill, all, &error) == ERR_OK)
        print_note("interrupted: the %zu nodes of %s have been ended", drill->seat_count,
                   drill->directory);
    else
        print_failure(&error, false);
    free(all);
}

/* Taking the lock waits until the kernel has buried the command. */
static void end_all(const char *directory, bool remove)
{
    struct drill drill;
    struct error error = {0};
    if (drill_open(directory, true, &drill, &error) == ERR_OK) {
        kill_nodes(&drill);
        drill_free(&drill);
    }
    if (remove)
        remove_tree(directory, &error);
}

static void watch(int commanded, const char *directory, bool remove)
{
    char byte = 0;
    ssize_t got = 0;
    setsid();
    do
        got = read(commanded, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        end_all(directory, remove);
}

enum error_code guard_begin(const struct drill *drill, bool remove, struct guard *guard,
                            struct error *error)
{
    int ends[2];
    *guard = (struct guard){.done = -1};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, ERR_IO, "pipe", "%s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        error_set(error, ERR_IO, "fork", "%s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return ERR_IO;
    }
    if (pid == 0) {
        close(ends[1]);
        close(drill->lock); /* the command's death has to free it */
        watch(ends[0], drill->directory, remove);
        _exit(0);
    }
    close(ends[0]);
    *guard = (struct guard){.done = ends[1], .pid = pid};
    return ERR_OK;
}

void guard_end(struct guard *guard)
{
    if (guard->done < 0)
        return;
    while (write(guard->done, "", 1) < 0 && errno == EINTR)
        continue;
    close(guard->done);
    guard->done = -1;
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
