/* The part that is on. */
#include "sim/world/cost.h"

volatile enum cost_part cost_now;
