/* What a step asks for: rows to store, messages to send, answers to give, lines to log.
 *
 * The rows lie over the view that the step reads, so a step sees what it has itself put; drive
 * stores them when the step has returned. Messages and answers leave only after the commit. */
#ifndef TERRACE_REPLICATION_UPDATES_H
#define TERRACE_REPLICATION_UPDATES_H

#include "replication/ports.h"
#include "schema/record.h"

struct row_change {
    enum table table;
    struct span key;
    struct span value;
    bool removed;
};

struct outgoing {
    uint32_t link;
    enum channel channel;
    uint8_t type;
    bool closes; /* close the link instead of sending */
    struct span body;
};

/* The answer to one local write. */
struct answer {
    uint64_t request;
    struct error error; /* code ERR_OK: done */
    struct record_id record;
    uint64_t clock;
};

struct updates;

struct updates *updates_new(void);
void updates_free(struct updates *updates);

/* Begin a step over `view`; forgets rows, keeps messages, answers and lines. */
void updates_begin(struct updates *updates, const struct view *view);
/* The view with this step's own rows over it. */
const struct view *updates_view(struct updates *updates);
void updates_put(struct updates *updates, enum table table, struct span key, struct span value);
void updates_remove(struct updates *updates, enum table table, struct span key);
size_t updates_row_count(const struct updates *updates);
/* In no particular order. */
bool updates_each_row(const struct updates *updates, size_t *cursor, struct row_change *change);

void updates_send(struct updates *updates, uint32_t link, enum channel channel, uint8_t type,
                  struct span body);
void updates_close(struct updates *updates, uint32_t link);
void updates_answer(struct updates *updates, const struct answer *answer);
/* One line of the log and of the golden traces. When tracing is off nothing is formatted, and the
 * arguments aren't worked out either: labels cost more than most of what they name. */
#define updates_trace(updates, ...)                                                                \
    ((void)(updates_tracing(updates) && (updates_trace_line(updates, __VA_ARGS__), true)))
bool updates_tracing(const struct updates *updates);
void updates_trace_line(struct updates *updates, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void updates_set_tracing(struct updates *updates, bool on);
/* Something was signed: the high-water file must be raised before the commit. */
void updates_set_signs(struct updates *updates);

/* A row that everything else stands on can't be read: this batch must not be, and the process must
 * end and verify its store. */
void updates_doom(struct updates *updates);
bool updates_doomed(const struct updates *updates);

size_t updates_outgoing_count(const struct updates *updates);
const struct outgoing *updates_outgoing(const struct updates *updates, size_t index);
size_t updates_answer_count(const struct updates *updates);
const struct answer *updates_answer_at(const struct updates *updates, size_t index);
struct span updates_trace_text(const struct updates *updates); /* lines ended by \n */
bool updates_signs(const struct updates *updates);
void updates_clear(struct updates *updates); /* everything, for the next batch */

#endif
