/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conns.h -- every open connection, what it is doing, and the reaper of those that are too slow.
 *
 *     NEW --first byte--> HEAD --headers--> BODY --all of it--> WORK --reply--> SEND --+
 *                          ^                                                          |
 *                          +---- first byte ---- IDLE <-------------------------------+
 *
 * The HTTP library only knows inactivity, so that a byte a second would live for ever; here each phase
 * has its time, counted from its start.  A thread looks four times a second and shuts down the sockets
 * that are late (the library then sees the end and closes them).  A client that is sent more than the sockets
 * hold has to read at a least rate, too: what has arrived by the kernel's account is looked at once a second.
 * A connection that leaves while its client still sends is drained for a moment, so that the reply is not
 * lost in a reset.
 *
 * When all slots are taken, CONNS_EXTRA connections more are kept, to ask for health or to be answered 503
 * (conn_is_extra).  For one more than these the oldest of them is sent conns_config.full and ended.
 *
 * Threads: conns_add, conns_phase and conns_remove from the event thread, the rest from any.
 */
#ifndef SOKOUL_API_CONNS_H
#define SOKOUL_API_CONNS_H

#include "api/request.h"
#include "common/conf/net.h"

#include <sys/socket.h>

struct conns;
struct conn;

enum
{
    CONN_SEND_BYTES = 128 << 10,
    CONNS_EXTRA = 64
};

enum conn_phase
{
    CONN_NEW,  /* nothing was sent yet */
    CONN_HEAD, /* the head of a request is coming */
    CONN_BODY,
    CONN_WORK, /* ours to answer: no limit here */
    CONN_SEND,
    CONN_IDLE, /* between two requests */
    CONN_PHASES
};

struct conns_config
{
    int64_t limit_ms[CONN_PHASES]; /* 0: none */
    size_t max;                    /* slots */
    const char *full;              /* a whole answer, static */
    size_t max_per_address;
    uint32_t min_read_bytes_s; /* of a client in CONN_SEND, over ten seconds; 0: none */
    bool (*exempt)(void *of, const struct sockaddr *peer); /* NULL: nobody is */
    void (*tick)(void *of); /* four times a second, from the reaper's thread; may be NULL */
    void *of;
};

MUST_USE enum err_code conns_start(const struct conns_config *config, struct conns **conns, struct err *err);
void conns_stop(struct conns *conns); /* after the last conns_remove; NULL is fine */

/* Whether one more of this address may come in. */
bool conns_admit(struct conns *conns, const struct sockaddr *peer);
struct conn *conns_add(struct conns *conns, int fd, const struct sockaddr *peer); /* NULL: out of memory */
/* Before the descriptor is closed. */
void conns_remove(struct conns *conns, struct conn *conn);
void conns_phase(struct conn *conn, enum conn_phase phase);
/* Read on for a moment after the reply: the client is still sending. */
void conns_linger(struct conn *conn);
/* It came when all slots were taken: one answer, and that for health only. */
bool conn_is_extra(const struct conn *conn);
/* It was sent its last answer past the library: nothing may be answered any more. */
bool conn_was_sent_away(const struct conn *conn);
const char *conn_address(const struct conn *conn);
/* The `of` of the configuration: whose connection this is. */
void *conn_owner(const struct conn *conn);
/* The request that is being read or answered; NULL: none.  The event thread's. */
void conn_set_request(struct conn *conn, struct request *req);
struct request *conn_request(const struct conn *conn);
/* A long answer follows: the kernel, which would hold megabytes of it, takes no more than CONN_SEND_BYTES. */
void conn_narrow(struct conn *conn);
/* Bytes past the library, as far as the socket takes them at once. */
void conn_send_past(struct conn *conn, const char *bytes, size_t len);
/* Whether its client has closed its half, says the kernel. */
bool conn_is_half_closed(const struct conn *conn);
/* The last answer, past the library, which will be told to end the connection (conn_was_sent_away).  Of one
 * that is suspended. */
void conn_send_last(struct conn *conn, const char *bytes, size_t len);

/* Ends the connections that have been in their phase since before then, but those in CONN_WORK. */
void conns_cut(struct conns *conns, int64_t before_ms);
/* How many have never had an answer, or have sent something that nobody has read yet. */
size_t conns_owed(struct conns *conns);
/* Says this to all of these, whatever they will ask: they find it when they look for their answer. */
void conns_dismiss(struct conns *conns, const char *bytes, size_t len);

#endif
