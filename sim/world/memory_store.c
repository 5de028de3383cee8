/* Rows are allocated once and never changed: a put swaps a new row in, a remove takes one out, and
 * the log of the transaction remembers both sides:
 *
 *     change = (table, before, after)     before NULL: the row is new; after NULL: it was removed
 *
 * Walking a log back restores the maps exactly; forgetting it frees the rows that stood before. */
#include "sim/world/memory_store.h"
#include "sim/world/cost.h"
#include "sim/world/memory_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_FIRST = 16 };

struct change {
    enum table table;
    struct row *before, *after;
};

struct change_log {
    struct change *changes;
    size_t count, capacity;
};

/* A copy that strict mode lent to a reader. */
struct lent {
    struct lent *next;
    uint8_t bytes[];
};

struct memory_store {
    struct row_tree trees[TABLE_COUNT];
    size_t row_counts[TABLE_COUNT], damaged_count;
    uint64_t bytes, bytes_max, bytes_before; /* before: when the transaction began */
    uint64_t commit_count;

    bool open, crashed, strict;
    enum error_code failure; /* of the open transaction */
    enum memory_fault fault;
    struct change_log log; /* of the open transaction */

    struct change_log *kept; /* of commits that can still be lost, oldest first */
    unsigned kept_count, kept_max;

    bool high_water_present;
    struct high_water high_water;
    struct lent *lent;

    void *watcher;
    void (*changed)(void *watcher, enum table table, struct span key); /* NULL: nobody watches */
};

/* `from` leaves the map and `to` enters it; either may be NULL, both have one key. */
static void exchange(struct memory_store *store, enum table table, struct row *from, struct row *to)
{
    struct row_tree *tree = &store->trees[table];
    if (from != NULL && to != NULL) {
        rows_swap(tree, from, to);
    } else if (from != NULL) {
        rows_remove(tree, from);
        store->row_counts[table]--;
    } else {
        rows_insert(tree, to);
        store->row_counts[table]++;
    }
    if (from != NULL) {
        store->bytes -= from->key_size + (uint64_t)from->value_size;
        store->damaged_count -= from->damaged;
    }
    if (to != NULL) {
        store->bytes += to->key_size + (uint64_t)to->value_size;
        store->damaged_count += to->damaged;
    }
}

static void log_append(struct change_log *log, struct change change)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? CHANGES_FIRST : 2 * log->capacity;
        log->changes = mem_resize(log->changes, log->capacity * sizeof *log->changes);
    }
    log->changes[log->count++] = change;
}

static void log_forget(struct change_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        free(log->changes[i].before);
    free(log->changes);
    *log = (struct change_log){0};
}

static void log_walk_back(struct memory_store *store, struct change_log *log)
{
    for (size_t i = log->count; i > 0; i--) {
        struct change *change = &log->changes[i - 1];
        exchange(store, change->table, change->after, change->before);
        free(change->after);
    }
    free(log->changes);
    *log = (struct change_log){0};
}

static void kept_forget(struct memory_store *store)
{
    for (unsigned i = 0; i < store->kept_count; i++)
        log_forget(&store->kept[i]);
    store->kept_count = 0;
}

/* Takes the log of a commit over. */
static void kept_append(struct memory_store *store, struct change_log *log)
{
    if (store->kept_max == 0) {
        log_forget(log);
        return;
    }
    if (store->kept_count == store->kept_max) {
        log_forget(&store->kept[0]);
        store->kept_count--;
        memmove(store->kept, store->kept + 1, store->kept_count * sizeof *store->kept);
    }
    store->kept[store->kept_count++] = *log;
    *log = (struct change_log){0};
}

static void lent_free(struct memory_store *store)
{
    while (store->lent != NULL) {
        struct lent *lent = store->lent;
        store->lent = lent->next;
        free(lent);
    }
}

static struct span lend(struct memory_store *store, struct span span)
{
    if (!store->strict)
        return span;
    struct lent *lent = mem_alloc(sizeof *lent + span.size);
    lent->next = store->lent;
    store->lent = lent;
    if (span.size > 0)
        memcpy(lent->bytes, span.data, span.size);
    return SPAN(lent->bytes, span.size);
}

/* key may be NULL: the caller knows it. */
static enum read_answer answer_with(struct memory_store *store, const struct row *row,
                                    struct span *key, struct span *value)
{
    if (row == NULL)
        return READ_ABSENT;
    if (row->damaged)
        return READ_UNREADABLE;
    if (key != NULL)
        *key = lend(store, row_key(row));
    *value = lend(store, row_value(row));
    return READ_FOUND;
}

/* Not after a crash, and not in a transaction that a failed write has spoiled. */
static bool readable(const struct memory_store *store)
{
    return !store->crashed && (!store->open || store->failure == ERR_OK);
}

static enum read_answer memory_get(void *context, enum table table, struct span key,
                                   struct span *value)
{
    struct memory_store *store = context;
    COST_HERE(cost_of_store());
    assert(table < TABLE_COUNT && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    if (!readable(store))
        return READ_UNREADABLE;
    return answer_with(store, rows_find(&store->trees[table], key), NULL, value);
}

static enum read_answer memory_next(void *context, enum table table, struct span from,
                                    struct span *key, struct span *value)
{
    struct memory_store *store = context;
    COST_HERE(cost_of_store());
    assert(table < TABLE_COUNT && from.size <= STORE_KEY_BYTES_MAX);
    if (!readable(store))
        return READ_UNREADABLE;
    return answer_with(store, rows_nearest(&store->trees[table], from, true), key, value);
}

static enum read_answer memory_previous(void *context, enum table table, struct span from,
                                        struct span *key, struct span *value)
{
    struct memory_store *store = context;
    COST_HERE(cost_of_store());
    assert(table < TABLE_COUNT && from.size <= STORE_KEY_BYTES_MAX);
    if (!readable(store))
        return READ_UNREADABLE;
    return answer_with(store, rows_nearest(&store->trees[table], from, false), key, value);
}

static bool strikes(struct memory_store *store, enum memory_fault fault)
{
    if (store->fault != fault)
        return false;
    store->fault = MEMORY_FAULT_NONE;
    return true;
}

static void memory_begin(void *context)
{
    struct memory_store *store = context;
    assert(!store->open && !store->crashed);
    store->open = true;
    store->failure = ERR_OK;
    store->bytes_before = store->bytes;
}

/* What a write may not pass: the crash, or an earlier failure of its transaction. */
static enum error_code write_refusal(struct memory_store *store)
{
    assert(store->open);
    return store->crashed ? ERR_IO : store->failure;
}

static enum error_code memory_put(void *context, enum table table, struct span key,
                                  struct span value)
{
    struct memory_store *store = context;
    COST_HERE(cost_of_store());
    assert(table < TABLE_COUNT && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    lent_free(store);
    if (write_refusal(store) != ERR_OK)
        return write_refusal(store);
    if (strikes(store, MEMORY_FAULT_PUT_FULL))
        return store->failure = ERR_FULL;
    struct change change = {table, rows_find(&store->trees[table], key), row_new(key, value)};
    exchange(store, table, change.before, change.after);
    log_append(&store->log, change);
    return ERR_OK;
}

static enum error_code memory_remove(void *context, enum table table, struct span key)
{
    struct memory_store *store = context;
    COST_HERE(cost_of_store());
    assert(table < TABLE_COUNT && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    struct change change = {table, rows_find(&store->trees[table], key), NULL};
    lent_free(store);
    if (write_refusal(store) != ERR_OK || change.before == NULL)
        return write_refusal(store);
    exchange(store, table, change.before, NULL);
    log_append(&store->log, change);
    return ERR_OK;
}

static void drop_transaction(struct memory_store *store)
{
    lent_free(store);
    log_walk_back(store, &store->log);
    store->open = false;
}

static void memory_abort(void *context)
{
    struct memory_store *store = context;
    if (store->crashed)
        return;
    assert(store->open);
    drop_transaction(store);
}

/* Whether the transaction can't be committed, and why. */
static enum error_code commit_refusal(struct memory_store *store)
{
    if (write_refusal(store) != ERR_OK)
        return write_refusal(store);
    if (strikes(store, MEMORY_FAULT_COMMIT_IO)) {
        store->crashed = true;
        return ERR_IO;
    }
    bool over = store->bytes_max != 0 && store->bytes > store->bytes_max;
    if (strikes(store, MEMORY_FAULT_COMMIT_FULL) || (over && store->bytes > store->bytes_before))
        return ERR_FULL;
    return ERR_OK;
}

/* Streams first: they say what the other rows stand on. */
static void tell_changes(struct memory_store *store, const struct change_log *log)
{
    for (int pass = 0; pass < 2 && store->changed != NULL; pass++) {
        for (size_t i = 0; i < log->count; i++) {
            const struct change *change = &log->changes[i];
            const struct row *row = change->after != NULL ? change->after : change->before;
            if ((change->table == TABLE_STREAMS) == (pass == 0))
                store->changed(store->watcher, change->table, row_key(row));
        }
    }
}

static void tell_another(struct memory_store *store)
{
    if (store->changed != NULL)
        store->changed(store->watcher, TABLE_COUNT, SPAN_EMPTY);
}

static enum error_code memory_commit(void *context)
{
    COST_HERE(cost_of_store());
    struct memory_store *store = context;
    enum error_code refusal = commit_refusal(store);
    if (refusal != ERR_OK) {
        drop_transaction(store);
        return refusal;
    }
    lent_free(store);
    store->open = false;
    store->commit_count++;
    tell_changes(store, &store->log);
    kept_append(store, &store->log);
    if (!strikes(store, MEMORY_FAULT_CRASH_AFTER_COMMIT))
        return ERR_OK;
    store->crashed = true;
    return ERR_IO;
}

static enum error_code memory_raise_high_water(void *context, const struct high_water *mark)
{
    struct memory_store *store = context;
    if (store->crashed)
        return ERR_IO;
    if (strikes(store, MEMORY_FAULT_HIGH_WATER_FULL))
        return ERR_FULL;
    if (strikes(store, MEMORY_FAULT_CRASH_BEFORE_HIGH_WATER)) {
        store->crashed = true;
        return ERR_IO;
    }
    store->high_water = *mark;
    store->high_water_present = true;
    store->crashed = strikes(store, MEMORY_FAULT_CRASH_AFTER_HIGH_WATER);
    return store->crashed ? ERR_IO : ERR_OK;
}

static bool memory_room(void *context, struct free_room *room)
{
    const struct memory_store *store = context;
    uint64_t free_bytes = store->bytes_max > store->bytes ? store->bytes_max - store->bytes : 0;
    *room = (struct free_room){free_bytes, free_bytes + store->bytes};
    return store->bytes_max > 0;
}

struct memory_store *memory_store_new(void)
{
    return mem_alloc(sizeof(struct memory_store));
}

void memory_store_free(struct memory_store *store)
{
    if (store == NULL)
        return;
    if (store->open)
        drop_transaction(store);
    lent_free(store);
    kept_forget(store);
    free(store->kept);
    for (size_t table = 0; table < TABLE_COUNT; table++)
        rows_clear(&store->trees[table]);
    free(store);
}

void memory_store_port(struct memory_store *store, struct store_port *port)
{
    *port = (struct store_port){
        .view = {.context = store,
                 .get = memory_get,
                 .next = memory_next,
                 .previous = memory_previous},
        .begin = memory_begin,
        .put = memory_put,
        .room = memory_room,
        .remove = memory_remove,
        .commit = memory_commit,
        .abort = memory_abort,
        .raise_high_water = memory_raise_high_water,
        .context = store,
    };
}

void memory_store_arm(struct memory_store *store, enum memory_fault fault)
{
    store->fault = fault;
}

enum memory_fault memory_store_armed(const struct memory_store *store)
{
    return store->fault;
}

void memory_store_crash(struct memory_store *store)
{
    store->crashed = true;
}

bool memory_store_crashed(const struct memory_store *store)
{
    return store->crashed;
}

void memory_store_recover(struct memory_store *store)
{
    if (store->open)
        drop_transaction(store);
    lent_free(store);
    store->crashed = false;
    store->fault = MEMORY_FAULT_NONE;
}

void memory_store_limit(struct memory_store *store, uint64_t bytes_max)
{
    store->bytes_max = bytes_max;
}

void memory_store_keep(struct memory_store *store, unsigned commits_max)
{
    assert(commits_max <= MEMORY_STORE_KEEP_MAX);
    kept_forget(store);
    free(store->kept);
    store->kept = commits_max == 0 ? NULL : mem_alloc(commits_max * sizeof *store->kept);
    store->kept_max = commits_max;
}

unsigned memory_store_lose(struct memory_store *store, unsigned commits)
{
    assert(!store->open);
    unsigned lost = 0;
    while (lost < commits && store->kept_count > 0) {
        log_walk_back(store, &store->kept[--store->kept_count]);
        lost++;
    }
    if (lost > 0)
        tell_another(store);
    return lost;
}

unsigned memory_store_tear(struct memory_store *store, unsigned commits,
                           bool (*tears)(void *context), void *context)
{
    assert(!store->open);
    unsigned lost = 0;
    for (; lost < commits && store->kept_count > 0; lost++) {
        struct change_log *log = &store->kept[--store->kept_count];
        for (size_t i = log->count; i > 0; i--) {
            struct row *stood = log->changes[i - 1].before;
            if (stood != NULL && tears(context))
                stood->damaged = true;
        }
        log_walk_back(store, log);
    }
    if (lost > 0)
        tell_another(store);
    return lost;
}

size_t memory_store_damaged_count(const struct memory_store *store)
{
    return store->damaged_count;
}

void memory_store_each(const struct memory_store *store, void *context,
                       void (*visit)(void *context, enum table table, struct span key,
                                     struct span value))
{
    assert(!store->open);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        for (const struct row *row = rows_first(&store->trees[table]); row != NULL;
             row = rows_next(row)) {
            if (!row->damaged)
                visit(context, (enum table)table, row_key(row), row_value(row));
        }
    }
}

bool memory_store_damage(struct memory_store *store, enum table table, struct span key)
{
    assert(!store->open && table < TABLE_COUNT);
    struct row *row = rows_find(&store->trees[table], key);
    if (row == NULL)
        return false;
    store->damaged_count += !row->damaged;
    row->damaged = true;
    return true;
}

static void copy_rows(struct memory_store *to, const struct memory_store *from)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        for (const struct row *row = rows_first(&from->trees[table]); row != NULL;
             row = rows_next(row)) {
            struct row *copy = row_new(row_key(row), row_value(row));
            copy->damaged = row->damaged;
            exchange(to, (enum table)table, NULL, copy);
        }
    }
}

struct memory_store *memory_store_clone(const struct memory_store *store)
{
    assert(!store->open);
    struct memory_store *clone = memory_store_new();
    copy_rows(clone, store);
    clone->high_water = store->high_water;
    clone->high_water_present = store->high_water_present;
    return clone;
}

void memory_store_copy_back(struct memory_store *store, const struct memory_store *image)
{
    assert(!store->open && !image->open && store != image);
    lent_free(store);
    kept_forget(store);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        rows_clear(&store->trees[table]);
        store->row_counts[table] = 0;
    }
    store->bytes = store->damaged_count = 0;
    copy_rows(store, image);
    tell_another(store);
}

void memory_store_watch(struct memory_store *store, void *context,
                        void (*changed)(void *context, enum table table, struct span key))
{
    store->watcher = context;
    store->changed = changed;
}

bool memory_store_is_open(const struct memory_store *store)
{
    return store->open;
}

bool memory_store_high_water(const struct memory_store *store, struct high_water *mark)
{
    if (store->high_water_present)
        *mark = store->high_water;
    return store->high_water_present;
}

void memory_store_set_high_water(struct memory_store *store, const struct high_water *mark)
{
    store->high_water_present = mark != NULL;
    store->high_water = mark != NULL ? *mark : (struct high_water){0};
}

void memory_store_strict(struct memory_store *store, bool strict)
{
    store->strict = strict;
}

size_t memory_store_row_count(const struct memory_store *store, enum table table)
{
    assert(table < TABLE_COUNT);
    return store->row_counts[table];
}

uint64_t memory_store_bytes(const struct memory_store *store)
{
    return store->bytes;
}

uint64_t memory_store_commit_count(const struct memory_store *store)
{
    return store->commit_count;
}
