/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypt/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64_encode(const void *bytes, size_t len, char *text)
{
    const unsigned char *in = bytes;
    uint32_t held = 0;
    int held_bits = 0;
    for (size_t i = 0; i < len; i++)
    {
        held = (held << 8 | in[i]) & 0xffff;
        held_bits += 8;
        while (held_bits >= 6)
        {
            held_bits -= 6;
            *text++ = alphabet[held >> held_bits & 63];
        }
    }
    if (held_bits > 0)
        *text++ = alphabet[held << (6 - held_bits) & 63];
    *text = '\0';
}

static int value_of(char c)
{
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at == NULL ? -1 : (int)(at - alphabet);
}

bool base64_decode(const char *text, size_t text_len, void *out, size_t size, size_t *len)
{
    unsigned char *to = out;
    uint32_t held = 0;
    int held_bits = 0;
    size_t count = 0;
    if (text_len % 4 == 1)
        return false;
    for (size_t i = 0; i < text_len; i++)
    {
        int value = value_of(text[i]);
        if (value < 0)
            return false;
        held = (held << 6 | (uint32_t)value) & 0xffff;
        held_bits += 6;
        if (held_bits < 8)
            continue;
        if (count == size)
            return false;
        held_bits -= 8;
        to[count++] = (unsigned char)(held >> held_bits);
    }
    if ((held & ((1U << held_bits) - 1)) != 0)
        return false;
    *len = count;
    return true;
}
