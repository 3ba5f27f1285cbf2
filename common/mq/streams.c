/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: how they must be set, how they are, and what stands in the way. */
#include "common/mq/internal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

#define SECONDS(n) ((int64_t)(n) * 1000000000)
#define DAYS(n) SECONDS((int64_t)(n) * 86400)
#define MIB(n) ((int64_t)(n) * 1048576)

enum
{
    API_WAIT_MS = 2000
};

const struct stream_row mq_streams[MQ_STREAMS] = {
    {"JOBS", "sokoul.jobs.>", "sokoul.jobs.", js_WorkQueuePolicy, js_DiscardNew, 0, MIB(1024), REMAKE_ALWAYS},
    {"DLQ", "sokoul.dlq.>", "sokoul.dlq.", js_LimitsPolicy, js_DiscardOld, DAYS(30), MIB(256), REMAKE_EMPTY},
    {"LOGS", "sokoul.logs.>", "sokoul.logs.", js_LimitsPolicy, js_DiscardOld, DAYS(7), MIB(256),
     REMAKE_EMPTY},
    {"EVENTS", "sokoul.events.>", "sokoul.events.", js_LimitsPolicy, js_DiscardOld, SECONDS(3600), MIB(128),
     REMAKE_EMPTY},
};

const char *mq_stream_of(const char *subject)
{
    for (size_t i = 0; i < MQ_STREAMS; i++)
        if (strncmp(subject, mq_streams[i].prefix, strlen(mq_streams[i].prefix)) == 0)
            return mq_streams[i].name;
    return NULL;
}

void mq_stream_config(const struct stream_row *row, const char **subject, jsStreamConfig *config)
{
    jsStreamConfig_Init(config);
    *subject = row->subject;
    config->Name = row->name;
    config->Subjects = subject;
    config->SubjectsLen = 1;
    config->Retention = row->retention;
    config->Discard = row->discard;
    config->Storage = js_FileStorage;
    config->MaxAge = row->max_age_ns;
    config->MaxBytes = row->max_bytes;
    config->MaxMsgs = -1;
    config->Duplicates = SECONDS(120);
}

/* Plain: no setting that an operator may have added keeps messages out, drops them, or hides their
 * confirmation. */
static bool stream_is_plain(const jsStreamConfig *is)
{
    return is->MaxMsgs <= 0 && is->MaxMsgSize <= 0 && is->MaxMsgsPerSubject <= 0 && is->MaxConsumers <= 0 &&
           !is->NoAck && !is->Sealed && !is->DenyDelete && !is->DenyPurge && !is->DiscardNewPerSubject &&
           is->Mirror == NULL && is->SourcesLen == 0 && is->RePublish == NULL;
}

bool mq_stream_is_right(const struct stream_row *row, const jsStreamConfig *is)
{
    return is->Retention == row->retention && is->Discard == row->discard && is->Storage == js_FileStorage &&
           is->MaxAge == row->max_age_ns && is->MaxBytes > 0 && is->Duplicates == SECONDS(120) &&
           is->SubjectsLen == 1 && strcmp(is->Subjects[0], row->subject) == 0 && stream_is_plain(is);
}

void mq_api_options(jsOptions *options)
{
    jsOptions_Init(options);
    options->Wait = API_WAIT_MS;
}

/* ---- looking -------------------------------------------------------------------------------- */

/* The name of another stream that has subjects of this one: the first of {"streams":["NAME",...]}; false:
 * there is none. */
bool mq_stream_rival(struct mq_link *link, const struct stream_row *row, char name[MQ_NAME_SIZE])
{
    static const char before[] = "\"streams\":[\"";
    char ask[96];
    char text[512];
    natsMsg *reply = NULL;
    snprintf(ask, sizeof ask, "{\"subject\":\"%s\"}", row->subject);
    if (natsConnection_RequestString(&reply, link->nc, "$JS.API.STREAM.NAMES", ask, API_WAIT_MS) != NATS_OK)
        return false;
    snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(reply), natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
    const char *at = strstr(text, before);
    if (at == NULL)
        return false;
    at += sizeof before - 1;
    snprintf(name, MQ_NAME_SIZE, "%.*s", (int)strcspn(at, "\""), at);
    return strcmp(name, row->name) != 0;
}

enum err_code mq_fail_rival(const struct stream_row *row, const char *rival, struct err *err)
{
    return fail(err, E_CONFLICT, "stream %.32s takes subjects of %s (%s): delete it or change its subjects",
                rival, row->name, row->subject);
}

enum err_code mq_stream_look(struct mq_link *link, size_t index, int wait_ms, bool *right, struct err *err)
{
    const struct stream_row *row = &mq_streams[index];
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    mq_api_options(&options);
    options.Wait = wait_ms;
    natsStatus s = js_GetStreamInfo(&info, link->js, row->name, &options, &js_code);
    const bool is_right = s == NATS_OK && mq_stream_is_right(row, info->Config);
    jsStreamInfo_Destroy(info);
    if (s != NATS_OK && s != NATS_NOT_FOUND)
        return mq_translate(link->mq, s, js_code, row->name, err);
    *right = is_right;
    return E_OK;
}

/* Sends an empty request: a server refuses it before it makes anything, and does not answer when the request
 * is forbidden. */
static enum err_code ask_whether_forbidden(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                           struct err *err)
{
    char subject[64];
    natsMsg *reply = NULL;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", row->name);
    natsStatus s = natsConnection_RequestString(&reply, link->nc, subject, "", API_WAIT_MS);
    natsMsg_Destroy(reply);
    return s == NATS_OK ? E_OK : mq_translate(mq, s, 0, row->name, err);
}

static enum err_code stream_check(struct mq *mq, struct mq_link *link, const struct stream_row *row,
                                  struct err *err)
{
    char rival[MQ_NAME_SIZE];
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    mq_api_options(&options);
    natsStatus s = js_GetStreamInfo(&info, link->js, row->name, &options, &js_code);
    const bool right = s == NATS_OK && mq_stream_is_right(row, info->Config);
    const int replicas = s == NATS_OK ? (int)info->Config->Replicas : 0;
    jsStreamInfo_Destroy(info);
    if (right && replicas == atomic_load(&mq->replicas))
        return E_OK;
    if (right)
        return fail(err, E_CONFLICT, "NATS_REPLICAS is %d, and stream %s has %d", atomic_load(&mq->replicas),
                    row->name, replicas);
    if (s == NATS_OK)
        return fail(err, E_CONFLICT, "stream %s is not set as it must be", row->name);
    if (s == NATS_NOT_FOUND && mq_stream_rival(link, row, rival))
        return mq_fail_rival(row, rival, err);
    if (s == NATS_NOT_FOUND && ask_whether_forbidden(mq, link, row, err) != E_OK)
        return err->code;
    return mq_translate(mq, s, js_code, row->name, err);
}

enum err_code mq_check(struct mq *mq, struct err *err)
{
    struct mq_link *link = NULL;
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    enum err_code code = E_OK;
    for (size_t i = 0; code == E_OK && i < MQ_STREAMS; i++)
        code = stream_check(mq, link, &mq_streams[i], err);
    mq_link_put(link);
    return code;
}

enum err_code mq_stream_info(struct mq *mq, const char *stream, struct mq_stream *out, struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    struct mq_link *link = NULL;
    mq_api_options(&options);
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    natsStatus s = js_GetStreamInfo(&info, link->js, stream, &options, &js_code);
    mq_link_put(link);
    if (s != NATS_OK)
        return mq_translate(mq, s, js_code, stream, err);
    *out = (struct mq_stream){.messages = (int64_t)info->State.Msgs,
                              .bytes = (int64_t)info->State.Bytes,
                              .first_seq = (int64_t)info->State.FirstSeq,
                              .last_seq = (int64_t)info->State.LastSeq};
    snprintf(out->created, sizeof out->created, "%lld", (long long)info->Created);
    jsStreamInfo_Destroy(info);
    return E_OK;
}
