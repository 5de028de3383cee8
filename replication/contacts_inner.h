/* What the files of contacts share; nobody else includes it. */
#ifndef TERRACE_REPLICATION_CONTACTS_INNER_H
#define TERRACE_REPLICATION_CONTACTS_INNER_H

#include "replication/core.h"

/* Of a seat, or a signing key's id: then whoever has that key is meant. */
struct contact_name {
    uint8_t size;
    bool is_key;
    uint8_t bytes[SEAT_BYTES_MAX]; /* zeros behind */
};

/* A seat of which a child is kept informed. */
struct contact {
    struct contact_name name;
    UT_hash_handle hh;
    bool told; /* it has been sent, or has named, the document that follows */
    bool held; /* it has said that it holds the row */
    uint64_t term, version;
    struct hash hash;
    char document[SEAT_BYTES_MAX + 1]; /* whose that is; "": not said */
    struct hash sent;                  /* print of what was sent in this session */
};

/* Lines of one message; it goes when it is full, and at the end. */
struct lines {
    struct step *step;
    const struct session *session;
    enum message_type type;
    struct buffer bytes;
    uint32_t count;
};

struct contact_name contact_seat_name(struct span seat);
/* The seat that a name is of, as far as known here. */
const struct seat *contact_seat(const struct tree *tree, const struct contact_name *name);
/* Neither on the way from `own` to the root nor below it. */
bool seat_is_beside(const struct seat *own, const struct seat *seat);
bool contact_read_name(struct mp_reader *reader, struct contact_name *name);
/* What stands in a line of `seek` for what is held of a seat. */
struct hash contact_held_hash(const struct tree *tree, const struct seat *seat);
void contact_write_name(struct buffer *out, const struct contact_name *name);
void lines_added(struct lines *lines); /* one more has been written to `bytes` */
void lines_send(struct lines *lines);

struct contact *contact_find(const struct session *session, const struct contact_name *name);
/* Keep a child informed of this seat from now on. */
void contacts_keep_told(struct session *session, const struct seat *seat);
void contact_remove(struct session *session, struct contact *contact);
void contact_send_absent(struct step *step, const struct session *session,
                         const struct contact_name *name);
void contacts_push(struct step *step, struct session *session);

/* contacts_moved.c: keep a child informed of the moves that it must know. */
void contacts_of_moves(struct step *step, struct session *session, const struct seat *child);
/* Whether a seat stands on a way that `own` had before a move. */
bool contacts_were_above(const struct tree *tree, const struct seat *seat, const struct seat *own);
/* Whether it needs all documents that list this seat, by which alone it can tell where it counts.
 */
bool contacts_need_moves(const struct tree *tree, const struct seat *seat,
                         const struct seat *child);

/* seek.c */
enum seeking contacts_seek_name(struct step *step, const struct contact_name *name);

#endif
