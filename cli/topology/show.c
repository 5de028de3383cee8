/* terrace topology show: the tree as this node holds it, drawn, and what its own links say. */
#include <stdlib.h>
#include <string.h>

#include "cli/record.h"
#include "cli/topology/topology.h"

enum { DEPTH_USUAL = 3, PREFIX_BYTES = 3 * 3 * TIERS_MAX + 16 };

struct showing {
    const struct arguments *arguments;
    const struct tree *tree;
    const json_t *links; /* of the node's status; NULL: it isn't running */
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

/* What is known of the way to a seat: only neighbours have one. */
static void health(const struct showing *showing, const char *seat, char text[static 64])
{
    const json_t *link = link_of(showing, seat);
    char heard[32];
    text[0] = '\0';
    if (link == NULL)
        return;
    uint64_t behind = json_number(link, "behind_there") + json_number(link, "behind_here");
    duration_text(json_number(link, "heard_ms"), heard);
    if (behind == 0)
        snprintf(text, 64, "%s, heard %s ago", json_text(link, "state"), heard);
    else
        snprintf(text, 64, "%s, %llu entries to go", json_text(link, "state"),
                 (unsigned long long)behind);
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
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:b}", "seat", seat->row.seat, "name",
                  seat->row.name, "tier", tree_tier_name(showing->tree, seat->row.tier), "parent",
                  seat->parent == NULL ? "" : seat->parent->row.seat, "status", status_word(seat),
                  "generation", (json_int_t)seat->row.generation, "depth", (json_int_t)depth,
                  "moves", (json_int_t)seat->row.moves, "signs", seat->row.admins.threshold > 0);
    const json_t *link = link_of(showing, seat->row.seat);
    if (link != NULL)
        json_object_set(object, "link", (json_t *)(uintptr_t)link);
    print_json(object);
}

static void show_row(const struct showing *showing, const struct seat *seat, const char *drawn)
{
    char text[64];
    table_cell(showing->table, "%s%s", drawn,
               seat->row.name[0] != '\0' ? seat->row.name : seat->row.seat);
    table_cell(showing->table, "%s", seat->row.seat);
    table_cell(showing->table, "%s", tree_tier_name(showing->tree, seat->row.tier));
    table_cell(showing->table, "%s", status_word(seat));
    table_cell(showing->table, "%u", (unsigned)seat->row.generation);
    health(showing, seat->row.seat, text);
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
    static const struct table_column columns[] = {{"name", false},    {"seat", false},
                                                  {"tier", false},    {"status", false},
                                                  {"keys no.", true}, {"link", false}};
    showing->table = table_new(columns, 6);
    show_seat(showing, first, 0, "", "", "");
    table_print(showing->table, stdout);
    if (showing->left_out > 0)
        printf("%zu more seats below; `--depth` draws more tiers\n", showing->left_out);
    if (showing->links == NULL)
        print_note("the node isn't running: nothing is known of the links");
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct showing showing = {.arguments = arguments, .depth_most = DEPTH_USUAL};
    const char *directory = NULL;
    const struct seat *first = NULL;
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
    if (first_seat(&showing, &first, error) == ERR_OK) {
        if (arguments->json)
            show_seat(&showing, first, 0, "", "", "");
        else
            show_table(&showing, first);
    }
    json_decref(status);
    tree_free(tree);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_show = {
    .name = "show",
    .usage = "[SEAT]",
    .summary = "draw the tree as this node holds it, and how its own links are",
    .words_max = 1,
    .options = options,
    .run = run,
};
