#include "page/page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { MARK_BYTES_MAX = 24 };

static struct span unpack(const struct page_file *file)
{
    uint8_t *bytes = mem_alloc(file->length);
    size_t got = ZSTD_decompress(bytes, file->length, file->packed, file->size);
    assert(got == file->length);
    (void)got;
    return SPAN(bytes, file->length);
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
static void append_data(struct buffer *html, const json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);
    assert(text != NULL);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<')
            buffer_append_span(html, span_of_text("\\u003c"));
        else
            buffer_append_byte(html, (uint8_t)*at);
    }
    free(text);
}

static void append_file(struct buffer *html, const struct page_file *file)
{
    struct span bytes = unpack(file);
    buffer_append_span(html, bytes);
    free((void *)(uintptr_t)bytes.data);
}

static bool fill_file(struct span mark, const struct page_file *script, struct buffer *html)
{
    const struct {
        const char *mark;
        const struct page_file *file;
    } files[] = {
        {"CSS", &page_css}, {"CHART", &page_chart}, {"PIECES", &page_pieces}, {"JS", script}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (span_equal(mark, span_of_text(files[i].mark))) {
            append_file(html, files[i].file);
            return true;
        }
    }
    return false;
}

static bool fill_text(struct span mark, const struct page_text *texts, size_t count,
                      struct buffer *html)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(mark, span_of_text(texts[i].mark))) {
            append_text(html, texts[i].text);
            return true;
        }
    }
    return false;
}

void page_fill(const struct page_file *template, const struct page_file *script, const json_t *data,
               const struct page_text *texts, size_t count, struct buffer *html)
{
    struct span page = unpack(template);
    const uint8_t *at = page.data, *end = page.data + page.size;
    while (at < end) {
        const uint8_t *mark = memchr(at, '@', (size_t)(end - at));
        const uint8_t *stop = mark == NULL ? NULL : memchr(mark + 1, '@', (size_t)(end - mark - 1));
        buffer_append(html, at, (size_t)((mark == NULL ? end : mark) - at));
        if (mark == NULL)
            break;
        assert(stop != NULL && stop - mark < MARK_BYTES_MAX);
        struct span name = SPAN(mark + 1, (size_t)(stop - mark - 1));
        if (span_equal(name, span_of_text("DATA"))) {
            append_data(html, data);
        } else {
            bool filled = fill_file(name, script, html) || fill_text(name, texts, count, html);
            assert(filled);
            (void)filled;
        }
        at = stop + 1;
    }
    free((void *)(uintptr_t)page.data);
}
