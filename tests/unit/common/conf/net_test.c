/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/net.h"

#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const struct
{
    const char *text;
    const char *host; /* NULL: refused */
    uint16_t port;
} listens[] = {
    {"127.0.0.1:3000", "127.0.0.1", 3000},
    {"0.0.0.0:0", "0.0.0.0", 0},
    {"[::1]:65535", "::1", 65535},
    {"localhost:80", "127.0.0.1", 80},
    {"::1:80", NULL, 0},
    {"[127.0.0.1]:80", NULL, 0},
    {"127.0.0.1", NULL, 0},
    {"127.0.0.1:", NULL, 0},
    {"127.0.0.1:65536", NULL, 0},
    {"127.0.0.1:-1", NULL, 0},
    {"127.0.0.1:8o", NULL, 0},
    {":80", NULL, 0},
    {"[]:80", NULL, 0},
    {"[::1:80", NULL, 0},
    {"256.0.0.1:80", NULL, 0},
    {"example.org:80", NULL, 0},
    {"", NULL, 0},
};

START_TEST(listen__is_a_numeric_address_and_a_port)
{
    struct conf_listen listen = {.host = "before"};
    ck_assert_int_eq(conf_listen_parse(listens[_i].text, &listen), listens[_i].host != NULL);
    ck_assert_str_eq(listen.host, listens[_i].host == NULL ? "before" : listens[_i].host);
    ck_assert_uint_eq(listen.port, listens[_i].port);
}
END_TEST

static bool contains(const char *list, const char *address)
{
    struct conf_cidrs cidrs;
    ck_assert(conf_cidrs_parse(list, &cidrs));
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
        return conf_cidrs_contain(&cidrs, (const struct sockaddr *)&four);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
    return conf_cidrs_contain(&cidrs, (const struct sockaddr *)&six);
}

static const struct
{
    const char *list;
    const char *address;
    bool inside;
} members[] = {
    {"10.0.0.0/8", "10.255.0.1", true},
    {"10.0.0.0/8", "11.0.0.1", false},
    {"10.0.0.0/8", "::ffff:10.1.2.3", true},
    {"172.16.0.0/12", "172.31.255.255", true},
    {"172.16.0.0/12", "172.32.0.0", false},
    {"192.168.1.7", "192.168.1.7", true},
    {"192.168.1.7", "192.168.1.8", false},
    {"0.0.0.0/0", "8.8.8.8", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "8.8.8.8", true},
    {"fc00::/7", "fd12::1", true},
    {"fc00::/7", "fe80::1", false},
    {"1.1.1.1, ::1,\t10.0.0.0/9", "10.127.0.0", true},
    {"1.1.1.1, ::1,10.0.0.0/9", "10.128.0.0", false},
    {"", "127.0.0.1", false},
};

START_TEST(cidrs__contain_what_lies_in_one_of_them)
{
    ck_assert_int_eq(contains(members[_i].list, members[_i].address), members[_i].inside);
}
END_TEST

static const char *const bad_lists[] = {"10.0.0.0/33", "::1/129",     "10.0.0/8",    "x",
                                        "10.0.0.0/",   "10.0.0.0/-1", "10.0.0.0/8/8"};

START_TEST(cidrs__refuse_what_is_no_range)
{
    struct conf_cidrs cidrs = {.count = 7};
    ck_assert(!conf_cidrs_parse(bad_lists[_i], &cidrs));
    ck_assert_uint_eq(cidrs.count, 7);
}
END_TEST

START_TEST(cidrs__hold_a_bounded_number)
{
    char text[1000] = "";
    struct conf_cidrs cidrs;
    for (int i = 0; i < CONF_CIDRS_MAX; i++)
        strcat(text, "10.0.0.1,");
    ck_assert(conf_cidrs_parse(text, &cidrs));
    ck_assert_uint_eq(cidrs.count, CONF_CIDRS_MAX);
    strcat(text, "10.0.0.1");
    ck_assert(!conf_cidrs_parse(text, &cidrs));
    struct sockaddr local = {.sa_family = AF_UNIX};
    ck_assert(!conf_cidrs_contain(&cidrs, &local));
}
END_TEST

/* req: S29 */
static const struct
{
    const char *url;
    const char *password; /* NULL: none */
    bool valid;
} urls[] = {
    {"http://h", NULL, true},
    {"https://h:1/p?q#f", NULL, true},
    {"http://u:p@h:65535/", "p", true},
    {"http://u:a:b@h/", "a:b", true},
    {"http://:p@h/", "p", true},
    {"http://u@h/", NULL, true},
    {"http://[::1]:80/", NULL, true},
    {"http://u:p@[::1]/", "p", true},
    {"http://h/a@b:c@d", NULL, true},
    {"http://[::1", NULL, false},
    {"http://[x]:80", NULL, false},
    {"http://h:0", NULL, false},
    {"http://h:65536", NULL, false},
    {"http://h:x", NULL, false},
    {"http://h:", NULL, false},
    {"http://", NULL, false},
    {"http:///p", NULL, false},
    {"http://u:p@", "p", false},
    {"http://h h/", NULL, false},
    {"http://h\n/", NULL, false},
    {"http://h\xc3\xa9/", NULL, false},
    {"ftp://h", NULL, false},
    {"HTTP://h", NULL, false},
    {"h:80", NULL, false},
    {"foo", NULL, false},
    {"", NULL, false},
};

START_TEST(url__has_a_known_scheme_a_host_and_a_lawful_port)
{
    size_t len = 99;
    ck_assert_int_eq(conf_url_valid(urls[_i].url, "http https"), urls[_i].valid);
    const char *password = conf_url_password(urls[_i].url, &len);
    ck_assert_int_eq(password != NULL, urls[_i].password != NULL);
    ck_assert_uint_eq(len, urls[_i].password == NULL ? 0 : strlen(urls[_i].password));
    if (password != NULL)
        ck_assert_mem_eq(password, urls[_i].password, len);
    ck_assert_int_eq(conf_hosts_url_valid(urls[_i].url, "http https"), urls[_i].valid);
}
END_TEST

static const struct
{
    const char *url;
    bool valid;
} lists[] = {
    {"http://a,b", true},
    {"http://u:p@a:1,b:2/db?target_session_attrs=read-write", true},
    {"http://u:p,q@a:1,[::1]:2,c/db", true},
    {"http://a:1,b:0/db", false},
    {"http://a:1,/db", false},
    {"http://,b/db", false},
    {"http://a,,b/db", false},
};

START_TEST(url__names_several_hosts_where_that_is_lawful)
{
    ck_assert_int_eq(conf_hosts_url_valid(lists[_i].url, "http https"), lists[_i].valid);
    ck_assert(!conf_url_valid(lists[_i].url, "http https"));
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {listen__is_a_numeric_address_and_a_port, sizeof listens / sizeof listens[0]},
        {cidrs__contain_what_lies_in_one_of_them, sizeof members / sizeof members[0]},
        {cidrs__refuse_what_is_no_range, sizeof bad_lists / sizeof bad_lists[0]},
        {cidrs__hold_a_bounded_number, 1},
        {url__has_a_known_scheme_a_host_and_a_lawful_port, sizeof urls / sizeof urls[0]},
        {url__names_several_hosts_where_that_is_lawful, sizeof lists / sizeof lists[0]},
    };
    return suite_run("net", cases, sizeof cases / sizeof cases[0]);
}
