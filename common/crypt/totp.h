/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totp.h -- codes of a second factor (RFC 6238: HMAC-SHA1, six digits, a new one each 30 s), and the codes on
 * paper that stand in for them.
 *
 * A step is a number of 30 s since 1970.  A clock may be off by one step either way.  Whoever checks a code
 * keeps the step that it was of and asks for a later one the next time: so no code works twice.
 *
 * The secret is needed as it is to check a code, so a hash of it would be of no use.  It is stored as plain
 * text that the API's role alone may read: a key derived from JWT_SECRET would be lost with the second
 * rotation of that, and lies on the same machine.  Recovery codes are stored as digests.
 *
 * Any thread; no shared state; never blocks.
 */
#ifndef SOKOUL_COMMON_CRYPT_TOTP_H
#define SOKOUL_COMMON_CRYPT_TOTP_H

#include "common/crypt/digest.h"

#include <stdint.h>

enum
{
    TOTP_SECRET_BYTES = 20,
    TOTP_SECRET_SIZE = 33, /* as text, base32 */
    TOTP_DIGITS = 6,
    TOTP_STEP_S = 30,
    RECOVERY_SIZE = 20, /* "abcd-efgh-ijkl-mnop": 80 random bits */
    RECOVERY_CODES = 10
};

struct totp_secret
{
    unsigned char bytes[TOTP_SECRET_BYTES];
};

struct totp_secret totp_secret_new(void);
void totp_secret_write(const struct totp_secret *secret, char text[TOTP_SECRET_SIZE]);
/* False: that is not what totp_secret_write writes. */
bool totp_secret_read(const char *text, struct totp_secret *secret);

void totp_code(const struct totp_secret *secret, int64_t step, char code[TOTP_DIGITS + 1]);
/* The step after `last`, of those that the clock allows, whose code that is; 0: there is none. Takes as long
 * for every code. */
int64_t totp_find(const struct totp_secret *secret, const char *code, int64_t now_s, int64_t last);
bool totp_is_code(const char *text); /* six digits, as opposed to a recovery code */

void recovery_new(char code[RECOVERY_SIZE]);
/* What is stored; case, blanks and hyphens do not matter.  False: the text cannot be one of ours. */
bool recovery_digest(const char *text, struct digest *digest);

#endif
