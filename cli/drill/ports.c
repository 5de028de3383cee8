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

enum error_code ports_choose(struct drill *drill, uint64_t base, struct error *error)
{
    uint32_t low = PORT_LEAST, high = base != 0 ? PORT_MOST : outgoing_begin() - 1, draw = 0;
    random_bytes(&draw, sizeof draw);
    uint32_t port = base != 0 ? (uint32_t)base : low + draw % (high - low);
    uint32_t tries = high - (base != 0 ? port : low);
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (drill->seats[i].child_count == 0)
            continue;
        while (tries != 0 && !is_free(port)) {
            port = port == high ? low : port + 1;
            tries--;
        }
        if (tries == 0) {
            error_set(error, ERR_FULL, "ports", "too few TCP ports of 127.0.0.1 are free");
            error_next(error, "name another place with --base-port N");
            return ERR_FULL;
        }
        drill->seats[i].port = (uint16_t)port;
        port = port == high ? low : port + 1;
        tries--;
    }
    return ERR_OK;
}
