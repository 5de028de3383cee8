/* What waits at the links: what one end of a link holds and the other, who should, does not. Said
 * by the stores alone, by comparing heads. */
#ifndef TERRACE_SIM_REPORT_WAITING_H
#define TERRACE_SIM_REPORT_WAITING_H

#include "sim/world/world.h"

struct waiting {
    uint64_t up, down; /* entries, to the parent and from it */
    uint64_t bytes;    /* about: the first block that waits of each stream, times how many wait */
};

struct waiting_book; /* whose key is whose */
struct waiting_book *waiting_book_new(const struct county *county);
void waiting_book_free(struct waiting_book *book); /* NULL is legal */

/* The seats right below one; borrowed. */
const size_t *waiting_book_children(const struct waiting_book *book, size_t parent, size_t *count);

/* Of one link, named by its child; without bytes. */
struct waiting waiting_of_link(const struct waiting_book *book, struct world *world, size_t child);
/* Of all links, by child; the root's stays zero. */
void waiting_of_all(const struct waiting_book *book, struct world *world, struct waiting *by_child);

#endif
