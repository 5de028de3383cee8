/* terrace topology reroot: a new root by hand, when fewer root keys are left than must sign.
 *
 *     topology reroot -> its file goes by links, mail or stick -> topology confirm, at each node */
#include <stdio.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/change.h"
#include "node/author/code_text.h"

static const struct option_row options[] = {
    CHANGE_ROWS,
    {"admin", "FILE|HEX", "who signs for the root from now on; may come again"},
    {"threshold", "N", "how many of these must sign together (1 unless given)"},
    {NULL, NULL, NULL},
};

static enum error_code reroot(struct change *change, struct error *error)
{
    uint8_t keys[ADMIN_KEYS_MAX][KEY_BYTES], count = 0;
    uint64_t threshold = 1;
    enum error_code code =
        arguments_number(change->arguments, "threshold", 1, ADMIN_KEYS_MAX, &threshold, error);
    if (code == ERR_OK)
        code = admins_given(change->arguments, keys, ADMIN_KEYS_MAX, &count, error);
    if (code != ERR_OK)
        return code;
    if (count < threshold) {
        error_set(error, ERR_USAGE, "--admin", "%u given, and %llu must sign together", count,
                  (unsigned long long)threshold);
        error_next(error, "name everybody who signs for the root from now on: --admin FILE or "
                          "--admin HEX, as often as needed");
        return ERR_USAGE;
    }
    struct admin_keys admins = admin_keys_of((uint8_t)threshold, keys[0], count);
    code = change_of_root(change, error);
    if (code == ERR_OK)
        code = amend_root_by_hand(change->amendment, &admins, error);
    return code == ERR_OK ? change_sign(change, error) : code;
}

static void tell(const struct change *change)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    fingerprint_write(&change->hash, fingerprint);
    if (change->arguments->json) {
        print_json(json_pack("{s:s,s:I}", "fingerprint", fingerprint, "term",
                             (json_int_t)amend_header(change->amendment)->term));
        return;
    }
    printf("the new root waits at every node that hears of it, and counts nowhere yet.\n"
           "its fingerprint: %s\n"
           "next: whoever looks after a node compares it with you, by telephone, and confirms it "
           "there:\n  terrace -d DIR topology confirm %s\n",
           fingerprint, fingerprint);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct change change = {0};
    enum error_code code = change_begin(arguments, &change, error);
    if (code == ERR_OK)
        code = reroot(&change, error);
    if (code == ERR_OK && !arguments_flag(arguments, "dry-run"))
        tell(&change);
    change_end(&change);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_reroot = {
    .name = "reroot",
    .usage = "",
    .summary = "too few root keys are left: a new root, which every node's people confirm",
    .detail = "It names who signs for the root from now on, is signed by these alone (--key), and\n"
              "changes nothing else. It goes on by links like any document, and counts at a node\n"
              "when somebody there has compared its fingerprint: topology confirm. While enough\n"
              "of the former keys are left, use `topology edit root` instead: no node asks then.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
