/* terrace sim swarm: counties and faults drawn from seeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/sim/sim.h"
#include "sim/swarm/swarm.h"

static const struct option_row swarm_options[] = {
    {"seed", "N", "one seed"},
    {"seeds", "A..B", "all seeds from A to B; 1..200 unless given"},
    {"all", NULL, "go on after a seed that failed"},
    {"quiet", NULL, "tell of failures and the sum alone"},
    {"verbose", NULL, "every line that the nodes write"},
    {NULL, NULL, NULL},
};

/* Digits alone, up to `end`. */
static bool read_seed(const char *text, const char *end, uint64_t *seed)
{
    char *stop;
    if (text == end || *text < '0' || *text > '9')
        return false;
    *seed = strtoull(text, &stop, 10);
    return stop == end;
}

static enum error_code read_seeds(const struct arguments *arguments,
                                  struct swarm_settings *settings, struct error *error)
{
    const char *one = arguments_value(arguments, "seed");
    const char *range = arguments_value(arguments, "seeds");
    const char *dots = range == NULL ? NULL : strstr(range, "..");
    if (one != NULL && read_seed(one, one + strlen(one), &settings->first)) {
        settings->last = settings->first;
        return ERR_OK;
    }
    if (one == NULL && range == NULL)
        return ERR_OK;
    if (one == NULL && dots != NULL && read_seed(range, dots, &settings->first) &&
        read_seed(dots + 2, dots + strlen(dots), &settings->last) &&
        settings->first <= settings->last)
        return ERR_OK;
    error_set(error, ERR_USAGE, "sim swarm", "'%s' is no seed and no range of seeds",
              one != NULL ? one : range);
    error_next(error, "as in --seed 17 or --seeds 1..200");
    return ERR_USAGE;
}

static int run_swarm(const struct arguments *arguments, struct error *error)
{
    struct swarm_settings settings = {
        .first = 1,
        .last = 200,
        .verbose = arguments_flag(arguments, "verbose"),
        .all = arguments_flag(arguments, "all"),
        .quiet = arguments_flag(arguments, "quiet"),
        .program = "terrace sim swarm",
    };
    if (read_seeds(arguments, &settings, error) != ERR_OK)
        return EXIT_USAGE;
    enum swarm_outcome outcome = swarm_run_all(&settings, arguments->json ? stderr : stdout);
    if (arguments->json)
        print_json(json_pack("{s:I, s:I, s:s}", "first", (json_int_t)settings.first, "last",
                             (json_int_t)settings.last, "outcome",
                             outcome == SWARM_HELD       ? "held"
                             : outcome == SWARM_VIOLATED ? "violated"
                                                         : "not converged"));
    return swarm_exit_status(outcome);
}

const struct command command_sim_swarm = {
    .name = "swarm",
    .usage = "",
    .summary = "live through histories of faults, heal, and check what they came to",
    .detail = "Each seed draws a tree, faults and writes; prints them first, and on a failure the\n"
              "command that brings it back last. Exit status: 0 all held, 1 an invariant was\n"
              "broken, 5 something did not come to rest.",
    .options = swarm_options,
    .run = run_swarm,
};
