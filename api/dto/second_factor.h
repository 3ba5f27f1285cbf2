/* SPDX-License-Identifier: Apache-2.0 */
/*
 * second_factor.h -- what clients send about a second factor.  E_INVALID with the complaints noted.
 * Texts live in the request's arena.  Blocks never.
 */
#ifndef SOKOUL_API_DTO_SECOND_FACTOR_H
#define SOKOUL_API_DTO_SECOND_FACTOR_H

#include "api/request.h"

enum
{
    SECOND_FACTOR_CODE_MAX = 64 /* characters, as it is typed */
};

struct second_factor
{
    const char *code; /* six digits, or a recovery code */
    const char *password;
};
/* {code} */
MUST_USE enum err_code second_factor_confirm_read(struct request *req, const char **code, struct err *err);
/* {password,code} */
MUST_USE enum err_code second_factor_remove_read(struct request *req, struct second_factor *out,
                                                 struct err *err);

#endif
