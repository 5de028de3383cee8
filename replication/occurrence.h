/* Records of types whose records are alarms, as they come. */
#ifndef TERRACE_REPLICATION_OCCURRENCE_H
#define TERRACE_REPLICATION_OCCURRENCE_H

#include "replication/core.h"

/* What must not happen has happened: said once, when it comes (rules.md B94). */
void occurrence_note(struct step *step, const struct record_type *type, const struct author *author,
                     const struct record_id *id);

#endif
