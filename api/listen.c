/* SPDX-License-Identifier: Apache-2.0 */
#include "api/listen.h"

#include "api/reply.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
    BACKLOG = 1024,
    LATE_WAIT_MS = 200, /* for the request of one, on a machine that is busy */
    LATE_ALL_MS = 500,
    LATE_MAX = 256
};

static socklen_t address_of(const struct conf_listen *at, struct sockaddr_storage *out)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    if (inet_pton(AF_INET, at->host, &four.sin_addr) == 1)
    {
        memcpy(out, &four, sizeof four);
        return sizeof four;
    }
    if (inet_pton(AF_INET6, at->host, &six.sin6_addr) != 1)
        return 0;
    memcpy(out, &six, sizeof six);
    return sizeof six;
}

static int port_of(int fd)
{
    struct sockaddr_in6 six = {0}; /* both kinds have the port at the same place */
    socklen_t len = sizeof six;
    if (getsockname(fd, (struct sockaddr *)&six, &len) != 0)
        return 0;
    return ntohs(six.sin6_port);
}

enum err_code listen_open(const struct conf_listen *at, int *out, int *port, struct err *err)
{
    struct sockaddr_storage address = {0};
    socklen_t len = address_of(at, &address);
    if (len == 0)
        return fail(err, E_CONFIG, "API_LISTEN: %s is no numeric address", at->host);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, E_UNAVAILABLE, "no socket to listen on");
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0)
    {
        bool taken = errno == EADDRINUSE;
        close(fd);
        return fail(err, E_UNAVAILABLE, "API_LISTEN: %s:%u %s", at->host, at->port,
                    taken ? "is already in use by another program" : "cannot be listened on");
    }
    *out = fd;
    *port = port_of(fd);
    return E_OK;
}

static void answer_late(int fd, int64_t wait_ms)
{
    char trash[4096];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    size_t len = strlen(reply_raw_unavailable);
    if (poll(&wait, 1, (int)wait_ms) == 1 && recv(fd, trash, sizeof trash, MSG_DONTWAIT) > 0 &&
        send(fd, reply_raw_unavailable, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
    {
        shutdown(fd, SHUT_WR);
        while (recv(fd, trash, sizeof trash, MSG_DONTWAIT) > 0)
            ;
    }
    close(fd);
}

void listen_close(int fd)
{
    if (fd < 0)
        return;
    const int64_t until_ms = clock_mono_ms() + LATE_ALL_MS;
    for (int i = 0; i < LATE_MAX; i++)
    {
        const int64_t left_ms = until_ms - clock_mono_ms();
        int late = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (late < 0)
            break;
        answer_late(late, left_ms < 0 ? 0 : left_ms < LATE_WAIT_MS ? left_ms : LATE_WAIT_MS);
    }
    close(fd);
}
