/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's thread: gathers the facts, plans (plan.h), does what was planned, notes what came of it.
 *
 * Rows of the table go one of two ways.  They are claimed for the worker of this process (local.c), which
 * needs no broker; or taken and published in one transaction that ends when JetStream has confirmed them
 * (publish.c), and what was not confirmed stays.  A crash in between, or a second relay, only doubles a
 * message, and Nats-Msg-Id "<job_id>:<epoch>" makes the server drop it.
 */
#include "common/outbox/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <unistd.h>

enum
{
    ARENA_BYTES = 64 * 1024 * 1024
};

/* One connection's life. */
struct relay
{
    struct outbox *outbox;
    struct db *db; /* it listens, so it is ours alone */
    struct arena *arena;
    struct err why; /* the broker refused, or is away */
};

static enum relay_broker broker_of(const struct outbox *outbox)
{
    if (!mq_connected(outbox->mq))
        return BROKER_AWAY;
    if (outbox->verified != mq_connections(outbox->mq))
        return BROKER_UNVERIFIED;
    return mq_answers(outbox->mq) ? BROKER_WELL : BROKER_SILENT;
}

static struct relay_facts gather(struct outbox *outbox)
{
    return (struct relay_facts){.state = outbox->state,
                                .now_ms = clock_mono_ms(),
                                .broker = broker_of(outbox),
                                .free_slots = local_begin(outbox),
                                .just_committed = committed_waits(outbox)};
}

/* ---- doing ------------------------------------------------------------------------------------------ */

static bool is_the_brokers(enum err_code code)
{
    return code == E_UNAVAILABLE || code == E_NOT_FOUND;
}

static enum err_code verify(struct relay *relay, struct err *err)
{
    struct outbox *outbox = relay->outbox;
    const int connections = mq_connections(outbox->mq);
    enum err_code code = stream_verify(outbox->mq, relay->db, relay->arena, &outbox->stream, err);
    if (code == E_OK)
        outbox->verified = connections;
    return code;
}

/* One log line when NATS goes, one when it is back: rows wait meanwhile. */
static void complain(struct relay *relay, const struct relay_facts *facts)
{
    struct outbox *outbox = relay->outbox;
    const bool refused = facts->state.failed || facts->broker == BROKER_AWAY;
    if (refused && !outbox->complained)
        log_warn("relay_waits", "wake-ups wait in the outbox: %s",
                 facts->state.failed ? relay->why.text : "NATS is away");
    if (!refused && outbox->complained)
        log_info("relay_resumes", "JetStream takes wake-ups again");
    outbox->complained = refused;
}

static enum err_code wait_for_news(struct relay *relay, const struct relay_plan *plan,
                                   struct relay_outcome *outcome, struct err *err)
{
    struct outbox *outbox = relay->outbox;
    uint64_t count = 0;
    if (plan->deaf_ms > 0)
        wait_stop(outbox, plan->deaf_ms);
    enum err_code code = db_wait(relay->db, outbox->wake_fd, (int)plan->wait_ms, &outcome->notified, err);
    outcome->leaving = atomic_load(&outbox->stopping);
    outcome->woken = read(outbox->wake_fd, &count, sizeof count) > 0;
    outcome->own = atomic_exchange(&outbox->own, false);
    outcome->now_ms = clock_mono_ms();
    return code;
}

static enum err_code do_step(struct relay *relay, const struct relay_plan *plan,
                             struct relay_outcome *outcome, struct err *err)
{
    switch (plan->step)
    {
    case RELAY_WAIT:
        return wait_for_news(relay, plan, outcome, err);
    case RELAY_VERIFY:
        return verify(relay, err);
    case RELAY_SEND:
        return publish_committed(relay->outbox, relay->db, relay->arena, err);
    case RELAY_CLAIM:
        return local_claim(relay->outbox, relay->db, relay->arena, plan, &outcome->count, err);
    case RELAY_TAKE:
        return publish_due(relay->outbox, relay->db, relay->arena, plan, &outcome->count, err);
    }
    return fail(err, E_BUG, "the relay has no step %d", (int)plan->step);
}

/* What the broker refuses is noted; what the database does ends the connection. */
static enum err_code step(struct relay *relay, const struct relay_facts *facts, const struct relay_plan *plan,
                          struct err *err)
{
    struct outbox *outbox = relay->outbox;
    struct relay_outcome outcome = {.count = 0};
    struct err why = ERR_INIT;
    arena_reset(relay->arena);
    if (plan->forgets && facts->just_committed)
        committed_forget(outbox);
    if (plan->step != RELAY_CLAIM) /* the worker keeps no slot free for what does not come this way */
        local_end(outbox, NULL, 0);
    if (plan->step == RELAY_WAIT)
        complain(relay, facts);
    enum err_code code = do_step(relay, plan, &outcome, &why);
    outcome.refused = is_the_brokers(code);
    if (outcome.refused)
    {
        outbox->verified = -1;
        relay->why = why;
    }
    outbox->state = relay_after(facts, plan, &outcome);
    if (code == E_OK || outcome.refused)
        return E_OK;
    *err = why;
    return code;
}

static enum err_code serve(struct relay *relay, struct err *err)
{
    struct outbox *outbox = relay->outbox;
    enum err_code code = db_listen(relay->db, "sokoul_outbox", err);
    while (code == E_OK && !(atomic_load(&outbox->stopping) && outbox_gives_up(outbox)))
    {
        const struct relay_facts facts = gather(outbox);
        const struct relay_plan plan = relay_plan(&facts);
        if (plan.step == RELAY_WAIT && facts.state.leaving)
            break;
        code = step(relay, &facts, &plan, err);
    }
    local_end(outbox, NULL, 0);
    return code;
}

void *relay_run(void *of)
{
    struct outbox *outbox = of;
    int64_t backoff_ms = 100;
    while (!atomic_load(&outbox->stopping))
    {
        struct err err = ERR_INIT;
        struct relay relay = {.outbox = outbox, .arena = arena_new(ARENA_BYTES)};
        enum err_code code = relay.arena != NULL ? db_get(outbox->pool, &relay.db, &err) : E_NO_MEMORY;
        if (code == E_OK)
        {
            backoff_ms = 100;
            code = serve(&relay, &err);
        }
        arena_free(relay.arena); /* its rows are freed before the connection goes back */
        db_put(relay.db);
        if (code == E_OK)
            continue;
        log_debug("relay_failed", "%s", err.text);
        wait_stop(outbox, backoff_ms);
        backoff_ms = backoff_ms < 2000 ? backoff_ms * 2 : 2000;
    }
    return NULL;
}
