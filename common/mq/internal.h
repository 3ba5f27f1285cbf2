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
    MQ_WORDS_SIZE = 120 /* of what is told of a trouble; health shows as much */
};

struct mq
{
    char *urls; /* what servers point into */
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
    natsStatus first;       /* what became of it */
    struct mq_link *link;   /* NULL: NATS is away */
    struct mq_link *prompt; /* of mq_publish; NULL until it is wanted */
    bool wants_prompt;
    unsigned links; /* made so far: the number of the latest */
    struct mq_ear *ears;
    char away[MQ_WORDS_SIZE];      /* why there is no link */
    char trouble[MQ_WORDS_SIZE];   /* what mq_ensure could not mend last; "" nothing */
    char refusal[MQ_WORDS_SIZE];   /* why the last batch was not confirmed whole */
    char forbidden[MQ_WORDS_SIZE]; /* what the server let us not do last */
    int64_t forbidden_ms;          /* when: monotonic */
    int64_t wrong_ms[MQ_STREAMS];  /* since when pings find that stream missing or wrong; 0: it is right */
    char workers[MQ_WORKERS_MAX][MQ_WORKER_SIZE]; /* names once written stay */
    size_t workers_count;

    atomic_bool up;    /* there is a link and it has not closed */
    atomic_bool wrong; /* a stream, as a ping saw it, or a consumer, as a pull was told; mq_ensure is due */
    atomic_uint pings;
    atomic_uint lesser;    /* counts the looks at the streams of copies */
    atomic_int replicas;   /* how many servers are to keep each stream */
    atomic_int reconnects; /* counts; whoever waits for deliveries starts over when it moved */
    atomic_llong
        refused_ms;     /* monotonic, of the last batch that was not confirmed whole; 0: the last one was */
    atomic_int ensures; /* counts mq_ensure's that made something, and the first: the same */
};

/* What a failure of the library means to us; the only translator. */
enum err_code mq_translate(struct mq *mq, natsStatus status, jsErrCode js_code, const char *what,
                           struct err *err);

/* ---- the connection (link.c) ---------------------------------------------------------------- */

/* One connection from its making to its end: the library does not reconnect, the keeper makes another link.
 * It lives as long as somebody holds it and until the library has told of its end. */
struct mq_link
{
    struct mq *mq;
    natsConnection *nc;
    jsCtx *js;
    size_t server; /* its place in mq->servers */
    int refs;      /* mq's lock, as all below */
    bool closed;
    bool left;         /* by us, since JetStream did not answer */
    int64_t silent_ms; /* since when it does not: monotonic; 0: it does */
    natsSubscription **buried;
    size_t buried_count;
};

enum mq_purpose
{
    MQ_GATHERED, /* what is sent is gathered for up to a millisecond */
    MQ_PROMPT
};
/* Makes link->nc; once it is made, its end is told to the link and the link put (connect.c). */
natsStatus mq_connect(struct mq_link *link, enum mq_purpose purpose);

/* Starts the keeper and waits until its first attempt is over. */
MUST_USE enum err_code mq_link_start(struct mq *mq, struct err *err);
void mq_link_stop(struct mq *mq); /* ends keeper and connections; callbacks may still come */
/* The link of this moment, to be put; E_UNAVAILABLE: there is none, and why. */
MUST_USE enum err_code mq_link_get(struct mq *mq, struct mq_link **link, struct err *err);
/* The link for what must leave at once, while there is one; else the other.  Asks for it. */
MUST_USE enum err_code mq_link_get_prompt(struct mq *mq, struct mq_link **link, struct err *err);
void mq_link_hold(struct mq_link *link);
void mq_link_put(struct mq_link *link); /* NULL is fine */
/* Owns a subscription of the link that was ended, and frees it with the link. */
void mq_link_bury(struct mq_link *link, natsSubscription *sub);
/* Whether JetStream answered over it just now.  After a while of silence the link is closed, if there are
 * other servers. */
void mq_link_answered(struct mq_link *link);
void mq_link_silent(struct mq_link *link);
void mq_put(struct mq *mq);

/* ---- listening (ear.c) ---------------------------------------------------------------------- */

/* A subject that is listened to on each link in turn, for as long as the ear lives.  `heard` owns the
 * message, comes on a thread of the library, and never twice at once. */
struct mq_ear;
struct mq_ear_config
{
    const char *subject;
    void (*heard)(void *of, natsMsg *take);
    void *of;
};
MUST_USE enum err_code mq_ear_new(struct mq *mq, const struct mq_ear_config *config, struct mq_ear **ear,
                                  struct err *err);
/* When it returns, `heard` does not run and never will again, whatever the library still does. NULL is fine.
 * Not from `heard`. */
void mq_ear_free(struct mq_ear *ear);
/* Subscribes all ears to a link that nobody else sees yet, then shows it as mq->link. */
void mq_ears_attach(struct mq *mq, struct mq_link *link);

/* ---- streams and consumers ------------------------------------------------------------------ */

/* When a stream that cannot be changed in place may be deleted and made again. */
enum remake
{
    REMAKE_ALWAYS, /* Postgres has all that was in it: outbox and sweeper bring it back */
    REMAKE_EMPTY   /* what is in it nobody brings back */
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
/* The name of a stream that takes subjects of this one: the first that the server names. False: there is
 * none. */
bool mq_stream_taker(struct mq_link *link, const struct stream_row *row, char name[MQ_NAME_SIZE]);
enum err_code mq_tell_taker(const struct stream_row *row, const char *taker, struct err *err);
/* Whether a stream is there and as it must be. */
MUST_USE enum err_code mq_stream_look(struct mq_link *link, size_t index, int wait_ms, bool *right,
                                      struct err *err);
/* The stream that keeps this subject; NULL: none of ours. */
const char *mq_stream_of(const char *subject);
MUST_USE enum err_code mq_consumers_ensure(struct mq *mq, struct mq_link *link, int *repairs,
                                           struct err *err);

#endif
