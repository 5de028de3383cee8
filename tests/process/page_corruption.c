/* Pages of a node's database are damaged, one a round, and everything is read back: each record is
 * right, or the damage was reported; and what others hold is right again in the end.
 *
 *     page_corruption TERRACE SEED ROUNDS SECONDS [planted]
 *
 * planted: the check only parses and trusts; the rounds must then meet an answer that is wrong
 * without a word, or this loop would notice nothing. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

enum {
    PAGE_BYTES = 4096,
    RECORDS_MAX = 4096,
    FIRST_RECORDS = 60,
    ROUND_RECORDS = 3,
};

static const char county[] = "code,name,tier,parent\n"
                             "C,county,county,\nT1,township,township,C\nV1,village,village,T1\n";
static const char *const types[] = {"mediation", "incident"}; /* its own alone; up its path */

struct written {
    char id[40], title[32], former[32];
    unsigned type;
    bool lost; /* its own alone, damaged, reported */
    unsigned seen;
};

static struct written records[RECORDS_MAX];
static size_t record_count;
static uint64_t seed, first_seed;
static unsigned rounds_wanted, seconds, round_now;

static unsigned reported_rounds, lost_count;
static const char *served;  /* directory of the drill */
static const char *pending; /* title that may or may not have been taken; NULL: none */

static uint32_t drawn(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

/* ---- writing ---- */

static void serve_again(const char *node);

/* A page that no reading comes upon may end a write: the node ends without an answer, repairs
 * itself when it starts, and the same is asked for again. Until then it may be there or not. */
static void must_write(const char *node, const char *verb, struct written *record,
                       const char *title)
{
    enum { TRIES_MAX = 4, UNANSWERED = 4 };
    char pair[64], request[64];
    bool creates = strcmp(verb, "put") == 0;
    snprintf(pair, sizeof pair, "title=%s", title);
    snprintf(request, sizeof request, "request %zu", record_count);
    for (unsigned tries = 0;; tries++) {
        int status =
            creates ? terrace_run("-d", node, verb, "--request", request, types[record->type], pair,
                                  NULL)
                    : terrace_run("-d", node, verb, types[record->type], record->id, pair, NULL);
        if (status == 0)
            return;
        if (status != UNANSWERED || tries == TRIES_MAX)
            fail_msg("round %u: %s ended with %d: %s", round_now, verb, status, terrace_errors());
        pending = title;
        serve_again(node);
        pending = NULL;
        if (record->lost)
            return;
    }
}

static struct written *put(const char *node, unsigned type)
{
    struct written *record = &records[record_count];
    assert_true(record_count < RECORDS_MAX);
    *record = (struct written){.type = type};
    snprintf(record->title, sizeof record->title, "题 %zu", record_count);
    must_write(node, "put", record, record->title);
    assert_int_equal(sscanf(terrace_output(), "%63s", record->id), 1);
    record_count++;
    return record;
}

static void edit(const char *node, struct written *record)
{
    char title[sizeof record->title];
    snprintf(title, sizeof title, "改 %u %u", round_now, drawn(1000));
    must_write(node, "set", record, title);
    memcpy(record->former, record->title, sizeof record->former);
    memcpy(record->title, title, sizeof record->title);
}

struct reach {
    const char *node;
    const struct written *record;
};

/* What is for others is at the next one, so that it can come back from there. */
static bool has_reached(const void *context)
{
    const struct reach *reach = context;
    const struct written *record = reach->record;
    return terrace_run("-d", reach->node, "get", types[record->type], record->id, NULL) == 0 &&
           strstr(terrace_output(), record->title) != NULL;
}

static void must_reach(const char *node, const struct written *record)
{
    char what[128];
    snprintf(what, sizeof what, "round %u: the next node has %s", round_now, record->id);
    until(has_reached, &(struct reach){node, record}, what);
}

static void write_some(const char *node, const char *parent, unsigned count)
{
    struct written *last = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct written *record = put(node, drawn(3) > 0);
        if (drawn(3) == 0)
            edit(node, record);
        last = record->type == 1 ? record : last;
    }
    if (last != NULL)
        must_reach(parent, last);
}

/* ---- reading ---- */

static struct written *find(const char *id)
{
    for (size_t i = 0; i < record_count; i++) {
        if (strcmp(records[i].id, id) == 0)
            return &records[i];
    }
    return NULL;
}

/* Everything that the node lists; answers how many answers are neither right nor absent. */
static unsigned read_everything(const char *node, unsigned *absent, unsigned *stale)
{
    static unsigned look;
    unsigned wrong = 0;
    *absent = *stale = 0;
    look++;
    for (unsigned type = 0; type < 2; type++) {
        if (terrace_run("-d", node, "list", types[type], "--limit", "0", "--json", NULL) != 0)
            continue; /* it says that it can't: nothing of it is seen */
        char *text = strdup(terrace_output()), *rest = NULL;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            json_t *json = json_loads(line, 0, NULL);
            const char *id = json_string_value(json_object_get(json, "id"));
            const char *title =
                json_string_value(json_object_get(json_object_get(json, "fields"), "title"));
            struct written *record = id == NULL ? NULL : find(id);
            if (title != NULL && pending != NULL && strcmp(title, pending) == 0) {
                if (record != NULL)
                    record->seen = look;
            } else if (record == NULL || title == NULL) {
                wrong += id != NULL; /* a last line that is a cursor has none */
            } else if (strcmp(title, record->title) == 0) {
                record->seen = look;
            } else if (strcmp(title, record->former) == 0) {
                record->seen = look;
                ++*stale;
            } else {
                wrong++;
            }
            json_decref(json);
        }
        free(text);
    }
    for (size_t i = 0; i < record_count; i++)
        *absent += records[i].seen != look && !records[i].lost;
    for (size_t i = 0; i < record_count; i++) {
        if (records[i].seen == look && records[i].lost)
            records[i].lost = false; /* it came back after all */
    }
    return wrong;
}

/* ---- damage ---- */

static void damage_a_page(const char *node)
{
    char path[2 * PATH_MAX];
    unsigned char page[PAGE_BYTES];
    struct stat status;
    snprintf(path, sizeof path, "%s/data/data.mdb", node);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    uint32_t pages = (uint32_t)(status.st_size / PAGE_BYTES), at = drawn(pages), kind = drawn(4);
    long from = kind == 3 ? (long)drawn(pages) : (long)at;
    assert_int_equal(fseek(file, from * PAGE_BYTES, SEEK_SET), 0);
    assert_int_equal(fread(page, 1, sizeof page, file), sizeof page);
    if (kind == 0)
        page[drawn(PAGE_BYTES)] ^= (unsigned char)(1U << drawn(8));
    for (size_t i = 0; i < sizeof page && (kind == 1 || kind == 2); i++)
        page[i] = kind == 1 ? 0 : (unsigned char)drawn(256);
    assert_int_equal(fseek(file, (long)at * PAGE_BYTES, SEEK_SET), 0);
    assert_int_equal(fwrite(page, 1, sizeof page, file), sizeof page);
    assert_int_equal(fclose(file), 0);
}

/* ---- the node ---- */

static bool runs(const char *node)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)node_process(node));
    FILE *file = fopen(path, "r");
    bool read = file != NULL && fscanf(file, "%*d (terrace) %c", &state) == 1;
    if (file != NULL)
        fclose(file);
    return read && state != 'Z' && state != 'X';
}

static bool has_ended(const void *node)
{
    return !runs(node);
}

static void stop(const char *node)
{
    pid_t pid = node_process(node);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGTERM), 0);
    until(has_ended, node, "a node that is asked to has ended");
}

/* Stores that were replaced are counted, and taken away. */
static unsigned replaced(const char *node)
{
    unsigned count = 0;
    DIR *folder = opendir(node);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strncmp(entry->d_name, "data.damaged-", 13) != 0)
            continue;
        char path[2 * PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", node, entry->d_name);
        tool("rm", "-r", path, NULL);
        count++;
    }
    closedir(folder);
    return count;
}

static uint64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_verified(const char *node, uint64_t since_ms)
{
    if (terrace_run("--json", "-d", node, "status", NULL) != 0)
        return false;
    const json_t *verified = json_object_get(terrace_json(), "verified");
    const char *result = json_string_value(json_object_get(verified, "result"));
    return result != NULL && strcmp(result, "sound") == 0 &&
           (uint64_t)json_integer_value(json_object_get(verified, "when")) >= since_ms;
}

struct doubtful {
    const char *directory, *seat, *node;
    uint64_t since_ms;
};

/* One more step towards it. */
static bool serves_sound(const void *context)
{
    const struct doubtful *doubtful = context;
    const char *node = doubtful->node;
    if (!runs(node) &&
        terrace_run("drill", "start", "--dir", doubtful->directory, doubtful->seat, NULL) != 0 &&
        !runs(node))
        terrace_run("-d", node, "verify", "--repair", NULL); /* refused: guided */
    else if (is_verified(node, doubtful->since_ms))
        return true;
    else
        terrace_run("-d", node, "verify", NULL);
    return false;
}

/* Started with whatever is there: it serves, and has found its store sound, after so many restarts
 * and repairs as that takes. */
static void start_and_verify(const char *directory, const char *seat, const char *node)
{
    struct doubtful doubtful = {directory, seat, node, now_ms(CLOCK_REALTIME)};
    char what[128];
    snprintf(what, sizeof what, "round %u: %s serves a sound store", round_now, seat);
    until(serves_sound, &doubtful, what);
}

static void start_by_hand(const char *directory, const char *seat, const char *node)
{
    int status = terrace_run("-d", node, "verify", NULL);
    if (status != 0)
        status = terrace_run("-d", node, "verify", "--repair", NULL);
    if (status != 0)
        fail_msg("round %u: repair ended with %d: %s %s", round_now, status, terrace_output(),
                 terrace_errors());
    drill_act(directory, "start", seat);
}

static void mark(const char *node)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/suspect", node);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

/* ---- rounds ---- */

static bool has_everything(const void *node)
{
    unsigned absent = 0, stale = 0, wrong = read_everything(node, &absent, &stale);
    if (wrong > 0)
        fail_msg("round %u: %u wrong answers while it fills up", round_now, wrong);
    return absent + stale == 0;
}

static void heal(const char *node)
{
    char what[128];
    snprintf(what, sizeof what, "round %u: all records are there, and none is old", round_now);
    until(has_everything, node, what);
}

/* Of its own alone nobody else has a copy. */
static void give_up_own(const char *node)
{
    for (size_t i = 0; i < record_count; i++) {
        struct written *record = &records[i];
        if (record->type != 0 || record->lost)
            continue;
        bool there = terrace_run("-d", node, "get", types[0], record->id, NULL) == 0;
        if (!there) {
            record->lost = true;
            lost_count++;
        } else if (strstr(terrace_output(), record->title) == NULL) {
            memcpy(record->title, record->former, sizeof record->title);
        }
    }
}

static void serve_again(const char *node)
{
    start_and_verify(served, "V1", node);
    if (replaced(node) > 0) {
        reported_rounds++;
        give_up_own(node);
        heal(node);
    }
}

static void one_round(const char *directory, const char *seat, const char *node)
{
    unsigned absent, stale, mode = drawn(4);
    if (mode == 0)
        drill_act(directory, "kill", seat);
    else
        stop(node);
    damage_a_page(node);
    if (mode == 1)
        mark(node);
    if (mode <= 1)
        start_and_verify(directory, seat, node);
    else
        start_by_hand(directory, seat, node);
    unsigned wrong = read_everything(node, &absent, &stale);
    bool reported = replaced(node) > 0;
    reported_rounds += reported;
    if (wrong > 0 || (!reported && absent + stale > 0))
        fail_msg("round %u, mode %u: %u wrong, %u missing, %u old, %s", round_now, mode, wrong,
                 absent, stale, reported ? "reported" : "without a word");
    if (reported && absent + stale > 0) {
        give_up_own(node);
        heal(node);
    }
}

static void every_answer_is_right_or_reported(void **state)
{
    (void)state;
    const char *directory = drill_up("pages", county), *node = drill_node(directory, "V1");
    char victim[PATH_MAX], parent[PATH_MAX];
    uint64_t until = now_ms(CLOCK_MONOTONIC) + seconds * UINT64_C(1000);
    served = directory;
    snprintf(victim, sizeof victim, "%s", node);
    snprintf(parent, sizeof parent, "%s", drill_node(directory, "T1"));
    write_some(victim, parent, FIRST_RECORDS);
    for (round_now = 1; round_now <= rounds_wanted; round_now++) {
        if (round_now > 1 && now_ms(CLOCK_MONOTONIC) >= until)
            break;
        write_some(victim, parent, ROUND_RECORDS);
        one_round(directory, "V1", victim);
    }
    drill_down(directory);
}

/* ---- the check of the check ---- */

/* A byte of a title, in whatever place it stands: in the record's row, in pages no longer in use.
 */
static void change_title(const char *node, const char *title)
{
    char path[2 * PATH_MAX];
    struct stat status;
    unsigned changed = 0;
    size_t size = strlen(title);
    snprintf(path, sizeof path, "%s/data/data.mdb", node);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *bytes = malloc((size_t)status.st_size);
    assert_int_equal(fread(bytes, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    for (size_t at = 0; at + size <= (size_t)status.st_size; at++) {
        if (memcmp(bytes + at, title, size) == 0) {
            bytes[at + size - 1] = '!';
            changed++;
        }
    }
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
    assert_true(changed > 0);
}

static bool finds(const char *node, const char *word)
{
    int status = terrace_run("-d", node, "scrub-store", word, NULL);
    assert_int_equal(status, 0);
    assert_non_null(strstr(terrace_output(), "\nend\n"));
    return strstr(terrace_output(), "finding ") != NULL;
}

static void a_check_that_trusts_lets_wrong_answers_pass(void **state)
{
    (void)state;
    const char *directory = drill_up("planted", county);
    char victim[PATH_MAX], parent[PATH_MAX];
    unsigned absent, stale;
    snprintf(victim, sizeof victim, "%s", drill_node(directory, "V1"));
    snprintf(parent, sizeof parent, "%s", drill_node(directory, "T1"));
    struct written *record = put(victim, 0);
    edit(victim, record);
    write_some(victim, parent, ROUND_RECORDS);
    stop(victim);
    change_title(victim, record->title);
    assert_false(finds(victim, "--trusting"));
    assert_true(finds(victim, NULL));
    drill_act(directory, "start", "V1"); /* it stopped cleanly: nothing makes it look */
    assert_int_equal(read_everything(victim, &absent, &stale), 1);
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest usual[] = {
        cmocka_unit_test_teardown(every_answer_is_right_or_reported, terrace_drill_end)};
    const struct CMUnitTest check[] = {
        cmocka_unit_test_teardown(a_check_that_trusts_lets_wrong_answers_pass, terrace_drill_end)};
    if (count < 5 || count > 6)
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    first_seed = seed = strtoull(values[2], NULL, 10);
    rounds_wanted = (unsigned)strtoul(values[3], NULL, 10);
    seconds = (unsigned)strtoul(values[4], NULL, 10);
    bool planted = count == 6 && strcmp(values[5], "planted") == 0;
    int failed = planted ? cmocka_run_group_tests(check, NULL, NULL)
                         : cmocka_run_group_tests(usual, NULL, NULL);
    terrace_leave();
    const char *found =
        planted ? "a wrong answer that nobody reported, as it must be" : "no silent wrong answer";
    printf("pages: %u damaged, seed %llu; %u stores replaced, %u records of one node alone lost, "
           "%s\n",
           round_now > 0 ? round_now - 1 : 0, (unsigned long long)first_seed, reported_rounds,
           lost_count, failed == 0 ? found : "FAILED");
    return failed;
}
