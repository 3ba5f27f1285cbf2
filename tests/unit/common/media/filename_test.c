/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/filename.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* part: S169 */
static const struct
{
    const char *name;
    size_t len;
    const char *mended; /* NULL: refused */
} inside[] = {
#define ROW(name, mended) {name, sizeof(name) - 1, mended}
    ROW("film.mkv", "film.mkv"),
    ROW(".hidden", ".hidden"),
    ROW("...", "..."),
    ROW(" a ", " a "),
    ROW("x:y", "x:y"),
    ROW("Amélie (2001).mkv", "Amélie (2001).mkv"),
    ROW("broken \xE9", "broken _"),
    ROW("a\xF8\x88\x80\x80\x80z", "a_z"), /* five bytes, of an old UTF-8 */
    ROW("a\xFC\x84\x80\x80\x80\x80z", "a______z"),
    ROW("a\\b", "ab"),
    ROW("..\\..", "...."),
    ROW("a\tb", "a_b"),
    ROW("a\nb", "a_b"),
    ROW("a\x01", "a_"),
    ROW("a\xE2\x80\x8E"
        "b",
        "ab"),
    ROW("a\xE2\x80\x8F"
        "b",
        "ab"),
    ROW("a\xE2\x80\xAB"
        "b",
        "ab"),
    ROW("a\xE2\x80\xAEgpj.exe", "agpj.exe"),
    ROW("", NULL),
    ROW(".", NULL),
    ROW("..", NULL),
    ROW("\\", NULL),
    ROW(".\\.", NULL),
    ROW("\xE2\x80\x8E", NULL),
    ROW("a/b", NULL),
    ROW("/etc", NULL),
    ROW("../x", NULL),
    ROW("a\0b", NULL),
    ROW("a\x7F", NULL),
    ROW("a\xC2\x85", NULL),
    ROW("a\xE2\x81\xA6"
        "b",
        NULL),
};

START_TEST(filename__of_a_torrent_is_mended_as_the_engine_mends_it)
{
    char mended[FILENAME_SIZE] = "as it was";
    struct err err = ERR_INIT;
    enum err_code code = filename_mend(inside[_i].name, inside[_i].len, mended, &err);
    ck_assert_int_eq(code, inside[_i].mended != NULL ? E_OK : E_REFUSED);
    ck_assert_str_eq(mended, inside[_i].mended != NULL ? inside[_i].mended : "as it was");
}
END_TEST

/* The lengths are libtorrent's own. */
START_TEST(filename__of_a_torrent_that_is_long_loses_its_middle)
{
    char name[1000];
    char mended[FILENAME_SIZE];
    struct err err = ERR_INIT;
    memset(name, 'a', sizeof name);
    ck_assert_int_eq(filename_mend(name, 300, mended, &err), E_OK);
    ck_assert_uint_eq(strlen(mended), 240);
    memcpy(name + 300, ".mkv", 4);
    ck_assert_int_eq(filename_mend(name, 304, mended, &err), E_OK);
    ck_assert_uint_eq(strlen(mended), 244);
    ck_assert_str_eq(mended + 240, ".mkv");
    for (size_t i = 0; i < 300; i += 2)
        memcpy(name + i, "é", 2);
    ck_assert_int_eq(filename_mend(name, 304, mended, &err), E_OK);
    ck_assert_uint_eq(strlen(mended), 244);
    memset(name, '\t', sizeof name);
    ck_assert_int_eq(filename_mend(name, sizeof name, mended, &err), E_REFUSED);
}
END_TEST

/* part: S169 */
static const struct
{
    const char *name;
    const char *clean;
} cleaned[] = {
    {"photo.jpg", "photo.jpg"},
    {"../../etc/passwd", "passwd"},
    {"C:\\Windows\\evil.png", "evil.png"},
    {"/absolute/path.png", "path.png"},
    {"..", "file"},
    {"", "file"},
    {"...hidden", "hidden"},
    {"trailing. . ", "trailing"},
    {"a\nb\x01"
     "c.png",
     "abc.png"},
    {"a<b>:\"|?*.png", "a_b______.png"},
    {"virus.exe", "virus.exe_"},
    {"virus.EXE", "virus.EXE_"},
    {"film.mkv.scr", "film.mkv.scr_"},
    {"virus.exe. .", "virus.exe_"},
    {"virus.e\nxe", "virus.exe_"},
    {"a\xE2\x80\xAEgpj.png", "agpj.png"},
    {"Amélie.png", "Amélie.png"},
    {"bad\xFF.png", "bad.png"},
    {"folder/", "file"},
};

START_TEST(filename__is_made_harmless)
{
    char clean[FILENAME_SIZE];
    char mended[FILENAME_SIZE];
    struct err err = ERR_INIT;
    filename_clean(cleaned[_i].name, clean);
    ck_assert_str_eq(clean, cleaned[_i].clean);
    ck_assert_int_eq(filename_mend(clean, strlen(clean), mended, &err), E_OK);
    ck_assert_str_eq(mended, clean);
    ck_assert(!filename_is_dangerous(clean));
}
END_TEST

START_TEST(filename__is_cut_to_255_bytes)
{
    char name[1000];
    char clean[FILENAME_SIZE];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memcpy(name + 250, ".exe", 4);
    name[254] = '\0';
    filename_clean(name, clean);
    ck_assert_uint_eq(strlen(clean), 255);
    ck_assert(!filename_is_dangerous(clean));
}
END_TEST

START_TEST(filename__knows_what_a_desktop_would_run)
{
    ck_assert(filename_is_dangerous("setup.exe"));
    ck_assert(filename_is_dangerous("a/b/Codec.MSI"));
    ck_assert(filename_is_dangerous("x.lnk"));
    ck_assert(!filename_is_dangerous("film.mkv"));
    ck_assert(!filename_is_dangerous("exe"));
    ck_assert(!filename_is_dangerous("film.exe.mkv"));
    ck_assert(!filename_is_dangerous(""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filename");
    TCase *tc = tcase_create("filename");
    tcase_add_loop_test(tc, filename__of_a_torrent_is_mended_as_the_engine_mends_it, 0,
                        sizeof inside / sizeof inside[0]);
    tcase_add_test(tc, filename__of_a_torrent_that_is_long_loses_its_middle);
    tcase_add_loop_test(tc, filename__is_made_harmless, 0, sizeof cleaned / sizeof cleaned[0]);
    tcase_add_test(tc, filename__is_cut_to_255_bytes);
    tcase_add_test(tc, filename__knows_what_a_desktop_would_run);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
