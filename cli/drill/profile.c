/* Which matters a county has, and how many. */
#include "cli/drill/profile.h"

#include <stdlib.h>
#include <string.h>

#include "cli/drill/profile_scripts.h"
#include "cli/drill/profile_words.h"

static const char *const names[PROFILE_COUNT] = {"county-day", "week-offline", "year"};
static const unsigned days[PROFILE_COUNT] = {1, 7, 365};

enum { YEAR_RECORDS = 20000 }; /* of a year unless said otherwise */

const char *profile_name(enum profile_kind kind)
{
    return names[kind];
}

enum profile_kind profile_named(const char *name)
{
    unsigned kind = 0;
    while (kind < PROFILE_COUNT && strcmp(names[kind], name) != 0)
        kind++;
    return (enum profile_kind)kind;
}

/* Kinds of seats by what they do. */
enum role { ROLE_VILLAGE, ROLE_TOWNSHIP, ROLE_DEPARTMENT, ROLE_COUNTY, ROLE_COUNT };

/* Matters of a seat's ordinary day. A village has 5 to 50. */
static const unsigned a_day[ROLE_COUNT] = {16, 60, 20, 160};

static const struct {
    const char *type;
    script_writer *write;
    unsigned weight[ROLE_COUNT]; /* among 1,000 matters of such a seat */
} kinds[] = {
    {"mediation", write_mediation, {210, 40, 0, 0}},
    {"incident", write_incident, {160, 210, 100, 330}},
    {"request", write_request, {340, 260, 0, 0}},
    {"matter", write_matter, {40, 180, 500, 250}},
    {"whistle", write_whistle, {5, 60, 0, 60}},
    {"directive", write_directive, {0, 40, 0, 60}},
    {"service", write_service, {0, 0, 0, 90}},
    {"county_service", write_county_service, {0, 0, 0, 60}},
    {"report", write_report, {60, 90, 350, 100}},
    {"assessment", write_assessment, {25, 0, 0, 0}},
    {"zero_occurrence", write_zero, {2, 4, 5, 5}},
    {"equipment", write_equipment, {120, 90, 0, 0}},
    {"health", write_health, {38, 26, 45, 45}},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

bool around_is_tier(const struct around *around, size_t seat, const char *tier)
{
    return seat != DRILL_NO_SEAT &&
           strcmp(around->drill->tiers[around->drill->seats[seat].tier], tier) == 0;
}

size_t around_one_of(struct around *around, const char *tier)
{
    size_t count = around->drill->seat_count, from = words_draw(&around->state) % count;
    for (size_t i = 0; i < count; i++) {
        size_t seat = (from + i) % count;
        if (seat != around->origin && !around->drill->seats[seat].revoked &&
            around_is_tier(around, seat, tier))
            return seat;
    }
    return DRILL_NO_SEAT;
}

size_t around_child(struct around *around)
{
    size_t count = around->drill->seat_count, from = words_draw(&around->state) % count;
    for (size_t i = 0; i < count; i++) {
        size_t seat = (from + i) % count;
        if (around->drill->seats[seat].parent == around->origin &&
            !around->drill->seats[seat].revoked)
            return seat;
    }
    return DRILL_NO_SEAT;
}

static enum role role_of(const struct drill *drill, size_t seat)
{
    if (seat == 0)
        return ROLE_COUNTY;
    if (strcmp(drill->tiers[drill->seats[seat].tier], "department") == 0)
        return ROLE_DEPARTMENT;
    return drill->seats[seat].child_count > 0 ? ROLE_TOWNSHIP : ROLE_VILLAGE;
}

/* The county's types have a title, or are reports of figures. Anybody else's `incident` may be
 * something else. */
static bool is_known(const struct schema *schema, const char *name)
{
    const struct record_type *type = schema_type_named(schema, span_of_text(name));
    return type != NULL && !type->ended;
}

static bool is_county_schema(const struct schema *schema)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (!is_known(schema, kinds[i].type))
            return false;
    }
    return true;
}

static uint16_t draw_kind(enum role role, uint64_t *state)
{
    unsigned total = 0;
    for (size_t i = 0; i < KINDS; i++)
        total += kinds[i].weight[role];
    unsigned drawn = words_below(state, total);
    uint16_t kind = 0;
    while (drawn >= kinds[kind].weight[role])
        drawn -= kinds[kind++].weight[role];
    return kind;
}

struct matter *profile_plan(const struct profile *profile, const bool *chosen, uint64_t records,
                            size_t *count, struct error *error)
{
    const struct drill *drill = profile->drill;
    uint64_t usual = 0, before = 0, state = profile->seed;
    *count = 0;
    if (!is_county_schema(profile->schema)) {
        error_set(error, ERR_UNKNOWN_TYPE, "--profile", "the drill's types aren't a county's");
        error_next(error, "make it with the shipped types: `terrace drill up` without --types");
        return NULL;
    }
    for (size_t i = 0; i < drill->seat_count; i++)
        usual += chosen[i] ? a_day[role_of(drill, i)] * (uint64_t)days[profile->kind] : 0;
    if (records == 0)
        records = profile->kind == PROFILE_YEAR && usual > YEAR_RECORDS ? YEAR_RECORDS : usual;
    if (usual == 0 || records == 0) {
        error_set(error, ERR_USAGE, "--profile", "no seat has anything to write");
        return NULL;
    }
    struct matter *matters = mem_alloc(records * sizeof *matters);
    for (size_t i = 0; i < drill->seat_count; i++) {
        uint64_t own = chosen[i] ? a_day[role_of(drill, i)] * (uint64_t)days[profile->kind] : 0;
        uint64_t from = records * before / usual, to = records * (before + own) / usual;
        before += own;
        for (uint64_t k = from; k < to; k++) {
            struct matter *matter = &matters[(*count)++];
            matter->origin = (uint32_t)i;
            matter->kind = draw_kind(role_of(drill, i), &state);
            matter->seed = words_draw(&state);
        }
    }
    return matters;
}

void profile_script(const struct profile *profile, const struct matter *matter,
                    struct script *script)
{
    const struct drill *drill = profile->drill;
    struct around around = {.profile = profile,
                            .drill = drill,
                            .state = matter->seed,
                            .origin = matter->origin,
                            .parent = drill->seats[matter->origin].parent,
                            .grandparent = DRILL_NO_SEAT};
    if (around.parent != DRILL_NO_SEAT)
        around.grandparent = drill->seats[around.parent].parent;
    *script = (struct script){.type = kinds[matter->kind].type};
    kinds[matter->kind].write(&around, script);
}

void script_clear(struct script *script)
{
    for (size_t i = 0; i < script->count; i++)
        json_decref(script->acts[i].fields);
    script->count = 0;
}

json_t *profile_receipt(const struct profile *profile, const struct script_act *act,
                        const char *record)
{
    return json_pack("{s:s,s:s,s:I}", "directive", record, "note",
                     profile->drill->seats[act->seat].name, "read", (json_int_t)profile->now_ms);
}
