#include "replication/transitions.h"

#include <stdio.h>
#include <string.h>

uint8_t transition_roles(const struct circle *circle, const struct record_type *type,
                         const struct operation *creation, const struct author *author)
{
    uint8_t roles = 0;
    const char *seat = author->seat->row.seat;
    if (circle_may_write(circle, author->seat))
        roles |= ROLE_MEMBER;
    if (circle->first_count > 0 && strcmp(circle->origin, seat) == 0)
        roles |= ROLE_ORIGIN;
    if (type->circle == CIRCLE_ADDRESSED && circle->first_count > 1 &&
        strcmp(circle->seats[circle->first_count - 1], seat) == 0)
        roles |= ROLE_ADDRESSEE;
    if (creation != NULL && author->rank < creation->rank)
        roles |= ROLE_ABOVE;
    return roles;
}

bool transition_allows(const struct transition *transition, uint8_t rank, uint8_t roles)
{
    for (size_t i = 0; i < transition->who_count; i++) {
        const struct step_who *who = &transition->who[i];
        bool of_tier = who->tier.tier == TIER_ANY || who->tier.tier == rank;
        if (of_tier && (who->roles == 0 || (who->roles & roles) != 0))
            return true;
    }
    return transition->who_count == 0;
}

bool transition_leaves(const struct workflow *workflow, const struct transition *transition,
                       uint8_t state)
{
    return (workflow_leaves(workflow, transition) >> state & 1) != 0;
}

static void add(char *text, size_t size, const char *words)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", words);
}

void transition_from_text(const struct workflow *workflow, const struct transition *transition,
                          char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < transition->from_count; i++) {
        const struct workflow_state *state = workflow_state(workflow, transition->from[i]);
        add(text, size, i == 0 ? "" : i + 1 == transition->from_count ? " or " : ", ");
        add(text, size, state == NULL ? "?" : state->name);
    }
}

static void add_who(const struct step_who *who, char *text, size_t size)
{
    static const char *const roles[] = {"the seat that made it", "the seat that it is addressed to",
                                        "any member", "a seat above the one that made it"};
    bool any = false;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if ((who->roles >> i & 1) == 0)
            continue;
        add(text, size, any ? " or " : "");
        add(text, size, roles[i]);
        any = true;
    }
    add(text, size, any ? "" : "any member");
    if (who->tier.name != NULL) {
        add(text, size, " of tier ");
        add(text, size, who->tier.name);
    }
}

void transition_who_text(const struct transition *transition, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < transition->who_count; i++) {
        add(text, size, i == 0 ? "" : "; ");
        add_who(&transition->who[i], text, size);
    }
    add(text, size, transition->who_count == 0 ? "any member" : "");
}
