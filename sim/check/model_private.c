/* A record with private fields is two: itself, and a companion of the same id, whose circle is at
 * first the seat that made the record (rules.md A35, B70). The model keeps two as well. What one
 * request says of both is two operations, in the log together or not at all; a step that hands the
 * record on leaves extensions of both beside it, which nobody asked for by themselves. */
#include <string.h>

#include "sim/check/check_parts.h"
#include "sim/check/model_case.h"

enum { NAME_NUMBER = 3, PHONE_NUMBER };

bool model_is_private(int32_t field)
{
    return field == MODEL_NAME || field == MODEL_PHONE;
}

int32_t model_private_field(int32_t number)
{
    return number == NAME_NUMBER ? MODEL_NAME : number == PHONE_NUMBER ? MODEL_PHONE : 0;
}

static size_t place_of(const struct model *model, enum model_type type, const struct record_id *id)
{
    const struct model_record *record = model_record_of(model, (uint16_t)type, id);
    return record == NULL ? SIZE_MAX : (size_t)(record - model->records);
}

size_t model_companion_of(const struct model *model, size_t record)
{
    return model->records[record].type != MODEL_VISIT
               ? SIZE_MAX
               : place_of(model, MODEL_VISIT_PRIVATE, &model->records[record].id);
}

size_t model_main_of(const struct model *model, size_t record)
{
    return model->records[record].type != MODEL_VISIT_PRIVATE
               ? record
               : place_of(model, MODEL_VISIT, &model->records[record].id);
}

/* Known from the first entry of it that is seen, whichever of its streams that stands in. */
static size_t begin(struct model *model, const struct record_id *id, size_t seat)
{
    size_t known = place_of(model, MODEL_VISIT_PRIVATE, id);
    if (known != SIZE_MAX)
        return known;
    struct model_record record = {.id = *id, .type = MODEL_VISIT_PRIVATE, .origin = seat};
    record.to = SIZE_MAX;
    model_take_origin(model, &record);
    return model_add_record(model, &record);
}

/* By whom the record was made, as its id says. */
static size_t maker_of(const struct model *model, const struct record_id *id)
{
    return model_seat_of_key(model, record_id_author(id).author);
}

static bool is_of(const struct model *model, const struct model_op *op, const struct record_id *id)
{
    size_t main =
        op->main == SIZE_MAX && op->beside != SIZE_MAX ? model->ops[op->beside].record : op->main;
    return main == SIZE_MAX || memcmp(model->records[main].id.bytes, id->bytes, 16) == 0;
}

/* A step of the node's seat that hands this record on: its companion begins with it, if it hasn't
 * yet. */
static struct model_op *hand_of(const struct model *model, size_t node, const struct record_id *id)
{
    size_t main = place_of(model, MODEL_VISIT, id);
    for (size_t i = model->op_count; i-- > 0 && main != SIZE_MAX;) {
        struct model_op *op = &model->ops[i];
        if (op->node == node && op->record == main && op->hands_to != SIZE_MAX &&
            (op->fate == MODEL_ASKED || op->fate == MODEL_DONE))
            return op;
    }
    return NULL;
}

static struct model_op *asked_private(const struct model *model, size_t node,
                                      const struct entry *entry, const struct found *found)
{
    const struct model_node *own = &model->nodes[node];
    uint64_t serial = model_serial_in(found);
    if (serial > 0) {
        struct model_op *op = serial <= model->op_count ? &model->ops[serial - 1] : NULL;
        return op != NULL && op->is_private && op->seat == own->seat ? op : NULL;
    }
    for (size_t i = 0; i < own->asked_count; i++) {
        struct model_op *op = &model->ops[own->asked[i]];
        if (op->is_private && is_of(model, op, &entry->record) && model_says_the_same(op, found))
            return op;
    }
    return NULL;
}

struct model_op *model_match_private(struct model *model, size_t node, const struct entry *entry,
                                     const struct found *found)
{
    size_t seat = model->nodes[node].seat, maker = maker_of(model, &entry->record);
    bool begins = entry->n == 1 && entry->context_count == 0;
    struct model_op *op = asked_private(model, node, entry, found);
    if (!entry_is_salted(entry) || (begins && maker != seat))
        return NULL;
    if (op == NULL && begins && found->count == 0 && hand_of(model, node, &entry->record) != NULL) {
        op = model_add_op(model, node, WRITE_PUT);
        op->is_private = op->by_itself = true;
    }
    if (op == NULL || op->in_log || !is_of(model, op, &entry->record))
        return NULL;
    op->kind = begins ? WRITE_PUT : WRITE_SET;
    op->record = begin(model, &entry->record, maker);
    return op;
}

/* What a step leaves beside it in its own record comes next after it. Which of two in one batch was
 * read first says nothing: what was asked for before the step was written before it. */
static bool follows(const struct model_op *hand, const struct entry *entry, uint64_t asked)
{
    return entry->type == MODEL_VISIT_PRIVATE ||
           (hand->in_log ? entry->n == hand->dot.n + 1 : hand->serial < asked);
}

struct model_op *model_match_hand(struct model *model, size_t node, const struct entry *entry,
                                  const struct found *found, uint64_t asked)
{
    bool is_private = entry->type == MODEL_VISIT_PRIVATE;
    size_t main =
        place_of(model, is_private ? MODEL_VISIT : (enum model_type)entry->type, &entry->record);
    size_t to = found->join_count == 1 ? model_seat_of_code(model, found->joins[0]) : SIZE_MAX;
    for (size_t i = model->op_count; i-- > 0 && main != SIZE_MAX && to != SIZE_MAX;) {
        struct model_op *hand = &model->ops[i];
        if (hand->node != node || hand->record != main || hand->hands_to != to ||
            hand->handed[is_private] || !follows(hand, entry, asked) ||
            (hand->fate != MODEL_ASKED && hand->fate != MODEL_DONE))
            continue;
        hand->handed[is_private] = true;
        size_t record =
            is_private ? begin(model, &entry->record, maker_of(model, &entry->record)) : main;
        struct model_op *op = model_add_op(model, node, WRITE_EXTEND);
        op->record = record;
        op->by_itself = true;
        op->joins = mem_copy(&to, sizeof to);
        op->join_count = 1;
        return op;
    }
    return NULL;
}

bool model_is_silent(const struct model *model, const struct model_op *op)
{
    return op->record != SIZE_MAX && model->records[op->record].type == MODEL_VISIT_PRIVATE &&
           op->kind == WRITE_PUT && op->value_count == 0;
}

/* ---- at rest ---- */

/* Whoever is handed a record is in its circle; and in its companion's, where the seat that made it
 * did that. What is cut, gone or forked says nothing. */
void check_handed(struct model *model)
{
    for (size_t i = 0; i < model->op_count; i++) {
        const struct model_op *op = &model->ops[i];
        if (op->hands_to == SIZE_MAX || op->hands_to == op->seat || op->fate != MODEL_DONE ||
            op->cut || op->forked)
            continue;
        const struct model_record *record = &model->records[op->record];
        size_t companion = model_companion_of(model, op->record);
        if (!model_in_circle(model, record, op->hands_to))
            findings_add(model->findings, FINDING_LOST,
                         "write %llu hands record %zu to %s, which isn't in its circle",
                         (unsigned long long)op->serial, op->record,
                         model->county->seats[op->hands_to].code);
        if (record->type == MODEL_VISIT && op->seat == record->origin &&
            (companion == SIZE_MAX ||
             !model_in_circle(model, &model->records[companion], op->hands_to)))
            findings_add(model->findings, FINDING_LOST,
                         "write %llu hands record %zu to %s without what is private in it",
                         (unsigned long long)op->serial, op->record,
                         model->county->seats[op->hands_to].code);
    }
}

/* ---- what a node says of both as one ---- */

static bool is_private_line(struct span line)
{
    static const char *const begins[] = {"name=", "phone=", "conflict name=", "conflict phone="};
    bool found = false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t size = strlen(begins[i]);
        found = found || (line.size >= size && memcmp(line.data, begins[i], size) == 0);
    }
    return found;
}

static void take_out(struct buffer *text, struct buffer *taken)
{
    struct buffer kept = {0};
    for (size_t at = 0; at < text->size;) {
        const uint8_t *end = memchr(text->data + at, '\n', text->size - at);
        size_t size = end == NULL ? text->size - at : (size_t)(end - text->data) + 1 - at;
        struct span line = SPAN(text->data + at, size);
        buffer_append_span(is_private_line(line) ? taken : &kept, line);
        at += size;
    }
    buffer_free(text);
    *text = kept;
}

static bool holds_all(const struct model *model, const struct model_record *record, size_t seat)
{
    bool all = true;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        all = all && (op->fate != MODEL_DONE || op->cut || model_holds(model, op, seat));
    }
    return all;
}

static bool says_deleted(const struct buffer *text)
{
    static const char deleted[] = "deleted=1 ";
    return memmem(text->data, text->size, deleted, sizeof deleted - 1) != NULL;
}

void check_private(struct model *model, const struct model_record *record, size_t node,
                   struct buffer *text)
{
    struct buffer said = {0}, fold = {0}, expected = {0};
    size_t seat = model->nodes[node].seat, place = (size_t)(record - model->records);
    size_t companion = record->type == MODEL_VISIT ? model_companion_of(model, place) : SIZE_MAX;
    const struct model_record *beside = companion == SIZE_MAX ? NULL : &model->records[companion];
    bool deleted, is_member = beside != NULL && model_in_circle(model, beside, seat);
    if (record->type != MODEL_VISIT)
        return;
    take_out(text, &said);
    if (!is_member && said.size > 0)
        findings_add(model->findings, FINDING_LEAKED, "%s tells what is private in record %zu",
                     model_node_name(model, node), place);
    if (is_member && !beside->forked && record_lives(model, beside) && !says_deleted(text) &&
        holds_all(model, beside, seat)) {
        model_fold(model, beside, &fold, &deleted);
        take_out(&fold, &expected);
        if (!span_equal(span_of_buffer(&said), span_of_buffer(&expected)))
            findings_add(model->findings, FINDING_WRONG,
                         "of what is private in record %zu %s says\n%.*sand by the rules it is\n"
                         "%.*s",
                         place, model_node_name(model, node), (int)said.size,
                         (const char *)said.data, (int)expected.size, (const char *)expected.data);
    }
    buffer_free(&said);
    buffer_free(&fold);
    buffer_free(&expected);
}
