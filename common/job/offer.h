/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offer.h -- what an idle worker and a program that accepts jobs say to each other (docs/adr/0012).
 *
 * The worker, on sokoul.ctl.idle.<worker>: {"worker_id":"<uuid>","room":4,"lease_ms":40000,"stamp":12345} The
 * answer, on sokoul.ctl.given.<worker_id>:   {"stamp":12345,"fence":..,"note":..,"job":{<envelope>}}
 *
 * An offer is for `room` jobs and replaces the one before.  `stamp` is the worker's own clock when it
 * offered, and comes back with each job: a worker takes nothing that is too old.  Unknown fields are ignored.
 * Pure.
 */
#ifndef SOKOUL_COMMON_JOB_OFFER_H
#define SOKOUL_COMMON_JOB_OFFER_H

#include "common/base/buf.h"
#include "common/job/envelope.h"

enum
{
    OFFER_GOOD_MS = 2000, /* how long an offer stands; an idle worker repeats it every second */
    GIVEN_GOOD_MS = 2500, /* how old its offer may be when a job arrives: what is older keep.c hands back */
    OFFER_MAX_ROOM = 4,
    OFFER_MAX_BYTES = 1024,
    GIVEN_MAX_BYTES = ENVELOPE_MAX_BYTES + OFFER_MAX_BYTES
};

struct offer
{
    const char *worker_id;
    int64_t room; /* 1 to OFFER_MAX_ROOM */
    int64_t lease_ms;
    int64_t stamp;
};
void offer_encode(const struct offer *offer, struct buf *out);
/* E_INVALID with what is wrong.  Texts live in the arena. */
MUST_USE enum err_code offer_decode(struct arena *arena, const char *text, size_t len, struct offer *offer,
                                    struct err *err);

struct given
{
    int64_t stamp; /* of the offer */
    int64_t fence;
    int64_t note; /* the row in `claims` */
    struct envelope envelope;
};
/* `envelope` is the envelope as it goes on the wire. */
void given_encode(const struct given *given, const char *envelope, struct buf *out);
MUST_USE enum err_code given_decode(struct arena *arena, const char *text, size_t len, struct given *given,
                                    struct err *err);

#endif
