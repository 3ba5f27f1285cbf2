/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/second_factor.h"

#include "common/crypt/password.h"

enum err_code second_factor_confirm_read(struct request *req, const char **code, struct err *err)
{
    static const struct json_field fields[] = {
        {"code", JSON_TEXT, JSON_REQUIRED, 0, 1, SECOND_FACTOR_CODE_MAX},
    };
    return request_read(req, fields, 1, code, err);
}

enum err_code second_factor_remove_read(struct request *req, struct second_factor *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"code", JSON_TEXT, JSON_REQUIRED, offsetof(struct second_factor, code), 1, SECOND_FACTOR_CODE_MAX},
        {"password", JSON_TEXT, JSON_REQUIRED, offsetof(struct second_factor, password), 1,
         PASSWORD_MAX_BYTES},
    };
    *out = (struct second_factor){0};
    return request_read(req, fields, sizeof fields / sizeof fields[0], out, err);
}
