/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h -- how many requests are answered in a minute: the policies, and what is told of them.
 *
 *     user       of a user who is known by a token or key
 *     search     the same of routes that look for something (route.h)
 *     anonymous  of an address, without a login: routes for everybody, and callers who are not known
 *     address    of an address, whoever asks; of IPv6 it is the /64
 *
 * A request counts for all that are its own, once, if each of them has room; else it is 429, with
 * Retry-After, and counts for none.  What a client has done wrong counts as well (401, 404, …); what is our
 * fault does not (5xx), nor what ends the connection at once (a head that is none, a body that is too large).
 * Free routes, and addresses of RATE_LIMIT_ALLOW, are neither limited nor counted. Answers have
 * RateLimit-Policy and RateLimit as draft-ietf-httpapi-ratelimit-headers-10 says.
 *
 *     event thread   limits_early    429 for who is known to be refused, from memory: once when the address
 * is known, once when the user is executor       limits_take     the count, for a batch at once, before any
 * handler
 *
 * Threads: any.  limits_take blocks as limiter.h says.
 */
#ifndef SOKOUL_API_MW_LIMITS_H
#define SOKOUL_API_MW_LIMITS_H

#include "api/request.h"
#include "common/cache/limiter.h"

/* Whether the request counts, with the reply that it may have already; each does once. */
bool limits_apply(const struct request *req);
/* E_TOO_MANY: it will be refused whatever Redis says. */
enum err_code limits_early(struct request *req, struct err *err);
/* Counts those that apply.  A request with a reply already keeps it, or gets 429 in its place; one without a
 * reply has one afterwards only if it is refused.  A later step of a request counts no more. */
void limits_take(struct limiter_redis *redis, struct request **reqs, size_t count);
/* Each policy has its series from now on. */
void limits_expect(void);

#endif
