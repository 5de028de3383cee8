/* One connection, a window of requests in flight, every answer looked at. */
#include "bench/reads.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/pipe.h"
#include "bench/writers.h"
#include "cli/value.h"

enum { REQUESTS_MAX = 1 << 20 };

struct asking {
    const char *verb;
    struct pipe pipe;
    struct buffer args; /* of all requests, one behind the other */
    size_t *ends;
    size_t count, sent, answered, window;
    uint64_t *began_ns, *each_ns;
    uint64_t rows; /* what the answers hold, so that an empty answer can't pass for a fast one */
};

static _Noreturn void fail(const char *what, const char *why)
{
    struct error error;
    error_set(&error, ERR_MALFORMED, what, "%s", why);
    bench_fail(&error);
}

/* A JSON object a line: the arguments of a request. */
static void read_requests(struct asking *asking, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail(path, "it can't be read");
    asking->ends = mem_alloc(REQUESTS_MAX * sizeof *asking->ends);
    while (asking->count < REQUESTS_MAX && getline(&line, &room, file) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        if (json == NULL || !value_from_json(json, &asking->args))
            fail(path, "a line isn't a JSON object");
        json_decref(json);
        asking->ends[asking->count++] = asking->args.size;
    }
    free(line);
    fclose(file);
    if (asking->count == 0)
        fail(path, "it is empty");
}

static struct span request_args(const struct asking *asking, size_t index)
{
    size_t begin = index == 0 ? 0 : asking->ends[index - 1];
    return SPAN(asking->args.data + begin, asking->ends[index] - begin);
}

static void fill(struct asking *asking)
{
    while (asking->sent < asking->count && asking->sent - asking->answered < asking->window) {
        asking->began_ns[asking->sent] = bench_now_ns();
        pipe_request(&asking->pipe, asking->sent + 1, asking->verb,
                     request_args(asking, asking->sent));
        asking->sent++;
    }
}

/* Rows of a list, or one for whatever else is an answer. */
static uint64_t rows_of(struct span value)
{
    struct mp_reader reader = api_reader(value);
    if (value.size == 0)
        return 0;
    return mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 1;
}

static void take(struct asking *asking, const struct api_answer *answer)
{
    if (answer->status == API_ERROR)
        bench_fail(&answer->error);
    asking->rows += rows_of(answer->value);
    if (answer->status == API_MORE)
        return;
    if (answer->id == 0 || answer->id > asking->sent)
        fail(asking->verb, "an answer to nothing that was asked");
    asking->each_ns[asking->answered++] = bench_now_ns() - asking->began_ns[answer->id - 1];
}

static void run(struct asking *asking)
{
    struct pollfd wait = {.fd = asking->pipe.socket};
    struct api_answer answer;
    while (asking->answered < asking->count) {
        fill(asking);
        wait.events = pipe_send(&asking->pipe) ? POLLIN : POLLIN | POLLOUT;
        poll(&wait, 1, -1);
        if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !pipe_receive(&asking->pipe))
            fail("the node", "it has gone");
        while (pipe_answer(&asking->pipe, &answer))
            take(asking, &answer);
    }
}

void reads_run(char **words, int count)
{
    struct asking asking = {.verb = words[1], .window = strtoull(words[2], NULL, 10)};
    (void)count;
    read_requests(&asking, words[3]);
    asking.began_ns = mem_alloc(asking.count * sizeof *asking.began_ns);
    asking.each_ns = mem_alloc(asking.count * sizeof *asking.each_ns);
    pipe_open(&asking.pipe, words[0]);
    uint64_t began_ns = bench_now_ns();
    run(&asking);
    double seconds = (double)(bench_now_ns() - began_ns) / 1e9;
    qsort(asking.each_ns, asking.count, sizeof *asking.each_ns, writers_by_size);
    printf("{\"requests\":%zu,\"rows\":%llu,\"seconds\":%.6f,\"per_s\":%.0f,\"p50_us\":%.1f,"
           "\"p99_us\":%.1f}\n",
           asking.count, (unsigned long long)asking.rows, seconds, (double)asking.count / seconds,
           (double)asking.each_ns[asking.count / 2] / 1e3,
           (double)asking.each_ns[asking.count * 99 / 100] / 1e3);
    pipe_close(&asking.pipe);
    buffer_free(&asking.args);
    free(asking.ends);
    free(asking.began_ns);
    free(asking.each_ns);
}
