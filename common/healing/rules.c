/* SPDX-License-Identifier: Apache-2.0 */
#include "common/healing/rules.h"

#include <string.h>

enum
{
    STALLED_AGAIN = 2 /* found so often again where it was, it will not get on by itself */
};

enum task_verdict task_decide(const struct task_facts *facts)
{
    if (facts->now_ms < facts->due_ms)
        return TASK_WAITS;
    if (facts->needs == TASK_NEEDS_NATS && !facts->nats_up)
        return TASK_LEFT_OUT;
    if (facts->who == TASK_OF_ALL)
        return TASK_RUNS;
    return (facts->who == TASK_OF_HOLDER) == facts->has_turn ? TASK_RUNS : TASK_LEFT_OUT;
}

enum scan_pace scan_decide(const struct scan_facts *facts)
{
    if (facts->scanned && !facts->in_doubt)
        return SCAN_STEADY;
    return facts->same_stream ? SCAN_FAST : SCAN_FAST_ANEW;
}

enum scan_next scan_after(enum scan_pace pace, enum scan_end end)
{
    if (pace == SCAN_STEADY)
        return SCAN_NEXT_IN_TIME;
    return end == SCAN_AT_END ? SCAN_COMPLETE : SCAN_NEXT_AT_ONCE;
}

enum mend_verdict mend_decide(const struct mend_facts *facts)
{
    if (facts->at_ms == 0)
        return facts->looks_wrong ? MEND_LATER : MEND_NOTHING;
    return facts->now_ms < facts->at_ms ? MEND_NOTHING : MEND_NOW;
}

/* It has messages that it does not deliver: to requests that wait, or since it does not know of them. */
static bool starves(const struct consumer_facts *facts)
{
    const struct mq_consumer *is = &facts->is;
    return (is->pending > 0 && is->waiting > 0) || facts->in_stream > is->pending + is->ack_pending;
}

struct consumer_decision consumer_decide(const struct consumer_facts *facts, struct consumer_watch was)
{
    const bool starving = starves(facts);
    const bool has_reason = facts->busy && !facts->uneven && !starving;
    const int64_t floor = 1 + (starving ? facts->is.delivered_seq : facts->is.acked_seq);
    if (facts->uneven && facts->is.acked_seq >= facts->first_seq)
        return (struct consumer_decision){.verdict = CONSUMER_KEEPS_ACKED};
    if (facts->is.unsettled == 0 && !starving)
        return (struct consumer_decision){.verdict = CONSUMER_GETS_ON};
    const struct consumer_watch watch = {floor, floor == was.floor && !has_reason ? was.again + 1 : 0};
    if (watch.again == STALLED_AGAIN)
        return (struct consumer_decision){.verdict = CONSUMER_STALLED};
    return (struct consumer_decision){CONSUMER_WATCHED, watch};
}

bool consumer_takes(const char *subject, const char *worker, enum job_priority priority)
{
    const char *from = subject + strlen("sokoul.jobs.");
    const size_t len = strlen(worker);
    enum job_priority its = JOB_NORMAL;
    if (strncmp(from, worker, len) != 0 || from[len] != '.')
        return false;
    const char *last = strchr(from + len + 1, '.'); /* past the kind */
    if (last != NULL)
        (void)job_priority_parse(last + 1, &its);
    return its == priority;
}
