/* terrace topology invite: a token with which one new machine joins by itself, once. */
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/print.h"
#include "cli/qr.h"
#include "cli/topology/answer.h"
#include "cli/topology/change.h"
#include "cli/topology/draft.h"
#include "node/author/invite.h"

enum { HOURS_USUAL = 24, HOURS_MAX = 24 * 14 };

static const struct option_row options[] = {
    {"key", "FILE", "the admin key that signs the machine in when it comes"},
    PASSPHRASE_ROW,
    {"name", "NAME", "what people call the seat"},
    {"tier", "TIER", "its tier; absent: that of the seats beside it, or the next one below"},
    {"admin", "FILE|HEX", "the public key of whoever signs for the seats below it; may come again"},
    {"threshold", "N", "how many of these must sign together (1 unless given)"},
    {"expires", "HOURS", "until when it can be used (24 unless given, two weeks at most)"},
    {"qr", NULL, "show it as a QR code too"},
    {NULL, NULL, NULL},
};

struct inviting {
    struct change change;
    struct invite invite;
    struct token token;
};

/* What may be refused when the machine comes is refused now: tried with keys of no machine. */
static enum error_code try_it(struct inviting *inviting, const uint8_t *secret, struct error *error)
{
    const struct invite *invite = &inviting->invite;
    struct author_document document;
    struct seat_row row;
    struct node_keys keys;
    uint8_t one[1][SECRET_BYTES];
    memcpy(one[0], secret, SECRET_BYTES);
    node_keys_make(&keys, NULL);
    answer_row(&keys, invite->seat, invite->name, invite->tier, &row);
    if (invite->admin_count > 0)
        row.admins = admin_keys_of(invite->threshold, invite->admins[0], invite->admin_count);
    node_keys_wipe(&keys);
    enum error_code code = amend_admit(inviting->change.amendment, &row, error);
    if (code == ERR_OK)
        code = amend_sign(inviting->change.amendment, (const uint8_t(*)[SECRET_BYTES])one, 1,
                          &document, error);
    secret_wipe(one, sizeof one);
    if (code != ERR_OK)
        return code;
    code = change_signed_by_enough(&inviting->change, &document, error);
    author_document_clear(&document);
    return code;
}

static enum error_code take_terms(struct inviting *inviting, struct error *error)
{
    const struct arguments *arguments = inviting->change.arguments;
    const struct seat *parent = NULL;
    struct invite *invite = &inviting->invite;
    uint64_t hours = HOURS_USUAL;
    enum error_code code = answer_own_seat(inviting->change.directory, invite->owner, error);
    if (code == ERR_OK)
        code = change_seat(&inviting->change, invite->owner, &parent, error);
    if (code == ERR_OK)
        code = arguments_number(arguments, "expires", 1, HOURS_MAX, &hours, error);
    if (code == ERR_OK && !seat_id_acceptable(span_of_text(arguments->words[0]), error))
        code = error->code;
    if (code != ERR_OK)
        return code;
    snprintf(invite->seat, sizeof invite->seat, "%s", arguments->words[0]);
    invite->expires_ms = authoring_now_ms(inviting->change.directory, inviting->change.tree) +
                         hours * 60 * 60 * 1000;
    code = answer_name(arguments, invite->seat, invite->name, error);
    if (code == ERR_OK)
        code = answer_tier(arguments, inviting->change.tree, parent, &invite->tier, error);
    if (code == ERR_OK)
        code = answer_admins(arguments, invite->admins, &invite->admin_count, &invite->threshold,
                             error);
    return code;
}

/* Where the machine will call: this node, as the tree says. */
static enum error_code take_address(struct inviting *inviting, struct error *error)
{
    const struct seat *own = NULL;
    struct token *token = &inviting->token;
    enum error_code code = change_seat(&inviting->change, inviting->invite.owner, &own, error);
    if (code != ERR_OK)
        return code;
    for (unsigned i = 0; i < own->row.endpoints.count && i < ENDPOINTS_MAX; i++) {
        struct span url = text_list_at(&own->row.endpoints, i);
        memcpy(token->endpoints[token->endpoint_count++], url.data, url.size);
    }
    memcpy(token->parent_key, own->row.link_key, KEY_BYTES);
    token->tree_id = *tree_id(inviting->change.tree);
    token->expires_ms = inviting->invite.expires_ms;
    memcpy(token->seat, inviting->invite.seat, sizeof token->seat);
    if (token->endpoint_count > 0)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, inviting->invite.owner,
              "the signed tree gives no address at which a new machine could call it");
    error_next(error,
               "admit it by its request: terrace topology admit %s --request FILE; or give %s an "
               "address: `listen` in its node.yaml, and `endpoints` by `terrace topology edit %s`",
               inviting->invite.seat, inviting->invite.owner,
               own->parent == NULL ? "root" : own->parent->row.seat);
    return ERR_NOT_ALLOWED;
}

/* Room for one more: those that are over go, the longest expired first. */
static enum error_code make_room(const char *directory, uint64_t now_ms, struct error *error)
{
    struct invite *all = NULL, *oldest = NULL;
    size_t count = invites_load(directory, now_ms, &all);
    enum error_code code = ERR_OK;
    for (size_t i = 0; count == INVITES_MAX && i < count; i++) {
        bool over = all[i].state == INVITE_USED || all[i].expires_ms <= now_ms;
        if (over && (oldest == NULL || all[i].expires_ms < oldest->expires_ms))
            oldest = &all[i];
    }
    if (oldest != NULL)
        code = invite_remove(directory, oldest, error);
    else if (count == INVITES_MAX)
        code = error_set(error, ERR_FULL, "the tokens",
                         "%d are out and none of them is used or over", INVITES_MAX);
    invites_free(all, count);
    return code;
}

static enum error_code sign_with(struct inviting *inviting, struct error *error)
{
    const char *path = arguments_value(inviting->change.arguments, "key");
    struct admin_key key;
    if (path == NULL)
        return error_set(error, ERR_USAGE, "--key", "it is missing: the token signs in its name");
    enum error_code code = key_open(inviting->change.arguments, path, &key, error);
    if (code != ERR_OK)
        return code;
    code = try_it(inviting, key.secret, error);
    if (code == ERR_OK) {
        random_bytes(inviting->token.secret, sizeof inviting->token.secret);
        invite_seal(&inviting->invite, inviting->token.secret, key.secret); /* seed, public key */
    }
    admin_key_free(&key);
    return code;
}

static void tell(const struct inviting *inviting, struct error *error)
{
    const struct arguments *arguments = inviting->change.arguments;
    struct buffer text = {0};
    char until[32];
    token_write(&inviting->token, &text);
    struct span line = span_of_buffer(&text);
    buffer_append_byte(&text, '\0');
    time_text(inviting->token.expires_ms, until);
    if (arguments->json)
        print_json(json_pack("{s:s,s:s,s:I}", "seat", inviting->token.seat, "token",
                             (const char *)text.data, "expires",
                             (json_int_t)inviting->token.expires_ms));
    else
        printf("%s\n\n"
               "next: on the new machine, `terrace -d DIRECTORY join TOKEN` with this line, once,\n"
               "until %s; keep it secret until then: who has it takes seat %s\n",
               (const char *)text.data, until, inviting->token.seat);
    if (!arguments->json && arguments_flag(arguments, "qr"))
        qr_print(SPAN(text.data, line.size), error);
    secret_wipe(text.data, text.size);
    buffer_free(&text);
}

static enum error_code invite(struct inviting *inviting, struct error *error)
{
    const char *directory = inviting->change.directory;
    struct error unreachable;
    enum error_code code = take_terms(inviting, error);
    if (code == ERR_OK)
        code = take_address(inviting, error);
    if (code == ERR_OK)
        code = change_of(&inviting->change, inviting->invite.owner, error);
    if (code == ERR_OK)
        code = sign_with(inviting, error);
    if (code == ERR_OK)
        code = make_room(directory, authoring_now_ms(directory, inviting->change.tree), error);
    if (code == ERR_OK)
        code = invite_write(directory, &inviting->invite, error);
    if (code == ERR_OK &&
        client_once(directory, "invites", SPAN_EMPTY, NULL, &unreachable) != ERR_OK)
        print_note("the node isn't running: nobody can join before it is");
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct inviting *inviting = mem_alloc(sizeof *inviting);
    enum error_code code = change_begin(arguments, &inviting->change, error);
    if (code == ERR_OK)
        code = invite(inviting, error);
    if (code == ERR_OK)
        tell(inviting, error);
    change_end(&inviting->change);
    secret_wipe(inviting, sizeof *inviting);
    free(inviting);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_invite = {
    .name = "invite",
    .usage = "SEAT",
    .summary = "a token with which one new machine joins by itself, once",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
