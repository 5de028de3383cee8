/* terrace list TYPE: records of a type, newest first, page by page until the limit. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/each.h"
#include "cli/types.h"

enum { LIST_FIELDS_COLUMNS = 60 };

static const struct option_row options[] = {
    {"where", "FIELD=VALUE", "only those with this value; may be given more than once"},
    {"limit", "N", "at most so many (100 unless given; 0: all)"},
    {"deleted", NULL, "deleted ones too"},
    {NULL, NULL, NULL},
};

struct listing {
    struct table_rows *table;       /* NULL: JSON lines */
    const struct record_type *type; /* for the table; NULL: not known */
    uint64_t count;
};

static char *fields_text(const struct record_type *type, const json_t *fields)
{
    struct buffer text = {0};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        char *shown = types_value_text(type, key, value);
        if (text.size != 0)
            buffer_append(&text, "  ", 2);
        buffer_append(&text, key, strlen(key));
        buffer_append_byte(&text, '=');
        buffer_append(&text, shown, strlen(shown));
        free(shown);
    }
    char *cut = text_shown(span_of_buffer(&text), LIST_FIELDS_COLUMNS);
    buffer_free(&text);
    return cut;
}

static void add_row(const struct listing *listing, const json_t *record)
{
    struct table_rows *table = listing->table;
    char created[32];
    time_text(json_number(record, "created"), created);
    char *fields = fields_text(listing->type, json_object_get(record, "fields"));
    table_cell(table, "%s", json_text(record, "id"));
    table_cell(table, "%s", json_text(record, "origin"));
    table_cell(table, "%s", created);
    table_cell(table, "%s%s", json_flag(record, "deleted") ? "(deleted) " : "", fields);
    free(fields);
}

static bool take(void *context, const json_t *record)
{
    struct listing *listing = context;
    listing->count++;
    if (listing->table == NULL)
        print_json(json_incref((json_t *)(uintptr_t)record));
    else
        add_row(listing, record);
    return true;
}

static int run(const struct arguments *arguments, struct error *error)
{
    static const struct table_column columns[] = {
        {"id", false}, {"made at", false}, {"created", false}, {"fields", false}};
    uint64_t limit = LIST_LIMIT_DEFAULT;
    struct listing listing = {0};
    struct schema *schema = NULL;
    if (arguments_number(arguments, "limit", 0, INT64_MAX, &limit, error) != ERR_OK)
        return EXIT_USAGE;
    if (!arguments->json) {
        listing.table = table_new(columns, 4);
        listing.type = types_for_showing(arguments, arguments->words[0], &schema);
    }
    ask_each_record(arguments, limit, take, &listing, error);
    if (listing.table != NULL) {
        if (error->code == ERR_OK || listing.count > 0)
            table_print(listing.table, stdout);
        else
            table_free(listing.table);
        if (listing.count == limit && limit != 0)
            print_note("shown: the newest %llu; --limit N shows more", (unsigned long long)limit);
    }
    schema_free(schema);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_list = {
    .name = "list",
    .usage = "TYPE",
    .summary = "records of a type, newest first",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
