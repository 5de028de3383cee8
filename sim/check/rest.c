/* What must hold when nothing moves, from the books: each record that something has come to since
 * the last look is read at every member of its circle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

bool record_lives(const struct model *model, const struct model_record *record)
{
    for (size_t i = 0; i < record->op_count && !record->baseless; i++) {
        if (model->ops[record->ops[i]].fate == MODEL_DONE && !model->ops[record->ops[i]].cut)
            return true;
    }
    return false;
}

/* ---- operations ---- */

static void say_missing(struct model *model, const struct model_op *op)
{
    const struct model_record *record = &model->records[op->record];
    if (model_has_twins(model, record))
        return; /* check_twins */
    for (size_t i = 0; i < model_circle_size(model, record); i++) {
        size_t seat = model_circle_seat(model, record, i);
        if (!model_holds(model, op, seat) && !model_is_free(record, i))
            findings_add(model->findings, seat == op->seat ? FINDING_LOST : FINDING_WAITING,
                         "write %llu of %s is not at %s", (unsigned long long)op->serial,
                         model->county->seats[op->seat].code, model->county->seats[seat].code);
    }
}

static void check_ops(struct model *model)
{
    for (size_t i = 0; i < model->op_count; i++) {
        const struct model_op *op = &model->ops[i];
        if (op->acknowledged && op->fate == MODEL_ASKED)
            findings_add(model->findings, FINDING_LOST,
                         "write %llu was acknowledged and is nowhere",
                         (unsigned long long)op->serial);
        else if (model->missing > 0 && op->fate == MODEL_DONE && op->in_log && !op->forked &&
                 !op->cut)
            say_missing(model, op);
    }
}

/* ---- records ---- */

/* Whether a node holds all that was written to a record. */
static bool has_all(const struct model *model, const struct model_record *record, size_t seat)
{
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        if (op->fate == MODEL_DONE && !op->forked && !op->cut && !model_holds(model, op, seat))
            return false;
    }
    return true;
}

/* A row that names its creation alone names the one that was written. */
static bool located_rightly(const struct model *model, const struct model_record *record,
                            const struct record_row *row)
{
    struct author_epoch author = record_id_author(&record->id);
    uint8_t name[KEY_ID_BYTES + 6];
    memcpy(name, author.author.bytes, KEY_ID_BYTES);
    write_u32(name + KEY_ID_BYTES, author.epoch);
    write_u16(name + KEY_ID_BYTES + 4, row->stream);
    struct hash stream_name = place_name(SPAN_OF_ARRAY(name));
    size_t place = places_find(&model->stream_names, &stream_name);
    const struct model_stream *stream = place == SIZE_MAX ? NULL : &model->streams[place];
    if (stream == NULL || row->seq >= stream->signed_to)
        return false;
    size_t op = model->entries[stream->signed_at[row->seq]].op, done = 0;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *found = &model->ops[record->ops[i]];
        done += found->fate == MODEL_DONE && !found->cut;
    }
    return record->forked || (done == 1 && op != SIZE_MAX && model->ops[op].kind == WRITE_PUT &&
                              &model->records[model->ops[op].record] == record);
}

enum standing { ABSENT, UNREADABLE, LOCATED, FOLDED };

struct standing_row {
    enum standing standing;
    struct hash state; /* where folded: of the canonical bytes */
    bool listed;
};

static struct standing_row read_standing(const struct model *model,
                                         const struct model_record *record, uint64_t clock,
                                         size_t node)
{
    const struct view *view = world_view(model->world, node);
    struct standing_row standing = {.standing = ABSENT};
    uint8_t key[RECORD_KEY_BYTES], index[INDEX_KEY_BYTES];
    struct record_row row = {0};
    struct span value;
    if (!record_key(view, (uint16_t)record->type, &record->id, key))
        return standing;
    index_key(index, clock, key);
    standing.listed =
        view->get(view->context, TABLE_INDEX, SPAN_OF_ARRAY(index), &value) == READ_FOUND;
    if (record_row_read(view, key, &row) != ERR_OK) {
        standing.standing = UNREADABLE;
    } else if (row.present && row.located) {
        standing.standing = located_rightly(model, record, &row) ? LOCATED : UNREADABLE;
    } else if (row.present) {
        struct buffer bytes = {0};
        record_canonical(row.state, &bytes);
        standing.standing = FOLDED;
        standing.state = hash_of(HASH_BODY, span_of_buffer(&bytes));
        buffer_free(&bytes);
    }
    record_free(row.state);
    return standing;
}

bool model_state_text(const struct model *model, size_t record, size_t node, struct buffer *text)
{
    const struct model_record *asked = &model->records[record];
    struct buffer described = {0};
    bool read = query_record(world_view(model->world, node), model->county->tree,
                             span_of_text(model_type_name(asked->type)), &asked->id, &described,
                             NULL) == ERR_OK &&
                model_read_state(span_of_buffer(&described), text);
    buffer_free(&described);
    return read;
}

/* What is behind a cut-off stands in a record without effect; how much of it has come differs. */
static void leave_out_cut(const struct model *model, const struct model_record *record,
                          struct buffer *text)
{
    static const char last[] = " operations=";
    unsigned long long operations, excluded;
    bool cut = false;
    for (size_t i = 0; i < record->op_count; i++)
        cut = cut || model->ops[record->ops[i]].cut;
    buffer_append_byte(text, '\0');
    char *found = strstr((char *)text->data, last), line[80];
    if (!cut || found == NULL ||
        sscanf(found, " operations=%llu excluded=%llu", &operations, &excluded) != 2) {
        text->size--;
        return;
    }
    snprintf(line, sizeof line, "%s%llu excluded=0\n", last, operations - excluded);
    text->size = (size_t)(found - (char *)text->data);
    buffer_append_span(text, span_of_text(line));
}

void compare_with_fold(struct model *model, const struct model_record *record, size_t node)
{
    size_t place = (size_t)(record - model->records);
    struct buffer found = {0}, expected = {0};
    bool deleted;
    model_fold(model, record, &expected, &deleted);
    if (!model_state_text(model, place, node, &found))
        findings_add(model->findings, FINDING_DAMAGED, "%s can't describe record %zu",
                     model_node_name(model, node), place);
    check_private(model, record, node, &found);
    leave_out_cut(model, record, &found);
    if (found.size > 0 && !span_equal(span_of_buffer(&found), span_of_buffer(&expected)))
        findings_add(model->findings, FINDING_WRONG,
                     "record %zu at %s is\n%.*sand by the rules it is\n%.*s", place,
                     model_node_name(model, node), (int)found.size, (const char *)found.data,
                     (int)expected.size, (const char *)expected.data);
    buffer_free(&found);
    buffer_free(&expected);
}

/* Of two creations of one name the earlier says where it is listed. */
static uint64_t creation_clock(const struct model *model, const struct model_record *record)
{
    uint64_t clock = UINT64_MAX;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        if (op->kind == WRITE_PUT && op->held_count > 0 && op->clock < clock)
            clock = op->clock;
    }
    return clock;
}

/* One member against the first that has all. */
static void check_member(struct model *model, const struct model_record *record, uint64_t clock,
                         size_t seat, struct standing_row *first)
{
    struct standing_row here = read_standing(model, record, clock, seat);
    size_t place = (size_t)(record - model->records);
    const char *origin = model->county->seats[record->origin].code;
    const char *name = model->county->seats[seat].code;
    if (here.standing == UNREADABLE)
        findings_add(model->findings, FINDING_DAMAGED, "record %zu of %s can't be read at %s",
                     place, origin, name);
    else if (here.standing == ABSENT || !here.listed)
        findings_add(model->findings, FINDING_WAITING, "record %zu of %s is not %s %s", place,
                     origin, here.standing == ABSENT ? "at" : "listed at", name);
    else if (!has_all(model, record, seat))
        return; /* told already */
    else if (first->standing == ABSENT && !record->forked)
        compare_with_fold(model, record, seat);
    else if (first->standing == FOLDED && here.standing == FOLDED &&
             !hash_equal(&first->state, &here.state))
        findings_add(model->findings, FINDING_DIVERGED, "record %zu of %s differs at %s", place,
                     origin, name);
    if (first->standing != ABSENT && record->type == MODEL_VISIT && !record->forked &&
        has_all(model, record, seat))
        compare_with_fold(model, record, seat); /* each tells what is private for itself */
    if (first->standing != FOLDED && (here.standing == FOLDED || here.standing == LOCATED))
        *first = here;
}

static void check_record(struct model *model, struct model_record *record)
{
    struct standing_row first = {.standing = ABSENT};
    size_t before = model->findings->count;
    uint64_t clock = creation_clock(model, record);
    for (size_t i = 0; i < model_circle_size(model, record); i++) {
        if (model_is_free(record, i))
            continue;
        check_member(model, record, clock, model_circle_seat(model, record, i), &first);
    }
    record->unchecked = model->findings->count > before;
}

/* Whether it lives is told once more, for the totals. */
static void count_record(struct model *model, struct model_record *record)
{
    struct buffer text = {0};
    bool deleted;
    model_fold(model, record, &text, &deleted);
    buffer_free(&text);
    bool counts = record->type != MODEL_VISIT_PRIVATE && record_lives(model, record) && !deleted;
    model->counted[record->origin] += (int64_t)counts - (int64_t)record->counted;
    record->counted = counts;
}

void rest_count(struct model *model)
{
    for (size_t i = 0; i < model->record_count; i++) {
        if (model->records[i].unchecked)
            count_record(model, &model->records[i]);
    }
}

/* ---- what is set aside ---- */

enum { WAITS_FOR_OPERATION = 1, WAITS_RECORD = 3, RECORD_ID = 16, DOT = KEY_ID_BYTES + 8 };

/* Whoever admitted its author was overruled: it waits until somebody admits him again. */
static bool has_unlisted(const struct model *model, const struct model_record *record)
{
    for (size_t i = 0; i < record->op_count; i++) {
        if (model_key_is_nowhere(model, model->ops[record->ops[i]].dot.author))
            return true;
    }
    return false;
}

/* What counts nowhere need not be everywhere, and what saw it waits where it isn't. */
static bool waits_for_cut(const struct model *model, const struct model_record *record, size_t seat,
                          struct span key)
{
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        const uint8_t *dot = key.data + WAITS_RECORD + RECORD_ID;
        if (op->cut && !model_holds(model, op, seat) &&
            memcmp(dot, op->dot.author.bytes, KEY_ID_BYTES) == 0 &&
            read_u32(dot + KEY_ID_BYTES) == op->dot.epoch &&
            read_u32(dot + KEY_ID_BYTES + 4) == op->dot.n)
            return true;
    }
    return false;
}

/* A row of what waits for an operation, of a record that some members may lack one of: it begins
 * 1, type 2, record 16, dot 16. */
bool aside_is_excused(const struct model *model, size_t node, enum table table, struct span key,
                      struct span value)
{
    static const char cut[] = "this stream counts", base[] = "cut-off", gone[] = "seen the record";
    struct record_id id;
    if (table == TABLE_QUARANTINE)
        return poison_row_is_excused(model, node, key) ||
               (model->cut_count > 0 &&
                (memmem(value.data, value.size, cut, sizeof cut - 1) != NULL ||
                 memmem(value.data, value.size, base, sizeof base - 1) != NULL ||
                 memmem(value.data, value.size, gone, sizeof gone - 1) != NULL));
    if (table != TABLE_PARKED || key.size < WAITS_RECORD + RECORD_ID + DOT ||
        key.data[0] != WAITS_FOR_OPERATION)
        return false;
    memcpy(id.bytes, key.data + WAITS_RECORD, RECORD_ID);
    const struct model_record *record = model_record_of(model, read_u16(key.data + 1), &id);
    return record != NULL && (record->forked || record->orphaned || has_unlisted(model, record) ||
                              waits_for_cut(model, record, model->nodes[node].seat, key));
}

static void say_aside(struct model *model, size_t node, enum table table)
{
    const struct view *view = world_view(model->world, node);
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1, rows = 0;
    struct span key, value;
    while (size <= STORE_KEY_BYTES_MAX &&
           view->next(view->context, table, SPAN(from, size), &key, &value) == READ_FOUND) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        rows += !aside_is_excused(model, node, table, SPAN(from, size - 1), value);
    }
    if (rows > 0)
        findings_add(model->findings, FINDING_WAITING, "%s has %zu rows in %s",
                     model_node_name(model, node), rows, table_name(table));
}

void check_rest(struct model *model)
{
    model_catch_up(model);
    check_ops(model);
    rest_count(model);
    check_poisons(model);
    check_handed(model);
    check_erased(model);
    for (size_t node = 0; node < model->county->seat_count; node++) {
        if (!model_counts(model, node))
            continue;
        say_aside(model, node, TABLE_PARKED);
        say_aside(model, node, TABLE_QUARANTINE);
    }
    for (size_t i = 0; i < model->record_count; i++) {
        struct model_record *record = &model->records[i];
        size_t before = model->findings->count;
        if (record->unchecked && model_has_twins(model, record)) {
            check_twins(model, record);
            record->unchecked = model->findings->count > before;
        } else if (record->unchecked && record_lives(model, record)) {
            check_record(model, record);
        } else {
            record->unchecked = false;
        }
    }
}
