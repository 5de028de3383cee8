/* A seat that has moved extends its open records whose circle holds its former parent by the new
 * one (rules.md 5, A8): cases go on being seen from above. Closed ones stay where they are until
 * they are opened again, and so do those that never left the seat. */
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"

enum {
    LOOKED_AT_A_BATCH = 512,
    EXTENDED_A_BATCH = 16,
    FORMER_KEY_BYTES_MAX = 1 + SEAT_BYTES_MAX,
};

static const uint8_t home_key[] = {'h'};

/* Rows: of a former parent by which records are being extended; of any, for ever; of a record that
 * was opened again. */
enum { FORMER_DUE = 'm', FORMER = 'o', OPENED = 'w' };

static struct span former_key(uint8_t key[static FORMER_KEY_BYTES_MAX], uint8_t letter,
                              struct span parent)
{
    key[0] = letter;
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
    if (known && before.size > 0 && before.size <= SEAT_BYTES_MAX) {
        updates_put(step->updates, TABLE_META, former_key(key, FORMER_DUE, before), SPAN("", 1));
        updates_put(step->updates, TABLE_META, former_key(key, FORMER, before), SPAN("", 1));
    }
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(home_key), now);
    if (now.size > 0 && step->view->get(step->view->context, TABLE_META,
                                        former_key(key, FORMER_DUE, now), &row) == READ_FOUND)
        updates_remove(step->updates, TABLE_META, former_key(key, FORMER_DUE, now));
}

bool home_is_open(const struct record_state *record, const struct record_type *type)
{
    return !record_deleted(record) && !record_closed(record, type);
}

/* A companion is open while what it belongs to is. */
static bool is_open_here(struct step *step, const struct record_state *record,
                         const struct record_type *type, const struct record_id *id)
{
    const struct record_type *of =
        type->companion_of == 0 ? NULL
                                : schema_type(tree_schema(step->replica->tree), type->companion_of);
    struct record_state *main = of == NULL ? NULL : load_record(step, of, id);
    bool open = main == NULL ? home_is_open(record, type) : home_is_open(main, of);
    record_free(main);
    return open;
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
    if (record != NULL && is_open_here(step, record, type, &id) &&
        load_circle(step, record, &id, NULL, &circle) && circle.holders != HOLDERS_SUBTREE &&
        circle_has(&circle, former) && !circle_has(&circle, parent)) {
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

/* The former parent behind `former`; false: there is none more. */
static bool next_former(struct step *step, uint8_t letter, char former[static SEAT_BYTES_MAX + 1],
                        struct span *value)
{
    uint8_t from[FORMER_KEY_BYTES_MAX + 1];
    struct span key, name = span_of_text(former);
    from[0] = letter;
    memcpy(from + 1, former, name.size + 1); /* with its end: what comes behind this row */
    if (step->view->next(step->view->context, TABLE_META,
                         SPAN(from, name.size == 0 ? 1 : name.size + 2), &key,
                         value) != READ_FOUND ||
        key.data[0] != letter || key.size < 2 || key.size > FORMER_KEY_BYTES_MAX)
        return false;
    memcpy(former, key.data + 1, key.size - 1);
    former[key.size - 1] = '\0';
    return true;
}

void home_opened(struct step *step, const uint8_t key[static RECORD_KEY_BYTES])
{
    char former[SEAT_BYTES_MAX + 1] = "";
    uint8_t row[1 + RECORD_KEY_BYTES] = {OPENED};
    struct span value;
    if (!next_former(step, FORMER, former, &value))
        return; /* a seat that never moved */
    memcpy(row + 1, key, RECORD_KEY_BYTES);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(row), SPAN("", 1));
    step->replica->home_due = true;
}

/* Some of what was opened again; true: that was all. */
static bool extend_opened(struct step *step, const struct seat *parent)
{
    const uint8_t from[] = {OPENED};
    for (unsigned i = 0; i < EXTENDED_A_BATCH; i++) {
        char former[SEAT_BYTES_MAX + 1] = "";
        uint8_t row[1 + RECORD_KEY_BYTES];
        struct span key, value;
        if (step->view->next(step->view->context, TABLE_META, SPAN_OF_ARRAY(from), &key, &value) !=
                READ_FOUND ||
            key.data[0] != OPENED || key.size != sizeof row)
            return true;
        memcpy(row, key.data, sizeof row);
        updates_remove(step->updates, TABLE_META, SPAN_OF_ARRAY(row));
        while (parent != NULL && next_former(step, FORMER, former, &value)) {
            if (strcmp(former, parent->row.seat) != 0)
                extend_one(step, row + 1, former, parent->row.seat);
        }
    }
    return false;
}

void home_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    const struct seat *own = own_seat(replica);
    struct span value;
    char former[SEAT_BYTES_MAX + 1] = "";
    uint8_t row[FORMER_KEY_BYTES_MAX], cursor[RECORD_KEY_BYTES + 1], next[RECORD_KEY_BYTES + 1];
    if (own == NULL)
        return;
    if (replica->home_seen != tree_change_count(replica->tree)) {
        replica->home_seen = tree_change_count(replica->tree);
        look_at_parent(step, own->parent);
        replica->home_due = true;
    }
    if (!replica->home_due)
        return;
    bool opened_done = extend_opened(step, own->parent);
    bool due = own->parent != NULL && next_former(step, FORMER_DUE, former, &value) &&
               value.size <= sizeof cursor && value.size > 0;
    replica->home_due = due || !opened_done;
    if (replica->home_due)
        replica->deadline_tick = step->tick_ms;
    if (!due)
        return;
    memcpy(cursor, value.data, value.size);
    struct span at = former_key(row, FORMER_DUE, span_of_text(former));
    if (extend_some(step, SPAN(cursor, value.size), former, own->parent->row.seat, next))
        updates_put(step->updates, TABLE_META, at, SPAN_OF_ARRAY(next));
    else
        updates_remove(step->updates, TABLE_META, at);
}
