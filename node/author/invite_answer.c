/* claimed for one machine -> signed -> in the tree -> used up. The machine that claimed it may ask
 * again at any point and gets the same. */
#include "node/author/invite_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/author/document_file.h"
#include "node/author/pack.h"
#include "topology/amend.h"

static enum error_code refuse(struct error *error, enum error_code code, const char *why,
                              const char *next)
{
    error_set(error, code, "the token", "%s", why);
    error_next(error, "%s", next);
    return code;
}

static enum error_code check_state(const struct invite *invite, const struct node_request *request,
                                   uint64_t now_ms, struct error *error)
{
    bool same = memcmp(request->signing_key, invite->claimed, KEY_BYTES) == 0;
    if (invite->state != INVITE_OPEN && !same)
        return refuse(error, ERR_NOT_ALLOWED, "another machine has used it",
                      "if that wasn't yours, tell the people of the seat above at once; they make "
                      "a new token with `terrace topology invite`");
    if (invite->state == INVITE_OPEN && now_ms >= invite->expires_ms)
        return refuse(error, ERR_NOT_ALLOWED, "it has expired",
                      "ask the people of the seat above for a new one (terrace topology invite)");
    return ERR_OK;
}

static enum error_code check_request(const struct invite *invite, const struct tree *tree,
                                     const struct invite_asked *asked,
                                     const struct node_request *request, struct error *error)
{
    char why[160];
    if (strcmp(request->seat, invite->seat) != 0) {
        snprintf(why, sizeof why, "it is for seat %s, and this machine was made for %s",
                 invite->seat, request->seat);
        return refuse(error, ERR_NOT_ALLOWED, why,
                      "join from a directory for that seat, or ask for a token for this one");
    }
    if (!hash_equal(&request->tree_id, &hash_zero) && !hash_equal(&request->tree_id, tree_id(tree)))
        return refuse(error, ERR_NOT_ALLOWED, "this machine was made for another tree",
                      "join from a new directory");
    if (memcmp(request->link_key, asked->peer_key, KEY_BYTES) != 0)
        return refuse(error, ERR_FORGED, "the request names another link key than the caller's",
                      "join from a new directory");
    return ERR_OK;
}

/* The invitation that the secret opens, for this request. */
static enum error_code take_ask(const char *dir, const struct tree *tree,
                                const struct invite_asked *asked, struct invite *invite,
                                uint8_t secret[static INVITE_SECRET_BYTES],
                                struct node_request *request, struct error *error)
{
    uint8_t id[INVITE_ID_BYTES], psk[KEY_BYTES];
    enum error_code code = invite_ask_decode(asked->ask, secret, request, error);
    if (code != ERR_OK)
        return code;
    invite_names(secret, id, psk);
    secret_wipe(psk, sizeof psk);
    if (memcmp(id, asked->id, sizeof id) != 0)
        return refuse(error, ERR_FORGED, "its secret isn't that of the handshake",
                      "ask the people of the seat above for a new one");
    if (invite_load(dir, id, invite, NULL) != ERR_OK)
        return refuse(error, ERR_NOT_FOUND, "it was taken back",
                      "ask the people of the seat above for a new one (terrace topology invite)");
    code = check_request(invite, tree, asked, request, error);
    return code == ERR_OK ? check_state(invite, request, asked->now_ms, error) : code;
}

static bool is_signed_in(const struct tree *tree, const struct node_request *request)
{
    const struct seat *seat = tree_seat(tree, span_of_text(request->seat));
    return seat != NULL && seat->row.status == SEAT_ACTIVE &&
           memcmp(seat->row.signing_key, request->signing_key, KEY_BYTES) == 0 &&
           memcmp(seat->row.link_key, request->link_key, KEY_BYTES) == 0;
}

static void write_document(const struct author_document *document, struct buffer *out)
{
    struct document_file file = {.kind = document->kind,
                                 .envelope = span_of_buffer(&document->envelope),
                                 .row_count = document->row_count};
    file.rows = mem_alloc((document->row_count + 1) * sizeof *file.rows);
    for (size_t i = 0; i < document->row_count; i++)
        file.rows[i] = span_of_buffer(&document->rows[i]);
    document_file_encode(&file, out);
    free(file.rows);
}

static void fill_row(const struct invite *invite, const struct node_request *request,
                     struct buffer *endpoints, struct seat_row *row)
{
    struct span endpoint = span_of_text(request->endpoint);
    *row = (struct seat_row){.tier = invite->tier, .has_seal_key = request->has_seal_key};
    memcpy(row->seat, invite->seat, sizeof row->seat);
    memcpy(row->name, invite->name, sizeof row->name);
    memcpy(row->signing_key, request->signing_key, KEY_BYTES);
    memcpy(row->link_key, request->link_key, KEY_BYTES);
    memcpy(row->seal_key, request->seal_key, KEY_BYTES);
    if (invite->admin_count > 0)
        row->admins = admin_keys_of(invite->threshold, invite->admins[0], invite->admin_count);
    if (endpoint.size > 0) {
        text_list_encode(&endpoint, 1, endpoints);
        row->endpoints = text_list_of(span_of_buffer(endpoints));
    }
}

static enum error_code sign_row(const struct tree *tree, const struct invite *invite,
                                const struct node_request *request, uint64_t now_ms,
                                const uint8_t seed[static INVITE_SEED_BYTES], struct buffer *out,
                                struct error *error)
{
    struct amend_when when = {.now_ms = now_ms, .expires_ms = AMEND_KEEP};
    struct author_document document;
    struct buffer endpoints = {0};
    struct seat_row row;
    uint8_t secret[1][SECRET_BYTES], key[KEY_BYTES];
    fill_row(invite, request, &endpoints, &row);
    struct amendment *amendment =
        amend_new(tree, DOCUMENT_BRANCH, span_of_text(invite->owner), &when, error);
    enum error_code code = amendment == NULL ? error->code : amend_admit(amendment, &row, error);
    sign_key_pair(seed, key, secret[0]);
    if (code == ERR_OK)
        code = amend_sign(amendment, (const uint8_t(*)[SECRET_BYTES])secret, 1, &document, error);
    secret_wipe(secret, sizeof secret);
    if (code == ERR_OK) {
        write_document(&document, out);
        author_document_clear(&document);
    }
    amend_free(amendment);
    buffer_free(&endpoints);
    return code;
}

static enum error_code claim(const char *dir, struct invite *invite,
                             const struct node_request *request, struct error *error)
{
    if (invite->state != INVITE_OPEN)
        return ERR_OK;
    invite->state = INVITE_CLAIMED;
    memcpy(invite->claimed, request->signing_key, KEY_BYTES);
    return invite_write(dir, invite, error);
}

enum error_code invite_sign(const char *dir, const struct tree *tree,
                            const struct invite_asked *asked, struct buffer *document,
                            struct error *error)
{
    uint8_t secret[INVITE_SECRET_BYTES], seed[INVITE_SEED_BYTES];
    struct node_request request;
    struct invite invite;
    enum error_code code = take_ask(dir, tree, asked, &invite, secret, &request, error);
    if (code == ERR_OK)
        code = claim(dir, &invite, &request, error);
    if (code == ERR_OK && !is_signed_in(tree, &request)) {
        if (invite_open(&invite, secret, seed))
            code = sign_row(tree, &invite, &request, asked->now_ms, seed, document, error);
        else
            code = refuse(error, ERR_NOT_ALLOWED, "it signs nothing any more",
                          "ask the people of the seat above for a new one");
    }
    secret_wipe(secret, sizeof secret);
    secret_wipe(seed, sizeof seed);
    secret_wipe(&invite, sizeof invite);
    return code;
}

enum error_code invite_finish(const char *dir, const struct tree *tree,
                              const uint8_t id[static INVITE_ID_BYTES],
                              const uint8_t tree_secret[static KEY_BYTES], struct buffer *pack,
                              struct error *error)
{
    struct invite invite;
    enum error_code code = invite_load(dir, id, &invite, error);
    if (code == ERR_OK)
        code = pack_make(tree, span_of_text(invite.seat), tree_secret, false, pack, error);
    if (code == ERR_OK) {
        invite.state = INVITE_USED;
        invite_forget_seed(&invite);
        code = invite_write(dir, &invite, error);
    }
    secret_wipe(&invite, sizeof invite);
    return code;
}
