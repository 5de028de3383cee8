/* The frame of every note: who, epoch, k; signature over the tree and the map as it stands. */
#include <assert.h>
#include <string.h>

#include "replication/format/entry_parts.h"
#include "replication/format/note_parts.h"

struct span note_map(struct span note)
{
    if (note.size <= SIGNATURE_BYTES || note.size > NOTE_BYTES_MAX)
        return SPAN_EMPTY;
    return SPAN(note.data, note.size - SIGNATURE_BYTES);
}

void note_head_write(const struct note_head *head, struct buffer *map)
{
    mp_write_uint(map, NOTE_SIGNER);
    mp_write_bin(map, SPAN_OF_ARRAY(head->signer.bytes));
    mp_write_uint(map, NOTE_EPOCH);
    mp_write_uint(map, head->epoch);
    mp_write_uint(map, NOTE_K);
    mp_write_uint(map, head->k);
}

bool note_head_field(struct mp_reader *reader, int32_t key, struct note_head *head, unsigned *seen)
{
    if (key < NOTE_SIGNER || key > NOTE_K)
        return false;
    *seen |= 1U << key;
    if (key == NOTE_SIGNER) {
        const uint8_t *signer = mp_read_bin_of(reader, KEY_ID_BYTES);
        if (signer != NULL)
            memcpy(head->signer.bytes, signer, KEY_ID_BYTES);
    } else if (key == NOTE_EPOCH) {
        head->epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    } else {
        head->k = mp_read_uint(reader);
    }
    return true;
}

void token_ref_write(const struct token_ref *token, struct buffer *map)
{
    assert(token->present);
    mp_write_array(map, 3);
    mp_write_bin(map, SPAN_OF_ARRAY(token->issuer.bytes));
    mp_write_uint(map, token->clock_ms);
    mp_write_bin(map, SPAN_OF_ARRAY(token->hash8));
}

void token_ref_read(struct mp_reader *reader, struct token_ref *token)
{
    if (mp_read_array(reader) != 3)
        mp_fail(reader);
    const uint8_t *issuer = mp_read_bin_of(reader, KEY_ID_BYTES);
    token->clock_ms = mp_read_uint_max(reader, CLOCK_LIMIT - 1);
    const uint8_t *hash8 = mp_read_bin_of(reader, sizeof token->hash8);
    if (issuer == NULL || hash8 == NULL)
        return;
    memcpy(token->issuer.bytes, issuer, KEY_ID_BYTES);
    memcpy(token->hash8, hash8, sizeof token->hash8);
    token->present = true;
}

void note_read_seat(struct mp_reader *reader, char seat[static SEAT_BYTES_MAX + 1])
{
    struct span text = mp_read_str(reader);
    memset(seat, 0, SEAT_BYTES_MAX + 1);
    if (text.size == 0 || text.size > SEAT_BYTES_MAX || !utf8_printable(text))
        mp_fail(reader);
    else
        memcpy(seat, text.data, text.size);
}

/* A token has no fields but these, so it is read to its end here; the other notes have readers of
 * their own, and receipts are passed on by their head alone. */
static enum error_code read_token_rest(struct mp_reader *reader, struct mp_fields *fields,
                                       struct note_head *head, struct error *error)
{
    for (int32_t key = 0; mp_field(reader, fields, &key);) {
        mp_read_any(reader);
        if (key < 0 && !reader->failed)
            return error_set(error, ERR_PARKED, "a time token", "it has field %d, not known here",
                             (int)key);
    }
    mp_read_end(reader);
    if (head->k >= CLOCK_LIMIT)
        mp_fail(reader);
    return ERR_OK;
}

enum error_code note_read_head(struct span note, enum hash_context context, struct note_head *head,
                               struct error *error)
{
    *head = (struct note_head){0};
    if (note.size > NOTE_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, "a note", "it is longer than 32 KiB");
    struct mp_reader reader = mp_reader(note_map(note));
    struct mp_fields fields = mp_fields(&reader);
    unsigned seen = 0;
    enum error_code code = ERR_OK;
    for (int32_t key = 0; seen != NOTE_HEAD_SEEN && mp_field(&reader, &fields, &key);) {
        if (!note_head_field(&reader, key, head, &seen))
            mp_read_any(&reader);
    }
    if (context == HASH_TOKEN)
        code = read_token_rest(&reader, &fields, head, error);
    if (reader.failed || seen != NOTE_HEAD_SEEN)
        return error_set(error, ERR_MALFORMED, "a note",
                         "expected a map that begins with signer, epoch and counter");
    return code;
}

struct hash note_hash(struct span note, enum hash_context context, const struct hash *tree_id)
{
    return hash_of_two(context, SPAN_OF_ARRAY(tree_id->bytes), note_map(note));
}

bool note_verify(struct span note, enum hash_context context, const struct hash *tree_id,
                 const uint8_t key[static KEY_BYTES], const struct verifier *verifier)
{
    struct span map = note_map(note);
    if (map.size == 0)
        return false;
    struct hash hash = note_hash(note, context, tree_id);
    return verifier_holds(verifier, &hash, map.data + map.size, key);
}

void note_sign(struct buffer *map, enum hash_context context, const struct hash *tree_id,
               const uint8_t secret[static SECRET_BYTES], const struct verifier *verifier)
{
    uint8_t signature[SIGNATURE_BYTES];
    assert(map->size != 0 && map->size + SIGNATURE_BYTES <= NOTE_BYTES_MAX);
    struct hash hash = hash_of_two(context, SPAN_OF_ARRAY(tree_id->bytes), span_of_buffer(map));
    verifier_signs(verifier, &hash, secret, signature);
    buffer_append(map, signature, sizeof signature);
}

void token_encode(const struct note_head *head, struct buffer *map)
{
    assert(head->k < CLOCK_LIMIT);
    mp_write_map(map, 3);
    note_head_write(head, map);
}
