/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/runtime/noop.h"

#include "common/base/clock.h"

#include <string.h>

enum
{
    SLEEP_MAX_MS = 3600000
};

static enum err_code fail_as_told(const struct job *job, const struct json *how, struct err *err)
{
    if (json_is_null(how))
        return E_OK;
    if (strcmp(json_text(how, ""), "permanent") == 0)
        return fail(err, E_REFUSED, "failed for good, as the payload asked");
    bool always = json_bool(how, false);
    if (always || job_attempt(job) <= json_int(how, 0))
        return fail(err, E_UNAVAILABLE, "failed, as the payload asked");
    return E_OK;
}

/* For measuring how long a job waited: {"clock":true} in the payload. */
static const char *began(struct job *job, int64_t now_us)
{
    bool asked = json_bool(json_get(job_payload(job), "clock"), false);
    return asked ? arena_printf(job_arena(job), ",\"began_us\":%lld", (long long)now_us) : "";
}

enum err_code noop_run(struct job *job, struct err *err)
{
    const int64_t began_us = clock_wall_us();
    const struct json *payload = job_payload(job);
    int64_t sleep_ms = json_int(json_get(payload, "sleep_ms"), 0);
    if (sleep_ms < 0 || sleep_ms > SLEEP_MAX_MS)
        return fail(err, E_INVALID, "sleep_ms must be 0 to %d", SLEEP_MAX_MS);
    if (sleep_ms > 0)
    {
        enum err_code code = job_wait(job, sleep_ms, err);
        if (code != E_OK)
            return code;
    }
    enum err_code code = fail_as_told(job, json_get(payload, "fail"), err);
    if (code != E_OK)
        return code;
    const struct json *echo = json_get(payload, "echo");
    const char *said = echo != NULL ? json_print(job_arena(job), echo) : NULL;
    job_set_result(job, arena_printf(job_arena(job), "{\"slept_ms\":%lld,\"attempt\":%d,\"echo\":%s%s}",
                                     (long long)sleep_ms, job_attempt(job), said != NULL ? said : "null",
                                     began(job, began_us)));
    return E_OK;
}
