/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h -- which addresses belong to the public internet.
 *
 * Checked on the address that is about to be connected to, after name lookup, so that a name
 * whose address changes in between (DNS rebinding) gains nothing.  Pure; any thread.
 */
#ifndef SOKOUL_COMMON_HTTP_ADDRESS_H
#define SOKOUL_COMMON_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for anything that is not IPv4 or IPv6, and for every special-purpose range (RFC 6890),
 * also inside IPv4-mapped, NAT64 and 6to4 addresses. */
bool address_is_public(const struct sockaddr *address);

#endif
