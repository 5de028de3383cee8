/* Steps about the tree: what is signed, who hears of it, and machines that are set up. */
#include <string.h>

#include "sim/scenario/scenario_parts.h"

void read_sign(struct reading *reading, struct yaml_node *map, struct step *step)
{
    struct yaml_node *change = yaml_map_get(map, "change"), *moves = yaml_map_get(map, "moves");
    bool told = true;
    if (change == NULL) {
        yaml_complain(map, "the key \"change\" is missing: what is signed?");
        return;
    }
    size_t place = value_read_name(change, "change", county_change_names, COUNTY_CHANGE_KINDS);
    if (place == COUNTY_CHANGE_KINDS)
        return;
    step->change = (enum county_change_kind)place;
    read_at(reading, map, true, step);
    read_seat(reading, map, "seat", step->of);
    if (step->change == COUNTY_RELEASE || step->change == COUNTY_DECIDE)
        read_seat(reading, map, "to", step->to);
    if (moves != NULL)
        value_read(moves, "moves", UNIT_COUNT, 1, UINT32_MAX, &step->count);
    if (yaml_map_get(map, "as") != NULL)
        read_step_name(map, "as", step);
    yaml_get_bool(map, "told", false, &told);
    step->untold = !told;
    if (!county_change_is_order(step->change) && step->change != COUNTY_REROOT &&
        step->at_count == 1 && strcmp(step->at[0], step->of) == 0)
        yaml_complain(map,
                      "nobody signs a document about himself: \"at\" is the parent, or another "
                      "seat above");
}

void read_tell(struct reading *reading, struct yaml_node *map, struct step *step)
{
    read_step_name(map, "as", step);
    read_at(reading, map, false, step);
    yaml_get_bool(map, "confirmed", false, &step->whole);
}

void read_machine(struct reading *reading, struct yaml_node *map, struct step *step)
{
    read_at(reading, map, true, step);
    read_seat(reading, map, "from", step->to);
    yaml_get_bool(map, "escrow", false, &step->escrow);
}

/* Whom an extension adds: by key, in order. */
void read_extend(struct reading *reading, struct yaml_node *map, struct step *step)
{
    struct yaml_node *list = yaml_map_get(map, "to");
    read_step_name(map, "record", step);
    read_at(reading, map, true, step);
    read_refusal(map, step);
    if (list == NULL || !yaml_is_list(list) || yaml_size(list) == 0) {
        yaml_complain(map, "\"to\": expected a list of seats: who shall hold the record too?");
        return;
    }
    for (size_t i = 0; i < yaml_size(list); i++) {
        struct yaml_node *item = yaml_list_at(list, i);
        if (yaml_is_text(item) && check_seat(reading, item, yaml_text(item)))
            step_add_pair(step, LOOK_FIELD, yaml_text(item), SPAN_EMPTY);
    }
}
