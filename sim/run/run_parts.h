/* Inside of a run: between the files of this room. */
#ifndef TERRACE_SIM_RUN_PARTS_H
#define TERRACE_SIM_RUN_PARTS_H

#include "sim/run/run.h"

/* ---- what is to be done, in the order of virtual time; of one time, in the order of planning ----
 */

enum planned_kind {
    PLANNED_START,  /* a node that ended by itself starts again */
    PLANNED_STRIKE, /* of a fault: `rule`; of one seat, or SIZE_MAX: of those that it selects */
    PLANNED_BLOW,   /* the strike at `strike` falls; its images were taken before */
    PLANNED_END,    /* the strike at `strike` ends */
    PLANNED_DAY,    /* of work: `rule`, `seat`: draws the writes of the day that begins */
    PLANNED_WRITE,  /* of work: `rule`; `seat`, or SIZE_MAX: anybody */
    PLANNED_TELL,   /* the node `seat` is handed the document `rule` of the county's changes */
    PLANNED_LOOK,   /* at directives that are due */
    PLANNED_SAMPLE,
    PLANNED_CHECK,
};
struct planned {
    uint64_t at_ms, order;
    enum planned_kind kind;
    size_t rule, seat, strike;
};
struct plan {
    struct planned *heap;
    size_t count, capacity;
    size_t busy; /* of `count`, those that are neither samples nor checks */
    uint64_t planned;
};
void plan_add(struct plan *plan, const struct planned *planned); /* fills in `order` */
bool plan_take(struct plan *plan, struct planned *planned);
const struct planned *plan_next(const struct plan *plan); /* NULL: nothing */
void plan_clear(struct plan *plan);

/* ---- a run ---- */

struct strike { /* one fault on some seats */
    size_t fault;
    size_t *seats; /* owned */
    size_t seat_count;
    uint64_t lasts_ms;            /* 0: see the kind */
    struct memory_store **images; /* by seat; of a restore */
    uint64_t *image_commits;
    uint32_t *image_generations; /* of the machine whose disk it was */
    uint64_t imaged_ms;
    size_t *clones; /* by seat; of clones */
    bool active;
};

struct seat_run {
    unsigned cut, down, paused; /* how many strikes keep it so */
    uint64_t broken_ms;         /* when a link of its path to the root last came or went */
    bool start_planned, is_up, was_behind;
    bool held;                /* its batches, by a step */
    bool stands;              /* paused by a step, counted in `paused` */
    bool absent;              /* no machine has been set up yet */
    size_t clone;             /* a second machine with its key; SIZE_MAX: none */
    struct link_profile link; /* when no fault changes it */
    size_t *own;              /* records that it made; owned */
    size_t own_count, own_capacity;
};

/* The worst that an expectation has seen, and a write that should be everywhere soon. */
struct worst {
    uint64_t value, at_ms;
    size_t seat;
};
struct urgent {
    uint64_t serial, at_ms;
};

/* What steps have done to blocks on their way (ways.c). */
struct withheld {
    size_t from, to; /* neighbours */
    struct key_id author;
    uint64_t stream; /* its number; 0: all */
};
struct naming { /* the stream that a handle stands for on one way of a link */
    size_t from, to;
    uint64_t handle;
    struct stream_id stream;
};
struct handed { /* a block that `from` has never sent, so that the answer isn't for it */
    size_t from, to;
    uint64_t handle;
};
struct ways {
    struct withheld *withheld;
    struct naming *namings;
    struct handed *handed;
    size_t withheld_count, naming_count, handed_count;
};

/* What steps have given a name. */
enum named_kind { NAMED_RECORD, NAMED_IMAGE, NAMED_CLONE, NAMED_SIGNED };
struct named {
    enum named_kind kind;
    char name[SCENARIO_NAME_BYTES];
    uint64_t serial;            /* of the write that made the record */
    struct memory_store *image; /* owned */
    size_t node;                /* of the clone */
    size_t first, count;        /* changes of the county: what was signed */
};

struct untold { /* a document that a node is to get when it runs */
    size_t node, change;
};

/* Without a model: what a seat last wrote, so that people still change their records. */
enum { PLAIN_RECENT = 16 };
struct plain_seat {
    struct record_id ids[PLAIN_RECENT];
    uint8_t types[PLAIN_RECENT];
    uint32_t count; /* ever; the last ones are kept */
};
struct plain {
    struct plain_seat *seats;
    uint8_t *creates; /* by write: the type that it creates one of; 0: a change */
    size_t write_count, capacity, record_count;
};

struct candidates { /* whom a rule may mean */
    size_t *seats;
    size_t count;
};

struct run {
    const struct scenario *scenario;
    const struct run_options *options;
    struct run_result *result;
    struct prng prng; /* of what is done to the world; the world has one of its own */
    struct county *county;
    size_t root;
    struct world *world;
    struct model *model; /* NULL: nothing is checked */
    struct plain plain;  /* then in its place */
    struct world_hooks model_hooks;
    struct plan plan;
    struct seat_run *seats;
    struct candidates *fault_seats, *work_seats, *expectation_seats; /* by rule */
    struct strike *strikes;
    size_t strike_count;
    size_t *died; /* nodes that ended by themselves since the last look */
    size_t died_count, died_capacity;
    size_t records_seen; /* of the model, sorted to their makers */
    size_t findings_told;
    bool types_raised;
    uint64_t end_ms; /* of faults and work */
    struct hash trace;
    struct buffer traced; /* not in `trace` yet */
    struct worst *worst;  /* by expectation */
    struct urgent *urgent;
    size_t urgent_count;
    struct named *named;
    size_t named_count;
    struct ways ways;
    struct untold *untold;
    size_t untold_count;
    struct hash cut_hashes[CUT_OFF_MAX]; /* of the document that is being signed */
    struct trusted_notes cut_notes[CUT_OFF_MAX];
    uint64_t order_left;     /* of the order's number, what groups have not used yet */
    uint64_t asked_request;  /* the last write that a step has asked for */
    uint64_t answer_request; /* the last write that was answered, and how */
    enum error_code answer_code;
    uint64_t cpu_began_us;
    bool frail; /* nodes may end by themselves */
    bool over;  /* the processor time given */
};

/* Everything that is planned or happens up to then. */
void run_until(struct run *run, uint64_t until_ms);
uint64_t run_now(const struct run *run);
uint64_t run_draw(struct run *run, struct range range);
void run_moment(const struct run *run, enum moment_kind kind, size_t node, const char *text);
bool run_has_parent(const struct run *run, size_t seat);

/* hooks.c: the model's, the watcher's, and the trace */
struct world_hooks run_hooks(struct run *run);
void run_trace_flush(struct run *run);

/* strikes.c */
void strikes_plan(struct run *run);
void strikes_draw(struct run *run, const struct planned *planned); /* PLANNED_STRIKE */
void strikes_blow(struct run *run, size_t strike);
void strikes_end(struct run *run, size_t strike);
void strikes_end_all(struct run *run); /* everything healed, everyone runs */
void strikes_free(struct run *run);
void run_start(struct run *run, size_t seat);
/* It stays down until as many ends as stops. */
void strikes_stop(struct run *run, size_t seat, bool power);
/* Nodes that have ended by themselves are started again soon. */
void run_supervise(struct run *run);

/* writes.c */
void works_plan(struct run *run);
void works_day(struct run *run, const struct planned *planned);
void works_write(struct run *run, const struct planned *planned);

/* plain.c: writes that nobody keeps books of */
void plain_put(struct run *run, size_t node, enum model_type type, size_t to,
               const struct model_value *values, size_t count);
/* False: this seat has no record of the type yet. */
bool plain_change(struct run *run, size_t node, enum write_kind kind, enum model_type type,
                  const struct model_value *values, size_t count);
void plain_answered(struct run *run, size_t node, const struct answer *answer);
void plain_clear(struct run *run);

/* rest.c: until everything is equal and complete; false: not in the scenario's time. */
bool run_rest(struct run *run);
void run_check_live(struct run *run);

/* steps.c */
void steps_do(struct run *run);
void steps_end(struct run *run);
struct named *run_named(struct run *run, enum named_kind kind, const char *name); /* or NULL */
struct named *run_new_named(struct run *run, enum named_kind kind, const char *name);
size_t run_node(const struct run *run, const char *code);
void run_free_named(struct run *run);

/* ways.c */
bool ways_pass(struct run *run, size_t from, size_t to, uint8_t type, struct span body);
void ways_withhold(struct run *run, const struct step *step, size_t node);
void ways_pass_all(struct run *run);
/* False: there is no such link, or it isn't up. */
bool ways_hand_in(struct run *run, const struct step *step, size_t node,
                  struct memory_store *image);
void ways_free(struct run *run);

/* signed.c */
/* How many documents were signed, from which on (county_sign). Cut-offs are what the signer's node
 * holds. */
size_t run_sign(struct run *run, const struct county_change *change, size_t *first);
void run_tell(struct run *run, size_t node, size_t first, size_t count);
void run_tell_waiting(struct run *run); /* to those that run by now */
/* A machine for a seat, with the documents that the node `from` has, and with `escrow` the key of
 * its seat's people; it starts. */
void run_set_up(struct run *run, size_t seat, size_t from, bool escrow);
void run_tell_signers(struct run *run); /* a node takes nothing that it can't judge yet */
void run_set_up_all(struct run *run);   /* wherever one is listed and there is none */
/* A fault that somebody signs; its machine starts when it ends. */
void signed_blow(struct run *run, const struct fault *fault, size_t seat, uint64_t lasts_ms);
void signed_end(struct run *run, size_t seat); /* of an emergency */
void signed_step(struct run *run, const struct step *step, size_t node);
void signed_tell(struct run *run, const struct step *step, size_t node);

/* look.c */
void run_look(struct run *run, const struct step *step, size_t node);

/* expect.c */
void expectations_sample(struct run *run);
void expectations_wrote(struct run *run, uint64_t serial);
void expectations_look(struct run *run); /* at directives that are due */
void expectations_link(struct run *run, size_t child);
void expectations_end(struct run *run);

#endif
