/* SPDX-License-Identifier: Apache-2.0 */
/*
 * score_title.h -- is a release of the wanted title?  Part of score.c, where the rules are told.
 */
#ifndef SOKOUL_COMMON_MEDIA_SCORE_TITLE_H
#define SOKOUL_COMMON_MEDIA_SCORE_TITLE_H

#include "common/media/score.h"

/* Is this text the wanted title, or its original one? */
bool score_is_title(const struct score_wanted *wanted, const char *title);

/* Does a name, by its title, its alias or its title without a country, speak of the wanted title? */
bool score_wants_title(const struct score_wanted *wanted, const struct release_name *name);

/* Of a wanted series: reads the number that the name's title has and the wanted one has not.  "Title 101" is
 * the episode, "Title 2 - 05" of the second season; other numbers may be those of another work and stay. */
void score_settle_number(const struct score_wanted *wanted, struct release_name *name);

#endif
