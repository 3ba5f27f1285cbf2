/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h -- a small world in which jobs live: a database, a broker, workers, a relay and a
 * sweeper, each of which may be killed, frozen or set back between any two steps.
 *
 * The rules come from common/job/life.h; everything else here is the environment that docs/model
 * describes.  A step is chosen by one number, so that a run is a list of numbers: reproducible
 * from a seed, and shrinkable.  After each step the invariants are checked.
 *
 * A planted bug breaks one rule on purpose, to prove that the checks can fail.
 */
#ifndef SOKOUL_TESTS_SIMULATE_WORLD_H
#define SOKOUL_TESTS_SIMULATE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*  X(id, name, what is done wrong) */
#define WORLD_BUGS(X)                                                                                        \
    X(NONE, "none", "nothing")                                                                               \
    X(ACK_BEFORE_CLAIM, "ack_before_claim", "the message is acknowledged before the claim has committed")    \
    X(NO_FENCE, "no_fence", "a worker settles whatever is Running")                                          \
    X(NO_STATUS_GUARD, "no_status_guard", "a result is written without looking at the status")               \
    X(SAME_EPOCH, "same_epoch", "a retry is published under the old number")                                 \
    X(DELETE_BEFORE_PUBACK, "delete_before_puback", "the outbox row is deleted before the confirmation")     \
    X(NO_SWEEP, "no_sweep", "lost messages are never published again")                                       \
    X(NO_TAKE_BACK, "no_take_back", "jobs of dead workers stay Running")                                     \
    X(CANCEL_OVERWRITES, "cancel_overwrites", "cancel moves a Completed job")                                \
    X(HAND_BACK_BURNS, "hand_back_burns", "a hand-back costs an attempt")                                    \
    X(BLAMES_ALL, "blames_all", "every job of a dead worker pays")                                           \
    X(EARLY_CLAIM, "early_claim", "run_at is not looked at")                                                 \
    X(NO_CALL, "no_call", "who waits for a limit is never called")                                           \
    X(LIMIT_OF_EACH, "limit_of_each", "each worker counts only its own jobs against a limit")                \
    X(FENCE_REUSED, "fence_reused", "a claim gets the number of one that the database has lost")             \
    X(ACK_LOST, "ack_lost", "whoever finds its claim lost acknowledges the message all the same")            \
    X(LOST_WORD_BURNS, "lost_word_burns", "a job whose worker was never told of it pays with an attempt")    \
    X(SWEEP_WAITING, "sweep_waiting", "those who wait for a limit are woken by every sweep")

enum world_bug
{
#define X(id, name, what) WORLD_BUG_##id,
    WORLD_BUGS(X)
#undef X
    WORLD_BUG_COUNT
};

struct world;

struct world *world_new(enum world_bug bug); /* NULL when out of memory */
void world_free(struct world *world);
/* Does what the number says; NULL, or the name of the invariant that does not hold any more. */
const char *world_step(struct world *world, uint32_t choice);
/* No fault any more: everything runs until nothing moves; NULL, or what is wrong at the end. */
const char *world_settle(struct world *world);
/* Forgets all jobs and messages: a new life for a long run. */
void world_reset(struct world *world);
/* How often each thing happened, one line each. */
void world_print(const struct world *world);

#endif
