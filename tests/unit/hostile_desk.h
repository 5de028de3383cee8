/* A desk for hostile peers: one real drive over a memory store, and links whose other ends are
 * the test's own. The test knows every key of the county, so it says whatever a stolen machine
 * could say: any bytes, any message, any block and note signed by the key that was stolen.
 *
 *     C - T1 - V1, V2      the victim is usually T1: V1 is a hostile child, C a hostile parent
 *       - T2 - V3 */
#ifndef TERRACE_TESTS_UNIT_HOSTILE_DESK_H
#define TERRACE_TESTS_UNIT_HOSTILE_DESK_H

#include "base/msgpack.h"
#include "replication/drive.h"
#include "sim/world/county.h"
#include "sim/world/memory_store.h"

enum desk_seat { SEAT_C, SEAT_T1, SEAT_T2, SEAT_V1, SEAT_V2, SEAT_V3, DESK_SEATS };

/* The county's types: mediation (origin), incident (path), directive (subtree), survey (path). */
enum desk_type { TYPE_MEDIATION = 1, TYPE_INCIDENT, TYPE_DIRECTIVE, TYPE_SURVEY };

/* Message types, as on the wire (formats.md 6). */
enum desk_message {
    SAY_HELLO = 1,
    SAY_HAVE,
    SAY_DOCUMENT,
    SAY_ROWS,
    SAY_DIGEST,
    SAY_HEADS,
    SAY_WANT,
    SAY_BLOCK,
    SAY_CREDIT,
    SAY_MARK,
    SAY_STATEMENT,
    SAY_REPORT = 13,
    SAY_TOKEN,
    SAY_BYE = 17,
    SAY_NOTES = 19,
    SAY_WANTED,
    SAY_NOTED,
    SAY_PARTS_WANTED = 29,
    SAY_PART,
};

struct heard { /* what the victim sent in the last batch */
    uint32_t link;
    enum channel channel;
    uint8_t type;
    bool closes;
    struct buffer body;
};

struct desk {
    const struct county *county;
    size_t victim;
    struct memory_store *store;
    struct store_port port;
    struct replica_options options;
    struct drive *drive;
    uint64_t tick_ms, wall_ms;
    uint32_t next_link;
    struct event *events; /* of the next batch */
    struct buffer *bodies;
    size_t event_count;
    struct heard *heard;
    size_t heard_count;
    struct answer answer; /* the last one */
    enum error_code code; /* of the last batch */
};

/* One county for all desks of a process. */
const struct county *desk_county(void);
/* A victim that holds the county's documents and nothing else. Free with desk_free. */
struct desk *desk_new(enum desk_seat victim, const struct replica_tuning *tuning);
/* The same over a store of the caller's, which the desk then owns; the drive may refuse it. */
struct desk *desk_over(enum desk_seat victim, const struct replica_tuning *tuning,
                       struct memory_store *store, enum error_code *code);
void desk_free(struct desk *desk);

/* A victim that was given only this many of its documents: root, then parents before children. */
struct desk *desk_with_documents(enum desk_seat victim, size_t count);
/* The next version of a seat's branch document, with one child's row changed by `change`, signed by
 * the seat's admin; author_document_clear it. */
struct author_document desk_branch(enum desk_seat seat, enum desk_seat child,
                                   void (*change)(struct seat_row *row));
void desk_give(struct desk *desk,
               const struct author_document *document); /* on its own disk; run */

/* Events gather until desk_run; bytes are copied. */
void desk_say(struct desk *desk, uint32_t link, enum channel channel, uint8_t type,
              struct span body);
void desk_say_buffer(struct desk *desk, uint32_t link, enum channel channel, uint8_t type,
                     struct buffer *body); /* frees the body */
void desk_event(struct desk *desk, const struct event *event);
enum error_code desk_run(struct desk *desk);    /* one batch; forgets what was heard before */
void desk_wait(struct desk *desk, uint64_t ms); /* time passes; one batch */
void desk_put(struct desk *desk, const char *type, const char *title); /* a local write; run */
void desk_set(struct desk *desk, const char *type, const struct record_id *record,
              const char *title); /* another; run */

size_t desk_count(const struct desk *desk, uint32_t link, uint8_t type);
size_t desk_heard_bytes(const struct desk *desk, uint32_t link);
const struct heard *desk_find(const struct desk *desk, uint32_t link, uint8_t type);
bool desk_closed(const struct desk *desk, uint32_t link); /* the victim has closed the link */
const struct refusals *desk_refusals(const struct desk *desk);
/* State of the session as status shows it; "" when there is none. */
const char *desk_state(const struct desk *desk, uint32_t link);
size_t desk_rows(const struct desk *desk, enum table table);
/* Bytes that the process has allocated and not freed. */
size_t desk_heap_bytes(void);

/* A link whose peer has this seat's link key; up, nothing said. */
uint32_t desk_link(struct desk *desk, enum desk_seat peer);
void desk_hello(struct desk *desk, uint32_t link, enum desk_seat peer);
/* All the way: greeted, compared, live; the peer is known to hold nothing. */
uint32_t desk_live(struct desk *desk, enum desk_seat peer);

/* ---- what a stolen key signs ---- */

/* Plain text of a block, entry by entry, in any form. */
struct block_text {
    struct buffer entries, authors;
    uint32_t count, author_count, schema_version;
};
void text_free(struct block_text *text);
/* The place of an author in the table. */
uint32_t text_author(struct block_text *text, struct key_id author, uint32_t epoch);

struct text_entry {
    unsigned kind, type;
    int64_t clock_difference;
    int64_t counter;         /* own record: minus that of the last one in the block */
    uint32_t record_author;  /* else place in the table, and */
    uint32_t record_counter; /* the counter */
    struct span body;
    uint32_t n;
    uint32_t context_places[64], context_ns[64];
    size_t context_count;
};
void text_add(struct block_text *text, const struct text_entry *entry);

/* The text as bytes, emptied. */
struct buffer text_plain(struct block_text *text);

/* A stream that a stolen key writes. */
struct signer {
    const struct county_seat *seat; /* NULL: of another county */
    const uint8_t *signing_key, *signing_secret;
    const struct hash *tree_id;
    struct stream_id stream;
    struct stream_head head;
    enum channel channel;
    uint32_t handle;
    bool named;
    uint64_t clock_ms;
};
struct signer signer_of(enum desk_seat seat, uint32_t epoch, uint16_t number,
                        enum record_class class, uint32_t handle);
/* The same with keys from elsewhere, which must outlive it. */
struct signer signer_with(const uint8_t *signing_key, const uint8_t *signing_secret,
                          const struct hash *tree_id, const struct stream_id *stream,
                          enum record_class class, uint32_t handle);
/* The opening of a stream: NULL ends the path; no seat: the author alone. */
void text_open_path(struct block_text *text, enum record_class class, const char *const *seats);
void text_open_subtree(struct block_text *text, enum record_class class, unsigned tier);
/* Signs the text as the stream's next block, advances the head, frees the text. */
void signer_sign(struct signer *signer, struct block_text *text, struct prepared_block *block);
/* The bytes of message 8 for that block: its stream is named the first time. */
void signer_message(struct signer *signer, const struct prepared_block *block, unsigned flags,
                    struct buffer *body);
/* Both, and says it. */
void signer_say(struct desk *desk, uint32_t link, struct signer *signer, struct block_text *text);
/* Opens a path stream to the root, in a block of its own. */
void signer_say_open(struct desk *desk, uint32_t link, struct signer *signer);

/* A document and all its rows; run. */
void desk_offer_rows(struct desk *desk, uint32_t link, struct span envelope,
                     const struct span *rows, size_t count);
/* The seat's branch document of today; run. */
void desk_offer_branch(struct desk *desk, uint32_t link, enum desk_seat seat);

/* ---- what V1 often says ---- */

enum { DESK_EPOCH = 1 << 16 | 5 };
/* Opens its path stream 1 and creates incident 1 there; run. */
struct signer desk_incident(struct desk *desk, uint32_t link);
/* Operations first.. on that incident, each on from the one before, in one block; run. */
void desk_edits(struct desk *desk, uint32_t link, struct signer *v1, uint32_t first,
                uint32_t count);
/* A heads statement without streams. */
void desk_statement(struct desk *desk, uint32_t link, uint32_t epoch, uint64_t k);

/* A fields map {1: title}. */
struct span body_of_title(struct buffer *body, const char *title);

/* Signs `map` as a note by this seat. */
void note_by(enum desk_seat seat, enum hash_context context, struct buffer *map);

#endif
