/* "Did you mean": the known word at the least distance. */
#include "base/nearest.h"

#include "base/msgpack.h"

enum { WORD_CHARACTERS_MAX = 64 }; /* longer ones are no names */

struct word {
    uint32_t characters[WORD_CHARACTERS_MAX];
    size_t length;
};

static bool word_of(struct span text, struct word *word)
{
    word->length = 0;
    for (size_t at = 0; at < text.size;) {
        if (word->length == WORD_CHARACTERS_MAX)
            return false;
        size_t size = utf8_character(text, at, &word->characters[word->length]);
        if (size == 0)
            return false;
        word->length++;
        at += size;
    }
    return true;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment (Damerau 1964), three rows of the table at a time. */
static size_t distance_between(const struct word *a, const struct word *b)
{
    size_t rows[3][WORD_CHARACTERS_MAX + 1];
    for (size_t j = 0; j <= b->length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a->length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b->length; j++) {
            uint32_t x = a->characters[i - 1], y = b->characters[j - 1];
            row[j] = least_of(least_of(row[j - 1], above[j]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == b->characters[j - 2] && y == a->characters[i - 2])
                row[j] = least_of(row[j], before[j - 2] + 1);
        }
    }
    return rows[a->length % 3][b->length];
}

const char *nearest_word(struct span word, const char *const *known, size_t known_count)
{
    struct word given, candidate;
    if (!word_of(word, &given))
        return NULL;
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < known_count; i++) {
        if (!word_of(span_of_text(known[i]), &candidate))
            continue;
        size_t longer = given.length > candidate.length ? given.length : candidate.length;
        size_t near = longer < 3 ? 1 : longer / 3;
        size_t distance = distance_between(&given, &candidate);
        if (distance > near || distance >= longer || distance >= least)
            continue;
        least = distance;
        nearest = known[i];
    }
    return nearest;
}
