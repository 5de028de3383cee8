/* The morning page: what a node knows of its subtree, gathered from its API and its documents, and
 * told as a page, as text or as JSON. Everything that it says is of one moment and of one period;
 * what is missing is said beside what is there. */
#ifndef TERRACE_CLI_REPORT_REPORT_H
#define TERRACE_CLI_REPORT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/record.h"
#include "node/sql/formula.h"
#include "topology/tree.h"

/* A year, a quarter, a month or a day of local time, and the one before it. */
enum {
    PERIOD_BYTES = 16,
    PERIOD_RANGE_BYTES = 40,
    TREND_DAYS = 30, /* behind a page of one day */
    TREND_MONTHS = 12,
    TREND_YEARS = 5,
};
struct report_period {
    char name[PERIOD_BYTES]; /* "2026", "2026-Q4", "2026-11", "2026-11-22" */
    char former[PERIOD_BYTES];
    char range[PERIOD_RANGE_BYTES]; /* as roll-ups are asked: "2026-10..2026-12" of a quarter */
    uint64_t from_ms, until_ms;     /* until: the first moment behind it */
    uint64_t shown_ms;              /* its last moment, or now_ms while it lasts */
    const char *each;               /* what its trend counts by: "month" of a year, else "day" */
};
/* ERR_USAGE when `text` is none. NULL: the month of now_ms. */
enum error_code report_period_parse(const char *text, uint64_t now_ms, struct report_period *period,
                                    struct error *error);
/* The year, quarter or month (`unit`) in which a period lies; the period itself, when it is as long
 * or longer, or `unit` is none of these. */
void report_period_widen(const struct report_period *period, const char *unit,
                         char name[static PERIOD_BYTES]);
/* What a trend up to the end of a period shows of a roll-up that counts `by` day, month or year:
 * the range to ask for, and by what to split it. While the period lasts it ends with today where
 * the clock is `offset` minutes ahead of UTC. False: it counts by nothing. */
bool report_period_trend(const struct report_period *period, const char *by, int offset,
                         char range[static PERIOD_RANGE_BYTES], const char **each);

enum {
    REPORT_FORMAT = 1,
    REPORT_ROWS_MAX = 200,     /* of a list on the page; what is left out is counted */
    REPORT_LISTED_MAX = 20000, /* looked at for a count; more: "and more" */
};

/* One report being gathered. */
struct gathering {
    const struct arguments *arguments;
    const struct tree *tree;
    const struct seat *self;
    const struct schema *schema; /* NULL: no types are here yet */
    struct report_period period;
    json_t *report;
    json_t *declared; /* roll-ups by name, as the node lists them */
    json_t *asked;    /* answers by "name range" */
    json_t *entered;  /* what seats reported by hand */
    json_t *exchange; /* a data value set of DHIS2, */
    json_t *left_out; /* and what isn't in it; owned, NULL: not asked for */
};

/* Each adds its keys to the report (docs/report.md), or leaves ERR_* with `error`. */
enum error_code gather_completeness(struct gathering *gathering, struct error *error);
/* The branches to which no link is up at this moment, by the node's status. */
void gather_away(struct gathering *gathering, const json_t *status);
enum error_code gather_lists(struct gathering *gathering, struct error *error);
enum error_code gather_rollups(struct gathering *gathering, struct error *error);
enum error_code gather_indicators(struct gathering *gathering, struct error *error);
enum error_code gather_figures(struct gathering *gathering, struct error *error);
/* After all others: `exchange` and `left_out` (docs/report.md). */
enum error_code gather_exchange(struct gathering *gathering, const char *data_set,
                                struct error *error);
/* The branch of this node's tree that a seat stands in: an index of the report's `branches`; -1: it
 * is this node's own seat or stands elsewhere. */
int gather_branch(const struct gathering *gathering, const char *seat);
/* Of a group's key "A (folded)" the seat that states those figures; empty: it is an origin's own.
 */
struct span gather_folder(const char *key);
/* The answer of a roll-up for a period, by origin; asked for once. Kept by the gathering; NULL: no
 * type declares it, or ERR_* with `error`. */
const json_t *gather_rollup(struct gathering *gathering, const char *name,
                            const struct report_period *period, struct error *error);
/* What it comes to, in one branch or (-1) altogether. */
struct fraction gather_value(const struct gathering *gathering, const json_t *answer, int branch);
/* A figure of a seat's own and of its fold together, a new reference; NULL: they can't be put
 * together. */
json_t *gather_with_fold(const json_t *answer, const char *seat);
/* Rounded to so many decimal places, times 10^scale; null: there is no value. */
json_t *gather_number(struct fraction value, uint8_t scale);
/* Adds to a number of an object. */
void gather_add(json_t *object, const char *key, json_int_t amount);
/* {"en":, "zh":}; what a schema has no label for is called by its name. */
json_t *gather_label(const struct type_labels *labels, const char *name);

/* Adds `verdict`. */
void county_report_verdict(json_t *report);

void county_report_text(const json_t *report, bool chinese, FILE *to);
void county_report_html(const json_t *report, bool chinese, struct buffer *html);

#endif
