/* Documents for tests, built by hand so that each can be wrong in one way.
 *
 * The usual tree has three tiers: C (county), T1 and T2 (townships) below it, villages below
 * these. Key n is made from a seed of bytes n. */
#ifndef TERRACE_TESTS_UNIT_TREE_FIXTURE_H
#define TERRACE_TESTS_UNIT_TREE_FIXTURE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "topology/author.h"
#include "topology/tree.h"

struct test_key {
    uint8_t public_key[KEY_BYTES];
    uint8_t secret[SECRET_BYTES];
};

static inline struct test_key key_number(unsigned number)
{
    struct test_key key;
    uint8_t seed[32];
    memset(seed, (int)(number & 0xff), sizeof seed);
    seed[0] = (uint8_t)(number >> 8);
    sign_key_pair(seed, key.public_key, key.secret);
    return key;
}

/* A set of admin keys that owns its bytes. */
struct test_admins {
    uint8_t threshold, count;
    uint8_t keys[ADMIN_KEYS_MAX][KEY_BYTES];
    uint8_t secrets[ADMIN_KEYS_MAX][SECRET_BYTES];
};

static inline struct test_admins admins_of(uint8_t threshold, uint8_t count, unsigned first)
{
    struct test_admins admins = {.threshold = threshold, .count = count};
    for (uint8_t i = 0; i < count; i++) {
        struct test_key key = key_number(first + i);
        memcpy(admins.keys[i], key.public_key, KEY_BYTES);
        memcpy(admins.secrets[i], key.secret, SECRET_BYTES);
    }
    return admins;
}

static inline struct admin_keys admins_listed(const struct test_admins *admins)
{
    return admin_keys_of(admins->threshold, admins->keys[0], admins->count);
}

/* A row: seat, tier, node key number, and the admin key number of its seat (0: none). */
struct test_row {
    const char *seat;
    uint8_t tier;
    unsigned key;
    unsigned admin;
    uint64_t term; /* 0: 1 when it has an admin */
    uint32_t generation;
    enum seat_status status;
    uint64_t moves;
    bool standby;
    const char *released_to;
    struct span cut_off, notes; /* encoded */
};

static inline void row_write(const struct test_row *test, struct buffer *out)
{
    struct test_key key = key_number(test->key);
    struct test_admins admins = admins_of(1, 1, test->admin);
    struct seat_row row = {.tier = test->tier,
                           .generation = test->generation,
                           .status = test->status,
                           .moves = test->moves,
                           .standby = test->standby,
                           .cut_off = test->cut_off,
                           .notes = test->notes};
    strcpy(row.seat, test->seat);
    strcpy(row.name, test->seat);
    memcpy(row.signing_key, key.public_key, KEY_BYTES);
    memcpy(row.link_key, key.public_key, KEY_BYTES);
    row.link_key[0] ^= 0x55; /* another key than the signing key */
    if (test->admin != 0) {
        row.admins = admins_listed(&admins);
        row.term = test->term == 0 ? 1 : test->term;
    }
    if (test->released_to != NULL)
        row.released_to = span_of_text(test->released_to);
    seat_row_encode(&row, out);
}

enum { TEST_ROWS_MAX = 8 };

/* A document to be made: what is not set has its usual value. */
struct test_document {
    const struct hash *tree_id; /* NULL: first root */
    enum document_kind kind;
    const char *seat;
    uint64_t term, version; /* 0: 1 */
    uint64_t expires_ms;
    const struct hash *predecessor;
    unsigned signer; /* admin key number */
    const struct test_admins *signers, *admins;
    uint32_t schema_version;
    enum order_what order;
    struct span decisions;               /* encoded */
    struct test_row rows[TEST_ROWS_MAX]; /* up to the first without a seat */
};

static inline struct author_document document_make(const struct test_document *test)
{
    static const char *const names[] = {"county", "township", "village"};
    struct span tiers[3];
    struct buffer tier_list = {0}, rows[TEST_ROWS_MAX] = {{0}};
    struct span spans[TEST_ROWS_MAX];
    struct test_admins signer = admins_of(1, 1, test->signer);
    const struct test_admins *signers = test->signers != NULL ? test->signers : &signer;
    struct document_header header = {.first = test->tree_id == NULL,
                                     .kind = test->kind,
                                     .term = test->term == 0 ? 1 : test->term,
                                     .version = test->version == 0 ? 1 : test->version,
                                     .expires_ms = test->expires_ms,
                                     .has_predecessor = test->predecessor != NULL,
                                     .schema_version = test->schema_version,
                                     .order = test->order,
                                     .decisions = test->decisions};
    for (size_t i = 0; i < 3; i++)
        tiers[i] = span_of_text(names[i]);
    text_list_encode(tiers, 3, &tier_list);
    header.tiers = text_list_of(span_of_buffer(&tier_list));
    header.admins = admins_listed(test->admins != NULL ? test->admins : signers);
    if (test->tree_id != NULL)
        header.tree_id = *test->tree_id;
    if (test->predecessor != NULL)
        header.predecessor = *test->predecessor;
    if (test->seat != NULL)
        strcpy(header.seat, test->seat);
    size_t count = 0;
    for (; count < TEST_ROWS_MAX && test->rows[count].seat != NULL; count++) {
        row_write(&test->rows[count], &rows[count]);
        spans[count] = span_of_buffer(&rows[count]);
    }
    struct author_document document;
    enum error_code code =
        author_document(&header, spans, count, (const uint8_t(*)[SECRET_BYTES])signers->secrets,
                        signers->count, &document, NULL);
    assert(code == ERR_OK);
    (void)code;
    for (size_t i = 0; i < count; i++)
        buffer_free(&rows[i]);
    buffer_free(&tier_list);
    return document;
}

static inline enum error_code offer_header(struct tree *tree,
                                           const struct author_document *document,
                                           struct error *error)
{
    return tree_offer_document(tree, span_of_buffer(&document->envelope), error);
}

static inline enum error_code offer_rows(struct tree *tree, const struct author_document *document,
                                         struct error *error)
{
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    enum error_code code = tree_offer_rows(tree, document->kind, span_of_text(document->seat), rows,
                                           document->row_count, 0, NULL, error);
    free(rows);
    return code;
}

/* Header and all rows; the first refusal is the answer. Rows that the tree took over from the
 * version before, being the same, are not offered. */
static inline enum error_code offer(struct tree *tree, const struct author_document *document,
                                    struct error *error)
{
    enum error_code code = offer_header(tree, document, error);
    if (code != ERR_OK)
        return code;
    const struct held_document *held =
        tree_find_document(tree, document->kind, span_of_text(document->seat));
    if (held != NULL && held->whole && hash_equal(&held->hash, &document->hash))
        return ERR_OK;
    return offer_rows(tree, document, error);
}

/* One row with its proof. */
static inline enum error_code offer_row(struct tree *tree, const struct author_document *document,
                                        uint32_t place, struct error *error)
{
    struct hash *leaves = mem_alloc(document->row_count * sizeof *leaves);
    struct buffer proof = {0};
    for (size_t i = 0; i < document->row_count; i++)
        leaves[i] = document_row_hash(span_of_buffer(&document->rows[i]));
    merkle_prove(leaves, document->row_count, &place, 1, &proof);
    struct span proof_span = span_of_buffer(&proof);
    struct span row = span_of_buffer(&document->rows[place]);
    enum error_code code = tree_offer_rows(tree, document->kind, span_of_text(document->seat), &row,
                                           1, place, &proof_span, error);
    buffer_free(&proof);
    free(leaves);
    return code;
}

static inline const struct seat *seat_named(const struct tree *tree, const char *name)
{
    return tree_seat(tree, span_of_text(name));
}

#endif
