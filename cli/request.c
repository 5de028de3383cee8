/* terrace request: what this machine asks those who sign, to be brought to them in any form. */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/qr.h"
#include "cli/topology/change.h"
#include "node/author/code_text.h"
#include "node/author/node_directory.h"

static const struct option_row options[] = {
    {"qr", NULL, "as a QR code, to be photographed"},
    {"text", NULL, "the line of text alone"},
    {"new-key", NULL, "of a machine that has its seat: for another signing key; its data stays"},
    {NULL, NULL, NULL},
};

static enum error_code refuse_new_key(struct error *error, const char *why, const char *next)
{
    error_set(error, ERR_NOT_ALLOWED, "a new key", "%s", why);
    error_next(error, "%s", next);
    return ERR_NOT_ALLOWED;
}

/* The seat of this directory, when the tree lists it with the key that the machine has. */
static enum error_code own_seat_of(const struct tree *tree, const struct node_config *config,
                                   const struct node_keys *keys, const struct seat **seat,
                                   struct error *error)
{
    *seat = tree_seat(tree, span_of_text(config->seat));
    if (*seat == NULL)
        return refuse_new_key(error, "no document here lists this machine's seat",
                              "join first: terrace join");
    if (memcmp((*seat)->row.signing_key, keys->signing_key, KEY_BYTES) != 0)
        return refuse_new_key(error,
                              "the tree lists this seat with another key than this machine's",
                              "start the machine (terrace run): it takes the key it has asked for; "
                              "if it hasn't asked, another machine has the seat");
    return ERR_OK;
}

static enum error_code ask_new_key(const char *directory, const struct node_config *config,
                                   const struct node_keys *keys, struct node_request *request,
                                   struct error *error)
{
    struct node_keys next = {0};
    struct seat_heads heads = {0};
    struct tree *tree = NULL;
    const struct seat *seat = NULL;
    enum error_code code = held_tree(directory, &tree, error);
    if (code == ERR_OK)
        code = own_seat_of(tree, config, keys, &seat, error);
    if (code == ERR_OK)
        code = seat_heads(directory, tree, seat, &heads, error);
    if (code == ERR_OK)
        code = keys_make_next(directory, keys, &next, error);
    struct request_heads said = {span_of_buffer(&heads.places), span_of_buffer(&heads.notes)};
    if (code == ERR_OK)
        code = request_of_new_key(config, keys, &next, &said, request, error);
    node_keys_wipe(&next);
    seat_heads_free(&heads);
    tree_free(tree);
    return code;
}

static enum error_code read_request(const struct arguments *arguments, struct node_request *request,
                                    struct error *error)
{
    const char *directory = NULL;
    struct node_config config;
    struct node_keys keys;
    enum error_code code = arguments_directory(arguments, &directory, error);
    if (code == ERR_OK)
        code = config_load(directory, &config, error);
    if (code == ERR_OK)
        code = keys_load_joining(directory, &keys, error);
    if (code != ERR_OK)
        return code;
    if (arguments_flag(arguments, "new-key"))
        code = ask_new_key(directory, &config, &keys, request, error);
    else
        request_of(&config, &keys, request);
    node_keys_wipe(&keys);
    return code;
}

static const char *next_step(const struct node_request *request)
{
    return request->new_key
               ? "next: give this line to those who sign for the seat above, and read the "
                 "fingerprint to\nthem: terrace topology replace. This machine takes the new key "
                 "by "
                 "itself when their\ndocument is here. What it writes until then, and they don't "
                 "hold when they sign,\ndoesn't count: let it be a quiet hour"
               : "next: give this line, its QR code (--qr) or the file request.yaml to those who "
                 "sign "
                 "for\nthe seat above, and read the fingerprint to them over the telephone";
}

static void print_request(const struct node_request *request, const char *text)
{
    struct hash print = request_print(request);
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(&print, fingerprint);
    printf("request of seat %s%s\nfingerprint %s\n\n%s\n\n%s\n", request->seat,
           request->new_key ? " for a new key" : "", fingerprint, text, next_step(request));
}

static void print_request_json(const struct node_request *request, const char *text)
{
    struct hash print = request_print(request);
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(&print, fingerprint);
    print_json(json_pack("{s:s,s:s,s:s}", "seat", request->seat, "fingerprint", fingerprint, "text",
                         text));
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct node_request request;
    struct buffer text = {0};
    if (read_request(arguments, &request, error) != ERR_OK)
        return EXIT_FAILED;
    request_text_write(&request, &text);
    buffer_append_byte(&text, '\0');
    struct span line = SPAN(text.data, text.size - 1);
    if (arguments->json)
        print_request_json(&request, (const char *)text.data);
    else if (arguments_flag(arguments, "text"))
        printf("%s\n", (const char *)text.data);
    else if (arguments_flag(arguments, "qr"))
        qr_print(line, error);
    else
        print_request(&request, (const char *)text.data);
    buffer_free(&text);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_request = {
    .name = "request",
    .usage = "",
    .summary = "this machine's request to be signed in, as text or QR code",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
