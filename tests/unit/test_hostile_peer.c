/* What a stolen machine may say to its parent or child after the handshake, and what must happen:
 * never a crash, never an effect without right, a bound on everything, and the next honest message
 * goes on. Each test is one attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hostile_desk.h"

enum { EPOCH = 1 << 16 | 5 };

/* ---- entries that break off the order of a record's operations ---- */

/* An own record, created, in an open path stream of V1. */
static struct signer start_incident(struct desk *desk, uint32_t link)
{
    struct signer signer = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, link, &signer);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 1,
                                         .n = 1,
                                         .body = body_of_title(&body, "a")});
    signer_say(desk, link, &signer, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    buffer_free(&body);
    return signer;
}

static void excluded_out_of_order_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1), other = desk_live(desk, SEAT_V2);
    struct signer v1 = start_incident(desk, link);
    struct signer v2 = signer_of(SEAT_V2, EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, other, &v2);
    uint32_t place = text_author(&text, v1.stream.author, EPOCH);
    for (uint32_t n = 5; n >= 4; n--) { /* has seen nothing, and n isn't the next one */
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .record_author = place,
                                             .record_counter = 1,
                                             .n = n,
                                             .body = body_of_title(&body, "b")});
    }
    signer_say(desk, other, &v2, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 2);
    place = text_author(&text, v1.stream.author, EPOCH);
    for (uint32_t n = 1; n <= 3; n++) {
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .record_author = place,
                                             .record_counter = 1,
                                             .n = n,
                                             .body = body_of_title(&body, "b")});
    }
    signer_say(desk, other, &v2, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 5);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 0);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    buffer_free(&body);
    desk_free(desk);
}

static void a_second_creation_with_a_context_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct buffer body = {0};
    struct block_text text = {0};
    struct text_entry entry = {.kind = ENTRY_WRITE,
                               .type = TYPE_INCIDENT,
                               .counter = 1,
                               .n = 1,
                               .body = body_of_title(&body, "b"),
                               .context_count = 1,
                               .context_places = {1},
                               .context_ns = {1}};
    text_author(&text, desk->county->seats[SEAT_V2].key_id, EPOCH);
    text_add(&text, &entry);
    signer_say(desk, link, &v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 1);
    buffer_free(&body);
    desk_free(desk);
}

/* ---- forms of a block ---- */

static void a_block_without_its_payload_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct buffer body = {0}, message = {0};
    struct block_text text = {0};
    struct prepared_block block;
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 2,
                                         .n = 1,
                                         .body = body_of_title(&body, "b")});
    signer_sign(&v1, &text, &block);
    signer_message(&v1, &block, BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH | BLOCK_HAS_NO_PAYLOAD,
                   &message);
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 1);
    signer_message(&v1, &block, 0, &message); /* whole: taken */
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 2);
    prepared_block_free(&block);
    buffer_free(&body);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(excluded_out_of_order_is_survived),
        cmocka_unit_test(a_second_creation_with_a_context_is_survived),
        cmocka_unit_test(a_block_without_its_payload_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
