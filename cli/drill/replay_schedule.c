/* The life that was watched, as writes and records; and whether the end can be the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drill/replay_parts.h"

const char *replay_act_text(enum replay_act act)
{
    static const char *const texts[] = {
#define X(name, text) text,
        REPLAY_ACT_LIST(X)
#undef X
    };
    return texts[act];
}

/* ---- at its end ---- */

struct ending {
    struct watching *watching;
    const struct model *model;
    size_t *place; /* among the writes, by the model's operation; SIZE_MAX: none */
};

static void take_seen(const struct ending *ending, const struct model_op *op,
                      struct replay_write *write)
{
    const struct model_record *record = &ending->model->records[op->record];
    write->seen = mem_alloc((record->op_count + 1) * sizeof *write->seen);
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *other = &ending->model->ops[record->ops[i]];
        if (other != op && ending->place[record->ops[i]] != SIZE_MAX && model_saw(op, other))
            write->seen[write->seen_count++] = ending->place[record->ops[i]];
    }
}

static void take_record(struct ending *ending, size_t write, const struct model_op *op)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    struct replay_record *record = &schedule->records[op->record];
    const struct model_record *from = &ending->model->records[op->record];
    record->simulated = from->id;
    record->origin = from->origin;
    if (record->type[0] == '\0')
        snprintf(record->type, sizeof record->type, "%s", model_type_name(from->type));
    record->writes = mem_resize(record->writes, (record->write_count + 1) * sizeof *record->writes);
    if (op->kind == WRITE_PUT && record->write_count > 0)
        record->excuse = "the simulation made two records of one name";
    record->writes[record->write_count++] = write;
}

static void take_write(struct ending *ending, struct replay_item *item)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    const struct model_op *op = &ending->model->ops[item->number];
    const struct asked *asked = &ending->watching->asked[item->number];
    size_t place = schedule->write_count++;
    struct replay_write *write = &schedule->writes[place];
    *write = (struct replay_write){
        .serial = op->serial,
        .seat = op->node,
        .record = op->record,
        .kind = op->kind,
        .gone = op->fate != MODEL_DONE,
    };
    if (op->kind != WRITE_DELETE)
        buffer_append_span(&write->fields, span_of_buffer(&asked->fields));
    memcpy(write->to, asked->to, sizeof write->to);
    ending->place[item->number] = place;
    item->number = place;
    take_record(ending, place, op);
}

/* From the model's operations to the writes that are played. */
static void take_needs(const struct ending *ending, struct replay_item *item)
{
    size_t kept = 0;
    for (size_t i = 0; i < item->need_count; i++) {
        size_t write = ending->place[item->needs[i].write];
        if (write != SIZE_MAX)
            item->needs[kept++] = (struct replay_need){write, item->needs[i].seat};
    }
    item->need_count = kept;
}

/* Types of a later version, which real nodes don't have, and what does more to a record than write
 * it are left out; records of which that is a part are excused. */
static const char *why_not_played(const struct ending *ending, const struct model_op *op)
{
    enum model_type type = ending->model->records[op->record].type;
    if (type > MODEL_MATTER)
        return "real nodes have the first version of the types, without its own";
    if (op->kind > WRITE_DELETE)
        return "a step, an extension or an erasure of it isn't played";
    return NULL;
}

/* Items that nothing came of go. */
static bool stays(const struct ending *ending, const struct replay_item *item)
{
    if (item->act == REPLAY_IMAGE)
        return item->number != SIZE_MAX;
    if (item->act != REPLAY_WRITE)
        return true;
    const struct model_op *op = &ending->model->ops[item->number];
    return op->in_log && op->record < ending->model->record_count &&
           why_not_played(ending, op) == NULL;
}

/* Of what one batch wrote to one record the log says the order; a deletion isn't known by its text,
 * so that the model may call it by the number of another. */
static void sort_batches(const struct ending *ending)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    for (size_t i = 0; i < schedule->item_count; i++) {
        struct replay_item *item = &schedule->items[i];
        for (size_t j = i + 1; j < schedule->item_count && item->act == REPLAY_WRITE; j++) {
            struct replay_item *later = &schedule->items[j];
            if (later->act != REPLAY_WRITE || later->at_ms != item->at_ms ||
                later->seat != item->seat)
                break;
            const struct model_op *first = &ending->model->ops[item->number];
            const struct model_op *second = &ending->model->ops[later->number];
            size_t number = item->number;
            if (first->record != second->record || first->dot.epoch != second->dot.epoch ||
                first->dot.n <= second->dot.n)
                continue;
            item->number = later->number;
            later->number = number;
        }
    }
}

static void take_items(struct ending *ending)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    sort_batches(ending);
    size_t kept = 0;
    schedule->writes = mem_alloc((schedule->item_count + 1) * sizeof *schedule->writes);
    schedule->record_count = ending->model->record_count;
    schedule->records = mem_alloc((schedule->record_count + 1) * sizeof *schedule->records);
    for (size_t i = 0; i < schedule->item_count; i++) {
        if (!stays(ending, &schedule->items[i])) {
            free(schedule->items[i].needs);
            continue;
        }
        schedule->items[kept] = schedule->items[i];
        if (schedule->items[kept].act == REPLAY_WRITE)
            take_write(ending, &schedule->items[kept]);
        else
            take_needs(ending, &schedule->items[kept]);
        kept++;
    }
    schedule->item_count = kept;
}

static void excuse(struct replay_schedule *schedule, size_t record, const char *why)
{
    if (schedule->records[record].excuse == NULL)
        schedule->records[record].excuse = why;
}

/* Whether clocks alone decide between two of one rank, and otherwise than the order in which they
 * will be played. */
static bool clocks_decide(const struct ending *ending, const struct model_op *first,
                          const struct model_op *second)
{
    const struct county *county = ending->watching->schedule->county;
    if (county->seats[first->node].tier != county->seats[second->node].tier ||
        model_saw(second, first) || model_saw(first, second))
        return false;
    return first->clock > second->clock ||
           (first->clock == second->clock &&
            key_id_compare(first->dot.author, second->dot.author) > 0);
}

static void judge_clocks(const struct ending *ending, size_t place)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    const struct replay_record *record = &schedule->records[place];
    for (size_t i = 0; i < record->write_count; i++) {
        for (size_t j = i + 1; j < record->write_count; j++) {
            const struct replay_write *first = &schedule->writes[record->writes[i]];
            const struct replay_write *second = &schedule->writes[record->writes[j]];
            if (clocks_decide(ending, &ending->model->ops[first->serial - 1],
                              &ending->model->ops[second->serial - 1]))
                excuse(schedule, place, "the simulated clocks decided between two of its writes");
        }
    }
}

/* A write that the simulation lost stays in a real life, unless a disk is put back or emptied there
 * as well. */
static void judge_losses(struct replay_schedule *schedule)
{
    bool *forgets = mem_alloc((schedule->county->seat_count + 1) * sizeof *forgets);
    for (size_t i = 0; i < schedule->item_count; i++) {
        if (schedule->items[i].act == REPLAY_RESTORE || schedule->items[i].act == REPLAY_WIPE)
            forgets[schedule->items[i].seat] = true;
    }
    for (size_t i = 0; i < schedule->write_count; i++) {
        const struct replay_write *write = &schedule->writes[i];
        if (write->gone && !forgets[write->seat])
            excuse(schedule, write->record, "the simulation lost a write of it with a disk");
    }
    free(forgets);
}

static void judge_kinds(const struct ending *ending)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    for (size_t i = 0; i < ending->model->op_count; i++) {
        const struct model_op *op = &ending->model->ops[i];
        if (!op->in_log || op->record >= schedule->record_count)
            continue;
        const char *why = why_not_played(ending, op);
        if (why == NULL)
            continue;
        schedule->records[op->record].simulated = ending->model->records[op->record].id;
        excuse(schedule, op->record, why);
    }
}

/* What a second machine of one key wrote isn't played, and a fork comes out as its hashes fall. */
static void judge_machines(const struct ending *ending)
{
    struct replay_schedule *schedule = ending->watching->schedule;
    for (size_t i = 0; i < ending->model->op_count; i++) {
        const struct model_op *op = &ending->model->ops[i];
        if (op->in_log && op->record < schedule->record_count &&
            op->node >= schedule->county->seat_count)
            excuse(schedule, op->record, "in the simulation a second machine of one key wrote it");
    }
    for (size_t i = 0; i < schedule->record_count; i++) {
        if (ending->model->records[i].forked)
            excuse(schedule, i,
                   "in the simulation an author of it signed two things for one place");
    }
}

void replay_take_end(struct watching *watching, struct world *world, const struct model *model)
{
    struct replay_schedule *schedule = watching->schedule;
    struct ending ending = {watching, model, mem_alloc((model->op_count + 1) * sizeof(size_t))};
    memset(ending.place, 0xff, (model->op_count + 1) * sizeof *ending.place);
    take_items(&ending);
    for (size_t i = 0; i < schedule->write_count; i++) {
        struct replay_write *write = &schedule->writes[i];
        const struct model_op *op = &model->ops[write->serial - 1];
        if (write->kind != WRITE_PUT)
            take_seen(&ending, op, write);
    }
    judge_losses(schedule);
    judge_machines(&ending);
    judge_kinds(&ending);
    for (size_t i = 0; i < schedule->record_count; i++) {
        judge_clocks(&ending, i);
        schedule->excused += schedule->records[i].excuse != NULL;
    }
    free(ending.place);
    const struct county *county = schedule->county;
    schedule->ends = mem_alloc((county->seat_count + 1) * sizeof *schedule->ends);
    for (size_t i = 0; i < county->seat_count && watching->error.code == ERR_OK; i++)
        portrait_take(world_view(world, i), world_county(world)->tree, &schedule->ends[i],
                      &watching->error);
}

static bool holds(const struct replay_schedule *schedule, const struct scenario *scenario,
                  struct error *error)
{
    if (schedule->result.outcome == OUTCOME_HELD)
        return true;
    error_set(error, ERR_INVALID, scenario->name,
              "the simulation itself %s: there is no end to compare with",
              outcome_text(schedule->result.outcome));
    error_next(error, "`terrace sim run` tells what is wrong in it");
    return false;
}

struct replay_schedule *replay_schedule_new(const struct scenario *scenario, struct error *error)
{
    struct replay_schedule *schedule = mem_alloc(sizeof *schedule);
    schedule->county = scenario_county(scenario);
    struct watching watching;
    struct run_watcher watcher;
    watching_begin(&watching, schedule, &watcher);
    struct run_options options = {.watcher = &watcher};
    enum error_code code = run_scenario(scenario, &options, &schedule->result, error);
    bool good = code == ERR_OK && holds(schedule, scenario, error);
    if (good && watching.error.code != ERR_OK) {
        *error = watching.error;
        good = false;
    }
    watching_end(&watching);
    if (!good) {
        replay_schedule_free(schedule);
        return NULL;
    }
    replay_leave_out(schedule, scenario);
    return schedule;
}

void replay_schedule_free(struct replay_schedule *schedule)
{
    if (schedule == NULL)
        return;
    for (size_t i = 0; i < schedule->write_count; i++) {
        buffer_free(&schedule->writes[i].fields);
        free(schedule->writes[i].seen);
    }
    for (size_t i = 0; i < schedule->item_count; i++)
        free(schedule->items[i].needs);
    for (size_t i = 0; i < schedule->record_count; i++)
        free(schedule->records[i].writes);
    for (size_t i = 0; schedule->ends != NULL && i < schedule->county->seat_count; i++)
        portrait_free(&schedule->ends[i]);
    for (size_t i = 0; i < schedule->left_out_count; i++)
        free(schedule->left_out[i]);
    free(schedule->left_out);
    free(schedule->ends);
    free(schedule->records);
    free(schedule->writes);
    free(schedule->items);
    run_result_clear(&schedule->result);
    county_free(schedule->county);
    free(schedule);
}
