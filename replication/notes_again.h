/* Notes that came before the document that lets their signer sign them. Documents and notes
 * overtake each other, and a report is sent once: so whoever refused one, since its tree doesn't
 * name the signer or doesn't let him sign it, asks for it when the tree has changed. */
#ifndef TERRACE_REPLICATION_NOTES_AGAIN_H
#define TERRACE_REPLICATION_NOTES_AGAIN_H

#include "replication/core.h"

/* Remembers it until the session ends. Of more than 512 a session not which, but that there are. */
void notes_miss(struct session *session, enum hash_context context, const struct note_head *head);
void notes_ask_again(struct step *step); /* the tree has changed */
void notes_missed_free(struct session *session);

/* notes.c: a line of messages 19 to 21 (formats.md 10). */
void note_line_write(struct buffer *out, enum hash_context context, const struct note_head *head);

#endif
