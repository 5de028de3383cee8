/* Contacts: seats beside a node's path and outside its subtree whose rows it needs, since they
 * stand in the circle of something held here, or somebody here writes to them. Rows come from
 * above, where more is known, each with its proof.
 *
 *     child:  seek [[name, term, version, hash] ...]    what it holds of each; term 0: nothing.
 *                                                       Hash: of the document that lists it; the
 *                                                       sum of all, where several do
 *     parent: document, row set                         where its own is newer, or the child has
 * none child:  seek                                      what it holds now; only then come streams
 *     root:   absent [name ...]                         no document has such a seat
 *
 * A parent that lacks a row itself asks its own parent. A name is a seat, or a signing key's id. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/contacts_inner.h"
#include "replication/notes.h"

enum {
    CONTACTS_MAX = 4096,     /* of one child; what a county's townships may come to */
    CONTACTS_LEAF_MAX = 512, /* of a child with nobody below it */
    LINES_MAX = 400,         /* a message */
    SET_BYTES_USUAL = 40 << 10,
};

struct contact_name contact_seat_name(struct span seat)
{
    struct contact_name name = {.size = (uint8_t)seat.size};
    assert(seat.size <= SEAT_BYTES_MAX);
    memcpy(name.bytes, seat.data, seat.size);
    return name;
}

const struct seat *contact_seat(const struct tree *tree, const struct contact_name *name)
{
    struct key_id key;
    if (!name->is_key)
        return tree_seat(tree, SPAN(name->bytes, name->size));
    memcpy(key.bytes, name->bytes, KEY_ID_BYTES);
    const struct author *author = tree_author(tree, key);
    return author == NULL ? NULL : author->seat;
}

/* Neither on the way from `own` to the root nor below it. */
bool seat_is_beside(const struct seat *own, const struct seat *seat)
{
    return !seat_is_ancestor_or_self(seat, own) && !seat_is_ancestor_or_self(own, seat);
}

bool contact_read_name(struct mp_reader *reader, struct contact_name *name)
{
    bool is_key = mp_peek(reader) == MP_BIN;
    struct span bytes = is_key ? mp_read_bin(reader) : mp_read_str(reader);
    if (reader->failed || bytes.size == 0 || bytes.size > SEAT_BYTES_MAX ||
        (is_key && bytes.size != KEY_ID_BYTES)) {
        mp_fail(reader);
        return false;
    }
    *name = contact_seat_name(bytes);
    name->is_key = is_key;
    return true;
}

void contact_write_name(struct buffer *out, const struct contact_name *name)
{
    if (name->is_key)
        mp_write_bin(out, SPAN(name->bytes, name->size));
    else
        mp_write_str(out, SPAN(name->bytes, name->size));
}

void lines_send(struct lines *lines)
{
    struct buffer body = {0};
    if (lines->count == 0)
        return;
    mp_write_array(&body, lines->count);
    buffer_append_span(&body, span_of_buffer(&lines->bytes));
    send_control(lines->step, lines->session, lines->type, span_of_buffer(&body));
    buffer_free(&body);
    buffer_free(&lines->bytes);
    lines->count = 0;
}

void lines_added(struct lines *lines)
{
    if (++lines->count == LINES_MAX)
        lines_send(lines);
}

struct contact *contact_find(const struct session *session, const struct contact_name *name)
{
    struct contact *contact = NULL;
    HASH_FIND(hh, session->contacts, name, sizeof *name, contact);
    return contact;
}

static struct contact *contact_add(struct session *session, const struct contact_name *name)
{
    struct contact *contact = contact_find(session, name);
    if (contact != NULL)
        return contact;
    contact = mem_alloc(sizeof *contact);
    contact->name = *name;
    HASH_ADD(hh, session->contacts, name, sizeof contact->name, contact);
    return contact;
}

void contact_remove(struct session *session, struct contact *contact)
{
    HASH_DEL(session->contacts, contact);
    free(contact);
}

void contacts_free(struct session *session)
{
    struct contact *contact, *next;
    HASH_ITER (hh, session->contacts, contact, next)
        contact_remove(session, contact);
}

/* ---- what a child is told ---- */

static bool read_line(struct mp_reader *reader, struct contact *line)
{
    *line = (struct contact){0};
    uint32_t parts = mp_read_array(reader);
    if (parts != 4 && parts != 5)
        mp_fail(reader);
    contact_read_name(reader, &line->name);
    line->term = mp_read_uint(reader);
    line->version = mp_read_uint(reader);
    struct span hash = mp_read_bin(reader);
    struct span document = parts == 5 ? mp_read_str(reader) : SPAN_EMPTY;
    if ((hash.size != 0 && hash.size != HASH_BYTES) || document.size > SEAT_BYTES_MAX)
        mp_fail(reader);
    if (reader->failed)
        return false;
    line->held = line->told = hash.size == HASH_BYTES;
    if (line->told)
        memcpy(line->hash.bytes, hash.data, HASH_BYTES);
    if (document.size > 0)
        memcpy(line->document, document.data, document.size);
    return true;
}

/* False: it has as many as a child may have. */
static bool take_line(struct session *session, const struct contact *line, size_t most, bool *news)
{
    struct contact *contact = contact_find(session, &line->name);
    if (contact == NULL && HASH_COUNT(session->contacts) >= most)
        return false;
    contact = contact_add(session, &line->name);
    *news |= line->held && !contact->held;
    contact->told = line->told;
    contact->held = line->held;
    if (!line->told)
        contact->sent = hash_zero; /* it lacks it, whatever was sent */
    contact->term = line->term;
    contact->version = line->version;
    contact->hash = line->hash;
    memcpy(contact->document, line->document, sizeof contact->document);
    return true;
}

void contacts_on_seek(struct step *step, struct session *session, struct span body)
{
    const struct seat *child = session_child(step->replica, session);
    struct mp_reader reader = mp_reader(body);
    uint32_t count = mp_read_array(&reader);
    size_t most = child == NULL || child->child_count == 0 ? CONTACTS_LEAF_MAX : CONTACTS_MAX;
    bool news = false, room = true;
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        struct contact line;
        if (!read_line(&reader, &line))
            break;
        room = take_line(session, &line, most, &news) && room;
    }
    mp_read_end(&reader);
    if (reader.failed || session->uplink) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    step->replica->refusals.flood += !room;
    session->contacts_due = true;
    if (!news || session->state != SESSION_LIVE)
        return;
    if (session->streams_wait && !PLANTED(ADDRESSEE_FORGOTTEN))
        compare_queue(step, session);
    notes_summary(step, session);
}

/* Several documents list it: of what a child holds of them no single version tells. */
static bool is_listed_twice(const struct tree *tree, const struct seat *seat)
{
    const struct moved_seat *moved = tree_find_moved(tree, seat);
    return moved != NULL && moved->other_count > 0;
}

/* Of all that a child needs to place a seat as we do: the documents that list it. */
static struct hash print_of(const struct tree *tree, const struct seat *seat)
{
    struct hash sum = tree_listing_of(seat)->hash;
    if (tree_listing_of(seat)->frozen)
        hash_add(&sum, &tree_listing_of(seat)->hash);
    const struct moved_seat *moved = tree_find_moved(tree, seat);
    for (size_t i = 0; moved != NULL && i < moved->other_count; i++)
        hash_add(&sum, &moved->others[i]->hash);
    return sum;
}

struct hash contact_held_hash(const struct tree *tree, const struct seat *seat)
{
    return is_listed_twice(tree, seat) ? print_of(tree, seat) : tree_listing_of(seat)->hash;
}

static bool is_behind(const struct tree *tree, const struct contact *contact,
                      const struct seat *seat)
{
    const struct held_document *listing = tree_listing_of(seat);
    struct hash print = print_of(tree, seat);
    if (hash_equal(&print, &contact->sent))
        return false;
    if (contact->told && is_listed_twice(tree, seat))
        return !hash_equal(&print, &contact->hash);
    if (!contact->told || contact->term < listing->term)
        return true;
    if (contact->document[0] != '\0' && strcmp(contact->document, listing->seat) != 0)
        return true; /* it has moved */
    if (listing->frozen && !hash_equal(&contact->hash, &listing->hash))
        return true;
    if (contact->term > listing->term || contact->version > listing->version)
        return false;
    return contact->version < listing->version || hash_compare(&listing->hash, &contact->hash) < 0;
}

void contacts_keep_told(struct session *session, const struct seat *seat)
{
    struct contact_name name = contact_seat_name(span_of_text(seat->row.seat));
    contact_add(session, &name);
}

void contact_send_absent(struct step *step, const struct session *session,
                         const struct contact_name *name)
{
    struct buffer body = {0};
    mp_write_array(&body, 1);
    contact_write_name(&body, name);
    send_control(step, session, MESSAGE_ABSENT, span_of_buffer(&body));
    buffer_free(&body);
}

/* From names to seats: a key becomes its seat, and with a seat go those above it. */
static void resolve(struct step *step, struct session *session, const struct seat *child)
{
    const struct tree *tree = step->replica->tree;
    struct contact *contact, *next;
    HASH_ITER (hh, session->contacts, contact, next) {
        const struct seat *seat = contact_seat(tree, &contact->name);
        if (seat == NULL) {
            if (contacts_seek_name(step, &contact->name) == SEEKING_ABSENT) {
                contact_send_absent(step, session, &contact->name);
                contact_remove(session, contact);
            }
            continue;
        }
        if (contact->name.is_key ||
            !(seat_is_beside(child, seat) || contacts_need_moves(tree, seat, child)))
            contact_remove(session, contact);
        for (; seat_is_beside(child, seat); seat = seat->parent) {
            struct contact_name name = contact_seat_name(span_of_text(seat->row.seat));
            contact_add(session, &name);
        }
    }
}

struct due {
    const struct held_document *document;
    size_t depth;
};

/* Never by where they lie in memory: one history is told in one order. */
static int upper_first(const void *a, const void *b)
{
    const struct due *left = a, *right = b;
    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    int order = strcmp(left->document->seat, right->document->seat);
    return order != 0 ? order : hash_compare(&left->document->hash, &right->document->hash);
}

static void write_row(const struct held_document *held, size_t at, struct buffer *rows)
{
    struct buffer proof = {0};
    if (held->whole)
        tree_prove_row(held, held->places[at], &proof);
    else
        buffer_append_span(&proof, held->proofs[at]);
    mp_write_array(rows, 3);
    mp_write_uint(rows, held->places[at]);
    mp_write_bin(rows, held->rows[at]);
    mp_write_bin(rows, span_of_buffer(&proof));
    buffer_free(&proof);
}

static size_t send_set(struct step *step, const struct session *session, bool more, uint32_t count,
                       struct buffer *rows)
{
    struct buffer body = {0};
    mp_write_array(&body, 2);
    mp_write_bool(&body, more);
    mp_write_array(&body, count);
    buffer_append_span(&body, span_of_buffer(rows));
    size_t size = body.size;
    send_control(step, session, MESSAGE_ROW_SET, span_of_buffer(&body));
    buffer_free(&body);
    buffer_clear(rows);
    return size;
}

/* Of a seat on the child's way that has moved all rows go, wherever they stand. */
static bool moved_on_way(struct step *step, const struct session *session,
                         const struct seat_row *row)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *peer = session_seat(step->replica, session);
    if (tree_moved_count(tree) == 0 || peer == NULL || session->uplink)
        return false;
    const struct seat *seat = tree_seat(tree, span_of_text(row->seat));
    return seat != NULL && tree_find_moved(tree, seat) != NULL &&
           seat_is_ancestor_or_self(seat, peer);
}

bool contacts_in(struct step *step, const struct session *session, const struct held_document *held)
{
    struct seat_row row;
    bool any = session->contacts != NULL || tree_moved_count(step->replica->tree) > 0;
    for (size_t i = 0; any && i < held->row_count; i++) {
        if (seat_row_decode(held->rows[i], &row, NULL) != ERR_OK)
            continue;
        struct contact_name name = contact_seat_name(span_of_text(row.seat));
        if (contact_find(session, &name) != NULL || moved_on_way(step, session, &row))
            return true;
    }
    return false;
}

size_t contacts_send_rows(struct step *step, struct session *session,
                          const struct held_document *held, const char *next)
{
    struct buffer rows = {0};
    size_t size = 0;
    uint32_t count = 0;
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) != ERR_OK)
            continue;
        struct contact_name name = contact_seat_name(span_of_text(row.seat));
        struct contact *contact = contact_find(session, &name);
        if (contact == NULL && (next == NULL || strcmp(next, row.seat) != 0) &&
            !moved_on_way(step, session, &row))
            continue;
        if (rows.size >= SET_BYTES_USUAL) {
            size += send_set(step, session, true, count, &rows);
            count = 0;
        }
        write_row(held, i, &rows);
        count++;
        if (contact != NULL) {
            contact->told = true;
            contact->term = held->term;
            contact->version = held->version;
            contact->hash = held->hash;
        }
    }
    size += send_set(step, session, false, count, &rows);
    buffer_free(&rows);
    return size;
}

static void send_document(struct step *step, struct session *session,
                          const struct held_document *document, const struct seat *child)
{
    const struct seat *owner = tree_seat(step->replica->tree, span_of_text(document->seat));
    const char *next = NULL;
    assert(owner != NULL);
    if (seat_is_ancestor_or_self(owner, child)) {
        const struct seat *below = child;
        while (below->parent != owner)
            below = below->parent;
        next = below->row.seat;
    }
    documents_send_envelope(step, session, document);
    contacts_send_rows(step, session, document, next);
    updates_trace(step->updates, "tell %s of seats in %s", session->seat, document->seat);
}

struct dues {
    struct due *items;
    size_t count;
};

static void due_add(const struct tree *tree, struct dues *dues,
                    const struct held_document *document)
{
    const struct seat *above = tree_seat(tree, span_of_text(document->seat));
    struct due due = {.document = document};
    for (; above != NULL && above->parent != NULL; above = above->parent)
        due.depth++;
    dues->items = mem_resize(dues->items, (dues->count + 1) * sizeof *dues->items);
    dues->items[dues->count++] = due;
}

/* The document that lists a contact, and those from which it came here, but for the child's own.
 * Where it is on the child's own way, all of that way: another row of what the child holds already
 * may be new to it. */
static void contact_due(const struct tree *tree, struct dues *dues, struct contact *contact,
                        const struct seat *seat, const struct seat *child)
{
    const struct moved_seat *moved = tree_find_moved(tree, seat);
    contact->sent = print_of(tree, seat);
    if (seat_is_beside(child, seat))
        due_add(tree, dues, tree_listing_of(seat));
    for (const struct seat *on = seat; seat_is_ancestor_or_self(seat, child) && on->parent != NULL;
         on = on->parent)
        due_add(tree, dues, tree_listing_of(on));
    for (size_t i = 0; moved != NULL && i < moved->other_count; i++) {
        const struct seat *owner = tree_seat(tree, span_of_text(moved->others[i]->seat));
        if (owner != NULL && !seat_is_ancestor_or_self(child, owner))
            due_add(tree, dues, moved->others[i]);
    }
}

void contacts_push(struct step *step, struct session *session)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *child = session_child(step->replica, session);
    struct dues dues = {0};
    session->contacts_due = false;
    if (child == NULL)
        return;
    contacts_of_moves(step, session, child);
    if (session->contacts == NULL)
        return;
    resolve(step, session, child);
    for (struct contact *contact = session->contacts; contact != NULL; contact = contact->hh.next) {
        const struct seat *seat = contact_seat(tree, &contact->name);
        if (seat != NULL && is_behind(tree, contact, seat))
            contact_due(tree, &dues, contact, seat, child);
    }
    if (dues.count > 0)
        qsort(dues.items, dues.count, sizeof *dues.items, upper_first);
    for (size_t i = 0; i < dues.count; i++) {
        if (i == 0 || dues.items[i].document != dues.items[i - 1].document)
            send_document(step, session, dues.items[i].document, child);
    }
    free(dues.items);
}

bool contacts_hold(const struct session *session, const struct seat *child, const struct seat *seat)
{
    struct contact_name name = contact_seat_name(span_of_text(seat->row.seat));
    const struct contact *contact = contact_find(session, &name);
    return !seat_is_beside(child, seat) || (contact != NULL && contact->held);
}

/* ---- streams wait for them ---- */

bool contacts_ready(struct step *step, struct session *session, const struct stream_row *row)
{
    const struct replica *replica = step->replica;
    const struct seat *child = session_child(replica, session);
    bool ready = true;
    if (session->uplink || row->open.holders != HOLDERS_PATH || child == NULL)
        return true;
    for (size_t i = 0; i < row->open.seat_count; i++) {
        const struct seat *seat = tree_seat(replica->tree, span_of_text(row->open.seats[i]));
        if (seat == NULL || !seat_is_beside(child, seat))
            continue;
        struct contact_name name = contact_seat_name(span_of_text(seat->row.seat));
        struct contact *contact = contact_add(session, &name);
        ready = ready && contact->held;
    }
    if (!ready)
        session->contacts_due = session->streams_wait = true;
    return ready;
}
