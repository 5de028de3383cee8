/* terrace sim run: one scenario from beginning to end, and what came of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/sim/apart.h"
#include "cli/sim/outcome.h"
#include "cli/sim/shipped.h"
#include "cli/sim/sim.h"
#include "sim/run/run.h"
#include "sim/scenario/units.h"

static const struct option_row options[] = {
    {"seed", "N", "another seed than the scenario's"},
    {"set", "KEY=VALUE", "another value than the scenario's, as in link.rate='16 kbit/s'"},
    {"report", "FILE", "leave a report: a page of its own, or JSON for a name in .json"},
    {"unchecked", NULL, "without the model and its checks: for measuring speed alone"},
    {"orders", "N", "at most so many orders of a scenario's groups of steps (1000)"},
    {"order", "N", "only this one of them, from 0"},
    {"cpu", "SECONDS", "give up, undecided, after so much processor time"},
    {"verbose", NULL, "every line that the nodes write, on stderr"},
    {NULL, NULL, NULL},
};

enum { ORDERS_USUAL = 1000 };

struct telling {
    const struct scenario *scenario;
};

static void print_lines(void *context, uint64_t at_ms, size_t node, struct span lines)
{
    const struct telling *telling = context;
    const char *at = (const char *)lines.data, *end = at + lines.size;
    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        const char *seat = node < telling->scenario->tree.row_count
                               ? telling->scenario->tree.rows[node].code
                               : "clone";
        fprintf(stderr, "%10" PRIu64 " %s: %.*s\n", at_ms, seat, (int)(next - at), at);
        at = next + 1;
    }
}

static void print_moment(void *context, uint64_t at_ms, enum moment_kind kind, size_t node,
                         const char *text)
{
    static const char *const names[] = {
#define X(name) #name,
        MOMENT_LIST(X)
#undef X
    };
    const struct telling *telling = context;
    const char *seat = node < telling->scenario->tree.row_count
                           ? telling->scenario->tree.rows[node].code
                           : "clone";
    fprintf(stderr, "%10" PRIu64 " -- %s %s %s\n", at_ms, seat, names[kind], text);
}

static void print_hash(const struct hash *hash, char text[static 2 * HASH_BYTES + 1])
{
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", hash->bytes[i]);
}

static const char *length_text(uint64_t ms, char *text, size_t size)
{
    struct buffer printed = {0};
    unit_print(UNIT_TIME, ms, &printed);
    snprintf(text, size, "%.*s", (int)printed.size, (const char *)printed.data);
    buffer_free(&printed);
    return text;
}

static void print_result_json(const struct scenario *scenario, const struct run_result *result)
{
    char trace[2 * HASH_BYTES + 1];
    json_t *found = json_object();
    print_hash(&result->trace, trace);
    for (int i = 0; i < FINDING_COUNT; i++) {
        if (result->findings.counts[i] > 0)
            json_object_set_new(found, finding_name((enum finding)i),
                                json_integer((json_int_t)result->findings.counts[i]));
    }
    json_t *text =
        json_stringn((const char *)result->findings.text.data, result->findings.text.size);
    print_json(json_pack(
        "{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:s}", "name",
        scenario->name, "seed", (json_int_t)scenario->seed, "outcome",
        outcome_text(result->outcome), "status", (json_int_t)outcome_exit_status(result->outcome),
        "seats", (json_int_t)scenario->tree.row_count, "lasts_ms", (json_int_t)scenario->lasts_ms,
        "records", (json_int_t)result->records, "writes", (json_int_t)result->writes, "batches",
        (json_int_t)result->counts.batches, "messages", (json_int_t)result->counts.messages,
        "bytes", (json_int_t)result->counts.bytes, "healed_ms", (json_int_t)result->healed_ms,
        "rested_ms", (json_int_t)result->rested_ms, "findings", found, "found",
        text != NULL ? text : json_string(""), "trace", trace));
}

static void print_result(const struct scenario *scenario, const struct run_result *result)
{
    char first[64], second[64], trace[2 * HASH_BYTES + 1];
    const struct world_counts *counts = &result->counts;
    double seconds = (double)result->cpu_us / 1e6;
    printf("%s, seed %" PRIu64 ": %s\n", scenario->name, scenario->seed,
           result->unchecked ? "lived through; nothing was checked"
                             : outcome_text(result->outcome));
    if (scenario->title != NULL)
        printf("  %s\n", scenario->title);
    bool by_steps = scenario->steps.count > 0;
    printf("  %zu seats, %s of %s; %zu records, %zu writes\n", scenario->tree.row_count,
           length_text(by_steps ? result->healed_ms : scenario->lasts_ms, first, sizeof first),
           by_steps ? "steps" : "faults and work", result->records, result->writes);
    if (result->rested_ms > 0)
        printf("  healed at %s; everybody equal and complete %s later\n",
               length_text(result->healed_ms, first, sizeof first),
               length_text(result->rested_ms - result->healed_ms, second, sizeof second));
    printf("  %" PRIu64 " batches, %" PRIu64 " messages, %" PRIu64 " bytes; %" PRIu64
           " cuts, %" PRIu64 " crashes, %" PRIu64 " failed commits, %" PRIu64 " bad messages\n",
           counts->batches, counts->messages, counts->bytes, counts->cuts, counts->crashes,
           counts->failed_commits, counts->injections + counts->damages + counts->duplicates);
    print_hash(&result->trace, trace);
    printf("  %.1f s of processor time, %.0f times as fast as life; trace %.16s\n", seconds,
           seconds > 0 ? (double)result->healed_ms / 1e3 / seconds : 0, trace);
    sim_print_cost(result);
    printf("%.*s", (int)result->findings.text.size, (const char *)result->findings.text.data);
    for (int i = 0; i < FINDING_COUNT; i++) {
        if (result->findings.counts[i] > 0)
            printf("  %zu x %s - %s\n", result->findings.counts[i], finding_name((enum finding)i),
                   finding_meaning((enum finding)i));
    }
}

struct orders {
    uint64_t first, count, all; /* of `all`, `count` from `first` on, evenly spread */
};

static enum error_code read_orders(const struct arguments *arguments,
                                   const struct scenario *scenario, struct orders *orders,
                                   struct error *error)
{
    uint64_t most = ORDERS_USUAL;
    *orders = (struct orders){.all = scenario_orders(scenario)};
    if (arguments_number(arguments, "orders", 1, SCENARIO_ORDERS_MAX, &most, error) != ERR_OK ||
        arguments_number(arguments, "order", 0, orders->all - 1, &orders->first, error) != ERR_OK)
        return ERR_USAGE;
    orders->count = arguments_value(arguments, "order") != NULL ? 1
                    : orders->all < most                        ? orders->all
                                                                : most;
    return ERR_OK;
}

/* The worse of two: what is broken before what is late before what isn't known. */
static bool is_worse(enum outcome a, enum outcome b)
{
    static const int ranks[OUTCOME_COUNT] = {[OUTCOME_HELD] = 0,
                                             [OUTCOME_UNDECIDED] = 1,
                                             [OUTCOME_NOT_CONVERGED] = 2,
                                             [OUTCOME_VIOLATED] = 3,
                                             [OUTCOME_CRASHED] = 4};
    return ranks[a] > ranks[b];
}

static void tell_orders(const struct orders *orders, uint64_t done, uint64_t failed,
                        uint64_t first_failed, FILE *to)
{
    if (orders->all == 1)
        return;
    fprintf(to, "  %" PRIu64 " of %s%" PRIu64 " orders lived through, %" PRIu64 " failed", done,
            orders->all > SCENARIO_ORDERS_MAX ? "more than " : "",
            orders->all > SCENARIO_ORDERS_MAX ? (uint64_t)SCENARIO_ORDERS_MAX : orders->all,
            failed);
    if (failed > 0)
        fprintf(to, "; the first that failed is --order %" PRIu64, first_failed);
    fprintf(to, "\n");
}

static uint64_t order_at(const struct orders *orders, uint64_t place)
{
    return orders->count == 1 ? orders->first : place * (orders->all / orders->count);
}

/* Every order; what is told is the first of the worst. */
static enum error_code run_orders(const struct scenario *scenario, struct run_options *run,
                                  const struct orders *orders, struct run_result *told, FILE *to,
                                  struct error *error)
{
    uint64_t failed = 0, first_failed = 0, told_order = 0;
    enum error_code code = ERR_OK;
    for (uint64_t i = 0; i < orders->count && code == ERR_OK; i++) {
        struct run_result result = {0};
        run->order = order_at(orders, i);
        code = run_scenario(scenario, run, &result, error);
        if (code == ERR_OK && result.outcome != OUTCOME_HELD && failed++ == 0)
            first_failed = run->order;
        if (i == 0 || is_worse(result.outcome, told->outcome)) {
            struct run_result better = *told;
            *told = result;
            result = better;
            told_order = run->order;
        }
        run_result_clear(&result);
    }
    run->order = told_order;
    tell_orders(orders, orders->count, failed, first_failed, to);
    return code;
}

/* With several orders the report is of the one that is told, lived through once more. */
static enum error_code run_all(const struct arguments *arguments, struct scenario *scenario,
                               struct run_options *run, struct run_result *result,
                               struct error *error)
{
    const char *report = arguments_value(arguments, "report");
    struct orders orders;
    enum error_code code = read_orders(arguments, scenario, &orders, error);
    if (code != ERR_OK)
        return code;
    if (orders.count > 1)
        code = run_orders(scenario, run, &orders, result, arguments->json ? stderr : stdout, error);
    else
        run->order = orders.first;
    if (code != ERR_OK || (orders.count > 1 && report == NULL))
        return code;
    run_result_clear(result);
    char *command = sim_command_text(arguments, scenario);
    code = sim_run_reported(scenario, run, report, command, result, error);
    free(command);
    return code;
}

static int run_one(const struct arguments *arguments, struct scenario *scenario,
                   struct error *error)
{
    uint64_t seconds = 0;
    struct telling telling = {scenario};
    struct run_watcher watcher = {
        .context = &telling, .moment = print_moment, .lines = print_lines};
    bool verbose = arguments_flag(arguments, "verbose");
    struct run_options run = {.unchecked = arguments_flag(arguments, "unchecked"),
                              .tracing = verbose,
                              .watcher = verbose ? &watcher : NULL};
    struct run_result result = {0};
    if (arguments_number(arguments, "seed", 0, INT64_MAX, &scenario->seed, error) != ERR_OK ||
        arguments_number(arguments, "cpu", 1, 1000000, &seconds, error) != ERR_OK)
        return EXIT_USAGE;
    run.cpu_ms_max = seconds * 1000;
    if (run_all(arguments, scenario, &run, &result, error) != ERR_OK) {
        run_result_clear(&result);
        return EXIT_USAGE;
    }
    if (arguments->json)
        print_result_json(scenario, &result);
    else
        print_result(scenario, &result);
    int status = outcome_exit_status(result.outcome);
    run_result_clear(&result);
    return status;
}

struct asked {
    const struct arguments *arguments;
    struct scenario *scenario;
};

static int run_asked(void *context, struct error *error)
{
    const struct asked *asked = context;
    return run_one(asked->arguments, asked->scenario, error);
}

static int run_run(const struct arguments *arguments, struct error *error)
{
    int status = EXIT_FAILED;
    struct scenario *scenario = scenario_open_set(arguments->words[0], arguments, error);
    if (scenario == NULL)
        return EXIT_USAGE;
    struct asked asked = {arguments, scenario};
    if (!run_apart(run_asked, &asked, &status, error)) {
        status = outcome_exit_status(OUTCOME_CRASHED);
        if (arguments->json)
            print_json(json_pack("{s:s, s:s, s:i}", "name", scenario->name, "outcome",
                                 outcome_text(OUTCOME_CRASHED), "status", status));
        print_note("%s: the program crashed; its last lines stand above; with --verbose there are "
                   "more",
                   scenario->name);
    }
    scenario_free(scenario);
    return status;
}

const struct command command_sim_run = {
    .name = "run",
    .usage = "FILE|NAME",
    .summary = "live through a scenario, heal everything, and check what it came to",
    .detail =
        "A scenario is a YAML file, or the name of a shipped one (`terrace sim list`): which "
        "tree,\n"
        "what people do, what goes wrong, what must hold. The same scenario and seed give the "
        "same\n"
        "run to the last byte. Exit status: 0 everything held; 1 an invariant or an expectation\n"
        "was broken; 5 it did not come to rest in the time given; 6 the program crashed; 7 it\n"
        "isn't decided, since the processor time given was over; 2 or 3 the scenario can't be "
        "read.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run_run,
};
