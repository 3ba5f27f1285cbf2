/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.json against the route table: neither says more than the other. */
#include "api/handlers/openapi.h"

#include "api/route.h"
#include "tests/support/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum
{
    ARENA_BYTES = 16 << 20
};

static const char *method_of(enum method method)
{
    static const char *const names[] = {
#define X(id, name) name,
        METHOD_TABLE(X)
#undef X
    };
    return names[method];
}

static struct arena *arena;
static const struct json *document;

static void read_document(void)
{
    struct err err = ERR_INIT;
    arena = arena_new(ARENA_BYTES);
    ck_assert_msg(json_parse(arena, openapi_json, strlen(openapi_json), &document, &err) == E_OK, "%s",
                  err.text);
}

/* What a $ref to one of `components` names, else the value itself. */
static const struct json *found(const struct json *value)
{
    const char *ref = json_text(json_get(value, "$ref"), NULL);
    if (ref == NULL)
        return value;
    char kind[32];
    char name[64];
    ck_assert_int_eq(sscanf(ref, "#/components/%31[a-z]/%63s", kind, name), 2);
    const struct json *target = json_get(json_get(json_get(document, "components"), kind), name);
    ck_assert_msg(target != NULL, "%s names nothing", ref);
    return target;
}

static const struct json *operation_of(const struct route *route)
{
    char method[16] = "";
    const char *name = method_of(route->method);
    for (size_t i = 0; name[i] != '\0' && i < sizeof method - 1; i++)
        method[i] = (char)tolower((unsigned char)name[i]);
    return json_get(json_get(json_get(document, "paths"), route->pattern), method);
}

static bool has_parameter(const struct json *operation, const char *in, const char *name)
{
    for (const struct json *one = json_first(json_get(operation, "parameters")); one != NULL;
         one = json_next(one))
        if (strcmp(json_text(json_get(found(one), "in"), ""), in) == 0 &&
            strcmp(json_text(json_get(found(one), "name"), ""), name) == 0)
            return true;
    return false;
}

static size_t count_parameters(const struct json *operation, const char *in)
{
    size_t count = 0;
    for (const struct json *one = json_first(json_get(operation, "parameters")); one != NULL;
         one = json_next(one))
        count += strcmp(json_text(json_get(found(one), "in"), ""), in) == 0;
    return count;
}

static bool may_answer(const struct json *operation, const char *status)
{
    return json_get(json_get(operation, "responses"), status) != NULL;
}

static void check_query(const struct route *route, const struct json *operation)
{
    size_t count = 0;
    for (; route->query[count] != NULL; count++)
        ck_assert_msg(has_parameter(operation, "query", route->query[count]), "%s lacks %s", route->pattern,
                      route->query[count]);
    ck_assert_msg(count_parameters(operation, "query") == count, "%s has a parameter that is refused",
                  route->pattern);
    ck_assert_msg(has_parameter(operation, "header", "Idempotency-Key") ==
                      ((route->flags & ROUTE_IDEMPOTENT) != 0),
                  "Idempotency-Key of %s", route->pattern);
}

static void check_path(const struct route *route, const struct json *operation)
{
    size_t count = 0;
    for (const char *at = strchr(route->pattern, '{'); at != NULL; at = strchr(at + 1, '{'), count++)
    {
        char name[32];
        ck_assert_int_eq(sscanf(at, "{%31[a-z_]}", name), 1);
        ck_assert_msg(has_parameter(operation, "path", name), "%s lacks {%s}", route->pattern, name);
    }
    ck_assert_uint_eq(count_parameters(operation, "path"), count);
}

static void check_body(const struct route *route, const struct json *operation)
{
    const struct json *body = json_get(operation, "requestBody");
    const bool takes =
        (route->flags & (ROUTE_BODY_JSON | ROUTE_BODY_BYTES_OK)) != 0 || route->max_body_bytes > 0;
    ck_assert_msg((body != NULL) == takes, "the body of %s", route->pattern);
    if (!takes)
        return;
    const bool json = json_get(json_get(body, "content"), "application/json") != NULL;
    ck_assert_msg(json == ((route->flags & ROUTE_BODY_JSON) != 0), "a JSON body of %s", route->pattern);
    ck_assert_msg(json_bool(json_get(body, "required"), false) == ((route->flags & ROUTE_BODY_OPTIONAL) == 0),
                  "whether %s needs its body", route->pattern);
    ck_assert_msg(may_answer(operation, "413") && may_answer(operation, "415"), "413 and 415 of %s",
                  route->pattern);
}

static const char *role_of(const struct route *route)
{
    return route->who == WHO_MODERATOR ? "moderator" : route->who == WHO_ADMIN ? "admin" : "";
}

static void check_who(const struct route *route, const struct json *operation)
{
    const struct json *security = json_get(operation, "security"); /* none: as the whole document */
    const bool is_login = route->who != WHO_ALL && (route->flags & ROUTE_LOGIN) != 0;
    ck_assert_msg((security != NULL) == (route->who == WHO_ALL || is_login), "who may, of %s",
                  route->pattern);
    ck_assert_uint_eq(json_count(security), is_login ? 1 : 0);
    ck_assert_msg(!is_login || json_get(json_first(security), "bearer") != NULL, "a login for %s",
                  route->pattern);
    ck_assert_msg(strcmp(json_text(json_get(operation, "x-role"), ""), role_of(route)) == 0, "the role of %s",
                  route->pattern);
    ck_assert_msg(route->who == WHO_ALL || may_answer(operation, "401"), "401 of %s", route->pattern);
    /* an API key is not for everything, and everybody has their limits */
    ck_assert_msg((route->flags & ROUTE_FREE) != 0 ||
                      (may_answer(operation, "403") && may_answer(operation, "429")),
                  "403 and 429 of %s", route->pattern);
    ck_assert_msg(may_answer(operation, "400") && may_answer(operation, "503"), "400 and 503 of %s",
                  route->pattern);
}

START_TEST(openapi__tells_of_every_route_what_its_row_says)
{
    read_document();
    for (size_t i = 0; i < routes.count; i++)
    {
        const struct route *route = &routes.rows[i];
        const struct json *operation = operation_of(route);
        ck_assert_msg(operation != NULL, "docs/openapi.json lacks %s %s", method_of(route->method),
                      route->pattern);
        check_query(route, operation);
        check_path(route, operation);
        check_body(route, operation);
        check_who(route, operation);
    }
    arena_free(arena);
}
END_TEST

static bool is_route(const char *path, const char *method)
{
    for (size_t i = 0; i < routes.count; i++)
        if (strcmp(routes.rows[i].pattern, path) == 0 &&
            strcasecmp(method_of(routes.rows[i].method), method) == 0)
            return true;
    return false;
}

START_TEST(openapi__tells_of_nothing_that_is_no_route)
{
    size_t count = 0;
    read_document();
    for (const struct json *path = json_first(json_get(document, "paths")); path != NULL;
         path = json_next(path))
        for (const struct json *method = json_first(path); method != NULL;
             method = json_next(method), count++)
            ck_assert_msg(is_route(json_name(path), json_name(method)), "%s %s is no route",
                          json_name(method), json_name(path));
    ck_assert_uint_eq(count, routes.count);
    arena_free(arena);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {openapi__tells_of_every_route_what_its_row_says, 1},
        {openapi__tells_of_nothing_that_is_no_route, 1},
    };
    return suite_run("openapi", cases, sizeof cases / sizeof cases[0]);
}
