/* terrace topology plan: what its two halves share: trying, and telling what would come of it. */
#ifndef TERRACE_CLI_TOPOLOGY_PLAN_H
#define TERRACE_CLI_TOPOLOGY_PLAN_H

#include <jansson.h>

#include "cli/topology/change.h"

struct planning {
    struct change change;
    struct tree *after;
    uint64_t rate_kbit, entries;
    double hours;                           /* of the link that takes longest */
    json_t *nodes, *links, *totals, *final; /* owned */
    json_t *records;                        /* owned: seat -> records that it is the origin of */
};

/* Whether there is anything to try: a draft or one of the options. */
bool plan_is_told(const struct arguments *arguments);
/* Offer the drafts that are named, then what the options say, to the copy `after`: first what is
 * new, then moves, merges, and who is retired. ERR_USAGE, ERR_NOT_FOUND, or what the tree would
 * say. */
enum error_code plan_offer_drafts(struct planning *planning, struct error *error);
enum error_code plan_try(struct planning *planning, struct error *error);

/* Owned: [{"seat":, "before": n, "after": n, "alone": n} ...] of the folds that come out another
 * way: how many seats stand in each, and how many below it don't then. */
json_t *plan_folds(const struct tree *before, const struct tree *after);
void plan_tell_folds(const json_t *folds);

#endif
