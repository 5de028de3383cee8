/* Types written by people, rows from elsewhere, bodies from anyone.
 *
 * First byte 0 mod 3: the rest is YAML; what compiles must load, and each of its rows must be
 * within the bounds of a document. 1 mod 3: the rest is a row. 2 mod 3: the rest is a body, as
 * a local write and as one from elsewhere; what the first gives, the second takes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_type(const struct record_type *type, struct span input)
{
    struct buffer body = {0};
    struct error error;
    for (int creating = 0; creating < 2; creating++) {
        buffer_clear(&body);
        schema_check_body(type, input, creating == 1, &error);
        if (schema_encode_body(type, input, creating == 1, &body, &error) != ERR_OK) {
            assert(error.code != ERR_OK && error.why[0] != 0 && body.size == 0);
            continue;
        }
        assert(schema_check_body(type, span_of_buffer(&body), creating == 1, &error) == ERR_OK);
    }
    buffer_free(&body);
}

static void try_rows(const struct span *rows, size_t count, bool must_load)
{
    struct error error = {0};
    struct schema *schema = schema_load(1, rows, count, &error);
    assert(schema != NULL || (error.code != ERR_OK && error.why[0] != 0));
    assert(!must_load || (schema != NULL && schema->type_count == count));
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        assert(schema_type(schema, type->number) == type);
        assert(schema_type_named(schema, span_of_text(type->name)) == type);
        use_type(type, rows[0]);
    }
    schema_free(schema);
}

/* What is shown compiles to the same rows, and nothing changes between the two. */
static void try_shown(const struct schema_source *source, const struct span *rows)
{
    struct buffer yaml = {0};
    struct schema_changes changes = {0};
    struct schema *schema = schema_load_labelled(source->version, rows, source->row_count, NULL);
    schema_show(schema, &yaml);
    struct schema_source *again = schema_compile(span_of_buffer(&yaml), "shown", NULL);
    assert(again != NULL && again->row_count == source->row_count);
    for (size_t i = 0; i < source->row_count; i++)
        assert(span_equal(span_of_buffer(&again->rows[i]), rows[i]));
    schema_compare(schema, schema, &changes);
    assert(changes.count == 0);
    schema_changes_free(&changes);
    schema_source_free(again);
    schema_free(schema);
    buffer_free(&yaml);
}

static void try_yaml(struct span text)
{
    struct error error = {0};
    struct schema_source *source = schema_compile(text, "types.yaml", &error);
    if (source == NULL) {
        assert(error.code != ERR_OK && error.why[0] != 0 && error.line > 0);
        return;
    }
    struct span rows[TYPES_MAX];
    for (size_t i = 0; i < source->row_count; i++) {
        rows[i] = span_of_buffer(&source->rows[i]);
        assert(rows[i].size <= DOCUMENT_ROW_BYTES_MAX && mp_valid(rows[i]));
    }
    try_rows(rows, source->row_count, true);
    try_shown(source, rows);
    schema_source_free(source);
}

static void try_body(struct span input)
{
    static const char text[] = "version: 1\n"
                               "types:\n"
                               "  t:\n"
                               "    number: 1\n"
                               "    class: bulk\n"
                               "    circle: path\n"
                               "    fields:\n"
                               "      a: {number: 1, kind: text, required: true, length_max: 9}\n"
                               "      b: {number: 2, kind: integer, min: 0}\n"
                               "      c: {number: 3, kind: boolean}\n"
                               "      d: {number: 4, kind: time}\n"
                               "      e: {number: 5, kind: enum, choices: [x, y]}\n"
                               "      f: {number: 6, kind: list}\n"
                               "      g: {number: 7, kind: counter}\n"
                               "      h: {number: 8, kind: decimal, scale: 2, max: 9}\n"
                               "      i: {number: 9, kind: date, default: 2025-06-30}\n"
                               "      j: {number: 10, kind: record}\n"
                               "      k: {number: 11, kind: seat}\n"
                               "      l: {number: 12, kind: digest}\n"
                               "      m: {number: 13, kind: text, pattern: '[a-z]*'}\n";
    static struct schema *schema;
    if (schema == NULL) {
        struct schema_source *source = schema_compile(span_of_text(text), "types.yaml", NULL);
        struct span row = span_of_buffer(&source->rows[0]);
        schema = schema_load(1, &row, 1, NULL);
        schema_source_free(source);
    }
    use_type(&schema->types[0], input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span rest = SPAN(data + 1, size - 1);
    if (data[0] % 3 == 0)
        try_yaml(rest);
    else if (data[0] % 3 == 1)
        try_rows(&rest, 1, false);
    else
        try_body(rest);
    return 0;
}
