/* Disks of stopped nodes: copied aside, put back, emptied.
 *
 *     DIR/replay/SEAT-N/data.mdb, high_water     an image
 *
 * What is put back goes into the files that are there, so that the store's marker of its file
 * stays: the node isn't told that it has gone back, as in the simulation. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/drill/act.h"
#include "cli/drill/process.h"
#include "cli/drill/remove.h"
#include "cli/drill/replay_play.h"
#include "node/author/file.h"

/* Of a file that is there; one that isn't leaves none at the other place. */
static enum error_code copy_into(const char *from, const char *to, struct error *error)
{
    struct stat stat_of;
    enum error_code code = ERR_OK;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 && errno == ENOENT)
        return unlink(to) == 0 || errno == ENOENT ? ERR_OK : file_error(error, to, "removing");
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (in < 0 || fstat(in, &stat_of) != 0)
        code = file_error(error, from, "reading");
    else if (out < 0)
        code = file_error(error, to, "writing");
    for (off_t left = code == ERR_OK ? stat_of.st_size : 0; left > 0;) {
        ssize_t sent = sendfile(out, in, NULL, (size_t)left);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            code = file_error(error, to, "writing");
            break;
        }
        left -= sent;
    }
    if (out >= 0 && close(out) != 0 && code == ERR_OK)
        code = file_error(error, to, "writing");
    if (in >= 0)
        close(in);
    return code;
}

static enum error_code copy_named(const char *from_directory, const char *from,
                                  const char *to_directory, const char *to, struct error *error)
{
    char source[PATH_MAX], target[PATH_MAX];
    enum error_code code = path_join(source, from_directory, from, error);
    if (code == ERR_OK)
        code = path_join(target, to_directory, to, error);
    return code == ERR_OK ? copy_into(source, target, error) : code;
}

static enum error_code image_path(const struct replay *replay, size_t seat, size_t image,
                                  char path[static PATH_MAX], struct error *error)
{
    char name[SEAT_BYTES_MAX + 64];
    snprintf(name, sizeof name, "replay/%s-%zu", replay->drill->seats[seat].code, image);
    return drill_file_path(replay->drill, name, path, error);
}

static enum error_code copy_aside(const struct replay *replay, size_t seat, size_t image,
                                  struct error *error)
{
    char node[PATH_MAX], aside[PATH_MAX], above[PATH_MAX];
    enum error_code code = drill_node_path(replay->drill, seat, node, error);
    if (code == ERR_OK)
        code = drill_file_path(replay->drill, "replay", above, error);
    if (code == ERR_OK)
        code = directory_make(above, 0700, error);
    if (code == ERR_OK)
        code = image_path(replay, seat, image, aside, error);
    if (code == ERR_OK)
        code = directory_make(aside, 0700, error);
    if (code == ERR_OK)
        code = copy_named(node, "data/data.mdb", aside, "data.mdb", error);
    if (code == ERR_OK)
        code = copy_named(node, "high_water", aside, "high_water", error);
    return code;
}

enum error_code replay_image(struct replay *replay, size_t seat, size_t image, struct error *error)
{
    struct drill *drill = replay->drill;
    bool runs = process_alive(drill, seat);
    enum error_code code = ERR_OK;
    if (replay->paused[seat])
        process_signal(drill, seat, SIGCONT);
    if (runs)
        code = process_end(drill, seat, SIGTERM, ACT_END_WAIT_MS, error);
    if (code == ERR_OK)
        code = copy_aside(replay, seat, image, error);
    if (code == ERR_OK && runs) {
        bool *one = mem_alloc(drill->seat_count * sizeof *one);
        one[seat] = true;
        code = act_start(drill, one, false, true, error);
        free(one);
    }
    if (code == ERR_OK && replay->paused[seat])
        process_signal(drill, seat, SIGSTOP);
    return code;
}

enum error_code replay_put_back(struct replay *replay, size_t seat, size_t image, bool high_water,
                                struct error *error)
{
    char node[PATH_MAX], aside[PATH_MAX];
    enum error_code code = drill_node_path(replay->drill, seat, node, error);
    if (code == ERR_OK)
        code = image_path(replay, seat, image, aside, error);
    if (code == ERR_OK)
        code = copy_named(aside, "data.mdb", node, "data/data.mdb", error);
    if (code == ERR_OK && high_water)
        code = copy_named(aside, "high_water", node, "high_water", error);
    return code;
}

enum error_code replay_wipe(struct replay *replay, size_t seat, struct error *error)
{
    char node[PATH_MAX], path[PATH_MAX];
    enum error_code code = drill_node_path(replay->drill, seat, node, error);
    if (code == ERR_OK)
        code = path_join(path, node, "data", error);
    if (code == ERR_OK)
        code = remove_tree(path, error);
    if (code == ERR_OK)
        code = path_join(path, node, "high_water", error);
    if (code == ERR_OK && unlink(path) != 0 && errno != ENOENT)
        code = file_error(error, path, "removing");
    return code;
}
