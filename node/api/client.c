/* One client: bytes become requests while its bounds allow, answers become bytes.
 *
 *     read -> in -> (whole message, within bounds) -> handler
 *     answer -> out -> writing -> socket */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/api/server_parts.h"

static bool may_take(const struct api_client *client)
{
    return !client->closing && !client->ending && !client->server->paused &&
           client->taken_count < API_IN_FLIGHT_MAX && client->taken_bytes < API_TAKEN_BYTES_MAX &&
           client->out.size + client->writing.size < API_QUEUE_BYTES_MAX;
}

bool client_is_ready(const struct api_client *client)
{
    return client->out.size + client->writing.size < API_STREAM_BYTES_MAX;
}

bool client_is_idle(const struct api_client *client)
{
    return client->taken_count == 0 && client->out.size == 0 && client->writing.size == 0;
}

static void closed(uv_handle_t *handle)
{
    struct api_client *client = handle->data;
    struct api_server *server = client->server;
    buffer_free(&client->in);
    buffer_free(&client->out);
    buffer_free(&client->writing);
    free(client->taken);
    free(client);
    server_handle_gone(server);
}

void client_close(struct api_client *client)
{
    struct api_server *server = client->server;
    if (client->closing)
        return;
    client->closing = true;
    struct api_client **at = &server->clients;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    uv_close((uv_handle_t *)&client->pipe, closed);
    server_client_gone(server);
    for (size_t i = 0; i < client->taken_count && !server->closing; i++)
        server->handler.cancelled(server->handler.context,
                                  (struct api_call){client->number, client->taken[i].id});
}

/* Bytes that are no request: say so, as far as the socket takes it at once, and close. */
static void refuse(struct api_client *client, const struct error *error)
{
    struct buffer message = {0};
    api_answer_encode(0, API_ERROR, SPAN_EMPTY, error, &message);
    uv_buf_t piece = uv_buf_init((char *)message.data, (unsigned)message.size);
    if (client->writing.size == 0)
        uv_try_write((uv_stream_t *)&client->pipe, &piece, 1);
    buffer_free(&message);
    client_close(client);
}

static struct taken_call *find_taken(struct api_client *client, uint64_t id)
{
    for (size_t i = 0; i < client->taken_count; i++) {
        if (client->taken[i].id == id)
            return &client->taken[i];
    }
    return NULL;
}

static void add_taken(struct api_client *client, uint64_t id, size_t bytes)
{
    if (client->taken_count == client->taken_capacity) {
        client->taken_capacity = client->taken_capacity == 0 ? 8 : 2 * client->taken_capacity;
        client->taken = mem_resize(client->taken, client->taken_capacity * sizeof *client->taken);
    }
    client->taken[client->taken_count++] = (struct taken_call){id, (uint32_t)bytes};
    client->taken_bytes += bytes;
}

static void drop_taken(struct api_client *client, struct taken_call *call)
{
    client->taken_bytes -= call->bytes;
    client->taken_count--;
    memmove(call, call + 1, (size_t)(&client->taken[client->taken_count] - call) * sizeof *call);
    if (client->taken_count == 0) { /* an idle client owns no memory but itself */
        free(client->taken);
        client->taken = NULL;
        client->taken_capacity = 0;
    }
}

static void cancel(struct api_client *client, const struct api_request *request)
{
    struct mp_reader reader = api_reader(request->args);
    uint32_t pairs = mp_read_map(&reader);
    for (; pairs > 0 && !reader.failed; pairs--) {
        if (!span_equal(mp_read_str(&reader), span_of_text("id"))) {
            mp_read_any(&reader);
            continue;
        }
        uint64_t id = mp_read_uint(&reader);
        if (!reader.failed && find_taken(client, id) != NULL)
            client->server->handler.cancelled(client->server->handler.context,
                                              (struct api_call){client->number, id});
    }
}

static void take_message(struct api_client *client, struct span message)
{
    struct api_request request;
    struct error error;
    if (api_request_decode(message, &request, &error) != ERR_OK) {
        refuse(client, &error);
        return;
    }
    if (span_equal(request.verb, span_of_text("cancel"))) {
        cancel(client, &request);
        return;
    }
    if (find_taken(client, request.id) != NULL) {
        error_set(&error, ERR_MALFORMED, "request", "another request with its id is in flight");
        refuse(client, &error);
        return;
    }
    add_taken(client, request.id, message.size);
    client->server->handler.request(client->server->handler.context,
                                    (struct api_call){client->number, request.id}, &request);
}

/* The next whole message at `at`; false: none, or the client is refused. */
static bool next_message(struct api_client *client, size_t at, struct span *message)
{
    struct span rest = SPAN(client->in.data + at, client->in.size - at);
    if (rest.size < 4)
        return false;
    uint32_t length = read_u32(rest.data);
    if (length == 0 || length > API_MESSAGE_BYTES_MAX) {
        struct error error;
        error_set(&error, ERR_OVERSIZE, "request", "a message has 1 to %d bytes, this one %u",
                  API_MESSAGE_BYTES_MAX, length);
        refuse(client, &error);
        return false;
    }
    if (rest.size - 4 < length)
        return false;
    *message = SPAN(rest.data + 4, length);
    return true;
}

void client_take(struct api_client *client)
{
    size_t at = 0;
    struct span message;
    while (at < client->in.size && may_take(client) && next_message(client, at, &message)) {
        at += 4 + message.size;
        take_message(client, message);
    }
    if (client->closing)
        return;
    if (at == client->in.size) {
        buffer_free(&client->in);
    } else if (at > 0) {
        memmove(client->in.data, client->in.data + at, client->in.size - at);
        client->in.size -= at;
    }
    client_set_reading(client);
}

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *memory)
{
    struct api_client *client = handle->data;
    struct api_server *server = client->server;
    (void)suggested;
    if (server->read_memory == NULL)
        server->read_memory = mem_alloc(API_READ_BYTES);
    *memory = uv_buf_init((char *)server->read_memory, API_READ_BYTES);
}

static void has_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *memory)
{
    struct api_client *client = stream->data;
    if (count < 0) {
        client_close(client);
        return;
    }
    if (count == 0)
        return;
    client->heard_ms = uv_now(client->server->loop);
    buffer_append(&client->in, memory->base, (size_t)count);
    client_take(client);
}

void client_set_reading(struct api_client *client)
{
    bool wanted = may_take(client);
    if (client->closing || wanted == client->reading)
        return;
    client->reading = wanted;
    if (!wanted)
        uv_read_stop((uv_stream_t *)&client->pipe);
    else if (uv_read_start((uv_stream_t *)&client->pipe, give_memory, has_read) != 0)
        client_close(client);
}

static void written(uv_write_t *write, int status)
{
    struct api_client *client = write->data;
    struct api_server *server = client->server;
    buffer_free(&client->writing);
    if (client->closing)
        return;
    if (status < 0) {
        client_close(client);
        return;
    }
    if (client->was_full && client_is_ready(client) && !server->closing) {
        client->was_full = false;
        server->handler.drained(server->handler.context, client->number);
    }
    client_write(client);
}

void client_write(struct api_client *client)
{
    if (client->closing || client->writing.size > 0)
        return;
    if (client->out.size == 0) {
        if (client->ending)
            client_close(client);
        return;
    }
    client->writing = client->out;
    client->out = (struct buffer){0};
    client->write.data = client;
    uv_buf_t piece = uv_buf_init((char *)client->writing.data, (unsigned)client->writing.size);
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &piece, 1, written) != 0) {
        buffer_free(&client->writing);
        client_close(client);
    }
}

void client_answer(struct api_client *client, uint64_t id, enum api_status status,
                   struct span value, const struct error *error)
{
    struct taken_call *call = find_taken(client, id);
    assert(call != NULL); /* one last answer a request */
    if (status != API_MORE)
        drop_taken(client, call);
    api_answer_encode(id, status, value, error, &client->out);
}
