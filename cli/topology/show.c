/* terrace topology show: the tree as this node holds it, drawn, what its own links say, and how old
 * and how whole is what it holds of each seat, by that seat's signed statements. */
#include <stdlib.h>
#include <string.h>

#include "cli/record.h"
#include "cli/topology/topology.h"
#include "node/author/config.h"
#include "replication/query/query.h"

enum { DEPTH_USUAL = 3, PREFIX_BYTES = 3 * 3 * TIERS_MAX + 16 };

struct showing {
    const struct arguments *arguments;
    const struct tree *tree;
    const json_t *links;     /* of the node's status; NULL: it isn't running */
    const struct view *view; /* its store; NULL: there is none yet */
    struct node_config config;
    uint64_t depth_most;
    size_t left_out;
    struct table_rows *table;
};

static const struct option_row options[] = {
    {"depth", "N", "how many tiers below the first to draw (3 unless given)"},
    {NULL, NULL, NULL},
};

static const char *status_word(const struct seat *seat)
{
    static const char *const words[] = {[SEAT_ACTIVE] = "active",
                                        [SEAT_RETIRED] = "retired",
                                        [SEAT_REVOKED] = "revoked",
                                        [SEAT_RELEASED] = "released"};
    return words[seat->row.status];
}

static const json_t *link_of(const struct showing *showing, const char *seat)
{
    size_t index = 0;
    json_t *link = NULL;
    json_array_foreach(showing->links, index, link)
    {
        if (strcmp(json_text(link, "seat"), seat) == 0)
            return link;
    }
    return NULL;
}

/* Whether this node and that seat should have a link. */
static bool is_beside(const struct showing *showing, const struct seat *seat)
{
    const struct seat *self = tree_seat(showing->tree, span_of_text(showing->config.seat));
    return self != NULL && seat->row.status == SEAT_ACTIVE &&
           (seat->parent == self || self->parent == seat);
}

/* What is known of the way to a seat: only neighbours have one. */
static void health(const struct showing *showing, const struct seat *seat, char text[static 96])
{
    const json_t *link = link_of(showing, seat->row.seat);
    char heard[32];
    text[0] = '\0';
    if (showing->links != NULL && strcmp(seat->row.seat, showing->config.seat) == 0)
        snprintf(text, 96, "this node");
    else if (link == NULL && showing->links != NULL && is_beside(showing, seat))
        snprintf(text, 96, "no link");
    if (link == NULL)
        return;
    uint64_t behind = json_number(link, "behind_there") + json_number(link, "behind_here");
    duration_text(json_number(link, "heard_ms"), heard);
    if (behind == 0)
        snprintf(text, 96, "%s, heard %s ago", json_text(link, "state"), heard);
    else
        snprintf(text, 96, "%s, heard %s ago, %llu entries to go", json_text(link, "state"), heard,
                 (unsigned long long)behind);
}

static const char *heads_word(const struct completeness *heads)
{
    static const char *const words[] = {[COMPLETE_NOW] = "complete",
                                        [COMPLETE_SILENT] = "silent",
                                        [COMPLETE_WITHHELD] = "behind",
                                        [COMPLETE_UNKNOWN] = "unknown"};
    bool undated = heads->state == COMPLETE_SILENT && heads->as_of_ms == 0;
    return undated ? words[COMPLETE_NOW] : words[heads->state]; /* no token has come yet */
}

/* How old what is held here of a seat is, by its newest statement, and what is lacking of it. */
static void heads_of(const struct showing *showing, const struct seat *seat,
                     struct completeness *heads)
{
    *heads = (struct completeness){.state = COMPLETE_UNKNOWN};
    if (showing->view != NULL && strcmp(seat->row.seat, showing->config.seat) != 0)
        query_completeness(showing->view, showing->tree, showing->config.seat, seat,
                           showing->config.freshness_ms, heads);
}

static uint64_t age_ms(const struct completeness *heads)
{
    uint64_t now_ms = wall_now_ms();
    return now_ms > heads->as_of_ms ? now_ms - heads->as_of_ms : 0;
}

static void heads_text(const struct completeness *heads, char text[static 96])
{
    char age[32] = "", old[48] = ", age unknown yet";
    text[0] = '\0';
    if (heads->state == COMPLETE_UNKNOWN)
        return;
    duration_text(age_ms(heads), age);
    if (heads->as_of_ms > 0)
        snprintf(old, sizeof old, " as of %s ago", age);
    if (heads->missing > 0)
        snprintf(text, 96, "%llu entries missing%s%s", (unsigned long long)heads->missing, old,
                 heads->clock_suspect ? ", its clock is off" : "");
    else
        snprintf(text, 96, "%s%s%s", heads_word(heads), old,
                 heads->clock_suspect ? ", its clock is off" : "");
}

static json_t *heads_json(const struct completeness *heads)
{
    json_t *object = json_pack("{s:s,s:I,s:b}", "state", heads_word(heads), "missing",
                               (json_int_t)heads->missing, "clock_suspect", heads->clock_suspect);
    if (heads->as_of_ms > 0) {
        json_object_set_new(object, "as_of", json_integer((json_int_t)heads->as_of_ms));
        json_object_set_new(object, "age_ms", json_integer((json_int_t)age_ms(heads)));
    }
    return object;
}

static size_t below_count(const struct seat *seat)
{
    size_t count = seat->child_count;
    for (size_t i = 0; i < seat->child_count; i++)
        count += below_count(seat->children[i]);
    return count;
}

static void show_json(const struct showing *showing, const struct seat *seat, unsigned depth)
{
    struct completeness heads;
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:b}", "seat", seat->row.seat, "name",
                  seat->row.name, "tier", tree_tier_name(showing->tree, seat->row.tier), "parent",
                  seat->parent == NULL ? "" : seat->parent->row.seat, "status", status_word(seat),
                  "generation", (json_int_t)seat->row.generation, "depth", (json_int_t)depth,
                  "moves", (json_int_t)seat->row.moves, "signs", seat->row.admins.threshold > 0);
    json_object_set_new(object, "escrow", json_boolean(seat->row.escrow_key != NULL));
    const json_t *link = link_of(showing, seat->row.seat);
    if (link != NULL)
        json_object_set(object, "link", (json_t *)(uintptr_t)link);
    heads_of(showing, seat, &heads);
    json_object_set_new(object, "heads", heads_json(&heads));
    print_json(object);
}

static void show_row(const struct showing *showing, const struct seat *seat, const char *drawn)
{
    char text[96];
    struct completeness heads;
    table_cell(showing->table, "%s%s", drawn,
               seat->row.name[0] != '\0' ? seat->row.name : seat->row.seat);
    table_cell(showing->table, "%s", seat->row.seat);
    table_cell(showing->table, "%s", tree_tier_name(showing->tree, seat->row.tier));
    table_cell(showing->table, "%s", status_word(seat));
    table_cell(showing->table, "%u", (unsigned)seat->row.generation);
    health(showing, seat, text);
    table_cell(showing->table, "%s", text);
    heads_of(showing, seat, &heads);
    heads_text(&heads, text);
    table_cell(showing->table, "%s", text);
}

/* `prefix`: the lines that come down beside this seat; `corner`: its own. */
static void show_seat(struct showing *showing, const struct seat *seat, unsigned depth,
                      const char *prefix, const char *corner, const char *beside)
{
    char drawn[PREFIX_BYTES], below[PREFIX_BYTES];
    snprintf(drawn, sizeof drawn, "%s%s", prefix, corner);
    snprintf(below, sizeof below, "%s%s", prefix, beside);
    if (showing->arguments->json)
        show_json(showing, seat, depth);
    else
        show_row(showing, seat, drawn);
    if (depth >= showing->depth_most) {
        showing->left_out += below_count(seat);
        return;
    }
    for (size_t i = 0; i < seat->child_count; i++) {
        bool last = i + 1 == seat->child_count;
        show_seat(showing, seat->children[i], depth + 1, below, last ? "└─ " : "├─ ",
                  last ? "   " : "│  ");
    }
}

static enum error_code first_seat(const struct showing *showing, const struct seat **seat,
                                  struct error *error)
{
    const struct arguments *arguments = showing->arguments;
    *seat = arguments->word_count == 0
                ? tree_root_seat(showing->tree)
                : tree_seat(showing->tree, span_of_text(arguments->words[0]));
    if (*seat != NULL)
        return ERR_OK;
    error_set(error, ERR_NOT_FOUND, arguments->words[0], "no document here lists such a seat");
    error_next(error, "`terrace topology show` draws those that are known here");
    return ERR_NOT_FOUND;
}

static void show_table(struct showing *showing, const struct seat *first)
{
    static const struct table_column columns[] = {{"name", false},
                                                  {"seat", false},
                                                  {"tier", false},
                                                  {"status", false},
                                                  {"keys no.", true},
                                                  {"link", false},
                                                  {"what is here of it", false}};
    showing->table = table_new(columns, 7);
    show_seat(showing, first, 0, "", "", "");
    table_print(showing->table, stdout);
    if (showing->left_out > 0)
        printf("%zu more seats below; `--depth` draws more tiers\n", showing->left_out);
    if (showing->links == NULL)
        print_note("the node isn't running: nothing is known of the links");
}

static void draw(struct showing *showing, const struct seat *first)
{
    if (showing->arguments->json)
        show_seat(showing, first, 0, "", "", "");
    else
        show_table(showing, first);
}

struct drawing {
    struct showing *showing;
    const struct seat *first;
};

static enum error_code draw_beside(void *context, const struct view *view, const struct tree *tree,
                                   struct error *error)
{
    struct drawing *drawing = context;
    (void)tree; /* documents/ may have newer ones */
    (void)error;
    drawing->showing->view = view;
    draw(drawing->showing, drawing->first);
    drawing->showing->view = NULL;
    return ERR_OK;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct showing showing = {.arguments = arguments, .depth_most = DEPTH_USUAL};
    struct drawing drawing = {&showing, NULL};
    const char *directory = NULL;
    struct tree *tree = NULL;
    struct buffer args = {0};
    struct error ignored;
    error_clear(&ignored);
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        arguments_number(arguments, "depth", 0, TIERS_MAX, &showing.depth_most, error) != ERR_OK ||
        held_tree(directory, &tree, error) != ERR_OK)
        return EXIT_FAILED;
    json_t *status = ask_node(arguments, "status", &args, &ignored);
    showing.tree = tree;
    showing.links = json_object_get(status, "links");
    if (first_seat(&showing, &drawing.first, error) == ERR_OK &&
        (config_load(directory, &showing.config, &ignored) != ERR_OK ||
         held_look(directory, tree_id(tree), draw_beside, &drawing, &ignored) != ERR_OK))
        draw(&showing, drawing.first); /* no store: a tree that is being signed */
    json_decref(status);
    tree_free(tree);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_show = {
    .name = "show",
    .usage = "[SEAT]",
    .summary =
        "draw the tree as this node holds it, how its links are, and how old what is here is",
    .words_max = 1,
    .options = options,
    .run = run,
};
