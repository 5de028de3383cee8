/* The page's parts are unpacked and its marks, as in @TITLE@, are filled in from left to right: so
 * nothing that is filled in is looked at again. */
#include "sim/report/page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "sim/report/page_files.h"

enum { MARK_BYTES_MAX = 24 };

static struct span unpack(const unsigned char *packed, size_t size, size_t length)
{
    uint8_t *bytes = mem_alloc(length);
    size_t got = ZSTD_decompress(bytes, length, packed, size);
    assert(got == length);
    (void)got;
    return SPAN(bytes, length);
}

static void append_text(struct buffer *html, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *escaped = *text == '&'   ? "&amp;"
                              : *text == '<' ? "&lt;"
                              : *text == '>' ? "&gt;"
                              : *text == '"' ? "&quot;"
                                             : NULL;
        if (escaped != NULL)
            buffer_append_span(html, span_of_text(escaped));
        else
            buffer_append_byte(html, (uint8_t)*text);
    }
}

/* Inside a script element only "<" can end it: JSON has another way to write that. */
static void append_data(struct buffer *html, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<')
            buffer_append_span(html, span_of_text("\\u003c"));
        else
            buffer_append_byte(html, (uint8_t)*at);
    }
    free(text);
}

static void append_unpacked(struct buffer *html, const unsigned char *packed, size_t size,
                            size_t length)
{
    struct span file = unpack(packed, size, length);
    buffer_append_span(html, file);
    free((void *)(uintptr_t)file.data);
}

static void append_verdict(struct buffer *html, json_t *data, const char *language)
{
    append_text(html,
                json_string_value(json_object_get(json_object_get(data, "verdict"), language)));
}

static const char *title_of(const struct report_frame *frame, enum report_language language)
{
    const struct scenario *scenario = frame->scenario;
    if (language == REPORT_CHINESE && scenario->title_zh != NULL)
        return scenario->title_zh;
    return scenario->title != NULL ? scenario->title : scenario->name;
}

static bool is_mark(struct span mark, const char *name)
{
    return span_equal(mark, span_of_text(name));
}

static void fill_text(struct buffer *html, struct span mark, json_t *data,
                      const struct report_frame *frame, enum report_language language)
{
    if (is_mark(mark, "TITLE"))
        append_text(html, title_of(frame, language));
    else if (is_mark(mark, "TITLE_EN"))
        append_text(html, title_of(frame, REPORT_ENGLISH));
    else if (is_mark(mark, "TITLE_ZH"))
        append_text(html, title_of(frame, REPORT_CHINESE));
    else if (is_mark(mark, "BECAUSE"))
        append_text(html, frame->scenario->because != NULL ? frame->scenario->because : "");
    else if (is_mark(mark, "LANGUAGE"))
        append_text(html, language == REPORT_CHINESE ? "zh" : "en");
    else if (is_mark(mark, "OUTCOME"))
        append_text(html, json_string_value(json_object_get(data, "outcome")));
    else if (is_mark(mark, "VERDICT_EN"))
        append_verdict(html, data, "en");
    else if (is_mark(mark, "VERDICT_ZH"))
        append_verdict(html, data, "zh");
    else
        assert(false);
}

static void fill(struct buffer *html, struct span mark, json_t *data,
                 const struct report_frame *frame, enum report_language language)
{
    if (is_mark(mark, "CSS"))
        append_unpacked(html, page_css, page_css_size, page_css_length);
    else if (is_mark(mark, "CHART"))
        append_unpacked(html, page_chart, page_chart_size, page_chart_length);
    else if (is_mark(mark, "JS"))
        append_unpacked(html, page_js, page_js_size, page_js_length);
    else if (is_mark(mark, "DATA"))
        append_data(html, data);
    else
        fill_text(html, mark, data, frame, language);
}

void report_page(const struct run_report *report, const struct report_frame *frame,
                 enum report_language language, struct buffer *html)
{
    struct span page = unpack(page_html, page_html_size, page_html_length);
    json_t *data = report_json(report, frame);
    const uint8_t *at = page.data, *end = page.data + page.size;
    while (at < end) {
        const uint8_t *mark = memchr(at, '@', (size_t)(end - at));
        const uint8_t *stop = mark == NULL ? NULL : memchr(mark + 1, '@', (size_t)(end - mark - 1));
        buffer_append(html, at, (size_t)((mark == NULL ? end : mark) - at));
        if (mark == NULL)
            break;
        assert(stop != NULL && stop - mark < MARK_BYTES_MAX);
        fill(html, SPAN(mark + 1, (size_t)(stop - mark - 1)), data, frame, language);
        at = stop + 1;
    }
    json_decref(data);
    free((void *)(uintptr_t)page.data);
}
