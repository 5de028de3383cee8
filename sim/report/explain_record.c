/* When a record was written, where it waited and why, and when each member of its circle had it. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/explain_parts.h"

enum {
    MEMBERS_TOLD = 12, /* one by one; of larger circles the slowest, and how many had it when */
    SLOWEST_TOLD = 5,
    WAIT_TOLD_MS = 2000,
};

/* ---- while it runs ---- */

static bool is_label(const struct model *model, const struct record_id *id, const char *wanted)
{
    struct label label = label_record(model->county->tree, id);
    return strcmp(label.text, wanted) == 0;
}

/* By number, by the write that made it, by id or by label; SIZE_MAX: not yet. */
static size_t find_record(struct explaining *explaining, const struct model *model)
{
    const struct explain_request *request = explaining->request;
    char *end;
    if (request->write != NULL)
        return explaining->number > model->op_count ? SIZE_MAX
                                                    : model_record_at(model, explaining->number);
    uint64_t number = strtoull(request->record, &end, 10);
    if (*end == '\0' && strlen(request->record) < 32)
        return number < model->record_count ? (size_t)number : SIZE_MAX;
    bool by_id = record_id_parse(span_of_text(request->record), &explaining->id);
    for (; explaining->seen < model->record_count; explaining->seen++) {
        const struct record_id *id = &model->records[explaining->seen].id;
        if (by_id ? memcmp(id->bytes, explaining->id.bytes, sizeof id->bytes) == 0
                  : is_label(model, id, request->record))
            return explaining->seen;
    }
    return SIZE_MAX;
}

static void take_record(struct explaining *explaining, const struct model *model, size_t place)
{
    const struct model_record *record = &model->records[place];
    explaining->found = true;
    explaining->record = place;
    explaining->record_id = record->id;
    explaining->origin = record->origin;
    explaining->type = record->type;
    explaining->circle_count = model_circle_size(model, record);
    explaining->circle = mem_alloc((explaining->circle_count + 1) * sizeof *explaining->circle);
    for (size_t i = 0; i < explaining->circle_count; i++)
        explaining->circle[i] = model_circle_seat(model, record, i);
}

static void take_op(struct explaining *explaining, const struct model_op *op, uint64_t at_ms)
{
    struct told_op *told = &explaining->ops[explaining->op_count++];
    told->serial = op->serial;
    told->seat = op->seat;
    told->kind = op->kind;
    told->written_ms = at_ms;
    told->had_ms = mem_alloc((explaining->circle_count + 1) * sizeof *told->had_ms);
    memset(told->had_ms, 0xff, (explaining->circle_count + 1) * sizeof *told->had_ms);
}

void explain_record_batch(struct explaining *explaining, uint64_t at_ms, size_t seat,
                          struct model *model)
{
    if (!explaining->found) {
        size_t place = find_record(explaining, model);
        if (place == SIZE_MAX)
            return;
        take_record(explaining, model, place);
    }
    const struct model_record *record = &model->records[explaining->record];
    size_t place = model_circle_place(model, record, seat);
    while (explaining->op_count < record->op_count && explaining->op_count < EXPLAIN_OPS_MAX)
        take_op(explaining, &model->ops[record->ops[explaining->op_count]], at_ms);
    for (size_t i = 0; place != SIZE_MAX && i < explaining->op_count; i++) {
        uint64_t *had_ms = &explaining->ops[i].had_ms[place];
        bool holds = model_holds(model, &model->ops[record->ops[i]], seat);
        if (holds != (*had_ms != EXPLAIN_NEVER))
            *had_ms = holds ? at_ms : EXPLAIN_NEVER; /* a disk put back may lose it again */
    }
}

static const char *field_name(int32_t field)
{
    static const char *const names[] = {
        [MODEL_TITLE] = "title", [MODEL_S] = "s",         [MODEL_LEVEL] = "level",
        [MODEL_NOTES] = "notes", [MODEL_CALLS] = "calls", [MODEL_NAME] = "name",
        [MODEL_PHONE] = "phone"};
    return field >= MODEL_TITLE && field <= MODEL_PHONE ? names[field] : "deleted";
}

static bool is_text(int32_t field)
{
    return field == MODEL_TITLE || field == MODEL_S || field == MODEL_NOTES ||
           model_is_private(field);
}

static void print_fields(const struct model_op *op, char text[static EXPLAIN_FIELDS_BYTES])
{
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; i < op->value_count && size < EXPLAIN_FIELDS_BYTES - 1; i++) {
        const struct model_value *value = &op->values[i];
        int more;
        if (is_text(value->field))
            more = snprintf(text + size, EXPLAIN_FIELDS_BYTES - size, "%s%s = \"%s\"",
                            i > 0 ? ", " : "", field_name(value->field), value->text);
        else
            more = snprintf(text + size, EXPLAIN_FIELDS_BYTES - size, "%s%s %s %" PRId64,
                            i > 0 ? ", " : "", field_name(value->field),
                            value->field == MODEL_CALLS ? "+" : "=", value->number);
        size += more > 0 ? (size_t)more : 0;
    }
}

static int32_t shared_field(const struct model_op *a, const struct model_op *b)
{
    for (size_t i = 0; i < a->value_count; i++) {
        int32_t field = a->values[i].field;
        for (size_t j = 0; j < b->value_count; j++) {
            if (field == b->values[j].field && field != MODEL_NOTES && field != MODEL_CALLS)
                return field;
        }
    }
    return 0;
}

static void find_conflicts(struct explaining *explaining, const struct model *model,
                           const struct model_record *record)
{
    free(explaining->conflicts);
    explaining->conflict_count = 0;
    explaining->conflicts = mem_alloc((EXPLAIN_OPS_MAX + 1) * sizeof *explaining->conflicts);
    for (size_t i = 0; i < explaining->op_count; i++) {
        for (size_t j = i + 1; j < explaining->op_count; j++) {
            const struct model_op *a = &model->ops[record->ops[i]],
                                  *b = &model->ops[record->ops[j]];
            int32_t field = shared_field(a, b);
            if (field == 0 || a->fate != MODEL_DONE || b->fate != MODEL_DONE || model_saw(a, b) ||
                model_saw(b, a) || explaining->conflict_count == EXPLAIN_OPS_MAX)
                continue;
            struct told_conflict *told = &explaining->conflicts[explaining->conflict_count++];
            told->first = i;
            told->second = j;
            snprintf(told->field, sizeof told->field, "%s", field_name(field));
        }
    }
}

void explain_record_sample(struct explaining *explaining, const struct model *model)
{
    const struct model_record *record = &model->records[explaining->record];
    bool deleted;
    for (size_t i = 0; i < explaining->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        explaining->ops[i].fate = op->fate;
        print_fields(op, explaining->ops[i].fields);
    }
    find_conflicts(explaining, model, record);
    buffer_clear(&explaining->state);
    model_fold(model, record, &explaining->state, &deleted);
}

/* ---- why it waited ---- */

static size_t place_in_circle(const struct explaining *explaining, size_t seat)
{
    for (size_t i = 0; i < explaining->circle_count; i++) {
        if (explaining->circle[i] == seat)
            return i;
    }
    return SIZE_MAX;
}

static bool is_above(const struct run_report *report, size_t above, size_t seat)
{
    while (seat != above && report->nodes[seat].parent != seat)
        seat = report->nodes[seat].parent;
    return seat == above;
}

/* The seat before `seat` on the tree path from `author`. */
static size_t hop_before(const struct run_report *report, size_t author, size_t seat)
{
    if (!is_above(report, seat, author))
        return report->nodes[seat].parent;
    while (report->nodes[author].parent != seat)
        author = report->nodes[author].parent;
    return author;
}

static uint64_t overlap(const struct report_span *span, uint64_t from_ms, uint64_t to_ms)
{
    uint64_t from = span->from_ms > from_ms ? span->from_ms : from_ms;
    uint64_t to = span->to_ms < to_ms ? span->to_ms : to_ms;
    return to > from ? to - from : 0;
}

static void sum_states(const struct report_node *node, uint64_t from_ms, uint64_t to_ms,
                       uint64_t sums[static REPORT_STATES])
{
    for (size_t i = 0; i < node->span_count; i++)
        sums[node->spans[i].state] += overlap(&node->spans[i], from_ms, to_ms);
}

/* What lay on the link between two neighbours the longest; empty: nothing that was seen. */
static void wait_reason(const struct explaining *explaining, size_t from, size_t to,
                        uint64_t from_ms, uint64_t to_ms, char *text, size_t size)
{
    const struct run_report *report = explaining->report;
    size_t child = report->nodes[from].parent == to ? from : to;
    size_t parent = child == from ? to : from;
    uint64_t at_child[REPORT_STATES] = {0}, at_parent[REPORT_STATES] = {0};
    const char *child_code = report->nodes[child].code, *parent_code = report->nodes[parent].code;
    sum_states(&report->nodes[child], from_ms, to_ms, at_child);
    sum_states(&report->nodes[parent], from_ms, to_ms, at_parent);
    uint64_t least = (to_ms - from_ms) / 5;
    text[0] = '\0';
    if (at_child[REPORT_STATE_DOWN] > least)
        snprintf(text, size, "%s was down", child_code);
    else if (at_parent[REPORT_STATE_DOWN] > least)
        snprintf(text, size, "%s was down", parent_code);
    else if (at_child[REPORT_STATE_PAUSED] > least)
        snprintf(text, size, "%s stood still", child_code);
    else if (at_parent[REPORT_STATE_PAUSED] > least)
        snprintf(text, size, "%s stood still", parent_code);
    else if (at_child[REPORT_STATE_CUT] > least)
        snprintf(text, size, "the line of %s to %s was cut", child_code, parent_code);
    else if (at_child[REPORT_STATE_OFFLINE] > least)
        snprintf(text, size, "%s had no session with %s", child_code, parent_code);
    else if (at_child[REPORT_STATE_BEHIND] > least)
        snprintf(text, size, "%s and %s were catching up", child_code, parent_code);
}

struct arrival_told {
    size_t place, before; /* in the circle; the hop before, a seat */
    uint64_t had_ms;      /* EXPLAIN_NEVER */
    uint64_t waited_ms;   /* at the hop before */
    bool hop_known;
    char reason[160];
};

static void tell_arrival(const struct explaining *explaining, const struct told_op *op,
                         size_t place, struct arrival_told *told)
{
    const struct run_report *report = explaining->report;
    size_t seat = explaining->circle[place];
    *told = (struct arrival_told){.place = place, .had_ms = op->had_ms[place], .before = seat};
    if (seat == op->seat)
        return;
    told->before = hop_before(report, op->seat, seat);
    size_t before_place = place_in_circle(explaining, told->before);
    uint64_t before_ms = told->before == op->seat   ? op->written_ms
                         : before_place == SIZE_MAX ? EXPLAIN_NEVER
                                                    : op->had_ms[before_place];
    if (before_ms == EXPLAIN_NEVER)
        return;
    uint64_t end_ms = told->had_ms == EXPLAIN_NEVER ? report->ends_ms : told->had_ms;
    told->hop_known = true;
    told->waited_ms = end_ms > before_ms ? end_ms - before_ms : 0;
    if (told->waited_ms >= WAIT_TOLD_MS)
        wait_reason(explaining, told->before, seat, before_ms, end_ms, told->reason,
                    sizeof told->reason);
}

/* ---- lines ---- */

static const char *kind_words(enum write_kind kind)
{
    return kind == WRITE_PUT ? "writes it" : kind == WRITE_SET ? "changes it" : "deletes it";
}

static void say_arrival(struct explaining *explaining, const struct told_op *op,
                        const struct arrival_told *told)
{
    char took[48], waited[48];
    size_t seat = explaining->circle[told->place];
    report_duration(told->waited_ms, REPORT_ENGLISH, waited);
    if (told->had_ms == EXPLAIN_NEVER) {
        explain_say(explaining, explaining->report->ends_ms, seat,
                    "never has write %" PRIu64 "%s%s", op->serial, told->reason[0] ? ": " : "",
                    told->reason);
        return;
    }
    report_duration(told->had_ms - op->written_ms, REPORT_ENGLISH, took);
    if (told->waited_ms < WAIT_TOLD_MS)
        explain_say(explaining, told->had_ms, seat,
                    "has write %" PRIu64 ", %s after it was written", op->serial, took);
    else if (told->reason[0] != '\0')
        explain_say(explaining, told->had_ms, seat,
                    "has write %" PRIu64 ", %s after it was written: it waited %s at %s, since %s",
                    op->serial, took, waited, explain_seat(explaining, told->before), told->reason);
    else
        explain_say(explaining, told->had_ms, seat,
                    "has write %" PRIu64 ", %s after it was written: it waited %s at %s",
                    op->serial, took, waited, explain_seat(explaining, told->before));
}

static int latest_first(const void *left, const void *right)
{
    const struct arrival_told *a = left, *b = right;
    if (a->had_ms != b->had_ms)
        return a->had_ms > b->had_ms ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Of a large circle: when half of it had the write, nine tenths, and everybody. */
static void say_shares(struct explaining *explaining, const struct told_op *op,
                       const struct arrival_told *latest, size_t count)
{
    static const unsigned percents[] = {50, 90, 100};
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        size_t rank = (count * percents[i] + 99) / 100;
        const struct arrival_told *told = &latest[count - (rank == 0 ? 1 : rank)];
        char took[48];
        if (told->had_ms == EXPLAIN_NEVER)
            continue;
        report_duration(told->had_ms - op->written_ms, REPORT_ENGLISH, took);
        explain_say(explaining, told->had_ms, explaining->circle[told->place],
                    "is number %zu of %zu to have write %" PRIu64 ", %s after it was written", rank,
                    count, op->serial, took);
    }
}

static json_t *members_json(const struct explaining *explaining,
                            const struct arrival_told *arrivals, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct arrival_told *told = &arrivals[i];
        json_t *object = json_object();
        json_object_set_new(object, "seat",
                            json_string(explain_seat(explaining, explaining->circle[told->place])));
        json_object_set_new(object, "had_ms",
                            told->had_ms == EXPLAIN_NEVER ? json_null()
                                                          : json_integer((json_int_t)told->had_ms));
        json_object_set_new(object, "by", json_string(explain_seat(explaining, told->before)));
        json_object_set_new(object, "waited_ms",
                            told->hop_known ? json_integer((json_int_t)told->waited_ms)
                                            : json_null());
        json_object_set_new(object, "reason", json_string(told->reason));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *explain_op(struct explaining *explaining, const struct told_op *op)
{
    static const char *const fates[] = {[MODEL_ASKED] = "asked",
                                        [MODEL_REFUSED] = "refused",
                                        [MODEL_DONE] = "done",
                                        [MODEL_GONE] = "gone"};
    size_t count = explaining->circle_count;
    struct arrival_told *arrivals = mem_alloc((count + 1) * sizeof *arrivals);
    explain_say(explaining, op->written_ms, op->seat, "%s (write %" PRIu64 ": %s)%s",
                kind_words(op->kind), op->serial, op->fields,
                op->fate == MODEL_GONE ? "; it is gone again with its store" : "");
    for (size_t i = 0; i < count; i++)
        tell_arrival(explaining, op, i, &arrivals[i]);
    json_t *members = members_json(explaining, arrivals, count);
    qsort(arrivals, count, sizeof *arrivals, latest_first);
    size_t told = count <= MEMBERS_TOLD ? count : SLOWEST_TOLD;
    for (size_t i = 0; i < told && op->fate == MODEL_DONE; i++) {
        if (explaining->circle[arrivals[i].place] != op->seat)
            say_arrival(explaining, op, &arrivals[i]);
    }
    if (count > MEMBERS_TOLD && op->fate == MODEL_DONE)
        say_shares(explaining, op, arrivals, count);
    free(arrivals);
    return json_pack("{s:I, s:s, s:s, s:I, s:s, s:s, s:o}", "write", (json_int_t)op->serial, "seat",
                     explain_seat(explaining, op->seat), "kind",
                     op->kind == WRITE_PUT     ? "create"
                     : op->kind == WRITE_SET   ? "set"
                     : op->kind == WRITE_ERASE ? "erase"
                                               : "delete",
                     "written_ms", (json_int_t)op->written_ms, "fate", fates[op->fate], "fields",
                     op->fields, "members", members);
}

/* The first place that has both is where it shows. */
static void say_conflict(struct explaining *explaining, const struct told_conflict *conflict)
{
    const struct told_op *a = &explaining->ops[conflict->first];
    const struct told_op *b = &explaining->ops[conflict->second];
    uint64_t first_ms = EXPLAIN_NEVER;
    size_t where = 0;
    for (size_t i = 0; i < explaining->circle_count; i++) {
        uint64_t both = a->had_ms[i] > b->had_ms[i] ? a->had_ms[i] : b->had_ms[i];
        if (both < first_ms) {
            first_ms = both;
            where = explaining->circle[i];
        }
    }
    if (first_ms != EXPLAIN_NEVER)
        explain_say(explaining, first_ms, where,
                    "sees a conflict: writes %" PRIu64 " and %" PRIu64
                    " both set %s and neither author had seen the other's",
                    a->serial, b->serial, conflict->field);
}

static void say_moments(struct explaining *explaining, uint64_t from_ms, uint64_t to_ms)
{
    for (size_t i = 0; i < explaining->moment_count; i++) {
        const struct told_moment *moment = &explaining->moments[i];
        char text[200];
        if (moment->at_ms >= from_ms && moment->at_ms <= to_ms &&
            moment->node < explaining->report->node_count &&
            place_in_circle(explaining, moment->node) != SIZE_MAX &&
            explain_moment(explaining, moment, text, sizeof text))
            explain_say(explaining, moment->at_ms, moment->node, "%s", text);
    }
}

/* From the first write to the last arrival. */
static void story_ends(const struct explaining *explaining, uint64_t *from_ms, uint64_t *to_ms,
                       size_t *missing)
{
    *from_ms = EXPLAIN_NEVER;
    *to_ms = 0;
    *missing = 0;
    for (size_t i = 0; i < explaining->op_count; i++) {
        const struct told_op *op = &explaining->ops[i];
        *from_ms = op->written_ms < *from_ms ? op->written_ms : *from_ms;
        *to_ms = op->written_ms > *to_ms ? op->written_ms : *to_ms;
        for (size_t j = 0; j < explaining->circle_count && op->fate == MODEL_DONE; j++) {
            if (op->had_ms[j] == EXPLAIN_NEVER)
                ++*missing;
            else
                *to_ms = op->had_ms[j] > *to_ms ? op->had_ms[j] : *to_ms;
        }
    }
    if (*missing > 0)
        *to_ms = explaining->report->ends_ms;
}

static json_t *summary_json(const struct explaining *explaining, uint64_t from_ms, uint64_t to_ms,
                            size_t missing)
{
    char took[48], text[512];
    report_duration(to_ms - from_ms, REPORT_ENGLISH, took);
    int size =
        snprintf(text, sizeof text,
                 "A record of type %s from %s, with %zu operations and a circle of %zu seats; ",
                 model_type_name(explaining->type), explain_seat(explaining, explaining->origin),
                 explaining->op_count, explaining->circle_count);
    if (missing > 0)
        snprintf(text + size, sizeof text - (size_t)size,
                 "at the end %zu copies are still missing.", missing);
    else
        snprintf(text + size, sizeof text - (size_t)size,
                 "everybody in it had all of it %s after its first write. Conflicts: %zu.", took,
                 explaining->conflict_count);
    return json_string(text);
}

json_t *explain_record(struct explaining *explaining)
{
    char id[33];
    uint64_t from_ms, to_ms;
    size_t missing;
    json_t *operations = json_array();
    for (size_t i = 0; i < explaining->op_count; i++)
        json_array_append_new(operations, explain_op(explaining, &explaining->ops[i]));
    for (size_t i = 0; i < explaining->conflict_count; i++)
        say_conflict(explaining, &explaining->conflicts[i]);
    story_ends(explaining, &from_ms, &to_ms, &missing);
    if (explaining->circle_count <= MEMBERS_TOLD)
        say_moments(explaining, from_ms, to_ms);
    record_id_text(&explaining->record_id, id);
    json_t *state = json_stringn((const char *)explaining->state.data, explaining->state.size);
    return json_pack("{s:s, s:s, s:I, s:o, s:s, s:s, s:I, s:I, s:o, s:o, s:O}", "of", "record",
                     "name", id, "number", (json_int_t)explaining->record, "summary",
                     summary_json(explaining, from_ms, to_ms, missing), "type",
                     model_type_name(explaining->type), "origin",
                     explain_seat(explaining, explaining->origin), "circle",
                     (json_int_t)explaining->circle_count, "conflicts",
                     (json_int_t)explaining->conflict_count, "operations", operations, "state",
                     state != NULL ? state : json_string(""), "lines", explaining->lines);
}
