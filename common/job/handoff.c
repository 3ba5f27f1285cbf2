/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/handoff.h"

#include "common/json/json.h"
#include "common/json/write.h"

#include <stddef.h>
#include <string.h>

static const struct json_field idle_fields[] = {
    {.name = "worker_id", .type = JSON_ID, .at = offsetof(struct idle, worker_id), .need = JSON_REQUIRED},
    {.name = "room",
     .type = JSON_INT,
     .at = offsetof(struct idle, slots),
     .need = JSON_REQUIRED,
     .min = 1,
     .max = IDLE_MAX_SLOTS},
    {.name = "lease_ms",
     .type = JSON_INT,
     .at = offsetof(struct idle, lease_ms),
     .need = JSON_REQUIRED,
     .min = 1000,
     .max = 3600000},
    {.name = "stamp", .type = JSON_INT, .at = offsetof(struct idle, stamp), .need = JSON_REQUIRED},
};

void idle_encode(const struct idle *idle, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "worker_id", idle->worker_id);
    json_put_int(&w, "room", idle->slots);
    json_put_int(&w, "lease_ms", idle->lease_ms);
    json_put_int(&w, "stamp", idle->stamp);
    json_end_object(&w);
}

static enum err_code read(struct arena *arena, const char *text, size_t len, const struct json_field *fields,
                          size_t count, void *out, struct err *err)
{
    const struct json *doc = NULL;
    enum err_code code = json_parse(arena, text, len, &doc, err);
    if (code != E_OK)
        return code;
    if (!json_is_object(doc))
        return fail(err, E_INVALID, "it is not a JSON object");
    return json_read(arena, doc, fields, count, out, NULL, err);
}

enum err_code idle_decode(struct arena *arena, const char *text, size_t len, struct idle *idle,
                          struct err *err)
{
    if (len > IDLE_MAX_BYTES)
        return fail(err, E_INVALID, "the announcement has %zu bytes", len);
    return read(arena, text, len, idle_fields, sizeof idle_fields / sizeof idle_fields[0], idle, err);
}

struct handoff_read
{
    int64_t stamp;
    int64_t fence;
    int64_t note;
    const struct json *job;
};
static const struct json_field handoff_fields[] = {
    {.name = "stamp", .type = JSON_INT, .at = offsetof(struct handoff_read, stamp), .need = JSON_REQUIRED},
    {.name = "fence", .type = JSON_INT, .at = offsetof(struct handoff_read, fence), .need = JSON_REQUIRED},
    {.name = "note", .type = JSON_INT, .at = offsetof(struct handoff_read, note), .need = JSON_REQUIRED},
    {.name = "job", .type = JSON_OBJECT, .at = offsetof(struct handoff_read, job), .need = JSON_REQUIRED},
};

void handoff_encode(const struct handoff *handoff, const char *envelope, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_int(&w, "stamp", handoff->stamp);
    json_put_int(&w, "fence", handoff->fence);
    json_put_int(&w, "note", handoff->note);
    json_put_raw(&w, "job", envelope);
    json_end_object(&w);
}

enum err_code handoff_decode(struct arena *arena, const char *text, size_t len, struct handoff *handoff,
                             struct err *err)
{
    struct handoff_read is = {.stamp = 0};
    if (len > HANDOFF_MAX_BYTES)
        return fail(err, E_INVALID, "the hand-off has %zu bytes", len);
    enum err_code code =
        read(arena, text, len, handoff_fields, sizeof handoff_fields / sizeof handoff_fields[0], &is, err);
    if (code != E_OK)
        return code;
    *handoff = (struct handoff){.stamp = is.stamp, .fence = is.fence, .note = is.note};
    return envelope_read(arena, is.job, &handoff->envelope, err);
}
