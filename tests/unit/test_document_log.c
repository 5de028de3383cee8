/* The log of replaced documents: what comes in, what is read back, what a power cut leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/author/document_log.h"
#include "node/author/file.h"
#include "tests/unit/tree_usual.h"

static char place[] = "/tmp/terrace-document-log-XXXXXX";
static char path[128];

static int enter(void **state)
{
    if (mkdtemp(place) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/documents.log", place);
    return documents_make(state);
}

static int leave(void **state)
{
    unlink(path);
    return rmdir(place) + documents_drop(state);
}

struct seen {
    size_t count;
    struct hash first, last;
    uint64_t replaced_ms;
};

static void see(void *context, uint64_t replaced_ms, struct span envelope)
{
    struct seen *seen = context;
    struct document_envelope opened;
    assert_int_equal(document_open(envelope, &opened, NULL), ERR_OK);
    seen->last = document_hash(opened.header);
    if (seen->count++ == 0)
        seen->first = seen->last;
    seen->replaced_ms = replaced_ms;
}

static struct seen read_all(void)
{
    struct seen seen = {0};
    assert_int_equal(document_log_read(place, see, &seen, NULL), ERR_OK);
    return seen;
}

/* The next version of T1's document, offered. */
static struct hash replace(struct tree *tree, uint64_t version)
{
    struct author_document next = document_make(
        &(struct test_document){BRANCH("T1", ADMIN_T1), .version = version, .rows = {ROW_V1}});
    assert_int_equal(offer(tree, &next, NULL), ERR_OK);
    struct hash hash = next.hash;
    author_document_clear(&next);
    return hash;
}

static void what_is_replaced_is_kept(void **state)
{
    (void)state;
    struct tree *tree = tree_usual();
    struct error error = {0};
    struct document_log *log = document_log_new(place, tree);
    assert_int_equal(document_log_follow(log, tree, 5, &error), ERR_OK);
    assert_int_equal(read_all().count, 0); /* nothing was replaced: not even a file */
    assert_int_not_equal(access(path, F_OK), 0);
    struct hash second = replace(tree, 2);
    assert_int_equal(document_log_follow(log, tree, 6, &error), ERR_OK);
    struct seen seen = read_all();
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.replaced_ms, 6);
    assert_true(hash_equal(&seen.first, &branch_t1.hash));
    assert_int_equal(document_log_follow(log, tree, 7, &error), ERR_OK);
    assert_int_equal(read_all().count, 1); /* once */
    replace(tree, 3);
    document_log_free(log);
    log = document_log_new(place, tree); /* a new start knows what is in force then */
    replace(tree, 4);
    assert_int_equal(document_log_follow(log, tree, 8, &error), ERR_OK);
    seen = read_all();
    assert_int_equal(seen.count, 2);
    assert_false(hash_equal(&seen.last, &second));
    document_log_free(log);

    /* a record that was cut off by a power cut ends the log, and is written over */
    struct buffer bytes = {0};
    assert_int_equal(file_read(path, 1 << 20, &bytes, NULL), ERR_OK);
    assert_int_equal(truncate(path, (off_t)bytes.size - 3), 0);
    buffer_free(&bytes);
    assert_int_equal(read_all().count, 1);
    log = document_log_new(place, tree);
    replace(tree, 5);
    assert_int_equal(document_log_follow(log, tree, 9, &error), ERR_OK);
    seen = read_all();
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.replaced_ms, 9);
    document_log_free(log);
    document_log_free(NULL);
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_replaced_is_kept),
    };
    if (!crypto_start())
        return 1;
    return cmocka_run_group_tests(tests, enter, leave);
}
