/* Desks that write and read, their record in words, and every order in which a history arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/record_desk.h"

static const char types_text[] = "version: 1\n"
                                 "types:\n"
                                 "  matter:\n"
                                 "    number: 1\n"
                                 "    class: normal\n"
                                 "    circle: path\n"
                                 "    fields:\n"
                                 "      title: {number: 1, kind: text}\n"
                                 "      status: {number: 2, kind: text}\n"
                                 "      level: {number: 3, kind: integer}\n"
                                 "      notes: {number: 4, kind: list}\n"
                                 "      calls: {number: 5, kind: counter}\n"
                                 "      tags: {number: 6, kind: list}\n";

static struct schema *schema;
const struct record_type *matter;

struct history written;
struct desk county, township, village, other;

struct key_id key_of(char letter)
{
    struct key_id key = {{(uint8_t)letter, 1, 2, 3, 4, 5, 6, 7}};
    return key;
}

int load_types(void **state)
{
    (void)state;
    struct error error = {0};
    struct schema_source *source = schema_compile(span_of_text(types_text), "types.yaml", &error);
    if (source == NULL)
        fail_msg("%s: %s", error.what, error.why);
    struct span row = span_of_buffer(&source->rows[0]);
    schema = schema_load(1, &row, 1, &error);
    schema_source_free(source);
    matter = schema_type(schema, 1);
    return 0;
}

int free_types(void **state)
{
    (void)state;
    schema_free(schema);
    return 0;
}

struct desk open_desk(char letter, uint8_t rank, uint32_t epoch)
{
    return (struct desk){letter, epoch, rank, record_new(), &written};
}

int open_desks(void **state)
{
    (void)state;
    memset(&written, 0, sizeof written);
    county = open_desk('C', 0, 1);
    township = open_desk('T', 2, 1);
    village = open_desk('V', 3, 1);
    other = open_desk('W', 3, 1);
    return 0;
}

void clear_written(void)
{
    for (size_t i = 0; i < written.count; i++)
        buffer_free(&written.events[i].body);
    written.count = 0;
}

int close_desks(void **state)
{
    (void)state;
    record_free(county.record);
    record_free(township.record);
    record_free(village.record);
    record_free(other.record);
    clear_written();
    return 0;
}

void apply_event(struct record_state *record, const struct event *event)
{
    struct dot missing;
    assert_int_equal(record_judge(record, &event->op, &missing), RECORD_READY);
    record_apply(record, &event->op, matter, span_of_buffer(&event->body));
    assert_int_equal(record_judge(record, &event->op, &missing), RECORD_DUPLICATE);
}

/* A desk's next operation: not applied yet. */
struct event *begin_event(struct desk *desk, uint64_t clock)
{
    assert_true(desk->history->count < EVENTS_MAX);
    struct event *event = &desk->history->events[desk->history->count++];
    struct operation *op = &event->op;
    uint32_t own_n;
    op->dot.author = key_of(desk->letter);
    op->dot.epoch = desk->epoch;
    op->context_count =
        record_context(desk->record, op->dot.author, desk->epoch, event->context, &own_n);
    op->context = event->context;
    op->dot.n = own_n + 1;
    op->clock = clock;
    op->rank = desk->rank;
    op->stream = 1;
    op->seq = (uint32_t)desk->history->count;
    memset(op->digest.bytes, (int)desk->history->count, HASH_BYTES);
    return event;
}

void end_event(struct desk *desk, struct event *event)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&event->body));
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    event->op.deletes = 0;
    while (mp_field(&reader, &fields, &key)) {
        if (key == FIELD_DELETED)
            event->op.deletes = mp_read_bool(&reader) ? 1 : 2;
        else
            mp_read_any(&reader);
    }
    apply_event(desk->record, event);
}

/* NAME, VALUE, ..., NULL; a counter's value is the new total. */
void encode_texts(const char *const *texts, struct buffer *body)
{
    struct buffer fields = {0};
    struct error error = {0};
    uint32_t count = 0;
    while (texts[2 * count] != NULL)
        count++;
    mp_write_map(&fields, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_write_text(&fields, texts[i]);
    if (schema_encode_body(matter, span_of_buffer(&fields), false, body, &error) != ERR_OK)
        fail_msg("%s: %s", error.what, error.why);
    buffer_free(&fields);
}

size_t write_texts(struct desk *desk, uint64_t clock, const char *const *texts)
{
    struct event *event = begin_event(desk, clock);
    encode_texts(texts, &event->body);
    end_event(desk, event);
    return written.count - 1;
}

void read_event(struct desk *desk, size_t index)
{
    apply_event(desk->record, &written.events[index]);
}

/* ---- a state in words ---- */

void words_add(char *to, const char *format, ...)
{
    size_t used = strlen(to);
    va_list values;
    va_start(values, format);
    vsnprintf(to + used, TEXT_MAX - used, format, values);
    va_end(values);
}

void words_add_value(char *to, struct mp_reader *reader)
{
    struct span text;
    switch ((int)mp_peek(reader)) {
    case MP_STR:
        text = mp_read_str(reader);
        words_add(to, "%.*s", (int)text.size, (const char *)text.data);
        break;
    case MP_BOOL: words_add(to, mp_read_bool(reader) ? "true" : "false"); break;
    case MP_INT: words_add(to, "%lld", (long long)mp_read_int(reader)); break;
    case MP_ARRAY:
        words_add(to, "[");
        for (uint32_t i = 0, count = mp_read_array(reader); i < count; i++) {
            words_add(to, i > 0 ? "," : "");
            words_add_value(to, reader);
        }
        words_add(to, "]");
        break;
    default: fail_msg("a value of an unexpected kind");
    }
}

static void expect_key(struct mp_reader *reader, const char *key)
{
    struct span found = mp_read_str(reader);
    assert_true(span_equal(found, span_of_text(key)));
}

static void print_conflict(char *to, struct mp_reader *reader)
{
    assert_int_equal(mp_read_map(reader), 6);
    expect_key(reader, "field");
    words_add(to, " ");
    words_add_value(to, reader);
    expect_key(reader, "value");
    words_add(to, "=");
    words_add_value(to, reader);
    expect_key(reader, "author");
    const uint8_t *key = mp_read_bin_of(reader, KEY_ID_BYTES);
    assert_non_null(key);
    expect_key(reader, "epoch");
    unsigned epoch = (unsigned)mp_read_uint(reader);
    expect_key(reader, "n");
    words_add(to, "@%c%u.%u", key[0], epoch, (unsigned)mp_read_uint(reader));
    expect_key(reader, "clock");
    mp_read_uint(reader);
}

/* "title=x notes=[a,b] | title=y@V1.2 | operations 3, excluded 0, changed 7" */
const char *in_words(const struct record_state *record)
{
    static char text[TEXT_MAX];
    struct buffer out = {0};
    text[0] = 0;
    record_describe(record, matter, &out);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    uint32_t forked = mp_read_map(&reader) - 6;
    assert_int_equal(forked, record_forked_count(record) > 0);
    expect_key(&reader, "fields");
    for (uint32_t left = mp_read_map(&reader); left > 0; left--) {
        words_add_value(text, &reader);
        words_add(text, "=");
        words_add_value(text, &reader);
        words_add(text, " ");
    }
    words_add(text, "|");
    expect_key(&reader, "conflicts");
    for (uint32_t left = mp_read_array(&reader); left > 0; left--)
        print_conflict(text, &reader);
    expect_key(&reader, "deleted");
    words_add(text, mp_read_bool(&reader) ? " | deleted," : " |");
    expect_key(&reader, "operations");
    words_add(text, " operations %u", (unsigned)mp_read_uint(&reader));
    expect_key(&reader, "excluded");
    words_add(text, ", excluded %u", (unsigned)mp_read_uint(&reader));
    expect_key(&reader, "changed");
    words_add(text, ", changed %llu", (unsigned long long)mp_read_uint(&reader));
    if (forked > 0) {
        expect_key(&reader, "forked");
        words_add(text, ", forked %u", (unsigned)mp_read_uint(&reader));
    }
    mp_read_end(&reader);
    assert_false(reader.failed);
    buffer_free(&out);
    return text;
}

struct buffer canonical(const struct record_state *record)
{
    struct buffer out = {0};
    record_canonical(record, &out);
    return out;
}

/* Through the store's row, which must lose nothing. */
struct record_state *through_row(const struct record_state *record)
{
    struct buffer row = {0}, again = {0};
    record_encode(record, &row);
    struct record_state *copy = record_decode(span_of_buffer(&row));
    assert_non_null(copy);
    record_encode(copy, &again);
    assert_true(span_equal(span_of_buffer(&row), span_of_buffer(&again)));
    buffer_free(&again);
    buffer_free(&row);
    return copy;
}

/* ---- every order of arrival ---- */

struct orders {
    const char *words;
    struct buffer canonical; /* of the first order */
    uint64_t mask;           /* which events arrive */
    size_t order_count;
};

static void check_end(struct orders *orders, const struct record_state *record)
{
    struct buffer found = canonical(record);
    assert_string_equal(in_words(record), orders->words);
    if (orders->order_count++ == 0)
        buffer_append_span(&orders->canonical, span_of_buffer(&found));
    assert_true(span_equal(span_of_buffer(&found), span_of_buffer(&orders->canonical)));
    buffer_free(&found);
}

static void try_orders(struct orders *orders, const struct record_state *record, uint64_t here)
{
    if (here == orders->mask) {
        check_end(orders, record);
        return;
    }
    for (size_t i = 0; i < written.count; i++) {
        struct dot missing;
        const struct event *event = &written.events[i];
        if ((orders->mask >> i & 1) == 0 || (here >> i & 1) == 1 ||
            record_judge(record, &event->op, &missing) != RECORD_READY)
            continue;
        struct record_state *next = through_row(record);
        apply_event(next, event);
        try_orders(orders, next, here | (uint64_t)1 << i);
        record_free(next);
    }
}

/* All orders of these events that respect causality come to these words and the same bytes. */
size_t all_orders_of(uint64_t mask, const char *words)
{
    struct orders orders = {.words = words, .mask = mask};
    struct record_state *empty = record_new();
    try_orders(&orders, empty, 0);
    record_free(empty);
    buffer_free(&orders.canonical);
    assert_true(orders.order_count > 0);
    return orders.order_count;
}

size_t all_orders(const char *words)
{
    return all_orders_of(((uint64_t)1 << written.count) - 1, words);
}
