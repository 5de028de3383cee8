/* A parent and two children under two hundred writes a second, one of them killed at any moment,
 * again and again, and started at once: what was acknowledged is there in the end, at all who hold
 * it, without a new epoch.
 *
 *     kill_loop KILLS SEED
 *
 * The list of what was acknowledged is the client's own: it never asks the nodes what they have
 * promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/process/node_world.h"

enum {
    NODES = 3, /* the parent is the first */
    WRITES_A_SECOND = 200,
    IN_FLIGHT_MAX = 64,
    KILL_WITHIN_MS = 1000,
    STARTED_WITHIN_MS = 120 * 1000,
    ARRIVED_WITHIN_MS = 120 * 1000,
    ID_BYTES = 32,
};

struct ids {
    char (*texts)[ID_BYTES];
    size_t count, capacity;
};

struct target {
    struct node_world_seat *seat;
    bool up;
    uint64_t spawned_ms;
    size_t in_flight;
    struct ids acknowledged;
};

struct loop {
    struct node_world world;
    struct target targets[NODES];
    uint64_t random, began_ms, written;
    uint64_t *starts_ms; /* how long each took */
    size_t start_count;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t draw(struct loop *loop, uint32_t bound)
{
    loop->random = loop->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(loop->random >> 33) % bound;
}

static void keep_id(struct ids *ids, struct span text)
{
    assert_int_equal(text.size, ID_BYTES);
    if (ids->count == ids->capacity) {
        ids->capacity = ids->capacity == 0 ? 256 : 2 * ids->capacity;
        ids->texts = mem_resize(ids->texts, ids->capacity * sizeof *ids->texts);
    }
    memcpy(ids->texts[ids->count++], text.data, ID_BYTES);
}

static bool hear_one(struct target *target)
{
    struct api_answer answer;
    if (!node_world_hear(target->seat, &answer))
        return false;
    target->in_flight--;
    if (answer.status != API_DONE)
        fail_msg("%s refuses: %s", target->seat->code, answer.error.why);
    struct mp_reader reader = api_reader(node_world_at(answer.value, "id"));
    keep_id(&target->acknowledged, mp_read_str(&reader));
    return true;
}

static void hear_what_came(struct target *target)
{
    struct pollfd ready = {.fd = target->seat->api, .events = POLLIN};
    while (target->in_flight > 0 && poll(&ready, 1, 0) > 0)
        assert_true(hear_one(target));
}

static void start(struct loop *loop, struct target *target)
{
    (void)loop;
    node_world_spawn(target->seat);
    target->spawned_ms = now_ms();
}

/* What it answered before it died still counts. */
static void strike(struct loop *loop, struct target *target)
{
    node_world_strike(target->seat);
    while (target->up && target->in_flight > 0 && hear_one(target))
        continue;
    target->up = false;
    target->in_flight = 0;
    start(loop, target);
}

static void greet(struct loop *loop, struct target *target)
{
    if (!node_world_try(target->seat)) {
        assert_true(now_ms() - target->spawned_ms < STARTED_WITHIN_MS);
        return;
    }
    target->up = true;
    loop->starts_ms[loop->start_count++] = now_ms() - target->spawned_ms;
}

static void write_one(struct loop *loop, struct target *target)
{
    char title[32];
    snprintf(title, sizeof title, "write %llu", (unsigned long long)loop->written);
    struct buffer args = node_world_args("type", "incident", "fields.title", title, NULL);
    node_world_say(target->seat, "put", span_of_buffer(&args));
    buffer_free(&args);
    target->in_flight++;
    loop->written++;
}

static void write_what_is_due(struct loop *loop)
{
    uint64_t due = (now_ms() - loop->began_ms) * WRITES_A_SECOND / 1000;
    for (unsigned tried = 0; loop->written < due && tried < NODES;) {
        struct target *target = &loop->targets[draw(loop, NODES)];
        bool free = target->up && target->in_flight < IN_FLIGHT_MAX;
        if (free)
            write_one(loop, target);
        tried = free ? 0 : tried + 1;
    }
}

static void turn(struct loop *loop)
{
    for (size_t i = 0; i < NODES; i++) {
        if (loop->targets[i].up)
            hear_what_came(&loop->targets[i]);
        else
            greet(loop, &loop->targets[i]);
    }
    write_what_is_due(loop);
    poll(NULL, 0, 1);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

static void list_ids(struct node_world_seat *seat, struct ids *ids)
{
    struct buffer args = {0}, pieces = {0};
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, "incident");
    mp_write_text(&args, "limit");
    mp_write_uint(&args, INT64_MAX);
    ids->count = 0;
    struct api_answer answer = node_world_ask(seat, "list", span_of_buffer(&args), &pieces);
    assert_int_equal(answer.status, API_DONE);
    struct mp_reader reader = api_reader(span_of_buffer(&pieces));
    while (reader.at < pieces.size && !reader.failed) {
        for (uint32_t left = mp_read_array(&reader); left > 0; left--) {
            struct mp_reader id = api_reader(node_world_at(mp_read_any(&reader), "id"));
            keep_id(ids, mp_read_str(&id));
        }
    }
    assert_false(reader.failed);
    qsort(ids->texts, ids->count, ID_BYTES, compare_ids);
    buffer_free(&args);
    buffer_free(&pieces);
}

static size_t count_missing(const struct ids *wanted, const struct ids *held)
{
    size_t missing = 0;
    for (size_t i = 0; i < wanted->count; i++)
        missing +=
            bsearch(wanted->texts[i], held->texts, held->count, ID_BYTES, compare_ids) == NULL;
    return missing;
}

static size_t missing_at(struct node_world_seat *holder, const struct target *author)
{
    struct ids held = {0};
    list_ids(holder, &held);
    size_t missing = count_missing(&author->acknowledged, &held);
    free(held.texts);
    return missing;
}

/* At its author at once; at the parent when it has come. */
static void check_target(struct loop *loop, struct target *target)
{
    struct node_world_seat *parent = loop->targets[0].seat;
    uint64_t until = now_ms() + ARRIVED_WITHIN_MS;
    size_t missing = missing_at(target->seat, target);
    if (missing > 0)
        fail_msg("%s lost %zu of %zu that it had acknowledged", target->seat->code, missing,
                 target->acknowledged.count);
    while ((missing = missing_at(parent, target)) > 0) {
        if (now_ms() > until)
            fail_msg("%zu of %s never came to %s", missing, target->seat->code, parent->code);
        poll(NULL, 0, 100);
    }
    struct api_answer answer = node_world_ask(target->seat, "status", SPAN_EMPTY, NULL);
    assert_int_equal(node_world_number(answer.value, "epoch.ordinal"), 1);
    assert_int_equal(node_world_number(answer.value, "quarantine"), 0);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;
    return *one < *other ? -1 : *one > *other;
}

static void settle(struct loop *loop)
{
    for (size_t i = 0; i < NODES; i++) {
        while (!loop->targets[i].up)
            turn(loop);
    }
    for (size_t i = 0; i < NODES; i++) {
        while (loop->targets[i].in_flight > 0)
            assert_true(hear_one(&loop->targets[i]));
    }
}

static void report(struct loop *loop, unsigned long kills, unsigned long long seed)
{
    size_t acknowledged = 0;
    for (size_t i = 0; i < NODES; i++)
        acknowledged += loop->targets[i].acknowledged.count;
    qsort(loop->starts_ms, loop->start_count, sizeof *loop->starts_ms, compare_numbers);
    printf("kill loop: %lu kills, %zu of %llu writes acknowledged, all there; starts took %llu ms "
           "at most, %llu in the middle; seed %llu\n",
           kills, acknowledged, (unsigned long long)loop->written,
           (unsigned long long)loop->starts_ms[loop->start_count - 1],
           (unsigned long long)loop->starts_ms[loop->start_count / 2], seed);
}

static void run(struct loop *loop, unsigned long kills)
{
    for (size_t i = 0; i < NODES; i++)
        start(loop, &loop->targets[i]);
    for (unsigned long left = kills; left > 0; left--) {
        uint64_t until = now_ms() + draw(loop, KILL_WITHIN_MS);
        while (now_ms() < until)
            turn(loop);
        strike(loop, &loop->targets[draw(loop, NODES)]);
    }
    settle(loop);
    for (size_t i = 0; i < NODES; i++)
        check_target(loop, &loop->targets[i]);
}

int main(int count, char **values)
{
    static const char *const codes[NODES] = {"P", "A", "B"};
    node_world_child(count, values);
    if (count != 3)
        return 2;
    unsigned long kills = strtoul(values[1], NULL, 10);
    unsigned long long seed = strtoull(values[2], NULL, 10);
    struct loop *loop = mem_alloc(sizeof *loop);
    loop->random = seed;
    node_world_make(&loop->world, "code,name,tier,parent\nP,Parent,township,\nA,A,village,P\n"
                                  "B,B,village,P\n");
    for (size_t i = 0; i < NODES; i++)
        loop->targets[i].seat = node_world_seat(&loop->world, codes[i]);
    loop->starts_ms = mem_alloc((kills + NODES) * sizeof *loop->starts_ms);
    loop->began_ms = now_ms();
    run(loop, kills);
    report(loop, kills, seed);
    node_world_end(&loop->world);
    for (size_t i = 0; i < NODES; i++)
        free(loop->targets[i].acknowledged.texts);
    free(loop->starts_ms);
    free(loop);
    return 0;
}
