/* The log: each stored block opened and verified, each chain followed to the head that its
 * stream's row names, and each entry accounted for: it is in its record, or it waits, or it lies in
 * quarantine, with a row that says so.
 *
 * A block behind the head is loose: sound by itself, kept until those before it have come again.
 * A gap before the head is known when a row of quarantine stands at its beginning. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/verify/verify_parts.h"

enum { BLOCK_KEY_BYTES = LOCATOR_BYTES + 1, ROW_BATCH = 256 };

/* ---- entries ---- */

static bool row_at(const struct verify *verify, enum table table, struct span key)
{
    struct span value;
    return verify->view->get(verify->view->context, table, key, &value) == READ_FOUND;
}

/* Whether this operation lies there: it stands in several of its author's streams, and waits by one
 * place. */
static bool lies_at(const struct verify *verify, const struct hash *digest, struct span locator)
{
    struct entry_place place;
    struct prepared_block block;
    struct carry carry;
    if (!entry_place_parse(verify->view, locator, &place) ||
        block_row_open(verify->view, verify->tree, &place.stream, place.seq, &block) != ERR_OK)
        return false;
    size_t at = place.seq - block.header.seq;
    bool same = !block.opaque && at < block.list.count && !place.carried &&
                hash_equal(&block.digests[at], digest);
    if (!block.opaque && at < block.list.count && place.carried &&
        block.list.entries[at].kind == ENTRY_CARRY &&
        carry_entry_open(verify->view, verify->tree, &block.list.entries[at], &carry) == ERR_OK) {
        same = place.index < carry.list.count && hash_equal(&carry.digests[place.index], digest);
        carry_free(&carry);
    }
    prepared_block_free(&block);
    return same;
}

/* A row of its record's that ends in this locator, or (`elsewhere`) in another of the same
 * operation: what it waits for stands between. */
static bool waits_for_record(const struct verify *verify, const struct located_entry *located,
                             struct span locator, bool elsewhere)
{
    const struct entry *entry = located->entry;
    uint8_t from[PARKED_KEY_BYTES_MAX + 1] = {PARKED_RECORD};
    enum { PREFIX_BYTES = 1 + 2 + 16 };
    size_t size = PREFIX_BYTES;
    struct span key, value;
    write_u16(from + 1, entry->type);
    memcpy(from + 3, entry->record.bytes, sizeof entry->record.bytes);
    while (verify->view->next(verify->view->context, TABLE_PARKED, SPAN(from, size), &key,
                              &value) == READ_FOUND &&
           key.size > LOCATOR_BYTES && key.size <= PARKED_KEY_BYTES_MAX &&
           memcmp(key.data, from, PREFIX_BYTES) == 0) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        struct span there = parked_locator(SPAN(from, size - 1));
        if (elsewhere ? lies_at(verify, located->digest, there) : span_equal(there, locator))
            return true;
    }
    return false;
}

/* Its stream is not judged yet from some place on, which is not behind this one. */
static bool waits_with_stream(const struct verify *verify, struct span locator)
{
    uint8_t from[1 + LOCATOR_BYTES] = {PARKED_STREAM};
    struct span key, value;
    memcpy(from + 1, locator.data, STREAM_KEY_BYTES);
    return verify->view->next(verify->view->context, TABLE_PARKED, SPAN_OF_ARRAY(from), &key,
                              &value) == READ_FOUND &&
           key.size == sizeof from && memcmp(key.data, from, 1 + STREAM_KEY_BYTES) == 0 &&
           memcmp(key.data + 1, locator.data, LOCATOR_BYTES) <= 0;
}

static bool waits(const struct verify *verify, const struct located_entry *located,
                  struct span locator)
{
    uint8_t schema[1 + 4 + LOCATOR_BYTES_MAX] = {PARKED_SCHEMA};
    uint8_t program[1 + LOCATOR_BYTES_MAX] = {PARKED_PROGRAM};
    write_u32(schema + 1, located->entry->schema_version);
    memcpy(schema + 5, locator.data, locator.size);
    memcpy(program + 1, locator.data, locator.size);
    return row_at(verify, TABLE_PARKED, SPAN(schema, 5 + locator.size)) ||
           row_at(verify, TABLE_PARKED, SPAN(program, 1 + locator.size)) ||
           waits_for_record(verify, located, locator, false) ||
           waits_with_stream(verify, locator) || waits_for_record(verify, located, locator, true);
}

/* Whether the record's row counts this operation. A creation may stand in two streams: its row
 * names one of them. */
static bool in_record(const struct verify *verify, const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    bool in = false;
    if (!record_key(verify->view, entry->type, &entry->record, key) ||
        record_row_read(verify->view, key, &row) != ERR_OK || !row.present)
        return false;
    struct dot dot = entry_dot(entry, &located->author);
    bool creation = record_id_names(&entry->record, &located->author) && entry->n == 1;
    if (row.located)
        return creation && (row.seq == located->seq || row.stream != located->stream ||
                            row.branch != located->author.branch);
    for (size_t i = 0; !in && i < record_operation_count(row.state); i++) {
        const struct operation *op = record_operation(row.state, i);
        in = dot_compare(&op->dot, &dot) == 0 && op->dot.n == dot.n &&
             hash_equal(&op->digest, located->digest);
    }
    record_free(row.state);
    return in;
}

/* Whether an entry is in its record, waits, or lies in quarantine. */
static bool is_accounted(const struct verify *verify, const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    struct entry_place place = located_place(located);
    uint8_t locator[LOCATOR_BYTES_MAX];
    bool plain =
        (entry->kind == ENTRY_WRITE || entry->kind == ENTRY_EXTEND || entry->kind == ENTRY_ERASE) &&
        !entry->strange;
    size_t size = entry_place_locator(verify->view, &place, locator);
    return size == 0 || (plain && in_record(verify, located)) ||
           waits(verify, located, SPAN(locator, size)) || verify_aside(verify, &place) ||
           verify_quarantine_full(verify, place.stream.author);
}

/* Of a carry entry all that it holds. */
static bool all_accounted(const struct verify *verify, const struct located_entry *located)
{
    struct entry_place at = located_place(located);
    struct carry carry;
    bool all = true;
    if (carry_entry_open(verify->view, verify->tree, located->entry, &carry) != ERR_OK)
        return false;
    for (size_t i = 0; i < carry.list.count; i++) {
        struct located_entry inner = carried_entry(&carry, &at, i);
        all = all && is_accounted(verify, &inner);
    }
    carry_free(&carry);
    return all;
}

static void account(struct verify *verify, const struct stream_id *stream, uint32_t seq,
                    const struct entry *entry, const struct hash *digest)
{
    struct located_entry located = {stream_author(stream), stream->number, seq, entry, digest};
    if (entry_kind_of_stream(entry->kind) || entry->seal == ENTRY_SHUT ||
        is_accounted(verify, &located) ||
        (entry->kind == ENTRY_CARRY && !entry->strange && all_accounted(verify, &located)))
        return;
    verify_say(verify, TABLE_RECORDS, "an entry of the log is missing in it", "%s (entry %u of %s)",
               verify_record_name(verify, entry->type, &entry->record).text, seq,
               label_stream(verify->tree, stream).text);
}

/* ---- chains ---- */

static void say_block(struct verify *verify, const struct verify_chain *chain, uint32_t seq,
                      const char *what)
{
    verify_say(verify, TABLE_BLOCKS, what, "%s block %u",
               label_stream(verify->tree, &chain->id).text, seq);
}

/* At the stream's end: does its row say what its blocks came to? Read now, in the snapshot that
 * shows no further block. */
static void end_chain(struct verify *verify)
{
    struct verify_chain *chain = &verify->chain;
    const struct stream_head *head = &chain->head;
    if (!chain->begun)
        return;
    chain->begun = false;
    chain->known = stream_row_read(verify->view, &chain->id, &chain->row);
    if (chain->broken || !chain->known || verify->options.trusting)
        return; /* said; or only loose blocks */
    const struct stream_row *row = &chain->row;
    if (row->head.seq != head->seq || !hash_equal(&row->head.hash, &head->hash) ||
        row->head.clock != head->clock || row->closed != chain->ended)
        verify_say(verify, TABLE_STREAMS, "its row doesn't say what its last block says", "%s",
                   label_stream(verify->tree, &chain->id).text);
}

/* A branch's chain goes on from that of the one it leaves. */
static void begin_branch(const struct verify *verify, struct verify_chain *chain)
{
    struct branches *branches = branches_read(verify->view, &chain->id);
    chain->head.seq = chain->row.from;
    branch_hash_at(verify->view, branches, chain->id.branch, chain->row.from, &chain->head.hash);
    free(branches);
}

static bool begin_chain(struct verify *verify, struct span key)
{
    struct verify_chain *chain = &verify->chain;
    uint32_t seq;
    uint8_t locator[LOCATOR_BYTES];
    memset(chain, 0, sizeof *chain);
    memcpy(chain->key, key.data, sizeof chain->key);
    memcpy(locator, key.data, sizeof locator);
    chain->begun = verify_locator(verify, locator, &chain->id, &seq);
    if (!chain->begun) {
        verify_say_row(verify, TABLE_BLOCKS, "blocks of an author without a number here", key);
        return false;
    }
    chain->known = stream_row_read(verify->view, &chain->id, &chain->row);
    if (chain->known && chain->id.branch > 0)
        begin_branch(verify, chain);
    if (!chain->known && !verify_quarantined(verify, 'b', &chain->id, 0)) {
        verify_say(verify, TABLE_STREAMS, "it has blocks and no row that can be read", "%s",
                   label_stream(verify->tree, &chain->id).text);
        chain->broken = true;
    }
    return true;
}

/* What the stream is stands in its first entry. */
static bool opens_as_said(const struct verify_chain *chain, const struct prepared_block *block)
{
    struct buffer said = {0};
    if (block->opaque || block->list.entries[0].kind != ENTRY_OPEN)
        return false;
    stream_open_encode(&chain->row.open, &said);
    bool same = span_equal(span_of_buffer(&said), block->list.entries[0].body);
    buffer_free(&said);
    return same;
}

static void follow(struct verify *verify, const struct prepared_block *block)
{
    struct verify_chain *chain = &verify->chain;
    const struct block_header *header = &block->header;
    if (!chain->known || header->seq >= chain->row.head.seq) {
        /* written since, or loose: one or the other shows at the chain's end */
        chain->known = stream_row_read(verify->view, &chain->id, &chain->row);
        if (!chain->known || header->seq >= chain->row.head.seq) {
            verify->counts.loose++;
            return;
        }
    }
    bool first = header->seq == 0;
    bool follows = header->seq == chain->head.seq &&
                   hash_equal(&header->previous, first ? &hash_zero : &chain->head.hash);
    if (!follows && !chain->broken &&
        !verify_quarantined(verify, 'b', &chain->id, chain->head.seq)) {
        say_block(verify, chain, chain->head.seq,
                  "it is missing, or the next doesn't follow on it");
        chain->broken = true;
    }
    if (first && !opens_as_said(chain, block)) {
        verify_say(verify, TABLE_STREAMS, "its row doesn't say what its first entry says", "%s",
                   label_stream(verify->tree, &chain->id).text);
    }
    size_t count = block->opaque ? 0 : block->list.count;
    chain->ended = count > 0 && block->list.entries[count - 1].kind == ENTRY_CLOSE;
    chain->head = (struct stream_head){header->seq + header->count, block->hash, header->clock};
}

/* One block, at the chain's stream. */
static void look_at_block(struct verify *verify, uint32_t seq)
{
    struct verify_chain *chain = &verify->chain;
    struct prepared_block block;
    verify->counts.blocks++;
    if (verify->options.trusting)
        return;
    enum error_code code =
        verify->tree == NULL ? ERR_UNKNOWN_KEY
                             : block_row_open(verify->view, verify->tree, &chain->id, seq, &block);
    if (code != ERR_OK) {
        say_block(verify, chain, seq,
                  code == ERR_UNKNOWN_KEY ? "the signed tree doesn't know its author"
                                          : "its bytes are not what was signed");
        chain->broken = true;
        return;
    }
    follow(verify, &block);
    if (block.opaque && !verify_quarantined(verify, 'b', &chain->id, seq) &&
        !verify_quarantine_full(verify, chain->id.author))
        say_block(verify, chain, seq, "it can't be decoded, and quarantine doesn't say so");
    for (size_t i = 0; !block.opaque && i < block.list.count; i++) {
        verify->counts.entries++;
        account(verify, &chain->id, seq + (uint32_t)i, &block.list.entries[i], &block.digests[i]);
    }
    prepared_block_free(&block);
}

bool verify_log(struct verify *verify)
{
    struct span key, value;
    if (!verify_next(verify, TABLE_BLOCKS, &key, &value)) {
        end_chain(verify);
        return false;
    }
    if (key.size != BLOCK_KEY_BYTES) {
        verify_say_row(verify, TABLE_BLOCKS, "a key of another length", key);
        return true;
    }
    uint8_t here[BLOCK_KEY_BYTES];
    bool in_form = value.size > 0 && (value.data[0] & BLOCK_STORED) == BLOCK_STORED;
    memcpy(here, key.data, sizeof here);
    if (!verify->chain.begun || memcmp(here, verify->chain.key, STREAM_KEY_BYTES) != 0) {
        end_chain(verify);
        (void)begin_chain(verify, SPAN_OF_ARRAY(here));
    }
    if (verify->chain.begun) {
        if (here[9] != 0 || !in_form)
            verify_say_row(verify, TABLE_BLOCKS, "not the beginning of a stored block",
                           SPAN_OF_ARRAY(here));
        look_at_block(verify, read_u32(here + 5));
    }
    /* past the pieces of this block; past the stream, when nobody knows whose it is */
    size_t kept = verify->chain.begun ? LOCATOR_BYTES : STREAM_KEY_BYTES;
    memcpy(verify->from, here, kept);
    memset(verify->from + kept, 0xff, BLOCK_KEY_BYTES - kept);
    verify->from[BLOCK_KEY_BYTES] = 0;
    verify->from_size = BLOCK_KEY_BYTES + 1;
    return true;
}

/* ---- rows of streams ---- */

/* What hasn't a single block was not seen in the log. */
static void look_at_stream(struct verify *verify, struct span key)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    uint8_t locator[LOCATOR_BYTES] = {0};
    struct stream_id stream;
    uint32_t seq, first;
    struct buffer stored = {0};
    verify->counts.streams++;
    memcpy(locator, key.data, STREAM_KEY_BYTES);
    if (!verify_locator(verify, locator, &stream, &seq))
        verify_say_row(verify, TABLE_STREAMS, "a stream of an author without a number here",
                       SPAN(locator, STREAM_KEY_BYTES));
    else if (!stream_row_read(verify->view, &stream, row))
        verify_say(verify, TABLE_STREAMS, "its row can't be read", "%s",
                   label_stream(verify->tree, &stream).text);
    else if (row->head.seq > 0 && !verify->options.trusting &&
             block_row_get(verify->view, &stream, row->head.seq - 1, &first, &stored) != READ_FOUND)
        verify_say(verify, TABLE_BLOCKS, "it has a row and no block", "%s",
                   label_stream(verify->tree, &stream).text);
    buffer_free(&stored);
    free(row);
}

bool verify_streams(struct verify *verify)
{
    struct span key, value;
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_STREAMS, &key, &value))
            return false;
        if (key.size == STREAM_KEY_BYTES)
            look_at_stream(verify, key);
        else
            verify_say_row(verify, TABLE_STREAMS, "a key of another length", key);
    }
    return true;
}
