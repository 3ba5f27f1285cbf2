/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: runs the relay alone, with rows waiting in the outbox, until the stream holds them all.
 *
 *   --url DATABASE_URL --nats NATS_URL --count N
 *
 * Prints {"messages","seconds","rate"}: from when JetStream has the first batch until it has the last,
 * so that connecting and making streams do not count.
 */
#include "bench/option.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/mq/mq.h"
#include "common/outbox/outbox.h"

#include <poll.h>
#include <stdio.h>

enum
{
    PATIENCE_MS = 60000
};

static int64_t messages_of(struct mq *mq)
{
    struct mq_stream info = {.messages = 0};
    struct err err = ERR_INIT;
    return mq_stream_info(mq, "JOBS", &info, &err) == E_OK ? info.messages : 0;
}

int main(int argc, char **argv)
{
    const struct options options = {argc, argv};
    const int64_t count = option_int(&options, "--count", 20000);
    struct err err = ERR_INIT;
    struct mq *mq = NULL;
    struct outbox *outbox = NULL;
    log_open("bench", LOG_ERROR);
    must(mq_open(option_text(&options, "--nats", ""), "bench relay", &mq, &err), &err);
    const struct outbox_config config = {
        .database_url = option_text(&options, "--url", ""), .name = "bench relay", .mq = mq};
    must(outbox_start(&config, &outbox, &err), &err);
    int64_t first = 0;
    int64_t first_ns = 0;
    int64_t now = 0;
    const int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while ((now = messages_of(mq)) < count)
    {
        if (first == 0 && now > 0)
        {
            first = now;
            first_ns = clock_mono_ns();
        }
        if (clock_mono_ms() > until_ms)
            give_up("the relay does not get on");
        poll(NULL, 0, 2);
    }
    double seconds = (double)(clock_mono_ns() - first_ns) / 1e9;
    printf("{\"messages\":%lld,\"seconds\":%.3f,\"rate\":%.0f}\n", (long long)(now - first), seconds,
           (double)(now - first) / seconds);
    outbox_stop(outbox);
    mq_close(mq);
    log_close();
    return 0;
}
