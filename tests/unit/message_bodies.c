/* Bodies of the messages with which a session begins. */
#include "tests/unit/message_bodies.h"

struct hello hello_usual(const struct hash *digest)
{
    struct hello hello = {.version_lowest = 1, .version_highest = 1, .digest = *digest};
    for (int class = 0; class < CLASS_COUNT; class ++) {
        hello.credit[class].bytes = CREDIT_BYTES;
        hello.credit[class].entries = CREDIT_ENTRIES;
    }
    return hello;
}

void body_of_hello(const struct hello *hello, struct buffer *body)
{
    mp_write_map(body, 4U + (hello->instance.size > 0) + hello->over);
    mp_write_uint(body, 1);
    mp_write_uint(body, hello->version_lowest);
    mp_write_uint(body, 2);
    mp_write_uint(body, hello->version_highest);
    if (hello->instance.size > 0) {
        mp_write_uint(body, 4);
        mp_write_bin(body, hello->instance);
    }
    mp_write_uint(body, 6);
    mp_write_array(body, CLASS_COUNT);
    for (int class = 0; class < CLASS_COUNT; class ++) {
        mp_write_array(body, 2);
        mp_write_uint(body, hello->credit[class].bytes);
        mp_write_uint(body, hello->credit[class].entries);
    }
    mp_write_uint(body, 7);
    mp_write_bin(body, SPAN_OF_ARRAY(hello->digest.bytes));
    if (hello->over) {
        mp_write_uint(body, 8);
        mp_write_bool(body, true);
    }
}

void body_of_nothing_held(struct buffer *body)
{
    mp_write_array(body, 1);
    mp_write_array(body, 4);
    mp_write_bin(body, SPAN_EMPTY);
    mp_write_bin(body, SPAN_EMPTY);
    mp_write_uint(body, 0);
    mp_write_bin(body, SPAN_OF_ARRAY(hash_zero.bytes));
}

void body_of_nothing_differs(struct buffer *body)
{
    mp_write_array(body, 0);
}

void body_of_no_heads(struct mp_reader *ranges, struct buffer *body)
{
    mp_read_array(ranges);
    struct span low = mp_read_bin(ranges), high = mp_read_bin(ranges);
    mp_read_any(ranges); /* count */
    mp_read_any(ranges); /* digest */
    mp_write_array(body, 4);
    mp_write_bin(body, low);
    mp_write_bin(body, high);
    mp_write_array(body, 0);
    mp_write_bool(body, true);
}
