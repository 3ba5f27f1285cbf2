/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/http.h"

#include <stdbool.h>
#include <string.h>

char *http_escape(struct arena *arena, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strlen(text);
    char *out = arena_array(arena, len + 1, 3);
    if (out == NULL)
        return NULL;
    char *at = out;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        if (plain)
        {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    *at = '\0';
    return out;
}
