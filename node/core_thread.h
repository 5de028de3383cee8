/* The core's thread: takes what its inbox holds as one batch, drives it to one commit, hands
 * everything that came of it back to the loop as one result.
 *
 *     loop:  core_item ... -> worker -> core_queue -> drive_batch -> core_result -> inbox -> loop
 *
 * Items and results are owned by whoever holds them last and freed with core_item_free and
 * core_result_free. Only this thread touches the drive and the store's port after core_start. */
#ifndef TERRACE_NODE_CORE_THREAD_H
#define TERRACE_NODE_CORE_THREAD_H

#include "node/api/server.h"
#include "node/author/document_file.h"
#include "node/author/document_log.h"
#include "node/core_queue.h"
#include "node/link/link.h"
#include "node/log.h"
#include "node/loop/worker.h"
#include "node/store/store.h"
#include "replication/drive.h"
#include "replication/query/query.h"

enum {
    /* Where one commit is cut: LMDB's transactions stay far below the 10 MB at which it spills, and
     * clients with some thousand writes in flight make the next while one is on its way. */
    BATCH_EVENTS_MAX = PUT_RECORDS_MAX,
    BATCH_BYTES_MAX = 512 << 10,
};

enum core_item_kind {
    CORE_LINK_UP,
    CORE_LINK_DOWN,
    CORE_MESSAGE,
    CORE_WRITES,   /* comes back in the result, answered */
    CORE_MARKS,    /* asks what the links' peers hold of some streams; comes back in the result */
    CORE_DOCUMENT, /* a signed document that somebody gives; comes back in the result, judged */
    CORE_SEEK,     /* a seat that must be known here; its name is `body` */
    CORE_STATUS,   /* asks for a core_status in the next result */
    CORE_END,      /* nothing may be pushed after it; the next result says `ended` */
};

/* One local write of a request, and what became of it. */
struct core_write {
    enum write_kind kind;
    struct span type, transition, fields, request_id, import, to, seats, reason,
        endorses; /* in the item's memory */
    uint64_t import_row, import_after;
    bool with_private, only_check;
    struct record_id record; /* which; then the one that was written */
    uint64_t clock;
    struct error *error; /* owned; NULL: done */
    bool answered;
};

struct core_writes {
    struct api_call call;
    bool many;          /* answer with a list */
    uint8_t *arguments; /* owned copy of what the spans point into */
    size_t argument_bytes;
    size_t count;
    struct core_write *writes; /* owned */
};

/* What was found of a record so far, and what the core adds. */
struct core_marks {
    struct api_call call;
    struct buffer history; /* owned: query_history's map */
    struct buffer hops;    /* owned: [{"seat":, "path":, "held":, "sent":}] one after the other */
    uint32_t hop_count;
    struct history_streams streams;
};

/* A signed document from this machine, and what became of it. */
struct core_document {
    struct api_call call;
    struct document_file file; /* owned; `confirmed`: people here have compared it */
    bool held;                 /* in force, or waiting for rows that it came without */
    bool waits;                /* a root by hand: for people's confirmation */
    struct error error;        /* when it isn't held: why */
    struct node_join *join;    /* whom it is signed for (node_join.c); NULL: `call` is answered */
};

struct core_item {
    struct inbox_event event; /* first: the inbox holds nothing else */
    enum core_item_kind kind;
    union {
        struct {
            uint32_t link;
            bool uplink, over;
            uint8_t peer_key[KEY_BYTES];
        } up;
        uint32_t down;
        size_t seek_bytes;
        struct {
            uint32_t link;
            enum channel channel;
            uint8_t type;
            uint16_t size;
        } message; /* its body is `body` */
        struct core_writes writes;
        struct core_marks *marks;       /* owned */
        struct core_document *document; /* owned */
    };
    uint8_t body[];
};
struct core_item *core_item_new(enum core_item_kind kind, struct span body);
void core_item_free(struct core_item *item); /* NULL is legal */

/* What the loop knows of the tree. */
struct core_tree {
    uint64_t change;
    size_t document_count, seat_count;
    uint64_t alarm_count;           /* what people must look into, see tree_alarm_count */
    uint64_t expires_ms;            /* of the documents that this node's place rests on; 0: never */
    bool root_waits;                /* a root by hand, for the people of this node: */
    struct hash root;               /* its hash */
    bool listed;                    /* this node's seat is there and active */
    uint8_t signing_key[KEY_BYTES]; /* that it is listed with */
    char emergency[SEAT_BYTES_MAX + 1]; /* the seat whose order puts it into emergency; "": peace */
    uint64_t emergency_ms;              /* since when */
    char name[SEAT_NAME_BYTES_MAX + 1];
    char tier[SEAT_BYTES_MAX + 1];
    bool has_parent;
    char parent[SEAT_BYTES_MAX + 1];
    uint8_t parent_key[KEY_BYTES];
    size_t endpoint_count;
    char endpoints[ENDPOINTS_MAX][ENDPOINT_BYTES_MAX + 1];
    size_t peer_count;
    size_t child_count;      /* of the peers, the first ones: who belongs right below */
    struct link_peer *peers; /* children, and whom we may guide; owned */
    size_t guide_count;
    struct core_guide *guides; /* seats above the parent, the nearest first; owned */
    size_t host_count, hosted_count;
    struct core_guide *hosts;   /* own fallbacks, as far as they are known, in order; owned */
    struct core_hosted *hosted; /* who falls back on this seat, as far as is known; owned */
};

/* Who may be put through here, and to whom. */
struct core_hosted {
    struct link_peer caller;
    bool to_parent;
    uint32_t to_guides; /* bit by place */
};

/* A seat further above: it tells who has lost its parent where the parent is. */
struct core_guide {
    char seat[SEAT_BYTES_MAX + 1];
    uint8_t key[KEY_BYTES];
    size_t endpoint_count;
    char endpoints[ENDPOINTS_MAX][ENDPOINT_BYTES_MAX + 1];
};

struct core_status {
    uint64_t tick_ms; /* when it was taken */
    uint32_t epoch;
    char epoch_why[160];
    struct buffer alarms; /* texts, each ended by NUL */
    uint64_t occurrences; /* as replica_occurrences counts them */
    char occurrence[200];
    uint64_t commits, failed_commits;
    enum store_level level;
    struct refusals refusals;
    size_t link_count;
    struct link_status *links; /* owned */
};

void core_status_free(struct core_status *status); /* NULL is legal */

struct core_result {
    struct inbox_event event;    /* first */
    struct buffer sends;         /* see core_send_next */
    struct core_item *writes;    /* answered; linked by event.next */
    struct core_item *marks;     /* filled; linked by event.next */
    struct core_item *documents; /* judged; linked by event.next */
    struct core_tree *tree;      /* NULL: not changed */
    struct core_status *status;  /* NULL: nobody asked */
    size_t taken_bytes;          /* of messages and writes that are done with */
    struct buffer taken;         /* of which, by link: see core_taken_next */
    bool ended;
};
void core_result_free(struct core_result *result);

/* Messages and closes in a result, in order: false at the end. Start with *at = 0. */
struct core_send {
    uint32_t link;
    enum channel channel;
    uint8_t type;
    bool closes;
    struct span body;
};
bool core_send_next(struct span sends, size_t *at, struct core_send *send);

/* A message of this link is done with: false at the end. Start with *at = 0. */
struct core_taken {
    uint32_t link, bytes;
};
bool core_taken_next(struct span taken, size_t *at, struct core_taken *one);

struct core {
    struct worker worker;
    struct core_queue queue;
    struct drive *drive;
    struct store_port store;
    struct inbox *results;
    const struct log *log;
    struct document_log *replaced; /* documents that were in force; NULL: they aren't kept */
    char seat[SEAT_BYTES_MAX + 1];
    uint64_t tree_seen;         /* tree_change_count of the last core_tree that was given out */
    struct core_result *result; /* being filled */
    struct event *events;       /* of the batch; owned, freed when idle */
    size_t event_count, event_capacity, event_bytes;
    size_t load_bytes;      /* handled since memory was last given back */
    struct store *files;    /* behind `store` */
    enum store_level level; /* what else is taken, when there is little room */
    uint64_t look_at_ms;    /* when that is looked at again */
    size_t unlooked_bytes;  /* handled since it was looked at */
    bool level_changed;     /* the links must be told */
    bool ended;
};

/* Opens the drive over `store`; what it sends before core_start is dropped. `results` must be open
 * when core_start is called, and until the result that says `ended`. */
enum error_code core_open(struct core *core, const struct replica_options *options,
                          struct store *store, const struct log *log, struct error *error);
/* Before core_start: keep a log of replaced documents in this directory from now on. */
void core_keep_documents(struct core *core, const char *dir);
void core_close(struct core *core);
/* Before core_start, on the caller's thread: one signed document from this node's own disk. */
enum error_code core_take_document(struct core *core, const struct document_file *file);
/* What stands in the tree now; before core_start only. The caller frees with core_tree_free. */
struct core_tree *core_tree_now(const struct core *core);
void core_tree_free(struct core_tree *tree);

int core_start(struct core *core, struct inbox *results);
void core_push(struct core *core, struct core_item *item);
/* After the result that said `ended`: waits for the thread. */
void core_join(struct core *core);

#endif
