/* Status: what the link room says now, what the core said within the last moment, what the store
 * holds. It never waits for a disk: when the core is in a commit, its last news are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/author/code_text.h"
#include "node/node_parts.h"
#include "replication/rows/rows.h"

static void ask_core(struct node *node, struct api_call call, struct sql_job *sql)
{
    struct status_call *waiting = mem_alloc(sizeof *waiting);
    waiting->call = call;
    waiting->sql = sql;
    waiting->next = node->status_calls;
    node->status_calls = waiting;
    node_push(node, core_item_new(CORE_STATUS, SPAN_EMPTY), 0);
    if (!uv_is_active((uv_handle_t *)&node->status_timer))
        uv_timer_start(&node->status_timer, node_status_timer, STATUS_WAIT_MS, 0);
}

void node_status_begin(struct node *node, struct api_call call)
{
    ask_core(node, call, NULL);
}

void node_status_before_sql(struct node *node, struct sql_job *job)
{
    ask_core(node, (struct api_call){0}, job);
}

/* Everyone who waited goes on: the store's rows are counted on the pool. */
static void go_on(struct node *node)
{
    uv_timer_stop(&node->status_timer);
    while (node->status_calls != NULL) {
        struct status_call *waiting = node->status_calls;
        node->status_calls = waiting->next;
        if (waiting->sql != NULL)
            node_sql_go_on(node, waiting->sql);
        else
            node_read_begin(node, waiting->call, READ_STATUS, SPAN_EMPTY);
        free(waiting);
    }
}

void node_status_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

void node_status_take(struct node *node, struct core_status *status)
{
    uint64_t before = node->status == NULL ? 0 : node->status->occurrences;
    if (status->occurrences > before)
        log_line(&node->log, LOG_ERROR, "alarm: %s%s", status->occurrence,
                 status->occurrences > before + 1 ? ", and others" : "");
    core_status_free(node->status);
    node->status = status;
    go_on(node);
}

void node_status_drop_calls(struct node *node)
{
    while (node->status_calls != NULL) {
        struct status_call *waiting = node->status_calls;
        node->status_calls = waiting->next;
        free(waiting);
    }
}

void node_status_stop(struct node *node)
{
    node_status_drop_calls(node);
    core_status_free(node->status);
    node->status = NULL;
}

void node_status_count(const struct view *view, const struct store_snapshot *snapshot,
                       struct store_counts *counts)
{
    struct stream_id stream;
    struct stream_row row;
    uint64_t cursor = 0;
    *counts = (struct store_counts){0};
    while (stream_row_next(view, &cursor, &stream, &row)) {
        counts->streams++;
        counts->entries += row.head.seq;
    }
    uint64_t rows = store_snapshot_rows(snapshot, TABLE_RECORDS);
    uint64_t companions = companions_row_read(view);
    counts->records = rows - (companions < rows ? companions : rows);
    counts->quarantine = store_snapshot_rows(snapshot, TABLE_QUARANTINE);
    counts->parked = store_snapshot_rows(snapshot, TABLE_PARKED);
    counts->token_ms = newest_token_ms(view);
}

static void put_text(struct buffer *out, const char *key, const char *text)
{
    mp_write_text(out, key);
    mp_write_text(out, text);
}

static void put_uint(struct buffer *out, const char *key, uint64_t value)
{
    mp_write_text(out, key);
    mp_write_uint(out, value);
}

static void put_bool(struct buffer *out, const char *key, bool value)
{
    mp_write_text(out, key);
    mp_write_bool(out, value);
}

static void write_tree(const struct node *node, struct buffer *out)
{
    char id[2 * HASH_BYTES + 1];
    hex_write(id, node->config.tree_id.bytes, HASH_BYTES);
    mp_write_text(out, "tree");
    mp_write_map(out, node->tree->root_waits ? 5 : 4);
    put_text(out, "id", id);
    if (node->tree->root_waits) {
        char fingerprint[FINGERPRINT_TEXT_BYTES];
        fingerprint_write(&node->tree->root, fingerprint);
        put_text(out, "root_waits", fingerprint);
    }
    put_uint(out, "documents", node->tree->document_count);
    put_uint(out, "seats", node->tree->seat_count);
    put_uint(out, "change", node->tree->change);
}

static void write_emergency(const struct core_tree *tree, struct buffer *out)
{
    mp_write_text(out, "emergency");
    if (tree->emergency[0] == '\0')
        mp_write_nil(out);
    else
        mp_write_text(out, tree->emergency);
    put_uint(out, "emergency_since", tree->emergency_ms);
}

static void write_epoch(const struct core_status *status, struct buffer *out)
{
    mp_write_text(out, "epoch");
    mp_write_map(out, 2);
    put_uint(out, "ordinal", status->epoch);
    put_text(out, "why", status->epoch_why);
}

static const struct link_status *core_link(const struct core_status *status, uint32_t link)
{
    for (size_t i = 0; i < status->link_count; i++) {
        if (status->links[i].link == link)
            return &status->links[i];
    }
    return NULL;
}

static void write_link(const struct node *node, const struct link_info *info, struct buffer *out)
{
    static const struct link_status fresh = {.state = "greeting"};
    const struct link_status *status = core_link(node->status, info->link);
    if (status == NULL)
        status = &fresh; /* up, and the core hasn't heard of it yet */
    mp_write_map(out, 9);
    put_text(out, "seat",
             info->over     ? node->over_seat
             : info->uplink ? node->tree->parent
                            : info->seat);
    put_bool(out, "uplink", info->uplink);
    put_text(out, "state", status->state);
    put_uint(out, "since_ms", info->up_ms);
    put_uint(out, "heard_ms", info->heard_ms);
    put_uint(out, "behind_there", status->behind_there);
    put_uint(out, "behind_here", status->behind_here);
    put_uint(out, "bytes_in", info->bytes_in);
    put_uint(out, "bytes_out", info->bytes_out);
}

/* Answers how many links of children are up. */
static size_t write_links(const struct node *node, struct buffer *out)
{
    size_t count = node->room != NULL ? link_room_list(node->room, NULL, 0) : 0, children = 0;
    uint32_t *links = mem_alloc((count + 1) * sizeof *links);
    if (node->room != NULL)
        link_room_list(node->room, links, count);
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        struct link_info info = {.link = links[i]};
        link_room_info(node->room, links[i], &info);
        write_link(node, &info, out);
        children += !info.uplink;
    }
    free(links);
    return children;
}

void node_status_links(struct node *node, struct buffer *out)
{
    if (node->status == NULL)
        node->status = mem_alloc(sizeof *node->status);
    (void)write_links(node, out);
}

static const char *uplink_state(const struct node *node)
{
    if (!node->tree->has_parent)
        return "none";
    if (node->cut)
        return "cut";
    if (node->uplink == 0 && node->over != 0)
        return "over fallback";
    if (node->uplink == 0)
        return node->uplink_trouble[0] != '\0' ? "no endpoint" : "dialling";
    const struct link_status *status = core_link(node->status, node->uplink);
    return status != NULL ? status->state : "greeting";
}

static void write_uplink(const struct node *node, struct buffer *out)
{
    struct link_counters room = {0};
    if (node->room != NULL)
        link_room_counters(node->room, &room);
    mp_write_text(out, "uplink");
    bool over = node->uplink == 0 && node->over != 0;
    mp_write_map(out, over ? 8 : 6);
    put_text(out, "state", uplink_state(node));
    put_uint(out, "since_ms",
             uv_now(&node->loop) - (over ? node->over_since_ms : node->uplink_since_ms));
    if (over) {
        put_text(out, "over", node->over_host);
        put_text(out, "past_to", node->over_seat);
    }
    put_text(out, "seat", node->tree->parent);
    put_text(out, "url", node->tree->endpoint_count > 0 ? node->tree->endpoints[0] : "");
    put_uint(out, "tries", room.dialled - node->uplink_dialled);
    put_uint(out, "answered", room.answered - node->uplink_answered);
}

static bool is_linked(const struct node *node, const uint32_t *links, size_t count,
                      const char *seat)
{
    struct link_info info;
    for (size_t i = 0; i < count; i++) {
        if (link_room_info(node->room, links[i], &info) && !info.uplink &&
            strcmp(info.seat, seat) == 0)
            return true;
    }
    return false;
}

/* Seats below without a link, CHILDREN_NAMED of them at most. */
static uint32_t write_missing(const struct node *node, struct buffer *names)
{
    size_t count = node->room != NULL ? link_room_list(node->room, NULL, 0) : 0;
    uint32_t *links = mem_alloc((count + 1) * sizeof *links), missing = 0;
    if (node->room != NULL)
        link_room_list(node->room, links, count);
    for (size_t i = 0; i < node->tree->child_count && missing < CHILDREN_NAMED; i++) {
        if (is_linked(node, links, count, node->tree->peers[i].seat))
            continue;
        mp_write_text(names, node->tree->peers[i].seat);
        missing++;
    }
    free(links);
    return missing;
}

static void write_children(const struct node *node, size_t live, struct buffer *out)
{
    struct buffer names = {0};
    mp_write_text(out, "children");
    mp_write_map(out, 3);
    put_uint(out, "expected", node->tree->child_count);
    put_uint(out, "live", live);
    mp_write_text(out, "missing");
    mp_write_array(out, live < node->tree->child_count ? write_missing(node, &names) : 0);
    buffer_append_span(out, span_of_buffer(&names));
    buffer_free(&names);
}

/* The link room sees what never reaches the core. */
static void write_refused(const struct node *node, struct buffer *out)
{
    struct refusals sum = node->status->refusals;
    struct link_counters room = {0};
    if (node->room != NULL)
        link_room_counters(node->room, &room);
    sum.unknown_key += room.unknown_key;
    sum.handshake += room.handshake;
    sum.replay += room.replay;
    sum.oversize += room.oversize;
    sum.damaged += room.damaged;
    sum.malformed += room.malformed;
    sum.flood += room.flood;
    sum.timeout += room.timeout;
    mp_write_text(out, "refused");
#define X(name) +1
    mp_write_map(out, REFUSAL_LIST(X));
#undef X
#define X(name) put_uint(out, #name, sum.name);
    REFUSAL_LIST(X)
#undef X
}

static void write_scrub(const struct node *node, struct buffer *out)
{
    const struct scrub_last *last = &node->last_scrub;
    mp_write_text(out, "verified");
    mp_write_map(out, 3);
    put_uint(out, "when", last->wall_ms);
    put_text(out, "result",
             last->wall_ms == 0   ? "never"
             : last->damaged == 0 ? "sound"
                                  : "damaged");
    put_uint(out, "damaged", last->damaged);
}

/* Private memory that no file backs, and the share of everything mapped; 0 when the system doesn't
 * say. Read here, because a node's memory is closed to other processes. */
struct memory {
    uint64_t anonymous_bytes, proportional_bytes;
};

static struct memory read_memory(void)
{
    char line[128];
    struct memory memory = {0};
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (file == NULL)
        return memory;
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long long kib = 0;
        if (sscanf(line, "Anonymous: %llu", &kib) == 1)
            memory.anonymous_bytes = (uint64_t)kib * 1024;
        else if (sscanf(line, "Pss: %llu", &kib) == 1)
            memory.proportional_bytes = (uint64_t)kib * 1024;
    }
    fclose(file);
    return memory;
}

struct alarms {
    struct buffer texts;
    uint32_t count;
};

static void alarm_if(struct alarms *alarms, bool raised, const char *text)
{
    if (!raised)
        return;
    mp_write_text(&alarms->texts, text);
    alarms->count++;
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Said at each of three marks, so that there is time to do something about it. */
static void alarm_of_room(struct alarms *alarms, const struct node *node)
{
    static const unsigned marks[] = {90, 80, 70};
    struct store_fullness room;
    char text[160];
    store_fullness(node->store, &room);
    const char *what = room.disk_is_nearer ? "disk" : "store";
    const char *next =
        room.disk_is_nearer ? "free space on it" : "raise store.map_mib and start the node again";
    snprintf(text, sizeof text, "the %s is full: nothing new is taken; %s", what, next);
    alarm_if(alarms, node->status->level != STORE_ROOMY, text);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (room.percent < marks[i])
            continue;
        snprintf(text, sizeof text, "the store uses more than %u %% of the room on its %s: %s",
                 marks[i], room.disk_is_nearer ? "disk" : "map", next);
        alarm_if(alarms, node->status->level == STORE_ROOMY, text);
        return;
    }
}

static void write_room(const struct node *node, struct buffer *out)
{
    static const char *const levels[] = {"roomy", "tight", "full"};
    struct store_fullness room;
    store_fullness(node->store, &room);
    mp_write_text(out, "room");
    mp_write_map(out, 5);
    put_text(out, "level", levels[node->status->level]);
    put_uint(out, "percent", room.percent);
    put_uint(out, "used_bytes", room.used_bytes);
    put_uint(out, "map_bytes", room.map_bytes);
    put_uint(out, "disk_free_bytes", room.disk_free_bytes);
}

static void alarm_of_root(struct alarms *alarms, const struct core_tree *tree)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES], text[320];
    if (!tree->root_waits)
        return;
    fingerprint_write(&tree->root, fingerprint);
    snprintf(text, sizeof text,
             "a new root made by hand waits for you: compare its fingerprint by telephone with the "
             "people of the root, then: terrace topology confirm %s",
             fingerprint);
    alarm_if(alarms, true, text);
}

static void alarm_each(struct alarms *alarms, const struct buffer *texts)
{
    for (size_t at = 0; at < texts->size; at += strlen((const char *)texts->data + at) + 1)
        alarm_if(alarms, true, (const char *)texts->data + at);
}

static void write_alarms(const struct node *node, const struct store_counts *counts,
                         struct buffer *out)
{
    struct alarms alarms = {0};
    const struct core_tree *tree = node->tree;
    alarm_if(&alarms, !tree->listed, "the signed tree does not list this seat as active");
    alarm_if(&alarms, tree->expires_ms != 0 && tree->expires_ms < wall_ms(),
             "the signed documents have expired: nobody new is admitted until they are renewed");
    alarm_if(&alarms, tree->alarm_count > 0,
             "signed documents contradict each other: see the log, and ask the admins");
    alarm_of_root(&alarms, tree);
    alarm_if(&alarms, node->uplink_trouble[0] != '\0', node->uplink_trouble);
    alarm_if(&alarms, node->status->failed_commits > 0,
             "commits failed since the start: the disk or the store was full");
    alarm_of_room(&alarms, node);
    alarm_if(&alarms, counts->quarantine > 0,
             "damaged or forged data is in quarantine: see terrace quarantine");
    alarm_if(&alarms, node->last_scrub.damaged > 0,
             "the last check found this store damaged: see terrace verify");
    alarm_each(&alarms, &counts->alarms);
    alarm_each(&alarms, &node->status->alarms);
    mp_write_text(out, "alarms");
    mp_write_array(out, alarms.count);
    buffer_append_span(out, span_of_buffer(&alarms.texts));
    buffer_free(&alarms.texts);
}

static void write_store(const struct node *node, const struct store_counts *counts,
                        struct buffer *out)
{
    put_uint(out, "streams", counts->streams);
    put_uint(out, "records", counts->records);
    put_uint(out, "entries", counts->entries);
    put_uint(out, "store_bytes", store_used_bytes(node->store));
    put_uint(out, "token_ms", counts->token_ms);
    put_uint(out, "quarantine", counts->quarantine);
    put_uint(out, "parked", counts->parked);
    put_uint(out, "commits", node->status->commits);
    put_uint(out, "failed_commits", node->status->failed_commits);
    struct memory memory = read_memory();
    put_uint(out, "memory_bytes", memory.anonymous_bytes);
    put_uint(out, "memory_proportional_bytes", memory.proportional_bytes);
}

/* By the lesser of signed time and our own clock, as lists judge it; 0: nothing leaves them yet. */
static void write_retention(const struct store_counts *counts, struct buffer *out)
{
    uint64_t now_ms = wall_ms();
    mp_write_text(out, "retention");
    mp_write_map(out, 2);
    put_uint(out, "types", counts->retained_types);
    put_uint(out, "judged_ms", counts->token_ms < now_ms ? counts->token_ms : now_ms);
}

enum { STATUS_PAIRS = 28 };

void node_status_write(struct node *node, const struct store_counts *counts, struct buffer *out)
{
    if (node->status == NULL) /* asked before the core's first word */
        node->status = mem_alloc(sizeof *node->status);
    mp_write_map(out, STATUS_PAIRS);
    put_text(out, "seat", node->config.seat);
    put_text(out, "name", node->tree->name);
    put_text(out, "tier", node->tree->tier);
    put_text(out, "version", TERRACE_VERSION);
    put_uint(out, "pid", (uint64_t)getpid());
    write_tree(node, out);
    write_epoch(node->status, out);
    write_emergency(node->tree, out);
    mp_write_text(out, "links");
    size_t children = write_links(node, out);
    write_uplink(node, out);
    write_children(node, children, out);
    write_store(node, counts, out);
    write_scrub(node, out);
    write_retention(counts, out);
    write_room(node, out);
    write_refused(node, out);
    write_alarms(node, counts, out);
}

void node_status_write_hops(struct node *node, struct buffer *out)
{
    struct buffer links = {0};
    if (node->status == NULL)
        node->status = mem_alloc(sizeof *node->status);
    size_t children = write_links(node, &links);
    buffer_free(&links);
    write_uplink(node, out);
    write_children(node, children, out);
}
