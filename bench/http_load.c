/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_load: asks the API over connections that are kept alive, from one thread.
 *
 *   --port P --connections C --request FILE [--tokens FILE] [--ids FILE]
 *   --seconds S | --count N      closed loop: each connection asks as soon as it was answered
 *   --rate R --count N           Poisson arrivals on whichever connection is free
 *   --times FILE                 a line per answer: the job_id in it, wall us when sent and when answered
 *   --hold                       opens all, asks once on each, prints READY and keeps them until stdin ends
 *
 * FILE holds one request, head and body; @TOKEN@ is replaced by a line of the tokens (one per
 * connection, in turn), @ID@ by any line of the ids, anew for every request.
 * Prints {"requests","seconds","rate","failed","p50_ms","p95_ms","p99_ms","max_ms"}.
 */
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
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum
{
    REQUEST_MAX = 8192,
    ANSWER_MAX = 65536,
    EVENTS = 256,
    GRACE_MS = 10000 /* for the last answers */
};

struct lines
{
    char *text;
    char **line;
    size_t count;
};

struct connection
{
    int fd;
    const char *token;
    char answer[ANSWER_MAX];
    size_t len;
    int64_t sent_ns;
    int64_t sent_wall_us;
    bool busy;
};

struct load
{
    int port;
    int epoll;
    struct connection *connections;
    int count;
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

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        give_up(path);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, file) != (size_t)size)
        give_up(path);
    fclose(file);
    return text;
}

static struct lines read_lines(const char *path)
{
    struct lines lines = {0};
    if (path == NULL)
        return lines;
    lines.text = read_file(path);
    for (char *at = lines.text; *at != '\0';)
    {
        lines.line = realloc(lines.line, (lines.count + 1) * sizeof *lines.line);
        if (lines.line == NULL)
            give_up("out of memory");
        lines.line[lines.count++] = at;
        at += strcspn(at, "\n");
        if (*at == '\n')
            *at++ = '\0';
    }
    return lines;
}

static int64_t wall_us(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

static void connect_one(struct load *load, struct connection *connection)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    const int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&to, sizeof to) != 0)
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

static void ask(struct load *load, struct connection *connection)
{
    char request[REQUEST_MAX];
    size_t len = fill(load, connection, request);
    connection->busy = true;
    connection->len = 0;
    connection->sent_ns = clock_mono_ns();
    connection->sent_wall_us = wall_us();
    if (send(connection->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        give_up("send");
    load->asked++;
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
        fprintf(load->times, "%.36s %lld %lld\n", id + 10, (long long)connection->sent_wall_us,
                (long long)wall_us());
}

static void answered(struct load *load, struct connection *connection)
{
    if ((size_t)load->answered < load->took_max)
        load->took_ns[load->answered] = clock_mono_ns() - connection->sent_ns;
    load->answered++;
    connection->busy = false;
    if (connection->answer[9] != '2')
    {
        if (load->failed++ == 0)
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
        give_up("the API closed a connection");
    connection->len += (size_t)n;
    connection->answer[connection->len] = '\0';
    size_t whole = answer_len(connection);
    if (whole == 0 || connection->len < whole)
        return;
    answered(load, connection);
    if (load->rate <= 0 && wants_more(load))
        ask(load, connection);
}

static struct connection *free_one(struct load *load)
{
    for (int i = 0; i < load->count; i++)
        if (!load->connections[i].busy)
            return &load->connections[i];
    return NULL;
}

/* Sends what is due; how long until the next, in ms rounded down so that it is not late. */
static int pace(struct load *load, double *next_ns)
{
    struct connection *connection = NULL;
    while (wants_more(load) && (double)clock_mono_ns() >= *next_ns && (connection = free_one(load)) != NULL)
    {
        double u = ((double)(draw(load) >> 11) + 1) / 9007199254740993.0;
        ask(load, connection);
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
        ask(load, &load->connections[i]);
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
    printf(
        "{\"requests\":%lld,\"seconds\":%.3f,\"rate\":%.0f,\"failed\":%lld,\"p50_ms\":%.3f,\"p95_ms\":%.3f,"
        "\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
        (long long)load->answered, seconds, (double)load->answered / seconds, (long long)load->failed,
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

static void open_all(struct load *load, const struct options *options)
{
    load->port = (int)option_int(options, "--port", 3000);
    load->count = (int)option_int(options, "--connections", 64);
    load->request = read_file(option_text(options, "--request", ""));
    load->tokens = read_lines(option_text(options, "--tokens", NULL));
    load->ids = read_lines(option_text(options, "--ids", NULL));
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
