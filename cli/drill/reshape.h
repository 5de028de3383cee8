/* What is changed in the tree of a drill: admitting, moving, revoking, replacing, overruling. Every
 * one needs the drill's lock, writes drill.json, and returns when the nodes that are told and run
 * have the change in force. */
#ifndef TERRACE_CLI_DRILL_RESHAPE_H
#define TERRACE_CLI_DRILL_RESHAPE_H

#include "cli/drill/drill.h"

struct reshape_admit {
    const char *code;
    const char *name; /* NULL: the code */
    const char *tier; /* NULL: the one below the parent's */
    size_t parent;
};
/* A new seat: its keys, its directory, its row signed by the parent's admin; the parent's node is
 * told, the new node started. *seat: its number. */
enum error_code reshape_admit(struct drill *drill, const struct reshape_admit *what, size_t *seat,
                              struct error *error);

struct reshape_move {
    size_t seat, to;
    size_t by;        /* a seat above both that decides it; DRILL_NO_SEAT: released and accepted */
    const bool *told; /* a flag a seat; NULL: those who sign */
};
enum error_code reshape_move(struct drill *drill, const struct reshape_move *what,
                             struct error *error);

/* Cut off up to what the parent's node holds. The seat's process runs on. */
enum error_code reshape_revoke(struct drill *drill, size_t seat, struct error *error);

/* New keys and an empty disk for a seat; the old one's is kept as DIR/CODE.gN, and trusted up to
 * what parent and children hold of it. The new node is started. */
enum error_code reshape_replace(struct drill *drill, size_t seat, struct error *error);

/* The seat above raises the term of this one's branch document: new admin key, and a first document
 * of the new term that names what the seat above holds as the last accepted. `told`: a flag a seat;
 * NULL: the seat above. */
enum error_code reshape_overrule(struct drill *drill, size_t seat, const bool *told,
                                 struct error *error);

/* Give these nodes all that was signed and that they should have, as on a stick. */
enum error_code reshape_tell(struct drill *drill, const bool *told, struct error *error);

#endif
