/* One write to a real node, when the node has seen of the record what its simulated twin had. */
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/drill/probe.h"
#include "cli/drill/replay_play.h"
#include "cli/print.h"
#include "cli/value.h"

enum { CLOCK_WAIT_MS_MAX = 1000 };

/* ---- what a node has of a record ---- */

static void append_pair(struct buffer *args, const char *key, const char *text)
{
    mp_write_text(args, key);
    mp_write_text(args, text);
}

static enum error_code ask(const struct replay *replay, size_t seat, const char *verb,
                           const struct buffer *args, json_t **answer, struct error *error)
{
    char path[PATH_MAX];
    struct buffer value = {0};
    enum error_code code = drill_node_path(replay->drill, seat, path, error);
    if (code == ERR_OK)
        code = client_once(path, verb, span_of_buffer(args), &value, error);
    *answer = code == ERR_OK ? value_json(span_of_buffer(&value)) : NULL;
    if (code == ERR_OK && *answer == NULL)
        code = error_set(error, ERR_MALFORMED, path, "its answer to `%s` was not understood", verb);
    buffer_free(&value);
    return code;
}

/* Which write of the record a row of its history is: a seat writes at most once a millisecond. */
static size_t write_of(const struct replay *replay, const struct replay_record *record,
                       const json_t *operation)
{
    const struct replay_schedule *schedule = replay->schedule;
    for (size_t i = 0; i < record->write_count; i++) {
        const struct replay_write *write = &schedule->writes[record->writes[i]];
        if (write->played && write->clock == json_number(operation, "clock") &&
            strcmp(schedule->county->seats[write->seat].code, json_text(operation, "seat")) == 0)
            return record->writes[i];
    }
    return SIZE_MAX;
}

/* The writes of the record that a seat has, a flag each by their places; *count all operations.
 * NULL: it has no such record, or doesn't answer. */
static bool *held_at(const struct replay *replay, size_t seat, const struct replay_record *record,
                     size_t *count)
{
    struct buffer args = {0};
    struct error error;
    char id[33];
    json_t *answer = NULL, *operation = NULL;
    size_t index = 0;
    if (!record->made)
        return NULL;
    record_id_text(&record->real, id);
    mp_write_map(&args, 2);
    append_pair(&args, "type", record->type);
    append_pair(&args, "id", id);
    enum error_code code = ask(replay, seat, "history", &args, &answer, &error);
    buffer_free(&args);
    if (code != ERR_OK)
        return NULL;
    bool *held = mem_alloc((replay->schedule->write_count + 1) * sizeof *held);
    const json_t *operations = json_object_get(json_object_get(answer, "history"), "operations");
    *count = json_array_size(operations);
    json_array_foreach(operations, index, operation)
    {
        size_t write = write_of(replay, record, operation);
        if (write != SIZE_MAX)
            held[write] = true;
    }
    json_decref(answer);
    return held;
}

bool replay_holds(struct replay *replay, size_t seat, const struct replay_write *write)
{
    size_t count = 0;
    bool *held = held_at(replay, seat, &replay->schedule->records[write->record], &count);
    bool holds = held != NULL && held[write - replay->schedule->writes];
    free(held);
    return holds;
}

/* ---- until it has seen enough, and not more ---- */

enum sight {
    SEES_LESS,
    SEES_NEVER, /* all that it can see: something was refused here */
    SEES_THE_SAME,
    SEES_MORE
};

/* `more`: what it may have beside. */
static enum sight look(const struct replay *replay, const struct replay_write *write, size_t more)
{
    const struct replay_record *record = &replay->schedule->records[write->record];
    size_t count = 0, found = 0, wanted = 0;
    bool *held = held_at(replay, replay->seat_of[write->seat], record, &count);
    for (size_t i = 0; i < write->seen_count; i++) {
        wanted += replay->schedule->writes[write->seen[i]].played;
        found += held != NULL && held[write->seen[i]];
    }
    free(held);
    if (held == NULL || found < wanted)
        return SEES_LESS;
    if (count > wanted + more)
        return SEES_MORE;
    return wanted < write->seen_count ? SEES_NEVER : SEES_THE_SAME;
}

static enum sight wait_to_see(struct replay *replay, const struct replay_write *write)
{
    uint64_t until_ms = tick_now_ms() + REPLAY_WAIT_MS;
    enum sight sight = look(replay, write, 0);
    while (sight == SEES_LESS && !replay_is_vain(replay, until_ms))
        sight = look(replay, write, 0);
    return sight == SEES_LESS ? look(replay, write, 0) : sight;
}

static void excuse(struct replay *replay, const struct replay_write *write, enum sight sight)
{
    struct replay_record *record = &replay->schedule->records[write->record];
    const char *what = sight == SEES_MORE ? "more" : "less";
    if (sight == SEES_THE_SAME)
        return;
    if (record->excuse == NULL)
        record->excuse = sight == SEES_MORE ? "a write of it saw more than in the simulation"
                                            : "a write of it saw less than in the simulation";
    replay_note(replay, "write %llu at %s saw %s of its %s than in the simulation",
                (unsigned long long)write->serial,
                replay->schedule->county->seats[write->seat].code, what, record->type);
}

/* ---- the write itself ---- */

static const char *prepare(const struct replay *replay, const struct replay_write *write,
                           struct buffer *args)
{
    static const char *const verbs[] = {
        [WRITE_PUT] = "put", [WRITE_SET] = "set", [WRITE_DELETE] = "delete"};
    assert(write->kind <= WRITE_DELETE);
    const struct replay_record *record = &replay->schedule->records[write->record];
    char id[33];
    bool addressed = write->kind == WRITE_PUT && write->to[0] != '\0';
    mp_write_map(args, 1U + (write->kind != WRITE_PUT) + (write->kind != WRITE_DELETE) + addressed);
    append_pair(args, "type", record->type);
    if (write->kind != WRITE_PUT) {
        record_id_text(&record->real, id);
        append_pair(args, "id", id);
    }
    if (addressed)
        append_pair(args, "to", write->to);
    if (write->kind != WRITE_DELETE) {
        mp_write_text(args, "fields");
        buffer_append_span(args, span_of_buffer(&write->fields));
    }
    return verbs[write->kind];
}

/* Somebody whom the node hasn't heard of yet: it asks its parent, which takes a moment. */
static enum error_code write_when_known(const struct replay *replay,
                                        const struct replay_write *write, json_t **answer,
                                        struct error *error)
{
    uint64_t until_ms = tick_now_ms() + REPLAY_WAIT_MS;
    struct buffer args = {0};
    const char *verb = prepare(replay, write, &args);
    enum error_code code;
    for (;;) {
        error_clear(error);
        code = ask(replay, replay->seat_of[write->seat], verb, &args, answer, error);
        if (code != ERR_PARKED || tick_now_ms() >= until_ms)
            break;
        probe_pause();
    }
    buffer_free(&args);
    return code;
}

/* The next write gets a later clock: where two are of one rank, the order of play decides. */
static void pass_clock(uint64_t clock_ms)
{
    uint64_t until_ms = tick_now_ms() + CLOCK_WAIT_MS_MAX;
    while (wall_now_ms() <= clock_ms && tick_now_ms() < until_ms)
        poll(NULL, 0, 1);
}

enum error_code replay_write_one(struct replay *replay, struct replay_write *write,
                                 struct error *error)
{
    struct replay_record *record = &replay->schedule->records[write->record];
    const char *code_of = replay->schedule->county->seats[write->seat].code;
    struct error refused;
    json_t *answer = NULL;
    if (write->kind != WRITE_PUT && !record->made)
        return ERR_OK; /* its creation was refused, and told */
    enum sight before = write->kind == WRITE_PUT ? SEES_THE_SAME : wait_to_see(replay, write);
    enum error_code code = write_when_known(replay, write, &answer, &refused);
    if (code == ERR_UNREACHABLE) {
        *error = refused;
        return code;
    }
    if (code != ERR_OK) {
        if (before == SEES_THE_SAME && write->kind != WRITE_PUT)
            before = look(replay, write, 0);
        excuse(replay, write, before);
        replay_note(replay, "%s refused write %llu, unlike the simulated one: %s: %s", code_of,
                    (unsigned long long)write->serial, refused.what, refused.why);
        return ERR_OK;
    }
    write->played = true;
    write->clock = json_number(answer, "clock");
    if (write->kind == WRITE_PUT)
        record->made = record_id_parse(span_of_text(json_text(answer, "id")), &record->real);
    json_decref(answer);
    /* what came between the look and the write shows in another */
    if (before == SEES_THE_SAME && write->kind != WRITE_PUT)
        before = look(replay, write, 1);
    excuse(replay, write, before);
    pass_clock(write->clock);
    return ERR_OK;
}
