/* The types of a drill: DIR/types.yaml, a copy of what it was made with. */
#ifndef TERRACE_CLI_DRILL_DRILL_SCHEMA_H
#define TERRACE_CLI_DRILL_DRILL_SCHEMA_H

#include "cli/drill/drill.h"

/* The types that come with the program: schema/types/county.yaml. */
struct span drill_usual_types(void);

/* Compiled from DIR/types.yaml; NULL with `error`. The caller frees with schema_free. */
struct schema *drill_schema(const struct drill *drill, struct error *error);
/* The same from compiled rows. */
struct schema *drill_schema_load(const struct schema_source *source, struct error *error);

#endif
