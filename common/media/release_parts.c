/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_parts.h"

#include "common/media/release_number.h"

#include <string.h>

/* ---- where the title begins ------------------------------------------------------------------------ */

/* "[Group]_[Other]_Title": where the title begins, behind a second bracket that a free word follows. */
static size_t second_group_end(const struct words *words)
{
    size_t at = words->first;
    while (at > 0 && at < words->count && words->at[at].place == WORD_SQUARE)
        at++;
    bool plain = !words_tells(words, at) && number_at(words, at, 4) == RELEASE_NONE;
    bool more = at + 1 < words->count && words->at[at + 1].place == WORD_FREE &&
                words->at[at + 1].tag == RELEASE_NONE && number_at(words, at + 1, 4) == RELEASE_NONE;
    bool title =
        at > words->first && at < words->count && words->at[at].place == WORD_FREE && (plain || more);
    return title ? at : words->first;
}

/* "[Long Title][07]", "[Title].148.": is it the number of an episode behind a first bracket that is a title?
 */
static bool is_count(const struct words *words, size_t at)
{
    const struct word *word = &words->at[at];
    bool enclosed = words->name[word->end] == ']';
    if (word->place == WORD_FREE)
        return strlen(word->text) > 1 && number_at(words, at, 4) != RELEASE_NONE &&
               word_year(word->text) == RELEASE_NONE;
    return enclosed && at > 1 && number_at(words, at, 2) != RELEASE_NONE;
}

/* "[Long Title][07][1080p]", "[Title].148.[XviD]", "[Title 1998] [BDRip]": nothing but a number and quality
 * follows the first bracket, so that it holds the title. */
static bool is_title_enclosed(const struct words *words)
{
    size_t at = words->first;
    if (at == 0 || at >= words->count || words_tells(words, 0))
        return false;
    bool numbered = is_count(words, at);
    at += numbered ? 1 : 0;
    if (!words_is_strong(words, at) && !(numbered && words_tells(words, at)))
        return false;
    while (at < words->count && words->at[at].place == WORD_SQUARE)
        at++;
    return at == words->count;
}

static bool is_quality(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    return tag != NULL && tag->strength == RELEASE_STRONG &&
           (tag->field == RELEASE_FIELD_CODEC || tag->field == RELEASE_FIELD_RESOLUTION ||
            tag->field == RELEASE_FIELD_VAGUE_RESOLUTION ||
            (tag->field == RELEASE_FIELD_SOURCE && tag->value > RELEASE_SOURCE_SCREENER));
}

/* "h265 - HEVC Title", "1080p Title": is the first word none of the title? */
static bool leads_with_quality(const struct words *words)
{
    size_t next = words->first + 1;
    return next < words->count && is_quality(words, words->first) &&
           (is_quality(words, next) ||
            (words->at[next].tag == RELEASE_NONE && word_year(words->at[next].text) == RELEASE_NONE));
}

/* "01月新番", the month in which a series began, which lists write before its title. */
static bool is_label(const struct words *words, size_t at)
{
    static const char label[] = "月新番";
    const char *text = words_text(words, at);
    size_t len = strlen(text);
    return len > sizeof label - 1 && strcmp(text + len - (sizeof label - 1), label) == 0;
}

/* "[1080p]" at the front is no group; brackets behind it that only tell are not the title either. */
void parts_settle_front(struct words *words)
{
    size_t group_end = words->first;
    size_t telling = 0;
    bool strong = false;
    for (size_t at = 0; at < group_end; at++)
    {
        telling += words_tells(words, at) ? 1 : 0;
        strong = strong || words_is_strong(words, at);
    }
    if (strong || (telling == group_end && group_end > 0))
        words->group[0] = '\0';
    struct release_name ignored = {.season = RELEASE_NONE, .episode_first = RELEASE_NONE};
    bool numbered = group_end > 0 && (release_read_s00e00(words, 0, &ignored) > 0 ||
                                      release_read_0x00(words, 0, &ignored) > 0);
    if (numbered && ignored.season > 0)
    {
        words->group[0] = '\0'; /* "[04x01] Title" */
        words->first = 0;
        return;
    }
    if (is_title_enclosed(words))
    {
        words->group[0] = '\0';
        words->first = 0;
        return;
    }
    size_t first = second_group_end(words);
    while (first > 0 && first < words->count &&
           ((words->at[first].place == WORD_SQUARE && words_tells(words, first)) || is_label(words, first)))
        first++;
    if (first < words->count)
        words->first = first;
    while (leads_with_quality(words))
        words->first++;
}

/* "(1995) Title", "[1995] Title": the year before the title.  "221208 Title ep34": the day of the recording,
 * which is not kept. */
void parts_take_front(struct words *words, struct release_name *release)
{
    size_t at = words->first;
    if (at == 1 && at < words->count && words->group[0] != '\0' &&
        word_year(words->at[0].text) != RELEASE_NONE)
    {
        release->year = word_year(words->at[0].text);
        words->group[0] = '\0';
        return;
    }
    if (at + 2 < words->count && strlen(words->at[at].text) == 6 && number_at(words, at, 6) != RELEASE_NONE)
        words->first = at + 1;
    if (at + 1 >= words->count || words->at[at].place != WORD_ROUND ||
        words->at[at + 1].place == WORD_ROUND || word_year(words->at[at].text) == RELEASE_NONE)
        return;
    release->year = word_year(words->at[at].text);
    words->first = at + 1;
}

/* ".ts" is the ending of a file where another source is named: "HDTV.MPEG2-GRP.ts". */
void parts_drop_stream(struct words *words)
{
    size_t last = words->count - 1;
    bool named = false;
    if (words->count < 2 || strcmp(words->name + words->at[last].start, "ts") != 0 ||
        words->name[words->at[last].start - 1] != '.')
        return;
    for (size_t at = words->first + 1; at < last; at++)
        named = named || (words_is(words, at, RELEASE_FIELD_SOURCE) && words_is_strong(words, at));
    size_t before = words->at[last - 1].start;
    named = named || (before > 0 && words->name[before - 1] == '#');
    if (named || (words->at[last - 1].after_dash && words->at[last - 1].tag == RELEASE_NONE))
        words->count--;
}

/* ---- where the title ends --------------------------------------------------------------------------- */

static size_t first_strong(const struct words *words, size_t from)
{
    while (from < words->count && !words_is_strong(words, from))
        from++;
    return from;
}

static bool is_article(const char *text)
{
    static const char *const articles[] = {"the", "a",   "an", "la", "le", "il",  "el", "das",
                                           "der", "die", "of", "in", "my", "los", "les"};
    for (size_t i = 0; i < sizeof articles / sizeof articles[0]; i++)
        if (strcmp(text, articles[i]) == 0)
            return true;
    return false;
}

/* Where the title ends, when the words from `at` to `end` are said of the release: an article makes the next
 * one a part of the title ("Pier of the Web"), and words that are one in the table are not parted ("Final
 * Cut"). */
static size_t over_articles(const struct words *words, size_t at, size_t end)
{
    while (at < end && at > 0 &&
           (is_article(words->at[at - 1].text) ||
            (words->at[at].tag != RELEASE_NONE && words->at[at].tag == words->at[at - 1].tag)))
        at++;
    return at;
}

/* "v2" */
static bool is_version(const struct words *words, size_t at)
{
    return words_is(words, at, RELEASE_FIELD_FLAG) && words->at[at].text[0] == 'v';
}

/* "Title.FRENCH.1080p": weak words right before a strong one belong to it. */
static size_t back_over_known(const struct words *words, size_t end)
{
    size_t at = end;
    while (at > words->first + 1 && at < words->count &&
           (words_tells(words, at - 1) || is_version(words, at - 1)))
        at--;
    return over_articles(words, at, end);
}

/* How the release was made: rarely the last word of a title. */
static bool is_making(const struct words *words, size_t at)
{
    static const char *const makings[] = {"limited", "internal", "custom", "retail", "hybrid", "ld", "md"};
    for (size_t i = 0; i < sizeof makings / sizeof makings[0]; i++)
        if (strcmp(words->at[at].text, makings[i]) == 0)
            return true;
    return false;
}

/* "Title - FR", "Title MULTi", "Title HDR", "Title UHD": does the last word of a name speak of the release?
 */
static bool is_said_last(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    if (tag == NULL)
        return false;
    if (tag->field == RELEASE_FIELD_LANGUAGE)
        return words->at[at].after_break || tag->value == RELEASE_LANGUAGE_MULTI;
    return tag->field == RELEASE_FIELD_HDR ||
           (tag->field == RELEASE_FIELD_VAGUE_RESOLUTION && tag->value == 2160 && !words->at[at].has_digit);
}

/* Is the word, before a year or a season, said of the release?  "Good German (2006)" is a title. */
static bool is_said(const struct words *words, size_t at, size_t end)
{
    if (end == words->count && is_said_last(words, at))
        return true;
    bool free = end < words->count && words->at[end].place == WORD_FREE;
    bool language = free && words_is(words, at, RELEASE_FIELD_LANGUAGE);
    return words_tells(words, at) &&
           (language || (free && is_making(words, at)) || words_is(words, at, RELEASE_FIELD_EDITION) ||
            words_is(words, at, RELEASE_FIELD_FLAG));
}

/* Words that only tell are said too, behind or before one that surely is: "Title.CUSTOM.EXTENDED.2011",
 * "Title vostfr HD". */
static size_t back_over_telling(const struct words *words, size_t end, size_t from)
{
    size_t at = from;
    while (at > words->first + 1 && words_is(words, at - 1, RELEASE_FIELD_NOTHING) &&
           words_tells(words, at - 1))
        at--;
    bool last = end == words->count && (is_said(words, at - 1, end) || is_version(words, at - 1));
    return at < from && (from < end || last) ? at : from;
}

/* "Title.EXTENDED.2011", "Title.German.2011", "Title.Complete.S01", "Title Uncut": where the title ends, if
 * no article makes the word a part of it ("The.French.2011"). */
static size_t back_over_said(const struct words *words, size_t end)
{
    size_t at = back_over_telling(words, end, end);
    while (at > words->first + 1 &&
           (is_said(words, at - 1, end) || (end == words->count && is_version(words, at - 1))))
        at = back_over_telling(words, end, at - 1);
    return over_articles(words, at, end);
}

/* The last year before `limit`, one in round brackets before all others; words->count when there is none. */
static size_t find_year(const struct words *words, size_t limit)
{
    size_t found = words->count;
    for (size_t at = words->first + 1; at < limit && at < words->count; at++)
    {
        bool better =
            found == words->count || words->at[at].place != WORD_FREE || words->at[found].place == WORD_FREE;
        if (better && words->at[at].tag == RELEASE_NONE && word_year(words->at[at].text) != RELEASE_NONE)
            found = at;
    }
    return found;
}

/* Behind the numbers or the first strong word a year is one too: "Title.1080p.2019". */
static size_t find_late_year(const struct words *words, size_t from)
{
    while (from < words->count && word_year(words->at[from].text) == RELEASE_NONE)
        from++;
    return from;
}

static size_t end_with_year(const struct words *words, size_t end, size_t limit, struct release_name *release)
{
    size_t year = find_year(words, limit);
    size_t from = year;
    if (year < words->count && year > words->first + 1 && words->at[year].joint == '-' &&
        word_year(words->at[year - 1].text) != RELEASE_NONE &&
        word_year(words->at[year - 1].text) < word_year(words->at[year].text))
        from--; /* "1978-2011" */
    if (year < words->count)
        end = from < end ? from : end;
    else
        year = find_late_year(words, end);
    if (year < words->count)
        release->year = word_year(words->at[year].text);
    else if (release->season >= RELEASE_MIN_YEAR && release->season <= RELEASE_MAX_YEAR)
        release->year = release->season; /* "Title S2014E18" */
    return end;
}

struct parts parts_find(const struct words *words, struct release_name *release)
{
    struct numbers numbers = release_read_numbers(words, release);
    size_t strong = first_strong(words, words->first + 1);
    bool leads = numbers.at == words->first && numbers.end > numbers.at;
    size_t first = !leads && numbers.at < strong ? numbers.at : strong;
    size_t end = first == strong ? back_over_known(words, strong) : first;
    if (release->day == 0)
        end = end_with_year(words, end, first, release);
    struct parts parts = {.title_end = end, .numbers_end = numbers.at < words->count ? numbers.end : end};
    parts.cut_from = end;
    parts.title_end = back_over_said(words, end);
    parts.is_episode = release->episode_first != RELEASE_NONE || release->day != 0;
    parts.quality = first_strong(words, parts.numbers_end > end ? parts.numbers_end : end);
    parts.quality_run = parts.quality;
    while (parts.quality_run > end && (words->at[parts.quality_run - 1].tag != RELEASE_NONE ||
                                       (parts.quality == words->count && parts.quality_run == words->count &&
                                        words->at[parts.quality_run - 1].after_dash)))
        parts.quality_run--;
    return parts;
}
