/* SPDX-License-Identifier: Apache-2.0 */
/* The worker in the relay's own process, which needs no broker between them (docs/adr/0009). */
#include "common/outbox/internal.h"

#include "common/base/clock.h"

#include <string.h>

enum
{
    PATIENCE_MS = 200 /* a worker without room for so long gets its jobs over NATS, as others might */
};

static bool is_local(const struct outbox *outbox, const struct outbox_row *row)
{
    size_t prefix = strlen(outbox->local_subjects) - 1; /* without the % */
    size_t len = strlen(row->subject);
    return !row->alone && row->job_id != NULL && strncmp(row->subject, outbox->local_subjects, prefix) == 0 &&
           !(len > 4 && strcmp(row->subject + len - 4, ".low") == 0);
}

/* Takes the row of a claimed job out; claims come in about the order of the rows, so the search goes on where
 * the last one ended. */
static void take_out(struct batch *batch, const char *job_id, size_t *at)
{
    for (size_t n = 0; n < batch->count; n++)
    {
        size_t i = (*at + n) % batch->count;
        if (batch->rows[i].job_id == NULL || strcmp(batch->rows[i].job_id, job_id) != 0)
            continue;
        batch->rows[i].job_id = NULL;
        batch->rows[i].body = NULL;
        *at = i + 1;
        return;
    }
}

static void drop_taken_out(struct batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->rows[i].body != NULL)
            batch->rows[kept++] = batch->rows[i];
    batch->count = kept;
}

enum err_code local_claim(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                          struct batch *batch, struct err *err)
{
    size_t n = 0;
    size_t at = 0;
    const char **ids = arena_array(arena, batch->count + 1, sizeof *ids);
    if (ids == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < batch->count && n < (size_t)room; i++)
        if (is_local(outbox, &batch->rows[i]))
            ids[n++] = batch->rows[i].job_id;
    if (n == 0)
        return E_OK;
    enum err_code code =
        job_store_claim(db, arena, outbox->local.claimer, ids, n, &batch->claims, &batch->claimed, err);
    if (code != E_OK)
        return code;
    for (size_t i = 0; i < batch->claimed; i++)
        take_out(batch, batch->claims[i].job_id, &at);
    drop_taken_out(batch);
    return E_OK;
}

int local_room(struct outbox *outbox)
{
    bool local = outbox->local.worker != NULL && !atomic_load(&outbox->closing);
    int room = local ? outbox->local.room(outbox->local.of) : -1;
    if (room != 0)
        outbox->no_room_since_ms = 0;
    else if (outbox->no_room_since_ms == 0)
        outbox->no_room_since_ms = clock_mono_ms();
    return room;
}

bool local_is_worth_waiting(const struct outbox *outbox, int room)
{
    return room == 0 && clock_mono_ms() - outbox->no_room_since_ms < PATIENCE_MS;
}
