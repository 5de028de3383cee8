/* terrace drill replay: what a scenario does to simulated nodes, done to real processes. */
#include <stdlib.h>
#include <string.h>

#include "cli/drill/act.h"
#include "cli/drill/probe.h"
#include "cli/drill/process.h"
#include "cli/drill/replay_compare.h"
#include "cli/drill/replay_tell.h"
#include "cli/drill/up.h"
#include "cli/print.h"
#include "cli/sim/shipped.h"
#include "sim/swarm/swarm.h"

enum {
    REPLAY_MAP_MIB = 256,
    STILL_MS = 4000, /* level, and nothing has changed for so long: it stays so */
};

static const struct option_row options[] = {
    DRILL_DIR_OPTION,
    {"seed", "N", "another seed than the scenario's"},
    {"anyway", NULL, "also where something that is left out would change the end"},
    {"again", NULL, "play nothing: compare once more what DIR came to"},
    {"keep", NULL, "leave the nodes running"},
    {"wait", "SECONDS", "for all to be level in the end (180 unless given)"},
    {NULL, NULL, NULL},
};

struct replay_command {
    const struct arguments *arguments;
    const char *directory;
    uint64_t wait_ms, began_ms;
    struct scenario *scenario;
    struct replay_schedule *schedule;
    struct drill drill;
    struct guard guard;
    struct replay replay;
    struct error *error;
};

/* ---- before ---- */

/* A number is a seed of the swarm: the scenario that it draws. */
static struct scenario *open_scenario(const char *word, struct error *error)
{
    size_t digits = strspn(word, "0123456789");
    bool is_seed = digits > 0 && digits < 19 && word[digits] == '\0';
    return is_seed ? swarm_draw(strtoull(word, NULL, 10), NULL) : scenario_open(word, error);
}

static enum error_code read_options(struct replay_command *command)
{
    const struct arguments *arguments = command->arguments;
    uint64_t wait_s = REPLAY_LEVEL_MS / 1000;
    command->directory = arguments_value(arguments, "dir");
    if (command->directory == NULL) {
        error_set(command->error, ERR_USAGE, "drill replay", "--dir must be given");
        error_next(command->error, "for example `terrace drill replay half-open-8h --dir DIR`");
        return ERR_USAGE;
    }
    command->scenario = open_scenario(arguments->words[0], command->error);
    if (command->scenario == NULL)
        return command->error->code;
    enum error_code code = arguments_number(arguments, "wait", 1, 86400, &wait_s, command->error);
    command->wait_ms = wait_s * 1000;
    return code == ERR_OK ? arguments_number(arguments, "seed", 0, INT64_MAX,
                                             &command->scenario->seed, command->error)
                          : code;
}

/* Only with --anyway is something played whose end is known to be another. */
static bool may_play(struct replay_command *command)
{
    const struct replay_schedule *schedule = command->schedule;
    const char *why = NULL;
    if (schedule->excused == 0 || arguments_flag(command->arguments, "anyway"))
        return true;
    for (size_t i = 0; i < schedule->record_count && why == NULL; i++)
        why = schedule->records[i].excuse;
    error_set(command->error, ERR_USAGE, command->scenario->name,
              "real processes would come to another end in %zu of %zu records: %s",
              schedule->excused, schedule->record_count, why);
    error_next(command->error,
               "--anyway plays the rest, and asks of those only that all holders agree");
    return false;
}

static void append_row(struct buffer *text, const struct county_row *row)
{
    const char *const cells[] = {row->code, row->code, row->tier,
                                 row->parent == NULL ? "" : row->parent};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        buffer_append(text, i == 0 ? "\"" : ",\"", i == 0 ? 1 : 2);
        buffer_append_span(text, span_of_text(cells[i]));
        buffer_append_byte(text, '"');
    }
    buffer_append_byte(text, '\n');
}

static enum error_code bring_up(struct replay_command *command)
{
    const struct tree_rule *tree = &command->scenario->tree;
    struct buffer text = {0};
    buffer_append_span(&text, span_of_text("code,name,tier,parent\n"));
    for (size_t i = 0; i < tree->row_count; i++)
        append_row(&text, &tree->rows[i]);
    struct make_options make = {
        .tree_file = command->scenario->name,
        .tree_text = span_of_buffer(&text),
        .types_file = "the types of the simulator",
        .types_text = county_types_yaml(),
        .directory = command->directory,
        .map_mib = REPLAY_MAP_MIB,
        .intervals = INTERVALS_DRILL,
        .whole_tree = true, /* simulated nodes are given more or less of it, by lot */
        .quiet = command->arguments->json,
    };
    enum error_code code = up_drill(&make, &command->drill, &command->guard, command->error);
    buffer_free(&text);
    return code;
}

/* ---- after ---- */

static bool all_run(const struct drill *drill)
{
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (!process_alive(drill, i))
            return false;
    }
    return true;
}

/* What differs may still be on its way, until all are level and nothing has changed any more. */
static enum error_code judge(struct replay_command *command, struct replay_result *result,
                             enum replay_verdict *verdict)
{
    uint64_t now_ms = tick_now_ms(), until_ms = now_ms + command->wait_ms, still_ms = now_ms;
    bool moves = all_run(&command->drill);
    struct hash before = {{0}};
    for (;;) {
        bool level = !moves || replay_level(&command->replay, until_ms - now_ms);
        enum error_code code = replay_compare(&command->replay, result, command->error);
        now_ms = tick_now_ms();
        *verdict = result->all.differing == 0 ? REPLAY_EQUAL
                   : level                    ? REPLAY_DIFFERS
                                              : REPLAY_NOT_LEVEL;
        if (!level || !hash_equal(&before, &result->real))
            still_ms = now_ms;
        if (code != ERR_OK || *verdict == REPLAY_EQUAL || !moves || now_ms >= until_ms ||
            (level && now_ms - still_ms >= STILL_MS))
            return code;
        before = result->real;
        replay_result_free(result);
        probe_pause();
    }
}

static int conclude(struct replay_command *command)
{
    struct replay_result result = {0};
    enum replay_verdict verdict = REPLAY_NOT_LEVEL;
    int status = EXIT_FAILED;
    if (judge(command, &result, &verdict) == ERR_OK) {
        struct replay_told told = {
            .scenario = command->scenario,
            .replay = &command->replay,
            .result = &result,
            .verdict = verdict,
            .duration_ms = tick_now_ms() - command->began_ms,
        };
        if (command->arguments->json)
            print_json(replay_told_json(&told));
        else
            replay_told_print(&told, stdout);
        status = replay_exit_status(verdict);
    }
    replay_result_free(&result);
    return status;
}

static enum error_code take_down(struct replay_command *command)
{
    size_t forced = 0;
    if (arguments_flag(command->arguments, "keep"))
        return ERR_OK;
    struct error error = {0};
    return act_down(&command->drill, true, &forced, &error);
}

/* Nothing stands still behind the back of one who looks at it later. */
static void kill_paused(struct replay_command *command)
{
    bool *paused = command->replay.paused;
    struct error error;
    act_kill(&command->drill, paused, &error);
}

/* ---- the two ways ---- */

static int play(struct replay_command *command)
{
    int status = EXIT_FAILED;
    if (!may_play(command))
        return EXIT_USAGE;
    if (!command->arguments->json)
        replay_left_out_print(command->schedule, stdout);
    if (bring_up(command) != ERR_OK)
        return EXIT_FAILED;
    struct replay *replay = &command->replay;
    replay_begin(replay, command->schedule, &command->drill, command->arguments->json);
    if (replay_play(replay, command->error) == ERR_OK &&
        replay_save(replay, command->error) == ERR_OK)
        status = conclude(command);
    kill_paused(command);
    if (take_down(command) != ERR_OK)
        print_note("some nodes of %s still run: `terrace drill down --dir %s` ends them",
                   command->directory, command->directory);
    replay_end(replay);
    guard_end(&command->guard);
    drill_free(&command->drill);
    return status;
}

static int compare_again(struct replay_command *command)
{
    int status = EXIT_FAILED;
    if (drill_open(command->directory, true, &command->drill, command->error) != ERR_OK)
        return status;
    replay_begin(&command->replay, command->schedule, &command->drill, command->arguments->json);
    if (replay_load(&command->replay, command->error) == ERR_OK)
        status = conclude(command);
    replay_end(&command->replay);
    drill_free(&command->drill);
    return status;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct replay_command command = {
        .arguments = arguments, .error = error, .began_ms = tick_now_ms()};
    int status = EXIT_FAILED;
    if (read_options(&command) == ERR_OK) {
        command.schedule = replay_schedule_new(command.scenario, error);
        if (command.schedule != NULL)
            status = arguments_flag(arguments, "again") ? compare_again(&command) : play(&command);
    }
    replay_schedule_free(command.schedule);
    scenario_free(command.scenario);
    return status;
}

const struct command drill_replay = {
    .name = "replay",
    .usage = "FILE|NAME|SEED",
    .summary = "a scenario of the simulator against real processes: do both come to one end?",
    .detail =
        "The scenario is a file, a shipped one (`terrace sim list`), or what the swarm draws from "
        "a\n"
        "seed. The simulator lives through it first. Then a node is started in DIR for each\n"
        "seat, and what people wrote and what went wrong is done to these processes in the same\n"
        "order, without the pauses: cuts, kills, pauses, disks put back or emptied. What real\n"
        "processes can't be given is named. In the end the records of every seat are compared\n"
        "with the simulated ones. Exit status: 0 the same; 1 something differs, and is named;\n"
        "2 the end would be another (see --anyway); 5 the nodes did not become level in time.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
