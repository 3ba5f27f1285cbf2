/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/offer.h"

#include "common/json/json.h"
#include "common/json/write.h"

#include <stddef.h>
#include <string.h>

static const struct json_field offer_fields[] = {
    {.name = "worker_id", .type = JSON_ID, .at = offsetof(struct offer, worker_id), .need = JSON_REQUIRED},
    {.name = "room",
     .type = JSON_INT,
     .at = offsetof(struct offer, room),
     .need = JSON_REQUIRED,
     .min = 1,
     .max = OFFER_MAX_ROOM},
    {.name = "lease_ms",
     .type = JSON_INT,
     .at = offsetof(struct offer, lease_ms),
     .need = JSON_REQUIRED,
     .min = 1000,
     .max = 3600000},
    {.name = "stamp", .type = JSON_INT, .at = offsetof(struct offer, stamp), .need = JSON_REQUIRED},
};

void offer_encode(const struct offer *offer, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "worker_id", offer->worker_id);
    json_put_int(&w, "room", offer->room);
    json_put_int(&w, "lease_ms", offer->lease_ms);
    json_put_int(&w, "stamp", offer->stamp);
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

enum err_code offer_decode(struct arena *arena, const char *text, size_t len, struct offer *offer,
                           struct err *err)
{
    if (len > OFFER_MAX_BYTES)
        return fail(err, E_INVALID, "the offer has %zu bytes", len);
    return read(arena, text, len, offer_fields, sizeof offer_fields / sizeof offer_fields[0], offer, err);
}

struct given_read
{
    int64_t stamp;
    int64_t fence;
    int64_t note;
    const struct json *job;
};
static const struct json_field given_fields[] = {
    {.name = "stamp", .type = JSON_INT, .at = offsetof(struct given_read, stamp), .need = JSON_REQUIRED},
    {.name = "fence", .type = JSON_INT, .at = offsetof(struct given_read, fence), .need = JSON_REQUIRED},
    {.name = "note", .type = JSON_INT, .at = offsetof(struct given_read, note), .need = JSON_REQUIRED},
    {.name = "job", .type = JSON_OBJECT, .at = offsetof(struct given_read, job), .need = JSON_REQUIRED},
};

void given_encode(const struct given *given, const char *envelope, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_int(&w, "stamp", given->stamp);
    json_put_int(&w, "fence", given->fence);
    json_put_int(&w, "note", given->note);
    json_put_raw(&w, "job", envelope);
    json_end_object(&w);
}

enum err_code given_decode(struct arena *arena, const char *text, size_t len, struct given *given,
                           struct err *err)
{
    struct given_read is = {.stamp = 0};
    if (len > GIVEN_MAX_BYTES)
        return fail(err, E_INVALID, "the given job has %zu bytes", len);
    enum err_code code =
        read(arena, text, len, given_fields, sizeof given_fields / sizeof given_fields[0], &is, err);
    if (code != E_OK)
        return code;
    *given = (struct given){.stamp = is.stamp, .fence = is.fence, .note = is.note};
    return envelope_read(arena, is.job, &given->envelope, err);
}
