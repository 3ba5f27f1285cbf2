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
    const char *password;   /* 8 characters to 1,024 bytes, hard to guess */
    const char *invitation; /* or NULL, as the next */
    const char *setup_code;
};
MUST_USE enum err_code account_register_read(struct request *req, struct account_register *out,
                                             struct err *err);

struct account_login
{
    const char *name; /* the e-mail address or the username */
    const char *password;
    const char *code; /* of a second factor, or NULL */
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

/* Complains about the field "password" of an account with this name and address. */
MUST_USE enum err_code account_strength_check(struct request *req, const char *password, const char *username,
                                              const char *email, struct err *err);

/* {"email":"…"}; as it stands with an account, which may be older than the rules of today. */
MUST_USE enum err_code account_forgot_read(struct request *req, const char **email, struct err *err);

struct account_reset
{
    const char *token;
    const char *password;
};
MUST_USE enum err_code account_reset_read(struct request *req, struct account_reset *out, struct err *err);

struct account_change
{
    const char *role;     /* NULL: unchanged, as the other */
    const char *disabled; /* "true" or "false" */
};
MUST_USE enum err_code account_change_read(struct request *req, struct account_change *out, struct err *err);

/* Of the query; NULL: any. */
struct account_filter
{
    const char *role;
    const char *disabled;
    const char *query;
};
MUST_USE enum err_code account_filter_read(struct request *req, struct account_filter *out, struct err *err);

enum
{
    ACCOUNT_INVITATION_MIN_S = 60,
    ACCOUNT_INVITATION_S = 7 * 24 * 3600,
    ACCOUNT_INVITATION_MAX_S = 90 * 24 * 3600
};
/* {"expires_in_s"?}, or no body at all. */
MUST_USE enum err_code account_invitation_read(struct request *req, int64_t *valid_s, struct err *err);

#endif
