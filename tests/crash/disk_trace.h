/* The record of what a process did to one directory, call by call, in the order in which the calls
 * came back; and between them what the test saw of its answers. */
#ifndef TERRACE_TESTS_CRASH_DISK_TRACE_H
#define TERRACE_TESTS_CRASH_DISK_TRACE_H

#include <stdint.h>

enum trace_kind {
    TRACE_CREATE,         /* text: name; file */
    TRACE_MKDIR,          /* text: name */
    TRACE_RENAME,         /* text: old name, NUL, new name */
    TRACE_REMOVE,         /* text: name */
    TRACE_WRITE,          /* file, at, bytes; flag: durable when it came back (O_DSYNC) */
    TRACE_LENGTH,         /* file, at: the new length */
    TRACE_SYNC,           /* file */
    TRACE_SYNC_DIRECTORY, /* text: name, "." for the directory itself */
    TRACE_ACKNOWLEDGED,   /* by the test. text: record id, NUL, title */
    TRACE_SEEN,           /* by the test: a peer holds it. text: record id */
    TRACE_KINDS,
};

/* Followed by `size` bytes. Names are below the directory. */
struct trace_record {
    uint64_t file; /* the inode, until a TRACE_CREATE gives the number again */
    uint64_t at;
    uint32_t size;
    uint16_t kind;
    uint16_t flag;
};

enum { TRACE_DURABLE = 1 };

#endif
