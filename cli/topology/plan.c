/* terrace topology plan: what drafts, or moves that nobody has signed yet, would do to the tree,
 * tried in a copy of it; and what would flow by the links, estimated. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/change.h"
#include "cli/topology/draft.h"
#include "cli/value.h"
#include "node/author/config.h"
#include "topology/trial.h"

enum {
    ENTRY_BYTES_USUAL = 70, /* of bulk on a link, measured: formats.md 10 */
    MOVES_MAX = OPTIONS_GIVEN_MAX,
};

static const struct option_row options[] = {
    {"move", "SEAT:PARENT", "as if this seat went to that parent; may come again"},
    {"rate-kbit", "N", "of the links; absent: what node.yaml declares"},
    {NULL, NULL, NULL},
};

struct planning {
    struct change change;
    struct tree *after;
    uint64_t rate_kbit, entries;
    json_t *links, *totals, *final;
};

static enum error_code offer_drafts(struct planning *planning, struct error *error)
{
    const struct arguments *arguments = planning->change.arguments;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < arguments->word_count && code == ERR_OK; i++) {
        struct author_document document = {0};
        struct draft draft;
        code = draft_open(planning->change.directory, arguments->words[i], &draft, error);
        if (code != ERR_OK)
            break;
        document.kind = draft.file.kind;
        snprintf(document.seat, sizeof document.seat, "%s", draft.opened.decoded.seat);
        buffer_append_span(&document.envelope, draft.file.envelope);
        document.rows = mem_alloc((draft.file.row_count + 1) * sizeof *document.rows);
        document.row_count = draft.file.row_count;
        for (size_t row = 0; row < document.row_count; row++)
            buffer_append_span(&document.rows[row], draft.file.rows[row]);
        code = trial_offer(planning->after, &document, error);
        author_document_clear(&document);
        draft_free(&draft);
    }
    return code;
}

/* One more document in the copy: `owner` decides, or accepts, a move. */
static enum error_code try_one(struct planning *planning, const char *owner, const char *seat,
                               const char *to, bool decides, struct error *error)
{
    struct amend_when when = {.now_ms = wall_now_ms(), .expires_ms = AMEND_KEEP};
    struct author_document document;
    struct amendment *amendment =
        amend_new(planning->after, DOCUMENT_BRANCH, span_of_text(owner), &when, error);
    enum error_code code = amendment == NULL ? error->code : ERR_OK;
    if (code == ERR_OK && decides)
        code = amend_decide(amendment, span_of_text(seat), span_of_text(to), 0, error);
    else if (code == ERR_OK)
        code = amend_take_over(amendment, span_of_text(seat), NULL, 0, false, error);
    if (code == ERR_OK)
        code = amend_finish(amendment, &document, error);
    if (code == ERR_OK) {
        code = trial_offer(planning->after, &document, error);
        author_document_clear(&document);
    }
    amend_free(amendment);
    return code;
}

/* The nearest seat above both. */
static const struct seat *above_both(const struct seat *a, const struct seat *b)
{
    while (a != NULL && !seat_is_ancestor_or_self(a, b))
        a = a->parent;
    return a;
}

static enum error_code try_move(struct planning *planning, const char *given, struct error *error)
{
    char seat[SEAT_BYTES_MAX + 1] = "", owner[SEAT_BYTES_MAX + 1];
    const char *colon = strchr(given, ':');
    const struct seat *from = NULL, *to = NULL;
    if (colon == NULL || (size_t)(colon - given) > SEAT_BYTES_MAX)
        return error_set(error, ERR_USAGE, "--move", "expected SEAT:PARENT, found %s", given);
    memcpy(seat, given, (size_t)(colon - given));
    from = tree_seat(planning->after, span_of_text(seat));
    to = tree_seat(planning->after, span_of_text(colon + 1));
    if (from == NULL || from->parent == NULL || to == NULL) {
        error_set(error, ERR_NOT_FOUND, given, "no document here lists %s",
                  from == NULL ? seat : colon + 1);
        error_next(error, "`terrace topology show` draws those that are known here");
        return ERR_NOT_FOUND;
    }
    const struct seat *above = above_both(from->parent, to);
    snprintf(owner, sizeof owner, "%s", above == NULL ? "" : above->row.seat);
    enum error_code code = try_one(planning, owner, seat, colon + 1, true, error);
    return code == ERR_OK ? try_one(planning, colon + 1, seat, colon + 1, false, error) : code;
}

static enum error_code try_moves(struct planning *planning, struct error *error)
{
    const struct arguments *arguments = planning->change.arguments;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < arguments->given_count && code == ERR_OK; i++) {
        if (strcmp(arguments->given[i].row->name, "move") == 0)
            code = try_move(planning, arguments->given[i].value, error);
    }
    return code;
}

/* All that the machines of a seat and those below it have written, as held here. */
static uint64_t entries_below(const struct planning *planning, const struct seat *seat)
{
    struct buffer places = {0}, notes = {0};
    uint64_t entries = 0;
    struct error ignored;
    change_heads(&planning->change, seat, &places, &notes, &entries, &ignored);
    buffer_free(&places);
    buffer_free(&notes);
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

static void add_final(struct planning *planning, const char *seat, const char *why)
{
    json_array_append_new(planning->final, json_pack("{s:s,s:s}", "seat", seat, "why", why));
}

static void compare(struct planning *planning, const struct seat *old, const struct seat *new)
{
    const char *from = old->parent == NULL ? "" : old->parent->row.seat;
    const char *to = new->parent == NULL ? "" : new->parent->row.seat;
    if (strcmp(from, to) != 0) {
        uint64_t entries = entries_below(planning, old);
        planning->entries += entries;
        json_array_append_new(planning->links,
                              json_pack("{s:s,s:s,s:s,s:I}", "seat", old->row.seat, "from", from,
                                        "to", to, "entries", (json_int_t)entries));
        json_array_append_new(planning->totals,
                              json_pack("{s:s,s:s,s:s,s:I}", "seat", old->row.seat, "from", from,
                                        "to", to, "origins", (json_int_t)origins_below(old)));
    }
    if (new->row.status != old->row.status &&new->row.status != SEAT_RELEASED)
        add_final(planning, old->row.seat,
                  "what its keys wrote behind the cut-off doesn't count, nowhere, from then on");
    if (new->row.generation > old->row.generation)
        add_final(planning, old->row.seat, "the former machine's keys never get the seat back");
    if (new->row.term > old->row.term)
        add_final(planning, old->row.seat, "documents of the former term can't be brought back");
}

static void look(struct planning *planning)
{
    for (size_t i = 0; i < tree_seat_count(planning->change.tree); i++) {
        const struct seat *old = tree_seat_at(planning->change.tree, i);
        const struct seat *new = tree_seat(planning->after, span_of_text(old->row.seat));
        if (new != NULL)
            compare(planning, old, new);
    }
}

static double hours(const struct planning *planning)
{
    double bits = (double)planning->entries * ENTRY_BYTES_USUAL * 8;
    return planning->rate_kbit == 0 ? 0 : bits / ((double)planning->rate_kbit * 1000) / 3600;
}

static void tell_json(const struct planning *planning)
{
    print_json(json_pack("{s:O,s:O,s:O,s:I,s:I,s:I,s:f,s:b}", "links", planning->links, "totals",
                         planning->totals, "final", planning->final, "entries",
                         (json_int_t)planning->entries, "bytes",
                         (json_int_t)(planning->entries * ENTRY_BYTES_USUAL), "rate_kbit",
                         (json_int_t)planning->rate_kbit, "hours", hours(planning), "estimate", 1));
}

static void tell(const struct planning *planning)
{
    size_t i = 0;
    json_t *line = NULL;
    char bytes[32];
    printf("seats:\n");
    change_print(planning->change.tree, planning->after, false);
    json_array_foreach(planning->links, i, line)
        printf("link: %s calls %s, no longer %s\n", json_text(line, "seat"), json_text(line, "to"),
               json_text(line, "from"));
    json_array_foreach(planning->totals, i, line)
        printf("totals: %llu origins count under %s, no longer under %s\n",
               (unsigned long long)json_number(line, "origins"), json_text(line, "to"),
               json_text(line, "from"));
    json_array_foreach(planning->final, i, line)
        printf("can't be undone: %s: %s\n", json_text(line, "seat"), json_text(line, "why"));
    if (json_array_size(planning->links) == 0)
        return;
    bytes_text(planning->entries * ENTRY_BYTES_USUAL, bytes);
    printf("to flow, estimated from what is held here: at most %llu entries, %s\n",
           (unsigned long long)planning->entries, bytes);
    if (planning->rate_kbit > 0)
        printf("at %llu kbit/s: %.1f hours\n", (unsigned long long)planning->rate_kbit,
               hours(planning));
    else
        printf("no rate of the link is declared (links.rate_kbit, or --rate-kbit)\n");
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
    if (code == ERR_OK && arguments->word_count == 0 && arguments_value(arguments, "move") == NULL)
        code = error_set(error, ERR_USAGE, "plan", "name a draft, or a --move");
    if (code == ERR_OK)
        code = offer_drafts(planning, error);
    if (code == ERR_OK)
        code = try_moves(planning, error);
    if (code != ERR_OK)
        return code;
    look(planning);
    if (arguments->json)
        tell_json(planning);
    else
        tell(planning);
    return ERR_OK;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct planning planning = {
        .links = json_array(), .totals = json_array(), .final = json_array()};
    enum error_code code = change_begin(arguments, &planning.change, error);
    if (code == ERR_OK) {
        planning.after = trial_new(planning.change.tree);
        code = plan(&planning, error);
    }
    tree_free(planning.after);
    change_end(&planning.change);
    json_decref(planning.links);
    json_decref(planning.totals);
    json_decref(planning.final);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_plan = {
    .name = "plan",
    .usage = "[DRAFT...]",
    .summary = "what drafts or moves would do: seats, links, totals, what would flow and how long",
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
