/* Entries on their way to those who joined a record's circle: own ones of this epoch as they are,
 * under the same dot, all others with their author's header and a proof, those of one block
 * together. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"
#include "replication/notes.h"

static bool names_have(const struct seat_names *names, const char *seat)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], seat) == 0)
            return true;
    }
    return false;
}

bool carry_stream_is_for(struct step *step, const struct entry_place *place, const char *seat)
{
    const struct stream_open *open = load_stream_open(step, &place->stream);
    const struct author *author = tree_author(step->replica->tree, place->stream.author);
    if (author != NULL && strcmp(author->seat->row.seat, seat) == 0)
        return true;
    if (open != NULL && open->sealed_to[0] != '\0')
        return strcmp(open->sealed_to, seat) == 0 && way_reaches(step, place, open, seat);
    for (size_t i = 0; open != NULL && open->holders == HOLDERS_PATH && i < open->seat_count; i++) {
        if (strcmp(open->seats[i], seat) == 0)
            return way_reaches(step, place, open, seat);
    }
    return false;
}

/* ---- sending ---- */

/* One entry about a record into our streams, to one audience. */
struct sending {
    struct step *step;
    const struct carriage *carriage;
    const struct audience *audience;
};

static void append(struct sending *sending, const struct entry *entry)
{
    struct step *step = sending->step;
    struct own_stream *stream = own_stream_for(step, sending->audience);
    uint32_t seq = own_stream_add(step, stream, entry, NULL);
    updates_trace(step->updates, "%s %s at %s+%u",
                  entry->kind == ENTRY_CARRY ? "carry" : "write again",
                  label_record(step->replica->tree, sending->carriage->id).text,
                  label_stream(step->replica->tree, &stream->id).text, seq);
    step->replica->self_dirty = true;
}

static void append_carry(struct sending *sending, struct span body)
{
    struct entry entry = {
        .kind = ENTRY_CARRY,
        .type = sending->carriage->type->number,
        .clock = sending->step->wall_ms,
        .has_record = true,
        .record = *sending->carriage->id,
        .n = 1,
        .body = body,
        .body_hash = entry_body_hash(body),
    };
    append(sending, &entry);
}

/* An own operation of this epoch, which may stand in any of our streams. A creation says by its
 * stream whose the record is, so it is always proved. */
static bool goes_as_it_is(struct step *step, const struct operation *op, const struct record_id *id)
{
    const struct author_epoch *self = &step->replica->self;
    return !op->carried && op->dot.epoch == self->epoch &&
           key_id_equal(op->dot.author, self->author) && !operation_begins(op, id);
}

static void send_again(struct sending *sending, const struct entry_place *place)
{
    struct located_entry located;
    if (!entry_at(sending->step, place, &located))
        return;
    struct buffer body = {0};
    struct entry entry = *located.entry;
    struct dot context[CONTEXT_PAIRS_MAX];
    for (size_t i = 0; i < entry.context_count; i++)
        context[i] = entry.context[i];
    entry.context = context;
    buffer_append_span(&body, entry.body); /* the block that it stands in may be signed now */
    entry.body = span_of_buffer(&body);
    append(sending, &entry);
    buffer_free(&body);
}

/* A carry that came goes on as it is: all that it holds is of this record. */
static void send_on(struct sending *sending, const struct entry_place *place)
{
    struct entry_place carrier = {.stream = place->stream, .seq = place->seq};
    struct located_entry located;
    struct buffer body = {0};
    if (!entry_at(sending->step, &carrier, &located) || located.entry->kind != ENTRY_CARRY)
        return;
    buffer_append_span(&body, located.entry->body);
    append_carry(sending, span_of_buffer(&body));
    buffer_free(&body);
}

static bool has_creation(const struct prepared_block *block, const uint32_t *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &block->list.entries[places[i]];
        if (entry->kind == ENTRY_WRITE && entry->n == 1 && entry->context_count == 0)
            return true;
    }
    return false;
}

/* Entries of one block that is stored here, at these places of it. */
static void send_proved(struct sending *sending, const struct stream_id *stream,
                        const struct prepared_block *block, const uint32_t *places, size_t count)
{
    struct step *step = sending->step;
    struct prepared_block first = {0};
    bool opening = has_creation(block, places, count);
    if (opening && (block_row_open(step->view, step->replica->tree, stream, 0, &first) != ERR_OK ||
                    first.opaque))
        opening = false;
    for (size_t done = 0; done < count;) {
        struct buffer body = {0};
        bool creates = opening && has_creation(block, places + done, count - done);
        statement_on_carried(step, stream, block);
        done += carry_encode(block, places + done, count - done, creates ? &first : NULL, &body);
        append_carry(sending, span_of_buffer(&body));
        buffer_free(&body);
    }
    prepared_block_free(&first);
}

/* ---- several entries, block by block ---- */

struct parcel { /* entries to be sent to one audience, by where they lie here */
    struct entry_place *places;
    bool *as_it_is;
    size_t count;
};

static bool in_block(const struct entry_place *place, const struct stream_id *stream,
                     const struct block_header *header)
{
    return !place->carried && stream_id_compare(&place->stream, stream) == 0 &&
           place->seq >= header->seq && place->seq - header->seq < header->count;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sign_stream(struct step *step, const struct stream_id *stream)
{
    for (struct own_stream *own = step->replica->own_streams; own != NULL; own = own->next) {
        if (stream_id_compare(&own->id, stream) == 0)
            own_stream_sign(step, own);
    }
}

/* The block of the entry at `from` and all others of it; these are done then. */
static void send_block(struct sending *sending, struct parcel *parcel, size_t from, bool *done)
{
    struct step *step = sending->step;
    struct entry_place place = parcel->places[from];
    struct prepared_block block;
    struct span rest;
    done[from] = true;
    sign_stream(step, &place.stream);
    if (block_row_open(step->view, step->replica->tree, &place.stream, place.seq, &block) != ERR_OK)
        return;
    uint32_t *places = mem_alloc(parcel->count * sizeof *places);
    size_t count = 0;
    for (size_t i = from; i < parcel->count && !block.opaque; i++) {
        if ((i > from && done[i]) || parcel->as_it_is[i] ||
            !in_block(&parcel->places[i], &place.stream, &block.header))
            continue;
        uint32_t at = parcel->places[i].seq - block.header.seq;
        block.list.entries[at].hole |=
            erased_row_read(step->view, &block.list.entries[at], &block.digests[at], &rest);
        places[count++] = at;
        done[i] = true;
    }
    qsort(places, count, sizeof *places, compare_numbers);
    if (count > 0)
        send_proved(sending, &place.stream, &block, places, count);
    free(places);
    prepared_block_free(&block);
}

static void send_parcel(struct sending *sending, struct parcel *parcel)
{
    bool *done = mem_alloc((parcel->count + 1) * sizeof *done);
    for (size_t i = 0; i < parcel->count; i++) {
        struct entry_place *place = &parcel->places[i];
        if (done[i])
            continue;
        if (parcel->as_it_is[i])
            send_again(sending, place);
        else if (place->carried)
            send_on(sending, place);
        else
            send_block(sending, parcel, i, done);
        for (size_t k = i; place->carried && k < parcel->count; k++) {
            done[k] =
                done[k] || (parcel->places[k].carried && parcel->places[k].seq == place->seq &&
                            stream_id_compare(&parcel->places[k].stream, &place->stream) == 0);
        }
    }
    free(done);
}

/* Streams that the audiences need: in this epoch, or in a new one. */
static bool has_room(struct step *step)
{
    struct error error;
    return write_room_in_epoch(step, &error) == ERR_OK;
}

/* ---- the record whole ---- */

/* Whether all seats of an audience hold the stream of this place. */
static bool reached(const struct sending *sending, const struct operation *op,
                    const struct seat_names *to)
{
    const struct operation *back = sending->carriage->back;
    struct entry_place place = operation_place(op), back_at = {0};
    bool gone = back != NULL && /* before it, into its streams */
                record_saw(sending->carriage->record, back, &op->dot);
    if (back != NULL)
        back_at = operation_place(back);
    for (size_t i = 1; i < sending->audience->seat_count; i++) {
        const char *seat = sending->audience->seats[i];
        if (names_have(to, seat) && !carry_stream_is_for(sending->step, &place, seat) &&
            !(gone && carry_stream_is_for(sending->step, &back_at, seat)))
            return false;
    }
    return true;
}

static void add_place(struct parcel *parcel, const struct entry_place *place, bool as_it_is)
{
    parcel->places[parcel->count] = *place;
    parcel->as_it_is[parcel->count++] = as_it_is;
}

static void send_record(struct sending *sending, const struct seat_names *to,
                        const struct entry_places *aside)
{
    struct step *step = sending->step;
    const struct carriage *carriage = sending->carriage;
    size_t count = record_operation_count(carriage->record);
    struct parcel parcel = {
        .places = mem_alloc((count + aside->count + 1) * sizeof *parcel.places),
        .as_it_is = mem_alloc((count + aside->count + 1) * sizeof *parcel.as_it_is),
    };
    for (size_t i = 0; i < count; i++) {
        const struct operation *op = record_operation(carriage->record, i);
        struct entry_place place = operation_place(op);
        bool later =
            carriage->back != NULL && record_saw(carriage->record, op, &carriage->back->dot);
        if (!later && !reached(sending, op, to)) /* what saw it, its author has sent */
            add_place(&parcel, &place, goes_as_it_is(step, op, carriage->id));
    }
    for (size_t i = 0; i < aside->count; i++)
        add_place(&parcel, &aside->places[i], false);
    send_parcel(sending, &parcel);
    free(parcel.places);
    free(parcel.as_it_is);
}

static void note_unreached(struct step *step, const struct carriage *carriage,
                           const struct audiences *audiences)
{
    for (size_t i = 0; i < audiences->unreached_count; i++)
        carry_later(step, carriage->type->number, carriage->id, audiences->unreached[i]);
}

/* Where a member can't be reached from yet. */
static void all_later(struct step *step, const struct carriage *carriage,
                      const struct seat_names *to)
{
    for (size_t i = 0; i < to->count; i++)
        carry_later(step, carriage->type->number, carriage->id, to->names[i]);
}

void carry_record(struct step *step, const struct carriage *carriage, const struct seat_names *to)
{
    struct audiences audiences;
    struct entry_places aside = {0};
    if (to->count == 0)
        return;
    if (!has_room(step)) {
        all_later(step, carriage, to);
        return;
    }
    audiences_find(step, carriage->circle, to, &audiences);
    parked_places(step, carriage->type->number, carriage->id, &aside);
    for (size_t i = 0; i < audiences.count; i++) {
        struct sending sending = {step, carriage, &audiences.list[i]};
        send_record(&sending, to, &aside);
    }
    note_unreached(step, carriage, &audiences);
    free(aside.places);
    audiences_free(&audiences);
}

void carry_entry_alone(struct step *step, const struct carriage *carriage,
                       const struct entry_place *place)
{
    struct audience audience;
    struct entry_place places[] = {*place};
    bool as_it_is[] = {false};
    struct parcel parcel = {places, as_it_is, 1};
    struct sending sending = {step, carriage, &audience};
    audience_alone(step, carriage->type, &audience);
    if (audience.sealed_to != NULL && has_room(step))
        send_parcel(&sending, &parcel);
}

void carry_entry_into(struct step *step, const struct carriage *carriage,
                      const struct operation *op, const struct audience *audience)
{
    struct entry_place place = operation_place(op);
    bool as_it_is = goes_as_it_is(step, op, carriage->id);
    struct parcel parcel = {&place, &as_it_is, 1};
    struct sending sending = {step, carriage, audience};
    send_parcel(&sending, &parcel);
}

void carry_entry(struct step *step, const struct carriage *carriage,
                 const struct entry_place *place, const struct seat_names *to)
{
    struct audiences audiences;
    struct entry_place places[] = {*place};
    bool as_it_is[] = {false};
    struct parcel parcel = {places, as_it_is, 1};
    if (to->count == 0)
        return;
    if (!has_room(step)) {
        all_later(step, carriage, to);
        return;
    }
    audiences_find(step, carriage->circle, to, &audiences);
    for (size_t i = 0; i < audiences.count; i++) {
        struct sending sending = {step, carriage, &audiences.list[i]};
        send_parcel(&sending, &parcel);
    }
    note_unreached(step, carriage, &audiences);
    audiences_free(&audiences);
}
