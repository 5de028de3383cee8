/* The report as one HTML file that needs nothing else: style, script, charts and data are in it. */
#ifndef TERRACE_SIM_REPORT_PAGE_H
#define TERRACE_SIM_REPORT_PAGE_H

#include "sim/report/report_json.h"

/* Appends the page. It opens in the language given and can be switched. */
void report_page(const struct run_report *report, const struct report_frame *frame,
                 enum report_language language, struct buffer *html);

#endif
