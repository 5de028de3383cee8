/* terrace topology diff: what a draft would change. */
#include "cli/print.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0];
    char found[4096], title[96];
    const char *directory = draft_directory(arguments, path, found);
    struct people *people = people_load(directory, error);
    struct draft draft;
    if (people == NULL)
        return EXIT_FAILED;
    enum error_code code = draft_open(directory, path, &draft, error);
    if (code == ERR_OK && draft.tree == NULL) {
        code = error_set(error, ERR_NOT_FOUND, path, "there is nothing to compare it with");
        error_next(error, "name a directory that holds its tree with -d");
        draft_free(&draft);
    }
    if (code == ERR_OK) {
        const struct held_document *before = draft_before(&draft);
        json_t *changes = changes_in_words(draft.tree, people, before, &draft);
        draft_title(&draft.opened.decoded, title);
        if (arguments->json) {
            print_json(json_pack("{s:s,s:s,s:I,s:I,s:o}", "file", path, "document", title, "term",
                                 (json_int_t)draft.opened.decoded.term, "version",
                                 (json_int_t)draft.opened.decoded.version, "changes", changes));
        } else {
            printf("%s, term %llu, version %llu", title,
                   (unsigned long long)draft.opened.decoded.term,
                   (unsigned long long)draft.opened.decoded.version);
            if (before != NULL)
                printf(", against term %llu, version %llu", (unsigned long long)before->term,
                       (unsigned long long)before->version);
            printf("\n");
            changes_print(changes, stdout);
            json_decref(changes);
        }
        draft_free(&draft);
    }
    people_free(people);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_diff = {
    .name = "diff",
    .usage = "DRAFT",
    .summary = "what a draft would change",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
