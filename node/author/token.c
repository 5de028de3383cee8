/* What passes between a new machine and its parent: the token, the question, the answer. */
#include <string.h>

#include "base/msgpack.h"
#include "node/author/code_text.h"
#include "node/author/invite.h"

enum { TOKEN_VERSION = 1 };

static const char label[] = "terrace-join-";

void token_write(const struct token *token, struct buffer *text)
{
    struct buffer bytes = {0};
    mp_write_array(&bytes, 7);
    mp_write_uint(&bytes, TOKEN_VERSION);
    mp_write_bin(&bytes, SPAN_OF_ARRAY(token->secret));
    mp_write_bin(&bytes, SPAN_OF_ARRAY(token->tree_id.bytes));
    mp_write_bin(&bytes, SPAN_OF_ARRAY(token->parent_key));
    mp_write_text(&bytes, token->seat);
    mp_write_uint(&bytes, token->expires_ms);
    mp_write_array(&bytes, (uint32_t)token->endpoint_count);
    for (size_t i = 0; i < token->endpoint_count; i++)
        mp_write_text(&bytes, token->endpoints[i]);
    code_text_write(label, span_of_buffer(&bytes), text);
    secret_wipe(bytes.data, bytes.size);
    buffer_free(&bytes);
}

static void take_bytes(struct mp_reader *reader, uint8_t *to, size_t size)
{
    const uint8_t *from = mp_read_bin_of(reader, size);
    if (from != NULL)
        memcpy(to, from, size);
}

static void take_text(struct mp_reader *reader, char *to, size_t bytes_max)
{
    struct span text = mp_read_str(reader);
    if (text.size == 0 || text.size > bytes_max || !utf8_printable(text))
        mp_fail(reader);
    else
        memcpy(to, text.data, text.size);
}

static bool token_parse(struct span bytes, struct token *token)
{
    struct mp_reader reader = mp_reader(bytes);
    *token = (struct token){0};
    if (mp_read_array(&reader) != 7 || mp_read_uint(&reader) != TOKEN_VERSION)
        mp_fail(&reader);
    take_bytes(&reader, token->secret, sizeof token->secret);
    take_bytes(&reader, token->tree_id.bytes, HASH_BYTES);
    take_bytes(&reader, token->parent_key, sizeof token->parent_key);
    take_text(&reader, token->seat, SEAT_BYTES_MAX);
    token->expires_ms = mp_read_uint(&reader);
    uint32_t count = mp_read_array(&reader);
    if (count == 0 || count > ENDPOINTS_MAX)
        mp_fail(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++)
        take_text(&reader, token->endpoints[i], ENDPOINT_BYTES_MAX);
    token->endpoint_count = reader.failed ? 0 : count;
    mp_read_end(&reader);
    return !reader.failed && seat_id_acceptable(span_of_text(token->seat), NULL);
}

enum error_code token_read(struct span text, struct token *token, struct error *error)
{
    struct buffer bytes = {0};
    enum error_code code = code_text_read(label, "the token", text, &bytes, error);
    if (code == ERR_OK && !token_parse(span_of_buffer(&bytes), token)) {
        code = error_set(error, ERR_MALFORMED, "the token", "it is of another version, or none");
        error_next(error, "compare the versions of both programs, and ask for a new token");
    }
    if (bytes.data != NULL)
        secret_wipe(bytes.data, bytes.size);
    buffer_free(&bytes);
    return code;
}

bool token_is(struct span text)
{
    return code_text_is(label, text);
}

void invite_ask_encode(const uint8_t secret[static INVITE_SECRET_BYTES],
                       const struct node_request *request, struct buffer *out)
{
    struct buffer asked = {0};
    request_encode(request, &asked);
    mp_write_array(out, 2);
    mp_write_bin(out, SPAN(secret, INVITE_SECRET_BYTES));
    mp_write_bin(out, span_of_buffer(&asked));
    buffer_free(&asked);
}

enum error_code invite_ask_decode(struct span bytes, uint8_t secret[static INVITE_SECRET_BYTES],
                                  struct node_request *request, struct error *error)
{
    struct mp_reader reader = mp_reader(bytes);
    if (mp_read_array(&reader) != 2)
        mp_fail(&reader);
    take_bytes(&reader, secret, INVITE_SECRET_BYTES);
    struct span asked = mp_read_bin(&reader);
    mp_read_end(&reader);
    if (reader.failed)
        return error_set(error, ERR_MALFORMED, "the request", "it can't be read");
    return request_decode(asked, request, error);
}

void invite_refusal_encode(const struct error *error, struct buffer *out)
{
    mp_write_array(out, 4);
    mp_write_text(out, error_name(error->code));
    mp_write_text(out, error->what);
    mp_write_text(out, error->why);
    mp_write_text(out, error->next);
}

void invite_refusal_decode(struct span bytes, struct error *error)
{
    struct mp_reader reader = mp_reader(bytes);
    char texts[4][400] = {{0}};
    if (mp_read_array(&reader) != 4)
        mp_fail(&reader);
    for (size_t i = 0; i < 4 && !reader.failed; i++) {
        struct span text = mp_read_str(&reader);
        size_t size = text.size < sizeof texts[i] ? text.size : sizeof texts[i] - 1;
        if (size > 0)
            memcpy(texts[i], text.data, size);
    }
    mp_read_end(&reader);
    enum error_code code = error_by_name(span_of_text(texts[0]));
    if (reader.failed || code == ERR_OK)
        error_set(error, ERR_MALFORMED, "the seat above", "its answer can't be read");
    else {
        error_set(error, code, texts[1], "%s", texts[2]);
        error_next(error, "%s", texts[3]);
    }
}
