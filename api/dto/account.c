/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/account.h"

#include "api/dto/second_factor.h"
#include "common/base/utf8.h"
#include "common/crypt/code.h"
#include "common/crypt/password.h"
#include "common/crypt/strength.h"

#include <string.h>

enum
{
    PASSWORD_MIN = 8,
    TOKEN_TEXT_MAX = 256
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* The local part is a word that guessers know, too. */
enum err_code account_strength_check(struct request *req, const char *password, const char *username,
                                     const char *email, struct err *err)
{
    struct err weak = ERR_INIT;
    const char *local = email != NULL ? arena_strndup(req->arena, email, strcspn(email, "@")) : NULL;
    const char *const known[] = {username, email, local, "sokoul"};
    if (strength_check(password, known, (int)COUNT(known), &weak) == E_OK)
        return E_OK;
    return request_complain(req, err, "password", "%s", weak.text);
}

/* Notes every complaint about the fields that are given, behind what `code` says of the others. */
static enum err_code check(struct request *req, const struct account_patch *account, enum err_code code,
                           struct err *err)
{
    if (code != E_OK && code != E_INVALID)
        return code;
    if (account->username != NULL && !person_name_ok(account->username))
        code = request_complain(req, err, "username",
                                "must not have '@', blanks at its ends or characters that are not seen");
    if (account->email != NULL && !person_email_ok(account->email))
        code = request_complain(req, err, "email", "must be an e-mail address that mail can be sent to");
    if (account->password == NULL)
        return code;
    if (strlen(account->password) > PASSWORD_MAX_BYTES)
        return request_complain(req, err, "password", "must have at most %d bytes", PASSWORD_MAX_BYTES);
    enum err_code strong =
        account_strength_check(req, account->password, account->username, account->email, err);
    return strong != E_OK ? strong : code;
}

enum err_code account_register_read(struct request *req, struct account_register *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"username", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, username), PERSON_NAME_MIN,
         PERSON_NAME_MAX},
        {"email", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, email), 3, PERSON_EMAIL_MAX},
        {"password", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, password), PASSWORD_MIN,
         PASSWORD_MAX_BYTES},
        {"invitation", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_register, invitation), 1,
         CODE_TEXT_MAX},
        {"setup_code", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_register, setup_code), 1,
         CODE_TEXT_MAX},
    };
    *out = (struct account_register){0};
    enum err_code code = request_read(req, fields, COUNT(fields), out, err);
    const struct account_patch given = {out->username, out->email, out->password, NULL};
    return check(req, &given, code, err);
}

enum err_code account_login_read(struct request *req, struct account_login *out, struct err *err)
{
    struct login
    {
        const char *email;
        const char *username;
        const char *password;
        const char *code;
    } login = {0};
    static const struct json_field fields[] = {
        {"email", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, email), 1, PERSON_EMAIL_MAX},
        {"username", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, username), 1, PERSON_EMAIL_MAX},
        {"password", JSON_LINES, JSON_REQUIRED, offsetof(struct login, password), 1, PASSWORD_MAX_BYTES},
        {"code", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, code), 1, SECOND_FACTOR_CODE_MAX},
    };
    enum err_code code = request_read(req, fields, COUNT(fields), &login, err);
    if (code == E_OK && login.email == NULL && login.username == NULL)
        code = request_complain(req, err, "email", "is needed, or username");
    if (login.password != NULL && strlen(login.password) > PASSWORD_MAX_BYTES)
        code = request_complain(req, err, "password", "must have at most %d bytes", PASSWORD_MAX_BYTES);
    if (code != E_OK)
        return code;
    *out = (struct account_login){login.email != NULL ? login.email : login.username, login.password,
                                  login.code};
    return E_OK;
}

enum err_code account_token_read(struct request *req, const char **token, struct err *err)
{
    static const struct json_field fields[] = {
        {"refresh_token", JSON_TEXT, JSON_REQUIRED, 0, 1, TOKEN_TEXT_MAX},
    };
    return request_read(req, fields, COUNT(fields), token, err);
}

enum err_code account_forgot_read(struct request *req, const char **email, struct err *err)
{
    static const struct json_field fields[] = {
        {"email", JSON_TEXT, JSON_REQUIRED, 0, 3, PERSON_EMAIL_MAX},
    };
    enum err_code code = request_read(req, fields, COUNT(fields), email, err);
    if (code == E_OK && (strchr(*email, '@') == NULL || !utf8_is_plain(*email)))
        code = request_complain(req, err, "email", "must be an e-mail address");
    return code;
}

enum err_code account_reset_read(struct request *req, struct account_reset *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"token", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_reset, token), 1, TOKEN_TEXT_MAX},
        {"password", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_reset, password), PASSWORD_MIN,
         PASSWORD_MAX_BYTES},
    };
    *out = (struct account_reset){0};
    enum err_code code = request_read(req, fields, COUNT(fields), out, err);
    const struct account_patch given = {.password = out->password};
    return check(req, &given, code, err);
}

static enum err_code check_role(struct request *req, const char *role, enum err_code code, struct err *err)
{
    static const char *const roles[] = {"user", "moderator", "admin"};
    for (size_t i = 0; i < COUNT(roles); i++)
        if (role == NULL || strcmp(role, roles[i]) == 0)
            return code;
    return request_complain(req, err, "role", "must be user, moderator or admin");
}

enum err_code account_change_read(struct request *req, struct account_change *out, struct err *err)
{
    struct given
    {
        const char *role;
        const struct json *disabled;
    } given = {0};
    static const struct json_field fields[] = {
        {"role", JSON_TEXT, JSON_OPTIONAL, offsetof(struct given, role), 1, 16},
        {"disabled", JSON_ANY, JSON_OPTIONAL, offsetof(struct given, disabled), 0, 0},
    };
    enum err_code code = request_read(req, fields, COUNT(fields), &given, err);
    if (code != E_OK && code != E_INVALID)
        return code;
    code = check_role(req, given.role, code, err);
    const char *disabled = given.disabled != NULL ? json_print(req->arena, given.disabled) : NULL;
    if (disabled != NULL && strcmp(disabled, "true") != 0 && strcmp(disabled, "false") != 0)
        code = request_complain(req, err, "disabled", "must be true or false");
    if (code == E_OK && given.role == NULL && disabled == NULL)
        code = request_complain(req, err, "role", "is needed, or disabled");
    if (code == E_OK)
        *out = (struct account_change){given.role, disabled};
    return code;
}

enum err_code account_filter_read(struct request *req, struct account_filter *out, struct err *err)
{
    *out = (struct account_filter){request_query(req, "role"), request_query(req, "disabled"),
                                   request_query(req, "query")};
    if (check_role(req, out->role, E_OK, err) != E_OK)
        return err->code;
    if (out->disabled != NULL && strcmp(out->disabled, "true") != 0 && strcmp(out->disabled, "false") != 0)
        return request_complain(req, err, "disabled", "must be true or false");
    return E_OK;
}

enum err_code account_invitation_read(struct request *req, int64_t *valid_s, struct err *err)
{
    static const struct json_field fields[] = {
        {"expires_in_s", JSON_INT, JSON_OPTIONAL, 0, ACCOUNT_INVITATION_MIN_S, ACCOUNT_INVITATION_MAX_S},
    };
    *valid_s = ACCOUNT_INVITATION_S;
    return req->body_len > 0 ? request_read(req, fields, COUNT(fields), valid_s, err) : E_OK;
}

enum err_code account_patch_read(struct request *req, struct account_patch *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"username", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, username), PERSON_NAME_MIN,
         PERSON_NAME_MAX},
        {"email", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, email), 3, PERSON_EMAIL_MAX},
        {"password", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, password), PASSWORD_MIN,
         PASSWORD_MAX_BYTES},
        {"current_password", JSON_LINES, JSON_OPTIONAL, offsetof(struct account_patch, current_password), 1,
         PASSWORD_MAX_BYTES},
    };
    *out = (struct account_patch){0};
    enum err_code code = request_read(req, fields, COUNT(fields), out, err);
    if (code == E_OK && (out->password != NULL || out->email != NULL) && out->current_password == NULL)
        code = request_complain(req, err, "current_password", "is needed to set a new password or address");
    if (out->current_password != NULL && strlen(out->current_password) > PASSWORD_MAX_BYTES)
        code =
            request_complain(req, err, "current_password", "must have at most %d bytes", PASSWORD_MAX_BYTES);
    return check(req, out, code, err);
}
