/* A run's page: page/page.h, with what stands in it before its script has drawn. */
#include "sim/report/page.h"

#include "page/page.h"

extern const struct page_file page_run_html, page_run_script;

static const char *verdict_of(const json_t *data, const char *language)
{
    return json_string_value(json_object_get(json_object_get(data, "verdict"), language));
}

static const char *title_of(const struct report_frame *frame, enum report_language language)
{
    const struct scenario *scenario = frame->scenario;
    if (language == REPORT_CHINESE && scenario->title_zh != NULL)
        return scenario->title_zh;
    return scenario->title != NULL ? scenario->title : scenario->name;
}

void report_page(const struct run_report *report, const struct report_frame *frame,
                 enum report_language language, struct buffer *html)
{
    json_t *data = report_json(report, frame);
    const char *because = frame->scenario->because;
    const struct page_text texts[] = {
        {"TITLE", title_of(frame, language)},
        {"TITLE_EN", title_of(frame, REPORT_ENGLISH)},
        {"TITLE_ZH", title_of(frame, REPORT_CHINESE)},
        {"BECAUSE", because != NULL ? because : ""},
        {"LANGUAGE", language == REPORT_CHINESE ? "zh" : "en"},
        {"OUTCOME", json_string_value(json_object_get(data, "outcome"))},
        {"VERDICT_EN", verdict_of(data, "en")},
        {"VERDICT_ZH", verdict_of(data, "zh")},
    };
    page_fill(&page_run_html, &page_run_script, data, texts, sizeof texts / sizeof *texts, html);
    json_decref(data);
}
