/* The local API from the client's side. */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/print.h"
#include "cli/value.h"

enum {
    LENGTH_BYTES = 4,
    READ_BYTES = 64 << 10,
};

struct client {
    int socket;
    uint64_t id;
    uint64_t wait_ms;
    int stop; /* -1: none */
    char *directory;
    struct buffer out, in;
    size_t used; /* of `in`: the answer that the caller still looks at */
};

static enum error_code unreachable(struct error *error, const char *directory, const char *why)
{
    error_set(error, ERR_UNREACHABLE, directory, "%s", why);
    error_next(error, "start it with `terrace -d %s run`", directory);
    return ERR_UNREACHABLE;
}

static const char *reason_of(int number)
{
    switch (number) {
    case ENOENT: return "no node runs in this directory";
    case ECONNREFUSED: return "the node that ran here is not running now";
    case ENOTDIR: return "this is not a directory";
    case EACCES:
    case EPERM: return "this node belongs to another user";
    case EAGAIN: return "the node has more clients waiting than it takes";
    default: return strerror(number);
    }
}

static int connect_in(int folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/api.sock", folder);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made >= 0 && connect(made, (struct sockaddr *)&address, sizeof address) != 0) {
        int number = errno;
        close(made);
        errno = number;
        return -1;
    }
    return made;
}

int client_socket(const char *directory, struct error *error)
{
    int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        unreachable(error, directory,
                    errno == ENOENT ? "there is no such directory" : reason_of(errno));
        return -1;
    }
    int made = connect_in(folder);
    if (made < 0)
        unreachable(error, directory, reason_of(errno));
    close(folder);
    return made;
}

size_t answer_size(struct span bytes)
{
    if (bytes.size < LENGTH_BYTES)
        return 0;
    size_t size = read_u32(bytes.data);
    if (size > API_MESSAGE_BYTES_MAX)
        return SIZE_MAX;
    return bytes.size < LENGTH_BYTES + size ? 0 : LENGTH_BYTES + size;
}

struct client *client_new(const char *directory, struct error *error)
{
    int made = client_socket(directory, error);
    if (made < 0)
        return NULL;
    struct client *client = mem_alloc(sizeof *client);
    client->socket = made;
    client->wait_ms = CLIENT_WAIT_MS;
    client->stop = -1;
    client->directory = mem_text(directory);
    return client;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    buffer_free(&client->in);
    buffer_free(&client->out);
    free(client->directory);
    close(client->socket);
    free(client);
}

void client_patience(struct client *client, uint64_t wait_ms)
{
    client->wait_ms = wait_ms;
}

void client_stop_at(struct client *client, int descriptor)
{
    client->stop = descriptor;
}

static enum error_code went_away(const struct client *client, struct error *error)
{
    error_set(error, ERR_UNREACHABLE, client->directory,
              "the node closed the connection before it answered");
    error_next(error, "look into %s/log, then start it again", client->directory);
    return ERR_UNREACHABLE;
}

/* Wait until the socket is ready for `events`, or the time is over. */
static enum error_code wait_ready(const struct client *client, short events, uint64_t until_ms,
                                  struct error *error)
{
    for (;;) {
        uint64_t now_ms = tick_now_ms();
        uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
        struct pollfd wait[] = {{.fd = client->socket, .events = events},
                                {.fd = client->stop, .events = POLLIN}};
        int ready = poll(wait, 2, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready > 0 && wait[1].revents != 0)
            return error_set(error, ERR_TIMEOUT, client->directory, "it was asked no longer");
        if (ready > 0)
            return ERR_OK;
        if (ready < 0 && errno != EINTR)
            return went_away(client, error);
        if (left_ms == 0)
            break;
    }
    error_set(error, ERR_TIMEOUT, client->directory, "the node did not answer within %llu s",
              (unsigned long long)(client->wait_ms / 1000));
    error_next(error, "look into %s/log; a slow disk delays answers", client->directory);
    return ERR_TIMEOUT;
}

static enum error_code send_all(struct client *client, uint64_t until_ms, struct error *error)
{
    for (size_t at = 0; at < client->out.size;) {
        ssize_t sent =
            send(client->socket, client->out.data + at, client->out.size - at, MSG_NOSIGNAL);
        if (sent > 0) {
            at += (size_t)sent;
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EPIPE)
            return ERR_OK; /* what it said before it closed is still to be read */
        if (sent < 0 && errno != EAGAIN)
            return went_away(client, error);
        enum error_code code = wait_ready(client, POLLOUT, until_ms, error);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static enum error_code read_some(struct client *client, uint64_t until_ms, struct error *error)
{
    buffer_reserve(&client->in, READ_BYTES);
    for (;;) {
        ssize_t got = recv(client->socket, client->in.data + client->in.size, READ_BYTES, 0);
        if (got > 0) {
            client->in.size += (size_t)got;
            return ERR_OK;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || errno != EAGAIN)
            return went_away(client, error);
        enum error_code code = wait_ready(client, POLLIN, until_ms, error);
        if (code != ERR_OK)
            return code;
    }
}

static void forget_used(struct client *client)
{
    if (client->used == 0)
        return;
    memmove(client->in.data, client->in.data + client->used, client->in.size - client->used);
    client->in.size -= client->used;
    client->used = 0;
}

/* The next answer; its spans stay valid until the next call. */
static enum error_code read_answer(struct client *client, struct api_answer *answer,
                                   struct error *error)
{
    uint64_t until_ms = tick_now_ms() + client->wait_ms;
    struct pollfd stop = {.fd = client->stop, .events = POLLIN};
    forget_used(client);
    size_t size = 0;
    if (poll(&stop, 1, 0) > 0) /* also while answers come faster than they are read */
        return error_set(error, ERR_TIMEOUT, client->directory, "it was asked no longer");
    while ((size = answer_size(span_of_buffer(&client->in))) == 0) {
        enum error_code code = read_some(client, until_ms, error);
        if (code != ERR_OK)
            return code;
    }
    struct span message = SPAN(client->in.data + LENGTH_BYTES, size - LENGTH_BYTES);
    struct error form;
    if (size == SIZE_MAX || api_answer_decode(message, answer, &form) != ERR_OK)
        return error_set(error, ERR_MALFORMED, client->directory,
                         "its answer was not in the form that this version knows");
    client->used = size;
    return ERR_OK;
}

enum error_code client_ask_pieces(struct client *client, const char *verb, struct span args,
                                  bool (*piece)(void *context, struct span value), void *context,
                                  struct span *value, struct error *error)
{
    uint64_t id = ++client->id;
    buffer_clear(&client->out);
    api_request_encode(id, verb, args, &client->out);
    enum error_code code = send_all(client, tick_now_ms() + client->wait_ms, error);
    while (code == ERR_OK) {
        struct api_answer answer;
        code = read_answer(client, &answer, error);
        if (code != ERR_OK || (answer.id != id && answer.id != 0))
            continue;
        if (answer.status == API_ERROR) {
            *error = answer.error;
            return error->code;
        }
        if (answer.status == API_MORE && piece != NULL && piece(context, answer.value))
            continue;
        *value = answer.value;
        return ERR_OK;
    }
    return code;
}

enum error_code client_ask(struct client *client, const char *verb, struct span args,
                           struct span *value, struct error *error)
{
    return client_ask_pieces(client, verb, args, NULL, NULL, value, error);
}

enum error_code client_ask_begin(struct client *client, const char *verb, struct span args,
                                 uint64_t *number, struct error *error)
{
    *number = ++client->id;
    buffer_clear(&client->out);
    api_request_encode(*number, verb, args, &client->out);
    return send_all(client, tick_now_ms() + client->wait_ms, error);
}

enum error_code client_ask_end(struct client *client, uint64_t *number, struct span *value,
                               struct error *error)
{
    struct api_answer answer;
    enum error_code code = read_answer(client, &answer, error);
    *number = code == ERR_OK ? answer.id : 0;
    if (code != ERR_OK)
        return code;
    *value = answer.value;
    if (answer.status == API_ERROR)
        *error = answer.error;
    return answer.status == API_ERROR ? error->code : ERR_OK;
}

enum error_code client_once(const char *directory, const char *verb, struct span args,
                            struct buffer *out, struct error *error)
{
    struct client *client = client_new(directory, error);
    if (client == NULL)
        return error->code;
    struct span value = SPAN_EMPTY;
    enum error_code code = client_ask(client, verb, args, &value, error);
    if (code == ERR_OK && out != NULL)
        buffer_append_span(out, value);
    client_free(client);
    return code;
}
