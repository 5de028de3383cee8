/* A wire that is listened to. */
#include "tests/process/wire_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/author/config.h"

enum { LINES_MAX = 64, PIECE = 16 << 10 };

struct line {
    int dialler, node; /* -1: closed */
};

struct relay {
    int listener;
    uint16_t to;
    FILE *up, *down;
    struct line lines[LINES_MAX];
    size_t count;
};

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* ---- the relay's process ---- */

static void line_close(struct line *line)
{
    close(line->dialler);
    close(line->node);
    *line = (struct line){-1, -1};
}

static bool write_all(int to, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = send(to, bytes + done, size - done, MSG_NOSIGNAL);
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

/* False: one end is gone. What is kept is on the disk before it goes on. */
static bool pass_on(int from, int to, FILE *kept)
{
    char bytes[PIECE];
    ssize_t got = recv(from, bytes, sizeof bytes, 0);
    if (got <= 0)
        return false;
    if (fwrite(bytes, 1, (size_t)got, kept) != (size_t)got || fflush(kept) != 0)
        _exit(1);
    return write_all(to, bytes, (size_t)got);
}

/* A node that doesn't run yet refuses: so does the relay, by closing. */
static void accept_line(struct relay *relay)
{
    struct sockaddr_in address = loopback(relay->to);
    struct line line = {accept(relay->listener, NULL, NULL), socket(AF_INET, SOCK_STREAM, 0)};
    size_t at = 0;
    while (at < relay->count && relay->lines[at].dialler >= 0)
        at++;
    if (line.dialler < 0 || line.node < 0 || at == LINES_MAX ||
        connect(line.node, (struct sockaddr *)&address, sizeof address) != 0) {
        line_close(&line);
        return;
    }
    relay->lines[at] = line;
    relay->count += at == relay->count;
}

static void serve(struct relay *relay)
{
    for (;;) {
        struct pollfd polled[1 + 2 * LINES_MAX] = {{.fd = relay->listener, .events = POLLIN}};
        for (size_t i = 0; i < relay->count; i++) {
            polled[1 + 2 * i] = (struct pollfd){.fd = relay->lines[i].dialler, .events = POLLIN};
            polled[2 + 2 * i] = (struct pollfd){.fd = relay->lines[i].node, .events = POLLIN};
        }
        size_t count = relay->count;
        if (poll(polled, 1 + 2 * count, -1) < 0 && errno != EINTR)
            _exit(1);
        for (size_t i = 0; i < count; i++) {
            struct line *line = &relay->lines[i];
            bool lasts = true;
            if (polled[1 + 2 * i].revents != 0)
                lasts = pass_on(line->dialler, line->node, relay->up);
            if (lasts && polled[2 + 2 * i].revents != 0)
                lasts = pass_on(line->node, line->dialler, relay->down);
            if (!lasts)
                line_close(line);
        }
        if (polled[0].revents != 0)
            accept_line(relay);
    }
}

/* ---- the test's side ---- */

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&address, &size), 0);
    close(probe);
    return ntohs(address.sin_port);
}

/* Gives the port at which the node listened. */
static uint16_t listen_elsewhere(const char *node, uint16_t port)
{
    struct node_config config;
    struct buffer text = {0};
    struct error error;
    char path[500];
    assert_int_equal(config_load(node, &config, &error), ERR_OK);
    const char *colon = strrchr(config.listen, ':');
    assert_non_null(colon);
    uint16_t before = (uint16_t)strtoul(colon + 1, NULL, 10);
    snprintf(config.listen, sizeof config.listen, "tcp://127.0.0.1:%u", port);
    config_write(&config, &text);
    snprintf(path, sizeof path, "%s/node.yaml", node);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
    buffer_free(&text);
    return before;
}

void wire_begin(struct wire *wire, const char *node, const char *up, const char *down)
{
    struct relay relay = {.to = free_port()};
    int yes = 1;
    wire->port = listen_elsewhere(node, relay.to);
    snprintf(wire->up, sizeof wire->up, "%s", up);
    snprintf(wire->down, sizeof wire->down, "%s", down);
    struct sockaddr_in address = loopback(wire->port);
    relay.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(relay.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    assert_int_equal(bind(relay.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(relay.listener, LINES_MAX), 0);
    relay.up = fopen(up, "w");
    relay.down = fopen(down, "w");
    assert_true(relay.up != NULL && relay.down != NULL);
    wire->pid = fork();
    assert_true(wire->pid >= 0);
    if (wire->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(&relay);
    }
    close(relay.listener);
    fclose(relay.up);
    fclose(relay.down);
}

void wire_end(struct wire *wire)
{
    int status;
    if (wire->pid <= 0)
        return;
    assert_int_equal(kill(wire->pid, SIGTERM), 0);
    assert_int_equal(waitpid(wire->pid, &status, 0), wire->pid);
    assert_true(WIFSIGNALED(status)); /* it hadn't ended by itself */
    wire->pid = 0;
}

void wire_say(const struct wire *wire, const char *words)
{
    struct sockaddr_in address = loopback(wire->port);
    char answer[PIECE];
    int dialled = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(dialled, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(write_all(dialled, words, strlen(words)));
    while (recv(dialled, answer, sizeof answer, 0) > 0)
        continue; /* until the node has had enough of it */
    close(dialled);
}
