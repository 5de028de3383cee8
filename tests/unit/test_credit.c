/* Credit and quotas at one node: what it grants, what it withholds from a child that floods, that a
 * peer's wide window doesn't flood our link, and that a backlog costs no memory on either side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hostile_desk.h"
#include "tests/unit/message_bodies.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* What the victim has granted on one link: totals, from its hello and its credit. */
struct granted {
    uint64_t bytes[CLASS_COUNT];
    unsigned messages;
};

static void read_hello(struct span body, struct granted *granted)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key != 6) {
            mp_read_any(&reader);
            continue;
        }
        assert_int_equal(mp_read_array(&reader), CLASS_COUNT);
        for (int class = 0; class < CLASS_COUNT; class ++) {
            assert_int_equal(mp_read_array(&reader), 2);
            granted->bytes[class] = mp_read_uint(&reader);
            mp_read_uint(&reader);
        }
    }
    assert_false(reader.failed);
}

static void hear_grants(const struct desk *desk, uint32_t link, struct granted *granted)
{
    for (size_t i = 0; i < desk->heard_count; i++) {
        const struct heard *heard = &desk->heard[i];
        if (heard->link != link)
            continue;
        if (heard->type == SAY_HELLO) {
            read_hello(span_of_buffer(&heard->body), granted);
        } else if (heard->type == SAY_CREDIT) {
            struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
            uint64_t channel = mp_read_uint(&reader);
            granted->bytes[channel - 1] = mp_read_uint(&reader);
            granted->messages++;
        }
    }
}

/* A child that comes up: what it is granted at first. */
static struct granted grants_at_first(struct desk *desk, enum desk_seat peer, uint32_t *link)
{
    struct granted granted = {0};
    *link = desk_link(desk, peer);
    hear_grants(desk, *link, &granted);
    return granted;
}

/* The next block of a child's stream: `count` new surveys or incidents with titles that don't
 * compress well; the bytes that its message has. */
static size_t say_block(struct desk *desk, uint32_t link, struct signer *signer, unsigned type,
                        uint32_t *counter, uint32_t count)
{
    struct block_text text = {0};
    struct prepared_block block;
    struct buffer bodies[64] = {0}, message = {0};
    for (uint32_t i = 0; i < count; i++) {
        char title[2001];
        for (size_t at = 0; at < sizeof title - 1; at++)
            title[at] = (char)('0' + rand() % 64);
        title[sizeof title - 1] = '\0';
        for (char *at = title; *at != '\0'; at++)
            *at = *at == '\\' ? '/' : *at;
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = type,
                                             .counter = i == 0 ? (int64_t)*counter + 1 : 1,
                                             .n = 1,
                                             .body = body_of_title(&bodies[i], title)});
    }
    *counter += count;
    signer_sign(signer, &text, &block);
    signer_message(signer, &block, 0, &message);
    size_t size = message.size;
    desk_say_buffer(desk, link, signer->channel, SAY_BLOCK, &message);
    prepared_block_free(&block);
    for (uint32_t i = 0; i < count; i++)
        buffer_free(&bodies[i]);
    return size;
}

struct child {
    enum desk_seat seat;
    uint32_t link, counter;
    struct signer signer;
    struct granted granted;
    size_t said_bytes;
};

static void child_begin(struct desk *desk, struct child *child, enum desk_seat seat,
                        uint16_t number, enum record_class class)
{
    *child = (struct child){.seat = seat};
    child->granted = grants_at_first(desk, seat, &child->link);
    desk_hello(desk, child->link, seat);
    desk_run(desk);
    hear_grants(desk, child->link, &child->granted);
    child->signer = signer_of(seat, DESK_EPOCH, number, class, 0);
    signer_say_open(desk, child->link, &child->signer);
    desk_run(desk);
    child->said_bytes = 200; /* of the opening: at most */
    hear_grants(desk, child->link, &child->granted);
}

/* Says blocks as long as credit lasts, `most` at most; how many. */
static unsigned child_floods(struct desk *desk, struct child *child, unsigned most)
{
    unsigned said = 0, class = child->signer.channel - CHANNEL_URGENT;
    unsigned type = class == CLASS_BULK ? TYPE_SURVEY : TYPE_INCIDENT;
    while (said < most && child->said_bytes + 24000 < child->granted.bytes[class]) {
        child->said_bytes +=
            say_block(desk, child->link, &child->signer, type, &child->counter, 10);
        desk_wait(desk, ROOM_EVERY_MS);
        assert_int_equal(desk->code, ERR_OK);
        assert_false(desk_closed(desk, child->link));
        hear_grants(desk, child->link, &child->granted);
        said++;
    }
    return said;
}

static void a_flooding_child_is_withheld(void **state)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    struct child v1, v2;
    unsigned said;
    (void)state;
    memory_store_limit(desk->store, 6 << 20);
    child_begin(desk, &v1, SEAT_V1, 1, CLASS_BULK);
    child_begin(desk, &v2, SEAT_V2, 1, CLASS_NORMAL);
    said = child_floods(desk, &v1, 2000);
    assert_in_range(said, 50, 1000); /* then credit has come to an end */
    assert_int_equal(desk_refusals(desk)->flood, 1);
    assert_int_equal(replica_alarm_count(drive_replica(desk->drive)), 1);
    assert_non_null(strstr(replica_alarm(drive_replica(desk->drive), 0), "V1"));
    /* half of what was free, a few windows more or less; the other child is not touched */
    assert_in_range(memory_store_bytes(desk->store), 1 << 20, 4 << 20);
    assert_int_equal(child_floods(desk, &v2, 30), 30);
    /* coming anew wins a block in the urgent lane, and that once a minute */
    for (unsigned i = 0; i < 3; i++) {
        struct granted granted = grants_at_first(desk, SEAT_V1, &v1.link);
        assert_int_equal(granted.bytes[CLASS_BULK], 0);
        assert_int_equal(granted.bytes[CLASS_NORMAL], 0);
        assert_int_equal(granted.bytes[CLASS_URGENT], i == 0 ? MESSAGE_BYTES_MAX : 0);
    }
    desk_hello(desk, v1.link, SEAT_V1);
    desk_wait(desk, 61 * 1000);
    v1.granted = (struct granted){0};
    hear_grants(desk, v1.link, &v1.granted);
    assert_int_equal(v1.granted.bytes[CLASS_URGENT], MESSAGE_BYTES_MAX);
    assert_int_equal(v1.granted.bytes[CLASS_BULK], 0);
    /* the next day it may bring a share of what is free then; nothing has to happen for that */
    assert_true(replica_deadline(drive_replica(desk->drive)) <= desk->tick_ms + 60 * 1000);
    desk_wait(desk, DAY_MS);
    hear_grants(desk, v1.link, &v1.granted);
    assert_true(v1.granted.bytes[CLASS_BULK] >= CREDIT_BYTES_LEAST);
    assert_int_equal(desk_refusals(desk)->flood, 1);
    desk_free(desk);
}

static void no_share_when_a_hundred_percent(void **state)
{
    struct replica_tuning tuning = {.child_share_percent = 100};
    struct desk *desk = desk_new(SEAT_T1, &tuning);
    struct child v1;
    (void)state;
    memory_store_limit(desk->store, 16 << 20);
    child_begin(desk, &v1, SEAT_V1, 1, CLASS_BULK);
    child_floods(desk, &v1, 2000);
    /* up to the reserve, which stays */
    assert_int_equal(desk_refusals(desk)->flood, 0);
    assert_in_range(memory_store_bytes(desk->store), 15 << 20, 16 << 20);
    desk_free(desk);
}

static void near_the_end_all_wait_but_what_is_urgent(void **state)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    struct granted granted;
    uint32_t link;
    (void)state;
    memory_store_limit(desk->store, memory_store_bytes(desk->store) * 65 / 64);
    desk_wait(desk, ROOM_EVERY_MS);
    for (enum desk_seat peer = SEAT_C; peer <= SEAT_V2; peer = peer == SEAT_C ? SEAT_V1 : SEAT_V2) {
        granted = grants_at_first(desk, peer, &link);
        assert_int_equal(granted.bytes[CLASS_NORMAL], 0);
        assert_int_equal(granted.bytes[CLASS_URGENT], MESSAGE_BYTES_MAX);
        if (peer == SEAT_V2)
            break;
    }
    memory_store_limit(desk->store, 0);
    desk_hello(desk, link, SEAT_V2);
    desk_wait(desk, 61 * 1000); /* by itself */
    hear_grants(desk, link, &granted);
    assert_int_equal(granted.bytes[CLASS_NORMAL], CREDIT_BYTES);
    desk_free(desk);
}

static void say_wide_hello(struct desk *desk, uint32_t link)
{
    const struct tree *tree = replica_tree(drive_replica(desk->drive));
    struct hash digest = tree_link_digest(tree, span_of_text(desk->county->seats[SEAT_T1].code));
    struct hello hello = hello_usual(&digest);
    struct buffer body = {0};
    for (int class = 0; class < CLASS_COUNT; class ++)
        hello.credit[class].bytes = 64 << 20;
    body_of_hello(&hello, &body);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_HELLO, &body);
}

/* A peer that opens a window of 64 MiB: the link's queue is 1 MiB. */
static void a_wide_window_is_not_used_up(void **state)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_link(desk, SEAT_C);
    struct buffer body = {0};
    size_t sent = 0;
    (void)state;
    say_wide_hello(desk, link);
    body_of_nothing_differs(&body);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_DIGEST, &body);
    desk_run(desk);
    for (unsigned i = 0; i < 90; i++) {
        char title[8001];
        for (size_t at = 0; at < sizeof title - 1; at++)
            title[at] = "0123456789abcdef"[rand() % 16];
        title[sizeof title - 1] = '\0';
        desk_put(desk, "survey", title);
        for (size_t at = 0; at < desk->heard_count; at++)
            sent += desk->heard[at].type == SAY_BLOCK ? desk->heard[at].body.size : 0;
    }
    assert_in_range(sent, CREDIT_BYTES - 60000, CREDIT_BYTES);
    desk_free(desk);
}

/* Two streams on the handle that all share: each mark says which of them it means. */
static void marks_of_the_shared_handle_name_their_stream(void **state)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1), marked = 0;
    struct signer one = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, HANDLES_MAX - 1);
    struct signer two = signer_of(SEAT_V1, DESK_EPOCH, 2, CLASS_BULK, HANDLES_MAX - 1);
    (void)state;
    signer_say_open(desk, link, &one);
    signer_say_open(desk, link, &two);
    desk_run(desk);
    for (size_t i = 0; i < desk->heard_count; i++) {
        const struct heard *heard = &desk->heard[i];
        if (heard->type != SAY_MARK)
            continue;
        struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
        assert_int_equal(mp_read_uint(&reader), HANDLES_MAX - 1);
        assert_int_equal(mp_read_uint(&reader), 1);
        const uint8_t *author = mp_read_bin_of(&reader, KEY_ID_BYTES);
        assert_memory_equal(author, desk->county->seats[SEAT_V1].key_id.bytes, KEY_ID_BYTES);
        assert_int_equal(mp_read_uint(&reader), DESK_EPOCH);
        marked |= 1U << mp_read_uint(&reader);
        mp_read_end(&reader);
        assert_false(reader.failed);
    }
    assert_int_equal(marked, 1U << 1 | 1U << 2);
    desk_free(desk);
}

/* ---- the log is the queue ---- */

static void put_backlog(struct desk *desk, unsigned count)
{
    struct buffer fields = {0};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, "one of very many that wait while the line is down");
    for (unsigned done = 0; done < count; done += 100) {
        for (unsigned i = 0; i < 100; i++) {
            struct event event = {.kind = EVENT_WRITE};
            event.write.type = span_of_text("survey");
            event.write.fields = span_of_buffer(&fields);
            desk_event(desk, &event);
        }
        desk_run(desk);
        assert_int_equal(desk->code, ERR_OK);
    }
    buffer_free(&fields);
}

/* Heap that the sender takes for a link whose backlog has gone out as far as credit reaches. */
static size_t sender_bytes(unsigned backlog)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    put_backlog(desk, backlog);
    desk_run(desk);
    size_t before = desk_heap_bytes();
    desk_live(desk, SEAT_C);
    for (unsigned i = 0; i < 20; i++)
        desk_wait(desk, 1000);
    assert_int_equal(desk->heard_count, 0); /* what was said at first is heard and forgotten */
    size_t after = desk_heap_bytes();
    desk_free(desk);
    return after - before;
}

/* Heap that the core of a receiver holds when `blocks` have come: what its end gives back. */
static size_t receiver_bytes(unsigned blocks)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    struct child v1;
    child_begin(desk, &v1, SEAT_V1, 1, CLASS_BULK);
    assert_int_equal(child_floods(desk, &v1, blocks), blocks);
    desk_run(desk);
    size_t before = desk_heap_bytes();
    drive_close(desk->drive);
    desk->drive = NULL;
    size_t core = before - desk_heap_bytes();
    desk_free(desk);
    return core;
}

static void a_backlog_costs_no_memory(void **state)
{
    (void)state;
    size_t few = sender_bytes(400), many = sender_bytes(6400);
    assert_in_range(many, 0, few + (16 << 10));
    few = receiver_bytes(4);
    many = receiver_bytes(200);
    assert_in_range(many, 0, few + (16 << 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flooding_child_is_withheld),
        cmocka_unit_test(no_share_when_a_hundred_percent),
        cmocka_unit_test(near_the_end_all_wait_but_what_is_urgent),
        cmocka_unit_test(a_wide_window_is_not_used_up),
        cmocka_unit_test(marks_of_the_shared_handle_name_their_stream),
        cmocka_unit_test(a_backlog_costs_no_memory),
    };
    if (!crypto_start())
        return 1;
    srand(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
