/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that were committed in this process a moment ago: published from memory, since reading them back would
 * take longer than all the rest. Whatever goes wrong, the table has them. */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/obs/metrics.h"

#include <stdlib.h>
#include <string.h>

enum
{
    FRESH_MS = 150,   /* what could not be published for so long is left to the table */
    FRESH_MAX = 8192, /* more than that are read from the table like any other's */
    BUSY = 8,         /* so many at once: others follow, and are better sent together: */
    TOGETHER_MS = 10  /* those of so long */
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

static struct fresh *fresh_take(struct outbox *outbox, size_t max, int64_t max_age_ms, size_t *count)
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
    *count = n;
    if (outbox->fresh == NULL)
        outbox->fresh_last = NULL;
    pthread_mutex_unlock(&outbox->fresh_lock);
    return first;
}

static void fresh_free(struct fresh *list)
{
    while (list != NULL)
    {
        struct fresh *next = list->next;
        free(list);
        list = next;
    }
}

void fresh_drop(struct outbox *outbox)
{
    size_t count = 0;
    fresh_free(fresh_take(outbox, SIZE_MAX, 0, &count));
}

bool fresh_waits(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->fresh_lock);
    bool waits = outbox->fresh != NULL;
    pthread_mutex_unlock(&outbox->fresh_lock);
    return waits;
}

static bool gather(struct arena *arena, const struct fresh *list, size_t count, struct batch *batch)
{
    batch->rows = arena_array(arena, count, sizeof *batch->rows);
    for (const struct fresh *at = list; batch->rows != NULL && at != NULL; at = at->next)
        batch->rows[batch->count++] = at->row;
    return batch->rows != NULL;
}

/* Rows that stay for any reason are in the table, where the next round finds them. */
static enum err_code remove_sent(struct outbox *outbox, struct db *db, struct arena *arena,
                                 const struct batch *batch, struct err *err)
{
    const struct outbox_batch where = batch_noted(outbox, batch);
    int64_t *ids = arena_array(arena, batch->count, sizeof *ids);
    size_t n = 0;
    for (size_t i = 0; ids != NULL && i < batch->count; i++)
        if (batch->messages[i].confirmed)
            ids[n++] = batch->rows[i].id;
    if (n < batch->count)
        atomic_store(&outbox->own, true);
    metrics_add(METRIC_NATS_PUBLISHED, n);
    bool current = true;
    enum err_code code = n == 0 ? E_OK : outbox_store_sent(db, arena, ids, n, &where, &current, err);
    if (!current)
        outbox->verified = -1;
    return code;
}

static enum err_code publish_list(struct outbox *outbox, struct db *db, struct arena *arena,
                                  const struct fresh *list, size_t count, struct err *err)
{
    struct batch batch = {.count = 0};
    enum err_code code = E_NO_MEMORY;
    if (gather(arena, list, count, &batch))
        code = batch_write(arena, &batch, err);
    if (code != E_OK)
        return code;
    crash_point("relay_taken");
    code = mq_publish_all(outbox->publisher, batch.messages, batch.count, RELAY_CONFIRM_MS, err);
    crash_point("relay_confirmed");
    struct err ignored = ERR_INIT;
    enum err_code removed = remove_sent(outbox, db, arena, &batch, code == E_OK ? err : &ignored);
    return code == E_OK ? removed : code;
}

/* A round costs Postgres, JetStream and this process nearly the same however few rows it moves; where they
 * come faster than rounds do, a third of the machine would go into rounds. */
static void wait_for_company(struct outbox *outbox, size_t sent, int64_t since_ms)
{
    const int64_t left_ms = since_ms + TOGETHER_MS - clock_mono_ms();
    if (sent >= BUSY && sent < RELAY_BATCH && left_ms > 0)
        wait_stop(outbox, left_ms);
}

enum err_code fresh_publish(struct outbox *outbox, struct db *db, struct arena *arena, int64_t until_ms,
                            struct err *err)
{
    struct fresh *list = NULL;
    size_t count = 0;
    enum err_code code = E_OK;
    bool goes_on = true;
    while (code == E_OK && goes_on && (list = fresh_take(outbox, RELAY_BATCH, FRESH_MS, &count)) != NULL)
    {
        const int64_t began_ms = clock_mono_ms();
        arena_reset(arena);
        code = publish_list(outbox, db, arena, list, count, err);
        fresh_free(list);
        if (code != E_OK)
            atomic_store(&outbox->own, true);
        else
            wait_for_company(outbox, count, began_ms);
        goes_on = clock_mono_ms() < until_ms;
    }
    return code;
}
