/* Values to JSON and back. JSON is made here and in the HTTP room only: nodes speak msgpack. */
#ifndef TERRACE_CLI_VALUE_H
#define TERRACE_CLI_VALUE_H

#include <jansson.h>

#include "base/msgpack.h"

/* The next value of an api_reader as JSON: bin as hexadecimal text, integer keys as text, integers
 * above 2^63-1 as text. NULL when it is malformed (the reader has failed). The caller owns it. */
json_t *value_to_json(struct mp_reader *reader);
/* The same for one whole value. */
json_t *value_json(struct span value);

/* Append a JSON value (null, boolean, integer, string, array, object) as msgpack. False: it holds
 * something that a node can't take (a real number). */
bool value_from_json(const json_t *json, struct buffer *out);

/* Append `pairs`, "NAME=VALUE" each, as one map of texts. False: one has no '=' or an empty
 * name or isn't UTF-8; *bad says which. */
bool value_from_pairs(const char *const *pairs, size_t count, struct buffer *out, size_t *bad);

/* Texts and numbers of an object, with an answer when they are missing. */
const char *json_text(const json_t *object, const char *key); /* "" */
uint64_t json_number(const json_t *object, const char *key);  /* 0 */
bool json_flag(const json_t *object, const char *key);        /* false */

#endif
