/* terrace init: a new node directory, and the request that its parent's people sign in. */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/qr.h"
#include "node/author/code_text.h"
#include "node/author/node_directory.h"

static const struct option_row options[] = {
    {"seat", "CODE", "the seat that this node is for"},
    {"tree", "HEX", "the tree's id, 64 hexadecimal digits; absent: the answer will say it"},
    {"secret", "FILE", "the tree's secret (a tree.secret file); absent: the answer brings it"},
    {"listen", "URL", "where children reach it, tcp://ADDRESS:PORT; absent: it has none"},
    {"map-mib", "N", "what the store may grow to, in MiB (16384 unless given)"},
    {"qr", NULL, "show the request as a QR code"},
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
    const char *seat = NULL, *tree = arguments_value(arguments, "tree");
    const char *listen = arguments_value(arguments, "listen");
    uint64_t map_mib = MAP_MIB_USUAL;
    config_usual(config);
    if (needed(arguments, "seat", &seat, error) != ERR_OK ||
        arguments_number(arguments, "map-mib", MAP_MIB_MIN, MAP_MIB_MAX, &map_mib, error) !=
            ERR_OK ||
        !seat_id_acceptable(span_of_text(seat), error))
        return error->code;
    if (tree != NULL && !hex_read(span_of_text(tree), config->tree_id.bytes, HASH_BYTES))
        return error_set(error, ERR_USAGE, "--tree", "expected 64 hexadecimal digits");
    if (listen != NULL && strlen(listen) > ENDPOINT_BYTES_MAX)
        return error_set(error, ERR_USAGE, "--listen", "it is longer than %d bytes",
                         ENDPOINT_BYTES_MAX);
    memcpy(config->seat, seat, strlen(seat) + 1);
    memcpy(config->listen, listen == NULL ? "" : listen, listen == NULL ? 1 : strlen(listen) + 1);
    config->map_mib = (uint32_t)map_mib;
    return ERR_OK;
}

/* Zeros unless a file was given. */
static enum error_code read_secret(const struct arguments *arguments, const char *tree,
                                   uint8_t secret[static TREE_SECRET_BYTES], struct error *error)
{
    const char *file = arguments_value(arguments, "secret");
    memset(secret, 0, TREE_SECRET_BYTES);
    if (file != NULL && tree == NULL)
        return error_set(error, ERR_USAGE, "--secret", "it comes with --tree");
    return file == NULL
               ? ERR_OK
               : secret_file_read(file, "terrace-tree-secret", secret, TREE_SECRET_BYTES, error);
}

static enum error_code make(const struct arguments *arguments, const char *directory,
                            struct node_request *request, struct error *error)
{
    uint8_t secret[TREE_SECRET_BYTES];
    struct node_config config;
    struct node_keys keys;
    enum error_code code = fill_config(arguments, &config, error);
    if (code == ERR_OK)
        code = read_secret(arguments, arguments_value(arguments, "tree"), secret, error);
    if (code != ERR_OK)
        return code;
    node_keys_make(&keys, secret);
    code = node_directory_init(directory, &config, &keys, error);
    request_of(&config, &keys, request);
    node_keys_wipe(&keys);
    explicit_bzero(secret, sizeof secret);
    return code;
}

static void tell(const char *directory, const struct node_request *request, const char *text,
                 const char *fingerprint)
{
    printf("%s is made for seat %s\n"
           "fingerprint of its request: %s\n\n%s\n\n"
           "next: give %s/request.yaml, or the line above, to those who sign for the seat\n"
           "above and read them the fingerprint; they answer with a file, or you have a token:\n"
           "`terrace -d %s join FILE`, then `terrace -d %s run`\n"
           "nobody stands above, and the tree begins here: `terrace topology new --help`\n",
           directory, request->seat, fingerprint, text, directory, directory, directory);
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    struct node_request request;
    struct buffer text = {0};
    if (arguments_directory(arguments, &directory, error) != ERR_OK ||
        make(arguments, directory, &request, error) != ERR_OK)
        return EXIT_FAILED;
    struct hash print = request_print(&request);
    fingerprint_write(&print, fingerprint);
    request_text_write(&request, &text);
    struct span line = span_of_buffer(&text);
    buffer_append_byte(&text, '\0');
    const char *shown = (const char *)text.data;
    if (arguments->json)
        print_json(json_pack("{s:s,s:s,s:s,s:s}", "directory", directory, "seat", request.seat,
                             "fingerprint", fingerprint, "request", shown));
    else
        tell(directory, &request, shown, fingerprint);
    if (!arguments->json && arguments_flag(arguments, "qr"))
        qr_print(SPAN(text.data, line.size), error);
    buffer_free(&text);
    return error->code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
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
