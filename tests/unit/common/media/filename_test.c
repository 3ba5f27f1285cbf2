/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/filename.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LEN(text) (sizeof(text) - 1)

/* part: S169 */
static const struct
{
    const char *name;
    size_t len;
    enum err_code code;
} checked[] = {
    {"film.mkv", LEN("film.mkv"), E_OK},
    {".hidden", LEN(".hidden"), E_OK},
    {"...", LEN("..."), E_OK},
    {"Amélie (2001).mkv", LEN("Amélie (2001).mkv"), E_OK},
    {"broken \xE9.txt", LEN("broken \xE9.txt"), E_OK},
    {"", 0, E_REFUSED},
    {".", 1, E_REFUSED},
    {"..", 2, E_REFUSED},
    {"a/b", 3, E_REFUSED},
    {"/etc", 4, E_REFUSED},
    {"../x", 4, E_REFUSED},
    {"..\\x", 4, E_REFUSED},
    {"a\0b", 3, E_REFUSED},
    {"a\nb", 3, E_REFUSED},
    {"a\x7F", 2, E_REFUSED},
    {"a\xC2\x85", 3, E_REFUSED},
    {"a\xE2\x80\xAEgpj.exe", LEN("a\xE2\x80\xAEgpj.exe"), E_REFUSED},
};

START_TEST(filename__refuses_hostile_components)
{
    struct err err = ERR_INIT;
    ck_assert_int_eq(filename_check(checked[_i].name, checked[_i].len, &err), checked[_i].code);
}
END_TEST

START_TEST(filename__may_have_255_bytes)
{
    char name[256];
    struct err err = ERR_INIT;
    memset(name, 'a', sizeof name);
    ck_assert_int_eq(filename_check(name, 255, &err), E_OK);
    ck_assert_int_eq(filename_check(name, 256, &err), E_REFUSED);
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
    struct err err = ERR_INIT;
    filename_clean(cleaned[_i].name, clean);
    ck_assert_str_eq(clean, cleaned[_i].clean);
    ck_assert_int_eq(filename_check(clean, strlen(clean), &err), E_OK);
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
    tcase_add_loop_test(tc, filename__refuses_hostile_components, 0, sizeof checked / sizeof checked[0]);
    tcase_add_test(tc, filename__may_have_255_bytes);
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
