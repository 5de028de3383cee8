/* What a new machine asks those who sign: its seat, and the public halves of its keys. Nothing in
 * it is secret. As a file (request.yaml), and as one line of text that can be pasted or
 * photographed; signed with the machine's own key, so that nobody asks with another's.
 *
 *     text = terrace-request- and, in base32:
 *            [1, seat, tree id or nil, signing key, link key, seal key or nil, endpoint] | proof 64
 *
 * A machine that has its seat and wants another signing key says as well how far the present one
 * has written, own-only streams included, and the present key signs that (rules.md A6):
 *
 *            [2, ... endpoint, places, notes, former proof 64] | proof 64
 */
#ifndef TERRACE_NODE_AUTHOR_REQUEST_H
#define TERRACE_NODE_AUTHOR_REQUEST_H

#include "node/author/config.h"
#include "node/author/keys.h"

enum {
    REQUEST_HEADS_BYTES_MAX = 4800,                    /* CUT_OFF_MAX places and notes */
    REQUEST_BYTES_MAX = 640 + REQUEST_HEADS_BYTES_MAX, /* in binary, with its proofs */
};

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
    /* a new key for a machine that has its seat; the lists are as cut_off_encode and
     * trusted_notes_encode make them, one after the other */
    bool new_key;
    uint16_t places_size, notes_size;
    uint8_t heads[REQUEST_HEADS_BYTES_MAX];
    uint8_t former_proof[SIGNATURE_BYTES];
};

/* Filled in and signed. */
void request_of(const struct node_config *config, const struct node_keys *keys,
                struct node_request *request);
/* The same for another signing key: link and seal keys stay. `heads`: how far the present key has
 * written. ERR_OVERSIZE. */
struct request_heads {
    struct span places, notes;
};
enum error_code request_of_new_key(const struct node_config *config, const struct node_keys *keys,
                                   const struct node_keys *next, const struct request_heads *heads,
                                   struct node_request *request, struct error *error);
/* What it says of the former key, and whether that one has signed it: ERR_FORGED, ERR_NOT_ALLOWED
 * when it asks for no new key. The spans point into the request. */
enum error_code request_former(const struct node_request *request,
                               const uint8_t former[static KEY_BYTES], struct request_heads *heads,
                               struct error *error);
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
