/* Writes as they are asked for: the books of them, and what their nodes are told. One request may
 * say something in the open and something in private: two operations then, with one answer. */
#include "sim/check/check_parts.h"
#include "sim/check/model_case.h"

#include <stdlib.h>

const char *const model_field_names[] = {"",      "title", "s",    "level",
                                         "notes", "calls", "name", "phone"};

/* Letters that say nothing, compress as writing does, and are known again: of each text its own. */
void model_text(const struct model_value *value, struct buffer *text)
{
    static const char syllables[] = "ba ce di fo gu ha ji ko lu ma ne pi ro su ta ve wi xo yu za ";
    uint32_t state = 2166136261U;
    buffer_append_span(text, span_of_text(value->text));
    for (const char *at = value->text; *at != 0; at++)
        state = (state ^ (uint8_t)*at) * 16777619U;
    for (uint32_t left = value->more; left > 0;) {
        uint32_t size = left < 3 ? left : 3;
        state = state * 1664525U + 1013904223U;
        buffer_append_span(text, SPAN(syllables + 3 * ((state >> 16) % 20), size));
        left -= size;
    }
}

void model_encode_fields(const struct model_value *values, size_t count, struct buffer *fields)
{
    struct buffer text = {0};
    uint32_t named = 0;
    for (size_t i = 0; i < count; i++)
        named += values[i].field != FIELD_TRANSITION;
    mp_write_map(fields, named);
    for (size_t i = 0; i < count; i++) {
        const struct model_value *value = &values[i];
        bool is_deleted = value->field == FIELD_DELETED;
        if (value->field == FIELD_TRANSITION)
            continue;
        mp_write_text(fields, is_deleted ? "_deleted" : model_field_names[value->field]);
        if (is_deleted) {
            mp_write_bool(fields, value->number != 0);
        } else if (value->field == MODEL_LEVEL || value->field == MODEL_CALLS) {
            mp_write_int(fields, value->number);
        } else {
            buffer_clear(&text);
            model_text(value, &text);
            mp_write_str(fields, span_of_buffer(&text));
        }
    }
    buffer_free(&text);
}

struct model_op *model_add_op(struct model *model, size_t node, enum write_kind kind)
{
    if (model->op_count == model->op_capacity) {
        model->op_capacity = model->op_capacity * 2 + 64;
        model->ops = mem_resize(model->ops, model->op_capacity * sizeof *model->ops);
    }
    struct model_op *op = &model->ops[model->op_count++];
    *op = (struct model_op){
        .serial = model->op_count, .node = node, .seat = model->nodes[node].seat, .kind = kind};
    op->record = op->to = op->main = op->beside = op->hands_to = SIZE_MAX;
    return op;
}

struct model_op *model_ask(struct model *model, size_t node, enum write_kind kind,
                           const struct model_value *values, size_t value_count)
{
    struct model_node *own = &model->nodes[node];
    if (own->asked_count == own->asked_capacity) {
        own->asked_capacity = own->asked_capacity * 2 + 4;
        own->asked = mem_resize(own->asked, own->asked_capacity * sizeof *own->asked);
    }
    own->asked[own->asked_count++] = model->op_count;
    struct model_op *op = model_add_op(model, node, kind);
    op->value_count = value_count;
    op->values = value_count == 0 ? NULL : mem_copy(values, value_count * sizeof *values);
    return op;
}

uint64_t model_extend(struct model *model, size_t node, size_t record, const size_t *seats,
                      size_t count)
{
    struct buffer names = {0};
    struct model_op *op = model_ask(model, node, WRITE_EXTEND, NULL, 0);
    op->record = record;
    op->joins = mem_copy(seats, count * sizeof *seats);
    op->join_count = count;
    mp_write_array(&names, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_text(&names, model->county->seats[seats[i]].code);
    struct world_write write = {
        .request = op->serial,
        .kind = WRITE_EXTEND,
        .type = model_type_name(model->records[record].type),
        .record = model->records[record].id,
        .fields = span_of_buffer(&names),
    };
    uint64_t serial = op->serial;
    world_write(model->world, node, &write);
    buffer_free(&names);
    return serial;
}

void model_drop_asked(struct model *model, const struct model_op *op)
{
    struct model_node *own = &model->nodes[op->node];
    size_t place = (size_t)(op - model->ops), kept = 0;
    for (size_t i = 0; i < own->asked_count; i++) {
        if (own->asked[i] != place)
            own->asked[kept++] = own->asked[i];
    }
    own->asked_count = kept;
}

/* What people ask of one node in one request. */
struct asking {
    size_t node;
    enum write_kind kind;
    enum model_type type; /* of the record, not of its companion */
    size_t record;        /* SIZE_MAX: a new one */
    size_t to, hands_to;  /* seats; SIZE_MAX: none */
    const struct model_value *values;
    size_t count;
};

static size_t split_values(const struct asking *asking, bool is_private, struct model_value *kept)
{
    size_t count = 0;
    for (size_t i = 0; i < asking->count; i++) {
        if (model_is_private(asking->values[i].field) == is_private)
            kept[count++] = asking->values[i];
    }
    return count;
}

/* The place of the operation; SIZE_MAX: nothing is said in private. */
static size_t ask_private(struct model *model, const struct asking *asking)
{
    struct model_value values[MODEL_VALUES_MAX];
    size_t count = split_values(asking, true, values);
    if (count == 0)
        return SIZE_MAX;
    struct model_op *op = model_ask(model, asking->node, WRITE_SET, values, count);
    op->is_private = true;
    op->main = asking->record;
    if (op->main != SIZE_MAX)
        op->record = model_companion_of(model, op->main);
    return (size_t)(op - model->ops);
}

static size_t ask_openly(struct model *model, const struct asking *asking)
{
    static const struct model_value deletion = {.field = FIELD_DELETED, .number = 1};
    struct model_value values[MODEL_VALUES_MAX];
    size_t count = split_values(asking, false, values);
    if (count == 0 && asking->kind == WRITE_SET && asking->count > 0)
        return SIZE_MAX;
    bool is_delete = asking->kind == WRITE_DELETE;
    struct model_op *op = model_ask(model, asking->node, asking->kind,
                                    is_delete ? &deletion : values, is_delete ? 1 : count);
    op->record = asking->record;
    op->to = asking->to;
    op->hands_to = asking->hands_to;
    return (size_t)(op - model->ops);
}

static void tell_node(struct model *model, const struct asking *asking, uint64_t serial)
{
    struct buffer fields = {0};
    struct world_write write = {.request = serial, .kind = asking->kind};
    size_t to = asking->hands_to != SIZE_MAX ? asking->hands_to : asking->to;
    if (asking->kind != WRITE_DELETE)
        model_encode_fields(asking->values, asking->count, &fields);
    write.type = model_type_name(asking->type);
    write.fields = span_of_buffer(&fields);
    for (size_t i = 0; i < asking->count && asking->kind == WRITE_DO; i++) {
        if (asking->values[i].field == FIELD_TRANSITION)
            write.step = model_step_of(asking->type, asking->values[i].number)->name;
    }
    if (asking->record != SIZE_MAX)
        write.record = model->records[asking->record].id;
    if (to != SIZE_MAX)
        write.to = model->county->seats[to].code;
    world_write(model->world, asking->node, &write);
    buffer_free(&fields);
}

static uint64_t ask(struct model *model, const struct asking *asking)
{
    size_t open = ask_openly(model, asking), private = ask_private(model, asking);
    model->any_steps |= asking->kind == WRITE_DO;
    if (open != SIZE_MAX && private != SIZE_MAX) {
        model->ops[open].beside = private;
        model->ops[private].beside = open;
    }
    uint64_t serial = model->ops[open != SIZE_MAX ? open : private].serial;
    tell_node(model, asking, serial);
    return serial;
}

uint64_t model_write(struct model *model, size_t node, enum write_kind kind, enum model_type type,
                     size_t record, const struct model_value *values, size_t value_count)
{
    bool creates = kind == WRITE_PUT;
    struct asking asking = {.node = node,
                            .kind = kind,
                            .type = creates ? type : model->records[record].type,
                            .record = creates ? SIZE_MAX : record,
                            .to = creates && model_is_addressed(type) ? record : SIZE_MAX,
                            .hands_to = SIZE_MAX,
                            .values = values,
                            .count = value_count};
    return ask(model, &asking);
}

uint64_t model_hand(struct model *model, size_t node, size_t record,
                    const struct model_value *values, size_t value_count, size_t to)
{
    struct asking asking = {.node = node,
                            .kind = WRITE_DO,
                            .type = model->records[record].type,
                            .record = record,
                            .to = SIZE_MAX,
                            .hands_to = to,
                            .values = values,
                            .count = value_count};
    return ask(model, &asking);
}
