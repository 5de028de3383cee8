/* What yaml.c shares with its checks of raw text; no one else includes this. */
#ifndef TERRACE_BASE_YAML_CHECK_H
#define TERRACE_BASE_YAML_CHECK_H

#include <yaml.h>

#include "base/error.h"

/* Scans the whole text once, building nothing, and refuses what yaml.h lists. Memory and time
 * are bounded by the text's size. False with `error` set. */
bool yaml_check(struct span text, const char *name, struct error *error);

/* Sets the error with what = "NAME:LINE:COLUMN" (from 1), why in printf form. */
void yaml_refuse(struct error *error, enum error_code code, const char *name, unsigned line,
                 unsigned column, const char *why, ...) __attribute__((format(printf, 6, 7)));

/* Sets the error from what libyaml found wrong with the text. */
void yaml_refuse_syntax(struct error *error, const yaml_parser_t *parser, struct span text,
                        const char *name);

#endif
