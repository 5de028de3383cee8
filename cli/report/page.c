/* The morning page as HTML: page/page.h, with what stands in it before its script has drawn. */
#include "page/page.h"

#include "cli/report/report.h"

extern const struct page_file page_report_html, page_report_script;

void county_report_html(const json_t *report, bool chinese, struct buffer *html)
{
    const json_t *verdict = json_object_get(report, "verdict");
    const struct page_text texts[] = {
        {"LANGUAGE", chinese ? "zh" : "en"},
        {"NAME", json_text(report, "name")},
        {"PERIOD", json_text(json_object_get(report, "period"), "name")},
        {"LEVEL", json_text(verdict, "level")},
        {"VERDICT_EN", json_text(verdict, "en")},
        {"VERDICT_ZH", json_text(verdict, "zh")},
    };
    page_fill(&page_report_html, &page_report_script, report, texts, sizeof texts / sizeof *texts,
              html);
}
