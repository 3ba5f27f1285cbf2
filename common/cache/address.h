/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h -- where Redis is: reading REDIS_URL and looking the name up within a time.
 *
 * Private to common/cache.
 */
#ifndef SOKOUL_COMMON_CACHE_ADDRESS_H
#define SOKOUL_COMMON_CACHE_ADDRESS_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum
{
    ADDRESS_HOST_SIZE = 256,
    ADDRESS_SECRET_SIZE = 256,
    ADDRESS_NUMERIC_SIZE = 46,
    ADDRESS_MAX_FOUND = 4
};

struct cache_address
{
    char host[ADDRESS_HOST_SIZE]; /* a name, or a number without brackets */
    int port;
    char user[ADDRESS_SECRET_SIZE];     /* "": none */
    char password[ADDRESS_SECRET_SIZE]; /* "": none */
    int database;
};

/* redis://[[user]:password@]host[:port][/database]; E_CONFIG says what is wrong, without the password. */
MUST_USE enum err_code cache_address_parse(const char *url, struct cache_address *out, struct err *err);

/* A name lookup for which a caller can wait a while, and later again: getaddrinfo itself cannot be stopped.
 */
struct cache_lookup;

struct cache_found
{
    char numbers[ADDRESS_MAX_FOUND][ADDRESS_NUMERIC_SIZE];
    size_t count;
};

struct cache_lookup *cache_lookup_new(const char *host); /* NULL when out of memory */
void cache_lookup_free(struct cache_lookup *lookup);     /* NULL is fine; never waits */
/* E_TIMEOUT: not yet, ask again later.  E_UNAVAILABLE: no such name; the next call starts over. */
MUST_USE enum err_code cache_lookup_wait(struct cache_lookup *lookup, int wait_ms, struct cache_found *out,
                                         struct err *err);

#endif
