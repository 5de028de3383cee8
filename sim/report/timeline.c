/* Moments become obstacles that begin and end. A recovery is looked at once a second of
 * virtual time while its two ends have batches, so that its end is known to a second. */
#include <stdlib.h>
#include <string.h>

#include "sim/report/timeline_parts.h"

enum { LOOK_MS = 1000, SAMPLES_WANTED = 400 };

const char *report_state_name(enum report_state state)
{
    static const char *const names[REPORT_STATES] = {
#define X(name, text, words, chinese) text,
        REPORT_STATE_LIST(X)
#undef X
    };
    return names[state];
}

/* ---- moments ---- */

static bool says(const char *text, enum fault_kind kind)
{
    const char *name = fault_name(kind);
    size_t size = strlen(name);
    return text != NULL && strncmp(text, name, size) == 0 &&
           (text[size] == '\0' || text[size] == ' ' || text[size] == ':');
}

static void count_fault(struct run_report *report, const char *text)
{
    size_t size = strcspn(text, " :"), place = 0;
    size = size < REPORT_FAULT_BYTES ? size : REPORT_FAULT_BYTES - 1;
    while (place < report->fault_count && (strlen(report->faults[place].name) != size ||
                                           memcmp(report->faults[place].name, text, size) != 0))
        place++;
    if (place == REPORT_FAULTS_MAX)
        return;
    if (place == report->fault_count) {
        memcpy(report->faults[place].name, text, size);
        report->fault_count++;
    }
    report->faults[place].count++;
}

static void note_refill(struct live_node *live, const char *text)
{
    live->refilled |= says(text, FAULT_WIPE) || says(text, FAULT_RESTORE);
}

static void cut_begins(struct timeline *timeline, uint64_t at_ms, size_t node, const char *text)
{
    timeline->live[node].cut++;
    obstacle_begins(timeline, at_ms, node, REPORT_STATE_CUT, text);
}

static void cut_ends(struct timeline *timeline, uint64_t at_ms, size_t node)
{
    struct live_node *live = &timeline->live[node];
    if (live->cut > 0 && --live->cut == 0)
        obstacle_ends(timeline, at_ms, node, REPORT_STATE_CUT);
}

static void pause_ends(struct timeline *timeline, uint64_t at_ms, size_t node)
{
    struct live_node *live = &timeline->live[node];
    if (live->paused > 0 && --live->paused == 0)
        obstacle_ends(timeline, at_ms, node, REPORT_STATE_PAUSED);
}

static void fault_begins(struct timeline *timeline, uint64_t at_ms, size_t node, const char *text)
{
    struct live_node *live = &timeline->live[node];
    if (says(text, FAULT_HALF_OPEN))
        cut_begins(timeline, at_ms, node, "half-open");
    note_refill(live, text);
    live->disk |= says(text, FAULT_DISK) || says(text, FAULT_POINT);
    live->withholds |= says(text, FAULT_CONDUCT);
    live->struck_ms = at_ms;
    snprintf(live->struck, sizeof live->struck, "%s", text);
}

static void fault_ends(struct timeline *timeline, uint64_t at_ms, size_t node, const char *text)
{
    struct live_node *live = &timeline->live[node];
    if (says(text, FAULT_HALF_OPEN))
        cut_ends(timeline, at_ms, node);
    live->disk = live->disk && !says(text, FAULT_DISK) && !says(text, FAULT_POINT);
    live->withholds = live->withholds && !says(text, FAULT_CONDUCT);
}

/* A fault that kills is told just before the death; one that dies of itself has none. */
static void dies(struct timeline *timeline, uint64_t at_ms, size_t node)
{
    const struct live_node *live = &timeline->live[node];
    bool struck = live->struck[0] != '\0' && live->struck_ms == at_ms;
    obstacle_begins(timeline, at_ms, node, REPORT_STATE_DOWN, struck ? live->struck : "failure");
}

static void take_moment(struct timeline *timeline, uint64_t at_ms, enum moment_kind kind,
                        size_t node, const char *text)
{
    struct live_node *live = &timeline->live[node];
    switch (kind) {
    case MOMENT_CUT: cut_begins(timeline, at_ms, node, "cut"); break;
    case MOMENT_HEALED: cut_ends(timeline, at_ms, node); break;
    case MOMENT_LINK_UP: timeline_leave(timeline, at_ms, node, REPORT_STATE_OFFLINE); break;
    case MOMENT_LINK_DOWN: timeline_enter(timeline, at_ms, node, REPORT_STATE_OFFLINE); break;
    case MOMENT_DIED: dies(timeline, at_ms, node); break;
    case MOMENT_STARTED: obstacle_ends(timeline, at_ms, node, REPORT_STATE_DOWN); break;
    case MOMENT_PAUSED:
        live->paused++;
        obstacle_begins(timeline, at_ms, node, REPORT_STATE_PAUSED, "pause");
        break;
    case MOMENT_RESUMED: pause_ends(timeline, at_ms, node); break;
    case MOMENT_FAULT: fault_begins(timeline, at_ms, node, text); break;
    case MOMENT_ENDED: fault_ends(timeline, at_ms, node, text); break;
    case MOMENT_RESTORED:
    case MOMENT_WIPED: live->refilled = true; break;
    case MOMENT_IMAGED:
    case MOMENT_SIGNED:
    case MOMENT_LEVEL:
    case MOMENT_BEHIND:
    case MOMENT_FINDING:
    case MOMENT_KINDS: break;
    }
}

static const char *fault_of_moment(enum moment_kind kind, const char *text)
{
    if (kind == MOMENT_CUT)
        return "cut";
    if (kind == MOMENT_PAUSED)
        return "pause";
    return kind == MOMENT_FAULT ? text : NULL;
}

static void on_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                      const char *text)
{
    struct timeline *timeline = context;
    const char *fault = fault_of_moment(kind, text);
    if (fault != NULL)
        count_fault(timeline->report, fault);
    if (node < timeline->report->node_count)
        take_moment(timeline, at_ms, kind, node, text);
    if (timeline->chained != NULL && timeline->chained->moment != NULL)
        timeline->chained->moment(timeline->chained->context, at_ms, kind, node, text);
}

/* ---- what else is heard ---- */

static void touch(struct timeline *timeline, uint64_t at_ms, size_t node)
{
    timeline->live[node].touched = true;
    timeline->live[node].touched_ms = at_ms;
}

/* Backwards, since one that is level leaves the list and the last takes its place. */
static void look_at_touched(struct timeline *timeline, uint64_t at_ms)
{
    timeline->look_ms = at_ms + LOOK_MS;
    for (size_t i = timeline->recovering_count; i > 0; i--) {
        if (timeline->live[timeline->recovering[i - 1]].touched)
            timeline_look(timeline, at_ms, timeline->recovering[i - 1]);
    }
}

static void on_batch(void *context, uint64_t at_ms, size_t node, struct world *world,
                     struct model *model)
{
    struct timeline *timeline = context;
    size_t seat = world_seat_of(world, node), count = 0;
    if (timeline->recovering_count > 0) {
        const size_t *children = waiting_book_children(timeline->book, seat, &count);
        if (at_ms >= timeline->look_ms)
            look_at_touched(timeline, at_ms);
        touch(timeline, at_ms, seat);
        for (size_t i = 0; i < count; i++)
            touch(timeline, at_ms, children[i]);
    }
    if (timeline->chained != NULL && timeline->chained->batch != NULL)
        timeline->chained->batch(timeline->chained->context, at_ms, node, world, model);
}

static void begin_nodes(struct timeline *timeline)
{
    const struct county *county = timeline->county;
    struct run_report *report = timeline->report;
    for (size_t i = 0; i < county->seat_count; i++) {
        struct report_node *node = &report->nodes[i];
        memcpy(node->code, county->seats[i].code, sizeof node->code);
        if (timeline->scenario->tree.names != NULL)
            memcpy(node->name, timeline->scenario->tree.names[i], sizeof node->name);
        node->parent = county->seats[i].parent;
        node->tier = county->seats[i].tier;
        report->tier_seats[node->tier]++;
        timeline->root = node->parent == i ? i : timeline->root;
        timeline->live[i].broken_ms = NEVER_MS;
        for (int state = 0; state < REPORT_STATES; state++)
            timeline->live[i].since_ms[state] = NEVER_MS;
    }
}

static void begin_watching(struct timeline *timeline, struct world *world)
{
    const struct county *county = world_county(world);
    struct run_report *report = timeline->report;
    timeline->world = world;
    timeline->county = county;
    timeline->book = waiting_book_new(county);
    timeline->live_count = report->node_count = county->seat_count;
    timeline->live = mem_alloc(county->seat_count * sizeof *timeline->live);
    timeline->waiting = mem_alloc(county->seat_count * sizeof *timeline->waiting);
    timeline->recovering = mem_alloc(county->seat_count * sizeof *timeline->recovering);
    timeline->ages = mem_alloc(county->seat_count * sizeof *timeline->ages);
    timeline->sample_skip = (uint32_t)(county->seat_count / 2000);
    report->nodes = mem_alloc(county->seat_count * sizeof *report->nodes);
    report->begins_wall_ms = world_wall_ms(world) - world_now_ms(world);
    report->spans_left_out = county->seat_count > REPORT_NODES_MAX;
    report->tier_count = tree_tier_count(county->tree);
    for (size_t i = 0; i < report->tier_count; i++)
        snprintf(report->tiers[i], sizeof report->tiers[i], "%.*s", SEAT_BYTES_MAX,
                 tree_tier_name(county->tree, (uint8_t)i));
    begin_nodes(timeline);
}

static void on_sample(void *context, uint64_t at_ms, struct world *world, struct model *model)
{
    struct timeline *timeline = context;
    if (timeline->world == NULL)
        begin_watching(timeline, world);
    timeline->report->ends_ms = at_ms;
    if (timeline->samples_skipped++ % (timeline->sample_skip + 1) == 0)
        timeline_sample(timeline, at_ms, model);
    if (timeline->chained != NULL && timeline->chained->sample != NULL)
        timeline->chained->sample(timeline->chained->context, at_ms, world, model);
}

static void on_sent(void *context, uint64_t at_ms, size_t from, size_t to, enum channel channel,
                    uint8_t type, struct span body)
{
    const struct run_watcher *chained = ((struct timeline *)context)->chained;
    chained->sent(chained->context, at_ms, from, to, channel, type, body);
}

static void on_lines(void *context, uint64_t at_ms, size_t node, struct span lines)
{
    const struct run_watcher *chained = ((struct timeline *)context)->chained;
    chained->lines(chained->context, at_ms, node, lines);
}

struct timeline *timeline_new(const struct scenario *scenario, const struct run_watcher *chained)
{
    struct timeline *timeline = mem_alloc(sizeof *timeline);
    timeline->scenario = scenario;
    timeline->chained = chained;
    timeline->report = mem_alloc(sizeof *timeline->report);
    timeline->report->samples = mem_alloc(REPORT_SAMPLES_MAX * sizeof *timeline->report->samples);
    timeline->watcher = (struct run_watcher){
        .context = timeline,
        .moment = on_moment,
        .sample = on_sample,
        .batch = on_batch,
        .sent = chained != NULL && chained->sent != NULL ? on_sent : NULL,
        .lines = chained != NULL && chained->lines != NULL ? on_lines : NULL,
        .sample_ms = scenario->lasts_ms / SAMPLES_WANTED + 1,
    };
    return timeline;
}

void timeline_focus(struct timeline *timeline, const char *seat)
{
    timeline->focus = seat;
}

const struct run_watcher *timeline_watcher(struct timeline *timeline)
{
    return &timeline->watcher;
}

void timeline_free(struct timeline *timeline)
{
    if (timeline == NULL)
        return;
    waiting_book_free(timeline->book);
    run_report_free(timeline->report);
    free(timeline->live);
    free(timeline->waiting);
    free(timeline->recovering);
    free(timeline->ages);
    free(timeline);
}

/* ---- the end ---- */

static int earliest_first(const void *left, const void *right)
{
    const struct report_span *a = left, *b = right;
    if (a->from_ms != b->from_ms)
        return a->from_ms < b->from_ms ? -1 : 1;
    return (int)a->state - (int)b->state;
}

/* The world is gone: what is still open ends with the run. */
static void close_node(struct timeline *timeline, size_t place)
{
    struct live_node *live = &timeline->live[place];
    struct report_node *node = &timeline->report->nodes[place];
    for (int state = 0; state < REPORT_STATES; state++)
        timeline_leave(timeline, timeline->report->ends_ms, place, (enum report_state)state);
    if (live->recovering) {
        live->recovery.cause = REPORT_CAUSE_UNFINISHED;
        recovery_keep(timeline, &live->recovery);
    }
    if (node->span_count > 0)
        qsort(node->spans, node->span_count, sizeof *node->spans, earliest_first);
}

struct run_report *timeline_finish(struct timeline *timeline, const struct run_result *result)
{
    struct run_report *report = timeline->report;
    for (size_t i = 0; i < timeline->live_count; i++)
        close_node(timeline, i);
    recoveries_keep_slowest(report);
    expected_end(timeline, result);
    report->sample_ms = timeline->watcher.sample_ms;
    timeline->report = NULL;
    return report;
}

void run_report_free(struct run_report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->node_count; i++)
        free(report->nodes[i].spans);
    for (size_t i = 0; i < report->sample_count; i++)
        free(report->samples[i].tiers);
    for (size_t i = 0; i < report->alarm_count; i++)
        free(report->alarms[i]);
    free(report->nodes);
    free(report->samples);
    free(report->recoveries);
    free(report);
}
