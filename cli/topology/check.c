/* terrace topology check: what is wrong with a table or a description, with its place. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/describe.h"
#include "cli/topology/topology.h"
#include "node/author/file.h"

static enum error_code check_plan(const char *path, const struct author_seat *seats, size_t count,
                                  struct error *error)
{
    struct error why = {0};
    struct author_plan *plan = author_plan_new(seats, count, &why);
    if (plan != NULL) {
        author_plan_free(plan);
        return ERR_OK;
    }
    char place[sizeof why.what];
    snprintf(place, sizeof place, why.line == 0 ? "%.140s" : "%.140s:%u", path, why.line);
    error_set(error, why.code, place, "%s", why.why);
    error_at(error, why.line, 0);
    error_next(error, "%s", why.next);
    return why.code;
}

static enum error_code check_table(const char *path, size_t *count, struct error *error)
{
    struct buffer text = {0};
    enum error_code code = file_read(path, CSV_TREE_BYTES_MAX, &text, error);
    struct csv_tree *table =
        code == ERR_OK ? csv_tree_read(span_of_buffer(&text), path, error) : NULL;
    if (code == ERR_OK && table == NULL)
        code = error->code;
    if (code == ERR_OK) {
        struct author_seat *seats = author_seats_of(table);
        *count = table->row_count;
        code = check_plan(path, seats, table->row_count, error);
        free(seats);
    }
    csv_tree_free(table);
    buffer_free(&text);
    return code;
}

/* A whole tree: its shape. */
static enum error_code check_tree(const char *path, const struct description *description,
                                  struct error *error)
{
    if (description_tiers(path, description, error) != ERR_OK)
        return error->code;
    struct author_seat *seats = mem_alloc((description->seat_count + 1) * sizeof *seats);
    for (size_t i = 0; i < description->seat_count; i++) {
        const struct described_seat *from = &description->seats[i];
        seats[i] = (struct author_seat){.code = from->code,
                                        .name = from->name,
                                        .tier = from->tier,
                                        .parent = from->parent,
                                        .line = from->line};
    }
    enum error_code code = check_plan(path, seats, description->seat_count, error);
    free(seats);
    return code;
}

/* One document: against the one that is in force. */
static enum error_code check_document(const struct arguments *arguments, const char *path,
                                      const struct description *description, struct error *error)
{
    struct author_document document = {0};
    struct tree *tree = NULL;
    enum error_code code = held_tree(arguments->directory, &tree, error);
    if (code != ERR_OK)
        return code;
    struct amend_when when = {.now_ms = authoring_now_ms(arguments->directory, tree),
                              .expires_ms = description->expires_given ? description->expires_ms
                                                                       : AMEND_KEEP};
    struct amendment *amendment =
        amend_new(tree, description->seat.size == 0 ? DOCUMENT_ROOT : DOCUMENT_BRANCH,
                  description->seat, &when, error);
    code = amendment == NULL ? error->code : ERR_OK;
    if (code == ERR_OK)
        code = description_apply(path, description, tree, amendment, error);
    if (code == ERR_OK)
        code = amend_finish(amendment, &document, error);
    author_document_clear(&document);
    amend_free(amendment);
    tree_free(tree);
    return code;
}

/* What is no mistake and still stands in the way: `new` needs the machine of the topmost seat, and
 * whoever shall be joined by token needs an address to call. */
static void tell_open(const struct description *description)
{
    for (size_t i = 0; i < description->seat_count; i++) {
        const struct described_seat *seat = &description->seats[i];
        bool has_below = false;
        for (size_t k = 0; k < description->seat_count; k++)
            has_below = has_below || span_equal(description->seats[k].parent, seat->code);
        if (seat->parent.size == 0 && !seat->has_keys)
            print_note("%.*s, the topmost seat, has no request yet, which `topology new` needs: "
                       "`terrace init --seat %.*s` on its machine",
                       (int)seat->code.size, (const char *)seat->code.data, (int)seat->code.size,
                       (const char *)seat->code.data);
        else if (seat->has_keys && has_below && seat->endpoints.count == 0 &&
                 seat->endpoint[0] == '\0')
            print_note("%.*s has seats below it and no address at which they could call it: "
                       "`terrace init --listen`, or endpoints: [\"tcp://ADDRESS:PORT\"] here",
                       (int)seat->code.size, (const char *)seat->code.data);
    }
}

static bool is_table(const char *path)
{
    const char *end = strrchr(path, '.');
    return end != NULL && strcmp(end, ".csv") == 0;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *path = arguments->words[0];
    struct description description = {0};
    size_t count = 0;
    enum error_code code;
    if (is_table(path)) {
        code = check_table(path, &count, error);
    } else {
        code = description_read(path, &description, error);
        count = description.seat_count;
        if (code == ERR_OK && description.seat.size == 0 && arguments->directory == NULL)
            code = check_tree(path, &description, error);
        else if (code == ERR_OK && arguments->directory != NULL)
            code = check_document(arguments, path, &description, error);
        if (code == ERR_OK && arguments->directory == NULL)
            tell_open(&description);
        description_free(&description);
    }
    if (code != ERR_OK)
        return EXIT_FAILED;
    if (arguments->json)
        print_json(json_pack("{s:s,s:I}", "file", path, "seats", (json_int_t)count));
    else
        printf("%s: %zu seats, nothing is wrong\n", path, count);
    return EXIT_DONE;
}

const struct command topology_check = {
    .name = "check",
    .usage = "FILE",
    .summary = "what is wrong with a table or a description, with line and column",
    .detail =
        "With -d DIR it is one document of that tree, as `topology edit` wrote it, and is held\n"
        "against the one in force.",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
