/* What the scenario expects beside the invariants: looked at with every sample, judged at the end.
 * Each expectation that fails is told once, with the worst that was seen. */
#include <stdlib.h>

#include "sim/run/run_parts.h"

enum { FRESH_MS = 10 * 60 * 1000 };

static void note_worst(struct run *run, size_t place, uint64_t value, size_t seat)
{
    struct worst *worst = &run->worst[place];
    if (value <= worst->value)
        return;
    *worst = (struct worst){.value = value, .seat = seat, .at_ms = run_now(run)};
}

/* ---- age: how old the oldest figure is that the root's total is made of ---- */

static void sample_age(struct run *run, size_t place)
{
    struct buffer answer = {0};
    uint64_t reported = 0, expected = 1, as_of_ms = 0, age_ms = run_now(run);
    if (!world_runs(run->world, run->root))
        return;
    query_rollup(world_view(run->world, run->root),
                 replica_tree(world_replica(run->world, run->root)),
                 run->county->seats[run->root].code, span_of_text("records"), SPAN_EMPTY, FRESH_MS,
                 &answer, NULL);
    struct mp_reader reader = mp_reader(span_of_buffer(&answer));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader);
        if (span_equal(name, span_of_text("as_of"))) {
            as_of_ms = mp_read_uint(&reader);
        } else if (span_equal(name, span_of_text("origins"))) {
            mp_read_array(&reader);
            reported = mp_read_uint(&reader);
            expected = mp_read_uint(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    buffer_free(&answer);
    uint64_t wall_ms = world_wall_ms(run->world);
    if (reported == expected && as_of_ms > 0 && wall_ms > as_of_ms && wall_ms - as_of_ms < age_ms)
        age_ms = wall_ms - as_of_ms;
    note_worst(run, place, age_ms, run->root);
}

/* ---- backlog: entries that wait for a link ---- */

static void sample_backlog(struct run *run, size_t place)
{
    const struct candidates *who = &run->expectation_seats[place];
    size_t seats = run->county->seat_count;
    if (run->model == NULL)
        return;
    uint64_t *up = mem_alloc(seats * sizeof *up), *down = mem_alloc(seats * sizeof *down);
    model_backlogs(run->model, up, down);
    for (size_t i = 0; i < who->count; i++)
        note_worst(run, place, up[who->seats[i]] + down[who->seats[i]], who->seats[i]);
    free(up);
    free(down);
}

/* ---- bytes over links ---- */

static void sum_bytes(struct run *run, size_t place)
{
    const struct candidates *who = &run->expectation_seats[place];
    uint64_t bytes = 0;
    for (size_t i = 0; i < who->count; i++) {
        const struct link_counts *counts = world_link_counts(run->world, who->seats[i]);
        bytes += counts->bytes_up + counts->bytes_down;
    }
    note_worst(run, place, bytes, who->count > 0 ? who->seats[0] : run->root);
}

/* ---- urgent: how long a directive was not at a seat that could be reached all the while ---- */

/* A link has come or gone: the paths of all below it are whole only from now on, if at all. */
void expectations_link(struct run *run, size_t child)
{
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        if (county_is_above(run->county, child, seat))
            run->seats[seat].broken_ms = run_now(run);
    }
}

static bool is_reached(const struct run *run, size_t seat)
{
    const struct county_seat *seats = run->county->seats;
    bool whole = world_runs(run->world, seat);
    for (; whole && seats[seat].parent != seat; seat = seats[seat].parent)
        whole = world_is_up(run->world, seat) && world_runs(run->world, seats[seat].parent);
    return whole;
}

void expectations_wrote(struct run *run, uint64_t serial)
{
    const struct model_op *op = &run->model->ops[serial - 1];
    bool wanted = false;
    for (size_t i = 0; i < run->scenario->expectation_count && op->kind == WRITE_PUT; i++) {
        const struct expectation *expectation = &run->scenario->expectations[i];
        struct planned look = {.at_ms = run_now(run) + expectation->limit + 1,
                               .kind = PLANNED_LOOK};
        if (expectation->kind != EXPECTATION_URGENT)
            continue;
        plan_add(&run->plan, &look);
        wanted = true;
    }
    if (!wanted)
        return;
    run->urgent = mem_resize(run->urgent, (run->urgent_count + 1) * sizeof *run->urgent);
    run->urgent[run->urgent_count++] = (struct urgent){serial, run_now(run)};
}

/* True while somebody is without it. */
static bool sample_directive(struct run *run, size_t place, const struct urgent *urgent)
{
    const struct candidates *who = &run->expectation_seats[place];
    const struct model_op *op = &run->model->ops[urgent->serial - 1];
    bool open = false;
    if (op->record == SIZE_MAX || !op->in_log)
        return op->fate == MODEL_ASKED || op->fate == MODEL_DONE;
    const struct model_record *record = &run->model->records[op->record];
    if (record->type != MODEL_DIRECTIVE || op->fate == MODEL_GONE)
        return false;
    for (size_t i = 0; i < who->count; i++) {
        size_t seat = who->seats[i];
        if (!model_in_circle(run->model, record, seat) || model_holds(run->model, op, seat))
            continue;
        uint64_t since = urgent->at_ms;
        if (run->seats[seat].broken_ms > since)
            since = run->seats[seat].broken_ms;
        open = true;
        if (is_reached(run, seat))
            note_worst(run, place, run_now(run) - since, seat);
    }
    return open;
}

void expectations_look(struct run *run)
{
    size_t kept = 0;
    for (size_t i = 0; i < run->urgent_count; i++) {
        bool open = false;
        for (size_t place = 0; place < run->scenario->expectation_count; place++) {
            if (run->scenario->expectations[place].kind == EXPECTATION_URGENT)
                open |= sample_directive(run, place, &run->urgent[i]);
        }
        if (open)
            run->urgent[kept++] = run->urgent[i];
    }
    run->urgent_count = kept;
}

void expectations_sample(struct run *run)
{
    for (size_t i = 0; i < run->scenario->expectation_count; i++) {
        enum expectation_kind kind = run->scenario->expectations[i].kind;
        if (kind == EXPECTATION_AGE)
            sample_age(run, i);
        else if (kind == EXPECTATION_BACKLOG)
            sample_backlog(run, i);
    }
    if (run->urgent_count > 0)
        expectations_look(run);
}

/* ---- the end ---- */

static void tell(struct run *run, size_t place, const char *what)
{
    const struct expectation *expectation = &run->scenario->expectations[place];
    const struct worst *worst = &run->worst[place];
    struct buffer text = {0};
    enum unit unit = expectation_unit(expectation->kind);
    if (worst->value <= expectation->limit)
        return;
    unit_print(unit, worst->value, &text);
    buffer_append_span(&text, span_of_text(" at "));
    buffer_append_span(&text, span_of_text(run->county->seats[worst->seat].code));
    buffer_append_span(&text, span_of_text(", "));
    unit_print(UNIT_TIME, worst->at_ms, &text);
    buffer_append_span(&text, span_of_text(" after the beginning; expected at most "));
    unit_print(unit, expectation->limit, &text);
    findings_add(&run->result->findings, FINDING_EXPECTED, "%s: %.*s", what, (int)text.size,
                 (const char *)text.data);
    buffer_free(&text);
}

void expectations_end(struct run *run)
{
    struct run_result *result = run->result;
    for (size_t i = 0; i < run->scenario->expectation_count; i++) {
        switch (run->scenario->expectations[i].kind) {
        case EXPECTATION_EQUAL:
            if (result->rested_ms > result->healed_ms)
                note_worst(run, i, result->rested_ms - result->healed_ms, run->root);
            tell(run, i, "everybody was equal only so long after the last healing");
            break;
        case EXPECTATION_AGE: tell(run, i, "figures were as old as this"); break;
        case EXPECTATION_BACKLOG: tell(run, i, "entries waited for a link"); break;
        case EXPECTATION_BYTES:
            sum_bytes(run, i);
            tell(run, i, "bytes crossed the links");
            break;
        case EXPECTATION_URGENT:
            tell(run, i, "a directive was not at a seat that could be reached for so long");
            break;
        case EXPECTATION_KINDS: break;
        }
        result->expected[i] = run->worst[i].value;
    }
}
