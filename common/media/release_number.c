/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_number.h"

#include <string.h>

/* A style of numbering: how many words from `at` on it takes, 0 when they are not of this style. */
struct style
{
    const char *example;
    size_t (*read)(const struct words *words, size_t at, struct release_name *release);
};

static const char *text_at(const struct words *words, size_t at)
{
    return at < words->count ? words->at[at].text : "";
}

/* "s02", "e05": the number behind a letter, and what follows it. */
static int lettered(const char *text, const char *prefix, size_t max_digits, const char **rest)
{
    size_t prefix_len = strlen(prefix);
    if (strncmp(text, prefix, prefix_len) != 0)
        return RELEASE_NONE;
    size_t len = strspn(text + prefix_len, "0123456789");
    if (len == 0 || len > max_digits)
        return RELEASE_NONE;
    int number = 0;
    for (size_t i = 0; i < len; i++)
        number = number * 10 + (text[prefix_len + i] - '0');
    *rest = text + prefix_len + len;
    return number;
}

static int episode_of(const char *text, const char **rest)
{
    int number = lettered(text, "e", 4, rest);
    return number != RELEASE_NONE ? number : lettered(text, "ep", 4, rest);
}

static void set_episode(struct release_name *release, int episode)
{
    if (release->episode_first == RELEASE_NONE)
        release->episode_first = episode;
    release->episode_last = episode > release->episode_first ? episode : release->episode_first;
}

/* "e05e06" glued, then "e07" or "-07" as words of their own; returns how many more words. */
static size_t read_more_episodes(const struct words *words, size_t next, const char *rest,
                                 struct release_name *release)
{
    size_t start = next;
    int episode;
    while ((episode = episode_of(rest, &rest)) != RELEASE_NONE)
        set_episode(release, episode);
    for (; next < words->count; next++)
    {
        const struct word *word = &words->at[next];
        const char *end = "";
        episode = episode_of(word->text, &end);
        if (episode == RELEASE_NONE && word->after_dash && !word->after_break && release->episode_first >= 0)
            episode = word_number(word->text, 3);
        if (episode == RELEASE_NONE || (end[0] != '\0' && end[0] != 'v'))
            break;
        set_episode(release, episode);
    }
    return next - start;
}

/* "S02", "S02E05", "S02E05E06", "S02E05-E06", "S02 E05", "S01-S03", "S2" */
static size_t read_s00e00(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    int season = lettered(words->at[at].text, "s", 4, &rest);
    if (season == RELEASE_NONE || (rest[0] != '\0' && rest[0] != 'e'))
        return 0;
    int episode = rest[0] == 'e' ? episode_of(rest, &rest) : RELEASE_NONE;
    if (rest[0] == 'e' && episode == RELEASE_NONE)
        return 0;
    release->season = season;
    release->season_last = season;
    if (episode != RELEASE_NONE)
        set_episode(release, episode);
    size_t used = 1 + read_more_episodes(words, at + 1, rest, release);
    const char *end = "";
    int last = lettered(text_at(words, at + used), "s", 2, &end);
    if (last == RELEASE_NONE && used == 1 && episode == RELEASE_NONE && at + 1 < words->count &&
        words->at[at + 1].after_dash && !words->at[at + 1].after_break)
        last = word_number(words->at[at + 1].text, 2);
    if (last <= season || end[0] != '\0' || release->episode_first != RELEASE_NONE)
        return used;
    release->season_last = last;
    return used + 1;
}

/* "2x05", "02x05-06" */
static size_t read_0x00(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    int season = lettered(words->at[at].text, "", 2, &rest);
    int episode = season == RELEASE_NONE ? RELEASE_NONE : lettered(rest, "x", 3, &rest);
    if (episode == RELEASE_NONE || rest[0] != '\0')
        return 0;
    release->season = release->season_last = season;
    set_episode(release, episode);
    return 1 + read_more_episodes(words, at + 1, rest, release);
}

/* "Season 2", "Season 2 Episode 5", "Seasons 1-3" */
static size_t read_season_word(const struct words *words, size_t at, struct release_name *release)
{
    const char *word = words->at[at].text;
    bool many = strcmp(word, "seasons") == 0;
    if (!many && strcmp(word, "season") != 0 && strcmp(word, "saison") != 0 && strcmp(word, "staffel") != 0)
        return 0;
    int season = word_number(text_at(words, at + 1), 2);
    if (season == RELEASE_NONE)
        return 0;
    release->season = release->season_last = season;
    int last = word_number(text_at(words, at + 2), 2);
    if (last > season && words->at[at + 2].after_dash)
    {
        release->season_last = last;
        return 3;
    }
    const char *next = text_at(words, at + 2);
    int episode = word_number(text_at(words, at + 3), 3);
    if (episode == RELEASE_NONE || strcmp(next, "episode") != 0)
        return 2;
    set_episode(release, episode);
    return 4;
}

/* "E05", "Ep05", "Episode 5" without a season */
static size_t read_e00(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    const char *text = words->at[at].text;
    int episode = strlen(text) >= 3 ? episode_of(text, &rest) : RELEASE_NONE;
    size_t used = 1;
    if (episode == RELEASE_NONE && (strcmp(text, "episode") == 0 || strcmp(text, "ep") == 0))
    {
        episode = word_number(text_at(words, at + 1), 4);
        used = 2;
    }
    if (episode == RELEASE_NONE || rest[0] != '\0')
        return 0;
    set_episode(release, episode);
    return used + read_more_episodes(words, at + used, "", release);
}

static bool is_last_or_before_tag(const struct words *words, size_t at)
{
    return at >= words->count || words->at[at].tag != RELEASE_NONE || words->at[at].place != WORD_FREE ||
           words->at[at].after_break;
}

/* "Title - 05", "Title - 05v2", "Title - 01-12", "Title (01-12)": the numbering of anime */
static size_t read_dash_00(const struct words *words, size_t at, struct release_name *release)
{
    const struct word *word = &words->at[at];
    const char *rest = "";
    int episode = lettered(word->text, "", 4, &rest);
    bool range = at + 1 < words->count && words->at[at + 1].after_dash && !words->at[at + 1].after_break &&
                 word_number(words->at[at + 1].text, 4) > episode;
    if (episode == RELEASE_NONE || !(rest[0] == '\0' || (rest[0] == 'v' && strlen(rest) == 2)))
        return 0;
    if (!word->after_break && !(range && word->place != WORD_FREE))
        return 0;
    if (strlen(word->text) == 4 && episode >= RELEASE_MIN_YEAR && episode <= RELEASE_MAX_YEAR && !range)
        return 0;
    if (!is_last_or_before_tag(words, at + (range ? 2 : 1)))
        return 0;
    set_episode(release, episode);
    if (range)
        set_episode(release, word_number(words->at[at + 1].text, 4));
    return range ? 2 : 1;
}

/* "2024.03.15" */
static size_t read_day(const struct words *words, size_t at, struct release_name *release)
{
    int year = word_number(words->at[at].text, 4);
    int month = word_number(text_at(words, at + 1), 2);
    int day = word_number(text_at(words, at + 2), 2);
    if (year < RELEASE_MIN_YEAR || year > RELEASE_MAX_YEAR || month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    if (strlen(words->at[at + 1].text) != 2 || strlen(words->at[at + 2].text) != 2)
        return 0;
    release->year = year;
    release->month = month;
    release->day = day;
    return 3;
}

static const struct style styles[] = {
    {"2024.03.15", read_day},       {"S02E05", read_s00e00}, {"2x05", read_0x00},
    {"Season 2", read_season_word}, {"E05", read_e00},       {"Title - 05", read_dash_00},
};

size_t release_read_numbers(const struct words *words, struct release_name *release)
{
    size_t found = words->count;
    for (size_t at = words->count > 1 ? 1 : 0; at < words->count; at++)
    {
        if (words->at[at].tag != RELEASE_NONE)
            continue;
        for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
        {
            size_t used = styles[i].read(words, at, release);
            if (used == 0)
                continue;
            found = found == words->count ? at : found;
            at += used - 1;
            if (release->episode_first != RELEASE_NONE || release->day != 0)
                return found;
            break;
        }
    }
    return found;
}
