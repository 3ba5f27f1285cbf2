/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <stdlib.h>

struct library digest_library(void)
{
    struct library library = {.name = "OpenSSL", .built = OPENSSL_VERSION_STR};
    snprintf(library.found, sizeof library.found, "%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    return library;
}

struct digest digest_sha256(const void *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[32];
    unsigned raw_len = 0;
    struct digest digest;
    if (EVP_Digest(bytes, len, raw, &raw_len, EVP_sha256(), NULL) != 1 || raw_len != sizeof raw)
    {
        fputs("SHA-256 is not available\n", stderr);
        abort();
    }
    for (size_t i = 0; i < sizeof raw; i++)
    {
        digest.hex[2 * i] = hex[raw[i] >> 4];
        digest.hex[2 * i + 1] = hex[raw[i] & 15];
    }
    digest.hex[DIGEST_HEX_SIZE - 1] = '\0';
    secret_wipe(raw, sizeof raw);
    return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return secret_equal(a->hex, DIGEST_HEX_SIZE - 1, b->hex, DIGEST_HEX_SIZE - 1);
}

bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

void secret_wipe(void *bytes, size_t len)
{
    if (bytes != NULL)
        OPENSSL_cleanse(bytes, len);
}
