/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.h -- what the name of a release says.
 *
 *     "Big.Buck.Bunny.2008.1080p.BluRay.x264.DTS-GRP"   a film
 *     "Show.Name.S02E05-E06.720p.WEB-DL.AAC2.0.H.264-GRP"   episodes
 *     "[Group] Title - 05 [1080p][ABCD1234]"   the numbering of anime
 *     "Daily.Show.2024.03.15.720p.WEB"   a day
 *
 * The name is cut into words; a table says what words mean.  Words that also occur in titles
 * ("web", "french", "extended") count only behind the first thing that surely ends the title: a year, a
 * season, an episode, a day, or an unmistakable word ("1080p", "x264"); behind an episode they count only
 * next to such a word, for there the episode's own title may stand.  The last year of several is
 * the year, earlier ones belong to the title ("2012.2009.1080p").  Reading never fails: what
 * is not understood is left at "unknown".
 *
 * Numbers: a season without episodes is the whole season.  An episode without a season ("E12",
 * "[Group] Title 12 [1080p]") is counted through all seasons, or the series has one.  Where both
 * numberings stand, that with a season wins.  "103" is the third episode of the first season
 * only where the name speaks of television and no year follows.  Where no year stands, "05" and "#5" are
 * episodes wherever they stand, for no title has its number written so; "6.01" is a season and its episode.
 * "05a" is a part of the fifth episode.  A season that is a year ("S2014E18") is also the year.  "12.5", an
 * opening, a volume of discs and "CD1" are no episodes, and not the whole work: they end the title and give
 * the flag EXTRA, as does an OVA beside a season ("S2 OVA - 02").  A disc of a season ("S04D2") is one
 * too: the season is told.
 *
 * Two titles: "One AKA Other" and "One / Other" give the title "One" and the alias "Other"; "One (Other)"
 * gives "One" and "One Other", for the brackets may hold a country, another title or a part of it, and
 * "Другой (One)" gives "One", as does "Другой[what it is like] One".  Where a word at an end of the title may
 * be none of it, the alias is the title without it: the country of a series ("Title US S01"), a year where no
 * other is ("2011 Title"), a group where no other is ("grp-the.title.2011"), a station ("BBC.Title"), the
 * mark of an edition ("Title.SE.2011").
 *
 * Plain data, no memory.  Names are read up to RELEASE_MAX_LEN bytes.  Blocks never.  Any thread.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_H
#define SOKOUL_COMMON_MEDIA_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
    RELEASE_MAX_LEN = 511,
    RELEASE_TITLE_SIZE = 256,
    RELEASE_GROUP_SIZE = 40,
    RELEASE_MIN_YEAR = 1900,
    RELEASE_MAX_YEAR = 2039,
    RELEASE_NONE = -1 /* no season, no episode: 0 is the season of specials */
};

/* Worst first, but the order means nothing: score.c has the points. */
#define RELEASE_SOURCE_TABLE(X)                                                                              \
    X(UNKNOWN, "")                                                                                           \
    X(CAM, "CAM")                                                                                            \
    X(TELESYNC, "TS")                                                                                        \
    X(TELECINE, "TC")                                                                                        \
    X(WORKPRINT, "Workprint")                                                                                \
    X(SCREENER, "Screener")                                                                                  \
    X(TV, "TV")                                                                                              \
    X(DVD, "DVD")                                                                                            \
    X(HDRIP, "HDRip")                                                                                        \
    X(HDTV, "HDTV")                                                                                          \
    X(WEBRIP, "WEBRip")                                                                                      \
    X(WEB, "WEB-DL")                                                                                         \
    X(BLURAY, "BluRay")                                                                                      \
    X(REMUX, "Remux")

#define RELEASE_CODEC_TABLE(X)                                                                               \
    X(UNKNOWN, "")                                                                                           \
    X(MPEG2, "MPEG-2")                                                                                       \
    X(XVID, "XviD")                                                                                          \
    X(VC1, "VC-1")                                                                                           \
    X(H264, "H.264")                                                                                         \
    X(VP9, "VP9")                                                                                            \
    X(H265, "H.265")                                                                                         \
    X(AV1, "AV1")

#define RELEASE_AUDIO_TABLE(X)                                                                               \
    X(UNKNOWN, "")                                                                                           \
    X(MP3, "MP3")                                                                                            \
    X(AAC, "AAC")                                                                                            \
    X(OPUS, "Opus")                                                                                          \
    X(AC3, "Dolby Digital")                                                                                  \
    X(EAC3, "Dolby Digital Plus")                                                                            \
    X(DTS, "DTS")                                                                                            \
    X(DTS_HD, "DTS-HD")                                                                                      \
    X(TRUEHD, "TrueHD")                                                                                      \
    X(FLAC, "FLAC")                                                                                          \
    X(PCM, "PCM")

/* Bits of `hdr`. */
#define RELEASE_HDR_TABLE(X)                                                                                 \
    X(HDR10, "HDR")                                                                                          \
    X(HDR10PLUS, "HDR10+")                                                                                   \
    X(DOLBY_VISION, "Dolby Vision")                                                                          \
    X(HLG, "HLG")

/* Bits of `languages`. */
#define RELEASE_LANGUAGE_TABLE(X)                                                                            \
    X(MULTI, "multi")                                                                                        \
    X(EN, "en")                                                                                              \
    X(FR, "fr")                                                                                              \
    X(DE, "de")                                                                                              \
    X(ES, "es")                                                                                              \
    X(IT, "it")                                                                                              \
    X(PT, "pt")                                                                                              \
    X(NL, "nl")                                                                                              \
    X(PL, "pl")                                                                                              \
    X(RU, "ru")                                                                                              \
    X(JA, "ja")                                                                                              \
    X(KO, "ko")                                                                                              \
    X(ZH, "zh")                                                                                              \
    X(HI, "hi")                                                                                              \
    X(AR, "ar")                                                                                              \
    X(TR, "tr")                                                                                              \
    X(SV, "sv")                                                                                              \
    X(DA, "da")                                                                                              \
    X(NO, "no")                                                                                              \
    X(FI, "fi")                                                                                              \
    X(CS, "cs")                                                                                              \
    X(HU, "hu")

/* Bits of `flags`. */
#define RELEASE_FLAG_TABLE(X)                                                                                \
    X(PROPER, "proper")                                                                                      \
    X(REPACK, "repack")                                                                                      \
    X(TEN_BIT, "10bit")                                                                                      \
    X(ATMOS, "Atmos")                                                                                        \
    X(THREE_D, "3D")                                                                                         \
    X(HARDSUB, "hardcoded subtitles")                                                                        \
    X(SUBBED, "subtitles")                                                                                   \
    X(DUBBED, "dubbed")                                                                                      \
    X(COMPLETE, "complete")                                                                                  \
    X(SAMPLE, "sample")                                                                                      \
    X(PASSWORD, "password")                                                                                  \
    X(PROGRAM, "program")                                                                                    \
    X(EXTRA, "extra")

#define X(name, text) RELEASE_SOURCE_##name,
enum release_origin
{
    RELEASE_SOURCE_TABLE(X) RELEASE_SOURCE_COUNT
};
#undef X
#define X(name, text) RELEASE_CODEC_##name,
enum release_codec
{
    RELEASE_CODEC_TABLE(X) RELEASE_CODEC_COUNT
};
#undef X
#define X(name, text) RELEASE_AUDIO_##name,
enum release_audio
{
    RELEASE_AUDIO_TABLE(X) RELEASE_AUDIO_COUNT
};
#undef X
#define X(name, text) RELEASE_HDR_##name,
enum release_hdr
{
    RELEASE_HDR_TABLE(X) RELEASE_HDR_COUNT
};
#undef X
#define X(name, text) RELEASE_LANGUAGE_##name,
enum release_language
{
    RELEASE_LANGUAGE_TABLE(X) RELEASE_LANGUAGE_COUNT
};
#undef X
#define X(name, text) RELEASE_FLAG_##name,
enum release_flag
{
    RELEASE_FLAG_TABLE(X) RELEASE_FLAG_COUNT
};
#undef X

struct release_name
{
    char title[RELEASE_TITLE_SIZE]; /* words with single blanks, as written otherwise */
    char alias[RELEASE_TITLE_SIZE]; /* the title that stands beside it, see above; "" when there is none */
    char group[RELEASE_GROUP_SIZE]; /* "" when unknown */
    const char *edition;            /* "Extended", ...; "" when none; static storage */
    int year;                       /* 0: unknown */
    int month;                      /* of a daily show, with day; 0 otherwise */
    int day;
    int season; /* RELEASE_NONE; a season without an episode is the whole season */
    int season_last;
    int episode_first; /* RELEASE_NONE; equal to episode_last for a single one */
    int episode_last;
    int resolution; /* lines: 480, 576, 720, 1080, 2160, 4320; 0: unknown */
    enum release_origin source;
    enum release_codec codec;
    enum release_audio audio;
    uint32_t hdr;
    uint32_t languages;
    uint32_t flags;
};

void release_parse(const char *name, struct release_name *release);

bool release_has(const struct release_name *release, enum release_flag flag);
const char *release_source_name(enum release_origin source);
const char *release_codec_name(enum release_codec codec);
const char *release_audio_name(enum release_audio audio);
const char *release_hdr_name(enum release_hdr bit);
const char *release_language_name(enum release_language bit);
const char *release_flag_name(enum release_flag bit);

#endif
