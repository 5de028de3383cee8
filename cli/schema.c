/* terrace schema: its table of subcommands. Drafts of types are signed and published as those of
 * the tree are. */
#include "cli/schema/schema.h"
#include "cli/topology/topology.h"

static const struct command *const subcommands[] = {
    &types_check,  &types_diff,    &types_plan, &types_new, &types_sign,
    &types_verify, &types_publish, &types_show, NULL,
};

const struct command command_schema = {
    .name = "schema",
    .usage = "SUBCOMMAND ...",
    .summary = "the signed types: what a record is, and who may do what with it",
    .detail = "docs/schema.md teaches the language.",
    .words_max = WORDS_GIVEN_MAX,
    .subcommands = subcommands,
};
