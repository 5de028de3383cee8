/* Bodies of the messages with which a session begins (formats.md 6), for peers of the tests' own.
 */
#ifndef TERRACE_TESTS_UNIT_MESSAGE_BODIES_H
#define TERRACE_TESTS_UNIT_MESSAGE_BODIES_H

#include "base/hash.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "schema/schema.h"

struct hello {
    uint64_t version_lowest, version_highest;
    struct span instance; /* of the machine that the key lives on; empty: not said */
    struct {
        uint64_t bytes, entries;
    } credit[CLASS_COUNT];
    struct hash digest; /* of the documents on the link */
    bool over;          /* it comes over a fallback */
};
/* As an honest peer of this version says it, without an instance. */
struct hello hello_usual(const struct hash *digest);
/* All append. */
void body_of_hello(const struct hello *hello, struct buffer *body);
/* A digest of one range over all streams: none is held. */
void body_of_nothing_held(struct buffer *body);
/* A digest of no range: nothing differs. */
void body_of_nothing_differs(struct buffer *body);
/* The heads, which are none, of the next range of a digest message whose count has been read. */
void body_of_no_heads(struct mp_reader *ranges, struct buffer *body);

#endif
