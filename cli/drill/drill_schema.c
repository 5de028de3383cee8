/* The types of a drill. */
#include "cli/drill/drill_schema.h"

#include <stdlib.h>

#include "node/author/file.h"

extern const unsigned char county_types[];
extern const size_t county_types_size;

struct span drill_usual_types(void)
{
    return SPAN(county_types, county_types_size);
}

struct schema *drill_schema_load(const struct schema_source *source, struct error *error)
{
    struct span *rows = mem_alloc((source->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    struct schema *schema = schema_load(source->version, rows, source->row_count, error);
    free(rows);
    return schema;
}

struct schema *drill_schema(const struct drill *drill, struct error *error)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    struct schema *schema = NULL;
    struct schema_source *source = NULL;
    if (drill_file_path(drill, "types.yaml", path, error) == ERR_OK &&
        file_read(path, YAML_BYTES_MAX, &text, error) == ERR_OK)
        source = schema_compile(span_of_buffer(&text), path, error);
    if (source != NULL) {
        schema = drill_schema_load(source, error);
        schema_source_free(source);
    }
    buffer_free(&text);
    return schema;
}
