/* A look at the whole drill. */
#include "cli/drill/survey.h"

#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/print.h"
#include "cli/value.h"

json_t *survey_total(const struct drill *drill, struct error *error)
{
    char path[PATH_MAX];
    struct buffer args = {0}, value = {0};
    json_t *total = NULL;
    mp_write_map(&args, 2);
    mp_write_text(&args, "name");
    mp_write_text(&args, "records");
    mp_write_text(&args, "by");
    mp_write_text(&args, "origin");
    if (drill_node_path(drill, 0, path, error) == ERR_OK &&
        client_once(path, "rollup", span_of_buffer(&args), &value, error) == ERR_OK) {
        total = value_json(span_of_buffer(&value));
        if (total == NULL)
            error_set(error, ERR_MALFORMED, path, "its total was not understood");
    }
    buffer_free(&value);
    buffer_free(&args);
    return total;
}

/* The kernel's word; where this user may not ask it, the node's own. */
static struct process_memory memory_of(const struct drill *drill, size_t seat,
                                       const struct figures *figures)
{
    struct process_memory memory = {0};
    if (process_alive(drill, seat))
        memory = process_memory(drill->seats[seat].pid);
    if (memory.proportional == 0)
        memory = (struct process_memory){.anonymous = figures->anonymous,
                                         .proportional = figures->proportional};
    return memory;
}

static void spread_total(struct survey *survey)
{
    size_t index = 0;
    json_t *group = NULL;
    struct error error;
    json_array_foreach(json_object_get(survey->total, "groups"), index, group)
    {
        size_t seat = 0;
        if (drill_find(survey->drill, json_text(group, "key"), &seat, &error) == ERR_OK)
            survey->counted[seat] = json_integer_value(json_object_get(group, "value"));
    }
}

void survey_take(const struct drill *drill, bool memory, struct survey *survey)
{
    struct error error;
    *survey = (struct survey){.drill = drill};
    survey->figures = mem_alloc(drill->seat_count * sizeof *survey->figures);
    survey->memory = mem_alloc(drill->seat_count * sizeof *survey->memory);
    survey->counted = mem_alloc(drill->seat_count * sizeof *survey->counted);
    for (size_t i = 0; i < drill->seat_count; i++) {
        probe_seat(drill, i, &survey->figures[i]);
        if (memory)
            survey->memory[i] = memory_of(drill, i, &survey->figures[i]);
    }
    survey->total = survey_total(drill, &error);
    if (survey->total != NULL)
        spread_total(survey);
}

void survey_free(struct survey *survey)
{
    json_decref(survey->total);
    free(survey->counted);
    free(survey->memory);
    free(survey->figures);
}

static void add_seat(const struct survey *survey, size_t seat, struct branch_sums *sums)
{
    const struct figures *figures = &survey->figures[seat];
    bool linked = figures->answered && figures->uplink_live;
    sums->nodes++;
    sums->up += figures->answered ? 1 : 0;
    sums->linked += linked ? 1 : 0;
    sums->cut += survey->drill->seats[seat].cut ? 1 : 0;
    sums->counted += survey->counted[seat];
    sums->behind += figures->uplink_behind;
    sums->anonymous += survey->memory[seat].anonymous;
    sums->proportional += survey->memory[seat].proportional;
    if (seat == 0)
        return;
    if (figures->heard_ms == UINT64_MAX)
        sums->never_heard = true;
    else if (figures->heard_ms > sums->heard_ms)
        sums->heard_ms = figures->heard_ms;
}

void survey_sum(const struct survey *survey, size_t branch, struct branch_sums *sums)
{
    *sums = (struct branch_sums){0};
    for (size_t i = 0; i < survey->drill->seat_count; i++) {
        if (drill_branch(survey->drill, i) == branch)
            add_seat(survey, i, sums);
    }
}

static void print_branch(const struct survey *survey, size_t branch, struct table_rows *table)
{
    struct branch_sums sums;
    char heard[32], anonymous[32], proportional[32];
    survey_sum(survey, branch, &sums);
    duration_text(sums.heard_ms, heard);
    bytes_text(sums.anonymous, anonymous);
    bytes_text(sums.proportional, proportional);
    table_cell(table, "%s", survey->drill->seats[branch].code);
    table_cell(table, "%s", survey->drill->seats[branch].name);
    table_cell(table, "%zu/%zu", sums.up, sums.nodes);
    table_cell(table, "%zu/%zu", sums.linked, sums.nodes);
    table_cell(table, "%lld", (long long)sums.counted);
    table_cell(table, "%llu", (unsigned long long)sums.behind);
    table_cell(table, "%s", branch == 0 ? "" : sums.never_heard ? "away" : heard);
    table_cell(table, "%s", anonymous);
    table_cell(table, "%s", proportional);
}

void survey_print(const struct survey *survey, FILE *to)
{
    static const struct table_column columns[] = {
        {"seat", false},     {"name", false},     {"up", true},
        {"linked", true},    {"records", true},   {"behind", true},
        {"heard ago", true}, {"anonymous", true}, {"with shares", true}};
    struct table_rows *table = table_new(columns, 9);
    for (size_t i = 0; i < survey->drill->seat_count; i++) {
        if (i == 0 || survey->drill->seats[i].parent == 0)
            print_branch(survey, i, table);
    }
    table_print(table, to);
}

void survey_print_total(const struct survey *survey, size_t behind_max, FILE *to)
{
    const json_t *origins = json_object_get(survey->total, "origins");
    const json_t *behind = json_object_get(survey->total, "behind");
    char text[32];
    size_t index = 0;
    json_t *seat = NULL;
    if (survey->total == NULL) {
        fprintf(to, "%s can't be reached: no total\n", survey->drill->seats[0].code);
        return;
    }
    time_text(json_number(survey->total, "as_of"), text);
    fprintf(to, "%s %s: %lld records, %lld of %lld origins, as of %s\n",
            survey->drill->seats[0].code, survey->drill->seats[0].name,
            (long long)json_integer_value(json_object_get(survey->total, "value")),
            (long long)json_integer_value(json_array_get(origins, 0)),
            (long long)json_integer_value(json_array_get(origins, 1)), text);
    json_array_foreach(behind, index, seat)
    {
        if (index == behind_max) {
            fprintf(to, "  and %zu more\n", json_array_size(behind) - index);
            break;
        }
        time_text(json_number(seat, "as_of"), text);
        fprintf(to, "  %s %s: %s, as of %s\n", json_text(seat, "seat"), json_text(seat, "name"),
                json_text(seat, "state"), text);
    }
}

static json_t *branch_json(const struct survey *survey, size_t branch)
{
    struct branch_sums sums;
    survey_sum(survey, branch, &sums);
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "code",
                     survey->drill->seats[branch].code, "name", survey->drill->seats[branch].name,
                     "nodes", (json_int_t)sums.nodes, "up", (json_int_t)sums.up, "linked",
                     (json_int_t)sums.linked, "records", (json_int_t)sums.counted, "behind",
                     (json_int_t)sums.behind, "heard_ms",
                     sums.never_heard ? (json_int_t)-1 : (json_int_t)sums.heard_ms, "anonymous",
                     (json_int_t)sums.anonymous, "proportional", (json_int_t)sums.proportional);
}

static json_t *seat_json(const struct survey *survey, size_t seat)
{
    const struct drill_seat *of = &survey->drill->seats[seat];
    const struct figures *figures = &survey->figures[seat];
    return json_pack("{s:s,s:s,s:i,s:I,s:b,s:i,s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I}", "code",
                     of->code, "name", of->name, "tier", (int)of->tier, "generation",
                     (json_int_t)of->generation, "revoked", (int)of->revoked, "pid", (int)of->pid,
                     "up", (int)figures->answered, "linked", (int)figures->uplink_live, "cut",
                     (int)of->cut, "records", (json_int_t)figures->records, "entries",
                     (json_int_t)figures->entries, "counted", (json_int_t)survey->counted[seat],
                     "behind", (json_int_t)figures->uplink_behind, "anonymous",
                     (json_int_t)survey->memory[seat].anonymous, "proportional",
                     (json_int_t)survey->memory[seat].proportional);
}

json_t *survey_json(const struct survey *survey, bool seats)
{
    struct branch_sums all = {0};
    json_t *branches = json_array(), *list = json_array();
    for (size_t i = 0; i < survey->drill->seat_count; i++) {
        add_seat(survey, i, &all);
        if (i == 0 || survey->drill->seats[i].parent == 0)
            json_array_append_new(branches, branch_json(survey, i));
        if (seats)
            json_array_append_new(list, seat_json(survey, i));
    }
    json_t *origins = json_object_get(survey->total, "origins");
    json_t *json = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:O,s:o}", "nodes", (json_int_t)all.nodes, "up",
        (json_int_t)all.up, "linked", (json_int_t)all.linked, "cut", (json_int_t)all.cut, "behind",
        (json_int_t)all.behind, "records", (json_int_t)json_number(survey->total, "value"),
        "anonymous", (json_int_t)all.anonymous, "proportional", (json_int_t)all.proportional,
        "origins", origins == NULL ? json_null() : origins, "branches", branches);
    if (seats)
        json_object_set_new(json, "seats", list);
    else
        json_decref(list);
    return json;
}
