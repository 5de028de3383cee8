/* Inside of the checkers: of sim/check alone. */
#ifndef TERRACE_SIM_CHECK_PARTS_H
#define TERRACE_SIM_CHECK_PARTS_H

#include "sim/check/check.h"

/* model_fates.c */
void model_set_forked(struct model *model, struct model_op *op);
void model_set_held(struct model *model, struct model_op *op, size_t place, bool held);

/* holdings.c: the holder's number; SIZE_MAX: it is none. */
size_t model_stream_holder(const struct model_stream *stream, size_t seat);

/* live.c: a row that has been put or removed. */
void live_row(struct model *model, size_t node, enum table table, struct span key);

/* rest.c */
bool record_lives(const struct model *model, const struct model_record *record);
void compare_with_fold(const struct model *model, const struct model_record *record, size_t node);
void rest_count(struct model *model); /* brings model->counted up to date */

#endif
