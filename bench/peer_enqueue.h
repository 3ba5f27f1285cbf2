/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_enqueue.h -- the client's side when our system runs beside others.
 *
 * MODE serial: one call after the other.  concurrent: 64 calls in flight, which two executors take from a
 * queue, all that wait at once, as the API's executors do.  bulk: 1,000 jobs a call.  A call has returned
 * when its transaction is committed; only then is its job acknowledged.
 */
#ifndef SOKOUL_BENCH_PEER_ENQUEUE_H
#define SOKOUL_BENCH_PEER_ENQUEUE_H

struct outbox;

/* Both read the environment and print ENQUEUED.  `outbox` NULL: relays elsewhere are notified. */
void peer_enqueue(const char *database_url, struct outbox *outbox);
/* N jobs with Poisson arrivals at RATE a second, one call each. */
void peer_pace(const char *database_url, struct outbox *outbox);

#endif
