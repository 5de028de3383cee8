/* Steps from a file: a word, or a map of one key that says what is done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/scenario_parts.h"

enum { STEPS_MAX = 1000, DEPTH_MAX = 3, MEMBERS_MAX = 8 };

static const char *const field_names[] = {"title", "s",    "level", "notes",
                                          "calls", "name", "phone", "deleted"};
enum {
    FIELDS = sizeof field_names / sizeof *field_names,
    VALUE_BYTES_MAX = 47,
};

static void keep(char *kept, size_t size, struct span text)
{
    size_t length = text.size < size ? text.size : size - 1;
    if (length > 0)
        memcpy(kept, text.data, length);
    kept[length] = '\0';
}

static bool is_clone(const struct reading *reading, struct span name)
{
    for (size_t i = 0; i < reading->clone_count; i++) {
        if (span_equal(span_of_text(reading->clones[i]), name))
            return true;
    }
    return false;
}

/* ---- seats ---- */

static void add_seat(struct reading *reading, struct yaml_node *node, struct step *step)
{
    struct span code = yaml_text(node);
    if (!yaml_is_text(node)) {
        yaml_complain(node, "expected the code of a seat");
        return;
    }
    if (!is_clone(reading, code) && !check_seat(reading, node, code))
        return;
    step->at = mem_resize(step->at, (step->at_count + 1) * sizeof *step->at);
    keep(step->at[step->at_count++], sizeof *step->at, code);
}

/* One seat, a list of them, or `all`. */
static void read_seats(struct reading *reading, struct yaml_node *node, struct step *step)
{
    if (yaml_is_text(node) && span_equal(yaml_text(node), span_of_text("all")))
        return;
    if (!yaml_is_list(node)) {
        add_seat(reading, node, step);
        return;
    }
    if (yaml_size(node) == 0)
        yaml_complain(node, "expected at least one seat");
    for (size_t i = 0; i < yaml_size(node); i++)
        add_seat(reading, yaml_list_at(node, i), step);
}

void read_at(struct reading *reading, struct yaml_node *map, bool single, struct step *step)
{
    struct yaml_node *node = yaml_map_get(map, "at");
    if (node == NULL && single)
        yaml_complain(map, "the key \"at\" is missing: at which seat?");
    if (node != NULL)
        read_seats(reading, node, step);
    if (node != NULL && single && step->at_count != 1)
        yaml_complain(node, "\"at\": expected one seat");
}

void read_step_name(struct yaml_node *map, const char *key, struct step *step)
{
    struct span name = SPAN_EMPTY;
    if (!yaml_get_text(map, key, true, &name))
        return;
    if (name.size == 0 || name.size >= sizeof step->name)
        yaml_complain(map, "\"%s\": expected a name of 1 to %zu bytes", key, sizeof step->name - 1);
    keep(step->name, sizeof step->name, name);
}

/* ---- writes ---- */

static char *text_of(struct span text)
{
    char *copy = mem_alloc(text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

void step_add_pair(struct step *step, enum look look, struct span key, struct span value)
{
    step->pairs = mem_resize(step->pairs, (step->pair_count + 1) * sizeof *step->pairs);
    step->pairs[step->pair_count++] =
        (struct step_pair){.look = look, .key = text_of(key), .value = text_of(value)};
}

static bool is_number(struct span text)
{
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    bool digits = at < text.size && text.size - at <= 15;
    for (; at < text.size; at++)
        digits = digits && text.data[at] >= '0' && text.data[at] <= '9';
    return digits;
}

static void read_field(struct yaml_node *map, size_t index, struct step *step)
{
    struct span key;
    struct yaml_node *node = yaml_map_at(map, index, &key);
    size_t field = 0;
    while (field < FIELDS && !span_equal(key, span_of_text(field_names[field])))
        field++;
    bool is_flag = field == FIELDS - 1, is_count = field == 2 || field == 4;
    if (field == FIELDS)
        yaml_complain(
            node,
            "a record has 'title', 's', 'level', 'notes', 'calls', 'deleted', a visit 'name' and "
            "'phone', no '%.*s'",
            (int)(key.size < 40 ? key.size : 40), (const char *)key.data);
    else if (!yaml_is_text(node) || yaml_text(node).size > VALUE_BYTES_MAX)
        yaml_complain(node, "expected a text of at most %d bytes", VALUE_BYTES_MAX);
    else if (is_count && !is_number(yaml_text(node)))
        yaml_complain(node, "\"%s\": expected a whole number", field_names[field]);
    else if (is_flag && !span_equal(yaml_text(node), span_of_text("true")) &&
             !span_equal(yaml_text(node), span_of_text("false")))
        yaml_complain(node, "\"deleted\": expected true or false");
    else
        step_add_pair(step, LOOK_FIELD, key, yaml_text(node));
}

void read_refusal(struct yaml_node *map, struct step *step)
{
    struct span code = SPAN_EMPTY;
    if (!yaml_get_text(map, "refused", false, &code) || code.data == NULL)
        return;
    if ((error_by_name(code) == ERR_INTERNAL || error_by_name(code) == ERR_OK) &&
        !span_equal(code, span_of_text("unanswered")))
        yaml_complain(map, "\"refused\": expected the name of an error, as in 'not_allowed', or "
                           "'unanswered'");
    keep(step->refused, sizeof step->refused, code);
}

static void read_workflow_step(struct yaml_node *map, struct step *step)
{
    static const char *const steps[] = {"accept", "dispatch", "close", "reject", "attempt", "hand"};
    enum { STEPS = sizeof steps / sizeof *steps };
    struct yaml_node *node = yaml_map_get(map, "step");
    size_t place = STEPS;
    if (node == NULL)
        yaml_complain(map, "the key \"step\" is missing: which step is taken?");
    else
        place = value_read_name(node, "step", steps, STEPS);
    snprintf(step->type, sizeof step->type, "%s", steps[place < STEPS ? place : 0]);
}

/* Which fields are erased: a list of their names; without it all. */
static void read_erased(struct yaml_node *map, struct step *step)
{
    static const char *const personal[] = {"s", "notes"};
    enum { PERSONAL = sizeof personal / sizeof *personal };
    struct yaml_node *list = yaml_map_get(map, "fields");
    if (list != NULL && !yaml_is_list(list))
        yaml_complain(list, "\"fields\": expected a list, as in [s]");
    for (size_t i = 0; list != NULL && yaml_is_list(list) && i < yaml_size(list); i++) {
        size_t place = value_read_name(yaml_list_at(list, i), "fields", personal, PERSONAL);
        step_add_pair(step, LOOK_FIELD, span_of_text(personal[place < PERSONAL ? place : 0]),
                      SPAN_EMPTY);
    }
}

static void read_write(struct reading *reading, struct yaml_node *map, struct step *step)
{
    struct yaml_node *fields = NULL, *clock = yaml_map_get(map, "clock"), *to;
    read_step_name(map, "record", step);
    read_at(reading, map, true, step);
    if (clock != NULL)
        step->has_clock = value_read(clock, "clock", UNIT_COUNT, 0, INT64_MAX, &step->ms);
    read_refusal(map, step);
    if (step->kind == STEP_ERASE)
        read_erased(map, step);
    if (step->kind == STEP_DELETE || step->kind == STEP_ERASE)
        return;
    if (yaml_map_get(map, "count") != NULL)
        value_read(yaml_map_get(map, "count"), "count", UNIT_COUNT, 1, 100000, &step->count);
    yaml_get_map(map, "fields", false, &fields);
    for (size_t i = 0; fields != NULL && i < yaml_size(fields); i++)
        read_field(fields, i, step);
    if (step->pair_count > 6)
        yaml_complain(fields, "\"fields\": more than six of them");
    if (step->kind == STEP_DO)
        read_workflow_step(map, step);
    if (step->kind != STEP_PUT && step->kind != STEP_DO)
        return;
    if (step->kind == STEP_PUT)
        read_type(yaml_map_get(map, "type"), step->type);
    to = yaml_map_get(map, "to");
    if (to != NULL && yaml_is_text(to) && check_seat(reading, to, yaml_text(to)))
        keep(step->to, sizeof step->to, yaml_text(to));
    bool addressed = strcmp(step->type, "matter") == 0 || strcmp(step->type, "duty") == 0;
    if (addressed && step->to[0] == '\0')
        yaml_complain(map, "the key \"to\" is missing: for which seat is the %s?", step->type);
    if (step->kind == STEP_DO && (strcmp(step->type, "hand") == 0) != (step->to[0] != '\0'))
        yaml_complain(map, "the step \"hand\" hands the record to a seat, as in {step: hand, to: "
                           "D}, and no other does");
}

/* ---- what is done to seats ---- */

static enum fault_kind fault_of(enum step_kind kind)
{
    switch ((int)kind) {
    case STEP_HALF_OPEN: return FAULT_HALF_OPEN;
    case STEP_LINK: return FAULT_LINK;
    case STEP_DISK: return FAULT_DISK;
    case STEP_CLOCK: return FAULT_CLOCK;
    case STEP_CONDUCT: return FAULT_CONDUCT;
    case STEP_POINT: return FAULT_POINT;
    case STEP_INJECT: return FAULT_INJECT;
    default: return FAULT_KINDS;
    }
}

/* Profiles stand in the step's own map; a way, a point and a mischief have keys as in a fault. */
static void read_change(struct reading *reading, struct yaml_node *map, struct step *step)
{
    enum fault_kind kind = fault_of(step->kind);
    step->fault = mem_alloc(sizeof *step->fault);
    *step->fault = (struct fault){.kind = kind, .mischief = MISCHIEF_COUNT, .ways = WAY_BOTH};
    read_at(reading, map, false, step);
    switch ((int)kind) {
    case FAULT_LINK: fields_read(map, link_fields, &step->fault->link); break;
    case FAULT_DISK: fields_read(map, disk_fields, &step->fault->disk); break;
    case FAULT_CLOCK: fields_read(map, clock_fields, &step->fault->clock); break;
    case FAULT_CONDUCT: fields_read(map, conduct_fields, &step->fault->conduct); break;
    default: read_parameters(map, step->fault); break;
    }
}

static void read_image(struct reading *reading, struct yaml_node *map, struct step *step)
{
    read_step_name(map, step->kind == STEP_CLONE || step->kind == STEP_IMAGE ? "as" : "image",
                   step);
    read_at(reading, map, true, step);
    if (step->kind == STEP_RESTORE)
        yaml_get_bool(map, "whole", false, &step->whole);
    if (step->kind != STEP_CLONE)
        return;
    yaml_get_bool(map, "elsewhere", false, &step->elsewhere);
    if (strlen(step->name) > SEAT_BYTES_MAX)
        yaml_complain(map, "\"as\": expected a name of at most %d bytes", SEAT_BYTES_MAX);
    reading->clones =
        mem_resize(reading->clones, (reading->clone_count + 1) * sizeof *reading->clones);
    keep(reading->clones[reading->clone_count++], sizeof *reading->clones,
         span_of_text(step->name));
}

/* ---- blocks on their way ---- */

void read_seat(struct reading *reading, struct yaml_node *map, const char *key,
               char seat[static SEAT_BYTES_MAX + 1])
{
    struct yaml_node *node = yaml_map_get(map, key);
    if (node == NULL)
        yaml_complain(map, "the key \"%s\" is missing: expected a seat", key);
    else if (check_seat(reading, node, yaml_text(node)))
        keep(seat, SEAT_BYTES_MAX + 1, yaml_text(node));
}

static void read_number(struct yaml_node *map, const char *key, uint64_t *value)
{
    if (yaml_map_get(map, key) != NULL)
        value_read(yaml_map_get(map, key), key, UNIT_COUNT, 0, UINT32_MAX, value);
}

static void read_blocks(struct reading *reading, struct yaml_node *map, struct step *step)
{
    read_at(reading, map, true, step);
    read_seat(reading, map, "of", step->of);
    read_number(map, "stream", &step->stream);
    if (step->kind == STEP_WITHHOLD) {
        read_seat(reading, map, "to", step->to);
        return;
    }
    read_step_name(map, "image", step);
    read_seat(reading, map, "from", step->to);
    step->last = UINT32_MAX;
    read_number(map, "first", &step->first);
    read_number(map, "last", &step->last);
}

/* ---- expectations ---- */

static void read_look_map(struct reading *reading, struct yaml_node *map, enum look look,
                          struct step *step)
{
    bool of_seats = look == LOOK_COMPLETE || look == LOOK_HELD || look == LOOK_ENTRIES ||
                    look == LOOK_BRANCHES || look == LOOK_SUSPECT || look == LOOK_CALLED;
    for (size_t i = 0; i < yaml_size(map); i++) {
        struct span key;
        struct yaml_node *node = yaml_map_at(map, i, &key);
        if (of_seats && !check_seat(reading, node, key))
            return;
        if (yaml_is_text(node))
            step_add_pair(step, look, key, yaml_text(node));
        else if (look == LOOK_FIELD && !yaml_is_list(node) && !yaml_is_map(node))
            step_add_pair(step, look, key, SPAN_EMPTY);
        else
            yaml_complain(node, "expected a text or a number");
    }
}

static void read_look(struct reading *reading, struct yaml_node *node, enum look look,
                      struct step *step)
{
    bool is_map = look_is_map(look);
    bool is_list = look_is_list(look);
    if (is_map && yaml_is_map(node)) {
        read_look_map(reading, node, look, step);
    } else if (is_list && yaml_is_list(node)) {
        step_add_pair(step, look, SPAN_EMPTY, SPAN_EMPTY); /* exactly: also when there is none */
        for (size_t i = 0; i < yaml_size(node); i++)
            step_add_pair(step, look, span_of_text("="), yaml_text(yaml_list_at(node, i)));
    } else if (!is_map && !is_list && yaml_is_text(node)) {
        step_add_pair(step, look, SPAN_EMPTY, yaml_text(node));
    } else {
        yaml_complain(node, "\"%s\": expected a %s", look_names[look],
                      is_map    ? "map"
                      : is_list ? "list"
                                : "text or a number");
    }
}

static void read_expect(struct reading *reading, struct yaml_node *map, struct step *step)
{
    struct span name = SPAN_EMPTY;
    bool of_record = false;
    yaml_get_text(map, "record", false, &name);
    keep(step->name, sizeof step->name, name);
    read_at(reading, map, false, step);
    for (int look = 0; look < LOOK_KINDS; look++) {
        struct yaml_node *node = yaml_map_get(map, look_names[look]);
        if (node != NULL)
            read_look(reading, node, (enum look)look, step);
        of_record = of_record || (node != NULL && look <= LOOK_OPERATIONS);
    }
    if (of_record && name.size == 0)
        yaml_complain(map, "the key \"record\" is missing: whose fields?");
    if (step->pair_count == 0)
        yaml_complain(map, "nothing is expected here");
}

/* ---- groups and lists ---- */

static void read_list(struct reading *reading, struct yaml_node *list, struct step_list *steps);

static void read_together(struct reading *reading, struct yaml_node *list, struct step *step)
{
    if (!yaml_is_list(list) || yaml_size(list) < 2 || yaml_size(list) > MEMBERS_MAX ||
        reading->depth == DEPTH_MAX) {
        yaml_complain(list,
                      "\"together\": expected a list of 2 to %d steps or lists of steps, not "
                      "more than %d deep",
                      MEMBERS_MAX, DEPTH_MAX);
        return;
    }
    reading->depth++;
    step->members = mem_alloc(yaml_size(list) * sizeof *step->members);
    for (size_t i = 0; i < yaml_size(list); i++)
        read_list(reading, yaml_list_at(list, i), &step->members[step->member_count++]);
    reading->depth--;
}

static void read_step_value(struct reading *reading, struct yaml_node *node, struct step *step)
{
    bool with_map = fault_of(step->kind) < FAULT_KINDS || step->kind <= STEP_DELETE ||
                    step->kind == STEP_IMAGE || step->kind == STEP_RESTORE ||
                    step->kind == STEP_CLONE || step->kind == STEP_EXPECT ||
                    step->kind == STEP_WITHHOLD || step->kind == STEP_STICK ||
                    (step->kind >= STEP_EXTEND && step->kind <= STEP_MACHINE);
    if (with_map && !yaml_is_map(node)) {
        yaml_complain(node, "\"%s\": expected a map", step_names[step->kind]);
        return;
    }
    switch (step->kind) {
    case STEP_PUT:
    case STEP_SET:
    case STEP_DO:
    case STEP_ERASE:
    case STEP_DELETE: read_write(reading, node, step); break;
    case STEP_CUT:
    case STEP_HEAL:
    case STEP_KILL:
    case STEP_POWER:
    case STEP_START:
    case STEP_PAUSE:
    case STEP_RESUME:
    case STEP_WIPE:
    case STEP_HOLD:
    case STEP_RELEASE:
    case STEP_END_CLONE: read_seats(reading, node, step); break;
    case STEP_IMAGE:
    case STEP_RESTORE:
    case STEP_CLONE: read_image(reading, node, step); break;
    case STEP_CLOCK:
    case STEP_LINK:
    case STEP_DISK:
    case STEP_CONDUCT:
    case STEP_HALF_OPEN:
    case STEP_POINT:
    case STEP_INJECT: read_change(reading, node, step); break;
    case STEP_RUN:
    case STEP_WAIT:
        value_read(node, step_names[step->kind], UNIT_TIME, 1, SCENARIO_MS_MAX, &step->ms);
        break;
    case STEP_WITHHOLD:
    case STEP_STICK: read_blocks(reading, node, step); break;
    case STEP_EXTEND: read_extend(reading, node, step); break;
    case STEP_SIGN: read_sign(reading, node, step); break;
    case STEP_TELL: read_tell(reading, node, step); break;
    case STEP_MACHINE: read_machine(reading, node, step); break;
    case STEP_EXPECT: read_expect(reading, node, step); break;
    case STEP_TOGETHER: read_together(reading, node, step); break;
    case STEP_TYPES:
    case STEP_PASS:
    case STEP_KINDS: break;
    }
}

/* `run`, `types` and `pass` may stand as words. */
static void read_step(struct reading *reading, struct yaml_node *node, struct step *step)
{
    step->line = yaml_line(node);
    if (yaml_is_text(node)) {
        static const char *const words[] = {"run", "types", "pass"};
        static const enum step_kind kinds[] = {STEP_RUN, STEP_TYPES, STEP_PASS, STEP_RUN};
        step->kind = kinds[value_read_name(node, "steps", words, 3)];
        return;
    }
    if (!yaml_is_map(node) || yaml_size(node) != 1) {
        yaml_complain(node, "expected a step: 'run', or a map of one key as in {cut: V1}");
        return;
    }
    for (int kind = 0; kind < STEP_KINDS; kind++) {
        struct yaml_node *value = yaml_map_get(node, step_names[kind]);
        if (value == NULL)
            continue;
        step->kind = (enum step_kind)kind;
        read_step_value(reading, value, step);
    }
}

static void read_list(struct reading *reading, struct yaml_node *list, struct step_list *steps)
{
    size_t count = yaml_is_list(list) ? yaml_size(list) : 1;
    if (count > STEPS_MAX) {
        yaml_complain(list, "more than %d steps", STEPS_MAX);
        return;
    }
    steps->steps = mem_alloc((count + 1) * sizeof *steps->steps);
    for (size_t i = 0; i < count; i++)
        read_step(reading, yaml_is_list(list) ? yaml_list_at(list, i) : list,
                  &steps->steps[steps->count++]);
}

static uint64_t waits_of(const struct step_list *list)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct step *step = &list->steps[i];
        ms += step->kind == STEP_WAIT ? step->ms : 0;
        for (size_t member = 0; member < step->member_count; member++)
            ms += waits_of(&step->members[member]);
    }
    return ms;
}

/* Steps last as long as they wait, unless the scenario says how long it is. */
void read_steps(struct reading *reading, struct yaml_node *root)
{
    struct scenario *scenario = reading->scenario;
    struct yaml_node *list = NULL;
    if (yaml_get_list(root, "steps", false, &list) && list != NULL)
        read_list(reading, list, &scenario->steps);
    if (list != NULL && yaml_map_get(root, "lasts") == NULL)
        scenario->lasts_ms += waits_of(&scenario->steps);
}
