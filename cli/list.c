/* terrace list TYPE: records of a type, newest first, page by page until the limit; with --overdue
 * what is overdue, the longest first. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/each.h"
#include "cli/types.h"

enum { LIST_FIELDS_COLUMNS = 60 };

static const struct option_row options[] = {
    {"where", "FIELD=VALUE", "only those with this value; also >=, <=, >, <; may come often"},
    {"explain", NULL, "say which index found them, and how many records were read"},
    {"limit", "N", "at most so many (100 unless given; 0: all)"},
    {"deleted", NULL, "deleted ones too"},
    {"past", NULL, "also what is past its type's retention_days"},
    {"overdue", NULL, "only what is overdue, the longest first; TYPE may be left out"},
    {NULL, NULL, NULL},
};

struct listing {
    struct table_rows *table;                   /* NULL: JSON lines */
    const struct record_type *type, *companion; /* for the table; NULL: not known, none */
    bool overdue, clock_suspect;
    uint64_t count;
};

static char *fields_text(const struct listing *listing, const json_t *fields)
{
    struct buffer text = {0};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        char *shown =
            types_value_text(types_of_field(listing->type, listing->companion, key), key, value);
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
    char when[32];
    time_text(json_number(record, listing->overdue ? "due" : "created"), when);
    char *fields = fields_text(listing, json_object_get(record, "fields"));
    table_cell(table, "%s", json_text(record, "id"));
    if (listing->overdue)
        table_cell(table, "%s", json_text(record, "type"));
    table_cell(table, "%s", json_text(record, "origin"));
    table_cell(table, "%s", when);
    table_cell(table, "%s%s", json_flag(record, "deleted") ? "(deleted) " : "", fields);
    free(fields);
}

static bool take(void *context, const json_t *record)
{
    struct listing *listing = context;
    listing->count++;
    listing->clock_suspect |= json_flag(record, "clock_suspect");
    if (listing->table == NULL)
        print_json(json_incref((json_t *)(uintptr_t)record));
    else
        add_row(listing, record);
    return true;
}

/* On standard error, so that the list stays what it is. */
static void explain(const json_t *end)
{
    struct buffer names = {0};
    size_t i;
    json_t *name;
    const json_t *index = json_object_get(end, "index");
    json_array_foreach((json_t *)(uintptr_t)index, i, name)
    {
        buffer_append(&names, i == 0 ? "" : ", ", i == 0 ? 0 : 2);
        buffer_append(&names, json_string_value(name), json_string_length(name));
    }
    buffer_append_byte(&names, 0);
    if (json_array_size(index) > 0)
        print_note("found by the index [%s]; records read: %llu", (const char *)names.data,
                   (unsigned long long)json_number(end, "examined"));
    else
        print_note("found without an index; records read: %llu",
                   (unsigned long long)json_number(end, "examined"));
    buffer_free(&names);
}

static bool options_fit(const struct arguments *arguments, struct error *error)
{
    bool overdue = arguments_flag(arguments, "overdue");
    if (arguments->word_count == 0 && !overdue)
        error_set(error, ERR_USAGE, "TYPE", "whose records?");
    else if (overdue &&
             (arguments_flag(arguments, "deleted") || arguments_value(arguments, "where") != NULL ||
              arguments_flag(arguments, "explain")))
        error_set(error, ERR_USAGE, "--overdue",
                  "it doesn't go with --where, --deleted or --explain");
    else
        return true;
    error_next(error, "`terrace list TYPE`, or `terrace list --overdue` for what is overdue");
    return false;
}

static struct table_rows *table_for(const struct listing *listing)
{
    static const struct table_column columns[] = {
        {"id", false}, {"made at", false}, {"created", false}, {"fields", false}};
    static const struct table_column overdue[] = {
        {"id", false}, {"type", false}, {"made at", false}, {"due", false}, {"fields", false}};
    return listing->overdue ? table_new(overdue, 5) : table_new(columns, 4);
}

static int run(const struct arguments *arguments, struct error *error)
{
    uint64_t limit = LIST_LIMIT_DEFAULT;
    struct listing listing = {.overdue = arguments_flag(arguments, "overdue")};
    struct schema *schema = NULL;
    if (!options_fit(arguments, error) ||
        arguments_number(arguments, "limit", 0, INT64_MAX, &limit, error) != ERR_OK)
        return EXIT_USAGE;
    if (!arguments->json) {
        listing.table = table_for(&listing);
        if (arguments->word_count > 0)
            listing.type = types_for_showing(arguments, arguments->words[0], &schema);
        listing.companion = listing.type == NULL ? NULL : schema_companion(schema, listing.type);
    }
    json_t *end = NULL;
    ask_each_record(arguments, limit, arguments_flag(arguments, "past"), take, &listing, &end,
                    error);
    if (end != NULL && arguments_flag(arguments, "explain"))
        explain(end);
    json_decref(end);
    if (listing.table != NULL) {
        if (error->code == ERR_OK || listing.count > 0)
            table_print(listing.table, stdout);
        else
            table_free(listing.table);
        if (listing.count == limit && limit != 0)
            print_note("shown: %llu; --limit N shows more", (unsigned long long)limit);
        if (listing.clock_suspect)
            print_note(
                "this node's clock and the newest signed time are far apart: what is overdue "
                "by the one may not be by the other");
    }
    schema_free(schema);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_list = {
    .name = "list",
    .usage = "[TYPE]",
    .summary = "records of a type, newest first; or what is overdue",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
