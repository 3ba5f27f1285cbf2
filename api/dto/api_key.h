/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key.h -- what clients send about API keys: {name, scopes?, expires_at?}.
 *
 * Scopes are some of "read", "write" and "admin"; read and write when none are given.  E_INVALID with the
 * complaints noted.  Texts live in the request's arena.  Blocks never.
 */
#ifndef SOKOUL_API_DTO_API_KEY_H
#define SOKOUL_API_DTO_API_KEY_H

#include "api/request.h"

struct api_key_ask
{
    const char *name;   /* 1 to 64 characters */
    unsigned scopes;    /* of enum scope */
    int64_t expires_ms; /* wall; 0: never */
};
MUST_USE enum err_code api_key_ask_read(struct request *req, struct api_key_ask *out, struct err *err);

/* The scope of that name; 0: there is none. */
unsigned api_key_scope(const char *name);
/* The names of the scopes, at most API_KEY_SCOPES; their number. */
enum
{
    API_KEY_SCOPES = 3
};
size_t api_key_scope_names(unsigned scopes, const char *names[API_KEY_SCOPES]);

#endif
