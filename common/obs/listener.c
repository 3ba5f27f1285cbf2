/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/listener.h"

#include "common/base/clock.h"
#include "common/obs/head.h"
#include "common/obs/turn_away.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct client
{
    int fd; /* -1: free */
    int64_t until_ms;
    char head[LISTENER_HEAD_BYTES + 1];
    size_t head_len;
    struct buf reply; /* once there is one */
    size_t sent;
    bool answering;
};

struct listener
{
    struct listener_config config;
    int fd;
    int port;
    int stop_fd;
    pthread_t thread;
    struct client client[LISTENER_MAX]; /* one of each connection slot */
};

static enum err_code open_socket(struct listener *listener, struct err *err)
{
    const struct listener_config *config = &listener->config;
    struct sockaddr_storage address = {0};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)config->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)config->port)};
    socklen_t len = sizeof six;
    if (inet_pton(AF_INET, config->host, &four.sin_addr) == 1)
        memcpy(&address, &four, len = sizeof four);
    else if (inet_pton(AF_INET6, config->host, &six.sin6_addr) == 1)
        memcpy(&address, &six, sizeof six);
    else
        return fail(err, E_CONFIG, "%s is no numeric address", config->host);
    int on = 1;
    listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return fail(err, E_UNAVAILABLE, "no socket to listen on");
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener->fd, (struct sockaddr *)&address, len) != 0 || listen(listener->fd, 64) != 0)
        return fail(err, E_UNAVAILABLE, "%s:%d cannot be listened on: is it in use?", config->host,
                    config->port);
    struct sockaddr_in6 bound = {0}; /* both kinds have the port at the same place */
    len = sizeof bound;
    getsockname(listener->fd, (struct sockaddr *)&bound, &len);
    listener->port = ntohs(bound.sin6_port);
    return E_OK;
}

/* ---- answering ------------------------------------------------------------------------------- */

static void write_reply(struct client *client, const char *status, const char *content_type,
                        const struct buf *body, bool with_body)
{
    buf_addf(&client->reply,
             "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
             "Connection: close\r\n\r\n",
             status, content_type, body->len);
    if (with_body)
        buf_add(&client->reply, body->data, body->len);
    client->answering = true;
}

/* Whether a line "Accept:" of the head names that. */
static bool accepts(const char *head, const char *what)
{
    static const char name[] = "\r\nAccept:";
    for (const char *line = head; (line = strcasestr(line, name)) != NULL;)
    {
        line += sizeof name - 1;
        const char *found = strstr(line, what);
        if (found != NULL && found < line + strcspn(line, "\r"))
            return true;
    }
    return false;
}

static const struct listener_page *find_page(const struct listener *listener, const char *head,
                                             const char *path)
{
    const size_t len = strcspn(path, " ?\r\n");
    for (size_t i = 0; i < listener->config.count; i++)
    {
        const struct listener_page *page = &listener->config.pages[i];
        if (strlen(page->path) == len && memcmp(page->path, path, len) == 0 &&
            (page->accept == NULL || accepts(head, page->accept)))
            return page;
    }
    return NULL;
}

static void write_problem(struct client *client, int number, const char *title, const char *header,
                          bool with_body)
{
    struct buf body;
    char status[80];
    buf_init(&body, LISTENER_MAX_REPLY_BYTES);
    buf_addf(&body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d}", title, number);
    snprintf(status, sizeof status, "%d %s%s", number, title, header);
    write_reply(client, status, "application/problem+json", &body, with_body);
    buf_fini(&body);
}

static void answer(struct listener *listener, struct client *client)
{
    struct buf body;
    buf_init(&body, LISTENER_MAX_REPLY_BYTES);
    bool get = strncmp(client->head, "GET ", 4) == 0;
    bool head = strncmp(client->head, "HEAD ", 5) == 0;
    const char *path = client->head + (head ? 5 : 4);
    const struct listener_page *page = get || head ? find_page(listener, client->head, path) : NULL;
    if (page != NULL)
    {
        bool good = page->fill(listener->config.of, &body) == REPORT_GOOD;
        write_reply(client, good ? "200 OK" : "503 Service Unavailable\r\nRetry-After: 5", page->content_type,
                    &body, !head);
    }
    else if (get || head)
        write_problem(client, 404, "Not Found", "", !head);
    else
        write_problem(client, 405, "Method Not Allowed", "\r\nAllow: GET, HEAD", true);
    buf_fini(&body);
}

/* ---- clients ----------------------------------------------------------------------------------- */

static void leave(struct client *client)
{
    shutdown(client->fd, SHUT_RDWR);
    close(client->fd);
    buf_fini(&client->reply);
    client->fd = -1;
}

static void come_in(struct listener *listener)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    const struct listener_config *config = &listener->config;
    bool welcome = config->allow == NULL || config->allow(config->of, (struct sockaddr *)&peer);
    for (size_t i = 0; welcome && i < LISTENER_MAX; i++)
    {
        struct client *client = &listener->client[i];
        if (client->fd >= 0)
            continue;
        client->fd = fd;
        client->until_ms = clock_mono_ms() + LISTENER_DEADLINE_MS;
        client->head_len = 0;
        client->sent = 0;
        client->answering = false;
        buf_init(&client->reply, LISTENER_MAX_REPLY_BYTES + LISTENER_HEAD_BYTES);
        return;
    }
    close(fd); /* not allowed, or no slot is free */
}

static void listen_to(struct listener *listener, struct client *client)
{
    ssize_t got = recv(client->fd, client->head + client->head_len, LISTENER_HEAD_BYTES - client->head_len,
                       MSG_DONTWAIT);
    if (got <= 0)
    {
        leave(client);
        return;
    }
    client->head_len += (size_t)got;
    client->head[client->head_len] = '\0';
    enum head_state state = head_look(client->head, client->head_len);
    if (state == HEAD_WHOLE)
        answer(listener, client);
    else if (state == HEAD_BROKEN)
        write_problem(client, 400, "Bad Request", "", true);
    else if (client->head_len == LISTENER_HEAD_BYTES)
        leave(client);
}

static void talk_to(struct client *client)
{
    ssize_t put = send(client->fd, client->reply.data + client->sent, client->reply.len - client->sent,
                       MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
        client->sent += (size_t)put;
    if (put < 0 || client->sent == client->reply.len)
        leave(client);
}

static size_t fill_poll(struct listener *listener, struct pollfd *fds, struct client **who)
{
    size_t count = 2;
    fds[0] = (struct pollfd){.fd = listener->stop_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = listener->fd, .events = POLLIN};
    for (size_t i = 0; i < LISTENER_MAX; i++)
    {
        struct client *client = &listener->client[i];
        if (client->fd < 0)
            continue;
        who[count] = client;
        fds[count++] = (struct pollfd){.fd = client->fd, .events = client->answering ? POLLOUT : POLLIN};
    }
    return count;
}

/* What poll found of the clients and of the listening socket. */
static void serve(struct listener *listener, const struct pollfd *fds, struct client **who, size_t count)
{
    for (size_t i = 2; i < count; i++)
    {
        if (clock_mono_ms() > who[i]->until_ms)
            leave(who[i]);
        else if (fds[i].revents != 0 && who[i]->answering)
            talk_to(who[i]);
        else if (fds[i].revents != 0)
            listen_to(listener, who[i]);
    }
    if (fds[1].revents != 0)
        come_in(listener);
}

/* Clients that were in the listening queue when we were stopped are answered too, if they ask soon. */
static void see_off(struct listener *listener)
{
    struct pollfd fds[LISTENER_MAX + 2];
    struct client *who[LISTENER_MAX + 2];
    const int64_t until_ms = clock_mono_ms() + LISTENER_LATE_MS;
    turn_away(listener->fd);
    for (int64_t left_ms = LISTENER_LATE_MS; left_ms > 0; left_ms = until_ms - clock_mono_ms())
    {
        size_t count = fill_poll(listener, fds, who);
        fds[0].fd = -1; /* we know */
        if (poll(fds, count, count > 2 ? (int)left_ms : 0) == 0 && count == 2)
            return;
        serve(listener, fds, who, count);
    }
}

static void *listener_main(void *of)
{
    struct listener *listener = of;
    struct pollfd fds[LISTENER_MAX + 2];
    struct client *who[LISTENER_MAX + 2];
    for (;;)
    {
        size_t count = fill_poll(listener, fds, who);
        poll(fds, count, count > 2 ? LISTENER_DEADLINE_MS / 8 : -1);
        if (fds[0].revents != 0)
            break;
        serve(listener, fds, who, count);
    }
    see_off(listener);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------- */

static void listener_free(struct listener *listener)
{
    for (size_t i = 0; i < LISTENER_MAX; i++)
        if (listener->client[i].fd >= 0)
            leave(&listener->client[i]);
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->stop_fd >= 0)
        close(listener->stop_fd);
    free(listener);
}

enum err_code listener_start(const struct listener_config *config, struct listener **out, struct err *err)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    listener->config = *config;
    listener->fd = -1;
    for (size_t i = 0; i < LISTENER_MAX; i++)
        listener->client[i].fd = -1;
    listener->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum err_code code =
        listener->stop_fd < 0 ? fail(err, E_UNAVAILABLE, "no descriptor left") : open_socket(listener, err);
    if (code == E_OK && pthread_create(&listener->thread, NULL, listener_main, listener) != 0)
        code = fail(err, E_NO_MEMORY, "no thread to listen on");
    if (code != E_OK)
    {
        listener_free(listener);
        return code;
    }
    *out = listener;
    return E_OK;
}

int listener_port(const struct listener *listener)
{
    return listener->port;
}

void listener_stop(struct listener *listener)
{
    if (listener == NULL)
        return;
    uint64_t one = 1;
    if (write(listener->stop_fd, &one, sizeof one) != sizeof one)
        abort(); /* an eventfd that is ours takes a one */
    pthread_join(listener->thread, NULL);
    listener_free(listener);
}
