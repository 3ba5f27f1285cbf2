/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release_says.h -- what a release name was read as, in one line, for tables of names:
 *
 *     title|year or day|season and episodes|lines|source|video|sound|all else|group
 */
#ifndef SOKOUL_TESTS_SUPPORT_RELEASE_SAYS_H
#define SOKOUL_TESTS_SUPPORT_RELEASE_SAYS_H

#include "common/base/buf.h"
#include "common/media/release.h"

struct release_row
{
    const char *name;
    const char *says;
};

/* Writes the line into `buf`, which is cleared first. */
void release_says(struct buf *buf, const struct release_name *release);

/* Fails the test, naming the row, when it is read otherwise. */
void release_check(const struct release_row *row);

#endif
