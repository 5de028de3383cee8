/* Lines up to a bound, counts without one. */
#include "sim/check/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *meaning;
} kinds[FINDING_COUNT] = {
#define X(name, text) {#name, text},
    FINDING_LIST(X)
#undef X
};

const char *finding_name(enum finding finding)
{
    return kinds[finding].name;
}

const char *finding_meaning(enum finding finding)
{
    return kinds[finding].meaning;
}

void findings_clear(struct findings *findings)
{
    buffer_free(&findings->text);
    memset(findings, 0, sizeof *findings);
}

void findings_add(struct findings *findings, enum finding kind, const char *format, ...)
{
    char line[512];
    va_list arguments;
    findings->counts[kind]++;
    findings->count++;
    if (findings->text.size >= FINDINGS_TEXT_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_append_span(&findings->text, span_of_text(kinds[kind].name));
    buffer_append_span(&findings->text, span_of_text(": "));
    buffer_append_span(&findings->text, span_of_text(line));
    buffer_append_byte(&findings->text, '\n');
}
