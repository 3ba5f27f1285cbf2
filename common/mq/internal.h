/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the files of this room share. Nobody outside common/mq includes it. */
#ifndef SOKOUL_COMMON_MQ_INTERNAL_H
#define SOKOUL_COMMON_MQ_INTERNAL_H

#include "common/mq/mq.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

enum
{
    MQ_WORKER_SIZE = 33,
    MQ_STREAMS = 4, /* JOBS is the first */
    MQ_SERVERS_MAX = 16,
    MQ_LOOK_MS = 1000,  /* how long mq_ensure waits for what a stream or consumer is: jobs wait for it */
    MQ_NAME_SIZE = 64,  /* of a consumer, a client, a filter */
    MQ_WORDS_SIZE = 120 /* of the text about a trouble; health shows as much */
};

struct mq
{
    char *origin;     /* NATS_URL at the start (moved.h) */
    const char *used; /* what `servers` were taken from; the keeper's, as all three below */
    char *urls;       /* the texts of `servers` */
    const char *servers[MQ_SERVERS_MAX];
    size_t servers_count;
    char name[MQ_NAME_SIZE];
    char prompt_name[MQ_NAME_SIZE];
    pthread_t keeper;
    bool kept; /* the keeper runs */

    pthread_mutex_t lock; /* guards all below but what is atomic; no callback and no call to NATS under it */
    pthread_cond_t news;  /* a connection closed, one is wanted, the first attempt is over, stopping */
    int refs;             /* the owner, and each link */
    bool stopping;
    bool tried;             /* to connect, once */
    natsStatus first;       /* the result of that first attempt */
    struct mq_link *link;   /* NULL: NATS is away */
    struct mq_link *prompt; /* of mq_publish; NULL until it is wanted */
    bool wants_prompt;
    unsigned links; /* made so far: the number of the latest */
    struct mq_ear *ears;
    char away[MQ_WORDS_SIZE];      /* why there is no link */
    char trouble[MQ_WORDS_SIZE];   /* what mq_ensure could not mend last; "" nothing */
    char refusal[MQ_WORDS_SIZE];   /* why the last batch was not confirmed whole */
    char forbidden[MQ_WORDS_SIZE]; /* what the server forbade last */
    int64_t forbidden_ms;          /* when: monotonic */
    int64_t wrong_ms[MQ_STREAMS];  /* since when pings find that stream missing or wrong; 0: it is right */
    char workers[MQ_WORKERS_MAX][MQ_WORKER_SIZE]; /* names once written stay */
    size_t workers_count;

    atomic_bool up;    /* there is a link and it has not closed */
    atomic_bool wrong; /* a ping or a pull has seen that a stream or consumer is missing; mq_ensure is due */
    atomic_uint pings;
    atomic_uint lesser;    /* counts the looks at DLQ, LOGS and EVENTS */
    atomic_int replicas;   /* how many servers are to keep each stream */
    atomic_int reconnects; /* counts; a pull starts over when it has changed */
    atomic_llong
        refused_ms;     /* monotonic, of the last batch that was not confirmed whole; 0: the last one was */
    atomic_int ensures; /* counts the calls of mq_ensure that made something; a pull starts over, too */
};

/* The code for a failure of the library; the only translator. */
enum err_code mq_translate(struct mq *mq, natsStatus status, jsErrCode js_code, const char *what,
                           struct err *err);

/* ---- the connection (link.c) ---------------------------------------------------------------- */

/* One connection from its making to its end: the library does not reconnect, the keeper makes another link.
 * It lives until its last reference is put and the library has announced its end. */
struct mq_link
{
    struct mq *mq;
    natsConnection *nc;
    jsCtx *js;
    size_t server; /* its index in mq->servers */
    int refs;      /* guarded by mq's lock, as all below */
    bool closed;
    bool left;         /* closed by us, since JetStream did not answer */
    int64_t silent_ms; /* since when JetStream does not answer: monotonic; 0: it does */
    natsSubscription **ended;
    size_t ended_count;
};

enum mq_purpose
{
    MQ_GATHERED, /* what is sent is gathered for up to a millisecond */
    MQ_PROMPT
};
/* The addresses from now on; false: there are none, or too many, and the ones before stay.  `urls` stays
 * readable for as long as the mq.  The keeper's. */
bool mq_use_servers(struct mq *mq, const char *urls);
/* Makes link->nc.  At the end of that connection the link is marked as closed, and put (connect.c). */
natsStatus mq_connect(struct mq_link *link, enum mq_purpose purpose);

/* Starts the keeper and waits until its first attempt is over. */
MUST_USE enum err_code mq_link_start(struct mq *mq, struct err *err);
void mq_link_stop(struct mq *mq); /* ends keeper and connections; callbacks may still come */
/* The present link, to be put by the caller.  E_UNAVAILABLE: there is none; err says why. */
MUST_USE enum err_code mq_link_get(struct mq *mq, struct mq_link **link, struct err *err);
/* The link for messages that must leave at once.  While there is none: the ordinary one, and the keeper is
 * asked to make one. */
MUST_USE enum err_code mq_link_get_prompt(struct mq *mq, struct mq_link **link, struct err *err);
void mq_link_ref(struct mq_link *link);
void mq_link_put(struct mq_link *link); /* NULL is fine */
/* The link takes an ended subscription, and frees it with itself. */
void mq_link_take_ended(struct mq_link *link, natsSubscription *sub);
/* Notes whether JetStream has just answered over this link.  After a while of silence the link is closed, if
 * there are other servers. */
void mq_link_answered(struct mq_link *link);
void mq_link_silent(struct mq_link *link);
void mq_put(struct mq *mq);

/* ---- listening (ear.c) ---------------------------------------------------------------------- */

/* A subject that is listened to on each link in turn, for as long as the ear lives.  `on_message` owns
 * the message, runs on a thread of the library, and never twice at once. */
struct mq_ear;
struct mq_ear_config
{
    const char *subject;
    void (*on_message)(void *of, natsMsg *take);
    void *of;
};
MUST_USE enum err_code mq_ear_new(struct mq *mq, const struct mq_ear_config *config, struct mq_ear **ear,
                                  struct err *err);
/* When this returns, `on_message` does not run and never will again, whatever the library still does. NULL is
 * fine. Not to be called from `on_message`. */
void mq_ear_free(struct mq_ear *ear);
/* Subscribes all ears to a link that nobody else sees yet, then shows it as mq->link. */
void mq_ears_attach(struct mq *mq, struct mq_link *link);

/* ---- streams and consumers ------------------------------------------------------------------ */

/* When a stream that cannot be changed in place may be deleted and made again. */
enum remake
{
    REMAKE_ALWAYS, /* Postgres has all that was in it: outbox and healing publish it again */
    REMAKE_EMPTY   /* nobody could publish its messages again */
};

struct stream_row
{
    const char *name;
    const char *subject;
    const char *prefix; /* of its subjects */
    jsRetentionPolicy retention;
    jsDiscardPolicy discard;
    int64_t max_age_ns;
    int64_t max_bytes;
    enum remake remake;
};
extern const struct stream_row mq_streams[MQ_STREAMS];

void mq_api_options(jsOptions *options);
/* `subject` is one of the texts that *config refers to. */
void mq_stream_config(const struct stream_row *row, const char **subject, jsStreamConfig *config);
bool mq_stream_is_right(const struct stream_row *row, const jsStreamConfig *is);
/* The name of another stream that has subjects of this one: the first that the server names. False: there is
 * none. */
bool mq_stream_rival(struct mq_link *link, const struct stream_row *row, char name[MQ_NAME_SIZE]);
enum err_code mq_fail_rival(const struct stream_row *row, const char *rival, struct err *err);
/* E_OK: the stream is there and set as it must be. */
MUST_USE enum err_code mq_stream_look(struct mq_link *link, size_t index, int wait_ms, bool *right,
                                      struct err *err);
/* The stream that has this subject; NULL: none of ours. */
const char *mq_stream_of(const char *subject);
MUST_USE enum err_code mq_consumers_ensure(struct mq *mq, struct mq_link *link, int *repairs,
                                           struct err *err);

#endif
