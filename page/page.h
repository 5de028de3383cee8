/* Pages for people: one HTML file that needs nothing else, since style, scripts, charts and data
 * are in it, so that it opens from a stick. A page's own template and script are packed into the
 * program by embed.sh; what every page has in common stands here.
 *
 * In a template @MARK@ stands for what the page's filler appends; marks are filled from left to
 * right, so nothing that is filled in is looked at again. */
#ifndef TERRACE_PAGE_PAGE_H
#define TERRACE_PAGE_PAGE_H

#include <jansson.h>

#include "base/span.h"

/* A file as embed.sh packed it: `size` bytes of zstd, `length` when unpacked. */
struct page_file {
    const unsigned char *packed;
    size_t size, length;
};

/* Chart.js is Debian's libjs-chart.js, whole and unchanged, with the line that names its licence
 * (MIT). pieces.js: words, tables, charts and the switch of languages, for the page's own script.
 */
extern const struct page_file page_css, page_pieces, page_chart;

/* A mark of a page's own, and the text that stands for it. */
struct page_text {
    const char *mark, *text;
};

/* Appends the page. Beside its texts a template knows CSS, CHART and PIECES, JS (the page's own
 * script) and DATA (what the script draws). A mark that nobody knows is a mistake of the program.
 */
void page_fill(const struct page_file *template, const struct page_file *script, const json_t *data,
               const struct page_text *texts, size_t count, struct buffer *html);

#endif
