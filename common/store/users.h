/* SPDX-License-Identifier: Apache-2.0 */
/*
 * users.h -- accounts (table users).
 *
 * Accounts leave as JSON text {id,username,email,role,created_at,updated_at}; the password's hash
 * never does but in struct user_login.  An account that is disabled is not found by name, nor when its
 * password is asked for; a trigger ends its sessions.  Names and addresses are unique whatever their case.
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_USERS_H
#define SOKOUL_COMMON_STORE_USERS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"
#include "common/store/page.h"

struct user_new
{
    const char *id; /* a new id_new() */
    const char *username;
    const char *email;
    const char *password_hash;
    const char *role; /* NULL: "user" */
};

/* E_CONFLICT: the name or the address is taken. */
MUST_USE enum err_code user_store_add(struct db *db, struct arena *arena, const struct user_new *user,
                                      const char **json, struct err *err);
/* E_NOT_FOUND. */
MUST_USE enum err_code user_store_get(struct db *db, struct arena *arena, const char *user_id,
                                      const char **json, struct err *err);

struct user_login
{
    const char *id;
    const char *role;
    const char *password_hash;
    const char *json;
    const char *username;
    const char *email;
};
/* By e-mail address or name; E_NOT_FOUND.  The system user is never found. */
MUST_USE enum err_code user_store_find(struct db *db, struct arena *arena, const char *name,
                                       struct user_login *login, struct err *err);
/* The same by id: to ask for the password again. */
MUST_USE enum err_code user_store_find_id(struct db *db, struct arena *arena, const char *user_id,
                                          struct user_login *login, struct err *err);

/* Locks this account until the end of the transaction: call it before an action that a password has allowed.
 * E_CONFLICT: the password was changed since it was checked, or the account deleted. */
MUST_USE enum err_code user_store_lock(struct db *db, const char *user_id, const char *password_hash,
                                       struct err *err);

/* The e-mail address of a person.  E_NOT_FOUND: no such user, or the system user, who has no mailbox. */
MUST_USE enum err_code user_store_email(struct db *db, struct arena *arena, const char *user_id,
                                        const char **address, struct err *err);

struct user_patch
{
    const char *username; /* NULL: unchanged, as the others */
    const char *email;
    const char *password_hash;
};
/* E_NOT_FOUND; E_CONFLICT: the name or the address is another's. */
MUST_USE enum err_code user_store_update(struct db *db, struct arena *arena, const char *user_id,
                                         const struct user_patch *patch, const char **json, struct err *err);
/* `name` as in user_store_find; role user, moderator or admin (E_INVALID otherwise). */
MUST_USE enum err_code user_store_role(struct db *db, struct arena *arena, const char *name, const char *role,
                                       const char **json, struct err *err);
/* Deletes the account and all that belongs to it, results of its jobs included, but for jobs that others
 * asked for as well.  In the caller's transaction.  E_NOT_FOUND.  The audit trail stays. */
MUST_USE enum err_code user_store_delete(struct db *db, const char *user_id, struct err *err);

struct user_filter
{
    const char *role;     /* NULL: any, as the others */
    const char *disabled; /* "true" or "false" */
    const char *query;    /* part of the name or the address */
};
/* Newest first; with "disabled" and "disabled_at" beside what an account tells of itself. */
MUST_USE enum err_code user_store_list(struct db *db, struct arena *arena, const struct user_filter *filter,
                                       const struct store_ask *ask, struct store_page *page, struct err *err);

struct user_change
{
    const char *role;     /* NULL: unchanged, as the other */
    const char *disabled; /* "true" or "false" */
};
/* In a transaction of the caller's, who takes it back on a failure.  E_NOT_FOUND; E_CONFLICT: nobody would be
 * administrator any more. */
MUST_USE enum err_code user_store_manage(struct db *db, struct arena *arena, const char *user_id,
                                         const struct user_change *change, const char **json,
                                         struct err *err);

#endif
