/* Inside the replica: the streams that this node writes, and whose keys read them. */
#ifndef TERRACE_REPLICATION_OWN_STREAM_H
#define TERRACE_REPLICATION_OWN_STREAM_H

#include "replication/format/block.h"

struct step;
struct replica;

/* Whom an own stream is for, beside its class: what tells our open streams apart. */
struct audience {
    uint8_t class;
    uint8_t holders; /* enum holders_kind */
    uint8_t tier;    /* subtree */
    uint8_t seat_count;
    const char *seats[HOLDERS_MAX]; /* path, our seat first; borrowed */
    const char *sealed_to; /* its end, or of a backup our seat, reads it; NULL: clear; borrowed */
};

/* A stream that we write and have not closed. */
struct own_stream {
    struct own_stream *next;
    struct stream_id id;
    uint8_t class, holders;
    struct hash print; /* of whom it is for: class, way, readers */
    bool sealed;
    char reader[SEAT_BYTES_MAX + 1]; /* whom it is sealed to */
    struct buffer open;              /* what it is, encoded as in its first entry */
    struct stream_head head;         /* after the last signed block */
    struct entry_writer *writer;     /* what this batch added; NULL: nothing */
};

/* seal_readers.c: keys that what is for the seat `to` is sealed to, sorted by id. 0: none can be:
 * the seat isn't known, or its rows name no seal key. Dies at the next call. */
size_t seal_readers(struct replica *replica, const char *to, const uint8_t (**keys)[KEY_BYTES]);

/* Fills in all but place and writer. */
void own_stream_describe(struct own_stream *stream, const struct stream_open *open);
struct own_stream *own_stream_for(struct step *step, const struct audience *audience);
/* Appends, sealed where the stream is, by the schema in force unless the entry names a version;
 * signs the block before when it is full. Gives the entry's place, and the operation's digest
 * (NULL: not wanted), which lives until the stream's block is signed. */
uint32_t own_stream_add(struct step *step, struct own_stream *stream, const struct entry *entry,
                        const struct hash **digest);
void own_stream_sign(struct step *step, struct own_stream *stream);
void own_stream_close(struct step *step, struct own_stream *stream); /* frees it */
void own_streams_sign_all(struct step *step);
void own_stream_free(struct own_stream *stream);

#endif
