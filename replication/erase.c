/* Erasing: bodies leave every copy, digests stay.
 *
 *     an erase entry is admitted -> rows 'x', one an operation: every reader gets what is left
 *                                -> the record is folded anew
 *                                -> row 'X': all stored blocks are looked through, a piece a batch,
 *                                   and their bodies become holes
 *     a block comes              -> its bodies become holes before it is stored
 *
 * What is sealed is struck out by the author of its stream: strike.c.
 *
 * The rows are for ever, whatever becomes of the entry that made them: a body that is gone at some
 * and back at others would be two states. */
#include "replication/erase.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ERASE_BLOCKS_A_BATCH = 64 };

bool erase_allows(uint8_t roles)
{
    return (roles & (ROLE_ORIGIN | ROLE_ABOVE)) != 0;
}

bool erase_saw_all(const struct operation *op, struct span body)
{
    struct erasure erasure = erasure_of(body);
    for (uint32_t i = 0; i < erasure.count; i++) {
        struct erased_operation erased = erasure_operation(&erasure, i);
        if (!operation_saw(op, &erased.dot))
            return false;
    }
    return true;
}

void erase_look(struct step *step)
{
    struct erasing_row row;
    if (erasing_row_read(step->view, &row))
        row.again = true;
    erasing_row_write(step->updates, &row);
    step->replica->erasing = step->replica->erased = true;
}

bool erase_take(struct step *step, const struct entry *entry, const struct hash *digest)
{
    struct erasure erasure = erasure_of(entry->body);
    uint32_t news = 0;
    for (uint32_t i = 0; i < erasure.count; i++) {
        struct erased_operation erased = erasure_operation(&erasure, i);
        news += erased_row_put(step->updates, entry, digest, &erased.digest, erased.rest);
    }
    if (news == 0)
        return false;
    erase_look(step);
    updates_trace(step->updates, "erase %u of %s", news,
                  label_record(step->replica->tree, &entry->record).text);
    return true;
}

void erase_from_record(struct step *step, uint16_t type, const struct record_id *id)
{
    if (!refold_again(step, type, id))
        replica_raise_alarm(step,
                            "values of %s that are erased still stand in its row, since its "
                            "entries can't be read here: run `terrace salvage`",
                            label_record(step->replica->tree, id).text);
}

/* ---- copies ---- */

static bool is_erased(void *context, const struct entry *entry, const struct hash *digest)
{
    const struct step *step = context;
    struct span rest;
    return erased_row_read(step->view, entry, digest, &rest);
}

static bool key_of(void *context, struct key_id author, uint8_t key[static KEY_BYTES])
{
    const struct step *step = context;
    return author_key_read(step->view, step->replica->tree, author, key);
}

static bool left_of_sealed(void *context, struct key_id author, const struct hash *leaf,
                           struct buffer *left)
{
    return strike_left(context, author, leaf, left);
}

static struct block_erasing erasing_here(struct step *step)
{
    return (struct block_erasing){
        .context = step, .author_key = key_of, .goes = is_erased, .left = left_of_sealed};
}

static uint32_t make_holes(struct step *step, const struct stream_id *stream, struct span stored,
                           struct buffer *holed)
{
    struct block_erasing erasing = erasing_here(step);
    bool kept;
    uint32_t holes = block_erase(stored, stream, &erasing, holed, &kept);
    if (kept)
        replica_raise_alarm(step,
                            "a block of %s keeps what is erased: its author packed it so that it "
                            "has no room for holes",
                            label_stream(step->replica->tree, stream).text);
    return holes;
}

void erase_and_store(struct step *step, const struct stream_id *stream, uint32_t seq,
                     struct span stored)
{
    struct buffer holed = {0};
    bool filtered = step->replica->erased && !PLANTED(ERASE_COMES_BACK) &&
                    make_holes(step, stream, stored, &holed) > 0;
    block_row_put(step->updates, stream, seq, filtered ? span_of_buffer(&holed) : stored);
    buffer_free(&holed);
}

/* The block whose key follows. False: it was the last one. */
static bool next_block(struct step *step, struct erasing_row *row, struct stream_id *stream,
                       uint32_t *seq)
{
    struct span key, value;
    struct author_epoch author;
    for (;;) {
        if (step->view->next(step->view->context, TABLE_BLOCKS, SPAN_OF_ARRAY(row->from), &key,
                             &value) != READ_FOUND ||
            key.size < sizeof row->from)
            return false;
        memcpy(row->from, key.data, sizeof row->from);
        *seq = read_u32(row->from + STREAM_KEY_BYTES);
        bool known = who_author(step->view, read_u32(row->from) >> 8, &author);
        *stream = (struct stream_id){author.author, author.epoch, read_u16(row->from + WHO_BYTES),
                                     author.branch};
        for (size_t i = sizeof row->from; i-- > 0 && ++row->from[i] == 0;)
            continue;
        if (known)
            return true;
    }
}

/* One stored block, if it begins here. */
static void erase_in(struct step *step, const struct stream_id *stream, uint32_t seq)
{
    struct buffer stored = {0}, holed = {0};
    uint32_t first, holes = 0;
    struct block_erasing erasing = erasing_here(step);
    strike_due(step, stream, seq, &erasing);
    if (block_row_get(step->view, stream, seq, &first, &stored) == READ_FOUND && first == seq)
        holes = make_holes(step, stream, span_of_buffer(&stored), &holed);
    if (holes > 0) {
        block_row_remove(step->updates, stream, seq);
        block_row_put(step->updates, stream, seq, span_of_buffer(&holed));
        block_cache_free(&step->replica->cache);
        block_cache_free(&step->replica->circle_cache);
        updates_trace(step->updates, "erase %u in %s+%u", holes,
                      label_stream(step->replica->tree, stream).text, seq);
    }
    buffer_free(&holed);
    buffer_free(&stored);
}

void erase_work(struct step *step)
{
    struct erasing_row row;
    struct stream_id stream;
    uint32_t seq;
    bool more = true;
    if (!step->replica->erasing)
        return;
    step->replica->erasing = erasing_row_read(step->view, &row);
    if (!step->replica->erasing)
        return;
    for (size_t i = 0; i < ERASE_BLOCKS_A_BATCH && more; i++) {
        more = next_block(step, &row, &stream, &seq);
        if (more)
            erase_in(step, &stream, seq);
    }
    if (more) {
        erasing_row_write(step->updates, &row);
    } else if (row.again) {
        row = (struct erasing_row){0};
        erasing_row_write(step->updates, &row);
    } else {
        erasing_row_remove(step->updates);
        step->replica->erasing = false;
        return;
    }
    step->replica->deadline_tick = step->tick_ms;
}
