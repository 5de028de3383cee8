/* The directory of a drill: a whole tree of real nodes on one machine.
 *
 *     DIR/drill.json            what the drill is: seats, ports, processes, which uplinks are cut
 *     DIR/drill.lock            held by a command while it changes something
 *     DIR/acknowledged.ndjson   one line a record that a node has acknowledged
 *     DIR/CODE/                 a node directory; its output goes to DIR/CODE/log
 *     DIR/CODE.gN/              the disk of the machine that was replaced as generation N
 *     DIR/signed/               every document that was signed since, whole */
#ifndef TERRACE_CLI_DRILL_DRILL_H
#define TERRACE_CLI_DRILL_DRILL_H

#include <limits.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/limits.h"
#include "cli/command.h"
#include "schema/schema.h"

#define DRILL_NO_SEAT SIZE_MAX

struct drill_seat {
    char code[SEAT_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1];
    uint8_t tier;
    size_t parent;      /* index; DRILL_NO_SEAT for the root, which is seat 0 */
    size_t child_count; /* direct ones */
    uint16_t port;      /* 0: no children, does not listen */
    uint8_t key[KEY_BYTES];
    pid_t pid; /* 0: stopped */
    bool cut;
    uint32_t generation; /* of the machine in DIR/CODE, from 1 */
    bool revoked;        /* it may run on, and counts for nothing */
};

/* One change of the tree, in the order in which they were signed. `drill check` needs them: where
 * a record belongs depends on the tree that its author knew. */
enum drill_change_kind { CHANGE_ADMIT, CHANGE_MOVE, CHANGE_REVOKE, CHANGE_REPLACE };
struct drill_change {
    enum drill_change_kind kind;
    size_t seat;
    size_t former;          /* a move: the parent that released it; DRILL_NO_SEAT: none */
    uint8_t key[KEY_BYTES]; /* revoked, or replaced: the signing key that was cut off */
    uint32_t generation;    /* and its generation; of a replaced one the disk is DIR/CODE.gN */
    uint64_t signed_ms;     /* by this machine's clock */
    uint64_t told_ms;       /* the same when those who had to be told had it in force */
    int64_t reported;       /* revoked: what its last trusted report counted; -1: not known */
};

struct drill_type {
    uint16_t number;
    char name[FIELD_NAME_BYTES_MAX + 1];
    enum circle_rule circle;
    bool counted;   /* in the roll-up of records */
    bool companion; /* of another type: its private fields */
};

struct drill {
    char *directory; /* absolute */
    int lock;        /* -1: not held */
    struct hash tree_id;
    char tiers[TIERS_MAX][SEAT_BYTES_MAX + 1];
    size_t tier_count;
    struct drill_seat *seats; /* the root first; what was admitted later stands at the end */
    size_t seat_count;
    struct drill_change *changes;
    size_t change_count;
    struct drill_type *types;
    size_t type_count;
};

/* Open the drill of --dir. With `change` the directory's lock is taken (waiting for another
 * command that holds it), so that drill_save loses nothing. The caller frees with drill_free. */
enum error_code drill_open(const char *directory, bool change, struct drill *drill,
                           struct error *error);
/* The same from --dir of a command line. */
enum error_code drill_open_given(const struct arguments *arguments, bool change,
                                 struct drill *drill, struct error *error);
/* Take the lock of a directory that has no drill yet; `drill` begins empty. */
enum error_code drill_begin(const char *directory, struct drill *drill, struct error *error);
void drill_free(struct drill *drill);

/* Write drill.json anew. The lock must be held. */
enum error_code drill_save(const struct drill *drill, struct error *error);

/* The index of a seat by its code. ERR_NOT_FOUND names it. */
enum error_code drill_find(const struct drill *drill, const char *code, size_t *seat,
                           struct error *error);
/* The seats of a list "A,B,C"; `chosen` has a flag a seat. */
enum error_code drill_find_list(const struct drill *drill, const char *list, bool *chosen,
                                struct error *error);
/* Whether `above` is `below` or stands above it. */
bool drill_above_or_same(const struct drill *drill, size_t above, size_t below);
/* Whether a seat is on the way from `from` to `to`, over the seat where their ways up meet. */
bool drill_on_path(const struct drill *drill, size_t from, size_t to, size_t seat);
/* The child of the root under which a seat stands; the root for itself. */
size_t drill_branch(const struct drill *drill, size_t seat);

const struct drill_type *drill_type_numbered(const struct drill *drill, uint16_t number);
const struct drill_type *drill_type_named(const struct drill *drill, const char *name);

/* DIR/CODE, and a file of the drill. ERR_OVERSIZE when it is longer than a path may be. */
enum error_code drill_node_path(const struct drill *drill, size_t seat, char path[static PATH_MAX],
                                struct error *error);
enum error_code drill_file_path(const struct drill *drill, const char *name,
                                char path[static PATH_MAX], struct error *error);

/* The option that every subcommand of drill has. */
#define DRILL_DIR_OPTION                                                                           \
    {                                                                                              \
        "dir", "DIR", "the drill's directory"                                                      \
    }

extern const struct command drill_up, drill_load, drill_cut, drill_heal, drill_kill, drill_start,
    drill_check, drill_status, drill_down, drill_plant, drill_demo, drill_replay, drill_admit,
    drill_move, drill_revoke, drill_replace, drill_overrule, drill_tell;

#endif
