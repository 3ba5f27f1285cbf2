/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password.h -- the door to argon2: argon2id, m=19456 KiB, t=2, p=1, as a PHC string.
 *
 * Every function but password_needs_rehash burns about 17 ms of a core and 19 MiB on
 * purpose: call them from the password threads only, never from executors.  Any thread.
 */
#ifndef SOKOUL_COMMON_CRYPT_PASSWORD_H
#define SOKOUL_COMMON_CRYPT_PASSWORD_H

#include "common/base/err.h"

#include <stdbool.h>

enum
{
    PASSWORD_MAX_BYTES = 1024,
    PASSWORD_HASH_SIZE = 128
};

struct password_hash
{
    char text[PASSWORD_HASH_SIZE]; /* "$argon2id$v=19$m=19456,t=2,p=1$…" */
};

/* E_INVALID: longer than PASSWORD_MAX_BYTES.  E_NO_MEMORY. */
MUST_USE enum err_code password_hash(const char *password, struct password_hash *out, struct err *err);
/* E_OK: it is the one.  E_UNAUTHENTICATED: it is not, or `stored` is not a hash of ours. */
MUST_USE enum err_code password_verify(const char *password, const char *stored, struct err *err);
/* For a user that does not exist: works as long as password_verify and fails as it does. */
MUST_USE enum err_code password_verify_nobody(const char *password, struct err *err);
/* Stored with weaker parameters than today's: hash again at the next login. */
bool password_needs_rehash(const char *stored);

#endif
