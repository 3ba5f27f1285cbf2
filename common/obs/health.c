/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/health.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/utf8.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum
{
    PERIOD_MS = 1000,
    DEADLINE_MS = 2000,
    MISSES_TO_BE_AWAY = 2,
    STOP_WAIT_MS = 3000
};

struct watch
{
    struct health *health;
    enum health_service service;
    enum err_code (*probe)(void *of, struct err *err);
    void *of;
    pthread_t thread;
    bool started;
    bool gone; /* its thread is about to end */

    int64_t began_ms; /* monotonic, of the probe that runs; 0: none */
    bool ended_once;
    bool logged;    /* something was logged */
    atomic_bool up; /* as logged last; written under the lock */
    int misses;
    int64_t latency_ms;
    int64_t checked_ms;
    bool impaired;
    char error[160];
};

struct health
{
    pthread_mutex_t lock; /* guards the state of every watch, and `stopping` */
    pthread_cond_t wake;  /* stopping, or a miss seen by others */
    bool stopping;
    bool left_behind; /* a probe never came back: its thread still looks here */
    unsigned kicks;
    atomic_bool draining;
    struct watch watch[HEALTH_SERVICES];
};

const char *health_service_name(enum health_service service)
{
    static const char *const names[HEALTH_SERVICES] = {"database", "redis", "nats"};
    return names[service];
}

struct health *health_new(void)
{
    struct health *health = calloc(1, sizeof *health);
    if (health == NULL)
        return NULL;
    pthread_mutex_init(&health->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&health->wake, &attr);
    pthread_condattr_destroy(&attr);
    for (int i = 0; i < HEALTH_SERVICES; i++)
    {
        health->watch[i].health = health;
        health->watch[i].service = (enum health_service)i;
    }
    return health;
}

void health_free(struct health *health)
{
    if (health == NULL || health->left_behind)
        return;
    pthread_cond_destroy(&health->wake);
    pthread_mutex_destroy(&health->lock);
    free(health);
}

void health_watch(struct health *health, enum health_service service,
                  enum err_code (*probe)(void *of, struct err *err), void *of)
{
    health->watch[service].probe = probe;
    health->watch[service].of = of;
}

/* A probe that hangs misses once at its deadline and once a period from then on. */
static int misses_now(const struct watch *watch)
{
    if (watch->began_ms == 0)
        return watch->misses;
    int64_t over_ms = clock_mono_ms() - watch->began_ms - DEADLINE_MS;
    return over_ms < 0 ? watch->misses : watch->misses + 1 + (int)(over_ms / PERIOD_MS);
}

static bool is_up(const struct watch *watch)
{
    return (watch->ended_once && misses_now(watch) < MISSES_TO_BE_AWAY);
}

/* Under the lock. Says each change once, and how it is at first. */
static void tell_change(struct watch *watch)
{
    bool up = is_up(watch);
    if (!watch->ended_once || (watch->logged && up == atomic_load_explicit(&watch->up, memory_order_relaxed)))
        return;
    watch->logged = true;
    atomic_store_explicit(&watch->up, up, memory_order_relaxed);
    if (up)
        log_info("service_up", "%s is there", health_service_name(watch->service));
    else
        log_warn("service_away", "%s cannot be used: %s", health_service_name(watch->service),
                 watch->error[0] != '\0' ? watch->error : "no answer");
}

static void note_end(struct watch *watch, enum err_code code, const struct err *err)
{
    int64_t took_ms = clock_mono_ms() - watch->began_ms;
    int missed = misses_now(watch);
    watch->began_ms = 0;
    watch->checked_ms = clock_wall_ms();
    bool impaired = code == E_DISK_FULL;
    if (code == E_OK || impaired)
    {
        watch->misses = 0;
        watch->latency_ms = took_ms;
    }
    else
    {
        watch->misses = missed + (took_ms < DEADLINE_MS);
        if (!watch->ended_once) /* never seen: one miss is enough */
            watch->misses = MISSES_TO_BE_AWAY;
    }
    snprintf(watch->error, sizeof watch->error, "%.*s", (int)sizeof watch->error - 1,
             code == E_OK ? "" : err->text);
    utf8_mend(watch->error);
    if (impaired && !watch->impaired)
        log_warn("service_impaired", "%s takes no new data: %s", health_service_name(watch->service),
                 watch->error);
    if (code == E_OK && watch->impaired)
        log_info("service_whole", "%s is not full any more", health_service_name(watch->service));
    watch->impaired = impaired || (watch->impaired && code != E_OK);
    if (!watch->ended_once)
        pthread_cond_broadcast(&watch->health->wake);
    watch->ended_once = true;
    tell_change(watch);
}

/* Sleeps to the next period; wakes early at stop or when somebody saw a miss.  False: stop. */
static bool rest(struct watch *watch, int64_t began_ms)
{
    struct health *health = watch->health;
    int64_t left_ms = began_ms + PERIOD_MS - clock_mono_ms();
    struct timespec until = clock_mono_after_ms(left_ms > 0 ? left_ms : 0);
    unsigned kicks = health->kicks;
    while (!health->stopping && kicks == health->kicks)
        if (pthread_cond_timedwait(&health->wake, &health->lock, &until) != 0)
            break;
    return !health->stopping;
}

static void *watch_main(void *of)
{
    struct watch *watch = of;
    struct health *health = watch->health;
    bool go_on = true;
    while (go_on)
    {
        int64_t began_ms = clock_mono_ms();
        pthread_mutex_lock(&health->lock);
        watch->began_ms = began_ms;
        pthread_mutex_unlock(&health->lock);

        struct err err = ERR_INIT;
        enum err_code code = watch->probe(watch->of, &err);

        pthread_mutex_lock(&health->lock);
        note_end(watch, code, &err);
        go_on = rest(watch, began_ms);
        watch->gone = !go_on;
        if (watch->gone)
            pthread_cond_broadcast(&health->wake);
        pthread_mutex_unlock(&health->lock);
    }
    return NULL;
}

void health_start(struct health *health)
{
    for (int i = 0; i < HEALTH_SERVICES; i++)
    {
        struct watch *watch = &health->watch[i];
        if (watch->probe == NULL)
            continue;
        watch->started = pthread_create(&watch->thread, NULL, watch_main, watch) == 0;
        if (!watch->started)
            log_error("health_start", "no thread to watch %s", health_service_name(watch->service));
    }
}

static bool all_seen(const struct health *health)
{
    for (int i = 0; i < HEALTH_SERVICES; i++)
        if (health->watch[i].started && !health->watch[i].ended_once)
            return false;
    return true;
}

void health_await(struct health *health, int wait_ms)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    pthread_mutex_lock(&health->lock);
    while (!all_seen(health))
        if (pthread_cond_timedwait(&health->wake, &health->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&health->lock);
}

/* By a condition, since joining with a deadline goes by the wall clock, which somebody may set. */
static void stop_watch(struct watch *watch, const struct timespec *until)
{
    struct health *health = watch->health;
    int waited = 0;
    if (!watch->started)
        return;
    watch->started = false;
    pthread_mutex_lock(&health->lock);
    while (!watch->gone && waited == 0)
        waited = pthread_cond_timedwait(&health->wake, &health->lock, until);
    bool gone = watch->gone;
    pthread_mutex_unlock(&health->lock);
    if (gone)
    {
        pthread_join(watch->thread, NULL);
        return;
    }
    log_warn("health_stop", "the probe of %s hangs", health_service_name(watch->service));
    pthread_detach(watch->thread);
    health->left_behind = true;
}

void health_leave(struct health *health)
{
    pthread_mutex_lock(&health->lock);
    health->stopping = true;
    pthread_cond_broadcast(&health->wake);
    pthread_mutex_unlock(&health->lock);
}

bool health_stop(struct health *health)
{
    struct timespec until = clock_mono_after_ms(STOP_WAIT_MS);
    health_leave(health);
    for (int i = 0; i < HEALTH_SERVICES; i++)
        stop_watch(&health->watch[i], &until);
    return !health->left_behind;
}

struct health_state health_state(struct health *health, enum health_service service)
{
    struct watch *watch = &health->watch[service];
    struct health_state state = {.watched = watch->probe != NULL};
    pthread_mutex_lock(&health->lock);
    tell_change(watch); /* a probe that hangs says nothing itself */
    state.up = atomic_load_explicit(&watch->up, memory_order_relaxed);
    state.impaired = state.up && watch->impaired;
    state.latency_ms = watch->latency_ms;
    state.checked_ms = watch->checked_ms;
    if (watch->error[0] != '\0' || misses_now(watch) == watch->misses)
        snprintf(state.error, sizeof state.error, "%s", watch->error);
    else
        snprintf(state.error, sizeof state.error, "no answer");
    pthread_mutex_unlock(&health->lock);
    return state;
}

bool health_up(const struct health *health, enum health_service service)
{
    return atomic_load_explicit(&health->watch[service].up, memory_order_relaxed);
}

/* One miss at most comes from outside: the second must be the probe's own, which is asked at once,
 * so that a few connections cut by an operator do not look like a server that is away. */
void health_saw(struct health *health, enum health_service service, enum err_code code)
{
    if (code == E_OK)
        return;
    struct watch *watch = &health->watch[service];
    pthread_mutex_lock(&health->lock);
    if (watch->misses < MISSES_TO_BE_AWAY - 1)
    {
        watch->misses++;
        health->kicks++;
        pthread_cond_broadcast(&health->wake);
    }
    pthread_mutex_unlock(&health->lock);
}

void health_drain(struct health *health)
{
    atomic_store(&health->draining, true);
}

bool health_draining(struct health *health)
{
    return atomic_load(&health->draining);
}
