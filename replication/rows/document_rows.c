/* Rows of docs: kind 1 ‖ seat ‖ 00 ‖ place 4. Place 0 is the header with its signatures, place
 * i + 1 is row i: [row, proof or nil]. Kind 0 holds the root documents before the newest one; kind
 * 16 + k the twins of a frozen document of kind k, [envelope, envelope]. Kind 32 is the root by
 * hand that waits for people, kind 33 the hashes of those that people have confirmed here, kind 34
 * the orders to a seat that count less than the one of kind 5. */
#include "replication/rows/document_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query.h"

enum { DOC_KEY_BYTES_MAX = 1 + SEAT_BYTES_MAX + 1 + 4, FORMER_ROOT = 0, TWINS = 16 };
enum { PENDING_ROOT = DOCUMENT_ROWS_PENDING, CONFIRMED = DOCUMENT_ROWS_CONFIRMED };

static const char stamp_key[] = "documents";

static size_t doc_key(uint8_t key[static DOC_KEY_BYTES_MAX], unsigned kind, struct span seat,
                      uint32_t place)
{
    assert(seat.size <= SEAT_BYTES_MAX);
    key[0] = (uint8_t)kind;
    if (seat.size > 0)
        memcpy(key + 1, seat.data, seat.size);
    key[1 + seat.size] = 0;
    write_u32(key + 2 + seat.size, place);
    return 6 + seat.size;
}

uint64_t query_tree_stamp(const struct view *view)
{
    struct span value;
    return view->get(view->context, TABLE_META, span_of_text(stamp_key), &value) == READ_FOUND &&
                   value.size == 8
               ? read_u64(value.data)
               : 0;
}

static void remove_document(struct updates *updates, unsigned kind, struct span seat)
{
    const struct view *view = updates_view(updates);
    uint8_t from[DOC_KEY_BYTES_MAX];
    struct span key, value;
    size_t size = doc_key(from, kind, seat, 0);
    while (view->next(view->context, TABLE_DOCS, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size == size && memcmp(key.data, from, size - 4) == 0) {
        uint32_t place = read_u32(key.data + size - 4);
        uint8_t gone[DOC_KEY_BYTES_MAX];
        memcpy(gone, key.data, size);
        updates_remove(updates, TABLE_DOCS, SPAN(gone, size));
        write_u32(from + size - 4, place + 1);
    }
}

static void put_row(struct updates *updates, enum document_kind kind, struct span seat,
                    const struct held_document *held, size_t index)
{
    uint8_t key[DOC_KEY_BYTES_MAX];
    struct buffer value = {0};
    size_t size = doc_key(key, kind, seat, held->places[index] + 1);
    mp_write_array(&value, 2);
    mp_write_bin(&value, held->rows[index]);
    if (held->whole)
        mp_write_nil(&value);
    else
        mp_write_bin(&value, held->proofs[index]);
    updates_put(updates, TABLE_DOCS, SPAN(key, size), span_of_buffer(&value));
    buffer_free(&value);
}

/* Of a document that isn't frozen no twins are kept: its term is over. */
static void put_twins(struct updates *updates, const struct held_document *held)
{
    const struct view *view = updates_view(updates);
    uint8_t key[DOC_KEY_BYTES_MAX];
    struct span seat = span_of_text(held->seat), value;
    size_t size = doc_key(key, TWINS + held->kind, seat, 0);
    struct buffer twins = {0};
    if (held->frozen) {
        mp_write_array(&twins, 2);
        mp_write_bin(&twins, held->twins[0]);
        mp_write_bin(&twins, held->twins[1]);
        updates_put(updates, TABLE_DOCS, SPAN(key, size), span_of_buffer(&twins));
        buffer_free(&twins);
    } else if (view->get(view->context, TABLE_DOCS, SPAN(key, size), &value) == READ_FOUND) {
        updates_remove(updates, TABLE_DOCS, SPAN(key, size));
    }
}

/* What waits for people here, and what they have confirmed. */
static void put_roots_by_hand(struct updates *updates, const struct tree *tree)
{
    const struct view *view = updates_view(updates);
    const struct held_document *pending = tree_pending_root(tree);
    uint8_t key[DOC_KEY_BYTES_MAX];
    struct span value;
    size_t size = doc_key(key, PENDING_ROOT, SPAN_EMPTY, 0);
    if (pending != NULL)
        updates_put(updates, TABLE_DOCS, SPAN(key, size), pending->envelope);
    else if (view->get(view->context, TABLE_DOCS, SPAN(key, size), &value) == READ_FOUND)
        updates_remove(updates, TABLE_DOCS, SPAN(key, size));
    for (size_t i = 0; i < tree_confirmed_count(tree); i++) {
        size = doc_key(key, CONFIRMED, SPAN_EMPTY, (uint32_t)i);
        updates_put(updates, TABLE_DOCS, SPAN(key, size),
                    SPAN_OF_ARRAY(tree_confirmed(tree, i)->bytes));
    }
}

static void put_orders(struct updates *updates, const struct tree *tree, struct span seat)
{
    const struct held_document *orders[TREE_ORDERS_MAX];
    size_t count = tree_orders_kept(tree, seat, orders);
    uint8_t key[DOC_KEY_BYTES_MAX];
    remove_document(updates, DOCUMENT_ROWS_ORDERS, seat);
    for (size_t i = 0; i < count; i++) {
        size_t size = doc_key(key, DOCUMENT_ROWS_ORDERS, seat, (uint32_t)i);
        updates_put(updates, TABLE_DOCS, SPAN(key, size), orders[i]->envelope);
    }
}

void document_rows_put(struct updates *updates, const struct tree *tree, enum document_kind kind,
                       struct span seat)
{
    const struct held_document *held = tree_find_document(tree, kind, seat);
    uint8_t key[DOC_KEY_BYTES_MAX], stamp[8];
    if (held == NULL && kind == DOCUMENT_BRANCH && tree_last_document(tree, seat) != NULL)
        return; /* it isn't in force now */
    remove_document(updates, kind, seat);
    size_t size = doc_key(key, kind, seat, 0);
    if (held != NULL)
        updates_put(updates, TABLE_DOCS, SPAN(key, size), held->envelope);
    for (size_t i = 0; held != NULL && i < held->row_count; i++)
        put_row(updates, kind, seat, held, i);
    if (held != NULL)
        put_twins(updates, held);
    for (size_t i = 0; kind == DOCUMENT_ROOT && i < tree_former_root_count(tree); i++) {
        size = doc_key(key, FORMER_ROOT, SPAN_EMPTY, (uint32_t)i);
        updates_put(updates, TABLE_DOCS, SPAN(key, size), tree_former_root(tree, i));
    }
    if (kind == DOCUMENT_ROOT)
        put_roots_by_hand(updates, tree);
    if (kind == DOCUMENT_ORDER)
        put_orders(updates, tree, seat);
    write_u64(stamp, query_tree_stamp(updates_view(updates)) + 1);
    updates_put(updates, TABLE_META, span_of_text(stamp_key), SPAN_OF_ARRAY(stamp));
    updates_put(updates, TABLE_META, span_of_text("tree"), SPAN_OF_ARRAY(tree_id(tree)->bytes));
}

/* One document as it lies in the store. The spans are copies owned by `bytes`. */
struct stored_document {
    unsigned kind;
    struct span seat, envelope;
    struct span *rows, *proofs;
    uint32_t *places;
    size_t row_count;
    bool whole, taken;
};

struct stored_documents {
    struct stored_document *items;
    size_t count;
};

static struct span keep(struct span span)
{
    return SPAN(mem_copy(span.data, span.size), span.size);
}

static void stored_free(struct stored_documents *stored)
{
    for (size_t i = 0; i < stored->count; i++) {
        struct stored_document *item = &stored->items[i];
        for (size_t j = 0; j < item->row_count; j++) {
            free((void *)item->rows[j].data);
            free((void *)item->proofs[j].data);
        }
        free((void *)item->seat.data);
        free((void *)item->envelope.data);
        free(item->rows);
        free(item->proofs);
        free(item->places);
    }
    free(stored->items);
}

static void add_row(struct stored_document *item, uint32_t place, struct span value)
{
    struct mp_reader reader = mp_reader(value);
    struct span proof = SPAN_EMPTY;
    if (mp_read_array(&reader) != 2)
        return;
    struct span row = mp_read_bin(&reader);
    if (mp_peek(&reader) == MP_BIN) {
        proof = mp_read_bin(&reader);
        item->whole = false;
    } else {
        mp_read_nil(&reader);
    }
    mp_read_end(&reader);
    if (reader.failed)
        return;
    size_t count = item->row_count + 1;
    item->rows = mem_resize(item->rows, count * sizeof *item->rows);
    item->proofs = mem_resize(item->proofs, count * sizeof *item->proofs);
    item->places = mem_resize(item->places, count * sizeof *item->places);
    item->rows[count - 1] = keep(row);
    item->proofs[count - 1] = keep(proof);
    item->places[count - 1] = place;
    item->row_count = count;
}

static void read_stored(const struct view *view, struct stored_documents *stored)
{
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (size <= STORE_KEY_BYTES_MAX &&
           view->next(view->context, TABLE_DOCS, SPAN(from, size), &key, &value) == READ_FOUND) {
        if (key.size >= 6 && key.size <= DOC_KEY_BYTES_MAX) {
            uint32_t place = read_u32(key.data + key.size - 4);
            if (place == 0 || key.data[0] == FORMER_ROOT || key.data[0] >= CONFIRMED) {
                stored->items =
                    mem_resize(stored->items, (stored->count + 1) * sizeof *stored->items);
                stored->items[stored->count++] = (struct stored_document){
                    .kind = key.data[0],
                    .seat = keep(SPAN(key.data + 1, key.size - 6)),
                    .envelope = keep(value),
                    .whole = true,
                };
            } else if (stored->count > 0) {
                add_row(&stored->items[stored->count - 1], place - 1, value);
            }
        }
        if (key.size > STORE_KEY_BYTES_MAX)
            return;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
    }
}

static enum error_code offer_twins(struct tree *tree, struct span value)
{
    struct mp_reader reader = mp_reader(value);
    if (mp_read_array(&reader) != 2)
        return ERR_MALFORMED;
    struct span first = mp_read_bin(&reader), second = mp_read_bin(&reader);
    return reader.failed ? ERR_MALFORMED : tree_offer_twins(tree, first, second, NULL);
}

/* True when the document has been dealt with: taken, or refused for good. */
static bool offer(struct tree *tree, struct stored_document *item, bool *refused)
{
    if (item->kind == CONFIRMED)
        return true;
    if (item->kind == PENDING_ROOT || item->kind == DOCUMENT_ROWS_ORDERS)
        return tree_offer_document(tree, item->envelope, NULL) != ERR_PARKED;
    if (item->kind > TWINS)
        return offer_twins(tree, item->envelope) != ERR_PARKED;
    enum error_code code = tree_offer_document(tree, item->envelope, NULL);
    if (code == ERR_PARKED)
        return false;
    if ((code == ERR_OK || code == ERR_STALE) && item->row_count > 0) {
        if (item->whole) {
            code = tree_offer_rows(tree, (enum document_kind)item->kind, item->seat, item->rows,
                                   item->row_count, 0, NULL, NULL);
        }
        for (size_t i = 0; !item->whole && i < item->row_count; i++) {
            code = tree_offer_rows(tree, (enum document_kind)item->kind, item->seat, &item->rows[i],
                                   1, item->places[i], &item->proofs[i], NULL);
        }
    }
    *refused |= code != ERR_OK && code != ERR_STALE && code != ERR_PARKED;
    return code != ERR_PARKED;
}

struct tree *query_tree(const struct view *view, const struct hash *id, struct error *error)
{
    return stored_tree(view, id, NULL, NULL, error);
}

struct tree *stored_tree(const struct view *view, const struct hash *id,
                         const struct verifier *verifier, struct schema_shelf *shelf,
                         struct error *error)
{
    struct tree *tree = tree_new(id);
    tree_set_verifier(tree, verifier);
    tree_set_shelf(tree, shelf);
    struct stored_documents stored = {0};
    bool progress = true, refused = false;
    read_stored(view, &stored);
    for (size_t i = 0; i < stored.count; i++) {
        struct hash hash;
        if (stored.items[i].kind != CONFIRMED || stored.items[i].envelope.size != HASH_BYTES)
            continue;
        memcpy(hash.bytes, stored.items[i].envelope.data, HASH_BYTES);
        tree_note_confirmed(tree, &hash);
    }
    while (progress) {
        progress = false;
        for (size_t i = 0; i < stored.count; i++) {
            if (!stored.items[i].taken && offer(tree, &stored.items[i], &refused))
                stored.items[i].taken = progress = true;
        }
    }
    if (stored.count > 0 && refused && tree_root_seat(tree) == NULL) {
        error_set(error, ERR_DAMAGED, "signed tree", "the stored root document doesn't verify");
        error_next(error, "put the documents into documents/ again and start the node");
        tree_free(tree);
        tree = NULL;
    }
    stored_free(&stored);
    return tree;
}
