/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release.h"

#include "common/media/release_group.h"
#include "common/media/release_parts.h"
#include "common/media/release_tags.h"
#include "common/media/release_words.h"

#include <string.h>

/* ---- what a tag says ------------------------------------------------------------------------ */

/* "BluRay Remux", "UHD BluRay": the most telling one; what was filmed in a cinema stays so. */
static void apply_source(enum release_origin source, struct release_name *release)
{
    bool poor = source <= RELEASE_SOURCE_SCREENER;
    bool was_poor = release->source <= RELEASE_SOURCE_SCREENER;
    if (release->source == RELEASE_SOURCE_UNKNOWN || (poor && (!was_poor || source < release->source)) ||
        (source == RELEASE_SOURCE_REMUX && !was_poor))
        release->source = source;
}

static void apply_tag(const struct release_tag *tag, struct release_name *release)
{
    uint32_t bit = UINT32_C(1) << (tag->value & 31);
    switch (tag->field)
    {
    case RELEASE_FIELD_RESOLUTION:
    case RELEASE_FIELD_VAGUE_RESOLUTION:
        release->resolution = release->resolution == 0 ? tag->value : release->resolution;
        break;
    case RELEASE_FIELD_SOURCE:
        apply_source((enum release_origin)tag->value, release);
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
    case RELEASE_FIELD_SEASON:
    case RELEASE_FIELD_EPISODE:
    case RELEASE_FIELD_EXTRA:
        break;
    }
}

/* ---- which tags count ------------------------------------------------------------------------- */

static bool is_subtitle(const struct words *words, size_t at)
{
    const char *text = words_text(words, at);
    return strncmp(text, "sub", 3) == 0 && words_is(words, at, RELEASE_FIELD_FLAG);
}

/* "Ita Sub Eng", "ENG - Sub FR": is the language before the word that of the sound, as its own follows? */
static bool is_sound_before(const struct words *words, size_t at)
{
    return words_is(words, at + 2, RELEASE_FIELD_LANGUAGE) && !is_subtitle(words, at + 3) &&
           strcmp(words->at[at + 1].text, "sub") == 0;
}

/* "PL-SUB", "Eng-Subs", "Sub Ita": the language of subtitles is not that of the sound. */
static bool is_of_subtitles(const struct words *words, size_t at)
{
    return (is_subtitle(words, at + 1) && !is_sound_before(words, at)) ||
           (at > 0 && is_subtitle(words, at - 1) && !is_subtitle(words, at + 1) &&
            words->at[at].place == words->at[at - 1].place && strcmp(words->at[at - 1].text, "sub") == 0);
}

/* These make a release unfit, so a word of an episode's title must not be taken for one. */
static bool is_grave(const struct release_tag *tag)
{
    return (tag->field == RELEASE_FIELD_SOURCE && tag->strength == RELEASE_WEAK &&
            tag->value <= RELEASE_SOURCE_SCREENER) ||
           (tag->field == RELEASE_FIELD_FLAG &&
            (tag->value == RELEASE_FLAG_SAMPLE || tag->value == RELEASE_FLAG_PASSWORD ||
             tag->value == RELEASE_FLAG_PROGRAM));
}

/* Does the word make a faint one beside it count?  Two languages do so together: "[JP,EN]". */
static bool says_more(const struct words *words, size_t at)
{
    return words_tells(words, at) || words_is(words, at, RELEASE_FIELD_LANGUAGE);
}

static bool counts(const struct words *words, size_t at, const struct parts *parts)
{
    const struct release_tag *tag = words_tag(words, at);
    if (tag == NULL || (tag->field == RELEASE_FIELD_LANGUAGE && is_of_subtitles(words, at)))
        return false;
    if (is_grave(tag) && parts->is_episode && at < parts->quality)
        return parts->quality_run <= parts->numbers_end;
    if (tag->strength == RELEASE_FAINT && words->at[at].after_dash && at + 1 == words->count &&
        words->at[at].place == WORD_FREE)
        return false; /* the group "-CS" */
    if (at >= parts->quality || (tag->strength == RELEASE_STRONG && at < parts->numbers_end))
        return true;
    if (tag->strength == RELEASE_FAINT)
        return at >= parts->quality_run && (says_more(words, at + 1) || says_more(words, at - 1));
    return !parts->is_episode || at >= parts->quality_run || words->at[at].place != WORD_FREE;
}

static void apply_tags(const struct words *words, const struct parts *parts, struct release_name *release)
{
    for (int vague = 0; vague < 2; vague++)
        for (size_t at = parts->title_end; at < words->count; at++)
        {
            if (!counts(words, at, parts))
                continue;
            const struct release_tag *tag = words_tag(words, at);
            if ((tag->field == RELEASE_FIELD_VAGUE_RESOLUTION) == (vague == 1))
                apply_tag(tag, release);
            if (vague == 0 && words->at[at].second != RELEASE_NONE)
                apply_tag(&release_tags[words->at[at].second], release);
        }
}

/* "[1080p][BD] Title", "[Group] [BD] Title": what stands before the title, where it is no group. */
static void apply_front(const struct words *words, struct release_name *release)
{
    size_t group_end = words->group[0] != '\0' ? strlen(words->group) + 1 : 0;
    for (size_t at = 0; at < words->first; at++)
        if (words_tells(words, at) && (words->at[at].start > group_end || words_is_strong(words, at)))
            apply_tag(words_tag(words, at), release);
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
    release->flags = words.is_sample ? UINT32_C(1) << RELEASE_FLAG_SAMPLE : 0;
    if (words.count == 0)
        return;
    words_mark(&words);
    parts_settle_front(&words);
    parts_take_front(&words, release);
    parts_drop_stream(&words);
    struct parts parts = parts_find(&words, release);
    apply_front(&words, release);
    apply_tags(&words, &parts, release);
    release_read_group(&words, parts.numbers_end > parts.title_end ? parts.numbers_end - 1 : parts.title_end,
                       release);
    parts_write_title(&words, &parts, release);
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
