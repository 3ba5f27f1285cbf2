/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/api_key.h"

#include <stdio.h>
#include <string.h>

struct api_key api_key_new(void)
{
    struct api_key key;
    struct refresh_token secret = refresh_token_new();
    snprintf(key.text, sizeof key.text, API_KEY_PREFIX "%s", secret.text);
    secret_wipe(&secret, sizeof secret);
    return key;
}

bool api_key_digest(const char *text, struct digest *digest)
{
    const size_t prefix = sizeof API_KEY_PREFIX - 1;
    if (strncmp(text, API_KEY_PREFIX, prefix) != 0 || !refresh_token_digest(text + prefix, digest))
        return false;
    *digest = digest_sha256(text, strlen(text));
    return true;
}
