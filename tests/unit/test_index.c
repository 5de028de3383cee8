/* Indexes by fields: their keys sort as the values do; a list that reads one shows what a list
 * shows that reads all records, whatever is written, deleted and asked; it reads its own rows
 * alone; and an index that new types name is filled in steps, and one that they don't name is
 * emptied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/drive.h"
#include "replication/query/query.h"
#include "replication/rows/field_rows.h"
#include "replication/verify/verify.h"
#include "sim/world/county.h"
#include "sim/world/memory_store.h"

static uint32_t drawn = 1;

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525 + 1013904223;
    return (drawn >> 8) % below;
}

/* ---- keys ---- */

/* Texts around the cut, with zeros; numbers around zero and at both ends. */
static void draw_value(enum field_kind kind, struct buffer *value)
{
    static const int64_t numbers[] = {INT64_MIN, -300, -1, 0, 1, 2, 255, 256, INT64_MAX};
    char text[INDEX_TEXT_BYTES + 4];
    size_t size = draw(2) == 0 ? draw(3) : INDEX_TEXT_BYTES - 2 + draw(6);
    memset(text, 'x', sizeof text);
    if (size > 0 && draw(2) == 0)
        text[draw((uint32_t)size)] = (char)draw(3);
    if (size > 0)
        text[size - 1] = (char)('w' + draw(3));
    buffer_clear(value);
    if (kind == FIELD_BOOLEAN)
        mp_write_bool(value, draw(2) == 1);
    else if (kind == FIELD_DIGEST)
        mp_write_bin(value, SPAN(text, 32));
    else if (kind == FIELD_TEXT)
        mp_write_str(value, SPAN(text, size));
    else
        mp_write_int(value, numbers[draw(sizeof numbers / sizeof *numbers)]);
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

/* What isn't cut comes back, and the key goes on behind it; what ends early doesn't. */
static void check_decodes(const struct field *field, const struct buffer *value,
                          const struct buffer *key)
{
    struct buffer again = {0}, back = {0}, longer = {0};
    bool whole = index_key_encode(field, span_of_buffer(value), &again);
    buffer_append_span(&longer, span_of_buffer(key));
    buffer_append_byte(&longer, 7);
    struct span rest = span_of_buffer(&longer);
    assert_int_equal(index_key_decode(field, &rest, &back), whole);
    if (whole) {
        assert_true(span_equal(span_of_buffer(&back), span_of_buffer(value)));
        assert_int_equal(rest.size, 1);
    }
    for (size_t size = 0; size < key->size; size++) {
        rest = SPAN(key->data, size);
        buffer_clear(&back);
        assert_false(index_key_decode(field, &rest, &back));
    }
    buffer_free(&again);
    buffer_free(&back);
    buffer_free(&longer);
}

static void keys_sort_as_values_do(void **state)
{
    static const enum field_kind kinds[] = {FIELD_TEXT,    FIELD_INTEGER, FIELD_TIME,
                                            FIELD_DECIMAL, FIELD_BOOLEAN, FIELD_DIGEST};
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct field field = {.kind = kinds[draw(sizeof kinds / sizeof *kinds)]};
        struct buffer a = {0}, b = {0}, key_a = {0}, key_b = {0};
        draw_value(field.kind, &a);
        draw_value(field.kind, &b);
        bool whole = index_key_encode(&field, span_of_buffer(&a), &key_a);
        whole = index_key_encode(&field, span_of_buffer(&b), &key_b) && whole;
        int values = sign(index_value_compare(&field, span_of_buffer(&a), span_of_buffer(&b)));
        int keys = sign(span_compare(span_of_buffer(&key_a), span_of_buffer(&key_b)));
        assert_true(keys == values || (keys == 0 && !whole));
        assert_true(key_a.size <= INDEX_TEXT_WIDTH);
        assert_true(key_a.data[0] == 1); /* nothing sorts before everything */
        check_decodes(&field, &a, &key_a);
        buffer_free(&a);
        buffer_free(&b);
        buffer_free(&key_a);
        buffer_free(&key_b);
    }
}

/* ---- a node with records ---- */

enum { RECORDS = 120, WRITES = 700, INCIDENT = 2, ROOT_SEAT = 0 };

struct bench {
    struct county *county;
    struct memory_store *store;
    struct store_port port;
    struct drive *drive;
    uint64_t tick_ms;
    struct record_id records[RECORDS];
    size_t count;
    size_t batches;
};

static void no_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                    struct span body)
{
    (void)context, (void)link, (void)channel, (void)type, (void)body;
}

static void no_close(void *context, uint32_t link)
{
    (void)context, (void)link;
}

static void take_answer(void *context, const struct answer *answer)
{
    struct bench *bench = context;
    assert_int_equal(answer->error.code, ERR_OK);
    if (answer->request == 1)
        bench->records[bench->count++] = answer->record;
}

static void batch(struct bench *bench, struct event *event)
{
    event->tick_ms = bench->tick_ms += 10;
    event->wall_ms = 1700000000000 + bench->tick_ms / (1 + draw(3)); /* often the same, or back */
    assert_int_equal(drive_batch(bench->drive, event, 1), ERR_OK);
    bench->batches++;
}

static void take_documents(struct bench *bench)
{
    size_t count;
    struct county_document *documents = county_documents(bench->county, ROOT_SEAT, 0, &count);
    for (size_t i = 0; i < count; i++) {
        struct event event = {.kind = EVENT_DOCUMENT};
        event.document.envelope = documents[i].envelope;
        event.document.rows = documents[i].rows;
        event.document.row_count = documents[i].row_count;
        event.document.places = documents[i].places;
        event.document.proofs = documents[i].proofs;
        batch(bench, &event);
    }
    county_documents_free(documents, count);
}

/* Until nothing is due at once. */
static void settle(struct bench *bench)
{
    for (unsigned i = 0; i < 200 && drive_deadline(bench->drive) <= bench->tick_ms; i++) {
        struct event event = {.kind = EVENT_TIME};
        batch(bench, &event);
    }
}

static struct bench *bench_new(void)
{
    static const struct county_row rows[] = {{"C", "county", NULL}};
    struct bench *bench = calloc(1, sizeof *bench);
    struct replica_options options = {0};
    bench->county = county_new(rows, 1, 7);
    bench->store = memory_store_new();
    memory_store_port(bench->store, &bench->port);
    options.tree_id = bench->county->tree_id;
    memcpy(options.seat, bench->county->seats[0].code, sizeof options.seat);
    memcpy(options.signing_key, bench->county->seats[0].signing_key, KEY_BYTES);
    memcpy(options.signing_secret, bench->county->seats[0].signing_secret, SECRET_BYTES);
    options.seal = bench->county->seats[0].seal;
    struct drive_ports ports = {.store = bench->port,
                                .link = {.send = no_send, .close = no_close},
                                .answer = take_answer,
                                .context = bench};
    assert_int_equal(drive_open(&options, &ports, &bench->drive, NULL), ERR_OK);
    take_documents(bench);
    settle(bench);
    return bench;
}

static void bench_free(struct bench *bench)
{
    drive_close(bench->drive);
    memory_store_free(bench->store);
    county_free(bench->county);
    free(bench);
}

static void draw_text(char text[static 96], bool query)
{
    static const char *const words[] = {"open", "closed", "waiting", ""};
    const char *word = words[draw(4)];
    bool longer = draw(8) == 0;
    snprintf(text, 96, "%s%s%.*s", word, longer ? " " : "", longer ? 63 + (int)draw(4) : 0,
             "....................................................................");
    if (query && draw(20) == 0)
        snprintf(text, 96, "nothing has this");
}

static void write_fields(struct bench *bench, enum write_kind kind, size_t record)
{
    struct buffer fields = {0};
    char text[96];
    struct event event = {.kind = EVENT_WRITE};
    bool has_s = draw(4) > 0, has_level = draw(4) > 0;
    mp_write_map(&fields, 1u + has_s + has_level);
    mp_write_text(&fields, "title");
    draw_text(text, false);
    mp_write_text(&fields, text[0] == 0 ? "x" : text);
    if (has_s) {
        mp_write_text(&fields, "s");
        draw_text(text, false);
        mp_write_text(&fields, text);
    }
    if (has_level) {
        mp_write_text(&fields, "level");
        mp_write_int(&fields, (int64_t)draw(6) - 2);
    }
    event.write.request = kind == WRITE_PUT ? 1 : 2;
    event.write.kind = kind;
    event.write.type = span_of_text("incident");
    if (kind != WRITE_PUT)
        event.write.record = bench->records[record];
    if (kind != WRITE_DELETE)
        event.write.fields = span_of_buffer(&fields);
    batch(bench, &event);
    buffer_free(&fields);
}

static void write_some(struct bench *bench, size_t writes)
{
    static bool deleted[RECORDS];
    if (bench->count == 0)
        memset(deleted, 0, sizeof deleted);
    for (size_t i = 0; i < writes; i++) {
        size_t record = bench->count == 0 ? 0 : draw((uint32_t)bench->count);
        if (bench->count < RECORDS && (bench->count == 0 || draw(4) == 0)) {
            deleted[bench->count] = false;
            write_fields(bench, WRITE_PUT, 0);
        } else if (!deleted[record]) {
            deleted[record] = draw(20) == 0;
            write_fields(bench, deleted[record] ? WRITE_DELETE : WRITE_SET, record);
        }
    }
    settle(bench);
}

/* ---- views: one counts, one hides the indexes ---- */

struct counted {
    const struct view *view;
    bool hides;
    size_t reads[TABLE_COUNT];
};

static enum read_answer counted_get(void *context, enum table table, struct span key,
                                    struct span *value)
{
    struct counted *counted = context;
    counted->reads[table]++;
    return counted->hides && table == TABLE_FIELDS
               ? READ_ABSENT
               : counted->view->get(counted->view->context, table, key, value);
}

static enum read_answer counted_next(void *context, enum table table, struct span from,
                                     struct span *key, struct span *value)
{
    struct counted *counted = context;
    counted->reads[table]++;
    return counted->view->next(counted->view->context, table, from, key, value);
}

static enum read_answer counted_previous(void *context, enum table table, struct span from,
                                         struct span *key, struct span *value)
{
    struct counted *counted = context;
    counted->reads[table]++;
    return counted->view->previous(counted->view->context, table, from, key, value);
}

static struct view counted_view(struct counted *counted)
{
    return (struct view){counted, counted_get, counted_next, counted_previous};
}

static const struct tree *tree_of(const struct bench *bench)
{
    return replica_tree(drive_replica(bench->drive));
}

/* All pages; gives how many records. */
static size_t list_all(const struct bench *bench, const struct view *view,
                       const struct list_query *query, size_t page, struct list_plan *plan,
                       struct buffer *out)
{
    struct buffer cursor = {0};
    struct list_plan step = {0};
    size_t total = 0, examined = 0, count;
    do {
        struct error error = {0};
        if (query_list_by(view, tree_of(bench), query, page, &cursor, &step, out, &count, &error) !=
            ERR_OK)
            fail_msg("%s: %s", error.what, error.why);
        assert_true(count <= page);
        total += count;
        examined += step.examined;
    } while (cursor.size > 0);
    *plan = step;
    plan->examined = examined;
    buffer_free(&cursor);
    return total;
}

/* ---- what is asked ---- */

struct asked {
    struct buffer maps[5];
    struct list_query query;
};

static void ask_field(struct buffer *map, const char *name)
{
    char text[96];
    if (map->size == 0)
        mp_write_map(map, 1);
    else
        map->data[0]++; /* a map of fewer than 16 */
    mp_write_text(map, name);
    if (strcmp(name, "level") == 0) {
        mp_write_int(map, (int64_t)draw(7) - 3);
        return;
    }
    draw_text(text, true);
    mp_write_text(map, strcmp(name, "title") == 0 && text[0] == 0 ? "x" : text);
}

static void draw_question(struct asked *asked)
{
    static const char *const names[] = {"s", "level", "title"};
    static const unsigned shares[] = {3, 8, 8, 8, 8}; /* one of so many */
    memset(asked, 0, sizeof *asked);
    for (size_t kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < 3; i++) {
            if (draw(shares[kind]) == 0)
                ask_field(&asked->maps[kind], names[i]);
        }
    }
    asked->query = (struct list_query){.type = span_of_text("incident"),
                                       .where = span_of_buffer(&asked->maps[0]),
                                       .at_least = span_of_buffer(&asked->maps[1]),
                                       .above = span_of_buffer(&asked->maps[2]),
                                       .at_most = span_of_buffer(&asked->maps[3]),
                                       .below = span_of_buffer(&asked->maps[4])};
}

static size_t compare_lists(const struct bench *bench, unsigned questions)
{
    size_t indexed = 0;
    for (unsigned i = 0; i < questions; i++) {
        struct asked asked;
        struct buffer by_index = {0}, by_all = {0};
        struct list_plan plan, all;
        struct counted hiding = {.view = &bench->port.view, .hides = true};
        struct view hidden = counted_view(&hiding);
        draw_question(&asked);
        size_t found =
            list_all(bench, &bench->port.view, &asked.query, 1 + draw(30), &plan, &by_index);
        assert_int_equal(list_all(bench, &hidden, &asked.query, 1 + draw(30), &all, &by_all),
                         found);
        assert_null(all.fields);
        assert_true(span_equal(span_of_buffer(&by_index), span_of_buffer(&by_all)));
        assert_true(plan.examined <= all.examined);
        indexed += plan.fields != NULL && found > 0;
        for (size_t k = 0; k < 5; k++)
            buffer_free(&asked.maps[k]);
        buffer_free(&by_index);
        buffer_free(&by_all);
    }
    return indexed;
}

/* ---- retention ---- */

/* What is closed and has lain for longer than its type says is left out of lists, by the newest
 * token and the reader's clock, and its history says so; whoever asks for it gets it. */
static void lists_leave_out_what_is_past(void **state)
{
    struct bench *bench = bench_new();
    struct buffer out = {0}, fields = {0};
    struct list_plan plan;
    (void)state;
    struct record_type *type = (struct record_type *)(uintptr_t)schema_type_named(
        tree_schema(tree_of(bench)), span_of_text("incident"));
    type->retention_days = 1;
    write_some(bench, 60);
    struct list_query query = {.type = span_of_text("incident")};
    size_t all = list_all(bench, &bench->port.view, &query, 10, &plan, &out);
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "s");
    mp_write_text(&fields, "closed");
    query.where = span_of_buffer(&fields);
    size_t closed = list_all(bench, &bench->port.view, &query, 10, &plan, &out);
    assert_true(closed > 0 && closed < all);
    query.where = SPAN_EMPTY;
    query.now_ms = UINT64_MAX;
    assert_int_equal(list_all(bench, &bench->port.view, &query, 10, &plan, &out), all);
    bench->tick_ms += 10 * UINT64_C(86400000); /* and a token of that day */
    settle(bench);
    assert_int_equal(list_all(bench, &bench->port.view, &query, 10, &plan, &out), all - closed);
    query.where = span_of_buffer(&fields);
    assert_int_equal(list_all(bench, &bench->port.view, &query, 10, &plan, &out), 0);
    query.now_ms = 1700000000000; /* the reader's clock stands still */
    assert_int_equal(list_all(bench, &bench->port.view, &query, 10, &plan, &out), closed);
    query.now_ms = 0; /* asked for */
    assert_int_equal(list_all(bench, &bench->port.view, &query, 10, &plan, &out), closed);
    size_t told = 0;
    for (size_t i = 0; i < bench->count; i++) {
        static struct history_streams streams;
        struct error error;
        buffer_clear(&out);
        enum error_code code =
            query_history(&bench->port.view, tree_of(bench), bench->county->seats[0].code,
                          UINT64_MAX, query.type, &bench->records[i], &streams, &out, &error);
        assert_int_equal(code, ERR_OK);
        struct mp_reader reader = mp_reader(span_of_buffer(&out));
        reader.text_keys = true;
        for (uint32_t left = mp_read_map(&reader); left > 0; left--) {
            bool days = span_equal(mp_read_str(&reader), span_of_text("past_days"));
            struct mp_reader value = mp_reader(mp_read_any(&reader));
            told += days && mp_read_uint(&value) == 1;
        }
    }
    assert_int_equal(told, closed);
    buffer_free(&out);
    buffer_free(&fields);
    bench_free(bench);
}

/* ---- the verifier ---- */

static void count_finding(void *context, const struct verify_finding *finding)
{
    size_t *count = context;
    if (*count == 0 && finding->table != TABLE_FIELDS)
        print_message("%s: %s: %s\n", table_name(finding->table), finding->key, finding->what);
    ++*count;
}

static size_t findings(const struct bench *bench, struct memory_store *store)
{
    size_t count = 0;
    struct store_port port;
    struct verify_options options = {.tree_id = bench->county->tree_id,
                                     .own = bench->county->seats[0].key_id,
                                     .context = &count,
                                     .finding = count_finding};
    struct verify *verify = verify_new(&options);
    memory_store_port(store, &port);
    while (verify_step(verify, &port.view)) {
    }
    verify_free(verify);
    return count;
}

/* ---- tests ---- */

static void an_index_lists_what_all_records_do(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    for (unsigned round = 0; round < 4; round++) {
        write_some(bench, WRITES / 4);
        assert_true(compare_lists(bench, 60) > 10);
        assert_int_equal(findings(bench, bench->store), 0);
    }
    assert_int_equal(bench->count, RECORDS);
    bench_free(bench);
}

static void an_index_reads_its_rows_alone(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct counted counting = {.view = &bench->port.view};
    struct view view = counted_view(&counting);
    struct buffer where = {0}, out = {0};
    struct list_plan plan;
    write_some(bench, WRITES);
    mp_write_map(&where, 2);
    mp_write_text(&where, "s");
    mp_write_text(&where, "open");
    mp_write_text(&where, "level");
    mp_write_int(&where, 2);
    struct list_query query = {.type = span_of_text("incident"), .where = span_of_buffer(&where)};
    size_t found = list_all(bench, &view, &query, 1000, &plan, &out);
    assert_true(found > 1 && found < RECORDS / 4);
    assert_int_equal(plan.examined, found);
    assert_int_equal(counting.reads[TABLE_INDEX], 0);
    assert_int_equal(counting.reads[TABLE_RECORDS], found);
    buffer_free(&where);
    buffer_free(&out);
    bench_free(bench);
}

/* Every row of the table, which is changed or taken away one by one. */
static void a_wrong_row_is_found(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1, rows = 0;
    struct span key, value;
    const struct view *view = &bench->port.view;
    write_some(bench, 100);
    while (view->next(view->context, TABLE_FIELDS, SPAN(from, size), &key, &value) == READ_FOUND) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        if (key.size == 2 || rows++ % 7 != 0)
            continue;
        for (unsigned change = 0; change < 2; change++) { /* taken away; of another value */
            struct store_port port;
            struct memory_store *copy = memory_store_clone(bench->store);
            uint8_t other[STORE_KEY_BYTES_MAX];
            memcpy(other, from, size - 1);
            other[4] ^= 1;
            memory_store_port(copy, &port);
            port.begin(port.context);
            port.remove(port.context, TABLE_FIELDS, SPAN(from, size - 1));
            if (change == 1)
                port.put(port.context, TABLE_FIELDS, SPAN(other, size - 1), SPAN_EMPTY);
            assert_int_equal(port.commit(port.context), ERR_OK);
            assert_true(findings(bench, copy) > 0);
            memory_store_free(copy);
        }
    }
    assert_true(rows > 30);
    bench_free(bench);
}

static size_t rows_of_slot(const struct bench *bench, unsigned slot)
{
    const struct view *view = &bench->port.view;
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0, INCIDENT, (uint8_t)slot};
    size_t size = 3, rows = 0;
    struct span key, value;
    while (view->next(view->context, TABLE_FIELDS, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.data[1] == INCIDENT && key.size > 2 && key.data[2] == slot) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        rows++;
    }
    return rows;
}

/* [s, level] stays, [title] goes, [level, extra] comes, while records are written. */
static void types_that_change_change_the_indexes(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct field_slots slots;
    write_some(bench, WRITES);
    size_t rows = rows_of_slot(bench, 1);
    assert_true(rows > RECORDS / 2);
    assert_int_equal(rows_of_slot(bench, 2), rows);
    county_raise_types(bench->county);
    take_documents(bench);
    write_some(bench, 100);
    field_slots_read(&bench->port.view, INCIDENT, &slots);
    assert_int_equal(slots.count, 2);
    assert_true(slots.at[0].state == SLOT_WHOLE && slots.at[0].number == 1);
    assert_true(slots.at[1].state == SLOT_WHOLE && slots.at[1].number == 3);
    assert_int_equal(rows_of_slot(bench, 2), 0);
    assert_int_equal(rows_of_slot(bench, 3), rows_of_slot(bench, 1));
    assert_int_equal(findings(bench, bench->store), 0);
    assert_true(compare_lists(bench, 60) > 10);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_sort_as_values_do),
        cmocka_unit_test(an_index_lists_what_all_records_do),
        cmocka_unit_test(an_index_reads_its_rows_alone),
        cmocka_unit_test(a_wrong_row_is_found),
        cmocka_unit_test(types_that_change_change_the_indexes),
        cmocka_unit_test(lists_leave_out_what_is_past),
    };
    if (!crypto_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
