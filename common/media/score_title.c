/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/score_title.h"

#include "common/media/slug.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The title without case, accents, punctuation and a leading article. */
static void fold_title(const char *title, char *folded, size_t size)
{
    slug_fold(folded, size, strncasecmp(title, "the ", 4) == 0 ? title + 4 : title);
}

static bool is_same(const char *name, const char *folded)
{
    char other[RELEASE_TITLE_SIZE];
    if (name == NULL || name[0] == '\0')
        return false;
    fold_title(name, other, sizeof other);
    return strcmp(other, folded) == 0;
}

bool score_is_title(const struct score_wanted *wanted, const char *title)
{
    char folded[RELEASE_TITLE_SIZE];
    fold_title(title, folded, sizeof folded);
    bool same =
        folded[0] != '\0' && (is_same(wanted->title, folded) || is_same(wanted->original_title, folded));
    for (size_t i = 0; folded[0] != '\0' && !same && i < wanted->name_count; i++)
        same = is_same(wanted->names[i], folded);
    return same;
}

/* The year that stands before the alias in the title ("2011 Title", "2011 - Title"); 0 when there is none. */
static long year_before_alias(const struct release_name *name)
{
    const char *year = name->title;
    size_t len = strlen(year);
    size_t tail = strlen(name->alias);
    bool before = strspn(year, "0123456789") == 4 && year[4] == ' ' && len > tail + 4 &&
                  strcmp(year + len - tail, name->alias) == 0;
    return before ? strtol(year, NULL, 10) : 0;
}

bool score_wants_title(const struct score_wanted *wanted, const struct release_name *name)
{
    long year = year_before_alias(name);
    return score_is_title(wanted, name->title) ||
           (score_is_title(wanted, name->alias) && (year == 0 || labs(year - wanted->year) <= 1));
}

static bool is_unnumbered(const struct release_name *name)
{
    return name->season == RELEASE_NONE && name->episode_first == RELEASE_NONE && name->day == 0 &&
           name->year == 0;
}

/* "101": the first of the first season, or counted through all. */
static void set_episode(const struct score_wanted *wanted, int number, struct release_name *name)
{
    bool split = number != wanted->absolute && number / 100 == wanted->season;
    name->season = name->season_last = split ? number / 100 : RELEASE_NONE;
    name->episode_first = name->episode_last = split ? number % 100 : number;
}

void score_settle_number(const struct score_wanted *wanted, struct release_name *name)
{
    char *blank = strrchr(name->title, ' ');
    size_t digits = blank != NULL ? strspn(blank + 1, "0123456789") : 0;
    if (wanted->media != SCORE_TV || digits == 0 || blank[1 + digits] != '\0' ||
        score_wants_title(wanted, name))
        return;
    int number = (int)strtol(blank + 1, NULL, 10);
    bool episode = digits == 3 && is_unnumbered(name);
    bool season = digits == 1 && number > 1 && name->season == RELEASE_NONE &&
                  name->episode_first != RELEASE_NONE && number == wanted->season;
    *blank = '\0';
    if ((!episode && !season) || !score_is_title(wanted, name->title))
        *blank = ' ';
    else if (episode)
        set_episode(wanted, number, name);
    else
        name->season = name->season_last = number;
}
