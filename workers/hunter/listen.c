/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or the errno of the failure. */
static int try_one(const struct addrinfo *address)
{
    const int on = 1;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? 0 : errno; /* the engine reports a family that this machine lacks */
    if (address->ai_socktype == SOCK_STREAM)      /* connections of a run before may still be closing */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int why = bind(fd, address->ai_addr, address->ai_addrlen) != 0 ? errno : 0;
    if (why == 0 && address->ai_socktype == SOCK_STREAM && listen(fd, 1) != 0)
        why = errno;
    close(fd);
    return why;
}

enum err_code listen_try(const struct conf_listen *at, struct err *err)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    char port[16];
    snprintf(port, sizeof port, "%d", at->port);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    {
        const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                                       .ai_socktype = types[i]};
        struct addrinfo *found = NULL;
        if (getaddrinfo(at->host, port, &hints, &found) != 0)
            return fail(err, E_CONFIG, "TORRENT_LISTEN: %.60s is not an address", at->host);
        int why = try_one(found);
        freeaddrinfo(found);
        if (why == EADDRINUSE)
            return fail(
                err, E_UNAVAILABLE,
                "TORRENT_LISTEN: port %d is in use by another program: stop that one, or name another port",
                at->port);
        if (why != 0)
            return fail(err, E_CONFIG, "TORRENT_LISTEN: cannot listen on %.60s:%d: %s", at->host, at->port,
                        strerror(why));
    }
    return E_OK;
}
