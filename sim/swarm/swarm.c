/* Seeds one after the other; what was drawn, what came of it, how to see it again. */
#include "sim/swarm/swarm.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

uint64_t swarm_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what was drawn ---- */

static size_t indent_of(const char *line)
{
    size_t indent = 0;
    while (line[indent] == ' ')
        indent++;
    return indent;
}

/* The scenario's own YAML without the seats, each part on one line: so it can't leave out what is
 * drawn tomorrow. */
static void print_parts(struct span yaml, FILE *out)
{
    const char *at = (const char *)yaml.data, *end = at + yaml.size;
    bool first = true, in_tree = false;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t indent = indent_of(at), size = (size_t)(next - at);
        if (indent == 0) {
            in_tree = size == 5 && memcmp(at, "tree:", size) == 0;
            fputs(first || in_tree ? "" : "\n", out);
            first = first && in_tree;
        }
        if (!in_tree) {
            fprintf(out,
                    indent == 0         ? "  %.*s"
                    : at[indent] == '-' ? " %.*s"
                                        : " %.*s,",
                    (int)(size - indent), at + indent);
            first = false;
        }
        at = next + 1;
    }
    fputs("\n", out);
}

static size_t tier_count(const struct tree_rule *tree)
{
    size_t count = 0;
    for (size_t i = 0; i < tree->row_count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(tree->rows[i].tier, tree->rows[j].tier) == 0;
        count += !seen;
    }
    return count;
}

void swarm_print(const struct scenario *scenario, FILE *out)
{
    struct buffer yaml = {0};
    fprintf(out, "seed %" PRIu64 ": %zu seats in %zu tiers\n", scenario->seed,
            scenario->tree.row_count, tier_count(&scenario->tree));
    scenario_write(scenario, &yaml);
    print_parts(span_of_buffer(&yaml), out);
    buffer_free(&yaml);
}

/* ---- what came of it ---- */

static void tell_run(const struct trial *trial, FILE *out)
{
    const struct world_counts *counts = &trial->world;
    fprintf(out,
            "  %zu records, %zu writes; %" PRIu64 " batches, %" PRIu64 " messages, %" PRIu64
            " bytes; %" PRIu64 " cuts, %" PRIu64 " crashes, %" PRIu64 " failed commits, %" PRIu64
            " bad messages; at rest after %" PRIu64 " ms; trace %02x%02x%02x%02x\n",
            trial->records, trial->writes, counts->batches, counts->messages, counts->bytes,
            counts->cuts, counts->crashes, counts->failed_commits,
            counts->injections + counts->damages + counts->duplicates, trial->rested_ms,
            trial->trace.bytes[0], trial->trace.bytes[1], trial->trace.bytes[2],
            trial->trace.bytes[3]);
}

static void tell_failure(const struct swarm_settings *settings, const struct scenario *scenario,
                         const struct trial *trial, FILE *out)
{
    fprintf(out, "seed %" PRIu64 " %s:\n%.*s", scenario->seed, outcome_text(trial->outcome),
            (int)trial->text.size, (const char *)trial->text.data);
    for (int i = 0; i < FINDING_COUNT; i++) {
        if (trial->counts[i] > 0)
            fprintf(out, "  %zu x %s - %s\n", trial->counts[i], finding_name((enum finding)i),
                    finding_meaning((enum finding)i));
    }
    fprintf(out, "again: %s --seed %" PRIu64 " --verbose%s%s\n", settings->program, scenario->seed,
            settings->options[0] == '\0' ? "" : " ", settings->options);
    fflush(out);
}

static unsigned badness(enum outcome outcome)
{
    static const unsigned ranks[OUTCOME_COUNT] = {
        [OUTCOME_UNDECIDED] = 1,
        [OUTCOME_NOT_CONVERGED] = 2,
        [OUTCOME_VIOLATED] = 3,
        [OUTCOME_CRASHED] = 4,
    };
    return ranks[outcome];
}

static void count_trial(struct swarm_sum *sum, uint64_t seed, enum outcome outcome)
{
    sum->done++;
    sum->counts[outcome]++;
    sum->last = seed;
    if (badness(outcome) > badness(sum->worst)) {
        sum->worst = outcome;
        sum->worst_seed = seed;
    }
}

/* True: it held. */
static bool live_seed(const struct swarm_settings *settings, uint64_t seed, FILE *out,
                      struct swarm_sum *sum)
{
    struct trial_settings how = {.trace = settings->verbose ? out : NULL,
                                 .cpu_s_max = settings->cpu_s_max};
    struct scenario *scenario = swarm_draw(seed, settings->on);
    struct trial trial;
    if (!settings->quiet)
        swarm_print(scenario, out);
    trial_run(scenario, &how, &trial);
    bool held = trial.outcome == OUTCOME_HELD;
    count_trial(sum, seed, trial.outcome);
    if (!settings->quiet)
        tell_run(&trial, out);
    if (!held && settings->quiet)
        swarm_print(scenario, out);
    if (!held)
        tell_failure(settings, scenario, &trial, out);
    if (!held && settings->failed != NULL)
        settings->failed(settings->context, scenario, &trial);
    trial_clear(&trial);
    scenario_free(scenario);
    return held;
}

void swarm_run_all(const struct swarm_settings *settings, FILE *out, struct swarm_sum *sum)
{
    *sum = (struct swarm_sum){.worst = OUTCOME_HELD};
    for (uint64_t seed = settings->first; seed <= settings->last; seed++) {
        if (settings->until_ms > 0 && sum->done > 0 && swarm_clock_ms() >= settings->until_ms)
            break;
        bool held = live_seed(settings, seed, out, sum);
        if ((!held && !settings->all) || seed == UINT64_MAX)
            break;
    }
    fprintf(out, "%" PRIu64 " of %" PRIu64 " seeds held\n", sum->counts[OUTCOME_HELD], sum->done);
}
