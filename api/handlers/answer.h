/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h -- what handlers of every resource have in common: answers made of JSON that is ready,
 * lists, whose things one may see, and the audit trail.
 *
 * Threads: the request's.
 */
#ifndef SOKOUL_API_HANDLERS_ANSWER_H
#define SOKOUL_API_HANDLERS_ANSWER_H

#include "api/reply.h"
#include "common/store/jobs.h"
#include "common/store/page.h"

/* JSON text from a store, escaped on the way. */
MUST_USE enum err_code answer_json(struct request *req, enum reply_status status, const char *json,
                                   struct err *err);

/* The request's page, limit and cursor as a store asks for them. */
MUST_USE enum err_code answer_ask(struct request *req, struct request_page *page, struct store_ask *ask,
                                  struct err *err);
/* {"items","page","limit","total","next"}. */
MUST_USE enum err_code answer_page(struct request *req, const struct request_page *asked,
                                   const struct store_page *page, struct err *err);

/* The same of a list of jobs or dead letters. */
MUST_USE enum err_code answer_job_page(struct request *req, const struct request_page *asked,
                                       const struct job_page *page, struct err *err);

/* Whose things this request may see, for the stores: NULL is everybody's (an admin's). */
const char *answer_viewer(const struct request *req);
/* An owned thing that is not there is 403 for a user, as if it were another's, and 404 for an admin. */
enum err_code answer_owned(const struct request *req, enum err_code code, struct err *err);
/* The id in the path.  False: no such thing can be (err says which of the two). */
bool answer_owned_id(const struct request *req, struct id *id, struct err *err);
MUST_USE enum err_code answer_id(const struct request *req, struct id *id, const char *missing,
                                 struct err *err);

/* An entry of the audit trail with the request's id and address; `user_id` NULL: the request's user. */
MUST_USE enum err_code answer_audit(struct request *req, struct db *db, const char *action,
                                    const char *user_id, const char *subject, struct err *err);

#endif
