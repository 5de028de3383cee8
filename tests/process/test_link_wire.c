/* A wire in the link room: a caller is put through by its fallback to the seat above, and the link
 * that comes up is between the two ends. What the host does to the bytes ends it, and nothing else;
 * who isn't put through hears no more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/link_world.h"

static struct side *const target = &world.sides[0], *const caller = &world.sides[1],
                          *const host = &world.sides[2];

static struct {
    unsigned asked;
    char seat[SEAT_BYTES_MAX + 1];
    bool same_key, refuses, answers_nothing;
    struct link_route routes[LINK_ROUTES_MAX];
    size_t route_count;
} met;

static void heard_wire(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                       const char *seat)
{
    (void)context;
    met.asked++;
    snprintf(met.seat, sizeof met.seat, "%s", seat);
    met.same_key = memcmp(peer_key, caller->key, LINK_KEY_BYTES) == 0;
    assert_true(link_room_wiring(host->room, link));
    if (met.refuses)
        link_room_close(host->room, link, LINK_BYE_REFUSED);
    else if (!met.answers_nothing)
        link_room_put_through(host->room, link, met.routes, met.route_count);
}

static void add_route(const char *seat, unsigned port)
{
    struct link_route *route = &met.routes[met.route_count++];
    snprintf(route->seat, sizeof route->seat, "%s", seat);
    snprintf(route->url, sizeof route->url, "tcp://127.0.0.1:%u", port);
}

static void start_host(bool hosts)
{
    struct link_options options = side_options(host);
    memset(&met, 0, sizeof met);
    options.listen_url = "tcp://127.0.0.1:0";
    options.callbacks.on_wire = hosts ? heard_wire : NULL;
    options.handshake_ms = 1000;
    start_side(host, &options);
}

static void start_target(void)
{
    const struct link_options options = parent_options();
    start_parent(&options);
}

/* `seat`: what the caller calls the seat above. */
static void dial_over(const char *seat)
{
    struct link_options options = side_options(caller);
    struct link_target there = {.seat = ""};
    struct error error = {0};
    char url[64];
    const char *urls[] = {url};
    options.ping_ms = 50; /* none may pass before it is put through */
    start_side(caller, &options);
    snprintf(there.seat, sizeof there.seat, "%s", seat);
    memcpy(there.key, target->key, LINK_KEY_BYTES);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", link_room_port(host->room));
    assert_int_equal(link_room_dial_over(caller->room, host->key, urls, 1, "V1", &there, 1, &error),
                     ERR_OK);
}

/* A port at which nobody listens. */
static unsigned dead_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(file, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(file, (struct sockaddr *)&address, &size), 0);
    close(file);
    return ntohs(address.sin_port);
}

static void a_link_between_the_ends(void **state)
{
    struct link_info info;
    struct error error = {0};
    (void)state;
    start_target();
    start_host(true);
    add_route("nearer", dead_port()); /* the first that answers */
    add_route("C", world.port);
    dial_over("C");
    RUN_UNTIL(target->link && caller->link);
    assert_int_equal(met.asked, 1);
    assert_true(met.same_key);
    assert_string_equal(met.seat, "V1");
    assert_true(link_room_info(caller->room, caller->link, &info) && info.over && info.uplink);
    assert_memory_equal(info.peer_key, target->key, LINK_KEY_BYTES);
    assert_true(link_room_info(target->room, target->link, &info) && !info.over);
    assert_int_equal(host->log_count, 0); /* to its user the two are nobody */
    assert_int_equal(link_room_wires(host->room), 1);
    for (unsigned i = 0; i < 8; i++) {
        send_body(caller, 3, 60000);
        send_body(target, 3, 60000);
        send_body(caller, 1, 100);
    }
    RUN_UNTIL(target->heard[3] == 8 && caller->heard[3] == 8 && target->heard[1] == 8);
    assert_false(target->broken || caller->broken);
    assert_true(counters_of(host).wired > 16 * 60000);
    assert_int_equal(host->heard[1] + host->heard[3], 0);
    /* it stands beside whatever is dialled next */
    const char *none[] = {"tcp://127.0.0.1:9"};
    assert_int_equal(link_room_dial(caller->room, host->key, none, 1, &error), ERR_OK);
    send_body(caller, 1, 100);
    RUN_UNTIL(target->heard[1] == 9);
    /* and ends with its host */
    link_room_stop(host->room);
    RUN_UNTIL(host->stopped && !target->link && !caller->link);
}

static void the_other_end_goes(void **state)
{
    (void)state;
    start_target();
    start_host(true);
    add_route("C", world.port);
    dial_over("C");
    RUN_UNTIL(target->link && caller->link);
    link_room_stop(target->room);
    RUN_UNTIL(target->stopped && !caller->link && link_room_wires(host->room) == 0);
}

static void who_is_refused_has_no_link(void **state)
{
    (void)state;
    start_target();
    start_host(true);
    met.refuses = true;
    dial_over("C");
    RUN_UNTIL(met.asked >= 3); /* it tries again, and learns no more */
    assert_int_equal(caller->log_count + target->log_count, 0);
}

static void nobody_is_hosted(void **state)
{
    (void)state;
    start_target();
    start_host(false);
    dial_over("C");
    RUN_UNTIL(counters_of(host).handshake >= 2);
    assert_int_equal(caller->log_count + target->log_count, 0);
}

static void a_host_that_is_silent_is_given_up(void **state)
{
    (void)state;
    start_target();
    start_host(true);
    met.answers_nothing = true;
    dial_over("C");
    RUN_UNTIL(met.asked == 2);
    assert_int_equal(caller->log_count + target->log_count, 0);
    assert_true(counters_of(host).timeout >= 1);
}

/* It says that it leads to somebody else, who isn't above the caller. */
static void a_lie_about_where_it_leads(void **state)
{
    (void)state;
    start_target();
    start_host(true);
    add_route("elsewhere", world.port);
    dial_over("C");
    RUN_UNTIL(counters_of(caller).malformed >= 2);
    assert_int_equal(caller->log_count + target->log_count, 0);
}

/* At the end of the wire sits somebody without the key: the host itself, say. */
static void another_at_the_end_of_it(void **state)
{
    struct link_options options = parent_options();
    (void)state;
    memset(options.link_secret, 0x66, LINK_KEY_BYTES);
    start_parent(&options);
    start_host(true);
    add_route("C", world.port);
    dial_over("C");
    RUN_UNTIL(counters_of(target).handshake >= 2);
    assert_int_equal(caller->log_count + target->log_count, 0);
}

/* Bytes that the host has turned, once the two ends are linked: the link ends, and a new one comes.
 */
static void garbage_ends_that_link_alone(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    static const uint8_t garbage[400] = {0, 48, 7};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    start_target();
    start_host(true);
    add_route("C", ntohs(address.sin_port));
    dial_over("C");
    RUN_UNTIL(link_room_wires(host->room) == 1);
    int end = accept(listener, NULL, NULL);
    assert_true(end >= 0);
    assert_int_equal(write(end, garbage, sizeof garbage), sizeof garbage);
    RUN_UNTIL(counters_of(caller).handshake == 1);
    assert_int_equal(caller->log_count + target->log_count + host->log_count, 0);
    met.route_count = 0;
    add_route("C", world.port);
    RUN_UNTIL(target->link && caller->link);
    close(end);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
        TEST(a_link_between_the_ends),    TEST(the_other_end_goes),
        TEST(who_is_refused_has_no_link), TEST(nobody_is_hosted),
        TEST(a_lie_about_where_it_leads), TEST(a_host_that_is_silent_is_given_up),
        TEST(another_at_the_end_of_it),   TEST(garbage_ends_that_link_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
