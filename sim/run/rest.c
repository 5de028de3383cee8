/* When everything is healed it must come to rest: all holders level, all states what the rules make
 * of what was written, totals counted and complete. */
#include "sim/run/run_parts.h"
#include "sim/world/cost.h"

/* So exact is the time of coming to rest: a fifth of what it took, at most ten minutes. */
enum { REST_STEP_MS = 2000, REST_STEP_MS_MAX = 10 * 60 * 1000 };

void run_check_live(struct run *run)
{
    COST_HERE(COST_MODEL);
    if (run->model == NULL)
        return;
    check_equal_states(run->model);
    check_circles(run->model);
    check_claims(run->model);
}

/* The whole check, on paper of its own: what isn't settled yet may be so later. */
static bool at_rest(struct run *run, struct findings *last)
{
    COST_HERE(COST_MODEL);
    findings_clear(last);
    run->model->findings = last;
    model_settle(run->model);
    check_rest(run->model);
    check_totals(run->model);
    if (last->count == 0)
        check_stores(run->model);
    run->model->findings = &run->result->findings;
    return last->count == 0;
}

static void keep_findings(struct run *run, struct findings *last)
{
    struct findings *findings = &run->result->findings;
    for (size_t i = 0; i < FINDING_COUNT; i++)
        findings->counts[i] += last->counts[i];
    findings->count += last->count;
    buffer_append_span(&findings->text, span_of_buffer(&last->text));
    findings_clear(last);
}

bool run_rest(struct run *run)
{
    uint64_t end_ms = run_now(run) + run->scenario->rest_ms_max, step_ms = REST_STEP_MS;
    struct findings last = {0};
    bool rests = false;
    while (!rests && run_now(run) < end_ms && !run->over) {
        run_until(run, run_now(run) + step_ms < end_ms ? run_now(run) + step_ms : end_ms);
        run_tell_signers(run);
        if (!check_streams_level(run->model))
            continue;
        rests = at_rest(run, &last);
        step_ms = step_ms < REST_STEP_MS_MAX ? step_ms * 5 / 4 : REST_STEP_MS_MAX;
    }
    if (!rests && last.count == 0 && !run->over)
        at_rest(run, &last); /* the streams never got level: say what is missing */
    keep_findings(run, &last);
    if (!run->over)
        run_check_live(run);
    return rests;
}
