/* terrace drill admit and replace: new machines in the tree. */
#include "cli/drill/reshape.h"
#include "cli/print.h"

static const struct option_row admit_options[] = {
    DRILL_DIR_OPTION,
    {"name", "NAME", "what people call it; otherwise its code"},
    {"tier", "TIER", "otherwise the one below the parent's"},
    {NULL, NULL, NULL},
};

static const struct option_row replace_options[] = {DRILL_DIR_OPTION, {NULL, NULL, NULL}};

static void print_seat(const struct drill *drill, size_t index, const char *word, bool json)
{
    const struct drill_seat *seat = &drill->seats[index];
    const char *parent = drill->seats[seat->parent].code;
    if (json)
        print_json(json_pack("{s:s,s:s,s:s,s:I,s:i}", word, seat->code, "parent", parent, "tier",
                             drill->tiers[seat->tier], "generation", (json_int_t)seat->generation,
                             "pid", (int)seat->pid));
    else
        printf("%s %s under %s, generation %u, pid %ld\n", seat->code, word, parent,
               (unsigned)seat->generation, (long)seat->pid);
}

static int run_admit(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    struct reshape_admit what = {.code = arguments->words[0],
                                 .name = arguments_value(arguments, "name"),
                                 .tier = arguments_value(arguments, "tier")};
    size_t seat = 0;
    int status = EXIT_FAILED;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return status;
    if (drill_find(&drill, arguments->words[1], &what.parent, error) == ERR_OK &&
        reshape_admit(&drill, &what, &seat, error) == ERR_OK) {
        print_seat(&drill, seat, "admitted", arguments->json);
        status = EXIT_DONE;
    }
    drill_free(&drill);
    return status;
}

static int run_replace(const struct arguments *arguments, struct error *error)
{
    struct drill drill;
    size_t seat = 0;
    int status = EXIT_FAILED;
    if (drill_open_given(arguments, true, &drill, error) != ERR_OK)
        return status;
    if (drill_find(&drill, arguments->words[0], &seat, error) == ERR_OK &&
        reshape_replace(&drill, seat, error) == ERR_OK) {
        print_seat(&drill, seat, "replaced", arguments->json);
        status = EXIT_DONE;
    }
    drill_free(&drill);
    return status;
}

const struct command drill_admit = {
    .name = "admit",
    .usage = "NODE PARENT",
    .summary = "a new seat: signed in by the parent, started; returns when it is linked",
    .detail =
        "The parent's admin signs with what the parent's node knows, so a parent whose uplink is\n"
        "cut admits, too. Seats of every tier but the last get an admin key and a port. One that\n"
        "an overruling has left out is listed again with the keys that it has.",
    .words_min = 2,
    .words_max = 2,
    .options = admit_options,
    .run = run_admit,
};

const struct command drill_replace = {
    .name = "replace",
    .usage = "NODE",
    .summary = "new keys and an empty disk at a seat; the old disk is kept as DIR/NODE.gN",
    .detail =
        "The old machine is killed. Its key is retired: trusted up to what the parent and the\n"
        "children hold of it. What was on the old disk alone is lost, as `check` will say.",
    .words_min = 1,
    .words_max = 1,
    .options = replace_options,
    .run = run_replace,
};
