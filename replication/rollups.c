/* Declared roll-ups: cells follow the records in the same step; what the types add is built in
 * bounded pieces, by the order of records' keys, and isn't told before it is whole: a record
 * before the place that the walk has reached is counted as it changes, one behind it is not. */
#include "replication/rollups.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/deadlines.h"
#include "replication/format/entry_parts.h"
#include "replication/trust.h"

enum { BUILT_A_BATCH = 64, PASSED_A_BATCH = 64 };

/* 'y' ‖ 'b' ‖ roll-up 2 ‖ type 2 -> fingerprint 8 ‖ the last record that is in, 9 or 0. */
enum { JOB_KEY_BYTES = 6, JOB_BYTES = 8 };

static void job_key(const struct rollup *rollup, const struct record_type *type,
                    uint8_t key[static JOB_KEY_BYTES])
{
    key[0] = 'y';
    key[1] = 'b';
    write_u16(key + 2, rollup->number);
    write_u16(key + 4, type->number);
}

static struct cell_desk desk_of(struct step *step)
{
    return (struct cell_desk){.view = step->view,
                              .updates = step->updates,
                              .own = step->replica->key_id,
                              .report = step->replica->report_k + 1,
                              .changed_ms = time_as_signed(step)};
}

static void desk_done(struct step *step, const struct cell_desk *desk)
{
    step->replica->cells_changed = step->replica->cells_changed || desk->changed;
}

static struct cell_whose whose_record(struct step *step, const struct record_id *id)
{
    const struct tree *tree = step->replica->tree;
    struct key_id creator = record_id_author(id).author;
    struct cell_whose whose = {.former = creator};
    whose.here = key_id_equal(creator, step->replica->key_id);
    if (whose.here)
        return whose;
    const struct author *own = tree_author(tree, step->replica->key_id);
    const struct author *author = tree_author(tree, creator);
    whose.inherits = own != NULL && author != NULL && author->seat == own->seat &&
                     author->generation < own->generation &&
                     !seat_status_is_in_force(author->status) &&
                     is_inherited_by(step->view, step->replica->key_id, creator);
    whose.here = whose.inherits || PLANTED(ORIGIN_COUNTED_TWICE);
    return whose;
}

/* ---- what is being built ---- */

static void built_put(struct step *step, const struct rollup *rollup,
                      const struct record_type *type)
{
    struct buffer group = {0};
    rollup_built_group(rollup, type, &group);
    struct cell cell = {.rollup = ROLLUP_BUILT, .group = span_of_buffer(&group)};
    cells_set_own(step, &cell, false, rollup_fingerprint(rollup, type));
    buffer_free(&group);
}

/* Our own cells of these numbers, with and without the bits above. */
static void cells_clear(struct step *step, const struct rollup *rollup)
{
    for (unsigned bits = 0; bits < 4; bits++) {
        uint16_t number = (uint16_t)(rollup->number | bits << 14);
        struct buffer from = {0};
        struct span key, value;
        buffer_append_u16(&from, number);
        while (rollup->number != ROLLUP_OVERDUE &&
               step->view->next(step->view->context, TABLE_CELLS, span_of_buffer(&from), &key,
                                &value) == READ_FOUND &&
               key.size >= 10 && key.size < STORE_KEY_BYTES_MAX && read_u16(key.data) == number) {
            bool own = memcmp(key.data + key.size - KEY_ID_BYTES, step->replica->key_id.bytes,
                              KEY_ID_BYTES) == 0;
            buffer_clear(&from);
            buffer_append_span(&from, key);
            if (own)
                updates_remove(step->updates, TABLE_CELLS, span_of_buffer(&from));
            buffer_append_byte(&from, 0);
        }
        buffer_free(&from);
    }
}

static void job_begin(struct step *step, const struct rollup *rollup,
                      const struct record_type *type)
{
    uint8_t key[JOB_KEY_BYTES], value[JOB_BYTES];
    struct buffer group = {0};
    uint8_t cell_bytes[CELL_KEY_BYTES_MAX];
    job_key(rollup, type, key);
    write_u64(value, (uint64_t)rollup_fingerprint(rollup, type));
    cells_clear(step, rollup);
    rollup_built_group(rollup, type, &group);
    struct cell cell = {.rollup = ROLLUP_BUILT, .group = span_of_buffer(&group)};
    size_t size = cell_key(cell_bytes, &cell, step->replica->key_id);
    updates_remove(step->updates, TABLE_CELLS, SPAN(cell_bytes, size));
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
    buffer_free(&group);
}

static bool job_read(struct step *step, const struct rollup *rollup, const struct record_type *type,
                     struct span *value)
{
    uint8_t key[JOB_KEY_BYTES];
    job_key(rollup, type, key);
    return step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), value) ==
               READ_FOUND &&
           (value->size == JOB_BYTES || value->size == JOB_BYTES + RECORD_KEY_BYTES);
}

/* Which roll-ups have to be built by the types in force: those that aren't, or aren't as these
 * types mean them. */
static void look_at_types(struct step *step, const struct schema *schema)
{
    struct replica *replica = step->replica;
    replica->rollups_version = schema->version;
    replica->rollups_building = replica->rollups_timed = false;
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        for (size_t j = 0; j < type_rollup_count(type); j++) {
            const struct rollup *rollup = type_rollup_at(type, j);
            struct span job;
            replica->rollups_timed = replica->rollups_timed || rollup_is_timed(rollup);
            if (rollup_is_built(step->view, replica->key_id, rollup, type))
                continue;
            replica->rollups_building = true;
            if (!job_read(step, rollup, type, &job) ||
                read_u64(job.data) != (uint64_t)rollup_fingerprint(rollup, type))
                job_begin(step, rollup, type);
        }
    }
}

static void look(struct step *step)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    if (schema != NULL && step->replica->rollups_version != schema->version)
        look_at_types(step, schema);
}

/* Whether the record is in what is counted so far. */
static bool is_reached(struct step *step, const struct rollup *rollup,
                       const struct record_type *type,
                       const uint8_t record[static RECORD_KEY_BYTES])
{
    struct span job;
    if (!step->replica->rollups_building || !job_read(step, rollup, type, &job))
        return true;
    return job.size == JOB_BYTES + RECORD_KEY_BYTES &&
           memcmp(record, job.data + JOB_BYTES, RECORD_KEY_BYTES) <= 0;
}

/* ---- a record that changes ---- */

static void shares_free(struct rollups_before *before)
{
    for (size_t i = 0; i < before->count; i++)
        rollup_share_free(&before->shares[i]);
    free(before->shares);
    *before = (struct rollups_before){0};
}

static void shares_of(struct step *step, const struct record_type *type, const struct record_id *id,
                      const struct record_state *state, struct rollups_before *shares)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct overdue_place place;
    bool overdue = false;
    shares->count = type_rollup_count(type);
    shares->shares = mem_alloc((shares->count + 1) * sizeof *shares->shares);
    if (state == NULL)
        return;
    if (step->replica->rollups_timed && record_key(step->view, type->number, id, key)) {
        overdue_place_read(step->view, &place);
        overdue = overdue_by(step->view, &place, key);
    }
    for (size_t i = 0; i < shares->count; i++)
        type_share(type_rollup_at(type, i), type, state, id, overdue, &shares->shares[i]);
}

void rollups_note(struct step *step, const struct record_type *type, const struct record_id *id,
                  const struct record_state *state, struct rollups_before *before)
{
    *before = (struct rollups_before){0};
    if (type_rollup_count(type) == 0)
        return;
    look(step);
    before->whose = whose_record(step, id);
    if (before->whose.here)
        shares_of(step, type, id, state, before);
}

/* Of a planted bug: the period of what changes is over. */
static bool has_ended(const struct rollup *rollup, const struct rollup_share *before,
                      const struct rollup_share *after, uint64_t now_ms)
{
    int32_t period = after->there ? after->period : before->period;
    return rollup_period_end_ms(rollup, period) < (int64_t)now_ms;
}

void rollups_put(struct step *step, const struct record_type *type, const struct record_id *id,
                 const struct record_state *state, struct rollups_before *before)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct rollups_before after = {0};
    if (before->shares == NULL || !record_key(step->view, type->number, id, key)) {
        shares_free(before);
        return;
    }
    struct cell_desk desk = desk_of(step);
    shares_of(step, type, id, state, &after);
    for (size_t i = 0; i < after.count; i++) {
        const struct rollup *rollup = type_rollup_at(type, i);
        if (rollup_share_equal(&before->shares[i], &after.shares[i]) ||
            !is_reached(step, rollup, type, key) ||
            (PLANTED(LATE_FORGOTTEN) &&
             has_ended(rollup, &before->shares[i], &after.shares[i], desk.changed_ms)))
            continue;
        if (before->shares[i].there)
            rollup_cells_put(&desk, rollup, &before->whose, &before->shares[i], -1);
        if (after.shares[i].there)
            rollup_cells_put(&desk, rollup, &before->whose, &after.shares[i], 1);
    }
    desk_done(step, &desk);
    shares_free(&after);
    shares_free(before);
}

void rollups_put_entry(struct step *step, const struct record_type *type,
                       const struct located_entry *located, const struct record_state *state,
                       struct rollups_before *before)
{
    const struct record_id *id = &located->entry->record;
    struct record_state *alone = NULL;
    if (state == NULL && before->shares != NULL)
        alone = record_from_entry(step->replica->tree, type, id, located);
    rollups_put(step, type, id, alone != NULL ? alone : state, before);
    record_free(alone);
}

/* ---- walks ---- */

/* The next record of a type behind a place. */
static bool next_record(const struct view *view, const struct record_type *type,
                        uint8_t place[static RECORD_KEY_BYTES], bool begun)
{
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    struct span key, value;
    size_t size = 2;
    write_u16(from, type->number);
    if (begun) {
        memcpy(from, place, RECORD_KEY_BYTES);
        size = sizeof from;
    }
    if (view->next(view->context, TABLE_RECORDS, SPAN(from, size), &key, &value) != READ_FOUND ||
        key.size != RECORD_KEY_BYTES || read_u16(key.data) != type->number)
        return false;
    memcpy(place, key.data, RECORD_KEY_BYTES);
    return true;
}

static void count_record(struct step *step, const struct rollup *rollup,
                         const struct record_type *type, const uint8_t key[static RECORD_KEY_BYTES])
{
    uint16_t number;
    struct record_id id;
    struct rollup_share share = {0};
    struct overdue_place place;
    if (!record_key_parse(step->view, SPAN(key, RECORD_KEY_BYTES), &number, &id))
        return;
    struct cell_whose whose = whose_record(step, &id);
    struct record_state *state = whose.here ? load_record(step, type, &id) : NULL;
    if (state == NULL)
        return;
    overdue_place_read(step->view, &place);
    type_share(rollup, type, state, &id, overdue_by(step->view, &place, key), &share);
    struct cell_desk desk = desk_of(step);
    desk.changed_ms = 0; /* what is built is no correction */
    if (share.there)
        rollup_cells_put(&desk, rollup, &whose, &share, 1);
    desk_done(step, &desk);
    rollup_share_free(&share);
    record_free(state);
}

/* A piece of one; true: it is whole. */
static bool build_on(struct step *step, const struct rollup *rollup, const struct record_type *type,
                     unsigned *room)
{
    uint8_t key[JOB_KEY_BYTES], value[JOB_BYTES + RECORD_KEY_BYTES];
    struct span job;
    job_key(rollup, type, key);
    if (!job_read(step, rollup, type, &job))
        return true;
    size_t size = job.size;
    memcpy(value, job.data, size);
    bool more = true;
    for (; more && *room > 0; --*room) {
        more = next_record(step->view, type, value + JOB_BYTES, size > JOB_BYTES);
        if (more)
            count_record(step, rollup, type, value + JOB_BYTES);
        size = more ? sizeof value : size;
    }
    if (more || (rollup_is_timed(rollup) && step->replica->overdue_ms == 0)) {
        updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN(value, size));
        return false;
    }
    updates_remove(step->updates, TABLE_META, SPAN_OF_ARRAY(key));
    built_put(step, rollup, type);
    return true;
}

/* True: there is more of it. */
static bool build(struct step *step, const struct schema *schema)
{
    unsigned room = BUILT_A_BATCH;
    bool whole = true;
    for (size_t i = 0; i < schema->type_count && room > 0; i++) {
        const struct record_type *type = &schema->types[i];
        for (size_t j = 0; j < type_rollup_count(type) && room > 0; j++)
            whole = build_on(step, type_rollup_at(type, j), type, &room) && whole;
    }
    step->replica->rollups_building = !whole || room == 0;
    return room == 0;
}

void rollups_inherit(struct step *step, struct key_id former)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    look(step);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        uint8_t key[RECORD_KEY_BYTES];
        uint16_t number;
        struct record_id id;
        for (bool begun = false;
             type_rollup_count(type) > 0 && next_record(step->view, type, key, begun);
             begun = true) {
            if (!record_key_parse(step->view, SPAN_OF_ARRAY(key), &number, &id) ||
                !key_id_equal(record_id_author(&id).author, former))
                continue;
            for (size_t j = 0; j < type_rollup_count(type); j++) {
                if (is_reached(step, type_rollup_at(type, j), type, key))
                    count_record(step, type_rollup_at(type, j), type, key);
            }
        }
    }
}

/* ---- deadlines that pass ---- */

static void pass(struct step *step, const struct overdue_place *to,
                 const uint8_t record[static RECORD_KEY_BYTES])
{
    const struct schema *schema = tree_schema(step->replica->tree);
    uint16_t number = 0;
    struct record_id id;
    struct rollups_before before = {0};
    bool parsed = record_key_parse(step->view, SPAN(record, RECORD_KEY_BYTES), &number, &id);
    const struct record_type *type = parsed ? schema_type(schema, number) : NULL;
    struct record_state *state = NULL;
    if (type != NULL && type_rollup_count(type) > 0 && whose_record(step, &id).here)
        state = load_record(step, type, &id);
    if (state != NULL)
        rollups_note(step, type, &id, state, &before);
    overdue_place_write(step->updates, to);
    if (state != NULL)
        rollups_put(step, type, &id, state, &before);
    record_free(state);
}

/* The clock was set back: what isn't due any more. */
static bool pass_back(struct step *step, struct overdue_place *place)
{
    uint8_t from[1 + DEADLINE_PLACE_BYTES] = {DEADLINE_DUE}, record[RECORD_KEY_BYTES];
    struct span key, value;
    memcpy(from + 1, place->bytes, sizeof place->bytes);
    if (step->view->previous(step->view->context, TABLE_META, SPAN_OF_ARRAY(from), &key, &value) !=
            READ_FOUND ||
        key.size != sizeof from || key.data[0] != DEADLINE_DUE ||
        read_u64(key.data + 1) <= step->wall_ms)
        return false;
    memcpy(place->bytes, key.data + 1, sizeof place->bytes);
    memcpy(record, place->bytes + 8, sizeof record);
    for (size_t i = sizeof place->bytes; i-- > 0 && place->bytes[i]-- == 0;)
        ; /* one less, as a number */
    pass(step, place, record);
    return true;
}

static bool pass_on(struct step *step, struct overdue_place *place)
{
    uint8_t next[DEADLINE_PLACE_BYTES];
    if (!deadline_row_next(step->view, DEADLINE_DUE, SPAN_OF_ARRAY(place->bytes), next)) {
        step->replica->overdue_ms = UINT64_MAX;
        return false;
    }
    step->replica->overdue_ms = read_u64(next);
    if (read_u64(next) > step->wall_ms)
        return false;
    memcpy(place->bytes, next, sizeof next);
    pass(step, place, next + 8);
    step->replica->overdue_ms = 0;
    return true;
}

/* True: there is more of it. */
static bool deadlines_pass(struct step *step)
{
    struct overdue_place place;
    unsigned i = 0;
    overdue_place_read(step->view, &place);
    while (i < PASSED_A_BATCH && read_u64(place.bytes) > step->wall_ms && pass_back(step, &place))
        i++;
    while (i < PASSED_A_BATCH && pass_on(step, &place))
        i++;
    return i == PASSED_A_BATCH;
}

void rollups_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    const struct schema *schema = tree_schema(replica->tree);
    bool more = false;
    if (schema == NULL)
        return;
    look(step);
    bool passes = replica->rollups_timed && clock_is_good(step);
    if (passes && (replica->overdue_ms <= step->wall_ms || replica->rollups_building))
        more = deadlines_pass(step);
    if (replica->rollups_building)
        more = build(step, schema) || more;
    uint64_t wait = replica->overdue_ms > step->wall_ms ? replica->overdue_ms - step->wall_ms : 0;
    if (more)
        wait = 0;
    else if (!passes || replica->overdue_ms >= CLOCK_LIMIT)
        return;
    if (step->tick_ms + wait < replica->deadline_tick)
        replica->deadline_tick = step->tick_ms + wait;
}
