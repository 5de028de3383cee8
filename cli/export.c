/* terrace export TYPE: every record of a type, as NDJSON or CSV, in a form that `terrace import`
 * takes again without loss. Streaming: a slow reader makes the node wait, not remember. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/csv_cell.h"
#include "cli/each.h"
#include "cli/types.h"

static const struct option_row options[] = {
    {"format", "FORMAT", "ndjson (unless given) or csv"},
    {"where", "FIELD=VALUE", "only those with this value; may be given more than once"},
    {"ids", NULL, "also _id, _origin, _created and _changed, which import makes no fields of"},
    {NULL, NULL, NULL},
};

enum { ID_COLUMNS = 4 };
static const char *const id_columns[ID_COLUMNS] = {"_id", "_origin", "_created", "_changed"};
static const char *const id_keys[ID_COLUMNS] = {"id", "origin", "created", "changed"};

struct export
{
    const struct record_type *type, *companion; /* NULL: no private fields */
    bool csv;
    size_t id_columns;
    uint64_t count;
    struct progress progress;
};

/* Readable where that loses nothing, milliseconds elsewhere. */
static void put_time(int64_t ms)
{
    char text[40];
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    bool readable = ms % 1000 == 0 && ms > INT64_C(-62135596800000) &&
                    ms < INT64_C(253402300800000) && gmtime_r(&seconds, &parts) != NULL;
    if (readable)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    else
        snprintf(text, sizeof text, "%lld", (long long)ms);
    fputs(text, stdout);
}

static void put_value(const struct field *field, const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return;
    if (json_is_string(value)) {
        csv_put_cell(SPAN(json_string_value(value), json_string_length(value)), true);
    } else if (field->kind == FIELD_TIME && json_is_integer(value)) {
        put_time(json_integer_value(value));
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        csv_put_cell(span_of_text(text), false);
        free(text);
    }
}

static size_t column_count(const struct export *export)
{
    return export->type->field_count +
           (export->companion == NULL ? 0 : export->companion->field_count);
}

/* The record's fields, then its private ones. */
static const struct field *column_at(const struct export *export, size_t index)
{
    size_t shared = export->type->field_count;
    return index < shared ? &export->type->fields[index]
                          : &export->companion->fields[index - shared];
}

static void put_header(const struct export *export)
{
    for (size_t i = 0; i < column_count(export); i++)
        printf("%s%s", i == 0 ? "" : ",", column_at(export, i)->name);
    for (size_t i = 0; i < export->id_columns; i++)
        printf(",%s", id_columns[i]);
    printf("\r\n");
}

static void put_row(const struct export *export, const json_t *record)
{
    const json_t *fields = json_object_get(record, "fields");
    for (size_t i = 0; i < column_count(export); i++) {
        const struct field *field = column_at(export, i);
        if (i > 0)
            putchar(',');
        put_value(field, json_object_get(fields, field->name));
    }
    if (export->id_columns > 0)
        printf(",%s", json_text(record, "id"));
    if (export->id_columns == ID_COLUMNS) {
        const char *origin = json_text(record, "origin");
        putchar(',');
        csv_put_cell(span_of_text(origin), true);
        putchar(',');
        put_time((int64_t)json_number(record, "created"));
        putchar(',');
        put_time((int64_t)json_number(record, "changed"));
    }
    printf("\r\n");
}

static void put_object(const struct export *export, const json_t *record)
{
    json_t *fields = json_incref(json_object_get(record, "fields"));
    for (size_t i = 0; i < export->id_columns; i++)
        json_object_set(fields, id_columns[i], json_object_get(record, id_keys[i]));
    print_json(fields);
}

static bool take(void *context, const json_t *record)
{
    struct export *export = context;
    export->count++;
    if (export->csv)
        put_row(export, record);
    else
        put_object(export, record);
    progress_update(&export->progress, export->count);
    return true;
}

static struct schema *node_schema(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return NULL;
    struct client *client = client_new(directory, error);
    struct schema *schema = client == NULL ? NULL : types_ask(client, error);
    client_free(client);
    return schema;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *format = arguments_value(arguments, "format");
    struct export export = {.id_columns = arguments_flag(arguments, "ids") ? ID_COLUMNS : 0};
    enum source_format kind = SOURCE_NDJSON;
    struct schema *schema = NULL;
    if (source_format_of(format == NULL ? "ndjson" : format, "", &kind, error) == ERR_OK &&
        (schema = node_schema(arguments, error)) != NULL &&
        (export.type = schema_find_type(schema, span_of_text(arguments->words[0]), error)) !=
            NULL) {
        export.csv = kind == SOURCE_CSV;
        export.companion = schema_companion(schema, export.type);
        if (export.id_columns == 0 && (type_is_personal(export.type) || export.companion != NULL))
            export.id_columns = 1; /* _id: what is erased later is known by it */
        if (export.csv)
            put_header(&export);
        progress_begin(&export.progress, "records written", 0, arguments->json);
        ask_each_record(arguments, 0, true, take, &export, NULL, error);
        progress_end(&export.progress);
    }
    schema_free(schema);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_export = {
    .name = "export",
    .usage = "TYPE",
    .summary = "every record of a type on stdout, NDJSON or CSV, for `terrace import`",
    .detail =
        "Newest first, deleted ones left out; of a conflict the value that is shown. A record "
        "that\n"
        "changes meanwhile is written as it is when its turn comes.\n"
        "CSV: a text that a spreadsheet would run (one that begins with = + - @, their full-width\n"
        "forms, a tab or a line's end) gets a ' in front, as does one that begins with a '; the\n"
        "empty text is a lone '; no value is an empty cell. Lists are JSON arrays, times UTC.\n"
        "Private fields are written where they are held, and left out where they aren't.\n"
        "Of types with private or personal fields each record's _id is written too: `terrace "
        "import`\n"
        "knows by it what was erased since.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
