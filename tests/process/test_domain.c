/* What a county records, row by row of its table, on real nodes through the program's commands, and
 * cut where it hurts: a case escalated while its village writes on the other side, two tiers acting
 * at once, a department behind a county that is down.
 *
 *     test_domain TERRACE                       five nodes
 *     test_domain TERRACE CSV C D T V           all seats of this table; C, D, T and V of it play
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/value.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char table[] = "code,name,tier,parent\n"
                            "C,永顺县,county,\n"
                            "D,应急管理局,department,C\n"
                            "T,石堤镇,township,C\n"
                            "V,大明村,village,T\n"
                            "W,团结村,village,T\n";

static const char *directory;
static const char *file; /* NULL: the table above */
static const char *code_c = "C", *code_d = "D", *code_t = "T", *code_v = "V"; /* seats */
static char C[512], D[512], T[512], V[512];

#define AT(node, ...) assert_int_equal(terrace_run("-d", node, __VA_ARGS__, NULL), 0)
#define REFUSED_AT(node, ...) assert_int_not_equal(terrace_run("-d", node, __VA_ARGS__, NULL), 0)

static char *text_of(const char *path)
{
    FILE *opened = fopen(path, "rb");
    size_t size = 0, read;
    char *text = NULL;
    assert_non_null(opened);
    do {
        text = realloc(text, size + 4097);
        assert_non_null(text);
        read = fread(text + size, 1, 4096, opened);
        size += read;
    } while (read > 0);
    text[size] = '\0';
    assert_int_equal(fclose(opened), 0);
    return text;
}

/* "name=code", in one of a few buffers. */
static const char *naming(const char *name, const char *code)
{
    static char pairs[4][64];
    static unsigned next;
    char *pair = pairs[next++ % 4];
    snprintf(pair, sizeof pairs[0], "%s=%s", name, code);
    return pair;
}

static int setup(void **state)
{
    (void)state;
    char *text = file == NULL ? NULL : text_of(file);
    directory = drill_up("domain", text == NULL ? table : text);
    free(text);
    snprintf(C, sizeof C, "%s", drill_node(directory, code_c));
    snprintf(D, sizeof D, "%s", drill_node(directory, code_d));
    snprintf(T, sizeof T, "%s", drill_node(directory, code_t));
    snprintf(V, sizeof V, "%s", drill_node(directory, code_v));
    return 0;
}

static int teardown(void **state)
{
    return terrace_drill_end(state);
}

static void act(const char *what, const char *seat)
{
    drill_act(directory, what, seat);
}

struct want {
    const char *node, *type, *id, *field, *value;
};

static const char *shown(const char *node, const char *type, const char *id, const char *field)
{
    if (terrace_run("-d", node, "--json", "get", type, id, NULL) != 0)
        return "";
    return json_text(json_object_get(terrace_json(), "fields"), field);
}

static bool is_shown(const void *context)
{
    const struct want *want = context;
    return strcmp(shown(want->node, want->type, want->id, want->field), want->value) == 0;
}

static void shows(const char *node, const char *type, const char *id, const char *field,
                  const char *value)
{
    struct want want = {node, type, id, field, value};
    until(is_shown, &want, value);
}

static void in_state(const char *node, const char *type, const char *id, const char *state)
{
    shows(node, type, id, "status", state);
}

/* The id of what the last command has made, in one of a few buffers. */
static const char *made(void)
{
    static char ids[8][64];
    static unsigned next;
    char *id = ids[next++ % 8];
    snprintf(id, 33, "%s", terrace_output());
    return id;
}

struct lists {
    const char *node, *part;
};

static bool conflicts_say(const void *context)
{
    const struct lists *lists = context;
    AT(lists->node, "conflicts");
    return strstr(terrace_output(), lists->part) != NULL;
}

/* Mediation: what stays below is a count above; three attempts and no more; while the township
 * settles what was escalated, the village withdraws it on the other side of a cut. */
static void a_case_is_escalated_while_its_village_writes_on(void **state)
{
    (void)state;
    AT(V, "put", "mediation", "title=院墙滴水", "phone=13800000000");
    const char *id = made();
    for (unsigned i = 0; i < 4; i++)
        AT(V, "do", "attempt", "mediation", id, "attempts=2026-06-30 未达成：各执一词");
    AT(V, "conflicts");
    assert_non_null(strstr(terrace_output(), "surplus: attempts, place 4"));
    REFUSED_AT(V, "do", "attempt", "mediation", id, "attempts=yesterday");
    REFUSED_AT(V, "do", "attempt_township", "mediation", id, "attempts=2026-07-01 未达成");
    AT(V, "do", "escalate", "mediation", id);
    in_state(T, "mediation", id, "township");
    shows(T, "mediation", id, "phone", "13800000000"); /* whoever settles it must call */
    act("cut", code_v);
    AT(V, "do", "withdraw", "mediation", id);
    AT(V, "add", "mediation", id, "attempts", "2026-07-02 未到场");
    AT(T, "do", "attempt_township", "mediation", id, "attempts=2026-07-02 部分达成");
    AT(T, "do", "settle", "mediation", id, "agreement=各让一尺");
    act("heal", code_v);
    in_state(V, "mediation", id, "settled");
    struct lists lists = {V, "void: the step withdraw"};
    until(conflicts_say, &lists, "the village is told that its step is void");
    shows(V, "mediation", id, "agreement", "各让一尺");
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(terrace_json(), "fields"), "attempts")), 6);
    assert_false(node_has(C, "mediation", id));
}

/* Incident: the county sends it back while the township, cut off, takes it as done. */
static void two_tiers_act_at_once(void **state)
{
    (void)state;
    AT(V, "put", "incident", "title=桥面开裂", "level=2", "reporter=彭大山");
    const char *id = made();
    in_state(T, "incident", id, "reported");
    assert_string_equal(shown(V, "incident", id, "reporter"), "彭大山");
    assert_string_equal(shown(T, "incident", id, "reporter"), "");
    AT(T, "do", "accept", "incident", id);
    AT(T, "do", "handle", "incident", id, "result=已封闭半幅");
    in_state(C, "incident", id, "handled");
    act("cut", code_t);
    AT(T, "do", "verify", "incident", id);
    AT(T, "do", "close", "incident", id);
    AT(C, "do", "return", "incident", id, "notes=照片与地点不符");
    act("heal", code_t);
    in_state(T, "incident", id, "accepted");
    in_state(V, "incident", id, "accepted");
    in_state(C, "incident", id, "accepted");
    struct lists lists = {T, "void: the step close"};
    until(conflicts_say, &lists, "the township is told that its steps are void");
    AT(T, "do", "handle", "incident", id, "result=已加固");
    in_state(C, "incident", id, "handled");
    AT(C, "do", "verify", "incident", id);
    AT(C, "do", "close", "incident", id);
    in_state(V, "incident", id, "closed");
    REFUSED_AT(V, "set", "incident", id, "status=reported");
}

/* The county's process is down; the township dispatches to the department behind it all the same.
 */
static void a_department_behind_a_county_that_is_down(void **state)
{
    (void)state;
    AT(V, "put", "incident", "title=边坡掉块", "cause=landslide");
    const char *id = made();
    in_state(T, "incident", id, "reported");
    node_gets(C, "incident", id);
    act("kill", code_c);
    AT(T, "do", "accept", "incident", id);
    AT(T, "do", "dispatch", "incident", id, "--to", code_d, naming("department", code_d));
    AT(V, "add", "incident", id, "notes", "仍在掉块");
    assert_false(node_has(D, "incident", id));
    act("start", code_c);
    in_state(D, "incident", id, "dispatched");
    AT(D, "do", "handle", "incident", id, "result=已设警示并清方");
    in_state(V, "incident", id, "handled");
    AT(V, "do", "verify", "incident", id);
    in_state(D, "incident", id, "verified");
}

static bool receipt_is_there(const void *context)
{
    return terrace_run("-d", context, "list", "receipt", NULL) == 0 &&
           strstr(terrace_output(), "大明村已阅") != NULL;
}

/* Directive: who hasn't it yet is told by name; who has read it says so. */
static void a_warning_and_its_receipts(void **state)
{
    (void)state;
    char directive[64];
    act("cut", code_v);
    AT(C, "put", "directive", "title=暴雨红色预警", "kind=warning", "level=1",
       "answer_wanted=true");
    const char *id = made();
    node_gets(T, "directive", id);
    assert_false(node_has(V, "directive", id));
    AT(C, "history", "directive", id);
    assert_non_null(strstr(terrace_output(), code_t));
    act("heal", code_v);
    node_gets(V, "directive", id);
    snprintf(directive, sizeof directive, "directive=%s", id);
    AT(V, "put", "receipt", directive, "note=大明村已阅");
    until(receipt_is_there, C, "the county has the receipt");
    REFUSED_AT(V, "set", "directive", id, "title=不下雨");
}

static json_int_t receivers(const char *id)
{
    AT(C, "--json", "rollup", "received", "--by", id);
    return json_integer_value(json_array_get(json_object_get(terrace_json(), "origins"), 1));
}

/* One for a single tier: the others hold it, and aren't waited for. */
static void a_notice_for_one_tier(void **state)
{
    (void)state;
    AT(C, "put", "directive", "title=全县通知", "kind=notice");
    json_int_t all = receivers(made());
    AT(C, "put", "directive", "title=村级通知", "kind=notice", "tier=village");
    const char *id = made();
    node_gets(T, "directive", id);
    json_int_t villages = receivers(id);
    AT(C, "put", "directive", "title=乡镇通知", "kind=notice", "tier=township");
    json_int_t townships = receivers(made());
    assert_true(villages > 0 && townships > 0 && villages + townships < all);
    AT(C, "put", "directive", "title=错字", "kind=notice", "tier=vilage");
    REFUSED_AT(C, "rollup", "received", "--by", made());
}

/* Service request: forwarded where it can't be done, rated by who asked for it. */
static void a_request_is_forwarded_and_rated(void **state)
{
    (void)state;
    AT(V, "put", "request", "title=申请临时救助");
    const char *id = made();
    AT(V, "do", "take_on", "request", id);
    AT(V, "do", "forward", "request", id);
    act("cut", code_v);
    in_state(T, "request", id, "forwarded");
    AT(T, "do", "finish", "request", id, "result=已发放");
    act("heal", code_v);
    in_state(V, "request", id, "done");
    REFUSED_AT(V, "do", "rate", "request", id);
    AT(V, "do", "rate", "request", id, "rating=5");
    in_state(T, "request", id, "rated");
    assert_false(node_has(C, "request", id));

    AT(V, "put", "request", "title=残疾人证换领");
    id = made();
    AT(V, "do", "forward_to", "request", id, "--to", code_d);
    in_state(D, "request", id, "forwarded");
    AT(D, "do", "finish", "request", id, "result=已换领");
    in_state(V, "request", id, "done");
}

static bool raises(const void *context)
{
    return terrace_run("-d", context, "status", NULL) >= 0 &&
           strstr(terrace_output(), "zero_occurrence: 1 not closed") != NULL;
}

static bool raises_nothing(const void *context)
{
    return !raises(context);
}

/* Zero occurrence: an alarm at every tier above, until it is closed. */
static void what_must_not_happen_is_an_alarm_everywhere_above(void **state)
{
    (void)state;
    assert_true(raises_nothing(C));
    act("cut", code_t);
    AT(V, "put", "zero_occurrence", "title=溺水事件", "kind=death");
    const char *id = made();
    until(raises, V, "an alarm at the village");
    until(raises, T, "an alarm at the township");
    assert_true(raises_nothing(C));
    act("heal", code_t);
    until(raises, C, "an alarm at the county");
    REFUSED_AT(T, "do", "close", "zero_occurrence", id, "notes=已处理");
    AT(C, "do", "close", "zero_occurrence", id, "notes=已处理");
    until(raises_nothing, C, "no alarm at the county");
    until(raises_nothing, T, "no alarm at the township");
    until(raises_nothing, V, "no alarm at the village");
}

/* Catalogue, indicators, assessment, equipment, health. */
static void what_goes_up_and_down(void **state)
{
    (void)state;
    AT(C, "put", "service", "title=高龄津贴", "done_at=village");
    const char *item = made();
    AT(C, "put", "county_service", "title=采矿许可");
    const char *own = made();
    node_gets(V, "service", item);
    assert_false(node_has(T, "county_service", own));

    AT(V, "put", "report", "serial=3", "period=2026-06", "value=98.50", "by_hand=true");
    const char *report = made();
    shows(C, "report", report, "value", "98.50");
    REFUSED_AT(V, "put", "report", "serial=3", "period=june", "value=98.5");

    AT(V, "put", "assessment", "title=六月考核", "period=2026-06", "village=90.0",
       naming("subject", code_v));
    const char *sheet = made();
    node_gets(T, "assessment", sheet);
    AT(T, "set", "assessment", sheet, "station=80.0", "township=85.0");
    shows(C, "assessment", sheet, "township", "85.0");
    REFUSED_AT(T, "do", "grade", "assessment", sheet, "county=88.0");
    REFUSED_AT(C, "do", "grade", "assessment", sheet, "county=88.0", "score=99.0");
    AT(C, "do", "grade", "assessment", sheet, "county=88.0");
    in_state(V, "assessment", sheet, "graded");
    shows(V, "assessment", sheet, "score", "85.7"); /* 9.0 + 16.0 + 25.5 + 35.2 */
    shows(V, "assessment", sheet, "band", "good");

    AT(V, "put", "equipment", "title=雨量站", "kind=public_point", "online=true");
    const char *station = made();
    AT(V, "put", "health", "kind=public_point", "online=1", "offline=0");
    const char *health = made();
    node_gets(C, "health", health);
    assert_false(node_has(T, "equipment", station));
    AT(C, "put", "calendar", "year=2026", "offset=480", "holidays=2026-10-01..2026-10-07");
    node_gets(V, "calendar", made());
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_is_escalated_while_its_village_writes_on),
        cmocka_unit_test(two_tiers_act_at_once),
        cmocka_unit_test(a_department_behind_a_county_that_is_down),
        cmocka_unit_test(a_warning_and_its_receipts),
        cmocka_unit_test(a_notice_for_one_tier),
        cmocka_unit_test(a_request_is_forwarded_and_rated),
        cmocka_unit_test(what_must_not_happen_is_an_alarm_everywhere_above),
        cmocka_unit_test(what_goes_up_and_down),
    };
    if (count != 2 && count != 7)
        return 2;
    if (count == 7) {
        file = values[2];
        code_c = values[3];
        code_d = values[4];
        code_t = values[5];
        code_v = values[6];
    }
    terrace_use(values[1]);
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    terrace_leave();
    return failed;
}
