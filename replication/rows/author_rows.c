/* What is remembered of authors beside their entries, in `meta`: 'k' ‖ key id -> public key, which
 * stays when no document names it any more, so that what it signed still opens; and 'j' ‖ key id ->
 * how the documents judged it when its entries were last folded (trust.c). */
#include <string.h>

#include "replication/rows/rows.h"

static void author_row_key(uint8_t key[static AUTHOR_ROW_KEY_BYTES], char what, struct key_id id)
{
    key[0] = (uint8_t)what;
    memcpy(key + 1, id.bytes, KEY_ID_BYTES);
}

bool author_key_read(const struct view *view, const struct tree *tree, struct key_id id,
                     uint8_t public_key[static KEY_BYTES])
{
    const struct author *author = tree_author(tree, id);
    uint8_t key[AUTHOR_ROW_KEY_BYTES];
    struct span value;
    if (author != NULL) {
        memcpy(public_key, author->key, KEY_BYTES);
        return true;
    }
    author_row_key(key, 'k', id);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) != READ_FOUND ||
        value.size != KEY_BYTES)
        return false;
    memcpy(public_key, value.data, KEY_BYTES);
    return key_id_equal(key_id_of(public_key), id);
}

void author_key_keep(struct updates *updates, const struct author *author)
{
    const struct view *view = updates_view(updates);
    uint8_t key[AUTHOR_ROW_KEY_BYTES];
    struct span value;
    author_row_key(key, 'k', author->id);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) == READ_ABSENT)
        updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN(author->key, KEY_BYTES));
}

/* due 1 ‖ nothing, 'P' or 'C' ‖ hash of the cut-off list */
bool judged_row_read(const struct view *view, struct key_id id, struct judged_row *row)
{
    uint8_t key[AUTHOR_ROW_KEY_BYTES];
    struct span value;
    *row = (struct judged_row){0};
    author_row_key(key, 'j', id);
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) != READ_FOUND ||
        value.size < 1 || value.size > 1 + sizeof row->judged)
        return false;
    row->due = value.data[0] == 1;
    row->size = (uint8_t)(value.size - 1);
    if (row->size > 0)
        memcpy(row->judged, value.data + 1, row->size);
    return true;
}

void judged_row_write(struct updates *updates, struct key_id id, const struct judged_row *row)
{
    uint8_t key[AUTHOR_ROW_KEY_BYTES], value[1 + sizeof row->judged] = {row->due};
    author_row_key(key, 'j', id);
    memcpy(value + 1, row->judged, row->size);
    if (row->due || row->size > 0)
        updates_put(updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN(value, 1U + row->size));
    else
        updates_remove(updates, TABLE_META, SPAN_OF_ARRAY(key));
}

bool judged_row_next(const struct view *view, uint8_t from[static AUTHOR_ROW_KEY_BYTES + 1],
                     size_t *from_size, struct key_id *id)
{
    struct span key, value;
    if (*from_size == 0) {
        from[0] = 'j';
        *from_size = 1;
    }
    while (view->next(view->context, TABLE_META, SPAN(from, *from_size), &key, &value) ==
               READ_FOUND &&
           key.data[0] == 'j' && key.size <= AUTHOR_ROW_KEY_BYTES) {
        bool found = key.size == AUTHOR_ROW_KEY_BYTES;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        *from_size = key.size + 1;
        if (found) {
            memcpy(id->bytes, from + 1, KEY_ID_BYTES);
            return true;
        }
    }
    return false;
}
