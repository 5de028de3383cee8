/* node/author: what init writes is what the loaders read; what is wrong is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/author/file.h"
#include "node/author/node_directory.h"

static char scratch[] = "/tmp/terrace-files-XXXXXX";

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static int make_scratch(void **state)
{
    (void)state;
    strcpy(strrchr(scratch, '-'), "-XXXXXX");
    assert_true(crypto_start());
    return mkdtemp(scratch) == NULL;
}

static int remove_scratch(void **state)
{
    (void)state;
    return nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in_scratch(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", scratch, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    struct error error;
    assert_int_equal(file_replace(path, span_of_text(text), 0600, &error), ERR_OK);
}

static struct node_config some_config(void)
{
    struct node_config config;
    config_usual(&config);
    strcpy(config.seat, "433127100200");
    strcpy(config.listen, "tcp://127.0.0.1:41000");
    memset(config.tree_id.bytes, 0xab, HASH_BYTES);
    config.map_mib = 64;
    config.log = LOG_TRACE;
    config.freshness_ms = 7000;
    config.tuning.report_every_ms = 20;
    config.tuning.block_entries = 16;
    config.links.dead_ms = 2500;
    return config;
}

static void init_is_read_back(void **state)
{
    struct node_config config = some_config(), read;
    struct node_keys keys, read_keys;
    struct node_request request;
    struct error error;
    struct stat status;
    (void)state;
    node_keys_make(&keys, NULL);
    const char *dir = in_scratch("node");
    assert_int_equal(node_directory_init(dir, &config, &keys, &error), ERR_OK);
    assert_int_equal(config_load(dir, &read, &error), ERR_OK);
    assert_memory_equal(&config, &read, sizeof config);
    assert_int_equal(keys_load(dir, &read_keys, &error), ERR_OK);
    assert_memory_equal(&keys, &read_keys, sizeof keys);
    assert_int_equal(request_load(in_scratch("node/request.yaml"), &request, &error), ERR_OK);
    assert_string_equal(request.seat, config.seat);
    assert_string_equal(request.endpoint, config.listen);
    assert_memory_equal(request.tree_id.bytes, config.tree_id.bytes, HASH_BYTES);
    assert_memory_equal(request.signing_key, keys.signing_key, KEY_BYTES);
    assert_memory_equal(request.link_key, keys.link_key, KEY_BYTES);
    assert_true(request.has_seal_key);
    assert_memory_equal(request.seal_key, keys.seal_key, KEY_BYTES);
    assert_int_equal(stat(in_scratch("node/keys/signing.key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(dir, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

/* A directory made before there were such keys has none until its node starts. */
static void a_seal_key_is_added(void **state)
{
    struct node_config config = some_config();
    struct node_keys keys, read, again;
    struct error error;
    static const uint8_t zeros[KEY_BYTES];
    (void)state;
    node_keys_make(&keys, NULL);
    const char *dir = in_scratch("node");
    assert_int_equal(node_directory_init(dir, &config, &keys, &error), ERR_OK);
    assert_int_equal(unlink(in_scratch("node/keys/seal.key")), 0);
    dir = in_scratch("node");
    assert_int_equal(keys_load(dir, &read, &error), ERR_OK);
    assert_false(read.has_seal);
    assert_memory_equal(read.seal_key, zeros, KEY_BYTES);
    assert_memory_equal(read.link_key, keys.link_key, KEY_BYTES);
    assert_int_equal(keys_add_seal(dir, &read, &error), ERR_OK);
    assert_memory_not_equal(read.seal_key, zeros, KEY_BYTES);
    assert_int_equal(keys_load(dir, &again, &error), ERR_OK);
    assert_true(again.has_seal);
    assert_memory_equal(again.seal_key, read.seal_key, KEY_BYTES);
    assert_int_equal(keys_add_seal(dir, &again, &error), ERR_STALE); /* never overwritten */
}

static void init_never_overwrites(void **state)
{
    struct node_config config = some_config();
    struct node_keys keys, other, read;
    struct error error;
    (void)state;
    node_keys_make(&keys, NULL);
    node_keys_make(&other, keys.tree_secret);
    assert_memory_equal(keys.tree_secret, other.tree_secret, TREE_SECRET_BYTES);
    assert_memory_not_equal(keys.signing_seed, other.signing_seed, sizeof keys.signing_seed);
    const char *dir = in_scratch("node");
    assert_int_equal(node_directory_init(dir, &config, &keys, &error), ERR_OK);
    assert_int_equal(node_directory_init(dir, &config, &other, &error), ERR_STALE);
    assert_string_not_equal(error.next, "");
    assert_int_equal(keys_load(dir, &read, &error), ERR_OK);
    assert_memory_equal(&keys, &read, sizeof keys);
    /* any one file that stands there is enough */
    assert_int_equal(mkdir(in_scratch("half"), 0700), 0);
    write_file(in_scratch("half/request.yaml"), "seat: x\n");
    assert_int_equal(node_directory_init(in_scratch("half"), &config, &keys, &error), ERR_STALE);
    assert_int_not_equal(access(in_scratch("half/keys"), F_OK), 0);
    strcpy(config.seat, "../x");
    assert_int_equal(node_directory_init(in_scratch("bad"), &config, &keys, &error), ERR_INVALID);
    assert_int_not_equal(access(in_scratch("bad"), F_OK), 0);
}

/* As many as may be, each once, also one of the former name; and taken back one by one. */
static void escrow_keys_are_lent_and_returned(void **state)
{
    (void)state;
    struct node_keys keys, read;
    struct seal_key seal, one;
    struct error error;
    uint8_t secret[KEY_BYTES] = {0, 1};
    const char *dir = in_scratch("lent");
    node_keys_make(&keys, NULL);
    assert_int_equal(directory_make(dir, 0700, &error), ERR_OK);
    assert_int_equal(keys_write(dir, &keys, &error), ERR_OK);
    char path[512];
    snprintf(path, sizeof path, "%s/keys/escrow.key", dir);
    assert_int_equal(secret_file_write(path, "terrace-escrow-key", secret, KEY_BYTES, &error),
                     ERR_OK);
    for (uint8_t i = 1; i <= SEAL_ESCROW_MAX; i++) {
        secret[1] = i;
        assert_int_equal(escrow_keys_lend(dir, secret, &error), ERR_OK);
        assert_int_equal(escrow_keys_lend(dir, secret, &error), ERR_OK);
        assert_int_equal(keys_load(dir, &read, &error), ERR_OK);
        assert_int_equal(read.escrow_count, i);
    }
    secret[1]++;
    assert_int_equal(escrow_keys_lend(dir, secret, &error), ERR_FULL);
    node_keys_seal(&read, &seal);
    assert_int_equal(seal.escrow_count, SEAL_ESCROW_MAX);
    assert_false(seal_key_add_escrow(secret, &seal));
    seal_key_from(secret, &one);
    assert_int_equal(escrow_keys_return(dir, one.public_key, &error), ERR_NOT_FOUND);
    for (uint8_t i = 1; i <= SEAL_ESCROW_MAX; i++) {
        secret[1] = i;
        seal_key_from(secret, &one);
        assert_int_equal(escrow_keys_return(dir, one.public_key, &error), ERR_OK);
        assert_int_equal(escrow_keys_load(dir, &read, &error), ERR_OK);
        assert_int_equal(read.escrow_count, SEAL_ESCROW_MAX - i);
    }
}

static void keys_are_refused(void **state)
{
    static const char *const wrong[] = {"", "terrace-link-key 1 00", "terrace-link-key 2 00",
                                        "terrace-signing-key 1 00", "terrace-link-key 1 zz"};
    struct node_config config = some_config();
    struct node_keys keys, read;
    struct error error;
    char text[160];
    (void)state;
    node_keys_make(&keys, NULL);
    assert_int_equal(keys_load(in_scratch("none"), &read, &error), ERR_NOT_FOUND);
    const char *dir = in_scratch("node");
    assert_int_equal(node_directory_init(dir, &config, &keys, &error), ERR_OK);
    const char *path = in_scratch("node/keys/link.key");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(keys_load(dir, &read, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.what, "link.key"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bool only_short = i == 1;
        snprintf(text, sizeof text, "%s%0*d\n", wrong[i], only_short ? 61 : 62, 0);
        write_file(path, text);
        assert_int_equal(keys_load(dir, &read, &error), ERR_MALFORMED);
    }
    snprintf(text, sizeof text, "terrace-link-key 1 %064d\n", 1);
    write_file(path, text);
    assert_int_equal(keys_load(dir, &read, &error), ERR_OK);
}

static void config_faults_have_places(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
    } faults[] = {
        {"seat: x\ntree: abcd\n", 2, 7},
        {"seat: x\nsaet: y\n", 2, 1},
        {"seat: 'a b'\n", 1, 7},
        {"seat: x\nlisten: 127.0.0.1\n", 2, 9},
        {"seat: x\nlog: loud\n", 2, 6},
        {"seat: x\nstore:\n  map_mib: 63\n", 3, 12},
        {"seat: x\ntuning:\n  token_every_ms: 1\n", 3, 19},
        {"seat: x\ntuning:\n  tokens: 1\n", 3, 3},
    };
    struct node_config config;
    struct error error;
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        bool has_tree = strstr(faults[i].text, "tree:") != NULL;
        snprintf(text, sizeof text, "%s%s%064d\n", faults[i].text, has_tree ? "# " : "tree: ", 0);
        assert_int_not_equal(config_parse(span_of_text(text), "node.yaml", &config, &error),
                             ERR_OK);
        assert_non_null(strstr(error.what, "node.yaml"));
        assert_int_equal(error.line, faults[i].line);
        assert_int_equal(error.column, faults[i].column);
    }
    static const char *const whole[] = {"", "- a\n", "listen: x\n", "seat: x\ntree: [\n"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        assert_int_not_equal(config_parse(span_of_text(whole[i]), "node.yaml", &config, &error),
                             ERR_OK);
}

static struct document_file made_document(struct span *rows, uint32_t *places, struct span *proofs,
                                          bool part)
{
    rows[0] = span_of_text("first row");
    rows[1] = span_of_text("second");
    places[0] = 3;
    places[1] = 70;
    proofs[0] = span_of_text("proof");
    proofs[1] = SPAN_EMPTY;
    return (struct document_file){.kind = DOCUMENT_BRANCH,
                                  .envelope = span_of_text("envelope"),
                                  .part = part,
                                  .row_count = 2,
                                  .rows = rows,
                                  .places = places,
                                  .proofs = proofs};
}

static void documents_are_read_back(void **state)
{
    struct span rows[2], proofs[2];
    uint32_t places[2];
    struct document_files files;
    struct error error;
    (void)state;
    const char *dir = in_scratch("");
    assert_int_equal(document_files_load(dir, &files, &error), ERR_OK);
    assert_int_equal(files.count, 0);
    document_files_free(&files);
    struct document_file part = made_document(rows, places, proofs, true);
    assert_int_equal(document_file_write(dir, "b-part", &part, &error), ERR_OK);
    struct document_file whole = made_document(rows, places, proofs, false);
    assert_int_equal(document_file_write(dir, "a-whole", &whole, &error), ERR_OK);
    assert_int_equal(document_file_write(dir, "a-whole", &whole, &error), ERR_OK);
    write_file(in_scratch("documents/readme.txt"), "not a document");
    assert_int_equal(document_files_load(dir, &files, &error), ERR_OK);
    assert_int_equal(files.count, 2);
    assert_string_equal(files.files[0].name, "a-whole.document");
    assert_false(files.files[0].part);
    assert_int_equal(files.files[0].kind, DOCUMENT_BRANCH);
    assert_true(span_equal(files.files[0].rows[1], span_of_text("second")));
    assert_true(files.files[1].part);
    assert_int_equal(files.files[1].places[1], 70);
    assert_true(span_equal(files.files[1].proofs[0], span_of_text("proof")));
    assert_true(span_equal(files.files[1].envelope, span_of_text("envelope")));
    document_files_free(&files);
    write_file(in_scratch("documents/c.document"), "no document");
    assert_int_equal(document_files_load(dir, &files, &error), ERR_MALFORMED);
    assert_non_null(strstr(error.what, "c.document"));
}

/* Every cut is refused; every changed byte is refused or read, never a fault. */
static void damaged_documents_are_refused(void **state)
{
    struct span rows[2], proofs[2];
    uint32_t places[2];
    struct document_file file = made_document(rows, places, proofs, true);
    struct buffer bytes = {0};
    struct error error;
    (void)state;
    const char *path = in_scratch("x.document");
    assert_int_equal(document_file_write_at(path, &file, &error), ERR_OK);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &error), ERR_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(file_replace(path, SPAN(bytes.data, size), 0600, &error), ERR_OK);
        assert_int_equal(document_file_read(path, &file, &error), ERR_MALFORMED);
        assert_non_null(strstr(error.what, "x.document"));
    }
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 0xff;
        assert_int_equal(file_replace(path, span_of_buffer(&bytes), 0600, &error), ERR_OK);
        if (document_file_read(path, &file, &error) == ERR_OK)
            document_file_free(&file);
        bytes.data[at] ^= 0xff;
    }
    buffer_free(&bytes);
}

static void files_have_bounds(void **state)
{
    struct buffer bytes = {0};
    struct error error;
    (void)state;
    write_file(in_scratch("file"), "0123456789");
    assert_int_equal(file_read(in_scratch("file"), 10, &bytes, &error), ERR_OK);
    assert_int_equal(bytes.size, 10);
    assert_int_equal(file_read(in_scratch("file"), 9, &bytes, &error), ERR_OVERSIZE);
    assert_int_equal(mkfifo(in_scratch("pipe"), 0600), 0);
    assert_int_equal(file_read(in_scratch("pipe"), 9, &bytes, &error), ERR_MALFORMED);
    assert_int_equal(file_create(in_scratch("file"), SPAN_EMPTY, 0600, &error), ERR_STALE);
    buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scratch, remove_scratch)
        TEST(init_is_read_back),
        TEST(a_seal_key_is_added),
        TEST(init_is_read_back),
        TEST(init_never_overwrites),
        TEST(escrow_keys_are_lent_and_returned),
        TEST(keys_are_refused),
        TEST(config_faults_have_places),
        TEST(documents_are_read_back),
        TEST(damaged_documents_are_refused),
        TEST(files_have_bounds),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
