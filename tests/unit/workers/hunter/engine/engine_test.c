/* SPDX-License-Identifier: Apache-2.0 */
/* The engine alone and two engines in one process, without a tracker; real swarms:
 * tests/e2e/test_engine_swarm.py. */
#include "workers/hunter/engine/engine.h"

#include "common/base/clock.h"

#include <check.h>
#include <ftw.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    PIECE = 16384,
    PIECES = 64,
    SIZE = PIECE * PIECES
};

static char folder[] = "/tmp/engine_test.XXXXXX";
static unsigned char data[SIZE];

static void path_of(char path[256], const char *node, const char *rest)
{
    snprintf(path, 256, "%s/%s%s", folder, node, rest);
}

static struct engine *open_node(const char *name, const char *listen, enum engine_reach reach)
{
    char root[256];
    char state[256];
    path_of(root, name, "");
    path_of(state, name, "/.state");
    mkdir(root, 0755);
    struct engine_config config = {.listen = listen, .state_dir = state, .reach = reach, .progress_ms = 100};
    struct engine *engine = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(engine_open(&config, &engine, &err) == E_OK, "%s", err.text);
    return engine;
}

static enum err_code add(struct engine *engine, const char *node, struct engine_source source,
                         struct err *err)
{
    char save_dir[256];
    char rest[128];
    snprintf(rest, sizeof rest, "/%s", source.id);
    path_of(save_dir, node, rest);
    source.save_dir = save_dir;
    return engine_add(engine, &source, err);
}

static int poll_for(struct engine *engine, enum engine_event_kind kind, struct engine_event *found)
{
    int64_t until = clock_mono_ms() + 20000;
    while (clock_mono_ms() < until)
    {
        struct engine_event event;
        if (engine_poll(engine, &event, 1, 50) == 1 && event.kind == kind)
        {
            *found = event;
            return 1;
        }
    }
    return 0;
}

/* A .torrent of one file "f" with `data`; the text of its info hash. */
static size_t metainfo_make(unsigned char *bytes, size_t max, char hash[41])
{
    unsigned char digest[20];
    size_t n = (size_t)snprintf((char *)bytes, max,
                                "d4:infod6:lengthi%de4:name1:f12:piece lengthi%de6:pieces%d:", SIZE, PIECE,
                                20 * PIECES);
    for (size_t i = 0; i < PIECES; i++, n += 20)
        SHA1(data + i * PIECE, PIECE, bytes + n);
    memcpy(bytes + n, "ee", 2);
    n += 2;
    SHA1(bytes + 7, n - 8, digest);
    for (size_t i = 0; i < 20; i++)
        snprintf(hash + 2 * i, 3, "%02x", digest[i]);
    return n;
}

static void write_data(const char *node, const char *id)
{
    char path[256];
    char rest[128];
    snprintf(rest, sizeof rest, "/%s", id);
    path_of(path, node, rest);
    mkdir(path, 0755);
    snprintf(rest, sizeof rest, "/%s/f", id);
    path_of(path, node, rest);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, SIZE, file), SIZE);
    fclose(file);
}

static void setup(void)
{
    if (mkdtemp(folder) == NULL)
        abort();
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)((i * 2654435761u) >> 13);
}

static int delete_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static void teardown(void)
{
    nftw(folder, delete_one, 16, FTW_DEPTH | FTW_PHYS);
}

START_TEST(engine__brings_a_file_from_another_engine_by_its_magnet_link)
{
    unsigned char metainfo[4096];
    char hash[41];
    char magnet[128];
    size_t size = metainfo_make(metainfo, sizeof metainfo, hash);
    struct engine *seeder = open_node("seeder", "127.0.0.1:0", ENGINE_REACH_ANY);
    struct engine *leecher = open_node("leecher", "127.0.0.1:0", ENGINE_REACH_ANY);
    struct engine_event event;
    struct err err = ERR_INIT;
    write_data("seeder", "s");
    ck_assert_int_eq(add(seeder, "seeder",
                         (struct engine_source){.id = "s", .metainfo = metainfo, .metainfo_size = size},
                         &err),
                     E_OK);
    ck_assert(poll_for(seeder, ENGINE_FINISHED, &event));
    ck_assert_uint_eq(event.stat.done_bytes, SIZE);

    snprintf(magnet, sizeof magnet, "magnet:?xt=urn:btih:%s&x.pe=127.0.0.1:%u", hash, engine_port(seeder));
    ck_assert_int_eq(add(leecher, "leecher", (struct engine_source){.id = "l", .magnet = magnet}, &err),
                     E_OK);
    ck_assert(poll_for(leecher, ENGINE_METADATA, &event));
    ck_assert_str_eq(event.stat.name, "f");
    ck_assert_str_eq(event.stat.info_hash, hash);
    ck_assert(poll_for(leecher, ENGINE_FINISHED, &event));
    ck_assert_int_eq(event.stat.state, ENGINE_SEEDING);

    struct engine_file_list *files = NULL;
    ck_assert_int_eq(engine_files(leecher, "l", &files, &err), E_OK);
    ck_assert_uint_eq(files->count, 1);
    ck_assert_str_eq(files->file[0].path, "f");
    ck_assert_uint_eq(files->file[0].done_bytes, SIZE);
    engine_files_free(files);

    struct engine_range range = {0, 100, 1000};
    uint64_t ready = 0;
    ck_assert_int_eq(engine_range_ready(leecher, "l", &range, &ready, &err), E_OK);
    ck_assert_uint_eq(ready, 1000);
    range.offset_bytes = SIZE;
    ck_assert_int_eq(engine_range_ready(leecher, "l", &range, &ready, &err), E_INVALID);

    unsigned char *copy = NULL;
    size_t copy_size = 0;
    ck_assert_int_eq(engine_metainfo(leecher, "l", &copy, &copy_size, &err), E_OK);
    ck_assert_uint_ge(copy_size, size - 10);
    free(copy);
    engine_close(leecher, 3000);
    engine_close(seeder, 3000);
}
END_TEST

START_TEST(engine_add__refuses_what_is_no_torrent)
{
    static const struct
    {
        const char *id;
        const char *magnet;
        enum err_code code;
    } row[] = {
        {"t", "http://example.org/", E_INVALID},
        {"t", "magnet:?dn=nothing", E_INVALID},
        {"../t", "magnet:?xt=urn:btih:0123456789012345678901234567890123456789", E_INVALID},
        {"", "magnet:?xt=urn:btih:0123456789012345678901234567890123456789", E_INVALID},
        {"t", NULL, E_INVALID},
        {"t",
         "magnet:?xt=urn:btih:0123456789012345678901234567890123456789&tr=wss://a.example/"
         "&tr=file:///etc/passwd&tr=http://a:b@c/&tr=313131&ws=ftp://a/",
         E_OK},
    };
    struct engine *engine = open_node("refuse", "127.0.0.1:0", ENGINE_REACH_PUBLIC);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
    {
        struct err err = ERR_INIT;
        enum err_code code =
            add(engine, "refuse", (struct engine_source){.id = row[i].id, .magnet = row[i].magnet}, &err);
        ck_assert_msg(code == row[i].code, "row %zu: %s %s", i, err_reason(code), err.text);
    }
    engine_close(engine, 2000);
}
END_TEST

START_TEST(engine_add__refuses_more_than_the_quota)
{
    unsigned char metainfo[4096];
    char hash[41];
    struct err err = ERR_INIT;
    size_t size = metainfo_make(metainfo, sizeof metainfo, hash);
    struct engine *engine = open_node("quota", "127.0.0.1:0", ENGINE_REACH_PUBLIC);
    struct engine_source source = {
        .id = "t", .metainfo = metainfo, .metainfo_size = size, .max_bytes = SIZE - 1};
    ck_assert_int_eq(add(engine, "quota", source, &err), E_REFUSED);
    metainfo[size / 2] = 'x';
    source.metainfo_size = size / 2;
    ck_assert_int_eq(add(engine, "quota", source, &err), E_INVALID);
    engine_close(engine, 2000);
}
END_TEST

START_TEST(engine_purge__deletes_a_torrent_that_is_not_here)
{
    struct engine *engine = open_node("purge", "127.0.0.1:0", ENGINE_REACH_PUBLIC);
    struct engine_event event;
    struct err err = ERR_INIT;
    char save_dir[256];
    write_data("purge", "t");
    path_of(save_dir, "purge", "/t");
    ck_assert_int_eq(engine_purge(engine, "t", "/tmp/other", &err), E_INVALID);
    ck_assert_int_eq(engine_purge(engine, "t", save_dir, &err), E_OK);
    ck_assert(poll_for(engine, ENGINE_REMOVED, &event));
    ck_assert_int_eq(event.code, E_OK);
    ck_assert_int_ne(access(save_dir, F_OK), 0);
    ck_assert_int_eq(engine_pause(engine, "t", &err), E_NOT_FOUND);
    engine_close(engine, 2000);
}
END_TEST

START_TEST(engine_remove__ends_a_magnet_that_waits_for_its_metadata)
{
    struct engine *engine = open_node("wait", "127.0.0.1:0", ENGINE_REACH_PUBLIC);
    struct engine_event event;
    struct err err = ERR_INIT;
    struct engine_source source = {.id = "t",
                                   .magnet = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"};
    ck_assert_int_eq(add(engine, "wait", source, &err), E_OK);
    ck_assert_int_eq(engine_remove(engine, "t", ENGINE_KEEP_FILES, &err), E_OK);
    ck_assert(poll_for(engine, ENGINE_REMOVED, &event));
    ck_assert_int_eq(add(engine, "wait", source, &err), E_OK);
    ck_assert(poll_for(engine, ENGINE_PROGRESS, &event));
    ck_assert_int_eq(event.stat.state, ENGINE_METADATA_WAIT);
    ck_assert_int_eq(engine_remove(engine, "t", ENGINE_DELETE_FILES, &err), E_OK);
    ck_assert(poll_for(engine, ENGINE_REMOVED, &event));
    engine_close(engine, 2000);
}
END_TEST

/* The thread that ended it may be slow to go on once it has said so, and held its lock until then. */
START_TEST(engine_add__takes_what_was_removed_at_once)
{
    enum
    {
        ROUNDS = 1000
    };
    struct engine *engine = open_node("again", "127.0.0.1:0", ENGINE_REACH_PUBLIC);
    struct engine_event event;
    struct err err = ERR_INIT;
    struct engine_source source = {.id = "t",
                                   .magnet = "magnet:?xt=urn:btih:0123456789012345678901234567890123456789"};
    for (int i = 0; i < ROUNDS; i++)
    {
        ck_assert_msg(add(engine, "again", source, &err) == E_OK, "round %d: %s", i, err.text);
        ck_assert_int_eq(engine_remove(engine, "t", ENGINE_KEEP_FILES, &err), E_OK);
        ck_assert(poll_for(engine, ENGINE_REMOVED, &event));
    }
    engine_close(engine, 2000);
}
END_TEST

START_TEST(engine_open__names_a_bad_address)
{
    struct engine_config config = {.listen = "nonsense", .state_dir = folder};
    struct engine *engine = NULL;
    struct err err = ERR_INIT;
    ck_assert_int_eq(engine_open(&config, &engine, &err), E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "nonsense"));
    config = (struct engine_config){.listen = "127.0.0.1:0"};
    ck_assert_int_eq(engine_open(&config, &engine, &err), E_CONFIG);
    engine_close(NULL, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *all = tcase_create("engine");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, engine__brings_a_file_from_another_engine_by_its_magnet_link);
    tcase_add_test(all, engine_add__refuses_what_is_no_torrent);
    tcase_add_test(all, engine_add__refuses_more_than_the_quota);
    tcase_add_test(all, engine_purge__deletes_a_torrent_that_is_not_here);
    tcase_add_test(all, engine_remove__ends_a_magnet_that_waits_for_its_metadata);
    tcase_add_test(all, engine_add__takes_what_was_removed_at_once);
    tcase_add_test(all, engine_open__names_a_bad_address);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    setup();
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    teardown();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
