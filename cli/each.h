/* Lists of the local API, item by item. */
#ifndef TERRACE_CLI_EACH_H
#define TERRACE_CLI_EACH_H

#include "cli/record.h"

/* Ask the node of `arguments` for a list; `each` sees every item, which it doesn't own. False from
 * it ends the list; so does a standard output that can't be written, which is ERR_IO. */
enum error_code ask_each(const struct arguments *arguments, const char *verb,
                         const struct buffer *args, bool (*each)(void *context, const json_t *item),
                         void *context, struct error *error);

/* The same of the records of the type words[0] with the values given by --where, newest first: at
 * most `limit` (0: all), with --deleted those too, with `past` what is past its type's retention.
 * `last` (may be NULL) gets the answer at the end, as below. */
enum error_code ask_each_record(const struct arguments *arguments, uint64_t limit, bool past,
                                bool (*each)(void *context, const json_t *record), void *context,
                                json_t **last, struct error *error);

/* The first without end: each answer may take as long as it likes. `last` gets the answer at the
 * end, NULL when there is none; the caller owns it. */
enum error_code ask_each_for_ever(const struct arguments *arguments, const char *verb,
                                  const struct buffer *args,
                                  bool (*each)(void *context, const json_t *item), void *context,
                                  json_t **last, struct error *error);

#endif
