/* What goes wrong: when it strikes, whom, what it does, and how it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run/run_parts.h"
#include "sim/world/mischief.h"

enum { DAY_MS = 24 * 3600 * 1000, RESTART_MS_MIN = 50, RESTART_MS_MAX = 5000 };

static void plan(struct run *run, uint64_t at_ms, enum planned_kind kind, size_t rule, size_t seat,
                 size_t strike)
{
    struct planned planned = {
        .at_ms = at_ms, .kind = kind, .rule = rule, .seat = seat, .strike = strike};
    plan_add(&run->plan, &planned);
}

/* ---- starting ---- */

static unsigned draw_gift(struct run *run)
{
    const struct world_options *options = &run->scenario->world;
    unsigned gift = prng_chance(&run->prng, 500) ? COUNTY_WHOLE_PATH : 0;
    if (prng_chance(&run->prng, options->gift_types_permille))
        gift |= COUNTY_NO_TYPES;
    if (prng_chance(&run->prng, options->gift_subtree_permille))
        gift |= COUNTY_NO_SUBTREE;
    return gift;
}

void run_start(struct run *run, size_t seat)
{
    run->seats[seat].start_planned = false;
    if (world_runs(run->world, seat) || run->seats[seat].down > 0 || run->seats[seat].absent)
        return;
    /* the root has nobody above to get anything from; a parent must know its children's keys */
    unsigned gift = run_has_parent(run, seat) ? draw_gift(run) : 0;
    enum error_code code = world_start(run->world, seat, gift);
    if (code != ERR_OK)
        findings_add(&run->result->findings, FINDING_DAMAGED, "%s doesn't start: %s",
                     run->county->seats[seat].code, error_name(code));
    run_moment(run, MOMENT_STARTED, seat, "");
}

void run_supervise(struct run *run)
{
    for (size_t i = 0; i < run->died_count; i++) {
        size_t seat = run->died[i];
        if (seat >= run->county->seat_count || world_runs(run->world, seat) ||
            run->seats[seat].down > 0 || run->seats[seat].start_planned)
            continue;
        run->seats[seat].start_planned = true;
        run_moment(run, MOMENT_DIED, seat, "");
        plan(run, run_now(run) + prng_between(&run->prng, RESTART_MS_MIN, RESTART_MS_MAX),
             PLANNED_START, 0, seat, 0);
    }
    run->died_count = 0;
    if (run->untold_count > 0)
        run_tell_waiting(run);
}

/* ---- when, and whom ---- */

static uint64_t until_of(const struct run *run, const struct fault *fault)
{
    uint64_t until = fault->when.until;
    return until == 0 || until > run->end_ms ? run->end_ms : until;
}

/* The next strike after this time, if there is one. Of those that come at random a seat's pauses
 * are even between nothing and twice the mean. */
static void plan_next_strike(struct run *run, size_t rule, size_t seat, uint64_t now)
{
    const struct fault *fault = &run->scenario->faults[rule];
    uint64_t next;
    if (fault->when.per_day_milli > 0)
        next = now +
               prng_between(&run->prng, 1, 2 * (uint64_t)DAY_MS * 1000 / fault->when.per_day_milli);
    else if (fault->when.every.high > 0)
        next = now + run_draw(run, fault->when.every);
    else
        return;
    if (next < until_of(run, fault))
        plan(run, next, PLANNED_STRIKE, rule, seat, 0);
}

/* A strike with an image is begun early by the image's age. */
static uint64_t early(const struct fault *fault, uint64_t at)
{
    uint64_t age = fault->kind == FAULT_RESTORE ? fault->age : 0;
    return at > age ? at - age : 0;
}

void strikes_plan(struct run *run)
{
    for (size_t rule = 0; rule < run->scenario->fault_count; rule++) {
        const struct fault *fault = &run->scenario->faults[rule];
        const struct candidates *who = &run->fault_seats[rule];
        uint64_t at = run_draw(run, fault->when.at);
        if (fault->when.per_day_milli > 0) {
            for (size_t i = 0; i < who->count; i++)
                plan_next_strike(run, rule, who->seats[i], at);
        } else {
            plan(run, early(fault, at), PLANNED_STRIKE, rule, SIZE_MAX, 0);
        }
    }
}

static struct strike *new_strike(struct run *run, size_t rule)
{
    run->strikes = mem_resize(run->strikes, (run->strike_count + 1) * sizeof *run->strikes);
    struct strike *strike = &run->strikes[run->strike_count++];
    *strike = (struct strike){.fault = rule};
    return strike;
}

/* So many of the candidates, or such a share of them, without order. */
static void choose(struct run *run, struct strike *strike, const struct selector *who,
                   const struct candidates *from)
{
    size_t count = from->count;
    size_t *seats = mem_alloc((count + 1) * sizeof *seats);
    memcpy(seats, from->seats, count * sizeof *seats);
    size_t wanted = count;
    if (who->share_permille > 0)
        wanted = (count * who->share_permille + 999) / 1000;
    if (who->count > 0 && who->count < wanted)
        wanted = who->count;
    for (size_t i = 0; i < wanted && wanted < count; i++) {
        size_t other = i + prng_below(&run->prng, count - i), kept = seats[i];
        seats[i] = seats[other];
        seats[other] = kept;
    }
    strike->seats = seats;
    strike->seat_count = wanted;
}

/* How many commits that signed something the store has seen: field 2 of the row `self`. */
static uint64_t signed_commits(struct run *run, size_t seat)
{
    const struct view *view = world_view(run->world, seat);
    struct span value;
    if (view->get(view->context, TABLE_META, span_of_text("self"), &value) != READ_FOUND)
        return 0;
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == 2)
            return mp_read_uint(&reader);
        mp_read_any(&reader);
    }
    return 0;
}

static void take_images(struct run *run, struct strike *strike)
{
    strike->images = mem_alloc(strike->seat_count * sizeof *strike->images + 1);
    strike->image_commits = mem_alloc(strike->seat_count * sizeof *strike->image_commits + 1);
    strike->image_generations =
        mem_alloc(strike->seat_count * sizeof *strike->image_generations + 1);
    strike->imaged_ms = run_now(run);
    for (size_t i = 0; i < strike->seat_count; i++) {
        strike->images[i] = memory_store_clone(world_store(run->world, strike->seats[i]));
        strike->image_commits[i] = signed_commits(run, strike->seats[i]);
        strike->image_generations[i] = world_keys(run->world, strike->seats[i])->generation;
        run_moment(run, MOMENT_IMAGED, strike->seats[i], "");
    }
}

void strikes_draw(struct run *run, const struct planned *planned)
{
    const struct fault *fault = &run->scenario->faults[planned->rule];
    struct strike *strike = new_strike(run, planned->rule);
    size_t place = run->strike_count - 1;
    struct candidates one = {(size_t[]){planned->seat}, 1};
    choose(run, strike, &fault->who,
           planned->seat == SIZE_MAX ? &run->fault_seats[planned->rule] : &one);
    strike->lasts_ms = run_draw(run, fault->when.lasts);
    uint64_t now = run_now(run);
    if (fault->kind == FAULT_RESTORE) {
        take_images(run, strike);
        plan(run, now + fault->age < run->end_ms ? now + fault->age : run->end_ms, PLANNED_BLOW, 0,
             0, place);
    } else {
        strikes_blow(run, place);
    }
    plan_next_strike(run, planned->rule, planned->seat, now);
}

/* ---- what it does ---- */

void strikes_stop(struct run *run, size_t seat, bool power)
{
    if (power)
        world_power_cut(run->world, seat);
    else
        world_crash(run->world, seat);
    run->seats[seat].down++;
    run_moment(run, MOMENT_DIED, seat, "");
}

/* The loss of exactly the last commit that signed can't be told from a power cut before that commit
 * (rules.md A5): such an image isn't put back. */
static void put_back(struct run *run, struct strike *strike, size_t i)
{
    const struct fault *fault = &run->scenario->faults[strike->fault];
    size_t seat = strike->seats[i];
    strikes_stop(run, seat, false);
    if (strike->image_generations[i] != world_keys(run->world, seat)->generation)
        return; /* another machine is there by now */
    if (strike->image_commits[i] + 1 != signed_commits(run, seat)) {
        if (fault->keeps_high_water)
            world_restore_whole(run->world, seat, strike->images[i]);
        if (fault->keeps_high_water && run->model != NULL)
            model_forks(run->model, seat);
        if (!fault->keeps_high_water)
            world_restore(run->world, seat, strike->images[i]);
        char when[64];
        snprintf(when, sizeof when, "%llu%s", (unsigned long long)strike->imaged_ms,
                 fault->keeps_high_water ? " high-water" : "");
        run_moment(run, MOMENT_RESTORED, seat, when);
    }
    if (run->model != NULL)
        model_restored(run->model, seat);
}

static void wipe(struct run *run, size_t seat)
{
    strikes_stop(run, seat, false);
    world_wipe(run->world, seat);
    run_moment(run, MOMENT_WIPED, seat, "");
    if (run->model != NULL)
        model_restored(run->model, seat);
}

/* A cheat changes its own disk while its process is down. */
static void poison(struct run *run, size_t seat)
{
    struct poison poison;
    strikes_stop(run, seat, false);
    if (!poison_make(run->world, seat, &poison)) {
        findings_add(&run->result->findings, FINDING_EXPECTED,
                     "%s has no urgent stream to poison yet: let it write something urgent before",
                     run->county->seats[seat].code);
        return;
    }
    if (run->model != NULL)
        model_poisoned(run->model, &poison.stream, poison.seq, span_of_buffer(&poison.stored));
    poison_store(run->world, seat, &poison);
    poison_free(&poison);
}

static void inject(struct run *run, const struct fault *fault, size_t seat)
{
    enum mischief kind = fault->mischief;
    if (kind == MISCHIEF_COUNT)
        kind = (enum mischief)prng_below(&run->prng, MISCHIEF_COUNT);
    bool up = prng_chance(&run->prng, 500);
    if (mischief_make(run->world, kind, seat, up))
        run_moment(run, MOMENT_FAULT, seat, mischief_name(kind));
}

static void raise_types(struct run *run)
{
    if (run->types_raised || !world_runs(run->world, run->root))
        return;
    run->types_raised = true;
    county_raise_types(run->county);
    world_give_types(run->world, run->root);
}

static void start_clone(struct run *run, struct strike *strike, size_t i)
{
    if (strike->clones == NULL) {
        strike->clones = mem_alloc((strike->seat_count + 1) * sizeof *strike->clones);
        memset(strike->clones, 0xff, strike->seat_count * sizeof *strike->clones);
    }
    if (!world_runs(run->world, strike->seats[i]))
        return;
    strike->clones[i] = world_clone(run->world, strike->seats[i]);
    run->seats[strike->seats[i]].clone = strike->clones[i];
    if (run->model != NULL)
        model_cloned(run->model, strike->clones[i]);
    world_start(run->world, strike->clones[i], 0);
}

static void blow(struct run *run, struct strike *strike, size_t i)
{
    const struct fault *fault = &run->scenario->faults[strike->fault];
    size_t seat = strike->seats[i];
    struct seat_run *own = &run->seats[seat];
    struct world *world = run->world;
    switch (fault->kind) {
    case FAULT_CUT:
        if (own->cut++ == 0)
            world_cut(world, seat);
        break;
    case FAULT_HALF_OPEN: world_swallow(world, seat, fault->ways); break;
    case FAULT_LINK: world_set_link(world, seat, &fault->link); break;
    case FAULT_KILL: strikes_stop(run, seat, false); break;
    case FAULT_POWER: strikes_stop(run, seat, true); break;
    case FAULT_PAUSE:
        if (own->paused++ == 0)
            world_pause(world, seat, true);
        break;
    case FAULT_WIPE: wipe(run, seat); break;
    case FAULT_RESTORE: put_back(run, strike, i); break;
    case FAULT_CLONE: start_clone(run, strike, i); break;
    case FAULT_DISK: world_set_disk(world, seat, &fault->disk); break;
    case FAULT_POINT:
        if (world_runs(world, seat))
            world_arm(world, seat, fault->point);
        break;
    case FAULT_CLOCK: world_set_clock(world, seat, &fault->clock); break;
    case FAULT_CONDUCT: world_set_conduct(world, seat, &fault->conduct); break;
    case FAULT_INJECT: inject(run, fault, seat); break;
    case FAULT_TYPES: raise_types(run); break;
    case FAULT_POISON: poison(run, seat); break;
    case FAULT_ADMIT:
    case FAULT_REPLACE:
    case FAULT_REVOKE:
    case FAULT_MOVE:
    case FAULT_OVERRULE:
    case FAULT_EMERGENCY: signed_blow(run, fault, seat, strike->lasts_ms); break;
    case FAULT_KINDS: break;
    }
}

static bool ends_at_once(enum fault_kind kind)
{
    return kind == FAULT_KILL || kind == FAULT_POWER || kind == FAULT_WIPE ||
           kind == FAULT_RESTORE || kind == FAULT_POISON || kind == FAULT_REPLACE;
}

static bool has_no_end(enum fault_kind kind)
{
    return kind == FAULT_POINT || kind == FAULT_INJECT || kind == FAULT_TYPES ||
           kind == FAULT_ADMIT || kind == FAULT_REVOKE || kind == FAULT_MOVE ||
           kind == FAULT_OVERRULE;
}

static enum moment_kind moment_of(enum fault_kind kind, bool begins)
{
    if (kind == FAULT_CUT)
        return begins ? MOMENT_CUT : MOMENT_HEALED;
    if (kind == FAULT_PAUSE)
        return begins ? MOMENT_PAUSED : MOMENT_RESUMED;
    return begins ? MOMENT_FAULT : MOMENT_ENDED;
}

void strikes_blow(struct run *run, size_t place)
{
    enum fault_kind kind = run->scenario->faults[run->strikes[place].fault].kind;
    struct strike *strike = &run->strikes[place];
    for (size_t i = 0; i < strike->seat_count; i++) {
        run_moment(run, moment_of(kind, true), strike->seats[i], fault_name(kind));
        blow(run, strike, i);
    }
    if (has_no_end(kind))
        return;
    strike->active = true;
    if (strike->lasts_ms > 0)
        plan(run, run_now(run) + strike->lasts_ms, PLANNED_END, 0, 0, place);
    else if (ends_at_once(kind))
        plan(run, run_now(run) + prng_between(&run->prng, RESTART_MS_MIN, RESTART_MS_MAX),
             PLANNED_END, 0, 0, place);
}

/* ---- how it ends ---- */

static void end_one(struct run *run, const struct strike *strike, size_t i)
{
    static const struct clock_profile right_clock;
    static const struct conduct honest;
    const struct fault *fault = &run->scenario->faults[strike->fault];
    size_t seat = strike->seats[i];
    struct seat_run *own = &run->seats[seat];
    struct world *world = run->world;
    switch (fault->kind) {
    case FAULT_CUT:
        if (--own->cut == 0)
            world_heal(world, seat);
        break;
    case FAULT_HALF_OPEN: world_swallow(world, seat, WAY_NONE); break;
    case FAULT_LINK: world_set_link(world, seat, &own->link); break;
    case FAULT_KILL:
    case FAULT_POWER:
    case FAULT_WIPE:
    case FAULT_RESTORE:
    case FAULT_POISON:
        own->down--;
        run_start(run, seat);
        break;
    case FAULT_REPLACE:
        own->down--;
        run_set_up(run, seat, run->county->seats[seat].parent, false);
        break;
    case FAULT_PAUSE:
        if (--own->paused == 0)
            world_pause(world, seat, false);
        break;
    case FAULT_CLONE:
        if (strike->clones[i] != SIZE_MAX)
            world_end_clone(world, strike->clones[i]);
        if (strike->clones[i] != SIZE_MAX && run->model != NULL)
            model_restored(run->model, seat); /* what the copy alone had is gone with it */
        own->clone = SIZE_MAX;
        break;
    case FAULT_DISK: world_set_disk(world, seat, &run->scenario->disk); break;
    case FAULT_CLOCK: world_set_clock(world, seat, &right_clock); break;
    case FAULT_CONDUCT: world_set_conduct(world, seat, &honest); break;
    case FAULT_EMERGENCY: signed_end(run, seat); break;
    case FAULT_POINT:
    case FAULT_INJECT:
    case FAULT_TYPES:
    case FAULT_ADMIT:
    case FAULT_REVOKE:
    case FAULT_MOVE:
    case FAULT_OVERRULE:
    case FAULT_KINDS: break;
    }
}

static void free_strike(struct strike *strike)
{
    for (size_t i = 0; strike->images != NULL && i < strike->seat_count; i++)
        memory_store_free(strike->images[i]);
    free(strike->images);
    free(strike->image_commits);
    free(strike->image_generations);
    free(strike->clones);
    free(strike->seats);
    strike->images = NULL;
    strike->image_commits = NULL;
    strike->image_generations = NULL;
    strike->clones = strike->seats = NULL;
    strike->seat_count = 0;
}

void strikes_end(struct run *run, size_t place)
{
    struct strike *strike = &run->strikes[place];
    enum fault_kind kind = run->scenario->faults[strike->fault].kind;
    if (!strike->active)
        return;
    strike->active = false;
    for (size_t i = 0; i < strike->seat_count; i++) {
        end_one(run, strike, i);
        run_moment(run, moment_of(kind, false), strike->seats[i], fault_name(kind));
    }
    free_strike(strike);
}

/* A fault without an end lasts to the scenario's end; a clock that was set so stays wrong. */
void strikes_end_all(struct run *run)
{
    for (size_t i = 0; i < run->strike_count; i++) {
        const struct strike *strike = &run->strikes[i];
        if (run->scenario->faults[strike->fault].kind != FAULT_CLOCK || strike->lasts_ms > 0)
            strikes_end(run, i);
    }
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        world_arm(run->world, seat, FAULT_POINT_PUT_FULL); /* in place of any other; then none */
        memory_store_arm(world_store(run->world, seat), MEMORY_FAULT_NONE);
        run_start(run, seat);
    }
    run_set_up_all(run);
}

void strikes_free(struct run *run)
{
    for (size_t i = 0; i < run->strike_count; i++)
        free_strike(&run->strikes[i]);
    free(run->strikes);
}
