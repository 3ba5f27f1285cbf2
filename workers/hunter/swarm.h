/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swarm.h -- the torrents that this process has, and the jobs that want them.
 *
 *     order ---.                                           swarms_poll (owner thread)
 *     order ---+--> swarm == a torrent of the engine  <--- events
 *     order ---'    (none left: seeds, or leaves the engine)
 *
 * An order is one running job's wish for a torrent, made by its handler; several orders, of several
 * people, may share a swarm.  A swarm pauses when all of its orders are paused.  It fetches the files that
 * any order wants, looks at the disk again for each new order, and asks only the trackers of its orders. When
 * the last order has left, a complete torrent seeds up to the limits, and another one leaves the engine.
 *
 * Ownership: an order belongs to its handler, who ends it; swarms belong to the table.
 * Threads: any; the table's lock guards swarms and orders alike, and is never held while the
 * database is asked.  Blocking: as long as the engine's quick calls do.
 */
#ifndef SOKOUL_WORKERS_HUNTER_SWARM_H
#define SOKOUL_WORKERS_HUNTER_SWARM_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/store/hunter.h"
#include "workers/hunter/engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct swarms; /* the table */
struct swarm;

enum order_wish
{
    ORDER_RUN,
    ORDER_PAUSE,
    ORDER_END /* cancelled or deleted */
};

enum
{
    ORDER_DETAIL_SIZE = 200
};

/* Plain data; only the table may change it while it is listed. */
struct order
{
    struct id job_id;
    int64_t fence;
    struct id download_id;
    struct id user_id;
    int64_t patience_ms; /* without a byte, before others may have its place */
    bool yields;         /* the job was asked to give its place up */
    const char *files;   /* indexes with commas between; NULL: all. Borrowed */
    const char *links;   /* of its user, as in torrent_source; NULL: none. Borrowed */
    enum order_wish wish;
    struct swarm *swarm; /* NULL: none at the moment */
    const char *doing;   /* what is done while there is no swarm, for people; static */
    int64_t written_ms;  /* of the ledger: when its progress was written last */
    char written[ORDER_DETAIL_SIZE];
    struct order *next;       /* of all */
    struct order *swarm_next; /* of its swarm */
};

struct swarms_config
{
    struct engine *engine; /* borrowed; closed after swarms_free */
    const char *folder;    /* DOWNLOAD_DIR; borrowed */
    struct engine_seed_limits seed_limits;
    enum
    {
        SWARMS_SEED,
        SWARMS_SEED_NEVER
    } seeding;
};
struct swarms *swarms_new(const struct swarms_config *config); /* NULL: out of memory */
void swarms_free(struct swarms *swarms);                       /* no order may be left; NULL is fine */

/* Handles the engine's events; waits up to `wait_ms`.  The owner thread's. */
void swarms_poll(struct swarms *swarms, uint32_t wait_ms);

void order_begin(struct swarms *swarms, struct order *order);
void order_end(struct swarms *swarms, struct order *order); /* the order must have left its swarm */
void order_doing(struct swarms *swarms, struct order *order, const char *doing);

/* E_UNAVAILABLE: it is just leaving the engine, try again in a moment.  Others: engine_add's. */
MUST_USE enum err_code swarm_join(struct swarms *swarms, struct order *order,
                                  const struct torrent_source *source, struct err *err);
enum swarm_fate
{
    SWARM_STAY,   /* the process ends: pause, keep all */
    SWARM_SEED,   /* complete */
    SWARM_DROP,   /* no longer wanted here; files and resume data stay */
    SWARM_DELETE, /* the files, too, if no other order is in it */
};
void swarm_leave(struct swarms *swarms, struct order *order, enum swarm_fate fate);

/* The state of an order's swarm, for the handler that waits. */
struct swarm_view
{
    enum order_wish wish;
    bool yields;        /* jobs are queued for its place, and it does not use it */
    bool is_known;      /* the metadata are here and passed the gate */
    bool is_complete;   /* all that is wanted is on disk */
    enum err_code code; /* not E_OK: the torrent is gone, `text` says why */
    enum engine_fault fault;
    char text[ENGINE_TEXT_SIZE];
    int64_t quiet_ms; /* since bytes arrived last, pauses not counted */
    struct engine_stat stat;
};
void swarm_look(struct swarms *swarms, const struct order *order, struct swarm_view *view);
/* Waits until something happened to some swarm, for at most `wait_ms`. */
void swarms_wait(struct swarms *swarms, int64_t wait_ms);

/* ---- for the ledger and for purge ----------------------------------------------------------- */

/* Sets the gauges of torrents and their rates. */
void swarms_measure(struct swarms *swarms);
/* The orders as lines of progress, in the arena: those that were written `all_ms` ago, and those with news.
 */
MUST_USE enum err_code swarms_lines(struct swarms *swarms, struct arena *arena, int64_t all_ms,
                                    struct hunter_progress **lines, size_t *count, struct err *err);
void swarms_note_written(struct swarms *swarms, const struct hunter_progress *lines, size_t count,
                         const bool *written);
/* All orders' download ids. */
MUST_USE enum err_code swarms_orders(struct swarms *swarms, struct arena *arena, const char ***download_ids,
                                     size_t *count, struct err *err);
/* Orders that do nothing with their place: paused, or without a byte for longer than their patience. */
size_t swarms_idle(struct swarms *swarms);
/* Asks up to `max` of them to give their place up: first those of the users with the most places, of these
 * the paused ones, then those without a byte for longest.  Answers how many were asked. */
size_t swarms_yield(struct swarms *swarms, size_t max);
void swarms_wish(struct swarms *swarms, const char *download_id, enum order_wish wish);
/* The torrents that are here without an order. */
MUST_USE enum err_code swarms_seeding(struct swarms *swarms, struct arena *arena, const char ***torrent_ids,
                                      size_t *count, struct err *err);
/* Adds a complete torrent, to seed it; one that is here already stays as it is.  Nothing of it is fetched: if
 * a part is not on the disk any more, it leaves. */
MUST_USE enum err_code swarms_seed(struct swarms *swarms, const struct torrent_source *source,
                                   const char *files, struct err *err);
/* The torrents that left because something of them was not on the disk any more, and that nobody wants again;
 * each until swarms_forget_lost. */
MUST_USE enum err_code swarms_lost(struct swarms *swarms, struct arena *arena, const char ***torrent_ids,
                                   size_t *count, struct err *err);
void swarms_forget_lost(struct swarms *swarms, const char *torrent_id);
/* Whether a torrent that another process has locked, and had complete, is still whole on the disk. */
bool swarms_is_whole(const struct swarms *swarms, const char *torrent_id);
/* Removes a torrent that has no order; does nothing if it has one. */
void swarms_drop(struct swarms *swarms, const char *torrent_id);
/* Deletes files, resume data and all; the end is seen by swarms_holds.  E_UNAVAILABLE: it has orders, or
 * it is just leaving.  E_CONFLICT: another process has it locked. */
MUST_USE enum err_code swarms_purge(struct swarms *swarms, const char *torrent_id, struct err *err);
bool swarms_holds(struct swarms *swarms, const char *torrent_id);

#endif
