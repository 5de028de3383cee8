/* Trees from numbers of seats. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/county.h"

static const char what[] = "the shape of the tree was refused";
static const char next[] = "write the number of seats of each tier, as in 1+3+23+303";

static enum error_code refuse(struct error *error, const char *why, unsigned tier)
{
    error_set(error, ERR_INVALID, what, "tier %u %s", tier, why);
    error_next(error, "%s", next);
    return ERR_INVALID;
}

/* Digits of one number; 0: none, or too great. */
static uint32_t read_count(struct span text, size_t *at)
{
    uint64_t count = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        count = count * 10 + (uint64_t)(text.data[*at] - '0');
        if (count > COUNTY_SEATS_MAX)
            return 0;
        (*at)++;
    }
    return (uint32_t)count;
}

enum error_code county_shape_read(struct span text, struct county_shape *shape, struct error *error)
{
    uint64_t total = 0;
    size_t at = 0;
    *shape = (struct county_shape){0};
    for (;; at++) {
        unsigned tier = shape->tier_count + 1;
        uint32_t count = tier <= TIERS_MAX ? read_count(text, &at) : 0;
        if (tier > TIERS_MAX)
            return refuse(error, "is one too many", tier);
        if (count == 0)
            return refuse(error, "has no number of seats that can be", tier);
        if (tier == 1 && count != 1)
            return refuse(error, "is the root's: it has one seat", tier);
        if (tier > 1 && count > (uint64_t)shape->counts[tier - 2] * DOCUMENT_ROWS_MAX)
            return refuse(error, "has more seats than the tier above can list", tier);
        total += count;
        shape->counts[shape->tier_count++] = count;
        if (total > COUNTY_SEATS_MAX)
            return refuse(error, "makes the tree too large", tier);
        if (at == text.size)
            return ERR_OK;
        if (text.data[at] != '+')
            return refuse(error, "is followed by something else than a plus", tier);
    }
}

size_t county_shape_seats(const struct county_shape *shape)
{
    size_t total = 0;
    for (unsigned tier = 0; tier < shape->tier_count; tier++)
        total += shape->counts[tier];
    return total;
}

struct names {
    char tiers[TIERS_MAX][8];
    char (*codes)[12];
};

static void name_seats(const struct county_shape *shape, const char *const *tiers,
                       struct names *names, struct county_row *rows)
{
    size_t above = 0, first = 0; /* where the tier above begins, and this one */
    for (unsigned tier = 0; tier < shape->tier_count; tier++) {
        snprintf(names->tiers[tier], sizeof names->tiers[tier], "tier%u", (tier + 1) % 100);
        for (size_t i = 0; i < shape->counts[tier]; i++) {
            size_t place = first + i;
            snprintf(names->codes[place], sizeof *names->codes, "%c%u", (char)('A' + tier),
                     (unsigned)(i + 1));
            rows[place] = (struct county_row){
                names->codes[place], tiers != NULL ? tiers[tier] : names->tiers[tier], NULL};
            if (tier > 0)
                rows[place].parent =
                    names->codes[above + i * shape->counts[tier - 1] / shape->counts[tier]];
        }
        above = first;
        first += shape->counts[tier];
    }
}

struct county *county_new_shape(const struct county_shape *shape, const char *const *tiers,
                                uint64_t salt)
{
    size_t count = county_shape_seats(shape);
    struct county_row *rows = mem_alloc(count * sizeof *rows);
    struct names names;
    names.codes = mem_alloc(count * sizeof *names.codes);
    name_seats(shape, tiers, &names, rows);
    struct county *county = county_new(rows, count, salt);
    free(names.codes);
    free(rows);
    return county;
}
