/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h -- cached probes, so that asking for health never blocks.
 *
 * One thread runs every registered probe each second (each probe has its own deadline of at
 * most 2 s and runs on a thread of its own, so that a frozen server delays no other probe) and
 * keeps the latest outcome.  A service counts as away after two misses in a row, and as up
 * after one hit; a probe that has hung past its deadline counts as a miss.  A probe that ends with
 * E_DISK_FULL is a hit, and the service is impaired: it answers, and takes no new data.
 *
 * Readers copy the cached state: any thread, never blocks.
 */
#ifndef SOKOUL_COMMON_OBS_HEALTH_H
#define SOKOUL_COMMON_OBS_HEALTH_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum health_service
{
    HEALTH_DATABASE,
    HEALTH_REDIS,
    HEALTH_NATS,
    HEALTH_SERVICES
};

struct health;

struct health_state
{
    bool watched;       /* a probe is registered */
    bool up;            /* true until the second miss in a row; false before the first probe */
    int64_t latency_ms; /* of the latest hit */
    int64_t checked_ms; /* wall time of the latest probe that ended; 0 before */
    bool impaired;      /* up, but takes no new data */
    char error[160];    /* plain words of the latest miss, or of what impairs it; "" when all is well */
};

struct health *health_new(void); /* NULL when out of memory */
void health_free(struct health *health);
/* `probe` blocks for at most 2 s; called from a thread of its own, each second. Before start only. */
void health_watch(struct health *health, enum health_service service,
                  enum err_code (*probe)(void *of, struct err *err), void *of);
void health_start(struct health *health);
/* Waits until every probe has ended once, at most so long: for main(), before it takes requests. */
void health_await(struct health *health, int wait_ms);
/* Asks the probes to end, and does not wait; health_stop waits for them. */
void health_leave(struct health *health);
/* Waits for the probes, at most 3 s. False: a probe hangs, and what it uses must not be freed. */
bool health_stop(struct health *health);

struct health_state health_state(struct health *health, enum health_service service);
/* Only whether the service is up: an atomic read, for hot paths.  As fresh as the latest
 * probe or health_state. */
bool health_up(const struct health *health, enum health_service service);
/* The outcome of a call of a worker or executor counts, too: a failed one is a miss at once. */
void health_saw(struct health *health, enum health_service service, enum err_code code);

void health_drain(struct health *health); /* readiness is false from now on */
bool health_draining(struct health *health);
const char *health_service_name(enum health_service service); /* "database", "redis", "nats" */

#endif
