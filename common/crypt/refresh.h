/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refresh.h -- opaque bearer secrets: refresh tokens, tickets, reset links.
 *
 * 32 random bytes as base64url for the client; its SHA-256 for the table.  Whoever reads the
 * table learns nothing that could be sent.  Any thread; never blocks.
 */
#ifndef SOKOUL_COMMON_CRYPT_REFRESH_H
#define SOKOUL_COMMON_CRYPT_REFRESH_H

#include "common/crypt/digest.h"

enum
{
    REFRESH_LEN = 43,
    REFRESH_SIZE = 44,
    REFRESH_S = 7 * 24 * 3600
};

struct refresh_token
{
    char text[REFRESH_SIZE];
};

struct refresh_token refresh_token_new(void);
/* What is stored and looked up.  False: the text cannot be one of ours. */
bool refresh_token_digest(const char *text, struct digest *digest);

#endif
