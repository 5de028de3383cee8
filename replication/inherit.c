/* Figures of former machines of this seat (rules.md A28). Until a successor holds what its
 * predecessor's cut-off lists, as far as anybody else has it, the predecessor's last report stands.
 * Then the successor counts the predecessor's records, too: in cells of their own, a roll-up whose
 * group is [type, predecessor]; the one of type 0 says that all are, and how many they were
 * at first. Whoever holds that one
 * leaves the predecessor's own cells out: each record stands in one figure, at any time. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rollups.h"
#include "replication/trust.h"

static void group_write(uint16_t type, struct key_id predecessor, struct buffer *group)
{
    mp_write_array(group, 2);
    mp_write_uint(group, type);
    mp_write_bin(group, SPAN_OF_ARRAY(predecessor.bytes));
}

static void cell_set(struct step *step, uint16_t type, struct key_id predecessor, bool add,
                     int64_t value)
{
    struct buffer group = {0};
    group_write(type, predecessor, &group);
    struct cell cell = {.rollup = ROLLUP_INHERITED, .group = span_of_buffer(&group)};
    cells_set_own(step, &cell, add, value);
    buffer_free(&group);
}

static bool is_predecessor(const struct author *own, const struct author *author)
{
    return own != NULL && author != NULL && author->seat == own->seat &&
           author->generation < own->generation && !seat_status_is_in_force(author->status);
}

void inherit_count_record(struct step *step, const struct record_id *id,
                          const struct record_type *type, int change)
{
    struct key_id creator = record_id_author(id).author;
    const struct tree *tree = step->replica->tree;
    if (is_predecessor(tree_author(tree, step->replica->key_id), tree_author(tree, creator)) &&
        is_inherited_by(step->view, step->replica->key_id, creator))
        cell_set(step, type->number, creator, true, change);
}

/* ---- when ---- */

/* All that the parent has listed has come. The root has nobody above. */
static bool has_fetched(struct step *step)
{
    const struct session *parent = session_parent(step->replica);
    if (parent == NULL || parent->unsure || parent->over) /* one further above lists less */
        return own_seat(step->replica)->parent == NULL;
    struct stream_row *row = mem_alloc(sizeof *row);
    bool behind = false;
    for (const struct cursor *cursor = parent->cursors; cursor != NULL && !behind;
         cursor = cursor->hh.next) {
        uint32_t head = stream_row_read(step->view, &cursor->stream, row) ? row->head.seq : 0;
        behind = cursor->listed_seq > head || cursor->wanted;
    }
    free(row);
    return !behind;
}

/* What is here of it reaches as far as the cut-off says. What is nowhere else isn't here. */
static bool reaches(struct step *step, const struct author *predecessor)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct cut_off place;
    bool whole = true;
    for (unsigned i = 0; whole && cut_off_at(predecessor->cut_off, i, &place); i++) {
        struct stream_id id = {predecessor->id, place.epoch, place.stream, 0};
        whole = !stream_row_read(step->view, &id, row) || row->head.seq >= place.seq || row->forked;
    }
    free(row);
    return whole;
}

/* ---- what ---- */

struct counting {
    struct step *step;
    const struct record_type *type;
    struct key_id predecessor;
    int64_t alive;
};

static void count_epoch(void *context, uint32_t epoch)
{
    struct counting *counting = context;
    const struct view *view = counting->step->view;
    struct author_epoch author = {.author = counting->predecessor, .epoch = epoch};
    struct record_id id = record_id_make(&author, 1);
    uint8_t key[RECORD_KEY_BYTES + 1] = {0};
    size_t size = RECORD_KEY_BYTES;
    struct span found, value;
    if (!record_key(view, counting->type->number, &id, key))
        return;
    while (view->next(view->context, TABLE_RECORDS, SPAN(key, size), &found, &value) ==
               READ_FOUND &&
           found.size == RECORD_KEY_BYTES && memcmp(found.data, key, 2 + WHO_BYTES) == 0) {
        struct record_row row;
        memcpy(key, found.data, RECORD_KEY_BYTES);
        size = RECORD_KEY_BYTES + 1;
        if (record_row_read(view, key, &row) != ERR_OK)
            continue;
        counting->alive += row.located || (record_stands(row.state) && !record_deleted(row.state));
        record_free(row.state);
    }
}

static void inherit(struct step *step, const struct author *predecessor)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    int64_t found = 0;
    for (size_t i = 0; i < schema->type_count; i++) {
        struct counting counting = {step, &schema->types[i], predecessor->id, 0};
        if (schema->types[i].counted)
            who_each_epoch(step->view, predecessor->id, &counting, count_epoch);
        found += counting.alive;
        if (counting.alive != 0)
            cell_set(step, schema->types[i].number, predecessor->id, false, counting.alive);
    }
    cell_set(step, 0, predecessor->id, false, found);
    rollups_inherit(step, predecessor->id);
    updates_trace(step->updates, "count for generation %u", predecessor->generation);
}

void inherit_when_due(struct step *step)
{
    const struct tree *tree = step->replica->tree;
    const struct author *own = tree_author(tree, step->replica->key_id);
    const struct seat *seat = own_seat(step->replica);
    if (seat == NULL || own == NULL || own->generation <= 1 || tree_schema(tree) == NULL ||
        PLANTED(HEIR_SILENT))
        return;
    const struct held_document *listing = tree_listing_of(seat);
    for (size_t i = 0; listing != NULL && i < listing->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(listing->rows[i], &row, NULL) != ERR_OK ||
            strcmp(row.seat, seat->row.seat) != 0)
            continue;
        const struct author *author = tree_author(tree, key_id_of(row.signing_key));
        if (is_predecessor(own, author) && !is_inherited_by(step->view, own->id, author->id) &&
            has_fetched(step) && reaches(step, author))
            inherit(step, author);
    }
}

/* The former key's cells were this store's own, ahead of its last report: they are what that said,
 * as everywhere else. What is held of subtree streams this key has to say now. */
void inherit_put_in_order(struct step *step)
{
    struct replica *replica = step->replica;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    cells_as_reported(step, replica->former);
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        if (row->open.holders == HOLDERS_SUBTREE && id.branch == 0 &&
            !key_id_equal(id.author, replica->key_id))
            cells_received_stream(step, &id, row->head.seq);
    }
    free(row);
    replica->succeeds = false;
}
