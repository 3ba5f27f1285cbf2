/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/listener.h"

#include "common/base/clock.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum report_verdict fill_good(void *of, struct buf *out)
{
    buf_add_text(out, of);
    return REPORT_GOOD;
}

static enum report_verdict fill_bad(void *of, struct buf *out)
{
    (void)of;
    buf_add_text(out, "{}");
    return REPORT_BAD;
}

static const struct listener_page pages[] = {
    {"/livez", "text/special", fill_bad, "text/special"},
    {"/livez", "application/json", fill_good, NULL},
    {"/health", "application/json", fill_bad, NULL},
};

static struct listener *start(bool (*allow)(void *of, const struct sockaddr *peer))
{
    static char body[] = "{\"alive\":true}";
    struct listener_config config = {
        .host = "127.0.0.1", .pages = pages, .count = 3, .of = body, .allow = allow};
    struct listener *listener = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(listener_start(&config, &listener, &err) == E_OK, "%s", err.text);
    return listener;
}

static int dial(const struct listener *listener)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)listener_port(listener))};
    struct timeval limit = {.tv_sec = 10};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void hear(int fd, char *answer, size_t size)
{
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, answer + len, size - 1 - len, 0)) > 0)
        len += (size_t)got;
    answer[len] = '\0';
    close(fd);
}

static const struct
{
    const char *text;
    const char *begins;
    const char *ends;
} rows[] = {
    {"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n{\"alive\":true}"},
    {"GET /livez?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "{\"alive\":true}"},
    {"HEAD /livez HTTP/1.1\r\nHost: t\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n"},
    {"GET /health HTTP/1.1\r\nHost: t\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n",
     "{}"},
    {"GET /livez HTTP/1.1\r\nHost: t\r\naccept: text/plain;q=0.5, text/special; a=b\r\n\r\n", "HTTP/1.1 503 ",
     "{}"},
    {"GET /livez HTTP/1.1\r\nAccept: */*\r\nX: text/special\r\n\r\n", "HTTP/1.1 200 OK\r\n",
     "{\"alive\":true}"},
    {"GET /livezz HTTP/1.1\r\nHost: t\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "}"},
    {"POST /livez HTTP/1.1\r\nHost: t\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n",
     "}"},
    {"\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "}"},
    {"GET /livez HTTP/1.1\n\n", "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n",
     "}"},
    {"GET /livez HTTP/1.1\r\nHost: t\r\n: x\r\n\r\n", "HTTP/1.1 400 ", "\"status\":400}"},
};

/* part: S389 */
START_TEST(listener__answers_what_is_in_its_table)
{
    char answer[4096];
    struct listener *listener = start(NULL);
    int fd = dial(listener);
    size_t len = strlen(rows[_i].text);
    ck_assert_int_eq(send(fd, rows[_i].text, len, MSG_NOSIGNAL), (ssize_t)len);
    hear(fd, answer, sizeof answer);
    ck_assert_msg(strncmp(answer, rows[_i].begins, strlen(rows[_i].begins)) == 0, "%s", answer);
    size_t tail = strlen(rows[_i].ends);
    ck_assert_uint_ge(strlen(answer), tail);
    ck_assert_str_eq(answer + strlen(answer) - tail, rows[_i].ends);
    listener_stop(listener);
}
END_TEST

START_TEST(listener__ends_who_is_slow_and_serves_the_others)
{
    char answer[4096];
    struct listener *listener = start(NULL);
    int64_t began_ms = clock_mono_ms();
    int slow[LISTENER_MAX];
    for (int i = 0; i < LISTENER_MAX; i++)
    {
        slow[i] = dial(listener);
        ck_assert_int_eq(send(slow[i], "GET ", 4, MSG_NOSIGNAL), 4);
    }
    hear(slow[0], answer, sizeof answer);
    ck_assert_str_eq(answer, "");
    ck_assert_int_ge(clock_mono_ms() - began_ms, LISTENER_DEADLINE_MS - 100);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 2 * LISTENER_DEADLINE_MS + 2000);
    for (int i = 1; i < LISTENER_MAX; i++)
        hear(slow[i], answer, sizeof answer);
    int fd = dial(listener);
    ck_assert_int_gt(send(fd, rows[0].text, strlen(rows[0].text), MSG_NOSIGNAL), 0);
    hear(fd, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "alive"));
    listener_stop(listener);
}
END_TEST

static bool nobody(void *of, const struct sockaddr *peer)
{
    (void)of;
    (void)peer;
    return false;
}

START_TEST(listener__turns_strangers_away)
{
    char answer[64];
    struct listener *listener = start(nobody);
    hear(dial(listener), answer, sizeof answer);
    ck_assert_str_eq(answer, "");
    listener_stop(listener);
}
END_TEST

START_TEST(listener__says_when_the_address_is_taken)
{
    struct listener *first = start(NULL);
    struct listener_config config = {.host = "127.0.0.1", .port = listener_port(first)};
    struct listener *second = NULL;
    struct err err = ERR_INIT;
    ck_assert_int_eq(listener_start(&config, &second, &err), E_UNAVAILABLE);
    listener_stop(first);
}
END_TEST

/* ---- the end ---------------------------------------------------------------------------------- */

enum
{
    QUEUED = 8
};

static struct listener *ending;
static atomic_bool stops;
static pthread_t stopper;

static void *stop_it(void *unused)
{
    atomic_store(&stops, true);
    listener_stop(ending);
    return unused;
}

/* While this page is made nobody is let in, so that who comes stands in the queue when the listener is
 * stopped. */
static enum report_verdict fill_slow(void *of, struct buf *out)
{
    int *fds = of;
    for (int i = 0; i < QUEUED; i++)
        fds[i] = dial(ending);
    for (int i = 0; i < QUEUED; i++)
        if (send(fds[i], rows[0].text, strlen(rows[0].text), MSG_NOSIGNAL) < 0)
            abort();
    pthread_create(&stopper, NULL, stop_it, NULL);
    int64_t until_ms = clock_mono_ms() + 5000;
    while (!atomic_load(&stops) && clock_mono_ms() < until_ms)
        sched_yield();
    until_ms = clock_mono_ms() + 50; /* for the word to arrive, which nobody can see */
    while (clock_mono_ms() < until_ms)
        sched_yield();
    buf_add_text(out, "slow");
    return REPORT_GOOD;
}

START_TEST(listener__answers_who_stands_in_the_queue_when_it_is_stopped)
{
    static int fds[QUEUED];
    static const struct listener_page slow[] = {{"/slow", "text/plain", fill_slow, NULL},
                                                {"/livez", "text/plain", fill_bad, NULL}};
    static const char ask[] = "GET /slow HTTP/1.1\r\nHost: t\r\n\r\n";
    const struct listener_config config = {.host = "127.0.0.1", .pages = slow, .count = 2, .of = fds};
    char answer[4096];
    struct err err = ERR_INIT;
    ck_assert_int_eq(listener_start(&config, &ending, &err), E_OK);
    int first = dial(ending);
    ck_assert_int_eq(send(first, ask, sizeof ask - 1, MSG_NOSIGNAL), (ssize_t)sizeof ask - 1);
    hear(first, answer, sizeof answer);
    ck_assert_ptr_nonnull(strstr(answer, "slow"));
    for (int i = 0; i < QUEUED; i++)
    {
        hear(fds[i], answer, sizeof answer);
        ck_assert_msg(strncmp(answer, "HTTP/1.1 503", 12) == 0, "%d: \"%s\"", i, answer);
    }
    pthread_join(stopper, NULL);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {listener__answers_what_is_in_its_table, sizeof rows / sizeof rows[0]},
        {listener__ends_who_is_slow_and_serves_the_others, 1},
        {listener__turns_strangers_away, 1},
        {listener__says_when_the_address_is_taken, 1},
        {listener__answers_who_stands_in_the_queue_when_it_is_stopped, 1},
    };
    return suite_run("listener", cases, sizeof cases / sizeof cases[0]);
}
