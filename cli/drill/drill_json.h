/* drill.json: a drill to text and back. */
#ifndef TERRACE_CLI_DRILL_DRILL_JSON_H
#define TERRACE_CLI_DRILL_DRILL_JSON_H

#include "cli/drill/drill.h"

/* Fills all but directory and lock. ERR_MALFORMED with line and column. */
enum error_code drill_json_read(struct span text, const char *path, struct drill *drill,
                                struct error *error);
void drill_json_write(const struct drill *drill, struct buffer *text);

#endif
