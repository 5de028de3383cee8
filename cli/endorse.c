/* terrace endorse TYPE ID: what stands behind its author's cut-off, written again by this seat. */
#include <string.h>

#include "cli/each.h"
#include "cli/types.h"

static const struct option_row options[] = {
    {"to", "SEAT", "of a new record: the seat that it is made for, of a type like matter"},
    {NULL, NULL, NULL},
};

struct gathered {
    const struct record_type *type;
    json_t *fields;      /* owned: the values in the order of the entries */
    uint64_t operations; /* behind the cut-off */
    uint64_t left;       /* of them: not written again, they set no fields */
    bool held;
};

/* Lists grow, counters add up, of everything else the last value stays. */
static void take_value(struct gathered *gathered, const char *name, json_t *value)
{
    const struct field *field = type_field_named(gathered->type, span_of_text(name));
    json_t *before = json_object_get(gathered->fields, name);
    if (before != NULL && field != NULL && field->kind == FIELD_COUNTER)
        json_object_set_new(gathered->fields, name,
                            json_integer(json_integer_value(before) + json_integer_value(value)));
    else if (json_is_array(before) && json_is_array(value))
        json_array_extend(before, value);
    else
        json_object_set(gathered->fields, name, value);
}

static bool take(void *context, const json_t *item)
{
    struct gathered *gathered = context;
    json_t *fields = json_object_get(item, "fields"), *value;
    const char *name;
    gathered->operations++;
    gathered->left += json_object_size(fields) == 0;
    gathered->held = json_flag(item, "held");
    json_object_foreach(fields, name, value) take_value(gathered, name, value);
    return true;
}

static enum error_code gather(const struct arguments *arguments, struct gathered *gathered,
                              struct error *error)
{
    const char *type = arguments->words[0], *id = arguments->words[1];
    struct buffer args = {0};
    mp_write_map(&args, 2);
    args_text(&args, "type", type);
    args_text(&args, "id", id);
    enum error_code code = ask_each(arguments, "revoked", &args, take, gathered, error);
    buffer_free(&args);
    if (code != ERR_OK || json_object_size(gathered->fields) > 0)
        return code;
    if (gathered->operations == 0) {
        error_set(error, ERR_NOT_FOUND, id,
                  "nothing of this record is behind its author's cut-off here");
        error_next(error, "`terrace quarantine --revoked` lists what is");
    } else {
        error_set(error, ERR_NOT_FOUND, id,
                  "what is behind its author's cut-off sets no fields: there is nothing to write");
        error_next(error, "`terrace delete` and `terrace extend` say the other things anew");
    }
    return error->code;
}

/* A second run gives the same new record. */
static void write_args(const struct arguments *arguments, const struct gathered *gathered,
                       struct buffer *args)
{
    const char *to = gathered->held ? NULL : arguments_value(arguments, "to");
    char request[128];
    snprintf(request, sizeof request, "endorse %.32s", arguments->words[1]);
    mp_write_map(args, 3U + (to != NULL));
    args_text(args, "type", arguments->words[0]);
    if (gathered->held)
        args_text(args, "id", arguments->words[1]);
    else
        args_text(args, "request", request);
    if (to != NULL)
        args_text(args, "to", to);
    mp_write_text(args, "fields");
    value_from_json(gathered->fields, args); /* it came as msgpack */
}

static int tell(const struct arguments *arguments, const struct gathered *gathered, json_t *answer)
{
    const char *old = arguments->words[1];
    char when[32];
    if (arguments->json) {
        json_object_set_new(answer, "operations", json_integer((json_int_t)gathered->operations));
        json_object_set_new(answer, "left", json_integer((json_int_t)gathered->left));
        json_object_set_new(answer, "instead_of", json_string(gathered->held ? "" : old));
        print_json(answer);
        return EXIT_DONE;
    }
    time_text(json_number(answer, "clock"), when);
    printf("%s %s %s", json_text(answer, "id"), arguments->words[0], when);
    if (!gathered->held)
        printf(", instead of %s", old);
    printf("\n");
    if (gathered->left > 0)
        print_note("%llu of %llu operations set no fields and were not written again",
                   (unsigned long long)gathered->left, (unsigned long long)gathered->operations);
    json_decref(answer);
    return EXIT_DONE;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct schema *schema = NULL;
    struct gathered gathered = {.fields = json_object()};
    struct buffer args = {0};
    json_t *answer = NULL;
    gathered.type = types_for_showing(arguments, arguments->words[0], &schema);
    if (gathered.type == NULL && schema != NULL)
        error_set(error, ERR_UNKNOWN_TYPE, arguments->words[0], "the signed types don't have it");
    else if (gathered.type == NULL)
        error_set(error, ERR_UNREACHABLE, "the node", "its types can't be had");
    else if (gather(arguments, &gathered, error) == ERR_OK) {
        write_args(arguments, &gathered, &args);
        answer = ask_node(arguments, gathered.held ? "set" : "put", &args, error);
    }
    int status = answer == NULL ? EXIT_FAILED : tell(arguments, &gathered, answer);
    json_decref(gathered.fields);
    buffer_free(&args);
    schema_free(schema);
    return status;
}

const struct command command_endorse = {
    .name = "endorse",
    .usage = "TYPE ID",
    .summary = "write again, as this seat, what a record has behind its author's cut-off",
    .detail = "Look at it first: `terrace quarantine --revoked`. The values are written to the\n"
              "record as one operation of this seat. If the record itself was made behind the\n"
              "cut-off, a new one is made with them; its id comes first, then the old one.",
    .words_min = 2,
    .words_max = 2,
    .options = options,
    .run = run,
};
