/* A wire that is listened to: a process of the test's own between a node and those who dial it. It
 * passes on every byte, both ways, and keeps what it saw. cmocka's headers must come first. */
#ifndef TERRACE_TESTS_WIRE_RELAY_H
#define TERRACE_TESTS_WIRE_RELAY_H

#include <stdint.h>
#include <sys/types.h>

/* From now on the stopped node listens elsewhere, and the relay where its tree says that it does.
 * `node`: its directory; both files are begun anew. Who ends it is wire_end. */
struct wire {
    pid_t pid;
    uint16_t port;
    char up[400], down[400]; /* files: what those who dial sent, and what the node did */
};
void wire_begin(struct wire *wire, const char *node, const char *up, const char *down);
void wire_end(struct wire *wire);

/* Somebody dials the node and says these words in the clear. */
void wire_say(const struct wire *wire, const char *words);

#endif
