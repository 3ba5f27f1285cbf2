/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"
#include "common/cache/address.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * getaddrinfo may take half a minute when a name server is silent, so it runs on a thread of its
 * own, detached, and only while a lookup is under way.  The lookup is shared by that thread and the
 * owner; the last of the two frees it.
 */
struct cache_lookup
{
    pthread_mutex_t lock; /* guards all below but host */
    pthread_cond_t done;  /* CLOCK_MONOTONIC */
    bool running;
    bool finished; /* found is new */
    bool left;     /* the owner has left */
    struct cache_found found;
    char host[ADDRESS_HOST_SIZE];
};

static void destroy(struct cache_lookup *lookup)
{
    pthread_cond_destroy(&lookup->done);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

struct cache_lookup *cache_lookup_new(const char *host)
{
    struct cache_lookup *lookup = calloc(1, sizeof *lookup);
    pthread_condattr_t monotonic;
    if (lookup == NULL || strlen(host) >= sizeof lookup->host)
    {
        free(lookup);
        return NULL;
    }
    memcpy(lookup->host, host, strlen(host) + 1);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_cond_init(&lookup->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return lookup;
}

void cache_lookup_free(struct cache_lookup *lookup)
{
    if (lookup == NULL)
        return;
    pthread_mutex_lock(&lookup->lock);
    bool running = lookup->running;
    lookup->left = true;
    pthread_mutex_unlock(&lookup->lock);
    if (!running)
        destroy(lookup);
}

static void ask(const char *host, int flags, struct cache_found *found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    *found = (struct cache_found){0};
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return;
    for (struct addrinfo *at = list; at != NULL && found->count < ADDRESS_MAX_FOUND; at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, found->numbers[found->count], ADDRESS_NUMERIC_SIZE, NULL,
                        0, NI_NUMERICHOST) == 0)
            found->count++;
    freeaddrinfo(list);
}

static void *run(void *context)
{
    struct cache_lookup *lookup = context;
    struct cache_found found;
    ask(lookup->host, AI_ADDRCONFIG, &found);
    pthread_mutex_lock(&lookup->lock);
    lookup->found = found;
    lookup->running = false;
    lookup->finished = true;
    bool left = lookup->left;
    pthread_cond_signal(&lookup->done);
    pthread_mutex_unlock(&lookup->lock);
    if (left)
        destroy(lookup);
    return NULL;
}

/* With the lock held. */
static bool start(struct cache_lookup *lookup)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    lookup->running = pthread_create(&thread, &detached, run, lookup) == 0;
    pthread_attr_destroy(&detached);
    return lookup->running;
}

enum err_code cache_lookup_wait(struct cache_lookup *lookup, int wait_ms, struct cache_found *out,
                                struct err *err)
{
    struct cache_found found;
    ask(lookup->host, AI_NUMERICHOST, &found); /* a number needs no name server and no thread */
    if (found.count > 0)
    {
        *out = found;
        return E_OK;
    }
    struct timespec until = clock_mono_after_ms(wait_ms);
    pthread_mutex_lock(&lookup->lock);
    bool going = lookup->running || lookup->finished || start(lookup);
    while (going && !lookup->finished && pthread_cond_timedwait(&lookup->done, &lookup->lock, &until) == 0)
        ;
    bool finished = lookup->finished;
    found = lookup->found;
    lookup->finished = false;
    pthread_mutex_unlock(&lookup->lock);
    if (!going)
        return fail(err, E_UNAVAILABLE, "no thread for looking up the cache's name");
    if (!finished)
        return fail(err, E_TIMEOUT, "looking up the cache's name takes long");
    if (found.count == 0)
        return fail(err, E_UNAVAILABLE, "the cache's name is unknown");
    *out = found;
    return E_OK;
}
