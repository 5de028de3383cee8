/* An empty node at a seat, and whoever carries to it. A batch begins with a link and a lawful hello
 * of each neighbour that the node's own tree names; blocks then come from one of those that may
 * hold their stream. Nothing that the node answers is heard: what it lacks comes again. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/rows/rows.h"
#include "tests/sim/orders.h"
#include "tests/unit/message_bodies.h"

enum {
    SAY_HELLO = 1,
    SAY_BLOCK = 8,
    SAY_STATEMENT = 11,
    SAY_REPORT = 13,
    SAY_TOKEN = 14,
    SAY_TWINS = 28,
    EVENTS_MOST = 400,
    MINUTE_MS = 60 * 1000,
    IDLE_MOST = 4, /* batches in a row that bring nothing */
};

struct neighbour {
    const struct seat *seat; /* of the node's own tree: dies with the batch */
    uint32_t link, handle;
};

struct batch {
    struct fresh *fresh;
    struct event events[EVENTS_MOST];
    struct buffer bodies[EVENTS_MOST]; /* of messages */
    struct span *rows[EVENTS_MOST];    /* of documents */
    size_t count;
    struct neighbour neighbours[ORDERS_SEATS_MAX];
    size_t neighbour_count;
};

static size_t below(const struct fresh *fresh, size_t bound)
{
    return (size_t)prng_below(fresh->prng, bound);
}

const struct tree *fresh_tree(const struct fresh *fresh)
{
    return replica_tree(drive_replica(fresh->drive));
}

static const char *own_code(const struct fresh *fresh)
{
    return fresh->history->county->seats[fresh->seat].code;
}

uint32_t fresh_head(const struct fresh *fresh, const struct stream_id *stream)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t seq = stream_row_read(&fresh->port.view, stream, row) ? row->head.seq : 0;
    free(row);
    return seq;
}

/* ---- the machine ---- */

static void port_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                      struct span body)
{
    (void)context, (void)link, (void)channel, (void)type, (void)body;
}

static void port_close(void *context, uint32_t link)
{
    (void)context, (void)link;
}

static void port_answer(void *context, const struct answer *answer)
{
    (void)context, (void)answer;
}

/* With ORDERS_LOG in the environment: everything that every fresh node says. */
static void port_log(void *context, struct span lines)
{
    for (size_t from = 0, at = 0; at < lines.size; at++) {
        if (lines.data[at] == '\n') {
            fprintf(stderr, "%s| %.*s\n", own_code(context), (int)(at - from),
                    (const char *)lines.data + from);
            from = at + 1;
        }
    }
}

static void open_drive(struct fresh *fresh)
{
    struct drive_ports ports = {
        .store = fresh->port,
        .link = {.context = fresh, .send = port_send, .close = port_close},
        .context = fresh,
        .answer = port_answer,
        .log = getenv("ORDERS_LOG") != NULL ? port_log : NULL,
    };
    fresh->options.high_water_readable =
        memory_store_high_water(fresh->store, &fresh->options.high_water);
    prng_fill(fresh->prng, fresh->options.random, sizeof fresh->options.random);
    enum error_code code = drive_open(&fresh->options, &ports, &fresh->drive, NULL);
    assert(code == ERR_OK);
    (void)code;
}

static void run(struct batch *batch)
{
    struct fresh *fresh = batch->fresh;
    fresh->tick_ms += 1 + below(fresh, below(fresh, 8) == 0 ? 2 * MINUTE_MS : 1000);
    for (size_t i = 0; i < batch->count; i++) {
        batch->events[i].tick_ms = fresh->tick_ms;
        batch->events[i].wall_ms = fresh->wall_ms + fresh->tick_ms;
        if (batch->events[i].kind == EVENT_MESSAGE)
            batch->events[i].message.body = span_of_buffer(&batch->bodies[i]);
    }
    enum error_code code = drive_batch(fresh->drive, batch->events, batch->count);
    assert(code == ERR_OK);
    (void)code;
    for (size_t i = 0; i < batch->count; i++) {
        buffer_free(&batch->bodies[i]);
        free(batch->rows[i]);
    }
    fresh->batches++;
    free(batch);
}

/* ---- what a batch holds ---- */

static bool add(struct batch *batch, const struct event *event)
{
    if (batch->count == EVENTS_MOST)
        return false;
    batch->events[batch->count++] = *event;
    return true;
}

static void say(struct batch *batch, uint32_t link, enum channel channel, uint8_t type,
                struct buffer *body)
{
    struct event event = {.kind = EVENT_MESSAGE};
    event.message.link = link;
    event.message.channel = channel;
    event.message.type = type;
    if (add(batch, &event))
        batch->bodies[batch->count - 1] = *body;
    else
        buffer_free(body);
}

static void link_up(struct batch *batch, const struct seat *peer, bool uplink)
{
    struct fresh *fresh = batch->fresh;
    struct event event = {.kind = EVENT_LINK_UP};
    struct hash digest = tree_link_digest(fresh_tree(fresh),
                                          span_of_text(uplink ? own_code(fresh) : peer->row.seat));
    struct hello hello = hello_usual(&digest);
    struct buffer body = {0};
    event.link_up.link = ++fresh->next_link;
    event.link_up.uplink = uplink;
    memcpy(event.link_up.peer_key, peer->row.link_key, KEY_BYTES);
    add(batch, &event);
    body_of_hello(&hello, &body);
    say(batch, fresh->next_link, CHANNEL_CONTROL, SAY_HELLO, &body);
    batch->neighbours[batch->neighbour_count++] = (struct neighbour){peer, fresh->next_link, 0};
}

static struct batch *batch_new(struct fresh *fresh)
{
    struct batch *batch = mem_alloc(sizeof *batch);
    const struct seat *own = tree_seat(fresh_tree(fresh), span_of_text(own_code(fresh)));
    batch->fresh = fresh;
    if (own != NULL && own->parent != NULL)
        link_up(batch, own->parent, true);
    for (size_t i = 0; own != NULL && i < own->child_count; i++)
        link_up(batch, own->children[i], false);
    add(batch, &(struct event){.kind = EVENT_TIME});
    return batch;
}

static void add_document(struct batch *batch, size_t index)
{
    struct fresh *fresh = batch->fresh;
    const struct county *county = fresh->history->county;
    const struct tree *first = county->first != NULL ? county->first : county->tree;
    struct event event = {.kind = EVENT_DOCUMENT};
    struct span *rows = NULL;
    if (index < fresh->first_count) {
        const struct held_document *held = tree_document(first, index);
        event.document.envelope = held->envelope;
        event.document.rows = held->rows;
        event.document.row_count = held->row_count;
    } else {
        const struct author_document *change = &county->changes[index - fresh->first_count];
        rows = mem_alloc((change->row_count + 1) * sizeof *rows);
        for (size_t i = 0; i < change->row_count; i++)
            rows[i] = span_of_buffer(&change->rows[i]);
        event.document.envelope = span_of_buffer(&change->envelope);
        event.document.rows = rows;
        event.document.row_count = change->row_count;
    }
    if (add(batch, &event))
        batch->rows[batch->count - 1] = rows;
    else
        free(rows);
}

static bool path_names(const struct stream_open *open, const char *code)
{
    for (size_t i = 0; i < open->seat_count; i++) {
        if (strcmp(open->seats[i], code) == 0)
            return true;
    }
    return false;
}

/* Whether a seat holds a stream, as a tree says. */
static bool is_holder(const struct tree *tree, const struct stock_stream *stream,
                      const struct seat *seat)
{
    const struct author *author = tree_author(tree, stream->author);
    struct stream_row row = {.open = stream->open};
    if (author == NULL || stream->open.holders == HOLDERS_PATH)
        return path_names(&stream->open, seat->row.seat);
    return stream_holds(&row, author->seat, seat);
}

static bool may_bring(const struct tree *tree, const struct stock_stream *stream,
                      const struct seat *peer)
{
    return seat_status_is_in_force(peer->row.status) && is_holder(tree, stream, peer);
}

static struct neighbour *bringer(struct batch *batch, const struct stock_stream *stream)
{
    size_t from = batch->neighbour_count == 0 ? 0 : below(batch->fresh, batch->neighbour_count);
    for (size_t i = 0; i < batch->neighbour_count; i++) {
        struct neighbour *neighbour = &batch->neighbours[(from + i) % batch->neighbour_count];
        if (may_bring(fresh_tree(batch->fresh), stream, neighbour->seat))
            return neighbour;
    }
    return NULL;
}

static void add_block(struct batch *batch, struct neighbour *by, const struct stock_stream *stream,
                      const struct stock_block *block)
{
    struct buffer body = {0};
    mp_write_uint(&body, by->handle++);
    buffer_append_span(&body, span_of_buffer(&block->bytes));
    say(batch, by->link, (enum channel)(CHANNEL_URGENT + stream->open.class), SAY_BLOCK, &body);
}

static void add_note(struct batch *batch, const struct stock_note *note)
{
    struct buffer body = {0};
    if (batch->neighbour_count == 0)
        return;
    uint8_t type = note->context == HASH_HEADS   ? SAY_STATEMENT
                   : note->context == HASH_CELLS ? SAY_REPORT
                                                 : SAY_TOKEN;
    const struct author *signer = tree_author(fresh_tree(batch->fresh), note->head.signer);
    const struct neighbour *by = &batch->neighbours[0]; /* above us, but for the root */
    for (size_t i = 0; signer != NULL && i < batch->neighbour_count; i++) {
        const struct seat *peer = batch->neighbours[i].seat;
        const struct seat *own =
            tree_seat(fresh_tree(batch->fresh), span_of_text(own_code(batch->fresh)));
        if (peer->parent == own && seat_is_ancestor_or_self(peer, signer->seat))
            by = &batch->neighbours[i];
    }
    buffer_append_span(&body, span_of_buffer(&note->bytes));
    say(batch, by->link, CHANNEL_NORMAL, type, &body);
}

/* Above us, but for the root: whoever isn't in force has no link. */
static const struct neighbour *working_neighbour(const struct batch *batch)
{
    for (size_t i = 0; i < batch->neighbour_count; i++) {
        if (seat_status_is_in_force(batch->neighbours[i].seat->row.status))
            return &batch->neighbours[i];
    }
    return NULL;
}

static void add_pair(struct batch *batch, size_t pair)
{
    const struct history *history = batch->fresh->history;
    const struct neighbour *by = working_neighbour(batch);
    struct buffer body = {0};
    if (by == NULL)
        return;
    mp_write_array(&body, 2);
    for (size_t i = 0; i < 2; i++)
        mp_write_bin(&body,
                     span_of_buffer(&history->county->changes[history->pairs[pair][i]].envelope));
    say(batch, by->link, CHANNEL_CONTROL, SAY_TWINS, &body);
}

/* ---- what its seat is to hold ---- */

static const struct seat *own_at_last(const struct fresh *fresh)
{
    return tree_seat(fresh->history->county->tree, span_of_text(own_code(fresh)));
}

/* What was begun on a way that void documents gave goes again by others. */
static bool way_stands(const struct tree *tree, const struct stream_open *open)
{
    for (size_t i = 1; i < open->seat_count; i++) {
        const struct seat *a = tree_seat(tree, span_of_text(open->seats[i - 1]));
        const struct seat *b = tree_seat(tree, span_of_text(open->seats[i]));
        if (a == NULL || b == NULL ||
            (a->parent != b && b->parent != a && a->row.moves == 0 && b->row.moves == 0))
            return false;
    }
    return true;
}

static bool is_due(const struct fresh *fresh, const struct stock_stream *stream)
{
    const struct tree *tree = fresh->history->county->tree;
    return tree_author(tree, stream->author) != NULL && way_stands(tree, &stream->open) &&
           is_holder(tree, stream, own_at_last(fresh));
}

/* Whether nobody beside it in the last tree holds this stream: its way was another once. */
static bool is_early(const struct fresh *fresh, const struct stock_stream *stream)
{
    const struct tree *tree = fresh->history->county->tree;
    const struct seat *own = own_at_last(fresh);
    if (own->parent != NULL && may_bring(tree, stream, own->parent))
        return false;
    for (size_t i = 0; i < own->child_count; i++) {
        if (may_bring(tree, stream, own->children[i]))
            return false;
    }
    return true;
}

static size_t left(const struct fresh *fresh, bool early_alone)
{
    size_t count = 0;
    for (size_t i = 0; i < fresh->stock->stream_count; i++) {
        const struct stock_stream *stream = &fresh->stock->streams[i];
        count += is_due(fresh, stream) && (!early_alone || is_early(fresh, stream)) &&
                 fresh_head(fresh, &stream->id) < stock_end(stream);
    }
    return count;
}

/* ---- hearing ---- */

static void restart(struct fresh *fresh)
{
    drive_close(fresh->drive);
    fresh->restarts++;
    open_drive(fresh);
}

/* Some blocks of one stream: from its head on, or from anywhere. */
static void add_some_blocks(struct batch *batch)
{
    struct fresh *fresh = batch->fresh;
    if (fresh->stock->stream_count == 0)
        return;
    const struct stock_stream *stream =
        &fresh->stock->streams[below(fresh, fresh->stock->stream_count)];
    struct neighbour *by = bringer(batch, stream);
    size_t at = 0, count = 1 + below(fresh, 4);
    if (by == NULL)
        return;
    uint32_t head = fresh_head(fresh, &stream->id);
    while (at < stream->block_count && stream->blocks[at].seq < head)
        at++;
    if (below(fresh, 5) == 0)
        at = below(fresh, stream->block_count);
    for (; count > 0 && at < stream->block_count; count--, at++)
        add_block(batch, by, stream, &stream->blocks[at]);
}

static void add_some_document(struct batch *batch, bool no_moves)
{
    struct fresh *fresh = batch->fresh;
    size_t index = below(fresh, fresh->document_count);
    if (!no_moves || index < fresh->first_count + fresh->history->first_move)
        add_document(batch, index);
}

void fresh_hear_some(struct fresh *fresh)
{
    const struct history *history = fresh->history;
    bool no_moves = left(fresh, true) > 0;
    if (below(fresh, 12) == 0)
        restart(fresh);
    struct batch *batch = batch_new(fresh);
    for (size_t count = 1 + below(fresh, 10); count > 0; count--) {
        switch (below(fresh, 8)) {
        case 0: add_some_document(batch, no_moves); break;
        case 1:
            if (fresh->stock->note_count > 0)
                add_note(batch, &fresh->stock->notes[below(fresh, fresh->stock->note_count)]);
            break;
        case 2:
            if (history->pair_count > 0 && below(fresh, 4) == 0)
                add_pair(batch, below(fresh, history->pair_count));
            break;
        default: add_some_blocks(batch);
        }
    }
    run(batch);
}

/* Of every stream what follows on its head, streams in an order of their own. */
static void hear_what_follows(struct fresh *fresh)
{
    struct batch *batch = batch_new(fresh);
    size_t count = fresh->stock->stream_count, from = count == 0 ? 0 : below(fresh, count);
    for (size_t i = 0; i < count; i++) {
        const struct stock_stream *stream = &fresh->stock->streams[(from + i) % count];
        uint32_t head = fresh_head(fresh, &stream->id);
        struct neighbour *by = head < stock_end(stream) ? bringer(batch, stream) : NULL;
        for (size_t k = 0; by != NULL && k < stream->block_count; k++) {
            if (stream->blocks[k].seq >= head)
                add_block(batch, by, stream, &stream->blocks[k]);
        }
    }
    run(batch);
}

/* Until nothing more is taken. */
static void hear_blocks(struct fresh *fresh)
{
    for (unsigned idle = 0; idle < IDLE_MOST && left(fresh, false) > 0;) {
        size_t before = memory_store_row_count(fresh->store, TABLE_BLOCKS);
        hear_what_follows(fresh);
        idle = memory_store_row_count(fresh->store, TABLE_BLOCKS) > before ? 0 : idle + 1;
    }
}

/* All documents up to one, as they were signed: what was refused before, since the row of its
 * parent wasn't here, is taken now. */
static void hear_documents_to(struct fresh *fresh, size_t end)
{
    struct batch *batch = batch_new(fresh);
    for (size_t i = 0; i < end; i++)
        add_document(batch, i);
    run(batch);
}

/* Documents from before anybody moved; then the others, as they were signed, all that can come
 * first having come before each; at last what proves that two are of one version. */
static void hear_documents(struct fresh *fresh)
{
    hear_documents_to(fresh, fresh->first_count + fresh->history->first_move);
    for (size_t i = fresh->history->first_move; i < fresh->history->county->change_count; i++) {
        if (left(fresh, true) > 0)
            hear_blocks(fresh);
        hear_documents_to(fresh, fresh->first_count + i + 1);
    }
    for (unsigned round = 0; round < 3; round++) {
        struct batch *batch = batch_new(fresh);
        for (size_t i = 0; i < fresh->history->pair_count; i++)
            add_pair(batch, i);
        run(batch);
        hear_documents_to(fresh, fresh->document_count);
    }
}

static void hear_notes(struct fresh *fresh)
{
    size_t count = fresh->stock->note_count;
    for (size_t i = 0; i < count;) {
        struct batch *batch = batch_new(fresh);
        for (; i < count && batch->count < EVENTS_MOST; i++)
            add_note(batch, &fresh->stock->notes[i]);
        run(batch);
    }
}

static void say_left(const struct fresh *fresh, const struct stock_stream *stream)
{
    fprintf(stderr, "%s takes %s up to %u of %u, for", own_code(fresh),
            label_stream(fresh_tree(fresh), &stream->id).text, fresh_head(fresh, &stream->id),
            stock_end(stream));
    for (size_t i = 0; i < stream->open.seat_count; i++)
        fprintf(stderr, " %s", stream->open.seats[i]);
    fprintf(stderr, "\n");
}

/* Whether its own tree takes it for no machine at work, and the last one doesn't. */
static bool is_locked_out(const struct fresh *fresh)
{
    const struct author *author =
        tree_author(fresh_tree(fresh), key_id_of(fresh->options.signing_key));
    return fresh->history->pair_count > 0 &&
           (author == NULL || !seat_status_is_in_force(author->status));
}

bool fresh_hear_all(struct fresh *fresh)
{
    bool all = true;
    hear_documents(fresh);
    hear_blocks(fresh);
    hear_notes(fresh);
    fresh->locked_out = is_locked_out(fresh);
    fresh->apart = fresh->locked_out;
    for (size_t i = 0; i < fresh->stock->stream_count; i++) {
        const struct stock_stream *stream = &fresh->stock->streams[i];
        if (!is_due(fresh, stream) || fresh_head(fresh, &stream->id) >= stock_end(stream))
            continue;
        bool early = is_early(fresh, stream);
        /* of its own records for those below that nobody below holds, nobody holds anything */
        bool own = key_id_equal(stream->author, key_id_of(fresh->options.signing_key));
        fresh->apart = fresh->apart || (early && !(own && stream->open.holders == HOLDERS_SUBTREE));
        if (!early && !fresh->locked_out)
            say_left(fresh, stream);
        all = all && (early || fresh->locked_out);
    }
    return all;
}

/* ---- its life ---- */

struct fresh *fresh_new(const struct history *history, const struct stock *stock, size_t seat,
                        const struct verifier *verifier, struct prng *prng)
{
    struct fresh *fresh = mem_alloc(sizeof *fresh);
    const struct county *county = history->county;
    const struct tree *first = county->first != NULL ? county->first : county->tree;
    *fresh = (struct fresh){.history = history, .stock = stock, .prng = prng, .seat = seat};
    fresh->verifier = *verifier;
    fresh->store = memory_store_new();
    memory_store_port(fresh->store, &fresh->port);
    fresh->first_count = tree_document_count(first);
    fresh->document_count = fresh->first_count + county->change_count;
    fresh->tick_ms = 1000;
    fresh->wall_ms = world_clock_ms(history->world, seat); /* as wrong as it was */
    fresh->watching = watching_new();
    struct replica_options *options = &fresh->options;
    *options = (struct replica_options){.tree_id = county->tree_id, .verifier = &fresh->verifier};
    const struct county_keys *keys = world_keys(history->world, seat);
    memcpy(options->seat, county->seats[seat].code, sizeof options->seat);
    memcpy(options->signing_key, keys->signing_key, KEY_BYTES);
    memcpy(options->signing_secret, keys->signing_secret, SECRET_BYTES);
    options->seal = keys->seal;
    memset(options->instance, 0x5a, sizeof options->instance);
    open_drive(fresh);
    struct batch *batch = batch_new(fresh);
    add_document(batch, 0); /* the root's */
    run(batch);
    return fresh;
}

void fresh_free(struct fresh *fresh)
{
    if (fresh == NULL)
        return;
    watching_free(fresh->watching);
    drive_close(fresh->drive);
    memory_store_free(fresh->store);
    free(fresh);
}
