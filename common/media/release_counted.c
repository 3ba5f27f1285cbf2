/* SPDX-License-Identifier: Apache-2.0 */
/* Seasons and episodes in Chinese and Japanese. */
#include "common/media/release_number.h"

#include <string.h>

/* "十二" is 12; the digits of other scripts are not read. */
static int counted_number(const char *text, const char **rest)
{
    static const char *const signs[] = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十"};
    int number = number_behind(text, "", 4, rest);
    int digit = RELEASE_NONE;
    if (number != RELEASE_NONE)
        return number;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0];)
    {
        if (strncmp(text, signs[i], 3) != 0)
        {
            i++;
            continue;
        }
        bool ten = i == 10;
        number = ten ? (digit == RELEASE_NONE ? 10 : digit * 10) : (number >= 10 ? number : 0) + (int)i;
        digit = (int)i;
        text += 3;
        i = 0;
    }
    *rest = text;
    return number;
}

static bool is_episode_unit(const char *text)
{
    static const char *const units[] = {"話", "话", "集", "回"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text, units[i]) == 0)
            return true;
    return false;
}

/* "第01-15集": the sign before the first number, the unit behind the last. */
static size_t read_run(const struct words *words, size_t at, int first, struct release_name *release)
{
    const char *unit = "";
    int last = number_behind(words_text(words, at + 1), "", 4, &unit);
    if (last <= first || words->at[at + 1].joint != '-' || !is_episode_unit(unit))
        return 0;
    release_add_episode(release, first);
    release_add_episode(release, last);
    return 2;
}

/* "第2季" is a season, "第05話" an episode, and "2期" a season. */
size_t release_read_counted(const struct words *words, size_t at, struct release_name *release)
{
    static const char mark[] = "第";
    const char *text = words->at[at].text;
    bool marked = strncmp(text, mark, sizeof mark - 1) == 0;
    const char *rest = "";
    int number = marked || (text[0] >= '0' && text[0] <= '9')
                     ? counted_number(text + (marked ? sizeof mark - 1 : 0), &rest)
                     : RELEASE_NONE;
    if (number == RELEASE_NONE)
        return 0;
    if (rest[0] == '\0')
        return marked ? read_run(words, at, number, release) : 0;
    bool alone = number_behind(text, "", 4, &text) != RELEASE_NONE; /* "857集" */
    bool season = strcmp(rest, "季") == 0 || strcmp(rest, "期") == 0;
    bool episode = (marked || alone) && is_episode_unit(rest);
    if (season)
        release->season = release->season_last = number;
    if (episode)
        release_add_episode(release, number);
    if (season && at + 1 < words->count)
        return 1 + release_read_behind(words, at + 1, release);
    return season || episode ? 1 : 0;
}
