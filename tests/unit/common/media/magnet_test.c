/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/magnet.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V1 "dd8255ecdc7ca55fb0bbf81323d87062db1f6d1c"
#define V2 "d8dd32ac93357c368556af3ac1d95c9d76bd0dff6fa9833ecdac3d53134efabb"

static struct arena *arena;
static struct err err;

static void setup(void)
{
    arena = arena_new(256 * 1024);
    err = (struct err)ERR_INIT;
}

static void teardown(void)
{
    arena_free(arena);
}

/* part: S42 */
static const struct
{
    const char *text;
    const char *v1;
    const char *v2;
    const char *name;
    size_t trackers;
    size_t webseeds;
} good[] = {
    {"magnet:?xt=urn:btih:" V1, V1, "", "", 0, 0},
    {"MAGNET:?XT=URN:BTIH:DD8255ECDC7CA55FB0BBF81323D87062DB1F6D1C", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:3WBFL3G4PSSV7MF37AJSHWDQMLNR63I4", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:3wbfl3g4pssv7mf37ajshwdqmlnr63i4", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btmh:1220" V2, "", V2, "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&xt=urn:btmh:1220" V2, V1, V2, "", 0, 0},
    {"magnet:?xt.1=urn:btih:" V1 "&xt.2=urn:btmh:1220" V2, V1, V2, "", 0, 0},
    {"magnet:?xt.=urn:btih:" V1 "&tr.=udp://t.example:80&dn.x=a", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&xt=urn:btih:" V1, V1, "", "", 0, 0},
    {"magnet:?xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1&xt=urn:btih:" V1, V1, "", "", 0, 0},
    {"magnet:?dn=Big+Buck%20Bunny&xt=urn:btih:" V1, V1, "", "Big Buck Bunny", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=Am%C3%A9lie", V1, "", "Amélie", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=Am%E9lie", V1, "", "Am\xEF\xBF\xBDlie", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=A%2BB", V1, "", "A+B", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&unknown&=&&x=%ZZ", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&amp;dn=Sintel", V1, "", "Sintel", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=a#b", V1, "", "a#b", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=udp%3A%2F%2Ft.example%3A6969&tr.1=https%3A%2F%2Ft.example%2Fannounce", V1,
     "", "", 2, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=udp%3A%2F%2Ft.example%3A6969&tr=udp%3A%2F%2Ft.example%3A6969", V1, "", "",
     1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=wss%3A%2F%2Ft.example&tr=&tr=nonsense", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&ws=https%3A%2F%2Fw.example%2Ff%2F&ws=udp%3A%2F%2Fw.example", V1, "", "", 0,
     1},
    {"magnet:?xt=urn:btih:" V1 "&dn=Show #1&tr=udp://t.example:80/announce", V1, "", "Show #1", 1, 0},
    {"magnet:?dn=Show #1&xt=urn:btih:" V1, V1, "", "Show #1", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=100% sure", V1, "", "100% sure", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=50%", V1, "", "50%", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=%4&x=%ZZ", V1, "", "%4", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=%zz&tr=udp://t.example:1", V1, "", "%zz", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=a%00b", V1, "", "a b", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=%E2%80%AEgpj%E2%81%A6%C2%85.exe", V1, "", "gpj.exe", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=a%0Ab%0A", V1, "", "a b", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "\n", V1, "", "", 0, 0},
    {" \r\n\tmagnet:?xt=urn:btih:" V1 " \r\n", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 " & dn = Sintel", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "%0A& dn= Sintel ", V1, "", "Sintel", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&dn=A & B&tr=udp://t.example:80", V1, "", "A", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&amp;tr=udp://t.example:80", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=tracker.example:80/announce", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=313131&tr=dht://t.example&tr=udp://t.example:80", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=%20udp://t.example:80/announce%0D%0A", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=udp://t.example:80/an nounce", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=http%3A%2F%2Ft.example%2Fa%0Ab&tr=http://t.example/%00x", V1, "", "", 0,
     0},
    {"magnet:?xt=urn:btih:" V1 "&tr=udp%3A%2F%2F&tr=http:///announce&tr=udp://%", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=UDP://t.example:80&tr=udp://t.example:80", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=file%3A%2F%2F%2Fetc%2Fpasswd", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=http%3A%2F%2Fme%3Apw%40t.example", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&tr=http://a%5C@t.example/&tr=http://t.example/a@b", V1, "", "", 1, 0},
    {"magnet:?xt=urn:btih:" V1 "&ws=gopher%3A%2F%2Fw.example&ws=ftp://w.example/f", V1, "", "", 0, 0},
    {"magnet:?xt=urn:btih:" V1 "&ws=http://w.example/my file/", V1, "", "", 0, 1},
};

START_TEST(magnet__reads_what_people_paste)
{
    struct magnet magnet;
    ck_assert_msg(magnet_parse(arena, good[_i].text, &magnet, &err) == E_OK, "%s", err.text);
    ck_assert_str_eq(magnet.hash.v1, good[_i].v1);
    ck_assert_str_eq(magnet.hash.v2, good[_i].v2);
    ck_assert_str_eq(magnet.name, good[_i].name);
    ck_assert_uint_eq(magnet.trackers.count, good[_i].trackers);
    ck_assert_uint_eq(magnet.webseeds.count, good[_i].webseeds);
}
END_TEST

START_TEST(magnet__written_and_read_again_is_the_same)
{
    struct magnet magnet;
    struct magnet again;
    struct buf buf;
    buf_init(&buf, MAGNET_MAX_LEN);
    ck_assert_int_eq(magnet_parse(arena, good[_i].text, &magnet, &err), E_OK);
    magnet.size_bytes = INT64_MAX;
    magnet_write(&buf, &magnet);
    ck_assert(!buf.failed);
    ck_assert_msg(magnet_parse(arena, buf.data, &again, &err) == E_OK, "%s: %s", err.text, buf.data);
    ck_assert_str_eq(again.hash.v1, magnet.hash.v1);
    ck_assert_str_eq(again.hash.v2, magnet.hash.v2);
    ck_assert_str_eq(again.name, magnet.name);
    ck_assert_int_eq(again.size_bytes, INT64_MAX);
    ck_assert_uint_eq(again.trackers.count, magnet.trackers.count);
    for (size_t i = 0; i < again.trackers.count; i++)
        ck_assert_str_eq(again.trackers.urls[i], magnet.trackers.urls[i]);
    ck_assert_uint_eq(again.webseeds.count, magnet.webseeds.count);
    buf_fini(&buf);
}
END_TEST

/* part: S42 */
static const struct
{
    const char *text;
    enum err_code code;
    const char *says;
} bad[] = {
    {"", E_INVALID, "does not begin with magnet:?"},
    {"magnet:", E_INVALID, "does not begin with magnet:?"},
    {"http://example.org/a.torrent", E_INVALID, "does not begin with magnet:?"},
    {V1, E_INVALID, "does not begin with magnet:?"},
    {"magnet:?", E_INVALID, "has no BitTorrent hash"},
    {"magnet:?dn=Sintel", E_INVALID, "has no BitTorrent hash"},
    {"magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", E_INVALID, "has no BitTorrent hash"},
    {"magnet:?xt=urn:btih:", E_INVALID, "is not 40 hexadecimal or 32 base32"},
    {"magnet:?xt=urn:btih:dd8255ecdc7ca55fb0bbf81323d87062db1f6d1", E_INVALID, "is not 40"},
    {"magnet:?xt=urn:btih:dd8255ecdc7ca55fb0bbf81323d87062db1f6d1cc", E_INVALID, "is not 40"},
    {"magnet:?xt=urn:btih:dd8255ecdc7ca55fb0bbf81323d87062db1f6d1g", E_INVALID, "is not 40"},
    {"magnet:?xt=urn:btih:3WBFL3G4PSSV7MF37AJSHWDQMLNR6318", E_INVALID, "is not 40"},
    {"magnet:?xt=urn:btih:" V2, E_INVALID, "is not 40"},
    {"magnet:?xt=urn:btmh:" V2, E_INVALID, "is not 1220 and 64"},
    {"magnet:?xt=urn:btmh:1114" V1, E_INVALID, "is not 1220 and 64"},
    {"magnet:?xt=urn:btmh:1320" V2, E_INVALID, "is not 1220 and 64"},
    {"magnet:?xt=urn:btih:" V1 "&xt=urn:btih:0000000000000000000000000000000000000001", E_INVALID,
     "two different"},
};

START_TEST(magnet__refuses_others_with_a_clear_sentence)
{
    struct magnet magnet = {.size_bytes = 42};
    ck_assert_int_eq(magnet_parse(arena, bad[_i].text, &magnet, &err), bad[_i].code);
    ck_assert_msg(strstr(err.text, bad[_i].says) != NULL, "it says: %s", err.text);
    ck_assert_int_eq(magnet.size_bytes, 42); /* nothing is written on failure */
}
END_TEST

START_TEST(magnet__refuses_a_link_longer_than_8_kib)
{
    struct magnet magnet;
    char *text = arena_alloc(arena, MAGNET_MAX_LEN + 2);
    strcpy(text, "magnet:?xt=urn:btih:" V1 "&x=");
    memset(text + strlen(text), 'a', MAGNET_MAX_LEN - strlen(text));
    ck_assert_int_eq(magnet_parse(arena, text, &magnet, &err), E_OK);
    text[MAGNET_MAX_LEN] = 'a';
    ck_assert_int_eq(magnet_parse(arena, text, &magnet, &err), E_INVALID);
}
END_TEST

START_TEST(magnet__keeps_the_first_100_trackers)
{
    struct magnet magnet;
    struct buf buf;
    buf_init(&buf, MAGNET_MAX_LEN);
    buf_add_text(&buf, "magnet:?xt=urn:btih:" V1);
    for (int i = 0; i <= TRACKER_MAX_COUNT; i++)
        buf_addf(&buf, "&tr=udp://t%d.example:80", i);
    buf_add_text(&buf, "&dn=Sintel");
    ck_assert_int_eq(magnet_parse(arena, buf.data, &magnet, &err), E_OK);
    ck_assert_uint_eq(magnet.trackers.count, TRACKER_MAX_COUNT);
    ck_assert_str_eq(magnet.trackers.urls[0], "udp://t0.example:80");
    ck_assert_str_eq(magnet.trackers.urls[TRACKER_MAX_COUNT - 1], "udp://t99.example:80");
    ck_assert_str_eq(magnet.name, "Sintel");
    buf_fini(&buf);
}
END_TEST

START_TEST(magnet__writes_addresses_as_they_are_asked)
{
    struct magnet magnet;
    ck_assert_int_eq(magnet_parse(arena,
                                  "magnet:?xt=urn:btih:" V1 "&tr= HTTPS://T.example/a+b?k=%25&ws="
                                  "Http://w.example/my%20file/&ws=http://w.example/Am\xC3\xA9lie/%E9/",
                                  &magnet, &err),
                     E_OK);
    ck_assert_str_eq(magnet.trackers.urls[0], "https://T.example/a+b?k=%");
    ck_assert_str_eq(magnet.webseeds.urls[0], "http://w.example/my%20file/");
    ck_assert_str_eq(magnet.webseeds.urls[1], "http://w.example/Am%c3%a9lie/%e9/");
}
END_TEST

/* A byte that is no UTF-8 becomes three. */
static const struct
{
    const char *character;
    size_t len;
} long_names[] = {{"%C3%A9", 254},  {"%FF", 255},     {"a", 255},
                  {"%E2%80%8E", 0}, {"a%20%20", 253}, {"%E2%80%8E%20", 0}};

START_TEST(magnet__cuts_a_long_name_between_characters)
{
    struct magnet magnet;
    struct buf buf;
    buf_init(&buf, MAGNET_MAX_LEN);
    buf_add_text(&buf, "magnet:?xt=urn:btih:" V1 "&dn=");
    for (int i = 0; i < 400; i++)
        buf_add_text(&buf, long_names[_i].character);
    ck_assert_int_eq(magnet_parse(arena, buf.data, &magnet, &err), E_OK);
    ck_assert_uint_eq(strlen(magnet.name), long_names[_i].len);
    buf_fini(&buf);
}
END_TEST

START_TEST(magnet__says_when_memory_is_over)
{
    struct magnet magnet;
    while (arena_alloc(arena, 64) != NULL)
        continue;
    ck_assert_int_eq(magnet_parse(arena, "magnet:?xt=urn:btih:" V1, &magnet, &err), E_NO_MEMORY);
}
END_TEST

START_TEST(magnet__reads_a_bare_hash)
{
    struct infohash hash = {0};
    ck_assert(infohash_parse(V1, 40, &hash));
    ck_assert(infohash_parse("1220" V2, 68, &hash));
    ck_assert_str_eq(hash.v1, V1);
    ck_assert_str_eq(hash.v2, V2);
    ck_assert(!infohash_parse(V1, 39, &hash));
    ck_assert(!infohash_parse("", 0, &hash));
    ck_assert(!infohash_parse("1221" V2, 68, &hash));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("magnet");
    TCase *tc = tcase_create("magnet");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, magnet__reads_what_people_paste, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tc, magnet__written_and_read_again_is_the_same, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tc, magnet__refuses_others_with_a_clear_sentence, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tc, magnet__refuses_a_link_longer_than_8_kib);
    tcase_add_test(tc, magnet__keeps_the_first_100_trackers);
    tcase_add_test(tc, magnet__writes_addresses_as_they_are_asked);
    tcase_add_loop_test(tc, magnet__cuts_a_long_name_between_characters, 0,
                        sizeof long_names / sizeof long_names[0]);
    tcase_add_test(tc, magnet__says_when_memory_is_over);
    tcase_add_test(tc, magnet__reads_a_bare_hash);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
