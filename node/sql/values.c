/* Values on their way: from msgpack to SQLite, from SQLite to msgpack; times and decimals, which
 * stand in SQL as texts and stay exact. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "node/sql/sql_parts.h"

/* ---- maps ---- */

struct mp_reader map_reader(struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    return reader;
}

struct span map_pair(struct span map, const char *name)
{
    struct mp_reader reader = map_reader(map);
    uint32_t pairs = mp_peek(&reader) == MP_MAP ? mp_read_map(&reader) : 0;
    for (; pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader), value = mp_read_any(&reader);
        if (!reader.failed && span_equal(key, span_of_text(name)))
            return value;
    }
    return SPAN_EMPTY;
}

sqlite3_int64 row_number(struct span bytes, uint64_t number)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.size + sizeof number; i++) {
        uint8_t byte = bytes.size > i ? bytes.data[i] : 0;
        if (i >= bytes.size)
            byte = (uint8_t)(number >> 8 * (i - bytes.size));
        hash = (hash ^ byte) * UINT64_C(0x100000001b3);
    }
    return (sqlite3_int64)(hash >> 1);
}

/* ---- times ---- */

enum {
    SECOND_MS = 1000,
    TIME_DIGITS_MIN = 6, /* so few digits are milliseconds: no year has them */
};
static const int64_t year_0_ms = INT64_C(-62167219200000), year_10000_ms = INT64_C(253402300800000);

void value_time_text(int64_t ms, char text[static TIME_TEXT_BYTES])
{
    int64_t seconds = ms / SECOND_MS - (ms % SECOND_MS < 0);
    time_t whole = (time_t)seconds;
    struct tm parts;
    if (ms < year_0_ms || ms >= year_10000_ms || gmtime_r(&whole, &parts) == NULL) {
        snprintf(text, TIME_TEXT_BYTES, "%" PRId64, ms);
        return;
    }
    unsigned year = (unsigned)(parts.tm_year + 1900) % 10000;
    snprintf(text, TIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year,
             (unsigned)(parts.tm_mon + 1) % 100, (unsigned)parts.tm_mday % 100,
             (unsigned)parts.tm_hour % 100, (unsigned)parts.tm_min % 100,
             (unsigned)parts.tm_sec % 100, (unsigned)(ms - seconds * SECOND_MS) % 1000);
}

struct scanner {
    struct span text;
    size_t at;
};

/* Exactly so many digits. */
static bool digits(struct scanner *scanner, size_t count, int *number)
{
    *number = 0;
    for (size_t i = 0; i < count; i++, scanner->at++) {
        if (scanner->at >= scanner->text.size || scanner->text.data[scanner->at] < '0' ||
            scanner->text.data[scanner->at] > '9')
            return false;
        *number = *number * 10 + (scanner->text.data[scanner->at] - '0');
    }
    return true;
}

static bool mark(struct scanner *scanner, const char *one_of)
{
    if (scanner->at >= scanner->text.size || scanner->text.data[scanner->at] == '\0' ||
        strchr(one_of, scanner->text.data[scanner->at]) == NULL)
        return false;
    scanner->at++;
    return true;
}

/* ":SS" and a fraction, of which milliseconds count. */
static bool parse_seconds(struct scanner *scanner, struct tm *parts, int *ms)
{
    int scale = 100;
    if (!mark(scanner, ":"))
        return true;
    if (!digits(scanner, 2, &parts->tm_sec))
        return false;
    if (!mark(scanner, "."))
        return true;
    size_t from = scanner->at;
    for (int digit; digits(scanner, 1, &digit); scale /= 10)
        *ms += digit * scale;
    return scanner->at > from;
}

static bool parse_milliseconds(struct span text, int64_t *ms)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    *ms = 0;
    for (size_t i = negative; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || __builtin_mul_overflow(*ms, 10, ms) ||
            __builtin_sub_overflow(*ms, text.data[i] - '0', ms))
            return false;
    }
    return text.size >= TIME_DIGITS_MIN + (size_t)negative &&
           (negative || !__builtin_sub_overflow(INT64_C(0), *ms, ms));
}

bool value_time_parse(struct span text, int64_t *ms)
{
    struct scanner scanner = {.text = text};
    struct tm parts = {0};
    int milliseconds = 0;
    if (parse_milliseconds(text, ms))
        return true;
    if (!digits(&scanner, 4, &parts.tm_year) || !mark(&scanner, "-") ||
        !digits(&scanner, 2, &parts.tm_mon) || !mark(&scanner, "-") ||
        !digits(&scanner, 2, &parts.tm_mday))
        return false;
    if (scanner.at < text.size &&
        (!mark(&scanner, "T ") || !digits(&scanner, 2, &parts.tm_hour) || !mark(&scanner, ":") ||
         !digits(&scanner, 2, &parts.tm_min) || !parse_seconds(&scanner, &parts, &milliseconds)))
        return false;
    (void)mark(&scanner, "Z");
    if (scanner.at != text.size || parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 59)
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon--;
    *ms = (int64_t)timegm(&parts) * SECOND_MS + milliseconds;
    return true;
}

/* ---- decimals ---- */

static const wide digits_most = (wide)1 << 100;

bool decimal_parse(struct span text, struct decimal *number)
{
    bool negative = text.size > 0 && text.data[0] == '-', point = false, any = false;
    *number = (struct decimal){0};
    for (size_t i = negative; i < text.size; i++) {
        if (text.data[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9' || number->digits > digits_most ||
            (point && ++number->scale > DECIMAL_SCALE_MAX))
            return false;
        number->digits = number->digits * 10 + (text.data[i] - '0');
        any = true;
    }
    if (negative)
        number->digits = -number->digits;
    return any;
}

bool decimal_rescale(struct decimal *number, unsigned scale)
{
    for (; number->scale < scale; number->scale++) {
        if (__builtin_mul_overflow(number->digits, 10, &number->digits))
            return false;
    }
    if (number->scale > scale) {
        wide part = 1;
        for (; number->scale > scale; number->scale--)
            part *= 10;
        wide rest = number->digits % part;
        number->digits /= part;
        if (rest * 2 >= part)
            number->digits++;
        else if (-rest * 2 >= part)
            number->digits--;
    }
    return true;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    struct decimal one = *a, other = *b;
    unsigned scale = one.scale > other.scale ? one.scale : other.scale;
    (void)decimal_rescale(&one, scale); /* what was parsed has room for it */
    (void)decimal_rescale(&other, scale);
    return (one.digits > other.digits) - (one.digits < other.digits);
}

void decimal_text(const struct decimal *number, char text[static DECIMAL_TEXT_BYTES])
{
    char turned[DECIMAL_TEXT_BYTES];
    size_t count = 0, size = 0;
    wide_unsigned rest =
        number->digits < 0 ? -(wide_unsigned)number->digits : (wide_unsigned)number->digits;
    while (rest > 0 || count <= number->scale) {
        turned[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (number->digits < 0)
        text[size++] = '-';
    while (count > 0) {
        if (count == number->scale)
            text[size++] = '.';
        text[size++] = turned[--count];
    }
    text[size] = '\0';
}

/* ---- results ---- */

static void hex_result(sqlite3_context *context, struct span bytes)
{
    static const char digit[] = "0123456789abcdef";
    char text[2 * HASH_BYTES];
    size_t count = bytes.size < HASH_BYTES ? bytes.size : HASH_BYTES;
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digit[bytes.data[i] >> 4];
        text[2 * i + 1] = digit[bytes.data[i] & 15];
    }
    sqlite3_result_text(context, text, (int)(2 * count), SQLITE_TRANSIENT);
}

static void integer_result(sqlite3_context *context, enum column_kind kind,
                           struct mp_reader *reader)
{
    char text[TIME_TEXT_BYTES];
    struct mp_reader again = *reader;
    int64_t number = mp_read_int(reader);
    if (reader->failed) { /* beyond 63 bits */
        snprintf(text, sizeof text, "%" PRIu64, mp_read_uint(&again));
        sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
    } else if (kind == COLUMN_TIME) {
        value_time_text(number, text);
        sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
    } else {
        sqlite3_result_int64(context, number);
    }
}

void value_result(sqlite3_context *context, enum column_kind kind, struct span value)
{
    struct mp_reader reader = map_reader(value);
    struct span text;
    switch (mp_peek(&reader)) {
    case MP_BOOL: sqlite3_result_int(context, mp_read_bool(&reader)); break;
    case MP_INT: integer_result(context, kind, &reader); break;
    case MP_STR:
        text = mp_read_str(&reader);
        sqlite3_result_text(context, (const char *)text.data, (int)text.size, SQLITE_TRANSIENT);
        break;
    case MP_BIN: hex_result(context, mp_read_bin(&reader)); break;
    case MP_NIL:
    case MP_ARRAY:
    case MP_MAP:
    case MP_END:
    case MP_BAD: sqlite3_result_null(context); break;
    }
}

/* A text that isn't one, made by a cast, goes as bytes. */
static void write_text(struct span text, struct buffer *out)
{
    if (utf8_valid(text))
        mp_write_str(out, text);
    else
        mp_write_bin(out, text);
}

void value_write_row(sqlite3_stmt *statement, struct buffer *out)
{
    int count = sqlite3_column_count(statement);
    mp_write_array(out, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        int type = sqlite3_column_type(statement, i);
        const void *bytes = type == SQLITE_BLOB   ? sqlite3_column_blob(statement, i)
                            : type == SQLITE_NULL ? NULL
                                                  : sqlite3_column_text(statement, i);
        size_t size = (size_t)sqlite3_column_bytes(statement, i);
        struct span value = size > 0 && bytes != NULL ? SPAN(bytes, size) : span_of_text("");
        if (type == SQLITE_INTEGER) {
            mp_write_int(out, sqlite3_column_int64(statement, i));
        } else if (type == SQLITE_FLOAT) {
            mp_write_array(out, 1);
            mp_write_str(out, value);
        } else if (type == SQLITE_TEXT) {
            write_text(value, out);
        } else if (type == SQLITE_BLOB) {
            mp_write_bin(out, value);
        } else {
            mp_write_nil(out);
        }
    }
}

bool value_bind(sqlite3_stmt *statement, int index, struct span value)
{
    struct mp_reader reader = map_reader(value);
    struct span bytes;
    switch (mp_peek(&reader)) {
    case MP_NIL: return sqlite3_bind_null(statement, index) == SQLITE_OK;
    case MP_BOOL: return sqlite3_bind_int(statement, index, mp_read_bool(&reader)) == SQLITE_OK;
    case MP_INT: {
        int64_t number = mp_read_int(&reader);
        return !reader.failed && sqlite3_bind_int64(statement, index, number) == SQLITE_OK;
    }
    case MP_STR:
        bytes = mp_read_str(&reader);
        return sqlite3_bind_text(statement, index, bytes.size > 0 ? (const char *)bytes.data : "",
                                 (int)bytes.size, SQLITE_TRANSIENT) == SQLITE_OK;
    case MP_BIN:
        bytes = mp_read_bin(&reader);
        return sqlite3_bind_blob(statement, index, bytes.size > 0 ? (const void *)bytes.data : "",
                                 (int)bytes.size, SQLITE_TRANSIENT) == SQLITE_OK;
    case MP_ARRAY:
    case MP_MAP:
    case MP_END:
    case MP_BAD: break;
    }
    return false;
}
