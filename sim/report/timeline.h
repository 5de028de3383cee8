/* A watcher that notes what a report needs while a scenario is lived through. */
#ifndef TERRACE_SIM_REPORT_TIMELINE_H
#define TERRACE_SIM_REPORT_TIMELINE_H

#include "sim/report/report.h"

struct timeline;

/* The scenario must outlive it. `chained`: somebody else who wants to hear as well; may be NULL.
 * Free with timeline_free. */
struct timeline *timeline_new(const struct scenario *scenario, const struct run_watcher *chained);
void timeline_free(struct timeline *timeline); /* NULL is legal */

/* Of this seat every recovery is kept, however short. NULL: of none. */
void timeline_focus(struct timeline *timeline, const char *seat);

/* To hand to run_scenario; lives as long as the timeline. */
const struct run_watcher *timeline_watcher(struct timeline *timeline);

/* What was seen, once the run has ended. The caller frees it. */
struct run_report *timeline_finish(struct timeline *timeline, const struct run_result *result);

#endif
