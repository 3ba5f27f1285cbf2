/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release.h"

#include "common/media/release_number.h"
#include "common/media/release_tags.h"
#include "common/media/release_words.h"

#include <stdio.h>
#include <string.h>

/* ---- words that are in the table -------------------------------------------------------- */

/* Is this the word of a pattern?  '#' stands for digits. */
static bool matches_word(const char *pattern, size_t len, const char *text)
{
    bool digits = pattern[len - 1] == '#';
    size_t fixed = digits ? len - 1 : len;
    if (strncmp(pattern, text, fixed) != 0)
        return false;
    return text[fixed + (digits ? strspn(text + fixed, "0123456789") : 0)] == '\0';
}

/* How many words from `at` on the pattern takes; 0: it does not match. */
static size_t match_length(const struct words *words, size_t at, const char *pattern)
{
    size_t count = 0;
    while (*pattern != '\0')
    {
        size_t len = strcspn(pattern, " ");
        if (at + count >= words->count || !matches_word(pattern, len, words->at[at + count].text))
            return 0;
        count++;
        pattern += len + strspn(pattern + len, " ");
    }
    return count;
}

static void mark_tags(struct words *words)
{
    for (size_t at = 0; at < words->count;)
    {
        size_t longest = 0;
        int tag = RELEASE_NONE;
        for (size_t row = 0; row < release_tag_count; row++)
        {
            size_t len = match_length(words, at, release_tags[row].pattern);
            if (len <= longest)
                continue;
            longest = len;
            tag = (int)row;
        }
        for (size_t i = 0; i < longest; i++)
            words->at[at + i].tag = tag;
        at += longest > 0 ? longest : 1;
    }
}

static const struct release_tag *tag_at(const struct words *words, size_t at)
{
    return words->at[at].tag == RELEASE_NONE ? NULL : &release_tags[words->at[at].tag];
}

static void apply_tag(const struct release_tag *tag, struct release_name *release)
{
    uint32_t bit = UINT32_C(1) << (tag->value & 31);
    switch (tag->field)
    {
    case RELEASE_FIELD_RESOLUTION:
        release->resolution = release->resolution == 0 ? tag->value : release->resolution;
        break;
    case RELEASE_FIELD_SOURCE: /* "BluRay Remux", "UHD BluRay": the most telling one */
        if (release->source == RELEASE_SOURCE_UNKNOWN || tag->value == RELEASE_SOURCE_REMUX ||
            (tag->value <= (int)RELEASE_SOURCE_SCREENER && release->source > RELEASE_SOURCE_SCREENER))
            release->source = (enum release_origin)tag->value;
        break;
    case RELEASE_FIELD_CODEC:
        release->codec =
            release->codec == RELEASE_CODEC_UNKNOWN ? (enum release_codec)tag->value : release->codec;
        break;
    case RELEASE_FIELD_AUDIO:
        release->audio =
            release->audio == RELEASE_AUDIO_UNKNOWN ? (enum release_audio)tag->value : release->audio;
        break;
    case RELEASE_FIELD_HDR:
        release->hdr |= bit;
        break;
    case RELEASE_FIELD_LANGUAGE:
        release->languages |= bit;
        break;
    case RELEASE_FIELD_FLAG:
        release->flags |= bit;
        break;
    case RELEASE_FIELD_EDITION:
        release->edition = release->edition[0] == '\0' ? tag->text : release->edition;
        break;
    case RELEASE_FIELD_NOTHING:
        break;
    }
}

/* A resolution said in lines wins over "UHD" or "4K", so those are read last. */
static void apply_tags(const struct words *words, size_t from, struct release_name *release)
{
    for (int vague = 0; vague < 2; vague++)
    {
        for (size_t at = from; at < words->count; at++)
        {
            const struct release_tag *tag = tag_at(words, at);
            bool is_vague =
                tag != NULL && tag->field == RELEASE_FIELD_RESOLUTION && tag->strength == RELEASE_WEAK;
            is_vague = is_vague ||
                       (tag != NULL && (strcmp(tag->pattern, "4k") == 0 || strcmp(tag->pattern, "8k") == 0));
            if (tag != NULL && is_vague == (vague == 1))
                apply_tag(tag, release);
        }
    }
}

/* ---- where the title ends --------------------------------------------------------------- */

static size_t first_strong(const struct words *words)
{
    size_t at = 1;
    while (at < words->count && (tag_at(words, at) == NULL || tag_at(words, at)->strength == RELEASE_WEAK))
        at++;
    return at < words->count ? at : words->count;
}

/* "Title.FRENCH.1080p": weak words right before a strong one belong to it. */
static size_t back_over_weak(const struct words *words, size_t at)
{
    while (at > 1 && at < words->count && tag_at(words, at - 1) != NULL)
        at--;
    return at;
}

static bool is_year(const struct words *words, size_t at)
{
    int year = word_number(words->at[at].text, 4);
    return year >= RELEASE_MIN_YEAR && year <= RELEASE_MAX_YEAR;
}

/* The last year before `limit`, one in round brackets before all others; words->count when there is none. */
static size_t find_year(const struct words *words, size_t limit)
{
    size_t found = words->count;
    for (size_t at = 1; at < limit && at < words->count; at++)
    {
        bool better = found == words->count || words->at[at].place == WORD_ROUND ||
                      words->at[found].place != WORD_ROUND;
        if (is_year(words, at) && better)
            found = at;
    }
    return found;
}

/* Behind the numbers or the first strong word a year is one too: "Title.1080p.2019". */
static size_t find_late_year(const struct words *words, size_t from)
{
    for (size_t at = from; at < words->count; at++)
        if (is_year(words, at))
            return at;
    return words->count;
}

static size_t find_title_end(const struct words *words, struct release_name *release)
{
    size_t numbers = release_read_numbers(words, release);
    size_t strong = first_strong(words);
    size_t end = numbers < strong ? numbers : back_over_weak(words, strong);
    if (release->day != 0)
        return end;
    size_t year = find_year(words, numbers < strong ? numbers : strong);
    if (year < words->count)
        end = year < end ? year : end;
    else
        year = find_late_year(words, end);
    if (year < words->count)
        release->year = word_number(words->at[year].text, 4);
    return end;
}

static void write_title(const struct words *words, size_t end, struct release_name *release)
{
    size_t len = 0;
    if (words->count == 0)
        return;
    size_t last = end > 0 ? end - 1 : 0;
    const char *from = words->name + words->at[0].start;
    const char *to = words->name + words->at[last].end;
    for (; from < to && len < RELEASE_TITLE_SIZE - 1; from++)
    {
        bool gap = strchr(" ._()[]{}\t", *from) != NULL;
        if (gap && (len == 0 || release->title[len - 1] == ' '))
            continue;
        release->title[len++] = gap ? ' ' : *from;
    }
    release->title[len] = '\0';
}

/* ---- the group ---------------------------------------------------------------------------- */

static void copy_group(const struct words *words, size_t start, size_t end, struct release_name *release)
{
    snprintf(release->group, sizeof release->group, "%.*s", (int)(end - start), words->name + start);
}

/* The last word outside of brackets, when it is "-GRP". */
static const struct word *find_dash_group(const struct words *words, size_t last, size_t title_end)
{
    if (last == 0 || last - 1 <= title_end)
        return NULL;
    const struct word *word = &words->at[last - 1];
    return word->after_dash && !word->after_break && word->tag == RELEASE_NONE ? word : NULL;
}

/* The first word of a last "[GRP]" that is no known word; words->count when there is none. */
static size_t find_bracket_group(const struct words *words, size_t title_end)
{
    size_t first = words->count;
    while (first > title_end + 1 && words->at[first - 1].place == WORD_SQUARE &&
           words->at[first - 1].tag == RELEASE_NONE)
    {
        first--;
        if (words->name[words->at[first].start - 1] == '[')
            return first;
    }
    return words->count;
}

/* The "[Group]" of the front; else "...-GRP", also with "[tracker]" behind it; else a last "[GRP]". */
static void read_group(const struct words *words, size_t title_end, struct release_name *release)
{
    size_t last = words->count;
    while (last > 0 && words->at[last - 1].place != WORD_FREE)
        last--;
    const struct word *dash = find_dash_group(words, last, title_end);
    size_t bracket = find_bracket_group(words, title_end);
    if (words->group[0] != '\0')
        memcpy(release->group, words->group, sizeof release->group);
    else if (dash != NULL)
        copy_group(words, dash->start, dash->end, release);
    else if (bracket < words->count)
        copy_group(words, words->at[bracket].start, words->at[words->count - 1].end, release);
}

void release_parse(const char *name, struct release_name *release)
{
    struct words words;
    *release = (struct release_name){.edition = "",
                                     .season = RELEASE_NONE,
                                     .season_last = RELEASE_NONE,
                                     .episode_first = RELEASE_NONE,
                                     .episode_last = RELEASE_NONE};
    words_read(&words, name);
    mark_tags(&words);
    size_t end = find_title_end(&words, release);
    write_title(&words, end, release);
    apply_tags(&words, end, release);
    read_group(&words, end, release);
    release->flags |= words.is_sample ? UINT32_C(1) << RELEASE_FLAG_SAMPLE : 0;
}

/* ---- names -------------------------------------------------------------------------------- */

#define X(name, text) text,
static const char *const sources[] = {RELEASE_SOURCE_TABLE(X)};
static const char *const codecs[] = {RELEASE_CODEC_TABLE(X)};
static const char *const audios[] = {RELEASE_AUDIO_TABLE(X)};
static const char *const hdrs[] = {RELEASE_HDR_TABLE(X)};
static const char *const languages[] = {RELEASE_LANGUAGE_TABLE(X)};
static const char *const flags[] = {RELEASE_FLAG_TABLE(X)};
#undef X

bool release_has(const struct release_name *release, enum release_flag flag)
{
    return (release->flags >> flag & 1) != 0;
}

const char *release_source_name(enum release_origin source)
{
    return sources[source];
}

const char *release_codec_name(enum release_codec codec)
{
    return codecs[codec];
}

const char *release_audio_name(enum release_audio audio)
{
    return audios[audio];
}

const char *release_hdr_name(enum release_hdr bit)
{
    return hdrs[bit];
}

const char *release_language_name(enum release_language bit)
{
    return languages[bit];
}

const char *release_flag_name(enum release_flag bit)
{
    return flags[bit];
}
