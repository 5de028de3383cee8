/* What a scenario has and real processes can't be given, in sentences. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drill/replay_schedule.h"

__attribute__((format(printf, 2, 3))) static void leave_out(struct replay_schedule *schedule,
                                                            const char *format, ...)
{
    char text[200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    schedule->left_out =
        mem_resize(schedule->left_out, (schedule->left_out_count + 1) * sizeof(char *));
    schedule->left_out[schedule->left_out_count++] = mem_text(text);
}

static const char *why_not(enum fault_kind kind)
{
    switch ((int)kind) {
    case FAULT_HALF_OPEN: return "played as a cut, since a real socket has no such state";
    case FAULT_POWER: return "played as SIGKILL: the machine's own disk loses nothing";
    case FAULT_POINT: return "played where a process died of it, and then as SIGKILL";
    case FAULT_LINK: return "left out: real links have the speed of this machine";
    case FAULT_CLONE: return "left out: no second process has the place of a node";
    case FAULT_DISK: return "left out: a real disk doesn't fail to order";
    case FAULT_CLOCK: return "left out: all processes have this machine's clock";
    case FAULT_CONDUCT: return "left out: real nodes are honest";
    case FAULT_INJECT: return "left out: real nodes say nothing bad";
    case FAULT_TYPES: return "left out: all types are there from the beginning";
    case FAULT_POISON: return "played as SIGKILL: real nodes sign what decodes";
    case FAULT_ADMIT:
    case FAULT_REPLACE:
    case FAULT_REVOKE:
    case FAULT_MOVE:
    case FAULT_OVERRULE:
    case FAULT_EMERGENCY: return "left out: real nodes have the whole tree from the beginning";
    default: return NULL;
    }
}

static bool has_profile(const struct link_profile *profile)
{
    static const struct link_profile none;
    return memcmp(profile, &none, sizeof none) != 0;
}

void replay_leave_out(struct replay_schedule *schedule, const struct scenario *scenario)
{
    bool named[FAULT_KINDS] = {false};
    bool lines = has_profile(&scenario->link);
    for (size_t i = 0; i < scenario->link_count; i++)
        lines |= has_profile(&scenario->links[i].profile);
    if (lines)
        leave_out(schedule, "what lines are like: %s", why_not(FAULT_LINK));
    for (size_t i = 0; i < scenario->fault_count; i++) {
        enum fault_kind kind = scenario->faults[i].kind;
        if (!named[kind] && why_not(kind) != NULL)
            leave_out(schedule, "%s: %s", fault_name(kind), why_not(kind));
        named[kind] = true;
    }
}
