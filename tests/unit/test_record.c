/* Folding operations: the design's histories in every order of arrival, and random histories
 * against a second, naive answer that is written here from the rules alone.
 *
 * A `desk` is an author with its own copy of the record. It writes with the context of what
 * it holds and reads operations of others; `history` keeps every operation ever written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/record.h"

enum { TITLE = 1, STATUS = 2, LEVEL = 3, NOTES = 4, CALLS = 5, TAGS = 6 };
enum { EVENTS_MAX = 64, DESKS_MAX = 8, TEXT_MAX = 32768 };

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
static const struct record_type *matter;

struct event {
    struct operation op;
    struct dot context[CONTEXT_PAIRS_MAX];
    struct buffer body;
};

struct history {
    struct event events[EVENTS_MAX];
    size_t count;
};

struct desk {
    char letter;
    uint32_t epoch;
    uint8_t rank;
    struct record_state *record;
    struct history *history;
};

static struct history history;
static struct desk county, township, village, other;

static struct key_id key_of(char letter)
{
    struct key_id key = {{(uint8_t)letter, 1, 2, 3, 4, 5, 6, 7}};
    return key;
}

static int load_types(void **state)
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

static int free_types(void **state)
{
    (void)state;
    schema_free(schema);
    return 0;
}

static struct desk open_desk(char letter, uint8_t rank, uint32_t epoch)
{
    return (struct desk){letter, epoch, rank, record_new(), &history};
}

static int open_desks(void **state)
{
    (void)state;
    memset(&history, 0, sizeof history);
    county = open_desk('C', 0, 1);
    township = open_desk('T', 2, 1);
    village = open_desk('V', 3, 1);
    other = open_desk('W', 3, 1);
    return 0;
}

static void clear_history(void)
{
    for (size_t i = 0; i < history.count; i++)
        buffer_free(&history.events[i].body);
    history.count = 0;
}

static int close_desks(void **state)
{
    (void)state;
    record_free(county.record);
    record_free(township.record);
    record_free(village.record);
    record_free(other.record);
    clear_history();
    return 0;
}

static void apply_event(struct record_state *record, const struct event *event)
{
    struct dot missing;
    assert_int_equal(record_judge(record, &event->op, &missing), RECORD_READY);
    record_apply(record, &event->op, matter, span_of_buffer(&event->body));
    assert_int_equal(record_judge(record, &event->op, &missing), RECORD_DUPLICATE);
}

/* A desk's next operation: not applied yet. */
static struct event *begin_event(struct desk *desk, uint64_t clock)
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

static void end_event(struct desk *desk, struct event *event)
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
static void encode_texts(const char *const *texts, struct buffer *body)
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

static size_t write_texts(struct desk *desk, uint64_t clock, const char *const *texts)
{
    struct event *event = begin_event(desk, clock);
    encode_texts(texts, &event->body);
    end_event(desk, event);
    return history.count - 1;
}

#define WRITE(desk, clock, ...) write_texts(desk, clock, (const char *const[]){__VA_ARGS__, NULL})

static void read_event(struct desk *desk, size_t index)
{
    apply_event(desk->record, &history.events[index]);
}

/* ---- a state in words ---- */

static void print(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print(char *to, const char *format, ...)
{
    size_t used = strlen(to);
    va_list values;
    va_start(values, format);
    vsnprintf(to + used, TEXT_MAX - used, format, values);
    va_end(values);
}

static void print_value(char *to, struct mp_reader *reader)
{
    struct span text;
    switch ((int)mp_peek(reader)) {
    case MP_STR:
        text = mp_read_str(reader);
        print(to, "%.*s", (int)text.size, (const char *)text.data);
        break;
    case MP_BOOL: print(to, mp_read_bool(reader) ? "true" : "false"); break;
    case MP_INT: print(to, "%lld", (long long)mp_read_int(reader)); break;
    case MP_ARRAY:
        print(to, "[");
        for (uint32_t i = 0, count = mp_read_array(reader); i < count; i++) {
            print(to, i > 0 ? "," : "");
            print_value(to, reader);
        }
        print(to, "]");
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
    print(to, " ");
    print_value(to, reader);
    expect_key(reader, "value");
    print(to, "=");
    print_value(to, reader);
    expect_key(reader, "author");
    const uint8_t *key = mp_read_bin_of(reader, KEY_ID_BYTES);
    assert_non_null(key);
    expect_key(reader, "epoch");
    unsigned epoch = (unsigned)mp_read_uint(reader);
    expect_key(reader, "n");
    print(to, "@%c%u.%u", key[0], epoch, (unsigned)mp_read_uint(reader));
    expect_key(reader, "clock");
    mp_read_uint(reader);
}

/* "title=x notes=[a,b] | title=y@V1.2 | operations 3, excluded 0, changed 7" */
static const char *in_words(const struct record_state *record)
{
    static char text[TEXT_MAX];
    struct buffer out = {0};
    text[0] = 0;
    record_describe(record, matter, &out);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    assert_int_equal(mp_read_map(&reader), 6);
    expect_key(&reader, "fields");
    for (uint32_t left = mp_read_map(&reader); left > 0; left--) {
        print_value(text, &reader);
        print(text, "=");
        print_value(text, &reader);
        print(text, " ");
    }
    print(text, "|");
    expect_key(&reader, "conflicts");
    for (uint32_t left = mp_read_array(&reader); left > 0; left--)
        print_conflict(text, &reader);
    expect_key(&reader, "deleted");
    print(text, mp_read_bool(&reader) ? " | deleted," : " |");
    expect_key(&reader, "operations");
    print(text, " operations %u", (unsigned)mp_read_uint(&reader));
    expect_key(&reader, "excluded");
    print(text, ", excluded %u", (unsigned)mp_read_uint(&reader));
    expect_key(&reader, "changed");
    print(text, ", changed %llu", (unsigned long long)mp_read_uint(&reader));
    mp_read_end(&reader);
    assert_false(reader.failed);
    buffer_free(&out);
    return text;
}

static struct buffer canonical(const struct record_state *record)
{
    struct buffer out = {0};
    record_canonical(record, &out);
    return out;
}

/* Through the store's row, which must lose nothing. */
static struct record_state *through_row(const struct record_state *record)
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
    for (size_t i = 0; i < history.count; i++) {
        struct dot missing;
        const struct event *event = &history.events[i];
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
static size_t all_orders_of(uint64_t mask, const char *words)
{
    struct orders orders = {.words = words, .mask = mask};
    struct record_state *empty = record_new();
    try_orders(&orders, empty, 0);
    record_free(empty);
    buffer_free(&orders.canonical);
    assert_true(orders.order_count > 0);
    return orders.order_count;
}

static size_t all_orders(const char *words)
{
    return all_orders_of(((uint64_t)1 << history.count) - 1, words);
}

/* ---- the histories ---- */

static void authority_not_number_of_edits(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&county, creation);
    read_event(&township, creation);
    WRITE(&village, 10, "status", "v1");
    size_t second = WRITE(&village, 11, "status", "v2");
    size_t top = WRITE(&county, 5, "status", "county");
    size_t orders =
        all_orders("title=r status=county | status=v2@V1.3 | operations 4, excluded 0, changed 11");
    assert_int_equal(orders, 3);
    read_event(&township, second - 1);
    read_event(&township, second);
    read_event(&township, top);
    WRITE(&township, 1, "status", "agreed");
    all_orders("title=r status=agreed | | operations 5, excluded 0, changed 1");
}

static void what_was_seen_is_in_no_conflict(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&county, creation);
    read_event(&township, creation);
    size_t low = WRITE(&village, 2, "status", "v");
    WRITE(&township, 3, "status", "t");
    read_event(&county, low);
    WRITE(&county, 1, "status", "c");
    all_orders("title=r status=c | status=t@T1.1 | operations 4, excluded 0, changed 3");
}

static void a_later_edit_wins_whatever_clock_and_tier_say(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&county, creation);
    size_t far = WRITE(&county, 4070908800000, "status", "c"); /* 2099 */
    read_event(&village, far);
    WRITE(&village, 0, "status", "v");
    size_t orders = all_orders("title=r status=v | | operations 3, excluded 0, changed 0");
    assert_int_equal(orders, 1);
    assert_int_equal(record_operation(village.record, 1)->clock, 4070908800000);
}

static void delete_then_an_absentee(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "old");
    read_event(&township, creation);
    size_t deletion = WRITE(&township, 100, "_deleted", "true");
    size_t edit = WRITE(&village, 300, "title", "new");
    size_t orders =
        all_orders("title=new | title=new@V1.2 | deleted, operations 3, excluded 0, changed 300");
    assert_int_equal(orders, 2);
    read_event(&village, deletion);
    read_event(&township, edit);
    assert_true(record_deleted(village.record));
    assert_true(record_deleted(township.record));
    struct event late = {0};
    late.op = history.events[deletion].op;
    late.op.dot.n++;
    assert_true(record_deleted_as_seen(township.record, &late.op)); /* its author deleted it */
    assert_false(record_deleted_as_seen(township.record, &history.events[edit].op));
    WRITE(&township, 400, "_deleted", "false");
    all_orders("title=new | | operations 4, excluded 0, changed 400");
    assert_false(record_deleted(township.record));
    assert_true(record_deleted(village.record));
}

/* Two deletions that know nothing of each other; one who saw the first alone can't restore. */
static void a_restore_undoes_only_deletions_it_saw(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&township, creation);
    read_event(&other, creation);
    size_t first = WRITE(&township, 5, "_deleted", "true");
    size_t second = WRITE(&other, 6, "_deleted", "true");
    read_event(&village, first);
    size_t restore = WRITE(&village, 9, "_deleted", "false");
    all_orders("title=r | _deleted=true@W1.1 | operations 4, excluded 0, changed 9");
    read_event(&township, second);
    read_event(&township, restore);
    WRITE(&township, 10, "_deleted", "true");
    all_orders("title=r | | deleted, operations 5, excluded 0, changed 10");
}

static void whatever_was_written_beside_a_deletion_is_shown(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r", "notes", "seen", "calls", "1");
    read_event(&township, creation);
    WRITE(&village, 2, "notes", "missed", "calls", "3", "level", "4");
    WRITE(&township, 3, "_deleted", "true", "status", "wrong");
    all_orders("title=r status=wrong level=4 notes=[seen,missed] calls=3 | level=4@V1.2 "
               "notes=missed@V1.2 calls=3@V1.2 | deleted, operations 3, excluded 0, changed 3");
}

static void ties_are_broken_by_clock_key_epoch_and_n(void **state)
{
    (void)state;
    struct desk again = open_desk('V', 3, 2);
    size_t creation = WRITE(&township, 1, "title", "r");
    read_event(&village, creation);
    read_event(&other, creation);
    read_event(&again, creation);
    WRITE(&village, 5, "title", "v1");
    WRITE(&again, 5, "title", "v2");
    all_orders("title=v2 | title=v1@V1.1 | operations 3, excluded 0, changed 5");
    WRITE(&other, 5, "title", "w");
    all_orders("title=w | title=v2@V2.1 title=v1@V1.1 | operations 4, excluded 0, changed 5");
    record_free(again.record);
}

/* History 19: an old image. Two epochs of one author are two authors. */
static void a_restored_image_loses_nothing(void **state)
{
    (void)state;
    size_t image = WRITE(&village, 1, "status", "a", "calls", "3");
    struct desk restored = open_desk('V', 3, 2);
    read_event(&restored, image);
    WRITE(&village, 9, "status", "lost", "calls", "5");
    assert_int_equal(record_counter_of(restored.record, CALLS, key_of('V'), 2), 0);
    assert_int_equal(record_counter_of(restored.record, CALLS, key_of('V'), 1), 3);
    WRITE(&restored, 5, "status", "new", "calls", "4");
    all_orders_of(1 | 4, "status=new calls=7 | | operations 2, excluded 0, changed 5");
    all_orders("status=lost calls=9 | status=new@V2.1 | operations 3, excluded 0, changed 9");
    record_free(restored.record);
}

/* History 6: the order of attempts, and of several items of one operation. */
static void lists_are_in_canonical_order(void **state)
{
    (void)state;
    size_t first = WRITE(&village, 1, "notes", "one");
    size_t second = WRITE(&village, 8, "notes", "two");
    read_event(&township, first);
    read_event(&township, second);
    WRITE(&village, 3, "notes", "village");
    struct event *event = begin_event(&township, 9);
    mp_write_map(&event->body, 1);
    mp_write_int(&event->body, NOTES);
    mp_write_array(&event->body, 2);
    mp_write_text(&event->body, "township");
    mp_write_text(&event->body, "again");
    end_event(&township, event);
    all_orders("notes=[one,two,township,again,village] | | operations 4, excluded 0, changed 9");
}

static void write_removal(struct desk *desk, size_t item, uint32_t place)
{
    const struct dot *dot = &history.events[item].op.dot;
    struct event *event = begin_event(desk, 20);
    mp_write_map(&event->body, 1);
    mp_write_int(&event->body, FIELD_REMOVE);
    mp_write_array(&event->body, 1);
    mp_write_array(&event->body, 5);
    mp_write_uint(&event->body, NOTES);
    mp_write_bin(&event->body, SPAN_OF_ARRAY(dot->author.bytes));
    mp_write_uint(&event->body, dot->epoch);
    mp_write_uint(&event->body, dot->n);
    mp_write_uint(&event->body, place);
    end_event(desk, event);
}

static void items_seen_can_be_removed_and_no_others(void **state)
{
    (void)state;
    size_t first = WRITE(&village, 1, "notes", "one");
    size_t unseen = WRITE(&village, 2, "notes", "two");
    read_event(&township, first);
    write_removal(&township, unseen, 0);
    all_orders("notes=[one,two] | | operations 3, excluded 0, changed 20");
    write_removal(&township, first, 1); /* there is no such place */
    write_removal(&township, first, 0);
    all_orders("notes=[two] | | operations 5, excluded 0, changed 20");
}

static void excluded_operations_are_here_without_effect(void **state)
{
    (void)state;
    size_t creation = WRITE(&village, 1, "title", "r");
    read_event(&other, creation);
    struct event *event = begin_event(&other, 99);
    encode_texts((const char *const[]){"title", "bad", "notes", "bad", "calls", "9", "_deleted",
                                       "true", NULL},
                 &event->body);
    event->op.verdict = OPERATION_EXCLUDED;
    event->op.deletes = 1;
    apply_event(other.record, event);
    read_event(&township, creation);
    read_event(&township, 1);
    WRITE(&township, 5, "status", "after");
    all_orders("title=r status=after | | operations 3, excluded 1, changed 5");
    assert_false(record_deleted_as_seen(township.record, &history.events[2].op));
}

static void fields_unknown_here_change_nothing(void **state)
{
    (void)state;
    struct event *event = begin_event(&village, 1);
    static const uint8_t body[] = {0x83, 1, 0xa1, 'r', 70, 0x92, 1, 2, 0xfe, 7};
    buffer_append(&event->body, body, sizeof body);
    end_event(&village, event);
    struct event *empty = begin_event(&village, 2); /* an extension has no fields */
    apply_event(village.record, empty);
    all_orders("title=r | | operations 2, excluded 0, changed 2");
}

static void totals_stay_within_their_bounds(void **state)
{
    (void)state;
    WRITE(&village, 1, "calls", "9223372036854775807");
    read_event(&township, 0);
    WRITE(&township, 2, "calls", "9223372036854775807");
    read_event(&other, 0);
    WRITE(&other, 3, "calls", "-9223372036854775808");
    all_orders_of(3, "calls=9223372036854775807 | | operations 2, excluded 0, changed 2");
    all_orders("calls=9223372036854775806 | | operations 3, excluded 0, changed 3");
}

/* ---- judging ---- */

static void judged(const struct record_state *record, const struct operation *op, char letter,
                   uint32_t n)
{
    struct dot missing = {0};
    assert_int_equal(record_judge(record, op, &missing), RECORD_MISSING);
    assert_int_equal(missing.author.bytes[0], letter);
    assert_int_equal(missing.epoch, 1);
    assert_int_equal(missing.n, n);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    WRITE(&village, 1, "title", "r");
    WRITE(&village, 2, "title", "s");
    read_event(&township, 0);
    read_event(&township, 1);
    WRITE(&township, 3, "title", "t");
    judged(county.record, &history.events[1].op, 'V', 1);
    judged(county.record, &history.events[2].op, 'V', 1);
    read_event(&county, 0);
    judged(county.record, &history.events[2].op, 'V', 2);
    struct operation skipping = history.events[2].op;
    skipping.dot.n = 3;
    judged(county.record, &skipping, 'T', 1);
    struct operation forked = history.events[0].op;
    struct dot missing;
    forked.digest.bytes[31] ^= 1;
    assert_int_equal(record_judge(county.record, &forked, &missing), RECORD_FORKED);
    assert_int_equal(record_judge(county.record, &history.events[0].op, &missing),
                     RECORD_DUPLICATE);
}

static void contexts_are_sorted_and_bounded(void **state)
{
    (void)state;
    struct dot context[CONTEXT_PAIRS_MAX];
    uint32_t own_n;
    struct record_state *record = record_new();
    assert_int_equal(record_context(record, key_of('V'), 1, context, &own_n), 0);
    assert_int_equal(own_n, 0);
    for (int i = 0; i < 80; i++) {
        struct event event = {0};
        event.op.dot.author = key_of((char)(200 - i));
        event.op.dot.epoch = 1;
        event.op.dot.n = 1;
        apply_event(record, &event);
    }
    assert_int_equal(record_context(record, key_of((char)150), 1, context, &own_n), 79);
    assert_int_equal(own_n, 1);
    assert_int_equal(record_operation_count(record), 80);
    for (size_t i = 1; i < CONTEXT_PAIRS_MAX; i++)
        assert_true(dot_compare(&context[i - 1], &context[i]) < 0);
    record_free(record);
}

static void pairs_of_nothing_cover_nothing(void **state)
{
    (void)state;
    struct event event = {0};
    event.context[0] = (struct dot){key_of('X'), 1, 0};
    event.op.dot = (struct dot){key_of('V'), 1, 1};
    event.op.context = event.context;
    event.op.context_count = 1;
    apply_event(village.record, &event);
    assert_int_equal(record_operation(village.record, 0)->context_count, 0);
    struct record_state *copy = through_row(village.record);
    record_free(copy);
}

/* ---- random histories against the naive answer ---- */

static uint64_t random_state;

static unsigned draw(unsigned bound) /* xorshift64* (S. Vigna) */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545f4914f6cdd1dull) >> 33) % bound;
}

static bool naive_same_author(const struct dot *a, const struct dot *b)
{
    return memcmp(a->author.bytes, b->author.bytes, KEY_ID_BYTES) == 0 && a->epoch == b->epoch;
}

static bool naive_covers(const struct operation *op, const struct dot *dot)
{
    if (naive_same_author(&op->dot, dot))
        return dot->n < op->dot.n;
    for (size_t i = 0; i < op->context_count; i++) {
        if (naive_same_author(&op->context[i], dot))
            return dot->n <= op->context[i].n;
    }
    return false;
}

static bool naive_saw(const struct event *a, const struct event *b)
{
    return naive_covers(&a->op, &b->op.dot);
}

/* By clock, key, epoch, n: below 0 if `a` is the lesser. */
static int naive_order(const struct event *a, const struct event *b)
{
    if (a->op.clock != b->op.clock)
        return a->op.clock < b->op.clock ? -1 : 1;
    int order = memcmp(a->op.dot.author.bytes, b->op.dot.author.bytes, KEY_ID_BYTES);
    if (order != 0)
        return order;
    if (a->op.dot.epoch != b->op.dot.epoch)
        return a->op.dot.epoch < b->op.dot.epoch ? -1 : 1;
    return a->op.dot.n < b->op.dot.n ? -1 : 1;
}

static bool naive_shown_before(const struct event *a, const struct event *b)
{
    if (a->op.rank != b->op.rank)
        return a->op.rank < b->op.rank;
    return naive_order(a, b) > 0;
}

/* Whether an admitted operation has this field; a reader at its value. */
static bool naive_has(const struct event *event, int32_t wanted, struct mp_reader *value)
{
    if (event->op.verdict == OPERATION_EXCLUDED)
        return false;
    struct mp_reader reader = mp_reader(span_of_buffer(&event->body));
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    while (mp_field(&reader, &fields, &key)) {
        *value = reader;
        if (key == wanted)
            return true;
        mp_read_any(&reader);
    }
    return false;
}

static bool naive_unreplaced(const struct event *event, int32_t field)
{
    struct mp_reader value;
    if (!naive_has(event, field, &value))
        return false;
    for (size_t i = 0; i < history.count; i++) {
        if (naive_has(&history.events[i], field, &value) && naive_saw(&history.events[i], event))
            return false;
    }
    return true;
}

/* The unreplaced assignments of a field, the shown one first. */
static size_t naive_standing(int32_t field, const struct event **standing)
{
    size_t count = 0;
    for (size_t i = 0; i < history.count; i++) {
        const struct event *event = &history.events[i];
        if (!naive_unreplaced(event, field))
            continue;
        size_t at = count++;
        while (at > 0 && naive_shown_before(event, standing[at - 1])) {
            standing[at] = standing[at - 1];
            at--;
        }
        standing[at] = event;
    }
    return count;
}

static bool naive_deleted(void)
{
    const struct event *standing[EVENTS_MAX];
    return naive_standing(FIELD_DELETED, standing) > 0 && standing[0]->op.deletes == 1;
}

static bool naive_beside_deletion(const struct event *event)
{
    const struct event *standing[EVENTS_MAX];
    size_t count = naive_standing(FIELD_DELETED, standing);
    for (size_t i = 0; i < count; i++) {
        if (naive_deleted() && standing[i]->op.deletes == 1 && standing[i] != event &&
            !naive_saw(event, standing[i]) && !naive_saw(standing[i], event))
            return true;
    }
    return false;
}

/* "Repeatedly take, among those whose context is taken, the least by (rank, clock, ...)". */
static void naive_canonical_order(const struct event **order)
{
    bool taken[EVENTS_MAX] = {false};
    for (size_t count = 0; count < history.count; count++) {
        size_t least = EVENTS_MAX;
        for (size_t i = 0; i < history.count; i++) {
            const struct event *event = &history.events[i];
            bool ready = !taken[i];
            for (size_t j = 0; j < history.count && ready; j++)
                ready = taken[j] || !naive_saw(event, &history.events[j]);
            if (!ready)
                continue;
            const struct event *best = least < EVENTS_MAX ? &history.events[least] : NULL;
            if (best == NULL || event->op.rank < best->op.rank ||
                (event->op.rank == best->op.rank && naive_order(event, best) < 0))
                least = i;
        }
        taken[least] = true;
        order[count] = &history.events[least];
    }
}

static bool naive_removed(const struct event *by, int32_t field, uint32_t place)
{
    for (size_t i = 0; i < history.count; i++) {
        struct mp_reader value;
        if (!naive_has(&history.events[i], FIELD_REMOVE, &value) ||
            !naive_saw(&history.events[i], by))
            continue;
        for (uint32_t left = mp_read_array(&value); left > 0; left--) {
            mp_read_array(&value);
            bool same = mp_read_int(&value) == field;
            struct dot dot = {0};
            memcpy(dot.author.bytes, mp_read_bin_of(&value, KEY_ID_BYTES), KEY_ID_BYTES);
            dot.epoch = (uint32_t)mp_read_uint(&value);
            dot.n = (uint32_t)mp_read_uint(&value);
            if (mp_read_uint(&value) == place && same && naive_same_author(&dot, &by->op.dot) &&
                dot.n == by->op.dot.n)
                return true;
        }
    }
    return false;
}

static void print_dot(char *to, const struct event *event)
{
    print(to, "@%c%u.%u", event->op.dot.author.bytes[0], event->op.dot.epoch, event->op.dot.n);
}

static void naive_conflict(char *conflicts, const char *name, const struct event *event,
                           struct mp_reader value)
{
    print(conflicts, " %s=", name);
    print_value(conflicts, &value);
    print_dot(conflicts, event);
}

static void naive_assignments(int32_t field, const char *name, char *fields, char *conflicts)
{
    const struct event *standing[EVENTS_MAX];
    size_t count = naive_standing(field, standing);
    for (size_t i = 0; i < count; i++) {
        struct mp_reader value;
        naive_has(standing[i], field, &value);
        if (i > 0 || (field != FIELD_DELETED && naive_beside_deletion(standing[i])))
            naive_conflict(conflicts, name, standing[i], value);
        if (i > 0 || field == FIELD_DELETED)
            continue;
        print(fields, "%s=", name);
        print_value(fields, &value);
        print(fields, " ");
    }
}

static void naive_list(int32_t field, const char *name, char *fields, char *conflicts)
{
    const struct event *order[EVENTS_MAX];
    static char items[TEXT_MAX];
    items[0] = 0;
    naive_canonical_order(order);
    for (size_t i = 0; i < history.count; i++) {
        struct mp_reader value;
        uint32_t count = naive_has(order[i], field, &value) ? mp_read_array(&value) : 0;
        for (uint32_t place = 0; place < count; place++) {
            struct mp_reader again = value;
            mp_read_any(&value);
            if (naive_removed(order[i], field, place))
                continue;
            if (naive_beside_deletion(order[i]))
                naive_conflict(conflicts, name, order[i], again);
            print(items, items[0] != 0 ? "," : "");
            print_value(items, &again);
        }
    }
    if (items[0] != 0)
        print(fields, "%s=[%s] ", name, items);
}

static const struct event *naive_newest_total(const struct event *event, int32_t field)
{
    const struct event *newest = NULL;
    for (size_t i = 0; i < history.count; i++) {
        const struct event *candidate = &history.events[i];
        struct mp_reader value;
        if (naive_same_author(&candidate->op.dot, &event->op.dot) &&
            naive_has(candidate, field, &value) &&
            (newest == NULL || candidate->op.dot.n > newest->op.dot.n))
            newest = candidate;
    }
    return newest;
}

/* Totals are printed in the order of desks' letters, which is that of their keys. */
static void naive_counter(int32_t field, const char *name, char *fields, char *conflicts)
{
    int64_t sum = 0;
    bool any = false;
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        for (uint32_t epoch = 1; epoch <= 2; epoch++) {
            struct event author = {.op.dot = {key_of(letter), epoch, 1}};
            const struct event *newest = naive_newest_total(&author, field);
            struct mp_reader value;
            if (newest == NULL || !naive_has(newest, field, &value))
                continue;
            if (naive_beside_deletion(newest))
                naive_conflict(conflicts, name, newest, value);
            sum += mp_read_int(&value);
            any = true;
        }
    }
    if (any)
        print(fields, "%s=%lld ", name, (long long)sum);
}

static uint64_t naive_changed(void)
{
    uint64_t clock = 0;
    for (size_t i = 0; i < history.count; i++) {
        const struct event *event = &history.events[i];
        bool seen = event->op.verdict == OPERATION_EXCLUDED;
        for (size_t j = 0; j < history.count && !seen; j++)
            seen = history.events[j].op.verdict == OPERATION_ADMITTED &&
                   naive_saw(&history.events[j], event);
        if (!seen && event->op.clock > clock)
            clock = event->op.clock;
    }
    return clock;
}

static const char *naive_words(void)
{
    static char fields[TEXT_MAX], conflicts[TEXT_MAX], list_conflicts[TEXT_MAX];
    static char counter_conflicts[TEXT_MAX];
    fields[0] = conflicts[0] = list_conflicts[0] = counter_conflicts[0] = 0;
    size_t excluded = 0;
    naive_assignments(TITLE, "title", fields, conflicts);
    naive_assignments(STATUS, "status", fields, conflicts);
    naive_assignments(LEVEL, "level", fields, conflicts);
    naive_list(NOTES, "notes", fields, list_conflicts);
    naive_counter(CALLS, "calls", fields, counter_conflicts);
    naive_list(TAGS, "tags", fields, list_conflicts);
    naive_assignments(FIELD_DELETED, "_deleted", fields, conflicts);
    for (size_t i = 0; i < history.count; i++)
        excluded += history.events[i].op.verdict == OPERATION_EXCLUDED;
    print(fields, "|%s%s%s |%s operations %zu, excluded %zu, changed %llu", conflicts,
          list_conflicts, counter_conflicts, naive_deleted() ? " deleted," : "", history.count,
          excluded, (unsigned long long)naive_changed());
    return fields;
}

static bool naive_deleted_as_seen(const struct event *event)
{
    const struct event *shown = NULL;
    for (size_t i = 0; i < history.count; i++) {
        const struct event *deletion = &history.events[i];
        struct mp_reader value;
        bool stands = naive_has(deletion, FIELD_DELETED, &value) && naive_saw(event, deletion);
        for (size_t j = 0; j < history.count && stands; j++)
            stands =
                !(naive_has(&history.events[j], FIELD_DELETED, &value) &&
                  naive_saw(event, &history.events[j]) && naive_saw(&history.events[j], deletion));
        if (stands && (shown == NULL || naive_shown_before(deletion, shown)))
            shown = deletion;
    }
    return shown != NULL && shown->op.deletes == 1;
}

static void draw_removal(struct desk *desk, struct event *event)
{
    size_t count = record_operation_count(desk->record);
    const struct operation *op = record_operation(desk->record, draw((unsigned)count));
    mp_write_map(&event->body, 1);
    mp_write_int(&event->body, FIELD_REMOVE);
    mp_write_array(&event->body, 1);
    mp_write_array(&event->body, 5);
    mp_write_uint(&event->body, draw(2) == 0 ? NOTES : TAGS);
    mp_write_bin(&event->body, SPAN_OF_ARRAY(op->dot.author.bytes));
    mp_write_uint(&event->body, op->dot.epoch);
    mp_write_uint(&event->body, op->dot.n);
    mp_write_uint(&event->body, draw(2));
}

static void draw_list(struct event *event, int32_t field)
{
    char text[16];
    uint32_t count = 1 + draw(3);
    mp_write_int(&event->body, field);
    mp_write_array(&event->body, count);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "i%zu.%u", history.count, i);
        mp_write_text(&event->body, text);
    }
}

static void draw_body(struct desk *desk, struct event *event)
{
    if (draw(10) == 0 && record_operation_count(desk->record) > 0) {
        draw_removal(desk, event);
        return;
    }
    unsigned with = 1 + draw(63);
    if (draw(8) == 0)
        with |= 64;
    mp_write_map(&event->body, (uint32_t)__builtin_popcount(with));
    char text[16];
    for (int32_t field = TITLE; field <= TAGS; field++) {
        if ((with >> (field - 1) & 1) == 0)
            continue;
        if (field == NOTES || field == TAGS) {
            draw_list(event, field);
            continue;
        }
        mp_write_int(&event->body, field);
        snprintf(text, sizeof text, "x%u", draw(100));
        if (field == LEVEL || field == CALLS)
            mp_write_int(&event->body, draw(1000));
        else
            mp_write_text(&event->body, text);
    }
    if ((with & 64) != 0) {
        event->op.deletes = draw(3) == 0 ? 2 : 1;
        mp_write_int(&event->body, FIELD_DELETED);
        mp_write_bool(&event->body, event->op.deletes == 1);
    }
}

static void draw_write(struct desk *desk)
{
    struct event *event = begin_event(desk, draw(12));
    draw_body(desk, event);
    bool deleted = record_deleted_as_seen(desk->record, &event->op);
    assert_int_equal(deleted, naive_deleted_as_seen(event));
    if ((deleted && event->op.deletes != 2) || draw(10) == 0)
        event->op.verdict = OPERATION_EXCLUDED;
    apply_event(desk->record, event);
}

/* Everything of the history that can be read now, in a drawn order, `most` of it. */
static void draw_reads(struct record_state *record, size_t most)
{
    size_t order[EVENTS_MAX];
    for (size_t i = 0; i < history.count; i++)
        order[i] = i;
    for (size_t i = history.count; i > 1; i--) {
        size_t j = draw((unsigned)i), swapped = order[j];
        order[j] = order[i - 1];
        order[i - 1] = swapped;
    }
    bool moved = true;
    while (moved && most > 0) {
        moved = false;
        for (size_t i = 0; i < history.count && most > 0; i++) {
            struct dot missing;
            const struct event *event = &history.events[order[i]];
            if (record_judge(record, &event->op, &missing) != RECORD_READY)
                continue;
            apply_event(record, event);
            moved = true;
            most--;
        }
    }
}

static void draw_history(struct desk *desks, size_t desk_count)
{
    size_t event_count = 2 + draw(EVENTS_MAX - 20);
    while (history.count < event_count) {
        struct desk *desk = &desks[draw((unsigned)desk_count)];
        if (draw(3) == 0)
            draw_reads(desk->record, draw(6));
        else
            draw_write(desk);
    }
}

static void check_words(const struct record_state *record, uint64_t seed)
{
    const char *found = in_words(record), *expected = naive_words();
    if (strcmp(found, expected) != 0)
        fail_msg("seed %llu: found %s, expected %s", (unsigned long long)seed, found, expected);
}

static void check_history(uint64_t seed)
{
    struct buffer first = {0};
    for (int i = 0; i < 4; i++) {
        struct record_state *record = record_new();
        draw_reads(record, EVENTS_MAX);
        assert_int_equal(record_operation_count(record), history.count);
        check_words(record, seed);
        assert_int_equal(record_deleted(record), naive_deleted());
        for (size_t j = 0; j < history.count; j++)
            assert_int_equal(record_deleted_as_seen(record, &history.events[j].op),
                             naive_deleted_as_seen(&history.events[j]));
        struct record_state *copy = through_row(record);
        struct buffer bytes = canonical(i % 2 == 0 ? record : copy);
        check_words(copy, seed);
        if (i == 0)
            buffer_append_span(&first, span_of_buffer(&bytes));
        assert_true(span_equal(span_of_buffer(&first), span_of_buffer(&bytes)));
        buffer_free(&bytes);
        record_free(copy);
        record_free(record);
    }
    buffer_free(&first);
}

static void random_histories_come_to_the_naive_answer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 250; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15ull;
        struct desk desks[DESKS_MAX];
        size_t desk_count = 1 + draw(6);
        for (size_t i = 0; i < desk_count; i++)
            desks[i] = open_desk((char)('P' + i / 2), (uint8_t)draw(3), 1 + (uint32_t)(i % 2));
        memset(&history, 0, sizeof history);
        draw_history(desks, desk_count);
        check_history(seed);
        for (size_t i = 0; i < desk_count; i++)
            record_free(desks[i].record);
        clear_history();
    }
}

/* The comparison itself sees a difference: one clock changed, another answer. */
static void the_naive_answer_is_not_blind(void **state)
{
    (void)state;
    WRITE(&village, 5, "title", "v");
    WRITE(&other, 6, "title", "w");
    struct record_state *record = record_new();
    draw_reads(record, EVENTS_MAX);
    assert_string_equal(in_words(record), naive_words());
    history.events[0].op.clock = 7;
    assert_string_not_equal(in_words(record), naive_words());
    record_free(record);
}

/* ---- rows ---- */

static void fill_record(struct record_state *record, unsigned seed)
{
    random_state = seed * 0x9e3779b97f4a7c15ull;
    struct desk desks[3];
    for (size_t i = 0; i < 3; i++)
        desks[i] = open_desk((char)('P' + i), (uint8_t)i, 1);
    while (history.count < 14) {
        struct desk *desk = &desks[draw(3)];
        draw_reads(desk->record, 3);
        draw_write(desk);
    }
    draw_reads(record, EVENTS_MAX);
    for (size_t i = 0; i < 3; i++)
        record_free(desks[i].record);
    clear_history();
}

static void use_and_free(struct record_state *record)
{
    if (record == NULL)
        return;
    struct buffer out = {0};
    record_describe(record, matter, &out);
    record_canonical(record, &out);
    buffer_free(&out);
    record_free(record);
}

static void damaged_rows_are_refused_or_harmless(void **state)
{
    (void)state;
    struct record_state *record = record_new();
    struct buffer row = {0};
    fill_record(record, 5);
    record_encode(record, &row);
    record_free(record);
    for (size_t size = 0; size < row.size; size++) {
        uint8_t *part = mem_copy(row.data, size);
        assert_null(record_decode(SPAN(part, size)));
        free(part);
    }
    size_t taken = 0;
    for (size_t at = 0; at < row.size; at++) {
        uint8_t was = row.data[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            row.data[at] = (uint8_t)(was ^ 1u << bit);
            record = record_decode(span_of_buffer(&row));
            taken += record != NULL;
            use_and_free(record);
        }
        row.data[at] = was;
    }
    assert_true(taken > 0 && taken < row.size * 8); /* a digest may be any bytes */
    buffer_append_byte(&row, 0);
    assert_null(record_decode(span_of_buffer(&row)));
    buffer_free(&row);
}

/* Rows made by hand: authors P and Q, operations and values as given. */
struct parts {
    struct buffer authors, operations, values[3];
};

/* One that saw the same pair so many times. */
static void add_seeing(struct parts *parts, unsigned author, unsigned times, unsigned seen_author,
                       unsigned seen_n)
{
    struct buffer *out = &parts->operations;
    struct hash digest = {{1}};
    mp_write_uint(out, author);
    mp_write_bin(out, SPAN_OF_ARRAY(digest.bytes));
    for (int i = 0; i < 5; i++) /* clock, rank, flags, stream, seq */
        mp_write_uint(out, 0);
    mp_write_array(out, 2 * times);
    for (unsigned i = 0; i < times; i++) {
        mp_write_uint(out, seen_author);
        mp_write_uint(out, seen_n);
    }
}

static void add_operation(struct parts *parts, unsigned author, unsigned seen_author,
                          unsigned seen_n)
{
    add_seeing(parts, author, seen_n > 0 ? 1 : 0, seen_author, seen_n);
}

static void add_value(struct parts *parts, int section, int field, unsigned author, unsigned n,
                      const char *text)
{
    struct buffer *out = &parts->values[section];
    mp_write_int(out, field);
    mp_write_uint(out, author);
    mp_write_uint(out, n);
    if (section == 1)
        mp_write_uint(out, 0);
    if (text != NULL)
        mp_write_text(out, text);
    else
        mp_write_int(out, 5);
}

static void begin_parts(struct parts *parts)
{
    *parts = (struct parts){0};
    for (char letter = 'P'; letter <= 'Q'; letter++) {
        struct key_id key = key_of(letter);
        buffer_append(&parts->authors, key.bytes, KEY_ID_BYTES);
        buffer_append_u32(&parts->authors, 1);
    }
}

static bool row_taken(struct parts *parts)
{
    struct buffer row = {0};
    struct buffer *all[] = {&parts->authors, &parts->operations, &parts->values[0],
                            &parts->values[1], &parts->values[2]};
    mp_write_map(&row, 5);
    for (int i = 0; i < 5; i++) {
        mp_write_int(&row, i + 1);
        mp_write_bin(&row, span_of_buffer(all[i]));
        buffer_free(all[i]);
    }
    struct record_state *record = record_decode(span_of_buffer(&row));
    buffer_free(&row);
    bool taken = record != NULL;
    use_and_free(record);
    begin_parts(parts);
    return taken;
}

static void rows_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct parts parts;
    begin_parts(&parts);
    add_operation(&parts, 0, 0, 0);
    add_operation(&parts, 1, 0, 1);
    add_value(&parts, 0, TITLE, 0, 1, "x");
    add_value(&parts, 0, TITLE, 1, 1, "y");
    add_value(&parts, 1, NOTES, 0, 1, "x");
    add_value(&parts, 2, CALLS, 0, 1, NULL);
    assert_true(row_taken(&parts)); /* what follows differs from this in one thing each */

    add_operation(&parts, 0, 0, 0); /* the second author has nothing */
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 1, 1); /* each saw the other */
    add_operation(&parts, 1, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* a pair of its own author */
    add_operation(&parts, 1, 0, 1);
    add_operation(&parts, 0, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* one pair twice */
    add_seeing(&parts, 1, 2, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* more pairs than a context holds */
    add_seeing(&parts, 1, CONTEXT_PAIRS_MAX + 1, 0, 1);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* no such author */
    add_operation(&parts, 2, 0, 1);
    assert_false(row_taken(&parts));

    static const struct {
        int section, field;
        unsigned author, n;
        const char *text;
    } wrong[] = {{0, TITLE, 0, 2, "x"}, {0, TITLE, 2, 1, "x"},  {0, TITLE, 0, 0, "x"},
                 {0, 0, 0, 1, "x"},     {0, 1024, 0, 1, "x"},   {0, -33, 0, 1, "x"},
                 {0, -1, 0, 1, "x"},    {1, NOTES, 0, 1, NULL}, {2, CALLS, 0, 1, "x"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        add_operation(&parts, 0, 0, 0);
        add_operation(&parts, 1, 0, 1);
        add_value(&parts, wrong[i].section, wrong[i].field, wrong[i].author, wrong[i].n,
                  wrong[i].text);
        assert_false(row_taken(&parts));
    }
    add_operation(&parts, 0, 0, 0); /* two totals of one author */
    add_operation(&parts, 1, 0, 1);
    add_operation(&parts, 1, 0, 1);
    add_value(&parts, 2, CALLS, 1, 1, NULL);
    add_value(&parts, 2, CALLS, 1, 2, NULL);
    assert_false(row_taken(&parts));
    add_operation(&parts, 0, 0, 0); /* one value twice */
    add_operation(&parts, 1, 0, 1);
    add_value(&parts, 0, TITLE, 0, 1, "x");
    add_value(&parts, 0, TITLE, 0, 1, "x");
    assert_false(row_taken(&parts));
    buffer_free(&parts.authors);
}

static void an_empty_record_is_a_record(void **state)
{
    (void)state;
    assert_string_equal(in_words(village.record), "| | operations 0, excluded 0, changed 0");
    struct record_state *copy = through_row(village.record);
    assert_int_equal(record_operation_count(copy), 0);
    record_free(copy);
    record_free(NULL);
    assert_null(record_decode(SPAN_EMPTY));
}

/* Far more operations than one value may hold. */
static void thousands_of_operations_are_usable(void **state)
{
    (void)state;
    enum { ROUNDS = 3000, AUTHORS = 3 };
    struct record_state *record = record_new();
    for (uint32_t n = 1; n <= ROUNDS; n++) {
        for (uint32_t i = 0; i < AUTHORS; i++) {
            struct event event = {0};
            event.op.dot = (struct dot){key_of((char)('P' + i)), 1, n};
            event.op.clock = n;
            for (uint32_t j = 0; j < AUTHORS; j++) {
                uint32_t seen = j < i ? n : n - 1;
                if (j != i && seen > 0)
                    event.context[event.op.context_count++] =
                        (struct dot){key_of((char)('P' + j)), 1, seen};
            }
            event.op.context = event.context;
            encode_texts(
                (const char *const[]){"title", "t", n % 10 == 0 ? "notes" : NULL, "i", NULL},
                &event.body);
            apply_event(record, &event);
            buffer_free(&event.body);
        }
    }
    struct record_state *copy = through_row(record);
    assert_int_equal(record_operation_count(copy), ROUNDS * AUTHORS);
    struct buffer one = canonical(record), two = canonical(copy);
    assert_true(span_equal(span_of_buffer(&one), span_of_buffer(&two)));
    assert_non_null(strstr(in_words(copy), "operations 9000, excluded 0, changed 3000"));
    buffer_free(&two);
    buffer_free(&one);
    record_free(copy);
    record_free(record);
}

int main(void)
{
#define WITH_DESKS(test) cmocka_unit_test_setup_teardown(test, open_desks, close_desks)
    const struct CMUnitTest tests[] = {
        WITH_DESKS(authority_not_number_of_edits),
        WITH_DESKS(what_was_seen_is_in_no_conflict),
        WITH_DESKS(a_later_edit_wins_whatever_clock_and_tier_say),
        WITH_DESKS(delete_then_an_absentee),
        WITH_DESKS(a_restore_undoes_only_deletions_it_saw),
        WITH_DESKS(whatever_was_written_beside_a_deletion_is_shown),
        WITH_DESKS(ties_are_broken_by_clock_key_epoch_and_n),
        WITH_DESKS(a_restored_image_loses_nothing),
        WITH_DESKS(lists_are_in_canonical_order),
        WITH_DESKS(items_seen_can_be_removed_and_no_others),
        WITH_DESKS(excluded_operations_are_here_without_effect),
        WITH_DESKS(fields_unknown_here_change_nothing),
        WITH_DESKS(totals_stay_within_their_bounds),
        WITH_DESKS(what_is_missing_is_named),
        WITH_DESKS(contexts_are_sorted_and_bounded),
        WITH_DESKS(pairs_of_nothing_cover_nothing),
        cmocka_unit_test(random_histories_come_to_the_naive_answer),
        WITH_DESKS(the_naive_answer_is_not_blind),
        WITH_DESKS(damaged_rows_are_refused_or_harmless),
        cmocka_unit_test(rows_that_cannot_be_are_refused),
        WITH_DESKS(an_empty_record_is_a_record),
        WITH_DESKS(thousands_of_operations_are_usable),
    };
    return cmocka_run_group_tests(tests, load_types, free_types);
}
