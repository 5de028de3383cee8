/* Entries: one operation each, and the plain text of a block that holds a run of them
 * (formats.md 4).
 *
 *     plain = schema version u, author table [bin12 ...], count u, entries
 *     entry = [kind, type, clock difference, record, body, n, context]
 *
 * A decoded entry is absolute: nothing in it depends on its block. Its digest is the same in
 * every stream. */
#ifndef TERRACE_REPLICATION_FORMAT_ENTRY_H
#define TERRACE_REPLICATION_FORMAT_ENTRY_H

#include "base/seal.h"
#include "schema/record.h"

enum entry_kind {
    ENTRY_OPEN,
    ENTRY_WRITE,
    ENTRY_EXTEND,
    ENTRY_CARRY,
    ENTRY_ERASE,
    ENTRY_CLOSE,
    ENTRY_STRIKE, /* what is left of sealed entries that stand in streams of its author's seat */
};
enum { ENTRY_SEALED = UINT8_MAX }; /* in memory: the kind of what can't be read here */

/* Open, close and strike speak of streams, not of a record, and are never sealed. */
static inline bool entry_kind_of_stream(uint8_t kind)
{
    return kind == ENTRY_OPEN || kind == ENTRY_CLOSE || kind == ENTRY_STRIKE;
}

/* SHUT: sealed to others, or not to be opened. */
enum entry_seal { ENTRY_CLEAR, ENTRY_OPENED, ENTRY_SHUT };

/* key id 8 ‖ epoch: who signs a block. */
struct author_epoch {
    struct key_id author;
    uint32_t epoch;
    uint8_t branch; /* whose streams are meant, see struct stream_id; 0 for the epoch itself */
};

struct entry {
    uint8_t kind;  /* enum entry_kind, or a number not known here: `strange` is set then */
    bool strange;  /* unknown kind, or further elements: to be parked */
    uint16_t type; /* 0 for open, close and strike */
    uint64_t clock;
    uint32_t schema_version;
    bool has_record; /* false for open, close and strike */
    struct record_id record;
    uint32_t n;            /* 0 for open and close in the encoder means 1 */
    struct span body;      /* one value; points into the plain text; of a hole what is left of it */
    struct hash body_hash; /* of the body, or what stands in a hole */
    bool hole;             /* the body is erased: [bin32] stands there */
    bool holed;            /* of a carry: something that it holds is; `body_hash` is of the carry as
                            * it was: [bin32, body] stands there */
    struct span further;   /* encoded further elements, covered by the digest; usually empty */
    struct dot *context;   /* sorted; owned by the entry list */
    size_t context_count;
    /* In a sealed stream. While it isn't opened there is nothing else than a clock that it doesn't
     * say itself: that of the last clear entry before it, or its block's. */
    uint8_t seal;               /* enum entry_seal */
    struct span sealed;         /* its bytes as they stand; empty: clear */
    const uint8_t *content_key; /* ENTRY_OPENED: opens this one, for others too */
};

struct entry_list {
    uint32_t schema_version;
    struct entry *entries;
    size_t count;
    struct dot *contexts; /* all contexts, one allocation */
};
void entry_list_free(struct entry_list *list); /* leaves an empty list */

/* Writer of one block's plain text: add entries until it says full, then finish. The clock of
 * the first entry is the block's clock. */
struct entry_writer;
struct entry_writer *entry_writer_new(const struct author_epoch *self,
                                      const uint8_t key[static KEY_BYTES], uint32_t schema_version);
void entry_writer_free(struct entry_writer *writer);
/* Clock differences begin at this clock: for a writer whose text is a part of a block. */
void entry_writer_begin_at(struct entry_writer *writer, uint64_t clock);
/* False (and nothing added) when the entry needs another block: BLOCK_ENTRIES_USUAL,
 * BLOCK_PLAIN_BYTES_USUAL or the author table would be passed, or another schema version. An entry
 * alone always fits if its body <= ENTRY_BYTES_MAX less its head. */
bool entry_writer_add(struct entry_writer *writer, const struct entry *entry);
/* The same for an entry that stands there sealed: `entry` is what is in it, or what is known of it
 * (ENTRY_SHUT); entry_writer_at gives a copy of it. */
bool entry_writer_add_sealed(struct entry_writer *writer, const struct entry *entry,
                             struct span sealed);
size_t entry_writer_count(const struct entry_writer *writer);
uint64_t entry_writer_clock(const struct entry_writer *writer);
/* Digests of the entries added, in order. */
const struct hash *entry_writer_digests(const struct entry_writer *writer);
/* And the leaves of the block's Merkle tree: digests, but of what is sealed the hash of its bytes.
 */
const struct hash *entry_writer_leaves(const struct entry_writer *writer);
/* Entry i as added (body points into the writer). For reading back before the block is closed. */
const struct entry *entry_writer_at(const struct entry_writer *writer, size_t index);
/* Appends the plain text. */
void entry_writer_finish(const struct entry_writer *writer, struct buffer *plain);

/* Decode a plain text of `self`'s block with block clock `clock`. Every bound checked;
 * ERR_MALFORMED when anything is not as it should be. Spans point into `plain`, which must outlive
 * the list. */
enum error_code entry_list_decode(struct span plain, const struct author_epoch *self,
                                  uint64_t clock, struct entry_list *list, struct error *error);

/* The digest of an entry by the author with this public key, in this epoch. */
struct hash entry_digest(const struct entry *entry, const uint8_t key[static KEY_BYTES],
                         uint32_t epoch);
struct hash entry_body_hash(struct span body);

/* A salted body, [salt bin16, fields map]: what no guess at the fields can be tried on, once the
 * body is gone and its hash stays. Writes to companions have one, and nothing else does. */
enum { BODY_SALT_BYTES = 16 };
void body_salted(const uint8_t salt[static BODY_SALT_BYTES], struct span fields,
                 struct buffer *body);
bool entry_is_salted(const struct entry *entry);
/* The fields map of a body, salted or not; of any other body the body itself. */
struct span entry_fields(const struct entry *entry);

struct dot entry_dot(const struct entry *entry, const struct author_epoch *self);

/* Which record an operation belongs to names its author: */
bool record_id_names(const struct record_id *record, const struct author_epoch *author);
struct record_id record_id_make(const struct author_epoch *author, uint32_t counter);
struct author_epoch record_id_author(const struct record_id *record);
uint32_t record_id_counter(const struct record_id *record);

/* What a stream's first entry says (body of ENTRY_OPEN). */
enum holders_kind { HOLDERS_SELF, HOLDERS_PATH, HOLDERS_SUBTREE };
struct stream_open {
    uint8_t class;   /* enum record_class */
    uint8_t holders; /* enum holders_kind */
    uint8_t tier;    /* subtree: down to this tier */
    uint8_t seat_count;
    char seats[HOLDERS_MAX][SEAT_BYTES_MAX + 1]; /* path: the author's seat first */
    /* path: the seat whose keys read it, and the author's own; "": clear. The path's end, or of a
     * backup, whose path is the author's seat and its parent, the author's own. */
    char sealed_to[SEAT_BYTES_MAX + 1];
    uint8_t reader_count; /* keys that it is sealed to; another key is another stream */
    struct key_id readers[SEAL_READERS_MAX];
    bool continues;
    uint32_t continues_epoch;
    uint16_t continues_number;
    uint32_t continues_seq;
    struct hash continues_hash;
    /* in stream 1 of an epoch (rules.md A15) */
    uint8_t epoch_count; /* epochs of this key known before, the newest HOLDERS_MAX */
    uint32_t epochs[HOLDERS_MAX];
    bool has_instance;
    uint8_t instance[8];
};
/* What its author's seat alone holds, in copy at the parent, which can't read it. */
bool stream_is_backup(const struct stream_open *open);
void stream_open_encode(const struct stream_open *open, struct buffer *body);
enum error_code stream_open_decode(struct span body, struct stream_open *open, struct error *error);

#endif
