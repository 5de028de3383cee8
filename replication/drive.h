/* drive: one batch of events to one commit. Shared unchanged by the node and the simulator.
 *
 *     begin -> for each event: prepare, step, put rows -> close blocks -> send what credit allows
 *           -> high-water file (if something was signed) -> commit -> messages and answers out
 *
 * A failed commit: nothing of the batch has happened. The replica's memory is thrown away and
 * opened again from the store, the batch's writers are answered with the error, all links are
 * closed (their sessions are gone), nothing is sent. */
#ifndef TERRACE_REPLICATION_DRIVE_H
#define TERRACE_REPLICATION_DRIVE_H

#include "replication/replica.h"

struct drive_ports {
    struct store_port store;
    struct link_port link;
    void *context;
    void (*answer)(void *context, const struct answer *answer);
    void (*log)(void *context, struct span lines); /* NULL: no tracing */
};

struct drive;

/* Opens the replica. The caller frees with drive_close. */
enum error_code drive_open(const struct replica_options *options, const struct drive_ports *ports,
                           struct drive **drive, struct error *error);
void drive_close(struct drive *drive); /* NULL is legal */

/* ERR_OK; ERR_FULL: the batch didn't happen, go on; ERR_IO: the process must end now and verify at
 * its next start; anything else is what replica_open said when opening again. */
enum error_code drive_batch(struct drive *drive, struct event *events, size_t count);

/* What isn't taken from now on (replica.h). Leaving HOLD_EVERYTHING closes all links and opens the
 * replica again: what came meanwhile was dropped. ERR_OK, or what replica_open said. */
enum error_code drive_hold(struct drive *drive, enum replica_hold hold);

const struct replica *drive_replica(const struct drive *drive);
uint64_t drive_deadline(const struct drive *drive); /* tick, as replica_deadline */
uint64_t drive_commit_count(const struct drive *drive);
uint64_t drive_failed_commit_count(const struct drive *drive);

#endif
