/* Running the program itself in tests. */
#include "tests/process/run_terrace.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/drill/act.h"
#include "cli/drill/remove.h"
#include "tests/scratch.h"

extern char **environ;

enum { WORDS_MAX = 64, PATHS = 128, PATH_ROOM = 4096 };

static const char *program, *input; /* NULL: nothing */
static char place[128];
static char *output, *errors;
static json_t *answer;
static char drill_directory[PATH_ROOM];

void terrace_use(const char *path)
{
    program = path;
    if (!scratch_make(place, sizeof place, "terrace test 县"))
        abort();
}

const char *terrace_place(void)
{
    return place;
}

void terrace_leave(void)
{
    struct error error;
    free(output);
    free(errors);
    json_decref(answer);
    remove_tree(place, &error);
}

const char *terrace_path(const char *name)
{
    static char *paths[PATHS];
    char path[PATH_ROOM];
    size_t at = 0;
    snprintf(path, sizeof path, "%s/%s", place, name);
    while (at < PATHS && paths[at] != NULL && strcmp(paths[at], path) != 0)
        at++;
    assert_true(at < PATHS);
    if (paths[at] == NULL)
        paths[at] = strdup(path);
    return paths[at];
}

const char *terrace_file(const char *name, const char *text)
{
    const char *path = terrace_path(name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return path;
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0, room = 0;
    assert_non_null(file);
    do {
        room = room == 0 ? 4096 : room * 2;
        text = realloc(text, room);
        assert_non_null(text);
        size += fread(text + size, 1, room - size - 1, file);
    } while (size == room - 1);
    text[size] = '\0';
    fclose(file);
    return text;
}

static pid_t spawn(char *const *words, const char *to, const char *errors_to)
{
    pid_t pid = 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, input == NULL ? "/dev/null" : input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, errors_to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int code = posix_spawn(&pid, program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(code, 0);
    input = NULL;
    return pid;
}

void terrace_reads(const char *path)
{
    input = path;
}

int terrace_run(const char *word, ...)
{
    char *words[WORDS_MAX] = {(char *)(uintptr_t)program, (char *)(uintptr_t)word};
    const char *to = terrace_path("stdout"), *errors_to = terrace_path("stderr");
    int status = 0;
    size_t count = 2;
    va_list list;
    va_start(list, word);
    while (count < WORDS_MAX && (words[count] = va_arg(list, char *)) != NULL)
        count++;
    va_end(list);
    assert_true(count < WORDS_MAX);
    pid_t pid = spawn(words, to, errors_to);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    free(output);
    free(errors);
    json_decref(answer);
    answer = NULL;
    output = read_all(to);
    errors = read_all(errors_to);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *terrace_output(void)
{
    return output;
}

const char *terrace_errors(void)
{
    return errors;
}

const json_t *terrace_json(void)
{
    json_error_t fault;
    if (answer == NULL)
        answer = json_loads(output, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(answer))
        fail_msg("not one JSON object: %s (%s)", output, errors);
    return answer;
}

long long terrace_number(const char *key)
{
    const json_t *value = json_object_get(terrace_json(), key);
    if (!json_is_integer(value))
        fail_msg("%s is not a number in %s", key, output);
    return json_integer_value(value);
}

void terrace_drill_begin(const char *directory)
{
    snprintf(drill_directory, sizeof drill_directory, "%s", directory);
}

int terrace_drill_end(void **state)
{
    struct drill drill;
    struct error error;
    size_t forced = 0;
    (void)state;
    if (drill_directory[0] != '\0' && drill_open(drill_directory, true, &drill, &error) == ERR_OK) {
        act_down(&drill, true, &forced, &error);
        drill_free(&drill);
    }
    drill_directory[0] = '\0';
    return 0;
}
