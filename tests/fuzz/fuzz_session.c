/* Fuzzing the link's protocol after the handshake: a real drive over a memory store, and at the
 * other ends a child and a parent whose machines are stolen. They sign what they like with their
 * own keys, and say it, other bytes, or what they heard before, in any order. After every batch the
 * victim must be whole: nothing without right in its state, nothing told to who may not know, its
 * own records as they were, every table and every answer within its bound. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query.h"
#include "replication/rows/rows.h"
#include "tests/unit/hostile_desk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ACTIONS_MAX = 96,
    SIGNERS = 6,
    OWN_MAX = 8,
    LINKS = 3,
    PARKED_MAX = 3 * 256 + 64, /* of three authors, and waiting streams */
    QUARANTINE_MAX = 3 * 1024,
    BATCH_BYTES_MAX = 4 << 20,
};

struct choices {
    const uint8_t *data;
    size_t size, at;
};

static unsigned choose(struct choices *choices, unsigned count)
{
    return choices->at < choices->size ? choices->data[choices->at++] % count : 0;
}

/* Numbers at which something changes, and those near them. */
static uint64_t number(struct choices *choices)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     16,
                                     255,
                                     256,
                                     4095,
                                     4096,
                                     65535,
                                     65536,
                                     1 << 20,
                                     UINT32_MAX - 1,
                                     UINT32_MAX,
                                     (UINT64_C(1) << 48) - 1,
                                     UINT64_C(1) << 48,
                                     INT64_MAX,
                                     UINT64_MAX};
    unsigned which = choose(choices, 64);
    return which < sizeof edges / sizeof *edges ? edges[which] : which - 16;
}

struct game {
    struct choices choices;
    struct desk *desk;
    uint32_t links[LINKS];
    struct signer signers[SIGNERS];
    struct record_id own[OWN_MAX]; /* the victim's records that are nobody else's */
    size_t own_count;
    struct stream_id handles[LINKS][HANDLES_MAX]; /* as the victim names streams */
    struct buffer last;                           /* the message said last */
    uint8_t last_type;
    enum channel last_channel;
};

static const enum desk_seat peers[LINKS] = {SEAT_V1, SEAT_C, SEAT_V2};

/* ---- saying ---- */

static void say(struct game *game, enum channel channel, uint8_t type, struct buffer *body)
{
    uint32_t link = game->links[choose(&game->choices, 8) == 7 ? 1 : 0];
    if (choose(&game->choices, 16) == 15)
        link = game->links[1];
    buffer_clear(&game->last);
    buffer_append_span(&game->last, span_of_buffer(body));
    game->last_type = type;
    game->last_channel = channel;
    if (body->size <= MESSAGE_BYTES_MAX)
        desk_say(game->desk, link, channel, type, span_of_buffer(body));
    buffer_free(body);
}

static struct key_id some_key(struct game *game)
{
    unsigned which = choose(&game->choices, DESK_SEATS + 1);
    struct key_id other = {{1, 2, 3, 4, 5, 6, 7, 8}};
    return which < DESK_SEATS ? game->desk->county->seats[which].key_id : other;
}

static uint32_t some_epoch(struct game *game)
{
    unsigned which = choose(&game->choices, 4);
    if (which == 0)
        return replica_epoch(drive_replica(game->desk->drive));
    return which == 3 ? (uint32_t)number(&game->choices) : (which << 16 | 5);
}

static void write_value(struct game *game, struct buffer *out, unsigned depth)
{
    struct choices *choices = &game->choices;
    uint8_t bytes[40] = {0};
    unsigned kind = choose(choices, depth == 0 ? 6 : 9);
    if (kind == 0)
        mp_write_nil(out);
    else if (kind == 1)
        mp_write_bool(out, choose(choices, 2) == 1);
    else if (kind == 2)
        mp_write_uint(out, number(choices));
    else if (kind == 3)
        mp_write_int(out, -(int64_t)(number(choices) >> 1));
    else if (kind == 4)
        mp_write_text(out, "x");
    else if (kind == 5)
        mp_write_bin(out, SPAN(bytes, choose(choices, sizeof bytes)));
    unsigned count = kind > 5 ? choose(choices, 5) : 0;
    if (kind == 6 || kind == 7)
        mp_write_array(out, count);
    else if (kind == 8)
        mp_write_map(out, count);
    for (unsigned i = 0; i < count; i++) {
        if (kind == 8)
            mp_write_uint(out, i + 1);
        write_value(game, out, depth - 1);
    }
}

static void say_anything(struct game *game)
{
    struct buffer body = {0};
    enum channel channel = (enum channel)choose(&game->choices, CHANNELS);
    uint8_t type = (uint8_t)choose(&game->choices, 24);
    if (choose(&game->choices, 2) == 0) {
        write_value(game, &body, 4);
    } else {
        for (unsigned left = choose(&game->choices, 64); left > 0; left--)
            buffer_append_byte(&body, (uint8_t)choose(&game->choices, 256));
    }
    say(game, channel, type, &body);
}

static void say_again_altered(struct game *game)
{
    struct buffer body = {0};
    buffer_append_span(&body, span_of_buffer(&game->last));
    for (unsigned left = choose(&game->choices, 4); left > 0 && body.size > 0; left--) {
        size_t at = ((size_t)choose(&game->choices, 256) << 8 | choose(&game->choices, 256));
        body.data[at % body.size] ^= (uint8_t)(1U << choose(&game->choices, 8));
    }
    if (choose(&game->choices, 8) == 0 && body.size > 0)
        body.size -= 1 + choose(&game->choices, 64) % body.size;
    say(game, game->last_channel, game->last_type, &body);
}

static void say_echo(struct game *game)
{
    const struct desk *desk = game->desk;
    struct buffer body = {0};
    if (desk->heard_count == 0)
        return;
    const struct heard *heard = &desk->heard[choose(&game->choices, 256) % desk->heard_count];
    buffer_append_span(&body, span_of_buffer(&heard->body));
    say(game, heard->channel, heard->type, &body);
}

static void write_range(struct game *game, struct buffer *body)
{
    uint8_t bound[KEY_ID_BYTES] = {0};
    mp_write_array(body, 4);
    for (int i = 0; i < 2; i++) {
        bound[0] = (uint8_t)choose(&game->choices, 256);
        mp_write_bin(body, SPAN(bound, choose(&game->choices, 3) == 0 ? KEY_ID_BYTES : 0));
    }
    mp_write_uint(body, number(&game->choices) & UINT32_MAX);
    mp_write_bin(body, SPAN_OF_ARRAY(hash_zero.bytes));
}

static void say_digest(struct game *game)
{
    struct buffer body = {0};
    unsigned count = choose(&game->choices, 6);
    mp_write_array(&body, count);
    for (unsigned i = 0; i < count; i++)
        write_range(game, &body);
    say(game, CHANNEL_CONTROL, SAY_DIGEST, &body);
}

static void write_stream(struct game *game, struct buffer *body)
{
    struct key_id key = some_key(game);
    mp_write_bin(body, SPAN_OF_ARRAY(key.bytes));
    mp_write_uint(body, some_epoch(game));
    mp_write_uint(body, choose(&game->choices, 6));
}

static void say_heads(struct game *game)
{
    struct buffer body = {0};
    unsigned count = choose(&game->choices, 6);
    mp_write_array(&body, 4);
    mp_write_bin(&body, SPAN_EMPTY);
    mp_write_bin(&body, SPAN_EMPTY);
    mp_write_array(&body, count);
    for (unsigned i = 0; i < count; i++) {
        mp_write_array(&body, 5);
        write_stream(game, &body);
        mp_write_uint(&body, number(&game->choices) % (STREAM_ENTRIES_MAX + 1));
        mp_write_bin(&body, SPAN(hash_zero.bytes, 16));
    }
    mp_write_bool(&body, choose(&game->choices, 2) == 1);
    say(game, CHANNEL_CONTROL, SAY_HEADS, &body);
}

static void say_want(struct game *game)
{
    struct buffer body = {0};
    mp_write_array(&body, 5);
    write_stream(game, &body);
    mp_write_uint(&body, number(&game->choices) % (STREAM_ENTRIES_MAX + 1));
    mp_write_uint(&body, choose(&game->choices, 2));
    say(game, CHANNEL_CONTROL, SAY_WANT, &body);
}

static void say_numbers(struct game *game, uint8_t type, unsigned count)
{
    struct buffer body = {0};
    for (unsigned i = 0; i < count; i++)
        mp_write_uint(&body, number(&game->choices));
    say(game, CHANNEL_CONTROL, type, &body);
}

static void write_note_line(struct game *game, struct buffer *body)
{
    static const enum hash_context contexts[] = {HASH_HEADS, HASH_CELLS, HASH_TOKEN, HASH_BODY};
    struct key_id key = some_key(game);
    mp_write_array(body, 4);
    mp_write_uint(body, contexts[choose(&game->choices, 4)]);
    mp_write_bin(body, SPAN_OF_ARRAY(key.bytes));
    mp_write_uint(body, some_epoch(game));
    mp_write_uint(body, number(&game->choices));
}

static void say_lines(struct game *game)
{
    static const uint8_t types[] = {SAY_NOTES, SAY_WANTED, SAY_NOTED};
    struct buffer body = {0};
    uint8_t type = types[choose(&game->choices, 3)];
    unsigned count = type == SAY_NOTED ? 1 : choose(&game->choices, 6);
    if (type != SAY_NOTED)
        mp_write_array(&body, count);
    for (unsigned i = 0; i < count; i++)
        write_note_line(game, &body);
    say(game, CHANNEL_CONTROL, type, &body);
}

static void say_have(struct game *game)
{
    struct buffer body = {0};
    unsigned count = choose(&game->choices, 4);
    mp_write_array(&body, 2);
    mp_write_uint(&body, choose(&game->choices, 5));
    mp_write_array(&body, count);
    for (unsigned i = 0; i < count; i++) {
        mp_write_array(&body, 6);
        mp_write_uint(&body, choose(&game->choices, 6));
        mp_write_text(&body, game->desk->county->seats[choose(&game->choices, DESK_SEATS)].code);
        mp_write_uint(&body, number(&game->choices));
        mp_write_uint(&body, number(&game->choices));
        mp_write_bin(&body, SPAN_OF_ARRAY(hash_zero.bytes));
        mp_write_bool(&body, choose(&game->choices, 2) == 1);
    }
    say(game, CHANNEL_CONTROL, SAY_HAVE, &body);
}

static void say_document(struct game *game)
{
    const struct tree *tree = game->desk->county->tree;
    const struct held_document *held =
        tree_document(tree, choose(&game->choices, 256) % tree_document_count(tree));
    struct buffer body = {0}, rows = {0};
    buffer_append_span(&body, held->envelope);
    say(game, CHANNEL_CONTROL, SAY_DOCUMENT, &body);
    unsigned count = choose(&game->choices, (unsigned)held->row_count + 2);
    mp_write_array(&rows, 3);
    mp_write_uint(&rows, choose(&game->choices, 3));
    mp_write_array(&rows, count);
    for (unsigned i = 0; i < count; i++)
        mp_write_bin(&rows, i < held->row_count ? held->rows[i] : SPAN("x", 1));
    if (choose(&game->choices, 4) == 0)
        mp_write_bin(&rows, SPAN_EMPTY);
    else
        mp_write_nil(&rows);
    say(game, CHANNEL_CONTROL, SAY_ROWS, &rows);
}

static void say_hello(struct game *game)
{
    unsigned which = choose(&game->choices, 2);
    desk_hello(game->desk, game->links[which], peers[which]);
}

/* ---- signing ---- */

static void write_cells(struct game *game, struct buffer *map)
{
    unsigned count = choose(&game->choices, 4);
    mp_write_uint(map, 7);
    mp_write_array(map, count);
    for (unsigned i = 0; i < count; i++) {
        uint8_t filler[240] = {0};
        mp_write_array(map, 4);
        mp_write_uint(map, 1 + i);
        mp_write_array(map, 1);
        mp_write_bin(map, SPAN(filler, choose(&game->choices, sizeof filler)));
        mp_write_uint(map, number(&game->choices) & UINT32_MAX);
        mp_write_array(map, 1);
        mp_write_int(map, (int64_t)(number(&game->choices) >> 1));
    }
}

static void write_streams(struct game *game, struct buffer *map)
{
    unsigned count = choose(&game->choices, 4);
    mp_write_uint(map, 5);
    mp_write_array(map, count);
    for (unsigned i = 0; i < count; i++) {
        mp_write_array(map, 4);
        mp_write_uint(map, i + 1);
        mp_write_uint(map, choose(&game->choices, 256));
        mp_write_bin(map, SPAN_OF_ARRAY(hash_zero.bytes));
        mp_write_text(map, "C");
    }
    mp_write_uint(map, 8);
    mp_write_uint(map, number(&game->choices) & ((UINT64_C(1) << 48) - 1));
}

static void say_note(struct game *game)
{
    static const enum hash_context contexts[] = {HASH_HEADS, HASH_CELLS, HASH_TOKEN};
    static const uint8_t types[] = {SAY_STATEMENT, SAY_REPORT, SAY_TOKEN};
    unsigned which = choose(&game->choices, 3);
    enum desk_seat seat = choose(&game->choices, 2) == 0 ? SEAT_V1 : SEAT_C;
    struct buffer map = {0};
    mp_write_map(&map, which == 2 ? 3 : which == 1 ? 4 : 5);
    mp_write_uint(&map, 1);
    mp_write_bin(&map, SPAN_OF_ARRAY(game->desk->county->seats[seat].key_id.bytes));
    mp_write_uint(&map, 2);
    mp_write_uint(&map, some_epoch(game));
    mp_write_uint(&map, 3);
    mp_write_uint(&map, number(&game->choices));
    if (which == 0)
        write_streams(game, &map);
    if (which == 1)
        write_cells(game, &map);
    note_by(seat, contexts[which], &map);
    say(game, CHANNEL_CONTROL, types[which], &map);
}

static void write_body(struct game *game, struct buffer *body)
{
    static const uint8_t bin16[16] = {0};
    unsigned kind = choose(&game->choices, 8);
    if (kind == 0) {
        mp_write_map(body, 1);
        mp_write_int(body, -1);
        mp_write_bool(body, choose(&game->choices, 2) == 0);
    } else if (kind == 1) {
        mp_write_bin(body, SPAN_OF_ARRAY(bin16));
    } else if (kind == 2) {
        mp_write_array(body, 2);
        mp_write_bin(body, SPAN_OF_ARRAY(bin16));
        mp_write_map(body, 0);
    } else if (kind == 3) {
        mp_write_array(body, 1);
        mp_write_bin(body, SPAN_OF_ARRAY(hash_zero.bytes));
    } else if (kind == 4) {
        mp_write_map(body, 1);
        mp_write_uint(body, 1 + choose(&game->choices, 7));
        write_value(game, body, 3);
    } else {
        mp_write_map(body, 3);
        mp_write_uint(body, 1);
        mp_write_text(body, "title");
        mp_write_uint(body, 4);
        mp_write_array(body, 1);
        mp_write_text(body, "item");
        mp_write_uint(body, 5);
        mp_write_int(body, choose(&game->choices, 256) - 128);
    }
}

static void add_entry(struct game *game, struct block_text *text)
{
    struct choices *choices = &game->choices;
    struct buffer body = {0};
    struct text_entry entry = {
        .kind = choose(choices, 8) == 7 ? choose(choices, 8) : ENTRY_WRITE,
        .type = choose(choices, 8) == 7 ? choose(choices, 6) : TYPE_INCIDENT,
        .clock_difference = choose(choices, 16) == 15 ? (int64_t)number(choices) : 0,
        .counter = (int64_t)choose(choices, 4) - 1,
        .n = 1 + choose(choices, 4),
    };
    if (entry.kind == ENTRY_OPEN || entry.kind == ENTRY_CLOSE) {
        entry.type = 0;
        entry.counter = 0;
        entry.n = 1;
    }
    if (choose(choices, 3) == 0 && text->author_count < 8) {
        entry.record_author = text_author(text, some_key(game), some_epoch(game));
        entry.record_counter = choose(choices, 4);
    }
    for (unsigned left = choose(choices, 3); left > 0 && text->author_count < 8; left--) {
        entry.context_places[entry.context_count] =
            text_author(text, some_key(game), some_epoch(game));
        entry.context_ns[entry.context_count++] = 1 + choose(choices, 100);
    }
    write_body(game, &body);
    entry.body = span_of_buffer(&body);
    text_add(text, &entry);
    buffer_free(&body);
}

static void add_opening(struct game *game, struct signer *signer, struct block_text *text)
{
    static const char *const paths[][7] = {
        {"V1", "T1", "C", NULL},  {"T1", "C", NULL},
        {"C", "T1", NULL},        {"V1", "T1", NULL},
        {"V1", "T1", "V2", NULL}, {"V1", "T1", "V1", "T1", "C", NULL},
        {"V1", "T2", "C", NULL},  {NULL},
    };
    enum record_class class = (enum record_class)(signer->channel - CHANNEL_URGENT);
    unsigned which = choose(&game->choices, 12);
    if (which >= 10)
        text_open_subtree(text, class, choose(&game->choices, 5));
    else if (which >= 8)
        text_open_path(text, class, paths[0]);
    else
        text_open_path(text, class, paths[which]);
}

static void say_block(struct game *game)
{
    struct choices *choices = &game->choices;
    struct signer *signer = &game->signers[choose(choices, SIGNERS)];
    struct block_text text = {.schema_version = 1 + choose(choices, 8) / 7};
    struct prepared_block block;
    struct buffer body = {0};
    unsigned form = choose(choices, 16);
    if (signer->head.seq == 0)
        add_opening(game, signer, &text);
    for (unsigned left = choose(choices, 6); left > 0 || text.count == 0; left -= left > 0)
        add_entry(game, &text);
    struct stream_head before = signer->head;
    signer_sign(signer, &text, &block);
    unsigned flags = form == 15   ? BLOCK_HAS_ROOT
                     : form == 14 ? BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH | BLOCK_HAS_NO_PAYLOAD
                     : form == 13 ? BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH
                                  : 0;
    signer_message(signer, &block, flags, &body);
    if (form == 12)
        signer->head = before; /* the next one stands at the same place */
    if (form == 11)
        signer->handle = (uint32_t)(number(choices) % HANDLES_MAX);
    prepared_block_free(&block);
    say(game, choose(choices, 32) == 31 ? CHANNEL_BULK : signer->channel, SAY_BLOCK, &body);
}

/* ---- what must hold ---- */

static void check_told(struct game *game, size_t peer, const struct stream_id *stream)
{
    const struct replica *replica = drive_replica(game->desk->drive);
    const struct author *author = tree_author(replica_tree(replica), stream->author);
    const struct seat *seat =
        tree_seat(replica_tree(replica), span_of_text(game->desk->county->seats[peers[peer]].code));
    struct stream_row *row = mem_alloc(sizeof *row);
    bool found = stream_row_read(&game->desk->port.view, stream, row);
    assert(found && author != NULL && seat != NULL);
    assert(row->open.holders != HOLDERS_SELF && stream_holds(row, author->seat, seat));
    free(row);
}

static void check_block_told(struct game *game, size_t peer, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct block_prefix prefix;
    uint64_t handle = mp_read_uint_max(&reader, HANDLES_MAX - 1);
    enum error_code code =
        block_read_prefix(SPAN(body.data + reader.at, body.size - reader.at), &prefix, NULL);
    assert(code == ERR_OK);
    if (prefix.flags & BLOCK_HAS_STREAM)
        game->handles[peer][handle] = prefix.stream;
    if (game->handles[peer][handle].epoch != 0) /* else named while the link was coming up */
        check_told(game, peer, &game->handles[peer][handle]);
}

static void check_heads_told(struct game *game, size_t peer, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    mp_read_array(&reader);
    mp_read_any(&reader);
    mp_read_any(&reader);
    for (uint32_t left = mp_read_array(&reader); left > 0; left--) {
        struct stream_id id;
        mp_read_array(&reader);
        memcpy(id.author.bytes, mp_read_bin_of(&reader, KEY_ID_BYTES), KEY_ID_BYTES);
        id.epoch = (uint32_t)mp_read_uint(&reader);
        id.number = (uint16_t)mp_read_uint(&reader);
        mp_read_any(&reader);
        mp_read_any(&reader);
        check_told(game, peer, &id);
    }
}

static void check_heard(struct game *game)
{
    const struct desk *desk = game->desk;
    size_t bytes = 0;
    for (size_t i = 0; i < desk->heard_count; i++) {
        const struct heard *heard = &desk->heard[i];
        bytes += heard->body.size;
        for (size_t peer = 0; peer < LINKS; peer++) {
            if (heard->link != game->links[peer] || heard->closes)
                continue;
            if (heard->type == SAY_BLOCK)
                check_block_told(game, peer, span_of_buffer(&heard->body));
            if (heard->type == SAY_HEADS)
                check_heads_told(game, peer, span_of_buffer(&heard->body));
        }
    }
    assert(bytes <= BATCH_BYTES_MAX);
}

static void check_own(struct game *game)
{
    const struct desk *desk = game->desk;
    for (size_t i = 0; i < game->own_count; i++) {
        struct buffer out = {0};
        enum error_code code =
            query_record(&desk->port.view, replica_tree(drive_replica(desk->drive)),
                         span_of_text("mediation"), &game->own[i], &out, NULL);
        assert(code == ERR_OK);
        buffer_free(&out);
    }
}

static void run(struct game *game)
{
    enum error_code code = desk_run(game->desk);
    assert(code == ERR_OK);
    check_heard(game);
    check_own(game);
    assert(desk_rows(game->desk, TABLE_PARKED) <= PARKED_MAX);
    assert(desk_rows(game->desk, TABLE_QUARANTINE) <= QUARANTINE_MAX);
}

static bool see_damage(void *context, const char *what, struct span key)
{
    (void)context;
    (void)key;
    fprintf(stderr, "the store is damaged: %s\n", what);
    abort();
}

/* Only its author's seat holds a record of the origin's own; directives come from above. */
static bool see_index(void *context, uint16_t type, const struct record_id *id)
{
    const struct game *game = context;
    const struct county_seat *seats = game->desk->county->seats;
    const struct key_id victim = seats[game->desk->victim].key_id;
    struct key_id author = record_id_author(id).author;
    bool own = key_id_equal(author, victim);
    assert(type != TYPE_MEDIATION || own);
    assert(type != TYPE_DIRECTIVE || own || key_id_equal(author, seats[SEAT_C].key_id));
    return true;
}

static void check_store(struct game *game)
{
    struct walk_visitor visitor = {.context = game, .damage = see_damage, .index = see_index};
    enum error_code code = query_walk(
        &game->desk->port.view, replica_tree(drive_replica(game->desk->drive)), &visitor, NULL);
    assert(code == ERR_OK);
}

/* ---- a game ---- */

static void put_own(struct game *game)
{
    static const char *const types[] = {"mediation", "incident", "directive", "survey"};
    unsigned which = choose(&game->choices, 4);
    desk_put(game->desk, types[which], "own");
    check_heard(game);
    assert(game->desk->code == ERR_OK && game->desk->answer.error.code == ERR_OK);
    if (which == 0 && game->own_count < OWN_MAX)
        game->own[game->own_count++] = game->desk->answer.record;
}

static void relink(struct game *game)
{
    unsigned which = choose(&game->choices, 2);
    struct event down = {.kind = EVENT_LINK_DOWN, .link_down = game->links[which]};
    desk_event(game->desk, &down);
    run(game);
    game->links[which] = choose(&game->choices, 4) == 0 ? desk_link(game->desk, peers[which])
                                                        : desk_live(game->desk, peers[which]);
    memset(game->handles[which], 0, sizeof game->handles[which]);
    for (size_t i = 0; i < SIGNERS; i++)
        game->signers[i].named = false;
}

static void act(struct game *game)
{
    switch (choose(&game->choices, 24)) {
    case 0: say_anything(game); break;
    case 1: say_again_altered(game); break;
    case 2: say_echo(game); break;
    case 3: say_digest(game); break;
    case 4: say_heads(game); break;
    case 5: say_want(game); break;
    case 6: say_numbers(game, SAY_CREDIT, 3); break;
    case 7: say_numbers(game, SAY_MARK, 2); break;
    case 8: say_lines(game); break;
    case 9: say_have(game); break;
    case 10: say_document(game); break;
    case 11: say_hello(game); break;
    case 12: say_note(game); break;
    case 13: put_own(game); break;
    case 14: relink(game); break;
    case 15: game->desk->tick_ms += number(&game->choices) & 0xfffff; break;
    case 16: game->desk->wall_ms = number(&game->choices); break;
    case 17:
    case 18: run(game); break;
    default: say_block(game); break;
    }
}

static void begin(struct game *game)
{
    static const struct {
        enum desk_seat seat;
        uint32_t epoch;
        uint16_t number;
        enum record_class class;
    } streams[SIGNERS] = {
        {SEAT_V1, 1 << 16 | 5, 1, CLASS_NORMAL}, {SEAT_V1, 1 << 16 | 5, 2, CLASS_URGENT},
        {SEAT_V1, 2 << 16 | 5, 1, CLASS_NORMAL}, {SEAT_C, 1 << 16 | 5, 1, CLASS_URGENT},
        {SEAT_C, 1 << 16 | 5, 2, CLASS_NORMAL},  {SEAT_V1, 1 << 16 | 5, 3, CLASS_BULK},
    };
    game->desk = desk_new(SEAT_T1, NULL);
    for (size_t i = 0; i < SIGNERS; i++)
        game->signers[i] = signer_of(streams[i].seat, streams[i].epoch, streams[i].number,
                                     streams[i].class, (uint32_t)i);
    for (size_t i = 0; i < LINKS; i++)
        game->links[i] = choose(&game->choices, 8) == 7 ? desk_link(game->desk, peers[i])
                                                        : desk_live(game->desk, peers[i]);
}

/* After all of it an honest child still gets through, and the store opens again. */
static void end(struct game *game)
{
    struct desk *desk = game->desk;
    desk->tick_ms += 3600 * 1000;
    run(game);
    check_store(game);
    uint32_t link = desk_live(desk, SEAT_V2);
    assert(strcmp(desk_state(desk, link), "live") == 0);
    enum error_code code;
    struct desk *again = desk_over(SEAT_T1, NULL, memory_store_clone(desk->store), &code);
    assert(code == ERR_OK);
    desk_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct game *game = mem_alloc(sizeof *game);
    game->choices = (struct choices){.data = data, .size = size};
    begin(game);
    for (unsigned i = 0; i < ACTIONS_MAX && game->choices.at < size; i++)
        act(game);
    run(game);
    end(game);
    desk_free(game->desk);
    buffer_free(&game->last);
    free(game);
    return 0;
}
