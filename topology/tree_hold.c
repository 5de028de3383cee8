/* Holdings: a document's bytes and the rows of it that are here, in part or whole. */
#include "topology/tree_inner.h"

#include <assert.h>
#include <string.h>

static struct span span_copy(struct span span)
{
    if (span.size == 0)
        return SPAN_EMPTY;
    return SPAN(mem_copy(span.data, span.size), span.size);
}

static void span_free(struct span span)
{
    free((void *)(uintptr_t)span.data);
}

struct holding *holding_new(struct span envelope, const struct document_envelope *opened)
{
    struct holding *holding = mem_alloc(sizeof *holding);
    struct held_document *held = &holding->held;
    held->envelope = span_copy(envelope);
    struct document_envelope own;
    enum error_code code = document_open(held->envelope, &own, NULL);
    assert(code == ERR_OK);
    (void)code;
    held->header = own.decoded;
    held->kind = opened->decoded.kind;
    held->seat = held->header.seat;
    held->hash = document_hash(own.header);
    held->term = held->header.term;
    held->version = held->header.version;
    held->whole = held->header.row_count == 0;
    return holding;
}

static void proofs_free(struct holding *holding)
{
    for (size_t i = 0; holding->proofs != NULL && i < holding->held.row_count; i++)
        span_free(holding->proofs[i]);
    free(holding->proofs);
    holding->proofs = NULL;
}

static void rows_free(struct holding *holding)
{
    if (holding->shelved != NULL) {
        schema_shelf_return(holding->shelved);
        holding->shelved = NULL;
        return;
    }
    for (size_t i = 0; i < holding->held.row_count; i++)
        span_free(holding->rows[i]);
    free(holding->rows);
}

void holding_free(struct holding *holding)
{
    if (holding == NULL)
        return;
    holding_free(holding->newer);
    holding_free(holding->others);
    twins_free(holding->twins);
    proofs_free(holding);
    rows_free(holding);
    free(holding->places);
    span_free(holding->held.envelope);
    free(holding);
}

/* What the world sees follows what is owned. */
static void holding_show(struct holding *holding, size_t row_count)
{
    struct held_document *held = &holding->held;
    held->row_count = row_count;
    held->whole = row_count == held->header.row_count;
    if (held->whole)
        proofs_free(holding);
    held->rows = holding->rows;
    held->places = holding->places;
    held->proofs = holding->proofs;
}

bool holding_find_row(const struct holding *holding, uint32_t place, size_t *at)
{
    size_t low = 0, high = holding->held.row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holding->places[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < holding->held.row_count && holding->places[low] == place;
}

static void *insert_gap(void *array, size_t count, size_t at, size_t item_size)
{
    uint8_t *bytes = mem_resize(array, (count + 1) * item_size);
    memmove(bytes + (at + 1) * item_size, bytes + at * item_size, (count - at) * item_size);
    return bytes;
}

void holding_add_row(struct holding *holding, uint32_t place, struct span row, struct span proof)
{
    size_t at, count = holding->held.row_count;
    bool is_held = holding_find_row(holding, place, &at);
    assert(!is_held && !holding->held.whole && holding->shelved == NULL);
    (void)is_held;
    holding->rows = insert_gap(holding->rows, count, at, sizeof *holding->rows);
    holding->proofs = insert_gap(holding->proofs, count, at, sizeof *holding->proofs);
    holding->places = insert_gap(holding->places, count, at, sizeof *holding->places);
    holding->rows[at] = span_copy(row);
    holding->proofs[at] = span_copy(proof);
    holding->places[at] = place;
    holding_show(holding, count + 1);
}

void holding_take_rows(struct holding *holding, const struct span *rows, size_t count)
{
    assert(count == holding->held.header.row_count && !holding->held.whole);
    assert(holding->shelved == NULL);
    proofs_free(holding);
    for (size_t i = 0; i < holding->held.row_count; i++)
        span_free(holding->rows[i]);
    holding->rows = mem_resize(holding->rows, count * sizeof *holding->rows);
    holding->places = mem_resize(holding->places, count * sizeof *holding->places);
    for (size_t i = 0; i < count; i++) {
        holding->rows[i] = span_copy(rows[i]);
        holding->places[i] = (uint32_t)i;
    }
    holding_show(holding, count);
}

bool holding_move_rows(struct holding *from, struct holding *to)
{
    const struct document_header *old = &from->held.header, *new = &to->held.header;
    if (from->held.row_count == 0 || old->row_count != new->row_count ||
        old->row_bytes != new->row_bytes || !hash_equal(&old->row_root, &new->row_root))
        return false;
    size_t count = from->held.row_count;
    to->rows = from->rows;
    to->places = from->places;
    to->proofs = from->proofs;
    to->shelved = from->shelved;
    from->shelved = NULL;
    from->rows = NULL;
    from->places = NULL;
    from->proofs = NULL;
    holding_show(from, 0);
    holding_show(to, count);
    return true;
}

void holding_use_shelved(struct holding *holding, struct shelved_schema *shelved)
{
    assert(holding->held.whole && shelved->row_count == holding->held.row_count);
    if (holding->shelved == shelved)
        return;
    (void)schema_shelf_share(shelved);
    rows_free(holding);
    holding->shelved = shelved;
    holding->rows = shelved->rows;
    holding_show(holding, shelved->row_count);
}

struct hash admin_keys_print(const struct admin_keys *admins)
{
    struct buffer bytes = {0};
    buffer_append_byte(&bytes, admins->threshold);
    for (unsigned i = 0; i < admins->count; i++)
        buffer_append(&bytes, admin_key(admins, i), KEY_BYTES);
    struct hash print = hash_of(HASH_KEY, span_of_buffer(&bytes));
    buffer_free(&bytes);
    return print;
}

bool admin_keys_acceptable(const struct tree *tree, const struct admin_keys *admins)
{
    for (unsigned i = 0; i < admins->count; i++) {
        if (!verifier_accepts(tree->verifier, admin_key(admins, i)))
            return false;
    }
    return true;
}
