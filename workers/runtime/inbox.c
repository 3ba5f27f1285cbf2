/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/runtime/inbox.h"

#include <stddef.h>

void job_queue_push(struct job_queue *queue, struct job_link *take)
{
    take->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = take;
    else
        queue->head = take;
    queue->tail = take;
    queue->count++;
}

void *job_queue_pop(struct job_queue *queue)
{
    struct job_link *link = queue->head;
    if (link == NULL)
        return NULL;
    queue->head = link->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    queue->count--;
    return link;
}

void job_queue_append(struct job_queue *queue, struct job_queue *take)
{
    struct job_link *link = NULL;
    while ((link = job_queue_pop(take)) != NULL)
        job_queue_push(queue, link);
}

/* ---- waiting -------------------------------------------------------------------------------- */

void inbox_init(struct inbox *inbox, int slots)
{
    *inbox = (struct inbox){.slots = slots, .limit = slots};
}

void inbox_add(struct inbox *inbox, struct job_link *take)
{
    job_queue_push(take->isolated ? &inbox->isolated : &inbox->waiting[take->priority], take);
}

int inbox_count(const struct inbox *inbox)
{
    int count = inbox->isolated.count;
    for (int i = 0; i < JOB_PRIORITIES; i++)
        count += inbox->waiting[i].count;
    return count;
}

int inbox_credit(const struct inbox *inbox)
{
    int credit = inbox->limit - inbox->in_flight - inbox_count(inbox);
    if (inbox->limit > inbox->slots)
        credit += inbox->limit / 2;
    return inbox->open && credit > 0 ? credit : 0;
}

bool inbox_is_full(const struct inbox *inbox)
{
    return inbox->limit <= inbox->slots && inbox->in_flight >= inbox->limit;
}

void inbox_give_up(struct inbox *inbox, struct job_queue *given_up)
{
    for (int i = 0; i < JOB_PRIORITIES; i++)
        job_queue_append(given_up, &inbox->waiting[i]);
}

void inbox_empty(struct inbox *inbox, struct job_queue *given_up)
{
    inbox_give_up(inbox, given_up);
    job_queue_append(given_up, &inbox->isolated);
}

/* ---- choosing ------------------------------------------------------------------------------- */

static bool is_newcomer(const struct job_link *job, int64_t now_ms)
{
    return job != NULL && now_ms - job->claimed_ms < INBOX_QUARANTINE_MS;
}

static int free_slots(const struct inbox *inbox, int64_t now_ms)
{
    const int slots = inbox->limit - inbox->in_flight;
    if (!inbox->open || is_newcomer(inbox->quarantined, now_ms))
        return 0;
    return slots < INBOX_BATCH ? slots : INBOX_BATCH;
}

static struct job_link *next_of(struct inbox *inbox)
{
    static const enum job_priority orders[3][JOB_PRIORITIES] = {
        {JOB_HIGH, JOB_NORMAL, JOB_LOW}, {JOB_NORMAL, JOB_HIGH, JOB_LOW}, {JOB_LOW, JOB_HIGH, JOB_NORMAL}};
    const unsigned turn = ++inbox->turn % 16;
    const enum job_priority *order = orders[turn == 0 ? 2 : turn % 4 == 0 ? 1 : 0];
    struct job_link *job = NULL;
    for (int i = 0; i < JOB_PRIORITIES && job == NULL; i++)
        job = job_queue_pop(&inbox->waiting[order[i]]);
    return job;
}

void inbox_choose(struct inbox *inbox, int64_t now_ms, struct job_queue *chosen)
{
    const int slots = free_slots(inbox, now_ms);
    struct job_link *job = NULL;
    if (inbox->isolated.head != NULL)
    {
        if (slots > 0 && !inbox->claiming_locally && !is_newcomer(inbox->newest, now_ms))
            job_queue_push(chosen, job_queue_pop(&inbox->isolated));
        return;
    }
    while (chosen->count < slots && (job = next_of(inbox)) != NULL)
        job_queue_push(chosen, job);
}

int inbox_claim_locally(struct inbox *inbox, int ready, int64_t now_ms)
{
    const int slots = free_slots(inbox, now_ms) - inbox_count(inbox);
    const int least = ready > 0 ? INBOX_LOCAL_LEAST : 1;
    inbox->claiming_locally = inbox->isolated.head == NULL && slots >= least;
    return inbox->claiming_locally ? slots : 0;
}

/* ---- in flight ------------------------------------------------------------------------------ */

void inbox_claimed(struct inbox *inbox, struct job_link *job, int64_t now_ms)
{
    job->claimed_ms = now_ms;
    job->newer = NULL;
    job->older = inbox->newest;
    if (inbox->newest != NULL)
        inbox->newest->newer = job;
    inbox->newest = job;
    inbox->in_flight++;
    if (job->isolated)
        inbox->quarantined = job;
}

void inbox_begun(struct inbox *inbox, const struct job_link *job, int64_t now_ms)
{
    const int half = inbox->limit / 2;
    if (now_ms - job->claimed_ms > INBOX_SLOW_MS)
        inbox->limit = half > inbox->slots ? half : inbox->slots;
}

void inbox_settled(struct inbox *inbox, struct job_link *job, int64_t now_ms)
{
    const int twice = inbox->limit * 2;
    if (now_ms - job->claimed_ms < INBOX_FAST_MS && inbox->in_flight >= inbox->limit &&
        inbox->limit < INBOX_LIMIT_MAX)
        inbox->limit = twice < INBOX_LIMIT_MAX ? twice : INBOX_LIMIT_MAX;
    if (job->newer != NULL)
        job->newer->older = job->older;
    else
        inbox->newest = job->older;
    if (job->older != NULL)
        job->older->newer = job->newer;
    inbox->in_flight--;
    if (inbox->quarantined == job)
        inbox->quarantined = NULL;
}
