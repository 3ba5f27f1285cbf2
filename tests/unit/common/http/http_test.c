/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http.h"

#include "common/base/clock.h"
#include "tests/support/scripted_server.h"

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_client *client;
static struct arena *arena;
static struct scripted_server *server;
static struct err err;
static struct http_response response;

static void set_up(void)
{
    ck_assert_int_eq(http_open(&err), E_OK);
    client = http_client_new();
    arena = arena_new(64 << 20);
    ck_assert_ptr_nonnull(client);
    ck_assert_ptr_nonnull(arena);
    err = (struct err)ERR_INIT;
    response = (struct http_response){0};
}

static void tear_down(void)
{
    http_client_free(client);
    scripted_server_stop(server);
    server = NULL;
    arena_free(arena);
    http_close();
}

static void serve(void (*script)(struct scripted_call *, void *), void *context)
{
    server = scripted_server_start(script, context);
}

static enum err_code get(const char *path, struct http_request request)
{
    request.url = arena_printf(arena, "%s%s", scripted_server_url(server), path);
    return http_send(client, &request, arena, &response, &err);
}

static enum err_code get_row(int row, struct http_request request)
{
    char path[16];
    snprintf(path, sizeof path, "/%d", row);
    return get(path, request);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void answer_hello(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 200, "Content-Type: text/plain\r\n", "hello");
}

START_TEST(http__gets_an_answer)
{
    serve(answer_hello, NULL);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK);
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(response.body, "hello");
    ck_assert_uint_eq(response.len, 5);
    ck_assert_str_eq(response.content_type, "text/plain");
    ck_assert_str_eq(response.location, "");
}
END_TEST

START_TEST(http__keeps_the_connection_between_calls)
{
    serve(answer_hello, NULL);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK);
    ck_assert_int_eq(scripted_server_requests(server), 2);
    ck_assert_int_eq(scripted_server_connections(server), 1);
}
END_TEST

static void answer_echo(struct scripted_call *call, void *context)
{
    (void)context;
    char key[64] = "";
    char text[9000];
    scripted_header(call, "X-Api-Key", key, sizeof key);
    snprintf(text, sizeof text, "%s %s %s %s", call->method, call->target, key, call->body);
    scripted_reply(call, 201, NULL, text);
}

START_TEST(http__sends_method_headers_and_body)
{
    serve(answer_echo, NULL);
    const struct http_header header = {"X-Api-Key", "k1"};
    struct http_request post = {
        .method = HTTP_POST, .headers = &header, .header_count = 1, .body = "{}", .body_len = 2};
    ck_assert_int_eq(get("/a?b=c", post), E_OK);
    ck_assert_int_eq(response.status, 201);
    ck_assert_str_eq(response.body, "POST /a?b=c k1 {}");
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK);
    ck_assert_str_eq(response.body, "GET /  "); /* nothing of the first is left */
}
END_TEST

START_TEST(http__refuses_a_header_with_a_line_break)
{
    serve(answer_echo, NULL);
    const struct http_header header = {"X-Api-Key", "k\r\nX-Evil: 1"};
    ck_assert_int_eq(get("/", (struct http_request){.headers = &header, .header_count = 1}), E_REFUSED);
    ck_assert_int_eq(scripted_server_requests(server), 0);
}
END_TEST

static void answer_redirect(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 301, "location:  magnet:?xt=urn:btih:00\r\n", "");
}

START_TEST(http__reads_location_and_follows_none)
{
    serve(answer_redirect, NULL);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK);
    ck_assert_int_eq(response.status, 301);
    ck_assert_str_eq(response.location, "magnet:?xt=urn:btih:00");
    ck_assert_int_eq(scripted_server_requests(server), 1);
}
END_TEST

static const struct
{
    const char *header;
    unsigned seconds;
} retry_rows[] = {
    {"Retry-After: 7\r\n", 7},
    {"Retry-After: 0\r\n", 0},
    {"Retry-After: 999999999999\r\n", HTTP_MAX_RETRY_AFTER_S},
    {"Retry-After: -5\r\n", 0},
    {"Retry-After: soon\r\n", 0},
    {"Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 0},
    {"Retry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n", HTTP_MAX_RETRY_AFTER_S},
    {"", 0},
};

static void answer_429(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 429, retry_rows[atoi(call->target + 1)].header, "");
}

/* req: S128 */
START_TEST(http__reads_retry_after)
{
    serve(answer_429, NULL);
    ck_assert_int_eq(get_row(_i, (struct http_request){0}), E_OK);
    ck_assert_int_eq(response.status, 429);
    ck_assert_uint_eq(response.retry_after_s, retry_rows[_i].seconds);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------ */

static void answer_never(struct scripted_call *call, void *context)
{
    (void)context;
    while (scripted_wait(call, 1000))
        ;
}

static void check_time(int64_t began_ms, int64_t most_ms)
{
    ck_assert_int_le(clock_mono_ms() - began_ms, most_ms);
}

/* req: S129 */
START_TEST(http__gives_up_a_server_that_never_answers)
{
    serve(answer_never, NULL);
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(get("/?apikey=secret", (struct http_request){.deadline_ms = 300}), E_TIMEOUT);
    check_time(began_ms, 2000);
    ck_assert_ptr_nonnull(strstr(err.text, "127.0.0.1"));
    ck_assert_ptr_null(strstr(err.text, "secret"));
}
END_TEST

static void answer_drip(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_send_text(call, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (scripted_send_text(call, "x") && scripted_wait(call, 20))
        ;
}

/* req: S135 */
START_TEST(http__cuts_a_drip_at_the_deadline)
{
    serve(answer_drip, NULL);
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(get("/", (struct http_request){.deadline_ms = 500}), E_TIMEOUT);
    check_time(began_ms, 2500);
}
END_TEST

/* req: S135 */
START_TEST(http__cuts_a_slow_drip_long_before_a_long_deadline)
{
    serve(answer_drip, NULL);
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(get("/", (struct http_request){.deadline_ms = 60000}), E_TIMEOUT);
    check_time(began_ms, HTTP_SLOW_S * 1000 + 3000);
}
END_TEST

static void answer_endless(struct scripted_call *call, void *context)
{
    (void)context;
    static char block[65536];
    scripted_send_text(call, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (scripted_send(call, block, sizeof block))
        ;
}

START_TEST(http__stops_an_endless_body_at_the_cap)
{
    serve(answer_endless, NULL);
    ck_assert_int_eq(get("/", (struct http_request){.max_body_bytes = 100000}), E_TOO_LARGE);
}
END_TEST

static void answer_endless_headers(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_send_text(call, "HTTP/1.1 200 OK\r\n");
    while (scripted_send_text(call, "X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"))
        ;
}

static void answer_endless_interim(struct scripted_call *call, void *context)
{
    (void)context;
    while (scripted_send_text(call, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"))
        ;
}

START_TEST(http__stops_endless_headers)
{
    serve(_i == 0 ? answer_endless_headers : answer_endless_interim, NULL);
    ck_assert_int_eq(get("/", (struct http_request){.deadline_ms = 5000}), E_TOO_LARGE);
}
END_TEST

/* A gzip file of 4 MiB of zeros: a start, 4063 bytes of zero, an end. */
static const unsigned char bomb_start[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                           0x03, 0xed, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00, 0x82,
                                           0x20, 0xff, 0xaf, 0x6e, 0x48, 0x40, 0x01};
static const unsigned char bomb_end[] = {0x7c, 0x1b, 0x6a, 0x40, 0x47, 0x11, 0x00, 0x00, 0x40, 0x00};

static void answer_bomb(struct scripted_call *call, void *context)
{
    (void)context;
    unsigned char bomb[sizeof bomb_start + 4063 + sizeof bomb_end] = {0};
    memcpy(bomb, bomb_start, sizeof bomb_start);
    memcpy(bomb + sizeof bomb - sizeof bomb_end, bomb_end, sizeof bomb_end);
    scripted_reply_bytes(call, 200, "Content-Encoding: gzip\r\n", bomb, sizeof bomb);
}

START_TEST(http__counts_what_comes_out_of_a_gzip_bomb)
{
    serve(answer_bomb, NULL);
    ck_assert_int_eq(get("/", (struct http_request){.max_body_bytes = 1 << 20}), E_TOO_LARGE);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK);
    ck_assert_uint_eq(response.len, 4 << 20);
}
END_TEST

static void answer_bad_gzip(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_reply(call, 200, "Content-Encoding: gzip\r\n", "this is not gzip at all");
}

START_TEST(http__says_so_when_the_compression_is_broken)
{
    serve(answer_bad_gzip, NULL);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_PROVIDER);
}
END_TEST

static const char *const garbage_rows[] = {
    "",
    "\r\n\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n",
    "HTTP/9.9 200 OK\r\n\r\n",
};

static void answer_garbage(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_send_text(call, garbage_rows[atoi(call->target + 1)]);
    scripted_hang_up(call);
}

START_TEST(http__survives_garbage)
{
    serve(answer_garbage, NULL);
    ck_assert_int_eq(get_row(_i, (struct http_request){.deadline_ms = 5000}), E_PROVIDER);
    ck_assert_ptr_nonnull(strstr(err.text, "127.0.0.1"));
}
END_TEST

static void answer_reset(struct scripted_call *call, void *context)
{
    (void)context;
    scripted_send_text(call, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
    scripted_reset(call);
}

START_TEST(http__reports_a_reset)
{
    serve(answer_reset, NULL);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_PROVIDER);
}
END_TEST

START_TEST(http__reports_a_closed_port)
{
    serve(answer_hello, NULL);
    char *url = arena_strdup(arena, scripted_server_url(server));
    scripted_server_stop(server);
    server = NULL;
    struct http_request request = {.url = url};
    ck_assert_int_eq(http_send(client, &request, arena, &response, &err), E_PROVIDER);
    ck_assert_str_eq(err.text, "127.0.0.1 accepts no connection");
}
END_TEST

START_TEST(http__reports_a_name_that_does_not_exist)
{
    struct http_request request = {.url = "http://no.such.name.invalid/", .connect_timeout_ms = 2000};
    enum err_code code = http_send(client, &request, arena, &response, &err);
    ck_assert_msg(code == E_PROVIDER || code == E_TIMEOUT, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "no.such.name.invalid"));
}
END_TEST

static const char *const bad_urls[] = {"",           "foo",       "ftp://127.0.0.1/", "file:///etc/passwd",
                                       "http://",    "gopher://", "http://a b/",      "http://h:99999/",
                                       "http://a\n/"};

START_TEST(http__refuses_what_is_not_an_http_url)
{
    struct http_request request = {.url = bad_urls[_i]};
    ck_assert_int_eq(http_send(client, &request, arena, &response, &err), E_REFUSED);
}
END_TEST

START_TEST(http__goes_to_no_private_address_when_told_so)
{
    serve(answer_hello, NULL);
    ck_assert_int_eq(get("/", (struct http_request){0}), E_OK); /* leaves an open connection */
    ck_assert_int_eq(get("/", (struct http_request){.addresses = HTTP_PUBLIC_ONLY}), E_REFUSED);
    const char *port = strrchr(scripted_server_url(server), ':');
    struct http_request request = {.url = arena_printf(arena, "http://localhost%s/", port),
                                   .addresses = HTTP_PUBLIC_ONLY};
    ck_assert_int_eq(http_send(client, &request, arena, &response, &err), E_REFUSED);
    ck_assert_int_eq(scripted_server_requests(server), 1);
}
END_TEST

/* Ways to write this machine's own address, or another that is not of the internet; ~ is the server's port.
 */
static const char *const inside_urls[] = {
    "http://127.0.0.1:~/",
    "http://127.0.0.1.:~/",
    "http://127.1:~/",
    "http://127.0.1:~/",
    "http://2130706433:~/",
    "http://017700000001:~/",
    "http://0x7f000001:~/",
    "http://0x7f.1:~/",
    "http://0177.0.0.1:~/",
    "http://0177.0.0.01:~/",
    "http://0x7f.0x0.0x0.0x1:~/",
    "http://127.0.0.0x1:~/",
    "http://00000177.0.0.1:~/",
    "http://0:~/",
    "http://0.0.0.0:~/",
    "http://0x0:~/",
    "http://127.127.127.127:~/",
    "http://127.0.0.2:~/",
    "http://127.255.255.254:~/",
    "http://localhost:~/",
    "http://LOCALHOST:~/",
    "http://localhost.:~/",
    "http://a.localhost:~/",
    "http://[::1]:~/",
    "http://[0:0:0:0:0:0:0:1]:~/",
    "http://[::0001]:~/",
    "http://[::]:~/",
    "http://[::ffff:127.0.0.1]:~/",
    "http://[::ffff:7f00:1]:~/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:~/",
    "http://[::127.0.0.1]:~/",
    "http://[64:ff9b::127.0.0.1]:~/",
    "http://[64:ff9b::7f00:1]:~/",
    "http://[64:ff9b:1::1]:~/",
    "http://[2002:7f00:1::]:~/",
    "http://[2002:a00:1::1]:~/",
    "http://[2001::1]:~/",
    "http://[fe80::1]:~/",
    "http://[fe80::1%25lo]:~/",
    "http://[fc00::1]:~/",
    "http://[fd00:ec2::254]:~/",
    "http://[ff02::1]:~/",
    "http://[::ffff:10.0.0.1]:~/",
    "http://[::ffff:169.254.169.254]:~/",
    "http://[100::1]:~/",
    "http://10.0.0.1:~/",
    "http://172.16.0.1:~/",
    "http://172.31.255.254:~/",
    "http://192.168.0.1:~/",
    "http://169.254.169.254:~/latest/meta-data/",
    "http://2852039166:~/",
    "http://0251.0376.0251.0376:~/",
    "http://0xa9fea9fe:~/",
    "http://100.64.0.1:~/",
    "http://100.100.100.200:~/",
    "http://192.0.0.192:~/",
    "http://198.18.0.1:~/",
    "http://224.0.0.1:~/",
    "http://255.255.255.255:~/",
    "http://240.0.0.1:~/",
    "http://1.1.1.1@127.0.0.1:~/",
    "http://user:word@localhost:~/",
    "http://1.1.1.1:80@127.0.0.1:~/",
    "http://127.0.0.1:~#@1.1.1.1/",
    "http://127.0.0.1:~?@1.1.1.1/",
    "HTTP://127.0.0.1:~/",
    "http:127.0.0.1:~/",
    "http:/127.0.0.1:~/",
    "http:///127.0.0.1:~/",
    "//127.0.0.1:~/",
    "127.0.0.1:~/",
    "http://127.0.0.1\\@1.1.1.1:~/",
    "http://127。0。0。1:~/",
    "http://①②⑦.0.0.1:~/",
    "http://127.0.0.1%00.example.org:~/",
    "http://127.0.0.1%2f@1.1.1.1:~/",
    "gopher://127.0.0.1:~/_x",
    "dict://127.0.0.1:~/x",
    "ftp://127.0.0.1:~/",
    "ldap://127.0.0.1:~/",
    "smb://127.0.0.1:~/x",
    "telnet://127.0.0.1:~/",
    "tftp://127.0.0.1:~/x",
    "ws://127.0.0.1:~/",
    "scp://127.0.0.1:~/x",
    "file:///etc/passwd?~",
    "data:text/plain,~",
};

START_TEST(http__reaches_nothing_inside_however_its_address_is_written)
{
    serve(answer_hello, NULL);
    const char *port = strrchr(scripted_server_url(server), ':') + 1;
    const char *row = inside_urls[_i];
    const char *at = strchr(row, '~');
    const char *url = arena_printf(arena, "%.*s%s%s", (int)(at - row), row, port, at + 1);
    struct http_request request = {
        .url = url, .addresses = HTTP_PUBLIC_ONLY, .deadline_ms = 3000, .connect_timeout_ms = 2000};
    enum err_code code = http_send(client, &request, arena, &response, &err);
    ck_assert_msg(code == E_REFUSED || code == E_PROVIDER || code == E_TIMEOUT, "%s: %d", url, code);
    ck_assert_msg(scripted_server_connections(server) == 0, "%s came in", url);
}
END_TEST

static void answer_after_setting(struct scripted_call *call, void *context)
{
    atomic_store((atomic_bool *)context, true);
    answer_never(call, NULL);
}

START_TEST(http__can_be_cancelled_from_another_thread)
{
    atomic_bool cancel = false;
    serve(answer_after_setting, &cancel);
    int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(get("/", (struct http_request){.cancel = &cancel}), E_CANCELLED);
    check_time(began_ms, 1000 + HTTP_CANCEL_MS);
}
END_TEST

static void answer_large(struct scripted_call *call, void *context)
{
    (void)context;
    static const char large[8192];
    scripted_reply_bytes(call, 200, NULL, large, sizeof large);
}

START_TEST(http__reports_a_full_arena)
{
    serve(answer_large, NULL);
    struct arena *small = arena_new(64);
    struct http_request request = {.url = scripted_server_url(server)};
    ck_assert_int_eq(http_send(client, &request, small, &response, &err), E_NO_MEMORY);
    arena_free(small);
}
END_TEST

START_TEST(http__escapes_for_a_query)
{
    ck_assert_str_eq(http_escape(arena, "a b&c=d/\xc3\xa9~-._+"), "a%20b%26c%3Dd%2F%C3%A9~-._%2B");
    ck_assert_str_eq(http_escape(arena, ""), "");
}
END_TEST

/* ---- many threads ------------------------------------------------------------------------ */

static void *call_many(void *context)
{
    struct http_client *own = http_client_new();
    struct arena *memory = arena_new(1 << 20);
    intptr_t good = 0;
    for (int i = 0; i < 20; i++)
    {
        struct http_request request = {.url = context};
        struct http_response answer;
        struct err failure = ERR_INIT;
        good += http_send(own, &request, memory, &answer, &failure) == E_OK && answer.len == 5;
        arena_reset(memory);
    }
    arena_free(memory);
    http_client_free(own);
    return (void *)good;
}

START_TEST(http__serves_threads_side_by_side)
{
    serve(answer_hello, NULL);
    char url[64];
    snprintf(url, sizeof url, "%s", scripted_server_url(server));
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_many, url), 0);
    for (int i = 0; i < 8; i++)
    {
        void *good = NULL;
        pthread_join(threads[i], &good);
        ck_assert_int_eq((intptr_t)good, 20);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof(table)[0])

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, http__gets_an_answer);
    tcase_add_test(tests, http__keeps_the_connection_between_calls);
    tcase_add_test(tests, http__sends_method_headers_and_body);
    tcase_add_test(tests, http__refuses_a_header_with_a_line_break);
    tcase_add_test(tests, http__reads_location_and_follows_none);
    tcase_add_loop_test(tests, http__reads_retry_after, 0, COUNT(retry_rows));
    tcase_add_test(tests, http__gives_up_a_server_that_never_answers);
    tcase_add_test(tests, http__cuts_a_drip_at_the_deadline);
    tcase_add_test(tests, http__cuts_a_slow_drip_long_before_a_long_deadline);
    tcase_add_test(tests, http__stops_an_endless_body_at_the_cap);
    tcase_add_loop_test(tests, http__stops_endless_headers, 0, 2);
    tcase_add_test(tests, http__counts_what_comes_out_of_a_gzip_bomb);
    tcase_add_test(tests, http__says_so_when_the_compression_is_broken);
    tcase_add_loop_test(tests, http__survives_garbage, 0, COUNT(garbage_rows));
    tcase_add_test(tests, http__reports_a_reset);
    tcase_add_test(tests, http__reports_a_closed_port);
    tcase_add_test(tests, http__reports_a_name_that_does_not_exist);
    tcase_add_loop_test(tests, http__refuses_what_is_not_an_http_url, 0, COUNT(bad_urls));
    tcase_add_test(tests, http__goes_to_no_private_address_when_told_so);
    tcase_add_loop_test(tests, http__reaches_nothing_inside_however_its_address_is_written, 0,
                        COUNT(inside_urls));
    tcase_add_test(tests, http__can_be_cancelled_from_another_thread);
    tcase_add_test(tests, http__reports_a_full_arena);
    tcase_add_test(tests, http__escapes_for_a_query);
    tcase_add_test(tests, http__serves_threads_side_by_side);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
