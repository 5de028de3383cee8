/* The simulated county's types, version by version, as people write them. */
#include "sim/world/county_parts.h"

/* `extra` comes with the second version, and an index over it in the place of another one. */
#define COUNTY_TYPE(name, number, class, circle, extra, index)                                     \
    " " name ": {number: " number                                                                  \
    ", class: " class ", circle: " circle ", counted: true,\n"                                     \
                      " closed_by: s=closed, indexes: [[s, level], " index "], fields: {\n"        \
                      " title: {number: 1, kind: text, required: true}, s: {number: 2, "           \
                      "kind: text},\n"                                                             \
                      " level: {number: 3, kind: integer}, notes: {number: 4, kind: list},\n"      \
                      " calls: {number: 5, kind: counter}" extra "}}\n"

#define COUNTY_TYPES(version, extra, index)                                                        \
    "version: " version "\n"                                                                       \
    "types:\n" COUNTY_TYPE("mediation", "1", "normal", "origin", extra, index)                     \
        COUNTY_TYPE("incident", "2", "normal", "path", extra, index)                               \
            COUNTY_TYPE("directive", "3", "urgent", "subtree", extra, index)                       \
                COUNTY_TYPE("survey", "4", "bulk", "path", extra, index)                           \
                    COUNTY_TYPE("matter", "5", "normal", "addressed", extra, index)
#define COUNTY_TYPES_LATER(version)                                                                \
    COUNTY_TYPES(version, ",\n      extra: {number: 6, kind: text}", "[level, extra]")

/* In the second version alone: a record with a workflow. Whoever holds it takes the steps, but only
 * a seat above its origin rejects it. */
#define COUNTY_CASE(accepted)                                                                      \
    " case:\n"                                                                                     \
    "  number: 6\n"                                                                                \
    "  circle: path\n"                                                                             \
    "  counted: true\n"                                                                            \
    "  indexes: [[state, level]]\n"                                                                \
    "  fields: {title: {number: 1, kind: text, required: true}, s: {number: 2, kind: text},\n"     \
    " level: {number: 3, kind: integer}, notes: {number: 4, kind: list},\n"                        \
    " calls: {number: 5, kind: counter}, state: {number: 6, kind: enum}}\n"                        \
    "  workflow:\n"                                                                                \
    "   field: state\n"                                                                            \
    "   states: {open: {number: 1, initial: true}, accepted: {number: 2" accepted "},\n"           \
    " dispatched: {number: 3}, closed: {number: 4, closed: true},\n"                               \
    " rejected: {number: 5, closed: true}}\n"                                                      \
    "   steps:\n"                                                                                  \
    "    accept: {number: 1, from: open, to: accepted}\n"                                          \
    "    dispatch: {number: 2, from: accepted, to: dispatched}\n"                                  \
    "    hand: {number: 3, from: accepted, to: dispatched, extend: named}\n"                       \
    "    close: {number: 4, from: accepted, to: closed, requires: s}\n"                            \
    "    reject: {number: 5, from: accepted, to: rejected, who: above}\n"                          \
    "    attempt: {number: 6, from: [open, accepted], to: accepted, requires: notes,\n"            \
    " limits: [{field: notes, most: 3}]}\n"                                                        \
    "  rollups:\n"                                                                                 \
    "   cases: {number: 16, kind: count, by: state}\n"                                             \
    "   case_calls: {number: 17, kind: sum, of: calls, by: state}\n"                               \
    "   case_level: {number: 18, kind: max, of: level, period: day}\n"                             \
    "   case_words: {number: 19, kind: distinct, of: s, limit: 2}\n"                               \
    "   case_closed: {number: 20, kind: ratio, part: {_closed: true}}\n"

/* And one with a private field, whose second step hands both records on. */
#define COUNTY_VISIT                                                                               \
    " visit:\n"                                                                                    \
    "  number: 7\n"                                                                                \
    "  circle: origin\n"                                                                           \
    "  counted: true\n"                                                                            \
    "  companion: {number: 8}\n"                                                                   \
    "  fields: {title: {number: 1, kind: text, required: true}, s: {number: 2, kind: text},\n"     \
    " name: {number: 3, kind: text, private: true, personal: true},\n"                             \
    " phone: {number: 4, kind: text, private: true}, state: {number: 5, kind: enum}}\n"            \
    "  workflow: {field: state,\n"                                                                 \
    " states: {open: {number: 1, initial: true}, handed: {number: 2}},\n"                          \
    " steps: {hand: {number: 1, from: [open, handed], to: handed, extend: named,\n"                \
    " extend_companion: true}}}\n"

/* In the third alone: what has limits of time, made for one seat, and calendars. */
#define COUNTY_DUTY(given)                                                                         \
    " duty:\n"                                                                                     \
    "  number: 9\n"                                                                                \
    "  circle: addressed\n"                                                                        \
    "  counted: true\n"                                                                            \
    "  fields:\n"                                                                                  \
    "   title: {number: 1, kind: text, required: true}\n"                                          \
    "   s: {number: 2, kind: text}\n"                                                              \
    "   level: {number: 3, kind: integer}\n"                                                       \
    "   notes: {number: 4, kind: list}\n"                                                          \
    "   calls: {number: 5, kind: counter}\n"                                                       \
    "   state: {number: 6, kind: enum}\n"                                                          \
    "  workflow:\n"                                                                                \
    "   field: state\n"                                                                            \
    "   states:\n"                                                                                 \
    "    given: {number: 1, initial: true" given "}\n"                                             \
    "    taken: {number: 2, within: 2 working_days, rise: root, grace: 2 hours}\n"                 \
    "    done: {number: 3, closed: true}\n"                                                        \
    "   steps:\n"                                                                                  \
    "    take: {number: 1, from: given, to: taken}\n"                                              \
    "    note: {number: 2, from: taken, to: taken, requires: s}\n"                                 \
    "    finish: {number: 3, from: [given, taken], to: done}\n"                                    \
    "    again: {number: 4, from: done, to: given}\n"                                              \
    " calendar:\n"                                                                                 \
    "  number: 10\n"                                                                               \
    "  circle: subtree\n"                                                                          \
    "  calendar: true\n"                                                                           \
    "  fields:\n"                                                                                  \
    "   year: {number: 1, kind: integer, required: true}\n"                                        \
    "   offset: {number: 2, kind: integer, required: true}\n"                                      \
    "   weekdays: {number: 3, kind: text}\n"                                                       \
    "   holidays: {number: 4, kind: list}\n"                                                       \
    "   workdays: {number: 5, kind: list}\n"

/* And one that the parent keeps for whom it is nobody else's. */
#define COUNTY_DIARY                                                                               \
    " diary:\n"                                                                                    \
    "  number: 11\n"                                                                               \
    "  circle: origin\n"                                                                           \
    "  counted: true\n"                                                                            \
    "  backup: sealed\n"                                                                           \
    "  companion: {number: 12}\n"                                                                  \
    "  fields:\n"                                                                                  \
    "   title: {number: 1, kind: text, required: true}\n"                                          \
    "   s: {number: 2, kind: text}\n"                                                              \
    "   name: {number: 3, kind: text, private: true}\n"

/* Beside it: what it holds of a person can be erased. */
#define COUNTY_PERSON                                                                              \
    " person:\n"                                                                                   \
    "  number: 20\n"                                                                               \
    "  circle: path\n"                                                                             \
    "  counted: true\n"                                                                            \
    "  fields:\n"                                                                                  \
    "   title: {number: 1, kind: text, required: true}\n"                                          \
    "   s: {number: 2, kind: text, personal: true}\n"                                              \
    "   level: {number: 3, kind: integer}\n"                                                       \
    "   notes: {number: 4, kind: list, personal: true}\n"                                          \
    "   calls: {number: 5, kind: counter}\n"

static const char types_first[] = COUNTY_TYPES("1", "", "[title]");
/* What the second version has and the later ones go on with. */
static const char types_more[] = COUNTY_VISIT COUNTY_DIARY COUNTY_PERSON;
static const char types_second[] = COUNTY_TYPES_LATER("2") COUNTY_CASE("");
static const char types_third[] = COUNTY_TYPES_LATER("3") COUNTY_CASE("")
    COUNTY_DUTY(", within: 1 hours, rise: tier, grace: 24 hours");
/* The fourth takes that limit away and sets another one. */
static const char types_fourth[] =
    COUNTY_TYPES_LATER("4") COUNTY_CASE(", within: 5 days") COUNTY_DUTY("");

struct span county_types_yaml(void)
{
    return span_of_text(types_first);
}

bool county_types_of(uint32_t version, struct buffer *yaml)
{
    static const char *const versions[] = {types_first, types_second, types_third, types_fourth};
    if (version >= sizeof versions / sizeof *versions)
        return false;
    buffer_append_span(yaml, span_of_text(versions[version]));
    if (version > 0)
        buffer_append_span(yaml, span_of_text(types_more));
    return true;
}
