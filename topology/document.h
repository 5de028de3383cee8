/* Documents: signed headers over rows (formats.md 2).
 *
 *     document = [header bin, [[key id bin8, signature bin64], ...]] then rows
 *
 * The header is signed; the rows stand under the Merkle root in the header. A document may be
 * held whole, or in part: header, signatures, and single rows with their proofs. The bytes of
 * the header are kept as received and never re-encoded. */
#ifndef TERRACE_TOPOLOGY_DOCUMENT_H
#define TERRACE_TOPOLOGY_DOCUMENT_H

#include "base/error.h"
#include "base/hash.h"
#include "base/limits.h"

enum document_kind {
    DOCUMENT_ROOT = 1,
    DOCUMENT_BRANCH,
    DOCUMENT_TYPES,
    DOCUMENT_DICTIONARY,
    DOCUMENT_ORDER,
};

/* What an order says of a subtree. Each of them also asks everybody in it to answer (roll-call). */
enum order_what { ORDER_EMERGENCY = 1, ORDER_PEACE, ORDER_ROLL_CALL };

const char *order_word(enum order_what order); /* "emergency", "peace", "roll-call" */

/* Public keys of the people who sign, and how many of them must. Borrowed: after decoding the
 * keys lie in the decoded bytes, `stride` bytes apart; read them with admin_key. So a node that
 * holds thousands of rows holds each key once. */
struct admin_keys {
    uint8_t threshold; /* 0: none, has no branch document of its own */
    uint8_t count;     /* <= ADMIN_KEYS_MAX */
    uint8_t stride;    /* bytes from one key to the next */
    const uint8_t *keys;
};
/* From keys that lie side by side, KEY_BYTES each. */
struct admin_keys admin_keys_of(uint8_t threshold, const uint8_t *keys, uint8_t count);
const uint8_t *admin_key(const struct admin_keys *admins, unsigned index); /* index < count */

/* Texts as they stand in a document: one msgpack array of str. Borrowed. */
struct text_list {
    struct span encoded; /* empty: no texts */
    uint8_t count;
};
void text_list_encode(const struct span *texts, size_t count, struct buffer *out);
/* From what text_list_encode wrote; asserts that it is such an array. */
struct text_list text_list_of(struct span encoded);
struct span text_list_at(const struct text_list *list, unsigned index); /* index < count */

/* Up to where a retired or revoked key's stream is trusted: `seq` is the end of a block,
 * `hash` its hash. What is not listed is not trusted. */
struct cut_off {
    uint32_t epoch;
    uint16_t stream;
    uint32_t seq;
    const uint8_t *hash; /* HASH_BYTES, borrowed */
};
void cut_off_encode(const struct cut_off *places, size_t count, struct buffer *out);
/* Place `index` of an encoded list; false past its end. */
bool cut_off_at(struct span encoded, unsigned index, struct cut_off *place);

/* Up to where a retired or revoked key's notes are trusted, epoch by epoch: its statements and its
 * reports up to these numbers (rules.md A27). What is not listed is not trusted. */
struct trusted_notes {
    uint32_t epoch;
    uint64_t statement, report; /* the last k of each; 0: none */
};
void trusted_notes_encode(const struct trusted_notes *notes, size_t count, struct buffer *out);
/* Line `index` of an encoded list; false past its end. */
bool trusted_notes_at(struct span encoded, unsigned index, struct trusted_notes *notes);

/* A seat's parent as decided from above: it counts under `to`, where `to` lists it with this move
 * counter, whatever its former parent has released (rules.md 5, B25). Of a seat that the document
 * lists itself, with this counter or a greater one: what it said when it released the seat, which
 * has come back since (B190). Borrowed. */
struct move_decision {
    struct span seat, to;
    uint64_t counter;
};
void move_decisions_encode(const struct move_decision *decisions, size_t count, struct buffer *out);
/* Decision `index` of an encoded list; false past its end. */
bool move_decision_at(struct span encoded, unsigned index, struct move_decision *decision);

/* A decoded header. Spans, `admins` and `tiers` point into the bytes it was decoded from. */
struct document_header {
    bool first; /* no tree id inside: this is the first root document */
    struct hash tree_id;
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1]; /* whose, of an order for whom; empty for root, types */
    uint64_t term, version;
    bool has_predecessor;
    struct hash predecessor;
    uint64_t issued_ms, expires_ms; /* expires 0: never */
    uint32_t row_count, row_bytes;
    struct hash row_root;  /* zero when no rows */
    struct span decisions; /* root and branch: see move_decision_at; empty: none */
    /* root */
    struct text_list tiers; /* names, from the root down; 1..TIERS_MAX */
    /* Seats of this tier state the figures of all below them as one (rules.md B122); 0: none do. */
    uint8_t fold_tier;
    struct admin_keys admins;
    bool by_hand; /* a new root that the former keys haven't signed (tree_reroot.c) */
    /* The hash of the types document in force when it was signed, HASH_BYTES, borrowed: that counts
     * whatever root keys have signed it. NULL: none. */
    const uint8_t *types;
    /* types */
    uint32_t schema_version;
    /* order: `seat` is the head of the subtree it is for, `version` its serial number */
    enum order_what order;
    uint64_t since_ms; /* of an emergency: when it began; 0: when the order was issued */
};

enum seat_status { SEAT_ACTIVE, SEAT_RETIRED, SEAT_REVOKED, SEAT_RELEASED };

/* A row of a root or branch document: one generation of one seat; a standby machine is a row
 * of its own beside the main one. Keys, lists and spans point into the row's bytes. */
struct seat_row {
    char seat[SEAT_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1];
    uint8_t tier; /* rank of this (seat, generation) */
    uint32_t generation;
    uint8_t signing_key[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    uint64_t term;
    struct admin_keys admins;
    struct text_list endpoints; /* URLs, <= ENDPOINTS_MAX, the first is dialled first */
    struct text_list fallbacks; /* seats to dial when the parent is away, <= FALLBACKS_MAX */
    bool standby;
    enum seat_status status;
    uint64_t moves;      /* rises by one with each change of parent */
    struct span cut_off; /* of a retired or revoked key, see cut_off_at; empty: none */
    struct span notes;   /* of such a key, see trusted_notes_at; empty: none */
    uint8_t seal_key[KEY_BYTES];
    bool has_seal_key;
    struct span released_to; /* SEAT_RELEASED: the seat that may take it; empty: any */
    /* Its people keep the secret; what is sealed to the seat is sealed to it too. KEY_BYTES,
     * borrowed; NULL: none */
    const uint8_t *escrow_key;
};

/* Encode: header fields map from the struct; a seat row. `row_root` etc. must be set. What is
 * within its bounds comes out; anything else is a fault of the caller and asserts. */
void document_header_encode(const struct document_header *header, struct buffer *out);
void seat_row_encode(const struct seat_row *row, struct buffer *out);

/* Decode with every bound checked: ERR_MALFORMED, ERR_OVERSIZE. Unknown numbers >= 0 are
 * ignored; an unknown negative one or an unknown kind: ERR_PARKED. */
enum error_code document_header_decode(struct span bytes, struct document_header *header,
                                       struct error *error);
enum error_code seat_row_decode(struct span bytes, struct seat_row *row, struct error *error);

/* hash(`document`, header bytes): the document's name. And the tree id that a first root
 * document's header gives: hash(`tree`, header bytes), the header having no field 1. */
struct hash document_hash(struct span header_bytes);
struct hash document_tree_id(struct span header_bytes);

/* Order of rows in a document: seat, then generation, then the standby after the main one. */
int seat_row_compare(const struct seat_row *a, const struct seat_row *b);

/* Leaf hash of a row; Merkle root of rows (hash_zero when there are none). */
struct hash document_row_hash(struct span row);
struct hash document_rows_root(const struct span *rows, size_t count);

/* Append `[header bin, [[key id, signature] ...]]` made from header bytes and secrets to
 * `envelope`: signatures sorted by key id, the same secret given twice signs once. No secrets: a
 * document that waits for its first signature. */
void document_sign(struct span header_bytes, const uint8_t (*secrets)[SECRET_BYTES], size_t count,
                   struct buffer *envelope);

/* Take an envelope apart; spans point into it. Checks form only. */
struct document_envelope {
    struct span header;
    struct document_header decoded;
    uint8_t signature_count;
    struct key_id signers[DOCUMENT_SIGNATURES_MAX];
    const uint8_t *signatures[DOCUMENT_SIGNATURES_MAX]; /* SIGNATURE_BYTES each */
};
enum error_code document_open(struct span bytes, struct document_envelope *envelope,
                              struct error *error);
/* Whether at least `admins->threshold` different keys of `admins` signed it. Keys of `admins`
 * that share a key id count for nothing; signatures of other keys are ignored. */
bool document_signed_by(const struct document_envelope *envelope, const struct admin_keys *admins,
                        const struct verifier *verifier);

#endif
