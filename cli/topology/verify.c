/* terrace topology verify: which signatures a draft or a document has, and which it lacks. */
#include "cli/print.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"
#include "node/author/code_text.h"

static void tell(const struct arguments *arguments, const char *path, const struct draft *draft,
                 const struct gathered *gathered, const struct people *people)
{
    char title[96], fingerprint[FINGERPRINT_TEXT_BYTES];
    const struct document_header *header = &draft->opened.decoded;
    draft_title(header, title);
    fingerprint_write(&draft->hash, fingerprint);
    if (arguments->json) {
        print_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:i,s:i,s:o}", "file", path, "document",
                             title, "seat", header->seat, "term", (json_int_t)header->term,
                             "version", (json_int_t)header->version, "fingerprint", fingerprint,
                             "missing", (int)gathered->missing, "foreign", (int)gathered->foreign,
                             "sets", signatures_json(gathered, people)));
        return;
    }
    printf("%s: %s, term %llu, version %llu\nfingerprint %s\n", path, title,
           (unsigned long long)header->term, (unsigned long long)header->version, fingerprint);
    signatures_print(gathered, people, stdout);
}

static enum error_code verify_one(const struct arguments *arguments, const char *path,
                                  bool *complete, struct error *error)
{
    char found[4096];
    const char *directory = draft_directory(arguments, path, found);
    struct gathered gathered;
    struct draft draft;
    enum error_code code = draft_open(directory, path, &draft, error);
    if (code != ERR_OK)
        return code;
    struct people *people = people_load(directory, error);
    if (people == NULL)
        code = error->code;
    if (code == ERR_OK && draft.tree == NULL) {
        code = error_set(error, ERR_NOT_FOUND, path, "nothing here says who must sign it");
        error_next(error, "name a directory that holds its tree with -d");
    }
    if (code == ERR_OK)
        code = gather_look(draft.tree, &draft.opened, &gathered, error);
    if (code == ERR_OK) {
        tell(arguments, path, &draft, &gathered, people);
        *complete = *complete && gathered.missing == 0;
    }
    people_free(people);
    draft_free(&draft);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    bool complete = true;
    for (size_t i = 0; i < arguments->word_count; i++) {
        if (verify_one(arguments, arguments->words[i], &complete, error) != ERR_OK)
            return EXIT_FAILED;
    }
    return complete ? EXIT_DONE : EXIT_REFUSED;
}

const struct command topology_verify = {
    .name = "verify",
    .usage = "FILE...",
    .summary = "which signatures a draft or document has, and which it lacks",
    .detail = "Exit status 3 while one is missing.",
    .words_min = 1,
    .words_max = WORDS_GIVEN_MAX,
    .run = run,
};
