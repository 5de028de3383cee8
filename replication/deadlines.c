/* When records are overdue.
 *
 * A view, made of a claimed clock, the type's limit and the calendars that are held: no verdict
 * hangs on it. It is kept as rows found by time, so that a list of what is overdue and the next
 * look cost what they show. What makes it otherwise without a fold, calendars and types, walks over
 * the rows in bounded steps; the walk's place is a row too. */
#include "replication/deadlines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/entry_parts.h"
#include "replication/rollups.h"
#include "schema/calendar.h"

enum {
    WALKED_A_BATCH = 64,
    LOOKED_AT_A_BATCH = 16,
    CALENDARS_MAX = 1024, /* seats by years; what is beyond says nothing */
    CALENDARS_NEAR_MAX = 64,
};

/* 'y' ‖ ... : the version of the types that all records were walked by; where a walk over all
 * records, or over those with a limit, goes on. */
enum { WALK = 'y', WALK_VERSION = 'v', WALK_RECORDS = 'r', WALK_LIMITS = 'l', WALK_KEY_BYTES = 2 };

struct held_calendar {
    struct record_id id;
    struct calendar calendar;
};

struct calendars {
    size_t count, capacity;
    struct held_calendar *at;
};

void calendars_free(struct replica *replica)
{
    if (replica->calendars != NULL)
        free(replica->calendars->at);
    free(replica->calendars);
    replica->calendars = NULL;
}

static bool has_limits(const struct record_type *type)
{
    const struct workflow *workflow = type->workflow;
    for (size_t i = 0; workflow != NULL && i < workflow->state_count; i++) {
        if (workflow->states[i].within > 0)
            return true;
    }
    return false;
}

/* ---- calendars ---- */

static void read_calendars_of(struct step *step, const struct record_type *type)
{
    struct calendars *calendars = step->replica->calendars;
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    size_t size = 2;
    struct span key, value;
    write_u16(from, type->number);
    while (calendars->count < CALENDARS_MAX &&
           step->view->next(step->view->context, TABLE_RECORDS, SPAN(from, size), &key, &value) ==
               READ_FOUND &&
           key.size == RECORD_KEY_BYTES && read_u16(key.data) == type->number) {
        uint16_t number;
        struct held_calendar held = {0};
        memcpy(from, key.data, RECORD_KEY_BYTES);
        size = sizeof from;
        struct record_state *record =
            record_key_parse(step->view, SPAN(from, RECORD_KEY_BYTES), &number, &held.id)
                ? load_record(step, type, &held.id)
                : NULL;
        if (record != NULL && record_stands(record) &&
            calendar_read(record, type, &held.calendar)) {
            if (calendars->count == calendars->capacity) {
                calendars->capacity = calendars->capacity == 0 ? 4 : 2 * calendars->capacity;
                calendars->at =
                    mem_resize(calendars->at, calendars->capacity * sizeof calendars->at[0]);
            }
            calendars->at[calendars->count++] = held;
        }
        record_free(record);
    }
}

static const struct calendars *calendars_held(struct step *step)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    if (step->replica->calendars != NULL)
        return step->replica->calendars;
    step->replica->calendars = mem_alloc(sizeof *step->replica->calendars);
    for (size_t i = 0; i < schema->type_count; i++) {
        if (schema->types[i].calendar != NULL)
            read_calendars_of(step, &schema->types[i]);
    }
    return step->replica->calendars;
}

struct near {
    struct calendar at[CALENDARS_NEAR_MAX];
    struct record_id ids[CALENDARS_NEAR_MAX];
    size_t count;
};

/* Of two by one seat for one year the one with the greater id counts, everywhere alike. */
static void add_near(struct near *near, size_t first, const struct held_calendar *held)
{
    size_t place = first;
    while (place < near->count && near->at[place].year != held->calendar.year)
        place++;
    if (place == CALENDARS_NEAR_MAX ||
        (place < near->count && memcmp(near->ids[place].bytes, held->id.bytes, 16) > 0))
        return;
    near->at[place] = held->calendar;
    near->ids[place] = held->id;
    near->count += place == near->count ? 1 : 0;
}

/* Those of the seat and of all above it, the nearest first. */
static void find_near(struct step *step, const struct seat *origin, struct near *near)
{
    const struct calendars *calendars = calendars_held(step);
    near->count = 0;
    for (const struct seat *seat = origin; seat != NULL; seat = seat->parent) {
        size_t first = near->count;
        for (size_t i = 0; i < calendars->count; i++) {
            const struct author *author =
                tree_author(step->replica->tree, record_id_author(&calendars->at[i].id).author);
            if (author != NULL && author->seat == seat)
                add_near(near, first, &calendars->at[i]);
        }
    }
}

/* ---- when ---- */

struct standing deadline_standing(const struct record_state *record, const struct record_type *type,
                                  const struct record_id *id)
{
    const struct operation *entered = record_entered(record, type);
    const struct workflow_state *state = record_workflow_state(record, type);
    if (entered == NULL)
        entered = record_creation(record, id);
    if (state == NULL || state->within == 0 || entered == NULL || !record_stands(record) ||
        record_deleted(record))
        return (struct standing){NULL, NULL};
    return (struct standing){state, entered};
}

static uint64_t due_of(struct step *step, const struct record_id *id,
                       const struct workflow_state *state, uint64_t since_ms)
{
    const struct author *origin = tree_author(step->replica->tree, record_id_author(id).author);
    if (state->unit != WITHIN_WORKING_DAYS)
        return deadline_after(since_ms, state->within, state->unit, NULL, 0);
    struct near *near = mem_alloc(sizeof *near);
    find_near(step, origin == NULL ? NULL : origin->seat, near);
    uint64_t due = deadline_after(since_ms, state->within, state->unit, near->at, near->count);
    free(near);
    return due;
}

/* `again`: it is looked at again even if it was settled. */
static void put(struct step *step, const uint8_t key[static RECORD_KEY_BYTES],
                const struct workflow_state *state, uint64_t due_ms, bool again)
{
    struct deadline_row row = {due_ms, 0}, before = deadline_row_read(step->view, key);
    if (due_ms != 0 && state->rise != RISE_NONE)
        row.look_ms = before.due_ms == due_ms && !again ? before.look_ms : due_ms;
    if (deadline_row_write(step->updates, key, row))
        step->replica->look_ms = step->replica->overdue_ms = 0;
}

static void judge_due(struct step *step, const struct record_type *type, const struct record_id *id,
                      const struct record_state *record, bool again,
                      const uint8_t key[static RECORD_KEY_BYTES])
{
    struct standing standing = {NULL, NULL};
    if (record != NULL)
        standing = deadline_standing(record, type, id);
    uint64_t due =
        standing.state == NULL ? 0 : due_of(step, id, standing.state, standing.entered->clock);
    put(step, key, standing.state, due, again);
}

/* A calendar is another one now: what has a limit is walked over. */
static void calendars_changed(struct step *step)
{
    static const uint8_t key[WALK_KEY_BYTES] = {WALK, WALK_LIMITS};
    calendars_free(step->replica);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN("", 1));
    step->replica->deadlines_walk = true;
}

void deadline_folded(struct step *step, const struct record_type *type, const struct record_id *id,
                     const struct record_state *record, const struct operation *op)
{
    uint8_t key[RECORD_KEY_BYTES];
    if (type->calendar != NULL)
        calendars_changed(step);
    if (!has_limits(type) || !record_key(step->view, type->number, id, key))
        return;
    if (record != NULL || op == NULL) {
        bool again = op == NULL || op->extends || op->transition != 0;
        judge_due(step, type, id, record, again, key);
        return;
    }
    const struct workflow_state *state = workflow_initial(type->workflow);
    bool counts = op->verdict == OPERATION_ADMITTED && op->deletes != 1 && state->within > 0;
    put(step, key, state, counts ? due_of(step, id, state, op->clock) : 0, true);
}

/* ---- walks ---- */

static void judge_again(struct step *step, const uint8_t key[static RECORD_KEY_BYTES])
{
    const struct schema *schema = tree_schema(step->replica->tree);
    uint16_t number;
    struct record_id id;
    if (!record_key_parse(step->view, SPAN(key, RECORD_KEY_BYTES), &number, &id))
        return;
    const struct record_type *type = schema_type(schema, number);
    struct record_state *record = type == NULL ? NULL : load_record(step, type, &id);
    if (type != NULL && record != NULL) {
        struct rollups_before before;
        rollups_note(step, type, &id, record, &before);
        judge_due(step, type, &id, record, false, key);
        rollups_put(step, type, &id, record, &before);
    }
    record_free(record);
}

/* The next record of a type that has limits. */
static bool next_record(struct step *step, struct span behind,
                        uint8_t record[static RECORD_KEY_BYTES])
{
    const struct schema *schema = tree_schema(step->replica->tree);
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    size_t size = 1;
    struct span key, value;
    if (behind.size == RECORD_KEY_BYTES) {
        memcpy(from, behind.data, RECORD_KEY_BYTES);
        size = sizeof from;
    }
    while (step->view->next(step->view->context, TABLE_RECORDS, SPAN(from, size), &key, &value) ==
               READ_FOUND &&
           key.size == RECORD_KEY_BYTES) {
        uint16_t number = read_u16(key.data);
        const struct record_type *type = schema_type(schema, number);
        if (type != NULL && has_limits(type)) {
            memcpy(record, key.data, RECORD_KEY_BYTES);
            return true;
        }
        if (number == UINT16_MAX)
            return false;
        write_u16(from, (uint16_t)(number + 1));
        size = 2;
    }
    return false;
}

/* A bounded piece of a walk that is under way; true: there is more of it. */
static bool walk_on(struct step *step, uint8_t what)
{
    const uint8_t row[WALK_KEY_BYTES] = {WALK, what};
    uint8_t record[RECORD_KEY_BYTES];
    struct span value;
    if (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(row), &value) != READ_FOUND)
        return false;
    bool begun = value.size == RECORD_KEY_BYTES, more = true;
    if (begun)
        memcpy(record, value.data, RECORD_KEY_BYTES);
    for (unsigned i = 0; more && i < WALKED_A_BATCH; i++) {
        struct span behind = begun ? SPAN_OF_ARRAY(record) : SPAN_EMPTY;
        more = what == WALK_RECORDS ? next_record(step, behind, record)
                                    : deadline_limit_next(step->view, behind, record);
        begun = true;
        if (more)
            judge_again(step, record);
    }
    if (more)
        updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(row), SPAN_OF_ARRAY(record));
    else
        updates_remove(step->updates, TABLE_META, SPAN_OF_ARRAY(row));
    return more;
}

/* Other types may set other limits to what is here, or none to what had one. */
static void look_at_types(struct step *step, const struct schema *schema)
{
    static const uint8_t version_key[WALK_KEY_BYTES] = {WALK, WALK_VERSION};
    static const uint8_t records_key[WALK_KEY_BYTES] = {WALK, WALK_RECORDS};
    static const uint8_t limits_key[WALK_KEY_BYTES] = {WALK, WALK_LIMITS};
    struct replica *replica = step->replica;
    uint8_t version[4], record[RECORD_KEY_BYTES];
    struct span value;
    bool limits = deadline_limit_next(step->view, SPAN_EMPTY, record);
    replica->deadline_version = schema->version;
    calendars_free(replica);
    for (size_t i = 0; i < schema->type_count; i++)
        limits = limits || has_limits(&schema->types[i]);
    write_u32(version, schema->version);
    if (!limits || (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(version_key),
                                    &value) == READ_FOUND &&
                    span_equal(value, SPAN_OF_ARRAY(version))))
        return;
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(version_key), SPAN_OF_ARRAY(version));
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(records_key), SPAN("", 1));
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(limits_key), SPAN("", 1));
    replica->deadlines_walk = true;
}

/* ---- looks ---- */

static void look_at(struct step *step, const uint8_t key[static RECORD_KEY_BYTES])
{
    const struct schema *schema = tree_schema(step->replica->tree);
    struct deadline_row row = deadline_row_read(step->view, key);
    uint16_t number;
    struct record_id id;
    row.look_ms = 0;
    if (record_key_parse(step->view, SPAN(key, RECORD_KEY_BYTES), &number, &id) &&
        schema_type(schema, number) != NULL)
        row.look_ms = rise_look_at(step, schema_type(schema, number), &id, row.due_ms);
    deadline_row_write(step->updates, key, row);
}

static void look_at_what_is_due(struct step *step)
{
    struct replica *replica = step->replica;
    uint8_t place[DEADLINE_PLACE_BYTES];
    for (unsigned i = 0; i < LOOKED_AT_A_BATCH; i++) {
        bool any = deadline_row_next(step->view, DEADLINE_LOOK, SPAN_EMPTY, place);
        replica->look_ms = any ? read_u64(place) : UINT64_MAX;
        if (replica->look_ms > step->wall_ms)
            return;
        look_at(step, place + 8);
        replica->look_ms = 0;
    }
}

void deadlines_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    const struct schema *schema = tree_schema(replica->tree);
    if (schema == NULL || own_seat(replica) == NULL)
        return;
    if (replica->deadline_version != schema->version)
        look_at_types(step, schema);
    if (replica->deadlines_walk) {
        bool records = walk_on(step, WALK_RECORDS), limits = walk_on(step, WALK_LIMITS);
        replica->deadlines_walk = records || limits;
    }
    if (replica->look_ms <= step->wall_ms && clock_is_good(step))
        look_at_what_is_due(step);
    uint64_t wait = replica->look_ms > step->wall_ms ? replica->look_ms - step->wall_ms : 0;
    bool waits = replica->look_ms != UINT64_MAX && clock_is_good(step);
    if (replica->deadlines_walk)
        wait = 0;
    if ((waits || replica->deadlines_walk) && wait < CLOCK_LIMIT &&
        step->tick_ms + wait < replica->deadline_tick)
        replica->deadline_tick = step->tick_ms + wait;
}
