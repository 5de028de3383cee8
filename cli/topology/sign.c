/* terrace topology sign: one signature more, wherever its key is kept. */
#include <stdlib.h>
#include <string.h>

#include "cli/passphrase.h"
#include "cli/print.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"
#include "node/author/code_text.h"
#include "topology/amend.h"
#include "topology/trial.h"

static const struct option_row options[] = {
    {"key", "FILE", "the key to sign with"},
    PASSPHRASE_ROW,
    {NULL, NULL, NULL},
};

static bool may_sign(const struct gathered *gathered, const uint8_t *key)
{
    for (unsigned i = 0; i < gathered->set_count; i++) {
        const struct admin_keys *admins = &gathered->sets[i].admins;
        for (unsigned k = 0; k < admins->count; k++) {
            if (memcmp(admin_key(admins, k), key, KEY_BYTES) == 0)
                return true;
        }
    }
    return false;
}

static enum error_code key_check(const struct gathered *gathered, const struct people *people,
                                 const char *title, const struct admin_key *key,
                                 struct error *error)
{
    char who[256];
    if (may_sign(gathered, key->public_key))
        return ERR_OK;
    people_show(people, key->public_key, who);
    error_set(error, ERR_NOT_ALLOWED, title, "key %s is not one of those that may sign it", who);
    error_next(error, "`terrace topology verify` names those that may");
    return ERR_NOT_ALLOWED;
}

/* What the tree would refuse isn't signed: nor what an expired delegation lets in. */
static enum error_code draft_check(const char *directory, const struct draft *draft,
                                   struct error *error)
{
    struct author_document document = {.kind = draft->file.kind,
                                       .row_count = draft->file.row_count};
    const struct document_header *header = &draft->opened.decoded;
    struct span seat = span_of_text(header->seat);
    if (header->kind == DOCUMENT_BRANCH && draft_new_keys(draft) > 0 &&
        amend_may_let_in(draft->tree, seat, authoring_now_ms(directory, draft->tree), error) !=
            ERR_OK)
        return error->code;
    memcpy(document.seat, header->seat, sizeof document.seat);
    buffer_append_span(&document.envelope, draft->file.envelope);
    document.rows = mem_alloc((draft->file.row_count + 1) * sizeof *document.rows);
    for (size_t i = 0; i < draft->file.row_count; i++)
        buffer_append_span(&document.rows[i], draft->file.rows[i]);
    struct tree *trial = trial_new(draft->tree);
    enum error_code code = trial_offer(trial, &document, error);
    tree_free(trial);
    author_document_clear(&document);
    return code;
}

/* Before the key is asked for: what it is that will be signed. */
static void tell_draft(const struct arguments *arguments, const struct draft *draft,
                       const struct people *people)
{
    char title[96], fingerprint[FINGERPRINT_TEXT_BYTES];
    if (arguments->json)
        return;
    draft_title(&draft->opened.decoded, title);
    fingerprint_write(&draft->hash, fingerprint);
    fprintf(stderr, "%s, term %llu, version %llu (%s):\n", title,
            (unsigned long long)draft->opened.decoded.term,
            (unsigned long long)draft->opened.decoded.version, fingerprint);
    if (draft->tree == NULL)
        return;
    json_t *changes = changes_in_words(draft->tree, people, draft_before(draft), draft);
    changes_print(changes, stderr);
    json_decref(changes);
}

static enum error_code add_signature(const char *path, struct draft *draft,
                                     const struct admin_key *key, struct error *error)
{
    struct buffer envelope = {0};
    enum error_code code = gather_sign(draft->file.envelope, key->secret, &envelope, error);
    if (code == ERR_OK) {
        struct document_file file = draft->file;
        file.envelope = span_of_buffer(&envelope);
        code = document_file_write_at(path, &file, error);
    }
    buffer_free(&envelope);
    return code;
}

static enum error_code tell_signed(const struct arguments *arguments, const char *directory,
                                   const char *path, const struct people *people,
                                   struct error *error)
{
    struct draft draft;
    struct gathered gathered = {0};
    enum error_code code = draft_open(directory, path, &draft, error);
    if (code != ERR_OK)
        return code;
    bool counted =
        draft.tree != NULL && gather_look(draft.tree, &draft.opened, &gathered, error) == ERR_OK;
    error_clear(error);
    if (arguments->json) {
        json_t *told =
            json_pack("{s:s,s:i}", "file", path, "signatures", (int)draft.opened.signature_count);
        if (counted)
            json_object_set_new(told, "missing", json_integer(gathered.missing));
        print_json(told);
    } else if (!counted) {
        printf("%s is signed; who else must sign it can be said where its tree is: -d DIR\n", path);
    } else if (gathered.missing > 0) {
        printf("%s: %u more must sign\n", path, gathered.missing);
        signatures_print(&gathered, people, stdout);
    } else {
        printf("%s has all the signatures it needs: `terrace topology publish` puts it in force\n",
               path);
    }
    draft_free(&draft);
    return ERR_OK;
}

struct signing {
    const struct arguments *arguments;
    const char *key_file;
    struct admin_key key; /* opened when the first draft has been shown */
    bool opened;
};

static enum error_code sign_open_draft(struct signing *signing, const char *directory,
                                       const char *path, struct draft *draft,
                                       const struct people *people, struct error *error)
{
    struct gathered gathered;
    char title[96];
    enum error_code code = ERR_OK;
    draft_title(&draft->opened.decoded, title);
    tell_draft(signing->arguments, draft, people);
    if (draft->tree != NULL)
        code = draft_check(directory, draft, error);
    if (code == ERR_OK && draft->tree != NULL)
        code = gather_look(draft->tree, &draft->opened, &gathered, error);
    if (code == ERR_OK && !signing->opened) {
        code = key_open(signing->arguments, signing->key_file, &signing->key, error);
        signing->opened = code == ERR_OK;
    }
    if (code == ERR_OK && draft->tree != NULL)
        code = key_check(&gathered, people, title, &signing->key, error);
    return code == ERR_OK ? add_signature(path, draft, &signing->key, error) : code;
}

static enum error_code sign_one(struct signing *signing, const char *path, struct error *error)
{
    char found[4096];
    const char *directory = draft_directory(signing->arguments, path, found);
    struct people *people = people_load(directory, error);
    struct draft draft;
    if (people == NULL)
        return error->code;
    enum error_code code = draft_open(directory, path, &draft, error);
    if (code == ERR_OK) {
        code = sign_open_draft(signing, directory, path, &draft, people, error);
        draft_free(&draft);
    }
    if (code == ERR_OK)
        code = tell_signed(signing->arguments, directory, path, people, error);
    people_free(people);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct signing signing = {.arguments = arguments,
                              .key_file = arguments_value(arguments, "key")};
    enum error_code code = ERR_OK;
    if (signing.key_file == NULL) {
        error_set(error, ERR_USAGE, "sign", "--key is missing");
        error_next(error, "`terrace key new FILE` makes a key");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < arguments->word_count && code == ERR_OK; i++)
        code = sign_one(&signing, arguments->words[i], error);
    if (signing.opened)
        admin_key_free(&signing.key);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_sign = {
    .name = "sign",
    .usage = "DRAFT...",
    .summary = "add one signature to a draft",
    .detail =
        "What the draft changes is told first. With -d DIR (or a draft in DIR/drafts) what the\n"
        "tree would refuse isn't signed, and who else must sign is named; without, the draft\n"
        "is signed as it is. The draft goes from hand to hand until enough have signed.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .options = options,
    .run = run,
};
