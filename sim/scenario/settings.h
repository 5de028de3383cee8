/* Another value for a key of a scenario's text, for a variant of it. */
#ifndef TERRACE_SIM_SCENARIO_SETTINGS_H
#define TERRACE_SIM_SCENARIO_SETTINGS_H

#include "base/error.h"

/* Changes the text so that `setting`, as in "link.rate=16 kbit/s", "faults.0.lasts=4 h" or
 * "expect=[{equal: 1 h}]", holds: keys as the scenario writes them, places in lists from 0, a value
 * in YAML. A last key that isn't there is added, and the maps on the way to it; whether it means
 * anything scenario_read says. An empty value takes the key away. ERR_USAGE: no such place, or the
 * value is no YAML; the text is then as it was. `name`: of the text, for messages. */
enum error_code scenario_set(struct buffer *yaml, const char *name, const char *setting,
                             struct error *error);

#endif
