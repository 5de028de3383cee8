/* One thread, one poll: whoever has room in its window sends. */
#include "bench/writers.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/pipe.h"

struct writer {
    struct pipe pipe;
    size_t next, end; /* records of the corpus */
    size_t in_flight;
    uint64_t last_request;
    uint64_t *sent_ns; /* by request: window of them in flight, as a ring */
    char *last_id;
};

struct writers {
    const struct writing *writing;
    struct written *written;
    struct writer each[WRITERS_MAX];
    struct pollfd polls[WRITERS_MAX];
    size_t latency_capacity;
};

static void put_request(const struct writing *writing, struct writer *writer)
{
    size_t count = writer->end - writer->next;
    struct buffer args = {0};
    count = count < writing->batch ? count : writing->batch;
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, CORPUS_TYPE);
    mp_write_text(&args, writing->batch == 1 ? "fields" : "records");
    if (writing->batch > 1)
        mp_write_array(&args, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        buffer_append_span(&args, corpus_record(writing->corpus, writer->next + i));
    writer->next += count;
    writer->in_flight++;
    uint64_t request = ++writer->last_request;
    writer->sent_ns[request % writing->window] = bench_now_ns();
    pipe_request(&writer->pipe, request, "put", span_of_buffer(&args));
    buffer_free(&args);
}

static void fill(const struct writing *writing, struct writer *writer)
{
    while (writer->in_flight < writing->window && writer->next < writer->end)
        put_request(writing, writer);
    pipe_send(&writer->pipe);
}

static void take_text(char *to, struct span text)
{
    if (text.size == RECORD_ID_TEXT_BYTES)
        memcpy(to, text.data, text.size);
}

/* {"id":, "clock":}, or for a batch {"error":, "why":} in its place. */
static void read_done(struct mp_reader *reader, struct span *id)
{
    struct error error;
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span key = mp_read_str(reader);
        if (span_equal(key, span_of_text("id"))) {
            *id = mp_read_str(reader);
        } else if (span_equal(key, span_of_text("error"))) {
            struct span name = mp_read_str(reader);
            error_set(&error, ERR_INVALID, "a record was refused", "%.*s", (int)name.size,
                      (const char *)name.data);
            bench_fail(&error);
        } else {
            mp_read_any(reader);
        }
    }
}

void writers_take_id(struct span value, char id[static RECORD_ID_TEXT_BYTES + 1])
{
    struct mp_reader reader = api_reader(value);
    struct span text = SPAN_EMPTY;
    read_done(&reader, &text);
    take_text(id, text);
}

static void take_value(struct writers *writers, struct writer *writer, struct span value)
{
    struct mp_reader reader = api_reader(value);
    struct span id = SPAN_EMPTY;
    uint32_t count = writers->writing->batch == 1 ? 1 : mp_read_array(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        read_done(&reader, &id);
        if (writers->written->first_id[0] == '\0')
            take_text(writers->written->first_id, id);
    }
    take_text(writer->last_id, id);
}

static void note_latency(struct writers *writers, uint64_t latency_ns)
{
    struct written *written = writers->written;
    if (written->request_count == writers->latency_capacity) {
        writers->latency_capacity = 2 * writers->latency_capacity + 1024;
        written->latency_ns = mem_resize(written->latency_ns,
                                         writers->latency_capacity * sizeof *written->latency_ns);
    }
    written->latency_ns[written->request_count++] = latency_ns;
}

static void take_answers(struct writers *writers, struct writer *writer)
{
    struct api_answer answer;
    while (pipe_answer(&writer->pipe, &answer)) {
        if (answer.status == API_ERROR)
            bench_fail(&answer.error);
        uint64_t sent_ns = writer->sent_ns[answer.id % writers->writing->window];
        note_latency(writers, bench_now_ns() - sent_ns);
        writer->in_flight--;
        take_value(writers, writer, answer.value);
    }
}

static void begin(struct writers *writers)
{
    const struct writing *writing = writers->writing;
    for (size_t i = 0; i < writing->clients; i++) {
        struct writer *writer = &writers->each[i];
        writer->next = writing->corpus->count * i / writing->clients;
        writer->end = writing->corpus->count * (i + 1) / writing->clients;
        writer->sent_ns = mem_alloc(writing->window * sizeof *writer->sent_ns);
        writer->last_id = writers->written->last_ids[i];
        pipe_open(&writer->pipe, writing->directory);
    }
}

static bool is_done(const struct writer *writer)
{
    return writer->next == writer->end && writer->in_flight == 0;
}

static void turn(struct writers *writers)
{
    const struct writing *writing = writers->writing;
    struct error error;
    for (size_t i = 0; i < writing->clients; i++) {
        struct writer *writer = &writers->each[i];
        short more = writer->pipe.sent < writer->pipe.out.size ? POLLOUT : 0;
        writers->polls[i] = (struct pollfd){.fd = is_done(writer) ? -1 : writer->pipe.socket,
                                            .events = (short)(POLLIN | more)};
    }
    poll(writers->polls, writing->clients, -1);
    for (size_t i = 0; i < writing->clients; i++) {
        struct writer *writer = &writers->each[i];
        if (writers->polls[i].revents == 0)
            continue;
        error_set(&error, ERR_UNREACHABLE, writing->directory, "the node has gone");
        if ((writers->polls[i].revents & ~POLLOUT) != 0 && !pipe_receive(&writer->pipe))
            bench_fail(&error);
        take_answers(writers, writer);
        fill(writing, writer);
    }
}

static bool all_done(const struct writers *writers)
{
    for (size_t i = 0; i < writers->writing->clients; i++) {
        if (!is_done(&writers->each[i]))
            return false;
    }
    return true;
}

int writers_by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void writers_run(const struct writing *writing, struct written *written)
{
    struct writers *writers = mem_alloc(sizeof *writers);
    *written = (struct written){0};
    *writers = (struct writers){.writing = writing, .written = written};
    begin(writers);
    written->began_ns = bench_now_ns();
    for (size_t i = 0; i < writing->clients; i++)
        fill(writing, &writers->each[i]);
    while (!all_done(writers))
        turn(writers);
    written->ended_ns = bench_now_ns();
    for (size_t i = 0; i < writing->clients; i++) {
        pipe_close(&writers->each[i].pipe);
        free(writers->each[i].sent_ns);
    }
    qsort(written->latency_ns, written->request_count, sizeof *written->latency_ns,
          writers_by_size);
    free(writers);
}
