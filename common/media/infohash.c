/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/infohash.h"

#include <openssl/evp.h>

#include <stdint.h>
#include <string.h>

static void write_hex(const unsigned char *bytes, size_t len, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++)
    {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

static enum err_code digest(const EVP_MD *kind, const void *info, size_t len, char *text, struct err *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    if (EVP_Digest(info, len, bytes, &count, kind, NULL) != 1)
        return fail(err, E_UNAVAILABLE, "the system's cryptography cannot compute a hash");
    write_hex(bytes, count, text);
    return E_OK;
}

enum err_code infohash_v1_of(const void *info, size_t len, struct infohash *hash, struct err *err)
{
    return digest(EVP_sha1(), info, len, hash->v1, err);
}

enum err_code infohash_v2_of(const void *info, size_t len, struct infohash *hash, struct err *err)
{
    return digest(EVP_sha256(), info, len, hash->v2, err);
}

bool infohash_v2_join(const char left[INFOHASH_V2_BYTES], const char right[INFOHASH_V2_BYTES],
                      char to[INFOHASH_V2_BYTES])
{
    char both[2 * INFOHASH_V2_BYTES];
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    memcpy(both, left, INFOHASH_V2_BYTES);
    memcpy(both + INFOHASH_V2_BYTES, right, INFOHASH_V2_BYTES);
    if (EVP_Digest(both, sizeof both, bytes, &count, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(to, bytes, INFOHASH_V2_BYTES);
    return true;
}

static bool parse_hex(const char *text, size_t len, char *to)
{
    char lower[INFOHASH_V2_SIZE];
    for (size_t i = 0; i < len; i++)
    {
        char c = text[i];
        if (c >= 'A' && c <= 'F')
            c = (char)(c + ('a' - 'A'));
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        lower[i] = c;
    }
    memcpy(to, lower, len);
    to[len] = '\0';
    return true;
}

/* 32 digits of five bits are 20 bytes. */
static bool parse_base32(const char *text, char *to)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[20];
    uint32_t bits = 0;
    unsigned held = 0;
    size_t count = 0;
    for (size_t i = 0; i < 32; i++)
    {
        char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
        const char *digit = memchr(digits, c, 32);
        if (digit == NULL)
            return false;
        bits = (bits << 5 | (uint32_t)(digit - digits)) & 0xFFF;
        held += 5;
        if (held >= 8)
        {
            held -= 8;
            bytes[count++] = (unsigned char)(bits >> held & 0xFF);
        }
    }
    write_hex(bytes, sizeof bytes, to);
    return true;
}

bool infohash_parse(const char *text, size_t len, struct infohash *hash)
{
    if (len == 40)
        return parse_hex(text, len, hash->v1);
    if (len == 32)
        return parse_base32(text, hash->v1);
    if (len == 64)
        return parse_hex(text, len, hash->v2);
    return len == 68 && memcmp(text, "1220", 4) == 0 && parse_hex(text + 4, 64, hash->v2);
}
