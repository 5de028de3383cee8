/* Links past a parent (rules.md B150): who may have one, which says so, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hostile_desk.h"
#include "tests/unit/message_bodies.h"

/* The peer, below, says that it comes over a fallback. */
static void hello_over(struct desk *desk, uint32_t link, enum desk_seat peer)
{
    const struct tree *tree = replica_tree(drive_replica(desk->drive));
    struct hash digest = tree_link_digest(tree, span_of_text(desk->county->seats[peer].code));
    struct hello hello = hello_usual(&digest);
    struct buffer body = {0};
    hello.over = true;
    body_of_hello(&hello, &body);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_HELLO, &body);
    desk_run(desk);
}

static uint32_t dial(struct desk *desk, enum desk_seat peer, bool over)
{
    struct event event = {.kind = EVENT_LINK_UP};
    event.link_up.link = ++desk->next_link;
    event.link_up.uplink = true;
    event.link_up.over = over;
    memcpy(event.link_up.peer_key, desk->county->seats[peer].link_key, KEY_BYTES);
    desk_event(desk, &event);
    desk_run(desk);
    return desk->next_link;
}

static bool is_over(const struct desk *desk, uint32_t link)
{
    const struct replica *replica = drive_replica(desk->drive);
    struct link_status status = {.link = 0};
    for (size_t i = 0; i < replica_link_count(replica) && status.link != link; i++)
        replica_link_status(replica, &desk->port.view, i, &status);
    return status.link == link && status.over;
}

/* The last element of what we say in the hello, if it is field 8. */
static bool says_over(const struct desk *desk, uint32_t link)
{
    const struct heard *hello = desk_find(desk, link, SAY_HELLO);
    struct mp_reader reader = mp_reader(span_of_buffer(&hello->body));
    struct mp_fields fields = mp_fields(&reader);
    bool over = false;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == 8)
            over = mp_read_bool(&reader);
        else
            mp_read_any(&reader);
    }
    return over && !reader.failed;
}

static void a_seat_further_below_is_served(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    uint32_t link = desk_link(desk, SEAT_V1);
    hello_over(desk, link, SEAT_V1);
    assert_string_equal(desk_state(desk, link), "comparing");
    assert_true(is_over(desk, link));
    /* a link in the usual way takes its place, and is guided */
    uint32_t usual = desk_link(desk, SEAT_V1);
    assert_true(desk_closed(desk, link));
    desk_hello(desk, usual, SEAT_V1);
    desk_run(desk);
    assert_string_equal(desk_state(desk, usual), "guided");
    desk_free(desk);
}

/* A child is a child, whatever it says. */
static void a_child_is_no_guest(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    uint32_t link = desk_link(desk, SEAT_T1);
    hello_over(desk, link, SEAT_T1);
    assert_string_equal(desk_state(desk, link), "comparing");
    assert_false(is_over(desk, link));
    desk_free(desk);
}

/* Whoever isn't below has no link, over whatever he says he came. */
static void nobody_else_comes_so(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T2, NULL);
    uint32_t link = desk_link(desk, SEAT_V1);
    assert_true(desk_closed(desk, link));
    desk_free(desk);
}

static void it_says_so_and_ends_with_the_parents_link(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_V1, NULL);
    uint32_t usual = dial(desk, SEAT_C, false);
    assert_false(says_over(desk, usual));
    uint32_t over = dial(desk, SEAT_C, true);
    assert_true(desk_closed(desk, usual));
    assert_true(says_over(desk, over));
    desk_hello(desk, over, SEAT_C);
    desk_run(desk);
    assert_string_not_equal(desk_state(desk, over), "guided");
    uint32_t parent = dial(desk, SEAT_T1, false);
    assert_true(desk_closed(desk, over));
    assert_false(says_over(desk, parent));
    /* and none is begun while that is there */
    uint32_t late = dial(desk, SEAT_C, true);
    assert_true(desk_closed(desk, late));
    assert_false(desk_closed(desk, parent));
    desk_free(desk);
}

/* The parent itself is no way past it, and who isn't above is none at all. */
static void only_past_the_parent(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_V1, NULL);
    uint32_t parent = dial(desk, SEAT_T1, true);
    assert_false(says_over(desk, parent));
    assert_false(is_over(desk, parent));
    uint32_t beside = dial(desk, SEAT_T2, true);
    assert_true(desk_closed(desk, beside));
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seat_further_below_is_served),
        cmocka_unit_test(a_child_is_no_guest),
        cmocka_unit_test(nobody_else_comes_so),
        cmocka_unit_test(it_says_so_and_ends_with_the_parents_link),
        cmocka_unit_test(only_past_the_parent),
    };
    if (!crypto_start())
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
