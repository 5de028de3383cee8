/* A load beside the demonstration. */
#include "cli/drill/demo_load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/drill/probe.h"
#include "cli/print.h"
#include "cli/value.h"
#include "node/author/file.h"
#include "replication/query/query.h"

extern char **environ;

enum { ANSWER_BYTES_MAX = 1 << 20 };

static int spawn_load(char *const *words, const char *answer, int word, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, word, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, answer, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int code = posix_spawn(pid, "/proc/self/exe", &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

enum error_code demo_load_begin(const struct drill *drill, uint64_t records, uint64_t rate,
                                uint64_t hold, struct demo_load *load, struct error *error)
{
    char path[PATH_MAX], records_text[32], rate_text[32], hold_text[32];
    char program[] = "terrace", command[] = "drill", verb[] = "load", json[] = "--json";
    char dir[] = "--dir", records_option[] = "--records", rate_option[] = "--rate";
    char hold_option[] = "--hold";
    int word[2];
    *load = (struct demo_load){.drill = drill, .word = -1};
    load->by_seat = mem_alloc(drill->seat_count * sizeof *load->by_seat);
    load->table = mem_alloc(sizeof *load->table);
    check_table_new(drill, load->table);
    snprintf(records_text, sizeof records_text, "%llu", (unsigned long long)records);
    snprintf(rate_text, sizeof rate_text, "%llu", (unsigned long long)rate);
    snprintf(hold_text, sizeof hold_text, "%llu", (unsigned long long)hold);
    enum error_code code = drill_file_path(drill, "load.json", path, error);
    if (code != ERR_OK)
        return code;
    if (pipe2(word, O_CLOEXEC) != 0)
        return error_set(error, ERR_IO, "load", "no pipe to it: %s", strerror(errno));
    char *words[] = {program,
                     command,
                     verb,
                     json,
                     dir,
                     drill->directory,
                     records_option,
                     records_text,
                     rate_option,
                     rate_text,
                     hold == 0 ? NULL : hold_option,
                     hold_text,
                     NULL};
    int answer = spawn_load(words, path, word[0], &load->pid);
    close(word[0]);
    load->word = word[1];
    if (answer == 0)
        return ERR_OK;
    load->pid = 0;
    return error_set(error, ERR_IO, "load", "it could not be started: %s", strerror(answer));
}

void demo_load_go_on(struct demo_load *load)
{
    if (load->word >= 0)
        close(load->word);
    load->word = -1;
}

static void take_line(struct demo_load *load, const char *line, size_t size)
{
    json_t *json = json_loadb(line, size, 0, NULL);
    struct record_id id;
    struct key_id key;
    if (record_id_parse(span_of_text(json_text(json, "id")), &id)) {
        memcpy(key.bytes, id.bytes, KEY_ID_BYTES);
        size_t seat = check_table_seat_of(load->table, key);
        if (seat != DRILL_NO_SEAT)
            load->by_seat[seat]++;
        load->acknowledged++;
    }
    json_decref(json);
}

void demo_load_look(struct demo_load *load)
{
    char path[PATH_MAX];
    struct error error;
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;
    if (drill_file_path(load->drill, "acknowledged.ndjson", path, &error) != ERR_OK)
        return;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    fseek(file, load->offset, SEEK_SET);
    while ((size = getline(&line, &room, file)) > 0 && line[size - 1] == '\n') {
        take_line(load, line, (size_t)size);
        load->offset += size;
    }
    free(line);
    fclose(file);
}

/* Whether it still runs; without taking its end away from demo_load_end. */
static bool is_running(const struct demo_load *load)
{
    siginfo_t info = {0};
    return load->pid > 0 &&
           waitid(P_PID, (id_t)load->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void demo_load_wait(struct demo_load *load, uint64_t acknowledged, uint64_t wait_ms)
{
    uint64_t until_ms = tick_now_ms() + wait_ms;
    for (demo_load_look(load);
         load->acknowledged < acknowledged && is_running(load) && tick_now_ms() < until_ms;
         demo_load_look(load))
        probe_pause();
}

json_t *demo_load_end(struct demo_load *load, struct error *error)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    json_t *answer = NULL;
    demo_load_go_on(load);
    while (load->pid > 0 && waitpid(load->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    load->pid = 0;
    demo_load_look(load);
    if (drill_file_path(load->drill, "load.json", path, error) == ERR_OK &&
        file_read(path, ANSWER_BYTES_MAX, &text, error) == ERR_OK) {
        answer = json_loadb((const char *)text.data, text.size, 0, NULL);
        if (answer == NULL || json_object_get(answer, "error") != NULL) {
            error_set(error, ERR_INTERNAL, "load", "it ended without a result: %s",
                      answer == NULL ? "no answer" : json_text(answer, "why"));
            json_decref(answer);
            answer = NULL;
        }
    }
    buffer_free(&text);
    return answer;
}

void demo_load_free(struct demo_load *load)
{
    demo_load_go_on(load);
    if (load->pid > 0) {
        kill(load->pid, SIGKILL);
        waitpid(load->pid, NULL, 0);
    }
    if (load->table != NULL)
        check_table_free(load->table);
    free(load->table);
    free(load->by_seat);
    *load = (struct demo_load){.word = -1};
}
