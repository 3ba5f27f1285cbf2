/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/invitations.h"

#include "common/base/id.h"

#define SQL_NOBODY "NOT EXISTS (SELECT 1 FROM users WHERE role <> 'system')"
/* Of code $1; a set-up code has the role admin, and is void as soon as there is somebody. */
#define SQL_GOOD                                                                                             \
    "code_hash = $1 AND role = $2 AND used_at IS NULL AND expires_at > now() AND (role = 'user' OR "         \
    "(created_by IS NULL AND " SQL_NOBODY "))"

static const struct db_stmt add = {
    "invitation_add",
    "INSERT INTO invitations (id, code_hash, created_by, expires_at) "
    "VALUES ($1, $2, $3, now() + $4::bigint * interval '1 second') RETURNING rfc3339(expires_at)",
    4,
};
static const struct store_list list = {
    {"invitation_list",
     "SELECT json_build_object('id', i.id, 'created_by', i.created_by, 'created_at', rfc3339(i.created_at), "
     "'expires_at', rfc3339(i.expires_at), 'used_at', rfc3339(i.used_at), 'used_by', i.used_by), "
     "micros(i.created_at), i.id FROM invitations i WHERE i.created_by IS NOT NULL "
     "AND ($3::bigint IS NULL OR (i.created_at, i.id) < (at_micros($3), $4::uuid)) "
     "ORDER BY i.created_at DESC, i.id DESC LIMIT $1::bigint OFFSET $2::bigint",
     4},
    {"invitation_count",
     "SELECT count(*) FROM (SELECT 1 FROM invitations WHERE created_by IS NOT NULL LIMIT 10001) c", 0},
};
static const struct db_stmt delete_one = {
    "invitation_delete",
    "DELETE FROM invitations WHERE id = $1 AND created_by IS NOT NULL",
    1,
};
/* A program that is started again and again leaves the latest ten. */
static const struct db_stmt set_up = {
    "invitation_set_up",
    "WITH old AS (DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE created_by IS NULL "
    "ORDER BY created_at DESC OFFSET 9)) "
    "INSERT INTO invitations (id, code_hash, role, expires_at) "
    "SELECT $1, $2, 'admin', now() + interval '1 year' WHERE " SQL_NOBODY,
    2,
};
static const struct db_stmt look = {
    "invitation_look",
    "SELECT FROM invitations WHERE " SQL_GOOD,
    2,
};
/* Of two who use different set-up codes at once the second sees the first one's account. */
static const struct db_stmt queue_up = {
    "invitation_queue_up",
    "SELECT pg_advisory_xact_lock(hashtextextended('sokoul set-up', 0)) WHERE $1::text = 'admin'",
    1,
};
static const struct db_stmt use = {
    "invitation_use",
    "UPDATE invitations SET used_at = now(), used_by = $3 WHERE " SQL_GOOD,
    3,
};

static const char *const roles[] = {[INVITATION_USER] = "user", [INVITATION_SETUP] = "admin"};

static enum err_code refuse(enum invitation_kind kind, struct err *err)
{
    return fail(err, E_FORBIDDEN, "%s is not good: it was used, has expired or never was",
                kind == INVITATION_SETUP ? "the set-up code" : "the invitation");
}

enum err_code invitation_store_add(struct db *db, struct arena *arena,
                                   const struct invitation_new *invitation, const char **expires_at,
                                   struct err *err)
{
    const char *params[] = {invitation->id, invitation->code_hash, invitation->created_by,
                            db_param_int(arena, invitation->valid_s)};
    return store_read_one(db, arena, &(struct db_call){&add, params}, "", expires_at, err);
}

enum err_code invitation_store_list(struct db *db, struct arena *arena, const struct store_ask *ask,
                                    struct store_page *page, struct err *err)
{
    const char *filters[] = {NULL};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}

static enum err_code change(struct db *db, const struct db_call *call, int *changed, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, call->stmt, call->params, &rows, err) != E_OK)
        return err->code;
    *changed = db_affected(rows);
    db_rows_free(rows);
    return E_OK;
}

enum err_code invitation_store_delete(struct db *db, const char *id, struct err *err)
{
    const char *params[] = {id};
    int deleted = 0;
    if (change(db, &(struct db_call){&delete_one, params}, &deleted, err) != E_OK)
        return err->code;
    return deleted > 0 ? E_OK : fail(err, E_NOT_FOUND, "there is no such invitation");
}

enum err_code invitation_store_set_up(struct db *db, const char *code_hash, bool *made, struct err *err)
{
    struct id id = id_new();
    const char *params[] = {id.text, code_hash};
    int count = 0;
    if (change(db, &(struct db_call){&set_up, params}, &count, err) != E_OK)
        return err->code;
    *made = count > 0;
    return E_OK;
}

enum err_code invitation_store_look(struct db *db, enum invitation_kind kind, const char *code_hash,
                                    struct err *err)
{
    const char *params[] = {code_hash, roles[kind]};
    struct db_rows *rows = NULL;
    if (db_run(db, &look, params, &rows, err) != E_OK)
        return err->code;
    const int found = db_rows(rows);
    db_rows_free(rows);
    return found > 0 ? E_OK : refuse(kind, err);
}

enum err_code invitation_store_use(struct db *db, enum invitation_kind kind, const char *code_hash,
                                   const char *user_id, struct err *err)
{
    const char *params[] = {code_hash, roles[kind], user_id};
    int used = 0;
    if (db_run(db, &queue_up, &roles[kind], NULL, err) != E_OK ||
        change(db, &(struct db_call){&use, params}, &used, err) != E_OK)
        return err->code;
    return used > 0 ? E_OK : refuse(kind, err);
}
