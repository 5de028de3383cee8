/* A scenario as data: made usual, copied, freed; its county, and who is selected. */
#include "sim/scenario/scenario.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/scenario_parts.h"

enum { HOUR_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };
#define BEGINS_WALL_MS 1772438400000 /* Monday, 2 March 2026, 08:00 */

const char *const fault_names[FAULT_KINDS] = {
#define X(name, text) text,
    FAULT_LIST(X)
#undef X
};
const char *const expectation_names[EXPECTATION_KINDS] = {
#define X(name, text) text,
    EXPECTATION_LIST(X)
#undef X
};

const char *fault_name(enum fault_kind kind)
{
    return fault_names[kind];
}

void scenario_usual(struct scenario *scenario)
{
    *scenario = (struct scenario){
        .seed = 1,
        .begins_wall_ms = BEGINS_WALL_MS,
        .lasts_ms = HOUR_MS,
        .rest_ms_max = 2 * HOUR_MS,
        .link = {.latency_ms = 20, .jitter_ms = 10},
        .disk = {.sync_ms_min = 2, .sync_ms_max = 8},
        .world = {.redial_ms_min = 80, .redial_ms_max = 5000, .batch_ms_max = 5},
    };
}

/* ---- lives ---- */

static char *copy_text(const char *text)
{
    return text == NULL ? NULL : mem_text(text);
}

static void *copy_array(const void *array, size_t count, size_t size)
{
    return array == NULL || count == 0 ? NULL : mem_copy(array, count * size);
}

static void copy_selector(struct selector *selector)
{
    selector->seats = copy_array(selector->seats, selector->seat_count, sizeof *selector->seats);
}

/* The rows point into texts: three of them a row, as tree_add_row has put them. */
static void copy_tree(struct tree_rule *tree)
{
    char(*old)[SEAT_BYTES_MAX + 1] = tree->texts;
    tree->file = copy_text(tree->file);
    tree->shape = copy_text(tree->shape);
    tree->tiers = copy_array(tree->tiers, tree->tier_count, sizeof *tree->tiers);
    tree->texts = copy_array(old, 3 * tree->row_count, sizeof *old);
    if (tree->names != NULL)
        tree->names = copy_array(tree->names, tree->row_count, sizeof *tree->names);
    if (tree->fallbacks != NULL)
        tree->fallbacks = copy_array(tree->fallbacks, tree->row_count, sizeof *tree->fallbacks);
    tree->rows = copy_array(tree->rows, tree->row_count, sizeof *tree->rows);
    tree_point_rows(tree);
}

struct scenario *scenario_copy(const struct scenario *from)
{
    struct scenario *scenario = mem_copy(from, sizeof *from);
    scenario->title = copy_text(from->title);
    scenario->title_zh = copy_text(from->title_zh);
    scenario->because = copy_text(from->because);
    copy_tree(&scenario->tree);
    scenario->links = copy_array(from->links, from->link_count, sizeof *from->links);
    scenario->works = copy_array(from->works, from->work_count, sizeof *from->works);
    scenario->faults = copy_array(from->faults, from->fault_count, sizeof *from->faults);
    scenario->expectations =
        copy_array(from->expectations, from->expectation_count, sizeof *from->expectations);
    copy_steps(&scenario->steps);
    for (size_t i = 0; i < from->link_count; i++)
        copy_selector(&scenario->links[i].who);
    for (size_t i = 0; i < from->work_count; i++)
        copy_selector(&scenario->works[i].who);
    for (size_t i = 0; i < from->fault_count; i++)
        copy_selector(&scenario->faults[i].who);
    for (size_t i = 0; i < from->expectation_count; i++)
        copy_selector(&scenario->expectations[i].who);
    return scenario;
}

void scenario_free(struct scenario *scenario)
{
    if (scenario == NULL)
        return;
    for (size_t i = 0; i < scenario->link_count; i++)
        free(scenario->links[i].who.seats);
    for (size_t i = 0; i < scenario->work_count; i++)
        free(scenario->works[i].who.seats);
    for (size_t i = 0; i < scenario->fault_count; i++)
        free(scenario->faults[i].who.seats);
    for (size_t i = 0; i < scenario->expectation_count; i++)
        free(scenario->expectations[i].who.seats);
    free_steps(&scenario->steps);
    free(scenario->links);
    free(scenario->works);
    free(scenario->faults);
    free(scenario->expectations);
    free(scenario->tree.file);
    free(scenario->tree.shape);
    free(scenario->tree.tiers);
    free(scenario->tree.rows);
    free(scenario->tree.texts);
    free(scenario->tree.names);
    free(scenario->tree.fallbacks);
    free(scenario->title);
    free(scenario->title_zh);
    free(scenario->because);
    free(scenario);
}

/* ---- the tree ---- */

enum { TEXT_CODE, TEXT_TIER, TEXT_PARENT, TEXTS_A_ROW };

static const char *fallback_of(const struct tree_rule *tree, size_t row)
{
    return tree->fallbacks == NULL || tree->fallbacks[row][0] == '\0' ? NULL : tree->fallbacks[row];
}

void tree_point_rows(struct tree_rule *tree)
{
    for (size_t i = 0; i < tree->row_count; i++) {
        char(*texts)[SEAT_BYTES_MAX + 1] = &tree->texts[TEXTS_A_ROW * i];
        bool is_root = texts[TEXT_PARENT][0] == '\0';
        tree->rows[i] = (struct county_row){.code = texts[TEXT_CODE],
                                            .tier = texts[TEXT_TIER],
                                            .parent = is_root ? NULL : texts[TEXT_PARENT],
                                            .fallback = fallback_of(tree, i),
                                            .later = tree->rows[i].later,
                                            .escrow = tree->rows[i].escrow};
    }
}

static void keep_text(char kept[static SEAT_BYTES_MAX + 1], struct span text)
{
    size_t size = text.size > SEAT_BYTES_MAX ? SEAT_BYTES_MAX : text.size;
    if (size > 0)
        memcpy(kept, text.data, size);
    kept[size] = '\0';
}

void tree_add_row(struct tree_rule *tree, struct span code, struct span tier, struct span parent)
{
    size_t count = tree->row_count + 1, at = TEXTS_A_ROW * tree->row_count;
    tree->rows = mem_resize(tree->rows, count * sizeof *tree->rows);
    tree->texts = mem_resize(tree->texts, TEXTS_A_ROW * count * sizeof *tree->texts);
    memset(tree->texts[at], 0, TEXTS_A_ROW * sizeof *tree->texts);
    keep_text(tree->texts[at + TEXT_CODE], code);
    keep_text(tree->texts[at + TEXT_TIER], tier);
    if (parent.size > 0)
        keep_text(tree->texts[at + TEXT_PARENT], parent);
    if (tree->fallbacks != NULL) {
        tree->fallbacks = mem_resize(tree->fallbacks, count * sizeof *tree->fallbacks);
        tree->fallbacks[tree->row_count][0] = '\0';
    }
    tree->rows[tree->row_count] = (struct county_row){.later = false};
    tree->row_count = count;
}

void scenario_set_fallback(struct scenario *scenario, size_t row, struct span code)
{
    struct tree_rule *tree = &scenario->tree;
    if (tree->fallbacks == NULL)
        tree->fallbacks = mem_alloc(tree->row_count * sizeof *tree->fallbacks);
    keep_text(tree->fallbacks[row], code);
    tree_point_rows(tree);
}

void scenario_add_seat(struct scenario *scenario, const char *code, const char *tier,
                       const char *parent)
{
    tree_add_row(&scenario->tree, span_of_text(code), span_of_text(tier),
                 parent == NULL ? SPAN_EMPTY : span_of_text(parent));
    tree_point_rows(&scenario->tree);
}

struct county *scenario_county(const struct scenario *scenario)
{
    struct county *county =
        county_new_with(scenario->tree.rows, scenario->tree.row_count, scenario->seed,
                        &(struct county_options){scenario->expires_ms, scenario->tree.fold_tier});
    if (scenario->deadlines) { /* the third version has them */
        county_raise_types(county);
        county_raise_types(county);
    }
    return county;
}

/* ---- selectors ---- */

static bool is_named(const struct selector *selector, const char *code)
{
    for (size_t i = 0; i < selector->seat_count; i++) {
        if (strcmp(selector->seats[i], code) == 0)
            return true;
    }
    return selector->seat_count == 0;
}

static bool is_under(const struct selector *selector, const struct county *county, size_t seat)
{
    while (strcmp(county->seats[seat].code, selector->under) != 0) {
        if (county->seats[seat].parent == seat)
            return false;
        seat = county->seats[seat].parent;
    }
    return true;
}

bool selector_takes(const struct selector *selector, const struct scenario *scenario,
                    const struct county *county, size_t seat)
{
    if (selector->tier[0] != '\0' && strcmp(selector->tier, scenario->tree.rows[seat].tier) != 0)
        return false;
    if (selector->under[0] != '\0' && !is_under(selector, county, seat))
        return false;
    return is_named(selector, county->seats[seat].code);
}
