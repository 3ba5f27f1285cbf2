/* SPDX-License-Identifier: Apache-2.0 */
/* Torrents of version 2 and of both: what libtorrent refuses, and how files are named and numbered. */
#include "common/base/buf.h"
#include "common/media/torrent.h"
#include "tests/support/suite.h"

#include <string.h>

static struct arena *arena;
static struct torrent torrent;
static struct err err;
static struct buf buf;

static void setup(void)
{
    arena = arena_new(TORRENT_ARENA_BYTES);
    err = (struct err)ERR_INIT;
    buf_init(&buf, 4096);
}

static void teardown(void)
{
    buf_fini(&buf);
    arena_free(arena);
}

#define P20 "20:aaaaaaaaaaaaaaaaaaaa"
#define ROOT "11:pieces root32:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LEAF(size) "d6:lengthi" size "e" ROOT "e"
#define ONE(name, rest) "d4:infod6:lengthi5e4:name" name "12:piece lengthi16384e6:pieces" P20 rest "ee"
#define MANY(files) "d4:infod5:filesl" files "e4:name1:t12:piece lengthi16384e6:pieces" P20 "ee"
#define FILE5(path) "d6:lengthi5e4:pathl" path "ee"
#define TREE(tree) "d4:infod9:file treed" tree "e12:meta versioni2e4:name1:t12:piece lengthi16384eee"
#define EMPTY "d6:lengthi0ee"
#define HYBRID_OF_TWO(rest)                                                                                  \
    "d4:infod9:file treed1:ad0:" LEAF("5") "e1:bd0:" EMPTY "ee5:filesld6:lengthi5e4:pathl1:aee" rest         \
                                           "e12:meta versioni2e4:name1:t12:piece lengthi16384e6:pieces" P20  \
                                           "ee"

#define NO_ROOT "11:pieces root32:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define HYBRID(file, padding)                                                                                \
    "d4:infod9:file treed1:ad0:" LEAF("5") "ee5:filesld" file padding                                        \
                                           "e12:meta versioni2e4:name1:t12:piece lengthi16384e6:pieces" P20  \
                                           "ee"
/* req: S37 */
static const struct
{
    const char *text;
    size_t len;
    enum err_code code;
    const char *says;
} rows[] = {
#define ROW(text, code, says) {text, sizeof(text) - 1, code, says}
    ROW(TREE("0:" LEAF("5")), E_REFUSED, "empty file name"),
    ROW(TREE("1:ad0:d6:lengthi5e" NO_ROOT "ee"), E_INVALID, "no hash"),
    ROW(TREE("1:bd0:" LEAF("5") "e1:ad0:" LEAF("5") "e"), E_INVALID, "not in order"),
    ROW(TREE("2:abd0:" LEAF("5") "e1:ad0:" LEAF("5") "e"), E_INVALID, "not in order"),
    ROW(TREE("1:ad1:cd0:" LEAF("5") "e1:bd0:" LEAF("5") "ee"), E_INVALID, "not in order"),
    ROW("d4:infod12:meta versioni2e9:file treed1:ad0:" LEAF("5") "ee4:name1:t12:piece lengthi16384eee",
        E_INVALID, "not in order"),
    ROW(TREE("1:ad0:d4:attr1:p6:lengthi5e" ROOT "ee"), E_INVALID, "padding"),
    ROW(ONE("1:a", "9:file treede"), E_INVALID, "not of version 2"),
    ROW("d4:infod9:file treed1:ad0:" LEAF("5") "ee6:lengthi5e12:meta versioni2e4:name1:t12:piece "
                                               "lengthi16384eee",
        E_INVALID, "no hashes of pieces"),
    ROW("d4:infod9:file treed1:ad0:" LEAF(
            "5") "ee12:meta versioni2e4:name1:t12:piece lengthi16384e6:piecesleee",
        E_INVALID, "no hashes of pieces"),
    ROW(MANY(FILE5("1:a") "d4:attr1:p6:lengthi9e4:pathli7eee"), E_INVALID, "not made of texts"),
    ROW(MANY(FILE5("1:a") "d4:attr1:p6:lengthi9e4:pathlee"), E_REFUSED, "empty path"),
    ROW(HYBRID("6:lengthi5e4:pathl1:aee", ""), E_OK, ""),
    ROW(HYBRID("6:lengthi5e4:pathl1:aee", "d4:attr1:p6:lengthi16379e4:pathl1:.ee"), E_OK, ""),
    ROW(HYBRID("6:lengthi5e4:pathl1:aee", "d4:attr1:p6:lengthi6e4:pathl1:.ee"), E_REFUSED, "different files"),
    ROW(HYBRID("4:attr1:p6:lengthi9e4:pathl1:.eed6:lengthi5e4:pathl1:aee", ""), E_REFUSED, "different files"),
};

START_TEST(torrent_v2__refuses_what_the_engine_refuses)
{
    enum err_code code = torrent_parse(arena, rows[_i].text, rows[_i].len, &torrent, &err);
    ck_assert_msg(code == rows[_i].code, "row %d: %s %s", _i, err_reason(code), err.text);
    ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "row %d says: %s", _i, err.text);
}
END_TEST

/* What libtorrent says of these; readers_test.c asks it of many more. */
static const struct
{
    const char *text;
    const char *name;
    const char *files; /* INDEX:PATH */
} layouts[] = {
    {TREE("1:ad0:" LEAF("5") "e"), "a", "0:a "},
    {TREE("1:ad1:bd0:" LEAF("5") "ee"), "t", "0:t/a/b "},
    {TREE("1:ad0:" LEAF("5") "e1:bd0:" EMPTY "e1:cd0:" LEAF("5") "e"), "t", "0:t/a 2:t/b 3:t/c "},
    {TREE("1:ad0:" LEAF("5") "e1:bd0:" EMPTY "e"), "t", "0:t/a 2:t/b "},
    {TREE("1:ad0:" EMPTY "e1:bd0:" LEAF("5") "e"), "t", "0:t/a 1:t/b "},
    {HYBRID("6:lengthi5e4:pathl1:aee", ""), "t", "0:t/a "},
    {TREE("1:ad0:" LEAF("5") "e4:a\xE2\x80\x8E"
                             "d0:" LEAF("5") "e"),
     "t", "0:t/a 2:t/a (2) "},
    {MANY(FILE5("5:\xFE.mkv") "d4:attr1:p6:lengthi9e4:pathl1:.ee" FILE5("5:\xFF.mkv")), "t",
     "0:t/_.mkv 2:t/_ (2).mkv "},
    {"d4:infod9:file treed1:ad0:" LEAF("5") "e1:bd0:" EMPTY "e1:cd0:" LEAF(
         "7") "ee5:filesl"
              "d6:lengthi5e4:pathl1:aee"
              "d6:lengthi0e4:pathl1:bee"
              "d4:attr1:p6:lengthi16379e4:pathl1:.ee"
              "d6:lengthi7e4:pathl1:cee"
              "e12:meta versioni2e4:name1:t12:piece lengthi16384e6:pieces40:aaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaee",
     "t", "0:t/a 2:t/b 3:t/c "},
    {HYBRID_OF_TWO("d6:lengthi0e4:pathl1:bee"), "t", "0:t/a 1:t/b "},
    {HYBRID_OF_TWO("d4:attr1:p6:lengthi16379e4:pathl1:.eed6:lengthi0e4:pathl1:bee"), "t", "0:t/a 2:t/b "},
};

START_TEST(torrent_v2__numbers_and_names_files_as_the_engine_does)
{
    ck_assert_msg(torrent_parse(arena, layouts[_i].text, strlen(layouts[_i].text), &torrent, &err) == E_OK,
                  "row %d: %s", _i, err.text);
    for (size_t i = 0; i < torrent.file_count; i++)
        buf_addf(&buf, "%zu:%s ", torrent.files[i].index, torrent.files[i].path);
    ck_assert_str_eq(buf.data, layouts[_i].files);
    ck_assert_str_eq(torrent.name, layouts[_i].name);
}
END_TEST

START_TEST(torrent_v2__or_1_is_private_by_any_number_but_0)
{
    static const char text[] = ONE("1:a", "7:privatei2e");
    ck_assert_int_eq(torrent_parse(arena, text, sizeof text - 1, &torrent, &err), E_OK);
    ck_assert(torrent.is_private);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {torrent_v2__refuses_what_the_engine_refuses, sizeof rows / sizeof rows[0]},
        {torrent_v2__numbers_and_names_files_as_the_engine_does, sizeof layouts / sizeof layouts[0]},
        {torrent_v2__or_1_is_private_by_any_number_but_0, 1},
    };
    return suite_run_with("torrent_v2", cases, sizeof cases / sizeof cases[0], setup, teardown);
}
