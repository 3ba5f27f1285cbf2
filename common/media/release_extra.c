/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are none of an episode that is wanted, and numbers told by their first zero alone. */
#include "common/media/release_number.h"

#include <string.h>

static void set_extra(struct release_name *release)
{
    release->flags |= UINT32_C(1) << RELEASE_FLAG_EXTRA;
}

/* Digits with a point and a single digit behind them: "12.5". */
bool number_is_half(const struct words *words, size_t at)
{
    return at + 1 < words->count && number_at(words, at, 3) != RELEASE_NONE &&
           number_at(words, at + 1, 1) != RELEASE_NONE && words->name[words->at[at].end] == '.' &&
           words->at[at + 1].start == words->at[at].end + 1;
}

/* "Title - 12.5", "[Group] Title 12.5", "Title - 12.5.1": between two episodes. */
size_t release_read_half(const struct words *words, size_t at, struct release_name *release)
{
    bool stands = words->at[at].after_break || (words->group[0] != '\0' && strlen(words->at[at].text) == 2);
    if (!number_is_half(words, at))
        return 0;
    size_t used = number_is_half(words, at + 1) ? 3 : 2;
    if (!stands || !number_ends_at(words, at + used) || number_follows_quality(words, at))
        return 0; /* "x264 - 5.1" */
    set_extra(release);
    return used;
}

/* "op4a", "ed2v2", "cd1of2": an extra whose number is a version, a part, or one of all. */
static bool is_numbered_extra(const char *text)
{
    static const char *const letters[] = {"op", "ed", "ncop", "nced", "cd", "vol"};
    const char *rest = "";
    size_t i = 0;
    while (i < sizeof letters / sizeof letters[0] &&
           number_behind(text, letters[i], 2, &rest) == RELEASE_NONE)
        i++;
    if (i == sizeof letters / sizeof letters[0])
        return false;
    bool of = number_behind(rest, "of", 2, &rest) != RELEASE_NONE && rest[0] == '\0';
    return of || number_is_version(rest) || number_is_piece(rest);
}

static bool is_extra(const struct words *words, size_t at)
{
    return words_is(words, at, RELEASE_FIELD_EXTRA) ||
           (at < words->count && words->at[at].has_digit && is_numbered_extra(words->at[at].text));
}

/* "2", "1v2" */
static bool is_plain_number(const struct words *words, size_t at)
{
    const char *rest = "";
    return at < words->count && words->at[at].tag == RELEASE_NONE &&
           number_behind(words->at[at].text, "", 2, &rest) != RELEASE_NONE &&
           (rest[0] == '\0' || number_is_version(rest));
}

/* Behind the extra at `at`, its number and those that go with it: "OP 2", "Vol. 1v2 & Vol. 2". */
static size_t extra_end(const struct words *words, size_t at)
{
    size_t end = at;
    while (is_extra(words, end))
    {
        bool numbered = is_extra(words, end) && words->at[end].has_digit;
        end++;
        while (is_plain_number(words, end) && (!numbered || words->at[end].joint == '&'))
        {
            numbered = true;
            end++;
        }
    }
    return end;
}

/* "[Group] Title - Vol.3", "[Group] Title Vol.03", "[Group] Title Vol.1&2"; "Title Vol. 3" is a title. */
static bool is_volume(const struct words *words, size_t at, size_t end)
{
    const char *text = words->at[at].text;
    const char *number = text[3] != '\0' ? text + 3 : words_text(words, at + 1);
    return words->group[0] != '\0' &&
           (words->at[at].after_break || number[0] == '0' || words->at[end - 1].joint == '&' ||
            (end - at > 2 && is_extra(words, end - 2)));
}

/* "Title - NCOP", "Title OP02", "Title - Vol.3", "Title CD1": a part of the work, or what comes with it. */
size_t release_read_extra(const struct words *words, size_t at, struct release_name *release)
{
    if (!is_extra(words, at))
        return 0;
    size_t end = extra_end(words, at);
    const char *text = words->at[at].text;
    if (strncmp(text, "vol", 3) == 0 && !is_volume(words, at, end))
        return 0;
    bool clear =
        words->at[at].has_digit || end > at + 1 || words->at[at].after_break || strncmp(text, "nc", 2) == 0;
    if (!clear || !number_ends_at(words, end))
        return 0;
    set_extra(release);
    return end - at;
}

/* ---- season and episode with a point between ---------------------------------------------------------- */

bool number_read_pair(const struct words *words, size_t at, struct release_name *release)
{
    int season = number_at(words, at, 2);
    int episode = number_at(words, at + 1, 3);
    if (season == RELEASE_NONE || episode == RELEASE_NONE || words->name[words->at[at].end] != '.' ||
        words->at[at + 1].start != words->at[at].end + 1)
        return false;
    bool hash = words->at[at].start > 0 && words->name[words->at[at].start - 1] == '#';
    bool wide = words->at[at + 1].end - words->at[at + 1].start > 1;
    if (release->season != RELEASE_NONE ? release->season != season || !hash : !wide)
        return false;
    release->season = release->season_last = season;
    release_add_episode(release, episode);
    return true;
}

/* "Title - 6.01 - Words", "[5.01] Words" */
size_t release_read_dotted(const struct words *words, size_t at, struct release_name *release)
{
    const struct word *word = &words->at[at];
    if (at + 1 >= words->count || release->season != RELEASE_NONE || number_follows_quality(words, at))
        return 0;
    bool open = word->start > 0 && words->name[word->start - 1] == '[';
    bool enclosed = open && words->name[word[1].end] == ']';
    bool apart = word->after_break && number_ends_at(words, at + 2);
    return (enclosed || apart) && number_read_pair(words, at, release) ? 2 : 0;
}

/* ---- a first zero ----------------------------------------------------------------------------------------
 */

/* "445" in "Title 445 VOSTFR": the habit of those who write French subtitles. */
static bool is_fansub(const struct words *words, size_t at)
{
    return number_at(words, at, 4) >= 100 && strncmp(words_text(words, at + 1), "vost", 4) == 0;
}

/* "Title 05 Words of the episode", "Title #5": a number that no title is written with. */
size_t release_read_padded(const struct words *words, size_t at, struct release_name *release)
{
    const struct word *word = &words->at[at];
    int number = number_at(words, at, 4);
    bool two = strlen(word->text) <= 2;
    bool hash = two && word->start > 0 && words->name[word->start - 1] == '#';
    bool padded = word->text[0] == '0' && number > 0 && strlen(word->text) == 2 && word->place == WORD_FREE;
    bool among = words->at[at - 1].text[0] == '0' || number_at(words, at + 1, 4) != RELEASE_NONE;
    if (number == RELEASE_NONE || (!hash && !is_fansub(words, at) && (!padded || among)))
        return 0;
    release_add_episode(release, number);
    return 1;
}

/* "Title 2018 06 720p": the first zero tells it behind a year too, where nothing else follows. */
size_t release_read_dated(const struct words *words, size_t at, struct release_name *release)
{
    const struct word *word = &words->at[at];
    int number = strlen(word->text) == 2 ? number_at(words, at, 2) : RELEASE_NONE;
    if (number < 1 || word->text[0] != '0' || word->joint != ' ' || at < 2 ||
        word_year(words->at[at - 1].text) == RELEASE_NONE || words->at[at - 1].place != WORD_FREE ||
        !words_is_strong(words, at + 1))
        return 0;
    release_add_episode(release, number);
    return 1;
}
