/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/torrent.h"

#include "common/base/buf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct torrent torrent;
static struct err err;
static struct buf buf;

static void setup(void)
{
    arena = arena_new(TORRENT_ARENA_BYTES);
    err = (struct err)ERR_INIT;
    buf_init(&buf, 2 * (size_t)TORRENT_MAX_BYTES);
    torrent = (struct torrent){.total_bytes = -7};
}

static void teardown(void)
{
    buf_fini(&buf);
    arena_free(arena);
}

/* ---- golden files of other programs --------------------------------------------------- */

/* req: S37 */
static const struct
{
    const char *file;
    const char *v1;
    const char *v2;
    const char *name;
    int64_t piece_bytes;
    int64_t piece_count;
    int64_t total_bytes;
    size_t file_count;
    struct
    {
        const char *path;
        int64_t size_bytes;
        size_t index;
    } files[3];
    size_t trackers;
    size_t webseeds;
    bool is_private;
} golden[] = {
    {"v1_single",
     "4c7c0353904292c7de48a19578967bf38e0a057d",
     "",
     "single.webm",
     32768,
     3,
     70000,
     1,
     {{"single.webm", 70000, 0}},
     2,
     0,
     false},
    {"v1_multi",
     "3ee86139e61f9866be9b942361cf0ed81fa7cec5",
     "",
     "Open Film",
     32768,
     4,
     105006,
     3,
     {{"Open Film/Amélie notes.txt", 6, 0},
      {"Open Film/extras/poster.jpg", 5000, 1},
      {"Open Film/film.mkv", 100000, 2}},
     1,
     0,
     true},
    {"v2_single",
     "",
     "6c29477e344114c8f70bbcc8f19ba452abba715e0205b76128cd4dc896c4ac71",
     "single.webm",
     16384,
     5,
     70000,
     1,
     {{"single.webm", 70000, 0}},
     1,
     1,
     false},
    {"v2_multi",
     "",
     "92a29ace234572f32bc73d581b855a3e5995349aac3414232e4aa2f715553e5f",
     "Open Film",
     16384,
     9,
     105006,
     3,
     {{"Open Film/Amélie notes.txt", 6, 0},
      {"Open Film/extras/poster.jpg", 5000, 2},
      {"Open Film/film.mkv", 100000, 4}},
     1,
     1,
     false},
    {"hybrid_single",
     "36924d2eed26cf923167037fb6eae19eead6fcc4",
     "ceda82ce193eee0e735aa1609f6c9921573b5f59af7e8b743c2e744fb8d39d84",
     "single.webm",
     16384,
     5,
     70000,
     1,
     {{"single.webm", 70000, 0}},
     1,
     1,
     false},
    {"hybrid_multi",
     "2e6b65aa2888e8c03d2cf4c20d559221f6884ff8",
     "aa4ff7cbe753808a99fa64ffc4ef29844829ab72bcb78a7c0379390c3c002440",
     "Open Film",
     16384,
     9,
     105006,
     3,
     {{"Open Film/Amélie notes.txt", 6, 0},
      {"Open Film/extras/poster.jpg", 5000, 2},
      {"Open Film/film.mkv", 100000, 4}},
     1,
     1,
     false},
    {"mktorrent_multi",
     "efb367df6fc881aeb085660186077ee13bfbd17f",
     "",
     "Open Film",
     32768,
     3,
     70003,
     2,
     {{"Open Film/a.mkv", 70000, 0}, {"Open Film/b.srt", 3, 1}},
     2,
     1,
     true},
};

static void load(const char *name)
{
    char path[256];
    char bytes[4096];
    snprintf(path, sizeof path, "tests/unit/common/media/golden/%s.torrent", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s (run from the root of the repository)", path);
    buf_add(&buf, bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
}

START_TEST(torrent__agrees_with_other_programs)
{
    load(golden[_i].file);
    ck_assert_msg(torrent_parse(arena, buf.data, buf.len, &torrent, &err) == E_OK, "%s", err.text);
    ck_assert_str_eq(torrent.hash.v1, golden[_i].v1);
    ck_assert_str_eq(torrent.hash.v2, golden[_i].v2);
    ck_assert_str_eq(torrent.name, golden[_i].name);
    ck_assert_int_eq(torrent.piece_bytes, golden[_i].piece_bytes);
    ck_assert_int_eq(torrent.piece_count, golden[_i].piece_count);
    ck_assert_int_eq(torrent.total_bytes, golden[_i].total_bytes);
    ck_assert_uint_eq(torrent.file_count, golden[_i].file_count);
    for (size_t i = 0; i < torrent.file_count; i++)
    {
        ck_assert_str_eq(torrent.files[i].path, golden[_i].files[i].path);
        ck_assert_int_eq(torrent.files[i].size_bytes, golden[_i].files[i].size_bytes);
        ck_assert_uint_eq(torrent.files[i].index, golden[_i].files[i].index);
    }
    ck_assert_uint_eq(torrent.trackers.count, golden[_i].trackers);
    ck_assert_uint_eq(torrent.webseeds.count, golden[_i].webseeds);
    ck_assert_int_eq(torrent.is_private, golden[_i].is_private);
    ck_assert_ptr_eq(memmem(buf.data, buf.len, torrent.info, torrent.info_len), torrent.info);
}
END_TEST

START_TEST(torrent__cut_anywhere_is_refused)
{
    load(golden[_i].file);
    for (size_t len = 0; len < buf.len; len++)
        ck_assert_int_eq(torrent_parse(arena, buf.data, len, &torrent, &err), E_INVALID);
    ck_assert_int_eq(torrent.total_bytes, -7);
}
END_TEST

/* ---- made here ----------------------------------------------------------------------- */

#define P20 "20:aaaaaaaaaaaaaaaaaaaa"
#define ROOT "11:pieces root32:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LEAF(size) "d6:lengthi" size "e" ROOT "e"
#define ONE(name, rest) "d4:infod6:lengthi5e4:name" name "12:piece lengthi16384e6:pieces" P20 rest "ee"
#define MANY(files) "d4:infod5:filesl" files "e4:name1:t12:piece lengthi16384e6:pieces" P20 "ee"
#define FILE5(path) "d6:lengthi5e4:pathl" path "ee"
#define TREE(tree) "d4:infod9:file treed" tree "e12:meta versioni2e4:name1:t12:piece lengthi16384eee"
#define WITH(outer) "d" outer "4:infod6:lengthi5e4:name1:t12:piece lengthi16384e6:pieces" P20 "ee"

/* req: S37 part: S169 */
static const struct
{
    const char *text;
    size_t len;
    enum err_code code;
    const char *says;
} rows[] = {
#define ROW(text, code, says) {text, sizeof(text) - 1, code, says}
    ROW(ONE("5:a.mkv", ""), E_OK, ""),
    ROW(ONE("5:a.mkv", "7:privatei1e"), E_OK, ""),
    ROW(MANY(FILE5("1:a1:b") FILE5("1:a1:c")), E_OK, ""),
    ROW(MANY(FILE5("1:a") FILE5("3:a-b") FILE5("2:ab")), E_OK, ""),
    ROW(MANY(FILE5("1:a") "d4:attr1:p6:lengthi9e4:pathl4:.pad1:9ee"), E_OK, ""),
    ROW(TREE("1:ad0:" LEAF("5") "e1:bd1:cd0:" LEAF("7") "ee"), E_OK, ""),
    ROW(WITH("8:announce19:udp://t.example:80/"), E_OK, ""),
    ROW(WITH("8:announce0:"), E_OK, ""),
    ROW(WITH("8:announcei7e"), E_OK, ""),
    ROW("", E_INVALID, "not a .torrent file"),
    ROW("hello", E_INVALID, "not a .torrent file"),
    ROW("<html>not found</html>", E_INVALID, "not a .torrent file"),
    ROW("le", E_INVALID, "has no info"),
    ROW("de", E_INVALID, "has no info"),
    ROW("d4:infolee", E_INVALID, "has no info"),
    ROW("d4:infodee", E_INVALID, "no hashes of pieces"),
    ROW("d4:infod6:pieces" P20 "ee", E_INVALID, "has no name"),
    ROW("d4:infod4:name1:a6:pieces" P20 "ee", E_INVALID, "has no piece length"),
    ROW("d4:infod12:meta versioni3e4:name1:aee", E_INVALID, "not known here"),
    ROW("d4:infod4:name1:a12:piece lengthi16384e6:pieces" P20 "ee", E_INVALID, "has no length"),
    ROW(ONE("2:..", ""), E_REFUSED, "leads out"),
    ROW(ONE("1:.", ""), E_REFUSED, "leads out"),
    ROW(ONE("0:", ""), E_REFUSED, "empty file name"),
    ROW(ONE("4:/etc", ""), E_REFUSED, "slash"),
    ROW(ONE("5:..\\..", ""), E_OK, ""),
    ROW(ONE("3:a\0b", ""), E_REFUSED, "control character"),
    ROW(ONE("3:a\nb", ""), E_OK, ""),
    ROW(ONE("3:a\x7F_", ""), E_REFUSED, "control character"),
    ROW(MANY(FILE5("5:a\xE2\x80\x8E_")), E_OK, ""),
    ROW(ONE("1:a", "12:symlink pathl4:/etce"), E_REFUSED, "symbolic link"),
    ROW("d4:infod4:attr1:l6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces" P20 "ee", E_REFUSED,
        "symbolic link"),
    ROW(MANY(FILE5("2:..1:a")), E_REFUSED, "leads out"),
    ROW(MANY(FILE5("1:a2:..1:b")), E_REFUSED, "leads out"),
    ROW(MANY(FILE5("0:1:a")), E_REFUSED, "empty file name"),
    ROW(MANY(FILE5("")), E_REFUSED, "empty path"),
    ROW(MANY(FILE5("5:/root")), E_REFUSED, "slash"),
    ROW(MANY(FILE5("3:a\0b")), E_REFUSED, "control character"),
    ROW(MANY(FILE5("i1e")), E_INVALID, "not made of texts"),
    ROW(MANY("d6:lengthi5e4:path1:ae"), E_INVALID, "not a list"),
    ROW(MANY("d6:lengthi5ee"), E_INVALID, "no path"),
    ROW(MANY("d4:attr1:l6:lengthi5e4:pathl1:aee"), E_REFUSED, "symbolic link"),
    ROW(MANY("d6:lengthi-5e4:pathl1:aee"), E_REFUSED, "negative"),
    ROW(MANY("i5e"), E_INVALID, "no length"),
    ROW(MANY(""), E_REFUSED, "do not fit the number of pieces"),
    ROW(MANY(FILE5("1:a") FILE5("3:a-b") FILE5("1:a1:b")), E_REFUSED, "has its folder"),
    ROW(MANY("d6:lengthi9223372036854775807e4:pathl1:aeed6:lengthi1e4:pathl1:bee"), E_REFUSED,
        "do not add up"),
    ROW(MANY("d6:lengthi16385e4:pathl1:aee"), E_REFUSED, "do not fit the number of pieces"),
    ROW(MANY("d6:lengthi0e4:pathl1:aee"), E_REFUSED, "do not fit the number of pieces"),
    ROW("d4:infod6:lengthi9223372036854775807e4:name1:a12:piece lengthi1e6:pieces" P20 "ee", E_REFUSED,
        "pieces"),
    ROW("d4:infod6:lengthi5e4:name1:a12:piece lengthi0e6:pieces" P20 "ee", E_REFUSED, "piece length"),
    ROW("d4:infod6:lengthi5e4:name1:a12:piece lengthi-1e6:pieces" P20 "ee", E_REFUSED, "piece length"),
    ROW("d4:infod6:lengthi5e4:name1:a12:piece lengthi67108864e6:pieces" P20 "ee", E_OK, ""),
    ROW("d4:infod6:lengthi5e4:name1:a12:piece lengthi67108865e6:pieces" P20 "ee", E_REFUSED, "piece length"),
    ROW("d4:infod6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces19:aaaaaaaaaaaaaaaaaaaee", E_INVALID,
        "cut"),
    ROW("d4:infod6:lengthi0e4:name1:a12:piece lengthi16384e6:pieces0:ee", E_INVALID, "no data"),
    ROW(TREE("2:..d0:" LEAF("5") "e"), E_REFUSED, "leads out"),
    ROW(TREE("0:" LEAF("5") "1:ad0:" LEAF("5") "e"), E_REFUSED, "empty file name"),
    ROW(TREE("1:ad0:" LEAF("5") "1:bd0:" LEAF("5") "ee"), E_REFUSED, "has its folder"),
    ROW(TREE("1:ad0:d6:lengthi5eee"), E_INVALID, "no hash"),
    ROW(TREE("1:ai5e"), E_INVALID, "dictionaries"),
    ROW(TREE("1:ad0:" LEAF("9223372036854775807") "e"), E_REFUSED, "pieces"),
    ROW(TREE(""), E_INVALID, "no data"),
    ROW("d4:infod12:meta versioni2e4:name1:t12:piece lengthi20000eee", E_INVALID, "power of two"),
    ROW("d4:infod9:file treed1:ad0:" LEAF(
            "5") "ee6:lengthi5e12:meta versioni2e4:name1:t12:piece lengthi16384e6:pieces" P20 "ee",
        E_REFUSED, "different files"),
    ROW(WITH("8:announce11:file:///etc"), E_OK, ""),
    ROW(WITH("8:announce9:127.0.0.1"), E_OK, ""),
    ROW(WITH("8:url-list19:http://a:b@t.exampl"), E_OK, ""),
    ROW(WITH("8:url-list13:http://a/b\nc/"), E_OK, ""),
};

START_TEST(torrent__refuses_first)
{
    enum err_code code = torrent_parse(arena, rows[_i].text, rows[_i].len, &torrent, &err);
    ck_assert_msg(code == rows[_i].code, "row %d: %s %s", _i, err_reason(code), err.text);
    ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "row %d says: %s", _i, err.text);
    ck_assert(code == E_OK || torrent.total_bytes == -7);
}
END_TEST

static void add_numbers(size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_addf(&buf, "d6:lengthi%de4:pathl%zu:%zuee", i == 0, (size_t)snprintf(NULL, 0, "%zu", i), i);
}

START_TEST(torrent__may_have_100000_files_and_no_more)
{
    for (size_t more = 0; more < 2; more++)
    {
        buf_clear(&buf);
        buf_add_text(&buf, "d4:infod5:filesl");
        add_numbers(TORRENT_MAX_FILES + more);
        buf_add_text(&buf, "e4:name1:t12:piece lengthi16384e6:pieces" P20 "ee");
        ck_assert_int_eq(torrent_parse(arena, buf.data, buf.len, &torrent, &err), more ? E_REFUSED : E_OK);
        ck_assert_uint_eq(torrent.file_count, TORRENT_MAX_FILES);
    }
}
END_TEST

START_TEST(torrent__may_have_262144_pieces_and_no_more)
{
    for (int more = 0; more < 2; more++)
    {
        int pieces = TORRENT_MAX_PIECES + more;
        buf_clear(&buf);
        buf_addf(&buf, "d4:infod6:lengthi%de4:name1:t12:piece lengthi1e6:pieces%d:", pieces, pieces * 20);
        for (int i = 0; i < pieces; i++)
            buf_add(&buf, "aaaaaaaaaaaaaaaaaaaa", 20);
        buf_add_text(&buf, "ee");
        ck_assert_int_eq(torrent_parse(arena, buf.data, buf.len, &torrent, &err), more ? E_REFUSED : E_OK);
    }
}
END_TEST

START_TEST(torrent__keeps_the_first_100_trackers)
{
    buf_clear(&buf);
    buf_add_text(&buf, "d13:announce-listl");
    for (int i = 0; i <= TRACKER_MAX_COUNT; i++)
        buf_addf(&buf, "l23:udp://t%03d.example:8000e", i);
    buf_add_text(&buf, "e4:infod6:lengthi5e4:name1:t12:piece lengthi16384e6:pieces" P20 "ee");
    ck_assert_int_eq(torrent_parse(arena, buf.data, buf.len, &torrent, &err), E_OK);
    ck_assert_uint_eq(torrent.trackers.count, TRACKER_MAX_COUNT);
    ck_assert_str_eq(torrent.trackers.urls[TRACKER_MAX_COUNT - 1], "udp://t099.example:8000");
}
END_TEST

START_TEST(torrent__refuses_a_path_longer_than_4096_bytes)
{
    static const char part[] = "31:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (int count = 127; count <= 128; count++) /* t/ and 32 bytes each, less one slash */
    {
        buf_clear(&buf);
        buf_add_text(&buf, "d4:infod5:filesld6:lengthi5e4:pathl");
        for (int i = 0; i < count; i++)
            buf_add_text(&buf, part);
        buf_add_text(&buf, "eee4:name1:t12:piece lengthi16384e6:pieces" P20 "ee");
        enum err_code want = count == 127 ? E_OK : E_REFUSED;
        ck_assert_int_eq(torrent_parse(arena, buf.data, buf.len, &torrent, &err), want);
    }
}
END_TEST

START_TEST(torrent__refuses_more_than_10_mib)
{
    static const char small[] = "de";
    ck_assert_int_eq(torrent_parse(arena, small, (size_t)TORRENT_MAX_BYTES + 1, &torrent, &err), E_TOO_LARGE);
}
END_TEST

START_TEST(torrent__marks_what_a_desktop_would_run)
{
    static const char text[] = MANY(FILE5("5:a.mkv") FILE5("9:setup.EXE"));
    ck_assert_int_eq(torrent_parse(arena, text, sizeof text - 1, &torrent, &err), E_OK);
    ck_assert(!torrent.files[0].is_dangerous);
    ck_assert(torrent.files[1].is_dangerous);
    ck_assert_str_eq(torrent.files[1].path, "t/setup.EXE");
}
END_TEST

START_TEST(torrent__shows_broken_utf8_as_the_engine_writes_it)
{
    static const char text[] = ONE("6:Am\xE9lie", "");
    ck_assert_int_eq(torrent_parse(arena, text, sizeof text - 1, &torrent, &err), E_OK);
    ck_assert_str_eq(torrent.name, "Am_e");
}
END_TEST

START_TEST(torrent__says_when_memory_is_over)
{
    static const char text[] = ONE("5:a.mkv", "");
    while (arena_alloc(arena, 256) != NULL)
        continue;
    while (arena_alloc(arena, 8) != NULL)
        continue;
    ck_assert_int_eq(torrent_parse(arena, text, sizeof text - 1, &torrent, &err), E_NO_MEMORY);
}
END_TEST

static TCase *new_case(void)
{
    TCase *tc = tcase_create("torrent");
    int goldens = sizeof golden / sizeof golden[0];
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, torrent__agrees_with_other_programs, 0, goldens);
    tcase_add_loop_test(tc, torrent__cut_anywhere_is_refused, 0, goldens);
    tcase_add_loop_test(tc, torrent__refuses_first, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tc, torrent__may_have_100000_files_and_no_more);
    tcase_add_test(tc, torrent__may_have_262144_pieces_and_no_more);
    tcase_add_test(tc, torrent__keeps_the_first_100_trackers);
    tcase_add_test(tc, torrent__refuses_a_path_longer_than_4096_bytes);
    tcase_add_test(tc, torrent__refuses_more_than_10_mib);
    tcase_add_test(tc, torrent__marks_what_a_desktop_would_run);
    tcase_add_test(tc, torrent__shows_broken_utf8_as_the_engine_writes_it);
    tcase_add_test(tc, torrent__says_when_memory_is_over);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("torrent");
    suite_add_tcase(suite, new_case());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
