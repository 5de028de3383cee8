/* Folding records anew: when a second operation comes under a name that is taken, and when a branch
 * of a forked stream leaves the state. Both are rare; the ordinary way is apply.c.
 *
 * A branch that was displaced leaves from its head backwards, a block a batch: its entries' records
 * are folded anew without them, then its blocks go. When it is gone, what else of its author's
 * epoch lies in the log is judged once more: an operation may stand in two blocks (rules.md A7). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"
#include "replication/deadlines.h"
#include "replication/format/block_parts.h"
#include "replication/indexes.h"
#include "replication/move.h"
#include "replication/rollups.h"
#include "replication/trust.h"
#include "replication/voids.h"

/* ---- one record ---- */

struct refold {
    struct step *step;
    uint16_t type;
    const struct record_id *id;
    struct record_state *before;
    const struct located_entry *more; /* NULL: none */
    const struct operation **ops;
    struct operation more_op;
    size_t count;
    struct record_state *after; /* NULL until its creation is in */
};

static bool is_dropped(const struct operation *op, const struct stream_id *drop, uint32_t from)
{
    struct entry_place place = operation_place(op);
    return drop != NULL && place.seq >= from && stream_id_compare(&place.stream, drop) == 0;
}

/* Where an operation stands. False: unreadable here. */
static bool locate(const struct refold *refold, const struct operation *op,
                   struct located_entry *located)
{
    struct entry_place place = operation_place(op);
    if (op == &refold->more_op) {
        *located = *refold->more;
        return true;
    }
    bool found = entry_at(refold->step, &place, located);
    located->again = true;
    return found;
}

static bool is_cut(const struct refold *refold, const struct operation *op)
{
    struct author_epoch author = {op->dot.author, op->dot.epoch, op->branch};
    return trust_of(refold->step, &author, op->stream, op->seq) == TRUST_CUT;
}

static bool is_named_alike(const struct operation *a, const struct operation *b)
{
    return dot_compare(&a->dot, &b->dot) == 0 && a->dot.n == b->dot.n;
}

/* Behind a cut-off nothing takes a name from what counts: of operations under one name those that
 * are cut go, or all but the one with the lowest digest. */
static size_t leave_cut(struct refold *refold)
{
    size_t kept = 0, count = refold->count;
    bool *cut = mem_alloc((count + 1) * sizeof *cut), *goes = mem_alloc((count + 1) * sizeof *goes);
    for (size_t i = 0; i < count; i++)
        cut[i] = is_cut(refold, refold->ops[i]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; cut[i] && k < count && !goes[i]; k++)
            goes[i] =
                k != i && is_named_alike(refold->ops[i], refold->ops[k]) &&
                (!cut[k] || hash_compare(&refold->ops[k]->digest, &refold->ops[i]->digest) < 0);
    }
    for (size_t i = 0; i < count; i++) {
        struct located_entry located;
        if (!goes[i] || PLANTED(CUT_TAKES_A_NAME))
            refold->ops[kept++] = refold->ops[i];
        else if (locate(refold, refold->ops[i], &located))
            quarantine_entry(refold->step, &located, ERR_NOT_ALLOWED,
                             "behind its author's cut-off, under another operation's name");
    }
    refold->count = kept;
    free(goes);
    free(cut);
    return count - kept;
}

/* The newcomer is this operation, in a block that counts. */
static bool is_replaced(const struct refold *refold, const struct operation *op)
{
    return refold->more != NULL && hash_equal(&op->digest, refold->more->digest);
}

/* All operations but those that are dropped, and one more. */
static size_t gather(struct refold *refold, const struct stream_id *drop, uint32_t from)
{
    size_t held = record_operation_count(refold->before), dropped = 0;
    refold->ops = mem_alloc((held + 1) * sizeof *refold->ops);
    for (size_t i = 0; i < held; i++) {
        const struct operation *op = record_operation(refold->before, i);
        if (is_dropped(op, drop, from) || is_replaced(refold, op))
            dropped++;
        else
            refold->ops[refold->count++] = op;
    }
    if (refold->more != NULL) {
        const struct author *author =
            tree_author(refold->step->replica->tree, refold->more->author.author);
        assert(author != NULL); /* judged a moment ago */
        refold->more_op = operation_of(refold->more, author->rank);
        refold->ops[refold->count++] = &refold->more_op;
    }
    leave_cut(refold);
    return dropped;
}

/* What can't be read here is no reason to throw a state away. */
static bool all_readable(const struct refold *refold)
{
    struct located_entry located;
    for (size_t i = 0; i < refold->count; i++) {
        if (!locate(refold, refold->ops[i], &located))
            return false;
    }
    return true;
}

/* One row for a record, by the clock of its first creation. */
static void index_remove(const struct refold *refold, const uint8_t key[static RECORD_KEY_BYTES],
                         const struct record_state *state)
{
    uint8_t index[INDEX_KEY_BYTES];
    if (!record_stands(state))
        return;
    index_key(index, record_creation(state, refold->id)->clock, key);
    updates_remove(refold->step->updates, TABLE_INDEX, SPAN_OF_ARRAY(index));
}

static void index_put(const struct refold *refold, const uint8_t key[static RECORD_KEY_BYTES],
                      const struct record_state *state)
{
    uint8_t index[INDEX_KEY_BYTES];
    const struct operation *creation = record_creation(state, refold->id);
    assert(creation != NULL); /* nothing is in a record before its creation */
    index_key(index, creation->clock, key);
    updates_put(refold->step->updates, TABLE_INDEX, SPAN_OF_ARRAY(index), SPAN_EMPTY);
}

static bool counts(const struct record_state *state)
{
    return record_stands(state) && !record_deleted(state);
}

static void write_state(const struct refold *refold, const struct record_type *type)
{
    struct step *step = refold->step;
    uint8_t key[RECORD_KEY_BYTES];
    if (!record_key(step->view, refold->type, refold->id, key)) {
        updates_doom(step->updates); /* its row was read a moment ago */
        return;
    }
    struct index_rows rows = {0};
    struct rollups_before before;
    rollups_note(step, type, refold->id, refold->before, &before);
    int change = -(int)counts(refold->before);
    indexes_note(step, type, refold->id, refold->before, &rows);
    index_remove(refold, key, refold->before);
    if (refold->after == NULL) {
        updates_remove(step->updates, TABLE_RECORDS, SPAN_OF_ARRAY(key));
    } else {
        change += (int)counts(refold->after);
        if (!home_is_open(refold->before, type) && home_is_open(refold->after, type))
            home_opened(step, key);
        if (record_stands(refold->after))
            index_put(refold, key, refold->after);
        const struct operation *first = record_operation(refold->after, 0);
        struct buffer row = {0};
        struct author_epoch author = {first->dot.author, first->dot.epoch};
        if (record_operation_count(refold->after) == 1 && first->verdict == OPERATION_ADMITTED &&
            !first->carried && record_id_names(refold->id, &author)) {
            record_row_write_located(step->updates, key, first->stream, first->branch, first->seq,
                                     &first->digest);
        } else {
            record_encode(refold->after, &row);
            updates_put(step->updates, TABLE_RECORDS, SPAN_OF_ARRAY(key), span_of_buffer(&row));
        }
        buffer_free(&row);
    }
    indexes_put(step, type, refold->id, refold->after, NULL, &rows);
    int more = (int)(refold->after != NULL && record_stands(refold->after)) -
               (int)record_stands(refold->before);
    if (type->companion_of != 0 && more != 0)
        companions_row_add(step->updates, step->view, more);
    deadline_folded(step, type, refold->id, refold->after, NULL);
    rollups_put(step, type, refold->id, refold->after, &before);
    if (change != 0)
        cells_count_record(step, refold->id, type, change);
}

static void leave_quarantine(struct step *step, char what, const struct located_entry *at)
{
    uint8_t bytes[1 + LOCATOR_BYTES_MAX] = {(uint8_t)what};
    struct span value, key = SPAN(bytes, 1 + locator_write(step, at, bytes + 1));
    if (step->view->get(step->view->context, TABLE_QUARANTINE, key, &value) != READ_FOUND)
        return;
    updates_remove(step->updates, TABLE_QUARANTINE, key);
    aside_fewer(step, 'q', located_place(at).stream.author);
}

/* Of a companion's creations the first may have gone: what stood between it and the next one was
 * judged before there was any, and waits. */
static void wake_for_its_name(const struct refold *refold)
{
    struct author_epoch maker = record_id_author(refold->id);
    parked_wake(refold->step, refold->type, refold->id, (struct dot){maker.author, maker.epoch, 1});
}

/* In the plan's order; what isn't in it waits again for what it saw. */
static void fold_all(struct refold *refold, const struct record_type *type)
{
    size_t *order = mem_alloc((refold->count + 1) * sizeof *order);
    bool *folded = mem_alloc((refold->count + 1) * sizeof *folded);
    struct record_state *empty = record_new();
    size_t planned = record_plan(empty, refold->ops, refold->count, order);
    struct located_entry located;
    for (size_t i = 0; i < planned; i++) {
        folded[order[i]] = true;
        if (!locate(refold, refold->ops[order[i]], &located))
            continue;
        if (refold->ops[order[i]]->verdict == OPERATION_EXCLUDED)
            leave_quarantine(refold->step, 'e', &located);
        apply_anew(refold->step, &located, &refold->after, empty);
    }
    if (refold->after != empty)
        record_free(empty);
    voids_tell_anew(refold->step, refold->before, refold->after);
    write_state(refold, type);
    if (type->companion_of != 0 && refold->after != NULL)
        wake_for_its_name(refold);
    for (size_t i = 0; i < refold->count; i++) {
        if (folded[i] || !locate(refold, refold->ops[i], &located))
            continue;
        enum outcome outcome = apply_entry_to(refold->step, &located);
        if (located.again && (outcome == OUTCOME_PARKED || outcome == OUTCOME_FULL))
            arrival_keep_told(refold->step, located.digest);
        if (outcome == OUTCOME_FULL)
            parked_stream_from(refold->step, &located);
    }
    free(folded);
    free(order);
}

static bool fold_once(struct refold refold, bool due, const struct stream_id *drop, uint32_t from)
{
    struct step *step = refold.step;
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type = schema == NULL ? NULL : schema_type(schema, refold.type);
    refold.before = type == NULL ? NULL : load_record(step, type, refold.id);
    if (refold.before == NULL)
        return false;
    due |= gather(&refold, drop, from) > 0;
    bool readable = !due || all_readable(&refold);
    if (due && readable) {
        fold_all(&refold, type);
        updates_trace(step->updates, "fold %s anew: %zu operations, %zu forked",
                      label_record(step->replica->tree, refold.id).text,
                      refold.after == NULL ? 0 : record_operation_count(refold.after),
                      refold.after == NULL ? 0 : record_forked_count(refold.after));
    }
    free(refold.ops);
    record_free(refold.after);
    record_free(refold.before);
    return readable;
}

/* An erase entry that counts only now takes away what was folded before it. */
static bool fold_anew(struct refold refold, bool due, const struct stream_id *drop, uint32_t from)
{
    struct replica *replica = refold.step->replica;
    replica->erased_anew = false;
    bool done = fold_once(refold, due, drop, from);
    if (done && replica->erased_anew) {
        struct refold again = {.step = refold.step, .type = refold.type, .id = refold.id};
        done = fold_once(again, true, NULL, 0);
    }
    replica->erased_anew = false;
    return done;
}

bool refold_record(struct step *step, uint16_t type, const struct record_id *id,
                   const struct stream_id *drop, uint32_t from, const struct located_entry *more)
{
    struct refold refold = {.step = step, .type = type, .id = id, .more = more};
    return fold_anew(refold, more != NULL, drop, from);
}

bool refold_again(struct step *step, uint16_t type, const struct record_id *id)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    struct refold refold = {.step = step, .type = type, .id = id};
    bool readable = fold_anew(refold, true, NULL, 0);
    struct record_state *record =
        schema == NULL ? NULL : load_record(step, schema_type(schema, type), id);
    if (record != NULL)
        carry_orphaned(step, schema_type(schema, type), id, record);
    record_free(record);
    return readable;
}

/* ---- a branch that leaves ---- */

static void drop_aside(struct step *step, const struct stream_id *stream, uint32_t seq)
{
    struct located_entry at = {
        .author = stream_author(stream), .stream = stream->number, .seq = seq};
    uint8_t key[1 + LOCATOR_BYTES_MAX] = {PARKED_STREAM};
    size_t size = 1 + locator_write(step, &at, key + 1);
    updates_remove(step->updates, TABLE_PARKED, SPAN(key, size));
    leave_quarantine(step, 'e', &at);
    leave_quarantine(step, 'b', &at);
}

static void drop_entries(struct step *step, const struct stream_id *stream,
                         const struct prepared_block *block)
{
    for (size_t i = 0; i < block->list.count; i++) {
        const struct entry *entry = &block->list.entries[i];
        arrival_forget_told(step, &block->digests[i]);
        if (entry->has_record)
            refold_record(step, entry->type, &entry->record, stream, block->header.seq, NULL);
    }
}

/* Of the block that ends at `seq` under the branch's own number; 0 before its first. */
static uint64_t clock_before(struct step *step, const struct stream_id *stream,
                             const struct stream_row *row, uint32_t seq)
{
    struct buffer stored = {0};
    struct block_parts parts = {0};
    uint32_t first;
    if (seq > row->from &&
        block_row_get(step->view, stream, seq - 1, &first, &stored) == READ_FOUND &&
        block_parts_read(span_of_buffer(&stored), &parts, NULL) != ERR_OK)
        parts.clock = 0;
    buffer_free(&stored);
    return parts.clock;
}

/* The last block of the branch. */
static void drop_block(struct step *step, const struct stream_id *stream, struct stream_row *row)
{
    struct prepared_block block;
    struct buffer stored = {0};
    uint32_t first = row->head.seq - 1;
    block_row_get(step->view, stream, row->head.seq - 1, &first, &stored);
    buffer_free(&stored);
    struct stream_head head = {.seq = first};
    if (block_row_open(step->view, step->replica->tree, stream, first, &block) == ERR_OK) {
        drop_entries(step, stream, &block);
        head.hash = block.header.previous;
        head.clock = clock_before(step, stream, row, first);
        prepared_block_free(&block);
    }
    for (uint32_t seq = first; seq < row->head.seq; seq++)
        drop_aside(step, stream, seq);
    block_row_remove(step->updates, stream, first);
    updates_trace(step->updates, "drop %s %u..%u", label_stream(step->replica->tree, stream).text,
                  first, row->head.seq);
    row->head = head;
    row->closed = false;
    if (row->open.holders == HOLDERS_SUBTREE && stream->branch == 0 &&
        !key_id_equal(stream->author, step->replica->key_id))
        cells_received_stream(step, stream, head.seq);
}

static bool has_children(struct step *step, const struct stream_id *stream)
{
    struct branches *branches = branches_read(step->view, stream);
    bool has = false;
    for (uint8_t i = 1; i < BRANCHES_MAX; i++)
        has |= branches->present[i] && i != stream->branch &&
               branches->rows[i].parent == stream->branch &&
               branches->rows[i].from > branch_end(&branches->rows[stream->branch]);
    free(branches);
    return has;
}

/* All of this author's epoch that is in the log, from the beginning. */
static void judge_epoch_again(struct step *step, const struct stream_id *left)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        struct located_entry at = {
            .author = stream_author(&id), .stream = id.number, .seq = row->from};
        if (id.epoch == left->epoch && key_id_equal(id.author, left->author) &&
            branch_end(row) > row->from && !row->cutting)
            parked_stream_from(step, &at);
    }
    free(row);
    parked_sweep(step);
}

static void remove_branch(struct step *step, const struct stream_id *stream,
                          const struct stream_row *row)
{
    stream_row_remove(step->updates, stream);
    if (row->from == 0)
        aside_fewer(step, 's', stream->author);
}

/* True: it is where it was to be cut. */
static bool cut_on(struct step *step, const struct stream_id *stream, struct stream_row *row)
{
    uint32_t to = row->cut > row->from ? row->cut : row->from;
    block_cache_free(&step->replica->cache);
    block_cache_free(&step->replica->circle_cache);
    if (row->head.seq > to) {
        drop_block(step, stream, row);
        stream_row_write(step->updates, stream, row);
        return false;
    }
    row->cutting = false;
    if (stream->branch > 0 && row->head.seq == row->from && !has_children(step, stream))
        remove_branch(step, stream, row);
    else
        stream_row_write(step->updates, stream, row);
    judge_epoch_again(step, stream);
    return true;
}

void refold_work(struct step *step)
{
    struct stream_id id;
    bool found = false;
    if (!step->replica->cuts_due)
        return;
    struct stream_row *row = mem_alloc(sizeof *row);
    for (uint64_t cursor = 0; !found && stream_row_next(step->view, &cursor, &id, row);)
        found = row->cutting && !has_children(step, &id);
    if (found) {
        cut_on(step, &id, row);
        step->replica->deadline_tick = step->tick_ms;
    } else {
        step->replica->cuts_due = false;
    }
    free(row);
}
