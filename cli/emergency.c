/* terrace emergency: one signed order switches a subtree into emergency and back, and calls the
 * roll: who has heard of it, and when was each last heard. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/record.h"
#include "cli/topology/answer.h"
#include "cli/topology/change.h"
#include "cli/topology/draft.h"
#include "topology/author.h"

static const struct option_row order_options[] = {
    {"key", "FILE", "an admin key of the seat, or of one above it; may come again"},
    PASSPHRASE_ROW,
    {"out", "FILE", "write the order there too, for other nodes or other signers"},
    {NULL, NULL, NULL},
};

struct ordering {
    struct change change;
    const struct seat *seat;
    uint8_t (*secrets)[SECRET_BYTES];
    size_t secret_count;
    struct document_header header;
};

/* The term in which the first key signs: that of the highest seat whose admins it belongs to. */
static enum error_code find_term(const struct ordering *ordering, uint64_t *term,
                                 struct error *error)
{
    struct order_signer signers[HOLDERS_MAX + 1];
    size_t count = tree_order_signers(ordering->change.tree, ordering->seat, signers);
    const uint8_t *key = ordering->secrets[0] + SECRET_BYTES - KEY_BYTES;
    for (size_t i = 0; i < count; i++) {
        for (unsigned k = 0; k < signers[i].admins->count; k++) {
            if (memcmp(admin_key(signers[i].admins, k), key, KEY_BYTES) == 0) {
                *term = signers[i].term;
                return ERR_OK;
            }
        }
    }
    error_set(error, ERR_NOT_ALLOWED, "--key",
              "this key may not give orders to %s: neither %s nor a seat above it names it",
              ordering->seat->row.seat, ordering->seat->row.seat);
    error_next(error, "sign with an admin key of %s or of a seat above it",
               ordering->seat->row.seat);
    return ERR_NOT_ALLOWED;
}

static enum error_code sign_order(struct ordering *ordering, enum order_what what,
                                  struct error *error)
{
    struct author_document document;
    const struct change *change = &ordering->change;
    uint64_t term = 0;
    enum error_code code =
        change_open_keys(change->arguments, ordering->secrets, &ordering->secret_count, error);
    if (code == ERR_OK)
        code = find_term(ordering, &term, error);
    if (code != ERR_OK)
        return code;
    ordering->header = tree_next_order(change->tree, ordering->seat, what, term,
                                       authoring_now_ms(change->directory, change->tree));
    code = author_document(&ordering->header, NULL, 0,
                           (const uint8_t(*)[SECRET_BYTES])ordering->secrets,
                           ordering->secret_count, &document, error);
    if (code != ERR_OK)
        return code;
    code = change_hand_out(change, &document, error);
    author_document_clear(&document);
    return code;
}

static enum error_code begin(const struct arguments *arguments, struct ordering *ordering,
                             struct error *error)
{
    struct change *change = &ordering->change;
    enum error_code code = change_begin(arguments, change, error);
    if (code == ERR_OK && arguments->word_count == 0)
        code = answer_own_seat(change->directory, change->owner, error);
    else if (code == ERR_OK)
        snprintf(change->owner, sizeof change->owner, "%s", arguments->words[0]);
    return code == ERR_OK ? change_seat(change, change->owner, &ordering->seat, error) : code;
}

static void tell_done(const struct ordering *ordering)
{
    static const char *const words[] = {
        [ORDER_EMERGENCY] = "is in emergency: urgent traffic goes first, bulk waits",
        [ORDER_PEACE] = "is at peace again: what waited flows",
        [ORDER_ROLL_CALL] = "has been called: everybody who hears it answers"};
    const struct document_header *header = &ordering->header;
    if (ordering->change.arguments->json) {
        print_json(json_pack("{s:s,s:i,s:I}", "seat", header->seat, "order", (int)header->order,
                             "serial", (json_int_t)header->version));
        return;
    }
    printf("%s, with all below it, %s (order %llu)\n", header->seat, words[header->order],
           (unsigned long long)header->version);
    printf("who has answered: terrace -d %s emergency show %s\n", ordering->change.directory,
           header->seat);
}

static int give_order(const struct arguments *arguments, enum order_what what, struct error *error)
{
    struct ordering ordering = {.secrets = mem_alloc(CHANGE_KEYS_MAX * SECRET_BYTES)};
    enum error_code code = begin(arguments, &ordering, error);
    if (code == ERR_OK)
        code = sign_order(&ordering, what, error);
    if (code == ERR_OK)
        tell_done(&ordering);
    secret_wipe(ordering.secrets, CHANGE_KEYS_MAX * SECRET_BYTES);
    free(ordering.secrets);
    change_end(&ordering.change);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

static int run_on(const struct arguments *arguments, struct error *error)
{
    return give_order(arguments, ORDER_EMERGENCY, error);
}

static int run_off(const struct arguments *arguments, struct error *error)
{
    return give_order(arguments, ORDER_PEACE, error);
}

/* In an emergency the roll is called by the same order again, so that it doesn't end by it. */
static int run_roll_call(const struct arguments *arguments, struct error *error)
{
    struct ordering looking = {0};
    enum order_what what = ORDER_ROLL_CALL;
    enum error_code code = begin(arguments, &looking, error);
    if (code == ERR_OK) {
        const struct held_document *held = tree_find_document(looking.change.tree, DOCUMENT_ORDER,
                                                              span_of_text(looking.seat->row.seat));
        if (held != NULL && held->header.order == ORDER_EMERGENCY)
            what = ORDER_EMERGENCY;
    }
    change_end(&looking.change);
    return code == ERR_OK ? give_order(arguments, what, error) : EXIT_FAILED;
}

static void print_order(const json_t *call)
{
    const json_t *order = json_object_get(call, "order");
    const char *above = json_text(call, "emergency_of"), *seat = json_text(call, "seat");
    char when[32];
    if (json_is_object(order)) {
        bool emergency = strcmp(json_text(order, "what"), "emergency") == 0;
        time_text(json_number(order, emergency ? "since" : "issued"), when);
        printf("%s %s: %s since %s (order %llu)\n", seat, json_text(call, "name"),
               json_text(order, "what"), when, (unsigned long long)json_number(order, "serial"));
    } else {
        printf("%s %s: no order was ever given to it\n", seat, json_text(call, "name"));
    }
    if (above[0] != '\0' && strcmp(above, seat) != 0)
        printf("in emergency by the order to %s\n", above);
}

static void print_roll(const json_t *call)
{
    static const struct table_column columns[] = {{"seat", false},      {"name", false},
                                                  {"tier", false},      {"answered", false},
                                                  {"last said", false}, {"as of", false}};
    struct table_rows *table = table_new(columns, sizeof columns / sizeof *columns);
    bool ordered = json_is_object(json_object_get(call, "order"));
    size_t index = 0;
    json_t *row = NULL;
    char when[32];
    json_array_foreach(json_object_get(call, "seats"), index, row)
    {
        table_cell(table, "%s", json_text(row, "seat"));
        table_cell(table, "%s", json_text(row, "name"));
        table_cell(table, "%s", json_text(row, "tier"));
        table_cell(table, "%s", !ordered ? "" : json_flag(row, "answered") ? "yes" : "NOT YET");
        time_text(json_number(row, "said"), when);
        table_cell(table, "%s", when);
        time_text(json_number(row, "as_of"), when);
        table_cell(table, "%s", when);
    }
    table_print(table, stdout);
    if (ordered)
        printf("%llu of %llu have answered\n", (unsigned long long)json_number(call, "answered"),
               (unsigned long long)json_number(call, "of"));
}

static int run_show(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, arguments->word_count > 0 ? 1 : 0);
    if (arguments->word_count > 0)
        args_text(&args, "seat", arguments->words[0]);
    json_t *call = ask_node(arguments, "roll_call", &args, error);
    buffer_free(&args);
    if (call == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(call);
        return EXIT_DONE;
    }
    print_order(call);
    print_roll(call);
    json_decref(call);
    return EXIT_DONE;
}

static const struct command emergency_on = {
    .name = "on",
    .usage = "[SEAT]",
    .summary = "put a seat (this one) and all below it into emergency",
    .detail =
        "Signed by an admin of the seat or of one above it; it holds where no link works, and\n"
        "spreads before all data, up and down. Urgent traffic goes first, bulk waits, and\n"
        "everybody who hears it says so at once.",
    .words_max = 1,
    .options = order_options,
    .run = run_on,
};
static const struct command emergency_off = {
    .name = "off",
    .usage = "[SEAT]",
    .summary = "end the emergency: what waited flows again",
    .words_max = 1,
    .options = order_options,
    .run = run_off,
};
static const struct command emergency_roll_call = {
    .name = "roll-call",
    .usage = "[SEAT]",
    .summary = "call everybody below to answer, in emergency or not",
    .words_max = 1,
    .options = order_options,
    .run = run_roll_call,
};
static const struct command emergency_show = {
    .name = "show",
    .usage = "[SEAT]",
    .summary = "the newest order, who has answered, and when each was last heard",
    .words_max = 1,
    .run = run_show,
};

static const struct command *const subcommands[] = {&emergency_on, &emergency_off,
                                                    &emergency_roll_call, &emergency_show, NULL};

const struct command command_emergency = {
    .name = "emergency",
    .usage = "SUBCOMMAND ...",
    .summary = "switch a subtree into emergency and back; roll-call",
    .words_max = 2,
    .subcommands = subcommands,
};
