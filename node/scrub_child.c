/* The child: one store, read-only, slice by slice, each slice a snapshot of its own, so that a node
 * that writes beside it can use pages again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "node/author/config.h"
#include "node/author/keys.h"
#include "node/scrub.h"
#include "node/scrub_lines.h"
#include "node/store/store.h"

enum {
    SLICE_MS = READER_AGE_MS / 2,
    NICENESS = 10,
    MEMORY_BYTES_MAX = 1 << 30, /* what it may allocate; the map isn't counted */
};

static uint64_t tick_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void scrub_child_begin(void)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is more */
    const struct rlimit memory = {MEMORY_BYTES_MAX, MEMORY_BYTES_MAX};
    setrlimit(RLIMIT_DATA, &memory);
#endif
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "terrace scrub");
    if (nice(NICENESS) == -1)
        return; /* then it competes */
}

void scrub_say_finding(const char *table, const char *key, const char *what)
{
    printf("finding %s\t%s\t%s\n", table, key, what);
}

void scrub_say_place(const char *place, uint64_t rows)
{
    printf("place %s %llu\n", place, (unsigned long long)rows);
    fflush(stdout);
}

int scrub_say_error(const struct error *error)
{
    printf("error %s\t%s\t%s\t%s\n", error_name(error->code), error->what, error->why, error->next);
    fflush(stdout);
    return EXIT_FAILED;
}

int scrub_say_end(const struct verify_counts *counts)
{
#define X(name) printf("count " #name " %llu\n", (unsigned long long)counts->name);
    VERIFY_COUNT_LIST(X)
#undef X
    printf("end\n");
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static void on_finding(void *context, const struct verify_finding *finding)
{
    (void)context;
    scrub_say_finding(table_name(finding->table), finding->key, finding->what);
}

static uint64_t rows_of(const struct verify_counts *counts)
{
    uint64_t sum = 0;
#define X(name) sum += counts->name;
    VERIFY_COUNT_LIST(X)
#undef X
    return sum;
}

static enum error_code walk(struct store *store, struct verify *verify, struct error *error)
{
    bool more = true;
    while (more) {
        struct store_snapshot *snapshot;
        struct view view;
        enum error_code code = store_snapshot_begin(store, &snapshot, &view, error);
        if (code != ERR_OK)
            return code;
        uint64_t until = tick_ms() + SLICE_MS;
        const char *place = NULL;
        do {
            if (place != verify_place(verify)) { /* said before it may crash there */
                place = verify_place(verify);
                scrub_say_place(place, rows_of(verify_counts(verify)));
            }
            more = verify_step(verify, &view);
        } while (more && tick_ms() < until);
        store_snapshot_end(snapshot);
    }
    return ERR_OK;
}

enum error_code scrub_child_options(const char *dir, struct verify_options *options,
                                    struct error *error)
{
    struct node_config config;
    struct node_keys keys;
    enum error_code code = config_load(dir, &config, error);
    if (code == ERR_OK)
        code = keys_load(dir, &keys, error);
    if (code != ERR_OK)
        return code;
    *options = (struct verify_options){
        .tree_id = config.tree_id, .own = key_id_of(keys.signing_key), .finding = on_finding};
    node_keys_seal(&keys, &options->seal);
    node_keys_wipe(&keys);
    return ERR_OK;
}

int scrub_child(const char *dir, bool trusting)
{
    struct store_options store_options = {.dir = dir, .read_only = true, .must_exist = true};
    struct verify_options options;
    struct store *store = NULL;
    struct error error = {0};
    scrub_child_begin();
    if (scrub_child_options(dir, &options, &error) != ERR_OK)
        return scrub_say_error(&error);
    options.trusting = trusting;
    scrub_say_place("the file", 0);
    enum error_code code = store_open(&store_options, &store, &error);
    if (code == ERR_DAMAGED) {
        const struct verify_counts none = {0};
        scrub_say_finding("data.mdb", error.what, error.why);
        return scrub_say_end(&none);
    }
    if (code != ERR_OK)
        return scrub_say_error(&error);
    char wrong[160];
    scrub_say_place("pages", 0);
    if (!trusting && !store_structure_check(store, wrong))
        scrub_say_finding("data.mdb", wrong, "the next commit would do harm");
    struct verify *verify = verify_new(&options);
    code = walk(store, verify, &error);
    int status = code == ERR_OK ? scrub_say_end(verify_counts(verify)) : scrub_say_error(&error);
    verify_free(verify);
    store_close(store);
    return status;
}
