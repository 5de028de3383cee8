/* The plain text of a block, packed and unpacked.
 *
 * zstd payload = one frame without its 4 constant magic bytes: content size present, no
 * checksum, no dictionary id, window <= BLOCK_WINDOW_BYTES_MAX (RFC 8878). */
#ifndef TERRACE_REPLICATION_FORMAT_PAYLOAD_H
#define TERRACE_REPLICATION_FORMAT_PAYLOAD_H

#include "replication/format/block.h"

/* Fills the empty buffer `payload` with whichever form of `plain` is shorter and says which. */
enum block_codec payload_pack(struct span plain, size_t entry_count, struct buffer *payload);

/* Appends the plain text. False for everything that isn't exactly one sound frame within the
 * bounds, and for a codec that can't be read here; bounds are checked before memory is taken. */
bool payload_unpack(struct span payload, enum block_codec codec, struct buffer *plain);

#endif
