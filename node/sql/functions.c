/* What SQLite's own functions would do wrongly here: sums of decimals are exact, and a pattern is
 * matched in time that grows with text times pattern, where SQLite's own matching goes back at
 * every % and needs years for some. */
#include <string.h>

#include "node/sql/sql_parts.h"

static struct span text_of(sqlite3_value *value)
{
    const unsigned char *text = sqlite3_value_text(value);
    return text == NULL ? SPAN_EMPTY : SPAN(text, (size_t)sqlite3_value_bytes(value));
}

/* ---- collations ---- */

static int bytes_compare(struct span a, struct span b)
{
    return span_compare(a, b);
}

/* What isn't a time stands behind all times, by its bytes. */
static int time_collate(void *none, int a_size, const void *a, int b_size, const void *b)
{
    struct span one = SPAN(a, (size_t)a_size), other = SPAN(b, (size_t)b_size);
    int64_t x = 0, y = 0;
    bool first = value_time_parse(one, &x), second = value_time_parse(other, &y);
    (void)none;
    if (first && second)
        return (x > y) - (x < y);
    return first != second ? (first ? -1 : 1) : bytes_compare(one, other);
}

static int decimal_collate(void *none, int a_size, const void *a, int b_size, const void *b)
{
    struct span one = SPAN(a, (size_t)a_size), other = SPAN(b, (size_t)b_size);
    struct decimal x, y;
    bool first = decimal_parse(one, &x), second = decimal_parse(other, &y);
    (void)none;
    if (first && second)
        return decimal_compare(&x, &y);
    return first != second ? (first ? -1 : 1) : bytes_compare(one, other);
}

/* ---- LIKE and GLOB ---- */

struct pattern {
    struct span text;
    uint32_t many, one, escape; /* 0: no escape */
    bool sets, fold;
};

static uint32_t character(struct span text, size_t *at)
{
    uint32_t code;
    size_t size = utf8_character(text, *at, &code);
    if (size == 0) { /* no UTF-8: a byte */
        code = text.data[*at];
        size = 1;
    }
    *at += size;
    return code;
}

/* As SQLite: letters of ASCII alone. */
static uint32_t folded(uint32_t code)
{
    return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
}

/* A set's members from behind its '['; *at comes behind its ']'. False also of one without end. */
static bool set_has(struct span pattern, size_t *at, uint32_t wanted)
{
    bool inverted = *at < pattern.size && pattern.data[*at] == '^', found = false, first = true;
    *at += inverted;
    while (*at < pattern.size && (first || pattern.data[*at] != ']')) {
        uint32_t low = character(pattern, at), high = low;
        if (*at + 1 < pattern.size && pattern.data[*at] == '-' && pattern.data[*at + 1] != ']') {
            ++*at;
            high = character(pattern, at);
        }
        found |= wanted >= low && wanted <= high;
        first = false;
    }
    if (*at >= pattern.size)
        return false;
    ++*at;
    return found != inverted;
}

/* Whether the pattern's next element, which isn't `many`, takes this character; *at behind it. */
static bool takes(const struct pattern *pattern, size_t *at, uint32_t code)
{
    uint32_t element = character(pattern->text, at);
    if (pattern->escape != 0 && element == pattern->escape) {
        if (*at >= pattern->text.size)
            return false;
        element = character(pattern->text, at);
    } else if (element == pattern->one) {
        return true;
    } else if (pattern->sets && element == '[') {
        return set_has(pattern->text, at, code);
    }
    return pattern->fold ? folded(element) == folded(code) : element == code;
}

static bool is_many(const struct pattern *pattern, size_t at)
{
    return at < pattern->text.size && pattern->text.data[at] == pattern->many;
}

/* When an element doesn't fit, the last `many` takes one character more; those before it never have
 * to be looked at again. */
static bool matches(const struct pattern *pattern, struct span text)
{
    size_t at = 0, here = 0, back_at = SIZE_MAX, back_here = 0;
    while (here < text.size) {
        size_t next = here, behind = at;
        if (is_many(pattern, at)) {
            back_at = ++at;
            back_here = here;
            continue;
        }
        uint32_t code = character(text, &next);
        if (at < pattern->text.size && takes(pattern, &behind, code)) {
            at = behind;
            here = next;
        } else if (back_at != SIZE_MAX) {
            (void)character(text, &back_here);
            here = back_here;
            at = back_at;
        } else {
            return false;
        }
    }
    while (is_many(pattern, at))
        at++;
    return at == pattern->text.size;
}

static void match(sqlite3_context *context, int count, sqlite3_value **values,
                  struct pattern *pattern)
{
    pattern->text = text_of(values[0]);
    struct span text = text_of(values[1]);
    int most =
        sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LIKE_PATTERN_LENGTH, -1);
    if (sqlite3_value_type(values[0]) == SQLITE_NULL ||
        sqlite3_value_type(values[1]) == SQLITE_NULL)
        return;
    if (pattern->text.size > (size_t)most) {
        sqlite3_result_error(context, "LIKE or GLOB pattern too complex", -1);
        return;
    }
    if (count == 3) {
        struct span escape = text_of(values[2]);
        size_t at = 0;
        if (escape.size > 0)
            pattern->escape = character(escape, &at);
        if (at == 0 || at != escape.size) {
            sqlite3_result_error(context, "ESCAPE expression must be a single character", -1);
            return;
        }
    }
    sqlite3_result_int(context, matches(pattern, text));
}

static void like(sqlite3_context *context, int count, sqlite3_value **values)
{
    match(context, count, values, &(struct pattern){.many = '%', .one = '_', .fold = true});
}

static void glob(sqlite3_context *context, int count, sqlite3_value **values)
{
    match(context, count, values, &(struct pattern){.many = '*', .one = '?', .sets = true});
}

/* ---- times and decimals ---- */

/* ms(TIME): milliseconds since 1970. */
static void ms(sqlite3_context *context, int count, sqlite3_value **values)
{
    int64_t time;
    (void)count;
    if (value_time_parse(text_of(values[0]), &time))
        sqlite3_result_int64(context, time);
}

static void decimal_result(sqlite3_context *context, const struct decimal *number)
{
    char text[DECIMAL_TEXT_BYTES];
    decimal_text(number, text);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* decimal(INTEGER, SCALE): the text of INTEGER / 10^SCALE. */
static void decimal(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3_int64 scale = sqlite3_value_int64(values[1]);
    (void)count;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return;
    if (scale < 0 || scale > DECIMAL_SCALE_MAX)
        sqlite3_result_error(context, "decimal(): the scale is 0 to 9", -1);
    else
        decimal_result(context, &(struct decimal){sqlite3_value_int64(values[0]), (unsigned)scale});
}

/* scaled(DECIMAL, SCALE): the integer DECIMAL times 10^SCALE. */
static void scaled(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3_int64 scale = sqlite3_value_int64(values[1]);
    struct decimal number;
    (void)count;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return;
    if (scale < 0 || scale > DECIMAL_SCALE_MAX)
        sqlite3_result_error(context, "scaled(): the scale is 0 to 9", -1);
    else if (!decimal_parse(text_of(values[0]), &number) ||
             !decimal_rescale(&number, (unsigned)scale) || number.digits > INT64_MAX ||
             number.digits < INT64_MIN)
        sqlite3_result_error(context, "scaled(): not a decimal, or too large", -1);
    else
        sqlite3_result_int64(context, (sqlite3_int64)number.digits);
}

/* ---- sums ---- */

/* Its memory is SQLite's, aligned to 8 bytes. */
struct sum {
    wide digits __attribute__((packed, aligned(8))); /* of all that is exact, times 10^-9 */
    double real;                                     /* of everything else */
    sqlite3_int64 count;
    sqlite3_int64 reals, texts;
    unsigned scale; /* the greatest seen */
    bool over;
};

/* False: it is neither an integer nor a decimal text. */
static bool exact(sqlite3_value *value, struct decimal *number)
{
    if (sqlite3_value_type(value) == SQLITE_INTEGER)
        *number = (struct decimal){.digits = sqlite3_value_int64(value)};
    else if (sqlite3_value_type(value) != SQLITE_TEXT || !decimal_parse(text_of(value), number))
        return false;
    return true;
}

static void sum_change(struct sum *sum, sqlite3_value *value, int sign)
{
    struct decimal number;
    if (sum == NULL || sqlite3_value_type(value) == SQLITE_NULL)
        return;
    sum->count += sign;
    if (!exact(value, &number)) {
        sum->real += sign * sqlite3_value_double(value);
        sum->reals += sign;
        return;
    }
    sum->texts += sqlite3_value_type(value) == SQLITE_TEXT ? sign : 0;
    sum->scale = number.scale > sum->scale ? number.scale : sum->scale;
    wide digits = sum->digits;
    sum->over |= !decimal_rescale(&number, DECIMAL_SCALE_MAX) ||
                 __builtin_add_overflow(digits, sign * number.digits, &digits);
    sum->digits = digits;
}

static void sum_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sum_change(sqlite3_aggregate_context(context, sizeof(struct sum)), values[0], 1);
}

static void sum_inverse(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sum_change(sqlite3_aggregate_context(context, sizeof(struct sum)), values[0], -1);
}

static double sum_real(const struct sum *sum)
{
    return sum->real + (double)sum->digits / 1e9;
}

static void sum_value(sqlite3_context *context)
{
    const struct sum *sum = sqlite3_aggregate_context(context, 0);
    if (sum == NULL || sum->count == 0)
        return;
    struct decimal total = {sum->digits, DECIMAL_SCALE_MAX};
    (void)decimal_rescale(&total, sum->scale);
    bool integer = sum->texts == 0;
    if (sum->over ||
        (sum->reals == 0 && integer && (total.digits > INT64_MAX || total.digits < INT64_MIN)))
        sqlite3_result_error(context, "sum(): the total is too large to be exact", -1);
    else if (sum->reals != 0)
        sqlite3_result_double(context, sum_real(sum));
    else if (integer)
        sqlite3_result_int64(context, (sqlite3_int64)total.digits);
    else
        decimal_result(context, &total);
}

/* Of decimals two digits more than they have; of everything else as SQLite. */
static void average_value(sqlite3_context *context)
{
    const struct sum *sum = sqlite3_aggregate_context(context, 0);
    if (sum == NULL || sum->count == 0)
        return;
    unsigned scale = sum->scale + 2 < DECIMAL_SCALE_MAX ? sum->scale + 2 : DECIMAL_SCALE_MAX;
    if (sum->over) {
        sqlite3_result_error(context, "avg(): the total is too large to be exact", -1);
    } else if (sum->reals != 0 || sum->texts == 0) {
        sqlite3_result_double(context, sum_real(sum) / (double)sum->count);
    } else {
        struct decimal total = {sum->digits / sum->count, DECIMAL_SCALE_MAX};
        (void)decimal_rescale(&total, scale);
        decimal_result(context, &total);
    }
}

int functions_add(sqlite3 *db)
{
    static const struct {
        const char *name;
        int count;
        void (*run)(sqlite3_context *context, int count, sqlite3_value **values);
    } scalars[] = {{"like", 2, like}, {"like", 3, like},       {"glob", 2, glob},
                   {"ms", 1, ms},     {"decimal", 2, decimal}, {"scaled", 2, scaled}};
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int code = sqlite3_create_collation(db, "time", SQLITE_UTF8, NULL, time_collate);
    if (code == SQLITE_OK)
        code = sqlite3_create_collation(db, "decimal", SQLITE_UTF8, NULL, decimal_collate);
    for (size_t i = 0; code == SQLITE_OK && i < sizeof scalars / sizeof *scalars; i++)
        code = sqlite3_create_function(db, scalars[i].name, scalars[i].count, flags, NULL,
                                       scalars[i].run, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_window_function(db, "sum", 1, flags, NULL, sum_step, sum_value,
                                              sum_value, sum_inverse, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_window_function(db, "avg", 1, flags, NULL, sum_step, average_value,
                                              average_value, sum_inverse, NULL);
    return code;
}
