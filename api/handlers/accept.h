/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept.h -- accepting work: one transaction, once per Idempotency-Key.
 *
 *     BEGIN; the key; `work` (domain rows, job rows, outbox rows); the key's answer; COMMIT; wake the relay
 *
 * The same key with the same body gets the stored answer, another body E_UNPROCESSABLE, a key in
 * flight E_CONFLICT.  Without a key `work` simply runs once.  On failure nothing is left.
 * Threads: the request's.  Blocks on the database.
 */
#ifndef SOKOUL_API_HANDLERS_ACCEPT_H
#define SOKOUL_API_HANDLERS_ACCEPT_H

#include "api/request.h"
#include "common/db/db.h"
#include "common/store/jobs.h"
#include "common/store/outbox.h"

struct accept_answer
{
    const char *location;            /* or NULL */
    const char *body;                /* JSON text */
    struct just_committed committed; /* of accept_jobs */
    bool all_committed;              /* `work` wrote no other outbox rows */
};

struct accept
{
    enum err_code (*work)(struct request *req, struct db *db, void *of, struct accept_answer *answer,
                          struct err *err);
    void *of;
};

/* For `work`: the job rows, whose wake-ups go out right after the commit. */
MUST_USE enum err_code accept_jobs(struct request *req, struct db *db, const struct job_new *jobs,
                                   size_t count, struct accept_answer *answer, struct err *err);

/* Without a transaction of the caller's, or in it: one statement.  `committed` is for app_publish after the
 * commit; an idle worker may have been given the job already. */
MUST_USE enum err_code accept_rows(struct request *req, struct db *db, const struct job_new *jobs,
                                   size_t count, struct just_committed *committed, struct err *err);

MUST_USE enum err_code accept_once(struct request *req, const struct accept *accept,
                                   struct accept_answer *answer, struct err *err);
/* The same, and answers 202 with it. */
MUST_USE enum err_code accept_reply(struct request *req, const struct accept *accept, struct err *err);

/* Accepts this one job; a live one with the same unique key is joined instead, for the job's user.  The body
 * is
 * {"job_id","status"}, the location /jobs/<id>. */
MUST_USE enum err_code accept_job(struct request *req, const struct job_new *job,
                                  struct accept_answer *answer, struct err *err);
/* {"job_id":"…","status":"Pending"} and its Location. */
MUST_USE enum err_code accept_job_answer(struct request *req, const char *job_id,
                                         struct accept_answer *answer, struct err *err);
/* Sends 202. */
MUST_USE enum err_code accept_send(struct request *req, const struct accept_answer *answer, struct err *err);

#endif
