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

/* ---- comparing ------------------------------------------------------------------------------- */

/* Letters of Greek and Cyrillic that are written otherwise, to the plain small one. */
static uint32_t small_letter(uint32_t point)
{
    static const struct
    {
        uint32_t first;
        uint32_t last;
        uint32_t to; /* of the first; the others follow */
    } rows[] = {
        {0x391, 0x3A9, 0x3B1}, {0x410, 0x418, 0x430}, {0x41A, 0x42F, 0x43A}, {0x386, 0x386, 0x3B1},
        {0x388, 0x388, 0x3B5}, {0x389, 0x389, 0x3B7}, {0x38A, 0x38A, 0x3B9}, {0x38C, 0x38C, 0x3BF},
        {0x38E, 0x38E, 0x3C5}, {0x38F, 0x38F, 0x3C9}, {0x3AC, 0x3AC, 0x3B1}, {0x3AD, 0x3AD, 0x3B5},
        {0x3AE, 0x3AE, 0x3B7}, {0x3AF, 0x3AF, 0x3B9}, {0x3CC, 0x3CC, 0x3BF}, {0x3CD, 0x3CD, 0x3C5},
        {0x3CE, 0x3CE, 0x3C9}, {0x390, 0x390, 0x3B9}, {0x3AA, 0x3AA, 0x3B9}, {0x3CA, 0x3CA, 0x3B9},
        {0x3AB, 0x3AB, 0x3C5}, {0x3B0, 0x3B0, 0x3C5}, {0x3CB, 0x3CB, 0x3C5}, {0x3C2, 0x3C2, 0x3C3},
        {0x401, 0x401, 0x435}, {0x450, 0x451, 0x435}, {0x400, 0x400, 0x435}, {0x402, 0x40F, 0x452},
        {0x439, 0x439, 0x438}, {0x419, 0x419, 0x438},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (point >= rows[i].first && point <= rows[i].last)
            return rows[i].first >= 0x450 && rows[i].first <= 0x451 ? rows[i].to
                                                                    : rows[i].to + point - rows[i].first;
    bool pairs = (point >= 0x460 && point <= 0x481) || (point >= 0x48A && point <= 0x4BF) ||
                 (point >= 0x4D0 && point <= 0x52F);
    return pairs ? point | 1 : point;
}

/* Is it a letter that is kept as it is?  Latin is folded; signs of punctuation, spaces, arrows and pictures,
 * and marks that are not seen are none. */
static bool is_letter(uint32_t point)
{
    static const struct
    {
        uint32_t first;
        uint32_t last;
    } signs[] = {
        {0x250, 0x36F},   {0x37E, 0x37E},   {0x384, 0x385},   {0x387, 0x387},     {0x483, 0x489},
        {0x55A, 0x55F},   {0x589, 0x58A},   {0x591, 0x5C7},   {0x5F3, 0x5F4},     {0x600, 0x61F},
        {0x640, 0x640},   {0x64B, 0x65F},   {0x66A, 0x66D},   {0x6D4, 0x6D4},     {0x6D6, 0x6ED},
        {0x964, 0x965},   {0x2000, 0x206F}, {0x20A0, 0x20FF}, {0x2190, 0x2BFF},   {0x2E00, 0x2E7F},
        {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030}, {0x303D, 0x303F},   {0x3099, 0x309A},
        {0x30A0, 0x30A0}, {0x30FB, 0x30FB}, {0xE000, 0xF8FF}, {0xFE00, 0xFE6F},   {0xFEFF, 0xFEFF},
        {0xFF5F, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1E00, 0x1EFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0xE0FFF},
    };
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (point >= signs[i].first && point <= signs[i].last)
            return false;
    return point >= 0x250;
}

static size_t put_utf8(char bytes[4], uint32_t point)
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0}; /* by length */
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3F));
    bytes[0] = (char)(leads[len] | point);
    return len;
}

size_t slug_fold(char *folded, size_t size, const char *title)
{
    size_t len = 0;
    if (size == 0)
        return 0;
    for (const char *at = title, *end = title + strlen(title); at < end;)
    {
        uint32_t point = text_next(&at, end);
        char letter[4];
        size_t count;
        point = small_letter(point >= 0xFF01 && point <= 0xFF5E ? point - 0xFF01 + '!' : point);
        const char *text = is_letter(point) ? letter : letters_of(point, &count);
        if (text == letter)
            count = put_utf8(letter, point);
        if (count == 0 || text[0] == '.')
            continue;
        if (len + count >= size)
            break;
        memcpy(folded + len, text, count);
        len += count;
    }
    folded[len] = '\0';
    return len;
}
