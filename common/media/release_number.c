/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_number.h"

#include <string.h>

/* ---- days ------------------------------------------------------------------------------------------ */

/* "mar", "sept", "march" */
static int month_of(const char *text)
{
    static const char *const months[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    size_t len = strlen(text);
    for (size_t i = 0; len >= 3 && i < sizeof months / sizeof months[0]; i++)
        if (text[0] == months[i][0] && strncmp(text, months[i], len) == 0)
            return (int)i + 1;
    return 0;
}

/* "15", "5th" */
static int day_of(const char *text)
{
    static const char *const tails[] = {"", "st", "nd", "rd", "th"};
    const char *rest = "";
    int day = number_behind(text, "", 2, &rest);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        if (strcmp(rest, tails[i]) == 0)
            return day;
    return RELEASE_NONE;
}

static bool set_day(struct release_name *release, int year, int month, int day)
{
    if (year < RELEASE_MIN_YEAR || year > RELEASE_MAX_YEAR || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    release->year = year;
    release->month = month;
    release->day = day;
    return true;
}

static int two_digits(const struct words *words, size_t at)
{
    const char *text = words_text(words, at);
    return strlen(text) == 2 ? word_number(text, 2) : RELEASE_NONE;
}

/* Three numbers of two digits behind a title, with nothing but a point or a blank between. */
static bool is_short_day(const struct words *words, size_t at)
{
    if (at == words->first || number_at(words, at + 3, 4) != RELEASE_NONE || words->at[at - 1].has_digit)
        return false;
    for (size_t i = at; i < at + 3; i++)
        if (two_digits(words, i) == RELEASE_NONE || words->at[i].joint != ' ' ||
            words->at[i].place != WORD_FREE)
            return false;
    return two_digits(words, at) >= 10 && words->at[at + 2].start == words->at[at].start + 6;
}

/* "2024.03.15", "15.03.2024", "03.15.2024"; of two that can both be months, the day is first.  "24.03.15"
 * begins with the year, where it can. */
static size_t read_three(const struct words *words, size_t at, struct release_name *release)
{
    int one = two_digits(words, at);
    int two = two_digits(words, at + 1);
    int three = two_digits(words, at + 2);
    int front = word_year(words_text(words, at));
    int back = word_year(words_text(words, at + 2));
    bool done = false;
    bool tied = at + 1 < words->count && words->at[at].place == words->at[at + 1].place;
    if (front != RELEASE_NONE && tied && two != RELEASE_NONE && three != RELEASE_NONE)
        done = set_day(release, front, two, three) || set_day(release, front, three, two);
    else if (back != RELEASE_NONE && one != RELEASE_NONE && two != RELEASE_NONE &&
             words->at[at].place == words->at[at + 2].place) /* not "Seasons 01-03 (2014)" */
        done = set_day(release, back, two, one) || set_day(release, back, one, two);
    else if (is_short_day(words, at))
        done = set_day(release, 2000 + one, two, three) || set_day(release, 2000 + three, two, one);
    return done ? 3 : 0;
}

/* "Mar.15.2024", "15 Mar 2024", "5th March 2024" */
static size_t read_named(const struct words *words, size_t at, struct release_name *release)
{
    const char *one = words_text(words, at);
    const char *two = words_text(words, at + 1);
    int year = word_year(words_text(words, at + 2));
    if (year == RELEASE_NONE || words->at[at + 1].after_break ||
        words->at[at + 2].place != words->at[at].place)
        return 0; /* "Title Mar - 09 (2021)" */
    bool done = month_of(one) > 0 ? set_day(release, year, month_of(one), day_of(two))
                                  : set_day(release, year, month_of(two), day_of(one));
    return done ? 3 : 0;
}

/* "20240315", and "240315" before a word of quality */
static size_t read_glued(const struct words *words, size_t at, struct release_name *release)
{
    const char *text = words->at[at].text;
    size_t len = strlen(text);
    int number = word_number(text, 8);
    bool done = false;
    if (len == 8 && number != RELEASE_NONE)
        done = set_day(release, number / 10000, number / 100 % 100, number % 100);
    else if (len == 6 && number != RELEASE_NONE && at > words->first && words_tells(words, at + 1))
        done = set_day(release, 2000 + number / 10000, number / 100 % 100, number % 100);
    return done ? 1 : 0;
}

static size_t read_day(const struct words *words, size_t at, struct release_name *release)
{
    size_t used = read_three(words, at, release);
    used = used > 0 ? used : read_named(words, at, release);
    return used > 0 ? used : read_glued(words, at, release);
}

/* ---- all styles --------------------------------------------------------------------------------------- */

static bool starts_with_digit(const struct words *words, size_t at)
{
    const char c = words->at[at].text[0];
    return c >= '0' && c <= '9';
}

/* Can a number begin at this word?  Most words are none, and are passed at once. */
static bool may_count(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    if (tag != NULL)
        return tag->field == RELEASE_FIELD_SEASON || tag->field == RELEASE_FIELD_EPISODE ||
               tag->field == RELEASE_FIELD_EXTRA ||
               (tag->field == RELEASE_FIELD_VAGUE_RESOLUTION && starts_with_digit(words, at));
    bool part = at > 0 && strcmp(words->at[at - 1].text, "part") == 0; /* "Part Two" */
    return part || words->at[at].has_digit || (unsigned char)words->at[at].text[0] >= 0xE0 ||
           month_of(words->at[at].text) > 0;
}

/* The first place from `at` on where one of the styles fits; a season alone is kept, and looked behind. */
static struct numbers scan(const struct words *words, size_t at, number_style *const *styles,
                           struct release_name *release)
{
    for (; at < words->count; at++)
        for (size_t i = 0; may_count(words, at) && styles[i] != NULL; i++)
        {
            size_t used = styles[i](words, at, release);
            if (used > 0)
                return (struct numbers){at, at + used};
        }
    return (struct numbers){words->count, words->count};
}

static number_style *const season_styles[] = {release_read_s00e00,  release_read_0x00, release_read_season,
                                              release_read_counted, release_read_tied, NULL};
static number_style *const exact_styles[] = {release_read_s00e00, release_read_0x00, NULL};
static number_style *const episode_styles[] = {release_read_episode, NULL};
static number_style *const dash_styles[] = {release_read_half, release_read_dotted, release_read_dash, NULL};
static number_style *const bare_styles[] = {release_read_bare, NULL};
static number_style *const aired_styles[] = {release_read_aired, NULL};
static number_style *const extra_styles[] = {release_read_extra, NULL};
static number_style *const padded_styles[] = {release_read_padded, NULL};
static number_style *const dated_styles[] = {release_read_dated, NULL};
static number_style *const day_styles[] = {read_day, NULL};

/* Behind a season alone the episode may stand further on: "Temporada 4 [HDTV][Cap.408]". */
static struct numbers look_behind(const struct words *words, struct numbers found,
                                  struct release_name *release)
{
    struct release_name copy = *release;
    struct numbers exact = scan(words, found.end, exact_styles, &copy);
    bool again = exact.at < words->count && copy.episode_first != RELEASE_NONE;
    if (again)
        *release = copy;
    else
        exact = scan(words, found.end, episode_styles, release);
    return exact.at == found.end ? (struct numbers){found.at, exact.end} : found;
}

static bool has_year(const struct words *words)
{
    bool found = false;
    for (size_t at = words->first; at < words->count; at++)
        found = found || word_year(words->at[at].text) != RELEASE_NONE;
    return found;
}

static struct numbers scan_episodes(const struct words *words, struct release_name *release)
{
    number_style *const *const undated[] = {episode_styles, dash_styles,  extra_styles,
                                            bare_styles,    aired_styles, padded_styles};
    number_style *const *const dated[] = {episode_styles, dash_styles, bare_styles, aired_styles,
                                          dated_styles};
    bool has = has_year(words);
    number_style *const *const *passes = has ? dated : undated;
    size_t from = words->first + 1;
    struct numbers found = scan(words, words->first, season_styles, release);
    if (found.at < words->count && release->episode_first == RELEASE_NONE &&
        release->season == release->season_last)
        return look_behind(words, found, release);
    size_t count = has ? sizeof dated / sizeof dated[0] : sizeof undated / sizeof undated[0];
    count = release->day != 0 ? 1 : count; /* the numbers are the day's */
    for (size_t i = 0; found.at == words->count && i < count; i++)
        found = scan(words, from, passes[i], release);
    return found;
}

/* "Title - 05 - S01E05", "Title 313-315 s16e03-05", "Title Ep 2x03": the title ends before the first of both.
 */
static size_t before_second(const struct words *words, size_t at, const struct release_name *release)
{
    if (at < words->first + 2)
        return at;
    const struct word *word = &words->at[at - 1];
    if (words_is(words, at - 1, RELEASE_FIELD_EPISODE) && strncmp(word->text, "ep", 2) == 0)
        return at - 1;
    if (words_is(words, at - 1, RELEASE_FIELD_SEASON) && strncmp(word->text, "season", 6) == 0)
        return at - 1;
    if (strcmp(word->text, "part") == 0 || strcmp(word->text, "pt") == 0)
        return at - 1;
    if (number_is_half(words, at - 2) && words->at[at - 2].after_break)
        return at - 2;
    if (number_at(words, at - 1, 4) == RELEASE_NONE || release->season == RELEASE_NONE)
        return at;
    int before = number_at(words, at - 2, 4);
    if (word->joint == '-' && !word->after_break && before != RELEASE_NONE &&
        before < number_at(words, at - 1, 4) && at > words->first + 2)
        return at - 2;
    bool glued = strpbrk(words->at[at].text, "xe") != NULL;
    bool enclosed = words->at[at].start > 0 && strchr("([", words->name[words->at[at].start - 1]) != NULL;
    bool through = words->group[0] != '\0' && release->episode_first != RELEASE_NONE &&
                   (glued ? strlen(word->text) > 2 : enclosed); /* "[Group] Title 214 10x14", "87 (S4-24)" */
    return (word->after_break || through) && word_year(word->text) == RELEASE_NONE ? at - 1 : at;
}

/* "[Group] 05 - Title", "003. Title", "003-005. Title", "03-Title": a number before the title. */
static struct numbers read_leading(const struct words *words, struct release_name *release)
{
    const struct numbers none = {words->count, words->count};
    size_t at = words->first;
    if (at + 1 >= words->count || strlen(words->at[at].text) < 2)
        return none;
    bool padded = words->at[at].text[0] == '0' && !has_year(words);
    bool grouped = words->group[0] != '\0' && words->at[at + 1].after_break;
    int episode = number_at(words, at, 3);
    if (episode == RELEASE_NONE || (!padded && !grouped))
        return none;
    release_add_episode(release, episode);
    int last = padded && words->at[at + 1].joint == '-' && !words->at[at + 1].after_break
                   ? number_at(words, at + 1, 3)
                   : RELEASE_NONE;
    if (last <= episode)
        return (struct numbers){at, at + 1};
    release_add_episode(release, last);
    return (struct numbers){at, at + 2};
}

struct numbers release_read_numbers(const struct words *words, struct release_name *release)
{
    if (words->count == words->first)
        return (struct numbers){words->count, words->count};
    struct numbers day = scan(words, words->first, day_styles, release);
    struct numbers found = scan_episodes(words, release);
    if (found.at == words->count && day.at == words->count)
        found = read_leading(words, release);
    if (found.at < day.end && found.end > day.at && day.at < words->count &&
        release->episode_first == RELEASE_NONE)
    {
        release->season = release->season_last = RELEASE_NONE; /* "Series 10.11.2008" */
        return day;
    }
    if (found.at < words->count)
        found.at = before_second(words, found.at, release);
    if (day.at < found.at)
        found = day;
    return found;
}
