/* SPDX-License-Identifier: Apache-2.0 */
/* Which names fit what is wanted, and which never do; titles are invented. */
#include "common/media/score.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define FILM(name, of) {.title = (name), .year = (of), .media = SCORE_MOVIE, .season = -1, .episode = -1}
#define EPISODE(name, of, number) {.title = (name), .media = SCORE_TV, .season = (of), .episode = (number)}
#define DAY(name, day) {.title = (name), .media = SCORE_TV, .season = -1, .episode = -1, .air_date = (day)}
#define AIRED(name, of, number, day) \
    {.title = (name), .media = SCORE_TV, .season = (of), .episode = (number), .air_date = (day)}
#define COUNTED(name, of, number, all) \
    {.title = (name), .media = SCORE_TV, .season = (of), .episode = (number), .absolute = (all)}
/* clang-format on */

enum verdict
{
    REFUSED,
    FITS
};

static const struct
{
    struct score_wanted wanted;
    const char *name;
    enum verdict verdict;
} rows[] = {
    /* other scripts are compared by their letters, not by the digits that are left */
    {FILM("港口2", 2017), "港口2.2017.1080p.BluRay", FITS},
    {FILM("港口2", 2017), "灯塔2.2017.1080p.WEB", REFUSED},
    {FILM("Маяк 2", 2000), "Маяк.2.2000.1080p.WEB", FITS},
    {FILM("Маяк 2", 2000), "МАЯК.2.2000.1080p.WEB", FITS},
    {FILM("Маяк 2", 2000), "Причал.2.2000.1080p.WEB", REFUSED},
    {FILM("Ёлка", 2010), "Елка.2010.1080p", FITS},
    {FILM("Φάρος 2", 2010), "ΦΑΡΟΣ.2.2010.1080p", FITS},
    {FILM("Φάρος 2", 2010), "Λιμάνι.2.2010.1080p", REFUSED},
    {FILM("الميناء", 2019), "الميناء.2019.1080p", FITS},
    {FILM("الميناء", 2019), "المنارة.2019.1080p", REFUSED},
    {FILM("항구", 2019), "항구.2019.1080p", FITS},
    {FILM("항구", 2019), "등대.2019.1080p", REFUSED},
    {FILM("みなと", 2019), "みなと.2019.1080p", FITS},
    {FILM("みなと", 2019), "ミナト.2019.1080p", REFUSED},
    {FILM("港口", 2019), "2019.1080p.WEB", REFUSED},
    {FILM("!?", 2019), "-.2019.1080p.WEB", REFUSED},
    {FILM("Harbor Lights", 2019), "港口.Harbor.Lights.2019.1080p.WEB", FITS},
    /* folding */
    {FILM("Đèn Biển Phương Nam", 2023), "Den.Bien.Phuong.Nam.2023.1080p.WEB", FITS},
    {FILM("Łódź portowa", 2023), "Lodz.Portowa.2023.1080p.WEB", FITS},
    {FILM("Straße am Hafen", 2023), "Strasse.am.Hafen.2023.1080p", FITS},
    {FILM("Ｈａｒｂｏｒ　Ｌｉｇｈｔｓ", 2023), "Harbor.Lights.2023.1080p", FITS},
    {FILM("Harbor & Lights", 2023), "Harbor.and.Lights.2023.1080p", FITS},
    {FILM("Phare d'été", 2023), "Phare.d.ete.2023.1080p", FITS},
    {FILM("Phare d'été", 2023), "Phare.d.eau.2023.1080p", REFUSED},
    /* two titles in one name */
    {FILM("La Luz", 2019), "Harbor.Lights.AKA.La.Luz.2019.1080p", FITS},
    {FILM("Harbor Lights", 2019), "Harbor.Lights.AKA.La.Luz.2019.1080p", FITS},
    {FILM("The Good German", 2006), "The.Good.German.2006.1080p", FITS},
    {FILM("Harbor Lights or La Luz", 2019), "Harbor Lights or (La Luz) (2019) 1080p", FITS},
    {FILM("Luz", 2019), "Harbor.Lights.AKA.La.Luz.2019.1080p", REFUSED},
    /* countries */
    {EPISODE("Show Name", 2, 3), "Show.Name.US.S02E03.720p.HDTV", FITS},
    {EPISODE("Show Name", 2, 3), "Show.Name.UK.S02E03.720p.HDTV", FITS},
    {EPISODE("Show Name", 2, 3), "Show.Name.(AU).S02E03.720p.HDTV", FITS},
    {EPISODE("Show Name", 2, 3), "Show.Name.US.S02E04.720p.HDTV", REFUSED},
    {EPISODE("Show Name US", 2, 3), "Show.Name.US.S02E03.720p.HDTV", FITS},
    {EPISODE("Show", 2, 3), "Show.Name.US.S02E03.720p.HDTV", REFUSED},
    {FILM("Between Us", 2019), "Between.Us.2019.1080p", FITS},
    {FILM("Between", 2019), "Between.US.2019.1080p", REFUSED},
    {FILM("Between Us", 2019), "Between.Us.S02E03.720p", REFUSED},
    /* a year or a group before the title */
    {FILM("Harbor Lights", 2009), "2009.harbor.lights.dvd9.pal", FITS},
    {FILM("Harbor Lights", 2011), "2009.harbor.lights.dvd9.pal", REFUSED},
    {FILM("Harbor Lights", 2011), "2009 - Harbor Lights 1080p", REFUSED},
    {FILM("2009 Harbor Lights", 1968), "2009.Harbor.Lights.1080p.BluRay", FITS},
    {FILM("Harbor Lights", 2016), "grp-harbor.lights.2016.1080p.x264.mkv", FITS},
    {FILM("Light", 2016), "half-light.2016.1080p.x264.mkv", REFUSED},
    /* what comes with a work, and a part of it */
    {FILM("Show Name", 2011), "[Group] Show Name - NCOP [BD 1080p]", REFUSED},
    {FILM("Show Name", 2011), "[Group] Show Name - 12.5 [1080p]", REFUSED},
    {FILM("Show Name", 2011), "[Group] Show Name OP2 [1080p]", REFUSED},
    {FILM("Show Name", 2011), "Show.Name.CD1.avi", REFUSED},
    {EPISODE("Show Name", 1, 2), "[Group] Show Name - OP02 [1080p]", REFUSED},
    {EPISODE("Show Name", 1, 2), "[Group] Show Name - Vol.2 [1080p]", REFUSED},
    {FILM("Show Name Vol. 2", 2011), "Show.Name.Vol.2.1080p.WEB", FITS},
    {FILM("Show Name", 2011), "Show.Name.Vol.2.1080p.WEB", REFUSED},
    {FILM("Show Name", 2011), "Show.Name.Vol.2.2011.1080p.WEB", REFUSED},
    /* days */
    {DAY("Daily Harbor", "2024-03-15"), "Daily.Harbor.2024.03.15.720p.WEB", FITS},
    {DAY("Daily Harbor", "2024-03-15"), "Daily.Harbor.15.03.2024.720p.WEB", FITS},
    {DAY("Daily Harbor", "2024-03-15"), "Daily Harbor 15th Mar 2024 720p", FITS},
    {DAY("Daily Harbor", "2024-03-15"), "Daily.Harbor.2024.03.16.720p.WEB", REFUSED},
    {DAY("Daily Harbor", "2024-03-15"), "Daily.Harbor.2024.720p.WEB", REFUSED},
    {DAY("Daily Harbor", "2024-03-15"), "Daily.Harbor.S02E05.720p.WEB", REFUSED},
    {EPISODE("Daily Harbor", 20, 142), "Daily Harbor 2016 02 25 S20E142 720p", FITS},
    {AIRED("Daily Harbor", 20, 142, "2016-02-24"), "Daily Harbor 2016 02 25 S20E142 720p", FITS},
    {AIRED("Daily Harbor", 20, 141, "2016-02-25"), "Daily Harbor 2016 02 25 S20E142 720p", REFUSED},
    {AIRED("Daily Harbor", 20, 142, "2016-02-24"), "Daily Harbor 2016 02 25 720p", REFUSED},
    {AIRED("Daily Harbor", 20, 142, "2016-02-25"), "Daily Harbor 2016 02 25 720p", FITS},
    {EPISODE("Daily Harbor", 20, 142), "Daily.Harbor.2016.02.25.720p", REFUSED},
    {FILM("Daily Harbor", 2024), "Daily.Harbor.2024.03.15.720p.WEB", REFUSED},
    /* numbers that are counted through all seasons */
    {EPISODE("Show Name", 1, 12), "[Group] Show Name - 12 [1080p]", FITS},
    {EPISODE("Show Name", 1, 12), "[Group] Show Name 12 [1080p]", FITS},
    {EPISODE("Show Name", 1, 13), "[Group] Show Name - 12 [1080p]", REFUSED},
    {EPISODE("Show Name", 2, 12), "[Group] Show Name - 12 [1080p]", REFUSED},
    {COUNTED("Show Name", 2, 3, 15), "[Group] Show Name - 15 [1080p]", FITS},
    {COUNTED("Show Name", 2, 3, 15), "[Group] Show Name - 3 [1080p]", REFUSED},
    {COUNTED("Show Name", 2, 3, 15), "[Group] Show Name S2 - 03 [1080p]", FITS},
    {COUNTED("Show Name", 2, 3, 15), "[Group] Show Name (13-24) [Batch]", FITS},
    {COUNTED("Show Name", 2, 3, 15), "[Group] Show Name (01-12) [Batch]", REFUSED},
    {EPISODE("Show Name", 1, 5), "[Group] Show Name (01-12) [Batch]", FITS},
    {EPISODE("Show Name", 1, -1), "[Group] Show Name (01-12) [Batch]", FITS},
    {EPISODE("Show Name", 1, -1), "[Group] Show Name (01-12) [1080p]", REFUSED},
    {EPISODE("Show Name", 1, 12), "[Group] Show Name - 12.5 [1080p]", REFUSED},
    {EPISODE("Show Name", 4, 14), "Show Name - 50 (S04E14) (WEB 1080p)", FITS},
    {EPISODE("Show Name", 1, 50), "Show Name - 50 (S04E14) (WEB 1080p)", REFUSED},
    /* a number behind the title is read by what is wanted */
    {EPISODE("Show Name", 3, 60), "Show Name 360 1080i", FITS},
    {EPISODE("Show Name", 4, 60), "Show Name 360 1080i", REFUSED},
    {EPISODE("Show Name", 1, 1), "Show.Name.101.x264-GRP", FITS},
    {EPISODE("Show Name", 1, 2), "Show.Name.101.x264-GRP", REFUSED},
    {EPISODE("Show Name", 2, 1), "Show.Name.101.x264-GRP", REFUSED},
    {COUNTED("Show Name", 5, 3, 101), "Show.Name.101.x264-GRP", FITS},
    {COUNTED("Show Name", 1, 1, 1), "Show.Name.101.2011.x264-GRP", REFUSED},
    {EPISODE("Show", 1, 1), "Show.Name.101.x264-GRP", REFUSED},
    {EPISODE("Show Name", 1, 13), "Show.Name.13.1080p", REFUSED},
    {FILM("Show Name 101", 2011), "Show.Name.101.1080p", FITS},
    {FILM("Show Name", 2011), "Show.Name.101.1080p", REFUSED},
    {EPISODE("Show Name", 2, 11), "Show Name 2 - 11 (720p)", FITS},
    {EPISODE("Show Name", 1, 11), "Show Name 2 - 11 (720p)", REFUSED},
    {EPISODE("Show Name", 3, 11), "Show Name 2 - 11 (720p)", REFUSED},
    {EPISODE("Show Name 2", 1, 11), "Show Name 2 - 11 (720p)", FITS},
    /* an episode that is written oddly is no whole season */
    {EPISODE("Show Name", 3, 15), "Show Name S3 -  15 (1080p)", FITS},
    {EPISODE("Show Name", 3, 4), "Show Name S3 -  15 (1080p)", REFUSED},
    {EPISODE("Show Name", 2, 4), "[Group] Show Name S2 [05] [1080p]", REFUSED},
    {EPISODE("Show Name", 21, 4), "Show Name S21 999 1080p", REFUSED},
    {EPISODE("Show Name", 1, 2), "Show.Name.S01.E.01.1080p.WEB", REFUSED},
    {EPISODE("Show Name", 4, 2), "Show Name (Season 4 Part 1) (1080p)", REFUSED},
    {EPISODE("Show Name", 4, -1), "Show Name (Season 4 Part 1) (1080p)", REFUSED},
    {EPISODE("Show Name", 6, 2), "Show.Name.S06.01.1999.BDRip.1080p", REFUSED},
    {EPISODE("Show Name", 2, 7), "Show.Name.S01.S02.S03.1080p", FITS},
    {EPISODE("Show Name", 4, 7), "Show.Name.S01.S02.S03.1080p", REFUSED},
    {FILM("Harbor Lights", 1995), "Harbor Lights (1995) [1080p] [x264] [E-AC3-S78]", FITS},
    /* ".ts" is the ending of a file, or a cinema copy */
    {EPISODE("Show Name", 7, 11), "Show.Name.S07E11.1080i.HDTV.DD5.1.MPEG2-GRP.ts", FITS},
    {FILM("Harbor Lights", 2018), "Harbor.Lights.2018.DVDRip.ts", FITS},
    {FILM("Harbor Lights", 2018), "Harbor.Lights.2018.1080p.TS", REFUSED},
    {FILM("Harbor Lights", 2018), "Harbor.Lights.2018.1080p.WEB.TS", REFUSED},
    {FILM("Harbor Lights", 2018), "Harbor.Lights.2018.ts", REFUSED},
    {FILM("Harbor Lights 2", 2018), "Harbor.Lights.2.TS.Grp", REFUSED},
    {FILM("Harbor Lights", 2018), "Harbor.Lights.CAM-Grp", REFUSED},
    {FILM("Harbor Cam", 2018), "Harbor.Cam.2018.1080p.WEB", FITS},
    {FILM("Harbor Cam Lights", 2018), "Harbor Cam Lights", FITS},
    /* what stands beside the title, the season or the episode */
    {FILM("Harbor Lights", 1986), "Harbor.Lights.SE.1986.BDRip.1080p", FITS},
    {FILM("Harbor Lights", 2015), "Harbor.Lights.OM.2015.WEB-DLRip", FITS},
    {FILM("Harbor Lights", 2013), "IMAX.-.Harbor.Lights.2013.2160p.BluRay", FITS},
    {FILM("Harbor Lights", 2023),
     "【Site www.site.example】港口[IMAX满屏版][简繁英字幕].Harbor.Lights.2023.2160p", FITS},
    {FILM("港口", 2023), "【Site www.site.example】港口[IMAX满屏版][简繁英字幕].Harbor.Lights.2023.2160p",
     FITS},
    {FILM("Harbor Lights", 2000), "Harbor.Lights.2000.Bootleg.Cut.2160p.BluRay.REMUX-GRP", FITS},
    {FILM("Harbor Lights", 2000), "Harbor.Lights.2000.Bootleg.x264", REFUSED},
    {EPISODE("Show Name", 2, -1), "Show Name S2 OVA - 02.mkv", REFUSED},
    {EPISODE("Show Name", 2, 2), "Show Name S2 OVA - 02.mkv", REFUSED},
    {EPISODE("Show Name", 1, -1), "Show.Name.S01D2.DVDR-GRP", REFUSED},
    {EPISODE("Show Name", 1, 3), "Show.Name.Season.1.Disc.2.of.3.DVDR-GRP", REFUSED},
    {EPISODE("Show Name", 6, 1), "Show Name - S06E01 - -30-", FITS},
    {EPISODE("Show Name", 6, 2), "Show Name - S06E01 - -30-", REFUSED},
    {EPISODE("Show Name", 2, -1), "Show.Name.S01S02.COMPLETE.x264-GRP", FITS},
    {EPISODE("Show Name", 3, -1), "Show.Name.S01S02.COMPLETE.x264-GRP", REFUSED},
    {EPISODE("Show Name", 1, 2), "Show.Name.Part.Two.720p.HDTV.x264-GRP", FITS},
    {EPISODE("Show Name", 1, 3), "Show.Name.Part.1.and.Part.2.HDTV.x264-GRP", REFUSED},
};

START_TEST(score__fits_what_is_wanted_and_nothing_else)
{
    struct score_candidate candidate = {.seeders = 50};
    struct score score;
    release_parse(rows[_i].name, &candidate.name);
    score_release(&rows[_i].wanted, &candidate, &score);
    ck_assert_msg((score.points > 0) == (rows[_i].verdict == FITS), "%s for %s: %d, %s", rows[_i].name,
                  rows[_i].wanted.title, score.points, score.reasons[0].text);
}
END_TEST

static const char *const cinema[] = {
    "CAM",      "HDCAM",      "HD-CAM",   "HQCAM",     "HQ CAM",         "CAMRip",       "CAM-Rip",
    "HDCAMRip", "HDCAM Rip",  "NEWCAM",   "New CAM",   "New HDCAMRip",   "CAM v2",       "CAMPrint",
    "TS",       "HDTS",       "HD-TS",    "HDTSRip",   "HD TSRip",       "TSRip",        "TS Rip",
    "HQ TS",    "New TS",     "TELESYNC", "TeleSynch", "TelesyncRip",    "Tele-Sync",    "HD TeleSync",
    "PreDVD",   "Pre-DVDRip", "PDVD",     "DVD-TS",    "S-Print",        "TC",           "HDTC",
    "HD-TC",    "HDTCRip",    "HD-TCRip", "TCRip",     "TELECINE",       "TeleCine Rip", "HQ TC",
    "TC1080P",  "TS720p",     "CAM1080p", "1080p CAM", "Hindi CAM x264", "WORKPRINT",
};

START_TEST(score__refuses_every_cinema_copy)
{
    static const char *const shapes[] = {"Harbor Lights 2024 %s", "Harbor Lights (2024) [%s] [x264]",
                                         "Harbor Lights 2024 720p %s x264-GRP",
                                         "Harbor Lights 2024 %s WEB-DL"};
    const struct score_wanted wanted = FILM("Harbor Lights", 2024);
    for (size_t i = 0; i < sizeof cinema / sizeof cinema[0]; i++)
    {
        char name[128];
        struct score_candidate candidate = {.seeders = 50};
        struct score score;
        snprintf(name, sizeof name, "%.*s%s%s", (int)(strchr(shapes[_i], '%') - shapes[_i]), shapes[_i],
                 cinema[i], strchr(shapes[_i], '%') + 2);
        for (char *c = name; i % 2 == 1 && *c != '\0'; c++)
            *c = *c == ' ' ? '.' : *c;
        release_parse(name, &candidate.name);
        score_release(&wanted, &candidate, &score);
        ck_assert_msg(score.points == 0, "%s: %d", name, score.points);
    }
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {score__fits_what_is_wanted_and_nothing_else, sizeof rows / sizeof rows[0]},
        {score__refuses_every_cinema_copy, 4},
    };
    return suite_run("score_fit", cases, sizeof cases / sizeof cases[0]);
}
