/* The row of a types document that says one type (formats.md 2): shared by compile.c, which
 * writes it, and schema.c, which reads it. Its numbers are permanent. */
#ifndef TERRACE_SCHEMA_TYPE_ROW_H
#define TERRACE_SCHEMA_TYPE_ROW_H

#include "schema/schema.h"

enum {
    TYPE_ROW_NUMBER = 1,
    TYPE_ROW_NAME = 2,
    TYPE_ROW_CLASS = 3,
    TYPE_ROW_CIRCLE = 4,
    TYPE_ROW_FIELDS = 5,  /* [[number, name, kind, flags, options] ...] ascending by number */
    TYPE_ROW_ROLLUPS = 7, /* [number ...] ascending */
    TYPE_ROW_CLOSED = 8,  /* [field], a boolean, or [field, value] of an enum or a text */
};

enum { FIELD_FLAG_REQUIRED = 1 };

enum {
    FIELD_OPTION_LENGTH = 1,
    FIELD_OPTION_MIN = 2,
    FIELD_OPTION_MAX = 3,
    FIELD_OPTION_CHOICES = 4,
};

enum {
    FIELD_NUMBER_MAX = 1023, /* a key of a fields map */
    CHOICES_MAX = 256,       /* more is a table of its own, not a choice */
    CHOICE_BYTES_MAX = 64,   /* a word, not a sentence */
};

/* A time is below this, as a clock is; before 1970 as far back. */
#define TIME_MS_BOUND ((int64_t)1 << 48)

_Static_assert(CLASS_URGENT == 0 && CLASS_NORMAL == 1 && CLASS_BULK == 2, "as rows have it");
_Static_assert(CIRCLE_ORIGIN == 0 && CIRCLE_PATH == 1 && CIRCLE_SUBTREE == 2 &&
                   CIRCLE_ADDRESSED == 3,
               "as rows have it");
_Static_assert(FIELD_TEXT == 0 && FIELD_INTEGER == 1 && FIELD_BOOLEAN == 2 && FIELD_TIME == 3 &&
                   FIELD_ENUM == 4 && FIELD_LIST == 5 && FIELD_COUNTER == 6,
               "as rows have it");

/* Names of types and fields are typed on command lines as NAME=VALUE: 1..64 bytes; letters of
 * any script, digits, '-' and '_', which can't be the first (that is the system's). */
bool schema_name_good(struct span name);
/* A copy of the bytes as a C string; the caller frees. */
char *text_of_span(struct span text);
/* Free what the type owns, not the type itself. */
void record_type_clear(struct record_type *type);
bool field_has_length(enum field_kind kind); /* text and list items */

#endif
