/* Blocks: every form written, read back and verified; every single change refused; what its own
 * author made undecodable proven so; and payloads that would cost their reader too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "base/msgpack.h"
#include "replication/format/block.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, VERSION = 9, NUMBER = 3 };
enum { BUNDLE = BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK };

static uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
static struct author_epoch self;
static struct stream_id stream;
static struct hash tree_id;
static struct stream_head before; /* the place after an imagined block */

static int start(void **state)
{
    (void)state;
    uint8_t seed[32] = {42};
    if (!crypto_start())
        return -1;
    sign_key_pair(seed, key, secret);
    self = (struct author_epoch){key_id_of(key), EPOCH};
    stream = (struct stream_id){self.author, EPOCH, NUMBER};
    memset(tree_id.bytes, 0x11, HASH_BYTES);
    before = (struct stream_head){.seq = 1000, .clock = CLOCK - 40};
    memset(before.hash.bytes, 0x22, HASH_BYTES);
    return 0;
}

static struct block_context context_of(void)
{
    return (struct block_context){
        .tree_id = tree_id, .stream = stream, .head = before, .author_key = key};
}

static struct entry entry_of(uint32_t i, struct buffer *body)
{
    char text[64];
    snprintf(text, sizeof text, "a line like the others, number %u", (unsigned)i);
    buffer_clear(body);
    mp_write_map(body, 2);
    mp_write_uint(body, 1);
    mp_write_text(body, text);
    mp_write_uint(body, 2);
    mp_write_uint(body, i * 7);
    return (struct entry){.kind = ENTRY_WRITE,
                          .type = 7,
                          .clock = CLOCK + i,
                          .schema_version = VERSION,
                          .has_record = true,
                          .record = record_id_make(&self, i + 1),
                          .n = 1,
                          .body = span_of_buffer(body)};
}

/* A writer of `count` entries; each `hole_every`-th one is a hole (0: none). */
static struct entry_writer *writer_of(uint32_t count, uint32_t hole_every)
{
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    struct buffer body = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct entry entry = entry_of(i, &body);
        if (hole_every != 0 && i % hole_every == 0) {
            entry.body_hash = entry_body_hash(entry.body);
            entry.hole = true;
        }
        assert_true(entry_writer_add(writer, &entry));
    }
    buffer_free(&body);
    return writer;
}

static struct prepared_block block_of(uint32_t count)
{
    struct prepared_block block;
    struct entry_writer *writer = writer_of(count, 0);
    block_make(writer, &tree_id, &stream, &before, key, secret, NULL, &block);
    entry_writer_free(writer);
    return block;
}

static struct buffer form_of(const struct prepared_block *block, unsigned flags)
{
    struct buffer out = {0};
    block_write(block, flags, &before, &out);
    return out;
}

static enum error_code open_code(struct span bytes, bool *opaque)
{
    struct block_context context = context_of();
    struct prepared_block block;
    struct error error;
    /* the exact size, so that one byte too far is seen */
    uint8_t *exact = mem_alloc(bytes.size == 0 ? 1 : bytes.size);
    if (bytes.size != 0)
        memcpy(exact, bytes.data, bytes.size);
    enum error_code code = block_open(SPAN(exact, bytes.size), &context, &block, &error);
    if (opaque != NULL)
        *opaque = block.opaque;
    assert_true(code == ERR_OK || (block.plain.data == NULL && block.payload.data == NULL &&
                                   block.digests == NULL && block.list.entries == NULL));
    prepared_block_free(&block);
    free(exact);
    return code;
}

static void assert_same_header(const struct prepared_block *a, const struct prepared_block *b)
{
    assert_true(hash_equal(&a->hash, &b->hash));
    assert_int_equal(a->header.seq, b->header.seq);
    assert_int_equal(a->header.count, b->header.count);
    assert_true(a->header.clock == b->header.clock);
    assert_int_equal(a->header.codec, b->header.codec);
    assert_true(hash_equal(&a->header.root, &b->header.root));
    assert_true(hash_equal(&a->header.payload_hash, &b->header.payload_hash));
    assert_int_equal(stream_id_compare(&a->header.stream, &b->header.stream), 0);
}

static void the_header_is_as_expected(void **state)
{
    (void)state;
    struct block_header header = {.stream = {.epoch = EPOCH, .number = 3},
                                  .seq = 1000,
                                  .count = 2,
                                  .clock = CLOCK,
                                  .codec = CODEC_ZSTD};
    memset(header.tree_id.bytes, 0x11, HASH_BYTES);
    memset(header.previous.bytes, 0x22, HASH_BYTES);
    memset(header.root.bytes, 0x33, HASH_BYTES);
    memset(header.payload_hash.bytes, 0x44, HASH_BYTES);
    for (size_t i = 0; i < KEY_BYTES; i++)
        header.author_key[i] = (uint8_t)i;
    static const uint8_t expected[HASH_BYTES] = {0xe8, 0x54, 0xf2, 0x31, 0x10, 0x25, 0x2a, 0x35,
                                                 0x21, 0x02, 0x6a, 0x59, 0x56, 0x04, 0x57, 0xaa,
                                                 0x6e, 0x17, 0xc0, 0x0c, 0x45, 0x2f, 0x29, 0x73,
                                                 0xd9, 0x89, 0x19, 0x49, 0xda, 0xce, 0xd6, 0x4f};
    struct hash hash = block_header_hash(&header);
    assert_memory_equal(hash.bytes, expected, HASH_BYTES);
}

static void check_form(const struct prepared_block *made, unsigned flags)
{
    struct block_context context = context_of();
    struct prepared_block block;
    struct buffer bytes = form_of(made, flags);
    if (flags & BLOCK_HAS_STREAM)
        context.stream.number++; /* what stands there counts */
    if (flags & BLOCK_HAS_PLACE) {
        context.head.seq++;
        context.head.hash.bytes[0]++;
    }
    if (flags & BLOCK_HAS_CLOCK)
        context.head.clock++;
    assert_int_equal(block_open(span_of_buffer(&bytes), &context, &block, NULL), ERR_OK);
    assert_same_header(made, &block);
    assert_false(block.opaque);
    assert_int_equal(block.list.count, made->header.count);
    assert_memory_equal(block.digests, made->digests, block.list.count * sizeof *block.digests);
    assert_true(span_equal(span_of_buffer(&block.payload), span_of_buffer(&made->payload)));
    struct buffer again = form_of(&block, flags);
    assert_true(span_equal(span_of_buffer(&again), span_of_buffer(&bytes)));
    buffer_free(&again);
    prepared_block_free(&block);
    buffer_free(&bytes);
}

static void every_form_is_read_back(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 16, 17, 256};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct prepared_block block = block_of(counts[i]);
        assert_int_equal(block.header.codec, counts[i] == 1 ? CODEC_RAW : CODEC_ZSTD);
        assert_int_equal(block.header.seq, before.seq);
        for (unsigned flags = 0; flags < BLOCK_HAS_NO_PAYLOAD; flags++)
            check_form(&block, flags);
        prepared_block_free(&block);
    }
}

static void a_lone_block_costs_66_bytes(void **state)
{
    (void)state;
    struct prepared_block block = block_of(1);
    struct buffer bytes = form_of(&block, 0);
    /* flags, a clock difference of 40, the signature */
    assert_int_equal(bytes.size, 1 + 1 + SIGNATURE_BYTES + block.payload.size);
    buffer_free(&bytes);
    prepared_block_free(&block);
}

static void the_first_block_has_no_predecessor(void **state)
{
    (void)state;
    struct prepared_block block, back;
    struct entry_writer *writer = writer_of(3, 0);
    struct stream_head head = {0};
    memset(head.hash.bytes, 5, HASH_BYTES); /* not looked at */
    block_make(writer, &tree_id, &stream, &head, key, secret, NULL, &block);
    assert_true(hash_equal(&block.header.previous, &hash_zero));
    struct buffer bytes = {0};
    block_write(&block, BUNDLE, NULL, &bytes);
    struct block_context context = context_of();
    assert_int_equal(block_open(span_of_buffer(&bytes), &context, &back, NULL), ERR_OK);
    assert_same_header(&block, &back);
    bytes.data[1 + KEY_ID_BYTES + 5 + 1 + 1 + 7] = 1; /* a predecessor at seq 0 */
    assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_MALFORMED);
    buffer_free(&bytes);
    prepared_block_free(&back);
    prepared_block_free(&block);
    entry_writer_free(writer);
}

static void the_prefix_is_read_without_verifying(void **state)
{
    (void)state;
    struct prepared_block block = block_of(2);
    struct buffer bytes = form_of(&block, BUNDLE);
    struct block_prefix prefix;
    assert_int_equal(block_read_prefix(span_of_buffer(&bytes), &prefix, NULL), ERR_OK);
    assert_int_equal(prefix.flags & 63, BUNDLE);
    assert_int_equal(stream_id_compare(&prefix.stream, &stream), 0);
    assert_int_equal(prefix.seq, 1000);
    assert_true(hash_equal(&prefix.previous, &before.hash));
    for (size_t size = 0; size < 1 + KEY_ID_BYTES + 5 + 1 + 3 + HASH_BYTES; size++)
        assert_int_equal(block_read_prefix(SPAN(bytes.data, size), &prefix, NULL), ERR_MALFORMED);
    bytes.data[0] |= 192;
    assert_int_equal(block_read_prefix(span_of_buffer(&bytes), &prefix, NULL), ERR_MALFORMED);
    buffer_free(&bytes);
    prepared_block_free(&block);
}

static uint32_t drawn = 7;

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525u + 1013904223u;
    return (drawn >> 8) % below;
}

/* Also in the forms that state a root or a payload hash: nothing that was sent is left unchecked.
 */
static void each_changed_bit_is_refused(void **state)
{
    (void)state;
    static const unsigned forms[] = {0, BUNDLE, BLOCK_HAS_ROOT, BUNDLE | BLOCK_HAS_PAYLOAD_HASH,
                                     BLOCK_STORED | BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH};
    struct prepared_block block = block_of(40);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct buffer bytes = form_of(&block, forms[i]);
        assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_OK);
        for (size_t j = 0; j < 1000; j++) {
            size_t bit = draw((uint32_t)bytes.size * 8);
            bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(open_code(span_of_buffer(&bytes), NULL), ERR_OK);
            bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t size = 0; size < bytes.size; size++)
            assert_int_not_equal(open_code(SPAN(bytes.data, size), NULL), ERR_OK);
        buffer_append_byte(&bytes, 0);
        assert_int_not_equal(open_code(span_of_buffer(&bytes), NULL), ERR_OK);
        buffer_free(&bytes);
    }
    prepared_block_free(&block);
}

static enum error_code open_in(struct span bytes, const struct block_context *context)
{
    struct prepared_block block;
    enum error_code code = block_open(bytes, context, &block, NULL);
    prepared_block_free(&block);
    return code;
}

static void another_context_is_refused(void **state)
{
    (void)state;
    struct prepared_block block = block_of(2);
    struct buffer bytes = form_of(&block, 0);
    struct block_context context = context_of();
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_OK);
    context.tree_id.bytes[0]++;
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    context = context_of();
    context.stream.number++;
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    context = context_of();
    context.head.seq++;
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    context = context_of();
    context.head.hash.bytes[31]++;
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    context = context_of();
    context.head.clock++;
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    uint8_t seed[32] = {43}, other_key[KEY_BYTES], other_secret[SECRET_BYTES];
    sign_key_pair(seed, other_key, other_secret);
    context = context_of();
    context.author_key = other_key;
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    context.stream.author = key_id_of(other_key);
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_DAMAGED);
    context = context_of();
    context.head.seq = STREAM_ENTRIES_MAX - 1; /* two entries pass the end */
    assert_int_equal(open_in(span_of_buffer(&bytes), &context), ERR_MALFORMED);
    buffer_free(&bytes);
    prepared_block_free(&block);
}

/* A block whose payload, root and count are whatever an author says, signed by it. */
static struct prepared_block signed_anyhow(struct span payload, uint8_t codec, uint32_t count,
                                           struct hash root)
{
    struct prepared_block block = {.payload_codec = codec};
    buffer_append_span(&block.payload, payload);
    block.header = (struct block_header){.tree_id = tree_id,
                                         .stream = stream,
                                         .seq = before.seq,
                                         .count = count,
                                         .previous = before.hash,
                                         .clock = CLOCK,
                                         .root = root,
                                         .codec = codec,
                                         .payload_hash = hash_of(HASH_PAYLOAD, payload)};
    memcpy(block.header.author_key, key, KEY_BYTES);
    block.hash = block_header_hash(&block.header);
    sign_hash(&block.hash, secret, block.signature);
    return block;
}

/* Refused as damage when it comes as usual, proven and opaque when it states its root; and its
 * stored form goes on as it came. */
static void check_opaque(struct prepared_block made)
{
    bool opaque = false;
    struct buffer usual = form_of(&made, 0), stated = form_of(&made, BLOCK_HAS_ROOT);
    assert_int_equal(open_code(span_of_buffer(&usual), NULL), ERR_DAMAGED);
    struct block_context context = context_of();
    struct prepared_block block;
    assert_int_equal(block_open(span_of_buffer(&stated), &context, &block, NULL), ERR_OK);
    assert_true(block.opaque);
    assert_same_header(&made, &block);
    assert_int_equal(block.list.count, 0);
    assert_null(block.plain.data);
    struct buffer stored = form_of(&block, BLOCK_STORED), sent = {0};
    assert_true(block_reform(span_of_buffer(&stored), BUNDLE, &stream, NULL, &sent));
    assert_int_equal(open_code(span_of_buffer(&sent), &opaque), ERR_OK);
    assert_true(opaque);
    sent.data[sent.size - 1] ^= 1;
    assert_int_equal(open_code(span_of_buffer(&sent), NULL), ERR_DAMAGED);
    buffer_free(&sent);
    buffer_free(&stored);
    prepared_block_free(&block);
    buffer_free(&stated);
    buffer_free(&usual);
    prepared_block_free(&made);
}

static void what_its_author_spoiled_is_opaque(void **state)
{
    (void)state;
    struct prepared_block good = block_of(2);
    struct span plain = span_of_buffer(&good.plain), payload = span_of_buffer(&good.payload);
    struct hash root = good.header.root, wrong = root;
    wrong.bytes[0]++;
    check_opaque(signed_anyhow(span_of_text("not entries"), CODEC_RAW, 2, root));
    check_opaque(signed_anyhow(span_of_text("not a frame"), CODEC_ZSTD, 2, root));
    check_opaque(signed_anyhow(payload, CODEC_ZSTD_DICTIONARY, 2, root));
    check_opaque(signed_anyhow(plain, CODEC_RAW, 3, root));
    check_opaque(signed_anyhow(plain, CODEC_RAW, 2, wrong));
    prepared_block_free(&good);
}

static void a_sound_block_is_never_opaque(void **state)
{
    (void)state;
    bool opaque = true;
    struct prepared_block block = block_of(5);
    struct buffer bytes = form_of(&block, BLOCK_HAS_ROOT);
    assert_int_equal(open_code(span_of_buffer(&bytes), &opaque), ERR_OK);
    assert_false(opaque);
    buffer_free(&bytes);
    prepared_block_free(&block);
}

static void the_block_has_the_clock_of_its_first_entry(void **state)
{
    (void)state;
    struct prepared_block good = block_of(2);
    struct buffer plain = {0};
    buffer_append_span(&plain, span_of_buffer(&good.plain));
    assert_int_equal(plain.data[6], 0); /* version, no authors, count, entry's head, 1, 7, clock */
    plain.data[6] = 1;
    check_opaque(signed_anyhow(span_of_buffer(&plain), CODEC_RAW, 2, good.header.root));
    buffer_free(&plain);
    prepared_block_free(&good);
}

/* The block as its author signed it, with the bodies of some entries gone. */
static struct prepared_block erase_in(const struct prepared_block *signed_block, uint32_t count)
{
    struct prepared_block block = {.header = signed_block->header,
                                   .hash = signed_block->hash,
                                   .payload_codec = CODEC_RAW,
                                   .altered = true};
    memcpy(block.signature, signed_block->signature, SIGNATURE_BYTES);
    struct entry_writer *writer = writer_of(count, 3);
    entry_writer_finish(writer, &block.payload);
    entry_writer_free(writer);
    return block;
}

static void a_block_with_holes_holds_against_its_root(void **state)
{
    (void)state;
    struct prepared_block whole = block_of(10), erased = erase_in(&whole, 10), block;
    struct buffer bytes = form_of(&erased, BUNDLE);
    struct block_context context = context_of();
    assert_int_equal(block_open(span_of_buffer(&bytes), &context, &block, NULL), ERR_OK);
    assert_same_header(&whole, &block);
    assert_true(block.altered);
    assert_false(block.opaque);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(block.list.entries[i].hole, i % 3 == 0);
    assert_memory_equal(block.digests, whole.digests, 10 * sizeof *block.digests);
    struct buffer stored = form_of(&block, BLOCK_STORED), sent = {0};
    assert_true(block_reform(span_of_buffer(&stored), BUNDLE, &stream, NULL, &sent));
    assert_true(span_equal(span_of_buffer(&sent), span_of_buffer(&bytes)));
    /* with a root it still is the signed block, but a payload that can't be read proves nothing */
    bool opaque = true;
    buffer_clear(&sent);
    block_write(&block, BLOCK_HAS_ROOT, &before, &sent);
    assert_int_equal(open_code(span_of_buffer(&sent), &opaque), ERR_OK);
    assert_false(opaque);
    sent.data[sent.size - 1] ^= 1;
    assert_int_equal(open_code(span_of_buffer(&sent), NULL), ERR_DAMAGED);
    erased.altered = false; /* without the hash as signed the receiver takes the wrong one */
    buffer_clear(&sent);
    block_write(&erased, 0, &before, &sent);
    assert_int_equal(open_code(span_of_buffer(&sent), NULL), ERR_DAMAGED);
    buffer_free(&sent);
    buffer_free(&stored);
    buffer_free(&bytes);
    prepared_block_free(&block);
    prepared_block_free(&erased);
    prepared_block_free(&whole);
}

static void a_header_alone_proves_single_entries(void **state)
{
    (void)state;
    const unsigned flags = BUNDLE | BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH | BLOCK_HAS_NO_PAYLOAD;
    struct prepared_block made = block_of(100), block;
    struct buffer bytes = form_of(&made, flags), proof = {0};
    struct block_context context = context_of();
    assert_int_equal(block_open(span_of_buffer(&bytes), &context, &block, NULL), ERR_OK);
    assert_true(block.opaque);
    assert_same_header(&made, &block);
    static const uint32_t places[] = {0, 31, 32, 99};
    struct hash leaves[4];
    merkle_prove(made.digests, 100, places, 4, &proof);
    for (size_t i = 0; i < 4; i++) {
        struct buffer body = {0};
        struct entry entry = entry_of(places[i], &body);
        leaves[i] = entry_digest(&entry, key, EPOCH);
        buffer_free(&body);
    }
    assert_true(merkle_check(&block.header.root, block.header.count, places, leaves, 4,
                             span_of_buffer(&proof)));
    leaves[2].bytes[0] ^= 1;
    assert_false(merkle_check(&block.header.root, block.header.count, places, leaves, 4,
                              span_of_buffer(&proof)));
    buffer_append_byte(&bytes, 0);
    assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_MALFORMED);
    buffer_clear(&bytes);
    block_write(&made, flags & ~(unsigned)BLOCK_HAS_ROOT, NULL, &bytes);
    assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_MALFORMED);
    buffer_free(&proof);
    buffer_free(&bytes);
    prepared_block_free(&block);
    prepared_block_free(&made);
}

static void the_stored_form_becomes_each_sent_form(void **state)
{
    (void)state;
    struct prepared_block block = block_of(30);
    struct buffer stored = form_of(&block, BLOCK_STORED), sent = {0};
    for (unsigned flags = 0; flags < 2 * BLOCK_HAS_NO_PAYLOAD; flags++) {
        buffer_clear(&sent);
        bool done = block_reform(span_of_buffer(&stored), flags, &stream, &before, &sent);
        assert_int_equal(done, (flags & BLOCK_HAS_ROOT) == 0);
        if (!done)
            continue;
        struct buffer expected = form_of(&block, flags);
        assert_true(span_equal(span_of_buffer(&sent), span_of_buffer(&expected)));
        buffer_free(&expected);
    }
    buffer_clear(&sent);
    struct buffer no_place = form_of(&block, BLOCK_HAS_CLOCK);
    assert_false(block_reform(span_of_buffer(&no_place), 0, &stream, &before, &sent));
    assert_false(block_reform(SPAN(stored.data, 60), 0, &stream, &before, &sent));
    assert_int_equal(sent.size, 0);
    buffer_free(&no_place);
    buffer_free(&sent);
    buffer_free(&stored);
    prepared_block_free(&block);
}

static void sizes_and_counts_are_bounded(void **state)
{
    (void)state;
    struct buffer payload = {0};
    for (size_t i = 0; i <= BLOCK_PAYLOAD_BYTES_MAX; i++)
        buffer_append_byte(&payload, 0);
    struct prepared_block block = signed_anyhow(span_of_buffer(&payload), CODEC_RAW, 1, hash_zero);
    struct buffer bytes = form_of(&block, BLOCK_HAS_ROOT);
    assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_OVERSIZE);
    assert_int_equal(open_code(SPAN(bytes.data, bytes.size - 1), NULL), ERR_DAMAGED);
    bytes.data[2] = 0; /* flags, difference, count: none */
    assert_int_equal(open_code(SPAN(bytes.data, bytes.size - 1), NULL), ERR_MALFORMED);
    prepared_block_free(&block);
    buffer_clear(&payload);
    block = block_of(1);
    block.header.count = BLOCK_ENTRIES_MAX + 1;
    buffer_clear(&bytes);
    block_write(&block, BLOCK_HAS_ROOT, &before, &bytes);
    assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_MALFORMED);
    prepared_block_free(&block);
    static const uint8_t many[] = {9, 0x90, 0xcd, 4, 1}; /* 1,025 entries */
    check_opaque(signed_anyhow(SPAN_OF_ARRAY(many), CODEC_RAW, 1, hash_zero));
    buffer_free(&bytes);
    buffer_free(&payload);
}

/* What zstd makes of `plain`, without magic, with these settings. */
static struct buffer frame_of(struct span plain, int checksum, int content_size, int window)
{
    struct buffer out = {0};
    ZSTD_CCtx *zip = ZSTD_createCCtx();
    buffer_reserve(&out, ZSTD_compressBound(plain.size) + 64);
    ZSTD_CCtx_setParameter(zip, ZSTD_c_checksumFlag, checksum);
    ZSTD_CCtx_setParameter(zip, ZSTD_c_contentSizeFlag, content_size);
    ZSTD_CCtx_setParameter(zip, ZSTD_c_windowLog, window);
    ZSTD_inBuffer in = {plain.data, plain.size, 0};
    ZSTD_outBuffer to = {out.data, out.capacity, 0};
    if (content_size)
        ZSTD_CCtx_setPledgedSrcSize(zip, plain.size);
    assert_int_equal(ZSTD_compressStream2(zip, &to, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(zip);
    out.size = to.pos - 4;
    memmove(out.data, out.data + 4, out.size);
    return out;
}

static void check_frame(struct span payload, bool sound, const struct prepared_block *good)
{
    struct prepared_block made =
        signed_anyhow(payload, CODEC_ZSTD, good->header.count, good->header.root);
    if (!sound) {
        check_opaque(made);
        return;
    }
    struct buffer bytes = form_of(&made, 0);
    assert_int_equal(open_code(span_of_buffer(&bytes), NULL), ERR_OK);
    buffer_free(&bytes);
    prepared_block_free(&made);
}

static void frames_have_one_form(void **state)
{
    (void)state;
    struct prepared_block good = block_of(50);
    struct span plain = span_of_buffer(&good.plain);
    struct buffer frame = frame_of(plain, 0, 1, 18);
    check_frame(span_of_buffer(&frame), true, &good);
    check_frame(SPAN(frame.data, frame.size - 1), false, &good);
    size_t size = frame.size;
    buffer_append(&frame, "\x28\xb5\x2f\xfd", 4); /* a second frame */
    buffer_append_span(&frame, SPAN(frame.data, size));
    check_frame(span_of_buffer(&frame), false, &good);
    buffer_free(&frame);
    frame = frame_of(plain, 1, 1, 18); /* a checksum */
    check_frame(span_of_buffer(&frame), false, &good);
    buffer_free(&frame);
    frame = frame_of(plain, 0, 0, 18); /* no content size, a window of 256 KiB */
    check_frame(span_of_buffer(&frame), false, &good);
    buffer_free(&frame);
    prepared_block_free(&good);
}

static void frames_that_grow_too_far_are_not_unpacked(void **state)
{
    (void)state;
    enum { HUGE_BYTES = 64 << 20 };
    struct prepared_block good = block_of(50);
    uint8_t *zeros = mem_alloc(HUGE_BYTES);
    struct buffer frame = frame_of(SPAN(zeros, HUGE_BYTES), 0, 1, 18);
    assert_true(frame.size < BLOCK_PAYLOAD_BYTES_MAX);
    check_frame(span_of_buffer(&frame), false, &good);
    buffer_free(&frame);
    frame = frame_of(SPAN(zeros, BLOCK_PLAIN_BYTES_MAX + 1), 0, 1, 18);
    check_frame(span_of_buffer(&frame), false, &good);
    buffer_free(&frame);
    frame = frame_of(SPAN(zeros, HUGE_BYTES), 0, 0, 27); /* a window of 128 MiB */
    check_frame(span_of_buffer(&frame), false, &good);
    buffer_free(&frame);
    free(zeros);
    /* says 64 KiB, holds one run of 1 byte; says 1 byte, holds 64 KiB */
    static const uint8_t more[] = {0x60, 0x00, 0xff, 0x0b, 0, 0, 7};
    check_frame(SPAN_OF_ARRAY(more), false, &good);
    static const uint8_t less[] = {0x20, 0x01, 0x03, 0, 8, 7};
    check_frame(SPAN_OF_ARRAY(less), false, &good);
    prepared_block_free(&good);
}

static void streams_have_an_order(void **state)
{
    (void)state;
    struct stream_id a = stream, b = stream;
    assert_int_equal(stream_id_compare(&a, &b), 0);
    b.number++;
    assert_true(stream_id_compare(&a, &b) < 0 && stream_id_compare(&b, &a) > 0);
    a.epoch++;
    assert_true(stream_id_compare(&a, &b) > 0 && stream_id_compare(&b, &a) < 0);
    b.author.bytes[0] = 255;
    a.author.bytes[0] = 0;
    assert_true(stream_id_compare(&a, &b) < 0 && stream_id_compare(&b, &a) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_as_expected),
        cmocka_unit_test(every_form_is_read_back),
        cmocka_unit_test(a_lone_block_costs_66_bytes),
        cmocka_unit_test(the_first_block_has_no_predecessor),
        cmocka_unit_test(the_prefix_is_read_without_verifying),
        cmocka_unit_test(each_changed_bit_is_refused),
        cmocka_unit_test(another_context_is_refused),
        cmocka_unit_test(what_its_author_spoiled_is_opaque),
        cmocka_unit_test(a_sound_block_is_never_opaque),
        cmocka_unit_test(the_block_has_the_clock_of_its_first_entry),
        cmocka_unit_test(a_block_with_holes_holds_against_its_root),
        cmocka_unit_test(a_header_alone_proves_single_entries),
        cmocka_unit_test(the_stored_form_becomes_each_sent_form),
        cmocka_unit_test(sizes_and_counts_are_bounded),
        cmocka_unit_test(frames_have_one_form),
        cmocka_unit_test(frames_that_grow_too_far_are_not_unpacked),
        cmocka_unit_test(streams_have_an_order),
    };
    return cmocka_run_group_tests_name("block", tests, start, NULL);
}
