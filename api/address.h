/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h -- who is at the other end: the TCP peer, or whom trusted proxies name.
 * Pure; any thread.
 */
#ifndef SOKOUL_API_ADDRESS_H
#define SOKOUL_API_ADDRESS_H

#include "api/request.h"
#include "common/conf/net.h"

#include <sys/socket.h>

/* "192.0.2.7", "2001:db8::1"; IPv4-mapped addresses as IPv4; "" when it is neither. */
void address_text(const struct sockaddr *peer, char out[REQUEST_CLIENT_SIZE]);
/* Walks X-Forwarded-For from its end while the addresses are trusted; nonsense ends the walk. */
void address_client(const struct conf_cidrs *trusted, const char *peer, const char *forwarded,
                    char out[REQUEST_CLIENT_SIZE]);
bool address_in(const struct conf_cidrs *cidrs, const char *text);

/* What counts as one address: "192.0.2.7" as it is, of IPv6 what one customer is given, "2001:db8::/64". */
void address_block(const char *text, char out[REQUEST_CLIENT_SIZE]);

#endif
