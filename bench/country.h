/* A country as data/nation.csv has it: a nation, provinces, counties, townships, villages. */
#ifndef TERRACE_BENCH_COUNTRY_H
#define TERRACE_BENCH_COUNTRY_H

#include <stdbool.h>
#include <stddef.h>

enum { COUNTRY_CODE_BYTES = 24 };

struct country_row {
    const char *code, *tier, *parent; /* parent NULL: the nation */
};

struct country {
    struct country_row *rows; /* parents before children */
    char (*codes)[COUNTRY_CODE_BYTES];
    size_t count, most;
};

/* The first `most` seats; 0: all. False, with a line on stderr: it can't be read, or has fewer.
 * Free with country_free, in either case. */
bool country_read(struct country *country, const char *path, size_t most);
void country_free(struct country *country);

#endif
