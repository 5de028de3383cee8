/* What people read of a run, in both languages. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sim/report/report.h"

static void say(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct buffer *out, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    buffer_append_span(out, span_of_text(text));
}

const char *report_cause_words(enum report_cause cause, enum report_language language)
{
    static const char *const words[REPORT_CAUSES][2] = {
#define X(name, text, english, chinese) {english, chinese},
        REPORT_CAUSE_LIST(X)
#undef X
    };
    return words[cause][language];
}

/* The two greatest units that aren't zero. */
void report_duration(uint64_t ms, enum report_language language, char text[static 48])
{
    static const struct {
        uint64_t ms;
        const char *words[2];
    } units[] = {{86400000, {" d", " 天"}},
                 {3600000, {" h", " 小时"}},
                 {60000, {" min", " 分钟"}},
                 {1000, {" s", " 秒"}},
                 {1, {" ms", " 毫秒"}}};
    size_t unit = ms == 0 ? 3 : 0;
    while (ms > 0 && unit < 4 && ms < units[unit].ms)
        unit++;
    uint64_t whole = ms / units[unit].ms, rest = ms % units[unit].ms;
    const char *name = units[unit].words[language];
    uint64_t part = unit < 3 ? rest / units[unit + 1].ms : 0;
    if (part > 0)
        snprintf(text, 48, "%" PRIu64 "%s %" PRIu64 "%s", whole, name, part,
                 units[unit + 1].words[language]);
    else
        snprintf(text, 48, "%" PRIu64 "%s", whole, name);
}

static uint64_t oldest_figures(const struct run_report *report)
{
    uint64_t oldest = 0;
    for (size_t i = 0; i < report->sample_count; i++) {
        uint64_t age = report->samples[i].age_oldest_ms;
        oldest = age > oldest ? age : oldest;
    }
    return oldest;
}

static size_t missed(const struct run_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->expectation_count; i++)
        count += !report->expectations[i].held;
    return count;
}

static void say_held(const struct run_report *report, const struct run_result *result, bool chinese,
                     struct buffer *out)
{
    char rest[48], age[48];
    uint64_t took =
        result->rested_ms > result->healed_ms ? result->rested_ms - result->healed_ms : 0;
    report_duration(took, chinese ? REPORT_CHINESE : REPORT_ENGLISH, rest);
    report_duration(oldest_figures(report), chinese ? REPORT_CHINESE : REPORT_ENGLISH, age);
    if (chinese)
        say(out,
            "通过：没有丢失任何已确认的记录，没有数据越出其知悉范围；最后一次故障结束 %s后，"
            "所有节点的数据一致且完整。顶层汇总数据的滞后最长为 %s。",
            rest, age);
    else
        say(out,
            "It held: no acknowledged write was lost, nothing left its circle, and %s after the "
            "last fault had ended everybody was equal and complete. The figures at the top were "
            "at most %s old.",
            rest, age);
}

static void say_violated(const struct run_report *report, const struct run_result *result,
                         bool chinese, struct buffer *out)
{
    size_t late = missed(report);
    if (late > 0 && chinese)
        say(out, "未达到：%zu 项期望中有 %zu 项没有满足。", report->expectation_count, late);
    else if (late > 0)
        say(out, "It fell short: %zu of %zu expectations were not met. ", late,
            report->expectation_count);
    if (result->findings.count > 0 && chinese)
        say(out, "检查发现 %zu 处问题，见下。", result->findings.count);
    else if (result->findings.count > 0)
        say(out, "The checkers found %zu faults; they are listed below.", result->findings.count);
}

void report_verdict(const struct run_report *report, const struct run_result *result,
                    enum report_language language, struct buffer *out)
{
    bool chinese = language == REPORT_CHINESE;
    if (result->unchecked && result->outcome == OUTCOME_HELD) {
        say(out, "%s",
            chinese ? "未作检查：本次运行只为测量，没有模型核对任何数据。"
                    : "Nothing was checked: this run was for measuring, and no model kept books "
                      "beside it.");
        return;
    }
    switch (result->outcome) {
    case OUTCOME_HELD: say_held(report, result, chinese, out); break;
    case OUTCOME_VIOLATED: say_violated(report, result, chinese, out); break;
    case OUTCOME_NOT_CONVERGED:
        say(out, "%s",
            chinese ? "未恢复一致：所有故障结束后，在限定时间内仍有节点缺少应有的数据。"
                    : "It did not come to rest: in the time given after the last fault, some nodes "
                      "still lacked what they should hold.");
        break;
    case OUTCOME_CRASHED:
        say(out, "%s",
            chinese ? "程序崩溃，运行没有完成。" : "The program crashed before the run was over.");
        break;
    case OUTCOME_UNDECIDED:
        say(out, "%s",
            chinese ? "未得出结论：给定的时间或内存已用完。"
                    : "Undecided: the time or memory given was used up before the run was over.");
        break;
    case OUTCOME_COUNT: break;
    }
}
