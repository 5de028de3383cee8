/* The word that somebody may have meant, for error messages. */
#ifndef TERRACE_BASE_NEAREST_H
#define TERRACE_BASE_NEAREST_H

#include "base/span.h"

/* The known word that is nearest to `word`, if it is near enough for "did you mean"; else
 * NULL. Distance: insertions, deletions, changes and swaps of neighbours, in characters
 * (optimal string alignment, Damerau 1964); near = at most a third of the longer word, and at
 * least 1. Words over 64 characters are near to nothing. */
const char *nearest_word(struct span word, const char *const *known, size_t known_count);

#endif
