/* What a plan does to folds: for how many seats each folding seat will state one set of figures,
 * and how many below it, having come from elsewhere, report by themselves. */
#include "cli/print.h"
#include "cli/topology/plan.h"
#include "cli/value.h"

struct folded {
    json_int_t together, alone;
};

static struct folded folded_by(const struct tree *tree, const char *code)
{
    const struct seat *folder = tree_seat(tree, span_of_text(code));
    struct folded folded = {0, 0};
    if (folder == NULL || !tree_seat_folds(tree, folder))
        return folded;
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        if (seat == folder || !seat_is_ancestor_or_self(folder, seat))
            continue;
        if (tree_seat_is_folded(tree, folder, seat))
            folded.together++;
        else
            folded.alone++;
    }
    return folded;
}

static void add_folder(json_t *folds, const struct tree *before, const struct tree *after,
                       const char *seat)
{
    struct folded now = folded_by(before, seat), then = folded_by(after, seat);
    if (now.together != then.together || now.alone != then.alone)
        json_array_append_new(folds,
                              json_pack("{s:s,s:I,s:I,s:I}", "seat", seat, "before", now.together,
                                        "after", then.together, "alone", then.alone));
}

json_t *plan_folds(const struct tree *before, const struct tree *after)
{
    json_t *folds = json_array();
    for (size_t i = 0; i < tree_seat_count(after); i++) {
        const struct seat *seat = tree_seat_at(after, i);
        const struct seat *old = tree_seat(before, span_of_text(seat->row.seat));
        if (tree_seat_folds(after, seat) || (old != NULL && tree_seat_folds(before, old)))
            add_folder(folds, before, after, seat->row.seat);
    }
    return folds;
}

void plan_tell_folds(const json_t *folds)
{
    size_t i = 0;
    json_t *line = NULL;
    json_array_foreach(folds, i, line)
    {
        printf("folds: %s states one set of figures for %llu seats below it, %llu until now",
               json_text(line, "seat"), (unsigned long long)json_number(line, "after"),
               (unsigned long long)json_number(line, "before"));
        if (json_number(line, "alone") > 0)
            printf("; %llu that came from elsewhere report by themselves",
                   (unsigned long long)json_number(line, "alone"));
        printf("\n");
    }
}
