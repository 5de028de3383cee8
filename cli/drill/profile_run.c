/* Writing a profile.
 *
 *     a queue a seat: matters whose next act is its own -> a turn: up to TURN acts in flight
 *     -> acknowledged: a line, and on to the queue of whoever does the next act
 *     -> not here yet, or not in the right state yet: it rests, and is tried again */
#include "cli/drill/profile_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/drill/act.h"
#include "cli/drill/probe.h"
#include "cli/print.h"
#include "cli/record.h"
#include "cli/value.h"
#include "node/author/file.h"
#include "node/author/keys.h"

enum { TURN = 64, ID_TEXT = 33 };

/* A matter on its way. */
struct going {
    struct matter matter;
    char id[ID_TEXT];
    uint8_t next; /* act */
    bool unsure;  /* it was sent, and the answer never came */
};

struct queue {
    uint32_t *at; /* places in `going` */
    size_t count, capacity;
};

struct running {
    struct profile profile;
    const struct load_options *options;
    struct load_result *result;
    struct going *going;
    size_t going_count;
    struct queue *queues; /* one a seat */
    bool *offline;        /* a flag a seat: cut off by the profile */
    bool apart;           /* what needs somebody on the other side of a cut has to wait */
    size_t done;          /* matters */
    uint64_t nonce, moved_ms;
    int file, steps_file;
    struct error last; /* why something waits */
    struct progress progress;
};

/* One turn. */
struct turn {
    struct running *running;
    size_t seat;
    struct client *client;
    struct script scripts[TURN];
    uint32_t places[TURN];
    uint64_t numbers[TURN]; /* of the requests; 0: answered, or never sent */
    bool ready[TURN];       /* to be sent */
    bool ended[TURN];       /* acknowledged, or refused */
    size_t count;
};

static void queue_add(struct queue *queue, uint32_t place)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity * 2 + 16;
        queue->at = mem_resize(queue->at, queue->capacity * sizeof *queue->at);
    }
    queue->at[queue->count++] = place;
}

static bool passes_by(enum error_code code, bool first)
{
    bool not_here_yet = code == ERR_NOT_FOUND || code == ERR_NOT_ALLOWED || code == ERR_INVALID;
    return code == ERR_BUSY || code == ERR_PARKED || code == ERR_FULL || code == ERR_IO ||
           code == ERR_TIMEOUT || code == ERR_UNREACHABLE || (not_here_yet && !first);
}

/* ---- lines ---- */

static enum error_code write_line(int file, const char *name, json_t *line, struct error *error)
{
    char *text = json_dumps(line, JSON_COMPACT);
    struct buffer bytes = {0};
    buffer_append(&bytes, text, strlen(text));
    buffer_append_byte(&bytes, '\n');
    ssize_t written = write(file, bytes.data, bytes.size);
    bool whole = written == (ssize_t)bytes.size;
    buffer_free(&bytes);
    free(text);
    json_decref(line);
    return whole ? ERR_OK : file_error(error, name, "writing");
}

static enum error_code note_creation(struct running *running, const char *type, size_t seat,
                                     size_t to, const json_t *answer, json_t *fields,
                                     struct error *error)
{
    const struct drill_seat *seats = running->profile.drill->seats;
    json_t *line = json_pack("{s:s,s:s,s:s,s:I,s:O}", "id", json_text(answer, "id"), "type", type,
                             "seat", seats[seat].code, "clock",
                             (json_int_t)json_number(answer, "clock"), "fields", fields);
    if (to != DRILL_NO_SEAT)
        json_object_set_new(line, "to", json_string(seats[to].code));
    running->result->acknowledged++;
    running->result->by_seat[seat]++;
    return write_line(running->file, "acknowledged.ndjson", line, error);
}

/* What the record shows after this act and those before it. */
static json_t *fields_after(const struct script *script, size_t last)
{
    json_t *fields = json_object(), *value;
    const char *name;
    for (size_t i = 0; i <= last; i++) {
        if (script->acts[i].verb == SCRIPT_RECEIPT)
            continue;
        json_object_foreach(script->acts[i].fields, name, value)
        {
            json_t *there = json_object_get(fields, name);
            if (json_is_array(there) && json_is_array(value))
                json_array_extend(there, value);
            else
                json_object_set_new(fields, name, json_deep_copy(value));
        }
    }
    return fields;
}

static json_t *members_after(const struct running *running, const struct script *script,
                             size_t last)
{
    json_t *members = json_array();
    for (size_t i = 0; i <= last; i++) {
        size_t joins = script->acts[i].joins;
        if (joins != DRILL_NO_SEAT)
            json_array_append_new(members, json_string(running->profile.drill->seats[joins].code));
    }
    return members;
}

/* Whether those who have joined hold the private fields, too. */
static bool with_private(const struct running *running, const struct script *script, size_t last)
{
    const struct record_type *type =
        schema_type_named(running->profile.schema, span_of_text(script->type));
    bool extends = false;
    for (size_t i = 0; i <= last && type->workflow != NULL; i++) {
        for (size_t k = 0; k < type->workflow->transition_count; k++) {
            const struct transition *step = &type->workflow->transitions[k];
            extends = extends || (script->acts[i].step != NULL && step->extend_companion &&
                                  strcmp(step->name, script->acts[i].step) == 0);
        }
    }
    return extends;
}

static enum error_code note_act(struct running *running, const struct going *going,
                                const struct script *script, struct error *error)
{
    const struct script_act *act = &script->acts[going->next];
    const struct drill_seat *seats = running->profile.drill->seats;
    json_t *line = json_pack("{s:s,s:s,s:s,s:o,s:o}", "id", going->id, "type", script->type, "seat",
                             seats[act->seat].code, "fields", fields_after(script, going->next),
                             "members", members_after(running, script, going->next));
    json_object_set_new(line, "with_private",
                        json_boolean(with_private(running, script, going->next)));
    if (act->step != NULL)
        json_object_set_new(line, "step", json_string(act->step));
    if (act->state != NULL)
        json_object_set_new(line, "state", json_string(act->state));
    running->result->steps++;
    return write_line(running->steps_file, "steps.ndjson", line, error);
}

/* ---- acts ---- */

static const struct script_act *act_of(const struct turn *turn, size_t i)
{
    return &turn->scripts[i].acts[turn->running->going[turn->places[i]].next];
}

static void put_fields(struct buffer *args, const json_t *fields)
{
    mp_write_text(args, "fields");
    value_from_json(fields, args);
}

static void args_of(const struct turn *turn, size_t i, struct buffer *args)
{
    const struct running *running = turn->running;
    const struct going *going = &running->going[turn->places[i]];
    const struct script_act *act = act_of(turn, i);
    const char *to = act->to == DRILL_NO_SEAT ? NULL : running->profile.drill->seats[act->to].code;
    char request[64];
    bool creates = act->verb == SCRIPT_PUT || act->verb == SCRIPT_RECEIPT;
    snprintf(request, sizeof request, "load-%016llx-%u-%u", (unsigned long long)running->nonce,
             turn->places[i], going->next);
    mp_write_map(args, 3U + (to != NULL) + (act->verb == SCRIPT_DO));
    args_text(args, "type", act->verb == SCRIPT_RECEIPT ? "receipt" : turn->scripts[i].type);
    args_text(args, creates ? "request" : "id", creates ? request : going->id);
    if (act->verb == SCRIPT_DO)
        args_text(args, "step", act->step);
    if (to != NULL)
        args_text(args, "to", to);
    put_fields(args, act->fields);
}

static json_t *get(const struct turn *turn, size_t i)
{
    struct buffer args = {0};
    struct span value;
    struct error error;
    mp_write_map(&args, 2);
    args_text(&args, "type", turn->scripts[i].type);
    args_text(&args, "id", turn->running->going[turn->places[i]].id);
    enum error_code code = client_ask(turn->client, "get", span_of_buffer(&args), &value, &error);
    buffer_free(&args);
    return code == ERR_OK ? value_json(value) : NULL;
}

static bool shows(const json_t *shown, const json_t *wanted)
{
    size_t index;
    json_t *item, *there;
    if (!json_is_array(wanted))
        return json_equal(shown, wanted) != 0;
    json_array_foreach(wanted, index, item)
    {
        bool found = false;
        for (size_t i = 0; i < json_array_size(shown) && !found; i++) {
            there = json_array_get(shown, i);
            found = json_equal(there, item) != 0;
        }
        if (!found)
            return false;
    }
    return true;
}

/* Whether an act that was sent before, and not answered, was done all the same. */
static bool was_done(const struct turn *turn, size_t i)
{
    const struct script_act *act = act_of(turn, i);
    json_t *record = get(turn, i);
    const json_t *fields = json_object_get(record, "fields");
    const char *state = json_text(fields, "status"), *name;
    json_t *value;
    bool done = fields != NULL && (act->state == NULL || strcmp(state, act->state) == 0);
    json_object_foreach((json_t *)(uintptr_t)act->fields, name, value) done =
        done && shows(json_object_get(fields, name), value);
    json_decref(record);
    return done;
}

static enum error_code advance(struct turn *turn, size_t i, const json_t *answer,
                               struct error *error)
{
    struct running *running = turn->running;
    struct going *going = &running->going[turn->places[i]];
    const struct script_act *act = act_of(turn, i);
    enum error_code code;
    if (act->verb == SCRIPT_PUT) {
        snprintf(going->id, sizeof going->id, "%s", json_text(answer, "id"));
        code = note_creation(running, turn->scripts[i].type, act->seat, act->to, answer,
                             act->fields, error);
    } else if (act->verb == SCRIPT_RECEIPT) {
        code =
            note_creation(running, "receipt", act->seat, DRILL_NO_SEAT, answer, act->fields, error);
    } else {
        code = note_act(running, going, &turn->scripts[i], error);
    }
    turn->ended[i] = true;
    going->unsure = false;
    running->moved_ms = tick_now_ms();
    if (++going->next == turn->scripts[i].count)
        running->done++;
    else
        queue_add(&running->queues[act_of(turn, i)->seat], turn->places[i]);
    return code;
}

static void refuse(struct turn *turn, size_t i, const struct error *error)
{
    struct running *running = turn->running;
    bool first = running->going[turn->places[i]].next == 0;
    if (passes_by(error->code, first)) {
        running->last = *error;
        return;
    }
    if (running->result->refused++ == 0)
        running->result->first = *error;
    turn->ended[i] = true;
    running->done++;
}

/* ---- a turn ---- */

/* Whether nobody cut off has to have heard of what somebody else did. */
static bool can_go_apart(const struct running *running, const struct script *script, uint8_t next)
{
    size_t origin = script->acts[0].seat;
    bool all_its_own = true, none_offline = true;
    for (size_t i = 0; i <= next; i++) {
        all_its_own = all_its_own && script->acts[i].seat == origin;
        none_offline = none_offline && !running->offline[script->acts[i].seat];
    }
    return all_its_own || none_offline;
}

static void choose(struct turn *turn)
{
    struct running *running = turn->running;
    struct queue *queue = &running->queues[turn->seat];
    size_t kept = 0, i = 0;
    for (; i < queue->count && turn->count < TURN; i++) {
        struct going *going = &running->going[queue->at[i]];
        struct script *script = &turn->scripts[turn->count];
        profile_script(&running->profile, &going->matter, script);
        if (running->apart && !can_go_apart(running, script, going->next)) {
            queue->at[kept++] = queue->at[i];
            script_clear(script);
            continue;
        }
        turn->places[turn->count++] = queue->at[i];
    }
    memmove(queue->at + kept, queue->at + i, (queue->count - i) * sizeof *queue->at);
    queue->count -= i - kept;
}

/* A receipt is given for what has come. False: it hasn't yet. */
static bool prepare(struct turn *turn, size_t i)
{
    struct running *running = turn->running;
    struct script_act *act = &turn->scripts[i].acts[running->going[turn->places[i]].next];
    if (act->verb != SCRIPT_RECEIPT)
        return true;
    json_t *record = get(turn, i);
    bool here = record != NULL;
    json_decref(record);
    if (here) {
        json_decref(act->fields);
        act->fields = profile_receipt(&running->profile, act, running->going[turn->places[i]].id);
    }
    return here;
}

/* What has to be asked before: one thing at a time. */
static enum error_code prepare_acts(struct turn *turn, struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < turn->count && code == ERR_OK; i++) {
        const struct going *going = &turn->running->going[turn->places[i]];
        bool repeats = act_of(turn, i)->verb == SCRIPT_SET || act_of(turn, i)->verb == SCRIPT_DO;
        if (going->unsure && repeats && was_done(turn, i))
            code = advance(turn, i, NULL, error);
        else
            turn->ready[i] = prepare(turn, i);
    }
    return code;
}

static void begin_acts(struct turn *turn)
{
    static const char *const verbs[] = {"put", "set", "do", "put"};
    for (size_t i = 0; i < turn->count; i++) {
        struct going *going = &turn->running->going[turn->places[i]];
        struct buffer args = {0};
        struct error sending;
        if (!turn->ready[i])
            continue;
        args_of(turn, i, &args);
        bool sent = client_ask_begin(turn->client, verbs[act_of(turn, i)->verb],
                                     span_of_buffer(&args), &turn->numbers[i], &sending) == ERR_OK;
        going->unsure = going->unsure || sent;
        if (!sent)
            turn->numbers[i] = 0;
        buffer_free(&args);
    }
}

static size_t numbered(const struct turn *turn, uint64_t number)
{
    size_t i = 0;
    while (i < turn->count && turn->numbers[i] != number)
        i++;
    return i;
}

static enum error_code end_acts(struct turn *turn, struct error *error)
{
    size_t waiting = 0;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < turn->count; i++)
        waiting += turn->numbers[i] != 0;
    while (waiting > 0 && code == ERR_OK) {
        uint64_t number = 0;
        struct span value;
        struct error answered;
        enum error_code told = client_ask_end(turn->client, &number, &value, &answered);
        size_t i = numbered(turn, number);
        if (number == 0 || i == turn->count) {
            turn->running->last = answered;
            return ERR_OK; /* away; what wasn't answered is sent again */
        }
        turn->numbers[i] = 0;
        waiting--;
        if (told == ERR_OK) {
            json_t *answer = value_json(value);
            code = advance(turn, i, answer, error);
            json_decref(answer);
        } else {
            turn->running->going[turn->places[i]].unsure = false;
            refuse(turn, i, &answered);
        }
    }
    return code;
}

static enum error_code take_turn(struct running *running, size_t seat, struct error *error)
{
    struct turn *turn = mem_alloc(sizeof *turn);
    char path[PATH_MAX];
    enum error_code code = ERR_OK;
    turn->running = running;
    turn->seat = seat;
    choose(turn);
    if (turn->count > 0 &&
        drill_node_path(running->profile.drill, seat, path, &running->last) == ERR_OK)
        turn->client = client_new(path, &running->last);
    if (turn->client != NULL) {
        code = prepare_acts(turn, error);
        if (code == ERR_OK) {
            begin_acts(turn);
            code = end_acts(turn, error);
        }
    }
    client_free(turn->client);
    for (size_t i = 0; i < turn->count; i++) {
        if (!turn->ended[i])
            queue_add(&running->queues[seat], turn->places[i]);
        script_clear(&turn->scripts[i]);
    }
    free(turn);
    return code;
}

/* Round after round, until all is done or nothing has gone on for so long. */
static enum error_code run_rounds(struct running *running, uint64_t patience_ms,
                                  struct error *error)
{
    size_t seats = running->profile.drill->seat_count;
    running->moved_ms = tick_now_ms();
    while (running->done < running->going_count) {
        size_t before = running->result->acknowledged + running->result->steps;
        for (size_t i = 0; i < seats; i++) {
            enum error_code code =
                running->queues[i].count == 0 ? ERR_OK : take_turn(running, i, error);
            if (code != ERR_OK)
                return code;
            progress_update(&running->progress, running->done);
        }
        if (before != running->result->acknowledged + running->result->steps)
            continue;
        if (tick_now_ms() - running->moved_ms >= patience_ms)
            break;
        probe_pause();
    }
    return ERR_OK;
}

/* ---- all of it ---- */

static bool anything_apart(const struct running *running)
{
    bool any = false;
    for (size_t i = 0; i < running->going_count && !any; i++) {
        struct script script;
        profile_script(&running->profile, &running->going[i].matter, &script);
        any = running->going[i].next < script.count &&
              can_go_apart(running, &script, running->going[i].next);
        script_clear(&script);
    }
    return any;
}

/* The villages are cut off, write what they can alone, and are let back in. */
static enum error_code run_offline(struct running *running, struct drill *drill,
                                   struct error *error)
{
    for (size_t i = 1; i < drill->seat_count; i++)
        running->offline[i] = running->options->chosen[i] && drill->seats[i].child_count == 0 &&
                              !drill->seats[i].revoked && !drill->seats[i].cut;
    enum error_code code = act_cut(drill, running->offline, true, error);
    running->apart = true;
    while (code == ERR_OK && anything_apart(running)) {
        size_t before = running->result->acknowledged + running->result->steps;
        code = run_rounds(running, 0, error);
        if (before == running->result->acknowledged + running->result->steps &&
            tick_now_ms() - running->moved_ms >= running->options->patience_ms)
            break;
    }
    running->apart = false;
    if (code == ERR_OK)
        code = act_cut(drill, running->offline, false, error);
    return code;
}

static enum error_code open_lines(const struct drill *drill, const char *name, int *file,
                                  struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = drill_file_path(drill, name, path, error);
    if (code != ERR_OK)
        return code;
    *file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return *file < 0 ? file_error(error, path, "opening") : ERR_OK;
}

static void begin_going(struct running *running, struct matter *matters, size_t count)
{
    running->going = mem_alloc(count * sizeof *running->going);
    running->going_count = count;
    for (size_t i = 0; i < count; i++) {
        running->going[i].matter = matters[i];
        queue_add(&running->queues[matters[i].origin], (uint32_t)i);
    }
}

static void count_left(struct running *running)
{
    struct load_result *result = running->result;
    for (size_t i = 0; i < running->profile.drill->seat_count; i++) {
        result->unsent += running->queues[i].count;
        result->unreached[i] = running->queues[i].count != 0;
        free(running->queues[i].at);
    }
    if (result->unsent != 0)
        result->why_unsent = running->last;
}

static enum error_code run_all(struct running *running, struct drill *drill, struct error *error)
{
    enum error_code code = open_lines(drill, "acknowledged.ndjson", &running->file, error);
    if (code == ERR_OK)
        code = open_lines(drill, "steps.ndjson", &running->steps_file, error);
    if (code == ERR_OK && running->profile.kind == PROFILE_WEEK_OFFLINE)
        code = run_offline(running, drill, error);
    if (code == ERR_OK)
        code = run_rounds(running, running->options->patience_ms, error);
    return code;
}

enum error_code profile_run(struct drill *drill, const struct schema *schema,
                            enum profile_kind kind, const struct load_options *options,
                            struct load_result *result, struct error *error)
{
    uint64_t started_ms = tick_now_ms();
    struct running running = {.options = options,
                              .result = result,
                              .profile = {drill, schema, kind, options->seed, wall_now_ms()},
                              .file = -1,
                              .steps_file = -1};
    size_t count;
    struct matter *matters =
        profile_plan(&running.profile, options->chosen, options->records, &count, error);
    if (matters == NULL)
        return error->code;
    result->by_seat = mem_alloc(drill->seat_count * sizeof *result->by_seat);
    result->unreached = mem_alloc(drill->seat_count * sizeof *result->unreached);
    running.queues = mem_alloc(drill->seat_count * sizeof *running.queues);
    running.offline = mem_alloc(drill->seat_count * sizeof *running.offline);
    begin_going(&running, matters, count);
    random_bytes(&running.nonce, sizeof running.nonce);
    progress_begin(&running.progress, "matters through", count, options->quiet);
    enum error_code code = run_all(&running, drill, error);
    progress_end(&running.progress);
    count_left(&running);
    result->duration_ms = tick_now_ms() - started_ms;
    if (running.file >= 0)
        close(running.file);
    if (running.steps_file >= 0)
        close(running.steps_file);
    free(running.offline);
    free(running.queues);
    free(running.going);
    free(matters);
    return code;
}
