/* SPDX-License-Identifier: Apache-2.0 */
/* Seasons, episodes and days, however they are written; titles are invented. */
#include "tests/support/release_says.h"
#include "tests/support/suite.h"

#include <check.h>

static const struct release_row rows[] = {
    /* episode behind season */
    {"Harbor.Lights.S6.E1E2.720p.HDTV.x264-GRP", "Harbor Lights||S6E1-2|720|HDTV|H.264|||GRP"},
    {"Harbor Lights - S41 E10478 1080p WEB", "Harbor Lights||S41E10478|1080|WEB-DL||||"},
    {"Harbor.Lights.S01.E.01.1080p.WEB.x264-GRP", "Harbor Lights||S1E1|1080|WEB-DL|H.264|||GRP"},
    {"Harbor Lights S3 -  15 (1080p)", "Harbor Lights||S3E15|1080|||||"},
    {"[Group] Harbor Lights S2 [05] [1080p]", "Harbor Lights||S2E5|1080|||||Group"},
    {"Harbor Lights S21 999 1080p WEB-DL", "Harbor Lights||S21E999|1080|WEB-DL||||"},
    {"Harbor Lights Season 4 Episode 7 720p", "Harbor Lights||S4E7|720|||||"},
    {"Show Name S2 E5 720p", "Show Name||S2E5|720|||||"},
    {"Show.Name.S02.Ep05.720p.WEB.x264-GRP", "Show Name||S2E5|720|WEB-DL|H.264|||GRP"},
    {"Show Name Season 2 - Episode 05 [720p]", "Show Name||S2E5|720|||||"},
    {"Show Name Season Two Episode 5", "Show Name||S2E5||||||"},
    {"Show Name S02 - 05 - Some Words [720p]", "Show Name||S2E5|720|||||"},
    {"[Group] Show Name Season 2 - 10 [1080p]", "Show Name||S2E10|1080|||||Group"},
    {"[Group] Show Name 2nd Season - 05 [1080p]", "Show Name||S2E5|1080|||||Group"},
    {"Show Name S2 (2019) - 11 (720p)", "Show Name|2019|S2E11|720|||||"},
    /* several episodes */
    {"Harbor.Lights.S03E01.S03E02.720p.HDTV.x264-GRP", "Harbor Lights||S3E1-2|720|HDTV|H.264|||GRP"},
    {"Harbor.Lights.2x04.2x05.720p.HDTV.x264-GRP", "Harbor Lights||S2E4-5|720|HDTV|H.264|||GRP"},
    {"Harbor.Lights.S01E01-S01E21.1080p.WEB.x264-GRP", "Harbor Lights||S1E1-21|1080|WEB-DL|H.264|||GRP"},
    {"Harbor Lights Season 01 Episode 05-06 720p", "Harbor Lights||S1E5-6|720|||||"},
    {"Harbor Lights 8x01_02 HDTV", "Harbor Lights||S8E1-2||HDTV||||"},
    {"Harbor Lights [02x01-x02] 720p", "Harbor Lights||S2E1-2|720|||||"},
    {"Show.Name.S02E05.S02E06.S02E07.720p.HDTV.x264-GRP", "Show Name||S2E5-7|720|HDTV|H.264|||GRP"},
    {"Show.Name.S02E05+06.720p.WEB.x264-GRP", "Show Name||S2E5-6|720|WEB-DL|H.264|||GRP"},
    {"Show.Name.2x05x06x07.HDTV.XviD-GRP", "Show Name||S2E5-7||HDTV|XviD|||GRP"},
    {"Show Name S02E05 and E06 720p", "Show Name||S2E5-6|720|||||"},
    {"Show Name - 2x05 - 2x06 - HD TV", "Show Name||S2E5-6||HDTV||||"},
    {"Show.Name.S02E01-S02E10.1080p.WEB-DL.x264-GRP", "Show Name||S2E1-10|1080|WEB-DL|H.264|||GRP"},
    {"Show Name S02E05E06E07 1080p WEB", "Show Name||S2E5-7|1080|WEB-DL||||"},
    {"Show.Name.S02E05.06.720p.HDTV.x264-GRP", "Show Name||S2E5-6|720|HDTV|H.264|||GRP"},
    {"Show Name S01EP(01-09) 720p", "Show Name||S1E1-9|720|||||"},
    /* several seasons */
    {"Harbor.Lights.S01.S02.S03.1080p.BluRay.x264-GRP", "Harbor Lights||S1-S3|1080|BluRay|H.264|||GRP"},
    {"Harbor Lights Season 01 - Season 07 Complete 720p", "Harbor Lights||S1-S7|720||||complete|"},
    {"Harbor Lights S1 + S2 1080p", "Harbor Lights||S1-S2|1080|||||"},
    {"Harbor.Lights.S01.to.S28.WEB", "Harbor Lights||S1-S28||WEB-DL||||"},
    {"Harbor Lights Season 1 to 6 DVDRip", "Harbor Lights||S1-S6||DVD||||"},
    {"Harbor Lights Seasons 1, 2 and 3 720p", "Harbor Lights||S1-S3|720|||||"},
    {"Show Name S1+S2 1080p", "Show Name||S1-S2|1080|||||"},
    {"Show Name Seasons 1 to 5 720p BluRay x265", "Show Name||S1-S5|720|BluRay|H.265|||"},
    {"Show Name Seasons 1 - 5 720p", "Show Name||S1-S5|720|||||"},
    {"Show.Name.S01-S09.COMPLETE.720p.BluRay.x264-GRP", "Show Name||S1-S9|720|BluRay|H.264||complete|GRP"},
    {"Show Name Season 1 & 2 Complete", "Show Name||S1-S2|||||complete|"},
    {"Show Name Season 1, 2, 3 and 4 720p", "Show Name||S1-S4|720|||||"},
    /* two numberings */
    {"[Group] Harbor Girls - 05 - S01E05 [1080p]", "Harbor Girls||S1E5|1080|||||Group"},
    {"Harbor Girls - 50 (S04E14) (WEB 1080p) [1B49A624].mkv", "Harbor Girls||S4E14|1080|WEB-DL||||"},
    {"Harbor Girls - 313-315 - s16e03-05 720p", "Harbor Girls||S16E3-5|720|||||"},
    {"Show Name 13-16 - S02E03-E06 720p", "Show Name||S2E3-6|720|||||"},
    {"[Group] Show Name - 29 - S02E05 (1080p)", "Show Name||S2E5|1080|||||Group"},
    {"Show Name - 105 (S02E05) [1080p]", "Show Name||S2E5|1080|||||"},
    {"Show Name Ep 2x05 Some Words", "Show Name||S2E5||||||"},
    {"[Group] Show Name - 05 - S01E05 - Some Words (BD 1080p HEVC FLAC)",
     "Show Name||S1E5|1080|BluRay|H.265|FLAC||Group"},
    /* batch */
    {"[Group] Harbor Girls 01 - 119 [Batch][720p]", "Harbor Girls||E1-119|720||||complete|Group"},
    {"[Group] Harbor Girls 01~12 END [1080p]", "Harbor Girls||E1-12|1080|||||Group"},
    {"[Group] Show Name - 01~24 [1080p]", "Show Name||E1-24|1080|||||Group"},
    {"[Group] Show Name (01-24) [Batch]", "Show Name||E1-24|||||complete|Group"},
    {"[Group] Show Name 091-123 [1080p][HEVC]", "Show Name||E91-123|1080||H.265|||Group"},
    {"[Group] Show Name - 01 ~ 10 [1080p][Multiple Subtitle]", "Show Name||E1-10|1080||||subtitles|Group"},
    {"[Group] Show Name 1-13 [BD 1080p]", "Show Name||E1-13|1080|BluRay||||Group"},
    /* absolute number */
    {"[Group] Harbor Girls 12 [1080p].mkv", "Harbor Girls||E12|1080|||||Group"},
    {"[Group] Harbor Girls - 12 END [720p]", "Harbor Girls||E12|720|||||Group"},
    {"[Group].Harbor.Girls.-.12.1080p", "Harbor Girls||E12|1080|||||Group"},
    {"[Group] Harbor Girls - 12v2 [1080p]", "Harbor Girls||E12|1080||||proper|Group"},
    {"[Group][Harbor Girls][12][1080p]", "Harbor Girls||E12|1080|||||Group"},
    {"Harbor.Girls.E12.1080p.WEB.x264-GRP", "Harbor Girls||E12|1080|WEB-DL|H.264|||GRP"},
    {"[Group] Show Name 1004 [E63F2984].mkv", "Show Name||E1004||||||Group"},
    {"[Group].Show.Name.-.12.[1080p].mkv", "Show Name||E12|1080|||||Group"},
    {"[Group]_Show_Name_12_[720p]", "Show Name||E12|720|||||Group"},
    {"[Group] Show Name - 12 OAD [720p]", "Show Name||E12|720|||||Group"},
    {"[Group][Show Name][12v2][1080p]", "Show Name||E12|1080||||proper|Group"},
    {"[Group][Show Name][第05話][1080p]", "Show Name||E5|1080|||||Group"},
    {"[Group] Show Name #957 (1280x720 x264 AAC).mp4", "Show Name||E957|720||H.264|AAC||Group"},
    {"Show Name - 12 - Some Words [1080p]", "Show Name||E12|1080|||||"},
    {"[Group] Show Name 300-nen 02 [720p Hi10P AAC]", "Show Name 300-nen||E2|720|||AAC|10bit|Group"},
    /* no number */
    {"[Group] Show Name - 12.5 [1080p]", "Show Name|||1080|||||Group"},
    {"[Group] Show Name 2 [1080p]", "Show Name 2|||1080|||||Group"},
    {"Harbor Lights 1.11 (2009) 1080p", "Harbor Lights 1 11|2009||1080|||||"},
    {"[Group] Show Name 21 - 101 [480p].mkv", "Show Name 21||E101|480|||||Group"},
    {"Harbor Lights (1995) [1080p] [WEB-DL] [x264] [E-AC3-S78]",
     "Harbor Lights|1995||1080|WEB-DL|H.264|Dolby Digital Plus||"},
    {"Harbor Lights Episode 4 A Pier 1977 BDRip x264",
     "Harbor Lights Episode 4 A Pier|1977|||BluRay|H.264|||"},
    /* spelling */
    {"harbor.lights.103.hdtv-grp", "harbor lights||S1E3||HDTV||||grp"},
    {"Harbor.Lights.Part.2.of.3.720p.HDTV", "Harbor Lights||E2|720|HDTV||||"},
    {"Harbor Lights 5of9 HDTV", "Harbor Lights||E5||HDTV||||"},
    {"Harbor Lights Temporada 3 Cap.305 HDTV 720p", "Harbor Lights||S3E5|720|HDTV||||"},
    {"Harbor Lights Stagione 2 Episodio 4", "Harbor Lights||S2E4||||||"},
    {"Harbor.Lights.Saison3.FRENCH.720p", "Harbor Lights||S3|720||||fr|"},
    {"Harbor Lights 2016x231 WEB", "Harbor Lights||S2016E231||WEB-DL||||"},
    {"show.name.207.hdtv-grp", "show name||S2E7||HDTV||||grp"},
    {"Show.Name.103.104.720p.HDTV.x264-GRP", "Show Name||S1E3-4|720|HDTV|H.264|||GRP"},
    {"Show.Name.07.PDTV.x264-GRP", "Show Name||E7||TV|H.264|||GRP"},
    {"Show.Name.Part.2.DSR.XviD-GRP", "Show Name||E2||TV|XviD|||GRP"},
    {"Show Name 3 of 6 HDTV", "Show Name||E3||HDTV||||"},
    {"Show Name 2. Staffel Folge 5", "Show Name||S2E5||||||"},
    {"Show Name Staffel 2 Folge 5 German 1080p", "Show Name||S2E5|1080||||de|"},
    {"Show Name - 04ª Temporada 720p", "Show Name||S4|720|||||"},
    {"Show.Name.Seizoen.2.Aflevering.5.1080p", "Show Name||S2E5|1080|||||"},
    {"Show Name Sezon 2 Odcinek 5 PL 720p", "Show Name||S2E5|720||||pl|"},
    {"Show Name 2 сезон 24 серия", "Show Name||S2E24||||||"},
    {"Show Name Сезон 3 Эпизод 21 1080p", "Show Name||S3E21|1080|||||"},
    {"Show Name 5-й сезон 09-я серия", "Show Name||S5E9||||||"},
    {"Show Name T02E22", "Show Name||S2E22||||||"},
    {"Show.Name.Temporada1.[HDTV][Cap.105][Castellano]", "Show Name||S1E5||HDTV|||es|"},
    {"Show Name - Temporada 15 [HDTV][Cap.1503_1506]", "Show Name||S15E3-6||HDTV||||"},
    {"Show Name Saison 2 Épisode 5 FRENCH 1080p", "Show Name||S2E5|1080||||fr|"},
    {"The.Show.2.Sezon.7.Bolum.2021.1080p.WEB-DL", "The Show|2021|S2E7|1080|WEB-DL||||"},
    {"Show 第195話", "Show||E195||||||"},
    {"港口 第二季 第3集", "港口||S2E3||||||"},
    {"港口第十一季 第二十三集", "港口||S11E23||||||"},
    {"Show 2期", "Show||S2||||||"},
    {"Show Name 2×07", "Show Name||S2E7||||||"},
    {"Show Name 1 x 03 HDTV", "Show Name||S1E3||HDTV||||"},
    /* day */
    {"Daily.Harbor.15.03.2024.720p.WEB", "Daily Harbor|2024-03-15||720|WEB-DL||||"},
    {"Daily Harbor 2024 03 15 720p", "Daily Harbor|2024-03-15||720|||||"},
    {"Daily.Harbor.Mar.15.2024.HDTV", "Daily Harbor|2024-03-15|||HDTV||||"},
    {"Daily.Harbor.03-29-2012.HDTV.XviD-GRP", "Daily Harbor|2012-03-29|||HDTV|XviD|||GRP"},
    {"Daily Harbor 20240315 720p", "Daily Harbor|2024-03-15||720|||||"},
    {"Daily.Harbor.140722.720p.HDTV.x264-GRP", "Daily Harbor|2014-07-22||720|HDTV|H.264|||GRP"},
    {"Daily Harbor 5th Mar 2024 1080p", "Daily Harbor|2024-03-05||1080|||||"},
    {"Daily.Harbor.15.March.2024.720p.WEB", "Daily Harbor|2024-03-15||720|WEB-DL||||"},
    {"Daily.Harbor.2024.15.03.PDTV.XviD-GRP", "Daily Harbor|2024-03-15|||TV|XviD|||GRP"},
    {"Daily Series 10-11-2008 XviD", "Daily Series|2008-11-10||||XviD|||"},
    {"Daily Harbor 2016 02 25 S20E142 720p", "Daily Harbor|2016-02-25|S20E142|720|||||"},
    /* number first */
    {"S01E04 Harbor Lights 720p", "Harbor Lights||S1E4|720|||||"},
    {"S01E01-E03 - Harbor Lights", "Harbor Lights||S1E1-3||||||"},
    {"2x05 - Show Name 720p WEB-DL", "Show Name||S2E5|720|WEB-DL||||"},
    {"S02E05 - Show Name [1080p]", "Show Name||S2E5|1080|||||"},
    {"[02x05] Show Name", "Show Name||S2E5||||||"},
    {"[Group] 05 - Show Name [720p]", "Show Name||E5|720|||||Group"},
    {"S02E05E06 Show Name 720p", "Show Name||S2E5-6|720|||||"},
};

START_TEST(release__reads_numbers_in_every_spelling)
{
    release_check(&rows[_i]);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {release__reads_numbers_in_every_spelling, sizeof rows / sizeof rows[0]},
    };
    return suite_run("release_number", cases, sizeof cases / sizeof cases[0]);
}
