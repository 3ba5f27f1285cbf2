/* SPDX-License-Identifier: Apache-2.0 */
/* The styles of numbering in which the number of an episode stands alone. */
#include "common/media/release_number.h"

#include <string.h>

/* The number of a word like "05" or "05v2", of at least `least` digits and no year. */
static int lone_number(const struct words *words, size_t at, size_t least, const char **rest)
{
    const struct word *word = &words->at[at];
    bool bare = word->tag == RELEASE_NONE || words_is(words, at, RELEASE_FIELD_VAGUE_RESOLUTION);
    int number = bare ? number_behind(word->text, "", 4, rest) : RELEASE_NONE;
    bool last = number != RELEASE_NONE && strcmp(*rest, "完") == 0;
    if (number == RELEASE_NONE ||
        ((*rest)[0] != '\0' && !number_is_version(*rest) && !number_is_piece(*rest) && !last))
        return RELEASE_NONE;
    return strspn(word->text, "0123456789") >= least ? number : RELEASE_NONE;
}

/* "-12", "~12", "- 119", ", 104" behind a number: the last of a run; RELEASE_NONE when there is none. */
static int run_end(const struct words *words, size_t at, int first)
{
    const char *rest = "";
    if (at >= words->count || strchr("-~+&,", words->at[at].joint) == NULL)
        return RELEASE_NONE;
    bool wide = words->at[at].after_break && words->at[at].joint == '-';
    if (wide && ((words->at[at - 1].text[0] != '0' && first != 1) || words->at[at - 1].after_dash))
        return RELEASE_NONE; /* "Title 21 - 101", "Title-1-1 - 101" */
    int last = lone_number(words, at, 1, &rest);
    bool year = last >= RELEASE_MIN_YEAR && last <= RELEASE_MAX_YEAR;
    bool next = words->at[at].joint != ',' || last == first + 1;
    return last > first && last > 1 && !year && next ? last : RELEASE_NONE;
}

/* How many words behind the number at `at` go on counting: "-12", "-02-03"; the last number goes to `last`.
 */
static size_t run_length(const struct words *words, size_t at, int first, int *last)
{
    size_t count = 0;
    int next = run_end(words, at + 1, first);
    for (*last = first; next != RELEASE_NONE && (count == 0 || next == *last + 1); count++)
    {
        *last = next;
        next = run_end(words, at + count + 2, next);
    }
    return count;
}

static size_t take_lone(const struct words *words, size_t at, const char *rest, struct release_name *release)
{
    const char *ignored = "";
    int first = number_behind(words->at[at].text, "", 4, &ignored);
    int last = first;
    size_t more = run_length(words, at, first, &last);
    release_add_episode(release, first);
    release_add_version(release, rest);
    release_add_episode(release, last);
    return 1 + more;
}

size_t release_read_dash(const struct words *words, size_t at, struct release_name *release)
{
    const struct word *word = &words->at[at];
    const char *rest = "";
    int episode = lone_number(words, at, 1, &rest);
    if (episode == RELEASE_NONE)
        return 0;
    int last = episode;
    size_t more = run_length(words, at, episode, &last);
    bool run = more > 0;
    bool hash = word->start > 0 && words->name[word->start - 1] == '#';
    if (!word->after_break && !hash &&
        !(run && (word->place != WORD_FREE || strlen(word->text) > 1 || strlen(words->at[at + 1].text) > 1)))
        return 0;
    if (word_year(word->text) != RELEASE_NONE && !run)
        return 0;
    if (words->group[0] == '\0' && !run && strlen(word->text) == 1 && at + 1 < words->count &&
        words->at[at + 1].place == WORD_ROUND && word_year(words->at[at + 1].text) != RELEASE_NONE)
        return 0;                                                                  /* "Title - 2 (2013)" */
    bool goes_on = run && at + 2 < words->count && words->at[at + 2].joint == '&'; /* "01-05 & 07-09" */
    if (!goes_on && !number_ends_at(words, at + 1 + more))
        return 0;
    return take_lone(words, at, rest, release);
}

/* "[05]", "(9)", "[12 END]", "[.01.]": alone in its brackets. */
static bool is_enclosed(const struct words *words, size_t at)
{
    const struct word *word = &words->at[at];
    bool last = at + 1 < words->count && words->at[at + 1].start == word->end + 1 &&
                words->at[at + 1].joint == ' ' && words->at[at + 1].place == word->place &&
                !words_tells(words, at + 1) && number_ends_at(words, at + 1);
    const char *behind = words->name + words->at[at + (last ? 1 : 0)].end;
    const char *before = words->name + word->start;
    behind += *behind == '.' && behind[1] == ']' ? 1 : 0;
    before -= word->start > 1 && before[-1] == '.' && before[-2] == '[' ? 1 : 0;
    return before > words->name && strchr("[({", before[-1]) != NULL && *behind != '\0' &&
           strchr("])}(", *behind) != NULL;
}

/* The "11" of "1.11", where points do not part all words. */
static bool is_fraction(const struct words *words, size_t at)
{
    return at > 1 && words->name[words->at[at - 1].start - 1] != '.' && at < words->count &&
           number_at(words, at - 1, 1) != RELEASE_NONE && words->name[words->at[at].start - 1] == '.' &&
           words->at[at - 1].end + 1 == words->at[at].start;
}

bool number_follows_quality(const struct words *words, size_t at)
{
    bool strong = false;
    for (size_t i = words->first; i < at; i++)
        strong = strong || words_is_strong(words, i);
    return strong;
}

/* The "19" of "K-19". */
static bool is_model(const struct words *words, size_t at)
{
    return at > words->first && words->at[at].after_dash &&
           words->at[at - 1].end - words->at[at - 1].start == 1 &&
           words->at[at].start == words->at[at - 1].end + 1;
}

size_t release_read_bare(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    bool enclosed = is_enclosed(words, at);
    bool behind =
        words->at[at].place == WORD_FREE && words->at[at - 1].place == WORD_SQUARE; /* "[Title].12." */
    bool alone =
        ((enclosed && words->at[at].place == WORD_SQUARE) || behind) && !number_follows_quality(words, at);
    if ((words->group[0] == '\0' && !alone) || is_model(words, at) || words->at[at].tag != RELEASE_NONE ||
        is_fraction(words, at))
        return 0;
    bool sure = enclosed && words->group[0] != '\0' && number_ends_at(words, at + 1);
    int episode = lone_number(words, at, sure ? 1 : 2, &rest);
    if (episode == RELEASE_NONE || word_year(words->at[at].text) != RELEASE_NONE)
        return 0;
    if (!enclosed && at + 1 < words->count && words->at[at + 1].place == WORD_ROUND &&
        word_year(words->at[at + 1].text) != RELEASE_NONE && words->at[at].text[0] != '0')
        return 0; /* "[Group] Title 51 (2019)" */
    int last = episode;
    size_t more = run_length(words, at, episode, &last);
    bool ends = enclosed || (words->at[at].place == WORD_FREE && number_ends_at(words, at + 1 + more));
    return ends ? take_lone(words, at, rest, release) : 0;
}

/* Recorded from television, and no year anywhere: the number is that of an episode. */
static bool is_aired(const struct words *words)
{
    bool aired = false;
    for (size_t at = 0; at < words->count; at++)
    {
        const struct release_tag *tag = words_tag(words, at);
        aired = aired || (tag != NULL && tag->field == RELEASE_FIELD_SOURCE &&
                          (tag->value == RELEASE_SOURCE_HDTV || tag->value == RELEASE_SOURCE_TV));
    }
    return aired;
}

/* "Part01" */
static int glued_part(const struct words *words, size_t at)
{
    const char *rest = "";
    int number = number_behind(words->at[at].text, "part", 2, &rest);
    return rest[0] == '\0' ? number : RELEASE_NONE;
}

/* "103" is the third episode of the first season, "07" the seventh, "Part 2" and "Part Two" the second. */
size_t release_read_aired(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    int number = lone_number(words, at, 2, &rest);
    bool part =
        at > 1 && (strcmp(words->at[at - 1].text, "part") == 0 || strcmp(words->at[at - 1].text, "pt") == 0);
    if (part && number == RELEASE_NONE)
        number = number_at(words, at, 2);
    if (part && number == RELEASE_NONE)
        number = number_named(words->at[at].text);
    if (number == RELEASE_NONE)
        number = glued_part(words, at);
    if (strcmp(words_text(words, at + 1), "ppv") == 0)
        return 0; /* a fight, which is counted */
    if (number == RELEASE_NONE || words->at[at].tag != RELEASE_NONE ||
        word_year(words->at[at].text) != RELEASE_NONE || is_model(words, at) || !is_aired(words))
        return 0;
    bool parts = part && number_joins(words, at + 1) && strcmp(words_text(words, at + 2), "part") == 0 &&
                 number_at(words, at + 3, 2) == number + 1; /* "Part 1 and Part 2" */
    bool two = parts || (number > 100 && number_at(words, at + 1, 4) == number + 1);
    size_t used = parts ? 4 : two ? 2 : 1;
    if (!number_ends_at(words, at + used) || words->at[at].place != WORD_FREE)
        return 0;
    if (number < 100)
        release_add_episode(release, number);
    else if (number % 100 == 0)
        return 0;
    else
    {
        release->season = release->season_last = number / 100;
        release_add_episode(release, number % 100);
    }
    if (two)
        release_add_episode(release, number % 100 + 1);
    return used;
}
