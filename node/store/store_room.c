/* How much room there is, and what is kept back of it.
 *
 * The disk: a ballast file holds some of it, so that when others have filled the rest there is
 * something to free, and what must be written still can be. The map: writes end before its last
 * part, for the same reason. Both come back by themselves: the ballast is made again as soon as
 * there is room for it and as much again, which is also when writes are taken again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "node/store/store_internal.h"

#define BALLAST_FILE "ballast"

static uint64_t least(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

static uint64_t map_reserve(uint64_t map_bytes)
{
    return least(map_bytes / STORE_RESERVE_MAP_PART, STORE_RESERVE_BYTES_MAX);
}

void store_fullness(struct store *store, struct store_fullness *room)
{
    struct statvfs disk;
    *room = (struct store_fullness){.used_bytes = store_used_bytes(store),
                                    .map_bytes = store_map_bytes(store),
                                    .disk_free_bytes = UINT64_MAX};
    if (fstatvfs(store->dir_fd, &disk) == 0) {
        room->disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
        room->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    }
    uint64_t map_left = room->map_bytes - least(room->used_bytes, room->map_bytes);
    room->disk_is_nearer = room->disk_free_bytes < map_left;
    uint64_t left = room->disk_is_nearer ? room->disk_free_bytes : map_left;
    room->percent = (unsigned)(room->used_bytes * 100 / (room->used_bytes + left + 1));
}

static uint64_t ballast_bytes(const struct store_fullness *room)
{
    uint64_t wanted = room->map_bytes / BALLAST_MAP_PART;
    wanted = wanted < BALLAST_BYTES_MIN ? BALLAST_BYTES_MIN : wanted;
    wanted = least(wanted, BALLAST_BYTES_MAX);
    return least(wanted, room->disk_bytes / BALLAST_DISK_PART) & ~UINT64_C(0xfff);
}

/* Where the file system can't set blocks aside, zeros do. */
static bool fill(int fd, uint64_t bytes)
{
    static const uint8_t zeros[64 << 10];
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
        return true;
    if (errno != EOPNOTSUPP)
        return false;
    for (uint64_t at = 0; at < bytes; at += sizeof zeros) {
        if (pwrite(fd, zeros, least(sizeof zeros, bytes - at), (off_t)at) <= 0)
            return false;
    }
    return true;
}

static bool ballast_stands(const struct store *store, uint64_t bytes)
{
    struct stat status;
    return fstatat(store->dir_fd, BALLAST_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode) && (uint64_t)status.st_size == bytes &&
           (uint64_t)status.st_blocks * 512 >= bytes;
}

static bool ballast_make(const struct store *store, uint64_t bytes)
{
    unlinkat(store->dir_fd, BALLAST_FILE, 0);
    int fd = openat(store->dir_fd, BALLAST_FILE,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool made = fill(fd, bytes);
    close(fd);
    if (!made)
        unlinkat(store->dir_fd, BALLAST_FILE, 0);
    return made;
}

/* A commit found no room: whose fault it is, and whether something can be freed. */
static enum store_level after_failure(struct store *store)
{
    struct store_fullness room;
    store_fullness(store, &room);
    if (store->map_was_full) {
        store->full_at_bytes = room.used_bytes;
        return STORE_FULL;
    }
    bool freed = store->ballast && unlinkat(store->dir_fd, BALLAST_FILE, 0) == 0;
    store->ballast = false;
    return freed ? STORE_TIGHT : STORE_FULL;
}

static bool disk_has_room(struct store *store, const struct store_fullness *room)
{
    uint64_t bytes = ballast_bytes(room);
    store->ballast = store->ballast || ballast_stands(store, bytes);
    if (!store->ballast && room->disk_free_bytes >= 2 * bytes)
        store->ballast = ballast_make(store, bytes);
    return store->ballast;
}

/* With a step between leaving and coming back, so that it doesn't flutter. */
static bool map_has_room(const struct store *store, const struct store_fullness *room)
{
    uint64_t reserve = map_reserve(room->map_bytes);
    if (store->level != STORE_ROOMY)
        reserve += reserve / 4;
    return room->used_bytes + reserve <= room->map_bytes;
}

enum store_level store_level_look(struct store *store, bool failed)
{
    struct store_fullness room;
    if (failed)
        return store->level = after_failure(store);
    store_fullness(store, &room);
    if (store->full_at_bytes != 0 && room.used_bytes >= store->full_at_bytes)
        return store->level = STORE_FULL;
    store->full_at_bytes = 0;
    store->map_was_full = false;
    if (disk_has_room(store, &room))
        return store->level = map_has_room(store, &room) ? STORE_ROOMY : STORE_TIGHT;
    bool some = room.disk_free_bytes >= ballast_bytes(&room) / 4;
    return store->level = store->level == STORE_FULL && !some ? STORE_FULL : STORE_TIGHT;
}
