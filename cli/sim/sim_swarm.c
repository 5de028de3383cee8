/* terrace sim swarm: scenarios drawn from seeds, each in a process of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/sim/sim.h"
#include "node/author/file.h"
#include "sim/swarm/swarm.h"

enum { MINUTES_MAX = 7 * 24 * 60, CPU_S_MAX = 600, SHRINK_MINUTES = 10, TREE_BYTES_MAX = 64 << 20 };

static const struct option_row swarm_options[] = {
    {"seed", "N", "one seed"},
    {"seeds", "A..B", "all seeds from A to B; 1..200 unless given"},
    {"minutes", "N", "begin no seed after N minutes; without --seeds, on and on from 1"},
    {"tree", "CSV", "this whole tree instead of small drawn ones; or a shape, as in 1+3+23+303"},
    {"all", NULL, "go on after a seed that failed"},
    {"quiet", NULL, "tell of failures and the sum alone"},
    {"verbose", NULL, "every line that the nodes write, and what is done to them"},
    {"shrink", NULL, "reduce each seed that failed to a smaller scenario, seed-N.yaml"},
#ifdef TERRACE_PLANTED
    {"planted", "NAME", "with this bug of base/planted.h"},
#endif
    {NULL, NULL, NULL},
};

/* ---- what was asked for ---- */

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
    if (one == NULL && range == NULL) {
        settings->last = settings->until_ms > 0 ? UINT64_MAX : settings->last;
        return ERR_OK;
    }
    if (one == NULL && dots != NULL && read_seed(range, dots, &settings->first) &&
        read_seed(dots + 2, dots + strlen(dots), &settings->last) &&
        settings->first <= settings->last)
        return ERR_OK;
    error_set(error, ERR_USAGE, "sim swarm", "'%s' is no seed and no range of seeds",
              one != NULL ? one : range);
    error_next(error, "as in --seed 17 or --seeds 1..200");
    return ERR_USAGE;
}

static bool load_file(void *context, const char *file, struct buffer *bytes)
{
    return file_read(file, TREE_BYTES_MAX, bytes, context) == ERR_OK;
}

/* A scenario that has the tree and nothing else. NULL: `error` says why; or none was asked for. */
static struct scenario *read_tree(const char *tree, struct error *error)
{
    struct buffer yaml = {0};
    if (tree == NULL)
        return NULL;
    bool shape = strspn(tree, "0123456789+") == strlen(tree);
    buffer_append_span(&yaml, span_of_text(shape ? "tree:\n  shape: '" : "tree:\n  file: '"));
    for (const char *at = tree; *at != '\0'; at++) {
        buffer_append_byte(&yaml, (uint8_t)*at);
        if (*at == '\'')
            buffer_append_byte(&yaml, '\'');
    }
    buffer_append_span(&yaml, span_of_text("'\n"));
    struct scenario *scenario =
        scenario_read(span_of_buffer(&yaml), "--tree", load_file, error, error);
    buffer_free(&yaml);
    return scenario;
}

/* ---- shrinking ---- */

struct shrinking {
    struct swarm_settings *settings;
    FILE *out;
};

static bool write_file(const char *path, const struct buffer *bytes)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    bool written = fwrite(bytes->data, 1, bytes->size, file) == bytes->size;
    return fclose(file) == 0 && written;
}

static void tell_sizes(const struct shrink_sum *sum, FILE *out)
{
    fprintf(out,
            "before: %zu rules, %zu seats, %" PRIu64 " writes, %" PRIu64
            " ms; after %u runs: %zu rules, %zu seats, %" PRIu64 " writes, %" PRIu64 " ms\n",
            sum->rules_before, sum->seats_before, sum->writes_before, sum->lasts_before_ms,
            sum->tries, sum->rules_after, sum->seats_after, sum->writes_after, sum->lasts_after_ms);
}

static void on_failed(void *context, const struct scenario *scenario, const struct trial *trial)
{
    const struct shrinking *shrinking = context;
    FILE *out = shrinking->out;
    struct shrink_settings settings = {
        .until_ms = swarm_clock_ms() + SHRINK_MINUTES * 60 * 1000,
        .cpu_s_max = shrinking->settings->cpu_s_max,
        .out = shrinking->settings->quiet ? NULL : out,
    };
    struct shrink_sum sum;
    struct buffer yaml = {0};
    char path[64];
    struct scenario *smaller = swarm_shrink(scenario, trial, &settings, &sum);
    snprintf(path, sizeof path, "seed-%" PRIu64 ".yaml", scenario->seed);
    snprintf(smaller->name, sizeof smaller->name, "seed-%" PRIu64, scenario->seed);
    scenario_write(smaller, &yaml);
    tell_sizes(&sum, out);
    if (write_file(path, &yaml))
        fprintf(out, "smaller: terrace sim run %s\n", path);
    else
        fprintf(out, "%s can't be written here\n", path);
    buffer_free(&yaml);
    scenario_free(smaller);
}

/* ---- the command ---- */

static void print_sum(const struct swarm_settings *settings, const struct swarm_sum *sum)
{
    json_t *seeds = json_object();
    static const char *const names[OUTCOME_COUNT] = {"held", "violated", "not_converged", "crashed",
                                                     "undecided"};
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        json_object_set_new(seeds, names[i], json_integer((json_int_t)sum->counts[i]));
    print_json(json_pack(
        "{s:I, s:I, s:o, s:s, s:o}", "first", (json_int_t)settings->first, "last",
        (json_int_t)sum->last, "seeds", seeds, "outcome", names[sum->worst], "seed",
        sum->worst == OUTCOME_HELD ? json_null() : json_integer((json_int_t)sum->worst_seed)));
}

static enum error_code read_settings(const struct arguments *arguments,
                                     struct swarm_settings *settings, struct scenario **on,
                                     struct error *error)
{
    uint64_t minutes = 0;
    const char *tree = arguments_value(arguments, "tree");
    if (arguments_number(arguments, "minutes", 1, MINUTES_MAX, &minutes, error) != ERR_OK)
        return error->code;
    settings->until_ms = minutes == 0 ? 0 : swarm_clock_ms() + minutes * 60 * 1000;
    if (read_seeds(arguments, settings, error) != ERR_OK)
        return error->code;
#ifdef TERRACE_PLANTED
    const char *planted = arguments_value(arguments, "planted");
    if (planted != NULL && !planted_choose(planted))
        return error_set(error, ERR_USAGE, "sim swarm", "there is no planted bug %s", planted);
#endif
    *on = read_tree(tree, error);
    settings->on = *on;
    return error->code;
}

static int run_swarm(const struct arguments *arguments, struct error *error)
{
    const char *tree = arguments_value(arguments, "tree");
    char options[512] = "";
    if (tree != NULL)
        snprintf(options, sizeof options, "--tree %s", tree);
    struct swarm_settings settings = {
        .first = 1,
        .last = 200,
        .verbose = arguments_flag(arguments, "verbose"),
        .all = arguments_flag(arguments, "all"),
        .quiet = arguments_flag(arguments, "quiet"),
        .cpu_s_max = CPU_S_MAX,
        .program = "terrace sim swarm",
        .options = options,
    };
    struct shrinking shrinking = {&settings, arguments->json ? stderr : stdout};
    struct scenario *on = NULL;
    struct swarm_sum sum;
    if (read_settings(arguments, &settings, &on, error) != ERR_OK)
        return (int)error_exit_status(error->code);
    if (arguments_flag(arguments, "shrink")) {
        settings.context = &shrinking;
        settings.failed = on_failed;
    }
    swarm_run_all(&settings, shrinking.out, &sum);
    if (arguments->json)
        print_sum(&settings, &sum);
    scenario_free(on);
    return outcome_exit_status(sum.worst);
}

const struct command command_sim_swarm = {
    .name = "swarm",
    .usage = "",
    .summary = "draw scenarios from seeds, live through them, and check what they came to",
    .detail =
        "Each seed draws a tree, work and faults, some off, others far up; lives through them in\n"
        "a process of its own; then everything is healed and must come to rest. What was drawn is\n"
        "printed first, and for a failure the command that brings it back last. Exit status: 0\n"
        "all held, 1 an invariant was broken, 5 something did not come to rest, 6 it crashed, 7\n"
        "undecided; the worst of all seeds.",
    .options = swarm_options,
    .run = run_swarm,
};
