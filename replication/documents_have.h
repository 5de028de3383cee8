/* Lines of the message `have` (formats.md 6 and 12): which documents a peer holds. */
#ifndef TERRACE_REPLICATION_DOCUMENTS_HAVE_H
#define TERRACE_REPLICATION_DOCUMENTS_HAVE_H

#include "replication/core.h"

/* The kind of a line about a root by hand that isn't in force at the peer: it waits for people. */
enum { HAVE_PENDING_ROOT = 33 };

struct peer_have {
    uint8_t kind;
    bool whole, frozen;
    char seat[SEAT_BYTES_MAX + 1];
    uint64_t term, version;
    struct hash hash;
};

void have_write(struct buffer *lines, unsigned kind, const struct held_document *held);
/* False: malformed, and so is the reader from then on. */
bool have_read(struct mp_reader *reader, struct peer_have *have);
/* Before any is looked for. */
void haves_sort(struct session *session);
/* The peer's line about the document of this kind and of the seat of `held`; NULL: none. */
const struct peer_have *have_find(const struct session *session, unsigned kind,
                                  const struct held_document *held);

#endif
