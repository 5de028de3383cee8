/* Inside of the salvage: shared by its files. */
#ifndef TERRACE_REPLICATION_SALVAGE_SALVAGE_PARTS_H
#define TERRACE_REPLICATION_SALVAGE_SALVAGE_PARTS_H

#include "replication/core.h"
#include "replication/rows/report_rows.h"
#include "replication/salvage/salvage.h"

/* A small row, kept whole. */
struct kept_row {
    struct buffer key, value;
};
struct kept_rows {
    struct kept_row *rows;
    size_t count, capacity;
};

/* A piece of a block: its bytes stay where they are. */
struct piece {
    uint8_t key[LOCATOR_BYTES + 1];
    uint16_t size;
    uint32_t check; /* of its bytes: copies of one piece count once */
    uint64_t place;
};

struct author_guess {
    uint32_t who;
    struct author_epoch author;
};

struct salvage {
    struct salvage_options options;
    struct key_id own;
    struct kept_rows documents, notes, selves, requests, streams;
    struct kept_rows parts; /* of reports */
    struct kept_rows keys;  /* public ones, which prove their own ids */
    struct piece *pieces;
    size_t piece_count, piece_capacity;
    struct author_guess *guesses; /* by number, as rows of `who` said */
    size_t guess_count, guess_capacity;
    struct tree *tree;
    const struct store_port *port;
    struct updates *updates;
    size_t batch_bytes;
    enum error_code code; /* the first failure */
    struct salvage_counts counts;
};

/* Rows put so far in this step go to the store; a commit when there are many, or at the `end`. */
void salvage_put(struct salvage *salvage, bool end);
const struct view *salvage_view(struct salvage *salvage); /* what has been written so far */
void salvage_documents(struct salvage *salvage);          /* makes the tree, writes its rows */
void salvage_blocks(struct salvage *salvage);
void salvage_notes(struct salvage *salvage);
/* The public key of an author: by the tree, our own, or, of one whom no document names just now, as
 * it was once known. NULL: not known. */
const uint8_t *salvage_key(const struct salvage *salvage, struct key_id id);
void guess_add(struct salvage *salvage, uint32_t who, const struct author_epoch *author);
/* Marks a gap: something that was here is missing from this place on. */
void salvage_mark_gap(struct salvage *salvage, const struct stream_id *stream, uint32_t seq);

#endif
