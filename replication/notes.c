/* Notes in motion: time tokens down from the root, heads statements and reports up to it.
 *
 * Every node keeps the newest of each signer and passes it on as the bytes received. At the
 * start of a session the child lists what it holds and the parent asks for what it lacks; later
 * each newer note is passed on as it comes, a bounded number of them unanswered. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/folds.h"
#include "replication/format/entry_parts.h"
#include "replication/notes.h"
#include "replication/notes_again.h"
#include "replication/reports.h"
#include "replication/trust.h"

enum { NOTES_IN_FLIGHT_MAX = 32, SUMMARY_LINES = 512, STATEMENT_EPOCHS_MAX = 64 };

static enum message_type message_of(enum hash_context context)
{
    return context == HASH_HEADS   ? MESSAGE_STATEMENT
           : context == HASH_CELLS ? MESSAGE_REPORT
                                   : MESSAGE_TOKEN;
}

/* What is queued already goes once, as the newest by then. */
static void queue_note(struct session *session, enum hash_context context, struct span key)
{
    struct note_due *due = NULL;
    HASH_FIND(hh, session->notes, key.data, key.size, due);
    if (due != NULL)
        return;
    due = mem_alloc(sizeof *due);
    memcpy(due->key, key.data, key.size);
    due->key_size = (uint8_t)key.size;
    due->context = (uint8_t)context;
    HASH_ADD(hh, session->notes, key, due->key_size, due);
}

void notes_free(struct session *session)
{
    struct note_due *due, *next;
    HASH_ITER (hh, session->notes, due, next) {
        HASH_DEL(session->notes, due);
        free(due);
    }
    notes_missed_free(session);
}

/* A statement goes down to who is on the way of a stream that it lists: by it alone he can tell
 * whether he has all that was addressed to him. */
static bool leads_down(struct step *step, const struct session *session, enum hash_context context,
                       const struct note_head *head, struct span note)
{
    const struct author *signer = tree_author(step->replica->tree, head->signer);
    const struct seat *peer = session_seat(step->replica, session);
    return context == HASH_HEADS && !session->uplink && signer != NULL && peer != NULL &&
           !seat_is_ancestor_or_self(peer, signer->seat) &&
           contacts_hold(session, peer, signer->seat) &&
           statement_leads_to(step->replica->tree, note, peer);
}

static bool is_from_below(const struct replica *replica, const struct note_head *head)
{
    const struct author *signer = tree_author(replica->tree, head->signer);
    const struct seat *own = own_seat(replica);
    return signer != NULL && own != NULL && seat_is_ancestor_or_self(own, signer->seat);
}

/* Tokens go down to every child, the others up to the parent, if they come from below. */
static bool goes_to(struct step *step, const struct session *session, enum hash_context context,
                    const struct note_head *head, struct span note)
{
    if (context == HASH_TOKEN)
        return !session->uplink;
    if (session->uplink && context == HASH_CELLS && folds_keep_back(step, head->signer))
        return false;
    return session->uplink ? is_from_below(step->replica, head)
                           : leads_down(step, session, context, head, note);
}

static void pass_on(struct step *step, enum hash_context context, const struct note_head *head,
                    struct span note, struct span key)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (session->state == SESSION_LIVE && goes_to(step, session, context, head, note))
            queue_note(session, context, key);
    }
}

bool note_is_newer(const struct note_head *a, const struct note_head *b)
{
    return a->epoch != b->epoch && !PLANTED(NOTE_EPOCH_IGNORED) ? a->epoch > b->epoch : a->k > b->k;
}

/* Statements are kept of STATEMENT_EPOCHS_MAX epochs of a key, the latest. False: this one's epoch
 * is before them. */
static bool make_room(struct step *step, const struct note_head *head)
{
    const struct view *view = step->view;
    uint8_t key[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(key, HASH_HEADS, head->signer, 0), count = 0;
    uint32_t first = 0, epoch = 0;
    struct span found, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(key, size), &found, &value) == READ_FOUND &&
           found.size == size && memcmp(found.data, key, size - 4) == 0) {
        epoch = read_u32(found.data + size - 4);
        if (epoch == head->epoch)
            return true;
        first = count++ == 0 ? epoch : first;
        if (epoch == UINT32_MAX)
            break;
        write_u32(key + size - 4, epoch + 1);
    }
    if (count < STATEMENT_EPOCHS_MAX)
        return true;
    if (head->epoch < first)
        return false;
    size = note_key(key, HASH_HEADS, head->signer, first);
    updates_remove(step->updates, TABLE_NOTES, SPAN(key, size));
    return true;
}

static void note_store(struct step *step, enum hash_context context, struct span note,
                       const struct note_head *head)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(key, context, head->signer, head->epoch);
    struct span held;
    if (context == HASH_HEADS && !make_room(step, head)) {
        step->replica->refusals.replay++;
        return;
    }
    if (context == HASH_HEADS &&
        step->view->get(step->view->context, TABLE_NOTES, SPAN(key, size), &held) != READ_FOUND)
        step->replica->losses_due = true; /* an epoch not heard of before */
    updates_put(step->updates, TABLE_NOTES, SPAN(key, size), note);
    pass_on(step, context, head, note, SPAN(key, size));
}

void note_store_own(struct step *step, enum hash_context context, struct span note,
                    const struct note_head *head)
{
    note_store(step, context, note, head);
    updates_set_signs(step->updates);
    step->replica->self_dirty = true;
    struct session *parent = session_parent(step->replica);
    if (context == HASH_CELLS && parent != NULL)
        parent->report_in_flight = true;
}

/* Newest known of this signer (and epoch); false: none is held. */
static bool held_note(struct step *step, enum hash_context context, const struct note_head *of,
                      struct note_head *held, struct span *note)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(key, context, of->signer, of->epoch);
    return step->view->get(step->view->context, TABLE_NOTES, SPAN(key, size), note) == READ_FOUND &&
           note_read_head(*note, context, held, NULL) == ERR_OK;
}

/* Of a key that is retired or revoked notes count up to those that its cut-off lists (A27). */
static bool counts(const struct tree *tree, enum hash_context context, const struct author *signer,
                   const struct note_head *head)
{
    if (context == HASH_TOKEN)
        return seat_status_is_in_force(signer->status);
    return (context == HASH_HEADS
                ? tree_trust_statement(tree, head->signer, head->epoch, head->k)
                : tree_trust_report(tree, head->signer, head->epoch, head->k)) == TRUST_COUNTS;
}

void notes_drop_cut(struct step *step, struct key_id id)
{
    static const enum hash_context contexts[] = {HASH_HEADS, HASH_CELLS};
    const struct author *signer = tree_author(step->replica->tree, id);
    for (size_t i = 0; signer != NULL && i < 2; i++) {
        uint8_t key[NOTE_KEY_BYTES_MAX + 1];
        size_t size = note_key(key, contexts[i], id, 0), prefix = 1 + KEY_ID_BYTES;
        struct span found, note;
        while (step->view->next(step->view->context, TABLE_NOTES, SPAN(key, size), &found, &note) ==
                   READ_FOUND &&
               found.size >= prefix && found.size <= NOTE_KEY_BYTES_MAX &&
               memcmp(found.data, key, prefix) == 0) {
            struct note_head head;
            bool cut = note_read_head(note, contexts[i], &head, NULL) == ERR_OK &&
                       !counts(step->replica->tree, contexts[i], signer, &head);
            memcpy(key, found.data, found.size);
            size = found.size;
            if (cut && contexts[i] == HASH_CELLS)
                cells_forget_report(step, id);
            if (cut)
                updates_remove(step->updates, TABLE_NOTES, SPAN(key, size));
            key[size++] = 0;
        }
    }
    if (signer != NULL)
        reports_drop_cut(step, id);
}

static bool held_head(struct step *step, enum hash_context context, const struct note_head *of,
                      struct note_head *held)
{
    struct span note;
    return held_note(step, context, of, held, &note);
}

struct note_line {
    enum hash_context context;
    struct note_head head;
};

static bool read_line(struct mp_reader *reader, struct note_line *line)
{
    if (mp_read_array(reader) != 4)
        mp_fail(reader);
    uint64_t context = mp_read_uint_max(reader, HASH_CONTEXT_COUNT - 1);
    const uint8_t *signer = mp_read_bin_of(reader, KEY_ID_BYTES);
    line->head.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    line->head.k = mp_read_uint(reader);
    line->context = (enum hash_context)context;
    if (reader->failed ||
        (context != HASH_HEADS && context != HASH_CELLS && context != HASH_TOKEN)) {
        mp_fail(reader);
        return false;
    }
    memcpy(line->head.signer.bytes, signer, KEY_ID_BYTES);
    return true;
}

void note_line_write(struct buffer *out, enum hash_context context, const struct note_head *head)
{
    mp_write_array(out, 4);
    mp_write_uint(out, context);
    mp_write_bin(out, SPAN_OF_ARRAY(head->signer.bytes));
    mp_write_uint(out, head->epoch);
    mp_write_uint(out, head->k);
}

static void answer_noted(struct step *step, const struct session *session,
                         enum hash_context context, const struct note_head *head)
{
    struct buffer body = {0};
    note_line_write(&body, context, head);
    send_control(step, session, MESSAGE_NOTED, span_of_buffer(&body));
    buffer_free(&body);
}

/* A note counts if its signer's seat is where such a note may come from: tokens from the root above
 * us, statements and reports from the sender's subtree; or from above what it holds of us and of
 * those below us, which a restore may have taken from here, and statements of streams that lead
 * through here. */
static bool may_sign(struct step *step, const struct session *session, enum hash_context context,
                     const struct author *signer, const struct note_head *head, struct span note)
{
    const struct seat *above =
        session->uplink ? own_seat(step->replica) : session_seat(step->replica, session);
    if (!counts(step->replica->tree, context, signer, head))
        return false;
    if (context == HASH_TOKEN)
        return session->uplink && signer->seat == tree_root_seat(step->replica->tree);
    return above != NULL && (seat_is_ancestor_or_self(above, signer->seat) ||
                             (context == HASH_HEADS && session->uplink &&
                              statement_leads_to(step->replica->tree, note, above)));
}

static enum error_code check_form(enum hash_context context, struct span note,
                                  struct cell_report *report)
{
    struct heads_statement statement;
    if (context == HASH_CELLS)
        return report_decode(note, report, NULL);
    if (context == HASH_HEADS) {
        enum error_code code = statement_decode(note, &statement, NULL);
        if (code == ERR_OK)
            statement_free(&statement);
        return code;
    }
    return ERR_OK;
}

/* From above comes a later epoch of somebody below than was known here: the signer must hear. */
static void tell_below(struct step *step, const struct author *signer, enum hash_context context,
                       const struct note_head *head)
{
    struct replica *replica = step->replica;
    struct session *session, *next;
    HASH_ITER (hh, replica->sessions, session, next) {
        const struct seat *peer = session_seat(replica, session);
        if (!session->uplink && session->state == SESSION_LIVE && peer != NULL &&
            seat_is_ancestor_or_self(peer, signer->seat))
            answer_noted(step, session, context, head);
    }
}

/* Our own note, come back: proof of a life of ours that this store has lost. */
static void hear_of_us(struct step *step, enum hash_context context, const struct note_head *head)
{
    struct replica *replica = step->replica;
    uint64_t known = context == HASH_CELLS ? replica->report_k : replica->statement_k;
    if (head->epoch >> 16 > (replica->self.epoch >> 16) + EPOCHS_AHEAD_MAX) {
        replica->refusals.not_allowed++;
        return;
    }
    if (head->epoch == replica->self.epoch && head->k > known)
        replica->epoch_passed = true;
    replica_hear_epoch(step, head->epoch);
}

void note_keep(struct step *step, const struct session *session, enum hash_context context,
               struct span note, const struct note_head *head)
{
    const struct author *signer = tree_author(step->replica->tree, head->signer);
    if (signer == NULL)
        return;
    author_key_keep(step->updates, signer);
    note_store(step, context, note, head);
    if (context == HASH_CELLS)
        reports_tidy(step, head->signer);
    if (context != HASH_TOKEN && session->uplink)
        tell_below(step, signer, context, head);
}

/* True: what was asked of it is its answer. */
static bool take_verified(struct step *step, struct session *session, enum hash_context context,
                          struct span note, const struct note_head *head,
                          struct cell_report *report)
{
    struct replica *replica = step->replica;
    if (context != HASH_TOKEN && key_id_equal(head->signer, replica->key_id)) {
        hear_of_us(step, context, head);
        return false;
    }
    if (context == HASH_CELLS) { /* compares with the report held so far: before storing */
        enum report_taken taken = reports_take(step, session, note, report);
        if (taken != REPORT_TAKEN)
            return taken == REPORT_WAITS;
    }
    if (context != HASH_TOKEN || token_take(step, head, note))
        note_keep(step, session, context, note, head);
    return false;
}

void notes_take(struct step *step, struct session *session, enum hash_context context,
                struct span note)
{
    struct replica *replica = step->replica;
    struct note_head head, held;
    struct cell_report report = {0};
    bool answered = false;
    if (note_read_head(note, context, &head, NULL) != ERR_OK) {
        session_refuse(step, session, "malformed", &replica->refusals.malformed);
        return;
    }
    const struct author *signer = tree_author(replica->tree, head.signer);
    if (signer == NULL) {
        replica->refusals.unknown_key++;
        notes_miss(session, context, &head);
    } else if (!may_sign(step, session, context, signer, &head, note)) {
        replica->refusals.not_allowed++;
        notes_miss(session, context, &head);
    } else if (held_head(step, context, &head, &held) && !note_is_newer(&head, &held)) {
        replica->refusals.replay += note_is_newer(&held, &head);
        head = held; /* the answer says what is held: its signer may not know */
    } else if (context == HASH_CELLS && reports_waits_newer(step, &head)) {
        replica->refusals.replay++;
    } else if (!PLANTED(NOTE_UNCHECKED) && !note_verify(note, context, &replica->options.tree_id,
                                                        signer->key, replica->options.verifier)) {
        replica->refusals.forged++;
    } else if (check_form(context, note, &report) != ERR_OK) {
        replica->refusals.malformed++;
    } else {
        answered = take_verified(step, session, context, note, &head, &report);
        report_free(&report);
    }
    if (!answered)
        answer_noted(step, session, context, &head);
}

/* Above, a later epoch of us or of somebody below is held than here, or more of our own, it says.
 * Anybody can say so: we ask for the note itself, which only its signer can have made. */
static void ask_for_proof(struct step *step, const struct session *session,
                          const struct note_line *line)
{
    struct replica *replica = step->replica;
    struct note_head held;
    const struct author *author = tree_author(replica->tree, line->head.signer);
    bool own = key_id_equal(line->head.signer, replica->key_id);
    uint64_t known = line->context == HASH_CELLS ? replica->report_k : replica->statement_k;
    bool news =
        own ? line->head.epoch > replica->self.epoch ||
                  (line->head.epoch == replica->self.epoch && line->head.k > known)
            : held_head(step, line->context, &line->head, &held) && held.epoch < line->head.epoch;
    if (!news || author == NULL ||
        !may_sign(step, session, line->context, author, &line->head, SPAN_EMPTY))
        return;
    struct buffer body = {0};
    mp_write_array(&body, 1);
    note_line_write(&body, line->context, &line->head);
    send_control(step, session, MESSAGE_WANTED, span_of_buffer(&body));
    buffer_free(&body);
}

void notes_on_noted(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct note_line line;
    bool formed = read_line(&reader, &line);
    mp_read_end(&reader);
    if (!formed || reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (session->notes_in_flight > 0)
        session->notes_in_flight--;
    if (line.context == HASH_CELLS && key_id_equal(line.head.signer, step->replica->key_id) &&
        !PLANTED(REPORT_STUCK))
        session->report_in_flight = false;
    if (session->uplink && line.context != HASH_TOKEN)
        ask_for_proof(step, session, &line);
}

void notes_send_due(struct step *step, struct session *session)
{
    struct note_due *due, *next;
    HASH_ITER (hh, session->notes, due, next) {
        struct span value;
        if (session->notes_in_flight == NOTES_IN_FLIGHT_MAX)
            return;
        if (step->view->get(step->view->context, TABLE_NOTES, SPAN(due->key, due->key_size),
                            &value) == READ_FOUND) {
            /* up to 32 KiB each, and up to 32 of them: not in front of what is urgent */
            updates_send(step->updates, session->link, CHANNEL_NORMAL,
                         (uint8_t)message_of(due->context), value);
            session->notes_in_flight++;
        }
        HASH_DEL(session->notes, due);
        free(due);
    }
}

static void send_summary(struct step *step, struct session *session, struct buffer *lines,
                         uint32_t *count)
{
    struct buffer body = {0};
    mp_write_array(&body, *count);
    buffer_append_span(&body, span_of_buffer(lines));
    send_control(step, session, MESSAGE_NOTES, span_of_buffer(&body));
    buffer_free(&body);
    buffer_clear(lines);
    *count = 0;
}

/* What we hold of statements and reports (upward), or the token (downward). */
void notes_summary(struct step *step, struct session *session)
{
    struct buffer lines = {0}, from = {0};
    struct span key, note;
    uint32_t count = 0;
    buffer_append_byte(&from, 0);
    while (step->view->next(step->view->context, TABLE_NOTES, span_of_buffer(&from), &key, &note) ==
           READ_FOUND) {
        enum hash_context context = key.data[0];
        struct note_head head;
        if (note_read_head(note, context, &head, NULL) == ERR_OK &&
            goes_to(step, session, context, &head, note)) {
            note_line_write(&lines, context, &head);
            if (++count == SUMMARY_LINES)
                send_summary(step, session, &lines, &count);
        }
        buffer_clear(&from);
        buffer_append_span(&from, key);
        buffer_append_byte(&from, 0);
    }
    if (count > 0)
        send_summary(step, session, &lines, &count);
    buffer_free(&lines);
    buffer_free(&from);
}

void notes_on_summary(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct buffer wanted = {0}, lines = {0};
    uint32_t count = mp_read_array(&reader), wanted_count = 0;
    session->unsure = false; /* the parent has gone live: what it wants, it has asked for */
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        size_t at = reader.at;
        struct note_line line;
        struct note_head held;
        if (!read_line(&reader, &line))
            break;
        if (!held_head(step, line.context, &line.head, &held) || note_is_newer(&line.head, &held)) {
            buffer_append(&lines, body.data + at, reader.at - at);
            wanted_count++;
        } else if (held.epoch > line.head.epoch) {
            answer_noted(step, session, line.context, &held);
        }
    }
    mp_read_end(&reader);
    if (reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
    } else if (wanted_count > 0) {
        mp_write_array(&wanted, wanted_count);
        buffer_append_span(&wanted, span_of_buffer(&lines));
        send_control(step, session, MESSAGE_WANTED, span_of_buffer(&wanted));
    }
    buffer_free(&wanted);
    buffer_free(&lines);
}

/* Down go tokens, what is its own and its subtree's, and what leads there; up goes what isn't a
 * token. */
static bool may_want(struct step *step, const struct session *session, const struct note_line *line,
                     const struct note_head *held, struct span note)
{
    const struct author *signer = tree_author(step->replica->tree, line->head.signer);
    const struct seat *peer = session_seat(step->replica, session);
    if (session->uplink)
        return line->context != HASH_TOKEN;
    return line->context == HASH_TOKEN ||
           (signer != NULL && peer != NULL && seat_is_ancestor_or_self(peer, signer->seat)) ||
           leads_down(step, session, line->context, held, note);
}

void notes_on_wanted(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint32_t count = mp_read_array(&reader);
    if (count == 0 && !reader.failed && session->state == SESSION_LIVE)
        notes_summary(step, session); /* it has missed too many to name them */
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        struct note_line line;
        struct note_head held;
        struct span note;
        if (read_line(&reader, &line) && held_note(step, line.context, &line.head, &held, &note) &&
            may_want(step, session, &line, &held, note)) {
            uint8_t key[NOTE_KEY_BYTES_MAX];
            size_t size = note_key(key, line.context, line.head.signer, line.head.epoch);
            queue_note(session, line.context, SPAN(key, size));
        }
    }
    mp_read_end(&reader);
    if (reader.failed)
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
}

/* The root signs the time; everybody what he has written for others. */
void notes_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    const struct seat *seat = own_seat(replica);
    if (seat == NULL)
        return;
    if (seat->parent == NULL)
        token_when_due(step);
    statement_when_due(step);
    report_when_due(step);
}
