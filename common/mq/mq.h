/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mq.h -- the door to NATS and JetStream (nats.c).
 *
 * One connection per process.  Whatever ended or refused it, it is made anew, for ever, with all its
 * subscriptions; NATS may be away at open.  No function waits for more than a second for a server that does
 * not read, or for more than its own time limit.  JetStream is used by hand over requests and inboxes: the
 * library's fetch has faults (docs/adr), its publish gives no sequence numbers.
 *
 * Errors: E_UNAVAILABLE NATS or JetStream is away, full or slow; E_NOT_FOUND no such stream.
 * Threads: every function may be called from any thread unless it says otherwise.  Callbacks
 * come on the library's threads, must not block and must not call back into this room.
 */
#ifndef SOKOUL_COMMON_MQ_MQ_H
#define SOKOUL_COMMON_MQ_MQ_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/library.h"
#include "common/job/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mq;

struct library mq_library(void);

/* `url`: one or more with commas between them, tried in turn.  `name` shows in the server's connection list.
 * Returns when the first attempt is over, however it ended.  E_CONFIG: no addresses. */
MUST_USE enum err_code mq_open(const char *url, const char *name, struct mq **mq, struct err *err);
void mq_close(struct mq *mq); /* flushes for at most 1 s; subscriptions must have ended */
bool mq_connected(struct mq *mq);
bool mq_answers(struct mq *mq); /* connected, and the latest mq_ping was answered */
/* How often the connection was made.  When the number has changed, what a caller has on the server may be
 * gone. */
int mq_connections(struct mq *mq);
/* A JetStream round trip; what health asks each second.  Also E_UNAVAILABLE when what this program published
 * last was refused or not confirmed, when mq_ensure could not mend something last, when a stream has been
 * missing or wrong for a while, or when NATS takes too small messages only; err says it in plain words. */
MUST_USE enum err_code mq_ping(struct mq *mq, int wait_ms, struct err *err);

/* Core NATS: sends a message at once, and nobody confirms it.  Uses a second connection, made with the first
 * call, since the ordinary one gathers messages for up to a millisecond.  For few messages. */
MUST_USE enum err_code mq_publish(struct mq *mq, const char *subject, const char *text, struct err *err);

/* Calls back for every message on the subject (may hold wildcards). */
struct mq_sub;
MUST_USE enum err_code mq_subscribe(struct mq *mq, const char *subject,
                                    void (*on_message)(void *of, const char *subject, const char *data,
                                                       size_t len),
                                    void *of, struct mq_sub **sub, struct err *err);
void mq_unsubscribe(struct mq_sub *sub); /* when it returns, on_message does not run any more; NULL is fine */

/* How long the server waits for an acknowledgement or a +WPI before it delivers a message again.  Short,
 * since messages that a dead worker had not claimed yet are delivered to another one only then. */
enum
{
    MQ_ACK_WAIT_MS = 5000,
    MQ_WORKERS_MAX = 61, /* workers that are known by name */
    MQ_SUBJECTS_MAX = 256,
    MQ_SUBJECT_SIZE = 96
};

/* ---- streams and consumers ------------------------------------------------------------------ */

/* The product's workers are known.  Others are made known by their own process at its start, and by healing
 * from the table of those that live.  The first 61 have consumers, further ones none.  Ignored unless
 * job_is_token. */
void mq_know_worker(struct mq *mq, const char *worker);
/* Each known worker in turn, NULL at the end; lives as long as mq. */
const char *mq_worker_at(struct mq *mq, size_t index);

/* How many servers of a cluster are to keep each stream with its consumers; 1 until this is called. */
void mq_want_replicas(struct mq *mq, int replicas);

/* Makes what is missing and mends wrong settings: streams JOBS, DLQ, LOGS, EVENTS, and for each
 * known worker its three durable consumers.  *repairs counts what was made or changed.  JOBS is made anew
 * when the server says that it cannot be changed in place, since Postgres has its jobs; the others only while
 * they are empty.  E_OK: JOBS and consumers are right; mq_ping reports what could not be mended of the
 * others, and of the number of replicas.  When NATS is slow, not all of the others are looked at each time.
 */
MUST_USE enum err_code mq_ensure(struct mq *mq, int *repairs, struct err *err);

/* True: since the last call of this a ping or a pull has seen that mq_ensure is due. */
bool mq_looks_wrong(struct mq *mq);
/* Looks whether the streams are as they must be and changes nothing.  E_NOT_FOUND: JOBS is not there yet;
 * E_CONFLICT: one is wrong, or a stream that is not ours has its subjects; err says which. */
MUST_USE enum err_code mq_check(struct mq *mq, struct err *err);

struct mq_stream
{
    char created[40]; /* its incarnation */
    int64_t messages;
    int64_t bytes;
    int64_t first_seq;
    int64_t last_seq;
};
MUST_USE enum err_code mq_stream_info(struct mq *mq, const char *stream, struct mq_stream *info,
                                      struct err *err);

struct mq_consumer
{
    int64_t delivered_seq;
    int64_t acked_seq;   /* all up to here are done with, or will not be delivered again */
    int64_t pending;     /* not yet delivered */
    int64_t ack_pending; /* delivered, not yet acknowledged */
    int64_t redelivered; /* of these, delivered more than once */
    int64_t waiting;     /* requests for messages that have not been answered */
    int64_t unsettled;   /* deliveries since the first one that is not acknowledged; 0: all are */
};
MUST_USE enum err_code mq_consumer_info(struct mq *mq, const char *worker, enum job_priority priority,
                                        struct mq_consumer *info, struct err *err);

/* How many messages JOBS has of one subject. */
struct mq_subject
{
    char name[MQ_SUBJECT_SIZE];
    int64_t messages;
};
/* Of each subject of which JOBS has messages, in the arena; at most MQ_SUBJECTS_MAX. */
MUST_USE enum err_code mq_subjects(struct mq *mq, struct arena *arena, struct mq_subject **subjects,
                                   size_t *count, struct err *err);
/* When the first message of the subject behind `after_seq` was stored: wall time; 0: there is none. */
MUST_USE enum err_code mq_subject_since(struct mq *mq, struct arena *arena, const char *subject,
                                        int64_t after_seq, int64_t *since_ms, struct err *err);

/* Removes messages up to `acked_seq` that this consumer has acknowledged and the stream still has: a server
 * that was killed may remember acknowledgements and not the removals, and would keep such messages for ever.
 */
MUST_USE enum err_code mq_forget_acked(struct mq *mq, const char *worker, enum job_priority priority,
                                       int64_t acked_seq, struct err *err);

/* Deletes this consumer and makes it again: the new one delivers all messages that the stream has for it,
 * also those that were delivered before. */
MUST_USE enum err_code mq_remake_consumer(struct mq *mq, const char *worker, enum job_priority priority,
                                          struct err *err);

/* ---- publishing to JetStream ---------------------------------------------------------------- */

struct mq_header
{
    const char *name;
    const char *value;
};

struct mq_message
{
    const char *subject;
    const struct mq_header *headers;
    size_t headers_count;
    const char *data;
    size_t len;
    /* out */
    bool confirmed;
    bool hopeless; /* no server would ever take it: a broken subject, too many bytes */
    int64_t seq;
};

/* Publishes all and waits until JetStream has confirmed each, or for `wait_ms`.  E_OK: all are confirmed, but
 * for those that are hopeless, which nobody waits for.
 * E_UNAVAILABLE: those with `confirmed` are, the others may be or not; err tells why (full, away, slow).
 * One caller at a time per publisher; make one per thread. */
struct mq_publisher;
MUST_USE enum err_code mq_publisher_open(struct mq *mq, struct mq_publisher **publisher, struct err *err);
void mq_publisher_close(struct mq_publisher *publisher);
MUST_USE enum err_code mq_publish_all(struct mq_publisher *publisher, struct mq_message *messages,
                                      size_t count, int wait_ms, struct err *err);

/* ---- pulling from a consumer ---------------------------------------------------------------- */

/* A delivered message; owned by the receiver, who acknowledges or naks it once, and frees it. */
struct mq_delivery;
const char *mq_delivery_data(const struct mq_delivery *delivery);
size_t mq_delivery_len(const struct mq_delivery *delivery);
const char *mq_delivery_subject(const struct mq_delivery *delivery);
/* NULL when absent. Borrowed. */
const char *mq_delivery_header(const struct mq_delivery *delivery, const char *name);
int64_t mq_delivery_count(const struct mq_delivery *delivery);   /* 1 the first time */
int64_t mq_delivery_seq(const struct mq_delivery *delivery);     /* its sequence number in the stream */
int64_t mq_delivery_time_ms(const struct mq_delivery *delivery); /* when the stream stored it */
/* One owner more: each calls mq_delivery_free. */
void mq_delivery_hold(struct mq_delivery *delivery);
void mq_delivery_free(struct mq_delivery *delivery);

/* The receiver's answers to the server. Their loss is harmless: the server delivers the message again. */
void mq_ack(struct mq *mq, const struct mq_delivery *delivery);
void mq_nak(struct mq *mq, const struct mq_delivery *delivery, int64_t delay_ms);
void mq_working(struct mq *mq, const struct mq_delivery *delivery); /* +WPI: work goes on */

/* Pulls from one consumer; mq_pull_want says how many.  `got` gets each message on a thread of the
 * library, owns it, queues it and returns.  NATS may come and go. */
struct mq_pull;
struct mq_pull_config
{
    const char *worker;
    enum job_priority priority;
    void (*got)(void *of, struct mq_delivery *take);
    void *of;
};
MUST_USE enum err_code mq_pull_open(struct mq *mq, const struct mq_pull_config *config, struct mq_pull **pull,
                                    struct err *err);
/* Keeps requests for `credit` messages outstanding: call whenever the credit changed, and at least once a
 * second (requests expire).  Delivered messages count against it. One thread. */
void mq_pull_want(struct mq_pull *pull, int credit);
void mq_pull_close(struct mq_pull *pull); /* when it returns, `got` does not run any more */

#endif
