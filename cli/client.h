/* A client of a node's local API: one Unix socket, requests and answers (docs/node.md).
 *
 * The blocking client below does one thing at a time; who wants many in flight takes client_socket,
 * node/api/message.h and a loop of its own. */
#ifndef TERRACE_CLI_CLIENT_H
#define TERRACE_CLI_CLIENT_H

#include "node/api/message.h"

enum { CLIENT_WAIT_MS = 30 * 1000 }; /* usual patience with one answer */

struct client;

/* A connected socket (close-on-exec, non-blocking) to DIRECTORY/api.sock, or -1 with
 * ERR_UNREACHABLE. The path may be as long as any: the socket is reached through the directory's
 * file descriptor. The caller closes it. */
int client_socket(const char *directory, struct error *error);

/* The message at the start of `bytes`: its size with the length before it, 0 if more must be read;
 * SIZE_MAX if it can never be one. */
size_t answer_size(struct span bytes);

/* NULL with `error` when the node can't be reached. The caller frees with client_free. */
struct client *client_new(const char *directory, struct error *error);
void client_free(struct client *client); /* NULL is legal */
/* How long one answer may take; ERR_TIMEOUT after that. */
void client_patience(struct client *client, uint64_t wait_ms);

/* As soon as this descriptor can be read a question ends with ERR_TIMEOUT, and the client must be
 * freed. -1, as at first: nothing ends it. */
void client_stop_at(struct client *client, int descriptor);

/* Ask and wait. `value` stays valid until the next call. Errors of the node come back as its
 * own; ERR_UNREACHABLE when it went away meanwhile. */
enum error_code client_ask(struct client *client, const char *verb, struct span args,
                           struct span *value, struct error *error);

/* For answers in pieces: `piece` sees each value of status 1 (return false to stop: the client
 * must then be freed), `value` gets the last one. */
enum error_code client_ask_pieces(struct client *client, const char *verb, struct span args,
                                  bool (*piece)(void *context, struct span value), void *context,
                                  struct span *value, struct error *error);

/* Several requests at once: client_ask_begin sends and gives the request's number, client_ask_end
 * waits for the next answer, whichever request it is for; its value stays valid until the next
 * call. An error of the node comes with its number, one of the connection with number 0. */
enum error_code client_ask_begin(struct client *client, const char *verb, struct span args,
                                 uint64_t *number, struct error *error);
enum error_code client_ask_end(struct client *client, uint64_t *number, struct span *value,
                               struct error *error);

/* Connect, ask once, close; the value is appended to `out` when it isn't NULL. */
enum error_code client_once(const char *directory, const char *verb, struct span args,
                            struct buffer *out, struct error *error);

#endif
