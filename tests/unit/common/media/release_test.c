/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release.h"

#include "tests/support/release_says.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The corpus: titles are invented or of openly licensed films, the styles of naming are real.
 * Expected: title|year or day|season and episodes|lines|source|video|sound|all else|group.
 * Accuracy is measured over the whole corpus, and all rows must pass.
 */
static const struct
{
    const char *name;
    const char *says;
} corpus[] = {
    {"Big.Buck.Bunny.2008.1080p.BluRay.x264.DTS-GRP", "Big Buck Bunny|2008||1080|BluRay|H.264|DTS||GRP"},
    {"Sintel.2010.2160p.WEB-DL.DDP5.1.H.265-GROUP",
     "Sintel|2010||2160|WEB-DL|H.265|Dolby Digital Plus||GROUP"},
    {"Tears.of.Steel.2012.720p.HDTV.x264-TEAM", "Tears of Steel|2012||720|HDTV|H.264|||TEAM"},
    {"Elephants.Dream.2006.1080p.BluRay.x264-OPEN", "Elephants Dream|2006||1080|BluRay|H.264|||OPEN"},
    {"Cosmos.Laundromat.2015.1080p.WEBRip.x265-OPEN", "Cosmos Laundromat|2015||1080|WEBRip|H.265|||OPEN"},
    {"Spring.2019.4K.WEB.VP9.Opus-BLENDER", "Spring|2019||2160|WEB-DL|VP9|Opus||BLENDER"},
    {"Sprite.Fright.2021.1080p.AV1.Opus-FREE", "Sprite Fright|2021||1080||AV1|Opus||FREE"},
    {"Charge.2022.2160p.UHD.BluRay.REMUX.HDR.HEVC.DTS-HD.MA.5.1-GRP",
     "Charge|2022||2160|Remux|H.265|DTS-HD|HDR|GRP"},
    {"Agent.327.Operation.Barbershop.2017.1080p.WEB.H264-GRP",
     "Agent 327 Operation Barbershop|2017||1080|WEB-DL|H.264|||GRP"},
    {"Caminandes.Llamigos.2016.720p.WEB-DL.AAC2.0.H.264-GRP",
     "Caminandes Llamigos|2016||720|WEB-DL|H.264|AAC||GRP"},
    {"Glass.Half.2015.480p.DVDRip.XviD-OLD", "Glass Half|2015||480|DVD|XviD|||OLD"},
    {"Hero.2018.PROPER.1080p.WEB-DL.H.264-GRP", "Hero|2018||1080|WEB-DL|H.264||proper|GRP"},
    {"The.Daily.Dweebs.2017.1080p.WEB.x264-GRP", "The Daily Dweebs|2017||1080|WEB-DL|H.264|||GRP"},
    {"Coffee.Run.2020.1080p.WEB-DL.DD5.1.H.264-GRP", "Coffee Run|2020||1080|WEB-DL|H.264|Dolby Digital||GRP"},
    {"Wing.It.2023.2160p.WEB-DL.DDP5.1.Atmos.DV.HDR.H.265-GRP",
     "Wing It|2023||2160|WEB-DL|H.265|Dolby Digital Plus|HDR,Dolby Vision,Atmos|GRP"},
    {"The.Silent.Harbor.1999.1080p.BluRay.x264.DTS-GROUP",
     "The Silent Harbor|1999||1080|BluRay|H.264|DTS||GROUP"},
    {"2012.2009.1080p.BluRay.x264-GRP", "2012|2009||1080|BluRay|H.264|||GRP"},
    {"1917.2019.1080p.BluRay.x264-GRP", "1917|2019||1080|BluRay|H.264|||GRP"},
    {"1984.1956.720p.BluRay.x264-GRP", "1984|1956||720|BluRay|H.264|||GRP"},
    {"2001.A.Stone.Odyssey.1968.2160p.UHD.BluRay.x265-GRP",
     "2001 A Stone Odyssey|1968||2160|BluRay|H.265|||GRP"},
    {"Runner.of.Blades.2049.2017.1080p.BluRay.x264-GRP",
     "Runner of Blades 2049|2017||1080|BluRay|H.264|||GRP"},
    {"2048.1080p.WEB-DL.H264-GRP", "2048|||1080|WEB-DL|H.264|||GRP"},
    {"1920.1080p.WEB-DL.H264-GRP", "1920|||1080|WEB-DL|H.264|||GRP"},
    {"Class.of.1999.1990.1080p.BluRay.x264-GRP", "Class of 1999|1990||1080|BluRay|H.264|||GRP"},
    {"Winter.of.42.1971.DVDRip.XviD-GRP", "Winter of 42|1971|||DVD|XviD|||GRP"},
    {"Harbor.13.1995.REMASTERED.1080p.BluRay.x264-GRP", "Harbor 13|1995||1080|BluRay|H.264||Remastered|GRP"},
    {"300.Steps.2006.1080p.BluRay.x264-GRP", "300 Steps|2006||1080|BluRay|H.264|||GRP"},
    {"Wonder.Harbor.1984.2020.2160p.WEB-DL.x265-GRP", "Wonder Harbor 1984|2020||2160|WEB-DL|H.265|||GRP"},
    {"Harbor Lights (2011) [1080p] [BluRay] [5.1] [GRP.EX]", "Harbor Lights|2011||1080|BluRay||||GRP.EX"},
    {"Harbor Lights (2011) 1080p BluRay x264 - GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor Lights (2011) (1080p BluRay x265 HEVC 10bit AAC 5.1 Label)",
     "Harbor Lights|2011||1080|BluRay|H.265|AAC|10bit|Label"},
    {"Harbor.Lights.(2011).1080p.mkv", "Harbor Lights|2011||1080|||||"},
    {"Harbor_Lights_2011_1080p_BluRay_x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor Lights 2011 1080p BluRay x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264-GRP.mkv", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264-GRP.torrent", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264-GRP[site]", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.720p.BRRip.x264.AAC-GRP", "Harbor Lights|2011||720|BluRay|H.264|AAC||GRP"},
    {"Harbor.Lights.2011.BDRip.XviD.AC3-GRP", "Harbor Lights|2011|||BluRay|XviD|Dolby Digital||GRP"},
    {"Harbor.Lights.2011.HDRip.XviD.MP3-GRP", "Harbor Lights|2011|||HDRip|XviD|MP3||GRP"},
    {"Harbor.Lights.2011.HDCAM.x264-GRP", "Harbor Lights|2011|||CAM|H.264|||GRP"},
    {"Harbor.Lights.2011.HDTS.x264-GRP", "Harbor Lights|2011|||TS|H.264|||GRP"},
    {"Harbor.Lights.2011.TS.x264-GRP", "Harbor Lights|2011|||TS|H.264|||GRP"},
    {"Harbor.Lights.2011.TELESYNC.XviD-GRP", "Harbor Lights|2011|||TS|XviD|||GRP"},
    {"Harbor.Lights.2011.TC.XviD-GRP", "Harbor Lights|2011|||TC|XviD|||GRP"},
    {"Harbor.Lights.2011.CAM.XviD-GRP", "Harbor Lights|2011|||CAM|XviD|||GRP"},
    {"Harbor.Lights.2011.HQCAM.1080p.x264-GRP", "Harbor Lights|2011||1080|CAM|H.264|||GRP"},
    {"Harbor.Lights.2011.CAMRip.x264-GRP", "Harbor Lights|2011|||CAM|H.264|||GRP"},
    {"Harbor.Lights.2011.DVDSCR.XviD-GRP", "Harbor Lights|2011|||Screener|XviD|||GRP"},
    {"Harbor.Lights.2011.SCREENER.x264-GRP", "Harbor Lights|2011|||Screener|H.264|||GRP"},
    {"Harbor.Lights.2011.R5.XviD-GRP", "Harbor Lights|2011|||Screener|XviD|||GRP"},
    {"Harbor.Lights.2011.WORKPRINT.XviD-GRP", "Harbor Lights|2011|||Workprint|XviD|||GRP"},
    {"Harbor.Lights.2011.PREDVDRip.x264-GRP", "Harbor Lights|2011|||TS|H.264|||GRP"},
    {"Harbor.Lights.2011.REPACK.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||repack|GRP"},
    {"Harbor.Lights.2011.REPACK2.1080p.WEB-DL.H264-GRP", "Harbor Lights|2011||1080|WEB-DL|H.264||repack|GRP"},
    {"Harbor.Lights.2011.RERIP.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||repack|GRP"},
    {"Harbor.Lights.2011.REAL.PROPER.720p.HDTV.x264-GRP", "Harbor Lights|2011||720|HDTV|H.264||proper|GRP"},
    {"Harbor.Lights.2011.iNTERNAL.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.LIMITED.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.EXTENDED.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Extended|GRP"},
    {"Harbor.Lights.2011.Extended.Cut.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Extended|GRP"},
    {"Harbor.Lights.2011.Directors.Cut.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Director's Cut|GRP"},
    {"Harbor Lights 2011 Director's Cut 1080p BluRay x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Director's Cut|GRP"},
    {"Harbor.Lights.2011.DC.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Director's Cut|GRP"},
    {"Harbor.Lights.2011.THEATRICAL.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Theatrical|GRP"},
    {"Harbor.Lights.2011.UNRATED.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Unrated|GRP"},
    {"Harbor.Lights.2011.UNCUT.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||Uncut|GRP"},
    {"Harbor.Lights.2011.IMAX.2160p.WEB-DL.x265-GRP", "Harbor Lights|2011||2160|WEB-DL|H.265||IMAX|GRP"},
    {"Harbor.Lights.2011.Criterion.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||Criterion|GRP"},
    {"Harbor.Lights.2011.Open.Matte.1080p.WEB-DL.H264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264||Open Matte|GRP"},
    {"Harbor.Lights.2011.3D.HSBS.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||3D|GRP"},
    {"Harbor.Lights.2011.3D.Half-OU.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||3D|GRP"},
    {"Harbor.Lights.2011.HC.1080p.WEB-DL.x264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264||hardcoded subtitles|GRP"},
    {"Harbor.Lights.2011.KORSUB.720p.HDRip.x264-GRP",
     "Harbor Lights|2011||720|HDRip|H.264||hardcoded subtitles|GRP"},
    {"Harbor.Lights.2011.FRENCH.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||fr|GRP"},
    {"Harbor.Lights.FRENCH.1080p.BluRay.x264-GRP", "Harbor Lights|||1080|BluRay|H.264||fr|GRP"},
    {"Harbor.Lights.2011.TRUEFRENCH.DVDRip.XviD-GRP", "Harbor Lights|2011|||DVD|XviD||fr|GRP"},
    {"Harbor.Lights.2011.MULTi.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||multi|GRP"},
    {"Harbor.Lights.2011.MULTi.VFF.2160p.HDR.WEB-DL.DDP5.1.H265-GRP",
     "Harbor Lights|2011||2160|WEB-DL|H.265|Dolby Digital Plus|HDR,multi,fr|GRP"},
    {"Harbor.Lights.2011.German.DL.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264||multi,de|GRP"},
    {"Harbor.Lights.2011.iTALiAN.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||it|GRP"},
    {"Harbor.Lights.2011.SPANISH.1080p.WEB-DL.x264-GRP", "Harbor Lights|2011||1080|WEB-DL|H.264||es|GRP"},
    {"Harbor.Lights.2011.Latino.720p.WEB-DL.x264-GRP", "Harbor Lights|2011||720|WEB-DL|H.264||es|GRP"},
    {"Harbor.Lights.2011.PL.1080p.WEB-DL.x264-GRP", "Harbor Lights|2011||1080|WEB-DL|H.264||pl|GRP"},
    {"Harbor.Lights.2011.RUS.BDRip.1080p.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||ru|GRP"},
    {"Harbor.Lights.2011.Hindi.1080p.WEB-DL.DD5.1.H264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264|Dolby Digital|hi|GRP"},
    {"Harbor Lights (2011) Dual Audio [Hindi-English] 720p BluRay ESubs",
     "Harbor Lights|2011||720|BluRay|||multi,en,hi,subtitles|"},
    {"Harbor.Lights.2011.VOSTFR.1080p.WEB-DL.x264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264||subtitles|GRP"},
    {"Harbor.Lights.2011.SWESUB.720p.WEB-DL.x264-GRP", "Harbor Lights|2011||720|WEB-DL|H.264||sv|GRP"},
    {"Harbor.Lights.2011.NORDiC.1080p.WEB-DL.H.264-GRP", "Harbor Lights|2011||1080|WEB-DL|H.264||multi|GRP"},
    {"Harbor.Lights.2011.JAPANESE.1080p.BluRay.FLAC.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264|FLAC|ja|GRP"},
    {"Harbor.Lights.2011.KOREAN.1080p.WEB-DL.x264-GRP", "Harbor Lights|2011||1080|WEB-DL|H.264||ko|GRP"},
    {"Harbor.Lights.2011.2160p.UHD.BluRay.x265.10bit.HDR.DTS-HD.MA.TrueHD.7.1.Atmos-GRP",
     "Harbor Lights|2011||2160|BluRay|H.265|DTS-HD|HDR,10bit,Atmos|GRP"},
    {"Harbor.Lights.2011.2160p.BluRay.REMUX.HEVC.DV.HDR10.TrueHD.Atmos.7.1-GRP",
     "Harbor Lights|2011||2160|Remux|H.265|TrueHD|HDR,Dolby Vision,Atmos|GRP"},
    {"Harbor.Lights.2011.2160p.WEB-DL.DDP5.1.HDR10+.H.265-GRP",
     "Harbor Lights|2011||2160|WEB-DL|H.265|Dolby Digital Plus|HDR10+|GRP"},
    {"Harbor.Lights.2011.2160p.WEB-DL.DDP5.1.Atmos.DoVi.HDR10Plus.H.265-GRP",
     "Harbor Lights|2011||2160|WEB-DL|H.265|Dolby Digital Plus|HDR10+,Dolby Vision,Atmos|GRP"},
    {"Harbor.Lights.2011.2160p.HLG.UHDTV.HEVC-GRP", "Harbor Lights|2011||2160|HDTV|H.265||HLG|GRP"},
    {"Harbor.Lights.2011.2160p.SDR.WEB-DL.x265-GRP", "Harbor Lights|2011||2160|WEB-DL|H.265|||GRP"},
    {"Harbor.Lights.2011.UHD.BluRay.x265-GRP", "Harbor Lights|2011||2160|BluRay|H.265|||GRP"},
    {"Harbor.Lights.2011.4K.WEB-DL.x265-GRP", "Harbor Lights|2011||2160|WEB-DL|H.265|||GRP"},
    {"Harbor.Lights.2011.1080p.UHD.BluRay.x265.HDR-GRP", "Harbor Lights|2011||1080|BluRay|H.265||HDR|GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.REMUX.AVC.DTS-HD.MA.5.1-GRP",
     "Harbor Lights|2011||1080|Remux|H.264|DTS-HD||GRP"},
    {"Harbor.Lights.2011.BDRemux.1080p.AVC-GRP", "Harbor Lights|2011||1080|Remux|H.264|||GRP"},
    {"Harbor.Lights.2011.COMPLETE.BLURAY-GRP", "Harbor Lights|2011|||BluRay|||complete|GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.DTS-ES.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|DTS||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.DTS-X.7.1.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264|DTS-HD||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.TrueHD.5.1.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264|TrueHD||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.LPCM.2.0.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|PCM||GRP"},
    {"Harbor.Lights.2011.1080p.WEB-DL.EAC3.H264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264|Dolby Digital Plus||GRP"},
    {"Harbor.Lights.2011.1080p.WEB-DL.DD+5.1.H.264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264|Dolby Digital Plus||GRP"},
    {"Harbor.Lights.2011.1080p.AMZN.WEB-DL.DDP5.1.H.264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264|Dolby Digital Plus||GRP"},
    {"Harbor.Lights.2011.1080p.NF.WEB-DL.DDP5.1.x264-GRP",
     "Harbor Lights|2011||1080|WEB-DL|H.264|Dolby Digital Plus||GRP"},
    {"Harbor.Lights.2011.1080i.HDTV.MPEG2.DD5.1-GRP",
     "Harbor Lights|2011||1080|HDTV|MPEG-2|Dolby Digital||GRP"},
    {"Harbor.Lights.2011.576p.DVD.VC-1-GRP", "Harbor Lights|2011||576|DVD|VC-1|||GRP"},
    {"Harbor.Lights.2011.NTSC.DVDR-GRP", "Harbor Lights|2011||480|DVD||||GRP"},
    {"Harbor.Lights.2011.PDTV.x264-GRP", "Harbor Lights|2011|||TV|H.264|||GRP"},
    {"Harbor.Lights.2011.1920x1080.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011.8bit.x264.1080p.BluRay-GRP", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.1080p.2011.BluRay-GRP", "Harbor Lights|2011||1080|BluRay||||GRP"},
    {"Harbor.Lights.1080p.BluRay.x264-GRP", "Harbor Lights|||1080|BluRay|H.264|||GRP"},
    {"Harbor.Lights.2011", "Harbor Lights|2011|||||||"},
    {"Harbor Lights", "Harbor Lights||||||||"},
    {"Harbor-Lights.2011.1080p.BluRay.x264-GRP", "Harbor-Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Sea-Men.2011.1080p.BluRay.x264-GRP", "Sea-Men|2011||1080|BluRay|H.264|||GRP"},
    {"Mr.Harbor.2011.1080p.BluRay.x264-GRP", "Mr Harbor|2011||1080|BluRay|H.264|||GRP"},
    {"S.H.I.P.2011.1080p.BluRay.x264-GRP", "S H I P|2011||1080|BluRay|H.264|||GRP"},
    {"Amélie's.Garden.2001.1080p.BluRay.x264-GRP", "Amélie's Garden|2001||1080|BluRay|H.264|||GRP"},
    {"The.Web.2013.1080p.BluRay.x264-GRP", "The Web|2013||1080|BluRay|H.264|||GRP"},
    {"French.Harbor.2013.1080p.BluRay.x264-GRP", "French Harbor|2013||1080|BluRay|H.264|||GRP"},
    {"The.Extended.Voyage.2013.1080p.BluRay.x264-GRP", "The Extended Voyage|2013||1080|BluRay|H.264|||GRP"},
    {"Cam.2018.1080p.WEB-DL.x264-GRP", "Cam|2018||1080|WEB-DL|H.264|||GRP"},
    {"Proper.Manners.2014.720p.WEB-DL.x264-GRP", "Proper Manners|2014||720|WEB-DL|H.264|||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264-GRP-sample.mkv",
     "Harbor Lights|2011||1080|BluRay|H.264||sample|GRP"},
    {"sample-harbor.lights.2011.1080p.bluray.x264-grp.mkv",
     "harbor lights|2011||1080|BluRay|H.264||sample|grp"},
    {"Harbor.Lights.2011.SAMPLE.1080p.BluRay.x264-GRP", "Harbor Lights|2011||1080|BluRay|H.264||sample|GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264.exe", "Harbor Lights|2011||1080|BluRay|H.264||program|"},
    {"Harbor.Lights.2011.1080p.PASSWORD.zip", "Harbor Lights|2011||1080||||password|"},
    {"www.site.example - Harbor.Lights.2011.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"[ www.site.example ] Harbor.Lights.2011.1080p.BluRay.x264-GRP",
     "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"Show.Name.S02E05.720p.WEB-DL.AAC2.0.H.264-GRP", "Show Name||S2E5|720|WEB-DL|H.264|AAC||GRP"},
    {"Show.Name.S02E05.1080p.WEB.H264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.Episode.Title.1080p.WEB.H264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.s02e05.hdtv.x264-grp", "Show Name||S2E5||HDTV|H.264|||grp"},
    {"Show Name S02E05 1080p WEB-DL", "Show Name||S2E5|1080|WEB-DL||||"},
    {"Show Name - S02E05 - Episode Title [1080p]", "Show Name||S2E5|1080|||||"},
    {"Show Name - 2x05 - Episode Title", "Show Name||S2E5||||||"},
    {"Show.Name.2x05.HDTV.XviD-GRP", "Show Name||S2E5||HDTV|XviD|||GRP"},
    {"Show.Name.02x05-06.HDTV.XviD-GRP", "Show Name||S2E5-6||HDTV|XviD|||GRP"},
    {"Show.Name.S02E05E06.720p.WEB-DL.H264-GRP", "Show Name||S2E5-6|720|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05-E06.720p.WEB-DL.H264-GRP", "Show Name||S2E5-6|720|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05-06.720p.WEB-DL.H264-GRP", "Show Name||S2E5-6|720|WEB-DL|H.264|||GRP"},
    {"Show.Name.S01E01-E03.720p.WEB-DL.H264-GRP", "Show Name||S1E1-3|720|WEB-DL|H.264|||GRP"},
    {"Show.Name.S01E01E02E03.720p.WEB-DL.H264-GRP", "Show Name||S1E1-3|720|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02.1080p.BluRay.x264-GRP", "Show Name||S2|1080|BluRay|H.264|||GRP"},
    {"Show.Name.S02.COMPLETE.720p.WEB-DL.H264-GRP", "Show Name||S2|720|WEB-DL|H.264||complete|GRP"},
    {"Show.Name.Season.2.1080p.WEB-DL.H264-GRP", "Show Name||S2|1080|WEB-DL|H.264|||GRP"},
    {"Show Name Season 2 Episode 5 720p HDTV", "Show Name||S2E5|720|HDTV||||"},
    {"Show Name Season 2 Complete 720p", "Show Name||S2|720||||complete|"},
    {"Show.Name.S01-S03.1080p.BluRay.x264-GRP", "Show Name||S1-S3|1080|BluRay|H.264|||GRP"},
    {"Show.Name.S01-03.1080p.BluRay.x264-GRP", "Show Name||S1-S3|1080|BluRay|H.264|||GRP"},
    {"Show Name Seasons 1-3 720p WEB-DL", "Show Name||S1-S3|720|WEB-DL||||"},
    {"Show.Name.S00E03.Special.1080p.WEB.H264-GRP", "Show Name||S0E3|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.2019.S01E01.1080p.WEB.H264-GRP", "Show Name|2019|S1E1|1080|WEB-DL|H.264|||GRP"},
    {"Show Name (2019) S01E01 1080p WEB H264-GRP", "Show Name|2019|S1E1|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.US.S01E01.720p.HDTV.x264-GRP", "Show Name US||S1E1|720|HDTV|H.264|||GRP"},
    {"24.S01E01.720p.BluRay.x264-GRP", "24||S1E1|720|BluRay|H.264|||GRP"},
    {"The.100.S03E07.1080p.BluRay.x264-GRP", "The 100||S3E7|1080|BluRay|H.264|||GRP"},
    {"Show.1883.S01E02.1080p.WEB.H264-GRP", "Show 1883||S1E2|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S01E100.1080p.WEB.H264-GRP", "Show Name||S1E100|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S2024E05.1080p.WEB.H264-GRP", "Show Name|2024|S2024E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.S02E05.PROPER.720p.HDTV.x264-GRP", "Show Name||S2E5|720|HDTV|H.264||proper|GRP"},
    {"Show.Name.S02E05.REPACK.1080p.AMZN.WEB-DL.DDP5.1.H.264-GRP",
     "Show Name||S2E5|1080|WEB-DL|H.264|Dolby Digital Plus|repack|GRP"},
    {"Show.Name.S02E05.FRENCH.1080p.WEB.H264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264||fr|GRP"},
    {"Show.Name.S02E05.MULTi.1080p.WEB.x264-GRP", "Show Name||S2E5|1080|WEB-DL|H.264||multi|GRP"},
    {"Show.Name.S02E05.2160p.WEB-DL.DV.HDR.H.265-GRP",
     "Show Name||S2E5|2160|WEB-DL|H.265||HDR,Dolby Vision|GRP"},
    {"Show.Name.E05.1080p.WEB-DL.x264-GRP", "Show Name||E5|1080|WEB-DL|H.264|||GRP"},
    {"Show.Name.Ep05.720p.WEB-DL.x264-GRP", "Show Name||E5|720|WEB-DL|H.264|||GRP"},
    {"Daily.Harbor.2024.03.15.720p.WEB.H264-GRP", "Daily Harbor|2024-03-15||720|WEB-DL|H.264|||GRP"},
    {"Daily Harbor 2024-03-15 1080p WEB h264-GRP", "Daily Harbor|2024-03-15||1080|WEB-DL|H.264|||GRP"},
    {"Daily.Harbor.2024.03.15.Guest.Name.1080p.WEB.H264-GRP",
     "Daily Harbor|2024-03-15||1080|WEB-DL|H.264|||GRP"},
    {"[Group] Harbor Girls - 05 [1080p]", "Harbor Girls||E5|1080|||||Group"},
    {"[Group] Harbor Girls - 05 [1080p][ABCD1234].mkv", "Harbor Girls||E5|1080|||||Group"},
    {"[Group] Harbor Girls - 05v2 [720p].mkv", "Harbor Girls||E5|720||||proper|Group"},
    {"[Group] Harbor Girls S2 - 05 [1080p]", "Harbor Girls||S2E5|1080|||||Group"},
    {"[Group] Harbor Girls - 105 (1080p HEVC 10bit AAC)", "Harbor Girls||E105|1080||H.265|AAC|10bit|Group"},
    {"[Group] Harbor Girls (01-12) [1080p][Batch]", "Harbor Girls||E1-12|1080||||complete|Group"},
    {"[Group] Harbor Girls - 01-12 [1080p]", "Harbor Girls||E1-12|1080|||||Group"},
    {"[Group] Harbor Girls (2019) - 05 [BD 1080p x265 FLAC]",
     "Harbor Girls|2019|E5|1080|BluRay|H.265|FLAC||Group"},
    {"[Group]_Harbor_Girls_-_05_[720p]", "Harbor Girls||E5|720|||||Group"},
    {"[Group] Harbor Girls - 05", "Harbor Girls||E5||||||Group"},
    {"[Group] Harbor Girls - The Movie (2020) [BD 1080p HEVC FLAC]",
     "Harbor Girls - The Movie|2020||1080|BluRay|H.265|FLAC||Group"},
    {"[Group] Harbor Girls S01E05 [1080p]", "Harbor Girls||S1E5|1080|||||Group"},
    {"[Group] Harbor-Girls - 12 [Hi10P][1080p]", "Harbor-Girls||E12|1080||||10bit|Group"},
    {"Harbor Lights (2011) 1080p BluRay [GRP]", "Harbor Lights|2011||1080|BluRay||||GRP"},
    {"Harbor.Lights.2011.1080p.BluRay.x264-GRP[site.example]", "Harbor Lights|2011||1080|BluRay|H.264|||GRP"},
    {"[1080p]", "1080p||||||||"},
    {"-", "||||||||"},
    {"2011", "2011||||||||"},
    {"S01E01", "S01E01||S1E1||||||"},
    {"1080p", "1080p||||||||"},
    {".....", "||||||||"},
};

enum
{
    CORPUS_COUNT = sizeof corpus / sizeof corpus[0],
    CORPUS_LEAST = 150
};

START_TEST(release__reads_the_whole_corpus)
{
    struct buf buf;
    int right = 0;
    buf_init(&buf, 4096);
    for (int i = 0; i < CORPUS_COUNT; i++)
    {
        struct release_name release;
        release_parse(corpus[i].name, &release);
        release_says(&buf, &release);
        right += strcmp(buf.data, corpus[i].says) == 0 ? 1 : 0;
        if (strcmp(buf.data, corpus[i].says) != 0)
            fprintf(stderr, "%s\n  want %s\n  got  %s\n", corpus[i].name, corpus[i].says, buf.data);
    }
    buf_fini(&buf);
    printf("release names: %d of %d rows right (%d %%)\n", right, CORPUS_COUNT, 100 * right / CORPUS_COUNT);
    ck_assert_int_ge(CORPUS_COUNT, CORPUS_LEAST);
    ck_assert_int_eq(right, CORPUS_COUNT);
}
END_TEST

START_TEST(release__survives_names_of_any_length)
{
    char name[2000];
    struct release_name release;
    static const char part[] = "[S01E01-2019 x264.DTS-HD.";
    for (size_t len = 0; len < sizeof name; len++)
    {
        name[len] = '\0';
        release_parse(name, &release);
        ck_assert_uint_lt(strlen(release.title), sizeof release.title);
        ck_assert_uint_lt(strlen(release.group), sizeof release.group);
        name[len] = part[len % (sizeof part - 1)];
    }
}
END_TEST

START_TEST(release__survives_every_byte)
{
    struct release_name release;
    for (int byte = 1; byte < 256; byte++)
    {
        char name[] = "A?B.2019.1080p-?G";
        name[1] = name[15] = (char)byte;
        release_parse(name, &release);
        ck_assert_int_eq(release.year, 2019);
        ck_assert_int_eq(release.resolution, 1080);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release");
    TCase *tc = tcase_create("release");
    tcase_add_test(tc, release__reads_the_whole_corpus);
    tcase_add_test(tc, release__survives_names_of_any_length);
    tcase_add_test(tc, release__survives_every_byte);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
