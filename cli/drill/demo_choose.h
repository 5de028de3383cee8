/* Which nodes a demonstration cuts and kills: chosen by the shape of the tree, so that any will do.
 */
#ifndef TERRACE_CLI_DRILL_DEMO_CHOOSE_H
#define TERRACE_CLI_DRILL_DEMO_CHOOSE_H

#include "cli/drill/drill.h"

struct demo_choice {
    bool *
        cut; /* flags a seat: one with children right above the leaves, and five leaves elsewhere */
    bool *kill; /* two others with children, and the root */
    size_t cut_count, kill_count;
};

/* Where the tree is too small for all, fewer are chosen, or leaves in place of those with
 * children. Nothing is both cut and killed. */
void demo_choose(const struct drill *drill, struct demo_choice *choice);
void demo_choice_free(struct demo_choice *choice);

#endif
