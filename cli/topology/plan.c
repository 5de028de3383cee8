/* terrace topology plan: what drafts, or moves that nobody has signed yet, would do to the tree,
 * tried in a copy of it; and what would flow by the links, estimated. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/plan.h"
#include "cli/value.h"
#include "node/author/config.h"
#include "replication/query/query.h"
#include "topology/trial.h"

enum { ENTRY_BYTES_USUAL = 70 }; /* of bulk on a link, measured: formats.md 10 */

static const struct option_row options[] = {
    {"new", "SEAT:PARENT:TIER", "as if a new seat stood there, first of all; may come again"},
    {"move", "SEAT:PARENT", "as if this seat went to that parent; may come again"},
    {"merge", "SEAT:SEAT", "as if all below the first went to the second, and the first retired"},
    {"retire", "SEAT", "as if this seat were retired, last of all; may come again"},
    {"rate-kbit", "N", "of the links; absent: what node.yaml declares"},
    {NULL, NULL, NULL},
};

/* All that the machines of a seat and those below it have written, as held here. */
static uint64_t entries_below(const struct planning *planning, const struct seat *seat)
{
    struct seat_heads heads;
    struct error ignored;
    seat_heads(planning->change.directory, planning->change.tree, seat, &heads, &ignored);
    uint64_t entries = heads.entries;
    seat_heads_free(&heads);
    for (size_t i = 0; i < seat->child_count; i++)
        entries += entries_below(planning, seat->children[i]);
    return entries;
}

static size_t origins_below(const struct seat *seat)
{
    size_t count = 1;
    for (size_t i = 0; i < seat->child_count; i++)
        count += origins_below(seat->children[i]);
    return count;
}

static uint64_t records_below(const struct planning *planning, const struct seat *seat)
{
    char folded[SEAT_BYTES_MAX + sizeof " (folded)"];
    snprintf(folded, sizeof folded, "%s (folded)", seat->row.seat);
    uint64_t count =
        json_number(planning->records, seat->row.seat) + json_number(planning->records, folded);
    for (size_t i = 0; i < seat->child_count; i++)
        count += records_below(planning, seat->children[i]);
    return count;
}

static double hours_of(const struct planning *planning, uint64_t entries)
{
    double bits = (double)entries * ENTRY_BYTES_USUAL * 8;
    return planning->rate_kbit == 0 ? 0 : bits / ((double)planning->rate_kbit * 1000) / 3600;
}

static void add_final(struct planning *planning, const char *seat, const char *why)
{
    json_array_append_new(planning->final, json_pack("{s:s,s:s}", "seat", seat, "why", why));
}

/* A node whose links, documents of its own or figures change; each is named once. */
static void touch(struct planning *planning, const char *seat)
{
    size_t i = 0;
    json_t *known = NULL;
    json_array_foreach(planning->nodes, i, known)
    {
        if (strcmp(json_string_value(known), seat) == 0)
            return;
    }
    if (seat[0] != '\0')
        json_array_append_new(planning->nodes, json_string(seat));
}

/* One line for all that goes from one parent to the same other one. */
static void add_totals(struct planning *planning, const char *from, const char *to,
                       const struct seat *seat)
{
    json_int_t origins = (json_int_t)origins_below(seat);
    json_int_t records = (json_int_t)records_below(planning, seat);
    size_t i = 0;
    json_t *line = NULL;
    json_array_foreach(planning->totals, i, line)
    {
        if (strcmp(json_text(line, "from"), from) != 0 || strcmp(json_text(line, "to"), to) != 0)
            continue;
        origins += (json_int_t)json_number(line, "origins");
        records += (json_int_t)json_number(line, "records");
        json_object_set_new(line, "origins", json_integer(origins));
        json_object_set_new(line, "records", json_integer(records));
        return;
    }
    json_array_append_new(planning->totals, json_pack("{s:s,s:s,s:I,s:I}", "from", from, "to", to,
                                                      "origins", origins, "records", records));
}

static void add_link(struct planning *planning, const char *from, const char *to,
                     const struct seat *seat)
{
    uint64_t entries = entries_below(planning, seat);
    double hours = hours_of(planning, entries);
    planning->entries += entries;
    planning->hours = hours > planning->hours ? hours : planning->hours;
    json_array_append_new(planning->links,
                          json_pack("{s:s,s:s,s:s,s:I,s:I,s:f}", "seat", seat->row.seat, "from",
                                    from, "to", to, "entries", (json_int_t)entries, "bytes",
                                    (json_int_t)(entries * ENTRY_BYTES_USUAL), "hours", hours));
    touch(planning, seat->row.seat);
    touch(planning, from);
    touch(planning, to);
}

static void compare(struct planning *planning, const struct seat *old, const struct seat *new)
{
    const char *from = old->parent == NULL ? "" : old->parent->row.seat;
    const char *to = new->parent == NULL ? "" : new->parent->row.seat;
    if (strcmp(from, to) != 0) {
        add_link(planning, from, to, old);
        add_totals(planning, from, to, old);
    }
    if (new->row.status != old->row.status &&new->row.status != SEAT_RELEASED)
        add_final(planning, old->row.seat,
                  "what its keys write behind the cut-off doesn't count, nowhere, from then on");
    if (new->row.generation > old->row.generation)
        add_final(planning, old->row.seat, "the former machine's keys never get the seat back");
    if (new->row.term > old->row.term)
        add_final(planning, old->row.seat, "documents of the former term can't be brought back");
    if (new->row.status != old->row.status || new->row.generation > old->row.generation ||
        new->row.term > old->row.term) {
        touch(planning, old->row.seat);
        touch(planning, from);
    }
}

/* Circles only grow: who takes a seat over holds its open records for good. */
static void add_shared(struct planning *planning)
{
    size_t i = 0;
    json_t *line = NULL;
    json_array_foreach(planning->totals, i, line)
        add_final(planning, json_text(line, "to"),
                  "it holds the open records of those who come, also if they go back later");
}

static void look(struct planning *planning)
{
    for (size_t i = 0; i < tree_seat_count(planning->change.tree); i++) {
        const struct seat *old = tree_seat_at(planning->change.tree, i);
        const struct seat *new = tree_seat(planning->after, span_of_text(old->row.seat));
        if (new != NULL)
            compare(planning, old, new);
    }
    for (size_t i = 0; i < tree_seat_count(planning->after); i++) {
        const struct seat *new = tree_seat_at(planning->after, i);
        if (tree_seat(planning->change.tree, span_of_text(new->row.seat)) != NULL)
            continue;
        touch(planning, new->row.seat);
        touch(planning, new->parent == NULL ? "" : new->parent->row.seat);
    }
    add_shared(planning);
}

/* Records by their origins, as the figures held here say. */
static enum error_code count_records(void *context, const struct view *view,
                                     const struct tree *tree, struct error *error)
{
    struct planning *planning = context;
    struct node_config config;
    struct buffer out = {0};
    size_t i = 0;
    json_t *group = NULL;
    enum error_code code = config_load(planning->change.directory, &config, error);
    if (code == ERR_OK)
        code = query_rollup(view, tree, config.seat, span_of_text("records"),
                            span_of_text("origin"), config.freshness_ms, &out, error);
    json_t *rollup = code == ERR_OK ? value_json(span_of_buffer(&out)) : NULL;
    json_array_foreach(json_object_get(rollup, "groups"), i, group) json_object_set(
        planning->records, json_text(group, "key"), json_object_get(group, "value"));
    json_decref(rollup);
    buffer_free(&out);
    return code;
}

/* ---- telling ---- */

static void tell_json(const struct planning *planning)
{
    print_json(json_pack("{s:O,s:O,s:O,s:o,s:O,s:I,s:I,s:I,s:f,s:b}", "nodes", planning->nodes,
                         "links", planning->links, "totals", planning->totals, "folds",
                         plan_folds(planning->change.tree, planning->after), "final",
                         planning->final, "entries", (json_int_t)planning->entries, "bytes",
                         (json_int_t)(planning->entries * ENTRY_BYTES_USUAL), "rate_kbit",
                         (json_int_t)planning->rate_kbit, "hours", planning->hours, "estimate", 1));
}

/* "CODE name", as far as it is known. */
static const char *named(const struct planning *planning, const char *code, char text[static 256])
{
    const struct seat *seat = tree_seat(planning->after, span_of_text(code));
    const char *name = seat == NULL ? "" : seat->row.name;
    snprintf(text, 256, "%s%s%s", code, name[0] == '\0' ? "" : " ", name);
    return text;
}

/* "3.5 hours", or a shorter time in its own unit. */
static void hours_text(double hours, char text[static 32])
{
    if (hours >= 1)
        snprintf(text, 32, "%.1f hours", hours);
    else
        duration_text((uint64_t)(hours * 3600 * 1000), text);
}

static void tell_link(const struct planning *planning, const json_t *line)
{
    char seat[256], to[256], from[256], bytes[32], time[32];
    bytes_text(json_number(line, "bytes"), bytes);
    printf("  %s calls %s, no longer %s; at most %llu entries, %s",
           named(planning, json_text(line, "seat"), seat),
           named(planning, json_text(line, "to"), to),
           named(planning, json_text(line, "from"), from),
           (unsigned long long)json_number(line, "entries"), bytes);
    hours_text(json_real_value(json_object_get(line, "hours")), time);
    if (planning->rate_kbit > 0)
        printf(", %s", time);
    printf("\n");
}

static void tell_flow(const struct planning *planning)
{
    char bytes[32], time[32];
    if (json_array_size(planning->links) == 0)
        return;
    bytes_text(planning->entries * ENTRY_BYTES_USUAL, bytes);
    printf("to flow in all: at most %llu entries, %s; an estimate from what is held here, at %d "
           "bytes an entry\n",
           (unsigned long long)planning->entries, bytes, ENTRY_BYTES_USUAL);
    hours_text(planning->hours, time);
    if (planning->rate_kbit > 0)
        printf("at %llu kbit/s each: %s, the links beside each other\n",
               (unsigned long long)planning->rate_kbit, time);
    else
        printf("hours can't be told: no rate of the links is declared (--rate-kbit N, or "
               "links.rate_kbit in node.yaml)\n");
}

static void tell(const struct planning *planning)
{
    size_t i = 0;
    json_t *line = NULL;
    char one[256], other[256];
    printf("seats:\n");
    change_print(planning->change.tree, planning->after, false);
    printf("nodes touched: %zu\n", json_array_size(planning->nodes));
    json_array_foreach(planning->nodes, i, line)
        printf("  %s\n", named(planning, json_string_value(line), one));
    if (json_array_size(planning->links) > 0)
        printf("links that change: %zu\n", json_array_size(planning->links));
    json_array_foreach(planning->links, i, line) tell_link(planning, line);
    json_array_foreach(planning->totals, i, line)
        printf("totals: %llu origins with %llu records count under %s, no longer under %s\n",
               (unsigned long long)json_number(line, "origins"),
               (unsigned long long)json_number(line, "records"),
               named(planning, json_text(line, "to"), one),
               named(planning, json_text(line, "from"), other));
    json_t *folds = plan_folds(planning->change.tree, planning->after);
    plan_tell_folds(folds);
    json_decref(folds);
    tell_flow(planning);
    json_array_foreach(planning->final, i, line)
        printf("can't be undone: %s: %s\n", named(planning, json_text(line, "seat"), one),
               json_text(line, "why"));
    if (json_array_size(planning->links) > 0)
        printf("a move back is another move, signed by both parents or by who stands above both\n");
}

static enum error_code plan(struct planning *planning, struct error *error)
{
    const struct arguments *arguments = planning->change.arguments;
    struct node_config config;
    struct error ignored;
    if (config_load(planning->change.directory, &config, &ignored) == ERR_OK)
        planning->rate_kbit = config.links.rate_kbit;
    enum error_code code =
        arguments_number(arguments, "rate-kbit", 1, 100000000, &planning->rate_kbit, error);
    if (code == ERR_OK && !plan_is_told(arguments)) {
        code = error_set(error, ERR_USAGE, "plan", "it is told nothing to try");
        error_next(error, "name a draft, or a --new, --move, --merge or --retire");
    }
    if (code == ERR_OK)
        code = plan_offer_drafts(planning, error);
    if (code == ERR_OK)
        code = plan_try(planning, error);
    if (code != ERR_OK)
        return code;
    held_look(planning->change.directory, tree_id(planning->change.tree), count_records, planning,
              &ignored); /* a tree that is being signed has no figures yet */
    look(planning);
    if (arguments->json)
        tell_json(planning);
    else
        tell(planning);
    return ERR_OK;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct planning planning = {.nodes = json_array(),
                                .links = json_array(),
                                .totals = json_array(),
                                .final = json_array(),
                                .records = json_object()};
    enum error_code code = change_begin(arguments, &planning.change, error);
    if (code == ERR_OK) {
        planning.after = trial_new(planning.change.tree);
        code = plan(&planning, error);
    }
    tree_free(planning.after);
    change_end(&planning.change);
    json_decref(planning.nodes);
    json_decref(planning.records);
    json_decref(planning.links);
    json_decref(planning.totals);
    json_decref(planning.final);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_plan = {
    .name = "plan",
    .usage = "[DRAFT...]",
    .summary = "what drafts, moves, a merge or a split would do, before anybody signs",
    .detail =
        "Told are the seats, the nodes touched, the links that change and what flows by them\n"
        "and how long that takes, the totals that move, and what can't be undone. Nothing is\n"
        "signed. A merge: --merge OLD:OTHER. A split: --new B:COUNTY:township --move V:B ...",
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
