/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that were committed in this process a moment ago: between whoever committed them and the relay. */
#include "common/outbox/internal.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum
{
    FRESH_MAX = 8192 /* more than that are read from the table like any other's */
};

static const char *put(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(*at, text, size);
    const char *copy = *at;
    *at += size;
    return copy;
}

static struct fresh *copy_of(const struct outbox_row *row)
{
    size_t bytes =
        strlen(row->job_id) + strlen(row->subject) + strlen(row->request_id) + strlen(row->body) + 4;
    struct fresh *fresh = malloc(sizeof *fresh + bytes);
    if (fresh == NULL)
        return NULL;
    char *at = fresh->texts;
    fresh->next = NULL;
    fresh->at_ms = clock_mono_ms();
    fresh->row = *row;
    fresh->row.job_id = put(&at, row->job_id);
    fresh->row.subject = put(&at, row->subject);
    fresh->row.request_id = put(&at, row->request_id);
    fresh->row.body = put(&at, row->body);
    return fresh;
}

void fresh_add(struct outbox *outbox, const struct outbox_row *row)
{
    struct fresh *fresh = copy_of(row);
    pthread_mutex_lock(&outbox->fresh_lock);
    bool full = fresh == NULL || outbox->fresh_count >= FRESH_MAX;
    if (!full)
    {
        if (outbox->fresh_last != NULL)
            outbox->fresh_last->next = fresh;
        else
            outbox->fresh = fresh;
        outbox->fresh_last = fresh;
        outbox->fresh_count++;
    }
    pthread_mutex_unlock(&outbox->fresh_lock);
    if (!full)
        return;
    free(fresh);
    atomic_store(&outbox->own, true); /* it is in the table */
}

/* With the lock held. */
static void drop_old(struct outbox *outbox, int64_t max_age_ms)
{
    const int64_t oldest_ms = clock_mono_ms() - max_age_ms;
    while (outbox->fresh != NULL && outbox->fresh->at_ms < oldest_ms)
    {
        struct fresh *old = outbox->fresh;
        outbox->fresh = old->next;
        outbox->fresh_count--;
        free(old);
        atomic_store(&outbox->own, true);
    }
}

struct fresh *fresh_take(struct outbox *outbox, size_t max, int64_t max_age_ms)
{
    pthread_mutex_lock(&outbox->fresh_lock);
    if (max_age_ms > 0)
        drop_old(outbox, max_age_ms);
    struct fresh *first = outbox->fresh;
    struct fresh *last = first;
    size_t n = first != NULL ? 1 : 0;
    for (; n < max && last != NULL && last->next != NULL; n++)
        last = last->next;
    if (last != NULL)
    {
        outbox->fresh = last->next;
        last->next = NULL;
        outbox->fresh_count -= n;
    }
    if (outbox->fresh == NULL)
        outbox->fresh_last = NULL;
    pthread_mutex_unlock(&outbox->fresh_lock);
    return first;
}

void fresh_free(struct fresh *list)
{
    while (list != NULL)
    {
        struct fresh *next = list->next;
        free(list);
        list = next;
    }
}
