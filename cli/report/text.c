/* The morning page as text: the same in fewer words. */
#include <stdlib.h>
#include <string.h>

#include "cli/report/report.h"
#include "schema/type/text_value.h"

enum { TEXT_ROWS_MAX = 20 };

struct telling {
    const json_t *report;
    bool chinese;
    FILE *to;
};

static const char *word(const struct telling *telling, const char *english, const char *chinese)
{
    return telling->chinese ? chinese : english;
}

static const char *label_text(const struct telling *telling, const json_t *label)
{
    const char *text = json_text(label, telling->chinese ? "zh" : "en");
    return text[0] != '\0' ? text : json_text(label, telling->chinese ? "en" : "zh");
}

static void age_text(const struct telling *telling, uint64_t since_ms, char text[static 32])
{
    uint64_t made_ms = json_number(telling->report, "made_ms");
    if (since_ms == 0)
        snprintf(text, 32, "%s", word(telling, "never", "从未"));
    else
        duration_text(made_ms > since_ms ? made_ms - since_ms : 0, text);
}

static void heading(const struct telling *telling, const char *english, const char *chinese,
                    json_int_t count)
{
    fprintf(telling->to, "\n%s", word(telling, english, chinese));
    if (count >= 0)
        fprintf(telling->to, ": %lld", (long long)count);
    fputc('\n', telling->to);
}

static json_int_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* How a seat's figures stand, in people's words. */
static const char *state_text(const struct telling *telling, const char *state)
{
    static const struct {
        const char *state, *en, *zh;
    } words[] = {
        {"silent", "silent", "静默"},
        {"withheld", "something is missing", "有缺失"},
        {"unknown", "never heard of", "从未联系"},
        {"building", "being counted", "统计中"},
        {"contradicts", "its fold contradicts: not counted", "汇总数据相互矛盾，未计入"},
        {"unlisted", "its fold counts seats not listed here", "其汇总含本级名册以外的单位"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].state, state) == 0)
            return word(telling, words[i].en, words[i].zh);
    }
    return state;
}

static const char *documents_text(const struct telling *telling, const char *documents)
{
    if (strcmp(documents, "contradict") == 0)
        return word(telling, "not counted: it names seats that stand elsewhere",
                    "未计入：其中有归属他处的单位");
    return strcmp(documents, "other") == 0
               ? word(telling, "by other documents than are here", "所依据的文件与本级不同")
               : "";
}

static void tell_folds(const struct telling *telling)
{
    const struct table_column columns[] = {{"", false},
                                           {word(telling, "seat", "单位"), false},
                                           {word(telling, "seats in it", "含单位"), true},
                                           {word(telling, "as of", "数据截至"), false},
                                           {"", false}};
    const json_t *folds = json_object_get(telling->report, "folds");
    size_t index = 0;
    json_t *row = NULL;
    if (json_array_size(folds) == 0)
        return;
    heading(telling, "Counted as one figure each", "合并汇总的下级",
            (json_int_t)json_array_size(folds));
    struct table_rows *table = table_new(columns, 5);
    json_array_foreach(folds, index, row)
    {
        const json_t *origins = json_object_get(row, "origins");
        char as_of[32];
        time_text(json_number(row, "as_of"), as_of);
        if (index >= TEXT_ROWS_MAX)
            break;
        table_cell(table, "  ");
        table_cell(table, "%s %s", json_text(row, "seat"), json_text(row, "name"));
        table_cell(table, "%lld / %lld", (long long)json_integer_value(json_array_get(origins, 0)),
                   (long long)json_integer_value(json_array_get(origins, 1)));
        table_cell(table, "%s", as_of);
        table_cell(table, "%s", documents_text(telling, json_text(row, "documents")));
    }
    table_print(table, telling->to);
}

static void tell_behind(const struct telling *telling)
{
    const struct table_column columns[] = {{"", false},
                                           {word(telling, "seat", "单位"), false},
                                           {word(telling, "state", "状态"), false},
                                           {word(telling, "as of", "数据截至"), false},
                                           {word(telling, "missing", "缺少条目"), true}};
    const json_t *behind = json_object_get(telling->report, "behind");
    size_t index = 0;
    json_t *row = NULL;
    if (json_array_size(behind) == 0)
        return;
    heading(telling, "Not counted to the end", "数据不完整的单位",
            (json_int_t)json_array_size(behind));
    struct table_rows *table = table_new(columns, 5);
    json_array_foreach(behind, index, row)
    {
        char since[32];
        time_text(json_number(row, "as_of"), since);
        if (index >= TEXT_ROWS_MAX)
            break;
        table_cell(table, "  ");
        table_cell(table, "%s %s", json_text(row, "seat"), json_text(row, "name"));
        table_cell(table, "%s", state_text(telling, json_text(row, "state")));
        table_cell(table, "%s", since);
        table_cell(table, "%lld", (long long)integer(row, "missing"));
    }
    table_print(table, telling->to);
}

static void tell_types(const struct telling *telling)
{
    static const struct table_column columns[] = {{"", false}, {"", false}, {"", true}};
    size_t index = 0;
    json_t *row = NULL;
    heading(telling, "Records", "记录", integer(telling->report, "records"));
    struct table_rows *table = table_new(columns, 3);
    json_array_foreach(json_object_get(telling->report, "types"), index, row)
    {
        table_cell(table, "  ");
        table_cell(table, "%s", label_text(telling, json_object_get(row, "label")));
        table_cell(table, "%lld", (long long)integer(row, "value"));
    }
    table_print(table, telling->to);
}

/* "12.50" of 1250 and 2 places; "-": no value. */
static void number_text(const json_t *value, uint64_t scale, char text[static 40])
{
    if (json_is_integer(value))
        schema_text_of_decimal(json_integer_value(value), (unsigned)scale, text);
    else
        snprintf(text, 40, "-");
}

static void tell_rollups(const struct telling *telling)
{
    const struct table_column columns[] = {{"", false},
                                           {word(telling, "figure", "指标项"), false},
                                           {word(telling, "value", "数值"), true},
                                           {word(telling, "before", "上期"), true},
                                           {word(telling, "counted", "已计入"), true},
                                           {word(telling, "late", "补正"), true}};
    const json_t *rows = json_object_get(telling->report, "rollups");
    size_t index = 0;
    json_t *row = NULL;
    if (json_array_size(rows) == 0)
        return;
    heading(telling, "Totals of the period", "本期汇总", -1);
    struct table_rows *table = table_new(columns, 6);
    json_array_foreach(rows, index, row)
    {
        char value[40], former[40];
        const json_t *origins = json_object_get(row, "origins");
        uint64_t scale = json_number(row, "scale");
        const char *label = label_text(telling, json_object_get(row, "label"));
        bool ratio = strcmp(json_text(row, "what"), "ratio") == 0 && scale >= 2;
        number_text(json_object_get(row, "value"), ratio ? scale - 2 : scale, value);
        number_text(json_object_get(row, "former"), ratio ? scale - 2 : scale, former);
        const char *unit = ratio ? "%" : json_text(row, "unit");
        table_cell(table, "  ");
        table_cell(table, "%s", label[0] != '\0' ? label : json_text(row, "name"));
        table_cell(table, "%s%s%s", json_flag(row, "building") ? "..." : value,
                   unit[0] == '\0' ? "" : " ", unit);
        table_cell(table, "%s", json_object_get(row, "former") == NULL ? "" : former);
        table_cell(table, "%lld/%lld", (long long)json_integer_value(json_array_get(origins, 0)),
                   (long long)json_integer_value(json_array_get(origins, 1)));
        table_cell(table, "%lld", (long long)integer(row, "late"));
    }
    table_print(table, telling->to);
}

static const char *verdict_text(const struct telling *telling, const json_t *row)
{
    const char *verdict = json_text(row, "verdict");
    return strcmp(verdict, "met") == 0      ? word(telling, "met", "达标")
           : strcmp(verdict, "missed") == 0 ? word(telling, "missed", "未达标")
                                            : "";
}

static void tell_indicators(const struct telling *telling)
{
    const struct table_column columns[] = {{"", true},
                                           {word(telling, "indicator", "指标"), false},
                                           {word(telling, "value", "完成值"), true},
                                           {word(telling, "before", "上期"), true},
                                           {word(telling, "target", "目标"), true},
                                           {"", false},
                                           {word(telling, "department", "责任部门"), false}};
    const json_t *rows = json_object_get(telling->report, "indicators");
    size_t index = 0;
    json_t *row = NULL;
    if (json_array_size(rows) == 0)
        return;
    heading(telling, "Indicators", "考核指标", (json_int_t)json_array_size(rows));
    struct table_rows *table = table_new(columns, 7);
    json_array_foreach(rows, index, row)
    {
        char value[40], former[40];
        const char *bound = json_text(row, "bound"), *target = json_text(row, "target");
        number_text(json_object_get(row, "value"), 2, value);
        number_text(json_object_get(row, "former"), 2, former);
        table_cell(table, "  %lld", (long long)integer(row, "serial"));
        const char *english = json_text(row, "english");
        table_cell(table, "%s",
                   telling->chinese || english[0] == '\0' ? json_text(row, "title") : english);
        table_cell(table, "%s", value);
        table_cell(table, "%s", former);
        table_cell(table, "%s%s",
                   target[0] == '\0'                ? ""
                   : strcmp(bound, "at_least") == 0 ? ">= "
                   : strcmp(bound, "at_most") == 0  ? "<= "
                                                    : "< ",
                   target);
        table_cell(table, "%s", verdict_text(telling, row));
        table_cell(table, "%s", json_text(row, "department"));
    }
    table_print(table, telling->to);
}

static void tell_branches(const struct telling *telling)
{
    const struct table_column columns[] = {{"", false},
                                           {word(telling, "seat", "单位"), false},
                                           {word(telling, "seats", "单位数"), true},
                                           {word(telling, "not whole", "不完整"), true},
                                           {word(telling, "silent for", "静默时长"), false},
                                           {word(telling, "records", "记录"), true},
                                           {word(telling, "overdue", "逾期"), true},
                                           {word(telling, "receipts due", "未签收"), true}};
    const json_t *branches = json_object_get(telling->report, "branches");
    size_t index = 0;
    json_t *row = NULL;
    if (json_array_size(branches) == 0)
        return;
    heading(telling, "Below here", "下级单位", (json_int_t)json_array_size(branches));
    struct table_rows *table = table_new(columns, 8);
    json_array_foreach(branches, index, row)
    {
        char since[32] = "";
        if (json_flag(row, "away"))
            snprintf(since, sizeof since, "%s", word(telling, "no link", "链路中断"));
        else if (json_object_get(row, "behind") != NULL)
            age_text(telling, json_number(row, "silent_since"), since);
        table_cell(table, "  ");
        table_cell(table, "%s %s", json_text(row, "seat"), json_text(row, "name"));
        table_cell(table, "%lld", (long long)integer(row, "seats"));
        table_cell(table, "%lld", (long long)integer(row, "behind"));
        table_cell(table, "%s", since);
        table_cell(table, "%lld", (long long)integer(row, "records"));
        table_cell(table, "%lld", (long long)integer(row, "overdue"));
        table_cell(table, "%lld", (long long)integer(row, "receipts"));
    }
    table_print(table, telling->to);
}

/* Lists of records: when, what, where. */
static void tell_records(const struct telling *telling, const char *key, const char *when)
{
    const struct table_column columns[] = {
        {"", false},
        {word(telling, strcmp(when, "due") == 0 ? "due" : "since",
              strcmp(when, "due") == 0 ? "期限" : "时间"),
         false},
        {word(telling, "what", "事项"), false},
        {word(telling, "state", "状态"), false},
        {word(telling, "seat", "单位"), false},
        {"id", false}};
    const json_t *rows = json_object_get(telling->report, key);
    size_t index = 0;
    json_t *row = NULL;
    struct table_rows *table = table_new(columns, 6);
    json_array_foreach(rows, index, row)
    {
        char at[32];
        if (index >= TEXT_ROWS_MAX)
            break;
        time_text(json_number(row, when), at);
        table_cell(table, "  ");
        table_cell(table, "%s", at);
        char *title = text_shown(span_of_text(json_text(row, "title")), 40);
        table_cell(table, "%s %s", label_text(telling, json_object_get(row, "type_label")), title);
        free(title);
        table_cell(table, "%s", label_text(telling, json_object_get(row, "state")));
        table_cell(table, "%s %s", json_text(row, "seat"), json_text(row, "name"));
        table_cell(table, "%s", json_text(row, "id"));
    }
    table_print(table, telling->to);
    if (json_array_size(rows) > TEXT_ROWS_MAX)
        fprintf(telling->to, "  ... %s\n",
                word(telling, "more in --json and --html", "其余见 --json 与 --html"));
}

static void tell_directives(const struct telling *telling)
{
    const struct table_column columns[] = {{"", false},
                                           {word(telling, "what", "事项"), false},
                                           {word(telling, "received", "已签收"), true},
                                           {word(telling, "not yet by", "尚未签收"), false}};
    const json_t *rows = json_object_get(telling->report, "directives");
    size_t index = 0, shown = 0;
    json_t *row = NULL;
    heading(telling, "Directives of the period", "本期指令",
            integer(telling->report, "directives_count"));
    struct table_rows *table = table_new(columns, 4);
    json_array_foreach(rows, index, row)
    {
        const json_t *received = json_object_get(row, "received");
        json_int_t n = json_integer_value(json_array_get(received, 0));
        json_int_t m = json_integer_value(json_array_get(received, 1));
        if (n == m || shown++ >= TEXT_ROWS_MAX)
            continue;
        const json_t *missing = json_object_get(row, "missing");
        table_cell(table, "  ");
        table_cell(table, "%s", json_text(row, "title"));
        table_cell(table, "%lld/%lld", (long long)n, (long long)m);
        table_cell(table, "%s%s", json_text(json_array_get(missing, 0), "name"),
                   m - n > 1 ? " ..." : "");
    }
    if (shown > 0)
        table_print(table, telling->to);
    else
        table_free(table);
    if (shown == 0 && json_array_size(rows) > 0)
        fprintf(telling->to, "  %s\n", word(telling, "received everywhere", "均已全部签收"));
}

void county_report_text(const json_t *report, bool chinese, FILE *to)
{
    const struct telling telling = {report, chinese, to};
    char made[32];
    time_text(json_number(report, "made_ms"), made);
    char *name = text_shown(span_of_text(json_text(report, "name")), 0);
    char *verdict = text_shown(
        span_of_text(json_text(json_object_get(report, "verdict"), chinese ? "zh" : "en")), 0);
    fprintf(to, "%s %s, %s, %s\n%s\n", json_text(report, "seat"), name,
            json_text(json_object_get(report, "period"), "name"), made, verdict);
    free(name);
    free(verdict);
    if (integer(report, "alarms_count") > 0) {
        heading(&telling, "Alarms", "警情", integer(report, "alarms_count"));
        tell_records(&telling, "alarms", "created");
    }
    tell_behind(&telling);
    tell_folds(&telling);
    tell_indicators(&telling);
    tell_rollups(&telling);
    tell_types(&telling);
    heading(&telling, "Overdue", "逾期", integer(report, "overdue_count"));
    if (integer(report, "overdue_count") > 0)
        tell_records(&telling, "overdue", "due");
    tell_directives(&telling);
    tell_branches(&telling);
    fprintf(to, "\n%s: %lld; %s: %lld\n", word(&telling, "in conflict", "存在分歧"),
            (long long)integer(report, "conflicts"), word(&telling, "set aside", "待处理隔离"),
            (long long)integer(report, "quarantine"));
}
