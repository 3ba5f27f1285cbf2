/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_load: asks the API over connections that are kept alive, from one thread.
 *
 *   --port P --connections C --request FILE [--tokens FILE] [--ids FILE]
 *   --seconds S | --count N      closed loop: each connection asks as soon as it was answered
 *   --rate R --seconds S|--count N   open loop: Poisson arrivals on whichever connection is free, in turn;
 * the time of an answer counts from when its request was due
 *   --times FILE                 a line per answer: the job_id in it, wall us when due and when answered
 *   --hold                       opens all, asks once on each, prints READY and keeps them until stdin ends
 *   --addresses N                connections come from 127.0.1.1 and the N - 1 addresses after it, in turn
 *   --tolerant                   a connection that the API closes is counted and not used again
 *
 * FILE holds one request, head and body; @TOKEN@ is replaced by a line of the tokens (one per
 * connection, in turn), @ID@ by any line of the ids, anew for every request.
 * Prints {"requests","seconds","rate","failed","shed","cut","closed","p50_ms","p95_ms","p99_ms","max_ms"}:
 * failed is whatever has no 2xx, shed the part of it with 503, cut the part without an answer; closed are
 * connections that the API has ended.
 */
#include "bench/lines.h"
#include "bench/option.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum
{
    REQUEST_MAX = 8192,
    ANSWER_MAX = 65536,
    EVENTS = 256,
    GRACE_MS = 10000, /* for the last answers */
    FIRST_ADDRESS = 0x7f000101
};

struct connection
{
    int fd; /* -1: the API has closed it */
    const char *token;
    char answer[ANSWER_MAX];
    size_t len;
    int64_t due_ns;
    int64_t due_wall_us;
    bool busy;
};

struct load
{
    int port;
    int addresses; /* 0: whatever the kernel gives */
    bool tolerant;
    int epoll;
    struct connection *connections;
    int count;
    int next; /* whose turn it is, when it is free */
    char *request;
    struct lines tokens;
    struct lines ids;
    FILE *times;
    double rate; /* 0: closed loop */
    int64_t wanted;
    int64_t until_ns;
    int64_t asked;
    int64_t answered;
    int64_t failed;
    int64_t shed;
    int64_t cut;
    int64_t closed;
    int64_t *took_ns;
    size_t took_max;
    uint64_t seed;
};

static uint64_t draw(struct load *load)
{
    load->seed ^= load->seed << 13;
    load->seed ^= load->seed >> 7;
    load->seed ^= load->seed << 17;
    return load->seed;
}

static int64_t wall_us(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

static void come_from(const struct load *load, const struct connection *connection)
{
    const int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr =
        htonl(FIRST_ADDRESS + (uint32_t)((connection - load->connections) % load->addresses));
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(connection->fd, (struct sockaddr *)&from, sizeof from) != 0)
        give_up("bind");
}

static void connect_one(struct load *load, struct connection *connection)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    const int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        give_up("socket");
    if (load->addresses > 0)
        come_from(load, connection);
    if (connect(connection->fd, (struct sockaddr *)&to, sizeof to) != 0)
        give_up("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        give_up("epoll_ctl");
}

/* The request with its placeholders filled; its length. */
static size_t fill(struct load *load, const struct connection *connection, char out[REQUEST_MAX])
{
    size_t len = 0;
    const char *at = load->request;
    while (*at != '\0')
    {
        const char *put = NULL;
        if (strncmp(at, "@TOKEN@", 7) == 0)
            put = connection->token, at += 7;
        else if (strncmp(at, "@ID@", 4) == 0)
            put = load->ids.line[draw(load) % load->ids.count], at += 4;
        size_t n = put != NULL ? strlen(put) : 1;
        if (len + n >= REQUEST_MAX)
            give_up("the request is too long");
        memcpy(out + len, put != NULL ? put : at++, n);
        len += n;
    }
    return len;
}

static void closed(struct load *load, struct connection *connection)
{
    if (!load->tolerant)
        give_up("the API closed a connection");
    load->cut += connection->busy;
    load->failed += connection->busy;
    load->asked -= connection->busy;
    connection->busy = false;
    close(connection->fd);
    connection->fd = -1;
    load->closed++;
}

static void ask(struct load *load, struct connection *connection, int64_t due_ns)
{
    char request[REQUEST_MAX];
    size_t len = fill(load, connection, request);
    connection->busy = true;
    connection->len = 0;
    connection->due_ns = due_ns;
    connection->due_wall_us = wall_us() - (clock_mono_ns() - due_ns) / 1000;
    load->asked++;
    if (send(connection->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        closed(load, connection);
}

/* The length of the whole answer, 0 while its head is not there. */
static size_t answer_len(const struct connection *connection)
{
    const char *end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL)
        return 0;
    const char *length = strcasestr(connection->answer, "\r\nContent-Length:");
    size_t body = length != NULL && length < end ? strtoull(length + 17, NULL, 10) : 0;
    return (size_t)(end - connection->answer) + 4 + body;
}

static void note_times(struct load *load, const struct connection *connection)
{
    const char *id = strstr(connection->answer, "\"job_id\":\"");
    if (load->times != NULL && id != NULL)
        fprintf(load->times, "%.36s %lld %lld\n", id + 10, (long long)connection->due_wall_us,
                (long long)wall_us());
}

static void answered(struct load *load, struct connection *connection)
{
    if ((size_t)load->answered < load->took_max)
        load->took_ns[load->answered] = clock_mono_ns() - connection->due_ns;
    load->answered++;
    connection->busy = false;
    if (connection->answer[9] != '2')
    {
        load->shed += strncmp(connection->answer + 9, "503", 3) == 0;
        if (load->failed++ == 0 && !load->tolerant)
            fprintf(stderr, "bench: first refusal: %.300s\n", connection->answer);
    }
    note_times(load, connection);
}

static bool wants_more(const struct load *load)
{
    return load->asked < load->wanted && clock_mono_ns() < load->until_ns;
}

static void receive(struct load *load, struct connection *connection)
{
    size_t room = ANSWER_MAX - 1 - connection->len;
    ssize_t n = recv(connection->fd, connection->answer + connection->len, room, 0);
    if (n <= 0)
    {
        closed(load, connection);
        return;
    }
    connection->len += (size_t)n;
    connection->answer[connection->len] = '\0';
    size_t whole = answer_len(connection);
    if (whole == 0 || connection->len < whole)
        return;
    if (!connection->busy)
    {
        connection->len = 0; /* told without having asked: its end follows */
        return;
    }
    answered(load, connection);
    if (load->rate <= 0 && wants_more(load))
        ask(load, connection, clock_mono_ns());
}

static struct connection *free_one(struct load *load)
{
    for (int i = 0; i < load->count; i++)
    {
        struct connection *connection = &load->connections[load->next];
        load->next = (load->next + 1) % load->count;
        if (!connection->busy && connection->fd >= 0)
            return connection;
    }
    return NULL;
}

/* Sends what is due; how long until the next, in ms rounded down so that it is not late. */
static int pace(struct load *load, double *next_ns)
{
    struct connection *connection = NULL;
    while (wants_more(load) && (double)clock_mono_ns() >= *next_ns && (connection = free_one(load)) != NULL)
    {
        double u = ((double)(draw(load) >> 11) + 1) / 9007199254740993.0;
        ask(load, connection, (int64_t)*next_ns);
        *next_ns += -log(u) * 1e9 / load->rate;
    }
    double left_ms = (*next_ns - (double)clock_mono_ns()) / 1e6;
    if (!wants_more(load) || left_ms > 100)
        return 100;
    return left_ms < 0 ? 0 : (int)left_ms;
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS];
    double next_ns = (double)clock_mono_ns();
    for (int i = 0; load->rate <= 0 && i < load->count && wants_more(load); i++)
        ask(load, &load->connections[i], clock_mono_ns());
    int64_t patience_ns = load->until_ns + (int64_t)GRACE_MS * 1000000;
    while (wants_more(load) || load->answered < load->asked)
    {
        int wait_ms = load->rate > 0 ? pace(load, &next_ns) : 1000;
        int n = epoll_wait(load->epoll, events, EVENTS, wait_ms);
        for (int i = 0; i < n; i++)
            receive(load, events[i].data.ptr);
        if (clock_mono_ns() > patience_ns)
            give_up("the API does not answer");
    }
}

static void report(struct load *load, int64_t began_ns)
{
    double seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    size_t n = (size_t)load->answered < load->took_max ? (size_t)load->answered : load->took_max;
    sort_times(load->took_ns, n);
    printf("{\"requests\":%lld,\"seconds\":%.3f,\"rate\":%.0f,\"failed\":%lld,\"shed\":%lld,\"cut\":%lld,"
           "\"closed\":%lld,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           (long long)(load->answered + load->cut), seconds, (double)load->answered / seconds,
           (long long)load->failed, (long long)load->shed, (long long)load->cut, (long long)load->closed,
           (double)percentile(load->took_ns, n, 0.5) / 1e6, (double)percentile(load->took_ns, n, 0.95) / 1e6,
           (double)percentile(load->took_ns, n, 0.99) / 1e6, (double)percentile(load->took_ns, n, 1) / 1e6);
}

static void hold(struct load *load)
{
    char ignored[64];
    load->wanted = load->count;
    run(load);
    puts("READY");
    fflush(stdout);
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0)
        continue;
}

static bool has(const struct options *options, const char *name)
{
    for (int i = 1; i < options->argc; i++)
        if (strcmp(options->argv[i], name) == 0)
            return true;
    return false;
}

/* As many descriptors as one may have. */
static void take_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void open_all(struct load *load, const struct options *options)
{
    load->port = (int)option_int(options, "--port", 3000);
    load->addresses = (int)option_int(options, "--addresses", 0);
    load->tolerant = has(options, "--tolerant");
    load->count = (int)option_int(options, "--connections", 64);
    load->request = lines_file(option_text(options, "--request", ""));
    load->tokens = lines_read(option_text(options, "--tokens", NULL));
    load->ids = lines_read(option_text(options, "--ids", NULL));
    load->connections = calloc((size_t)load->count, sizeof *load->connections);
    load->took_max = 4000000;
    load->took_ns = calloc(load->took_max, sizeof *load->took_ns);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->connections == NULL || load->took_ns == NULL || load->epoll < 0)
        give_up("out of memory");
    for (int i = 0; i < load->count; i++)
    {
        struct connection *connection = &load->connections[i];
        connection->token = load->tokens.count > 0 ? load->tokens.line[(size_t)i % load->tokens.count] : "";
        connect_one(load, connection);
    }
}

int main(int argc, char **argv)
{
    const struct options options = {argc, argv};
    struct load load = {.seed = 88172645463325252u};
    const char *times = option_text(&options, "--times", NULL);
    take_descriptors();
    open_all(&load, &options);
    load.rate = (double)option_int(&options, "--rate", 0);
    load.wanted = option_int(&options, "--count", INT64_MAX);
    if (times != NULL && (load.times = fopen(times, "w")) == NULL)
        give_up(times);
    int64_t began_ns = clock_mono_ns();
    load.until_ns = began_ns + option_int(&options, "--seconds", 120) * 1000000000;
    if (has(&options, "--hold"))
        hold(&load);
    else
        run(&load);
    report(&load, began_ns);
    if (load.times != NULL)
        fclose(load.times);
    return 0;
}
