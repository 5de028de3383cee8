/* Real nodes that are killed, cut, copied, moved and damaged while people write: nothing that was
 * acknowledged is lost, nothing is counted twice, and no dot is used by two. */
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

enum { KILLS = 12, FLAPS = 12 };

static void a_writer_that_dies_again_and_again_loses_nothing(void **state)
{
    (void)state;
    const char *directory = drill_up("kills", tree_of_five);
    pid_t load = background("drill", "load", "--dir", directory, "--records", "3000", NULL);
    for (unsigned i = 0; i < KILLS; i++) {
        drill_act(directory, "kill", i % 3 == 0 ? "T1" : "V1");
        drill_act(directory, "start", i % 3 == 0 ? "T1" : "V1");
    }
    assert_int_equal(background_wait(load), 0);
    drill_holds(directory, 3000, 3000);
    assert_int_equal(node_epoch(drill_node(directory, "V1")), 1);
    assert_int_equal(node_epoch(drill_node(directory, "T1")), 1);
    drill_down(directory);
}

static void links_that_come_and_go_lose_nothing(void **state)
{
    static const char deep[] = "code,name,tier,parent\na,a,t1,\nb,b,t2,a\nc,c,t3,b\nd,d,t4,c\n"
                               "e,e,t5,d\nf,f,t6,e\ng,g,t7,f\nh,h,t7,b\n";
    (void)state;
    const char *directory = drill_up("flaps", deep);
    pid_t load = background("drill", "load", "--dir", directory, "--records", "2000", NULL);
    for (unsigned i = 0; i < FLAPS; i++) {
        drill_act(directory, "cut", i % 2 == 0 ? "c" : "f");
        drill_act(directory, "heal", i % 2 == 0 ? "c" : "f");
    }
    assert_int_equal(background_wait(load), 0);
    drill_holds(directory, 2000, 2000);
    drill_down(directory);
}

struct beside {
    const char *node;
    pid_t pid;
};

static bool serves(const void *context)
{
    const struct beside *beside = context;
    assert_true(background_runs(beside->pid));
    return terrace_run("-d", beside->node, "status", NULL) == 0;
}

static pid_t run_beside(const char *node)
{
    pid_t pid = background("-d", node, "run", NULL);
    until(serves, &(struct beside){node, pid}, "a node in a directory of its own serves");
    return pid;
}

/* cp -a while the node runs: two machines with one key. */
static void a_copied_directory_is_a_new_epoch(void **state)
{
    (void)state;
    const char *directory = drill_up("copied", tree_of_five);
    char first[PATH_MAX], copy[PATH_MAX], county[PATH_MAX], of_copy[64], of_first[64];
    snprintf(first, sizeof first, "%s", drill_node(directory, "V1"));
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    snprintf(copy, sizeof copy, "%s", terrace_path("copy of V1"));
    drill_load(directory, "40", "V1");
    tool("cp", "-a", first, copy, NULL);
    pid_t other = run_beside(copy);
    snprintf(of_copy, sizeof of_copy, "%s", node_put(copy, "incident", "甲"));
    snprintf(of_first, sizeof of_first, "%s", node_put(first, "incident", "乙"));
    assert_string_not_equal(of_copy, of_first);
    assert_true(node_epoch(copy) >= 2);
    drill_act(directory, "kill", "V1"); /* one link a key: they take it from each other */
    node_gets(county, "incident", of_copy);
    assert_int_equal(background_stop(other), 0);
    drill_act(directory, "start", "V1");
    node_gets(first, "incident", of_copy);
    node_gets(county, "incident", of_first);
    drill_act(directory, "kill", "V1"); /* what is held of the copy's epoch counts at once */
    drill_act(directory, "start", "V1");
    node_put(first, "incident", "丙");
    drill_holds(directory, 40, 43);
    drill_down(directory);
}

static void a_moved_directory_goes_on_in_its_epoch(void **state)
{
    (void)state;
    const char *directory = drill_up("moved", tree_of_five);
    const char *here = drill_node(directory, "V2"), *there = terrace_path("moved away");
    drill_load(directory, "20", NULL);
    drill_act(directory, "kill", "V2");
    tool("mv", here, there, NULL);
    pid_t pid = run_beside(there);
    assert_int_equal(node_epoch(there), 1);
    node_put(there, "incident", "甲");
    assert_int_equal(background_stop(pid), 0);
    tool("mv", there, here, NULL);
    drill_act(directory, "start", "V2");
    assert_int_equal(node_epoch(here), 1);
    drill_holds(directory, 20, 21);
    drill_down(directory);
}

/* The file is lost, or cut off: the next start must say so and begin a new epoch. */
static void begin_anew(const char *directory, const char *file, bool remove)
{
    const char *node = drill_node(directory, "V1"), *path = drill_node(node, file);
    long long before = node_epoch(node);
    drill_act(directory, "kill", "V1");
    if (remove)
        tool("rm", path, NULL);
    else
        tool("truncate", "-s", "20", path, NULL);
    drill_act(directory, "start", "V1");
    assert_int_equal(node_epoch(node), before + 1);
    const char *why =
        json_string_value(json_object_get(json_object_get(terrace_json(), "epoch"), "why"));
    assert_non_null(strstr(why, "high-water file"));
}

static void a_lost_high_water_file_is_a_new_epoch(void **state)
{
    (void)state;
    const char *directory = drill_up("marks", tree_of_five);
    drill_load(directory, "20", NULL);
    begin_anew(directory, "high_water", true);
    node_put(drill_node(directory, "V1"), "incident", "甲");
    begin_anew(directory, "high_water", false);
    node_put(drill_node(directory, "V1"), "incident", "乙");
    drill_holds(directory, 20, 22);
    drill_down(directory);
}

static void must_not_serve(const char *node, const char *word)
{
    int status = terrace_run("-d", node, "run", NULL);
    if (status != 3 || strstr(terrace_errors(), word) == NULL)
        fail_msg("run ended with %d, expected 3 and '%s': %s", status, word, terrace_errors());
}

static void flip_byte(const char *path)
{
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long middle = ftell(file) / 2;
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x41, file), byte ^ 0x41);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_directory_does_not_serve(void **state)
{
    (void)state;
    const char *directory = drill_up("damaged", tree_of_five);
    const char *node = drill_node(directory, "V1"), *data = drill_node(directory, "V1/data");
    const char *document = drill_node(directory, "V1/documents/1-01-T1.document");
    const char *key = drill_node(directory, "V1/keys/signing.key"), *aside = terrace_path("aside");
    drill_load(directory, "50", NULL);
    drill_act(directory, "kill", "V1");
    tool("cp", "-a", data, aside, NULL);
    tool("truncate", "-s", "20000", drill_node(directory, "V1/data/data.mdb"), NULL);
    must_not_serve(node, "cut off");
    tool("rm", "-r", data, NULL);
    flip_byte(document);
    must_not_serve(node, "1-01-T1.document is not taken");
    flip_byte(document); /* as it was */
    tool("chmod", "644", key, NULL);
    must_not_serve(node, "others than its owner may read it");
    tool("chmod", "600", key, NULL);
    tool("rm", "-rf", data, NULL);
    tool("cp", "-a", aside, data, NULL);
    drill_act(directory, "start", "V1");
    drill_holds(directory, 50, 50);
    drill_down(directory);
}

static void a_second_process_is_refused(void **state)
{
    (void)state;
    const char *directory = drill_up("second", tree_of_five), *node = drill_node(directory, "V1");
    assert_int_equal(terrace_run("-d", node, "run", NULL), 1);
    assert_non_null(strstr(terrace_errors(), "in use"));
    node_put(node, "incident", "甲"); /* the first one serves on */
    drill_holds(directory, 0, 1);
    drill_down(directory);
}

/* Whether any process was started with this directory in its command line. */
static bool runs_anything(const char *directory)
{
    bool runs = false;
    DIR *all = opendir("/proc");
    assert_non_null(all);
    for (struct dirent *one = readdir(all); one != NULL && !runs; one = readdir(all)) {
        char path[PATH_MAX], line[PATH_MAX];
        snprintf(path, sizeof path, "/proc/%s/cmdline", one->d_name);
        FILE *file = fopen(path, "re");
        size_t size = file == NULL ? 0 : fread(line, 1, sizeof line, file);
        runs = memmem(line, size, directory, strlen(directory)) != NULL;
        if (file != NULL)
            fclose(file);
    }
    closedir(all);
    return runs;
}

static bool nothing_runs(const void *directory)
{
    return !runs_anything(directory);
}

struct up {
    const char *file;
    pid_t pid;
};

static bool up_has_made(const void *context)
{
    const struct up *up = context;
    assert_true(background_runs(up->pid));
    return access(up->file, F_OK) == 0;
}

static void an_interrupted_up_leaves_nothing(void **state)
{
    (void)state;
    const char *directory = terrace_path("interrupted"), *table = terrace_path("seven.csv");
    terrace_file("seven.csv", "code,name,tier,parent\na,a,t1,\nb,b,t2,a\nc,c,t3,b\nd,d,t4,c\n"
                              "e,e,t5,d\nf,f,t6,e\ng,g,t7,f\nh,h,t7,b\ni,i,t7,b\nj,j,t7,b\n");
    const char *first = drill_node(directory, "a/log"), *last = drill_node(directory, "j/log");
    for (unsigned i = 0; i < 2; i++) {
        pid_t up = background("drill", "up", "--tree", table, "--dir", directory, NULL);
        until(up_has_made, &(struct up){i == 0 ? first : last, up}, "a node's log is there");
        assert_int_equal(kill(up, i == 0 ? SIGINT : SIGKILL), 0);
        assert_true(background_wait(up) >= 128);
        until(nothing_runs, directory, "what the command began has ended");
        assert_int_not_equal(access(directory, F_OK), 0);
    }
}

/* A drill whose list of processes is of the past. */
static void nodes_that_no_list_names_are_found(void **state)
{
    (void)state;
    const char *directory = drill_up("listed", tree_of_five), *aside = terrace_path("aside.json");
    tool("cp", drill_node(directory, "drill.json"), aside, NULL);
    drill_act(directory, "kill", "V1");
    drill_act(directory, "start", "V1");
    tool("cp", aside, drill_node(directory, "drill.json"), NULL);
    assert_int_equal(terrace_run("drill", "status", "--json", "--dir", directory, NULL), 0);
    assert_int_equal(terrace_number("up"), 5);
    drill_down(directory);
    assert_false(runs_anything(directory));
}

int main(int count, char **values)
{
#define HARD(name) cmocka_unit_test_teardown(name, terrace_drill_end)
    const struct CMUnitTest tests[] = {
        HARD(a_writer_that_dies_again_and_again_loses_nothing),
        HARD(links_that_come_and_go_lose_nothing),
        HARD(a_copied_directory_is_a_new_epoch),
        HARD(a_moved_directory_goes_on_in_its_epoch),
        HARD(a_lost_high_water_file_is_a_new_epoch),
        HARD(a_damaged_directory_does_not_serve),
        HARD(a_second_process_is_refused),
        HARD(an_interrupted_up_leaves_nothing),
        HARD(nodes_that_no_list_names_are_found),
    };
    if (count != 2)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
