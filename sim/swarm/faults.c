/* What is done to the world: links are cut, nodes die, disks forget, clocks lie, and peers send
 * what they shouldn't. */
#include <inttypes.h>

#include "sim/swarm/swarm_parts.h"
#include "sim/world/mischief.h"

enum { SECOND_MS = 1000 };

/* True in `permille` of 1,000 seconds, asked once a step. */
static bool strikes(struct swarm *swarm, uint32_t permille, uint64_t step_ms)
{
    return permille > 0 &&
           prng_below(&swarm->prng, 1000 * SECOND_MS) < (uint64_t)permille * step_ms;
}

/* A line between those of the nodes. */
static void tell(const struct swarm *swarm, size_t seat, const char *what, const char *more)
{
    if (swarm->trace != NULL)
        fprintf(swarm->trace, "%8" PRIu64 " -- %s %s %s\n", world_now_ms(swarm->world),
                swarm->county->seats[seat].code, what, more);
}

static bool has_parent(const struct swarm *swarm, size_t seat)
{
    return swarm->county->seats[seat].parent != seat;
}

static uint64_t later(struct swarm *swarm, uint64_t low_ms, uint64_t high_ms)
{
    return world_now_ms(swarm->world) + prng_between(&swarm->prng, low_ms, high_ms);
}

static unsigned draw_gift(struct swarm *swarm)
{
    const struct world_options *options = &swarm->options->world;
    unsigned gift = prng_chance(&swarm->prng, 500) ? COUNTY_WHOLE_PATH : 0;
    if (prng_chance(&swarm->prng, options->gift_types_permille))
        gift |= COUNTY_NO_TYPES;
    if (prng_chance(&swarm->prng, options->gift_subtree_permille))
        gift |= COUNTY_NO_SUBTREE;
    return gift;
}

static void start(struct swarm *swarm, size_t seat)
{
    /* the root has nobody above to get anything from; a parent must know its children's keys */
    unsigned gift = has_parent(swarm, seat) ? draw_gift(swarm) : 0;
    tell(swarm, seat, "starts", "");
    enum error_code code = world_start(swarm->world, seat, gift);
    if (code != ERR_OK)
        findings_add(swarm->findings, FINDING_DAMAGED, "%s doesn't start: %s",
                     swarm->county->seats[seat].code, error_name(code));
    swarm->plans[seat].start_ms = 0;
}

static void strike_node(struct swarm *swarm, size_t seat, uint64_t step_ms)
{
    static const enum memory_fault torn[] = {
        MEMORY_FAULT_CRASH_BEFORE_HIGH_WATER, MEMORY_FAULT_CRASH_AFTER_HIGH_WATER,
        MEMORY_FAULT_COMMIT_IO, MEMORY_FAULT_CRASH_AFTER_COMMIT};
    const struct swarm_options *options = swarm->options;
    struct seat_plan *plan = &swarm->plans[seat];
    if (!world_runs(swarm->world, seat))
        return;
    if (strikes(swarm, options->crash_permille, step_ms)) {
        tell(swarm, seat, "is killed", "");
        world_crash(swarm->world, seat);
    }
    struct memory_store *store = world_store(swarm->world, seat);
    if (strikes(swarm, options->torn_permille, step_ms) && world_runs(swarm->world, seat) &&
        memory_store_armed(store) == MEMORY_FAULT_NONE)
        memory_store_arm(store, torn[prng_below(&swarm->prng, 4)]);
    if (strikes(swarm, options->hold_permille, step_ms)) {
        world_hold(swarm->world, seat, true);
        plan->release_ms = later(swarm, 200, 3000);
    }
}

static void strike_link(struct swarm *swarm, size_t seat, uint64_t step_ms)
{
    if (has_parent(swarm, seat) && !world_is_cut(swarm->world, seat) &&
        strikes(swarm, swarm->options->cut_permille, step_ms)) {
        tell(swarm, seat, "is cut off", "");
        world_cut(swarm->world, seat);
        swarm->plans[seat].heal_ms = later(swarm, 100, 15000);
    }
}

static void end_what_is_over(struct swarm *swarm, size_t seat)
{
    struct seat_plan *plan = &swarm->plans[seat];
    uint64_t now = world_now_ms(swarm->world);
    if (plan->heal_ms > 0 && plan->heal_ms <= now) {
        tell(swarm, seat, "is healed", "");
        world_heal(swarm->world, seat);
        plan->heal_ms = 0;
    }
    if (plan->release_ms > 0 && plan->release_ms <= now) {
        world_hold(swarm->world, seat, false);
        plan->release_ms = 0;
    }
    if (!world_runs(swarm->world, seat) && plan->start_ms == 0)
        plan->start_ms = later(swarm, 50, 5000);
    else if (plan->start_ms > 0 && plan->start_ms <= now)
        start(swarm, seat);
}

static void make_mischief(struct swarm *swarm, uint64_t step_ms)
{
    if (!strikes(swarm, swarm->options->inject_permille, step_ms))
        return;
    size_t seat = prng_below(&swarm->prng, swarm->county->seat_count);
    enum mischief kind = (enum mischief)prng_below(&swarm->prng, MISCHIEF_COUNT);
    bool up = prng_chance(&swarm->prng, 500);
    if (has_parent(swarm, seat) && mischief_make(swarm->world, kind, seat, up))
        tell(swarm, seat,
             up ? "sends up something bad:" : "is sent something bad:", mischief_name(kind));
}

/* How many commits that signed something the store has seen: field 2 of the row `self`. */
static uint64_t signed_commits(struct swarm *swarm, size_t seat)
{
    const struct view *view = world_view(swarm->world, seat);
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

/* A disk that lied. The loss of exactly the last commit that signed can't be told from a power cut
 * before that commit (rules.md A5): two or none are lost, here and by an old image. */
static void forget_commits(struct swarm *swarm, size_t seat)
{
    struct memory_store *store = world_store(swarm->world, seat);
    uint64_t before = signed_commits(swarm, seat), wanted = prng_between(&swarm->prng, 1, 20);
    struct memory_store *image = memory_store_clone(store);
    while (wanted > 0 || signed_commits(swarm, seat) + 1 == before) {
        if (memory_store_lose(store, 1) == 0)
            break;
        wanted -= wanted > 0;
    }
    if (signed_commits(swarm, seat) + 1 == before)
        memory_store_copy_back(store, image);
    memory_store_free(image);
}

static void put_back(struct swarm *swarm)
{
    size_t seat = swarm->restored_seat;
    tell(swarm, seat, "is put back", "");
    world_crash(swarm->world, seat);
    if (swarm->options->lose)
        forget_commits(swarm, seat);
    else if (swarm->image_commits + 1 != signed_commits(swarm, seat))
        world_restore(swarm->world, seat, swarm->image);
    model_restored(swarm->model, seat);
}

static void scheduled_faults(struct swarm *swarm)
{
    uint64_t now = world_now_ms(swarm->world);
    if (swarm->image_ms > 0 && swarm->image_ms <= now) {
        swarm->image = memory_store_clone(world_store(swarm->world, swarm->restored_seat));
        swarm->image_commits = signed_commits(swarm, swarm->restored_seat);
        swarm->image_ms = 0;
    }
    if (swarm->restore_ms > 0 && swarm->restore_ms <= now) {
        put_back(swarm);
        swarm->restore_ms = 0;
    }
    if (swarm->types_ms > 0 && swarm->types_ms <= now && world_runs(swarm->world, 0)) {
        county_raise_types(swarm->county);
        world_give_documents(swarm->world, 0, 0);
        swarm->types_ms = 0;
    }
}

static bool has_children(const struct swarm *swarm, size_t seat)
{
    for (size_t i = 0; i < swarm->county->seat_count; i++) {
        if (i != seat && swarm->county->seats[i].parent == seat)
            return true;
    }
    return false;
}

/* The seat that is put back is an end of every path: a seat between writes an operation in two
 * streams, and when it comes back from one of them only carrying brings it to the other (A3). */
static size_t draw_end(struct swarm *swarm)
{
    size_t seat = prng_below(&swarm->prng, swarm->county->seat_count);
    while (has_parent(swarm, seat) && has_children(swarm, seat))
        seat = prng_below(&swarm->prng, swarm->county->seat_count);
    return seat;
}

void swarm_faults_plan(struct swarm *swarm)
{
    const struct swarm_options *options = swarm->options;
    uint64_t half = options->fault_ms / 2;
    swarm->restored_seat = draw_end(swarm);
    if (options->restore)
        swarm->image_ms = prng_between(&swarm->prng, 1, half);
    if (options->restore || options->lose)
        swarm->restore_ms = prng_between(&swarm->prng, half + 1, 2 * half);
    if (options->lose)
        memory_store_keep(world_store(swarm->world, swarm->restored_seat), MEMORY_STORE_KEEP_MAX);
    if (options->raise_types)
        swarm->types_ms = prng_between(&swarm->prng, 1, 2 * half);
    for (size_t seat = 0; seat < options->seats; seat++) {
        int64_t skew = (int64_t)options->skew_ms_max;
        if (skew > 0)
            world_set_offset(swarm->world, seat,
                             (int64_t)prng_below(&swarm->prng, 2 * (uint64_t)skew) - skew);
        swarm->plans[seat].start_ms = prng_between(&swarm->prng, 1, 500);
    }
}

void swarm_faults_step(struct swarm *swarm, uint64_t step_ms)
{
    scheduled_faults(swarm);
    for (size_t seat = 0; seat < swarm->county->seat_count; seat++) {
        end_what_is_over(swarm, seat);
        strike_node(swarm, seat, step_ms);
        strike_link(swarm, seat, step_ms);
    }
    make_mischief(swarm, step_ms);
}

void swarm_faults_end(struct swarm *swarm)
{
    struct world_options *options = world_options(swarm->world);
    options->full_permille = options->damage_permille = options->duplicate_permille = 0;
    while (swarm->types_ms > 0 || swarm->restore_ms > 0) {
        if (!world_runs(swarm->world, 0))
            start(swarm, 0);
        swarm->types_ms = swarm->types_ms > 0;
        swarm->restore_ms =
            swarm->image == NULL && !swarm->options->lose ? 0 : swarm->restore_ms > 0;
        scheduled_faults(swarm);
    }
    for (size_t seat = 0; seat < swarm->county->seat_count; seat++) {
        memory_store_arm(world_store(swarm->world, seat), MEMORY_FAULT_NONE);
        world_heal(swarm->world, seat);
        world_hold(swarm->world, seat, false);
        if (!world_runs(swarm->world, seat))
            start(swarm, seat);
    }
}
