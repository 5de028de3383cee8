/* terrace endorse TYPE ID: what stands behind its author's cut-off, written again by this seat. */
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"
#include "cli/types.h"
#include "node/author/keys.h"
#include "schema/endorsement.h"

static const struct option_row options[] = {
    {"reason", "TEXT", "why, for whoever reads the record's history or the list of what is cut"},
    {"to", "SEAT", "of a new record: the seat that it is made for, of a type like matter"},
    {NULL, NULL, NULL},
};

/* What is behind the cut-off and nobody has written again yet. */
struct gathered {
    const struct record_type *type;
    json_t *fields;      /* owned: the values in the order of the entries */
    json_t *seats;       /* owned: those that joined */
    json_t *written;     /* owned: digests of the entries that set fields */
    json_t *extended;    /* owned: and of those that let seats join */
    json_t *before;      /* owned: by whom one of them has been written again; NULL: none */
    uint64_t operations; /* behind the cut-off */
    uint64_t done;       /* of them: written again before */
    uint64_t left;       /* of them: not written again, they say nothing that can be */
    uint64_t over;       /* of them: more than go into one entry */
    bool held;
    const struct record_type *of; /* whose private fields these are; NULL: of none */
    char of_record[33];           /* the record that they go to */
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

static void take_seat(struct gathered *gathered, json_t *seat)
{
    size_t index = 0;
    json_t *known = NULL;
    json_array_foreach(gathered->seats, index, known)
    {
        if (json_equal(known, seat))
            return;
    }
    json_array_append(gathered->seats, seat);
}

static bool take(void *context, const json_t *item)
{
    struct gathered *gathered = context;
    json_t *fields = json_object_get(item, "fields"), *seats = json_object_get(item, "seats");
    json_t *value, *endorsed = json_object_get(item, "endorsed");
    const char *name;
    size_t index = 0;
    bool extends = json_array_size(seats) > 0;
    json_t *digests = extends ? gathered->extended : gathered->written;
    gathered->operations++;
    gathered->held = json_flag(item, "held");
    if (json_object_size(endorsed) > 0) {
        gathered->done++;
        json_decref(gathered->before);
        gathered->before = json_incref(endorsed);
    } else if (json_object_size(fields) == 0 && !extends) {
        gathered->left++;
    } else if (json_array_size(digests) == ENDORSE_DIGESTS_MAX || gathered->over > 0) {
        gathered->over++;
    } else {
        json_object_foreach(fields, name, value) take_value(gathered, name, value);
        json_array_foreach(seats, index, value) take_seat(gathered, value);
        json_array_append(digests, json_object_get(item, "digest"));
    }
    return true;
}

static void say_before(const json_t *before, char *text, size_t size)
{
    char when[32];
    char *reason = text_shown(span_of_text(json_text(before, "reason")), 0);
    time_text(json_number(before, "clock"), when);
    snprintf(text, size, "already endorsed by %s %s on %s%s%s", json_text(before, "seat"),
             json_text(before, "name"), when, reason[0] == '\0' ? "" : ": ", reason);
    free(reason);
}

static void free_gathered(struct gathered *gathered)
{
    json_decref(gathered->fields);
    json_decref(gathered->seats);
    json_decref(gathered->written);
    json_decref(gathered->extended);
    json_decref(gathered->before);
}

static enum error_code gather(const struct arguments *arguments, const char *type,
                              struct gathered *gathered, struct error *error)
{
    const char *id = arguments->words[1];
    struct buffer args = {0};
    mp_write_map(&args, 2);
    args_text(&args, "type", type);
    args_text(&args, "id", id);
    enum error_code code = ask_each(arguments, "revoked", &args, take, gathered, error);
    buffer_free(&args);
    if (code != ERR_OK || gathered->done > 0 || json_array_size(gathered->written) > 0 ||
        json_array_size(gathered->extended) > 0)
        return code;
    error_set(error, ERR_NOT_FOUND, id,
              gathered->operations == 0
                  ? "nothing of this record is behind its author's cut-off here"
                  : "what is behind its author's cut-off says nothing that can be written again");
    error_next(error, "`terrace quarantine --revoked` lists what is");
    return error->code;
}

/* ---- writing ---- */

static void args_endorsed(const struct arguments *arguments, const json_t *digests,
                          struct buffer *args)
{
    size_t index = 0;
    json_t *digest = NULL;
    uint8_t bytes[HASH_BYTES];
    const char *reason = arguments_value(arguments, "reason");
    args_text(args, "reason", reason == NULL ? "" : reason);
    mp_write_text(args, "endorses");
    mp_write_array(args, (uint32_t)json_array_size(digests));
    json_array_foreach((json_t *)(uintptr_t)digests, index, digest)
    {
        memset(bytes, 0, sizeof bytes);
        hex_read(span_of_text(json_string_value(digest)), bytes, sizeof bytes);
        mp_write_bin(args, SPAN_OF_ARRAY(bytes));
    }
}

/* Private fields go to their record as it stands here: under its own id, or that under which it was
 * endorsed. */
static enum error_code find_record_of(const struct arguments *arguments, struct gathered *gathered,
                                      struct error *error)
{
    const char *id = arguments->words[1];
    struct gathered of = {.type = gathered->of,
                          .fields = json_object(),
                          .seats = json_array(),
                          .written = json_array(),
                          .extended = json_array()};
    enum error_code code = gather(arguments, gathered->of->name, &of, error);
    bool anew = !of.held && of.before != NULL, absent = !of.held && of.operations > 0 && !anew;
    if (code == ERR_NOT_FOUND && !absent)
        code = ERR_OK; /* nothing of the record is behind the cut-off, or nothing that says much */
    snprintf(gathered->of_record, sizeof gathered->of_record, "%s",
             anew ? json_text(of.before, "record") : id);
    if (absent) {
        code = error_set(error, ERR_NOT_FOUND, id,
                         "the record that these fields belong to was made behind the cut-off too");
        error_next(error, "`terrace endorse %s %s` first", gathered->of->name, id);
    }
    free_gathered(&of);
    return code;
}

/* A second run gives the same new record, also where the answer to the first was lost. */
static json_t *write_fields(const struct arguments *arguments, const struct gathered *gathered,
                            struct error *error)
{
    const char *to =
        gathered->held || gathered->of != NULL ? NULL : arguments_value(arguments, "to");
    struct buffer args = {0};
    char request[128];
    snprintf(request, sizeof request, "endorse %.32s", arguments->words[1]);
    mp_write_map(&args, 5U + (to != NULL));
    args_text(&args, "type", arguments->words[0]);
    if (gathered->held || gathered->of != NULL)
        args_text(&args, "id", gathered->of != NULL ? gathered->of_record : arguments->words[1]);
    else
        args_text(&args, "request", request);
    if (to != NULL)
        args_text(&args, "to", to);
    args_endorsed(arguments, gathered->written, &args);
    mp_write_text(&args, "fields");
    value_from_json(gathered->fields, &args); /* it came as msgpack */
    json_t *answer =
        ask_node(arguments, gathered->held || gathered->of != NULL ? "set" : "put", &args, error);
    buffer_free(&args);
    return answer;
}

static json_t *write_seats(const struct arguments *arguments, const struct gathered *gathered,
                           const char *id, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, 5);
    args_text(&args, "type", arguments->words[0]);
    args_text(&args, "id", id);
    args_endorsed(arguments, gathered->extended, &args);
    mp_write_text(&args, "seats");
    value_from_json(gathered->seats, &args);
    json_t *answer = ask_node(arguments, "extend", &args, error);
    buffer_free(&args);
    return answer;
}

/* Who holds the record by now joins no more; false with `error`. */
static bool leave_members(const struct arguments *arguments, struct gathered *gathered,
                          const char *id, struct error *error)
{
    struct buffer args = {0};
    size_t index = 0, place = 0;
    json_t *member = NULL, *seat = NULL;
    mp_write_map(&args, 2);
    args_text(&args, "type", arguments->words[0]);
    args_text(&args, "id", id);
    json_t *record = ask_node(arguments, "get", &args, error);
    buffer_free(&args);
    json_array_foreach(json_object_get(record, "circle"), index, member)
    {
        json_array_foreach(gathered->seats, place, seat)
        {
            if (json_equal(seat, member)) {
                json_array_remove(gathered->seats, place);
                break;
            }
        }
    }
    bool read = record != NULL;
    json_decref(record);
    return read;
}

/* Lets in those who hold it no more; false with `error`. */
static bool join(const struct arguments *arguments, struct gathered *gathered, const char *id,
                 json_t **answer, struct error *error)
{
    json_t *joined = NULL;
    if (json_array_size(gathered->seats) == 0)
        return true;
    if (!leave_members(arguments, gathered, id, error))
        return false;
    if (json_array_size(gathered->seats) == 0) {
        json_array_extend(gathered->written, gathered->extended); /* goes with the values */
        return true;
    }
    joined = write_seats(arguments, gathered, id, error);
    if (*answer == NULL)
        *answer = joined;
    else
        json_decref(joined);
    return joined != NULL;
}

/* What stands instead of all that could be written before. */
static json_t *endorsed_before(const struct gathered *gathered)
{
    return json_pack("{s:s,s:I}", "id", json_text(gathered->before, "record"), "clock",
                     (json_int_t)json_number(gathered->before, "clock"));
}

static json_t *write_new(const struct arguments *arguments, struct gathered *gathered,
                         struct error *error)
{
    if (json_is_true(json_object_get(gathered->fields, "_deleted"))) {
        error_set(error, ERR_NOT_FOUND, arguments->words[1],
                  "it was made and deleted behind the cut-off: there is nothing to write");
        return NULL;
    }
    if (json_array_size(gathered->written) == 0 && gathered->before == NULL) {
        error_set(error, ERR_NOT_FOUND, arguments->words[1],
                  "what made it can't be read here: there is nothing to write");
        return NULL;
    }
    json_object_del(gathered->fields, "_deleted");
    json_t *answer = json_array_size(gathered->written) > 0
                         ? write_fields(arguments, gathered, error)
                         : endorsed_before(gathered);
    if (answer == NULL || join(arguments, gathered, json_text(answer, "id"), &answer, error))
        return answer;
    json_decref(answer);
    return NULL;
}

/* Seats first: to a record that has been deleted nobody is let in. */
static json_t *write_held(const struct arguments *arguments, struct gathered *gathered,
                          struct error *error)
{
    json_t *answer = NULL;
    if (!join(arguments, gathered, arguments->words[1], &answer, error))
        return NULL;
    if (json_array_size(gathered->written) == 0)
        return answer;
    json_decref(answer);
    return write_fields(arguments, gathered, error);
}

/* ---- telling ---- */

static void tell_rest(const struct gathered *gathered)
{
    char before[1400];
    if (gathered->done > 0) {
        say_before(gathered->before, before, sizeof before);
        print_note("%llu of %llu were %s", (unsigned long long)gathered->done,
                   (unsigned long long)gathered->operations, before);
    }
    if (gathered->left > 0)
        print_note("%llu of %llu say nothing that can be written again",
                   (unsigned long long)gathered->left, (unsigned long long)gathered->operations);
    if (gathered->over > 0)
        print_note("%llu more don't go into one entry: run the same again",
                   (unsigned long long)gathered->over);
}

static int tell(const struct arguments *arguments, const struct gathered *gathered, json_t *answer)
{
    const char *old = arguments->words[1];
    char when[32];
    uint64_t endorsed = gathered->operations - gathered->done - gathered->left - gathered->over;
    if (arguments->json) {
        json_object_set_new(answer, "operations", json_integer((json_int_t)gathered->operations));
        json_object_set_new(answer, "endorsed", json_integer((json_int_t)endorsed));
        json_object_set_new(answer, "left", json_integer((json_int_t)gathered->left));
        json_object_set_new(answer, "over", json_integer((json_int_t)gathered->over));
        json_object_set_new(answer, "instead_of", json_string(gathered->held ? "" : old));
        if (gathered->before != NULL)
            json_object_set(answer, "already", gathered->before);
        print_json(answer);
        return EXIT_DONE;
    }
    time_text(json_number(answer, "clock"), when);
    printf("%s %s %s", json_text(answer, "id"), arguments->words[0], when);
    if (!gathered->held)
        printf(", instead of %s", old);
    printf("\n");
    tell_rest(gathered);
    json_decref(answer);
    return EXIT_DONE;
}

static json_t *endorse(const struct arguments *arguments, struct gathered *gathered,
                       struct error *error)
{
    if (gather(arguments, arguments->words[0], gathered, error) != ERR_OK ||
        (gathered->of != NULL && find_record_of(arguments, gathered, error) != ERR_OK))
        return NULL;
    if (json_array_size(gathered->written) + json_array_size(gathered->extended) > 0)
        return gathered->held ? write_held(arguments, gathered, error)
                              : write_new(arguments, gathered, error);
    return endorsed_before(gathered);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct schema *schema = NULL;
    struct gathered gathered = {.fields = json_object(),
                                .seats = json_array(),
                                .written = json_array(),
                                .extended = json_array()};
    json_t *answer = NULL;
    gathered.type = types_for_showing(arguments, arguments->words[0], &schema);
    if (gathered.type == NULL && schema != NULL)
        error_set(error, ERR_UNKNOWN_TYPE, arguments->words[0], "the signed types don't have it");
    else if (gathered.type == NULL)
        error_set(error, ERR_UNREACHABLE, "the node", "its types can't be had");
    else if (gathered.type->companion_of != 0 &&
             (gathered.of = schema_type(schema, gathered.type->companion_of)) == NULL)
        error_set(error, ERR_UNKNOWN_TYPE, arguments->words[0], "its record's type isn't known");
    else
        answer = endorse(arguments, &gathered, error);
    int status = answer == NULL ? EXIT_FAILED : tell(arguments, &gathered, answer);
    free_gathered(&gathered);
    schema_free(schema);
    return status;
}

const struct command command_endorse = {
    .name = "endorse",
    .usage = "TYPE ID",
    .summary = "write again, as this seat, what a record has behind its author's cut-off",
    .detail = "Look at it first: `terrace quarantine --revoked`. The values are written to the\n"
              "record as one operation of this seat, a deletion too; whom it let in is let in\n"
              "again. If the record itself was made behind the cut-off, a new one is made; its id\n"
              "comes first, then the old one. What has been endorsed before isn't written again.\n"
              "Private fields (TYPE-private) are endorsed after their record, and go to it.",
    .words_min = 2,
    .words_max = 2,
    .options = options,
    .run = run,
};
