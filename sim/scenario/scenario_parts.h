/* Between the files of this room. */
#ifndef TERRACE_SIM_SCENARIO_PARTS_H
#define TERRACE_SIM_SCENARIO_PARTS_H

#include "sim/scenario/fields.h"

/* Let the rows point into `texts`, after one of the two has moved. */
void tree_point_rows(struct tree_rule *tree);
/* A row more; rows point nowhere until tree_point_rows. An empty parent: the root. */
void tree_add_row(struct tree_rule *tree, struct span code, struct span tier, struct span parent);

struct reading { /* of one file */
    struct scenario *scenario;
    struct yaml *yaml;
    const char *name;
    bool (*load)(void *context, const char *file, struct buffer *bytes);
    void *context;
};

/* read_tree.c: rows from `tree:`, checked to be a tree. False: complained. */
bool read_tree(struct reading *reading, struct yaml_node *map);
/* read_rules.c */
void read_selector(struct reading *reading, struct yaml_node *map, struct selector *selector);
void read_faults(struct reading *reading, struct yaml_node *root);
void read_expectations(struct reading *reading, struct yaml_node *root);
/* The list under `key`, NULL: none; complains beyond SCENARIO_RULES_MAX. */
struct yaml_node *read_rules(struct yaml_node *root, const char *key);
/* A name of the tree, or a complaint that says which was meant. */
bool check_seat(struct reading *reading, struct yaml_node *node, struct span code);

enum unit expectation_unit(enum expectation_kind kind);

/* write.c, for the files beside it */
void write_selector(const struct selector *selector, int indent, struct buffer *yaml);

#endif
