/* Making a drill on disk.
 *
 *     TREE.csv -> plan -> keys and ports -> signed documents -> a directory for each seat */
#include "cli/drill/make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drill/drill_schema.h"
#include "cli/drill/hand_out.h"
#include "cli/drill/ports.h"
#include "cli/print.h"
#include "node/author/file.h"
#include "node/author/node_directory.h"
#include "topology/author.h"
#include "topology/tree.h"

enum { ENDPOINT_ROOM = 64 };

/* What takes minutes in a county should be seen within seconds: token, statement after data and
 * when idle, report; and when an origin counts as behind. */
static const struct {
    uint32_t token_ms, after_data_ms, idle_ms, report_ms;
    uint64_t freshness_ms;
} intervals[] = {
    [INTERVALS_DRILL] = {5000, 5000, 20000, 1000, 40 * 1000},
    [INTERVALS_DEMO] = {1000, 1000, 4000, 500, 12 * 1000},
};

struct making {
    const struct make_options *options;
    struct drill *drill;
    struct error *error;
    struct buffer tree_text, types_text;
    struct csv_tree *csv;
    struct author_seat *seats; /* by the place in the table */
    struct author_plan *plan;
    size_t *index;          /* of the drill's seat, by the place in the table */
    struct node_keys *keys; /* by the drill's seat */
    char (*endpoints)[ENDPOINT_ROOM];
    uint8_t (*admin_seeds)[32];
    struct schema_source *types;
    struct author_tree *documents;
    struct author_document types_document;
    struct tree *tree; /* all documents, for proofs */
};

static bool read_tree(struct making *making)
{
    const char *file = making->options->tree_file;
    buffer_append_span(&making->tree_text, making->options->tree_text);
    if (making->tree_text.size == 0 &&
        file_read(file, CSV_TREE_BYTES_MAX, &making->tree_text, making->error) != ERR_OK)
        return false;
    making->csv = csv_tree_read(span_of_buffer(&making->tree_text), file, making->error);
    if (making->csv == NULL)
        return false;
    making->seats = author_seats_of(making->csv);
    making->plan = author_plan_new(making->seats, making->csv->row_count, making->error);
    if (making->plan == NULL && making->error->line != 0) {
        struct error told = *making->error;
        char where[sizeof told.what];
        snprintf(where, sizeof where, "%.100s:%u", file, told.line);
        error_set(making->error, told.code, where, "%s", told.why);
        error_next(making->error, "%s", told.next);
    }
    return making->plan != NULL;
}

bool make_is_reserved(const char *code)
{
    static const char *const names[] = {
        "drill.json", "drill.json.new", "drill.lock", "types.yaml", "acknowledged.ndjson",
        "replay",     "replay.json",    "signed",     ".",          ".."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(code, names[i]) == 0)
            return true;
    }
    return false;
}

static bool take_seat(struct making *making, size_t place, size_t index)
{
    const struct author_seat *from = &making->seats[place];
    struct drill_seat *seat = &making->drill->seats[index];
    snprintf(seat->code, sizeof seat->code, "%.*s", (int)from->code.size,
             (const char *)from->code.data);
    snprintf(seat->name, sizeof seat->name, "%.*s", (int)from->name.size,
             from->name.size == 0 ? "" : (const char *)from->name.data);
    if (seat->name[0] == '\0')
        memcpy(seat->name, seat->code, sizeof seat->code);
    seat->tier = making->plan->tier[place];
    seat->generation = 1;
    seat->child_count = making->plan->child_count[place];
    seat->parent = index == 0 ? DRILL_NO_SEAT : making->index[making->plan->parent[place]];
    if (make_is_reserved(seat->code))
        error_set(making->error, ERR_INVALID, seat->code,
                  "a seat of a drill can't have this code: a file of the drill is named so");
    else if (seat_id_acceptable(from->code, making->error))
        return true;
    error_at(making->error, from->line, 1);
    error_next(making->error, "give the seat of line %u of %s another code", from->line,
               making->options->tree_file);
    return false;
}

static bool take_plan(struct making *making)
{
    struct drill *drill = making->drill;
    const struct author_plan *plan = making->plan;
    drill->seat_count = plan->seat_count;
    drill->seats = mem_alloc(drill->seat_count * sizeof *drill->seats);
    drill->tier_count = plan->tier_count;
    making->index = mem_alloc(drill->seat_count * sizeof *making->index);
    for (size_t i = 0; i < drill->tier_count; i++)
        memcpy(drill->tiers[i], plan->tiers[i].data, plan->tiers[i].size);
    for (size_t i = 0; i < drill->seat_count; i++) {
        making->index[plan->order[i]] = i;
        if (!take_seat(making, plan->order[i], i))
            return false;
    }
    return ports_choose(drill, making->options->base_port, making->error) == ERR_OK;
}

static bool take_types(struct making *making)
{
    const char *file = making->options->types_file;
    struct drill *drill = making->drill;
    struct span given = file == NULL ? drill_usual_types() : making->options->types_text;
    buffer_append_span(&making->types_text, given);
    if (given.size == 0 &&
        file_read(file, YAML_BYTES_MAX, &making->types_text, making->error) != ERR_OK)
        return false;
    making->types = schema_compile(span_of_buffer(&making->types_text),
                                   file == NULL ? "county.yaml" : file, making->error);
    struct schema *schema =
        making->types == NULL ? NULL : drill_schema_load(making->types, making->error);
    if (schema == NULL)
        return false;
    drill->type_count = schema->type_count;
    drill->types = mem_alloc((drill->type_count + 1) * sizeof *drill->types);
    for (size_t i = 0; i < drill->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        drill->types[i] = (struct drill_type){.number = type->number,
                                              .circle = type->circle,
                                              .counted = type->counted,
                                              .companion = type->companion_of != 0};
        snprintf(drill->types[i].name, sizeof drill->types[i].name, "%s", type->name);
    }
    schema_free(schema);
    return true;
}

static void make_keys(struct making *making)
{
    struct drill *drill = making->drill;
    uint8_t secret[TREE_SECRET_BYTES], public_key[KEY_BYTES];
    making->keys = mem_alloc(drill->seat_count * sizeof *making->keys);
    making->admin_seeds = mem_alloc(drill->seat_count * sizeof *making->admin_seeds);
    making->endpoints = mem_alloc(drill->seat_count * sizeof *making->endpoints);
    random_bytes(secret, sizeof secret);
    for (size_t i = 0; i < drill->seat_count; i++) {
        struct author_seat *seat = &making->seats[making->plan->order[i]];
        node_keys_make(&making->keys[i], secret);
        memcpy(drill->seats[i].key, making->keys[i].signing_key, KEY_BYTES);
        memcpy(seat->signing_key, making->keys[i].signing_key, KEY_BYTES);
        memcpy(seat->link_key, making->keys[i].link_key, KEY_BYTES);
        memcpy(seat->seal_key, making->keys[i].seal_key, KEY_BYTES);
        seat->has_seal_key = true;
        if (i != 0 && drill->seats[i].child_count == 0)
            continue;
        random_bytes(making->admin_seeds[i], sizeof making->admin_seeds[i]);
        sign_key_pair(making->admin_seeds[i], public_key, seat->admin_secret);
        seat->has_admin = true;
        if (drill->seats[i].port == 0)
            continue;
        snprintf(making->endpoints[i], ENDPOINT_ROOM, "tcp://127.0.0.1:%u",
                 (unsigned)drill->seats[i].port);
        seat->endpoint = span_of_text(making->endpoints[i]);
    }
    explicit_bzero(secret, sizeof secret);
}

static bool fold_tier_is_there(const struct making *making)
{
    struct span wanted = making->options->fold_tier;
    for (size_t i = 1; i + 1 < making->plan->tier_count; i++) {
        if (span_equal(making->plan->tiers[i], wanted))
            return true;
    }
    if (wanted.size == 0)
        return true;
    error_set(making->error, ERR_USAGE, "--fold-tier",
              "no tier between the root's and the lowest is called \"%.*s\"", (int)wanted.size,
              (const char *)wanted.data);
    return false;
}

static bool sign_documents(struct making *making)
{
    struct author_options options = {.issued_ms = wall_now_ms(),
                                     .fold_tier = making->options->fold_tier};
    const struct author_seat *root = &making->seats[making->plan->order[0]];
    if (!fold_tier_is_there(making))
        return false;
    making->documents = author_tree_new(making->plan, making->seats, &options, making->error);
    if (making->documents == NULL)
        return false;
    making->drill->tree_id = making->documents->tree_id;
    struct document_header header = {.tree_id = making->documents->tree_id,
                                     .term = 1,
                                     .version = 1,
                                     .issued_ms = options.issued_ms};
    return author_types(&header, making->types, &root->admin_secret, 1, &making->types_document,
                        making->error) == ERR_OK;
}

static bool offer(struct making *making, const struct author_document *document)
{
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    enum error_code code =
        tree_offer_document(making->tree, span_of_buffer(&document->envelope), making->error);
    if (code == ERR_OK && document->row_count != 0)
        code = tree_offer_rows(making->tree, document->kind, span_of_text(document->seat), rows,
                               document->row_count, 0, NULL, making->error);
    free(rows);
    return code == ERR_OK;
}

/* Every document goes through the same door as at a node: what it would refuse fails here. */
static bool build_tree(struct making *making)
{
    making->tree = tree_new(&making->documents->tree_id);
    for (size_t i = 0; i < making->documents->document_count; i++) {
        if (!offer(making, &making->documents->documents[i]))
            return false;
    }
    return offer(making, &making->types_document);
}

static void fill_config(const struct making *making, size_t seat, struct node_config *config)
{
    config_usual(config);
    memcpy(config->seat, making->drill->seats[seat].code, sizeof config->seat);
    config->tree_id = making->drill->tree_id;
    config->map_mib = making->options->map_mib;
    memcpy(config->listen, making->endpoints[seat], ENDPOINT_ROOM);
    if (making->options->intervals == INTERVALS_USUAL)
        return;
    size_t row = (size_t)making->options->intervals;
    config->freshness_ms = intervals[row].freshness_ms;
    config->tuning.token_every_ms = intervals[row].token_ms;
    config->tuning.statement_after_data_ms = intervals[row].after_data_ms;
    config->tuning.statement_idle_ms = intervals[row].idle_ms;
    config->tuning.report_every_ms = intervals[row].report_ms;
}

static bool write_node(struct making *making, size_t seat)
{
    char path[PATH_MAX], admin[PATH_MAX];
    struct node_config config;
    fill_config(making, seat, &config);
    if (drill_node_path(making->drill, seat, path, making->error) != ERR_OK ||
        node_directory_init(path, &config, &making->keys[seat], making->error) != ERR_OK)
        return false;
    if (seat == 0 || making->drill->seats[seat].child_count != 0) {
        if (path_join(admin, path, "keys/admin.key", making->error) != ERR_OK ||
            secret_file_write(admin, "terrace-admin-key", making->admin_seeds[seat],
                              sizeof making->admin_seeds[seat], making->error) != ERR_OK)
            return false;
    }
    struct hand_out what = {.tree = making->tree,
                            .seat = making->drill->seats[seat].code,
                            .all = making->options->whole_tree};
    return hand_out(&what, path, making->error) == ERR_OK;
}

static bool write_all(struct making *making)
{
    struct drill *drill = making->drill;
    char path[PATH_MAX];
    struct progress progress;
    bool good = true;
    progress_begin(&progress, "node directories", drill->seat_count, making->options->quiet);
    for (size_t i = 0; i < drill->seat_count && good; i++) {
        good = write_node(making, i);
        progress_update(&progress, i + 1);
    }
    progress_end(&progress);
    return good && drill_file_path(drill, "types.yaml", path, making->error) == ERR_OK &&
           file_replace(path, span_of_buffer(&making->types_text), 0600, making->error) == ERR_OK &&
           drill_save(drill, making->error) == ERR_OK;
}

static void wipe(struct making *making)
{
    size_t count = making->drill->seat_count;
    for (size_t i = 0; making->keys != NULL && i < count; i++)
        node_keys_wipe(&making->keys[i]);
    if (making->admin_seeds != NULL)
        explicit_bzero(making->admin_seeds, count * sizeof *making->admin_seeds);
    if (making->seats != NULL)
        explicit_bzero(making->seats, making->csv->row_count * sizeof *making->seats);
    tree_free(making->tree);
    author_document_clear(&making->types_document);
    author_tree_free(making->documents);
    if (making->types != NULL)
        schema_source_free(making->types);
    free(making->endpoints);
    free(making->admin_seeds);
    free(making->keys);
    free(making->index);
    author_plan_free(making->plan);
    free(making->seats);
    csv_tree_free(making->csv);
    buffer_free(&making->types_text);
    buffer_free(&making->tree_text);
}

enum error_code make_drill(const struct make_options *options, struct drill *drill,
                           struct error *error)
{
    struct making making = {.options = options, .drill = drill, .error = error};
    bool good = read_tree(&making) && take_plan(&making) && take_types(&making);
    if (good) {
        make_keys(&making);
        good = sign_documents(&making) && build_tree(&making) && write_all(&making);
    }
    wipe(&making);
    return good ? ERR_OK : error->code;
}
