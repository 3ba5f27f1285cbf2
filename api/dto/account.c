/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/account.h"

#include "common/crypt/password.h"

#include <string.h>

enum
{
    PASSWORD_MIN = 8,
    TOKEN_TEXT_MAX = 256
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* Notes every complaint about the fields that are given, behind what `code` says of the others. */
static enum err_code check(struct request *req, const struct account_patch *account, enum err_code code,
                           struct err *err)
{
    if (code != E_OK && code != E_INVALID)
        return code;
    if (account->username != NULL && !person_name_ok(account->username))
        code = request_complain(req, err, "username",
                                "must not have '@', control characters or blanks at its ends");
    if (account->email != NULL && !person_email_ok(account->email))
        code = request_complain(req, err, "email", "must be an e-mail address");
    if (account->password != NULL && strlen(account->password) > PASSWORD_MAX_BYTES)
        code = request_complain(req, err, "password", "must have at most %d bytes", PASSWORD_MAX_BYTES);
    return code;
}

enum err_code account_register_read(struct request *req, struct account_register *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"username", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, username), PERSON_NAME_MIN,
         PERSON_NAME_MAX},
        {"email", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, email), 3, PERSON_EMAIL_MAX},
        {"password", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, password), PASSWORD_MIN,
         PASSWORD_MAX_BYTES},
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
    } login = {0};
    static const struct json_field fields[] = {
        {"email", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, email), 1, PERSON_EMAIL_MAX},
        {"username", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, username), 1, PERSON_EMAIL_MAX},
        {"password", JSON_TEXT, JSON_REQUIRED, offsetof(struct login, password), 1, PASSWORD_MAX_BYTES},
    };
    enum err_code code = request_read(req, fields, COUNT(fields), &login, err);
    if (code == E_OK && login.email == NULL && login.username == NULL)
        code = request_complain(req, err, "email", "is needed, or username");
    if (login.password != NULL && strlen(login.password) > PASSWORD_MAX_BYTES)
        code = request_complain(req, err, "password", "must have at most %d bytes", PASSWORD_MAX_BYTES);
    if (code != E_OK)
        return code;
    *out = (struct account_login){login.email != NULL ? login.email : login.username, login.password};
    return E_OK;
}

enum err_code account_token_read(struct request *req, const char **token, struct err *err)
{
    static const struct json_field fields[] = {
        {"refresh_token", JSON_TEXT, JSON_REQUIRED, 0, 1, TOKEN_TEXT_MAX},
    };
    return request_read(req, fields, COUNT(fields), token, err);
}

enum err_code account_patch_read(struct request *req, struct account_patch *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"username", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, username), PERSON_NAME_MIN,
         PERSON_NAME_MAX},
        {"email", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, email), 3, PERSON_EMAIL_MAX},
        {"password", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, password), PASSWORD_MIN,
         PASSWORD_MAX_BYTES},
        {"current_password", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, current_password), 1,
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
