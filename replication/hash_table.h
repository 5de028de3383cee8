/* uthash, with its warnings kept out of ours. Out of memory aborts, as everywhere here. */
#ifndef TERRACE_REPLICATION_HASH_TABLE_H
#define TERRACE_REPLICATION_HASH_TABLE_H

#include <stdlib.h>

#define uthash_fatal(message) abort()
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <uthash.h>
#pragma GCC diagnostic pop

#endif
