/* The simulator's life, written down as things to do. */
#include "cli/drill/replay_schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

enum {
    QUIET_MS = 5000, /* virtual time without a block on any link: nothing is on its way */
    MESSAGE_IS_BLOCK = 8,
};

const char *replay_act_text(enum replay_act act)
{
    static const char *const texts[] = {
#define X(name, text) text,
        REPLAY_ACT_LIST(X)
#undef X
    };
    return texts[act];
}

struct image { /* as long as nobody knows whether it is put back */
    size_t seat, item;
    uint64_t at_ms;
};

struct under_way { /* an operation that not all of its circle have been seen to have */
    size_t op;
    uint64_t *noted; /* a bit each by model_circle_place; owned */
    size_t noted_count;
};

struct asked { /* a write as it was asked for, by its number */
    struct buffer fields;
    char type[FIELD_NAME_BYTES_MAX + 1];
    char to[SEAT_BYTES_MAX + 1];
};

struct watching {
    struct replay_schedule *schedule;
    struct asked *asked; /* place = serial - 1 */
    size_t asked_count;
    size_t *open; /* places of the model's operations that no log has had yet */
    size_t open_count, model_count;
    struct under_way *under_way;
    size_t under_way_count, under_way_capacity;
    const struct model *model;
    struct image *images;
    size_t image_count;
    unsigned *cut, *paused; /* how many faults keep each seat so */
    bool *dead;             /* real nodes are up at the beginning */
    uint64_t block_ms;      /* when the last block was sent */
    struct error error;
};

/* ---- while it lives ---- */

static struct replay_item *add_item(struct watching *watching, uint64_t at_ms, enum replay_act act,
                                    size_t seat)
{
    struct replay_schedule *schedule = watching->schedule;
    schedule->items =
        mem_resize(schedule->items, (schedule->item_count + 1) * sizeof *schedule->items);
    struct replay_item *item = &schedule->items[schedule->item_count++];
    *item = (struct replay_item){
        .at_ms = at_ms, .act = act, .seat = seat, .quiet = at_ms - watching->block_ms >= QUIET_MS};
    return item;
}

static void note_holders(struct replay_item *item, const struct model *model,
                         struct under_way *under_way)
{
    const struct model_op *op = &model->ops[under_way->op];
    const struct model_record *record = &model->records[op->record];
    size_t size = model_circle_size(model, record);
    for (size_t place = 0; place < size; place++) {
        size_t seat = model_circle_seat(model, record, place);
        uint64_t bit = (uint64_t)1 << place % 64;
        if ((under_way->noted[place / 64] & bit) != 0 || !model_holds(model, op, seat))
            continue;
        under_way->noted[place / 64] |= bit;
        under_way->noted_count++;
        item->needs = mem_resize(item->needs, (item->need_count + 1) * sizeof *item->needs);
        item->needs[item->need_count++] = (struct replay_need){under_way->op, seat};
    }
}

/* Something is about to be taken away: what has come to whom until now. */
static void note_needs(struct watching *watching, struct replay_item *item)
{
    size_t kept = 0;
    for (size_t i = 0; i < watching->under_way_count; i++) {
        struct under_way *under_way = &watching->under_way[i];
        const struct model_op *op = &watching->model->ops[under_way->op];
        note_holders(item, watching->model, under_way);
        if (under_way->noted_count <
            model_circle_size(watching->model, &watching->model->records[op->record]))
            watching->under_way[kept++] = *under_way;
        else
            free(under_way->noted);
    }
    watching->under_way_count = kept;
}

static void add_under_way(struct watching *watching, size_t place)
{
    const struct model_op *op = &watching->model->ops[place];
    size_t size = model_circle_size(watching->model, &watching->model->records[op->record]);
    if (watching->under_way_count == watching->under_way_capacity) {
        watching->under_way_capacity = 2 * watching->under_way_capacity + 64;
        watching->under_way = mem_resize(watching->under_way, watching->under_way_capacity *
                                                                  sizeof *watching->under_way);
    }
    watching->under_way[watching->under_way_count++] =
        (struct under_way){.op = place, .noted = mem_alloc((size / 64 + 1) * sizeof(uint64_t))};
}

/* Faults that overlap are one: only the first begins it, and the last ends it. */
static void add_lasting(struct watching *watching, uint64_t at_ms, enum replay_act act, size_t seat,
                        unsigned *count, bool begins)
{
    if (!begins && *count == 0)
        return;
    *count = begins ? *count + 1 : *count - 1;
    if (*count != (begins ? 1 : 0))
        return;
    struct replay_item *item = add_item(watching, at_ms, act, seat);
    if (begins)
        note_needs(watching, item);
}

static void add_image(struct watching *watching, uint64_t at_ms, size_t seat)
{
    watching->images =
        mem_resize(watching->images, (watching->image_count + 1) * sizeof *watching->images);
    watching->images[watching->image_count++] =
        (struct image){seat, watching->schedule->item_count, at_ms};
    struct replay_item *item = add_item(watching, at_ms, REPLAY_IMAGE, seat);
    item->number = SIZE_MAX;
    note_needs(watching, item);
}

/* "MS", or "MS high-water": the image of that time. */
static void add_restore(struct watching *watching, uint64_t at_ms, size_t seat, const char *text)
{
    struct replay_schedule *schedule = watching->schedule;
    char *end;
    uint64_t when = strtoull(text, &end, 10);
    for (size_t i = watching->image_count; i > 0; i--) {
        const struct image *image = &watching->images[i - 1];
        if (image->seat != seat || image->at_ms != when)
            continue;
        if (schedule->items[image->item].number == SIZE_MAX)
            schedule->items[image->item].number = schedule->image_count++;
        struct replay_item *item = add_item(watching, at_ms, REPLAY_RESTORE, seat);
        item->number = schedule->items[image->item].number;
        item->high_water = strcmp(end, " high-water") == 0;
        return;
    }
}

static void on_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                      const char *text)
{
    struct watching *watching = context;
    if (node >= watching->schedule->county->seat_count)
        return;
    bool half_open = text != NULL && strcmp(text, fault_name(FAULT_HALF_OPEN)) == 0;
    unsigned *cut = &watching->cut[node], *paused = &watching->paused[node];
    switch ((int)kind) {
    case MOMENT_CUT: add_lasting(watching, at_ms, REPLAY_CUT, node, cut, true); break;
    case MOMENT_HEALED: add_lasting(watching, at_ms, REPLAY_HEAL, node, cut, false); break;
    case MOMENT_FAULT:
        if (half_open)
            add_lasting(watching, at_ms, REPLAY_CUT, node, cut, true);
        break;
    case MOMENT_ENDED:
        if (half_open)
            add_lasting(watching, at_ms, REPLAY_HEAL, node, cut, false);
        break;
    case MOMENT_PAUSED: add_lasting(watching, at_ms, REPLAY_PAUSE, node, paused, true); break;
    case MOMENT_RESUMED: add_lasting(watching, at_ms, REPLAY_RESUME, node, paused, false); break;
    case MOMENT_DIED:
        note_needs(watching, add_item(watching, at_ms, REPLAY_KILL, node));
        watching->dead[node] = true;
        break;
    case MOMENT_STARTED:
        if (watching->dead[node])
            add_item(watching, at_ms, REPLAY_START, node);
        watching->dead[node] = false;
        break;
    case MOMENT_IMAGED: add_image(watching, at_ms, node); break;
    case MOMENT_RESTORED: add_restore(watching, at_ms, node, text); break;
    case MOMENT_WIPED: add_item(watching, at_ms, REPLAY_WIPE, node); break;
    default: break;
    }
}

static void on_sent(void *context, uint64_t at_ms, size_t from, size_t to, enum channel channel,
                    uint8_t type, struct span body)
{
    struct watching *watching = context;
    (void)from;
    (void)to;
    (void)channel;
    (void)body;
    if (type == MESSAGE_IS_BLOCK)
        watching->block_ms = at_ms;
}

static void take_text(char *to, size_t size, struct span text)
{
    snprintf(to, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
}

static void on_write(void *context, uint64_t at_ms, size_t node, const struct event *event)
{
    struct watching *watching = context;
    size_t place = event->write.request - 1;
    (void)at_ms;
    (void)node;
    if (place >= watching->asked_count) {
        watching->asked = mem_resize(watching->asked, (2 * place + 2) * sizeof *watching->asked);
        memset(watching->asked + watching->asked_count, 0,
               (2 * place + 2 - watching->asked_count) * sizeof *watching->asked);
        watching->asked_count = 2 * place + 2;
    }
    struct asked *asked = &watching->asked[place];
    buffer_clear(&asked->fields);
    buffer_append_span(&asked->fields, event->write.fields);
    take_text(asked->type, sizeof asked->type, event->write.type);
    take_text(asked->to, sizeof asked->to, event->write.to);
}

static void add_write(struct watching *watching, uint64_t at_ms, size_t node, size_t op)
{
    add_item(watching, at_ms, REPLAY_WRITE, node)->number = op;
    add_under_way(watching, op);
}

/* A write is played where its author's log has it: what was refused, or died with its process,
 * stands in none. */
static void on_batch(void *context, uint64_t at_ms, size_t node, struct world *world,
                     struct model *model)
{
    struct watching *watching = context;
    (void)world;
    if (watching->model_count < model->op_count) {
        watching->open = mem_resize(
            watching->open, (watching->open_count + model->op_count - watching->model_count) *
                                sizeof *watching->open);
        while (watching->model_count < model->op_count)
            watching->open[watching->open_count++] = watching->model_count++;
    }
    size_t kept = 0;
    for (size_t i = 0; i < watching->open_count; i++) {
        const struct model_op *op = &model->ops[watching->open[i]];
        bool found = op->node == node && op->in_log;
        if (!found)
            watching->open[kept++] = watching->open[i];
        else if (node < watching->schedule->county->seat_count)
            add_write(watching, at_ms, node, watching->open[i]);
    }
    watching->open_count = kept;
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

/* Items that nothing came of go. */
static bool stays(const struct ending *ending, const struct replay_item *item)
{
    if (item->act == REPLAY_IMAGE)
        return item->number != SIZE_MAX;
    if (item->act != REPLAY_WRITE)
        return true;
    const struct model_op *op = &ending->model->ops[item->number];
    return op->in_log && op->record < ending->model->record_count;
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

static void take_end(struct watching *watching, struct world *world, const struct model *model)
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

/* The first is the beginning, the second the end. */
static void on_sample(void *context, uint64_t at_ms, struct world *world, struct model *model)
{
    struct watching *watching = context;
    bool begins = at_ms == 0;
    watching->model = model;
    if (!begins && watching->schedule->ends == NULL)
        take_end(watching, world, model);
}

/* ---- both ---- */

static void watching_free(struct watching *watching)
{
    for (size_t i = 0; i < watching->asked_count; i++)
        buffer_free(&watching->asked[i].fields);
    free(watching->asked);
    for (size_t i = 0; i < watching->under_way_count; i++)
        free(watching->under_way[i].noted);
    free(watching->under_way);
    free(watching->open);
    free(watching->images);
    free(watching->cut);
    free(watching->paused);
    free(watching->dead);
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
    size_t seats = schedule->county->seat_count;
    struct watching watching = {
        .schedule = schedule,
        .cut = mem_alloc((seats + 1) * sizeof(unsigned)),
        .paused = mem_alloc((seats + 1) * sizeof(unsigned)),
        .dead = mem_alloc((seats + 1) * sizeof(bool)),
    };
    struct run_watcher watcher = {
        .context = &watching,
        .moment = on_moment,
        .sample = on_sample,
        .sent = on_sent,
        .write = on_write,
        .batch = on_batch,
        .sample_ms = UINT64_MAX / 4,
    };
    struct run_options options = {.watcher = &watcher};
    enum error_code code = run_scenario(scenario, &options, &schedule->result, error);
    bool good = code == ERR_OK && holds(schedule, scenario, error);
    if (good && watching.error.code != ERR_OK) {
        *error = watching.error;
        good = false;
    }
    watching_free(&watching);
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
