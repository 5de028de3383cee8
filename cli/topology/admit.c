/* terrace topology admit: a new machine gets its seat, and the file that it joins with. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/answer.h"
#include "cli/topology/change.h"
#include "node/author/code_text.h"
#include "node/author/request.h"

static const struct option_row options[] = {
    {"request", "FILE|TEXT", "the machine's request: its file, or its line of text"},
    {"name", "NAME", "what people call the seat"},
    {"tier", "TIER", "its tier; absent: that of the seats beside it, or the next one below"},
    {"parent", "SEAT", "the seat above; absent: the one of this directory"},
    {"admin", "FILE|HEX", "the public key of whoever signs for the seats below it; may come again"},
    {"threshold", "N", "how many of these must sign together (1 unless given)"},
    {"endpoint", "URL", "where its children reach it; absent: as the request says"},
    {"fingerprint", "TEXT", "of the request, as its people say it: any other is refused"},
    {"answer", "FILE", "where the answer goes (SEAT.answer unless given)"},
    CHANGE_ROWS,
    {NULL, NULL, NULL},
};

struct admitting {
    struct change change;
    struct node_request request;
    struct seat_row row;
    struct buffer endpoints;
    uint8_t admins[ADMIN_KEYS_MAX][KEY_BYTES];
};

static enum error_code take_request(struct admitting *admitting, struct error *error)
{
    const struct arguments *arguments = admitting->change.arguments;
    struct seat_row *row = &admitting->row;
    const struct node_request *request = &admitting->request;
    enum error_code code =
        answer_request(arguments, admitting->change.tree, &admitting->request, error);
    if (code != ERR_OK)
        return code;
    memcpy(row->seat, request->seat, sizeof row->seat);
    memcpy(row->signing_key, request->signing_key, KEY_BYTES);
    memcpy(row->link_key, request->link_key, KEY_BYTES);
    memcpy(row->seal_key, request->seal_key, KEY_BYTES);
    row->has_seal_key = request->has_seal_key;
    const char *url = arguments_value(arguments, "endpoint");
    struct span endpoint = span_of_text(url == NULL ? request->endpoint : url);
    if (endpoint.size > ENDPOINT_BYTES_MAX)
        return error_set(error, ERR_USAGE, "--endpoint", "it is longer than %d bytes",
                         ENDPOINT_BYTES_MAX);
    if (endpoint.size > 0) {
        text_list_encode(&endpoint, 1, &admitting->endpoints);
        row->endpoints = text_list_of(span_of_buffer(&admitting->endpoints));
    }
    return ERR_OK;
}

static enum error_code take_all(struct admitting *admitting, struct error *error)
{
    char own[SEAT_BYTES_MAX + 1];
    const struct arguments *arguments = admitting->change.arguments;
    const char *above;
    const struct seat *parent = NULL;
    uint8_t count = 0, threshold = 0;
    enum error_code code =
        answer_seat(arguments, "parent", admitting->change.directory, own, &above, error);
    if (code == ERR_OK)
        code = change_seat(&admitting->change, above, &parent, error);
    if (code == ERR_OK)
        code = take_request(admitting, error);
    if (code == ERR_OK)
        code = answer_name(arguments, admitting->row.seat, admitting->row.name, error);
    if (code == ERR_OK)
        code = answer_tier(arguments, admitting->change.tree, parent, &admitting->row.tier, error);
    if (code == ERR_OK)
        code = answer_admins(arguments, admitting->admins, &count, &threshold, error);
    if (code == ERR_OK && count > 0)
        admitting->row.admins = admin_keys_of(threshold, admitting->admins[0], count);
    if (code == ERR_OK)
        code = change_of(&admitting->change, above, error);
    return code == ERR_OK ? amend_admit(admitting->change.amendment, &admitting->row, error) : code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct admitting admitting = {0};
    enum error_code code = change_begin(arguments, &admitting.change, error);
    if (code == ERR_OK)
        code = take_all(&admitting, error);
    if (code == ERR_OK)
        code = change_sign(&admitting.change, error);
    if (code == ERR_OK && !arguments_flag(arguments, "dry-run"))
        code = answer_write(arguments, admitting.change.directory, admitting.row.seat, error);
    buffer_free(&admitting.endpoints);
    change_end(&admitting.change);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_admit = {
    .name = "admit",
    .usage = "SEAT",
    .summary = "sign a new machine in, and write the file that it joins with",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
