/* SPDX-License-Identifier: Apache-2.0 */
/* What torrent_prove keeps of version 2's hashes of pieces, in .torrents of another program. */
#include "common/media/torrent.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const golden[] = {"v2_single", "v2_multi", "hybrid_single", "hybrid_multi"};
static const char key[] = "12:piece layersd";

enum
{
    KEY_LEN = sizeof key - 1,
    GOLDENS = sizeof golden / sizeof golden[0]
};

static struct arena *arena;
static struct err err;
static struct torrent_proof proof;
static char bytes[4096];
static size_t len;
static char *layers; /* the member, in `bytes` */

static void setup(void)
{
    arena = arena_new(TORRENT_ARENA_BYTES);
    err = (struct err)ERR_INIT;
}

static void teardown(void)
{
    arena_free(arena);
}

static void load(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/unit/common/media/golden/%s.torrent", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s (run from the root of the repository)", path);
    len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    layers = memmem(bytes, len, key, KEY_LEN);
    ck_assert_ptr_nonnull(layers);
}

static size_t kept_len(void)
{
    ck_assert_msg(torrent_prove(arena, bytes, len, &proof, &err) == E_OK, "%s", err.text);
    return proof.metainfo_len - proof.bare_len - 1;
}

/* part: S42 */
START_TEST(layers__that_lead_to_the_hashes_of_their_files_are_kept_as_they_are)
{
    struct torrent torrent;
    load(golden[_i]);
    ck_assert_uint_gt(kept_len(), KEY_LEN);
    ck_assert_mem_eq((const char *)proof.metainfo + proof.bare_len, layers, kept_len());
    ck_assert_int_eq(torrent_parse(arena, proof.metainfo, proof.metainfo_len, &torrent, &err), E_OK);
    ck_assert_str_eq(torrent.hash.v2, proof.hash.v2);
    ck_assert_uint_eq(torrent.info_len + strlen("d4:info"), proof.bare_len);
}
END_TEST

/* req: S42 */
START_TEST(layers__with_one_wrong_bit_are_not_kept)
{
    load(golden[_i]);
    const size_t right = kept_len();
    for (size_t i = KEY_LEN; i < right; i++)
    {
        if (layers[i] == 'd' || layers[i] == 'e' || layers[i] == ':' ||
            (layers[i] >= '0' && layers[i] <= '9'))
            continue; /* perhaps of bencode, which would be no .torrent then */
        layers[i] = (char)(layers[i] ^ 1);
        ck_assert_msg(kept_len() == 0, "byte %zu", i);
        layers[i] = (char)(layers[i] ^ 1);
        arena_reset(arena);
    }
    ck_assert_uint_eq(kept_len(), right);
}
END_TEST

START_TEST(layers__that_are_missing_leave_the_proof_bare)
{
    load(golden[_i]);
    layers[KEY_LEN - 2] = 'S'; /* another key */
    ck_assert_uint_eq(kept_len(), 0);
    ck_assert_int_eq(((const char *)proof.metainfo)[proof.bare_len], 'e');
}
END_TEST

static TCase *new_case(void)
{
    TCase *tc = tcase_create("torrent_layers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, layers__that_lead_to_the_hashes_of_their_files_are_kept_as_they_are, 0, GOLDENS);
    tcase_add_loop_test(tc, layers__with_one_wrong_bit_are_not_kept, 0, GOLDENS);
    tcase_add_loop_test(tc, layers__that_are_missing_leave_the_proof_bare, 0, GOLDENS);
    return tc;
}

int main(void)
{
    Suite *suite = suite_create("torrent_layers");
    suite_add_tcase(suite, new_case());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
