/* Carry entries: original entries of one block, for those who never get that block (formats.md 4).
 *
 *     header of the block, signed by its author      places   proof   the entries
 *            root  <------------------- Merkle path -----------------    digests
 *
 * Nobody has to be trusted for what others wrote: who carries adds nothing that its author didn't
 * sign. What stands sealed in its block is carried as it stands, with the content key for those who
 * get it; the key is committed to in the seal, so that a carrier can't choose what it opens to.
 * With a record's creation comes the opening of its stream, proved alike, since that says whose the
 * record is. */
#ifndef TERRACE_REPLICATION_FORMAT_CARRY_H
#define TERRACE_REPLICATION_FORMAT_CARRY_H

#include "replication/format/block.h"

/* A verified carry; its entries' spans point into the body it was read from. */
struct carry {
    struct block_header header;
    uint32_t *places; /* in the block, ascending; one an entry */
    struct entry_list list;
    struct hash *digests;
    struct unsealed *unsealed; /* one an entry, empty where it was clear; NULL: none was sealed */
    struct stream_open *open;  /* what its stream is; NULL: not brought */
};
void carry_free(struct carry *carry); /* leaves it empty */

/* Append the body that carries the entries of `block` at these places (ascending), and with
 * `opening` (NULL: none), the first block of the same stream, what the stream is. As many as fit
 * CARRY_BYTES_MAX are taken, at least one; their number is returned. Both blocks are decoded ones.
 */
size_t carry_encode(const struct prepared_block *block, const uint32_t *places, size_t count,
                    const struct prepared_block *opening, struct buffer *body);

/* Whose block a carry says it is from, nothing verified. False: the body isn't in its form. */
bool carry_names(struct span body, struct stream_id *stream);

/* Read and verify a body. `type` and `record`: of the carry entry, and so of all that it holds.
 * ERR_OK; ERR_MALFORMED: not in its form, or about another record; ERR_FORGED: it doesn't come to
 * what its author signed. */
enum error_code carry_open(struct span body, const struct hash *tree_id,
                           const uint8_t author_key[static KEY_BYTES],
                           const struct verifier *verifier, uint16_t type,
                           const struct record_id *record, struct carry *carry);

#endif
