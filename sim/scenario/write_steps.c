/* Steps as they are read. */
#include <string.h>

#include "sim/scenario/scenario_parts.h"

static void say(struct buffer *yaml, const char *text)
{
    buffer_append_span(yaml, span_of_text(text));
}

static void write_text(struct buffer *yaml, int indent, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
    write_key(yaml, indent, key);
    write_quoted(yaml, text);
    say(yaml, "\n");
}

static void write_seats(const struct step *step, struct buffer *yaml)
{
    for (size_t i = 0; i < step->at_count; i++) {
        say(yaml, i == 0 ? "[" : ", ");
        write_quoted(yaml, step->at[i]);
    }
    say(yaml, step->at_count == 0 ? "all\n" : "]\n");
}

static void write_at(const struct step *step, int indent, struct buffer *yaml)
{
    write_key(yaml, indent, "at");
    write_seats(step, yaml);
}

/* Those of one look, as a map, a list or one value. */
static void write_look(const struct step *step, enum look look, int indent, struct buffer *yaml)
{
    bool is_map = look_is_map(look);
    bool is_list = look_is_list(look);
    size_t count = 0;
    for (size_t i = 0; i < step->pair_count; i++) {
        const struct step_pair *pair = &step->pairs[i];
        if (pair->look != look)
            continue;
        if (count++ == 0) {
            write_key(yaml, indent, look_names[look]);
            say(yaml, is_map ? "{" : is_list ? "[" : "");
            if (is_list)
                continue; /* the first says that there are no others */
        } else {
            say(yaml, is_list && count == 2 ? "" : ", ");
        }
        if (is_map) {
            write_quoted(yaml, pair->key);
            say(yaml, ": ");
        }
        if (is_map && pair->value[0] == '\0')
            say(yaml, "~");
        else
            write_quoted(yaml, pair->value);
    }
    if (count > 0)
        say(yaml, is_map ? "}\n" : is_list ? "]\n" : "\n");
}

static void write_number(struct buffer *yaml, int indent, const char *key, uint64_t value)
{
    if (value == 0)
        return;
    write_key(yaml, indent, key);
    unit_print(UNIT_COUNT, value, yaml);
    say(yaml, "\n");
}

static void write_blocks(const struct step *step, int indent, struct buffer *yaml)
{
    bool stick = step->kind == STEP_STICK;
    write_text(yaml, indent, "image", step->name);
    write_at(step, indent, yaml);
    write_text(yaml, indent, "of", step->of);
    write_text(yaml, indent, stick ? "from" : "to", step->to);
    write_number(yaml, indent, "stream", step->stream);
    write_number(yaml, indent, "first", step->first);
    if (stick)
        write_number(yaml, indent, "last", step->last);
}

static void write_names(const char *key, const struct step *step, int indent, struct buffer *yaml)
{
    write_key(yaml, indent, key);
    for (size_t i = 0; i < step->pair_count; i++) {
        say(yaml, i == 0 ? "[" : ", ");
        write_quoted(yaml, step->pairs[i].key);
    }
    say(yaml, "]\n");
}

static void write_extend(const struct step *step, int indent, struct buffer *yaml)
{
    write_text(yaml, indent, "record", step->name);
    write_at(step, indent, yaml);
    write_names("to", step, indent, yaml);
    write_text(yaml, indent, "refused", step->refused);
}

static void write_signed(const struct step *step, int indent, struct buffer *yaml)
{
    if (step->kind == STEP_SIGN)
        write_text(yaml, indent, "change", county_change_names[step->change]);
    write_at(step, indent, yaml);
    write_text(yaml, indent, "seat", step->of);
    write_text(yaml, indent, step->kind == STEP_MACHINE ? "from" : "to", step->to);
    write_number(yaml, indent, "moves", step->count);
    write_text(yaml, indent, "as", step->name);
    if (step->untold)
        write_key(yaml, indent, "told");
    say(yaml, step->untold ? "false\n" : "");
    if (step->escrow || step->whole)
        write_key(yaml, indent, step->escrow ? "escrow" : "confirmed");
    say(yaml, step->escrow || step->whole ? "true\n" : "");
}

static void write_write(const struct step *step, int indent, struct buffer *yaml)
{
    write_text(yaml, indent, "record", step->name);
    write_at(step, indent, yaml);
    if (step->kind == STEP_PUT || step->kind == STEP_DO)
        write_text(yaml, indent, step->kind == STEP_PUT ? "type" : "step", step->type);
    write_text(yaml, indent, "to", step->to);
    if (step->kind == STEP_ERASE && step->pair_count > 0)
        write_names("fields", step, indent, yaml);
    else if (step->kind != STEP_ERASE)
        write_look(step, LOOK_FIELD, indent, yaml);
    if (step->has_clock) {
        write_key(yaml, indent, "clock");
        unit_print(UNIT_COUNT, step->ms, yaml);
        say(yaml, "\n");
    }
    write_number(yaml, indent, "count", step->count);
    write_text(yaml, indent, "refused", step->refused);
}

static void write_change(const struct step *step, int indent, struct buffer *yaml)
{
    static const struct fault none;
    write_at(step, indent, yaml);
    switch ((int)step->kind) {
    case STEP_LINK: fields_write(link_fields, &step->fault->link, &none.link, indent, yaml); break;
    case STEP_DISK: fields_write(disk_fields, &step->fault->disk, &none.disk, indent, yaml); break;
    case STEP_CLOCK:
        fields_write(clock_fields, &step->fault->clock, &none.clock, indent, yaml);
        break;
    case STEP_CONDUCT:
        fields_write(conduct_fields, &step->fault->conduct, &none.conduct, indent, yaml);
        break;
    default: write_parameters(step->fault, indent, yaml); break;
    }
}

static void write_list(const struct step_list *list, int indent, struct buffer *yaml);

static void write_step(const struct step *step, int indent, struct buffer *yaml)
{
    indent_to(yaml, indent);
    say(yaml, "- ");
    if ((step->kind == STEP_RUN && step->ms == 0) || step->kind == STEP_TYPES ||
        step->kind == STEP_PASS) {
        say(yaml, step_names[step->kind]);
        say(yaml, "\n");
        return;
    }
    say(yaml, step_names[step->kind]);
    say(yaml, ":");
    if (step->kind == STEP_RUN || step->kind == STEP_WAIT) {
        say(yaml, " ");
        unit_print(UNIT_TIME, step->ms, yaml);
        say(yaml, "\n");
        return;
    }
    if (step->kind <= STEP_DELETE || step->fault != NULL || step->kind == STEP_EXPECT ||
        step->kind == STEP_WITHHOLD || step->kind == STEP_SIGN || step->kind == STEP_MACHINE ||
        step->name[0] != '\0' || step->member_count > 0) {
        say(yaml, "\n");
        indent += 4;
    }
    if (step->kind <= STEP_DELETE) {
        write_write(step, indent, yaml);
    } else if (step->fault != NULL) {
        write_change(step, indent, yaml);
    } else if (step->kind == STEP_EXTEND) {
        write_extend(step, indent, yaml);
    } else if (step->kind >= STEP_SIGN && step->kind <= STEP_MACHINE) {
        write_signed(step, indent, yaml);
    } else if (step->kind == STEP_WITHHOLD || step->kind == STEP_STICK) {
        write_blocks(step, indent, yaml);
    } else if (step->kind == STEP_EXPECT) {
        write_text(yaml, indent, "record", step->name);
        write_at(step, indent, yaml);
        for (int look = 0; look < LOOK_KINDS; look++)
            write_look(step, (enum look)look, indent, yaml);
    } else if (step->member_count > 0) {
        for (size_t i = 0; i < step->member_count; i++) {
            indent_to(yaml, indent);
            say(yaml, "-\n");
            write_list(&step->members[i], indent + 2, yaml);
        }
    } else if (step->name[0] != '\0') {
        write_text(yaml, indent, step->kind == STEP_RESTORE ? "image" : "as", step->name);
        write_at(step, indent, yaml);
        if (step->whole)
            write_key(yaml, indent, "whole");
        say(yaml, step->whole ? "true\n" : "");
        if (step->elsewhere)
            write_key(yaml, indent, "elsewhere");
        say(yaml, step->elsewhere ? "true\n" : "");
    } else {
        say(yaml, " ");
        write_seats(step, yaml);
    }
}

static void write_list(const struct step_list *list, int indent, struct buffer *yaml)
{
    for (size_t i = 0; i < list->count; i++)
        write_step(&list->steps[i], indent, yaml);
}

void write_steps(const struct scenario *scenario, struct buffer *yaml)
{
    if (scenario->steps.count == 0)
        return;
    say(yaml, "steps:\n");
    write_list(&scenario->steps, 2, yaml);
}
