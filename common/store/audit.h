/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h -- the audit trail: who did what, from where (table logs).  Entries are written once and never
 * changed.
 *
 * An entry leaves as JSON text {id,at,user_id,ip,action,subject,request_id,detail}.
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_AUDIT_H
#define SOKOUL_COMMON_STORE_AUDIT_H

#include "common/store/page.h"

struct audit_entry
{
    const char *user_id; /* or NULL */
    const char *ip;      /* or NULL */
    const char *action;  /* "login", "login_failed", "user_deleted", … */
    const char *subject; /* the object of the action, or NULL */
    const char *request_id;
    const char *detail; /* JSON object, NULL: {} */
};
MUST_USE enum err_code audit_store_add(struct db *db, const struct audit_entry *entry, struct err *err);

struct audit_filter
{
    const char *user_id; /* NULL: everybody, as the others */
    const char *action;
    const char *since; /* RFC 3339 */
};
/* Newest first. */
MUST_USE enum err_code audit_store_list(struct db *db, struct arena *arena, const struct audit_filter *filter,
                                        const struct store_ask *ask, struct store_page *page,
                                        struct err *err);

#endif
