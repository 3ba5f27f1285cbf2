/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/parse.h"

#include <stddef.h>
#include <string.h>

bool parse_i64(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    if (negative)
        text++;
    if (*text == '\0')
        return false;
    int64_t sum = 0; /* counted downwards, since INT64_MIN has no positive twin */
    for (; *text != '\0'; text++)
    {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(sum, (int64_t)10, &sum) ||
            __builtin_sub_overflow(sum, (int64_t)(*text - '0'), &sum))
            return false;
    }
    if (!negative && sum == INT64_MIN)
        return false;
    *value = negative ? sum : -sum;
    return true;
}

bool parse_u32(const char *text, uint32_t *value)
{
    int64_t wide = 0;
    if (*text == '-' || !parse_i64(text, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

bool parse_bool(const char *text, bool *value)
{
    static const struct
    {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"1", true}, {"0", false}, {"yes", true}, {"no", false}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    {
        if (strcmp(text, words[i].word) != 0)
            continue;
        *value = words[i].value;
        return true;
    }
    return false;
}
