/* Types that change, drawn: what compiles comes back the same from its rows and from the YAML that
 * shows it; what the checker calls compatible never changes the verdict on an entry that named a
 * former version; and what is for life is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/change.h"

enum { ROUNDS = 300, VERSIONS = 5, BODIES = 60, MODEL_FIELDS = 12 };

static struct error error;

static uint64_t draw(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned below(uint64_t *state, unsigned count)
{
    return (unsigned)(draw(state) % count);
}

/* ---- a model of one type, and its YAML ---- */

struct model_field {
    bool there, required, ended, private, personal, labelled;
    enum field_kind kind;
    enum merge_rule merge;
    unsigned scale, length_max;
    int min, max;
    unsigned choices, ended_choices; /* the first ones */
};

struct model {
    uint32_t version;
    unsigned class, circle;
    bool counted, ended, workflow;
    unsigned states, states_ended, steps; /* steps lead from state i to i + 1 */
    uint32_t who;                         /* by bits: which steps the origin alone may take */
    struct model_field fields[MODEL_FIELDS];
};

static void draw_field(uint64_t *state, struct model_field *field)
{
    *field = (struct model_field){.there = below(state, 4) > 0,
                                  .kind = (enum field_kind)below(state, FIELD_KIND_COUNT),
                                  .scale = below(state, 10),
                                  .length_max = 1 + below(state, 20),
                                  .min = -(int)below(state, 6),
                                  .max = (int)below(state, 6),
                                  .choices = 1 + below(state, 5),
                                  .private = below(state, 5) == 0,
                                  .personal = below(state, 5) == 0,
                                  .labelled = below(state, 3) == 0};
    field->required = field->kind != FIELD_COUNTER && below(state, 5) == 0;
    bool number = field->kind == FIELD_INTEGER || field->kind == FIELD_DECIMAL ||
                  field->kind == FIELD_DATE || field->kind == FIELD_TIME;
    if (field->kind != FIELD_LIST && field->kind != FIELD_COUNTER)
        field->merge = number ? (enum merge_rule)below(state, MERGE_COUNT)
                              : (below(state, 4) == 0 ? MERGE_FIRST : MERGE_LAST);
}

static void draw_model(uint64_t *state, struct model *model)
{
    *model = (struct model){.version = 1 + below(state, 9),
                            .class = below(state, CLASS_COUNT),
                            .circle = below(state, CIRCLE_COUNT),
                            .counted = below(state, 2) == 0,
                            .workflow = below(state, 2) == 0,
                            .states = 2 + below(state, 4)};
    model->steps = 1 + below(state, model->states - 1);
    model->who = (uint32_t)draw(state);
    for (unsigned i = 0; i < MODEL_FIELDS; i++)
        draw_field(state, &model->fields[i]);
    model->fields[0] = (struct model_field){.there = true, .kind = FIELD_TEXT, .length_max = 9};
}

static void put(struct buffer *out, const char *text, ...)
{
    char line[300];
    va_list values;
    va_start(values, text);
    int size = vsnprintf(line, sizeof line, text, values);
    va_end(values);
    buffer_append(out, line, (size_t)size);
}

static void put_options(struct buffer *out, const struct model_field *field)
{
    static const char *const merges[] = {"last", "highest_tier", "max", "min", "first"};
    if (field->kind == FIELD_TEXT || field->kind == FIELD_LIST)
        put(out, ", length_max: %u", field->length_max);
    if (field->kind == FIELD_DECIMAL)
        put(out, ", scale: %u", field->scale);
    if (field->kind == FIELD_INTEGER || field->kind == FIELD_DECIMAL || field->kind == FIELD_DATE)
        put(out, ", min: %d, max: %d", field->min, field->max);
    if (field->kind == FIELD_ENUM) {
        put(out, ", choices: {");
        for (unsigned i = 0; i < field->choices; i++)
            put(out, "%sc%u: {ended: %s, label: {zh: 选%u}}", i > 0 ? ", " : "", i,
                i < field->ended_choices ? "true" : "false", i);
        put(out, "}");
    }
    if (field->merge != MERGE_LAST)
        put(out, ", merge: %s", merges[field->merge]);
}

static void put_field(struct buffer *out, unsigned number, const struct model_field *field)
{
    static const char *const kinds[] = {"text", "integer", "boolean", "time",
                                        "enum", "list",    "counter", "decimal",
                                        "date", "record",  "seat",    "digest"};
    put(out, "      f%u: {number: %u, kind: %s", number, number, kinds[field->kind]);
    put(out, "%s%s%s%s", field->required ? ", required: true" : "",
        field->ended ? ", ended: true" : "", field->private ? ", private: true" : "",
        field->personal ? ", personal: true" : "");
    put_options(out, field);
    if (field->labelled)
        put(out, ", label: {en: \"F \\\"%u\\\" \\\\\", zh: 字段%u}, help: {zh: 说明}", number,
            number);
    put(out, "}\n");
}

static void put_workflow(struct buffer *out, const struct model *model)
{
    put(out, "    workflow:\n      field: state\n      states:\n");
    for (unsigned i = 1; i <= model->states; i++)
        put(out, "        s%u: {number: %u, initial: %s, ended: %s, within: %u days, rise: tier}\n",
            i, i, i == 1 ? "true" : "false",
            i + model->states_ended > model->states ? "true" : "false", i);
    put(out, "      steps:\n");
    for (unsigned i = 1; i <= model->steps; i++)
        put(out, "        go%u: {number: %u, from: [s1%s], to: s%u, ended: %s, who: %s}\n", i, i,
            i > 1 ? ", s2" : "", i + 1,
            i + 1 + model->states_ended > model->states ? "true" : "false",
            (model->who >> i) % 2 == 0 ? "origin" : "[{tier: township, role: [member, above]}]");
}

static bool has_private(const struct model *model)
{
    for (unsigned i = 0; i < MODEL_FIELDS; i++) {
        if (model->fields[i].there && model->fields[i].private)
            return true;
    }
    return false;
}

static void put_model(struct buffer *out, const struct model *model)
{
    static const char *const classes[] = {"urgent", "normal", "bulk"};
    static const char *const circles[] = {"origin", "path", "subtree", "addressed"};
    put(out, "version: %u\ntypes:\n  t:\n    number: 7\n    class: %s\n    circle: %s\n",
        model->version, classes[model->class], circles[model->circle]);
    put(out, "    counted: %s\n    ended: %s\n", model->counted ? "true" : "false",
        model->ended ? "true" : "false");
    if (has_private(model))
        put(out, "    companion: {number: 8}\n");
    put(out, "    indexes: [[f1]]\n    fields:\n");
    for (unsigned i = 0; i < MODEL_FIELDS; i++) {
        if (model->fields[i].there)
            put_field(out, i + 1, &model->fields[i]);
    }
    if (model->workflow) {
        put(out, "      state: {number: 99, kind: enum}\n");
        put_workflow(out, model);
    }
}

static struct schema_source *compile(struct span text)
{
    error_clear(&error);
    struct schema_source *source = schema_compile(text, "types.yaml", &error);
    if (source == NULL)
        fail_msg("%s: %s\n%.*s", error.what, error.why, (int)text.size, (const char *)text.data);
    return source;
}

static struct schema *load(const struct schema_source *source)
{
    struct span rows[TYPES_MAX];
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    error_clear(&error);
    struct schema *schema = schema_load_labelled(source->version, rows, source->row_count, &error);
    if (schema == NULL)
        fail_msg("%s: %s", error.what, error.why);
    return schema;
}

static struct schema_source *compile_model(const struct model *model)
{
    struct buffer text = {0};
    put_model(&text, model);
    struct schema_source *source = compile(span_of_buffer(&text));
    buffer_free(&text);
    return source;
}

/* ---- there and back ---- */

static void sources_equal(const struct schema_source *a, const struct schema_source *b)
{
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->row_count, b->row_count);
    for (size_t i = 0; i < a->row_count; i++) {
        assert_int_equal(a->rows[i].size, b->rows[i].size);
        assert_memory_equal(a->rows[i].data, b->rows[i].data, a->rows[i].size);
    }
}

static void what_is_shown_compiles_to_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        uint64_t random = seed;
        struct model model;
        struct buffer shown = {0};
        draw_model(&random, &model);
        struct schema_source *source = compile_model(&model);
        struct schema *schema = load(source);
        schema_show(schema, &shown);
        struct schema_source *again = compile(span_of_buffer(&shown));
        sources_equal(source, again);
        schema_source_free(again);
        buffer_free(&shown);
        schema_free(schema);
        schema_source_free(source);
    }
}

/* ---- drawn changes ---- */

/* One change that may be made; the model stays one that compiles. */
static void change(uint64_t *random, struct model *model)
{
    struct model_field *field = &model->fields[1 + below(random, MODEL_FIELDS - 1)];
    switch (below(random, 9)) {
    case 0: /* a number is given once: a field that is gone never comes back as another */
        if (!field->there && field->kind == FIELD_KIND_COUNT)
            return;
        field->kind = field->there ? field->kind : FIELD_KIND_COUNT;
        field->there = false;
        break;
    case 1: field->min -= (int)below(random, 3); break;
    case 2: field->max += (int)below(random, 3) - 1; break;
    case 3: field->length_max = 1 + below(random, 20); break;
    case 4: field->choices += below(random, 3); break;
    case 5: field->ended_choices = below(random, field->choices); break;
    case 6: field->required = field->kind != FIELD_COUNTER && below(random, 2) == 0; break;
    case 7: field->ended = below(random, 2) == 0; break;
    default:
        model->who = (uint32_t)draw(random);
        model->states_ended = below(random, 2);
        model->ended = below(random, 6) == 0;
        break;
    }
    if (field->min > field->max)
        field->max = field->min;
}

static void write_drawn_value(uint64_t *random, struct buffer *body)
{
    static const uint8_t bytes[32];
    char text[32];
    switch (below(random, 7)) {
    case 0: mp_write_int(body, (int64_t)below(random, 16) - 8); return;
    case 1: mp_write_bool(body, true); return;
    case 2: mp_write_bin(body, SPAN(bytes, below(random, 2) == 0 ? 16 : 32)); return;
    case 3:
        mp_write_array(body, 1);
        mp_write_str(body, SPAN("aaaaaaaaaaaaaaaaaaaaa", below(random, 21)));
        return;
    case 4: mp_write_str(body, SPAN("aaaaaaaaaaaaaaaaaaaaa", below(random, 21))); return;
    default:
        snprintf(text, sizeof text, "%c%u", below(random, 8) == 0 ? 's' : 'c', below(random, 7));
        mp_write_text(body, text);
    }
}

static void draw_body(uint64_t *random, struct buffer *body)
{
    struct buffer pairs = {0};
    uint32_t count = 0;
    for (int32_t number = 1; number <= MODEL_FIELDS + 1; number++) {
        if (below(random, 4) > 0 && number != 1)
            continue;
        mp_write_int(&pairs, number);
        write_drawn_value(random, &pairs);
        count++;
    }
    buffer_clear(body);
    mp_write_map(body, count);
    buffer_append_span(body, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

/* What was in force with a version, and what the newest document says of it. */
static void judge_alike(uint64_t *random, const struct schema *then, const struct schema *now)
{
    struct buffer body = {0};
    for (unsigned i = 0; i < BODIES; i++) {
        draw_body(random, &body);
        for (uint16_t number = 7; number <= 8; number++) {
            const struct record_type *was = schema_type(then, number);
            const struct record_type *is = schema_type_at(now, number, then->version);
            if (was == NULL)
                continue;
            assert_non_null(is);
            bool creating = i % 2 == 0;
            assert_int_equal(schema_check_body(was, span_of_buffer(&body), creating, NULL),
                             schema_check_body(is, span_of_buffer(&body), creating, NULL));
        }
    }
    buffer_free(&body);
}

static void a_change_never_alters_what_was_written_before(void **state)
{
    (void)state;
    size_t former = 0;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        uint64_t random = seed + 7919;
        struct model model;
        struct schema *versions[VERSIONS];
        draw_model(&random, &model);
        struct schema_source *source = compile_model(&model);
        versions[0] = load(source);
        schema_source_free(source);
        for (unsigned i = 1; i < VERSIONS; i++) {
            for (unsigned changes = below(&random, 4); changes > 0; changes--)
                change(&random, &model);
            model.version += 1 + below(&random, 3);
            source = compile_model(&model);
            struct schema_source *next = schema_succeed(versions[i - 1], source, &error);
            if (next == NULL)
                fail_msg("seed %llu: %s: %s", (unsigned long long)seed, error.what, error.why);
            versions[i] = load(next);
            former += schema_type(versions[i], 7)->former_count;
            for (unsigned j = 0; j <= i; j++)
                judge_alike(&random, versions[j], versions[i]);
            schema_source_free(next);
            schema_source_free(source);
        }
        for (unsigned i = 0; i < VERSIONS; i++)
            schema_free(versions[i]);
    }
    assert_true(former > ROUNDS); /* the draws do change what is taken */
}

/* ---- what is for life ---- */

#define LIFE                                                                                       \
    "version: %s\ntypes:\n  t:\n    number: 7\n    class: %s\n    circle: %s\n    counted: %s\n"   \
    "    companion: {number: %s}\n    fields:\n"                                                   \
    "      a: {number: 1, kind: %s}\n"                                                             \
    "      b: {number: 2, kind: decimal, scale: %s, merge: %s}\n"                                  \
    "      p: {number: 3, kind: text%s}\n      q: {number: 4, kind: text%s}\n"                     \
    "      s: {number: 5, kind: enum}\n"                                                           \
    "    workflow:\n      field: s\n      states:\n"                                               \
    "        new: {number: 1, initial: %s}\n        old: {number: 2, initial: %s}\n"               \
    "      steps:\n        go: {number: 1, from: %s, to: %s, extend: %s}\n"
enum { LIFE_WORDS = 15 };

static struct schema_source *life(const char *const words[LIFE_WORDS])
{
    char text[2000];
    snprintf(text, sizeof text, LIFE, words[0], words[1], words[2], words[3], words[4], words[5],
             words[6], words[7], words[8], words[9], words[10], words[11], words[12], words[13],
             words[14]);
    return compile(span_of_text(text));
}

static void what_is_for_life_is_refused(void **state)
{
    (void)state;
    static const char *const first[LIFE_WORDS] = {
        "1", "normal", "path",  "true", "8",   "text", "2", "max", ", private: true",
        "",  "true",   "false", "new",  "old", "up"};
    static const struct {
        int place;
        const char *word, *second;
    } changed[] = {{1, "bulk", NULL},     {2, "origin", NULL},
                   {3, "false", NULL},    {4, "9", NULL},
                   {5, "integer", NULL},  {6, "3", NULL},
                   {7, "min", NULL},      {9, ", private: true", NULL},
                   {10, "false", "true"}, {12, "old", NULL},
                   {13, "new", NULL},     {14, "root", NULL}};
    struct schema_source *source = life(first);
    struct schema *before = load(source);
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        const char *words[LIFE_WORDS];
        memcpy(words, first, sizeof words);
        words[0] = "2";
        words[changed[i].place] = changed[i].word;
        if (changed[i].second != NULL)
            words[changed[i].place + 1] = changed[i].second;
        struct schema_source *written = life(words);
        assert_null(schema_succeed(before, written, &error));
        assert_int_equal(error.code, ERR_NOT_ALLOWED);
        assert_true(error.why[0] != 0 && error.next[0] != 0);
        schema_source_free(written);
    }
    assert_null(schema_succeed(before, source, &error));
    assert_int_equal(error.code, ERR_STALE);
    schema_free(before);
    schema_source_free(source);
}

/* ---- what is left out goes on ---- */

static void what_is_left_out_ends(void **state)
{
    (void)state;
    struct schema_source *first =
        compile(span_of_text("version: 1\ntypes:\n"
                             "  a: {number: 1, fields: {x: {number: 1, kind: text},\n"
                             "      y: {number: 2, kind: enum, choices: [p, q]}}}\n"
                             "  b: {number: 2, fields: {x: {number: 1, kind: text}}}\n"));
    struct schema *before = load(first);
    struct schema_source *second =
        compile(span_of_text("version: 4\ntypes:\n"
                             "  a: {number: 1, fields: {x: {number: 3, kind: integer},\n"
                             "      y: {number: 2, kind: enum, choices: [q, r]}}}\n"));
    struct schema_source *next = schema_succeed(before, second, &error);
    assert_non_null(next);
    struct schema *after = load(next);
    const struct record_type *a = schema_type(after, 1), *b = schema_type(after, 2);
    assert_true(b->ended);
    assert_string_equal(type_field(a, 1)->name, "x-1");
    assert_true(type_field(a, 1)->ended);
    assert_string_equal(type_field(a, 3)->name, "x");
    const struct field *y = type_field(a, 2);
    assert_int_equal(y->choice_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(y->more->choice_ended[i], strcmp(y->choices[i], "p") == 0);
    assert_int_equal(a->former_count, 1);
    assert_int_equal(a->former[0].last_version, 1);
    assert_int_equal(type_field(schema_type_at(after, 1, 1), 1)->ended, false);
    assert_ptr_equal(schema_type_at(after, 1, 2), a);
    assert_null(schema_type_at(after, 1, 5));
    schema_free(after);
    schema_source_free(next);
    schema_source_free(second);
    schema_free(before);
    schema_source_free(first);
}

/* A type can change what it takes so often, and no further. */
static void a_type_changes_so_often_at_most(void **state)
{
    (void)state;
    char text[200];
    struct schema *schema = NULL;
    for (unsigned version = 1;; version++) {
        snprintf(text, sizeof text,
                 "version: %u\ntypes:\n  a: {number: 1, fields: {x: {number: 1, kind: text, "
                 "length_max: %u}}}\n",
                 version, version);
        struct schema_source *written = compile(span_of_text(text));
        struct schema_source *next =
            schema == NULL ? written : schema_succeed(schema, written, &error);
        if (next == NULL) {
            assert_int_equal(error.code, ERR_OVERSIZE);
            assert_in_range(version, 16, 40);
            schema_source_free(written);
            break;
        }
        schema_free(schema);
        schema = load(next);
        if (next != written)
            schema_source_free(next);
        schema_source_free(written);
    }
    for (uint32_t version = 1; version <= schema->version; version++)
        assert_int_equal(type_field(schema_type_at(schema, 1, version), 1)->length_max, version);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_compiles_to_the_same),
        cmocka_unit_test(a_change_never_alters_what_was_written_before),
        cmocka_unit_test(what_is_for_life_is_refused),
        cmocka_unit_test(what_is_left_out_ends),
        cmocka_unit_test(a_type_changes_so_often_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
