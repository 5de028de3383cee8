/* terrace topology release, accept, move: a seat goes to another parent. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/answer.h"
#include "cli/topology/change.h"

static const struct option_row to_options[] = {
    {"to", "SEAT", "the seat above from then on"},
    {"ancestor", "SEAT", "who decides it; absent: the seat of this directory"},
    CHANGE_ROWS,
    {NULL, NULL, NULL},
};

static const struct option_row accept_options[] = {
    {"from", "FILE", "the document in which its former parent let it go, when it isn't known here"},
    {"parent", "SEAT", "the seat above from then on; absent: the one of this directory"},
    CHANGE_ROWS,
    {NULL, NULL, NULL},
};

static enum error_code needed_to(const struct arguments *arguments, const char **to,
                                 struct error *error)
{
    *to = arguments_value(arguments, "to");
    return *to != NULL ? ERR_OK
                       : error_set(error, ERR_USAGE, "--to", "it is missing: which seat takes it?");
}

static int finish(struct change *change, enum error_code code, const char *done, const char *next)
{
    const struct arguments *arguments = change->arguments;
    if (code == ERR_OK && !arguments_flag(arguments, "dry-run")) {
        if (arguments->json)
            print_json(json_pack("{s:s,s:s}", "seat", arguments->words[0], "done", done));
        else
            printf("%s: %s\nnext: %s\n", arguments->words[0], done, next);
    }
    change_end(change);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

static int run_release(const struct arguments *arguments, struct error *error)
{
    struct change change = {0};
    const char *to = NULL;
    enum error_code code = needed_to(arguments, &to, error);
    if (code != ERR_OK)
        return EXIT_FAILED;
    code = change_begin(arguments, &change, error);
    if (code == ERR_OK)
        code = change_of_parent(&change, arguments->words[0], error);
    if (code == ERR_OK)
        code = amend_release(change.amendment, span_of_text(arguments->words[0]), span_of_text(to),
                             error);
    if (code == ERR_OK)
        code = change_sign(&change, error);
    return finish(
        &change, code, "let go",
        "the new parent accepts it: terrace topology accept, there; where no link brings\n"
        "this document, bring the file of --out: accept SEAT --from FILE");
}

const struct command topology_release = {
    .name = "release",
    .usage = "SEAT",
    .summary = "let a seat go to another parent; it stays until that one accepts it",
    .words_min = 1,
    .words_max = 1,
    .options = to_options,
    .run = run_release,
};

/* All rows of the seat in the former parent's document. */
static enum error_code rows_from(const char *path, const char *seat, struct document_file *file,
                                 struct seat_row **rows, size_t *count, struct error *error)
{
    enum error_code code = document_file_read(path, file, error);
    if (code != ERR_OK)
        return code;
    *rows = mem_alloc((file->row_count + 1) * sizeof **rows);
    for (size_t i = 0; i < file->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(file->rows[i], &row, NULL) == ERR_OK && strcmp(row.seat, seat) == 0)
            (*rows)[(*count)++] = row;
    }
    if (*count > 0)
        return ERR_OK;
    error_set(error, ERR_NOT_FOUND, path, "it says nothing of seat %s", seat);
    error_next(error,
               "ask the people of the former parent for the document in which they let it go");
    return ERR_NOT_FOUND;
}

static enum error_code accept(struct change *change, struct error *error)
{
    const struct arguments *arguments = change->arguments;
    const char *from = arguments_value(arguments, "from"), *seat = arguments->words[0];
    const char *parent;
    char own[SEAT_BYTES_MAX + 1];
    struct document_file file = {0};
    struct seat_row *rows = NULL;
    size_t count = 0;
    enum error_code code = answer_seat(arguments, "parent", change->directory, own, &parent, error);
    if (code == ERR_OK)
        code = change_of(change, parent, error);
    if (code == ERR_OK && from != NULL)
        code = rows_from(from, seat, &file, &rows, &count, error);
    if (code == ERR_OK)
        code = amend_take_over(change->amendment, span_of_text(seat), rows, count, from != NULL,
                               error);
    if (code == ERR_OK)
        code = change_sign(change, error);
    free(rows);
    document_file_free(&file);
    return code;
}

static int run_accept(const struct arguments *arguments, struct error *error)
{
    struct change change = {0};
    enum error_code code = change_begin(arguments, &change, error);
    if (code == ERR_OK)
        code = accept(&change, error);
    return finish(&change, code, "accepted",
                  "nothing: the machine learns of it from whichever side it hears first, and calls "
                  "here");
}

const struct command topology_accept = {
    .name = "accept",
    .usage = "SEAT",
    .summary = "take a seat over that its former parent let go, or an ancestor moved",
    .words_min = 1,
    .words_max = 1,
    .options = accept_options,
    .run = run_accept,
};

static enum error_code decide(struct change *change, const char *to, struct error *error)
{
    const struct arguments *arguments = change->arguments;
    const char *ancestor;
    char own[SEAT_BYTES_MAX + 1];
    enum error_code code =
        answer_seat(arguments, "ancestor", change->directory, own, &ancestor, error);
    if (code == ERR_OK)
        code = change_of(change, ancestor, error);
    if (code == ERR_OK)
        code = amend_decide(change->amendment, span_of_text(arguments->words[0]), span_of_text(to),
                            0, error);
    return code == ERR_OK ? change_sign(change, error) : code;
}

static int run_move(const struct arguments *arguments, struct error *error)
{
    struct change change = {0};
    const char *to = NULL;
    enum error_code code = needed_to(arguments, &to, error);
    if (code != ERR_OK)
        return EXIT_FAILED;
    code = change_begin(arguments, &change, error);
    if (code == ERR_OK)
        code = decide(&change, to, error);
    return finish(&change, code, "its move is decided",
                  "the new parent accepts it: terrace topology accept, there");
}

const struct command topology_move = {
    .name = "move",
    .usage = "SEAT",
    .summary = "decide from above that a seat goes to another parent, whatever the former one says",
    .words_min = 1,
    .words_max = 1,
    .options = to_options,
    .run = run_move,
};
