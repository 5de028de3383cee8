/* Rows of the store: keys and values of the tables in formats.md 8, read through any view. */
#ifndef TERRACE_REPLICATION_ROWS_ROWS_H
#define TERRACE_REPLICATION_ROWS_ROWS_H

#include "replication/format/carry.h"
#include "replication/format/note.h"
#include "replication/format/plain_block.h"
#include "replication/ports.h"
#include "replication/updates.h"
#include "topology/tree.h"

enum {
    WHO_BYTES = 3,
    RECORD_KEY_BYTES = 9,   /* type 2, who 3, counter 4 */
    LOCATOR_BYTES = 9,      /* who 3, number 2, seq 4 */
    LOCATOR_BYTES_MAX = 11, /* and of a carried entry which of the carry's: 2 */
    STREAM_KEY_BYTES = 5,   /* who 3, number 2 */
    INDEX_KEY_BYTES = 19,   /* index 2, clock 8, record 9 */
    CELL_KEY_BYTES_MAX = 320,
};

/* A stream as this node knows it. */
struct stream_row {
    struct stream_open open;
    struct stream_head head;
    bool closed;
    bool forked;    /* branch 0: there are, or were, others */
    uint8_t parent; /* of another branch: the one that it leaves */
    uint32_t from;  /* and where: its own blocks begin here */
    bool cutting;   /* displaced: its blocks from `cut` on go, by and by */
    uint32_t cut;
};
struct author_epoch stream_author(const struct stream_id *stream);

/* Local numbers for (key id, epoch, branch). who_assign makes one where there is none. */
bool who_find(const struct view *view, const struct author_epoch *author, uint32_t *who);
bool who_author(const struct view *view, uint32_t who, struct author_epoch *author);
uint32_t who_assign(struct updates *updates, const struct author_epoch *author);
/* Whether others' epochs may still take local numbers: some are kept for our own. */
bool who_has_room(const struct view *view);
/* Visits every epoch known of a key, ascending; false from `visit` stops. */
void who_each_epoch(const struct view *view, struct key_id author, void *context,
                    void (*visit)(void *context, uint32_t epoch));
/* The first (key id, epoch) at `author` or behind it that has a number here, in their order: the
 * order of record ids. False: there is none. */
bool who_from(const struct view *view, struct author_epoch *author, uint32_t *who);

/* The public key of an author: from the tree, or as it was once known. False: never known here. */
enum { AUTHOR_ROW_KEY_BYTES = 1 + KEY_ID_BYTES };
bool author_key_read(const struct view *view, const struct tree *tree, struct key_id id,
                     uint8_t public_key[static KEY_BYTES]);
void author_key_keep(struct updates *updates, const struct author *author);
/* How the documents judged an author's key when its entries were folded. No row: in force. */
struct judged_row {
    bool due; /* its entries are still to be folded anew */
    uint8_t size;
    uint8_t judged[1 + HASH_BYTES];
};
bool judged_row_read(const struct view *view, struct key_id id, struct judged_row *row);
void judged_row_write(struct updates *updates, struct key_id id, const struct judged_row *row);
/* The next author with such a row; begin with *from_size = 0. */
bool judged_row_next(const struct view *view, uint8_t from[static AUTHOR_ROW_KEY_BYTES + 1],
                     size_t *from_size, struct key_id *id);

bool stream_row_read(const struct view *view, const struct stream_id *stream,
                     struct stream_row *row);
bool stream_row_decode(struct span value, struct stream_row *row);
void stream_row_write(struct updates *updates, const struct stream_id *stream,
                      const struct stream_row *row);
void stream_row_remove(struct updates *updates, const struct stream_id *stream);
/* Visit all streams, and each branch of a forked one, in key order: false at the end. Start with
 * *cursor = 0. */
bool stream_row_next(const struct view *view, uint64_t *cursor, struct stream_id *stream,
                     struct stream_row *row);

/* Stored blocks: put one; read the stored bytes of the one that holds entry `seq`. */
void block_row_put(struct updates *updates, const struct stream_id *stream, uint32_t seq,
                   struct span stored);
enum read_answer block_row_get(const struct view *view, const struct stream_id *stream,
                               uint32_t seq, uint32_t *first_seq, struct buffer *stored);
/* Whether a stored block begins at `seq`. */
bool block_row_begins(const struct view *view, const struct stream_id *stream, uint32_t seq);
void block_row_remove(struct updates *updates, const struct stream_id *stream, uint32_t seq);
/* The seq after the block that begins at `first`; `head_seq` when it is the last of the chain. */
uint32_t block_row_end(const struct view *view, const struct stream_id *stream, uint32_t first,
                       uint32_t head_seq);
/* The stored block that holds entry `seq`, opened and verified. */
enum error_code block_row_open(const struct view *view, const struct tree *tree,
                               const struct stream_id *stream, uint32_t seq,
                               struct prepared_block *block);

/* An entry with what is left of its erased body: see left_of. */
struct left_entry {
    struct entry entry;
    struct buffer rest;
};

/* The last block opened, and the last carry entry in it, kept, since reads and edits tend to fall
 * on the entries of one block. Zero-initialised: empty. */
struct block_cache {
    const struct prepared_block *block; /* NULL: none is open */
    struct prepared_block own;          /* where the view has no memory; else in it: */
    struct block_memory *memory;
    struct remembered_block *remembered;
    struct carry *carry; /* NULL: none */
    uint32_t carry_seq;
    struct left_entry left; /* of the last entry read whose body is erased */
    /* The text of one, instead of a block, and the entry of it that was read last. */
    struct plain_block *text; /* NULL: none; `own_text`, or in the view's memory */
    struct plain_block own_text;
    struct remembered_block *remembered_text;
    struct stream_id text_stream;
    uint32_t text_seq;
    struct entry_list one;
    struct hash digest;
    const struct block_cache *beside; /* is looked into first; borrowed, NULL: none */
};
void block_cache_free(struct block_cache *cache); /* leaves it empty */
/* As block_row_open; the block belongs to the cache and dies at the next call. NULL: not readable.
 */
const struct prepared_block *block_cache_open(struct block_cache *cache, const struct view *view,
                                              const struct tree *tree,
                                              const struct stream_id *stream, uint32_t seq);

/* What a row keeps of its creation's digest. The whole block was verified when the row was written;
 * by this an entry proves itself again without the others. */
static inline uint64_t digest_check(const struct hash *digest)
{
    return read_u64(digest->bytes);
}
struct located_entry;
/* One clear entry of a stored block, where its digest is what `check` says; it belongs to the cache
 * and dies at its next use. False: it isn't so, or a whole block is open already; nothing is wrong
 * for that: block_cache_open knows. */
bool block_cache_entry(struct block_cache *cache, const struct view *view, const struct tree *tree,
                       const struct stream_id *stream, uint32_t seq, uint64_t check,
                       struct located_entry *located);

/* Record keys. False: the author is not known here, so the record is not either. */
bool record_key(const struct view *view, uint16_t type, const struct record_id *id,
                uint8_t key[static RECORD_KEY_BYTES]);
bool record_key_parse(const struct view *view, struct span key, uint16_t *type,
                      struct record_id *id);
void index_key(uint8_t key[static INDEX_KEY_BYTES], uint64_t clock,
               const uint8_t record[static RECORD_KEY_BYTES]);

/* A record's row: a locator while its creation is all there is, else the whole state. */
struct record_row {
    bool present;
    bool located; /* only `stream`, `branch`, `seq` of the creation, and `check` */
    bool checked; /* false: an earlier program wrote it, without a check */
    uint16_t stream;
    uint8_t branch;
    uint32_t seq;
    uint64_t check;             /* digest_check of the creation */
    struct record_state *state; /* owned; NULL when located */
};
enum error_code record_row_read(const struct view *view, const uint8_t key[static RECORD_KEY_BYTES],
                                struct record_row *row);
void record_row_write_located(struct updates *updates, const uint8_t key[static RECORD_KEY_BYTES],
                              uint16_t stream, uint8_t branch, uint32_t seq,
                              const struct hash *digest);

/* An entry with its author, ready to be judged: author, stream and seq are where its author wrote
 * it.
 */
struct located_entry {
    struct author_epoch author;
    uint16_t stream;
    uint32_t seq;
    const struct entry *entry;
    const struct hash *digest;
    bool made_here; /* in this step, by the schema in force: its body needs no verdict */
    bool carried;   /* its bytes lie in another's carry entry */
    bool again;     /* it has been judged before */
    struct carrier carrier;
    const struct stream_open *open; /* of a carried creation: its stream's opening, proved */
};

/* Where the bytes of an entry lie here. */
struct entry_place {
    struct stream_id stream;
    uint32_t seq;
    bool carried; /* in the carry entry there */
    uint16_t index;
};
struct entry_place located_place(const struct located_entry *located);
struct entry_place operation_place(const struct operation *op);
bool entry_place_equal(const struct entry_place *a, const struct entry_place *b);
/* Its locator, LOCATOR_BYTES or LOCATOR_BYTES_MAX; 0: its stream's author has no number here. */
size_t entry_place_locator(const struct view *view, const struct entry_place *place,
                           uint8_t locator[static LOCATOR_BYTES_MAX]);
/* The locator that a row of `parked` ends in; empty: its key isn't in its form. */
struct span parked_locator(struct span key);
bool entry_place_parse(const struct view *view, struct span locator, struct entry_place *place);

/* The entry at a place, from blocks and proofs that verify, as it counts (left_of); it belongs to
 * the cache and dies at its next use. False: not readable, or what was carried doesn't prove
 * itself. */
bool entry_open(struct block_cache *cache, const struct view *view, const struct tree *tree,
                const struct entry_place *place, struct located_entry *located);
/* What a carry entry holds. ERR_UNKNOWN_KEY: by whom isn't known here; ERR_FORGED, ERR_MALFORMED:
 * not what its author signed. The carry belongs to the caller; its spans point into the body. */
enum error_code carry_entry_open(const struct view *view, const struct tree *tree,
                                 const struct entry *entry, struct carry *carry);
/* One of the entries that a carry holds; `at`: where that stands. */
struct located_entry carried_entry(const struct carry *carry, const struct entry_place *at,
                                   size_t index);
/* The operation that an entry is. The context is borrowed from the entry. */
struct operation operation_of(const struct located_entry *located, uint8_t rank);
/* The step that the body of an admitted write takes, into the operation. */
void operation_take_step(struct operation *op, const struct record_type *type, struct span body);
/* What a body says of deletion: operation.deletes. */
uint8_t body_deletes(struct span body);
/* The verdict on a body: of an extension extension_check's, of a write schema_check_fields's by the
 * type as it was `then`; and that a companion's writes are salted, and nothing else is. */
enum error_code entry_check_body(const struct entry *entry, const struct record_type *type,
                                 const struct record_type *then, bool creating);

/* State of a record that is only located: folds the creation's entry. NULL: not readable, or not
 * that record's. */
struct record_state *record_from_creation(struct block_cache *cache, const struct view *view,
                                          const struct tree *tree, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row);
/* The same from the entry itself. */
struct record_state *record_from_entry(const struct tree *tree, const struct record_type *type,
                                       const struct record_id *id,
                                       const struct located_entry *located);

/* Whether an entry begins its record: the first of the author that the id names, in its epoch; a
 * companion is begun by any key of that author's seat, in any epoch (rules.md B92). */
enum beginning {
    BEGINS_NOT,
    BEGINS,
    BEGINS_WHO_KNOWS, /* no document held here names the author of the id */
};
enum beginning entry_begins(const struct tree *tree, const struct record_type *type,
                            const struct entry *entry, const struct author_epoch *author);
/* The same of an operation that stands in the record. */
bool operation_begins(const struct operation *op, const struct record_id *id);
/* Of two that begin it: whether `a` is the one that says when it was made. */
bool operation_made_before(const struct operation *a, const struct operation *b);

/* The operation that made the record: of several creations the admitted one with the earliest
 * clock, where the index has it. Borrowed; NULL: none is here. */
const struct operation *record_creation(const struct record_state *state,
                                        const struct record_id *id);

/* Whether a record counts: something in it is admitted. Of a creation that is excluded the state
 * stays, so that what saw it can be judged; nobody is shown it. */
bool record_stands(const struct record_state *state);

/* How many rows of the index are companions': meta 'companions' -> u64. What people call records
 * are the others. */
uint64_t companions_row_read(const struct view *view);
void companions_row_add(struct updates *updates, const struct view *view, int change);

/* Whether a stream's holders include the seat (rules.md 2, 3). */
bool stream_holds(const struct stream_row *row, const struct seat *author, const struct seat *seat);

/* Cells: roll-up 2, period 4, group, origin 8 -> report number and values. */
size_t cell_key(uint8_t key[static CELL_KEY_BYTES_MAX], const struct cell *cell,
                struct key_id origin); /* 0: the group is too long */
bool cell_parse(struct span key, struct span value, struct cell *cell, struct key_id *origin,
                uint64_t *report);
void cell_value_encode(const struct cell *cell, uint64_t report, struct buffer *out);

/* Notes: newest (epoch, k) of a signer and context; heads statements one an epoch. */
size_t note_key(uint8_t key[static 16], enum hash_context context, struct key_id signer,
                uint32_t epoch);
enum { NOTE_KEY_BYTES_MAX = 16 };

/* The last row of this import that was decided; 0: none. */
enum { IMPORT_KEY_BYTES = 1 + HASH_BYTES };
uint64_t import_row_read(const struct view *view, struct span name);
void import_row_write(struct updates *updates, struct span name, uint64_t row);

/* Which operation writes an entry again that stands behind its author's cut-off: 'e' ‖ digest ->
 * type 2 ‖ record 16 ‖ key id 8 ‖ epoch 4 ‖ n 4, the newest known here. A hint: whether that
 * operation stands must be looked up. False: none is known. */
enum { ENDORSED_KEY_BYTES = 1 + HASH_BYTES };
struct endorsed_row {
    uint16_t type;
    struct record_id record;
    struct dot by;
};
bool endorsed_row_read(const struct view *view, const struct hash *digest,
                       struct endorsed_row *row);
void endorsed_row_write(struct updates *updates, const struct hash *digest,
                        const struct endorsed_row *row);
/* What an admitted operation writes again, so that others can't count it any more. */
void endorsed_rows_remember(struct updates *updates, const struct entry *entry,
                            const struct operation *op);

/* Operations whose bodies are erased: 'x' ‖ digest ‖ digest of the erase entry -> type 2 ‖ record
 * 16 ‖ what is left of the body. For ever: an erasure isn't taken back. put: false: it is there. */
bool erased_row_put(struct updates *updates, const struct entry *by, const struct hash *by_digest,
                    const struct hash *digest, struct span rest);
/* Whether the body of this entry is erased; *rest: of several the one whose erase entry has the
 * least digest. Dies at the next put. */
bool erased_row_read(const struct view *view, const struct entry *entry, const struct hash *digest,
                     struct span *rest);
bool erased_rows_any(const struct view *view);
/* The entry as it counts: itself, or, where its body is erased, with what is left of it, as a hole;
 * the latter lies in `left`, which was zeros at first, and is freed by the caller. */
const struct entry *left_of(const struct view *view, const struct entry *entry,
                            const struct hash *digest, struct left_entry *left);
void left_entry_free(struct left_entry *left);
/* Sealed entries of which only a part is left: 'S' ‖ leaf ‖ key id of who says so -> clock of the
 * strike 8 ‖ its locator ‖ which of its elements 2. */
struct struck_row {
    uint64_t clock;
    struct entry_place place; /* of the strike entry */
    uint16_t index;
};
/* False: it, or a later word of the same author, stands there already. */
bool struck_row_put(struct updates *updates, const struct hash *leaf, uint64_t clock,
                    const struct entry_place *place, uint16_t index);
/* All rows of a leaf, by *cursor, which begins at 0. */
bool struck_row_next(const struct view *view, const struct hash *leaf, uint32_t *cursor,
                     struct struck_row *row);

/* How far copies have been looked for: the row 'X', absent when all have. */
struct erasing_row {
    bool again;                         /* more was erased since this search began */
    uint8_t from[STREAM_KEY_BYTES + 4]; /* the block that is next: its stream and place */
};
bool erasing_row_read(const struct view *view, struct erasing_row *row);
void erasing_row_write(struct updates *updates, const struct erasing_row *row);
/* The search has ended: 'Y' says that what the store has freed may still hold erased bytes. */
void erasing_row_remove(struct updates *updates);
enum { ROW_FREED = 'Y' };

/* What came when (arrival_rows.c): entries seq .. seq + count - 1 of a stream, but those that had
 * to wait. */
enum { ARRIVALS_MAX = 1 << 16 };
struct arrival {
    uint64_t n;    /* from 0 */
    uint32_t life; /* of the store: another one after it was restored or made anew */
    struct stream_id stream;
    uint32_t seq;
    uint16_t count;
    struct span left_out; /* places after seq, 2 bytes each; with ARRIVAL_CARRIED there of the carry
                           * entry the one that stands in the 2 bytes behind, or, with ARRIVAL_ONLY
                           * there, all others */
};
enum { ARRIVAL_CARRIED = 0x8000, ARRIVAL_ONLY = 0x8000 };
/* The row that stands where number `n` belongs: its own number may be a later or earlier lap's. */
bool arrival_read(const struct view *view, uint64_t n, struct arrival *arrival);
bool arrival_leaves_out(const struct arrival *arrival, uint32_t seq);
/* The same of one of the entries that the carry entry at `seq` holds. */
bool arrival_leaves_out_carried(const struct arrival *arrival, uint32_t seq, size_t index);
void arrival_write(struct updates *updates, const struct arrival *arrival);
uint64_t arrivals_end(const struct view *view); /* the next number to be given */

/* What a peer was last known to hold of a stream: a hint, kept when a link goes down. `generation`
 * is the seat's by the tree: what a former machine held says nothing of the present one (*seq: 0).
 */
void mark_row_put(struct updates *updates, const char *seat, uint32_t generation,
                  const struct stream_id *stream, uint32_t seq);
bool mark_row_read(const struct view *view, const char *seat, uint32_t generation,
                   const struct stream_id *stream, uint32_t *seq);

/* Time of the newest token held; 0: none. */
uint64_t newest_token_ms(const struct view *view);

/* When the state that a record is in is overdue (deadline_rows.c), and when this seat looks whether
 * it has to write the rise; 0: not (any more). No row: due_ms 0. */
struct deadline_row {
    uint64_t due_ms, look_ms;
};
struct deadline_row deadline_row_read(const struct view *view,
                                      const uint8_t record[static RECORD_KEY_BYTES]);
/* False: it says so already. */
bool deadline_row_write(struct updates *updates, const uint8_t record[static RECORD_KEY_BYTES],
                        struct deadline_row row);
/* The next one by time behind a place (empty: the first): its time 8 ‖ record 9. */
enum { DEADLINE_PLACE_BYTES = 8 + RECORD_KEY_BYTES };
enum deadline_order { DEADLINE_DUE = 'v', DEADLINE_LOOK = 'n' };
bool deadline_row_next(const struct view *view, enum deadline_order order, struct span behind,
                       uint8_t place[static DEADLINE_PLACE_BYTES]);
/* The next one by record behind one (empty: the first). */
bool deadline_limit_next(const struct view *view, struct span behind,
                         uint8_t record[static RECORD_KEY_BYTES]);

/* Short names for logs: "SEAT:ORDINAL", "SEAT:ORDINAL/NUMBER", "SEAT:ORDINAL#COUNTER". */
struct label {
    char text[96];
};
struct label label_author(const struct tree *tree, const struct author_epoch *author);
struct label label_stream(const struct tree *tree, const struct stream_id *stream);
struct label label_record(const struct tree *tree, const struct record_id *id);
struct label label_dot(const struct tree *tree, const struct dot *dot);

#endif
