/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_tags.h"

#include "common/media/release.h"

/* clang-format off */
#define RES(pattern, lines) {pattern, RELEASE_FIELD_RESOLUTION, lines, RELEASE_STRONG, ""}
#define SRC(pattern, name) {pattern, RELEASE_FIELD_SOURCE, RELEASE_SOURCE_##name, RELEASE_STRONG, ""}
#define SRC_WEAK(pattern, name) {pattern, RELEASE_FIELD_SOURCE, RELEASE_SOURCE_##name, RELEASE_WEAK, ""}
#define CODEC(pattern, name) {pattern, RELEASE_FIELD_CODEC, RELEASE_CODEC_##name, RELEASE_STRONG, ""}
#define AUDIO(pattern, name) {pattern, RELEASE_FIELD_AUDIO, RELEASE_AUDIO_##name, RELEASE_STRONG, ""}
#define AUDIO_WEAK(pattern, name) {pattern, RELEASE_FIELD_AUDIO, RELEASE_AUDIO_##name, RELEASE_WEAK, ""}
#define HDR(pattern, name) {pattern, RELEASE_FIELD_HDR, RELEASE_HDR_##name, RELEASE_WEAK, ""}
#define HDR_STRONG(pattern, name) {pattern, RELEASE_FIELD_HDR, RELEASE_HDR_##name, RELEASE_STRONG, ""}
#define LANG(pattern, name) {pattern, RELEASE_FIELD_LANGUAGE, RELEASE_LANGUAGE_##name, RELEASE_WEAK, ""}
#define FLAG(pattern, name) {pattern, RELEASE_FIELD_FLAG, RELEASE_FLAG_##name, RELEASE_WEAK, ""}
#define FLAG_STRONG(pattern, name) {pattern, RELEASE_FIELD_FLAG, RELEASE_FLAG_##name, RELEASE_STRONG, ""}
#define EDITION(pattern, text) {pattern, RELEASE_FIELD_EDITION, 0, RELEASE_WEAK, text}
#define NOTHING(pattern) {pattern, RELEASE_FIELD_NOTHING, 0, RELEASE_WEAK, ""}

const struct release_tag release_tags[] = {
    RES("360p", 360), RES("480p", 480), RES("480i", 480), RES("540p", 540), RES("576p", 576), RES("576i", 576),
    RES("720p", 720), RES("720i", 720), RES("1080p", 1080), RES("1080i", 1080), RES("1440p", 1440),
    RES("2160p", 2160), RES("4320p", 4320), RES("4k", 2160), RES("8k", 4320), RES("fhd", 1080),
    RES("640x480", 480), RES("720x576", 576), RES("848x480", 480), RES("1280x720", 720), RES("1920x1080", 1080),
    RES("3840x2160", 2160), RES("1080p60", 1080), RES("720p60", 720), RES("2160p60", 2160),
    {"uhd", RELEASE_FIELD_RESOLUTION, 2160, RELEASE_WEAK, ""},

    SRC("remux", REMUX), SRC("bdremux", REMUX), SRC("bd remux", REMUX), SRC("blu ray remux", REMUX),
    SRC("bluray remux", REMUX), SRC("uhd remux", REMUX),
    SRC("bluray", BLURAY), SRC("blu ray", BLURAY), SRC("bdrip", BLURAY), SRC("bd rip", BLURAY),
    SRC("brrip", BLURAY), SRC("br rip", BLURAY), SRC("bdmv", BLURAY), SRC("uhdbd", BLURAY),
    SRC("bd25", BLURAY), SRC("bd50", BLURAY), SRC("bd66", BLURAY), SRC("bd100", BLURAY), SRC_WEAK("bd", BLURAY),
    SRC("bd1080p", BLURAY), SRC("bd720p", BLURAY), SRC("hddvd", BLURAY),
    SRC("web dl", WEB), SRC("webdl", WEB), SRC("web hd", WEB), SRC("webhd", WEB), SRC_WEAK("web", WEB),
    SRC("webrip", WEBRIP), SRC("web rip", WEBRIP), SRC("webcap", WEBRIP), SRC("web cap", WEBRIP),
    SRC("hdtv", HDTV), SRC("hdtvrip", HDTV), SRC("uhdtv", HDTV), SRC("pdtv", TV), SRC("dsr", TV), SRC("dsrip", TV),
    SRC("tvrip", TV), SRC("tv rip", TV), SRC("satrip", TV), SRC("dvbrip", TV), SRC("sdtv", TV),
    SRC("hdrip", HDRIP), SRC("hd rip", HDRIP),
    SRC("dvdrip", DVD), SRC("dvd rip", DVD), SRC("dvd5", DVD), SRC("dvd9", DVD), SRC("dvdr", DVD), SRC("dvd r", DVD),
    SRC("dvdmux", DVD), SRC_WEAK("dvd", DVD), SRC_WEAK("ntsc dvd", DVD), SRC_WEAK("pal dvd", DVD),
    SRC("dvdscr", SCREENER), SRC("dvd scr", SCREENER), SRC("dvdscreener", SCREENER), SRC("bdscr", SCREENER),
    SRC("webscreener", SCREENER), SRC_WEAK("screener", SCREENER), SRC_WEAK("scr", SCREENER), SRC_WEAK("r5", SCREENER),
    SRC("hdcam", CAM), SRC("hd cam", CAM), SRC("hqcam", CAM), SRC("camrip", CAM), SRC("cam rip", CAM),
    SRC_WEAK("cam", CAM), SRC_WEAK("hqcam rip", CAM),
    SRC("telesync", TELESYNC), SRC("hdts", TELESYNC), SRC("hd ts", TELESYNC), SRC("pdvd", TELESYNC),
    SRC("predvd", TELESYNC), SRC("predvdrip", TELESYNC), SRC_WEAK("ts", TELESYNC), SRC_WEAK("tsrip", TELESYNC),
    SRC("telecine", TELECINE), SRC("hdtc", TELECINE), SRC("hd tc", TELECINE), SRC_WEAK("tc", TELECINE),
    SRC_WEAK("workprint", WORKPRINT), SRC_WEAK("wp", WORKPRINT),

    CODEC("x264", H264), CODEC("h264", H264), CODEC("h 264", H264), CODEC("x 264", H264), CODEC("avc", H264),
    CODEC("x265", H265), CODEC("h265", H265), CODEC("h 265", H265), CODEC("x 265", H265), CODEC("hevc", H265),
    CODEC("hevc10", H265), CODEC("av1", AV1), CODEC("xvid", XVID), CODEC("divx", XVID), CODEC("divx6", XVID),
    CODEC("vp9", VP9), CODEC("vc1", VC1), CODEC("vc 1", VC1), CODEC("mpeg2", MPEG2), CODEC("mpeg 2", MPEG2),

    AUDIO("dts hd ma#", DTS_HD), AUDIO("dts hd hra#", DTS_HD), AUDIO("dts hd#", DTS_HD), AUDIO("dtshd#", DTS_HD),
    AUDIO("dts ma", DTS_HD), AUDIO("dts x#", DTS_HD), AUDIO("dtsx#", DTS_HD), AUDIO("dts es#", DTS), AUDIO("dts#", DTS),
    AUDIO("truehd#", TRUEHD), AUDIO("true hd#", TRUEHD), AUDIO("ddp#", EAC3), AUDIO("dd+#", EAC3), AUDIO("eac3", EAC3),
    AUDIO("e ac 3", EAC3), AUDIO("ddpa#", EAC3), AUDIO("ac3#", AC3), AUDIO("ac 3", AC3), AUDIO_WEAK("dd#", AC3),
    AUDIO("aac#", AAC), AUDIO("he aac#", AAC), AUDIO("qaac", AAC), AUDIO("mp3", MP3), AUDIO_WEAK("opus#", OPUS),
    AUDIO("flac#", FLAC), AUDIO("lpcm#", PCM), AUDIO_WEAK("pcm#", PCM),

    HDR_STRONG("hdr10+", HDR10PLUS), HDR_STRONG("hdr10plus", HDR10PLUS), HDR_STRONG("hdr10", HDR10),
    HDR_STRONG("hdr10p", HDR10PLUS), HDR("hdr", HDR10), HDR("dv", DOLBY_VISION), HDR("dovi", DOLBY_VISION),
    HDR("dolby vision", DOLBY_VISION), HDR("hlg", HLG), NOTHING("sdr"),

    LANG("multi", MULTI), LANG("multi#", MULTI), LANG("dual", MULTI), LANG("dual audio", MULTI), LANG("dl", MULTI),
    LANG("english", EN), LANG("eng", EN), LANG("french", FR), LANG("truefrench", FR), LANG("vff", FR), LANG("vfq", FR),
    LANG("vf2", FR), LANG("vfi", FR), LANG("german", DE), LANG("deutsch", DE), LANG("ger", DE), LANG("spanish", ES),
    LANG("castellano", ES), LANG("espanol", ES), LANG("latino", ES), LANG("esp", ES), LANG("italian", IT),
    LANG("ita", IT), LANG("portuguese", PT), LANG("dublado", PT), LANG("pt br", PT), LANG("dutch", NL),
    LANG("polish", PL), LANG("pl", PL), LANG("lektor pl", PL), LANG("russian", RU), LANG("rus", RU),
    LANG("japanese", JA), LANG("jpn", JA), LANG("jap", JA), LANG("korean", KO), LANG("kor", KO), LANG("chinese", ZH),
    LANG("mandarin", ZH), LANG("cantonese", ZH), LANG("hindi", HI), LANG("arabic", AR), LANG("turkish", TR),
    LANG("swedish", SV), LANG("swesub", SV), LANG("danish", DA), LANG("norwegian", NO), LANG("finnish", FI),
    LANG("nordic", MULTI), LANG("czech", CS), LANG("hungarian", HU), LANG("hun", HU),

    FLAG("proper", PROPER), FLAG("real proper", PROPER), FLAG("rerip", REPACK), FLAG("repack#", REPACK),
    FLAG_STRONG("10bit", TEN_BIT), FLAG_STRONG("10 bit", TEN_BIT), FLAG_STRONG("hi10p", TEN_BIT), FLAG("hi10", TEN_BIT),
    FLAG("atmos", ATMOS), FLAG("3d", THREE_D), FLAG("hsbs", THREE_D), FLAG("half sbs", THREE_D), FLAG("h sbs", THREE_D),
    FLAG("half ou", THREE_D), FLAG("h ou", THREE_D), FLAG("sbs", THREE_D), FLAG("hou", THREE_D), FLAG("hc", HARDSUB),
    FLAG("korsub", HARDSUB), FLAG("hardsub", HARDSUB), FLAG("hardsubs", HARDSUB), FLAG("hardcoded", HARDSUB),
    FLAG("hardsubbed", HARDSUB), FLAG("subbed", SUBBED), FLAG("subs", SUBBED), FLAG("multisub", SUBBED),
    FLAG("multi subs", SUBBED), FLAG("esubs", SUBBED), FLAG("esub", SUBBED), FLAG("vostfr", SUBBED),
    FLAG("subfrench", SUBBED), FLAG("msubs", SUBBED), FLAG("dubbed", DUBBED), FLAG("complete", COMPLETE),
    FLAG("batch", COMPLETE), FLAG("sample", SAMPLE), FLAG("password", PASSWORD), FLAG("passworded", PASSWORD),
    FLAG("exe", PROGRAM), FLAG("scr exe", PROGRAM), FLAG("setup exe", PROGRAM), FLAG("keygen", PROGRAM),

    EDITION("extended", "Extended"), EDITION("extended cut", "Extended"), EDITION("extended edition", "Extended"),
    EDITION("directors cut", "Director's Cut"), EDITION("director's cut", "Director's Cut"),
    EDITION("director s cut", "Director's Cut"), EDITION("dc", "Director's Cut"), EDITION("final cut", "Final Cut"),
    EDITION("theatrical", "Theatrical"), EDITION("theatrical cut", "Theatrical"), EDITION("unrated", "Unrated"),
    EDITION("uncut", "Uncut"), EDITION("uncensored", "Uncensored"), EDITION("remastered", "Remastered"),
    EDITION("4k remastered", "Remastered"), EDITION("restored", "Restored"), EDITION("criterion", "Criterion"),
    EDITION("imax", "IMAX"), EDITION("imax edition", "IMAX"), EDITION("special edition", "Special Edition"),
    EDITION("collectors edition", "Collector's Edition"), EDITION("ultimate edition", "Ultimate Edition"),
    EDITION("anniversary edition", "Anniversary Edition"), EDITION("open matte", "Open Matte"),
    EDITION("redux", "Redux"),

    NOTHING("internal"), NOTHING("limited"), NOTHING("real"), NOTHING("amzn"), NOTHING("nf"), NOTHING("dsnp"),
    NOTHING("hmax"), NOTHING("hulu"), NOTHING("atvp"), NOTHING("ws"), NOTHING("hybrid"), NOTHING("8bit"),
    NOTHING("8 bit"), NOTHING("readnfo"), NOTHING("hq"), NOTHING("ntsc"), NOTHING("pal"), NOTHING("festival"),
    NOTHING("rip"), NOTHING("retail"), NOTHING("stv"), NOTHING("vo"), NOTHING("hd"),
};
/* clang-format on */

const size_t release_tag_count = sizeof release_tags / sizeof release_tags[0];
