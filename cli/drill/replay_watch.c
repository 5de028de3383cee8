/* What is done to the simulated world, and what its people write, while it lives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drill/replay_parts.h"

enum {
    QUIET_MS = 5000, /* virtual time without a block on any link: nothing is on its way */
    MESSAGE_IS_BLOCK = 8,
};

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

/* Simulated cuts may overlap, or be told before they are: the world says how the link is. */
static void settle_links(struct watching *watching)
{
    size_t seat = watching->touched;
    watching->touched = SIZE_MAX;
    if (seat == SIZE_MAX)
        return;
    bool cut = world_is_cut(watching->world, seat) || watching->half_open[seat] > 0;
    if (cut == watching->cut[seat])
        return;
    watching->cut[seat] = cut;
    struct replay_item *item =
        add_item(watching, watching->touched_ms, cut ? REPLAY_CUT : REPLAY_HEAL, seat);
    if (cut)
        note_needs(watching, item);
}

static void touch_link(struct watching *watching, uint64_t at_ms, size_t seat)
{
    watching->touched_ms = at_ms;
    watching->touched = seat;
}

static void add_image(struct watching *watching, uint64_t at_ms, size_t seat, const char *name)
{
    watching->images =
        mem_resize(watching->images, (watching->image_count + 1) * sizeof *watching->images);
    struct image *image = &watching->images[watching->image_count++];
    *image = (struct image){.seat = seat, .item = watching->schedule->item_count};
    if (name != NULL && name[0] != '\0')
        snprintf(image->name, sizeof image->name, "%s", name);
    else
        snprintf(image->name, sizeof image->name, "%llu", (unsigned long long)at_ms);
    struct replay_item *item = add_item(watching, at_ms, REPLAY_IMAGE, seat);
    item->number = SIZE_MAX;
    note_needs(watching, item);
}

/* "NAME", or "NAME high-water". */
static void add_restore(struct watching *watching, uint64_t at_ms, size_t seat, const char *text)
{
    struct replay_schedule *schedule = watching->schedule;
    size_t size = strcspn(text, " ");
    for (size_t i = watching->image_count; i > 0; i--) {
        const struct image *image = &watching->images[i - 1];
        if (image->seat != seat || strlen(image->name) != size ||
            memcmp(image->name, text, size) != 0)
            continue;
        if (schedule->items[image->item].number == SIZE_MAX)
            schedule->items[image->item].number = schedule->image_count++;
        struct replay_item *item = add_item(watching, at_ms, REPLAY_RESTORE, seat);
        item->number = schedule->items[image->item].number;
        item->high_water = strcmp(text + size, " high-water") == 0;
        return;
    }
}

static void on_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                      const char *text)
{
    struct watching *watching = context;
    if (node >= watching->schedule->county->seat_count)
        return;
    unsigned *half_open = &watching->half_open[node], *paused = &watching->paused[node];
    settle_links(watching);
    switch ((int)kind) {
    case MOMENT_CUT:
    case MOMENT_HEALED: touch_link(watching, at_ms, node); break;
    case MOMENT_FAULT:
    case MOMENT_ENDED:
        if (text == NULL || strcmp(text, fault_name(FAULT_HALF_OPEN)) != 0)
            break;
        *half_open += kind == MOMENT_FAULT ? 1U : -(unsigned)(*half_open > 0);
        touch_link(watching, at_ms, node);
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
    case MOMENT_IMAGED: add_image(watching, at_ms, node, text); break;
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
    settle_links(watching);
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
    settle_links(watching);
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
    settle_links(watching);
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

/* The first is the beginning, the second the end. */
static void on_sample(void *context, uint64_t at_ms, struct world *world, struct model *model)
{
    struct watching *watching = context;
    bool begins = at_ms == 0;
    watching->world = world;
    watching->model = model;
    settle_links(watching);
    if (!begins && watching->schedule->ends == NULL)
        replay_take_end(watching, world, model);
}

void watching_begin(struct watching *watching, struct replay_schedule *schedule,
                    struct run_watcher *watcher)
{
    size_t seats = schedule->county->seat_count;
    *watching = (struct watching){
        .schedule = schedule,
        .half_open = mem_alloc((seats + 1) * sizeof(unsigned)),
        .paused = mem_alloc((seats + 1) * sizeof(unsigned)),
        .cut = mem_alloc((seats + 1) * sizeof(bool)),
        .dead = mem_alloc((seats + 1) * sizeof(bool)),
        .touched = SIZE_MAX,
    };
    *watcher = (struct run_watcher){
        .context = watching,
        .moment = on_moment,
        .sample = on_sample,
        .sent = on_sent,
        .write = on_write,
        .batch = on_batch,
        .sample_ms = UINT64_MAX / 4,
    };
}

void watching_end(struct watching *watching)
{
    for (size_t i = 0; i < watching->asked_count; i++)
        buffer_free(&watching->asked[i].fields);
    free(watching->asked);
    for (size_t i = 0; i < watching->under_way_count; i++)
        free(watching->under_way[i].noted);
    free(watching->under_way);
    free(watching->open);
    free(watching->images);
    free(watching->half_open);
    free(watching->cut);
    free(watching->paused);
    free(watching->dead);
}
