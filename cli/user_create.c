/* SPDX-License-Identifier: Apache-2.0 */
/* user create */
#include "cli/password_input.h"
#include "cli/show.h"
#include "cli/verb.h"
#include "common/base/id.h"
#include "common/base/person.h"
#include "common/base/utf8.h"
#include "common/crypt/digest.h"
#include "common/crypt/strength.h"
#include "common/store/users.h"

#include <string.h>

static enum err_code read_name(struct session *session, const char **name, struct err *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *option = option_text(&session->options, OPTION_USERNAME, NULL);
    if ((option != NULL) == (session->arg_count == 1))
        return fail(err, E_USAGE, "user create needs a name: --username NAME");
    *name = option != NULL ? option : session->args[0];
    size_t len = strlen(*name);
    if (len < 3 || len > 32 || strspn(*name, allowed) != len)
        return fail(err, E_INVALID, "the name must have 3 to 32 characters of A-Z a-z 0-9 . _ -");
    return E_OK;
}

static enum err_code read_email(struct session *session, const char **email, struct err *err)
{
    *email = option_text(&session->options, OPTION_EMAIL, NULL);
    if (*email == NULL)
        return fail(err, E_USAGE, "user create needs an address: --email EMAIL");
    if (!utf8_valid(*email, strlen(*email)) || !person_email_ok(*email))
        return fail(err, E_INVALID, "%.100s is not an e-mail address", *email);
    return E_OK;
}

enum err_code user_role_check(const char *role, struct err *err)
{
    if (strcmp(role, "user") != 0 && strcmp(role, "moderator") != 0 && strcmp(role, "admin") != 0)
        return fail(err, E_INVALID, "%.60s is no role; there are user, moderator and admin", role);
    return E_OK;
}

/* An operator may name a weak one no more than anybody else. */
static enum err_code check_strength(const struct user_new *user, const char *password, struct err *err)
{
    struct err weak = ERR_INIT;
    const char *const known[] = {user->username, user->email, "sokoul"};
    if (strength_check(password, known, 3, &weak) == E_OK)
        return E_OK;
    return fail(err, E_INVALID, "the password %s", weak.text);
}

static enum err_code hash_input(struct session *session, const struct user_new *user,
                                struct password_hash *hash, struct err *err)
{
    char password[PASSWORD_INPUT_SIZE] = "";
    enum password_source source =
        option_given(&session->options, OPTION_PASSWORD_STDIN) ? PASSWORD_STDIN : PASSWORD_ASK;
    enum err_code code = password_input(source, password, err);
    if (code == E_OK)
        code = check_strength(user, password, err);
    if (code == E_OK)
        code = password_hash(password, hash, err);
    secret_wipe(password, sizeof password);
    return code;
}

enum err_code verb_user_create(struct session *session, struct err *err)
{
    struct password_hash hash;
    struct db *db = NULL;
    const char *json = NULL;
    struct id id = id_new();
    struct user_new user = {.id = id.text, .role = option_text(&session->options, OPTION_ROLE, "user")};
    enum err_code code = read_name(session, &user.username, err);
    if (code == E_OK)
        code = read_email(session, &user.email, err);
    if (code == E_OK)
        code = user_role_check(user.role, err);
    if (code == E_OK)
        code = hash_input(session, &user, &hash, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    user.password_hash = hash.text;
    if (code == E_OK)
        code = db_begin(db, err);
    if (code == E_OK)
        code = user_store_add(db, session->arena, &user, &json, err);
    if (code == E_OK)
        code = user_commit(session, db, "user_created", json, err);
    if (code == E_CONFLICT)
        return fail(err, code, "the name or the address is taken");
    return code == E_OK ? show_object(session, json, err) : code;
}
