/* Real nodes: what is put at a village is read at the county; what was acknowledged outlives a
 * kill; what is wrong is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/author/file.h"
#include "tests/process/node_world.h"

static const char table[] = "code,name,tier,parent\n"
                            "C,County,county,\n"
                            "T,Township,township,C\n"
                            "V,Village,village,T\n";

static struct node_world world;

static int make_world(void **state)
{
    (void)state;
    node_world_make(&world, table);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    node_world_end(&world);
    return 0;
}

static void start(const char *code)
{
    node_world_start(node_world_seat(&world, code));
}

static void start_all(void)
{
    start("C");
    start("T");
    start("V");
}

static struct node_world_seat *at(const char *code)
{
    return node_world_seat(&world, code);
}

/* Puts a record; its id into `id`. */
static void put(const char *code, const char *type, const char *title, char id[static 33])
{
    struct buffer args = node_world_args("type", type, "fields.title", title, NULL);
    struct api_answer answer = node_world_ask(at(code), "put", span_of_buffer(&args), NULL);
    assert_int_equal(answer.status, API_DONE);
    node_world_id(answer.value, id);
    buffer_free(&args);
}

static bool has_title(const struct api_answer *answer, const void *title)
{
    return answer->status == API_DONE && node_world_is_text(answer->value, "fields.title", title);
}

static void until_title(const char *code, const char *type, const char *id, const char *title)
{
    struct buffer args = node_world_args("type", type, "id", id, NULL);
    node_world_until(at(code), "get", span_of_buffer(&args), has_title, title);
    buffer_free(&args);
}

static void until_uplink(const char *code, const char *state)
{
    node_world_until_uplink(at(code), state);
}

static void set_cut(const char *code, bool cut)
{
    struct buffer args = {0};
    mp_write_map(&args, 1);
    mp_write_text(&args, "cut");
    mp_write_bool(&args, cut);
    struct api_answer answer = node_world_ask(at(code), "link", span_of_buffer(&args), NULL);
    assert_int_equal(answer.status, API_DONE);
    buffer_free(&args);
}

static void written_here_is_read_here(void **state)
{
    char id[33];
    (void)state;
    start("V"); /* alone: nothing above it runs */
    put("V", "incident", "a bridge is out", id);
    until_title("V", "incident", id, "a bridge is out");
    struct buffer args =
        node_world_args("type", "incident", "id", id, "fields.title", "mended", NULL);
    assert_int_equal(node_world_ask(at("V"), "set", span_of_buffer(&args), NULL).status, API_DONE);
    buffer_free(&args);
    until_title("V", "incident", id, "mended");
    args = node_world_args("type", "incident", "id", id, NULL);
    assert_int_equal(node_world_ask(at("V"), "delete", span_of_buffer(&args), NULL).status,
                     API_DONE);
    buffer_free(&args);
    until_uplink("V", "dialling");
}

static void wrong_requests_are_explained(void **state)
{
    static const struct {
        const char *verb, *type, *name, *value;
        enum error_code code;
    } wrong[] = {
        {"put", "nothing", "fields.title", "x", ERR_UNKNOWN_TYPE},
        {"put", "incident", "fields.level", "2", ERR_INVALID},
        {"put", "incident", "fields.titel", "x", ERR_UNKNOWN_FIELD},
        {"put", "incident", "feilds", "x", ERR_USAGE},
        {"get", "incident", "id", "xyz", ERR_INVALID},
        {"get", "incident", "id", "00000000000000000000000000000000", ERR_NOT_FOUND},
        {"rollup", "incident", "x", "y", ERR_USAGE},
        {"fly", "incident", "x", "y", ERR_USAGE},
    };
    (void)state;
    start("V");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct buffer args =
            node_world_args("type", wrong[i].type, wrong[i].name, wrong[i].value, NULL);
        struct api_answer answer =
            node_world_ask(at("V"), wrong[i].verb, span_of_buffer(&args), NULL);
        assert_int_equal(answer.status, API_ERROR);
        assert_int_equal(answer.error.code, wrong[i].code);
        assert_string_not_equal(answer.error.why, "");
        buffer_free(&args);
    }
}

static void a_record_goes_up(void **state)
{
    char id[33], own[33], order[33];
    (void)state;
    start_all();
    until_uplink("V", "live");
    until_uplink("T", "live");
    put("V", "incident", "water in the mill", id);
    put("V", "mediation", "a fence", own);
    put("C", "directive", "stay inside", order);
    until_title("C", "incident", id, "water in the mill");
    until_title("V", "directive", order, "stay inside");
    struct buffer args = node_world_args("type", "mediation", "id", own, NULL);
    struct api_answer answer = node_world_ask(at("C"), "get", span_of_buffer(&args), NULL);
    assert_int_equal(answer.error.code, ERR_NOT_FOUND);
    buffer_free(&args);
}

static void acknowledged_outlives_a_kill(void **state)
{
    char id[33], other[33];
    (void)state;
    start_all();
    until_uplink("V", "live");
    set_cut("V", true);
    until_uplink("V", "cut");
    put("V", "incident", "before the kill", id);
    node_world_kill(at("V"));
    start("V");
    until_title("V", "incident", id, "before the kill");
    until_title("C", "incident", id, "before the kill"); /* a cut doesn't outlive the process */
    node_world_kill(at("T"));
    put("V", "incident", "while T is away", other);
    start("T");
    until_title("C", "incident", other, "while T is away");
}

enum { ROUNDS = 8, PUTS = 64 };

/* Puts without waiting, kills after some answers: every answer that came out holds. */
static size_t put_and_kill(size_t answers_before, char (*ids)[33])
{
    struct buffer args = node_world_args("type", "incident", "fields.title", "under load", NULL);
    struct api_answer answer;
    size_t count = 0;
    for (size_t i = 0; i < PUTS; i++)
        node_world_say(at("V"), "put", span_of_buffer(&args));
    buffer_free(&args);
    for (bool struck = false; count < PUTS;) {
        if (count == answers_before && !struck) {
            node_world_strike(at("V"));
            struck = true;
        }
        if (!node_world_hear(at("V"), &answer))
            break;
        assert_int_equal(answer.status, API_DONE);
        node_world_id(answer.value, ids[count++]);
    }
    return count;
}

static void killed_under_load(void **state)
{
    static char ids[ROUNDS * PUTS][33];
    size_t count = 0;
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        start("V");
        count += put_and_kill(round * 5, ids + count);
    }
    assert_in_range(count, 5 * ROUNDS * (ROUNDS - 1) / 2, ROUNDS * PUTS);
    start("V");
    for (size_t i = 0; i < count; i++)
        until_title("V", "incident", ids[i], "under load");
}

struct expected_total {
    uint64_t value;
};

static bool total_is(const struct api_answer *answer, const void *context)
{
    const struct expected_total *expected = context;
    return answer->status == API_DONE &&
           node_world_number(answer->value, "value") == expected->value;
}

/* [fields map, ...] under `records`. */
static struct buffer batch_args(const char *type, size_t count)
{
    struct buffer args = {0};
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, type);
    mp_write_text(&args, "records");
    mp_write_array(&args, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        char title[32];
        snprintf(title, sizeof title, "number %zu", i);
        mp_write_map(&args, i == 7 ? 0 : 1); /* one without its title */
        if (i != 7) {
            mp_write_text(&args, "title");
            mp_write_text(&args, title);
        }
    }
    return args;
}

static size_t count_listed(struct span pieces)
{
    struct mp_reader reader = api_reader(pieces);
    size_t count = 0;
    while (reader.at < pieces.size && !reader.failed) {
        uint32_t some = mp_read_array(&reader);
        for (uint32_t i = 0; i < some; i++)
            mp_read_any(&reader);
        count += some;
    }
    assert_false(reader.failed);
    return count;
}

static size_t list_count(const char *code, uint64_t limit)
{
    struct buffer args = {0}, pieces = {0};
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, "incident");
    mp_write_text(&args, "limit");
    mp_write_uint(&args, limit);
    struct api_answer answer = node_world_ask(at(code), "list", span_of_buffer(&args), &pieces);
    assert_int_equal(answer.status, API_DONE);
    size_t count = count_listed(span_of_buffer(&pieces));
    buffer_free(&args);
    buffer_free(&pieces);
    return count;
}

static void many_are_put_listed_and_counted(void **state)
{
    (void)state;
    start_all();
    struct buffer args = batch_args("incident", PUT_RECORDS_MAX);
    struct api_answer answer = node_world_ask(at("V"), "put", span_of_buffer(&args), NULL);
    buffer_free(&args);
    assert_int_equal(answer.status, API_DONE);
    struct mp_reader reader = api_reader(answer.value);
    assert_int_equal(mp_read_array(&reader), PUT_RECORDS_MAX);
    struct span each = SPAN_EMPTY;
    for (size_t i = 0; i < PUT_RECORDS_MAX; i++) {
        each = mp_read_any(&reader);
        assert_int_equal(node_world_at(each, "id").size > 0, i != 7);
        assert_int_equal(node_world_is_text(each, "error", "invalid"), i == 7);
    }
    char last[33], title[32];
    node_world_id(each, last);
    snprintf(title, sizeof title, "number %d", PUT_RECORDS_MAX - 1);
    assert_int_equal(list_count("V", 150), 150);
    assert_int_equal(list_count("V", INT64_MAX), PUT_RECORDS_MAX - 1);
    args = node_world_args("name", "records", "by", "origin", NULL);
    struct expected_total expected = {PUT_RECORDS_MAX - 1};
    node_world_until(at("C"), "rollup", span_of_buffer(&args), total_is, &expected);
    buffer_free(&args);
    until_title("C", "incident", last, title); /* totals may be there before the records */
    assert_int_equal(list_count("C", INT64_MAX), PUT_RECORDS_MAX - 1);
}

static void status_says_who_it_is(void **state)
{
    (void)state;
    start_all();
    until_uplink("T", "live");
    until_uplink("V", "live");
    struct api_answer answer = node_world_ask(at("T"), "status", SPAN_EMPTY, NULL);
    assert_true(node_world_is_text(answer.value, "seat", "T"));
    assert_true(node_world_is_text(answer.value, "name", "Township"));
    assert_true(node_world_is_text(answer.value, "tier", "township"));
    assert_int_equal(node_world_number(answer.value, "pid"), at("T")->process);
    assert_int_equal(node_world_number(answer.value, "tree.seats"), 3);
    assert_int_equal(node_world_number(answer.value, "children.expected"), 1);
    assert_int_equal(node_world_number(answer.value, "children.live"), 1);
    assert_int_equal(node_world_number(answer.value, "refused.forged"), 0);
    struct mp_reader reader = api_reader(node_world_at(answer.value, "links"));
    assert_int_equal(mp_read_array(&reader), 2);
    reader = api_reader(node_world_at(answer.value, "alarms"));
    assert_int_equal(mp_read_array(&reader), 0);
    assert_in_range(node_world_number(answer.value, "memory_bytes"), 1, 64 << 20);
}

static void one_daemon_a_directory(void **state)
{
    struct node_world_seat second;
    (void)state;
    start("V");
    second = *at("V");
    second.process = 0;
    second.api = -1;
    second.heard = (struct buffer){0};
    assert_int_equal(node_world_run(&second), EXIT_FAILED);
    until_uplink("V", "dialling"); /* the first one still answers */
}

static void stops_when_told(void **state)
{
    char id[33];
    (void)state;
    start_all();
    put("V", "incident", "last words", id);
    struct api_answer answer = node_world_ask(at("V"), "stop", SPAN_EMPTY, NULL);
    assert_int_equal(answer.status, API_DONE);
    assert_int_equal(node_world_wait(at("V")), EXIT_DONE);
    kill(at("T")->process, SIGTERM);
    assert_int_equal(node_world_wait(at("T")), EXIT_DONE);
    kill(at("C")->process, SIGINT);
    assert_int_equal(node_world_wait(at("C")), EXIT_DONE);
    char path[256];
    snprintf(path, sizeof path, "%s/api.sock", at("V")->dir);
    assert_int_not_equal(access(path, F_OK), 0);
    start("V");
    until_title("V", "incident", id, "last words");
}

static void refuses_what_it_cannot_verify(void **state)
{
    char path[256], kept[256];
    (void)state;
    snprintf(path, sizeof path, "%s/documents/000.document", at("V")->dir);
    snprintf(kept, sizeof kept, "%s/kept", at("V")->dir);
    assert_int_equal(rename(path, kept), 0);
    assert_int_equal(node_world_run(at("V")), EXIT_REFUSED); /* no root */
    assert_int_equal(rename(kept, path), 0);
    snprintf(path, sizeof path, "%s/keys/signing.key", at("V")->dir);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(node_world_run(at("V")), EXIT_REFUSED); /* others read its key */
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(kept, sizeof kept, "%s/keys/signing.key", at("T")->dir);
    assert_int_equal(rename(kept, path), 0);
    assert_int_equal(node_world_run(at("V")), EXIT_REFUSED); /* another seat's key */
}

/* A document file given to the running node, with the byte at `flipped` (0: none) changed. */
static struct api_answer publish(const char *name, size_t flipped)
{
    char path[256];
    struct buffer bytes = {0}, args = {0};
    snprintf(path, sizeof path, "%s/documents/%s", at("V")->dir, name);
    assert_int_equal(file_read(path, 1 << 20, &bytes, NULL), ERR_OK);
    bytes.data[flipped] ^= flipped == 0 ? 0 : 1;
    mp_write_map(&args, 2);
    mp_write_text(&args, "name");
    mp_write_text(&args, name);
    mp_write_text(&args, "document");
    mp_write_bin(&args, span_of_buffer(&bytes));
    struct api_answer answer = node_world_ask(at("V"), "publish", span_of_buffer(&args), NULL);
    buffer_free(&args);
    buffer_free(&bytes);
    return answer;
}

static void a_running_node_takes_documents(void **state)
{
    (void)state;
    start("V");
    struct api_answer answer = publish("001.document", 0);
    assert_int_equal(answer.status, API_DONE);
    assert_true(node_world_is_text(answer.value, "seat", "C"));
    assert_int_equal(node_world_number(answer.value, "version"), 1);
    answer = publish("001.document", 40); /* in the signed header */
    assert_int_equal(answer.status, API_ERROR);
    answer = publish("001.document", 2); /* no document file any more */
    assert_int_equal(answer.status, API_ERROR);
    assert_int_equal(answer.error.code, ERR_MALFORMED);
    answer = node_world_ask(at("V"), "publish", SPAN_EMPTY, NULL);
    assert_int_equal(answer.status, API_ERROR);
}

static void a_full_store_refuses_and_reads_on(void **state)
{
    enum { BULK = 32 };
    char id[33];
    unsigned seed = 1, batches = 0;
    (void)state;
    start_all();
    until_uplink("V", "live");
    put("V", "incident", "the first", id);
    until_title("C", "incident", id, "the first");
    while (!node_world_bulk_is_refused(at("V"), BULK, &seed))
        assert_in_range(++batches, 1, 1000);
    assert_true(node_world_bulk_is_refused(at("V"), BULK,
                                           &seed)); /* the second refusal is as calm as the first */
    until_title("V", "incident", id, "the first");
    struct api_answer answer = node_world_ask(at("V"), "status", SPAN_EMPTY, NULL);
    assert_true(node_world_is_text(answer.value, "room.level", "tight"));
    assert_in_range(node_world_number(answer.value, "room.percent"), 90, 99);
    struct mp_reader reader = api_reader(node_world_at(answer.value, "alarms"));
    assert_in_range(mp_read_array(&reader), 1, 9);
    node_world_kill(at("V"));
    start("V");
    until_title("V", "incident", id, "the first");
}

int main(int argument_count, char **arguments)
{
    node_world_child(argument_count, arguments);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
        TEST(written_here_is_read_here),
        TEST(wrong_requests_are_explained),
        TEST(a_record_goes_up),
        TEST(acknowledged_outlives_a_kill),
        TEST(killed_under_load),
        TEST(many_are_put_listed_and_counted),
        TEST(status_says_who_it_is),
        TEST(a_full_store_refuses_and_reads_on),
        TEST(one_daemon_a_directory),
        TEST(stops_when_told),
        TEST(refuses_what_it_cannot_verify),
        TEST(a_running_node_takes_documents),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
