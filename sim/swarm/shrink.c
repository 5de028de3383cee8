/* Delta debugging over a scenario: whatever can be taken away such that it still fails alike is.
 *
 *     rules in chunks, from all of a kind down to one (Zeller, Hildebrandt: Simplifying and
 *     isolating failure-inducing input, 2002), seats with all below them, then times and totals by
 *     halves, then parameters to what is usual; again from the front until nothing goes any more.
 *
 * What is taken away shifts every draw behind it, so a smaller scenario may hold by chance: each is
 * tried with a few seeds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/swarm/swarm.h"

enum { TRIES_MAX = 3000, SEEDS_EACH = 3 };

struct shrinking {
    const struct shrink_settings *settings;
    const struct trial *failed;
    struct scenario *best;
    struct shrink_sum *sum;
    unsigned tries_max;
    bool any; /* something went in this round */
};

static bool is_over(const struct shrinking *shrinking)
{
    const struct shrink_settings *settings = shrinking->settings;
    return shrinking->sum->tries >= shrinking->tries_max ||
           (settings->until_ms > 0 && swarm_clock_ms() >= settings->until_ms);
}

/* Takes the candidate over: it is the best now, or it is freed. */
static bool try_it(struct shrinking *shrinking, struct scenario *candidate)
{
    struct trial_settings how = {.cpu_s_max = shrinking->settings->cpu_s_max};
    bool alike = false;
    uint64_t seed = candidate->seed;
    for (unsigned i = 0; i < SEEDS_EACH && !alike && !is_over(shrinking); i++) {
        struct trial trial;
        candidate->seed = seed + i;
        shrinking->sum->tries++;
        trial_run(candidate, &how, &trial);
        alike = trial_alike(shrinking->failed, &trial);
        trial_clear(&trial);
    }
    if (!alike) {
        scenario_free(candidate);
        return false;
    }
    scenario_free(shrinking->best);
    shrinking->best = candidate;
    shrinking->any = true;
    return true;
}

/* ---- rules ---- */

enum rules { RULES_FAULTS, RULES_LINKS, RULES_WORKS, RULES_EXPECTATIONS, RULES_KINDS };

struct rule_list { /* of a scenario: any of its four */
    void **at;
    size_t *count, size, who; /* size of a rule, place of its selector */
};

static struct rule_list rules_of(struct scenario *scenario, enum rules kind)
{
    switch (kind) {
    case RULES_LINKS:
        return (struct rule_list){(void **)&scenario->links, &scenario->link_count,
                                  sizeof *scenario->links, offsetof(struct link_rule, who)};
    case RULES_WORKS:
        return (struct rule_list){(void **)&scenario->works, &scenario->work_count,
                                  sizeof *scenario->works, offsetof(struct work, who)};
    case RULES_EXPECTATIONS:
        return (struct rule_list){(void **)&scenario->expectations, &scenario->expectation_count,
                                  sizeof *scenario->expectations,
                                  offsetof(struct expectation, who)};
    case RULES_FAULTS:
    case RULES_KINDS: break;
    }
    return (struct rule_list){(void **)&scenario->faults, &scenario->fault_count,
                              sizeof *scenario->faults, offsetof(struct fault, who)};
}

static void remove_rules(struct scenario *scenario, enum rules kind, size_t first, size_t count)
{
    struct rule_list list = rules_of(scenario, kind);
    uint8_t *bytes = *list.at;
    for (size_t i = first; i < first + count; i++)
        free(((struct selector *)(void *)(bytes + i * list.size + list.who))->seats);
    memmove(bytes + first * list.size, bytes + (first + count) * list.size,
            (*list.count - first - count) * list.size);
    *list.count -= count;
}

static void shrink_rules(struct shrinking *shrinking, enum rules kind)
{
    size_t chunk = *rules_of(shrinking->best, kind).count;
    for (; chunk > 0; chunk /= 2) {
        size_t at = 0;
        while (at < *rules_of(shrinking->best, kind).count && !is_over(shrinking)) {
            size_t count = *rules_of(shrinking->best, kind).count - at;
            struct scenario *candidate = scenario_copy(shrinking->best);
            count = count < chunk ? count : chunk;
            remove_rules(candidate, kind, at, count);
            if (!try_it(shrinking, candidate))
                at += count;
        }
    }
}

/* ---- seats ---- */

static size_t row_of(const struct tree_rule *tree, const char *code)
{
    size_t row = 0;
    while (row < tree->row_count && strcmp(tree->rows[row].code, code) != 0)
        row++;
    return row;
}

static bool is_below(const struct tree_rule *tree, size_t row, const char *code)
{
    while (strcmp(tree->rows[row].code, code) != 0) {
        if (tree->rows[row].parent == NULL)
            return false;
        row = row_of(tree, tree->rows[row].parent);
    }
    return true;
}

/* Names of seats that are gone leave the rules; a rule that named no others goes too. */
static void forget_seats(struct scenario *scenario, enum rules kind)
{
    struct rule_list list = rules_of(scenario, kind);
    for (size_t i = *list.count; i-- > 0;) {
        uint8_t *bytes = *list.at;
        struct selector *who = (struct selector *)(void *)(bytes + i * list.size + list.who);
        size_t kept = 0;
        bool named = who->seat_count > 0;
        for (size_t k = 0; k < who->seat_count; k++) {
            if (row_of(&scenario->tree, who->seats[k]) < scenario->tree.row_count)
                memmove(who->seats[kept++], who->seats[k], sizeof *who->seats);
        }
        who->seat_count = kept;
        bool under =
            who->under[0] == '\0' || row_of(&scenario->tree, who->under) < scenario->tree.row_count;
        const char *to =
            kind == RULES_FAULTS ? ((struct fault *)(void *)(bytes + i * list.size))->to : "";
        bool goes = to[0] == '\0' || row_of(&scenario->tree, to) < scenario->tree.row_count;
        if ((named && kept == 0) || !under || !goes)
            remove_rules(scenario, kind, i, 1);
    }
}

/* Without one seat and all below it, or (`raise`) with what is below it one step higher. */
static struct scenario *without_seat(const struct scenario *from, size_t row, bool raise)
{
    struct scenario *candidate = scenario_copy(from);
    struct tree_rule old = candidate->tree;
    const char *code = old.rows[row].code, *above = old.rows[row].parent;
    candidate->tree = (struct tree_rule){.file = NULL};
    for (size_t i = 0; i < old.row_count; i++) {
        const char *parent = old.rows[i].parent;
        if (i == row || (!raise && is_below(&old, i, code)))
            continue;
        if (parent != NULL && strcmp(parent, code) == 0)
            parent = above;
        scenario_add_seat(candidate, old.rows[i].code, old.rows[i].tier, parent);
        candidate->tree.rows[candidate->tree.row_count - 1].later = old.rows[i].later;
    }
    for (size_t i = 0; i < candidate->tree.row_count; i++) {
        const char *fallback = old.rows[row_of(&old, candidate->tree.rows[i].code)].fallback;
        const char *parent = candidate->tree.rows[i].parent;
        if (fallback != NULL && parent != NULL && strcmp(fallback, parent) != 0 &&
            row_of(&candidate->tree, fallback) < candidate->tree.row_count)
            scenario_set_fallback(candidate, i, span_of_text(fallback));
    }
    free(old.file);
    free(old.shape);
    free(old.tiers);
    free(old.rows);
    free(old.texts);
    free(old.names);
    free(old.fallbacks);
    for (int kind = 0; kind < RULES_KINDS; kind++)
        forget_seats(candidate, (enum rules)kind);
    return candidate;
}

/* What lies below a seat is left to be tried by itself, so branches go first and leaves last. */
static void shrink_seats(struct shrinking *shrinking)
{
    for (unsigned raise = 0; raise < 2; raise++) {
        for (size_t row = 0; row < shrinking->best->tree.row_count && !is_over(shrinking);) {
            bool root = shrinking->best->tree.rows[row].parent == NULL;
            if (root || !try_it(shrinking, without_seat(shrinking->best, row, raise == 1)))
                row++;
        }
    }
}

/* Whoever comes later is there from the beginning, and needs no admission. */
static struct scenario *there_at_once(const struct scenario *from, size_t row)
{
    struct scenario *candidate = scenario_copy(from);
    const char *code = candidate->tree.rows[row].code;
    candidate->tree.rows[row].later = false;
    for (size_t i = candidate->fault_count; i-- > 0;) {
        const struct fault *fault = &candidate->faults[i];
        if (fault->kind == FAULT_ADMIT && fault->who.seat_count == 1 &&
            strcmp(fault->who.seats[0], code) == 0)
            remove_rules(candidate, RULES_FAULTS, i, 1);
    }
    return candidate;
}

static bool comes_later(const struct tree_rule *tree, size_t row)
{
    const char *parent = tree->rows[row].parent;
    return tree->rows[row].later && parent != NULL && !tree->rows[row_of(tree, parent)].later;
}

static void shrink_admissions(struct shrinking *shrinking)
{
    for (size_t row = 0; row < shrinking->best->tree.row_count && !is_over(shrinking); row++) {
        if (comes_later(&shrinking->best->tree, row))
            try_it(shrinking, there_at_once(shrinking->best, row));
    }
}

/* ---- numbers ---- */

/* A number of the candidate by its place; 0 when there is no such place. */
typedef uint64_t *(*number_at)(struct scenario *scenario, size_t place);

/* Not the time to come to rest in: whatever has none does not come to rest. */
static uint64_t *time_at(struct scenario *scenario, size_t place)
{
    size_t fault = (place - 1) / 3;
    if (place == 0)
        return &scenario->lasts_ms;
    if (fault >= scenario->fault_count)
        return NULL;
    struct occasion *when = &scenario->faults[fault].when;
    return (place - 1) % 3 == 0   ? &when->lasts.high
           : (place - 1) % 3 == 1 ? &when->at.high
                                  : &when->every.high;
}

static uint64_t *amount_at(struct scenario *scenario, size_t place)
{
    size_t work = place / 3;
    if (work >= scenario->work_count)
        return NULL;
    return place % 3 == 0   ? &scenario->works[work].total
           : place % 3 == 1 ? &scenario->works[work].per_day.high
                            : &scenario->works[work].bytes.high;
}

static void keep_ranges_sound(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->fault_count; i++) {
        struct range *ranges[] = {&scenario->faults[i].when.lasts, &scenario->faults[i].when.at,
                                  &scenario->faults[i].when.every};
        for (size_t k = 0; k < 3; k++)
            ranges[k]->low = ranges[k]->low < ranges[k]->high ? ranges[k]->low : ranges[k]->high;
    }
    for (size_t i = 0; i < scenario->work_count; i++) {
        struct range *ranges[] = {&scenario->works[i].per_day, &scenario->works[i].bytes};
        for (size_t k = 0; k < 2; k++)
            ranges[k]->low = ranges[k]->low < ranges[k]->high ? ranges[k]->low : ranges[k]->high;
    }
}

static void shrink_numbers(struct shrinking *shrinking, number_at number)
{
    for (size_t place = 0; number(shrinking->best, place) != NULL && !is_over(shrinking);) {
        struct scenario *candidate = scenario_copy(shrinking->best);
        uint64_t *value = number(candidate, place);
        *value /= 2;
        keep_ranges_sound(candidate);
        if (*value == 0 || *value >= *number(shrinking->best, place)) {
            scenario_free(candidate);
            place++;
        } else if (!try_it(shrinking, candidate)) {
            place++;
        }
    }
}

/* ---- parameters ---- */

static void usual_link(struct scenario *scenario, const struct scenario *usual)
{
    scenario->link = usual->link;
}

static void sound_link(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    scenario->link.loss_permille = scenario->link.corrupt_permille = 0;
    scenario->link.damage_permille = scenario->link.duplicate_permille = 0;
}

static void calm_link(struct scenario *scenario, const struct scenario *usual)
{
    scenario->link.latency_ms = usual->link.latency_ms;
    scenario->link.jitter_ms = usual->link.jitter_ms;
    scenario->link.rate_bytes_s = 0;
    scenario->link.overtaking = false;
}

static void usual_disk(struct scenario *scenario, const struct scenario *usual)
{
    scenario->disk = usual->disk;
}

static void usual_world(struct scenario *scenario, const struct scenario *usual)
{
    struct replica_tuning tuning = scenario->world.tuning;
    scenario->world = usual->world;
    scenario->world.tuning = tuning;
}

static void usual_tuning(struct scenario *scenario, const struct scenario *usual)
{
    scenario->world.tuning = usual->world.tuning;
}

static void no_gifts(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    scenario->world.gift_types_permille = scenario->world.gift_subtree_permille = 0;
}

static void whole_streams(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    scenario->world.tuning.stream_entries_max = scenario->world.tuning.block_entries = 0;
    scenario->world.tuning.credit_bytes = scenario->world.tuning.credit_entries = 0;
}

static void no_changes(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    for (size_t i = 0; i < scenario->work_count; i++)
        scenario->works[i].set_percent = scenario->works[i].delete_percent =
            scenario->works[i].erase_percent = scenario->works[i].extend_percent = 0;
}

static void no_deletions(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    for (size_t i = 0; i < scenario->work_count; i++)
        scenario->works[i].delete_percent = 0;
}

static void no_extensions(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    for (size_t i = 0; i < scenario->work_count; i++)
        scenario->works[i].extend_percent = 0;
}

static void no_bursts(struct scenario *scenario, const struct scenario *usual)
{
    (void)usual;
    for (size_t i = 0; i < scenario->work_count; i++)
        scenario->works[i].burst_max = 1;
}

/* One after the other; what changes nothing isn't tried. */
static void shrink_parameters(struct shrinking *shrinking)
{
    static void (*const changes[])(struct scenario *, const struct scenario *) = {
        usual_link, sound_link,    calm_link,  usual_disk,   usual_world, usual_tuning,
        no_gifts,   whole_streams, no_changes, no_deletions, no_bursts,   no_extensions,
    };
    struct scenario usual;
    scenario_usual(&usual);
    for (size_t i = 0; i < sizeof changes / sizeof *changes && !is_over(shrinking); i++) {
        struct buffer before = {0}, after = {0};
        struct scenario *candidate = scenario_copy(shrinking->best);
        changes[i](candidate, &usual);
        scenario_write(shrinking->best, &before);
        scenario_write(candidate, &after);
        if (span_equal(span_of_buffer(&before), span_of_buffer(&after)))
            scenario_free(candidate);
        else
            try_it(shrinking, candidate);
        buffer_free(&before);
        buffer_free(&after);
    }
}

/* ---- all of it ---- */

static size_t rule_count(const struct scenario *scenario)
{
    return scenario->fault_count + scenario->link_count + scenario->work_count +
           scenario->expectation_count;
}

static uint64_t total_of(const struct scenario *scenario)
{
    uint64_t total = 0;
    for (size_t i = 0; i < scenario->work_count; i++)
        total += scenario->works[i].total;
    return total;
}

static void shrink_round(struct shrinking *shrinking)
{
    shrinking->any = false;
    shrink_rules(shrinking, RULES_FAULTS);
    shrink_rules(shrinking, RULES_WORKS);
    shrink_seats(shrinking);
    shrink_admissions(shrinking);
    shrink_rules(shrinking, RULES_LINKS);
    shrink_rules(shrinking, RULES_EXPECTATIONS);
    shrink_numbers(shrinking, amount_at);
    shrink_numbers(shrinking, time_at);
    shrink_parameters(shrinking);
}

struct scenario *swarm_shrink(const struct scenario *from, const struct trial *failed,
                              const struct shrink_settings *settings, struct shrink_sum *sum)
{
    struct shrinking shrinking = {
        .settings = settings,
        .failed = failed,
        .best = scenario_copy(from),
        .sum = sum,
        .tries_max = settings->tries_max == 0 ? TRIES_MAX : settings->tries_max,
        .any = true,
    };
    *sum = (struct shrink_sum){
        .rules_before = rule_count(from),
        .seats_before = from->tree.row_count,
        .writes_before = total_of(from),
        .lasts_before_ms = from->lasts_ms,
    };
    while (shrinking.any && !is_over(&shrinking)) {
        shrink_round(&shrinking);
        const struct scenario *best = shrinking.best;
        sum->rules_after = rule_count(best);
        sum->seats_after = best->tree.row_count;
        sum->writes_after = total_of(best);
        sum->lasts_after_ms = best->lasts_ms;
        if (settings->out != NULL)
            fprintf(settings->out,
                    "  %u runs: %zu rules, %zu seats, %" PRIu64 " writes, %" PRIu64 " ms\n",
                    sum->tries, sum->rules_after, sum->seats_after, sum->writes_after,
                    sum->lasts_after_ms);
    }
    return shrinking.best;
}
