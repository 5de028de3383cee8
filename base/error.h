/* Errors: one list makes the enum, the names, the sentences and the exit statuses.
 *
 * A bug asserts. What the outside world does wrong is an error code, with context
 * added on the way up in a struct error of fixed size. */
#ifndef TERRACE_BASE_ERROR_H
#define TERRACE_BASE_ERROR_H

#include <stddef.h>

#include "base/span.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REFUSED = 3,
    EXIT_UNREACHABLE = 4,
    EXIT_UNFINISHED = 5,
};

/* X(name, text for scripts, sentence, sentence in Chinese, exit status) */
#define ERROR_LIST(X)                                                                              \
    X(OK, "ok", "done", "完成", EXIT_DONE)                                                         \
    X(USAGE, "usage", "the command was not understood", "命令用法不对", EXIT_USAGE)                \
    X(MALFORMED, "malformed", "the bytes are not in the form they should have", "数据格式不正确",  \
      EXIT_REFUSED)                                                                                \
    X(OVERSIZE, "oversize", "it is larger than the bound for it", "超过允许的大小", EXIT_REFUSED)  \
    X(DAMAGED, "damaged", "the bytes were changed on the way or on the disk", "数据已损坏",        \
      EXIT_REFUSED)                                                                                \
    X(FORGED, "forged", "the signature does not fit", "签名不符", EXIT_REFUSED)                    \
    X(UNKNOWN_KEY, "unknown_key", "no signed document names this key", "签名文件中没有此密钥",     \
      EXIT_REFUSED)                                                                                \
    X(NOT_ALLOWED, "not_allowed", "the signed tree does not allow this", "组织树不允许此操作",     \
      EXIT_REFUSED)                                                                                \
    X(INVALID, "invalid", "a rule of the type does not hold", "不符合类型的规则", EXIT_REFUSED)    \
    X(NOT_FOUND, "not_found", "there is no such thing here", "这里没有", EXIT_REFUSED)             \
    X(UNKNOWN_TYPE, "unknown_type", "no such type in the signed schema", "没有这个类型",           \
      EXIT_REFUSED)                                                                                \
    X(UNKNOWN_FIELD, "unknown_field", "no such field in this type", "该类型没有这个字段",          \
      EXIT_REFUSED)                                                                                \
    X(PARKED, "parked", "something that it needs is not here yet", "所需的内容尚未到达",           \
      EXIT_FAILED)                                                                                 \
    X(STALE, "stale", "something newer is already here", "已有更新的版本", EXIT_REFUSED)           \
    X(FULL, "full", "the store or the disk is full", "存储已满", EXIT_FAILED)                      \
    X(IO, "io", "the disk answered with an error", "磁盘读写错误", EXIT_FAILED)                    \
    X(NEWER, "newer", "it was written by a newer version", "由更新的版本写入", EXIT_REFUSED)       \
    X(BUSY, "busy", "another process holds it", "正被其他进程占用", EXIT_FAILED)                   \
    X(UNREACHABLE, "unreachable", "the node is not running or can't be reached",                   \
      "节点没有运行或无法连接", EXIT_UNREACHABLE)                                                  \
    X(TIMEOUT, "timeout", "it was not finished in the time given", "在限定时间内没有完成",         \
      EXIT_UNFINISHED)                                                                             \
    X(FLOOD, "flood", "more was sent than was granted", "发送超过许可", EXIT_REFUSED)              \
    X(REPLAY, "replay", "this was heard before", "重复的消息", EXIT_REFUSED)                       \
    X(VERSION, "version", "no common version of the protocol", "没有共同的协议版本", EXIT_REFUSED) \
    X(FORK, "fork", "two different things stand at one place", "同一位置有两个不同的内容",         \
      EXIT_REFUSED)                                                                                \
    X(INTERNAL, "internal", "a fault of the program", "程序错误", EXIT_FAILED)

enum error_code {
#define X(name, text, sentence, chinese, status) ERR_##name,
    ERROR_LIST(X)
#undef X
        ERR_COUNT
};

const char *error_name(enum error_code code);     /* "not_found" */
const char *error_sentence(enum error_code code); /* English */
const char *error_sentence_chinese(enum error_code code);
enum exit_status error_exit_status(enum error_code code);
/* The code with this name; ERR_INTERNAL if there is none. */
enum error_code error_by_name(struct span name);

/* What went wrong, why, and what to do next. Texts are cut, never overrun, and stay
 * valid UTF-8 without control characters. `code` 0 means no error. line and column count from 1; 0
 * = none. */
struct error {
    enum error_code code;
    unsigned line, column;
    char what[160];
    char why[320];
    char next[240];
};

void error_clear(struct error *error);
/* Set code, what and why (printf form) and forget next, line and column; the texts given
 * may be those of *error. Returns `code`, so that a caller can `return error_set(...)`.
 * error may be NULL: then only the code is returned. */
enum error_code error_set(struct error *error, enum error_code code, const char *what,
                          const char *why, ...) __attribute__((format(printf, 4, 5)));
void error_next(struct error *error, const char *next, ...) __attribute__((format(printf, 2, 3)));
void error_at(struct error *error, unsigned line, unsigned column);

#endif
