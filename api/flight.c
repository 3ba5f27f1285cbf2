/* SPDX-License-Identifier: Apache-2.0 */
#include "api/flight.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct flight
{
    pthread_mutex_t lock; /* guards count */
    pthread_cond_t none;
    long count;
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

void flight_begin(struct flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    flight->count++;
    pthread_mutex_unlock(&flight->lock);
}

void flight_end(struct flight *flight)
{
    pthread_mutex_lock(&flight->lock);
    if (--flight->count == 0)
        pthread_cond_signal(&flight->none);
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

bool flight_wait(struct flight *flight, int64_t until_ms)
{
    pthread_mutex_lock(&flight->lock);
    while (flight->count > 0 && sleep_until(flight, until_ms))
        ;
    bool none = flight->count == 0;
    pthread_mutex_unlock(&flight->lock);
    return none;
}

void flight_rest(struct flight *flight, int64_t until_ms)
{
    pthread_mutex_lock(&flight->lock);
    while (sleep_until(flight, until_ms))
        ;
    pthread_mutex_unlock(&flight->lock);
}
