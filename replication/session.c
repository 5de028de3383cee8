/* A session: one live link, from the greeting to the flow of blocks.
 *
 *     greeting -> documents -> comparing -> live        (refused from anywhere)
 *              \______________/
 *               equal digests
 *
 * A link between a seat and its former parent, or one further above, ends in `guided`: documents
 * come down, and bye. Unless the lower one says that its parent can't be reached, and that it has
 * come over a fallback: then the two carry what both hold (rules.md B150).
 *
 * Greeting: both have said hello. Documents: what one lacks the other sends. Comparing: heads are
 * compared by digest, then by list. Live: blocks flow both ways, urgent first. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/move.h"
#include "replication/notes.h"
#include "replication/reports.h"

enum { PROTOCOL_LOWEST = 1, PROTOCOL_HIGHEST = 1 };

struct session *session_find(const struct replica *replica, uint32_t link)
{
    struct session *session = NULL;
    HASH_FIND(hh, replica->sessions, &link, sizeof link, session);
    return session;
}

struct session *session_parent(const struct replica *replica)
{
    for (struct session *session = replica->sessions; session != NULL; session = session->hh.next) {
        if (session->uplink && session->state == SESSION_LIVE)
            return session;
    }
    return NULL;
}

const struct seat *own_seat(const struct replica *replica)
{
    const struct seat *seat = tree_seat(replica->tree, span_of_text(replica->options.seat));
    const struct author *self = tree_author(replica->tree, replica->key_id);
    return seat != NULL && self != NULL && self->seat == seat &&
                   seat_status_is_in_force(self->status)
               ? seat
               : NULL;
}

const struct seat *session_seat(const struct replica *replica, const struct session *session)
{
    return tree_seat(replica->tree, span_of_text(session->seat));
}

const struct seat *session_child(const struct replica *replica, const struct session *session)
{
    return session->uplink ? own_seat(replica) : session_seat(replica, session);
}

void session_free(struct replica *replica, struct session *session)
{
    HASH_DEL(replica->sessions, session);
    cursors_free(session);
    compare_free(session);
    notes_free(session);
    documents_free(session);
    contacts_free(session);
    free(session->in_handles);
    free(session->out_handles);
    free(session);
}

void send_control(struct step *step, const struct session *session, enum message_type type,
                  struct span body)
{
    if (session->state != SESSION_REFUSED)
        updates_send(step->updates, session->link, CHANNEL_CONTROL, (uint8_t)type, body);
}

void session_bye(struct step *step, struct session *session, const char *reason)
{
    struct buffer body = {0};
    mp_write_map(&body, 1);
    mp_write_uint(&body, 1);
    mp_write_text(&body, reason);
    send_control(step, session, MESSAGE_BYE, span_of_buffer(&body));
    buffer_free(&body);
    session->state = SESSION_REFUSED;
    updates_close(step->updates, session->link);
}

void session_refuse(struct step *step, struct session *session, const char *reason,
                    uint64_t *counter)
{
    if (session->state == SESSION_REFUSED)
        return;
    session_bye(step, session, reason);
    (*counter)++;
    updates_trace(step->updates, "refuse %s: %s", session->seat, reason);
}

const char *session_state_name(enum session_state state)
{
    static const char *const names[] = {"refused",   "greeting",  "guided",
                                        "documents", "comparing", "live"};
    assert(state <= SESSION_LIVE);
    return names[state];
}

/* The table of allowed moves. */
static bool may_enter(enum session_state from, enum session_state to)
{
    switch (to) {
    case SESSION_GUIDED: return from == SESSION_GREETING || from >= SESSION_DOCUMENTS;
    case SESSION_DOCUMENTS: return from == SESSION_GREETING;
    case SESSION_COMPARING: return from == SESSION_GREETING || from == SESSION_DOCUMENTS;
    case SESSION_LIVE: return from == SESSION_COMPARING;
    case SESSION_GREETING:
    case SESSION_REFUSED: return false;
    }
    return false;
}

void session_enter(struct step *step, struct session *session, enum session_state state)
{
    assert(may_enter(session->state, state));
    session->state = state;
    updates_trace(step->updates, "session %s %s", session->seat, session_state_name(state));
    /* what it doesn't ask for it must hear all the same: where those have gone whom it released */
    session->contacts_due |= state == SESSION_COMPARING;
    if (state == SESSION_GUIDED && session->uplink) {
        documents_list(step, session, false);
    } else if (state == SESSION_DOCUMENTS) {
        documents_list(step, session, true);
    } else if (state == SESSION_COMPARING && session->uplink) {
        compare_begin(step, session);
    } else if (state == SESSION_LIVE) {
        notes_summary(step, session);
    }
}

static void send_hello(struct step *step, struct session *session)
{
    const struct replica *replica = step->replica;
    const char *child = session->uplink ? replica->options.seat : session->seat;
    struct buffer body = {0};
    session->own_digest = tree_link_digest(replica->tree, span_of_text(child));
    bool says_over = session->over && session->uplink;
    mp_write_map(&body, says_over ? 8 : 7);
    mp_write_uint(&body, 1);
    mp_write_uint(&body, PROTOCOL_LOWEST);
    mp_write_uint(&body, 2);
    mp_write_uint(&body, PROTOCOL_HIGHEST);
    mp_write_uint(&body, 3);
    mp_write_bin(&body, SPAN_EMPTY);
    mp_write_uint(&body, 4);
    mp_write_bin(&body, SPAN_OF_ARRAY(replica->options.instance));
    mp_write_uint(&body, 5);
    mp_write_uint(&body, step->wall_ms);
    mp_write_uint(&body, 6);
    credit_write_hello(step, session, &body);
    mp_write_uint(&body, 7);
    mp_write_bin(&body, SPAN_OF_ARRAY(session->own_digest.bytes));
    if (says_over) {
        mp_write_uint(&body, 8);
        mp_write_bool(&body, true);
    }
    send_control(step, session, MESSAGE_HELLO, span_of_buffer(&body));
    buffer_free(&body);
}

/* No document in force names our key: its parent's term was raised, and the first document of the
 * new one is still on its way (rules.md B29); or what was at hand when this machine was set up
 * lists its seat with the key of before (B138). Whoever was revoked is named. */
static bool is_unlisted(const struct replica *replica)
{
    return tree_seat(replica->tree, span_of_text(replica->options.seat)) == NULL ||
           tree_author(replica->tree, replica->key_id) == NULL;
}

/* A link counts if its key is that of our parent (and we dialled) or of a child of ours. *guided:
 * only to be told where the parent is. */
static const struct seat *judge_peer(const struct replica *replica, const uint8_t *key, bool uplink,
                                     bool *guided)
{
    const struct tree *tree = replica->tree;
    const struct seat *own = own_seat(replica);
    const struct seat *peer = tree_seat_by_link_key(tree, key);
    *guided = false;
    if (own == NULL || peer == NULL)
        return NULL;
    const struct seat *above = uplink ? peer : own, *below = uplink ? own : peer;
    if (below->parent == above)
        return peer;
    *guided = uplink ? above != below && seat_is_ancestor_or_self(above, below)
                     : guide_may(tree, own, peer);
    return *guided ? peer : NULL;
}

/* The two may talk past the parent of the lower one. */
static bool may_be_over(const struct replica *replica, const struct seat *peer, bool uplink)
{
    const struct seat *own = own_seat(replica);
    const struct seat *above = uplink ? peer : own, *below = uplink ? own : peer;
    return own != NULL && peer != NULL && above != below && below->parent != above &&
           seat_is_ancestor_or_self(above, below);
}

static bool has_parent_link(const struct replica *replica)
{
    for (struct session *session = replica->sessions; session != NULL; session = session->hh.next) {
        if (session->uplink && !session->guided && !session->over &&
            session->state != SESSION_REFUSED)
            return true;
    }
    return false;
}

/* The parent answers again: what was to go past it goes by it. */
static void end_over(struct step *step)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (session->uplink && session->over && session->state != SESSION_REFUSED) {
            updates_trace(step->updates, "no longer over %s", session->seat);
            session_bye(step, session, "replaced");
        }
    }
}

static void replace_older(struct step *step, const char *seat)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (strcmp(session->seat, seat) == 0) {
            updates_close(step->updates, session->link);
            session_free(step->replica, session);
        }
    }
}

void session_up(struct step *step, const struct event *event)
{
    struct replica *replica = step->replica;
    bool guided;
    const struct seat *peer =
        judge_peer(replica, event->link_up.peer_key, event->link_up.uplink, &guided);
    /* we dialled whom we knew as our parent: it has what we lack */
    bool unlisted = event->link_up.uplink && is_unlisted(replica);
    bool over = event->link_up.uplink && event->link_up.over &&
                may_be_over(replica, peer, event->link_up.uplink);
    const char *name = peer != NULL ? peer->row.seat : "?";
    if ((peer == NULL && !unlisted) || (over && has_parent_link(replica))) {
        replica->refusals.not_allowed++;
        updates_close(step->updates, event->link_up.link);
        return;
    }
    replace_older(step, name);
    if (event->link_up.uplink && !guided && !unlisted)
        end_over(step);
    struct session *session = mem_alloc(sizeof *session);
    session->link = event->link_up.link;
    session->uplink = event->link_up.uplink;
    session->over = over;
    session->guided = (guided && !over) || unlisted;
    session->state = SESSION_GREETING;
    session->since_tick = step->tick_ms;
    memcpy(session->seat, name, strlen(name) + 1);
    if (!session->uplink && !guided)
        session->intake = intake_of(replica, session->seat);
    memcpy(session->peer_key, event->link_up.peer_key, sizeof session->peer_key);
    HASH_ADD(hh, replica->sessions, link, sizeof session->link, session);
    updates_trace(step->updates, "link %s up%s", session->seat, over ? ", over a fallback" : "");
    send_hello(step, session);
    if (session->uplink && !unlisted)
        contacts_list(step, session);
}

bool session_knows(const struct session *session)
{
    return session->state == SESSION_LIVE && !session->unsure;
}

/* Of a stream that no cursor follows both sides had the same, and nothing has come since; or it
 * waits for contacts, and the peer has nothing of it as far as is known. */
uint32_t session_held(const struct session *session, const struct stream_row *row,
                      const struct cursor *cursor)
{
    if (cursor != NULL)
        return cursor->held_seq;
    return session->streams_wait && row->open.holders == HOLDERS_PATH ? 0 : row->head.seq;
}

/* What the peer holds by now is remembered for people to see. A hint: nothing is decided by it, and
 * of a great many only some are kept. */
static void keep_marks(struct step *step, const struct session *session)
{
    enum { MARKS_MAX = 4096 };
    const struct seat *peer = session_seat(step->replica, session);
    struct stream_row *row = session_knows(session) && peer != NULL ? mem_alloc(sizeof *row) : NULL;
    struct stream_id stream;
    uint64_t at = 0;
    for (unsigned i = 0;
         row != NULL && i < MARKS_MAX && stream_row_next(step->view, &at, &stream, row); i++) {
        const struct author *author = tree_author(step->replica->tree, stream.author);
        if (author == NULL || row->open.holders == HOLDERS_SELF ||
            !stream_holds(row, author->seat, peer))
            continue;
        const struct cursor *cursor = cursor_find(session, &stream);
        mark_row_put(step->updates, session->seat, peer->row.generation, &stream,
                     session_held(session, row, cursor));
    }
    free(row);
}

void session_down(struct step *step, uint32_t link)
{
    struct session *session = session_find(step->replica, link);
    if (session != NULL) {
        updates_trace(step->updates, "link %s down", session->seat);
        if (step->replica->hold != HOLD_EVERYTHING)
            keep_marks(step, session);
        session_free(step->replica, session);
    }
}

/* A machine that comes back after another one came with the same key: both live. One change is
 * what a restored or replaced disk looks like. */
static void judge_instance(struct step *step, const struct session *session,
                           const uint8_t instance[static 8])
{
    struct instances *known = step->replica->instances;
    while (known != NULL && strcmp(known->seat, session->seat) != 0)
        known = known->next;
    if (known == NULL) {
        known = mem_alloc(sizeof *known);
        memcpy(known->seat, session->seat, sizeof known->seat);
        memcpy(known->present, instance, sizeof known->present);
        known->next = step->replica->instances;
        step->replica->instances = known;
    } else if (memcmp(known->present, instance, sizeof known->present) != 0) {
        if (memcmp(known->former, instance, sizeof known->former) == 0) {
            replica_raise_alarm(
                step,
                "two machines live with the key of %s (%02x%02x and %02x%02x): stop "
                "one of them; what both wrote is kept",
                session->seat, instance[0], instance[1], known->present[0], known->present[1]);
        }
        memcpy(known->former, known->present, sizeof known->former);
        memcpy(known->present, instance, sizeof known->present);
    }
}

/* The parent of whoever calls can't be reached: we stand in for it in what both of us hold. */
static void let_over(struct step *step, struct session *session)
{
    struct replica *replica = step->replica;
    if (session->uplink || !session->guided ||
        !may_be_over(replica, session_seat(replica, session), false))
        return;
    session->guided = false;
    session->over = true;
    session->intake = intake_of(replica, session->seat);
    updates_trace(step->updates, "%s comes over a fallback", session->seat);
}

static void on_hello(struct step *step, struct session *session, struct span body)
{
    struct replica *replica = step->replica;
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    uint64_t lowest = 0, highest = 0;
    const uint8_t *digest = NULL, *instance = NULL;
    bool over = false;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == 1)
            lowest = mp_read_uint(&reader);
        else if (key == 2)
            highest = mp_read_uint(&reader);
        else if (key == 4)
            instance = mp_read_bin_of(&reader, 8);
        else if (key == 6)
            credit_read_hello(step, session, &reader);
        else if (key == 7)
            digest = mp_read_bin_of(&reader, HASH_BYTES);
        else if (key == 8)
            over = mp_read_bool(&reader);
        else
            mp_read_any(&reader);
    }
    mp_read_end(&reader);
    if (reader.failed || digest == NULL || session->hello_heard) {
        session_refuse(step, session, "malformed", &replica->refusals.malformed);
        return;
    }
    if (lowest > PROTOCOL_HIGHEST || highest < PROTOCOL_LOWEST) {
        session_refuse(step, session, "version", &replica->refusals.handshake);
        return;
    }
    session->hello_heard = true;
    if (over)
        let_over(step, session);
    if (instance != NULL && !session->uplink)
        judge_instance(step, session, instance);
    if (session->guided) {
        session_enter(step, session, SESSION_GUIDED);
        return;
    }
    bool equal = memcmp(digest, session->own_digest.bytes, HASH_BYTES) == 0;
    session_enter(step, session, equal ? SESSION_COMPARING : SESSION_DOCUMENTS);
    const struct seat *child = session_child(replica, session);
    struct hash now =
        child == NULL ? hash_zero : tree_link_digest(replica->tree, span_of_text(child->row.seat));
    if (equal && !hash_equal(&now, &session->own_digest)) { /* changed since our hello */
        documents_list(step, session, false);
    }
}

static void on_statement(struct step *step, struct session *session, struct span body)
{
    notes_take(step, session, HASH_HEADS, body);
}

static void on_report(struct step *step, struct session *session, struct span body)
{
    notes_take(step, session, HASH_CELLS, body);
}

static void on_token(struct step *step, struct session *session, struct span body)
{
    notes_take(step, session, HASH_TOKEN, body);
}

static void on_bye(struct step *step, struct session *session, struct span body)
{
    (void)body;
    updates_trace(step->updates, "%s says bye", session->seat);
    updates_close(step->updates, session->link);
}

/* What may come when, and who handles it. A message that isn't listed is refused. */
static const struct {
    enum session_state from;
    void (*handle)(struct step *step, struct session *session, struct span body);
} handlers[] = {
    [MESSAGE_HELLO] = {SESSION_GREETING, on_hello},
    [MESSAGE_HAVE] = {SESSION_DOCUMENTS, documents_on_have},
    [MESSAGE_DOCUMENT] = {SESSION_DOCUMENTS, documents_on_document},
    [MESSAGE_ROWS] = {SESSION_DOCUMENTS, documents_on_rows},
    [MESSAGE_DIGEST] = {SESSION_COMPARING, compare_on_digest},
    [MESSAGE_HEADS] = {SESSION_COMPARING, compare_on_heads},
    [MESSAGE_WANT] = {SESSION_COMPARING, compare_on_want},
    [MESSAGE_CREDIT] = {SESSION_COMPARING, credit_on_message},
    [MESSAGE_MARK] = {SESSION_COMPARING, send_on_mark},
    [MESSAGE_STATEMENT] = {SESSION_COMPARING, on_statement},
    [MESSAGE_REPORT] = {SESSION_COMPARING, on_report},
    [MESSAGE_TOKEN] = {SESSION_COMPARING, on_token},
    [MESSAGE_BYE] = {SESSION_GREETING, on_bye},
    [MESSAGE_NOTES] = {SESSION_COMPARING, notes_on_summary},
    [MESSAGE_WANTED] = {SESSION_COMPARING, notes_on_wanted},
    [MESSAGE_NOTED] = {SESSION_COMPARING, notes_on_noted},
    [MESSAGE_SEEK] = {SESSION_DOCUMENTS, contacts_on_seek},
    [MESSAGE_ROW_SET] = {SESSION_DOCUMENTS, documents_on_row_set},
    [MESSAGE_ABSENT] = {SESSION_DOCUMENTS, contacts_on_absent},
    [MESSAGE_WANT_BRANCH] = {SESSION_COMPARING, fork_on_want},
    [MESSAGE_TWINS] = {SESSION_DOCUMENTS, documents_on_twins},
    [MESSAGE_PARTS_WANTED] = {SESSION_COMPARING, reports_on_wanted},
    [MESSAGE_PART] = {SESSION_COMPARING, reports_on_part},
};
enum { HANDLER_COUNT = sizeof handlers / sizeof *handlers, SKIPPED_FROM = 128 };

/* What is heard where one guides the other: from below what it has, from above documents. */
static bool is_for_guided(const struct session *session, uint8_t type)
{
    if (session->uplink)
        return type == MESSAGE_DOCUMENT || type == MESSAGE_ROWS || type == MESSAGE_ROW_SET ||
               type == MESSAGE_TWINS || type == MESSAGE_BYE;
    return type == MESSAGE_HAVE || type == MESSAGE_SEEK || type == MESSAGE_BYE;
}

/* Messages that become rows. */
static bool brings_rows(uint8_t type)
{
    return type == MESSAGE_BLOCK || type == MESSAGE_DOCUMENT || type == MESSAGE_ROWS ||
           type == MESSAGE_ROW_SET || type == MESSAGE_TWINS || type == MESSAGE_STATEMENT ||
           type == MESSAGE_REPORT || type == MESSAGE_TOKEN || type == MESSAGE_PART;
}

/* Between two documents of one batch one of the two may be listed nowhere (rules.md B29): which
 * streams are for whom nobody can say then. What is passed over comes again with a new link. */
static bool is_blind(const struct replica *replica, const struct session *session, uint8_t type)
{
    bool asks = type == MESSAGE_HELLO || type == MESSAGE_BLOCK ||
                (type < HANDLER_COUNT && handlers[type].from == SESSION_COMPARING);
    return asks && (own_seat(replica) == NULL || session_seat(replica, session) == NULL);
}

void session_message(struct step *step, const struct event *event)
{
    struct session *session = session_find(step->replica, event->message.link);
    uint8_t type = event->message.type;
    if (session != NULL && type == MESSAGE_BEYOND && session->state >= SESSION_COMPARING)
        beyond_on_message(step, session, event->message.body);
    if (session == NULL || session->state == SESSION_REFUSED || type >= SKIPPED_FROM)
        return;
    if (step->replica->hold == HOLD_EVERYTHING && brings_rows(type))
        return; /* the session ends when there is room again, and the next one brings it */
    if (session->state == SESSION_GUIDED) {
        if (is_for_guided(session, type))
            handlers[type].handle(step, session, event->message.body);
        else if (type == MESSAGE_DIGEST && !session->uplink) /* it has what we have for it */
            guide_tell(step, session);
        return; /* it takes us for its parent still */
    }
    bool blind = is_blind(step->replica, session, type);
    session->blind |= blind;
    if (blind && session->state >= SESSION_COMPARING)
        return;
    if (type == MESSAGE_BLOCK && session->state >= SESSION_COMPARING)
        receive_block(step, session, event);
    else if (type < HANDLER_COUNT && handlers[type].handle != NULL &&
             session->state >= handlers[type].from)
        handlers[type].handle(step, session, event->message.body);
    else
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
}

/* No document lists us: documents are heard from our parent, and nothing else, until one does. */
static void be_guided(struct step *step, struct session *session)
{
    session->guided = true;
    session->over = false;
    if (session->state >= SESSION_DOCUMENTS)
        session_enter(step, session, SESSION_GUIDED);
    session->documents_due = false; /* whoever asked is above us */
}

/* Its seat may have moved, or got another key: then whoever is at the other end isn't it. A former
 * child hears where it belongs. */
void sessions_judge_again(struct step *step)
{
    struct replica *replica = step->replica;
    struct session *session, *next;
    HASH_ITER (hh, replica->sessions, session, next) {
        bool guided;
        const struct seat *peer = judge_peer(replica, session->peer_key, session->uplink, &guided);
        bool is_peer = peer != NULL && strcmp(peer->row.seat, session->seat) == 0;
        bool unlisted = session->uplink && is_unlisted(replica);
        if (session->over && may_be_over(replica, peer, session->uplink))
            guided = false;
        else if (session->over)
            is_peer = false;
        bool is_same = is_peer && guided == session->guided;
        bool stays = unlisted ? session->guided : is_same && !session->blind;
        if (session->state == SESSION_REFUSED || stays)
            continue;
        if (unlisted) {
            be_guided(step, session);
            continue;
        }
        if (is_same) {
            updates_trace(step->updates, "begin anew with %s", session->seat);
            session_bye(step, session, "moved");
            continue;
        }
        if (is_peer && guided && !session->uplink)
            guide_tell(step, session);
        if (session->uplink && session->guided) /* as our parent it is called anew */
            session_bye(step, session, "moved");
        session_refuse(step, session, "moved", &replica->refusals.not_allowed);
    }
}
