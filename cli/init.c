/* terrace init: a new node directory, and the request that its parent's people sign in. */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "node/author/node_directory.h"

static const struct option_row options[] = {
    {"seat", "CODE", "the seat that this node is for"},
    {"tree", "HEX", "the tree's id, 64 hexadecimal digits"},
    {"secret", "FILE", "the tree's secret, as its people gave it (a tree.secret file)"},
    {"listen", "URL", "where children reach it, tcp://ADDRESS:PORT; absent: it has none"},
    {"map-mib", "N", "what the store may grow to, in MiB (16384 unless given)"},
    {NULL, NULL, NULL},
};

static enum error_code needed(const struct arguments *arguments, const char *name,
                              const char **value, struct error *error)
{
    *value = arguments_value(arguments, name);
    if (*value != NULL)
        return ERR_OK;
    error_set(error, ERR_USAGE, "init", "--%s is missing", name);
    error_next(error, "`terrace init --help` explains it");
    return ERR_USAGE;
}

static enum error_code fill_config(const struct arguments *arguments, struct node_config *config,
                                   struct error *error)
{
    const char *seat = NULL, *tree = NULL, *listen = arguments_value(arguments, "listen");
    uint64_t map_mib = MAP_MIB_USUAL;
    config_usual(config);
    if (needed(arguments, "seat", &seat, error) != ERR_OK ||
        needed(arguments, "tree", &tree, error) != ERR_OK ||
        arguments_number(arguments, "map-mib", MAP_MIB_MIN, MAP_MIB_MAX, &map_mib, error) !=
            ERR_OK ||
        !seat_id_acceptable(span_of_text(seat), error))
        return error->code;
    if (!hex_read(span_of_text(tree), config->tree_id.bytes, HASH_BYTES))
        return error_set(error, ERR_USAGE, "--tree", "expected 64 hexadecimal digits");
    if (listen != NULL && strlen(listen) > ENDPOINT_BYTES_MAX)
        return error_set(error, ERR_USAGE, "--listen", "it is longer than %d bytes",
                         ENDPOINT_BYTES_MAX);
    memcpy(config->seat, seat, strlen(seat) + 1);
    memcpy(config->listen, listen == NULL ? "" : listen, listen == NULL ? 1 : strlen(listen) + 1);
    config->map_mib = (uint32_t)map_mib;
    return ERR_OK;
}

static enum error_code make(const struct arguments *arguments, const char *directory,
                            struct error *error)
{
    const char *secret_file = NULL;
    uint8_t secret[TREE_SECRET_BYTES];
    struct node_config config;
    struct node_keys keys;
    enum error_code code = fill_config(arguments, &config, error);
    if (code == ERR_OK)
        code = needed(arguments, "secret", &secret_file, error);
    if (code == ERR_OK)
        code = secret_file_read(secret_file, "terrace-tree-secret", secret, sizeof secret, error);
    if (code != ERR_OK)
        return code;
    node_keys_make(&keys, secret);
    code = node_directory_init(directory, &config, &keys, error);
    node_keys_wipe(&keys);
    explicit_bzero(secret, sizeof secret);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        make(arguments, directory, error) != ERR_OK)
        return EXIT_FAILED;
    if (arguments->json)
        print_json(json_pack("{s:s,s:s}", "directory", directory, "seat",
                             arguments_value(arguments, "seat")));
    else
        printf(
            "%s is made for seat %s\n"
            "next: give %s/request.yaml to those who sign for the seat above, put the documents\n"
            "that they return into %s/documents, then `terrace -d %s run`\n",
            directory, arguments_value(arguments, "seat"), directory, directory, directory);
    return EXIT_DONE;
}

const struct command command_init = {
    .name = "init",
    .usage = "",
    .summary = "make a node directory: keys, configuration, and a request to be signed in",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
