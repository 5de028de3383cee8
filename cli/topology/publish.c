/* terrace topology publish: a draft that has its signatures becomes a document. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/print.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"

struct publishing {
    const struct arguments *arguments;
    const char *directory;
    struct people *people;
    size_t running; /* documents that a running node took */
};

static enum error_code refuse_unsigned(const struct publishing *publishing, const char *path,
                                       const struct gathered *gathered, struct error *error)
{
    if (!publishing->arguments->json)
        signatures_print(gathered, publishing->people, stderr);
    error_set(error, ERR_FORGED, path, "%u more must sign it before it counts", gathered->missing);
    error_next(error, "give it to them: terrace topology sign %s --key FILE", path);
    return ERR_FORGED;
}

/* A tree that begins here has no other document to be judged by. */
static enum error_code hand_in_first(const struct publishing *publishing, const struct draft *draft,
                                     struct error *error)
{
    struct document_file file = draft->file;
    char name[128];
    document_file_name(name, file.kind, "", 0);
    return document_file_write(publishing->directory, name, &file, error);
}

static bool is_draft(const char *path)
{
    const char *end = strrchr(path, '.');
    return end != NULL && strcmp(end, ".draft") == 0;
}

static enum error_code publish_one(struct publishing *publishing, const char *path,
                                   struct error *error)
{
    struct gathered gathered;
    struct draft draft;
    bool running = false;
    char title[96];
    enum error_code code = draft_open(publishing->directory, path, &draft, error);
    if (code != ERR_OK)
        return code;
    code = draft.tree == NULL
               ? error_set(error, ERR_PARKED, path, "the documents above it aren't here yet")
               : gather_look(draft.tree, &draft.opened, &gathered, error);
    if (code == ERR_OK && gathered.missing > 0)
        code = refuse_unsigned(publishing, path, &gathered, error);
    if (code == ERR_OK)
        code = draft.base == NULL && draft.opened.decoded.first
                   ? hand_in_first(publishing, &draft, error)
                   : hand_in(publishing->directory, &draft.file, &running, error);
    if (code == ERR_OK) {
        draft_title(&draft.opened.decoded, title);
        publishing->running += running;
        if (is_draft(path))
            unlink(path); /* a document on a stick is for others too */
        if (publishing->arguments->json)
            print_json(json_pack("{s:s,s:s,s:I,s:I,s:b}", "document", title, "seat",
                                 draft.opened.decoded.seat, "term",
                                 (json_int_t)draft.opened.decoded.term, "version",
                                 (json_int_t)draft.opened.decoded.version, "running", running));
        else
            printf("%s, term %llu, version %llu, %s\n", title,
                   (unsigned long long)draft.opened.decoded.term,
                   (unsigned long long)draft.opened.decoded.version,
                   draft.opened.decoded.by_hand
                       ? "waits for people at every node: terrace topology confirm"
                       : "is in force here");
    }
    draft_free(&draft);
    return code;
}

/* What one of them lacks keeps all of them back: they may hang on each other. Other faults are told
 * when its turn comes. */
static enum error_code all_signed(const struct publishing *publishing, struct error *error)
{
    const struct arguments *arguments = publishing->arguments;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < arguments->word_count && code == ERR_OK; i++) {
        struct gathered gathered;
        struct draft draft;
        struct error later;
        error_clear(&later);
        if (draft_open(publishing->directory, arguments->words[i], &draft, &later) != ERR_OK)
            continue;
        if (draft.tree != NULL &&
            gather_look(draft.tree, &draft.opened, &gathered, &later) == ERR_OK &&
            gathered.missing > 0)
            code = refuse_unsigned(publishing, arguments->words[i], &gathered, error);
        draft_free(&draft);
    }
    return code;
}

/* Whatever the order in which they are named: what waits for another one is tried again after it.
 */
static enum error_code publish_all(struct publishing *publishing, struct error *error)
{
    const struct arguments *arguments = publishing->arguments;
    bool *done = mem_alloc((arguments->word_count + 1) * sizeof *done);
    size_t left = arguments->word_count;
    enum error_code code = ERR_OK;
    for (bool any = true; any && left > 0;) {
        any = false;
        for (size_t i = 0; i < arguments->word_count; i++) {
            if (done[i])
                continue;
            error_clear(error);
            code = publish_one(publishing, arguments->words[i], error);
            if (code != ERR_OK && code != ERR_PARKED && code != ERR_NOT_FOUND) {
                free(done);
                return code;
            }
            done[i] = code == ERR_OK;
            any = any || done[i];
            left -= done[i];
        }
    }
    free(done);
    return left == 0 ? ERR_OK : code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct publishing publishing = {.arguments = arguments};
    char found[4096];
    publishing.directory = draft_directory(arguments, arguments->words[0], found);
    if (publishing.directory == NULL &&
        arguments_directory(arguments, &publishing.directory, error) != ERR_OK)
        return EXIT_USAGE;
    publishing.people = people_load(publishing.directory, error);
    if (publishing.people == NULL)
        return EXIT_FAILED;
    enum error_code code = all_signed(&publishing, error);
    if (code == ERR_OK)
        code = publish_all(&publishing, error);
    people_free(publishing.people);
    if (code == ERR_OK && publishing.running == 0 && !arguments->json)
        printf("no node runs in %s; the next start takes what is there, and passes it on\n",
               publishing.directory);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_publish = {
    .name = "publish",
    .usage = "DRAFT...",
    .summary = "put drafts that have all their signatures in force",
    .detail =
        "The node of -d DIR takes them at once when it runs, and passes them on; else at its\n"
        "next start. A draft that lacks a signature is refused, with those who are missing.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .run = run,
};
