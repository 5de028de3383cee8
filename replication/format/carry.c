/* Writer and reader of carry entries. Everything in a body is hostile until its proof holds: counts
 * are compared with what can stand in the bytes before memory is asked for. */
#include "replication/format/carry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/block_parts.h"
#include "replication/format/entry_parts.h"

enum {
    CARRY_HEADER = 1,
    CARRY_PLACES = 3, /* 2, the count, stands in the header */
    CARRY_PROOF = 4,
    CARRY_PLAIN = 5,
    CARRY_OPENING = 6, /* [header, proof, plain] */
    CARRY_KEYS = 7,    /* content keys, one a place: of what is sealed in its block */
    HEADER_FLAGS = BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK | BLOCK_HAS_ROOT |
                   BLOCK_HAS_PAYLOAD_HASH | BLOCK_HAS_NO_PAYLOAD,
    OPENING_ROOM = 4 << 10,           /* header, proof, 64 seats */
    PROOF_ROOM = 10 * HASH_BYTES + 6, /* of one entry, and its place */
    ENTRY_ROOM = 48,
    PAIR_ROOM = 2 + 5 + 14, /* of a context, and its author in the table */
    HEADER_ROOM = 1 << 10,
};

void carry_free(struct carry *carry)
{
    for (size_t i = 0; carry->unsealed != NULL && i < carry->list.count; i++)
        unsealed_free(&carry->unsealed[i]);
    free(carry->unsealed);
    entry_list_free(&carry->list);
    free(carry->places);
    free(carry->digests);
    free(carry->open);
    *carry = (struct carry){0};
}

/* ---- writing ---- */

static size_t room_for(const struct entry *entry)
{
    size_t body = entry->hole ? HASH_BYTES + 3 : entry->body.size;
    if (entry->sealed.size > 0)
        return ENTRY_ROOM + PROOF_ROOM + SEAL_CONTENT_KEY_BYTES + 2 + entry->sealed.size;
    return ENTRY_ROOM + PROOF_ROOM + body + entry->further.size + entry->context_count * PAIR_ROOM;
}

/* How many of the places one entry can carry. */
static size_t count_that_fit(const struct prepared_block *block, const uint32_t *places,
                             size_t count)
{
    size_t room = CARRY_BYTES_MAX - HEADER_ROOM - OPENING_ROOM, taken = 0, authors = 0;
    while (taken < count && taken < BLOCK_ENTRIES_USUAL) {
        const struct entry *entry = &block->list.entries[places[taken]];
        size_t needed = room_for(entry);
        authors += entry->context_count + 1;
        if (taken > 0 && (needed > room || authors > BLOCK_AUTHORS_MAX))
            break;
        room -= needed < room ? needed : room;
        taken++;
    }
    return taken;
}

static void write_plain(const struct prepared_block *block, const uint32_t *places, size_t count,
                        struct buffer *plain)
{
    const struct block_header *header = &block->header;
    struct author_epoch self = {header->stream.author, header->stream.epoch};
    struct entry_writer *writer =
        entry_writer_new(&self, header->author_key, block->list.schema_version);
    entry_writer_begin_at(writer, header->clock);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &block->list.entries[places[i]];
        bool added = entry->sealed.size > 0 ? entry_writer_add_sealed(writer, entry, entry->sealed)
                                            : entry_writer_add(writer, entry);
        assert(added);
    }
    entry_writer_finish(writer, plain);
    entry_writer_free(writer);
}

static void write_header(const struct prepared_block *block, struct buffer *out)
{
    struct buffer header = {0};
    block_write(block, HEADER_FLAGS, NULL, &header);
    mp_write_bin(out, span_of_buffer(&header));
    buffer_free(&header);
}

static void write_proof(const struct prepared_block *block, const uint32_t *places, size_t count,
                        struct buffer *out)
{
    struct buffer proof = {0};
    merkle_prove(block->leaves, block->header.count, places, count, &proof);
    mp_write_bin(out, span_of_buffer(&proof));
    buffer_free(&proof);
}

static void write_entries(const struct prepared_block *block, const uint32_t *places, size_t count,
                          struct buffer *out)
{
    struct buffer plain = {0};
    write_plain(block, places, count, &plain);
    mp_write_bin(out, span_of_buffer(&plain));
    buffer_free(&plain);
}

static void write_keys(const struct prepared_block *block, const uint32_t *places, size_t count,
                       struct buffer *out)
{
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &block->list.entries[places[i]];
        assert(entry->seal == ENTRY_OPENED);
        mp_write_bin(out, SPAN(entry->content_key, SEAL_CONTENT_KEY_BYTES));
    }
}

size_t carry_encode(const struct prepared_block *block, const uint32_t *places, size_t count,
                    const struct prepared_block *opening, struct buffer *body)
{
    static const uint32_t first = 0;
    assert(count >= 1 && !block->opaque && (opening == NULL || opening->header.seq == 0));
    size_t taken = count_that_fit(block, places, count), from = body->size;
    bool sealed = block->list.entries[places[0]].sealed.size > 0; /* all of a stream, or none */
    mp_write_map(body, 4U + (opening != NULL) + sealed);
    mp_write_uint(body, CARRY_HEADER);
    write_header(block, body);
    mp_write_uint(body, CARRY_PLACES);
    mp_write_array(body, (uint32_t)taken);
    for (size_t i = 0; i < taken; i++)
        mp_write_uint(body, places[i]);
    mp_write_uint(body, CARRY_PROOF);
    write_proof(block, places, taken, body);
    mp_write_uint(body, CARRY_PLAIN);
    write_entries(block, places, taken, body);
    if (opening != NULL) {
        mp_write_uint(body, CARRY_OPENING);
        mp_write_array(body, 3);
        write_header(opening, body);
        write_proof(opening, &first, 1, body);
        write_entries(opening, &first, 1, body);
    }
    if (sealed) {
        mp_write_uint(body, CARRY_KEYS);
        write_keys(block, places, taken, body);
    }
    assert(body->size - from <= CARRY_BYTES_MAX);
    return taken;
}

/* ---- reading ---- */

struct carry_parts {
    struct span header, proof, plain, opening; /* opening: the array, empty: none */
    uint32_t places[BLOCK_ENTRIES_USUAL];
    size_t count;
    const uint8_t *keys[BLOCK_ENTRIES_USUAL];
    size_t key_count;
};

static void read_keys(struct mp_reader *reader, struct carry_parts *parts)
{
    uint32_t count = mp_read_array(reader);
    if (count > BLOCK_ENTRIES_USUAL) {
        mp_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        parts->keys[i] = mp_read_bin_of(reader, SEAL_CONTENT_KEY_BYTES);
    parts->key_count = count;
}

static void read_places(struct mp_reader *reader, struct carry_parts *parts)
{
    uint32_t count = mp_read_array(reader);
    if (count == 0 || count > BLOCK_ENTRIES_USUAL) {
        mp_fail(reader);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        parts->places[i] = (uint32_t)mp_read_uint_max(reader, BLOCK_ENTRIES_MAX - 1);
    parts->count = count;
}

static bool read_parts(struct span body, struct carry_parts *parts)
{
    struct mp_reader reader = mp_reader(body);
    parts->header = parts->proof = parts->plain = parts->opening = SPAN_EMPTY;
    parts->count = parts->key_count = 0;
    if (mp_peek(&reader) != MP_MAP)
        return false;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        switch (key) {
        case CARRY_HEADER: parts->header = mp_read_bin(&reader); break;
        case CARRY_PLACES: read_places(&reader, parts); break;
        case CARRY_PROOF: parts->proof = mp_read_bin(&reader); break;
        case CARRY_PLAIN: parts->plain = mp_read_bin(&reader); break;
        case CARRY_KEYS: read_keys(&reader, parts); break;
        case CARRY_OPENING: parts->opening = mp_read_any(&reader); break;
        default:
            mp_read_any(&reader);
            if (key < 0)
                mp_fail(&reader);
        }
    }
    mp_read_end(&reader);
    return !reader.failed && parts->header.size > 0 && parts->plain.size > 0 && parts->count > 0;
}

bool carry_names(struct span body, struct stream_id *stream)
{
    struct carry_parts *parts = mem_alloc(sizeof *parts);
    struct block_prefix prefix;
    bool named = read_parts(body, parts) &&
                 block_read_prefix(parts->header, &prefix, NULL) == ERR_OK &&
                 (prefix.flags & BLOCK_FLAGS_MASK) == HEADER_FLAGS;
    if (named)
        *stream = prefix.stream;
    free(parts);
    return named;
}

/* What proves entries: who, in which tree. */
struct prover {
    const struct hash *tree_id;
    const uint8_t *author_key;
    const struct verifier *verifier;
};

static enum error_code open_header(const struct prover *prover, struct span bytes,
                                   struct block_header *header)
{
    struct prepared_block block;
    struct block_prefix prefix;
    struct block_context context = {
        .tree_id = *prover->tree_id,
        .author_key = prover->author_key,
        .verifier = prover->verifier,
    };
    if (block_read_prefix(bytes, &prefix, NULL) != ERR_OK ||
        (prefix.flags & BLOCK_FLAGS_MASK) != HEADER_FLAGS)
        return ERR_MALFORMED;
    enum error_code code = block_open(bytes, &context, &block, NULL);
    if (code != ERR_OK)
        return code == ERR_DAMAGED ? ERR_FORGED : ERR_MALFORMED;
    *header = block.header;
    prepared_block_free(&block);
    return ERR_OK;
}

/* Entries, their digests, and whether these stand under the signed root. */
static enum error_code open_entries(const struct prover *prover, const struct carry_parts *parts,
                                    struct block_header *header, struct entry_list *list,
                                    struct hash **digests)
{
    enum error_code code = open_header(prover, parts->header, header);
    struct author_epoch self = {header->stream.author, header->stream.epoch};
    if (code == ERR_OK)
        code = entry_list_decode(parts->plain, &self, header->clock, list, NULL);
    if (code != ERR_OK)
        return code;
    if (list->count != parts->count)
        return ERR_MALFORMED;
    *digests = mem_alloc(list->count * sizeof **digests);
    entry_list_digests(list, prover->author_key, self.epoch, *digests);
    return merkle_check(&header->root, header->count, parts->places, *digests, list->count,
                        parts->proof)
               ? ERR_OK
               : ERR_FORGED;
}

static bool read_opening(struct span opening, struct carry_parts *parts)
{
    struct mp_reader reader = mp_reader(opening);
    bool fits = mp_peek(&reader) == MP_ARRAY && mp_read_array(&reader) == 3;
    parts->header = mp_read_bin(&reader);
    parts->proof = mp_read_bin(&reader);
    parts->plain = mp_read_bin(&reader);
    parts->places[0] = 0;
    parts->count = 1;
    mp_read_end(&reader);
    return fits && !reader.failed;
}

/* The first entry of the stream that the carried entries stand in. */
static enum error_code open_opening(const struct prover *prover, struct span opening,
                                    struct carry *carry)
{
    struct carry_parts *parts = mem_alloc(sizeof *parts);
    struct block_header header = {0};
    struct entry_list list = {0};
    struct hash *digests = NULL;
    enum error_code code = read_opening(opening, parts) ? ERR_OK : ERR_MALFORMED;
    if (code == ERR_OK)
        code = open_entries(prover, parts, &header, &list, &digests);
    if (code == ERR_OK &&
        (header.seq != 0 || list.entries[0].kind != ENTRY_OPEN || list.entries[0].hole ||
         !stream_id_same(&header.stream, &carry->header.stream)))
        code = ERR_MALFORMED;
    if (code == ERR_OK) {
        carry->open = mem_alloc(sizeof *carry->open);
        code = stream_open_decode(list.entries[0].body, carry->open, NULL);
    }
    entry_list_free(&list);
    free(digests);
    free(parts);
    return code;
}

/* What is sealed is read with the keys that came with it: here it must open. */
static enum error_code open_seals(const struct carry_parts *parts, const uint8_t *author_key,
                                  struct carry *carry)
{
    const struct stream_id *stream = &carry->header.stream;
    struct author_epoch self = {stream->author, stream->epoch};
    if (parts->key_count == 0)
        return ERR_OK;
    if (parts->key_count != carry->list.count)
        return ERR_MALFORMED;
    carry->unsealed = mem_alloc(carry->list.count * sizeof *carry->unsealed);
    for (size_t i = 0; i < carry->list.count; i++) {
        struct entry *entry = &carry->list.entries[i];
        struct unsealed *inside = &carry->unsealed[i];
        struct span sealed = entry->sealed;
        if (sealed.size == 0)
            return ERR_MALFORMED;
        if (entry_unseal_with(sealed, &self, author_key, parts->keys[i], inside) != SEAL_OPENED)
            return ERR_FORGED;
        *entry = inside->list.entries[0];
        entry->seal = ENTRY_OPENED;
        entry->sealed = sealed;
        entry->content_key = inside->content_key;
        carry->digests[i] = inside->digest;
    }
    return ERR_OK;
}

static bool all_about(const struct entry_list *list, uint16_t type, const struct record_id *record)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct entry *entry = &list->entries[i];
        if (!entry->has_record || entry->type != type || entry->kind == ENTRY_CARRY ||
            memcmp(entry->record.bytes, record->bytes, sizeof record->bytes) != 0)
            return false;
    }
    return true;
}

enum error_code carry_open(struct span body, const struct hash *tree_id,
                           const uint8_t author_key[static KEY_BYTES],
                           const struct verifier *verifier, uint16_t type,
                           const struct record_id *record, struct carry *carry)
{
    struct prover prover = {tree_id, author_key, verifier};
    struct carry_parts *parts = mem_alloc(sizeof *parts);
    *carry = (struct carry){0};
    enum error_code code = read_parts(body, parts) ? ERR_OK : ERR_MALFORMED;
    if (code == ERR_OK)
        code = open_entries(&prover, parts, &carry->header, &carry->list, &carry->digests);
    if (code == ERR_OK)
        code = open_seals(parts, author_key, carry);
    if (code == ERR_OK && !all_about(&carry->list, type, record))
        code = ERR_MALFORMED;
    if (code == ERR_OK)
        carry->places = mem_copy(parts->places, parts->count * sizeof *carry->places);
    if (code == ERR_OK && parts->opening.size > 0)
        code = open_opening(&prover, parts->opening, carry);
    if (code != ERR_OK)
        carry_free(carry);
    free(parts);
    return code;
}

/* ---- erasing ---- */

/* The keys of what stays sealed; of what stands bare none. */
static void write_left_keys(const struct carried_keys *carried, struct buffer *out)
{
    static const uint8_t none[SEAL_CONTENT_KEY_BYTES];
    mp_write_array(out, (uint32_t)carried->count);
    for (size_t i = 0; i < carried->count; i++)
        mp_write_bin(out, SPAN(carried->bare[i] ? none : carried->keys[i], SEAL_CONTENT_KEY_BYTES));
}

static void write_left(struct span body, struct span plain, const struct carried_keys *carried,
                       struct buffer *out)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    mp_write_map(out, fields.left);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        mp_write_int(out, key);
        if (key == CARRY_PLAIN)
            mp_write_bin(out, plain);
        else if (key == CARRY_KEYS)
            write_left_keys(carried, out);
        else
            buffer_append_span(out, value);
    }
}

uint32_t carry_erase(struct span body, const struct block_erasing *by, struct buffer *out)
{
    struct carry_parts *parts = mem_alloc(sizeof *parts);
    struct carried_keys *carried = mem_alloc(sizeof *carried);
    struct entries_erasing erasing = {.by = by, .carried = carried};
    struct block_parts header;
    struct buffer plain = {0};
    uint32_t count = 0;
    if (read_parts(body, parts) && block_parts_read(parts->header, &header, NULL) == ERR_OK &&
        (header.flags & BLOCK_FLAGS_MASK) == HEADER_FLAGS) {
        const struct author_epoch self = {header.stream.author, header.stream.epoch};
        carried->count = parts->key_count;
        memcpy(carried->keys, parts->keys, parts->key_count * sizeof *carried->keys);
        count = entries_erase(parts->plain, &self, header.clock, &erasing, &plain);
    }
    if (count > 0)
        write_left(body, span_of_buffer(&plain), carried, out);
    buffer_free(&plain);
    free(carried);
    free(parts);
    return count;
}
