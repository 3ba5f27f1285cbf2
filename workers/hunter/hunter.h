/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hunter.h -- what all jobs of a hunter share: one BitTorrent engine, its owner thread, and the
 * ledger thread that writes progress to Postgres.
 *
 * Opened before the runtime and closed after it.  Its members are borrowed or made here.
 * Threads: plain to read from any.
 */
#ifndef SOKOUL_WORKERS_HUNTER_HUNTER_H
#define SOKOUL_WORKERS_HUNTER_HUNTER_H

#include "common/conf/conf.h"
#include "common/db/db.h"
#include "workers/hunter/swarm.h"
#include "workers/runtime/program.h"

#include <pthread.h>
#include <stdbool.h>

enum
{
    HUNTER_FOLDER_SIZE = 4096
};

struct hunter
{
    const struct conf *_Atomic conf; /* the newest */
    char folder[HUNTER_FOLDER_SIZE]; /* DOWNLOAD_DIR, absolute */
    struct otlp *otlp;
    struct engine *engine;
    struct swarms *swarms;
    struct db_pool *pool; /* the ledger's */
    pthread_mutex_t lock; /* guards `stopping` */
    pthread_cond_t news;
    bool stopping;
    pthread_t owner;
    pthread_t ledger;
    int threads; /* how many of the two were started */
};

/* Creates DOWNLOAD_DIR when its parent is there.  E_CONFIG: it cannot be used. */
MUST_USE enum err_code hunter_open(const struct program_doors *doors, void **context, struct err *err);
void hunter_close(void *context);
void hunter_take(void *context, const struct conf *now);

/* Sleeps; false at once when the hunter is about to close. */
bool hunter_rest(struct hunter *hunter, int64_t wait_ms);

#endif
