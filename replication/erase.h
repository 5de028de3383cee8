/* Erasing bodies: the verdict on an erase entry, and its effect here (rules.md 2, A22, B75 to B78).
 */
#ifndef TERRACE_REPLICATION_ERASE_H
#define TERRACE_REPLICATION_ERASE_H

#include "replication/core.h"
#include "schema/erasure.h"

/* Whether an operation saw all that its body erases. */
bool erase_saw_all(const struct operation *op, struct span body);
/* Whether who has these ROLE_ bits to a record may erase in it. */
bool erase_allows(uint8_t roles);
/* An erase entry that counts: from now on what it names is filtered, and copies are looked for.
 * True: something new is erased, so the record is to be folded anew. */
bool erase_take(struct step *step, const struct entry *entry, const struct hash *digest);
/* The record's values that are erased leave its row. */
void erase_from_record(struct step *step, uint16_t type, const struct record_id *id);
/* A block into the store, in its stored form, with holes for what is erased. */
void erase_and_store(struct step *step, const struct stream_id *stream, uint32_t seq,
                     struct span stored);
void erase_look(struct step *step); /* copies are looked for, from the first block on */
void erase_work(struct step *step); /* once a batch: a bounded piece of the search for copies */

/* strike.c: what is erased leaves sealed streams (rules.md B97). A strike entry takes effect: */
enum outcome strike_take(struct step *step, const struct located_entry *located);
/* What is left of the sealed entry with this leaf, in a stream of this author. */
bool strike_left(struct step *step, struct key_id author, const struct hash *leaf,
                 struct buffer *held);
/* This block may be of a sealed stream of our seat: what is erased in it is struck out. */
void strike_due(struct step *step, const struct stream_id *stream, uint32_t seq,
                const struct block_erasing *erasing);

/* erase_write.c: what an erase that is written here comes to: entries of the record, of its
 * companion, or of both; all that is wanted, or nothing. */
struct local_write;
enum error_code erase_both(struct step *step, const struct event *event, struct record_id *record,
                           struct error *error);
/* The body of one such entry, or why not; write->more: another one must follow. */
enum error_code erase_make(struct step *step, struct local_write *write, struct error *error);

#endif
