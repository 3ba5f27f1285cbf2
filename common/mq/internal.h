/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the files of this room share. Nobody outside common/mq includes it. */
#ifndef SOKOUL_COMMON_MQ_INTERNAL_H
#define SOKOUL_COMMON_MQ_INTERNAL_H

#include "common/mq/mq.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

enum
{
    MQ_WORKER_SIZE = 33
};

struct mq
{
    natsConnection *nc;
    char *url;
    char prompt_name[64];
    pthread_mutex_t prompt_lock; /* guards the making of `prompt` */
    natsConnection *prompt;      /* of mq_publish; NULL until it is wanted */
    jsCtx *js;
    pthread_mutex_t lock; /* guards workers; names once written stay */
    char workers[MQ_WORKERS_MAX][MQ_WORKER_SIZE];
    size_t workers_count;
    atomic_int reconnects; /* counts; whoever waits for deliveries starts over when it moved */
    atomic_llong
        refused_ms;     /* monotonic, of the last batch that was not confirmed whole; 0: the last one was */
    atomic_int ensures; /* counts mq_ensure's that made something, and the first: the same */
};

/* What a failure of the library means to us; the only translator. */
enum err_code mq_translate(natsStatus status, jsErrCode js_code, const char *what, struct err *err);

/* Ends a subscription and waits until its callback does not run any more. */
struct mq_ender;
struct mq_ender *mq_ender_new(natsSubscription *sub); /* before the first message; NULL when out of memory */
void mq_ender_end(struct mq_ender *ender, natsSubscription *sub);

/* Subscribes.  While nats.c is just trying to connect for the first time it refuses for some milliseconds:
 * tried again for at most 2 s. */
natsStatus mq_listen(struct mq *mq, const char *subject, natsMsgHandler heard, void *of,
                     natsSubscription **sub);

#endif
