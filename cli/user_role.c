/* SPDX-License-Identifier: Apache-2.0 */
/* user role */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/json/json.h"
#include "common/store/audit.h"
#include "common/store/users.h"

#include <string.h>

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

enum err_code user_commit(struct session *session, struct db *db, const char *action, const char *json,
                          struct err *err)
{
    const struct json *user = NULL;
    if (json_parse(session->arena, json, strlen(json), &user, err) != E_OK)
        return err->code;
    const char *detail = arena_printf(session->arena, "{\"by\":\"sokoulctl\",\"role\":\"%s\"}",
                                      json_text(json_get(user, "role"), ""));
    const struct audit_entry entry = {
        .action = action, .subject = json_text(json_get(user, "id"), NULL), .detail = detail};
    if (detail == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = audit_store_add(db, &entry, err);
    return code == E_OK ? db_commit(db, err) : code;
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
        code = db_begin(db, err);
    if (code == E_OK)
        code = user_store_role(db, session->arena, name, role, &json, err);
    if (code == E_OK)
        code = user_commit(session, db, "role_changed", json, err);
    if (code == E_NOT_FOUND)
        return fail(err, code, "there is no user %.100s", name);
    return code == E_OK ? show_object(session, json, err) : code;
}
