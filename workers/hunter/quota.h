/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h -- how much of the disk downloads may take: DOWNLOADS_MAX_MB in all, DOWNLOADS_MAX_MB_PER_USER of
 * one user.  A torrent counts once, however many want it; failed and deleted downloads do not count.
 *
 * The handler's thread; blocks as long as a statement.
 */
#ifndef SOKOUL_WORKERS_HUNTER_QUOTA_H
#define SOKOUL_WORKERS_HUNTER_QUOTA_H

#include "workers/hunter/hunt.h"

/* Once the download's size is in the database.  E_REFUSED, in plain words: it is over a quota. */
MUST_USE enum err_code quota_check(struct hunt *hunt, struct err *err);

#endif
