/* The doctor's look at what a running node says of itself. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/doctor.h"
#include "cli/print.h"
#include "cli/value.h"

enum { UPLINK_PATIENCE_MS = 60 * 1000, NAMES_SHOWN = 8 };

/* What an alarm's words begin with, and what is to be done. Others speak for themselves. */
static const struct {
    const char *begins, *next;
} remedies[] = {
    {"the signed tree does not list this seat",
     "have the seat above sign this node in, and put the documents into documents/"},
    {"the signed documents have expired", "have the admins sign them anew"},
    {"signed documents contradict", "show the admins of the seats above the node's log"},
    {"commits failed", "make room on the disk, or raise store.map_mib; then start the node again"},
    {"the store is nearly full", "raise store.map_mib in node.yaml, start the node again"},
    {"damaged or forged data", "`terrace quarantine` says whose it is and who must act"},
    {"the disk has failed", "look at the disk and the system's log, then `terrace verify`"},
    {"the last check found",
     "`terrace verify` names what is damaged; stopped, `terrace verify --repair` makes a new store "
     "of what proves itself, the rest is fetched again"},
    {"the figures that ",
     "ask the people of that seat whether its machine hears the signed documents; what its figures "
     "stand on is told by `terrace rollup records` here"},
    {"two machines", "find the second machine that has this key and stop it; the seat above signs "
                     "a new key for it"},
};

static const char *remedy_of(const char *alarm)
{
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++) {
        if (strncmp(alarm, remedies[i].begins, strlen(remedies[i].begins)) == 0)
            return remedies[i].next;
    }
    return "see the node's log";
}

static void look_at_alarms(struct doctor *doctor, const json_t *status)
{
    size_t index = 0;
    json_t *alarm = NULL;
    json_array_foreach(json_object_get(status, "alarms"), index, alarm)
    {
        const char *text = json_string_value(alarm);
        doctor_problem(doctor, text, "the node raises this alarm", remedy_of(text));
    }
}

static void uplink_is_down(struct doctor *doctor, const json_t *uplink, const char *since)
{
    char what[200], why[240];
    unsigned long long tries = json_number(uplink, "tries");
    /* one that was answered may have met a node that was just ending */
    bool answered = 2 * json_number(uplink, "answered") > tries;
    snprintf(what, sizeof what, "no link to the seat above, %s, for %s", json_text(uplink, "seat"),
             since);
    if (answered) {
        snprintf(why, sizeof why,
                 "%s answers and the handshake fails: another tree or secret, or "
                 "a key that the tree there doesn't name, or that was revoked",
                 json_text(uplink, "url"));
        doctor_problem(
            doctor, what, why,
            "ask the seat above what its `terrace topology show` says of this seat; compare "
            "keys/tree.secret and the link key in request.yaml with what it has signed "
            "in; what is written here waits and is not lost");
        return;
    }
    snprintf(why, sizeof why, "%llu attempts at %s got no answer", tries, json_text(uplink, "url"));
    doctor_problem(doctor, what, why,
                   "look at the network, and whether the node above runs and listens there; what "
                   "is written here waits and is not lost");
}

static void look_at_uplink(struct doctor *doctor, const json_t *status)
{
    const json_t *uplink = json_object_get(status, "uplink");
    const char *state = json_text(uplink, "state");
    uint64_t since_ms = json_number(uplink, "since_ms");
    char since[32], what[200];
    duration_text(since_ms, since);
    if (strcmp(state, "over fallback") == 0) {
        snprintf(what, sizeof what, "no link to the seat above; over fallback %s for %s",
                 json_text(uplink, "over"), since);
        doctor_problem(doctor, what, "what is for that seat alone waits for it",
                       "look after that seat's machine and its line");
        return;
    }
    if (strcmp(state, "cut") == 0) {
        snprintf(what, sizeof what, "the link to the seat above is cut by hand, for %s", since);
        doctor_problem(doctor, what, "somebody said so (`terrace drill cut`, verb link)",
                       "`terrace drill heal` takes it up again");
    } else if (strcmp(state, "dialling") == 0 && json_number(uplink, "tries") > 1) {
        uplink_is_down(doctor, uplink, since);
    } else if (strcmp(state, "live") != 0 && strcmp(state, "none") != 0 &&
               strcmp(state, "dialling") != 0 && strcmp(state, "no endpoint") != 0 &&
               since_ms > UPLINK_PATIENCE_MS) {
        snprintf(what, sizeof what, "the link to the seat above is up and still %s after %s", state,
                 since);
        doctor_problem(doctor, what,
                       "the two sides don't agree on the documents, or the link is "
                       "very slow",
                       "see both nodes' logs");
    }
}

static void look_at_children(struct doctor *doctor, const json_t *status)
{
    const json_t *children = json_object_get(status, "children");
    const json_t *missing = json_object_get(children, "missing");
    uint64_t expected = json_number(children, "expected"), live = json_number(children, "live");
    char what[160];
    struct buffer names = {0};
    if (live >= expected)
        return;
    for (size_t i = 0; i < json_array_size(missing) && i < NAMES_SHOWN; i++) {
        const char *name = json_string_value(json_array_get(missing, i));
        buffer_append(&names, i == 0 ? "" : ", ", i == 0 ? 0 : 2);
        buffer_append(&names, name, strlen(name));
    }
    if (expected - live > NAMES_SHOWN)
        buffer_append(&names, ", ...", 5);
    buffer_append_byte(&names, 0);
    snprintf(what, sizeof what, "%llu of %llu nodes below are not linked",
             (unsigned long long)(expected - live), (unsigned long long)expected);
    doctor_problem(doctor, what, (const char *)names.data,
                   "`terrace doctor` at each of them; what they write meanwhile waits there");
    buffer_free(&names);
}

static void look_at_aside(struct doctor *doctor, const json_t *status)
{
    char what[160];
    uint64_t waiting = json_number(status, "parked");
    if (waiting == 0)
        return;
    snprintf(what, sizeof what, "%llu %s for something that isn't here yet",
             (unsigned long long)waiting, waiting == 1 ? "entry waits" : "entries wait");
    doctor_note(doctor, what, "an operation before it, a newer schema or a newer program",
                "nothing, unless it lasts; `terrace quarantine --waiting` says for what");
}

static void look_at_epoch(struct doctor *doctor, const json_t *status)
{
    const json_t *epoch = json_object_get(status, "epoch");
    char what[160];
    if (json_text(epoch, "why")[0] == '\0')
        return;
    snprintf(what, sizeof what, "the node writes in epoch %llu of its key",
             (unsigned long long)json_number(epoch, "ordinal"));
    doctor_note(doctor, what, json_text(epoch, "why"),
                "nothing, if the machine was restored or moved; else find out who did");
}

static void look_at_store_size(struct doctor *doctor, const json_t *status)
{
    const json_t *room = json_object_get(status, "room");
    uint64_t used = json_number(room, "used_bytes"), map = json_number(room, "map_bytes");
    char what[160], used_text[32], map_text[32];
    bytes_text(used, used_text);
    bytes_text(map, map_text);
    if (map == 0 || used <= map / 10 * 8 || used > map / 10 * 9)
        return; /* above that it is an alarm */
    snprintf(what, sizeof what, "the store has %s of the %s that it may have", used_text, map_text);
    doctor_note(doctor, what, "a full store takes nothing new",
                "raise store.map_mib in node.yaml and start the node again, before it is full");
}

static void look_at_clock(struct doctor *doctor, const json_t *status)
{
    uint64_t token_ms = json_number(status, "token_ms"), now_ms = wall_now_ms();
    const char *state = json_text(json_object_get(status, "uplink"), "state");
    char why[160], token[32];
    time_text(token_ms, token);
    snprintf(why, sizeof why, "the newest time signed at the root is %s", token);
    if (token_ms > now_ms + CLOCK_SUSPECT_MS)
        doctor_problem(doctor, "this machine's clock is behind", why,
                       "set the clock: what is written here is marked as suspect meanwhile");
    else if (token_ms > 0 && strcmp(state, "live") == 0 && now_ms > token_ms + CLOCK_SUSPECT_MS)
        doctor_problem(doctor, "this machine's clock is ahead, or no news come from the root", why,
                       "compare the clock with another; if it is right, look at the nodes above");
}

/* What was refused since the start: worth knowing, and mostly somebody else's fault. */
static void look_at_refused(struct doctor *doctor, const json_t *status)
{
    const char *key = NULL;
    json_t *value = NULL;
    struct buffer text = {0};
    json_object_foreach(json_object_get(status, "refused"), key, value)
    {
        char one[64];
        if (json_integer_value(value) == 0)
            continue;
        int size = snprintf(one, sizeof one, "%s%s %lld", text.size > 0 ? ", " : "", key,
                            (long long)json_integer_value(value));
        buffer_append(&text, one, (size_t)size);
    }
    bool any = text.size > 0;
    buffer_append_byte(&text, 0);
    if (any)
        doctor_note(doctor, "something was refused since the node started", (const char *)text.data,
                    "nothing, unless it rises: unknown_key and handshake are strangers or nodes "
                    "not signed in, forged and not_allowed a node that does what it may not");
    buffer_free(&text);
}

void doctor_status(struct doctor *doctor, const json_t *status)
{
    look_at_alarms(doctor, status);
    look_at_uplink(doctor, status);
    look_at_children(doctor, status);
    look_at_clock(doctor, status);
    look_at_store_size(doctor, status);
    look_at_aside(doctor, status);
    look_at_epoch(doctor, status);
    look_at_refused(doctor, status);
}
