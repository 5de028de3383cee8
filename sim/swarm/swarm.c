/* One seed: a tree, a phase of faults with people writing all the while, then everything is healed
 * and must come to rest as the model says. */
#include "sim/swarm/swarm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/swarm/swarm_parts.h"

enum {
    STEP_MS = 250,
    CHECK_EVERY_STEPS = 40,
    REST_MS_MAX = 300 * 1000, /* virtual time to come to rest in after healing */
    REST_STEP_MS = 2000,
};

/* ---- the tree ---- */

struct names {
    char codes[SWARM_SEATS_MAX][8];
    char tiers[SWARM_TIERS_MAX][8];
    size_t tier[SWARM_SEATS_MAX];
};

/* One seat on each tier first, so that none is empty; then anywhere below anybody. */
static struct county *make_county(struct swarm *swarm)
{
    const struct swarm_options *options = swarm->options;
    struct names names;
    struct county_row rows[SWARM_SEATS_MAX];
    for (size_t tier = 0; tier < options->tiers; tier++)
        snprintf(names.tiers[tier], sizeof names.tiers[tier], "tier%u", (unsigned)(tier % 100));
    for (size_t i = 0; i < options->seats; i++) {
        size_t parent = i < options->tiers ? i - (i > 0) : prng_below(&swarm->prng, i);
        while (i > 0 && names.tier[parent] + 1 >= options->tiers)
            parent = prng_below(&swarm->prng, i);
        names.tier[i] = i < options->tiers ? i
                                           : prng_between(&swarm->prng, names.tier[parent] + 1,
                                                          options->tiers - 1);
        snprintf(names.codes[i], sizeof names.codes[i], "%c%u", (char)('A' + names.tier[i] % 26),
                 (unsigned)(i % 100));
        rows[i] = (struct county_row){names.codes[i], names.tiers[names.tier[i]],
                                      i == 0 ? NULL : names.codes[parent]};
    }
    return county_new(rows, options->seats, options->seed);
}

/* ---- a run ---- */

static void print_lines(void *context, size_t node, struct span lines)
{
    struct model *model = context;
    FILE *out = model->trace;
    const char *at = (const char *)lines.data, *end = at + lines.size;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        fprintf(out, "%8" PRIu64 " %s: %.*s\n", world_now_ms(model->world),
                model->county->seats[node].code, (int)(next - at), at);
        at = next + 1;
    }
}

static void begin(struct swarm *swarm)
{
    const struct swarm_options *options = swarm->options;
    prng_seed(&swarm->prng, options->seed ^ 0x5eed);
    swarm->county = make_county(swarm);
    swarm->model = model_new(swarm->county, swarm->findings);
    swarm->plans = mem_alloc(options->seats * sizeof *swarm->plans);
    swarm->writes_left = options->writes;
    struct world_hooks hooks = model_hooks(swarm->model);
    struct world_options world = options->world;
    world.tracing = swarm->trace != NULL;
    if (world.tracing)
        hooks.lines = print_lines;
    swarm->model->trace = swarm->trace;
    /* A child whose parent has not got its own branch document yet is a stranger to it. What a
     * restored node gets back from one side it may pass on to another that has more: that can't
     * place the second block of it. */
    swarm->model->all_honest = options->inject_permille + world.damage_permille +
                                       world.duplicate_permille + world.gift_subtree_permille ==
                                   0 &&
                               !options->restore && !options->lose;
    swarm->world = world_new(swarm->county, &world, options->seed, &hooks);
    model_watch(swarm->model, swarm->world);
    swarm_faults_plan(swarm);
}

static void end(struct swarm *swarm)
{
    world_free(swarm->world);
    memory_store_free(swarm->image);
    model_free(swarm->model);
    county_free(swarm->county);
    free(swarm->plans);
}

static void fault_phase(struct swarm *swarm)
{
    uint64_t steps = swarm->options->fault_ms / STEP_MS;
    for (uint64_t step = 0; step < steps; step++) {
        swarm_faults_step(swarm, STEP_MS);
        swarm_writes_step(swarm, steps - step - 1);
        world_run_until(swarm->world, world_now_ms(swarm->world) + STEP_MS);
        if (step % CHECK_EVERY_STEPS == CHECK_EVERY_STEPS - 1) {
            check_equal_states(swarm->model);
            check_circles(swarm->model);
        }
    }
}

/* The whole check, on paper of its own: what isn't settled yet may be so later. */
static bool at_rest(struct swarm *swarm, struct findings *last)
{
    findings_clear(last);
    swarm->model->findings = last;
    model_settle(swarm->model);
    check_rest(swarm->model);
    if (last->count == 0)
        check_stores(swarm->model);
    check_totals(swarm->model);
    swarm->model->findings = swarm->findings;
    return last->count == 0;
}

static bool rest_phase(struct swarm *swarm)
{
    const struct replica_tuning *tuning = &swarm->options->world.tuning;
    uint64_t end_ms = world_now_ms(swarm->world) + REST_MS_MAX, pause_ms = 0;
    struct findings last = {0};
    bool rests = false;
    while (!rests && world_now_ms(swarm->world) < end_ms) {
        world_run_until(swarm->world, world_now_ms(swarm->world) + REST_STEP_MS + pause_ms);
        if (!check_streams_level(swarm->model))
            continue;
        rests = at_rest(swarm, &last);
        pause_ms = 2 * pause_ms + tuning->statement_after_data_ms + tuning->report_every_ms;
    }
    if (!rests && last.count == 0)
        at_rest(swarm, &last); /* the streams never got level: say what is missing */
    for (size_t i = 0; i < FINDING_COUNT; i++)
        swarm->findings->counts[i] += last.counts[i];
    swarm->findings->count += last.count;
    buffer_append_span(&swarm->findings->text, span_of_buffer(&last.text));
    findings_clear(&last);
    check_equal_states(swarm->model);
    check_circles(swarm->model);
    return rests;
}

static enum swarm_outcome outcome_of(const struct findings *findings, bool rests)
{
    size_t unsettled = findings->counts[FINDING_WAITING] + findings->counts[FINDING_TOTAL];
    if (findings->count > unsettled)
        return SWARM_VIOLATED;
    return rests && findings->count == 0 ? SWARM_HELD : SWARM_NOT_CONVERGED;
}

enum swarm_outcome swarm_run(const struct swarm_options *options, bool verbose, FILE *out,
                             struct findings *findings)
{
    struct swarm swarm = {.options = options, .findings = findings, .trace = verbose ? out : NULL};
    begin(&swarm);
    fault_phase(&swarm);
    swarm_faults_end(&swarm);
    bool rests = rest_phase(&swarm);
    const struct world_counts *counts = world_counts(swarm.world);
    if (out != NULL)
        fprintf(out,
                "  %zu records, %zu writes; %" PRIu64 " batches, %" PRIu64 " messages, %" PRIu64
                " bytes; %" PRIu64 " cuts, %" PRIu64 " crashes, %" PRIu64
                " failed commits, %" PRIu64 " bad messages; at rest after %" PRIu64 " ms\n",
                swarm.model->record_count, swarm.model->op_count, counts->batches, counts->messages,
                counts->bytes, counts->cuts, counts->crashes, counts->failed_commits,
                counts->injections + counts->damages + counts->duplicates,
                world_now_ms(swarm.world));
    end(&swarm);
    return outcome_of(findings, rests);
}

int swarm_exit_status(enum swarm_outcome outcome)
{
    return outcome == SWARM_HELD       ? EXIT_DONE
           : outcome == SWARM_VIOLATED ? EXIT_FAILED
                                       : EXIT_UNFINISHED;
}

static void tell_failure(const struct swarm_settings *settings, const struct swarm_options *options,
                         enum swarm_outcome outcome, const struct findings *findings, FILE *out)
{
    fprintf(out, "seed %" PRIu64 " %s:\n%.*s", options->seed,
            outcome == SWARM_VIOLATED ? "broke an invariant" : "did not come to rest",
            (int)findings->text.size, (const char *)findings->text.data);
    for (int i = 0; i < FINDING_COUNT; i++) {
        if (findings->counts[i] > 0)
            fprintf(out, "  %zu x %s - %s\n", findings->counts[i], finding_name((enum finding)i),
                    finding_meaning((enum finding)i));
    }
    fprintf(out, "again: %s --seed %" PRIu64 " --verbose\n", settings->program, options->seed);
}

enum swarm_outcome swarm_run_all(const struct swarm_settings *settings, FILE *out)
{
    enum swarm_outcome worst = SWARM_HELD;
    uint64_t done = 0, held = 0;
    for (uint64_t seed = settings->first; seed <= settings->last; seed++) {
        struct swarm_options options;
        struct findings findings = {0};
        swarm_draw(&options, seed);
        if (!settings->quiet)
            swarm_print_options(&options, out);
        fflush(out);
        enum swarm_outcome outcome =
            swarm_run(&options, settings->verbose, settings->quiet ? NULL : out, &findings);
        done++;
        held += outcome == SWARM_HELD;
        if (outcome != SWARM_HELD) {
            if (settings->quiet)
                swarm_print_options(&options, out);
            tell_failure(settings, &options, outcome, &findings, out);
            worst = worst == SWARM_VIOLATED ? worst : outcome;
        }
        findings_clear(&findings);
        if ((outcome != SWARM_HELD && !settings->all) || seed == UINT64_MAX)
            break;
    }
    fprintf(out, "%" PRIu64 " of %" PRIu64 " seeds held\n", held, done);
    return worst;
}
