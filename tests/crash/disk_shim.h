/* A disk between a node and the real one: it fails, waits, or keeps a record of every call that
 * changes a file below one directory. Linked into a test that is also the node (node_world.h), it
 * defines the C library's calls; LMDB and the node's own code run through it unchanged.
 *
 * What it shall do stands in DIR.disk, a shared mapping, so that a test changes it while the node
 * runs, and sees what waits. Without that file all calls pass through. Logs, sockets and LMDB's
 * lock file are not looked at. */
#ifndef TERRACE_TESTS_CRASH_DISK_SHIM_H
#define TERRACE_TESTS_CRASH_DISK_SHIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum disk_target {
    DISK_ANY,
    DISK_DATA,       /* pages of the database */
    DISK_META,       /* its meta page: what makes a commit */
    DISK_HIGH_WATER, /* the file, or its successor */
};

/* Zero: all is well. */
struct disk_control {
    _Atomic uint32_t target;
    _Atomic int write_errno; /* writes of the target fail so */
    _Atomic int sync_errno;  /* its fsync and fdatasync, too */
    _Atomic int make_errno;  /* files and directories can't be made, anywhere */
    _Atomic uint32_t short_writes;
    _Atomic uint32_t passing;    /* so many calls that would fail pass first */
    _Atomic uint32_t hold_syncs; /* fdatasync, and writes of the meta page, wait while it is set */
    _Atomic uint32_t waiting;    /* those that wait now */
    _Atomic uint32_t failed;     /* calls that were made to fail */
    _Atomic uint32_t record;     /* into DIR.trace */
};

/* In the test: makes DIR.disk anew (a node that runs keeps the old one). Never unmapped. */
struct disk_control *disk_control_make(const char *dir);
/* In the node's process, before it serves: takes DIR.disk, if it is there. */
void disk_shim_begin(const char *dir);

#endif
