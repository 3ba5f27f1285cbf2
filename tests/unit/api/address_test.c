/* SPDX-License-Identifier: Apache-2.0 */
#include "api/address.h"
#include "tests/support/suite.h"

static const struct
{
    const char *trusted;
    const char *peer;
    const char *forwarded;
    const char *client;
} rows[] = {
    {"", "192.0.2.1", "198.51.100.7", "192.0.2.1"},
    {"10.0.0.0/8", "192.0.2.1", "198.51.100.7", "192.0.2.1"},
    {"10.0.0.0/8", "10.0.0.1", NULL, "10.0.0.1"},
    {"10.0.0.0/8", "10.0.0.1", "198.51.100.7", "198.51.100.7"},
    {"10.0.0.0/8", "10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"},
    {"10.0.0.0/8", "10.0.0.1", "198.51.100.7, 10.2.3.4", "198.51.100.7"},
    {"10.0.0.0/8", "10.0.0.1", "198.51.100.7:4711", "198.51.100.7"},
    {"10.0.0.0/8", "10.0.0.1", "[2001:db8::1]:80", "2001:db8::1"},
    {"10.0.0.0/8", "10.0.0.1", "2001:db8::1", "2001:db8::1"},
    {"10.0.0.0/8", "10.0.0.1", "nonsense", "10.0.0.1"},
    {"10.0.0.0/8", "10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"},
    {"10.0.0.0/8", "10.0.0.1", "", "10.0.0.1"},
    {"10.0.0.0/8", "10.0.0.1", ",,", "10.0.0.1"},
    {"::1/128", "::1", "198.51.100.7", "198.51.100.7"},
};

/* a client cannot name its own address */
START_TEST(address__believes_trusted_proxies_only)
{
    struct conf_cidrs trusted;
    char client[REQUEST_CLIENT_SIZE];
    ck_assert(conf_cidrs_parse(rows[_i].trusted, &trusted));
    address_client(&trusted, rows[_i].peer, rows[_i].forwarded, client);
    ck_assert_str_eq(client, rows[_i].client);
}
END_TEST

static const struct
{
    const char *text;
    const char *block;
} blocks[] = {
    {"192.0.2.7", "192.0.2.7"},
    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
    {"2001:db8:1:2::1", "2001:db8:1:2::/64"},
    {"::1", "::/64"},
    {"::ffff:192.0.2.7", "::ffff:192.0.2.7"},
    {"", ""},
};

/* a customer of IPv6 has as many addresses as there are */
START_TEST(address__counts_ipv6_by_its_64)
{
    char block[REQUEST_CLIENT_SIZE];
    address_block(blocks[_i].text, block);
    ck_assert_str_eq(block, blocks[_i].block);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {{address__believes_trusted_proxies_only, sizeof rows / sizeof rows[0]},
                                       {address__counts_ipv6_by_its_64, sizeof blocks / sizeof blocks[0]}};
    return suite_run("address", cases, sizeof cases / sizeof cases[0]);
}
