/* terrace request: what this machine asks those who sign, to be brought to them in any form. */
#include <string.h>

#include "cli/command.h"
#include "cli/print.h"
#include "cli/qr.h"
#include "node/author/code_text.h"
#include "node/author/node_directory.h"

static const struct option_row options[] = {
    {"qr", NULL, "as a QR code, to be photographed"},
    {"text", NULL, "the line of text alone"},
    {NULL, NULL, NULL},
};

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
    request_of(&config, &keys, request);
    node_keys_wipe(&keys);
    return ERR_OK;
}

static void print_request(const struct node_request *request, const char *text)
{
    struct hash print = request_print(request);
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(&print, fingerprint);
    printf(
        "request of seat %s\nfingerprint %s\n\n%s\n\n"
        "next: give this line, its QR code (--qr) or the file request.yaml to those who sign for\n"
        "the seat above, and read the fingerprint to them over the telephone\n",
        request->seat, fingerprint, text);
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
