/* A TCP relay on this machine that counts what passes, and can be cut.
 *
 *     bench_relay LISTEN:TARGET...
 *
 * Every link that is measured passes here, ours and the peers'. Each line on stdin is an order,
 * answered by a line of JSON once it is done: `count` tells the bytes so far, `cut` closes all
 * connections and refuses new ones, `heal` listens again. The end of stdin is the end. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_MAX = 512, EVENTS_AT_ONCE = 64, HELD_BYTES = 256 << 10, BACKLOG = 512 };

enum kind { FROM_STDIN, FROM_LISTENER, FROM_SIDE };

struct port {
    enum kind kind;
    uint16_t listen, target;
    int file; /* -1 while cut */
};

/* One end of a connection, with what was read here and not yet written there. */
struct side {
    enum kind kind;
    int file;
    bool from_child, ended;
    struct side *other;
    size_t held, at;
    uint8_t bytes[HELD_BYTES];
    struct side *next; /* in the list of those to close or free */
};

static struct {
    int epoll;
    struct port ports[PORTS_MAX];
    size_t port_count;
    struct side *sides; /* of the child's ends */
    struct side *dead;  /* freed when no event of this turn can name them any more */
    uint64_t up, down, connections;
} relay;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench_relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(int file, void *data, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    epoll_ctl(relay.epoll, operation, file, &event);
}

static void listen_on(struct port *port)
{
    int one = 1;
    struct sockaddr_in address = address_of(port->listen);
    port->file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(port->file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(port->file, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(port->file, BACKLOG) != 0)
        give_up("listening");
    watch(port->file, port, EPOLLIN, EPOLL_CTL_ADD);
}

static struct side *new_side(int file, bool from_child)
{
    int one = 1;
    struct side *side = malloc(sizeof *side);
    if (side == NULL)
        give_up("memory");
    side->kind = FROM_SIDE;
    side->file = file;
    side->from_child = from_child;
    side->ended = false;
    side->held = side->at = 0;
    side->next = NULL;
    fcntl(file, F_SETFL, O_NONBLOCK);
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return side;
}

static void accept_one(struct port *port)
{
    struct sockaddr_in address = address_of(port->target);
    int child = accept4(port->file, NULL, NULL, SOCK_CLOEXEC);
    int parent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (child < 0 || connect(parent, (struct sockaddr *)&address, sizeof address) != 0) {
        close(parent);
        if (child >= 0)
            close(child);
        return;
    }
    struct side *from = new_side(child, true), *to = new_side(parent, false);
    from->other = to;
    to->other = from;
    from->next = relay.sides;
    relay.sides = from;
    relay.connections++;
    watch(child, from, EPOLLIN, EPOLL_CTL_ADD);
    watch(parent, to, EPOLLIN, EPOLL_CTL_ADD);
}

/* Both ends; memory goes when the turn is over. */
static void close_both(struct side *side)
{
    struct side *child = side->from_child ? side : side->other, **at = &relay.sides;
    if (child->file < 0)
        return;
    while (*at != child)
        at = &(*at)->next;
    *at = child->next;
    close(child->file);
    close(child->other->file);
    child->file = child->other->file = -1;
    child->next = relay.dead;
    relay.dead = child;
}

static bool pass_on(struct side *side)
{
    while (side->held > 0) {
        ssize_t gone = send(side->other->file, side->bytes + side->at, side->held, MSG_NOSIGNAL);
        if (gone < 0)
            return errno == EAGAIN;
        side->at += (size_t)gone;
        side->held -= (size_t)gone;
    }
    side->at = 0;
    if (side->ended)
        shutdown(side->other->file, SHUT_WR);
    return true;
}

static bool take(struct side *side)
{
    if (side->held > 0 || side->ended)
        return true;
    ssize_t got = read(side->file, side->bytes, HELD_BYTES);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    side->ended = got == 0;
    side->held = (size_t)got;
    *(side->from_child ? &relay.up : &relay.down) += (uint64_t)got;
    return pass_on(side);
}

static void watch_again(struct side *side)
{
    uint32_t events =
        (side->held == 0 && !side->ended ? EPOLLIN : 0) | (side->other->held > 0 ? EPOLLOUT : 0);
    watch(side->file, side, events, EPOLL_CTL_MOD);
}

static void serve(struct side *side, uint32_t events)
{
    bool good = side->file >= 0;
    if (!good)
        return;
    if ((events & EPOLLOUT) != 0)
        good = pass_on(side->other);
    if (good && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        good = take(side);
    bool over = side->ended && side->other->ended && side->held == 0 && side->other->held == 0;
    if (!good || over || (events & EPOLLERR) != 0) {
        close_both(side);
        return;
    }
    watch_again(side);
    watch_again(side->other);
}

static void cut(void)
{
    for (size_t i = 0; i < relay.port_count; i++) {
        close(relay.ports[i].file);
        relay.ports[i].file = -1;
    }
    while (relay.sides != NULL)
        close_both(relay.sides);
}

static void obey(const char *order)
{
    if (strcmp(order, "cut\n") == 0)
        cut();
    for (size_t i = 0; strcmp(order, "heal\n") == 0 && i < relay.port_count; i++) {
        if (relay.ports[i].file < 0)
            listen_on(&relay.ports[i]);
    }
    printf("{\"up\":%llu,\"down\":%llu,\"connections\":%llu}\n", (unsigned long long)relay.up,
           (unsigned long long)relay.down, (unsigned long long)relay.connections);
    fflush(stdout);
}

static void free_dead(void)
{
    while (relay.dead != NULL) {
        struct side *side = relay.dead;
        relay.dead = side->next;
        free(side->other);
        free(side);
    }
}

/* False: stdin has ended. */
static bool turn(void)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    char order[32];
    int count = epoll_wait(relay.epoll, events, EVENTS_AT_ONCE, -1);
    for (int i = 0; i < count; i++) {
        enum kind kind = *(enum kind *)events[i].data.ptr;
        if (kind == FROM_SIDE) {
            serve(events[i].data.ptr, events[i].events);
        } else if (kind == FROM_LISTENER) {
            accept_one(events[i].data.ptr);
        } else {
            if (fgets(order, sizeof order, stdin) == NULL)
                return false;
            obey(order);
        }
    }
    free_dead();
    return true;
}

int main(int argc, char **argv)
{
    static enum kind from_stdin = FROM_STDIN;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdin, NULL, _IONBF, 0);
    relay.epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(STDIN_FILENO, &from_stdin, EPOLLIN, EPOLL_CTL_ADD);
    for (int i = 1; i < argc && relay.port_count < PORTS_MAX; i++) {
        struct port *port = &relay.ports[relay.port_count++];
        char *colon = strchr(argv[i], ':');
        if (colon == NULL) {
            fprintf(stderr, "usage: bench_relay LISTEN:TARGET...\n");
            return 2;
        }
        *port = (struct port){.kind = FROM_LISTENER,
                              .listen = (uint16_t)strtoul(argv[i], NULL, 10),
                              .target = (uint16_t)strtoul(colon + 1, NULL, 10)};
        listen_on(port);
    }
    while (turn())
        continue;
    return 0;
}
