/* What a peer lists of its documents, line by line. */
#include "replication/documents_have.h"

#include <stdlib.h>
#include <string.h>

void have_write(struct buffer *lines, unsigned kind, const struct held_document *held)
{
    mp_write_array(lines, 7);
    mp_write_uint(lines, kind);
    mp_write_text(lines, held->seat);
    mp_write_uint(lines, held->term);
    mp_write_uint(lines, held->version);
    mp_write_bin(lines, SPAN_OF_ARRAY(held->hash.bytes));
    mp_write_bool(lines, held->whole);
    mp_write_bool(lines, held->frozen);
}

bool have_read(struct mp_reader *reader, struct peer_have *have)
{
    uint32_t parts = mp_read_array(reader);
    have->kind = (uint8_t)mp_read_uint_max(reader, UINT8_MAX);
    struct span seat = mp_read_str(reader);
    have->term = mp_read_uint(reader);
    have->version = mp_read_uint(reader);
    const uint8_t *hash = mp_read_bin_of(reader, HASH_BYTES);
    have->whole = mp_read_bool(reader);
    have->frozen = parts == 7 && mp_read_bool(reader);
    if ((parts != 6 && parts != 7) || reader->failed || seat.size > SEAT_BYTES_MAX) {
        mp_fail(reader);
        return false;
    }
    memset(have->seat, 0, sizeof have->seat);
    memcpy(have->seat, seat.data, seat.size);
    memcpy(have->hash.bytes, hash, HASH_BYTES);
    return true;
}

static int compare_haves(const void *a, const void *b)
{
    const struct peer_have *left = a, *right = b;
    return left->kind != right->kind ? (left->kind > right->kind) - (left->kind < right->kind)
                                     : strcmp(left->seat, right->seat);
}

void haves_sort(struct session *session)
{
    if (session->have_count > 0)
        qsort(session->haves, session->have_count, sizeof *session->haves, compare_haves);
}

const struct peer_have *have_find(const struct session *session, unsigned kind,
                                  const struct held_document *held)
{
    struct peer_have key = {.kind = (uint8_t)kind};
    memcpy(key.seat, held->seat, strlen(held->seat) + 1);
    return session->have_count == 0
               ? NULL
               : bsearch(&key, session->haves, session->have_count, sizeof key, compare_haves);
}
