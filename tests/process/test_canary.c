/* Words that are private, looked for in everything that the nodes of a drill keep: their files byte
 * by byte, the rows of their stores, their blocks unpacked, unsealed and with what they carry. Who
 * is outside the circle holds them nowhere; a planted leak is found; once they are erased and the
 * nodes have been started again, nobody's key opens them anywhere. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "node/author/keys.h"
#include "node/author/node_directory.h"
#include "node/store/store.h"
#include "replication/query/query.h"
#include "replication/query/query_parts.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

#define CANARY "13812345678"
#define LEAK "words that leaked"
static const char *const seats[] = {"C", "T1", "T2", "V1", "V2"};
enum { SEATS = 5, WHERE_ROOM = 200 };

static const char *directory;

static int make(void **state)
{
    (void)state;
    directory = drill_up("canary", tree_of_five);
    return 0;
}

/* ---- looking ---- */

struct search {
    char node[400];
    const char *word;
    char where[WHERE_ROOM]; /* "": nowhere yet */
};

static void look(struct search *search, struct span bytes, const char *what, const char *which)
{
    if (bytes.size > 0 &&
        memmem(bytes.data, bytes.size, search->word, strlen(search->word)) != NULL)
        snprintf(search->where, sizeof search->where, "%s %s", what, which);
}

/* Files, and those of directories below; the ballast holds nothing for its length. */
static void look_in_files(struct search *search, const char *path)
{
    DIR *open = opendir(path);
    const struct dirent *entry;
    struct stat status;
    char below[600];
    assert_non_null(open);
    while ((entry = readdir(open)) != NULL) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "ballast") == 0)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        assert_int_equal(lstat(below, &status), 0);
        if (S_ISDIR(status.st_mode))
            look_in_files(search, below);
        FILE *file = S_ISREG(status.st_mode) ? fopen(below, "r") : NULL;
        if (file == NULL)
            continue;
        uint8_t *bytes = malloc((size_t)status.st_size + 1);
        size_t got = fread(bytes, 1, (size_t)status.st_size, file);
        look(search, (struct span){bytes, got}, "the file", below);
        free(bytes);
        fclose(file);
    }
    closedir(open);
}

static void look_in_rows(struct search *search, const struct view *view)
{
    for (enum table table = 0; table < TABLE_COUNT; table++) {
        struct buffer from = {0};
        struct span key, value;
        while (view->next(view->context, table, span_of_buffer(&from), &key, &value) ==
               READ_FOUND) {
            look(search, value, "a row of", table_name(table));
            buffer_clear(&from);
            buffer_append_span(&from, key);
            buffer_append(&from, "", 1); /* passes it by */
        }
        buffer_free(&from);
    }
}

static void look_in_block(struct search *search, const struct view *view, const struct tree *tree,
                          const struct prepared_block *block)
{
    look(search, span_of_buffer(&block->plain), "a block of", search->node);
    for (size_t i = 0; i < block->list.count; i++) {
        struct carry carry;
        if (block->unsealed != NULL)
            look(search, span_of_buffer(&block->unsealed[i].plain), "a seal in", search->node);
        if (carry_entry_open(view, tree, &block->list.entries[i], &carry) != ERR_OK)
            continue;
        for (size_t k = 0; carry.unsealed != NULL && k < carry.list.count; k++)
            look(search, span_of_buffer(&carry.unsealed[k].plain), "a carried seal in",
                 search->node);
        carry_free(&carry);
    }
}

static void look_in_blocks(struct search *search, const struct view *view, struct tree *tree,
                           const struct seal_key *seal)
{
    struct stream_row *row = malloc(sizeof *row);
    struct stream_id stream;
    tree_set_seal_key(tree, seal);
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, row);) {
        for (uint32_t seq = row->from; seq < row->head.seq;) {
            struct prepared_block block;
            assert_int_equal(block_row_open(view, tree, &stream, seq, &block), ERR_OK);
            look_in_block(search, view, tree, &block);
            seq += block.header.count;
            prepared_block_free(&block);
        }
    }
    free(row);
}

static struct seal_key seal_of(const char *seat)
{
    struct node_keys keys;
    struct seal_key seal;
    struct error error;
    assert_int_equal(keys_load(drill_node(directory, seat), &keys, &error), ERR_OK);
    node_keys_seal(&keys, &seal);
    node_keys_wipe(&keys);
    return seal;
}

enum { OWN_KEYS = 0, ALL_KEYS = 1, STORE_ALONE = 2 };

/* Where this node keeps the word, opened with its own keys, or with everybody's; "": nowhere. It
 * may run while its store alone is looked at. */
static const char *kept_at(const char *seat, const char *word, unsigned how)
{
    static struct search search;
    const char *node = search.node;
    struct store_options options = {.dir = node, .read_only = true, .must_exist = true};
    struct store_snapshot *snapshot;
    struct store *store;
    struct error error;
    struct view view;
    struct node_config config;
    search = (struct search){.word = word};
    snprintf(search.node, sizeof search.node, "%s", drill_node(directory, seat));
    if (!(how & STORE_ALONE))
        look_in_files(&search, node);
    assert_int_equal(config_load(node, &config, &error), ERR_OK);
    assert_int_equal(store_open(&options, &store, &error), ERR_OK);
    assert_int_equal(store_snapshot_begin(store, &snapshot, &view, &error), ERR_OK);
    struct tree *tree = query_tree(&view, &config.tree_id, &error);
    assert_non_null(tree);
    look_in_rows(&search, &view);
    for (size_t i = 0; i < SEATS; i++) {
        struct seal_key seal = seal_of(seats[i]);
        if ((how & ALL_KEYS) || strcmp(seats[i], seat) == 0)
            look_in_blocks(&search, &view, tree, &seal);
    }
    tree_set_seal_key(tree, NULL);
    tree_free(tree);
    store_snapshot_end(snapshot);
    store_close(store);
    return search.where;
}

static void keeps(const char *seat, const char *word, unsigned how)
{
    if (kept_at(seat, word, how)[0] == '\0')
        fail_msg("%s keeps no \"%s\"", seat, word);
}

static void keeps_nothing(const char *seat, const char *word, unsigned how)
{
    const char *where = kept_at(seat, word, how);
    if (where[0] != '\0')
        fail_msg("%s keeps \"%s\" in %s", seat, word, where);
}

/* ---- waiting ---- */

struct holding {
    const char *seat;
    bool kept;
};

static bool is_so(const void *context)
{
    const struct holding *holding = context;
    return (kept_at(holding->seat, CANARY, ALL_KEYS | STORE_ALONE)[0] != '\0') == holding->kept;
}

static void until_kept(const char *seat, bool kept)
{
    struct holding holding = {seat, kept};
    until(is_so, &holding, kept ? "the sealed words" : "the end of the sealed words");
}

/* ---- the tests ---- */

static char mediation[64], incident[64];

#define AT(seat, ...)                                                                              \
    do {                                                                                           \
        if (terrace_run("-d", drill_node(directory, seat), __VA_ARGS__, NULL) != 0)                \
            fail_msg("%s: %s", #__VA_ARGS__, terrace_errors());                                    \
    } while (0)

static void put(const char *type, const char *title, char id[static 64])
{
    AT("V1", "--json", "put", type, title, "phone=" CANARY);
    snprintf(id, 64, "%s", json_string_value(json_object_get(terrace_json(), "id")));
}

/* The first time V2's row is asked for above. */
static bool v2_joins(const void *context)
{
    (void)context;
    return terrace_run("-d", drill_node(directory, "V1"), "extend", "--private", "incident",
                       incident, "V2", NULL) == 0;
}

/* A seat's backup lies sealed at its parent; what goes to another township's village passes two
 * that it isn't for. */
static void who_is_outside_reads_it_nowhere(void **state)
{
    (void)state;
    put("mediation", "title=a fence", mediation);
    put("incident", "title=" LEAK, incident);
    AT("V1", "set", "incident", incident, "phone=" CANARY "9");
    until(v2_joins, NULL, "V2 to be known at V1");
    until_kept("V2", true);
    until_kept("T1", true);
    until_kept("C", true);
    until_kept("T2", true);
    drill_down(directory);
    for (size_t i = 0; i < 3; i++)
        keeps_nothing(seats[i], CANARY, OWN_KEYS);
    keeps("V1", CANARY, OWN_KEYS);
    keeps("V2", CANARY, OWN_KEYS);
    keeps("C", CANARY, ALL_KEYS);
}

static void a_planted_leak_is_found(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s/notes.txt", drill_node(directory, "T2"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("said on the phone: " LEAK "\n", file);
    fclose(file);
    keeps("T2", LEAK, OWN_KEYS);
    assert_int_equal(remove(path), 0);
    keeps_nothing("T2", LEAK, OWN_KEYS);
    keeps("C", LEAK, STORE_ALONE); /* an incident's title goes there */
}

/* Freed pages keep the words until the node has been started once more. */
static void what_is_erased_is_nowhere(void **state)
{
    (void)state;
    drill_act(directory, "start", "--all");
    AT("V1", "erase", "mediation", mediation, "phone");
    AT("V1", "erase", "incident", incident, "phone");
    for (size_t i = 0; i < SEATS; i++)
        until_kept(seats[i], false);
    drill_down(directory);
    assert_non_null(strstr(kept_at("V1", CANARY, ALL_KEYS), "data.mdb"));
    drill_act(directory, "start", "--all");
    AT("V1", "get", "incident", incident);
    assert_non_null(strstr(terrace_output(), "erased"));
    drill_down(directory);
    for (size_t i = 0; i < SEATS; i++)
        keeps_nothing(seats[i], CANARY, ALL_KEYS);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_outside_reads_it_nowhere),
        cmocka_unit_test(a_planted_leak_is_found),
        cmocka_unit_test(what_is_erased_is_nowhere),
    };
    if (count != 2 || !crypto_start())
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    return cmocka_run_group_tests(tests, make, terrace_drill_end);
}
