/* Patterns, by PCRE2. */
#include "schema/type/pattern.h"

#include <assert.h>
#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STEPS_MAX = 100000, DEPTH_MAX = 1000, HEAP_KIB_MAX = 256 };

/* Nothing that a pattern may not hold for all texts alike: it begins and ends with the text. */
static pcre2_code *pattern_code(const char *pattern, int *error, size_t *at)
{
    return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                         PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                             PCRE2_NEVER_BACKSLASH_C,
                         error, at, NULL);
}

bool pattern_good(const char *pattern, char why[static PATTERN_WHY_BYTES])
{
    int error;
    size_t at;
    uint8_t words[80] = "";
    pcre2_code *code = pattern_code(pattern, &error, &at);
    if (code == NULL) {
        pcre2_get_error_message(error, words, sizeof words);
        snprintf(why, PATTERN_WHY_BYTES, "%s, at its character %zu", (const char *)words, at + 1);
        return false;
    }
    pcre2_code_free(code);
    return true;
}

bool pattern_matches(const char *pattern, struct span text)
{
    int error, found = PCRE2_ERROR_NOMATCH;
    size_t at;
    pcre2_code *code = pattern_code(pattern, &error, &at);
    if (code == NULL)
        return false;
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (limits != NULL && match != NULL) {
        pcre2_set_match_limit(limits, STEPS_MAX);
        pcre2_set_depth_limit(limits, DEPTH_MAX);
        pcre2_set_heap_limit(limits, HEAP_KIB_MAX);
        const uint8_t nothing = 0;
        found = pcre2_match(code, text.size == 0 ? &nothing : text.data, text.size, 0, 0, match,
                            limits);
    }
    pcre2_match_data_free(match);
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
    return found >= 0; /* 0: it matches, and has groups that nobody asked for */
}
