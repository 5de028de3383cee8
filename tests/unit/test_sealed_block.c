/* Blocks of a sealed stream: those who are named read entries like any others, the rest hold bytes
 * under the same signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/format/block.h"

#define CLOCK UINT64_C(1700000000000)
enum { EPOCH = 0x00010002, VERSION = 9, INSIDE = 5, ALL = INSIDE + 2 };

static uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
static struct author_epoch self;
static struct stream_id stream;
static struct hash tree_id;
static const struct stream_head nothing;
static struct seal_key reader, relay;
static struct hash digests[INSIDE];

static int start(void **state)
{
    (void)state;
    uint8_t seed[32] = {42};
    if (!crypto_start())
        return -1;
    sign_key_pair(seed, key, secret);
    self = (struct author_epoch){key_id_of(key), EPOCH};
    stream = (struct stream_id){self.author, EPOCH, 3};
    seed[9] = 1;
    seal_key_from(seed, &reader);
    seed[9] = 2;
    seal_key_from(seed, &relay);
    return 0;
}

static struct entry entry_of(uint32_t i, struct buffer *body)
{
    static struct dot context[1];
    buffer_clear(body);
    mp_write_map(body, 1);
    mp_write_uint(body, 1);
    mp_write_text(body, "what only the end may read");
    memset(context[0].author.bytes, 9, KEY_ID_BYTES);
    context[0].epoch = 7;
    context[0].n = i + 1;
    return (struct entry){.kind = ENTRY_WRITE,
                          .type = 2,
                          .clock = CLOCK + i,
                          .schema_version = VERSION,
                          .has_record = true,
                          .record = record_id_make(&self, i + 1),
                          .n = 2,
                          .context = context,
                          .context_count = 1,
                          .body = span_of_buffer(body)};
}

static struct buffer sealed_entry(uint32_t i, const struct author_epoch *author,
                                  const uint8_t *author_key)
{
    struct buffer body = {0}, sealed = {0};
    struct entry entry = entry_of(i, &body);
    digests[i] = entry_digest(&entry, key, EPOCH);
    assert_true(entry_seal(&entry, author, author_key,
                           (const uint8_t(*)[KEY_BYTES]) & reader.public_key, 1, &digests[i],
                           &sealed));
    buffer_free(&body);
    return sealed;
}

static void add_about_stream(struct entry_writer *writer, uint8_t kind, uint64_t clock)
{
    struct entry entry = {
        .kind = kind, .clock = clock, .schema_version = VERSION, .n = 1, .body = SPAN("\x80", 1)};
    assert_true(entry_writer_add(writer, &entry));
}

/* open, five sealed ones, close */
static struct prepared_block block_of(void)
{
    struct prepared_block block;
    struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
    add_about_stream(writer, ENTRY_OPEN, CLOCK - 5);
    for (uint32_t i = 0; i < INSIDE; i++) {
        struct buffer body = {0}, sealed = sealed_entry(i, &self, key);
        struct entry entry = entry_of(i, &body);
        assert_true(entry_writer_add_sealed(writer, &entry, span_of_buffer(&sealed)));
        buffer_free(&sealed);
        assert_true(span_equal(entry_writer_at(writer, i + 1)->body, span_of_buffer(&body)));
        assert_true(hash_equal(&entry_writer_digests(writer)[i + 1], &digests[i]));
        buffer_free(&body);
    }
    add_about_stream(writer, ENTRY_CLOSE, CLOCK + 99);
    block_make(writer, &tree_id, &stream, &nothing, key, secret, NULL, &block);
    entry_writer_free(writer);
    return block;
}

static struct prepared_block opened_by(const struct prepared_block *made,
                                       const struct seal_key *seal, unsigned flags)
{
    struct block_context context = {
        .tree_id = tree_id, .stream = stream, .author_key = key, .seal = seal};
    struct prepared_block block;
    struct buffer bytes = {0};
    block_write(made, flags, &nothing, &bytes);
    assert_int_equal(block_open(span_of_buffer(&bytes), &context, &block, NULL), ERR_OK);
    buffer_free(&bytes);
    assert_int_equal(block.list.count, ALL);
    assert_false(block.opaque);
    assert_memory_equal(block.leaves, made->leaves, ALL * sizeof *block.leaves);
    assert_true(block.list.entries[0].clock == CLOCK - 5);
    assert_true(block.list.entries[ALL - 1].clock == CLOCK + 99);
    return block;
}

static void who_is_named_reads_entries(void **state)
{
    (void)state;
    struct prepared_block made = block_of();
    struct prepared_block block = opened_by(&made, &reader, BLOCK_STORED);
    for (uint32_t i = 0; i < INSIDE; i++) {
        struct buffer body = {0};
        struct entry expected = entry_of(i, &body);
        const struct entry *entry = &block.list.entries[i + 1];
        assert_int_equal(entry->kind, ENTRY_WRITE);
        assert_int_equal(entry->seal, ENTRY_OPENED);
        assert_int_equal(entry->n, expected.n);
        assert_int_equal(entry->context_count, 1);
        assert_int_equal(entry->context[0].n, i + 1);
        assert_true(entry->clock == expected.clock);
        assert_int_equal(entry->schema_version, VERSION);
        assert_memory_equal(entry->record.bytes, expected.record.bytes, sizeof expected.record);
        assert_true(span_equal(entry->body, expected.body));
        assert_true(hash_equal(&block.digests[i + 1], &digests[i]));
        assert_false(hash_equal(&block.leaves[i + 1], &digests[i]));
        buffer_free(&body);
    }
    assert_memory_equal(made.digests, block.digests, ALL * sizeof *block.digests);
    prepared_block_free(&block);
    prepared_block_free(&made);
}

static void whoever_passes_it_on_holds_bytes(void **state)
{
    const struct seal_key *keys[] = {&relay, NULL};
    (void)state;
    struct prepared_block made = block_of();
    for (size_t k = 0; k < 2; k++) {
        struct prepared_block block = opened_by(&made, keys[k], BLOCK_STORED | BLOCK_HAS_ROOT);
        for (size_t i = 1; i + 1 < ALL; i++) {
            const struct entry *entry = &block.list.entries[i];
            assert_int_equal(entry->kind, ENTRY_SEALED);
            assert_int_equal(entry->seal, ENTRY_SHUT);
            assert_false(entry->has_record);
            assert_int_equal(entry->type + entry->n + entry->context_count + entry->body.size, 0);
        }
        for (size_t at = 0; at + 9 < block.plain.size; at++)
            assert_memory_not_equal(block.plain.data + at, "only the", 8);
        prepared_block_free(&block);
    }
    prepared_block_free(&made);
}

/* Single ones are proved and opened by whoever is handed their content key. */
static void one_is_carried_alone(void **state)
{
    (void)state;
    struct prepared_block made = block_of();
    struct prepared_block block = opened_by(&made, &reader, BLOCK_STORED);
    const struct entry *entry = &block.list.entries[3];
    const uint32_t place = 3;
    struct buffer proof = {0};
    struct unsealed inside;
    merkle_prove(block.leaves, ALL, &place, 1, &proof);
    struct hash leaf = entry_seal_leaf(entry->sealed);
    assert_true(merkle_check(&block.header.root, ALL, &place, &leaf, 1, span_of_buffer(&proof)));
    assert_int_equal(entry_unseal_with(entry->sealed, &self, key, entry->content_key, &inside),
                     SEAL_OPENED);
    assert_true(hash_equal(&inside.digest, &digests[2]));
    unsealed_free(&inside);
    assert_int_equal(
        entry_unseal_with(block.list.entries[4].sealed, &self, key, entry->content_key, &inside),
        SEAL_BROKEN);
    buffer_free(&proof);
    prepared_block_free(&block);
    prepared_block_free(&made);
}

/* Somebody else's bytes in a stream of one's own: nobody takes them for one's words. */
static void anothers_words_open_for_nobody(void **state)
{
    (void)state;
    struct unsealed inside;
    uint8_t other[KEY_BYTES];
    memcpy(other, key, KEY_BYTES);
    other[0] ^= 1;
    struct author_epoch later = {self.author, EPOCH + 1};
    struct buffer sealed = sealed_entry(0, &self, key);
    assert_int_equal(entry_unseal(span_of_buffer(&sealed), &self, other, &reader, &inside),
                     SEAL_BROKEN);
    assert_int_equal(entry_unseal(span_of_buffer(&sealed), &later, key, &reader, &inside),
                     SEAL_BROKEN);
    buffer_free(&sealed);
}

static const uint8_t blind[ENTRY_BLIND_BYTES] = {7};

/* As its author could, who keeps to no form. */
static struct buffer sealed_text(struct span text, const struct hash *digest)
{
    struct buffer sealed = {0}, plain = {0};
    struct hash bound = entry_seal_bound(key, EPOCH), mark = entry_seal_mark(blind, digest);
    buffer_append(&sealed, "\x01", 1);
    buffer_append(&sealed, mark.bytes, HASH_BYTES);
    buffer_append(&plain, blind, sizeof blind);
    buffer_append_span(&plain, text);
    assert_true(seal_make(span_of_buffer(&plain), &bound,
                          (const uint8_t(*)[KEY_BYTES]) & reader.public_key, 1, &bound, &sealed));
    buffer_free(&plain);
    return sealed;
}

/* What isn't one operation in its form, the one that its mark names, is nothing: no opening, no
 * second seal, no two at once, no other operation. */
static void what_is_sealed_is_one_operation(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 6; kind++) {
        struct buffer text = {0}, body = {0};
        struct unsealed inside;
        struct entry_writer *writer = entry_writer_new(&self, key, VERSION);
        struct buffer other = sealed_entry(1, &self, key);
        struct entry entry = entry_of(0, &body);
        struct hash digest = entry_digest(&entry, key, EPOCH);
        if (kind == 1 || kind == 5)
            add_about_stream(writer, kind == 1 ? ENTRY_CLOSE : ENTRY_STRIKE, CLOCK);
        else if (kind == 2)
            assert_true(entry_writer_add_sealed(writer, &entry, span_of_buffer(&other)));
        else
            assert_true(entry_writer_add(writer, &entry));
        if (kind == 3)
            assert_true(entry_writer_add(writer, &entry));
        if (kind == 4)
            digest = digests[1];
        mp_write_uint(&text, CLOCK);
        entry_writer_finish(writer, &text);
        struct buffer sealed = sealed_text(span_of_buffer(&text), &digest);
        enum seal_answer answer =
            entry_unseal(span_of_buffer(&sealed), &self, key, &reader, &inside);
        assert_int_equal(answer, kind == 0 ? SEAL_OPENED : SEAL_BROKEN);
        if (answer == SEAL_OPENED)
            unsealed_free(&inside);
        entry_writer_free(writer);
        buffer_free(&sealed);
        buffer_free(&other);
        buffer_free(&text);
        buffer_free(&body);
    }
}

/* ---- what is left after erasing ---- */

static bool own_key(void *context, struct key_id author, uint8_t author_key[static KEY_BYTES])
{
    (void)context;
    memcpy(author_key, key, KEY_BYTES);
    return key_id_equal(author, self.author);
}

static bool no_body(void *context, const struct entry *entry, const struct hash *digest)
{
    (void)context;
    (void)entry;
    (void)digest;
    return false;
}

struct struck {
    struct hash leaf;
    struct span left;
};

static bool one_is_struck(void *context, struct key_id author, const struct hash *leaf,
                          struct buffer *left)
{
    const struct struck *struck = context;
    (void)author;
    if (!hash_equal(leaf, &struck->leaf))
        return false;
    buffer_append_span(left, struck->left);
    return true;
}

enum { STRUCK = 3 };

/* The block with what is left of entry STRUCK in its place; NULL: bare. */
static struct buffer struck_block(const struct prepared_block *made,
                                  const struct prepared_block *opened, const struct seal_key *to)
{
    struct buffer stored = {0}, out = {0}, left = {0};
    struct entry hole = opened->list.entries[STRUCK];
    bool kept;
    hole.hole = true;
    assert_true(entry_seal_left(&hole, &opened->unsealed[STRUCK], hole.sealed, &self, key,
                                to == NULL ? NULL : (const uint8_t(*)[KEY_BYTES])to->public_key, 1,
                                &digests[0], &left));
    assert_true(entry_seal_is_left(span_of_buffer(&left)));
    struct struck struck = {made->leaves[STRUCK], span_of_buffer(&left)};
    struct block_erasing erasing = {&struck, own_key, no_body, one_is_struck};
    block_write(made, BLOCK_STORED, &nothing, &stored);
    assert_int_equal(block_erase(span_of_buffer(&stored), &stream, &erasing, &out, &kept), 1);
    /* a second time there is nothing to do */
    buffer_clear(&stored);
    assert_int_equal(block_erase(span_of_buffer(&out), &stream, &erasing, &stored, &kept), 0);
    assert_false(kept);
    buffer_free(&stored);
    buffer_free(&left);
    return out;
}

static bool has_word(const struct prepared_block *block, const char *word)
{
    bool has = false;
    for (size_t i = 0; block->unsealed != NULL && i < block->list.count; i++) {
        struct span plain = span_of_buffer(&block->unsealed[i].plain);
        has = has || (plain.size > 0 && memmem(plain.data, plain.size, word, strlen(word)) != NULL);
    }
    return has;
}

static void what_is_left_is_proved_by_the_same_signature(void **state)
{
    const struct seal_key *readers[] = {&reader, NULL};
    (void)state;
    struct prepared_block made = block_of();
    struct prepared_block before = opened_by(&made, &reader, BLOCK_STORED);
    struct block_context context = {.tree_id = tree_id, .stream = stream, .author_key = key};
    assert_true(has_word(&before, "only the"));
    for (size_t i = 0; i < 2; i++) {
        struct buffer bytes = struck_block(&made, &before, readers[i]);
        struct prepared_block block;
        context.seal = readers[0];
        assert_int_equal(block_open(span_of_buffer(&bytes), &context, &block, NULL), ERR_OK);
        assert_true(block.altered && !block.opaque);
        assert_true(hash_equal(&block.hash, &made.hash));
        assert_memory_equal(block.leaves, made.leaves, ALL * sizeof *block.leaves);
        assert_memory_equal(block.digests, before.digests, ALL * sizeof *block.digests);
        for (size_t k = 1; k <= INSIDE; k++)
            assert_int_equal(block.list.entries[k].hole, k == STRUCK);
        prepared_block_free(&block);
        /* who can't read it keeps its form; what is bare hides nothing but what went */
        context.seal = &relay;
        assert_int_equal(block_open(span_of_buffer(&bytes), &context, &block, NULL), ERR_OK);
        assert_int_equal(block.list.entries[STRUCK].seal, i == 0 ? ENTRY_SHUT : ENTRY_OPENED);
        prepared_block_free(&block);
        buffer_free(&bytes);
    }
    prepared_block_free(&before);
    prepared_block_free(&made);
}

/* Another operation in its place opens for nobody, and nothing at all neither. */
static void what_is_left_is_of_the_same_operation(void **state)
{
    (void)state;
    struct buffer sealed = sealed_entry(0, &self, key), other = sealed_entry(1, &self, key);
    struct buffer left = {0}, none = {0};
    struct unsealed inside;
    assert_int_equal(entry_unseal(span_of_buffer(&other), &self, key, &reader, &inside),
                     SEAL_OPENED);
    struct entry entry = inside.list.entries[0];
    entry.hole = true;
    assert_true(entry_seal_left(&entry, &inside, span_of_buffer(&other), &self, key,
                                (const uint8_t(*)[KEY_BYTES])reader.public_key, 1, &digests[0],
                                &left));
    unsealed_free(&inside);
    assert_int_equal(entry_unseal(span_of_buffer(&left), &self, key, &reader, &inside),
                     SEAL_OPENED);
    assert_true(inside.list.entries[0].hole);
    assert_true(hash_equal(&inside.digest, &digests[1]));
    unsealed_free(&inside);
    entry_seal_nothing(span_of_buffer(&sealed), &none);
    memcpy(left.data, none.data, none.size);
    struct hash leaf = entry_seal_leaf(span_of_buffer(&sealed));
    struct hash forged = entry_seal_leaf(span_of_buffer(&left));
    assert_true(hash_equal(&leaf, &forged));
    assert_int_equal(entry_unseal(span_of_buffer(&left), &self, key, &reader, &inside),
                     SEAL_BROKEN);
    assert_int_equal(entry_unseal(span_of_buffer(&none), &self, key, &reader, &inside),
                     SEAL_BROKEN);
    buffer_free(&none);
    buffer_free(&left);
    buffer_free(&other);
    buffer_free(&sealed);
}

static struct stream_open opening(void)
{
    struct stream_open open = {.holders = HOLDERS_PATH, .seat_count = 2, .reader_count = 2};
    strcpy(open.seats[0], "T1");
    strcpy(open.seats[1], "D");
    strcpy(open.sealed_to, "D");
    open.readers[1].bytes[0] = 1;
    return open;
}

/* Only two keep what is one's: a third would only pass it on. */
static struct stream_open longer_backup(void)
{
    struct stream_open open = opening();
    strcpy(open.seats[open.seat_count++], "D2");
    strcpy(open.sealed_to, "T1");
    return open;
}

static void a_sealed_stream_says_so(void **state)
{
    (void)state;
    struct stream_open open = opening(), back;
    struct buffer body = {0};
    stream_open_encode(&open, &body);
    assert_int_equal(stream_open_decode(span_of_buffer(&body), &back, NULL), ERR_OK);
    assert_memory_equal(&open, &back, sizeof open);
    strcpy(open.sealed_to, "T1"); /* the author's own seat: its parent keeps it */
    buffer_clear(&body);
    stream_open_encode(&open, &body);
    assert_int_equal(stream_open_decode(span_of_buffer(&body), &back, NULL), ERR_OK);
    assert_true(stream_is_backup(&back));
    for (unsigned kind = 0; kind < 4; kind++) {
        open = opening();
        if (kind == 0)
            strcpy(open.sealed_to, "C"); /* neither end */
        else if (kind == 3)
            open = longer_backup();
        else if (kind == 1)
            open.readers[0].bytes[0] = 2; /* not sorted */
        else
            open.readers[1] = open.readers[0]; /* twice */
        buffer_clear(&body);
        stream_open_encode(&open, &body);
        assert_int_equal(stream_open_decode(span_of_buffer(&body), &back, NULL), ERR_MALFORMED);
    }
    buffer_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_named_reads_entries),
        cmocka_unit_test(whoever_passes_it_on_holds_bytes),
        cmocka_unit_test(one_is_carried_alone),
        cmocka_unit_test(anothers_words_open_for_nobody),
        cmocka_unit_test(what_is_sealed_is_one_operation),
        cmocka_unit_test(what_is_left_is_proved_by_the_same_signature),
        cmocka_unit_test(what_is_left_is_of_the_same_operation),
        cmocka_unit_test(a_sealed_stream_says_so),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
