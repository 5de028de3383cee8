/* The array is the simplest thing that can be right: no order, no index, copied whole when a
 * transaction begins and put back when it is dropped. */
#include "tests/unit/store_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TRANSACTIONS = 40,
    STEPS_MAX = 40,
    KEY_LETTERS = 3, /* so few that keys meet, and one is often the beginning of another */
    VALUE_BYTES_MAX = 12000,
};

struct naive_row {
    enum table table;
    struct buffer key, value;
};

struct naive {
    struct naive_row *rows;
    size_t count, capacity;
};

struct history {
    uint64_t seed, random;
    struct history_target *target;
    struct naive committed, working;
    bool open;
};

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t draw(struct history *history, uint64_t bound)
{
    uint64_t z = history->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

static void demand(const struct history *history, bool holds, const char *what)
{
    if (!holds)
        fail_msg("history %llu: %s", (unsigned long long)history->seed, what);
}

static void naive_free(struct naive *naive)
{
    for (size_t i = 0; i < naive->count; i++) {
        buffer_free(&naive->rows[i].key);
        buffer_free(&naive->rows[i].value);
    }
    free(naive->rows);
    *naive = (struct naive){0};
}

static struct naive_row *naive_find(struct naive *naive, enum table table, struct span key)
{
    for (size_t i = 0; i < naive->count; i++) {
        struct naive_row *row = &naive->rows[i];
        if (row->table == table && span_equal(span_of_buffer(&row->key), key))
            return row;
    }
    return NULL;
}

static void naive_put(struct naive *naive, enum table table, struct span key, struct span value)
{
    struct naive_row *row = naive_find(naive, table, key);
    if (row == NULL) {
        if (naive->count == naive->capacity) {
            naive->capacity = 2 * naive->capacity + 8;
            naive->rows = mem_resize(naive->rows, naive->capacity * sizeof *naive->rows);
        }
        row = &naive->rows[naive->count++];
        *row = (struct naive_row){.table = table};
        buffer_append_span(&row->key, key);
    }
    buffer_clear(&row->value);
    buffer_append_span(&row->value, value);
}

static void naive_remove(struct naive *naive, enum table table, struct span key)
{
    struct naive_row *row = naive_find(naive, table, key);
    if (row == NULL)
        return;
    buffer_free(&row->key);
    buffer_free(&row->value);
    *row = naive->rows[--naive->count];
}

static void naive_copy(struct naive *to, const struct naive *from)
{
    naive_free(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct naive_row *row = &from->rows[i];
        naive_put(to, row->table, span_of_buffer(&row->key), span_of_buffer(&row->value));
    }
}

/* The least row >= from (up), or the greatest <= from. */
static const struct naive_row *naive_nearest(const struct naive *naive, enum table table,
                                             struct span from, bool up)
{
    const struct naive_row *best = NULL;
    for (size_t i = 0; i < naive->count; i++) {
        const struct naive_row *row = &naive->rows[i];
        struct span key = span_of_buffer(&row->key);
        int order = span_compare(key, from);
        if (row->table != table || (up ? order < 0 : order > 0))
            continue;
        int rank = best == NULL ? 0 : span_compare(key, span_of_buffer(&best->key));
        if (best == NULL || (up ? rank < 0 : rank > 0))
            best = row;
    }
    return best;
}

static const struct naive *naive_now(const struct history *history)
{
    return history->open ? &history->working : &history->committed;
}

static enum table draw_table(struct history *history)
{
    static const enum table tables[] = {TABLE_WHO, TABLE_INDEX, TABLE_QUARANTINE};
    return tables[draw(history, 3)];
}

/* Mostly short keys that share beginnings; now and then the longest there is. */
static struct span draw_key(struct history *history, uint8_t key[static STORE_KEY_BYTES_MAX])
{
    static const uint8_t letters[KEY_LETTERS] = {0x00, 'k', 0xff};
    size_t size = 1 + draw(history, 4);
    memset(key, 'k', STORE_KEY_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        key[i] = letters[draw(history, KEY_LETTERS)];
    if (draw(history, 12) == 0)
        size = STORE_KEY_BYTES_MAX - draw(history, 2);
    return SPAN(key, size);
}

/* Empty, small, or larger than two pages. */
static struct span draw_value(struct history *history, uint8_t value[static VALUE_BYTES_MAX])
{
    static const uint64_t bounds[] = {1, 40, 40, 40, 3000, VALUE_BYTES_MAX};
    size_t size = draw(history, bounds[draw(history, sizeof bounds / sizeof bounds[0])]);
    memset(value, (int)draw(history, 256), size);
    if (size > 0)
        value[size - 1] = (uint8_t)draw(history, 256);
    return SPAN(value, size);
}

static void step_put(struct history *history)
{
    uint8_t key_bytes[STORE_KEY_BYTES_MAX], value_bytes[VALUE_BYTES_MAX];
    enum table table = draw_table(history);
    struct span key = draw_key(history, key_bytes), value = draw_value(history, value_bytes);
    const struct store_port *port = &history->target->port;
    naive_put(&history->working, table, key, value);
    demand(history, port->put(port->context, table, key, value) == ERR_OK, "a put failed");
    /* The store keeps copies only. */
    memset(key_bytes, 0xa5, sizeof key_bytes);
    memset(value_bytes, 0xa5, sizeof value_bytes);
}

static void step_remove(struct history *history)
{
    uint8_t bytes[STORE_KEY_BYTES_MAX];
    enum table table = draw_table(history);
    struct span key = draw_key(history, bytes), near, value;
    const struct store_port *port = &history->target->port;
    /* Half of the time a row that is there, under the key that the store itself gave. */
    if (draw(history, 2) == 0 &&
        port->view.next(port->view.context, table, key, &near, &value) == READ_FOUND) {
        memcpy(bytes, near.data, near.size);
        key = SPAN(bytes, near.size);
        demand(history, port->remove(port->context, table, near) == ERR_OK, "a remove failed");
    } else {
        demand(history, port->remove(port->context, table, key) == ERR_OK, "a remove failed");
    }
    naive_remove(&history->working, table, key);
}

static void check_get(struct history *history, enum table table, struct span key)
{
    const struct view *view = &history->target->port.view;
    struct span value = SPAN_EMPTY;
    const struct naive_row *row = naive_find((struct naive *)naive_now(history), table, key);
    enum read_answer answer = view->get(view->context, table, key, &value);
    demand(history, answer == (row == NULL ? READ_ABSENT : READ_FOUND), "get finds otherwise");
    demand(history, row == NULL || span_equal(value, span_of_buffer(&row->value)),
           "get gives another value");
}

static void check_seek(struct history *history, enum table table, struct span from, bool up)
{
    const struct view *view = &history->target->port.view;
    struct span key = SPAN_EMPTY, value = SPAN_EMPTY;
    const struct naive_row *row = naive_nearest(naive_now(history), table, from, up);
    enum read_answer answer = up ? view->next(view->context, table, from, &key, &value)
                                 : view->previous(view->context, table, from, &key, &value);
    demand(history, answer == (row == NULL ? READ_ABSENT : READ_FOUND),
           up ? "next finds otherwise" : "previous finds otherwise");
    demand(history, row == NULL || span_equal(key, span_of_buffer(&row->key)),
           up ? "next gives another key" : "previous gives another key");
    demand(history, row == NULL || span_equal(value, span_of_buffer(&row->value)),
           "a walk gives another value");
}

static void step_read(struct history *history)
{
    uint8_t bytes[STORE_KEY_BYTES_MAX];
    enum table table = draw_table(history);
    struct span key = draw_key(history, bytes);
    if (draw(history, 16) == 0)
        key.size = 0; /* legal as the start of a walk */
    else
        check_get(history, table, key);
    check_seek(history, table, key, true);
    check_seek(history, table, key, false);
}

/* `bytes` becomes the least key that is greater; 0 when there is none. */
static size_t successor(uint8_t bytes[static STORE_KEY_BYTES_MAX], size_t size)
{
    if (size < STORE_KEY_BYTES_MAX) {
        bytes[size] = 0;
        return size + 1;
    }
    while (size > 0 && bytes[size - 1] == 0xff)
        size--;
    if (size > 0)
        bytes[size - 1]++;
    return size;
}

/* Every row upwards, each once. */
static void check_walk(struct history *history, enum table table)
{
    const struct view *view = &history->target->port.view;
    const struct naive *naive = naive_now(history);
    uint8_t bytes[STORE_KEY_BYTES_MAX];
    struct span key, value;
    size_t size = 0, seen = 0, expected = 0;
    while (view->next(view->context, table, SPAN(bytes, size), &key, &value) == READ_FOUND) {
        seen++;
        memcpy(bytes, key.data, key.size);
        size = successor(bytes, key.size);
        if (size == 0)
            break;
    }
    for (size_t i = 0; i < naive->count; i++) {
        if (naive->rows[i].table != table)
            continue;
        check_get(history, table, span_of_buffer(&naive->rows[i].key));
        expected++;
    }
    demand(history, seen == expected, "a walk meets another number of rows");
}

static void check_all(struct history *history)
{
    for (size_t table = TABLE_META + 1; table < TABLE_COUNT; table++)
        check_walk(history, (enum table)table);
}

static void begin(struct history *history)
{
    const struct store_port *port = &history->target->port;
    port->begin(port->context);
    naive_copy(&history->working, &history->committed);
    history->open = true;
}

static void end(struct history *history)
{
    const struct store_port *port = &history->target->port;
    switch (draw(history, 8)) {
    case 0: port->abort(port->context); break;
    case 1: history->target->restart(history->target->context, &history->target->port); break;
    default:
        demand(history, port->commit(port->context) == ERR_OK, "a commit failed");
        naive_copy(&history->committed, &history->working);
    }
    history->open = false;
}

static void transaction(struct history *history)
{
    begin(history);
    /* Some only grow and some only shrink, so that the trees split and join. */
    uint64_t puts = 1 + draw(history, 8), removes = 1 + draw(history, 8), reads = 4;
    for (uint64_t left = draw(history, STEPS_MAX); left > 0; left--) {
        uint64_t choice = draw(history, puts + removes + reads);
        if (choice < puts)
            step_put(history);
        else if (choice < puts + removes)
            step_remove(history);
        else
            step_read(history);
    }
    if (draw(history, 4) == 0)
        check_all(history);
    end(history);
    for (uint64_t left = draw(history, 4); left > 0; left--)
        step_read(history);
}

void history_run(struct history_target *target, uint64_t seed)
{
    struct history history = {.seed = seed, .random = seed, .target = target};
    for (unsigned i = 0; i < TRANSACTIONS; i++)
        transaction(&history);
    target->restart(target->context, &target->port);
    check_all(&history);
    naive_free(&history.committed);
    naive_free(&history.working);
}

void history_put(const struct store_port *port, enum table table, const char *key,
                 const char *value, enum error_code expected)
{
    enum error_code code = port->put(port->context, table, span_of_text(key), span_of_text(value));
    assert_int_equal(code, expected);
}

void history_expect(const struct view *view, enum table table, const char *key, const char *value)
{
    struct span found = SPAN_EMPTY;
    enum read_answer answer = view->get(view->context, table, span_of_text(key), &found);
    assert_int_equal(answer, value == NULL ? READ_ABSENT : READ_FOUND);
    if (value != NULL)
        assert_true(span_equal(found, span_of_text(value)));
}

void history_commit(const struct store_port *port, enum table table, const char *key,
                    const char *value, enum error_code expected)
{
    port->begin(port->context);
    history_put(port, table, key, value, ERR_OK);
    assert_int_equal(port->commit(port->context), expected);
}
