/* What is done to NATS JetStream, and how long it takes: the same records, the same lines of JSON
 * as bench_load's.
 *
 * It is driven as it likes it best: asynchronous publishing with thousands in flight, and a
 * subscriber that is pushed what arrives where a single record is timed. Streams with sources are
 * asked for by its own API, since the client library of Debian 12 crashes over them. */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/corpus.h"

enum {
    CONNECT_WAIT_MS = 60 * 1000,
    ANSWER_WAIT_MS = 60 * 1000,
    LOOK_EVERY_NS = 1000 * 1000,
    LOOK_CLOSELY_NS = 200 * 1000,
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void rest(long ns)
{
    struct timespec time = {.tv_nsec = ns};
    nanosleep(&time, NULL);
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static void must(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return;
    fprintf(stderr, "bench_nats: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

struct session {
    natsConnection *connection;
    jsCtx *stream_api;
};

static struct session open_session(const char *url, uint64_t in_flight, long look_every_ns)
{
    struct session session = {0};
    jsOptions options;
    uint64_t until_ns = now_ns() + CONNECT_WAIT_MS * UINT64_C(1000000);
    natsStatus status;
    while ((status = natsConnection_ConnectTo(&session.connection, url)) != NATS_OK &&
           now_ns() < until_ns)
        rest(look_every_ns);
    must(status, url);
    jsOptions_Init(&options);
    options.Wait = ANSWER_WAIT_MS;
    options.PublishAsync.MaxPending = (int64_t)in_flight;
    must(natsConnection_JetStream(&session.stream_api, session.connection, &options), "JetStream");
    return session;
}

static void close_session(struct session *session)
{
    jsCtx_Destroy(session->stream_api);
    natsConnection_Destroy(session->connection);
}

/* -1: it doesn't answer (yet). */
static int64_t messages_in(jsCtx *stream_api, const char *stream)
{
    jsStreamInfo *info = NULL;
    if (js_GetStreamInfo(&info, stream_api, stream, NULL, NULL) != NATS_OK)
        return -1;
    int64_t count = (int64_t)info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return count;
}

static uint64_t wait_messages(jsCtx *stream_api, const char *stream, uint64_t count)
{
    while (messages_in(stream_api, stream) < (int64_t)count)
        rest(LOOK_EVERY_NS);
    return now_ns();
}

/* URL NAME SUBJECT: a stream on disk of what is published here. */
static void add_stream(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_EVERY_NS);
    jsStreamConfig config;
    jsStreamInfo *info = NULL;
    const char *subjects[] = {words[2]};
    (void)count;
    jsStreamConfig_Init(&config);
    config.Name = words[1];
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.AllowDirect = true;
    must(js_AddStream(&info, session.stream_api, &config, NULL, NULL), "adding a stream");
    jsStreamInfo_Destroy(info);
    close_session(&session);
}

/* URL NAME STREAM:DOMAIN...: a stream on disk that gathers those of other domains. */
static void add_gathering(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_EVERY_NS);
    struct buffer order = {0};
    char piece[512], subject[128];
    natsMsg *answer = NULL;
    int size = snprintf(piece, sizeof piece,
                        "{\"name\":\"%s\",\"retention\":\"limits\",\"max_consumers\":-1,"
                        "\"max_msgs\":-1,\"max_bytes\":-1,\"storage\":\"file\","
                        "\"num_replicas\":1,\"sources\":[",
                        words[1]);
    buffer_append(&order, piece, (size_t)size);
    for (int i = 2; i < count; i++) {
        const char *colon = strchr(words[i], ':');
        size = snprintf(piece, sizeof piece,
                        "%s{\"name\":\"%.*s\",\"external\":{\"api\":\"$JS.%s.API\","
                        "\"deliver\":\"\"}}",
                        i > 2 ? "," : "", (int)(colon - words[i]), words[i], colon + 1);
        buffer_append(&order, piece, (size_t)size);
    }
    buffer_append(&order, "]}", 3);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", words[1]);
    must(natsConnection_RequestString(&answer, session.connection, subject,
                                      (const char *)order.data, ANSWER_WAIT_MS),
         "adding a gathering stream");
    if (strstr(natsMsg_GetData(answer), "\"error\"") != NULL) {
        fprintf(stderr, "bench_nats: %s\n", natsMsg_GetData(answer));
        exit(1);
    }
    natsMsg_Destroy(answer);
    buffer_free(&order);
    close_session(&session);
}

/* URL SUBJECT FIRST COUNT IN_FLIGHT [URL_ABOVE STREAM TOTAL]: publish, wait until all are
 * acknowledged, then until the stream above has TOTAL messages. */
static void put(char **words, int count)
{
    struct session session = open_session(words[0], number(words[4]), LOOK_EVERY_NS), above = {0};
    struct corpus corpus;
    jsPubOptions patience;
    corpus_make(&corpus, number(words[2]), number(words[3]));
    if (count > 5)
        above = open_session(words[5], 1, LOOK_EVERY_NS);
    uint64_t began_ns = now_ns();
    for (size_t i = 0; i < corpus.count; i++) {
        struct span record = corpus_record(&corpus, i);
        must(js_PublishAsync(session.stream_api, words[1], record.data, (int)record.size, NULL),
             "publishing");
    }
    jsPubOptions_Init(&patience);
    patience.MaxWait = 10 * ANSWER_WAIT_MS;
    must(js_PublishAsyncComplete(session.stream_api, &patience), "acknowledgement");
    uint64_t acknowledged_ns = now_ns();
    double seconds = (double)(acknowledged_ns - began_ns) / 1e9;
    printf("{\"records\":%zu,\"seconds\":%.6f,\"per_s\":%.0f,\"began_ns\":%llu,"
           "\"acknowledged_ns\":%llu",
           corpus.count, seconds, (double)corpus.count / seconds, (unsigned long long)began_ns,
           (unsigned long long)acknowledged_ns);
    if (count > 5) {
        uint64_t at_ns = wait_messages(above.stream_api, words[6], number(words[7]));
        printf(",\"visible_ns\":%llu,\"visible_per_s\":%.0f", (unsigned long long)at_ns,
               (double)corpus.count * 1e9 / (double)(at_ns - began_ns));
        close_session(&above);
    }
    printf("}\n");
    corpus_free(&corpus);
    close_session(&session);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_latency(uint64_t *each, size_t records)
{
    qsort(each, records, sizeof *each, by_size);
    printf("{\"records\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", records,
           (double)each[records / 2] / 1e3, (double)each[records * 99 / 100] / 1e3);
}

/* URL SUBJECT FIRST COUNT [URL_ABOVE STREAM]: one record after the other, each until it is
 * acknowledged; with a stream above, until a subscriber there has it. */
static void latency(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_EVERY_NS), above = {0};
    natsSubscription *subscription = NULL;
    struct corpus corpus;
    corpus_make(&corpus, number(words[2]), number(words[3]));
    uint64_t *each = mem_alloc((corpus.count + 1) * sizeof *each);
    if (count > 4) {
        jsSubOptions options;
        above = open_session(words[4], 1, LOOK_EVERY_NS);
        jsSubOptions_Init(&options);
        options.Stream = words[5];
        options.Config.DeliverPolicy = js_DeliverNew;
        options.Config.AckPolicy = js_AckNone;
        must(js_SubscribeSync(&subscription, above.stream_api, words[1], NULL, &options, NULL),
             "subscribing");
    }
    for (size_t i = 0; i < corpus.count; i++) {
        struct span record = corpus_record(&corpus, i);
        natsMsg *message = NULL;
        uint64_t began_ns = now_ns();
        must(js_Publish(NULL, session.stream_api, words[1], record.data, (int)record.size, NULL,
                        NULL),
             "publishing");
        if (count > 4)
            must(natsSubscription_NextMsg(&message, subscription, ANSWER_WAIT_MS), "arrival");
        each[i] = now_ns() - began_ns;
        natsMsg_Destroy(message);
    }
    print_latency(each, corpus.count);
    natsSubscription_Destroy(subscription);
    if (count > 4)
        close_session(&above);
    free(each);
    corpus_free(&corpus);
    close_session(&session);
}

/* URL STREAM BASE TOTAL: when the stream first holds more than BASE messages, and when TOTAL. */
static void seen(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_EVERY_NS);
    (void)count;
    uint64_t first_ns = wait_messages(session.stream_api, words[1], number(words[2]) + 1);
    uint64_t last_ns = wait_messages(session.stream_api, words[1], number(words[3]));
    printf("{\"first_ns\":%llu,\"last_ns\":%llu}\n", (unsigned long long)first_ns,
           (unsigned long long)last_ns);
    close_session(&session);
}

/* URL STREAM PLACE: when the server that is just starting first gives that message. */
static void ready(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_CLOSELY_NS);
    natsMsg *message = NULL;
    (void)count;
    while (js_GetMsg(&message, session.stream_api, words[1], number(words[2]), NULL, NULL) !=
           NATS_OK)
        rest(LOOK_CLOSELY_NS);
    printf("{\"at_ns\":%llu}\n", (unsigned long long)now_ns());
    natsMsg_Destroy(message);
    close_session(&session);
}

/* URL STREAM: how many messages it holds; -1 while it isn't there. */
static void count_messages(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_EVERY_NS);
    (void)count;
    printf("{\"messages\":%lld}\n", (long long)messages_in(session.stream_api, words[1]));
    close_session(&session);
}

/* Places of one request after the other, spread over the whole stream. */
static uint64_t place_of(uint64_t index, uint64_t messages)
{
    return 1 + index * UINT64_C(2654435761) % messages;
}

/* URL STREAM MESSAGES COUNT WINDOW: so many messages by their places, so many in flight. */
static void get(char **words, int count)
{
    struct session session = open_session(words[0], 1, LOOK_EVERY_NS);
    uint64_t messages = number(words[2]), wanted = number(words[3]), window = number(words[4]);
    natsSubscription *subscription = NULL;
    natsInbox *inbox = NULL;
    char subject[128], order[64];
    (void)count;
    snprintf(subject, sizeof subject, "$JS.API.DIRECT.GET.%s", words[1]);
    must(natsInbox_Create(&inbox), "an inbox");
    must(natsConnection_SubscribeSync(&subscription, session.connection, inbox), "subscribing");
    uint64_t began_ns = now_ns();
    for (uint64_t sent = 0, got = 0; got < wanted; got++) {
        for (; sent < wanted && sent - got < window; sent++) {
            int size = snprintf(order, sizeof order, "{\"seq\":%llu}",
                                (unsigned long long)place_of(sent, messages));
            must(natsConnection_PublishRequest(session.connection, subject, inbox, order, size),
                 "asking");
        }
        natsMsg *message = NULL;
        must(natsSubscription_NextMsg(&message, subscription, ANSWER_WAIT_MS), "an answer");
        if (natsMsg_GetDataLength(message) < 100) {
            fprintf(stderr, "bench_nats: %s is not there\n", words[1]);
            exit(1);
        }
        natsMsg_Destroy(message);
    }
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    printf("{\"requests\":%llu,\"seconds\":%.6f,\"per_s\":%.0f}\n", (unsigned long long)wanted,
           seconds, (double)wanted / seconds);
    natsSubscription_Destroy(subscription);
    natsInbox_Destroy(inbox);
    close_session(&session);
}

static const struct task {
    const char *name;
    void (*run)(char **words, int count);
    int words_min, words_max;
} tasks[] = {
    {"stream", add_stream, 3, 3},
    {"gather", add_gathering, 3, 4096},
    {"put", put, 5, 8},
    {"latency", latency, 4, 6},
    {"seen", seen, 4, 4},
    {"ready", ready, 3, 3},
    {"count", count_messages, 2, 2},
    {"get", get, 5, 5},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        int count = argc - 2;
        if (argc > 1 && strcmp(argv[1], tasks[i].name) == 0 && count >= tasks[i].words_min &&
            count <= tasks[i].words_max) {
            tasks[i].run(argv + 2, count);
            return 0;
        }
    }
    fprintf(stderr, "bench_nats: stream | gather | put | latency | seen | ready | count | get\n");
    return 2;
}
