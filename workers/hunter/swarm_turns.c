/* SPDX-License-Identifier: Apache-2.0 */
/* Which orders give their place up when jobs are queued for one. */
#include "common/base/clock.h"
#include "workers/hunter/swarm_inside.h"

#include <string.h>

static bool is_at_work(const struct swarm *swarm)
{
    return swarm->is_complete || swarm->code != E_OK || swarm->stat.state == ENGINE_PREPARING ||
           swarm->stat.state == ENGINE_CHECKING;
}

static bool is_idle(const struct order *order, int64_t now_ms)
{
    const struct swarm *swarm = order->swarm;
    if (order->yields || swarm == NULL)
        return false;
    if (order->wish == ORDER_PAUSE)
        return true;
    return order->wish == ORDER_RUN && !is_at_work(swarm) && now_ms - swarm->moved_ms >= order->patience_ms;
}

size_t swarms_idle(struct swarms *swarms)
{
    size_t n = 0;
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&swarms->lock);
    for (const struct order *order = swarms->orders; order != NULL; order = order->next)
        n += is_idle(order, now_ms);
    pthread_mutex_unlock(&swarms->lock);
    return n;
}

static size_t places_of(const struct swarms *swarms, const struct id *user_id)
{
    size_t n = 0;
    for (const struct order *order = swarms->orders; order != NULL; order = order->next)
        n += !order->yields && strcmp(order->user_id.text, user_id->text) == 0;
    return n;
}

static bool goes_before(const struct swarms *swarms, const struct order *a, const struct order *b)
{
    size_t of_a = places_of(swarms, &a->user_id);
    size_t of_b = places_of(swarms, &b->user_id);
    if (of_a != of_b)
        return of_a > of_b;
    if (a->wish != b->wish)
        return a->wish == ORDER_PAUSE;
    return a->swarm->moved_ms < b->swarm->moved_ms;
}

size_t swarms_yield(struct swarms *swarms, size_t max)
{
    size_t asked = 0;
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&swarms->lock);
    for (; asked < max; asked++)
    {
        struct order *next = NULL;
        for (struct order *order = swarms->orders; order != NULL; order = order->next)
            if (is_idle(order, now_ms) && (next == NULL || goes_before(swarms, order, next)))
                next = order;
        if (next == NULL)
            break;
        next->yields = true;
    }
    pthread_cond_broadcast(&swarms->news);
    pthread_mutex_unlock(&swarms->lock);
    return asked;
}
