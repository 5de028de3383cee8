/* A new machine's side of joining by a token: dials the seat above and asks, until it is answered
 * or the time is over. */
#ifndef TERRACE_NODE_JOIN_CLIENT_H
#define TERRACE_NODE_JOIN_CLIENT_H

#include "node/author/invite.h"

enum { JOIN_WAIT_MS_USUAL = 60 * 1000 };

/* The bytes of a pack (node/author/pack.h), appended. ERR_UNREACHABLE: nobody answered in wait_ms;
 * ERR_UNKNOWN_KEY: somebody answers, and knows nothing of this token; else what the seat above
 * says. The keys stay: the same call goes on where this one ended. */
enum error_code join_dial(const struct token *token, const struct node_keys *keys,
                          const struct node_request *request, uint64_t wait_ms, struct buffer *pack,
                          struct error *error);

#endif
