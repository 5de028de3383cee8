/* Streams of this seat whose way has changed (rules.md 2, A4; B40-B42).
 *
 *     V1 ---- T1 ---- C        the way breaks where two neighbours on it are none any more:
 *          x                   between the seats `at` and `at + 1`
 *
 * Such a stream ends. Who stands before the break still gets it whole. Those behind it may lack
 * what the first of them hasn't marked as held, so that goes to them again, the same entries, by
 * the streams that their way needs now. How far the first seat behind the break has got is known
 * to the last one before it, which tells the author, hop by hop (`beyond`). A sealed stream whose
 * end has another key by now ends too, and all of it goes again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"

enum {
    GOING_KEY_BYTES = 1 + KEY_ID_BYTES + 4 + 2,
    GOING_A_BATCH = 64,
};

/* A stream that has ended because of its way, and how far it has gone again. */
struct going {
    struct stream_id stream;
    uint32_t at;   /* the last seat before the break, by its place on the way */
    bool known;    /* where what goes again begins */
    uint32_t from; /* and that place */
    uint32_t next; /* what hasn't gone yet */
};

/* ---- rows ---- */

static void going_key(uint8_t key[static GOING_KEY_BYTES], const struct stream_id *stream)
{
    key[0] = 'g';
    memcpy(key + 1, stream->author.bytes, KEY_ID_BYTES);
    write_u32(key + 1 + KEY_ID_BYTES, stream->epoch);
    write_u16(key + 1 + KEY_ID_BYTES + 4, stream->number);
}

static void going_put(struct step *step, const struct going *going)
{
    uint8_t key[GOING_KEY_BYTES];
    struct buffer row = {0};
    going_key(key, &going->stream);
    mp_write_map(&row, going->known ? 3 : 1);
    mp_write_uint(&row, 1);
    mp_write_uint(&row, going->at);
    if (going->known) {
        mp_write_uint(&row, 2);
        mp_write_uint(&row, going->from);
        mp_write_uint(&row, 3);
        mp_write_uint(&row, going->next);
    }
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), span_of_buffer(&row));
    buffer_free(&row);
}

static bool going_parse(struct span key, struct span value, struct going *going)
{
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    *going = (struct going){0};
    if (key.size != GOING_KEY_BYTES || key.data[0] != 'g')
        return false;
    memcpy(going->stream.author.bytes, key.data + 1, KEY_ID_BYTES);
    going->stream.epoch = read_u32(key.data + 1 + KEY_ID_BYTES);
    going->stream.number = read_u16(key.data + 1 + KEY_ID_BYTES + 4);
    for (int32_t field; mp_field(&reader, &fields, &field);) {
        uint32_t number = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
        if (field == 1)
            going->at = number;
        else if (field == 2)
            going->from = number;
        else if (field == 3)
            going->next = number;
        going->known = going->known || field == 2;
    }
    return !reader.failed;
}

static bool going_read(struct step *step, const struct stream_id *stream, struct going *going)
{
    uint8_t key[GOING_KEY_BYTES];
    struct span value;
    going_key(key, stream);
    return step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) ==
               READ_FOUND &&
           going_parse(SPAN_OF_ARRAY(key), value, going);
}

/* ---- where a way breaks ---- */

bool way_breaks_behind(const struct tree *tree, const struct stream_open *open, uint32_t at)
{
    const struct seat *a = tree_seat(tree, span_of_text(open->seats[at]));
    const struct seat *b = tree_seat(tree, span_of_text(open->seats[at + 1]));
    return a != NULL && b != NULL && a->parent != b && b->parent != a;
}

bool way_breaks(const struct tree *tree, const struct stream_open *open, uint32_t *at)
{
    for (uint32_t i = 0; i + 1 < open->seat_count; i++) {
        if (way_breaks_behind(tree, open, i)) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* Whether the end has a key that the stream isn't sealed to. */
static bool has_new_reader(const struct tree *tree, const struct stream_open *open)
{
    uint8_t keys[SEAL_READERS_MAX][KEY_BYTES];
    const struct seat *end = tree_seat(tree, span_of_text(open->sealed_to));
    size_t count = end == NULL ? 0 : seat_seal_keys(end, keys, SEAL_READERS_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        struct key_id id = key_id_of(keys[i]);
        bool named = false;
        for (size_t k = 0; k < open->reader_count; k++)
            named = named || key_id_equal(open->readers[k], id);
        if (!named && seal_key_acceptable(keys[i]))
            return true;
    }
    return false;
}

static void end_stream(struct step *step, const struct stream_id *id, const struct stream_row *row)
{
    struct going going = {.stream = *id};
    if (!way_breaks(step->replica->tree, &row->open, &going.at) || stream_is_backup(&row->open)) {
        going.at = row->open.seat_count - 2U; /* its end alone, or who keeps it, needs it whole */
        going.known = true;
        going.from = going.next = 1;
    }
    updates_trace(step->updates, "way of %s breaks behind %s",
                  label_stream(step->replica->tree, id).text, row->open.seats[going.at]);
    for (struct own_stream *own = step->replica->own_streams, *next; own != NULL; own = next) {
        next = own->next;
        if (stream_id_compare(&own->id, id) == 0)
            own_stream_close(step, own);
    }
    going_put(step, &going);
}

/* A mark that lies within a block is no mark of ours: the block goes again. */
static uint32_t whole_blocks(struct step *step, const struct stream_id *stream,
                             const struct stream_row *row, uint32_t held)
{
    uint32_t first = held;
    struct buffer stored = {0};
    if (held < row->head.seq && !block_row_begins(step->view, stream, held) &&
        block_row_get(step->view, stream, held, &first, &stored) != READ_FOUND)
        first = 0;
    buffer_free(&stored);
    return first;
}

/* What all behind the break hold of it. Of a second break farther away nobody tells us: unless its
 * mark is here, those behind that one are taken to hold nothing. */
static uint32_t held_behind(struct step *step, const struct going *going,
                            const struct stream_row *row, bool *known)
{
    const struct stream_open *open = &row->open;
    uint32_t least = way_marked(step, open->seats[going->at + 1], &going->stream, row, known);
    for (uint32_t i = going->at + 1; i + 1 < open->seat_count; i++) {
        bool told = false;
        uint32_t held = 0;
        if (!way_breaks_behind(step->replica->tree, open, i))
            continue;
        held = way_marked(step, open->seats[i + 1], &going->stream, row, &told);
        held = told ? held : 0;
        least = held < least ? held : least;
    }
    return whole_blocks(step, &going->stream, row, least);
}

/* A break nearer to this seat than the one before which it ended: nobody tells us any more how far
 * those behind the farther one have got, and who stands between the two lacks something, too. */
static void break_nearer(struct step *step, const struct stream_row *row, struct going *going)
{
    uint32_t at, held;
    bool known = false;
    if (!way_breaks(step->replica->tree, &row->open, &at) || at >= going->at)
        return;
    updates_trace(step->updates, "way of %s breaks behind %s",
                  label_stream(step->replica->tree, &going->stream).text, row->open.seats[at]);
    going->at = at;
    held = held_behind(step, going, row, &known);
    going->next = going->known && held < going->next ? held : going->next;
    going_put(step, going);
}

static void look_for_breaks(struct step *step)
{
    const struct replica *replica = step->replica;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    struct going going;
    uint32_t at;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        const struct author *author = tree_author(replica->tree, id.author);
        if (author == NULL || author->seat != own_seat(replica) || id.branch > 0 || row->forked ||
            row->open.holders != HOLDERS_PATH || PLANTED(WAY_FORGOTTEN))
            continue;
        if (going_read(step, &id, &going)) {
            break_nearer(step, row, &going);
            continue;
        }
        if (way_breaks(replica->tree, &row->open, &at) ||
            (row->open.sealed_to[0] != '\0' && has_new_reader(replica->tree, &row->open)))
            end_stream(step, &id, row);
    }
    free(row);
}

/* ---- what goes again ---- */

uint32_t way_marked(struct step *step, const char *seat, const struct stream_id *stream,
                    const struct stream_row *row, bool *known)
{
    uint32_t held = 0;
    const struct seat *whose = tree_seat(step->replica->tree, span_of_text(seat));
    *known =
        mark_row_read(step->view, seat, whose == NULL ? 0 : whose->row.generation, stream, &held);
    for (struct session *session = step->replica->sessions; session != NULL;
         session = session->hh.next) {
        if (strcmp(session->seat, seat) != 0 || !session_knows(session))
            continue;
        uint32_t here = session_held(session, row, cursor_find(session, stream));
        held = here > held ? here : held;
        *known = true;
    }
    return held < row->head.seq ? held : row->head.seq;
}

/* The seats of this part of the way that the entry is for; `circle` names them. */
static void readers_of(const struct stream_open *open, const struct circle *circle, uint32_t first,
                       uint32_t end, struct seat_names *to)
{
    to->names = mem_alloc((open->seat_count + 1U) * sizeof *to->names);
    to->count = 0;
    for (uint32_t i = first; i < end; i++) {
        bool reads =
            i == 0 || open->sealed_to[0] == '\0' || strcmp(open->sealed_to, open->seats[i]) == 0;
        if (reads && circle_has(circle, open->seats[i]))
            to->names[to->count++] = open->seats[i];
    }
}

/* A record that can't be folded here: those whom its entry was for have it, no one else. */
static void circle_of_way(const struct stream_open *open, struct circle *circle)
{
    *circle = (struct circle){.class = open->class, .holders = HOLDERS_PATH};
    for (uint32_t i = 0; i < open->seat_count; i++) {
        if (open->sealed_to[0] == '\0' || i == 0 || strcmp(open->sealed_to, open->seats[i]) == 0)
            circle_add(circle, open->seats[i]);
    }
}

void way_entry_goes(struct step *step, const struct entry_place *entry,
                    const struct stream_open *open, uint32_t first, uint32_t end)
{
    struct entry_place place = *entry;
    const struct schema *schema = tree_schema(step->replica->tree);
    struct located_entry located;
    struct circle circle;
    struct seat_names to;
    if (!entry_at(step, &place, &located) || !located.entry->has_record || schema == NULL)
        return;
    struct record_id id = located.entry->record;
    const struct record_type *type = schema_type(schema, located.entry->type);
    place.carried = located.entry->kind == ENTRY_CARRY;
    if (type == NULL)
        return;
    struct record_state *record = load_record(step, type, &id);
    if (record == NULL || !load_circle(step, record, &id, NULL, &circle))
        circle_of_way(open, &circle);
    struct carriage carriage = {.type = type, .id = &id, .record = record, .circle = &circle};
    if (stream_is_backup(open)) {
        carry_entry_alone(step, &carriage, &place);
    } else {
        readers_of(open, &circle, first, end, &to);
        carry_entry(step, &carriage, &place, &to);
        free(to.names);
    }
    circle_free(&circle);
    record_free(record);
}

bool way_ended(struct step *step, const struct stream_id *stream, const struct stream_row *row,
               uint32_t *seq, struct hash *hash)
{
    struct going going;
    struct prepared_block block;
    if (!going_read(step, stream, &going))
        return false;
    *seq = row->head.seq;
    *hash = row->head.hash;
    if (!going.known || going.next < row->head.seq || going.from >= row->head.seq)
        return true;
    *seq = 0; /* nothing of it is needed, or it can't be read */
    if (going.from > 0 &&
        block_row_open(step->view, step->replica->tree, stream, going.from - 1, &block) == ERR_OK) {
        *seq = block.header.seq + block.header.count;
        *hash = block.hash;
        prepared_block_free(&block);
    }
    return true;
}

bool way_reaches(struct step *step, const struct entry_place *place, const struct stream_open *open,
                 const char *seat)
{
    struct going going;
    if (!going_read(step, &place->stream, &going))
        return true;
    for (uint32_t i = 0; i <= going.at && i < open->seat_count; i++) {
        if (strcmp(open->seats[i], seat) == 0)
            return true;
    }
    return going.known && place->seq < going.from;
}

/* True: there is more to be done at once. */
static bool go_on(struct step *step, struct going *going, unsigned *left)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    bool held =
        stream_row_read(step->view, &going->stream, row) && going->at + 1 < row->open.seat_count;
    const struct going before = *going;
    if (held) {
        bool known = false;
        uint32_t marked = held_behind(step, going, row, &known);
        /* a neighbour that never was has nothing, and a new machine there what we give it */
        if ((!going->known && (known || going->at == 0)) || (known && marked < going->from)) {
            going->known = true;
            going->next = going->from = marked;
        }
    }
    for (; held && going->known && going->next<row->head.seq && * left> 0; --*left) {
        struct entry_place place = {.stream = going->stream, .seq = going->next++};
        way_entry_goes(step, &place, &row->open, going->at + 1, row->open.seat_count);
    }
    bool more = held && going->known && going->next < row->head.seq;
    if (going->known != before.known || going->from != before.from || going->next != before.next) {
        going_put(step, going);
        step->replica->heads_changed = true;
        if (!more) /* said at once: a cut-off of this key is made from what it said last */
            step->replica->statement_ever = false;
    }
    free(row);
    return more;
}

static void go_on_with_all(struct step *step)
{
    struct replica *replica = step->replica;
    uint8_t from[GOING_KEY_BYTES + 1] = {'g'};
    size_t size = 1;
    unsigned left = GOING_A_BATCH;
    struct span key, value;
    struct going going;
    replica->going_due = false;
    while (left > 0 &&
           step->view->next(step->view->context, TABLE_META, SPAN(from, size), &key, &value) ==
               READ_FOUND &&
           going_parse(key, value, &going)) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        if (go_on(step, &going, &left))
            replica->going_due = true;
    }
    if (replica->going_due)
        replica->deadline_tick = step->tick_ms;
}

/* ---- once a batch ---- */

void moves_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    bool changed = tree_change_count(replica->tree) != replica->moves_seen;
    if (own_seat(replica) == NULL)
        return;
    replica->moves_seen = tree_change_count(replica->tree);
    if (changed) {
        look_for_breaks(step);
        replica->going_due = true;
    }
    for (struct session *session = replica->sessions; session != NULL; session = session->hh.next) {
        if (session->state == SESSION_LIVE &&
            (changed || replica->beyond_due || !session->beyond_told)) {
            beyond_tell(step, session);
            session->beyond_told = true;
        }
    }
    replica->beyond_due = false;
    if (replica->going_due)
        go_on_with_all(step);
}
