/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/score.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define GB (INT64_C(1) << 30)
#define MB (INT64_C(1) << 20)

static const struct score_wanted film = {.title = "Harbor Lights",
                                         .year = 2011,
                                         .media = SCORE_MOVIE,
                                         .season = RELEASE_NONE,
                                         .episode = RELEASE_NONE,
                                         .runtime_min = 110};
static const struct score_wanted episode = {
    .title = "Show Name", .year = 2019, .media = SCORE_TV, .season = 2, .episode = 5, .runtime_min = 45};
static const struct score_wanted season = {
    .title = "Show Name", .year = 2019, .media = SCORE_TV, .season = 2, .episode = RELEASE_NONE};

static struct score judge(const struct score_wanted *wanted, const char *name, int64_t size_bytes,
                          int seeders)
{
    struct score_candidate candidate = {.size_bytes = size_bytes, .seeders = seeders};
    struct score score;
    release_parse(name, &candidate.name);
    score_release(wanted, &candidate, &score);
    return score;
}

/* What must hold for every answer. */
static void check_sum(const struct score *score)
{
    int sum = 0;
    ck_assert_uint_gt(score->reason_count, 0);
    ck_assert_uint_le(score->reason_count, SCORE_MAX_REASONS);
    for (size_t i = 0; i < score->reason_count; i++)
    {
        sum += score->reasons[i].points;
        ck_assert_ptr_nonnull(score->reasons[i].text);
        ck_assert_str_ne(score->reasons[i].text, "");
    }
    ck_assert_int_eq(score->points, sum < 0 ? 0 : sum > 100 ? 100 : sum);
}

static const struct
{
    const struct score_wanted *wanted;
    const char *name;
    int64_t size_bytes;
    int seeders;
    const char *says;
} unfit[] = {
    {&film, "Other.Film.2011.1080p.BluRay.x264-GRP", 8 * GB, 50, "another title"},
    {&film, "Harbor.Lights.Returns.2011.1080p.BluRay.x264-GRP", 8 * GB, 50, "another title"},
    {&film, "Harbor.Lights.2013.1080p.BluRay.x264-GRP", 8 * GB, 50, "another year"},
    {&film, "Harbor.Lights.2009.1080p.BluRay.x264-GRP", 8 * GB, 50, "another year"},
    {&film, "Harbor.Lights.2011.S01E01.1080p.WEB.H264-GRP", 2 * GB, 50, "not the film"},
    {&film, "Harbor.Lights.2011.HDCAM.x264-GRP", 2 * GB, 900, "in a cinema"},
    {&film, "Harbor.Lights.2011.1080p.TS.x264-GRP", 2 * GB, 900, "in a cinema"},
    {&film, "Harbor.Lights.2011.TC.x264-GRP", 2 * GB, 900, "cinema reel"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", 8 * GB, 0, "nobody seeds"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", 20 * MB, 50, "far too small"},
    {&film, "Harbor.Lights.2011.480p.DVDRip.XviD-GRP", 200 * GB, 50, "far too big"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP-sample.mkv", 8 * GB, 50, "a sample"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264.exe", 8 * GB, 50, "a program"},
    {&film, "Harbor.Lights.2011.1080p.PASSWORD.zip", 8 * GB, 50, "password"},
    {&film, "", 8 * GB, 50, "another title"},
    {&episode, "Show.Name.S02E06.1080p.WEB.H264-GRP", 2 * GB, 50, "another episode"},
    {&episode, "Show.Name.S03E05.1080p.WEB.H264-GRP", 2 * GB, 50, "another season"},
    {&episode, "Show.Name.2019.1080p.WEB.H264-GRP", 2 * GB, 50, "which episode"},
    {&episode, "Show.Name.2005.S02E05.1080p.WEB.H264-GRP", 2 * GB, 50, "another year"},
    {&season, "Show.Name.S02E05.1080p.WEB.H264-GRP", 2 * GB, 50, "not the whole season"},
    {&season, "Show.Name.S01.1080p.WEB.H264-GRP", 20 * GB, 50, "another season"},
};

START_TEST(score__gives_the_unfit_nothing_and_says_why)
{
    struct score score = judge(unfit[_i].wanted, unfit[_i].name, unfit[_i].size_bytes, unfit[_i].seeders);
    ck_assert_int_eq(score.points, 0);
    ck_assert_msg(strstr(score.reasons[0].text, unfit[_i].says) != NULL, "it says: %s",
                  score.reasons[0].text);
    check_sum(&score);
}
END_TEST

static const struct
{
    const struct score_wanted *wanted;
    const char *better;
    const char *worse;
} pairs[] = {
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264.DTS-GRP", "Harbor.Lights.2011.720p.BluRay.x264.DTS-GRP"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", "Harbor.Lights.2011.2160p.BluRay.x264-GRP"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", "Harbor.Lights.2011.1080p.HDTV.x264-GRP"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", "Harbor.Lights.2012.1080p.BluRay.x264-GRP"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", "Harbor.Lights.1080p.BluRay.x264-GRP"},
    {&film, "Harbor.Lights.2011.PROPER.1080p.WEB.x264-GRP", "Harbor.Lights.2011.1080p.WEB.x264-GRP"},
    {&film, "Harbor.Lights.2011.1080p.WEB.x264-GRP", "Harbor.Lights.2011.HC.1080p.WEB.x264-GRP"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", "Harbor.Lights.2011.3D.1080p.BluRay.x264-GRP"},
    {&film, "Harbor.Lights.2011.1080p.BluRay.x264-GRP", "Harbor.Lights.2011.1080p.BluRay.XviD-GRP"},
    {&film, "Harbor.Lights.2011.DVDRip.x264-GRP", "Harbor.Lights.2011.DVDSCR.x264-GRP"},
    {&episode, "Show.Name.S02E05.1080p.WEB.H264-GRP", "Show.Name.S02.1080p.WEB.H264-GRP"},
    {&season, "Show.Name.S02.1080p.WEB.H264-GRP", "Show.Name.S02.720p.WEB.H264-GRP"},
};

START_TEST(score__prefers_the_better)
{
    struct score better = judge(pairs[_i].wanted, pairs[_i].better, 3 * GB, 20);
    struct score worse = judge(pairs[_i].wanted, pairs[_i].worse, 3 * GB, 20);
    ck_assert_msg(better.points > worse.points, "%d is not over %d", better.points, worse.points);
    ck_assert_int_gt(worse.points, 0);
    check_sum(&better);
    check_sum(&worse);
}
END_TEST

START_TEST(score__of_a_perfect_release_is_100)
{
    struct score score = judge(&film, "Harbor.Lights.2011.PROPER.1080p.BluRay.x264.DTS-GRP", 8 * GB, 500);
    ck_assert_int_eq(score.points, 100);
    check_sum(&score);
}
END_TEST

START_TEST(score__takes_titles_however_they_are_written)
{
    static const char *const titles[][2] = {
        {"Amélie's Garden", "Amelies.Garden"},
        {"The Harbor", "Harbor"},
        {"Fast & Slow", "Fast.and.Slow"},
        {"S.W.A.M.P.", "SWAMP"},
        {"Spider-Crab", "Spider.Crab"},
        {"Harbor: Lights", "Harbor.Lights"},
        {"Wonder Harbor 1984", "Wonder.Harbor.1984"},
        {"東京", "東京"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
    {
        struct score_wanted wanted = film;
        char name[128];
        wanted.title = titles[i][0];
        wanted.year = 2020;
        strcpy(name, titles[i][1]);
        strcat(name, strstr(name, "1984") != NULL ? ".1080p.WEB.x264-GRP" : ".2020.1080p.WEB.x264-GRP");
        ck_assert_msg(judge(&wanted, name, 3 * GB, 20).points > 0, "%s", name);
    }
}
END_TEST

START_TEST(score__takes_the_original_title_too)
{
    struct score_wanted wanted = film;
    wanted.original_title = "Luces del Puerto";
    ck_assert_int_gt(judge(&wanted, "Luces.del.Puerto.2011.1080p.WEB.x264-GRP", 3 * GB, 20).points, 0);
}
END_TEST

START_TEST(score__takes_other_names_in_any_script)
{
    static const char *const names[] = {"", "!?", "Синтел", "シンテル"};
    static const char *const right[] = {"Синтел.2010.1080p", "シンテル.2010.1080p", "Sintel.2010.1080p"};
    static const char *const wrong[] = {"Причал.2010.1080p", "!?.2010.1080p", "2010.1080p"};
    const struct score_wanted wanted = {
        .title = "Sintel", .year = 2010, .names = names, .name_count = sizeof names / sizeof names[0]};
    for (size_t i = 0; i < 6; i++)
    {
        const char *name = i < 3 ? right[i] : wrong[i - 3];
        struct score_candidate candidate = {.seeders = 50};
        struct score score;
        release_parse(name, &candidate.name);
        score_release(&wanted, &candidate, &score);
        ck_assert_msg((score.points > 0) == (i < 3), "%s: %d", name, score.points);
    }
}
END_TEST

START_TEST(score__takes_short_films_of_unknown_length)
{
    struct score_wanted wanted = film;
    wanted.runtime_min = 0;
    ck_assert_int_gt(judge(&wanted, "Harbor.Lights.2011.1080p.WEB.x264-GRP", 130 * MB, 20).points, 0);
    ck_assert_int_gt(judge(&wanted, "Harbor.Lights.2011", 130 * MB, SCORE_UNKNOWN).points, 0);
    ck_assert_int_eq(judge(&wanted, "Harbor.Lights.2011.1080p.WEB.x264-GRP", 1 * MB, 20).points, 0);
}
END_TEST

START_TEST(score__is_always_the_clamped_sum_of_its_reasons)
{
    static const char *const parts[][6] = {
        {"Harbor.Lights.", "Show.Name.", "Other.", "", "The.Harbor.Lights.", "Harbor.Lights.Show."},
        {"2011.", "2012.", "2019.", "S02E05.", "S02.", ""},
        {"1080p.", "2160p.", "480p.", "", "PROPER.REPACK.HC.3D.", "sample.password.exe."},
        {"BluRay.", "CAM.", "REMUX.", "DVDSCR.", "WEB-DL.", ""},
        {"x264.DTS-GRP", "XviD.MP3-GRP", "AV1.Opus-GRP", "x265.TrueHD.Atmos-GRP", "", "MPEG2"},
    };
    static const int64_t sizes[] = {-1, 0, 1, 700 * MB, 8 * GB, INT64_MAX};
    for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6; n++)
    {
        char name[256] = "";
        for (unsigned part = 0, rest = n; part < 5; part++, rest /= 6)
            strcat(name, parts[part][rest % 6]);
        int seeders = (int)(n * 7 % 203) - 1;
        struct score score = judge(n % 3 == 0   ? &film
                                   : n % 3 == 1 ? &episode
                                                : &season,
                                   name, sizes[n % 6], seeders);
        check_sum(&score);
    }
}
END_TEST

START_TEST(score__orders_by_score_seeders_size_and_title)
{
    static const struct score_rank ranks[] = {
        {90, 10, 5, "a"}, {80, 30, 5, "a"}, {80, 20, 5, "a"}, {80, 20, 7, "a"},
        {80, 20, 7, "b"}, {80, 20, 0, "a"}, {0, 900, 1, "a"},
    };
    int count = sizeof ranks / sizeof ranks[0];
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
        {
            int order = score_compare(&ranks[i], &ranks[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("score");
    TCase *tc = tcase_create("score");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, score__gives_the_unfit_nothing_and_says_why, 0, sizeof unfit / sizeof unfit[0]);
    tcase_add_loop_test(tc, score__prefers_the_better, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(tc, score__of_a_perfect_release_is_100);
    tcase_add_test(tc, score__takes_titles_however_they_are_written);
    tcase_add_test(tc, score__takes_the_original_title_too);
    tcase_add_test(tc, score__takes_other_names_in_any_script);
    tcase_add_test(tc, score__takes_short_films_of_unknown_length);
    tcase_add_test(tc, score__is_always_the_clamped_sum_of_its_reasons);
    tcase_add_test(tc, score__orders_by_score_seeders_size_and_title);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
