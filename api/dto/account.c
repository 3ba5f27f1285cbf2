/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/account.h"

#include "common/crypt/password.h"

#include <ctype.h>
#include <string.h>

enum
{
    USERNAME_MIN = 3,
    USERNAME_MAX = 32,
    EMAIL_MAX = 254,
    EMAIL_LOCAL_MAX = 64,
    LABEL_MAX = 63,
    PASSWORD_MIN = 8,
    TOKEN_TEXT_MAX = 256
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool local_ok(const char *local, size_t len)
{
    static const char marks[] = "!#$%&'*+/=?^_`{|}~.-";
    if (len == 0 || len > EMAIL_LOCAL_MAX || local[0] == '.' || local[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)local[i];
        if (c < 0x80 && !isalnum(c) && (c == '\0' || strchr(marks, c) == NULL))
            return false;
        if (c == '.' && local[i + 1] == '.')
            return false;
    }
    return true;
}

static bool label_ok(const char *label, size_t len)
{
    if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)label[i];
        if (c < 0x80 && !isalnum(c) && c != '-')
            return false;
    }
    return true;
}

bool account_email_ok(const char *email)
{
    const char *at = strchr(email, '@');
    if (at == NULL || strlen(email) > EMAIL_MAX || !local_ok(email, (size_t)(at - email)))
        return false;
    size_t labels = 0;
    const char *label = at + 1;
    for (;;)
    {
        size_t len = strcspn(label, ".");
        if (!label_ok(label, len))
            return false;
        labels++;
        if (label[len] == '\0')
            return labels >= 2;
        label += len + 1;
    }
}

/* Names may be written in any script; '@' would make them look like an address at the login. */
bool account_username_ok(const char *username)
{
    size_t len = strlen(username);
    if (len == 0 || username[0] == ' ' || username[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)username[i];
        if (c < 0x20 || c == 0x7f || c == '@')
            return false;
    }
    return true;
}

/* Notes every complaint about the fields that are given, behind what `code` says of the others. */
static enum err_code check(struct request *req, const struct account_patch *account, enum err_code code,
                           struct err *err)
{
    if (code != E_OK && code != E_INVALID)
        return code;
    if (account->username != NULL && !account_username_ok(account->username))
        code = request_complain(req, err, "username",
                                "must not have '@', control characters or blanks at its ends");
    if (account->email != NULL && !account_email_ok(account->email))
        code = request_complain(req, err, "email", "must be an e-mail address");
    if (account->password != NULL && strlen(account->password) > PASSWORD_MAX_BYTES)
        code = request_complain(req, err, "password", "must have at most %d bytes", PASSWORD_MAX_BYTES);
    return code;
}

enum err_code account_register_read(struct request *req, struct account_register *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"username", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, username), USERNAME_MIN,
         USERNAME_MAX},
        {"email", JSON_TEXT, JSON_REQUIRED, offsetof(struct account_register, email), 3, EMAIL_MAX},
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
        {"email", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, email), 1, EMAIL_MAX},
        {"username", JSON_TEXT, JSON_OPTIONAL, offsetof(struct login, username), 1, EMAIL_MAX},
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
        {"username", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, username), USERNAME_MIN,
         USERNAME_MAX},
        {"email", JSON_TEXT, JSON_OPTIONAL, offsetof(struct account_patch, email), 3, EMAIL_MAX},
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
