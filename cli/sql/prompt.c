/* Statements that are typed, with a line editor, completion and a memory; or that come through a
 * pipe. */
#include <editline/readline.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/print.h"
#include "cli/sql/sql.h"

enum {
    INPUT_BYTES_MAX = 1 << 20,
    MEMORY_LINES_MAX = 1000,
    PATH_BYTES_MAX = 4096,
    CTRL_C = 3,
};

/* ---- completion: words of SQL, tables and columns ---- */

static const char *const keywords[] = {
    "SELECT",  "FROM",    "WHERE",    "GROUP BY", "ORDER BY", "LIMIT",
    "AND",     "OR",      "NOT",      "NULL",     "IS",       "IN",
    "LIKE",    "BETWEEN", "JOIN",     "LEFT",     "ON",       "AS",
    "DESC",    "ASC",     "DISTINCT", "HAVING",   "WITH",     "UNION",
    "CASE",    "WHEN",    "THEN",     "ELSE",     "END",      "EXPLAIN QUERY PLAN",
    "count(",  "sum(",    "avg(",     "min(",     "max(",     ".tables",
    ".schema", ".mode",   ".help",    ".quit",
};
enum { KEYWORDS = sizeof keywords / sizeof *keywords };

/* The line editor gives its callbacks no context. */
static struct {
    char **words;
    size_t count;
    size_t at;      /* of a search */
    bool abandoned; /* Ctrl-C was typed */
} known;

static void add_word(const char *word)
{
    known.words = mem_resize(known.words, (known.count + 1) * sizeof *known.words);
    known.words[known.count++] = mem_text(word);
}

static void take_name(void *context, const json_t *row)
{
    const char *word = json_string_value(json_array_get(row, 0));
    (void)context;
    if (word != NULL)
        add_word(word);
}

static void learn_words(struct sql_asking *asking)
{
    static const char names[] =
        "SELECT table_name FROM columns UNION SELECT name FROM columns ORDER BY 1";
    struct error error;
    for (size_t i = 0; i < KEYWORDS; i++)
        add_word(keywords[i]);
    (void)sql_ask_rows(asking, span_of_text(names), take_name, NULL, &error);
}

static void forget_words(void)
{
    for (size_t i = 0; i < known.count; i++)
        free(known.words[i]);
    free(known.words);
    known.words = NULL;
    known.count = 0;
}

static char *next_word(const char *begin, int again)
{
    size_t size = strlen(begin);
    if (again == 0)
        known.at = 0;
    while (known.at < known.count) {
        const char *word = known.words[known.at++];
        if (strncasecmp(word, begin, size) == 0)
            return strdup(word); /* the editor frees it */
    }
    return NULL;
}

static char **complete(const char *word, int from, int to)
{
    (void)from;
    (void)to;
    rl_attempted_completion_over = 1; /* no names of files */
    return rl_completion_matches(word, next_word);
}

/* ---- the memory of lines ---- */

/* False: there is no place for it, or none is wanted. */
static bool memory_path(char path[static PATH_BYTES_MAX])
{
    const char *home = getenv("HOME"), *given = getenv("TERRACE_SQL_HISTORY");
    int size = given != NULL  ? snprintf(path, PATH_BYTES_MAX, "%s", given)
               : home == NULL ? -1
                              : snprintf(path, PATH_BYTES_MAX, "%s/.terrace_sql_history", home);
    return size > 0 && size < PATH_BYTES_MAX;
}

static void remember(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    bool own = fchmod(fd, 0600) == 0;
    close(fd);
    if (own)
        write_history(path);
}

/* ---- Ctrl-C ---- */

/* The terminal as it was found. */
static struct termios found;

/* While a line is typed Ctrl-C is a key like others: the terminal makes no signal of it. While a
 * query runs it is a signal, which a descriptor takes up; all other keys stay as they are until the
 * next line is read, Ctrl-D, too, which a terminal that waits for whole lines would swallow. */
static void query_runs(bool runs)
{
    struct termios terminal = found;
    terminal.c_cc[VINTR] = runs ? CTRL_C : _POSIX_VDISABLE;
    terminal.c_cc[VEOF] = _POSIX_VDISABLE;
    terminal.c_lflag &= ~(tcflag_t)ECHO;
    if (runs)
        terminal.c_lflag &= ~(tcflag_t)ICANON;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal);
}

static int abandon(int count, int key)
{
    (void)count;
    (void)key;
    known.abandoned = true;
    rl_done = 1;
    return 0;
}

static int begin_interrupts(void)
{
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, NULL);
    return signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True: there was one. */
static bool forget_interrupts(int descriptor)
{
    struct signalfd_siginfo one;
    bool any = false;
    while (descriptor >= 0 && read(descriptor, &one, sizeof one) == sizeof one)
        any = true;
    return any;
}

/* ---- lines ---- */

static void show_error(const struct sql_asking *asking, struct error *error)
{
    if (forget_interrupts(asking->stop) && error->code == ERR_TIMEOUT)
        error_set(error, ERR_TIMEOUT, "the query", "it was ended by Ctrl-C");
    print_failure(error, false);
    error_clear(error);
}

/* Every whole statement of what was typed so far; what is left stays. */
static void run_typed(struct sql_asking *asking, struct buffer *typed)
{
    struct error error;
    size_t size;
    while ((size = sql_statement_size(span_of_buffer(typed))) > 0) {
        error_clear(&error);
        if (!sql_is_blank(SPAN(typed->data, size)) &&
            sql_ask(asking, SPAN(typed->data, size), 1, &error) != ERR_OK)
            show_error(asking, &error);
        fflush(stdout);
        memmove(typed->data, typed->data + size, typed->size - size);
        typed->size -= size;
    }
    if (sql_is_blank(span_of_buffer(typed)))
        buffer_clear(typed);
}

static void take_line(struct sql_asking *asking, struct buffer *typed, const char *line, bool *over)
{
    struct error error;
    error_clear(&error);
    if (typed->size == 0 && line[0] == '.') {
        if (sql_dot(asking, line, over, &error) != ERR_OK)
            show_error(asking, &error);
        fflush(stdout);
        return;
    }
    buffer_append_span(typed, span_of_text(line));
    buffer_append_byte(typed, '\n');
    run_typed(asking, typed);
}

/* NULL: the end. A line that was abandoned is "". The caller frees. */
static char *type_line(struct buffer *typed)
{
    known.abandoned = false;
    query_runs(false); /* what is set here the editor takes for its own two modes */
    char *line = readline(typed->size > 0 ? "...> " : "sql> ");
    query_runs(true);
    if (!known.abandoned)
        return line;
    free(line);
    printf("^C\n");
    fflush(stdout);
    buffer_clear(typed);
    return mem_text("");
}

static void begin_editor(const char *memory)
{
    tcgetattr(STDIN_FILENO, &found);
    rl_readline_name = "terrace";
    rl_initialize();
    rl_attempted_completion_function = complete;
    rl_add_defun("abandon", abandon, CTRL_C);
    using_history();
    stifle_history(MEMORY_LINES_MAX);
    if (memory != NULL)
        read_history(memory);
    query_runs(true);
}

enum error_code sql_prompt(struct sql_asking *asking, struct error *error)
{
    char path[PATH_BYTES_MAX];
    struct buffer typed = {0};
    bool over = false, remembers = memory_path(path);
    char *line = NULL;
    (void)error;
    asking->stop = begin_interrupts();
    begin_editor(remembers ? path : NULL);
    learn_words(asking);
    printf("SQL over what this node holds; reading only. .help tells more, .quit ends.\n");
    fflush(stdout);
    while (!over && (line = type_line(&typed)) != NULL) {
        if (line[0] != '\0')
            add_history(line);
        forget_interrupts(asking->stop);
        take_line(asking, &typed, line, &over);
        free(line);
        if (typed.size > INPUT_BYTES_MAX)
            buffer_clear(&typed);
    }
    if (!over)
        putchar('\n');
    if (remembers)
        remember(path);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &found);
    forget_words();
    buffer_free(&typed);
    close(asking->stop);
    asking->stop = -1;
    return ERR_OK;
}

/* ---- a pipe ---- */

static enum error_code read_all(struct buffer *text, struct error *error)
{
    size_t got;
    do {
        buffer_reserve(text, 1 << 16);
        got = fread(text->data + text->size, 1, 1 << 16, stdin);
        text->size += got;
    } while (got > 0 && text->size <= INPUT_BYTES_MAX);
    if (ferror(stdin) != 0)
        return error_set(error, ERR_IO, "the standard input", "it can't be read");
    if (text->size > INPUT_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, "the standard input", "at most %d bytes",
                         INPUT_BYTES_MAX);
    if (!utf8_valid(span_of_buffer(text)))
        return error_set(error, ERR_MALFORMED, "the standard input", "it isn't UTF-8");
    return ERR_OK;
}

/* The line on which it begins, behind empty ones. */
static unsigned first_line(struct span statement, unsigned line)
{
    for (size_t i = 0; i < statement.size && strchr(" \t\r\n", statement.data[i]) != NULL; i++)
        line += statement.data[i] == '\n';
    return line;
}

/* In what was read an error has a line: that of what wasn't understood, or of its statement. */
static void name_line(struct span statement, unsigned line, struct error *error)
{
    if (error->line == 0)
        error_at(error, first_line(statement, line), 1);
    snprintf(error->what, sizeof error->what, "line %u of the standard input", error->line);
}

enum error_code sql_from_pipe(struct sql_asking *asking, struct error *error)
{
    struct buffer text = {0};
    unsigned line = 1;
    enum error_code code = read_all(&text, error);
    for (size_t at = 0; code == ERR_OK && at < text.size;) {
        struct span rest = SPAN(text.data + at, text.size - at);
        size_t size = sql_statement_size(rest);
        struct span one = SPAN(rest.data, size == 0 ? rest.size : size);
        if (!sql_is_blank(one))
            code = sql_ask(asking, one, line, error);
        if (code != ERR_OK)
            name_line(one, line, error);
        for (size_t i = 0; i < one.size; i++)
            line += one.data[i] == '\n';
        at += one.size;
    }
    buffer_free(&text);
    return code;
}
