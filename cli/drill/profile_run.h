/* Writing a profile: act after act, through the nodes' local APIs.
 *
 * Every act that is acknowledged is a line: a creation in acknowledged.ndjson, as of any load; what
 * came after it in steps.ndjson, with what the record is in from then on. `drill check` reads both.
 */
#ifndef TERRACE_CLI_DRILL_PROFILE_RUN_H
#define TERRACE_CLI_DRILL_PROFILE_RUN_H

#include "cli/drill/load_run.h"
#include "cli/drill/profile.h"

/* As load_run: `records` 0 is what the profile has by itself. `result->steps` counts what came
 * after creations. Of PROFILE_WEEK_OFFLINE the drill's lock must be held: the uplinks of the chosen
 * seats without children are taken down first, and up when nothing more can be done without. */
enum error_code profile_run(struct drill *drill, const struct schema *schema,
                            enum profile_kind kind, const struct load_options *options,
                            struct load_result *result, struct error *error);

#endif
