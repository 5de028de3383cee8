/* terrace topology confirm: the people of one node let a new root by hand count there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/print.h"
#include "cli/topology/topology.h"
#include "node/author/code_text.h"
#include "node/author/confirmed_roots.h"

struct confirming {
    const struct arguments *arguments;
    const char *directory, *fingerprint;
    struct tree *tree;
    struct document_file file; /* its rows are those of the root that it replaces */
    struct buffer envelope;
    struct span *rows;
    struct hash hash;
    uint64_t version;
    bool in_force, running;
};

/* The document: of the file, or the one that waits here. */
static enum error_code find_document(struct confirming *confirming, struct error *error)
{
    const struct arguments *arguments = confirming->arguments;
    const struct held_document *pending = tree_pending_root(confirming->tree);
    if (arguments->word_count > 1) {
        struct document_file file;
        enum error_code code = document_file_read(arguments->words[1], &file, error);
        if (code != ERR_OK)
            return code;
        buffer_append_span(&confirming->envelope, file.envelope);
        document_file_free(&file);
        return ERR_OK;
    }
    if (pending != NULL) {
        buffer_append_span(&confirming->envelope, pending->envelope);
        return ERR_OK;
    }
    error_set(error, ERR_NOT_FOUND, "confirm", "no new root made by hand waits here");
    error_next(error, "links bring it; or bring its file: terrace topology confirm FINGERPRINT "
                      "FILE");
    return ERR_NOT_FOUND;
}

static enum error_code refuse_other(const struct confirming *confirming, struct error *error)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    bool by_file = confirming->arguments->word_count > 1;
    fingerprint_write(&confirming->hash, fingerprint);
    error_set(error, ERR_NOT_ALLOWED, by_file ? confirming->arguments->words[1] : "confirm",
              "%s has another fingerprint: %s", by_file ? "this file" : "the one that waits here",
              fingerprint);
    error_next(error, by_file ? "ask the people of the root which is right; confirm nothing that "
                                "they don't know"
                              : "ask the people of the root which is right; theirs can be brought "
                                "as a file: terrace topology confirm FINGERPRINT FILE");
    return ERR_NOT_ALLOWED;
}

/* What the tree of this directory says of it, before anything is changed. */
static enum error_code try_document(struct confirming *confirming, struct error *error)
{
    struct document_envelope opened;
    struct span envelope = span_of_buffer(&confirming->envelope);
    const struct held_document *root =
        tree_find_document(confirming->tree, DOCUMENT_ROOT, SPAN_EMPTY);
    enum error_code code = document_open(envelope, &opened, error);
    if (code != ERR_OK)
        return code;
    confirming->hash = document_hash(opened.header);
    confirming->version = opened.decoded.version;
    if (!fingerprint_equal(&confirming->hash, span_of_text(confirming->fingerprint)))
        return refuse_other(confirming, error);
    confirming->in_force = root != NULL && hash_equal(&root->hash, &confirming->hash);
    return confirming->in_force ? ERR_OK : tree_offer_confirmed(confirming->tree, envelope, error);
}

static void fill_file(struct confirming *confirming)
{
    const struct held_document *root =
        tree_find_document(confirming->tree, DOCUMENT_ROOT, SPAN_EMPTY);
    struct document_file *file = &confirming->file;
    size_t count = root != NULL && root->whole ? root->row_count : 0;
    confirming->rows = mem_alloc((count + 1) * sizeof *confirming->rows);
    for (size_t i = 0; i < count; i++)
        confirming->rows[i] = root->rows[i];
    *file = (struct document_file){.kind = DOCUMENT_ROOT,
                                   .envelope = span_of_buffer(&confirming->envelope),
                                   .rows = confirming->rows,
                                   .row_count = count};
}

static enum error_code tell_node(struct confirming *confirming, struct error *error)
{
    struct error unreachable;
    struct buffer bytes = {0}, args = {0};
    struct span value;
    struct client *client = client_new(confirming->directory, &unreachable);
    confirming->running = client != NULL;
    if (client == NULL)
        return ERR_OK;
    document_file_encode(&confirming->file, &bytes);
    mp_write_map(&args, 2);
    mp_write_text(&args, "document");
    mp_write_bin(&args, span_of_buffer(&bytes));
    mp_write_text(&args, "fingerprint");
    mp_write_text(&args, confirming->fingerprint);
    enum error_code code = client_ask(client, "confirm", span_of_buffer(&args), &value, error);
    buffer_free(&args);
    buffer_free(&bytes);
    client_free(client);
    return code;
}

/* The list comes last: without the document it would say nothing. */
static enum error_code keep(const struct confirming *confirming, struct error *error)
{
    char name[128];
    snprintf(name, sizeof name, "0-root-%010llu", (unsigned long long)confirming->version);
    enum error_code code =
        document_file_write(confirming->directory, name, &confirming->file, error);
    return code == ERR_OK ? confirmed_roots_add(confirming->directory, &confirming->hash, error)
                          : code;
}

static enum error_code confirm(struct confirming *confirming, struct error *error)
{
    enum error_code code =
        arguments_directory(confirming->arguments, &confirming->directory, error);
    if (code == ERR_OK)
        code = held_tree(confirming->directory, &confirming->tree, error);
    const struct held_document *root =
        code == ERR_OK ? tree_find_document(confirming->tree, DOCUMENT_ROOT, SPAN_EMPTY) : NULL;
    if (root != NULL && root->header.by_hand && /* again: it is done */
        fingerprint_equal(&root->hash, span_of_text(confirming->fingerprint)))
        buffer_append_span(&confirming->envelope, root->envelope);
    else if (code == ERR_OK)
        code = find_document(confirming, error);
    if (code == ERR_OK)
        code = try_document(confirming, error);
    if (code != ERR_OK)
        return code;
    fill_file(confirming);
    code = confirming->in_force ? ERR_OK : tell_node(confirming, error);
    return code == ERR_OK ? keep(confirming, error) : code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct confirming confirming = {.arguments = arguments, .fingerprint = arguments->words[0]};
    enum error_code code = confirm(&confirming, error);
    if (code == ERR_OK && arguments->json)
        print_json(json_pack("{s:I,s:b,s:b}", "version", (json_int_t)confirming.version, "running",
                             confirming.running, "before", confirming.in_force));
    else if (code == ERR_OK)
        printf("%s: root version %llu counts here%s\n", confirming.directory,
               (unsigned long long)confirming.version,
               confirming.in_force  ? " already"
               : confirming.running ? ""
                                    : " from the next start on");
    free(confirming.rows);
    buffer_free(&confirming.envelope);
    tree_free(confirming.tree);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_confirm = {
    .name = "confirm",
    .usage = "FINGERPRINT [FILE]",
    .summary = "let a new root made by hand count at this node, whose fingerprint you compared",
    .detail =
        "Somebody of the root reads the fingerprint out, over the telephone: eight groups of four\n"
        "letters. Without FILE it is the one that waits here (`terrace status` shows it). It "
        "counts\n"
        "at this node alone; every other node's people confirm it there.",
    .words_min = 1,
    .words_max = 2,
    .run = run,
};
