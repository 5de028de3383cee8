/* Clients that write records to a node, each with a window of requests in flight. */
#ifndef TERRACE_BENCH_WRITERS_H
#define TERRACE_BENCH_WRITERS_H

#include "bench/corpus.h"

enum { WRITERS_MAX = 64, RECORD_ID_TEXT_BYTES = 32 };

struct writing {
    const char *directory;
    const struct corpus *corpus;
    size_t clients; /* 1 .. WRITERS_MAX */
    size_t batch;   /* records a request; 1: as single puts */
    size_t window;  /* requests in flight a client */
};

struct written {
    uint64_t began_ns, ended_ns; /* the first request sent, the last acknowledged */
    uint64_t *latency_ns;        /* of each request, ascending; the caller frees */
    size_t request_count;
    /* The last record of each client: when all of these are seen, all are. */
    char last_ids[WRITERS_MAX][RECORD_ID_TEXT_BYTES + 1];
    char first_id[RECORD_ID_TEXT_BYTES + 1]; /* of the first answer's first record */
};

/* Write every record of the corpus and wait for every acknowledgement. A refusal ends the program.
 */
void writers_run(const struct writing *writing, struct written *written);
/* The id in the answer to a single put. */
void writers_take_id(struct span value, char id[static RECORD_ID_TEXT_BYTES + 1]);
int writers_by_size(const void *a, const void *b); /* of uint64_t, for qsort */

#endif
