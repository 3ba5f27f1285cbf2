/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h -- the door to libjwt: access tokens, JWT signed with HS256 and nothing else.
 *
 * libjwt checks a signature but takes the algorithm from the token, accepts any token when
 * the key is empty, and looks at no claim.  Hence this door reads the header itself first,
 * refuses keys under TOKEN_MIN_SECRET_BYTES and checks every claim:
 *
 *     header   alg HS256, typ JWT (or absent), no crit, kid: the name of one of two keys
 *     payload  iss "sokoul", aud "sokoul-api", kind "access", jti (UUID), sid (UUID), role, iat, nbf, exp,
 *              sub and user_id (the same UUID: RFC 7519 names it one way, our clients the other)
 *
 * The key of the HMAC is the bytes of the secret as they were given.  Its name, the kid, is made from them,
 * so that programs with the same secret agree; the key that a token names is the only one that it is tried
 * with.
 *
 * Ownership: keys are copied and wiped by token_keys_free.  Threads: any.  Blocks only for as long as others
 * take to verify a token.
 */
#ifndef SOKOUL_COMMON_CRYPT_TOKEN_H
#define SOKOUL_COMMON_CRYPT_TOKEN_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/id.h"

#include <stdint.h>

enum
{
    TOKEN_MIN_SECRET_BYTES = 32,
    TOKEN_MAX_SECRET_BYTES = 1024,
    TOKEN_MAX_BYTES = 4096,
    TOKEN_ROLE_SIZE = 24,
    TOKEN_KEY_ID_SIZE = 17,
    TOKEN_LEEWAY_S = 5, /* how far iat and nbf may lie ahead; exp has none */
    TOKEN_ACCESS_S = 3600
};

struct token_keys;

struct token_claims
{
    struct id user_id;
    struct id session_id;
    char role[TOKEN_ROLE_SIZE];
    int64_t issued_s; /* seconds since 1970 */
    int64_t expires_s;
};

/* Signs with `current`; verifies with it and with `previous` (NULL or "": there is none).
 * E_CONFIG: a secret is too short or too long. */
MUST_USE enum err_code token_keys_new(const char *current, const char *previous, struct token_keys **out,
                                      struct err *err);
/* The same with other secrets: tokens of a key that is neither of them end now.  On failure nothing changes.
 */
MUST_USE enum err_code token_keys_change(struct token_keys *keys, const char *current, const char *previous,
                                         struct err *err);
void token_keys_free(struct token_keys *keys); /* NULL is fine; wipes */

MUST_USE enum err_code token_sign(struct token_keys *keys, const struct token_claims *claims,
                                  struct arena *arena, const char **token, struct err *err);
/* E_UNAUTHENTICATED: anything wrong with it; the text says what to the user, and no more. */
MUST_USE enum err_code token_verify(struct token_keys *keys, const char *token, int64_t now_s,
                                    struct token_claims *claims, struct err *err);

#endif
