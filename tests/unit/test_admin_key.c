/* Key files of people: what opens them, and what doesn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/author/admin_key.h"
#include "node/author/file.h"
#include "node/author/keys.h"

static char place[] = "/tmp/terrace-admin-key-XXXXXX";
static char path[128];
static const char words[] = "four words together here";

static int enter(void **state)
{
    (void)state;
    if (mkdtemp(place) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/li.key", place);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(place);
}

static int drop_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void write_key(uint8_t public_key[static KEY_BYTES])
{
    struct admin_key key;
    struct error error = {0};
    admin_key_make(&key, "李华");
    memcpy(public_key, key.public_key, KEY_BYTES);
    assert_int_equal(admin_key_write(path, &key, span_of_text(words), false, &error), ERR_OK);
    assert_int_equal(admin_key_write(path, &key, span_of_text(words), false, &error), ERR_STALE);
    admin_key_free(&key);
}

static struct buffer file_text(void)
{
    struct buffer text = {0};
    assert_int_equal(file_read(path, 1 << 20, &text, NULL), ERR_OK);
    return text;
}

/* The file with `from` changed to `to`. */
static void change(const char *from, const char *to)
{
    struct buffer text = file_text(), changed = {0};
    const uint8_t *at = memmem(text.data, text.size, from, strlen(from));
    assert_non_null(at);
    buffer_append(&changed, text.data, (size_t)(at - text.data));
    buffer_append(&changed, to, strlen(to));
    buffer_append(&changed, at + strlen(from), text.size - (size_t)(at - text.data) - strlen(from));
    assert_int_equal(file_replace(path, span_of_buffer(&changed), 0600, NULL), ERR_OK);
    buffer_free(&text);
    buffer_free(&changed);
}

static enum error_code open_with(const char *passphrase, struct admin_key *key, struct error *error)
{
    enum error_code code = admin_key_load(path, key, error);
    return code != ERR_OK ? code : admin_key_unlock(key, path, span_of_text(passphrase), error);
}

static void a_key_opens_with_its_passphrase_alone(void **state)
{
    (void)state;
    uint8_t public_key[KEY_BYTES], signature[SIGNATURE_BYTES];
    struct hash hash = {{1}};
    struct admin_key key;
    struct error error = {0};
    struct stat status;
    write_key(public_key);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(open_with("four words together her", &key, &error), ERR_NOT_ALLOWED);
    assert_non_null(strstr(error.why, "passphrase"));
    assert_null(key.secret);
    assert_int_equal(admin_key_unlock(&key, path, span_of_text(words), &error), ERR_OK);
    assert_string_equal(key.name, "李华");
    assert_memory_equal(key.public_key, public_key, KEY_BYTES);
    sign_hash(&hash, key.secret, signature);
    assert_true(verify_hash(&hash, signature, public_key));
    admin_key_free(&key);
    assert_int_equal(open_with("", &key, &error), ERR_NOT_ALLOWED);
    admin_key_free(&key);
}

static void nothing_secret_stands_in_the_file(void **state)
{
    (void)state;
    struct admin_key key;
    char seed[65];
    admin_key_make(&key, "");
    assert_int_equal(admin_key_write(path, &key, span_of_text(words), false, NULL), ERR_OK);
    struct buffer text = file_text();
    hex_write(seed, key.secret, 32);
    assert_null(memmem(text.data, text.size, seed, 64));
    assert_null(memmem(text.data, text.size, key.secret, 32));
    buffer_free(&text);
    admin_key_free(&key);
}

static void a_changed_file_does_not_open(void **state)
{
    (void)state;
    static const char *const changes[][2] = {{"李华", "王华"},
                                             {"operations: 2", "operations: 1"},
                                             {"memory_kib: 65536", "memory_kib: 65528"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t public_key[KEY_BYTES];
        struct admin_key key;
        write_key(public_key);
        change(changes[i][0], changes[i][1]);
        assert_int_equal(open_with(words, &key, NULL), ERR_NOT_ALLOWED);
        admin_key_free(&key);
        unlink(path);
    }
}

static void a_hostile_file_takes_neither_memory_nor_time(void **state)
{
    (void)state;
    uint8_t public_key[KEY_BYTES];
    struct admin_key key;
    struct error error = {0};
    write_key(public_key);
    change("memory_kib: 65536", "memory_kib: 4194304");
    assert_int_equal(admin_key_load(path, &key, &error), ERR_OVERSIZE);
    assert_non_null(strstr(error.why, "the most is"));
    change("memory_kib: 4194304", "memory_kib: 65536");
    change("operations: 2", "operations: 4000000000");
    assert_int_equal(admin_key_load(path, &key, &error), ERR_OVERSIZE);
    change("operations: 4000000000", "operations: 2");
    change("terrace_admin_key: 1", "terrace_admin_key: 2");
    assert_int_equal(admin_key_load(path, &key, &error), ERR_NEWER);
}

static void faults_have_a_place(void **state)
{
    (void)state;
    uint8_t public_key[KEY_BYTES];
    struct admin_key key;
    struct error error = {0};
    write_key(public_key);
    change("salt: ", "slat: ");
    assert_int_equal(admin_key_load(path, &key, &error), ERR_INVALID);
    assert_int_not_equal(error.line, 0);
    change("slat: ", "salt: zz");
    assert_int_equal(admin_key_load(path, &key, &error), ERR_INVALID);
    assert_int_equal(error.line, 7);
    assert_int_equal(admin_key_load(place, &key, &error), ERR_MALFORMED);
}

static void a_new_passphrase_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    uint8_t public_key[KEY_BYTES];
    struct admin_key key;
    struct error error = {0};
    write_key(public_key);
    assert_int_equal(open_with(words, &key, NULL), ERR_OK);
    assert_int_equal(admin_key_write(path, &key, span_of_text("short"), true, &error), ERR_INVALID);
    assert_int_equal(admin_key_write(path, &key, span_of_text("another one"), true, &error),
                     ERR_OK);
    admin_key_free(&key);
    assert_int_equal(open_with(words, &key, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(admin_key_unlock(&key, path, span_of_text("another one"), NULL), ERR_OK);
    assert_memory_equal(key.public_key, public_key, KEY_BYTES);
    admin_key_free(&key);
}

static void a_plain_key_is_read_too(void **state)
{
    (void)state;
    uint8_t seed[32] = {9}, public_key[KEY_BYTES], secret[SECRET_BYTES];
    struct admin_key key;
    sign_key_pair(seed, public_key, secret);
    assert_int_equal(secret_file_write(path, "terrace-admin-key", seed, sizeof seed, NULL), ERR_OK);
    assert_int_equal(admin_key_load(path, &key, NULL), ERR_OK);
    assert_false(key.encrypted);
    assert_memory_equal(key.secret, secret, SECRET_BYTES);
    admin_key_free(&key);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(admin_key_load(path, &key, NULL), ERR_NOT_ALLOWED);
}

static void a_concealed_process_leaves_no_core(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        process_conceal();
        bool hidden = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                      getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0;
        _exit(hidden ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_key_opens_with_its_passphrase_alone, drop_file),
        cmocka_unit_test_teardown(nothing_secret_stands_in_the_file, drop_file),
        cmocka_unit_test_teardown(a_changed_file_does_not_open, drop_file),
        cmocka_unit_test_teardown(a_hostile_file_takes_neither_memory_nor_time, drop_file),
        cmocka_unit_test_teardown(faults_have_a_place, drop_file),
        cmocka_unit_test_teardown(a_new_passphrase_takes_the_place_of_the_old_one, drop_file),
        cmocka_unit_test_teardown(a_plain_key_is_read_too, drop_file),
        cmocka_unit_test(a_concealed_process_leaves_no_core),
    };
    if (!crypto_start())
        return 1;
    return cmocka_run_group_tests(tests, enter, leave);
}
