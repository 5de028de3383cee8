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
    char (*clones)[SEAT_BYTES_MAX + 1]; /* named by steps so far */
    size_t clone_count;
    unsigned depth; /* of groups of steps */
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

/* What its kind has beside who and when. */
void read_parameters(struct yaml_node *map, struct fault *fault);
void write_parameters(const struct fault *fault, int indent, struct buffer *yaml);

/* read_steps.c, write_steps.c, steps.c */
void read_steps(struct reading *reading, struct yaml_node *root);
/* read_signed.c: what is signed, told and set up */
void read_sign(struct reading *reading, struct yaml_node *map, struct step *step);
void read_tell(struct reading *reading, struct yaml_node *map, struct step *step);
void read_machine(struct reading *reading, struct yaml_node *map, struct step *step);
void read_type(struct yaml_node *node, char type[static 32]); /* NULL: incidents */
void read_extend(struct reading *reading, struct yaml_node *map, struct step *step);
/* read_steps.c */
void read_refusal(struct yaml_node *map, struct step *step);
void step_add_pair(struct step *step, enum look look, struct span key, struct span value);
void read_at(struct reading *reading, struct yaml_node *map, bool single, struct step *step);
void read_step_name(struct yaml_node *map, const char *key, struct step *step);
void read_seat(struct reading *reading, struct yaml_node *map, const char *key,
               char seat[static SEAT_BYTES_MAX + 1]);
void write_steps(const struct scenario *scenario, struct buffer *yaml);
void copy_steps(struct step_list *list);
void free_steps(struct step_list *list);
bool look_is_map(enum look look);

/* write.c, for the files beside it */
void write_selector(const struct selector *selector, int indent, struct buffer *yaml);

#endif
