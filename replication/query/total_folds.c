/* Folds in a total (rules.md 6, B122-B126). A seat's figures stand in one place: in the fold that
 * names it, as long as one does, else in its own cells. So a seat that has moved counts through the
 * fold of its old side until that names it no more; then, since its new side leaves it unfolded,
 * through its own cells; if these aren't here either, it is missing. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/query/total.h"

struct total_named {
    const struct fold_seat *as;
    struct total_fold *fold;
};

/* ---- which are here ---- */

static struct total_fold *of_seat(const struct total *total, const struct seat *seat)
{
    for (size_t i = 0; i < total->fold_count; i++) {
        if (total->folds[i].seat == seat)
            return &total->folds[i];
    }
    return NULL;
}

/* Of a seat's folds that of its newest generation counts; reports are numbered within a key. */
static void take_fold(struct total *total, struct fold *stated)
{
    const struct author *author = tree_author(total->tree, stated->key);
    bool ours = author != NULL && author->seat != total->self &&
                tree_seat_folds(total->tree, author->seat) &&
                seat_is_ancestor_or_self(total->self, author->seat);
    struct total_fold *known = ours ? of_seat(total, author->seat) : NULL;
    if (!ours || (known != NULL &&
                  tree_author(total->tree, known->stated.key)->generation > author->generation)) {
        fold_free(stated);
        return;
    }
    if (known != NULL)
        fold_free(&known->stated);
    else
        known = &total->folds[total->fold_count++];
    *known = (struct total_fold){
        .stated = *stated, .seat = author->seat, .used = true, .as_of_ms = UINT64_MAX};
}

/* A seat that stands elsewhere can have come from below the fold's seat only by a move. */
static bool can_name(const struct total *total, const struct total_fold *fold, const char *name)
{
    const struct seat *seat = tree_seat(total->tree, span_of_text(name));
    bool moved = false;
    for (const struct seat *at = seat; at != NULL && !moved; at = at->parent)
        moved = at == fold->seat || at->row.moves > 0;
    return seat == NULL || moved;
}

static void judge_alone(struct total *total, struct total_fold *fold)
{
    for (size_t i = 0; i < fold->stated.seat_count && fold->used; i++)
        fold->used = can_name(total, fold, fold->stated.seats[i].seat);
}

/* The figures of a seat that is no longer in force stay until all that it names and that live on
 * speak for themselves: else they would wait for it for ever. */
static void judge_ended(struct total *total, struct total_fold *fold)
{
    bool needed = seat_status_is_in_force(fold->seat->row.status);
    for (size_t i = 0; i < fold->stated.seat_count && !needed; i++) {
        const struct seat *seat = tree_seat(total->tree, span_of_text(fold->stated.seats[i].seat));
        uint64_t as_of;
        needed = seat != NULL && seat_status_is_in_force(seat->row.status) &&
                 seat_is_ancestor_or_self(total->self, seat) && !total_as_of(total, seat, &as_of);
    }
    fold->used = fold->used && needed;
}

static int compare_named(const void *a, const void *b)
{
    const struct total_named *left = a, *right = b;
    int order = strcmp(left->as->seat, right->as->seat);
    return order != 0 ? order : key_id_compare(left->fold->stated.key, right->fold->stated.key);
}

static void list_named(struct total *total)
{
    size_t most = 0;
    for (size_t i = 0; i < total->fold_count; i++)
        most += total->folds[i].stated.seat_count;
    free(total->named);
    total->named = mem_alloc((most + 1) * sizeof *total->named);
    total->named_count = 0;
    for (size_t i = 0; i < total->fold_count; i++) {
        struct total_fold *fold = &total->folds[i];
        for (size_t j = 0; fold->used && j < fold->stated.seat_count; j++)
            total->named[total->named_count++] = (struct total_named){&fold->stated.seats[j], fold};
    }
    if (total->named_count > 0)
        qsort(total->named, total->named_count, sizeof *total->named, compare_named);
}

/* Two folds that name one seat: neither can be taken apart, so the one below which the tree has the
 * seat counts alone. */
static bool drop_contradicting(struct total *total)
{
    bool dropped = false;
    for (size_t i = 1; i < total->named_count; i++) {
        struct total_named *a = &total->named[i - 1], *b = &total->named[i];
        if (strcmp(a->as->seat, b->as->seat) != 0)
            continue;
        const struct seat *seat = tree_seat(total->tree, span_of_text(a->as->seat));
        if (seat == NULL || !seat_is_ancestor_or_self(a->fold->seat, seat))
            a->fold->used = false;
        if (seat == NULL || !seat_is_ancestor_or_self(b->fold->seat, seat))
            b->fold->used = false;
        dropped = true;
    }
    return dropped;
}

static int by_seat(const void *a, const void *b)
{
    const struct total_fold *left = a, *right = b;
    return strcmp(left->seat->row.seat, right->seat->row.seat);
}

void total_find_folds(struct total *total)
{
    size_t count = 0;
    struct fold *folds = folds_read(total->view, seat_key_id(total->self), &count);
    total->folds = mem_alloc((count + 1) * sizeof *total->folds);
    for (size_t i = 0; i < count; i++)
        take_fold(total, &folds[i]);
    free(folds);
    if (total->fold_count > 0)
        qsort(total->folds, total->fold_count, sizeof *total->folds, by_seat);
    for (size_t i = 0; i < total->fold_count; i++) {
        struct total_fold *fold = &total->folds[i];
        struct hash here = fold_documents(total->tree, fold->seat);
        fold->same = hash_equal(&here, &fold->stated.documents);
        judge_alone(total, fold);
        judge_ended(total, fold);
    }
    list_named(total);
    if (drop_contradicting(total))
        list_named(total);
}

void total_free_folds(struct total *total)
{
    for (size_t i = 0; i < total->fold_count; i++)
        fold_free(&total->folds[i].stated);
    free(total->folds);
    free(total->named);
}

struct total_fold *total_fold_naming(const struct total *total, const struct seat *seat,
                                     const struct fold_seat **as)
{
    size_t low = 0, high = total->named_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct total_named *named = &total->named[middle];
        int order = strcmp(named->as->seat, seat->row.seat);
        if (order == 0) {
            *as = named->as;
            return seat == total->self ? NULL : named->fold;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- what they state ---- */

static const struct total_fold *used_of_key(const struct total *total, struct key_id key)
{
    for (size_t i = 0; i < total->fold_count; i++) {
        if (total->folds[i].used && key_id_equal(total->folds[i].stated.key, key))
            return &total->folds[i];
    }
    return NULL;
}

void total_each_folded(struct total *total, uint16_t rollup, void *context,
                       void (*visit)(struct total *, void *, const struct cell *,
                                     const struct total_fold *))
{
    struct buffer from = {0};
    struct span key, value;
    uint16_t number = rollup | ROLLUP_FOLDED;
    buffer_append_u16(&from, number);
    while (total->fold_count > 0 &&
           total->view->next(total->view->context, TABLE_CELLS, span_of_buffer(&from), &key,
                             &value) == READ_FOUND &&
           key.size >= 2 && key.size < STORE_KEY_BYTES_MAX && read_u16(key.data) == number) {
        struct cell cell;
        struct key_id origin;
        uint64_t report;
        const struct total_fold *fold = NULL;
        if (cell_parse(key, value, &cell, &origin, &report) && cell.value_count > 1)
            fold = used_of_key(total, origin);
        if (fold != NULL) {
            cell.rollup = rollup;
            cell.changed_ms = cell.values[0] > 0 ? (uint64_t)cell.values[0] : 0;
            cell.value_count--;
            memmove(cell.values, cell.values + 1, cell.value_count * sizeof cell.values[0]);
            total->origin = origin;
            visit(total, context, &cell, fold);
        }
        buffer_clear(&from);
        buffer_append_span(&from, key);
        buffer_append_byte(&from, 0);
    }
    buffer_free(&from);
}

/* ---- how many of them ---- */

/* Seats of one fold in which a roll-up of this type is whole, by the meaning it has here. */
static uint64_t built_in(const struct total *total, const struct total_fold *fold,
                         const struct rollup *rollup, const struct record_type *type)
{
    uint8_t bytes[CELL_KEY_BYTES_MAX];
    struct buffer group = {0};
    struct span row;
    struct cell held;
    struct key_id origin;
    uint64_t report;
    rollup_built_group(rollup, type, &group);
    struct cell cell = {.rollup = ROLLUP_BUILT | ROLLUP_FOLDED, .group = span_of_buffer(&group)};
    size_t size = cell_key(bytes, &cell, fold->stated.key);
    bool is = size > 0 &&
              total->view->get(total->view->context, TABLE_CELLS, SPAN(bytes, size), &row) ==
                  READ_FOUND &&
              cell_parse(SPAN(bytes, size), row, &held, &origin, &report) &&
              held.value_count == 3 && held.values[1] == rollup_fingerprint(rollup, type) &&
              held.values[2] >= 0;
    buffer_free(&group);
    return is ? (uint64_t)held.values[2] : 0;
}

bool total_fold_is_built(const struct total *total, const struct total_fold *fold,
                         const struct cell *cell)
{
    const struct record_type *type = total->type;
    if (total->rollup->number == ROLLUP_OVERDUE) {
        struct mp_reader reader = mp_reader(cell->group);
        mp_read_array(&reader);
        type =
            schema_type(tree_schema(total->tree), (uint16_t)mp_read_uint_max(&reader, UINT16_MAX));
    }
    return type != NULL && built_in(total, fold, total->rollup, type) > 0;
}

/* Of the seats that count here; a seat that isn't listed here may be one of those built. */
static uint32_t whole_in(const struct total *total, const struct total_fold *fold)
{
    const struct schema *schema = tree_schema(total->tree);
    uint64_t least = fold->counted;
    if (total->rollup != NULL && total->rollup->number != ROLLUP_OVERDUE) {
        uint64_t whole = built_in(total, fold, total->rollup, total->type);
        return (uint32_t)(whole < least ? whole : least);
    }
    for (size_t i = 0; total->rollup != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        if (type_rollup_count(type) == type->rollup_count)
            continue;
        uint64_t whole = built_in(total, fold, total->rollup, type);
        least = whole < least ? whole : least;
    }
    return (uint32_t)least;
}

void total_judge_folds(struct total *total)
{
    for (size_t i = 0; i < total->fold_count; i++) {
        struct total_fold *fold = &total->folds[i];
        uint64_t as_of = fold->as_of_ms == UINT64_MAX ? fold->stated.oldest_ms : fold->as_of_ms;
        if (!fold->used) {
            if (seat_status_is_in_force(fold->seat->row.status))
                total_add_behind(total, fold->seat, "contradicts", as_of, 0);
            continue;
        }
        uint32_t whole = whole_in(total, fold), unlisted = 0;
        total->reported += whole;
        if (whole < fold->counted)
            total_add_behind(total, fold->seat, "building", as_of, 0);
        unlisted = (uint32_t)fold->stated.seat_count - fold->counted;
        if (unlisted > 0) /* it counts seats that are not, or not yet, below this one */
            total_add_behind(total, fold->seat, "unlisted", as_of, 0);
    }
}

void total_fold_words(const struct total_fold *fold, char key[static SEAT_NAME_BYTES_MAX + 1],
                      char name[static SEAT_NAME_BYTES_MAX + 1])
{
    snprintf(key, SEAT_NAME_BYTES_MAX + 1, "%s (folded)", fold->seat->row.seat);
    snprintf(name, SEAT_NAME_BYTES_MAX + 1, "%.*s (folded)", SEAT_NAME_BYTES_MAX - 9,
             fold->seat->row.name);
}

void total_write_folds(const struct total *total, struct buffer *out)
{
    mp_write_text(out, "folds");
    mp_write_array(out, (uint32_t)total->fold_count);
    for (size_t i = 0; i < total->fold_count; i++) {
        const struct total_fold *fold = &total->folds[i];
        mp_write_map(out, 5);
        query_put_text(out, "seat", fold->seat->row.seat);
        query_put_text(out, "name", fold->seat->row.name);
        mp_write_text(out, "origins");
        mp_write_array(out, 2);
        mp_write_uint(out, fold->stated.seat_count);
        mp_write_uint(out, fold->stated.expected);
        query_put_uint(out, "as_of",
                       fold->as_of_ms == UINT64_MAX ? fold->stated.oldest_ms : fold->as_of_ms);
        query_put_text(out, "documents",
                       !fold->used  ? "contradict"
                       : fold->same ? "same"
                                    : "other");
    }
}
