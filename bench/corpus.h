/* The records of the benchmark: the same for every contestant, drawn from their numbers alone.
 *
 * A record is a map of twelve names and values, as the local API takes it, and as a peer that
 * keeps what it is given carries it: 247 bytes on average, Chinese text, and in each a random
 * reference and a telephone number that no compressor can shorten. */
#ifndef TERRACE_BENCH_CORPUS_H
#define TERRACE_BENCH_CORPUS_H

#include "base/span.h"

#define CORPUS_TYPE "matter"

/* Records first .. first + count - 1, made before the clock runs. */
struct corpus {
    struct buffer bytes;
    size_t *ends; /* of each record in `bytes` */
    size_t count;
};
void corpus_make(struct corpus *corpus, uint64_t first, size_t count);
void corpus_free(struct corpus *corpus);
/* One encoded map; it stays the corpus's. */
struct span corpus_record(const struct corpus *corpus, size_t index);

#endif
