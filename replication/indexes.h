/* Indexes by fields (rows/field_rows.h), kept in the transaction of the record's row. */
#ifndef TERRACE_REPLICATION_INDEXES_H
#define TERRACE_REPLICATION_INDEXES_H

#include "replication/core.h"
#include "replication/rows/field_rows.h"

enum { INDEX_ROWS_MAX = 16 }; /* of one record: as many as a type may have indexes */

/* The rows that a record has in its type's indexes. Zeros at first; indexes_free. */
struct index_rows {
    size_t count;
    struct buffer keys[INDEX_ROWS_MAX];
};
void index_rows_free(struct index_rows *rows);

/* Before a record changes: what it has. `record` NULL: it isn't here. And when it has changed, in
 * the same step: what it has now takes the place of that. `record` NULL: its creation is all there
 * is of it, `made` (or, with that NULL too, it is no more). */
void indexes_note(struct step *step, const struct record_type *type, const struct record_id *id,
                  const struct record_state *record, struct index_rows *before);
void indexes_put(struct step *step, const struct record_type *type, const struct record_id *id,
                 const struct record_state *record, const struct located_entry *made,
                 struct index_rows *before);
/* The rows that a record has to have in these slots; what leaves has none. For the verifier too. */
void index_rows_of(const struct view *view, const struct field_slots *slots,
                   const struct record_type *type, const struct record_id *id,
                   const struct record_state *record, struct index_rows *rows);

/* When the types have changed, slots are made and given up; they are filled and emptied in bounded
 * steps. */
void indexes_when_due(struct step *step);

#endif
