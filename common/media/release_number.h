/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_number.h -- seasons, episodes and days in a release name; part of release.c.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_NUMBER_H
#define SOKOUL_COMMON_MEDIA_RELEASE_NUMBER_H

#include "common/media/release_words.h"

/*
 * Looks for a season, an episode or a day from the second word on (from the first, when the name
 * begins with one), fills the fields and returns the first word's place; words->count when there is none.
 */
size_t release_read_numbers(const struct words *words, struct release_name *release);

#endif
