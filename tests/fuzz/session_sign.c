/* What peers sign with stolen node keys: notes, and blocks of every form. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/session_game.h"

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

static void write_streams(struct game *game, struct buffer *map, bool token)
{
    unsigned count = choose(&game->choices, 4);
    if (token) {
        struct key_id issuer = some_key(game);
        mp_write_uint(map, 4);
        mp_write_array(map, 3);
        mp_write_bin(map, SPAN_OF_ARRAY(issuer.bytes));
        mp_write_uint(map, number(&game->choices) & ((UINT64_C(1) << 48) - 1));
        mp_write_bin(map, SPAN(hash_zero.bytes, 8));
    }
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

void say_note(struct game *game)
{
    static const enum hash_context contexts[] = {HASH_HEADS, HASH_CELLS, HASH_TOKEN};
    static const uint8_t types[] = {SAY_STATEMENT, SAY_REPORT, SAY_TOKEN};
    unsigned which = choose(&game->choices, 3);
    enum desk_seat seat = game->part->streams[choose(&game->choices, SIGNERS)].seat;
    struct buffer map = {0};
    bool token = which == 0 && choose(&game->choices, 2) == 1;
    mp_write_map(&map, which == 2 ? 3 : which == 1 ? 4 : 5 + token);
    mp_write_uint(&map, 1);
    mp_write_bin(&map, SPAN_OF_ARRAY(game->desk->county->seats[seat].key_id.bytes));
    mp_write_uint(&map, 2);
    mp_write_uint(&map, some_epoch(game));
    mp_write_uint(&map, 3);
    mp_write_uint(&map, number(&game->choices));
    if (which == 0)
        write_streams(game, &map, token);
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
    if (entry_kind_of_stream((uint8_t)entry.kind)) {
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

/* The path that it may open: from its seat to the root. */
static void open_own_path(struct game *game, const struct signer *signer, struct block_text *text)
{
    const struct county_seat *seats = game->desk->county->seats;
    const char *path[DESK_SEATS + 1] = {signer->seat->code};
    size_t at = (size_t)(signer->seat - seats), count = 1;
    for (; seats[at].parent != at; at = seats[at].parent)
        path[count++] = seats[seats[at].parent].code;
    text_open_path(text, (enum record_class)(signer->channel - CHANNEL_URGENT), path);
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
        open_own_path(game, signer, text);
    else
        text_open_path(text, class, paths[which]);
}

void say_block(struct game *game)
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
