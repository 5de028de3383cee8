/* Everything that may run in a dying process is a few system calls on a descriptor that is open. */
#include "node/suspect.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define SUSPECT_FILE "suspect"
#define RUNNING_FILE "running"

static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { DEADLY_COUNT = sizeof deadly / sizeof *deadly };
static struct sigaction before[DEADLY_COUNT];
static int served_fd = -1;

static void mark_in(int dir_fd, const char *why)
{
    int fd = openat(dir_fd, SUSPECT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* there is one, or nothing can be written here */
    if (write(fd, why, strlen(why)) >= 0 && fsync(fd) == 0)
        (void)fsync(dir_fd);
    close(fd);
}

static int open_dir(const char *dir)
{
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool suspect_read(const char *dir, char why[static SUSPECT_WHY_BYTES])
{
    int dir_fd = open_dir(dir);
    int fd = dir_fd < 0 ? -1 : openat(dir_fd, SUSPECT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = fd < 0 ? 0 : read(fd, why, SUSPECT_WHY_BYTES - 1);
    why[size > 0 ? size : 0] = '\0';
    if (fd >= 0)
        close(fd);
    if (dir_fd >= 0)
        close(dir_fd);
    return fd >= 0;
}

void suspect_mark(const char *dir, const char *why)
{
    int fd = open_dir(dir);
    if (fd < 0)
        return;
    mark_in(fd, why);
    close(fd);
}

void suspect_clear(const char *dir)
{
    int fd = open_dir(dir);
    if (fd < 0)
        return;
    if (unlinkat(fd, SUSPECT_FILE, 0) == 0)
        (void)fsync(fd);
    close(fd);
}

/* Whoever handled it before meets it next: a fault comes again when this returns, what was sent is
 * sent again. */
static void on_death(int number, siginfo_t *info, void *where)
{
    (void)where;
    suspect_now(number == SIGABRT ? "the node ended itself: a check in its code failed"
                                  : "the node died of what it read");
    for (size_t i = 0; i < DEADLY_COUNT; i++) {
        if (deadly[i] == number)
            sigaction(number, &before[i], NULL);
    }
    if (info->si_code <= 0)
        raise(number);
}

bool suspect_begin(const char *dir)
{
    struct sigaction action = {.sa_sigaction = on_death, .sa_flags = SA_SIGINFO};
    served_fd = open_dir(dir);
    if (served_fd < 0)
        return false;
    for (size_t i = 0; i < DEADLY_COUNT; i++)
        sigaction(deadly[i], &action, &before[i]);
    int fd = openat(served_fd, RUNNING_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return true;
    close(fd);
    return false;
}

void suspect_now(const char *why)
{
    if (served_fd >= 0)
        mark_in(served_fd, why);
}

void suspect_end(void)
{
    if (served_fd < 0)
        return;
    unlinkat(served_fd, RUNNING_FILE, 0);
    for (size_t i = 0; i < DEADLY_COUNT; i++)
        sigaction(deadly[i], &before[i], NULL);
    close(served_fd);
    served_fd = -1;
}
