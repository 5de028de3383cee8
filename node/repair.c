/* From pages to a new store. What was on the way when it ends half done lies in DIR/salvage and is
 * thrown away by the next one. */
#include "node/repair.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/author/config.h"
#include "node/author/confirmed_roots.h"
#include "node/author/document_file.h"
#include "node/author/file.h"
#include "node/author/keys.h"
#include "node/scrub_lines.h"
#include "node/store/store.h"
#include "node/store/store_salvage.h"
#include "replication/salvage/salvage.h"

enum { PAGES_A_WORD = 4096 }; /* between two lines about how far it is */

struct repair {
    const char *dir;
    struct node_config config;
    struct salvage_options options;
    struct store_pages *pages;
    struct salvage *salvage;
    struct store *store;
    struct salvage_counts counts;
    uint64_t rows;
};

static bool read_bytes(void *context, uint64_t place, size_t size, uint8_t *to)
{
    const struct repair *repair = context;
    return repair->pages != NULL && store_pages_bytes(repair->pages, place, size, to);
}

static void on_row(void *context, struct span key, struct span value, uint64_t place)
{
    struct repair *repair = context;
    repair->rows++;
    salvage_offer(repair->salvage, key, value, place);
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void read_high_water(struct repair *repair, const struct key_id *own)
{
    struct high_water mark;
    int fd = open(repair->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && high_water_read(fd, &mark) == HIGH_WATER_FOUND &&
        memcmp(mark.key_id, own->bytes, sizeof mark.key_id) == 0)
        repair->options.epoch = mark.epoch;
    if (fd >= 0)
        close(fd);
}

static enum error_code begin(struct repair *repair, struct error *error)
{
    struct node_keys keys;
    enum error_code code = config_load(repair->dir, &repair->config, error);
    if (code == ERR_OK)
        code = keys_load(repair->dir, &keys, error);
    if (code != ERR_OK)
        return code;
    struct key_id own = key_id_of(keys.signing_key);
    repair->options = (struct salvage_options){.tree_id = repair->config.tree_id,
                                               .wall_ms = wall_ms(),
                                               .context = repair,
                                               .bytes = read_bytes};
    memcpy(repair->options.signing_key, keys.signing_key, KEY_BYTES);
    node_keys_seal(&keys, &repair->options.seal);
    memcpy(repair->options.seat, repair->config.seat, sizeof repair->options.seat);
    node_keys_wipe(&keys);
    read_high_water(repair, &own);
    repair->salvage = salvage_new(&repair->options);
    return ERR_OK;
}

static void offer_documents(struct repair *repair)
{
    struct document_files files;
    struct confirmed_roots confirmed;
    if (document_files_load(repair->dir, &files, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < files.count; i++) {
        const struct document_file *file = &files.files[i];
        salvage_offer_document(repair->salvage, file->kind, file->envelope, file->rows,
                               file->part ? file->places : NULL, file->part ? file->proofs : NULL,
                               file->row_count);
    }
    if (confirmed_roots_load(repair->dir, &confirmed, NULL) != ERR_OK)
        confirmed.count = 0;
    for (size_t i = 0; i < confirmed.count; i++)
        salvage_offer_confirmed(repair->salvage, &confirmed.hashes[i]);
    document_files_free(&files);
}

/* A file that is missing has no rows: then all comes from other nodes. */
static enum error_code read_pages(struct repair *repair, struct error *error)
{
    enum error_code code = store_pages_open(repair->dir, &repair->pages, error);
    if (code == ERR_NOT_FOUND) {
        error_clear(error);
        return ERR_OK;
    }
    for (uint64_t i = 0; code == ERR_OK && i < store_pages_count(repair->pages); i++) {
        store_pages_rows(repair->pages, i, repair, on_row);
        if (i % PAGES_A_WORD == 0)
            scrub_say_place("pages", repair->rows);
    }
    return code;
}

static enum error_code fail_store(enum error_code code, struct error *error)
{
    error_set(error, code, "the new store", "%s", error_sentence(code));
    error_next(error, "the damaged one is as it was: make room on the disk, then repair again");
    return code;
}

static enum error_code write_store(struct repair *repair, struct error *error)
{
    char path[PATH_MAX];
    struct store_options options = {.dir = path,
                                    .map_bytes = (uint64_t)repair->config.map_mib << 20};
    struct store_port port;
    enum error_code code = path_join(path, repair->dir, "salvage", error);
    if (code == ERR_OK)
        code = store_open(&options, &repair->store, error);
    if (code != ERR_OK)
        return code;
    store_port(repair->store, &port);
    scrub_say_place("blocks", repair->rows);
    code = salvage_write(repair->salvage, &port, &repair->counts);
    struct rebuild *rebuild = rebuild_new(&repair->options, &port);
    bool more = code == ERR_OK;
    while (more) {
        uint64_t judged;
        more = rebuild_step(rebuild, &judged, &code);
        scrub_say_place("records", repair->rows + judged);
    }
    rebuild_free(rebuild);
    store_close(repair->store);
    repair->store = NULL;
    return code == ERR_OK ? ERR_OK : fail_store(code, error);
}

static enum error_code run(struct repair *repair, struct error *error)
{
    char kept[32];
    enum error_code code = store_salvage_finish(repair->dir, error);
    if (code == ERR_OK)
        code = store_salvage_discard(repair->dir, error);
    if (code == ERR_OK)
        code = begin(repair, error);
    if (code == ERR_OK)
        code = read_pages(repair, error);
    if (code != ERR_OK)
        return code;
    offer_documents(repair);
    code = write_store(repair, error);
    if (code == ERR_OK)
        code = store_salvage_swap(repair->dir, kept, error);
    if (code == ERR_OK)
        (void)store_salvage_discard(repair->dir, NULL);
    return code;
}

int repair_child(const char *dir)
{
    struct repair repair = {.dir = dir};
    struct error error = {0};
    scrub_child_begin();
    int lock = store_salvage_lock(dir, &error);
    enum error_code code = lock < 0 ? error.code : run(&repair, &error);
    salvage_free(repair.salvage);
    store_pages_close(repair.pages);
    if (lock >= 0)
        close(lock);
    if (code != ERR_OK)
        return scrub_say_error(&error);
    const struct verify_counts counts = {.blocks = repair.counts.blocks,
                                         .entries = repair.counts.entries,
                                         .streams = repair.counts.streams,
                                         .notes = repair.counts.notes,
                                         .documents = repair.counts.documents,
                                         .quarantine = repair.counts.gaps,
                                         .loose = repair.counts.loose};
    return scrub_say_end(&counts);
}
