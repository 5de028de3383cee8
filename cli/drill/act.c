/* What is done to the nodes of a drill. */
#include "cli/drill/act.h"

#include <signal.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/drill/probe.h"
#include "cli/drill/process.h"
#include "cli/print.h"

enum {
    /* Starting more at once than there are cores only makes each slower to answer. */
    STARTING_AT_ONCE = 6,
    STOP_ASK_MS = 5000,
};

bool *act_chosen(const struct drill *drill, const char *const *words, size_t count,
                 struct error *error)
{
    bool *chosen = mem_alloc(drill->seat_count * sizeof *chosen);
    for (size_t i = 0; i < count; i++) {
        size_t seat = 0;
        if (drill_find(drill, words[i], &seat, error) != ERR_OK) {
            free(chosen);
            return NULL;
        }
        chosen[seat] = true;
    }
    return chosen;
}

enum error_code act_link(const struct drill *drill, size_t seat, bool cut, struct error *error)
{
    char path[PATH_MAX];
    struct buffer args = {0};
    enum error_code code = drill_node_path(drill, seat, path, error);
    mp_write_map(&args, 1);
    mp_write_text(&args, "cut");
    mp_write_bool(&args, cut);
    if (code == ERR_OK)
        code = client_once(path, "link", span_of_buffer(&args), NULL, error);
    buffer_free(&args);
    return code;
}

static bool is_as_wanted(const struct drill *drill, size_t seat, const struct figures *figures)
{
    if (!figures->answered || drill->seats[seat].parent == DRILL_NO_SEAT ||
        drill->seats[seat].revoked)
        return true; /* a stopped one is cut when it starts; the root has no uplink */
    size_t parent = drill->seats[seat].parent;
    bool parent_runs = drill->seats[parent].pid != 0;
    return drill->seats[seat].cut ? !figures->uplink_live : figures->uplink_live || !parent_runs;
}

enum error_code act_cut(struct drill *drill, const bool *chosen, bool cut, struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        if (!chosen[i])
            continue;
        if (i == 0)
            return error_set(error, ERR_USAGE, drill->seats[0].code, "the root has no uplink");
        if (process_alive(drill, i))
            code = act_link(drill, i, cut, error);
        drill->seats[i].cut = cut;
    }
    if (code == ERR_OK)
        code = drill_save(drill, error);
    if (code == ERR_OK)
        code = probe_wait(drill, chosen, is_as_wanted, cut ? "uplinks down" : "uplinks live",
                          ACT_LINK_WAIT_MS, true, error);
    return code;
}

enum error_code act_kill(struct drill *drill, const bool *chosen, struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        if (chosen[i])
            code = process_end(drill, i, SIGKILL, ACT_END_WAIT_MS, error);
    }
    struct error other;
    if (drill_save(drill, code == ERR_OK ? error : &other) != ERR_OK && code == ERR_OK)
        code = error->code;
    return code;
}

/* The nodes that are being started and don't answer yet. */
struct starting {
    size_t seats[STARTING_AT_ONCE];
    size_t count;
};

static void drop_answering(const struct drill *drill, struct starting *starting, size_t *dead)
{
    for (size_t i = 0; i < starting->count;) {
        size_t seat = starting->seats[i];
        struct figures figures;
        struct error error;
        probe_seat(drill, seat, &figures);
        if (figures.answered) {
            if (drill->seats[seat].cut)
                act_link(drill, seat, true, &error);
            starting->seats[i] = starting->seats[--starting->count];
            continue;
        }
        if (!process_alive(drill, seat))
            *dead = seat;
        i++;
    }
}

/* Wait until at most `room` of those being started don't answer yet. */
static enum error_code wait_for_room(const struct drill *drill, struct starting *starting,
                                     size_t room, struct error *error)
{
    uint64_t until_ms = tick_now_ms() + ACT_UP_WAIT_MS;
    size_t dead = DRILL_NO_SEAT;
    for (;;) {
        drop_answering(drill, starting, &dead);
        if (starting->count <= room)
            return ERR_OK;
        if (dead != DRILL_NO_SEAT || tick_now_ms() >= until_ms)
            break;
        probe_pause();
    }
    /* Let the usual wait say what is wrong with it. */
    bool *one = mem_alloc(drill->seat_count * sizeof *one);
    one[dead != DRILL_NO_SEAT ? dead : starting->seats[0]] = true;
    enum error_code code = probe_wait(drill, one, probe_is_up, "answering", 0, true, error);
    free(one);
    return code;
}

static enum error_code start_all(struct drill *drill, const bool *chosen, bool quiet,
                                 struct error *error)
{
    struct starting starting = {0};
    struct progress progress;
    enum error_code code = ERR_OK;
    progress_begin(&progress, "nodes started", drill->seat_count, quiet);
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        progress_update(&progress, i);
        if ((chosen != NULL && !chosen[i]) || process_alive(drill, i))
            continue;
        code = wait_for_room(drill, &starting, STARTING_AT_ONCE - 1, error);
        if (code == ERR_OK)
            code = process_start(drill, i, error);
        if (code == ERR_OK)
            starting.seats[starting.count++] = i;
    }
    if (code == ERR_OK)
        code = wait_for_room(drill, &starting, 0, error);
    progress_end(&progress);
    return code;
}

enum error_code act_start(struct drill *drill, const bool *chosen, bool linked, bool quiet,
                          struct error *error)
{
    struct error other;
    size_t most = 0;
    for (size_t i = 0; i < drill->seat_count; i++)
        most = drill->seats[i].child_count > most ? drill->seats[i].child_count : most;
    enum error_code code = process_raise_files(most, error);
    if (code == ERR_OK)
        code = start_all(drill, chosen, quiet, error);
    if (drill_save(drill, code == ERR_OK ? error : &other) != ERR_OK && code == ERR_OK)
        code = error->code;
    if (code == ERR_OK && linked)
        code =
            probe_wait(drill, chosen, is_as_wanted, "nodes linked", ACT_LINK_WAIT_MS, quiet, error);
    return code;
}

static void ask_to_stop(const struct drill *drill, size_t seat)
{
    char path[PATH_MAX];
    struct error error;
    struct span value;
    if (drill_node_path(drill, seat, path, &error) != ERR_OK)
        return;
    struct client *client = client_new(path, &error);
    if (client == NULL)
        return;
    client_patience(client, STOP_ASK_MS);
    client_ask(client, "stop", SPAN_EMPTY, &value, &error);
    client_free(client);
}

enum error_code act_down(struct drill *drill, bool quiet, size_t *forced, struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "nodes stopped", drill->seat_count, quiet);
    *forced = 0;
    for (size_t i = drill->seat_count; i > 0; i--) {
        if (process_alive(drill, i - 1))
            ask_to_stop(drill, i - 1);
        progress_update(&progress, drill->seat_count - i + 1);
    }
    enum error_code code = ERR_OK;
    for (size_t i = drill->seat_count; i > 0; i--) {
        if (process_wait(drill, i - 1, STOP_ASK_MS))
            continue;
        if (process_end(drill, i - 1, SIGTERM, STOP_ASK_MS, error) == ERR_OK)
            continue;
        ++*forced;
        code = process_end(drill, i - 1, SIGKILL, ACT_END_WAIT_MS, error);
        if (code != ERR_OK)
            break;
    }
    progress_end(&progress);
    if (code == ERR_OK) {
        error_clear(error);
        code = drill_save(drill, error);
    }
    return code;
}
