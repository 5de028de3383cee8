/* Blocks that don't come, or come from a saved disk: what steps do to single blocks on their way.
 */
#include <stdlib.h>

#include "replication/format/block.h"
#include "replication/rows/branches.h"
#include "sim/run/run_parts.h"

enum { WIRE_HELLO = 1, WIRE_BLOCK = 8, WIRE_MARK = 10, HANDED_MS = 1000 };

/* ---- what passes ---- */

/* The answer to a block that was handed in in somebody's name is not for him. */
static bool is_for_a_stick(struct ways *ways, size_t from, size_t to, uint8_t type,
                           struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint64_t handle = type == WIRE_MARK ? mp_read_uint(&reader) : 0;
    size_t kept = 0;
    bool found = false;
    for (size_t i = 0; i < ways->handed_count; i++) {
        struct handed handed = ways->handed[i];
        bool is_its = handed.from == to && handed.to == from;
        found = found || (is_its && type == WIRE_MARK && handed.handle == handle);
        if (!is_its || type != WIRE_HELLO)
            ways->handed[kept++] = handed;
    }
    ways->handed_count = kept;
    return found;
}

static void forget_namings(struct ways *ways, size_t from, size_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < ways->naming_count; i++) {
        if (ways->namings[i].from != from || ways->namings[i].to != to)
            ways->namings[kept++] = ways->namings[i];
    }
    ways->naming_count = kept;
}

/* A block names its stream once, then by handle. False: it was never named. */
static bool stream_of_block(struct ways *ways, size_t from, size_t to, struct span body,
                            struct stream_id *stream)
{
    struct mp_reader reader = mp_reader(body);
    uint64_t handle = mp_read_uint(&reader);
    struct block_prefix prefix;
    if (block_read_prefix(SPAN(body.data + reader.at, body.size - reader.at), &prefix, NULL) ==
            ERR_OK &&
        (prefix.flags & BLOCK_HAS_STREAM) != 0) {
        ways->namings = mem_resize(ways->namings, (ways->naming_count + 1) * sizeof *ways->namings);
        ways->namings[ways->naming_count++] = (struct naming){from, to, handle, prefix.stream};
    }
    for (size_t i = ways->naming_count; i-- > 0;) {
        const struct naming *naming = &ways->namings[i];
        if (naming->from == from && naming->to == to && naming->handle == handle) {
            *stream = naming->stream;
            return true;
        }
    }
    return false;
}

bool ways_pass(struct run *run, size_t from, size_t to, uint8_t type, struct span body)
{
    struct ways *ways = &run->ways;
    struct stream_id stream;
    if (is_for_a_stick(ways, from, to, type, body))
        return false;
    if (type == WIRE_HELLO)
        forget_namings(ways, from, to);
    if (type != WIRE_BLOCK || !stream_of_block(ways, from, to, body, &stream))
        return true;
    for (size_t i = 0; i < ways->withheld_count; i++) {
        const struct withheld *withheld = &ways->withheld[i];
        if (withheld->from == from && withheld->to == to &&
            key_id_equal(withheld->author, stream.author) &&
            (withheld->stream == 0 || withheld->stream == stream.number))
            return false;
    }
    return true;
}

void ways_withhold(struct run *run, const struct step *step, size_t node)
{
    struct ways *ways = &run->ways;
    ways->withheld =
        mem_resize(ways->withheld, (ways->withheld_count + 1) * sizeof *ways->withheld);
    ways->withheld[ways->withheld_count++] = (struct withheld){
        .from = node,
        .to = county_find(run->county, step->to),
        .author = run->county->seats[county_find(run->county, step->of)].key_id,
        .stream = step->stream,
    };
}

void ways_pass_all(struct run *run)
{
    run->ways.withheld_count = 0;
}

void ways_free(struct run *run)
{
    free(run->ways.withheld);
    free(run->ways.namings);
    free(run->ways.handed);
}

/* ---- a stick ---- */

struct hand {
    struct run *run;
    size_t from, to, child;
    bool to_parent;
    struct store_port port;
};

static bool hand_block(struct hand *hand, const struct stream_id *stream,
                       const struct stream_row *row, uint32_t seq)
{
    struct run *run = hand->run;
    struct ways *ways = &run->ways;
    struct buffer stored = {0}, body = {0};
    uint32_t first, handle = world_next_handle(run->world, hand->child, hand->to_parent);
    mp_write_uint(&body, handle);
    ways->handed = mem_resize(ways->handed, (ways->handed_count + 1) * sizeof *ways->handed);
    ways->handed[ways->handed_count++] = (struct handed){hand->from, hand->to, handle};
    bool done =
        world_is_up(run->world, hand->child) &&
        block_row_get(&hand->port.view, stream, seq, &first, &stored) == READ_FOUND &&
        block_reform(span_of_buffer(&stored), BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK,
                     stream, NULL, &body) &&
        world_hand_in(run->world, hand->child, hand->to_parent,
                      (enum channel)(CHANNEL_URGENT + row->open.class), WIRE_BLOCK,
                      span_of_buffer(&body));
    buffer_free(&stored);
    buffer_free(&body);
    run_until(run, run_now(run) + HANDED_MS);
    return done;
}

static bool hand_stream(struct hand *hand, const struct step *step, const struct stream_id *stream,
                        const struct stream_row *row)
{
    bool done = true;
    for (uint32_t seq = 0, end; seq < row->head.seq && done; seq = end) {
        end = block_row_end(&hand->port.view, stream, seq, row->head.seq);
        if (seq >= step->first && seq <= step->last)
            done = hand_block(hand, stream, row, seq);
        if (end <= seq)
            break;
    }
    return done;
}

bool ways_hand_in(struct run *run, const struct step *step, size_t node, struct memory_store *image)
{
    const struct county_seat *seats = run->county->seats;
    size_t from = county_find(run->county, step->to), of = county_find(run->county, step->of);
    struct hand hand = {.run = run, .from = from, .to = node};
    hand.to_parent = from < run->county->seat_count && seats[from].parent == node;
    hand.child = hand.to_parent ? from : node;
    if (!hand.to_parent && (node >= run->county->seat_count || seats[node].parent != from))
        return false;
    memory_store_port(image, &hand.port);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    uint64_t cursor = 0;
    bool done = true;
    while (done && stream_row_next(&hand.port.view, &cursor, &stream, row)) {
        if (key_id_equal(stream.author, seats[of].key_id) &&
            (step->stream == 0 || step->stream == stream.number))
            done = hand_stream(&hand, step, &stream, row);
    }
    free(row);
    return done;
}
