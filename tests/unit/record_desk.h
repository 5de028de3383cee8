/* Authors for tests of records, and what their record comes to in words.
 *
 * A `desk` is an author with its own copy of the record. It writes with the context of what
 * it holds and reads operations of others; `written` keeps every operation ever written.
 * cmocka's headers must come first. */
#ifndef TERRACE_TESTS_RECORD_DESK_H
#define TERRACE_TESTS_RECORD_DESK_H

#include "schema/record.h"

enum { TITLE = 1, STATUS = 2, LEVEL = 3, NOTES = 4, CALLS = 5, TAGS = 6 }; /* fields of `matter` */
enum { EVENTS_MAX = 64, DESKS_MAX = 8, TEXT_MAX = 32768 };

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

extern const struct record_type *matter; /* from load_types on */
extern struct history written;
extern struct desk county, township, village, other; /* from open_desks on */

/* The group's and each test's begin and end. */
int load_types(void **state);
int free_types(void **state);
int open_desks(void **state);
int close_desks(void **state);
#define WITH_DESKS(test) cmocka_unit_test_setup_teardown(test, open_desks, close_desks)

struct key_id key_of(char letter);
struct desk open_desk(char letter, uint8_t rank, uint32_t epoch); /* its record: the caller's */
void clear_written(void);

void apply_event(struct record_state *record, const struct event *event);
/* A desk's next operation, with no body, not applied. */
struct event *begin_event(struct desk *desk, uint64_t clock);
/* The event has its body: applied at its desk. */
void end_event(struct desk *desk, struct event *event);
/* NAME, VALUE, ..., NULL; a counter's value is the new total. */
void encode_texts(const char *const *texts, struct buffer *body);
/* An operation of these fields, applied at its desk; gives its index in `written`. */
size_t write_texts(struct desk *desk, uint64_t clock, const char *const *texts);
#define WRITE(desk, clock, ...) write_texts(desk, clock, (const char *const[]){__VA_ARGS__, NULL})
void read_event(struct desk *desk, size_t index);

/* Append to a text of TEXT_MAX. */
void words_add(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
void words_add_value(char *to, struct mp_reader *reader);
/* "title=x notes=[a,b] | title=y@V1.2 | operations 3, excluded 0, changed 7"; until the next. */
const char *in_words(const struct record_state *record);
struct buffer canonical(const struct record_state *record); /* the caller's to free */
/* Through the store's row, which must lose nothing. The caller's to free. */
struct record_state *through_row(const struct record_state *record);

/* All orders of these events (a bit each) that respect causality come to these words and to the
 * same bytes; gives their count. */
size_t all_orders_of(uint64_t mask, const char *words);
size_t all_orders(const char *words);

#endif
