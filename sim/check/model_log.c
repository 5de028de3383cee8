/* What stands in each author's own log, matched with what was asked for there. A text value holds
 * the write's serial number; a deletion is known by its record and its turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check/model.h"

/* ---- an entry's body, read plainly ---- */

static bool read_value(struct mp_reader *reader, int32_t field, struct model_value *value)
{
    struct span text = {0};
    *value = (struct model_value){.field = field};
    if (field == FIELD_DELETED) {
        value->number = mp_read_bool(reader);
    } else if (field == MODEL_LEVEL || field == MODEL_CALLS) {
        value->number = mp_read_int(reader);
    } else if (field == MODEL_NOTES) {
        bool single = mp_read_array(reader) == 1;
        text = mp_read_str(reader);
        if (!single)
            return false;
    } else if (field == MODEL_TITLE || field == MODEL_S) {
        text = mp_read_str(reader);
    } else {
        return false;
    }
    if (text.size >= sizeof value->text)
        return false;
    if (text.size > 0)
        memcpy(value->text, text.data, text.size);
    return !reader->failed;
}

static bool read_body(struct span body, struct model_value values[static MODEL_VALUES_MAX],
                      size_t *count, struct span *to)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    *count = 0;
    *to = SPAN_EMPTY;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == FIELD_TO)
            *to = mp_read_str(&reader);
        else if (*count == MODEL_VALUES_MAX || !read_value(&reader, key, &values[(*count)++]))
            return false;
    }
    mp_read_end(&reader);
    return !reader.failed;
}

static uint64_t serial_in(const struct model_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned long long serial;
        if (sscanf(values[i].text, "@w%llu.", &serial) == 1)
            return serial;
    }
    return 0;
}

/* ---- matching ---- */

/* The running total that this write must carry: all that its author had added in this epoch. */
static int64_t expected_total(const struct model *model, const struct model_op *op, int64_t added)
{
    const struct model_record *record = &model->records[op->record];
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *other = &model->ops[record->ops[i]];
        if (other == op || !model_same_author(&other->dot, &op->dot) || other->dot.n > op->dot.n)
            continue;
        for (size_t j = 0; j < other->value_count; j++)
            added += other->values[j].field == MODEL_CALLS ? other->values[j].number : 0;
    }
    return added;
}

static bool value_as_asked(const struct model *model, const struct model_op *op,
                           const struct model_value *found)
{
    for (size_t i = 0; i < op->value_count; i++) {
        const struct model_value *asked = &op->values[i];
        if (asked->field != found->field)
            continue;
        int64_t number = asked->number;
        if (asked->field == MODEL_CALLS)
            number = expected_total(model, op, number);
        return number == found->number && strcmp(asked->text, found->text) == 0;
    }
    return false;
}

static struct model_op *match(const struct model *model, size_t node, const struct entry *entry,
                              const struct model_value *values, size_t count)
{
    uint64_t serial = serial_in(values, count);
    if (serial > 0)
        return serial <= model->op_count && model->ops[serial - 1].node == node
                   ? &model->ops[serial - 1]
                   : NULL;
    for (size_t i = 0; i < model->op_count; i++) {
        struct model_op *op = &model->ops[i];
        if (op->node == node && op->kind == WRITE_DELETE && !op->in_log &&
            op->fate == MODEL_ASKED &&
            memcmp(model->records[op->record].id.bytes, entry->record.bytes, 16) == 0)
            return op;
    }
    return NULL;
}

bool model_rematch_deletion(struct model *model, struct model_op *refused)
{
    struct model_op *end = model->ops + model->op_count, *op = refused + 1;
    struct model_record *record = &model->records[refused->record];
    while (op < end && !(op->node == refused->node && op->kind == WRITE_DELETE && !op->in_log &&
                         op->fate == MODEL_ASKED && op->record == refused->record))
        op++;
    if (refused->kind != WRITE_DELETE || op == end)
        return false;
    for (size_t i = 0; i < record->op_count; i++) {
        if (record->ops[i] == (size_t)(refused - model->ops))
            record->ops[i] = (size_t)(op - model->ops);
    }
    op->in_log = true;
    op->fate = MODEL_DONE;
    op->clock = refused->clock;
    op->dot = refused->dot;
    op->digest = refused->digest;
    op->context = refused->context;
    op->context_count = refused->context_count;
    refused->in_log = false;
    refused->context = NULL;
    refused->context_count = 0;
    return true;
}

static void keep_creation(struct model *model, struct model_op *op, const struct entry *entry)
{
    if (model->record_count == model->record_capacity) {
        model->record_capacity = model->record_capacity * 2 + 64;
        model->records =
            mem_resize(model->records, model->record_capacity * sizeof *model->records);
    }
    if (model_record_of(model, entry->type, &entry->record) != NULL)
        findings_add(model->findings, FINDING_REUSED, "%s gave a record's name twice (write %llu)",
                     model->county->seats[op->node].code, (unsigned long long)op->serial);
    op->record = model->record_count++;
    model->records[op->record] = (struct model_record){.id = entry->record,
                                                       .type = (enum model_type)entry->type,
                                                       .origin = op->node,
                                                       .to = op->to};
}

static void add_to_record(struct model *model, struct model_op *op)
{
    struct model_record *record = &model->records[op->record];
    if (record->op_count == record->op_capacity) {
        record->op_capacity = record->op_capacity * 2 + 4;
        record->ops = mem_resize(record->ops, record->op_capacity * sizeof *record->ops);
    }
    record->ops[record->op_count++] = (size_t)(op - model->ops);
}

static void check_name(const struct model *model, const struct model_op *op)
{
    const struct model_record *record = &model->records[op->record];
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *other = &model->ops[record->ops[i]];
        if (model_same_author(&other->dot, &op->dot) && other->dot.n == op->dot.n)
            findings_add(model->findings, FINDING_REUSED, "writes %llu and %llu have one name",
                         (unsigned long long)other->serial, (unsigned long long)op->serial);
    }
}

/* It saw at least what its node had before the batch, at most what its node has now. */
static void check_context(struct model *model, const struct model_op *op)
{
    size_t after_count;
    struct dot *after = model_seen_at(model, op->node, &model->records[op->record], &after_count);
    for (size_t i = 0; i < op->before_count; i++) {
        if (!model_same_author(&op->before[i], &op->dot) &&
            !model_covers(op->context, op->context_count, &op->before[i]))
            findings_add(model->findings, FINDING_WRONG,
                         "write %llu doesn't say all that its author had seen",
                         (unsigned long long)op->serial);
    }
    for (size_t i = 0; i < op->context_count; i++) {
        if (!model_covers(after, after_count, &op->context[i]))
            findings_add(model->findings, FINDING_WRONG,
                         "write %llu says more than its author had seen",
                         (unsigned long long)op->serial);
    }
    free(after);
}

static void check_answer(struct model *model, const struct model_op *op, const struct entry *entry)
{
    if (op->acknowledged && (memcmp(op->answered_record.bytes, entry->record.bytes, 16) != 0 ||
                             op->clock != entry->clock))
        findings_add(model->findings, FINDING_WRONG, "write %llu was answered with another name",
                     (unsigned long long)op->serial);
}

static void take_new(struct model *model, struct model_op *op, const struct stream_id *stream,
                     const struct entry *entry, const struct hash *digest)
{
    struct author_epoch author = {stream->author, stream->epoch};
    check_answer(model, op, entry);
    op->in_log = true;
    op->fate = MODEL_DONE;
    op->clock = entry->clock;
    op->digest = *digest;
    op->dot = entry_dot(entry, &author);
    op->context_count = entry->context_count;
    op->context = mem_copy(entry->context, entry->context_count * sizeof *op->context);
    if (op->kind == WRITE_PUT)
        keep_creation(model, op, entry);
    check_name(model, op);
    add_to_record(model, op);
    if (op->before != NULL)
        check_context(model, op);
}

static void take_entry(struct model *model, size_t node, const struct stream_id *stream,
                       const struct entry *entry, const struct hash *digest)
{
    struct model_value values[MODEL_VALUES_MAX];
    size_t count;
    const char *seat = model->county->seats[node].code;
    if (model_op_of(model, digest) != NULL)
        return; /* the same operation in another of its streams, or come back */
    struct span to;
    if (!read_body(entry->body, values, &count, &to)) {
        findings_add(model->findings, FINDING_INVENTED, "%s signed a body nobody asked for", seat);
        return;
    }
    struct model_op *op = match(model, node, entry, values, count);
    if (op == NULL || op->in_log || op->fate == MODEL_REFUSED || op->fate == MODEL_GONE ||
        (op->kind != WRITE_PUT &&
         memcmp(model->records[op->record].id.bytes, entry->record.bytes, 16) != 0)) {
        findings_add(model->findings, FINDING_INVENTED,
                     "%s signed an operation that nobody asked for, or that was refused (%s)", seat,
                     count > 0 ? values[0].text : "");
        return;
    }
    const char *asked = op->to == SIZE_MAX ? "" : model->county->seats[op->to].code;
    if (!span_equal(to, span_of_text(asked)))
        findings_add(model->findings, FINDING_WRONG, "write %llu is made for %.*s, not for '%s'",
                     (unsigned long long)op->serial, (int)to.size, (const char *)to.data, asked);
    take_new(model, op, stream, entry, digest);
    for (size_t i = 0; i < count; i++) {
        if (count != op->value_count || !value_as_asked(model, op, &values[i]))
            findings_add(model->findings, FINDING_WRONG,
                         "write %llu stands in %s's log with another value of field %d",
                         (unsigned long long)op->serial, seat, (int)values[i].field);
    }
}

/* ---- reading logs ---- */

static struct model_log *log_of(struct model_node *node, const struct stream_id *stream)
{
    for (size_t i = 0; i < node->log_count; i++) {
        if (stream_id_compare(&node->logs[i].stream, stream) == 0)
            return &node->logs[i];
    }
    node->logs = mem_resize(node->logs, (node->log_count + 1) * sizeof *node->logs);
    node->logs[node->log_count] = (struct model_log){.stream = *stream};
    return &node->logs[node->log_count++];
}

static void read_log(struct model *model, size_t node, struct model_log *log, uint32_t head)
{
    const struct view *view = world_view(model->world, node);
    if (head < log->seq)
        findings_add(model->findings, FINDING_LOST, "%s's stream %u fell from %u to %u",
                     model->county->seats[node].code, log->stream.number, log->seq, head);
    while (log->seq < head) {
        struct prepared_block block;
        if (block_row_open(view, model->county->tree, &log->stream, log->seq, &block) != ERR_OK) {
            findings_add(model->findings, FINDING_DAMAGED, "%s can't read its own block",
                         model->county->seats[node].code);
            return;
        }
        for (size_t i = log->seq - block.header.seq; i < block.list.count; i++) {
            if (block.list.entries[i].has_record)
                take_entry(model, node, &log->stream, &block.list.entries[i], &block.digests[i]);
        }
        log->seq = block.header.seq + block.header.count;
        prepared_block_free(&block);
    }
}

void model_read_logs(struct model *model, size_t node)
{
    const struct view *view = world_view(model->world, node);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, row);) {
        if (key_id_equal(stream.author, model->county->seats[node].key_id))
            read_log(model, node, log_of(&model->nodes[node], &stream), row->head.seq);
    }
    free(row);
}

struct dot *model_seen_at(const struct model *model, size_t node, const struct model_record *record,
                          size_t *count)
{
    const struct view *view = world_view(model->world, node);
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    struct dot *seen = NULL;
    *count = 0;
    if (!record_key(view, (uint16_t)record->type, &record->id, key) ||
        record_row_read(view, key, &row) != ERR_OK || !row.present)
        return NULL;
    size_t most = row.located ? 1 : record_operation_count(row.state);
    seen = mem_alloc((most + 1) * sizeof *seen);
    struct author_epoch creator = record_id_author(&record->id);
    for (size_t i = 0; i < most; i++)
        seen[(*count)++] = row.located ? (struct dot){creator.author, creator.epoch, 1}
                                       : record_operation(row.state, i)->dot;
    record_free(row.state);
    return seen;
}
