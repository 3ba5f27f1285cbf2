/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"
#include "tests/support/suite.h"

#include <string.h>

static enum err_code handle(struct request *req, struct err *err)
{
    (void)req;
    (void)err;
    return E_OK;
}

static const struct route rows[] = {
    {METHOD_GET, "/health", WHO_ALL, LANE_EVENT, 0, .handle = handle},
    {METHOD_GET, "/media/{id}", WHO_ALL, LANE_EXECUTOR, 0, .handle = handle},
    {METHOD_DELETE, "/media/{id}", WHO_ALL, LANE_EXECUTOR, 0, .handle = handle},
    {METHOD_GET, "/media/favorites", WHO_ALL, LANE_EXECUTOR, 0, .handle = handle},
    {METHOD_POST, "/media/{id}/releases/{release}", WHO_ALL, LANE_EXECUTOR, 0, .handle = handle},
};
static const struct route_table table = {rows, sizeof rows / sizeof rows[0]};

/* which row answers, and what is said when none does */
static const struct
{
    enum method method;
    const char *path;
    enum err_code code;
    const char *pattern;
    const char *allow;
} finds[] = {
    {METHOD_GET, "/health", E_OK, "/health", "GET, HEAD, OPTIONS"},
    {METHOD_HEAD, "/health", E_OK, "/health", "GET, HEAD, OPTIONS"},
    {METHOD_POST, "/health", E_METHOD, NULL, "GET, HEAD, OPTIONS"},
    {METHOD_OTHER, "/health", E_METHOD, NULL, "GET, HEAD, OPTIONS"},
    {METHOD_OPTIONS, "/media/1", E_METHOD, NULL, "GET, HEAD, DELETE, OPTIONS"},
    {METHOD_GET, "/media/1", E_OK, "/media/{id}", "GET, HEAD, DELETE, OPTIONS"},
    {METHOD_DELETE, "/media/1", E_OK, "/media/{id}", NULL},
    {METHOD_GET, "/media/favorites", E_OK, "/media/favorites", "GET, HEAD, OPTIONS"},
    {METHOD_DELETE, "/media/favorites", E_METHOD, NULL, "GET, HEAD, OPTIONS"},
    {METHOD_POST, "/media/a/releases/b", E_OK, "/media/{id}/releases/{release}", "POST, OPTIONS"},
    {METHOD_GET, "/", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "*", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/health/", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "//health", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/Health", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/media", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/media/", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/media/1/2", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/../health", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/1/2/3/4/5/6/7/8/9/10", E_NOT_FOUND, NULL, NULL},
    {METHOD_GET, "/media/%zz", E_INVALID, NULL, NULL},
    {METHOD_GET, "/media/%00", E_REFUSED, NULL, NULL},
    {METHOD_GET, "/media/%ff", E_INVALID, NULL, NULL},
};

START_TEST(router__finds_the_row_or_says_why_not)
{
    struct router *router = router_new(&table);
    struct request req = {.method = finds[_i].method, .target = finds[_i].path, .arena = arena_new(8192)};
    struct err err = ERR_INIT;
    char allow[ROUTER_ALLOW_SIZE] = "";
    ck_assert_int_eq(router_find(router, &req, allow, &err), finds[_i].code);
    if (finds[_i].pattern != NULL)
        ck_assert_str_eq(req.route->pattern, finds[_i].pattern);
    if (finds[_i].allow != NULL)
        ck_assert_str_eq(allow, finds[_i].allow);
    arena_free(req.arena);
    router_free(router);
}
END_TEST

START_TEST(router__decodes_what_fills_a_parameter)
{
    struct router *router = router_new(&table);
    struct request req = {
        .method = METHOD_POST, .target = "/media/a%2Fb+c/releases/%C3%A4", .arena = arena_new(8192)};
    struct err err = ERR_INIT;
    char allow[ROUTER_ALLOW_SIZE];
    ck_assert_int_eq(router_find(router, &req, allow, &err), E_OK);
    ck_assert_str_eq(request_param(&req, "id"), "a/b+c");
    ck_assert_str_eq(request_param(&req, "release"), "\xc3\xa4");
    ck_assert_ptr_null(request_param(&req, "other"));
    arena_free(req.arena);
    router_free(router);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {router__finds_the_row_or_says_why_not, sizeof finds / sizeof finds[0]},
        {router__decodes_what_fills_a_parameter, 1},
    };
    return suite_run("router", cases, sizeof cases / sizeof cases[0]);
}
