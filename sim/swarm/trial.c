/* The child runs, and says what came of it in the parent's own layout: it is the same program. */
#include "sim/swarm/trial.h"

#include <inttypes.h>
#include <string.h>

#include "sim/swarm/child.h"

struct task {
    const struct scenario *scenario;
    const struct trial_settings *settings;
    const struct county *county; /* of the run that is being told */
};

static void on_lines(void *context, uint64_t at_ms, size_t node, struct span lines)
{
    const struct task *task = context;
    const char *at = (const char *)lines.data, *end = at + lines.size;
    const struct tree_rule *tree = &task->scenario->tree;
    const char *code = node < tree->row_count ? tree->rows[node].code : "a copy";
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        fprintf(task->settings->trace, "%8" PRIu64 " %s: %.*s\n", at_ms, code, (int)(next - at),
                at);
        at = next + 1;
    }
}

static void on_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                      const char *text)
{
    static const char *const names[MOMENT_KINDS] = {
#define X(name) #name,
        MOMENT_LIST(X)
#undef X
    };
    const struct task *task = context;
    const struct tree_rule *tree = &task->scenario->tree;
    fprintf(task->settings->trace, "%8" PRIu64 " -- %s %s %s\n", at_ms,
            node < tree->row_count ? tree->rows[node].code : "a copy", names[kind],
            text == NULL ? "" : text);
}

static void say_refused(const struct error *error, struct trial *trial, struct buffer *text)
{
    trial->outcome = OUTCOME_UNDECIDED;
    buffer_append_span(text, span_of_text(error->what));
    buffer_append_span(text, span_of_text(": "));
    buffer_append_span(text, span_of_text(error->why));
    buffer_append_byte(text, '\n');
}

static void take_result(const struct run_result *result, struct trial *trial)
{
    trial->outcome = result->outcome;
    memcpy(trial->counts, result->findings.counts, sizeof trial->counts);
    trial->records = result->records;
    trial->writes = result->writes;
    trial->world = result->counts;
    trial->trace = result->trace;
    trial->rested_ms = result->rested_ms;
    trial->cpu_us = result->cpu_us;
}

static void live(void *context, struct buffer *said)
{
    struct task *task = context;
    struct run_watcher watcher = {.context = task, .lines = on_lines, .moment = on_moment};
    bool traced = task->settings->trace != NULL;
    struct run_options options = {.tracing = traced, .watcher = traced ? &watcher : NULL};
    struct run_result result = {0};
    struct trial trial = {0};
    struct error error = {0};
    struct buffer text = {0};
    if (run_scenario(task->scenario, &options, &result, &error) == ERR_OK)
        take_result(&result, &trial);
    else
        say_refused(&error, &trial, &text);
    buffer_append(said, &trial, sizeof trial);
    buffer_append_span(said, span_of_buffer(&text));
    buffer_append_span(said, span_of_buffer(&result.findings.text));
    buffer_free(&text);
    run_result_clear(&result);
}

static void take_end(const struct child_end *end, unsigned cpu_s_max, struct trial *trial)
{
    char line[160] = "";
    if (end->kind == CHILD_DONE && end->said.size >= sizeof *trial) {
        memcpy(trial, end->said.data, sizeof *trial);
        trial->text = (struct buffer){0};
        buffer_append(&trial->text, end->said.data + sizeof *trial, end->said.size - sizeof *trial);
        return;
    }
    trial->outcome = end->kind == CHILD_LATE ? OUTCOME_UNDECIDED : OUTCOME_CRASHED;
    if (end->kind == CHILD_LATE)
        snprintf(line, sizeof line, "it was not over after %u seconds of processor time\n",
                 cpu_s_max);
    else
        snprintf(line, sizeof line, "it ended by %s %d; its last lines:\n",
                 end->signal == 0 ? "itself" : "signal", end->signal);
    buffer_append_span(&trial->text, span_of_text(line));
    buffer_append_span(&trial->text, span_of_buffer(&end->lines));
}

void trial_run(const struct scenario *scenario, const struct trial_settings *settings,
               struct trial *trial)
{
    struct task task = {.scenario = scenario, .settings = settings};
    struct child_end end;
    *trial = (struct trial){0};
    if (!child_run(live, &task, settings->cpu_s_max, &end)) {
        trial->outcome = OUTCOME_UNDECIDED;
        buffer_append_span(&trial->text, span_of_text("no process could be made for it\n"));
        return;
    }
    take_end(&end, settings->cpu_s_max, trial);
    child_end_clear(&end);
}

void trial_clear(struct trial *trial)
{
    buffer_free(&trial->text);
}

bool trial_alike(const struct trial *a, const struct trial *b)
{
    if (a->outcome != b->outcome)
        return false;
    if (a->outcome != OUTCOME_VIOLATED && a->outcome != OUTCOME_NOT_CONVERGED)
        return a->outcome != OUTCOME_HELD;
    for (int i = 0; i < FINDING_COUNT; i++) {
        bool decides =
            a->outcome == OUTCOME_NOT_CONVERGED || (i != FINDING_WAITING && i != FINDING_TOTAL);
        if (decides && a->counts[i] > 0)
            return b->counts[i] > 0; /* the first kind of the list, so that it stays the same */
    }
    return true;
}
