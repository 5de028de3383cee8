/* The books: writes asked for, their answers, the records they made. */
#include "sim/check/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[MODEL_TYPES] = {"",          "mediation", "incident",
                                                    "directive", "survey",    "matter"};

const char *model_type_name(enum model_type type)
{
    return type_names[type];
}

struct model *model_new(const struct county *county, struct findings *findings)
{
    struct model *model = mem_alloc(sizeof *model);
    model->county = county;
    model->findings = findings;
    model->nodes = mem_alloc(county->seat_count * sizeof *model->nodes);
    return model;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    for (size_t i = 0; i < model->op_count; i++) {
        free(model->ops[i].context);
        free(model->ops[i].before);
    }
    for (size_t i = 0; i < model->record_count; i++)
        free(model->records[i].ops);
    for (size_t i = 0; i < model->county->seat_count; i++)
        free(model->nodes[i].logs);
    free(model->nodes);
    free(model->records);
    free(model->ops);
    free(model);
}

void model_watch(struct model *model, struct world *world)
{
    model->world = world;
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

bool model_in_path(const struct model *model, size_t a, size_t b)
{
    return county_is_above(model->county, a, b) || county_is_above(model->county, b, a);
}

/* From one seat up until the other is below, and down to that. */
static bool on_way(const struct county *county, size_t from, size_t to, size_t seat)
{
    for (; !county_is_above(county, from, to); from = county->seats[from].parent) {
        if (seat == from)
            return true;
    }
    for (; to != from; to = county->seats[to].parent) {
        if (seat == to)
            return true;
    }
    return seat == from;
}

bool model_in_circle(const struct model *model, const struct model_record *record, size_t seat)
{
    switch (record->type) {
    case MODEL_MEDIATION: return seat == record->origin;
    case MODEL_INCIDENT:
    case MODEL_SURVEY: return county_is_above(model->county, seat, record->origin);
    case MODEL_DIRECTIVE: return county_is_above(model->county, record->origin, seat);
    case MODEL_MATTER: return on_way(model->county, record->origin, record->to, seat);
    case MODEL_TYPES: break;
    }
    return false;
}

struct model_record *model_record_of(const struct model *model, uint16_t type,
                                     const struct record_id *id)
{
    for (size_t i = 0; i < model->record_count; i++) {
        struct model_record *record = &model->records[i];
        if (record->type == type && memcmp(record->id.bytes, id->bytes, sizeof id->bytes) == 0)
            return record;
    }
    return NULL;
}

struct model_op *model_op_of(const struct model *model, const struct hash *digest)
{
    for (size_t i = 0; i < model->op_count; i++) {
        if (model->ops[i].in_log && hash_equal(&model->ops[i].digest, digest))
            return &model->ops[i];
    }
    return NULL;
}

void model_marker(const struct model *model, char text[static MODEL_TEXT_BYTES])
{
    snprintf(text, MODEL_TEXT_BYTES, "@w%zu.", model->op_count + 1);
}

static bool may_see(const struct model *model, uint64_t serial, size_t node)
{
    const struct model_op *op = &model->ops[serial - 1];
    if (op->node == node)
        return true;
    return op->record != SIZE_MAX && op->fate == MODEL_DONE &&
           model_in_circle(model, &model->records[op->record], node);
}

void model_check_texts(struct model *model, size_t node, const char *where, struct span bytes)
{
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    while (at < end && (at = memchr(at, '@', (size_t)(end - at))) != NULL) {
        uint64_t serial = 0;
        const uint8_t *digit = at + 2;
        if (end - at >= 3 && at[1] == 'w') {
            for (; digit < end && *digit >= '0' && *digit <= '9' && serial < SIZE_MAX / 16; digit++)
                serial = serial * 10 + (uint64_t)(*digit - '0');
            if (digit < end && *digit == '.' && serial > 0 && serial <= model->op_count &&
                !may_see(model, serial, node))
                findings_add(model->findings, FINDING_LEAKED, "the text of write %llu in %s of %s",
                             (unsigned long long)serial, where, model->county->seats[node].code);
        }
        at++;
    }
}

static const char *const field_names[] = {"", "title", "s", "level", "notes", "calls"};

static void encode_fields(const struct model_value *values, size_t count, struct buffer *fields)
{
    mp_write_map(fields, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct model_value *value = &values[i];
        bool is_deleted = value->field == FIELD_DELETED;
        mp_write_text(fields, is_deleted ? "_deleted" : field_names[value->field]);
        if (is_deleted)
            mp_write_bool(fields, value->number != 0);
        else if (value->field == MODEL_LEVEL || value->field == MODEL_CALLS)
            mp_write_int(fields, value->number);
        else
            mp_write_text(fields, value->text);
    }
}

uint64_t model_write(struct model *model, size_t node, enum write_kind kind, enum model_type type,
                     size_t record, const struct model_value *values, size_t value_count)
{
    struct buffer fields = {0};
    if (model->op_count == model->op_capacity) {
        model->op_capacity = model->op_capacity * 2 + 64;
        model->ops = mem_resize(model->ops, model->op_capacity * sizeof *model->ops);
    }
    struct model_op *op = &model->ops[model->op_count++];
    *op = (struct model_op){
        .serial = model->op_count,
        .node = node,
        .kind = kind,
        .record = kind == WRITE_PUT ? SIZE_MAX : record,
        .to = kind == WRITE_PUT && type == MODEL_MATTER ? record : SIZE_MAX,
        .value_count = value_count,
    };
    memcpy(op->values, values, value_count * sizeof *values);
    if (kind == WRITE_DELETE) {
        op->values[0] = (struct model_value){.field = FIELD_DELETED, .number = 1};
        op->value_count = 1;
    } else {
        encode_fields(values, value_count, &fields);
    }
    struct world_write write = {
        .request = op->serial,
        .kind = kind,
        .type = model_type_name(kind == WRITE_PUT ? type : model->records[record].type),
        .fields = span_of_buffer(&fields),
    };
    if (kind != WRITE_PUT)
        write.record = model->records[record].id;
    else if (type == MODEL_MATTER)
        write.to = model->county->seats[record].code;
    world_write(model->world, node, &write);
    buffer_free(&fields);
    return op->serial;
}

/* Log places beyond what is there now are no longer read; what stood there is in danger. */
void model_restored(struct model *model, size_t node)
{
    struct model_node *own = &model->nodes[node];
    const struct view *view = world_view(model->world, node);
    struct stream_row *row = mem_alloc(sizeof *row);
    own->restored = true;
    for (size_t i = 0; i < own->log_count; i++)
        own->logs[i].seq = stream_row_read(view, &own->logs[i].stream, row) ? row->head.seq : 0;
    free(row);
    for (size_t i = 0; i < model->op_count; i++) {
        if (model->ops[i].node == node && model->ops[i].fate == MODEL_DONE)
            model->ops[i].endangered = true;
    }
}

struct search {
    struct model *model;
    bool *held; /* by operation */
};

static bool search_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                         const struct record_id *record, const struct hash *digest)
{
    struct search *search = context;
    const struct model_op *op = model_op_of(search->model, digest);
    (void)stream;
    (void)seq;
    (void)type;
    (void)record;
    if (op != NULL)
        search->held[op - search->model->ops] = true;
    return true;
}

void model_settle(struct model *model)
{
    struct search search = {model, mem_alloc((model->op_count + 1) * sizeof(bool))};
    struct walk_visitor visitor = {.context = &search, .entry = search_entry};
    bool any = false;
    for (size_t i = 0; i < model->op_count; i++)
        any |= model->ops[i].endangered;
    for (size_t i = 0; any && i < model->county->seat_count; i++) {
        if (world_runs(model->world, i))
            query_walk(world_view(model->world, i), model->county->tree, &visitor, NULL);
    }
    for (size_t i = 0; any && i < model->op_count; i++) {
        if (model->ops[i].endangered && !search.held[i])
            model->ops[i].fate = MODEL_GONE;
    }
    free(search.held);
}
