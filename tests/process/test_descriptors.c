/* A node that may have 64 descriptors, and callers that take all of them: what is connected goes
 * on, nothing spins, and when some come free, callers are answered again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/process/node_world.h"

enum {
    DESCRIPTORS = 64,
    CALLERS = 90,
    WATCH_MS = 1500,
    BUSY_PART = 2, /* of that time: a loop that spins takes all of it */
};

static struct node_world world;

static struct node_world_seat *at(const char *code)
{
    return node_world_seat(&world, code);
}

static int make_world(void **state)
{
    (void)state;
    node_world_make(&world, "code,name,tier,parent\nC,County,county,\nT,Township,township,C\n"
                            "V,Village,village,T\n");
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    node_world_end(&world);
    return 0;
}

static bool is_done(const struct api_answer *answer, const void *context)
{
    (void)context;
    return answer->status == API_DONE;
}

/* Put at one, read at the other. */
static void flows(const char *from, const char *to)
{
    struct buffer args = node_world_args("type", "incident", "fields.title", "it flows", NULL);
    struct api_answer answer = node_world_ask(at(from), "put", span_of_buffer(&args), NULL);
    assert_int_equal(answer.status, API_DONE);
    buffer_free(&args);
    char id[NODE_WORLD_ID_ROOM];
    node_world_id(answer.value, id);
    args = node_world_args("type", "incident", "id", id, NULL);
    node_world_until(at(to), "get", span_of_buffer(&args), is_done, NULL);
    buffer_free(&args);
}

/* Whether the node has no descriptor left, which an answer of its own lets us look at. */
static bool none_is_left(const struct api_answer *answer, const void *seat)
{
    char path[64];
    size_t open_count = 0;
    (void)answer;
    snprintf(path, sizeof path, "/proc/%d/fd",
             (int)((const struct node_world_seat *)seat)->process);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        open_count += entry->d_name[0] != '.';
    closedir(folder);
    return open_count >= DESCRIPTORS;
}

/* What the process has used of processors, in milliseconds. */
static uint64_t used_ms(const struct node_world_seat *seat)
{
    char path[64], text[1024];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)seat->process);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    const char *at_state = strrchr(text, ')');
    assert_int_equal(
        sscanf(at_state, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system),
        2);
    return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static int call(const struct node_world_seat *seat)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/api.sock", seat->dir);
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(file >= 0);
    if (connect(file, (struct sockaddr *)&address, sizeof address) == 0)
        return file;
    close(file);
    return -1; /* nobody takes callers in, and its queue is full */
}

static void callers_take_all_descriptors(void **state)
{
    struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
    int callers[CALLERS];
    (void)state;
    node_world_start(at("C"));
    node_world_start(at("T"));
    node_world_start(at("V"));
    node_world_until_uplink(at("T"), "live");
    node_world_until_uplink(at("V"), "live");
    assert_int_equal(prlimit(at("T")->process, RLIMIT_NOFILE, &few, NULL), 0);
    for (size_t i = 0; i < CALLERS; i++)
        callers[i] = call(at("T"));
    node_world_until(at("T"), "status", SPAN_EMPTY, none_is_left, at("T"));
    flows("V", "C");
    flows("T", "C");
    uint64_t before_ms = used_ms(at("T"));
    poll(NULL, 0, WATCH_MS);
    assert_true(used_ms(at("T")) - before_ms < WATCH_MS / BUSY_PART);
    flows("V", "C");
    for (size_t i = 0; i < CALLERS; i++) {
        if (callers[i] >= 0)
            close(callers[i]);
    }
    struct node_world_seat other = *at("T"); /* a new caller */
    other.heard = (struct buffer){0};
    node_world_dial(&other);
    assert_int_equal(node_world_ask(&other, "status", SPAN_EMPTY, NULL).status, API_DONE);
    close(other.api);
    buffer_free(&other.heard);
    flows("T", "C");
}

int main(int argument_count, char **arguments)
{
    node_world_child(argument_count, arguments);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(callers_take_all_descriptors, make_world, end_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
