/* terrace topology replace, revoke, retire: a machine's keys are at an end. */
#include <string.h>

#include "cli/print.h"
#include "cli/topology/answer.h"
#include "cli/topology/change.h"

#define TRUST_ROW                                                                                  \
    {                                                                                              \
        "trust-nothing", NULL,                                                                     \
            "nothing the old keys wrote counts; absent: what this node holds of it does"           \
    }

static const struct option_row end_options[] = {
    TRUST_ROW,
    CHANGE_ROWS,
    {NULL, NULL, NULL},
};

static const struct option_row replace_options[] = {
    {"request", "FILE|TEXT", "the new machine's request: its file, or its line of text"},
    {"fingerprint", "TEXT", "of the request, as its people say it: any other is refused"},
    {"stolen", NULL, "the old machine is in wrong hands: its keys are revoked, not retired"},
    {"answer", "FILE", "where the answer goes (SEAT.answer unless given)"},
    TRUST_ROW,
    CHANGE_ROWS,
    {NULL, NULL, NULL},
};

struct ending {
    struct change change;
    const struct seat *seat;
    struct seat_heads heads;
    struct amend_cut_off cut_off;
};

/* Up to where the old key is trusted; `said`: what the seat's own machine says of that. */
static enum error_code look(struct ending *ending, const struct amend_cut_off *said,
                            struct error *error)
{
    const struct change *change = &ending->change;
    enum error_code code =
        seat_heads_with(change->directory, change->tree, ending->seat, said, &ending->heads, error);
    ending->cut_off.places = span_of_buffer(&ending->heads.places);
    ending->cut_off.notes = span_of_buffer(&ending->heads.notes);
    return code;
}

/* The document that lists the seat. */
static enum error_code begin(const struct arguments *arguments, struct ending *ending,
                             struct error *error)
{
    struct change *change = &ending->change;
    enum error_code code = change_begin(arguments, change, error);
    if (code == ERR_OK)
        code = change_of_parent(change, arguments->words[0], error);
    return code == ERR_OK ? change_seat(change, arguments->words[0], &ending->seat, error) : code;
}

static void finish(struct ending *ending)
{
    seat_heads_free(&ending->heads);
    change_end(&ending->change);
}

static void tell(const struct ending *ending, const char *what)
{
    const struct arguments *arguments = ending->change.arguments;
    if (arguments->json)
        print_json(json_pack("{s:s,s:s,s:I}", "seat", arguments->words[0], "done", what, "trusted",
                             (json_int_t)ending->heads.entries));
    else
        printf("%s: %s; %llu entries that its old keys wrote, as this node holds them, count; what "
               "comes later of them doesn't\n",
               arguments->words[0], what, (unsigned long long)ending->heads.entries);
}

static int end(const struct arguments *arguments, enum seat_status status, const char *what,
               struct error *error)
{
    struct ending ending = {0};
    enum error_code code = begin(arguments, &ending, error);
    if (code == ERR_OK && !arguments_flag(arguments, "trust-nothing"))
        code = look(&ending, NULL, error);
    if (code == ERR_OK)
        code = amend_end(ending.change.amendment, span_of_text(arguments->words[0]), false, status,
                         &ending.cut_off, error);
    if (code == ERR_OK)
        code = change_sign(&ending.change, error);
    if (code == ERR_OK && !arguments_flag(arguments, "dry-run"))
        tell(&ending, what);
    finish(&ending);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

static int run_revoke(const struct arguments *arguments, struct error *error)
{
    return end(arguments, SEAT_REVOKED, "revoked", error);
}

static int run_retire(const struct arguments *arguments, struct error *error)
{
    return end(arguments, SEAT_RETIRED, "retired", error);
}

const struct command topology_revoke = {
    .name = "revoke",
    .usage = "SEAT",
    .summary = "a stolen machine: its keys no longer count, its links end",
    .words_min = 1,
    .words_max = 1,
    .options = end_options,
    .run = run_revoke,
};

const struct command topology_retire = {
    .name = "retire",
    .usage = "SEAT",
    .summary = "a machine that goes out of use: its keys end, what it wrote stays",
    .words_min = 1,
    .words_max = 1,
    .options = end_options,
    .run = run_retire,
};

/* The machine itself asks for another key: its present one has signed how far it has written. */
static enum error_code look_former(struct ending *ending, const struct node_request *request,
                                   struct error *error)
{
    const struct arguments *arguments = ending->change.arguments;
    struct request_heads said = {0};
    if (arguments_flag(arguments, "stolen") || arguments_flag(arguments, "trust-nothing")) {
        error_set(error, ERR_USAGE, "the request",
                  "the machine that has the seat asks for another key: what it wrote counts on");
        error_next(error, "for a machine in wrong hands: terrace topology revoke %s",
                   arguments->words[0]);
        return ERR_USAGE;
    }
    enum error_code code = request_former(request, ending->seat->row.signing_key, &said, error);
    struct amend_cut_off own = {.places = said.places, .notes = said.notes};
    return code == ERR_OK ? look(ending, &own, error) : code;
}

static enum error_code replace(struct ending *ending, struct node_request *request,
                               struct error *error)
{
    const struct arguments *arguments = ending->change.arguments;
    struct amend_keys keys = {0};
    enum error_code code = answer_request(arguments, ending->change.tree, request, error);
    if (code == ERR_OK && request->new_key)
        code = look_former(ending, request, error);
    else if (code == ERR_OK && !arguments_flag(arguments, "trust-nothing"))
        code = look(ending, NULL, error);
    if (code != ERR_OK)
        return code;
    memcpy(keys.signing_key, request->signing_key, KEY_BYTES);
    memcpy(keys.link_key, request->link_key, KEY_BYTES);
    memcpy(keys.seal_key, request->seal_key, KEY_BYTES);
    keys.has_seal_key = request->has_seal_key;
    keys.same_machine = request->new_key;
    code = amend_replace(ending->change.amendment, span_of_text(arguments->words[0]), &keys,
                         arguments_flag(arguments, "stolen"), &ending->cut_off, error);
    return code == ERR_OK ? change_sign(&ending->change, error) : code;
}

static int run_replace(const struct arguments *arguments, struct error *error)
{
    struct ending ending = {0};
    struct node_request request = {0};
    enum error_code code = begin(arguments, &ending, error);
    if (code == ERR_OK)
        code = replace(&ending, &request, error);
    bool done = code == ERR_OK && !arguments_flag(arguments, "dry-run");
    if (done && request.new_key)
        tell(&ending, "it has a new key, which reaches it by its link, or on a stick");
    else if (done)
        code = answer_write(arguments, ending.change.directory, arguments->words[0], error);
    finish(&ending);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_replace = {
    .name = "replace",
    .usage = "SEAT",
    .summary = "another machine, or another key, for a seat: after a dead disk, a theft (--stolen)",
    .words_min = 1,
    .words_max = 1,
    .options = replace_options,
    .run = run_replace,
};
