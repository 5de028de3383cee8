/* Opens what a power cut left, as a node does, and says what is wrong with it. */
#ifndef TERRACE_TESTS_CRASH_CRASH_CHECK_H
#define TERRACE_TESTS_CRASH_CRASH_CHECK_H

#include "replication/query/query.h"
#include "tests/crash/offline_node.h"

enum { TITLE_BYTES_MAX = 48 };

/* What the test saw: an answer to a write, or that a peer holds a record. */
struct observation {
    size_t point; /* of the record of calls: true from here on */
    bool seen;    /* by a peer; otherwise acknowledged */
    struct record_id record;
    char title[TITLE_BYTES_MAX];
};

/* An entry of the history that really was. */
struct known_entry {
    struct stream_id stream;
    uint32_t seq;
    struct record_id record;
    uint32_t ordinal; /* among the entries of its record, from 1 */
    struct hash digest;
};

/* A node whose life was recorded. */
struct crash_subject {
    const char *dir;
    struct node_identity identity;
    struct observation *observations;
    size_t observation_count;
    struct known_entry *entries;
    size_t entry_count;
    uint32_t epoch;
};

/* Reads keys, documents and the whole store of `dir`, whose node has ended. Fails the program. */
void crash_subject_load(struct crash_subject *subject, const char *dir);
void crash_subject_free(struct crash_subject *subject);

/* What a cut at `point` left in `dir`; NULL: all is right. The text is this function's own. Changes
 * the directory: the last check is to write on. */
const char *crash_check(const struct crash_subject *subject, const char *dir, size_t point,
                        uint64_t *random);

#endif
