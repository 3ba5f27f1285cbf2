/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/code.h"

#include "common/base/random.h"

#include <ctype.h>
#include <string.h>

enum
{
    SIGNS = 25,
    GROUP = 5
};

/* Crockford's 32: neither I, L, O nor U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct code code_new(void)
{
    unsigned char bytes[SIGNS];
    struct code code = {{0}};
    char *to = code.text;
    random_bytes(bytes, sizeof bytes);
    for (int i = 0; i < SIGNS; i++)
    {
        if (i > 0 && i % GROUP == 0)
            *to++ = '-';
        *to++ = alphabet[bytes[i] & 31];
    }
    *to = '\0';
    secret_wipe(bytes, sizeof bytes);
    return code;
}

/* '\0': no sign of a code. */
static char sign_of(char c)
{
    const int upper = toupper((unsigned char)c);
    if (upper == 'O')
        return '0';
    if (upper == 'I' || upper == 'L')
        return '1';
    const char *at = memchr(alphabet, upper, sizeof alphabet - 1);
    return at != NULL ? *at : '\0';
}

bool code_digest(const char *text, struct digest *digest)
{
    char signs[SIGNS];
    int count = 0;
    for (; *text != '\0'; text++)
    {
        if (*text == '-' || *text == ' ')
            continue;
        const char sign = sign_of(*text);
        if (sign == '\0' || count == SIGNS)
            return false;
        signs[count++] = sign;
    }
    if (count != SIGNS)
        return false;
    *digest = digest_sha256(signs, SIGNS);
    secret_wipe(signs, sizeof signs);
    return true;
}
