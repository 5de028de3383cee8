/* Holes in a stored block: bodies leave, what was signed stays provable.
 *
 *     plain    ... kind type clock record [body] n context ...
 *     becomes  ... kind type clock record [hash] n context ...
 *
 * Nothing in the text counts bytes but a body's own head, so the rest is copied as it stands. The
 * payload is another one then, and the block says what the signed one was (flag 16). */
#include <assert.h>

#include "base/msgpack.h"
#include "base/planted.h"
#include "replication/format/block_parts.h"
#include "replication/format/entry_parts.h"
#include "replication/format/entry_seal.h"
#include "replication/format/payload.h"

/* An honest block stays one message: each of its entries grows by less than a hole. */
_Static_assert(BLOCK_PLAIN_BYTES_USUAL + BLOCK_ENTRIES_USUAL * ENTRY_HOLE_BYTES <=
                   BLOCK_PAYLOAD_BYTES_MAX,
               "a block with holes is one message");

static bool goes(const struct entry *entry, const uint8_t author_key[static KEY_BYTES],
                 uint32_t epoch, const struct block_erasing *erasing)
{
    if (entry->hole || entry->kind != ENTRY_WRITE || entry->strange || entry->seal != ENTRY_CLEAR)
        return false;
    struct hash digest = entry_digest(entry, author_key, epoch);
    return erasing->goes(erasing->context, entry, &digest);
}

/* The carry entry, [hash, what is left of it]; 0: nothing in it goes. */
static uint32_t hole_carry(const struct entry *entry, const struct block_erasing *erasing,
                           struct buffer *holed)
{
    struct buffer body = {0};
    uint32_t count = entry->strange || PLANTED(ERASE_KEEPS_CARRIED) || entry->seal != ENTRY_CLEAR
                         ? 0
                         : carry_erase(entry->body, erasing, &body);
    if (count > 0) {
        mp_write_array(holed, 2);
        mp_write_bin(holed, SPAN_OF_ARRAY(entry->body_hash.bytes));
        buffer_append_span(holed, span_of_buffer(&body));
    }
    buffer_free(&body);
    return count;
}

/* Carried, with its key: it is read here, and what is left needs no seal. */
static uint32_t bare_carried(const struct entry *entry, size_t at, const struct author_epoch *self,
                             const uint8_t *author_key, const struct entries_erasing *erasing,
                             struct buffer *holed)
{
    static const struct hash no_seed;
    struct carried_keys *carried = erasing->carried;
    struct unsealed inside;
    struct buffer bytes = {0};
    if (at >= carried->count || entry_unseal_with(entry->sealed, self, author_key,
                                                  carried->keys[at], &inside) != SEAL_OPENED)
        return 0;
    struct entry left = inside.list.entries[0];
    bool due = goes(&left, author_key, self->epoch, erasing->by);
    left.hole = true;
    left.body = entry_no_body();
    if (due && entry_seal_left(&left, &inside, entry->sealed, self, author_key, NULL, 0, &no_seed,
                               &bytes)) {
        mp_write_bin(holed, span_of_buffer(&bytes));
        carried->bare[at] = true;
    }
    buffer_free(&bytes);
    unsealed_free(&inside);
    return carried->bare[at] ? 1 : 0;
}

static uint32_t hole_sealed(const struct entry *entry, size_t at, const struct author_epoch *self,
                            const uint8_t *author_key, const struct entries_erasing *erasing,
                            struct buffer *holed)
{
    struct buffer left = {0};
    uint32_t count = 0;
    if (erasing->carried != NULL)
        return bare_carried(entry, at, self, author_key, erasing, holed);
    struct hash leaf = entry_seal_leaf(entry->sealed);
    if (erasing->by->left(erasing->by->context, self->author, &leaf, &left)) {
        if (erasing->nothing_left) {
            buffer_clear(&left);
            entry_seal_nothing(entry->sealed, &left);
        }
        count = !span_equal(span_of_buffer(&left), entry->sealed);
    }
    if (count > 0)
        mp_write_bin(holed, span_of_buffer(&left));
    buffer_free(&left);
    return count;
}

/* Where what goes stands in the text: a body, of a carry that has holes with the hash before it; a
 * sealed entry whole, with its head. */
static struct span place_of(const struct entry *entry)
{
    struct span of = entry->seal == ENTRY_CLEAR ? entry->body : entry->sealed;
    size_t head = entry->seal != ENTRY_CLEAR ? 1 + (of.size < 256 ? 1U : 2U)
                  : entry->holed             ? (size_t)ENTRY_HOLE_BYTES
                                             : 0;
    assert(of.size <= UINT16_MAX || entry->seal == ENTRY_CLEAR);
    return SPAN(of.data - head, of.size + head);
}

uint32_t entries_erase(struct span plain, const struct author_epoch *self, uint64_t clock,
                       const struct entries_erasing *erasing, struct buffer *out)
{
    struct entry_list list;
    uint8_t key[KEY_BYTES];
    uint32_t count = 0;
    size_t copied = 0;
    if (!erasing->by->author_key(erasing->by->context, self->author, key) ||
        entry_list_decode(plain, self, clock, &list, NULL) != ERR_OK)
        return 0;
    for (size_t i = 0; i < list.count; i++) {
        const struct entry *entry = &list.entries[i];
        struct buffer holed = {0};
        uint32_t holes = 0;
        if (entry->seal != ENTRY_CLEAR) {
            holes = hole_sealed(entry, i, self, key, erasing, &holed);
        } else if (entry->kind == ENTRY_CARRY) {
            holes = hole_carry(entry, erasing->by, &holed);
        } else if (goes(entry, key, self->epoch, erasing->by)) {
            entry_write_hole(&holed, &entry->body_hash);
            holes = 1;
        }
        if (holes > 0) {
            struct span gone = place_of(entry);
            size_t at = (size_t)(gone.data - plain.data);
            assert(at >= copied && at < plain.size);
            buffer_append(out, plain.data + copied, at - copied);
            buffer_append_span(out, span_of_buffer(&holed));
            copied = at + gone.size;
            count += holes;
        }
        buffer_free(&holed);
    }
    buffer_append(out, plain.data + copied, plain.size - copied);
    entry_list_free(&list);
    return count;
}

static bool write_holed(struct block_parts *parts, struct span holed, struct buffer *out)
{
    struct buffer payload = {0};
    bool fits = holed.size <= BLOCK_PLAIN_BYTES_MAX;
    if (fits && !(parts->flags & BLOCK_HAS_PAYLOAD_HASH)) {
        parts->flags |= BLOCK_HAS_PAYLOAD_HASH;
        parts->codec = parts->payload_codec;
        parts->payload_hash = hash_of(HASH_PAYLOAD, parts->payload);
    }
    if (fits) {
        parts->payload_codec = (uint8_t)payload_pack(holed, 1, &payload);
        fits = payload.size <= BLOCK_PAYLOAD_BYTES_MAX;
    }
    if (fits) {
        parts->payload = span_of_buffer(&payload);
        block_parts_write(parts, out);
    }
    buffer_free(&payload);
    return fits;
}

uint32_t block_erase(struct span stored, const struct stream_id *stream,
                     const struct block_erasing *by, struct buffer *out, bool *kept)
{
    struct block_parts parts;
    struct buffer plain = {0};
    const struct author_epoch self = {stream->author, stream->epoch};
    struct entries_erasing erasing = {.by = by};
    uint32_t count = 0;
    bool written = false;
    *kept = false;
    bool readable = block_parts_read(stored, &parts, NULL) == ERR_OK &&
                    (parts.flags & BLOCK_STORED) == BLOCK_STORED && parts.payload.size > 0 &&
                    payload_unpack(parts.payload, (enum block_codec)parts.payload_codec, &plain);
    for (unsigned i = 0; i < 2 && readable && !written; i++) {
        struct buffer holed = {0};
        erasing.nothing_left = i > 0;
        count = entries_erase(span_of_buffer(&plain), &self, parts.clock, &erasing, &holed);
        written = count == 0 || write_holed(&parts, span_of_buffer(&holed), out);
        buffer_free(&holed);
    }
    if (readable && !written) {
        *kept = true;
        count = 0;
    }
    buffer_free(&plain);
    return count;
}
