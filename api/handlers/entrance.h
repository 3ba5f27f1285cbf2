/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entrance.h -- what lets somebody in: a session and its first pair of tokens.
 *
 * However a person proved who it is, the handler opens a session in the transaction of that proof and, after
 * the commit, answers with its tokens.  Threads: the request's.  entrance_open blocks on the database.
 */
#ifndef SOKOUL_API_HANDLERS_ENTRANCE_H
#define SOKOUL_API_HANDLERS_ENTRANCE_H

#include "api/reply.h"
#include "common/db/db.h"

struct entrance
{
    const char *user_id;
    const char *role;
    const char *family; /* the session; set by entrance_open, as the next */
    const char *user_json;
    const char *refresh;
};

/* A new session of in->user_id, inside the open transaction; see session_store_open. */
MUST_USE enum err_code entrance_open(struct request *req, struct db *db, struct entrance *in,
                                     struct err *err);
/* {user,access_token,refresh_token,token_type,expires_in} */
MUST_USE enum err_code entrance_reply(struct request *req, enum reply_status status,
                                      const struct entrance *in, struct err *err);
/* What the client calls itself, fit to be kept and shown; NULL: nothing. */
const char *entrance_agent(struct request *req);

#endif
