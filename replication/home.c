/* A seat that has moved extends its open records whose circle holds its former parent by the new
 * one (rules.md 5, A8): cases go on being seen from above. Closed ones stay where they are, and so
 * do those that never left the seat. */
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"

enum {
    LOOKED_AT_A_BATCH = 512,
    EXTENDED_A_BATCH = 16,
    FORMER_KEY_BYTES_MAX = 1 + SEAT_BYTES_MAX,
};

static const uint8_t home_key[] = {'h'};

static struct span former_key(uint8_t key[static FORMER_KEY_BYTES_MAX], struct span parent)
{
    key[0] = 'm';
    memcpy(key + 1, parent.data, parent.size);
    return SPAN(key, 1 + parent.size);
}

/* The parent that this node last knew, against the one it has: a change begins the work, which is
 * a row for each former parent: the record's key that is next. */
static void look_at_parent(struct step *step, const struct seat *parent)
{
    uint8_t key[FORMER_KEY_BYTES_MAX];
    struct span now = parent == NULL ? SPAN_EMPTY : span_of_text(parent->row.seat), before, row;
    bool known = step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(home_key),
                                 &before) == READ_FOUND;
    if (known && span_equal(before, now))
        return;
    if (known && before.size > 0 && before.size <= SEAT_BYTES_MAX)
        updates_put(step->updates, TABLE_META, former_key(key, before), SPAN("", 1));
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(home_key), now);
    if (now.size > 0 &&
        step->view->get(step->view->context, TABLE_META, former_key(key, now), &row) == READ_FOUND)
        updates_remove(step->updates, TABLE_META, former_key(key, now));
}

static bool is_open(const struct record_type *type, const struct record_state *record)
{
    return !record_deleted(record) && !record_closed(record, type);
}

/* True: it was extended. */
static bool extend_one(struct step *step, const uint8_t key[static RECORD_KEY_BYTES],
                       const char *former, const char *parent)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    uint16_t number;
    struct record_id id;
    struct circle circle = {0};
    bool extended = false;
    if (!record_key_parse(step->view, SPAN(key, RECORD_KEY_BYTES), &number, &id))
        return false;
    const struct author *origin = tree_author(step->replica->tree, record_id_author(&id).author);
    const struct record_type *type = schema == NULL ? NULL : schema_type(schema, number);
    if (type == NULL || origin == NULL || origin->seat != own_seat(step->replica))
        return false;
    struct record_state *record = load_record(step, type, &id);
    if (record != NULL && is_open(type, record) && load_circle(step, record, &id, NULL, &circle) &&
        circle.holders != HOLDERS_SUBTREE && circle_has(&circle, former) &&
        !circle_has(&circle, parent)) {
        struct error error = {0};
        const char *seats[] = {parent};
        extended = write_extension(step, type, &id, &(struct seat_names){seats, 1},
                                   span_of_text("its seat has moved"), &error) == ERR_OK;
    }
    circle_free(&circle);
    record_free(record);
    return extended;
}

/* Records from the row's cursor on; false: they are done. */
static bool extend_some(struct step *step, struct span cursor, const char *former,
                        const char *parent, uint8_t next[static RECORD_KEY_BYTES + 1])
{
    size_t size = cursor.size;
    memcpy(next, cursor.data, size);
    for (unsigned looked = 0, extended = 0;
         looked < LOOKED_AT_A_BATCH && extended < EXTENDED_A_BATCH; looked++) {
        struct span key, value;
        if (step->view->next(step->view->context, TABLE_RECORDS, SPAN(next, size), &key, &value) !=
                READ_FOUND ||
            key.size != RECORD_KEY_BYTES)
            return false;
        memcpy(next, key.data, key.size);
        next[RECORD_KEY_BYTES] = 0;
        size = RECORD_KEY_BYTES + 1;
        extended += extend_one(step, next, former, parent);
    }
    return true;
}

void home_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    const struct seat *own = own_seat(replica);
    const uint8_t first[] = {'m'};
    struct span key, value;
    char former[SEAT_BYTES_MAX + 1] = "";
    uint8_t row[FORMER_KEY_BYTES_MAX], cursor[RECORD_KEY_BYTES + 1], next[RECORD_KEY_BYTES + 1];
    if (own == NULL ||
        (!replica->home_due && replica->home_seen == tree_change_count(replica->tree)))
        return;
    replica->home_seen = tree_change_count(replica->tree);
    look_at_parent(step, own->parent);
    replica->home_due = own->parent != NULL &&
                        step->view->next(step->view->context, TABLE_META, SPAN_OF_ARRAY(first),
                                         &key, &value) == READ_FOUND &&
                        key.data[0] == 'm' && key.size > 1 && key.size <= sizeof row &&
                        value.size <= sizeof cursor && value.size > 0;
    if (!replica->home_due)
        return;
    memcpy(row, key.data, key.size);
    memcpy(former, key.data + 1, key.size - 1);
    memcpy(cursor, value.data, value.size);
    struct span at = SPAN(row, key.size);
    if (extend_some(step, SPAN(cursor, value.size), former, own->parent->row.seat, next))
        updates_put(step->updates, TABLE_META, at, SPAN_OF_ARRAY(next));
    else
        updates_remove(step->updates, TABLE_META, at);
    replica->deadline_tick = step->tick_ms;
}
