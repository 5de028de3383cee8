/* The high-water file: what this node may have signed, outside the database (formats.md 8).
 *
 *     magic TERRHWM1 ‖ key id 8 ‖ instance 8 ‖ epoch 4 ‖ zero 4 ‖ committed 8 ‖ in flight 8
 *     ‖ statement 8 ‖ check 8 (BLAKE2b-64 of the rest)
 *
 * It is synced before a commit that signs: it may be ahead of the store, never behind it. One
 * write inside one disk sector, so a power cut leaves the old one or the new one. */
#ifndef TERRACE_NODE_STORE_HIGH_WATER_H
#define TERRACE_NODE_STORE_HIGH_WATER_H

#include "replication/ports.h"

enum { HIGH_WATER_BYTES = 64 };

enum high_water_answer { HIGH_WATER_FOUND, HIGH_WATER_MISSING, HIGH_WATER_DAMAGED };

void high_water_encode(const struct high_water *mark, uint8_t bytes[static HIGH_WATER_BYTES]);
/* False: not a mark, or changed; `mark` is left alone. */
bool high_water_decode(const uint8_t bytes[static HIGH_WATER_BYTES], struct high_water *mark);

/* Reads `high_water` of the directory. `mark` is written for FOUND alone. */
enum high_water_answer high_water_read(int dir_fd, struct high_water *mark);

/* Writes it durably. *fd is the file kept open between calls, -1 at first; the caller closes it.
 * An absent file, or one of another size, is made anew: written aside, synced, renamed.
 * ERR_FULL: the old one may still stand; ERR_IO: what stands is unknown until the next start. */
enum error_code high_water_write(int dir_fd, int *fd, const struct high_water *mark);

#endif
