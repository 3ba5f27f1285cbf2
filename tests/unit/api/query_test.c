/* SPDX-License-Identifier: Apache-2.0 */
#include "api/query.h"
#include "tests/support/suite.h"

static struct request request_new(void)
{
    return (struct request){.arena = arena_new(1 << 20)};
}

static const struct
{
    const char *text;
    enum err_code code;
    const char *a; /* value of "a" */
} rows[] = {
    {"", E_OK, NULL},
    {"&&", E_OK, NULL},
    {"a=1", E_OK, "1"},
    {"a=1&b=2", E_OK, "1"},
    {"b=2&a=1&", E_OK, "1"},
    {"a", E_OK, ""},
    {"a=", E_OK, ""},
    {"a==b", E_OK, "=b"},
    {"a=x+y%2Bz", E_OK, "x y+z"},
    {"%61=1", E_OK, "1"},
    {"a=%C3%A9t%C3%A9", E_OK, "\xc3\xa9t\xc3\xa9"},
    {"a=1&a=2", E_INVALID, NULL},
    {"a=%", E_INVALID, NULL},
    {"a=%4", E_INVALID, NULL},
    {"a=%4g", E_INVALID, NULL},
    {"a=%00", E_REFUSED, NULL},
    {"a=%0a", E_INVALID, NULL},
    {"a=%7f", E_INVALID, NULL},
    {"a=%C2%85", E_INVALID, NULL},
    {"a=%C2%A0", E_OK, "\xc2\xa0"},
    {"a=%ff", E_INVALID, NULL},
    {"a=%C0%80", E_INVALID, NULL},
    {"a=%ED%A0%80", E_INVALID, NULL},
};

START_TEST(query__is_read_strictly)
{
    struct request req = request_new();
    struct err err = ERR_INIT;
    ck_assert_int_eq(query_parse(&req, rows[_i].text, &err), rows[_i].code);
    if (rows[_i].code == E_OK && rows[_i].a == NULL)
        ck_assert_ptr_null(request_query(&req, "a"));
    if (rows[_i].a != NULL)
        ck_assert_str_eq(request_query(&req, "a"), rows[_i].a);
    arena_free(req.arena);
}
END_TEST

START_TEST(query__refuses_too_many_names)
{
    struct request req = request_new();
    struct err err = ERR_INIT;
    char *text = arena_alloc(req.arena, 256);
    for (int i = 0; i < REQUEST_MAX_QUERY + 1; i++)
    {
        text[3 * i] = (char)('a' + i);
        text[3 * i + 1] = '=';
        text[3 * i + 2] = '&';
    }
    ck_assert_int_eq(query_parse(&req, text, &err), E_INVALID);
    ck_assert_uint_eq(req.query_count, REQUEST_MAX_QUERY);
    arena_free(req.arena);
}
END_TEST

/* req: S27 */
static const struct
{
    const char *text;
    enum err_code code;
    int64_t page;
    int64_t limit;
} pages[] = {
    {"", E_OK, 1, 20},
    {"page=3&limit=100", E_OK, 3, 100},
    {"page=0", E_INVALID, 0, 0},
    {"page=-1", E_INVALID, 0, 0},
    {"limit=0", E_INVALID, 0, 0},
    {"limit=101", E_INVALID, 0, 0},
    {"limit=x", E_INVALID, 0, 0},
    {"limit=", E_INVALID, 0, 0},
    {"page=4294967296", E_INVALID, 0, 0},
    {"page=99999999999999999999", E_INVALID, 0, 0},
};

START_TEST(query__gives_the_page_of_a_list)
{
    struct request req = request_new();
    struct err err = ERR_INIT;
    struct request_page page;
    ck_assert_int_eq(query_parse(&req, pages[_i].text, &err), E_OK);
    ck_assert_int_eq(request_page(&req, &page, &err), pages[_i].code);
    if (pages[_i].code == E_OK)
    {
        ck_assert_int_eq(page.page, pages[_i].page);
        ck_assert_int_eq(page.limit, pages[_i].limit);
        ck_assert_uint_eq(req.complaints.count, 0);
    }
    else
        ck_assert_uint_eq(req.complaints.count, 1);
    arena_free(req.arena);
}
END_TEST

START_TEST(query__notes_every_wrong_field)
{
    struct request req = request_new();
    struct err err = ERR_INIT;
    struct request_page page;
    ck_assert_int_eq(query_parse(&req, "page=0&limit=0", &err), E_OK);
    ck_assert_int_eq(request_page(&req, &page, &err), E_INVALID);
    ck_assert_uint_eq(req.complaints.count, 2);
    ck_assert_str_eq(req.complaints.list[1].field, "limit");
    arena_free(req.arena);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {query__is_read_strictly, sizeof rows / sizeof rows[0]},
        {query__refuses_too_many_names, 1},
        {query__gives_the_page_of_a_list, sizeof pages / sizeof pages[0]},
        {query__notes_every_wrong_field, 1},
    };
    return suite_run("query", cases, sizeof cases / sizeof cases[0]);
}
