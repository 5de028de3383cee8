/* terrace topology new: the first documents of a tree, from a description.
 *
 *     description -> the root document -> the tree that it begins -> a document for every seat that
 *     has admin keys and seats below it, each tried in the tree of those before it */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/drill/drill_schema.h"
#include "cli/print.h"
#include "cli/topology/describe.h"
#include "cli/topology/topology.h"
#include "node/author/code_text.h"
#include "node/author/file.h"
#include "node/author/keys.h"
#include "topology/trial.h"

static const struct option_row options[] = {
    {"dir", "DIR", "where the drafts go, and the secret of the tree"},
    {NULL, NULL, NULL},
};

struct founding {
    const struct arguments *arguments;
    const char *path, *directory;
    struct description description;
    struct author_seat *seats; /* as described; for the plan */
    struct author_plan *plan;
    struct tree *tree; /* of the drafts made so far */
    struct buffer tiers;
    uint8_t fold_tier;
    struct text_list tier_list;
    size_t drafts, waiting; /* seats without a request, or below one */
    bool *stands;           /* by place: it is let in */
    struct error *error;
};

static bool refuse_line(struct founding *founding, const struct error *why, unsigned line)
{
    char place[sizeof why->what];
    struct error told = *why;
    snprintf(place, sizeof place, "%.140s:%u", founding->path, line);
    error_set(founding->error, told.code, place, "%s", told.why);
    error_at(founding->error, line, 0);
    error_next(founding->error, "%s", told.next);
    return false;
}

static bool make_plan(struct founding *founding)
{
    const struct description *description = &founding->description;
    struct error why = {0};
    founding->seats = mem_alloc((description->seat_count + 1) * sizeof *founding->seats);
    founding->stands = mem_alloc((description->seat_count + 1) * sizeof *founding->stands);
    for (size_t i = 0; i < description->seat_count; i++) {
        const struct described_seat *from = &description->seats[i];
        founding->seats[i] = (struct author_seat){.code = from->code,
                                                  .name = from->name,
                                                  .tier = from->tier,
                                                  .parent = from->parent,
                                                  .line = from->line};
    }
    founding->plan = author_plan_new(founding->seats, description->seat_count, &why);
    return founding->plan != NULL || refuse_line(founding, &why, why.line);
}

static bool make_tiers(struct founding *founding)
{
    const struct described_texts *given = &founding->description.tiers;
    if (given->given)
        text_list_encode(given->texts, given->count, &founding->tiers);
    else
        text_list_encode(founding->plan->tiers, founding->plan->tier_count, &founding->tiers);
    founding->tier_list = text_list_of(span_of_buffer(&founding->tiers));
    struct span folds = founding->description.fold_tier;
    struct error why = {0};
    if (folds.size == 0 || span_equal(folds, span_of_text("none")))
        return true;
    founding->fold_tier = fold_tier_of(&founding->tier_list, folds, &why);
    if (founding->fold_tier == 0)
        description_refuse_fold(founding->path, &founding->description, &why, founding->error);
    return founding->fold_tier != 0;
}

/* A draft is kept, and stands in the tree for those after it. */
static bool keep(struct founding *founding, const struct author_document *document, uint8_t rank)
{
    char path[4096];
    bool kept = trial_offer(founding->tree, document, founding->error) == ERR_OK &&
                draft_path(founding->directory, document, rank, path, founding->error) == ERR_OK &&
                draft_write(path, document, founding->error) == ERR_OK;
    if (kept && !founding->arguments->json)
        printf("%s\n", path);
    founding->drafts += kept;
    return kept;
}

static bool make_root(struct founding *founding)
{
    const struct description *description = &founding->description;
    size_t place = founding->plan->order[0];
    const struct described_seat *seat = &description->seats[place];
    struct buffer lists[2] = {{0}}, bytes = {0};
    struct author_document document = {0};
    struct document_envelope opened;
    struct seat_row row;
    struct error why = {0};
    if (description_row(description, seat, &founding->tier_list, lists, &row, &why) != ERR_OK)
        return refuse_line(founding, &why, seat->line);
    row.generation = 1;
    row.term = row.admins.threshold > 0;
    seat_row_encode(&row, &bytes);
    struct span rows = span_of_buffer(&bytes);
    struct document_header header = {.first = true,
                                     .fold_tier = founding->fold_tier,
                                     .kind = DOCUMENT_ROOT,
                                     .term = 1,
                                     .version = 1,
                                     .issued_ms = wall_now_ms(),
                                     .expires_ms = description->expires_ms,
                                     .tiers = founding->tier_list,
                                     .admins = admin_keys_of(description->root.threshold,
                                                             description->root.keys[0],
                                                             description->root.count)};
    bool made =
        author_document(&header, &rows, 1, NULL, 0, &document, founding->error) == ERR_OK &&
        document_open(span_of_buffer(&document.envelope), &opened, founding->error) == ERR_OK;
    if (made) {
        struct hash id = document_tree_id(opened.header);
        struct tree *empty = tree_new(&id);
        founding->tree = trial_new(empty);
        tree_free(empty);
        made = keep(founding, &document, 0);
        founding->stands[place] = made;
    }
    author_document_clear(&document);
    buffer_free(&bytes);
    buffer_free(&lists[0]);
    buffer_free(&lists[1]);
    return made;
}

static bool admit(struct founding *founding, struct amendment *amendment, size_t place)
{
    const struct described_seat *seat = &founding->description.seats[place];
    struct buffer lists[2] = {{0}};
    struct seat_row row;
    struct error why = {0};
    enum error_code code =
        description_row(&founding->description, seat, &founding->tier_list, lists, &row, &why);
    if (code == ERR_OK)
        code = amend_admit(amendment, &row, &why);
    buffer_free(&lists[0]);
    buffer_free(&lists[1]);
    founding->stands[place] = code == ERR_OK;
    if (code != ERR_OK)
        description_refuse(founding->path, seat, &why, founding->error);
    return code == ERR_OK;
}

/* The document of one seat, if it is let in itself and anybody below it has a request. */
static bool make_branch(struct founding *founding, size_t place)
{
    const struct author_plan *plan = founding->plan;
    const struct described_seat *seats = founding->description.seats;
    struct amend_when when = {.now_ms = wall_now_ms(),
                              .expires_ms = founding->description.expires_ms};
    struct author_document document;
    size_t ready = 0;
    bool made = true;
    for (size_t i = 0; i < plan->child_count[place]; i++)
        ready += seats[plan->order[plan->child_first[place] + i]].has_keys;
    if (!founding->stands[place] || ready == 0)
        return true;
    struct amendment *amendment =
        amend_new(founding->tree, DOCUMENT_BRANCH, seats[place].code, &when, founding->error);
    if (amendment == NULL)
        return refuse_line(founding, founding->error, seats[place].line);
    for (size_t i = 0; i < plan->child_count[place] && made; i++) {
        size_t child = plan->order[plan->child_first[place] + i];
        made = !seats[child].has_keys || admit(founding, amendment, child);
    }
    made = made && amend_finish(amendment, &document, founding->error) == ERR_OK;
    amend_free(amendment);
    if (!made)
        return false;
    made = keep(founding, &document, plan->tier[place]);
    author_document_clear(&document);
    return made;
}

static bool make_types(struct founding *founding)
{
    struct span name = founding->description.types;
    struct buffer text = {0};
    struct author_document document = {0};
    char path[PATH_MAX] = "county.yaml";
    if (name.size > 0 && name.size < sizeof path) {
        memcpy(path, name.data, name.size);
        path[name.size] = '\0';
        if (file_read(path, YAML_BYTES_MAX, &text, founding->error) != ERR_OK)
            return false;
    } else {
        buffer_append_span(&text, drill_usual_types());
    }
    struct schema_source *source = schema_compile(span_of_buffer(&text), path, founding->error);
    buffer_free(&text);
    if (source == NULL)
        return false;
    struct document_header header = {
        .tree_id = *tree_id(founding->tree), .term = 1, .version = 1, .issued_ms = wall_now_ms()};
    bool made = author_types(&header, source, NULL, 0, &document, founding->error) == ERR_OK &&
                keep(founding, &document, 0);
    author_document_clear(&document);
    schema_source_free(source);
    return made;
}

/* One directory, one tree: a secret that others have by now must not be lost. */
static bool is_free(struct founding *founding)
{
    char path[PATH_MAX];
    if (path_join(path, founding->directory, "keys/tree.secret", founding->error) != ERR_OK)
        return false;
    if (access(path, F_OK) != 0)
        return true;
    error_set(founding->error, ERR_STALE, path, "a tree was begun here already");
    error_next(founding->error, "choose another directory; changes are made by topology edit");
    return false;
}

static bool make_secret(struct founding *founding)
{
    uint8_t secret[TREE_SECRET_BYTES];
    char path[PATH_MAX];
    if (path_join(path, founding->directory, "keys", founding->error) != ERR_OK ||
        directory_make(path, 0700, founding->error) != ERR_OK ||
        path_join(path, founding->directory, "keys/tree.secret", founding->error) != ERR_OK)
        return false;
    random_bytes(secret, sizeof secret);
    bool made = secret_file_write(path, "terrace-tree-secret", secret, sizeof secret,
                                  founding->error) == ERR_OK;
    secret_wipe(secret, sizeof secret);
    return made;
}

static bool root_check(struct founding *founding)
{
    const struct description *description = &founding->description;
    struct error why = {0};
    if (!description->is_root || description->root.count == 0) {
        error_set(founding->error, ERR_INVALID, founding->path,
                  "it doesn't say who signs for the "
                  "root");
        error_next(founding->error, "write root: with threshold and keys");
        return false;
    }
    size_t place = founding->plan->order[0];
    if (description->seats[place].has_keys)
        return true;
    error_set(&why, ERR_INVALID, "request", "the topmost seat has no request");
    error_next(&why, "its machine makes one: `terrace init --seat %.*s`; name its file here",
               (int)description->seats[place].code.size,
               (const char *)description->seats[place].code.data);
    description_refuse(founding->path, &description->seats[place], &why, founding->error);
    return false;
}

static bool make_all(struct founding *founding)
{
    const struct author_plan *plan = founding->plan;
    bool made = make_root(founding);
    for (size_t i = 0; i < plan->seat_count && made; i++)
        made = make_branch(founding, plan->order[i]);
    made = made && make_types(founding);
    for (size_t i = 0; i < plan->seat_count; i++)
        founding->waiting += !founding->stands[i];
    return made && people_save(founding->description.people, founding->directory,
                               founding->error) == ERR_OK;
}

static void tell(const struct founding *founding)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES], id[2 * HASH_BYTES + 1];
    fingerprint_write(tree_id(founding->tree), fingerprint);
    hex_write(id, tree_id(founding->tree)->bytes, HASH_BYTES);
    if (founding->arguments->json) {
        print_json(json_pack("{s:s,s:s,s:I,s:I}", "tree", id, "fingerprint", fingerprint, "drafts",
                             (json_int_t)founding->drafts, "waiting",
                             (json_int_t)founding->waiting));
        return;
    }
    printf("tree %s\nfingerprint %s: read it out to everybody who joins\n", id, fingerprint);
    if (founding->waiting > 0)
        printf(
            "%zu of the seats have no request yet and are let in later: terrace topology admit\n",
            founding->waiting);
    printf("next: terrace topology sign %s/drafts/*.draft --key FILE, by each who must, then\n"
           "terrace -d %s topology publish %s/drafts/*.draft\n",
           founding->directory, founding->directory, founding->directory);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct founding founding = {.arguments = arguments,
                                .path = arguments->words[0],
                                .directory = arguments_value(arguments, "dir"),
                                .error = error};
    if (founding.directory == NULL) {
        error_set(error, ERR_USAGE, "new", "--dir is missing");
        return EXIT_USAGE;
    }
    if (description_read(founding.path, &founding.description, error) != ERR_OK)
        return EXIT_FAILED;
    bool made = description_tiers(founding.path, &founding.description, error) == ERR_OK &&
                make_plan(&founding) && make_tiers(&founding) && root_check(&founding) &&
                is_free(&founding) && directory_make(founding.directory, 0700, error) == ERR_OK &&
                make_all(&founding) && make_secret(&founding);
    if (made)
        tell(&founding);
    tree_free(founding.tree);
    buffer_free(&founding.tiers);
    author_plan_free(founding.plan);
    free(founding.stands);
    free(founding.seats);
    description_free(&founding.description);
    return made ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_new = {
    .name = "new",
    .usage = "TREE.yaml",
    .summary = "the first documents of a tree, as drafts",
    .detail =
        "TREE.yaml says who signs for the root, and which seats there are; `topology import`\n"
        "writes one from a table. Seats without a request come later. The least of it:\n"
        "  tiers: [county, village]\n"
        "  root: {threshold: 1, keys: [{key: li.key}]}      # from `terrace key new li.key`\n"
        "  seats:\n"
        "    - {code: C, name: 永顺县, tier: county, request: county/request.yaml,\n"
        "       admins: {keys: [{key: li.key}]}}            # from `terrace -d county init",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
