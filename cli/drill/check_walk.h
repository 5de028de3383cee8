/* Walking the stores of a drill, blocks opened and verified, beside the daemons that serve them. */
#ifndef TERRACE_CLI_DRILL_CHECK_WALK_H
#define TERRACE_CLI_DRILL_CHECK_WALK_H

#include <jansson.h>

#include "cli/drill/check_table.h"

enum { FINDINGS_NAMED_MAX = 50 }; /* all are counted, so many are told */

struct check_findings {
    json_t *sums;       /* {"type tier state": [by the bookkeeping, by the stores]} */
    json_t *named;      /* [{"kind":, "id":, "type":, "origin":, "at":, "where":, "why":} ...] */
    uint64_t leaked;    /* a record at a seat outside its circle */
    uint64_t damaged;   /* rows and blocks that can't be read or don't verify */
    uint64_t set_aside; /* quarantined rows, but for those of keys that were cut off */
    uint64_t behind_cut_off; /* quarantined rows of such keys */
    uint64_t pending;        /* rows that wait until a document lists their author again */
    uint64_t parked;         /* rows that wait for something */
    uint64_t lacking;        /* (acknowledged record, holder) pairs where it is missing */
    uint64_t entries, states, index_rows; /* looked at */
    uint64_t stores;
    bool settled; /* nobody was behind when the walk began: what is not equal now never will be */
};
void check_findings_init(struct check_findings *findings);
void check_findings_free(struct check_findings *findings);

/* Walk every store once. Errors are those of the walk itself (a store that can't be opened). */
enum error_code check_walk(struct check_table *table, struct check_findings *findings, bool quiet,
                           struct error *error);

/* Name where these records are missing, in a tree that has changed; `shape` as check_is_complete
 * gives it. */
void check_name_lacking(struct check_table *table, struct check_findings *findings,
                        struct check_record *record, size_t shape);
/* Name a record that the seat's move hasn't brought to this one. */
void check_name_left_behind(struct check_table *table, struct check_findings *findings,
                            struct check_record *record, size_t seat);
/* Name a record whose key was cut off and that counts all the same. */
void check_name_cut(struct check_table *table, struct check_findings *findings,
                    struct check_record *record, size_t seat);

#endif
