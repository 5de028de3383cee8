/* A line that can't be written is dropped: a full disk must not stop a node that can still read. */
#include "node/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/author/file.h"

enum { LOG_LINE_BYTES_MAX = 1000, LOG_HEAD_BYTES = 40 };

static const char *const level_names[] = {"error", "info", "trace"};

enum error_code log_open(struct log *log, const char *path, enum log_level level,
                         struct error *error)
{
    *log = (struct log){.file = STDERR_FILENO, .level = level};
    if (path == NULL)
        return ERR_OK;
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (file < 0)
        return file_error(error, path, "opening the log");
    log->file = file;
    return ERR_OK;
}

void log_close(struct log *log)
{
    if (log->file > STDERR_FILENO)
        close(log->file);
    log->file = STDERR_FILENO;
}

static size_t write_head(char *line, enum log_level level)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(line, LOG_HEAD_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + size, LOG_HEAD_BYTES - size, ".%03ldZ %s ", now.tv_nsec / 1000000,
                        level_names[level]);
    return size + (more > 0 ? (size_t)more : 0);
}

static void write_line(const struct log *log, enum log_level level, struct span text)
{
    char line[LOG_HEAD_BYTES + LOG_LINE_BYTES_MAX + 1];
    size_t size = write_head(line, level);
    for (size_t i = 0; i < text.size && i < LOG_LINE_BYTES_MAX; i++)
        line[size++] = text.data[i] < ' ' || text.data[i] == 127 ? '?' : (char)text.data[i];
    line[size++] = '\n';
    if (write(log->file, line, size) < 0)
        return; /* nobody left to tell */
}

void log_line(const struct log *log, enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_BYTES_MAX];
    if (level > log->level)
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    write_line(log, level, SPAN(text, size));
}

void log_lines(const struct log *log, enum log_level level, struct span lines)
{
    if (level > log->level)
        return;
    while (lines.size > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.size);
        size_t size = end != NULL ? (size_t)(end - lines.data) : lines.size;
        write_line(log, level, SPAN(lines.data, size));
        size_t used = end != NULL ? size + 1 : size;
        lines = SPAN(lines.data + used, lines.size - used);
    }
}
