/* The row of a types document that says one type (formats.md 2): shared by
 * schema/language, which writes it, and load.c, which reads it. Its numbers are permanent. */
#ifndef TERRACE_SCHEMA_TYPE_ROW_H
#define TERRACE_SCHEMA_TYPE_ROW_H

#include "schema/schema.h"

enum {
    TYPE_ROW_NUMBER = 1,
    TYPE_ROW_NAME = 2,
    TYPE_ROW_CLASS = 3,
    TYPE_ROW_CIRCLE = 4,
    TYPE_ROW_FIELDS = 5,       /* [[number, name, kind, flags, options] ...] ascending by number */
    TYPE_ROW_COMPANION_OF = 6, /* with -2 */
    TYPE_ROW_ROLLUPS = 7,      /* [number ...] ascending */
    TYPE_ROW_CLOSED = 8,       /* [field], a boolean, or [field, value] of an enum or a text */
    TYPE_ROW_LABELS = 9,       /* [[language, text, help or nil] ...] */
    TYPE_ROW_RETENTION = 10,   /* days */
    TYPE_ROW_INDEXES = 11,     /* [[field ...] ...] */
    TYPE_ROW_FORMER = 12,      /* [[last version, row of that time bin] ...] the newest first */
    TYPE_ROW_BACKUP = 13,      /* 1: sealed */
    TYPE_ROW_CALENDAR = 14,    /* [year, offset, weekdays, holidays, workdays], fields or 0 */
    TYPE_ROW_COMPANION = 15,   /* the companion's number */
    TYPE_ROW_ALARM = 16,       /* true: an open record is an alarm */
    TYPE_ROW_TALLIES = 17,     /* [roll-up ...] that are declared, ascending by number */
    TYPE_ROW_WORKFLOW = -1,    /* [state field, [state ...], [transition ...]] */
    TYPE_ROW_PRIVATE = -2,     /* true: a companion */
    TYPE_ROW_ENDED = -3,       /* true: no new records */
};

/* state = [number, name, flags, within [n, unit] or nil, rise, grace hours, labels]
 * transition = [number, name, [from ...], to, [[tier or nil, roles] ...], [required field ...],
 *               extend, flags, [[tier, list field, most] ...], labels] */
enum { STATE_FLAG_INITIAL = 1, STATE_FLAG_CLOSED = 2, STATE_FLAG_ENDED = 4, STATE_FLAG_ALL = 7 };
enum { STEP_FLAG_COMPANION = 1, STEP_FLAG_ENDED = 2, STEP_FLAG_ALL = 3 };

/* roll-up = [number, name, kind, field or 0, [where ...], [part ...], [by ...],
 *            [period, at or 0, offset], limit, flags, labels]
 * where, part = [test, field or 0, [value ...]]; of TEST_CLOSED and TEST_OVERDUE one boolean */
enum { ROLLUP_ROW_PARTS = 11, ROLLUP_FLAG_ENDED = 1, ROLLUP_FLAG_ALL = 1 };

enum { FIELD_FLAG_REQUIRED = 1, FIELD_FLAG_PERSONAL = 2, FIELD_FLAG_ENDED = 4, FIELD_FLAG_ALL = 7 };

enum {
    FIELD_OPTION_LENGTH = 1,
    FIELD_OPTION_MIN = 2,
    FIELD_OPTION_MAX = 3,
    FIELD_OPTION_CHOICES = 4,
    FIELD_OPTION_PATTERN = 5,
    FIELD_OPTION_UNIT = 6,
    FIELD_OPTION_DEFAULT = 7, /* a value as in a body */
    FIELD_OPTION_LABELS = 8,
    FIELD_OPTION_SCALE = 9,
    FIELD_OPTION_REFERS = 10,
    FIELD_OPTION_CHOICE_LABELS = 11, /* [labels ...], one a choice */
    FIELD_OPTION_DERIVED = 12,       /* [field or 0, [[field or place in choices, number] ...]] */
    FIELD_OPTION_MERGE = -1,
    FIELD_OPTION_CHOICES_ENDED = -2, /* [place in choices ...] ascending */
};

enum {
    FIELD_NUMBER_MAX = 1023, /* a key of a fields map */
    CHOICES_MAX = 256,       /* more is a table of its own, not a choice */
    CHOICE_BYTES_MAX = 64,   /* a word, not a sentence */
    PATTERN_BYTES_MAX = 256,
    UNIT_BYTES_MAX = 32,
    LABELS_MAX = 8, /* languages */
    LANGUAGE_BYTES_MAX = 16,
    LABEL_BYTES_MAX = 128,
    HELP_BYTES_MAX = 1024,
    SCALE_MAX = 9,
    DIGEST_BYTES = 32,
    DERIVATION_PARTS_MAX = 16,
    DERIVATION_WEIGHT_MAX = 1000,
    INDEXES_MAX = 16,
    INDEX_FIELDS_MAX = 8,
    FORMER_MAX = 32,
    RETENTION_DAYS_MAX = 36500,
    DATE_DAYS_BOUND = 4000000, /* beyond the year 9999 either way */
};

/* A time is below this, as a clock is; before 1970 as far back. */
#define TIME_MS_BOUND ((int64_t)1 << 48)

_Static_assert(CLASS_URGENT == 0 && CLASS_NORMAL == 1 && CLASS_BULK == 2, "as rows have it");
_Static_assert(CIRCLE_ORIGIN == 0 && CIRCLE_PATH == 1 && CIRCLE_SUBTREE == 2 &&
                   CIRCLE_ADDRESSED == 3,
               "as rows have it");
_Static_assert(FIELD_TEXT == 0 && FIELD_INTEGER == 1 && FIELD_BOOLEAN == 2 && FIELD_TIME == 3 &&
                   FIELD_ENUM == 4 && FIELD_LIST == 5 && FIELD_COUNTER == 6 && FIELD_DECIMAL == 7 &&
                   FIELD_DATE == 8 && FIELD_RECORD == 9 && FIELD_SEAT == 10 && FIELD_DIGEST == 11,
               "as rows have it");

/* Names of types and fields are typed on command lines as NAME=VALUE: 1..64 bytes; letters of
 * any script, digits, '-' and '_', which can't be the first (that is the system's). */
bool schema_name_good(struct span name);

/* All that belongs to a schema lies in pieces that go together. Cleared memory; never NULL. */
void *schema_alloc(struct schema_memory *memory, size_t size);
/* A copy of the bytes as a C string. */
const char *schema_text(struct schema_memory *memory, struct span text);
struct schema *schema_new(void); /* empty; schema_free frees it */

bool field_has_choice(const struct field *field, struct span choice);
/* Whether the field's kind and its merge rule go together: the greatest and the least are of
 * numbers, lists and counters have a merge of their own. */
bool merge_fits(const struct field *field);
/* Whether a canonical value, as it stands in a body, is one of this field. */
bool field_takes(const struct field *field, struct span value);
bool field_is_number(enum field_kind kind);  /* its values are integers in a body, counters apart */
bool field_has_length(enum field_kind kind); /* text and list items */

#endif
