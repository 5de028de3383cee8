/* terrace drill load: records through the nodes' local APIs. */
#include <stdlib.h>
#include <string.h>

#include "cli/drill/drill_schema.h"
#include "cli/drill/load_run.h"
#include "cli/drill/profile_run.h"
#include "cli/print.h"

enum { PATIENCE_S_USUAL = 20, RECORDS_USUAL = 1000 };

static const struct option_row options[] = {
    DRILL_DIR_OPTION,
    {"records", "N", "how many (1000 unless given; of a profile as many as it has)"},
    {"profile", "P",
     "what a county does, all its types with what becomes of each: county-day, week-offline (the "
     "villages are cut off meanwhile), year"},
    {"type", "T",
     "all of this type; otherwise by the seat: what stays, what rises, what goes down"},
    {"at", "ID,...", "only at these seats; otherwise at all"},
    {"seed", "S", "the same seed gives the same texts"},
    {"rate", "N", "records a second; otherwise as fast as it goes"},
    {"hold", "N", "after N records wait for a line (or the end) of standard input, then go on"},
    {"patience", "SECONDS", "how long a node may be away (20 unless given)"},
    {NULL, NULL, NULL},
};

static json_t *unreached_json(const struct drill *drill, const struct load_result *result)
{
    json_t *array = json_array();
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (result->unreached[i])
            json_array_append_new(array, json_string(drill->seats[i].code));
    }
    return array;
}

static json_t *result_json(const struct drill *drill, const struct load_options *load_options,
                           const struct load_result *result)
{
    double seconds = (double)result->duration_ms / 1000;
    size_t seats = 0;
    for (size_t i = 0; i < drill->seat_count; i++)
        seats += result->by_seat[i] != 0 ? 1 : 0;
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:I,s:o}", "records",
                     (json_int_t)load_options->records, "steps", (json_int_t)result->steps,
                     "acknowledged", (json_int_t)result->acknowledged, "refused",
                     (json_int_t)result->refused, "unanswered", (json_int_t)result->unanswered,
                     "unsent", (json_int_t)result->unsent, "retried", (json_int_t)result->retried,
                     "seats", (json_int_t)seats, "seconds", seconds, "rate",
                     (json_int_t)((double)result->acknowledged / (seconds > 0 ? seconds : 1)),
                     "unreached", unreached_json(drill, result));
}

static void print_result(const struct drill *drill, const struct load_result *result)
{
    printf("%llu records acknowledged in %.1f s (%.0f a second)\n",
           (unsigned long long)result->acknowledged, (double)result->duration_ms / 1000,
           (double)result->acknowledged * 1000 /
               (double)(result->duration_ms == 0 ? 1 : result->duration_ms));
    if (result->steps != 0)
        printf("%llu steps and changes of them\n", (unsigned long long)result->steps);
    if (result->why_unsent.code != ERR_OK)
        printf("not gone on with: %llu, the last because %s: %s; at",
               (unsigned long long)result->unsent, result->why_unsent.what, result->why_unsent.why);
    else if (result->unanswered + result->unsent != 0)
        printf("%llu sent and not answered, %llu not sent, because these were away:",
               (unsigned long long)result->unanswered, (unsigned long long)result->unsent);
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (result->unreached[i])
            printf(" %s", drill->seats[i].code);
    }
    if (result->unanswered + result->unsent != 0)
        printf("\n");
}

static int exit_status(const struct load_result *result, struct error *error)
{
    if (result->refused != 0) {
        *error = result->first;
        return EXIT_REFUSED;
    }
    return result->unanswered + result->unsent != 0 ? EXIT_UNREACHABLE : EXIT_DONE;
}

static enum error_code read_options(const struct arguments *arguments, const struct drill *drill,
                                    const struct schema *schema, bool *chosen,
                                    struct load_options *load_options, struct error *error)
{
    const char *at = arguments_value(arguments, "at");
    const char *type = arguments_value(arguments, "type");
    uint64_t patience_s = PATIENCE_S_USUAL;
    *load_options = (struct load_options){
        .records = arguments_value(arguments, "profile") == NULL ? RECORDS_USUAL : 0,
        .seed = 1,
        .chosen = chosen,
        .quiet = false};
    if (arguments_number(arguments, "records", 0, 100000000, &load_options->records, error) ||
        arguments_number(arguments, "seed", 0, UINT64_MAX, &load_options->seed, error) ||
        arguments_number(arguments, "rate", 1, 10000000, &load_options->rate, error) ||
        arguments_number(arguments, "hold", 1, 100000000, &load_options->hold, error) ||
        arguments_number(arguments, "patience", 0, 86400, &patience_s, error))
        return error->code;
    load_options->patience_ms = patience_s * 1000;
    if (type != NULL) {
        load_options->type = schema_type_named(schema, span_of_text(type));
        if (load_options->type == NULL)
            return error_set(error, ERR_UNKNOWN_TYPE, type, "the drill's types do not name it");
    }
    for (size_t i = 0; i < drill->seat_count; i++)
        chosen[i] = at == NULL && !drill->seats[i].revoked;
    return at == NULL ? ERR_OK : drill_find_list(drill, at, chosen, error);
}

static enum error_code read_profile(const struct arguments *arguments, enum profile_kind *kind,
                                    struct error *error)
{
    const char *name = arguments_value(arguments, "profile");
    *kind = name == NULL ? PROFILE_COUNT : profile_named(name);
    if (name == NULL || *kind != PROFILE_COUNT)
        return ERR_OK;
    error_set(error, ERR_USAGE, name, "there is no such profile");
    error_next(error, "the profiles are: county-day, week-offline, year");
    return ERR_USAGE;
}

static int load(const struct arguments *arguments, struct drill *drill, const struct schema *schema,
                enum profile_kind kind, struct error *error)
{
    bool *chosen = mem_alloc(drill->seat_count * sizeof *chosen);
    struct load_options load_options;
    struct load_result result = {0};
    int status = EXIT_FAILED;
    if (read_options(arguments, drill, schema, chosen, &load_options, error) == ERR_OK &&
        (kind == PROFILE_COUNT
             ? load_run(drill, schema, &load_options, &result, error)
             : profile_run(drill, schema, kind, &load_options, &result, error)) == ERR_OK) {
        if (arguments->json && result.refused == 0)
            print_json(result_json(drill, &load_options, &result));
        else
            print_result(drill, &result);
        status = exit_status(&result, error);
    }
    free(result.by_seat);
    free(result.unreached);
    free(chosen);
    return status;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    enum profile_kind kind;
    int status = EXIT_FAILED;
    if (read_profile(arguments, &kind, error) != ERR_OK)
        return EXIT_USAGE;
    if (drill_open_given(arguments, kind == PROFILE_WEEK_OFFLINE, &drill, error) != ERR_OK)
        return status;
    struct schema *schema = drill_schema(&drill, error);
    if (schema != NULL)
        status = load(arguments, &drill, schema, kind, error);
    schema_free(schema);
    drill_free(&drill);
    return status;
}

const struct command drill_load = {
    .name = "load",
    .usage = "",
    .summary = "write records at many seats; each acknowledged id goes to DIR/acknowledged.ndjson",
    .detail = "Nodes that are away are tried again; what was sent and not answered is sent again\n"
              "under the same request id, so that no record is made twice.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
