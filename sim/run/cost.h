/* Samples of what a run is at, by the process's own timer of processor time. */
#ifndef TERRACE_SIM_RUN_COST_H
#define TERRACE_SIM_RUN_COST_H

#include <stdint.h>

#include "sim/world/cost.h"

/* One run of a process at a time. */
void cost_begin(void);
/* Shares `cpu_us` out by the samples taken since: what falls into libsodium is CRYPTO, what falls
 * into libzstd PACK, all else what was marked. All zero when no sample was taken. */
void cost_end(uint64_t cpu_us, uint64_t parts_us[COST_PARTS]);

const char *cost_name(enum cost_part part);
const char *cost_words(enum cost_part part);

#endif
