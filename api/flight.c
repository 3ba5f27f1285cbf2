/* SPDX-License-Identifier: Apache-2.0 */
#include "api/flight.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct flight
{
    pthread_mutex_t lock; /* guards side and count */
    pthread_cond_t none;  /* a side has become empty */
    enum flight_side side;
    long count[FLIGHT_SIDES];
};

struct flight *flight_new(void)
{
    struct flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL)
        return NULL;
    pthread_mutex_init(&flight->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&flight->none, &attr);
    pthread_condattr_destroy(&attr);
    return flight;
}

void flight_free(struct flight *flight)
{
    if (flight == NULL)
        return;
    pthread_cond_destroy(&flight->none);
    pthread_mutex_destroy(&flight->lock);
    free(flight);
}

enum flight_side flight_begin(struct flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    const enum flight_side side = flight->side;
    flight->count[side]++;
    pthread_mutex_unlock(&flight->lock);
    return side;
}

void flight_end(struct flight *flight, enum flight_side side)
{
    pthread_mutex_lock(&flight->lock);
    if (--flight->count[side] == 0)
        pthread_cond_signal(&flight->none);
    pthread_mutex_unlock(&flight->lock);
}

void flight_part(struct flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    flight->side = FLIGHT_NEWCOMERS;
    pthread_mutex_unlock(&flight->lock);
}

/* Under the lock: false when the time is over. */
static bool sleep_until(struct flight *flight, int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_mono_ms();
    if (left_ms <= 0)
        return false;
    struct timespec until = clock_mono_after_ms(left_ms);
    return pthread_cond_timedwait(&flight->none, &flight->lock, &until) == 0;
}

static bool wait_for_sides(struct flight *flight, enum flight_side last, int64_t until_ms)
{
    bool none = true;
    pthread_mutex_lock(&flight->lock);
    for (enum flight_side side = FLIGHT_FIRST; side <= last; side++)
    {
        while (flight->count[side] > 0 && sleep_until(flight, until_ms))
            ;
        none = none && flight->count[side] == 0;
    }
    pthread_mutex_unlock(&flight->lock);
    return none;
}

bool flight_wait(struct flight *flight, int64_t until_ms)
{
    return wait_for_sides(flight, FLIGHT_NEWCOMERS, until_ms);
}

bool flight_wait_first(struct flight *flight, int64_t until_ms)
{
    return wait_for_sides(flight, FLIGHT_FIRST, until_ms);
}

void flight_rest(struct flight *flight, int64_t until_ms)
{
    pthread_mutex_lock(&flight->lock);
    while (sleep_until(flight, until_ms))
        ;
    pthread_mutex_unlock(&flight->lock);
}
