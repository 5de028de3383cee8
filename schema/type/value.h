/* One value against its field: of the room alone. */
#ifndef TERRACE_SCHEMA_TYPE_VALUE_H
#define TERRACE_SCHEMA_TYPE_VALUE_H

#include "schema/type/row.h"

/* A text where the field wants something else, as people write it: appended as a value of a body.
 * False, with nothing appended, if it doesn't read as that. */
bool field_of_text(const struct field *field, struct span text, struct buffer *out);
/* A whole number given for a decimal is so many whole ones: appended scaled. False: too great. */
bool field_scaled(const struct field *field, int64_t number, struct buffer *out);
/* What the field expects, for a message. */
void field_expects(const struct field *field, char *to, size_t size);

/* Of bodies that are known to be canonical: a field that a step requires and the body lacks; a
 * counter that the body adds to; NULL: none. Whether a body with FIELD_TRANSITION holds to its
 * type.
 */
const struct field *step_missing(const struct record_type *type,
                                 const struct transition *transition, struct span body);
const struct field *step_counts(const struct record_type *type, struct span body);
bool step_fits(const struct record_type *type, struct span body);

#endif
