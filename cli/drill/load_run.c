/* Writing a load.
 *
 *     seats with work -> turn: a connection each, at most LOAD_CONNECTIONS at once
 *     a turn: up to LOAD_TURN records in flight -> answers -> the next seat's turn
 *
 * Turns are short, so that writing goes on everywhere all the time the load lasts. */
#include "cli/drill/load_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/print.h"
#include "cli/value.h"
#include "node/author/file.h"
#include "node/author/keys.h"

enum {
    LOAD_CONNECTIONS = 64, /* beside which both cores are busy anyway */
    LOAD_TURN = 32,
    LOAD_REST_MS = 150,
    LOAD_TICK_MS = 20,
    LOAD_STALLED_MS = 10000, /* a slow disk may hold an answer back for so long */
    READ_BYTES = 64 << 10,
    LENGTH_BYTES = 4,
};

/* What is still to do at one seat. Records are numbers 0 .. share.records - 1. */
struct work {
    struct sample_share share;
    uint64_t next;   /* the first that was never sent */
    uint64_t *again; /* sent, but not answered */
    size_t again_count, again_capacity;
    uint64_t rest_until_ms, away_since_ms; /* 0: not away */
    bool busy;                             /* has a connection */
    bool given_up;
};

struct connection {
    int socket; /* -1: free */
    size_t seat;
    struct buffer out, in;
    size_t out_sent;
    uint64_t began_ms;
    uint64_t in_flight[LOAD_TURN];
    size_t in_flight_count;
};

struct load {
    const struct drill *drill;
    const struct load_options *options;
    struct sample_types types;
    struct work *work;
    struct connection connections[LOAD_CONNECTIONS];
    size_t connected;
    size_t turn; /* the seat whose turn is looked at next */
    int epoll, file;
    uint64_t nonce, started_ms, sent;
    uint64_t hold; /* records that may be sent so far; UINT64_MAX: all */
    uint64_t wall_ms;
    struct buffer lines; /* acknowledged, not yet in the file */
    struct load_result *result;
    struct progress progress;
};

static bool has_work(const struct work *work)
{
    return !work->given_up && (work->again_count != 0 || work->next < work->share.records);
}

static void push_again(struct work *work, uint64_t number)
{
    if (work->again_count == work->again_capacity) {
        work->again_capacity = work->again_capacity == 0 ? LOAD_TURN : work->again_capacity * 2;
        work->again = mem_resize(work->again, work->again_capacity * sizeof *work->again);
    }
    work->again[work->again_count++] = number;
}

static const struct record_type *type_of(const struct load *load, size_t seat, uint64_t number)
{
    if (load->options->type != NULL)
        return load->options->type;
    return sample_type(&load->types, &load->drill->seats[seat], &load->work[seat].share, number);
}

static uint64_t seed_of(const struct load *load, size_t seat, uint64_t number)
{
    return load->options->seed ^ (seat << 40) ^ (number * UINT64_C(0xd1342543de82ef95));
}

static void fields_of(const struct load *load, size_t seat, uint64_t number, struct buffer *fields)
{
    sample_fields(type_of(load, seat, number), load->drill->seats[seat].name,
                  seed_of(load, seat, number), load->wall_ms, fields);
}

/* The code of the seat that an addressed record is for; NULL: it is of another type. */
static const char *addressee_of(const struct load *load, size_t seat, uint64_t number)
{
    if (type_of(load, seat, number)->circle != CIRCLE_ADDRESSED)
        return NULL;
    return load->drill->seats[sample_addressee(load->drill, seat, seed_of(load, seat, number))]
        .code;
}

static void send_record(struct load *load, struct connection *connection, uint64_t number)
{
    char request[64];
    struct buffer args = {0};
    snprintf(request, sizeof request, "load-%016llx-%zu-%llu", (unsigned long long)load->nonce,
             connection->seat, (unsigned long long)number);
    const char *to = addressee_of(load, connection->seat, number);
    mp_write_map(&args, to == NULL ? 3 : 4);
    if (to != NULL) {
        mp_write_text(&args, "to");
        mp_write_text(&args, to);
    }
    mp_write_text(&args, "type");
    mp_write_text(&args, type_of(load, connection->seat, number)->name);
    mp_write_text(&args, "request");
    mp_write_text(&args, request);
    mp_write_text(&args, "fields");
    fields_of(load, connection->seat, number, &args);
    api_request_encode(number + 1, "put", span_of_buffer(&args), &connection->out);
    connection->in_flight[connection->in_flight_count++] = number;
    load->sent++;
    buffer_free(&args);
}

static bool rate_allows(const struct load *load)
{
    uint64_t elapsed_ms = tick_now_ms() - load->started_ms;
    return load->options->rate == 0 || load->sent < load->options->rate * elapsed_ms / 1000 + 1;
}

/* Records that were sent for the first time. */
static bool is_held(const struct load *load)
{
    return load->sent - load->result->retried >= load->hold;
}

static bool may_send(const struct load *load, const struct work *work)
{
    return has_work(work) && rate_allows(load) && (work->again_count != 0 || !is_held(load));
}

static void fill(struct load *load, struct connection *connection)
{
    struct work *work = &load->work[connection->seat];
    while (connection->in_flight_count < LOAD_TURN && may_send(load, work)) {
        if (work->again_count != 0) {
            load->result->retried++;
            send_record(load, connection, work->again[--work->again_count]);
        } else {
            send_record(load, connection, work->next++);
        }
    }
}

static void watch(struct load *load, struct connection *connection, int operation)
{
    bool more = connection->out_sent < connection->out.size;
    struct epoll_event event = {.events = EPOLLIN | (more ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(load->epoll, operation, connection->socket, &event);
}

static void end_turn(struct load *load, struct connection *connection)
{
    close(connection->socket);
    connection->socket = -1;
    buffer_clear(&connection->in);
    buffer_clear(&connection->out);
    connection->out_sent = 0;
    connection->in_flight_count = 0;
    load->work[connection->seat].busy = false;
    load->connected--;
}

/* The node is away: what was in flight is sent again later, under the same request ids. */
static void rest(struct load *load, size_t seat)
{
    struct work *work = &load->work[seat];
    uint64_t now_ms = tick_now_ms();
    if (work->away_since_ms == 0)
        work->away_since_ms = now_ms;
    work->rest_until_ms = now_ms + LOAD_REST_MS;
    work->given_up = now_ms - work->away_since_ms >= load->options->patience_ms;
}

static void lose(struct load *load, struct connection *connection)
{
    for (size_t i = 0; i < connection->in_flight_count; i++)
        push_again(&load->work[connection->seat], connection->in_flight[i]);
    rest(load, connection->seat);
    end_turn(load, connection);
}

static void begin_turn(struct load *load, size_t seat)
{
    char path[PATH_MAX];
    struct error error;
    struct connection *connection = load->connections;
    while (connection->socket >= 0)
        connection++;
    if (drill_node_path(load->drill, seat, path, &error) != ERR_OK ||
        (connection->socket = client_socket(path, &error)) < 0) {
        rest(load, seat);
        return;
    }
    connection->seat = seat;
    connection->began_ms = tick_now_ms();
    load->work[seat].busy = true;
    load->connected++;
    fill(load, connection);
    watch(load, connection, EPOLL_CTL_ADD);
}

static void begin_turns(struct load *load)
{
    uint64_t now_ms = tick_now_ms();
    for (size_t i = 0; i < load->drill->seat_count && load->connected < LOAD_CONNECTIONS; i++) {
        size_t seat = load->turn;
        const struct work *work = &load->work[seat];
        if (!rate_allows(load))
            return;
        load->turn = (seat + 1) % load->drill->seat_count;
        if (!work->busy && may_send(load, work) && work->rest_until_ms <= now_ms)
            begin_turn(load, seat);
    }
}

static void acknowledge(struct load *load, struct connection *connection, uint64_t number,
                        struct span value)
{
    const struct drill_seat *seat = &load->drill->seats[connection->seat];
    struct buffer fields = {0};
    json_t *answer = value_json(value);
    fields_of(load, connection->seat, number, &fields);
    json_t *line = json_pack("{s:s,s:s,s:s,s:I,s:o}", "id", json_text(answer, "id"), "type",
                             type_of(load, connection->seat, number)->name, "seat", seat->code,
                             "clock", (json_int_t)json_number(answer, "clock"), "fields",
                             value_json(span_of_buffer(&fields)));
    const char *to = addressee_of(load, connection->seat, number);
    if (to != NULL)
        json_object_set_new(line, "to", json_string(to));
    char *text = json_dumps(line, JSON_COMPACT);
    buffer_append(&load->lines, text, strlen(text));
    buffer_append_byte(&load->lines, '\n');
    load->result->acknowledged++;
    load->result->by_seat[connection->seat]++;
    load->work[connection->seat].away_since_ms = 0;
    free(text);
    json_decref(line);
    json_decref(answer);
    buffer_free(&fields);
}

/* Parked is an addressee whom the node has to ask for first. */
static bool may_pass(enum error_code code)
{
    return code == ERR_BUSY || code == ERR_PARKED || code == ERR_FULL || code == ERR_IO ||
           code == ERR_TIMEOUT || code == ERR_UNREACHABLE;
}

static void refuse(struct load *load, const struct error *error)
{
    if (load->result->refused++ == 0)
        load->result->first = *error;
}

/* False: the connection is of no use any more. */
static bool take_answer(struct load *load, struct connection *connection, struct span message)
{
    struct api_answer answer;
    struct error error;
    size_t at = 0;
    if (api_answer_decode(message, &answer, &error) != ERR_OK)
        return false;
    while (at < connection->in_flight_count && connection->in_flight[at] + 1 != answer.id)
        at++;
    if (at == connection->in_flight_count)
        return false;
    uint64_t number = connection->in_flight[at];
    connection->in_flight[at] = connection->in_flight[--connection->in_flight_count];
    if (answer.status == API_DONE) {
        acknowledge(load, connection, number, answer.value);
    } else if (may_pass(answer.error.code)) {
        push_again(&load->work[connection->seat], number);
        return false;
    } else {
        refuse(load, &answer.error);
    }
    return true;
}

static bool take_answers(struct load *load, struct connection *connection)
{
    size_t at = 0, size = 0;
    bool good = true;
    while (good && (size = answer_size(SPAN(connection->in.data + at, connection->in.size - at)))) {
        good = size != SIZE_MAX &&
               take_answer(load, connection,
                           SPAN(connection->in.data + at + LENGTH_BYTES, size - LENGTH_BYTES));
        at += good ? size : 0;
    }
    memmove(connection->in.data, connection->in.data + at, connection->in.size - at);
    connection->in.size -= at;
    return good;
}

static bool receive(struct load *load, struct connection *connection)
{
    buffer_reserve(&connection->in, READ_BYTES);
    ssize_t got =
        recv(connection->socket, connection->in.data + connection->in.size, READ_BYTES, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    connection->in.size += (size_t)got;
    return take_answers(load, connection);
}

static bool send_some(struct connection *connection)
{
    while (connection->out_sent < connection->out.size) {
        ssize_t sent = send(connection->socket, connection->out.data + connection->out_sent,
                            connection->out.size - connection->out_sent, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        connection->out_sent += (size_t)sent;
    }
    buffer_clear(&connection->out);
    connection->out_sent = 0;
    return true;
}

static void serve(struct load *load, struct connection *connection, uint32_t events)
{
    bool good = true;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        good = receive(load, connection);
    if (good && (events & EPOLLOUT) != 0)
        good = send_some(connection);
    if (!good)
        lose(load, connection);
    else if (connection->in_flight_count == 0 && connection->out.size == 0)
        end_turn(load, connection);
    else
        watch(load, connection, EPOLL_CTL_MOD);
}

static enum error_code flush_lines(struct load *load, struct error *error)
{
    for (size_t at = 0; at < load->lines.size;) {
        ssize_t written = write(load->file, load->lines.data + at, load->lines.size - at);
        if (written < 0 && errno != EINTR)
            return file_error(error, "acknowledged.ndjson", "writing");
        at += written > 0 ? (size_t)written : 0;
    }
    buffer_clear(&load->lines);
    return ERR_OK;
}

static bool anything_left(const struct load *load)
{
    if (load->connected != 0)
        return true;
    for (size_t i = 0; i < load->drill->seat_count; i++) {
        if (has_work(&load->work[i]))
            return true;
    }
    return false;
}

/* A node that takes requests and never answers is away, too. */
static void lose_stalled(struct load *load)
{
    uint64_t now_ms = tick_now_ms(), patience_ms = load->options->patience_ms;
    patience_ms = patience_ms < LOAD_STALLED_MS ? LOAD_STALLED_MS : patience_ms;
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        struct connection *connection = &load->connections[i];
        if (connection->socket < 0 || now_ms - connection->began_ms < patience_ms)
            continue;
        if (load->work[connection->seat].away_since_ms == 0)
            load->work[connection->seat].away_since_ms = connection->began_ms;
        lose(load, connection);
    }
}

static bool anything_again(const struct load *load)
{
    for (size_t i = 0; i < load->drill->seat_count; i++) {
        if (has_work(&load->work[i]) && load->work[i].again_count != 0)
            return true;
    }
    return false;
}

/* All that may be sent is answered: wait until whoever asked for this says so. */
static void wait_for_word(struct load *load)
{
    if (!is_held(load) || load->connected != 0 || anything_again(load))
        return;
    uint64_t began_ms = tick_now_ms();
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0 && byte != '\n')
        continue;
    load->hold = UINT64_MAX;
    load->started_ms += tick_now_ms() - began_ms;
}

static enum error_code run_all(struct load *load, struct error *error)
{
    struct epoll_event events[LOAD_CONNECTIONS];
    while (anything_left(load)) {
        begin_turns(load);
        int count = epoll_wait(load->epoll, events, LOAD_CONNECTIONS, LOAD_TICK_MS);
        for (int i = 0; i < count; i++)
            serve(load, events[i].data.ptr, events[i].events);
        lose_stalled(load);
        enum error_code code = flush_lines(load, error);
        if (code != ERR_OK)
            return code;
        progress_update(&load->progress, load->result->acknowledged);
        wait_for_word(load);
    }
    return ERR_OK;
}

static void close_all(struct load *load)
{
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        if (load->connections[i].socket >= 0)
            lose(load, &load->connections[i]);
        buffer_free(&load->connections[i].in);
        buffer_free(&load->connections[i].out);
    }
    for (size_t i = 0; i < load->drill->seat_count; i++) {
        struct work *work = &load->work[i];
        uint64_t unsent = work->share.records - work->next;
        load->result->unanswered += work->again_count;
        load->result->unsent += unsent;
        load->result->unreached[i] = unsent + work->again_count != 0;
        free(work->again);
    }
    free(load->work);
    buffer_free(&load->lines);
}

static enum error_code open_file(const struct drill *drill, int *file, struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = drill_file_path(drill, "acknowledged.ndjson", path, error);
    if (code != ERR_OK)
        return code;
    *file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return *file < 0 ? file_error(error, path, "opening") : ERR_OK;
}

enum error_code load_run(const struct drill *drill, const struct schema *schema,
                         const struct load_options *options, struct load_result *result,
                         struct error *error)
{
    struct load *load = mem_alloc(sizeof *load);
    *load = (struct load){.drill = drill,
                          .options = options,
                          .result = result,
                          .types = sample_types_of(schema),
                          .started_ms = tick_now_ms(),
                          .hold = options->hold == 0 ? UINT64_MAX : options->hold,
                          .wall_ms = wall_now_ms(),
                          .file = -1};
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++)
        load->connections[i].socket = -1;
    struct sample_share *shares = mem_alloc(drill->seat_count * sizeof *shares);
    load->work = mem_alloc(drill->seat_count * sizeof *load->work);
    result->by_seat = mem_alloc(drill->seat_count * sizeof *result->by_seat);
    result->unreached = mem_alloc(drill->seat_count * sizeof *result->unreached);
    sample_plan(drill, options->chosen, options->records, shares);
    for (size_t i = 0; i < drill->seat_count; i++)
        load->work[i].share = shares[i];
    random_bytes(&load->nonce, sizeof load->nonce);
    progress_begin(&load->progress, "records acknowledged", options->records, options->quiet);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    enum error_code code = open_file(drill, &load->file, error);
    if (code == ERR_OK)
        code = run_all(load, error);
    progress_end(&load->progress);
    close_all(load);
    result->duration_ms = tick_now_ms() - load->started_ms;
    if (load->file >= 0)
        close(load->file);
    close(load->epoll);
    free(shares);
    free(load);
    return code;
}
