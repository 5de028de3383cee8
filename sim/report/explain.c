/* Lives through a scenario with a timeline and an ear of its own, then puts what was heard into
 * the order of time. */
#include "sim/report/explain.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/explain_parts.h"

/* ---- lines ---- */

const char *explain_seat(const struct explaining *explaining, size_t node)
{
    return node < explaining->report->node_count ? explaining->report->nodes[node].code : "clone";
}

void explain_say(struct explaining *explaining, uint64_t at_ms, size_t node, const char *format,
                 ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    json_t *words = json_string(text);
    bool named = node < explaining->report->node_count;
    json_array_append_new(explaining->lines,
                          json_pack("{s:I, s:s, s:s, s:o}", "at_ms", (json_int_t)at_ms, "seat",
                                    explain_seat(explaining, node), "name",
                                    named ? explaining->report->nodes[node].name : "", "text",
                                    words != NULL ? words : json_string("?")));
}

bool explain_moment(const struct explaining *explaining, const struct told_moment *moment,
                    char *text, size_t size)
{
    static const char *const words[MOMENT_KINDS] = {
        [MOMENT_CUT] = "its line to %s is cut",
        [MOMENT_HEALED] = "its line to %s is whole again",
        [MOMENT_LINK_UP] = "has a session with %s",
        [MOMENT_LINK_DOWN] = "has lost its session with %s",
        [MOMENT_DIED] = "stops",
        [MOMENT_STARTED] = "starts",
        [MOMENT_PAUSED] = "stands still",
        [MOMENT_RESUMED] = "goes on",
        [MOMENT_RESTORED] = "has the disk of an earlier day again",
        [MOMENT_WIPED] = "has an empty disk",
    };
    size_t parent = explaining->report->nodes[moment->node].parent;
    if (moment->kind == MOMENT_FAULT || moment->kind == MOMENT_ENDED) {
        snprintf(text, size, "%s %s", moment->text,
                 moment->kind == MOMENT_FAULT ? "begins" : "is over");
        return moment->text[0] != '\0';
    }
    if (moment->kind == MOMENT_SIGNED) {
        snprintf(text, size, "its administrator signs: %s", moment->text);
        return true;
    }
    if (words[moment->kind] == NULL)
        return false;
    const char *gap = strstr(words[moment->kind], "%s");
    if (gap == NULL)
        snprintf(text, size, "%s", words[moment->kind]);
    else
        snprintf(text, size, "%.*s%s%s", (int)(gap - words[moment->kind]), words[moment->kind],
                 explain_seat(explaining, parent), gap + 2);
    return true;
}

/* ---- what is heard ---- */

static void on_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                      const char *text)
{
    struct explaining *explaining = context;
    if (explaining->moment_count < EXPLAIN_MOMENTS_MAX) {
        if (explaining->moment_count == explaining->moment_capacity) {
            explaining->moment_capacity = 2 * explaining->moment_capacity + 256;
            explaining->moments = mem_resize(explaining->moments, explaining->moment_capacity *
                                                                      sizeof *explaining->moments);
        }
        struct told_moment *moment = &explaining->moments[explaining->moment_count++];
        *moment = (struct told_moment){.at_ms = at_ms, .kind = kind, .node = node};
        snprintf(moment->text, sizeof moment->text, "%s", text == NULL ? "" : text);
    }
    if (explaining->chained != NULL && explaining->chained->moment != NULL)
        explaining->chained->moment(explaining->chained->context, at_ms, kind, node, text);
}

static void on_batch(void *context, uint64_t at_ms, size_t node, struct world *world,
                     struct model *model)
{
    struct explaining *explaining = context;
    if (explaining->request->node == NULL && model != NULL)
        explain_record_batch(explaining, at_ms, world_seat_of(world, node), model);
    if (explaining->chained != NULL && explaining->chained->batch != NULL)
        explaining->chained->batch(explaining->chained->context, at_ms, node, world, model);
}

static void count_writes(struct explaining *explaining, const struct model *model)
{
    for (; explaining->counted < model->op_count; explaining->counted++)
        explaining->written += model->ops[explaining->counted].seat == explaining->node;
}

static void on_sample(void *context, uint64_t at_ms, struct world *world, struct model *model)
{
    struct explaining *explaining = context;
    if (explaining->request->node != NULL && explaining->node == SIZE_MAX)
        explaining->node = county_find(world_county(world), explaining->request->node);
    if (explaining->node != SIZE_MAX && model != NULL)
        count_writes(explaining, model);
    if (explaining->found && model != NULL)
        explain_record_sample(explaining, model);
    if (explaining->chained != NULL && explaining->chained->sample != NULL)
        explaining->chained->sample(explaining->chained->context, at_ms, world, model);
}

/* ---- the whole ---- */

struct line_place {
    json_int_t at_ms;
    size_t place;
};

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

static enum error_code read_request(struct explaining *explaining, struct error *error)
{
    const struct explain_request *request = explaining->request;
    if (request->write != NULL &&
        (!read_number(request->write, &explaining->number) || explaining->number == 0)) {
        error_set(error, ERR_USAGE, "write", "'%s' is no number of a write", request->write);
        error_next(error, "findings name it, as in: write 17");
        return ERR_USAGE;
    }
    return ERR_OK;
}

static enum error_code not_found(const struct explain_request *request, struct error *error)
{
    const char *what = request->node != NULL    ? request->node
                       : request->write != NULL ? request->write
                                                : request->record;
    error_set(error, ERR_NOT_FOUND, what,
              request->node != NULL ? "the scenario's tree has no such seat"
                                    : "nothing of that name was written in this run");
    error_next(error, "name it as reports and findings do (a record: 17, SEAT:1#2 or 32 hex "
                      "digits), with the same seed");
    return ERR_NOT_FOUND;
}

static int by_time(const void *left, const void *right)
{
    const struct line_place *a = left, *b = right;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* The story's lines in the order of time; of one time as they were said. */
static void sort_lines(json_t *story)
{
    json_t *lines = json_object_get(story, "lines"), *sorted = json_array();
    size_t count = json_array_size(lines);
    struct line_place *places = mem_alloc((count + 1) * sizeof *places);
    for (size_t i = 0; i < count; i++) {
        json_t *at = json_object_get(json_array_get(lines, i), "at_ms");
        places[i] = (struct line_place){json_integer_value(at), i};
    }
    qsort(places, count, sizeof *places, by_time);
    for (size_t i = 0; i < count; i++)
        json_array_append(sorted, json_array_get(lines, places[i].place));
    json_object_set_new(story, "lines", sorted);
    free(places);
}

static void clear(struct explaining *explaining)
{
    for (size_t i = 0; i < explaining->op_count; i++)
        free(explaining->ops[i].had_ms);
    free(explaining->circle);
    free(explaining->conflicts);
    free(explaining->moments);
    buffer_free(&explaining->state);
}

enum error_code explain_run(const struct scenario *scenario, const struct explain_request *request,
                            const struct run_watcher *chained, struct run_result *result,
                            json_t **story, struct error *error)
{
    struct explaining *explaining = mem_alloc(sizeof *explaining);
    explaining->request = request;
    explaining->chained = chained;
    explaining->node = SIZE_MAX;
    explaining->watcher = (struct run_watcher){
        .context = explaining, .moment = on_moment, .batch = on_batch, .sample = on_sample};
    struct timeline *timeline = timeline_new(scenario, &explaining->watcher);
    timeline_focus(timeline, request->node);
    struct run_options options = {.watcher = timeline_watcher(timeline)};
    *result = (struct run_result){0};
    enum error_code code = read_request(explaining, error);
    if (code == ERR_OK)
        code = run_scenario(scenario, &options, result, error);
    struct run_report *report = code == ERR_OK ? timeline_finish(timeline, result) : NULL;
    explaining->report = report;
    if (code == ERR_OK && !explaining->found && explaining->node == SIZE_MAX)
        code = not_found(request, error);
    if (code == ERR_OK) {
        explaining->lines = json_array();
        *story = request->node != NULL ? explain_node(explaining) : explain_record(explaining);
        sort_lines(*story);
        json_decref(explaining->lines);
    }
    clear(explaining);
    free(explaining);
    run_report_free(report);
    timeline_free(timeline);
    return code;
}
