/* SPDX-License-Identifier: Apache-2.0 */
/* Quality, language, title and group, however they are written; titles are invented. */
#include "tests/support/release_says.h"
#include "tests/support/suite.h"

#include "common/media/release_tags.h"

#include <check.h>
#include <string.h>

static const struct release_row rows[] = {
    /* source */
    {"Harbor Lights 2022 New HDCAMRip 1080p", "Harbor Lights|2022||1080|CAM||||"},
    {"Harbor.Lights.2024.NEWCAM.1080p", "Harbor Lights|2024||1080|CAM||||"},
    {"Harbor Lights 2024 TeleSynch 720p", "Harbor Lights|2024||720|TS||||"},
    {"Harbor.Lights.2024.TelesyncRip", "Harbor Lights|2024|||TS||||"},
    {"Harbor.Lights.2024.HD-TCRip.720p", "Harbor Lights|2024||720|TC||||"},
    {"Harbor.Lights.S07E11.1080i.HDTV.DD5.1.MPEG2-NTb.ts",
     "Harbor Lights||S7E11|1080|HDTV|MPEG-2|Dolby Digital||NTb"},
    {"Harbor.Lights.2006.1080p.HD.DVD.x264-GRP", "Harbor Lights|2006||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2006.HD-DVD.720p", "Harbor Lights|2006||720|BluRay||||"},
    {"Harbor Lights (2016) [BD1080p]", "Harbor Lights|2016||1080|BluRay||||"},
    {"Harbor.Lights.2021.WEBMux.1080p", "Harbor Lights|2021||1080|WEB-DL||||"},
    {"Harbor.Lights.2016.2160p.UHDBDRip", "Harbor Lights|2016||2160|BluRay||||"},
    {"Harbor.Lights.2019.AmazonHD.x264", "Harbor Lights|2019|||WEB-DL|H.264|||"},
    {"Harbor Lights 2009 HD TV 720p", "Harbor Lights|2009||720|HDTV||||"},
    {"Harbor.Lights.2015.UHD.BluRay.2160p.REMUX", "Harbor Lights|2015||2160|Remux||||"},
    {"Harbor.Lights.2024.HDCAM.Rip.x264-GRP", "Harbor Lights|2024|||CAM|H.264|||GRP"},
    {"Harbor Lights 2024 HQ CAM 720p", "Harbor Lights|2024||720|CAM||||"},
    {"Harbor Lights 2024 New CAM 1080p", "Harbor Lights|2024||1080|CAM||||"},
    {"Harbor.Lights.2024.CAM-RIP.x264", "Harbor Lights|2024|||CAM|H.264|||"},
    {"Harbor.Lights.2024.HDTSRip.x264-GRP", "Harbor Lights|2024|||TS|H.264|||GRP"},
    {"Harbor Lights 2024 HD-TS 720p", "Harbor Lights|2024||720|TS||||"},
    {"Harbor.Lights.2024.HQ.HDTS.1080p", "Harbor Lights|2024||1080|TS||||"},
    {"Harbor.Lights.2024.TS.Rip.x264", "Harbor Lights|2024|||TS|H.264|||"},
    {"Harbor.Lights.2024.Tele-Sync.x264", "Harbor Lights|2024|||TS|H.264|||"},
    {"Harbor Lights (2024) Telugu HQ PreDVD - 700MB - x264", "Harbor Lights|2024|||TS|H.264|||"},
    {"Harbor.Lights.2024.TELECINE.x264", "Harbor Lights|2024|||TC|H.264|||"},
    {"Harbor.Lights.2024.TeleCine.Rip.720p", "Harbor Lights|2024||720|TC||||"},
    {"Harbor.Lights.2024.TC1080P.x264", "Harbor Lights|2024||1080|TC|H.264|||"},
    {"Harbor Lights 2024 TS720p", "Harbor Lights|2024||720|TS||||"},
    {"Harbor.Lights.2024.HDTC.1080p", "Harbor Lights|2024||1080|TC||||"},
    {"Harbor Lights 2024 HDCAMRip", "Harbor Lights|2024|||CAM||||"},
    {"Show.Name.S02E05.FRENCH.AHDTV.XviD-GRP", "Show Name||S2E5||HDTV|XviD||fr|GRP"},
    {"Show.Name.S02E05.HDTVx264-GRP", "Show Name||S2E5||HDTV|H.264|||GRP"},
    {"Show.Name.S02E05.WEB-DLRip.x264-GRP", "Show Name||S2E5||WEBRip|H.264|||GRP"},
    {"Show Name S02e05 ITA DLMux x264 GRP", "Show Name||S2E5||WEB-DL|H.264||it|GRP"},
    {"Show.Name.S02E05.German.DL.720p.NetflixHD.x264-GRP", "Show Name||S2E5|720|WEB-DL|H.264||multi,de|GRP"},
    {"Harbor.Lights.2011.MBluRay.720p.x264-GRP", "Harbor Lights|2011||720|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.720p.BDMux.x264-GRP", "Harbor Lights|2011||720|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.HDDVDRip.x264", "Harbor Lights|2011|||BluRay|H.264|||"},
    {"Harbor.Lights.2011.DVDRip.ts", "Harbor Lights|2011|||DVD||||"},
    {"Harbor.Lights.2011.1080p.BDLight.x265-GRP", "Harbor Lights|2011||1080|BluRay|H.265|||GRP"},
    /* resolution */
    {"Harbor Lights (2016) [BD720p]", "Harbor Lights|2016||720|BluRay||||"},
    {"Harbor.Lights.2016.Bluray1080p", "Harbor Lights|2016||1080|BluRay||||"},
    {"Harbor.Lights.2016.1080p24.WEB", "Harbor Lights|2016||1080|WEB-DL||||"},
    {"Harbor Lights 2016 1920x804 BluRay", "Harbor Lights|2016||1080|BluRay||||"},
    {"[Group] Show Name - 05 [720.Hi10p]", "Show Name||E5|720||||10bit|Group"},
    {"Harbor.Lights.2011.1080.x264-GRP", "Harbor Lights|2011||1080||H.264|||GRP"},
    {"Harbor.Lights.2011.2160.x265-GRP", "Harbor Lights|2011||2160||H.265|||GRP"},
    {"Harbor Lights 2011 1280*720 x264", "Harbor Lights|2011||720||H.264|||"},
    {"Harbor Lights 2011 1920×1080 BluRay", "Harbor Lights|2011||1080|BluRay||||"},
    {"Harbor Lights 2011 (3840x1632 HEVC)", "Harbor Lights|2011||2160||H.265|||"},
    {"Harbor.Lights.2011.1080p10bit.BluRay", "Harbor Lights|2011||1080|BluRay|||10bit|"},
    {"Harbor Lights 2011 704x480 DVD", "Harbor Lights|2011||480|DVD||||"},
    {"[1080p] Harbor Lights 2011", "Harbor Lights|2011||1080|||||"},
    /* audio */
    {"Harbor.Lights.2016.1080p.BluRay.DTS.x264-GRP", "Harbor Lights|2016||1080|BluRay|H.264|DTS||GRP"},
    {"Harbor.Lights.2016.1080p.WEB.E-AC3", "Harbor Lights|2016||1080|WEB-DL||Dolby Digital Plus||"},
    {"Harbor.Lights.2016.DTS-HDMA.1080p", "Harbor Lights|2016||1080|||DTS-HD||"},
    {"Harbor Lights 2016 DTSMA 1080p", "Harbor Lights|2016||1080|||DTS-HD||"},
    {"Harbor Lights 2016 AC3D 720p", "Harbor Lights|2016||720|||Dolby Digital||"},
    {"Harbor.Lights.2011.1080p.BluRay.DTS.x264.D-Z0-GRP", "Harbor Lights|2011||1080|BluRay|H.264|DTS||GRP"},
    {"Harbor.Lights.2011.German.AC3D.DL.720p.BluRay.x264-GRP",
     "Harbor Lights|2011||720|BluRay|H.264|Dolby Digital|multi,de|GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.DTSES.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|DTS||GRP"},
    {"Harbor Lights 2011 1080p WEB h264+AAC", "Harbor Lights|2011||1080|WEB-DL|H.264|AAC||"},
    {"Harbor.Lights.2011.1080p.BluRay.Dolby.Digital.Plus.x264",
     "Harbor Lights|2011||1080|BluRay|H.264|Dolby Digital Plus||"},
    {"Harbor.Lights.2011.1080p.DTS-HD.HR.x264-GRP", "Harbor Lights|2011||1080||H.264|DTS-HD||GRP"},
    /* said before a year */
    {"Harbor.Lights.EXTENDED.2011.1080p.BluRay", "Harbor Lights|2011||1080|BluRay|||Extended|"},
    {"Harbor Lights DC (1979) 1080p", "Harbor Lights|1979||1080||||Director's Cut|"},
    {"Der.Stille.Hafen.German.2011.720p", "Der Stille Hafen|2011||720||||de|"},
    {"Harbor.Lights.Imax.2018.2160p", "Harbor Lights|2018||2160||||IMAX|"},
    {"Harbor.Lights.Complete.S01-S09.720p", "Harbor Lights||S1-S9|720||||complete|"},
    {"Harbor.Lights.REMASTERED.1995.1080p.BluRay.x264-GRP",
     "Harbor Lights|1995||1080|BluRay|H.264||Remastered|GRP"},
    {"Harbor Lights Director's Cut 2012", "Harbor Lights|2012||||||Director's Cut|"},
    {"Harbor.Lights.UNRATED.DVDRip.XviD-GRP", "Harbor Lights||||DVD|XviD||Unrated|GRP"},
    {"Harbor Lights Extended Cut (2016) 1080p", "Harbor Lights|2016||1080||||Extended|"},
    {"Der.Stille.Hafen.Uncut.German.2011.720p", "Der Stille Hafen|2011||720||||Uncut,de|"},
    {"The.French.2011.1080p.WEB.x264-GRP", "The French|2011||1080|WEB-DL|H.264|||GRP"},
    {"The Good German (2006) 720p", "The Good German|2006||720|||||"},
    {"Show.Name.Complete.S02.720p", "Show Name||S2|720||||complete|"},
    {"The Show Complete Series 720p BluRay", "The Show|||720|BluRay|||complete|"},
    /* word of a title */
    {"Harbor.Lights.S01E01.The.Web.MT-dd", "Harbor Lights||S1E1||||||MT-dd"},
    {"Harbor.Lights.S01E02.Cam.Girl.1080p.WEB.x264-GRP", "Harbor Lights||S1E2|1080|WEB-DL|H.264|||GRP"},
    {"Harbor.Lights.S01E03.The.Sample.1080p.WEB.x264-GRP", "Harbor Lights||S1E3|1080|WEB-DL|H.264|||GRP"},
    {"Harbor.Lights.S01E04.The.Password.1080p.WEB.x264-GRP", "Harbor Lights||S1E4|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.The.French.Pier.1080p.WEB.x264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.Proper.Manners.1080p.WEB.x264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.Screener.Night.1080p.WEB.x264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.TS.Eliot.1080p.WEB.x264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.PROPER.1080p.WEB.x264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264||proper|GRP"},
    {"Harbor.Lights.2011.Hindi.TS.x264-GRP", "Harbor Lights|2011|||TS|H.264||hi|GRP"},
    /* size */
    {"Harbor Lights (2023) [1080p - x264 - 2.5GB]", "Harbor Lights|2023||1080||H.264|||"},
    {"Harbor Lights (2023) [Tamil - 1080p - 3.4GB - ESub]", "Harbor Lights|2023||1080||||subtitles|"},
    {"Harbor Lights (2011) 1080p WEB-DL - 2.5 GB", "Harbor Lights|2011||1080|WEB-DL||||"},
    {"Harbor Lights (2011) [720p - 900MB]", "Harbor Lights|2011||720|||||"},
    {"Harbor Lights (2011) [x264 - 1.46Gb]", "Harbor Lights|2011||||H.264|||"},
    {"Harbor Lights (2011) 384kbps - 1080p", "Harbor Lights|2011||1080|||||"},
    {"[Harbor] Lights (2011) [1080p - 3.4GB - ESub]", "Lights|2011||1080||||subtitles|Harbor"},
    /* title */
    {"www.site.example.org - Harbor Lights (2019) 1080p BluRay", "Harbor Lights|2019||1080|BluRay||||"},
    {"Harbor.Lights.AKA.Der.Stille.Hafen.2019.1080p", "Harbor Lights|2019||1080|||||"},
    {"Harbor Lights / Der stille Hafen (2019) 1080p", "Harbor Lights|2019||1080|||||"},
    {"www.site.example    -    Harbor Lights (2011) 1080p BluRay", "Harbor Lights|2011||1080|BluRay||||"},
    {"www site example - Harbor Lights (2011) 1080p", "Harbor Lights|2011||1080|||||"},
    {"Harbor Lights (La Luz) (2011) 1080p", "Harbor Lights|2011||1080|||||"},
    {"Harbor Lights | La Luz (2011) 1080p", "Harbor Lights|2011||1080|||||"},
    {"(2011) Harbor Lights 1080p", "Harbor Lights|2011||1080|||||"},
    {"港口 Harbor Lights 2011 1080p", "港口 Harbor Lights|2011||1080|||||"},
    {"[Group]_[Other]_Harbor_Lights_-_05_[1080p]", "Harbor Lights||E5|1080|||||Group"},
    {"【Group】【Harbor Lights】[05][1080p]", "Harbor Lights||E5|1080|||||Group"},
    {"[BD][1080p] Harbor Lights 2011", "Harbor Lights|2011||1080|BluRay||||"},
    {"Site4You.com - Harbor Lights Season 1 720p BluRay", "Harbor Lights||S1|720|BluRay||||"},
    {"{WWW.SITE.TV} Harbor Lights 2011 1080p", "Harbor Lights|2011||1080|||||"},
    {"[YSITE.MX] Harbor Lights (2011) 1080p BluRay", "Harbor Lights|2011||1080|BluRay||||"},
    {"[ Harbor Lights S02E10 1080p WEB-DL x264-GRP ]", "Harbor Lights||S2E10|1080|WEB-DL|H.264|||GRP"},
    {"h265 Harbor Lights 1080p DTS", "Harbor Lights|||1080||H.265|DTS||"},
    {"x265 - HEVC Harbor Lights Uncut 1080p", "Harbor Lights|||1080||H.265||Uncut|"},
    {"3 Harbor Lights 3 2006г. BDRip 1080p", "3 Harbor Lights 3|2006||1080|BluRay||||"},
    {"Harbor Lights Ultimate Fan Collection", "Harbor Lights|||||||Ultimate Edition|"},
    {"[Group]_Harbor_Lights_9_vostfr_HD.avi", "Harbor Lights 9|||||||subtitles|Group"},
    {"[Group] Harbor Lights v2 [00F4CDA0].mkv", "Harbor Lights||||||||Group"},
    {"Harbor.Lights.CUSTOM.EXTENDED.2022.2160p", "Harbor Lights|2022||2160||||Extended|"},
    {"Harbor.Lights.VR180.2020.1080p", "Harbor Lights|2020||1080||||3D|"},
    {"www.site.example.-.Harbor.Lights.2011.1080p", "Harbor Lights|2011||1080|||||"},
    {"www.site.com_Harbor_Lights_2011_1080p", "Harbor Lights|2011||1080|||||"},
    {"www.site.com-Harbor.Lights.2011.1080p", "Harbor Lights|2011||1080|||||"},
    {"Come.To.-.Harbor.2011.1080p", "Come To - Harbor|2011||1080|||||"},
    {"Harbor.Lights.2011.720p.x264-GRP[www.site.com]", "Harbor Lights|2011||720||H.264|||GRP"},
    {"Harbor Lights Complete Collection[rartv]", "Harbor Lights|||||||complete|"},
    {"Harbor Lights 2011 720p x264-GRP mkv", "Harbor Lights|2011||720||H.264|||GRP"},
    {"1080p Harbor Lights 2011", "Harbor Lights|2011||1080|||||"},
    {"BluRay Harbor Lights 2011 1080p", "Harbor Lights|2011||1080|BluRay||||"},
    {"[2011] Harbor Lights 1080p", "Harbor Lights|2011||1080|||||"},
    {"Pier.of.the.Web.FRENCH.DVDRip", "Pier of the Web||||DVD|||fr|"},
    {"The Final Cut EXTENDED (2016) 2160p", "The Final Cut|2016||2160||||Extended|"},
    {"Harbor Lights The Director's Cut 2011", "Harbor Lights|2011||||||Director's Cut|"},
    {"Harbor Lights LIMITED 2011 1080p", "Harbor Lights|2011||1080|||||"},
    {"Harbor Lights ITA 2011 1080p", "Harbor Lights|2011||1080||||it|"},
    {"Harbor.Lights.2011.1440x1080.x264", "Harbor Lights|2011||1080||H.264|||"},
    {"Harbor HDTV 2017-06-22 720p H264", "Harbor|2017-06-22||720|HDTV|H.264|||"},
    /* group */
    {"Harbor.Lights.S01E01.720p.HDTV.x264-GRP[www.site.example.org]",
     "Harbor Lights||S1E1|720|HDTV|H.264|||GRP"},
    {"Harbor.Lights.2016.1080p.WEB-DL.DD5.1.H.264.Some-Group",
     "Harbor Lights|2016||1080|WEB-DL|H.264|Dolby Digital||Some-Group"},
    {"Harbor.Lights.2011.1080p.WEB-DL.H.264-GRP-xpost", "Harbor Lights|2011||1080|WEB-DL|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.WEB-DL.H.264-GRP-Obfuscated", "Harbor Lights|2011||1080|WEB-DL|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.WEB-DL.H.264-Some-Group",
     "Harbor Lights|2011||1080|WEB-DL|H.264|||Some-Group"},
    {"Harbor.Lights.2011.1080p.WEB-DL.H.264-THE.BIG.GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264|||THE.BIG.GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264.GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.WEB-DL.AAC2.0-GRP", "Harbor Lights|2011||1080|WEB-DL||AAC||GRP"},
    {"Harbor.Lights.2011.720p.WEB.x264-GRP.sample", "Harbor Lights|2011||720|WEB-DL|H.264||sample|GRP"},
    {"Harbor.Lights.2011.DVDRip.XviD-CS", "Harbor Lights|2011|||DVD|XviD|||CS"},
    {"Harbor Lights 2011 1080p BluRay x264 [GRP] [1A2B3C4D]", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor Lights (2016) (2160p WEB-DL H265 DDP 5.1 English - GRP)",
     "Harbor Lights|2016||2160|WEB-DL|H.265|Dolby Digital Plus|en|GRP"},
    {"Harbor Lights S01E02 A Pier [1080p x265 10bit S87 Grp]", "Harbor Lights||S1E2|1080||H.265||10bit|Grp"},
    {"Harbor Lights (2016) (1080p x265 AAC 5.1 -BIG GRP)", "Harbor Lights|2016||1080||H.265|AAC||BIG GRP"},
    {"Harbor Lights (2016) [1080p x265 Two Words]", "Harbor Lights|2016||1080||H.265|||"},
    {"Harbor Lights (2016) 1080p BluRay (GRP)", "Harbor Lights|2016||1080|BluRay||||GRP"},
    {"Harbor Lights S01 (1080p BDRip DDP2.0 x265) - Grp",
     "Harbor Lights||S1|1080|BluRay|H.265|Dolby Digital Plus||Grp"},
    {"Harbor.Lights.S01E02.720p.-.Pier", "Harbor Lights||S1E2|720|||||"},
    {"Harbor.Lights.2016.1080p.Blu-ray.AVC.DTS-HD.MA.5.1.GRP",
     "Harbor Lights|2016||1080|BluRay|H.264|DTS-HD||GRP"},
    {"Harbor Lights S02e19 [H264 - Ita Aac] DLMux by Grp", "Harbor Lights||S2E19||WEB-DL|H.264|AAC|it|Grp"},
    {"Harbor.Lights.2016.720p.x264.dxva GRP", "Harbor Lights|2016||720||H.264|||GRP"},
    {"Harbor.Lights.S02E03.720p.HDTV.x264-Grp.-.Dual.Audio.-.Dublado",
     "Harbor Lights||S2E3|720|HDTV|H.264||multi,pt|Grp"},
    {"Harbor.Lights.PAL.DVD9-GRP", "Harbor Lights||||DVD||||GRP"},
    /* language */
    {"Harbor.Lights.2016.1080p.PL-SUB", "Harbor Lights|2016||1080||||subtitles|"},
    {"Harbor Lights 2016 Eng-Subs 720p", "Harbor Lights|2016||720||||subtitles|"},
    {"Harbor.Lights.2016.ITA+ENG.1080p", "Harbor Lights|2016||1080||||en,it|"},
    {"Harbor.Lights.2016.FRE.1080p", "Harbor Lights|2016||1080||||fr|"},
    {"Harbor.Lights.2016.CHS.1080p", "Harbor Lights|2016||1080||||zh|"},
    {"Harbor.Lights.2011.1080p.ENG+RU+PT.x264-GRP", "Harbor Lights|2011||1080||H.264||en,pt,ru|GRP"},
    {"Harbor Lights 2011 (BDrip 1080p ENG-ITA-FRA) x264", "Harbor Lights|2011||1080|BluRay|H.264||en,fr,it|"},
    {"Harbor.Lights.2011.PLDUB.1080p.XviD-GRP", "Harbor Lights|2011||1080||XviD||pl|GRP"},
    {"Harbor Lights 2011 1080p x264 [ES.EN]", "Harbor Lights|2011||1080||H.264||en,es|"},
    {"Harbor.Lights.2011.Flemish.1080p", "Harbor Lights|2011||1080||||nl|"},
    {"Harbor.Lights.2011.SUB.ITA.1080p.WEB.x264", "Harbor Lights|2011||1080|WEB-DL|H.264||subtitles|"},
    {"[Group] Show Name - 05 [1080p][CHS&JPN]", "Show Name||E5|1080||||ja,zh|Group"},
    /* proper */
    {"[Group] Harbor Girls - 12v2 [1080p]", "Harbor Girls||E12|1080||||proper|Group"},
    {"Harbor.Lights.2016.REAL.PROPER.1080p", "Harbor Lights|2016||1080||||proper|"},
    {"Harbor.Lights.2011.REAL.1080p.WEB.x264-GRP", "Harbor Lights|2011||1080|WEB-DL|H.264||proper|GRP"},
    {"Show.Name.S02E05v2.720p.WEB.x264-GRP", "Show Name||S2E5|720|WEB-DL|H.264||proper|GRP"},
    {"[Group] Show Name - 05 v2 [720p]", "Show Name||E5|720||||proper|Group"},
    {"[Group] Show Name [05v3] [720p]", "Show Name||E5|720||||proper|Group"},
    {"Harbor.Lights.2011.PROPER.REPACK.1080p.WEB.x264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264||proper,repack|GRP"},
};

START_TEST(release__reads_words_in_every_spelling)
{
    release_check(&rows[_i]);
}
END_TEST

static const struct
{
    const char *name;
    const char *title;
    const char *alias;
} aliases[] = {
    {"Harbor.Lights.AKA.La.Luz.2019.1080p", "Harbor Lights", "La Luz"},
    {"Harbor Lights / La Luz (2019) 1080p", "Harbor Lights", "La Luz"},
    {"Harbor Lights | La Luz (2019) 1080p", "Harbor Lights", "La Luz"},
    {"Harbor Lights (La Luz) (2019) 1080p", "Harbor Lights", "Harbor Lights La Luz"},
    {"Harbor.Lights.(US).S02E05.720p", "Harbor Lights", "Harbor Lights US"},
    {"The.Good.German.2006.1080p", "The Good", "The Good German"},
    {"港口 Harbor Lights 2019 1080p", "港口 Harbor Lights", "Harbor Lights"},
    {"Harbor/Lights 2019 1080p", "Harbor/Lights", ""},
    {"AKA 2019 1080p", "AKA", ""},
    {"О маяке (The Harbor) 1992 1080p", "О маяке", "The Harbor"},
    {"Harbor.Lights.US.S02E05.720p", "Harbor Lights US", "Harbor Lights"},
    {"Between.Us.2019.1080p", "Between Us", ""},
    {"2009.harbor.lights.dvd9.pal", "2009 harbor lights", "harbor lights"},
    {"grp-harbor.lights.2016.1080p.x264.mkv", "grp-harbor lights", "harbor lights"},
    {"01. Harbor Lights (2011) 1080p", "01 Harbor Lights", "Harbor Lights"},
    {"12 Harbors (2011) 1080p", "12 Harbors", ""},
    {"Harbor Lights a.k.a. La Luz 2011", "Harbor Lights", "La Luz"},
    {"the.harbor.us.s01e03.720p", "the harbor us", "the harbor"},
    {"half-light.2016.1080p.x264.mkv", "half-light", ""},
    {"half-light.house.2016.1080p.x264-GRP.mkv", "half-light house", ""},
    {"003. Harbor Lights - A Pier.avi", "Harbor Lights", "Harbor Lights - A Pier"},
    {"Harbor.Lights.2019.1080p", "Harbor Lights", ""},
};

START_TEST(release__tells_the_second_title)
{
    struct release_name release;
    release_parse(aliases[_i].name, &release);
    ck_assert_str_eq(release.title, aliases[_i].title);
    ck_assert_str_eq(release.alias, aliases[_i].alias);
}
END_TEST

/* The search for a word relies on it. */
START_TEST(release__has_its_tags_in_order)
{
    for (size_t i = 1; i < release_tag_count; i++)
        ck_assert_msg(strcmp(release_tags[i - 1].pattern, release_tags[i].pattern) < 0, "%s before %s",
                      release_tags[i - 1].pattern, release_tags[i].pattern);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {release__reads_words_in_every_spelling, sizeof rows / sizeof rows[0]},
        {release__tells_the_second_title, sizeof aliases / sizeof aliases[0]},
        {release__has_its_tags_in_order, 1},
    };
    return suite_run("release_word", cases, sizeof cases / sizeof cases[0]);
}
