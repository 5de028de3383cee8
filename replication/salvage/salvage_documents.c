/* Documents and notes: what the signed tree takes, and what its keys have signed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/document_rows.h"
#include "replication/salvage/salvage_parts.h"

enum { FORMER_ROOT = 0, TRIES = 8 /* mixtures of rows that stand at the same places */ };

static uint32_t place_of(const struct kept_row *row)
{
    return read_u32(row->key.data + row->key.size - 4);
}

/* Kind and seat are the same. */
static bool same_document(const struct kept_row *a, const struct kept_row *b)
{
    return a->key.size == b->key.size && memcmp(a->key.data, b->key.data, a->key.size - 4) == 0;
}

void salvage_offer_document(struct salvage *salvage, enum document_kind kind, struct span envelope,
                            const struct span *rows, const uint32_t *places,
                            const struct span *proofs, size_t count)
{
    struct document_envelope opened;
    struct buffer key = {0}, value = {0};
    if (document_open(envelope, &opened, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i <= count; i++) {
        uint32_t place = places == NULL || i == 0 ? (uint32_t)i : places[i - 1] + 1;
        buffer_clear(&key);
        buffer_clear(&value);
        buffer_append_byte(&key, (uint8_t)kind);
        buffer_append(&key, opened.decoded.seat, strlen(opened.decoded.seat) + 1);
        buffer_append_u32(&key, place);
        if (i == 0) {
            buffer_append_span(&value, envelope);
        } else {
            mp_write_array(&value, 2);
            mp_write_bin(&value, rows[i - 1]);
            if (proofs == NULL)
                mp_write_nil(&value);
            else
                mp_write_bin(&value, proofs[i - 1]);
        }
        salvage_offer(salvage, span_of_buffer(&key), span_of_buffer(&value), 0);
    }
    buffer_free(&key);
    buffer_free(&value);
}

void salvage_offer_confirmed(struct salvage *salvage, const struct hash *hash)
{
    struct buffer key = {0};
    buffer_append_byte(&key, DOCUMENT_ROWS_CONFIRMED);
    buffer_append_byte(&key, 0);
    buffer_append_u32(&key, (uint32_t)salvage->documents.count); /* no place is taken twice */
    salvage_offer(salvage, span_of_buffer(&key), SPAN_OF_ARRAY(hash->bytes), 0);
    buffer_free(&key);
}

static bool read_row(const struct kept_row *kept, struct span *row, struct span *proof)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&kept->value));
    *proof = SPAN_EMPTY;
    if (mp_read_array(&reader) != 2)
        return false;
    *row = mp_read_bin(&reader);
    if (mp_peek(&reader) == MP_BIN)
        *proof = mp_read_bin(&reader);
    else
        mp_read_nil(&reader);
    mp_read_end(&reader);
    return !reader.failed;
}

/* All rows of a document at once: of several that stood at one place, the `mixture`-th. */
static bool offer_whole(struct salvage *salvage, const struct kept_row *head,
                        const struct document_header *header, unsigned mixture)
{
    const struct kept_rows *all = &salvage->documents;
    struct span *rows = mem_alloc((header->row_count + 1) * sizeof *rows), proof, row;
    uint32_t *seen = mem_alloc((header->row_count + 1) * sizeof *seen);
    for (size_t i = 0; i < all->count; i++) {
        const struct kept_row *kept = &all->rows[i];
        if (!same_document(head, kept) || place_of(kept) == 0 ||
            place_of(kept) > header->row_count || !read_row(kept, &row, &proof))
            continue;
        uint32_t at = place_of(kept) - 1;
        if (seen[at]++ <= mixture)
            rows[at] = row;
    }
    bool all_there = true;
    for (uint32_t i = 0; i < header->row_count; i++)
        all_there = all_there && seen[i] > 0;
    enum error_code code =
        all_there ? tree_offer_rows(salvage->tree, header->kind, span_of_text(header->seat), rows,
                                    header->row_count, 0, NULL, NULL)
                  : ERR_NOT_FOUND;
    free(rows);
    free(seen);
    return code == ERR_OK || code == ERR_STALE;
}

static void offer_parts(struct salvage *salvage, const struct kept_row *head,
                        const struct document_header *header)
{
    const struct kept_rows *all = &salvage->documents;
    for (size_t i = 0; i < all->count; i++) {
        struct span row, proof;
        if (same_document(head, &all->rows[i]) && place_of(&all->rows[i]) > 0 &&
            read_row(&all->rows[i], &row, &proof) && proof.size > 0)
            (void)tree_offer_rows(salvage->tree, header->kind, span_of_text(header->seat), &row, 1,
                                  place_of(&all->rows[i]) - 1, &proof, NULL);
    }
}

/* Before the roots that lean on it. */
static void note_confirmed(struct salvage *salvage)
{
    for (size_t i = 0; i < salvage->documents.count; i++) {
        const struct kept_row *row = &salvage->documents.rows[i];
        struct hash hash;
        if (row->key.data[0] != DOCUMENT_ROWS_CONFIRMED || row->value.size != HASH_BYTES)
            continue;
        memcpy(hash.bytes, row->value.data, HASH_BYTES);
        tree_note_confirmed(salvage->tree, &hash);
    }
}

static void offer_twins(struct tree *tree, struct span value)
{
    struct mp_reader reader = mp_reader(value);
    bool formed = mp_read_array(&reader) == 2;
    struct span first = mp_read_bin(&reader), second = mp_read_bin(&reader);
    if (formed && !reader.failed)
        (void)tree_offer_twins(tree, first, second, NULL);
}

/* Every envelope, once. */
static void offer_round(struct salvage *salvage)
{
    for (size_t i = 0; i < salvage->documents.count; i++) {
        const struct kept_row *head = &salvage->documents.rows[i];
        struct document_envelope opened;
        if (place_of(head) != 0 && head->key.data[0] != FORMER_ROOT &&
            head->key.data[0] != DOCUMENT_ROWS_ORDERS)
            continue;
        if (head->key.data[0] == DOCUMENT_ROWS_CONFIRMED)
            continue;
        if (head->key.data[0] == DOCUMENT_ROWS_PENDING ||
            head->key.data[0] == DOCUMENT_ROWS_ORDERS) {
            (void)tree_offer_document(salvage->tree, span_of_buffer(&head->value), NULL);
            continue;
        }
        if (head->key.data[0] > DOCUMENT_ORDER) {
            offer_twins(salvage->tree, span_of_buffer(&head->value));
            continue;
        }
        if (document_open(span_of_buffer(&head->value), &opened, NULL) != ERR_OK)
            continue;
        enum error_code code =
            tree_offer_document(salvage->tree, span_of_buffer(&head->value), NULL);
        if ((code != ERR_OK && code != ERR_STALE) || head->key.data[0] == FORMER_ROOT)
            continue;
        bool whole = false;
        for (unsigned k = 0; !whole && k < TRIES; k++)
            whole = offer_whole(salvage, head, &opened.decoded, k);
        if (!whole)
            offer_parts(salvage, head, &opened.decoded);
    }
}

void salvage_documents(struct salvage *salvage)
{
    uint64_t before;
    salvage->tree = tree_new(&salvage->options.tree_id);
    note_confirmed(salvage);
    do {
        before = tree_change_count(salvage->tree);
        offer_round(salvage);
    } while (tree_change_count(salvage->tree) != before);
    salvage->counts.documents = tree_document_count(salvage->tree);
    for (size_t i = 0; i < tree_document_count(salvage->tree); i++) {
        const struct held_document *held = tree_document(salvage->tree, i);
        salvage_view(salvage);
        document_rows_put(salvage->updates, salvage->tree, held->kind, span_of_text(held->seat));
        salvage_put(salvage, false);
    }
}

/* ---- notes ---- */

/* Tokens are for everybody; what others say of themselves is held from here down only. Of a key
 * that no document names just now: when something that it wrote is here. */
static bool belongs_here(struct salvage *salvage, enum hash_context context,
                         const struct note_head *head)
{
    const struct seat *own = tree_seat(salvage->tree, span_of_text(salvage->options.seat));
    const struct author *signer = tree_author(salvage->tree, head->signer);
    const struct author_epoch wrote = {head->signer, head->epoch};
    uint32_t who;
    if (context == HASH_TOKEN)
        return signer != NULL;
    return signer == NULL ? !key_id_equal(head->signer, salvage->own) &&
                                who_find(salvage_view(salvage), &wrote, &who)
                          : own != NULL && seat_is_ancestor_or_self(own, signer->seat);
}

static bool is_newer(const struct note_head *a, const struct note_head *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->k > b->k;
}

static bool note_reads(enum hash_context context, struct span note)
{
    struct heads_statement statement;
    struct cell_report report;
    if (context == HASH_TOKEN)
        return true;
    if (context == HASH_HEADS && statement_decode(note, &statement, NULL) == ERR_OK) {
        statement_free(&statement);
        return true;
    }
    if (context == HASH_CELLS && report_decode(note, &report, NULL) == ERR_OK) {
        report_free(&report);
        return true;
    }
    return false;
}

static const struct kept_row *find_part(const struct salvage *salvage, struct key_id signer,
                                        const struct report_part *part)
{
    uint8_t key[REPORT_PART_KEY_BYTES];
    report_part_key(key, signer, &part->name);
    for (size_t i = 0; i < salvage->parts.count; i++) {
        if (span_equal(span_of_buffer(&salvage->parts.rows[i].key), SPAN_OF_ARRAY(key)))
            return &salvage->parts.rows[i];
    }
    return NULL;
}

/* What a report's note names goes with it. False: a part is gone, so the report is, too: whoever
 * has it lists it when the next session begins. */
static bool write_parts(struct salvage *salvage, struct span note)
{
    struct cell_report report;
    bool whole = true;
    if (report_decode(note, &report, NULL) != ERR_OK)
        return false;
    for (size_t i = 0; i < report.part_count && whole; i++)
        whole = find_part(salvage, report.head.signer, &report.parts[i]) != NULL;
    for (size_t i = 0; i < report.part_count && whole; i++) {
        const struct kept_row *row = find_part(salvage, report.head.signer, &report.parts[i]);
        updates_put(salvage->updates, TABLE_META, span_of_buffer(&row->key),
                    span_of_buffer(&row->value));
    }
    report_free(&report);
    return whole;
}

static void write_note(struct salvage *salvage, const struct kept_row *row)
{
    enum hash_context context = (enum hash_context)row->key.data[0];
    struct span note = span_of_buffer(&row->value), held;
    struct note_head head, before;
    uint8_t key[NOTE_KEY_BYTES_MAX];
    if (note_read_head(note, context, &head, NULL) != ERR_OK)
        return;
    const uint8_t *signing_key = salvage_key(salvage, head.signer);
    size_t size = note_key(key, context, head.signer, head.epoch);
    if (signing_key == NULL || !belongs_here(salvage, context, &head) || !note_reads(context, note))
        return;
    const struct view *view = salvage_view(salvage);
    if (view->get(view->context, TABLE_NOTES, SPAN(key, size), &held) == READ_FOUND &&
        note_read_head(held, context, &before, NULL) == ERR_OK && !is_newer(&head, &before))
        return;
    if (!note_verify(note, context, &salvage->options.tree_id, signing_key, NULL) ||
        (context == HASH_CELLS && !write_parts(salvage, note)))
        return;
    updates_put(salvage->updates, TABLE_NOTES, SPAN(key, size), note);
    salvage_put(salvage, false);
}

void salvage_notes(struct salvage *salvage)
{
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    for (size_t i = 0; i < salvage->notes.count; i++)
        write_note(salvage, &salvage->notes.rows[i]);
    const struct view *view = salvage_view(salvage);
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND) {
        salvage->counts.notes++;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
    }
}
