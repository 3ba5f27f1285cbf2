/* SPDX-License-Identifier: Apache-2.0 */
/* Does what adopt.h says with a message whose job was not claimed. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/obs/metrics.h"
#include "common/outbox/outbox.h"

#include <stdio.h>

/* One message on its way. */
struct adoption
{
    const struct unclaimed *with;
    struct job *job;
    struct envelope envelope;
    struct job_claim claim;
    struct adopt_facts facts;
    struct adopt_plan plan;
    struct err err;
};

static enum err_code read_envelope(struct adoption *it)
{
    const struct mq_delivery *message = it->job->message;
    enum err_code code = envelope_decode(it->with->arena, mq_delivery_data(message), mq_delivery_len(message),
                                         &it->envelope, &it->err);
    if (code != E_OK)
        return code;
    const int64_t now_ms = clock_wall_ms();
    it->facts.age_ms = now_ms - it->envelope.timestamp_ms;
    it->facts.due_in_ms = it->envelope.run_at_ms - now_ms; /* ENVELOPE_TIME_NONE is long ago */
    it->facts.keyed = it->envelope.unique_key != NULL;
    return code;
}

static enum err_code adopt(struct adoption *it)
{
    return job_store_adopt(it->with->db, it->with->arena, &it->with->runtime->claimer, &it->envelope,
                           &it->claim, &it->facts.adopted, &it->err);
}

static int64_t time_or_none(int64_t time_ms)
{
    return time_ms == ENVELOPE_TIME_NONE ? 0 : time_ms;
}

static enum err_code accept_job(struct adoption *it)
{
    const struct envelope *envelope = &it->envelope;
    const struct job_new job = {.job_id = envelope->job_id,
                                .kind = envelope->kind,
                                .worker = it->with->runtime->config.worker,
                                .user_id = envelope->user_id,
                                .request_id = envelope->request_id,
                                .payload = envelope->payload,
                                .priority = envelope->priority,
                                .run_at_ms = time_or_none(envelope->run_at_ms),
                                .deadline_at_ms = time_or_none(envelope->deadline_at_ms),
                                .unique_key = envelope->unique_key,
                                .parent_id = envelope->parent_id};
    enum err_code code = job_store_accept(it->with->db, it->with->arena, &job, 1, &it->err);
    if (code == E_OK)
        outbox_wake(it->with->runtime->config.outbox);
    return code;
}

static enum err_code dead_letter(struct adoption *it)
{
    const struct mq_delivery *message = it->job->message;
    const bool poison = it->err.code != E_OK;
    const struct job_raw_letter letter = {.subject = mq_delivery_subject(message),
                                          .reason = it->plan.reason,
                                          .detail = poison ? it->err.text
                                                           : "the envelope is older than jobs are kept",
                                          .raw = mq_delivery_data(message),
                                          .raw_len = mq_delivery_len(message),
                                          .raw_size = mq_delivery_len(message),
                                          .seq = mq_delivery_seq(message),
                                          .stored_ms = mq_delivery_time_ms(message)};
    struct err err = ERR_INIT;
    enum err_code code = job_store_bury_raw(it->with->db, it->with->arena, &letter, &err);
    if (code != E_OK)
        return code;
    crash_point("raw_buried");
    metrics_add(METRIC_DLQ, 1);
    log_error("message_buried", "a message on %s became a dead letter (%s): %s", letter.subject,
              letter.reason, letter.detail);
    outbox_wake(it->with->runtime->config.outbox);
    return E_OK;
}

static void end(struct adoption *it)
{
    if (it->plan.step == ADOPT_RUN)
        deliver(it->with->runtime, &it->claim, &it->job, 1);
    else if (it->plan.step == ADOPT_NAK)
    {
        if (it->plan.reason != NULL)
            log_warn("message_refused", "a message on %s does not parse: %s",
                     mq_delivery_subject(it->job->message), it->err.text);
        job_nak(it->job, it->plan.delay_ms);
    }
    else
    {
        if (it->plan.step == ADOPT_DROP)
            log_warn("message_dropped", "job %s names a user that does not exist", it->envelope.job_id);
        job_ack(it->job);
    }
}

/* True: the next step is ADOPT_LOOK, which is not done here.  False: the message has met its end. */
static bool go_on(struct adoption *it)
{
    static enum err_code (*const steps[ADOPT_STEPS])(struct adoption *it) = {
        [ADOPT_ADOPT] = adopt, [ADOPT_ACCEPT] = accept_job, [ADOPT_DEAD_LETTER] = dead_letter};
    for (it->plan = adopt_plan(&it->facts); it->plan.step < ADOPT_STEPS; it->plan = adopt_plan(&it->facts))
    {
        if (it->plan.step == ADOPT_LOOK)
            return true;
        it->facts.done = it->plan.step;
        it->facts.code = steps[it->plan.step](it);
    }
    end(it);
    return false;
}

static bool read_message(struct adoption *it, const struct unclaimed *with, struct job *take)
{
    *it = (struct adoption){.with = with, .job = take, .err = ERR_INIT};
    it->facts =
        (struct adopt_facts){.done = ADOPT_READ,
                             .deliveries = mq_delivery_count(take->message),
                             .retention_ms = (int64_t)with->runtime->config.retention_days * 86400000};
    it->facts.code = read_envelope(it);
    return go_on(it);
}

bool unclaimed_read(const struct unclaimed *with, struct job *take, struct id *id)
{
    struct adoption it;
    if (!read_message(&it, with, take))
        return false;
    snprintf(id->text, sizeof id->text, "%s", it.envelope.job_id);
    return true;
}

void unclaimed_adopt(const struct unclaimed *with, struct job *take)
{
    struct adoption it;
    if (!read_message(&it, with, take))
        return;
    it.facts.done = ADOPT_LOOK;
    go_on(&it);
}
