/* Getting in by a token: once, by one machine, over a real link; and every other case says what to
 * do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "node/author/invite.h"
#include "node/join_client.h"
#include "tests/process/drill_world.h"
#include "tests/process/run_terrace.h"

static const char *county;

static void invite(const char *seat, char token[static 1024])
{
    char key[4096];
    snprintf(key, sizeof key, "%s/keys/admin.key", drill_node(county, "T1"));
    assert_int_equal(terrace_run("-d", drill_node(county, "T1"), "--json", "topology", "invite",
                                 seat, "--key", key, NULL),
                     0);
    snprintf(token, 1024, "%s", json_string_value(json_object_get(terrace_json(), "token")));
}

static int join(const char *name, const char *token, const char *wait)
{
    return terrace_run("-d", terrace_path(name), "join", token, "--map-mib", "64", "--wait", wait,
                       NULL);
}

static void refused(const char *why, const char *next)
{
    if (strstr(terrace_errors(), why) == NULL || strstr(terrace_errors(), next) == NULL)
        fail_msg("expected \"%s\" and \"%s\" in: %s", why, next, terrace_errors());
}

static void a_token_is_all_it_takes(void **state)
{
    char token[1024];
    (void)state;
    county = drill_up("tokens", tree_of_five);
    invite("V3", token);
    assert_int_equal(join("V3", token, "30"), 0);
    assert_int_equal(join("V3", token, "30"), 0); /* the same machine: the same answer */
    assert_int_equal(join("V3-other", token, "30"), 3);
    refused("another machine has used it", "tell the people of the seat above");
    newcomer_works(county, terrace_path("V3"));
    drill_down(county);
}

/* Its parent away, then back; a machine made for another seat; a token that has expired; one that
 * was taken back; another tree's. */
static void what_does_not_fit_says_what_to_do(void **state)
{
    char token[1024], expired[1024], gone[1024];
    struct token read;
    struct invite kept;
    struct error error;
    uint8_t psk[KEY_BYTES];
    (void)state;
    county = drill_up("odd tokens", tree_of_five);
    const char *township = drill_node(county, "T1");
    invite("V4", token);
    drill_act(county, "kill", "T1");
    assert_int_equal(join("V4", token, "1"), 4);
    refused("nobody answers", "the same command again");
    pid_t calling = background("-d", terrace_path("V4"), "join", token, "--wait", "60", NULL);
    drill_act(county, "start", "T1");
    assert_int_equal(background_wait(calling), 0);
    invite("V5", token);
    assert_int_equal(
        terrace_run("-d", terrace_path("W"), "init", "--seat", "W", "--map-mib", "64", NULL), 0);
    assert_int_equal(join("W", token, "30"), 3);
    refused("it is for seat V5", "for that seat");
    invite("V6", expired);
    assert_int_equal(token_read(span_of_text(expired), &read, &error), ERR_OK);
    invite_names(read.secret, kept.id, psk);
    assert_int_equal(invite_load(township, kept.id, &kept, &error), ERR_OK);
    kept.expires_ms = 1;
    assert_int_equal(invite_write(township, &kept, &error), ERR_OK);
    assert_int_equal(join("V6", expired, "30"), 3);
    refused("it has expired", "topology invite");
    invite("V7", gone);
    assert_int_equal(token_read(span_of_text(gone), &read, &error), ERR_OK);
    invite_names(read.secret, kept.id, psk);
    assert_int_equal(invite_load(township, kept.id, &kept, &error), ERR_OK);
    assert_int_equal(invite_remove(township, &kept, &error), ERR_OK);
    assert_int_equal(join("V7", gone, "30"), 3);
    refused("it was taken back", "ask the people");
    drill_act(county, "kill", "T1");
    drill_act(county, "start", "T1");
    assert_int_equal(join("V7", gone, "30"), 3);
    refused("knows nothing of this token", "topology invite");
    gone[60] = gone[60] == '7' ? '8' : '7';
    assert_int_equal(join("V7", gone, "30"), 3);
    refused("a letter of it is missing or wrong", "copy the whole text again");
    drill_down(county);
}

static void not_every_key_may_invite(void **state)
{
    char key[4096];
    (void)state;
    county = drill_up("inviting", tree_of_five);
    snprintf(key, sizeof key, "%s/keys/admin.key", drill_node(county, "T2"));
    assert_int_equal(
        terrace_run("-d", drill_node(county, "T1"), "topology", "invite", "V8", "--key", key, NULL),
        3);
    refused("may not sign for T1", "sign with an admin key of T1");
    snprintf(key, sizeof key, "%s/keys/admin.key", drill_node(county, "T1"));
    assert_int_equal(
        terrace_run("-d", drill_node(county, "T1"), "topology", "invite", "V1", "--key", key, NULL),
        3); /* there is one */
    refused("seat V1 is in the tree already", "topology replace");
    drill_down(county);
}

/* What the parent keeps of a token. */
static void kept_of(const char *directory, const char *text, struct invite *kept)
{
    struct token token;
    uint8_t id[INVITE_ID_BYTES], psk[KEY_BYTES];
    struct error error;
    assert_int_equal(token_read(span_of_text(text), &token, &error), ERR_OK);
    invite_names(token.secret, id, psk);
    assert_int_equal(invite_load(directory, id, kept, &error), ERR_OK);
}

struct kept {
    const char *directory, *token;
};

static bool seed_is_gone(const void *context)
{
    const struct kept *kept = context;
    struct invite invite;
    kept_of(kept->directory, kept->token, &invite);
    return !invite.has_seed;
}

/* Nobody has to come, and nothing to start anew, for the admin's seed to go when its time is up. */
static void an_expired_seed_goes_by_itself(void **state)
{
    enum { SOON_MS = 3000 };
    char token[1024], other[1024];
    struct invite kept;
    struct timespec now;
    (void)state;
    county = drill_up("expiring", tree_of_five);
    const char *township = drill_node(county, "T1");
    invite("V8", token);
    kept_of(township, token, &kept);
    assert_true(kept.has_seed);
    clock_gettime(CLOCK_REALTIME, &now);
    kept.expires_ms = (uint64_t)now.tv_sec * 1000 + SOON_MS;
    assert_int_equal(invite_write(township, &kept, NULL), ERR_OK);
    invite("V9", other); /* the node looks at all of them */
    const struct kept gone = {township, token}, stays = {township, other};
    until(seed_is_gone, &gone, "the seed of an expired invitation is gone");
    assert_false(seed_is_gone(&stays));
    drill_down(county);
}

static bool is_claimed(const void *context)
{
    const struct kept *kept = context;
    struct invite invite;
    kept_of(kept->directory, kept->token, &invite);
    return invite.state != INVITE_OPEN;
}

/* The parent dies while it lets a machine in: after it has taken the token for this machine,
 * before, while or after it signs. Whenever that is, the machine gets its seat, once. */
static void the_parent_dies_while_it_lets_one_in(void **state)
{
    static const char *const seats[] = {"K1", "K2", "K3", "K4"};
    (void)state;
    county = drill_up("dying", tree_of_five);
    const char *township = drill_node(county, "T1");
    for (size_t i = 0; i < sizeof seats / sizeof *seats; i++) {
        char token[1024];
        invite(seats[i], token);
        const struct kept kept = {township, token};
        pid_t calling = background("-d", terrace_path(seats[i]), "join", token, "--map-mib", "64",
                                   "--wait", "60", NULL);
        until(is_claimed, &kept, "the token is claimed");
        drill_act(county, "kill", "T1");
        drill_act(county, "start", "T1");
        if (background_wait(calling) != 0) /* cut off in mid-answer: the same command again */
            assert_int_equal(join(seats[i], token, "30"), 0);
        assert_int_equal(terrace_run("-d", township, "--json", "topology", "show", seats[i], NULL),
                         0);
        assert_non_null(strstr(terrace_output(), "\"generation\":1"));
        assert_null(strstr(terrace_output(), "\"generation\":2"));
        struct invite after;
        kept_of(township, token, &after);
        assert_int_equal(after.state, INVITE_USED);
        assert_false(after.has_seed);
    }
    pid_t village = background("-d", terrace_path("K4"), "run", NULL);
    status_reaches(township, "children.live", 2);
    const char *id = node_put(terrace_path("K4"), "incident", "let in by a parent that died");
    node_gets(drill_node(county, "C"), "incident", id);
    assert_int_equal(background_stop(village), 0);
    drill_down(county);
}

static int dial_township(void)
{
    struct node_config config;
    struct error error;
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(config_load(drill_node(county, "T1"), &config, &error), ERR_OK);
    const char *port = strrchr(config.listen, ':');
    assert_non_null(port);
    address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(file >= 0);
    assert_int_equal(connect(file, (struct sockaddr *)&address, sizeof address), 0);
    return file;
}

/* First messages with ids that nobody invited, and of the right length: closed, counted; the
 * village keeps its link and a token works meanwhile. */
static void strangers_at_the_door_change_nothing(void **state)
{
    enum { STRANGERS = 200, FIRST_BYTES = 107 };
    char token[1024];
    (void)state;
    county = drill_up("door", tree_of_five);
    invite("V3", token);
    for (unsigned i = 0; i < STRANGERS; i++) {
        uint8_t first[FIRST_BYTES] = {0, FIRST_BYTES - 2, 2}, byte;
        int file = dial_township();
        random_bytes(first + 3, sizeof first - 3);
        assert_int_equal(send(file, first, sizeof first, MSG_NOSIGNAL), sizeof first);
        assert_true(recv(file, &byte, 1, 0) <= 0);
        close(file);
    }
    status_reaches(drill_node(county, "T1"), "refused.handshake", STRANGERS);
    assert_int_equal(status_number(drill_node(county, "T1"), "children.live"), 1);
    assert_int_equal(join("V3-door", token, "30"), 0);
    drill_down(county);
}

/* Who has the token, and asks with somebody else's link key or an unsigned request, is told so in
 * words; the token stays good for its village. */
static void a_token_with_another_request_is_refused(void **state)
{
    char text[1024];
    struct token token;
    struct node_config config;
    struct node_request request;
    struct node_keys keys, other;
    struct buffer pack = {0};
    struct error error;
    (void)state;
    county = drill_up("requests", tree_of_five);
    invite("V3", text);
    assert_int_equal(token_read(span_of_text(text), &token, &error), ERR_OK);
    config_usual(&config);
    strcpy(config.seat, "V3");
    node_keys_make(&keys, NULL);
    node_keys_make(&other, NULL);
    request_of(&config, &other, &request);
    assert_int_equal(join_dial(&token, &keys, &request, 30000, &pack, &error), ERR_FORGED);
    assert_non_null(strstr(error.why, "another link key"));
    request_of(&config, &keys, &request);
    request.proof[5] ^= 1;
    assert_int_equal(join_dial(&token, &keys, &request, 30000, &pack, &error), ERR_FORGED);
    assert_int_equal(pack.size, 0);
    assert_int_equal(join("V3-asked", text, "30"), 0);
    drill_down(county);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_token_is_all_it_takes, terrace_drill_end),
        cmocka_unit_test_teardown(what_does_not_fit_says_what_to_do, terrace_drill_end),
        cmocka_unit_test_teardown(not_every_key_may_invite, terrace_drill_end),
        cmocka_unit_test_teardown(an_expired_seed_goes_by_itself, terrace_drill_end),
        cmocka_unit_test_teardown(the_parent_dies_while_it_lets_one_in, terrace_drill_end),
        cmocka_unit_test_teardown(strangers_at_the_door_change_nothing, terrace_drill_end),
        cmocka_unit_test_teardown(a_token_with_another_request_is_refused, terrace_drill_end),
    };
    if (count != 2 || !crypto_start())
        return 2;
    terrace_use(values[1]);
    background_use(values[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    terrace_leave();
    return failed;
}
