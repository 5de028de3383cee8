/* terrace topology overrule: the seat above takes the right to sign from those who have it, and
 * gives it to others, in one go.
 *
 *     the parent's document: term + 1, new admin keys    signed by the parent's admins
 *     the seat's document:   term + 1, version 1         signed by the same, who are among the new
 *
 * The second names the last document of the old term that is accepted: what was signed after it
 * counts no more. */
#include <stdlib.h>
#include <string.h>

#include "cli/passphrase.h"
#include "cli/print.h"
#include "cli/topology/change.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"
#include "node/author/keys.h"
#include "topology/amend.h"
#include "topology/trial.h"

static const struct option_row options[] = {
    {"key", "FILE", "an admin key of the seat above: it signs both documents"},
    {"admin", "FILE|HEX", "who signs for the seat from now on; may come again"},
    {"threshold", "N", "how many of these must sign together (1 unless given)"},
    {"accept", "FILE", "the last document of the old term that counts; absent: the one held here"},
    PASSPHRASE_ROW,
    {NULL, NULL, NULL},
};

struct overruling {
    const struct arguments *arguments;
    const char *directory, *code;
    struct tree *tree;
    const struct seat *seat;
    struct admin_key key;
    uint8_t admins[ADMIN_KEYS_MAX][KEY_BYTES];
    uint8_t admin_count, threshold;
    struct amend_when when;
    struct author_document parent, first; /* signed */
    bool has_first;                       /* the seat has had a document */
    unsigned missing_first;               /* signatures that the first one needs yet */
};

static bool has_admin(const struct overruling *overruling, const uint8_t *key)
{
    for (uint8_t i = 0; i < overruling->admin_count; i++) {
        if (memcmp(overruling->admins[i], key, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

/* Those who are named, and whoever signs the first document. */
static enum error_code take_admins(struct overruling *overruling, struct error *error)
{
    const struct arguments *arguments = overruling->arguments;
    uint64_t threshold = 1;
    enum error_code code =
        arguments_number(arguments, "threshold", 1, ADMIN_KEYS_MAX, &threshold, error);
    if (code == ERR_OK)
        code = admins_given(arguments, overruling->admins, ADMIN_KEYS_MAX - 1,
                            &overruling->admin_count, error);
    if (code != ERR_OK)
        return code;
    if (!has_admin(overruling, overruling->key.public_key))
        memcpy(overruling->admins[overruling->admin_count++], overruling->key.public_key,
               KEY_BYTES);
    if (threshold > 1 && threshold >= overruling->admin_count)
        return error_set(error, ERR_USAGE, "--threshold", "more must sign than there are keys");
    overruling->threshold = (uint8_t)threshold;
    return ERR_OK;
}

static enum error_code begin(struct overruling *overruling, struct error *error)
{
    const struct arguments *arguments = overruling->arguments;
    const char *key = arguments_value(arguments, "key");
    enum error_code code = arguments_directory(arguments, &overruling->directory, error);
    if (code == ERR_OK && key == NULL)
        code = error_set(error, ERR_USAGE, "overrule", "--key is missing");
    if (code == ERR_OK)
        code = held_tree(overruling->directory, &overruling->tree, error);
    if (code != ERR_OK)
        return code;
    overruling->seat = tree_seat(overruling->tree, span_of_text(overruling->code));
    if (overruling->seat == NULL || overruling->seat->parent == NULL) {
        error_set(error, ERR_NOT_FOUND, overruling->code,
                  "no document here lists such a seat below another");
        error_next(error, "`terrace topology show` draws those that are known here");
        return ERR_NOT_FOUND;
    }
    overruling->when =
        (struct amend_when){.now_ms = authoring_now_ms(overruling->directory, overruling->tree),
                            .expires_ms = AMEND_KEEP};
    code = key_open(arguments, key, &overruling->key, error);
    return code == ERR_OK ? take_admins(overruling, error) : code;
}

static const uint8_t (*secret_of(const struct overruling *overruling))[SECRET_BYTES]
{
    return (const uint8_t(*)[SECRET_BYTES])overruling->key.secret;
}

static enum error_code raise_term(struct overruling *overruling, struct error *error)
{
    struct span parent = span_of_text(overruling->seat->parent->row.seat);
    struct admin_keys admins =
        admin_keys_of(overruling->threshold, overruling->admins[0], overruling->admin_count);
    struct amendment *amendment =
        amend_new(overruling->tree, DOCUMENT_BRANCH, parent, &overruling->when, error);
    enum error_code code = amendment == NULL ? error->code : ERR_OK;
    if (code == ERR_OK)
        code = amend_term(amendment, span_of_text(overruling->code), &admins, error);
    if (code == ERR_OK)
        code = amend_sign(amendment, secret_of(overruling), 1, &overruling->parent, error);
    amend_free(amendment);
    return code;
}

/* The last accepted document of the old term: the one held, or a file. */
static struct amendment *begin_first(const struct overruling *overruling, const struct tree *after,
                                     struct error *error)
{
    const char *accepted = arguments_value(overruling->arguments, "accept");
    struct document_file file;
    struct document_envelope opened;
    if (accepted == NULL)
        return amend_new(after, DOCUMENT_BRANCH, span_of_text(overruling->code), &overruling->when,
                         error);
    if (document_file_read(accepted, &file, error) != ERR_OK)
        return NULL;
    struct amendment *amendment = NULL;
    struct amend_source source = {file.envelope, file.rows, file.row_count};
    if (document_open(file.envelope, &opened, error) == ERR_OK &&
        strcmp(opened.decoded.seat, overruling->code) == 0 && !file.part)
        amendment = amend_new_from(after, &source, &overruling->when, error);
    else
        error_set(error, ERR_INVALID, accepted, "it is not a whole document of seat %s",
                  overruling->code);
    document_file_free(&file);
    return amendment;
}

static enum error_code make_first(struct overruling *overruling, struct error *error)
{
    if (tree_last_document(overruling->tree, span_of_text(overruling->code)) == NULL &&
        arguments_value(overruling->arguments, "accept") == NULL)
        return ERR_OK;
    struct tree *after = trial_new(overruling->tree);
    enum error_code code = trial_offer(after, &overruling->parent, error);
    struct amendment *amendment = code == ERR_OK ? begin_first(overruling, after, error) : NULL;
    if (code == ERR_OK && amendment == NULL)
        code = error->code;
    if (code == ERR_OK)
        code = amend_sign(amendment, secret_of(overruling), 1, &overruling->first, error);
    overruling->has_first = code == ERR_OK;
    overruling->missing_first = overruling->threshold - 1U; /* whoever overrules has signed */
    amend_free(amendment);
    tree_free(after);
    return code;
}

static enum error_code key_check(const struct overruling *overruling, unsigned *missing,
                                 struct error *error)
{
    struct document_envelope opened;
    struct gathered gathered;
    enum error_code code =
        document_open(span_of_buffer(&overruling->parent.envelope), &opened, error);
    if (code == ERR_OK)
        code = gather_look(overruling->tree, &opened, &gathered, error);
    if (code != ERR_OK)
        return code;
    *missing = gathered.missing;
    if (gathered.foreign == 0)
        return ERR_OK;
    const char *parent = overruling->seat->parent->row.seat;
    error_set(error, ERR_NOT_ALLOWED, "--key", "this key doesn't sign for seat %s", parent);
    error_next(error, "a seat is overruled by the seat above it");
    return ERR_NOT_ALLOWED;
}

static enum error_code give(const struct overruling *overruling,
                            const struct author_document *document, struct error *error)
{
    struct document_file file = {.kind = document->kind,
                                 .envelope = span_of_buffer(&document->envelope),
                                 .row_count = document->row_count};
    bool running = false;
    file.rows = mem_alloc((document->row_count + 1) * sizeof *file.rows);
    for (size_t i = 0; i < document->row_count; i++)
        file.rows[i] = span_of_buffer(&document->rows[i]);
    snprintf(file.name, sizeof file.name, "the document of seat %s", document->seat);
    enum error_code code = hand_in(overruling->directory, &file, &running, error);
    free(file.rows);
    return code;
}

/* Others must sign yet: both wait as drafts, side by side. The first alone in force would take all
 * below the seat out of the tree. */
static enum error_code leave_drafts(const struct overruling *overruling, unsigned missing,
                                    struct error *error)
{
    char path[4096];
    const struct seat *seat = overruling->seat;
    enum error_code code =
        draft_path(overruling->directory, &overruling->parent, seat->parent->row.tier, path, error);
    if (code == ERR_OK)
        code = draft_write(path, &overruling->parent, error);
    if (code == ERR_OK && overruling->has_first) {
        code = draft_path(overruling->directory, &overruling->first, seat->row.tier, path, error);
        if (code == ERR_OK)
            code = draft_write(path, &overruling->first, error);
    }
    if (code != ERR_OK)
        return code;
    error_set(error, ERR_PARKED, overruling->code, "%u more must sign for seat %s", missing,
              missing == overruling->missing_first ? seat->row.seat : seat->parent->row.seat);
    error_next(error, "both drafts are in %s/drafts: topology sign, then topology publish",
               overruling->directory);
    return ERR_PARKED;
}

static enum error_code overrule(struct overruling *overruling, struct error *error)
{
    unsigned missing = 0;
    enum error_code code = begin(overruling, error);
    if (code == ERR_OK)
        code = raise_term(overruling, error);
    if (code == ERR_OK)
        code = key_check(overruling, &missing, error);
    if (code == ERR_OK)
        code = make_first(overruling, error);
    if (missing < overruling->missing_first)
        missing = overruling->missing_first;
    if (code == ERR_OK && missing > 0)
        return leave_drafts(overruling, missing, error);
    if (code == ERR_OK)
        code = give(overruling, &overruling->parent, error);
    if (code == ERR_OK && overruling->has_first)
        code = give(overruling, &overruling->first, error);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct overruling overruling = {.arguments = arguments, .code = arguments->words[0]};
    enum error_code code = overrule(&overruling, error);
    if (code == ERR_OK && arguments->json)
        print_json(json_pack("{s:s,s:I}", "seat", overruling.code, "term",
                             (json_int_t)(overruling.seat->row.term + 1)));
    else if (code == ERR_OK)
        printf("seat %s is in term %llu: what its signers of before sign counts no more\n",
               overruling.code, (unsigned long long)(overruling.seat->row.term + 1));
    author_document_clear(&overruling.parent);
    author_document_clear(&overruling.first);
    admin_key_free(&overruling.key);
    tree_free(overruling.tree);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_overrule = {
    .name = "overrule",
    .usage = "SEAT",
    .summary = "take the right to sign for a seat from those who have it",
    .detail =
        "For a delegate's key that is lost or stolen. What the old signers had signed up to\n"
        "--accept stays; what came later counts no more. Machines that they let in later wait\n"
        "until somebody lists them again: nothing of theirs is lost.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
