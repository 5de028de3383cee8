/* Records of types whose records are alarms, as they come. */
#include "replication/occurrence.h"

#include <stdio.h>

void occurrence_note(struct step *step, const struct record_type *type, const struct author *author,
                     const struct record_id *id)
{
    struct replica *replica = step->replica;
    char text[33];
    record_id_text(id, text);
    snprintf(replica->occurrence.text, sizeof replica->occurrence.text,
             "%s at %s: terrace get %s %s", type->name, author->seat->row.seat, type->name, text);
    replica->occurrence_count++;
    updates_trace(step->updates, "alarm: %s", replica->occurrence.text);
}
