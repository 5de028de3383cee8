/* terrace drill plant: damage one stopped node's store on purpose, so that tests can prove that
 * `terrace drill check` finds it.
 *
 *     leak        another seat's record, which this one must not hold
 *     loss        a record of this store: the block that holds it, its row, its index row
 *     difference  the state of one record in place of another's
 *
 * Leak and loss can be had in one place alone: log, state or index. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/drill/check_table.h"
#include "cli/drill/process.h"
#include "cli/drill/stores.h"
#include "cli/print.h"
#include "node/author/file.h"
#include "node/store/store.h"
#include "replication/query/query.h"
#include "replication/rows/rows.h"

enum {
    BLOCK_KEY_BYTES = STREAM_KEY_BYTES + 5, /* and seq 4, piece 1 */
    WHO_KEY_NUMBER_BYTES = 1 + WHO_BYTES,
    WHO_KEY_AUTHOR_BYTES = 1 + KEY_ID_BYTES + 4,
};

static const struct option_row options[] = {
    DRILL_DIR_OPTION,
    {"part", "PART", "of a leak or loss: log, state, index or all (all unless given)"},
    {"of", "SEAT", "of a loss: a record that this seat has made"},
    {NULL, NULL, NULL},
};

/* Rows to be put into (or taken out of) a store. */
struct planned_row {
    enum table table;
    struct buffer key, value;
    bool removes;
};

struct plant {
    struct drill *drill;
    struct check_table table; /* circles, and whose key is whose */
    size_t seat;              /* whose store is damaged */
    size_t of;                /* of a loss: whose record; DRILL_NO_SEAT: any */
    bool parts[PLACE_COUNT];
    struct planned_row *rows;
    size_t row_count, row_capacity;
    struct record_id id;
    uint16_t type;
    struct error *error;
};

static struct planned_row *plan_row(struct plant *plant, enum table table, struct span key,
                                    struct span value, bool removes)
{
    if (plant->row_count == plant->row_capacity) {
        plant->row_capacity = plant->row_capacity == 0 ? 16 : plant->row_capacity * 2;
        plant->rows = mem_resize(plant->rows, plant->row_capacity * sizeof *plant->rows);
    }
    struct planned_row *row = &plant->rows[plant->row_count++];
    *row = (struct planned_row){.table = table, .removes = removes};
    buffer_append_span(&row->key, key);
    buffer_append_span(&row->value, value);
    return row;
}

static void forget_rows(struct plant *plant)
{
    for (size_t i = 0; i < plant->row_count; i++) {
        buffer_free(&plant->rows[i].key);
        buffer_free(&plant->rows[i].value);
    }
    plant->row_count = 0;
}

/* Calls `visit` for each row of a table whose key begins with `prefix`, until it answers false. */
static void each_row(const struct view *view, enum table table, struct span prefix,
                     bool (*visit)(void *context, struct span key, struct span value),
                     void *context)
{
    uint8_t after[STORE_KEY_BYTES_MAX + 1];
    struct span from = prefix, key, value;
    while (view->next(view->context, table, from, &key, &value) == READ_FOUND &&
           key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0)) {
        memcpy(after, key.data, key.size);
        after[key.size] = 0; /* the least key behind this one */
        size_t size = key.size + 1;
        if (!visit(context, key, value))
            return;
        from = SPAN(after, size);
    }
}

struct copying {
    struct plant *plant;
    enum table table;
    const uint8_t *who; /* of the author here: replaces what the other store calls it */
    size_t who_at;      /* where it stands in the key */
    struct span ending; /* only keys that end so; empty: all */
};

static bool copy_row(void *context, struct span key, struct span value)
{
    struct copying *copying = context;
    size_t size = copying->ending.size;
    if (size != 0 &&
        (key.size < size || memcmp(key.data + key.size - size, copying->ending.data, size) != 0))
        return true;
    struct planned_row *row = plan_row(copying->plant, copying->table, key, value, false);
    memcpy(row->key.data + copying->who_at, copying->who, WHO_BYTES);
    return true;
}

/* The local number of an author in the damaged store: as it is, or the next one. */
static void plan_who(struct plant *plant, const struct view *here,
                     const struct author_epoch *author, uint8_t who[static WHO_BYTES])
{
    uint32_t number = 0;
    uint8_t by_author[WHO_KEY_AUTHOR_BYTES] = {'a'}, by_number[WHO_KEY_NUMBER_BYTES] = {'n'};
    struct author_epoch other;
    bool known = who_find(here, author, &number);
    if (!known) {
        for (number = 1; who_author(here, number, &other); number++)
            continue;
    }
    for (size_t i = 0; i < WHO_BYTES; i++)
        who[i] = (uint8_t)(number >> (8 * (WHO_BYTES - 1 - i)));
    if (known)
        return;
    memcpy(by_author + 1, author->author.bytes, KEY_ID_BYTES);
    write_u32(by_author + 1 + KEY_ID_BYTES, author->epoch);
    memcpy(by_number + 1, who, WHO_BYTES);
    plan_row(plant, TABLE_WHO, SPAN_OF_ARRAY(by_author), SPAN(who, WHO_BYTES), false);
    plan_row(plant, TABLE_WHO, SPAN_OF_ARRAY(by_number),
             SPAN(by_author + 1, WHO_KEY_AUTHOR_BYTES - 1), false);
}

struct found_record {
    const struct plant *plant;
    const struct view *view;
    size_t held_at; /* whose store it is looked for in */
    bool outside;   /* wanted: outside the circle of the damaged seat; else inside */
    bool foreign;   /* wanted: not made at the damaged seat */
    uint8_t key[RECORD_KEY_BYTES];
    struct record_id id;
    uint16_t type;
    size_t count; /* of fitting records seen; the last one is kept */
    size_t wanted;
};

static bool find_record(void *context, struct span key, struct span value)
{
    struct found_record *found = context;
    struct check_record record = {.to = DRILL_NO_SEAT};
    struct record_row row = {0};
    struct key_id author;
    (void)value;
    if (!record_key_parse(found->view, key, &record.key.type, &record.key.id) ||
        record_row_read(found->view, key.data, &row) != ERR_OK)
        return true;
    record_free(row.state);
    memcpy(author.bytes, record.key.id.bytes, KEY_ID_BYTES);
    record.origin = check_table_seat_of(&found->plant->table, author);
    bool belongs = check_belongs(&found->plant->table, &record, found->plant->seat);
    bool any = found->plant->of == DRILL_NO_SEAT;
    if ((any && !row.located) || (!any && record.origin != found->plant->of) ||
        record.origin == DRILL_NO_SEAT || belongs == found->outside ||
        (found->foreign && record.origin == found->plant->seat))
        return true;
    if (!found->outside && found->count != 0 && record.key.type != found->type)
        return true;
    memcpy(found->key, key.data, RECORD_KEY_BYTES);
    found->id = record.key.id;
    found->type = record.key.type;
    return ++found->count < found->wanted;
}

static struct author_epoch author_of(const struct record_id *id)
{
    struct author_epoch author = {.epoch = read_u32(id->bytes + KEY_ID_BYTES)};
    memcpy(author.author.bytes, id->bytes, KEY_ID_BYTES);
    return author;
}

/* The whole state of a record that `there` holds, as the row under this key. */
static bool plan_state(struct plant *plant, const struct view *there,
                       const struct found_record *from, const uint8_t key[static RECORD_KEY_BYTES])
{
    struct record_row row = {0};
    struct buffer bytes = {0};
    struct block_cache cache = {0};
    struct record_state *state = NULL;
    struct tree *tree = query_tree(there, &plant->drill->tree_id, plant->error);
    const struct schema *schema = tree == NULL ? NULL : tree_schema(tree);
    struct seal_key seal;
    if (tree != NULL && stores_seal_key(plant->drill, from->held_at, &seal))
        tree_set_seal_key(tree, &seal);
    if (schema != NULL && record_row_read(there, from->key, &row) == ERR_OK)
        state = record_from_creation(&cache, there, tree, schema_type(schema, from->type),
                                     &from->id, &row);
    block_cache_free(&cache);
    if (state != NULL) {
        record_encode(state, &bytes);
        plan_row(plant, TABLE_RECORDS, SPAN(key, RECORD_KEY_BYTES), span_of_buffer(&bytes), false);
    }
    buffer_free(&bytes);
    record_free(state);
    tree_free(tree);
    return state != NULL;
}

/* Everything that `there` holds of the record, under the numbers of `here`. */
static void plan_copy(struct plant *plant, const struct view *here, const struct view *there,
                      const struct found_record *found)
{
    struct author_epoch author = author_of(&found->id);
    struct record_row row = {0};
    uint8_t who[WHO_BYTES], stream[STREAM_KEY_BYTES];
    record_row_read(there, found->key, &row);
    memcpy(stream, found->key + 2, WHO_BYTES);
    write_u16(stream + WHO_BYTES, row.stream);
    plan_who(plant, here, &author, who);
    struct copying copying = {.plant = plant, .who = who};
    if (plant->parts[PLACE_LOG]) {
        copying.table = TABLE_STREAMS;
        each_row(there, TABLE_STREAMS, SPAN_OF_ARRAY(stream), copy_row, &copying);
        copying.table = TABLE_BLOCKS;
        each_row(there, TABLE_BLOCKS, SPAN_OF_ARRAY(stream), copy_row, &copying);
    }
    if (plant->parts[PLACE_STATE]) {
        uint8_t key[RECORD_KEY_BYTES];
        memcpy(key, found->key, sizeof key);
        memcpy(key + 2, who, WHO_BYTES);
        plan_state(plant, there, found, key);
    }
    copying.who_at = INDEX_KEY_BYTES - RECORD_KEY_BYTES + 2;
    copying.table = TABLE_INDEX;
    copying.ending = SPAN_OF_ARRAY(found->key);
    if (plant->parts[PLACE_INDEX])
        each_row(there, TABLE_INDEX, SPAN_EMPTY, copy_row, &copying);
    plant->id = found->id;
    plant->type = found->type;
}

static bool plan_leak_from(struct plant *plant, const struct view *here, size_t other)
{
    char path[PATH_MAX];
    struct store_options store_options = {.dir = path, .read_only = true, .must_exist = true};
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct view view;
    struct error error;
    struct found_record found = {
        .plant = plant, .view = &view, .held_at = other, .outside = true, .wanted = 1};
    if (drill_node_path(plant->drill, other, path, &error) == ERR_OK &&
        store_open(&store_options, &store, &error) == ERR_OK &&
        store_snapshot_begin(store, &snapshot, &view, &error) == ERR_OK) {
        each_row(&view, TABLE_RECORDS, SPAN_EMPTY, find_record, &found);
        if (found.count != 0)
            plan_copy(plant, here, &view, &found);
    }
    store_snapshot_end(snapshot);
    store_close(store);
    return found.count != 0;
}

static bool plan_leak(struct plant *plant, const struct view *here)
{
    for (size_t i = plant->drill->seat_count; i > 0; i--) {
        if (i - 1 != plant->seat && plan_leak_from(plant, here, i - 1))
            return true;
    }
    return false;
}

static bool plan_removal(void *context, struct span key, struct span value)
{
    struct copying *copying = context;
    size_t size = copying->ending.size;
    (void)value;
    if (size == 0 ||
        (key.size >= size && memcmp(key.data + key.size - size, copying->ending.data, size) == 0))
        plan_row(copying->plant, copying->table, key, SPAN_EMPTY, true);
    return true;
}

/* The block that holds its creation. */
static bool plan_block_loss(struct plant *plant, const struct view *here,
                            const struct found_record *found)
{
    struct copying removing = {.plant = plant, .table = TABLE_BLOCKS};
    struct author_epoch author = author_of(&found->id);
    struct stream_id stream = {.author = author.author, .epoch = author.epoch};
    struct record_row row = {0};
    struct buffer stored = {0};
    uint32_t first_seq = 0;
    uint8_t block[BLOCK_KEY_BYTES - 1];
    record_row_read(here, found->key, &row);
    record_free(row.state);
    stream.number = row.stream;
    if (!row.located || block_row_get(here, &stream, row.seq, &first_seq, &stored) != READ_FOUND)
        return false;
    buffer_free(&stored);
    memcpy(block, found->key + 2, WHO_BYTES);
    write_u16(block + WHO_BYTES, row.stream);
    write_u32(block + STREAM_KEY_BYTES, first_seq);
    each_row(here, TABLE_BLOCKS, SPAN_OF_ARRAY(block), plan_removal, &removing);
    return true;
}

static bool plan_loss(struct plant *plant, const struct view *here)
{
    struct found_record found = {.plant = plant, .view = here, .wanted = SIZE_MAX};
    struct copying removing = {.plant = plant, .table = TABLE_RECORDS};
    each_row(here, TABLE_RECORDS, SPAN_EMPTY, find_record, &found);
    if (found.count == 0 || (plant->parts[PLACE_LOG] && !plan_block_loss(plant, here, &found)))
        return false;
    if (plant->parts[PLACE_STATE])
        each_row(here, TABLE_RECORDS, SPAN_OF_ARRAY(found.key), plan_removal, &removing);
    removing.table = TABLE_INDEX;
    removing.ending = SPAN_OF_ARRAY(found.key);
    if (plant->parts[PLACE_INDEX])
        each_row(here, TABLE_INDEX, SPAN_EMPTY, plan_removal, &removing);
    plant->id = found.id;
    plant->type = found.type;
    return true;
}

static bool find_two(struct plant *plant, const struct view *here, bool foreign,
                     struct found_record *first, struct found_record *second)
{
    *first = (struct found_record){
        .plant = plant, .view = here, .held_at = plant->seat, .foreign = foreign, .wanted = 1};
    *second = *first;
    second->wanted = 2;
    each_row(here, TABLE_RECORDS, SPAN_EMPTY, find_record, first);
    each_row(here, TABLE_RECORDS, SPAN_EMPTY, find_record, second);
    return second->count == 2;
}

static bool plan_difference(struct plant *plant, const struct view *here)
{
    struct found_record first, second;
    if (!find_two(plant, here, true, &first, &second) &&
        !find_two(plant, here, false, &first, &second))
        return false;
    plant->id = second.id;
    plant->type = second.type;
    return plan_state(plant, here, &first, second.key);
}

static enum error_code apply_plan(struct plant *plant, const struct store_port *port)
{
    enum error_code code = ERR_OK;
    port->begin(port->context);
    for (size_t i = 0; i < plant->row_count && code == ERR_OK; i++) {
        const struct planned_row *row = &plant->rows[i];
        code = row->removes ? port->remove(port->context, row->table, span_of_buffer(&row->key))
                            : port->put(port->context, row->table, span_of_buffer(&row->key),
                                        span_of_buffer(&row->value));
    }
    if (code == ERR_OK)
        code = port->commit(port->context);
    else
        port->abort(port->context);
    return code == ERR_OK ? ERR_OK
                          : error_set(plant->error, code, "plant", "the store refused the rows");
}

static enum error_code plant_in(struct plant *plant, const char *kind,
                                const struct store_port *port)
{
    const char *code = plant->drill->seats[plant->seat].code;
    bool planned = false;
    if (strcmp(kind, "leak") == 0)
        planned = plan_leak(plant, &port->view);
    else if (strcmp(kind, "loss") == 0)
        planned = plan_loss(plant, &port->view);
    else if (strcmp(kind, "difference") == 0)
        planned = plan_difference(plant, &port->view);
    else
        return error_set(plant->error, ERR_USAGE, kind, "expected leak, loss or difference");
    if (planned)
        return apply_plan(plant, port);
    error_set(plant->error, ERR_NOT_FOUND, code, "no record fit for this was found");
    error_next(plant->error, "write some with `terrace drill load` first");
    return ERR_NOT_FOUND;
}

static enum error_code choose_parts(const struct arguments *arguments, struct plant *plant)
{
    static const char *const names[PLACE_COUNT] = {"log", "state", "index"};
    const char *part = arguments_value(arguments, "part");
    bool any = false;
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        plant->parts[i] = part == NULL || strcmp(part, "all") == 0 || strcmp(part, names[i]) == 0;
        any = any || plant->parts[i];
    }
    return any ? ERR_OK
               : error_set(plant->error, ERR_USAGE, part, "expected log, state, index or all");
}

/* After a kill the node would look into its store, and make good what was planted. */
static void stop_looks_clean(const char *dir)
{
    char path[PATH_MAX];
    if (path_join(path, dir, "running", NULL) == ERR_OK)
        (void)unlink(path); /* or it was stopped cleanly */
}

static enum error_code plant_all(const struct arguments *arguments, struct plant *plant)
{
    char path[PATH_MAX];
    struct store_options store_options = {.dir = path, .must_exist = true};
    struct store *store = NULL;
    struct store_port port;
    enum error_code code =
        drill_find(plant->drill, arguments->words[1], &plant->seat, plant->error);
    plant->of = DRILL_NO_SEAT;
    if (code == ERR_OK && arguments_value(arguments, "of") != NULL)
        code = drill_find(plant->drill, arguments_value(arguments, "of"), &plant->of, plant->error);
    if (code == ERR_OK)
        code = choose_parts(arguments, plant);
    if (code == ERR_OK)
        code = drill_node_path(plant->drill, plant->seat, path, plant->error);
    if (code == ERR_OK && process_alive(plant->drill, plant->seat)) {
        error_set(plant->error, ERR_BUSY, arguments->words[1], "this node is running");
        error_next(plant->error, "`terrace drill kill --dir %s %s` first", plant->drill->directory,
                   arguments->words[1]);
        return ERR_BUSY;
    }
    if (code == ERR_OK)
        code = store_open(&store_options, &store, plant->error);
    if (code != ERR_OK)
        return code;
    store_port(store, &port);
    code = plant_in(plant, arguments->words[0], &port);
    store_close(store);
    stop_looks_clean(path);
    return code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    struct plant plant = {.drill = &drill, .error = error};
    char id[33];
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return EXIT_FAILED;
    check_table_new(&drill, &plant.table);
    enum error_code code = plant_all(arguments, &plant);
    if (code == ERR_OK) {
        record_id_text(&plant.id, id);
        if (arguments->json)
            print_json(json_pack("{s:s,s:s,s:s,s:I}", "planted", arguments->words[0], "at",
                                 arguments->words[1], "id", id, "rows",
                                 (json_int_t)plant.row_count));
        else
            printf("%s %s at %s: %zu rows\n", id, arguments->words[0], arguments->words[1],
                   plant.row_count);
    }
    forget_rows(&plant);
    free(plant.rows);
    check_table_free(&plant.table);
    drill_free(&drill);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command drill_plant = {
    .name = "plant",
    .usage = "leak|loss|difference ID",
    .summary = "damage a stopped node's store on purpose, to see `check` find it",
    .words_min = 2,
    .words_max = 2,
    .options = options,
    .run = run,
};
