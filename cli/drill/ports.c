/* Free TCP ports. */
#include "cli/drill/ports.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/author/keys.h"

enum {
    PORT_LEAST = 10000,
    PORT_OUTGOING_USUAL = 32768, /* where Linux begins to take ports for outgoing connections */
    PORT_MOST = 65535,
};

static uint32_t outgoing_begin(void)
{
    unsigned low = 0;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (file == NULL || fscanf(file, "%u", &low) != 1 || low < PORT_LEAST + 2048 || low > PORT_MOST)
        low = PORT_OUTGOING_USUAL;
    if (file != NULL)
        fclose(file);
    return low;
}

static bool is_free(uint32_t port)
{
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return false;
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool bound = bind(made, (struct sockaddr *)&address, sizeof address) == 0;
    close(made);
    return bound;
}

/* Where one may look, and where it is now. */
struct port_range {
    uint32_t low, high, next, tries;
};

static struct port_range range_from(uint64_t base)
{
    struct port_range range = {PORT_LEAST, base != 0 ? PORT_MOST : outgoing_begin() - 1, 0, 0};
    uint32_t draw = 0;
    random_bytes(&draw, sizeof draw);
    range.next = base != 0 ? (uint32_t)base : range.low + draw % (range.high - range.low);
    range.tries = range.high - (base != 0 ? range.next : range.low);
    return range;
}

static bool is_taken(const struct drill *drill, uint32_t port)
{
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (drill->seats[i].port == port)
            return true;
    }
    return false;
}

static enum error_code take_port(const struct drill *drill, struct port_range *range,
                                 uint16_t *port, struct error *error)
{
    for (; range->tries != 0; range->tries--) {
        uint32_t one = range->next;
        range->next = one == range->high ? range->low : one + 1;
        if (is_taken(drill, one) || !is_free(one))
            continue;
        range->tries--;
        *port = (uint16_t)one;
        return ERR_OK;
    }
    error_set(error, ERR_FULL, "ports", "too few TCP ports of 127.0.0.1 are free");
    error_next(error, "name another place with --base-port N");
    return ERR_FULL;
}

enum error_code ports_choose(struct drill *drill, uint64_t base, struct error *error)
{
    struct port_range range = range_from(base);
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (drill->seats[i].child_count != 0 &&
            take_port(drill, &range, &drill->seats[i].port, error) != ERR_OK)
            return error->code;
    }
    return ERR_OK;
}

enum error_code ports_one(const struct drill *drill, uint16_t *port, struct error *error)
{
    struct port_range range = range_from(0);
    return take_port(drill, &range, port, error);
}
