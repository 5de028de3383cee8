/* One sentence on how far the figures can be trusted, in both languages. */
#include <string.h>

#include "cli/report/report.h"

/* "首车镇 and 2 more"; in Chinese "首车镇等 3 处". */
static void name_some(const json_t *rows, size_t count, bool chinese, char *text, size_t size)
{
    const json_t *first = json_array_get(rows, 0);
    const char *name = json_text(first, "name");
    if (name[0] == '\0')
        name = json_text(first, "seat");
    if (count == 1)
        snprintf(text, size, "%s", name);
    else if (chinese)
        snprintf(text, size, "%s等 %zu 处", name, count);
    else
        snprintf(text, size, "%s and %zu more", name, count - 1);
}

static void say_counted(const json_t *report, char english[static 512], char chinese[static 512])
{
    const json_t *complete = json_object_get(report, "complete");
    const json_t *behind = json_object_get(report, "behind");
    json_int_t m = json_integer_value(json_array_get(json_object_get(complete, "origins"), 1));
    size_t count = json_array_size(behind);
    char as_of[32], name[2][256];
    time_text(json_number(complete, "as_of"), as_of);
    if (count == 0) {
        snprintf(english, 512, "All %lld seats are counted, as of %s.", (long long)m, as_of);
        snprintf(chinese, 512, "全部 %lld 个单位均已计入，数据截至 %s。", (long long)m, as_of);
        return;
    }
    name_some(behind, count, false, name[0], sizeof name[0]);
    name_some(behind, count, true, name[1], sizeof name[1]);
    snprintf(english, 512,
             "%lld of %lld seats are counted up to now. Not so %s: what is missing there is in no "
             "figure of this page; the oldest is of %s.",
             (long long)m - (long long)count, (long long)m, name[0], as_of);
    snprintf(
        chinese, 512,
        "%lld / %lld 个单位的数据为最新；%s尚不是，所缺部分未计入本页任何数字，最旧数据截至 %s。",
        (long long)m - (long long)count, (long long)m, name[1], as_of);
}

static void say_away(const json_t *report, char english[static 512], char chinese[static 512])
{
    const json_t *away = json_object_get(report, "away");
    size_t count = json_array_size(away), index = 0;
    json_t *row = NULL;
    json_int_t seats = 0;
    char name[2][256];
    english[0] = chinese[0] = '\0';
    if (count == 0)
        return;
    json_array_foreach(away, index, row) seats += json_integer_value(json_object_get(row, "seats"));
    name_some(away, count, false, name[0], sizeof name[0]);
    name_some(away, count, true, name[1], sizeof name[1]);
    snprintf(english, 512,
             " At this moment no link to %s is up (%lld %s): what is written there comes later.",
             name[0], (long long)seats, seats == 1 ? "seat" : "seats");
    snprintf(chinese, 512, "目前与%s的链路中断（共 %lld 个单位），其新写入的内容将在恢复后到达。",
             name[1], (long long)seats);
}

void county_report_verdict(json_t *report)
{
    char english[2][512], chinese[2][512];
    say_counted(report, english[0], chinese[0]);
    say_away(report, english[1], chinese[1]);
    bool whole = json_array_size(json_object_get(report, "behind")) == 0 && english[1][0] == '\0';
    json_object_set_new(report, "verdict",
                        json_pack("{s:s,s:s+,s:s+}", "level", whole ? "held" : "undecided", "en",
                                  english[0], english[1], "zh", chinese[0], chinese[1]));
}
