/* One sample: how old the root's figures are, what waits at which tier's links, who is in which
 * state. When there are too many samples, every second one goes and its bytes pass to the next. */
#include <stdlib.h>
#include <string.h>

#include "replication/query/query.h"
#include "sim/report/timeline_parts.h"

enum { FRESH_MS = 24 * 60 * 60 * 1000 };

/* ---- figures ---- */

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void count_completeness(struct report_sample *sample, enum completeness_state state)
{
    switch (state) {
    case COMPLETE_NOW: sample->complete++; break;
    case COMPLETE_SILENT: sample->silent++; break;
    case COMPLETE_WITHHELD: sample->withheld++; break;
    case COMPLETE_UNKNOWN: sample->unknown++; break;
    }
}

/* The age of what comes from one seat: since the newest token that the root was complete as of;
 * before the first, since the beginning. */
static uint64_t age_of(const struct timeline *timeline, size_t node)
{
    uint64_t wall_ms = world_wall_ms(timeline->world);
    uint64_t as_of_ms = timeline->live[node].complete_as_of_ms;
    if (as_of_ms < timeline->report->begins_wall_ms)
        as_of_ms = timeline->report->begins_wall_ms;
    return wall_ms > as_of_ms ? wall_ms - as_of_ms : 0;
}

static void sample_figures(struct timeline *timeline, struct report_sample *sample)
{
    const struct county *county = timeline->county;
    const struct replica *replica = world_replica(timeline->world, timeline->root);
    const struct tree *tree = replica != NULL ? replica_tree(replica) : county->tree;
    const struct view *view = world_view(timeline->world, timeline->root);
    size_t count = 0;
    for (size_t i = 0; i < county->seat_count; i++) {
        const struct seat *seat = tree_seat(tree, span_of_text(county->seats[i].code));
        struct completeness answer = {.state = COMPLETE_UNKNOWN};
        struct live_node *live = &timeline->live[i];
        if (i == timeline->root)
            continue;
        if (seat != NULL)
            query_completeness(view, tree, county->seats[timeline->root].code, seat, FRESH_MS,
                               &answer);
        if (answer.as_of_ms == 0)
            answer.state = COMPLETE_UNKNOWN; /* nothing to be complete as of */
        count_completeness(sample, answer.state);
        bool whole = answer.state == COMPLETE_NOW || answer.state == COMPLETE_SILENT;
        if (whole && answer.as_of_ms > live->complete_as_of_ms)
            live->complete_as_of_ms = answer.as_of_ms;
        timeline->ages[count++] = age_of(timeline, i);
    }
    if (count == 0)
        return;
    qsort(timeline->ages, count, sizeof *timeline->ages, by_size);
    sample->age_oldest_ms = timeline->ages[count - 1];
    sample->age_median_ms = timeline->ages[count / 2];
}

/* ---- nodes and links ---- */

static void add_refusals(struct refusals *sum, const struct refusals *now,
                         const struct refusals *before)
{
#define X(name) sum->name += now->name - before->name;
    REFUSAL_LIST(X)
#undef X
}

static uint64_t refusals_total(const struct refusals *refusals)
{
    uint64_t total = 0;
#define X(name) total += refusals->name;
    REFUSAL_LIST(X)
#undef X
    return total;
}

static void keep_alarm(struct run_report *report, const char *code, const char *text)
{
    char line[512];
    snprintf(line, sizeof line, "%s: %s", code, text);
    for (size_t i = 0; i < report->alarm_count; i++) {
        if (strcmp(report->alarms[i], line) == 0)
            return;
    }
    if (report->alarm_count < REPORT_ALARMS_MAX)
        report->alarms[report->alarm_count++] = mem_text(line);
}

/* Counters of a process begin anew with it. */
static void sample_replica(struct timeline *timeline, size_t place)
{
    struct live_node *live = &timeline->live[place];
    struct report_node *node = &timeline->report->nodes[place];
    const struct replica *replica = world_replica(timeline->world, place);
    if (replica == NULL)
        return;
    if (live->starts != world_starts(timeline->world, place))
        live->refusals = (struct refusals){0};
    live->starts = world_starts(timeline->world, place);
    const struct refusals *now = replica_refusals(replica);
    if (refusals_total(now) < refusals_total(&live->refusals))
        live->refusals = (struct refusals){0}; /* opened anew after a failed commit */
    add_refusals(&timeline->report->refusals, now, &live->refusals);
    node->refused += refusals_total(now) - refusals_total(&live->refusals);
    live->refusals = *now;
    for (size_t i = 0; i < replica_alarm_count(replica); i++)
        keep_alarm(timeline->report, node->code, replica_alarm(replica, i));
}

static void sample_link(struct timeline *timeline, uint64_t at_ms, size_t place,
                        struct report_sample *sample)
{
    struct live_node *live = &timeline->live[place];
    struct report_node *node = &timeline->report->nodes[place];
    struct report_tier_sample *tier = &sample->tiers[node->tier];
    const struct link_counts *counts = world_link_counts(timeline->world, place);
    const struct waiting *waiting = &timeline->waiting[place];
    uint64_t entries = waiting->up + waiting->down;
    node->bytes_up = counts->bytes_up;
    node->bytes_down = counts->bytes_down;
    node->messages = counts->messages_up + counts->messages_down;
    node->sessions = counts->sessions;
    node->waiting_max = entries > node->waiting_max ? entries : node->waiting_max;
    tier->bytes += counts->bytes_up + counts->bytes_down - live->bytes_sampled;
    live->bytes_sampled = counts->bytes_up + counts->bytes_down;
    tier->waiting_up += waiting->up;
    tier->waiting_down += waiting->down;
    sample->waiting_bytes += waiting->bytes;
    if (live->recovering)
        timeline_look(timeline, at_ms, place);
    else if (entries == 0)
        timeline_leave(timeline, at_ms, place, REPORT_STATE_BEHIND);
    else if (live->waited && !timeline_blocked(timeline, place))
        timeline_enter(timeline, at_ms, place, REPORT_STATE_BEHIND); /* it does not go away */
    live->waited = entries > 0;
}

/* Each node once, by the gravest. */
static void count_state(const struct live_node *live, struct report_tier_sample *tier)
{
    static const enum report_state gravest[] = {REPORT_STATE_DOWN, REPORT_STATE_PAUSED,
                                                REPORT_STATE_CUT, REPORT_STATE_OFFLINE,
                                                REPORT_STATE_BEHIND};
    size_t place = 0;
    while (place < REPORT_STATES && live->since_ms[gravest[place]] == NEVER_MS)
        place++;
    if (place < REPORT_STATES)
        tier->states[gravest[place]]++;
}

static void sample_nodes(struct timeline *timeline, uint64_t at_ms, struct report_sample *sample)
{
    waiting_of_all(timeline->book, timeline->world, timeline->waiting);
    for (size_t i = 0; i < timeline->live_count; i++) {
        sample_replica(timeline, i);
        if (i != timeline->root)
            sample_link(timeline, at_ms, i, sample);
        count_state(&timeline->live[i], &sample->tiers[timeline->report->nodes[i].tier]);
    }
}

/* ---- the row of samples ---- */

static void thin_out(struct timeline *timeline)
{
    struct run_report *report = timeline->report;
    size_t kept = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        struct report_sample *sample = &report->samples[i];
        if (i % 2 == 1 || i == 0) {
            report->samples[kept++] = *sample;
            continue;
        }
        for (size_t tier = 0; i + 1 < report->sample_count && tier < report->tier_count; tier++)
            report->samples[i + 1].tiers[tier].bytes += sample->tiers[tier].bytes;
        free(sample->tiers);
    }
    report->sample_count = kept;
    timeline->sample_skip = timeline->sample_skip * 2 + 1;
}

static void count_writes(const struct model *model, struct report_sample *sample)
{
    if (model == NULL)
        return;
    sample->records = model->record_count;
    sample->writes = model->op_count;
}

void timeline_sample(struct timeline *timeline, uint64_t at_ms, struct model *model)
{
    struct run_report *report = timeline->report;
    if (report->sample_count == REPORT_SAMPLES_MAX)
        thin_out(timeline);
    struct report_sample *sample = &report->samples[report->sample_count++];
    *sample = (struct report_sample){.at_ms = at_ms};
    sample->tiers = mem_alloc((report->tier_count + 1) * sizeof *sample->tiers);
    count_writes(model, sample);
    sample_figures(timeline, sample);
    sample_nodes(timeline, at_ms, sample);
}
