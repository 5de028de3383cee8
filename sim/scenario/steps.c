/* Steps as data: names, copies, and in how many orders they can be lived through. */
#include <stdlib.h>

#include "sim/scenario/scenario_parts.h"

const char *const step_names[STEP_KINDS] = {
#define X(name, text) text,
    STEP_LIST(X)
#undef X
};
const char *const look_names[LOOK_KINDS] = {
#define X(name, text) text,
    LOOK_LIST(X)
#undef X
};

bool look_is_map(enum look look)
{
    return look == LOOK_FIELD || look == LOOK_COMPLETE || look == LOOK_HELD ||
           look == LOOK_REFUSED || look == LOOK_ENTRIES || look == LOOK_BRANCHES ||
           look == LOOK_SUSPECT || look == LOOK_CALLED;
}

bool look_is_list(enum look look)
{
    return look == LOOK_CONFLICTS || look == LOOK_VOID || look == LOOK_SURPLUS;
}

static void copy_step(struct step *step)
{
    if (step->at != NULL)
        step->at = mem_copy(step->at, step->at_count * sizeof *step->at);
    if (step->pairs != NULL)
        step->pairs = mem_copy(step->pairs, step->pair_count * sizeof *step->pairs);
    for (size_t i = 0; i < step->pair_count; i++) {
        step->pairs[i].key = mem_text(step->pairs[i].key);
        step->pairs[i].value = mem_text(step->pairs[i].value);
    }
    if (step->fault != NULL)
        step->fault = mem_copy(step->fault, sizeof *step->fault);
    if (step->members != NULL)
        step->members = mem_copy(step->members, step->member_count * sizeof *step->members);
    for (size_t i = 0; i < step->member_count; i++)
        copy_steps(&step->members[i]);
}

void copy_steps(struct step_list *list)
{
    if (list->steps == NULL)
        return;
    list->steps = mem_copy(list->steps, (list->count + 1) * sizeof *list->steps);
    for (size_t i = 0; i < list->count; i++)
        copy_step(&list->steps[i]);
}

static void free_step(struct step *step)
{
    for (size_t i = 0; i < step->pair_count; i++) {
        free(step->pairs[i].key);
        free(step->pairs[i].value);
    }
    for (size_t i = 0; i < step->member_count; i++)
        free_steps(&step->members[i]);
    free(step->members);
    free(step->pairs);
    free(step->fault);
    free(step->at);
}

void free_steps(struct step_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free_step(&list->steps[i]);
    free(list->steps);
    *list = (struct step_list){0};
}

static uint64_t orders_of(const struct step_list *list)
{
    uint64_t orders = 1;
    for (size_t i = 0; i < list->count; i++) {
        const struct step *step = &list->steps[i];
        for (size_t member = 0; member < step->member_count; member++) {
            orders *= (member + 1) * orders_of(&step->members[member]);
            if (orders > SCENARIO_ORDERS_MAX)
                return SCENARIO_ORDERS_MAX + 1;
        }
    }
    return orders;
}

uint64_t scenario_orders(const struct scenario *scenario)
{
    return orders_of(&scenario->steps);
}
