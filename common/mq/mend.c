/* SPDX-License-Identifier: Apache-2.0 */
/* Streams made and mended. */
#include "common/mq/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

#define MIB(n) ((int64_t)(n) * 1048576)

enum
{
    SMALLEST_MIB = 1,
    LESSER_MS = 1000 /* after so long no other one of DLQ, LOGS and EVENTS is looked at */
};

/* The errors by which a server refuses an update for good.  After any other error the stream is left as it
 * is: a time-out, a lack of room, subjects that another stream has. */
static const jsErrCode unchangeable[] = {
    JSStreamInvalidConfig,         /* retention, storage, sealed, deny_purge, deny_delete */
    JSStreamMirrorNotUpdatableErr, /* a mirror of another stream */
    JSStreamSealedErr,
};

/* ---- making --------------------------------------------------------------------------------- */

static bool lacks_room(natsStatus s, jsErrCode js_code)
{
    return s != NATS_OK &&
           (js_code == JSInsufficientResourcesErr || js_code == JSStorageResourcesExceededErr);
}

/* The size of all streams together, on a disk that has room for them. */
static int64_t all_bytes(void)
{
    int64_t sum = 0;
    for (size_t i = 0; i < MQ_STREAMS; i++)
        sum += mq_streams[i].max_bytes;
    return sum;
}

/* Halves the size that is asked for until the server has room for it. */
static natsStatus stream_fit(struct mq_link *link, jsStreamConfig *config, jsErrCode *js_code)
{
    jsOptions options;
    mq_api_options(&options);
    natsStatus s = js_AddStream(NULL, link->js, config, &options, js_code);
    while (lacks_room(s, *js_code) && config->MaxBytes > MIB(SMALLEST_MIB))
    {
        config->MaxBytes /= 2;
        s = js_AddStream(NULL, link->js, config, &options, js_code);
    }
    return s;
}

/* The first stream is made with the size of all, then shrunk to its own part of the size that was granted. */
static natsStatus stream_make_first(struct mq_link *link, jsStreamConfig *config, jsErrCode *js_code)
{
    jsOptions options;
    mq_api_options(&options);
    const int64_t own = config->MaxBytes;
    const int64_t all = config->MaxBytes = all_bytes();
    natsStatus s = stream_fit(link, config, js_code);
    if (s != NATS_OK)
        return s;
    config->MaxBytes = own / (all / config->MaxBytes);
    return js_UpdateStream(NULL, link->js, config, &options, js_code);
}

/* How many times smaller than meant the first stream is. */
static int64_t shrunk_by(struct mq_link *link)
{
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    mq_api_options(&options);
    natsStatus s = js_GetStreamInfo(&info, link->js, mq_streams[0].name, &options, &js_code);
    int64_t bytes = s == NATS_OK ? info->Config->MaxBytes : 0;
    jsStreamInfo_Destroy(info);
    return bytes > 0 && bytes < mq_streams[0].max_bytes ? mq_streams[0].max_bytes / bytes : 1;
}

/* On a disk that is too small all streams are smaller by the same factor. */
static natsStatus stream_make(struct mq_link *link, const struct stream_row *row, jsErrCode *js_code)
{
    jsStreamConfig config;
    const char *subject = NULL;
    mq_stream_config(row, &subject, &config);
    if (row == &mq_streams[0])
        return stream_make_first(link, &config, js_code);
    config.MaxBytes /= shrunk_by(link);
    return stream_fit(link, &config, js_code);
}

/* ---- mending -------------------------------------------------------------------------------- */

static bool is_unchangeable(jsErrCode js_code)
{
    for (size_t i = 0; i < sizeof unchangeable / sizeof unchangeable[0]; i++)
        if (unchangeable[i] == js_code)
            return true;
    return false;
}

static natsStatus stream_update(struct mq_link *link, const struct stream_row *row, const jsStreamConfig *is,
                                jsErrCode *js_code)
{
    jsStreamConfig config;
    jsOptions options;
    const char *subject = NULL;
    mq_api_options(&options);
    mq_stream_config(row, &subject, &config);
    if (is->MaxBytes > 0)
        config.MaxBytes = is->MaxBytes;
    config.Replicas = is->Replicas;
    return js_UpdateStream(NULL, link->js, &config, &options, js_code);
}

static enum err_code stream_mend(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                 const jsStreamInfo *info, struct err *err)
{
    jsErrCode js_code = 0;
    jsOptions options;
    mq_api_options(&options);
    natsStatus s = stream_update(link, row, info->Config, &js_code);
    if (s != NATS_OK && is_unchangeable(js_code))
    {
        if (row->remake == REMAKE_EMPTY && info->State.Msgs > 0)
            return fail(err, E_UNAVAILABLE,
                        "stream %s is wrongly set and not empty: save what is in it and delete it",
                        row->name);
        s = js_DeleteStream(link->js, row->name, &options, &js_code);
        if (s == NATS_OK)
            s = stream_make(link, row, &js_code);
    }
    return s == NATS_OK ? E_OK : mq_translate(mq, s, js_code, row->name, err);
}

static enum err_code stream_add(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                struct err *err)
{
    char rival[MQ_NAME_SIZE];
    jsErrCode js_code = 0;
    natsStatus s = stream_make(link, row, &js_code);
    if (s == NATS_OK)
        return E_OK;
    if (js_code != JSStreamSubjectOverlapErr || !mq_stream_rival(link, row, rival))
        return mq_translate(mq, s, js_code, row->name, err);
    (void)mq_fail_rival(row, rival, err);
    return E_UNAVAILABLE;
}

static natsStatus update_replicas(struct mq_link *link, const jsStreamConfig *is, int replicas,
                                  jsErrCode *js_code)
{
    jsOptions options;
    jsStreamConfig config = *is;
    mq_api_options(&options);
    config.Replicas = replicas;
    return js_UpdateStream(NULL, link->js, &config, &options, js_code);
}

/* Sets the wanted number of replicas or, when that is refused, the largest that is not; answers why the
 * wanted number was refused. */
static natsStatus replicate(struct mq_link *link, const jsStreamConfig *is, int replicas, jsErrCode *js_code)
{
    natsStatus s = update_replicas(link, is, replicas, js_code);
    jsErrCode fewer = *js_code;
    natsStatus less = s;
    for (int n = replicas - 2; less != NATS_OK && fewer == JSClusterNoPeersErr && n > is->Replicas; n -= 2)
        less = update_replicas(link, is, n, &fewer);
    return s;
}

/* A server that is not in a cluster accepts any number of replicas for an existing stream, and does not find
 * the stream again after a restart. */
static bool is_of_cluster(const jsStreamInfo *info)
{
    return info->Cluster != NULL && info->Cluster->Name != NULL && info->Cluster->Name[0] != '\0';
}

/* Changes the number of a stream's replicas and nothing else.  A stream is made with one, which any NATS can
 * do, and gets the others here. */
static enum err_code stream_replicate(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                      const jsStreamInfo *info, int *repairs, struct err *err)
{
    jsErrCode js_code = 0;
    const int replicas = atomic_load(&mq->replicas);
    if (info->Config->Replicas == replicas)
        return E_OK;
    if (replicas > 1 && !is_of_cluster(info))
        return fail(err, E_UNAVAILABLE, "NATS_REPLICAS is %d, and this NATS is no cluster", replicas);
    natsStatus s = replicate(link, info->Config, replicas, &js_code);
    if (s != NATS_OK)
        return mq_translate(mq, s, js_code, row->name, err);
    (*repairs)++;
    log_info("stream_replicated", "stream %s is kept by %d of NATS's servers", row->name, replicas);
    return E_OK;
}

static natsStatus look_at(struct mq_link *link, const struct stream_row *row, jsStreamInfo **info,
                          jsErrCode *js_code)
{
    jsOptions options;
    mq_api_options(&options);
    options.Wait = MQ_LOOK_MS;
    return js_GetStreamInfo(info, link->js, row->name, &options, js_code);
}

/* *info: the stream as it is now, to be destroyed by the caller in any case. */
static enum err_code stream_settings(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                     jsStreamInfo **info, int *repairs, struct err *err)
{
    jsErrCode js_code = 0;
    natsStatus s = look_at(link, row, info, &js_code);
    enum err_code code = E_OK;
    if (s == NATS_OK && mq_stream_is_right(row, (*info)->Config))
        return E_OK;
    if (s == NATS_NOT_FOUND)
        code = stream_add(mq, link, row, err);
    else if (s != NATS_OK)
        code = mq_translate(mq, s, js_code, row->name, err);
    else
        code = stream_mend(mq, link, row, *info, err);
    if (code != E_OK)
        return code;
    (*repairs)++;
    log_info("stream_made", "made or mended stream %s", row->name);
    jsStreamInfo_Destroy(*info);
    *info = NULL;
    s = look_at(link, row, info, &js_code);
    return s == NATS_OK ? E_OK : mq_translate(mq, s, js_code, row->name, err);
}

/* *lesser: why the stream has fewer replicas than it should. */
static enum err_code stream_ensure(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                   int *repairs, struct err *lesser, struct err *err)
{
    jsStreamInfo *info = NULL;
    enum err_code code = stream_settings(mq, link, row, &info, repairs, err);
    if (code == E_OK)
        (void)stream_replicate(mq, link, row, info, repairs, lesser);
    jsStreamInfo_Destroy(info);
    return code;
}

/* Logs a trouble once, until it is another one or none. */
static void note_trouble(struct mq *mq, const struct err *err)
{
    char words[MQ_WORDS_SIZE];
    snprintf(words, sizeof words, "%.*s", (int)sizeof words - 1, err->code == E_OK ? "" : err->text);
    pthread_mutex_lock(&mq->lock);
    const bool news = strcmp(words, mq->trouble) != 0;
    memcpy(mq->trouble, words, sizeof words);
    pthread_mutex_unlock(&mq->lock);
    if (news && words[0] != '\0')
        log_warn("jetstream_trouble", "JetStream cannot be set up: %s", words);
    else if (news)
        log_info("jetstream_set_up", "JetStream is set up as it must be");
}

/* DLQ, LOGS and EVENTS, each time another one first.  A server that is slow to answer is not asked for long:
 * the caller is a relay or healing, and jobs wait for both. */
static void ensure_lesser(struct mq *mq, struct mq_link *link, int *repairs, struct err *trouble)
{
    const int64_t until_ms = clock_mono_ms() + LESSER_MS;
    const size_t first = atomic_fetch_add(&mq->lesser, 1);
    const struct stream_row *best = &mq_streams[trouble->code == E_OK ? MQ_STREAMS : 0]; /* the first alone */
    for (size_t i = 0; i < MQ_STREAMS - 1 && clock_mono_ms() < until_ms; i++)
    {
        const struct stream_row *row = &mq_streams[1 + (first + i) % (MQ_STREAMS - 1)];
        struct err err = ERR_INIT;
        (void)stream_ensure(mq, link, row, repairs, &err, &err);
        if (err.code == E_OK || row >= best)
            continue;
        *trouble = err;
        best = row;
    }
}

/* Trouble with a stream of copies, or with how many servers keep one, holds up no job. */
static enum err_code ensure_all(struct mq *mq, struct mq_link *link, int *repairs, struct err *err)
{
    struct err lesser = ERR_INIT;
    struct err why = ERR_INIT;
    enum err_code code = stream_ensure(mq, link, &mq_streams[0], repairs, &lesser, &why);
    if (code == E_OK)
        code = mq_consumers_ensure(mq, link, repairs, &why);
    if (code == E_OK)
        ensure_lesser(mq, link, repairs, &lesser);
    note_trouble(mq, code != E_OK ? &why : &lesser);
    if (code != E_OK && err != NULL)
        *err = why;
    return code;
}

enum err_code mq_ensure(struct mq *mq, int *repairs, struct err *err)
{
    int made = 0;
    struct mq_link *link = NULL;
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    enum err_code code = ensure_all(mq, link, &made, err);
    mq_link_put(link);
    /* The first call may have found what another program had just made; a pull may have asked too early then,
     * too.
     */
    if (code == E_OK && (made > 0 || atomic_load(&mq->ensures) == 0))
        atomic_fetch_add(&mq->ensures, 1);
    if (repairs != NULL)
        *repairs = made;
    return code;
}
