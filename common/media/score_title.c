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

/* The year that stands before the alias in the title ("2011 Title"); 0 when there is none. */
static int year_before_alias(const struct release_name *name)
{
    const char *year = name->title;
    return strspn(year, "0123456789") == 4 && year[4] == ' ' && strcmp(year + 5, name->alias) == 0
               ? atoi(year)
               : 0;
}

bool score_wants_title(const struct score_wanted *wanted, const struct release_name *name)
{
    int year = year_before_alias(name);
    return score_is_title(wanted, name->title) ||
           (score_is_title(wanted, name->alias) && (year == 0 || abs(year - wanted->year) <= 1));
}
