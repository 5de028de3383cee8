/* Of three tiers the township or the village is watched: it writes, the township passes on what the
 * village writes, and the county is asked what has come. */
#include "tests/crash/crash_record.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "replication/query/query.h"
#include "tests/crash/disk_shim.h"
#include "tests/crash/disk_trace.h"

enum { ROUNDS = 14, TOGETHER = 4 };

struct recording {
    struct node_world_seat *above, *watched, *other;
    int trace;
    unsigned count;
};

static void observe(const struct recording *recording, enum trace_kind kind, const char *id,
                    const char *title)
{
    char text[128];
    int size = snprintf(text, sizeof text, "%s%c%s", id, 0, title);
    struct trace_record head = {.kind = (uint16_t)kind, .size = (uint32_t)size};
    char whole[sizeof head + sizeof text];
    memcpy(whole, &head, sizeof head);
    memcpy(whole + sizeof head, text, (size_t)size);
    size_t bytes = sizeof head + (size_t)size;
    assert_int_equal(write(recording->trace, whole, bytes), (ssize_t)bytes);
}

static void hear_put(struct recording *recording, struct node_world_seat *seat, const char *title,
                     char id[static 33])
{
    struct api_answer answer;
    assert_true(node_world_hear(seat, &answer));
    assert_int_equal(answer.status, API_DONE);
    node_world_id(answer.value, id);
    if (seat == recording->watched)
        observe(recording, TRACE_ACKNOWLEDGED, id, title);
}

static void say_put(struct node_world_seat *seat, const char *title)
{
    struct buffer args = node_world_args("type", "incident", "fields.title", title, NULL);
    node_world_say(seat, "put", span_of_buffer(&args));
    buffer_free(&args);
}

static void set(struct recording *recording, const char *id, const char *title)
{
    struct buffer args = node_world_args("type", "incident", "id", id, "fields.title", title, NULL);
    struct api_answer answer =
        node_world_ask(recording->watched, "set", span_of_buffer(&args), NULL);
    assert_int_equal(answer.status, API_DONE);
    observe(recording, TRACE_ACKNOWLEDGED, id, title);
    buffer_free(&args);
}

static bool is_found(const struct api_answer *answer, const void *context)
{
    (void)context;
    return answer->status == API_DONE;
}

static void until_seen(struct recording *recording, struct node_world_seat *seat, const char *id,
                       bool observed)
{
    struct buffer args = node_world_args("type", "incident", "id", id, NULL);
    node_world_until(seat, "get", span_of_buffer(&args), is_found, NULL);
    buffer_free(&args);
    if (observed)
        observe(recording, TRACE_SEEN, id, "");
}

/* Some at once, one changed, one of the other's, and now and then a look at the county. */
static void one_round(struct recording *recording)
{
    char titles[TOGETHER][32], ids[TOGETHER][33], id[33];
    for (unsigned i = 0; i < TOGETHER; i++) {
        snprintf(titles[i], sizeof titles[i], "put %u", recording->count++);
        say_put(recording->watched, titles[i]);
    }
    say_put(recording->other, "beside");
    for (unsigned i = 0; i < TOGETHER; i++)
        hear_put(recording, recording->watched, titles[i], ids[i]);
    hear_put(recording, recording->other, "", id);
    snprintf(titles[0], sizeof titles[0], "set %u", recording->count++);
    set(recording, ids[0], titles[0]);
    if (recording->count % 3 == 0) {
        for (unsigned i = 0; i < TOGETHER; i++)
            until_seen(recording, recording->above, ids[i], true);
        if (recording->watched->code[0] == 'T') /* on its way up it comes here */
            until_seen(recording, recording->watched, id, false);
    }
}

struct node_world_seat *crash_record(struct node_world *world, uint64_t seed)
{
    char path[160];
    node_world_make(world, "code,name,tier,parent\nC,County,county,\nT,Township,township,C\n"
                           "V,Village,village,T\n");
    bool relays = seed % 2 != 0;
    struct recording recording = {.above = node_world_seat(world, "C"),
                                  .watched = node_world_seat(world, relays ? "T" : "V"),
                                  .other = node_world_seat(world, relays ? "V" : "T")};
    struct disk_control *control = disk_control_make(recording.watched->dir);
    control->record = 1;
    snprintf(path, sizeof path, "%s.trace", recording.watched->dir);
    recording.trace = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(recording.trace >= 0);
    node_world_start(recording.watched);
    node_world_start(recording.above);
    node_world_start(recording.other);
    for (unsigned i = 0; i < ROUNDS / 2; i++)
        one_round(&recording);
    node_world_kill(recording.watched);
    node_world_start(recording.watched);
    for (unsigned i = ROUNDS / 2; i < ROUNDS; i++)
        one_round(&recording);
    for (size_t i = 0; i < world->count; i++)
        node_world_kill(&world->seats[i]);
    close(recording.trace);
    return recording.watched;
}
