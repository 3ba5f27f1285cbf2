/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_group.h -- who made a release; part of release.c.
 */
#ifndef SOKOUL_COMMON_MEDIA_RELEASE_GROUP_H
#define SOKOUL_COMMON_MEDIA_RELEASE_GROUP_H

#include "common/media/release_words.h"

/* Fills `group` from the words behind `title_end`, the place of the first word that is not the title's. */
void release_read_group(const struct words *words, size_t title_end, struct release_name *release);

#endif
