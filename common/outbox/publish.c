/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing: what was just committed, from memory, and what is due in the table. */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"

enum
{
    BUSY = 8,        /* so many at once: others follow, and are better sent together: */
    TOGETHER_MS = 10 /* those of so long */
};

/* A row that can never be sent would come first again and again: it goes, and the log says so. */
static void tell_undeliverable(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->messages[i].hopeless)
            log_error("wake_up_dropped", "outbox row %lld of job %s cannot be sent to \"%.100s\"",
                      (long long)batch->rows[i].id,
                      batch->rows[i].job_id != NULL ? batch->rows[i].job_id : "none", batch->rows[i].subject);
}

static enum err_code send_all(struct outbox *outbox, struct arena *arena, struct batch *batch,
                              struct err *err)
{
    enum err_code code = batch_write(arena, batch, err);
    if (code != E_OK)
        return code;
    crash_point("relay_taken");
    code = mq_publish_all(outbox->publisher, batch->messages, batch->count, RELAY_CONFIRM_MS, err);
    crash_point("relay_confirmed");
    tell_undeliverable(batch);
    return code;
}

/* ---- what was just committed ---------------------------------------------------------------------- */

/* Rows that stay for any reason are in the table, where the next look finds them. */
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

/* A round costs Postgres, JetStream and this process nearly the same however few rows it moves; where they
 * come faster than rounds do, a third of the machine would go into rounds. */
static void wait_for_company(struct outbox *outbox, size_t sent, int64_t since_ms)
{
    const int64_t left_ms = since_ms + TOGETHER_MS - clock_mono_ms();
    if (sent >= BUSY && sent < RELAY_BATCH && left_ms > 0)
        wait_stop(outbox, left_ms);
}

static enum err_code send_committed(struct outbox *outbox, struct db *db, struct arena *arena,
                                    struct batch *batch, struct err *err)
{
    struct err ignored = ERR_INIT;
    enum err_code code = send_all(outbox, arena, batch, err);
    if (batch->messages == NULL)
        return code;
    enum err_code removed = remove_sent(outbox, db, arena, batch, code == E_OK ? err : &ignored);
    return code == E_OK ? removed : code;
}

enum err_code publish_committed(struct outbox *outbox, struct db *db, struct arena *arena, struct err *err)
{
    struct batch batch = {.count = 0};
    const int64_t began_ms = clock_mono_ms();
    struct committed_row *rows = committed_take(outbox, RELAY_BATCH);
    enum err_code code = E_OK;
    if (!committed_batch(arena, rows, &batch))
        code = fail(err, E_NO_MEMORY, "out of memory");
    else if (batch.count > 0)
        code = send_committed(outbox, db, arena, &batch, err);
    committed_free(rows);
    if (code != E_OK)
        atomic_store(&outbox->own, true);
    else
        wait_for_company(outbox, batch.count, began_ms);
    return code;
}

/* ---- what is due ------------------------------------------------------------------------------------ */

static enum err_code note(struct outbox *outbox, struct db *db, struct arena *arena,
                          const struct batch *batch, struct err *err)
{
    const struct outbox_batch where = batch_noted(outbox, batch);
    bool current = true;
    enum err_code code = where.max_seq == 0 ? E_OK : outbox_store_note(db, arena, &where, &current, err);
    if (!current)
        outbox->verified = -1;
    return code;
}

static enum err_code commit_confirmed(struct outbox *outbox, struct db *db, struct arena *arena,
                                      const struct batch *batch, struct err *err)
{
    enum err_code code = note(outbox, db, arena, batch, err);
    return code == E_OK ? db_commit(db, err) : code;
}

/* Some were not confirmed: forget the deletion of all, then remove just those that are done with. */
static void keep_unconfirmed(struct outbox *outbox, struct db *db, struct arena *arena,
                             const struct batch *batch)
{
    struct err err = ERR_INIT;
    const struct outbox_row **done = arena_array(arena, batch->count, sizeof *done);
    size_t count = 0;
    db_rollback(db);
    for (size_t i = 0; done != NULL && i < batch->count; i++)
        if (batch->messages[i].confirmed || batch->messages[i].hopeless)
            done[count++] = &batch->rows[i];
    if (count == 0)
        return;
    enum err_code code = db_begin(db, &err);
    if (code == E_OK)
        code = outbox_store_confirm(db, arena, done, count, &err);
    if (code == E_OK)
        code = commit_confirmed(outbox, db, arena, batch, &err);
    if (code != E_OK)
        log_debug("relay_failed", "%s", err.text);
}

static enum err_code take(struct outbox *outbox, struct db *db, struct arena *arena,
                          const struct relay_plan *plan, struct outbox_taken *taken, struct err *err)
{
    const char *local = outbox->served.subjects[0] != '\0' ? outbox->served.subjects : NULL;
    const struct outbox_ask ask = {.max = plan->max,
                                   .max_high = plan->max_first,
                                   .age_ms = plan->ages.others,
                                   .local_age_ms = plan->ages.local,
                                   .shared_age_ms = plan->shared_age_ms,
                                   .local = local,
                                   .except = plan->spares_local ? local : NULL};
    enum err_code code = db_begin(db, err);
    return code == E_OK ? outbox_store_take(db, arena, &ask, taken, err) : code;
}

static enum err_code publish(struct outbox *outbox, struct db *db, struct arena *arena, struct batch *batch,
                             struct err *err)
{
    enum err_code code = send_all(outbox, arena, batch, err);
    if (code == E_OK)
        code = commit_confirmed(outbox, db, arena, batch, err);
    if (code != E_OK && batch->messages != NULL)
        keep_unconfirmed(outbox, db, arena, batch);
    else if (code == E_OK)
        metrics_add(METRIC_NATS_PUBLISHED, batch->count);
    return code;
}

enum err_code publish_due(struct outbox *outbox, struct db *db, struct arena *arena,
                          const struct relay_plan *plan, int64_t *jobs, struct err *err)
{
    struct outbox_taken taken = {.count = 0};
    enum err_code code = take(outbox, db, arena, plan, &taken, err);
    struct batch batch = {.rows = taken.rows, .count = taken.count};
    *jobs = taken.jobs;
    if (code == E_OK)
        code = batch.count > 0 ? publish(outbox, db, arena, &batch, err) : db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    return code;
}
