/* node.yaml: what one node is told by its people (docs/node.md). */
#ifndef TERRACE_NODE_AUTHOR_CONFIG_H
#define TERRACE_NODE_AUTHOR_CONFIG_H

#include "replication/replica.h"

enum log_level { LOG_ERROR, LOG_INFO, LOG_TRACE };

enum {
    MAP_MIB_USUAL = 16384,
    MAP_MIB_MIN = 64,
    MAP_MIB_MAX = 1 << 20,
    FRESHNESS_S_USUAL = 1500, /* two idle statements and a half */
};

/* What links are given; 0 = as limits.h, and as fast as it goes. */
struct link_times {
    uint32_t handshake_ms, ping_ms, dead_ms;
    uint32_t rate_kbit; /* declared, of each link */
};

/* Bounds of one SQL query (docs/sql.md); 0 = as usual. */
struct sql_tuning {
    uint32_t seconds, rows;
    uint32_t memory_mib, growth_mib;
};

struct node_config {
    char seat[SEAT_BYTES_MAX + 1];
    struct hash tree_id;                 /* zero: it hasn't joined any yet */
    char listen[ENDPOINT_BYTES_MAX + 1]; /* "": no children connect */
    uint32_t map_mib;
    enum log_level log;
    uint64_t freshness_ms;
    struct replica_tuning tuning; /* 0 = as limits.h */
    struct link_times links;
    struct sql_tuning sql;
};

/* A configuration with everything at its usual value, and no seat and tree. */
void config_usual(struct node_config *config);

/* Reads DIR/node.yaml. Errors name file, line and column. */
enum error_code config_load(const char *dir, struct node_config *config, struct error *error);
/* From the text of a file called `name`. */
enum error_code config_parse(struct span text, const char *name, struct node_config *config,
                             struct error *error);
/* The text that config_parse reads back to the same; appended. What is usual is left out. */
void config_write(const struct node_config *config, struct buffer *text);

/* False, with why it can't be one in `error`, unless `text` is fit as a seat id: 1 to
 * SEAT_BYTES_MAX printable bytes without spaces, quotes and slashes (directories are named after
 * seats). */
bool seat_id_acceptable(struct span text, struct error *error);

#endif
