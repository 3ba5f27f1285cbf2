/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that were committed in this process a moment ago: published from memory, since reading them back would
 * take longer than all the rest. Whatever goes wrong, the table has them. */
#include "common/outbox/internal.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum
{
    OLDEST_MS = 150, /* what could not be published for so long is left to the table */
    ROWS_MAX = 8192  /* more than that are read from the table like any other's */
};

/* A row with its texts behind it; freed with free(). */
struct committed_row
{
    struct committed_row *next;
    int64_t at_ms; /* monotonic */
    struct outbox_row row;
    char texts[];
};

static const char *put(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(*at, text, size);
    const char *copy = *at;
    *at += size;
    return copy;
}

static struct committed_row *copy_of(const struct outbox_row *row)
{
    size_t bytes =
        strlen(row->job_id) + strlen(row->subject) + strlen(row->request_id) + strlen(row->body) + 4;
    struct committed_row *copy = malloc(sizeof *copy + bytes);
    if (copy == NULL)
        return NULL;
    char *at = copy->texts;
    copy->next = NULL;
    copy->at_ms = clock_mono_ms();
    copy->row = *row;
    copy->row.job_id = put(&at, row->job_id);
    copy->row.subject = put(&at, row->subject);
    copy->row.request_id = put(&at, row->request_id);
    copy->row.body = put(&at, row->body);
    return copy;
}

void committed_add(struct outbox *outbox, const struct outbox_row *row)
{
    struct committed *list = &outbox->committed;
    struct committed_row *copy = copy_of(row);
    pthread_mutex_lock(&list->lock);
    const bool fits = copy != NULL && list->count < ROWS_MAX;
    if (fits)
    {
        if (list->last != NULL)
            list->last->next = copy;
        else
            list->first = copy;
        list->last = copy;
        list->count++;
    }
    pthread_mutex_unlock(&list->lock);
    if (fits)
        return;
    free(copy);
    atomic_store(&outbox->own, true); /* it is in the table */
}

/* With the lock held. */
static struct committed_row *pop(struct committed *list)
{
    struct committed_row *first = list->first;
    if (first == NULL)
        return NULL;
    list->first = first->next;
    if (list->first == NULL)
        list->last = NULL;
    list->count--;
    return first;
}

struct committed_row *committed_take(struct outbox *outbox, size_t max)
{
    struct committed *list = &outbox->committed;
    const int64_t oldest_ms = clock_mono_ms() - OLDEST_MS;
    struct committed_row *first = NULL;
    struct committed_row **end = &first;
    struct committed_row *row = NULL;
    pthread_mutex_lock(&list->lock);
    for (size_t n = 0; n < max && (row = pop(list)) != NULL;)
    {
        if (row->at_ms < oldest_ms)
        {
            free(row);
            atomic_store(&outbox->own, true); /* it is in the table */
            continue;
        }
        row->next = NULL;
        *end = row;
        end = &row->next;
        n++;
    }
    pthread_mutex_unlock(&list->lock);
    return first;
}

bool committed_batch(struct arena *arena, const struct committed_row *first, struct batch *batch)
{
    size_t count = 0;
    for (const struct committed_row *row = first; row != NULL; row = row->next)
        count++;
    batch->rows = arena_array(arena, count + 1, sizeof *batch->rows);
    for (const struct committed_row *row = first; batch->rows != NULL && row != NULL; row = row->next)
        batch->rows[batch->count++] = row->row;
    return batch->rows != NULL;
}

void committed_free(struct committed_row *first)
{
    while (first != NULL)
    {
        struct committed_row *next = first->next;
        free(first);
        first = next;
    }
}

bool committed_waits(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->committed.lock);
    const bool waits = outbox->committed.first != NULL;
    pthread_mutex_unlock(&outbox->committed.lock);
    return waits;
}

void committed_forget(struct outbox *outbox)
{
    struct committed *list = &outbox->committed;
    pthread_mutex_lock(&list->lock);
    struct committed_row *first = list->first;
    list->first = list->last = NULL;
    list->count = 0;
    pthread_mutex_unlock(&list->lock);
    committed_free(first);
}
