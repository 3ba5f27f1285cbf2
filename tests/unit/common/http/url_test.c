/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/url.h"

#include <check.h>
#include <stdlib.h>

static const struct
{
    const char *a;
    const char *b;
    bool same;
} rows[] = {
    {"http://h/a", "http://h/b?c", true},
    {"http://h:80/", "http://H/", true},
    {"https://h/", "https://h:443/x", true},
    {"http://[::1]:9696/", "http://[::1]:9696/1", true},
    {"http://h/", "https://h/", false},
    {"http://h/", "http://h:81/", false},
    {"http://h/", "http://h.evil/", false},
    {"http://h/", "http://h@evil/", false},
    {"http://h/", "http://evil/h", false},
    {"http://h/", "ftp://h/", false},
    {"http://h/", "", false},
    {"", "", false},
    {"magnet:?a", "magnet:?a", false},
};

START_TEST(url__knows_the_same_origin)
{
    ck_assert_msg(url_same_origin(rows[_i].a, rows[_i].b) == rows[_i].same, "%s %s", rows[_i].a, rows[_i].b);
    ck_assert_msg(url_same_origin(rows[_i].b, rows[_i].a) == rows[_i].same, "%s %s", rows[_i].b, rows[_i].a);
}
END_TEST

static const struct
{
    const char *base;
    const char *reference;
    const char *result;
} references[] = {
    {"http://h/a/b?c", "/d", "http://h/d"},
    {"http://h/a/b", "d?e=f", "http://h/a/d?e=f"},
    {"http://h/a", "https://x/y", "https://x/y"},
    {"http://h/a", "//x/y", "http://x/y"},
    {"http://h/a", "magnet:?xt=1", NULL},
    {"http://h/a", "file:///etc/passwd", NULL},
    {"nonsense://h", "/a", NULL},
#define BASE "http://a/b/c/d;p?q" /* the examples of RFC 3986, 5.4 */
    {BASE, "g", "http://a/b/c/g"},
    {BASE, "./g", "http://a/b/c/g"},
    {BASE, "g/", "http://a/b/c/g/"},
    {BASE, "/g", "http://a/g"},
    {BASE, "?y", "http://a/b/c/d;p?y"},
    {BASE, "g?y", "http://a/b/c/g?y"},
    {BASE, "#s", "http://a/b/c/d;p?q#s"},
    {BASE, "g#s", "http://a/b/c/g#s"},
    {BASE, "g?y#s", "http://a/b/c/g?y#s"},
    {BASE, ";x", "http://a/b/c/;x"},
    {BASE, "g;x", "http://a/b/c/g;x"},
    {BASE, "", "http://a/b/c/d;p?q"},
    {BASE "#old", "", "http://a/b/c/d;p?q"},
    {BASE "#old", "#s", "http://a/b/c/d;p?q#s"},
    {BASE, ".", "http://a/b/c/"},
    {BASE, "./", "http://a/b/c/"},
    {BASE, "..", "http://a/b/"},
    {BASE, "../g", "http://a/b/g"},
    {BASE, "../..", "http://a/"},
    {BASE, "../../g", "http://a/g"},
    {BASE, "../../../g", "http://a/g"},
    {BASE, "/./g", "http://a/g"},
    {BASE, "/../g", "http://a/g"},
    {BASE, "g.", "http://a/b/c/g."},
    {BASE, "..g", "http://a/b/c/..g"},
    {BASE, "./../g", "http://a/b/g"},
    {BASE, "g/../h", "http://a/b/c/h"},
    {BASE, "g?y/../x", "http://a/b/c/g?y/../x"},
    {BASE, "//g/h", "http://g/h"},
    {BASE, "#a b", NULL},
    {BASE, "#a\nb", NULL}, /* as this is none: */
    {BASE, "/g\nh", NULL},
};

START_TEST(url__resolves_a_reference)
{
    struct arena *arena = arena_new(65536);
    ck_assert_pstr_eq(url_resolve(arena, references[_i].base, references[_i].reference),
                      references[_i].result);
    arena_free(arena);
}
END_TEST

static const struct
{
    const char *url;
    bool is_web;
} ports[] = {
    {"http://h/", true},
    {"https://h/", true},
    {"http://h:80/", true},
    {"https://h:443/", true},
    {"http://h:8080/", true},
    {"http://h:9696/x", true},
    {"http://h:443/", true},
    {"http://h:1024/", true},
    {"http://h:22/", false},
    {"http://h:25/", false},
    {"http://h:53/", false},
    {"http://h:110/", false},
    {"http://h:143/", false},
    {"http://h:445/", false},
    {"http://h:1023/", false},
    {"http://h:0/", false},
    {"http://h:2375/", false},
    {"http://h:3306/", false},
    {"http://h:4222/", false},
    {"http://h:5432/", false},
    {"http://h:6379/", false},
    {"http://h:6667/", false},
    {"http://h:11211/", false},
    {"ftp://h/", false},
    {"ftp://h:80/", false},
    {"h:80", false},
    {"", false},
};

START_TEST(url__knows_the_ports_of_web_servers)
{
    ck_assert_msg(url_is_web_port(ports[_i].url) == ports[_i].is_web, "%s", ports[_i].url);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("url");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, url__knows_the_same_origin, 0, sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(tests, url__resolves_a_reference, 0, sizeof references / sizeof references[0]);
    tcase_add_loop_test(tests, url__knows_the_ports_of_web_servers, 0, sizeof ports / sizeof ports[0]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
