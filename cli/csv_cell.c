/* One cell of a CSV file. */
#include "cli/csv_cell.h"

#include <stdio.h>
#include <string.h>

static bool needs_quotes(struct span text)
{
    if (text.size == 0)
        return false;
    uint8_t first = text.data[0], last = text.data[text.size - 1];
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(",\"\r\n\t", text.data[i]) != NULL)
            return true;
    }
    return first == ' ' || last == ' ';
}

void csv_put_cell(struct span text, bool guard)
{
    bool quoted = needs_quotes(text);
    if (quoted)
        putchar('"');
    if (guard && csv_needs_guard(text))
        putchar(CSV_GUARD);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            putchar('"');
        putchar(text.data[i]);
    }
    if (quoted)
        putchar('"');
}
