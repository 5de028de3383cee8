/* Lines for operators: `2026-01-31T08:15:30.123Z LEVEL text`, to stderr or a file, each in one
 * write. */
#ifndef TERRACE_NODE_LOG_H
#define TERRACE_NODE_LOG_H

#include "node/author/config.h"

struct log {
    int file; /* -1: not open yet, lines go to stderr */
    enum log_level level;
};

/* `path` NULL: stderr. ERR_IO, FULL: it can't be opened. */
enum error_code log_open(struct log *log, const char *path, enum log_level level,
                         struct error *error);
void log_close(struct log *log);

/* From any thread. Control characters in the text are shown as '?'. Lines above 1,000 bytes are
 * cut. */
void log_line(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines ended by \n, each logged at this level. */
void log_lines(const struct log *log, enum log_level level, struct span lines);

#endif
