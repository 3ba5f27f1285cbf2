/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
    MAX_CONNECTIONS = 256
};

struct connection
{
    struct scripted_server *server;
    int fd;
    pthread_t thread;
};

struct scripted_server
{
    void (*serve)(struct scripted_call *call, void *context);
    void *context;
    int listener;
    int stop; /* an eventfd, readable once the server stops */
    char url[64];
    atomic_int requests;
    atomic_int accepted;
    pthread_t thread;
    struct connection connections[MAX_CONNECTIONS]; /* the accepting thread's until it is joined */
    int connection_count;
};

static void die(const char *what)
{
    perror(what);
    abort();
}

/* Waits for `events` on fd; false once the server stops or after wait_ms (-1: for ever). */
static bool ready(const struct scripted_server *server, int fd, short events, int wait_ms)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = server->stop, .events = POLLIN}};
    while (poll(fds, 2, wait_ms) < 0)
        if (errno != EINTR)
            die("poll");
    return fds[1].revents == 0 && fds[0].revents != 0;
}

/* ---- answering --------------------------------------------------------------------------- */

bool scripted_send(struct scripted_call *call, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0)
    {
        if (!ready(call->server, call->fd, POLLOUT, -1))
            return false;
        ssize_t sent = send(call->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (sent <= 0)
        {
            call->over = true;
            return false;
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool scripted_send_text(struct scripted_call *call, const char *text)
{
    return scripted_send(call, text, strlen(text));
}

bool scripted_wait(struct scripted_call *call, int wait_ms)
{
    if (!ready(call->server, call->fd, POLLRDHUP, wait_ms))
    {
        struct pollfd stop = {.fd = call->server->stop, .events = POLLIN};
        return poll(&stop, 1, 0) == 0;
    }
    call->over = true;
    return false;
}

void scripted_reply_bytes(struct scripted_call *call, int status, const char *headers, const void *body,
                          size_t len)
{
    char head[8192];
    snprintf(head, sizeof head, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n", status, len,
             headers != NULL ? headers : "");
    if (scripted_send_text(call, head))
        scripted_send(call, body, len);
}

void scripted_reply(struct scripted_call *call, int status, const char *headers, const char *body)
{
    scripted_reply_bytes(call, status, headers, body, strlen(body));
}

void scripted_hang_up(struct scripted_call *call)
{
    call->over = true;
}

void scripted_reset(struct scripted_call *call)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(call->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    call->over = true;
}

bool scripted_header(const struct scripted_call *call, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    for (const char *line = call->headers; *line != '\0';)
    {
        size_t len = strcspn(line, "\r\n");
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0)
        {
            const char *from = line + name_len + 1 + strspn(line + name_len + 1, " ");
            snprintf(value, size, "%.*s", (int)(len - (size_t)(from - line)), from);
            return true;
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return false;
}

/* ---- reading requests -------------------------------------------------------------------- */

static bool receive(struct scripted_call *call, char *bytes, size_t size, size_t *len)
{
    if (!ready(call->server, call->fd, POLLIN, -1))
        return false;
    ssize_t got = recv(call->fd, bytes, size, 0);
    if (got <= 0)
        return false;
    *len = (size_t)got;
    return true;
}

static bool read_body(struct scripted_call *call, const char *early, size_t early_len)
{
    char value[32];
    size_t want = scripted_header(call, "Content-Length", value, sizeof value) ? strtoul(value, NULL, 10) : 0;
    free(call->body);
    call->body = calloc(1, want + 1);
    call->body_len = early_len < want ? early_len : want;
    if (call->body == NULL)
        die("calloc");
    memcpy(call->body, early, call->body_len);
    while (call->body_len < want)
    {
        size_t got = 0;
        if (!receive(call, call->body + call->body_len, want - call->body_len, &got))
            return false;
        call->body_len += got;
    }
    return true;
}

static bool read_request(struct scripted_call *call)
{
    char bytes[sizeof call->headers];
    size_t len = 0;
    char *end = NULL;
    while (end == NULL)
    {
        size_t got = 0;
        if (len + 1 >= sizeof bytes || !receive(call, bytes + len, sizeof bytes - 1 - len, &got))
            return false;
        len += got;
        bytes[len] = '\0';
        end = strstr(bytes, "\r\n\r\n");
    }
    end[2] = '\0';
    if (sscanf(bytes, "%15s %8191s", call->method, call->target) != 2)
        return false;
    snprintf(call->headers, sizeof call->headers, "%s", strstr(bytes, "\r\n") + 2);
    return read_body(call, end + 4, len - (size_t)(end + 4 - bytes));
}

static void *run_connection(void *context)
{
    struct connection *connection = context;
    struct scripted_server *server = connection->server;
    struct scripted_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        die("calloc");
    call->server = server;
    call->fd = connection->fd;
    while (!call->over && read_request(call))
    {
        call->number = atomic_fetch_add(&server->requests, 1) + 1;
        server->serve(call, server->context);
    }
    close(connection->fd);
    free(call->body);
    free(call);
    return NULL;
}

static void *run_listener(void *context)
{
    struct scripted_server *server = context;
    while (ready(server, server->listener, POLLIN, -1) && server->connection_count < MAX_CONNECTIONS)
    {
        struct connection *connection = &server->connections[server->connection_count];
        connection->server = server;
        connection->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection->fd < 0)
            continue;
        if (pthread_create(&connection->thread, NULL, run_connection, connection) != 0)
            die("pthread_create");
        server->connection_count++;
        atomic_fetch_add(&server->accepted, 1);
    }
    return NULL;
}

struct scripted_server *scripted_server_start(void (*serve)(struct scripted_call *call, void *context),
                                              void *context)
{
    struct scripted_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    if (server == NULL)
        die("calloc");
    server->serve = serve;
    server->context = context;
    server->stop = eventfd(0, EFD_CLOEXEC);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->stop < 0 || server->listener < 0 ||
        bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->listener, 64) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0)
        die("scripted server");
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    if (pthread_create(&server->thread, NULL, run_listener, server) != 0)
        die("pthread_create");
    return server;
}

void scripted_server_stop(struct scripted_server *server)
{
    if (server == NULL)
        return;
    uint64_t one = 1;
    if (write(server->stop, &one, sizeof one) != sizeof one)
        die("eventfd");
    pthread_join(server->thread, NULL);
    for (int i = 0; i < server->connection_count; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->listener);
    close(server->stop);
    free(server);
}

const char *scripted_server_url(const struct scripted_server *server)
{
    return server->url;
}

int scripted_server_requests(const struct scripted_server *server)
{
    return atomic_load(&server->requests);
}

int scripted_server_connections(const struct scripted_server *server)
{
    return atomic_load(&server->accepted);
}
