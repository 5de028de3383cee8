/* Making a drill on disk: keys, signed tree, ports, node directories. Nothing runs yet. */
#ifndef TERRACE_CLI_DRILL_MAKE_H
#define TERRACE_CLI_DRILL_MAKE_H

#include "cli/drill/drill.h"

/* How often nodes tell each other how far they are: rarely in a county, often where one watches. */
enum make_intervals { INTERVALS_DRILL, INTERVALS_USUAL, INTERVALS_DEMO };

struct make_options {
    const char *tree_file;
    struct span tree_text;  /* instead of what stands in that file, whose name it bears */
    const char *types_file; /* NULL: the types that come with the program */
    struct span types_text; /* instead of what stands in that file */
    struct span fold_tier;  /* the tier whose seats state folds; empty: none */
    const char *directory;
    bool temporary;     /* made for this drill alone */
    uint64_t base_port; /* 0: somewhere free */
    uint32_t map_mib;
    enum make_intervals intervals;
    bool whole_tree; /* each node is given all documents, so that it knows every seat */
    bool quiet;
};

/* Fills a drill that drill_begin gave, and writes everything. Unless `whole_tree`, each node gets
 * only the documents that it needs: its path as single rows with proofs, its own branch and subtree
 * whole, the types. On failure node directories that were made stay. */
enum error_code make_drill(const struct make_options *options, struct drill *drill,
                           struct error *error);

/* Whether a file of the drill's directory has this name, so that no seat's directory can. */
bool make_is_reserved(const char *code);

#endif
