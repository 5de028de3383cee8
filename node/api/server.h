/* The local API's server: a Unix socket in the node's libuv loop.
 *
 * Bounded (limits.h): API_CLIENTS_MAX clients (at the bound the one that has been silent for
 * longest and to which nothing is owed makes room for the next), a message of
 * API_MESSAGE_BYTES_MAX, API_IN_FLIGHT_MAX requests in flight a client; a client is not read from
 * while it has that many, while more than 1 MiB of answers waits for it, or while its unanswered
 * requests hold more than 4 MiB. Bytes that are no request are answered once and the client is
 * closed.
 *
 * Everything here runs on the loop's thread. Answers are gathered and written once a turn of the
 * loop; the handler is never called from within a call into the server. */
#ifndef TERRACE_NODE_API_SERVER_H
#define TERRACE_NODE_API_SERVER_H

#include <uv.h>

#include "node/api/message.h"

struct api_server;

/* Which request an answer is for. The number of a client is never used again: an answer to a client
 * that is gone is dropped. */
struct api_call {
    uint64_t client;
    uint64_t id;
};

struct api_handler {
    void *context;
    /* A request; its spans die with the call. Exactly one answer with API_DONE or API_ERROR must
     * follow, now or later; any number with API_MORE may come before it. */
    void (*request)(void *context, struct api_call call, const struct api_request *request);
    /* The client doesn't want this call's answers any more (still to be ended by one). */
    void (*cancelled)(void *context, struct api_call call);
    /* What waited for this client has drained: api_ready is true again, or the client is gone. */
    void (*drained)(void *context, uint64_t client);
};

/* Listens at DIR/api.sock (0600), removing one that an earlier process left: the caller must hold
 * DIR's lock. Ends with api_close. */
enum error_code api_open(uv_loop_t *loop, const char *dir, const struct api_handler *handler,
                         struct api_server **server, struct error *error);

/* `value`: one encoded value, copied; `error` with API_ERROR. */
void api_answer(struct api_server *server, struct api_call call, enum api_status status,
                struct span value, const struct error *error);

/* Whether a client is there. */
bool api_has(const struct api_server *server, uint64_t client);
/* Whether it is there and a stream of answers to it may go on: less than 512 KiB waits. */
bool api_ready(const struct api_server *server, uint64_t client);

/* Reads no requests from anybody while `paused`: the node has enough to do. */
void api_pause(struct api_server *server, bool paused);

/* Writes what is answered, then closes all and frees the server; `closed` is called at the end.
 * The handler is not called again. */
void api_close(struct api_server *server, void (*closed)(void *context), void *context);

#endif
