/* The books: writes asked for, their answers, the records they made. */
#include "sim/check/check_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[MODEL_TYPES] = {"",          "mediation", "incident",
                                                    "directive", "survey",    "matter",
                                                    "case",      "visit",     "visit-private",
                                                    "duty",      [10] = "",   "",
                                                    "",          "",          "",
                                                    "",          "",          "",
                                                    "",          "",          "person"};

const char *model_type_name(enum model_type type)
{
    return type_names[type];
}

bool model_is_addressed(enum model_type type)
{
    return type == MODEL_MATTER || type == MODEL_DUTY;
}

bool model_counts(const struct model *model, size_t seat)
{
    return model->county->seats[seat].counts;
}

/* Numbers such that all below a seat follow it. Who isn't in the tree is below nobody. */
static void number_seats(struct model *model)
{
    const struct county *county = model->county;
    size_t count = county->seat_count;
    size_t *first = mem_alloc((count + 1) * sizeof *first), *next = mem_alloc(count * sizeof *next);
    for (size_t i = 0; i < count; i++) {
        first[i] = SIZE_MAX;
        model->below_from[i] = SIZE_MAX / 2;
        model->below_count[i] = 0;
    }
    size_t root = SIZE_MAX;
    for (size_t i = count; i-- > 0;) {
        size_t parent = county->seats[i].parent;
        if (parent == i) {
            root = i;
            continue;
        }
        if (!model_counts(model, i))
            continue;
        next[i] = first[parent];
        first[parent] = i;
    }
    size_t number = 0, seat = root;
    model->below_from[seat] = number++;
    while (seat != SIZE_MAX) {
        if (first[seat] != SIZE_MAX) {
            size_t child = first[seat];
            first[seat] = next[child];
            model->below_from[child] = number++;
            seat = child;
        } else {
            model->below_count[seat] = number - model->below_from[seat];
            seat = seat == root ? SIZE_MAX : county->seats[seat].parent;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (model->below_count[i] > 0)
            model->seat_numbered[model->below_from[i]] = i;
    }
    free(first);
    free(next);
}

/* Whoever comes below a seat comes below all that this one was ever below: it may not have heard
 * yet that it has moved. */
static void note_below(struct model *model)
{
    const struct county *county = model->county;
    size_t count = county->seat_count;
    if (model->ever_below == NULL)
        model->ever_below = mem_alloc(count * count);
    for (size_t seat = 0; seat < count; seat++) {
        size_t above = seat;
        while (county->seats[seat].listed && county->seats[above].parent != above) {
            above = county->seats[above].parent;
            model->ever_below[above * count + seat] = true;
            for (size_t i = 0; i < count; i++)
                model->ever_below[i * count + seat] |= model->ever_below[i * count + above];
        }
    }
}

bool model_was_below(const struct model *model, size_t above, size_t seat)
{
    return model->ever_below != NULL && model->ever_below[above * model->county->seat_count + seat];
}

void model_number_again(struct model *model)
{
    number_seats(model);
    note_below(model);
    for (size_t i = 0; i < model->county->seat_count; i++) {
        struct hash name = place_name(SPAN_OF_ARRAY(model->county->seats[i].key_id.bytes));
        places_set(&model->seat_keys, &name, i);
    }
}

struct model *model_new(const struct county *county, struct findings *findings)
{
    struct model *model = mem_alloc(sizeof *model);
    size_t seats = county->seat_count;
    model->county = county;
    model->findings = findings;
    model->node_count = seats;
    model->nodes = mem_alloc(seats * sizeof *model->nodes);
    model->below_from = mem_alloc(seats * sizeof *model->below_from);
    model->below_count = mem_alloc(seats * sizeof *model->below_count);
    model->seat_numbered = mem_alloc(seats * sizeof *model->seat_numbered);
    model->counted = mem_alloc(seats * sizeof *model->counted);
    model->row = mem_alloc(sizeof *model->row);
    number_seats(model);
    for (size_t i = 0; i < seats; i++) {
        struct hash name = hash_of(HASH_BODY, span_of_text(county->seats[i].code));
        places_set(&model->seat_codes, &name, i);
        name = place_name(SPAN_OF_ARRAY(county->seats[i].key_id.bytes));
        places_set(&model->seat_keys, &name, i);
        model->nodes[i].seat = i;
    }
    return model;
}

static void free_tables(struct model *model)
{
    struct places *all[] = {&model->op_names,     &model->record_names,  &model->block_names,
                            &model->stream_names, &model->holding_names, &model->seat_codes,
                            &model->seat_keys,    &model->states,        &model->rank_names,
                            &model->tokens,       &model->carry_names};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        places_free(all[i]);
    free(model->ranks);
    free(model->entries);
    free(model->blocks);
    free(model->streams);
    free(model->holdings);
    free(model->poisons);
    free(model->cuts);
    free(model->carried);
    free(model->unread);
    free(model->ever_below);
    free(model->below_from);
    free(model->below_count);
    free(model->seat_numbered);
    free(model->counted);
    free(model->row);
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    for (size_t i = 0; i < model->op_count; i++) {
        free(model->ops[i].values);
        free(model->ops[i].context);
        free(model->ops[i].before);
        free(model->ops[i].held);
        free(model->ops[i].joins);
        free(model->ops[i].erases);
    }
    for (size_t i = 0; i < model->record_count; i++) {
        free(model->records[i].ops);
        free(model->records[i].members);
        free(model->records[i].joined_by);
        free(model->records[i].free);
    }
    for (size_t i = 0; i < model->stream_count; i++)
        model_stream_free(&model->streams[i]);
    for (size_t i = 0; i < model->node_count; i++) {
        free(model->nodes[i].asked);
        free(model->nodes[i].done);
    }
    free_tables(model);
    free(model->watchings);
    free(model->nodes);
    free(model->records);
    free(model->ops);
    free(model);
}

void model_watch(struct model *model, struct world *world)
{
    model->world = world;
    if (model->changing)
        note_below(model);
    free(model->watchings);
    model->watchings = mem_alloc(model->node_count * sizeof *model->watchings);
    for (size_t i = 0; i < model->node_count; i++) {
        model->watchings[i] = (struct model_watching){model, i};
        memory_store_watch(world_store(world, i), &model->watchings[i], holdings_changed);
    }
}

const char *model_node_name(const struct model *model, size_t node)
{
    return model->county->seats[model->nodes[node].seat].code;
}

size_t model_seat_of_key(const struct model *model, struct key_id key)
{
    struct hash name = place_name(SPAN_OF_ARRAY(key.bytes));
    return places_find(&model->seat_keys, &name);
}

size_t model_seat_of_code(const struct model *model, struct span code)
{
    struct hash name = hash_of(HASH_BODY, code);
    return places_find(&model->seat_codes, &name);
}

bool model_same_author(const struct dot *a, const struct dot *b)
{
    return key_id_equal(a->author, b->author) && a->epoch == b->epoch;
}

bool model_covers(const struct dot *vector, size_t count, const struct dot *dot)
{
    for (size_t i = 0; i < count; i++) {
        if (model_same_author(&vector[i], dot) && vector[i].n >= dot->n)
            return true;
    }
    return false;
}

bool model_saw(const struct model_op *x, const struct model_op *y)
{
    if (model_same_author(&x->dot, &y->dot))
        return x->dot.n > y->dot.n;
    return model_covers(x->context, x->context_count, &y->dot);
}

bool model_is_above(const struct model *model, size_t above, size_t seat)
{
    return model->below_from[seat] - model->below_from[above] < model->below_count[above];
}

bool model_in_path(const struct model *model, size_t a, size_t b)
{
    return model_is_above(model, a, b) || model_is_above(model, b, a);
}

/* ---- circles: members are numbered from the origin on ---- */

/* The one after `seat` from one seat up until the other is below, and down to that; its own when
 * it is the end. */
static size_t next_on_way(const struct model *model, size_t seat, size_t to)
{
    if (!model_is_above(model, seat, to))
        return model->county->seats[seat].parent;
    size_t next = to;
    while (next != seat && model->county->seats[next].parent != seat)
        next = model->county->seats[next].parent;
    return next;
}

static bool is_for_origin(enum model_type type)
{
    return type == MODEL_MEDIATION || type == MODEL_VISIT || type == MODEL_VISIT_PRIVATE;
}

/* A circle is a way through the tree, or all below one seat. */
static size_t way_end(const struct model *model, const struct model_record *record)
{
    return model_is_addressed(record->type) ? record->to
           : is_for_origin(record->type)    ? record->origin
                                            : model->seat_numbered[0];
}

size_t model_circle_seat(const struct model *model, const struct model_record *record, size_t place)
{
    if (record->members != NULL)
        return record->members[place];
    if (record->type == MODEL_DIRECTIVE)
        return model->seat_numbered[model->below_from[record->origin] + place];
    size_t seat = record->origin;
    for (; place > 0; place--)
        seat = next_on_way(model, seat, way_end(model, record));
    return seat;
}

size_t model_circle_size(const struct model *model, const struct model_record *record)
{
    if (record->members != NULL)
        return record->member_count;
    if (record->type == MODEL_DIRECTIVE)
        return model->below_count[record->origin];
    size_t size = 1, end = way_end(model, record);
    for (size_t seat = record->origin; seat != end; size++)
        seat = next_on_way(model, seat, end);
    return size;
}

size_t model_circle_place(const struct model *model, const struct model_record *record, size_t seat)
{
    for (size_t i = 0; record->members != NULL && i < record->member_count; i++) {
        if (record->members[i] == seat)
            return i;
    }
    if (record->members != NULL)
        return SIZE_MAX;
    if (record->type == MODEL_DIRECTIVE)
        return model_is_above(model, record->origin, seat)
                   ? model->below_from[seat] - model->below_from[record->origin]
                   : SIZE_MAX;
    size_t place = 0, at = record->origin, end = way_end(model, record);
    for (; at != seat && at != end; place++)
        at = next_on_way(model, at, end);
    return at == seat ? place : SIZE_MAX;
}

/* Two creations under one name may be made for two seats: the record is for both ways then. */
static bool in_circle_of_twin(const struct model *model, const struct model_record *record,
                              size_t seat)
{
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        struct model_record twin = *record;
        twin.to = op->to;
        twin.members = NULL;
        if (op->kind == WRITE_PUT && op->to != record->to &&
            model_circle_place(model, &twin, seat) != SIZE_MAX)
            return true;
    }
    return false;
}

bool model_in_circle(const struct model *model, const struct model_record *record, size_t seat)
{
    return model_circle_place(model, record, seat) != SIZE_MAX ||
           (record->forked && model_is_addressed(record->type) &&
            in_circle_of_twin(model, record, seat));
}

static struct hash record_name(uint16_t type, const struct record_id *id)
{
    struct hash name = {{0}};
    memcpy(name.bytes, id->bytes, sizeof id->bytes);
    write_u16(name.bytes + sizeof id->bytes, type);
    return name;
}

struct model_record *model_record_of(const struct model *model, uint16_t type,
                                     const struct record_id *id)
{
    struct hash name = record_name(type, id);
    size_t place = places_find(&model->record_names, &name);
    return place == SIZE_MAX ? NULL : &model->records[place];
}

size_t model_add_record(struct model *model, const struct model_record *record)
{
    struct hash name = record_name((uint16_t)record->type, &record->id);
    if (model->record_count == model->record_capacity) {
        model->record_capacity = model->record_capacity * 2 + 64;
        model->records =
            mem_resize(model->records, model->record_capacity * sizeof *model->records);
    }
    places_set(&model->record_names, &name, model->record_count);
    model->records[model->record_count] = *record;
    return model->record_count++;
}

struct model_op *model_op_of(const struct model *model, const struct hash *digest)
{
    size_t place = places_find(&model->op_names, digest);
    return place == SIZE_MAX ? NULL : &model->ops[place];
}

size_t model_record_at(const struct model *model, uint64_t serial)
{
    return model->ops[serial - 1].record;
}

/* ---- writes ---- */

/* So long that no hash and no signature has one by chance. */
enum { MARKER_BYTES = 12 };

void model_marker_of(uint64_t serial, char text[static MODEL_TEXT_BYTES])
{
    snprintf(text, MODEL_TEXT_BYTES, "@w%09" PRIu64 ".", serial);
}

void model_marker(const struct model *model, char text[static MODEL_TEXT_BYTES])
{
    model_marker_of(model->op_count + 1, text);
}

static bool may_see(const struct model *model, uint64_t serial, size_t node)
{
    const struct model_op *op = &model->ops[serial - 1];
    size_t seat = model->nodes[node].seat;
    if (op->seat == seat)
        return true;
    return op->record != SIZE_MAX && op->fate == MODEL_DONE &&
           model_in_circle(model, &model->records[op->record], seat);
}

/* The write that a marker here stands for; 0: there is none. */
static uint64_t marker_at(struct span bytes)
{
    uint64_t serial = 0;
    if (bytes.size < MARKER_BYTES || bytes.data[0] != '@' || bytes.data[1] != 'w' ||
        bytes.data[MARKER_BYTES - 1] != '.')
        return 0;
    for (size_t i = 2; i < MARKER_BYTES - 1; i++) {
        if (bytes.data[i] < '0' || bytes.data[i] > '9')
            return 0;
        serial = serial * 10 + (uint64_t)(bytes.data[i] - '0');
    }
    return serial;
}

void model_check_texts(struct model *model, size_t node, const char *where, struct span bytes)
{
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    while (at < end && (at = memchr(at, '@', (size_t)(end - at))) != NULL) {
        uint64_t serial = marker_at(SPAN(at, (size_t)(end - at)));
        if (serial > 0 && serial <= model->op_count && !model->sealed_text &&
            !may_see(model, serial, node))
            findings_add(model->findings, FINDING_LEAKED, "the text of write %llu in %s of %s",
                         (unsigned long long)serial, where, model_node_name(model, node));
        if (model->at_rest && serial > 0 && serial <= model->op_count &&
            model->ops[serial - 1].erased)
            findings_add(model->findings, FINDING_LEAKED,
                         "the text of write %llu, which is erased, in %s of %s",
                         (unsigned long long)serial, where, model_node_name(model, node));
        at++;
    }
}
