/* terrace status: this node, its links, its counters. */
#include <string.h>

#include "cli/record.h"

static const struct option_row options[] = {
    {"heads", NULL, "how far the keys of SEAT (absent: this one) have written, as held here"},
    {NULL, NULL, NULL},
};

static void print_links(const json_t *links)
{
    static const struct table_column columns[] = {
        {"link", false},  {"", false},         {"state", false},
        {"since", true},  {"heard", true},     {"to send", true},
        {"to get", true}, {"bytes out", true}, {"bytes in", true}};
    if (json_array_size(links) == 0)
        return;
    struct table_rows *table = table_new(columns, 9);
    size_t index = 0;
    json_t *link = NULL;
    json_array_foreach(links, index, link)
    {
        char since[32], heard[32], out[32], in[32];
        duration_text(json_number(link, "since_ms"), since);
        duration_text(json_number(link, "heard_ms"), heard);
        bytes_text(json_number(link, "bytes_out"), out);
        bytes_text(json_number(link, "bytes_in"), in);
        table_cell(table, "  %s", json_text(link, "seat"));
        table_cell(table, "%s", json_flag(link, "uplink") ? "above" : "below");
        table_cell(table, "%s", json_text(link, "state"));
        table_cell(table, "%s", since);
        table_cell(table, "%s", heard);
        table_cell(table, "%llu", (unsigned long long)json_number(link, "behind_there"));
        table_cell(table, "%llu", (unsigned long long)json_number(link, "behind_here"));
        table_cell(table, "%s", out);
        table_cell(table, "%s", in);
    }
    table_print(table, stdout);
}

static void print_refused(const json_t *refused)
{
    const char *key = NULL;
    json_t *value = NULL;
    bool any = false;
    json_object_foreach((json_t *)(uintptr_t)refused, key, value)
    {
        if (json_integer_value(value) == 0)
            continue;
        printf("%s %s %lld", any ? "," : "refused:", key, (long long)json_integer_value(value));
        any = true;
    }
    if (any)
        printf("\n");
}

static void print_counters(const json_t *status)
{
    const json_t *epoch = json_object_get(status, "epoch");
    const json_t *tree = json_object_get(status, "tree");
    char bytes[32];
    bytes_text(json_number(status, "store_bytes"), bytes);
    printf("tree %.16s: %llu documents, %llu seats\n", json_text(tree, "id"),
           (unsigned long long)json_number(tree, "documents"),
           (unsigned long long)json_number(tree, "seats"));
    printf("records %llu, entries %llu, streams %llu, store %s, commits %llu (%llu failed)\n",
           (unsigned long long)json_number(status, "records"),
           (unsigned long long)json_number(status, "entries"),
           (unsigned long long)json_number(status, "streams"), bytes,
           (unsigned long long)json_number(status, "commits"),
           (unsigned long long)json_number(status, "failed_commits"));
    printf("epoch %llu%s%s, quarantined %llu, waiting for something %llu\n",
           (unsigned long long)json_number(epoch, "ordinal"),
           json_text(epoch, "why")[0] == '\0' ? "" : ": ", json_text(epoch, "why"),
           (unsigned long long)json_number(status, "quarantine"),
           (unsigned long long)json_number(status, "parked"));
}

/* What lists leave out, by which time, and how to see it. */
static void print_retention(const json_t *retention)
{
    unsigned long long types = json_number(retention, "types");
    uint64_t judged_ms = json_number(retention, "judged_ms");
    bool chinese = print_chinese();
    char judged[32];
    time_text(judged_ms, judged);
    if (types == 0)
        return;
    if (judged_ms == 0 && chinese)
        printf("保留期：%llu 类已办结记录到期后不再列出；尚未收到上级时间，目前全部列出\n", types);
    else if (judged_ms == 0)
        printf("retention: closed records of %llu types leave the lists in time; none yet, no time "
               "has been heard from above\n",
               types);
    else if (chinese)
        printf(
            "保留期：%llu 类已办结记录到期后不再列出，按 %s 判断；`terrace list --past` 可查看\n",
            types, judged);
    else
        printf("retention: closed records of %llu types leave the lists in time, by now as of %s; "
               "`terrace list --past` shows them\n",
               types, judged);
}

static void print_status(const json_t *status)
{
    const json_t *uplink = json_object_get(status, "uplink");
    const json_t *children = json_object_get(status, "children");
    const json_t *alarms = json_object_get(status, "alarms");
    char since[32];
    duration_text(json_number(uplink, "since_ms"), since);
    printf("%s %s, %s, pid %llu, version %s\n", json_text(status, "seat"),
           json_text(status, "name"), json_text(status, "tier"),
           (unsigned long long)json_number(status, "pid"), json_text(status, "version"));
    const char *host = json_text(uplink, "over");
    if (host[0] != '\0')
        printf("no link to %s: over fallback %s to %s (经备用上联 %s)\n", json_text(uplink, "seat"),
               host, json_text(uplink, "past_to"), host);
    printf("above: %s for %s; below: %llu of %llu\n", json_text(uplink, "state"), since,
           (unsigned long long)json_number(children, "live"),
           (unsigned long long)json_number(children, "expected"));
    if (json_text(status, "emergency")[0] != '\0') {
        time_text(json_number(status, "emergency_since"), since);
        printf("EMERGENCY since %s, by the order to %s: bulk waits\n", since,
               json_text(status, "emergency"));
    }
    print_counters(status);
    const json_t *verified = json_object_get(status, "verified");
    char when[32];
    time_text(json_number(verified, "when"), when);
    if (json_number(verified, "when") == 0)
        printf("not verified yet\n");
    else
        printf("last verified %s: %s\n", when, json_text(verified, "result"));
    print_retention(json_object_get(status, "retention"));
    print_links(json_object_get(status, "links"));
    print_refused(json_object_get(status, "refused"));
    size_t index = 0;
    json_t *alarm = NULL;
    json_array_foreach(alarms, index, alarm) printf("alarm: %s\n", json_string_value(alarm));
}

static void print_streams(const json_t *streams)
{
    size_t index = 0;
    json_t *line = NULL;
    json_array_foreach(streams, index, line)
    {
        printf("  epoch %llu, stream %llu: %llu entries, %.16s\n",
               (unsigned long long)json_integer_value(json_array_get(line, 0)) >> 16,
               (unsigned long long)json_integer_value(json_array_get(line, 1)),
               (unsigned long long)json_integer_value(json_array_get(line, 2)),
               json_string_value(json_array_get(line, 3)));
    }
}

static void print_notes(const json_t *notes)
{
    size_t index = 0;
    json_t *line = NULL;
    json_array_foreach(notes, index, line)
    {
        printf("  epoch %llu: statement %llu, report %llu\n",
               (unsigned long long)json_integer_value(json_array_get(line, 0)) >> 16,
               (unsigned long long)json_integer_value(json_array_get(line, 1)),
               (unsigned long long)json_integer_value(json_array_get(line, 2)));
    }
}

static int run_heads(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, arguments->word_count > 0 ? 1 : 0);
    if (arguments->word_count > 0)
        args_text(&args, "seat", arguments->words[0]);
    json_t *heads = ask_node(arguments, "heads", &args, error);
    buffer_free(&args);
    if (heads == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(heads);
        return EXIT_DONE;
    }
    size_t index = 0;
    json_t *key = NULL;
    json_array_foreach(json_object_get(heads, "keys"), index, key)
    {
        printf("%s %s, generation %llu, %s, key %s\n", json_text(heads, "seat"),
               json_text(heads, "name"), (unsigned long long)json_number(key, "generation"),
               json_text(key, "status"), json_text(key, "key"));
        print_streams(json_object_get(key, "streams"));
        print_notes(json_object_get(key, "notes"));
    }
    json_decref(heads);
    return EXIT_DONE;
}

static int run(const struct arguments *arguments, struct error *error)
{
    if (arguments_flag(arguments, "heads"))
        return run_heads(arguments, error);
    if (arguments->word_count > 0)
        return error_set(error, ERR_USAGE, arguments->words[0], "a seat goes with --heads alone"),
               EXIT_FAILED;
    struct buffer args = {0};
    json_t *status = ask_node(arguments, "status", &args, error);
    if (status == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(status);
        return EXIT_DONE;
    }
    print_status(status);
    json_decref(status);
    return EXIT_DONE;
}

const struct command command_status = {
    .name = "status",
    .usage = "[SEAT]",
    .summary = "this node: its links and how far behind they are, counters, alarms",
    .detail =
        "With --heads: the end of every stream of each key of SEAT, and its last statement and\n"
        "report, from which a cut-off list is made. The seat's own node knows all of it; any\n"
        "other, what has come there.",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
