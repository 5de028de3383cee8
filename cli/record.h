/* What the record commands (put, set, add, delete, get, list) share. */
#ifndef TERRACE_CLI_RECORD_H
#define TERRACE_CLI_RECORD_H

#include "cli/command.h"
#include "cli/print.h"
#include "cli/value.h"

/* Ask the node of `arguments` once; the answer as JSON, NULL with `error`. The caller owns it. */
json_t *ask_node(const struct arguments *arguments, const char *verb, const struct buffer *args,
                 struct error *error);

/* Append "KEY": TEXT to a map that is being written. */
void args_text(struct buffer *args, const char *key, const char *text);
/* Append "KEY": {NAME: VALUE ...} from NAME=VALUE words. ERR_USAGE names the bad one. */
enum error_code args_pairs(struct buffer *args, const char *key, const char *const *pairs,
                           size_t count, struct error *error);

/* Ask, then print "ID TYPE TIME" or the JSON answer: how every write ends. */
int finish_write(const struct arguments *arguments, const char *verb, const char *type,
                 const struct buffer *args, struct error *error);

/* The same; while the node asks its parent for a seat that it hasn't heard of yet, again for a few
 * seconds. */
int write_when_known(const struct arguments *arguments, const char *verb, const struct buffer *args,
                     struct error *error);

#endif
