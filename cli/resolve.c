/* terrace resolve TYPE ID FIELD=VALUE... or FIELD --keep N: settle values of the same time. */
#include <string.h>

#include "cli/record.h"

static const struct option_row options[] = {
    {"keep", "N", "the value that `terrace conflicts` lists as N: 1 is the one that is shown"},
    {NULL, NULL, NULL},
};

static bool in_conflict(const json_t *record, struct span field)
{
    size_t index;
    json_t *conflict;
    json_array_foreach(json_object_get(record, "conflicts"), index, conflict)
    {
        if (span_equal(span_of_text(json_text(conflict, "field")), field))
            return true;
    }
    return false;
}

static enum error_code refuse(const json_t *record, struct span field, struct error *error)
{
    char what[96];
    snprintf(what, sizeof what, "the field \"%.*s\"", field.size > 64 ? 64 : (int)field.size,
             (const char *)field.data);
    error_set(error, ERR_INVALID, what,
              "it has no values of the same time here: there is nothing to settle");
    error_next(error, "`terrace conflicts %s` lists what there is; `terrace set` changes a value",
               json_text(record, "type"));
    return ERR_INVALID;
}

/* Every word names a field that has values of the same time. */
static enum error_code check_words(const json_t *record, const char *const *words, size_t count,
                                   struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(words[i], '=');
        struct span field = equals == NULL
                                ? span_of_text(words[i])
                                : SPAN((const uint8_t *)words[i], (size_t)(equals - words[i]));
        if (!in_conflict(record, field))
            return refuse(record, field, error);
    }
    return ERR_OK;
}

/* NULL: there are fewer values. */
static const json_t *value_numbered(const json_t *record, const char *field, uint64_t number)
{
    size_t index;
    json_t *conflict;
    uint64_t at = 1;
    if (number == 1)
        return json_object_get(json_object_get(record, "fields"), field);
    json_array_foreach(json_object_get(record, "conflicts"), index, conflict)
    {
        if (strcmp(json_text(conflict, "field"), field) == 0 && ++at == number)
            return json_object_get(conflict, "value");
    }
    return NULL;
}

static enum error_code keep(const json_t *record, const char *field, uint64_t number,
                            struct buffer *args, struct error *error)
{
    const json_t *value = value_numbered(record, field, number);
    if (value == NULL) {
        error_set(error, ERR_INVALID, "--keep", "%s has no value %llu here", field,
                  (unsigned long long)number);
        error_next(error, "`terrace conflicts %s` numbers them", json_text(record, "type"));
        return ERR_INVALID;
    }
    mp_write_text(args, "fields");
    mp_write_map(args, 1);
    mp_write_text(args, field);
    return value_from_json(value, args)
               ? ERR_OK
               : error_set(error, ERR_INVALID, field, "its value can't be written again");
}

static enum error_code make_args(const struct arguments *arguments, const json_t *record,
                                 struct buffer *args, struct error *error)
{
    const char *const *words = arguments->words + 2;
    size_t count = arguments->word_count - 2;
    uint64_t number = 0;
    enum error_code code = arguments_number(arguments, "keep", 1, UINT32_MAX, &number, error);
    if (code == ERR_OK && (number != 0) != (count == 1 && strchr(words[0], '=') == NULL)) {
        error_set(error, ERR_USAGE, "resolve", "expected FIELD=VALUE, or one FIELD and --keep N");
        return ERR_USAGE;
    }
    if (code == ERR_OK)
        code = check_words(record, words, count, error);
    if (code != ERR_OK)
        return code;
    mp_write_map(args, 3);
    args_text(args, "type", arguments->words[0]);
    args_text(args, "id", arguments->words[1]);
    return number != 0 ? keep(record, words[0], number, args, error)
                       : args_pairs(args, "fields", words, count, error);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct buffer asking = {0}, args = {0};
    int status = EXIT_FAILED;
    mp_write_map(&asking, 2);
    args_text(&asking, "type", arguments->words[0]);
    args_text(&asking, "id", arguments->words[1]);
    json_t *record = ask_node(arguments, "get", &asking, error);
    if (record != NULL) {
        enum error_code code = make_args(arguments, record, &args, error);
        if (code == ERR_OK)
            status = finish_write(arguments, "set", arguments->words[0], &args, error);
        else if (code == ERR_USAGE)
            status = EXIT_USAGE;
    }
    json_decref(record);
    buffer_free(&asking);
    buffer_free(&args);
    return status;
}

const struct command command_resolve = {
    .name = "resolve",
    .usage = "TYPE ID FIELD=VALUE... | TYPE ID FIELD --keep N",
    .summary = "settle values that were written at the same time",
    .detail =
        "It is a write like any other, by anyone who may write to the record: it replaces\n"
        "all values that this node has seen. Who hasn't heard of it and writes again makes a\n"
        "new conflict.",
    .words_min = 3,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
