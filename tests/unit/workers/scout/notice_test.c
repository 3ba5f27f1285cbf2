/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/notify.h"

#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

static struct arena *arena;
static struct err err;

static enum err_code write_it(const char *name, const char *payload, struct notice *notice)
{
    const struct json *doc = NULL;
    ck_assert_int_eq(json_parse(arena, payload, strlen(payload), &doc, &err), E_OK);
    return notice_write(arena, name, doc, notice, &err);
}

static const struct
{
    const char *name;
    const char *payload;
    const char *subject;
    const char *says; /* somewhere in the text */
} good[] = {
    {"job_failed",
     "{\"job_id\":\"" ID "\",\"kind\":\"search\",\"reason\":\"exhausted\",\"detail\":\"TMDB did not answer\","
     "\"title\":\"Sintel\"}",
     "Your search for titles failed: Sintel", "What is wrong:\nTMDB did not answer\n"},
    {"job_failed", "{\"job_id\":\"" ID "\",\"kind\":\"search\",\"reason\":\"exhausted\"}",
     "Your search for titles failed", "among the dead letters"},
    {"job_failed", "{\"job_id\":\"" ID "\",\"kind\":\"greet\",\"reason\":\"not_found\"}",
     "Your job \"greet\" failed", "What is wrong:\nnot_found\n"},
    {"job_failed", "{\"job_id\":\"" ID "\",\"kind\":\"download\",\"reason\":\"disk_full\",\"detail\":null}",
     "Your download failed", "room on the disk"},
    {"job_failed", "{\"job_id\":\"" ID "\",\"kind\":\"noop\",\"last\":true}", "Your test job failed",
     "within it is not mailed"},
    {"download_done", "{\"download_id\":\"" ID "\",\"name\":\"a\\nWhat is wrong:\"}",
     "Download complete: a What is wrong:", "You can watch it now"},
};

START_TEST(notice__says_what_is_wrong_and_what_happens_next)
{
    struct notice notice = {NULL, NULL};
    ck_assert_int_eq(write_it(good[_i].name, good[_i].payload, &notice), E_OK);
    ck_assert_str_eq(notice.subject, good[_i].subject);
    ck_assert_ptr_nonnull(strstr(notice.text, good[_i].says));
    ck_assert_ptr_nonnull(strstr(notice.text, "What happens next:\n"));
    ck_assert_ptr_nonnull(strstr(notice.text, ID));
}
END_TEST

static const struct
{
    const char *name;
    const char *payload;
} bad[] = {
    {"poem", "{}"},
    {"job_failed", "{}"},
    {"job_failed", "{\"job_id\":\"7\",\"kind\":\"noop\"}"},
    {"job_failed", "{\"job_id\":\"" ID "\"}"},
    {"download_done", "{\"download_id\":\"" ID "\"}"},
    {"download_done", "{\"download_id\":\"" ID "\",\"name\":7}"},
};

START_TEST(notice__refuses_what_lacks_its_facts)
{
    struct notice notice = {NULL, NULL};
    ck_assert_int_eq(write_it(bad[_i].name, bad[_i].payload, &notice), E_INVALID);
    ck_assert_ptr_null(notice.subject);
}
END_TEST

static void setup(void)
{
    arena = arena_new(1 << 20);
}

static void teardown(void)
{
    arena_free(arena);
}

int main(void)
{
    const struct suite_case cases[] = {
        {notice__says_what_is_wrong_and_what_happens_next, sizeof good / sizeof good[0]},
        {notice__refuses_what_lacks_its_facts, sizeof bad / sizeof bad[0]},
    };
    return suite_run_with("notice", cases, sizeof cases / sizeof cases[0], setup, teardown);
}
