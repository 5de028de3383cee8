/* A pipe brings back what the work answered; nothing in it: the work never came to its end. */
#include "cli/sim/apart.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
    int status;
    struct error error;
};

static void work_in_child(int (*work)(void *context, struct error *error), void *context, int to)
{
    struct answer answer = {0};
    answer.status = work(context, &answer.error);
    fflush(stdout);
    fflush(stderr);
    bool told = write(to, &answer, sizeof answer) == (ssize_t)sizeof answer;
    _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool read_answer(int from, struct answer *answer)
{
    size_t size = 0;
    uint8_t *at = (uint8_t *)answer;
    for (ssize_t more; size < sizeof *answer; size += (size_t)more) {
        more = read(from, at + size, sizeof *answer - size);
        if (more <= 0)
            return false;
    }
    return true;
}

bool run_apart(int (*work)(void *context, struct error *error), void *context, int *status,
               struct error *error)
{
    int ends[2];
    struct answer answer = {0};
    fflush(stdout);
    fflush(stderr);
    if (pipe(ends) != 0) {
        *status = work(context, error);
        return true;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        work_in_child(work, context, ends[1]);
    }
    close(ends[1]);
    bool answered = child > 0 && read_answer(ends[0], &answer);
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (child < 0)
        answer.status = work(context, &answer.error);
    if (!answered && child > 0)
        return false;
    *status = answer.status;
    *error = answer.error;
    return true;
}
