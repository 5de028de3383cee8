/* Batches of an import on their way to the node: several in flight, answered in order. */
#ifndef TERRACE_CLI_IMPORT_BATCH_H
#define TERRACE_CLI_IMPORT_BATCH_H

#include "cli/client.h"

struct import_row {
    uint64_t number, line;
    char from[33]; /* the id of the record that it was exported from; empty: not said */
    struct span raw;
};

enum import_verdict { IMPORT_TAKEN, IMPORT_BEFORE, IMPORT_REFUSED };

struct import_batches;

/* `name`: of the import; `done`: the last row that the node has taken already;
 * `only_check`: nothing is written. `verdict` is called
 * once for each row, with `error` when it was refused. Texts must live on. */
struct import_batches *import_batches_new(
    struct client *client, const char *type, const char *name, uint64_t done, bool only_check,
    void (*verdict)(void *context, enum import_verdict verdict, const struct import_row *row,
                    const struct error *error),
    void *context);
void import_batches_free(struct import_batches *batches); /* NULL is legal */
/* Add a row, its fields one map; sends and waits as needed. An error ends the import: it can go on
 * in another run. */
enum error_code import_batches_add(struct import_batches *batches, const struct import_row *row,
                                   struct span fields, struct error *error);
/* Send what is left and wait for every answer. */
enum error_code import_batches_finish(struct import_batches *batches, struct error *error);

#endif
