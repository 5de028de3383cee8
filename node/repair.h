/* The child that makes a new store out of a damaged one (replication/salvage/): it reads the old
 * file page by page, writes DIR/salvage, and lets the two change places. The old one stays beside,
 * as DIR/data.damaged-N. */
#ifndef TERRACE_NODE_REPAIR_H
#define TERRACE_NODE_REPAIR_H

/* Speaks as scrub_child does; exit status of the process. */
int repair_child(const char *dir);

#endif
