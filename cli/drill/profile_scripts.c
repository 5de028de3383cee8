/* What becomes of each matter, act by act. */
#include "cli/drill/profile_scripts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/drill/profile_words.h"

static const uint64_t day_ms = UINT64_C(86400000);

static struct script_act *add(struct script *script, enum script_verb verb, size_t seat,
                              const char *step, const char *state, json_t *fields)
{
    assert(script->count < SCRIPT_ACTS_MAX && fields != NULL);
    struct script_act *act = &script->acts[script->count++];
    *act = (struct script_act){.verb = verb,
                               .seat = seat,
                               .step = step,
                               .state = state,
                               .fields = fields,
                               .to = DRILL_NO_SEAT,
                               .joins = DRILL_NO_SEAT};
    return act;
}

static bool chance(struct around *around, unsigned percent)
{
    return words_below(&around->state, 100) < percent;
}

static const char *word(struct around *around, enum words list)
{
    return words_one(&around->state, list);
}

/* Some time of the profile's. */
static json_int_t some_time(struct around *around)
{
    static const unsigned spans[PROFILE_COUNT] = {1, 7, 365};
    uint64_t span = spans[around->profile->kind] * day_ms;
    return (json_int_t)(around->profile->now_ms - words_draw(&around->state) % span);
}

static void date_of(uint64_t ms, bool with_day, char text[static 16])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    if (with_day)
        strftime(text, 16, "%Y-%m-%d", &parts);
    else
        strftime(text, 16, "%Y-%m", &parts);
}

/* "石堤镇三组老桥头院墙滴水" */
static json_t *title(struct around *around, enum words list)
{
    char text[256];
    snprintf(text, sizeof text, "%.100s%s%s", around->drill->seats[around->origin].name,
             word(around, WORDS_PLACE), word(around, list));
    return json_string(text);
}

static json_t *choice(struct around *around, const char *const *choices, unsigned count)
{
    return json_string(choices[words_below(&around->state, count)]);
}

#define CHOICE(around, ...)                                                                        \
    choice(around, (const char *const[]){__VA_ARGS__},                                             \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void give(json_t *fields, struct around *around, enum words list, const char *name)
{
    json_object_set_new(fields, name, json_string(word(around, list)));
}

static json_t *with(struct around *around, enum words list, const char *name)
{
    json_t *fields = json_object();
    give(fields, around, list, name);
    return fields;
}

static json_t *note(struct around *around, enum words list, const char *name)
{
    return json_pack("{s:[s]}", name, word(around, list));
}

/* Whom it is about, as far as people have said: private fields. */
static void give_phone(struct around *around, json_t *fields)
{
    char phone[16];
    snprintf(phone, sizeof phone, "138%08u", words_below(&around->state, 100000000));
    json_object_set_new(fields, "phone", json_string(phone));
}

/* ---- mediation: 3-2-1 ---- */

static json_t *attempt(struct around *around)
{
    static const char *const outcomes[] = {"未达成", "部分达成", "未到场"};
    char date[16], text[160];
    date_of((uint64_t)some_time(around), true, date);
    snprintf(text, sizeof text, "%s %s：%s", date, outcomes[words_below(&around->state, 3)],
             word(around, WORDS_TALK));
    return json_pack("{s:[s]}", "attempts", text);
}

static void settle(struct around *around, struct script *script, size_t seat)
{
    json_t *fields = with(around, WORDS_DONE, "agreement");
    json_object_set_new(fields, "settled", json_integer(some_time(around)));
    add(script, SCRIPT_DO, seat, "settle", "settled", fields);
}

static void escalate(struct around *around, struct script *script)
{
    add(script, SCRIPT_DO, around->origin, "escalate", "township", json_object())->joins =
        around->parent;
    for (unsigned i = words_below(&around->state, 2) + 1; i > 0; i--)
        add(script, SCRIPT_DO, around->parent, "attempt_township", "township", attempt(around));
    if (!around_is_tier(around, around->grandparent, "county") || chance(around, 75)) {
        settle(around, script, around->parent);
        return;
    }
    add(script, SCRIPT_DO, around->parent, "escalate_county", "county", json_object())->joins =
        around->grandparent;
    add(script, SCRIPT_DO, around->grandparent, "attempt_county", "county", attempt(around));
    if (chance(around, 60))
        settle(around, script, around->grandparent);
    else
        add(script, SCRIPT_DO, around->grandparent, "refer", "referred", json_object());
}

void write_mediation(struct around *around, struct script *script)
{
    json_t *fields = json_object();
    json_object_set_new(fields, "title", title(around, WORDS_QUARREL));
    json_object_set_new(fields, "cause", CHOICE(around, "neighbour", "land", "wages", "family"));
    json_object_set_new(fields, "people", json_integer(2 + words_below(&around->state, 6)));
    json_object_set_new(fields, "begun", json_integer(some_time(around)));
    give(fields, around, WORDS_PLACE, "place");
    if (chance(around, 70)) {
        const char *one = word(around, WORDS_PERSON);
        json_object_set_new(fields, "parties", json_pack("[s,s]", one, word(around, WORDS_PERSON)));
        give_phone(around, fields);
    }
    add(script, SCRIPT_PUT, around->origin, NULL, "open", fields);
    for (unsigned i = words_below(&around->state, 3) + 1; i > 0; i--)
        add(script, SCRIPT_DO, around->origin, "attempt", "open", attempt(around));
    unsigned end = words_below(&around->state, 100);
    if (end < 5)
        return; /* goes on tomorrow */
    if (end < 9)
        add(script, SCRIPT_DO, around->origin, "withdraw", "withdrawn", json_object());
    else if (end < 28 && around_is_tier(around, around->parent, "township"))
        escalate(around, script);
    else
        settle(around, script, around->origin);
}

/* ---- incident: a closed loop ---- */

/* Where it ends: most are closed, some are still on their way. */
static void cut_short(struct around *around, struct script *script)
{
    size_t keep = script->count;
    if (chance(around, 25))
        keep = 1 + words_below(&around->state, (unsigned)script->count);
    for (size_t i = keep; i < script->count; i++)
        json_decref(script->acts[i].fields);
    script->count = keep < script->count ? keep : script->count;
}

static void dispatch(struct around *around, struct script *script, size_t by, size_t to)
{
    struct script_act *act = add(script, SCRIPT_DO, by, "dispatch", "dispatched", json_object());
    act->to = act->joins = to;
    json_object_set_new(act->fields, "department", json_string(around->drill->seats[to].code));
}

void write_incident(struct around *around, struct script *script)
{
    json_t *fields = json_object();
    bool is_root = around->parent == DRILL_NO_SEAT;
    size_t head = is_root ? around->origin : around->parent, hand = head;
    json_object_set_new(fields, "title", title(around, WORDS_HAZARD));
    json_object_set_new(fields, "cause", CHOICE(around, "flood", "landslide", "road", "water"));
    json_object_set_new(fields, "level", json_integer(1 + words_below(&around->state, 4)));
    json_object_set_new(fields, "happened", json_integer(some_time(around)));
    give(fields, around, WORDS_PLACE, "place");
    if (chance(around, 30)) {
        give(fields, around, WORDS_PERSON, "reporter");
        give_phone(around, fields);
    }
    add(script, SCRIPT_PUT, around->origin, NULL, "reported", fields);
    if (chance(around, 6)) {
        add(script, SCRIPT_DO, head, "dismiss", "closed", with(around, WORDS_WHY, "result"));
        return;
    }
    add(script, SCRIPT_DO, head, "accept", "accepted", json_object());
    size_t department = chance(around, 50) ? around_one_of(around, "department") : DRILL_NO_SEAT;
    size_t to = department != DRILL_NO_SEAT && department != head ? department
                : is_root                                         ? around_child(around)
                                                                  : DRILL_NO_SEAT;
    if (to != DRILL_NO_SEAT) {
        dispatch(around, script, head, to);
        hand = to;
    }
    add(script, SCRIPT_DO, hand, "handle", "handled", with(around, WORDS_DONE, "result"));
    if (chance(around, 10)) {
        add(script, SCRIPT_DO, head, "return", "accepted", note(around, WORDS_WHY, "notes"));
        add(script, SCRIPT_DO, hand, "handle", "handled", with(around, WORDS_DONE, "result"));
    }
    add(script, SCRIPT_DO, head, "verify", "verified", json_object());
    add(script, SCRIPT_DO, head, "close", "closed", json_object());
    cut_short(around, script);
}

/* ---- request: at once, on behalf, forwarded ---- */

static void finish(struct around *around, struct script *script, size_t seat, const char *step)
{
    add(script, SCRIPT_DO, seat, step, "done", with(around, WORDS_DONE, "result"));
}

static void rate(struct around *around, struct script *script)
{
    unsigned rating = 5 - words_below(&around->state, 100) / 40;
    if (chance(around, 4)) {
        add(script, SCRIPT_DO, around->origin, "reopen", "on_behalf",
            with(around, WORDS_WHY, "remark"));
        finish(around, script, around->origin, "finish");
    }
    if (chance(around, 85))
        add(script, SCRIPT_DO, around->origin, "rate", "rated",
            json_pack("{s:i}", "rating", (int)rating));
}

void write_request(struct around *around, struct script *script)
{
    unsigned way = words_below(&around->state, 100);
    size_t department = around_one_of(around, "department");
    json_t *fields = json_object();
    json_object_set_new(fields, "title", title(around, WORDS_SERVICE));
    give(fields, around, WORDS_SERVICE, "text");
    if (chance(around, 80)) {
        give(fields, around, WORDS_PERSON, "applicant");
        give_phone(around, fields);
    }
    add(script, SCRIPT_PUT, around->origin, NULL, "received", fields);
    if (way >= 94 && department != DRILL_NO_SEAT) {
        struct script_act *act =
            add(script, SCRIPT_DO, around->origin, "forward_to", "forwarded", json_object());
        act->to = act->joins = department;
        finish(around, script, department, "finish");
    } else if (way >= 82 && around->parent != DRILL_NO_SEAT) {
        add(script, SCRIPT_DO, around->origin, "forward", "forwarded", json_object())->joins =
            around->parent;
        finish(around, script, around->parent, "finish");
    } else if (way >= 60) {
        add(script, SCRIPT_DO, around->origin, "take_on", "on_behalf", json_object());
        finish(around, script, around->origin, "finish");
    } else {
        finish(around, script, around->origin, "do_at_once");
    }
    rate(around, script);
}

/* ---- matter, whistle: between two seats ---- */

static size_t somebody(struct around *around)
{
    size_t to = around_one_of(around, "department");
    if (to == DRILL_NO_SEAT || chance(around, 50)) {
        size_t township = around_one_of(around, "township");
        to = township != DRILL_NO_SEAT ? township : to;
    }
    if (to == DRILL_NO_SEAT)
        to = around->parent != DRILL_NO_SEAT ? around->parent : around_child(around);
    return to;
}

void write_matter(struct around *around, struct script *script)
{
    size_t to = somebody(around);
    json_t *fields = json_object();
    if (to == DRILL_NO_SEAT)
        to = around->origin;
    json_object_set_new(fields, "title", title(around, WORDS_TASK));
    give(fields, around, WORDS_ORDER, "text");
    json_object_set_new(fields, "due", json_integer(some_time(around) + (json_int_t)day_ms));
    add(script, SCRIPT_PUT, around->origin, NULL, "handed", fields)->to = to;
    if (chance(around, 8)) {
        add(script, SCRIPT_DO, to, "return", "returned", note(around, WORDS_WHY, "notes"));
        add(script, SCRIPT_DO, around->origin, "close", "closed", json_object());
        return;
    }
    add(script, SCRIPT_DO, to, "accept", "accepted", json_object());
    add(script, SCRIPT_DO, to, "handle", "handled", with(around, WORDS_DONE, "result"));
    add(script, SCRIPT_DO, around->origin, "close", "closed",
        json_pack("{s:i}", "rating", (int)(3 + words_below(&around->state, 3))));
    cut_short(around, script);
}

void write_whistle(struct around *around, struct script *script)
{
    size_t to = somebody(around);
    json_t *fields = json_object();
    if (to == DRILL_NO_SEAT)
        to = around->origin;
    json_object_set_new(fields, "title", title(around, WORDS_HAZARD));
    json_object_set_new(fields, "level", json_integer(1 + words_below(&around->state, 4)));
    give(fields, around, WORDS_PLACE, "place");
    add(script, SCRIPT_PUT, around->origin, NULL, "called", fields)->to = to;
    add(script, SCRIPT_DO, to, "report_in", "arrived",
        json_pack("{s:I}", "arrived", some_time(around)));
    add(script, SCRIPT_DO, around->origin, "settle", "settled", json_object());
}

/* ---- directive, and who has read it ---- */

static bool stands_below(const struct drill *drill, size_t seat, size_t above)
{
    return seat != above && drill_above_or_same(drill, above, seat);
}

void write_directive(struct around *around, struct script *script)
{
    size_t count = around->drill->seat_count, receipts = 0;
    json_t *fields = json_object();
    json_object_set_new(fields, "title", title(around, WORDS_ORDER));
    json_object_set_new(fields, "kind", CHOICE(around, "order", "notice", "warning"));
    json_object_set_new(fields, "level", json_integer(1 + words_below(&around->state, 4)));
    json_object_set_new(fields, "effective", json_integer(some_time(around)));
    json_object_set_new(fields, "answer_wanted", json_true());
    give(fields, around, WORDS_ORDER, "text");
    add(script, SCRIPT_PUT, around->origin, NULL, NULL, fields);
    size_t from = words_draw(&around->state) % count;
    for (size_t i = 0; i < count && receipts < 5; i++) {
        size_t seat = (from + i) % count;
        if (!stands_below(around->drill, seat, around->origin) ||
            around->drill->seats[seat].revoked)
            continue;
        add(script, SCRIPT_RECEIPT, seat, NULL, NULL, json_object());
        receipts++;
    }
}

/* ---- what is told once ---- */

static void write_item(struct around *around, struct script *script, json_t *done_at)
{
    char code[32];
    json_t *fields = json_object();
    snprintf(code, sizeof code, "4331-%04u", words_below(&around->state, 10000));
    give(fields, around, WORDS_SERVICE, "title");
    json_object_set_new(fields, "code", json_string(code));
    json_object_set_new(fields, "days", json_integer(words_below(&around->state, 21)));
    json_object_set_new(fields, "papers", json_pack("[s,s]", "身份证", "申请表"));
    if (done_at != NULL)
        json_object_set_new(fields, "done_at", done_at);
    add(script, SCRIPT_PUT, around->origin, NULL, NULL, fields);
}

void write_service(struct around *around, struct script *script)
{
    write_item(around, script, CHOICE(around, "township", "township", "township", "village"));
}

void write_county_service(struct around *around, struct script *script)
{
    write_item(around, script, NULL);
}

void write_report(struct around *around, struct script *script)
{
    char period[16], value[32];
    json_t *fields = json_object();
    date_of((uint64_t)some_time(around), false, period);
    snprintf(value, sizeof value, "%u.%02u", words_below(&around->state, 2000),
             words_below(&around->state, 100));
    json_object_set_new(fields, "serial", json_integer(1 + words_below(&around->state, 28)));
    json_object_set_new(fields, "period", json_string(period));
    json_object_set_new(fields, "value", json_string(value));
    json_object_set_new(fields, "by_hand", json_boolean(chance(around, 60)));
    add(script, SCRIPT_PUT, around->origin, NULL, NULL, fields);
}

/* In tenths. */
static json_t *marks(unsigned tenths)
{
    char text[16];
    snprintf(text, sizeof text, "%u.%u", tenths / 10, tenths % 10);
    return json_string(text);
}

void write_assessment(struct around *around, struct script *script)
{
    unsigned given[4];
    char period[16];
    json_t *fields = json_object();
    for (unsigned i = 0; i < 4; i++)
        given[i] = 500 + words_below(&around->state, 501);
    date_of((uint64_t)some_time(around), false, period);
    json_object_set_new(fields, "title", title(around, WORDS_TASK));
    json_object_set_new(fields, "period", json_string(period));
    json_object_set_new(fields, "village", marks(given[0]));
    json_object_set_new(fields, "subject", json_string(around->drill->seats[around->origin].code));
    add(script, SCRIPT_PUT, around->origin, NULL, "open", fields);
    if (!around_is_tier(around, around->grandparent, "county"))
        return;
    add(script, SCRIPT_SET, around->parent, NULL, "open",
        json_pack("{s:o,s:o}", "station", marks(given[1]), "township", marks(given[2])));
    add(script, SCRIPT_DO, around->grandparent, "grade", "graded",
        json_pack("{s:o}", "county", marks(given[3])));
    if (chance(around, 80))
        add(script, SCRIPT_DO, around->grandparent, "confirm", "confirmed", json_object());
}

void write_zero(struct around *around, struct script *script)
{
    json_t *fields = json_object();
    json_object_set_new(fields, "title", title(around, WORDS_GRAVE));
    json_object_set_new(fields, "kind", CHOICE(around, "death", "work", "fire", "food", "crowd"));
    json_object_set_new(fields, "happened", json_integer(some_time(around)));
    json_object_set_new(fields, "people", json_integer(words_below(&around->state, 12)));
    add(script, SCRIPT_PUT, around->origin, NULL, "raised", fields);
    if (chance(around, 50))
        add(script, SCRIPT_DO, 0, "close", "closed", note(around, WORDS_DONE, "notes"));
}

void write_equipment(struct around *around, struct script *script)
{
    json_t *fields = json_object();
    char serial[32];
    snprintf(serial, sizeof serial, "SN%08u", words_below(&around->state, 100000000));
    json_object_set_new(fields, "title", title(around, WORDS_EQUIPMENT));
    json_object_set_new(fields, "kind", CHOICE(around, "public_point", "household", "broadcast"));
    json_object_set_new(fields, "serial", json_string(serial));
    json_object_set_new(fields, "online", json_true());
    json_object_set_new(fields, "since", json_integer(some_time(around)));
    add(script, SCRIPT_PUT, around->origin, NULL, NULL, fields);
    if (chance(around, 20))
        add(script, SCRIPT_SET, around->origin, NULL, NULL,
            json_pack("{s:b,s:I}", "online", 0, "since", some_time(around)));
}

void write_health(struct around *around, struct script *script)
{
    json_t *fields = json_object();
    json_object_set_new(fields, "kind", CHOICE(around, "public_point", "household"));
    json_object_set_new(fields, "online", json_integer(20 + words_below(&around->state, 500)));
    json_object_set_new(fields, "offline", json_integer(words_below(&around->state, 20)));
    json_object_set_new(fields, "as_of", json_integer(some_time(around)));
    add(script, SCRIPT_PUT, around->origin, NULL, NULL, fields);
}
