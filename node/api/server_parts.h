/* Inside of the API's server: server.c (socket, clients' births and deaths) and client.c (reading,
 * writing, bounds of one client). Nobody else includes it. */
#ifndef TERRACE_NODE_API_SERVER_PARTS_H
#define TERRACE_NODE_API_SERVER_PARTS_H

#include "node/api/server.h"

enum {
    API_QUEUE_BYTES_MAX = 1 << 20,    /* answers waiting for one client; then nothing is read */
    API_STREAM_BYTES_MAX = 512 << 10, /* a stream stops here, so that a cancel is still read */
    API_TAKEN_BYTES_MAX = 4 << 20,    /* of unanswered requests of one client */
    API_READ_BYTES = 64 << 10,        /* one read; the piece of memory is shared by all clients */
    API_CLOSE_MS = 1000,              /* how long a stopping node waits for clients to read */
};

struct taken_call {
    uint64_t id;
    uint32_t bytes;
};

struct api_client {
    uv_pipe_t pipe;
    struct api_server *server;
    struct api_client *next;
    uint64_t number;
    uint64_t heard_ms; /* uv_now when it last sent anything */
    struct buffer in;  /* what was read and isn't a whole message yet, or may not be taken yet */
    struct taken_call *taken; /* the requests in flight; owned */
    size_t taken_count, taken_capacity, taken_bytes;
    struct buffer out, writing; /* answers not given to libuv yet, and given */
    uv_write_t write;
    bool reading;
    bool was_full; /* someone was told to wait */
    bool ending;   /* nothing more is read; closed when all is written */
    bool closing;
};

struct api_server {
    uv_loop_t *loop;
    struct api_handler handler;
    int directory; /* open while the socket stands there */
    uv_pipe_t listener;
    uv_prepare_t turn; /* before the loop sleeps: take what may be taken now, write answers */
    uv_timer_t patience;
    struct api_client *clients;
    size_t client_count;
    size_t handle_count; /* open handles; freed at 0 */
    uint64_t last_number;
    bool paused, closing;
    uint8_t *read_memory; /* while there are clients */
    void (*closed)(void *context);
    void *closed_context;
};

/* Starts, stops reading as the bounds say. */
void client_set_reading(struct api_client *client);
/* Takes all whole messages that may be taken. */
void client_take(struct api_client *client);
/* Gives what is answered to libuv. */
void client_write(struct api_client *client);
/* Whether a stream may go on. */
bool client_is_ready(const struct api_client *client);
void client_answer(struct api_client *client, uint64_t id, enum api_status status,
                   struct span value, const struct error *error);
/* Whether nothing is owed to it: no request in flight, no answer to write. */
bool client_is_idle(const struct api_client *client);
/* Tells the handler that nobody wants the answers, and closes. */
void client_close(struct api_client *client);

/* A client left the list. */
void server_client_gone(struct api_server *server);
/* A handle of the server is closed: the last one frees it. */
void server_handle_gone(struct api_server *server);

#endif
