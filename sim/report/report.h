/* What a run came to, as data: a timeline collects it, JSON and a page tell it.
 *
 *     run --moments, batches, samples--> timeline --timeline_finish--> struct run_report --> JSON,
 * page
 *
 * Bounded: at most REPORT_SAMPLES_MAX samples, and of trees beyond REPORT_NODES_MAX seats nobody's
 * spans are kept, only how many of a tier were in each state at each sample. All times are
 * milliseconds of virtual time since the run's beginning, all sizes bytes. */
#ifndef TERRACE_SIM_REPORT_REPORT_H
#define TERRACE_SIM_REPORT_REPORT_H

#include "sim/run/run.h"

enum {
    REPORT_NODES_MAX = 400, /* whose spans are kept one by one; and told in a list */
    REPORT_SAMPLES_MAX = 600,
    REPORT_SPANS_MAX = 256,      /* of one node; then neighbours are told as one */
    REPORT_RECOVERIES_MAX = 200, /* the slowest */
    REPORT_FAULTS_MAX = 64,      /* kinds of them */
    REPORT_FAULT_BYTES = 48,
    REPORT_ALARMS_MAX = 32,
};

/* X(name, in JSON, in words, in Chinese): what may be the matter with a node, or with the link of
 * a node to its parent. */
#define REPORT_STATE_LIST(X)                                                                       \
    X(CUT, "cut", "line cut", "线路中断")                                                          \
    X(OFFLINE, "offline", "no session", "无会话")                                                  \
    X(DOWN, "down", "node down", "节点停机")                                                       \
    X(PAUSED, "paused", "node stands still", "节点停顿")                                           \
    X(BEHIND, "behind", "catching up", "追赶中")
enum report_state {
#define X(name, text, words, chinese) REPORT_STATE_##name,
    REPORT_STATE_LIST(X)
#undef X
        REPORT_STATES
};
const char *report_state_name(enum report_state state);

/* X(name, in JSON, in words, in Chinese): why a recovery took as long as it did. */
#define REPORT_CAUSE_LIST(X)                                                                       \
    X(EXCHANGE, "exchange", "the ordinary exchange, nothing stood in its way",                     \
      "正常交换，没有受阻")                                                                        \
    X(LINE_RATE, "line-rate", "the line was full: its rate set the pace",                          \
      "线路已满，速度由带宽决定")                                                                  \
    X(LINE_LOSS, "line-loss", "the line lost packets, which had to be sent again",                 \
      "线路丢包，需要重发")                                                                        \
    X(WINDOW, "window", "the line was closed outside its daily hours",                             \
      "不在每日开放时段，线路关闭")                                                                \
    X(CAP, "cap", "the day's allowance of the line was used up", "当日流量已用完")                 \
    X(REDIAL, "redial", "most of the time passed until a new session was up",                      \
      "大部分时间用于重新建立会话")                                                                \
    X(PARENT, "parent", "the parent was away itself", "上级节点自身不可用")                        \
    X(CUT_AGAIN, "cut-again", "the line was cut again meanwhile", "期间线路再次中断")              \
    X(RESTART, "restart", "the node stopped again meanwhile", "期间节点再次停机")                  \
    X(REFILL, "refill", "a store that was put back or empty had to be filled again",               \
      "恢复旧数据或空盘，需重新取回数据")                                                          \
    X(DISK, "disk", "a disk was slow or refused", "磁盘缓慢或拒绝写入")                            \
    X(WITHHELD, "withheld", "somebody on the way held things back", "途中有节点扣留数据")          \
    X(UNFINISHED, "unfinished", "it was not level at the end", "到结束时仍未追平")
enum report_cause {
#define X(name, text, words, chinese) REPORT_CAUSE_##name,
    REPORT_CAUSE_LIST(X)
#undef X
        REPORT_CAUSES
};

struct report_span {
    uint64_t from_ms, to_ms;
    enum report_state state;
};

struct report_state_sum {
    uint64_t times, total_ms, longest_ms;
};

struct report_node {
    char code[SEAT_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1]; /* as people call it; empty: only the code is known */
    size_t parent;                      /* its own place: the root */
    uint8_t tier;
    struct report_state_sum states[REPORT_STATES];
    struct report_span *spans; /* by beginning */
    size_t span_count, span_capacity;
    uint64_t bytes_up, bytes_down, messages, sessions; /* of the link to its parent */
    uint64_t waiting_max;                              /* entries, both ways, at any sample */
    uint64_t recovery_count, recovery_longest_ms;
    uint64_t refused; /* what it refused and counted */
};

struct report_tier_sample {
    uint32_t states[REPORT_STATES];    /* seats of the tier; each once, by the gravest */
    uint64_t waiting_up, waiting_down; /* entries at links of the tier's seats to their parents */
    uint64_t bytes;                    /* over these links since the sample before */
};

struct report_sample {
    uint64_t at_ms;
    uint32_t complete, silent, withheld, unknown; /* of the root's origins */
    uint64_t age_oldest_ms, age_median_ms;        /* of the figures at the root, over origins */
    uint64_t waiting_bytes;                       /* about: from the first blocks that wait */
    uint64_t records, writes;                     /* until now */
    struct report_tier_sample *tiers;             /* by rank */
};

struct report_recovery {
    size_t node;                             /* and the link to its parent */
    uint64_t broken_ms, healed_ms, level_ms; /* level_ms 0: never */
    uint64_t session_ms;                     /* when a session was up again; 0: never */
    uint64_t entries, bytes; /* that waited at the healing; that crossed the link until level */
    uint32_t setbacks;       /* outages in between */
    char outage[REPORT_FAULT_BYTES]; /* what had happened */
    enum report_cause cause;
    bool focused; /* kept however short */
};

struct report_fault {
    char name[REPORT_FAULT_BYTES];
    uint64_t count;
};

struct report_expectation {
    enum expectation_kind kind;
    uint64_t limit, value;
    bool known, held; /* known: `value` says what it came to */
};

struct run_report {
    uint64_t begins_wall_ms, ends_ms, sample_ms;
    struct report_node *nodes;
    size_t node_count, tier_count;
    char tiers[TIERS_MAX][SEAT_BYTES_MAX + 1]; /* names, from the root down */
    uint32_t tier_seats[TIERS_MAX];
    struct report_sample *samples;
    size_t sample_count;
    struct report_recovery *recoveries; /* the slowest first */
    size_t recovery_count, recoveries_left_out;
    struct report_fault faults[REPORT_FAULTS_MAX];
    size_t fault_count;
    struct report_expectation expectations[SCENARIO_RULES_MAX]; /* as the scenario has them */
    size_t expectation_count;
    struct refusals refusals; /* of all nodes */
    char *alarms[REPORT_ALARMS_MAX];
    size_t alarm_count;
    bool spans_left_out; /* the tree is larger than REPORT_NODES_MAX */
};

void run_report_free(struct run_report *report); /* NULL is legal */

/* The verdict in one sentence or two, and a length of time, in English or Chinese; appended
 * without a final NUL. */
enum report_language { REPORT_ENGLISH, REPORT_CHINESE };
void report_verdict(const struct run_report *report, const struct run_result *result,
                    enum report_language language, struct buffer *out);
/* "2 h 10 min" */
void report_duration(uint64_t ms, enum report_language language, char text[static 48]);
const char *report_cause_words(enum report_cause cause, enum report_language language);

#endif
