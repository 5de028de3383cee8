/* What the kinds of note share: the fields that every note begins with, and the token's name. */
#ifndef TERRACE_REPLICATION_FORMAT_NOTE_PARTS_H
#define TERRACE_REPLICATION_FORMAT_NOTE_PARTS_H

#include "base/msgpack.h"
#include "replication/format/note.h"

enum { NOTE_SIGNER = 1, NOTE_EPOCH = 2, NOTE_K = 3 };

/* The map without the signature; empty when the note is too short or too long. */
struct span note_map(struct span note);

/* Writes the fields 1, 2, 3 of a map whose head is written already. */
void note_head_write(const struct note_head *head, struct buffer *map);
/* Reads the value of `key` if it is one of 1, 2, 3 and marks it in `seen`; false: another key. */
bool note_head_field(struct mp_reader *reader, int32_t key, struct note_head *head, unsigned *seen);
/* `seen` when all three were there. */
#define NOTE_HEAD_SEEN (1U << NOTE_SIGNER | 1U << NOTE_EPOCH | 1U << NOTE_K)

/* The value alone; which field it is differs. */
void token_ref_write(const struct token_ref *token, struct buffer *map);
void token_ref_read(struct mp_reader *reader, struct token_ref *token);

/* A seat's id as a value: 1..SEAT_BYTES_MAX printable bytes, with a NUL behind it in `seat`. */
void note_read_seat(struct mp_reader *reader, char seat[static SEAT_BYTES_MAX + 1]);

#endif
