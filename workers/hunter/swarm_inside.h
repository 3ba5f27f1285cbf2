/* SPDX-License-Identifier: Apache-2.0 */
/* swarm_inside.h -- what swarm.c, swarm_events.c and swarm_lists.c share. Everything is under the table's
 * lock. */
#ifndef SOKOUL_WORKERS_HUNTER_SWARM_INSIDE_H
#define SOKOUL_WORKERS_HUNTER_SWARM_INSIDE_H

#include "workers/hunter/selection.h"
#include "workers/hunter/swarm.h"

#include <pthread.h>

enum
{
    SWARM_EVENTS = 64,
    SWARM_FOLDER_SIZE = 4096 + ENGINE_ID_SIZE
};

/*
 *   joined --> here --(last order left: drop, delete)--> leaving --> (REMOVED) gone
 *                \--(REFUSED, FAILED)--> dead --(last order left)--> gone
 */
enum swarm_state
{
    SWARM_HERE,
    SWARM_LEAVING, /* out of the engine soon; nobody may join */
    SWARM_DEAD     /* out of the engine already; its orders do not know yet */
};

struct swarm
{
    char id[ENGINE_ID_SIZE];
    enum swarm_state state;
    bool is_known;
    bool is_complete;
    bool was_completed; /* a job has ended with it complete: worth seeding */
    bool is_paused;
    enum err_code code;
    enum engine_fault fault;
    char text[ENGINE_TEXT_SIZE];
    struct engine_stat stat;
    int64_t moved_ms;   /* when bytes arrived last, or it was resumed */
    int64_t widened_ms; /* when more files were asked for than before; 0: settled */
    struct selection selection;
    struct order *orders;
    struct swarm *next;
};

/* A torrent that was complete and is not on the disk any more; the ledger has not written it yet. */
struct swarm_lost
{
    char id[ENGINE_ID_SIZE];
    struct swarm_lost *next;
};

struct swarms
{
    struct swarms_config config;
    pthread_mutex_t lock; /* guards all of this, and every order that has begun */
    pthread_cond_t news;  /* monotonic */
    struct swarm *list;
    struct order *orders;
    struct swarm_lost *lost;
    struct engine_event events[SWARM_EVENTS]; /* the owner thread's */
};

struct swarm *swarm_find(struct swarms *swarms, const char *id); /* NULL: none */
void swarm_free(struct swarms *swarms, struct swarm *take);      /* out of the list, too */
/* Takes it out of the engine. */
void swarm_send_off(struct swarms *swarms, struct swarm *swarm, enum engine_files_fate fate);
/* Pauses it when all its orders are paused, else lets it run. */
void swarm_adjust(struct swarms *swarms, struct swarm *swarm);
void swarm_found(struct swarms *swarms, const char *torrent_id); /* not lost any more; NULL: none is */
void swarm_take_event(struct swarms *swarms, const struct engine_event *event);

#endif
