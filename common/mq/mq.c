/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing, core messages, and what failures mean. */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    REFUSED_MS = 5000,
    FORBIDDEN_MS = 5000, /* between a request without an answer and the refusal that explains it, at most */
    LEAST_PAYLOAD = 68 * 1024, /* an envelope and its headers */
    WRONG_MS = 5000            /* healing mends a stream sooner, unless it cannot */
};

struct library mq_library(void)
{
    struct library library = {.name = "nats.c", .built = NATS_VERSION_STRING};
    snprintf(library.found, sizeof library.found, "%s", nats_GetVersion());
    return library;
}

/* ---- what failures mean ----------------------------------------------------------------------- */

static const struct
{
    jsErrCode code;
    const char *words;
} refusals[] = {
    {JSInsufficientResourcesErr, "JetStream has not enough storage"},
    {JSStorageResourcesExceededErr, "JetStream has not enough storage"},
    {JSAccountResourcesExceededErr, "JetStream gives this account no more storage or streams"},
    {JSNotEnabledErr, "NATS runs without JetStream"},
    {JSNotEnabledForAccountErr, "JetStream is not enabled for this account of NATS"},
    {JSClusterNotAvailErr, "JetStream's cluster has no leader"},
    {JSClusterNoPeersErr, "NATS's cluster has not as many servers with room as NATS_REPLICAS says"},
};

/* Whether the server has forbidden something within the last seconds; err says what. */
static bool was_forbidden(struct mq *mq, struct err *err)
{
    pthread_mutex_lock(&mq->lock);
    const bool was = mq->forbidden[0] != '\0' && clock_mono_ms() - mq->forbidden_ms < FORBIDDEN_MS;
    if (was)
        (void)fail(err, E_UNAVAILABLE, "NATS forbids what is needed: %s", mq->forbidden);
    pthread_mutex_unlock(&mq->lock);
    return was;
}

enum err_code mq_translate(struct mq *mq, natsStatus status, jsErrCode js_code, const char *what,
                           struct err *err)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (js_code == refusals[i].code)
            return fail(err, E_UNAVAILABLE, "%s", refusals[i].words);
    if (status == NATS_NOT_FOUND)
        return fail(err, E_NOT_FOUND, "JetStream does not have it: %s", what);
    log_debug("nats_error", "%s: %s (%d)", what, natsStatus_GetText(status), (int)js_code);
    if (status == NATS_NO_MEMORY)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (status == NATS_NO_RESPONDERS)
        return fail(err, E_UNAVAILABLE, "JetStream is not enabled, or not for this account of NATS");
    if (status == NATS_TIMEOUT)
        return was_forbidden(mq, err) ? E_UNAVAILABLE
                                      : fail(err, E_UNAVAILABLE, "NATS did not answer in time");
    if (js_code != 0)
        return fail(err, E_UNAVAILABLE, "JetStream refused (%d): %s", (int)js_code, what);
    return fail(err, E_UNAVAILABLE, "NATS is away");
}

/* ---- open and close --------------------------------------------------------------------------- */

/* Cuts `urls` into `servers`; answers how many, 0: there are none, or too many. */
static size_t split(char *urls, const char *servers[MQ_SERVERS_MAX])
{
    char *rest = NULL;
    size_t count = 0;
    char *url = strtok_r(urls, ",", &rest);
    for (; url != NULL && count < MQ_SERVERS_MAX; url = strtok_r(NULL, ",", &rest))
        servers[count++] = url;
    return url == NULL ? count : 0;
}

bool mq_use_servers(struct mq *mq, const char *urls)
{
    const char *servers[MQ_SERVERS_MAX] = {NULL};
    if (mq->used != NULL && strcmp(mq->used, urls) == 0)
        return true;
    char *copy = strdup(urls);
    const size_t count = copy != NULL ? split(copy, servers) : 0;
    if (count == 0)
    {
        free(copy);
        return false;
    }
    free(mq->urls);
    mq->used = urls;
    mq->urls = copy;
    memcpy(mq->servers, servers, sizeof servers);
    pthread_mutex_lock(&mq->lock);
    mq->servers_count = count;
    pthread_mutex_unlock(&mq->lock);
    return true;
}

static struct mq *new_mq(const char *urls, const char *name)
{
    struct mq *mq = calloc(1, sizeof *mq);
    char *copy = strdup(urls);
    if (mq == NULL || copy == NULL)
    {
        free(copy);
        free(mq);
        return NULL;
    }
    mq->origin = copy;
    mq->refs = 1;
    atomic_init(&mq->replicas, 1);
    pthread_mutex_init(&mq->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&mq->news, &attr);
    pthread_condattr_destroy(&attr);
    snprintf(mq->name, sizeof mq->name, "%s", name);
    snprintf(mq->prompt_name, sizeof mq->prompt_name, "%.50s-prompt", name);
    snprintf(mq->away, sizeof mq->away, "NATS is away");
    return mq;
}

enum err_code mq_open(const char *url, const char *name, struct mq **out, struct err *err)
{
    struct mq *mq = new_mq(url, name);
    if (mq == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = mq_use_servers(mq, mq->origin)
                             ? mq_link_start(mq, err)
                             : fail(err, E_CONFIG, "NATS_URL is no list of addresses");
    if (code != E_OK)
    {
        mq_close(mq);
        return code;
    }
    *out = mq;
    return E_OK;
}

void mq_close(struct mq *mq)
{
    struct mq_link *link = NULL;
    if (mq == NULL)
        return;
    if (mq_link_get(mq, &link, NULL) == E_OK)
        natsConnection_FlushTimeout(link->nc, 1000);
    mq_link_put(link);
    mq_link_stop(mq);
    mq_put(mq);
}

void mq_want_replicas(struct mq *mq, int replicas)
{
    atomic_store(&mq->replicas, replicas);
}

bool mq_connected(struct mq *mq)
{
    return atomic_load(&mq->up);
}

int mq_connections(struct mq *mq)
{
    return atomic_load(&mq->reconnects);
}

/* ---- is all well? ----------------------------------------------------------------------------- */

/* A publisher that was refused tries again every second: an older refusal is of one that has stopped. */
static bool is_refusing(struct mq *mq)
{
    long long refused_ms = atomic_load(&mq->refused_ms);
    return refused_ms != 0 && clock_mono_ms() - refused_ms < REFUSED_MS;
}

/* With the lock held: the name of a stream that has been wrong for too long to be mended soon; NULL: none. */
static const char *left_wrong(struct mq *mq)
{
    const int64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < MQ_STREAMS; i++)
        if (mq->wrong_ms[i] != 0 && now_ms - mq->wrong_ms[i] > WRONG_MS)
            return mq_streams[i].name;
    return NULL;
}

/* The trouble that the latest calls have met. */
static enum err_code known_trouble(struct mq *mq, struct err *err)
{
    enum err_code code = E_OK;
    pthread_mutex_lock(&mq->lock);
    const char *wrong = left_wrong(mq);
    if (mq->trouble[0] != '\0')
        code = fail(err, E_UNAVAILABLE, "%s", mq->trouble);
    else if (is_refusing(mq))
        code = fail(err, E_UNAVAILABLE, "JetStream takes no messages; accepted jobs wait: %s", mq->refusal);
    else if (wrong != NULL)
        code = fail(err, E_UNAVAILABLE, "stream %s is missing or wrongly set, and nobody mends it", wrong);
    pthread_mutex_unlock(&mq->lock);
    return code;
}

static enum err_code look(struct mq *mq, struct mq_link *link, size_t index, int wait_ms, struct err *err)
{
    bool right = false;
    enum err_code code = mq_stream_look(link, index, wait_ms, &right, err);
    if (code != E_OK)
        return code;
    pthread_mutex_lock(&mq->lock);
    if (right)
        mq->wrong_ms[index] = 0;
    else if (mq->wrong_ms[index] == 0)
        mq->wrong_ms[index] = clock_mono_ms();
    pthread_mutex_unlock(&mq->lock);
    if (!right)
        atomic_store(&mq->wrong, true);
    return E_OK;
}

/* Looks at JOBS each time, and at one of the other streams in turn. */
enum err_code mq_ping(struct mq *mq, int wait_ms, struct err *err)
{
    struct mq_link *link = NULL;
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    const size_t other = 1 + atomic_fetch_add(&mq->pings, 1) % (MQ_STREAMS - 1);
    const int64_t max_payload = natsConnection_GetMaxPayload(link->nc);
    enum err_code code = look(mq, link, 0, wait_ms / 2, err);
    if (code == E_OK)
        code = look(mq, link, other, wait_ms / 2, err);
    if (code == E_OK)
        mq_link_answered(link);
    else if (!was_forbidden(mq, NULL)) /* else every server would refuse likewise */
        mq_link_silent(link);
    mq_link_put(link);
    if (code == E_OK && max_payload < LEAST_PAYLOAD)
        return fail(err, E_UNAVAILABLE, "max_payload of NATS is too small: %lld bytes, and %d are needed",
                    (long long)max_payload, (int)LEAST_PAYLOAD);
    return code == E_OK ? known_trouble(mq, err) : code;
}

bool mq_looks_wrong(struct mq *mq)
{
    return atomic_exchange(&mq->wrong, false);
}

enum err_code mq_publish(struct mq *mq, const char *subject, const char *text, struct err *err)
{
    struct mq_link *link = NULL;
    if (mq_link_get_prompt(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    natsStatus s = natsConnection_PublishString(link->nc, subject, text);
    mq_link_put(link);
    return s == NATS_OK ? E_OK : mq_translate(mq, s, 0, subject, err);
}
