/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h -- a job on the wire, version 1 (docs/JOBS.md).
 *
 * {"v":1,"job_id":"<uuid>","kind":"search","timestamp":"...","user_id":"<uuid>",
 *  "request_id":"req-12345","payload":{...}}, optional "priority", "run_at", "deadline_at",
 * "unique_key", "parent_id".  Unknown fields are ignored; a higher v with the same required
 * fields is accepted; at most 64 KiB.  Pure.
 */
#ifndef SOKOUL_COMMON_JOB_ENVELOPE_H
#define SOKOUL_COMMON_JOB_ENVELOPE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/job/job.h"

enum
{
    ENVELOPE_MAX_BYTES = 65536,
    ENVELOPE_MAX_PAYLOAD = 60000,  /* bytes, which leaves room for the rest */
    ENVELOPE_MAX_UNIQUE_KEY = 255, /* characters */
    ENVELOPE_TIME_NONE = -1
};

struct envelope
{
    int64_t v;
    const char *job_id;
    const char *kind;
    int64_t timestamp_ms;
    const char *user_id;
    const char *request_id; /* never NULL */
    const char *payload;    /* compact JSON of an object */
    enum job_priority priority;
    int64_t run_at_ms;      /* ENVELOPE_TIME_NONE when absent */
    int64_t deadline_at_ms; /* likewise */
    const char *unique_key; /* or NULL */
    const char *parent_id;  /* or NULL */
};

/* E_INVALID with what is wrong in plain words.  Texts live in the arena. */
MUST_USE enum err_code envelope_decode(struct arena *arena, const char *text, size_t len,
                                       struct envelope *envelope, struct err *err);
/* The same of a document that was parsed. */
struct json;
MUST_USE enum err_code envelope_read(struct arena *arena, const struct json *doc, struct envelope *envelope,
                                     struct err *err);
/* The payload of a new job as it is kept: E_INVALID when it is no object or larger than ENVELOPE_MAX_PAYLOAD;
 * the text begins with "must". */
MUST_USE enum err_code envelope_payload(struct arena *arena, const struct json *payload, const char **text,
                                        struct err *err);
void envelope_encode(const struct envelope *envelope, struct buf *out);
/* The job's id when the text begins as envelope_encode has it; the rest is not looked at.  False says nothing
 * about the text but that it must be decoded. */
bool envelope_peek(const char *text, size_t len, struct id *job_id);

#endif
