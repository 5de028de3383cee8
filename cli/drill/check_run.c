/* The whole check. */
#include "cli/drill/check_run.h"
#include "cli/drill/check_declared.h"

#include <stdlib.h>
#include <string.h>

#include "cli/drill/check_steps.h"
#include "cli/drill/probe.h"
#include "cli/drill/sign.h"
#include "cli/drill/survey.h"
#include "cli/print.h"
#include "cli/value.h"

enum {
    FINDINGS_SHOWN = 10,
    STILL_MS = 4000, /* nothing has moved for so long: look at the stores themselves */
};

void check_result_free(struct check_result *result)
{
    json_decref(result->total);
    check_findings_free(&result->findings);
}

static void count_caught_up(const struct check_table *table, struct check_result *result)
{
    const struct drill *drill = table->drill;
    result->nodes = result->nodes_up = result->nodes_caught_up = result->revoked = 0;
    for (size_t i = 0; i < drill->seat_count; i++) {
        struct figures figures;
        result->revoked += drill->seats[i].revoked ? 1 : 0;
        if (table->outside[i])
            continue;
        result->nodes++;
        probe_seat(drill, i, &figures);
        result->nodes_up += figures.answered ? 1 : 0;
        result->nodes_caught_up += figures.caught_up ? 1 : 0;
    }
}

static bool is_complete(const struct check_record *record)
{
    for (size_t place = 0; place < PLACE_COUNT; place++) {
        if (record->found[place] != record->holders ||
            record->joined[place] != check_steps_members(record))
            return false;
    }
    return record->holders != 0;
}

static bool is_anywhere(const struct check_record *record)
{
    return record->found[PLACE_LOG] + record->found[PLACE_STATE] + record->found[PLACE_INDEX] != 0;
}

/* Written with another record, whose name it has: people know one of the two. */
static bool is_companion(const struct check_table *table, const struct check_record *record)
{
    const struct drill_type *type = drill_type_numbered(table->drill, record->key.type);
    return type != NULL && type->companion;
}

/* What is behind its key's cut-off must count nowhere; the thief's own machine is left alone. */
static void judge_cut(struct check_table *table, struct check_record *record,
                      struct check_result *result)
{
    bool counted = false;
    result->cut_off += is_companion(table, record) ? 0 : 1;
    for (size_t seat = 0; seat < table->drill->seat_count; seat++) {
        if (table->outside[seat] || !check_marked(table, record, PLACE_STATE, seat))
            continue;
        counted = true;
        check_name_cut(table, &result->findings, record, seat);
    }
    result->cut_counted += counted ? 1 : 0;
}

static bool is_whole(struct check_table *table, struct check_record *record,
                     struct check_result *result)
{
    size_t shape = 0;
    if (!table->changed)
        return is_complete(record);
    if (check_is_complete(table, record, &shape)) {
        size_t parent = 0;
        if (!record->acknowledged || !check_follows(table, record, &parent) ||
            check_marked(table, record, PLACE_STATE, parent))
            return true;
        check_name_left_behind(table, &result->findings, record, parent);
        return false;
    }
    if (record->acknowledged)
        check_name_lacking(table, &result->findings, record, shape);
    return false;
}

static void judge_record(struct check_table *table, struct check_record *record, int64_t *by_origin,
                         struct check_result *result)
{
    const struct drill_type *type = drill_type_numbered(table->drill, record->key.type);
    if (table->changed && check_is_cut(table, record)) {
        judge_cut(table, record, result);
        return;
    }
    bool complete = is_whole(table, record, result);
    result->diverged += record->diverged || record->wrong_fields ? 1 : 0;
    result->late += record->late ? 1 : 0;
    if (record->acknowledged) {
        result->present += complete ? 1 : 0;
        result->missing += complete ? 0 : 1;
        /* a machine that is new gets its seat's records back in its time */
        result->lost +=
            record->at_origin || table->drill->seats[record->origin].generation > 1 ? 0 : 1;
    } else if (is_anywhere(record)) {
        result->unanswered++;
        result->incomplete += complete ? 0 : 1;
    }
    if (record->at_origin && !record->deleted && type != NULL && type->counted)
        by_origin[record->origin]++;
}

static int64_t counted_at(const json_t *total, const char *code)
{
    size_t index = 0;
    json_t *group = NULL;
    json_array_foreach(json_object_get(total, "groups"), index, group)
    {
        if (strcmp(json_text(group, "key"), code) == 0)
            return json_integer_value(json_object_get(group, "value"));
    }
    return 0;
}

static void name_total(struct check_result *result, const struct drill *drill, size_t seat,
                       int64_t counted, int64_t expected)
{
    char why[128];
    if (json_array_size(result->findings.named) >= FINDINGS_NAMED_MAX)
        return;
    snprintf(why, sizeof why, "the root counts %lld records, there are %lld", (long long)counted,
             (long long)expected);
    json_array_append_new(result->findings.named,
                          json_pack("{s:s,s:s,s:s,s:s,s:s}", "kind", "total", "at",
                                    drill->seats[0].code, "origin", drill->seats[seat].code,
                                    "where", "total", "why", why));
}

static void judge_total(const struct check_table *table, const int64_t *by_origin,
                        struct check_result *result)
{
    struct error error;
    const struct drill *drill = table->drill;
    result->total = survey_total(drill, &error);
    const json_t *origins = json_object_get(result->total, "origins");
    result->total_value = json_integer_value(json_object_get(result->total, "value"));
    result->origins_reported = json_integer_value(json_array_get(origins, 0));
    result->origins_expected = json_integer_value(json_array_get(origins, 1));
    if (result->total == NULL)
        return;
    int64_t *expected = mem_alloc(drill->seat_count * sizeof *expected);
    int64_t *left = mem_alloc(drill->seat_count * sizeof *left);
    for (size_t i = 0; i < drill->seat_count; i++) {
        const struct drill_change *revoked = table->shapes.revoked[i];
        expected[i] = revoked == NULL         ? by_origin[i]
                      : revoked->reported < 0 ? counted_at(result->total, drill->seats[i].code)
                                              : revoked->reported;
        left[i] = expected[i];
        result->total_expected += (uint64_t)expected[i];
    }
    check_take_groups(drill, json_object_get(result->total, "groups"), left);
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (left[i] == 0)
            continue;
        result->total_wrong++;
        name_total(result, drill, i, expected[i] - left[i], expected[i]);
    }
    free(expected);
    free(left);
}

static bool total_holds(const struct check_result *result)
{
    return result->total != NULL && result->total_wrong == 0 &&
           result->total_value == (int64_t)result->total_expected &&
           result->origins_reported == result->origins_expected &&
           result->origins_expected >= (int64_t)result->nodes &&
           result->origins_expected <= (int64_t)(result->nodes + result->revoked);
}

static bool is_wrong(const struct check_result *result)
{
    const struct check_findings *findings = &result->findings;
    return findings->leaked + findings->damaged + findings->set_aside + result->diverged +
               result->lost + result->cut_counted !=
           0;
}

static enum check_verdict judge(const struct check_result *result, bool was_caught_up)
{
    const struct check_findings *findings = &result->findings;
    bool wrong = is_wrong(result);
    bool arrived = result->missing + result->incomplete + result->late + findings->parked == 0;
    bool caught_up = was_caught_up && result->nodes_caught_up == result->nodes;
    if (wrong || (!arrived && caught_up))
        return CHECK_VIOLATED;
    if (!arrived || !total_holds(result))
        return CHECK_BEHIND;
    return CHECK_HOLDS;
}

static enum error_code check_once(struct check_table *table, long offsets[static 2], bool quiet,
                                  struct check_result *result, struct error *error)
{
    int64_t *by_origin = mem_alloc(table->drill->seat_count * sizeof *by_origin);
    enum error_code code = check_steps_load(table, &offsets[1], error);
    if (code == ERR_OK)
        code = check_table_load(table, &offsets[0], error);
    count_caught_up(table, result);
    bool was_caught_up = result->nodes_caught_up == result->nodes;
    check_table_reset(table);
    result->findings.settled = was_caught_up;
    if (code == ERR_OK)
        code = check_walk(table, &result->findings, quiet, error);
    if (code == ERR_OK) {
        result->acknowledged = table->acknowledged;
        result->stepped = offsets[1] > 0;
        for (struct check_record *record = table->records; record != NULL; record = record->hh.next)
            judge_record(table, record, by_origin, result);
        judge_total(table, by_origin, result);
        if (result->total != NULL)
            check_declared(table, result);
        count_caught_up(table, result);
        if (was_caught_up && result->nodes_caught_up == result->nodes) {
            result->diverged += result->late;
            result->late = 0;
        }
        result->verdict = judge(result, was_caught_up);
    }
    free(by_origin);
    return code;
}

/* Something that is missing, or a total that is short, may still be on its way. */
static bool worth_waiting(const struct check_result *result)
{
    return result->verdict != CHECK_HOLDS && !is_wrong(result);
}

/* How far they are from being caught up: nodes that are not, and entries behind. */
static uint64_t distance(const struct check_table *table)
{
    const struct drill *drill = table->drill;
    uint64_t sum = 0;
    for (size_t i = 0; i < drill->seat_count; i++) {
        struct figures figures;
        if (table->outside[i])
            continue;
        probe_seat(drill, i, &figures);
        sum += figures.behind + (figures.caught_up ? 0 : 1);
    }
    return sum;
}

/* Until all say that they are caught up, or nothing moves any more, or the time is over: walking
 * before that is in vain. */
static void wait_caught_up(const struct check_table *table, uint64_t until_ms, bool quiet)
{
    uint64_t left = 0, before = UINT64_MAX, moved_ms = tick_now_ms();
    struct progress progress;
    progress_begin(&progress, "entries and nodes behind", 0, quiet);
    while (tick_now_ms() < until_ms && (left = distance(table)) != 0 &&
           tick_now_ms() - moved_ms < STILL_MS) {
        if (left != before)
            moved_ms = tick_now_ms();
        before = left;
        progress_update(&progress, left);
        probe_pause();
    }
    progress_end(&progress);
}

static bool total_settles(const struct drill *drill, struct check_result *result, uint64_t until_ms)
{
    struct error error;
    do {
        json_t *total = survey_total(drill, &error);
        const json_t *origins = json_object_get(total, "origins");
        bool good = json_integer_value(json_object_get(total, "value")) ==
                        (int64_t)result->total_expected &&
                    json_integer_value(json_array_get(origins, 0)) >= (int64_t)result->nodes;
        json_decref(total);
        if (good)
            return true;
        probe_pause();
    } while (tick_now_ms() < until_ms);
    return false;
}

/* At the end of a wait nothing excuses a total that is complete by its own words, and wrong. */
static void judge_at_end(struct check_result *result, uint64_t wait_ms)
{
    if (wait_ms != 0 && result->verdict == CHECK_BEHIND && result->missing == 0 &&
        result->incomplete == 0 && result->total != NULL && result->total_wrong != 0 &&
        result->nodes_caught_up == result->nodes &&
        result->origins_reported == result->origins_expected)
        result->verdict = CHECK_VIOLATED;
}

enum error_code check_run(const struct drill *drill, uint64_t wait_ms, bool quiet,
                          struct check_result *result, struct error *error)
{
    struct check_table table;
    uint64_t began_ms = tick_now_ms(), until_ms = began_ms + wait_ms;
    long offsets[2] = {0, 0}; /* acknowledged.ndjson, steps.ndjson */
    check_table_new(drill, &table);
    *result = (struct check_result){0};
    check_findings_init(&result->findings);
    struct tree *tree = sign_known_to_all(drill, NULL, 0, error);
    enum error_code code = tree == NULL ? error->code : ERR_OK;
    if (tree != NULL)
        check_table_leave_out(&table, tree);
    tree_free(tree);
    while (code == ERR_OK) {
        wait_caught_up(&table, until_ms, quiet);
        code = check_once(&table, offsets, quiet, result, error);
        if (code != ERR_OK || !worth_waiting(result) || tick_now_ms() >= until_ms)
            break;
        if (result->missing + result->incomplete + result->late == 0)
            total_settles(drill, result, until_ms);
        check_result_free(result);
        *result = (struct check_result){0};
        check_findings_init(&result->findings);
    }
    judge_at_end(result, wait_ms);
    result->duration_ms = tick_now_ms() - began_ms;
    check_table_free(&table);
    return code;
}

int check_exit_status(const struct check_result *result)
{
    switch (result->verdict) {
    case CHECK_HOLDS: return EXIT_DONE;
    case CHECK_VIOLATED: return EXIT_FAILED;
    case CHECK_BEHIND: return EXIT_UNFINISHED;
    }
    return EXIT_FAILED;
}

static const char *verdict_name(enum check_verdict verdict)
{
    return verdict == CHECK_HOLDS ? "holds" : verdict == CHECK_BEHIND ? "behind" : "violated";
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *check_result_json(const struct check_result *result)
{
    const struct check_findings *findings = &result->findings;
    json_t *json = json_object();
    json_object_set_new(json, "nodes", number(result->nodes));
    json_object_set_new(json, "acknowledged", number(result->acknowledged));
    json_object_set_new(json, "present", number(result->present));
    json_object_set_new(json, "missing", number(result->missing));
    json_object_set_new(json, "diverged", number(result->diverged));
    json_object_set_new(json, "leaked", number(findings->leaked));
    json_object_set_new(json, "cut_off", number(result->cut_off));
    json_object_set_new(json, "pending", number(findings->pending));
    json_object_set_new(json, "revoked", number(result->revoked));
    json_object_set_new(json, "county_total",
                        result->total == NULL ? json_null() : json_integer(result->total_value));
    json_object_set_new(json, "origins",
                        json_pack("[I,I]", (json_int_t)result->origins_reported,
                                  (json_int_t)result->origins_expected));
    json_object_set_new(json, "seconds", json_real((double)result->duration_ms / 1000));
    json_object_set_new(json, "verdict", json_string(verdict_name(result->verdict)));
    json_object_set_new(json, "damaged", number(findings->damaged));
    json_object_set_new(json, "quarantined", number(findings->set_aside));
    json_object_set_new(json, "parked", number(findings->parked));
    json_object_set_new(json, "late", number(result->late));
    json_object_set_new(json, "lost", number(result->lost));
    json_object_set_new(json, "unanswered", number(result->unanswered));
    json_object_set_new(json, "unanswered_incomplete", number(result->incomplete));
    json_object_set_new(json, "total_expected", number(result->total_expected));
    json_object_set_new(json, "nodes_up", number(result->nodes_up));
    json_object_set_new(json, "nodes_caught_up", number(result->nodes_caught_up));
    json_object_set_new(json, "looked_at",
                        json_pack("{s:I,s:I,s:I,s:I}", "stores", (json_int_t)findings->stores,
                                  "entries", (json_int_t)findings->entries, "states",
                                  (json_int_t)findings->states, "index_rows",
                                  (json_int_t)findings->index_rows));
    json_object_set(json, "states", findings->sums);
    json_object_set(json, "findings", findings->named);
    return json;
}

static void print_findings(const struct check_findings *findings, FILE *to)
{
    size_t index = 0;
    json_t *finding = NULL;
    json_array_foreach(findings->named, index, finding)
    {
        if (index == FINDINGS_SHOWN) {
            fprintf(to, "  and more; --json names up to %d\n", FINDINGS_NAMED_MAX);
            break;
        }
        fprintf(to, "  %s at %s, %s: %s", json_text(finding, "kind"), json_text(finding, "at"),
                json_text(finding, "where"), json_text(finding, "why"));
        if (json_object_get(finding, "id") != NULL)
            fprintf(to, " (%s %s of %s)", json_text(finding, "type"), json_text(finding, "id"),
                    json_text(finding, "origin"));
        else if (json_object_get(finding, "origin") != NULL)
            fprintf(to, " (%s)", json_text(finding, "origin"));
        fputc('\n', to);
    }
}

void check_result_print(const struct check_result *result, FILE *to)
{
    const struct check_findings *findings = &result->findings;
    fprintf(to,
            "%llu acknowledged: %llu present at every holder, %llu missing, %llu different, "
            "%llu leaked, %llu damaged\n",
            (unsigned long long)result->acknowledged, (unsigned long long)result->present,
            (unsigned long long)result->missing, (unsigned long long)result->diverged,
            (unsigned long long)findings->leaked, (unsigned long long)findings->damaged);
    if (result->unanswered != 0)
        fprintf(to, "%llu more were written that no load has had acknowledged\n",
                (unsigned long long)result->unanswered);
    if (result->cut_off != 0)
        fprintf(
            to,
            "%llu don't count: a thief's, lost with a disk, or of a seat that no document lists\n",
            (unsigned long long)result->cut_off);
    if (findings->pending != 0)
        fprintf(to, "%llu rows wait until a document lists their author again\n",
                (unsigned long long)findings->pending);
    if (result->total != NULL)
        fprintf(to, "the root counts %lld of %llu, %lld of %lld origins\n",
                (long long)result->total_value, (unsigned long long)result->total_expected,
                (long long)result->origins_reported, (long long)result->origins_expected);
    else
        fprintf(to, "the root can't be reached: no total\n");
    fprintf(to,
            "%llu entries, %llu states, %llu index rows in %llu stores; %zu of %zu nodes "
            "caught up; %.1f s\n",
            (unsigned long long)findings->entries, (unsigned long long)findings->states,
            (unsigned long long)findings->index_rows, (unsigned long long)findings->stores,
            result->nodes_caught_up, result->nodes, (double)result->duration_ms / 1000);
    if (result->stepped)
        check_steps_sums(findings, to);
    print_findings(findings, to);
    fprintf(to, "%s\n",
            result->verdict == CHECK_HOLDS    ? "everything holds"
            : result->verdict == CHECK_BEHIND ? "nothing is wrong, but not everything has arrived"
                                              : "VIOLATED");
}
