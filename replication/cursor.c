/* Cursors: how far each stream is known at the other end, and the lanes that they queue in. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum { STRANGE_CURSORS_MAX = 32768 }; /* a county's first contact with a province; 7 MB */

/* stream_id has padding, so its fields are hashed one after the other. */
struct cursor_key {
    uint8_t bytes[KEY_ID_BYTES + 7];
};

struct cursor_slot {
    struct cursor cursor;
    struct cursor_key key;
};

static struct cursor_key key_of(const struct stream_id *stream)
{
    struct cursor_key key;
    memcpy(key.bytes, stream->author.bytes, KEY_ID_BYTES);
    write_u32(key.bytes + KEY_ID_BYTES, stream->epoch);
    write_u16(key.bytes + KEY_ID_BYTES + 4, stream->number);
    key.bytes[KEY_ID_BYTES + 6] = stream->branch;
    return key;
}

struct cursor *cursor_find(const struct session *session, const struct stream_id *stream)
{
    struct cursor_key key = key_of(stream);
    struct cursor *cursor = NULL;
    HASH_FIND(hh, session->cursors, key.bytes, sizeof key.bytes, cursor);
    return cursor;
}

static struct cursor *add(struct session *session, const struct stream_id *stream, uint8_t class)
{
    struct cursor_slot *slot = mem_alloc(sizeof *slot);
    struct cursor *cursor = &slot->cursor;
    slot->key = key_of(stream);
    cursor->stream = *stream;
    cursor->class = class;
    HASH_ADD_KEYPTR(hh, session->cursors, slot->key.bytes, sizeof slot->key.bytes, cursor);
    return cursor;
}

struct cursor *cursor_get(struct session *session, const struct stream_id *stream, uint8_t class)
{
    struct cursor *cursor = cursor_find(session, stream);
    if (cursor == NULL)
        return add(session, stream, class);
    if (!cursor->queued)
        cursor->class = class;
    return cursor;
}

struct cursor *cursor_strange(struct session *session, const struct stream_id *stream,
                              uint8_t class)
{
    struct cursor *cursor = cursor_find(session, stream);
    if (cursor != NULL || session->strange_count == STRANGE_CURSORS_MAX)
        return cursor;
    cursor = add(session, stream, class);
    cursor->strange = true;
    session->strange_count++;
    return cursor;
}

void cursor_queue(struct session *session, struct cursor *cursor)
{
    struct lane *lane = &session->lanes[cursor->class];
    if (cursor->queued)
        return;
    cursor->queued = true;
    cursor->next_queued = NULL;
    if (lane->last == NULL)
        lane->first = cursor;
    else
        lane->last->next_queued = cursor;
    lane->last = cursor;
}

void cursors_free(struct session *session)
{
    struct cursor *cursor, *next;
    HASH_ITER (hh, session->cursors, cursor, next) {
        HASH_DEL(session->cursors, cursor);
        free(cursor); /* the first member of its slot */
    }
}

bool stream_is_for(const struct step *step, const struct session *session,
                   const struct stream_id *stream, const struct stream_row *row)
{
    const struct author *author = tree_author(step->replica->tree, stream->author);
    const struct seat *peer = session_seat(step->replica, session);
    return author != NULL && peer != NULL && row->open.holders != HOLDERS_SELF &&
           stream_holds(row, author->seat, peer);
}

/* What came by another link, and the peer has listed, needn't go to it (rules.md B151). */
void cursor_pass_by(struct cursor *cursor, const struct stream_row *row)
{
    uint32_t said = cursor->listed_seq < row->head.seq ? cursor->listed_seq : row->head.seq;
    if (row->forked || cursor->stream.branch > 0)
        return;
    cursor->held_seq = said > cursor->held_seq ? said : cursor->held_seq;
    cursor->known_seq = said > cursor->known_seq ? said : cursor->known_seq;
    if (cursor->listed_seq <= cursor->sent_seq)
        return;
    cursor->sent_seq = cursor->listed_seq;
    cursor->place_needed = true;
}

void cursors_head_moved(struct step *step, const struct stream_id *stream,
                        const struct stream_row *row, const struct session *from)
{
    const struct replica *replica = step->replica;
    const struct author *author = tree_author(replica->tree, stream->author);
    if (row->open.holders == HOLDERS_SELF || author == NULL)
        return;
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        const struct seat *peer = session_seat(replica, session);
        if (session == from || session->state != SESSION_LIVE || peer == NULL ||
            (!PLANTED(LEAK_ON_SEND) && !stream_holds(row, author->seat, peer)) ||
            !contacts_ready(step, session, row))
            continue;
        struct cursor *cursor = cursor_get(session, stream, row->open.class);
        cursor->overtaken = from != NULL;
        cursor_pass_by(cursor, row);
        if (cursor->sent_seq < row->head.seq)
            cursor_queue(session, cursor);
    }
}
