/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/address.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>

static const struct
{
    const char *text;
    bool is_public;
} rows[] = {
    {"1.1.1.1", true},
    {"93.184.216.34", true},
    {"172.32.0.1", true},
    {"100.128.0.1", true},
    {"0.0.0.0", false},
    {"10.1.2.3", false},
    {"100.64.0.1", false},
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.0.2.1", false},
    {"192.168.1.1", false},
    {"198.18.0.1", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:4700:4700::1111", true},
    {"::", false},
    {"::1", false},
    {"::127.0.0.1", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:1.1.1.1", true},
    {"64:ff9b::10.0.0.1", false},
    {"64:ff9b::1.1.1.1", true},
    {"2002:7f00:1::", false},
    {"2001::1", false},
    {"2001:db8::1", false},
    {"3fff::1", false},
    {"fc00::1", false},
    {"fd12:3456::1", false},
    {"fe80::1", false},
    {"ff02::1", false},
};

START_TEST(address__knows_the_ranges_of_the_internet)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, rows[_i].text, &in->sin_addr) == 1)
        storage.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, rows[_i].text, &in6->sin6_addr) == 1)
        storage.ss_family = AF_INET6;
    else
        ck_abort_msg("not an address: %s", rows[_i].text);
    ck_assert_msg(address_is_public((struct sockaddr *)&storage) == rows[_i].is_public, "%s", rows[_i].text);
}
END_TEST

START_TEST(address__trusts_no_other_family)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    ck_assert(!address_is_public((struct sockaddr *)&local));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, address__knows_the_ranges_of_the_internet, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tests, address__trusts_no_other_family);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
