/* Requests: YAML for people, and the same in binary under a signature for everything else. */
#include "node/author/request.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/msgpack.h"
#include "base/yaml.h"
#include "node/author/code_text.h"
#include "node/author/file.h"

enum { REQUEST_JOINS = 1, REQUEST_NEW_KEY = 2 };

static const char label[] = "terrace-request-";

void request_write(const struct node_request *request, struct buffer *text)
{
    char tree[2 * HASH_BYTES + 1], signing[2 * KEY_BYTES + 1], link[2 * KEY_BYTES + 1];
    char proof[2 * SIGNATURE_BYTES + 1], all[768];
    bool known = !hash_equal(&request->tree_id, &hash_zero);
    hex_write(tree, request->tree_id.bytes, HASH_BYTES);
    hex_write(signing, request->signing_key, KEY_BYTES);
    hex_write(link, request->link_key, KEY_BYTES);
    int length = snprintf(all, sizeof all,
                          "# for the admin of the seat above; nothing in here is secret\n"
                          "seat: \"%s\"\n%s%s%ssigning_key: %s\nlink_key: %s\n",
                          request->seat, known ? "tree: " : "", known ? tree : "",
                          known ? "\n" : "", signing, link);
    buffer_append(text, all, (size_t)length);
    if (request->has_seal_key) {
        hex_write(signing, request->seal_key, KEY_BYTES);
        length = snprintf(all, sizeof all, "seal_key: %s\n", signing);
        buffer_append(text, all, (size_t)length);
    }
    if (request->endpoint[0] != '\0') {
        length = snprintf(all, sizeof all, "endpoint: \"%s\"\n", request->endpoint);
        buffer_append(text, all, (size_t)length);
    }
    if (!request->has_proof)
        return;
    hex_write(proof, request->proof, SIGNATURE_BYTES);
    length = snprintf(all, sizeof all, "proof: %s\n", proof);
    buffer_append(text, all, (size_t)length);
}

/* False: it isn't there, or isn't what it should be. */
static bool read_hex(struct yaml_node *root, const char *key, bool required, uint8_t *bytes,
                     size_t size)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, key, required, &text) || (!required && text.size == 0))
        return false;
    if (hex_read(text, bytes, size))
        return true;
    yaml_complain(yaml_map_get(root, key), "expected %zu hex digits", 2 * size);
    return false;
}

static void read_text(struct yaml_node *root, const char *key, bool required, char *to,
                      size_t bytes_max)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, key, required, &text))
        return;
    if (text.size > bytes_max)
        yaml_complain(yaml_map_get(root, key), "expected at most %zu bytes, found %zu", bytes_max,
                      text.size);
    else if (text.size > 0)
        memcpy(to, text.data, text.size);
}

static enum error_code request_parse(struct span text, const char *path,
                                     struct node_request *request, struct error *error)
{
    struct yaml *yaml = yaml_parse(text, path, error);
    *request = (struct node_request){0};
    if (yaml == NULL)
        return error->code;
    struct yaml_node *root = yaml_root(yaml);
    read_text(root, "seat", true, request->seat, SEAT_BYTES_MAX);
    read_hex(root, "tree", false, request->tree_id.bytes, HASH_BYTES);
    read_hex(root, "signing_key", true, request->signing_key, KEY_BYTES);
    read_hex(root, "link_key", true, request->link_key, KEY_BYTES);
    request->has_seal_key = read_hex(root, "seal_key", false, request->seal_key, KEY_BYTES);
    read_text(root, "endpoint", false, request->endpoint, ENDPOINT_BYTES_MAX);
    request->has_proof = read_hex(root, "proof", false, request->proof, SIGNATURE_BYTES);
    enum error_code code = yaml_finish(yaml, error) ? ERR_OK : error->code;
    yaml_free(yaml);
    return code;
}

enum error_code request_load(const char *path, struct node_request *request, struct error *error)
{
    struct buffer text = {0};
    enum error_code code = file_read(path, YAML_BYTES_MAX, &text, error);
    if (code == ERR_OK)
        code = request_parse(span_of_buffer(&text), path, request, error);
    buffer_free(&text);
    return code;
}

/* What both forms begin with; an array of so many parts. */
static void encode_keys(const struct node_request *request, uint32_t parts, struct buffer *out)
{
    mp_write_array(out, parts);
    mp_write_uint(out, request->new_key ? REQUEST_NEW_KEY : REQUEST_JOINS);
    mp_write_text(out, request->seat);
    if (hash_equal(&request->tree_id, &hash_zero))
        mp_write_nil(out);
    else
        mp_write_bin(out, SPAN(request->tree_id.bytes, HASH_BYTES));
    mp_write_bin(out, SPAN(request->signing_key, KEY_BYTES));
    mp_write_bin(out, SPAN(request->link_key, KEY_BYTES));
    if (request->has_seal_key)
        mp_write_bin(out, SPAN(request->seal_key, KEY_BYTES));
    else
        mp_write_nil(out);
    mp_write_text(out, request->endpoint);
}

static void encode_heads(const struct node_request *request, struct buffer *out)
{
    mp_write_bin(out, SPAN(request->heads, request->places_size));
    mp_write_bin(out, SPAN(request->heads + request->places_size, request->notes_size));
}

static void encode_asked(const struct node_request *request, struct buffer *out)
{
    encode_keys(request, request->new_key ? 10 : 7, out);
    if (!request->new_key)
        return;
    encode_heads(request, out);
    mp_write_bin(out, SPAN(request->former_proof, SIGNATURE_BYTES));
}

static struct hash hash_as(const uint8_t personal[static 16], const struct buffer *bytes)
{
    struct hash hash;
    crypto_generichash_blake2b_salt_personal(hash.bytes, sizeof hash.bytes, bytes->data,
                                             bytes->size, NULL, 0, NULL, personal);
    return hash;
}

/* What the former key signs. */
static struct hash former_print(const struct node_request *request)
{
    static const uint8_t personal[16] = "terrace key next";
    struct buffer said = {0};
    encode_keys(request, 9, &said);
    encode_heads(request, &said);
    struct hash hash = hash_as(personal, &said);
    buffer_free(&said);
    return hash;
}

struct hash request_print(const struct node_request *request)
{
    static const uint8_t personal[16] = "terrace join ask";
    struct buffer asked = {0};
    encode_asked(request, &asked);
    struct hash hash = hash_as(personal, &asked);
    buffer_free(&asked);
    return hash;
}

static void take_keys(const struct node_config *config, const struct node_keys *keys,
                      struct node_request *request)
{
    *request = (struct node_request){
        .tree_id = config->tree_id, .has_seal_key = keys->has_seal, .has_proof = true};
    memcpy(request->seat, config->seat, sizeof request->seat);
    memcpy(request->endpoint, config->listen, sizeof request->endpoint);
    memcpy(request->signing_key, keys->signing_key, KEY_BYTES);
    memcpy(request->link_key, keys->link_key, KEY_BYTES);
    if (keys->has_seal)
        memcpy(request->seal_key, keys->seal_key, KEY_BYTES);
}

void request_of(const struct node_config *config, const struct node_keys *keys,
                struct node_request *request)
{
    take_keys(config, keys, request);
    struct hash print = request_print(request);
    sign_hash(&print, keys->signing_secret, request->proof);
}

enum error_code request_of_new_key(const struct node_config *config, const struct node_keys *keys,
                                   const struct node_keys *next, const struct request_heads *heads,
                                   struct node_request *request, struct error *error)
{
    if (heads->places.size + heads->notes.size > REQUEST_HEADS_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, "the request", "its list of streams has %zu bytes",
                         heads->places.size + heads->notes.size);
    take_keys(config, next, request);
    request->new_key = true;
    request->places_size = (uint16_t)heads->places.size;
    request->notes_size = (uint16_t)heads->notes.size;
    if (heads->places.size > 0)
        memcpy(request->heads, heads->places.data, heads->places.size);
    if (heads->notes.size > 0)
        memcpy(request->heads + heads->places.size, heads->notes.data, heads->notes.size);
    struct hash former = former_print(request);
    sign_hash(&former, keys->signing_secret, request->former_proof);
    struct hash print = request_print(request);
    sign_hash(&print, next->signing_secret, request->proof);
    return ERR_OK;
}

enum error_code request_former(const struct node_request *request,
                               const uint8_t former[static KEY_BYTES], struct request_heads *heads,
                               struct error *error)
{
    struct hash print = former_print(request);
    if (!request->new_key)
        return error_set(error, ERR_NOT_ALLOWED, "the request", "it asks for no new key");
    if (!verify_hash(&print, request->former_proof, former)) {
        error_set(error, ERR_FORGED, "the request", "the key that seat %s has now hasn't signed it",
                  request->seat);
        error_next(error, "let the machine make it again: terrace request --new-key");
        return ERR_FORGED;
    }
    heads->places = SPAN(request->heads, request->places_size);
    heads->notes = SPAN(request->heads + request->places_size, request->notes_size);
    return ERR_OK;
}

enum error_code request_check(const struct node_request *request, struct error *error)
{
    struct hash print = request_print(request);
    if (!seat_id_acceptable(span_of_text(request->seat), error))
        return error_set(error, ERR_MALFORMED, "the request", "its seat can't be one");
    if (!sign_key_acceptable(request->signing_key))
        return error_set(error, ERR_MALFORMED, "the request", "its signing key can't be one");
    if (request->has_proof && verify_hash(&print, request->proof, request->signing_key))
        return ERR_OK;
    error_set(error, ERR_FORGED, "the request", "%s",
              request->has_proof ? "it isn't signed by the key that it names"
                                 : "it isn't signed: it was made by an older terrace");
    error_next(error, "get it again from the machine itself: terrace request");
    return ERR_FORGED;
}

void request_encode(const struct node_request *request, struct buffer *out)
{
    encode_asked(request, out);
    buffer_append(out, request->proof, SIGNATURE_BYTES);
}

static void take_text(struct mp_reader *reader, char *to, size_t bytes_max)
{
    struct span text = mp_read_str(reader);
    if (text.size > bytes_max || !utf8_printable(text))
        mp_fail(reader);
    else if (text.size > 0)
        memcpy(to, text.data, text.size);
}

/* A bin of this size, or nil; false: nil. */
static bool take_bytes(struct mp_reader *reader, bool required, uint8_t *to, size_t size)
{
    if (!required && mp_peek(reader) == MP_NIL) {
        mp_read_nil(reader);
        return false;
    }
    const uint8_t *from = mp_read_bin_of(reader, size);
    if (from != NULL)
        memcpy(to, from, size);
    return from != NULL;
}

static void take_heads(struct mp_reader *reader, struct node_request *request)
{
    struct span places = mp_read_bin(reader), notes = mp_read_bin(reader);
    take_bytes(reader, true, request->former_proof, SIGNATURE_BYTES);
    if (reader->failed || places.size + notes.size > REQUEST_HEADS_BYTES_MAX) {
        mp_fail(reader);
        return;
    }
    request->new_key = true;
    request->places_size = (uint16_t)places.size;
    request->notes_size = (uint16_t)notes.size;
    if (places.size > 0)
        memcpy(request->heads, places.data, places.size);
    if (notes.size > 0)
        memcpy(request->heads + places.size, notes.data, notes.size);
}

enum error_code request_decode(struct span bytes, struct node_request *request, struct error *error)
{
    *request = (struct node_request){.has_proof = true};
    if (bytes.size <= SIGNATURE_BYTES || bytes.size > REQUEST_BYTES_MAX)
        return error_set(error, ERR_MALFORMED, "the request", "it has %zu bytes", bytes.size);
    struct span asked = SPAN(bytes.data, bytes.size - SIGNATURE_BYTES);
    struct mp_reader reader = mp_reader(asked);
    uint32_t parts = mp_read_array(&reader);
    uint64_t version = mp_read_uint(&reader);
    bool new_key = version == REQUEST_NEW_KEY && parts == 10;
    if (!new_key && (version != REQUEST_JOINS || parts != 7))
        mp_fail(&reader);
    take_text(&reader, request->seat, SEAT_BYTES_MAX);
    take_bytes(&reader, false, request->tree_id.bytes, HASH_BYTES);
    take_bytes(&reader, true, request->signing_key, KEY_BYTES);
    take_bytes(&reader, true, request->link_key, KEY_BYTES);
    request->has_seal_key = take_bytes(&reader, false, request->seal_key, KEY_BYTES);
    take_text(&reader, request->endpoint, ENDPOINT_BYTES_MAX);
    if (new_key)
        take_heads(&reader, request);
    mp_read_end(&reader);
    memcpy(request->proof, bytes.data + asked.size, SIGNATURE_BYTES);
    if (reader.failed)
        return error_set(error, ERR_MALFORMED, "the request",
                         "it is of another version, or not a request");
    return request_check(request, error);
}

void request_text_write(const struct node_request *request, struct buffer *text)
{
    struct buffer bytes = {0};
    request_encode(request, &bytes);
    code_text_write(label, span_of_buffer(&bytes), text);
    buffer_free(&bytes);
}

static enum error_code take_code(struct span text, struct node_request *request,
                                 struct error *error)
{
    struct buffer bytes = {0};
    enum error_code code = code_text_read(label, "the request", text, &bytes, error);
    if (code == ERR_OK)
        code = request_decode(span_of_buffer(&bytes), request, error);
    buffer_free(&bytes);
    return code;
}

enum error_code request_take(const char *given, struct node_request *request, struct error *error)
{
    struct buffer text = {0};
    if (code_text_is(label, span_of_text(given)))
        return take_code(span_of_text(given), request, error);
    enum error_code code = file_read(given, YAML_BYTES_MAX, &text, error);
    if (code == ERR_NOT_FOUND)
        error_next(error, "give the request's file, or its text, which begins with %s", label);
    if (code == ERR_OK && code_text_is(label, span_of_buffer(&text)))
        code = take_code(span_of_buffer(&text), request, error);
    else if (code == ERR_OK) {
        code = request_parse(span_of_buffer(&text), given, request, error);
        if (code == ERR_OK)
            code = request_check(request, error);
    }
    buffer_free(&text);
    return code;
}
