/* planted NAME SEEDS [FIRST [CELLS]]: with this bug in force, how many seeds of the swarm it takes
 * until one of them doesn't hold, and what was found then. Fails when all hold. `none`: no bug, and
 * all must hold. `planted --list` names them all; `planted --shrink NAME SEEDS` makes the first
 * failure smaller and fails unless what was written of it, read back, still fails alike. CELLS:
 * reports stand in parts of about so many. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "sim/swarm/swarm.h"
#include "tests/sim/open_seeds.h"

enum { CPU_S_MAX = 120, TEXT_MAX = 1500, SHRINK_TRIES_MAX = 600 };

static void tell(const char *name, uint64_t seed, uint64_t seeds, const struct trial *trial)
{
    printf("%s: found by seed %" PRIu64 ", %" PRIu64 " tried:", name, seed, seeds);
    if (trial->outcome == OUTCOME_CRASHED || trial->outcome == OUTCOME_UNDECIDED)
        printf(" %s", outcome_text(trial->outcome));
    for (int i = 0; i < FINDING_COUNT; i++) {
        if (trial->counts[i] > 0)
            printf(" %s", finding_name((enum finding)i));
    }
    size_t size = trial->text.size < TEXT_MAX ? trial->text.size : TEXT_MAX;
    printf("\n%.*s\n", (int)size, (const char *)trial->text.data);
}

struct hunt {
    const char *name;
    uint64_t first, seeds;
    uint32_t part_cells;
    uint64_t took;             /* seeds until one failed; 0: all held */
    struct scenario *scenario; /* that failed; NULL: none */
    struct trial trial;
};

static void hunt(struct hunt *hunt)
{
    const struct trial_settings settings = {.cpu_s_max = CPU_S_MAX};
    for (uint64_t i = 0; i < hunt->seeds && hunt->took == 0; i++) {
        if (seed_is_open(hunt->first + i))
            continue;
        struct scenario *scenario = swarm_draw(hunt->first + i, NULL);
        scenario->world.tuning.report_part_cells = hunt->part_cells;
        trial_run(scenario, &settings, &hunt->trial);
        if (hunt->trial.outcome != OUTCOME_HELD) {
            hunt->took = i + 1;
            hunt->scenario = scenario;
            tell(hunt->name, hunt->first + i, hunt->took, &hunt->trial);
        } else {
            trial_clear(&hunt->trial);
            scenario_free(scenario);
        }
    }
    if (hunt->took == 0)
        printf("%s: %" PRIu64 " seeds held\n", hunt->name, hunt->seeds);
}

/* What a person would do with the file. */
static bool fails_from_file(const struct scenario *smaller, const struct trial *failed)
{
    const struct trial_settings settings = {.cpu_s_max = CPU_S_MAX};
    struct buffer yaml = {0};
    struct error error = {0};
    struct trial trial = {0};
    bool alike = false;
    scenario_write(smaller, &yaml);
    struct scenario *read =
        scenario_read(span_of_buffer(&yaml), "smaller.yaml", NULL, NULL, &error);
    if (read == NULL) {
        printf("%s: %s\n", error.what, error.why);
    } else {
        trial_run(read, &settings, &trial);
        alike = trial_alike(failed, &trial);
        printf("%.*s\nread back: %s\n", (int)yaml.size, (const char *)yaml.data,
               outcome_text(trial.outcome));
        trial_clear(&trial);
    }
    buffer_free(&yaml);
    scenario_free(read);
    return alike;
}

static bool shrink(const struct hunt *found)
{
    struct shrink_settings settings = {
        .tries_max = SHRINK_TRIES_MAX, .cpu_s_max = CPU_S_MAX, .out = stdout};
    struct shrink_sum sum;
    struct scenario *smaller = swarm_shrink(found->scenario, &found->trial, &settings, &sum);
    bool right = fails_from_file(smaller, &found->trial);
    bool less = sum.rules_after < sum.rules_before && sum.writes_after < sum.writes_before &&
                sum.seats_after <= sum.seats_before;
    printf("%u runs: %zu -> %zu rules, %zu -> %zu seats, %" PRIu64 " -> %" PRIu64 " writes\n",
           sum.tries, sum.rules_before, sum.rules_after, sum.seats_before, sum.seats_after,
           sum.writes_before, sum.writes_after);
    scenario_free(smaller);
    return right && less;
}

static int list_all(void)
{
    for (int i = 1; i < PLANTED_COUNT; i++)
        printf("%s\t%s\n", planted_name((enum planted)i), planted_meaning((enum planted)i));
    return 0;
}

int main(int count, char **words)
{
    bool shrinks = count > 1 && strcmp(words[1], "--shrink") == 0;
    if (count == 2 && strcmp(words[1], "--list") == 0)
        return list_all();
    count -= shrinks;
    words += shrinks;
    if (count < 3 || count > 5 || !crypto_start() || !planted_choose(words[1])) {
        fprintf(stderr, "usage: planted [--shrink] NAME SEEDS [FIRST [CELLS]] | planted --list\n");
        return 2;
    }
    struct hunt found = {.name = words[1],
                         .first = count >= 4 ? strtoull(words[3], NULL, 10) : 1,
                         .part_cells = count == 5 ? (uint32_t)strtoul(words[4], NULL, 10) : 0,
                         .seeds = strtoull(words[2], NULL, 10)};
    hunt(&found);
    bool right = (strcmp(words[1], "none") == 0) == (found.took == 0);
    if (shrinks && found.took > 0)
        right = shrink(&found) && right;
    trial_clear(&found.trial);
    scenario_free(found.scenario);
    return right ? 0 : 1;
}
