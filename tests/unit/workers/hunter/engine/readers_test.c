/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our reader of .torrents and libtorrent, which will write the files, are asked the same: torrents made here
 * with all kinds of names, layouts and versions, and those of other programs, after random changes.
 * READERS=n asks n times as much.
 */
#include "common/base/parse.h"
#include "common/media/torrent.h"
#include "tests/support/suite.h"
#include "tests/support/torrent_maker.h"
#include "tests/unit/workers/hunter/engine/libtorrent_says.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum
{
    MAX_BYTES = 1 << 20,
    ROUNDS = 2500,
    MADE_RUNS = 4
};

static const char *const golden[] = {"v1_single",     "v1_multi",     "v2_single",      "v2_multi",
                                     "hybrid_single", "hybrid_multi", "mktorrent_multi"};

/* The list of torrent.h: libtorrent takes these, we do not. */
static const char *const refused_on_purpose[] = {
    "a file name with a control character in it",
    "an empty file name",
    "an empty path",
    "a file name with a slash in it",
    "a file name that leads out of its folder",
    "a file where another file has its folder",
    "the torrent has a symbolic link",
    "the torrent has no data",
    "the torrent has no hashes of pieces",
    "the two versions inside the torrent tell of different files",
    "the files of the torrent are not a list",
    "a path of the torrent is not",
    "a file of the torrent has no length",
    "a file of the torrent has no path",
    "a version of torrents that is not known here",
    "a file tree in a torrent that is not of version 2",
    "the sizes of the files do not fit the number of pieces",
    "a piece length that is not within",
    "not a .torrent file: a broken number",
    "not a .torrent file: a broken text",
    "not a .torrent file: a broken key",
    "not a .torrent file: the same key twice",
    "not a .torrent file: bytes behind the end",
};

static struct buf torrent_bytes;
static struct buf ours;
static size_t taken; /* by both */

static void setup(void)
{
    buf_init(&torrent_bytes, MAX_BYTES);
    buf_init(&ours, MAX_BYTES);
}

static void teardown(void)
{
    buf_fini(&ours);
    buf_fini(&torrent_bytes);
}

static int rounds(void)
{
    const char *text = getenv("READERS");
    int64_t times = 1;
    return text != NULL && parse_i64(text, &times) && times > 0 && times <= 1000 ? ROUNDS * (int)times
                                                                                 : ROUNDS;
}

static void load_golden(const char *name)
{
    char path[256];
    char block[8192];
    snprintf(path, sizeof path, "tests/unit/common/media/golden/%s.torrent", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s (run from the root of the repository)", path);
    buf_clear(&torrent_bytes);
    buf_add(&torrent_bytes, block, fread(block, 1, sizeof block, file));
    fclose(file);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void say(const struct torrent *torrent)
{
    buf_clear(&ours);
    if (torrent->hash.v1[0] != '\0')
        buf_addf(&ours, "v1 %s\n", torrent->hash.v1);
    if (torrent->hash.v2[0] != '\0')
        buf_addf(&ours, "v2 %s\n", torrent->hash.v2);
    buf_addf(&ours, "name %s\npieces %lld %lld\nprivate %d\n", torrent->name, (long long)torrent->piece_count,
             (long long)torrent->piece_bytes, torrent->is_private);
    for (size_t i = 0; i < torrent->file_count; i++)
        buf_addf(&ours, "file %zu %lld %s\n", torrent->files[i].index,
                 (long long)torrent->files[i].size_bytes, torrent->files[i].path);
}

/* The torrent as a text of C. */
static const char *shown(void)
{
    buf_clear(&ours);
    for (size_t i = 0; i < torrent_bytes.len; i++)
    {
        unsigned char c = (unsigned char)torrent_bytes.data[i];
        buf_addf(&ours, c >= ' ' && c < 0x7F && c != '\\' ? "%c" : "\\%03o", c);
    }
    return ours.data;
}

static bool is_on_purpose(const char *why)
{
    for (size_t i = 0; i < sizeof refused_on_purpose / sizeof refused_on_purpose[0]; i++)
        if (strncmp(why, refused_on_purpose[i], strlen(refused_on_purpose[i])) == 0)
            return true;
    return false;
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

static void decode(char *url)
{
    char *to = url;
    for (const char *at = url; *at != '\0'; at++)
    {
        int high = *at == '%' ? hex_digit(at[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(at[2]);
        *to++ = low < 0 ? *at : (char)(high << 4 | low);
        at += low < 0 ? 0 : 2;
    }
    *to = '\0';
}

/* Libtorrent encodes more, and ends the web seed of a folder with a slash; it is the same address. */
static bool has_source(struct arena *arena, const struct tracker_list *list, const char *url)
{
    char *wanted = arena_strdup(arena, url);
    decode(wanted);
    size_t len = strlen(wanted);
    for (size_t i = 0; i < list->count; i++)
    {
        char *here = arena_strdup(arena, list->urls[i]);
        decode(here);
        if (strncmp(here, wanted, len) == 0 && here[len] == '\0')
            return true;
        if (len > 0 && wanted[len - 1] == '/' && strlen(here) == len - 1 &&
            strncmp(here, wanted, len - 1) == 0)
            return true;
    }
    return false;
}

/* Libtorrent writes a control character as its number, and '#', which ends an address, as if it were a part
 * of it; tracker.h leaves out the one and keeps the other. */
static bool is_otherwise(const char *url)
{
    for (const char *at = strchr(url, '%'); at != NULL; at = strchr(at + 1, '%'))
        if (at[1] == '0' || at[1] == '1' || strncmp(at, "%23", 3) == 0 || strncasecmp(at, "%7f", 3) == 0)
            return true;
    return false;
}

/* Of the addresses that libtorrent reads, those that tracker.h keeps. */
static void check_sources(struct arena *arena, const struct torrent *torrent)
{
    char *said = NULL;
    struct err err = ERR_INIT;
    bool is_taken = libtorrent_says_sources(torrent_bytes.data, torrent_bytes.len, &said);
    for (char *next = said, *line = strsep(&next, "\n"); is_taken && line != NULL && line[0] != '\0';
         line = strsep(&next, "\n"))
    {
        bool seed = line[0] == 'w';
        struct tracker_list one = {0};
        ck_assert_int_eq(tracker_list_add(arena, &one, seed ? TRACKER_WEBSEED : TRACKER_ANNOUNCE, line + 3,
                                          strlen(line + 3), &err),
                         E_OK);
        ck_assert_msg(one.count == 0 || is_otherwise(line) ||
                          has_source(arena, seed ? &torrent->webseeds : &torrent->trackers, one.urls[0]),
                      "%s is not read from %s", line, shown());
    }
    free(said);
}

/* What is taken goes to the engine as torrent_prove writes it. */
static void check_taken(struct arena *arena, const struct torrent *torrent)
{
    struct torrent_proof proof;
    struct err err = ERR_INIT;
    char *theirs = NULL;
    say(torrent);
    ck_assert_int_eq(torrent_prove(arena, torrent_bytes.data, torrent_bytes.len, &proof, &err), E_OK);
    bool is_taken = libtorrent_says_torrent(proof.metainfo, proof.metainfo_len, &theirs);
    if (!is_taken || strcmp(theirs, ours.data) != 0)
    {
        fprintf(stderr, "we say\n%slibtorrent says\n%s\n", ours.data, theirs);
        ck_abort_msg("not the same of %s", shown());
    }
    check_sources(arena, torrent);
    taken++;
    free(theirs);
}

static void compare(void)
{
    struct arena *arena = arena_new(TORRENT_ARENA_BYTES);
    struct torrent torrent;
    struct err err = ERR_INIT;
    char *theirs = NULL;
    if (torrent_parse(arena, torrent_bytes.data, torrent_bytes.len, &torrent, &err) == E_OK)
        check_taken(arena, &torrent);
    else if (libtorrent_says_torrent(torrent_bytes.data, torrent_bytes.len, &theirs))
        ck_assert_msg(is_on_purpose(err.text), "we refuse, \"%s\": %s", err.text, shown());
    free(theirs);
    arena_free(arena);
}

/* req: S37 */
START_TEST(readers__of_torrents_made_here_agree)
{
    torrent_maker_begin(&torrent_bytes, (uint64_t)_i);
    for (int i = rounds(); i > 0; i--)
    {
        torrent_maker_make();
        compare();
        for (size_t changes = torrent_maker_below(3); changes > 0; changes--)
        {
            torrent_maker_change();
            compare();
        }
    }
    ck_assert_uint_gt(taken, ROUNDS / 5); /* or there was nothing to agree on */
}
END_TEST

/* part: S37 */
START_TEST(readers__of_changed_torrents_of_other_programs_agree)
{
    torrent_maker_begin(&torrent_bytes, 1000 + (uint64_t)_i);
    for (int i = rounds(); i > 0; i--)
    {
        load_golden(golden[_i]);
        for (size_t changes = 1 + torrent_maker_below(3); changes > 0; changes--)
            torrent_maker_change();
        compare();
    }
    ck_assert_uint_gt(taken, ROUNDS / 50);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {readers__of_torrents_made_here_agree, MADE_RUNS},
        {readers__of_changed_torrents_of_other_programs_agree, sizeof golden / sizeof golden[0]},
    };
    return suite_run_with("readers", cases, sizeof cases / sizeof cases[0], setup, teardown);
}
