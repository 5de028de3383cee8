/* What a node asks its parent for: rows of seats that it must know and doesn't (contacts.c tells
 * how they come). What is asked for and not known stands in memory; what is held stands in the
 * tree. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/contacts_inner.h"

enum { SOUGHT_MAX = 1024 };

/* A name that isn't known here and has been asked for above. */
struct sought {
    struct contact_name name;
    UT_hash_handle hh;
    uint32_t asked_link; /* 0: not yet */
    bool absent;         /* the root knows none */
};

void contacts_free_sought(struct replica *replica)
{
    struct sought *sought, *next;
    HASH_ITER (hh, replica->sought, sought, next) {
        HASH_DEL(replica->sought, sought);
        free(sought);
    }
}

static struct contact_name key_name(struct key_id key)
{
    struct contact_name name = {.size = KEY_ID_BYTES, .is_key = true};
    memcpy(name.bytes, key.bytes, KEY_ID_BYTES);
    return name;
}

static struct session *uplink_of(const struct replica *replica)
{
    struct session *session = replica->sessions;
    while (session != NULL &&
           (!session->uplink || session->guided || session->state == SESSION_REFUSED))
        session = session->hh.next;
    return session;
}

static void forget_absent(struct replica *replica)
{
    struct sought *sought, *next;
    HASH_ITER (hh, replica->sought, sought, next) {
        if (sought->absent) {
            HASH_DEL(replica->sought, sought);
            free(sought);
        }
    }
}

/* NULL: too many are sought already. */
static struct sought *sought_add(struct replica *replica, const struct contact_name *name)
{
    struct sought *sought = NULL;
    HASH_FIND(hh, replica->sought, name, sizeof *name, sought);
    if (sought != NULL)
        return sought;
    if (HASH_COUNT(replica->sought) >= SOUGHT_MAX)
        forget_absent(replica);
    if (HASH_COUNT(replica->sought) >= SOUGHT_MAX)
        return NULL;
    sought = mem_alloc(sizeof *sought);
    sought->name = *name;
    HASH_ADD(hh, replica->sought, name, sizeof sought->name, sought);
    return sought;
}

enum seeking contacts_seek_name(struct step *step, const struct contact_name *name)
{
    struct replica *replica = step->replica;
    const struct seat *own = own_seat(replica);
    if (own == NULL || own->parent == NULL)
        return SEEKING_ABSENT;
    struct sought *sought = sought_add(replica, name);
    if (sought != NULL && sought->absent) { /* it may be there by now */
        sought->absent = false;
        sought->asked_link = 0;
        return SEEKING_ABSENT;
    }
    return uplink_of(replica) != NULL ? SEEKING_ASKED : SEEKING_LATER;
}

enum seeking contacts_seek(struct step *step, struct span seat)
{
    struct contact_name name = contact_seat_name(seat);
    return contacts_seek_name(step, &name);
}

void contacts_seek_key(struct step *step, struct key_id key)
{
    struct contact_name name = key_name(key);
    contacts_seek_name(step, &name);
}

static void write_lacking(struct buffer *lines, const struct contact_name *name)
{
    mp_write_array(lines, 4);
    contact_write_name(lines, name);
    mp_write_uint(lines, 0);
    mp_write_uint(lines, 0);
    mp_write_bin(lines, SPAN_EMPTY);
}

static void write_held(struct buffer *lines, const struct tree *tree, const struct seat *seat)
{
    struct contact_name name = contact_seat_name(span_of_text(seat->row.seat));
    const struct held_document *listing = tree_listing_of(seat);
    struct hash hash = contact_held_hash(tree, seat);
    mp_write_array(lines, 5);
    contact_write_name(lines, &name);
    mp_write_uint(lines, listing->term);
    mp_write_uint(lines, listing->version);
    mp_write_bin(lines, SPAN_OF_ARRAY(hash.bytes));
    mp_write_text(lines, listing->seat);
}

/* Holders of path streams must know every seat of the path, and its author: what a disk that was
 * put back has lost is asked for again. */
static void seek_of_streams(struct step *step)
{
    const struct tree *tree = step->replica->tree;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        if (row->open.holders != HOLDERS_PATH)
            continue;
        if (tree_author(tree, id.author) == NULL)
            contacts_seek_key(step, id.author);
        for (size_t i = 0; i < row->open.seat_count; i++) {
            struct span seat = span_of_text(row->open.seats[i]);
            if (tree_seat(tree, seat) == NULL)
                contacts_seek(step, seat);
        }
    }
    free(row);
}

static void send_sought(struct step *step, struct lines *lines)
{
    struct sought *sought, *next;
    HASH_ITER (hh, step->replica->sought, sought, next) {
        if (contact_seat(step->replica->tree, &sought->name) != NULL) {
            HASH_DEL(step->replica->sought, sought);
            free(sought);
        } else if (!sought->absent && sought->asked_link != lines->session->link) {
            sought->asked_link = lines->session->link;
            write_lacking(&lines->bytes, &sought->name);
            lines_added(lines);
        }
    }
}

void contacts_list(struct step *step, const struct session *session)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *own = own_seat(step->replica);
    struct lines lines = {.step = step, .session = session, .type = MESSAGE_SEEK};
    assert(session->uplink && own != NULL);
    seek_of_streams(step);
    carry_seek_authors(step);
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        const struct held_document *listing = tree_listing_of(seat);
        bool beside = !listing->whole && seat_is_beside(own, seat);
        if (!beside && !contacts_need_moves(tree, seat, own))
            continue; /* a whole one above was given by hand: it isn't kept up */
        write_held(&lines.bytes, tree, seat);
        lines_added(&lines);
    }
    send_sought(step, &lines);
    lines_send(&lines);
}

void contacts_acknowledge(struct step *step, const struct session *session,
                          const struct proved_row *rows, size_t count)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *own = own_seat(step->replica);
    struct lines lines = {.step = step, .session = session, .type = MESSAGE_SEEK};
    for (size_t i = 0; i < count && own != NULL; i++) {
        struct seat_row row;
        const struct seat *seat = seat_row_decode(rows[i].row, &row, NULL) == ERR_OK
                                      ? tree_seat(tree, span_of_text(row.seat))
                                      : NULL;
        if (seat == NULL || !seat_is_beside(own, seat))
            continue;
        write_held(&lines.bytes, tree, seat);
        lines_added(&lines);
    }
    lines_send(&lines);
}

/* Who was below, or on the way up, when its row came, and is beside now, since it has moved, or a
 * seat on our way has: that row was never acknowledged, and the parent keeps back what needs it. */
static void list_moved(struct step *step, struct lines *lines)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *own = own_seat(step->replica);
    for (size_t i = 0; own != NULL && i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        if (!seat_is_beside(own, seat) ||
            (seat->row.moves == 0 && !contacts_were_above(tree, seat, own)))
            continue;
        write_held(&lines->bytes, tree, seat);
        lines_added(lines);
    }
}

/* Whom it falls back on it must know before the parent is away. */
static void seek_fallbacks(struct step *step)
{
    const struct seat *own = own_seat(step->replica);
    for (unsigned i = 0; own != NULL && i < own->row.fallbacks.count; i++) {
        struct span seat = text_list_at(&own->row.fallbacks, i);
        if (tree_seat(step->replica->tree, seat) == NULL)
            contacts_seek(step, seat);
    }
}

void contacts_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    bool changed = replica->contacts_seen != tree_change_count(replica->tree);
    struct session *session, *next;
    replica->contacts_seen = tree_change_count(replica->tree);
    HASH_ITER (hh, replica->sessions, session, next) {
        if (!session->uplink && session->state >= SESSION_DOCUMENTS &&
            (session->contacts_due || changed))
            contacts_push(step, session);
    }
    session = uplink_of(replica);
    if (session == NULL)
        return;
    struct lines lines = {.step = step, .session = session, .type = MESSAGE_SEEK};
    if (changed) {
        seek_of_streams(step);
        seek_fallbacks(step);
        if (session->state >= SESSION_DOCUMENTS)
            list_moved(step, &lines);
    }
    send_sought(step, &lines);
    lines_send(&lines);
}

void contacts_on_absent(struct step *step, struct session *session, struct span body)
{
    struct replica *replica = step->replica;
    struct mp_reader reader = mp_reader(body);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        struct contact_name name;
        struct sought *sought = NULL;
        struct session *below, *next;
        if (!contact_read_name(&reader, &name))
            break;
        HASH_FIND(hh, replica->sought, &name, sizeof name, sought);
        if (sought == NULL || !session->uplink)
            continue;
        sought->absent = true;
        HASH_ITER (hh, replica->sessions, below, next) {
            struct contact *contact = contact_find(below, &name);
            if (contact != NULL) {
                contact_send_absent(step, below, &name);
                contact_remove(below, contact);
            }
        }
    }
    mp_read_end(&reader);
    if (reader.failed || !session->uplink)
        session_refuse(step, session, "malformed", &replica->refusals.malformed);
}
