/* What comes in from a new machine, and what goes back to it. */
#include "cli/topology/answer.h"

#include <string.h>

#include "cli/print.h"
#include "node/author/code_text.h"
#include "node/author/file.h"
#include "node/author/pack.h"

enum error_code answer_own_seat(const char *directory, char seat[static SEAT_BYTES_MAX + 1],
                                struct error *error)
{
    struct node_config config;
    enum error_code code = config_load(directory, &config, error);
    if (code == ERR_OK)
        memcpy(seat, config.seat, sizeof config.seat);
    return code;
}

enum error_code answer_seat(const struct arguments *arguments, const char *option,
                            const char *directory, char own[static SEAT_BYTES_MAX + 1],
                            const char **seat, struct error *error)
{
    *seat = arguments_value(arguments, option);
    if (*seat != NULL)
        return ERR_OK;
    *seat = own;
    return answer_own_seat(directory, own, error);
}

static enum error_code compare(const struct arguments *arguments, const struct tree *tree,
                               const struct node_request *request, struct error *error)
{
    const char *fingerprint = arguments_value(arguments, "fingerprint");
    struct hash print = request_print(request);
    if (strcmp(request->seat, arguments->words[0]) != 0) {
        error_set(error, ERR_NOT_ALLOWED, "the request", "it is of seat %s, not of %s",
                  request->seat, arguments->words[0]);
        error_next(error, "look whose request it is; the machine says so: terrace request");
        return ERR_NOT_ALLOWED;
    }
    if (!hash_equal(&request->tree_id, &hash_zero) &&
        !hash_equal(&request->tree_id, tree_id(tree))) {
        error_set(error, ERR_NOT_ALLOWED, "the request", "it is for another tree than this one");
        error_next(error, "the machine begins again in a new directory: terrace init --seat %s",
                   request->seat);
        return ERR_NOT_ALLOWED;
    }
    if (fingerprint == NULL || fingerprint_equal(&print, span_of_text(fingerprint)))
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, "the request",
              "it has another fingerprint than the one given");
    error_next(error, "don't sign it; let its people read the fingerprint again: terrace request");
    return ERR_NOT_ALLOWED;
}

enum error_code answer_request(const struct arguments *arguments, const struct tree *tree,
                               struct node_request *request, struct error *error)
{
    const char *given = arguments_value(arguments, "request");
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    if (given == NULL) {
        error_set(error, ERR_USAGE, "--request", "it is missing");
        error_next(error, "the new machine makes it: terrace init, or terrace request");
        return ERR_USAGE;
    }
    enum error_code code = request_take(given, request, error);
    if (code == ERR_OK)
        code = compare(arguments, tree, request, error);
    if (code != ERR_OK)
        return code;
    struct hash print = request_print(request);
    fingerprint_write(&print, fingerprint);
    if (!arguments->json)
        printf("fingerprint of the request: %s\n", fingerprint);
    return ERR_OK;
}

static void tell(const struct arguments *arguments, const struct tree *tree, const char *seat,
                 const char *path)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(tree_id(tree), fingerprint);
    if (arguments->json)
        print_json(json_pack("{s:s,s:s,s:s}", "seat", seat, "answer", path, "tree", fingerprint));
    else
        printf("%s answers the request of seat %s\nfingerprint of the tree: %s\n"
               "next: bring it to that machine: terrace -d DIRECTORY join %s\n",
               path, seat, fingerprint, path);
}

enum error_code answer_write(const struct arguments *arguments, const char *directory,
                             const char *seat, struct error *error)
{
    char usual[SEAT_BYTES_MAX + 16];
    const char *path = arguments_value(arguments, "answer");
    uint8_t secret[TREE_SECRET_BYTES];
    struct buffer bytes = {0};
    struct tree *tree = NULL;
    snprintf(usual, sizeof usual, "%s.answer", seat);
    path = path == NULL ? usual : path;
    enum error_code code = held_secret(directory, secret, error);
    if (code == ERR_OK)
        code = held_tree(directory, &tree, error);
    if (code == ERR_OK)
        code = pack_make(tree, span_of_text(seat), secret, true, &bytes, error);
    if (code == ERR_OK)
        code = file_replace(path, span_of_buffer(&bytes), 0600, error);
    if (code == ERR_OK)
        tell(arguments, tree, seat, path);
    explicit_bzero(secret, sizeof secret);
    buffer_free(&bytes);
    tree_free(tree);
    return code;
}
