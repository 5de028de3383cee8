/* Inside of the verifier: shared by the files of this room. */
#ifndef TERRACE_REPLICATION_VERIFY_VERIFY_PARTS_H
#define TERRACE_REPLICATION_VERIFY_VERIFY_PARTS_H

#include "replication/core.h"
#include "replication/verify/verify.h"

enum { VERIFY_CACHES = 16 };

/* The chain of the stream whose blocks are being walked. */
struct verify_chain {
    bool begun, known; /* known: its row is here */
    uint8_t key[STREAM_KEY_BYTES];
    struct stream_id id;
    struct stream_head head; /* after the blocks seen so far */
    bool ended;              /* the last entry seen was its close */
    bool broken;             /* said already */
    struct stream_row row;
};

struct verify {
    struct verify_options options;
    struct verify_counts counts;
    uint64_t findings;
    uint64_t hidden;     /* records of which nothing counts: not in the index */
    uint64_t field_rows; /* that records have in indexes by their fields */
    unsigned phase;
    const struct view *view; /* of the step that is going on */
    struct tree *tree;       /* NULL: not read yet, or not readable */
    uint64_t tree_stamp;
    uint8_t from[STORE_KEY_BYTES_MAX + 1]; /* where the phase goes on */
    size_t from_size;                      /* 0: at its beginning */
    struct verify_chain chain;
    struct block_cache caches[VERIFY_CACHES]; /* by stream */
};

/* Tell a finding; `key` is formatted. */
void verify_say(struct verify *verify, enum table table, const char *what, const char *key, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of a row that can't be put into words: its key in hex. */
void verify_say_row(struct verify *verify, enum table table, const char *what, struct span key);
/* The next row of a table from where the phase stands; false: the end. The spans live as the
 * view says; `from` has moved past the row. */
bool verify_next(struct verify *verify, enum table table, struct span *key, struct span *value);
/* "TYPE ID" of a record. */
struct label verify_record_name(const struct verify *verify, uint16_t type,
                                const struct record_id *id);
/* The entry at a place, verified; NULL: not readable. */
const struct prepared_block *verify_block_at(struct verify *verify, const struct stream_id *stream,
                                             uint32_t seq);
/* The stream and place of a locator; false: its author isn't known. */
bool verify_locator(const struct verify *verify, const uint8_t locator[static LOCATOR_BYTES],
                    struct stream_id *stream, uint32_t *seq);
/* The same of the entry itself, which may be a carried one. */
bool verify_entry_at(struct verify *verify, const struct entry_place *place,
                     struct located_entry *located);
/* Whether a row of quarantine stands there: what 'e' entry, 'b' block. */
bool verify_quarantined(const struct verify *verify, char what, const struct stream_id *stream,
                        uint32_t seq);
bool verify_aside(const struct verify *verify, const struct entry_place *place);
/* An author has as many rows of quarantine as it may: further ones may be missing. */
bool verify_quarantine_full(const struct verify *verify, struct key_id author);
/* Whether the tree names this key, or the store was folded knowing that it doesn't. */
bool verify_author(const struct verify *verify, struct key_id id);
/* A record's creation, as its row says; clock UINT64_MAX: nothing of it counts. False: told why
 * not.
 */
bool verify_creation(struct verify *verify, struct span key, uint64_t *clock, bool *deleted);

/* The state of a record, as its row has it; the caller frees it. NULL: it can't be read. */
struct record_state *verify_state(struct verify *verify, const struct record_type *type,
                                  const struct record_id *id,
                                  const uint8_t key[static RECORD_KEY_BYTES]);
/* Whether all its rows in indexes by fields are here; *count: how many it must have. */
bool verify_record_fields(const struct verify *verify, const struct record_type *type,
                          const struct record_id *id, const struct record_state *state,
                          size_t *count);

/* The phases: each one step; false: nothing more of this phase. */
bool verify_documents(struct verify *verify);
bool verify_who(struct verify *verify);
bool verify_meta(struct verify *verify);
bool verify_log(struct verify *verify);
bool verify_streams(struct verify *verify);
bool verify_records(struct verify *verify);
bool verify_tally(struct verify *verify);
bool verify_fields(struct verify *verify);
bool verify_cells(struct verify *verify);
bool verify_notes(struct verify *verify);
/* A row of meta that may be a part of a report, or a report that waits for parts. */
void verify_report_row(struct verify *verify, struct span key, struct span value);
bool verify_parked(struct verify *verify);
bool verify_quarantine(struct verify *verify);

#endif
