/* Regular expressions on texts, where they are written (rules.md B61): never in a verdict on what
 * came from elsewhere, which must not hang on a library's version. Perl's syntax, UTF-8, the whole
 * text must match; how long one match may take is bounded, and beyond that it counts as no match.
 */
#ifndef TERRACE_SCHEMA_TYPE_PATTERN_H
#define TERRACE_SCHEMA_TYPE_PATTERN_H

#include "base/span.h"

enum { PATTERN_WHY_BYTES = 120 };

/* Whether it is a pattern; if not, `why` gets the reason. */
bool pattern_good(const char *pattern, char why[static PATTERN_WHY_BYTES]);
/* A text that is valid UTF-8. False if the pattern isn't one, too. */
bool pattern_matches(const char *pattern, struct span text);

#endif
