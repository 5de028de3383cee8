/* Reading from a node: requests of one verb, pipelined on one connection. */
#ifndef TERRACE_BENCH_READS_H
#define TERRACE_BENCH_READS_H

/* DIR VERB WINDOW FILE: `FILE` holds the arguments of a request a line, as JSON, at most 2^20 of
 * them; so many in flight. Prints a line of JSON: how many a second, how long each took from its
 * sending to the end of its answer, and how many rows came. Any refusal ends the program. */
void reads_run(char **words, int count);

#endif
