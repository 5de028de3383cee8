/* terrace export TYPE: every record of a type, as NDJSON or CSV, in a form that `terrace import`
 * takes again without loss. Streaming: a slow reader makes the node wait, not remember. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/each.h"
#include "cli/source.h"
#include "cli/types.h"

static const struct option_row options[] = {
    {"format", "FORMAT", "ndjson (unless given) or csv"},
    {"where", "FIELD=VALUE", "only those with this value; may be given more than once"},
    {"ids", NULL, "also _id, _origin, _created and _changed, which import leaves out"},
    {NULL, NULL, NULL},
};

enum { ID_COLUMNS = 4 };
static const char *const id_columns[ID_COLUMNS] = {"_id", "_origin", "_created", "_changed"};
static const char *const id_keys[ID_COLUMNS] = {"id", "origin", "created", "changed"};

struct export
{
    const struct record_type *type;
    bool csv, ids;
    uint64_t count;
    struct progress progress;
};

static bool needs_quotes(struct span text)
{
    if (text.size == 0)
        return false;
    uint8_t first = text.data[0], last = text.data[text.size - 1];
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(",\"\r\n\t", text.data[i]) != NULL)
            return true;
    }
    return first == ' ' || last == ' ';
}

static void put_cell(const char *text, size_t size, bool guard)
{
    struct span span = SPAN(text, size);
    bool guarded = guard && csv_needs_guard(span), quoted = needs_quotes(span);
    if (quoted)
        putchar('"');
    if (guarded)
        putchar(CSV_GUARD);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"')
            putchar('"');
        putchar(text[i]);
    }
    if (quoted)
        putchar('"');
}

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
        put_cell(json_string_value(value), json_string_length(value), true);
    } else if (field->kind == FIELD_TIME && json_is_integer(value)) {
        put_time(json_integer_value(value));
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        put_cell(text, strlen(text), false);
        free(text);
    }
}

static void put_header(const struct export *export)
{
    for (size_t i = 0; i < export->type->field_count; i++)
        printf("%s%s", i == 0 ? "" : ",", export->type->fields[i].name);
    for (size_t i = 0; export->ids && i < ID_COLUMNS; i++)
        printf(",%s", id_columns[i]);
    printf("\r\n");
}

static void put_row(const struct export *export, const json_t *record)
{
    const json_t *fields = json_object_get(record, "fields");
    for (size_t i = 0; i < export->type->field_count; i++) {
        if (i > 0)
            putchar(',');
        put_value(&export->type->fields[i], json_object_get(fields, export->type->fields[i].name));
    }
    if (export->ids) {
        const char *origin = json_text(record, "origin");
        printf(",%s,", json_text(record, "id"));
        put_cell(origin, strlen(origin), true);
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
    for (size_t i = 0; export->ids && i < ID_COLUMNS; i++)
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
    struct export export = {.ids = arguments_flag(arguments, "ids")};
    enum source_format kind = SOURCE_NDJSON;
    struct schema *schema = NULL;
    if (source_format_of(format == NULL ? "ndjson" : format, "", &kind, error) == ERR_OK &&
        (schema = node_schema(arguments, error)) != NULL &&
        (export.type = schema_find_type(schema, span_of_text(arguments->words[0]), error)) !=
            NULL) {
        export.csv = kind == SOURCE_CSV;
        if (export.csv)
            put_header(&export);
        progress_begin(&export.progress, "records written", 0, arguments->json);
        ask_each_record(arguments, 0, take, &export, error);
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
        "empty text is a lone '; no value is an empty cell. Lists are JSON arrays, times UTC.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
