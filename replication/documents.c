/* The documents of a session: both sides list what they hold, each sends what the other lacks
 * (formats.md 6). A child gets the rows of its own path, one a document, with their proofs; its
 * own branch and its subtree's documents whole.
 *
 *     have = [what follows, [[kind, seat, term, version, hash, whole] ...]] */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/documents_have.h"
#include "replication/folds.h"
#include "replication/notes.h"
#include "replication/notes_again.h"
#include "replication/trust.h"

enum have_flag { HAVE_MORE, HAVE_ASKS, HAVE_ANSWERS, HAVE_SENT };
enum {
    HAVE_LINES_MAX = 500,
    HAVES_MAX = 16384,
    ROWS_BYTES_USUAL = 48 << 10,
    /* sent before the peer has listed again what it holds: a link queues no more than a few */
    SLICE_BYTES = 256 << 10,
};

static void haves_free(struct session *session)
{
    free(session->haves);
    session->haves = NULL;
    session->have_count = 0;
    session->haves_whole = false;
}

void documents_free(struct session *session)
{
    documents_slot_free(session);
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
        have_write(&lines, held->kind, held);
        if (++count == HAVE_LINES_MAX) {
            send_have(step, session, HAVE_MORE, &lines, count);
            buffer_clear(&lines);
            count = 0;
        }
    }
    if (child != NULL && tree_pending_root(tree) != NULL) {
        have_write(&lines, HAVE_PENDING_ROOT, tree_pending_root(tree));
        count++;
    }
    send_have(step, session, answer ? HAVE_ANSWERS : HAVE_ASKS, &lines, count);
    buffer_free(&lines);
}

static bool peer_lacks(const struct session *session, const struct held_document *held,
                       bool wants_whole)
{
    const struct peer_have *have = have_find(session, held->kind, held);
    if (have == NULL)
        return true;
    if (held->kind ==
        DOCUMENT_ORDER) /* its term says who signed it; of equal ones the tree knows */
        return have->version < held->version ||
               (have->version == held->version && !hash_equal(&have->hash, &held->hash));
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
    return contacts_in(step, session, held) || count_rows_of(held, seat) > 1
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

/* It counts nowhere by this; but people there can be asked to confirm it. */
static void send_pending_root(struct step *step, const struct session *session)
{
    const struct held_document *pending = tree_pending_root(step->replica->tree);
    if (pending == NULL || session_child(step->replica, session) == NULL)
        return;
    const struct peer_have *waits = have_find(session, HAVE_PENDING_ROOT, pending);
    const struct peer_have *root = have_find(session, DOCUMENT_ROOT, pending);
    if ((waits == NULL || !hash_equal(&waits->hash, &pending->hash)) &&
        (root == NULL || root->term < pending->term))
        send_control(step, session, MESSAGE_DOCUMENT, pending->envelope);
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
    if (session->documents_at < count)
        return false;
    send_pending_root(step, session);
    return true;
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
    haves_sort(session);
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
        session->have_count += have_read(&reader, &session->haves[session->have_count]);
    mp_read_end(&reader);
    if (!formed || reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (flag == HAVE_ASKS || flag == HAVE_ANSWERS) {
        session->haves_whole = session->documents_due = true;
        session->list_due |= flag == HAVE_ASKS;
        session->beyond_told = false; /* it may see by now which ways have broken */
    } else if (flag == HAVE_SENT) {
        session->documents_got = true;
        enter_when_both_sent(step, session);
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
    notes_ask_again(step);
    folds_on_tree(step);
    parked_sweep(step);
    trust_look(replica);
    statement_on_orders(replica);
    HASH_ITER (hh, replica->sessions, session, next) {
        session->documents_at = 0;
        bool untold = PLANTED(DOCUMENTS_UNTOLD) || (PLANTED(TOLD_DOWN_ONLY) && session->uplink);
        if (session->state >= SESSION_DOCUMENTS && !untold) {
            documents_list(step, session, false);
        }
    }
}
