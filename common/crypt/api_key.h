/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key.h -- keys with which programs use the API, instead of a login.
 *
 * "sk_" and 32 random bytes as base64url for the owner, who sees it once; its SHA-256 for the table.  The
 * beginning is what logs know a key by (mask.h).  Any thread; never blocks.
 */
#ifndef SOKOUL_COMMON_CRYPT_API_KEY_H
#define SOKOUL_COMMON_CRYPT_API_KEY_H

#include "common/crypt/digest.h"
#include "common/crypt/refresh.h"

#define API_KEY_PREFIX "sk_"

enum
{
    API_KEY_SIZE = sizeof API_KEY_PREFIX - 1 + REFRESH_SIZE
};

struct api_key
{
    char text[API_KEY_SIZE];
};

struct api_key api_key_new(void);
/* What is stored and looked up.  False: the text cannot be one of ours. */
bool api_key_digest(const char *text, struct digest *digest);

#endif
