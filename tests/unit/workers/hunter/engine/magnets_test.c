/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links as people paste them, and random changes of these, read by us and by libtorrent.  What we write of a
 * link must be to libtorrent what we read in it; and where libtorrent reads a pasted link itself, it is the
 * same torrent with no tracker more.  READERS=n changes n times as many.
 */
#include "common/base/parse.h"
#include "common/media/magnet.h"
#include "tests/support/suite.h"
#include "tests/unit/workers/hunter/engine/libtorrent_says.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V1 "dd8255ecdc7ca55fb0bbf81323d87062db1f6d1c"
#define OTHER "0123456789abcdef0123456789abcdef01234567"
#define V2 "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
#define LINK "magnet:?xt=urn:btih:" V1
#define T "&tr=udp://t.example:80/announce"

enum
{
    ROUNDS = 400,
    MAX_LEN = 4096
};

static const char *const pasted[] = {
    LINK,
    LINK T,
    "magnet:?xt=urn:btih:DD8255ECDC7CA55FB0BBF81323D87062DB1F6D1C" T,
    "magnet:?xt=urn:btih:3WBFL3G4PSSV7MF37AJSHWDQMLNR63I4" T,
    "magnet:?xt=urn:btih:3wbfl3g4pssv7mf37ajshwdqmlnr63i4",
    "magnet:?xt=urn:btmh:1220" V2,
    "magnet:?xt=urn:btmh:1220" V2 T "&dn=film",
    LINK "&xt=urn:btmh:1220" V2,
    "magnet:?xt=urn:btmh:1220" V2 "&xt=urn:btih:" V1,
    "magnet:?xt.1=urn:btih:" V1 "&xt.2=urn:btmh:1220" V2,
    LINK "&xt=urn:btih:" V1,
    LINK "&xt=urn:btih:" OTHER,
    "magnet:?xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1&xt=urn:btih:" V1,
    "magnet:?xt=urn:sha1:3WBFL3G4PSSV7MF37AJSHWDQMLNR63I4",
    "magnet:?dn=film" T "&xt=urn:btih:" V1,
    "magnet:?dn=Big+Buck%20Bunny&xt=urn:btih:" V1,
    LINK "&dn=Am%C3%A9lie",
    LINK "&dn=Am\xC3\xA9lie",
    LINK "&dn=Am%E9lie",
    LINK "&dn=%D0%A4%D0%B8%D0%BB%D1%8C%D0%BC",
    LINK "&dn=A%2BB",
    LINK "&dn=A & B" T,
    LINK "&dn=Show #1" T,
    LINK "&dn=100% sure" T,
    LINK "&dn=%E2%80%AEgpj.exe",
    LINK "&dn=",
    LINK "&dn=a%00b",
    LINK "&dn=a%0Ab",
    LINK "&dn=a/b%2Fc",
    LINK "&dn=..%2F..",
    LINK "&dn.1=a&dn=b",
    LINK "&dn=a&dn=b",
    LINK "&xl=123456",
    LINK "&xl=-1&xl=x",
    LINK "&so=0,2-4",
    LINK "&x.pe=192.0.2.1:6881&x.pe=t.example:80",
    LINK "&kt=film+2001&mt=http://m.example/&as=http://a.example/f&xs=http://x.example/f",
    LINK "&amp;dn=film&amp;tr=udp://t.example:80",
    LINK "&tr=udp%3A%2F%2Ft.example%3A6969%2Fannounce&tr.1=https%3A%2F%2Ft.example%2Fannounce",
    LINK T T T,
    LINK "&tr=313131" T,
    LINK "&tr=dht://t.example" T,
    LINK "&tr=wss%3A%2F%2Ft.example" T,
    LINK "&tr=" T,
    LINK "&tr=tracker.example:80/announce" T,
    LINK "&tr=%20udp://t.example:80/announce%0D%0A",
    LINK "&tr=udp://t.example:80/an nounce",
    LINK "&tr=http://t.example/announce?key=a%26b",
    LINK "&tr=http://t.example/Am%C3%A9lie",
    LINK "&tr=http://t.example/a+b",
    LINK "&tr=UDP://t.example:80",
    LINK "&tr=http://user:pw@t.example/announce" T,
    LINK "&tr=udp://[2001:db8::1]:80/announce",
    LINK "&tr=udp://t.example:99999/announce" T,
    LINK "&ws=https%3A%2F%2Fw.example%2Ff%2F&ws=ftp://w.example/f",
    LINK "&ws=http://w.example/my file/",
    LINK "\n",
    " \r\n\t" LINK T " \r\n",
    "\xC2\xA0" LINK T,
    "\xEF\xBB\xBF " LINK T "\xE2\x80\x8B\r\n",
    LINK "\xC2\xA0",
    LINK " & dn = film" T,
    "MAGNET:?XT=URN:BTIH:" V1,
    "magnet:"
    "?&&xt=urn:btih:" V1 "&",
    "magnet:xt=urn:btih:" V1,
    "magnet:?xt=urn:btih:" V1 "0",
    "magnet:?xt=urn:btih:"
    "dd8255ecdc7ca55fb0bbf81323d87062db1f6d1",
    "magnet:?xt=urn:btih:"
    "gg8255ecdc7ca55fb0bbf81323d87062db1f6d1c",
    "magnet:?xt=urn:btih:",
    "magnet:?xt=urn:btmh:1120" V2,
    "magnet:?dn=film",
    "magnet:?",
    "http://t.example/?xt=urn:btih:" V1,
    V1,
    "",
};

/* The list of magnet.h: libtorrent takes these, we do not. */
static const char *const refused_on_purpose[] = {
    "the magnet link names two different torrents",
    "the hash of the magnet link is not",
};

static const char *const pieces[] = {
    "&",
    "=",
    "%",
    "%2",
    "%00",
    "%0A",
    "%FF",
    "#",
    "+",
    " ",
    "?",
    ":",
    "/",
    "&tr=",
    "&dn=",
    "&xt=",
    "&ws=",
    "&amp;",
    "udp://",
    "http://",
    "https://",
    "urn:btih:",
    "urn:btmh:1220",
    V1,
    V2,
    OTHER,
    "\xC3\xA9",
    "\xFF",
    "\x01",
    ".1",
    "&xl=7",
    "&so=0",
    "a.example",
    "3WBFL3G4PSSV7MF37AJSHWDQMLNR63I4",
};

static uint64_t random_state;

static size_t below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)((random_state >> 11) % limit);
}

/* A piece put in, some bytes left out, or both. */
static void change(char *link)
{
    char old[MAX_LEN];
    size_t len = strlen(link);
    size_t at = below(len + 1);
    size_t out = below(3) == 0 ? 0 : below(below(8) == 0 ? 40 : 3);
    const char *in = below(3) == 0 ? "" : pieces[below(sizeof pieces / sizeof pieces[0])];
    memcpy(old, link, len + 1);
    snprintf(link, MAX_LEN, "%.*s%s%s", (int)at, old, in, old + (at + out < len ? at + out : len));
}

static void say(struct buf *buf, const struct magnet *magnet)
{
    if (magnet->hash.v1[0] != '\0')
        buf_addf(buf, "v1 %s\n", magnet->hash.v1);
    if (magnet->hash.v2[0] != '\0')
        buf_addf(buf, "v2 %s\n", magnet->hash.v2);
    buf_addf(buf, "name %s\n", magnet->name);
    for (size_t i = 0; i < magnet->trackers.count; i++)
        buf_addf(buf, "tr %s\n", magnet->trackers.urls[i]);
    for (size_t i = 0; i < magnet->webseeds.count; i++)
        buf_addf(buf, "ws %s\n", magnet->webseeds.urls[i]);
}

static bool has(const struct tracker_list *list, const char *url)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->urls[i], url) == 0)
            return true;
    return false;
}

/* An address that libtorrent reads in a pasted link is ours too, unless tracker.h leaves it out or libtorrent
 * made a blank of its '+'. */
static bool is_ours(struct arena *arena, const struct magnet *magnet, const char *line, const char *link)
{
    bool seed = line[0] == 'w';
    struct tracker_list kept = {0};
    struct err err = ERR_INIT;
    ck_assert_int_eq(tracker_list_add(arena, &kept, seed ? TRACKER_WEBSEED : TRACKER_ANNOUNCE, line + 3,
                                      strlen(line + 3), &err),
                     E_OK);
    return kept.count == 0 || strchr(link, '+') != NULL ||
           has(seed ? &magnet->webseeds : &magnet->trackers, kept.urls[0]);
}

/* What libtorrent reads in a pasted link. */
static void check_pasted(struct arena *arena, const struct magnet *magnet, const char *ours, const char *link)
{
    char *theirs = NULL;
    if (libtorrent_says_magnet(link, &theirs))
        for (char *next = theirs, *line = strsep(&next, "\n"); line != NULL; line = strsep(&next, "\n"))
        {
            if (strncmp(line, "v1 ", 3) == 0 || strncmp(line, "v2 ", 3) == 0)
                ck_assert_msg(strstr(ours, line) != NULL, "%s is not in ours, %s, of %s", line, ours, link);
            if (strncmp(line, "tr ", 3) == 0 || strncmp(line, "ws ", 3) == 0)
                ck_assert_msg(is_ours(arena, magnet, line, link), "%s is not in ours, %s, of %s", line, ours,
                              link);
        }
    free(theirs);
}

static void check_taken(struct arena *arena, const struct magnet *magnet, const char *link)
{
    struct buf ours;
    struct buf written;
    char *theirs = NULL;
    buf_init(&ours, 1 << 20);
    buf_init(&written, 1 << 20);
    say(&ours, magnet);
    magnet_write(&written, magnet);
    ck_assert_msg(libtorrent_says_magnet(written.data, &theirs), "libtorrent refuses %s: %s", written.data,
                  theirs);
    ck_assert_msg(strcmp(theirs, ours.data) == 0, "of %s we say\n%slibtorrent\n%s", link, ours.data, theirs);
    free(theirs);
    check_pasted(arena, magnet, ours.data, link);
    buf_fini(&written);
    buf_fini(&ours);
}

static bool is_on_purpose(const char *why)
{
    for (size_t i = 0; i < sizeof refused_on_purpose / sizeof refused_on_purpose[0]; i++)
        if (strncmp(why, refused_on_purpose[i], strlen(refused_on_purpose[i])) == 0)
            return true;
    return false;
}

static void compare(const char *link)
{
    struct arena *arena = arena_new(1 << 20);
    struct magnet magnet;
    struct err err = ERR_INIT;
    char *theirs = NULL;
    if (magnet_parse(arena, link, &magnet, &err) == E_OK)
        check_taken(arena, &magnet, link);
    else if (libtorrent_says_magnet(link, &theirs))
        ck_assert_msg(is_on_purpose(err.text), "we refuse %s: %s; libtorrent says %s", link, err.text,
                      theirs);
    free(theirs);
    arena_free(arena);
}

static int rounds(void)
{
    const char *text = getenv("READERS");
    int64_t times = 1;
    bool is_given = text != NULL && parse_i64(text, &times) && times > 0 && times <= 1000;
    return ROUNDS * (is_given ? (int)times : 1);
}

/* req: S42 */
START_TEST(magnets__that_people_paste_are_the_same_to_libtorrent)
{
    compare(pasted[_i]);
}
END_TEST

/* part: S42 */
START_TEST(magnets__changed_at_random_are_the_same_to_libtorrent)
{
    random_state = UINT64_C(88172645463325252) + (uint64_t)_i;
    for (int i = rounds(); i > 0; i--)
    {
        char link[MAX_LEN];
        snprintf(link, sizeof link, "%s", pasted[_i]);
        for (size_t changes = 1 + below(3); changes > 0; changes--)
            change(link);
        compare(link);
    }
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {magnets__that_people_paste_are_the_same_to_libtorrent, sizeof pasted / sizeof pasted[0]},
        {magnets__changed_at_random_are_the_same_to_libtorrent, sizeof pasted / sizeof pasted[0]},
    };
    return suite_run("magnets", cases, sizeof cases / sizeof cases[0]);
}
