/* People who sign, as they work: keys in separate places, drafts that go from hand to hand, texts
 * with mistakes in them, and a node that runs meanwhile. */
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/author/document_file.h"
#include "node/author/file.h"
#include "node/author/keys.h"
#include "node/store/store.h"
#include "replication/rows/rows.h"
#include "tests/process/run_terrace.h"
#include "topology/author.h"

static const char *program, *passphrase, *wrong_passphrase;
static char li[4096], wang[4096], zhao[4096], county[4096], township[4096];
static char tree[4096]; /* the directory of the drafts */

static void must_end(int status, int wanted)
{
    if (status != wanted)
        fail_msg("ended with %d: %s%s", status, terrace_output(), terrace_errors());
}

static void must_say(const char *text, const char *words)
{
    const char *said = text == NULL ? "" : text;
    if (strstr(said, words) == NULL)
        fail_msg("'%s' is not in: %s", words, said);
}

static void make_key(const char *name, char path[static 4096])
{
    char folder[64];
    snprintf(folder, sizeof folder, "home of %s", name);
    assert_int_equal(mkdir(terrace_path(folder), 0700), 0);
    snprintf(path, 4096, "%s/%s.key", terrace_path(folder), name);
    must_end(terrace_run("key", "new", path, "--name", name, "--passphrase-file", passphrase, NULL),
             0);
}

static void copy(const char *from, const char *to)
{
    struct buffer bytes = {0};
    assert_int_equal(file_read(from, 1 << 20, &bytes, NULL), ERR_OK);
    assert_int_equal(file_replace(to, span_of_buffer(&bytes), 0644, NULL), ERR_OK);
    buffer_free(&bytes);
}

/* The request of a machine, as its people bring it. */
static void make_request(const char *seat)
{
    char from[4200], to[64];
    snprintf(from, sizeof from, "%s/request.yaml", terrace_path(seat));
    must_end(terrace_run("-d", terrace_path(seat), "init", "--seat", seat, NULL), 0);
    snprintf(to, sizeof to, "%s.request.yaml", seat);
    copy(from, terrace_path(to));
}

static const char description[] = "tiers: [county, township, village]\n"
                                  "expires: 2099-12-31\n"
                                  "root:\n"
                                  "  threshold: 2\n"
                                  "  keys:\n"
                                  "    - key: home of li/li.key\n"
                                  "    - key: home of wang/wang.key\n"
                                  "    - key: home of zhao/zhao.key\n"
                                  "seats:\n"
                                  "  - code: C\n"
                                  "    name: 永顺县\n"
                                  "    tier: county\n"
                                  "    request: C.request.yaml\n"
                                  "    admins: {keys: [{key: home of c/c.key}]}\n"
                                  "  - code: T1\n"
                                  "    name: 芙蓉镇\n"
                                  "    tier: township\n"
                                  "    parent: C\n"
                                  "    request: T1.request.yaml\n"
                                  "    endpoints: [\"tcp://10.0.0.2:7000\"]\n"
                                  "    admins: {keys: [{key: home of t1/t1.key}]}\n"
                                  "  - code: V1\n"
                                  "    name: 发树村\n"
                                  "    tier: village\n"
                                  "    parent: T1\n"
                                  "    request: V1.request.yaml\n"
                                  "  - code: V2\n"
                                  "    tier: village\n"
                                  "    parent: T1\n";

static int make(void **state)
{
    (void)state;
    passphrase = terrace_file("passphrase", "four words together here\n");
    wrong_passphrase = terrace_file("wrong", "four words together\n");
    make_key("li", li);
    make_key("wang", wang);
    make_key("zhao", zhao);
    make_key("c", county);
    make_key("t1", township);
    make_request("C");
    make_request("T1");
    make_request("V1");
    snprintf(tree, sizeof tree, "%s", terrace_path("tree"));
    const char *text = terrace_file("tree.yaml", description);
    must_end(terrace_run("topology", "new", text, "--dir", tree, "--json", NULL), 0);
    assert_int_equal(terrace_number("drafts"), 4);
    assert_int_equal(terrace_number("waiting"), 1);
    return 0;
}

/* A terminal on which `terrace key new` asks; gives what was shown on it, and the exit status. */
static int at_terminal(const char *path, const char *first, const char *second,
                       char shown[static 4096])
{
    static const char *const prompts[] = {"a passphrase for the new key: ", "the same again: "};
    const char *const answers[] = {first, second};
    size_t size = 0, asked = 0;
    int terminal, status;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child == 0) {
        execl(program, "terrace", "key", "new", path, (char *)NULL);
        _exit(126);
    }
    assert_true(child > 0);
    for (;;) {
        struct pollfd wait = {.fd = terminal, .events = POLLIN};
        ssize_t got = poll(&wait, 1, 60 * 1000) == 1 ? read(terminal, shown + size, 4095 - size)
                                                     : -1; /* EIO: it has ended */
        if (got <= 0)
            break;
        size += (size_t)got;
        shown[size] = '\0';
        if (asked < 2 && strstr(shown, prompts[asked]) != NULL) {
            assert_int_equal(write(terminal, answers[asked], strlen(answers[asked])),
                             strlen(answers[asked]));
            asked++;
        }
    }
    close(terminal); /* whoever still waits for an answer is hung up on */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(asked, 2);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void a_terminal_is_asked_twice_and_shows_nothing(void **state)
{
    (void)state;
    char shown[4096] = "";
    const char *path = terrace_path("typed.key");
    assert_int_equal(at_terminal(path, "correct horse battery\n", "correct horse\n", shown), 3);
    must_say(shown, "the two are not the same");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(at_terminal(path, "correct horse battery\n", "correct horse battery\n", shown),
                     0);
    assert_null(strstr(shown, "horse"));
    const char *file = terrace_file("typed", "correct horse battery\n");
    must_end(terrace_run("key", "passwd", path, "--passphrase-file", file, "--new-passphrase-file",
                         passphrase, NULL),
             0);
    must_end(terrace_run("key", "show", path, NULL), 0);
}

static const char *draft_of(const char *name)
{
    static char path[4400];
    snprintf(path, sizeof path, "%s/drafts/%s.draft", tree, name);
    return path;
}

static int sign(const char *path, const char *key, const char *file)
{
    return terrace_run("topology", "sign", path, "--key", key, "--passphrase-file", file, NULL);
}

static void signatures_are_gathered_in_separate_places(void **state)
{
    (void)state;
    const char *draft = draft_of("0-root");
    char carried[4096];
    must_end(terrace_run("topology", "verify", draft, "--json", NULL), 3);
    assert_int_equal(terrace_number("missing"), 2);
    /* to Li, who has nothing but the draft */
    snprintf(carried, sizeof carried, "%s", terrace_path("home of li/0-root.draft"));
    copy(draft, carried);
    must_end(sign(carried, li, passphrase), 0);
    must_say(terrace_output(), "1 more must sign");
    must_say(terrace_errors(), "永顺县");
    must_end(sign(carried, li, passphrase), 3); /* once is enough */
    copy(carried, draft);
    must_end(terrace_run("topology", "verify", draft, "--json", NULL), 3);
    assert_int_equal(terrace_number("missing"), 1);
    must_end(terrace_run("topology", "verify", draft, NULL), 3);
    must_say(terrace_output(), "signed   li");
    must_say(terrace_output(), "missing  zhao");
    /* whoever else signs counts for nothing, and is told so */
    must_end(sign(draft, county, passphrase), 3);
    must_say(terrace_errors(), "not one of those that may sign");
    must_end(sign(draft, wang, passphrase), 0);
    must_end(terrace_run("topology", "verify", draft, NULL), 0);
}

static void a_wrong_passphrase_signs_nothing(void **state)
{
    (void)state;
    const char *draft = draft_of("1-00-C");
    must_end(sign(draft, county, wrong_passphrase), 3);
    must_say(terrace_errors(), "passphrase does not open it");
    must_say(terrace_errors(), "next:");
    must_end(terrace_run("topology", "verify", draft, "--json", NULL), 3);
    assert_int_equal(terrace_number("missing"), 1);
}

static void a_changed_draft_is_signed_by_nobody(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s", terrace_path("changed.draft"));
    assert_int_equal(file_read(draft_of("1-00-C"), 1 << 20, &bytes, NULL), ERR_OK);
    uint8_t *name = memmem(bytes.data, bytes.size, "芙蓉镇", strlen("芙蓉镇"));
    assert_non_null(name);
    name[2] ^= 1;
    assert_int_equal(file_replace(path, span_of_buffer(&bytes), 0644, NULL), ERR_OK);
    buffer_free(&bytes);
    must_end(sign(path, county, passphrase), 3);
    must_say(terrace_errors(), "were changed after it was written");
    must_end(terrace_run("-d", tree, "topology", "verify", path, NULL), 3);
}

static void what_is_signed_is_told_first(void **state)
{
    (void)state;
    must_end(terrace_run("topology", "diff", draft_of("1-01-T1"), NULL), 0);
    must_say(terrace_output(), "发树村");
    must_say(terrace_output(), "let in as village");
    must_end(terrace_run("topology", "diff", draft_of("1-00-C"), "--json", NULL), 0);
    assert_true(json_array_size(json_object_get(terrace_json(), "changes")) >= 3);
}

/* A mistake in the description: its place and, where a word is near, the word that was meant. */
static void mistake(const char *from, const char *to, const char *place, const char *words)
{
    struct buffer text = {0};
    const char *at = strstr(description, from);
    assert_non_null(at);
    buffer_append(&text, description, (size_t)(at - description));
    buffer_append(&text, to, strlen(to));
    buffer_append(&text, at + strlen(from), strlen(at + strlen(from)) + 1);
    const char *file = terrace_file("mistake.yaml", (const char *)text.data);
    buffer_free(&text);
    int status = terrace_run("topology", "check", file, NULL);
    if (status == 0)
        status = terrace_run("topology", "new", file, "--dir", terrace_path("nothing"), NULL);
    must_end(status, 3);
    must_say(terrace_errors(), place);
    must_say(terrace_errors(), words);
}

static void mistakes_have_line_and_column(void **state)
{
    (void)state;
    mistake("parent: C\n", "parnt: C\n", "mistake.yaml:18:5", "did you mean");
    mistake("    tier: village\n    parent: T1\n    request",
            "    tier: vilage\n    parent: T1\n    request",
            "mistake.yaml:22:", "did you mean \"village\"");
    mistake("parent: T1\n    request", "parent: T9\n    request", "mistake.yaml:22",
            "T9 of seat V1 is not in the table");
    mistake("expires: 2099-12-31", "fold_tier: village", "mistake.yaml:2:12", "can't state folds");
    mistake("expires: 2099-12-31", "expires: soon", "mistake.yaml:2:10",
            "expected never, or a day");
    mistake("threshold: 2", "threshold: 4", "mistake.yaml:4:3", "threshold of at most 3");
    mistake("V1.request.yaml", "T1.request.yaml", "mistake.yaml:26:", "for seat T1");
    mistake("wang.key", "wong.key", "mistake.yaml:7:", "no such file");
    must_say(terrace_errors(), "`terrace key new` makes one");
    mistake("code: V2", "code: \"V 2\"", "mistake.yaml:27:", "no spaces");
    struct stat status;
    assert_int_not_equal(stat(terrace_path("nothing/drafts/0-root.draft"), &status), 0);
}

static void least_tree(const char *more, char text[static 1024])
{
    snprintf(text, 1024,
             "tiers: [county, village]\n"
             "root: {threshold: 1, keys: [{key: home of li/li.key}]}\n"
             "seats:\n"
             "  - {code: C, name: 永顺县, tier: county,%s\n"
             "     admins: {keys: [{key: home of li/li.key}]}}\n"
             "  - {code: V1, name: 泽家村, tier: village, parent: C}\n",
             more);
}

/* No mistakes, and yet not enough to begin, or for others to call. */
static void what_is_still_open_is_said(void **state)
{
    (void)state;
    char text[1024];
    least_tree("", text);
    must_end(terrace_run("topology", "check", terrace_file("least.yaml", text), NULL), 0);
    must_say(terrace_errors(), "C, the topmost seat, has no request yet");
    must_say(terrace_output(), "2 seats, nothing is wrong");
    least_tree(" request: C.request.yaml,", text);
    must_end(terrace_run("topology", "check", terrace_file("least.yaml", text), NULL), 0);
    must_say(terrace_errors(), "no address at which they could call it");
    least_tree(" request: C.request.yaml, endpoints: [\"tcp://127.0.0.1:4177\"],", text);
    must_end(terrace_run("topology", "check", terrace_file("least.yaml", text), NULL), 0);
    assert_string_equal(terrace_errors(), "");
    must_end(terrace_run("topology", "sign", "none.draft", "--key", li, NULL), 3);
    must_say(terrace_errors(), "drafts are written by");
    must_end(terrace_run("--help", NULL), 0);
    must_say(terrace_output(), "to begin a tree:");
    must_say(terrace_output(), "to join one:");
}

/* A draft counts when all have signed, whatever the order in which drafts are named. */
static void drafts_become_documents(void **state)
{
    (void)state;
    char root[4400], c[4400], t1[4400], types[4400];
    snprintf(root, sizeof root, "%s", draft_of("0-root"));
    snprintf(c, sizeof c, "%s", draft_of("1-00-C"));
    snprintf(t1, sizeof t1, "%s", draft_of("1-01-T1"));
    snprintf(types, sizeof types, "%s", draft_of("2-types"));
    must_end(terrace_run("topology", "publish", types, c, root, t1, NULL), 3);
    must_say(terrace_errors(), "more must sign");
    must_end(sign(c, county, passphrase), 0);
    must_end(sign(t1, township, passphrase), 0);
    must_end(sign(types, li, passphrase), 0);
    must_end(sign(types, zhao, passphrase), 0);
    must_end(terrace_run("topology", "publish", types, t1, c, root, NULL), 0);
    must_say(terrace_output(), "the document of seat T1, term 1, version 1, is in force");
    must_end(terrace_run("-d", tree, "topology", "show", NULL), 0);
    must_say(terrace_output(), "发树村");
    must_end(terrace_run("topology", "publish", types, "-d", tree, NULL), 3); /* it is gone */
    must_end(terrace_run("-d", tree, "topology", "verify",
                         terrace_path("tree/documents/1-01-T1.document"), NULL),
             0);
}

/* Text `from` of a file becomes `to`. */
static void change_text(const char *path, const char *from, const char *to)
{
    struct buffer text = {0}, changed = {0};
    assert_int_equal(file_read(path, 1 << 20, &text, NULL), ERR_OK);
    const uint8_t *at = memmem(text.data, text.size, from, strlen(from));
    if (at == NULL)
        fail_msg("no '%s' in %.*s", from, (int)text.size, (const char *)text.data);
    size_t before = (size_t)(at - text.data);
    buffer_append(&changed, text.data, before);
    buffer_append(&changed, to, strlen(to));
    buffer_append(&changed, at + strlen(from), text.size - before - strlen(from));
    assert_int_equal(file_replace(path, span_of_buffer(&changed), 0600, NULL), ERR_OK);
    buffer_free(&text);
    buffer_free(&changed);
}

/* One of three root keys is lost: the other two put another in its place. */
static void a_lost_root_key_is_replaced(void **state)
{
    (void)state;
    char text[4096], fresh[4096], draft[4400];
    snprintf(text, sizeof text, "%s", terrace_path("root.yaml"));
    snprintf(draft, sizeof draft, "%s", draft_of("0-root"));
    make_key("qian", fresh);
    must_end(terrace_run("-d", tree, "topology", "edit", "root", "--out", text, NULL), 0);
    must_end(terrace_run("-d", tree, "topology", "edit", "root", "--in", text, NULL), 0);
    must_say(terrace_output(), "nothing is changed but the version");
    change_text(text, "name: \"zhao\"\n      key: ", "key: home of qian/qian.key\n#");
    must_end(terrace_run("-d", tree, "topology", "edit", "root", "--in", text, NULL), 0);
    must_say(terrace_output(), "may no longer sign: zhao");
    must_end(sign(draft, fresh, passphrase), 0);
    must_end(terrace_run("topology", "verify", draft, "--json", NULL), 3);
    assert_int_equal(terrace_number("missing"), 2); /* of the former keys */
    must_end(sign(draft, li, passphrase), 0);
    must_end(terrace_run("topology", "publish", draft, NULL), 3);
    must_end(sign(draft, wang, passphrase), 0);
    must_end(terrace_run("topology", "publish", draft, NULL), 0);
    must_end(terrace_run("-d", tree, "topology", "edit", "root", "--out",
                         terrace_path("root2.yaml"), NULL),
             0);
    change_text(terrace_path("root2.yaml"), "name: \"qian\"", "name: \"qian\"");
}

static void edits_that_can_not_be_are_told_where(void **state)
{
    (void)state;
    char text[4096];
    snprintf(text, sizeof text, "%s", terrace_path("t1.yaml"));
    must_end(terrace_run("-d", tree, "topology", "edit", "T1", "--out", text, NULL), 0);
    change_text(text, "\"village\"", "\"township\"");
    must_end(terrace_run("-d", tree, "topology", "check", text, NULL), 3);
    must_say(terrace_errors(), "t1.yaml:8:");
    must_say(terrace_errors(), "keeps its tier");
    change_text(text, "\"township\"", "\"village\"");
    change_text(text, "- code: \"V1\"", "- code: \"V7\"");
    must_end(terrace_run("-d", tree, "topology", "edit", "T1", "--in", text, NULL), 3);
    must_say(terrace_errors(), "no request");
    change_text(text, "  - code: \"V7\"\n    name: \"发树村\"\n    tier: \"village\"", "  []");
    must_end(terrace_run("-d", tree, "topology", "edit", "T1", "--in", text, NULL), 3);
    must_say(terrace_errors(), "seat V1 is in force");
    must_end(terrace_run("-d", tree, "topology", "edit", "T7", "--out", text, NULL), 3);
}

static void nothing_expires_before_it_is_issued(void **state)
{
    (void)state;
    char text[4096];
    snprintf(text, sizeof text, "%s", terrace_path("c.yaml"));
    must_end(terrace_run("-d", tree, "topology", "edit", "C", "--out", text, NULL), 0);
    change_text(text, "expires: 2099-12-31", "expires: 2001-01-01");
    must_end(terrace_run("-d", tree, "topology", "edit", "C", "--in", text, NULL), 3);
    must_say(terrace_errors(), "would have expired already");
}

/* A county and a village whose documents were made in 1970 and expire then; one key signs for the
 * root and for the county. */
static void make_expired(const char *directory, const char *key_file, uint64_t expires_ms)
{
    static const char table[] = "code,name,tier,parent\nC,县,county,\nV,村,village,C\n";
    struct author_options options = {.issued_ms = 1000, .expires_ms = expires_ms};
    struct csv_tree *csv = csv_tree_read(span_of_text(table), "table", NULL);
    struct author_seat *seats = author_seats_of(csv);
    uint8_t seed[32] = {77}, public_key[KEY_BYTES];
    for (size_t i = 0; i < csv->row_count; i++) {
        uint8_t node[32] = {(uint8_t)(80 + i)}, secret[SECRET_BYTES];
        sign_key_pair(node, seats[i].signing_key, secret);
        memcpy(seats[i].link_key, seats[i].signing_key, KEY_BYTES);
    }
    sign_key_pair(seed, public_key, seats[0].admin_secret);
    seats[0].has_admin = true;
    assert_int_equal(secret_file_write(key_file, "terrace-admin-key", seed, sizeof seed, NULL),
                     ERR_OK);
    struct author_plan *plan = author_plan_new(seats, csv->row_count, NULL);
    struct author_tree *made = author_tree_new(plan, seats, &options, NULL);
    assert_non_null(made);
    assert_int_equal(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < made->document_count; i++) {
        struct author_document *document = &made->documents[i];
        struct span row = span_of_buffer(&document->rows[0]);
        struct document_file file = {.kind = document->kind,
                                     .envelope = span_of_buffer(&document->envelope),
                                     .row_count = 1,
                                     .rows = &row};
        assert_int_equal(document->row_count, 1);
        assert_int_equal(document_file_write(directory, i == 0 ? "0-root" : "1-00-C", &file, NULL),
                         ERR_OK);
    }
    author_tree_free(made);
    author_plan_free(plan);
    free(seats);
    csv_tree_free(csv);
}

/* History 50: who was allowed to let others in, and is no longer, doesn't; a document of the seat
 * above that is signed anew mends it. */
static void an_expired_delegation_admits_nobody(void **state)
{
    (void)state;
    char expired[4096], key[4096], text[4096], root[4096], draft[4200];
    snprintf(expired, sizeof expired, "%s", terrace_path("expired"));
    snprintf(key, sizeof key, "%s", terrace_path("expired.key"));
    snprintf(text, sizeof text, "%s", terrace_path("expired-c.yaml"));
    snprintf(root, sizeof root, "%s", terrace_path("expired-root.yaml"));
    make_expired(expired, key, 2000);
    must_end(terrace_run("-d", expired, "topology", "edit", "C", "--out", text, NULL), 0);
    change_text(text, "seats:\n",
                "seats:\n  - code: V1\n    tier: village\n"
                "    request: V1.request.yaml\n");
    change_text(text, "expires: 1970-01-01", "expires: never");
    must_end(terrace_run("-d", expired, "topology", "edit", "C", "--in", text, NULL), 3);
    must_say(terrace_errors(), "days ago: it can't let anybody in");
    must_say(terrace_errors(), "next: ");
    must_end(terrace_run("-d", expired, "topology", "edit", "root", "--out", root, NULL), 0);
    change_text(root, "expires: 1970-01-01", "expires: never");
    must_end(terrace_run("-d", expired, "topology", "edit", "root", "--in", root, NULL), 0);
    snprintf(draft, sizeof draft, "%s/drafts/0-root.draft", expired);
    must_end(sign(draft, key, passphrase), 0);
    must_end(terrace_run("topology", "publish", draft, NULL), 0);
    must_end(terrace_run("-d", expired, "topology", "edit", "C", "--in", text, NULL), 0);
    must_say(terrace_output(), "let in as village");
    snprintf(draft, sizeof draft, "%s/drafts/1-00-C.draft", expired);
    must_end(sign(draft, key, passphrase), 0);
    must_end(terrace_run("topology", "publish", draft, NULL), 0);
}

/* A store in which the newest time that the root has signed is this. */
static void put_token(const char *directory, uint64_t clock_ms)
{
    struct store_options options = {.dir = directory, .map_bytes = 16 << 20};
    struct note_head head = {.signer = {.bytes = {1}}, .epoch = 1, .k = clock_ms};
    uint8_t key[NOTE_KEY_BYTES_MAX], signature[SIGNATURE_BYTES] = {0};
    struct buffer note = {0};
    struct store *store;
    struct store_port port;
    token_encode(&head, &note);
    buffer_append(&note, signature, sizeof signature);
    assert_int_equal(store_open(&options, &store, NULL), ERR_OK);
    store_port(store, &port);
    port.begin(port.context);
    size_t size = note_key(key, HASH_TOKEN, head.signer, head.epoch);
    assert_int_equal(port.put(port.context, TABLE_NOTES, SPAN(key, size), span_of_buffer(&note)),
                     ERR_OK);
    assert_int_equal(port.commit(port.context), ERR_OK);
    store_close(store);
    buffer_free(&note);
}

/* A machine whose clock stands in the past, by years: the newest time that came from above counts.
 */
static void a_clock_in_the_past_brings_nothing_back(void **state)
{
    (void)state;
    const uint64_t in_2080_ms = UINT64_C(3471292800000), in_2090_ms = UINT64_C(3786912000000);
    char later[4096], key[4096], text[4096];
    snprintf(later, sizeof later, "%s", terrace_path("later"));
    snprintf(key, sizeof key, "%s", terrace_path("later.key"));
    snprintf(text, sizeof text, "%s", terrace_path("later-c.yaml"));
    make_expired(later, key, in_2080_ms);
    must_end(terrace_run("-d", later, "topology", "edit", "C", "--out", text, NULL), 0);
    change_text(text, "seats:\n",
                "seats:\n  - code: V1\n    tier: village\n"
                "    request: V1.request.yaml\n");
    must_end(terrace_run("-d", later, "topology", "edit", "C", "--in", text, NULL), 0);
    put_token(later, in_2090_ms);
    must_end(terrace_run("-d", later, "topology", "edit", "C", "--in", text, NULL), 3);
    must_say(terrace_errors(), "can't let anybody in");
}

static char node_c[4200], key_c[4300], key_of_t[4300];

/* A drill of three: its keys have no passphrase. */
static void drill_of_three(void)
{
    const char *table = terrace_file("drill.csv", "code,name,tier,parent\nC,县,county,\n"
                                                  "T,镇,township,C\nV,村,village,T\n");
    const char *directory = terrace_path("drill");
    terrace_drill_begin(directory);
    must_end(terrace_run("drill", "up", "--tree", table, "--dir", directory, NULL), 0);
    snprintf(node_c, sizeof node_c, "%s/C", directory);
    snprintf(key_c, sizeof key_c, "%s/keys/admin.key", node_c);
    snprintf(key_of_t, sizeof key_of_t, "%s/T/keys/admin.key", directory);
}

/* Edits the document of a seat at C's node; gives the draft. */
static const char *edit_at_c(const char *seat, const char *from, const char *to)
{
    static char draft[4400];
    char text[4096], name[64];
    snprintf(name, sizeof name, "drill-%s.yaml", seat);
    snprintf(text, sizeof text, "%s", terrace_path(name));
    unlink(text);
    must_end(terrace_run("-d", node_c, "topology", "edit", seat, "--out", text, NULL), 0);
    change_text(text, from, to);
    must_end(terrace_run("-d", node_c, "topology", "edit", seat, "--in", text, NULL), 0);
    snprintf(draft, sizeof draft, "%s/drafts/1-%s-%s.draft", node_c,
             strcmp(seat, "C") == 0 ? "00" : "01", seat);
    return draft;
}

/* Where two must sign from now on, the first document of the new term lacks one: nothing is put in
 * force before it has come, else all below the seat were out of the tree meanwhile. */
static void overruled_by_two(void)
{
    char parent[4400], first[4400];
    snprintf(parent, sizeof parent, "%s/drafts/1-00-C.draft", node_c);
    snprintf(first, sizeof first, "%s/drafts/1-01-T.draft", node_c);
    must_end(terrace_run("-d", node_c, "topology", "overrule", "T", "--key", key_c, "--admin", li,
                         "--admin", key_of_t, "--threshold", "2", NULL),
             1);
    must_say(terrace_errors(), "1 more must sign for seat T");
    must_end(terrace_run("-d", node_c, "topology", "show", NULL), 0);
    must_say(terrace_output(), "新村");
    must_end(terrace_run("topology", "publish", parent, first, NULL), 3);
    must_end(terrace_run("-d", node_c, "topology", "show", NULL), 0);
    must_say(terrace_output(), "新村");
    must_end(sign(first, li, passphrase), 0);
    must_end(terrace_run("topology", "publish", parent, first, NULL), 0);
    must_end(terrace_run("-d", node_c, "topology", "show", NULL), 0);
    must_say(terrace_output(), "新村");
}

/* A running node takes a document at once, and keeps what it replaces. */
static void a_running_node_is_told(void **state)
{
    (void)state;
    drill_of_three();
    const char *draft = edit_at_c("C", "name: \"镇\"", "name: \"新镇\"");
    must_say(terrace_output(), "is named 新镇 (before: 镇)");
    must_end(sign(draft, key_c, passphrase), 0);
    must_end(terrace_run("topology", "publish", draft, "--json", NULL), 0);
    assert_true(json_is_true(json_object_get(terrace_json(), "running")));
    assert_int_equal(terrace_number("version"), 2);
    must_end(terrace_run("-d", node_c, "topology", "show", NULL), 0);
    must_say(terrace_output(), "新镇");
    must_end(terrace_run("-d", node_c, "topology", "log", "C", "--json", NULL), 0);
    const char *second = strchr(terrace_output(), '\n');
    assert_non_null(second); /* both versions, the older one first */
    must_say(second, "\"version\":2");
    must_say(second, "\"in_force\":true");
    assert_null(strstr(second, "\"version\":1,"));

    /* the township's key is lost: the county gives the right to sign to another */
    must_end(terrace_run("-d", node_c, "topology", "overrule", "T", "--key", key_of_t, "--admin",
                         li, NULL),
             3);
    must_say(terrace_errors(), "doesn't sign for seat C");
    must_end(
        terrace_run("-d", node_c, "topology", "overrule", "T", "--key", key_c, "--admin", li, NULL),
        0);
    must_say(terrace_output(), "in term 2");
    draft = edit_at_c("T", "name: \"村\"", "name: \"新村\"");
    must_end(sign(draft, key_of_t, passphrase), 3);
    must_say(terrace_errors(), "not one of those that may sign");
    must_end(sign(draft, li, passphrase), 0);
    must_end(terrace_run("topology", "publish", draft, NULL), 0);
    must_end(terrace_run("-d", node_c, "topology", "log", "T", NULL), 0);
    must_say(terrace_output(), "in force");
    overruled_by_two();
    must_end(terrace_run("drill", "down", "--dir", terrace_path("drill"), NULL), 0);
}

static void tables_are_imported(void **state)
{
    (void)state;
    const char *table = terrace_file("table.csv", "code,name,tier,parent\nC,永顺县,county,\n"
                                                  "T,\"a \"\"b\"\"\",township,C\n");
    const char *text = terrace_path("imported.yaml");
    must_end(terrace_run("topology", "import", table, "--out", text, NULL), 0);
    must_end(terrace_run("topology", "check", table, NULL), 0);
    must_end(terrace_run("topology", "import", table, "--out", text, NULL), 3); /* it is there */
    struct buffer bytes = {0};
    assert_int_equal(file_read(text, 1 << 20, &bytes, NULL), ERR_OK);
    assert_non_null(memmem(bytes.data, bytes.size, "a \\\"b\\\"", 7));
    buffer_free(&bytes);
    const char *wrong = terrace_file("wrong.csv", "code,name,tier,parent\nC,,county,\nC,,a,C\n");
    must_end(terrace_run("topology", "check", wrong, NULL), 3);
    must_say(terrace_errors(), "wrong.csv:3");
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_is_asked_twice_and_shows_nothing),
        cmocka_unit_test(signatures_are_gathered_in_separate_places),
        cmocka_unit_test(a_wrong_passphrase_signs_nothing),
        cmocka_unit_test(a_changed_draft_is_signed_by_nobody),
        cmocka_unit_test(what_is_signed_is_told_first),
        cmocka_unit_test(mistakes_have_line_and_column),
        cmocka_unit_test(what_is_still_open_is_said),
        cmocka_unit_test(drafts_become_documents),
        cmocka_unit_test(a_lost_root_key_is_replaced),
        cmocka_unit_test(edits_that_can_not_be_are_told_where),
        cmocka_unit_test(nothing_expires_before_it_is_issued),
        cmocka_unit_test(an_expired_delegation_admits_nobody),
        cmocka_unit_test(a_clock_in_the_past_brings_nothing_back),
        cmocka_unit_test(tables_are_imported),
        cmocka_unit_test_teardown(a_running_node_is_told, terrace_drill_end),
    };
    if (count < 2)
        return 2;
    if (!crypto_start())
        return 1;
    program = values[1];
    terrace_use(program);
    int failed = cmocka_run_group_tests(tests, make, NULL);
    terrace_leave();
    return failed;
}
