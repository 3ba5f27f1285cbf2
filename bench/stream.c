/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: what JetStream gives without us, by the bare library, on a stream set up like JOBS.
 *
 *   --nats NATS_URL --do publish|pull --count N [--bytes 400]
 *
 * publish: asynchronously with Nats-Msg-Id, window 1,000, until the last is confirmed.
 * pull: two requests of 200 outstanding, each message acknowledged at once.
 * Prints {"messages","seconds","rate"}.
 */
#include "bench/option.h"
#include "common/base/clock.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    WINDOW = 1000,
    REQUEST = 200,
    WAIT_MS = 10000
};

static void check(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return;
    fprintf(stderr, "bench: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static void make_stream(jsCtx *js)
{
    const char *subjects[] = {"bench.raw.>"};
    jsStreamConfig config;
    jsErrCode code = 0;
    jsStreamConfig_Init(&config);
    config.Name = "RAW";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Retention = js_WorkQueuePolicy;
    config.Storage = js_FileStorage;
    config.Discard = js_DiscardNew;
    config.Duplicates = 120000000000;
    check(js_AddStream(NULL, js, &config, NULL, &code), "make the stream");
    jsConsumerConfig consumer;
    jsConsumerConfig_Init(&consumer);
    consumer.Durable = "raw";
    consumer.AckPolicy = js_AckExplicit;
    consumer.MaxAckPending = 10000;
    check(js_AddConsumer(NULL, js, "RAW", &consumer, NULL, &code), "make the consumer");
}

static void publish(jsCtx *js, int64_t count, int bytes)
{
    char id[64];
    char *body = malloc((size_t)bytes);
    if (body == NULL)
        give_up("out of memory");
    memset(body, 'x', (size_t)bytes);
    for (int64_t i = 0; i < count; i++)
    {
        natsMsg *msg = NULL;
        check(natsMsg_Create(&msg, "bench.raw.noop", NULL, body, bytes), "message");
        snprintf(id, sizeof id, "0190b0a0-0000-7000-8000-%012lld:1", (long long)i);
        check(natsMsgHeader_Set(msg, "Nats-Msg-Id", id), "header");
        check(js_PublishMsgAsync(js, &msg, NULL), "publish");
        natsMsg_Destroy(msg);
    }
    check(js_PublishAsyncComplete(js, NULL), "confirm");
    free(body);
}

static void ask(natsConnection *nc, const char *inbox)
{
    char body[96];
    snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":5000000000}", REQUEST);
    check(natsConnection_PublishRequestString(nc, "$JS.API.CONSUMER.MSG.NEXT.RAW.raw", inbox, body), "ask");
}

static void pull(natsConnection *nc, int64_t count)
{
    natsInbox *inbox = NULL;
    natsSubscription *sub = NULL;
    check(natsInbox_Create(&inbox), "inbox");
    check(natsConnection_SubscribeSync(&sub, nc, inbox), "subscribe");
    ask(nc, inbox);
    ask(nc, inbox);
    for (int64_t i = 1; i <= count; i++)
    {
        natsMsg *msg = NULL;
        check(natsSubscription_NextMsg(&msg, sub, WAIT_MS), "next");
        check(natsConnection_PublishString(nc, natsMsg_GetReply(msg), "+ACK"), "acknowledge");
        natsMsg_Destroy(msg);
        if (i % REQUEST == 0)
            ask(nc, inbox);
    }
    check(natsConnection_FlushTimeout(nc, WAIT_MS), "flush");
    natsSubscription_Destroy(sub);
    natsInbox_Destroy(inbox);
}

int main(int argc, char **argv)
{
    const struct options options = {argc, argv};
    const int64_t count = option_int(&options, "--count", 50000);
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    jsOptions js_options;
    check(natsConnection_ConnectTo(&nc, option_text(&options, "--nats", "")), "connect");
    jsOptions_Init(&js_options);
    js_options.PublishAsync.MaxPending = WINDOW;
    check(natsConnection_JetStream(&js, nc, &js_options), "JetStream");
    bool publishes = strcmp(option_text(&options, "--do", "publish"), "publish") == 0;
    if (publishes)
        make_stream(js);
    int64_t began_ns = clock_mono_ns();
    if (publishes)
        publish(js, count, (int)option_int(&options, "--bytes", 400));
    else
        pull(nc, count);
    double seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    printf("{\"messages\":%lld,\"seconds\":%.3f,\"rate\":%.0f}\n", (long long)count, seconds,
           (double)count / seconds);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return 0;
}
