/* What may be on a disk after a power cut: the record of a process's calls, applied up to a point,
 * and then a draw of what had not been synced by then.
 *
 * A write is durable after a sync of its file, or at once when it was written through a descriptor
 * opened for that; a name is durable after a sync of its directory. What is not durable may be
 * there, be missing, be there without what came before it, or in part by sectors of 512 bytes. */
#ifndef TERRACE_TESTS_CRASH_DISK_MODEL_H
#define TERRACE_TESTS_CRASH_DISK_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "tests/crash/disk_trace.h"

/* Syncs that are taken for nothing, to prove that it would be noticed. */
struct disk_lies {
    bool pages, meta, high_water, names;
};

struct disk_model;

/* The record must outlive the model. */
struct disk_model *disk_model_new(struct span record, const struct disk_lies *lies);
void disk_model_free(struct disk_model *model);

/* How many calls and observations the record holds; the one at `index` (its bytes follow it). */
size_t disk_model_count(const struct disk_model *model);
struct trace_record disk_model_at(const struct disk_model *model, size_t index, struct span *bytes);

/* Applies the calls before `point`; points must not fall. */
void disk_model_advance(struct disk_model *model, size_t point);
/* Makes `dir`, which must not exist, as a cut now might leave it. */
void disk_model_cut(const struct disk_model *model, uint64_t *random, const char *dir);

/* The next of a sequence of numbers; below `bound`. */
uint32_t draw(uint64_t *random, uint32_t bound);

#endif
