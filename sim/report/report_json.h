/* The report as JSON; its shape stands in docs/reports.md. */
#ifndef TERRACE_SIM_REPORT_JSON_H
#define TERRACE_SIM_REPORT_JSON_H

#include <jansson.h>

#include "sim/report/report.h"

/* What else a reader needs to bring the run back. Texts are UTF-8, borrowed. */
struct report_frame {
    const struct scenario *scenario;
    const struct run_result *result;
    const char *command; /* that brings the run back */
};

/* The caller frees it with json_decref. */
json_t *report_json(const struct run_report *report, const struct report_frame *frame);

#endif
