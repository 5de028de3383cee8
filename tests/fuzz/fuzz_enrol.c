/* Everything a stranger hands in before he is known, and everything a new machine is handed:
 * requests, tokens, questions, refusals, packs. Whatever is taken is written back to the same. */
#include <assert.h>
#include <string.h>

#include "node/author/code_text.h"
#include "node/author/invite.h"
#include "node/author/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(struct span bytes)
{
    struct node_request request, again;
    struct buffer text = {0};
    struct error error;
    if (request_decode(bytes, &request, &error) != ERR_OK)
        return;
    request_encode(&request, &text);
    assert(span_equal(span_of_buffer(&text), bytes));
    enum error_code code = request_decode(span_of_buffer(&text), &again, &error);
    assert(code == ERR_OK && memcmp(&request, &again, sizeof request) == 0);
    buffer_free(&text);
}

static void try_token_text(struct span text)
{
    struct token token, again;
    struct buffer told = {0};
    struct error error;
    if (token_read(text, &token, &error) != ERR_OK)
        return;
    assert(token.endpoint_count >= 1 && token.endpoint_count <= ENDPOINTS_MAX);
    token_write(&token, &told);
    enum error_code code = token_read(span_of_buffer(&told), &again, &error);
    assert(code == ERR_OK && memcmp(&token, &again, sizeof token) == 0);
    buffer_free(&told);
}

/* As if the checksum were right. */
static void try_token(struct span bytes)
{
    struct buffer text = {0};
    if (bytes.size > CODE_TEXT_BYTES_MAX)
        return;
    code_text_write("terrace-join-", bytes, &text);
    try_token_text(span_of_buffer(&text));
    buffer_free(&text);
}

static void try_code(struct span text)
{
    struct buffer bytes = {0}, told = {0};
    struct error error;
    if (code_text_read("terrace-request-", "x", text, &bytes, &error) == ERR_OK) {
        code_text_write("terrace-request-", span_of_buffer(&bytes), &told);
        assert(told.size <= text.size);
        try_request(span_of_buffer(&bytes));
    }
    buffer_free(&told);
    buffer_free(&bytes);
}

static void try_pack(struct span bytes)
{
    struct error error;
    struct tree *tree = NULL;
    struct pack pack;
    if (pack_read(bytes, "x", &pack, &error) != ERR_OK)
        return;
    enum error_code code = pack_tree(&pack, "x", &tree, &error);
    assert((code == ERR_OK) == (tree != NULL));
    tree_free(tree);
    pack_free(&pack);
}

static void try_words(struct span bytes)
{
    uint8_t secret[INVITE_SECRET_BYTES];
    struct node_request request;
    struct error error;
    error_clear(&error);
    if (invite_ask_decode(bytes, secret, &request, &error) != ERR_OK)
        assert(error.code != ERR_OK);
    invite_refusal_decode(bytes, &error);
    assert(error.code != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    if (!started)
        started = crypto_start();
    assert(started);
    if (size == 0)
        return 0;
    struct span bytes = SPAN(data + 1, size - 1);
    switch (data[0] % 6) {
    case 0: try_code(bytes); break;
    case 1: try_token_text(bytes); break;
    case 2: try_token(bytes); break;
    case 3: try_request(bytes); break;
    case 4: try_pack(bytes); break;
    default: try_words(bytes); break;
    }
    return 0;
}
