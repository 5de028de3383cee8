/* The parts of a page as embed.sh packs them into the program: compressed with zstd. `size` is
 * what is packed, `length` what comes out. Chart.js comes from Debian's libjs-chart.js, whole and
 * unchanged, with the line that names its licence (MIT). */
#ifndef TERRACE_SIM_REPORT_PAGE_FILES_H
#define TERRACE_SIM_REPORT_PAGE_FILES_H

#include <stddef.h>

#define PAGE_FILE(name)                                                                            \
    extern const unsigned char page_##name[];                                                      \
    extern const size_t page_##name##_size, page_##name##_length;
PAGE_FILE(html)
PAGE_FILE(css)
PAGE_FILE(js)
PAGE_FILE(chart)
#undef PAGE_FILE

#endif
