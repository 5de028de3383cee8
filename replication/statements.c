/* Heads statements: what a node says it has written for others, and how far. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"
#include "replication/notes.h"

struct listed_stream {
    struct statement_stream line;
    uint64_t clock;
};

static int newest_first(const void *a, const void *b)
{
    const struct listed_stream *left = a, *right = b;
    return (left->clock < right->clock) - (left->clock > right->clock);
}

static int by_number(const void *a, const void *b)
{
    const struct statement_stream *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static struct statement_stream line_of(const struct stream_id *id, const struct stream_row *row)
{
    struct statement_stream line = {
        .number = id->number,
        .seq = row->head.seq,
        .hash = row->head.hash,
        .subtree = row->open.holders == HOLDERS_SUBTREE,
        .tier = row->open.tier,
    };
    if (!line.subtree)
        memcpy(line.end, row->open.seats[row->open.seat_count - 1], sizeof line.end);
    return line;
}

/* Somebody on the way is in no document here any more. By the end alone nobody could tell whom the
 * stream leads past. */
static bool leads_out(const struct tree *tree, const struct stream_open *open)
{
    bool out = false;
    for (size_t i = 0; i < open->seat_count; i++)
        out = out || tree_seat(tree, span_of_text(open->seats[i])) == NULL;
    return out;
}

/* A stream whose way has changed, of whichever epoch, or leads out of the tree; false: neither. */
static bool list_way(struct step *step, const struct stream_id *id, const struct stream_row *row,
                     struct heads_statement *statement, struct buffer *seats)
{
    struct statement_way way = {
        .epoch = id->epoch, .number = id->number, .seq = row->head.seq, .hash = row->head.hash};
    size_t from = seats->size;
    if (row->open.holders != HOLDERS_PATH)
        return false;
    bool ended = way_ended(step, id, row, &way.seq, &way.hash);
    if (!ended &&
        (id->epoch != step->replica->self.epoch || !leads_out(step->replica->tree, &row->open) ||
         statement->way_count == STATEMENT_WAYS_MAX))
        return false;
    mp_write_array(seats, row->open.seat_count);
    for (size_t i = 0; i < row->open.seat_count; i++)
        mp_write_text(seats, row->open.seats[i]);
    way.end = row->head.seq;
    way.end_hash = row->head.hash;
    way.seats = SPAN(seats->data + from, seats->size - from);
    if (statement->way_count == STATEMENT_WAYS_MAX || seats->size > STATEMENT_WAYS_BYTES_MAX)
        seats->size = from;
    else
        statement->ways[statement->way_count++] = way;
    return true;
}

/* ---- what this key alone wrote, and has carried to others since (rules.md B171) ---- */

enum { CARRIED_KEY_BYTES = 1 + KEY_ID_BYTES + 4 + 2, CARRIED_BYTES = 4 + HASH_BYTES };

static void carried_key(uint8_t key[static CARRIED_KEY_BYTES], const struct stream_id *stream)
{
    key[0] = 'H';
    memcpy(key + 1, stream->author.bytes, KEY_ID_BYTES);
    write_u32(key + 1 + KEY_ID_BYTES, stream->epoch);
    write_u16(key + 5 + KEY_ID_BYTES, stream->number);
}

static bool carried_end(struct step *step, const struct stream_id *stream, uint32_t *end,
                        struct hash *hash)
{
    uint8_t key[CARRIED_KEY_BYTES];
    struct span value;
    carried_key(key, stream);
    if (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) !=
            READ_FOUND ||
        value.size != CARRIED_BYTES)
        return false;
    *end = read_u32(value.data);
    memcpy(hash->bytes, value.data + 4, HASH_BYTES);
    return true;
}

void statement_on_carried(struct step *step, const struct stream_id *stream,
                          const struct prepared_block *block)
{
    uint8_t key[CARRIED_KEY_BYTES], value[CARRIED_BYTES];
    uint32_t end = block->header.seq + block->header.count, known;
    struct hash hash;
    const struct stream_open *open = load_stream_open(step, stream);
    if (open == NULL || open->holders != HOLDERS_SELF || stream->branch > 0 ||
        !key_id_equal(stream->author, step->replica->key_id) ||
        (carried_end(step, stream, &known, &hash) && known >= end))
        return;
    carried_key(key, stream);
    write_u32(value, end);
    memcpy(value + 4, block->hash.bytes, HASH_BYTES);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(value));
    step->replica->statement_ever = false; /* said with what it is about, or the machine may burn */
}

static bool list_carried(struct step *step, const struct stream_id *id,
                         struct heads_statement *statement)
{
    static const uint8_t nobody[] = {0x90}; /* a cut-off alone asks for it */
    struct statement_way way = {.epoch = id->epoch, .number = id->number};
    way.seats = SPAN_OF_ARRAY(nobody);
    if (statement->way_count < STATEMENT_WAYS_MAX && carried_end(step, id, &way.end, &way.end_hash))
        statement->ways[statement->way_count++] = way;
    return true;
}

/* Streams of this epoch that are for others; an ended one stays listed (A9). Who writes to more
 * seats than a statement has room for lists those that he wrote to last. */
static void list_streams(struct step *step, struct heads_statement *statement, struct buffer *seats)
{
    struct replica *replica = step->replica;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct listed_stream *listed = NULL;
    struct stream_id id;
    size_t count = 0, capacity = 0;
    /* room for one more beyond the bound: what points there doesn't move */
    buffer_reserve(seats, STATEMENT_WAYS_BYTES_MAX + HOLDERS_MAX * (SEAT_BYTES_MAX + 2) + 3);
    statement->ways = mem_alloc(STATEMENT_WAYS_MAX * sizeof *statement->ways);
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        if (!key_id_equal(id.author, replica->key_id) || row->head.seq == 0 ||
            (row->open.holders == HOLDERS_SELF && list_carried(step, &id, statement)) ||
            list_way(step, &id, row, statement, seats) || id.epoch != replica->self.epoch)
            continue;
        if (count == capacity) {
            capacity = capacity * 2 + 16;
            listed = mem_resize(listed, capacity * sizeof *listed);
        }
        listed[count++] = (struct listed_stream){line_of(&id, row), row->head.clock};
    }
    if (count > STATEMENT_STREAMS_MAX) {
        qsort(listed, count, sizeof *listed, newest_first);
        count = STATEMENT_STREAMS_MAX;
    }
    statement->streams = mem_alloc((count + 1) * sizeof *statement->streams);
    statement->stream_count = count;
    for (size_t i = 0; i < count; i++)
        statement->streams[i] = listed[i].line;
    qsort(statement->streams, count, sizeof *statement->streams, by_number);
    free(listed);
    free(row);
}

/* Whoever has given an order sees from this who has heard of it (roll-call). */
static void list_orders(const struct replica *replica, struct heads_statement *statement)
{
    const struct held_document *orders[HOLDERS_MAX];
    const struct seat *seat = own_seat(replica);
    size_t count = seat == NULL ? 0 : tree_orders_for(replica->tree, seat, orders);
    assert(count <= TIERS_MAX); /* one a seat of the way up */
    for (size_t i = 0; i < count; i++)
        statement->orders[statement->order_count++] =
            (struct statement_order){span_of_text(orders[i]->seat), orders[i]->version};
}

void statement_on_orders(struct replica *replica)
{
    const struct held_document *orders[HOLDERS_MAX];
    const struct seat *seat = own_seat(replica);
    size_t count = seat == NULL ? 0 : tree_orders_for(replica->tree, seat, orders);
    struct hash sum = hash_zero;
    for (size_t i = 0; i < count; i++)
        hash_add(&sum, &orders[i]->hash);
    if (hash_equal(&sum, &replica->orders_stated))
        return;
    replica->orders_stated = sum;
    if (count > 0) /* it is answered at once */
        replica->statement_ever = false;
}

static void sign_statement(struct step *step)
{
    struct replica *replica = step->replica;
    struct buffer note = {0}, seats = {0};
    struct heads_statement statement = {
        .head = {replica->key_id, replica->self.epoch, ++replica->statement_k},
        .clock_ms = step->wall_ms,
        .token = replica->token,
        /* what changed since the last report stands in the next one */
        .report = replica->report_k + replica->cells_changed,
    };
    list_streams(step, &statement, &seats);
    list_orders(replica, &statement);
    statement_encode(&statement, &note);
    note_sign(&note, HASH_HEADS, &replica->options.tree_id, replica->options.signing_secret,
              replica->options.verifier);
    note_store_own(step, HASH_HEADS, span_of_buffer(&note), &statement.head);
    updates_trace(step->updates, "state %llu: %zu streams", (unsigned long long)statement.head.k,
                  statement.stream_count);
    replica->heads_changed = false;
    replica->statement_ever = true;
    replica->statement_at_tick = step->tick_ms;
    statement_free(&statement);
    buffer_free(&seats);
    buffer_free(&note);
}

/* Somebody hears it: above, or below on the way of a stream of the root's. */
static bool is_heard(const struct replica *replica)
{
    const struct seat *seat = own_seat(replica);
    const struct own_stream *stream = replica->own_streams;
    if (seat == NULL || seat->parent != NULL)
        return seat != NULL && session_parent(replica) != NULL;
    while (stream != NULL && (stream->holders != HOLDERS_PATH || stream->head.seq == 0))
        stream = stream->next;
    return stream != NULL;
}

void statement_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    if (!is_heard(replica))
        return;
    const struct replica_tuning *tuning = &replica->options.tuning;
    uint64_t after = replica->heads_changed
                         ? tuning_or(tuning->statement_after_data_ms, STATEMENT_AFTER_DATA_MS)
                         : tuning_or(tuning->statement_idle_ms, STATEMENT_IDLE_MS);
    uint64_t due = replica->statement_at_tick + after;
    if (!replica->statement_ever || step->tick_ms >= due) {
        sign_statement(step);
        due = step->tick_ms + tuning_or(tuning->statement_idle_ms, STATEMENT_IDLE_MS);
    }
    if (due < replica->deadline_tick)
        replica->deadline_tick = due;
}
