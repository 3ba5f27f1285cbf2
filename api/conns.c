/* SPDX-License-Identifier: Apache-2.0 */
#include "api/conns.h"

#include "api/address.h"
#include "common/base/clock.h"

#include <linux/tcp.h> /* not netinet's: its tcp_info lacks the bytes */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum
{
    TICK_MS = 250,
    LOOK_EACH_TICKS = 4, /* how often idle connections are asked whether a byte has come */
    ADDRESS_BUCKETS = 4096,
    READ_WINDOW_MS = 10000,
    LINGER_MAX = 64,
    LINGER_MS = 2000,
    TCP_CLOSE_WAIT_STATE = 8, /* netinet's name for it cannot be included beside the kernel's header */
    LINGER_READS = 64         /* of 16 KiB at a time, so that one sender does not keep the thread */
};

struct address_count
{
    struct address_count *next;
    size_t count;
    char text[REQUEST_CLIENT_SIZE];
};

struct conn
{
    struct conn *next;
    struct conn *before;
    struct conns *conns;
    struct request *request;
    int fd;
    atomic_int phase;
    _Atomic int64_t since_ms;
    atomic_bool linger;
    bool late;  /* shut down already */
    bool extra; /* it came when all slots were taken */
    int64_t came_ms;
    bool sent_away;
    struct address_count *address;
    /* The reaper's: how much had come (sending: had arrived) when the phase that began at seen_since_ms was
     * first seen. */
    int64_t seen_since_ms;
    uint64_t seen_bytes;
    int64_t began_ms; /* first byte after that, 0: none; sending: when seen_bytes was seen */
};

struct lingering
{
    int fd;
    int64_t until_ms;
};

struct conns
{
    pthread_mutex_t lock; /* guards the list, addresses and lingering; conn.fd is open while it is listed */
    struct conn *head;
    size_t count;
    struct conn *extra[CONNS_EXTRA]; /* those that came when all slots were taken, in no order */
    struct address_count *bucket[ADDRESS_BUCKETS];
    struct lingering lingering[LINGER_MAX];
    size_t lingering_count;
    struct conns_config config;
    pthread_t reaper;
    atomic_bool stopping;
    unsigned ticks;
};

/* ---- addresses ------------------------------------------------------------------------------ */

static struct address_count **address_link(struct conns *conns, const char *text)
{
    uint32_t hash = 2166136261u;
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    struct address_count **link = &conns->bucket[hash % ADDRESS_BUCKETS];
    while (*link != NULL && strcmp((*link)->text, text) != 0)
        link = &(*link)->next;
    return link;
}

static struct address_count *address_get(struct conns *conns, const char *text)
{
    struct address_count **link = address_link(conns, text);
    if (*link == NULL)
    {
        *link = calloc(1, sizeof **link);
        if (*link == NULL)
            return NULL;
        memcpy((*link)->text, text, strlen(text) + 1);
    }
    (*link)->count++;
    return *link;
}

static void address_put(struct conns *conns, struct address_count *address)
{
    if (--address->count > 0)
        return;
    struct address_count **link = address_link(conns, address->text);
    *link = address->next;
    free(address);
}

bool conns_admit(struct conns *conns, const struct sockaddr *peer)
{
    if (conns->config.exempt != NULL && conns->config.exempt(conns->config.of, peer))
        return true;
    char text[REQUEST_CLIENT_SIZE];
    address_text(peer, text);
    pthread_mutex_lock(&conns->lock);
    struct address_count *address = *address_link(conns, text);
    bool room = address == NULL || address->count < conns->config.max_per_address;
    pthread_mutex_unlock(&conns->lock);
    return room;
}

/* ---- beyond the slots -------------------------------------------------------------------------- */

/* The library reads the end of the connection, and closes it; the client can read the answer before that. */
static void send_away(const struct conns *conns, struct conn *conn)
{
    if (atomic_load(&conn->phase) <= CONN_BODY)
        conn_send_past(conn, conns->config.full, strlen(conns->config.full));
    conn->sent_away = true;
    conn->late = true;
    shutdown(conn->fd, SHUT_RD);
}

static void add_extra(struct conns *conns, struct conn *conn)
{
    struct conn **at = &conns->extra[0];
    for (size_t i = 0; i < CONNS_EXTRA && *at != NULL; i++)
        if (conns->extra[i] == NULL || conns->extra[i]->came_ms < (*at)->came_ms)
            at = &conns->extra[i];
    if (*at != NULL)
        send_away(conns, *at);
    *at = conn;
    conn->extra = true;
}

static void remove_extra(struct conns *conns, const struct conn *conn)
{
    for (size_t i = 0; i < CONNS_EXTRA; i++)
        if (conns->extra[i] == conn)
            conns->extra[i] = NULL;
}

/* ---- one connection -------------------------------------------------------------------------- */

struct conn *conns_add(struct conns *conns, int fd, const struct sockaddr *peer)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    char text[REQUEST_CLIENT_SIZE];
    address_text(peer, text);
    conn->conns = conns;
    conn->fd = fd;
    conn->came_ms = clock_mono_ms();
    atomic_store(&conn->since_ms, conn->came_ms);
    pthread_mutex_lock(&conns->lock);
    conn->address = address_get(conns, text);
    if (conn->address != NULL)
    {
        conn->next = conns->head;
        if (conns->head != NULL)
            conns->head->before = conn;
        conns->head = conn;
        if (conns->count++ >= conns->config.max)
            add_extra(conns, conn);
    }
    pthread_mutex_unlock(&conns->lock);
    if (conn->address != NULL)
        return conn;
    free(conn);
    return NULL;
}

/* The library is about to close its descriptor: keep the socket half open on one of our own. */
static void start_lingering(struct conns *conns, const struct conn *conn)
{
    if (!atomic_load(&conn->linger) || conns->lingering_count == LINGER_MAX)
        return;
    int fd = dup(conn->fd);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    conns->lingering[conns->lingering_count++] = (struct lingering){fd, clock_mono_ms() + LINGER_MS};
}

void conns_remove(struct conns *conns, struct conn *conn)
{
    if (conn == NULL)
        return;
    pthread_mutex_lock(&conns->lock);
    start_lingering(conns, conn);
    if (conn->extra)
        remove_extra(conns, conn);
    if (conn->before != NULL)
        conn->before->next = conn->next;
    else
        conns->head = conn->next;
    if (conn->next != NULL)
        conn->next->before = conn->before;
    conns->count--;
    address_put(conns, conn->address);
    pthread_mutex_unlock(&conns->lock);
    free(conn);
}

/* The time goes first: who sees the new phase must not see the old time. */
void conns_phase(struct conn *conn, enum conn_phase phase)
{
    if (conn == NULL)
        return;
    atomic_store(&conn->since_ms, clock_mono_ms());
    atomic_store(&conn->phase, (int)phase);
}

void conns_linger(struct conn *conn)
{
    if (conn != NULL)
        atomic_store(&conn->linger, true);
}

bool conn_is_extra(const struct conn *conn)
{
    return conn != NULL && conn->extra;
}

bool conn_was_sent_away(const struct conn *conn)
{
    return conn != NULL && conn->sent_away;
}

const char *conn_address(const struct conn *conn)
{
    return conn == NULL ? "" : conn->address->text;
}

void *conn_owner(const struct conn *conn)
{
    return conn->conns->config.of;
}

void conn_set_request(struct conn *conn, struct request *req)
{
    if (conn != NULL)
        conn->request = req;
}

struct request *conn_request(const struct conn *conn)
{
    return conn->request;
}

void conn_narrow(struct conn *conn)
{
    const int bytes = CONN_SEND_BYTES / 2; /* the kernel doubles it, for what it needs itself */
    if (conn != NULL)
        setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

void conn_send_past(struct conn *conn, const char *bytes, size_t len)
{
    if (conn == NULL || send(conn->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* it does not read: there is nobody to tell */
    conns_linger(conn);
}

/* ---- the reaper ------------------------------------------------------------------------------ */

/* Bytes that have come and were not read yet. */
static int unread(int fd)
{
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : 0;
}

static struct tcp_info ask_kernel(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return (struct tcp_info){0};
    return info;
}

/* A client that closes its half behind its request may be waiting for the end of the answers.  The library
 * does not see an end that came together with the last bytes. */
static bool has_said_all(const struct conn *conn, const struct tcp_info *info, enum conn_phase phase)
{
    return phase == CONN_IDLE && info->tcpi_state == TCP_CLOSE_WAIT_STATE && unread(conn->fd) == 0;
}

bool conn_is_half_closed(const struct conn *conn)
{
    return conn != NULL && ask_kernel(conn->fd).tcpi_state == TCP_CLOSE_WAIT_STATE;
}

void conn_send_last(struct conn *conn, const char *bytes, size_t len)
{
    conn_send_past(conn, bytes, len);
    conn->sent_away = true;
}

/* When the first byte of a head came, as far as one has looked; 0: none yet.  Between requests the library
 * says nothing about it; the kernel does. */
static int64_t head_began_ms(struct conn *conn, enum conn_phase phase, int64_t since_ms,
                             const struct tcp_info *info, int64_t now_ms)
{
    const uint64_t bytes = info->tcpi_bytes_received;
    if (conn->seen_since_ms != since_ms)
    {
        conn->seen_since_ms = since_ms;
        conn->seen_bytes = phase == CONN_NEW ? 0 : bytes;
        conn->began_ms = 0;
    }
    if (conn->began_ms == 0 && bytes > conn->seen_bytes)
        conn->began_ms = now_ms;
    return conn->began_ms;
}

/* Whether a window has passed in which too little arrived. */
static bool reads_slowly(const struct conns *conns, struct conn *conn, int64_t since_ms, int64_t now_ms)
{
    const uint64_t least = (uint64_t)conns->config.min_read_bytes_s * READ_WINDOW_MS / 1000;
    const bool first = conn->seen_since_ms != since_ms;
    if (least == 0 || (!first && now_ms - conn->began_ms < READ_WINDOW_MS))
        return false;
    const uint64_t bytes = ask_kernel(conn->fd).tcpi_bytes_acked;
    const bool slow = !first && bytes - conn->seen_bytes < least;
    conn->seen_since_ms = since_ms;
    conn->seen_bytes = bytes;
    conn->began_ms = now_ms;
    return slow;
}

static bool is_over(const struct conns *conns, enum conn_phase phase, int64_t since_ms, int64_t now_ms)
{
    int64_t limit_ms = conns->config.limit_ms[phase];
    return limit_ms > 0 && now_ms - since_ms >= limit_ms;
}

static bool is_late(struct conns *conns, struct conn *conn, int64_t now_ms)
{
    enum conn_phase phase = (enum conn_phase)atomic_load(&conn->phase);
    int64_t since_ms = atomic_load(&conn->since_ms);
    bool over = is_over(conns, phase, since_ms, now_ms);
    if (phase == CONN_SEND && !over)
        over = reads_slowly(conns, conn, since_ms, now_ms) && atomic_load(&conn->since_ms) == since_ms;
    if (phase != CONN_NEW && phase != CONN_IDLE)
        return over;
    if (!over && conns->ticks % LOOK_EACH_TICKS != 0)
        return false;
    const struct tcp_info info = ask_kernel(conn->fd);
    const int64_t began_ms = head_began_ms(conn, phase, since_ms, &info, now_ms);
    if (began_ms != 0)
        over = is_over(conns, CONN_HEAD, began_ms, now_ms);
    over = over || has_said_all(conn, &info, phase);
    /* A request may have come meanwhile: then it was the event thread's byte. */
    return over && atomic_load(&conn->since_ms) == since_ms;
}

static void reap(struct conns *conns)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&conns->lock);
    conns->ticks++;
    for (struct conn *conn = conns->head; conn != NULL; conn = conn->next)
    {
        if (conn->late || !is_late(conns, conn, now_ms))
            continue;
        conn->late = true;
        shutdown(conn->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&conns->lock);
}

/* Reads away what has come; false when the other side is done or the time is over. */
static bool linger_on(const struct lingering *lingering, int64_t now_ms)
{
    char trash[16384];
    ssize_t got = 1;
    for (int i = 0; i < LINGER_READS && got > 0; i++)
        got = recv(lingering->fd, trash, sizeof trash, MSG_DONTWAIT);
    return got != 0 && now_ms < lingering->until_ms;
}

static void drain_lingering(struct conns *conns)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&conns->lock);
    for (size_t i = 0; i < conns->lingering_count;)
    {
        if (linger_on(&conns->lingering[i], now_ms))
        {
            i++;
            continue;
        }
        close(conns->lingering[i].fd);
        conns->lingering[i] = conns->lingering[--conns->lingering_count];
    }
    pthread_mutex_unlock(&conns->lock);
}

/* Sleeps until `until_ms`, reading from those that linger whenever they have something. */
static void rest(struct conns *conns, int64_t until_ms)
{
    for (int64_t left_ms; (left_ms = until_ms - clock_mono_ms()) > 0;)
    {
        struct pollfd fds[LINGER_MAX];
        pthread_mutex_lock(&conns->lock);
        size_t count = conns->lingering_count;
        for (size_t i = 0; i < count; i++)
            fds[i] = (struct pollfd){.fd = conns->lingering[i].fd, .events = POLLIN};
        pthread_mutex_unlock(&conns->lock);
        poll(fds, count, (int)left_ms);
        drain_lingering(conns);
    }
}

static void *reaper_main(void *of)
{
    struct conns *conns = of;
    while (!atomic_load(&conns->stopping))
    {
        rest(conns, clock_mono_ms() + TICK_MS);
        reap(conns);
        if (conns->config.tick != NULL)
            conns->config.tick(conns->config.of);
    }
    return NULL;
}

enum err_code conns_start(const struct conns_config *config, struct conns **out, struct err *err)
{
    struct conns *conns = calloc(1, sizeof *conns);
    if (conns == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    conns->config = *config;
    pthread_mutex_init(&conns->lock, NULL);
    if (pthread_create(&conns->reaper, NULL, reaper_main, conns) != 0)
    {
        pthread_mutex_destroy(&conns->lock);
        free(conns);
        return fail(err, E_NO_MEMORY, "no thread for slow connections");
    }
    *out = conns;
    return E_OK;
}

void conns_stop(struct conns *conns)
{
    if (conns == NULL)
        return;
    atomic_store(&conns->stopping, true);
    pthread_join(conns->reaper, NULL);
    for (size_t i = 0; i < conns->lingering_count; i++)
        close(conns->lingering[i].fd);
    pthread_mutex_destroy(&conns->lock);
    free(conns);
}

void conns_cut(struct conns *conns, int64_t before_ms)
{
    pthread_mutex_lock(&conns->lock);
    for (struct conn *conn = conns->head; conn != NULL; conn = conn->next)
        if (atomic_load(&conn->phase) != CONN_WORK && atomic_load(&conn->since_ms) < before_ms)
            shutdown(conn->fd, SHUT_RDWR);
    pthread_mutex_unlock(&conns->lock);
}

/* Busy ones are no question here: a request is known of, and waited for. */
static bool is_owed(const struct conn *conn)
{
    const int phase = atomic_load(&conn->phase);
    if (phase == CONN_NEW)
        return true;
    return phase == CONN_IDLE && unread(conn->fd) > 0;
}

size_t conns_owed(struct conns *conns)
{
    size_t owed = 0;
    pthread_mutex_lock(&conns->lock);
    for (const struct conn *conn = conns->head; conn != NULL; conn = conn->next)
        owed += is_owed(conn);
    pthread_mutex_unlock(&conns->lock);
    return owed;
}

void conns_dismiss(struct conns *conns, const char *bytes, size_t len)
{
    pthread_mutex_lock(&conns->lock);
    for (struct conn *conn = conns->head; conn != NULL; conn = conn->next)
        if (is_owed(conn))
            conn_send_past(conn, bytes, len);
    pthread_mutex_unlock(&conns->lock);
}
