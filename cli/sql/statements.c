/* Where one statement ends and the next begins, as far as that needs no grammar: texts, quoted
 * names and comments are passed over. */
#include <string.h>

#include "cli/sql/sql.h"

/* Behind what begins at `at`, if that is a text, a quoted name or a comment; `at`: it is neither.
 * SIZE_MAX: it doesn't end. */
static size_t behind_quoted(struct span text, size_t at)
{
    const char *from = (const char *)text.data + at, *end = NULL;
    size_t left = text.size - at;
    char first = from[0];
    if (left >= 2 && from[0] == '-' && from[1] == '-') {
        end = memchr(from, '\n', left);
        return end == NULL ? SIZE_MAX : at + (size_t)(end - from) + 1;
    }
    if (left >= 2 && from[0] == '/' && from[1] == '*') {
        end = memmem(from + 2, left - 2, "*/", 2);
        return end == NULL ? SIZE_MAX : at + (size_t)(end - from) + 2;
    }
    if (strchr("'\"`[", first) == NULL || first == '\0')
        return at;
    end = memchr(from + 1, first == '[' ? ']' : first, left - 1);
    return end == NULL ? SIZE_MAX : at + (size_t)(end - from) + 1;
}

size_t sql_statement_size(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t behind = behind_quoted(text, at);
        if (behind == SIZE_MAX)
            return 0;
        if (behind == at && text.data[at] == ';')
            return at + 1;
        at = behind == at ? at + 1 : behind;
    }
    return 0;
}

bool sql_is_blank(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        bool comment = text.data[at] == '-' || text.data[at] == '/';
        size_t behind = comment ? behind_quoted(text, at) : at;
        if (behind == at && strchr(" \t\r\n;", text.data[at]) == NULL)
            return false;
        at = behind == SIZE_MAX ? text.size : behind == at ? at + 1 : behind;
    }
    return true;
}
