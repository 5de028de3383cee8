/* What a seat that has lost its disk gets by no link any more (rules.md B133, B172).
 *
 *     V1 ---- T1     V1 is below T2 by now. T1 holds what V1 wrote into streams that the two
 *        x           shared, and V1's marks of what was written to V1.
 *
 * A heads statement of a later epoch, or by another key of the seat, says that its author may hold
 * less than it did. Who was its neighbour then gives back what it doesn't list, and takes those
 * marks for none, so that the authors of what was written to it send that again.
 *
 *     V1 ---- T1 ---- C ---- V2    what V1 sealed to V2 no one on the way can read, nor V1's next
 *                                  machine: V2 gives it back
 *
 * Each entry is given back once: then it stands in a stream of this seat for the other, which links
 * bring again after the next loss. So whoever has stolen a key, and speaks of another loss each
 * minute, has nothing written for it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"
#include "replication/notes.h"

enum {
    LOSS_KEY_BYTES = 1 + 1 + KEY_ID_BYTES + 4 + 2,
    LOSS_BYTES = 4 + 4 + 4 + 4,
    GIVEN_A_BATCH = 64,
};

/* A stream that a broken pair of neighbours shares, one of them this seat; or one that is sealed to
 * this seat. */
struct loss {
    struct stream_id stream;
    bool ahead;     /* the other stands on the author's far side of us; else it is the author */
    uint32_t life;  /* of the other, the latest heard of; 0: none */
    uint32_t next;  /* to the author: what hasn't gone yet, */
    uint32_t until; /* to where it hasn't; */
    uint32_t from;  /* and from where on all goes, or has gone */
};

/* ---- rows ---- */

static void loss_key(uint8_t key[static LOSS_KEY_BYTES], const struct loss *loss)
{
    key[0] = 'L';
    key[1] = loss->ahead;
    memcpy(key + 2, loss->stream.author.bytes, KEY_ID_BYTES);
    write_u32(key + 2 + KEY_ID_BYTES, loss->stream.epoch);
    write_u16(key + 2 + KEY_ID_BYTES + 4, loss->stream.number);
}

static void loss_put(struct step *step, const struct loss *loss)
{
    uint8_t key[LOSS_KEY_BYTES], row[LOSS_BYTES];
    loss_key(key, loss);
    write_u32(row, loss->life);
    write_u32(row + 4, loss->next);
    write_u32(row + 8, loss->from);
    write_u32(row + 12, loss->until);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(row));
}

static bool loss_parse(struct span key, struct span value, struct loss *loss)
{
    *loss = (struct loss){0};
    if (key.size != LOSS_KEY_BYTES || key.data[0] != 'L' || value.size < 8)
        return false;
    loss->ahead = key.data[1] != 0;
    memcpy(loss->stream.author.bytes, key.data + 2, KEY_ID_BYTES);
    loss->stream.epoch = read_u32(key.data + 2 + KEY_ID_BYTES);
    loss->stream.number = read_u16(key.data + 2 + KEY_ID_BYTES + 4);
    loss->life = read_u32(value.data);
    loss->next = read_u32(value.data + 4);
    loss->from = value.size == LOSS_BYTES ? read_u32(value.data + 8) : loss->next;
    loss->until = value.size == LOSS_BYTES ? read_u32(value.data + 12) : UINT32_MAX;
    return true;
}

/* By its stream and side; false: nothing is known of it yet. */
static bool loss_read(struct step *step, struct loss *loss)
{
    uint8_t key[LOSS_KEY_BYTES];
    struct span value;
    struct loss known;
    loss_key(key, loss);
    if (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) !=
            READ_FOUND ||
        !loss_parse(SPAN_OF_ARRAY(key), value, &known))
        return false;
    *loss = known;
    return true;
}

/* ---- who may have lost something ---- */

/* The latest epoch of which a statement is held; 0: none. */
static uint32_t heard_epoch(struct step *step, struct key_id author)
{
    uint8_t from[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(from, HASH_HEADS, author, UINT32_MAX);
    struct span key, value;
    if (step->view->previous(step->view->context, TABLE_NOTES, SPAN(from, size), &key, &value) !=
            READ_FOUND ||
        key.size != size || memcmp(key.data, from, size - 4) != 0)
        return 0;
    return read_u32(key.data + size - 4);
}

/* A machine's life: its key, and its latest epoch that was heard of; 0: of none. */
static uint32_t life_of(struct key_id key, uint32_t epoch)
{
    return epoch == 0 ? 0 : epoch ^ read_u32(key.bytes);
}

/* Up to where its author says that it holds an old stream of its own. */
static uint32_t listed_end(struct step *step, const struct stream_id *stream, uint32_t epoch)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(key, HASH_HEADS, stream->author, epoch);
    struct heads_statement statement;
    struct span note;
    uint32_t end = 0;
    if (step->view->get(step->view->context, TABLE_NOTES, SPAN(key, size), &note) != READ_FOUND ||
        statement_decode(note, &statement, NULL) != ERR_OK)
        return 0;
    for (size_t i = 0; i < statement.way_count; i++) {
        if (statement.ways[i].epoch == stream->epoch && statement.ways[i].number == stream->number)
            end = statement.ways[i].end;
    }
    statement_free(&statement);
    return end;
}

/* This seat is its end, and nobody in between can read it. */
static bool is_sealed_here(struct step *step, const struct stream_open *open)
{
    return open->seat_count > 2 && strcmp(open->sealed_to, step->replica->options.seat) == 0;
}

/* From here on, but for what has been given before. */
static void gives_from(struct loss *loss, uint32_t start)
{
    if (start >= loss->from)
        return;
    if (loss->next >= loss->until || loss->from == UINT32_MAX)
        loss->until = loss->from; /* else some of it is still to go */
    loss->next = loss->from = start;
}

/* The author's seat lives on in a later epoch, or by another key. */
static void look_behind(struct step *step, const struct stream_id *id, const struct stream_row *row)
{
    struct loss loss = {.stream = *id, .from = UINT32_MAX};
    const struct author *author = tree_author(step->replica->tree, id->author);
    struct key_id now = author == NULL ? id->author : key_id_of(author->seat->row.signing_key);
    bool same = key_id_equal(now, id->author), known = loss_read(step, &loss);
    bool beside = way_breaks_behind(step->replica->tree, &row->open, 0);
    uint32_t epoch = heard_epoch(step, now), life = life_of(now, epoch);
    if (!same && is_sealed_here(step, &row->open)) /* its statements may not come here */
        life = life_of(now, 1);
    else if (!beside)
        return;
    if (life == 0 || (same && epoch <= id->epoch) || (known && loss.life == life))
        return;
    loss.life = life;
    gives_from(&loss, same ? listed_end(step, id, epoch) : 0);
    if (loss.next < row->head.seq && loss.next < loss.until)
        updates_trace(step->updates, "give back %s from %u",
                      label_stream(step->replica->tree, id).text, loss.next);
    loss_put(step, &loss);
}

/* The other's marks are of what it held in the life before. What is heard first is no news: it had
 * begun before the two parted. */
static void look_ahead(struct step *step, const struct stream_id *id, const struct stream_row *row,
                       uint32_t own)
{
    struct loss loss = {.stream = *id, .ahead = true};
    const struct seat *other =
        tree_seat(step->replica->tree, span_of_text(row->open.seats[own + 1]));
    struct key_id now = other == NULL ? id->author : key_id_of(other->row.signing_key);
    uint32_t life = other == NULL ? 0 : life_of(now, heard_epoch(step, now));
    bool known = loss_read(step, &loss);
    if (known && (life == 0 || loss.life == life))
        return;
    if (known && loss.life != 0) {
        updates_trace(step->updates, "forget what %s has marked of %s", other->row.seat,
                      label_stream(step->replica->tree, id).text);
        mark_row_put(step->updates, other->row.seat, other->row.generation, id, 0);
        step->replica->going_due = step->replica->going_due || own == 0;
        step->replica->beyond_due = step->replica->beyond_due || own > 0;
    }
    loss.life = life;
    loss_put(step, &loss);
}

static void look_for_losses(struct step *step)
{
    const struct tree *tree = step->replica->tree;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        const struct stream_open *open = &row->open;
        uint32_t own = 0;
        if (open->holders != HOLDERS_PATH || id.branch > 0)
            continue;
        while (own < open->seat_count && strcmp(open->seats[own], step->replica->options.seat) != 0)
            own++;
        if (own == 1 || (own + 1 == open->seat_count && is_sealed_here(step, open)))
            look_behind(step, &id, row);
        if (own + 1 < open->seat_count && way_breaks_behind(tree, open, own))
            look_ahead(step, &id, row, own);
    }
    free(row);
}

/* ---- giving back ---- */

/* True: there is more to be done. */
static bool give_back(struct step *step, struct loss *loss, unsigned *left)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t from = loss->next;
    bool held =
        stream_row_read(step->view, &loss->stream, row) && row->open.holders == HOLDERS_PATH &&
        (is_sealed_here(step, &row->open) || way_breaks_behind(step->replica->tree, &row->open, 0));
    uint32_t end = loss->until < row->head.seq ? loss->until : row->head.seq;
    for (; held && loss->next<end && * left> 0; --*left) {
        struct entry_place place = {.stream = loss->stream, .seq = loss->next++};
        way_entry_goes(step, &place, &row->open, 0, 1);
    }
    if (loss->next != from)
        loss_put(step, loss);
    bool more = held && loss->next < end;
    free(row);
    return more;
}

static void give_some_back(struct step *step)
{
    struct replica *replica = step->replica;
    uint8_t from[LOSS_KEY_BYTES + 1] = {'L'};
    size_t size = 1;
    unsigned left = GIVEN_A_BATCH;
    struct span key, value;
    struct loss loss;
    replica->giving_due = false;
    while (!replica->giving_due &&
           step->view->next(step->view->context, TABLE_META, SPAN(from, size), &key, &value) ==
               READ_FOUND &&
           loss_parse(key, value, &loss) && !loss.ahead) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        replica->giving_due = give_back(step, &loss, &left);
    }
    if (replica->giving_due)
        replica->deadline_tick = step->tick_ms;
}

/* ---- once a batch ---- */

void losses_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    bool changed = tree_change_count(replica->tree) != replica->losses_seen;
    if (own_seat(replica) == NULL)
        return;
    replica->losses_seen = tree_change_count(replica->tree);
    if (changed || (replica->losses_due && tree_moved_count(replica->tree) > 0)) {
        look_for_losses(step);
        replica->giving_due = true;
    }
    replica->losses_due = false;
    if (replica->giving_due)
        give_some_back(step);
}
