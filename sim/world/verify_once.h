/* Signatures that held are not verified again, nor those that were made here, and keys are looked
 * at once: a county in one process does each of these once, not once a node.
 *
 * Remembered is a hash over signed hash, signature and key; what isn't remembered goes to
 * verify_hash. So nothing is ever accepted that verify_hash has not accepted, byte for byte. The
 * memory is bounded: in a full set the oldest makes room and would be verified again. */
#ifndef TERRACE_SIM_VERIFY_ONCE_H
#define TERRACE_SIM_VERIFY_ONCE_H

#include "base/hash.h"

struct verify_once;

enum { VERIFY_ONCE_SETS = 1 << 15, VERIFY_ONCE_WAYS = 4 }; /* 4 MiB */

struct verify_once_counts {
    uint64_t asked, verified, refused; /* verified: by verify_hash, refused ones included */
};

/* `sets` of VERIFY_ONCE_WAYS each. The caller frees. */
struct verify_once *verify_once_new(uint32_t sets);
void verify_once_free(struct verify_once *once); /* NULL is legal */
/* Valid until verify_once_free. */
void verify_once_verifier(struct verify_once *once, struct verifier *verifier);
const struct verify_once_counts *verify_once_counts(const struct verify_once *once);

#endif
