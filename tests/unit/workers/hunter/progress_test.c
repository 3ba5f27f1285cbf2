/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/progress.h"

#include "tests/support/suite.h"

static const struct
{
    struct engine_stat stat;
    int64_t quiet_ms;
    const char *words;
} said[] = {
    {{.state = ENGINE_PREPARING}, 0, "Preparing"},
    {{.state = ENGINE_METADATA_WAIT}, 0, "Looking for peers"},
    {{.state = ENGINE_METADATA_WAIT, .peers = 2}, 0, "Fetching the file list"},
    {{.state = ENGINE_CHECKING}, 0, "Checking files"},
    {{.state = ENGINE_DOWNLOADING}, 0, "Looking for peers"},
    {{.state = ENGINE_DOWNLOADING, .peers = 1, .down_bytes_s = 9}, 0, "Downloading"},
    {{.state = ENGINE_DOWNLOADING, .peers = 1}, PROGRESS_QUIET_MS, "Peers send nothing at the moment"},
    {{.state = ENGINE_CHECKING, .mends = true},
     0,
     "Files are missing or changed on the disk: looking for what is left of them"},
    {{.state = ENGINE_DOWNLOADING, .mends = true},
     0,
     "Files were missing or changed on the disk: looking for peers"},
    {{.state = ENGINE_DOWNLOADING, .peers = 1, .mends = true},
     0,
     "Files were missing or changed on the disk: fetching them again"},
    {{.state = ENGINE_DOWNLOADING, .peers = 1, .mends = true},
     PROGRESS_QUIET_MS,
     "Peers send nothing at the moment"},
    {{.state = ENGINE_SEEDING}, 0, "Complete"},
    {{.state = ENGINE_PAUSED}, 0, "Paused"},
};

START_TEST(progress__tells_what_is_going_on)
{
    ck_assert_str_eq(progress_words(&said[_i].stat, said[_i].quiet_ms), said[_i].words);
}
END_TEST

static const struct
{
    uint64_t done;
    uint64_t wanted;
    uint32_t rate;
    double share;
    int64_t eta_s;
} figures[] = {
    {0, 0, 0, 0, -1},     {0, 0, 10, 0, -1},   {0, 100, 0, 0, -1},  {50, 100, 10, 0.5, 6},
    {100, 100, 10, 1, 0}, {120, 100, 0, 1, 0}, {0, 100, 200, 0, 1}, {0, UINT64_MAX, 1, 0, -1},
};

START_TEST(progress__never_divides_by_nothing_and_stays_within_bounds)
{
    const struct engine_stat stat = {
        .done_bytes = figures[_i].done, .wanted_bytes = figures[_i].wanted, .down_bytes_s = figures[_i].rate};
    ck_assert_double_eq(progress_share(&stat), figures[_i].share);
    ck_assert_int_eq(progress_eta_s(&stat), figures[_i].eta_s);
}
END_TEST

int main(void)
{
    struct suite_case cases[] = {
        {progress__tells_what_is_going_on, sizeof said / sizeof said[0]},
        {progress__never_divides_by_nothing_and_stays_within_bounds, sizeof figures / sizeof figures[0]}};
    return suite_run("progress", cases, sizeof cases / sizeof cases[0]);
}
