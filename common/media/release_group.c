/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_group.h"

#include "common/media/release_number.h"

#include <stdio.h>
#include <string.h>

enum
{
    LONGEST_GROUP = 4 /* words of a name like "BEN.THE.MEN" */
};

/* What those who post again hang behind the group. */
static const char *const hangers[] = {
    "obfuscated", "obfuscation", "asrequested", "alternativetorequested",
    "xpost",      "postbot",     "scrambled",   "nzbgeek",
    "buymore",    "gerov",       "whiterev",    "chamele0n",
    "altezachen", "z0ids3n",     "4p",          "4planet",
    "rp",         "pre",         "1",           "repackpost",
    "rakuv",      "rakuv02",     "rakuvfinhel", "rakuvus",
    "sample",     "proof",       "english",     "vtv",
};

static bool is_hanger(const char *text)
{
    for (size_t i = 0; i < sizeof hangers / sizeof hangers[0]; i++)
        if (strcmp(text, hangers[i]) == 0)
            return true;
    return false;
}

static void copy_group(const struct words *words, size_t first, size_t last, struct release_name *release)
{
    size_t start = words->at[first].start;
    size_t len = words->at[last].end - start;
    snprintf(release->group, sizeof release->group, "%.*s", (int)len, words->name + start);
}

/* Ends the name with a dash before it, and says nothing strong: "XviD-AR". */
static bool is_dashed(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    return words->at[at].after_dash && !words->at[at].after_break && words->at[at].second == RELEASE_NONE &&
           (tag == NULL || tag->strength == RELEASE_FAINT) && strlen(words->at[at].text) > 1;
}

/* What was hung behind the group is none of it: "-GRP-xpost", "-GRP.sample". */
static size_t without_hangers(const struct words *words, size_t last, size_t title_end)
{
    while (last > title_end + 2 && is_hanger(words->at[last - 1].text) &&
           (words->at[last - 1].after_dash || words->at[last - 2].tag == RELEASE_NONE))
        last--;
    return last;
}

/* "-GRP", "-Some-Group", "-BEN.THE.MEN", "H.264.Some-Group": the words behind the last known one. */
static bool read_tail(const struct words *words, size_t end, size_t title_end, struct release_name *release)
{
    size_t last = without_hangers(words, end, title_end);
    size_t first = last;
    while (first > title_end + 1 && words->at[first - 1].place == WORD_FREE &&
           (words->at[first - 1].tag == RELEASE_NONE || (first == last && is_dashed(words, first - 1))) &&
           (first == last || !words->at[first].after_break))
        first--;
    while (first < last && number_at(words, first, 2) != RELEASE_NONE && words->at[first].joint == ' ')
        first++; /* the rest of "AAC2.0" */
    if (first == last || first == 0 || last - first > LONGEST_GROUP || words->at[first].after_break)
        return false;
    bool known = words->at[first - 1].tag != RELEASE_NONE || words->at[first - 1].place != WORD_FREE ||
                 number_at(words, first - 1, 2) != RELEASE_NONE;
    bool whole = (words->at[first].after_dash && known) || last - first == 1 ||
                 (words->at[last - 1].after_dash && last - first == 2 && known);
    bool plain = last - first == 1 && !words->at[first].after_dash;
    if (plain && (!words_tells(words, first - 1) || number_at(words, first, 4) != RELEASE_NONE ||
                  words->at[first].end - words->at[first].start < 3))
        return false;
    if (!whole && !words->at[last - 1].after_dash)
        return false;
    copy_group(words, whole ? first : last - 1, last - 1, release);
    return true;
}

/* "[Softsubs (GRP)]" at the end: the first word of the group; words->count when there is none. */
static size_t find_softsubs(const struct words *words)
{
    size_t from = words->count > LONGEST_GROUP ? words->count - LONGEST_GROUP : 0;
    for (size_t at = from; at + 1 < words->count; at++)
        if (strcmp(words->at[at].text, "softsubs") == 0 && words->at[at + 1].place == WORD_ROUND)
            return at + 1;
    return words->count;
}

/* The first word of a last "[GRP]" that is no known word and no site; words->count when there is none. */
static size_t find_bracket(const struct words *words, size_t end, size_t title_end)
{
    size_t first = end;
    while (first > title_end + 1 && words->at[first - 1].place == WORD_SQUARE &&
           words->at[first - 1].tag == RELEASE_NONE)
    {
        first--;
        if (words->name[words->at[first].start - 1] == '[')
            return strcmp(words->at[first].text, "www") == 0 ? words->count : first;
    }
    return words->count;
}

/* The "[Group]" of the front; else "...-GRP", also with "[tracker]" behind it; else a last "[GRP]". */
void release_read_group(const struct words *words, size_t title_end, struct release_name *release)
{
    size_t last = words->count;
    while (last > 0 && words->at[last - 1].place != WORD_FREE)
        last--;
    size_t end = words->count;
    while (end > 0 && words->at[end - 1].place == WORD_SQUARE && strlen(words->at[end - 1].text) == 8 &&
           words_is(words, end - 1, RELEASE_FIELD_NOTHING))
        end--; /* the sum of the file */
    size_t bracket = find_bracket(words, end, title_end);
    if (words->group[0] != '\0')
        memcpy(release->group, words->group, sizeof release->group);
    else if (find_softsubs(words) < words->count)
        copy_group(words, find_softsubs(words), words->count - 1, release);
    else if (last > title_end && read_tail(words, last, title_end, release))
        return;
    else if (bracket < words->count)
        copy_group(words, bracket, end - 1, release);
}
