/* Real nodes for tests: a signed tree on this machine, one process a seat, asked over their APIs.
 *
 * The test's own executable is the node: its main must begin with node_world_child. */
#ifndef TERRACE_TESTS_PROCESS_NODE_WORLD_H
#define TERRACE_TESTS_PROCESS_NODE_WORLD_H

#include <sys/types.h>

#include "node/api/message.h"
#include "node/author/node_directory.h"

enum { NODE_WORLD_SEATS_MAX = 16, NODE_WORLD_WAIT_MS = 120 * 1000 };

struct node_world_seat {
    char code[SEAT_BYTES_MAX + 1];
    char dir[128];
    pid_t process; /* 0: not running */
    int api;       /* -1: not connected */
    struct buffer heard;
    uint64_t last_id;
};

struct node_world {
    char dir[64];
    size_t count;
    struct node_world_seat seats[NODE_WORLD_SEATS_MAX];
};

/* Serves and never returns when this process was started as a node. */
void node_world_child(int argument_count, char **arguments);

/* Keys, documents and directories for a table of code,name,tier,parent; intervals are set short. */
void node_world_make(struct node_world *world, const char *table);
/* The same, and one seat falls back on another, which begins without the branch document that lists
 * it; links are given up early. */
void node_world_make_fallback(struct node_world *world, const char *table, const char *seat,
                              const char *host, const char *listed_by);
/* Kills what runs and removes everything. */
void node_world_end(struct node_world *world);
struct node_world_seat *node_world_seat(struct node_world *world, const char *code);

/* Starts a node and waits until its API answers. */
void node_world_start(struct node_world_seat *seat);
/* The halves of it: starts a process; dials once (false: it doesn't answer yet). */
void node_world_spawn(struct node_world_seat *seat);
bool node_world_try(struct node_world_seat *seat);
/* One more client of a node that runs, for a copy of its seat with `api` -1 and no process. */
void node_world_dial(struct node_world_seat *seat);
/* Starts it and gives its exit status, for those that can't serve. */
int node_world_run(struct node_world_seat *seat);
void node_world_kill(struct node_world_seat *seat);   /* SIGKILL */
void node_world_strike(struct node_world_seat *seat); /* the same; what it answered can be heard */
int node_world_wait(struct node_world_seat *seat);    /* its exit status, or -signal */

/* Sends a request; answers with whatever comes last, `more` values appended to `pieces` (may be
 * NULL). Spans live until the next call. */
struct api_answer node_world_ask(struct node_world_seat *seat, const char *verb, struct span args,
                                 struct buffer *pieces);

/* The halves of it: sends without waiting (answers the id); hears one answer (false: hung up). */
uint64_t node_world_say(struct node_world_seat *seat, const char *verb, struct span args);
bool node_world_hear(struct node_world_seat *seat, struct api_answer *answer);

/* Arguments: pairs of name and text, ended by NULL; "fields.x" goes into the map `fields`. */
struct buffer node_world_args(const char *name, ...) __attribute__((sentinel));

/* The value at a path of map keys ("uplink.state") in an encoded map; empty when absent. */
struct span node_world_at(struct span map, const char *path);
bool node_world_is_text(struct span map, const char *path, const char *text);
uint64_t node_world_number(struct span map, const char *path); /* UINT64_MAX: absent */

/* The id in an answer about one record. */
enum { NODE_WORLD_ID_ROOM = 33 };
void node_world_id(struct span answer, char id[static NODE_WORLD_ID_ROOM]);

/* Puts so many incidents in one batch, of NODE_WORLD_BULK_BYTES each that don't compress. True:
 * they were refused as full, with words for people. */
enum { NODE_WORLD_BULK_BYTES = 12000 };
bool node_world_bulk_is_refused(struct node_world_seat *seat, size_t count, unsigned *seed);

/* Asks again until `holds` says true of the answer's value; fails the test after
 * NODE_WORLD_WAIT_MS. */
void node_world_until(struct node_world_seat *seat, const char *verb, struct span args,
                      bool (*holds)(const struct api_answer *answer, const void *context),
                      const void *context);
/* Until its uplink is "live", "dialling" ... */
void node_world_until_uplink(struct node_world_seat *seat, const char *state);

#endif
