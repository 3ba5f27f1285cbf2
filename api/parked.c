/* SPDX-License-Identifier: Apache-2.0 */
#include "api/parked.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct parked
{
    pthread_mutex_t lock; /* guards head and stopping */
    pthread_cond_t earlier;
    struct request *head; /* the one whose time comes first is first */
    struct request *tail;
    bool stopping;
    pthread_t thread;
    void (*wake)(void *of, struct request *req);
    void *of;
};

/* Under the lock: the first whose time has come, or NULL when the thread is to stop. */
static struct request *await_one(struct parked *parked)
{
    while (!parked->stopping)
    {
        if (parked->head == NULL)
        {
            pthread_cond_wait(&parked->earlier, &parked->lock);
            continue;
        }
        const int64_t left_ms = parked->head->step.at_ms - clock_mono_ms();
        if (left_ms <= 0)
            break;
        const struct timespec until = clock_mono_after_ms(left_ms);
        pthread_cond_timedwait(&parked->earlier, &parked->lock, &until);
    }
    struct request *req = parked->head;
    if (req == NULL)
        return NULL;
    parked->head = req->next;
    *(req->next != NULL ? &req->next->before : &parked->tail) = NULL;
    return req;
}

static void *run(void *of)
{
    struct parked *parked = of;
    struct request *req;
    do
    {
        pthread_mutex_lock(&parked->lock);
        req = await_one(parked);
        pthread_mutex_unlock(&parked->lock);
        if (req != NULL)
            parked->wake(parked->of, req);
    } while (req != NULL);
    return NULL;
}

void parked_add(struct parked *parked, struct request *req)
{
    pthread_mutex_lock(&parked->lock);
    struct request *before = parked->tail; /* who comes last mostly waits longest */
    while (before != NULL && before->step.at_ms > req->step.at_ms)
        before = before->before;
    req->before = before;
    req->next = before != NULL ? before->next : parked->head;
    *(before != NULL ? &before->next : &parked->head) = req;
    *(req->next != NULL ? &req->next->before : &parked->tail) = req;
    if (parked->head == req)
        pthread_cond_signal(&parked->earlier);
    pthread_mutex_unlock(&parked->lock);
}

enum err_code parked_start(void (*wake)(void *of, struct request *req), void *of, struct parked **out,
                           struct err *err)
{
    struct parked *parked = calloc(1, sizeof *parked);
    if (parked == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    parked->wake = wake;
    parked->of = of;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&parked->earlier, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&parked->lock, NULL);
    if (pthread_create(&parked->thread, NULL, run, parked) == 0)
    {
        *out = parked;
        return E_OK;
    }
    pthread_cond_destroy(&parked->earlier);
    pthread_mutex_destroy(&parked->lock);
    free(parked);
    return fail(err, E_NO_MEMORY, "no thread for requests that wait");
}

void parked_stop(struct parked *parked)
{
    if (parked == NULL)
        return;
    pthread_mutex_lock(&parked->lock);
    parked->stopping = true;
    pthread_cond_signal(&parked->earlier);
    pthread_mutex_unlock(&parked->lock);
    pthread_join(parked->thread, NULL);
    pthread_cond_destroy(&parked->earlier);
    pthread_mutex_destroy(&parked->lock);
    free(parked);
}
