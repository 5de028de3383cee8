/* People at work: each seat by itself writes so many records a day, or all together so many. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/model_case.h"
#include "sim/run/run_parts.h"

enum { MINUTE_MS = 60 * 1000, DAY_MS = 24 * 3600 * 1000, AWAY_MS = 15 * MINUTE_MS };

static uint64_t until_of(const struct run *run, const struct work *work)
{
    return work->until == 0 || work->until > run->end_ms ? run->end_ms : work->until;
}

static void plan(struct run *run, uint64_t at_ms, enum planned_kind kind, size_t rule, size_t seat)
{
    struct planned planned = {.at_ms = at_ms, .kind = kind, .rule = rule, .seat = seat};
    plan_add(&run->plan, &planned);
}

/* Milliseconds since midnight at the scenario's beginning. */
static uint64_t begun_into_day(const struct run *run)
{
    return run->scenario->begins_wall_ms % DAY_MS;
}

/* An even draw from the hours of a day, which may run over midnight. */
static uint64_t draw_time_of_day(struct run *run, const struct work *work)
{
    uint64_t from = (uint64_t)work->from_minute * MINUTE_MS;
    uint64_t to = (uint64_t)work->to_minute * MINUTE_MS;
    if (from == to)
        return prng_below(&run->prng, DAY_MS);
    uint64_t length = to > from ? to - from : DAY_MS - from + to;
    return (from + prng_below(&run->prng, length)) % DAY_MS;
}

static void plan_total(struct run *run, size_t rule)
{
    const struct work *work = &run->scenario->works[rule];
    uint64_t until = until_of(run, work), length = until > work->from ? until - work->from : 0;
    uint64_t burst = work->burst_max > 1 ? work->burst_max : 1;
    uint64_t mean = (1 + burst) / 2, times = (work->total + mean - 1) / mean;
    for (uint64_t i = 0; i < times && length > 0; i++) {
        uint64_t from = work->from + length * i / times, to = work->from + length * (i + 1) / times;
        plan(run, to > from ? from + prng_below(&run->prng, to - from) : from, PLANNED_WRITE, rule,
             SIZE_MAX);
    }
}

void works_plan(struct run *run)
{
    for (size_t rule = 0; rule < run->scenario->work_count; rule++) {
        const struct work *work = &run->scenario->works[rule];
        const struct candidates *who = &run->work_seats[rule];
        if (work->total > 0) {
            plan_total(run, rule);
            continue;
        }
        for (size_t i = 0; i < who->count; i++)
            plan(run, 0, PLANNED_DAY, rule, who->seats[i]);
    }
}

void works_day(struct run *run, const struct planned *planned)
{
    const struct work *work = &run->scenario->works[planned->rule];
    uint64_t into = begun_into_day(run), now = run_now(run), until = until_of(run, work);
    uint64_t midnight = (into + now) / DAY_MS * DAY_MS; /* before now, counted from the first */
    uint64_t count = run_draw(run, work->per_day);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = midnight + draw_time_of_day(run, work);
        if (at >= into + now && at - into >= work->from && at - into < until)
            plan(run, at - into, PLANNED_WRITE, planned->rule, planned->seat);
    }
    if (midnight + DAY_MS - into < until)
        plan(run, midnight + DAY_MS - into, PLANNED_DAY, planned->rule, planned->seat);
}

/* ---- one write ---- */

static enum model_type type_of(const struct work *work)
{
    for (int type = 1; type < MODEL_TYPES; type++) {
        if (strcmp(model_type_name((enum model_type)type), work->type) == 0)
            return (enum model_type)type;
    }
    return MODEL_INCIDENT;
}

static void draw_marker(const struct run *run, char text[static MODEL_TEXT_BYTES])
{
    if (run->model == NULL)
        model_marker_of(run->plain.write_count + 1, text);
    else
        model_marker(run->model, text);
}

static size_t draw_values(struct run *run, const struct work *work, struct model_value *values,
                          bool creating)
{
    size_t count = 0;
    int32_t marked = creating ? MODEL_TITLE : prng_chance(&run->prng, 700) ? MODEL_S : MODEL_NOTES;
    values[count] = (struct model_value){.field = marked};
    draw_marker(run, values[count++].text);
    if (marked != MODEL_S && (work->bytes.high > 0 || prng_chance(&run->prng, 400))) {
        struct range more = work->bytes;
        values[count] =
            (struct model_value){.field = MODEL_S, .more = (uint32_t)run_draw(run, more)};
        draw_marker(run, values[count++].text);
    }
    if (prng_chance(&run->prng, 300))
        values[count++] = (struct model_value){.field = MODEL_LEVEL,
                                               .number = (int64_t)prng_below(&run->prng, 5)};
    if (prng_chance(&run->prng, 300))
        values[count++] = (struct model_value){
            .field = MODEL_CALLS, .number = (int64_t)prng_between(&run->prng, 0, 20) - 5};
    return count;
}

/* What is private is asked for in an operation of its own, the next one. */
static size_t draw_private(struct run *run, struct model_value *values, size_t count)
{
    static const int32_t fields[] = {MODEL_NAME, MODEL_PHONE};
    size_t from = count;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!prng_chance(&run->prng, 500))
            continue;
        values[count] = (struct model_value){.field = fields[i]};
        model_marker_of(run->model->op_count + (from > 0 ? 2 : 1), values[count++].text);
    }
    return count;
}

/* Of a visit: what is open in it, and in half of the writes what is private; or that alone. */
static size_t draw_visit(struct run *run, struct model_value *values, bool creating)
{
    size_t count = 0;
    uint64_t dice = creating ? 0 : prng_below(&run->prng, 3);
    if (dice < 2) {
        values[count] = (struct model_value){.field = creating ? MODEL_TITLE : MODEL_S};
        draw_marker(run, values[count++].text);
    }
    if (dice > 0 || prng_chance(&run->prng, 500))
        count = draw_private(run, values, count);
    if (count == 0) {
        values[count] = (struct model_value){.field = MODEL_S};
        draw_marker(run, values[count++].text);
    }
    return count;
}

/* The model doesn't say what an erased number leaves of its author's total. */
static size_t without_calls(struct model_value *values, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (values[i].field != MODEL_CALLS)
            values[kept++] = values[i];
    }
    return kept;
}

static size_t draw_addressee(struct run *run, size_t node)
{
    size_t to = prng_below(&run->prng, run->county->seat_count - 1);
    return to + (to >= node);
}

static void put(struct run *run, const struct work *work, size_t node)
{
    struct model_value values[MODEL_VALUES_MAX];
    enum model_type type = type_of(work);
    if (model_is_addressed(type) && run->county->seat_count == 1)
        return;
    size_t count = type == MODEL_VISIT && run->model != NULL ? draw_visit(run, values, true)
                                                             : draw_values(run, work, values, true);
    if (type == MODEL_PERSON)
        count = without_calls(values, count);
    size_t seat = world_seat_of(run->world, node);
    size_t to = model_is_addressed(type) ? draw_addressee(run, seat) : 0;
    if (model_is_addressed(type) && !run->county->seats[to].counts)
        return;
    if (run->model == NULL)
        plain_put(run, node, type, to, values, count);
    else
        expectations_wrote(run, model_write(run->model, node, WRITE_PUT, type, to, values, count));
}

/* New records go to their makers' lists. */
static void sort_records(struct run *run)
{
    for (; run->records_seen < run->model->record_count; run->records_seen++) {
        struct seat_run *own = &run->seats[run->model->records[run->records_seen].origin];
        if (own->own_count == own->own_capacity) {
            own->own_capacity = 2 * own->own_capacity + 16;
            own->own = mem_resize(own->own, own->own_capacity * sizeof *own->own);
        }
        own->own[own->own_count++] = run->records_seen;
    }
}

/* A record that the node may write to; newer ones are likelier. Now and then one it may not. */
static size_t draw_record(struct run *run, size_t node, enum model_type type)
{
    const struct model *model = run->model;
    size_t seat = world_seat_of(run->world, node);
    bool any = prng_chance(&run->prng, 30);
    for (int tries = 0; tries < 20 && model->record_count > 0; tries++) {
        size_t recent =
            model->record_count < 10 || prng_chance(&run->prng, 300) ? model->record_count : 10;
        size_t place = model->record_count - 1 - prng_below(&run->prng, recent);
        const struct model_record *record = &model->records[place];
        bool may = record->type == type && model_in_circle(model, record, seat) &&
                   (record->type != MODEL_DIRECTIVE || record->origin == seat);
        if (may || any)
            return model_main_of(model, place);
    }
    sort_records(run);
    const struct seat_run *own = &run->seats[world_seat_of(run->world, node)];
    return own->own_count == 0
               ? SIZE_MAX
               : model_main_of(model, own->own[prng_below(&run->prng, own->own_count)]);
}

static void change_plainly(struct run *run, const struct work *work, size_t node,
                           enum write_kind kind)
{
    struct model_value values[MODEL_VALUES_MAX];
    size_t count = draw_values(run, work, values, false);
    if (!plain_change(run, node, kind, type_of(work), values, count))
        put(run, work, node);
}

/* A step of a case, whether it may be taken now or not: its node says so. */
static size_t draw_step(struct run *run, struct model_value *values)
{
    const struct model_step *step = model_step_at(prng_below(&run->prng, MODEL_STEPS));
    size_t count = 0;
    values[count++] = (struct model_value){.field = FIELD_TRANSITION, .number = step->number};
    values[count] = (struct model_value){.field = step->wanted != 0 ? step->wanted : MODEL_S};
    draw_marker(run, values[count++].text);
    return count;
}

static size_t draw_joining(struct run *run, const struct model_record *record);

/* To a neighbour of somebody who has it, often to one who has it already; half of the time with a
 * word in private. */
static void hand(struct run *run, size_t node, size_t place)
{
    struct model_value values[MODEL_VALUES_MAX];
    const struct model_step *step = model_step_named(MODEL_VISIT, "hand");
    size_t to = draw_joining(run, &run->model->records[place]), count = 0;
    values[count++] = (struct model_value){.field = FIELD_TRANSITION, .number = step->number};
    values[count] = (struct model_value){.field = MODEL_S};
    draw_marker(run, values[count++].text);
    if (prng_chance(&run->prng, 500))
        count = draw_private(run, values, count);
    if (run->county->seats[to].counts)
        model_hand(run->model, node, place, values, count, to);
}

static void change(struct run *run, const struct work *work, size_t node, enum write_kind kind)
{
    struct model_value values[MODEL_VALUES_MAX];
    size_t record = draw_record(run, node, type_of(work)), count = 0;
    if (record == SIZE_MAX) {
        put(run, work, node);
        return;
    }
    enum model_type type = run->model->records[record].type;
    if (kind == WRITE_SET && type == MODEL_CASE && prng_chance(&run->prng, 850)) {
        kind = WRITE_DO;
        count = draw_step(run, values);
    } else if (kind == WRITE_SET && type == MODEL_VISIT && prng_chance(&run->prng, 200)) {
        hand(run, node, record);
        return;
    } else if (kind == WRITE_SET) {
        count = type == MODEL_VISIT ? draw_visit(run, values, false)
                                    : draw_values(run, work, values, false);
        if (type == MODEL_PERSON)
            count = without_calls(values, count);
        if (prng_chance(&run->prng, 100) && !model_is_private(values[0].field))
            values[count++] = (struct model_value){.field = FIELD_DELETED, .number = 0};
    }
    model_write(run->model, node, kind, type, record, values, count);
}

/* Of a person: one of the texts, or all that was ever said. */
static void erase(struct run *run, const struct work *work, size_t node)
{
    size_t record = draw_record(run, node, type_of(work));
    bool fields[MODEL_CALLS] = {false};
    uint64_t dice = prng_below(&run->prng, 3);
    fields[MODEL_S] = dice == 0;
    fields[MODEL_NOTES] = dice == 1;
    if (record == SIZE_MAX || run->model->records[record].type != MODEL_PERSON)
        put(run, work, node);
    else
        model_erase(run->model, node, record, fields);
}

/* Mostly a neighbour of one who has it: a parent or a child; else anybody. */
static size_t draw_joining(struct run *run, const struct model_record *record)
{
    const struct model *model = run->model;
    const struct county *county = run->county;
    size_t member =
        model_circle_seat(model, record, prng_below(&run->prng, model_circle_size(model, record)));
    size_t children = county->child_first[member + 1] - county->child_first[member];
    uint64_t dice = prng_below(&run->prng, 10);
    if (dice < 4)
        return county->seats[member].parent;
    if (dice < 8 && children > 0)
        return county->children[county->child_first[member] + prng_below(&run->prng, children)];
    return prng_below(&run->prng, county->seat_count);
}

static void extend(struct run *run, const struct work *work, size_t node)
{
    size_t place = draw_record(run, node, type_of(work)), seats[2], count = 0;
    const struct model_record *record = place == SIZE_MAX ? NULL : &run->model->records[place];
    for (int tries = 0; record != NULL && record->type != MODEL_DIRECTIVE && tries < 2; tries++) {
        size_t seat = draw_joining(run, record);
        if (run->county->seats[seat].counts && (count == 0 || seats[0] != seat) &&
            model_circle_place(run->model, record, seat) == SIZE_MAX)
            seats[count++] = seat;
    }
    if (count > 0)
        model_extend(run->model, node, place, seats, count);
    else
        put(run, work, node);
}

static void write_once(struct run *run, const struct work *work, size_t node)
{
    uint64_t dice = prng_below(&run->prng, 100);
    bool sets = dice < work->set_percent;
    bool deletes = !sets && dice < (uint64_t)work->set_percent + work->delete_percent;
    if (dice >= 100 - (uint64_t)work->extend_percent && run->model != NULL) {
        extend(run, work, node);
        return;
    }
    if (work->erase_percent > 0 && run->model != NULL && !sets && !deletes &&
        dice < (uint64_t)work->set_percent + work->delete_percent + work->erase_percent) {
        erase(run, work, node);
        return;
    }
    enum write_kind kind = sets ? WRITE_SET : WRITE_DELETE;
    if (!sets && !deletes)
        put(run, work, node);
    else if (run->model == NULL)
        change_plainly(run, work, node, kind);
    else
        change(run, work, node, kind);
}

/* Somebody of those whose node runs. */
static size_t draw_runner(struct run *run, const struct candidates *who)
{
    for (int tries = 0; tries < 20; tries++) {
        size_t node = who->seats[prng_below(&run->prng, who->count)];
        if (world_runs(run->world, node))
            return node;
    }
    return SIZE_MAX;
}

/* Where the node doesn't run, people come back later. */
void works_write(struct run *run, const struct planned *planned)
{
    const struct work *work = &run->scenario->works[planned->rule];
    size_t node = planned->seat;
    if (node == SIZE_MAX) {
        node = draw_runner(run, &run->work_seats[planned->rule]);
    } else if (!world_runs(run->world, node)) {
        if (run_now(run) + AWAY_MS < until_of(run, work))
            plan(run, run_now(run) + AWAY_MS, PLANNED_WRITE, planned->rule, node);
        return;
    }
    if (node == SIZE_MAX)
        return;
    size_t clone = run->seats[node].clone;
    if (clone != SIZE_MAX && world_runs(run->world, clone) && prng_chance(&run->prng, 500))
        node = clone;
    uint64_t burst = work->burst_max > 1 ? prng_between(&run->prng, 1, work->burst_max) : 1;
    for (; burst > 0; burst--)
        write_once(run, work, node);
}
