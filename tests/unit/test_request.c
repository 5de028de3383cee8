/* Requests in each of their forms, and packs: what is written is read, what is changed is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "node/author/code_text.h"
#include "node/author/pack.h"
#include "node/author/request.h"

static void make(struct node_request *request, const char *listen)
{
    struct node_config config;
    struct node_keys keys;
    config_usual(&config);
    strcpy(config.seat, "433127100200");
    strcpy(config.listen, listen);
    node_keys_make(&keys, NULL);
    request_of(&config, &keys, request);
}

static void a_request_is_read_back(void **state)
{
    static const char *const endpoints[] = {"", "tcp://192.0.2.1:41000"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct node_request request, read;
        struct buffer bytes = {0};
        struct error error;
        make(&request, endpoints[i]);
        memset(request.tree_id.bytes, 0, HASH_BYTES);
        request_encode(&request, &bytes);
        assert_int_equal(request_decode(span_of_buffer(&bytes), &read, &error), ERR_OK);
        assert_memory_equal(&request, &read, sizeof request);
        buffer_clear(&bytes);
        request_text_write(&request, &bytes);
        buffer_append_byte(&bytes, '\0');
        assert_int_equal(request_take((const char *)bytes.data, &read, &error), ERR_OK);
        assert_memory_equal(&request, &read, sizeof request);
        buffer_free(&bytes);
    }
}

static void every_changed_bit_is_refused(void **state)
{
    struct node_request request, read;
    struct buffer bytes = {0};
    (void)state;
    make(&request, "tcp://192.0.2.1:41000");
    request_encode(&request, &bytes);
    for (size_t i = 0; i < 8 * bytes.size; i++) {
        struct error error;
        error_clear(&error);
        bytes.data[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_not_equal(request_decode(span_of_buffer(&bytes), &read, &error), ERR_OK);
        assert_true(error.why[0] != '\0');
        bytes.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_not_equal(request_decode(SPAN(bytes.data, size), &read, NULL), ERR_OK);
    buffer_free(&bytes);
}

/* Nobody asks with another machine's signing key. */
static void a_request_proves_its_key(void **state)
{
    struct node_request request, thief;
    struct error error;
    (void)state;
    make(&request, "");
    make(&thief, "");
    assert_int_equal(request_check(&request, &error), ERR_OK);
    memcpy(thief.signing_key, request.signing_key, KEY_BYTES);
    assert_int_equal(request_check(&thief, &error), ERR_FORGED);
    request.has_proof = false;
    assert_int_equal(request_check(&request, &error), ERR_FORGED);
    struct hash a = request_print(&request), b = request_print(&thief);
    assert_false(hash_equal(&a, &b));
}

struct asking {
    struct node_keys keys, next;
    struct node_request request;
};

static void ask(struct asking *asking, struct span places)
{
    struct node_config config;
    struct error error;
    config_usual(&config);
    strcpy(config.seat, "433127100200");
    node_keys_make(&asking->keys, NULL);
    node_keys_make(&asking->next, NULL);
    memcpy(asking->next.link_secret, asking->keys.link_secret, KEY_BYTES);
    node_keys_derive(&asking->next);
    struct request_heads heads = {.places = places, .notes = SPAN_EMPTY};
    assert_int_equal(
        request_of_new_key(&config, &asking->keys, &asking->next, &heads, &asking->request, &error),
        ERR_OK);
}

/* Of a new key: read back with its lists, and nobody but the present key can have asked. */
static void a_new_key_is_asked_for_by_the_present_one(void **state)
{
    static const uint8_t places[] = {1, 2, 3};
    static uint8_t many[REQUEST_HEADS_BYTES_MAX + 1];
    struct asking asking, thief;
    struct node_request read;
    struct request_heads heads;
    struct buffer bytes = {0};
    struct error error;
    (void)state;
    error_clear(&error);
    ask(&asking, SPAN_OF_ARRAY(places));
    request_encode(&asking.request, &bytes);
    assert_int_equal(request_decode(span_of_buffer(&bytes), &read, &error), ERR_OK);
    assert_memory_equal(&asking.request, &read, sizeof read);
    assert_memory_equal(read.link_key, asking.keys.link_key, KEY_BYTES);
    assert_int_equal(request_former(&read, asking.keys.signing_key, &heads, &error), ERR_OK);
    assert_true(span_equal(heads.places, SPAN_OF_ARRAY(places)));
    assert_int_equal(heads.notes.size, 0);
    ask(&thief, SPAN_EMPTY);
    assert_int_equal(request_former(&thief.request, asking.keys.signing_key, &heads, &error),
                     ERR_FORGED);
    make(&read, "");
    assert_int_equal(request_former(&read, read.signing_key, &heads, &error), ERR_NOT_ALLOWED);
    for (size_t i = 0; i < 8 * bytes.size; i++) {
        bytes.data[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_not_equal(request_decode(span_of_buffer(&bytes), &read, NULL), ERR_OK);
        bytes.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    struct node_config config;
    config_usual(&config);
    heads.places = SPAN_OF_ARRAY(many);
    assert_int_equal(request_of_new_key(&config, &asking.keys, &asking.next, &heads, &read, &error),
                     ERR_OVERSIZE);
    buffer_free(&bytes);
}

static void a_pack_that_is_none_is_refused(void **state)
{
    static const uint8_t bytes[] = {0x81, 0x01, 0x01}, empty[] = {0x80};
    struct pack pack;
    struct error error;
    (void)state;
    assert_int_equal(pack_read(SPAN_EMPTY, "x", &pack, &error), ERR_MALFORMED);
    assert_int_equal(pack_read(SPAN_OF_ARRAY(bytes), "x", &pack, &error), ERR_MALFORMED);
    assert_int_equal(pack_read(SPAN_OF_ARRAY(empty), "x", &pack, &error), ERR_MALFORMED);
    assert_int_equal(pack.document_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_back),
        cmocka_unit_test(every_changed_bit_is_refused),
        cmocka_unit_test(a_request_proves_its_key),
        cmocka_unit_test(a_new_key_is_asked_for_by_the_present_one),
        cmocka_unit_test(a_pack_that_is_none_is_refused),
    };
    return crypto_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
