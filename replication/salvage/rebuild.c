/* Every stored entry is judged as if it came now, block by block in the order of the log, into
 * tables that are empty; then what waits is tried again until nothing moves. The verdicts depend on
 * entries and documents alone, so they come out as they were. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/reports.h"
#include "replication/salvage/salvage_parts.h"

enum {
    BLOCKS_A_STEP = 64,
    TICKS_A_STEP = 1000, /* what waits is tried as often as it may be, without waiting */
    BLOCK_KEY_BYTES = LOCATOR_BYTES + 1,
};

struct rebuild {
    struct store_port port;
    struct replica *replica; /* no links, no own streams: what apply works with, and no more */
    struct updates *updates;
    uint64_t wall_ms, tick_ms;
    uint8_t from[BLOCK_KEY_BYTES + 1];
    size_t from_size;
    bool stopped; /* nothing more of this stream is judged now: its author has no room left */
    uint8_t stopped_at[STREAM_KEY_BYTES];
    enum { LOG, STREAMS, REPORTS, WAITING, REQUESTS, DONE } phase;
    uint64_t rows;
    enum error_code code;
};

struct rebuild *rebuild_new(const struct salvage_options *options, const struct store_port *port)
{
    struct rebuild *rebuild = mem_alloc(sizeof *rebuild);
    rebuild->port = *port;
    rebuild->updates = updates_new();
    rebuild->wall_ms = options->wall_ms;
    rebuild->from_size = 1;
    rebuild->replica = mem_alloc(sizeof *rebuild->replica);
    rebuild->replica->options.tree_id = options->tree_id;
    rebuild->replica->key_id = key_id_of(options->signing_key);
    rebuild->replica->tree = query_tree(&port->view, &options->tree_id, NULL);
    if (rebuild->replica->tree == NULL)
        rebuild->replica->tree = tree_new(&options->tree_id);
    rebuild->replica->options.seal = options->seal;
    tree_set_seal_key(rebuild->replica->tree, &rebuild->replica->options.seal);
    return rebuild;
}

void rebuild_free(struct rebuild *rebuild)
{
    if (rebuild == NULL)
        return;
    replica_close(rebuild->replica);
    updates_free(rebuild->updates);
    free(rebuild);
}

/* ---- one piece of work is one step of the core ---- */

static struct step begin_step(struct rebuild *rebuild)
{
    updates_begin(rebuild->updates, &rebuild->port.view);
    return (struct step){.replica = rebuild->replica,
                         .updates = rebuild->updates,
                         .view = updates_view(rebuild->updates),
                         .wall_ms = rebuild->wall_ms,
                         .tick_ms = rebuild->tick_ms};
}

static void end_step(struct rebuild *rebuild)
{
    const struct store_port *port = &rebuild->port;
    struct row_change change;
    size_t cursor = 0;
    if (updates_doomed(rebuild->updates))
        rebuild->code = ERR_IO;
    while (rebuild->code == ERR_OK && updates_each_row(rebuild->updates, &cursor, &change))
        rebuild->code = change.removed
                            ? port->remove(port->context, change.table, change.key)
                            : port->put(port->context, change.table, change.key, change.value);
}

static void judge_block(struct rebuild *rebuild, const struct stream_id *stream,
                        const struct prepared_block *block)
{
    struct step step = begin_step(rebuild);
    for (size_t i = 0; i < block->list.count; i++) {
        struct located_entry located = {
            .author = stream_author(stream),
            .stream = stream->number,
            .seq = block->header.seq + (uint32_t)i,
            .entry = &block->list.entries[i],
            .digest = &block->digests[i],
        };
        rebuild->rows++;
        if (!apply_entry(&step, &located)) {
            parked_stream_from(&step, &located);
            rebuild->stopped = true;
            break;
        }
    }
    if (block->opaque)
        quarantine_opaque(&step, stream, block->header.seq);
    end_step(rebuild);
}

/* ---- the log ---- */

static bool next_row(struct rebuild *rebuild, enum table table, struct span *key,
                     struct span *value)
{
    const struct view *view = &rebuild->port.view;
    return view->next(view->context, table, SPAN(rebuild->from, rebuild->from_size), key, value) ==
           READ_FOUND;
}

static bool judge_next(struct rebuild *rebuild)
{
    struct span key, value;
    struct author_epoch author;
    struct prepared_block block;
    uint8_t here[BLOCK_KEY_BYTES];
    if (!next_row(rebuild, TABLE_BLOCKS, &key, &value) || key.size != sizeof here)
        return false;
    memcpy(here, key.data, sizeof here);
    memcpy(rebuild->from, here, LOCATOR_BYTES);
    memset(rebuild->from + LOCATOR_BYTES, 0xff, sizeof rebuild->from - LOCATOR_BYTES);
    rebuild->from_size = sizeof rebuild->from;
    if (rebuild->stopped && memcmp(rebuild->stopped_at, here, STREAM_KEY_BYTES) == 0)
        return true;
    rebuild->stopped = false;
    memcpy(rebuild->stopped_at, here, STREAM_KEY_BYTES);
    if (!who_author(&rebuild->port.view, read_u32(here) >> 8, &author))
        return true;
    struct stream_id stream = {author.author, author.epoch, read_u16(here + WHO_BYTES)};
    uint32_t seq = read_u32(here + STREAM_KEY_BYTES);
    if (block_row_open(&rebuild->port.view, rebuild->replica->tree, &stream, seq, &block) ==
        ERR_OK) {
        judge_block(rebuild, &stream, &block);
        prepared_block_free(&block);
    } else { /* the tree doesn't know its author yet */
        struct step step = begin_step(rebuild);
        parked_stream_from(
            &step, &(struct located_entry){.author = author, .stream = stream.number, .seq = seq});
        rebuild->stopped = true;
        end_step(rebuild);
    }
    return true;
}

/* ---- what follows from streams and reports ---- */

/* How many streams of others have begun here, and how far those for a subtree are held. */
static void count_streams(struct rebuild *rebuild)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    for (uint64_t cursor = 0;
         rebuild->code == ERR_OK && stream_row_next(&rebuild->port.view, &cursor, &stream, row);) {
        struct step step = begin_step(rebuild);
        if (key_id_equal(stream.author, rebuild->replica->key_id))
            continue;
        (void)aside_room(&step, 's', stream.author, UINT32_MAX);
        if (row->open.holders == HOLDERS_SUBTREE)
            cells_received_stream(&step, &stream, row->head.seq);
        end_step(rebuild);
    }
    free(row);
}

static void take_reports(struct rebuild *rebuild)
{
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {HASH_CELLS};
    size_t size = 1;
    const struct view *view = &rebuild->port.view;
    struct span key, value;
    while (rebuild->code == ERR_OK &&
           view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.data[0] == HASH_CELLS && key.size <= NOTE_KEY_BYTES_MAX) {
        struct cell_report report;
        bool whole = report_load(view, value, &report);
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        if (whole) {
            struct step step = begin_step(rebuild);
            cells_take_report(&step, &report);
            reports_tidy(&step, report.head.signer);
            end_step(rebuild);
            report_free(&report);
        }
    }
}

static bool names_record(struct rebuild *rebuild, struct span value)
{
    const struct schema *schema = tree_schema(rebuild->replica->tree);
    struct record_id id;
    struct span row;
    uint8_t key[RECORD_KEY_BYTES];
    memcpy(id.bytes, value.data, sizeof id.bytes);
    const struct view *view = &rebuild->port.view;
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        if (record_key(view, schema->types[i].number, &id, key) &&
            view->get(view->context, TABLE_RECORDS, SPAN_OF_ARRAY(key), &row) == READ_FOUND)
            return true;
    }
    return false;
}

/* A request whose record is gone may be made again. */
static void forget_requests(struct rebuild *rebuild)
{
    uint8_t from[1 + HASH_BYTES + 1] = {'r'};
    size_t size = 1;
    const struct view *view = &rebuild->port.view;
    struct span key, value;
    while (rebuild->code == ERR_OK &&
           view->next(view->context, TABLE_META, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.data[0] == 'r' && key.size < sizeof from) {
        bool kept =
            key.size != 1 + HASH_BYTES || (value.size == 16 + 8 && names_record(rebuild, value));
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        if (!kept) {
            begin_step(rebuild);
            updates_remove(rebuild->updates, TABLE_META, SPAN(from, size - 1));
            end_step(rebuild);
        }
    }
}

/* ---- what waits ---- */

static bool try_waiting(struct rebuild *rebuild)
{
    struct replica *replica = rebuild->replica;
    rebuild->tick_ms += TICKS_A_STEP;
    struct step step = begin_step(rebuild);
    parked_work(&step);
    end_step(rebuild);
    return replica->sweep.size > 0 || replica->streams_due || replica->streams_from.size > 0;
}

static void work(struct rebuild *rebuild)
{
    bool more = false;
    switch (rebuild->phase) {
    case LOG:
        for (unsigned i = 0; i < BLOCKS_A_STEP && rebuild->code == ERR_OK; i++) {
            more = judge_next(rebuild);
            if (!more)
                break;
        }
        break;
    case STREAMS: count_streams(rebuild); break;
    case REPORTS: take_reports(rebuild); break;
    case WAITING: more = try_waiting(rebuild); break;
    case REQUESTS: forget_requests(rebuild); break;
    case DONE: break;
    }
    if (!more && rebuild->phase != DONE)
        rebuild->phase++;
}

bool rebuild_step(struct rebuild *rebuild, uint64_t *rows, enum error_code *code)
{
    const struct store_port *port = &rebuild->port;
    if (rebuild->phase == WAITING && rebuild->tick_ms == 0)
        parked_sweep(&(struct step){.replica = rebuild->replica});
    port->begin(port->context);
    work(rebuild);
    if (rebuild->code == ERR_OK)
        rebuild->code = port->commit(port->context);
    else
        port->abort(port->context);
    *rows = rebuild->rows;
    *code = rebuild->code;
    return rebuild->code == ERR_OK && rebuild->phase != DONE;
}
