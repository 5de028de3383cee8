/* terrace verify on real nodes: of a running one and of a stopped one; what is damaged is named,
 * left as it is, and made good by --repair and by the nodes around. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

enum { PAGE_BYTES = 4096 };

static int verify(const char *node)
{
    return terrace_run("--json", "-d", node, "verify", NULL);
}

static long long checked(const char *what)
{
    return json_integer_value(json_object_get(json_object_get(terrace_json(), "checked"), what));
}

static const char *result_in_status(const char *node)
{
    assert_int_equal(terrace_run("--json", "-d", node, "status", NULL), 0);
    return json_string_value(
        json_object_get(json_object_get(terrace_json(), "verified"), "result"));
}

static void a_sound_store_is_found_sound_running_or_not(void **state)
{
    (void)state;
    const char *directory = drill_up("sound", tree_of_five), *node = drill_node(directory, "T1");
    drill_load(directory, "300", NULL);
    drill_holds(directory, 300, 300);
    assert_string_equal(result_in_status(node), "never");
    assert_int_equal(verify(node), 0);
    assert_true(json_is_true(json_object_get(terrace_json(), "sound")));
    long long records = checked("records");
    assert_true(records > 50 && checked("entries") >= records && checked("notes") > 0);
    assert_string_equal(result_in_status(node), "sound");
    drill_down(directory);
    assert_int_equal(verify(node), 0);
    assert_int_equal(checked("records"), records);
    assert_int_equal(terrace_run("-d", node, "verify", NULL), 0);
    assert_non_null(strstr(terrace_output(), "\nsound\n"));
}

static char *file_of(const char *node, size_t *size)
{
    char path[PATH_MAX];
    struct stat status;
    snprintf(path, sizeof path, "%s/data/data.mdb", node);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *bytes = malloc((size_t)status.st_size);
    assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    fclose(file);
    *size = (size_t)status.st_size;
    return bytes;
}

static void zero_page(const char *node, size_t page)
{
    static const char zeros[PAGE_BYTES];
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/data/data.mdb", node);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(page * PAGE_BYTES), SEEK_SET), 0);
    assert_int_equal(fwrite(zeros, 1, sizeof zeros, file), sizeof zeros);
    assert_int_equal(fclose(file), 0);
}

/* Pages are emptied until one of them was in use; the last ones are the newest. */
static void damage(const char *node)
{
    size_t size;
    free(file_of(node, &size));
    for (size_t page = size / PAGE_BYTES - 1; page > 2; page--) {
        zero_page(node, page);
        if (verify(node) == 1)
            return;
        assert_int_equal(terrace_number("damaged"), 0);
    }
    fail_msg("no page of %s is in use", node);
}

static void a_damaged_store_is_named_and_left_alone(void **state)
{
    size_t size, size_after;
    (void)state;
    const char *directory = drill_up("damaged", tree_of_five), *node = drill_node(directory, "T1");
    drill_load(directory, "300", NULL);
    drill_holds(directory, 300, 300);
    drill_down(directory);
    damage(node);
    char *before = file_of(node, &size);
    assert_int_equal(verify(node), 1);
    assert_true(json_is_false(json_object_get(terrace_json(), "sound")));
    assert_true(terrace_number("damaged") > 0);
    assert_true(json_array_size(json_object_get(terrace_json(), "findings")) > 0);
    assert_non_null(strstr(terrace_errors(), "--repair"));
    char *after = file_of(node, &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    free(before);
    free(after);
}

static void a_repaired_store_is_sound_and_fills_up_again(void **state)
{
    char kept[PATH_MAX];
    struct stat status;
    (void)state;
    const char *directory = drill_up("repaired", tree_of_five), *node = drill_node(directory, "T1");
    drill_load(directory, "300", "V1,V2");
    drill_holds(directory, 300, 300);
    assert_int_equal(terrace_run("-d", node, "verify", "--repair", NULL), 1); /* it serves */
    assert_non_null(strstr(terrace_errors(), "in use"));
    drill_down(directory);
    damage(node);
    assert_int_equal(terrace_run("--json", "-d", node, "verify", "--repair", NULL), 0);
    snprintf(kept, sizeof kept, "%s/data.damaged-1", node);
    assert_int_equal(stat(kept, &status), 0);
    assert_int_equal(verify(node), 0);
    assert_int_equal(
        terrace_run("drill", "start", "--dir", directory, "C", "T1", "T2", "V1", "V2", NULL), 0);
    drill_holds(directory, 300, 300);
    assert_int_equal(node_epoch(node), 2);
    drill_down(directory);
    assert_int_equal(verify(node), 0);
}

static void a_deleted_store_is_begun_anew(void **state)
{
    (void)state;
    const char *directory = drill_up("deleted", tree_of_five), *node = drill_node(directory, "T1");
    drill_load(directory, "200", "V1");
    drill_holds(directory, 200, 200);
    drill_act(directory, "kill", "T1");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/data/data.mdb", node);
    assert_int_equal(remove(path), 0);
    assert_int_equal(terrace_run("-d", node, "run", NULL), 3);
    assert_non_null(strstr(terrace_errors(), "verify --repair"));
    assert_int_equal(terrace_run("-d", node, "verify", "--repair", NULL), 0);
    drill_act(directory, "start", "T1");
    drill_holds(directory, 200, 200);
    assert_true(node_epoch(node) >= 2);
    drill_down(directory);
}

static bool is_there(const char *node, const char *name)
{
    char path[2 * PATH_MAX];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", node, name);
    return stat(path, &status) == 0;
}

static void write_mark(const char *node)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/suspect", node);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void a_marked_store_is_made_good_before_it_is_served(void **state)
{
    (void)state;
    const char *directory = drill_up("marked", tree_of_five), *node = drill_node(directory, "T1");
    drill_load(directory, "200", "V1,V2");
    drill_holds(directory, 200, 200);
    drill_act(directory, "kill", "T1");
    damage(node);
    write_mark(node);
    drill_act(directory, "start", "T1");
    assert_true(is_there(node, "data.damaged-1"));
    assert_false(is_there(node, "suspect"));
    assert_string_equal(result_in_status(node), "sound");
    drill_holds(directory, 200, 200);
    drill_down(directory);
}

static bool is_silent(const void *node)
{
    return terrace_run("-d", node, "status", NULL) != 0;
}

static bool is_found_sound(const void *node)
{
    return strcmp(result_in_status(node), "sound") == 0;
}

/* SIGSEGV as the kernel would send it for a page that leads nowhere. */
static void a_death_by_what_it_read_leaves_the_mark(void **state)
{
    (void)state;
    const char *directory = drill_up("died", tree_of_five), *node = drill_node(directory, "V1");
    pid_t pid = node_process(node);
    assert_true(pid > 1);
    assert_false(is_there(node, "suspect"));
    assert_int_equal(kill(pid, SIGSEGV), 0);
    until(is_silent, node, "the node has died");
    assert_true(is_there(node, "suspect"));
    drill_act(directory, "start", "V1");
    assert_false(is_there(node, "suspect"));
    assert_string_equal(result_in_status(node), "sound");
    assert_int_equal(node_epoch(node), 1);
    drill_down(directory);
}

static void an_unclean_end_is_looked_into_while_the_node_serves(void **state)
{
    (void)state;
    const char *directory = drill_up("unclean", tree_of_five), *node = drill_node(directory, "V1");
    assert_true(is_there(node, "running"));
    assert_string_equal(result_in_status(node), "never");
    drill_act(directory, "kill", "V1");
    assert_true(is_there(node, "running"));
    drill_act(directory, "start", "V1");
    until(is_found_sound, node, "the store is found sound"); /* it serves meanwhile */
    drill_down(directory);
    assert_false(is_there(node, "running"));
}

int main(int count, char **values)
{
#define VERIFY(name) cmocka_unit_test_teardown(name, terrace_drill_end)
    const struct CMUnitTest tests[] = {
        VERIFY(a_sound_store_is_found_sound_running_or_not),
        VERIFY(a_damaged_store_is_named_and_left_alone),
        VERIFY(a_repaired_store_is_sound_and_fills_up_again),
        VERIFY(a_deleted_store_is_begun_anew),
        VERIFY(a_marked_store_is_made_good_before_it_is_served),
        VERIFY(a_death_by_what_it_read_leaves_the_mark),
        VERIFY(an_unclean_end_is_looked_into_while_the_node_serves),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
