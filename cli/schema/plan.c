/* terrace schema plan: what a new version of the types will mean, before anybody signs it. */
#include <stdlib.h>

#include "cli/print.h"
#include "cli/schema/schema.h"
#include "cli/topology/topology.h"
#include "node/author/config.h"
#include "replication/query/query.h"

struct planning {
    const struct schema *after;
    struct type_fit *fit; /* by place in `after` */
};

static enum error_code look(void *context, const struct view *view, const struct tree *tree,
                            struct error *error)
{
    struct planning *planning = context;
    return query_fit(view, tree, planning->after, planning->fit, error);
}

static json_t *fit_json(const struct planning *planning)
{
    json_t *list = json_array();
    for (size_t i = 0; i < planning->after->type_count; i++) {
        const struct type_fit *fit = &planning->fit[i];
        if (fit->records > 0)
            json_array_append_new(
                list, json_pack("{s:s,s:I,s:I}", "type", planning->after->types[i].name, "records",
                                (json_int_t)fit->records, "unfit", (json_int_t)fit->unfit));
    }
    return list;
}

static void fit_print(const struct planning *planning)
{
    bool any = false;
    for (size_t i = 0; i < planning->after->type_count; i++) {
        const struct type_fit *fit = &planning->fit[i];
        if (fit->records == 0)
            continue;
        any = true;
        printf("%s: %llu records here", planning->after->types[i].name,
               (unsigned long long)fit->records);
        if (fit->unfit > 0)
            printf("; %llu of them couldn't be written so any more. They stay as they are",
                   (unsigned long long)fit->unfit);
        printf("\n");
    }
    if (!any)
        printf("no records of these types are here\n");
}

static int tell(const struct arguments *arguments, const struct schema *held,
                const struct types_file *file, const struct planning *planning)
{
    struct error why = {0};
    struct schema_changes changes = {0};
    schema_compare(held, file->schema, &changes);
    struct schema_source *next = schema_succeed(held, file->source, &why);
    bool may = next != NULL;
    schema_source_free(next);
    if (arguments->json) {
        print_json(json_pack("{s:I,s:I,s:b,s:s,s:o,s:o}", "from", (json_int_t)held->version, "to",
                             (json_int_t)file->schema->version, "may_be_signed", may, "why",
                             may ? "" : why.why, "changes", schema_changes_json(&changes),
                             "records", fit_json(planning)));
    } else {
        printf("version %u to version %u\n", held->version, file->schema->version);
        schema_changes_print(&changes, stdout);
        printf("\n%s\n\n", schema_meanwhile);
        fit_print(planning);
        if (may)
            printf("\nIt may be signed: terrace schema new %s\n", arguments->words[0]);
        else
            printf("\nIt can't be signed: %s: %s; %s\n", why.what, why.why, why.next);
    }
    schema_changes_free(&changes);
    return may ? EXIT_DONE : EXIT_REFUSED;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    struct types_file file;
    struct tree *tree = NULL;
    struct schema *held = NULL;
    int status = EXIT_FAILED;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    if (types_file_read(arguments->words[0], &file, error) != ERR_OK)
        return EXIT_FAILED;
    struct planning planning = {.after = file.schema};
    planning.fit = mem_alloc((file.schema->type_count + 1) * sizeof planning.fit[0]);
    if (held_tree(directory, &tree, error) == ERR_OK && types_held(tree, &held, error) == ERR_OK) {
        struct error unseen = {0}; /* a directory without a store holds no records */
        held_look(directory, tree_id(tree), look, &planning, &unseen);
        status = tell(arguments, held, &file, &planning);
    }
    free(planning.fit);
    schema_free(held);
    tree_free(tree);
    types_file_free(&file);
    return status;
}

const struct command types_plan = {
    .name = "plan",
    .usage = "FILE.yaml",
    .summary = "what a new version of the types will mean, before it is signed",
    .detail =
        "Against the types in force in -d DIR: what changes, what nodes do that don't have it "
        "yet,\n"
        "and how many records held here couldn't be written so any more. Exit status 3 when it\n"
        "can't be signed.",
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
