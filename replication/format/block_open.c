/* From bytes to a verified block.
 *
 * The signed header is put together from what the bytes say, from what stands before the block
 * in its stream, and from the payload itself; then one signature decides over all of it. Two
 * ways in:
 *
 *     root not stated: decode, root from the entries, signature.   A fault anywhere: damaged,
 *                      and nobody can say by whom.
 *     root stated:     signature, then decode. A payload that its author signed and that can't
 *                      be decoded, or doesn't come to the root it signed, is opaque.
 *
 * So whether a block is opaque depends on its signed bytes alone, not on who looks. */
#include <assert.h>
#include <string.h>

#include "base/planted.h"
#include "replication/format/block_parts.h"
#include "replication/format/entry_parts.h"
#include "replication/format/payload.h"

static enum error_code fail(struct error *error, enum error_code code, const char *why)
{
    enum error_code answer = error_set(error, code, "a block", "%s", why);
    if (error != NULL && code == ERR_DAMAGED)
        error_next(error, "ask its sender once more, for the opaque form");
    return answer;
}

static enum error_code place_stream(const struct block_parts *parts,
                                    const struct block_context *context,
                                    struct block_header *header, struct error *error)
{
    header->tree_id = context->tree_id;
    memcpy(header->author_key, context->author_key, KEY_BYTES);
    header->stream = parts->flags & BLOCK_HAS_STREAM ? parts->stream : context->stream;
    if (!key_id_equal(header->stream.author, key_id_of(context->author_key)))
        return fail(error, ERR_DAMAGED, "its stream is not one of this key");
    if (parts->flags & BLOCK_HAS_PLACE) {
        header->seq = parts->seq;
        header->previous = parts->previous;
    } else {
        header->seq = context->head.seq;
        header->previous = header->seq == 0 ? hash_zero : context->head.hash;
    }
    return ERR_OK;
}

static enum error_code place_clock(const struct block_parts *parts,
                                   const struct block_context *context, struct block_header *header,
                                   struct error *error)
{
    int64_t clock = (int64_t)parts->clock;
    assert(context->head.clock < CLOCK_LIMIT);
    if (!(parts->flags & BLOCK_HAS_CLOCK) &&
        __builtin_add_overflow((int64_t)context->head.clock, parts->clock_difference, &clock))
        return fail(error, ERR_MALFORMED, "its clock is out of range");
    if (clock < 0 || (uint64_t)clock >= CLOCK_LIMIT)
        return fail(error, ERR_MALFORMED, "its clock is out of range");
    header->clock = (uint64_t)clock;
    return ERR_OK;
}

static void keep_payload(const struct block_parts *parts, struct prepared_block *block)
{
    struct block_header *header = &block->header;
    memcpy(block->signature, parts->signature, SIGNATURE_BYTES);
    buffer_append_span(&block->payload, parts->payload);
    block->payload_codec = parts->payload_codec;
    header->codec = parts->payload_codec;
    header->payload_hash = hash_of(HASH_PAYLOAD, parts->payload);
    if (parts->flags & BLOCK_HAS_PAYLOAD_HASH) {
        block->altered = parts->codec != header->codec ||
                         !hash_equal(&parts->payload_hash, &header->payload_hash);
        header->codec = parts->codec;
        header->payload_hash = parts->payload_hash;
    }
}

static void drop_entries(struct prepared_block *block)
{
    struct prepared_block entries = {
        .plain = block->plain,
        .list = block->list,
        .digests = block->digests,
        .leaves = block->leaves,
    };
    block->plain = (struct buffer){0};
    block->list = (struct entry_list){0};
    block->digests = block->leaves = NULL;
    prepared_block_free(&entries);
}

static bool has_hole(const struct entry_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct entry *entry = &list->entries[i];
        if (entry->hole || entry->holed || entry_seal_is_left(entry->sealed))
            return true;
    }
    return false;
}

/* Payload to entries, digests and their root. The block's clock is its first entry's. */
static bool decode(struct prepared_block *block, struct hash *root)
{
    const struct block_header *header = &block->header;
    const struct author_epoch self = {header->stream.author, header->stream.epoch};
    if (block->payload.size == 0 ||
        !payload_unpack(span_of_buffer(&block->payload), (enum block_codec)block->payload_codec,
                        &block->plain))
        return false;
    if (entry_list_decode(span_of_buffer(&block->plain), &self, header->clock, &block->list,
                          NULL) != ERR_OK)
        return false;
    if (block->list.entries[0].clock != header->clock)
        return false;
    if (block->altered && !has_hole(&block->list))
        return false; /* only erasing is a reason for another payload than the signed one */
    block->digests = mem_alloc(block->list.count * sizeof *block->digests);
    entry_list_digests(&block->list, header->author_key, self.epoch, block->digests);
    block->leaves = block->digests;
    *root = merkle_root(block->leaves, block->list.count);
    return true;
}

/* What is sealed to our key is put in the place of its seal, when the signature holds. */
static void unseal(struct prepared_block *block, const struct seal_key *key)
{
    const struct block_header *header = &block->header;
    const struct author_epoch self = {header->stream.author, header->stream.epoch};
    for (size_t i = 0; i < block->list.count; i++) {
        struct entry *entry = &block->list.entries[i];
        struct unsealed inside;
        if (entry->seal != ENTRY_SHUT ||
            entry_unseal(entry->sealed, &self, header->author_key, key, &inside) != SEAL_OPENED)
            continue;
        if (block->unsealed == NULL) {
            block->unsealed = mem_alloc(block->list.count * sizeof *block->unsealed);
            block->leaves = mem_copy(block->digests, block->list.count * sizeof *block->digests);
        }
        struct span sealed = entry->sealed;
        block->unsealed[i] = inside;
        *entry = inside.list.entries[0];
        entry->seal = ENTRY_OPENED;
        entry->sealed = sealed;
        entry->content_key = block->unsealed[i].content_key;
        block->digests[i] = inside.digest;
    }
}

static enum error_code verify(struct prepared_block *block, const struct verifier *verifier,
                              struct error *error)
{
    if ((uint64_t)block->header.seq + block->header.count > STREAM_ENTRIES_MAX)
        return fail(error, ERR_MALFORMED, "it passes the end of its stream");
    block->hash = block_header_hash(&block->header);
    if (!PLANTED(SIGNATURE_UNCHECKED) &&
        !verifier_holds(verifier, &block->hash, block->signature, block->header.author_key))
        return fail(error, ERR_DAMAGED, "the signature does not hold over what came");
    return ERR_OK;
}

static enum error_code open_worked_out(struct prepared_block *block,
                                       const struct verifier *verifier, struct error *error)
{
    if (!decode(block, &block->header.root))
        return fail(error, ERR_DAMAGED, "the payload can't be decoded");
    block->header.count = (uint32_t)block->list.count;
    return verify(block, verifier, error);
}

static enum error_code open_stated(const struct block_parts *parts, struct prepared_block *block,
                                   const struct verifier *verifier, struct error *error)
{
    block->header.count = parts->count;
    block->header.root = parts->root;
    enum error_code code = verify(block, verifier, error);
    if (code != ERR_OK)
        return code;
    struct hash root = hash_zero;
    if (decode(block, &root) && block->list.count == parts->count &&
        hash_equal(&root, &parts->root))
        return ERR_OK;
    drop_entries(block);
    block->opaque = true;
    if (block->altered && !(parts->flags & BLOCK_HAS_NO_PAYLOAD))
        return fail(error, ERR_DAMAGED, "the payload is not the one that was signed");
    return ERR_OK;
}

enum error_code block_open(struct span bytes, const struct block_context *context,
                           struct prepared_block *block, struct error *error)
{
    struct block_parts parts;
    *block = (struct prepared_block){0};
    enum error_code code = block_parts_read(bytes, &parts, error);
    if (code == ERR_OK)
        code = place_stream(&parts, context, &block->header, error);
    if (code == ERR_OK)
        code = place_clock(&parts, context, &block->header, error);
    if (code != ERR_OK)
        return code;
    keep_payload(&parts, block);
    if (parts.flags & BLOCK_HAS_ROOT)
        code = open_stated(&parts, block, context->verifier, error);
    else
        code = open_worked_out(block, context->verifier, error);
    if (code != ERR_OK)
        prepared_block_free(block);
    else if (context->seal != NULL && !block->opaque)
        unseal(block, context->seal);
    return code;
}

uint32_t block_count_entries(struct span bytes)
{
    struct block_parts parts;
    struct buffer plain = {0};
    uint64_t count = 0;
    if (block_parts_read(bytes, &parts, NULL) != ERR_OK)
        return 0;
    if (parts.flags & BLOCK_HAS_ROOT)
        return parts.count;
    if (payload_unpack(parts.payload, (enum block_codec)parts.payload_codec, &plain)) {
        struct mp_reader reader = mp_reader(span_of_buffer(&plain));
        mp_read_uint(&reader); /* schema version */
        mp_read_any(&reader);  /* authors */
        count = mp_read_uint_max(&reader, BLOCK_ENTRIES_MAX);
    }
    buffer_free(&plain);
    return (uint32_t)count;
}
