/* BLAKE2b-64 over plain bytes: it guards against accidents, not enemies. */
#ifndef TERRACE_NODE_STORE_CHECKSUM_H
#define TERRACE_NODE_STORE_CHECKSUM_H

#include "base/span.h"

enum { CHECKSUM_BYTES = 8 };

/* Unkeyed, no salt, no context (RFC 7693 with nn = 8). */
void checksum_of(struct span bytes, uint8_t checksum[static CHECKSUM_BYTES]);

#endif
