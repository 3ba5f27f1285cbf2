/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the outbox as messages, and what is known of them when JetStream has confirmed them. */
#include "common/outbox/internal.h"

#include "common/base/traceparent.h"

#include <string.h>

enum
{
    HEADERS = 4
};

/* The span is the request's, or, where many requests may have its id, the row's. A stranger's envelope may
 * have no request. */
static const char *trace_of(struct arena *arena, const struct outbox_row *row)
{
    const char *id = row->request_id[0] != '\0' ? row->request_id : row->job_id;
    const uint64_t span = span_of_request(id);
    char *header = arena_alloc(arena, TRACEPARENT_SIZE);
    if (header != NULL)
        traceparent_write(id, span != 0 ? span : (uint64_t)row->id, header);
    return header;
}

static struct mq_message message_of(struct arena *arena, const struct outbox_row *row)
{
    struct mq_header *headers = arena_array(arena, HEADERS, sizeof *headers);
    size_t n = 0;
    if (headers != NULL && row->request_id[0] != '\0')
        headers[n++] = (struct mq_header){"X-Request-ID", row->request_id};
    if (headers != NULL && row->job_id != NULL)
    {
        const char *id = arena_printf(arena, "%s:%lld", row->job_id, (long long)row->epoch);
        headers[n++] = (struct mq_header){"Nats-Msg-Id", id};
        headers[n++] = (struct mq_header){"traceparent", trace_of(arena, row)};
        if (row->alone)
            headers[n++] = (struct mq_header){"Sokoul-Alone", "1"};
    }
    else if (headers != NULL)
        headers[n++] =
            (struct mq_header){"Nats-Msg-Id", arena_printf(arena, "outbox:%lld", (long long)row->id)};
    return (struct mq_message){.subject = row->subject,
                               .headers = headers,
                               .headers_count = n,
                               .data = row->body,
                               .len = strlen(row->body)};
}

static bool is_job_message(const struct outbox_row *row)
{
    return strncmp(row->subject, "sokoul.jobs.", 12) == 0;
}

enum err_code batch_write(struct arena *arena, struct batch *batch, struct err *err)
{
    batch->messages = arena_array(arena, batch->count + 1, sizeof *batch->messages);
    for (size_t i = 0; batch->messages != NULL && i < batch->count; i++)
        batch->messages[i] = message_of(arena, &batch->rows[i]);
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

struct outbox_batch batch_noted(const struct outbox *outbox, const struct batch *batch)
{
    struct outbox_batch noted = {.stream = outbox->stream.incarnation, .min_wake = INT64_MAX};
    for (size_t i = 0; i < batch->count; i++)
    {
        const struct mq_message *message = &batch->messages[i];
        int64_t wake = batch->rows[i].id;
        if (!message->confirmed || !is_job_message(&batch->rows[i]))
            continue;
        noted.min_wake = wake < noted.min_wake ? wake : noted.min_wake;
        noted.max_wake = wake > noted.max_wake ? wake : noted.max_wake;
        noted.max_seq = message->seq > noted.max_seq ? message->seq : noted.max_seq;
    }
    return noted;
}
