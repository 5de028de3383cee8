/* From documents to seats: a walk from the root document, parents before children.
 *
 * A seat is placed by the first document that lists it. Where others do too, all listings are
 * compared when the walk is done (tree_moves.c); if another one counts, the walk begins again, so
 * that the outcome depends on the documents alone. A choice that is out of reach, because what it
 * hangs on hangs on it, is barred. */
#include "topology/tree_inner.h"

#include <assert.h>
#include <string.h>

#include "base/msgpack.h"

/* Neighbouring rows of one seat: its generations and standbys. */
struct row_group {
    struct holding *in;
    struct seat_node *owner; /* NULL: the root document */
    struct span seat;
    size_t first, end;
    struct seat_row current; /* the row that stands for the seat */
    bool found;              /* a row that may stand here */
};

void raise_placing_alarm(struct tree *tree)
{
    tree->placing_alarms++;
    if (!tree->placing_all)
        tree->contested = true;
}

/* An array of pointers with room for one more; it doubles at powers of two. */
static void *with_room(void *array, size_t count)
{
    if ((count & (count - 1)) != 0)
        return array;
    return mem_resize(array, (count == 0 ? 1 : count * 2) * sizeof(void *));
}

const char *row_refusal(const struct tree *tree, const struct seat *owner,
                        const struct seat_row *row)
{
    if (row->tier >= tree->tier_count)
        return "it puts a seat into a tier that the root document doesn't name";
    if (owner == NULL)
        return row->tier == 0 ? NULL : "it puts the root seat below the first tier";
    if (strcmp(owner->row.seat, row->seat) == 0)
        return "it makes a seat its own parent";
    if (row->tier <= owner->row.tier)
        return "it puts a child into its parent's tier or above";
    return NULL;
}

static struct span row_seat(struct span row)
{
    struct mp_reader reader = mp_reader(row);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    if (!mp_field(&reader, &fields, &key) || key != 1)
        return SPAN_EMPTY;
    return mp_read_str(&reader);
}

static size_t group_end(const struct holding *holding, size_t first)
{
    struct span seat = row_seat(holding->rows[first]);
    size_t end = first + 1;
    while (end < holding->held.row_count && span_equal(row_seat(holding->rows[end]), seat))
        end++;
    return end;
}

/* Main before standby, active before not, then the greater generation. */
static bool row_stands_before(const struct seat_row *a, const struct seat_row *b)
{
    if (a->standby != b->standby)
        return !a->standby;
    if ((a->status == SEAT_ACTIVE) != (b->status == SEAT_ACTIVE))
        return a->status == SEAT_ACTIVE;
    return a->generation > b->generation;
}

/* Decode a row of the group; false when it says nothing here: parked, or against the rules. */
static bool group_row(const struct tree *tree, const struct row_group *group, size_t at,
                      struct seat_row *row, bool *refused)
{
    const struct seat *owner = group->owner == NULL ? NULL : &group->owner->seat;
    if (seat_row_decode(group->in->rows[at], row, NULL) != ERR_OK)
        return false;
    bool stands = row_refusal(tree, owner, row) == NULL;
    *refused = *refused || !stands;
    return stands;
}

static void group_read(struct tree *tree, struct row_group *group)
{
    bool refused = false;
    for (size_t i = group->first; i < group->end; i++) {
        struct seat_row row;
        if (!group_row(tree, group, i, &row, &refused))
            continue;
        if (!group->found || row_stands_before(&row, &group->current))
            group->current = row;
        group->found = true;
    }
    if (refused)
        raise_placing_alarm(tree);
}

static void author_describe(struct author *author, const struct seat_row *row,
                            const struct seat *seat)
{
    author->id = key_id_of(row->signing_key);
    memcpy(author->key, row->signing_key, KEY_BYTES);
    author->seat = seat;
    author->rank = row->tier;
    author->generation = row->generation;
    author->status = row->status;
    author->cut_off = row->cut_off;
    author->notes = row->notes;
}

static void author_place(struct tree *tree, const struct seat_row *row, const struct seat *seat)
{
    struct author_node *node = author_node_find(tree, key_id_of(row->signing_key));
    if (node == NULL) {
        node = mem_alloc(sizeof *node);
        author_describe(&node->author, row, seat);
        author_node_add(tree, node);
        return;
    }
    if (memcmp(node->author.key, row->signing_key, KEY_BYTES) != 0) {
        node->shared = true;
        raise_placing_alarm(tree);
        return;
    }
    if (node->author.seat != seat) { /* a copied key takes nothing from its first owner */
        raise_placing_alarm(tree);
        return;
    }
    if (node->author.status != SEAT_ACTIVE)
        author_describe(&node->author, row, seat);
}

static void link_place(struct tree *tree, const struct seat_row *row, const struct seat *seat)
{
    if (!seat_status_is_in_force(row->status) || row->generation != seat->row.generation)
        return;
    struct link_node *node = link_node_find(tree, row->link_key);
    if (node != NULL) {
        if (node->seat != seat)
            raise_placing_alarm(tree);
        return;
    }
    node = mem_alloc(sizeof *node);
    node->seat = seat;
    memcpy(node->key, row->link_key, KEY_BYTES);
    link_node_add(tree, node);
}

static void attach(struct tree *tree, struct holding *holding)
{
    assert(!holding->attached);
    holding->attached = true;
    tree->order = with_room(tree->order, tree->order_count);
    tree->order[tree->order_count++] = holding;
}

bool branch_counts(const struct tree *tree, const struct seat_row *row, struct holding *holding)
{
    if (row->admins.threshold == 0 || row->term != holding->held.term)
        return false;
    struct hash print = admin_keys_print(&row->admins);
    if (hash_equal(&print, &holding->signed_by))
        return true;
    struct document_envelope envelope;
    if (document_open(holding->held.envelope, &envelope, NULL) != ERR_OK ||
        !document_signed_by(&envelope, &row->admins, tree->verifier))
        return false;
    holding->signed_by = print;
    return true;
}

static void seat_place(struct tree *tree, const struct row_group *group)
{
    struct seat_node *node = mem_alloc(sizeof *node);
    node->seat.row = group->current;
    node->listed_in = group->in;
    if (group->owner != NULL) {
        struct seat *parent = &group->owner->seat;
        node->seat.parent = parent;
        node->depth = (uint8_t)(group->owner->depth + 1);
        parent->children = with_room(parent->children, parent->child_count);
        parent->children[parent->child_count++] = &node->seat;
    }
    tree->seats = with_room(tree->seats, tree->seat_count);
    tree->seats[tree->seat_count++] = node;
    seat_node_add(tree, node);
    for (size_t i = group->first; i < group->end; i++) {
        struct seat_row row;
        bool refused = false;
        if (group_row(tree, group, i, &row, &refused)) {
            author_place(tree, &row, &node->seat);
            link_place(tree, &row, &node->seat);
        }
    }
    struct holding *branch = branch_find(tree, group->seat);
    if (branch != NULL && branch_counts(tree, &node->seat.row, branch))
        attach(tree, branch);
}

static struct listing listing_of(const struct seat_row *row, const struct holding *in,
                                 const struct seat_node *owner)
{
    return (struct listing){.in = in,
                            .owner = owner,
                            .moves = row->moves,
                            .generation = row->generation,
                            .depth = owner == NULL ? 0 : (uint8_t)(owner->depth + 1),
                            .tier = row->tier,
                            .released = row->status == SEAT_RELEASED,
                            .released_to = row->released_to};
}

/* A second document lists the seat. */
static struct choice *contest(struct tree *tree, const struct seat_node *node)
{
    const struct seat_node *parent = (const struct seat_node *)(const void *)node->seat.parent;
    struct listing placed = listing_of(&node->seat.row, node->listed_in, parent);
    struct choice *choice = choice_new(tree, span_of_text(node->seat.row.seat), node->listed_in);
    choice_add_listing(choice, &placed);
    return choice;
}

static void group_place(struct tree *tree, struct row_group *group)
{
    group->seat = row_seat(group->in->rows[group->first]);
    group_read(tree, group);
    if (!group->found)
        return;
    struct seat_node *node = seat_node_find(tree, group->seat);
    struct choice *choice = choice_find(tree, group->seat);
    if (PLANTED(PLACED_AS_IT_COMES) && !tree->placing_all && node != NULL)
        return;
    if (!tree->placing_all && (node != NULL || choice != NULL)) {
        tree->contested = true; /* everything is placed again */
        return;
    }
    if (node != NULL && choice == NULL)
        choice = contest(tree, node);
    if (choice != NULL) {
        struct listing listing = listing_of(&group->current, group->in, group->owner);
        choice_add_listing(choice, &listing);
    }
    if (node == NULL && (choice == NULL || choice->chosen == group->in))
        seat_place(tree, group);
}

static void document_place(struct tree *tree, struct holding *holding)
{
    struct seat_node *owner = holding->held.kind == DOCUMENT_ROOT
                                  ? NULL
                                  : seat_node_find(tree, span_of_text(holding->held.seat));
    for (size_t first = 0; first < holding->held.row_count;) {
        struct row_group group = {.in = holding, .owner = owner, .first = first};
        group.end = first = group_end(holding, first);
        group_place(tree, &group);
    }
}

static void documents_place_from(struct tree *tree, size_t first)
{
    for (size_t i = first; i < tree->order_count; i++)
        document_place(tree, tree->order[i]);
}

static void place_pass(struct tree *tree)
{
    placing_clear(tree);
    choices_begin_pass(tree);
    tree->placing_alarms = 0;
    if (tree->root == NULL)
        return;
    attach(tree, tree->root);
    documents_place_from(tree, 0);
}

void place_all(struct tree *tree)
{
    bool changed = true;
    tree->placing_all = true;
    choices_clear(tree);
    for (unsigned pass = 0; pass < PLACING_PASSES_MAX && changed; pass++) {
        place_pass(tree);
        changed = choices_settle(tree);
    }
    if (changed) { /* each choice undoes another: who lists a seat first has it */
        choices_clear(tree);
        place_pass(tree);
        raise_placing_alarm(tree);
    }
    moved_show(tree);
    tree->contested = false;
    tree->placing_all = false;
    orders_judge(tree);
}

static void settle(struct tree *tree)
{
    if (tree->contested)
        place_all(tree);
    else
        orders_judge(tree);
}

void place_branch(struct tree *tree, struct holding *holding)
{
    attach(tree, holding);
    documents_place_from(tree, tree->order_count - 1);
    settle(tree);
}

void place_rows(struct tree *tree, struct holding *holding)
{
    size_t known = tree->order_count;
    document_place(tree, holding);
    documents_place_from(tree, known);
    settle(tree);
}

void place_added_row(struct tree *tree, struct holding *holding, size_t at)
{
    struct span seat = row_seat(holding->rows[at]);
    if (seat_node_find(tree, seat) != NULL) {
        place_all(tree);
        return;
    }
    size_t known = tree->order_count;
    struct row_group group = {.in = holding, .first = at, .end = at + 1};
    if (holding->held.kind != DOCUMENT_ROOT)
        group.owner = seat_node_find(tree, span_of_text(holding->held.seat));
    group_place(tree, &group);
    documents_place_from(tree, known);
    settle(tree);
}
