/* terrace drill cut and heal: uplinks down, and up again. */
#include <stdlib.h>

#include "cli/drill/act.h"
#include "cli/print.h"

static const struct option_row options[] = {DRILL_DIR_OPTION, {NULL, NULL, NULL}};

static const struct option_row heal_options[] = {
    DRILL_DIR_OPTION, {"all", NULL, "every seat that is cut"}, {NULL, NULL, NULL}};

static void print_seats(const struct drill *drill, const bool *chosen, const char *word, bool json)
{
    json_t *seats = json_array();
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (chosen[i] && json)
            json_array_append_new(seats, json_string(drill->seats[i].code));
        else if (chosen[i])
            printf("%s %s %s\n", drill->seats[i].code, word, drill->seats[i].name);
    }
    if (json)
        print_json(json_pack("{s:o}", word, seats));
    else
        json_decref(seats);
}

static bool *choose(const struct arguments *arguments, const struct drill *drill,
                    struct error *error)
{
    if (!arguments_flag(arguments, "all")) {
        if (arguments->word_count == 0)
            error_set(error, ERR_USAGE, "drill", "which seats? None was named");
        return arguments->word_count == 0
                   ? NULL
                   : act_chosen(drill, arguments->words, arguments->word_count, error);
    }
    bool *chosen = mem_alloc(drill->seat_count * sizeof *chosen);
    for (size_t i = 0; i < drill->seat_count; i++)
        chosen[i] = drill->seats[i].cut;
    return chosen;
}

static int run(const struct arguments *arguments, bool cut, struct error *error)
{
    struct drill drill;
    int status = EXIT_FAILED;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return status;
    bool *chosen = choose(arguments, &drill, error);
    if (chosen != NULL && act_cut(&drill, chosen, cut, error) == ERR_OK) {
        print_seats(&drill, chosen, cut ? "cut" : "healed", arguments->json);
        status = EXIT_DONE;
    }
    free(chosen);
    drill_free(&drill);
    return status;
}

static int run_cut(const struct arguments *arguments, struct error *error)
{
    return run(arguments, true, error);
}

static int run_heal(const struct arguments *arguments, struct error *error)
{
    return run(arguments, false, error);
}

const struct command drill_cut = {
    .name = "cut",
    .usage = "ID...",
    .summary = "take the uplink of these nodes down",
    .detail = "It stays down until `terrace drill heal`, over kill and start too.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run_cut,
};

const struct command drill_heal = {
    .name = "heal",
    .usage = "ID...",
    .summary = "take the uplink of these nodes up again; returns when it is live",
    .words_min = 0,
    .words_max = WORDS_GIVEN_MAX,
    .options = heal_options,
    .run = run_heal,
};
