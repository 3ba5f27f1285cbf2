/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/slug.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* req: S39 */
static const struct
{
    const char *title;
    const char *slug;
} rows[] = {
    {"Inception 2010", "inception-2010"},
    {"", ""},
    {"   ", ""},
    {"!?*", ""},
    {"-", ""},
    {"Big Buck Bunny", "big-buck-bunny"},
    {"  Sintel  ", "sintel"},
    {"Người Bất Tử", "nguoi-bat-tu"},
    {"Đường Về ƠƯ", "duong-ve-ou"},
    {"Ǆ ǈ ǌ ǲ", "dz-lj-nj-dz"},
    {"Ƒƒ Ǯǯ Ȝȝ Ȣȣ Ȥȥ Ȳȳ", "ff-zz-yy-ouou-zz-yy"},
    {"Ɓ ƀ Ɔ Ɛ Ɯ Ɵ", "b-b-o-e-o"},
    {"Tears--of---Steel!", "tears-of-steel"},
    {"Ocean's Eleven", "oceans-eleven"},
    {"Ocean’s Eleven", "oceans-eleven"},
    {"Fast & Slow", "fast-and-slow"},
    {"R&B", "r-and-b"},
    {"Amélie", "amelie"},
    {"AMÉLIE", "amelie"},
    {"Ame\xCC\x81lie", "amelie"}, /* combining acute */
    {"Straße", "strasse"},
    {"Æon Flüx", "aeon-flux"},
    {"Cœur", "coeur"},
    {"Smultårta och Öl", "smultarta-och-ol"},
    {"Łódź", "lodz"},
    {"Žížkov Čěř", "zizkov-cer"},
    {"İstanbul'da ışık", "istanbulda-isik"},
    {"Việt Nam", "viet-nam"},
    {"Brașov Țara", "brasov-tara"},
    {"Þór", "thor"},
    {"Ñandú ÿ Ÿ", "nandu-y-y"},
    {"Ğ ğ ĥ ĵ ŀ ŋ ŵ ŷ ž", "g-g-h-j-l-n-w-y-z"},
    {"3 × 4", "3-4"},
    {"東京 2020", "2020"},
    {"東京", ""},
    {"broken \xC3", "broken"},
    {"broken \xFF\xFEtext", "broken-text"},
    {"a/b\\c..d", "a-b-c-d"},
    {"WALL·E", "wall-e"},
    {"S.W.A.T.", "s-w-a-t"},
};

START_TEST(slug__makes_words_from_titles)
{
    char slug[SLUG_SIZE];
    size_t len = slug_make(slug, sizeof slug, rows[_i].title);
    ck_assert_str_eq(slug, rows[_i].slug);
    ck_assert_uint_eq(len, strlen(rows[_i].slug));
}
END_TEST

START_TEST(slug__is_the_same_when_made_again)
{
    char slug[SLUG_SIZE];
    char again[SLUG_SIZE];
    slug_make(slug, sizeof slug, rows[_i].title);
    slug_make(again, sizeof again, slug);
    ck_assert_str_eq(again, slug);
}
END_TEST

START_TEST(slug__is_cut_before_a_dash_when_too_long)
{
    char slug[8];
    ck_assert_uint_eq(slug_make(slug, sizeof slug, "abcdefg hij"), 7);
    ck_assert_str_eq(slug, "abcdefg");
    ck_assert_uint_eq(slug_make(slug, sizeof slug, "abcdef hij"), 6);
    ck_assert_str_eq(slug, "abcdef");
    ck_assert_uint_eq(slug_make(slug, 1, "abc"), 0);
    ck_assert_str_eq(slug, "");
}
END_TEST

static const struct
{
    const char *title;
    const char *folded;
} folds[] = {
    {"Harbor Lights", "harborlights"},
    {"Người Bất Tử & Ƣ", "nguoibattuandoi"},
    {"МАЯК Ёж Йод", "маякежиод"},
    {"Є Ї Ђ ѐ", "єїђе"},
    {"ΦΆΡΟΣ φάρος Ϊ", "φαροσφαροσι"},
    {"港口 2", "港口2"},
    {"みなと・ミナト", "みなとミナト"},
    {"Ｈａｒｂｏｒ！　２", "harbor2"},
    {"الْمِينَاء", "الميناء"},
    {"항구!", "항구"},
    {"«Маяк» — 2…", "маяк2"},
    {"☆ ♥ 🚢", ""},
    {"!?", ""},
    {"", ""},
    {"broken \xC3 港", "broken港"},
};

START_TEST(slug__folds_the_letters_of_every_script)
{
    char folded[SLUG_SIZE];
    size_t len = slug_fold(folded, sizeof folded, folds[_i].title);
    ck_assert_str_eq(folded, folds[_i].folded);
    ck_assert_uint_eq(len, strlen(folded));
    ck_assert_uint_eq(slug_fold(folded, 3, "ab港"), 2);
    ck_assert_uint_eq(slug_fold(folded, 1, "ab"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slug");
    TCase *tc = tcase_create("slug");
    int count = sizeof rows / sizeof rows[0];
    tcase_add_loop_test(tc, slug__makes_words_from_titles, 0, count);
    tcase_add_loop_test(tc, slug__is_the_same_when_made_again, 0, count);
    tcase_add_loop_test(tc, slug__folds_the_letters_of_every_script, 0, sizeof folds / sizeof folds[0]);
    tcase_add_test(tc, slug__is_cut_before_a_dash_when_too_long);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
