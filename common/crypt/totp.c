/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/totp.h"

#include "common/base/random.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SHA1_BYTES = 20,
    MODULUS = 1000000, /* six digits */
    RECOVERY_BYTES = 10,
    RECOVERY_CHARS = 16
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* `len` is a multiple of five, so nothing has to be padded. */
static void base32_write(const unsigned char *bytes, size_t len, char *text)
{
    for (size_t i = 0; i < len; i += 5)
    {
        uint64_t five = 0;
        for (size_t k = 0; k < 5; k++)
            five = five << 8 | bytes[i + k];
        for (int shift = 35; shift >= 0; shift -= 5)
            *text++ = letters[five >> shift & 31];
    }
    *text = '\0';
}

struct totp_secret totp_secret_new(void)
{
    struct totp_secret secret = {0};
    random_bytes(secret.bytes, sizeof secret.bytes);
    return secret;
}

void totp_secret_write(const struct totp_secret *secret, char text[TOTP_SECRET_SIZE])
{
    base32_write(secret->bytes, sizeof secret->bytes, text);
}

bool totp_secret_read(const char *text, struct totp_secret *secret)
{
    uint64_t bits = 0;
    size_t count = 0;
    if (strlen(text) != TOTP_SECRET_SIZE - 1 || strspn(text, letters) != TOTP_SECRET_SIZE - 1)
        return false;
    for (size_t i = 0; text[i] != '\0'; i++)
    {
        bits = bits << 5 | (uint64_t)(strchr(letters, text[i]) - letters);
        if (i % 8 != 7)
            continue;
        for (int shift = 32; shift >= 0; shift -= 8)
            secret->bytes[count++] = (unsigned char)(bits >> shift);
    }
    return true;
}

void totp_code(const struct totp_secret *secret, int64_t step, char code[TOTP_DIGITS + 1])
{
    unsigned char message[8];
    unsigned char mac[SHA1_BYTES];
    unsigned len = 0;
    for (int i = 0; i < 8; i++)
        message[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i));
    if (HMAC(EVP_sha1(), secret->bytes, sizeof secret->bytes, message, sizeof message, mac, &len) == NULL ||
        len != sizeof mac)
    {
        fputs("HMAC-SHA1 is not available\n", stderr);
        abort();
    }
    const unsigned at = mac[SHA1_BYTES - 1] & 15;
    const uint32_t number = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
                            (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    snprintf(code, TOTP_DIGITS + 1, "%06u", number % MODULUS);
    secret_wipe(mac, sizeof mac);
}

int64_t totp_find(const struct totp_secret *secret, const char *code, int64_t now_s, int64_t last)
{
    char right[TOTP_DIGITS + 1];
    int64_t found = 0;
    for (int64_t step = now_s / TOTP_STEP_S - 1; step <= now_s / TOTP_STEP_S + 1; step++)
    {
        totp_code(secret, step, right);
        if (secret_equal(code, strlen(code), right, TOTP_DIGITS) && step > last)
            found = step;
    }
    secret_wipe(right, sizeof right);
    return found;
}

bool totp_is_code(const char *text)
{
    return strlen(text) == TOTP_DIGITS && strspn(text, "0123456789") == TOTP_DIGITS;
}

void recovery_new(char code[RECOVERY_SIZE])
{
    unsigned char bytes[RECOVERY_BYTES];
    char plain[RECOVERY_CHARS + 1];
    random_bytes(bytes, sizeof bytes);
    base32_write(bytes, sizeof bytes, plain);
    for (size_t i = 0; i < RECOVERY_CHARS; i++)
        plain[i] = plain[i] >= 'A' ? (char)(plain[i] | 32) : plain[i];
    snprintf(code, RECOVERY_SIZE, "%.4s-%.4s-%.4s-%.4s", plain, plain + 4, plain + 8, plain + 12);
    secret_wipe(bytes, sizeof bytes);
    secret_wipe(plain, sizeof plain);
}

bool recovery_digest(const char *text, struct digest *digest)
{
    char plain[RECOVERY_CHARS];
    size_t len = 0;
    for (; *text != '\0'; text++)
    {
        if (*text == '-' || *text == ' ')
            continue;
        const char letter = *text >= 'a' && *text <= 'z' ? (char)(*text & ~32) : *text;
        if (len == RECOVERY_CHARS || strchr(letters, letter) == NULL)
            return false;
        plain[len++] = letter;
    }
    if (len != RECOVERY_CHARS)
        return false;
    *digest = digest_sha256(plain, len);
    secret_wipe(plain, sizeof plain);
    return true;
}
