/* Asking the nodes of a drill how they are. */
#include "cli/drill/probe.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/drill/process.h"
#include "cli/print.h"
#include "cli/value.h"

enum { PROBE_PAUSE_MS = 15 };

static void take_link(const json_t *link, struct figures *figures)
{
    bool live = strcmp(json_text(link, "state"), "live") == 0;
    bool uplink = json_flag(link, "uplink");
    uint64_t behind = json_number(link, "behind_here") + json_number(link, "behind_there");
    figures->links++;
    figures->links_live += live ? 1 : 0;
    figures->behind += behind;
    figures->uplink_behind += uplink ? behind : 0;
    if (uplink)
        figures->heard_ms = json_number(link, "heard_ms");
}

static void take_status(const json_t *status, struct figures *figures)
{
    const json_t *links = json_object_get(status, "links");
    const json_t *children = json_object_get(status, "children");
    const char *uplink = json_text(json_object_get(status, "uplink"), "state");
    size_t index = 0;
    json_t *link = NULL;
    figures->answered = true;
    json_array_foreach(links, index, link) take_link(link, figures);
    figures->uplink_live = strcmp(uplink, "live") == 0 || strcmp(uplink, "none") == 0;
    figures->children_live = json_number(children, "live");
    figures->children_expected = json_number(children, "expected");
    figures->records = json_number(status, "records");
    figures->entries = json_number(status, "entries");
    figures->streams = json_number(status, "streams");
    figures->store_bytes = json_number(status, "store_bytes");
    figures->quarantine = json_number(status, "quarantine");
    figures->parked = json_number(status, "parked");
    figures->anonymous = json_number(status, "memory_bytes");
    figures->proportional = json_number(status, "memory_proportional_bytes");
    figures->alarms = json_array_size(json_object_get(status, "alarms"));
    figures->caught_up = figures->uplink_live && figures->links_live == figures->links &&
                         figures->children_live == figures->children_expected &&
                         figures->behind == 0;
}

void probe_seat(const struct drill *drill, size_t seat, struct figures *figures)
{
    char path[PATH_MAX];
    struct error error;
    struct buffer value = {0};
    *figures = (struct figures){.heard_ms = UINT64_MAX};
    if (drill_node_path(drill, seat, path, &error) == ERR_OK &&
        client_once(path, "status", SPAN_EMPTY, &value, &error) == ERR_OK) {
        json_t *status = value_json(span_of_buffer(&value));
        if (status != NULL)
            take_status(status, figures);
        json_decref(status);
    }
    buffer_free(&value);
}

bool probe_is_up(const struct drill *drill, size_t seat, const struct figures *figures)
{
    (void)drill;
    (void)seat;
    return figures->answered;
}

bool probe_is_linked(const struct drill *drill, size_t seat, const struct figures *figures)
{
    return figures->answered &&
           (figures->uplink_live || drill->seats[seat].cut || drill->seats[seat].revoked);
}

bool probe_is_caught_up(const struct drill *drill, size_t seat, const struct figures *figures)
{
    (void)drill;
    (void)seat;
    return figures->caught_up;
}

void probe_pause(void)
{
    poll(NULL, 0, PROBE_PAUSE_MS);
}

static enum error_code process_ended(const struct drill *drill, size_t seat, struct error *error)
{
    char *end = process_log_end(drill, seat);
    error_set(error, ERR_UNREACHABLE, drill->seats[seat].code,
              "its process has ended; the end of its log: %s", end[0] == '\0' ? "(empty)" : end);
    error_next(error, "the whole log is %s/%s/log", drill->directory, drill->seats[seat].code);
    free(end);
    return ERR_UNREACHABLE;
}

static enum error_code not_in_time(const struct drill *drill, size_t seat, const char *label,
                                   size_t left, uint64_t wait_ms, struct error *error)
{
    error_set(error, ERR_TIMEOUT, drill->seats[seat].code,
              "%s: not so after %llu s, here and at %zu further nodes", label,
              (unsigned long long)(wait_ms / 1000), left - 1);
    error_next(error, "`terrace -d %s/%s status` and the log beside it say more", drill->directory,
               drill->seats[seat].code);
    return ERR_TIMEOUT;
}

/* One look at every seat that is still open; gives how many are left, *first the first of them. */
static size_t look_at_all(const struct drill *drill, bool *open, probe_condition *condition,
                          size_t *first, size_t *dead)
{
    size_t left = 0;
    for (size_t i = 0; i < drill->seat_count; i++) {
        struct figures figures;
        if (!open[i])
            continue;
        probe_seat(drill, i, &figures);
        open[i] = !condition(drill, i, &figures);
        if (open[i] && !figures.answered && !process_alive(drill, i))
            *dead = i;
        if (open[i] && left++ == 0)
            *first = i;
    }
    return left;
}

enum error_code probe_wait(const struct drill *drill, const bool *chosen,
                           probe_condition *condition, const char *label, uint64_t wait_ms,
                           bool quiet, struct error *error)
{
    bool *open = mem_alloc(drill->seat_count * sizeof *open);
    uint64_t until_ms = tick_now_ms() + wait_ms;
    size_t total = 0, left = 0, first = 0, dead = DRILL_NO_SEAT;
    struct progress progress;
    for (size_t i = 0; i < drill->seat_count; i++) {
        open[i] = chosen == NULL || chosen[i];
        total += open[i] ? 1 : 0;
    }
    progress_begin(&progress, label, total, quiet);
    for (;;) {
        left = look_at_all(drill, open, condition, &first, &dead);
        progress_update(&progress, total - left);
        if (left == 0 || dead != DRILL_NO_SEAT || tick_now_ms() >= until_ms)
            break;
        probe_pause();
    }
    progress_end(&progress);
    free(open);
    if (left == 0)
        return ERR_OK;
    if (dead != DRILL_NO_SEAT)
        return process_ended(drill, dead, error);
    return not_in_time(drill, first, label, left, wait_ms, error);
}
