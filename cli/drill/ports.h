/* Free TCP ports on 127.0.0.1 for the nodes that have children. */
#ifndef TERRACE_CLI_DRILL_PORTS_H
#define TERRACE_CLI_DRILL_PORTS_H

#include "cli/drill/drill.h"

/* Fills the port of every seat with children, from `base` upwards; base 0: from somewhere random
 * below the range that the kernel gives to outgoing connections, so that none of these takes a port
 * while its node is stopped. ERR_FULL when there aren't enough. */
enum error_code ports_choose(struct drill *drill, uint64_t base, struct error *error);

/* One more, for a seat that comes later. */
enum error_code ports_one(const struct drill *drill, uint16_t *port, struct error *error);

#endif
