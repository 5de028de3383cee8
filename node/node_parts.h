/* Inside of a node: what its glue shares. Nobody outside node/ includes it.
 *
 *   node.c        start and stop, in order
 *   node_open.c   configuration, keys, store, core, documents: what must be right before it serves
 *   node_link.c   link room <-> core
 *   node_api.c    requests: which verb does what; writes
 *   node_read.c   get, list, rollup: on pool threads, with snapshots of their own
 *   node_sql.c    SQL: on threads and with snapshots of its own
 *   node_status.c status
 *   node_scrub.c  verify: a child process checks the store
 *
 * Everything in struct node belongs to the loop's thread, but for what says otherwise. */
#ifndef TERRACE_NODE_NODE_PARTS_H
#define TERRACE_NODE_NODE_PARTS_H

#include "node/author/keys.h"
#include "node/core_thread.h"
#include "node/node.h"
#include "node/scrub.h"
#include "replication/query/query.h"

enum {
    /* Messages and requests that wait for the core: above the first, clients are not read from and
     * links beyond a fair share of it are held; below the second they go on. */
    PENDING_BYTES_MOST = 8 << 20,
    PENDING_BYTES_LEAST = 2 << 20,
    /* Of one link, which is held above it and goes on below half of it: a window a class, and some
     * control. So a flood of control messages, which no credit bounds, waits at its sender. */
    PENDING_LINK_BYTES_MOST = (CLASS_COUNT + 1) * CREDIT_BYTES,
    READ_THREADS = 2,          /* a long total must not hold up a short read */
    TREE_MEMORIES = 4,         /* of readers, and of SQL's */
    WATCH_LOOK_MS = 1000,      /* what the core does by itself gives no result */
    READ_CACHE_MS = 10 * 1000, /* the readers' copy of the tree is dropped when not used */
    STATUS_WAIT_MS = 250,      /* for the core's news; then the last known are told */
    READER_CHECK_MS = 60 * 1000,
    CHILDREN_NAMED = 32, /* in status, of those that are missing */
};

_Static_assert((int)PENDING_BYTES_MOST > (int)CREDIT_TOTAL_BYTES, "what credit lets in finds room");

/* A tree that several readers share; under node.read_mutex. */
struct shared_tree {
    struct tree *tree;
    uint64_t stamp;
    unsigned users;
    struct block_memory *memories[TREE_MEMORIES]; /* of readers that are done, for the next ones */
    size_t memory_count;
};

/* A `status` that waits for the core's news. */
struct status_call {
    struct status_call *next;
    struct api_call call;
    struct sql_job *sql; /* a query that wants the links; NULL: `call` is a status */
};

struct read_job;
struct node_scrub;

/* What of one link's waits for the core. */
struct link_load {
    uint32_t link;
    size_t pending_bytes;
    bool held; /* the link is not read from */
};

struct node {
    const char *dir;
    struct node_config config;
    struct node_keys *keys; /* locked memory; owned */
    struct seal_key seal;   /* for those that read */
    struct log log;
    struct store *store;
    struct core core; /* the core's thread's, see core_thread.h */
    int exit_status;

    uv_loop_t loop;
    uv_signal_t terminate, interrupt;
    uv_timer_t stop_soon, reader_check, status_timer, cache_timer, watch_timer, guide_timer;
    uv_timer_t invite_timer;
    struct inbox results;
    struct api_server *api; /* NULL: not open any more */
    struct link_room *room; /* NULL: not open any more */
    bool stopping;

    struct core_tree *tree; /* as the core last said */
    size_t pending_bytes;   /* pushed to the core and not done with */
    bool pending_much;
    struct link_load *loads; /* of the links that are up, ascending by link; owned */
    size_t load_count, load_capacity;

    bool cut;
    uint32_t uplink; /* the link that is up; 0: none */
    uint64_t uplink_since_ms;
    uint64_t uplink_dialled, uplink_answered; /* the room's counters as it last went up or down */
    char uplink_trouble[400];                 /* why it can't even be dialled; "": nothing */
    bool guiding;                             /* `guide` is dialled in the parent's place */
    struct core_guide guide;
    size_t guide_next; /* of the tree's, whose turn it is; fallbacks come first */
    uint32_t over;     /* the link past the parent, over `over_host`; 0: none */
    uint64_t over_since_ms;
    char over_seat[SEAT_BYTES_MAX + 1], over_host[SEAT_BYTES_MAX + 1];
    struct wire_ask *wire_asks; /* who waits for a row here; owned */
    size_t wire_ask_count;
    char (*wire_sought)[SEAT_BYTES_MAX + 1]; /* rows that were asked for on their word; owned */
    size_t wire_sought_count;
    uint32_t guide_waits; /* how often nobody has led us to the parent */

    struct core_status *status; /* as the core last said; NULL: never */
    struct status_call *status_calls;

    const char *scrub_program; /* NULL: the store is not checked */
    struct node_scrub *scrub;
    struct scrub_last last_scrub; /* wall_ms 0: never */
    bool unclean;                 /* the process before this one left no clean stop behind */
    bool open_again;              /* once it has stopped */
    bool new_key; /* the tree lists the key that was asked for: open again with it */

    struct node_join *joins; /* one after the other; the first is at work */

    struct read_job *reads;           /* jobs that are not finished */
    size_t running_reads;             /* of them, the steps on the pool */
    struct read_job *gets, *last_get; /* gets that wait for a step */
    size_t get_steps;                 /* steps of gets on the pool */
    uint64_t core_results;            /* how many have come: a watch looks again after each */
    struct node_sql *sql;             /* NULL: nobody has asked yet */
    uv_mutex_t read_mutex;
    struct shared_tree *shared_tree;
};

/* node_open.c. On failure everything opened so far is still to be closed by node_close_files. */
enum error_code node_open_files(struct node *node, const char *dir,
                                const struct node_run_options *options, struct error *error);
void node_close_files(struct node *node);

/* node.c */
void node_stop_soon(struct node *node);
/* Gives an item to the core and counts it; `bytes`: what the core will say it has taken. */
void node_push(struct node *node, struct core_item *item, size_t bytes);

/* node_link.c */
enum error_code node_link_start(struct node *node, struct error *error);
void node_link_take_sends(struct node *node, struct span sends);
/* Who may dial us and whom we dial, from node->tree. */
void node_link_take_tree(struct node *node);
/* Messages that the core is done with: links that were held for them may go on. */
void node_link_settle(struct node *node, struct span taken);
void node_link_release_all(struct node *node);
/* node_new_key.c. Whether the tree lists this seat with the key that this machine has asked for. */
bool node_new_key_listed(const struct node *node, const uint8_t key[static KEY_BYTES]);
/* The running node stops, and is opened again with it. */
void node_new_key_look(struct node *node);
void node_link_set_cut(struct node *node, bool cut);

void node_link_dial_parent(struct node *node);

/* node_guide.c: without a link to the parent for long, ask those above it where it is. */
void node_guide_start(struct node *node);
void node_guide_forget(struct node *node); /* the tree has changed: it may know the parent now */
void node_guide_down(struct node *node);   /* the uplink has gone down */

/* node_wire.c: others that come over us as their fallback. */
struct wire_ask {
    uint32_t link;
    struct link_peer caller;
};
void node_wire_ask(struct node *node, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                   const char *seat);
void node_wire_take_tree(struct node *node); /* rows may have come */
void node_wire_free(struct node *node);

/* node_join.c: machines that come with a token. */
void node_join_look(struct node *node); /* at the invitations in the directory, anew */
void node_join_verb(struct node *node, struct api_call call);
void node_join_ask(struct node *node, uint32_t link, const uint8_t id[static LINK_INVITE_ID_BYTES],
                   const uint8_t peer_key[static LINK_KEY_BYTES], struct span body);
void node_join_published(struct core_document *document);

/* node_api.c */
enum error_code node_api_start(struct node *node, struct error *error);
void node_api_take_writes(struct node *node, struct core_item *first);
void node_api_refuse(struct node *node, struct api_call call, const struct error *error);

/* Arguments of a request by name: an empty span when absent. Values are left encoded. */
struct argument {
    const char *name;
    struct span value;
};
/* False: not a map of text keys to values, or with a name that isn't asked for; `error` is set. */
bool arguments_read(struct span args, struct argument *arguments, size_t count,
                    struct error *error);
/* Each false, with `error` set, when the value is there and of another kind, or absent and
 * required. */
bool argument_text(const struct argument *argument, bool required, struct span *text,
                   struct error *error);
bool argument_bool(const struct argument *argument, bool *value, struct error *error);
bool argument_uint(const struct argument *argument, uint64_t *value, struct error *error);
bool argument_bin(const struct argument *argument, struct span *bytes, struct error *error);
bool argument_map(const struct argument *argument, bool required, struct span *map,
                  struct error *error);
bool argument_record(const struct argument *argument, struct record_id *id, struct error *error);

/* node_sql.c */
struct sql_job;
void node_sql_begin(struct node *node, struct api_call call, struct span args);
/* The core has said how its links are. */
void node_sql_go_on(struct node *node, struct sql_job *job);
void node_sql_cancel(struct node *node, struct api_call call);
void node_sql_drained(struct node *node);
void node_sql_stop(struct node *node);  /* queries end at their next look */
void node_sql_close(struct node *node); /* waits for the threads, answers what is left */

/* node_read.c, node_read_tree.c */
enum read_kind {
    READ_GET,
    READ_LIST,
    READ_CONFLICTS,
    READ_ASIDE,
    READ_REVOKED,
    READ_WATCH,
    READ_HISTORY,
    READ_ROLLUP,
    READ_TYPES,
    READ_IMPORTED,
    READ_HEADS,
    READ_ROLL_CALL,
    READ_STATUS
};
void node_read_begin(struct node *node, struct api_call call, enum read_kind kind,
                     struct span args);
void node_read_cancel(struct node *node, struct api_call call);
void node_read_drained(struct node *node, uint64_t client);
/* Something was committed: watches look again. */
void node_read_committed(struct node *node);
void node_read_watch_timer(uv_timer_t *timer);
void node_read_cache_timer(uv_timer_t *timer);
void node_read_drop_cache(struct node *node);
/* On any thread: the readers' tree for this snapshot, built anew when documents have changed; to be
 * given back. NULL with `error`: it doesn't verify. */
/* The tree as the view has it, and for the view a memory of opened blocks; NULL with `error`. Both
 * are given back together. */
struct shared_tree *node_read_tree(struct node *node, struct view *view, struct error *error);
void node_read_tree_release(struct node *node, struct shared_tree *shared, struct view *view);
/* Ends the lists that wait for their clients. */
void node_read_stop(struct node *node);

/* node_scrub.c */
void node_scrub_start(struct node *node);
void node_scrub_begin(struct node *node, struct api_call call);
/* A read has met something damaged: the store is checked, unless it was a moment ago. */
void node_scrub_doubt(struct node *node);
void node_scrub_close(struct node *node); /* ends the child; the handles close */
void node_scrub_free(struct node *node);
/* Before the store is opened: checked, and made good, when something has marked it (suspect.h).
 * ERR_DAMAGED: that failed. */
enum error_code node_scrub_first(struct node *node, struct error *error);

/* node_history.c: the second half of `history`, when the core has said what the links hold. */
void node_history_ask(struct node *node, struct api_call call, const struct buffer *history,
                      const struct history_streams *streams);
void node_history_take(struct node *node, struct core_item *first);

/* node_publish.c: a signed document that somebody on this machine gives to the node. */
/* `confirms`: a root by hand, whose fingerprint comes with it. */
void node_publish_begin(struct node *node, struct api_call call, struct span args, bool confirms);
void node_publish_take(struct node *node, struct core_item *first);

/* node_status.c */
void node_status_begin(struct node *node, struct api_call call);
void node_status_take(struct node *node, struct core_status *status); /* takes it over */
/* The same for a query: node_sql_go_on when the core has said how it is. */
void node_status_before_sql(struct node *node, struct sql_job *job);
void node_status_links(struct node *node, struct buffer *out); /* as in status */
void node_status_timer(uv_timer_t *timer);
void node_status_drop_calls(struct node *node); /* unanswered */
void node_status_stop(struct node *node);       /* frees all */
/* What must be counted in the store; on a pool thread. */
struct store_counts {
    uint64_t streams, records, entries, quarantine, parked;
    uint64_t token_ms;       /* the newest time signed at the root */
    uint64_t retained_types; /* whose closed records leave the lists after a time */
    struct buffer alarms;    /* as query_alarms gives them; owned */
};
void node_status_count(const struct view *view, const struct store_snapshot *snapshot,
                       struct store_counts *counts);
/* "uplink" and "children", two pairs. */
void node_status_write_hops(struct node *node, struct buffer *out);
void node_status_write(struct node *node, const struct store_counts *counts, struct buffer *out);

#endif
