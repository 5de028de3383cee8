/* What no node would do by itself: blocks from a saved disk handed in, marks that lie, entries made
 * by hand, a block that its own author made undecodable. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/block.h"
#include "schema/erasure.h"
#include "sim/world/mischief.h"
#include "tests/story/story.h"

enum {
    MESSAGE_BLOCK = 8,
    MESSAGE_MARK = 10,
    HAND_COUNTER = 1000, /* of records made by hand: no story's node gets so far */
};

/* The link between two neighbours: its child, and whether `to` is the parent. */
static bool find_link(struct story *story, size_t from, size_t to, size_t *child, bool *to_parent)
{
    *to_parent = story->county->seats[from].parent == to;
    *child = *to_parent ? from : to;
    if (!*to_parent && story->county->seats[to].parent != from) {
        story_fail(story, "there is no link between these");
        return false;
    }
    return true;
}

/* ---- a stick ---- */

static void hand_in(struct story *story, size_t from, size_t to, const struct view *view,
                    const struct stream_id *stream, uint32_t seq)
{
    struct buffer stored = {0}, body = {0};
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t first;
    size_t child;
    bool to_parent;
    if (!find_link(story, from, to, &child, &to_parent))
        return;
    bool read = stream_row_read(view, stream, row) &&
                block_row_get(view, stream, seq, &first, &stored) == READ_FOUND;
    uint32_t handle = world_next_handle(story->world, child, to_parent);
    mp_write_uint(&body, handle);
    if (story->handed_count == BLOCKS_MAX)
        story->handed_count = 0;
    story->handed[story->handed_count++] = (struct handed){from, to, handle};
    read = read &&
           block_reform(span_of_buffer(&stored),
                        BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK, stream, NULL, &body);
    if (!read || !world_inject(story->world, child, to_parent,
                               (enum channel)(CHANNEL_URGENT + row->open.class), MESSAGE_BLOCK,
                               span_of_buffer(&body)))
        story_fail(story, "the block can't be handed in");
    free(row);
    buffer_free(&stored);
    buffer_free(&body);
}

/* stick IMAGE STREAM FROM TO [SEQ]: the block at SEQ (or every block) of a saved disk, as if FROM
 * had sent it to TO. */
static void tell_stick(struct story *story)
{
    struct memory_store *image = story_image(story, story_word(story, 1));
    size_t from = story_seat(story, story_word(story, 3));
    size_t to = story_seat(story, story_word(story, 4));
    struct store_port port;
    struct stream_id stream;
    if (image == NULL || from == SIZE_MAX || to == SIZE_MAX)
        return;
    memory_store_port(image, &port);
    if (!story_stream(story, &port.view, story_word(story, 2), &stream))
        return;
    if (story->line->word_count > 5) {
        hand_in(story, from, to, &port.view, &stream,
                (uint32_t)strtoul(story_word(story, 5), NULL, 10));
        return;
    }
    struct stream_row *row = mem_alloc(sizeof *row);
    stream_row_read(&port.view, &stream, row);
    for (uint32_t seq = 0; seq < row->head.seq;) {
        hand_in(story, from, to, &port.view, &stream, seq);
        /* on to the next block's first entry: a handle is used once, so each goes by itself */
        story_settle(story);
        struct prepared_block block;
        if (block_row_open(&port.view, story->county->tree, &stream, seq, &block) != ERR_OK)
            break;
        seq += block.header.count;
        prepared_block_free(&block);
    }
    free(row);
}

/* ---- lies on a link ---- */

/* mark FROM TO HANDLE SEQ: FROM says that it holds a stream so far. */
static void tell_mark(struct story *story)
{
    size_t from = story_seat(story, story_word(story, 1));
    size_t to = story_seat(story, story_word(story, 2)), child;
    struct buffer body = {0};
    bool to_parent;
    if (from == SIZE_MAX || to == SIZE_MAX || !find_link(story, from, to, &child, &to_parent))
        return;
    mp_write_uint(&body, strtoull(story_word(story, 3), NULL, 10));
    mp_write_uint(&body, strtoull(story_word(story, 4), NULL, 10));
    world_inject(story->world, child, to_parent, CHANNEL_CONTROL, MESSAGE_MARK,
                 span_of_buffer(&body));
    buffer_free(&body);
}

/* mischief FROM TO KIND: see sim/mischief.h. */
static void tell_mischief(struct story *story)
{
    size_t from = story_seat(story, story_word(story, 1));
    size_t to = story_seat(story, story_word(story, 2)), child;
    bool to_parent;
    if (from == SIZE_MAX || to == SIZE_MAX || !find_link(story, from, to, &child, &to_parent))
        return;
    for (int i = 0; i < MISCHIEF_COUNT; i++) {
        if (strcmp(mischief_name((enum mischief)i), story_word(story, 3)) == 0) {
            mischief_make(story->world, (enum mischief)i, child, to_parent);
            return;
        }
    }
    story_fail(story, "no such mischief: %s", story_word(story, 3));
}

/* ---- blocks made by hand, in their author's own store ---- */

struct hand {
    struct story *story;
    const struct county_seat *seat;
    size_t place;
    struct store_port port;
    struct stream_id stream;
    struct stream_row row;
    struct author_epoch author;
};

static struct key_id key_of(struct story *story, const char *code)
{
    size_t seat = story_seat(story, code);
    return seat == SIZE_MAX ? (struct key_id){{0}} : story->county->seats[seat].key_id;
}

static bool begin_hand(struct story *story, struct hand *hand)
{
    hand->story = story;
    hand->place = story_seat(story, story_word(story, 1));
    if (hand->place == SIZE_MAX)
        return false;
    if (world_runs(story->world, hand->place)) {
        story_fail(story, "it must not run while its disk is written to");
        return false;
    }
    hand->seat = &story->county->seats[hand->place];
    memory_store_port(world_store(story->world, hand->place), &hand->port);
    if (!story_stream(story, &hand->port.view, story_word(story, 2), &hand->stream))
        return false;
    stream_row_read(&hand->port.view, &hand->stream, &hand->row);
    hand->author = (struct author_epoch){hand->stream.author, hand->stream.epoch};
    return true;
}

static void store_rows(struct hand *hand, struct updates *updates)
{
    struct row_change change;
    size_t cursor = 0;
    hand->port.begin(hand->port.context);
    while (updates_each_row(updates, &cursor, &change))
        hand->port.put(hand->port.context, change.table, change.key, change.value);
    hand->port.commit(hand->port.context);
}

/* The block behind the stream's head, which moves on; `flags`: in which form it is stored. */
static void store_block(struct hand *hand, const struct prepared_block *block, unsigned flags)
{
    struct updates *updates = updates_new();
    struct buffer stored = {0};
    updates_begin(updates, &hand->port.view);
    block_write(block, flags, &hand->row.head, &stored);
    block_row_put(updates, &hand->stream, block->header.seq, span_of_buffer(&stored));
    hand->row.head = (struct stream_head){block->header.seq + block->header.count, block->hash,
                                          block->header.clock};
    stream_row_write(updates, &hand->stream, &hand->row);
    store_rows(hand, updates);
    buffer_free(&stored);
    updates_free(updates);
}

static void make_block(struct hand *hand, struct entry *entry, struct prepared_block *block)
{
    if (entry->schema_version == 0)
        entry->schema_version = 1;
    struct entry_writer *writer =
        entry_writer_new(&hand->author, hand->seat->signing_key, entry->schema_version);
    bool added = entry_writer_add(writer, entry);
    assert(added);
    (void)added;
    block_make(writer, &hand->story->county->tree_id, &hand->stream, &hand->row.head,
               hand->seat->signing_key, hand->seat->signing_secret, NULL, block);
    entry_writer_free(writer);
}

static void write_by_hand(struct story *story, const struct named_record *record,
                          struct entry *entry, struct span body)
{
    const struct schema *schema = tree_schema(story->county->tree);
    struct hand *hand = mem_alloc(sizeof *hand);
    struct prepared_block block;
    if (begin_hand(story, hand)) {
        entry->kind = entry->kind == ENTRY_OPEN ? ENTRY_WRITE : entry->kind;
        entry->type = schema_type_named(schema, span_of_text(record->type))->number;
        entry->clock = world_clock_ms(story->world, hand->place);
        entry->has_record = true;
        entry->body = body;
        entry->body_hash = entry_body_hash(body);
        make_block(hand, entry, &block);
        store_block(hand, &block, BLOCK_STORED);
        prepared_block_free(&block);
    }
    free(hand);
}

/* handmade SEAT STREAM NAME TEXT [n=N] [saw=N] [field=N] [schema=N]: SEAT's N-th entry on a record
 * (1), that says s=TEXT, or so of the field of that number, and has seen its creator's first N
 * entries (1), in a stream of SEAT's, whatever the record's circle; by a schema version. */
static void tell_handmade(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 3));
    if (record == NULL)
        return;
    struct author_epoch creator = record_id_author(&record->id);
    struct dot seen = {creator.author, creator.epoch, 1};
    struct buffer body = {0};
    struct entry entry = {.record = record->id, .n = 1, .context = &seen, .context_count = 1};
    uint32_t field = 2; /* s */
    for (size_t i = 5; i < story->line->word_count; i++) {
        if (strncmp(story_word(story, i), "n=", 2) == 0)
            entry.n = (uint32_t)strtoul(story_word(story, i) + 2, NULL, 10);
        else if (strncmp(story_word(story, i), "saw=", 4) == 0)
            seen.n = (uint32_t)strtoul(story_word(story, i) + 4, NULL, 10);
        else if (strncmp(story_word(story, i), "field=", 6) == 0)
            field = (uint32_t)strtoul(story_word(story, i) + 6, NULL, 10);
        else if (strncmp(story_word(story, i), "schema=", 7) == 0)
            entry.schema_version = (uint32_t)strtoul(story_word(story, i) + 7, NULL, 10);
    }
    if (record_id_names(&record->id,
                        &(struct author_epoch){key_of(story, story_word(story, 1)), creator.epoch}))
        entry.context_count = 0; /* its own are implied */
    mp_write_map(&body, 1);
    mp_write_uint(&body, field);
    mp_write_text(&body, story_word(story, 4));
    write_by_hand(story, record, &entry, span_of_buffer(&body));
    buffer_free(&body);
}

/* begun SEAT STREAM NAME TEXT: SEAT begins the private fields of a record with name=TEXT, whoever
 * made it. */
static void tell_begun(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 3));
    static const uint8_t salt[BODY_SALT_BYTES] = {1};
    if (record == NULL)
        return;
    struct named_record companion = *record;
    struct buffer fields = {0}, body = {0};
    struct entry entry = {.record = record->id, .n = 1};
    snprintf(companion.type, sizeof companion.type, "visit-private");
    mp_write_map(&fields, 1);
    mp_write_uint(&fields, 3); /* name */
    mp_write_text(&fields, story_word(story, 4));
    body_salted(salt, span_of_buffer(&fields), &body);
    write_by_hand(story, &companion, &entry, span_of_buffer(&body));
    buffer_free(&fields);
    buffer_free(&body);
}

/* The digest of a record's creation, as a disk has it in its author's stream. */
static bool creation_digest(struct story *story, const struct view *view, struct span stream,
                            const struct record_id *id, struct hash *digest)
{
    struct prepared_block block;
    struct stream_id of;
    char name[96];
    bool found = false;
    snprintf(name, sizeof name, "%.*s", (int)stream.size, (const char *)stream.data);
    for (uint32_t seq = 0; story_stream(story, view, name, &of) &&
                           block_row_open(view, story->county->tree, &of, seq, &block) == ERR_OK;) {
        for (size_t i = 0; i < block.list.count; i++) {
            const struct entry *entry = &block.list.entries[i];
            if (entry->kind == ENTRY_WRITE && entry->n == 1 &&
                memcmp(entry->record.bytes, id->bytes, sizeof id->bytes) == 0) {
                *digest = block.digests[i];
                found = true;
            }
        }
        seq += block.header.count;
        prepared_block_free(&block);
    }
    return found;
}

/* handerased SEAT STREAM NAME HOLDER OF: SEAT's first entry on a record erases the record's
 * creation, which HOLDER has in the stream OF. */
static void tell_handerased(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 3));
    size_t place = story_seat(story, story_word(story, 4));
    struct buffer operations = {0}, body = {0};
    struct store_port port;
    if (record == NULL || place == SIZE_MAX)
        return;
    struct author_epoch creator = record_id_author(&record->id);
    struct dot seen = {creator.author, creator.epoch, 1};
    struct entry entry = {.kind = ENTRY_ERASE,
                          .record = record->id,
                          .n = 1,
                          .schema_version = 2,
                          .context = &seen,
                          .context_count = 1};
    struct erased_operation erased = {.dot = seen, .rest = SPAN("\x81\x02\xc0", 3)};
    memory_store_port(world_store(story->world, place), &port);
    if (!creation_digest(story, &port.view, span_of_text(story_word(story, 5)), &record->id,
                         &erased.digest)) {
        story_fail(story, "the creation isn't in that stream");
        return;
    }
    erasure_put_operation(&operations, &erased);
    erasure_encode(span_of_buffer(&operations), 1, SPAN_EMPTY, &body);
    write_by_hand(story, record, &entry, span_of_buffer(&body));
    buffer_free(&body);
    buffer_free(&operations);
}

/* handstrike SEAT STREAM HOLDER OF: SEAT strikes out the first sealed entry that HOLDER has in the
 * stream OF, and leaves nothing of it. */
static void tell_handstrike(struct story *story)
{
    size_t place = story_seat(story, story_word(story, 3));
    struct hand *hand = mem_alloc(sizeof *hand);
    struct prepared_block block, made;
    struct buffer left = {0}, body = {0};
    struct store_port port;
    struct stream_id of;
    if (place == SIZE_MAX || !begin_hand(story, hand)) {
        free(hand);
        return;
    }
    memory_store_port(world_store(story->world, place), &port);
    if (!story_stream(story, &port.view, story_word(story, 4), &of) ||
        block_row_open(&port.view, story->county->tree, &of, 1, &block) != ERR_OK) {
        story_fail(story, "no such block is held there");
        free(hand);
        return;
    }
    entry_seal_nothing(block.list.entries[1 - block.header.seq].sealed, &left);
    mp_write_map(&body, 1);
    mp_write_uint(&body, 1);
    mp_write_array(&body, 1);
    mp_write_bin(&body, span_of_buffer(&left));
    struct entry entry = {.kind = ENTRY_STRIKE,
                          .n = 1,
                          .clock = world_clock_ms(story->world, hand->place),
                          .body = span_of_buffer(&body)};
    entry.body_hash = entry_body_hash(entry.body);
    make_block(hand, &entry, &made);
    store_block(hand, &made, BLOCK_STORED);
    prepared_block_free(&made);
    prepared_block_free(&block);
    buffer_free(&body);
    buffer_free(&left);
    free(hand);
}

/* carried SEAT STREAM NAME OF SEQ [altered]: SEAT carries the entry at SEQ of the stream OF, which
 * it holds, and nothing else of that record; altered: another text stands in it, as long as before.
 */
static void tell_carried(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 3));
    uint32_t seq = (uint32_t)strtoul(story_word(story, 5), NULL, 10), place;
    struct hand *hand = mem_alloc(sizeof *hand);
    struct prepared_block block, made;
    struct stream_id of;
    struct buffer body = {0};
    if (record == NULL || !begin_hand(story, hand) ||
        !story_stream(story, &hand->port.view, story_word(story, 4), &of)) {
        free(hand);
        return;
    }
    enum error_code code = block_row_open(&hand->port.view, story->county->tree, &of, seq, &block);
    assert(code == ERR_OK);
    (void)code;
    place = seq - block.header.seq;
    struct entry entry = block.list.entries[place];
    carry_encode(&block, &place, 1, NULL, &body);
    if (strcmp(story_word(story, 6), "altered") == 0) {
        uint8_t *last = memmem(body.data, body.size, entry.body.data, entry.body.size);
        last[entry.body.size - 1] ^= 1;
    }
    entry = (struct entry){.kind = ENTRY_CARRY,
                           .type = entry.type,
                           .clock = world_clock_ms(story->world, hand->place),
                           .has_record = true,
                           .record = record->id,
                           .n = 1,
                           .body = span_of_buffer(&body),
                           .body_hash = entry_body_hash(span_of_buffer(&body))};
    make_block(hand, &entry, &made);
    store_block(hand, &made, BLOCK_STORED);
    prepared_block_free(&made);
    prepared_block_free(&block);
    buffer_free(&body);
    free(hand);
}

/* squat SEAT STREAM NAME TEXT TO: a creation that takes the id behind NAME's, which is for somebody
 * else to give, made for the seat TO. */
static void tell_squat(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 3));
    if (record == NULL)
        return;
    struct author_epoch creator = record_id_author(&record->id);
    struct buffer body = {0};
    struct entry entry = {.record = record_id_make(&creator, record_id_counter(&record->id) + 1),
                          .n = 1};
    mp_write_map(&body, 1);
    mp_write_uint(&body, 1); /* title */
    mp_write_text(&body, story_word(story, 4));
    schema_address_body(&body, span_of_text(story_word(story, 5)));
    write_by_hand(story, record, &entry, span_of_buffer(&body));
    buffer_free(&body);
}

/* astray SEAT STREAM NAME TO: SEAT's own new record, kept as NAME, that stands in a stream of
 * SEAT's and says that it is made for TO. */
static void tell_astray(struct story *story)
{
    struct hand *hand = mem_alloc(sizeof *hand);
    struct buffer body = {0};
    if (story->record_count == NAMES_MAX || !begin_hand(story, hand)) {
        free(hand);
        return;
    }
    struct named_record *record = &story->records[story->record_count++];
    *record =
        (struct named_record){.type = "matter", .id = record_id_make(&hand->author, HAND_COUNTER)};
    snprintf(record->name, sizeof record->name, "%s", story_word(story, 3));
    struct entry entry = {.record = record->id, .n = 1};
    mp_write_map(&body, 1);
    mp_write_uint(&body, 1);
    mp_write_text(&body, "astray");
    schema_address_body(&body, span_of_text(story_word(story, 4)));
    write_by_hand(story, record, &entry, span_of_buffer(&body));
    buffer_free(&body);
    free(hand);
}

/* poison SEAT STREAM: a block that its author signed and that doesn't decode. */
static void tell_poison(struct story *story)
{
    static const uint8_t junk[] = "this is no run of entries";
    struct hand *hand = mem_alloc(sizeof *hand);
    if (!begin_hand(story, hand)) {
        free(hand);
        return;
    }
    struct prepared_block block;
    struct entry entry = {.kind = ENTRY_CLOSE,
                          .n = 1,
                          .clock = world_clock_ms(story->world, hand->place),
                          .body = SPAN("\x80", 1)};
    entry.body_hash = entry_body_hash(entry.body);
    make_block(hand, &entry, &block);
    buffer_clear(&block.payload);
    buffer_append(&block.payload, junk, sizeof junk);
    block.opaque = true;
    block.header.codec = block.payload_codec = CODEC_RAW;
    block.header.payload_hash = hash_of(HASH_PAYLOAD, span_of_buffer(&block.payload));
    block.hash = block_header_hash(&block.header);
    sign_hash(&block.hash, hand->seat->signing_secret, block.signature);
    store_block(hand, &block, BLOCK_STORED);
    prepared_block_free(&block);
    free(hand);
}

const struct story_command plant_commands[] = {
    {"stick", 4, tell_stick},           {"mark", 4, tell_mark},
    {"mischief", 3, tell_mischief},     {"handmade", 4, tell_handmade},
    {"carried", 5, tell_carried},       {"poison", 2, tell_poison},
    {"squat", 5, tell_squat},           {"astray", 4, tell_astray},
    {"handerased", 5, tell_handerased}, {"handstrike", 4, tell_handstrike},
    {"begun", 4, tell_begun},           {NULL, 0, NULL},
};
