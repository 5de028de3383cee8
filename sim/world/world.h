/* A county in one process: the same core as the node's, over memory stores and memory links, in
 * virtual time. One seed, one history.
 *
 *     agenda: arrivals, links up and down, batches, timers, in virtual milliseconds
 *        |
 *     node: inbox -> drive_batch -> memory store; messages out -> link -> agenda
 *
 * A link is the one between a child and its parent, and bears the child's place. Messages of one
 * channel and session arrive in order; channels may overtake each other; a cut drops what is on
 * the way. A link carries the real bytes, without Noise. */
#ifndef TERRACE_SIM_WORLD_H
#define TERRACE_SIM_WORLD_H

#include "replication/drive.h"
#include "sim/world/county.h"
#include "sim/world/memory_store.h"
#include "sim/world/prng.h"
#include "sim/world/profiles.h"

/* Where nodes keep their rows, if not in memory: `open` gives a port that lives until `close`, and
 * the high-water file's mark, if there is one. A process that ends closes its store; what was
 * committed is there again at the next `open`. False: it can't be opened. Faults of disks, images
 * and clones are the memory store's alone. */
struct store_maker {
    void *context;
    bool (*open)(void *context, size_t node, struct store_port *port, bool *marked,
                 struct high_water *mark);
    void (*close)(void *context, size_t node);
};

struct world_options {
    const struct store_maker *stores; /* NULL: memory stores */
    /* Of links that were given no profile (world_set_link): delay, overtaking, rate, duplicates,
     * damage. */
    uint32_t delay_ms_min, delay_ms_max; /* of a message */
    uint32_t batch_ms_max;               /* how long an inbox gathers */
    uint32_t batch_events_max;           /* 0: everything that is there */
    uint32_t redial_ms_min, redial_ms_max;
    uint32_t down_ms_max;  /* how late an end hears that its link is gone */
    uint32_t fallback_ms;  /* without its parent for so long a node goes over a fallback; 0: 15 s */
    bool overtaking;       /* each channel has delays of its own */
    uint32_t rate_bytes_s; /* of a link, each way; what is urgent goes first. 0: no bound */
    unsigned duplicate_permille, damage_permille;        /* of block messages */
    unsigned full_permille;                              /* of commits */
    unsigned gift_types_permille, gift_subtree_permille; /* nodes that are not given these */
    uint64_t wall_ms; /* true time at the beginning, since 1970; 0: 6 June 2025, 17:00 UTC */
    struct replica_tuning tuning;
    bool tracing;
    bool strict; /* memory_store_strict */
};

/* What an onlooker hears. All may be NULL. None may change the world. */
struct world_hooks {
    void *context;
    void (*answered)(void *context, size_t node, const struct answer *answer);
    /* Before and after a batch; `injected` of the events are world_inject's. `code` as drive_batch
     * said. */
    void (*batch_begins)(void *context, size_t node, const struct event *events, size_t count,
                         size_t injected);
    void (*batch_done)(void *context, size_t node, const struct event *events, size_t count,
                       enum error_code code);
    void (*opened)(void *context, size_t node); /* after a start or a failed commit */
    void (*sent)(void *context, size_t from, size_t to, enum channel channel, uint8_t type,
                 struct span body);
    /* False: this message is lost on its way. */
    bool (*passes)(void *context, size_t from, size_t to, uint8_t type, struct span body);
    void (*lines)(void *context, size_t node, struct span lines);
    /* Before a start: the store was damaged and is made anew out of what proves itself
     * (replication/salvage); what was only in unreadable rows is gone. */
    void (*repaired)(void *context, size_t node);
    /* A power cut has taken back so many commits that the disk said were safe. */
    void (*lost)(void *context, size_t node, unsigned commits);
};

struct world_counts { /* what has happened, for the report of a run */
    uint64_t batches, messages, bytes, duplicates, damages, injections, corruptions, replays;
    uint64_t cuts, crashes, failed_commits, restores, power_cuts, lost_commits, repairs;
};

struct world;

/* Nobody runs yet. The county must outlive the world. Free with world_free. */
struct world *world_new(const struct county *county, const struct world_options *options,
                        uint64_t seed, const struct world_hooks *hooks);
void world_free(struct world *world); /* NULL is legal */

const struct county *world_county(const struct world *world);
struct prng *world_prng(struct world *world);
const struct world_counts *world_counts(const struct world *world);
/* Takes effect at once. From calm options no faults come but those asked for. */
struct world_options *world_options(struct world *world);

/* ---- time ---- */

uint64_t world_now_ms(const struct world *world); /* since the world began */
/* True time of the wall, and what a node's clock says. */
uint64_t world_wall_ms(const struct world *world);
uint64_t world_clock_ms(const struct world *world, size_t node);
/* How far a node's clock is from true time; or stand still at `clock_ms`. */
void world_set_offset(struct world *world, size_t node, int64_t offset_ms);
void world_stop_clock(struct world *world, size_t node, uint64_t clock_ms);

/* Everything up to and including `until_ms`. */
void world_run_until(struct world *world, uint64_t until_ms);
/* Until nothing but timers is left, those that are due now included. False: not within `most_ms`
 * of virtual time. */
bool world_run_quiet(struct world *world, uint64_t most_ms);

/* ---- nodes ---- */

/* Starts a node, which first reads the documents on its own disk: those that it was given (enum
 * county_gift) at its first start. ERR_OK, or what drive_open said. */
enum error_code world_start(struct world *world, size_t node, unsigned gift);
/* Ends the process at once: nothing unsaved stays, links are gone. */
void world_crash(struct world *world, size_t node);
bool world_runs(const struct world *world, size_t node);
/* NULL while it doesn't run. Dies at the next batch. */
const struct replica *world_replica(const struct world *world, size_t node);
struct memory_store *world_store(struct world *world, size_t node);
const struct view *world_view(struct world *world, size_t node);
/* How often it has been started. */
unsigned world_starts(const struct world *world, size_t node);
void world_set_instance(struct world *world, size_t node, const uint8_t instance[static 8]);
/* The documents of the county as they are now, on this node's own disk. */
void world_give_documents(struct world *world, size_t node, unsigned gift);
/* The newest types; and one document of the county's changes, as from a stick. The node runs. */
void world_give_types(struct world *world, size_t node);
void world_give_change(struct world *world, size_t node, size_t change);
/* A root by hand, whose fingerprint the people of the node have compared. */
void world_confirm_change(struct world *world, size_t node, size_t change);
/* What lies in its documents directory from now on is what stands in this tree. The node must not
 * run. */
void world_equip(struct world *world, size_t node, const struct tree *documents);
/* A new machine at this seat: an empty store, keys of the newest generation. The node must not run;
 * equip it then. */
void world_replace(struct world *world, size_t node);
/* The keys of this generation at the disk that is there. The node must not run. */
void world_rekey(struct world *world, size_t node, uint32_t generation);
/* An escrow key of the seat for its node, before it starts; `number` as for county_escrow. */
void world_lend_escrow(struct world *world, size_t node, uint32_t number);
/* The keys that its machine has. */
const struct county_keys *world_keys(const struct world *world, size_t node);
/* The node that it dials; its own place: none. */
size_t world_parent(const struct world *world, size_t node);
/* The store as the image says; the high-water file stays. The node must not run. */
void world_restore(struct world *world, size_t node, const struct memory_store *image);

/* A local write into the inbox; everything is copied. */
struct world_write {
    uint64_t request;
    enum write_kind kind;
    const char *type;
    struct record_id record;
    struct span fields;     /* EXTEND: the seats, a msgpack array */
    const char *request_id; /* NULL: none */
    const char *to;         /* whom it is made for, or handed to; NULL: nobody */
    const char *step;       /* DO: which */
    bool with_private;      /* EXTEND: the private fields too */
};
void world_write(struct world *world, size_t node, const struct world_write *write);
/* Hold back a node's batches: its inbox gathers until it is let go. */
void world_hold(struct world *world, size_t node, bool held);
/* How much room its store has (drive_hold); until it is said otherwise, or the node starts again.
 */
void world_room(struct world *world, size_t node, enum replica_hold hold);

/* ---- links, named by the child ---- */

void world_cut(struct world *world, size_t child);
void world_heal(struct world *world, size_t child);
bool world_is_cut(const struct world *world, size_t child);
bool world_is_up(const struct world *world, size_t child);
/* The next free handle of blocks that go this way in the session that is up. */
uint32_t world_next_handle(const struct world *world, size_t child, bool to_parent);
/* A message that nobody there sent, to the other end of the link; false: the link isn't up. */
bool world_inject(struct world *world, size_t child, bool to_parent, enum channel channel,
                  uint8_t type, struct span body);
/* The same with what is good, as from a stick: nobody has to refuse it. */
bool world_hand_in(struct world *world, size_t child, bool to_parent, enum channel channel,
                   uint8_t type, struct span body);

/* ---- what links, disks, clocks and nodes are like (profiles.h); each takes effect at once ---- */

void world_set_link(struct world *world, size_t child, const struct link_profile *profile);
/* Packets that go these ways vanish without a reset; ends give up after SILENCE_MS_MAX. */
void world_swallow(struct world *world, size_t child, enum way ways);
void world_set_disk(struct world *world, size_t node, const struct disk_profile *profile);
void world_set_clock(struct world *world, size_t node, const struct clock_profile *profile);
void world_set_conduct(struct world *world, size_t node, const struct conduct *conduct);
/* The next time the node comes to this point. One is armed at a time. */
void world_arm(struct world *world, size_t node, enum fault_point point);
const char *fault_point_name(enum fault_point point);

/* The process stands still, as under SIGSTOP: nothing is heard from it, so that its peers give
 * their links up after SILENCE_MS_MAX; what is sent to it waits. */
void world_pause(struct world *world, size_t node, bool paused);
/* Kill without a word to its peers, and the disk loses what it had not really synced. */
void world_power_cut(struct world *world, size_t node);
/* An empty store without high-water file; the node must not run. */
void world_wipe(struct world *world, size_t node);
/* The rows and the high-water file of `image`, as a whole disk is put back. */
void world_restore_whole(struct world *world, size_t node, const struct memory_store *image);
/* A second node with this node's keys, marker and disk as they are now; its place is at or above
 * the county's seat count. It runs from world_start on and dials the same parent, where the newer
 * of two links of one key takes the place of the older. Ends with world_end_clone; the place is not
 * used again. */
size_t world_clone(struct world *world, size_t node);
void world_end_clone(struct world *world, size_t clone);
size_t world_node_count(const struct world *world); /* seats and clones */
size_t world_seat_of(const struct world *world, size_t node);

struct link_counts { /* since the world began, of one link */
    uint64_t bytes_up, bytes_down, messages_up, messages_down, sessions;
};
const struct link_counts *world_link_counts(const struct world *world, size_t child);

#endif
