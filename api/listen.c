/* SPDX-License-Identifier: Apache-2.0 */
#include "api/listen.h"

#include "api/reply.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
    BACKLOG = 1024,
    LATE_MS = 300,         /* for the requests of who stands in the queue */
    LATE_MAX = BACKLOG + 1 /* the kernel's queue holds one more than it was asked for */
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

size_t listen_waiting(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    return info.tcpi_unacked; /* of a socket that listens: the queue */
}

static void answer_late(int fd)
{
    char trash[4096];
    const size_t len = strlen(reply_raw_unavailable);
    if (send(fd, reply_raw_unavailable, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
        shutdown(fd, SHUT_WR);
    while (recv(fd, trash, sizeof trash, MSG_DONTWAIT) > 0)
        ;
    close(fd);
}

static size_t take_late(int fd, struct pollfd *late)
{
    size_t count = 0;
    while (count < LATE_MAX)
    {
        const int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (one < 0)
            break;
        late[count++] = (struct pollfd){.fd = one, .events = POLLIN};
    }
    return count;
}

/* Each when its request comes, and the others, who find it when they ask, when the time is over. */
static void answer_all(struct pollfd *late, size_t count, int64_t until_ms)
{
    for (size_t left = count; left > 0;)
    {
        const int64_t left_ms = until_ms - clock_mono_ms();
        if (left_ms <= 0 || poll(late, count, (int)left_ms) <= 0)
            break;
        for (size_t i = 0; i < count; i++)
        {
            if (late[i].fd < 0 || late[i].revents == 0)
                continue;
            answer_late(late[i].fd);
            late[i].fd = -1;
            left--;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (late[i].fd >= 0)
            answer_late(late[i].fd);
}

void listen_close(int fd)
{
    if (fd < 0)
        return;
    struct pollfd late[LATE_MAX];
    const int64_t until_ms = clock_mono_ms() + LATE_MS;
    for (size_t count; (count = take_late(fd, late)) > 0;)
    {
        answer_all(late, count, until_ms);
        if (clock_mono_ms() >= until_ms)
            break;
    }
    close(fd);
}
