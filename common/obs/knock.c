/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/knock.h"

#include "common/base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addrinfo *find(const char *host, int port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[12];
    snprintf(service, sizeof service, "%d", port);
    return getaddrinfo(host, service, &hints, &found) == 0 ? found : NULL;
}

static bool becomes(int fd, short events, int64_t until_ms)
{
    struct pollfd look = {.fd = fd, .events = events};
    int64_t left_ms = until_ms - clock_mono_ms();
    while (left_ms > 0)
    {
        int found = poll(&look, 1, (int)left_ms);
        if (found > 0 || (found < 0 && errno != EINTR))
            return found > 0;
        left_ms = until_ms - clock_mono_ms();
    }
    return false;
}

static bool ask(int fd, const struct addrinfo *where)
{
    static const char question[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    int64_t until_ms = clock_mono_ms() + KNOCK_MS;
    if (connect(fd, where->ai_addr, where->ai_addrlen) != 0 && errno != EINPROGRESS)
        return false;
    if (!becomes(fd, POLLOUT, until_ms))
        return false;
    if (send(fd, question, sizeof question - 1, MSG_NOSIGNAL) < 0)
        return errno == EPIPE ||
               errno == ECONNRESET; /* it was closed on purpose; nobody there is another error */
    return becomes(fd, POLLIN, until_ms);
}

bool knock(const char *host, int port)
{
    struct addrinfo *where = find(host, port);
    if (where == NULL)
        return false;
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool lives = fd >= 0 && ask(fd, where);
    if (fd >= 0)
        close(fd);
    freeaddrinfo(where);
    return lives;
}
