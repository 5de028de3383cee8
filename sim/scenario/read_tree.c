/* The tree of a scenario: a table beside it, a shape, or seats in the file itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "sim/scenario/scenario_parts.h"
#include "topology/author.h"

/* ---- a shape ---- */

static const char *const usual_tiers[] = {"county", "township", "village", "grid"};
enum { USUAL_TIERS = sizeof usual_tiers / sizeof *usual_tiers };

/* Numbers with a plus between: the root's 1 first. How many, or 0. */
static size_t read_parts(struct span text, uint64_t parts[static TIERS_MAX])
{
    size_t count = 0;
    uint64_t number = 0, total = 0;
    bool digits = false;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] >= '0' && text.data[i] <= '9') {
            number = number * 10 + (uint64_t)(text.data[i] - '0');
            digits = true;
            if (number > SCENARIO_SEATS_MAX)
                return 0;
        } else if (i == text.size || text.data[i] == '+') {
            if (!digits || number == 0 || count == TIERS_MAX)
                return 0;
            parts[count++] = number;
            total += number;
            number = 0;
            digits = false;
        } else if (text.data[i] != ' ') {
            return 0;
        }
    }
    return parts[0] == 1 && total <= SCENARIO_SEATS_MAX ? count : 0;
}

static const char *tier_name(const struct tree_rule *tree, size_t tier, size_t count,
                             char text[static 32])
{
    if (tier < tree->tier_count)
        return tree->tiers[tier];
    if (count <= USUAL_TIERS)
        return usual_tiers[tier];
    snprintf(text, 32, "tier%zu", tier + 1);
    return text;
}

/* Each tier's seats are spread evenly over the tier above; a code is its parent's and a number. */
static void add_shape(struct tree_rule *tree, const uint64_t *parts, size_t count)
{
    size_t above = 0;
    for (size_t tier = 0; tier < count; tier++) {
        size_t first = tree->row_count;
        char name[32];
        struct span tier_text = span_of_text(tier_name(tree, tier, count, name));
        for (uint64_t i = 0; i < parts[tier]; i++) {
            char parent[SEAT_BYTES_MAX + 1] = "", code[SEAT_BYTES_MAX + 32];
            uint64_t place = tier == 0 ? 0 : i * parts[tier - 1] / parts[tier];
            uint64_t eldest =
                tier == 0 ? 0 : (place * parts[tier] + parts[tier - 1] - 1) / parts[tier - 1];
            if (tier > 0)
                memcpy(parent, tree->texts[3 * (above + place)], sizeof parent);
            snprintf(code, sizeof code, "%s%s%" PRIu64, parent, tier > 0 ? "." : "",
                     i - eldest + 1);
            tree_add_row(tree, span_of_text(code), tier_text, span_of_text(parent));
        }
        above = first;
    }
}

static void read_tiers(struct tree_rule *tree, struct yaml_node *list)
{
    tree->tier_count = list == NULL ? 0 : yaml_size(list);
    tree->tiers = mem_alloc((tree->tier_count + 1) * sizeof *tree->tiers);
    for (size_t i = 0; i < tree->tier_count; i++) {
        struct yaml_node *item = yaml_list_at(list, i);
        if (!yaml_is_text(item) || yaml_text(item).size == 0 ||
            yaml_text(item).size > SEAT_BYTES_MAX)
            yaml_complain(item, "expected the name of a tier, of at most %d bytes", SEAT_BYTES_MAX);
        else
            memcpy(tree->tiers[i], yaml_text(item).data, yaml_text(item).size);
    }
}

static bool read_shape(struct tree_rule *tree, struct yaml_node *node, struct yaml_node *tiers)
{
    uint64_t parts[TIERS_MAX] = {0};
    size_t count = yaml_is_text(node) ? read_parts(yaml_text(node), parts) : 0;
    read_tiers(tree, tiers);
    if (count == 0) {
        yaml_complain(node,
                      "\"shape\": expected numbers of seats by tier, the root's 1 first, as in "
                      "'1+3+23+303'; at most %d tiers and %d seats",
                      TIERS_MAX, SCENARIO_SEATS_MAX);
        return false;
    }
    if (tree->tier_count > 0 && tree->tier_count != count) {
        yaml_complain(tiers, "\"tiers\": expected %zu names, one for each number of the shape",
                      count);
        return false;
    }
    tree->shape = mem_alloc(yaml_text(node).size + 1);
    memcpy(tree->shape, yaml_text(node).data, yaml_text(node).size);
    add_shape(tree, parts, count);
    return true;
}

/* ---- a table ---- */

static bool read_table(struct reading *reading, struct yaml_node *node)
{
    struct tree_rule *tree = &reading->scenario->tree;
    struct buffer bytes = {0};
    struct error error = {0};
    if (!yaml_is_text(node) || yaml_text(node).size == 0) {
        yaml_complain(node, "\"file\": expected the name of a table of seats");
        return false;
    }
    tree->file = mem_alloc(yaml_text(node).size + 1);
    memcpy(tree->file, yaml_text(node).data, yaml_text(node).size);
    if (reading->load == NULL || !reading->load(reading->context, tree->file, &bytes)) {
        yaml_complain(node, "\"file\": '%s' can't be read; it is looked for beside the scenario",
                      tree->file);
        return false;
    }
    struct csv_tree *table = csv_tree_read(span_of_buffer(&bytes), tree->file, &error);
    if (table == NULL)
        yaml_complain(node, "%s: %s", error.what, error.why);
    if (table != NULL)
        tree->names = mem_alloc((table->row_count + 1) * sizeof *tree->names);
    for (size_t i = 0; table != NULL && i < table->row_count; i++) {
        struct span name = table->rows[i].name;
        tree_add_row(tree, table->rows[i].code, table->rows[i].tier, table->rows[i].parent);
        memcpy(tree->names[i], name.data,
               name.size <= SEAT_NAME_BYTES_MAX ? name.size : 0); /* too long: only the code */
    }
    bool good = table != NULL;
    csv_tree_free(table);
    buffer_free(&bytes);
    return good;
}

/* ---- seats in the file ---- */

static bool read_seats(struct scenario *scenario, struct yaml_node *list)
{
    struct tree_rule *tree = &scenario->tree;
    for (size_t i = 0; i < yaml_size(list); i++) {
        struct yaml_node *item = yaml_list_at(list, i);
        struct span code = SPAN_EMPTY, tier = SPAN_EMPTY, parent = SPAN_EMPTY;
        struct span fallback = SPAN_EMPTY;
        if (!yaml_is_map(item)) {
            yaml_complain(item, "expected a seat, as in {seat: A, tier: village, parent: B}");
            return false;
        }
        if (!yaml_get_text(item, "seat", true, &code) ||
            !yaml_get_text(item, "tier", true, &tier) ||
            !yaml_get_text(item, "parent", false, &parent) ||
            !yaml_get_text(item, "fallback", false, &fallback))
            return false;
        if (code.size > SEAT_BYTES_MAX || tier.size > SEAT_BYTES_MAX ||
            parent.size > SEAT_BYTES_MAX || fallback.size > SEAT_BYTES_MAX) {
            yaml_complain(item, "a seat and a tier have at most %d bytes", SEAT_BYTES_MAX);
            return false;
        }
        tree_add_row(tree, code, tier, parent);
        if (fallback.size > 0)
            scenario_set_fallback(scenario, tree->row_count - 1, fallback);
        yaml_get_bool(item, "later", false, &tree->rows[tree->row_count - 1].later);
        yaml_get_bool(item, "escrow", false, &tree->rows[tree->row_count - 1].escrow);
    }
    return true;
}

static bool tier_is_known(const struct tree_rule *tree, const char *tier)
{
    bool found = false;
    for (size_t i = 0; i < tree->row_count; i++)
        found = found || (!tree->rows[i].later && strcmp(tree->rows[i].tier, tier) == 0);
    return found;
}

/* Whoever comes later comes under somebody, at a tier that there is. */
static bool check_later(const struct tree_rule *tree, struct yaml_node *list)
{
    for (size_t i = 0; i < tree->row_count; i++) {
        const struct county_row *row = &tree->rows[i];
        if (!row->later && row->parent != NULL) {
            size_t parent = 0;
            while (strcmp(tree->rows[parent].code, row->parent) != 0)
                parent++;
            if (!tree->rows[parent].later)
                continue;
            yaml_complain(yaml_list_at(list, i), "its parent comes later, so it does too");
            return false;
        }
        if (row->later && (row->parent == NULL || !tier_is_known(tree, row->tier))) {
            yaml_complain(yaml_list_at(list, i), "\"later\": a seat that comes later has a parent, "
                                                 "and the tier of a seat that is there");
            return false;
        }
    }
    return true;
}

/* A fallback is another seat of the tree than the one itself and the one above it. */
static bool check_fallbacks(const struct tree_rule *tree, struct yaml_node *list)
{
    for (size_t i = 0; i < tree->row_count; i++) {
        const struct county_row *row = &tree->rows[i];
        bool found = row->fallback == NULL;
        for (size_t j = 0; j < tree->row_count && !found; j++)
            found = strcmp(tree->rows[j].code, row->fallback) == 0 && j != i &&
                    row->parent != NULL && strcmp(row->fallback, row->parent) != 0;
        if (!found) {
            yaml_complain(yaml_list_at(list, i), "\"fallback\": expected a seat of the tree that "
                                                 "is neither this one nor its parent");
            return false;
        }
    }
    return true;
}

/* ---- whatever it came from: is it a tree? ---- */

static bool check_tree(struct tree_rule *tree, struct yaml_node *node, struct yaml_node *list)
{
    struct error error = {0};
    struct author_seat *seats = mem_alloc((tree->row_count + 1) * sizeof *seats);
    for (size_t i = 0; i < tree->row_count; i++) {
        const struct county_row *row = &tree->rows[i];
        seats[i] = (struct author_seat){.code = span_of_text(row->code),
                                        .tier = span_of_text(row->tier),
                                        .parent = row->parent == NULL ? SPAN_EMPTY
                                                                      : span_of_text(row->parent),
                                        .line = (unsigned)i + 1,
                                        .has_admin = true};
    }
    struct author_plan *plan = author_plan_new(seats, tree->row_count, &error);
    if (plan == NULL) {
        size_t at = error.line > 0 ? error.line - 1 : 0;
        struct yaml_node *place =
            list != NULL && at < yaml_size(list) ? yaml_list_at(list, at) : node;
        yaml_complain(place, "this is no tree: %s: %s", error.what, error.why);
    }
    bool good =
        plan != NULL && (list == NULL || (check_later(tree, list) && check_fallbacks(tree, list)));
    author_plan_free(plan);
    free(seats);
    return good;
}

/* A tier with seats above it and below it. */
static bool read_fold_tier(struct tree_rule *tree, struct yaml_node *map)
{
    struct span name = SPAN_EMPTY;
    bool above = false, below = false;
    if (!yaml_get_text(map, "fold-tier", false, &name))
        return false;
    for (size_t i = 0; i < tree->row_count; i++) {
        const struct county_row *row = &tree->rows[i];
        bool is = span_equal(span_of_text(row->tier), name);
        above = above || (is && row->parent != NULL);
        for (size_t j = 0; j < tree->row_count && row->parent != NULL; j++)
            below = below || (strcmp(tree->rows[j].code, row->parent) == 0 &&
                              span_equal(span_of_text(tree->rows[j].tier), name));
    }
    if (name.size > 0 && !(above && below)) {
        yaml_complain(yaml_map_get(map, "fold-tier"),
                      "\"fold-tier\": expected a tier with seats above it and below it");
        return false;
    }
    memcpy(tree->fold_tier, name.data == NULL ? (const uint8_t *)"" : name.data, name.size);
    return true;
}

bool read_tree(struct reading *reading, struct yaml_node *map)
{
    struct tree_rule *tree = &reading->scenario->tree;
    struct yaml_node *list = NULL;
    struct yaml_node *file = yaml_map_get(map, "file"), *shape = yaml_map_get(map, "shape");
    struct yaml_node *tiers = NULL;
    if (!yaml_get_list(map, "seats", false, &list))
        return false;
    if ((file != NULL) + (shape != NULL) + (list != NULL) != 1) {
        yaml_complain(map, "\"tree\": expected one of 'file', 'shape' and 'seats'");
        return false;
    }
    if (shape != NULL && !yaml_get_list(map, "tiers", false, &tiers))
        return false;
    bool good = file != NULL    ? read_table(reading, file)
                : shape != NULL ? read_shape(tree, shape, tiers)
                                : read_seats(reading->scenario, list);
    if (!good)
        return false;
    tree_point_rows(tree);
    return check_tree(tree, map, list) && read_fold_tier(tree, map);
}
