/* terrace drill move, revoke, overrule, tell: who stands where, and who counts. */
#include <stdlib.h>

#include "cli/drill/reshape.h"
#include "cli/print.h"

static const struct option_row move_options[] = {
    DRILL_DIR_OPTION,
    {"by", "SEAT", "decided by this seat above both; otherwise released and accepted"},
    {"tell", "ID,...", "give the documents to these alone; otherwise to those who signed"},
    {NULL, NULL, NULL},
};

static const struct option_row overrule_options[] = {
    DRILL_DIR_OPTION,
    {"tell", "ID,...", "give the documents to these alone; otherwise to the seat above"},
    {NULL, NULL, NULL},
};

static const struct option_row options[] = {DRILL_DIR_OPTION, {NULL, NULL, NULL}};

/* *told: NULL when the option wasn't given; the caller frees. */
static enum error_code read_told(const struct arguments *arguments, const struct drill *drill,
                                 bool **told, struct error *error)
{
    const char *list = arguments_value(arguments, "tell");
    *told = NULL;
    if (list == NULL)
        return ERR_OK;
    *told = mem_alloc(drill->seat_count * sizeof **told);
    return drill_find_list(drill, list, *told, error);
}

static enum error_code move(const struct arguments *arguments, struct drill *drill,
                            struct error *error)
{
    const char *by = arguments_value(arguments, "by");
    struct reshape_move what = {.by = DRILL_NO_SEAT};
    bool *told = NULL;
    enum error_code code = drill_find(drill, arguments->words[0], &what.seat, error);
    if (code == ERR_OK)
        code = drill_find(drill, arguments->words[1], &what.to, error);
    if (code == ERR_OK && by != NULL)
        code = drill_find(drill, by, &what.by, error);
    if (code == ERR_OK)
        code = read_told(arguments, drill, &told, error);
    what.told = told;
    if (code == ERR_OK)
        code = reshape_move(drill, &what, error);
    free(told);
    return code;
}

static enum error_code revoke(const struct arguments *arguments, struct drill *drill,
                              struct error *error)
{
    size_t seat = 0;
    enum error_code code = drill_find(drill, arguments->words[0], &seat, error);
    return code == ERR_OK ? reshape_revoke(drill, seat, error) : code;
}

static enum error_code overrule(const struct arguments *arguments, struct drill *drill,
                                struct error *error)
{
    size_t seat = 0;
    bool *told = NULL;
    enum error_code code = drill_find(drill, arguments->words[0], &seat, error);
    if (code == ERR_OK)
        code = read_told(arguments, drill, &told, error);
    if (code == ERR_OK)
        code = reshape_overrule(drill, seat, told, error);
    free(told);
    return code;
}

static enum error_code tell(const struct arguments *arguments, struct drill *drill,
                            struct error *error)
{
    bool *told = mem_alloc(drill->seat_count * sizeof *told);
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < arguments->word_count && code == ERR_OK; i++) {
        size_t seat = 0;
        code = drill_find(drill, arguments->words[i], &seat, error);
        if (code == ERR_OK)
            told[seat] = true;
    }
    if (code == ERR_OK)
        code = reshape_tell(drill, told, error);
    free(told);
    return code;
}

static int run(const struct arguments *arguments, const char *word,
               enum error_code (*act)(const struct arguments *, struct drill *, struct error *),
               struct error *error)
{
    struct drill drill;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return EXIT_FAILED;
    enum error_code code = act(arguments, &drill, error);
    drill_free(&drill);
    if (code != ERR_OK)
        return EXIT_FAILED;
    json_t *seats = json_array();
    for (size_t i = 0; i < arguments->word_count; i++)
        json_array_append_new(seats, json_string(arguments->words[i]));
    if (arguments->json)
        print_json(json_pack("{s:o}", word, seats));
    else
        json_decref(seats);
    for (size_t i = 0; i < arguments->word_count && !arguments->json; i++)
        printf("%s%s", arguments->words[i], i + 1 < arguments->word_count ? " " : "");
    if (!arguments->json)
        printf(": %s\n", word);
    return EXIT_DONE;
}

static int run_move(const struct arguments *arguments, struct error *error)
{
    return run(arguments, "moved", move, error);
}

static int run_revoke(const struct arguments *arguments, struct error *error)
{
    return run(arguments, "revoked", revoke, error);
}

static int run_overrule(const struct arguments *arguments, struct error *error)
{
    return run(arguments, "overruled", overrule, error);
}

static int run_tell(const struct arguments *arguments, struct error *error)
{
    return run(arguments, "told", tell, error);
}

const struct command drill_move = {
    .name = "move",
    .usage = "NODE PARENT",
    .summary = "a seat gets another parent: released by the old one, accepted by the new",
    .detail =
        "Only those who sign are told, or only those whom --tell names (`--tell ,` names nobody);\n"
        "the others hear through their links, or by `terrace drill tell`.",
    .words_min = 2,
    .words_max = 2,
    .options = move_options,
    .run = run_move,
};

const struct command drill_revoke = {
    .name = "revoke",
    .usage = "NODE",
    .summary = "a stolen machine: its key counts up to what the parent holds; it may run on",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run_revoke,
};

const struct command drill_overrule = {
    .name = "overrule",
    .usage = "NODE",
    .summary = "the seat above takes a delegation back: next term, new admin key",
    .detail =
        "The first document of the new term names as the last accepted what the seat above holds:\n"
        "whom the node has admitted since is pending until the new admin lists it.",
    .words_min = 1,
    .words_max = 1,
    .options = overrule_options,
    .run = run_overrule,
};

const struct command drill_tell = {
    .name = "tell",
    .usage = "ID...",
    .summary = "give these nodes every document that was signed and is theirs, as on a stick",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run_tell,
};
