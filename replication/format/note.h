/* Notes: small signed fields maps (formats.md 1, 2, 5): time tokens, heads statements, reports.
 *
 *     note = fields map ‖ 64 signature bytes; signed: hash(context, tree id ‖ map as signed)
 *
 * Newest (epoch, k) of a signer and context wins. Passed on as the bytes received. */
#ifndef TERRACE_REPLICATION_FORMAT_NOTE_H
#define TERRACE_REPLICATION_FORMAT_NOTE_H

#include "replication/format/block.h"

struct note_head {
    struct key_id signer;
    uint32_t epoch;
    uint64_t k; /* for a token: its clock */
};

/* Fields 1-3 of any note, form checked only. */
enum error_code note_read_head(struct span note, enum hash_context context, struct note_head *head,
                               struct error *error);
/* Whether the signature holds under `key` (the caller looked it up by signer). */
bool note_verify(struct span note, enum hash_context context, const struct hash *tree_id,
                 const uint8_t key[static KEY_BYTES], const struct verifier *verifier);
/* hash(context, tree id ‖ map): the note's name. */
struct hash note_hash(struct span note, enum hash_context context, const struct hash *tree_id);
/* Appends 64 signature bytes to `map`, which makes it a note; together <= NOTE_BYTES_MAX. */
void note_sign(struct buffer *map, enum hash_context context, const struct hash *tree_id,
               const uint8_t secret[static SECRET_BYTES], const struct verifier *verifier);

/* Time token: 1 issuer, 2 epoch, 3 clock. */
void token_encode(const struct note_head *head, struct buffer *map);

/* What a statement says of the token its author had: issuer, clock, first 8 bytes of its hash. */
struct token_ref {
    bool present;
    struct key_id issuer;
    uint64_t clock_ms;
    uint8_t hash8[8];
};

/* Heads statement: one line a stream, own-only streams left out. `to` says whom the stream is for,
 * so that a holder that has nothing of it yet can tell that something is withheld: the path's
 * end seat, or the tier of a subtree. */
struct statement_stream {
    uint16_t number;
    uint32_t seq;
    struct hash hash;
    bool subtree;
    uint8_t tier;
    char end[SEAT_BYTES_MAX + 1];
};
/* A stream of this author that ended because its way is the tree's no more: what stood behind `seq`
 * has gone again, by other streams. It is for the seats that its opening names, whatever the tree
 * says of the way by now. */
struct statement_way {
    uint32_t epoch;
    uint16_t number;
    uint32_t seq; /* up to where they must have it; 0: nothing of it any more */
    struct hash hash;
    uint32_t end; /* of all that was written into it: what a cut-off of its key lists */
    struct hash end_hash;
    struct span seats; /* an encoded array of their names; borrowed */
};
enum { STATEMENT_WAYS_MAX = 64, STATEMENT_WAYS_BYTES_MAX = 12 << 10 };
/* An order that its author has heard of (roll-call): the newest one to this seat's subtree. */
struct statement_order {
    struct span seat; /* into the note, or the caller's memory */
    uint64_t serial;
};
struct heads_statement {
    struct note_head head;
    uint64_t clock_ms; /* the author's clock when it signed: a claim */
    struct token_ref token;
    uint64_t report;                  /* k of the last report; 0 none */
    size_t stream_count;              /* <= STATEMENT_STREAMS_MAX, sorted by number */
    struct statement_stream *streams; /* owned; free with statement_free */
    size_t way_count;                 /* <= STATEMENT_WAYS_MAX */
    struct statement_way *ways;       /* owned, the same */
    size_t order_count;               /* those of its seat and of seats above, from the root down */
    struct statement_order orders[TIERS_MAX];
};
/* Whether the stream is for this seat. */
bool statement_way_is_for(const struct statement_way *way, struct span seat);
void statement_encode(const struct heads_statement *statement, struct buffer *map);
enum error_code statement_decode(struct span note, struct heads_statement *statement,
                                 struct error *error);
void statement_free(struct heads_statement *statement);

/* Report of cells: [[roll-up, group array, period, values] ...]. Groups are arrays of values kept
 * encoded; values are signed integers. */
struct cell {
    uint16_t rollup;
    uint32_t period;
    struct span group; /* one encoded array value */
    uint8_t value_count;
    int64_t values[CELL_VALUES_MAX];
    uint64_t changed_ms; /* in the store alone: when this value was heard (rules.md B109) */
};
/* A run of a report's cells that stands outside its note: the note names it by its hash. */
struct report_part {
    struct hash name;
    uint32_t bytes, cells; /* 1..REPORT_PART_BYTES_MAX, 1..REPORT_PART_CELLS_MAX */
};
struct cell_report {
    struct note_head head;
    struct token_ref token;
    size_t cell_count;  /* sorted by (roll-up, period, group bytes), unique; in a note itself <= */
    struct cell *cells; /* REPORT_CELLS_MAX. Owned; groups point into the note, `held`, or the
                         * caller's memory */
    size_t part_count;  /* <= REPORT_PARTS_MAX; 0: the cells stand in the note */
    struct report_part *parts; /* owned; together the cells in their order */
    struct buffer held;        /* the parts' bytes, when they were read in */
};
/* With parts the note names them, and no cell. */
void report_encode(const struct cell_report *report, struct buffer *map);
/* Reads what the note says: of a report in parts no cell. */
enum error_code report_decode(struct span note, struct cell_report *report, struct error *error);
void report_free(struct cell_report *report);
/* A part is the array of its cells; its name is the hash of these bytes. */
void report_part_encode(const struct cell *cells, size_t count, struct buffer *part);
struct hash report_part_name(struct span part);
/* Whether these bytes are what the note names: by their hash, their size, their form. */
bool report_part_fits(const struct report_part *part, struct span bytes);
/* The cells of a report in parts, from `held`, where their bytes stand one after the other. False:
 * they aren't what was named, or not in order. */
bool report_join(struct cell_report *report);
int cell_compare(const struct cell *a, const struct cell *b);

#endif
