/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/id.h"

#include "common/base/clock.h"
#include "tests/support/suite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum
{
    THREADS = 4,
    EACH = 20000
};

static int by_text(const void *left, const void *right)
{
    return strcmp(((const struct id *)left)->text, ((const struct id *)right)->text);
}

static void *make(void *out)
{
    struct id *ids = out;
    for (int i = 0; i < EACH; i++)
        ids[i] = id_new();
    return NULL;
}

START_TEST(id__is_a_uuid_of_version_7_that_tells_the_time)
{
    int64_t before = clock_wall_ms();
    struct id id = id_new();
    struct id parsed;
    ck_assert(id_parse(id.text, &parsed));
    ck_assert_str_eq(parsed.text, id.text);
    ck_assert_int_eq(id.text[14], '7');
    ck_assert_ptr_nonnull(strchr("89ab", id.text[19]));
    char hex[13];
    memcpy(hex, id.text, 8);
    memcpy(hex + 8, id.text + 9, 4);
    hex[12] = '\0';
    int64_t ms = strtoll(hex, NULL, 16);
    ck_assert_int_ge(ms, before);
    ck_assert_int_le(ms, clock_wall_ms() + 1);
}
END_TEST

START_TEST(id__rises_strictly)
{
    struct id before = id_new();
    for (int i = 0; i < 100000; i++)
    {
        struct id id = id_new();
        ck_assert_int_gt(strcmp(id.text, before.text), 0);
        before = id;
    }
}
END_TEST

START_TEST(id__is_unique_across_threads)
{
    struct id *ids = calloc((size_t)THREADS * EACH, sizeof *ids);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make, ids + i * EACH), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, (size_t)THREADS * EACH, sizeof *ids, by_text);
    for (size_t i = 1; i < (size_t)THREADS * EACH; i++)
        ck_assert_str_ne(ids[i - 1].text, ids[i].text);
    free(ids);
}
END_TEST

START_TEST(id__reads_any_uuid_and_lowers_it)
{
    struct id id;
    ck_assert(id_parse("0192F0C1-7B7E-7ABC-8DEF-0123456789AB", &id));
    ck_assert_str_eq(id.text, "0192f0c1-7b7e-7abc-8def-0123456789ab");
    ck_assert(id_parse(ID_SYSTEM_USER, &id));
    ck_assert_str_eq(id.text, ID_SYSTEM_USER);
}
END_TEST

static const char *const bad[] = {
    "",
    "0",
    "0192f0c1-7b7e-7abc-8def-0123456789a",
    "0192f0c1-7b7e-7abc-8def-0123456789abc",
    "0192f0c1-7b7e-7abc-8def-0123456789ag",
    "0192f0c17b7e7abc8def0123456789ab",
    "0192f0c1_7b7e-7abc-8def-0123456789ab",
    "{0192f0c1-7b7e-7abc-8def-0123456789a}",
    "0192f0c1-7b7e-7abc-8def--123456789ab",
    "0192f0c1-7b7e-7abc-8def-0123456789a'",
};

START_TEST(id__refuses_what_is_no_uuid)
{
    struct id id = {.text = "untouched"};
    ck_assert(!id_parse(bad[_i], &id));
    ck_assert_str_eq(id.text, "untouched");
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {id__is_a_uuid_of_version_7_that_tells_the_time, 1},
        {id__rises_strictly, 1},
        {id__is_unique_across_threads, 1},
        {id__reads_any_uuid_and_lowers_it, 1},
        {id__refuses_what_is_no_uuid, sizeof bad / sizeof bad[0]},
    };
    return suite_run("id", cases, sizeof cases / sizeof cases[0]);
}
