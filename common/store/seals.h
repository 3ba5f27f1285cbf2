/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seals.h -- the chain that seals the audit trail (tables log_seals and log_chain).
 *
 *     entry --seal 1--> hash 1 --seal 2--> hash 2 -- … --> the end, in log_chain
 *
 * A seal holds the hash of its entry, and the hash of the seal before and of itself; whoever healing gives
 * the turn writes them.  An entry that was changed, removed or put in later does not fit any more, whatever
 * rights were used.  Who may rewrite the whole chain is found out by the copies in the stream LOGS, or by a
 * hash of its end that was noted elsewhere.
 *
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_SEALS_H
#define SOKOUL_COMMON_STORE_SEALS_H

#include "common/db/db.h"

/* Seals what has no seal, at most so many; *sealed 0 as well when another one is at it. */
MUST_USE enum err_code seal_store_run(struct db *db, int64_t most, int64_t *sealed, struct err *err);

/* A sealed entry as it is copied to LOGS. */
struct seal_copy
{
    int64_t seq;
    const char *id; /* of the entry */
    const char *subject;
    const char *json; /* {seq,hash,id,at,user_id,ip,action,subject,request_id,detail} */
};
/* The oldest that were not copied, at most so many. */
MUST_USE enum err_code seal_store_uncopied(struct db *db, struct arena *arena, int64_t most,
                                           struct seal_copy **copies, size_t *n, struct err *err);
MUST_USE enum err_code seal_store_copied(struct db *db, struct arena *arena, int64_t seq, struct err *err);

struct seal_verdict
{
    int64_t sealed;
    int64_t unsealed;    /* entries that wait for their seal */
    const char *end;     /* the hash at the end, in hex */
    const char *problem; /* NULL: there is none; else words about the first one, in the order of time */
    int64_t seq;         /* of the seal, 0: it has none */
    const char *log_id;  /* of the entry, NULL: unknown */
    const char *at;
    const char *action;
};
/* Reads the whole trail. */
MUST_USE enum err_code seal_store_verify(struct db *db, struct arena *arena, struct seal_verdict *verdict,
                                         struct err *err);

/* An audit entry config_changed; any program may write it. */
MUST_USE enum err_code audit_store_config_changed(struct db *db, const char *service, const char *names,
                                                  struct err *err);

#endif
