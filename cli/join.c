/* terrace join: a machine takes its seat, by a token or by the file that answers its request. */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "node/author/code_text.h"
#include "node/author/file.h"
#include "node/author/join.h"
#include "node/join_client.h"

static const struct option_row options[] = {
    {"fingerprint", "TEXT", "of the tree, as its people say it: any other is refused"},
    {"root", "TEXT", "of a root document made anew by hand, as the people of the root say it"},
    {"wait", "SECONDS", "how long to call the seat above (60 unless given); with a token"},
    {"listen", "URL", "where its own children will reach it; with a token, in a new directory"},
    {"map-mib", "N", "what the store may grow to, in MiB; with a token, in a new directory"},
    {NULL, NULL, NULL},
};

static void tell(const struct arguments *arguments, const char *directory, const struct pack *pack)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(&pack->tree_id, fingerprint);
    if (arguments->json) {
        print_json(json_pack("{s:s,s:s,s:s}", "directory", directory, "seat", pack->seat, "tree",
                             fingerprint));
        return;
    }
    printf("%s has its seat, %s\nfingerprint of the tree: %s\n", directory, pack->seat,
           fingerprint);
    if (arguments_value(arguments, "fingerprint") == NULL &&
        !token_is(span_of_text(arguments->words[0]))) /* a token says which tree it is */
        printf("compare it, by telephone, with the one the county knows\n");
    printf("next: terrace -d %s run\n", directory);
}

static struct span given(const struct arguments *arguments, const char *name)
{
    const char *value = arguments_value(arguments, name);
    return value == NULL ? SPAN_EMPTY : span_of_text(value);
}

static struct join_told told_of(const struct arguments *arguments, bool by_token)
{
    return (struct join_told){.tree = given(arguments, "fingerprint"),
                              .root = given(arguments, "root"),
                              .by_token = by_token};
}

static enum error_code join_by_file(const struct arguments *arguments, const char *directory,
                                    struct error *error)
{
    const char *file = arguments->words[0];
    struct join_told told = told_of(arguments, false);
    struct buffer bytes = {0};
    struct pack pack;
    enum error_code code = file_read(file, PACK_BYTES_MAX, &bytes, error);
    if (code == ERR_NOT_FOUND)
        error_next(error, "give the file that answers this machine's request, or a token, which "
                          "begins with terrace-join-");
    if (code == ERR_OK)
        code = pack_read(span_of_buffer(&bytes), file, &pack, error);
    buffer_free(&bytes);
    if (code != ERR_OK)
        return code;
    code = join_take(directory, file, &pack, &told, error);
    if (code == ERR_OK)
        tell(arguments, directory, &pack);
    pack_free(&pack);
    return code;
}

/* A new directory for the seat of a token. */
static enum error_code make_new(const struct arguments *arguments, const char *directory,
                                const struct token *token, struct node_config *config,
                                struct node_keys *keys, struct error *error)
{
    const char *listen = arguments_value(arguments, "listen");
    uint64_t map_mib = MAP_MIB_USUAL;
    error_clear(error);
    enum error_code code =
        arguments_number(arguments, "map-mib", MAP_MIB_MIN, MAP_MIB_MAX, &map_mib, error);
    if (code == ERR_OK && listen != NULL && strlen(listen) > ENDPOINT_BYTES_MAX)
        code = error_set(error, ERR_USAGE, "--listen", "it is longer than %d bytes",
                         ENDPOINT_BYTES_MAX);
    if (code != ERR_OK)
        return code;
    config_usual(config);
    config->map_mib = (uint32_t)map_mib;
    memcpy(config->seat, token->seat, sizeof config->seat);
    snprintf(config->listen, sizeof config->listen, "%s", listen == NULL ? "" : listen);
    node_keys_make(keys, NULL);
    secret_wipe(keys->tree_secret, sizeof keys->tree_secret);
    return node_directory_init(directory, config, keys, error);
}

/* The directory that is there, or a new one. */
static enum error_code prepare(const struct arguments *arguments, const char *directory,
                               const struct token *token, struct node_keys *keys,
                               struct node_request *request, struct error *error)
{
    struct node_config config;
    enum error_code code = config_load(directory, &config, error);
    if (code == ERR_OK)
        code = keys_load_joining(directory, keys, error);
    else if (code == ERR_NOT_FOUND)
        code = make_new(arguments, directory, token, &config, keys, error);
    if (code == ERR_OK)
        request_of(&config, keys, request);
    return code;
}

static enum error_code take_answer(const struct arguments *arguments, const char *directory,
                                   const struct token *token, struct span bytes,
                                   struct error *error)
{
    struct join_told told = told_of(arguments, true);
    struct pack pack;
    enum error_code code = pack_read(bytes, "the answer", &pack, error);
    if (code != ERR_OK)
        return code;
    if (hash_equal(&pack.tree_id, &token->tree_id))
        code = join_take(directory, "the answer", &pack, &told, error);
    else
        code = error_set(error, ERR_FORGED, "the answer", "it is of another tree than the token");
    if (code == ERR_OK)
        tell(arguments, directory, &pack);
    pack_free(&pack);
    return code;
}

static enum error_code join_by_token(const struct arguments *arguments, const char *directory,
                                     struct error *error)
{
    uint64_t wait_s = JOIN_WAIT_MS_USUAL / 1000;
    struct node_request request;
    struct node_keys keys;
    struct token token;
    struct buffer bytes = {0};
    enum error_code code = token_read(span_of_text(arguments->words[0]), &token, error);
    if (code == ERR_OK)
        code = arguments_number(arguments, "wait", 1, 86400, &wait_s, error);
    if (code == ERR_OK)
        code = prepare(arguments, directory, &token, &keys, &request, error);
    if (code == ERR_OK)
        code = join_dial(&token, &keys, &request, wait_s * 1000, &bytes, error);
    if (code == ERR_OK)
        code = take_answer(arguments, directory, &token, span_of_buffer(&bytes), error);
    node_keys_wipe(&keys);
    secret_wipe(&token, sizeof token);
    buffer_free(&bytes);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_FAILED;
    enum error_code code = token_is(span_of_text(arguments->words[0]))
                               ? join_by_token(arguments, directory, error)
                               : join_by_file(arguments, directory, error);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_join = {
    .name = "join",
    .usage = "TOKEN|FILE",
    .summary = "take this machine's seat in the tree, by a token or by the answer to its request",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
