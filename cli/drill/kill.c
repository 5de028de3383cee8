/* terrace drill kill and start: SIGKILL nodes, start them again. */
#include <stdlib.h>

#include "cli/drill/act.h"
#include "cli/print.h"

static const struct option_row options[] = {DRILL_DIR_OPTION, {NULL, NULL, NULL}};

static const struct option_row start_options[] = {
    DRILL_DIR_OPTION, {"all", NULL, "every node that does not run"}, {NULL, NULL, NULL}};

/* `former`: the processes before; those that are the same ran already. NULL: nothing to compare. */
static void print_seats(const struct drill *drill, const bool *chosen, const pid_t *former,
                        const char *word, bool json)
{
    json_t *seats = json_array();
    for (size_t i = 0; i < drill->seat_count; i++) {
        const struct drill_seat *seat = &drill->seats[i];
        bool already = former != NULL && seat->pid != 0 && former[i] == seat->pid;
        if (!chosen[i])
            continue;
        if (json)
            json_array_append_new(seats, json_pack("{s:s,s:i,s:b}", "code", seat->code, "pid",
                                                   (int)seat->pid, "already", already));
        else if (seat->pid != 0)
            printf("%s %s, pid %ld\n", seat->code, already ? "runs already" : word,
                   (long)seat->pid);
        else
            printf("%s %s\n", seat->code, word);
    }
    if (json)
        print_json(json_pack("{s:o}", word, seats));
    else
        json_decref(seats);
}

static int run_kill(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    int status = EXIT_FAILED;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return status;
    bool *chosen = act_chosen(&drill, arguments->words, arguments->word_count, error);
    if (chosen != NULL && act_kill(&drill, chosen, error) == ERR_OK) {
        print_seats(&drill, chosen, NULL, "killed", arguments->json);
        status = EXIT_DONE;
    }
    free(chosen);
    drill_free(&drill);
    return status;
}

static bool *choose(const struct arguments *arguments, const struct drill *drill,
                    struct error *error)
{
    if (arguments_flag(arguments, "all")) {
        bool *chosen = mem_alloc(drill->seat_count * sizeof *chosen);
        for (size_t i = 0; i < drill->seat_count; i++)
            chosen[i] = true;
        return chosen;
    }
    if (arguments->word_count != 0)
        return act_chosen(drill, arguments->words, arguments->word_count, error);
    error_set(error, ERR_USAGE, "drill", "which nodes? None was named");
    error_next(error, "name them, or say --all");
    return NULL;
}

static int run_start(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    int status = EXIT_FAILED;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return status;
    bool *chosen = choose(arguments, &drill, error);
    pid_t *former = mem_alloc((drill.seat_count + 1) * sizeof *former);
    for (size_t i = 0; i < drill.seat_count; i++)
        former[i] = (pid_t)drill.seats[i].pid;
    if (chosen != NULL && act_start(&drill, chosen, false, arguments->json, error) == ERR_OK) {
        print_seats(&drill, chosen, former, "started", arguments->json);
        status = EXIT_DONE;
    }
    free(former);
    free(chosen);
    drill_free(&drill);
    return status;
}

const struct command drill_kill = {
    .name = "kill",
    .usage = "ID...",
    .summary = "end these nodes with SIGKILL",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run_kill,
};

const struct command drill_start = {
    .name = "start",
    .usage = "ID...",
    .summary = "start these nodes again; returns when each answers",
    .words_min = 0,
    .words_max = WORDS_GIVEN_MAX,
    .options = start_options,
    .run = run_start,
};
