/* A row of a types document as it is read: shared by load.c and load_workflow.c alone. */
#ifndef TERRACE_SCHEMA_TYPE_ROW_READ_H
#define TERRACE_SCHEMA_TYPE_ROW_READ_H

#include "schema/type/row.h"

struct row_reader {
    struct mp_reader mp;
    struct schema_memory *memory; /* where the type goes */
    uint32_t version;             /* of the schema */
    bool labelled;                /* labels are wanted */
    bool former;                  /* a row of former times: has no former ones itself */
    bool unknown;                 /* the type isn't known here */
    bool strange;                 /* this field isn't */
    bool left_out;                /* some field of the type isn't */
    const char *why;              /* the first fault; static */
};

/* Names the first fault, and reading ends. */
void row_fault(struct row_reader *reader, const char *why);
/* What names a field that isn't there: a fault, unless a field isn't known here; then the type
 * isn't either. */
void row_astray(struct row_reader *reader, const char *why);
const char *row_name(struct row_reader *reader); /* NULL after a fault */
/* A number below `count`; one above it belongs to a newer version: 0, and the type is unknown. */
unsigned row_kind(struct row_reader *reader, unsigned count);
void row_labels(struct row_reader *reader, struct type_labels *labels);
void row_workflow(struct row_reader *reader, struct record_type *type);
void row_tallies(struct row_reader *reader, struct record_type *type);
/* Finds the tiers that the type's workflow names. */
void row_resolve_tiers(struct record_type *type, const char *const *tiers, size_t count);

#endif
