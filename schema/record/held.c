/* Lists of values, each by the operation that set it, in an order that no arrival order changes. */
#include <stdlib.h>
#include <string.h>

#include "schema/record/state.h"

static int number_compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

void held_free(struct held_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->at[i].value);
    free(list->at);
}

int held_compare(const struct held *a, const struct held *b)
{
    int order = mp_key_compare(a->field, b->field);
    if (order != 0)
        return order;
    const struct dot *a_dot = &a->by->operation.dot, *b_dot = &b->by->operation.dot;
    order = dot_compare(a_dot, b_dot);
    if (order != 0)
        return order;
    if (a_dot->n != b_dot->n)
        return number_compare(a_dot->n, b_dot->n);
    if (a->place != b->place)
        return number_compare(a->place, b->place);
    return hash_compare(&a->by->operation.digest, &b->by->operation.digest);
}

size_t held_first(const struct held_list *list, int32_t field)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mp_key_compare(list->at[middle].field, field) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t held_end(const struct held_list *list, size_t first)
{
    size_t end = first;
    while (end < list->count && list->at[end].field == list->at[first].field)
        end++;
    return end;
}

const struct held *held_shown(const struct held_list *list, size_t first, size_t end)
{
    const struct held *shown = NULL;
    for (size_t i = first; i < end; i++) {
        const struct held *held = &list->at[i];
        if (shown == NULL || shown_compare(&held->by->operation, &shown->by->operation) < 0)
            shown = held;
    }
    return shown;
}

size_t held_place(const struct held_list *list, const struct held *held)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (held_compare(&list->at[middle], held) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The list owns the value from here on. */
static void held_put(struct held_list *list, struct held held)
{
    list->at = array_with_room(list->at, list->count, &list->capacity, sizeof list->at[0]);
    size_t place = held_place(list, &held);
    memmove(&list->at[place + 1], &list->at[place], (list->count - place) * sizeof list->at[0]);
    list->at[place] = held;
    list->count++;
}

void held_insert(struct held_list *list, struct held held, struct span value)
{
    held.value = mem_copy(value.data, value.size);
    held.value_size = value.size;
    held_put(list, held);
}

static void held_take_out(struct held_list *list, size_t place)
{
    list->count--;
    memmove(&list->at[place], &list->at[place + 1], (list->count - place) * sizeof list->at[0]);
}

void held_remove(struct held_list *list, size_t place)
{
    free(list->at[place].value);
    held_take_out(list, place);
}

void held_move(struct held_list *from, size_t place, struct held_list *to)
{
    struct held held = from->at[place];
    held_take_out(from, place);
    held_put(to, held);
}
