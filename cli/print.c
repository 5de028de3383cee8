/* Errors, JSON lines, texts, times and progress. Tables stand in table.c. */
#include "cli/print.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/msgpack.h"

enum {
    PROGRESS_BAR_COLUMNS = 30,
    PROGRESS_BAR_MS = 100,   /* a terminal needs no more */
    PROGRESS_LINE_MS = 5000, /* a log file even less */
};

void print_start(void)
{
    /* Kept for the whole run. Without it wcwidth knows ASCII only and text_width counts one column
     * a character. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8 != (locale_t)0)
        uselocale(utf8);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
}

bool print_chinese(void)
{
    static const char *const names[] = {"TERRACE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

static void print_failure_json(const struct error *error)
{
    json_t *object = json_pack("{s:s,s:s,s:s}", "error", error_name(error->code), "what",
                               error->what, "why", error->why);
    if (error->next[0] != '\0')
        json_object_set_new(object, "next", json_string(error->next));
    if (error->line != 0) {
        json_object_set_new(object, "line", json_integer((json_int_t)error->line));
        json_object_set_new(object, "column", json_integer((json_int_t)error->column));
    }
    print_json(object);
}

void print_failure(const struct error *error, bool json)
{
    char *what = text_shown(span_of_text(error->what), 0);
    char *why = text_shown(span_of_text(error->why), 0);
    char *next = text_shown(span_of_text(error->next), 0);
    fflush(stdout);
    fprintf(stderr, "terrace: %s: %s\n", what, why[0] != '\0' ? why : error_sentence(error->code));
    if (next[0] != '\0')
        fprintf(stderr, "  next: %s\n", next);
    if (print_chinese())
        fprintf(stderr, "  %s\n", error_sentence_chinese(error->code));
    free(next);
    free(why);
    free(what);
    if (json)
        print_failure_json(error);
}

void print_note(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("terrace: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

static size_t character_width(uint32_t code)
{
    int width = wcwidth((wchar_t)code);
    return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *text)
{
    struct span span = span_of_text(text);
    size_t width = 0;
    uint32_t code = 0;
    for (size_t at = 0; at < span.size;) {
        size_t size = utf8_character(span, at, &code);
        width += size == 0 ? 1 : character_width(code);
        at += size == 0 ? 1 : size;
    }
    return width;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069); /* and what turns the direction of writing */
}

/* JSON names what drives a terminal; jansson does so only below 0x20. */
static int put_json(const char *bytes, size_t size, void *context)
{
    struct span text = SPAN(bytes, size);
    size_t plain = 0;
    (void)context;
    for (size_t at = 0; at < size;) {
        uint32_t code = 0;
        size_t length = utf8_character(text, at, &code);
        if (length > 0 && code >= 0x7f && is_control(code)) {
            fwrite(bytes + plain, 1, at - plain, stdout);
            printf("\\u%04X", (unsigned)code);
            plain = at + length;
        }
        at += length == 0 ? 1 : length;
    }
    fwrite(bytes + plain, 1, size - plain, stdout);
    return 0;
}

void print_json_part(const json_t *value)
{
    json_dump_callback(value, put_json, NULL,
                       JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
}

void print_json(json_t *value)
{
    print_json_part(value);
    fputc('\n', stdout);
    json_decref(value);
}

char *text_shown(struct span text, size_t width)
{
    struct buffer out = {0};
    size_t columns = 0;
    uint32_t code = 0;
    for (size_t at = 0; at < text.size;) {
        size_t size = utf8_character(text, at, &code);
        size_t wide = size == 0 || is_control(code) ? 1 : character_width(code);
        if (width != 0 && columns + wide + (at + size < text.size ? 1 : 0) > width) {
            buffer_append(&out, "…", strlen("…"));
            break;
        }
        if (size == 0 || is_control(code))
            buffer_append_byte(&out, ' ');
        else
            buffer_append(&out, text.data + at, size);
        columns += wide;
        at += size == 0 ? 1 : size;
    }
    buffer_append_byte(&out, 0);
    return (char *)out.data;
}

void time_text(uint64_t clock_ms, char text[static 32])
{
    time_t seconds = (time_t)(clock_ms / 1000);
    struct tm parts;
    if (clock_ms == 0 || localtime_r(&seconds, &parts) == NULL) {
        snprintf(text, 32, "never");
        return;
    }
    strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts);
}

void duration_text(uint64_t duration_ms, char text[static 32])
{
    unsigned long long seconds = duration_ms / 1000;
    if (seconds < 120)
        snprintf(text, 32, "%llu s", seconds);
    else if (seconds < 2 * 3600)
        snprintf(text, 32, "%llu min", seconds / 60);
    else if (seconds < 2 * 86400)
        snprintf(text, 32, "%llu h", seconds / 3600);
    else
        snprintf(text, 32, "%llu d", seconds / 86400);
}

void bytes_text(uint64_t bytes, char text[static 32])
{
    if (bytes < 10ULL << 10)
        snprintf(text, 32, "%llu B", (unsigned long long)bytes);
    else if (bytes < 1ULL << 20)
        snprintf(text, 32, "%.0f KiB", (double)bytes / 1024);
    else
        snprintf(text, 32, "%.1f MiB", (double)bytes / (1024 * 1024));
}

uint64_t wall_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t tick_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress, const char *label, uint64_t total, bool quiet)
{
    *progress = (struct progress){.label = label,
                                  .total = total,
                                  .shown_ms = tick_now_ms(),
                                  .terminal = isatty(STDERR_FILENO) == 1,
                                  .quiet = quiet};
}

static void draw_bar(const struct progress *progress, uint64_t done)
{
    if (progress->total == 0) { /* nobody knows how many there will be */
        fprintf(stderr, "\r\033[K%s: %llu", progress->label, (unsigned long long)done);
        fflush(stderr);
        return;
    }
    uint64_t filled = done * PROGRESS_BAR_COLUMNS / progress->total;
    fprintf(stderr, "\r%s [", progress->label);
    for (uint64_t i = 0; i < PROGRESS_BAR_COLUMNS; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %llu of %llu", (unsigned long long)done,
            (unsigned long long)progress->total);
    fflush(stderr);
}

void progress_update(struct progress *progress, uint64_t done)
{
    uint64_t now_ms = tick_now_ms();
    uint64_t wait_ms = progress->terminal ? PROGRESS_BAR_MS : PROGRESS_LINE_MS;
    if (progress->quiet || now_ms - progress->shown_ms < wait_ms)
        return;
    progress->shown_ms = now_ms;
    progress->drawn = true;
    if (progress->terminal)
        draw_bar(progress, done);
    else if (progress->total == 0)
        print_note("%s: %llu", progress->label, (unsigned long long)done);
    else
        print_note("%s: %llu of %llu", progress->label, (unsigned long long)done,
                   (unsigned long long)progress->total);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn && progress->terminal)
        fprintf(stderr, "\r\033[K");
    progress->drawn = false;
}
