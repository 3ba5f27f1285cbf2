/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/score_title.h"

#include "common/media/slug.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The title without case, accents, punctuation and a leading article. */
static void fold_title(const char *title, char *folded, size_t size)
{
    slug_fold(folded, size, strncasecmp(title, "the ", 4) == 0 ? title + 4 : title);
}

static bool same_title(const char *a, const char *b)
{
    char left[RELEASE_TITLE_SIZE];
    char right[RELEASE_TITLE_SIZE];
    if (a == NULL || a[0] == '\0' || b[0] == '\0')
        return false;
    fold_title(a, left, sizeof left);
    fold_title(b, right, sizeof right);
    return left[0] != '\0' && strcmp(left, right) == 0;
}

bool score_is_title(const struct score_wanted *wanted, const char *title)
{
    return same_title(wanted->title, title) || same_title(wanted->original_title, title);
}

/* "Title US" as "Title": series are told apart by country, but lists seldom write it. */
static bool is_wanted_of_country(const struct score_wanted *wanted, const char *title)
{
    static const char *const countries[] = {" US", " UK", " AU", " NZ", " CA", " IE"};
    char without[RELEASE_TITLE_SIZE];
    size_t len = strlen(title);
    snprintf(without, sizeof without, "%s", title);
    for (size_t i = 0; i < sizeof countries / sizeof countries[0]; i++)
    {
        size_t tail = strlen(countries[i]);
        if (wanted->media != SCORE_TV || len <= tail || strcmp(title + len - tail, countries[i]) != 0)
            continue;
        without[len - tail] = '\0';
        return score_is_title(wanted, without);
    }
    return false;
}

bool score_wants_title(const struct score_wanted *wanted, const struct release_name *name)
{
    return score_is_title(wanted, name->title) || score_is_title(wanted, name->alias) ||
           is_wanted_of_country(wanted, name->title);
}
