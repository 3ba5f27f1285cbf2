/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/text.h"

#include "common/base/utf8.h"

#include <string.h>

uint32_t text_next(const char **at, const char *end)
{
    static const unsigned char lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07}; /* by length in bytes */
    const char *s = *at;
    size_t bytes = utf8_step(s, (size_t)(end - s));
    *at += bytes > 0 ? bytes : 1;
    if (bytes == 0)
        return TEXT_BROKEN;
    uint32_t point = (unsigned char)s[0] & lead_bits[bytes];
    for (size_t i = 1; i < bytes; i++)
        point = point << 6 | ((unsigned char)s[i] & 0x3F);
    return point;
}

bool text_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

bool text_turns(uint32_t point)
{
    return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0x200E ||
           point == 0x200F;
}

char *text_clean(struct arena *arena, const char *text, size_t len)
{
    static const char mark[] = "\xEF\xBF\xBD";
    const char *end = text + len;
    size_t need = 1;
    for (const char *at = text, *from = text; at < end; from = at)
        need += text_next(&at, end) == TEXT_BROKEN ? 3 : (size_t)(at - from);
    char *copy = arena_alloc(arena, need);
    if (copy == NULL)
        return NULL;
    char *to = copy;
    for (const char *at = text, *from = text; at < end; from = at)
    {
        bool broken = text_next(&at, end) == TEXT_BROKEN;
        size_t count = broken ? 3 : (size_t)(at - from);
        memcpy(to, broken ? mark : from, count);
        to += count;
    }
    *to = '\0';
    return copy;
}
