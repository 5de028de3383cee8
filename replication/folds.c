/* One fold for all below a seat: the newest cells of every origin that is in it, combined as
 * whoever asks combines them (query/), so that above it only one report is needed for all of them.
 *
 * It is gathered from rows alone, in one pass over the cells in their order: what is built stands
 * before what counts by it. Figures that nothing else than single origins can tell aren't in it:
 * how many of them have a directive is, not who. */
#include "replication/folds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/hash_table.h"
#include "replication/notes.h"
#include "replication/query/total.h"

struct figure {
    UT_hash_handle hh;
    uint16_t number;
    uint32_t period;
    int64_t values[2];
    uint8_t value_count;
    bool any, over, more;
    int64_t greatest, different; /* of a distinct: how many one origin has; how many values stand */
    const struct figure *of;     /* of a distinct's value: its count */
    uint16_t limit;
    uint64_t changed_ms;
    size_t group_size;
    uint8_t key[]; /* number ‖ period ‖ group */
};

struct built {
    UT_hash_handle hh;
    uint8_t key[2 + 2 + KEY_ID_BYTES]; /* roll-up ‖ type ‖ origin */
};

struct gathering {
    struct total total;
    struct key_id origin; /* of the cell at hand */
    const struct seat *seat;
    const struct seat **folded; /* by address */
    size_t folded_count;
    struct figure *figures;
    struct built *built;
};

enum { FIGURE_HEAD = 6 };

/* ---- who ---- */

static int by_address(const void *a, const void *b)
{
    const struct seat *const *left = a, *const *right = b;
    return (*left > *right) - (*left < *right);
}

static void find_folded(struct gathering *gathering)
{
    const struct tree *tree = gathering->total.tree;
    gathering->folded = mem_alloc((tree_seat_count(tree) + 1) * sizeof *gathering->folded);
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        if (tree_seat_is_folded(tree, gathering->total.self, seat))
            gathering->folded[gathering->folded_count++] = seat;
    }
    if (gathering->folded_count > 0)
        qsort(gathering->folded, gathering->folded_count, sizeof *gathering->folded, by_address);
}

static bool is_folded(const struct gathering *gathering, const struct seat *seat)
{
    return gathering->folded_count > 0 && bsearch(&seat, gathering->folded, gathering->folded_count,
                                                  sizeof *gathering->folded, by_address) != NULL;
}

/* ---- figures ---- */

static struct figure *figure_at(struct gathering *gathering, uint16_t number, uint32_t period,
                                struct span group)
{
    uint8_t key[CELL_KEY_BYTES_MAX];
    struct figure *figure = NULL;
    size_t size = FIGURE_HEAD + group.size;
    assert(size <= sizeof key); /* it is that of a row */
    write_u16(key, number);
    write_u32(key + 2, period);
    memcpy(key + FIGURE_HEAD, group.data, group.size);
    HASH_FIND(hh, gathering->figures, key, size, figure);
    if (figure != NULL)
        return figure;
    figure = mem_alloc(sizeof *figure + size);
    memcpy(figure->key, key, size);
    figure->number = number;
    figure->period = period;
    figure->group_size = group.size;
    figure->value_count = 1;
    HASH_ADD_KEYPTR(hh, gathering->figures, figure->key, size, figure);
    return figure;
}

static void add_values(struct figure *figure, const struct cell *cell, uint8_t count)
{
    figure->over = figure->over || cell->value_count != count;
    figure->value_count = count;
    for (unsigned i = 0; i < count; i++)
        figure->over =
            __builtin_add_overflow(figure->values[i], cell->values[i], &figure->values[i]) ||
            figure->over;
}

/* Built-in sums stop at their ends, as they do where they are read. */
static void add_count(struct figure *figure, int64_t value)
{
    if (__builtin_add_overflow(figure->values[0], value, &figure->values[0]))
        figure->values[0] = value < 0 ? INT64_MIN : INT64_MAX;
}

static void take_change(struct figure *figure, const struct rollup *rollup, const struct cell *cell)
{
    int64_t end = rollup_period_end_ms(rollup, (int32_t)cell->period);
    if (cell->changed_ms > figure->changed_ms && end <= (int64_t)cell->changed_ms)
        figure->changed_ms = cell->changed_ms;
}

static void add_to_figure(struct figure *figure, const struct rollup *rollup,
                          const struct cell *cell)
{
    int64_t one = cell->values[0];
    switch (rollup->kind) {
    case ROLL_MIN:
        figure->values[0] = !figure->any || one < figure->values[0] ? one : figure->values[0];
        break;
    case ROLL_MAX:
        figure->values[0] = !figure->any || one > figure->values[0] ? one : figure->values[0];
        break;
    case ROLL_DISTINCT:
        figure->limit = rollup->limit;
        figure->more = figure->more || one > rollup->limit;
        figure->greatest = one > figure->greatest ? one : figure->greatest;
        break;
    case ROLL_AVERAGE:
    case ROLL_RATIO: add_values(figure, cell, 2); break;
    case ROLL_COUNT:
    case ROLL_SUM:
    case ROLL_KIND_COUNT: add_values(figure, cell, 1); break;
    }
    figure->any = true;
    take_change(figure, rollup, cell);
}

/* ---- cells of declared roll-ups ---- */

static void built_key(uint16_t rollup, uint16_t type, struct key_id origin,
                      uint8_t key[static 2 + 2 + KEY_ID_BYTES])
{
    write_u16(key, rollup);
    write_u16(key + 2, type);
    memcpy(key + 4, origin.bytes, KEY_ID_BYTES);
}

static bool is_built(const struct gathering *gathering, const struct rollup *rollup,
                     const struct record_type *type)
{
    uint8_t key[2 + 2 + KEY_ID_BYTES];
    struct built *built = NULL;
    built_key(rollup->number, type->number, gathering->origin, key);
    HASH_FIND(hh, gathering->built, key, sizeof key, built);
    return built != NULL;
}

/* Which roll-up a number means, for a type that the group may name. NULL: none known here. */
static const struct rollup *rollup_of(const struct gathering *gathering, uint16_t number,
                                      struct span group, const struct record_type **type)
{
    const struct schema *schema = tree_schema(gathering->total.tree);
    struct mp_reader reader = mp_reader(group);
    if (number != ROLLUP_OVERDUE)
        return schema_rollup(schema, number, type);
    mp_read_array(&reader);
    *type = schema_type(schema, (uint16_t)mp_read_uint_max(&reader, UINT16_MAX));
    return *type == NULL ? NULL : type_rollup_at(*type, (*type)->rollup_count);
}

/* The group as one origin's own would be: without the former key, and without a distinct's value,
 * which is given apart. */
struct plain_group {
    struct buffer base, whole;
    struct key_id former;
    bool has_value;
};

static bool read_group(const struct rollup *rollup, const struct cell *cell, bool inherits,
                       struct plain_group *plain)
{
    uint32_t by = (uint32_t)(rollup->by_count + (rollup->number == ROLLUP_OVERDUE));
    struct mp_reader reader = mp_reader(cell->group);
    uint32_t count = mp_read_array(&reader);
    struct buffer elements = {0};
    for (uint32_t i = 0; i < by; i++)
        buffer_append_span(&elements, mp_read_any(&reader));
    const uint8_t *key = inherits ? mp_read_bin_of(&reader, KEY_ID_BYTES) : NULL;
    if (key != NULL)
        memcpy(plain->former.bytes, key, KEY_ID_BYTES);
    plain->has_value = count == by + inherits + 1;
    bool good = !reader.failed &&
                (count == by + inherits || (plain->has_value && rollup->kind == ROLL_DISTINCT));
    mp_write_array(&plain->base, by);
    buffer_append_span(&plain->base, span_of_buffer(&elements));
    if (plain->has_value && good) {
        mp_write_array(&plain->whole, by + 1);
        buffer_append_span(&plain->whole, span_of_buffer(&elements));
        buffer_append_span(&plain->whole, mp_read_any(&reader));
    }
    buffer_free(&elements);
    return good && !reader.failed;
}

static void take_plain(struct gathering *gathering, const struct rollup *rollup,
                       const struct cell *cell, const struct plain_group *plain)
{
    struct figure *base =
        figure_at(gathering, rollup->number, cell->period, span_of_buffer(&plain->base));
    if (!plain->has_value) {
        add_to_figure(base, rollup, cell);
        return;
    }
    struct figure *value =
        figure_at(gathering, rollup->number, cell->period, span_of_buffer(&plain->whole));
    base->limit = rollup->limit;
    base->different += value->of == NULL;
    value->of = base;
    value->values[0] = 1;
}

static void take_declared(struct gathering *gathering, const struct cell *cell)
{
    const struct record_type *type = NULL;
    bool inherits = (cell->rollup & ROLLUP_INHERITS) != 0;
    struct plain_group plain = {0};
    const struct rollup *rollup =
        rollup_of(gathering, cell->rollup & ROLLUP_NUMBER, cell->group, &type);
    if (rollup == NULL || !is_built(gathering, rollup, type))
        return;
    if (read_group(rollup, cell, inherits, &plain)) {
        struct heir *heir =
            total_heir_of(&gathering->total, inherits ? plain.former : gathering->origin);
        if (inherits ? heir != NULL && key_id_equal(heir->key, gathering->origin) : heir == NULL)
            take_plain(gathering, rollup, cell, &plain);
    }
    buffer_free(&plain.base);
    buffer_free(&plain.whole);
}

/* ---- cells of every node's roll-ups ---- */

static void count_records(struct gathering *gathering, uint64_t type, int64_t value)
{
    struct buffer group = {0};
    mp_write_array(&group, 1);
    mp_write_uint(&group, type);
    add_count(figure_at(gathering, ROLLUP_RECORDS, 0, span_of_buffer(&group)), value);
    buffer_free(&group);
}

static void take_records(struct gathering *gathering, const struct cell *cell)
{
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    uint64_t type = mp_read_uint(&reader);
    const uint8_t *key =
        cell->rollup == ROLLUP_INHERITED ? mp_read_bin_of(&reader, KEY_ID_BYTES) : NULL;
    struct key_id former = gathering->origin;
    if (key != NULL)
        memcpy(former.bytes, key, KEY_ID_BYTES);
    struct heir *heir = reader.failed ? NULL : total_heir_of(&gathering->total, former);
    if (reader.failed) {
        return;
    } else if (cell->rollup == ROLLUP_INHERITED) {
        if (heir != NULL && type != 0 && key_id_equal(heir->key, gathering->origin))
            count_records(gathering, type, cell->values[0]);
    } else if (heir == NULL) {
        count_records(gathering, type, cell->values[0]);
    } else if (__builtin_add_overflow(heir->reported, cell->values[0], &heir->reported)) {
        heir->reported = INT64_MAX;
    }
}

static void take_received(struct gathering *gathering, const struct cell *cell)
{
    struct mp_reader reader = mp_reader(cell->group);
    struct buffer group = {0};
    if (mp_read_array(&reader) != 3 || cell->values[0] <= 0 ||
        !seat_status_is_in_force(gathering->seat->row.status) ||
        !key_id_equal(gathering->origin, seat_key_id(gathering->seat)))
        return;
    mp_write_array(&group, 5);
    for (unsigned i = 0; i < 3; i++)
        buffer_append_span(&group, mp_read_any(&reader));
    mp_write_uint(&group, (uint64_t)cell->values[0]);
    mp_write_uint(&group, gathering->seat->row.tier);
    if (!reader.failed && group.size <= CELL_KEY_BYTES_MAX - FIGURE_HEAD)
        add_count(figure_at(gathering, ROLLUP_RECEIVED, 0, span_of_buffer(&group)), 1);
    buffer_free(&group);
}

/* The present key speaks for the seat; a former one where that has never reported. */
static void take_built(struct gathering *gathering, const struct cell *cell)
{
    const struct record_type *type = NULL;
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    uint16_t number = (uint16_t)mp_read_uint_max(&reader, ROLLUP_NUMBER_MAX);
    uint16_t type_number = (uint16_t)mp_read_uint_max(&reader, UINT16_MAX);
    struct buffer group = {0};
    uint64_t as_of;
    mp_write_array(&group, 1);
    mp_write_uint(&group, type_number);
    const struct rollup *rollup = rollup_of(gathering, number, span_of_buffer(&group), &type);
    bool same = !reader.failed && rollup != NULL && type->number == type_number &&
                rollup_fingerprint(rollup, type) == cell->values[0];
    buffer_free(&group);
    if (!same)
        return;
    struct built *built = mem_alloc(sizeof *built);
    built_key(number, type_number, gathering->origin, built->key);
    HASH_ADD(hh, gathering->built, key, sizeof built->key, built);
    if (!key_id_equal(gathering->origin, seat_key_id(gathering->seat)) &&
        total_reported(&gathering->total, gathering->seat, &as_of))
        return;
    struct figure *figure = figure_at(gathering, ROLLUP_BUILT, 0, cell->group);
    figure->value_count = 2;
    figure->values[0] = cell->values[0];
    figure->values[1]++;
}

static void take_cell(struct gathering *gathering, const struct cell *cell)
{
    uint16_t number = cell->rollup;
    if ((number & ROLLUP_TALLY) != 0 || cell->value_count == 0 || !mp_valid(cell->group))
        return;
    if (number == ROLLUP_RECORDS || number == ROLLUP_INHERITED)
        take_records(gathering, cell);
    else if (number == ROLLUP_RECEIVED)
        take_received(gathering, cell);
    else if (number == ROLLUP_BUILT)
        take_built(gathering, cell);
    else
        take_declared(gathering, cell);
}

static void take_rows(struct gathering *gathering)
{
    const struct view *view = gathering->total.view;
    struct buffer from = {0};
    struct span key, value;
    buffer_append_byte(&from, 0);
    while (view->next(view->context, TABLE_CELLS, span_of_buffer(&from), &key, &value) ==
               READ_FOUND &&
           key.size < STORE_KEY_BYTES_MAX) {
        struct cell cell;
        uint64_t report;
        buffer_clear(&from);
        buffer_append_span(&from, key);
        const struct author *author = NULL;
        if (cell_parse(span_of_buffer(&from), value, &cell, &gathering->origin, &report))
            author = tree_author(gathering->total.tree, gathering->origin);
        if (author != NULL && is_folded(gathering, author->seat)) {
            gathering->seat = author->seat;
            take_cell(gathering, &cell);
        }
        buffer_append_byte(&from, 0);
    }
    buffer_free(&from);
}

/* ---- the fold ---- */

static void name_seat(struct gathering *gathering, const struct seat *seat, struct fold *fold)
{
    struct fold_seat named = {.generation = seat->row.generation};
    struct note_head head;
    uint64_t as_of, former = UINT64_MAX;
    bool reported = total_head(&gathering->total, seat_key_id(seat), &head);
    bool stands = total_former(&gathering->total, seat, &former);
    if (!reported && !stands)
        return;
    if (reported && !stands) {
        named.epoch = head.epoch;
        named.k = head.k;
    } else {
        named.generation = 0; /* of several machines: no one statement tells of it */
    }
    reported = total_as_of(&gathering->total, seat, &as_of);
    as_of = reported && as_of < former ? as_of : former;
    fold->oldest_ms = as_of < fold->oldest_ms ? as_of : fold->oldest_ms;
    memcpy(named.seat, seat->row.seat, sizeof named.seat);
    fold->seats = mem_resize(fold->seats, (fold->seat_count + 1) * sizeof *fold->seats);
    fold->seats[fold->seat_count++] = named;
}

static void name_seats(struct gathering *gathering, struct fold *fold)
{
    const struct tree *tree = gathering->total.tree;
    const struct seat *self = gathering->total.self;
    fold->oldest_ms = gathering->total.newest_ms;
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        fold->expected += seat != self && seat_is_ancestor_or_self(self, seat);
        if (is_folded(gathering, seat))
            name_seat(gathering, seat, fold);
    }
    for (size_t i = 0; i < gathering->total.heir_count; i++) {
        const struct heir *heir = &gathering->total.heirs[i];
        const struct author *author = tree_author(tree, heir->former);
        if (author != NULL && is_folded(gathering, author->seat) && heir->found >= 0 &&
            heir->reported > heir->found)
            fold->lost += (uint64_t)(heir->reported - heir->found);
    }
}

static void tell_figure(const struct figure *figure, struct fold_cells *cells)
{
    struct cell cell = {
        .rollup = figure->number | ROLLUP_FOLDED,
        .period = figure->period,
        .group = SPAN(figure->key + FIGURE_HEAD, figure->group_size),
        .value_count = (uint8_t)(1 + figure->value_count + figure->over),
    };
    bool distinct = figure->limit > 0;
    int64_t most = figure->different > figure->greatest ? figure->different : figure->greatest;
    if (figure->of != NULL && (figure->of->more || figure->of->different > figure->of->limit))
        return;
    cell.values[0] = (int64_t)figure->changed_ms;
    cell.values[1] = distinct ? (figure->more ? most : figure->different) : figure->values[0];
    cell.values[2] = figure->value_count > 1 ? figure->values[1] : figure->over;
    cell.values[3] = figure->over;
    fold_cells_add(cells, cell);
}

static void state_fold(struct gathering *gathering, struct fold *fold, struct fold_cells *cells)
{
    const struct seat *self = gathering->total.self;
    const struct held_document *held =
        tree_find_document(gathering->total.tree, DOCUMENT_BRANCH, span_of_text(self->row.seat));
    fold->documents = fold_documents(gathering->total.tree, self);
    fold->term = held == NULL ? 0 : held->term;
    fold->version = held == NULL ? 0 : held->version;
    fold_standing_add(cells, fold);
    for (const struct figure *figure = gathering->figures; figure != NULL && fold->seat_count > 0;
         figure = figure->hh.next)
        tell_figure(figure, cells);
    fold_cells_settle(cells);
}

static void gathering_free(struct gathering *gathering)
{
    struct figure *figure, *next;
    struct built *built, *other;
    HASH_ITER (hh, gathering->figures, figure, next) {
        HASH_DEL(gathering->figures, figure);
        free(figure);
    }
    HASH_ITER (hh, gathering->built, built, other) {
        HASH_DEL(gathering->built, built);
        free(built);
    }
    free(gathering->folded);
    total_end(&gathering->total);
}

static bool states_folds(const struct replica *replica)
{
    const struct seat *seat = own_seat(replica);
    return seat != NULL && tree_seat_folds(replica->tree, seat);
}

void folds_make(const struct view *view, const struct tree *tree, const char *seat, bool nobody,
                struct fold_cells *cells)
{
    struct gathering gathering = {0};
    struct fold fold = {0};
    if (total_begin(&gathering.total, view, tree, seat, 0, NULL)) {
        total_find_heirs(&gathering.total);
        if (!nobody) {
            find_folded(&gathering);
            take_rows(&gathering);
            name_seats(&gathering, &fold);
        }
        state_fold(&gathering, &fold, cells);
    }
    fold_free(&fold);
    gathering_free(&gathering);
}

static void gather(struct step *step, struct fold_cells *cells, bool nobody)
{
    *cells = (struct fold_cells){0};
    if (states_folds(step->replica))
        folds_make(step->view, step->replica->tree, own_seat(step->replica)->row.seat, nobody,
                   cells);
}

void folds_gather(struct step *step, struct fold_cells *cells)
{
    gather(step, cells, false);
}

/* What goes up has changed: the parent is told what there is, and asks for what it lacks. */
static void tell_parent(struct step *step)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (session->uplink && session->state == SESSION_LIVE)
            notes_summary(step, session);
    }
}

void folds_give_up(struct step *step, struct fold_cells *cells)
{
    struct replica *replica = step->replica;
    fold_cells_free(cells);
    gather(step, cells, true);
    if (replica->folds_off)
        return;
    replica->folds_off = true;
    replica_raise_alarm(step, "the figures of all below this seat have no room in one report: "
                              "they go up one by one, as those of single seats");
    tell_parent(step);
}

void folds_stated(struct step *step)
{
    step->replica->folds_off = false;
}

/* ---- when ---- */

bool folds_keep_back(const struct step *step, struct key_id origin)
{
    const struct replica *replica = step->replica;
    const struct author *author = tree_author(replica->tree, origin);
    return !replica->folds_off && author != NULL && states_folds(replica) &&
           tree_seat_is_folded(replica->tree, own_seat(replica), author->seat);
}

void folds_hear(struct step *step, struct key_id origin)
{
    if (folds_keep_back(step, origin))
        step->replica->fold_changed = true;
}

void folds_on_tree(struct step *step)
{
    struct replica *replica = step->replica;
    bool folds = states_folds(replica);
    if (!folds && !replica->folds)
        return;
    replica->folds = folds;
    replica->fold_changed = true;
    tell_parent(step);
}
