/* Blocks, plain texts and notes from hostile bytes. The first byte says which reader; what a
 * reader accepts is written again and has to come out as it went in. */
#include <assert.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/block.h"
#include "replication/format/carry.h"
#include "replication/format/note.h"
#include "replication/format/plain_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EPOCH = 0x00010002 };
#define CLOCK UINT64_C(1700000000000)

static uint8_t key[KEY_BYTES], secret[SECRET_BYTES];
static struct block_context context;

static void start(void)
{
    static const uint8_t seed[32] = {42};
    if (context.author_key != NULL)
        return;
    assert(crypto_start());
    sign_key_pair(seed, key, secret);
    context.stream = (struct stream_id){key_id_of(key), EPOCH, 3};
    context.head.seq = 1000;
    context.head.clock = CLOCK - 40;
    memset(context.head.hash.bytes, 0x22, HASH_BYTES);
    memset(context.tree_id.bytes, 0x11, HASH_BYTES);
    context.author_key = key;
}

/* Its entries one by one, of bytes that nothing vouches for. */
static void try_alone(struct span bytes)
{
    const struct author_epoch self = {context.stream.author, EPOCH};
    struct plain_block plain;
    if (!plain_block_open(bytes, &plain))
        return;
    for (size_t place = 0; place <= plain.count; place++) {
        struct entry_list one;
        struct hash digest;
        if (!plain_block_entry(&plain, place, &self, key, &one, &digest))
            continue;
        assert(place < plain.count && one.count == 1);
        entry_list_free(&one);
    }
    plain_block_free(&plain);
}

static void try_block(struct span bytes)
{
    struct prepared_block block;
    struct block_prefix prefix;
    struct error error;
    struct buffer out = {0};
    block_read_prefix(bytes, &prefix, &error);
    try_alone(bytes);
    if (block_reform(bytes, 0, &context.stream, &context.head, &out))
        assert(out.size <= bytes.size + 9);
    if (block_open(bytes, &context, &block, &error) == ERR_OK) {
        assert(block.opaque || block.list.count == block.header.count);
        buffer_clear(&out);
        block_write(&block, bytes.data[0] & 63, &context.head, &out);
        assert(span_equal(bytes, span_of_buffer(&out)));
        prepared_block_free(&block);
    }
    buffer_free(&out);
}

/* Entries that were read are written by the writer, and those read again have the same digests. */
static void write_again(const struct entry_list *list, const struct author_epoch *self)
{
    struct entry_writer *writer = entry_writer_new(self, key, list->schema_version);
    size_t count = 0;
    while (count < list->count && (list->entries[count].seal == ENTRY_CLEAR
                                       ? entry_writer_add(writer, &list->entries[count])
                                       : entry_writer_add_sealed(writer, &list->entries[count],
                                                                 list->entries[count].sealed)))
        count++;
    if (count != 0) {
        struct buffer plain = {0};
        struct entry_list back;
        entry_writer_finish(writer, &plain);
        assert(entry_list_decode(span_of_buffer(&plain), self, entry_writer_clock(writer), &back,
                                 NULL) == ERR_OK);
        assert(back.count == count);
        for (size_t i = 0; i < count; i++) {
            struct hash a = entry_digest(&list->entries[i], key, self->epoch);
            struct hash b = entry_digest(&back.entries[i], key, self->epoch);
            assert(hash_equal(&a, &b));
            assert(span_equal(list->entries[i].sealed, back.entries[i].sealed));
        }
        entry_list_free(&back);
        buffer_free(&plain);
    }
    entry_writer_free(writer);
}

static void try_entries(struct span plain)
{
    const struct author_epoch self = {context.stream.author, EPOCH};
    struct entry_list list;
    struct error error;
    if (entry_list_decode(plain, &self, CLOCK, &list, &error) != ERR_OK)
        return;
    write_again(&list, &self);
    for (size_t i = 0; i < list.count; i++) {
        struct stream_open open;
        if (list.entries[i].kind == ENTRY_OPEN)
            stream_open_decode(list.entries[i].body, &open, &error);
    }
    entry_list_free(&list);
}

static void try_note(struct span note)
{
    struct note_head head;
    struct heads_statement statement;
    struct cell_report report;
    struct error error;
    note_read_head(note, HASH_TOKEN, &head, &error);
    note_verify(note, HASH_HEADS, &context.tree_id, key, NULL);
    if (statement_decode(note, &statement, &error) == ERR_OK) {
        struct buffer map = {0};
        statement_encode(&statement, &map);
        assert(map.size <= note.size);
        buffer_free(&map);
        statement_free(&statement);
    }
    if (report_decode(note, &report, &error) == ERR_OK) {
        struct buffer map = {0};
        report_encode(&report, &map);
        assert(map.size <= note.size);
        buffer_free(&map);
        report_free(&report);
    }
}

static void try_opening(struct span body)
{
    struct stream_open open;
    struct error error;
    struct buffer out = {0};
    if (stream_open_decode(body, &open, &error) == ERR_OK)
        stream_open_encode(&open, &out);
    buffer_free(&out);
}

/* The mark of the first entry that is in it, or one of nothing. */
static struct hash mark_of(struct span plain, const struct author_epoch *self,
                           const uint8_t blind[static ENTRY_BLIND_BYTES])
{
    struct mp_reader reader = mp_reader(plain);
    uint64_t clock = mp_read_uint_max(&reader, UINT64_C(1) << 47);
    struct span text = SPAN(plain.data + reader.at, plain.size - reader.at);
    struct entry_list list;
    struct hash digest = hash_zero;
    if (!reader.failed && entry_list_decode(text, self, clock, &list, NULL) == ERR_OK) {
        digest = entry_digest(&list.entries[0], key, EPOCH);
        entry_list_free(&list);
    }
    return entry_seal_mark(blind, &digest);
}

/* What a hostile author seals to us. */
static void try_sealed(struct span plain)
{
    static const uint8_t blind[ENTRY_BLIND_BYTES];
    const struct author_epoch self = {context.stream.author, EPOCH};
    const struct hash bound = entry_seal_bound(key, EPOCH), seed = {{1}};
    const struct hash mark = mark_of(plain, &self, blind);
    struct seal_key reader;
    struct buffer sealed = {0}, inner = {0};
    struct unsealed inside;
    seal_key_from(seed.bytes, &reader);
    const uint8_t(*readers)[KEY_BYTES] = (const uint8_t(*)[KEY_BYTES]) & reader.public_key;
    buffer_append(&inner, blind, sizeof blind);
    buffer_append_span(&inner, plain);
    buffer_append(&sealed, "\x01", 1);
    buffer_append(&sealed, mark.bytes, HASH_BYTES);
    bool made = seal_make(span_of_buffer(&inner), &bound, readers, 1, &seed, &sealed);
    assert(made);
    (void)made;
    if (entry_unseal(span_of_buffer(&sealed), &self, key, &reader, &inside) == SEAL_OPENED) {
        assert(inside.list.count == 1 && inside.list.entries[0].seal == ENTRY_CLEAR);
        unsealed_free(&inside);
    }
    if (entry_unseal(plain, &self, key, &reader, &inside) == SEAL_OPENED)
        unsealed_free(&inside);
    buffer_free(&inner);
    buffer_free(&sealed);
}

/* Two of three entries of a block, and the opening of their stream, as somebody else carries them.
 */
static void make_carry(struct prepared_block *block, struct buffer *body)
{
    static const uint32_t places[] = {1, 2};
    static const uint8_t text[] = {0x81, 1, 0xa1, 'x'}, opens[] = {0x82, 1, 0, 2, 0x91, 0};
    struct author_epoch self = {context.stream.author, EPOCH};
    struct stream_head head = {0};
    struct entry_writer *writer = entry_writer_new(&self, key, 1);
    for (uint32_t i = 0; i < 3; i++) {
        struct span said = i == 0 ? SPAN_OF_ARRAY(opens) : SPAN_OF_ARRAY(text);
        struct entry entry = {.kind = i == 0 ? ENTRY_OPEN : ENTRY_WRITE,
                              .type = i == 0 ? 0 : 7,
                              .clock = CLOCK,
                              .schema_version = 1,
                              .has_record = i > 0,
                              .record = record_id_make(&self, 1),
                              .n = i == 0 ? 1 : i,
                              .body = said};
        bool added = entry_writer_add(writer, &entry);
        assert(added);
        (void)added;
    }
    block_make(writer, &context.tree_id, &context.stream, &head, key, secret, NULL, block);
    enum error_code code =
        entry_list_decode(span_of_buffer(&block->plain), &self, CLOCK, &block->list, NULL);
    assert(code == ERR_OK);
    (void)code;
    carry_encode(block, places, 2, block, body);
    entry_writer_free(writer);
}

/* [place 2, xor 1] ... of a good carry: whatever is taken is what its author signed. */
static void try_carry(struct span changes)
{
    struct author_epoch self = {context.stream.author, EPOCH};
    struct record_id record = record_id_make(&self, 1);
    struct prepared_block block;
    struct buffer body = {0};
    struct carry carry;
    struct stream_id stream;
    make_carry(&block, &body);
    for (size_t i = 0; i + 3 <= changes.size; i += 3)
        body.data[read_u16(changes.data + i) % body.size] ^= changes.data[i + 2];
    carry_names(span_of_buffer(&body), &stream);
    if (carry_open(span_of_buffer(&body), &context.tree_id, key, NULL, 7, &record, &carry) ==
        ERR_OK) {
        for (size_t i = 0; i < carry.list.count; i++)
            assert(hash_equal(&carry.digests[i], &block.digests[carry.places[i]]));
        carry_free(&carry);
    }
    if (carry_open(changes, &context.tree_id, key, NULL, 7, &record, &carry) == ERR_OK)
        carry_free(&carry);
    prepared_block_free(&block);
    buffer_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    if (size == 0)
        return 0;
    struct span rest = SPAN(data + 1, size - 1);
    if (data[0] == 4) {
        try_sealed(rest);
        return 0;
    }
    if (data[0] == 5) {
        try_carry(rest);
        return 0;
    }
    switch (data[0] & 3) {
    case 0: try_block(rest); break;
    case 1: try_entries(rest); break;
    case 2: try_note(rest); break;
    default: try_opening(rest); break;
    }
    return 0;
}
