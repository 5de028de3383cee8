/* Documents that come: of a session's peer a header, then its rows, all of them or single ones with
 * their proofs; or by hand. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"
#include "replication/rows/document_rows.h"

struct document_slot {
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1];
    struct hash hash;
    uint32_t row_count; /* of the whole document */
    uint32_t row_bytes;
    struct buffer rows; /* bins, one after the other */
    uint32_t held;
};

void documents_slot_free(struct session *session)
{
    if (session->rows_for != NULL) {
        buffer_free(&session->rows_for->rows);
        free(session->rows_for);
        session->rows_for = NULL;
    }
}

/* What the tree took goes to the store; what doesn't verify is counted and changes nothing. */
static void took(struct step *step, enum error_code code, enum document_kind kind, const char *seat)
{
    struct replica *replica = step->replica;
    if (kind == DOCUMENT_ORDER && tree_orders_stamp(replica->tree) != replica->orders_seen) {
        replica->orders_seen = tree_orders_stamp(replica->tree); /* also one that counts less */
        document_rows_put(step->updates, replica->tree, kind, span_of_text(seat));
        updates_trace(step->updates, "order to %s kept: %s", seat, error_name(code));
    } else if (code == ERR_OK) {
        document_rows_put(step->updates, replica->tree, kind, span_of_text(seat));
        updates_trace(step->updates, "document %u %s taken", kind, seat);
    } else if (code != ERR_STALE && code != ERR_PARKED) {
        replica->refusals.forged += code == ERR_FORGED;
        replica->refusals.not_allowed += code == ERR_NOT_ALLOWED;
        replica->refusals.damaged += code == ERR_DAMAGED;
        replica->refusals.malformed += code == ERR_MALFORMED || code == ERR_OVERSIZE;
        updates_trace(step->updates, "document %u %s refused: %s", kind, seat, error_name(code));
        if (tree_find_document(replica->tree, kind, span_of_text(seat)) == NULL)
            document_rows_put(step->updates, replica->tree, kind, span_of_text(seat));
    }
}

void documents_on_document(struct step *step, struct session *session, struct span body)
{
    struct document_envelope envelope;
    documents_slot_free(session);
    if (document_open(body, &envelope, NULL) != ERR_OK) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    enum error_code code = tree_offer_document(step->replica->tree, body, NULL);
    took(step, code, envelope.decoded.kind, envelope.decoded.seat);
    struct hash hash = document_hash(envelope.header);
    if ((code != ERR_OK && code != ERR_STALE) ||
        !tree_has_document(step->replica->tree, envelope.decoded.kind,
                           span_of_text(envelope.decoded.seat), &hash)) {
        return; /* its rows will find no slot and are passed over */
    }
    session->rows_for = mem_alloc(sizeof *session->rows_for);
    session->rows_for->kind = envelope.decoded.kind;
    session->rows_for->hash = hash;
    memcpy(session->rows_for->seat, envelope.decoded.seat, sizeof session->rows_for->seat);
    session->rows_for->row_count = envelope.decoded.row_count;
    session->rows_for->row_bytes = envelope.decoded.row_bytes;
}

void documents_on_twins(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct document_envelope envelope;
    bool formed = mp_read_array(&reader) == 2;
    struct span first = mp_read_bin(&reader), second = mp_read_bin(&reader);
    mp_read_end(&reader);
    if (!formed || reader.failed || document_open(first, &envelope, NULL) != ERR_OK) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    took(step, tree_offer_twins(step->replica->tree, first, second, NULL), envelope.decoded.kind,
         envelope.decoded.seat);
}

/* All rows of the document with this hash. They are passed over where another version is held by
 * now: a link may have brought the next one between this one's header and its rows. */
static void offer_whole(struct step *step, enum document_kind kind, const char *seat,
                        const struct hash *document, const struct span *rows, size_t count)
{
    struct tree *tree = step->replica->tree;
    struct span name = span_of_text(seat);
    const struct held_document *held = tree_find_document(tree, kind, name);
    bool is_whole = held != NULL && hash_equal(&held->hash, document) && held->whole;
    if (count > 0 && !is_whole && tree_has_document(tree, kind, name, document))
        took(step, tree_offer_rows(tree, kind, name, rows, count, 0, NULL, NULL), kind, seat);
}

static void offer_gathered(struct step *step, const struct document_slot *slot)
{
    struct span *rows = mem_alloc(slot->row_count * sizeof *rows);
    struct mp_reader reader = mp_reader(span_of_buffer(&slot->rows));
    for (uint32_t i = 0; i < slot->row_count; i++)
        rows[i] = mp_read_bin(&reader);
    offer_whole(step, slot->kind, slot->seat, &slot->hash, rows, slot->row_count);
    free(rows);
}

/* False: more rows than the header has spoken of. */
static bool gather_rows(struct document_slot *slot, uint32_t first, struct mp_reader *reader,
                        uint32_t count)
{
    if (first != slot->held || count > slot->row_count - slot->held)
        return false;
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        mp_write_bin(&slot->rows, mp_read_bin(reader));
    slot->held += count;
    mp_read_nil(reader);
    mp_read_end(reader);
    if (reader->failed || slot->rows.size > slot->row_bytes + 5UL * slot->row_count)
        return false;
    return true;
}

/* A newer version of a document that this node holds whole comes into force whole: its own branch
 * and those below it. One that a child brings with the rows that it knows would let all others fall
 * out of the tree. */
static bool comes_whole(const struct step *step, enum document_kind kind, const char *seat,
                        const struct hash *document)
{
    const struct tree *tree = step->replica->tree;
    const struct held_document *held = tree_find_document(tree, kind, span_of_text(seat));
    const struct seat *self = own_seat(step->replica);
    const struct seat *whose =
        kind == DOCUMENT_ROOT ? tree_root_seat(tree) : tree_seat(tree, span_of_text(seat));
    return kind != DOCUMENT_TYPES && held != NULL && held->whole && held->row_count > 0 &&
           !hash_equal(&held->hash, document) && whose != NULL && self != NULL &&
           seat_is_ancestor_or_self(self, whose);
}

static void offer_proved(struct step *step, enum document_kind kind, const char *seat,
                         const struct hash *document, const struct proved_row *rows, size_t count)
{
    if (comes_whole(step, kind, seat, document))
        return;
    took(step,
         tree_offer_row_set(step->replica->tree, kind, span_of_text(seat), document, rows, count,
                            NULL),
         kind, seat);
}

void documents_on_rows(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct document_slot *slot = session->rows_for;
    bool formed = mp_read_array(&reader) == 3;
    uint32_t first = (uint32_t)mp_read_uint_max(&reader, DOCUMENT_ROWS_MAX);
    uint32_t count = mp_read_array(&reader);
    if (!formed || reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (slot == NULL)
        return;
    struct mp_reader after = reader;
    struct proved_row row = {.place = first, .row = count == 1 ? mp_read_bin(&after) : SPAN_EMPTY};
    if (count == 1 && mp_peek(&after) == MP_BIN) {
        row.proof = mp_read_bin(&after);
        mp_read_end(&after);
        if (!after.failed) {
            offer_proved(step, slot->kind, slot->seat, &slot->hash, &row, 1);
            return;
        }
    }
    if (!gather_rows(slot, first, &reader, count)) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
    } else if (slot->held == slot->row_count) {
        offer_gathered(step, slot);
        documents_slot_free(session);
    }
}

static bool read_proved_row(struct mp_reader *reader, struct proved_row *row)
{
    bool formed = mp_read_array(reader) == 3;
    row->place = (uint32_t)mp_read_uint_max(reader, DOCUMENT_ROWS_MAX);
    row->row = mp_read_bin(reader);
    row->proof = mp_read_bin(reader);
    return formed && !reader->failed;
}

static void offer_set(struct step *step, const struct session *session,
                      const struct document_slot *slot)
{
    struct proved_row *rows = mem_alloc((slot->held + 1) * sizeof *rows);
    struct mp_reader reader = mp_reader(span_of_buffer(&slot->rows));
    uint32_t count = 0;
    reader.items_max = UINT32_MAX;
    while (count < slot->held && read_proved_row(&reader, &rows[count]))
        count++;
    if (count > 0) {
        offer_proved(step, slot->kind, slot->seat, &slot->hash, rows, count);
        contacts_acknowledge(step, session, rows, count);
    }
    free(rows);
}

/* [more, [[place, row, proof] ...]]: taken together when the last are here, so that a newer
 * document comes into force with all of them. */
void documents_on_row_set(struct step *step, struct session *session, struct span body)
{
    enum { PROOF_BYTES_MAX = 13 * HASH_BYTES + 16 }; /* of one row among 4,096 */
    struct mp_reader reader = mp_reader(body);
    struct document_slot *slot = session->rows_for;
    bool formed = session->uplink && mp_read_array(&reader) == 2;
    bool more = mp_read_bool(&reader);
    uint32_t count = mp_read_array(&reader);
    if (slot == NULL && formed)
        return;
    size_t from = reader.at;
    struct proved_row row;
    for (uint32_t i = 0; formed && i < count; i++)
        formed = read_proved_row(&reader, &row);
    mp_read_end(&reader);
    formed = formed && !reader.failed && count <= slot->row_count - slot->held;
    if (formed) {
        buffer_append(&slot->rows, body.data + from, body.size - from);
        slot->held += count;
        formed =
            slot->rows.size <= slot->row_bytes + (size_t)PROOF_BYTES_MAX * (slot->row_count + 1);
    }
    if (!formed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
    } else if (!more) {
        offer_set(step, session, slot);
        documents_slot_free(session);
    }
}

void documents_take_local(struct step *step, const struct event *event)
{
    struct document_envelope envelope;
    struct tree *tree = step->replica->tree;
    if (document_open(event->document.envelope, &envelope, NULL) != ERR_OK) {
        step->replica->refusals.malformed++;
        return;
    }
    enum document_kind kind = envelope.decoded.kind;
    const char *seat = envelope.decoded.seat;
    struct hash hash = document_hash(envelope.header);
    enum error_code code = event->document.confirmed
                               ? tree_offer_confirmed(tree, event->document.envelope, NULL)
                               : tree_offer_document(tree, event->document.envelope, NULL);
    took(step, code, kind, seat);
    const struct span *rows = event->document.rows;
    size_t count = event->document.row_count;
    if (event->document.places == NULL)
        offer_whole(step, kind, seat, &hash, rows, count);
    for (size_t i = 0; event->document.places != NULL && i < count; i++) {
        struct proved_row row = {event->document.places[i], rows[i], event->document.proofs[i]};
        if (tree_has_document(tree, kind, span_of_text(seat), &hash))
            offer_proved(step, kind, seat, &hash, &row, 1);
    }
}
