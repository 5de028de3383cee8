/* Spans and recoveries.
 *
 *     outage begins --> blocked --last obstacle ends--> recovering --nothing waits--> level */
#include <stdlib.h>
#include <string.h>

#include "sim/report/timeline_parts.h"

enum { RECOVERIES_KEPT = 4 * REPORT_RECOVERIES_MAX };

/* ---- spans ---- */

static void merge_nearest(struct report_node *node)
{
    size_t best = 1;
    uint64_t gap = NEVER_MS;
    for (size_t i = 1; i < node->span_count; i++) {
        const struct report_span *a = &node->spans[i - 1], *b = &node->spans[i];
        if (a->state == b->state && b->from_ms >= a->to_ms && b->from_ms - a->to_ms < gap) {
            gap = b->from_ms - a->to_ms;
            best = i;
        }
    }
    if (gap != NEVER_MS)
        node->spans[best - 1].to_ms = node->spans[best].to_ms;
    memmove(&node->spans[best], &node->spans[best + 1],
            (node->span_count - best - 1) * sizeof *node->spans);
    node->span_count--;
}

static void keep_span(struct timeline *timeline, size_t place, struct report_span span)
{
    struct report_node *node = &timeline->report->nodes[place];
    struct report_state_sum *sum = &node->states[span.state];
    uint64_t length = span.to_ms - span.from_ms;
    sum->times++;
    sum->total_ms += length;
    sum->longest_ms = length > sum->longest_ms ? length : sum->longest_ms;
    if (timeline->report->spans_left_out)
        return;
    if (node->span_count == REPORT_SPANS_MAX)
        merge_nearest(node);
    if (node->span_count == node->span_capacity) {
        node->span_capacity = node->span_capacity == 0 ? 8 : node->span_capacity * 2;
        node->spans = mem_resize(node->spans, node->span_capacity * sizeof *node->spans);
    }
    node->spans[node->span_count++] = span;
}

void timeline_enter(struct timeline *timeline, uint64_t at_ms, size_t node, enum report_state state)
{
    struct live_node *live = &timeline->live[node];
    if (live->since_ms[state] == NEVER_MS)
        live->since_ms[state] = at_ms;
}

void timeline_leave(struct timeline *timeline, uint64_t at_ms, size_t node, enum report_state state)
{
    struct live_node *live = &timeline->live[node];
    if (live->since_ms[state] == NEVER_MS)
        return;
    keep_span(timeline, node, (struct report_span){live->since_ms[state], at_ms, state});
    live->since_ms[state] = NEVER_MS;
}

/* ---- recoveries ---- */

static bool is_in(const struct timeline *timeline, size_t node, enum report_state state)
{
    return timeline->live[node].since_ms[state] != NEVER_MS;
}

static bool stands(const struct timeline *timeline, size_t node)
{
    return is_in(timeline, node, REPORT_STATE_DOWN) || is_in(timeline, node, REPORT_STATE_PAUSED);
}

bool timeline_blocked(const struct timeline *timeline, size_t node)
{
    return is_in(timeline, node, REPORT_STATE_CUT) || stands(timeline, node) ||
           stands(timeline, timeline->report->nodes[node].parent);
}

static int slowest_first(const void *left, const void *right)
{
    const struct report_recovery *a = left, *b = right;
    uint64_t took_a = a->level_ms == 0 ? NEVER_MS : a->level_ms - a->healed_ms;
    uint64_t took_b = b->level_ms == 0 ? NEVER_MS : b->level_ms - b->healed_ms;
    if (a->focused != b->focused)
        return a->focused ? -1 : 1;
    if (took_a != took_b)
        return took_a > took_b ? -1 : 1;
    if (a->healed_ms != b->healed_ms)
        return a->healed_ms < b->healed_ms ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

void recoveries_keep_slowest(struct run_report *report)
{
    if (report->recovery_count > 0)
        qsort(report->recoveries, report->recovery_count, sizeof *report->recoveries,
              slowest_first);
    if (report->recovery_count <= REPORT_RECOVERIES_MAX)
        return;
    report->recoveries_left_out += report->recovery_count - REPORT_RECOVERIES_MAX;
    report->recovery_count = REPORT_RECOVERIES_MAX;
}

void recovery_keep(struct timeline *timeline, const struct report_recovery *recovery)
{
    struct run_report *report = timeline->report;
    struct report_node *node = &report->nodes[recovery->node];
    if (recovery->level_ms > 0) {
        uint64_t took = recovery->level_ms - recovery->healed_ms;
        node->recovery_count++;
        node->recovery_longest_ms =
            took > node->recovery_longest_ms ? took : node->recovery_longest_ms;
    }
    if (report->recovery_count == RECOVERIES_KEPT)
        recoveries_keep_slowest(report);
    if (report->recoveries == NULL)
        report->recoveries = mem_alloc(RECOVERIES_KEPT * sizeof *recovery);
    report->recoveries[report->recovery_count++] = *recovery;
}

static void end_recovery(struct timeline *timeline, size_t node, uint64_t level_ms)
{
    struct live_node *live = &timeline->live[node];
    const struct link_counts *counts = world_link_counts(timeline->world, node);
    size_t last = timeline->recovering[--timeline->recovering_count];
    timeline->recovering[live->recovering_at] = last;
    timeline->live[last].recovering_at = live->recovering_at;
    live->recovering = false;
    live->recovery.level_ms = level_ms;
    live->recovery.bytes = counts->bytes_up + counts->bytes_down - live->facts.bytes_before;
    live->recovery.cause = recovery_cause(timeline, node, &live->recovery, &live->facts);
    live->refilled = false;
    recovery_keep(timeline, &live->recovery);
}

/* Nothing stands in the way of this node's link any more: what waits, and since when? */
static void begin_recovery(struct timeline *timeline, uint64_t at_ms, size_t node)
{
    struct live_node *live = &timeline->live[node];
    uint64_t broken_ms = live->broken_ms;
    live->broken_ms = NEVER_MS;
    if (live->recovering || broken_ms == NEVER_MS || timeline->world == NULL)
        return;
    struct waiting waiting = waiting_of_link(timeline->book, timeline->world, node);
    if (waiting.up + waiting.down == 0)
        return;
    const struct link_counts *counts = world_link_counts(timeline->world, node);
    live->recovering = true;
    live->recovering_at = timeline->recovering_count;
    timeline->recovering[timeline->recovering_count++] = node;
    live->touched_ms = at_ms;
    live->touched = false;
    const char *code = timeline->report->nodes[node].code;
    live->recovery = (struct report_recovery){
        .focused = timeline->focus != NULL && strcmp(timeline->focus, code) == 0,
        .node = node,
        .broken_ms = broken_ms,
        .healed_ms = at_ms,
        .entries = waiting.up + waiting.down,
    };
    memcpy(live->recovery.outage, live->outage, sizeof live->outage);
    live->facts = (struct recovery_facts){.refilled = live->refilled,
                                          .disk = live->disk,
                                          .bytes_before = counts->bytes_up + counts->bytes_down,
                                          .sessions = counts->sessions,
                                          .counted_ms = at_ms};
    timeline_enter(timeline, at_ms, node, REPORT_STATE_BEHIND);
}

void timeline_look(struct timeline *timeline, uint64_t at_ms, size_t node)
{
    struct live_node *live = &timeline->live[node];
    bool up = world_is_up(timeline->world, node);
    uint64_t sessions = world_link_counts(timeline->world, node)->sessions;
    if (up && (live->recovery.session_ms == 0 || sessions != live->facts.sessions))
        live->recovery.session_ms = at_ms; /* the last one: those before came to nothing */
    live->facts.sessions = sessions;
    if (!up && !timeline_blocked(timeline, node))
        live->facts.offline_ms += at_ms - live->facts.counted_ms;
    live->facts.counted_ms = at_ms;
    live->touched = false;
    live->facts.withheld |=
        live->withholds || timeline->live[timeline->report->nodes[node].parent].withholds;
    live->facts.disk |= live->disk || timeline->live[timeline->report->nodes[node].parent].disk;
    struct waiting waiting = waiting_of_link(timeline->book, timeline->world, node);
    if (waiting.up + waiting.down > 0)
        return;
    timeline_leave(timeline, live->touched_ms, node, REPORT_STATE_BEHIND);
    end_recovery(timeline, node, live->touched_ms);
}

/* ---- obstacles ---- */

static void set_back(struct timeline *timeline, uint64_t at_ms, size_t node, bool cut)
{
    struct live_node *live = &timeline->live[node];
    if (!live->recovering)
        return;
    live->recovery.setbacks++;
    live->facts.cuts += cut;
    live->facts.stops += !cut;
    live->facts.counted_ms = at_ms;
}

static void block(struct timeline *timeline, uint64_t at_ms, size_t node, const char *what)
{
    struct live_node *live = &timeline->live[node];
    if (live->broken_ms != NEVER_MS)
        return;
    live->broken_ms = at_ms;
    snprintf(live->outage, sizeof live->outage, "%s", what);
}

static void parent_goes(struct timeline *timeline, uint64_t at_ms, size_t parent)
{
    size_t count;
    const size_t *children = waiting_book_children(timeline->book, parent, &count);
    for (size_t i = 0; i < count; i++)
        block(timeline, at_ms, children[i], "parent away");
}

static void parent_comes(struct timeline *timeline, uint64_t at_ms, size_t parent, uint64_t away_ms)
{
    size_t count;
    const size_t *children = waiting_book_children(timeline->book, parent, &count);
    for (size_t i = 0; i < count; i++) {
        struct live_node *live = &timeline->live[children[i]];
        live->facts.parent_ms += away_ms;
        live->facts.counted_ms = at_ms;
        if (!timeline_blocked(timeline, children[i]))
            begin_recovery(timeline, at_ms, children[i]);
    }
}

void obstacle_begins(struct timeline *timeline, uint64_t at_ms, size_t node,
                     enum report_state state, const char *what)
{
    set_back(timeline, at_ms, node, state == REPORT_STATE_CUT);
    block(timeline, at_ms, node, what);
    timeline_enter(timeline, at_ms, node, state);
    timeline_leave(timeline, at_ms, node, REPORT_STATE_BEHIND);
    if (state != REPORT_STATE_CUT)
        parent_goes(timeline, at_ms, node);
}

void obstacle_ends(struct timeline *timeline, uint64_t at_ms, size_t node, enum report_state state)
{
    uint64_t since_ms = timeline->live[node].since_ms[state];
    if (since_ms == NEVER_MS)
        return;
    timeline_leave(timeline, at_ms, node, state);
    if (timeline->live[node].recovering && !timeline_blocked(timeline, node))
        timeline_enter(timeline, at_ms, node, REPORT_STATE_BEHIND);
    if (!timeline_blocked(timeline, node))
        begin_recovery(timeline, at_ms, node);
    if (state != REPORT_STATE_CUT && !stands(timeline, node))
        parent_comes(timeline, at_ms, node, at_ms - since_ms);
}
