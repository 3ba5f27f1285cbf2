/* SPDX-License-Identifier: Apache-2.0 */
/* The styles of numbering that name a season. */
#include "common/media/release_number.h"

#include <string.h>

enum
{
    MOST_SEASONS = 40 /* a higher one behind a word of quality is none */
};

static void set_season(struct release_name *release, int season)
{
    release->season = release->season_last = season;
}

/* ---- several seasons ---------------------------------------------------------------------------- */

/* The number of one more season at `at`, told by its letter, or a bare one that a sign or a word joins. */
static int another_season(const struct words *words, size_t at, bool joined, bool many)
{
    const char *rest = "";
    if (at >= words->count)
        return RELEASE_NONE;
    const struct word *word = &words->at[at];
    int season = number_behind(word->text, "s", 4, &rest);
    if (season != RELEASE_NONE)
        return rest[0] == '\0' ? season : RELEASE_NONE;
    bool whole = many || words_whole(words, at + 1); /* "Season 1 - 4 Complete" */
    bool close =
        many || (strchr("-~+&,", word->joint) != NULL && (!word->after_break || whole || word->joint != '-'));
    int number = number_at(words, at, 2);
    bool chain = number != RELEASE_NONE && number_at(words, at - 1, 2) == number - 1 &&
                 (number_at(words, at + 1, 2) == number + 1 || number_at(words, at - 2, 2) == number - 2);
    return joined || close || chain ? number_at(words, at, 2) : RELEASE_NONE;
}

/* "-S03", "S02 S03", "to 6", "- Season 07", "2 and 3": how many words more seasons take. */
static size_t more_seasons(const struct words *words, size_t next, bool many, struct release_name *release)
{
    size_t at = next;
    for (;;)
    {
        size_t look = at;
        bool joined = number_joins(words, look);
        look += joined ? 1 : 0;
        if (words_is(words, look, RELEASE_FIELD_SEASON) && strlen(words->at[look].text) > 2 &&
            number_at(words, look + 1, 2) != RELEASE_NONE)
        {
            look++;
            joined = true;
        }
        int season = another_season(words, look, joined, many);
        bool follows = season > release->season_last;
        if (!follows || (words_is(words, look + 1, RELEASE_FIELD_EPISODE) && !many && !joined))
            return at - next;
        release->season_last = season;
        at = look + 1;
    }
}

/* ---- an episode behind a season -------------------------------------------------------------------- */

/* "S2 OVA - 02", "Season 1 Disc 2": what came beside the season is neither it nor one of its episodes, and a
 * disc holds a part of it.  How many words it takes. */
static size_t read_side_work(const struct words *words, size_t at, struct release_name *release)
{
    const char *text = words_text(words, at);
    bool work = strcmp(text, "ova") == 0 || strcmp(text, "oad") == 0 || strcmp(text, "ona") == 0;
    bool extra = words_is(words, at, RELEASE_FIELD_EXTRA);
    bool glued = extra && words->at[at].has_digit;
    int number = number_at(words, at + 1, 3);
    if ((!work && !extra) || words->at[at].joint != ' ' || (!glued && number == RELEASE_NONE))
        return 0;
    release->flags |= UINT32_C(1) << RELEASE_FLAG_EXTRA;
    if (work)
        release_add_episode(release, number);
    return glued ? 1 : 2;
}

/* "2", "two", "II" */
static int part_number(const struct words *words, size_t at)
{
    int number = number_at(words, at, 2);
    return number != RELEASE_NONE ? number : number_named(words_text(words, at));
}

/* "S02 E05", "S3 -  15", "S2 [05]", "S21 999", "Season 4 Episode 7". */
size_t release_read_behind(const struct words *words, size_t at, struct release_name *release)
{
    size_t used = release_read_episode(words, at, release);
    if (used == 0 && at < words->count)
        used = release_read_counted(words, at, release);
    if (used > 0)
        return used;
    used = read_side_work(words, at, release);
    if (used > 0)
        return used;
    int part = strcmp(words_text(words, at), "part") == 0 ? part_number(words, at + 1) : RELEASE_NONE;
    if (part != RELEASE_NONE)
    {
        if (number_at(words, at + 2, 3) != RELEASE_NONE && words->at[at + 2].after_break)
            return 2 + release_read_behind(words, at + 2, release);
        release_add_episode(release, part); /* surely not the whole season */
        return 2;
    }
    bool year = word_year(words_text(words, at)) != RELEASE_NONE && words->at[at].place == WORD_ROUND;
    if (year && at + 1 < words->count && words->at[at + 1].after_break)
    {
        used = release_read_behind(words, at + 1, release);
        return used > 0 ? used + 1 : 0;
    }
    const char *rest = "";
    int episode = at < words->count && words->at[at].tag == RELEASE_NONE
                      ? number_behind(words->at[at].text, "", 4, &rest)
                      : RELEASE_NONE;
    if (episode == RELEASE_NONE || word_year(words->at[at].text) != RELEASE_NONE ||
        (rest[0] != '\0' && !number_is_version(rest)))
        return 0;
    bool apart = words->at[at].after_break || words->at[at].place == WORD_SQUARE;
    if (!apart && strlen(words->at[at].text) < 2)
        return 0;
    struct release_name before = *release;
    release_add_episode(release, episode);
    used = 1 + release_more_episodes(words, at + 1, rest, release);
    if (words->at[at].after_break || number_ends_at(words, at + used) ||
        (words->at[at].text[0] == '0' && word_year(words_text(words, at + used)) != RELEASE_NONE))
        return used;
    *release = before;
    return 0;
}

static size_t behind_season(const struct words *words, size_t at, bool many, struct release_name *release)
{
    size_t used = more_seasons(words, at, many, release);
    return used > 0 ? used : release_read_behind(words, at, release);
}

/* ---- the styles --------------------------------------------------------------------------------------- */

/* The episode glued to a season: "e05", "ep05", "xe05", "x05"; RELEASE_NONE when something else follows. */
static int glued_episode(const char *text, const char **rest)
{
    static const char *const letters[] = {"e", "ep", "xe", "x"};
    int episode = RELEASE_NONE;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0] && episode == RELEASE_NONE; i++)
        episode = number_behind(text, letters[i], 5, rest);
    return episode;
}

/* "S07D1", "S07DVD1": a disc of the season. */
static bool is_disc(const char *rest)
{
    return (number_behind(rest, "d", 2, &rest) != RELEASE_NONE ||
            number_behind(rest, "dvd", 2, &rest) != RELEASE_NONE) &&
           rest[0] == '\0';
}

/* "S01S02": the last season of both; RELEASE_NONE when it is not written so. */
static int glued_season(const char *rest, int season)
{
    int last = number_behind(rest, "s", 2, &rest);
    return last > season && rest[0] == '\0' ? last : RELEASE_NONE;
}

/* "Title 50 (S4-14)": the season's own count, alone in brackets behind that through all seasons. */
static bool is_second_count(const struct words *words, size_t at)
{
    const struct word *word = &words->at[at];
    return at > words->first && number_at(words, at - 1, 4) != RELEASE_NONE && word->start > 0 &&
           strchr("([", words->name[word->start - 1]) != NULL &&
           number_at(words, at + 1, 2) != RELEASE_NONE && words->at[at + 1].joint == '-' &&
           strchr(")]", words->name[words->at[at + 1].end]) != NULL;
}

size_t release_read_s00e00(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    const char *text = words->at[at].text;
    int season = number_behind(text, "s", 4, &rest);
    if (season == RELEASE_NONE && number_behind(text, "t", 2, &rest) != RELEASE_NONE && rest[0] != '\0')
        season = number_behind(text, "t", 2, &rest);
    if (season == RELEASE_NONE && words_is(words, at + 1, RELEASE_FIELD_EPISODE))
        season = number_behind(text, "t", 2, &rest); /* "T1 E5" */
    if (season == RELEASE_NONE && number_behind(text, "so", 1, &rest) != RELEASE_NONE && rest[0] == 'e')
        season = text[2] - '0'; /* "SO2E05", a letter for the zero */
    if (season == RELEASE_NONE)
        return 0;
    const char *behind = rest;
    int episode = glued_episode(rest, &behind);
    if (rest == text + 5 && rest[0] == '\0' && text[1] == '0')
    {
        episode = season % 100; /* "S0615" */
        season /= 100;
    }
    bool open = strcmp(rest, "e") == 0 || strcmp(rest, "ep") == 0;
    if (episode != RELEASE_NONE)
    {
        set_season(release, season);
        release_add_episode(release, episode);
        return 1 + release_more_episodes(words, at + 1, behind, release);
    }
    if (is_second_count(words, at))
    {
        set_season(release, season);
        release_add_episode(release, number_at(words, at + 1, 2));
        return 2;
    }
    bool label = season > MOST_SEASONS && number_follows_quality(words, at); /* "x265 S82" */
    int last = glued_season(rest, season);
    if (label || (rest[0] != '\0' && !open && !is_disc(rest) && last == RELEASE_NONE))
        return 0;
    set_season(release, season);
    if (last != RELEASE_NONE)
        release->season_last = last;
    if (is_disc(rest))
        release->flags |= UINT32_C(1) << RELEASE_FLAG_EXTRA;
    return is_disc(rest) || last != RELEASE_NONE ? 1 : 1 + behind_season(words, at + 1, false, release);
}

/* "2x05", "02x05-06", "2016x231", "1 x 03" */
size_t release_read_0x00(const struct words *words, size_t at, struct release_name *release)
{
    const char *rest = "";
    const char *text = words->at[at].text;
    int season = number_behind(text, "", 4, &rest);
    size_t used = 1;
    int episode = season == RELEASE_NONE ? RELEASE_NONE : number_behind(rest, "x", 3, &rest);
    if (season != RELEASE_NONE && strcmp(rest, "xall") == 0)
    {
        set_season(release, season);
        release->flags |= UINT32_C(1) << RELEASE_FLAG_COMPLETE;
        return 1;
    }
    if (season != RELEASE_NONE && episode == RELEASE_NONE && rest[0] == '\0' && strlen(text) <= 2 &&
        strcmp(words_text(words, at + 1), "x") == 0)
    {
        episode = number_at(words, at + 2, 3);
        used = 3;
    }
    bool year = season >= RELEASE_MIN_YEAR && season <= RELEASE_MAX_YEAR;
    bool channels = at > 0 && at < words->count && number_at(words, at - 1, 1) != RELEASE_NONE &&
                    words->name[words->at[at].start - 1] == '.'; /* "5.1x2" */
    if (season != RELEASE_NONE && episode == RELEASE_NONE && strlen(text) == 5 && text[2] == 'e')
        episode = number_behind(text + 2, "e", 2, &rest); /* "02E05" */
    if (channels || episode == RELEASE_NONE || (season > 99 && !year) ||
        (rest[0] != '\0' && rest[0] != 'x' && !number_is_piece(rest)))
        return 0;
    set_season(release, season);
    release_add_episode(release, episode);
    return used + release_more_episodes(words, at + used, rest, release);
}

/* "title-02_05": two digits each, with nothing but these signs between. */
size_t release_read_tied(const struct words *words, size_t at, struct release_name *release)
{
    int season = number_at(words, at, 2);
    int episode = number_at(words, at + 1, 2);
    if (at == 0 || season == RELEASE_NONE || episode == RELEASE_NONE || !words->at[at].after_dash ||
        words->at[at].after_break || words->at[at - 1].end - words->at[at - 1].start == 1 ||
        words->name[words->at[at].end] != '_' || words_tells(words, at - 1) ||
        words->at[at].end - words->at[at].start != 2 || words->at[at + 1].end != words->at[at].end + 3)
        return 0;
    set_season(release, season);
    release_add_episode(release, episode);
    return 2;
}

int number_named(const char *text)
{
    static const char *const names[] = {"one", "two",   "three", "four", "five",
                                        "six", "seven", "eight", "nine", "ten"};
    static const char *const frenchs[] = {"un",  "deux", "trois", "quatre", "cinq",
                                          "six", "sept", "huit",  "neuf",   "dix"};
    static const char *const romans[] = {"i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0 || strcmp(text, frenchs[i]) == 0 || strcmp(text, romans[i]) == 0)
            return (int)i + 1;
    return RELEASE_NONE;
}

/* "first" .. "tenth" */
static int ordinal_name(const char *text)
{
    static const char *const names[] = {"first", "second",  "third",  "fourth", "fifth",
                                        "sixth", "seventh", "eighth", "ninth",  "tenth"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return (int)i + 1;
    return RELEASE_NONE;
}

/* "2", "2nd", "04a": the number of a season before its word. */
static int ordinal(const char *text)
{
    static const char *const tails[] = {"", "st", "nd", "rd", "th", "a", "o", "e"};
    const char *rest = "";
    int number = number_behind(text, "", 2, &rest);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        if (number != RELEASE_NONE && strcmp(rest, tails[i]) == 0)
            return number;
    return RELEASE_NONE;
}

static bool is_season_word(const struct words *words, size_t at)
{
    const char *text = words_text(words, at);
    return words_is(words, at, RELEASE_FIELD_SEASON) && strpbrk(text, "0123456789") == NULL &&
           strcmp(text, "t") != 0;
}

/* The last season of "1ª a 8ª Temporada" or "1-8 сезоны", where `*word` stands behind the first and is moved
 * behind the last; RELEASE_NONE when there is one season. */
static int last_before(const struct words *words, size_t *word)
{
    size_t at = *word + (number_joins(words, *word) ? 1 : 0);
    bool joined =
        at > *word || (at < words->count && words->at[at].joint == '-' && !words->at[at].after_break);
    int last = joined ? ordinal(words_text(words, at)) : RELEASE_NONE;
    if (last != RELEASE_NONE)
        *word = at + 1 + (number_has_tail(words, at + 1) ? 1 : 0);
    return last;
}

/* "2. Staffel", "3 Temporada", "2nd Season", "5-й сезон": how many words, when the number is before the word.
 */
static size_t season_before(const struct words *words, size_t at, struct release_name *release)
{
    int season = ordinal(words->at[at].text);
    if (season == RELEASE_NONE || words->at[at].tag != RELEASE_NONE)
        return 0;
    bool tail = number_has_tail(words, at + 1);
    size_t word = at + (tail ? 2 : 1);
    int more = last_before(words, &word);
    if ((more != RELEASE_NONE && more <= season) || !is_season_word(words, word) ||
        strlen(words->at[word].text) < 3 || strcmp(words->at[word].text, "series") == 0)
        return 0;
    bool plain = word_number(words->at[at].text, 2) != RELEASE_NONE && !tail;
    const char *next = words_text(words, word + 1);
    const char *rest = "";
    bool behind = number_behind(next, "", 2, &rest) != RELEASE_NONE || number_named(next) != RELEASE_NONE;
    size_t last = word + 1 < words->count && number_at(words, word + 2, 3) != RELEASE_NONE &&
                          words->at[word + 2].joint == '-'
                      ? word + 2
                      : word + 1; /* "1-10" */
    bool counted = words_is(words, last + 1, RELEASE_FIELD_EPISODE) && !words->at[last + 1].has_digit &&
                   number_at(words, last + 2, 3) == RELEASE_NONE;
    if (plain && behind && !counted)
        return 0;
    set_season(release, season);
    if (more != RELEASE_NONE)
    {
        release->season_last = more;
        return word + 1 - at;
    }
    return word + 1 - at + release_read_behind(words, word + 1, release);
}

/* "2of5", "2 of 5", "2 de 5": the words that say how many there are in all. */
static size_t skip_total(const struct words *words, size_t at)
{
    static const char *const ofs[] = {"of", "de", "di", "von", "van", "din", "из"};
    for (size_t i = 0; i < sizeof ofs / sizeof ofs[0]; i++)
        if (strcmp(words_text(words, at), ofs[i]) == 0 && number_at(words, at + 1, 3) != RELEASE_NONE)
            return 2;
    return 0;
}

/* "seasons", "temporadas" */
static bool is_plural(const char *text, size_t letters)
{
    return letters > 2 && text[letters - 1] == 's' && strncmp(text, "series", letters) != 0;
}

size_t release_read_season(const struct words *words, size_t at, struct release_name *release)
{
    const char *text = words->at[at].text;
    size_t letters = strcspn(text, "0123456789");
    if (letters == 0)
        return season_before(words, at, release);
    if (!words_is(words, at, RELEASE_FIELD_SEASON) || (letters == 1 && text[letters] != '\0') ||
        (at == words->first && at + 1 < words->count))
        return 0;
    size_t used = text[letters] != '\0' ? 1 : 2;
    const char *rest = "";
    const char *number = used == 1 ? text + letters : words_text(words, at + 1);
    int season = number_behind(number, "", 2, &rest);
    if (season == RELEASE_NONE && (strcmp(text, "season") == 0 || strcmp(text, "saison") == 0))
        season = number_named(number);
    bool apart = used == 2 && at + 1 < words->count &&
                 ((words->name[words->at[at].end] == ':' && (unsigned char)text[0] < 0x80) ||
                  words->at[at + 1].after_break);
    if (ordinal_name(text) != RELEASE_NONE)
    {
        set_season(release, ordinal_name(text));
        return 2 + behind_season(words, at + 2, false, release);
    }
    if (season < (letters > 2 ? 1 : 0) || apart || (rest[0] != '\0' && strncmp(rest, "of", 2) != 0))
        return 0;
    if (letters == 1 && (text[0] != 's' || strlen(number) != 2))
        return 0;
    set_season(release, season);
    used += skip_total(words, at + used);
    return used + behind_season(words, at + used, is_plural(text, letters), release);
}
