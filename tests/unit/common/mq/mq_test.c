/* SPDX-License-Identifier: Apache-2.0 */
/* On a nats-server of its own. */
#include "common/mq/mq.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/moved.h"
#include "common/mq/internal.h"
#include "tests/support/nats_server.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SOON_MS = 10000,
    STREAM_ROWS = 4
};

static struct nats_server *server;

static void set_up(void)
{
    server = nats_server_new();
}

static void tear_down(void)
{
    nats_server_free(server);
}

static struct mq *open_as(const char *url)
{
    struct mq *mq = NULL;
    struct err err = ERR_INIT;
    ck_assert_msg(mq_open(url, "test", &mq, &err) == E_OK, "%s", err.text);
    return mq;
}

static struct mq *open_mq(void)
{
    return open_as(nats_server_url(server));
}

static void count_it(void *of, const char *subject, const char *data, size_t len)
{
    (void)subject;
    (void)data;
    (void)len;
    atomic_fetch_add((atomic_int *)of, 1);
}

static bool is_heard(struct mq *mq, atomic_int *heard)
{
    struct err err = ERR_INIT;
    const int before = atomic_load(heard);
    if (mq_publish(mq, "sokoul.ctl.test", "x", &err) != E_OK)
        return false;
    for (int i = 0; i < 50 && atomic_load(heard) == before; i++)
        poll(NULL, 0, 10);
    return atomic_load(heard) > before;
}

static struct mq_message text_to(const char *subject, const char *text)
{
    return (struct mq_message){.subject = subject, .data = text, .len = strlen(text)};
}

static enum err_code publish(struct mq *mq, struct mq_message *messages, size_t count, int wait_ms)
{
    struct mq_publisher *publisher = NULL;
    struct err err = ERR_INIT;
    ck_assert_int_eq(mq_publisher_open(mq, &publisher, &err), E_OK);
    enum err_code code = mq_publish_all(publisher, messages, count, wait_ms, &err);
    mq_publisher_close(publisher);
    return code;
}

/* A request of the operator, who may do everything; what was answered is in text. */
static void request(const char *subject, const char *body, char text[1024])
{
    struct mq *op = open_as(nats_server_op(server));
    struct mq_link *link = NULL;
    natsMsg *reply = NULL;
    ck_assert_int_eq(mq_link_get(op, &link, NULL), E_OK);
    ck_assert_int_eq(natsConnection_RequestString(&reply, link->nc, subject, body, SOON_MS), NATS_OK);
    snprintf(text, 1024, "%.*s", natsMsg_GetDataLength(reply), natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
    mq_link_put(link);
    mq_close(op);
}

/* ---- the connection ----------------------------------------------------------------------------- */

START_TEST(mq__comes_back_after_many_refused_logins_and_listens_again)
{
    struct mq *mq = open_mq();
    struct mq_sub *sub = NULL;
    struct err err = ERR_INIT;
    atomic_int heard = 0;
    ck_assert_int_eq(mq_subscribe(mq, "sokoul.ctl.test", count_it, &heard, &sub, &err), E_OK);
    eventually(is_heard(mq, &heard));
    nats_server_rule(server, "another", "");
    eventually(nats_server_refusals(server) >= 4);
    ck_assert_int_eq(mq_ping(mq, 100, &err), E_UNAVAILABLE);
    ck_assert_str_eq(err.text, "NATS refuses the user or the password of NATS_URL: mend either of them");
    nats_server_rule(server, NATS_SERVER_PASSWORD, "");
    eventually(mq_connected(mq));
    eventually(is_heard(mq, &heard));
    ck_assert_int_eq(mq_connections(mq), 2);
    mq_unsubscribe(sub);
    mq_close(mq);
}
END_TEST

static const char *with_password(const char *password)
{
    static char url[256];
    const char *first = nats_server_url(server);
    const char *at = strchr(first, '@');
    snprintf(url, sizeof url, "nats://us:%s%s", password, at);
    return url;
}

/* The settings may be ahead of the server, and the server of its clients. part: S186 */
START_TEST(mq__follows_a_password_that_changes)
{
    struct mq *mq = open_mq();
    ck_assert(moved_to(nats_server_url(server), with_password("another")));
    struct mq *early = open_mq();
    ck_assert(mq_connected(early));
    ck_assert(mq_connected(mq));
    nats_server_rule(server, "another", "");
    eventually(mq_connected(mq) && mq_connections(mq) == 2);
    eventually(mq_connected(early) && mq_connections(early) == 2);
    mq_close(early);
    mq_close(mq);
}
END_TEST

START_TEST(mq__waits_for_no_server_that_reads_nothing)
{
    enum
    {
        MANY = 600,
        BYTES = 60 * 1024
    };
    static char text[BYTES + 1];
    static struct mq_message messages[MANY];
    struct mq *mq = open_mq();
    int repairs = 0;
    struct err err = ERR_INIT;
    ck_assert_int_eq(mq_ensure(mq, &repairs, &err), E_OK);
    memset(text, 'x', BYTES);
    for (int i = 0; i < MANY; i++)
        messages[i] = text_to("sokoul.jobs.hunter.noop", text);
    nats_server_freeze(server);
    const int64_t began_ms = clock_mono_ms();
    ck_assert_int_eq(publish(mq, messages, MANY, 1800), E_UNAVAILABLE);
    ck_assert_int_eq(publish(mq, messages, MANY, 1800), E_UNAVAILABLE);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 8000);
    nats_server_thaw(server);
    eventually(publish(mq, messages, 1, 1800) == E_OK);
    nats_server_freeze(server);
    ck_assert_int_eq(publish(mq, messages, MANY, 1800), E_UNAVAILABLE);
    const int64_t closes_ms = clock_mono_ms();
    mq_close(mq);
    ck_assert_int_lt(clock_mono_ms() - closes_ms, 5000);
    nats_server_thaw(server);
}
END_TEST

/* Its connection lives, and nothing comes over it. */
START_TEST(mq__goes_to_the_next_server_when_jetstream_does_not_answer)
{
    struct nats_server *other = nats_server_new();
    char urls[256];
    struct mq_sub *sub = NULL;
    struct err err = ERR_INIT;
    atomic_int heard = 0;
    snprintf(urls, sizeof urls, "%s,%s", nats_server_url(server), nats_server_url(other));
    struct mq *mq = open_as(urls);
    ck_assert_int_eq(mq_subscribe(mq, "sokoul.ctl.test", count_it, &heard, &sub, &err), E_OK);
    eventually(is_heard(mq, &heard));
    nats_server_freeze(server);
    const int64_t frozen_ms = clock_mono_ms();
    eventually(mq_ping(mq, 500, &err) == E_OK);
    ck_assert_int_lt(clock_mono_ms() - frozen_ms, 7000);
    ck_assert_int_eq(mq_connections(mq), 2);
    eventually(is_heard(mq, &heard));
    nats_server_thaw(server);
    mq_unsubscribe(sub);
    mq_close(mq);
    nats_server_free(other);
}
END_TEST

START_TEST(mq__says_at_once_that_an_address_is_none)
{
    struct mq *mq = NULL;
    struct err err = ERR_INIT;
    ck_assert_int_eq(mq_open(",", "test", &mq, &err), E_CONFIG);
}
END_TEST

/* ---- listening ------------------------------------------------------------------------------------ */

struct slow
{
    atomic_bool began;
    atomic_bool may_end;
    atomic_bool ended;
};

static void take_long(void *of, const char *subject, const char *data, size_t len)
{
    struct slow *slow = of;
    (void)subject;
    (void)data;
    (void)len;
    atomic_store(&slow->began, true);
    while (!atomic_load(&slow->may_end))
        poll(NULL, 0, 5);
    atomic_store(&slow->ended, true);
}

static void *unsubscribe(void *of)
{
    mq_unsubscribe(of);
    return NULL;
}

/* Whatever belongs to the one who listens may be freed then. */
START_TEST(mq__does_not_unsubscribe_under_a_callback_that_runs)
{
    struct mq *mq = open_mq();
    struct mq_sub *sub = NULL;
    struct err err = ERR_INIT;
    struct slow slow = {.began = false};
    pthread_t thread;
    ck_assert_int_eq(mq_subscribe(mq, "sokoul.ctl.slow", take_long, &slow, &sub, &err), E_OK);
    ck_assert_int_eq(mq_publish(mq, "sokoul.ctl.slow", "x", &err), E_OK);
    eventually(atomic_load(&slow.began));
    ck_assert_int_eq(pthread_create(&thread, NULL, unsubscribe, sub), 0);
    struct timespec until = clock_mono_after_ms(6000);
    ck_assert_int_eq(pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until), ETIMEDOUT);
    atomic_store(&slow.may_end, true);
    pthread_join(thread, NULL);
    ck_assert(atomic_load(&slow.ended));
    mq_close(mq);
}
END_TEST

struct pouring
{
    struct mq *mq;
    atomic_bool over;
};

static void *pour(void *of)
{
    struct pouring *pouring = of;
    struct err err = ERR_INIT;
    bool on = true;
    while (on && !atomic_load(&pouring->over))
        on = mq_publish(pouring->mq, "sokoul.ctl.poured", "x", &err) == E_OK;
    return NULL;
}

enum
{
    LIVES = 0x11ff
};

static void look_alive(void *of, const char *subject, const char *data, size_t len)
{
    (void)subject;
    (void)data;
    (void)len;
    ck_assert_int_eq(*(volatile int *)of, LIVES);
}

START_TEST(mq__calls_back_nobody_who_has_gone)
{
    struct pouring pouring = {.mq = open_mq()};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, pour, &pouring), 0);
    for (int i = 0; i < 500; i++)
    {
        struct mq_sub *sub = NULL;
        struct err err = ERR_INIT;
        int *life = malloc(sizeof *life);
        ck_assert_ptr_nonnull(life);
        *life = LIVES;
        ck_assert_int_eq(mq_subscribe(pouring.mq, "sokoul.ctl.poured", look_alive, life, &sub, &err), E_OK);
        mq_unsubscribe(sub);
        *(volatile int *)life = 0;
        free(life);
    }
    atomic_store(&pouring.over, true);
    pthread_join(thread, NULL);
    mq_close(pouring.mq);
}
END_TEST

/* ---- streams -------------------------------------------------------------------------------------- */

static const struct
{
    const char *name;
    const char *subject;
} rows[STREAM_ROWS] = {{"JOBS", "sokoul.jobs.hunter.noop"},
                       {"DLQ", "sokoul.dlq.scout.noop"},
                       {"LOGS", "sokoul.logs.x"},
                       {"EVENTS", "sokoul.events.x"}};

/* With one message in each, and this one set wrongly in a way that an update mends. */
static void make_wrong(struct mq *mq, int i)
{
    char subject[64];
    char body[256];
    char text[1024];
    struct err err = ERR_INIT;
    struct mq_message message = text_to(rows[i].subject, "{}");
    ck_assert_msg(mq_ensure(mq, NULL, &err) == E_OK, "%s", err.text);
    ck_assert_int_eq(publish(mq, &message, 1, SOON_MS), E_OK);
    snprintf(subject, sizeof subject, "$JS.API.STREAM.UPDATE.%s", rows[i].name);
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"subjects\":[\"%.*s>\"],\"retention\":\"%s\",\"storage\":\"file\","
             "\"discard\":\"%s\",\"max_bytes\":1000000,\"max_msg_size\":1000}",
             rows[i].name, (int)strcspn(rows[i].subject + 7, ".") + 8, rows[i].subject,
             i == 0 ? "workqueue" : "limits", i == 0 ? "new" : "old");
    request(subject, body, text);
    ck_assert_msg(strstr(text, "\"error\"") == NULL, "%s", text);
}

START_TEST(mq__leaves_a_stream_whose_update_is_not_answered)
{
    struct mq *mq = open_mq();
    struct mq_stream before;
    struct mq_stream after;
    struct err err = ERR_INIT;
    make_wrong(mq, _i);
    ck_assert_int_eq(mq_stream_info(mq, rows[_i].name, &before, &err), E_OK);
    nats_server_rule(server, "another",
                     ""); /* so that the rules of a new login hold, not those of this one */
    eventually(!mq_connected(mq));
    nats_server_rule(server, NATS_SERVER_PASSWORD,
                     "permissions: { publish: { deny: [\"$JS.API.STREAM.UPDATE.>\"] } }");
    eventually(mq_connected(mq));
    ck_assert_int_eq(mq_ensure(mq, NULL, &err), _i == 0 ? E_UNAVAILABLE : E_OK);
    ck_assert_int_eq(mq_stream_info(mq, rows[_i].name, &after, &err), E_OK);
    ck_assert_int_eq(after.messages, 1);
    ck_assert_str_eq(after.created, before.created);
    ck_assert_int_eq(mq_ping(mq, 1500, &err), E_UNAVAILABLE);
    ck_assert_msg(strstr(err.text, "NATS forbids what is needed") != NULL, "%s", err.text);
    mq_close(mq);
}
END_TEST

START_TEST(mq__mends_a_stream_by_an_update_and_keeps_what_is_in_it)
{
    struct mq *mq = open_mq();
    struct mq_stream info;
    struct err err = ERR_INIT;
    int repairs = 0;
    make_wrong(mq, _i);
    ck_assert_int_eq(mq_check(mq, &err), E_CONFLICT);
    ck_assert_int_eq(mq_ensure(mq, &repairs, &err), E_OK);
    ck_assert_int_eq(repairs, 1);
    ck_assert_int_eq(mq_check(mq, &err), E_OK);
    ck_assert_int_eq(mq_stream_info(mq, rows[_i].name, &info, &err), E_OK);
    ck_assert_int_eq(info.messages, 1);
    mq_close(mq);
}
END_TEST

/* ---- confirmations -------------------------------------------------------------------------------- */

START_TEST(mq__counts_no_confirmation_of_another_stream)
{
    struct mq *mq = open_mq();
    char text[1024];
    struct mq_message messages[] = {text_to("sokoul.jobs.hunter.noop", "{}"),
                                    text_to("sokoul.jobs.hunter.noop", "{}")};
    request("$JS.API.STREAM.CREATE.OTHER",
            "{\"name\":\"OTHER\",\"subjects\":[\"sokoul.>\"],\"storage\":\"file\"}", text);
    ck_assert_int_eq(publish(mq, messages, 2, SOON_MS), E_UNAVAILABLE);
    ck_assert(!messages[0].confirmed && !messages[1].confirmed);
    request("$JS.API.STREAM.INFO.OTHER", "", text);
    ck_assert_msg(strstr(text, "\"messages\":0") != NULL, "%s", text);
    mq_close(mq);
}
END_TEST

static void confirm_falsely(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *of)
{
    (void)sub;
    (void)of;
    if (natsMsg_GetReply(msg) != NULL)
        natsConnection_PublishString(nc, natsMsg_GetReply(msg), "{\"stream\":\"OTHER\",\"seq\":7}");
    natsMsg_Destroy(msg);
}

START_TEST(mq__counts_no_confirmation_of_somebody_who_only_listens)
{
    struct mq *mq = open_mq();
    struct mq *op = open_as(nats_server_op(server));
    struct mq_link *link = NULL;
    natsSubscription *sub = NULL;
    struct mq_message message = text_to("sokoul.jobs.hunter.noop", "{}");
    ck_assert_int_eq(mq_link_get(op, &link, NULL), E_OK);
    ck_assert_int_eq(natsConnection_Subscribe(&sub, link->nc, "sokoul.jobs.>", confirm_falsely, NULL),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_FlushTimeout(link->nc, SOON_MS), NATS_OK);
    ck_assert_int_eq(publish(mq, &message, 1, SOON_MS), E_UNAVAILABLE);
    ck_assert(!message.confirmed);
    natsSubscription_Destroy(sub);
    mq_link_put(link);
    mq_close(op);
    mq_close(mq);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {mq__comes_back_after_many_refused_logins_and_listens_again, 1},
        {mq__follows_a_password_that_changes, 1},
        {mq__waits_for_no_server_that_reads_nothing, 1},
        {mq__goes_to_the_next_server_when_jetstream_does_not_answer, 1},
        {mq__says_at_once_that_an_address_is_none, 1},
        {mq__does_not_unsubscribe_under_a_callback_that_runs, 1},
        {mq__calls_back_nobody_who_has_gone, 20},
        {mq__leaves_a_stream_whose_update_is_not_answered, STREAM_ROWS},
        {mq__mends_a_stream_by_an_update_and_keeps_what_is_in_it, STREAM_ROWS},
        {mq__counts_no_confirmation_of_another_stream, 1},
        {mq__counts_no_confirmation_of_somebody_who_only_listens, 1},
    };
    return suite_run_with("mq", cases, sizeof cases / sizeof cases[0], set_up, tear_down);
}
