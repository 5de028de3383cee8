/* Errors from one list, and texts that are safe to show whatever was put into them:
 * cut at a whole character, valid UTF-8, no control characters but line breaks and tabs. */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/msgpack.h"

struct error_words {
    const char *name, *sentence, *chinese;
    enum exit_status status;
};

static const struct error_words words[ERR_COUNT] = {
#define X(code, text, sentence_, chinese_, status_)                                                \
    [ERR_##code] = {text, sentence_, chinese_, status_},
    ERROR_LIST(X)
#undef X
};

static const struct error_words *words_of(enum error_code code)
{
    return &words[(unsigned)code < ERR_COUNT ? code : ERR_INTERNAL];
}

const char *error_name(enum error_code code)
{
    return words_of(code)->name;
}

const char *error_sentence(enum error_code code)
{
    return words_of(code)->sentence;
}

const char *error_sentence_chinese(enum error_code code)
{
    return words_of(code)->chinese;
}

enum exit_status error_exit_status(enum error_code code)
{
    return words_of(code)->status;
}

enum error_code error_by_name(struct span name)
{
    for (unsigned i = 0; i < ERR_COUNT; i++)
        if (span_equal(name, span_of_text(words[i].name)))
            return (enum error_code)i;
    return ERR_INTERNAL;
}

/* The beginning of a character and then the end of the text: what a cut leaves behind. */
static bool is_cut_off(struct span text, size_t at)
{
    uint8_t first = text.data[at];
    if (first < 0xc2 || first > 0xf4)
        return false;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    for (size_t i = at + 1; i < text.size; i++)
        if ((text.data[i] & 0xc0) != 0x80)
            return false;
    return text.size - at < length;
}

static bool is_shown(uint32_t code)
{
    if (code == '\n' || code == '\t')
        return true;
    return code >= 0x20 && (code < 0x7f || code > 0x9f);
}

/* In place: what can't be shown becomes '?', and the text only gets shorter. */
static void make_showable(char *text)
{
    struct span bytes = span_of_text(text);
    size_t to = 0;
    for (size_t at = 0; at < bytes.size;) {
        uint32_t code = 0;
        size_t length = utf8_character(bytes, at, &code);
        if (length > 0 && is_shown(code)) {
            memmove(text + to, text + at, length);
            to += length;
        } else if (length == 0 && is_cut_off(bytes, at)) {
            break;
        } else {
            text[to++] = '?';
        }
        at += length > 0 ? length : 1;
    }
    text[to] = 0;
}

static void __attribute__((format(printf, 3, 0)))
format_text(char *to, size_t size, const char *format, va_list values)
{
    if (vsnprintf(to, size, format, values) < 0)
        to[0] = 0;
    make_showable(to);
}

void error_clear(struct error *error)
{
    *error = (struct error){0};
}

enum error_code error_set(struct error *error, enum error_code code, const char *what,
                          const char *why, ...)
{
    assert((unsigned)code < ERR_COUNT);
    if (error == NULL)
        return code;
    struct error fresh = {.code = code}; /* the texts given may be those of *error */
    snprintf(fresh.what, sizeof fresh.what, "%s", what == NULL ? "" : what);
    make_showable(fresh.what);
    if (why != NULL) {
        va_list values;
        va_start(values, why);
        format_text(fresh.why, sizeof fresh.why, why, values);
        va_end(values);
    }
    *error = fresh;
    return code;
}

void error_next(struct error *error, const char *next, ...)
{
    if (error == NULL)
        return;
    char fresh[sizeof error->next];
    va_list values;
    va_start(values, next);
    format_text(fresh, sizeof fresh, next, values);
    va_end(values);
    memcpy(error->next, fresh, sizeof fresh);
}

void error_at(struct error *error, unsigned line, unsigned column)
{
    if (error == NULL)
        return;
    error->line = line;
    error->column = column;
}
