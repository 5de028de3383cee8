/* Steps, one after the other; the members of a group in the order that the run's number says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check/model_case.h"
#include "sim/run/run_parts.h"

enum {
    SETTLE_MS = 600,           /* everybody has started */
    ANSWER_MS_MAX = 10 * 1000, /* a local write waits for nothing but its own disk */
    QUIET_MS_MAX = 10 * 60 * 1000,
};

static void miss(struct run *run, const struct step *step, const char *what, const char *more)
{
    findings_add(&run->result->findings, FINDING_EXPECTED, "line %u: %s %s", step->line, what,
                 more);
}

/* A seat or a clone; SIZE_MAX: a clone that isn't there. */
size_t run_node(const struct run *run, const char *code)
{
    for (size_t i = run->named_count; i > 0; i--) {
        if (run->named[i - 1].kind == NAMED_CLONE && strcmp(run->named[i - 1].name, code) == 0)
            return run->named[i - 1].node;
    }
    return county_find(run->county, code);
}

struct named *run_named(struct run *run, enum named_kind kind, const char *name)
{
    for (size_t i = run->named_count; i > 0; i--) {
        if (run->named[i - 1].kind == kind && strcmp(run->named[i - 1].name, name) == 0)
            return &run->named[i - 1];
    }
    return NULL;
}

struct named *run_new_named(struct run *run, enum named_kind kind, const char *name)
{
    run->named = mem_resize(run->named, (run->named_count + 1) * sizeof *run->named);
    struct named *named = &run->named[run->named_count++];
    *named = (struct named){.kind = kind};
    snprintf(named->name, sizeof named->name, "%s", name);
    return named;
}

void run_free_named(struct run *run)
{
    for (size_t i = 0; i < run->named_count; i++)
        memory_store_free(run->named[i].image);
    free(run->named);
}

/* ---- writes ---- */

static enum model_type type_named(const char *name)
{
    for (int type = 1; type < MODEL_TYPES; type++) {
        if (strcmp(model_type_name((enum model_type)type), name) == 0)
            return (enum model_type)type;
    }
    return MODEL_INCIDENT;
}

static struct model_value value_of(const struct step_pair *pair)
{
    static const char *const names[] = {"",      "title", "s",    "level",
                                        "notes", "calls", "name", "phone"};
    struct model_value value = {.field = FIELD_DELETED, .number = strcmp(pair->value, "true") == 0};
    for (int32_t field = MODEL_TITLE; field <= MODEL_PHONE; field++) {
        if (strcmp(pair->key, names[field]) == 0)
            value.field = field;
    }
    if (value.field == MODEL_LEVEL || value.field == MODEL_CALLS)
        value.number = strtoll(pair->value, NULL, 10);
    else if (value.field != FIELD_DELETED)
        snprintf(value.text, sizeof value.text, "%s", pair->value);
    return value;
}

static bool is_answered(const struct run *run, uint64_t serial)
{
    const struct model_op *op = &run->model->ops[serial - 1];
    return op->acknowledged || op->fate == MODEL_REFUSED || op->fate == MODEL_GONE;
}

static void judge_answer(struct run *run, const struct step *step, size_t node, uint64_t serial)
{
    uint64_t end_ms = run_now(run) + ANSWER_MS_MAX;
    run->asked_request = serial;
    if (node < run->county->seat_count && run->seats[node].held)
        return; /* nobody can answer yet */
    while (!is_answered(run, serial) && run_now(run) < end_ms && world_runs(run->world, node))
        run_until(run, run_now(run) + 1);
    const char *found = run->answer_request == serial ? error_name(run->answer_code) : "unanswered";
    const char *wanted = step->refused[0] != '\0' ? step->refused : error_name(ERR_OK);
    if (strcmp(found, wanted) != 0)
        miss(run, step, "the write was answered:", found);
}

/* The record that a step means, or the seat that a new one is made for. False: there is none. */
static bool find_place(struct run *run, const struct step *step, size_t *place)
{
    struct named *record = run_named(run, NAMED_RECORD, step->name);
    *place = 0;
    if (step->kind == STEP_PUT) {
        *place = step->to[0] != '\0' ? county_find(run->county, step->to) : 0;
        return true;
    }
    *place = record == NULL ? SIZE_MAX : model_record_at(run->model, record->serial);
    if (*place == SIZE_MAX)
        miss(run, step, "there is no record", step->name);
    return *place != SIZE_MAX;
}

static uint64_t ask(struct run *run, const struct step *step, size_t node, size_t place,
                    const struct model_value *values, size_t count)
{
    enum model_type type =
        step->kind == STEP_PUT ? type_named(step->type) : run->model->records[place].type;
    enum write_kind kind = step->kind == STEP_PUT   ? WRITE_PUT
                           : step->kind == STEP_SET ? WRITE_SET
                           : step->kind == STEP_DO  ? WRITE_DO
                                                    : WRITE_DELETE;
    if (kind == WRITE_DO && step->to[0] != '\0')
        return model_hand(run->model, node, place, values, count,
                          county_find(run->county, step->to));
    return model_write(run->model, node, kind, type, place, values, count);
}

static void write_once(struct run *run, const struct step *step)
{
    struct model_value values[MODEL_VALUES_MAX];
    size_t node = run_node(run, step->at[0]), count = 0, place;
    if (step->has_clock)
        world_stop_clock(run->world, node, step->ms);
    if (!world_runs(run->world, node)) {
        miss(run, step, "a write at a seat that doesn't run:", step->at[0]);
        return;
    }
    if (!find_place(run, step, &place))
        return;
    if (step->kind == STEP_DO) {
        const struct model_step *taken =
            model_step_named(run->model->records[place].type, step->type);
        if (taken == NULL) {
            miss(run, step, "this type of record has no step", step->type);
            return;
        }
        values[count++] = (struct model_value){.field = FIELD_TRANSITION, .number = taken->number};
    }
    for (size_t i = 0; i < step->pair_count && count < MODEL_VALUES_MAX; i++)
        values[count++] = value_of(&step->pairs[i]);
    uint64_t serial = ask(run, step, node, place, values, count);
    if (step->kind == STEP_PUT)
        run_new_named(run, NAMED_RECORD, step->name)->serial = serial;
    judge_answer(run, step, node, serial);
}

static void extend(struct run *run, const struct step *step)
{
    const struct named *record = run_named(run, NAMED_RECORD, step->name);
    size_t node = run_node(run, step->at[0]), seats[HOLDERS_MAX], count = 0;
    size_t place = record == NULL ? SIZE_MAX : model_record_at(run->model, record->serial);
    if (place == SIZE_MAX || !world_runs(run->world, node)) {
        miss(run, step, "it can't be extended:", step->name);
        return;
    }
    for (; count < step->pair_count && count < HOLDERS_MAX; count++)
        seats[count] = county_find(run->county, step->pairs[count].key);
    judge_answer(run, step, node, model_extend(run->model, node, place, seats, count));
}

static void erase(struct run *run, const struct step *step)
{
    static const char *const names[] = {"", "title", "s", "level", "notes"};
    const struct named *record = run_named(run, NAMED_RECORD, step->name);
    size_t node = run_node(run, step->at[0]);
    size_t place = record == NULL ? SIZE_MAX : model_record_at(run->model, record->serial);
    bool fields[MODEL_CALLS] = {false};
    if (place == SIZE_MAX || !world_runs(run->world, node)) {
        miss(run, step, "nothing can be erased in", step->name);
        return;
    }
    for (size_t i = 0; i < step->pair_count; i++) {
        for (int field = MODEL_TITLE; field < MODEL_CALLS; field++)
            fields[field] |= strcmp(step->pairs[i].key, names[field]) == 0;
    }
    judge_answer(run, step, node, model_erase(run->model, node, place, fields));
}

static void write_step(struct run *run, const struct step *step)
{
    write_once(run, step);
    for (uint64_t i = 1; i < step->count && !run->over; i++)
        write_once(run, step);
}

/* ---- what is done to one seat ---- */

static void stop(struct run *run, size_t node, bool power)
{
    if (!world_runs(run->world, node))
        return;
    if (power)
        world_power_cut(run->world, node);
    else
        world_crash(run->world, node);
    if (node < run->county->seat_count)
        run->seats[node].down = 1;
    run_moment(run, MOMENT_DIED, node, "");
}

static void start(struct run *run, size_t node)
{
    if (node >= run->county->seat_count) {
        if (!world_runs(run->world, node))
            world_start(run->world, node, 0);
        return;
    }
    run->seats[node].down = 0;
    run_start(run, node);
}

static void take_image(struct run *run, const struct step *step, size_t node)
{
    run_new_named(run, NAMED_IMAGE, step->name)->image =
        memory_store_clone(world_store(run->world, node));
    run_moment(run, MOMENT_IMAGED, node, step->name);
}

static void put_back(struct run *run, const struct step *step, size_t node)
{
    struct named *image = run_named(run, NAMED_IMAGE, step->name);
    if (image == NULL) {
        miss(run, step, "there is no image", step->name);
        return;
    }
    stop(run, node, false);
    if (step->whole)
        world_restore_whole(run->world, node, image->image);
    else
        world_restore(run->world, node, image->image);
    if (step->whole)
        model_forks(run->model, world_seat_of(run->world, node));
    model_restored(run->model, node);
    char text[SCENARIO_NAME_BYTES + sizeof " high-water"];
    snprintf(text, sizeof text, "%s%s", step->name, step->whole ? " high-water" : "");
    run_moment(run, MOMENT_RESTORED, node, text);
}

static void make_clone(struct run *run, const struct step *step, size_t node)
{
    uint8_t other[8] = {0xff};
    size_t clone = world_clone(run->world, node);
    other[1] = (uint8_t)clone;
    if (step->elsewhere)
        world_set_instance(run->world, clone, other);
    run_new_named(run, NAMED_CLONE, step->name)->node = clone;
    model_cloned(run->model, clone);
    world_start(run->world, clone, 0);
}

static void change(struct run *run, const struct step *step, size_t node)
{
    struct world *world = run->world;
    const struct fault *fault = step->fault;
    switch ((int)fault->kind) {
    case FAULT_HALF_OPEN: world_swallow(world, node, fault->ways); break;
    case FAULT_LINK: world_set_link(world, node, &fault->link); break;
    case FAULT_DISK: world_set_disk(world, node, &fault->disk); break;
    case FAULT_CLOCK: world_set_clock(world, node, &fault->clock); break;
    case FAULT_CONDUCT: world_set_conduct(world, node, &fault->conduct); break;
    case FAULT_POINT:
        if (world_runs(world, node))
            world_arm(world, node, fault->point);
        break;
    case FAULT_INJECT:
        mischief_make(world,
                      fault->mischief < MISCHIEF_COUNT
                          ? fault->mischief
                          : (enum mischief)prng_below(&run->prng, MISCHIEF_COUNT),
                      node, prng_chance(&run->prng, 500));
        break;
    default: break;
    }
    run_moment(run, MOMENT_FAULT, node, fault_name(fault->kind));
}

static void hand_in(struct run *run, const struct step *step, size_t node)
{
    struct named *image = run_named(run, NAMED_IMAGE, step->name);
    if (image == NULL)
        miss(run, step, "there is no image", step->name);
    else if (!ways_hand_in(run, step, node, image->image))
        miss(run, step, "no block can be handed in: there is no link up from", step->to);
}

static void hold(struct run *run, size_t node, bool held)
{
    world_hold(run->world, node, held);
    if (node < run->county->seat_count)
        run->seats[node].held = held;
}

static void cut(struct run *run, size_t node, bool heals)
{
    if (node < run->county->seat_count && !run_has_parent(run, node))
        return;
    if (!heals)
        world_cut(run->world, node);
    else if (node < run->county->seat_count)
        world_swallow(run->world, node, WAY_NONE);
    if (heals)
        world_heal(run->world, node);
    run_moment(run, heals ? MOMENT_HEALED : MOMENT_CUT, node, "");
}

/* Beside the pauses of faults: it goes on when none of them holds it. */
static void stand_still(struct run *run, size_t node, bool paused)
{
    if (node >= run->county->seat_count) {
        world_pause(run->world, node, paused);
        return;
    }
    struct seat_run *own = &run->seats[node];
    if (own->stands == paused)
        return;
    own->stands = paused;
    own->paused += paused ? 1U : -1U;
    world_pause(run->world, node, own->paused > 0);
    run_moment(run, paused ? MOMENT_PAUSED : MOMENT_RESUMED, node, "pause");
}

static void do_at(struct run *run, const struct step *step, size_t node)
{
    switch ((int)step->kind) {
    case STEP_CUT: cut(run, node, false); break;
    case STEP_HEAL: cut(run, node, true); break;
    case STEP_KILL: stop(run, node, false); break;
    case STEP_POWER: stop(run, node, true); break;
    case STEP_START: start(run, node); break;
    case STEP_PAUSE: stand_still(run, node, true); break;
    case STEP_RESUME: stand_still(run, node, false); break;
    case STEP_WIPE:
        stop(run, node, false);
        world_wipe(run->world, node);
        model_restored(run->model, node);
        run_moment(run, MOMENT_WIPED, node, "");
        break;
    case STEP_IMAGE: take_image(run, step, node); break;
    case STEP_RESTORE: put_back(run, step, node); break;
    case STEP_CLONE: make_clone(run, step, node); break;
    case STEP_END_CLONE: world_end_clone(run->world, node); break;
    case STEP_HOLD: hold(run, node, true); break;
    case STEP_RELEASE: hold(run, node, false); break;
    case STEP_WITHHOLD: ways_withhold(run, step, node); break;
    case STEP_STICK: hand_in(run, step, node); break;
    case STEP_SIGN: signed_step(run, step, node); break;
    case STEP_TELL: signed_tell(run, step, node); break;
    case STEP_MACHINE:
        run_set_up(run, node, county_find(run->county, step->to), step->escrow);
        break;
    case STEP_EXPECT: run_look(run, step, node); break;
    default: change(run, step, node); break;
    }
}

static void do_at_all(struct run *run, const struct step *step)
{
    for (size_t i = 0; i < step->at_count; i++) {
        size_t node = run_node(run, step->at[i]);
        if (node == SIZE_MAX)
            miss(run, step, "there is no seat", step->at[i]);
        else
            do_at(run, step, node);
    }
    for (size_t node = 0; step->at_count == 0 && node < run->county->seat_count; node++)
        do_at(run, step, node);
}

/* ---- lists and groups ---- */

static void do_list(struct run *run, const struct step_list *list);

/* The permutation of that number: digits in the factorial system (Lehmer's code). */
static void do_together(struct run *run, const struct step *step)
{
    size_t left[16], count = step->member_count;
    for (size_t i = 0; i < count; i++)
        left[i] = i;
    for (; count > 0; count--) {
        size_t place = run->order_left % count, member = left[place];
        run->order_left /= count;
        memmove(&left[place], &left[place + 1], (count - 1 - place) * sizeof *left);
        do_list(run, &step->members[member]);
    }
}

static void run_quiet(struct run *run, uint64_t most_ms)
{
    world_run_quiet(run->world, most_ms > 0 ? most_ms : QUIET_MS_MAX);
    run_until(run, run_now(run) + 1);
}

static void raise_types(struct run *run)
{
    county_raise_types(run->county);
    world_give_types(run->world, run->root);
}

static void do_step(struct run *run, const struct step *step)
{
    switch (step->kind) {
    case STEP_PUT:
    case STEP_SET:
    case STEP_DO:
    case STEP_DELETE: write_step(run, step); break;
    case STEP_EXTEND: extend(run, step); break;
    case STEP_ERASE: erase(run, step); break;
    case STEP_RUN: run_quiet(run, step->ms); break;
    case STEP_WAIT: run_until(run, run_now(run) + step->ms); break;
    case STEP_TYPES: raise_types(run); break;
    case STEP_PASS: ways_pass_all(run); break;
    case STEP_TOGETHER: do_together(run, step); break;
    case STEP_CUT:
    case STEP_HEAL:
    case STEP_KILL:
    case STEP_POWER:
    case STEP_START:
    case STEP_PAUSE:
    case STEP_RESUME:
    case STEP_IMAGE:
    case STEP_RESTORE:
    case STEP_WIPE:
    case STEP_CLONE:
    case STEP_END_CLONE:
    case STEP_CLOCK:
    case STEP_LINK:
    case STEP_DISK:
    case STEP_CONDUCT:
    case STEP_HALF_OPEN:
    case STEP_POINT:
    case STEP_INJECT:
    case STEP_HOLD:
    case STEP_RELEASE:
    case STEP_WITHHOLD:
    case STEP_STICK:
    case STEP_SIGN:
    case STEP_TELL:
    case STEP_MACHINE:
    case STEP_EXPECT: do_at_all(run, step); break;
    case STEP_KINDS: break;
    }
}

static void do_list(struct run *run, const struct step_list *list)
{
    for (size_t i = 0; i < list->count && !run->over; i++)
        do_step(run, &list->steps[i]);
}

/* What steps have cut, stopped and bent is mended; clocks stay as they are. */
void steps_end(struct run *run)
{
    static const struct conduct honest;
    ways_pass_all(run);
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        stand_still(run, seat, false);
        hold(run, seat, false);
        world_set_conduct(run->world, seat, &honest);
        world_set_disk(run->world, seat, &run->scenario->disk);
        if (run_has_parent(run, seat)) {
            world_heal(run->world, seat);
            world_swallow(run->world, seat, WAY_NONE);
            world_set_link(run->world, seat, &run->seats[seat].link);
        }
        run->seats[seat].down = 0;
    }
    for (size_t i = 0; i < run->named_count; i++) {
        if (run->named[i].kind == NAMED_CLONE && world_runs(run->world, run->named[i].node))
            world_end_clone(run->world, run->named[i].node);
    }
}

void steps_do(struct run *run)
{
    run->order_left = run->options->order;
    run_until(run, SETTLE_MS);
    run_quiet(run, 0);
    do_list(run, &run->scenario->steps);
    steps_end(run);
}
