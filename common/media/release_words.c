/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_words.h"

#include "common/base/utf8.h"
#include "common/media/release_tags.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const endings[] = {".mkv",  ".mp4", ".avi",     ".m4v", ".webm", ".wmv", ".mov",
                                      ".m2ts", ".iso", ".torrent", ".nzb", ".srt",  ".zip", ".rar"};

int word_number(const char *text, size_t max_digits)
{
    size_t len = strspn(text, "0123456789");
    int number = 0;
    if (len == 0 || len > max_digits || text[len] != '\0')
        return RELEASE_NONE;
    for (; *text != '\0'; text++)
        number = number * 10 + (*text - '0');
    return number;
}

static void drop_ending(char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    {
        size_t ending_len = strlen(endings[i]);
        if (len <= ending_len || strcasecmp(name + len - ending_len, endings[i]) != 0)
            continue;
        name[len - ending_len] = '\0';
        return;
    }
}

/* "sample-name" and "name-sample": the word goes, the fact stays.  Returns where the rest begins. */
static size_t take_sample(struct words *words)
{
    static const char mark[] = "-sample";
    size_t len = strlen(words->name);
    size_t mark_len = sizeof mark - 1;
    bool front = strncasecmp(words->name, "sample-", mark_len) == 0 && len > mark_len;
    bool back = len > mark_len && strcasecmp(words->name + len - mark_len, mark) == 0;
    if (back)
        words->name[len - mark_len] = '\0';
    words->is_sample = front || back;
    return front ? mark_len : 0;
}

/* "[Group] Title" or "www.site.example - Title": where the title begins. */
static size_t read_front(struct words *words)
{
    const char *name = words->name;
    const char *close = name[0] == '[' ? strchr(name, ']') : NULL;
    const char *dash = strncasecmp(name, "www.", 4) == 0 ? strstr(name, " - ") : NULL;
    if (dash != NULL)
        return (size_t)(dash + 3 - name);
    if (close == NULL || close[1 + strspn(close + 1, " -_.")] == '\0')
        return 0;
    size_t len = (size_t)(close - name - 1);
    if (len > 0 && len < RELEASE_GROUP_SIZE && memmem(name + 1, len, "www", 3) == NULL)
        snprintf(words->group, sizeof words->group, "%.*s", (int)len, name + 1);
    return (size_t)(close + 1 - name);
}

static void add_word(struct words *words, size_t start, size_t end, enum word_place place)
{
    if (words->count == WORDS_MAX)
        return;
    struct word *word = &words->at[words->count++];
    *word = (struct word){.start = start, .end = end, .place = place, .tag = RELEASE_NONE};
    for (size_t i = 0; i < end - start && i < WORD_SIZE - 1; i++)
    {
        char c = words->name[start + i];
        word->text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    word->after_dash = start > 0 && words->name[start - 1] == '-';
    const char *before = words->name + start - (start > 2 ? 3 : 0);
    word->after_break = start > 2 && before[1] == '-' && strchr(" _", before[0]) && strchr(" _", before[2]);
}

static enum word_place place_behind(char c, enum word_place place)
{
    if (c == '(')
        return WORD_ROUND;
    if (c == '[' || c == '{')
        return WORD_SQUARE;
    return strchr(")]}", c) != NULL ? WORD_FREE : place;
}

void words_read(struct words *words, const char *name)
{
    words->count = 0;
    words->group[0] = '\0';
    size_t len = utf8_cut(name, strnlen(name, RELEASE_MAX_LEN));
    memcpy(words->name, name, len);
    words->name[len] = '\0';
    drop_ending(words->name);
    enum word_place place = WORD_FREE;
    size_t at = take_sample(words);
    at = at > 0 ? at : read_front(words);
    while (words->name[at] != '\0')
    {
        size_t count = strcspn(words->name + at, " ._,-()[]{}\t");
        if (count > 0)
            add_word(words, at, at + count, place);
        at += count;
        if (words->name[at] != '\0')
            place = place_behind(words->name[at++], place);
    }
}
