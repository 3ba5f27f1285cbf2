/* SPDX-License-Identifier: Apache-2.0 */
/* job inject --raw: envelopes straight to NATS. */
#include "cli/inject.h"
#include "common/base/clock.h"
#include "common/job/envelope.h"
#include "common/mq/mq.h"

#include <string.h>

enum
{
    CONNECT_MS = 5000,
    PUBLISH_MS = 10000,
    HEADERS = 2
};

enum err_code inject_raw_open(struct inject *inject, struct err *err)
{
    const char *url = inject->session->conf->nats_url;
    const int64_t until_ms = clock_mono_ms() + CONNECT_MS;
    int wait_ms = 0;
    if (*url == '\0')
        return fail(err, E_CONFIG, "NATS_URL is required for --raw and not set");
    enum err_code code = mq_open(url, "sokoulctl", &inject->mq, err);
    if (code == E_OK)
        code = mq_publisher_open(inject->mq, &inject->publisher, err);
    while (code == E_OK && !mq_connected(inject->mq))
        if (!session_back_off(&wait_ms, until_ms))
            code = fail(err, E_UNAVAILABLE, "NATS does not answer");
    return code;
}

void inject_raw_close(struct inject *inject)
{
    if (inject->publisher != NULL)
        mq_publisher_close(inject->publisher);
    if (inject->mq != NULL)
        mq_close(inject->mq);
    inject->publisher = NULL;
    inject->mq = NULL;
}

static enum err_code write_envelope(const struct inject *inject, const struct id *id, struct buf *buf,
                                    struct mq_message *message, struct err *err)
{
    struct envelope envelope = {
        .v = 1,
        .job_id = id->text,
        .kind = inject->kind,
        .timestamp_ms = clock_wall_ms(),
        .user_id = inject->user_id,
        .request_id = inject->request_id,
        .payload = inject->payload,
        .priority = inject->priority,
        .run_at_ms = inject->run_at_ms != 0 ? inject->run_at_ms : ENVELOPE_TIME_NONE,
        .deadline_at_ms = inject->deadline_at_ms != 0 ? inject->deadline_at_ms : ENVELOPE_TIME_NONE,
        .unique_key = inject->unique_key,
    };
    buf_clear(buf);
    envelope_encode(&envelope, buf);
    if (buf->failed)
        return fail(err, E_TOO_LARGE, "the envelope is larger than %d bytes", ENVELOPE_MAX_BYTES);
    message->data = arena_strndup(inject->scratch, buf->data, buf->len);
    message->len = buf->len;
    return message->data != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

static enum err_code make_message(const struct inject *inject, const struct id *id, struct buf *buf,
                                  struct mq_message *message, struct err *err)
{
    struct mq_header *headers = arena_array(inject->scratch, HEADERS, sizeof *headers);
    char subject[JOB_SUBJECT_SIZE];
    enum err_code code = job_subject(inject->worker, inject->kind, inject->priority, subject, err);
    if (code != E_OK)
        return code;
    if (headers == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    headers[0] = (struct mq_header){"Nats-Msg-Id", arena_printf(inject->scratch, "%s:1", id->text)};
    headers[1] = (struct mq_header){"X-Request-ID", inject->request_id};
    *message = (struct mq_message){
        .subject = arena_strdup(inject->scratch, subject), .headers = headers, .headers_count = HEADERS};
    if (message->subject == NULL || headers[0].value == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return write_envelope(inject, id, buf, message, err);
}

enum err_code inject_raw_publish(struct inject *inject, size_t from, size_t n, struct err *err)
{
    struct buf buf;
    enum err_code code = E_OK;
    struct mq_message *messages = arena_array(inject->scratch, n, sizeof *messages);
    if (messages == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    buf_init(&buf, ENVELOPE_MAX_BYTES);
    for (size_t i = 0; i < n && code == E_OK; i++)
        code = make_message(inject, &inject->ids[from + i], &buf, &messages[i], err);
    buf_fini(&buf);
    if (code == E_OK)
        code = mq_publish_all(inject->publisher, messages, n, PUBLISH_MS, err);
    return code;
}
