/* SPDX-License-Identifier: Apache-2.0 */
/* How the title of a release is written, and by which other one it goes. */
#include "common/media/release_parts.h"

#include <string.h>

static void copy_words(const struct words *words, size_t first, size_t end, char *title)
{
    size_t len = 0;
    if (first >= end)
        return;
    const char *from = words->name + words->at[first].start;
    const char *to = words->name + words->at[end - 1].end;
    for (; from < to && len < RELEASE_TITLE_SIZE - 1; from++)
    {
        bool gap = strchr(" ._()[]{}\t", *from) != NULL;
        if (gap && (len == 0 || title[len - 1] == ' '))
            continue;
        title[len++] = gap ? ' ' : *from;
    }
    title[len] = '\0';
}

/* Where the second of two titles begins: behind "AKA" or " / "; `end` when there is one title. */
static size_t second_title(const struct words *words, size_t first, size_t end, size_t *first_end)
{
    for (size_t at = first + 1; at < end; at++)
    {
        bool aka = strcmp(words->at[at].text, "aka") == 0 && at + 1 < end;
        bool letters = at + 3 < end && strcmp(words->at[at].text, "a") == 0 &&
                       strcmp(words->at[at + 1].text, "k") == 0 && strcmp(words->at[at + 2].text, "a") == 0;
        bool slash = (words->at[at].joint == '/' || words->at[at].joint == '|') &&
                     words->at[at].start > words->at[at - 1].end + 1;
        if (!aka && !slash && !letters)
            continue;
        *first_end = at;
        return at + (letters ? 3 : aka ? 1 : 0);
    }
    return end;
}

/* The title without what stands in brackets at its end. */
static size_t without_brackets(const struct words *words, size_t first, size_t end)
{
    size_t at = end;
    while (at > first + 1 && words->at[at - 1].place != WORD_FREE)
        at--;
    return words->at[at - 1].place == WORD_FREE ? at : end;
}

/* Is a letter of it Greek or Cyrillic, or of a script further on?  Signs like a Roman number are none. */
static bool is_other_letters(const char *text)
{
    for (; *text != '\0'; text++)
    {
        unsigned char c = (unsigned char)*text;
        if (c >= 0xCE && c != 0xE2)
            return true;
    }
    return false;
}

/* A title in another script and then in Latin letters, perhaps with words about the release between them:
 * where the Latin one begins; `end` when there are not both. */
static size_t latin_title(const struct words *words, size_t first, size_t end)
{
    size_t at = end;
    if (first >= end || !is_other_letters(words->at[first].text))
        return end;
    while (!is_other_letters(words->at[at - 1].text))
        at--;
    bool latin = at < end && words->at[at].text[0] >= 'a' && words->at[at].text[0] <= 'z';
    return latin ? at : end;
}

/* "Другой[What the release is like] One": the title in its own script ends before the brackets. */
static size_t before_bracket(const struct words *words, size_t first, size_t end)
{
    size_t at = first + 1;
    while (at < end && words->at[at].place == words->at[first].place)
        at++;
    return at;
}

/* "Другой (One)": the brackets hold the title in Latin letters. */
static bool is_other_script(const struct words *words, size_t first, size_t plain_end)
{
    return (unsigned char)words->at[first].text[0] >= 0x80 &&
           (unsigned char)words->at[plain_end].text[0] < 0x80;
}

static void write_title(const struct words *words, size_t first, size_t end, struct release_name *release)
{
    size_t first_end = end;
    size_t second = second_title(words, first, end, &first_end);
    size_t plain_end = first_end > first ? without_brackets(words, first, first_end) : first_end;
    if (second < end)
        copy_words(words, second, end, release->alias);
    else if (plain_end < first_end)
        copy_words(words, is_other_script(words, first, plain_end) ? plain_end : first, first_end,
                   release->alias);
    else if (latin_title(words, first, end) < end)
    {
        copy_words(words, latin_title(words, first, end), end, release->alias);
        plain_end = before_bracket(words, first, end);
    }
    copy_words(words, first, plain_end, release->title);
}

/* ---- a title of less or more words -------------------------------------------------------------------- */

/* "Title US S01E02": series are told apart by country, but lists seldom write it. */
static bool is_country(const struct words *words, size_t at)
{
    static const char *const countries[] = {"US", "UK", "AU", "NZ", "CA", "IE"};
    const char *text = words->name + words->at[at].start;
    char first = words->name[words->at[words->first].start];
    if (first >= 'a' && first <= 'z')
        text = words->at[at].text; /* all is written small */
    for (size_t i = 0; i < sizeof countries / sizeof countries[0]; i++)
        if (words->at[at].end - words->at[at].start == 2 && strncasecmp(text, countries[i], 2) == 0 &&
            (text == words->at[at].text || text[0] == countries[i][0]))
            return true;
    return false;
}

/* "BBC.Title.1080p": who broadcasts it may stand before the title. */
static bool is_front_station(const struct words *words, size_t first, size_t end)
{
    static const char *const stations[] = {"bbc", "itv", "pbs", "nhk", "imax"};
    for (size_t i = 0; i < sizeof stations / sizeof stations[0]; i++)
        if (end > first + 1 && strcmp(words->at[first].text, stations[i]) == 0)
            return true;
    return false;
}

/* "grp-title.of.a.film.2011.mkv": the first word may be the group, where no other is named. */
static bool is_front_group(const struct words *words, size_t first, size_t end)
{
    return first == 0 && end > 2 && words->at[1].after_dash && words->at[1].start == words->at[0].end + 1 &&
           words->name[words->at[1].end] == '.' && words->at[0].end - words->at[0].start > 2;
}

/* "2011 Title 1080p": the first word may be the year, where no other is named. */
static bool is_front_year(const struct words *words, size_t first, size_t end)
{
    return end > first + 2 && word_year(words->at[first].text) != RELEASE_NONE;
}

/* "01. Title (2011)", "1 - Title (2011)": the first word may be the place in a list. */
static bool is_front_count(const struct words *words, size_t first, size_t end)
{
    const char *behind = words->name + words->at[first].end;
    return end > first + 1 && word_number(words->at[first].text, 2) != RELEASE_NONE &&
           (words->at[first].text[0] == '0' || words->at[first + 1].after_break ||
            (behind[0] == '.' && behind[1] == ' '));
}

/* "Title.SE.1986": the last word may say which edition it is, in two capitals. */
static bool is_edition_mark(const struct words *words, size_t at)
{
    static const char *const marks[] = {"SE", "OM"};
    const char *text = words->name + words->at[at].start;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (words->at[at].end - words->at[at].start == 2 && strncmp(text, marks[i], 2) == 0)
            return true;
    return false;
}

/* The title as it would be, were its first or last word not a part of it. */
static void write_other(const struct words *words, size_t first, size_t end, struct release_name *release)
{
    bool series =
        release->season != RELEASE_NONE || release->episode_first != RELEASE_NONE || release->day != 0;
    bool last = end > first + 1 && (series ? is_country(words, end - 1) : is_edition_mark(words, end - 1));
    if (last)
        copy_words(words, first, end - 1, release->alias);
    else if (!series && release->year != 0 && is_front_count(words, first, end))
        copy_words(words, first + 1, end, release->alias);
    else if (is_front_year(words, first, end) && release->year == 0)
        copy_words(words, first + 1, end, release->alias);
    else if (is_front_station(words, first, end) ||
             (release->group[0] == '\0' && is_front_group(words, first, end)))
        copy_words(words, first + 1, end, release->alias);
}

/* "003. Title - Words of the episode" */
static void write_leading(const struct words *words, size_t first, size_t end, struct release_name *release)
{
    size_t title_end = first + 1;
    while (title_end < end && !words->at[title_end].after_break)
        title_end++;
    write_title(words, first, title_end, release);
    if (title_end < end && release->alias[0] == '\0')
        copy_words(words, first, end, release->alias);
}

/* "S01E04 Title 720p": the title stands behind the number; a number alone is the title itself. */
void parts_write_title(const struct words *words, const struct parts *parts, struct release_name *release)
{
    bool leads = parts->numbers_end > words->first && parts->title_end > parts->numbers_end;
    size_t first = leads ? parts->numbers_end : words->first;
    size_t end = parts->title_end;
    if (end == 0 || end <= first)
        end = words->count > first ? first + 1 : first;
    if (leads && words->group[0] == '\0' && words->at[words->first].text[0] == '0')
    {
        write_leading(words, first, end, release);
        return;
    }
    write_title(words, first, end, release);
    if (release->alias[0] == '\0' && parts->cut_from > end && !leads)
        copy_words(words, first, parts->cut_from, release->alias);
    if (release->alias[0] == '\0')
        write_other(words, first, end, release);
}
