/* What a new machine asks those who sign: its seat, and the public halves of its keys. Nothing in
 * it is secret. As a file (request.yaml), and as one line of text that can be pasted or
 * photographed; signed with the machine's own key, so that nobody asks with another's.
 *
 *     text = terrace-request- and, in base32:
 *            [1, seat, tree id or nil, signing key, link key, seal key or nil, endpoint] | proof 64
 */
#ifndef TERRACE_NODE_AUTHOR_REQUEST_H
#define TERRACE_NODE_AUTHOR_REQUEST_H

#include "node/author/config.h"
#include "node/author/keys.h"

enum { REQUEST_BYTES_MAX = 512 }; /* in binary, with its proof */

struct node_request {
    char seat[SEAT_BYTES_MAX + 1];
    struct hash tree_id; /* zero: it doesn't know any tree yet */
    uint8_t signing_key[KEY_BYTES];
    uint8_t link_key[KEY_BYTES];
    bool has_seal_key; /* false: made before there were such keys */
    uint8_t seal_key[KEY_BYTES];
    char endpoint[ENDPOINT_BYTES_MAX + 1]; /* where its children reach it; "": none */
    bool has_proof;                        /* false: made before there was one */
    uint8_t proof[SIGNATURE_BYTES];
};

/* Filled in and signed. */
void request_of(const struct node_config *config, const struct node_keys *keys,
                struct node_request *request);
/* What a person compares over the telephone, see fingerprint_write. */
struct hash request_print(const struct node_request *request);
/* ERR_FORGED unless its own key has signed it; ERR_MALFORMED when a key or the seat can't be one.
 */
enum error_code request_check(const struct node_request *request, struct error *error);

enum error_code request_load(const char *path, struct node_request *request, struct error *error);
void request_write(const struct node_request *request, struct buffer *text);

/* The binary form, and the text around it. */
void request_encode(const struct node_request *request, struct buffer *out);
enum error_code request_decode(struct span bytes, struct node_request *request,
                               struct error *error);
void request_text_write(const struct node_request *request, struct buffer *text);
/* From whatever a person gives: the text itself, or the name of a file with either form. Checked
 * (request_check). */
enum error_code request_take(const char *given, struct node_request *request, struct error *error);

#endif
