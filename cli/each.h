/* Lists of the local API, item by item. */
#ifndef TERRACE_CLI_EACH_H
#define TERRACE_CLI_EACH_H

#include "cli/record.h"

/* Ask the node of `arguments` for a list; `each` sees every item, which it doesn't own. False from
 * it ends the list. */
enum error_code ask_each(const struct arguments *arguments, const char *verb,
                         const struct buffer *args, bool (*each)(void *context, const json_t *item),
                         void *context, struct error *error);

#endif
