/* A world and its model are made, then what is planned is done at its time, then all is healed. */
#include "sim/run/run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/run/cost.h"
#include "sim/run/run_parts.h"

enum {
    SLICE_MS = 60 * 1000,
    SLICE_MS_FRAIL = 1000, /* so long a node that has ended by itself may wait to be seen */
    START_MS_MAX = 500,
    CHECK_MS_MIN = 10 * 1000,
    CHECKS = 8, /* sweeps over everything, in a whole scenario */
    SAMPLES = 500,
    PRNG_SALT = 0x5eed,
};

static const char *const outcome_texts[OUTCOME_COUNT] = {
#define X(name, text, status) text,
    OUTCOME_LIST(X)
#undef X
};
static const int outcome_statuses[OUTCOME_COUNT] = {
#define X(name, text, status) status,
    OUTCOME_LIST(X)
#undef X
};

const char *outcome_text(enum outcome outcome)
{
    return outcome_texts[outcome];
}

int outcome_exit_status(enum outcome outcome)
{
    return outcome_statuses[outcome];
}

uint64_t run_now(const struct run *run)
{
    return run->world == NULL ? 0 : world_now_ms(run->world);
}

uint64_t run_draw(struct run *run, struct range range)
{
    return range.high <= range.low ? range.low : prng_between(&run->prng, range.low, range.high);
}

void run_moment(const struct run *run, enum moment_kind kind, size_t node, const char *text)
{
    const struct run_watcher *watcher = run->options->watcher;
    if (watcher != NULL && watcher->moment != NULL)
        watcher->moment(watcher->context, run_now(run), kind, node, text);
}

bool run_has_parent(const struct run *run, size_t seat)
{
    return run->county->seats[seat].parent != seat;
}

static uint64_t cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* ---- whom the rules mean ---- */

static bool is_of_link(const struct fault *fault)
{
    return fault->kind == FAULT_CUT || fault->kind == FAULT_HALF_OPEN ||
           fault->kind == FAULT_LINK || fault->kind == FAULT_INJECT || fault->kind == FAULT_CLONE ||
           (fault->kind >= FAULT_ADMIT && fault->kind != FAULT_EMERGENCY);
}

static void find_candidates(const struct run *run, const struct selector *who, bool of_links,
                            struct candidates *candidates)
{
    candidates->seats = mem_alloc((run->county->seat_count + 1) * sizeof *candidates->seats);
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        if ((!of_links || run_has_parent(run, seat)) &&
            selector_takes(who, run->scenario, run->county, seat))
            candidates->seats[candidates->count++] = seat;
    }
}

static enum error_code nobody(const struct candidates *candidates, const char *what, size_t rule,
                              struct error *error)
{
    if (candidates->count > 0)
        return ERR_OK;
    error_set(error, ERR_INVALID, what, "number %zu of the list selects no seat of this tree",
              rule + 1);
    error_next(error, "look at its 'tier', 'under' and 'seats'; a fault of a link needs a seat "
                      "with a parent");
    return ERR_INVALID;
}

static enum error_code find_all(struct run *run, struct error *error)
{
    const struct scenario *scenario = run->scenario;
    enum error_code code = ERR_OK;
    run->fault_seats = mem_alloc((scenario->fault_count + 1) * sizeof *run->fault_seats);
    run->work_seats = mem_alloc((scenario->work_count + 1) * sizeof *run->work_seats);
    run->expectation_seats =
        mem_alloc((scenario->expectation_count + 1) * sizeof *run->expectation_seats);
    for (size_t i = 0; i < scenario->fault_count && code == ERR_OK; i++) {
        find_candidates(run, &scenario->faults[i].who, is_of_link(&scenario->faults[i]),
                        &run->fault_seats[i]);
        code = nobody(&run->fault_seats[i], "faults", i, error);
    }
    for (size_t i = 0; i < scenario->work_count && code == ERR_OK; i++) {
        find_candidates(run, &scenario->works[i].who, false, &run->work_seats[i]);
        code = nobody(&run->work_seats[i], "work", i, error);
    }
    for (size_t i = 0; i < scenario->expectation_count && code == ERR_OK; i++) {
        enum expectation_kind kind = scenario->expectations[i].kind;
        find_candidates(run, &scenario->expectations[i].who,
                        kind == EXPECTATION_BACKLOG || kind == EXPECTATION_BYTES,
                        &run->expectation_seats[i]);
        code = nobody(&run->expectation_seats[i], "expect", i, error);
    }
    return code;
}

static void free_candidates(struct candidates *candidates, size_t count)
{
    for (size_t i = 0; candidates != NULL && i < count; i++)
        free(candidates[i].seats);
    free(candidates);
}

/* ---- from the beginning to the end ---- */

static bool disk_cheats(const struct disk_profile *disk)
{
    return disk->lies || disk->tears || disk->unreadable_permille > 0;
}

static bool link_spoils(const struct link_profile *link)
{
    return link->damage_permille + link->duplicate_permille + link->corrupt_permille > 0;
}

static bool steps_are_honest(const struct step_list *list)
{
    bool honest = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct step *step = &list->steps[i];
        honest = honest && step->kind != STEP_RESTORE && step->kind != STEP_WIPE &&
                 step->kind != STEP_CLONE && step->kind != STEP_CONDUCT &&
                 step->kind != STEP_INJECT && step->kind != STEP_STICK;
        for (size_t member = 0; member < step->member_count; member++)
            honest = honest && steps_are_honest(&step->members[member]);
    }
    return honest;
}

/* Whether nothing bad is on any link, so that nobody may be refused. A child whose parent has not
 * got its own branch document yet is a stranger to it. What a restored node gets back from one side
 * it may pass on to another that has more: that can't place the second block of it. */
static bool is_honest(const struct scenario *scenario)
{
    bool honest = !scenario->injects_expected && scenario->world.gift_subtree_permille == 0 &&
                  !disk_cheats(&scenario->disk) && !link_spoils(&scenario->link);
    for (size_t i = 0; i < scenario->link_count; i++)
        honest = honest && !link_spoils(&scenario->links[i].profile);
    for (size_t i = 0; i < scenario->fault_count; i++) {
        const struct fault *fault = &scenario->faults[i];
        honest = honest && fault->kind != FAULT_WIPE && fault->kind != FAULT_RESTORE &&
                 fault->kind != FAULT_CLONE && fault->kind != FAULT_CONDUCT &&
                 fault->kind != FAULT_INJECT && !link_spoils(&fault->link) &&
                 !disk_cheats(&fault->disk) &&
                 !(fault->kind == FAULT_POINT && fault->point == FAULT_POINT_UNREADABLE_ROW);
    }
    return honest && steps_are_honest(&scenario->steps);
}

static bool steps_are_frail(const struct step_list *list)
{
    bool frail = false;
    for (size_t i = 0; i < list->count; i++) {
        const struct step *step = &list->steps[i];
        frail = frail || step->kind == STEP_POINT || step->kind == STEP_DISK;
        for (size_t member = 0; member < step->member_count; member++)
            frail = frail || steps_are_frail(&step->members[member]);
    }
    return frail;
}

/* Whether nodes may end by themselves. */
static bool is_frail(const struct scenario *scenario)
{
    bool frail = disk_cheats(&scenario->disk) || steps_are_frail(&scenario->steps);
    for (size_t i = 0; i < scenario->fault_count; i++)
        frail = frail || scenario->faults[i].kind == FAULT_POINT ||
                disk_cheats(&scenario->faults[i].disk);
    return frail;
}

static void set_profiles(struct run *run)
{
    const struct scenario *scenario = run->scenario;
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        run->seats[seat].link = scenario->link;
        run->seats[seat].clone = SIZE_MAX;
        for (size_t i = 0; i < scenario->link_count; i++) {
            if (selector_takes(&scenario->links[i].who, scenario, run->county, seat))
                run->seats[seat].link = scenario->links[i].profile;
        }
        if (run_has_parent(run, seat))
            world_set_link(run->world, seat, &run->seats[seat].link);
        else
            run->root = seat;
        world_set_disk(run->world, seat, &scenario->disk);
    }
}

static bool signs(const struct step_list *list)
{
    bool found = false;
    for (size_t i = 0; i < list->count; i++) {
        const struct step *step = &list->steps[i];
        found = found || step->kind == STEP_SIGN || step->kind == STEP_EXTEND ||
                (step->kind == STEP_DO && step->to[0] != '\0');
        for (size_t member = 0; member < step->member_count; member++)
            found = found || signs(&step->members[member]);
    }
    return found;
}

/* Whether the tree, or who holds a record, is another in the end. */
static bool changes_tree(const struct scenario *scenario)
{
    bool found = scenario->deadlines || signs(&scenario->steps);
    for (size_t i = 0; i < scenario->tree.row_count; i++)
        found = found || scenario->tree.rows[i].later;
    for (size_t i = 0; i < scenario->fault_count; i++)
        found = found || scenario->faults[i].kind >= FAULT_ADMIT;
    for (size_t i = 0; i < scenario->work_count; i++)
        found = found || scenario->works[i].extend_percent > 0;
    return found;
}

static void make_world(struct run *run)
{
    const struct scenario *scenario = run->scenario;
    struct world_options options = scenario->world;
    options.tracing = run->options->tracing;
    options.wall_ms = scenario->begins_wall_ms;
    run->seats = mem_alloc(run->county->seat_count * sizeof *run->seats);
    run->worst = mem_alloc((scenario->expectation_count + 1) * sizeof *run->worst);
    if (!run->options->unchecked) {
        run->model = model_new(run->county, &run->result->findings);
        run->model->all_honest = is_honest(scenario);
        run->model->changing = changes_tree(scenario);
        run->model_hooks = model_hooks(run->model);
    }
    struct world_hooks hooks = run_hooks(run);
    run->world = world_new(run->county, &options, scenario->seed, &hooks);
    if (run->model != NULL)
        model_watch(run->model, run->world);
    set_profiles(run);
}

static uint64_t sample_ms(const struct run *run)
{
    const struct run_watcher *watcher = run->options->watcher;
    uint64_t wanted = watcher == NULL ? 0 : watcher->sample_ms;
    uint64_t usual = run->scenario->lasts_ms / SAMPLES;
    return wanted > 0 ? wanted : usual > 0 ? usual : 1;
}

static uint64_t check_ms(const struct run *run)
{
    uint64_t usual = run->scenario->lasts_ms / CHECKS;
    return usual > CHECK_MS_MIN ? usual : CHECK_MS_MIN;
}

static void sample(struct run *run)
{
    const struct run_watcher *watcher = run->options->watcher;
    expectations_sample(run);
    if (watcher != NULL && watcher->sample != NULL) {
        COST_HERE(COST_WATCH);
        watcher->sample(watcher->context, run_now(run), run->world, run->model);
    }
}

static void plan_again(struct run *run, enum planned_kind kind, uint64_t after_ms)
{
    struct planned planned = {.at_ms = run_now(run) + after_ms, .kind = kind};
    plan_add(&run->plan, &planned);
}

static void do_planned(struct run *run, const struct planned *planned)
{
    switch (planned->kind) {
    case PLANNED_START: run_start(run, planned->seat); break;
    case PLANNED_STRIKE: strikes_draw(run, planned); break;
    case PLANNED_BLOW: strikes_blow(run, planned->strike); break;
    case PLANNED_END: strikes_end(run, planned->strike); break;
    case PLANNED_DAY: works_day(run, planned); break;
    case PLANNED_WRITE: works_write(run, planned); break;
    case PLANNED_TELL: run_tell(run, planned->seat, planned->rule, 1); break;
    case PLANNED_LOOK: expectations_look(run); break;
    case PLANNED_SAMPLE:
        sample(run);
        plan_again(run, PLANNED_SAMPLE, sample_ms(run));
        break;
    case PLANNED_CHECK:
        run_check_live(run);
        plan_again(run, PLANNED_CHECK, check_ms(run));
        break;
    }
}

static bool out_of_time(struct run *run)
{
    uint64_t most = run->options->cpu_ms_max;
    run->over = run->over || (most > 0 && (cpu_us() - run->cpu_began_us) / 1000 > most);
    return run->over;
}

void run_until(struct run *run, uint64_t until_ms)
{
    while (run_now(run) < until_ms && !out_of_time(run)) {
        const struct planned *next = plan_next(&run->plan);
        uint64_t slice = run->frail ? SLICE_MS_FRAIL : SLICE_MS;
        uint64_t to = run_now(run) + slice < until_ms ? run_now(run) + slice : until_ms;
        if (next != NULL && next->at_ms < to)
            to = next->at_ms;
        if (to > run_now(run))
            world_run_until(run->world, to);
        run_supervise(run);
        struct planned planned;
        while ((next = plan_next(&run->plan)) != NULL && next->at_ms <= run_now(run) &&
               plan_take(&run->plan, &planned))
            do_planned(run, &planned);
    }
}

static void begin(struct run *run)
{
    const struct scenario *scenario = run->scenario;
    prng_seed(&run->prng, scenario->seed ^ PRNG_SALT);
    run->end_ms = scenario->lasts_ms;
    run->frail = is_frail(scenario);
    make_world(run);
    sample(run);
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        run->seats[seat].absent = run->county->seats[seat].later;
        if (run->seats[seat].absent)
            continue;
        struct planned planned = {.at_ms = prng_between(&run->prng, 1, START_MS_MAX),
                                  .kind = PLANNED_START,
                                  .seat = seat};
        plan_add(&run->plan, &planned);
    }
    plan_again(run, PLANNED_SAMPLE, sample_ms(run));
    plan_again(run, PLANNED_CHECK, check_ms(run));
    strikes_plan(run);
    works_plan(run);
}

static enum outcome outcome_of(const struct run *run, bool rests)
{
    const struct findings *findings = &run->result->findings;
    size_t unsettled = findings->counts[FINDING_WAITING] + findings->counts[FINDING_TOTAL];
    if (findings->count > unsettled)
        return OUTCOME_VIOLATED;
    if (run->over)
        return OUTCOME_UNDECIDED;
    return rests && findings->count == 0 ? OUTCOME_HELD : OUTCOME_NOT_CONVERGED;
}

/* Faults and work, until the last of them is over; then everything is healed. */
static void live(struct run *run)
{
    struct run_result *result = run->result;
    if (run->scenario->steps.count > 0)
        steps_do(run);
    else
        run_until(run, run->end_ms);
    strikes_end_all(run);
    result->healed_ms = run_now(run);
    bool rests = true;
    if (run->model != NULL && !run->over)
        rests = run_rest(run);
    result->rested_ms = rests && run->model != NULL ? run_now(run) : 0;
    sample(run);
    expectations_end(run);
    result->outcome = outcome_of(run, rests);
    result->unchecked = run->model == NULL;
}

static void finish(struct run *run)
{
    struct run_result *result = run->result;
    run_trace_flush(run);
    result->trace = run->trace;
    result->counts = *world_counts(run->world);
    result->records = run->model == NULL ? run->plain.record_count : run->model->record_count;
    result->writes = run->model == NULL ? run->plain.write_count : run->model->op_count;
}

static void clear(struct run *run)
{
    const struct scenario *scenario = run->scenario;
    strikes_free(run);
    plain_clear(run);
    plan_clear(&run->plan);
    free_candidates(run->fault_seats, scenario->fault_count);
    free_candidates(run->work_seats, scenario->work_count);
    free_candidates(run->expectation_seats, scenario->expectation_count);
    for (size_t i = 0; run->seats != NULL && i < run->county->seat_count; i++)
        free(run->seats[i].own);
    free(run->seats);
    free(run->died);
    free(run->worst);
    free(run->urgent);
    free(run->untold);
    run_free_named(run);
    ways_free(run);
    buffer_free(&run->traced);
    world_free(run->world);
    model_free(run->model);
    county_free(run->county);
}

enum error_code run_scenario(const struct scenario *scenario, const struct run_options *options,
                             struct run_result *result, struct error *error)
{
    struct run run = {.scenario = scenario, .options = options, .result = result};
    *result = (struct run_result){0};
    run.cpu_began_us = cpu_us();
    if (options->costed)
        cost_begin();
    run.county = scenario_county(scenario);
    enum error_code code = find_all(&run, error);
    if (code == ERR_OK && options->unchecked && scenario->steps.count > 0)
        code = error_set(error, ERR_USAGE, "unchecked", "steps need the model that knows records");
    if (code == ERR_OK) {
        begin(&run);
        live(&run);
        finish(&run);
        result->cpu_us = cpu_us() - run.cpu_began_us;
    }
    if (options->costed)
        cost_end(result->cpu_us, result->parts_us);
    clear(&run);
    return code;
}

void run_result_clear(struct run_result *result)
{
    findings_clear(&result->findings);
}
