/* SPDX-License-Identifier: Apache-2.0 */
/* streams.h -- which stream JOBS is now: what the relay asks before it notes where its messages went. */
#ifndef SOKOUL_COMMON_HEALING_STREAMS_H
#define SOKOUL_COMMON_HEALING_STREAMS_H

#include "common/base/arena.h"
#include "common/db/db.h"
#include "common/mq/mq.h"

#include <stdbool.h>

enum
{
    INCARNATION_SIZE = 80
};

struct stream_now
{
    char incarnation[INCARNATION_SIZE];
    bool scanned; /* all jobs have been looked at since it is this one */
};

/* Makes and mends streams and consumers (mq_ensure), and learns JOBS's incarnation.  Any thread; blocks.
 * Errors: mq.h's and db.h's. */
MUST_USE enum err_code stream_verify(struct mq *mq, struct db *db, struct arena *arena,
                                     struct stream_now *now, struct err *err);

#endif
