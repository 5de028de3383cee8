/* The tree of pages itself, read without LMDB: a page that is used twice, that is free and in use,
 * or whose own numbers are wrong does no harm to a reader, and ruins the file with the next commit.
 * And what nothing leads to: LMDB writes over nothing that it frees, neither pages nor the gaps in
 * them, so what was there can be read from the disk until it is written over here.
 *
 *     meta    head 16, magic 4, version 4, address 8, map 8, free list 48, main table 48, last page
 * 8, number of the commit 8 table   -, 4, flags 2, depth 2, branch pages 8, leaf pages 8, overflow
 * pages 8, rows 8, root 8 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/store/store_internal.h"

enum {
    HEAD_BYTES = 16,
    NODE_HEAD_BYTES = 8,
    TABLE_BYTES = 48,
    META_AT_FREE = 40,
    META_AT_MAIN = 88,
    META_AT_LAST = 136,
    META_AT_COMMIT = 144,
    PAGE_BRANCH = 1,
    PAGE_LEAF = 2,
    PAGE_OVERFLOW = 4,
    NODE_ELSEWHERE = 1,
    NODE_TABLE = 2,
    DEPTH_MAX = 32,
    FIRST_PAGE = 2,
};
static const uint64_t no_page = UINT64_MAX;

struct structure {
    int fd;
    size_t page_bytes;
    uint64_t last;
    uint8_t *seen; /* a bit a page */
    bool wiping;   /* gaps are written over, and free pages aren't taken */
    uint64_t wiped;
    int failure; /* errno of a write */
    const char *wrong;
    uint64_t wrong_at;
};

struct tree_of_pages {
    struct structure *structure;
    uint64_t branches, leaves, overflows, rows; /* counted */
    bool is_main, is_free;
};

static uint64_t u64_at(const uint8_t *from)
{
    uint64_t number;
    memcpy(&number, from, sizeof number);
    return number;
}

static uint16_t u16_at(const uint8_t *from)
{
    uint16_t number;
    memcpy(&number, from, sizeof number);
    return number;
}

static bool fail(struct structure *structure, const char *wrong, uint64_t page)
{
    if (structure->wrong == NULL) {
        structure->wrong = wrong;
        structure->wrong_at = page;
    }
    return false;
}

static bool read_at(struct structure *structure, uint64_t page, size_t skip, size_t size,
                    uint8_t *to)
{
    uint64_t at = page * structure->page_bytes + skip;
    for (size_t got = 0; got < size;) {
        ssize_t some = pread(structure->fd, to + got, size - got, (off_t)(at + got));
        if (some <= 0)
            return fail(structure, "it can't be read", page);
        got += (size_t)some;
    }
    return true;
}

/* Zeros, where something else stands; what is behind the file's end isn't there. */
static void wipe(struct structure *structure, uint64_t at, size_t size)
{
    uint8_t *bytes = mem_alloc(2 * size + 1);
    size_t got = 0;
    for (ssize_t some = 1; got < size && some > 0; got += some > 0 ? (size_t)some : 0)
        some = pread(structure->fd, bytes + got, size - got, (off_t)(at + got));
    bool due = memcmp(bytes, bytes + size, got) != 0; /* the second half is zeros */
    for (size_t done = 0; due && done < got && structure->failure == 0;) {
        ssize_t some = pwrite(structure->fd, bytes + size, got - done, (off_t)(at + done));
        if (some < 0)
            structure->failure = errno;
        done += some > 0 ? (size_t)some : 0;
    }
    structure->wiped += due;
    free(bytes);
}

/* Each page has one use. */
static bool take(struct structure *structure, uint64_t page)
{
    if (page < FIRST_PAGE || page > structure->last)
        return fail(structure, "a page that isn't there is named", page);
    uint8_t bit = (uint8_t)(1U << page % 8);
    if (structure->seen[page / 8] & bit)
        return fail(structure, "it is used twice, or free and in use", page);
    structure->seen[page / 8] |= bit;
    return true;
}

static bool walk_table(struct structure *structure, const uint8_t *table, bool is_main,
                       bool is_free);

static bool take_overflow(struct tree_of_pages *tree, uint64_t first, size_t value_size)
{
    struct structure *structure = tree->structure;
    uint8_t head[HEAD_BYTES];
    uint32_t pages;
    uint64_t needed = (HEAD_BYTES - 1 + value_size) / structure->page_bytes + 1;
    if (first < FIRST_PAGE || first > structure->last || needed > structure->last - first + 1)
        return fail(structure, "a page that isn't there is named", first);
    if (!read_at(structure, first, 0, sizeof head, head))
        return false;
    memcpy(&pages, head + 12, sizeof pages);
    if (u64_at(head) != first || u16_at(head + 10) != PAGE_OVERFLOW || pages != needed)
        return fail(structure, "it isn't the long value that it should be", first);
    for (uint64_t i = 0; i < needed; i++) {
        if (!take(structure, first + i))
            return false;
    }
    tree->overflows += needed;
    if (structure->wiping)
        wipe(structure, first * structure->page_bytes + HEAD_BYTES + value_size,
             (size_t)needed * structure->page_bytes - HEAD_BYTES - value_size);
    return true;
}

/* The list of free pages of one commit: a count, and so many numbers. */
static bool take_free(struct structure *structure, const uint8_t *list, size_t size)
{
    uint64_t count = size < 8 ? no_page : u64_at(list);
    if (count > size / 8 - (size >= 8) || size % 8 != 0)
        return fail(structure, "a list of free pages isn't one", 0);
    for (uint64_t i = 1; i <= count && !structure->wiping; i++) {
        if (!take(structure, u64_at(list + i * 8)))
            return false;
    }
    return true;
}

static bool visit_value(struct tree_of_pages *tree, uint64_t page, const uint8_t *at, size_t size,
                        unsigned flags)
{
    struct structure *structure = tree->structure;
    tree->rows++;
    if (flags == NODE_TABLE && tree->is_main && size == TABLE_BYTES) {
        uint8_t table[TABLE_BYTES];
        memcpy(table, at, sizeof table);
        return walk_table(structure, table, false, false);
    }
    if (flags != NODE_ELSEWHERE)
        return flags == 0 ? !tree->is_free || take_free(structure, at, size)
                          : fail(structure, "a row has a kind that isn't used here", page);
    uint64_t first = u64_at(at);
    if (!take_overflow(tree, first, size))
        return false;
    if (!tree->is_free)
        return true;
    uint8_t *list = mem_alloc(size + 1);
    bool taken =
        read_at(structure, first, HEAD_BYTES, size, list) && take_free(structure, list, size);
    free(list);
    return taken;
}

static bool walk_page(struct tree_of_pages *tree, uint64_t page, unsigned depth);

/* One row of a page: what it leads to. */
static bool visit_node(struct tree_of_pages *tree, const uint8_t *bytes, uint64_t page, size_t at,
                       unsigned depth)
{
    struct structure *structure = tree->structure;
    bool leaf = depth == 1;
    if (at + NODE_HEAD_BYTES > structure->page_bytes)
        return fail(structure, "a row leads out of it", page);
    size_t size = u16_at(bytes + at) | (size_t)u16_at(bytes + at + 2) << 16;
    unsigned flags = u16_at(bytes + at + 4);
    size_t value_at = at + NODE_HEAD_BYTES + u16_at(bytes + at + 6);
    size_t here = !leaf ? 0 : flags == NODE_ELSEWHERE ? sizeof(uint64_t) : size;
    if (value_at + here > structure->page_bytes)
        return fail(structure, "a row leads out of it", page);
    if (leaf)
        return visit_value(tree, page, bytes + value_at, size, flags);
    return walk_page(tree, size | (uint64_t)flags << 32, depth - 1);
}

/* `depth` 1: a leaf. */
static bool walk_page(struct tree_of_pages *tree, uint64_t page, unsigned depth)
{
    struct structure *structure = tree->structure;
    if (!take(structure, page))
        return false;
    uint8_t *bytes = mem_alloc(structure->page_bytes);
    bool good = read_at(structure, page, 0, structure->page_bytes, bytes);
    size_t lower = u16_at(bytes + 12), upper = u16_at(bytes + 14);
    if (good &&
        (u64_at(bytes) != page || u16_at(bytes + 10) != (depth == 1 ? PAGE_LEAF : PAGE_BRANCH) ||
         lower < HEAD_BYTES || lower % 2 != 0 || lower > upper || upper > structure->page_bytes))
        good = fail(structure, "its head isn't what it should be", page);
    if (good && structure->wiping)
        wipe(structure, page * structure->page_bytes + lower, upper - lower);
    tree->leaves += depth == 1;
    tree->branches += depth != 1;
    for (size_t at = HEAD_BYTES; good && at < lower; at += 2) {
        size_t node = u16_at(bytes + at);
        good = node >= upper ? visit_node(tree, bytes, page, node, depth)
                             : fail(structure, "a row stands where none can be", page);
    }
    free(bytes);
    return good;
}

static bool walk_table(struct structure *structure, const uint8_t *table, bool is_main,
                       bool is_free)
{
    struct tree_of_pages tree = {.structure = structure, .is_main = is_main, .is_free = is_free};
    unsigned depth = u16_at(table + 6);
    uint64_t root = u64_at(table + 40);
    if (root != no_page && (depth == 0 || depth > DEPTH_MAX))
        return fail(structure, "a table has a depth that none can have", root);
    if (root != no_page && !walk_page(&tree, root, depth))
        return false;
    if (tree.branches != u64_at(table + 8) || tree.leaves != u64_at(table + 16) ||
        tree.overflows != u64_at(table + 24) || tree.rows != u64_at(table + 32))
        return fail(structure, "a table has other pages or rows than it says", root);
    return true;
}

/* The meta page of this commit; false: a writer has gone on meanwhile. */
static bool find_meta(struct structure *structure, uint64_t commit, uint8_t *meta)
{
    for (uint64_t page = 0; page < FIRST_PAGE; page++) {
        if (read_at(structure, page, 0, structure->page_bytes, meta) &&
            u64_at(meta + META_AT_COMMIT) == commit)
            return true;
    }
    return false;
}

/* False: something is wrong, or a writer has gone on meanwhile. */
static bool walk_commit(struct structure *structure, uint64_t commit)
{
    bool found = false;
    uint8_t *meta = mem_alloc(structure->page_bytes);
    if (find_meta(structure, commit, meta)) {
        structure->last = u64_at(meta + META_AT_LAST);
        uint64_t end = (uint64_t)lseek(structure->fd, 0, SEEK_END) / structure->page_bytes;
        if (structure->last > end + (UINT64_C(1) << 32)) {
            fail(structure, "it names a last page far behind the file's end", 0);
        } else {
            structure->seen = mem_alloc(structure->last / 8 + 1);
            bool sound = walk_table(structure, meta + META_AT_MAIN, true, false) &&
                         walk_table(structure, meta + META_AT_FREE, false, true);
            for (uint64_t page = FIRST_PAGE; sound && structure->wiping && page < end; page++) {
                if (page > structure->last || !(structure->seen[page / 8] & 1U << page % 8))
                    wipe(structure, page * structure->page_bytes, structure->page_bytes);
            }
            found = sound;
        }
    }
    free(structure->seen);
    structure->seen = NULL;
    free(meta);
    return found;
}

bool store_structure_check(struct store *store, char wrong[static 160])
{
    struct structure structure = {.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    MDB_txn *txn = NULL; /* while it stands, pages of its commit are not written again */
    wrong[0] = '\0';
    if (mdb_env_get_fd(store->env, &structure.fd) != MDB_SUCCESS ||
        mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn) != MDB_SUCCESS)
        return true; /* the walk that follows says why */
    walk_commit(&structure, mdb_txn_id(txn));
    mdb_txn_abort(txn);
    if (structure.wrong == NULL)
        return true;
    snprintf(wrong, 160, "page %llu: %s", (unsigned long long)structure.wrong_at, structure.wrong);
    return false;
}

/* ---- writing over what is free ---- */

struct readers {
    uint64_t commit;
    bool older;
};

static int look_at_reader(const char *line, void *context)
{
    struct readers *readers = context;
    unsigned long long commit;
    if (sscanf(line, "%*d %*x %llu", &commit) == 1 && commit != readers->commit)
        readers->older = true;
    return 0;
}

enum error_code store_wipe_free(struct store *store, uint64_t *wiped, struct error *error)
{
    struct structure structure = {.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    MDB_txn *txn = NULL;
    assert(!store->read_only && !store->writing);
    *wiped = 0;
    store_reader_check(store);
    int answer = mdb_env_get_fd(store->env, &structure.fd);
    if (answer == MDB_SUCCESS)
        answer = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (answer != MDB_SUCCESS)
        return store_report(error, answer, "the store can't be read", store->dir);
    struct readers readers = {.commit = mdb_txn_id(txn)};
    mdb_reader_list(store->env, look_at_reader, &readers);
    bool sound = !readers.older && walk_commit(&structure, readers.commit);
    structure.wiping = true;
    sound = sound && walk_commit(&structure, readers.commit);
    mdb_txn_abort(txn);
    *wiped = structure.wiped;
    if (readers.older)
        return error_set(error, ERR_BUSY, store->dir, "somebody reads an older state of the store");
    if (structure.failure == 0 && structure.wiped > 0 && fdatasync(structure.fd) != 0)
        structure.failure = errno;
    if (structure.failure != 0)
        return store_report(error, structure.failure, "free pages can't be written over",
                            store->dir);
    if (!sound)
        return error_set(error, ERR_DAMAGED, store->dir, "page %llu: %s",
                         (unsigned long long)structure.wrong_at,
                         structure.wrong != NULL ? structure.wrong : "the file changes meanwhile");
    return ERR_OK;
}
