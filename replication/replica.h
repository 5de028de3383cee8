/* The core: one node's replica. Memory in, memory out; one entry, `replica_step`.
 *
 * The replica's memory is a cache of the store: replica_open builds it from the rows, and after
 * a failed commit it is thrown away and opened again. It does no I/O, reads no clock, draws no
 * randomness: time rides in the event, randomness comes as a seed. */
#ifndef TERRACE_REPLICATION_REPLICA_H
#define TERRACE_REPLICATION_REPLICA_H

#include "base/seal.h"
#include "replication/format/block.h"
#include "replication/format/note.h"
#include "replication/updates.h"
#include "topology/tree.h"

struct replica;

/* Intervals and bounds that tests, drills and small machines set otherwise; 0 = as limits.h. */
struct replica_tuning {
    uint32_t stream_entries_max;
    uint32_t token_every_ms;
    uint32_t statement_after_data_ms;
    uint32_t statement_idle_ms;
    uint32_t report_every_ms;
    uint32_t
        report_part_cells; /* a part of a report has about so many; <= REPORT_PART_CELLS_USUAL */
    uint32_t credit_bytes, credit_entries;
    uint32_t block_entries; /* <= BLOCK_ENTRIES_USUAL */
    uint32_t child_share_percent;
};

struct replica_options {
    struct hash tree_id;
    char seat[SEAT_BYTES_MAX + 1];
    uint8_t signing_key[KEY_BYTES];
    uint8_t signing_secret[SECRET_BYTES];
    struct seal_key seal;     /* what is sealed to this seat is opened with */
    uint8_t instance[8];      /* marker of this machine and store */
    bool high_water_readable; /* false: missing or damaged */
    struct high_water high_water;
    uint8_t random[32]; /* seed for what must be unpredictable or unique */
    const struct verifier
        *verifier;              /* of all signatures; NULL: verify_hash. Outlives the replica */
    struct schema_shelf *shelf; /* of types shared with other replicas; NULL. Outlives it, too */
    struct replica_tuning tuning;
};

/* The memory of a replica from its store. Doubt (high-water file missing, other than the store, or
 * of another instance, while the store holds something of ours) opens a new epoch (rules.md 4, A5).
 * The caller frees with replica_close. */
enum error_code replica_open(const struct replica_options *options, const struct view *view,
                             struct replica **replica, struct error *error);
void replica_close(struct replica *replica); /* NULL is legal */
/* What a process has seen, and no store holds, goes on in a replica that was opened again: alarms,
 * counters of refusals, what each child has brought today, the machines that came with its key. */
void replica_inherit(struct replica *replica, struct replica *former);

/* RELEASE writes nothing: what is here of the record is judged anew. */
enum write_kind {
    WRITE_PUT,
    WRITE_SET,
    WRITE_DELETE,
    WRITE_EXTEND,
    WRITE_DO,
    WRITE_ERASE,
    WRITE_RELEASE
};

/* X(name): every event the replica knows; one handler each. */
#define EVENT_LIST(X)                                                                              \
    X(WRITE)       /* a local write: answered after the commit */                                  \
    X(LINK_UP)     /* a link is there, its key proved */                                           \
    X(LINK_DOWN)   /* a link is gone */                                                            \
    X(MESSAGE)     /* a message came in */                                                         \
    X(DOCUMENT)    /* a signed document and its rows, from this node's own disk */                 \
    X(SEEK)        /* somebody must be known here: his row is asked for above */                   \
    X(TIME)        /* nothing but time passed */                                                   \
    X(BATCH_CLOSE) /* drive: no more events in this batch: close and sign blocks, notes */         \
    X(BATCH_SEND)  /* drive: all rows are put: send what credit allows */
enum event_kind {
#define X(name) EVENT_##name,
    EVENT_LIST(X)
#undef X
        EVENT_COUNT
};

struct event {
    enum event_kind kind;
    uint64_t wall_ms; /* this machine's clock, ms since 1970: a claim */
    uint64_t tick_ms; /* monotonic: deadlines are in it */
    union {
        struct {
            uint64_t request; /* comes back in the answer */
            enum write_kind kind;
            struct span type; /* name */
            /* of a PUT only an import's: the record that its row was exported from, zeros: none is
             * named. What was erased in it is refused: ERR_INVALID */
            struct record_id record;
            struct span transition; /* DO: the name of the step of the type's workflow */
            /* msgpack map name -> value; not for DELETE. ERASE: [name ...], empty: all that the
             * record says */
            struct span fields;
            struct span
                request_id; /* PUT: at most 64 bytes; the same gives the same record (A39) */
            /* PUT: the import's name, empty: none. Its rows rise from 1; `import_after` is the row
             * before this one. A row that was taken before is ERR_STALE, one that comes too early
             * ERR_PARKED. */
            struct span import;
            uint64_t import_row, import_after;
            bool only_check;   /* of an import: whether it would be refused; nothing is written */
            struct span to;    /* PUT of an addressed type: the seat that it is for; DO: the seat
                                * that the step extends the circle by; else empty */
            struct span seats; /* EXTEND: who shall hold the record too, a msgpack array of str */
            bool with_private; /* EXTEND: and its private fields */
            /* EXTEND, ERASE, and what endorses: in words, at most 1,024 bytes; may be empty */
            struct span reason;
            struct span endorses; /* PUT, SET, EXTEND: [digest bin32 ...] of entries behind a
                                   * cut-off that this writes again; empty: none */
        } write;
        struct {
            uint32_t link;
            bool uplink; /* we dialled our parent */
            bool over;   /* rather one above it, since it can't be reached: by a fallback */
            uint8_t peer_key[KEY_BYTES];
        } link_up;
        uint32_t link_down;
        struct span seek; /* a seat */
        struct {
            uint32_t link;
            enum channel channel;
            uint8_t type;
            struct span body;
            /* filled by replica_prepare for blocks */
            struct prepared_block *block;
            enum error_code block_error;
            struct stream_id stream; /* whose block it says it is */
            uint32_t handle;
            bool names_stream; /* rather than the handle alone */
            bool beside;       /* another block stands at its place: the stream is forked */
            uint32_t entries;  /* in the block, as its sender counts; 0: that can't be seen */
        } message;
        struct {
            struct span envelope;
            const struct span *rows;
            size_t row_count;
            const uint32_t *places; /* single rows with `proofs`; NULL: the document is whole */
            const struct span *proofs;
            bool confirmed; /* a root by hand, and the people of this node have confirmed it */
        } document;
    };
};

/* The costly, pure half of a block message: opens and verifies it against the stream's head.
 * Other events are left alone. `view` must be the one that the step will see. */
void replica_prepare(const struct replica *replica, const struct view *view, struct event *event);
void event_release(struct event *event); /* frees what replica_prepare made */

/* One event. Everything that shall happen goes to `updates`. Memory changes are only kept by a
 * commit: see drive.h. */
void replica_step(struct replica *replica, const struct view *view, const struct event *event,
                  struct updates *updates);

/* What the store has free, NULL: unknown. Before a batch. */
void replica_set_room(struct replica *replica, const struct free_room *room);

/* The tick at which the next EVENT_TIME is due; UINT64_MAX: never. */
uint64_t replica_deadline(const struct replica *replica);

/* The mark that must stand in the high-water file before the commit of this batch, when
 * updates_signs. */
void replica_high_water(const struct replica *replica, struct high_water *mark);

/* What is not taken while the store has little room, or none; HOLD_NOTHING at first. Blocks: no
 * credit is given, so peers keep them; what they could send on credit given before is taken, and so
 * are notes and documents. Everything: nothing is taken or made that would be a row; sessions can't
 * go on from there (drive_hold ends them). Local writes are the caller's to refuse. */
enum replica_hold { HOLD_NOTHING, HOLD_BLOCKS, HOLD_EVERYTHING };
void replica_hold(struct replica *replica, enum replica_hold hold);

/* Looks inside, for status and for the link room. Valid until the next step. */
const struct tree *replica_tree(const struct replica *replica);
uint32_t replica_epoch(const struct replica *replica);
const char *replica_epoch_reason(const struct replica *replica); /* why it was opened; "" first */
bool replica_epoch_is_new(const struct replica *replica);        /* nothing is signed in it yet */

struct link_status {
    uint32_t link;
    char seat[SEAT_BYTES_MAX + 1];
    bool uplink, over; /* over: the parent of the lower one can't be reached */
    const char *state; /* greeting, documents, comparing, live */
    uint64_t since_tick_ms;
    uint64_t behind_there; /* entries that the peer lacks, as far as known */
    uint64_t behind_here;  /* entries that we lack */
    uint64_t bytes_there;  /* of the former, what waits to be sent (estimate, bytes) */
};
size_t replica_link_count(const struct replica *replica);
void replica_link_status(const struct replica *replica, const struct view *view, size_t index,
                         struct link_status *status);

/* What the peer of the link at `index` is known to hold of a stream: entries up to `held`, and up
 * to `sent` were sent. False: the two sides haven't compared yet. */
bool replica_stream_mark(const struct replica *replica, const struct view *view, size_t index,
                         const struct stream_id *stream, uint32_t *held, uint32_t *sent);

/* What people must look into, in words; index < replica_alarm_count. */
size_t replica_alarm_count(const struct replica *replica);
const char *replica_alarm(const struct replica *replica, size_t index);
/* How many records of types whose records are alarms have come or been made since the start;
 * *last: the last one in words. */
uint64_t replica_occurrences(const struct replica *replica, const char **last);

/* Counters of refusals, in the words of `terrace status`. */
#define REFUSAL_LIST(X)                                                                            \
    X(unknown_key)                                                                                 \
    X(handshake)                                                                                   \
    X(replay)                                                                                      \
    X(oversize)                                                                                    \
    X(damaged)                                                                                     \
    X(malformed)                                                                                   \
    X(forks)                                                                                       \
    X(forged)                                                                                      \
    X(not_allowed)                                                                                 \
    X(flood)                                                                                       \
    X(timeout)
struct refusals {
#define X(name) uint64_t name;
    REFUSAL_LIST(X)
#undef X
};
const struct refusals *replica_refusals(const struct replica *replica);

#endif
