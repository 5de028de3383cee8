/* Beginning, signing and handing in one change of the tree. */
#include "cli/topology/change.h"

#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/draft.h"
#include "node/author/keys.h"
#include "topology/gather.h"
#include "topology/trial.h"

enum error_code change_begin(const struct arguments *arguments, struct change *change,
                             struct error *error)
{
    *change = (struct change){.arguments = arguments};
    enum error_code code = arguments_directory(arguments, &change->directory, error);
    return code == ERR_OK ? held_tree(change->directory, &change->tree, error) : code;
}

void change_end(struct change *change)
{
    amend_free(change->amendment);
    tree_free(change->tree);
}

static enum error_code begin(struct change *change, enum document_kind kind, const char *owner,
                             struct error *error)
{
    struct amend_when when = {.now_ms = authoring_now_ms(change->directory, change->tree),
                              .expires_ms = AMEND_KEEP};
    snprintf(change->owner, sizeof change->owner, "%s", owner);
    change->amendment = amend_new(change->tree, kind, span_of_text(change->owner), &when, error);
    return change->amendment == NULL ? error->code : ERR_OK;
}

enum error_code change_of(struct change *change, const char *owner, struct error *error)
{
    return begin(change, DOCUMENT_BRANCH, owner, error);
}

enum error_code change_of_root(struct change *change, struct error *error)
{
    return begin(change, DOCUMENT_ROOT, "", error);
}

enum error_code change_of_parent(struct change *change, const char *seat, struct error *error)
{
    const struct seat *listed = NULL;
    enum error_code code = change_seat(change, seat, &listed, error);
    if (code != ERR_OK)
        return code;
    return listed->parent == NULL ? change_of_root(change, error)
                                  : begin(change, DOCUMENT_BRANCH, listed->parent->row.seat, error);
}

enum error_code change_seat(const struct change *change, const char *code, const struct seat **seat,
                            struct error *error)
{
    *seat = tree_seat(change->tree, span_of_text(code));
    if (*seat != NULL)
        return ERR_OK;
    error_set(error, ERR_NOT_FOUND, code, "no document here lists such a seat");
    error_next(error, "`terrace topology show` draws those that are known here");
    return ERR_NOT_FOUND;
}

static enum error_code tell_plan(struct change *change, struct error *error)
{
    struct author_document document;
    struct tree *after = trial_new(change->tree);
    enum error_code code = amend_finish(change->amendment, &document, error);
    if (code == ERR_OK) {
        code = trial_offer(after, &document, error);
        author_document_clear(&document);
    }
    if (code == ERR_OK)
        change_print(change->tree, after, change->arguments->json);
    tree_free(after);
    return code;
}

enum error_code change_open_keys(const struct arguments *arguments,
                                 uint8_t (*secrets)[SECRET_BYTES], size_t *count,
                                 struct error *error)
{
    enum error_code code = ERR_OK;
    *count = 0;
    for (size_t i = 0; i < arguments->given_count && code == ERR_OK; i++) {
        struct admin_key key;
        if (strcmp(arguments->given[i].row->name, "key") != 0)
            continue;
        if (*count == CHANGE_KEYS_MAX)
            return error_set(error, ERR_USAGE, "--key", "at most %d keys", CHANGE_KEYS_MAX);
        code = key_open(arguments, arguments->given[i].value, &key, error);
        if (code != ERR_OK)
            break;
        memcpy(secrets[(*count)++], key.secret, SECRET_BYTES);
        admin_key_free(&key);
    }
    if (code == ERR_OK && *count == 0) {
        code = error_set(error, ERR_USAGE, "--key", "it is missing: a change must be signed");
        error_next(error, "name the admin key that signs for the seat above, or ask with --dry-run "
                          "what would change");
    }
    return code;
}

static enum error_code sign(struct change *change, struct author_document *document,
                            struct error *error)
{
    uint8_t(*secrets)[SECRET_BYTES] = mem_alloc(CHANGE_KEYS_MAX * sizeof *secrets);
    size_t count = 0;
    enum error_code code = change_open_keys(change->arguments, secrets, &count, error);
    if (code == ERR_OK)
        code = amend_sign(change->amendment, (const uint8_t(*)[SECRET_BYTES])secrets, count,
                          document, error);
    secret_wipe(secrets, CHANGE_KEYS_MAX * sizeof *secrets);
    free(secrets);
    return code;
}

/* Whether enough have signed; a key that signs for somebody else is refused. */
static enum error_code look_at_signatures(const struct change *change,
                                          const struct author_document *document, unsigned *missing,
                                          struct error *error)
{
    struct document_envelope opened;
    struct gathered gathered;
    enum error_code code = document_open(span_of_buffer(&document->envelope), &opened, error);
    if (code == ERR_OK)
        code = gather_look(change->tree, &opened, &gathered, error);
    if (code != ERR_OK)
        return code;
    *missing = gathered.missing;
    if (gathered.foreign == 0)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, "--key",
              "a key given here may not sign for %s: its own document doesn't name it",
              change->owner[0] == '\0' ? "the root" : change->owner);
    error_next(error, "sign with an admin key of %s, or ask its people to",
               change->owner[0] == '\0' ? "the root document" : change->owner);
    return ERR_NOT_ALLOWED;
}

enum error_code change_signed_by_enough(const struct change *change,
                                        const struct author_document *document, struct error *error)
{
    unsigned missing = 0;
    enum error_code code = look_at_signatures(change, document, &missing, error);
    if (code != ERR_OK || missing == 0)
        return code;
    error_set(error, ERR_NOT_ALLOWED, change->owner,
              "its documents need %u more signatures: a token can hold one key", missing);
    error_next(error, "sign the machine in by its request: terrace topology admit");
    return ERR_NOT_ALLOWED;
}

static struct document_file file_of(const struct author_document *document, struct span *rows)
{
    struct document_file file = {.kind = document->kind,
                                 .envelope = span_of_buffer(&document->envelope),
                                 .rows = rows,
                                 .row_count = document->row_count};
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    snprintf(file.name, sizeof file.name, "the document");
    return file;
}

static enum error_code leave_draft(const struct change *change, const struct document_file *file,
                                   const char *path, unsigned missing, struct error *error)
{
    char name[SEAT_BYTES_MAX + 16];
    snprintf(name, sizeof name, "%s.draft", change->owner[0] == '\0' ? "root" : change->owner);
    if (path == NULL)
        path = name;
    enum error_code code = document_file_write_at(path, file, error);
    if (code != ERR_OK)
        return code;
    error_set(error, ERR_PARKED, path, "%u more must sign it before it counts", missing);
    error_next(error,
               "give it to them: `terrace topology sign %s --key FILE`, then `terrace "
               "topology publish %s`",
               path, path);
    return ERR_PARKED;
}

static enum error_code hand_out(const struct change *change, const struct author_document *document,
                                unsigned missing, struct error *error)
{
    const char *out = arguments_value(change->arguments, "out");
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    struct document_file file = file_of(document, rows);
    bool running = false;
    enum error_code code = ERR_OK;
    if (missing > 0)
        code = leave_draft(change, &file, out, missing, error);
    if (code == ERR_OK && out != NULL)
        code = document_file_write_at(out, &file, error);
    if (code == ERR_OK)
        code = hand_in(change->directory, &file, &running, error);
    if (code == ERR_OK && !running)
        print_note("the node isn't running: it takes the document at its next start, and passes "
                   "it on then");
    free(rows);
    return code;
}

enum error_code change_hand_out(const struct change *change, const struct author_document *document,
                                struct error *error)
{
    unsigned missing = 0;
    enum error_code code = look_at_signatures(change, document, &missing, error);
    return code == ERR_OK ? hand_out(change, document, missing, error) : code;
}

enum error_code change_sign(struct change *change, struct error *error)
{
    struct author_document document;
    if (arguments_flag(change->arguments, "dry-run"))
        return tell_plan(change, error);
    enum error_code code = sign(change, &document, error);
    if (code != ERR_OK)
        return code;
    change->hash = document.hash;
    code = change_hand_out(change, &document, error);
    author_document_clear(&document);
    return code;
}
