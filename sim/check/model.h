/* A naive answer to compare with: who wrote what, who may hold it, what it must come to.
 *
 *     asked ------> model_op --found in its author's log--> model_record
 *                      |                                        |
 *     commits -> blocks, streams, who holds what (holdings.c)   fold, circles, totals
 *
 * The model keeps books of its own: every write that was asked for, its answer, and the operation
 * that stands for it in its author's log (name, digest, what it had seen). From these alone, and
 * from parents in the county, it works out circles, states and totals, slowly and plainly: naive
 * in rules, quick in look-ups. What each store holds it follows from commit to commit, by the
 * bytes that an author's own store had first. */
#ifndef TERRACE_SIM_MODEL_H
#define TERRACE_SIM_MODEL_H

#include <stdio.h>

#include "replication/query/query.h"
#include "replication/rows/rows.h"
#include "sim/check/findings.h"
#include "sim/check/places.h"
#include "sim/world/world.h"

enum model_type {
    MODEL_MEDIATION = 1,
    MODEL_INCIDENT,
    MODEL_DIRECTIVE,
    MODEL_SURVEY,
    MODEL_MATTER,
    MODEL_CASE,  /* with a workflow (model_case.h); in the second version of the types alone */
    MODEL_VISIT, /* with private fields, and a step that hands all of it on; as a case */
    MODEL_VISIT_PRIVATE, /* its companion: a record of its own, of the same id (model_private.c) */
    MODEL_DUTY,          /* with a limit of time; nobody takes a step of it */
    MODEL_PERSON = 20,   /* whose texts can be erased, but the title; also of the second version */
    MODEL_TYPES
};
bool model_is_addressed(enum model_type type); /* made for one seat */

/* What one write says of one field. */
enum model_field {
    MODEL_TITLE = 1,
    MODEL_S,
    MODEL_LEVEL,
    MODEL_NOTES,
    MODEL_CALLS,
    MODEL_NAME, /* of a visit, private: its companion's */
    MODEL_PHONE
};
enum { MODEL_TEXT_BYTES = 48, MODEL_VALUES_MAX = 7, MODEL_MORE_MAX = 16000 };
struct model_value {
    int32_t
        field; /* enum model_field, FIELD_DELETED, or FIELD_TRANSITION: `number` is the step's */
    uint32_t more;  /* bytes of a text behind `text`, at most MODEL_MORE_MAX */
    int64_t number; /* level; what is added to calls; deleted or not */
    char text[MODEL_TEXT_BYTES];
};

enum model_fate {
    MODEL_ASKED,   /* no answer, not found in a log */
    MODEL_REFUSED, /* answered with an error: it must stand nowhere */
    MODEL_DONE,    /* acknowledged, or found in its author's log after a crash */
    MODEL_GONE,    /* its process died before the commit, or its node was put back to before it
                      and nobody else has it */
};

struct model_op {
    uint64_t serial; /* request number: 1, 2, ... */
    size_t node;     /* where it was asked for: a seat, or a clone of one */
    size_t seat;     /* of that node */
    size_t to;       /* of a matter: the seat that it is made for */
    enum write_kind kind;
    size_t record; /* place among the records; SIZE_MAX: a creation not found yet */
    enum model_fate fate;
    bool acknowledged, in_log, endangered;
    bool forked;    /* stands beside another of the same name, or on a forked stream */
    bool cut;       /* behind the place up to which its author's key counts */
    uint64_t at_ms; /* when it was on its author's disk */
    struct record_id answered_record;
    uint64_t clock;
    size_t value_count;
    struct model_value *values; /* owned */
    size_t join_count;          /* of an extension: whom it adds */
    size_t *joins;              /* seats; owned */
    size_t erases_count;        /* of an erasure: operations whose words go */
    size_t *erases;             /* owned */
    bool fields[MODEL_CALLS];   /* of an erasure: which are wanted; none: all */
    bool holed;                 /* somewhere its words are gone */
    bool erased, ever_erased;   /* by an erasure that is there; by any, ever */
    bool by_itself;             /* its node wrote it, and nobody asked for it */
    bool is_private; /* what one request says in private; `main` and `beside` say of what */
    size_t main;     /* the record that it is the companion's of; SIZE_MAX: not found yet */
    size_t beside;   /* the rest of the same request; SIZE_MAX: there is none */
    size_t hands_to; /* of a step: the seat that it hands the record to; SIZE_MAX: none */
    bool handed[2];  /* of it: the record's extension is found, its companion's */
    /* from its author's log */
    struct dot dot;
    struct hash digest;
    struct dot *context; /* owned */
    size_t context_count;
    /* what its node had of the record before the batch that wrote it, owned */
    struct dot *before;
    size_t before_count;
    /* which members of the circle hold it, a bit each by model_circle_place; owned */
    uint64_t *held;
    size_t held_count;
};

struct model_record {
    struct record_id id;
    enum model_type type;
    size_t origin; /* seat that created it */
    size_t to;     /* of a matter: the seat that it is made for */
    size_t *ops;   /* places among the operations, as found */
    size_t op_count, op_capacity;
    bool forked;    /* an author of it has signed two things for one place */
    bool unchecked; /* something has come to it since check_rest looked */
    bool counted;   /* in by_seat, as check_rest last saw it */
    bool baseless;  /* its creation is cut, or gone while others of it are held */
    bool orphaned;  /* of it something waits for ever for what is gone */
    /* Where the tree changes: its circle, in the order of joining; who may hold it and need not.
     * Both owned; NULL: as the tree says. */
    size_t *members;
    size_t *joined_by; /* by member: the operation that has added it; SIZE_MAX: none needed to */
    bool *free;
    size_t member_count, free_count;
};

/* ---- what stands where (holdings.c) ---- */

struct model_entry {
    size_t op;           /* SIZE_MAX: no operation */
    uint64_t digest8;    /* the first bytes of its digest */
    size_t carried_from; /* of one that carries: where the operations begin in `carried` */
    uint32_t carried_count;
};

struct model_block { /* known by the hash of its stored bytes */
    struct stream_id stream;
    uint32_t seq, count;
    struct hash hash;   /* its name, as the next one signs it */
    size_t first_entry; /* place among the entries */
};

struct model_unread { /* carried in the batch that is being read, not read itself yet */
    size_t carried;   /* its place in `carried` */
    size_t node, author;
    struct hash digest;
};

struct model_stream {
    struct stream_id id;
    size_t author; /* seat */
    bool own_only, forked, sealed;
    size_t *seats;   /* holders, ascending; owned */
    uint32_t *heads; /* entries that each holds; owned */
    bool *free;      /* of them, those that need not hold it; owned */
    size_t *path;    /* in the order of the opening; owned */
    size_t holder_count, path_count;
    bool subtree;
    uint8_t tier;       /* of a subtree: the last one */
    uint32_t head;      /* the most that one of them holds */
    size_t *signed_at;  /* by sequence number: the entry that was first signed there; owned */
    uint32_t signed_to; /* entries in signed_at */
};

struct model_cut { /* up to where a key counts that has been retired or revoked */
    struct key_id key;
    struct cut_off places[CUT_OFF_MAX]; /* without hashes */
    size_t count;
};

struct model_poison { /* a block that a cheat signed and that doesn't decode */
    struct stream_id stream;
    uint32_t seq;
    struct hash name; /* of its stored bytes */
};

struct model_holding { /* one stream, or branch of one, in one store */
    size_t node, stream;
    struct stream_id id;
    uint32_t seq; /* read so far */
};

struct model_node {
    size_t seat;
    size_t *asked; /* operations asked for here and not in a log yet; owned */
    size_t asked_count, asked_capacity;
    size_t behind;    /* streams that somebody has more of for it */
    size_t answered;  /* in the batch that runs */
    unsigned starts;  /* as far as heard */
    bool restored;    /* something that it has announced may be gone */
    bool stale;       /* another disk, not read yet */
    bool fell;        /* a stream of its own has become shorter */
    bool excused;     /* somebody has said why */
    bool forks;       /* two machines have one key, or it has gone back: two things at one place */
    bool refusal_due; /* something bad is in the batch that runs */
    uint64_t tree_before; /* tree_change_count when this batch began */
    struct refusals refusals_before;
    unsigned life; /* of its disk */
    size_t *done;  /* operations of the seat that are on its disk, as they came there; owned */
    size_t done_count, done_capacity;
    size_t claimed;   /* of them, those that the root has been complete with */
    size_t deletions; /* of records that this seat had made */
};

struct model_rank {
    uint64_t major, minor;
};

struct model_watching {
    struct model *model;
    size_t node;
};

struct model {
    const struct county *county;
    struct world *world;
    struct findings *findings;
    struct model_op *ops;
    size_t op_count, op_capacity;
    struct model_record *records;
    size_t record_count, record_capacity;
    struct model_node *nodes; /* seats, then clones */
    size_t node_count;
    bool changing;    /* people change the tree; said before anybody starts */
    bool any_steps;   /* of a workflow have been asked for */
    bool any_erased;  /* words are gone from logs */
    bool sealed_text; /* what is looked at was sealed: who keeps it doesn't read it */
    bool at_rest;     /* what is erased must be gone everywhere */
    bool all_honest;  /* nothing bad is on any link: nobody may be refused */
    FILE *trace;      /* for hooks that print; NULL: none */

    struct model_entry *entries;
    size_t entry_count, entry_capacity;
    struct model_block *blocks;
    size_t block_count, block_capacity;
    struct model_stream *streams;
    size_t stream_count, stream_capacity;
    struct model_holding *holdings;
    size_t holding_count, holding_capacity;
    struct model_poison *poisons;
    size_t poison_count;
    size_t *carried; /* operations that entries carry; SIZE_MAX: nobody wrote it, or unread */
    size_t carried_count, carried_capacity;
    struct model_unread *unread;
    size_t unread_count, unread_capacity;
    struct model_cut *cuts;
    size_t cut_count;
    struct places carry_names; /* entries that carry, by digest */
    struct places op_names, record_names, block_names, stream_names, holding_names;
    struct places seat_codes, seat_keys, states, rank_names;
    struct places tokens;     /* by clock: when it was issued, in true time */
    struct model_rank *ranks; /* of documents and notes, by node */
    size_t rank_count, rank_capacity;
    uint64_t claims_due_ms;
    size_t swept_node, swept_record;  /* where the sweeps go on */
    size_t *below_from, *below_count; /* by seat: its number when all are told from the root down,
                                         and how many it and those below it are */
    size_t *seat_numbered;
    bool *ever_below; /* where the tree changes: [above * seats + below], at any time; or NULL */
    struct model_watching *watchings;
    size_t missing; /* pairs of (operation that is not gone, member without it) */
    size_t behind;  /* pairs of (stream, holder that has less than another) */
    size_t forked_streams;
    int64_t *counted; /* by seat: its records that live, as check_rest last counted */
    struct stream_row *row;
};

struct model *model_new(const struct county *county, struct findings *findings);
void model_free(struct model *model); /* NULL is legal; before world_free or after */
/* Hooks to make the world with; then tell the model its world, before anybody starts. */
struct world_hooks model_hooks(struct model *model);
void model_watch(struct model *model, struct world *world);

/* Ask for a write at a node; the model chooses nothing. `record` is a place, for set and delete;
 * for a new matter, the seat that it is made for. A text should hold model_marker's, so that the
 * write is known again anywhere; without one it is known by its values and its turn.
 * Returns its serial number. */
uint64_t model_write(struct model *model, size_t node, enum write_kind kind, enum model_type type,
                     size_t record, const struct model_value *values, size_t value_count);
/* The same for a step that hands the record, and its companion, to this seat. */
uint64_t model_hand(struct model *model, size_t node, size_t record,
                    const struct model_value *values, size_t value_count, size_t to);
/* The same for an extension of a record's circle by these seats. */
uint64_t model_extend(struct model *model, size_t node, size_t record, const size_t *seats,
                      size_t count);
/* The same for an erasure of all words that set these fields, by number; of none: of all words. */
uint64_t model_erase(struct model *model, size_t node, size_t record, const bool *fields);
/* The text that stands for the next write: "@w000000017." of write 17. */
void model_marker(const struct model *model, char text[static MODEL_TEXT_BYTES]);
/* The same for any write; and the fields of a write as a node takes them. */
void model_marker_of(uint64_t serial, char text[static MODEL_TEXT_BYTES]);
void model_encode_fields(const struct model_value *values, size_t count, struct buffer *fields);
/* The record that a write made or changed; SIZE_MAX: none yet. */
size_t model_record_at(const struct model *model, uint64_t serial);

/* ---- what is done to nodes (model_fates.c) ---- */

/* The node's disk was put back, emptied or made anew: what it had written and others don't hold
 * may be gone. Call while it doesn't run. Of what the world does by itself (world_hooks.lost,
 * .repaired) the model hears by itself. */
void model_restored(struct model *model, size_t node);
/* From now on this seat's key may sign two things for one place: two machines have it, or its
 * disk was put back as a whole with its high-water file. Of records that such an author has
 * touched nothing is asked but that all members have the same; nothing that others wrote may be
 * lost. */
void model_forks(struct model *model, size_t seat);
/* A block that doesn't decode is about to be on its author's disk, with these stored bytes
 * (poison_make): in the log it counts as an entry that says nothing, and at rest each other holder
 * of its stream must have set it aside as malformed. Of any other such block is told. */
void model_poisoned(struct model *model, const struct stream_id *stream, uint32_t seq,
                    struct span stored);
/* The county's tree is another: seats, keys, parents. Circles and holders grow with it; whoever has
 * left one keeps what it has. */
void model_tree_changed(struct model *model);
/* A key counts up to these places from now on; what else it has signed or signs is in no state. */
void model_key_ends(struct model *model, struct key_id key, const struct cut_off *places,
                    size_t count);
/* Whether the seat is in the tree, with a key that counts: nothing is asked of others. */
bool model_counts(const struct model *model, size_t seat);
/* A clone was made (world_clone): a node of its own, whose writes are asked for by its place. */
void model_cloned(struct model *model, size_t clone);
/* Of what was in danger, forget what no node holds. */
void model_settle(struct model *model);
/* Disks that are others now are read. */
void model_catch_up(struct model *model);

/* ---- what others here use ---- */

/* model_log.c: an entry with a record, found in a log of the node's own, in a stream with this
 * opening; its place among the operations, SIZE_MAX: a finding. */
size_t model_take_entry(struct model *model, size_t node, const struct stream_id *stream,
                        const struct stream_open *open, const struct entry *entry,
                        const struct hash *digest);
/* A deletion found in the log was taken for this one, which was refused: give it to the next that
 * was asked for. False: there is none. */
bool model_rematch_deletion(struct model *model, struct model_op *refused);
/* The version vector of a record at a node, its greatest n of each (author, epoch). The caller
 * frees. */
struct dot *model_seen_at(const struct model *model, size_t node, const struct model_record *record,
                          size_t *count);
/* Whether a version vector covers a dot. */
bool model_covers(const struct dot *vector, size_t count, const struct dot *dot);
/* Whether x saw y. */
bool model_saw(const struct model_op *x, const struct model_op *y);
bool model_same_author(const struct dot *a, const struct dot *b);
/* The place of a record's companion; SIZE_MAX: it has none yet. */
size_t model_companion_of(const struct model *model, size_t record);
/* Of a companion the place of its record, of any other its own; SIZE_MAX: it isn't known yet. */
size_t model_main_of(const struct model *model, size_t record);
bool model_is_private(int32_t field);
size_t model_add_record(struct model *model, const struct model_record *record); /* its place */
void model_set_fate(struct model *model, struct model_op *op, enum model_fate fate);
/* It is asked for no more: found, refused, or dead. */
void model_drop_asked(struct model *model, const struct model_op *op);

/* holdings.c */
void holdings_changed(void *node, enum table table, struct span key); /* memory_store_watch's */
/* That the member of the circle at `seat` holds it. */
bool model_holds(const struct model *model, const struct model_op *op, size_t seat);
void model_stream_free(struct model_stream *stream);
size_t model_circle_size(const struct model *model, const struct model_record *record);
/* Number of a seat within the circle; SIZE_MAX: outside. */
size_t model_circle_place(const struct model *model, const struct model_record *record,
                          size_t seat);
/* The member with that number. */
size_t model_circle_seat(const struct model *model, const struct model_record *record,
                         size_t place);
/* Entries that wait for each link, by the child: what one end has for the other and the other
 * doesn't hold. Both arrays have a place for each seat. */
void model_backlogs(const struct model *model, uint64_t *up, uint64_t *down);

/* The total of all records at the root, and how old it is. False: the root doesn't run, or has no
 * answer. */
struct model_figures {
    int64_t value;
    uint64_t reported, expected; /* origins */
    size_t behind;               /* origins that are said to be */
    uint64_t as_of_ms;           /* by the root's clock */
    bool has_age;
    uint64_t age_ms; /* since that was so, in true time */
};
bool model_figures(struct model *model, struct model_figures *figures);

/* A record as people see it at a node, one line a thing: "title='x'", "notes+'y'", "conflict ...",
 * and last "deleted=0 operations=1 excluded=0". False: it isn't there, or can't be read. */
bool model_state_text(const struct model *model, size_t record, size_t node, struct buffer *text);

/* Whether these bytes, at this node, have the text of a write outside whose circle the node is; at
 * rest also of one that is erased. */
void model_check_texts(struct model *model, size_t node, const char *where, struct span bytes);

const char *model_type_name(enum model_type type);
/* Whether a seat is in a record's circle, from parents alone. */
bool model_in_circle(const struct model *model, const struct model_record *record, size_t seat);
bool model_in_path(const struct model *model, size_t a, size_t b);
bool model_is_above(const struct model *model, size_t above, size_t seat);
size_t model_seat_of_key(const struct model *model, struct key_id key); /* or SIZE_MAX */
size_t model_seat_of_code(const struct model *model, struct span code); /* or SIZE_MAX */
const char *model_node_name(const struct model *model, size_t node);
/* NULL: no such record, operation. */
struct model_record *model_record_of(const struct model *model, uint16_t type,
                                     const struct record_id *id);
struct model_op *model_op_of(const struct model *model, const struct hash *digest);

/* The whole of a text value: `text`, and what is behind it. */
void model_text(const struct model_value *value, struct buffer *text);

/* model_fold.c: what the rules make of a record's operations that are not gone: a text, one line a
 * thing, and whether it is deleted. The caller frees the text. */
void model_fold(const struct model *model, const struct model_record *record, struct buffer *text,
                bool *deleted);
/* The same text from what query_record says. False: it can't be read. */
bool model_read_state(struct span described, struct buffer *text);

#endif
