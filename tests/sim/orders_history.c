/* A drawn history of a county in which people write and sign while links are cut and clocks are
 * wrong. What is drawn stands in tables: `acts` (what is written: orders_writes.c), and `signings`
 * for what is signed. A new kind of operation or of document is a row of one of them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/rows/rows.h"
#include "sim/world/county_parts.h"
#include "tests/sim/orders.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    DAY = 24 * 60 * MINUTE,
    STEPS = 160,
    DOCUMENTS_MOST = 14,
};

static size_t below(struct history *history, size_t bound)
{
    return (size_t)prng_below(&history->prng, bound);
}

static const struct tree *tree_at(const struct history *history, size_t seat)
{
    return world_runs(history->world, seat) ? replica_tree(world_replica(history->world, seat))
                                            : history->county->tree;
}

bool history_seat_works(const struct history *history, size_t seat)
{
    const struct county *county = history->county;
    const struct seat *known = tree_seat(county->tree, span_of_text(county->seats[seat].code));
    return known != NULL && seat_status_is_in_force(known->row.status) &&
           world_keys(history->world, seat)->generation == known->row.generation;
}

/* ---- the county ---- */

static void name_seat(char *code, unsigned tier, unsigned number)
{
    snprintf(code, 8, "%c%u", 'A' + (char)tier, number);
}

/* 3 to 5 tiers, 4 to 12 seats, each below one of the tier above; some are let in later. */
static void draw_county(struct history *history)
{
    static const char *const tiers[] = {"one", "two", "three", "four", "five"};
    struct county_row rows[ORDERS_SEATS_MAX] = {{0}};
    char codes[ORDERS_SEATS_MAX][8];
    unsigned tier_count = 3 + (unsigned)below(history, 3), tier = 0, number = 1;
    size_t most = 4 + below(history, ORDERS_SEATS_MAX - 3), count = 0;
    size_t first[6] = {0, 1};
    most = most < tier_count ? tier_count : most;
    for (; count < most; count++) {
        size_t left = most - count, lacking = tier_count - 1 - tier;
        bool down =
            count == 1 || (count > 1 && lacking > 0 && (left <= lacking || below(history, 3) == 0));
        if (down) {
            first[++tier] = count;
            number = 1;
        }
        name_seat(codes[count], tier, number++);
        rows[count].code = codes[count];
        rows[count].tier = tiers[tier];
        if (tier > 0)
            rows[count].parent =
                codes[first[tier - 1] + below(history, first[tier] - first[tier - 1])];
    }
    for (size_t i = first[tier] + 1; i < count; i++)
        rows[i].later = below(history, 4) == 0;
    history->county = county_new(rows, count, history->seed);
}

/* Up to two days wrong, or at 1970; the root's stays right: it is what others are measured by. */
static void draw_clocks(struct history *history)
{
    for (size_t i = 1; i < history->county->seat_count; i++) {
        int64_t offset = (int64_t)below(history, 4 * DAY) - 2 * DAY;
        size_t kind = below(history, 4);
        if (kind == 2)
            world_set_offset(history->world, i, offset);
        else if (kind == 3)
            world_set_offset(history->world, i, -(int64_t)world_wall_ms(history->world));
    }
}

/* ---- what is signed ---- */

static size_t draw_seat(struct history *history)
{
    return below(history, history->county->seat_count);
}

static void tell(struct history *history, size_t node, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (world_runs(history->world, node))
            world_give_change(history->world, node, i);
    }
}

/* Whoever signed it, and perhaps one more, hears of it at once. */
static void tell_some(struct history *history, size_t by, size_t count)
{
    size_t first = history->county->change_count - count;
    if (below(history, 4) > 0)
        tell(history, by, first, count);
    if (below(history, 3) == 0)
        tell(history, draw_seat(history), first, count);
}

struct cut { /* what a key's cut-off lists */
    struct cut_off places[CUT_OFF_MAX];
    struct hash hashes[CUT_OFF_MAX];
    size_t count;
};

/* Up to the end of some block of each stream, mostly the last that the signer holds. */
static void cut_stream(struct history *history, size_t by, const struct stream_id *stream,
                       uint32_t head, bool early, struct cut *cut)
{
    const struct view *view = world_view(history->world, by);
    for (uint32_t seq = 0; seq < head && cut->count < CUT_OFF_MAX;) {
        struct prepared_block block;
        if (block_row_open(view, tree_at(history, by), stream, seq, &block) != ERR_OK)
            return;
        seq += block.header.count;
        struct hash hash = block.hash;
        prepared_block_free(&block);
        if (seq < head && !(early && below(history, 3) == 0))
            continue;
        cut->hashes[cut->count] = hash;
        cut->places[cut->count] =
            (struct cut_off){stream->epoch, stream->number, seq, cut->hashes[cut->count].bytes};
        cut->count++;
        return;
    }
}

static void draw_cut(struct history *history, size_t by, size_t seat, struct cut *cut)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    bool early = below(history, 2) == 0;
    cut->count = 0;
    for (uint64_t cursor = 0;
         stream_row_next(world_view(history->world, by), &cursor, &stream, row);) {
        if (key_id_equal(stream.author, history->county->seats[seat].key_id))
            cut_stream(history, by, &stream, row->head.seq, early, cut);
    }
    free(row);
}

static size_t sign(struct history *history, struct county_change *change, bool moves)
{
    struct county *county = history->county;
    if (county->change_count >= DOCUMENTS_MOST || !county->seats[change->by].counts)
        return 0;
    change->seen = world_runs(history->world, change->by) ? tree_at(history, change->by) : NULL;
    change->issued_ms = world_wall_ms(history->world);
    size_t count = county_sign(county, change);
    if (count == 0)
        return 0;
    if (moves && history->first_move == SIZE_MAX)
        history->first_move = county->change_count - count;
    history->counts.documents += (unsigned)count;
    tell_some(history, change->by, count);
    return count;
}

static void admit(struct history *history, size_t seat)
{
    size_t parent = history->county->seats[seat].parent;
    struct county_change change = {.kind = COUNTY_ADMIT, .seat = seat, .by = parent};
    if (sign(history, &change, false) == 0)
        return;
    world_equip(history->world, seat, history->county->tree);
    world_start(history->world, seat, 0);
}

static void end_key(struct history *history, size_t seat, enum county_change_kind kind)
{
    struct county *county = history->county;
    size_t by = county->seats[seat].parent;
    struct cut *cut = mem_alloc(sizeof *cut);
    struct county_change change = {.kind = kind, .seat = seat, .by = by};
    draw_cut(history, by, seat, cut);
    change.cut_offs = cut->places;
    change.cut_off_count = cut->count;
    bool done = sign(history, &change, false) > 0;
    free(cut);
    history->counts.ended_keys += done;
    history->key_ended[seat] = history->key_ended[seat] || done;
    if (!done || kind != COUNTY_REPLACE || !county->seats[seat].counts)
        return;
    if (world_runs(history->world, seat))
        world_crash(history->world, seat);
    world_replace(history->world, seat);
    world_equip(history->world, seat, county->tree);
    world_start(history->world, seat, 0);
}

static void replace(struct history *history, size_t seat)
{
    end_key(history, seat, COUNTY_REPLACE);
}

static bool has_children(const struct county *county, size_t seat)
{
    for (size_t i = 0; i < county->seat_count; i++) {
        if (i != seat && county->seats[i].parent == seat)
            return true;
    }
    return false;
}

/* Of those who have nobody below them. */
static void revoke(struct history *history, size_t seat)
{
    if (!has_children(history->county, seat))
        end_key(history, seat, COUNTY_REVOKE);
}

static bool draw_new_parent(struct history *history, size_t seat, size_t *to)
{
    const struct county *county = history->county;
    *to = draw_seat(history);
    return *to != county->seats[seat].parent && *to != seat && county->seats[*to].counts &&
           county->seats[*to].tier < county->seats[seat].tier &&
           !county_is_above(county, seat, *to);
}

static void move(struct history *history, size_t seat)
{
    size_t to;
    struct county_change release = {
        .kind = COUNTY_RELEASE, .seat = seat, .by = history->county->seats[seat].parent};
    if (!draw_new_parent(history, seat, &to))
        return;
    release.to = to;
    struct county_change take = {.kind = COUNTY_TAKE, .seat = seat, .by = to};
    if (sign(history, &release, true) > 0 && below(history, 6) > 0)
        history->counts.moves += sign(history, &take, true) > 0;
}

/* By the root, with or without the new parent. */
static void decide(struct history *history, size_t seat)
{
    size_t to;
    if (!draw_new_parent(history, seat, &to) || to == 0)
        return;
    struct county_change take = {.kind = COUNTY_TAKE, .seat = seat, .by = to};
    struct county_change decision = {.kind = COUNTY_DECIDE, .seat = seat, .by = 0, .to = to};
    uint64_t moves = history->county->seats[seat].moves + 1;
    take.moves = decision.moves = moves;
    if (sign(history, &decision, true) > 0 && below(history, 6) > 0)
        history->counts.moves += sign(history, &take, true) > 0;
}

static void overrule(struct history *history, size_t seat)
{
    struct county_change change = {
        .kind = COUNTY_OVERRULE, .seat = seat, .by = history->county->seats[seat].parent};
    if (has_children(history->county, seat))
        sign(history, &change, true); /* who was listed may not be, or elsewhere */
}

/* To a subtree, by its own seat or one above it, which may have heard of no order before. */
static void order(struct history *history, size_t seat)
{
    static const enum county_change_kind orders[] = {COUNTY_EMERGENCY, COUNTY_EMERGENCY,
                                                     COUNTY_PEACE, COUNTY_ROLL_CALL};
    const struct county *county = history->county;
    size_t by = seat;
    while (county->seats[by].parent != by && below(history, 2) == 0)
        by = county->seats[by].parent;
    struct county_change change = {.kind = orders[below(history, 4)], .seat = seat, .by = by};
    if (sign(history, &change, false) == 0)
        return;
    history->counts.orders++;
    if (getenv("ORDERS_LOG") != NULL)
        fprintf(stderr, "%s gives an order to %s: %s\n", county->seats[by].code,
                county->seats[seat].code, county_change_names[change.kind]);
}

static const struct signing {
    unsigned weight;
    void (*sign)(struct history *history, size_t seat);
    bool later; /* of seats that are not let in yet */
} signings[] = {
    {4, admit, true},   {3, replace, false},  {3, revoke, false}, {6, move, false},
    {2, decide, false}, {1, overrule, false}, {4, order, false},
};

static void sign_something(struct history *history)
{
    size_t seat = 1 + below(history, history->county->seat_count - 1);
    const struct county_seat *drawn = &history->county->seats[seat];
    size_t total = 0, at = 0;
    for (size_t i = 0; i < sizeof signings / sizeof *signings; i++)
        total += signings[i].weight;
    size_t draw = below(history, total);
    for (; draw >= signings[at].weight; at++)
        draw -= signings[at].weight;
    if (signings[at].later ? !drawn->listed : drawn->counts)
        signings[at].sign(history, seat);
}

/* Two documents of one version: the seat's people sign again what they signed last. */
static void sign_twins(struct history *history)
{
    struct county *county = history->county;
    size_t seat = draw_seat(history), at = history->pair_count;
    const struct held_document *held =
        tree_find_document(county->tree, DOCUMENT_BRANCH, span_of_text(county->seats[seat].code));
    struct county_admin admin;
    if (held == NULL || !held->whole || held->frozen || at == ORDERS_PAIRS_MAX ||
        county->change_count + 2 > DOCUMENTS_MOST || below(history, 2) == 0)
        return;
    if (county->first == NULL)
        county->first = county_tree_copy(county->tree);
    struct document_header header =
        author_next_header(&held->header, &held->hash, &county->tree_id, 1);
    const struct county_admin *signer = &admin;
    const uint8_t(*secrets)[SECRET_BYTES] = &signer->secret;
    county_admin(county, seat, held->term, &admin);
    county->changes =
        mem_resize(county->changes, (county->change_count + 2) * sizeof *county->changes);
    for (size_t i = 0; i < 2; i++) {
        header.issued_ms = 1 + i;
        history->pairs[at][i] = county->change_count;
        enum error_code code = author_document(&header, held->rows, held->row_count, secrets, 1,
                                               &county->changes[county->change_count++], NULL);
        assert(code == ERR_OK);
        (void)code;
    }
    for (size_t i = 0; i < 2; i++)
        county_offer(county, &county->changes[history->pairs[at][i]]);
    county_look_again(county);
    history->pair_count++;
    history->counts.twins++;
    tell(history, seat, history->pairs[at][0], 1);
    tell(history, draw_seat(history), history->pairs[at][1], 1);
}

static void tell_something(struct history *history)
{
    if (history->county->change_count > 0)
        tell(history, draw_seat(history), below(history, history->county->change_count), 1);
}

/* ---- what else happens ---- */

static void cut_or_heal(struct history *history)
{
    size_t node = draw_seat(history);
    if (world_is_cut(history->world, node))
        world_heal(history->world, node);
    else if (node > 0)
        world_cut(history->world, node);
}

static void start(struct history *history, size_t node)
{
    if (!world_runs(history->world, node) && history->county->seats[node].listed)
        world_start(history->world, node, 0);
}

static void stop_or_start(struct history *history)
{
    size_t node = draw_seat(history);
    if (world_runs(history->world, node))
        world_crash(history->world, node);
    else
        start(history, node);
}

static void take_notes(struct history *history)
{
    for (size_t i = 0; i < history->county->seat_count; i++) {
        if (world_runs(history->world, i))
            stock_take_notes(&history->stock, world_view(history->world, i));
    }
}

static void wait_a_little(struct history *history)
{
    world_run_until(history->world, world_now_ms(history->world) + below(history, 4 * SECOND));
    if (below(history, 3) == 0)
        take_notes(history);
}

static const struct act {
    unsigned weight;
    void (*act)(struct history *history);
} acts[] = {
    {14, history_put},    {14, history_set},   {12, history_add},  {2, history_delete},
    {12, history_extend}, {20, history_step},  {2, history_erase}, {6, cut_or_heal},
    {3, stop_or_start},   {8, sign_something}, {1, sign_twins},    {8, tell_something},
    {18, wait_a_little},
};

static void something_happens(struct history *history)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        total += acts[i].weight;
    size_t draw = below(history, total);
    for (; draw >= acts[at].weight; at++)
        draw -= acts[at].weight;
    acts[at].act(history);
}

/* ---- the end ---- */

static void give_pair(struct history *history, size_t node, size_t pair)
{
    tell(history, node, history->pairs[pair][0], 1);
    tell(history, node, history->pairs[pair][1], 1);
}

/* Else what is in bulk would wait for ever. An order that stood in the shadow of one that counts no
 * more, since who gave it is above no longer, counts now for who hears it again. */
static void make_peace(struct history *history)
{
    for (size_t i = 0; i < history->county->change_count; i++) {
        if (history->county->changes[i].kind == DOCUMENT_ORDER)
            county_offer(history->county, &history->county->changes[i]);
    }
    for (size_t i = 0; i < history->county->seat_count; i++) {
        const struct held_document *held = tree_find_document(
            history->county->tree, DOCUMENT_ORDER, span_of_text(history->county->seats[i].code));
        struct county_change change = {
            .kind = COUNTY_PEACE, .seat = i, .by = 0, .issued_ms = world_wall_ms(history->world)};
        if (held != NULL && held->header.order == ORDER_EMERGENCY)
            county_sign(history->county, &change);
    }
}

static void come_to_rest(struct history *history)
{
    struct world *world = history->world;
    size_t count = history->county->seat_count;
    make_peace(history);
    for (size_t i = 0; i < count; i++) {
        if (world_is_cut(world, i))
            world_heal(world, i);
        start(history, i);
    }
    for (size_t i = 0; i < count; i++) {
        tell(history, i, 0, history->county->change_count);
        for (size_t k = 0; k < history->pair_count; k++)
            give_pair(history, i, k);
    }
    world_run_until(world, world_now_ms(world) + 4 * MINUTE);
    take_notes(history);
    if (history->first_move == SIZE_MAX)
        history->first_move = history->county->change_count;
    for (size_t i = 0; i < count; i++) {
        if (world_runs(world, i))
            stock_take_blocks(&history->stock, world_view(world, i));
    }
}

static void say_change(const struct author_document *change)
{
    struct document_envelope opened;
    if (document_open(span_of_buffer(&change->envelope), &opened, NULL) != ERR_OK)
        return;
    fprintf(stderr, "signed by %s: %llu.%llu:", change->seat,
            (unsigned long long)opened.decoded.term, (unsigned long long)opened.decoded.version);
    for (size_t i = 0; i < change->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(span_of_buffer(&change->rows[i]), &row, NULL) == ERR_OK)
            fprintf(stderr, " %s(generation %u, status %d, term %llu, moves %llu)", row.seat,
                    row.generation, (int)row.status, (unsigned long long)row.term,
                    (unsigned long long)row.moves);
    }
    fprintf(stderr, "\n");
}

struct history *history_new(uint64_t seed)
{
    static const struct world_options options = {.delay_ms_min = 1,
                                                 .delay_ms_max = 200,
                                                 .duplicate_permille = 50,
                                                 .redial_ms_min = 10,
                                                 .redial_ms_max = 100};
    struct history *history = mem_alloc(sizeof *history);
    struct world_hooks hooks = {.context = history, .answered = history_answered};
    history->seed = seed;
    history->first_move = SIZE_MAX;
    prng_seed(&history->prng, seed);
    draw_county(history);
    county_raise_types(history->county);
    county_raise_types(history->county); /* the third version has all kinds */
    history->world = world_new(history->county, &options, seed, &hooks);
    for (size_t i = 0; i < history->county->seat_count; i++)
        start(history, i);
    world_run_until(history->world, 5 * SECOND);
    draw_clocks(history);
    for (unsigned i = 0; i < STEPS; i++)
        something_happens(history);
    come_to_rest(history);
    for (size_t i = 0; getenv("ORDERS_LOG") != NULL && i < history->county->change_count; i++)
        say_change(&history->county->changes[i]);
    return history;
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    stock_free(&history->stock);
    world_free(history->world);
    county_free(history->county);
    free(history);
}
