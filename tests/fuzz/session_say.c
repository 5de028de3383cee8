/* What peers say beside blocks: anything, what was said or heard before, every message of the
 * link with numbers at the edges, documents that stolen admin keys signed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/session_game.h"
#include "tests/unit/message_bodies.h"

unsigned choose(struct choices *choices, unsigned count)
{
    return choices->at < choices->size ? choices->data[choices->at++] % count : 0;
}

/* Numbers at which something changes, and those near them. */
uint64_t number(struct choices *choices)
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

void say(struct game *game, enum channel channel, uint8_t type, struct buffer *body)
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

struct key_id some_key(struct game *game)
{
    unsigned which = choose(&game->choices, DESK_SEATS + 1);
    struct key_id other = {{1, 2, 3, 4, 5, 6, 7, 8}};
    return which < DESK_SEATS ? game->desk->county->seats[which].key_id : other;
}

uint32_t some_epoch(struct game *game)
{
    unsigned which = choose(&game->choices, 4);
    if (which == 0)
        return replica_epoch(drive_replica(game->desk->drive));
    return which == 3 ? (uint32_t)number(&game->choices) : (which << 16 | 5);
}

void write_value(struct game *game, struct buffer *out, unsigned depth)
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

void say_anything(struct game *game)
{
    struct buffer body = {0};
    enum channel channel = (enum channel)choose(&game->choices, CHANNELS);
    uint8_t type = (uint8_t)choose(&game->choices, 28);
    if (choose(&game->choices, 2) == 0) {
        write_value(game, &body, 4);
    } else {
        for (unsigned left = choose(&game->choices, 64); left > 0; left--)
            buffer_append_byte(&body, (uint8_t)choose(&game->choices, 256));
    }
    say(game, channel, type, &body);
}

void say_again_altered(struct game *game)
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

void say_echo(struct game *game)
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

void say_digest(struct game *game)
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

void say_heads(struct game *game)
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

void say_want(struct game *game)
{
    struct buffer body = {0};
    mp_write_array(&body, 5);
    write_stream(game, &body);
    mp_write_uint(&body, number(&game->choices) % (STREAM_ENTRIES_MAX + 1));
    mp_write_uint(&body, choose(&game->choices, 2));
    say(game, CHANNEL_CONTROL, SAY_WANT, &body);
}

void say_numbers(struct game *game, uint8_t type, unsigned count)
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

void say_lines(struct game *game)
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

void say_have(struct game *game)
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

void say_document(struct game *game)
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

void say_hello(struct game *game)
{
    unsigned which = choose(&game->choices, 2);
    desk_hello(game->desk, game->links[which], game->part->peers[which]);
}

/* ---- stolen admin keys ---- */

static void change_name(struct seat_row *row)
{
    strcpy(row->name, "another");
}

static void revoke(struct seat_row *row)
{
    row->status = SEAT_REVOKED;
}

static void retire(struct seat_row *row)
{
    row->status = SEAT_RETIRED;
}

static void change_key(struct seat_row *row)
{
    row->link_key[0] ^= 1;
    row->generation++;
}

static void claim(struct seat_row *row)
{
    row->moves++;
}

static void raise_tier(struct seat_row *row)
{
    row->tier--;
}

/* T1's next document, truly signed, whole or with something left out or changed on the way. */
void say_branch(struct game *game)
{
    static void (*const changes[])(struct seat_row *) = {change_name, revoke, retire,
                                                         change_key,  claim,  raise_tier};
    struct choices *choices = &game->choices;
    struct author_document document =
        desk_branch(SEAT_T1, game->part->changed, changes[choose(choices, 6)]);
    struct buffer body = {0}, rows = {0};
    unsigned spoiled = choose(choices, 6);
    buffer_append_span(&body, span_of_buffer(&document.envelope));
    if (spoiled == 1)
        body.data[body.size / 2] ^= 1;
    say(game, CHANNEL_CONTROL, SAY_DOCUMENT, &body);
    size_t count = document.row_count - (spoiled == 2 ? 1 : 0);
    mp_write_array(&rows, 3);
    mp_write_uint(&rows, spoiled == 3 ? 1 : 0);
    mp_write_array(&rows, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_bin(&rows, span_of_buffer(&document.rows[spoiled == 4 ? count - 1 - i : i]));
    mp_write_nil(&rows);
    say(game, CHANNEL_CONTROL, SAY_ROWS, &rows);
    author_document_clear(&document);
}

void say_bye(struct game *game)
{
    struct buffer body = {0};
    write_value(game, &body, 2);
    say(game, CHANNEL_CONTROL, SAY_BYE, &body);
}

/* A hello of any version and any credit, with a digest that differs. */
void say_other_hello(struct game *game)
{
    struct buffer body = {0};
    uint8_t instance[8] = {(uint8_t)choose(&game->choices, 3)};
    struct hello hello = {.instance = SPAN_OF_ARRAY(instance)}; /* in this order for the corpus */
    hello.version_lowest = choose(&game->choices, 3);
    hello.version_highest = choose(&game->choices, 4);
    for (int class = 0; class < CLASS_COUNT; class ++) {
        hello.credit[class].bytes = number(&game->choices) & UINT32_MAX;
        hello.credit[class].entries = number(&game->choices) & UINT32_MAX;
    }
    body_of_hello(&hello, &body);
    say(game, CHANNEL_CONTROL, SAY_HELLO, &body);
}
