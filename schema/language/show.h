/* What the files that show types share. */
#ifndef TERRACE_SCHEMA_LANGUAGE_SHOW_H
#define TERRACE_SCHEMA_LANGUAGE_SHOW_H

#include "schema/schema.h"

/* At most 511 bytes. */
void show_put(struct buffer *out, const char *text, ...) __attribute__((format(printf, 2, 3)));
/* A text, a boolean, bytes or a whole number, as YAML. */
void show_value(struct buffer *out, struct mp_reader *value);
void show_quoted(struct buffer *out, struct span text);
/* ", label: {en: "Place", zh: "地点"}" and the help alike; `before` is what stands between. */
void show_labels(struct buffer *out, const struct type_labels *labels, const char *before,
                 const char *after);
void show_rollups(struct buffer *out, const struct record_type *type);

#endif
