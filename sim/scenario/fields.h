/* Tables of what a map of a scenario file may say: each row is a key, its unit and its place in a
 * struct. Reader and writer walk the same table, so that they can't drift. */
#ifndef TERRACE_SIM_FIELDS_H
#define TERRACE_SIM_FIELDS_H

#include "base/yaml.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/units.h"

enum field_form {
    FORM_ONE,    /* one quantity */
    FORM_RANGE,  /* two of the same width: "low-high" */
    FORM_SIGNED, /* one, below zero as well */
    FORM_FLAG,   /* true or false */
    FORM_NAME,   /* one of `names`; the place holds an int */
};

/* A table ends with a row without a key. */
struct scenario_field {
    const char *key;
    enum field_form form;
    enum unit unit;
    size_t width;           /* bytes of the number: 4 or 8 */
    size_t offset, offset2; /* of the value; of a range's high end */
    uint64_t min, max;
    const char *const *names;
    size_t name_count;
};

#define FIELD_ONE(type, member, key_, unit_, min_, max_)                                           \
    {                                                                                              \
        .key = (key_), .form = FORM_ONE, .unit = (unit_), .width = sizeof(((type *)0)->member),    \
        .offset = offsetof(type, member), .min = (min_), .max = (max_)                             \
    }
#define FIELD_RANGE(type, low_, high_, key_, unit_, min_, max_)                                    \
    {                                                                                              \
        .key = (key_), .form = FORM_RANGE, .unit = (unit_), .width = sizeof(((type *)0)->low_),    \
        .offset = offsetof(type, low_), .offset2 = offsetof(type, high_), .min = (min_),           \
        .max = (max_)                                                                              \
    }
#define FIELD_SIGNED(type, member, key_, unit_, max_)                                              \
    {                                                                                              \
        .key = (key_), .form = FORM_SIGNED, .unit = (unit_), .width = sizeof(((type *)0)->member), \
        .offset = offsetof(type, member), .max = (max_)                                            \
    }
#define FIELD_FLAG(type, member, key_)                                                             \
    {                                                                                              \
        .key = (key_), .form = FORM_FLAG, .offset = offsetof(type, member)                         \
    }
#define FIELD_NAME(type, member, key_, names_, count_)                                             \
    {                                                                                              \
        .key = (key_), .form = FORM_NAME, .offset = offsetof(type, member), .names = (names_),     \
        .name_count = (count_)                                                                     \
    }

/* SCENARIO_MS_MAX: ten years; SCENARIO_SIZE_MAX: a number that prints and reads in every unit. */
#define SCENARIO_MS_MAX ((uint64_t)3660 * 24 * 3600 * 1000)
#define SCENARIO_SIZE_MAX ((uint64_t)1 << 40)

extern const struct scenario_field link_fields[], disk_fields[], clock_fields[], conduct_fields[],
    world_fields[], tuning_fields[], occasion_fields[], work_fields[], scenario_fields[];
extern const char *const way_names[];

/* What the map says of `fields` goes into `target`; what it doesn't say stays. A fault is kept in
 * the document (yaml_complain). `map` NULL: nothing is said. */
void fields_read(struct yaml_node *map, const struct scenario_field *fields, void *target);
/* "key: value" lines for what is other than in `usual`, each after `indent` blanks. */
void fields_write(const struct scenario_field *fields, const void *target, const void *usual,
                  int indent, struct buffer *yaml);
bool fields_equal(const struct scenario_field *fields, const void *a, const void *b);

/* One value by itself: complains at `node` with what was expected and what was meant. */
bool value_read(struct yaml_node *node, const char *key, enum unit unit, uint64_t min, uint64_t max,
                uint64_t *value);
bool value_read_range(struct yaml_node *node, const char *key, enum unit unit, uint64_t min,
                      uint64_t max, uint64_t *low, uint64_t *high);
/* One of `names`: its place, or `count` after a complaint. */
size_t value_read_name(struct yaml_node *node, const char *key, const char *const *names,
                       size_t count);
void indent_to(struct buffer *yaml, int indent);
/* "key: " after `indent` blanks. */
void write_key(struct buffer *yaml, int indent, const char *key);
/* In double quotes, so that any text comes back as it is. */
void write_quoted(struct buffer *yaml, const char *text);

#endif
