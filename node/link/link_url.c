/* Which URLs a link may have: addresses in digits only, so that no name is ever looked up. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "node/link/link.h"

static bool port_valid(const char *text, bool listening)
{
    unsigned long port = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    port = strtoul(text, NULL, 10);
    return port <= 65535 && (port > 0 || listening);
}

static bool tcp_valid(const char *rest, bool listening)
{
    const bool six = rest[0] == '[';
    const char *host = rest + (six ? 1 : 0);
    const char *end = strchr(host, six ? ']' : ':');
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;

    if (!end || end == host || (size_t)(end - host) >= sizeof address)
        return false;
    memcpy(address, host, (size_t)(end - host));
    address[end - host] = '\0';
    if (inet_pton(six ? AF_INET6 : AF_INET, address, &parsed) != 1)
        return false;
    end += six ? 1 : 0;
    return *end == ':' && port_valid(end + 1, listening);
}

bool link_url_valid(const char *url, bool listening)
{
    const struct sockaddr_un *unused = NULL;

    if (strlen(url) > ENDPOINT_BYTES_MAX)
        return false;
    if (strncmp(url, "tcp://", 6) == 0)
        return tcp_valid(url + 6, listening);
    if (strncmp(url, "ipc://", 6) == 0)
        return url[6] == '/' && url[7] != '\0' && strlen(url + 6) < sizeof unused->sun_path;
    return false;
}
