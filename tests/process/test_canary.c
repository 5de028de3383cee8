/* Words that are private, looked for in everything that the nodes of a drill keep, tell and send:
 * their files byte by byte, the rows of their stores, their blocks unpacked, unsealed and with what
 * they carry, what they export, copies of their disks, and every byte between them, both ways, as a
 * wire that is listened to has it. Who is outside the circle holds them nowhere; planted leaks are
 * found; once they are erased and the nodes have been started again, nobody's key opens them. (What
 * each receives in opened frames: story/16-a-public-and-a-private-field.story, `unheard`.) */
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
#include "tests/process/wire_relay.h"

#define CANARY "13812345678"
#define LEAK "words that leaked"
static const char *const seats[] = {"C", "T1", "T2", "V1", "V2"};
enum { SEATS = 5, WHERE_ROOM = 200 };

static const char *directory;
static const char *const listening[] = {"C", "T1", "T2"};
enum { WIRES = 3 };
static struct wire wires[WIRES];

/* Every link of the drill passes a relay. */
static int make(void **state)
{
    (void)state;
    directory = drill_up("canary", tree_of_five);
    drill_down(directory);
    for (size_t i = 0; i < WIRES; i++) {
        char up[32], down[32];
        snprintf(up, sizeof up, "wire-%s-up", listening[i]);
        snprintf(down, sizeof down, "wire-%s-down", listening[i]);
        wire_begin(&wires[i], drill_node(directory, listening[i]), terrace_path(up),
                   terrace_path(down));
    }
    drill_act(directory, "start", "--all");
    return 0;
}

static int end(void **state)
{
    for (size_t i = 0; i < WIRES; i++)
        wire_end(&wires[i]);
    return terrace_drill_end(state);
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

static size_t look_in_file(struct search *search, const char *path, size_t size)
{
    FILE *file = fopen(path, "r");
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(file);
    size_t got = fread(bytes, 1, size, file);
    look(search, (struct span){bytes, got}, "the file", path);
    free(bytes);
    fclose(file);
    return got;
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
        if (S_ISREG(status.st_mode))
            look_in_file(search, below, (size_t)status.st_size);
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

/* ---- wires, exports, copies ---- */

/* Where a wire had the word in the clear; "": nowhere. Each wire has had more than `least` bytes
 * each way. */
static const char *heard(const char *word, size_t least)
{
    static struct search search;
    search = (struct search){.word = word};
    for (size_t i = 0; i < 2 * WIRES; i++) {
        const char *path = i % 2 == 0 ? wires[i / 2].up : wires[i / 2].down;
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        size_t got = look_in_file(&search, path, (size_t)status.st_size);
        if (got <= least)
            fail_msg("only %zu bytes in %s", got, path);
    }
    return search.where;
}

static bool exports(const char *seat, const char *type, const char *word)
{
    if (terrace_run("-d", drill_node(directory, seat), "export", type, NULL) != 0)
        fail_msg("export %s at %s: %s", type, seat, terrace_errors());
    return strstr(terrace_output(), word) != NULL;
}

/* A copy of the disk, as a backup has it, in the node's place. */
static void put_copy_back(const char *seat)
{
    char copy[600];
    snprintf(copy, sizeof copy, "%s.copy", drill_node(directory, seat));
    tool("cp", "-a", drill_node(directory, seat), copy, NULL);
    tool("rm", "-r", drill_node(directory, seat), NULL);
    tool("mv", copy, drill_node(directory, seat), NULL);
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
    for (size_t i = 0; i < 3; i++) {
        assert_false(exports(seats[i], "incident", CANARY));
        assert_false(exports(seats[i], "mediation", CANARY));
    }
    assert_true(exports("V1", "incident", CANARY));
    assert_true(exports("V2", "incident", CANARY));
    drill_down(directory);
    for (size_t i = 0; i < 3; i++) {
        put_copy_back(seats[i]);
        keeps_nothing(seats[i], CANARY, OWN_KEYS);
    }
    keeps("V1", CANARY, OWN_KEYS);
    keeps("V2", CANARY, OWN_KEYS);
    keeps("C", CANARY, ALL_KEYS);
}

/* Titles go to others, and private words: on no wire does either stand in the clear. Words that
 * somebody does say in the clear are found. */
static void no_wire_has_it_in_the_clear(void **state)
{
    (void)state;
    assert_string_equal(heard(CANARY, 1024), "");
    assert_string_equal(heard(LEAK, 1024), "");
    drill_act(directory, "start", "--all");
    wire_say(&wires[2], "on the phone: " LEAK);
    if (strstr(heard(LEAK, 1024), "wire-T2-up") == NULL)
        fail_msg("a wire had it in the clear, and nothing was found");
    assert_string_equal(heard(CANARY, 1024), "");
    drill_down(directory);
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
    assert_string_equal(heard(CANARY, 1024), "");
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_outside_reads_it_nowhere),
        cmocka_unit_test(no_wire_has_it_in_the_clear),
        cmocka_unit_test(a_planted_leak_is_found),
        cmocka_unit_test(what_is_erased_is_nowhere),
    };
    if (count != 2 || !crypto_start())
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    return cmocka_run_group_tests(tests, make, end);
}
