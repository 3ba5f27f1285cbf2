/* SPDX-License-Identifier: Apache-2.0 */
/* The styles of numbering that name an episode alone, and what follows an episode. */
#include "common/media/release_number.h"

#include <string.h>

int number_behind(const char *text, const char *letters, size_t max_digits, const char **rest)
{
    size_t letters_len = strlen(letters);
    if (strncmp(text, letters, letters_len) != 0)
        return RELEASE_NONE;
    size_t len = strspn(text + letters_len, "0123456789");
    if (len == 0 || len > max_digits)
        return RELEASE_NONE;
    int number = 0;
    for (size_t i = 0; i < len; i++)
        number = number * 10 + (text[letters_len + i] - '0');
    *rest = text + letters_len + len;
    return number;
}

int number_at(const struct words *words, size_t at, size_t max_digits)
{
    if (at >= words->count || words->at[at].tag != RELEASE_NONE)
        return RELEASE_NONE;
    return word_number(words->at[at].text, max_digits);
}

bool number_joins(const struct words *words, size_t at)
{
    static const char *const joiners[] = {"to", "and", "a",    "e",   "y",  "und", "bis",
                                          "en", "et",  "thru", "och", "au", "ao",  "al"};
    for (size_t i = 0; i < sizeof joiners / sizeof joiners[0]; i++)
        if (strcmp(words_text(words, at), joiners[i]) == 0)
            return true;
    return false;
}

bool number_ends_at(const struct words *words, size_t at)
{
    static const char *const lasts[] = {"end", "fin", "final", "finale", "v2", "v3", "oad", "ova", "ona"};
    if (at >= words->count || words_tells(words, at) || words->at[at].after_break)
        return true;
    for (size_t i = 0; i < sizeof lasts / sizeof lasts[0]; i++)
        if (strcmp(words->at[at].text, lasts[i]) == 0)
            return true;
    const char *from = words->name + words->at[at - 1].end;
    for (; from < words->name + words->at[at].start; from++)
        if (strchr("([{", *from) != NULL)
            return true;
    return false;
}

void release_add_episode(struct release_name *release, int episode)
{
    if (release->episode_first == RELEASE_NONE)
        release->episode_first = episode;
    release->episode_last = episode > release->episode_first ? episode : release->episode_first;
}

void release_add_version(struct release_name *release, const char *rest)
{
    if (rest[0] == 'v' && rest[1] > '1' && rest[1] <= '9')
        release->flags |= UINT32_C(1) << RELEASE_FLAG_PROPER;
}

/* ---- more episodes -------------------------------------------------------------------------------- */

/* "e06", "ep06", "x06" */
static int lettered_episode(const char *text, const char **rest)
{
    static const char *const letters[] = {"e", "ep", "x"};
    int episode = RELEASE_NONE;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0] && episode == RELEASE_NONE; i++)
        episode = number_behind(text, letters[i], 5, rest);
    return episode;
}

/* "S02E06" or "2x06" behind an episode of the same season. */
static int same_season(const char *text, const struct release_name *release, const char **rest)
{
    bool letter = text[0] == 's' || text[0] == 't';
    if (number_behind(text + (letter ? 1 : 0), "", 4, rest) != release->season ||
        release->season == RELEASE_NONE)
        return RELEASE_NONE;
    return lettered_episode(*rest, rest);
}

bool number_is_piece(const char *rest)
{
    return rest[0] >= 'a' && rest[0] <= 'c' && rest[1] == '\0';
}

bool number_has_tail(const struct words *words, size_t at)
{
    static const char *const tails[] = {"st", "nd", "rd", "th"};
    const char *text = words_text(words, at);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        if (strcmp(text, tails[i]) == 0)
            return true;
    size_t len = strlen(text);
    return (unsigned char)text[0] >= 0x80 && (len == 2 || (len == 4 && words->at[at].joint == '-'));
}

bool number_is_version(const char *rest)
{
    return rest[0] == 'v' && rest[1] >= '0' && rest[1] <= '9' && rest[2] == '\0';
}

/* A bare number that a sign or a word joins to the episode before, and that is later than it. */
static int joined_episode(const struct words *words, size_t at, bool joined,
                          const struct release_name *release)
{
    const struct word *word = &words->at[at];
    const char *rest = "";
    int episode = word->tag == RELEASE_NONE ? number_behind(word->text, "", 4, &rest) : RELEASE_NONE;
    if (episode <= release->episode_last || (rest[0] != '\0' && !number_is_version(rest)))
        return RELEASE_NONE;
    bool next = episode == release->episode_last + 1 && word->end - word->start >= 2 &&
                strchr("._", words->name[word->start - 1]) != NULL;
    bool close = episode == release->episode_last + 1 && number_ends_at(words, at + 1);
    bool loose = word->after_break || (word->after_dash && words->name[word->start - 2] == ' '); /* " -30-" */
    bool tied = strchr("~+&,", word->joint) != NULL || (word->joint == '-' && (!loose || close));
    return joined || tied || next ? episode : RELEASE_NONE;
}

static int another_episode(const struct words *words, size_t at, bool joined,
                           const struct release_name *release, const char **rest)
{
    if (at >= words->count || words_tells(words, at) ||
        (words->at[at].place != words->at[at - 1].place && words->at[at].place != WORD_FREE))
        return RELEASE_NONE; /* "S02E05 (E50)" counts twice */
    const char *text = words->at[at].text;
    int episode = lettered_episode(text, rest);
    if (episode == RELEASE_NONE)
        episode = same_season(text, release, rest);
    if (episode != RELEASE_NONE)
        return (*rest)[0] == '\0' || (*rest)[0] == 'e' || (*rest)[0] == 'x' || number_is_version(*rest)
                   ? episode
                   : RELEASE_NONE;
    *rest = "";
    return joined_episode(words, at, joined, release);
}

size_t release_more_episodes(const struct words *words, size_t next, const char *rest,
                             struct release_name *release)
{
    size_t at = next;
    int episode;
    for (;;)
    {
        while ((episode = lettered_episode(rest, &rest)) != RELEASE_NONE)
            release_add_episode(release, episode);
        release_add_version(release, rest);
        bool joined = number_joins(words, at);
        size_t look = at + (joined ? 1 : 0);
        rest = "";
        episode = another_episode(words, look, joined, release, &rest);
        if (episode == RELEASE_NONE)
            return at - next;
        release_add_episode(release, episode);
        at = look + 1;
    }
}

/* ---- a word and a number --------------------------------------------------------------------------- */

/* "Cap.305" is the fifth episode of the third season. */
static int split_chapter(const char *text, int number, struct release_name *release)
{
    bool chapter = strncmp(text, "cap", 3) == 0;
    int season = number / 100;
    if (!chapter || number < 100 || number % 100 == 0)
        return number;
    if (release->season != RELEASE_NONE && release->season != season)
        return number;
    release->season = release->season_last = season;
    return number % 100;
}

/* "Cap.102_104": the last chapter is counted in the same way. */
static size_t more_chapters(const struct words *words, size_t at, struct release_name *release)
{
    int number = number_at(words, at, 4);
    bool same = number != RELEASE_NONE && number / 100 == release->season &&
                number % 100 > release->episode_last && strchr("_-", words->name[words->at[at].start - 1]);
    if (same)
        release_add_episode(release, number % 100);
    return same ? 1 : 0;
}

/* Is there a year before the first word of quality? */
static bool is_dated_later(const struct words *words, size_t at)
{
    while (at < words->count && !words_tells(words, at) && word_year(words->at[at].text) == RELEASE_NONE)
        at++;
    return at < words->count && !words_tells(words, at);
}

/* "Episode 5", "Ep.05", "Cap305" */
static size_t word_and_number(const struct words *words, size_t at, struct release_name *release)
{
    const char *text = words->at[at].text;
    size_t letters = strcspn(text, "0123456789");
    if (letters == 1 && text[letters] == '\0' && release->season == RELEASE_NONE)
        return 0;
    size_t used = text[letters] != '\0' ? 1 : 2;
    const char *rest = "";
    const char *number = used == 1 ? text + letters : words_text(words, at + 1);
    int episode =
        used == 2 && words_tells(words, at + 1) ? RELEASE_NONE : number_behind(number, "", 5, &rest);
    bool glued = rest[0] == '\0' || rest[0] == 'e' || number_is_version(rest);
    if (episode == RELEASE_NONE || !glued)
        return 0;
    if (used == 2 && number_read_pair(words, at + 1, release))
        return 3;
    if (strncmp(text, "episode", 7) == 0 && release->season == RELEASE_NONE &&
        is_dated_later(words, at + used))
        return 0; /* "Wars Episode 4 A Hope 1977" */
    int split = split_chapter(text, episode, release);
    release_add_episode(release, split);
    return used + (split != episode ? more_chapters(words, at + used, release)
                                    : release_more_episodes(words, at + used, rest, release));
}

/* "серия", "Bolum", "episodes": a word for episodes behind their number, which "episode" never is. */
static bool is_counter(const struct words *words, size_t at)
{
    const char *text = words_text(words, at);
    return words_is(words, at, RELEASE_FIELD_EPISODE) && strlen(text) > 2 && !words->at[at].has_digit &&
           strcmp(text, "episode") != 0;
}

/* "5 серия", "60 Bolum", "09-я серия" */
static size_t number_and_word(const struct words *words, size_t at, struct release_name *release)
{
    int episode = number_at(words, at, 4);
    size_t word = at + (number_has_tail(words, at + 1) ? 2 : 1);
    if (episode == RELEASE_NONE || !is_counter(words, word))
        return 0;
    const char *behind = words_text(words, word + 1);
    if (number_at(words, word + 1, 4) != RELEASE_NONE && word_year(behind) == RELEASE_NONE &&
        !number_ends_at(words, word + 1))
        return 0;
    release_add_episode(release, episode);
    return word + 1 - at;
}

/* "of" in "5of9"; what follows it goes to `rest`. */
static bool skip_of(const char *text, const char **rest)
{
    static const char *const ofs[] = {"of", "iz", "из"};
    for (size_t i = 0; i < sizeof ofs / sizeof ofs[0]; i++)
        if (strncmp(text, ofs[i], strlen(ofs[i])) == 0)
        {
            *rest = text + strlen(ofs[i]);
            return true;
        }
    return false;
}

/* "5of9", "5 of 9", "5iz9" */
static size_t number_of_all(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    int episode =
        words->at[at].tag == RELEASE_NONE ? number_behind(words->at[at].text, "", 3, &rest) : RELEASE_NONE;
    const char *all = "";
    if (episode == RELEASE_NONE || (at > 0 && words_is(words, at - 1, RELEASE_FIELD_EXTRA)))
        return 0; /* "Disc 2 of 3" */
    bool glued = skip_of(rest, &all) && number_behind(all, "", 3, &all) != RELEASE_NONE && all[0] == '\0';
    bool apart = rest[0] == '\0' && skip_of(words_text(words, at + 1), &all) && all[0] == '\0' &&
                 number_at(words, at + 2, 3) >= episode;
    if (!glued && !apart)
        return 0;
    release_add_episode(release, episode);
    return glued ? 1 : 3;
}

/* "1-10 of 10", "1-10 серии" */
static size_t run_of_all(const struct words *words, size_t at, struct release_name *release)
{
    int first = number_at(words, at, 3);
    int last = number_at(words, at + 1, 3);
    const char *all = "";
    bool of = skip_of(words_text(words, at + 2), &all) && all[0] == '\0';
    if (first == RELEASE_NONE || last <= first || words->at[at + 1].joint != '-' ||
        (!of && !is_counter(words, at + 2)))
        return 0;
    release_add_episode(release, first);
    release_add_episode(release, last);
    return of ? 4 : 3;
}

size_t release_read_episode(const struct words *words, size_t at, struct release_name *release)
{
    if (at >= words->count)
        return 0;
    const char *text = words->at[at].text;
    const char *rest = "";
    if (text[0] >= '0' && text[0] <= '9')
    {
        size_t used = run_of_all(words, at, release);
        used = used > 0 ? used : number_of_all(words, at, release);
        return used > 0 ? used : number_and_word(words, at, release);
    }
    if (words_is(words, at, RELEASE_FIELD_EPISODE))
        return strlen(text) == 2 && release->season == RELEASE_NONE && text[1] <= '9'
                   ? 0
                   : word_and_number(words, at, release);
    int episode = number_behind(text, "e", 5, &rest);
    if (episode == RELEASE_NONE)
        episode = number_behind(text, "ep", 5, &rest);
    if (episode == RELEASE_NONE || (rest[0] != 'e' && !number_is_version(rest)))
        return 0;
    release_add_episode(release, episode);
    return 1 + release_more_episodes(words, at + 1, rest, release);
}
