/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/link.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/moved.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum
{
    NUMBER_SIZE = 24
};

void cache_command_add_bytes(struct cache_command *command, const void *bytes, size_t len)
{
    command->words[command->count] = bytes;
    command->lens[command->count++] = len;
}

void cache_command_add(struct cache_command *command, const char *word)
{
    cache_command_add_bytes(command, word, strlen(word));
}

/* Reads where Redis is now; the name is looked up anew where it is another one. */
static enum err_code locate(struct cache_link *link, struct err *err)
{
    struct cache_address address = {.port = 0};
    struct err ignored = ERR_INIT;
    const unsigned turn = moved_turn();
    const struct moved moved = moved_look(link->url);
    enum err_code code = cache_address_parse(moved.now, &address, err);
    if (code != E_OK)
        return code;
    if (link->lookup == NULL || strcmp(address.host, link->address.host) != 0)
    {
        cache_lookup_free(link->lookup);
        link->lookup = cache_lookup_new(address.host);
    }
    link->turn = turn;
    link->address = address;
    if (moved.before == NULL || cache_address_parse(moved.before, &link->before, &ignored) != E_OK)
        link->before.host[0] = '\0';
    return link->lookup != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

enum err_code cache_link_open(struct cache_link *link, const char *url, struct err *err)
{
    link->url = strdup(url);
    return link->url != NULL ? locate(link, err) : fail(err, E_NO_MEMORY, "out of memory");
}

void cache_link_close(struct cache_link *link)
{
    if (link->context != NULL)
        redisFree(link->context);
    cache_lookup_free(link->lookup);
    if (link->url != NULL)
        explicit_bzero(link->url, strlen(link->url));
    free(link->url);
    explicit_bzero(&link->address, sizeof link->address);
    explicit_bzero(&link->before, sizeof link->before);
}

/* ---- losing and finding the server ------------------------------------------------------- */

/* The connection is useless from now on: after a timeout hiredis refuses every further command. */
static void lose(struct cache_link *link, const char *why)
{
    if (why != link->why)
        snprintf(link->why, sizeof link->why, "%s", why);
    if (link->context != NULL)
    {
        redisFree(link->context);
        link->context = NULL;
        atomic_fetch_add_explicit(&link->losses, 1, memory_order_relaxed);
    }
    int64_t next_ms = link->backoff_ms * 2;
    link->backoff_ms = next_ms < CACHE_BACKOFF_MIN_MS   ? CACHE_BACKOFF_MIN_MS
                       : next_ms > CACHE_BACKOFF_MAX_MS ? CACHE_BACKOFF_MAX_MS
                                                        : next_ms;
    link->retry_at_ms = clock_mono_ms() + link->backoff_ms;
    if (!link->lost)
        log_warn("cache_lost", "going on without the cache: %s", why);
    link->lost = true;
}

static void found(struct cache_link *link)
{
    link->backoff_ms = 0;
    if (link->lost)
        log_info("cache_back", "the cache is back");
    link->lost = false;
}

static struct timeval timeval_of(int64_t wait_ms)
{
    wait_ms = wait_ms < 1 ? 1 : wait_ms;
    return (struct timeval){.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
}

/* The only place where hiredis's errors become words. */
static const char *reason_of(const redisContext *context)
{
    if (context == NULL)
        return "out of memory";
    switch (context->err)
    {
    case REDIS_ERR_EOF:
        return "it closed the connection";
    case REDIS_ERR_PROTOCOL:
        return "it does not speak Redis's protocol";
    case REDIS_ERR_OOM:
        return "out of memory";
    case REDIS_ERR_IO:
        if (errno == EAGAIN)
            return "no answer in time";
        return context->errstr;
    default:
        return context->errstr[0] != '\0' ? context->errstr : "no answer";
    }
}

static bool say(redisContext *context, const struct cache_command *command)
{
    struct cache_command copy = *command; /* hiredis takes pointers to non-const texts */
    return redisAppendCommandArgv(context, copy.count, copy.words, copy.lens) == REDIS_OK;
}

/* NULL means that the connection is gone. */
static redisReply *hear(redisContext *context)
{
    redisReply *reply = NULL;
    return redisGetReply(context, (void **)&reply) == REDIS_OK ? reply : NULL;
}

/* Sends one command and takes its reply before deadline_ms. */
static redisReply *talk(redisContext *context, const struct cache_command *command, int64_t deadline_ms)
{
    if (redisSetTimeout(context, timeval_of(deadline_ms - clock_mono_ms())) != REDIS_OK ||
        !say(context, command))
        return NULL;
    return hear(context);
}

static const struct
{
    const char *prefix;
    const char *text;
} refusals[] = {
    {"WRONGPASS", "Redis refuses the password: mend REDIS_URL, or the password in Redis"},
    {"NOAUTH", "Redis wants a password: put it into REDIS_URL"},
    {"ERR AUTH", "Redis has no password: take it out of REDIS_URL, or set requirepass"},
    {"ERR Client sent AUTH", "Redis has no password: take it out of REDIS_URL, or set requirepass"},
    {"ERR DB index", "Redis has no such database: mend the number in REDIS_URL"},
    {"ERR unknown command", "Redis lacks a command that Sokoul uses: take back its rename-command"},
    {"NOPERM",
     "Redis does not allow its user what Sokoul does: give it the commands named in docs/DEPLOY.md"},
    {"READONLY", "Redis is a read-only replica: name the primary in REDIS_URL"},
    {"OOM", "Redis is full and evicts nothing: raise maxmemory, or set maxmemory-policy allkeys-lru"},
    {"MISCONF", "Redis takes no data since it cannot save: make room on its disk"},
    {"NOREPLICAS", "Redis takes no data since it lacks replicas: start them, or set min-replicas-to-write 0"},
    {"BUSY", "Redis is busy with a script: end it with SCRIPT KILL"},
    {"LOADING", "Redis is loading its data"},
    {"MASTERDOWN", "Redis is a replica without its primary: name the primary in REDIS_URL"},
    {"ERR max number of clients", "Redis takes no more connections: raise maxclients, or end some"},
};

const char *cache_refusal(const char *reply)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strncmp(reply, refusals[i].prefix, strlen(refusals[i].prefix)) == 0)
            return refusals[i].text;
    return NULL;
}

/* Sends AUTH and SELECT; an error reply is as bad as no reply.  Returns NULL, or the reason of the failure.
 */
static const char *introduce(const struct cache_address *address, redisContext *context, int64_t deadline_ms)
{
    char database[NUMBER_SIZE];
    struct cache_command commands[2] = {0};
    int used = 0;
    if (address->password[0] != '\0')
    {
        cache_command_add(&commands[used], "AUTH");
        if (address->user[0] != '\0')
            cache_command_add(&commands[used], address->user);
        cache_command_add(&commands[used++], address->password);
    }
    if (address->database != 0)
    {
        snprintf(database, sizeof database, "%d", address->database);
        cache_command_add(&commands[used], "SELECT");
        cache_command_add(&commands[used++], database);
    }
    const char *why = NULL;
    for (int i = 0; i < used && why == NULL; i++)
    {
        redisReply *reply = talk(context, &commands[i], deadline_ms);
        if (reply == NULL)
            why = reason_of(context);
        else if (reply->type == REDIS_REPLY_ERROR)
            why = cache_refusal(reply->str);
        if (reply != NULL && reply->type == REDIS_REPLY_ERROR && why == NULL)
            why = "Redis refuses our login: mend REDIS_URL";
        if (reply != NULL)
            freeReplyObject(reply);
    }
    return why;
}

static redisContext *connect_to(const struct cache_link *link, const struct cache_found *found,
                                int64_t deadline_ms)
{
    redisContext *context = NULL;
    for (size_t i = 0; i < found->count; i++)
    {
        if (context != NULL)
            redisFree(context);
        context = redisConnectWithTimeout(found->numbers[i], link->address.port,
                                          timeval_of(deadline_ms - clock_mono_ms()));
        if (context == NULL || context->err == 0)
            return context;
    }
    return context;
}

static enum err_code refused(struct cache_link *link, const char *why, struct err *err)
{
    lose(link, why);
    return fail(err, E_UNAVAILABLE, "%s", link->why);
}

static enum err_code away(struct cache_link *link, const char *why, struct err *err)
{
    char text[sizeof link->why];
    snprintf(text, sizeof text, "Redis is away (%.100s)", why);
    return refused(link, text, err);
}

void cache_link_drop(struct cache_link *link)
{
    if (link->context != NULL)
        redisFree(link->context);
    link->context = NULL;
}

/* Whether an idle connection was closed, or has something to read: Redis's `timeout`, a proxy, a restart.  A
 * command that is not sent yet does not fail by it. */
static bool is_stale(const redisContext *context)
{
    char byte;
    return recv(context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

static void leave_stale(struct cache_link *link)
{
    if (link->context == NULL || !is_stale(link->context))
        return;
    cache_link_drop(link);
    atomic_fetch_add_explicit(&link->losses, 1, memory_order_relaxed);
}

/* Connecting takes no longer than CACHE_CONNECT_MS, nor than the caller's time. */
static int connect_ms(int64_t deadline_ms)
{
    const int64_t left_ms = deadline_ms - clock_mono_ms();
    return left_ms < CACHE_CONNECT_MS ? (int)left_ms : CACHE_CONNECT_MS;
}

/* NULL: connected and let in.  Else why not; `answers`: because Redis refuses it. */
static const char *log_in(struct cache_link *link, const struct cache_address *address,
                          const struct cache_found *found, int64_t deadline_ms, bool *answers)
{
    redisContext *context = connect_to(link, found, clock_mono_ms() + connect_ms(deadline_ms));
    const bool connected = context != NULL && context->err == 0;
    const char *why = connected ? introduce(address, context, deadline_ms) : reason_of(context);
    *answers = connected && context->err == 0;
    if (why == NULL)
        link->context = context;
    else
    {
        snprintf(link->why, sizeof link->why, "%s", why); /* it may stand in the context */
        why = link->why;
        if (context != NULL)
            redisFree(context);
    }
    return why;
}

static void leave_moved(struct cache_link *link)
{
    struct err err = ERR_INIT;
    const struct cache_address was = link->address;
    if (link->turn == moved_turn())
        return;
    if (locate(link, &err) != E_OK)
        log_warn("cache_moved", "REDIS_URL has changed and is of no use: %s", err.text);
    else if (memcmp(&was, &link->address, sizeof was) != 0)
    {
        cache_link_drop(link);
        link->retry_at_ms = 0;
    }
}

/* E_OK: connected.  Connecting and the command after it share deadline_ms.  REDIS_URL may say another
 * password before Redis knows it: then the one before still lets us in. */
static enum err_code reach(struct cache_link *link, int64_t deadline_ms, struct err *err)
{
    struct cache_found addresses;
    struct err cause = ERR_INIT;
    bool answers = false;
    leave_stale(link);
    leave_moved(link);
    if (link->context != NULL)
        return E_OK;
    if (clock_mono_ms() < link->retry_at_ms)
        return fail(err, E_UNAVAILABLE, "%s", link->why);
    if (cache_lookup_wait(link->lookup, connect_ms(deadline_ms), &addresses, &cause) != E_OK)
        return away(link, cause.text, err);
    const char *why = log_in(link, &link->address, &addresses, deadline_ms, &answers);
    if (why != NULL && answers && link->before.host[0] != '\0')
        why = log_in(link, &link->before, &addresses, deadline_ms, &answers);
    if (why == NULL)
        return E_OK;
    return answers ? refused(link, why, err) : away(link, why, err);
}

enum err_code cache_link_begin(struct cache_link *link, int64_t deadline_ms, struct err *err)
{
    if (reach(link, deadline_ms, err) != E_OK)
        return err->code;
    if (redisSetTimeout(link->context, timeval_of(deadline_ms - clock_mono_ms())) != REDIS_OK)
        return away(link, reason_of(link->context), err);
    return E_OK;
}

enum err_code cache_link_say(struct cache_link *link, const struct cache_command *command, struct err *err)
{
    return say(link->context, command) ? E_OK : away(link, reason_of(link->context), err);
}

enum err_code cache_link_hear(struct cache_link *link, int64_t deadline_ms, redisReply **reply,
                              struct err *err)
{
    if (clock_mono_ms() > deadline_ms)
        return away(link, "no answer in time", err);
    redisReply *heard = hear(link->context);
    if (heard == NULL)
        return away(link, reason_of(link->context), err);
    found(link);
    *reply = heard;
    return E_OK;
}

enum err_code cache_link_run(struct cache_link *link, const struct cache_command *command, redisReply **out,
                             struct err *err)
{
    const int64_t deadline_ms = clock_mono_ms() + CACHE_COMMAND_MS;
    if (cache_link_begin(link, deadline_ms, err) != E_OK || cache_link_say(link, command, err) != E_OK)
        return err->code;
    return cache_link_hear(link, deadline_ms, out, err);
}
