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

struct admin_keys {
    uint8_t threshold; /* 0: none, has no branch document of its own */
    uint8_t count;
    uint8_t keys[ADMIN_KEYS_MAX][KEY_BYTES];
};

struct document_header {
    bool first; /* no tree id inside: this is the first root document */
    struct hash tree_id;
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1]; /* whose; empty for root, types, dictionary */
    uint64_t term, version;
    bool has_predecessor;
    struct hash predecessor;
    uint64_t issued_ms, expires_ms; /* expires 0: never */
    uint32_t row_count, row_bytes;
    struct hash row_root; /* zero when no rows */
    /* root */
    char tiers[TIERS_MAX][SEAT_BYTES_MAX + 1];
    uint8_t tier_count;
    struct admin_keys admins;
    /* types */
    uint32_t schema_version;
};

enum seat_status { SEAT_ACTIVE, SEAT_RETIRED, SEAT_REVOKED, SEAT_RELEASED };

/* A row of a root or branch document: one generation of one seat. */
struct seat_row {
    char seat[SEAT_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1];
    uint8_t tier; /* rank of this (seat, generation) */
    uint32_t generation;
    uint8_t signing_key[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    uint64_t term;
    struct admin_keys admins;
    char endpoints[ENDPOINTS_MAX][ENDPOINT_BYTES_MAX + 1];
    uint8_t endpoint_count;
    bool standby;
    enum seat_status status;
    uint64_t moves;
    uint8_t seal_key[KEY_BYTES];
    bool has_seal_key;
};

/* Encode: header fields map from the struct; a seat row. `row_root` etc. must be set. */
void document_header_encode(const struct document_header *header, struct buffer *out);
void seat_row_encode(const struct seat_row *row, struct buffer *out);

/* Decode with every bound checked. Unknown numbers >= 0 ignored, unknown negative: PARKED. */
enum error_code document_header_decode(struct span bytes, struct document_header *header,
                                       struct error *error);
enum error_code seat_row_decode(struct span bytes, struct seat_row *row, struct error *error);

/* hash(`document`, header bytes): the document's name. And the tree id that a first root
 * document's header gives: hash(`tree`, header bytes), the header having no field 1. */
struct hash document_hash(struct span header_bytes);
struct hash document_tree_id(struct span header_bytes);

/* Leaf hash of a row; Merkle root of rows. */
struct hash document_row_hash(struct span row);
struct hash document_rows_root(const struct span *rows, size_t count);

/* `[header bin, [[key id, signature] ...]]` from header bytes and secrets (sorted, unique). */
void document_sign(struct span header_bytes, const uint8_t (*secrets)[SECRET_BYTES], size_t count,
                   struct buffer *envelope);

/* Take an envelope apart; spans point into it. Checks form only. */
struct document_envelope {
    struct span header;
    struct document_header decoded;
    uint8_t signature_count;
    struct key_id signers[DOCUMENT_SIGNATURES_MAX];
    const uint8_t *signatures[DOCUMENT_SIGNATURES_MAX];
};
enum error_code document_open(struct span bytes, struct document_envelope *envelope,
                              struct error *error);
/* Whether at least `admins->threshold` different keys of `admins` signed it. */
bool document_signed_by(const struct document_envelope *envelope, const struct admin_keys *admins);

#endif
