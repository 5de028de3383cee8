/* Fuzzing the link's protocol after the handshake: a real drive over a memory store, a township's,
 * a county's or a village's, and at the other ends children and a parent whose machines are stolen.
 * They sign what they like with their own keys, and say it, other bytes, or what they heard before,
 * in any order and state, while the victim's people write and its disk is full now and then. After
 * every batch the victim must be whole: nothing without right in its state, nothing told to who may
 * not know, its own records as they were, every table and every answer within its bound. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/session_game.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ACTIONS_MAX = 96,
    PARKED_MAX = SIGNERS * 256 + 64, /* of each author, and waiting streams */
    QUARANTINE_MAX = SIGNERS * 1024,
    BATCH_BYTES_MAX = 4 << 20,
};

enum { EPOCH_1 = 1 << 16 | 5, EPOCH_2 = 2 << 16 | 5 };
static const struct part parts[] = {
    {SEAT_T1,
     {SEAT_V1, SEAT_C, SEAT_V2},
     SEAT_V2,
     SEAT_V1,
     {{SEAT_V1, EPOCH_1, 1, CLASS_NORMAL},
      {SEAT_V1, EPOCH_1, 2, CLASS_URGENT},
      {SEAT_V1, EPOCH_2, 1, CLASS_NORMAL},
      {SEAT_C, EPOCH_1, 1, CLASS_URGENT},
      {SEAT_C, EPOCH_1, 2, CLASS_NORMAL},
      {SEAT_V1, EPOCH_1, 3, CLASS_BULK}}},
    {SEAT_C,
     {SEAT_T1, SEAT_V2, SEAT_T2},
     SEAT_T2,
     SEAT_V1,
     {{SEAT_V1, EPOCH_1, 1, CLASS_NORMAL},
      {SEAT_T1, EPOCH_1, 1, CLASS_NORMAL},
      {SEAT_T1, EPOCH_2, 1, CLASS_URGENT},
      {SEAT_V2, EPOCH_1, 1, CLASS_NORMAL},
      {SEAT_C, EPOCH_2, 1, CLASS_BULK}, /* the victim's own key, stolen too */
      {SEAT_V3, EPOCH_1, 1, CLASS_NORMAL}}},
    {SEAT_V1,
     {SEAT_T1, SEAT_C, SEAT_V2},
     SEAT_T1,
     SEAT_V2,
     {{SEAT_C, EPOCH_1, 1, CLASS_URGENT},
      {SEAT_C, EPOCH_1, 2, CLASS_NORMAL},
      {SEAT_C, EPOCH_2, 1, CLASS_URGENT},
      {SEAT_T1, EPOCH_1, 1, CLASS_URGENT},
      {SEAT_T1, EPOCH_1, 2, CLASS_NORMAL},
      {SEAT_V1, EPOCH_2, 1, CLASS_NORMAL}}}, /* the same */
};
enum { PARTS = sizeof parts / sizeof *parts };

/* ---- what must hold ---- */

static void check_told(struct game *game, size_t peer, const struct stream_id *stream)
{
    const struct replica *replica = drive_replica(game->desk->drive);
    const struct author *author = tree_author(replica_tree(replica), stream->author);
    const struct seat *seat =
        tree_seat(replica_tree(replica),
                  span_of_text(game->desk->county->seats[game->part->peers[peer]].code));
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

static void link_up(struct game *game, size_t which)
{
    enum desk_seat peer = game->part->peers[which];
    game->links[which] =
        choose(&game->choices, 4) == 0 ? desk_link(game->desk, peer) : desk_live(game->desk, peer);
    memset(game->handles[which], 0, sizeof game->handles[which]);
    for (size_t i = 0; i < SIGNERS; i++)
        game->signers[i].named = false;
}

/* A commit that failed has closed every link, and nothing of its batch was said. */
static bool commit_failed(struct game *game)
{
    const struct desk *desk = game->desk;
    assert(desk->code == ERR_OK || (game->armed && desk->code == ERR_FULL));
    if (desk->code == ERR_OK)
        return false;
    for (size_t i = 0; i < desk->heard_count; i++)
        assert(desk->heard[i].closes);
    game->armed = false;
    for (size_t i = 0; i < LINKS; i++)
        link_up(game, i);
    return true;
}

static void arm(struct game *game)
{
    static const enum memory_fault faults[] = {MEMORY_FAULT_PUT_FULL, MEMORY_FAULT_HIGH_WATER_FULL,
                                               MEMORY_FAULT_COMMIT_FULL};
    memory_store_arm(game->desk->store, faults[choose(&game->choices, 3)]);
    game->armed = true;
}

static void run(struct game *game)
{
    desk_run(game->desk);
    if (!commit_failed(game))
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
    enum error_code answered = game->desk->answer.error.code;
    if (commit_failed(game)) {
        assert(answered == ERR_FULL);
        return;
    }
    check_heard(game);
    assert(answered == ERR_OK);
    if (which == 0 && game->own_count < OWN_MAX)
        game->own[game->own_count++] = game->desk->answer.record;
}

static void relink(struct game *game)
{
    unsigned which = choose(&game->choices, 2);
    struct event down = {.kind = EVENT_LINK_DOWN, .link_down = game->links[which]};
    desk_event(game->desk, &down);
    run(game);
    link_up(game, which);
}

/* The victim's people change a record of theirs. */
static void set_own(struct game *game)
{
    if (game->own_count == 0)
        return;
    desk_set(game->desk, "mediation", &game->own[choose(&game->choices, (unsigned)game->own_count)],
             "changed");
    if (!commit_failed(game))
        check_heard(game);
}

static void act_rarely(struct game *game)
{
    switch (choose(&game->choices, 6)) {
    case 0: arm(game); break;
    case 1: say_branch(game); break;
    case 2: say_bye(game); break;
    case 3: say_other_hello(game); break;
    case 4: set_own(game); break;
    default: say_block(game); break;
    }
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
    case 23: act_rarely(game); break;
    default: say_block(game); break;
    }
}

static void begin(struct game *game)
{
    /* by the last byte, so that what a file does doesn't hang on whom it does it to */
    unsigned which = game->choices.size == 0 ? 0 : game->choices.data[game->choices.size - 1] % 4;
    game->part = &parts[which < PARTS ? which : 0];
    game->desk = desk_new(game->part->victim, NULL);
    for (size_t i = 0; i < SIGNERS; i++)
        game->signers[i] =
            signer_of(game->part->streams[i].seat, game->part->streams[i].epoch,
                      game->part->streams[i].number, game->part->streams[i].class, (uint32_t)i);
    for (size_t i = 0; i < LINKS; i++)
        game->links[i] = choose(&game->choices, 8) == 7
                             ? desk_link(game->desk, game->part->peers[i])
                             : desk_live(game->desk, game->part->peers[i]);
}

/* After all of it an honest child still gets through, and the store opens again. */
static void end(struct game *game)
{
    struct desk *desk = game->desk;
    desk->tick_ms += 3600 * 1000;
    memory_store_arm(desk->store, MEMORY_FAULT_NONE);
    run(game);
    check_store(game);
    uint32_t link = desk_live(desk, game->part->honest);
    assert(strcmp(desk_state(desk, link), "live") == 0);
    enum error_code code;
    struct desk *again =
        desk_over(game->part->victim, NULL, memory_store_clone(desk->store), &code);
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
