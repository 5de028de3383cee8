/* What a write says in FIELD_ENDORSES: {1: reason, 2: [digest bin32 ...]}: it writes again what
 * these entries, which stand behind their author's cut-off, had said (rules.md B58). */
#ifndef TERRACE_SCHEMA_ENDORSEMENT_H
#define TERRACE_SCHEMA_ENDORSEMENT_H

#include "base/error.h"
#include "base/hash.h"
#include "base/span.h"

enum {
    ENDORSE_REASON = 1, /* text, absent when there is none */
    ENDORSE_DIGESTS = 2,
    ENDORSE_REASON_BYTES_MAX = 1024,
    ENDORSE_DIGESTS_MAX = 256 /* of one write: 8.7 KiB of the 32 that an entry may have */
};

struct endorsement {
    struct span reason;  /* empty: none */
    struct span digests; /* [bin32 ...], one value */
    uint32_t count;      /* of them; 0: the body endorses nothing */
};

/* From an array of digests, as a local write gives it, and a reason; appended to the body, a fields
 * map or an extension's. ERR_INVALID: not 1..ENDORSE_DIGESTS_MAX digests, or no such reason. */
enum error_code endorsement_put(struct buffer *body, struct span digests, struct span reason,
                                struct error *error);

/* Whether a canonical value is one. */
bool endorsement_fits(struct span value);
/* Of a checked body; count 0 when it has none. Spans into it. */
struct endorsement endorsement_of(struct span body);
/* The digest at `index` < count. */
struct hash endorsement_digest(const struct endorsement *endorsement, uint32_t index);

#endif
