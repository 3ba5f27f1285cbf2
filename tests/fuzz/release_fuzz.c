/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as the name of a release: it is read, and scored to the clamped sum of its reasons. */
#include "common/media/filename.h"
#include "common/media/score.h"
#include "common/media/slug.h"
#include "tests/fuzz/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_score(const struct score *score)
{
    int sum = 0;
    for (size_t i = 0; i < score->reason_count; i++)
        sum += score->reasons[i].points;
    sum = sum < 0 ? 0 : sum > SCORE_MAX ? SCORE_MAX : sum;
    if (score->reason_count == 0 || sum != score->points)
        abort();
}

static void check_text(const char *text)
{
    char slug[SLUG_SIZE];
    char clean[FILENAME_SIZE];
    char mended[FILENAME_SIZE];
    struct err err = ERR_INIT;
    slug_make(slug, sizeof slug, text);
    filename_clean(text, clean);
    if (filename_mend(clean, strlen(clean), mended, &err) != E_OK || filename_is_dangerous(clean))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = fuzz_text(bytes, len);
    struct score_candidate candidate = {.size_bytes = (int64_t)len << 24, .seeders = (int)(len & 127) - 1};
    release_parse(text, &candidate.name);
    struct score_wanted wanted = {.title = candidate.name.title,
                                  .year = candidate.name.year,
                                  .media = len % 2 == 0 ? SCORE_MOVIE : SCORE_TV,
                                  .season = candidate.name.season,
                                  .episode = candidate.name.episode_first};
    struct score score;
    score_release(&wanted, &candidate, &score);
    check_score(&score);
    check_text(text);
    free(text);
    return 0;
}
