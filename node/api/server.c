/* The socket is reached through /proc/self/fd/N, since a socket's path may have 107 bytes only. */
#include "node/api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/api/server_parts.h"

static const char socket_name[] = "api.sock";

static struct api_client *find_client(const struct api_server *server, uint64_t number)
{
    struct api_client *client = server->clients;
    while (client != NULL && client->number != number)
        client = client->next;
    return client;
}

void server_handle_gone(struct api_server *server)
{
    if (--server->handle_count > 0)
        return;
    void (*tell)(void *) = server->closed;
    void *context = server->closed_context;
    free(server->read_memory);
    free(server);
    if (tell != NULL)
        tell(context);
}

static void handle_closed(uv_handle_t *handle)
{
    server_handle_gone(handle->data);
}

void server_client_gone(struct api_server *server)
{
    uv_handle_t *patience = (uv_handle_t *)&server->patience;
    if (--server->client_count > 0)
        return;
    free(server->read_memory);
    server->read_memory = NULL;
    if (server->closing && !uv_is_closing(patience))
        uv_close(patience, handle_closed);
}

/* Bound to DIR/api.sock with mode 0600 from its first moment on: Linux takes a new socket's mode
 * from the descriptor. -1 with errno. */
static int bind_socket(int directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory,
             socket_name);
    if ((unlinkat(directory, socket_name, 0) != 0 && errno != ENOENT) || fchmod(file, 0600) != 0 ||
        bind(file, (struct sockaddr *)&address, sizeof address) != 0) {
        int number = errno;
        close(file);
        errno = number;
        return -1;
    }
    return file;
}

static void pipe_init(struct api_server *server, uv_pipe_t *pipe, void *data)
{
    uv_pipe_init(server->loop, pipe, 0);
    pipe->data = data;
    server->handle_count++;
}

static void closed_unwanted(uv_handle_t *handle)
{
    struct api_server *server = handle->data;
    free(handle);
    server_handle_gone(server);
}

/* One too many: told so, and closed. */
static void turn_away(struct api_server *server)
{
    struct error error;
    struct buffer message = {0};
    uv_pipe_t *pipe = mem_alloc(sizeof *pipe);
    pipe_init(server, pipe, server);
    uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)pipe);
    error_set(&error, ERR_FULL, "connections", "%d clients wait for answers already",
              API_CLIENTS_MAX);
    error_next(&error, "ask again when one of them is done");
    api_answer_encode(0, API_ERROR, SPAN_EMPTY, &error, &message);
    uv_buf_t piece = uv_buf_init((char *)message.data, (unsigned)message.size);
    uv_try_write((uv_stream_t *)pipe, &piece, 1);
    buffer_free(&message);
    uv_close((uv_handle_t *)pipe, closed_unwanted);
}

/* At the bound, the client that has been silent for longest makes room, if nothing is owed to it:
 * a program that forgets its connections must not shut out all others. False: all are busy. */
static bool make_room(struct api_server *server)
{
    struct api_client *silent = NULL;
    for (struct api_client *client = server->clients; client != NULL; client = client->next) {
        if (client_is_idle(client) && (silent == NULL || client->heard_ms <= silent->heard_ms))
            silent = client;
    }
    if (silent == NULL)
        return false;
    client_close(silent);
    return true;
}

static void connected(uv_stream_t *listener, int status)
{
    struct api_server *server = listener->data;
    if (status < 0)
        return;
    if (server->client_count >= API_CLIENTS_MAX && !make_room(server)) {
        turn_away(server);
        return;
    }
    struct api_client *client = mem_alloc(sizeof *client);
    client->server = server;
    client->number = ++server->last_number;
    client->heard_ms = uv_now(server->loop);
    pipe_init(server, &client->pipe, client);
    client->next = server->clients;
    server->clients = client;
    server->client_count++;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0)
        client_close(client);
    else
        client_set_reading(client);
}

/* What was answered since the last turn makes room for requests and goes out in one write. */
static void turn(uv_prepare_t *prepare)
{
    struct api_server *server = prepare->data;
    struct api_client *next;
    for (struct api_client *client = server->clients; client != NULL; client = next) {
        next = client->next; /* taking and writing may close this client, never another one */
        if (client->in.size > 0 || !client->reading)
            client_take(client);
    }
    for (struct api_client *client = server->clients; client != NULL; client = next) {
        next = client->next;
        client_write(client);
    }
}

static enum error_code socket_error(struct error *error, const char *dir, int number)
{
    error_set(error, ERR_IO, dir, "its socket api.sock can't be made: %s", strerror(number));
    error_next(error, "the directory must be on a local disk and belong to the user who runs the "
                      "node");
    return ERR_IO;
}

static int listen_at(struct api_server *server)
{
    int file = bind_socket(server->directory);
    if (file < 0)
        return errno;
    int result = uv_pipe_open(&server->listener, file);
    if (result != 0) {
        close(file);
        return -result;
    }
    return -uv_listen((uv_stream_t *)&server->listener, API_CLIENTS_MAX, connected);
}

enum error_code api_open(uv_loop_t *loop, const char *dir, const struct api_handler *handler,
                         struct api_server **result, struct error *error)
{
    int directory = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return socket_error(error, dir, errno);
    struct api_server *server = mem_alloc(sizeof *server);
    *server = (struct api_server){.loop = loop, .handler = *handler, .directory = directory};
    pipe_init(server, &server->listener, server);
    uv_prepare_init(loop, &server->turn);
    uv_timer_init(loop, &server->patience);
    server->turn.data = server;
    server->patience.data = server;
    server->handle_count += 2;
    uv_prepare_start(&server->turn, turn);
    int number = listen_at(server);
    if (number != 0) {
        api_close(server, NULL, NULL);
        return socket_error(error, dir, number);
    }
    *result = server;
    return ERR_OK;
}

void api_answer(struct api_server *server, struct api_call call, enum api_status status,
                struct span value, const struct error *error)
{
    struct api_client *client = find_client(server, call.client);
    if (client != NULL)
        client_answer(client, call.id, status, value, error);
}

bool api_has(const struct api_server *server, uint64_t client)
{
    return find_client(server, client) != NULL;
}

bool api_ready(const struct api_server *server, uint64_t number)
{
    struct api_client *client = find_client(server, number);
    if (client == NULL)
        return false;
    bool ready = client_is_ready(client);
    if (!ready)
        client->was_full = true;
    return ready;
}

void api_pause(struct api_server *server, bool paused)
{
    server->paused = paused; /* the next turn starts or stops the reading */
}

static void patience_is_over(uv_timer_t *timer)
{
    struct api_server *server = timer->data;
    while (server->clients != NULL)
        client_close(server->clients); /* the last one closes the timer */
}

void api_close(struct api_server *server, void (*closed)(void *context), void *context)
{
    struct api_client *next;
    server->closing = true;
    server->closed = closed;
    server->closed_context = context;
    unlinkat(server->directory, socket_name, 0);
    close(server->directory);
    uv_close((uv_handle_t *)&server->listener, handle_closed);
    uv_close((uv_handle_t *)&server->turn, handle_closed);
    uv_timer_start(&server->patience, patience_is_over, API_CLOSE_MS, 0);
    if (server->clients == NULL)
        uv_close((uv_handle_t *)&server->patience, handle_closed);
    for (struct api_client *client = server->clients; client != NULL; client = next) {
        next = client->next;
        client->ending = true;
        client_set_reading(client);
        client_write(client); /* closes it when nothing waits */
    }
}
