/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages JOBS has, subject by subject: for the gauges. */
#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/mq/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum
{
    GET_MS = 1000,
    ERROR_NO_MESSAGE = 10037
};

static size_t copy(const jsStreamStateSubjects *from, struct mq_subject *to)
{
    size_t n = 0;
    for (int i = 0; from != NULL && i < from->Count && n < MQ_SUBJECTS_MAX; i++)
    {
        const size_t len = strlen(from->List[i].Subject);
        if (len >= MQ_SUBJECT_SIZE)
            continue;
        memcpy(to[n].name, from->List[i].Subject, len + 1);
        to[n++].messages = (int64_t)from->List[i].Msgs;
    }
    return n;
}

enum err_code mq_subjects(struct mq *mq, struct arena *arena, struct mq_subject **subjects, size_t *count,
                          struct err *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode js_code = 0;
    jsOptions options;
    struct mq_link *link = NULL;
    struct mq_subject *list = arena_array(arena, MQ_SUBJECTS_MAX, sizeof *list);
    if (list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    mq_api_options(&options);
    options.Stream.Info.SubjectsFilter = "sokoul.jobs.>";
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    natsStatus s = js_GetStreamInfo(&info, link->js, "JOBS", &options, &js_code);
    mq_link_put(link);
    if (s != NATS_OK)
        return mq_translate(mq, s, js_code, "JOBS", err);
    *count = copy(info->State.Subjects, list);
    *subjects = list;
    jsStreamInfo_Destroy(info);
    return E_OK;
}

/* {"message":{"subject":...,"seq":...,"data":...,"time":"..."}} or {"error":{"err_code":10037,...}} */
static enum err_code read_time(struct arena *arena, natsMsg *message, int64_t *since_ms, struct err *err)
{
    const struct json *doc = NULL;
    enum err_code code =
        json_parse(arena, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &doc, err);
    if (code != E_OK)
        return code;
    const char *time = json_text(json_get(json_get(doc, "message"), "time"), "");
    if (clock_parse(time, since_ms))
        return E_OK;
    *since_ms = 0;
    if (json_int(json_get(json_get(doc, "error"), "err_code"), 0) == ERROR_NO_MESSAGE)
        return E_OK;
    return fail(err, E_UNAVAILABLE, "JetStream does not tell how old its messages are");
}

/* Written by hand: the library of Debian 12 asks for a message by its sequence number only. */
enum err_code mq_subject_since(struct mq *mq, struct arena *arena, const char *subject, int64_t after_seq,
                               int64_t *since_ms, struct err *err)
{
    char ask[MQ_SUBJECT_SIZE + 64];
    natsMsg *message = NULL;
    struct mq_link *link = NULL;
    const int len =
        snprintf(ask, sizeof ask, "{\"seq\":%" PRId64 ",\"next_by_subj\":\"%s\"}", after_seq + 1, subject);
    if (mq_link_get(mq, &link, err) != E_OK)
        return E_UNAVAILABLE;
    natsStatus s =
        natsConnection_Request(&message, link->nc, "$JS.API.STREAM.MSG.GET.JOBS", ask, len, GET_MS);
    mq_link_put(link);
    if (s != NATS_OK)
        return mq_translate(mq, s, 0, subject, err);
    enum err_code code = read_time(arena, message, since_ms, err);
    natsMsg_Destroy(message);
    return code;
}
