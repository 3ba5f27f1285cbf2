/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/findings.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH "08ada5a7a6183aae1e09d831df6748d566095a10"
#define MAGNET "magnet:?xt=urn:btih:" HASH "&dn=Sintel"
#define OTHER "1111111111111111111111111111111111111111"

static struct arena *arena;
static struct err err;

static struct findings merge(const struct provider_release *offers, size_t count)
{
    struct findings findings;
    ck_assert_int_eq(findings_merge(arena, offers, count, &findings, &err), E_OK);
    return findings;
}

START_TEST(findings__keep_the_offer_with_the_most_seeders) /* req: S130 */
{
    const struct provider_release offers[] = {
        {.guid = "a", .title = "Few", .seeders = 3, .magnet = MAGNET, .published_ms = 5},
        {.guid = "b", .title = "Many", .seeders = 90, .info_hash = HASH, .size_bytes = 7},
        {.guid = "c", .title = "Unknown", .seeders = -1, .info_hash = HASH, .download_url = "http://x/1"},
    };
    struct findings got = merge(offers, 3);
    ck_assert_uint_eq(got.count, 1);
    const struct provider_release *best = &got.list[0].offer;
    ck_assert_str_eq(best->title, "Many");
    ck_assert_int_eq(best->seeders, 90);
    ck_assert_str_eq(best->magnet, MAGNET);
    ck_assert_str_eq(best->download_url, "http://x/1");
    ck_assert_int_eq(best->published_ms, 5);
    ck_assert_str_eq(got.list[0].key, HASH);
}
END_TEST

START_TEST(findings__believe_the_magnet_rather_than_what_stands_beside_it)
{
    const struct provider_release offers[] = {
        {.guid = "a", .title = "Liar", .seeders = 1, .magnet = MAGNET, .info_hash = OTHER},
        {.guid = "b", .title = "Other", .seeders = 1, .info_hash = OTHER},
    };
    struct findings got = merge(offers, 2);
    ck_assert_uint_eq(got.count, 2);
    ck_assert_str_eq(got.list[0].key, HASH);
    ck_assert_str_eq(got.list[0].offer.info_hash, HASH);
}
END_TEST

START_TEST(findings__drop_what_cannot_be_got)
{
    const struct provider_release offers[] = {
        {.guid = "a", .title = "Broken", .magnet = "magnet:?xt=urn:btih:short"},
        {.guid = "http://b/",
         .title = "Broken, with a link",
         .magnet = "magnet:?dn=x",
         .download_url = "http://x/"},
    };
    struct findings got = merge(offers, 2);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_ptr_null(got.list[0].offer.magnet);
    ck_assert_str_eq(got.list[0].key, "http://b/");
}
END_TEST

START_TEST(findings__know_offers_without_a_hash_by_their_guid)
{
    char long_guid[4001];
    memset(long_guid, 'g', sizeof long_guid - 1);
    long_guid[sizeof long_guid - 1] = '\0';
    const struct provider_release offers[] = {
        {.guid = "http://x/one", .title = "One", .download_url = "http://x/1"},
        {.guid = "http://x/two", .title = "Two", .download_url = "http://x/1"},
        {.guid = "http://x/one", .title = "One again", .download_url = "http://x/3"},
        {.guid = long_guid, .title = "Long", .download_url = "http://x/4"},
    };
    struct findings got = merge(offers, 4);
    ck_assert_uint_eq(got.count, 3);
    ck_assert_str_eq(got.list[0].key, "http://x/one");
    ck_assert_str_eq(got.list[0].offer.title, "One");
    ck_assert_uint_eq(strlen(got.list[2].key), 71);
    ck_assert_int_eq(strncmp(got.list[2].key, "sha256:", 7), 0);
}
END_TEST

/* A number names a row within its indexer, and some indexers give all rows one guid. */
START_TEST(findings__do_not_unite_what_only_has_the_same_number)
{
    const struct provider_release offers[] = {
        {.guid = "7", .indexer = "A", .title = "One", .download_url = "http://x/1"},
        {.guid = "7", .indexer = "B", .title = "One", .download_url = "http://x/2"},
        {.guid = "7", .indexer = "A", .title = "Two", .download_url = "http://x/3"},
        {.guid = "7", .indexer = "A", .title = "One", .download_url = "http://x/1"},
    };
    ck_assert_uint_eq(merge(offers, 4).count, 3);
}
END_TEST

START_TEST(findings__of_nothing_are_none)
{
    struct findings got = merge(NULL, 0);
    const struct release_new *rows = NULL;
    const struct score_wanted wanted = {.title = "Sintel"};
    findings_score(&got, &wanted);
    ck_assert_uint_eq(got.count, 0);
    ck_assert_int_eq(findings_write(arena, &got, &rows, &err), E_OK);
}
END_TEST

START_TEST(findings__put_the_best_first_and_the_unfit_last_with_reasons)
{
    const struct provider_release offers[] = {
        {.guid = "a", .title = "Sintel.2010.CAM.XviD-BAD", .seeders = 900, .info_hash = OTHER},
        {.guid = "b",
         .title = "Sintel.2010.720p.WEB-DL.x264-OPEN",
         .seeders = 40,
         .download_url = "http://x/"},
        {.guid = "c", .title = "Sintel.2010.1080p.BluRay.x264-OPEN", .seeders = 40, .magnet = MAGNET},
    };
    const struct score_wanted wanted = {.title = "Sintel",
                                        .year = 2010,
                                        .media = SCORE_MOVIE,
                                        .season = RELEASE_NONE,
                                        .episode = RELEASE_NONE};
    struct findings got = merge(offers, 3);
    findings_score(&got, &wanted);
    ck_assert_str_eq(got.list[0].offer.guid, "c");
    ck_assert_str_eq(got.list[1].offer.guid, "b");
    ck_assert_str_eq(got.list[2].offer.guid, "a");
    ck_assert_int_eq(got.list[2].score.points, 0);
    const struct release_new *rows = NULL;
    ck_assert_int_eq(findings_write(arena, &got, &rows, &err), E_OK);
    ck_assert_ptr_nonnull(strstr(rows[0].quality, "\"resolution\":1080"));
    ck_assert_ptr_nonnull(strstr(rows[0].quality, "\"source\":\"BluRay\""));
    ck_assert_ptr_nonnull(strstr(rows[0].quality, "\"group\":\"OPEN\""));
    ck_assert_int_eq(rows[0].score, got.list[0].score.points);
    for (size_t i = 0; i < got.count; i++)
        ck_assert_ptr_nonnull(strstr(rows[i].reasons, "\"text\":\""));
}
END_TEST

START_TEST(findings__store_no_day_that_postgres_does_not_know)
{
    const struct provider_release offers[] = {
        {.guid = "a", .title = "Old", .download_url = "http://x/", .published_ms = INT64_C(-62167219200000)},
    };
    const struct score_wanted wanted = {.title = "Old"};
    const struct release_new *rows = NULL;
    struct findings got = merge(offers, 1);
    findings_score(&got, &wanted);
    ck_assert_int_eq(findings_write(arena, &got, &rows, &err), E_OK);
    ck_assert_int_eq(rows[0].published_ms, 0);
}
END_TEST

START_TEST(findings__fail_without_memory)
{
    static struct provider_release offers[2000];
    char guids[2000][16];
    struct arena *small = arena_new(64 << 10);
    struct findings got;
    for (int i = 0; i < 2000; i++)
    {
        snprintf(guids[i], sizeof guids[i], "%d", i);
        offers[i] = (struct provider_release){.guid = guids[i], .title = "x", .download_url = "http://x/"};
    }
    ck_assert_int_eq(findings_merge(small, offers, 2000, &got, &err), E_NO_MEMORY);
    arena_free(small);
}
END_TEST

static const struct
{
    const char *title;
    const char *words;
} word_rows[] = {
    {"Sintel", "sintel"},
    {"Amélie", "amelie"},
    {"Fast & Furious", "fast and furious"},
    {"Ocean's Eleven", "oceans eleven"},
    {"Mission: Impossible - Fallout", "mission impossible fallout"},
    {"Ёлки 2010", "Ёлки 2010"},
    {"!!!", "!!!"},
};

START_TEST(words__are_those_of_release_names)
{
    ck_assert_str_eq(findings_words(arena, word_rows[_i].title), word_rows[_i].words);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {findings__keep_the_offer_with_the_most_seeders, 1},
        {findings__believe_the_magnet_rather_than_what_stands_beside_it, 1},
        {findings__drop_what_cannot_be_got, 1},
        {findings__know_offers_without_a_hash_by_their_guid, 1},
        {findings__do_not_unite_what_only_has_the_same_number, 1},
        {findings__of_nothing_are_none, 1},
        {findings__put_the_best_first_and_the_unfit_last_with_reasons, 1},
        {findings__store_no_day_that_postgres_does_not_know, 1},
        {findings__fail_without_memory, 1},
        {words__are_those_of_release_names, sizeof word_rows / sizeof word_rows[0]},
    };
    arena = arena_new(32 << 20); /* each case runs in a copy of this process */
    if (arena == NULL)
        return EXIT_FAILURE;
    int status = suite_run("findings", cases, sizeof cases / sizeof cases[0]);
    arena_free(arena);
    return status;
}
