/* The story of one record, or of one node, along the timeline of a run: the scenario is lived
 * through again, so a story can be asked for of anything that any report named. */
#ifndef TERRACE_SIM_REPORT_EXPLAIN_H
#define TERRACE_SIM_REPORT_EXPLAIN_H

#include <jansson.h>

#include "sim/run/run.h"

/* One of the three; the others NULL. */
struct explain_request {
    const char *record; /* "17" as findings say, 32 hex digits, or "SEAT:1#2" as nodes' lines say */
    const char *write;  /* "123" as findings say: the record that it made or changed */
    const char *node;   /* a seat's code */
};

/* Lives through the scenario. ERR_OK and *story: {"of": "record" | "node", "name":, "summary":,
 * "lines": [{"at_ms":, "seat":, "text":}]}, and of a record "type", "origin", "circle",
 * "operations": [{"write":, "seat":, "kind":, "written_ms":, "fate":, "fields":, "members":
 * [{"seat":, "had_ms":, "by":, "waited_ms":, "reason":}]}], "state": text; of a node "states",
 * "recoveries", as a report has them. ERR_NOT_FOUND: nothing of that name came up. The caller frees
 * with json_decref. `result` as run_scenario's. */
enum error_code explain_run(const struct scenario *scenario, const struct explain_request *request,
                            const struct run_watcher *chained, struct run_result *result,
                            json_t **story, struct error *error);

#endif
