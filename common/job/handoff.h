/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handoff.h -- what an idle worker and a program that accepts jobs say to each other (docs/adr/0012).
 *
 * The idle announcement, on sokoul.ctl.idle.<worker>:
 *     {"worker_id":"<uuid>","room":4,"lease_ms":40000,"stamp":12345}
 * The hand-off, on sokoul.ctl.given.<worker_id>:
 *     {"stamp":12345,"fence":..,"note":..,"job":{<envelope>}}
 *
 * An announcement is good for as many jobs as it has free slots ("room") and replaces the one before. `stamp`
 * is the worker's own clock when it announced, and comes back with each job: a worker takes nothing that is
 * too old.  Unknown fields are ignored.  Pure.
 */
#ifndef SOKOUL_COMMON_JOB_HANDOFF_H
#define SOKOUL_COMMON_JOB_HANDOFF_H

#include "common/base/buf.h"
#include "common/job/envelope.h"

enum
{
    IDLE_GOOD_MS = 2000,    /* how long an announcement is good; an idle worker repeats it every second */
    HANDOFF_GOOD_MS = 2500, /* how old it may be when a job arrives: what is older keep.c hands back */
    IDLE_MAX_SLOTS = 4,
    IDLE_MAX_BYTES = 1024,
    HANDOFF_MAX_BYTES = ENVELOPE_MAX_BYTES + IDLE_MAX_BYTES
};

struct idle
{
    const char *worker_id;
    int64_t slots; /* 1 to IDLE_MAX_SLOTS */
    int64_t lease_ms;
    int64_t stamp;
};
void idle_encode(const struct idle *idle, struct buf *out);
/* E_INVALID with what is wrong.  Texts live in the arena. */
MUST_USE enum err_code idle_decode(struct arena *arena, const char *text, size_t len, struct idle *idle,
                                   struct err *err);

struct handoff
{
    int64_t stamp; /* of the announcement */
    int64_t fence;
    int64_t note; /* the claim record: the row in `claims` */
    struct envelope envelope;
};
/* `envelope` is the envelope as it goes on the wire. */
void handoff_encode(const struct handoff *handoff, const char *envelope, struct buf *out);
MUST_USE enum err_code handoff_decode(struct arena *arena, const char *text, size_t len,
                                      struct handoff *handoff, struct err *err);

#endif
