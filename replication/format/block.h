/* Blocks: a run of entries under one signature (formats.md 3).
 *
 * Signed, not sent: the header that is signed is complete and absolute; the bytes sent or
 * stored leave out what the receiver works out, and `flags` says what does stand there.
 * block_open is pure and does all the costly work: decompress, hash, decode, verify. */
#ifndef TERRACE_REPLICATION_FORMAT_BLOCK_H
#define TERRACE_REPLICATION_FORMAT_BLOCK_H

#include "replication/format/entry_seal.h"

enum block_flag {
    BLOCK_HAS_STREAM = 1,        /* key id 8, epoch u, number u */
    BLOCK_HAS_PLACE = 2,         /* seq u, previous hash bin32 (raw 32 bytes) */
    BLOCK_HAS_CLOCK = 4,         /* clock u */
    BLOCK_HAS_ROOT = 8,          /* count u, root 32 */
    BLOCK_HAS_PAYLOAD_HASH = 16, /* codec as signed 1 byte, payload hash 32 */
    BLOCK_HAS_NO_PAYLOAD = 32,
};
enum block_codec { CODEC_RAW, CODEC_ZSTD, CODEC_ZSTD_DICTIONARY };

struct stream_id {
    struct key_id author;
    uint32_t epoch;
    uint16_t number;
    uint8_t
        branch; /* of a forked stream, as numbered here: it never leaves the node (branches.h) */
};

/* The place after the last block of a stream: what the next block is checked against. */
struct stream_head {
    uint32_t seq; /* entries so far; 0: nothing yet */
    struct hash hash;
    uint64_t clock; /* of the last block's header */
};

/* The header as signed. */
struct block_header {
    struct hash tree_id;
    uint8_t author_key[KEY_BYTES];
    struct stream_id stream; /* author = key_id_of(author_key) */
    uint32_t seq, count;
    struct hash previous;
    uint64_t clock;
    struct hash root;
    uint8_t codec;
    struct hash payload_hash;
};
/* hash(`block`, the array of formats.md 3): signed, and the block's name. */
struct hash block_header_hash(const struct block_header *header);

/* A verified block. Owns its plain text and entries. Where entries are sealed and can be read here
 * they are those that were sealed: only `leaves` and entry.sealed tell. */
struct prepared_block {
    struct block_header header;
    struct hash hash;
    uint8_t signature[SIGNATURE_BYTES];
    struct buffer plain;
    struct entry_list list;
    struct hash *digests; /* one an entry: of the operation where it is known */
    struct hash *leaves;  /* of the Merkle tree; the same as `digests` where nothing is sealed */
    struct unsealed *unsealed; /* one an entry, empty where it was clear; NULL: none was opened */
    bool opaque;               /* can't be decoded; only header, payload and signature hold */
    struct buffer payload; /* as signed or, where bodies were erased, as received; for storing */
    uint8_t payload_codec; /* of `payload`; the header's unless bodies were erased */
    bool altered;          /* bodies were erased: `payload` is not the one that was signed */
};
void prepared_block_free(struct prepared_block *block);

/* What block_open needs beside the bytes. */
struct block_context {
    struct hash tree_id;
    struct stream_id stream;   /* used when the bytes don't name it */
    struct stream_head head;   /* predecessor; used when the bytes don't give place or clock */
    const uint8_t *author_key; /* of the stream's author */
    const struct verifier *verifier;
    const struct seal_key *seal; /* what is sealed to it is opened; NULL: nothing is */
};

/* Which stream and place the bytes name, without verifying; has_* say what was there. */
struct block_prefix {
    uint8_t flags;
    struct stream_id stream;
    uint32_t seq;
    struct hash previous;
};
enum error_code block_read_prefix(struct span bytes, struct block_prefix *prefix,
                                  struct error *error);

/* ERR_OK; MALFORMED (form), OVERSIZE, DAMAGED (payload doesn't decode or the signature doesn't
 * hold: damage and forgery look alike), all with nothing to free. An opaque form (flag 8) whose
 * signature holds and whose payload can't be decoded or doesn't come to the root it states gives
 * ERR_OK with `opaque` set; so does a header alone (BLOCK_HAS_ROOT, _PAYLOAD_HASH, _NO_PAYLOAD),
 * then `payload` is empty: single entries are proved against its root by merkle_check. */
enum error_code block_open(struct span bytes, const struct block_context *context,
                           struct prepared_block *block, struct error *error);

/* How many entries the bytes say to hold, nothing verified; 0: that can't be seen. */
uint32_t block_count_entries(struct span bytes);

/* Build and sign a block from the writer at `head`; appends the payload's bytes to
 * `block->payload`, fills header, hash, signature, digests; decodes nothing. Blocks of few entries
 * get level 12, others level 1; whichever of raw and zstd is smaller. */
void block_make(const struct entry_writer *writer, const struct hash *tree_id,
                const struct stream_id *stream, const struct stream_head *head,
                const uint8_t author_key[static KEY_BYTES],
                const uint8_t secret[static SECRET_BYTES], const struct verifier *verifier,
                struct prepared_block *block);

/* Write the sent or stored form with these parts (BLOCK_HAS_*), and with the root of an opaque
 * block and the payload hash of an altered one in any case. `previous` is needed for the clock
 * difference when BLOCK_HAS_CLOCK is absent. */
void block_write(const struct prepared_block *block, unsigned flags,
                 const struct stream_head *previous, struct buffer *out);

/* From the stored form (BLOCK_STORED, and what an opaque or altered block has to state) to a
 * sent form, without decompressing: `flags` as in block_write; appends to `out`. False when the
 * stored bytes are not readable, or when BLOCK_HAS_ROOT is wanted and isn't there: the opaque
 * form of a sound block takes block_open and block_write. */
enum { BLOCK_STORED = BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK };
bool block_reform(struct span stored, unsigned flags, const struct stream_id *stream,
                  const struct stream_head *previous, struct buffer *out);

/* Which bodies go: asked of each write that has its body yet; and the keys of authors, false: not
 * known here. */
struct block_erasing {
    void *context;
    bool (*author_key)(void *context, struct key_id author, uint8_t key[static KEY_BYTES]);
    bool (*goes)(void *context, const struct entry *entry, const struct hash *digest);
    /* Of what is sealed in a stream of this author: its leaf, and the bytes that are left of it, in
     * `left`. False: all of it stays. */
    bool (*left)(void *context, struct key_id author, const struct hash *leaf, struct buffer *left);
};
/* The stored form of this stream's block with holes where `goes` says so, also in what it carries,
 * appended to `out`. The number of holes made; 0: nothing is appended, none is due, or the block
 * can't be read; *kept: its author packed it so that with holes it would be no message. What is
 * sealed is cut down to nothing before it comes to that. No signature is looked at. */
uint32_t block_erase(struct span stored, const struct stream_id *stream,
                     const struct block_erasing *erasing, struct buffer *out, bool *kept);

/* Order and equality of streams: by key id, epoch, number, branch. */
int stream_id_compare(const struct stream_id *a, const struct stream_id *b);
/* The same stream, whichever branch. */
bool stream_id_same(const struct stream_id *a, const struct stream_id *b);

#endif
