/* Which own streams an entry goes into, so that every member of its circle gets it (rules.md 2).
 *
 * A clear stream follows the tree's path to a member while the whole path lies inside the circle;
 * of paths that lie in one another only the longest is needed. Any other member gets a stream of
 * its own along the path, sealed to it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"

/* A path from our seat, ours first. */
struct way {
    const struct seat *seats[HOLDERS_MAX];
    size_t count;
};

static bool on_way(const struct way *way, const struct seat *seat)
{
    for (size_t i = 0; i < way->count; i++) {
        if (way->seats[i] == seat)
            return true;
    }
    return false;
}

/* The tree's path to a member; `clear`: all of it lies inside the circle. */
static bool find_way(struct step *step, const struct circle *circle, const char *name,
                     struct way *way, bool *clear)
{
    const struct seat *own = own_seat(step->replica);
    const struct seat *end = tree_seat(step->replica->tree, span_of_text(name));
    *clear = true;
    if (own == NULL || end == NULL)
        return false;
    way->count = seat_path_between(own, end, way->seats);
    for (size_t i = 1; i < way->count; i++)
        *clear = *clear && (circle_has(circle, way->seats[i]->row.seat) || PLANTED(SEAL_LEFT_OUT));
    return way->count > 1;
}

static void add_way(struct audiences *audiences, const struct circle *circle, const struct way *way,
                    bool clear)
{
    struct audience *audience = &audiences->list[audiences->count++];
    *audience = (struct audience){.class = circle->class, .holders = HOLDERS_PATH};
    for (size_t i = 0; i < way->count; i++)
        audience->seats[audience->seat_count++] = way->seats[i]->row.seat;
    if (!clear)
        audience->sealed_to = audience->seats[audience->seat_count - 1];
}

static bool can_be_sealed_to(struct step *step, const char *name)
{
    const uint8_t(*keys)[KEY_BYTES];
    return seal_readers(step->replica, name, &keys) > 0;
}

/* Ways that no other one contains, in the order of the members. */
static void add_longest(struct audiences *audiences, const struct circle *circle,
                        const struct way *ways, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct seat *end = ways[i].seats[ways[i].count - 1];
        bool contained = false;
        for (size_t k = 0; k < count && !contained; k++)
            contained = k != i && on_way(&ways[k], end) &&
                        (ways[k].count > ways[i].count || k < i); /* of two alike the first */
        if (!contained)
            add_way(audiences, circle, &ways[i], true);
    }
}

void circle_others(struct step *step, const struct circle *circle, struct seat_names *names)
{
    names->names = mem_alloc((circle->count + 1) * sizeof *names->names);
    names->count = 0;
    for (size_t i = 0; i < circle->count; i++) {
        if (strcmp(circle->seats[i], step->replica->options.seat) != 0)
            names->names[names->count++] = circle->seats[i];
    }
}

void audiences_free(struct audiences *audiences)
{
    free(audiences->list);
    free(audiences->unreached);
    *audiences = (struct audiences){0};
}

void audience_alone(struct step *step, const struct record_type *type, struct audience *audience)
{
    const struct seat *own = own_seat(step->replica);
    *audience = (struct audience){.class = (uint8_t)type->class, .holders = HOLDERS_SELF};
    if (!type->sealed_backup || own == NULL || own->parent == NULL ||
        !can_be_sealed_to(step, own->row.seat))
        return;
    audience->holders = HOLDERS_PATH;
    audience->seats[audience->seat_count++] = own->row.seat;
    audience->seats[audience->seat_count++] = own->parent->row.seat;
    audience->sealed_to = PLANTED(BACKUP_CLEAR) ? NULL : own->row.seat;
}

void audiences_find(struct step *step, const struct circle *circle, const struct seat_names *to,
                    struct audiences *audiences)
{
    *audiences = (struct audiences){
        .list = mem_alloc((to->count + 1) * sizeof *audiences->list),
        .unreached = mem_alloc((to->count + 1) * sizeof *audiences->unreached),
    };
    if (circle->holders == HOLDERS_SUBTREE || to->count == 0) {
        bool below = circle->holders == HOLDERS_SUBTREE;
        audiences->list[audiences->count++] = (struct audience){
            .class = circle->class,
            .holders = below ? HOLDERS_SUBTREE : HOLDERS_SELF,
            .tier = circle->tier,
        };
        return;
    }
    struct way *ways = mem_alloc(to->count * sizeof *ways);
    size_t count = 0;
    for (size_t i = 0; i < to->count; i++) {
        bool clear;
        bool known = find_way(step, circle, to->names[i], &ways[count], &clear);
        if (known && clear)
            count++;
        else if (known && can_be_sealed_to(step, to->names[i]))
            add_way(audiences, circle, &ways[count], false);
        else
            audiences->unreached[audiences->unreached_count++] = to->names[i];
    }
    add_longest(audiences, circle, ways, count);
    free(ways);
    assert(audiences->count <= to->count);
}
