/* Real nodes, one of which has lost its parent: it goes on over its fallback, which knows neither
 * what passes nor that it has passed, and back as soon as the parent answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/process/node_world.h"

#define CANARY "words that pass over T2"

static const char table[] = "code,name,tier,parent\n"
                            "C,County,county,\n"
                            "T1,Township,township,C\n"
                            "T2,Another,township,C\n"
                            "V1,Village,village,T1\n";

static struct node_world world;

/* T2 doesn't know V1: it has to ask for its row. */
static int make_world(void **state)
{
    (void)state;
    node_world_make_fallback(&world, table, "V1", "T2", "T1");
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    node_world_end(&world);
    return 0;
}

static struct node_world_seat *at(const char *code)
{
    return node_world_seat(&world, code);
}

static void put(const char *code, const char *type, const char *title, char id[static 33])
{
    struct buffer args = node_world_args("type", type, "fields.title", title, NULL);
    struct api_answer answer = node_world_ask(at(code), "put", span_of_buffer(&args), NULL);
    assert_int_equal(answer.status, API_DONE);
    node_world_id(answer.value, id);
    buffer_free(&args);
}

static bool has_title(const struct api_answer *answer, const void *title)
{
    return answer->status == API_DONE && node_world_is_text(answer->value, "fields.title", title);
}

static void until_title(const char *code, const char *type, const char *id, const char *title)
{
    struct buffer args = node_world_args("type", type, "id", id, NULL);
    node_world_until(at(code), "get", span_of_buffer(&args), has_title, title);
    buffer_free(&args);
}

static bool is_absent(const char *code, const char *id)
{
    struct buffer args = node_world_args("type", "incident", "id", id, NULL);
    struct api_answer answer = node_world_ask(at(code), "get", span_of_buffer(&args), NULL);
    buffer_free(&args);
    return answer.status == API_ERROR;
}

static void look_in(const char *path)
{
    FILE *file = fopen(path, "r");
    struct stat status;
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    size_t got = fread(bytes, 1, (size_t)status.st_size, file);
    if (memmem(bytes, got, CANARY, strlen(CANARY)) != NULL)
        fail_msg("the words are in %s", path);
    free(bytes);
    fclose(file);
}

/* Store and log: T2 writes every line that it can. */
static void keeps_nothing(const char *code)
{
    DIR *open = opendir(at(code)->dir);
    const struct dirent *entry;
    char path[512];
    unsigned files = 0;
    assert_non_null(open);
    while ((entry = readdir(open)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", at(code)->dir, entry->d_name);
        struct stat status;
        if (lstat(path, &status) == 0 && S_ISREG(status.st_mode)) {
            look_in(path);
            files++;
        }
    }
    closedir(open);
    assert_true(files > 2);
}

/* Whether the words stand anywhere in the memory of a running node that it can write to. */
static bool is_in_memory(const char *code)
{
    enum { PIECE = 1 << 20, WORDS = sizeof CANARY - 1 };
    static const unsigned long RESERVED = 1UL << 36; /* no memory, but a sanitizer's shadow of it */
    static char bytes[PIECE];
    char path[64], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)at(code)->process);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)at(code)->process);
    FILE *maps = fopen(path, "r");
    assert_true(memory >= 0 && maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w' ||
            to - from > RESERVED)
            continue;
        for (; from < to && !found; from += PIECE - WORDS) {
            size_t most = to - from < PIECE ? to - from : PIECE;
            ssize_t got = pread(memory, bytes, most, (off_t)from);
            found = got > 0 && memmem(bytes, (size_t)got, CANARY, WORDS) != NULL;
        }
    }
    fclose(maps);
    close(memory);
    return found;
}

static bool log_says(const char *code, const char *words)
{
    static char line[4096];
    char path[512];
    bool found = false;
    snprintf(path, sizeof path, "%s/log", at(code)->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strstr(line, words) != NULL;
    fclose(file);
    return found;
}

static uint64_t count_at(const char *code)
{
    struct api_answer answer = node_world_ask(at(code), "status", SPAN_EMPTY, NULL);
    return node_world_number(answer.value, "records");
}

static void past_the_parent_and_back(void **state)
{
    static const char *const seats[] = {"C", "T1", "T2", "V1"};
    char before[33], over[33], down[33];
    (void)state;
    for (size_t i = 0; i < 4; i++)
        node_world_start(at(seats[i]));
    put("V1", "incident", "a bridge", before);
    until_title("C", "incident", before, "a bridge");
    node_world_kill(at("T1"));
    put("V1", "incident", CANARY, over);
    node_world_until_uplink(at("V1"), "over fallback");
    until_title("C", "incident", over, CANARY);
    struct api_answer answer = node_world_ask(at("V1"), "status", SPAN_EMPTY, NULL);
    assert_true(node_world_is_text(answer.value, "uplink.over", "T2"));
    assert_true(node_world_is_text(answer.value, "uplink.past_to", "C"));
    put("C", "directive", "boil the water", down);
    until_title("V1", "directive", down, "boil the water");
    assert_true(is_absent("T2", over));
    keeps_nothing("T2");
    assert_true(is_in_memory("V1")); /* where they are, they are found */
    assert_false(is_in_memory("T2"));
    assert_true(log_says("T2", "V1 wants to be put through; its row is asked for"));
    /* the host goes and comes: the village finds its way again */
    node_world_kill(at("T2"));
    node_world_until_uplink(at("V1"), "dialling");
    node_world_start(at("T2"));
    node_world_until_uplink(at("V1"), "over fallback");
    node_world_start(at("T1"));
    node_world_until_uplink(at("V1"), "live");
    until_title("T1", "incident", over, CANARY);
    until_title("T1", "directive", down, "boil the water");
    assert_int_equal(count_at("C"), 3);
    assert_int_equal(count_at("T1"), 3);
    assert_int_equal(count_at("V1"), 3);
    assert_int_equal(count_at("T2"), 1);
    keeps_nothing("T2");
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(past_the_parent_and_back, make_world, end_world),
    };
    node_world_child(argument_count, arguments);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
