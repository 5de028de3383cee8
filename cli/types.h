/* The signed types, as the node holds them. */
#ifndef TERRACE_CLI_TYPES_H
#define TERRACE_CLI_TYPES_H

#include <jansson.h>

#include "cli/client.h"
#include "cli/command.h"
#include "schema/schema.h"

/* NULL with `error`. The caller frees with schema_free. */
struct schema *types_ask(struct client *client, struct error *error);
/* The same with labels, for pages; asked of the node of `arguments`. */
struct schema *types_ask_labelled(const struct arguments *arguments, struct error *error);

/* The type of this name as the node of `arguments` holds it, for showing values; NULL when it can't
 * be had. *schema is to be freed with schema_free. */
const struct record_type *types_for_showing(const struct arguments *arguments, const char *name,
                                            struct schema **schema);
/* A value as people read it: times in local time, everything else as JSON has it, texts bare. The
 * caller frees it. */
/* Which of a type and its companion (NULL: none) has a field of this name; the type if neither. */
const struct record_type *types_of_field(const struct record_type *type,
                                         const struct record_type *companion, const char *name);
char *types_value_text(const struct record_type *type, const char *field, const json_t *value);

#endif
