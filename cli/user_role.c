/* SPDX-License-Identifier: Apache-2.0 */
/* user role */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/store/audit.h"
#include "common/store/users.h"

/* "user role NAME ROLE", or the same as options. */
static enum err_code read_words(struct session *session, const char **name, const char **role,
                                struct err *err)
{
    const struct options *options = &session->options;
    size_t at = 0;
    *name = option_text(options, OPTION_USERNAME, NULL);
    *role = option_text(options, OPTION_ROLE, NULL);
    if (*name == NULL && at < session->arg_count)
        *name = session->args[at++];
    if (*role == NULL && at < session->arg_count)
        *role = session->args[at++];
    if (*name == NULL || *role == NULL || at != session->arg_count)
        return fail(err, E_USAGE, "user role needs a name or address and a role: user role ada admin");
    return E_OK;
}

/* With its audit entry, both or none; it has no user: nobody is logged in here. */
static enum err_code change(struct session *session, struct db *db, const char *name, const char *role,
                            const char **json, struct err *err)
{
    const struct audit_entry entry = {
        .action = "role_changed",
        .subject = name,
        .detail = arena_printf(session->arena, "{\"by\":\"sokoulctl\",\"role\":\"%s\"}", role)};
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = user_store_role(db, session->arena, name, role, json, err);
    if (code == E_OK)
        code = audit_store_add(db, &entry, err);
    if (code == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return code;
}

enum err_code verb_user_role(struct session *session, struct err *err)
{
    struct db *db = NULL;
    const char *name = NULL;
    const char *role = NULL;
    const char *json = NULL;
    enum err_code code = read_words(session, &name, &role, err);
    if (code == E_OK)
        code = user_role_check(role, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    if (code == E_OK)
        code = change(session, db, name, role, &json, err);
    if (code == E_NOT_FOUND)
        return fail(err, code, "there is no user %.100s", name);
    return code == E_OK ? show_object(session, json, err) : code;
}
