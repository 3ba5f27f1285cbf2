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
    "rakuv",      "rakuvarrow",  "rakuv02",     "rakuvfinhel",
    "rakuvus",    "sample",      "proof",       "english",
    "vtv",
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

/* "HDTV.x264-SDTV", "1080p.x264-1080": repeats an earlier tag, so that it is a name. */
static bool is_repeated(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    bool source = tag->field == RELEASE_FIELD_SOURCE;
    bool resolution = tag->field == RELEASE_FIELD_RESOLUTION || tag->field == RELEASE_FIELD_VAGUE_RESOLUTION;
    bool has_tags = false;
    for (size_t i = words->first + 1; i + 1 < at; i++)
        has_tags = has_tags ||
                   (source && words_is(words, i, RELEASE_FIELD_SOURCE) && words_is_strong(words, i)) ||
                   (resolution && words_is(words, i, RELEASE_FIELD_RESOLUTION));
    return has_tags && words->at[at - 1].tag != words->at[at].tag &&
           !words_is(words, at - 1, RELEASE_FIELD_SOURCE);
}

/* Ends the name with a dash before it, and says nothing strong or new: "XviD-AR". */
static bool is_dashed(const struct words *words, size_t at)
{
    const struct release_tag *tag = words_tag(words, at);
    return words->at[at].after_dash && !words->at[at].after_break && words->at[at].second == RELEASE_NONE &&
           (tag == NULL || tag->strength == RELEASE_FAINT || is_repeated(words, at)) &&
           strlen(words->at[at].text) > 1;
}

/* What was hung behind the group is none of it: "-GRP-xpost", "-GRP.sample", "x264-GRP - Dual Audio". */
static size_t without_hangers(const struct words *words, size_t last, size_t title_end)
{
    size_t end = last;
    while (end > title_end + 2 && is_hanger(words->at[end - 1].text) &&
           (words->at[end - 1].after_dash || words->at[end - 2].tag == RELEASE_NONE))
        end--;
    size_t at = end;
    while (at > title_end + 2 &&
           (words_is(words, at - 1, RELEASE_FIELD_LANGUAGE) || words_is(words, at - 1, RELEASE_FIELD_FLAG)))
        at--;
    return at < end && words->at[at - 1].after_dash && words->at[at - 1].tag == RELEASE_NONE &&
                   words_is_strong(words, at - 2)
               ? at
               : end;
}

/* "5", "1ch" */
static bool is_channels(const struct words *words, size_t at)
{
    const char *text = words->at[at].text;
    return number_at(words, at, 2) != RELEASE_NONE || (words_is(words, at, RELEASE_FIELD_NOTHING) &&
                                                       strcmp(text + strspn(text, "0123456789"), "ch") == 0);
}

/* The word before `at` that is no part of "5.1": the first of the name when there is none. */
static size_t before_channels(const struct words *words, size_t at)
{
    size_t before = at;
    while (before > 1 && at - before < 2 && is_channels(words, before - 1))
        before--;
    return before > 0 ? before - 1 : 0;
}

/* Do words of quality lead to `at`: "x264 GRP", "DTS 5.1 GRP", "x264 dxva GRP", "by GRP"? */
static bool follows_quality(const struct words *words, size_t at)
{
    size_t before = before_channels(words, at);
    return words_tells(words, before) || strcmp(words->at[before].text, "by") == 0 ||
           (before > 0 && words->at[before].tag != RELEASE_NONE && words_tells(words, before - 1));
}

/* "x264 - GRP": behind a break an episode's title may stand, but not behind how picture or sound are kept. */
static bool follows_format(const struct words *words, size_t at)
{
    size_t before = before_channels(words, at);
    return words_is(words, before, RELEASE_FIELD_CODEC) || words_is(words, before, RELEASE_FIELD_AUDIO);
}

/* Can a single word that no dash ties be the name of a group? */
static bool is_name(const struct words *words, size_t at)
{
    const struct word *word = &words->at[at];
    return word->tag == RELEASE_NONE && number_at(words, at, 8) == RELEASE_NONE &&
           word->end - word->start >= 3;
}

/* Where the bracket begins that holds the word before `end`. */
static size_t bracket_begin(const struct words *words, size_t end)
{
    size_t first = end - 1;
    while (first > 0 && words->at[first - 1].place == words->at[first].place &&
           strchr("[({", words->name[words->at[first].start - 1]) == NULL)
        first--;
    return first;
}

/* "(1080p x265 GRP) Grp": does a bracket end before `at` that speaks of quality? */
static bool follows_bracket(const struct words *words, size_t at)
{
    return words->at[at - 1].place != WORD_FREE && words->at[at].place == WORD_FREE &&
           words_tells(words, bracket_begin(words, at));
}

/* "x264 GRP", "x264 - GRP" */
static bool is_untied_group(const struct words *words, size_t at)
{
    return is_name(words, at) && (follows_quality(words, at) || follows_bracket(words, at)) &&
           (at + 1 == words->count || words_tells(words, at - 1)) &&
           (!words->at[at].after_break || follows_format(words, at));
}

/* The "E" of "-E.N.D", which is none of an episode. */
static bool is_letter(const struct words *words, size_t at)
{
    return at + 1 < words->count && words->at[at].end - words->at[at].start == 1 &&
           words->at[at].after_dash && !words->at[at].has_digit &&
           words->at[at + 1].end - words->at[at + 1].start == 1;
}

/* "-GRP", "-Some-Group", "-BEN.THE.MEN", "H.264.Some-Group": the words behind the last known one. */
static bool read_tail(const struct words *words, size_t end, size_t title_end, struct release_name *release)
{
    size_t last = without_hangers(words, end, title_end);
    size_t first = last;
    while (first > title_end + 1 && words->at[first - 1].place == WORD_FREE &&
           (words->at[first - 1].tag == RELEASE_NONE || is_letter(words, first - 1) ||
            (first == last && is_dashed(words, first - 1))) &&
           (first == last || !words->at[first].after_break))
        first--;
    while (first < last && number_at(words, first, 2) != RELEASE_NONE && words->at[first].joint == ' ')
        first++; /* the rest of "AAC2.0" */
    if (first == last || first == 0 || last - first > LONGEST_GROUP)
        return false;
    if (last - first == 1 && !words->at[first].after_dash && !is_untied_group(words, first))
        return false;
    bool count = number_at(words, last - 1, 4) != RELEASE_NONE && !words->at[last - 1].after_dash;
    if (last - first > 1 && (words->at[first].after_break || count))
        return false;
    bool known =
        (words->at[first - 1].tag != RELEASE_NONE && !words_is(words, first - 1, RELEASE_FIELD_EPISODE)) ||
        words->at[first - 1].place != WORD_FREE || number_at(words, first - 1, 2) != RELEASE_NONE;
    bool by = strcmp(words->at[first - 1].text, "by") == 0;
    bool whole = (words->at[first].after_dash && known) || last - first == 1 || by ||
                 (words->at[last - 1].after_dash && last - first == 2 && known);
    if (!whole && !words->at[last - 1].after_dash)
        return false;
    copy_group(words, whole ? first : last - 1, last - 1, release);
    return true;
}

/* "S82", "Q22", which some write among the words of quality. */
static bool is_label(const struct words *words, size_t at)
{
    const char *rest = "";
    const char *text = words->at[at].text;
    return (number_behind(text, "s", 2, &rest) != RELEASE_NONE ||
            number_behind(text, "q", 2, &rest) != RELEASE_NONE) &&
           rest[0] == '\0';
}

/* "(1080p x265 GRP)", "[1080p HEVC - GRP]", "(1080p x265 -BEN THE MEN)": the name at the end of a last
 * bracket that speaks of quality; words->count when there is none. */
static size_t find_enclosed(const struct words *words, size_t end, size_t title_end)
{
    if (end <= title_end + 1 || words->at[end - 1].place == WORD_FREE ||
        words->at[end - 1].tag != RELEASE_NONE)
        return words->count;
    size_t begin = bracket_begin(words, end);
    size_t first = end;
    while (first > begin && words->at[first - 1].tag == RELEASE_NONE)
        first--;
    while (first + 1 < end && (number_at(words, first, 2) != RELEASE_NONE || is_label(words, first)))
        first++; /* "5.1", "S82" */
    if (words->at[first].after_break && end - first == 2)
        first++; /* "English - Someone GRP" */
    bool tied = words->at[first].after_dash && end - first <= LONGEST_GROUP;
    bool alone = end - first == 1 && is_name(words, first);
    return first > begin && first > title_end && words_tells(words, begin) && (tied || alone) ? first
                                                                                              : words->count;
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

/* The first word of a last "[GRP]", or "BluRay (GRP)", that is no known word and no site; words->count when
 * there is none. */
static size_t find_bracket(const struct words *words, size_t end, size_t title_end)
{
    size_t first =
        end > title_end + 1 && words->at[end - 1].place != WORD_FREE ? bracket_begin(words, end) : end;
    bool own =
        first < end && first > title_end && strchr("[({", words->name[words->at[first].start - 1]) != NULL;
    for (size_t at = first; at < end; at++)
        own = own && words->at[at].tag == RELEASE_NONE;
    if (!own || word_number(words->at[first].text, 4) != RELEASE_NONE ||
        strcmp(words->at[first].text, "www") == 0)
        return words->count;
    bool round = words->at[first].place == WORD_ROUND;
    return !round || (end - first == 1 && is_name(words, first) && words_tells(words, first - 1))
               ? first
               : words->count;
}

/* "[GRP][WEBRip][720p]": behind the last word that is in no bracket of quality. */
static size_t before_telling(const struct words *words, size_t end, size_t title_end)
{
    while (end > title_end + 1 && words->at[end - 1].place == WORD_SQUARE &&
           words_tells(words, bracket_begin(words, end)))
        end = bracket_begin(words, end);
    return end;
}

/* Behind the last word that is no sum of the file. */
static size_t before_sum(const struct words *words)
{
    size_t end = words->count;
    while (end > 0 && words->at[end - 1].place == WORD_SQUARE && strlen(words->at[end - 1].text) == 8 &&
           words_is(words, end - 1, RELEASE_FIELD_NOTHING))
        end--;
    return end;
}

/* "[Word] Title x264-GRP": does a name end the words, tied by a dash to one of quality? */
static bool is_tail_tied(const struct words *words)
{
    size_t last = words->count;
    while (last > 0 && words->at[last - 1].place != WORD_FREE)
        last--;
    return last > words->first + 2 && words->at[last - 1].after_dash && !words->at[last - 1].after_break &&
           words->at[last - 1].tag == RELEASE_NONE && words_is_strong(words, last - 2);
}

/* The "[Group]" of the front, if no "x264-GRP" ends the words; else "...-GRP", also with "[tracker]" behind
 * it; else a name in the last bracket. */
void release_read_group(const struct words *words, size_t title_end, struct release_name *release)
{
    if (words->group[0] != '\0' && !is_tail_tied(words))
    {
        memcpy(release->group, words->group, sizeof release->group);
        return;
    }
    size_t softsubs = find_softsubs(words);
    if (softsubs < words->count)
    {
        copy_group(words, softsubs, words->count - 1, release);
        return;
    }
    size_t last = words->count;
    while (last > 0 && words->at[last - 1].place != WORD_FREE)
        last--;
    if (last > title_end && read_tail(words, last, title_end, release))
        return;
    size_t end = before_sum(words);
    size_t bracket = find_bracket(words, end, title_end);
    bracket = bracket < words->count ? bracket : find_enclosed(words, end, title_end);
    if (bracket == words->count)
    {
        end = before_telling(words, end, title_end);
        bracket = find_bracket(words, end, title_end);
        bracket = bracket + 1 == end ? bracket : words->count; /* two words may be another title */
    }
    if (bracket < words->count)
        copy_group(words, bracket, end - 1, release);
}
