/* SPDX-License-Identifier: Apache-2.0 */
/*
 * links.h -- the links of the chain (chain.c has their order); one file each.
 * All run on the thread that chain.h says, none blocks.
 */
#ifndef SOKOUL_API_MW_LINKS_H
#define SOKOUL_API_MW_LINKS_H

#include "api/request.h"

/* Draining: E_SHUTDOWN for all but health and metrics. */
enum err_code drain_check(struct request *req, struct err *err);
/* METRICS_ALLOW for what is marked so: E_FORBIDDEN. */
enum err_code internal_check(struct request *req, struct err *err);
/* Query names: E_INVALID. */
enum err_code query_check(struct request *req, struct err *err);
/* Content-Length over the route's limit: E_TOO_LARGE.  No Content-Length is looked at as it comes. */
enum err_code size_check(struct request *req, struct err *err);
/* A body that is there has to be JSON where the route says so: E_MEDIA_TYPE. */
enum err_code type_check(struct request *req, struct err *err);
/* Postgres away: E_DATABASE at once. */
enum err_code database_check(struct request *req, struct err *err);
/* More wake-ups wait for NATS than OUTBOX_MAX: E_UNAVAILABLE for routes that make jobs. */
enum err_code backlog_check(struct request *req, struct err *err);
/* Form of Idempotency-Key: E_INVALID. Sets req->idempotency_key. */
enum err_code idempotency_check(struct request *req, struct err *err);
/* Hash of the body, for the key. */
enum err_code idempotency_hash(struct request *req, struct err *err);
/* Too old to be worth working for: E_DEADLINE. */
enum err_code deadline_check(struct request *req, struct err *err);
/* Whether there is anything to look at, and what it is worth: lanes are entered by name, and nobody sends a
 * body in vain. */
enum err_code auth_early(struct request *req, struct err *err);
/* Whether the request says who asks, true or not. */
bool auth_is_offered(const struct request *req);
/* Who is it: Authorization: Bearer, or X-Api-Key.  Sets req->user; E_UNAUTHENTICATED for a broken token or
 * key. */
enum err_code auth_find(struct request *req, struct err *err);
/* May they: E_UNAUTHENTICATED, E_FORBIDDEN. */
enum err_code auth_allow(struct request *req, struct err *err);

/* A body over API_UPLOADS_MIB, E_UNAVAILABLE, or API_UPLOADS_PER_USER_MIB, E_TOO_MANY: as it is announced. */
enum err_code upload_check(struct request *req, struct err *err);
/* The same of what has arrived. */
MUST_USE enum err_code upload_charge(struct request *req, struct err *err);
/* Takes the reply's bytes into account; one that is too much in all or for its reader becomes a refusal. */
void answer_charge(struct request *req);

bool body_follows(const struct request *req); /* as the headers say */
size_t size_limit(const struct route *route); /* of the body, in bytes; route NULL: the default */
/* True: the body has arrived and is fine; E_INVALID when a body is missing. */
MUST_USE enum err_code body_check(struct request *req, struct err *err);

void cors_add(struct request *req);
void access_note(struct request *req);
/* Each route has a series from now on: of the status that must never be missed. */
void access_expect(void);

#endif
