/* The fold of rules.md 1, written out as plainly as it reads there: every pair of operations is
 * compared, nothing is kept up to date. What comes out is a text, the same that is made of a
 * node's answer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"
#include "sim/check/model_case.h"

struct folding {
    const struct model *model;
    const struct model_op **ops; /* that are not gone */
    size_t count;
    bool deleted;
};

static const struct model_value *value_of(const struct model_op *op, int32_t field)
{
    for (size_t i = 0; i < op->value_count; i++) {
        if (op->values[i].field == field)
            return &op->values[i];
    }
    return NULL;
}

static bool is_replaced(const struct folding *folding, const struct model_op *op, int32_t field)
{
    for (size_t i = 0; i < folding->count; i++) {
        if (value_of(folding->ops[i], field) != NULL && model_saw(folding->ops[i], op))
            return true;
    }
    return false;
}

static uint8_t rank_of(const struct folding *folding, const struct model_op *op)
{
    return folding->model->county->seats[op->seat].tier;
}

/* Of one rank: above 0 if a's (clock, key, epoch, n, digest) is greater. */
static int order_in_rank(const struct model_op *a, const struct model_op *b)
{
    if (a->clock != b->clock)
        return a->clock < b->clock ? -1 : 1;
    int key = key_id_compare(a->dot.author, b->dot.author);
    if (key != 0)
        return key;
    if (a->dot.epoch != b->dot.epoch)
        return a->dot.epoch < b->dot.epoch ? -1 : 1;
    if (a->dot.n != b->dot.n)
        return a->dot.n < b->dot.n ? -1 : 1;
    return hash_compare(&a->digest, &b->digest);
}

/* The assignment that is shown; NULL: the field was never set. */
static const struct model_op *shown(const struct folding *folding, int32_t field)
{
    const struct model_op *best = NULL;
    for (size_t i = 0; i < folding->count; i++) {
        const struct model_op *op = folding->ops[i];
        if (value_of(op, field) == NULL || is_replaced(folding, op, field))
            continue;
        if (best == NULL || rank_of(folding, op) < rank_of(folding, best) ||
            (rank_of(folding, op) == rank_of(folding, best) && order_in_rank(op, best) > 0))
            best = op;
    }
    return best;
}

/* While the record is deleted: whether the operation knows nothing of a deletion in force, and
 * that nothing of it (A19). */
static bool beside_deletion(const struct folding *folding, const struct model_op *op)
{
    for (size_t i = 0; folding->deleted && i < folding->count; i++) {
        const struct model_op *deletion = folding->ops[i];
        const struct model_value *value = value_of(deletion, FIELD_DELETED);
        if (value != NULL && value->number != 0 && deletion != op &&
            !is_replaced(folding, deletion, FIELD_DELETED) && !model_saw(deletion, op) &&
            !model_saw(op, deletion))
            return true;
    }
    return false;
}

/* ---- the text ---- */

struct line_list {
    char (*lines)[160];
    size_t count;
};

static void add_line(struct line_list *list, const char *text)
{
    list->lines = mem_resize(list->lines, (list->count + 1) * sizeof *list->lines);
    snprintf(list->lines[list->count++], sizeof *list->lines, "%s", text);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Conflicts are a set here: that all holders have them in one order shows in their bytes. */
static void end_lines(struct line_list *list, struct buffer *text)
{
    if (list->count > 0)
        qsort(list->lines, list->count, sizeof *list->lines, compare_lines);
    for (size_t i = 0; i < list->count; i++)
        buffer_append_span(text, span_of_text(list->lines[i]));
    free(list->lines);
}

static const char *field_text(int32_t field)
{
    return field == FIELD_DELETED ? "_deleted" : model_field_names[field];
}

enum { SHOWN_MAX = 47 }; /* longer texts are told by their beginning, size and hash */

static void text_text(struct span text, char out[static 64])
{
    if (text.size <= SHOWN_MAX) {
        snprintf(out, 64, "'%.*s'", (int)text.size, (const char *)text.data);
    } else {
        struct hash hash = hash_of(HASH_BODY, text);
        snprintf(out, 64, "'%.16s'+%zu %08x", (const char *)text.data, text.size,
                 read_u32(hash.bytes));
    }
}

static void value_text(const struct model_value *value, int64_t number, char out[static 64])
{
    struct buffer text = {0};
    if (value->field == MODEL_LEVEL || value->field == MODEL_CALLS) {
        snprintf(out, 64, "%" PRId64, number);
    } else if (value->field == FIELD_DELETED) {
        snprintf(out, 64, "%s", number != 0 ? "true" : "false");
    } else {
        model_text(value, &text);
        text_text(span_of_buffer(&text), out);
        buffer_free(&text);
    }
}

/* What an operation says of a field, or that it is erased. */
static void said_text(const struct model_op *op, int32_t field, char out[static 64])
{
    if (op->erased && field != FIELD_DELETED)
        text_text(span_of_text("erased"), out);
    else
        value_text(value_of(op, field), value_of(op, field)->number, out);
}

static void conflict_line(struct line_list *list, const char *field, const char *value,
                          const uint8_t *author, uint64_t epoch, uint64_t n)
{
    char line[160];
    snprintf(line, sizeof line, "conflict %s=%s %02x%02x%02x%02x %08" PRIx64 ".%" PRIu64 "\n",
             field, value, author[0], author[1], author[2], author[3], epoch, n);
    add_line(list, line);
}

/* The total that this operation's author had reached with it. */
static int64_t total_at(const struct folding *folding, const struct model_op *op)
{
    int64_t total = 0;
    for (size_t i = 0; i < folding->count; i++) {
        const struct model_op *other = folding->ops[i];
        const struct model_value *value = value_of(other, MODEL_CALLS);
        if (value != NULL && model_same_author(&other->dot, &op->dot) && other->dot.n <= op->dot.n)
            total += value->number;
    }
    return total;
}

static void fold_assignments(const struct folding *folding, int32_t field, struct line_list *list,
                             struct buffer *text)
{
    const struct model_op *best = shown(folding, field);
    char value[64], line[160];
    if (best != NULL && field != FIELD_DELETED) {
        said_text(best, field, value);
        snprintf(line, sizeof line, "%s=%s\n", field_text(field), value);
        buffer_append_span(text, span_of_text(line));
    }
    for (size_t i = 0; i < folding->count; i++) {
        const struct model_op *op = folding->ops[i];
        if (value_of(op, field) == NULL || is_replaced(folding, op, field) ||
            (op == best && (field == FIELD_DELETED || !beside_deletion(folding, op))))
            continue;
        said_text(op, field, value);
        conflict_line(list, field_text(field), value, op->dot.author.bytes, op->dot.epoch,
                      op->dot.n);
    }
}

static bool all_seen_taken(const struct folding *folding, const bool *taken, size_t place)
{
    for (size_t i = 0; i < folding->count; i++) {
        if (!taken[i] && i != place && model_saw(folding->ops[place], folding->ops[i]))
            return false;
    }
    return true;
}

/* Of those whose context is taken, the least by (rank, clock, ...). The caller frees. */
static size_t *canonical_order(const struct folding *folding)
{
    bool *taken = mem_alloc((folding->count + 1) * sizeof *taken);
    size_t *order = mem_alloc((folding->count + 1) * sizeof *order);
    for (size_t round = 0; round < folding->count; round++) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < folding->count; i++) {
            if (taken[i] || !all_seen_taken(folding, taken, i))
                continue;
            uint8_t rank = rank_of(folding, folding->ops[i]);
            uint8_t lowest = least == SIZE_MAX ? UINT8_MAX : rank_of(folding, folding->ops[least]);
            if (rank < lowest ||
                (rank == lowest && order_in_rank(folding->ops[i], folding->ops[least]) < 0))
                least = i;
        }
        taken[least] = true;
        order[round] = least;
    }
    free(taken);
    return order;
}

static void fold_items(const struct folding *folding, struct line_list *list, struct buffer *text)
{
    size_t *order = canonical_order(folding);
    for (size_t place = 0; place < folding->count; place++) {
        const struct model_op *op = folding->ops[order[place]];
        const struct model_value *item = value_of(op, MODEL_NOTES);
        char value[64], line[160];
        if (item == NULL || op->erased)
            continue;
        value_text(item, 0, value);
        snprintf(line, sizeof line, "notes+%s\n", value);
        buffer_append_span(text, span_of_text(line));
        if (beside_deletion(folding, op))
            conflict_line(list, "notes", value, op->dot.author.bytes, op->dot.epoch, op->dot.n);
    }
    free(order);
}

/* Each author's total stands with the last operation that raised it. */
static void fold_calls(const struct folding *folding, struct line_list *list, struct buffer *text)
{
    int64_t sum = 0;
    bool any = false;
    char value[64], line[160];
    for (size_t i = 0; i < folding->count; i++) {
        const struct model_op *op = folding->ops[i];
        const struct model_value *calls = value_of(op, MODEL_CALLS);
        bool is_last = calls != NULL;
        for (size_t j = 0; j < folding->count && is_last; j++)
            is_last = value_of(folding->ops[j], MODEL_CALLS) == NULL ||
                      !model_same_author(&folding->ops[j]->dot, &op->dot) ||
                      folding->ops[j]->dot.n <= op->dot.n;
        if (!is_last)
            continue;
        any = true;
        sum += total_at(folding, op);
        value_text(calls, total_at(folding, op), value);
        if (beside_deletion(folding, op))
            conflict_line(list, "calls", value, op->dot.author.bytes, op->dot.epoch, op->dot.n);
    }
    if (any) {
        snprintf(line, sizeof line, "calls=%" PRId64 "\n", sum);
        buffer_append_span(text, span_of_text(line));
    }
}

/* A step that its author's own state didn't leave: nobody may have written it (A20). */
static bool is_astray(enum model_type type, const struct model_op *const *ordered, size_t count,
                      size_t at)
{
    const struct model_value *value = value_of(ordered[at], FIELD_TRANSITION);
    const struct model_op **seen = mem_alloc((count + 1) * sizeof(*seen));
    bool *is_void = mem_alloc((count + 1) * sizeof *is_void);
    size_t seen_count = 0;
    for (size_t i = 0; value != NULL && i < count; i++) {
        if (i != at && model_saw(ordered[at], ordered[i]))
            seen[seen_count++] = ordered[i];
    }
    unsigned state = model_walk(type, seen, seen_count, is_void);
    free(seen);
    free(is_void);
    return value != NULL && (model_step_of(type, value->number)->from & (1U << state)) == 0;
}

/* A void step says nothing, and stands in its place in the order all the same (A12). Copies of the
 * operations take the place of those in the model; `flagged` says which are void, and which items
 * are surplus (A36). */
static struct model_op *fold_case(struct folding *folding, enum model_type type,
                                  struct buffer *state, struct buffer *flagged)
{
    size_t *order = canonical_order(folding), items = 0;
    struct model_op *copies = mem_alloc((folding->count + 1) * sizeof *copies);
    bool *is_void = mem_alloc((folding->count + 1) * sizeof *is_void);
    const struct model_op **ordered = mem_alloc((folding->count + 1) * sizeof(*ordered));
    char line[160];
    for (size_t i = 0; i < folding->count; i++)
        ordered[i] = folding->ops[order[i]];
    unsigned now = model_walk(type, ordered, folding->count, is_void);
    snprintf(line, sizeof line, "state='%s'\n", model_state_name(type, now));
    buffer_append_span(state, span_of_text(line));
    for (size_t i = 0; i < folding->count; i++) {
        if (is_astray(type, ordered, folding->count, i))
            buffer_append_span(flagged, span_of_text("astray\n"));
    }
    for (size_t i = 0; i < folding->count; i++) {
        copies[i] = *ordered[i];
        folding->ops[order[i]] = &copies[i];
        if (!is_void[i])
            continue;
        const struct model_value *step = value_of(ordered[i], FIELD_TRANSITION);
        snprintf(line, sizeof line, "void %s\n", model_step_of(type, step->number)->name);
        buffer_append_span(flagged, span_of_text(line));
        copies[i].value_count = 0;
    }
    for (size_t i = 0; i < folding->count; i++) {
        if (value_of(&copies[i], MODEL_NOTES) == NULL || ++items <= MODEL_NOTES_MOST)
            continue;
        snprintf(line, sizeof line, "surplus notes %zu\n", items);
        buffer_append_span(flagged, span_of_text(line));
    }
    free(ordered);
    free(is_void);
    free(order);
    return copies;
}

static void end_text(bool deleted, uint64_t operations, uint64_t excluded, struct buffer *text)
{
    char line[160];
    snprintf(line, sizeof line, "deleted=%d operations=%" PRIu64 " excluded=%" PRIu64 "\n", deleted,
             operations, excluded);
    buffer_append_span(text, span_of_text(line));
}

void model_fold(const struct model *model, const struct model_record *record, struct buffer *text,
                bool *deleted)
{
    static const int32_t scalars[] = {MODEL_TITLE, MODEL_S, MODEL_LEVEL, MODEL_NAME, MODEL_PHONE};
    struct folding folding = {.model = model};
    struct line_list conflicts = {0};
    struct buffer state = {0}, flagged = {0};
    struct model_op *copies = NULL;
    folding.ops = mem_alloc((record->op_count + 1) * sizeof(const struct model_op *));
    for (size_t i = 0; i < record->op_count; i++) {
        if (model->ops[record->ops[i]].fate == MODEL_DONE && !model->ops[record->ops[i]].cut)
            folding.ops[folding.count++] = &model->ops[record->ops[i]];
    }
    if (model_has_steps(record->type))
        copies = fold_case(&folding, record->type, &state, &flagged);
    const struct model_op *deletion = shown(&folding, FIELD_DELETED);
    folding.deleted = deletion != NULL && value_of(deletion, FIELD_DELETED)->number != 0;
    *deleted = folding.deleted;
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        fold_assignments(&folding, scalars[i], &conflicts, text);
    fold_items(&folding, &conflicts, text);
    fold_calls(&folding, &conflicts, text);
    if (record->type == MODEL_DUTY)
        buffer_append_span(text, span_of_text("state='given'\n"));
    buffer_append_span(text, span_of_buffer(&state));
    fold_assignments(&folding, FIELD_DELETED, &conflicts, text);
    end_lines(&conflicts, text);
    buffer_append_span(text, span_of_buffer(&flagged));
    end_text(folding.deleted, folding.count, 0, text);
    buffer_free(&state);
    buffer_free(&flagged);
    free(copies);
    free(folding.ops);
}

/* ---- the same from a node's answer ---- */

static void read_value_text(struct mp_reader *reader, char out[static 64])
{
    enum mp_kind kind = mp_peek(reader);
    if (kind == MP_STR) {
        text_text(mp_read_str(reader), out);
    } else if (kind == MP_NIL) {
        mp_read_any(reader);
        text_text(span_of_text("erased"), out);
    } else if (kind == MP_BOOL) {
        snprintf(out, 64, "%s", mp_read_bool(reader) ? "true" : "false");
    } else {
        snprintf(out, 64, "%" PRId64, mp_read_int(reader));
    }
}

static void read_fields(struct mp_reader *reader, struct buffer *text)
{
    char value[64], line[160];
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span name = mp_read_str(reader);
        bool is_list = mp_peek(reader) == MP_ARRAY;
        uint32_t items = is_list ? mp_read_array(reader) : 1;
        for (uint32_t i = 0; i < items && !reader->failed; i++) {
            read_value_text(reader, value);
            snprintf(line, sizeof line, "%.*s%c%s\n", (int)name.size, (const char *)name.data,
                     is_list ? '+' : '=', value);
            buffer_append_span(text, span_of_text(line));
        }
    }
}

static void read_conflicts(struct mp_reader *reader, struct line_list *list)
{
    for (uint32_t count = mp_read_array(reader); count > 0 && !reader->failed; count--) {
        char field[64] = "", value[64] = "";
        static const uint8_t nobody[KEY_ID_BYTES];
        const uint8_t *author = nobody;
        uint64_t epoch = 0, n = 0;
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            struct span key = mp_read_str(reader);
            if (span_equal(key, span_of_text("field"))) {
                struct span name = mp_read_str(reader);
                snprintf(field, sizeof field, "%.*s", (int)name.size, (const char *)name.data);
            } else if (span_equal(key, span_of_text("value"))) {
                read_value_text(reader, value);
            } else if (span_equal(key, span_of_text("author"))) {
                const uint8_t *bytes = mp_read_bin_of(reader, KEY_ID_BYTES);
                author = bytes == NULL ? nobody : bytes;
            } else if (span_equal(key, span_of_text("epoch"))) {
                epoch = mp_read_uint(reader);
            } else if (span_equal(key, span_of_text("n"))) {
                n = mp_read_uint(reader);
            } else {
                mp_read_any(reader);
            }
        }
        conflict_line(list, field, value, author, epoch, n);
    }
}

/* "void close", "surplus notes 4": a line each. */
static void read_flagged(struct mp_reader *reader, const char *what, struct buffer *text)
{
    for (uint32_t count = mp_read_array(reader); count > 0 && !reader->failed; count--) {
        char name[64] = "", line[160];
        uint64_t place = 0;
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            struct span key = mp_read_str(reader);
            if (span_equal(key, span_of_text("step")) || span_equal(key, span_of_text("field"))) {
                struct span value = mp_read_str(reader);
                snprintf(name, sizeof name, "%.*s", (int)value.size, (const char *)value.data);
            } else if (span_equal(key, span_of_text("place"))) {
                place = mp_read_uint(reader);
            } else {
                mp_read_any(reader);
            }
        }
        if (place > 0)
            snprintf(line, sizeof line, "%s %s %u\n", what, name, (unsigned)place);
        else
            snprintf(line, sizeof line, "%s %s\n", what, name);
        buffer_append_span(text, span_of_text(line));
    }
}

bool model_read_state(struct span described, struct buffer *text)
{
    struct mp_reader reader = mp_reader(described);
    struct line_list conflicts = {0};
    struct buffer flagged = {0};
    bool deleted = false;
    uint64_t operations = 0, excluded = 0;
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader);
        if (span_equal(key, span_of_text("fields")))
            read_fields(&reader, text);
        else if (span_equal(key, span_of_text("conflicts")))
            read_conflicts(&reader, &conflicts);
        else if (span_equal(key, span_of_text("void")))
            read_flagged(&reader, "void", &flagged);
        else if (span_equal(key, span_of_text("surplus")))
            read_flagged(&reader, "surplus", &flagged);
        else if (span_equal(key, span_of_text("deleted")))
            deleted = mp_read_bool(&reader);
        else if (span_equal(key, span_of_text("operations")))
            operations = mp_read_uint(&reader);
        else if (span_equal(key, span_of_text("excluded")))
            excluded = mp_read_uint(&reader);
        else
            mp_read_any(&reader);
    }
    end_lines(&conflicts, text);
    buffer_append_span(text, span_of_buffer(&flagged));
    buffer_free(&flagged);
    end_text(deleted, operations, excluded, text);
    return !reader.failed;
}
