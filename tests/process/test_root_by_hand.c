/* Too few root keys are left (threat 58): a new root by hand goes over the links and waits; people
 * confirm it node by node, here in a county of five processes, while all go on working. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/author/file.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char *passphrase;

static void must_end(int status, int wanted)
{
    if (status != wanted)
        fail_msg("ended with %d: %s%s", status, terrace_output(), terrace_errors());
}

static void must_be_told(const char *words)
{
    if (strstr(terrace_errors(), words) == NULL)
        fail_msg("'%s' is not in: %s", words, terrace_errors());
}

static const char *new_key(const char *name)
{
    const char *path = terrace_path(name);
    must_end(terrace_run("key", "new", path, "--name", name, "--passphrase-file", passphrase, NULL),
             0);
    return path;
}

/* A new root that this key alone signs; gives its fingerprint. */
static void reroot(const char *node, const char *key, const char *out, char fingerprint[static 64])
{
    must_end(terrace_run("-d", node, "--json", "topology", "reroot", "--admin", key, "--key", key,
                         "--passphrase-file", passphrase, "--out", out, NULL),
             0);
    snprintf(fingerprint, 64, "%s",
             json_string_value(json_object_get(terrace_json(), "fingerprint")));
}

/* "" when none waits there. */
static const char *waiting_at(const char *node)
{
    must_end(terrace_run("-d", node, "--json", "status", NULL), 0);
    const char *text =
        json_string_value(json_object_get(json_object_get(terrace_json(), "tree"), "root_waits"));
    return text == NULL ? "" : text;
}

struct waiting {
    const char *node, *fingerprint;
};

static bool waits(const void *context)
{
    const struct waiting *waiting = context;
    return strcmp(waiting_at(waiting->node), waiting->fingerprint) == 0;
}

struct version {
    const char *node, *words;
};

/* Which root document counts there, as its text says. */
static bool root_is(const void *context)
{
    const struct version *version = context;
    struct buffer text = {0};
    const char *path = terrace_path("root.yaml");
    (void)remove(path);
    must_end(terrace_run("-d", version->node, "topology", "edit", "root", "--out", path, NULL), 0);
    assert_int_equal(file_read(path, 1 << 16, &text, NULL), ERR_OK);
    buffer_append_byte(&text, 0);
    bool is = strstr((const char *)text.data, version->words) != NULL;
    buffer_free(&text);
    return is;
}

/* The next root document, by the new key alone. */
static void sign_third_root(const char *node, const char *key)
{
    char text[4096], draft[4400];
    snprintf(text, sizeof text, "%s", terrace_path("third.yaml"));
    snprintf(draft, sizeof draft, "%s/drafts/0-root.draft", node);
    must_end(terrace_run("-d", node, "topology", "edit", "root", "--out", text, NULL), 0);
    must_end(terrace_run("-d", node, "topology", "edit", "root", "--in", text, NULL), 0);
    must_end(
        terrace_run("topology", "sign", draft, "--key", key, "--passphrase-file", passphrase, NULL),
        0);
    must_end(terrace_run("topology", "publish", draft, NULL), 0);
}

/* Nobody blames anybody for what only one of two knows. */
static void nobody_is_blamed(const char *directory)
{
    static const char *const seats[] = {"C", "T1", "T2", "V1", "V2"};
    for (size_t i = 0; i < sizeof seats / sizeof *seats; i++) {
        const char *node = drill_node(directory, seats[i]);
        assert_int_equal(status_number(node, "refused.forged"), 0);
        assert_int_equal(status_number(node, "refused.not_allowed"), 0);
        assert_int_equal(status_number(node, "refused.malformed"), 0);
    }
}

static void confirm(const char *node, const char *fingerprint, const char *file, int wanted)
{
    must_end(file == NULL ? terrace_run("-d", node, "topology", "confirm", fingerprint, NULL)
                          : terrace_run("-d", node, "topology", "confirm", fingerprint, file, NULL),
             wanted);
}

/* Written at one node, there at the other. */
static void goes(const char *from, const char *to)
{
    char id[64];
    snprintf(id, sizeof id, "%s", node_put(from, "incident", "while roots differ"));
    node_gets(to, "incident", id);
}

static void root_becomes(const char *node, const char *words)
{
    struct version version = {node, words};
    until(root_is, &version, words);
}

static void people_confirm_it_node_by_node(void **state)
{
    (void)state;
    const char *directory = drill_up("reroot", tree_of_five);
    char county[4096], township[4096], village[4096], out[4096], key[4096], fingerprint[64];
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    snprintf(township, sizeof township, "%s", drill_node(directory, "T1"));
    snprintf(village, sizeof village, "%s", drill_node(directory, "V1"));
    snprintf(out, sizeof out, "%s", terrace_path("new root.document"));
    snprintf(key, sizeof key, "%s", new_key("chen.key"));
    confirm(county, "0000-0000-0000-0000-0000-0000-0000-0000", NULL, 3);
    must_be_told("no new root made by hand waits here");
    reroot(county, key, out, fingerprint);
    const struct waiting waiting = {village, fingerprint};
    until(waits, &waiting, "it goes on to who hasn't confirmed it, over who hasn't either");
    must_end(terrace_run("-d", village, "topology", "publish", out, NULL), 3); /* nor by a file */
    assert_string_equal(waiting_at(village), fingerprint);

    confirm(township, "0000-0000-0000-0000-0000-0000-0000-0000", NULL, 3);
    must_be_told("has another fingerprint");
    confirm(county, fingerprint, NULL, 0);
    confirm(township, fingerprint, out, 0);
    confirm(township, fingerprint, NULL, 0); /* again: it is done */
    assert_string_equal(waiting_at(county), "");
    goes(village, county);

    sign_third_root(county, key); /* the new keys sign as ever */
    root_becomes(township, "version 3");
    goes(village, county);
    struct version first = {village, "version 1"};
    assert_true(root_is(&first));
    assert_string_equal(waiting_at(village), fingerprint);
    nobody_is_blamed(directory);

    drill_act(directory, "kill", "V1"); /* one that doesn't run, and one that starts anew */
    confirm(village, fingerprint, out, 0);
    drill_act(directory, "start", "V1");
    root_becomes(village, "version 3");
    drill_act(directory, "kill", "T1");
    drill_act(directory, "start", "T1");
    root_becomes(township, "version 3");
    goes(village, county);
    must_end(terrace_run("-d", township, "verify", NULL), 0);
    nobody_is_blamed(directory);
    drill_down(directory);
}

/* Who has one key, and wants to be the root: it waits beside the true one, and once that is
 * confirmed it is too late. */
static void a_second_one_comes_too_late(void **state)
{
    (void)state;
    const char *directory = drill_up("thief", tree_of_five);
    char county[4096], village[4096], key[4096], thief[4096], out[4096], theirs[4096];
    char fingerprint[64], other[64];
    snprintf(county, sizeof county, "%s", drill_node(directory, "C"));
    snprintf(village, sizeof village, "%s", drill_node(directory, "V2"));
    snprintf(key, sizeof key, "%s", new_key("qian.key"));
    snprintf(thief, sizeof thief, "%s", new_key("sun.key"));
    snprintf(out, sizeof out, "%s", terrace_path("true.document"));
    snprintf(theirs, sizeof theirs, "%s", terrace_path("thief.document"));
    drill_act(directory, "cut", "V2");
    reroot(county, key, out, fingerprint);
    reroot(village, thief, theirs, other);
    confirm(village, fingerprint, NULL, 3);
    must_be_told(other); /* what waits here instead */
    confirm(village, fingerprint, out, 0);
    confirm(village, other, theirs, 3);
    must_be_told("is in force here already, or a newer one");
    drill_act(directory, "heal", "V2");
    goes(village, county);
    confirm(county, other, theirs, 0); /* where people are talked into it, it counts: there alone */
    goes(village, county);
    nobody_is_blamed(directory);
    drill_down(directory);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(people_confirm_it_node_by_node, terrace_drill_end),
        cmocka_unit_test_teardown(a_second_one_comes_too_late, terrace_drill_end),
    };
    if (count != 2)
        return 2;
    background_use(values[1]);
    terrace_use(values[1]);
    passphrase = terrace_file("phrase", "four words nobody guesses\n");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
