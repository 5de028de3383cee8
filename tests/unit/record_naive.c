/* What a history comes to, said a second time from the rules alone: each question asks all of the
 * history's operations again, and nothing is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/record_naive.h"

/* Which of the history are void, while one answer is being made. */
static bool voids[EVENTS_MAX], voids_known;

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

/* The state that transitions come to: all of them, or those that `seen_by` saw. `wanted`, when it
 * isn't NULL: whether it is void. "Repeatedly take, among those whose context is taken, the least
 * by (rank, clock, ...)". */
static uint8_t naive_walk(const struct event *seen_by, const struct event *wanted, bool *is_void)
{
    bool taken[EVENTS_MAX] = {false};
    uint8_t state = 0;
    for (;;) {
        size_t least = EVENTS_MAX;
        for (size_t i = 0; i < written.count; i++) {
            const struct event *event = &written.events[i];
            bool ready = !taken[i] && (seen_by == NULL || naive_saw(seen_by, event));
            for (size_t j = 0; j < written.count && ready; j++)
                ready = taken[j] || !naive_saw(event, &written.events[j]);
            if (ready && (least == EVENTS_MAX || event->op.rank < written.events[least].op.rank ||
                          (event->op.rank == written.events[least].op.rank &&
                           naive_order(event, &written.events[least]) < 0)))
                least = i;
        }
        if (least == EVENTS_MAX)
            return state;
        const struct event *event = &written.events[least];
        bool stands = (event->op.from >> state & 1) == 1;
        taken[least] = true;
        if (event == wanted)
            *is_void = event->op.transition != 0 && !stands;
        if (event->op.transition != 0 && stands)
            state = event->op.to;
    }
}

uint8_t naive_state(const struct event *seen_by)
{
    return naive_walk(seen_by, NULL, NULL);
}

bool naive_void(const struct event *event)
{
    bool is_void = false;
    if (event->op.transition != 0)
        naive_walk(NULL, event, &is_void);
    return is_void;
}

/* Whether an admitted operation has this field; a reader at its value. */
static bool naive_has(const struct event *event, int32_t wanted, struct mp_reader *value)
{
    if (event->op.verdict == OPERATION_EXCLUDED ||
        (event->op.transition != 0 && voids_known && voids[event - written.events]))
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
    for (size_t i = 0; i < written.count; i++) {
        if (naive_has(&written.events[i], field, &value) && naive_saw(&written.events[i], event))
            return false;
    }
    return true;
}

/* The unreplaced assignments of a field, the shown one first. */
static size_t naive_standing(int32_t field, const struct event **standing)
{
    size_t count = 0;
    for (size_t i = 0; i < written.count; i++) {
        const struct event *event = &written.events[i];
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

bool naive_deleted(void)
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
    for (size_t count = 0; count < written.count; count++) {
        size_t least = EVENTS_MAX;
        for (size_t i = 0; i < written.count; i++) {
            const struct event *event = &written.events[i];
            bool ready = !taken[i];
            for (size_t j = 0; j < written.count && ready; j++)
                ready = taken[j] || !naive_saw(event, &written.events[j]);
            if (!ready)
                continue;
            const struct event *best = least < EVENTS_MAX ? &written.events[least] : NULL;
            if (best == NULL || event->op.rank < best->op.rank ||
                (event->op.rank == best->op.rank && naive_order(event, best) < 0))
                least = i;
        }
        taken[least] = true;
        order[count] = &written.events[least];
    }
}

static bool naive_removed(const struct event *by, int32_t field, uint32_t place)
{
    for (size_t i = 0; i < written.count; i++) {
        struct mp_reader value;
        if (!naive_has(&written.events[i], FIELD_REMOVE, &value) ||
            !naive_saw(&written.events[i], by))
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
    words_add(to, "@%c%u.%u", event->op.dot.author.bytes[0], event->op.dot.epoch, event->op.dot.n);
}

static void naive_conflict(char *conflicts, const char *name, const struct event *event,
                           struct mp_reader value)
{
    words_add(conflicts, " %s=", name);
    words_add_value(conflicts, &value);
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
        words_add(fields, "%s=", name);
        words_add_value(fields, &value);
        words_add(fields, " ");
    }
}

static void naive_list(int32_t field, const char *name, char *fields, char *conflicts)
{
    const struct event *order[EVENTS_MAX];
    static char items[TEXT_MAX];
    items[0] = 0;
    naive_canonical_order(order);
    for (size_t i = 0; i < written.count; i++) {
        struct mp_reader value;
        uint32_t count = naive_has(order[i], field, &value) ? mp_read_array(&value) : 0;
        for (uint32_t place = 0; place < count; place++) {
            struct mp_reader again = value;
            mp_read_any(&value);
            if (naive_removed(order[i], field, place))
                continue;
            if (naive_beside_deletion(order[i]))
                naive_conflict(conflicts, name, order[i], again);
            words_add(items, items[0] != 0 ? "," : "");
            words_add_value(items, &again);
        }
    }
    if (items[0] != 0)
        words_add(fields, "%s=[%s] ", name, items);
}

static const struct event *naive_newest_total(const struct event *event, int32_t field)
{
    const struct event *newest = NULL;
    for (size_t i = 0; i < written.count; i++) {
        const struct event *candidate = &written.events[i];
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
        words_add(fields, "%s=%lld ", name, (long long)sum);
}

static uint64_t naive_changed(void)
{
    uint64_t clock = 0;
    for (size_t i = 0; i < written.count; i++) {
        const struct event *event = &written.events[i];
        bool seen = event->op.verdict == OPERATION_EXCLUDED;
        for (size_t j = 0; j < written.count && !seen; j++)
            seen = written.events[j].op.verdict == OPERATION_ADMITTED &&
                   naive_saw(&written.events[j], event);
        if (!seen && event->op.clock > clock)
            clock = event->op.clock;
    }
    return clock;
}

const char *naive_words(void)
{
    static char fields[TEXT_MAX], conflicts[TEXT_MAX], list_conflicts[TEXT_MAX];
    static char counter_conflicts[TEXT_MAX];
    fields[0] = conflicts[0] = list_conflicts[0] = counter_conflicts[0] = 0;
    size_t excluded = 0;
    for (size_t i = 0; i < written.count; i++)
        voids[i] = naive_void(&written.events[i]);
    voids_known = true;
    naive_assignments(TITLE, "title", fields, conflicts);
    naive_assignments(STATUS, "status", fields, conflicts);
    naive_assignments(LEVEL, "level", fields, conflicts);
    naive_list(NOTES, "notes", fields, list_conflicts);
    naive_counter(CALLS, "calls", fields, counter_conflicts);
    naive_list(TAGS, "tags", fields, list_conflicts);
    naive_assignments(FIELD_DELETED, "_deleted", fields, conflicts);
    for (size_t i = 0; i < written.count; i++)
        excluded += written.events[i].op.verdict == OPERATION_EXCLUDED;
    words_add(fields, "|%s%s%s |%s operations %zu, excluded %zu, changed %llu", conflicts,
              list_conflicts, counter_conflicts, naive_deleted() ? " deleted," : "", written.count,
              excluded, (unsigned long long)naive_changed());
    voids_known = false;
    return fields;
}

bool naive_deleted_as_seen(const struct event *event)
{
    const struct event *shown = NULL;
    for (size_t i = 0; i < written.count; i++) {
        const struct event *deletion = &written.events[i];
        struct mp_reader value;
        bool stands = naive_has(deletion, FIELD_DELETED, &value) && naive_saw(event, deletion);
        for (size_t j = 0; j < written.count && stands; j++)
            stands =
                !(naive_has(&written.events[j], FIELD_DELETED, &value) &&
                  naive_saw(event, &written.events[j]) && naive_saw(&written.events[j], deletion));
        if (stands && (shown == NULL || naive_shown_before(deletion, shown)))
            shown = deletion;
    }
    return shown != NULL && shown->op.deletes == 1;
}
