/* SPDX-License-Identifier: Apache-2.0 */
/* The worker in the relay's own process, which needs no broker between them (docs/adr/0009). */
#include "common/outbox/internal.h"

#include "common/base/clock.h"

#include <string.h>

enum
{
    BRING_MAX = 256,
    PATIENCE_MS = 200 /* a worker without room for so long gets its jobs over NATS, as others might */
};

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

static struct job_bring ask_for(const struct outbox *outbox, int room, const struct hold *hold)
{
    const int64_t max = room < BRING_MAX ? room : BRING_MAX;
    return (struct job_bring){
        .subjects = outbox->local_subjects, .hold_ms = hold->own_ms, .max_high = max, .max = max};
}

enum err_code local_bring_crowd(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                                const struct hold *hold, size_t *brought, struct err *err)
{
    struct job_claim *claims = NULL;
    size_t count = 0;
    const struct job_bring ask = ask_for(outbox, room, hold);
    enum err_code code = job_store_bring_crowd(db, arena, outbox->local.claimer, &ask, &claims, &count, err);
    if (code != E_OK || count > 0)
        outbox->local.got(outbox->local.of, claims, code == E_OK ? count : 0);
    *brought = code == E_OK ? count : 0;
    return code;
}

enum err_code local_bring(struct outbox *outbox, struct db *db, struct arena *arena, int room,
                          const struct hold *hold, size_t *brought, struct err *err)
{
    struct job_claim *claims = NULL;
    size_t count = 0;
    struct job_bring ask = ask_for(outbox, room, hold);
    if (++outbox->turn % 4 == 0)
        ask.max_high = (ask.max + 1) / 2;
    enum err_code code = job_store_bring(db, arena, outbox->local.claimer, &ask, &claims, &count, err);
    outbox->local.got(outbox->local.of, claims, code == E_OK ? count : 0);
    *brought = code == E_OK ? count : 0;
    return code;
}

static enum err_code go_on(struct outbox *outbox, struct db *db, struct arena *arena, const struct hold *hold,
                           size_t *brought, struct err *err)
{
    enum err_code code = E_OK;
    *brought = 0;
    pthread_mutex_lock(&outbox->local_lock);
    const int room = local_room(outbox);
    if (room == 0)
        atomic_store(&outbox->starved, true);
    if (room > 0)
        code = local_bring_crowd(outbox, db, arena, room, hold, brought, err);
    if (room > 0 && code == E_OK && *brought == 0)
        code = local_bring(outbox, db, arena, room, hold, brought, err);
    pthread_mutex_unlock(&outbox->local_lock);
    return code;
}

enum err_code local_go_on(struct outbox *outbox, struct db *db, struct arena *arena, const struct hold *hold,
                          struct err *err)
{
    enum err_code code = E_OK;
    for (size_t brought = 1; code == E_OK && brought > 0 && !outbox_gives_up(outbox);)
    {
        arena_reset(arena);
        code = go_on(outbox, db, arena, hold, &brought, err);
    }
    return code;
}
