/* Answers of the roll-ups that types declare: cells of all origins, combined by group and period
 * (rules.md 6, B106). Whole numbers all the way: an average and a ratio are divided here, last. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/query/asking.h"
#include "replication/query/query_parts.h"
#include "schema/type/text_value.h"

__extension__ typedef __int128 wide_integer;

/* ---- figures ---- */

static struct figure *figure_at(struct asking *asking, const char *period, const char *key,
                                const char *label)
{
    char whole[GROUP_TEXT_MAX + 40];
    size_t period_size = strlen(period), key_size = strlen(key);
    struct figure *figure = NULL;
    memcpy(whole, period, period_size + 1);
    memcpy(whole + period_size + 1, key, key_size + 1);
    size_t size = period_size + key_size + 2;
    HASH_FIND(hh, asking->figures, whole, size, figure);
    if (figure != NULL)
        return figure;
    figure = mem_alloc(sizeof *figure + size);
    memcpy(figure->key, whole, size);
    figure->key_size = size;
    figure->period_size = period_size;
    snprintf(figure->label, sizeof figure->label, "%s", label);
    HASH_ADD_KEYPTR(hh, asking->figures, figure->key, size, figure);
    return figure;
}

/* Whether this value of a distinct is new to the figure. */
static bool is_new(struct asking *asking, const struct figure *figure, struct span value)
{
    struct buffer bytes = {0};
    struct seen *seen = NULL;
    buffer_append(&bytes, figure->key, figure->key_size);
    buffer_append_span(&bytes, value);
    HASH_FIND(hh, asking->seen, bytes.data, bytes.size, seen);
    bool fresh = seen == NULL;
    if (fresh) {
        seen = mem_alloc(sizeof *seen + bytes.size);
        memcpy(seen->bytes, bytes.data, bytes.size);
        seen->size = bytes.size;
        HASH_ADD_KEYPTR(hh, asking->seen, seen->bytes, seen->size, seen);
    }
    buffer_free(&bytes);
    return fresh;
}

static void add_distinct(struct asking *asking, struct figure *figure, const struct cell *cell,
                         struct span value)
{
    if (value.size > 0) {
        figure->values[0] += is_new(asking, figure, value);
        return;
    }
    figure->more = figure->more || cell->values[0] > asking->rollup->limit;
    if (cell->values[0] > figure->greatest)
        figure->greatest = cell->values[0];
}

static unsigned value_count(const struct rollup *rollup)
{
    return rollup->kind == ROLL_AVERAGE || rollup->kind == ROLL_RATIO ? 2 : 1;
}

static void add_cell(struct asking *asking, struct figure *figure, const struct cell *cell,
                     struct span value)
{
    enum rollup_kind kind = asking->rollup->kind;
    unsigned count = value_count(asking->rollup);
    if (kind == ROLL_DISTINCT) {
        add_distinct(asking, figure, cell, value);
    } else if (kind == ROLL_MIN || kind == ROLL_MAX) {
        int64_t one = cell->values[0];
        bool better = kind == ROLL_MIN ? one < figure->values[0] : one > figure->values[0];
        if (!figure->any || better)
            figure->values[0] = one;
    } else {
        figure->over = figure->over || cell->value_count != count;
        for (unsigned i = 0; i < count; i++)
            figure->over =
                __builtin_add_overflow(figure->values[i], cell->values[i], &figure->values[i]) ||
                figure->over;
    }
    figure->any = true;
}

/* ---- words ---- */

static void value_text(const struct asking *asking, size_t place, struct span value,
                       char text[static GROUP_TEXT_MAX])
{
    const struct field *field = asking->rollup->number == ROLLUP_OVERDUE
                                    ? NULL
                                    : type_field(asking->type, asking->rollup->by[place]);
    struct buffer told = {0};
    struct mp_reader reader = mp_reader(value);
    bool nothing = mp_peek(&reader) == MP_NIL || value.size == 0;
    if (field != NULL && !nothing)
        schema_tell_value(field, value, &told);
    else
        buffer_append_span(&told, value);
    reader = mp_reader(span_of_buffer(&told));
    if (nothing) {
        snprintf(text, GROUP_TEXT_MAX, "-");
    } else if (mp_peek(&reader) == MP_STR) {
        struct span word = mp_read_str(&reader);
        snprintf(text, GROUP_TEXT_MAX, "%.*s", (int)(word.size > 80 ? 80 : word.size),
                 (const char *)word.data);
    } else if (mp_peek(&reader) == MP_BOOL) {
        snprintf(text, GROUP_TEXT_MAX, "%s", mp_read_bool(&reader) ? "true" : "false");
    } else if (mp_peek(&reader) == MP_BIN) {
        struct span bytes = mp_read_bin(&reader);
        query_hex(bytes.data, bytes.size > 40 ? 40 : bytes.size, text);
    } else {
        int64_t number = mp_read_int(&reader);
        const struct record_type *type =
            field == NULL ? schema_type(tree_schema(asking->total.tree), (uint16_t)number) : NULL;
        if (type != NULL)
            snprintf(text, GROUP_TEXT_MAX, "%s", type->name);
        else
            snprintf(text, GROUP_TEXT_MAX, "%lld", (long long)number);
    }
    buffer_free(&told);
}

static void seat_text(struct asking *asking, int by, const struct seat *origin,
                      char text[static GROUP_TEXT_MAX], const char **label)
{
    if (asking->fold != NULL) {
        total_fold_words(asking->fold, text, asking->fold_name);
        *label = asking->fold_name;
        return;
    }
    const struct seat *seat = by == BY_PARENT && origin->parent != NULL ? origin->parent : origin;
    if (by == BY_TIER) {
        snprintf(text, GROUP_TEXT_MAX, "%s", tree_tier_name(asking->total.tree, origin->row.tier));
        *label = "";
        return;
    }
    snprintf(text, GROUP_TEXT_MAX, "%s", seat->row.seat);
    *label = seat->row.name;
}

/* The group's name by the dimensions asked for, joined by " / ". */
static void group_text(struct asking *asking, const struct span *elements,
                       const struct seat *origin, char key[static GROUP_TEXT_MAX],
                       const char **label)
{
    size_t used = 0;
    key[0] = 0;
    *label = "";
    for (size_t i = 0; i < asking->by_count; i++) {
        char text[GROUP_TEXT_MAX];
        const char *one = "";
        if (asking->by[i] < 0)
            seat_text(asking, asking->by[i], origin, text, &one);
        else
            value_text(asking, (size_t)asking->by[i], elements[asking->by[i]], text);
        int size = snprintf(key + used, GROUP_TEXT_MAX - used, "%s%s", i > 0 ? " / " : "", text);
        used += (size_t)size < GROUP_TEXT_MAX - used ? (size_t)size : GROUP_TEXT_MAX - used - 1;
        if (asking->by_count == 1)
            *label = one;
    }
}

static void cut_period(char text[static 32], enum rollup_period each)
{
    size_t cut = each == PERIOD_YEAR ? 4 : each == PERIOD_MONTH ? 7 : 31;
    if (strlen(text) > cut)
        text[cut] = 0;
}

/* "2026-11", or "2026-09..2026-11", the ends included. */
static bool period_asked(const struct asking *asking, const char *text)
{
    struct span period = asking->question->period, from = period, to = period;
    for (size_t i = 0; i + 1 < period.size; i++) {
        if (period.data[i] == '.' && period.data[i + 1] == '.') {
            from.size = i;
            to = SPAN(period.data + i + 2, period.size - i - 2);
            break;
        }
    }
    if (period.size == 0)
        return true;
    struct span whole = span_of_text(text), start = whole, end = whole;
    if (start.size > from.size)
        start.size = from.size;
    if (end.size > to.size)
        end.size = to.size;
    return span_compare(start, from) >= 0 && span_compare(end, to) <= 0;
}

/* ---- cells ---- */

static void note_late(struct asking *asking, const struct cell *cell, const char *period,
                      const char *key, const struct seat *origin)
{
    uint64_t since = asking->question->since_ms;
    int64_t end = rollup_period_end_ms(asking->rollup, (int32_t)cell->period);
    if (since == 0 || cell->changed_ms <= since || end > (int64_t)cell->changed_ms)
        return;
    asking->late_count++;
    if (asking->late_told == LATE_MAX)
        return;
    asking->late_told++;
    mp_write_map(&asking->late, 4);
    query_put_text(&asking->late, "period", period);
    query_put_text(&asking->late, "seat", origin->row.seat);
    query_put_text(&asking->late, "key", key);
    query_put_uint(&asking->late, "since", cell->changed_ms);
}

/* The elements of the group; of an inherited one the former key; what stands behind, a distinct's
 * value. False: not in its form. */
static bool read_group(const struct asking *asking, const struct cell *cell,
                       struct span elements[static ROLLUP_BY_MAX], struct key_id *former,
                       struct span *value)
{
    size_t by = asking->rollup->by_count + (asking->rollup->number == ROLLUP_OVERDUE);
    struct mp_reader reader = mp_reader(cell->group);
    uint32_t count = mp_read_array(&reader);
    size_t least = by + asking->inherits;
    *value = SPAN_EMPTY;
    for (size_t i = 0; i < by; i++)
        elements[i] = mp_read_any(&reader);
    if (asking->inherits) {
        const uint8_t *key = mp_read_bin_of(&reader, KEY_ID_BYTES);
        if (key != NULL)
            memcpy(former->bytes, key, KEY_ID_BYTES);
    }
    if (count == least + 1 && asking->rollup->kind == ROLL_DISTINCT)
        *value = mp_read_any(&reader);
    else if (count != least)
        return false;
    return !reader.failed;
}

/* One cell, of this origin: where its figure is added. */
static void take_cell(struct asking *asking, const struct cell *cell, const struct span *elements,
                      struct span value, const struct seat *origin, const struct total_fold *fold)
{
    char period[32], key[GROUP_TEXT_MAX];
    const char *label;
    rollup_period_text(asking->rollup, (int32_t)cell->period, period);
    if (!period_asked(asking, period))
        return;
    asking->fold = fold;
    group_text(asking, elements, origin, key, &label);
    if (value.size == 0)
        note_late(asking, cell, period, key, origin);
    cut_period(period, asking->each);
    add_cell(asking, figure_at(asking, "", "", ""), cell, value);
    if (asking->by_count > 0)
        add_cell(asking, figure_at(asking, "", key, label), cell, value);
    if (asking->each != PERIOD_NONE)
        add_cell(asking, figure_at(asking, period, "", ""), cell, value);
    if (asking->each != PERIOD_NONE && asking->by_count > 0)
        add_cell(asking, figure_at(asking, period, key, label), cell, value);
}

static void visit(struct total *total, void *context, const struct cell *cell,
                  const struct seat *origin)
{
    struct asking *asking = context;
    struct span elements[ROLLUP_BY_MAX], value;
    struct key_id former = {{0}};
    if (!read_group(asking, cell, elements, &former, &value) ||
        !total_is_built(total, total->origin))
        return;
    struct heir *heir = total_heir_of(total, asking->inherits ? former : total->origin);
    if (asking->inherits ? heir == NULL || !key_id_equal(heir->key, total->origin)
                         : heir != NULL && !PLANTED(HEIR_COUNTED_TWICE))
        return;
    take_cell(asking, cell, elements, value, origin, NULL);
}

/* Its seat has left out who isn't built, and put former keys in order. */
static void visit_folded(struct total *total, void *context, const struct cell *cell,
                         const struct total_fold *fold)
{
    struct asking *asking = context;
    struct span elements[ROLLUP_BY_MAX], value;
    struct key_id former;
    if (total_fold_is_built(total, fold, cell) &&
        read_group(asking, cell, elements, &former, &value))
        take_cell(asking, cell, elements, value, fold->seat, fold);
}

/* ---- the answer ---- */

static int64_t divided(const struct figure *figure, unsigned places)
{
    wide_integer above = figure->values[0];
    int64_t below = figure->values[1];
    for (unsigned i = 0; i < places; i++)
        above *= 10;
    if (below <= 0)
        return 0;
    wide_integer half = below / 2;
    return (int64_t)((above < 0 ? above - half : above + half) / below);
}

static unsigned scale_of(const struct asking *asking)
{
    const struct field *field = type_field(asking->type, asking->rollup->field);
    unsigned scale = field == NULL || asking->rollup->kind == ROLL_DISTINCT ? 0 : field->scale;
    return asking->rollup->kind == ROLL_RATIO     ? RATIO_SCALE
           : asking->rollup->kind == ROLL_AVERAGE ? scale + SCALE_MORE
                                                  : scale;
}

static void write_number(struct buffer *out, const char *key, bool there, int64_t value)
{
    mp_write_text(out, key);
    if (there)
        mp_write_int(out, value);
    else
        mp_write_nil(out);
}

enum { FIGURE_PAIRS = 5 };

static void write_figure(const struct asking *asking, const struct figure *figure,
                         struct buffer *out)
{
    static const struct figure nothing = {0};
    enum rollup_kind kind = asking->rollup->kind;
    const struct figure *one = figure == NULL ? &nothing : figure;
    bool extreme = kind == ROLL_MIN || kind == ROLL_MAX, two = value_count(asking->rollup) == 2;
    int64_t value = one->values[0];
    if (two)
        value = divided(one, kind == ROLL_RATIO ? RATIO_SCALE : SCALE_MORE);
    if (kind == ROLL_DISTINCT && one->more && one->greatest > value)
        value = one->greatest;
    bool there = !one->over && (!extreme || one->any) && (!two || one->values[1] != 0);
    write_number(out, "value", there, value);
    write_number(out, "numerator", two && !one->over, one->values[0]);
    write_number(out, "denominator", two && !one->over, one->values[1]);
    mp_write_text(out, "overflow");
    mp_write_bool(out, one->over);
    mp_write_text(out, "more");
    mp_write_bool(out, one->more);
}

void query_put_labels(struct buffer *out, const struct type_labels *labels)
{
    mp_write_text(out, "label");
    mp_write_map(out, labels == NULL ? 0 : (uint32_t)labels->count);
    for (size_t i = 0; labels != NULL && i < labels->count; i++)
        query_put_text(out, labels->at[i].language, labels->at[i].text);
}

/* What a choice or a state is called, where one field alone makes the groups. */
static const struct type_labels *group_labels(const struct asking *asking, const char *key)
{
    const struct record_type *type = asking->labelled;
    if (type == NULL || asking->by_count != 1 || asking->by[0] < 0 ||
        asking->rollup->number == ROLLUP_OVERDUE)
        return NULL;
    const struct field *field = type_field(type, asking->rollup->by[asking->by[0]]);
    const struct workflow *workflow = type->workflow;
    for (size_t i = 0; workflow != NULL && field != NULL && workflow->field == field->number &&
                       i < workflow->state_count;
         i++) {
        if (strcmp(workflow->states[i].name, key) == 0)
            return &workflow->states[i].labels;
    }
    for (size_t i = 0; field != NULL && i < field->choice_count; i++) {
        if (field->more->choice_labels != NULL && strcmp(field->choices[i], key) == 0)
            return &field->more->choice_labels[i];
    }
    return NULL;
}

static int by_key(const struct figure *a, const struct figure *b)
{
    return span_compare(SPAN((const uint8_t *)a->key, a->key_size),
                        SPAN((const uint8_t *)b->key, b->key_size));
}

static void write_groups(const struct asking *asking, const char *period, struct buffer *out)
{
    struct buffer groups = {0};
    uint32_t count = 0;
    for (const struct figure *figure = asking->figures; figure != NULL; figure = figure->hh.next) {
        const char *key = figure->key + figure->period_size + 1;
        if (strcmp(figure->key, period) != 0 || key[0] == 0)
            continue;
        count++;
        mp_write_map(&groups, 3 + FIGURE_PAIRS);
        query_put_text(&groups, "key", key);
        query_put_text(&groups, "name", figure->label[0] != 0 ? figure->label : key);
        query_put_labels(&groups, group_labels(asking, key));
        write_figure(asking, figure, &groups);
    }
    mp_write_text(out, "groups");
    mp_write_array(out, count);
    buffer_append_span(out, span_of_buffer(&groups));
    buffer_free(&groups);
}

static void write_periods(const struct asking *asking, struct buffer *out)
{
    struct buffer periods = {0};
    uint32_t count = 0;
    for (const struct figure *figure = asking->figures; figure != NULL; figure = figure->hh.next) {
        if (figure->period_size == 0 || figure->key[figure->period_size + 1] != 0)
            continue;
        count++;
        mp_write_map(&periods, 2 + FIGURE_PAIRS);
        query_put_text(&periods, "period", figure->key);
        write_figure(asking, figure, &periods);
        write_groups(asking, figure->key, &periods);
    }
    mp_write_text(out, "periods");
    mp_write_array(out, count);
    buffer_append_span(out, span_of_buffer(&periods));
    buffer_free(&periods);
}

static const struct rollup *labelled_rollup(const struct asking *asking)
{
    for (size_t i = 0; asking->labelled != NULL && i < asking->labelled->rollup_count; i++) {
        if (asking->labelled->rollups[i].number == asking->rollup->number)
            return &asking->labelled->rollups[i];
    }
    return NULL;
}

static void write_answer(const struct asking *asking, struct buffer *out)
{
    const struct rollup *named = labelled_rollup(asking);
    const struct field *field =
        asking->labelled == NULL ? NULL : type_field(asking->labelled, asking->rollup->field);
    const struct total *total = &asking->total;
    struct figure *whole = NULL;
    bool building =
        !rollup_is_built(total->view, seat_key_id(total->self), asking->rollup, asking->type);
    HASH_FIND(hh, asking->figures, "\0", 2, whole);
    mp_write_map(out, 12 + FIGURE_PAIRS + total_standing_pairs(total));
    query_put_text(out, "name", asking->rollup->name);
    query_put_labels(out, named == NULL ? NULL : &named->labels);
    query_put_text(out, "type", asking->rollup->number == ROLLUP_OVERDUE ? "" : asking->type->name);
    query_put_text(out, "what", rollup_kind_name(asking->rollup->kind));
    query_put_text(out, "unit",
                   field == NULL || field->more->unit == NULL ? "" : field->more->unit);
    query_put_uint(out, "scale", scale_of(asking));
    query_put_uint(out, "limit", asking->rollup->limit);
    mp_write_text(out, "complete");
    if (building)
        mp_write_text(out, "building");
    else
        mp_write_bool(out, total->reported == total->expected && total->behind_count == 0);
    write_figure(asking, whole, out);
    write_groups(asking, "", out);
    write_periods(asking, out);
    mp_write_text(out, "late");
    mp_write_array(out, asking->late_told);
    buffer_append_span(out, span_of_buffer(&asking->late));
    query_put_uint(out, "late_count", asking->late_count);
    total_write_standing(total, out);
}

static void asking_free(struct asking *asking)
{
    struct figure *figure, *next;
    struct seen *seen, *other;
    HASH_ITER (hh, asking->figures, figure, next) {
        HASH_DEL(asking->figures, figure);
        free(figure);
    }
    HASH_ITER (hh, asking->seen, seen, other) {
        HASH_DEL(asking->seen, seen);
        free(seen);
    }
    buffer_free(&asking->late);
    total_end(&asking->total);
}

enum error_code query_declared(const struct view *view, const struct tree *tree, const char *self,
                               const struct rollup_question *question, const struct rollup *rollup,
                               const struct record_type *type, const struct record_type *labelled,
                               struct buffer *out, struct error *error)
{
    struct asking asking = {
        .question = question, .rollup = rollup, .type = type, .labelled = labelled};
    if (!total_begin(&asking.total, view, tree, self, question->freshness_ms, error))
        return ERR_NOT_ALLOWED;
    asking.total.rollup = rollup;
    asking.total.type = type;
    enum error_code code = asking_parse_by(&asking, error);
    if (code == ERR_OK)
        code = asking_parse_each(&asking, error);
    if (code == ERR_OK) {
        total_find_heirs(&asking.total);
        total_each_cell(&asking.total, rollup->number, &asking, visit);
        asking.inherits = true;
        total_each_cell(&asking.total, rollup->number | ROLLUP_INHERITS, &asking, visit);
        asking.inherits = false;
        total_each_folded(&asking.total, rollup->number, &asking, visit_folded);
        total_judge_origins(&asking.total);
        HASH_SORT(asking.figures, by_key);
        code = asking.total.damaged ? damaged_store(error, "rollup") : ERR_OK;
    }
    if (code == ERR_OK)
        write_answer(&asking, out);
    asking_free(&asking);
    return code;
}
