/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/slug.h"

#include "common/media/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Each row folds the code points first, first + 1, ... to the space-separated words of `to`; "." separates.
 */
struct fold_range
{
    uint32_t first;
    const char *to;
};

static const struct fold_range folds[] = {
    {0x1EE4, "u u u u u u u u u u u u u u y y y y y y y y"},
    {0x1ECC, "o o o o o o o o o o o o o o o o o o o o o o o o"},
    {0x1EB8, "e e e e e e e e e e e e e e e e i i i i"},
    {0x1EA0, "a a a a a a a a a a a a a a a a a a a a a a a a"},
    {0x1E80, "w w w w w w w w w w x x x x y y z z z z z z h t w y a s s s ss d"},
    {0x1E58, "r r r r r r r r s s s s s s s s s s t t t t t t t t u u u u u u u u u u v v v v"},
    {0x1E2C, "i i i i k k k k k k l l l l l l l l m m m m m m n n n n n n n n o o o o o o o o p p p p"},
    {0x1E00, "a a b b b b b b c c d d d d d d d d d d e e e e e e e e e e f f g g h h h h h h h h h h"},
    {0x1C4,
     "dz dz dz lj lj lj nj nj nj a a i i o o u u u u u u u u u u e a a a a ae ae g g g g k k o o o o z z j "
     "dz dz dz g g hv w n n a a ae ae o o a a a a e e e e i i i i o o o o r r r r u u u u s s t t y y h h n "
     "d ou ou z z a a e e o o o o o o o o y y"},
    {0x180,
     "b b b b . . o c c d d d d . e e e f f g . hv . i k k l . . n n o o o oi oi p p . . . . . t t t t u u . "
     "v y y z z z z z"},
    {0x152, "oe oe r r r r r r s s s s s s s s t t t t t t u u u u u u u u u u u u w w y y y z z z z z z s"},
    {0x128, "i i i i i i i i i i ij ij j j k k k l l l l l l l l l l n n n n n n n n n o o o o o o"},
    {0x100, "a a a a a a c c c c c c c c d d d d e e e e e e e e e e g g g g g g g g h h h h"},
    {0xE0, "a a a a a a ae c e e e e i i i i d n o o o o o . o u u u u y th y"},
    {0xC0, "a a a a a a ae c e e e e i i i i d n o o o o o . o u u u u y th ss"},
};

/* The `skip`-th word of a row, or NULL. */
static const char *word_at(const char *words, uint32_t skip)
{
    for (; skip > 0; skip--)
    {
        words = strchr(words, ' ');
        if (words == NULL)
            return NULL;
        words++;
    }
    return words;
}

static const char *fold_latin(uint32_t point, size_t *len)
{
    size_t row = 0;
    while (row < sizeof folds / sizeof folds[0] && point < folds[row].first)
        row++;
    const char *word = NULL;
    if (row < sizeof folds / sizeof folds[0])
        word = word_at(folds[row].to, point - folds[row].first);
    *len = word != NULL ? strcspn(word, " ") : 1;
    return word != NULL ? word : ".";
}

static const char *fold_ascii(uint32_t point, size_t *len)
{
    static const char kept[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    if (point >= 'A' && point <= 'Z')
        point += 'a' - 'A';
    *len = point == '\'' ? 0 : point == '&' ? 3 : 1;
    if (point == '&')
        return "and";
    const char *hit = strchr(kept, (int)point);
    return hit != NULL ? hit : ".";
}

/* What one code point adds: letters, "." between words, or nothing. */
static const char *letters_of(uint32_t point, size_t *len)
{
    if (point < 0x80)
        return fold_ascii(point, len);
    *len = 0;
    if ((point >= 0x300 && point <= 0x36F) || point == 0x2019 || point == 0x2018 || point == 0x2BC)
        return ""; /* combining marks and apostrophes */
    return fold_latin(point, len);
}

size_t slug_make(char *slug, size_t size, const char *title)
{
    size_t len = 0;
    bool gap = false;
    if (size == 0)
        return 0;
    for (const char *at = title, *end = title + strlen(title); at < end;)
    {
        uint32_t point = text_next(&at, end);
        size_t count;
        const char *text = letters_of(point, &count);
        gap = gap || point == '&' || (count > 0 && text[0] == '.');
        if (count == 0 || text[0] == '.')
            continue;
        size_t dash = gap && len > 0 ? 1 : 0;
        if (len + dash + count >= size)
            break;
        if (dash > 0)
            slug[len++] = '-';
        memcpy(slug + len, text, count);
        len += count;
        gap = point == '&';
    }
    slug[len] = '\0';
    return len;
}
