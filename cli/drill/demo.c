/* terrace drill demo: a tree is brought up, written to, cut, killed, healed and checked, with one
 * line for each step, then a report. What `./dev run` shows. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/drill/act.h"
#include "cli/drill/check_run.h"
#include "cli/drill/demo_choose.h"
#include "cli/drill/demo_load.h"
#include "cli/drill/remove.h"
#include "cli/drill/survey.h"
#include "cli/drill/up.h"
#include "cli/print.h"
#include "cli/value.h"
#include "node/author/file.h"

enum {
    DEMO_RECORDS = 20000,
    DEMO_LOAD_S = 10, /* the load is spread over so long, so that it goes on during all faults */
    DEMO_RATE_LEAST = 100,
    DEMO_MAP_MIB = 1024,
    DEMO_LOAD_WAIT_MS = 120 * 1000,
    DEMO_SILENT_WAIT_MS = 120 * 1000,
    DEMO_CHECK_WAIT_MS = 120 * 1000,
    DEMO_BEHIND_SHOWN = 6,
};

static const struct option_row options[] = {
    {"tree", "TREE.csv", "the seats: code,name,tier,parent"},
    {"dir", "DIR", "where; otherwise a new directory under TMPDIR, removed at the end"},
    {"types", "FILE.yaml", "the types of records; otherwise those of a county"},
    {"records", "N", "how many are written (20000 unless given)"},
    {"keep", NULL, "leave the nodes running and say how to look and stop"},
    {NULL, NULL, NULL},
};

struct demo {
    struct drill drill;
    struct guard guard;
    struct demo_choice choice;
    struct demo_load load;
    struct check_result check;
    json_t *loaded;
    uint64_t records, began_ms;
    uint64_t idle_anonymous, idle_proportional; /* before anything was written */
    uint64_t cut_side, other_side;              /* acknowledged while cut */
    bool up, healed;
    FILE *out; /* stderr when stdout has the JSON */
    struct error *error;
};

__attribute__((format(printf, 2, 3))) static void say(const struct demo *demo, const char *format,
                                                      ...)
{
    va_list list;
    va_start(list, format);
    fprintf(demo->out, "[%5.1f s] ", (double)(tick_now_ms() - demo->began_ms) / 1000);
    vfprintf(demo->out, format, list);
    fputc('\n', demo->out);
    fflush(demo->out);
    va_end(list);
}

/* "A 名, B 名 and 3 more" */
static char *names_of(const struct drill *drill, const bool *flags)
{
    enum { NAMES_SHOWN = 3 };
    struct buffer text = {0};
    size_t count = 0;
    char more[32];
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (!flags[i] || count++ >= NAMES_SHOWN)
            continue;
        if (text.size != 0)
            buffer_append(&text, ", ", 2);
        buffer_append(&text, drill->seats[i].code, strlen(drill->seats[i].code));
        buffer_append_byte(&text, ' ');
        buffer_append(&text, drill->seats[i].name, strlen(drill->seats[i].name));
    }
    if (count > NAMES_SHOWN) {
        snprintf(more, sizeof more, " and %zu more", count - NAMES_SHOWN);
        buffer_append(&text, more, strlen(more));
    }
    buffer_append_byte(&text, 0);
    return (char *)text.data;
}

static bool bring_up(struct demo *demo, const struct make_options *make_options)
{
    struct survey survey;
    if (up_drill(make_options, &demo->drill, &demo->guard, demo->error) != ERR_OK)
        return false;
    demo->up = true;
    survey_take(&demo->drill, true, &survey);
    for (size_t i = 0; i < demo->drill.seat_count; i++) {
        demo->idle_proportional += survey.memory[i].proportional;
        if (demo->drill.seats[i].child_count == 0 &&
            survey.memory[i].anonymous > demo->idle_anonymous)
            demo->idle_anonymous = survey.memory[i].anonymous;
    }
    survey_free(&survey);
    say(demo, "up: %zu nodes run and are linked, in %s", demo->drill.seat_count,
        demo->drill.directory);
    return true;
}

static bool begin_load(struct demo *demo)
{
    uint64_t rate = demo->records / DEMO_LOAD_S;
    rate = rate < DEMO_RATE_LEAST ? DEMO_RATE_LEAST : rate;
    if (demo_load_begin(&demo->drill, demo->records, rate, demo->records * 2 / 5, &demo->load,
                        demo->error) != ERR_OK)
        return false;
    demo_load_wait(&demo->load, demo->records / 5, DEMO_LOAD_WAIT_MS);
    say(demo, "load: %llu of %llu records acknowledged, at all seats; it goes on",
        (unsigned long long)demo->load.acknowledged, (unsigned long long)demo->records);
    return true;
}

static bool cut_links(struct demo *demo)
{
    char *names = names_of(&demo->drill, demo->choice.cut);
    bool good = demo->choice.cut_count == 0 ||
                act_cut(&demo->drill, demo->choice.cut, true, demo->error) == ERR_OK;
    if (good)
        say(demo, "cut: the uplinks of %zu nodes are down: %s", demo->choice.cut_count, names);
    free(names);
    return good;
}

static bool is_cut_off(const struct demo *demo, size_t seat)
{
    for (; seat != DRILL_NO_SEAT; seat = demo->drill.seats[seat].parent) {
        if (demo->choice.cut[seat])
            return true;
    }
    return false;
}

/* What was acknowledged on either side since `before`. */
static void count_sides(struct demo *demo, const uint64_t *before)
{
    demo_load_look(&demo->load);
    for (size_t i = 0; i < demo->drill.seat_count; i++) {
        uint64_t more = demo->load.by_seat[i] - before[i];
        if (is_cut_off(demo, i))
            demo->cut_side += more;
        else
            demo->other_side += more;
    }
}

static bool kill_and_start(struct demo *demo)
{
    char *names = names_of(&demo->drill, demo->choice.kill);
    demo_load_wait(&demo->load, demo->records / 2, DEMO_LOAD_WAIT_MS);
    bool good = act_kill(&demo->drill, demo->choice.kill, demo->error) == ERR_OK;
    if (good)
        say(demo, "kill: SIGKILL to %zu nodes: %s", demo->choice.kill_count, names);
    demo_load_wait(&demo->load, demo->records * 13 / 20, 3000);
    good = good && act_start(&demo->drill, demo->choice.kill, true, true, demo->error) == ERR_OK;
    if (good)
        say(demo, "start: they run again and are linked");
    free(names);
    return good;
}

static bool finish_load(struct demo *demo)
{
    demo->loaded = demo_load_end(&demo->load, demo->error);
    if (demo->loaded == NULL)
        return false;
    say(demo, "load: %llu records acknowledged, %llu sent again, %llu never answered",
        (unsigned long long)json_number(demo->loaded, "acknowledged"),
        (unsigned long long)json_number(demo->loaded, "retried"),
        (unsigned long long)(json_number(demo->loaded, "unanswered") +
                             json_number(demo->loaded, "unsent")));
    return true;
}

static size_t cut_off_count(const struct demo *demo)
{
    size_t count = 0;
    for (size_t i = 0; i < demo->drill.seat_count; i++)
        count += is_cut_off(demo, i) ? 1 : 0;
    return count;
}

/* The root's own words about who is behind, once it names from `least` to `most`, or in the end. */
static json_t *total_naming(const struct demo *demo, size_t least, size_t most)
{
    uint64_t until_ms = tick_now_ms() + DEMO_SILENT_WAIT_MS;
    struct error error;
    for (;;) {
        json_t *total = survey_total(&demo->drill, &error);
        size_t behind = json_array_size(json_object_get(total, "behind"));
        if ((total != NULL && behind >= least && behind <= most) || tick_now_ms() >= until_ms)
            return total;
        json_decref(total);
        probe_pause();
    }
}

static void show_incomplete(struct demo *demo)
{
    struct survey survey = {.drill = &demo->drill,
                            .total = total_naming(demo, cut_off_count(demo), SIZE_MAX)};
    say(demo,
        "while cut: %llu records acknowledged on the cut-off side, %llu on the other; the "
        "root says:",
        (unsigned long long)demo->cut_side, (unsigned long long)demo->other_side);
    survey_print_total(&survey, DEMO_BEHIND_SHOWN, demo->out);
    fflush(demo->out);
    json_decref(survey.total);
}

static bool heal_links(struct demo *demo)
{
    if (demo->choice.cut_count != 0 &&
        act_cut(&demo->drill, demo->choice.cut, false, demo->error) != ERR_OK)
        return false;
    demo->healed = true;
    say(demo, "heal: all links are live again");
    return true;
}

static bool check_all(struct demo *demo)
{
    check_result_free(&demo->check);
    if (check_run(&demo->drill, DEMO_CHECK_WAIT_MS, true, &demo->check, demo->error) != ERR_OK)
        return false;
    if (demo->check.verdict == CHECK_HOLDS)
        json_decref(total_naming(demo, 0, 0)); /* the statements come at their own pace */
    say(demo,
        "check: %llu acknowledged, %llu present, %llu missing, %llu different, %llu leaked; "
        "the root counts %lld, %lld of %lld origins",
        (unsigned long long)demo->check.acknowledged, (unsigned long long)demo->check.present,
        (unsigned long long)demo->check.missing, (unsigned long long)demo->check.diverged,
        (unsigned long long)demo->check.findings.leaked, (long long)demo->check.total_value,
        (long long)demo->check.origins_reported, (long long)demo->check.origins_expected);
    return true;
}

static uint64_t most_anonymous_leaf(const struct survey *survey)
{
    uint64_t most = 0;
    for (size_t i = 0; i < survey->drill->seat_count; i++) {
        if (survey->drill->seats[i].child_count == 0 && survey->memory[i].anonymous > most)
            most = survey->memory[i].anonymous;
    }
    return most;
}

static uint64_t all_proportional(const struct survey *survey)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < survey->drill->seat_count; i++)
        sum += survey->memory[i].proportional;
    return sum;
}

static void report(const struct demo *demo)
{
    struct survey survey;
    char idle[32], idle_all[32], now[32], now_all[32];
    survey_take(&demo->drill, true, &survey);
    bytes_text(demo->idle_anonymous, idle);
    bytes_text(demo->idle_proportional, idle_all);
    bytes_text(most_anonymous_leaf(&survey), now);
    bytes_text(all_proportional(&survey), now_all);
    fputc('\n', demo->out);
    survey_print(&survey, demo->out);
    fputc('\n', demo->out);
    survey_print_total(&survey, DEMO_BEHIND_SHOWN, demo->out);
    fprintf(demo->out,
            "memory: the largest leaf %s anonymous when idle, %s now; all %zu nodes %s "
            "proportional when idle, %s now\n",
            idle, now, demo->drill.seat_count, idle_all, now_all);
    fprintf(demo->out, "%.1f seconds\n", (double)(tick_now_ms() - demo->began_ms) / 1000);
    check_result_print(&demo->check, demo->out);
    survey_free(&survey);
}

static json_t *demo_json(const struct demo *demo)
{
    return json_pack(
        "{s:I,s:f,s:O,s:o,s:I,s:I,s:I,s:I}", "nodes", (json_int_t)demo->drill.seat_count, "seconds",
        (double)(tick_now_ms() - demo->began_ms) / 1000, "load", demo->loaded, "check",
        check_result_json(&demo->check), "cut_side", (json_int_t)demo->cut_side, "other_side",
        (json_int_t)demo->other_side, "idle_anonymous", (json_int_t)demo->idle_anonymous,
        "idle_proportional", (json_int_t)demo->idle_proportional);
}

static bool play(struct demo *demo, const struct make_options *make_options)
{
    if (!bring_up(demo, make_options))
        return false;
    uint64_t *before = mem_alloc(demo->drill.seat_count * sizeof *before);
    demo_choose(&demo->drill, &demo->choice);
    bool good = begin_load(demo) && cut_links(demo);
    if (good) {
        demo_load_look(&demo->load);
        demo_load_go_on(&demo->load);
        memcpy(before, demo->load.by_seat, demo->drill.seat_count * sizeof *before);
        good = kill_and_start(demo) && finish_load(demo);
    }
    if (good)
        count_sides(demo, before);
    free(before);
    if (!good)
        return false;
    show_incomplete(demo);
    return heal_links(demo) && check_all(demo);
}

static void say_how_to_go_on(const struct demo *demo)
{
    const char *directory = demo->drill.directory;
    const struct program_path path = process_program();
    const char *program = path.text;
    fprintf(demo->out,
            "\nThe nodes go on running.\n"
            "  look:  '%s' drill status --dir '%s'\n"
            "         '%s' -d '%s/%s' rollup records --by parent\n"
            "  stop:  '%s' drill down --dir '%s'\n",
            program, directory, program, directory, demo->drill.seats[0].code, program, directory);
}

/* Stop all; the directory goes when it was ours and everything held. */
static void clean_up(struct demo *demo, bool remove_directory)
{
    struct error error = {0};
    size_t forced = 0;
    if (act_down(&demo->drill, true, &forced, &error) != ERR_OK)
        print_failure(&error, false);
    say(demo, "down: all nodes have ended%s", forced == 0 ? "" : ", some only by force");
    if (!remove_directory)
        print_note("what they left is in %s", demo->drill.directory);
    else if (remove_tree(demo->drill.directory, &error) != ERR_OK)
        print_failure(&error, false);
}

static enum error_code read_options(const struct arguments *arguments, char *directory,
                                    struct make_options *make_options, uint64_t *records,
                                    struct error *error)
{
    const char *temporary = getenv("TMPDIR");
    const char *given = arguments_value(arguments, "dir");
    *make_options = (struct make_options){.tree_file = arguments_value(arguments, "tree"),
                                          .types_file = arguments_value(arguments, "types"),
                                          .directory = given,
                                          .map_mib = DEMO_MAP_MIB,
                                          .intervals = INTERVALS_DEMO,
                                          .quiet = arguments->json};
    *records = DEMO_RECORDS;
    if (make_options->tree_file == NULL)
        return error_set(error, ERR_USAGE, "drill demo", "--tree must be given");
    if (arguments_number(arguments, "records", 0, 100000000, records, error) != ERR_OK ||
        given != NULL)
        return error->code;
    int size = snprintf(directory, PATH_MAX, "%s/terrace-drill-XXXXXX",
                        temporary == NULL || temporary[0] == '\0' ? "/tmp" : temporary);
    if (size >= PATH_MAX || mkdtemp(directory) == NULL) {
        file_error(error, directory, "making");
        error_next(error, "set TMPDIR to a directory that you may write to, or give --dir");
        return error->code;
    }
    make_options->directory = directory;
    make_options->temporary = true;
    return ERR_OK;
}

static void end(const struct arguments *arguments, struct demo *demo, bool good, bool own)
{
    bool holds = good && demo->check.verdict == CHECK_HOLDS;
    if (good)
        report(demo);
    if (good && arguments->json)
        print_json(demo_json(demo));
    if (demo->up && arguments_flag(arguments, "keep") && good)
        say_how_to_go_on(demo);
    else if (demo->up)
        clean_up(demo, holds && own);
}

static int run(const struct arguments *arguments, struct error *error)
{
    char directory[PATH_MAX];
    struct make_options make_options;
    struct demo demo = {.began_ms = tick_now_ms(),
                        .error = error,
                        .drill = {.lock = -1},
                        .guard = {.done = -1},
                        .load = {.word = -1},
                        .out = arguments->json ? stderr : stdout};
    if (read_options(arguments, directory, &make_options, &demo.records, error) != ERR_OK)
        return EXIT_USAGE;
    bool good = play(&demo, &make_options);
    int status = good ? check_exit_status(&demo.check) : EXIT_FAILED;
    demo_load_free(&demo.load);
    end(arguments, &demo, good, make_options.temporary);
    guard_end(&demo.guard);
    json_decref(demo.loaded);
    check_result_free(&demo.check);
    demo_choice_free(&demo.choice);
    drill_free(&demo.drill);
    return status;
}

const struct command drill_demo = {
    .name = "demo",
    .usage = "",
    .summary = "up, load, cut, kill, heal, check: a line each, then a report",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};
