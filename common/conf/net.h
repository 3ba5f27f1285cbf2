/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h -- the forms of settings about the network: address:port, CIDR lists, URLs.
 *
 * Plain data, no memory of their own, no name lookups, never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_CONF_NET_H
#define SOKOUL_COMMON_CONF_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct conf_listen
{
    char host[64]; /* a numeric address, without brackets */
    uint16_t port; /* 0: any free one */
};

enum
{
    CONF_CIDRS_MAX = 64
};

struct conf_cidr
{
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;        /* 0 to 128, of the sixteen bytes */
};

struct conf_cidrs
{
    size_t count;
    struct conf_cidr list[CONF_CIDRS_MAX];
};

/* "127.0.0.1:3000", "[::1]:3000", "localhost:3000" (which is 127.0.0.1). */
bool conf_listen_parse(const char *text, struct conf_listen *listen);
/* "10.0.0.0/8, ::1, fc00::/7"; "" is the empty list. */
bool conf_cidrs_parse(const char *text, struct conf_cidrs *cidrs);
/* False for an empty list and for anything that is not IPv4 or IPv6. */
bool conf_cidrs_contain(const struct conf_cidrs *cidrs, const struct sockaddr *address);

/* One of `schemes` ("http https"), a host, a port of 1 to 65535 if any, printable ASCII throughout. */
bool conf_url_valid(const char *url, const char *schemes);
/* The same with one or more hosts: "postgresql://u:p@a:5432,b:5432/db". */
bool conf_hosts_url_valid(const char *url, const char *schemes);
/* The password between user: and @, still percent-encoded; NULL and 0 when there is none. */
const char *conf_url_password(const char *url, size_t *len);

#endif
