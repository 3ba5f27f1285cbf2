/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reply.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

static struct request req;

static void make(void)
{
    req = (struct request){.arena = arena_new(1 << 20), .id = "my.id"};
    buf_init(&req.reply.body, REPLY_MAX_BYTES);
}

static void unmake(void)
{
    buf_fini(&req.reply.body);
    arena_free(req.arena);
}

static const char *header(const char *name)
{
    for (size_t i = 0; i < req.reply.header_count; i++)
        if (strcmp(req.reply.header[i].name, name) == 0)
            return req.reply.header[i].value;
    return NULL;
}

START_TEST(reply__turns_a_failure_into_problem_json)
{
    make();
    struct err err = ERR_INIT;
    err_set(&err, E_NOT_FOUND, __FILE__, __LINE__, "no job <%s>", "x");
    reply_error(&req, &err);
    ck_assert_int_eq(req.reply.status, 404);
    ck_assert_str_eq(req.reply.content_type, "application/problem+json");
    ck_assert_str_eq(req.reply.body.data,
                     "{\"type\":\"urn:sokoul:problem:not_found\",\"title\":\"Not found\",\"status\":404,"
                     "\"detail\":\"no job \\u003cx\\u003e\",\"request_id\":\"my.id\"}");
    unmake();
}
END_TEST

START_TEST(reply__lists_what_is_wrong_with_each_field)
{
    make();
    struct err err = ERR_INIT;
    ck_assert_int_eq(request_complain(&req, &err, "page", "must be %d", 1), E_INVALID);
    reply_error(&req, &err);
    ck_assert_int_eq(req.reply.status, 400);
    ck_assert_ptr_nonnull(
        strstr(req.reply.body.data, "\"errors\":[{\"field\":\"page\",\"message\":\"must be 1\"}]"));
    unmake();
}
END_TEST

START_TEST(reply__keeps_our_own_faults_to_itself)
{
    static const enum err_code codes[] = {E_BUG, E_CONFIG, E_DATABASE};
    make();
    struct err err = ERR_INIT;
    err_set(&err, codes[_i], __FILE__, __LINE__, "SELECT secret FROM place");
    reply_error(&req, &err);
    ck_assert_ptr_null(strstr(req.reply.body.data, "SELECT"));
    unmake();
}
END_TEST

/* req: S292 */
START_TEST(reply__says_when_to_come_again)
{
    make();
    struct err err = ERR_INIT;
    err_set(&err, E_DATABASE, __FILE__, __LINE__, "away");
    reply_error(&req, &err);
    ck_assert_int_eq(req.reply.status, 503);
    ck_assert_str_eq(header("Retry-After"), "5");
    err_set(&err, E_TOO_MANY, __FILE__, __LINE__, "slow down");
    err.retry_after_s = 17;
    reply_error(&req, &err);
    ck_assert_int_eq(req.reply.status, 429);
    ck_assert_str_eq(header("Retry-After"), "17");
    ck_assert_uint_eq(req.reply.header_count, 1);
    unmake();
}
END_TEST

START_TEST(reply__asks_for_a_token)
{
    make();
    struct err err = ERR_INIT;
    err_set(&err, E_UNAUTHENTICATED, __FILE__, __LINE__, "no");
    reply_error(&req, &err);
    ck_assert_str_eq(header("WWW-Authenticate"), "Bearer");
    unmake();
}
END_TEST

START_TEST(reply__leaves_out_headers_that_would_break_the_answer)
{
    make();
    reply_header(&req, "Location", "/jobs/1\r\nSet-Cookie: a=b");
    reply_header(&req, "Location", NULL);
    reply_header(&req, "Location", "");
    ck_assert_uint_eq(req.reply.header_count, 0);
    for (int i = 0; i < 20; i++)
        reply_header(&req, arena_printf(req.arena, "X-%d", i), "1");
    ck_assert_uint_eq(req.reply.header_count, sizeof req.reply.header / sizeof req.reply.header[0]);
    unmake();
}
END_TEST

START_TEST(reply__that_outgrew_its_limit_is_a_bug)
{
    make();
    struct err err = ERR_INIT;
    req.reply.body.max = 8;
    struct json_writer w = reply_begin(&req);
    json_put_text(&w, NULL, "much too long for this");
    ck_assert_int_eq(reply_json(&req, REPLY_OK, &err), E_BUG);
    unmake();
}
END_TEST

START_TEST(reply__replaces_the_one_before)
{
    make();
    struct err err = ERR_INIT;
    struct json_writer w = reply_begin(&req);
    json_put_int(&w, NULL, 1);
    ck_assert_int_eq(reply_json(&req, REPLY_OK, &err), E_OK);
    w = reply_begin(&req);
    json_put_raw(&w, NULL, "{\"a\":\"<\"}");
    ck_assert_int_eq(reply_json(&req, REPLY_CREATED, &err), E_OK);
    ck_assert_int_eq(req.reply.status, 201);
    ck_assert_str_eq(req.reply.body.data, "{\"a\":\"\\u003c\"}");
    ck_assert_int_eq(reply_no_content(&req), E_OK);
    ck_assert_int_eq(req.reply.status, 204);
    ck_assert_uint_eq(req.reply.body.len, 0);
    unmake();
}
END_TEST

START_TEST(reply__raw_says_its_own_length)
{
    const char *const whole[] = {reply_raw_unavailable, reply_raw_full};
    const char *body = strstr(whole[_i], "\r\n\r\n");
    const char *length = strstr(whole[_i], "Content-Length: ");
    ck_assert_ptr_nonnull(body);
    ck_assert_ptr_nonnull(length);
    ck_assert_uint_eq(strlen(body + 4), strtoul(length + strlen("Content-Length: "), NULL, 10));
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {reply__turns_a_failure_into_problem_json, 1},
        {reply__lists_what_is_wrong_with_each_field, 1},
        {reply__keeps_our_own_faults_to_itself, 3},
        {reply__says_when_to_come_again, 1},
        {reply__asks_for_a_token, 1},
        {reply__leaves_out_headers_that_would_break_the_answer, 1},
        {reply__that_outgrew_its_limit_is_a_bug, 1},
        {reply__replaces_the_one_before, 1},
        {reply__raw_says_its_own_length, 2},
    };
    return suite_run("reply", cases, sizeof cases / sizeof cases[0]);
}
