/* terrace rollup NAME: a total, and how complete it is. */
#include <stdio.h>
#include <string.h>

#include "cli/record.h"
#include "schema/type/text_value.h"

static const struct option_row options[] = {
    {"by", "GROUP", "its fields, origin, tier, parent, a comma between; received: a record's id"},
    {"period", "PERIOD", "only these: 2026-11, or 2026-09..2026-11"},
    {"each", "UNIT", "split by day, month or year"},
    {"since", "TIME", "list what of ended periods has changed since then"},
    {"verify", NULL, "first count this node's records again, and compare"},
    {NULL, NULL, NULL},
};

/* "12.50" of 1250 and 2 places; "-" of nothing; "> 50" of more than it knows. */
static void figure_text(const json_t *figure, uint64_t scale, char text[static 64])
{
    const json_t *value = json_object_get(figure, "value");
    long long number = json_integer_value(value), ten = 1;
    for (uint64_t i = 0; i < scale; i++)
        ten *= 10;
    if (json_flag(figure, "overflow"))
        snprintf(text, 64, "too great");
    else if (!json_is_integer(value))
        snprintf(text, 64, "-");
    else if (scale == 0)
        snprintf(text, 64, "%s%lld", json_flag(figure, "more") ? "> " : "", number);
    else
        snprintf(text, 64, "%s%lld.%0*lld", number < 0 ? "-" : "",
                 (number < 0 ? -number : number) / ten, (int)scale,
                 (number < 0 ? -number : number) % ten);
    if (json_is_integer(json_object_get(figure, "denominator")))
        snprintf(text + strlen(text), 64 - strlen(text), " (%lld of %lld)",
                 (long long)json_integer_value(json_object_get(figure, "numerator")),
                 (long long)json_integer_value(json_object_get(figure, "denominator")));
}

/* "Case · 案件" */
static void label_text(const json_t *object, char text[static 160])
{
    const json_t *label = json_object_get(object, "label");
    const char *en = json_text(label, "en"), *zh = json_text(label, "zh");
    snprintf(text, 160, "%s%s%s", en, en[0] != 0 && zh[0] != 0 ? " " : "", zh);
}

static void print_figures(const json_t *figures, const char *name_of, uint64_t scale,
                          const char *indent)
{
    static const struct table_column columns[] = {{"", false}, {"", false}, {"", true}};
    if (json_array_size(figures) == 0)
        return;
    struct table_rows *table = table_new(columns, 3);
    size_t index = 0;
    json_t *figure = NULL;
    json_array_foreach(figures, index, figure)
    {
        const char *key = json_text(figure, name_of), *name = json_text(figure, "name");
        char text[64], label[160];
        figure_text(figure, scale, text);
        label_text(figure, label);
        table_cell(table, "%s%s", indent, key);
        table_cell(table, "%s", label[0] != 0 ? label : strcmp(name, key) == 0 ? "" : name);
        table_cell(table, "%s", text);
    }
    table_print(table, stdout);
}

static void print_periods(const json_t *periods, uint64_t scale)
{
    size_t index = 0;
    json_t *period = NULL;
    bool grouped = false;
    json_array_foreach(periods, index, period) grouped =
        grouped || json_array_size(json_object_get(period, "groups")) > 0;
    if (!grouped) {
        print_figures(periods, "period", scale, "  ");
        return;
    }
    json_array_foreach(periods, index, period)
    {
        char text[64];
        figure_text(period, scale, text);
        printf("  %s: %s\n", json_text(period, "period"), text);
        print_figures(json_object_get(period, "groups"), "key", scale, "    ");
    }
}

static void print_late(const json_t *rollup)
{
    const json_t *late = json_object_get(rollup, "late");
    size_t index = 0;
    json_t *cell = NULL;
    if (json_number(rollup, "late_count") != 0)
        printf("%llu figures of periods that had ended have changed since:\n",
               (unsigned long long)json_number(rollup, "late_count"));
    json_array_foreach(late, index, cell)
    {
        char since[32];
        time_text(json_number(cell, "since"), since);
        printf("  %s of %s%s%s, known since %s\n", json_text(cell, "period"),
               json_text(cell, "seat"), json_text(cell, "key")[0] != 0 ? ", " : "",
               json_text(cell, "key"), since);
    }
}

static void print_suspect(const json_t *suspect)
{
    size_t index = 0;
    json_t *seat = NULL;
    json_array_foreach(suspect, index, seat)
        printf("%s %s", index == 0 ? "clocks that are far off:" : ",", json_string_value(seat));
    if (json_array_size(suspect) != 0)
        printf("\n");
}

static void print_behind(const json_t *behind)
{
    size_t index = 0;
    json_t *seat = NULL;
    if (json_array_size(behind) != 0)
        printf("not counted to the end:\n");
    json_array_foreach(behind, index, seat)
    {
        char since[32];
        time_text(json_number(seat, "as_of"), since);
        printf("  %s %s: %s, as of %s", json_text(seat, "seat"), json_text(seat, "name"),
               json_text(seat, "state"), since);
        if (json_number(seat, "missing") != 0)
            printf(", %llu entries missing", (unsigned long long)json_number(seat, "missing"));
        printf("\n");
    }
}

/* "3 of 3 within A County, as of ...: their single figures aren't known here" */
static void print_folds(const json_t *folds)
{
    size_t index = 0;
    json_t *fold = NULL;
    json_array_foreach(folds, index, fold)
    {
        const json_t *origins = json_object_get(fold, "origins");
        const char *documents = json_text(fold, "documents");
        char as_of[32];
        time_text(json_number(fold, "as_of"), as_of);
        printf("%s%lld of %lld within %s %s, as of %s%s\n", index == 0 ? "folded: " : "        ",
               (long long)json_integer_value(json_array_get(origins, 0)),
               (long long)json_integer_value(json_array_get(origins, 1)), json_text(fold, "seat"),
               json_text(fold, "name"), as_of,
               strcmp(documents, "same") == 0 ? ""
               : strcmp(documents, "contradict") == 0
                   ? "; not counted: it names seats that stand elsewhere"
                   : "; by other documents of its tree than are known here");
    }
}

static void print_rollup(const json_t *rollup)
{
    const json_t *origins = json_object_get(rollup, "origins");
    uint64_t scale = json_number(rollup, "scale");
    char as_of[32], value[64];
    figure_text(rollup, scale, value);
    time_text(json_number(rollup, "as_of"), as_of);
    printf("%s: %s%s%s, %lld of %lld origins, as of %s\n", json_text(rollup, "name"), value,
           json_text(rollup, "unit")[0] != 0 ? " " : "", json_text(rollup, "unit"),
           (long long)json_integer_value(json_array_get(origins, 0)),
           (long long)json_integer_value(json_array_get(origins, 1)), as_of);
    if (strcmp(json_text(rollup, "complete"), "building") == 0)
        printf("being built: this node hasn't counted all of its records yet\n");
    if (json_number(rollup, "lost") != 0)
        printf("%llu lost with a disk: a former machine had reported them, and nobody holds them\n",
               (unsigned long long)json_number(rollup, "lost"));
    print_figures(json_object_get(rollup, "groups"), "key", scale, "  ");
    print_periods(json_object_get(rollup, "periods"), scale);
    print_folds(json_object_get(rollup, "folds"));
    print_behind(json_object_get(rollup, "behind"));
    print_suspect(json_object_get(rollup, "suspect"));
    print_late(rollup);
}

static void print_list(const json_t *rollups)
{
    static const struct table_column columns[] = {{"NAME", false}, {"", false},
                                                  {"TYPE", false}, {"WHAT", false},
                                                  {"BY", false},   {"PERIOD", false}};
    struct table_rows *table = table_new(columns, 6);
    size_t index = 0, place = 0;
    json_t *rollup = NULL, *field = NULL;
    json_array_foreach(rollups, index, rollup)
    {
        char label[160], by[200] = "";
        label_text(rollup, label);
        json_array_foreach(json_object_get(rollup, "by"), place, field)
            snprintf(by + strlen(by), sizeof by - strlen(by), "%s%s", place > 0 ? "," : "",
                     json_string_value(field));
        table_cell(table, "%s", json_text(rollup, "name"));
        table_cell(table, "%s", label);
        table_cell(table, "%s", json_text(rollup, "type"));
        table_cell(table, "%s", json_text(rollup, "what"));
        table_cell(table, "%s", by);
        table_cell(table, "%s",
                   strcmp(json_text(rollup, "period"), "none") == 0 ? ""
                                                                    : json_text(rollup, "period"));
    }
    table_print(table, stdout);
}

static enum error_code put_options(const struct arguments *arguments, struct buffer *args,
                                   struct error *error)
{
    static const char *const names[] = {"by", "period", "each"};
    const char *since = arguments_value(arguments, "since");
    int64_t since_ms = 0;
    uint32_t pairs =
        (uint32_t)arguments->word_count + (since != NULL) + arguments_flag(arguments, "verify");
    for (size_t i = 0; i < 3; i++)
        pairs += arguments_value(arguments, names[i]) != NULL;
    if (since != NULL && (!schema_time_of_text(span_of_text(since), &since_ms) || since_ms <= 0))
        return error_set(error, ERR_USAGE, "--since",
                         "expected a time like 2026-11-20 or 2026-11-20T18:05+08:00, found \"%s\"",
                         since);
    mp_write_map(args, pairs);
    if (arguments->word_count > 0)
        args_text(args, "name", arguments->words[0]);
    for (size_t i = 0; i < 3; i++) {
        if (arguments_value(arguments, names[i]) != NULL)
            args_text(args, names[i], arguments_value(arguments, names[i]));
    }
    if (since != NULL) {
        mp_write_text(args, "since");
        mp_write_uint(args, (uint64_t)since_ms);
    }
    if (arguments_flag(arguments, "verify")) {
        mp_write_text(args, "verify");
        mp_write_bool(args, true);
    }
    return ERR_OK;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    json_t *rollup = NULL;
    if (put_options(arguments, &args, error) == ERR_OK)
        rollup = ask_node(arguments, "rollup", &args, error);
    buffer_free(&args);
    if (rollup == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(rollup);
        return EXIT_DONE;
    }
    if (json_is_array(rollup))
        print_list(rollup);
    else
        print_rollup(rollup);
    json_decref(rollup);
    return EXIT_DONE;
}

const struct command command_rollup = {
    .name = "rollup",
    .usage = "[NAME]",
    .summary = "a total with its completeness: value, n of m origins, oldest as-of",
    .detail = "Without NAME: which there are, those of the signed types and those of every node:\n"
              "`records` (how many there are, everywhere below and here; --by type, origin, tier\n"
              "or parent), `received` with --by ID (who has this directive, and who not yet),\n"
              "`overdue`, `outstanding` (what hasn't been received below), `freshness`.",
    .words_min = 0,
    .words_max = 1,
    .options = options,
    .run = run,
};
