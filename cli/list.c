/* terrace list TYPE: records of a type, newest first, page by page until the limit. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/record.h"
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
    bool malformed;
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

static bool take_piece(void *context, struct span value)
{
    struct listing *listing = context;
    struct mp_reader reader = api_reader(value);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        json_t *record = value_to_json(&reader);
        if (record == NULL)
            break;
        listing->count++;
        if (listing->table == NULL) {
            print_json(record);
        } else {
            add_row(listing, record);
            json_decref(record);
        }
    }
    listing->malformed = listing->malformed || reader.failed;
    return !listing->malformed;
}

static enum error_code write_args(const struct arguments *arguments, uint64_t limit,
                                  struct buffer *args, struct error *error)
{
    const char *pairs[OPTIONS_GIVEN_MAX];
    size_t count = 0;
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].row->name, "where") == 0)
            pairs[count++] = arguments->given[i].value;
    }
    mp_write_map(args, count == 0 ? 3 : 4);
    args_text(args, "type", arguments->words[0]);
    mp_write_text(args, "limit");
    mp_write_uint(args, limit == 0 ? INT64_MAX : limit);
    mp_write_text(args, "deleted");
    mp_write_bool(args, arguments_flag(arguments, "deleted"));
    return count == 0 ? ERR_OK : args_pairs(args, "where", pairs, count, error);
}

static enum error_code ask_list(const struct arguments *arguments, const struct buffer *args,
                                struct listing *listing, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return error->code;
    struct client *client = client_new(directory, error);
    if (client == NULL)
        return error->code;
    struct span last = SPAN_EMPTY;
    enum error_code code =
        client_ask_pieces(client, "list", span_of_buffer(args), take_piece, listing, &last, error);
    if (code == ERR_OK && listing->malformed)
        code = error_set(error, ERR_MALFORMED, directory, "its list was not understood");
    client_free(client);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    static const struct table_column columns[] = {
        {"id", false}, {"made at", false}, {"created", false}, {"fields", false}};
    uint64_t limit = LIST_LIMIT_DEFAULT;
    struct buffer args = {0};
    struct listing listing = {0};
    struct schema *schema = NULL;
    if (arguments_number(arguments, "limit", 0, INT64_MAX, &limit, error) == ERR_OK &&
        write_args(arguments, limit, &args, error) == ERR_OK) {
        if (!arguments->json) {
            listing.table = table_new(columns, 4);
            listing.type = types_for_showing(arguments, arguments->words[0], &schema);
        }
        ask_list(arguments, &args, &listing, error);
    }
    if (listing.table != NULL) {
        table_print(listing.table, stdout);
        if (listing.count == limit && limit != 0)
            print_note("shown: the newest %llu; --limit N shows more", (unsigned long long)limit);
    }
    schema_free(schema);
    buffer_free(&args);
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
