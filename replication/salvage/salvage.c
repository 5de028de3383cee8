/* What is offered, by the look of its key; and the small rows. */
#include "replication/salvage/salvage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/document_rows.h"
#include "replication/salvage/salvage_parts.h"

enum {
    BLOCK_KEY_BYTES = LOCATOR_BYTES + 1,
    DOC_KEY_BYTES_MIN = 6,
    DOC_KEY_BYTES_MAX = 6 + SEAT_BYTES_MAX,
    AUTHOR_KEY_BYTES = 13,
    NUMBER_KEY_BYTES = 4,
    REQUEST_KEY_BYTES = 1 + HASH_BYTES,
    REQUEST_VALUE_BYTES = 16 + 8,
    BATCH_BYTES = 1 << 20,
};

struct salvage *salvage_new(const struct salvage_options *options)
{
    struct salvage *salvage = mem_alloc(sizeof *salvage);
    salvage->options = *options;
    salvage->own = key_id_of(options->signing_key);
    salvage->updates = updates_new();
    return salvage;
}

static void rows_free(struct kept_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        buffer_free(&rows->rows[i].key);
        buffer_free(&rows->rows[i].value);
    }
    free(rows->rows);
}

void salvage_free(struct salvage *salvage)
{
    if (salvage == NULL)
        return;
    rows_free(&salvage->documents);
    rows_free(&salvage->notes);
    rows_free(&salvage->selves);
    rows_free(&salvage->requests);
    rows_free(&salvage->streams);
    rows_free(&salvage->keys);
    rows_free(&salvage->parts);
    free(salvage->pieces);
    free(salvage->guesses);
    tree_free(salvage->tree);
    updates_free(salvage->updates);
    free(salvage);
}

/* ---- what comes ---- */

static void keep(struct kept_rows *rows, struct span key, struct span value)
{
    for (size_t i = rows->count; i > 0 && i + 64 > rows->count; i--) { /* copies lie close */
        const struct kept_row *row = &rows->rows[i - 1];
        if (span_equal(span_of_buffer(&row->key), key) &&
            span_equal(span_of_buffer(&row->value), value))
            return;
    }
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity * 2 + 64;
        rows->rows = mem_resize(rows->rows, rows->capacity * sizeof *rows->rows);
    }
    struct kept_row *row = &rows->rows[rows->count++];
    *row = (struct kept_row){0};
    buffer_append_span(&row->key, key);
    buffer_append_span(&row->value, value);
}

static void keep_piece(struct salvage *salvage, struct span key, struct span value, uint64_t place)
{
    if (salvage->piece_count == salvage->piece_capacity) {
        salvage->piece_capacity = salvage->piece_capacity * 2 + 1024;
        salvage->pieces =
            mem_resize(salvage->pieces, salvage->piece_capacity * sizeof *salvage->pieces);
    }
    struct piece *piece = &salvage->pieces[salvage->piece_count++];
    struct hash check = hash_of(HASH_PAYLOAD, value);
    memcpy(piece->key, key.data, sizeof piece->key);
    piece->size = (uint16_t)value.size;
    piece->check = read_u32(check.bytes);
    piece->place = place;
}

void guess_add(struct salvage *salvage, uint32_t who, const struct author_epoch *author)
{
    for (size_t i = 0; i < salvage->guess_count; i++) {
        const struct author_guess *known = &salvage->guesses[i];
        if (known->who == who && known->author.epoch == author->epoch &&
            key_id_equal(known->author.author, author->author))
            return;
    }
    if (salvage->guess_count == salvage->guess_capacity) {
        salvage->guess_capacity = salvage->guess_capacity * 2 + 64;
        salvage->guesses =
            mem_resize(salvage->guesses, salvage->guess_capacity * sizeof *salvage->guesses);
    }
    salvage->guesses[salvage->guess_count++] = (struct author_guess){who, *author};
}

/* Either half of a pair of rows says the whole. */
static void guess_from_row(struct salvage *salvage, struct span key, struct span value)
{
    struct author_epoch author;
    uint8_t number[4] = {0};
    const uint8_t *name = key.data[0] == 'a' ? key.data + 1 : value.data;
    memcpy(number + 1, key.data[0] == 'a' ? value.data : key.data + 1, WHO_BYTES);
    memcpy(author.author.bytes, name, KEY_ID_BYTES);
    author.epoch = read_u32(name + KEY_ID_BYTES);
    guess_add(salvage, read_u32(number), &author);
}

static bool is_pair(struct span key, struct span value)
{
    return (key.size == AUTHOR_KEY_BYTES && key.data[0] == 'a' && value.size == WHO_BYTES) ||
           (key.size == NUMBER_KEY_BYTES && key.data[0] == 'n' && value.size == KEY_ID_BYTES + 4);
}

static bool is_note(struct span key, struct span value)
{
    return (key.size == 1 + KEY_ID_BYTES || key.size == 1 + KEY_ID_BYTES + 4) &&
           (key.data[0] == HASH_TOKEN || key.data[0] == HASH_HEADS || key.data[0] == HASH_CELLS) &&
           value.size > SIGNATURE_BYTES && value.size <= NOTE_BYTES_MAX;
}

static bool is_part(struct span key, struct span value)
{
    if (key.size != REPORT_PART_KEY_BYTES || key.data[0] != 'P' ||
        value.size > REPORT_PART_BYTES_MAX)
        return false;
    struct hash name = report_part_name(value);
    return memcmp(key.data + 1 + KEY_ID_BYTES, name.bytes, HASH_BYTES) == 0;
}

static bool is_public_key(struct span key, struct span value)
{
    return key.size == AUTHOR_ROW_KEY_BYTES && key.data[0] == 'k' && value.size == KEY_BYTES &&
           memcmp(key_id_of(value.data).bytes, key.data + 1, KEY_ID_BYTES) == 0;
}

/* Former roots, documents, twins, roots by hand (document_rows.c). */
static bool is_document(struct span key, struct span value)
{
    return key.size >= DOC_KEY_BYTES_MIN && key.size <= DOC_KEY_BYTES_MAX &&
           key.data[0] <= DOCUMENT_ROWS_ORDERS && key.data[key.size - 5] == 0 && value.size > 0;
}

void salvage_offer(struct salvage *salvage, struct span key, struct span value, uint64_t place)
{
    if (key.size == 0 || key.size > STORE_KEY_BYTES_MAX)
        return;
    if (is_part(key, value))
        keep(&salvage->parts, key, value);
    else if (is_pair(key, value))
        guess_from_row(salvage, key, value);
    else if (span_equal(key, span_of_text("self")))
        keep(&salvage->selves, key, value);
    else if (key.size == REQUEST_KEY_BYTES && key.data[0] == 'r' &&
             value.size == REQUEST_VALUE_BYTES)
        keep(&salvage->requests, key, value);
    else if (key.size == STREAM_KEY_BYTES && value.size > 0)
        keep(&salvage->streams, key, value);
    else if (is_note(key, value))
        keep(&salvage->notes, key, value);
    else if (is_public_key(key, value))
        keep(&salvage->keys, key, value);
    if (is_document(key, value)) /* its key may look like others' */
        keep(&salvage->documents, key, value);
    if (key.size == BLOCK_KEY_BYTES && value.size > 0 && value.size <= BLOCK_PIECE_BYTES)
        keep_piece(salvage, key, value, place);
}

/* ---- what goes ---- */

const uint8_t *salvage_key(const struct salvage *salvage, struct key_id id)
{
    const struct author *known = tree_author(salvage->tree, id);
    if (known != NULL)
        return known->key;
    if (key_id_equal(id, salvage->own))
        return salvage->options.signing_key;
    for (size_t i = 0; i < salvage->keys.count; i++) {
        const struct kept_row *row = &salvage->keys.rows[i];
        if (memcmp(row->key.data + 1, id.bytes, KEY_ID_BYTES) == 0)
            return row->value.data;
    }
    return NULL;
}

const struct view *salvage_view(struct salvage *salvage)
{
    updates_begin(salvage->updates, &salvage->port->view);
    return updates_view(salvage->updates);
}

static enum error_code put_rows(struct salvage *salvage)
{
    const struct store_port *port = salvage->port;
    struct row_change change;
    size_t cursor = 0;
    while (updates_each_row(salvage->updates, &cursor, &change)) {
        enum error_code code =
            change.removed ? port->remove(port->context, change.table, change.key)
                           : port->put(port->context, change.table, change.key, change.value);
        if (code != ERR_OK)
            return code;
        salvage->batch_bytes += change.key.size + change.value.size;
    }
    return updates_doomed(salvage->updates) ? ERR_IO : ERR_OK;
}

void salvage_put(struct salvage *salvage, bool end)
{
    const struct store_port *port = salvage->port;
    if (salvage->code != ERR_OK)
        return;
    salvage->code = put_rows(salvage);
    updates_begin(salvage->updates, &port->view);
    if (salvage->code != ERR_OK || (!end && salvage->batch_bytes < BATCH_BYTES))
        return;
    salvage->code = port->commit(port->context);
    salvage->batch_bytes = 0;
    if (!end && salvage->code == ERR_OK)
        port->begin(port->context);
    updates_begin(salvage->updates, &port->view);
}

static void note_epoch(void *context, uint32_t epoch)
{
    uint32_t *last = context;
    *last = epoch > *last ? epoch : *last;
}

/* The last epoch in which we have written, as far as anything here knows; 0: none. */
static uint32_t last_epoch(struct salvage *salvage)
{
    uint32_t last = salvage->options.epoch;
    who_each_epoch(salvage_view(salvage), salvage->own, &last, note_epoch);
    return last;
}

/* A new store is a new life, and a new epoch (rules.md A5). Of our last one only the number is
 * kept: the rows found may be old ones, whose counts would give a number twice. */
static void write_self(struct salvage *salvage)
{
    struct buffer ended = {0};
    uint32_t last = last_epoch(salvage);
    for (size_t i = 0; i < salvage->selves.count; i++) {
        uint64_t commits;
        uint32_t epoch;
        if (self_row_reads(span_of_buffer(&salvage->selves.rows[i].value), salvage->own, &commits,
                           &epoch))
            note_epoch(&last, epoch);
    }
    if (last == 0)
        return;
    self_row_ended(last, salvage->own, &ended);
    salvage_view(salvage);
    updates_put(salvage->updates, TABLE_META, span_of_text("self"), span_of_buffer(&ended));
    salvage_put(salvage, false);
    buffer_free(&ended);
}

/* What names no record in the end is taken out by the rebuild. */
static void write_requests(struct salvage *salvage)
{
    for (size_t i = 0; i < salvage->requests.count; i++) {
        const struct kept_row *row = &salvage->requests.rows[i];
        salvage_view(salvage);
        updates_put(salvage->updates, TABLE_META, span_of_buffer(&row->key),
                    span_of_buffer(&row->value));
        salvage_put(salvage, false);
    }
}

enum error_code salvage_write(struct salvage *salvage, const struct store_port *port,
                              struct salvage_counts *counts)
{
    salvage->port = port;
    port->begin(port->context);
    salvage_documents(salvage);
    salvage_blocks(salvage);
    salvage_notes(salvage);
    write_self(salvage);
    write_requests(salvage);
    salvage_put(salvage, true);
    *counts = salvage->counts;
    return salvage->code;
}
