/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h -- what clients send about accounts, checked field by field.
 *
 * Each reader fills its struct from the request's body or returns E_INVALID with the complaints
 * noted.  Texts live in the request's arena.  Blocks never.
 */
#ifndef SOKOUL_API_DTO_ACCOUNT_H
#define SOKOUL_API_DTO_ACCOUNT_H

#include "api/request.h"
#include "common/base/person.h"

struct account_register
{
    const char *username; /* 3 to 32 characters without controls and '@' */
    const char *email;
    const char *password; /* 8 characters to 1,024 bytes */
};
MUST_USE enum err_code account_register_read(struct request *req, struct account_register *out,
                                             struct err *err);

struct account_login
{
    const char *name; /* the e-mail address or the username */
    const char *password;
};
MUST_USE enum err_code account_login_read(struct request *req, struct account_login *out, struct err *err);

/* {"refresh_token":"…"} */
MUST_USE enum err_code account_token_read(struct request *req, const char **token, struct err *err);

struct account_patch
{
    const char *username; /* NULL: unchanged, as the others */
    const char *email;
    const char *password;         /* the new one */
    const char *current_password; /* needed for a new one, or a new address */
};
MUST_USE enum err_code account_patch_read(struct request *req, struct account_patch *out, struct err *err);

#endif
