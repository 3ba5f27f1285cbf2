/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/score.h"

#include "common/media/score_title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the numbers -------------------------------------------------------------------------- */

enum
{
    UNFIT = -100,
    SHORTEST_MIN = 5, /* bounds for a runtime that is not known */
    LONGEST_MIN = 240
};

static const struct score_reason by_source[RELEASE_SOURCE_COUNT] = {
    [RELEASE_SOURCE_UNKNOWN] = {4, "the source is not named"},
    [RELEASE_SOURCE_CAM] = {UNFIT, "filmed in a cinema"},
    [RELEASE_SOURCE_TELESYNC] = {UNFIT, "filmed in a cinema (telesync)"},
    [RELEASE_SOURCE_TELECINE] = {UNFIT, "copied from a cinema reel"},
    [RELEASE_SOURCE_WORKPRINT] = {UNFIT, "an unfinished version"},
    [RELEASE_SOURCE_SCREENER] = {-20, "a screener"},
    [RELEASE_SOURCE_TV] = {3, "recorded from television"},
    [RELEASE_SOURCE_DVD] = {5, "from DVD"},
    [RELEASE_SOURCE_HDRIP] = {6, "from an unnamed HD source"},
    [RELEASE_SOURCE_HDTV] = {8, "recorded from HD television"},
    [RELEASE_SOURCE_WEBRIP] = {11, "recorded from a web service"},
    [RELEASE_SOURCE_WEB] = {14, "from a web service"},
    [RELEASE_SOURCE_BLURAY] = {15, "from Blu-ray"},
    [RELEASE_SOURCE_REMUX] = {14, "untouched Blu-ray video"},
};

static const struct score_reason by_codec[RELEASE_CODEC_COUNT] = {
    [RELEASE_CODEC_UNKNOWN] = {1, "the video format is not named"},
    [RELEASE_CODEC_MPEG2] = {-2, "old video format MPEG-2"},
    [RELEASE_CODEC_XVID] = {-3, "old video format XviD"},
    [RELEASE_CODEC_VC1] = {1, "video format VC-1"},
    [RELEASE_CODEC_H264] = {5, "video that plays everywhere (H.264)"},
    [RELEASE_CODEC_VP9] = {3, "video format VP9"},
    [RELEASE_CODEC_H265] = {5, "compact video (H.265)"},
    [RELEASE_CODEC_AV1] = {4, "compact video (AV1)"},
};

static const struct score_reason by_audio[RELEASE_AUDIO_COUNT] = {
    [RELEASE_AUDIO_UNKNOWN] = {0, "the sound format is not named"},
    [RELEASE_AUDIO_MP3] = {0, "MP3 sound"},
    [RELEASE_AUDIO_AAC] = {2, "AAC sound"},
    [RELEASE_AUDIO_OPUS] = {2, "Opus sound"},
    [RELEASE_AUDIO_AC3] = {2, "Dolby Digital sound"},
    [RELEASE_AUDIO_EAC3] = {3, "Dolby Digital Plus sound"},
    [RELEASE_AUDIO_DTS] = {3, "DTS sound"},
    [RELEASE_AUDIO_DTS_HD] = {3, "DTS-HD sound"},
    [RELEASE_AUDIO_TRUEHD] = {3, "TrueHD sound"},
    [RELEASE_AUDIO_FLAC] = {3, "lossless sound"},
    [RELEASE_AUDIO_PCM] = {3, "lossless sound"},
};

/* Steps between the wanted resolution and the release's, downward negative. */
static const struct
{
    int steps;
    struct score_reason reason;
} by_steps[] = {
    {-4, {0, "a far lower resolution than wanted"}},
    {-3, {0, "a far lower resolution than wanted"}},
    {-2, {4, "a much lower resolution than wanted"}},
    {-1, {15, "a lower resolution than wanted"}},
    {0, {30, "the wanted resolution"}},
    {1, {18, "a higher resolution than wanted"}},
    {2, {8, "a much higher resolution than wanted"}},
    {3, {4, "a far higher resolution than wanted"}},
    {4, {0, "a far higher resolution than wanted"}},
};

static const struct
{
    int least;
    struct score_reason reason;
} by_seeders[] = {
    {100, {15, "very many seeders"}}, {50, {13, "many seeders"}}, {20, {11, "many seeders"}},
    {10, {9, "enough seeders"}},      {5, {6, "some seeders"}},   {2, {3, "few seeders"}},
    {1, {1, "a single seeder"}},
};

/* kbit/s: outside of least..most it is not what it says. */
static const struct
{
    int lines;
    int64_t least;
    int64_t low;
    int64_t high;
    int64_t most;
} by_rate[] = {
    {2160, 1000, 4000, 80000, 200000}, {1080, 300, 1200, 30000, 80000}, {720, 200, 700, 10000, 40000},
    {1, 80, 400, 6000, 30000},         {0, 80, 400, 40000, 200000}, /* the resolution is not named */
};

static const struct
{
    enum release_flag flag;
    struct score_reason reason;
} by_flag[] = {
    {RELEASE_FLAG_SAMPLE, {UNFIT, "only a sample"}},
    {RELEASE_FLAG_PASSWORD, {UNFIT, "locked with a password"}},
    {RELEASE_FLAG_PROGRAM, {UNFIT, "a program, not a video"}},
    {RELEASE_FLAG_EXTRA, {UNFIT, "a part, or what comes with the work"}},
    {RELEASE_FLAG_PROPER, {2, "a corrected release"}},
    {RELEASE_FLAG_REPACK, {2, "a corrected release"}},
    {RELEASE_FLAG_HARDSUB, {-10, "subtitles burnt into the picture"}},
    {RELEASE_FLAG_THREE_D, {-25, "a 3D version"}},
};

/* ---- adding up ------------------------------------------------------------------------------ */

struct scoring
{
    const struct score_wanted *wanted;
    const struct score_candidate *candidate;
    struct score *score;
};

static void add(struct scoring *s, int points, const char *text)
{
    if (s->score->reason_count < SCORE_MAX_REASONS)
        s->score->reasons[s->score->reason_count++] = (struct score_reason){points, text};
}

static void add_reason(struct scoring *s, struct score_reason reason)
{
    add(s, reason.points, reason.text);
}

static void look_at_title(struct scoring *s)
{
    const struct release_name *name = &s->candidate->name;
    char with_year[RELEASE_TITLE_SIZE + 16];
    snprintf(with_year, sizeof with_year, "%s %d", name->title, name->year);
    bool plain = score_wants_title(s->wanted, name);
    int off = name->year - s->wanted->year;
    if (!plain && name->year != 0 &&
        score_is_title(s->wanted, with_year)) /* the year was part of the title */
        add(s, 18, "the title fits, the name has no year");
    else if (!plain)
        add(s, UNFIT, "another title");
    else if (name->year == 0 || s->wanted->year == 0)
        add(s, s->wanted->media == SCORE_TV ? 25 : 18, "the title fits, no year to compare");
    else if (off == 0)
        add(s, 25, "title and year fit");
    else if (s->wanted->media == SCORE_TV && off > 0)
        add(s, 18, "the title fits, the year is later than the first season's");
    else if (abs(off) == 1)
        add(s, 15, "the title fits, the year is one off");
    else
        add(s, UNFIT, "another year");
}

/* ---- which episode -------------------------------------------------------------------------- */

static bool has_episode(const struct release_name *name, int episode)
{
    return episode >= name->episode_first && episode <= name->episode_last;
}

/* "[Group] Title (01-12) [Batch]" */
static bool is_complete_run(const struct release_name *name)
{
    return name->episode_first == 1 && name->episode_last > 1 && release_has(name, RELEASE_FLAG_COMPLETE);
}

/* The name has a season, which is the wanted one, or counts the episodes of the only one. */
static void judge_episode(struct scoring *s, int episode)
{
    const struct release_name *name = &s->candidate->name;
    if (episode == RELEASE_NONE && name->episode_first != RELEASE_NONE)
    {
        if (is_complete_run(name))
            add(s, -8, "a run of episodes that may be the season");
        else
            add(s, UNFIT, "single episodes, not the whole season");
    }
    else if (episode != RELEASE_NONE && name->episode_first == RELEASE_NONE)
        add(s, -8, "a whole season where one episode is wanted");
    else if (episode != RELEASE_NONE && !has_episode(name, episode))
        add(s, UNFIT, "another episode");
}

/* A number that is counted through all seasons. */
static void judge_absolute(struct scoring *s)
{
    const struct score_wanted *wanted = s->wanted;
    if (wanted->absolute > 0 && wanted->episode != RELEASE_NONE)
        judge_episode(s, wanted->absolute);
    else if (wanted->season == 1)
        judge_episode(s, wanted->episode);
    else
        add(s, UNFIT, "another season, or one that it does not say");
}

static void judge_day(struct scoring *s)
{
    const struct release_name *name = &s->candidate->name;
    char day[32];
    snprintf(day, sizeof day, "%04d-%02d-%02d", name->year, name->month, name->day);
    if (s->wanted->air_date == NULL || s->wanted->air_date[0] == '\0')
        add(s, UNFIT, "it does not say which episode it is");
    else if (strcmp(day, s->wanted->air_date) != 0)
        add(s, UNFIT, "of another day");
}

static void look_at_episode(struct scoring *s)
{
    const struct release_name *name = &s->candidate->name;
    const struct score_wanted *wanted = s->wanted;
    bool numbered = name->season != RELEASE_NONE || name->episode_first != RELEASE_NONE;
    bool by_day = wanted->air_date != NULL && wanted->air_date[0] != '\0';
    if (wanted->media == SCORE_MOVIE)
    {
        if (numbered || name->day != 0)
            add(s, UNFIT, "an episode of a series, not the film");
    }
    else if (wanted->season == RELEASE_NONE && !by_day)
        return;
    else if (name->day != 0 && (!numbered || wanted->season == RELEASE_NONE))
        judge_day(s);
    else if (!numbered || wanted->season == RELEASE_NONE)
        add(s, UNFIT, "it does not say which episode it is");
    else if (name->season == RELEASE_NONE)
        judge_absolute(s);
    else if (wanted->season < name->season || wanted->season > name->season_last)
        add(s, UNFIT, "another season");
    else
        judge_episode(s, wanted->episode);
}

/* ---- how good it is ------------------------------------------------------------------------- */

static int step_of(int lines)
{
    static const int steps[] = {576, 720, 1080, 2160};
    int step = 0;
    while (step < 4 && lines > steps[step])
        step++;
    return step;
}

static void look_at_resolution(struct scoring *s)
{
    int wanted = s->wanted->resolution > 0 ? s->wanted->resolution : SCORE_DEFAULT_RESOLUTION;
    int lines = s->candidate->name.resolution;
    if (lines == 0)
    {
        add(s, 8, "the resolution is not named");
        return;
    }
    int steps = step_of(lines) - step_of(wanted);
    for (size_t i = 0; i < sizeof by_steps / sizeof by_steps[0]; i++)
        if (by_steps[i].steps == steps)
            add_reason(s, by_steps[i].reason);
}

static void look_at_quality(struct scoring *s)
{
    const struct release_name *name = &s->candidate->name;
    bool corrected = false;
    add_reason(s, by_source[name->source]);
    add_reason(s, by_codec[name->codec]);
    add_reason(s, by_audio[name->audio]);
    for (size_t i = 0; i < sizeof by_flag / sizeof by_flag[0]; i++)
    {
        bool correction = by_flag[i].flag == RELEASE_FLAG_PROPER || by_flag[i].flag == RELEASE_FLAG_REPACK;
        if (!release_has(name, by_flag[i].flag) || (correction && corrected))
            continue;
        add_reason(s, by_flag[i].reason);
        corrected = corrected || correction;
    }
}

static void look_at_seeders(struct scoring *s)
{
    int seeders = s->candidate->seeders;
    if (seeders < 0)
        add(s, 0, "the number of seeders is not known");
    else if (seeders == 0)
        add(s, UNFIT, "nobody seeds it");
    for (size_t i = 0; seeders > 0 && i < sizeof by_seeders / sizeof by_seeders[0]; i++)
    {
        if (seeders < by_seeders[i].least)
            continue;
        add_reason(s, by_seeders[i].reason);
        return;
    }
}

/* kbit/s of that many bytes in that many minutes; 1 byte is 8 bits, 1 kbit is 1,000. */
static int64_t rate_of(int64_t size_bytes, int64_t minutes)
{
    return size_bytes / (minutes * 60) / 125;
}

static void look_at_size(struct scoring *s)
{
    const struct release_name *name = &s->candidate->name;
    int64_t episodes = name->episode_first != RELEASE_NONE ? name->episode_last - name->episode_first + 1 : 1;
    int64_t runtime = s->wanted->runtime_min;
    bool pack = name->season != RELEASE_NONE && name->episode_first == RELEASE_NONE;
    if (s->candidate->size_bytes <= 0 || pack)
    {
        add(s, 0, pack ? "the size of a season cannot be judged" : "the size is not known");
        return;
    }
    size_t row = 0;
    while (by_rate[row].lines > name->resolution)
        row++;
    int64_t slow = rate_of(s->candidate->size_bytes, (runtime > 0 ? runtime : LONGEST_MIN) * episodes);
    int64_t fast = rate_of(s->candidate->size_bytes, (runtime > 0 ? runtime : SHORTEST_MIN) * episodes);
    if (fast < by_rate[row].least)
        add(s, UNFIT, "far too small for what it says it is");
    else if (slow > by_rate[row].most)
        add(s, UNFIT, "far too big for what it says it is");
    else if (fast < by_rate[row].low)
        add(s, -5, "rather small for its resolution");
    else if (slow > by_rate[row].high)
        add(s, -5, "rather big for its resolution");
    else
        add(s, 5, "a size that fits");
}

/* Of an unfit release only what makes it so is told. */
static void keep_unfit(struct score *score)
{
    size_t kept = 0;
    for (size_t i = 0; i < score->reason_count; i++)
        if (score->reasons[i].points == UNFIT)
            score->reasons[kept++] = score->reasons[i];
    if (kept > 0)
        score->reason_count = kept;
}

static void (*const looks[])(struct scoring *s) = {
    look_at_title, look_at_episode, look_at_resolution, look_at_quality, look_at_seeders, look_at_size,
};

void score_release(const struct score_wanted *wanted, const struct score_candidate *candidate,
                   struct score *score)
{
    struct score_candidate read = *candidate;
    struct scoring s = {.wanted = wanted, .candidate = &read, .score = score};
    score_settle_number(wanted, &read.name);
    *score = (struct score){0};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        looks[i](&s);
    keep_unfit(score);
    int sum = 0;
    for (size_t i = 0; i < score->reason_count; i++)
        sum += score->reasons[i].points;
    score->points = sum < 0 ? 0 : sum > SCORE_MAX ? SCORE_MAX : sum;
}

int score_compare(const struct score_rank *a, const struct score_rank *b)
{
    if (a->points != b->points)
        return a->points > b->points ? -1 : 1;
    if (a->seeders != b->seeders)
        return a->seeders > b->seeders ? -1 : 1;
    if ((a->size_bytes > 0) != (b->size_bytes > 0))
        return a->size_bytes > 0 ? -1 : 1;
    if (a->size_bytes != b->size_bytes)
        return a->size_bytes < b->size_bytes ? -1 : 1;
    return strcmp(a->title, b->title);
}
