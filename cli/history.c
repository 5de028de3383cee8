/* terrace history TYPE ID: where a record is and how it got there, as far as this node knows.
 *
 * What stands between an operation's author and here has passed it on, so it holds it; the next hop
 * has acknowledged it, or says why not yet; what is beyond is known there. */
#include <stdlib.h>
#include <string.h>

#include "cli/record.h"

struct history {
    json_t *answer; /* the node's, owned */
    const json_t *record, *hops, *uplink;
    const char *here;
};

/* What the next hop `seat` is known to hold of a stream; NULL: no link to it has compared yet. */
static const json_t *hop_of(const struct history *history, const char *seat, uint64_t path)
{
    for (size_t i = 0; i < json_array_size(history->hops); i++) {
        const json_t *hop = json_array_get(history->hops, i);
        if (json_number(hop, "path") == path && strcmp(json_text(hop, "seat"), seat) == 0)
            return hop;
    }
    return NULL;
}

/* Why nothing is known of a hop: its link. */
static void say_link(const struct history *history, const char *seat, char why[static 256])
{
    char since[32];
    if (strcmp(seat, json_text(history->uplink, "seat")) != 0) {
        snprintf(why, 256, "waits at %s: %s below it is not linked", history->here, seat);
        return;
    }
    duration_text(json_number(history->uplink, "since_ms"), since);
    const char *state = json_text(history->uplink, "state");
    snprintf(why, 256, "waits at %s: its uplink to %s is %s for %s now", history->here, seat,
             strcmp(state, "dialling") == 0 ? "down" : state, since);
}

/* "held" | "sent" | "waits" of the next hop; the sentence goes to `why`. */
static const char *state_of_hop(const struct history *history, const char *seat,
                                const json_t *operation, uint64_t mark, char why[static 256])
{
    const json_t *hop = hop_of(history, seat, json_number(operation, "path"));
    uint64_t place = json_number(operation, "place");
    if (hop == NULL && mark > place) {
        snprintf(why, 256, "acknowledged by %s before its link went down", seat);
        return "held";
    }
    if (hop == NULL) {
        say_link(history, seat, why);
        return "waits";
    }
    if (json_number(hop, "held") > place) {
        snprintf(why, 256, "acknowledged by %s", seat);
        return "held";
    }
    if (json_number(hop, "sent") > place) {
        snprintf(why, 256, "sent to %s, which has not acknowledged it yet", seat);
        return "sent";
    }
    snprintf(why, 256, "waits at %s to be sent to %s: what is more urgent or older goes first",
             history->here, seat);
    return "waits";
}

static void judge_member(const struct history *history, const json_t *operation, json_t *member)
{
    const char *relation = json_text(member, "relation"), *by = json_text(member, "by");
    const char *state = "held";
    char why[256] = "";
    if (strcmp(relation, "wrote") == 0) {
        snprintf(why, sizeof why, "wrote it");
    } else if (strcmp(relation, "carried") == 0) {
        snprintf(why, sizeof why, "brought it to those who joined, with its proof");
    } else if (strcmp(relation, "passed") == 0) {
        snprintf(why, sizeof why, "passed it on");
    } else if (strcmp(relation, "here") == 0) {
        snprintf(why, sizeof why, "this node");
    } else if (strcmp(relation, "next") == 0) {
        state = state_of_hop(history, by, operation, json_number(member, "mark"), why);
    } else if (strcmp(relation, "keeps") == 0) {
        state = state_of_hop(history, by, operation, json_number(member, "mark"), why);
        if (strcmp(state, "held") == 0) {
            state = "sealed";
            snprintf(why, sizeof why, "keeps a copy that only the seat that wrote it can read");
        }
    } else if (strcmp(relation, "beyond") == 0) {
        state = state_of_hop(history, by, operation, json_number(member, "mark"), why);
        if (strcmp(state, "held") == 0) {
            state = "unknown";
            snprintf(why, sizeof why,
                     "%s has it and passes it on; `terrace history` there says more", by);
        }
    } else {
        state = "unknown";
        snprintf(why, sizeof why, "not known here");
    }
    json_object_set_new(member, "state", json_string(state));
    json_object_set_new(member, "why", json_string(why));
    json_object_del(member, "relation");
    json_object_del(member, "by");
    json_object_del(member, "mark");
}

static void judge(const struct history *history)
{
    size_t index = 0, place = 0;
    json_t *operation = NULL, *member = NULL;
    json_array_foreach(json_object_get(history->record, "operations"), index, operation)
    {
        json_array_foreach(json_object_get(operation, "members"), place, member)
        {
            judge_member(history, operation, member);
        }
        json_object_del(operation, "path");
    }
}

static void print_endorsement(const json_t *operation)
{
    unsigned long long count = json_number(operation, "endorses");
    char *reason = text_shown(span_of_text(json_text(operation, "reason")), 0);
    if (count > 0)
        printf("  writes again what %llu %s behind a cut-off said%s%s\n", count,
               count == 1 ? "entry" : "entries", reason[0] == '\0' ? "" : ": ", reason);
    free(reason);
}

static void print_operation(const json_t *operation)
{
    char when[32];
    size_t index = 0;
    json_t *member = NULL;
    time_text(json_number(operation, "clock"), when);
    const char *step = json_text(operation, "step");
    printf("%s%s%s%s by %s %s, %s%s (epoch %llu, stream %llu, place %llu)\n",
           json_flag(operation, "private") ? "private fields " : "", json_text(operation, "change"),
           step[0] == '\0' ? "" : ": ", step, json_text(operation, "seat"),
           json_text(operation, "name"), when,
           json_flag(operation, "clock_suspect") ? ", a clock that is off" : "",
           (unsigned long long)json_number(operation, "epoch"),
           (unsigned long long)json_number(operation, "stream"),
           (unsigned long long)json_number(operation, "place"));
    if (json_text(operation, "carried_by")[0] != '\0')
        printf("  came with its proof from %s, who let this seat hold the record\n",
               json_text(operation, "carried_by"));
    print_endorsement(operation);
    json_array_foreach(json_object_get(operation, "members"), index, member)
    {
        printf("  %-8s %s %s: %s\n", json_text(member, "state"), json_text(member, "seat"),
               json_text(member, "name"), json_text(member, "why"));
    }
}

static void print_aside(const json_t *rows)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
    {
        printf("%s here: by %s %s (stream %llu, place %llu): %s\n", json_text(row, "kind"),
               json_text(row, "seat"), json_text(row, "name"),
               (unsigned long long)json_number(row, "stream"),
               (unsigned long long)json_number(row, "place"), json_text(row, "reason"));
    }
}

static void print_history(const struct history *history)
{
    size_t index = 0;
    json_t *operation = NULL, *joined = NULL;
    const char *circle = json_text(history->record, "circle");
    printf("%s %s, seen from %s; its circle: %s", json_text(history->record, "type"),
           json_text(history->record, "id"), history->here,
           strcmp(circle, "origin") == 0 ? "its author's seat alone"
           : strcmp(circle, "path") == 0 ? "the seats from its author up to the root"
                                         : "its author's whole subtree");
    json_array_foreach(json_object_get(history->record, "joined"), index, joined)
        printf("%s %s", index == 0 ? "; joined by" : ",", json_string_value(joined));
    putchar('\n');
    json_array_foreach(json_object_get(history->record, "operations"), index, operation)
        print_operation(operation);
    print_aside(json_object_get(history->record, "aside"));
    if (json_number(history->record, "past_days") > 0)
        printf("closed and untouched for more than %llu days: lists leave it out (terrace list %s "
               "--past)\n",
               (unsigned long long)json_number(history->record, "past_days"),
               json_text(history->record, "type"));
    if (strcmp(circle, "subtree") == 0)
        printf("who else has it: terrace rollup received --by %s\n",
               json_text(history->record, "id"));
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct buffer args = {0};
    struct history history = {0};
    mp_write_map(&args, 2);
    args_text(&args, "type", arguments->words[0]);
    args_text(&args, "id", arguments->words[1]);
    history.answer = ask_node(arguments, "history", &args, error);
    buffer_free(&args);
    if (history.answer == NULL)
        return EXIT_FAILED;
    history.record = json_object_get(history.answer, "history");
    history.hops = json_object_get(history.answer, "hops");
    history.uplink = json_object_get(history.answer, "uplink");
    history.here = json_text(history.record, "here");
    judge(&history);
    if (arguments->json)
        print_json(json_incref((json_t *)(uintptr_t)history.record));
    else
        print_history(&history);
    json_decref(history.answer);
    return EXIT_DONE;
}

const struct command command_history = {
    .name = "history",
    .usage = "TYPE ID",
    .summary = "where a record is and how it got there: who wrote, who holds it, or why not yet",
    .detail =
        "Every operation with its author, time and place, and for each member of its circle: "
        "held,\n"
        "sent (not acknowledged yet), waits (where, and why), or unknown here: the next hop that\n"
        "has it knows more. What has no effect or waits for something is named with the reason.",
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
