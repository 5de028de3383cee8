/* Who is counted, who is not and since when; the branches below this node. */
#include <string.h>

#include "cli/report/report.h"

void gather_add(json_t *object, const char *key, json_int_t amount)
{
    json_int_t before = json_integer_value(json_object_get(object, key));
    json_object_set_new(object, key, json_integer(before + amount));
}

/* The seat below `self` on the way to `seat`; NULL: none, or self itself. */
static const struct seat *branch_of(const struct seat *self, const struct seat *seat)
{
    while (seat != NULL && seat->parent != self)
        seat = seat->parent;
    return seat;
}

static bool is_in_force(const struct seat *seat)
{
    return seat->row.status == SEAT_ACTIVE;
}

struct span gather_folder(const char *key)
{
    static const char words[] = " (folded)";
    size_t size = strlen(key), mark = sizeof words - 1;
    if (size <= mark || strcmp(key + size - mark, words) != 0)
        return SPAN_EMPTY;
    return SPAN((const uint8_t *)key, size - mark);
}

int gather_branch(const struct gathering *gathering, const char *seat)
{
    struct span folder = gather_folder(seat);
    const struct seat *found =
        tree_seat(gathering->tree, folder.size > 0 ? folder : span_of_text(seat));
    const struct seat *branch = found == NULL ? NULL : branch_of(gathering->self, found);
    const json_t *branches = json_object_get(gathering->report, "branches");
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(branches, index, row)
    {
        if (branch != NULL && strcmp(json_text(row, "seat"), branch->row.seat) == 0)
            return (int)index;
    }
    return -1;
}

static json_t *seat_json(const struct gathering *gathering, const struct seat *seat)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "seat", seat->row.seat, "name", seat->row.name, "tier",
                     tree_tier_name(gathering->tree, seat->row.tier), "parent",
                     seat->parent == NULL ? "" : seat->parent->row.seat);
}

/* One row a child of this node, with how many seats stand in its branch. */
static void add_branches(struct gathering *gathering)
{
    json_t *branches = json_array();
    json_int_t seats = 0;
    json_object_set_new(gathering->report, "branches", branches);
    for (size_t i = 0; i < tree_seat_count(gathering->tree); i++) {
        const struct seat *seat = tree_seat_at(gathering->tree, i);
        const struct seat *branch = branch_of(gathering->self, seat);
        if (!is_in_force(seat) || (branch == NULL && seat != gathering->self))
            continue;
        seats++;
        if (branch == seat)
            json_array_append_new(branches, seat_json(gathering, seat));
        int index = gather_branch(gathering, seat->row.seat);
        if (index >= 0)
            gather_add(json_array_get(branches, (size_t)index), "seats", 1);
    }
    json_object_set_new(gathering->report, "seats", json_integer(seats));
}

static void count_behind(struct gathering *gathering, const json_t *row)
{
    int branch = gather_branch(gathering, json_text(row, "seat"));
    if (branch < 0)
        return;
    json_t *of = json_array_get(json_object_get(gathering->report, "branches"), (size_t)branch);
    json_int_t as_of = (json_int_t)json_number(row, "as_of");
    const json_t *oldest = json_object_get(of, "silent_since");
    gather_add(of, "behind", 1);
    if (oldest == NULL || as_of < json_integer_value(oldest))
        json_object_set_new(of, "silent_since", json_integer(as_of));
}

/* Each says where it stands, so that a reader finds it. Those that are in force no more, whose last
 * figures stand, aren't behind. */
static void add_behind(struct gathering *gathering, const json_t *rows)
{
    json_t *behind = json_array(), *ended = json_array();
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        const struct seat *seat = tree_seat(gathering->tree, span_of_text(json_text(row, "seat")));
        bool final = strcmp(json_text(row, "state"), "final") == 0;
        json_t *told = json_deep_copy(row);
        if (seat != NULL)
            json_object_update_missing_new(told, seat_json(gathering, seat));
        json_array_append_new(final ? ended : behind, told);
        if (!final)
            count_behind(gathering, row);
    }
    json_object_set_new(gathering->report, "behind", behind);
    json_object_set_new(gathering->report, "ended", ended);
}

void gather_away(struct gathering *gathering, const json_t *status)
{
    json_t *away = json_array(), *branches = json_object_get(gathering->report, "branches");
    size_t index = 0;
    json_t *missing = NULL;
    json_array_foreach(json_object_get(json_object_get(status, "children"), "missing"), index,
                       missing)
    {
        int branch = gather_branch(gathering, json_string_value(missing));
        if (branch < 0)
            continue;
        json_t *row = json_array_get(branches, (size_t)branch);
        json_object_set_new(row, "away", json_true());
        json_array_append_new(away, json_pack("{s:O,s:O,s:O}", "seat", json_object_get(row, "seat"),
                                              "name", json_object_get(row, "name"), "seats",
                                              json_object_get(row, "seats")));
    }
    json_object_set_new(gathering->report, "away", away);
}

enum error_code gather_completeness(struct gathering *gathering, struct error *error)
{
    static const char *const kept[] = {"origins", "as_of", "newest", "finals", "lost"};
    struct buffer args = {0};
    add_branches(gathering);
    mp_write_map(&args, 1);
    args_text(&args, "name", "records");
    json_t *answer = ask_node(gathering->arguments, "rollup", &args, error);
    buffer_free(&args);
    if (answer == NULL)
        return error->code;
    json_t *complete = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        json_object_set(complete, kept[i], json_object_get(answer, kept[i]));
    json_object_set_new(gathering->report, "complete", complete);
    add_behind(gathering, json_object_get(answer, "behind"));
    json_t *folds = json_object_get(answer, "folds");
    json_object_set_new(gathering->report, "folds",
                        folds == NULL ? json_array() : json_incref(folds));
    json_decref(answer);
    return ERR_OK;
}
