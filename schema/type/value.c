/* One value against its field: whether it is one of it, what people write for it, and what to say
 * when it isn't. */
#include "schema/type/value.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "schema/type/text_value.h"

enum { RECORD_ID_BYTES = 16 };

bool field_is_number(enum field_kind kind)
{
    return kind == FIELD_INTEGER || kind == FIELD_DECIMAL || kind == FIELD_DATE ||
           kind == FIELD_TIME;
}

bool merge_fits(const struct field *field)
{
    if (field->kind == FIELD_LIST || field->kind == FIELD_COUNTER)
        return field->merge == MERGE_LAST;
    return (field->merge != MERGE_MAX && field->merge != MERGE_MIN) || field_is_number(field->kind);
}

static bool is_choice(const struct field *field, struct span text)
{
    for (size_t i = 0; i < field->choice_count; i++) {
        if (span_equal(span_of_text(field->choices[i]), text))
            return field->more->choice_ended == NULL || !field->more->choice_ended[i];
    }
    return false;
}

static bool list_fits(const struct field *field, struct mp_reader *reader)
{
    uint32_t count = mp_read_array(reader);
    bool fits = count > 0;
    for (uint32_t i = 0; i < count && fits; i++)
        fits = mp_read_str(reader).size <= field->length_max && !reader->failed;
    return fits;
}

static bool within(const struct field *field, int64_t number)
{
    if (field->kind == FIELD_TIME && (number <= -TIME_MS_BOUND || number >= TIME_MS_BOUND))
        return false;
    if (field->kind == FIELD_DATE && (number <= -DATE_DAYS_BOUND || number >= DATE_DAYS_BOUND))
        return false;
    return number >= field->min && number <= field->max;
}

static bool is_seat(struct span text)
{
    return text.size > 0 && text.size <= SEAT_BYTES_MAX && utf8_printable(text);
}

bool field_takes(const struct field *field, struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    bool fits = true;
    struct span text;
    switch (field->kind) {
    case FIELD_TEXT:
        text = mp_read_str(&reader);
        fits = text.size <= field->length_max && (text.size > 0 || !field->required);
        break;
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
    case FIELD_DATE:
    case FIELD_TIME: fits = within(field, mp_read_int(&reader)); break;
    case FIELD_BOOLEAN: mp_read_bool(&reader); break;
    case FIELD_ENUM: fits = is_choice(field, mp_read_str(&reader)); break;
    case FIELD_LIST: fits = list_fits(field, &reader); break;
    case FIELD_COUNTER: mp_read_int(&reader); break;
    case FIELD_RECORD: mp_read_bin_of(&reader, RECORD_ID_BYTES); break;
    case FIELD_SEAT: fits = is_seat(mp_read_str(&reader)); break;
    case FIELD_DIGEST: mp_read_bin_of(&reader, DIGEST_BYTES); break;
    case FIELD_KIND_COUNT: assert(false); break;
    }
    mp_read_end(&reader);
    return fits && !reader.failed;
}

/* ---- as people write it ---- */

static bool boolean_of_text(struct span text, struct buffer *out)
{
    bool is_true = span_equal(text, span_of_text("true"));
    bool is_false = !is_true && span_equal(text, span_of_text("false"));
    if (is_true || is_false)
        mp_write_bool(out, is_true);
    return is_true || is_false;
}

/* Hexadecimal digits, of either case. */
static bool bytes_of_text(struct span text, size_t size, struct buffer *out)
{
    uint8_t bytes[DIGEST_BYTES] = {0};
    assert(size <= sizeof bytes);
    if (text.size != 2 * size)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        int value = digit >= '0' && digit <= '9'   ? digit - '0'
                    : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                    : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                   : -1;
        if (value < 0)
            return false;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | value);
    }
    mp_write_bin(out, SPAN(bytes, size));
    return true;
}

static bool number_of_text(const struct field *field, struct span text, int64_t *number)
{
    if (field->kind == FIELD_DECIMAL)
        return schema_decimal_of_text(text, field->scale, number);
    if (schema_integer_of_text(text, number))
        return true;
    return field->kind == FIELD_TIME   ? schema_time_of_text(text, number)
           : field->kind == FIELD_DATE ? schema_date_of_text(text, number)
                                       : false;
}

bool field_scaled(const struct field *field, int64_t number, struct buffer *out)
{
    assert(field->kind == FIELD_DECIMAL);
    for (uint8_t i = 0; i < field->scale; i++) {
        if (__builtin_mul_overflow(number, 10, &number))
            return false;
    }
    mp_write_int(out, number);
    return true;
}

bool field_of_text(const struct field *field, struct span text, struct buffer *out)
{
    int64_t number = 0;
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_ENUM:
    case FIELD_SEAT: mp_write_str(out, text); return true;
    case FIELD_BOOLEAN: return boolean_of_text(text, out);
    case FIELD_LIST:
        mp_write_array(out, 1);
        mp_write_str(out, text);
        return true;
    case FIELD_RECORD: return bytes_of_text(text, RECORD_ID_BYTES, out);
    case FIELD_DIGEST: return bytes_of_text(text, DIGEST_BYTES, out);
    case FIELD_INTEGER:
    case FIELD_COUNTER:
    case FIELD_DECIMAL:
    case FIELD_DATE:
    case FIELD_TIME:
        if (!number_of_text(field, text, &number))
            return false;
        mp_write_int(out, number);
        return true;
    case FIELD_KIND_COUNT: break;
    }
    assert(false);
    return false;
}

void schema_tell_value(const struct field *field, struct span value, struct buffer *out)
{
    struct mp_reader reader = mp_reader_known(value);
    int64_t number = mp_peek(&reader) == MP_INT ? mp_read_int(&reader) : INT64_MAX;
    bool day = number > -DATE_DAYS_BOUND && number < DATE_DAYS_BOUND;
    char text[32];
    if (field->kind == FIELD_DECIMAL && number != INT64_MAX) {
        schema_text_of_decimal(number, field->scale, text);
        mp_write_text(out, text);
    } else if (field->kind == FIELD_DATE && day) {
        schema_text_of_date(number, text);
        mp_write_text(out, text);
    } else {
        buffer_append_span(out, value);
    }
}

/* ---- what is expected ---- */

enum { NUMBER_CHARACTERS = 32 };

/* A bound as people write it. */
static void bound_text(const struct field *field, int64_t number, char to[NUMBER_CHARACTERS])
{
    if (field->kind == FIELD_DECIMAL)
        schema_text_of_decimal(number, field->scale, to);
    else if (field->kind == FIELD_DATE && number > -DATE_DAYS_BOUND && number < DATE_DAYS_BOUND)
        schema_text_of_date(number, to);
    else
        snprintf(to, NUMBER_CHARACTERS, "%lld", (long long)number);
}

static void expect_number(const struct field *field, const char *what, char *to, size_t size)
{
    char low[NUMBER_CHARACTERS], high[NUMBER_CHARACTERS];
    bound_text(field, field->min, low);
    bound_text(field, field->max, high);
    if (field->min == INT64_MIN && field->max == INT64_MAX)
        snprintf(to, size, "%s", what);
    else if (field->max == INT64_MAX)
        snprintf(to, size, "%s from %s", what, low);
    else if (field->min == INT64_MIN)
        snprintf(to, size, "%s to %s", what, high);
    else
        snprintf(to, size, "%s from %s to %s", what, low, high);
}

/* "a, b, c", as many as fit. */
static void list_choices(const struct field *field, char *to, size_t size)
{
    size_t used = (size_t)snprintf(to, size, "one of ");
    bool first = true;
    for (size_t i = 0; i < field->choice_count; i++) {
        if (field->more->choice_ended != NULL && field->more->choice_ended[i])
            continue;
        size_t room = strlen(field->choices[i]) + 2;
        if (used + room + 4 >= size) {
            snprintf(to + used, size - used, " ...");
            return;
        }
        used +=
            (size_t)snprintf(to + used, size - used, "%s%s", first ? "" : ", ", field->choices[i]);
        first = false;
    }
}

void field_expects(const struct field *field, char *to, size_t size)
{
    char what[80];
    switch (field->kind) {
    case FIELD_TEXT:
        snprintf(to, size, "a text of %s%u bytes", field->required ? "1 to " : "at most ",
                 field->length_max);
        return;
    case FIELD_INTEGER: expect_number(field, "a whole number", to, size); return;
    case FIELD_DECIMAL:
        snprintf(what, sizeof what, "a number with at most %u decimal places", field->scale);
        expect_number(field, what, to, size);
        return;
    case FIELD_DATE: expect_number(field, "a day like 2025-06-30", to, size); return;
    case FIELD_BOOLEAN: snprintf(to, size, "true or false"); return;
    case FIELD_TIME:
        expect_number(field, "a time: milliseconds since 1970, or like 2025-06-30T18:05:00+08:00",
                      to, size);
        return;
    case FIELD_ENUM: list_choices(field, to, size); return;
    case FIELD_LIST:
        snprintf(to, size, "texts of at most %u bytes each", field->length_max);
        return;
    case FIELD_COUNTER: snprintf(to, size, "a whole number"); return;
    case FIELD_RECORD: snprintf(to, size, "a record's id: 32 hexadecimal digits"); return;
    case FIELD_SEAT: snprintf(to, size, "a seat's id of 1 to %d bytes", SEAT_BYTES_MAX); return;
    case FIELD_DIGEST: snprintf(to, size, "a digest: 64 hexadecimal digits"); return;
    case FIELD_KIND_COUNT: break;
    }
    assert(false);
}
