/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/api_key.h"

#include "common/base/clock.h"

#include <string.h>

enum
{
    NAME_MAX_CHARS = 64
};

static const struct
{
    const char *name;
    enum scope scope;
} scopes[API_KEY_SCOPES] = {{"read", SCOPE_READ}, {"write", SCOPE_WRITE}, {"admin", SCOPE_ADMIN}};

unsigned api_key_scope(const char *name)
{
    for (size_t i = 0; i < API_KEY_SCOPES; i++)
        if (strcmp(scopes[i].name, name) == 0)
            return scopes[i].scope;
    return 0;
}

size_t api_key_scope_names(unsigned of, const char *names[API_KEY_SCOPES])
{
    size_t count = 0;
    for (size_t i = 0; i < API_KEY_SCOPES; i++)
        if (of & scopes[i].scope)
            names[count++] = scopes[i].name;
    return count;
}

static enum err_code scopes_read(struct request *req, const struct json *list, unsigned *out, struct err *err)
{
    unsigned all = 0;
    for (const struct json *name = json_first(list); name != NULL; name = json_next(name))
    {
        const unsigned scope = api_key_scope(json_text(name, ""));
        if (scope == 0)
            return request_complain(req, err, "scopes", "must be some of read, write and admin");
        all |= scope;
    }
    *out = all != 0 ? all : SCOPE_READ | SCOPE_WRITE;
    return E_OK;
}

enum err_code api_key_ask_read(struct request *req, struct api_key_ask *out, struct err *err)
{
    struct body
    {
        struct api_key_ask key;
        const struct json *scopes;
    } body = {0};
    static const struct json_field fields[] = {
        {"name", JSON_TEXT, JSON_REQUIRED, offsetof(struct body, key.name), 1, NAME_MAX_CHARS},
        {"scopes", JSON_ARRAY, JSON_OPTIONAL, offsetof(struct body, scopes), 1, API_KEY_SCOPES},
        {"expires_at", JSON_TIME, JSON_OPTIONAL, offsetof(struct body, key.expires_ms), 0, 0},
    };
    enum err_code code = request_read(req, fields, sizeof fields / sizeof fields[0], &body, err);
    if (code != E_OK && code != E_INVALID)
        return code;
    if (body.key.expires_ms != 0 && body.key.expires_ms <= clock_wall_ms())
        code = request_complain(req, err, "expires_at", "must lie in the future");
    if (scopes_read(req, body.scopes, &body.key.scopes, err) != E_OK || code != E_OK)
        return err->code;
    *out = body.key;
    return E_OK;
}
