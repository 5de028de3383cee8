/* Progress and the report's file. */
#include "cli/sim/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/print.h"
#include "sim/report/page.h"
#include "sim/run/cost.h"

enum { SHOW_TERMINAL_MS = 200, SHOW_LINE_MS = 10 * 1000 };

/* ---- progress ---- */

static void show(struct sim_progress *progress, uint64_t at_ms)
{
    uint64_t now_ms = tick_now_ms(), took_ms = now_ms - progress->began_ms;
    char lived[48], lasts[48];
    if (now_ms - progress->shown_ms < (progress->terminal ? SHOW_TERMINAL_MS : SHOW_LINE_MS))
        return;
    progress->shown_ms = now_ms;
    progress->drawn = true;
    report_duration(at_ms, REPORT_ENGLISH, lived);
    report_duration(progress->scenario->lasts_ms, REPORT_ENGLISH, lasts);
    const char *phase = at_ms > progress->scenario->lasts_ms ? ", coming to rest" : "";
    fprintf(stderr, "%s%s: %s of %s%s, %" PRIu64 " times as fast as life%s",
            progress->terminal ? "\r\033[K" : "terrace: ", progress->scenario->name, lived, lasts,
            phase, at_ms / (took_ms + 1), progress->terminal ? "" : "\n");
    fflush(stderr);
}

static void on_sample(void *context, uint64_t at_ms, struct world *world, struct model *model)
{
    struct sim_progress *progress = context;
    show(progress, at_ms);
    if (progress->chained != NULL && progress->chained->sample != NULL)
        progress->chained->sample(progress->chained->context, at_ms, world, model);
}

static void on_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                      const char *text)
{
    const struct run_watcher *chained = ((const struct sim_progress *)context)->chained;
    chained->moment(chained->context, at_ms, kind, node, text);
}

static void on_batch(void *context, uint64_t at_ms, size_t node, struct world *world,
                     struct model *model)
{
    const struct run_watcher *chained = ((const struct sim_progress *)context)->chained;
    chained->batch(chained->context, at_ms, node, world, model);
}

static void on_lines(void *context, uint64_t at_ms, size_t node, struct span lines)
{
    const struct run_watcher *chained = ((const struct sim_progress *)context)->chained;
    chained->lines(chained->context, at_ms, node, lines);
}

void sim_progress_begin(struct sim_progress *progress, const struct scenario *scenario,
                        const struct run_watcher *chained)
{
    uint64_t now_ms = tick_now_ms();
    *progress = (struct sim_progress){.scenario = scenario,
                                      .chained = chained,
                                      .began_ms = now_ms,
                                      .shown_ms = now_ms,
                                      .terminal = isatty(STDERR_FILENO) == 1};
    progress->watcher = (struct run_watcher){.context = progress, .sample = on_sample};
    if (chained == NULL)
        return;
    progress->watcher.sample_ms = chained->sample_ms;
    if (chained->moment != NULL)
        progress->watcher.moment = on_moment;
    if (chained->batch != NULL)
        progress->watcher.batch = on_batch;
    if (chained->lines != NULL)
        progress->watcher.lines = on_lines;
}

void sim_progress_end(struct sim_progress *progress)
{
    if (progress->drawn && progress->terminal)
        fprintf(stderr, "\r\033[K");
}

/* ---- the report ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static enum error_code cannot_write(const char *path, struct error *error)
{
    error_set(error, ERR_IO, path, "the report can't be written: %s", strerror(errno));
    error_next(error, "name a file in a folder that is there and may be written to");
    return ERR_IO;
}

static enum error_code write_file(FILE *file, struct span bytes, const char *path,
                                  struct error *error)
{
    bool whole = fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    if (fclose(file) != 0 || !whole)
        return cannot_write(path, error);
    return ERR_OK;
}

static void make_report(const struct run_report *report, const struct report_frame *frame,
                        const char *path, struct buffer *bytes)
{
    if (ends_with(path, ".json")) {
        json_t *data = report_json(report, frame);
        char *text = json_dumps(data, JSON_INDENT(1));
        buffer_append_span(bytes, span_of_text(text));
        buffer_append_byte(bytes, '\n');
        free(text);
        json_decref(data);
        return;
    }
    report_page(report, frame, print_chinese() ? REPORT_CHINESE : REPORT_ENGLISH, bytes);
}

enum error_code sim_run_reported(const struct scenario *scenario, struct run_options *options,
                                 const char *path, const char *command, struct run_result *result,
                                 struct error *error)
{
    FILE *file = path == NULL ? NULL : fopen(path, "wb"); /* before an hour of work, not after */
    if (path != NULL && file == NULL)
        return cannot_write(path, error);
    const struct run_watcher *watcher = options->watcher;
    struct timeline *timeline = path == NULL ? NULL : timeline_new(scenario, watcher);
    struct sim_progress progress;
    sim_progress_begin(&progress, scenario,
                       timeline == NULL ? watcher : timeline_watcher(timeline));
    options->watcher = &progress.watcher;
    options->costed = true;
    enum error_code code = run_scenario(scenario, options, result, error);
    options->watcher = watcher;
    sim_progress_end(&progress);
    if (code == ERR_OK && timeline != NULL) {
        struct run_report *report = timeline_finish(timeline, result);
        struct buffer bytes = {0};
        struct report_frame frame = {scenario, result, command};
        make_report(report, &frame, path, &bytes);
        code = write_file(file, span_of_buffer(&bytes), path, error);
        if (code == ERR_OK)
            print_note("the report is in %s", path);
        file = NULL;
        buffer_free(&bytes);
        run_report_free(report);
    }
    if (file != NULL)
        fclose(file);
    timeline_free(timeline);
    return code;
}

void sim_print_cost(const struct run_result *result)
{
    uint64_t sum = 0;
    for (int part = 0; part < COST_PARTS; part++)
        sum += result->parts_us[part];
    if (sum == 0)
        return; /* too short for a sample */
    printf("  of it");
    const char *comma = "";
    for (int part = 0; part < COST_PARTS; part++) {
        uint64_t percent = (result->parts_us[part] * 100 + sum / 2) / sum;
        if (percent == 0)
            continue;
        printf("%s %" PRIu64 " %% %s", comma, percent, cost_words((enum cost_part)part));
        comma = ",";
    }
    printf("\n");
}

char *sim_command_text(const struct arguments *arguments, const struct scenario *scenario)
{
    struct buffer text = {0};
    char seed[64];
    buffer_append_span(&text, span_of_text("terrace sim run "));
    buffer_append_span(&text, span_of_text(arguments->words[0]));
    snprintf(seed, sizeof seed, " --seed %" PRIu64, scenario->seed);
    buffer_append_span(&text, span_of_text(seed));
    for (size_t i = 0; i < arguments->given_count; i++) {
        const struct option_given *given = &arguments->given[i];
        if (strcmp(given->row->name, "set") != 0)
            continue;
        buffer_append_span(&text, span_of_text(" --set '"));
        buffer_append_span(&text, span_of_text(given->value));
        buffer_append_byte(&text, '\'');
    }
    buffer_append_byte(&text, '\0');
    return (char *)text.data;
}
