/* Notes that came before the document that lets their signer sign them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/hostile_desk.h"

/* How many lines the victim's message 20 has; UINT32_MAX: it sent none. */
static uint32_t lines_wanted(const struct desk *desk, uint32_t link)
{
    const struct heard *heard = desk_find(desk, link, SAY_WANTED);
    if (heard == NULL)
        return UINT32_MAX;
    struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
    return mp_read_array(&reader);
}

/* T1 passes V1's statements on before C has the document that names V1. */
static void notes_of_an_unknown_signer_are_asked_for_when_he_is_known(void **state)
{
    (void)state;
    struct desk *desk = desk_with_documents(SEAT_C, 2); /* root, and C's own branch */
    uint32_t link = desk_live(desk, SEAT_T1);
    for (uint32_t i = 0; i < 6; i++)
        desk_statement(desk, link, (1 + i % 3) << 16, 1 + i); /* each epoch's twice */
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_refusals(desk)->unknown_key, 6);
    size_t rows = desk_rows(desk, TABLE_NOTES);
    desk_offer_branch(desk, link, SEAT_T2); /* which says nothing of V1 */
    assert_int_equal(lines_wanted(desk, link), UINT32_MAX);
    desk_offer_branch(desk, link, SEAT_T1);
    assert_int_equal(lines_wanted(desk, link), 3);
    desk_statement(desk, link, 1 << 16, 4);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_NOTES), rows + 1);
    desk_free(desk);
}

/* More of them than are remembered: then the peer is asked for all that it has. */
static void too_many_to_name_are_asked_for_together(void **state)
{
    enum { STATEMENTS = 4000 };
    (void)state;
    struct desk *desk = desk_with_documents(SEAT_C, 2);
    uint32_t link = desk_live(desk, SEAT_T1);
    size_t after_some = 0;
    for (uint32_t i = 1; i <= STATEMENTS; i++) {
        desk_statement(desk, link, i << 16, 1);
        if (i % 100 == 0)
            assert_int_equal(desk_run(desk), ERR_OK);
        if (i == 2000)
            after_some = desk_heap_bytes();
    }
    assert_int_equal(desk_refusals(desk)->unknown_key, STATEMENTS);
    assert_true(desk_heap_bytes() < after_some + 20 * 1000);
    desk_offer_branch(desk, link, SEAT_T1);
    assert_int_equal(lines_wanted(desk, link), 0);
    desk_free(desk);
}

static void an_empty_list_asks_for_all(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t child = desk_live(desk, SEAT_V1), parent = desk_live(desk, SEAT_C);
    struct buffer body = {0};
    desk_statement(desk, child, 1 << 16, 1);
    assert_int_equal(desk_run(desk), ERR_OK);
    mp_write_array(&body, 0);
    desk_say_buffer(desk, parent, CHANNEL_CONTROL, SAY_WANTED, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
    const struct heard *heard = desk_find(desk, parent, SAY_NOTES);
    assert_non_null(heard);
    struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
    assert_true(mp_read_array(&reader) >= 1);
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_of_an_unknown_signer_are_asked_for_when_he_is_known),
        cmocka_unit_test(too_many_to_name_are_asked_for_together),
        cmocka_unit_test(an_empty_list_asks_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
