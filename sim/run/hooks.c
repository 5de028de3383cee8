/* What the world tells goes to the model, to the watcher and into the trace. */
#include <string.h>

#include "sim/run/run_parts.h"
#include "sim/world/cost.h"

enum { TRACE_CHUNK_BYTES = 1 << 16 };

void run_trace_flush(struct run *run)
{
    run->trace =
        hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(run->trace.bytes), span_of_buffer(&run->traced));
    buffer_clear(&run->traced);
}

static void trace(struct run *run, uint8_t what, uint64_t first, uint64_t second, struct span bytes)
{
    buffer_append_byte(&run->traced, what);
    buffer_append_u64(&run->traced, run_now(run));
    buffer_append_u64(&run->traced, first);
    buffer_append_u64(&run->traced, second);
    buffer_append_u32(&run->traced, (uint32_t)bytes.size);
    buffer_append_span(&run->traced, bytes);
    if (run->traced.size >= TRACE_CHUNK_BYTES)
        run_trace_flush(run);
}

static void tell_findings(struct run *run, size_t node)
{
    const struct findings *findings = &run->result->findings;
    if (findings->count <= run->findings_told)
        return;
    const char *text = (const char *)findings->text.data;
    size_t size = findings->text.size, from = size > 0 ? size - 1 : 0;
    while (from > 0 && text[from - 1] != '\n')
        from--;
    char line[200];
    size_t length = size - from < sizeof line ? size - from : sizeof line - 1;
    if (size > 0)
        memcpy(line, text + from, length);
    line[size > 0 ? length : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    run->findings_told = findings->count;
    run_moment(run, MOMENT_FINDING, node, line);
}

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    struct run *run = context;
    run->answer_request = answer->request;
    run->answer_code = answer->error.code;
    trace(run, 'a', node, answer->request, SPAN_OF_ARRAY(answer->record.bytes));
    if (run->model_hooks.answered != NULL) {
        COST_HERE(COST_MODEL);
        run->model_hooks.answered(run->model_hooks.context, node, answer);
    }
    if (run->model == NULL)
        plain_answered(run, node, answer);
}

static void on_batch_begins(void *context, size_t node, const struct event *events, size_t count,
                            size_t injected)
{
    struct run *run = context;
    if (run->model_hooks.batch_begins != NULL) {
        COST_HERE(COST_MODEL);
        run->model_hooks.batch_begins(run->model_hooks.context, node, events, count, injected);
    }
    const struct run_watcher *watcher = run->options->watcher;
    for (size_t i = 0; watcher != NULL && watcher->write != NULL && i < count; i++) {
        if (events[i].kind == EVENT_WRITE)
            watcher->write(watcher->context, run_now(run), node, &events[i]);
    }
}

static void note_link(struct run *run, size_t node, const struct event *events, size_t count)
{
    if (node >= run->county->seat_count || !run_has_parent(run, node))
        return;
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind != EVENT_LINK_UP && events[i].kind != EVENT_LINK_DOWN)
            continue;
        bool is_up = world_is_up(run->world, node);
        if (is_up != run->seats[node].is_up)
            expectations_link(run, node);
        if (is_up != run->seats[node].is_up)
            run_moment(run, is_up ? MOMENT_LINK_UP : MOMENT_LINK_DOWN, node, "");
        run->seats[node].is_up = is_up;
    }
}

static void on_batch_done(void *context, size_t node, const struct event *events, size_t count,
                          enum error_code code)
{
    struct run *run = context;
    trace(run, 'b', node, count, SPAN_EMPTY);
    if (run->model_hooks.batch_done != NULL) {
        COST_HERE(COST_MODEL);
        run->model_hooks.batch_done(run->model_hooks.context, node, events, count, code);
    }
    note_link(run, node, events, count);
    if (code != ERR_OK && code != ERR_FULL) {
        if (run->died_count == run->died_capacity) {
            run->died_capacity = 2 * run->died_capacity + 16;
            run->died = mem_resize(run->died, run->died_capacity * sizeof *run->died);
        }
        run->died[run->died_count++] = node;
    }
    tell_findings(run, node);
    const struct run_watcher *watcher = run->options->watcher;
    if (watcher != NULL && watcher->batch != NULL) {
        COST_HERE(COST_WATCH);
        watcher->batch(watcher->context, run_now(run), node, run->world, run->model);
    }
}

static void on_opened(void *context, size_t node)
{
    struct run *run = context;
    trace(run, 'o', node, 0, SPAN_EMPTY);
    if (run->model_hooks.opened != NULL) {
        COST_HERE(COST_MODEL);
        run->model_hooks.opened(run->model_hooks.context, node);
    }
}

static void on_sent(void *context, size_t from, size_t to, enum channel channel, uint8_t type,
                    struct span body)
{
    struct run *run = context;
    const struct run_watcher *watcher = run->options->watcher;
    trace(run, (uint8_t)(16 + type), from, to, body);
    if (run->model_hooks.sent != NULL) {
        COST_HERE(COST_MODEL);
        run->model_hooks.sent(run->model_hooks.context, from, to, channel, type, body);
    }
    if (watcher != NULL && watcher->sent != NULL)
        watcher->sent(watcher->context, run_now(run), from, to, channel, type, body);
}

static bool on_passes(void *context, size_t from, size_t to, uint8_t type, struct span body)
{
    return ways_pass(context, from, to, type, body);
}

static bool moves_blocks(const struct step_list *list)
{
    bool found = false;
    for (size_t i = 0; i < list->count; i++) {
        const struct step *step = &list->steps[i];
        found = found || step->kind == STEP_WITHHOLD || step->kind == STEP_STICK;
        for (size_t member = 0; member < step->member_count; member++)
            found = found || moves_blocks(&step->members[member]);
    }
    return found;
}

static void on_repaired(void *context, size_t node)
{
    const struct run *run = context;
    run_moment(run, MOMENT_FAULT, node, "repaired");
    if (run->model_hooks.repaired != NULL)
        run->model_hooks.repaired(run->model_hooks.context, node);
    else if (run->model != NULL)
        model_restored(run->model, node);
}

static void on_lost(void *context, size_t node, unsigned commits)
{
    const struct run *run = context;
    if (run->model_hooks.lost != NULL)
        run->model_hooks.lost(run->model_hooks.context, node, commits);
    else if (run->model != NULL)
        model_restored(run->model, node);
}

static void on_lines(void *context, size_t node, struct span lines)
{
    const struct run *run = context;
    const struct run_watcher *watcher = run->options->watcher;
    if (watcher != NULL && watcher->lines != NULL)
        watcher->lines(watcher->context, run_now(run), node, lines);
}

struct world_hooks run_hooks(struct run *run)
{
    return (struct world_hooks){
        .context = run,
        .answered = on_answered,
        .batch_begins = on_batch_begins,
        .batch_done = on_batch_done,
        .opened = on_opened,
        .sent = on_sent,
        .passes = moves_blocks(&run->scenario->steps) ? on_passes : NULL,
        .lines = run->options->tracing ? on_lines : NULL,
        .repaired = on_repaired,
        .lost = on_lost,
    };
}
