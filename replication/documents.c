/* The documents of a session: both sides list what they hold, each sends what the other lacks
 * (formats.md 6). A child gets the rows of its own path, one a document, with their proofs; its
 * own branch and its subtree's documents whole.
 *
 *     have = [what follows, [[kind, seat, term, version, hash, whole] ...]] */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"
#include "replication/rows/document_rows.h"
#include "replication/trust.h"

enum have_flag { HAVE_MORE, HAVE_ASKS, HAVE_ANSWERS, HAVE_SENT };
enum {
    HAVE_LINES_MAX = 500,
    HAVES_MAX = 16384,
    ROWS_BYTES_USUAL = 48 << 10,
    /* sent before the peer has listed again what it holds: a link queues no more than a few */
    SLICE_BYTES = 256 << 10,
};

struct peer_have {
    uint8_t kind;
    bool whole, frozen;
    char seat[SEAT_BYTES_MAX + 1];
    uint64_t term, version;
    struct hash hash;
};

struct document_slot {
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1];
    struct hash hash;
    uint32_t row_count; /* of the whole document */
    uint32_t row_bytes;
    struct buffer rows; /* bins, one after the other */
    uint32_t held;
};

static void slot_free(struct session *session)
{
    if (session->rows_for != NULL) {
        buffer_free(&session->rows_for->rows);
        free(session->rows_for);
        session->rows_for = NULL;
    }
}

static void haves_free(struct session *session)
{
    free(session->haves);
    session->haves = NULL;
    session->have_count = 0;
    session->haves_whole = false;
}

void documents_free(struct session *session)
{
    slot_free(session);
    haves_free(session);
}

static void send_have(struct step *step, const struct session *session, enum have_flag flag,
                      const struct buffer *lines, uint32_t count)
{
    struct buffer body = {0};
    mp_write_array(&body, 2);
    mp_write_uint(&body, flag);
    mp_write_array(&body, count);
    buffer_append(&body, lines->data, lines->size);
    send_control(step, session, MESSAGE_HAVE, span_of_buffer(&body));
    buffer_free(&body);
}

void documents_list(struct step *step, const struct session *session, bool answer)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *child = session_child(step->replica, session);
    struct buffer lines = {0};
    uint32_t count = 0;
    for (size_t i = 0; child != NULL && i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        if (!tree_document_matters(tree, held, span_of_text(child->row.seat)))
            continue;
        mp_write_array(&lines, 7);
        mp_write_uint(&lines, held->kind);
        mp_write_text(&lines, held->seat);
        mp_write_uint(&lines, held->term);
        mp_write_uint(&lines, held->version);
        mp_write_bin(&lines, SPAN_OF_ARRAY(held->hash.bytes));
        mp_write_bool(&lines, held->whole);
        mp_write_bool(&lines, held->frozen);
        if (++count == HAVE_LINES_MAX) {
            send_have(step, session, HAVE_MORE, &lines, count);
            buffer_clear(&lines);
            count = 0;
        }
    }
    send_have(step, session, answer ? HAVE_ANSWERS : HAVE_ASKS, &lines, count);
    buffer_free(&lines);
}

static bool read_have(struct mp_reader *reader, struct peer_have *have)
{
    uint32_t parts = mp_read_array(reader);
    have->kind = (uint8_t)mp_read_uint_max(reader, UINT8_MAX);
    struct span seat = mp_read_str(reader);
    have->term = mp_read_uint(reader);
    have->version = mp_read_uint(reader);
    const uint8_t *hash = mp_read_bin_of(reader, HASH_BYTES);
    have->whole = mp_read_bool(reader);
    have->frozen = parts == 7 && mp_read_bool(reader);
    if ((parts != 6 && parts != 7) || reader->failed || seat.size > SEAT_BYTES_MAX) {
        mp_fail(reader);
        return false;
    }
    memset(have->seat, 0, sizeof have->seat);
    memcpy(have->seat, seat.data, seat.size);
    memcpy(have->hash.bytes, hash, HASH_BYTES);
    return true;
}

static int compare_haves(const void *a, const void *b)
{
    const struct peer_have *left = a, *right = b;
    return left->kind != right->kind ? (left->kind > right->kind) - (left->kind < right->kind)
                                     : strcmp(left->seat, right->seat);
}

static const struct peer_have *find_have(const struct session *session,
                                         const struct held_document *held)
{
    struct peer_have key = {.kind = (uint8_t)held->kind};
    memcpy(key.seat, held->seat, strlen(held->seat) + 1);
    return session->have_count == 0
               ? NULL
               : bsearch(&key, session->haves, session->have_count, sizeof key, compare_haves);
}

static bool peer_lacks(const struct session *session, const struct held_document *held,
                       bool wants_whole)
{
    const struct peer_have *have = find_have(session, held);
    if (have == NULL)
        return true;
    if (have->term != held->term)
        return have->term < held->term;
    if (have->frozen != held->frozen)
        return held->frozen;
    if (have->version != held->version)
        return held->frozen ? held->version < have->version : have->version < held->version;
    int order = hash_compare(&held->hash, &have->hash);
    return order < 0 || (order == 0 && wants_whole && !have->whole && held->whole);
}

static size_t send_rows(struct step *step, const struct session *session, uint32_t first,
                        const struct buffer *rows, uint32_t count, const struct span *proof)
{
    struct buffer body = {0};
    mp_write_array(&body, 3);
    mp_write_uint(&body, first);
    mp_write_array(&body, count);
    buffer_append(&body, rows->data, rows->size);
    if (proof != NULL)
        mp_write_bin(&body, *proof);
    else
        mp_write_nil(&body);
    size_t size = body.size;
    send_control(step, session, MESSAGE_ROWS, span_of_buffer(&body));
    buffer_free(&body);
    return size;
}

static size_t send_all_rows(struct step *step, const struct session *session,
                            const struct held_document *held)
{
    struct buffer rows = {0};
    uint32_t first = 0, count = 0;
    size_t size = 0;
    for (uint32_t i = 0; i < held->row_count; i++) {
        mp_write_bin(&rows, held->rows[i]);
        count++;
        if (rows.size >= ROWS_BYTES_USUAL - DOCUMENT_ROW_BYTES_MAX || i + 1 == held->row_count) {
            size += send_rows(step, session, first, &rows, count, NULL);
            buffer_clear(&rows);
            first += count;
            count = 0;
        }
    }
    buffer_free(&rows);
    return size;
}

/* The rows of one seat, each alone with its proof. */
static size_t send_rows_of(struct step *step, const struct session *session,
                           const struct held_document *held, const char *seat)
{
    size_t size = 0;
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        struct buffer proof = {0}, bin = {0};
        if (seat_row_decode(held->rows[i], &row, NULL) != ERR_OK || strcmp(row.seat, seat) != 0)
            continue;
        if (held->whole)
            tree_prove_row(held, held->places[i], &proof);
        else
            buffer_append_span(&proof, held->proofs[i]);
        struct span span = span_of_buffer(&proof);
        mp_write_bin(&bin, held->rows[i]);
        size += send_rows(step, session, held->places[i], &bin, 1, &span);
        buffer_free(&proof);
        buffer_free(&bin);
    }
    return size;
}

void documents_send_envelope(struct step *step, const struct session *session,
                             const struct held_document *held)
{
    const struct tree *tree = step->replica->tree;
    struct buffer body = {0};
    for (size_t i = 0; held->kind == DOCUMENT_ROOT && i < tree_former_root_count(tree); i++)
        send_control(step, session, MESSAGE_DOCUMENT, tree_former_root(tree, i));
    if (held->frozen) {
        mp_write_array(&body, 2);
        mp_write_bin(&body, held->twins[0]);
        mp_write_bin(&body, held->twins[1]);
        send_control(step, session, MESSAGE_TWINS, span_of_buffer(&body));
        buffer_free(&body);
    }
    send_control(step, session, MESSAGE_DOCUMENT, held->envelope);
}

static size_t count_rows_of(const struct held_document *held, const char *seat)
{
    size_t count = 0;
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) == ERR_OK && strcmp(row.seat, seat) == 0)
            count++;
    }
    return count;
}

/* Several rows go as one set: a link cut between them must leave nobody with the newest alone. */
static size_t send_seat_rows(struct step *step, struct session *session,
                             const struct held_document *held, const char *seat)
{
    return contacts_in(session, held) || count_rows_of(held, seat) > 1
               ? contacts_send_rows(step, session, held, seat)
               : send_rows_of(step, session, held, seat);
}

void documents_send(struct step *step, struct session *session, const struct held_document *held,
                    const char *seat)
{
    documents_send_envelope(step, session, held);
    send_seat_rows(step, session, held, seat);
}

/* Gives how many bytes went. */
static size_t send_document(struct step *step, struct session *session,
                            const struct held_document *held, const struct seat *child)
{
    struct span seat = span_of_text(held->seat);
    const struct seat *whose = tree_seat(step->replica->tree, seat);
    bool above = held->kind == DOCUMENT_BRANCH && whose != NULL && whose != child &&
                 seat_is_ancestor_or_self(whose, child);
    if (!peer_lacks(session, held, !above))
        return 0;
    size_t size = held->envelope.size;
    documents_send_envelope(step, session, held);
    if (!above)
        return size + send_all_rows(step, session, held);
    const struct seat *next = child;
    while (next->parent != whose)
        next = next->parent;
    return size + send_seat_rows(step, session, held, next->row.seat);
}

/* True when that was all. */
static bool send_lacking(struct step *step, struct session *session)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *child = session_child(step->replica, session);
    size_t count = child == NULL ? 0 : tree_document_count(tree), size = 0;
    for (; session->documents_at < count && size < SLICE_BYTES; session->documents_at++) {
        const struct held_document *held = tree_document(tree, session->documents_at);
        if (tree_document_matters(tree, held, span_of_text(child->row.seat)))
            size += send_document(step, session, held, child);
    }
    return session->documents_at >= count;
}

static void enter_when_both_sent(struct step *step, struct session *session)
{
    if (session->state == SESSION_DOCUMENTS && session->documents_sent && session->documents_got)
        session_enter(step, session, SESSION_COMPARING);
}

/* Once a batch, however often it was asked for; piece by piece, each after the peer has listed
 * what it holds by then. */
static void answer(struct step *step, struct session *session)
{
    struct buffer none = {0};
    if (session->list_due)
        documents_list(step, session, true);
    session->list_due = session->documents_due = false;
    if (session->have_count > 0)
        qsort(session->haves, session->have_count, sizeof *session->haves, compare_haves);
    if (send_lacking(step, session)) {
        send_have(step, session, HAVE_SENT, &none, 0);
        session->documents_at = 0;
        session->documents_sent = true;
    } else {
        documents_list(step, session, false);
    }
    haves_free(session);
    enter_when_both_sent(step, session);
}

void documents_answer_due(struct step *step)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (session->documents_due && session->state == SESSION_GUIDED)
            guide_tell(step, session);
        else if (session->documents_due && session->state >= SESSION_DOCUMENTS)
            answer(step, session);
    }
}

void documents_on_have(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    bool formed = mp_read_array(&reader) == 2;
    enum have_flag flag = (enum have_flag)mp_read_uint_max(&reader, HAVE_SENT);
    uint32_t count = mp_read_array(&reader);
    if (session->haves_whole && flag != HAVE_SENT) {
        haves_free(session); /* the newest list counts */
    }
    formed = formed && !reader.failed && session->have_count + count <= HAVES_MAX;
    if (formed && count > 0) {
        session->haves =
            mem_resize(session->haves, (session->have_count + count) * sizeof *session->haves);
    }
    for (uint32_t i = 0; formed && i < count; i++)
        session->have_count += read_have(&reader, &session->haves[session->have_count]);
    mp_read_end(&reader);
    if (!formed || reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (flag == HAVE_ASKS || flag == HAVE_ANSWERS) {
        session->haves_whole = session->documents_due = true;
        session->list_due |= flag == HAVE_ASKS;
    } else if (flag == HAVE_SENT) {
        session->documents_got = true;
        enter_when_both_sent(step, session);
    }
}

/* What the tree took goes to the store; what doesn't verify is counted and changes nothing. */
static void took(struct step *step, enum error_code code, enum document_kind kind, const char *seat)
{
    struct replica *replica = step->replica;
    if (code == ERR_OK) {
        document_rows_put(step->updates, replica->tree, kind, span_of_text(seat));
        updates_trace(step->updates, "document %u %s taken", kind, seat);
    } else if (code != ERR_STALE && code != ERR_PARKED) {
        replica->refusals.forged += code == ERR_FORGED;
        replica->refusals.not_allowed += code == ERR_NOT_ALLOWED;
        replica->refusals.damaged += code == ERR_DAMAGED;
        replica->refusals.malformed += code == ERR_MALFORMED || code == ERR_OVERSIZE;
        updates_trace(step->updates, "document %u %s refused: %s", kind, seat, error_name(code));
    }
}

void documents_on_document(struct step *step, struct session *session, struct span body)
{
    struct document_envelope envelope;
    slot_free(session);
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

/* Another link may have brought the next version since: its header waits for rows of its own. */
static bool slot_is_held(const struct step *step, const struct document_slot *slot)
{
    const struct tree *tree = step->replica->tree;
    const struct held_document *held =
        tree_find_document(tree, slot->kind, span_of_text(slot->seat));
    bool in_force = held != NULL && hash_equal(&held->hash, &slot->hash);
    return tree_has_document(tree, slot->kind, span_of_text(slot->seat), &slot->hash) &&
           !(in_force && held->whole);
}

static void offer_whole(struct step *step, struct document_slot *slot)
{
    if (!slot_is_held(step, slot))
        return;
    struct span *rows = mem_alloc(slot->row_count * sizeof *rows);
    struct mp_reader reader = mp_reader(span_of_buffer(&slot->rows));
    for (uint32_t i = 0; i < slot->row_count; i++)
        rows[i] = mp_read_bin(&reader);
    took(step,
         tree_offer_rows(step->replica->tree, slot->kind, span_of_text(slot->seat), rows,
                         slot->row_count, 0, NULL, NULL),
         slot->kind, slot->seat);
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
    struct span row = count == 1 ? mp_read_bin(&after) : SPAN_EMPTY;
    if (count == 1 && mp_peek(&after) == MP_BIN) {
        struct span proof = mp_read_bin(&after);
        mp_read_end(&after);
        if (!after.failed) {
            took(step,
                 tree_offer_rows(step->replica->tree, slot->kind, span_of_text(slot->seat), &row, 1,
                                 first, &proof, NULL),
                 slot->kind, slot->seat);
            return;
        }
    }
    if (!gather_rows(slot, first, &reader, count)) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
    } else if (slot->held == slot->row_count) {
        offer_whole(step, slot);
        slot_free(session);
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
        took(step,
             tree_offer_row_set(step->replica->tree, slot->kind, span_of_text(slot->seat), rows,
                                count, NULL),
             slot->kind, slot->seat);
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
        slot_free(session);
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
    const char *seat = envelope.decoded.seat;
    took(step, tree_offer_document(tree, event->document.envelope, NULL), envelope.decoded.kind,
         seat);
    const struct span *rows = event->document.rows;
    size_t count = event->document.row_count;
    if (event->document.places == NULL && count > 0) {
        took(step,
             tree_offer_rows(tree, envelope.decoded.kind, span_of_text(seat), rows, count, 0, NULL,
                             NULL),
             envelope.decoded.kind, seat);
    }
    for (size_t i = 0; event->document.places != NULL && i < count; i++) {
        took(step,
             tree_offer_rows(tree, envelope.decoded.kind, span_of_text(seat), &rows[i], 1,
                             event->document.places[i], &event->document.proofs[i], NULL),
             envelope.decoded.kind, seat);
    }
}

/* The tree has changed in this batch: tell everyone we talk to, and judge the links again. */
void documents_push_changes(struct step *step)
{
    struct replica *replica = step->replica;
    struct session *session, *next;
    if (replica->tree_seen == tree_change_count(replica->tree))
        return;
    replica->tree_seen = tree_change_count(replica->tree);
    sessions_judge_again(step);
    receive_ask_on_change(step);
    parked_sweep(step);
    trust_look(replica);
    HASH_ITER (hh, replica->sessions, session, next) {
        session->documents_at = 0;
        if (session->state >= SESSION_DOCUMENTS && !PLANTED(DOCUMENTS_UNTOLD)) {
            documents_list(step, session, false);
        }
    }
}
