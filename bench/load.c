/* What is done to our own nodes, and how long it takes. One line of JSON on stdout; times are
 * CLOCK_MONOTONIC in nanoseconds, so that the runner's own can be set against them. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/pipe.h"
#include "bench/reads.h"
#include "bench/writers.h"

enum {
    LOOK_EVERY_NS = 1000 * 1000,
    LOOK_CLOSELY_NS = 20 * 1000,
    WATCH_BEGINS_NS = 200 * 1000 * 1000,
};

static void rest(long ns)
{
    struct timespec time = {.tv_nsec = ns};
    nanosleep(&time, NULL);
}

static bool is_visible(struct pipe *pipe, const char *id)
{
    struct buffer args = {0};
    struct api_answer answer;
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, CORPUS_TYPE);
    mp_write_text(&args, "id");
    mp_write_text(&args, id);
    enum error_code code = pipe_ask(pipe, "get", span_of_buffer(&args), &answer);
    buffer_free(&args);
    if (code != ERR_OK && code != ERR_NOT_FOUND)
        bench_fail(&answer.error);
    return code == ERR_OK;
}

static uint64_t wait_visible(struct pipe *pipe, const char *id, long look_every_ns)
{
    while (!is_visible(pipe, id))
        rest(look_every_ns);
    return bench_now_ns();
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static void print_written(const struct written *written, size_t records)
{
    double seconds = (double)(written->ended_ns - written->began_ns) / 1e9;
    size_t count = written->request_count;
    printf(
        "{\"records\":%zu,\"seconds\":%.6f,\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
        "\"began_ns\":%llu,\"acknowledged_ns\":%llu,\"first_id\":\"%s\"",
        records, seconds, (double)records / seconds, (double)written->latency_ns[count / 2] / 1e3,
        (double)written->latency_ns[count * 99 / 100] / 1e3, (unsigned long long)written->began_ns,
        (unsigned long long)written->ended_ns, written->first_id);
}

static void print_last_ids(const struct written *written, size_t clients)
{
    printf(",\"last_ids\":[");
    for (size_t i = 0; i < clients; i++)
        printf("%s\"%s\"", i > 0 ? "," : "", written->last_ids[i]);
    printf("]");
}

/* DIR FIRST COUNT CLIENTS BATCH WINDOW [PARENT_DIR]: write; with a parent also wait until all are
 * seen there. */
static void put(char **words, int count)
{
    struct corpus corpus;
    struct written written;
    struct pipe pipe;
    struct writing writing = {.directory = words[0],
                              .corpus = &corpus,
                              .clients = number(words[3]),
                              .batch = number(words[4]),
                              .window = number(words[5])};
    corpus_make(&corpus, number(words[1]), number(words[2]));
    if (count > 6)
        pipe_open(&pipe, words[6]);
    writers_run(&writing, &written);
    print_written(&written, corpus.count);
    if (count > 6) {
        uint64_t at_ns = 0;
        for (size_t i = 0; i < writing.clients; i++)
            at_ns = wait_visible(&pipe, written.last_ids[i], LOOK_EVERY_NS);
        printf(",\"visible_ns\":%llu,\"visible_per_s\":%.0f", (unsigned long long)at_ns,
               (double)corpus.count * 1e9 / (double)(at_ns - written.began_ns));
        pipe_close(&pipe);
    }
    print_last_ids(&written, writing.clients);
    printf("}\n");
    corpus_free(&corpus);
    free(written.latency_ns);
}

/* DIR ID...: wait until all are seen there; says when the first and when the last. */
static void seen(char **words, int count)
{
    struct pipe pipe;
    uint64_t first_ns = 0, last_ns = 0;
    pipe_open(&pipe, words[0]);
    for (int i = 1; i < count; i++) {
        last_ns = wait_visible(&pipe, words[i], LOOK_EVERY_NS);
        first_ns = i == 1 ? last_ns : first_ns;
    }
    printf("{\"first_ns\":%llu,\"last_ns\":%llu}\n", (unsigned long long)first_ns,
           (unsigned long long)last_ns);
    pipe_close(&pipe);
}

static void put_one(struct pipe *pipe, struct span record, char id[static RECORD_ID_TEXT_BYTES + 1])
{
    struct buffer args = {0};
    struct api_answer answer;
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, CORPUS_TYPE);
    mp_write_text(&args, "fields");
    buffer_append_span(&args, record);
    if (pipe_ask(pipe, "put", span_of_buffer(&args), &answer) != ERR_OK)
        bench_fail(&answer.error);
    writers_take_id(answer.value, id);
    buffer_free(&args);
}

/* Ask for every change there from now on; what is asked is served a moment later. */
static void begin_watch(struct pipe *pipe)
{
    struct buffer args = {0};
    mp_write_map(&args, 1);
    mp_write_text(&args, "type");
    mp_write_text(&args, CORPUS_TYPE);
    pipe_request(pipe, 1, "watch", span_of_buffer(&args));
    while (!pipe_send(pipe))
        rest(LOOK_CLOSELY_NS);
    rest(WATCH_BEGINS_NS);
    buffer_free(&args);
}

/* Whether one of the changes of a piece is of this record. */
static bool tells_of(struct span piece, struct span id)
{
    struct mp_reader reader = api_reader(piece);
    bool found = false;
    for (uint32_t changes = mp_read_array(&reader); changes > 0 && !reader.failed; changes--) {
        for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
            struct span key = mp_read_str(&reader), value = mp_read_any(&reader);
            struct mp_reader text = api_reader(value);
            if (span_equal(key, span_of_text("id")) && span_equal(mp_read_str(&text), id))
                found = true;
        }
    }
    return found;
}

static void wait_told(struct pipe *pipe, const char *id)
{
    struct pollfd wait = {.fd = pipe->socket, .events = POLLIN};
    struct api_answer answer;
    struct error error;
    for (bool told = false; !told;) {
        while (!told && pipe_answer(pipe, &answer)) {
            if (answer.status != API_MORE)
                bench_fail(&answer.error);
            told = tells_of(answer.value, span_of_text(id));
        }
        if (told)
            return;
        poll(&wait, 1, -1);
        error_set(&error, ERR_UNREACHABLE, "the parent", "it has gone");
        if (!pipe_receive(pipe))
            bench_fail(&error);
    }
}

/* CHILD PARENT FIRST COUNT: one record after the other; how long each takes until who watches the
 * parent is told of it. */
static void latency(char **words, int count)
{
    struct corpus corpus;
    struct pipe child, parent;
    char id[RECORD_ID_TEXT_BYTES + 1] = {0};
    (void)count;
    corpus_make(&corpus, number(words[2]), number(words[3]));
    uint64_t *each = mem_alloc((corpus.count + 1) * sizeof *each);
    pipe_open(&child, words[0]);
    pipe_open(&parent, words[1]);
    begin_watch(&parent);
    for (size_t i = 0; i < corpus.count; i++) {
        uint64_t began_ns = bench_now_ns();
        put_one(&child, corpus_record(&corpus, i), id);
        wait_told(&parent, id);
        each[i] = bench_now_ns() - began_ns;
    }
    qsort(each, corpus.count, sizeof *each, writers_by_size);
    printf("{\"records\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", corpus.count,
           (double)each[corpus.count / 2] / 1e3, (double)each[corpus.count * 99 / 100] / 1e3);
    pipe_close(&child);
    pipe_close(&parent);
    corpus_free(&corpus);
    free(each);
}

/* DIR ID: when the node that is just starting first gives that record. */
static void ready(char **words, int count)
{
    struct pipe pipe;
    struct error error;
    (void)count;
    while (!pipe_try_open(&pipe, words[0], &error))
        rest(LOOK_CLOSELY_NS);
    if (!is_visible(&pipe, words[1])) {
        error_set(&error, ERR_NOT_FOUND, words[1], "an acknowledged record is lost");
        bench_fail(&error);
    }
    printf("{\"at_ns\":%llu}\n", (unsigned long long)bench_now_ns());
    pipe_close(&pipe);
}

static const struct task {
    const char *name;
    void (*run)(char **words, int count);
    int words_min, words_max;
} tasks[] = {
    {"put", put, 6, 7},     {"seen", seen, 2, 4096},   {"latency", latency, 4, 4},
    {"ready", ready, 2, 2}, {"read", reads_run, 4, 4},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        int count = argc - 2;
        if (argc > 1 && strcmp(argv[1], tasks[i].name) == 0 && count >= tasks[i].words_min &&
            count <= tasks[i].words_max) {
            tasks[i].run(argv + 2, count);
            return EXIT_DONE;
        }
    }
    fprintf(stderr, "bench_load: put | seen | latency | ready | read\n");
    return EXIT_USAGE;
}
