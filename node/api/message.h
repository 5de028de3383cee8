/* Requests and answers of the local API as bytes (formats.md 9); for both sides.
 *
 *     length u32 big-endian, map
 *     request {1: id, 2: verb, 3: args map}
 *     answer  {1: id, 2: status, 3: value, 4: error map} */
#ifndef TERRACE_NODE_API_MESSAGE_H
#define TERRACE_NODE_API_MESSAGE_H

#include "base/error.h"
#include "base/limits.h"
#include "base/msgpack.h"

enum api_status { API_DONE, API_MORE, API_ERROR };

struct api_request {
    uint64_t id;
    struct span verb;
    struct span args; /* one map; empty: none was sent */
};

struct api_answer {
    uint64_t id;
    enum api_status status;
    struct span value; /* one value; empty: none */
    struct error error;
    unsigned exit_status; /* with an error */
};

/* A reader for args and value of a message that was decoded, and so is known to be canonical: text
 * keys, and as many items as a message may hold. */
struct mp_reader api_reader(struct span bytes);

/* `message` is without its length. Spans point into it. ERR_MALFORMED. */
enum error_code api_request_decode(struct span message, struct api_request *request,
                                   struct error *error);
enum error_code api_answer_decode(struct span message, struct api_answer *answer,
                                  struct error *error);

/* Append a whole message, its length in front. `args`, `value`: one encoded value, or empty;
 * `error` only with API_ERROR. The caller sees to it that no message passes API_MESSAGE_BYTES_MAX.
 */
void api_request_encode(uint64_t id, const char *verb, struct span args, struct buffer *out);
void api_answer_encode(uint64_t id, enum api_status status, struct span value,
                       const struct error *error, struct buffer *out);

#endif
