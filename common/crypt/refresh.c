/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/refresh.h"

#include "common/base/random.h"
#include "common/crypt/base64.h"

#include <string.h>

enum
{
    RANDOM_BYTES = 32
};

struct refresh_token refresh_token_new(void)
{
    unsigned char bytes[RANDOM_BYTES];
    struct refresh_token token;
    random_bytes(bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, token.text);
    secret_wipe(bytes, sizeof bytes);
    return token;
}

bool refresh_token_digest(const char *text, struct digest *digest)
{
    unsigned char bytes[RANDOM_BYTES];
    size_t len = 0;
    if (text == NULL || strnlen(text, REFRESH_SIZE) != REFRESH_LEN ||
        !base64_decode(text, REFRESH_LEN, bytes, sizeof bytes, &len) || len != sizeof bytes)
        return false;
    secret_wipe(bytes, sizeof bytes);
    *digest = digest_sha256(text, REFRESH_LEN);
    return true;
}
