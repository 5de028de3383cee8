#include "replication/rows/rollup_cells.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- one row ---- */

static bool row_read(const struct cell_desk *desk, struct cell *cell)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct span found;
    struct cell held;
    struct key_id origin;
    uint64_t report;
    size_t size = cell_key(key, cell, desk->own);
    cell->value_count = 0;
    memset(cell->values, 0, sizeof cell->values);
    if (size == 0 ||
        desk->view->get(desk->view->context, TABLE_CELLS, SPAN(key, size), &found) != READ_FOUND ||
        !cell_parse(SPAN(key, size), found, &held, &origin, &report))
        return false;
    cell->value_count = held.value_count;
    memcpy(cell->values, held.values, sizeof cell->values);
    return true;
}

/* A row that says nothing goes. */
static void row_write(struct cell_desk *desk, struct cell *cell)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    size_t size = cell_key(key, cell, desk->own);
    if (size == 0)
        return; /* groups are bounded where they are declared */
    desk->changed = desk->changed || (cell->rollup & ROLLUP_TALLY) == 0;
    cell->changed_ms = desk->changed_ms;
    if (cell->value_count == 0) {
        updates_remove(desk->updates, TABLE_CELLS, SPAN(key, size));
        return;
    }
    struct buffer row = {0};
    cell_value_encode(cell, desk->report, &row);
    updates_put(desk->updates, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row));
    buffer_free(&row);
}

/* ---- sums ---- */

/* A sum that went over its bounds says so by one value more, 1, and stays so. */
static void add(struct cell_desk *desk, struct cell *cell, const struct rollup_share *share,
                int sign)
{
    bool zero = true;
    row_read(desk, cell);
    bool over = cell->value_count > share->value_count;
    for (size_t i = 0; i < share->value_count; i++) {
        int64_t sum;
        bool beyond = sign > 0 ? __builtin_add_overflow(cell->values[i], share->values[i], &sum)
                               : __builtin_sub_overflow(cell->values[i], share->values[i], &sum);
        if (!beyond)
            cell->values[i] = sum;
        over = over || beyond;
        zero = zero && cell->values[i] == 0;
    }
    cell->value_count = over ? (uint8_t)(share->value_count + 1) : zero ? 0 : share->value_count;
    cell->values[share->value_count] = over;
    row_write(desk, cell);
}

/* ---- tallies ---- */

struct tally {
    struct cell_desk *desk;
    const struct rollup *rollup;
    uint16_t number; /* with INHERITS */
    uint32_t period;
    uint32_t group_count;
    struct span group;   /* its elements */
    struct buffer whole; /* [group ...] */
};

static void group_with(const struct tally *tally, struct span value, struct buffer *group)
{
    mp_write_array(group, tally->group_count + 1);
    buffer_append_span(group, tally->group);
    buffer_append_span(group, value);
}

static struct cell cell_of(const struct tally *tally, uint16_t bits, struct span group)
{
    return (struct cell){
        .rollup = (uint16_t)(tally->number | bits), .period = tally->period, .group = group};
}

/* The least or greatest value's row of the group; its value goes to `value`, encoded. */
static bool tally_end(const struct tally *tally, bool greatest, struct buffer *value)
{
    uint8_t key[CELL_KEY_BYTES_MAX], bytes[8];
    struct buffer group = {0}, end = {0};
    struct span found, row;
    const struct view *view = tally->desk->view;
    memset(bytes, greatest ? 0xff : 0, sizeof bytes);
    mp_write_bin(&end, SPAN_OF_ARRAY(bytes));
    group_with(tally, span_of_buffer(&end), &group);
    struct cell cell = cell_of(tally, ROLLUP_TALLY, span_of_buffer(&group));
    struct key_id origin;
    memset(origin.bytes, greatest ? 0xff : 0, sizeof origin.bytes);
    size_t size = cell_key(key, &cell, origin), prefix = 6 + group.size - 8;
    bool is = size > 0 &&
              (greatest ? view->previous(view->context, TABLE_CELLS, SPAN(key, size), &found, &row)
                        : view->next(view->context, TABLE_CELLS, SPAN(key, size), &found, &row)) ==
                  READ_FOUND &&
              found.size == size && memcmp(found.data, key, prefix) == 0;
    if (is)
        buffer_append(value, found.data + prefix, 8);
    buffer_free(&group);
    buffer_free(&end);
    return is;
}

static void extreme_put(const struct tally *tally)
{
    struct buffer value = {0};
    struct cell cell = cell_of(tally, 0, span_of_buffer(&tally->whole));
    bool before = row_read(tally->desk, &cell);
    int64_t was = cell.values[0];
    bool is = tally_end(tally, tally->rollup->kind == ROLL_MAX, &value);
    cell.value_count = is ? 1 : 0;
    if (is)
        cell.values[0] = (int64_t)(read_u64(value.data) ^ (uint64_t)1 << 63);
    if (is != before || (is && cell.values[0] != was))
        row_write(tally->desk, &cell);
    buffer_free(&value);
}

static void value_put(const struct tally *tally, struct span value, bool there)
{
    struct buffer group = {0};
    group_with(tally, value, &group);
    struct cell cell = cell_of(tally, 0, span_of_buffer(&group));
    cell.value_count = there ? 1 : 0;
    cell.values[0] = 1;
    row_write(tally->desk, &cell);
    buffer_free(&group);
}

/* All values of a group, when they become few enough to be told, or too many. */
static void values_put(const struct tally *tally, bool there)
{
    struct buffer from = {0}, head = {0}, value = {0};
    const struct view *view = tally->desk->view;
    struct span key, row;
    group_with(tally, SPAN_EMPTY, &head);
    buffer_append_u16(&from, (uint16_t)(tally->number | ROLLUP_TALLY));
    buffer_append_u32(&from, tally->period);
    buffer_append_span(&from, span_of_buffer(&head));
    size_t prefix = from.size;
    while (view->next(view->context, TABLE_CELLS, span_of_buffer(&from), &key, &row) ==
               READ_FOUND &&
           key.size > prefix + KEY_ID_BYTES && key.size < STORE_KEY_BYTES_MAX &&
           memcmp(key.data, from.data, prefix) == 0) {
        buffer_clear(&value);
        buffer_append(&value, key.data + prefix, key.size - prefix - KEY_ID_BYTES);
        buffer_clear(&from);
        buffer_append_span(&from, key);
        buffer_append_byte(&from, 0);
        value_put(tally, span_of_buffer(&value), there);
    }
    buffer_free(&from);
    buffer_free(&head);
    buffer_free(&value);
}

/* A value has come or gone: how many there are, and which, up to the limit. */
static void distinct_put(const struct tally *tally, struct span value, bool come)
{
    struct cell cell = cell_of(tally, 0, span_of_buffer(&tally->whole));
    int64_t limit = tally->rollup->limit;
    row_read(tally->desk, &cell);
    int64_t before = cell.values[0], now = before + (come ? 1 : -1);
    cell.values[0] = now;
    cell.value_count = now == 0 ? 0 : 1;
    row_write(tally->desk, &cell);
    if (before <= limit && now <= limit)
        value_put(tally, value, come);
    else if (before <= limit || now <= limit)
        values_put(tally, now <= limit);
}

static void tally_put(struct tally *tally, const struct rollup_share *share, int sign)
{
    struct buffer group = {0};
    group_with(tally, span_of_buffer(&share->value), &group);
    struct cell cell = cell_of(tally, ROLLUP_TALLY, span_of_buffer(&group));
    row_read(tally->desk, &cell);
    int64_t before = cell.values[0];
    cell.values[0] += sign;
    cell.value_count = cell.values[0] == 0 ? 0 : 1;
    row_write(tally->desk, &cell);
    buffer_free(&group);
    if (before != 0 && cell.values[0] != 0)
        return;
    if (tally->rollup->kind == ROLL_DISTINCT)
        distinct_put(tally, span_of_buffer(&share->value), before == 0);
    else
        extreme_put(tally);
}

void rollup_cells_put(struct cell_desk *desk, const struct rollup *rollup,
                      const struct cell_whose *whose, const struct rollup_share *share, int sign)
{
    assert(whose->here && share->there && (sign == 1 || sign == -1));
    struct buffer elements = {0};
    buffer_append_span(&elements, span_of_buffer(&share->group));
    if (whose->inherits)
        mp_write_bin(&elements, SPAN_OF_ARRAY(whose->former.bytes));
    struct tally tally = {
        .desk = desk,
        .rollup = rollup,
        .number = (uint16_t)(rollup->number | (whose->inherits ? ROLLUP_INHERITS : 0)),
        .period = (uint32_t)share->period,
        .group_count = share->group_count + whose->inherits,
        .group = span_of_buffer(&elements),
    };
    mp_write_array(&tally.whole, tally.group_count);
    buffer_append_span(&tally.whole, tally.group);
    if (share->value.size > 0) {
        tally_put(&tally, share, sign);
    } else {
        struct cell cell = cell_of(&tally, 0, span_of_buffer(&tally.whole));
        add(desk, &cell, share, sign);
    }
    buffer_free(&tally.whole);
    buffer_free(&elements);
}

/* ---- what is overdue ---- */

/* 'y' ‖ 'o' -> due 8 ‖ record 9: up to here deadlines have passed, as far as it is counted. */
static const uint8_t overdue_key[] = {'y', 'o'};

void overdue_place_read(const struct view *view, struct overdue_place *place)
{
    struct span value;
    *place = (struct overdue_place){{0}};
    if (view->get(view->context, TABLE_META, SPAN_OF_ARRAY(overdue_key), &value) == READ_FOUND &&
        value.size == sizeof place->bytes)
        memcpy(place->bytes, value.data, sizeof place->bytes);
}

void overdue_place_write(struct updates *updates, const struct overdue_place *place)
{
    updates_put(updates, TABLE_META, SPAN_OF_ARRAY(overdue_key), SPAN_OF_ARRAY(place->bytes));
}

bool overdue_by(const struct view *view, const struct overdue_place *place,
                const uint8_t record[static RECORD_KEY_BYTES])
{
    uint8_t bytes[DEADLINE_PLACE_BYTES];
    struct deadline_row row = deadline_row_read(view, record);
    write_u64(bytes, row.due_ms);
    memcpy(bytes + 8, record, RECORD_KEY_BYTES);
    return row.due_ms != 0 && memcmp(bytes, place->bytes, sizeof bytes) <= 0;
}

/* ---- the roll-ups of a type ---- */

static const struct rollup_condition is_overdue = {.test = TEST_OVERDUE, .is = true};
static const struct rollup overdue = {.number = ROLLUP_OVERDUE,
                                      .name = "overdue",
                                      .kind = ROLL_COUNT,
                                      .where = (struct rollup_condition *)(uintptr_t)&is_overdue,
                                      .where_count = 1};

static bool counts_overdue(const struct record_type *type)
{
    const struct workflow *workflow = type->counted ? type->workflow : NULL;
    for (size_t i = 0; workflow != NULL && i < workflow->state_count; i++) {
        if (workflow->states[i].within > 0)
            return true;
    }
    return false;
}

size_t type_rollup_count(const struct record_type *type)
{
    return type->rollup_count + counts_overdue(type);
}

const struct rollup *type_rollup_at(const struct record_type *type, size_t index)
{
    return index < type->rollup_count ? &type->rollups[index] : &overdue;
}

void type_share(const struct rollup *rollup, const struct record_type *type,
                const struct record_state *record, const struct record_id *id, bool overdue_now,
                struct rollup_share *share)
{
    const struct operation *creation = record_creation(record, id);
    *share = (struct rollup_share){0};
    if (creation == NULL || !record_stands(record) || record_deleted(record))
        return;
    rollup_share(rollup, type, record, creation->clock, overdue_now, share);
    if (share->there && rollup->number == ROLLUP_OVERDUE) {
        mp_write_uint(&share->group, type->number);
        share->group_count++;
    }
}

/* ---- built ---- */

void rollup_built_group(const struct rollup *rollup, const struct record_type *type,
                        struct buffer *group)
{
    mp_write_array(group, 2);
    mp_write_uint(group, rollup->number);
    mp_write_uint(group, type->number);
}

bool rollup_is_built(const struct view *view, struct key_id origin, const struct rollup *rollup,
                     const struct record_type *type)
{
    struct cell_desk desk = {.view = view, .own = origin};
    struct buffer group = {0};
    rollup_built_group(rollup, type, &group);
    struct cell cell = {.rollup = ROLLUP_BUILT, .group = span_of_buffer(&group)};
    bool is = row_read(&desk, &cell) && cell.value_count == 1 &&
              cell.values[0] == rollup_fingerprint(rollup, type);
    buffer_free(&group);
    return is;
}

bool is_inherited_by(const struct view *view, struct key_id own, struct key_id former)
{
    struct cell_desk desk = {.view = view, .own = own};
    struct buffer group = {0};
    mp_write_array(&group, 2);
    mp_write_uint(&group, 0);
    mp_write_bin(&group, SPAN_OF_ARRAY(former.bytes));
    struct cell cell = {.rollup = ROLLUP_INHERITED, .group = span_of_buffer(&group)};
    bool is = row_read(&desk, &cell);
    buffer_free(&group);
    return is;
}
