/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/envelope.h"

#include "common/json/json.h"
#include "common/json/write.h"

#include <string.h>

struct fields
{
    int64_t v;
    const char *job_id;
    const char *kind;
    int64_t timestamp_ms;
    const char *user_id;
    const char *request_id;
    const struct json *payload;
    const char *priority;
    int64_t run_at_ms;
    int64_t deadline_at_ms;
    const char *unique_key;
    const char *parent_id;
};

#define FIELD(field_name, member, kind_, need_, low, high)                                                   \
    {.name = (field_name),                                                                                   \
     .type = JSON_##kind_,                                                                                   \
     .need = JSON_##need_,                                                                                   \
     .at = offsetof(struct fields, member),                                                                  \
     .min = (low),                                                                                           \
     .max = (high)}

static const struct json_field table[] = {
    FIELD("v", v, INT, REQUIRED, 1, INT32_MAX),
    FIELD("job_id", job_id, ID, REQUIRED, 0, 0),
    FIELD("kind", kind, TEXT, REQUIRED, 1, 32),
    FIELD("timestamp", timestamp_ms, TIME, REQUIRED, 0, 0),
    FIELD("user_id", user_id, ID, REQUIRED, 0, 0),
    FIELD("request_id", request_id, TEXT, REQUIRED, 0, 64),
    FIELD("payload", payload, OBJECT, REQUIRED, 0, 0),
    FIELD("priority", priority, TEXT, OPTIONAL, 1, 16),
    FIELD("run_at", run_at_ms, TIME, OPTIONAL, 0, 0),
    FIELD("deadline_at", deadline_at_ms, TIME, OPTIONAL, 0, 0),
    FIELD("unique_key", unique_key, TEXT, OPTIONAL, 1, ENVELOPE_MAX_UNIQUE_KEY),
    FIELD("parent_id", parent_id, ID, OPTIONAL, 0, 0),
};

static enum err_code take(struct arena *arena, const struct fields *fields, struct envelope *envelope,
                          struct err *err)
{
    enum job_priority priority = JOB_NORMAL;
    if (fields->priority != NULL && !job_priority_parse(fields->priority, &priority))
        return fail(err, E_INVALID, "priority: must be high, normal or low");
    char subject[JOB_SUBJECT_SIZE];
    if (job_subject("any", fields->kind, priority, subject, NULL) != E_OK)
        return fail(err, E_INVALID, "kind: must be 1 to 32 of a-z, 0-9 and _");
    const char *payload = json_print(arena, fields->payload);
    if (payload == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *envelope = (struct envelope){.v = fields->v,
                                  .job_id = fields->job_id,
                                  .kind = fields->kind,
                                  .timestamp_ms = fields->timestamp_ms,
                                  .user_id = fields->user_id,
                                  .request_id = fields->request_id,
                                  .payload = payload,
                                  .priority = priority,
                                  .run_at_ms = fields->run_at_ms,
                                  .deadline_at_ms = fields->deadline_at_ms,
                                  .unique_key = fields->unique_key,
                                  .parent_id = fields->parent_id};
    return E_OK;
}

enum err_code envelope_decode(struct arena *arena, const char *text, size_t len, struct envelope *envelope,
                              struct err *err)
{
    if (len > ENVELOPE_MAX_BYTES)
        return fail(err, E_INVALID, "the envelope has %zu bytes, 65536 are allowed", len);
    const struct json *doc = NULL;
    enum err_code code = json_parse(arena, text, len, &doc, err);
    return code == E_OK ? envelope_read(arena, doc, envelope, err) : code;
}

enum err_code envelope_read(struct arena *arena, const struct json *doc, struct envelope *envelope,
                            struct err *err)
{
    if (!json_is_object(doc))
        return fail(err, E_INVALID, "the envelope is not a JSON object");
    struct fields fields = {
        .request_id = "", .run_at_ms = ENVELOPE_TIME_NONE, .deadline_at_ms = ENVELOPE_TIME_NONE};
    enum err_code code = json_read(arena, doc, table, sizeof table / sizeof table[0], &fields, NULL, err);
    return code == E_OK ? take(arena, &fields, envelope, err) : code;
}

enum err_code envelope_payload(struct arena *arena, const struct json *payload, const char **text,
                               struct err *err)
{
    if (!json_is_object(payload))
        return fail(err, E_INVALID, "must be a JSON object");
    const char *printed = json_print(arena, payload);
    if (printed == NULL || strlen(printed) > ENVELOPE_MAX_PAYLOAD)
        return fail(err, E_INVALID, "must have at most %d bytes", ENVELOPE_MAX_PAYLOAD);
    *text = printed;
    return E_OK;
}

void envelope_encode(const struct envelope *envelope, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_int(&w, "v", envelope->v);
    json_put_text(&w, "job_id", envelope->job_id);
    json_put_text(&w, "kind", envelope->kind);
    json_put_time(&w, "timestamp", envelope->timestamp_ms);
    json_put_text(&w, "user_id", envelope->user_id);
    json_put_text(&w, "request_id", envelope->request_id);
    json_put_raw(&w, "payload", envelope->payload);
    if (envelope->priority != JOB_NORMAL)
        json_put_text(&w, "priority", job_priority_name(envelope->priority));
    if (envelope->run_at_ms != ENVELOPE_TIME_NONE)
        json_put_time(&w, "run_at", envelope->run_at_ms);
    if (envelope->deadline_at_ms != ENVELOPE_TIME_NONE)
        json_put_time(&w, "deadline_at", envelope->deadline_at_ms);
    if (envelope->unique_key != NULL)
        json_put_text(&w, "unique_key", envelope->unique_key);
    if (envelope->parent_id != NULL)
        json_put_text(&w, "parent_id", envelope->parent_id);
    json_end_object(&w);
}

bool envelope_peek(const char *text, size_t len, struct id *job_id)
{
    static const char before[] = "{\"v\":1,\"job_id\":\"";
    static const char after[] = "\",\"kind\":\"";
    enum
    {
        BEFORE = sizeof before - 1,
        AFTER = sizeof after - 1,
        ID = ID_SIZE - 1
    };
    char id[ID_SIZE] = "";
    if (len < BEFORE + ID + AFTER || memcmp(text, before, BEFORE) != 0 ||
        memcmp(text + BEFORE + ID, after, AFTER) != 0)
        return false;
    memcpy(id, text + BEFORE, ID);
    return id_parse(id, job_id);
}
