/* What stands in each author's own log, matched with what was asked for there. A text value holds
 * the write's serial number; a deletion is known by its record and its turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/erasure.h"
#include "schema/extension.h"
#include "sim/check/check_parts.h"

enum { BATCH_ENTRIES_MAX = 1 << 14 };

/* ---- an entry's body, read plainly ---- */

static bool read_value(struct mp_reader *reader, int32_t field, struct found_value *value)
{
    *value = (struct found_value){.field = field};
    if (field == FIELD_DELETED) {
        value->number = mp_read_bool(reader);
    } else if (field == FIELD_TRANSITION) {
        value->number = (int64_t)mp_read_uint_max(reader, INT64_MAX);
    } else if (field == MODEL_LEVEL || field == MODEL_CALLS) {
        value->number = mp_read_int(reader);
    } else if (field == MODEL_NOTES) {
        bool single = mp_read_array(reader) == 1;
        value->text = mp_read_str(reader);
        if (!single)
            return false;
    } else if (field == MODEL_TITLE || field == MODEL_S || model_is_private(field)) {
        value->text = mp_read_str(reader);
    } else {
        return false;
    }
    return !reader->failed;
}

static bool read_body(const struct entry *entry, struct found *found)
{
    bool is_private = entry->type == MODEL_VISIT_PRIVATE;
    struct mp_reader reader = mp_reader(entry_fields(entry));
    struct mp_fields fields = mp_fields(&reader);
    *found = (struct found){.to = SPAN_EMPTY};
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        int32_t field = is_private ? model_private_field(key) : key;
        if (key == FIELD_TO)
            found->to = mp_read_str(&reader);
        else if (found->count == MODEL_VALUES_MAX ||
                 !read_value(&reader, field, &found->values[found->count++]))
            return false;
    }
    mp_read_end(&reader);
    return !reader.failed;
}

static bool read_extension(struct span body, struct found *found)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    *found = (struct found){.to = SPAN_EMPTY};
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key != EXTEND_SEATS) {
            found->overdue = found->overdue || key == EXTEND_OVERDUE;
            mp_read_any(&reader);
            continue;
        }
        uint32_t count = mp_read_array(&reader);
        for (uint32_t i = 0; i < count && i < HOLDERS_MAX; i++)
            found->joins[found->join_count++] = mp_read_str(&reader);
    }
    return !reader.failed && found->join_count > 0;
}

uint64_t model_serial_in(const struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        char text[24] = "";
        struct span span = found->values[i].text;
        unsigned long long serial;
        if (span.size > 0)
            memcpy(text, span.data, span.size < sizeof text ? span.size : sizeof text - 1);
        if (sscanf(text, "@w%llu.", &serial) == 1)
            return serial;
    }
    return 0;
}

/* ---- matching ---- */

/* Of two operations under one name the one that this machine wrote, as its disk is now. */
static bool is_nearer(const struct model_op *a, const struct model_op *b, size_t node)
{
    return (a->node == node) != (b->node == node) ? a->node == node : a->at_ms > b->at_ms;
}

static bool has_nearer_twin(const struct model *model, const struct model_record *record,
                            const struct model_op *op, size_t node)
{
    for (size_t i = 0; op->forked && i < record->op_count; i++) {
        const struct model_op *twin = &model->ops[record->ops[i]];
        if (twin != op && twin->dot.n == op->dot.n && model_same_author(&twin->dot, &op->dot) &&
            is_nearer(twin, op, node))
            return true;
    }
    return false;
}

/* The running total that this write must carry: all that its author had added in this epoch, which
 * on a disk that was copied, or put back, is what had been written there. */
static int64_t expected_total(const struct model *model, const struct model_op *op, int64_t added)
{
    const struct model_record *record = &model->records[op->record];
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *other = &model->ops[record->ops[i]];
        if (!model_same_author(&other->dot, &op->dot) || other->dot.n >= op->dot.n ||
            has_nearer_twin(model, record, other, op->node))
            continue;
        for (size_t j = 0; j < other->value_count; j++)
            added += other->values[j].field == MODEL_CALLS ? other->values[j].number : 0;
    }
    return added;
}

static bool same_text(const struct model_value *asked, struct span found)
{
    struct buffer text = {0};
    model_text(asked, &text);
    bool same = span_equal(span_of_buffer(&text), found);
    buffer_free(&text);
    return same;
}

static bool value_as_asked(const struct model *model, const struct model_op *op,
                           const struct found_value *found)
{
    for (size_t i = 0; i < op->value_count; i++) {
        const struct model_value *asked = &op->values[i];
        if (asked->field != found->field)
            continue;
        int64_t number = asked->number;
        if (asked->field == MODEL_CALLS)
            number = expected_total(model, op, number);
        return number == found->number && same_text(asked, found->text);
    }
    return false;
}

bool model_says_the_same(const struct model_op *op, const struct found *found)
{
    bool same = op->value_count == found->count;
    for (size_t i = 0; i < op->value_count && same; i++) {
        const struct model_value *asked = &op->values[i];
        bool any = false;
        for (size_t j = 0; j < found->count; j++)
            any |= found->values[j].field == asked->field &&
                   (asked->field == MODEL_CALLS || (found->values[j].number == asked->number &&
                                                    same_text(asked, found->values[j].text)));
        same = any;
    }
    return same;
}

static bool joins_the_same(const struct model *model, const struct model_op *op,
                           const struct found *found)
{
    bool same = op->join_count == found->join_count;
    for (size_t i = 0; i < op->join_count && same; i++)
        same = span_equal(found->joins[i], span_of_text(model->county->seats[op->joins[i]].code));
    return same;
}

/* The extension that was asked for; or one that a node writes by itself: it has moved, or the
 * record is overdue. */
static struct model_op *match_extension(struct model *model, size_t node, const struct entry *entry,
                                        const struct found *found)
{
    const struct model_node *own = &model->nodes[node];
    const struct model_record *record = model_record_of(model, entry->type, &entry->record);
    size_t place = record == NULL ? SIZE_MAX : (size_t)(record - model->records);
    struct model_op *asked = NULL;
    for (size_t i = 0; i < own->asked_count && record != NULL && asked == NULL; i++) {
        struct model_op *op = &model->ops[own->asked[i]];
        if (op->kind == WRITE_EXTEND && op->record == place && joins_the_same(model, op, found))
            asked = op;
    }
    struct model_op *handed =
        model_match_hand(model, node, entry, found, asked == NULL ? UINT64_MAX : asked->serial);
    if (record == NULL || handed != NULL)
        return handed;
    if (asked != NULL)
        return asked;
    if (!model->county->seats[own->seat].moved && !found->overdue)
        return NULL;
    struct model_op *op = model_add_op(model, node, WRITE_EXTEND);
    op->record = place;
    op->by_itself = true;
    op->joins = mem_alloc(found->join_count * sizeof *op->joins);
    for (size_t i = 0; i < found->join_count; i++) {
        size_t seat = model_seat_of_code(model, found->joins[i]);
        if (seat != SIZE_MAX)
            op->joins[op->join_count++] = seat;
    }
    return op;
}

static bool is_wanted(const struct model_op *erasure, const struct model_op *op)
{
    bool any = false, wanted = false;
    for (int field = MODEL_TITLE; field < MODEL_CALLS; field++) {
        any |= erasure->fields[field];
        for (size_t i = 0; i < op->value_count; i++)
            wanted |= erasure->fields[field] && op->values[i].field == field;
    }
    return op->kind != WRITE_EXTEND && op->kind != WRITE_ERASE && (wanted || !any);
}

static bool names_op(const struct erasure *erasure, const struct model_op *op)
{
    bool named = false;
    for (uint32_t i = 0; i < erasure->count && !named; i++) {
        struct erased_operation erased = erasure_operation(erasure, i);
        named = hash_equal(&erased.digest, &op->digest);
    }
    return named;
}

/* Of all that its author had seen it names exactly what was wanted and had its words yet. */
static bool erases_as_asked(const struct model *model, const struct model_op *asked,
                            const struct stream_id *stream, const struct entry *entry)
{
    const struct model_record *record = &model->records[asked->record];
    struct author_epoch author = {stream->author, stream->epoch};
    struct dot dot = entry_dot(entry, &author);
    struct erasure erasure = erasure_of(entry->body);
    uint32_t found = 0;
    bool same = true;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *other = &model->ops[record->ops[i]];
        bool seen = model_same_author(&other->dot, &dot)
                        ? other->dot.n < dot.n
                        : model_covers(entry->context, entry->context_count, &other->dot);
        bool named = names_op(&erasure, other), wanted = is_wanted(asked, other);
        found += named;
        same = same && (!named || wanted) &&
               (named || !seen || !wanted || other->erased || other->cut);
    }
    return record->forked || (same && found == erasure.count);
}

/* Written and erased in one batch: its words were never on a disk. They are written in turn. */
static struct model_op *match_hole(struct model *model, size_t node, const struct entry *entry)
{
    const struct model_node *own = &model->nodes[node];
    const struct model_record *record = model_record_of(model, entry->type, &entry->record);
    for (size_t i = 0; record != NULL && i < own->asked_count; i++) {
        struct model_op *op = &model->ops[own->asked[i]];
        if ((op->kind == WRITE_SET || op->kind == WRITE_DELETE) &&
            op->record == (size_t)(record - model->records))
            return op;
    }
    return NULL;
}

/* The first that was asked for of this record and comes to the same. */
static struct model_op *match_erasure(struct model *model, size_t node,
                                      const struct stream_id *stream, const struct entry *entry)
{
    const struct model_node *own = &model->nodes[node];
    const struct model_record *record = model_record_of(model, entry->type, &entry->record);
    for (size_t i = 0; record != NULL && i < own->asked_count; i++) {
        struct model_op *op = &model->ops[own->asked[i]];
        if (op->kind == WRITE_ERASE && op->record == (size_t)(record - model->records) &&
            erases_as_asked(model, op, stream, entry))
            return op;
    }
    return NULL;
}

static void take_erasure(struct model *model, struct model_op *op, const struct entry *entry)
{
    const struct model_record *record = &model->records[op->record];
    struct erasure erasure = erasure_of(entry->body);
    op->erases = mem_alloc((record->op_count + 1) * sizeof *op->erases);
    for (size_t i = 0; i < record->op_count; i++) {
        struct model_op *other = &model->ops[record->ops[i]];
        if (!names_op(&erasure, other))
            continue;
        other->erased = other->ever_erased = true;
        op->erases[op->erases_count++] = record->ops[i];
    }
    model->any_erased = true;
}

/* The write that an entry stands for: it says which, or it is the first of those asked for here
 * that says the same of the same record. */
static struct model_op *match(const struct model *model, size_t node, const struct entry *entry,
                              const struct found *found)
{
    const struct model_node *own = &model->nodes[node];
    uint64_t serial = model_serial_in(found);
    if (serial > 0)
        return serial <= model->op_count && model->ops[serial - 1].seat == own->seat
                   ? &model->ops[serial - 1]
                   : NULL;
    for (size_t i = 0; i < own->asked_count; i++) {
        struct model_op *op = &model->ops[own->asked[i]];
        bool is_creation = op->kind == WRITE_PUT;
        if (op->kind == WRITE_EXTEND || op->kind == WRITE_ERASE || op->is_private)
            continue;
        if (is_creation != (op->record == SIZE_MAX) || !model_says_the_same(op, found))
            continue;
        if (is_creation ||
            memcmp(model->records[op->record].id.bytes, entry->record.bytes, 16) == 0)
            return op;
    }
    return NULL;
}

static struct model_op *next_deletion(const struct model *model, const struct model_op *refused)
{
    const struct model_node *own = &model->nodes[refused->node];
    for (size_t i = 0; i < own->asked_count; i++) {
        struct model_op *op = &model->ops[own->asked[i]];
        if (op->serial > refused->serial && op->kind == WRITE_DELETE && !op->in_log &&
            op->record == refused->record)
            return op;
    }
    return NULL;
}

bool model_rematch_deletion(struct model *model, struct model_op *refused)
{
    struct model_op *op = next_deletion(model, refused);
    struct model_record *record = &model->records[refused->record];
    if (refused->kind != WRITE_DELETE || op == NULL)
        return false;
    for (size_t i = 0; i < record->op_count; i++) {
        if (record->ops[i] == (size_t)(refused - model->ops))
            record->ops[i] = (size_t)(op - model->ops);
    }
    model_drop_asked(model, op);
    model_set_fate(model, refused, MODEL_REFUSED);
    op->in_log = true;
    op->clock = refused->clock;
    op->dot = refused->dot;
    op->digest = refused->digest;
    op->context = refused->context;
    op->context_count = refused->context_count;
    op->held = refused->held;
    op->held_count = refused->held_count;
    places_set(&model->op_names, &op->digest, (size_t)(op - model->ops));
    model_set_fate(model, op, MODEL_DONE);
    /* its entries are of the batch that has just been read */
    for (size_t i = model->entry_count; i-- > 0 && model->entry_count - i <= BATCH_ENTRIES_MAX;) {
        if (model->entries[i].op == (size_t)(refused - model->ops))
            model->entries[i].op = (size_t)(op - model->ops);
    }
    refused->in_log = false;
    refused->context = NULL;
    refused->held = NULL;
    refused->held_count = refused->context_count = 0;
    return true;
}

static void keep_creation(struct model *model, struct model_op *op, const struct stream_open *open,
                          const struct entry *entry)
{
    struct model_record *twin = model_record_of(model, entry->type, &entry->record);
    if (entry->type == MODEL_VISIT_PRIVATE)
        return; /* known by now; another life of its seat may begin it again (rules.md B93) */
    struct model_record record = {.id = entry->record,
                                  .type = (enum model_type)entry->type,
                                  .origin = op->seat,
                                  .to = op->to};
    if (twin != NULL && model->nodes[op->node].forks) {
        op->record = (size_t)(twin - model->records);
        return;
    }
    if (twin != NULL)
        findings_add(model->findings, FINDING_REUSED, "%s gave a record's name twice (write %llu)",
                     model_node_name(model, op->node), (unsigned long long)op->serial);
    model_take_circle(model, &record, open);
    op->record = model_add_record(model, &record);
}

static void add_to_record(struct model *model, struct model_op *op)
{
    struct model_record *record = &model->records[op->record];
    record->unchecked = true;
    if (record->op_count == record->op_capacity) {
        record->op_capacity = record->op_capacity * 2 + 4;
        record->ops = mem_resize(record->ops, record->op_capacity * sizeof *record->ops);
    }
    record->ops[record->op_count++] = (size_t)(op - model->ops);
    size_t main = model_main_of(model, op->record);
    if (main != SIZE_MAX)
        model->records[main].unchecked = true; /* it is told with what is private in it */
}

static void check_name(struct model *model, struct model_op *op)
{
    struct model_record *record = &model->records[op->record];
    for (size_t i = 0; i < record->op_count; i++) {
        struct model_op *other = &model->ops[record->ops[i]];
        if (other == op || !model_same_author(&other->dot, &op->dot) || other->dot.n != op->dot.n)
            continue;
        model_set_forked(model, op);
        model_set_forked(model, other);
        if (!model->nodes[op->node].forks)
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

static void note_done(struct model *model, const struct model_op *op)
{
    struct model_node *own = &model->nodes[op->seat];
    if (own->done_count == own->done_capacity) {
        own->done_capacity = own->done_capacity * 2 + 16;
        own->done = mem_resize(own->done, own->done_capacity * sizeof *own->done);
    }
    own->done[own->done_count++] = (size_t)(op - model->ops);
    for (size_t i = 0; i < op->value_count; i++)
        model->nodes[model->records[op->record].origin].deletions +=
            op->values[i].field == FIELD_DELETED;
}

static void take_new(struct model *model, struct model_op *op, const struct stream_id *stream,
                     const struct stream_open *open, const struct entry *entry,
                     const struct hash *digest)
{
    struct author_epoch author = {stream->author, stream->epoch};
    check_answer(model, op, entry);
    model_drop_asked(model, op);
    op->in_log = true;
    op->clock = entry->clock;
    op->digest = *digest;
    op->dot = entry_dot(entry, &author);
    op->context_count = entry->context_count;
    op->context = mem_copy(entry->context, entry->context_count * sizeof *op->context);
    places_set(&model->op_names, digest, (size_t)(op - model->ops));
    if (op->kind == WRITE_PUT)
        keep_creation(model, op, open, entry);
    op->at_ms = world_now_ms(model->world);
    note_done(model, op);
    model_set_fate(model, op, MODEL_DONE);
    check_name(model, op);
    add_to_record(model, op);
    if (op->before != NULL)
        check_context(model, op);
    free(op->before); /* of no more use */
    op->before = NULL;
    op->before_count = 0;
}

/* Found in a log, but it can't be what was asked for. */
static bool is_invented(const struct model *model, const struct model_op *op,
                        const struct entry *entry)
{
    return op == NULL || op->in_log || op->fate == MODEL_REFUSED || op->fate == MODEL_GONE ||
           (op->kind != WRITE_PUT &&
            memcmp(model->records[op->record].id.bytes, entry->record.bytes, 16) != 0);
}

static void check_values(struct model *model, const struct model_op *op, const struct found *found)
{
    const char *asked = op->to == SIZE_MAX ? "" : model->county->seats[op->to].code;
    if (!span_equal(found->to, span_of_text(asked)))
        findings_add(model->findings, FINDING_WRONG, "write %llu is made for %.*s, not for '%s'",
                     (unsigned long long)op->serial, (int)found->to.size,
                     (const char *)found->to.data, asked);
    for (size_t i = 0; i < found->count; i++) {
        if (found->count != op->value_count || !value_as_asked(model, op, &found->values[i]))
            findings_add(model->findings, FINDING_WRONG,
                         "write %llu stands in %s's log with another value of field %d",
                         (unsigned long long)op->serial, model_node_name(model, op->node),
                         (int)found->values[i].field);
    }
}

size_t model_take_entry(struct model *model, size_t node, const struct stream_id *stream,
                        const struct stream_open *open, const struct entry *entry,
                        const struct hash *digest)
{
    struct found found = {.count = 0};
    struct model_op *op = model_op_of(model, digest);
    if (op != NULL) /* the same operation in another of its streams, or come back */
        return (size_t)(op - model->ops);
    bool extends = entry->kind == ENTRY_EXTEND, erases = entry->kind == ENTRY_ERASE;
    if (erases    ? erasure_check(entry->body) != ERR_OK
        : extends ? !read_extension(entry->body, &found)
                  : !read_body(entry, &found)) {
        findings_add(model->findings, FINDING_INVENTED, "%s signed a body nobody asked for",
                     model_node_name(model, node));
        return SIZE_MAX;
    }
    op = entry->hole                          ? match_hole(model, node, entry)
         : erases                             ? match_erasure(model, node, stream, entry)
         : extends                            ? match_extension(model, node, entry, &found)
         : entry->type == MODEL_VISIT_PRIVATE ? model_match_private(model, node, entry, &found)
                                              : match(model, node, entry, &found);
    if (is_invented(model, op, entry)) {
        findings_add(model->findings, FINDING_INVENTED,
                     "%s signed an operation that nobody asked for, or that was refused (%.*s)",
                     model_node_name(model, node),
                     found.count > 0 ? (int)(found.values[0].text.size % 40) : 0,
                     found.count > 0 ? (const char *)found.values[0].text.data : "");
        return SIZE_MAX;
    }
    take_new(model, op, stream, open, entry, digest);
    if (extends)
        model_join(model, (size_t)(op - model->ops));
    else if (erases)
        take_erasure(model, op, entry);
    else if (!entry->hole)
        check_values(model, op, &found);
    return (size_t)(op - model->ops);
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
