/* A scenario: which tree, what people do in it, what goes wrong, and what must hold, as data.
 *
 *     YAML file --scenario_read--\
 *     seed ------swarm_draw-------> struct scenario --run--> outcome, findings, timeline
 *     smaller <--shrink-----------/       |
 *                                         +--scenario_write--> YAML file
 *
 * What is read back from what was written is the same scenario. All times are milliseconds of
 * virtual time since the scenario's beginning unless a name says otherwise; all sizes are bytes. */
#ifndef TERRACE_SIM_SCENARIO_H
#define TERRACE_SIM_SCENARIO_H

#include "base/error.h"
#include "sim/scenario/units.h"
#include "sim/world/mischief.h"
#include "sim/world/world.h"

enum {
    SCENARIO_NAME_BYTES = 64,
    SCENARIO_RULES_MAX = 256, /* of links, work, faults, expectations, each */
    SCENARIO_SEATS_MAX = 1000 * 1000,
};

struct range { /* drawn evenly, both ends included */
    uint64_t low, high;
};

/* Which seats: all of what is said must hold; nothing said: every seat. A rule about links means
 * the link of a seat to its parent, so the root's is left out. */
struct selector {
    char tier[SEAT_BYTES_MAX + 1];  /* name of a tier; empty: any */
    char under[SEAT_BYTES_MAX + 1]; /* this seat and all below; empty: anywhere */
    char (*seats)[SEAT_BYTES_MAX + 1];
    size_t seat_count;       /* 0: not by name */
    uint32_t share_permille; /* of those, drawn anew at each strike; 0: all */
    uint32_t count;          /* or so many of them; 0: all */
};

/* When: once at a time drawn from `at`; or again every so often (drawn), from `at` until `until`;
 * or for each seat by itself, at random, `per_day` times a day on average. */
struct occasion {
    struct range at;
    struct range every;     /* 0..0: not so */
    uint32_t per_day_milli; /* thousandths; 0: not so */
    uint64_t until;         /* 0: the scenario's end */
    struct range lasts;     /* then what was done ends; 0..0: at once, or never (see the kind) */
};

struct tree_rule { /* one of three; `rows` as read from the file or the scenario itself */
    char *file;    /* CSV, relative to the scenario; NULL: none */
    char *shape;   /* as in "1+3+23+303"; NULL: none */
    char (*tiers)[SEAT_BYTES_MAX + 1];  /* of a shape, the root's first */
    size_t tier_count;                  /* 0: as the shape's length says */
    char fold_tier[SEAT_BYTES_MAX + 1]; /* whose seats state folds; empty: none */
    struct county_row *rows;
    size_t row_count;
    char (*texts)[SEAT_BYTES_MAX + 1];      /* what the rows borrow: code, tier, parent of each */
    char (*names)[SEAT_NAME_BYTES_MAX + 1]; /* of a file's seats, by row; NULL: none are known */
    char (*fallbacks)[SEAT_BYTES_MAX + 1];  /* by row; NULL: no seat has one */
};

struct link_rule {
    struct selector who;
    struct link_profile profile;
};

/* What people do, each selected seat by itself. */
struct work {
    struct selector who;
    char type[32];                   /* mediation, incident, directive, survey, matter */
    struct range per_day;            /* records of a seat; drawn for each seat and day */
    uint64_t total;                  /* instead: so many in all, spread evenly; 0: per_day */
    uint32_t from_minute, to_minute; /* of the day; equal: the whole day */
    uint64_t from, until;            /* of the scenario; until 0: its end */
    uint32_t set_percent;            /* of the writes, changes of records the seat may change */
    uint32_t delete_percent;
    uint32_t erase_percent;  /* of its writes at all that set them; persons alone */
    uint32_t extend_percent; /* by which another seat joins a record's circle */
    uint32_t burst_max;      /* writes at once; 0 as 1 */
    struct range bytes;      /* of a text beside; 0..0: none */
};

/* X(name, as written): what can go wrong. The parameters of each are in struct fault. */
#define FAULT_LIST(X)                                                                              \
    X(CUT, "cut")             /* the link to the parent is away */                                 \
    X(HALF_OPEN, "half-open") /* what goes `ways` vanishes without a reset */                      \
    X(LINK, "link")           /* the link is `link` meanwhile */                                   \
    X(KILL, "kill")           /* the process dies; it starts when this ends */                     \
    X(POWER, "power-cut")     /* the same, and the disk loses what it had not synced */            \
    X(PAUSE, "pause")         /* the process stands still */                                       \
    X(WIPE, "wipe")           /* an empty disk in place of the old one; starts when this ends */   \
    X(RESTORE, "restore")     /* the store as it was `age` before; starts when this ends */        \
    X(CLONE, "clone")         /* a copy of the disk runs beside, as a second node, meanwhile */    \
    X(DISK, "disk")           /* the disk is `disk` meanwhile */                                   \
    X(POINT, "point")         /* a fault point (enum fault_point) strikes once */                  \
    X(CLOCK, "clock")         /* the clock is `clock` meanwhile; lasts 0: for good */              \
    X(CONDUCT, "conduct")     /* the node cheats as `conduct` says meanwhile */                    \
    X(INJECT, "inject")       /* something bad (enum mischief) on the link */                      \
    X(TYPES, "types")         /* a second version of the types is given to the root */             \
    X(POISON, "poison")       /* its urgent stream goes on with a block that it signed and that    \
                                 doesn't decode; starts when this ends */                          \
    X(ADMIT, "admit")         /* a seat that comes later is signed in, and starts */               \
    X(REPLACE, "replace")     /* its machine is gone; another, with a key of the next generation,  \
                                 starts when this ends */                                          \
    X(REVOKE, "revoke")       /* its key is revoked; it goes on */                                 \
    X(MOVE, "move")           /* it goes to the parent `to`; who hears of it when is drawn */      \
    X(OVERRULE, "overrule")   /* its parent raises its term */                                     \
    X(EMERGENCY, "emergency") /* its subtree is in an emergency, by its own order, meanwhile */
enum fault_kind {
#define X(name, text) FAULT_##name,
    FAULT_LIST(X)
#undef X
        FAULT_KINDS
};

struct fault {
    enum fault_kind kind;
    struct selector who;
    struct occasion when;
    enum way ways;
    struct link_profile link;
    struct disk_profile disk;
    struct clock_profile clock;
    struct conduct conduct;
    enum fault_point point;
    enum mischief mischief;      /* MISCHIEF_COUNT: any of them, drawn */
    uint64_t age;                /* of the image that is put back */
    char to[SEAT_BYTES_MAX + 1]; /* move */
    bool keeps_high_water; /* restore: the high-water file was put back as well (a whole image) */
};

/* X(name, as written): what must hold beside the invariants, which always must. */
#define EXPECTATION_LIST(X)                                                                        \
    X(EQUAL, "equal")     /* everybody equal and complete within `limit` of the last healing */    \
    X(AGE, "age")         /* figures at the root never older than `limit` */                       \
    X(BACKLOG, "backlog") /* entries waiting for a selected link never more than `limit` */        \
    X(BYTES, "bytes")     /* over all selected links together at most `limit` */                   \
    X(URGENT, "urgent")   /* a directive is at every selected seat that can be reached within it */
enum expectation_kind {
#define X(name, text) EXPECTATION_##name,
    EXPECTATION_LIST(X)
#undef X
        EXPECTATION_KINDS
};
struct expectation {
    enum expectation_kind kind;
    struct selector who;
    uint64_t limit;
};

/* ---- steps: one thing after the other, for histories ---- */

/* X(name, as written) */
#define STEP_LIST(X)                                                                               \
    X(PUT, "put")     /* a record of `type` with `fields`, known as `name` from now on */          \
    X(SET, "set")     /* `fields` of it */                                                         \
    X(DO, "do")       /* the step `type` of its workflow, with `fields` */                         \
    X(ERASE, "erase") /* what was said of the fields of `pairs` in it; of none: of all */          \
    X(DELETE, "delete")                                                                            \
    X(CUT, "cut")   /* the links of `at` to their parents; of every seat if empty */               \
    X(HEAL, "heal") /* also what is half open */                                                   \
    X(KILL, "kill") /* stays dead until `start` */                                                 \
    X(POWER, "power-cut")                                                                          \
    X(START, "start")                                                                              \
    X(PAUSE, "pause")                                                                              \
    X(RESUME, "resume")                                                                            \
    X(IMAGE, "image")         /* a copy of the disk of `at`, known as `name` */                    \
    X(RESTORE, "restore")     /* its disk is image `name` again; it stays dead until `start` */    \
    X(WIPE, "wipe")           /* an empty disk; dead until `start` */                              \
    X(CLONE, "clone")         /* a second machine, a seat called `name` from now on */             \
    X(END_CLONE, "end-clone") /* it is gone again */                                               \
    X(CLOCK, "clock")                                                                              \
    X(LINK, "link")                                                                                \
    X(DISK, "disk")                                                                                \
    X(CONDUCT, "conduct")                                                                          \
    X(HALF_OPEN, "half-open")                                                                      \
    X(POINT, "point")                                                                              \
    X(INJECT, "inject")                                                                            \
    X(TYPES, "types")                                                                              \
    X(HOLD, "hold") /* its batches: what comes gathers until `release` */                          \
    X(RELEASE, "release")                                                                          \
    X(WITHHOLD, "withhold") /* blocks of streams of `of` don't get from `at` to its neighbour */   \
    X(PASS, "pass")         /* everything does again */                                            \
    X(STICK, "stick") /* blocks of `of` from image `name` come to `at` as if `to` had sent them */ \
    X(EXTEND, "extend") /* the seats of `pairs` join the circle of record `name` */                \
    X(SIGN, "sign") /* the admin of `at` signs `change` about the seat `of`; known as `name` */    \
    X(TELL, "tell") /* what was signed as `name` is handed to the nodes `at` */                    \
    X(MACHINE,                                                                                     \
      "machine")    /* a new one at the seat `at`, with what the node `to` has of documents */     \
    X(RUN, "run")   /* until nothing moves but timers, at most `ms` */                             \
    X(WAIT, "wait") /* so much time passes */                                                      \
    X(EXPECT, "expect")                                                                            \
    X(TOGETHER, "together") /* `members` in every order */
enum step_kind {
#define X(name, text) STEP_##name,
    STEP_LIST(X)
#undef X
        STEP_KINDS
};

/* X(name, as written): what an `expect` looks at, at each seat of `at`. */
#define LOOK_LIST(X)                                                                               \
    X(FIELD, "fields")          /* of record `name`: key = value as shown; "" absent */            \
    X(CONFLICTS, "conflicts")   /* exactly these, as "s=v2", in any order */                       \
    X(VOID, "void")             /* exactly these steps are, in any order */                        \
    X(SURPLUS, "surplus")       /* exactly these items are beyond a limit, as "notes 4" */         \
    X(DELETED, "deleted")       /* true or false */                                                \
    X(PRESENT, "present")       /* whether the seat has it */                                      \
    X(RECEIVED, "received")     /* as in "6 of 7": seats that have told that they have it */       \
    X(OPERATIONS, "operations") /* how many have come to it */                                     \
    X(EPOCH, "epoch")           /* the ordinal in which the seat writes */                         \
    X(PARKED, "parked")         /* entries that wait there */                                      \
    X(ASIDE, "quarantined")     /* entries in quarantine */                                        \
    X(TOTAL, "total")           /* records counted there */                                        \
    X(ORIGINS, "origins")       /* as in "3 of 9": those whose figures are there, of all */        \
    X(COMPLETE, "complete")     /* key: seat; now, silent, withheld or unknown */                  \
    X(HELD, "missing")          /* key: seat; entries it has announced that aren't there */        \
    X(CALLED, "answered")       /* key: seat; as in "2 of 4": who of its subtree has answered its  \
                                   newest order */                                                 \
    X(REFUSED, "refused")       /* key: reason (enum REFUSAL_LIST); at least so many */            \
    X(ENTRIES, "entries")       /* key: seat; entries of its streams that are there */             \
    X(BRANCHES, "branches")     /* key: seat; the most branches that a stream of it has */         \
    X(SUSPECT, "suspect")       /* key: seat; whether its clock is known to be wrong */            \
    X(ROOT, "root")       /* the version of the root document in force; ", 2 waits" behind it      \
                             if one by hand does */                                                \
    X(EXPIRED, "expired") /* whether its documents have, by its own clock */                       \
    X(ALARM, "alarm")     /* "none", or how an alarm begins */                                     \
    X(ANSWER, "answer")   /* to the write asked for last: ok, an error, or unanswered */
enum look {
#define X(name, text) LOOK_##name,
    LOOK_LIST(X)
#undef X
        LOOK_KINDS
};
bool look_is_list(enum look look); /* exactly these are expected, in any order */

struct step_pair {
    enum look look; /* of an expect */
    char *key, *value;
};

struct step;
struct step_list {
    struct step *steps;
    size_t count;
};

struct step {
    enum step_kind kind;
    unsigned line;                  /* in the file, for messages */
    char (*at)[SEAT_BYTES_MAX + 1]; /* seats, clones too; none: all */
    size_t at_count;
    char name[SCENARIO_NAME_BYTES]; /* of a record, an image, a clone */
    char type[32];                  /* put; do: the step of the workflow */
    char to[SEAT_BYTES_MAX + 1];    /* put: of a matter; withhold, stick: the neighbour; sign: of a
                                       release; machine: whose documents */
    char of[SEAT_BYTES_MAX + 1];    /* withhold, stick: whose streams; sign: whom it is about */
    enum county_change_kind change; /* sign */
    bool untold;                    /* sign: not handed to the signer's own node */
    uint64_t stream;                /* of them the one with that number; 0: all */
    uint64_t first, last;           /* stick: of blocks that begin at these entries */
    uint64_t count; /* put, set: so many times; the last record has the name. sign: the counter of
                       a move that is claimed; 0: the next */
    struct step_pair *pairs; /* fields of a write, or what is expected */
    size_t pair_count;
    bool has_clock; /* of a write: the seat's clock stands at `ms` from now on */
    uint64_t ms;
    char refused[32];    /* of a write: the error it must be refused with; empty: done */
    bool whole;          /* restore: with the high-water file. tell: people there have compared
                            the fingerprint of a root by hand */
    bool escrow;         /* machine: it is lent the escrow key of its seat's people */
    bool elsewhere;      /* clone: on another machine, or in another directory */
    struct fault *fault; /* parameters, of those that have some; owned */
    struct step_list *members; /* of a group */
    size_t member_count;
};

struct scenario {
    char name[SCENARIO_NAME_BYTES];
    char *title, *title_zh; /* one line each; NULL: none */
    char *because;          /* whose outage this was; NULL: none */
    uint64_t seed;
    uint64_t begins_wall_ms; /* true time at the beginning, since 1970 */
    uint64_t lasts_ms;       /* faults and work; then all is healed */
    uint64_t rest_ms_max;    /* how long it may take to come to rest then */
    uint64_t expires_ms;     /* when the tree's documents do, since 1970; 0: never */
    bool deadlines;          /* types with limits of time are in force from the beginning on */
    bool injects_expected;   /* somebody cheats: honest peers may be refused too */
    struct tree_rule tree;
    struct link_profile link;   /* of all links, before `links` */
    struct disk_profile disk;   /* of all disks */
    struct world_options world; /* what links and disks are like stands above, not in here */
    struct link_rule *links;
    size_t link_count;
    struct work *works;
    size_t work_count;
    struct fault *faults;
    size_t fault_count;
    struct expectation *expectations;
    size_t expectation_count;
    struct step_list steps; /* done one after the other instead of waiting for `lasts_ms` */
};

/* NULL on failure: `error` says file, line and column. `name` is the file's name for messages;
 * `load` reads a file that the scenario names (NULL: none may be named). Free with scenario_free.
 */
struct scenario *scenario_read(struct span yaml, const char *name,
                               bool (*load)(void *context, const char *file, struct buffer *bytes),
                               void *context, struct error *error);
void scenario_free(struct scenario *scenario); /* NULL is legal */
struct scenario *scenario_copy(const struct scenario *scenario);
/* YAML that scenario_read gives back as this scenario. */
void scenario_write(const struct scenario *scenario, struct buffer *yaml);

/* A row more to its tree; `parent` NULL: the root. */
void scenario_add_seat(struct scenario *scenario, const char *code, const char *tier,
                       const char *parent);
/* Over whom a seat that is there goes while its parent is away. */
void scenario_set_fallback(struct scenario *scenario, size_t row, struct span code);
/* The county of a scenario's tree: rows, or a shape with one seat for each of its parts. */
struct county *scenario_county(const struct scenario *scenario);
/* Whether a seat is selected, share and count aside. */
bool selector_takes(const struct selector *selector, const struct scenario *scenario,
                    const struct county *county, size_t seat);

/* What a scenario is that says nothing: links of 20 ms, disks of 5 ms, the node's own tuning. */
void scenario_usual(struct scenario *scenario);
extern const char *const fault_names[FAULT_KINDS];
extern const char *const expectation_names[EXPECTATION_KINDS];
enum unit expectation_unit(enum expectation_kind kind);
const char *fault_name(enum fault_kind kind);
extern const char *const step_names[STEP_KINDS];
extern const char *const look_names[LOOK_KINDS];

/* In how many orders its groups can be lived through: the product of their permutations, at most
 * SCENARIO_ORDERS_MAX + 1. */
enum { SCENARIO_ORDERS_MAX = 1000 * 1000 };
uint64_t scenario_orders(const struct scenario *scenario);

#endif
