/* Bodies: what a local write says in names and text becomes a canonical fields map by number;
 * what came from elsewhere gets a verdict that is the same at every node.
 *
 * Both ways end in one check of a value against its field. Only local faults quote what was
 * found: a body from elsewhere may hold what a log must not. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "schema/endorsement.h"
#include "schema/type/pattern.h"
#include "schema/type/value.h"

struct check {
    const struct record_type *type;
    bool creating;
    bool quotes; /* the fault may say what was found */
    bool asks;   /* what is looked for, not what is written */
    struct error *error;
};

/* ---- saying what is wrong ---- */

static void describe_text(struct span text, bool quotes, char *to, size_t size)
{
    size_t shown = text.size < 60 ? text.size : 60;
    while (shown < text.size && shown > 0 && (text.data[shown] & 0xc0) == 0x80)
        shown--; /* not within a character */
    if (!quotes)
        snprintf(to, size, "a text of %zu bytes", text.size);
    else if (shown < text.size)
        snprintf(to, size, "\"%.*s...\" of %zu bytes", (int)shown, (const char *)text.data,
                 text.size);
    else
        snprintf(to, size, "\"%.*s\"", (int)shown, (const char *)text.data);
}

static void describe_number(struct mp_reader reader, bool quotes, char *to, size_t size)
{
    int64_t number = mp_read_int(&reader);
    if (reader.failed)
        snprintf(to, size, "a number of more than 63 bits");
    else if (quotes)
        snprintf(to, size, "%lld", (long long)number);
    else
        snprintf(to, size, "a number");
}

static void describe_found(struct span value, bool quotes, char *to, size_t size)
{
    static const char *const names[] = {
        [MP_NIL] = "nil",      [MP_BIN] = "bytes",    [MP_ARRAY] = "a list",
        [MP_MAP] = "a map",    [MP_END] = "nothing",  [MP_BAD] = "no value",
        [MP_BOOL] = "a truth", [MP_INT] = "a number", [MP_STR] = "a text",
    };
    struct mp_reader reader = mp_reader(value);
    enum mp_kind kind = mp_peek(&reader);
    if (kind == MP_STR)
        describe_text(mp_read_str(&reader), quotes, to, size);
    else if (kind == MP_INT)
        describe_number(reader, quotes, to, size);
    else if (kind == MP_BOOL && quotes)
        snprintf(to, size, "%s", mp_read_bool(&reader) ? "true" : "false");
    else
        snprintf(to, size, "%s", names[kind]);
}

static enum error_code refuse(const struct check *check, const char *name, const char *expected,
                              struct span found)
{
    char what[160], found_words[120];
    snprintf(what, sizeof what, "the field \"%s\" of %s", name, check->type->name);
    describe_found(found, check->quotes, found_words, sizeof found_words);
    error_set(check->error, ERR_INVALID, what, "expected %s, found %s", expected, found_words);
    if (check->quotes)
        error_next(check->error, "give \"%s\" such a value and write again", name);
    return ERR_INVALID;
}

static enum error_code refuse_body(const struct check *check, const char *why)
{
    char what[160];
    snprintf(what, sizeof what, "the fields of %s", check->type->name);
    error_set(check->error, ERR_INVALID, what, "%s", why);
    return ERR_INVALID;
}

static enum error_code refuse_value(const struct check *check, const struct field *field,
                                    struct span found)
{
    char expected[200];
    field_expects(field, expected, sizeof expected);
    return refuse(check, field->name, expected, found);
}

/* ---- local writes ---- */

enum { GIVEN_MAX = FIELDS_MAX + 1 }; /* every field and _deleted */

/* What is given, by the place of its field in the type; size 0: not given. */
struct given {
    struct span values[FIELDS_MAX];
    struct span deleted;
    size_t count;
};

static bool is_deleted_name(struct span name)
{
    return span_equal(name, span_of_text("_deleted"));
}

static enum error_code refuse_name(const struct check *check, struct span name)
{
    char what[160];
    const char *known[FIELDS_MAX];
    size_t count = 0;
    while (count < check->type->field_count && count < FIELDS_MAX) {
        known[count] = check->type->fields[count].name;
        count++;
    }
    const char *nearest = nearest_word(name, known, count);
    snprintf(what, sizeof what, "the field \"%.*s\"", name.size > 64 ? 64 : (int)name.size,
             (const char *)name.data);
    error_set(check->error, ERR_UNKNOWN_FIELD, what, "%s has no such field", check->type->name);
    if (nearest != NULL)
        error_next(check->error, "did you mean \"%s\"?", nearest);
    else
        error_next(check->error, "look at the fields of %s in the signed schema",
                   check->type->name);
    return ERR_UNKNOWN_FIELD;
}

static enum error_code refuse_twice(const struct check *check, struct span name)
{
    char why[160];
    snprintf(why, sizeof why, "the field \"%.*s\" is given twice", (int)name.size,
             (const char *)name.data);
    return refuse_body(check, why);
}

static enum error_code read_given(const struct check *check, struct span fields,
                                  struct given *given)
{
    struct mp_reader reader = mp_reader(fields);
    uint32_t pairs = mp_read_map(&reader);
    struct span unknown = SPAN_EMPTY, twice = SPAN_EMPTY;
    for (uint32_t i = 0; i < pairs && !reader.failed; i++) {
        if (given->count == GIVEN_MAX)
            return refuse_body(check, "more fields are given than a type can have");
        struct span name = mp_read_str(&reader), value = mp_read_any(&reader);
        const struct field *field = type_field_named(check->type, name);
        struct span *place = field != NULL           ? &given->values[field - check->type->fields]
                             : is_deleted_name(name) ? &given->deleted
                                                     : NULL;
        if (place == NULL && unknown.data == NULL)
            unknown = name;
        else if (place != NULL && place->size > 0 && twice.data == NULL)
            twice = name;
        if (place != NULL)
            *place = value;
        given->count++;
    }
    mp_read_end(&reader);
    if (reader.failed)
        return refuse_body(check, "expected a map from names to texts, numbers, true or false");
    if (unknown.data != NULL)
        return refuse_name(check, unknown);
    return twice.data != NULL ? refuse_twice(check, twice) : ERR_OK;
}

/* What is written here has no control characters: they drive terminals and break tables. What
 * others have signed may have some, and is shown without them. */
static bool texts_writable(struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    bool writable = true;
    uint32_t count = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 1;
    for (uint32_t i = 0; i < count && writable; i++) {
        if (mp_peek(&reader) == MP_STR)
            writable = utf8_writable(mp_read_str(&reader));
        else
            mp_read_any(&reader);
    }
    return writable;
}

/* A pattern is asked where a value is written, never of what came from elsewhere (rules.md B61). */
static bool matches(const struct field *field, struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    const char *pattern = field->more->pattern;
    if (pattern == NULL)
        return true;
    bool good = true;
    uint32_t count = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 1;
    for (uint32_t i = 0; i < count && good; i++)
        good = pattern_matches(pattern, mp_read_str(&reader));
    return good;
}

static enum error_code refuse_unmatched(const struct check *check, const struct field *field,
                                        struct span found)
{
    char expected[80 + PATTERN_BYTES_MAX];
    snprintf(expected, sizeof expected, "what matches %s", field->more->pattern);
    return refuse(check, field->name, expected, found);
}

/* The value has been read whole before. */
static enum error_code encode_value(const struct check *check, const struct field *field,
                                    struct span value, struct buffer *body)
{
    struct mp_reader reader = mp_reader_known(value);
    size_t before = body->size;
    bool fits = true;
    mp_write_int(body, field->number);
    size_t at = body->size;
    if (mp_peek(&reader) == MP_STR)
        fits = field_of_text(field, mp_read_str(&reader), body);
    else if (mp_peek(&reader) == MP_INT && field->kind == FIELD_DECIMAL)
        fits = field_scaled(field, mp_read_int(&reader), body) && !reader.failed;
    else
        buffer_append_span(body, value);
    struct span written = SPAN(body->data + at, body->size - at);
    fits = fits && field_takes(field, written);
    bool writable = fits && texts_writable(written);
    if (writable && (check->asks || matches(field, written)))
        return ERR_OK;
    body->size = before;
    if (writable)
        return refuse_unmatched(check, field, value);
    return fits ? refuse(check, field->name,
                         "a text without control characters, but for line feeds and tabs", value)
                : refuse_value(check, field, value);
}

/* What may not be written, whatever its value. */
static enum error_code check_open(const struct check *check, const struct field *field)
{
    char what[160];
    bool is_state = check->type->workflow != NULL && check->type->workflow->field == field->number;
    bool follows = check->quotes && field->more->derivation != NULL; /* else only not shown */
    if (check->asks || (!is_state && !field->ended && !follows))
        return ERR_OK;
    snprintf(what, sizeof what, "the field \"%s\" of %s", field->name, check->type->name);
    if (follows) {
        error_set(check->error, ERR_INVALID, what, "it follows from others, and isn't written");
        error_next(check->error, "leave it out; `terrace schema show` says what it follows from");
        return ERR_INVALID;
    }
    error_set(check->error, ERR_INVALID, what, "%s",
              is_state ? "it follows from the steps taken, and isn't set"
                       : "it isn't written any more");
    if (check->quotes && is_state)
        error_next(check->error, "take a step: terrace do STEP %s ID", check->type->name);
    else if (check->quotes)
        error_next(check->error, "leave it out; old values stay as they are");
    return ERR_INVALID;
}

static enum error_code encode_deleted(const struct check *check, struct span value,
                                      struct buffer *body)
{
    static const struct field_more nothing = {0};
    struct field field = {
        .kind = FIELD_BOOLEAN, .number = FIELD_DELETED, .name = "_deleted", .more = &nothing};
    return encode_value(check, &field, value, body);
}

static enum error_code refuse_missing(const struct check *check, const struct field *field)
{
    char what[160];
    snprintf(what, sizeof what, "the field \"%s\" of %s", field->name, check->type->name);
    error_set(check->error, ERR_INVALID, what, "it is required and was not given");
    if (check->quotes)
        error_next(check->error, "give a value for \"%s\" and write again", field->name);
    return ERR_INVALID;
}

static enum error_code encode_field(const struct check *check, const struct field *field,
                                    struct span value, struct buffer *body, uint32_t *pairs)
{
    bool standard = value.size == 0 && check->creating && !field->ended;
    if (value.size == 0 && (!standard || field->more->standard.size == 0))
        return standard && field->required ? refuse_missing(check, field) : ERR_OK;
    ++*pairs;
    if (value.size == 0) {
        mp_write_int(body, field->number);
        buffer_append_span(body, field->more->standard);
        return ERR_OK;
    }
    enum error_code code = check_open(check, field);
    return code == ERR_OK ? encode_value(check, field, value, body) : code;
}

static enum error_code encode_given(const struct check *check, const struct given *given,
                                    struct buffer *body, uint32_t *pairs)
{
    if (check->creating && check->type->ended)
        return refuse_body(check, "no new records of this type are made any more");
    for (size_t i = 0; i < check->type->field_count; i++) {
        enum error_code code =
            encode_field(check, &check->type->fields[i], given->values[i], body, pairs);
        if (code != ERR_OK)
            return code;
    }
    if (given->deleted.size == 0)
        return ERR_OK;
    ++*pairs;
    return encode_deleted(check, given->deleted, body);
}

static enum error_code encode_body(const struct check *check, struct span fields,
                                   struct buffer *body)
{
    struct given given = {0};
    struct buffer pairs = {0};
    uint32_t count = 0;
    enum error_code code = read_given(check, fields, &given);
    if (code == ERR_OK)
        code = encode_given(check, &given, &pairs, &count);
    if (code == ERR_OK) {
        mp_write_map(body, count);
        buffer_append_span(body, span_of_buffer(&pairs));
    }
    buffer_free(&pairs);
    return code;
}

enum error_code schema_encode_body(const struct record_type *type, struct span fields,
                                   bool creating, struct buffer *body, struct error *error)
{
    struct check check = {.type = type, .creating = creating, .quotes = true, .error = error};
    return encode_body(&check, fields, body);
}

enum error_code schema_encode_wanted(const struct record_type *type, struct span fields,
                                     struct buffer *body, struct error *error)
{
    struct check check = {.type = type, .quotes = true, .asks = true, .error = error};
    return encode_body(&check, fields, body);
}

/* Behind the positive numbers, before those nearer to -1. */
void schema_put_system_field(struct buffer *body, int32_t number, struct span value)
{
    struct buffer whole = {0};
    struct mp_reader reader = mp_reader_known(span_of_buffer(body));
    struct mp_fields fields = mp_fields(&reader);
    bool placed = false;
    int32_t key;
    assert(number < 0);
    mp_write_map(&whole, fields.left + 1);
    for (bool more = true; more || !placed;) {
        more = mp_field(&reader, &fields, &key);
        if (!placed && (!more || (key < 0 && key > number))) {
            mp_write_int(&whole, number);
            buffer_append_span(&whole, value);
            placed = true;
        }
        if (more) {
            mp_write_int(&whole, key);
            buffer_append_span(&whole, mp_read_any(&reader));
        }
    }
    buffer_free(body);
    *body = whole;
}

void schema_address_body(struct buffer *body, struct span seat)
{
    struct buffer value = {0};
    mp_write_str(&value, seat);
    schema_put_system_field(body, FIELD_TO, span_of_buffer(&value));
    buffer_free(&value);
}

struct span schema_body_address(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    if (mp_peek(&reader) != MP_MAP)
        return SPAN_EMPTY;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == FIELD_TO && mp_peek(&reader) == MP_STR)
            return mp_read_str(&reader);
        mp_read_any(&reader);
    }
    return SPAN_EMPTY;
}

/* ---- bodies from elsewhere ---- */

/* [[field, key id, epoch, n, place] ...] */
static bool removal_fits(const struct record_type *type, struct mp_reader *reader)
{
    uint32_t count = mp_read_array(reader);
    bool fits = count > 0;
    for (uint32_t i = 0; i < count && fits; i++) {
        fits = mp_read_array(reader) == 5;
        const struct field *field =
            type_field(type, (int32_t)mp_read_uint_max(reader, FIELD_NUMBER_MAX));
        mp_read_bin_of(reader, 8); /* a key id */
        mp_read_uint_max(reader, UINT32_MAX);
        fits = fits && mp_read_uint_max(reader, UINT32_MAX) > 0;
        mp_read_uint_max(reader, VALUE_ITEMS_MAX);
        fits = fits && !reader->failed && field != NULL && field->kind == FIELD_LIST;
    }
    return fits;
}

static enum error_code check_removal(const struct check *check, struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    if (removal_fits(check->type, &reader))
        return ERR_OK;
    return refuse(check, "_remove", "items of lists: [[field, key id, epoch, n, place] ...]",
                  value);
}

static enum error_code check_deleted(const struct check *check, struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    return mp_peek(&reader) == MP_BOOL ? ERR_OK : refuse(check, "_deleted", "true or false", value);
}

static enum error_code check_address(const struct check *check, struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    struct span seat = mp_peek(&reader) == MP_STR ? mp_read_str(&reader) : SPAN_EMPTY;
    bool is_seat = seat.size > 0 && seat.size <= SEAT_BYTES_MAX && utf8_printable(seat);
    if (!check->creating || check->type->circle != CIRCLE_ADDRESSED || !is_seat)
        return refuse(check, "_to", "a seat, when a record is made for one", value);
    return ERR_OK;
}

/* What it may do is judged with the whole body. */
static enum error_code check_transition(const struct check *check, struct span value)
{
    struct mp_reader reader = mp_reader_known(value);
    uint64_t number = mp_peek(&reader) == MP_INT ? mp_read_uint_max(&reader, UINT16_MAX) : 0;
    return number > 0 && !reader.failed && check->type->workflow != NULL
               ? ERR_OK
               : refuse(check, "_step", "the number of a step of its type's workflow", value);
}

static enum error_code check_pair(const struct check *check, int32_t key, struct span value)
{
    if (key == FIELD_TRANSITION)
        return check_transition(check, value);
    if (key == FIELD_DELETED)
        return check_deleted(check, value);
    if (key == FIELD_REMOVE)
        return check_removal(check, value);
    if (key == FIELD_TO)
        return check_address(check, value);
    if (key == FIELD_ENDORSES)
        return endorsement_fits(value)
                   ? ERR_OK
                   : refuse(check, "_endorses", "digests of entries, and a reason", value);
    const struct field *field = type_field(check->type, key);
    if (field != NULL && !field_takes(field, value))
        return refuse_value(check, field, value);
    if (field != NULL)
        return check_open(check, field);
    char what[160];
    snprintf(what, sizeof what, "the field number %d of %s", (int)key, check->type->name);
    error_set(check->error, ERR_PARKED, what, "the schema here has no field of this number");
    error_next(check->error, "it waits for a newer schema; nothing needs to be done here");
    return ERR_PARKED;
}

/* Required fields that a creation lacks; both are in the order of their numbers. */
static const struct field *missing_field(const struct record_type *type, struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    bool more = mp_field(&reader, &fields, &key);
    for (size_t i = 0; i < type->field_count; i++) {
        while (more && key > 0 && key < type->fields[i].number) {
            mp_read_any(&reader);
            more = mp_field(&reader, &fields, &key);
        }
        if (type->fields[i].required && !type->fields[i].ended &&
            !(more && key == type->fields[i].number))
            return &type->fields[i];
    }
    return NULL;
}

/* An unknown field outweighs a wrong one: the schema that knows the former may allow the
 * latter. */
static enum error_code check_pairs(const struct record_type *type, struct span body, bool creating,
                                   struct error *error)
{
    struct error fault = {0};
    struct check check = {.type = type, .creating = creating, .error = &fault};
    enum error_code code = ERR_OK;
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    while (code != ERR_PARKED && mp_field(&reader, &fields, &key)) {
        enum error_code verdict = check_pair(&check, key, mp_read_any(&reader));
        if (verdict == ERR_PARKED || (verdict != ERR_OK && code == ERR_OK)) {
            code = verdict;
            *error = fault;
        }
    }
    return code;
}

enum error_code schema_check_fields(const struct record_type *type, struct span body, bool creating,
                                    struct error *error)
{
    struct error fault = {0};
    struct check check = {.type = type, .quotes = false, .error = &fault};
    struct mp_reader reader = mp_reader_known(body);
    enum error_code code = mp_peek(&reader) == MP_MAP
                               ? check_pairs(type, body, creating, &fault)
                               : refuse_body(&check, "the body is not a fields map");
    if (code == ERR_OK && schema_body_transition(body) != 0 && (creating || !step_fits(type, body)))
        code = refuse_body(&check, "it takes a step that its type doesn't have like this");
    const struct field *missing = code == ERR_OK && creating ? missing_field(type, body) : NULL;
    if (missing != NULL)
        code = refuse_missing(&check, missing);
    if (code == ERR_OK && creating && type->ended)
        code = refuse_body(&check, "no new records of this type are made any more");
    if (code == ERR_OK && creating && type->circle == CIRCLE_ADDRESSED &&
        schema_body_address(body).size == 0)
        code = refuse_body(&check, "it is made for one seat and names none");
    if (code != ERR_OK && error != NULL)
        *error = fault;
    return code;
}

enum error_code schema_check_body(const struct record_type *type, struct span body, bool creating,
                                  struct error *error)
{
    struct error fault = {0};
    struct check check = {.type = type, .quotes = false, .error = &fault};
    if (mp_valid(body))
        return schema_check_fields(type, body, creating, error);
    refuse_body(&check, "the body is not a fields map");
    if (error != NULL)
        *error = fault;
    return ERR_INVALID;
}
