/* terrace drill up: a whole tree of real nodes. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/drill/act.h"
#include "cli/drill/make.h"
#include "cli/drill/process.h"
#include "cli/drill/up.h"
#include "cli/print.h"
#include "node/author/config.h"
#include "node/author/file.h"

enum { MAP_MIB_DRILL = 1024 };

static const struct option_row options[] = {
    {"tree", "TREE.csv", "the seats: code,name,tier,parent"},
    DRILL_DIR_OPTION,
    {"types", "FILE.yaml", "the types of records; otherwise those of a county"},
    {"fold-tier", "TIER", "seats of this tier state one set of figures for all below them"},
    {"base-port", "N", "take TCP ports from here upwards; otherwise free ones"},
    {"map-mib", "N", "what each store may grow to (1024 unless given)"},
    {"defaults", NULL, "the intervals of a real county instead of a drill's short ones"},
    {NULL, NULL, NULL},
};

static enum error_code refuse_second(const char *directory, struct error *error)
{
    char path[PATH_MAX];
    struct stat stat_of;
    enum error_code code = path_join(path, directory, "drill.json", error);
    if (code != ERR_OK || lstat(path, &stat_of) != 0)
        return code;
    error_set(error, ERR_STALE, directory, "there is a drill in this directory already");
    error_next(error,
               "`terrace drill start --all --dir %s` goes on with it; or take it down and "
               "remove the directory",
               directory);
    return ERR_STALE;
}

/* Nothing may be left running by an `up` that failed. */
static void kill_all(struct drill *drill)
{
    struct error error;
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (drill->seats[i].pid != 0)
            process_end(drill, i, SIGKILL, ACT_END_WAIT_MS, &error);
    }
    drill_save(drill, &error);
}

/* Of a drill that was not made nothing is left, unless node directories were begun. */
static void forget_directory(const struct drill *drill)
{
    char path[PATH_MAX];
    struct error error;
    if (drill_file_path(drill, "drill.lock", path, &error) == ERR_OK && unlink(path) == 0)
        rmdir(drill->directory);
}

static enum error_code make_and_start(const struct make_options *make_options, struct drill *drill,
                                      struct error *error)
{
    enum error_code code = make_drill(make_options, drill, error);
    if (code != ERR_OK) {
        forget_directory(drill);
        return code;
    }
    code = act_start(drill, NULL, true, make_options->quiet, error);
    if (code != ERR_OK)
        kill_all(drill);
    return code;
}

enum error_code up_drill(const struct make_options *make_options, struct drill *drill,
                         struct guard *guard, struct error *error)
{
    bool own = make_options->temporary || access(make_options->directory, F_OK) != 0;
    *guard = (struct guard){.done = -1};
    enum error_code code = directory_make(make_options->directory, 0700, error);
    if (code == ERR_OK)
        code = refuse_second(make_options->directory, error);
    if (code != ERR_OK || (code = drill_begin(make_options->directory, drill, error)) != ERR_OK)
        return code;
    code = guard_begin(drill, own, guard, error);
    if (code == ERR_OK)
        code = make_and_start(make_options, drill, error);
    if (code != ERR_OK) {
        guard_end(guard);
        drill_free(drill);
    }
    return code;
}

static enum error_code read_options(const struct arguments *arguments,
                                    struct make_options *options_of, struct error *error)
{
    uint64_t map_mib = MAP_MIB_DRILL;
    *options_of = (struct make_options){
        .tree_file = arguments_value(arguments, "tree"),
        .types_file = arguments_value(arguments, "types"),
        .directory = arguments_value(arguments, "dir"),
        .intervals = arguments_flag(arguments, "defaults") ? INTERVALS_USUAL : INTERVALS_DRILL,
        .quiet = false,
    };
    if (arguments_value(arguments, "fold-tier") != NULL)
        options_of->fold_tier = span_of_text(arguments_value(arguments, "fold-tier"));
    if (options_of->tree_file == NULL || options_of->directory == NULL) {
        error_set(error, ERR_USAGE, "drill up", "--tree and --dir must be given");
        error_next(error, "for example `terrace drill up --tree data/yongshun.csv --dir DIR`");
        return ERR_USAGE;
    }
    if (arguments_number(arguments, "base-port", 1024, 65535, &options_of->base_port, error) ||
        arguments_number(arguments, "map-mib", MAP_MIB_MIN, MAP_MIB_MAX, &map_mib, error))
        return error->code;
    options_of->map_mib = (uint32_t)map_mib;
    return ERR_OK;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct make_options make_options;
    struct drill drill;
    struct guard guard;
    uint64_t began_ms = tick_now_ms();
    if (read_options(arguments, &make_options, error) != ERR_OK ||
        up_drill(&make_options, &drill, &guard, error) != ERR_OK)
        return EXIT_FAILED;
    guard_end(&guard);
    double seconds = (double)(tick_now_ms() - began_ms) / 1000;
    if (arguments->json)
        print_json(json_pack("{s:I,s:s,s:s,s:f}", "nodes", (json_int_t)drill.seat_count, "dir",
                             drill.directory, "root", drill.seats[0].code, "seconds", seconds));
    else
        printf("%zu %s up and linked after %.1f s in %s\n", drill.seat_count,
               drill.seat_count == 1 ? "node is" : "nodes are", seconds, drill.directory);
    drill_free(&drill);
    return EXIT_DONE;
}

const struct command drill_up = {
    .name = "up",
    .usage = "",
    .summary = "one process for each row of a tree; returns when all are up and linked",
    .detail =
        "Keys, the signed tree and ports are made in DIR; each node's directory is DIR/CODE,\n"
        "its output DIR/CODE/log. The nodes go on running until `terrace drill down`.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
