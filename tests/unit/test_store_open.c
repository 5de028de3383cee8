/* Opening: made whole or not at all, one opener, and what must be refused untouched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "tests/unit/store_history.h"
#include "tests/unit/store_place.h"

enum {
    STEPS_MAX = 80,
    ROWS = 300,
    VALUE_BYTES = 3000,
    PAGE_BYTES = 4096,
    CHURN_MAP_BYTES = 64 << 20,
    CHURN_COMMITS = 150,
    CHURN_SEED = 10, /* where it happens with LMDB 0.9.24; else it is looked for */
    CHURN_SEEDS = 400,
};

static void path_in(const struct place *place, const char *name,
                    char path[static PLACE_PATH_BYTES_MAX])
{
    snprintf(path, PLACE_PATH_BYTES_MAX, "%s/%s", place->dir, name);
}

static void make_dir(const struct place *place, const char *name)
{
    char path[PLACE_PATH_BYTES_MAX];
    path_in(place, name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void rename_in(const struct place *place, const char *from, const char *to)
{
    char old[PLACE_PATH_BYTES_MAX], new[PLACE_PATH_BYTES_MAX];
    path_in(place, from, old);
    path_in(place, to, new);
    assert_int_equal(rename(old, new), 0);
}

/* It opens, is written, is closed and opened again, and nothing unfinished is left beside it. */
static void expect_usable(const struct place *place)
{
    struct store_port port;
    struct store *store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    history_commit(&port, TABLE_DOCS, "a", "kept", ERR_OK);
    store_close(store);
    store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    history_expect(&port.view, TABLE_DOCS, "a", "kept");
    store_close(store);
    assert_false(place_exists(place, "data.new"));
}

static void remove_node(struct place *place)
{
    char command[PLACE_PATH_BYTES_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    assert_int_equal(system(command), 0);
}

/* In a child: opens, and ends before its so-many-th step on the disk. True: it came to the end. */
static bool open_cut_at(const struct place *place, int step)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store_options options = {.dir = place->dir, .map_bytes = PLACE_MAP_BYTES};
        struct store *store = NULL;
        disk_faults.exit_at = step;
        _exit(store_open(&options, &store, NULL) == ERR_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PLACE_EXIT_STATUS);
    return WEXITSTATUS(status) == 0;
}

static void a_first_start_cut_anywhere_starts_again(void **state)
{
    struct place *place = *state;
    int step = 1;
    bool left_unfinished = false;
    while (!open_cut_at(place, step)) {
        left_unfinished = left_unfinished || place_exists(place, "data.new");
        expect_usable(place);
        remove_node(place);
        assert_true(++step < STEPS_MAX);
    }
    assert_true(step > 8); /* the steps were many, and some left something half */
    assert_true(left_unfinished);
    expect_usable(place);
}

/* Twice cut without anybody looking in between. */
static void a_first_start_cut_again_and_again_starts_again(void **state)
{
    struct place *place = *state;
    for (int step = 1; !open_cut_at(place, step); step++)
        assert_true(step < STEPS_MAX);
    expect_usable(place);
}

static void leftovers_of_a_power_cut_are_thrown_away(void **state)
{
    struct place *place = *state;
    static const uint8_t torn[4096] = {0};
    assert_int_equal(mkdir(place->dir, 0700), 0);
    make_dir(place, "data.new");
    expect_usable(place); /* an empty data.new */
    remove_node(place);

    for (size_t size = 0; size <= sizeof torn; size += sizeof torn / 2) {
        assert_int_equal(mkdir(place->dir, 0700), 0);
        make_dir(place, "data.new");
        place_write(place, "data.new/data.mdb", SPAN(torn, size));
        place_write(place, "data.new/lock.mdb", SPAN(torn, size / 2));
        place_write(place, "high_water.new", SPAN(torn, 10));
        expect_usable(place);
        remove_node(place);
    }

    /* Whole but not yet renamed: it holds nothing, so it goes as well. */
    store_close(place_open(place->dir, ERR_OK));
    rename_in(place, "data", "data.new");
    expect_usable(place);

    /* Beside a whole store. */
    make_dir(place, "data.new");
    place_write(place, "data.new/data.mdb", SPAN(torn, sizeof torn));
    expect_usable(place);
}

static void files_are_for_their_owner_alone(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *name;
        mode_t mode;
    } files[] = {
        {".", 0700},         {"data", 0700},      {"data/data.mdb", 0600}, {"data/lock.mdb", 0600},
        {"node.lock", 0600}, {"high_water", 0600}};
    mode_t before = umask(0);
    struct store *store = place_open(place->dir, ERR_OK);
    struct store_port port;
    struct high_water mark = {.epoch = 1};
    store_port(store, &port);
    assert_int_equal(port.raise_high_water(port.context, &mark), ERR_OK);
    store_close(store);
    umask(before);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PLACE_PATH_BYTES_MAX];
        struct stat status;
        path_in(place, files[i].name, path);
        assert_int_equal(lstat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, files[i].mode);
    }
}

static void only_one_may_open_it(void **state)
{
    struct place *place = *state;
    struct store *store = place_open(place->dir, ERR_OK);
    assert_null(place_open(place->dir, ERR_BUSY));

    /* Not even read-only in this process, and under another name it is the same directory. */
    char other_name[PLACE_PATH_BYTES_MAX];
    path_in(place, "../node/.", other_name);
    struct store_options options = {.dir = other_name, .read_only = true};
    struct store *second = NULL;
    assert_int_equal(store_open(&options, &second, NULL), ERR_BUSY);

    /* Another process is told whose it is, and changes nothing. */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* A program of its own: only the lock can tell it. */
        execl("/proc/self/exe", "test_store_open", "--open", place->dir, (char *)NULL);
        _exit(2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 100 + ERR_BUSY);
    store_close(store);
    store_close(place_open(place->dir, ERR_OK)); /* closed means free */
}

/* The other process of the test above. */
static int open_as_another(const char *dir)
{
    struct store_options options = {.dir = dir, .map_bytes = PLACE_MAP_BYTES};
    struct store *store = NULL;
    struct error error = {0};
    char holder[32];
    enum error_code code = store_open(&options, &store, &error);
    snprintf(holder, sizeof holder, "process %ld", (long)getppid());
    if (strstr(error.why, holder) == NULL)
        return 1;
    return 100 + (int)code;
}

static void refuse_untouched(const struct place *place, enum error_code expected)
{
    struct buffer before = {0}, after = {0};
    place_read(place, "data/data.mdb", &before);
    assert_null(place_open(place->dir, expected));
    place_read(place, "data/data.mdb", &after);
    assert_true(span_equal(span_of_buffer(&before), span_of_buffer(&after)));
    assert_false(place_exists(place, "data.new"));
    assert_false(place_exists(place, "high_water"));
    buffer_free(&before);
    buffer_free(&after);
}

static void set_format(const struct place *place, struct span format)
{
    struct store_port port;
    struct store *store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    port.begin(port.context);
    assert_int_equal(port.put(port.context, TABLE_META, span_of_text("format"), format), ERR_OK);
    assert_int_equal(port.commit(port.context), ERR_OK);
    store_close(store);
}

static void a_newer_store_is_refused_untouched(void **state)
{
    struct place *place = *state;
    static const uint8_t next[] = {STORE_FORMAT + 1}, huge[] = {0xcf, 1, 2, 3, 4, 5, 6, 7, 8};
    set_format(place, SPAN_OF_ARRAY(next));
    refuse_untouched(place, ERR_NEWER);
    remove_node(place);
    set_format(place, SPAN(huge, sizeof huge));
    refuse_untouched(place, ERR_NEWER);
}

static uint64_t format_of(struct store *store)
{
    struct store_snapshot *snapshot;
    struct view view;
    struct span value;
    assert_int_equal(store_snapshot_begin(store, &snapshot, &view, NULL), ERR_OK);
    assert_int_equal(view.get(view.context, TABLE_META, span_of_text("format"), &value),
                     READ_FOUND);
    struct mp_reader reader = mp_reader(value);
    uint64_t format = mp_read_uint(&reader);
    store_snapshot_end(snapshot);
    return format;
}

/* Who wrote it must not open it again: it would take our rows for damage. */
static void an_older_store_is_raised_by_who_writes(void **state)
{
    struct place *place = *state;
    static const uint8_t former[] = {STORE_FORMAT - 1};
    struct store_options looking = {
        .dir = place->dir, .map_bytes = PLACE_MAP_BYTES, .read_only = true};
    struct store *store = NULL;
    set_format(place, SPAN_OF_ARRAY(former));
    assert_int_equal(store_open(&looking, &store, NULL), ERR_OK);
    assert_int_equal(format_of(store), STORE_FORMAT - 1);
    store_close(store);
    store = place_open(place->dir, ERR_OK);
    assert_int_equal(format_of(store), STORE_FORMAT);
    store_close(store);
}

static void an_unreadable_format_is_refused_untouched(void **state)
{
    struct place *place = *state;
    static const uint8_t bad[][2] = {{0x00, 0}, {0xff, 0}, {0xc0, 0}, {0xcc, 0x01}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        set_format(place, SPAN(bad[i], i == 3 ? 2 : 1));
        refuse_untouched(place, ERR_DAMAGED);
        remove_node(place);
    }
    set_format(place, SPAN_EMPTY);
    refuse_untouched(place, ERR_DAMAGED);
}

/* A sound LMDB file of somebody else; `table` may be NULL. */
static void make_foreign(const struct place *place, const char *table)
{
    char path[PLACE_PATH_BYTES_MAX];
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi handle = 0;
    MDB_val key = {3, (void *)(uintptr_t) "abc"}, value = {3, (void *)(uintptr_t) "def"};
    assert_int_equal(mkdir(place->dir, 0700), 0);
    make_dir(place, "data");
    path_in(place, "data", path);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &handle), 0);
    assert_int_equal(mdb_put(txn, handle, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_foreign_database_is_refused_untouched(void **state)
{
    struct place *place = *state;
    static const char *const tables[] = {NULL, "theirs", "meta"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        make_foreign(place, tables[i]);
        refuse_untouched(place, ERR_DAMAGED);
        remove_node(place);
    }
    static uint8_t garbage[64 << 10];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)(i * 37 + i / 251);
    assert_int_equal(mkdir(place->dir, 0700), 0);
    make_dir(place, "data");
    place_write(place, "data/data.mdb", SPAN_OF_ARRAY(garbage));
    refuse_untouched(place, ERR_DAMAGED);
    memset(garbage, 0, sizeof garbage);
    place_write(place, "data/data.mdb", SPAN_OF_ARRAY(garbage));
    refuse_untouched(place, ERR_DAMAGED);
}

/* Rows enough for a file of a megabyte. */
static void fill(const struct place *place)
{
    static char value[VALUE_BYTES + 1];
    struct store_port port;
    struct store *store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    memset(value, 'v', VALUE_BYTES);
    port.begin(port.context);
    for (unsigned i = 0; i < ROWS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%08u", i);
        history_put(&port, TABLE_DOCS, key, value, ERR_OK);
    }
    assert_int_equal(port.commit(port.context), ERR_OK);
    store_close(store);
}

static off_t data_size(const struct place *place)
{
    char path[PLACE_PATH_BYTES_MAX];
    struct stat status;
    path_in(place, "data/data.mdb", path);
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void a_file_cut_off_is_refused_untouched(void **state)
{
    struct place *place = *state;
    static const off_t sizes[] = {600 << 10, 100 << 10, 20 << 10, 12 << 10, 8 << 10, 100, 0};
    fill(place);
    assert_true(data_size(place) > ROWS * VALUE_BYTES);
    /* By one page at its end first, then ever shorter. */
    place_truncate(place, "data/data.mdb", data_size(place) - PAGE_BYTES);
    refuse_untouched(place, ERR_DAMAGED);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        place_truncate(place, "data/data.mdb", sizes[i]);
        refuse_untouched(place, ERR_DAMAGED);
    }
    char path[PLACE_PATH_BYTES_MAX];
    path_in(place, "data/data.mdb", path);
    assert_int_equal(unlink(path), 0);
    assert_null(place_open(place->dir, ERR_DAMAGED));
    assert_false(place_exists(place, "data/data.mdb")); /* no empty one in its place */
}

static uint32_t draw(uint64_t *random, uint32_t bound)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33) % bound;
}

/* One transaction of puts and removes of all sizes, on LMDB itself. */
static void churn(MDB_env *env, MDB_dbi handle, uint64_t *random)
{
    static char bytes[60000];
    static const uint32_t sizes[] = {20, 3000, 20000, sizeof bytes};
    MDB_txn *txn = NULL;
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    uint32_t size_max = sizes[draw(random, 4)], puts = draw(random, 10);
    for (uint32_t left = draw(random, draw(random, 4) == 0 ? 400 : 20); left > 0; left--) {
        char name[8];
        MDB_val key = {(size_t)snprintf(name, sizeof name, "%04u", draw(random, 500)), name};
        MDB_val value = {draw(random, size_max), bytes};
        if (draw(random, 10) < puts)
            assert_int_equal(mdb_put(txn, handle, &key, &value, 0), 0);
        else
            mdb_del(txn, handle, &key, NULL);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
}

/* Churns until LMDB counts pages that its file doesn't have. */
static bool make_short_file(const struct place *place, uint64_t seed)
{
    char path[PLACE_PATH_BYTES_MAX];
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi handle = 0;
    MDB_envinfo info = {0};
    bool short_file = false;
    store_close(place_open(place->dir, ERR_OK));
    path_in(place, "data", path);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_set_mapsize(env, CHURN_MAP_BYTES), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSYNC, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "docs", 0, &handle), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    for (unsigned i = 0; i < CHURN_COMMITS && !short_file; i++) {
        churn(env, handle, &seed);
        assert_int_equal(mdb_env_info(env, &info), 0);
        short_file = (uint64_t)data_size(place) < (info.me_last_pgno + 1) * PAGE_BYTES;
    }
    mdb_env_close(env);
    return short_file;
}

/* Pages taken and given back in one transaction are counted by LMDB, and may never be written. */
static void a_file_that_never_held_its_free_pages_is_whole(void **state)
{
    struct place *place = *state;
    uint64_t seed = CHURN_SEED;
    while (!make_short_file(place, seed)) {
        remove_node(place);
        assert_true(++seed < CHURN_SEED + CHURN_SEEDS);
    }
    expect_usable(place);
}

/* ---- what is freed ---- */

enum { SECRETS = 40 };

static void secret_row(size_t i, size_t size, char *value)
{
    memset(value, 'v', size);
    value[size] = '\0';
    memcpy(value + i % (size - 16), "secret-of-li-hua", 16);
}

static bool file_says(const struct place *place, const char *word)
{
    struct buffer bytes = {0};
    place_read(place, "data/data.mdb", &bytes);
    bool says = memmem(bytes.data, bytes.size, word, strlen(word)) != NULL;
    buffer_free(&bytes);
    return says;
}

/* Rows of all sizes, each with the secret; and then without, but for every fifth, which goes. */
static void write_and_take_back(const struct store_port *port)
{
    char name[16], value[6001];
    for (size_t i = 0; i < SECRETS; i++) {
        snprintf(name, sizeof name, "row %zu", i);
        secret_row(i, 50 + i * 140, value);
        history_commit(port, TABLE_DOCS, name, value, ERR_OK);
    }
    for (size_t i = 0; i < SECRETS; i++) {
        snprintf(name, sizeof name, "row %zu", i);
        memset(value, 'k', 40 + i * 130);
        value[40 + i * 130] = '\0';
        port->begin(port->context);
        if (i % 5 == 0)
            assert_int_equal(port->remove(port->context, TABLE_DOCS, span_of_text(name)), ERR_OK);
        else
            assert_int_equal(
                port->put(port->context, TABLE_DOCS, span_of_text(name), span_of_text(value)),
                ERR_OK);
        assert_int_equal(port->commit(port->context), ERR_OK);
    }
}

static void what_is_freed_is_written_over(void **state)
{
    struct place *place = *state;
    struct store_port port;
    struct span found;
    struct error error;
    char wrong[160];
    uint64_t wiped, again;
    struct store *store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    write_and_take_back(&port);
    assert_true(file_says(place, "secret-of-li-hua"));
    assert_int_equal(store_wipe_free(store, &wiped, &error), ERR_OK);
    assert_true(wiped > 0);
    assert_false(file_says(place, "secret-of-li-hua"));
    assert_int_equal(store_wipe_free(store, &again, &error), ERR_OK);
    assert_int_equal(again, 0);
    assert_true(store_structure_check(store, wrong));
    for (size_t i = 0; i < SECRETS; i++) {
        char name[16];
        snprintf(name, sizeof name, "row %zu", i);
        enum read_answer answer =
            port.view.get(port.view.context, TABLE_DOCS, span_of_text(name), &found);
        assert_int_equal(answer, i % 5 == 0 ? READ_ABSENT : READ_FOUND);
        if (answer == READ_FOUND)
            assert_int_equal(found.size, 40 + i * 130);
    }
    write_and_take_back(&port); /* and it is written on */
    store_close(store);
    expect_usable(place);
}

/* Whoever reads an older commit needs what has been freed since. */
static void a_reader_of_before_keeps_its_pages(void **state)
{
    struct place *place = *state;
    struct walker walker;
    struct store_port port;
    struct error error;
    uint64_t wiped;
    store_close(place_open(place->dir, ERR_OK));
    walker_start(&walker, place->dir);
    struct store *store = place_open(place->dir, ERR_OK);
    store_port(store, &port);
    assert_int_equal(walker_ask(&walker, 'o'), 0);
    assert_int_equal(walker_ask(&walker, 'b'), 0);
    write_and_take_back(&port);
    assert_int_equal(store_wipe_free(store, &wiped, &error), ERR_BUSY);
    assert_int_equal(wiped, 0);
    assert_int_equal(walker_ask(&walker, 'e'), 0);
    assert_int_equal(store_wipe_free(store, &wiped, &error), ERR_OK);
    assert_true(wiped > 0);
    walker_kill(&walker);
    store_close(store);
}

static void an_absent_store_is_refused_where_none_may_be_made(void **state)
{
    struct place *place = *state;
    struct store_options must = {.dir = place->dir, .must_exist = true};
    struct store_options walk = {.dir = place->dir, .read_only = true};
    struct store *store = NULL;
    struct error error = {0};
    assert_int_equal(store_open(&must, &store, &error), ERR_NOT_FOUND);
    assert_int_equal(store_open(&walk, &store, &error), ERR_NOT_FOUND);
    assert_false(place_exists(place, "."));
    assert_int_equal(mkdir(place->dir, 0700), 0);
    assert_int_equal(store_open(&must, &store, &error), ERR_NOT_FOUND);
    assert_int_equal(store_open(&walk, &store, &error), ERR_NOT_FOUND);
    assert_true(error.next[0] != 0);
    assert_false(place_exists(place, "node.lock"));
    store_close(place_open(place->dir, ERR_OK));
    assert_int_equal(store_open(&must, &store, &error), ERR_OK);
    store_close(store);
}

static void a_table_that_an_older_program_lacked_is_added(void **state)
{
    struct place *place = *state;
    char path[PLACE_PATH_BYTES_MAX];
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi handle = 0;
    store_close(place_open(place->dir, ERR_OK));
    path_in(place, "data", path);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "docs", 0, &handle), 0);
    assert_int_equal(mdb_drop(txn, handle, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);

    struct store_options walk = {.dir = place->dir, .read_only = true};
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct view view;
    assert_int_equal(store_open(&walk, &store, NULL), ERR_OK);
    assert_int_equal(store_snapshot_begin(store, &snapshot, &view, NULL), ERR_OK);
    history_expect(&view, TABLE_DOCS, "a", NULL);
    store_snapshot_end(snapshot);
    store_close(store);
    expect_usable(place);
}

static void marker(const char *dir, uint8_t instance[static 8])
{
    struct error error = {0};
    assert_int_equal(store_instance(dir, instance, &error), ERR_OK);
}

static void copy_node(const struct place *place, const char *from, const char *to)
{
    char command[2 * PLACE_PATH_BYTES_MAX];
    snprintf(command, sizeof command, "cp -a '%s/%s' '%s/%s'", place->root, from, place->root, to);
    assert_int_equal(system(command), 0);
}

static void the_marker_tells_a_copy_from_a_restart(void **state)
{
    struct place *place = *state;
    uint8_t first[8], again[8], copy[8];
    char moved[PLACE_PATH_BYTES_MAX], copied[PLACE_PATH_BYTES_MAX];
    struct store_port port;
    struct high_water mark = {.epoch = 1};
    assert_int_equal(store_instance(place->dir, first, NULL), ERR_NOT_FOUND);
    struct store *store = place_open(place->dir, ERR_OK);
    marker(place->dir, first);
    store_port(store, &port);
    assert_int_equal(port.raise_high_water(port.context, &mark), ERR_OK);
    history_commit(&port, TABLE_DOCS, "a", "1", ERR_OK);
    marker(place->dir, again);
    assert_memory_equal(first, again, sizeof first); /* from the first start on */
    store_close(store);
    expect_usable(place);
    marker(place->dir, again);
    assert_memory_equal(first, again, sizeof first); /* over a restart */

    copy_node(place, "node", "copy");
    place_path(place, "copy", copied);
    marker(copied, copy);
    assert_memory_not_equal(first, copy, sizeof first);
    place_path(place, "moved", moved);
    assert_int_equal(rename(place->dir, moved), 0);
    marker(moved, again);
    assert_memory_equal(first, again, sizeof first); /* under another name */

    /* The backup put in the old one's place. */
    assert_int_equal(rename(copied, place->dir), 0);
    marker(place->dir, again);
    assert_memory_equal(copy, again, sizeof first);
    assert_int_equal(rename(moved, copied), 0);
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 3 && strcmp(arguments[1], "--open") == 0)
        return open_as_another(arguments[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_first_start_cut_anywhere_starts_again, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_first_start_cut_again_and_again_starts_again, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(leftovers_of_a_power_cut_are_thrown_away, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(files_are_for_their_owner_alone, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(only_one_may_open_it, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_newer_store_is_refused_untouched, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_older_store_is_raised_by_who_writes, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_unreadable_format_is_refused_untouched, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_foreign_database_is_refused_untouched, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_file_cut_off_is_refused_untouched, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_never_held_its_free_pages_is_whole, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(what_is_freed_is_written_over, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_reader_of_before_keeps_its_pages, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_absent_store_is_refused_where_none_may_be_made,
                                        place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_table_that_an_older_program_lacked_is_added, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(the_marker_tells_a_copy_from_a_restart, place_setup,
                                        place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
