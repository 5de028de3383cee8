/* node/api: messages, and the server against clients that are in a hurry, lazy or hostile. Server
 * and clients share one thread: the loop turns without waiting whenever a client would block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/api/server.h"

enum { TURNS_MAX = 100000, KEPT_MAX = 4096 };

static struct world {
    char dir[64];
    uv_loop_t loop;
    struct api_server *server;
    struct api_call kept[KEPT_MAX]; /* requests with verb `keep`, answered later */
    size_t kept_count, request_count, cancelled_count, drained_count;
    struct api_call flood; /* answered with MORE while the client reads */
    bool flooding;
    bool closed;
} world;

static void answer_done(struct api_call call)
{
    static const uint8_t nil[] = {0xc0};
    api_answer(world.server, call, API_DONE, SPAN_OF_ARRAY(nil), NULL);
}

static void pour(void)
{
    struct buffer value = {0};
    uint8_t *piece = mem_alloc(60000);
    mp_write_bin(&value, SPAN(piece, 60000));
    while (world.flooding && api_ready(world.server, world.flood.client))
        api_answer(world.server, world.flood, API_MORE, span_of_buffer(&value), NULL);
    free(piece);
    buffer_free(&value);
}

static void on_request(void *context, struct api_call call, const struct api_request *request)
{
    assert_ptr_equal(context, &world);
    world.request_count++;
    if (span_equal(request->verb, span_of_text("keep"))) {
        assert_in_range(world.kept_count, 0, KEPT_MAX - 1);
        world.kept[world.kept_count++] = call;
    } else if (span_equal(request->verb, span_of_text("flood"))) {
        world.flood = call;
        world.flooding = true;
        pour();
    } else {
        api_answer(world.server, call, API_DONE, request->args, NULL);
    }
}

static void on_cancelled(void *context, struct api_call call)
{
    (void)context;
    world.cancelled_count++;
    if (world.flooding && call.client == world.flood.client && call.id == world.flood.id) {
        world.flooding = false;
        answer_done(call);
    }
}

static void on_drained(void *context, uint64_t client)
{
    (void)context, (void)client;
    world.drained_count++;
    pour();
}

static void on_closed(void *context)
{
    assert_ptr_equal(context, &world);
    world.closed = true;
}

static int open_world(void **state)
{
    struct error error;
    (void)state;
    world = (struct world){.dir = "/tmp/terrace-api-XXXXXX"};
    assert_non_null(mkdtemp(world.dir));
    assert_int_equal(uv_loop_init(&world.loop), 0);
    struct api_handler handler = {&world, on_request, on_cancelled, on_drained};
    assert_int_equal(api_open(&world.loop, world.dir, &handler, &world.server, &error), ERR_OK);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    if (!world.closed)
        api_close(world.server, on_closed, &world);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_true(world.closed);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    return rmdir(world.dir); /* the socket is gone */
}

static void turn(void)
{
    uv_run(&world.loop, UV_RUN_NOWAIT);
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/api.sock", world.dir);
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(file, (struct sockaddr *)&address, sizeof address), 0);
    turn();
    return file;
}

/* Sends all that the server takes; answers how much it took before it stopped reading. */
static size_t say(int file, const struct buffer *bytes)
{
    size_t at = 0;
    for (unsigned idle = 0; at < bytes->size && idle < 20; turn()) {
        ssize_t sent = send(file, bytes->data + at, bytes->size - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        at += sent > 0 ? (size_t)sent : 0;
        idle = sent > 0 ? 0 : idle + 1;
    }
    turn();
    return at;
}

/* Reads one answer into `bytes`; false: the server closed. */
static bool hear(int file, struct buffer *bytes, struct api_answer *answer)
{
    struct error error;
    buffer_clear(bytes);
    for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
        size_t whole = bytes->size < 4 ? 4 : 4 + read_u32(bytes->data);
        if (bytes->size == whole && whole > 4) {
            struct span message = SPAN(bytes->data + 4, whole - 4);
            assert_int_equal(api_answer_decode(message, answer, &error), ERR_OK);
            return true;
        }
        buffer_reserve(bytes, whole);
        ssize_t got = recv(file, bytes->data + bytes->size, whole - bytes->size, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        bytes->size += got > 0 ? (size_t)got : 0;
        turn();
    }
    fail_msg("no answer");
    return false;
}

static void add_request(struct buffer *out, uint64_t id, const char *verb, const char *text)
{
    struct buffer args = {0};
    mp_write_map(&args, 1);
    mp_write_text(&args, "text");
    mp_write_text(&args, text);
    api_request_encode(id, verb, span_of_buffer(&args), out);
    buffer_free(&args);
}

static void messages_are_read_back(void **state)
{
    struct buffer bytes = {0};
    struct api_request request;
    struct api_answer answer;
    struct error error, read;
    (void)state;
    add_request(&bytes, UINT64_MAX, "put", "文");
    assert_int_equal(read_u32(bytes.data), bytes.size - 4);
    struct span message = SPAN(bytes.data + 4, bytes.size - 4);
    assert_int_equal(api_request_decode(message, &request, &error), ERR_OK);
    assert_true(request.id == UINT64_MAX);
    assert_true(span_equal(request.verb, span_of_text("put")));
    for (size_t size = 0; size < message.size; size++)
        assert_int_equal(api_request_decode(SPAN(message.data, size), &request, &error),
                         ERR_MALFORMED);
    buffer_clear(&bytes);
    error_set(&error, ERR_INVALID, "title", "found 7, expected a text");
    error_next(&error, "give a text");
    error_at(&error, 4, 9);
    api_answer_encode(7, API_ERROR, SPAN_EMPTY, &error, &bytes);
    message = SPAN(bytes.data + 4, bytes.size - 4);
    assert_int_equal(api_answer_decode(message, &answer, &read), ERR_OK);
    assert_int_equal(answer.id, 7);
    assert_int_equal(answer.status, API_ERROR);
    assert_int_equal(answer.error.code, ERR_INVALID);
    assert_string_equal(answer.error.what, "title");
    assert_string_equal(answer.error.why, "found 7, expected a text");
    assert_string_equal(answer.error.next, "give a text");
    assert_int_equal(answer.error.line, 4);
    assert_int_equal(answer.error.column, 9);
    assert_int_equal(answer.exit_status, EXIT_REFUSED);
    buffer_free(&bytes);
}

static void many_requests_many_answers(void **state)
{
    struct buffer bytes = {0};
    struct api_answer answer;
    bool heard[500] = {false};
    (void)state;
    int file = dial();
    for (uint64_t id = 0; id < 500; id++)
        add_request(&bytes, id, "echo", "again");
    assert_int_equal(say(file, &bytes), bytes.size);
    for (size_t i = 0; i < 500; i++) {
        assert_true(hear(file, &bytes, &answer));
        assert_int_equal(answer.status, API_DONE);
        assert_in_range(answer.id, 0, 499);
        assert_false(heard[answer.id]);
        heard[answer.id] = true;
    }
    close(file);
    buffer_free(&bytes);
}

static void in_flight_is_bounded(void **state)
{
    struct buffer bytes = {0};
    struct api_answer answer;
    (void)state;
    int file = dial();
    for (uint64_t id = 0; id < 2 * API_IN_FLIGHT_MAX; id++)
        add_request(&bytes, id, "keep", "x");
    say(file, &bytes);
    assert_int_equal(world.request_count, API_IN_FLIGHT_MAX);
    answer_done(world.kept[9]);
    turn();
    turn();
    assert_int_equal(world.request_count, API_IN_FLIGHT_MAX + 1);
    assert_true(hear(file, &bytes, &answer));
    assert_int_equal(answer.id, world.kept[9].id);
    close(file); /* noticed at the next answer: nothing is read from a client with so many */
    answer_done(world.kept[1]);
    turn();
    turn();
    assert_true(world.cancelled_count >= API_IN_FLIGHT_MAX - 1);
    assert_false(api_has(world.server, world.kept[0].client));
    answer_done(world.kept[0]);
    buffer_free(&bytes);
}

static void bytes_in_flight_are_bounded(void **state)
{
    struct buffer bytes = {0};
    char *text = mem_alloc(1000000);
    (void)state;
    memset(text, 'a', 999999);
    int file = dial();
    for (uint64_t id = 0; id < 10; id++)
        add_request(&bytes, id, "keep", text);
    assert_in_range(say(file, &bytes), 5000000, 7000000);
    assert_int_equal(world.request_count, 5); /* the fifth passes 4 MiB */
    close(file);
    free(text);
    buffer_free(&bytes);
}

static void slow_reader_stops_the_answers(void **state)
{
    struct buffer bytes = {0};
    struct api_answer answer;
    size_t heard = 0;
    (void)state;
    int file = dial();
    add_request(&bytes, 1, "flood", "");
    say(file, &bytes);
    for (unsigned i = 0; i < 100; i++)
        turn();
    size_t drained = world.drained_count;
    assert_in_range(drained, 0, 20); /* what the socket's buffer took */
    assert_false(api_ready(world.server, world.flood.client));
    for (; heard < 200; heard++)
        assert_true(hear(file, &bytes, &answer));
    assert_true(world.drained_count > drained);
    buffer_clear(&bytes);
    struct buffer args = {0};
    mp_write_map(&args, 1);
    mp_write_text(&args, "id");
    mp_write_uint(&args, 1);
    api_request_encode(2, "cancel", span_of_buffer(&args), &bytes);
    say(file, &bytes);
    do
        assert_true(hear(file, &bytes, &answer));
    while (answer.status == API_MORE);
    assert_int_equal(answer.status, API_DONE);
    assert_int_equal(world.cancelled_count, 1);
    close(file);
    buffer_free(&args);
    buffer_free(&bytes);
}

/* Each hostile opening is closed; a decent client beside it is served on. */
static void hostile_clients_are_closed(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } openings[] = {
        {"\x00\x00\x00\x00", 4},                             /* no length */
        {"\x00\x10\x00\x01", 4},                             /* a byte above the bound */
        {"\xff\xff\xff\xff", 4},                             /* 4 GiB */
        {"GET / HTTP/1.1\r\n\r\n", 18},                      /* another protocol: a huge length */
        {"\x00\x00\x00\x01\xc0", 5},                         /* not a map */
        {"\x00\x00\x00\x05\x81\xdd\xff\xff\xff", 9},         /* a count that can't be */
        {"\x00\x00\x00\x09\x82\x01\x01\x02\xa3put\x00", 13}, /* a byte too many */
        {"\x00\x00\x00\x04\x81\x01\x01\x00", 8},
    };
    struct buffer bytes = {0}, decent_bytes = {0};
    struct api_answer answer;
    (void)state;
    int decent = dial();
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        int file = dial();
        buffer_clear(&bytes);
        buffer_append(&bytes, openings[i].bytes, openings[i].size);
        say(file, &bytes);
        if (hear(file, &bytes, &answer)) {
            assert_int_equal(answer.status, API_ERROR);
            assert_int_equal(answer.id, 0);
            assert_false(hear(file, &bytes, &answer));
        }
        close(file);
        buffer_clear(&decent_bytes);
        add_request(&decent_bytes, i, "echo", "still here");
        say(decent, &decent_bytes);
        assert_true(hear(decent, &decent_bytes, &answer));
        assert_int_equal(answer.id, i);
    }
    close(decent);
    buffer_free(&bytes);
    buffer_free(&decent_bytes);
}

static void one_id_twice_is_refused(void **state)
{
    struct buffer bytes = {0};
    struct api_answer answer;
    (void)state;
    int file = dial();
    add_request(&bytes, 5, "keep", "x");
    add_request(&bytes, 5, "keep", "x");
    say(file, &bytes);
    assert_true(hear(file, &bytes, &answer));
    assert_int_equal(answer.error.code, ERR_MALFORMED);
    assert_false(hear(file, &bytes, &answer));
    close(file);
    buffer_free(&bytes);
}

static void clients_are_bounded(void **state)
{
    int files[API_CLIENTS_MAX + 1];
    struct buffer bytes = {0};
    struct api_answer answer;
    (void)state;
    for (size_t i = 0; i <= API_CLIENTS_MAX; i++) {
        files[i] = dial();
        buffer_clear(&bytes);
        add_request(&bytes, 1, "keep", "x");
        if (i < API_CLIENTS_MAX)
            say(files[i], &bytes);
    }
    assert_true(hear(files[API_CLIENTS_MAX], &bytes, &answer));
    assert_int_equal(answer.id, 0);
    assert_int_equal(answer.error.code, ERR_FULL);
    assert_false(hear(files[API_CLIENTS_MAX], &bytes, &answer));
    close(files[0]);
    turn();
    int late = dial();
    buffer_clear(&bytes);
    add_request(&bytes, 1, "echo", "x");
    say(late, &bytes);
    assert_true(hear(late, &bytes, &answer));
    close(late);
    for (size_t i = 1; i <= API_CLIENTS_MAX; i++)
        close(files[i]);
    buffer_free(&bytes);
}

/* Half a request, and nothing owed: the oldest such one goes, the others stay. */
static void idle_clients_make_room(void **state)
{
    int files[API_CLIENTS_MAX];
    static const uint8_t half[] = {0, 0, 0, 9, 0x83};
    struct buffer bytes = {0};
    struct api_answer answer;
    (void)state;
    files[0] = dial();
    add_request(&bytes, 1, "keep", "x");
    say(files[0], &bytes);
    buffer_clear(&bytes);
    buffer_append(&bytes, half, sizeof half);
    for (size_t i = 1; i < API_CLIENTS_MAX; i++) {
        files[i] = dial();
        say(files[i], &bytes);
    }
    int late = dial();
    buffer_clear(&bytes);
    add_request(&bytes, 1, "echo", "x");
    say(late, &bytes);
    assert_true(hear(late, &bytes, &answer));
    assert_false(hear(files[1], &bytes, &answer));
    answer_done(world.kept[0]);
    assert_true(hear(files[0], &bytes, &answer));
    for (size_t i = 0; i < API_CLIENTS_MAX; i++)
        close(files[i]);
    close(late);
    buffer_free(&bytes);
}

static void pausing_stops_requests(void **state)
{
    struct buffer bytes = {0};
    struct api_answer answer;
    (void)state;
    int file = dial();
    api_pause(world.server, true);
    turn();
    add_request(&bytes, 1, "echo", "x");
    say(file, &bytes);
    assert_int_equal(world.request_count, 0);
    api_pause(world.server, false);
    assert_true(hear(file, &bytes, &answer));
    assert_int_equal(world.request_count, 1);
    close(file);
    buffer_free(&bytes);
}

static void stale_socket_is_replaced_and_private(void **state)
{
    struct stat status;
    struct error error;
    char path[128];
    struct api_server *second;
    (void)state;
    snprintf(path, sizeof path, "%s/api.sock", world.dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    ino_t before = status.st_ino;
    struct api_handler handler = {&world, on_request, on_cancelled, on_drained};
    assert_int_equal(api_open(&world.loop, world.dir, &handler, &second, &error), ERR_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_ino != before);
    api_close(second, NULL, NULL);
    assert_int_equal(api_open(&world.loop, "/nowhere", &handler, &second, &error), ERR_IO);
    assert_string_not_equal(error.next, "");
}

static void last_answers_are_written_at_the_end(void **state)
{
    struct buffer bytes = {0};
    struct api_answer answer;
    (void)state;
    int file = dial();
    add_request(&bytes, 3, "keep", "x");
    say(file, &bytes);
    answer_done(world.kept[0]);
    api_close(world.server, on_closed, &world);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_true(world.closed);
    assert_true(hear(file, &bytes, &answer));
    assert_int_equal(answer.id, 3);
    assert_false(hear(file, &bytes, &answer));
    close(file);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_read_back),
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
        TEST(many_requests_many_answers),
        TEST(in_flight_is_bounded),
        TEST(bytes_in_flight_are_bounded),
        TEST(slow_reader_stops_the_answers),
        TEST(hostile_clients_are_closed),
        TEST(one_id_twice_is_refused),
        TEST(clients_are_bounded),
        TEST(idle_clients_make_room),
        TEST(pausing_stops_requests),
        TEST(stale_socket_is_replaced_and_private),
        TEST(last_answers_are_written_at_the_end),
#undef TEST
    };
    signal(SIGPIPE, SIG_IGN); /* as a node does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
