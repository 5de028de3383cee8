/* Where something stands in an array, found by a name of up to 32 bytes. */
#ifndef TERRACE_SIM_PLACES_H
#define TERRACE_SIM_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct place;
struct places { /* zero-initialised: empty */
    struct place *first;
};

/* What stands there under this name; SIZE_MAX: nothing. */
size_t places_find(const struct places *places, const struct hash *name);
/* Another place for a name takes the place of the one before. */
void places_set(struct places *places, const struct hash *name, size_t at);
void places_free(struct places *places); /* leaves it empty */

/* A name from up to 32 bytes as they are, zeros behind. */
struct hash place_name(struct span bytes);

#endif
