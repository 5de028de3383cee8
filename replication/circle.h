/* The circle of a record: who holds it (rules.md 2). The holders of the stream that its creation
 * stands in, and the seats that admitted extensions added. One answer for who may write, for whom
 * an entry goes to, and for what people are shown. */
#ifndef TERRACE_REPLICATION_CIRCLE_H
#define TERRACE_REPLICATION_CIRCLE_H

#include "replication/rows/rows.h"

struct circle {
    uint8_t class;
    uint8_t holders;                   /* of the creation's stream: enum holders_kind */
    uint8_t tier;                      /* subtree: down to this tier */
    struct key_id author;              /* of the creation */
    const char *origin;                /* its seat; borrowed from the tree */
    size_t first_count;                /* so many of the seats are of the creation's stream */
    size_t count, capacity;            /* members by name; of a subtree its author's seat alone */
    char (*seats)[SEAT_BYTES_MAX + 1]; /* the creation's first, then as they joined */
};

/* The circle as the operation `seen` saw it; NULL: as all admitted operations make it. `record`
 * holds the creation. False: what is needed to know it isn't here. The caller frees. */
bool circle_load(struct block_cache *cache, const struct view *view, const struct tree *tree,
                 const struct record_state *record, const struct record_id *id,
                 const struct operation *seen, struct circle *circle);
void circle_free(struct circle *circle);
bool circle_has(const struct circle *circle, const char *seat);
/* One more member; nothing when it is one. */
void circle_add(struct circle *circle, const char *seat);
/* The lowest seat above the record's origin that isn't a member; NULL: all are. */
const struct seat *circle_next_above(const struct tree *tree, const struct circle *circle);
/* Whether a seat may write to the record: a member; of a subtree's record its author's seat alone.
 */
bool circle_may_write(const struct circle *circle, const struct seat *seat);

#endif
