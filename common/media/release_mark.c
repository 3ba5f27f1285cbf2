/* SPDX-License-Identifier: Apache-2.0 */
/* Which words of a name are in the table of tags. */
#include "common/media/release_words.h"

#include <string.h>

enum
{
    HALF_LEAST = 2,   /* letters of each half of a word that is two */
    WIDTH_LEAST = 320 /* of a picture: "1920x804" is one, "2016x231" is an episode */
};

/* How long the first word of a pattern is, when `text` is that word; 0 otherwise.  '#' stands for digits. */
static size_t matches_word(const char *pattern, const char *text)
{
    size_t len = 0;
    while (pattern[len] != '\0' && pattern[len] != ' ' && pattern[len] != '#')
    {
        if (pattern[len] != text[len])
            return 0;
        len++;
    }
    if (pattern[len] == '#')
        return text[len + strspn(text + len, "0123456789")] == '\0' ? len + 1 : 0;
    return text[len] == '\0' ? len : 0;
}

/* How many words from `at` on the pattern takes; 0: it does not match. */
static size_t match_length(const struct words *words, size_t at, const char *pattern)
{
    size_t count = 0;
    while (*pattern != '\0')
    {
        size_t len = at + count < words->count ? matches_word(pattern, words->at[at + count].text) : 0;
        if (len == 0)
            return 0;
        count++;
        pattern += len + (pattern[len] == ' ' ? 1 : 0);
    }
    return count;
}

/* The row that takes the most words from `at` on, an exact one ("dvd9") before one with a '#' ("dvd#"), which
 * stands earlier in the table; how many it takes goes to `longest`. */
static int find_row(const struct words *words, size_t at, size_t *longest)
{
    const char *text = words->at[at].text;
    int found = RELEASE_NONE;
    *longest = 0;
    for (size_t row = release_tags_from(text); row < release_tag_count; row++)
    {
        const char *pattern = release_tags[row].pattern;
        if (pattern[0] != text[0] || (pattern[1] > '#' && (unsigned char)pattern[1] > (unsigned char)text[1]))
            break;
        if (pattern[1] != text[1] && pattern[1] != '#' && pattern[1] != ' ')
            continue;
        size_t len = match_length(words, at, pattern);
        if (len == 0 || len < *longest)
            continue;
        *longest = len;
        found = (int)row;
    }
    return found;
}

/* A part of a word, looked up alone. */
static int find_part(const char *text, size_t len)
{
    char part[WORD_SIZE];
    memcpy(part, text, len);
    part[len] = '\0';
    for (size_t row = release_tags_from(part); row < release_tag_count; row++)
    {
        const char *pattern = release_tags[row].pattern;
        if (pattern[0] != part[0])
            break;
        if ((pattern[1] == part[1] || pattern[1] == '#') && pattern[matches_word(pattern, part)] == '\0')
            return (int)row;
    }
    return RELEASE_NONE;
}

/* "1280x544": the lines that pictures of this width have. */
static int lines_of(const char *text)
{
    static const struct
    {
        int width;
        int lines;
    } by_width[] = {{7000, 4320}, {3000, 2160}, {2400, 1440}, {1700, 1080}, {1200, 720}};
    const char *times = strpbrk(text, "x*");
    int width = 0;
    int height = 0;
    if (times == NULL || times == text || strspn(text, "0123456789") != (size_t)(times - text))
        return 0;
    for (const char *c = text; c < times && width < 10000; c++)
        width = width * 10 + (*c - '0');
    for (const char *c = times + 1; *c >= '0' && *c <= '9' && height < 10000; c++)
        height = height * 10 + (*c - '0');
    if (width < WIDTH_LEAST || height * 4 < width || height > width * 2)
        return 0;
    for (size_t i = 0; i < sizeof by_width / sizeof by_width[0]; i++)
        if (height == by_width[i].lines) /* "1440x1080" */
            return height;
    for (size_t i = 0; i < sizeof by_width / sizeof by_width[0]; i++)
        if (width >= by_width[i].width)
            return by_width[i].lines;
    return height >= 700 ? 720 : height >= 560 ? 576 : height >= 390 ? 480 : 360;
}

static int row_of_lines(int lines)
{
    for (size_t row = 0; row < release_tag_count; row++)
        if (release_tags[row].field == RELEASE_FIELD_RESOLUTION && release_tags[row].value == lines)
            return (int)row;
    return RELEASE_NONE;
}

static int row_of_nothing(void)
{
    return find_part("rip", 3);
}

/* "2.5GB", "900MB", "384kbps": a size, with the word before its point. */
static bool is_size(struct words *words, size_t at)
{
    static const char *const units[] = {"gb", "mb", "gib", "mib", "kbps", "mbps", "kb", "mbit", "kbit"};
    struct word *word = &words->at[at];
    size_t digits = strspn(word->text, "0123456789");
    size_t i = 0;
    while (i < sizeof units / sizeof units[0] && strcmp(word->text + digits, units[i]) != 0)
        i++;
    if (digits == 0 || i == sizeof units / sizeof units[0])
        return false;
    bool fraction = at > 0 && word->start == word[-1].end + 1 && words->name[word[-1].end] == '.' &&
                    word_number(word[-1].text, 3) != RELEASE_NONE;
    if (fraction)
        word[-1].tag = row_of_nothing();
    return true;
}

/* "[1A2B3C4D]": the sum of a file. */
static bool is_checksum(const struct words *words, size_t at)
{
    const struct word *word = &words->at[at];
    return word->place != WORD_FREE && strlen(word->text) == 8 &&
           strspn(word->text, "0123456789abcdef") == 8 && word->start > 0 &&
           strchr("([", words->name[word->start - 1]) != NULL && strchr(")]", words->name[word->end]) != NULL;
}

/* "BD1080p", "WEB-DLx264", "1080p10bit", "DKsubs720p": a source or so, and a strong word directly behind it.
 */
static void mark_halves(struct words *words, size_t at)
{
    struct word *word = &words->at[at];
    size_t len = strlen(word->text);
    for (size_t cut = HALF_LEAST; cut + HALF_LEAST < len; cut++)
    {
        int behind = find_part(word->text + cut, len - cut);
        if (behind == RELEASE_NONE || release_tags[behind].strength != RELEASE_STRONG)
            continue;
        int front = find_part(word->text, cut);
        if (cut == 2 && strncmp(word->text, "dl", 2) == 0 && at > 0 && strcmp(word[-1].text, "web") == 0)
            front = word[-1].tag; /* "WEB-DLx264" */
        bool fits = front != RELEASE_NONE && (release_tags[front].strength == RELEASE_STRONG ||
                                              release_tags[front].field == RELEASE_FIELD_SOURCE ||
                                              release_tags[front].field == RELEASE_FIELD_FLAG);
        if (!fits)
            continue;
        word->tag = front;
        word->second = behind;
        return;
    }
}

/* "3xDVD9", "12DVD": how many discs there are. */
static bool is_discs(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *disc = text + digits + (text[digits] == 'x' ? 1 : 0);
    return digits > 0 && strncmp(disc, "dvd", 3) == 0 && disc[3 + strspn(disc + 3, "0123456789")] == '\0';
}

static void mark_odd(struct words *words, size_t at)
{
    struct word *word = &words->at[at];
    if (!word->has_digit)
        return;
    int lines = lines_of(word->text);
    if (lines > 0)
        word->tag = row_of_lines(lines);
    else if (is_discs(word->text))
        word->tag = find_part("dvdrip", 6);
    else if (is_size(words, at) || is_checksum(words, at))
        word->tag = row_of_nothing();
    else
        mark_halves(words, at);
}

static bool has_small(const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (from[i] >= 'a' && from[i] <= 'z')
            return true;
    return false;
}

/* A copy from a cinema that is told in capitals at the end, or before the group, of a name with small
 * letters. */
static bool is_loud(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    const struct word *word = &words->at[at];
    return at > 0 && tag->field == RELEASE_FIELD_SOURCE && tag->strength == RELEASE_WEAK &&
           tag->value <= RELEASE_SOURCE_TELECINE &&
           !has_small(words->name + word->start, word->end - word->start) &&
           has_small(words->name, strlen(words->name));
}

void words_mark(struct words *words)
{
    for (size_t at = 0; at < words->count;)
    {
        size_t longest;
        int tag = find_row(words, at, &longest);
        for (size_t i = 0; i < longest; i++)
            words->at[at + i].tag = tag;
        if (longest == 0)
            mark_odd(words, at);
        at += longest > 0 ? longest : 1;
    }
    for (size_t at = words->count > 2 ? words->count - 2 : 0; at < words->count; at++)
        words->at[at].is_loud = words->at[at].tag != RELEASE_NONE && is_loud(words, at);
}

const struct release_tag *words_tag(const struct words *words, size_t at)
{
    return at >= words->count || words->at[at].tag == RELEASE_NONE ? NULL : &release_tags[words->at[at].tag];
}

bool words_is(const struct words *words, size_t at, enum release_field field)
{
    const struct release_tag *tag = words_tag(words, at);
    return tag != NULL && tag->field == field;
}

bool words_tells(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    return tag != NULL && tag->strength != RELEASE_FAINT;
}

bool words_whole(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    return tag != NULL && tag->field == RELEASE_FIELD_FLAG && tag->value == RELEASE_FLAG_COMPLETE;
}

bool words_is_strong(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    return tag != NULL &&
           (tag->strength == RELEASE_STRONG || words->at[at].second != RELEASE_NONE || words->at[at].is_loud);
}
