/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dto/work.h"

#include "common/db/db.h"
#include "common/media/magnet.h"

#include <string.h>

enum
{
    NAME_MAX_CHARS = 32,
    FILE_INDEX_MAX = 1000000
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static enum err_code files_read(struct request *req, const struct json *files, const char **literal,
                                struct err *err)
{
    if (files == NULL)
        return E_OK;
    size_t count = 0;
    const char **items = arena_array(req->arena, json_count(files) + 1, sizeof *items);
    if (items == NULL)
        return fail(err, E_NO_MEMORY, "too many files");
    for (const struct json *file = json_first(files); file != NULL; file = json_next(file))
    {
        int64_t index = json_int(file, -1);
        if (index < 0 || index > FILE_INDEX_MAX)
            return request_complain(req, err, "files", "must be indexes of files, from 0");
        items[count++] = db_param_int(req->arena, index);
    }
    *literal = db_param_array(req->arena, items, count);
    return *literal != NULL ? E_OK : fail(err, E_NO_MEMORY, "too many files");
}

enum err_code work_download_read(struct request *req, struct work_download *out, struct err *err)
{
    struct body
    {
        struct work_download wanted;
        const struct json *files;
    } body = {0};
    static const struct json_field fields[] = {
        {"media_id", JSON_ID, JSON_REQUIRED, offsetof(struct body, wanted.media_id), 0, 0},
        {"magnet", JSON_LINES, JSON_OPTIONAL, offsetof(struct body, wanted.magnet), 1, MAGNET_MAX_LEN},
        {"release_id", JSON_ID, JSON_OPTIONAL, offsetof(struct body, wanted.release_id), 0, 0},
        {"torrent_id", JSON_ID, JSON_OPTIONAL, offsetof(struct body, wanted.torrent_id), 0, 0},
        {"files", JSON_ARRAY, JSON_OPTIONAL, offsetof(struct body, files), 1, WORK_MAX_FILES},
    };
    enum err_code code = request_read(req, fields, COUNT(fields), &body, err);
    if (code != E_OK)
        return code;
    const struct work_download *wanted = &body.wanted;
    if ((wanted->magnet != NULL) + (wanted->release_id != NULL) + (wanted->torrent_id != NULL) > 1)
        return request_complain(req, err, "magnet",
                                "only one of magnet, release_id and torrent_id may be given");
    *out = body.wanted;
    return files_read(req, body.files, &out->files, err);
}

enum err_code work_magnet_read(struct request *req, const char **magnet, struct err *err)
{
    static const struct json_field fields[] = {
        {"magnet", JSON_LINES, JSON_REQUIRED, 0, 1, MAGNET_MAX_LEN},
    };
    return request_read(req, fields, COUNT(fields), magnet, err);
}

static enum err_code payload_read(struct request *req, const struct json *payload, const char **text,
                                  struct err *err)
{
    struct err inner = ERR_INIT;
    *text = "{}";
    if (payload == NULL || envelope_payload(req->arena, payload, text, &inner) == E_OK)
        return E_OK;
    return request_complain(req, err, "payload", "%s", inner.text);
}

struct job_body
{
    const char *kind;
    const char *worker;
    const struct json *payload;
    const char *priority;
    int64_t run_at_ms;
    int64_t count;
};

/* Notes every complaint about what could be read. */
static enum err_code job_check(struct request *req, const struct job_body *body, struct work_job *out,
                               struct err *err)
{
    enum err_code code = payload_read(req, body->payload, &out->payload, err);
    const char *own = body->kind == NULL ? NULL : job_worker_of(body->kind);
    if (body->kind == NULL)
        code = E_INVALID; /* noted before */
    else if (own == NULL && (body->worker == NULL || !job_is_token(body->kind)))
        code = request_complain(req, err, "kind", "is not a kind of job; one of your own needs its worker");
    else if (body->worker != NULL && !job_worker_runs(body->worker, body->kind))
        code = request_complain(req, err, "worker",
                                own != NULL ? "must be scout, hunter or bot" : "does not run that kind");
    if (body->priority != NULL && !job_priority_parse(body->priority, &out->priority))
        code = request_complain(req, err, "priority", "must be high, normal or low");
    return code;
}

enum err_code work_job_read(struct request *req, struct work_job *out, struct err *err)
{
    static const struct json_field fields[] = {
        {"kind", JSON_TEXT, JSON_REQUIRED, offsetof(struct job_body, kind), 1, NAME_MAX_CHARS},
        {"worker", JSON_TEXT, JSON_OPTIONAL, offsetof(struct job_body, worker), 1, NAME_MAX_CHARS},
        {"payload", JSON_OBJECT, JSON_OPTIONAL, offsetof(struct job_body, payload), 0, 0},
        {"priority", JSON_TEXT, JSON_OPTIONAL, offsetof(struct job_body, priority), 1, NAME_MAX_CHARS},
        {"run_at", JSON_TIME, JSON_OPTIONAL, offsetof(struct job_body, run_at_ms), 0, 0},
        {"count", JSON_INT, JSON_OPTIONAL, offsetof(struct job_body, count), 1, WORK_MAX_JOBS},
    };
    struct job_body body = {0};
    enum err_code read = request_read(req, fields, COUNT(fields), &body, err);
    if (read != E_OK && read != E_INVALID)
        return read;
    *out = (struct work_job){
        .kind = body.kind,
        .worker = body.worker != NULL || body.kind == NULL ? body.worker : job_worker_of(body.kind),
        .priority = JOB_NORMAL,
        .run_at_ms = body.run_at_ms,
        .count = body.count,
    };
    enum err_code checked = job_check(req, &body, out, err);
    return read != E_OK ? read : checked;
}

enum err_code work_replay_read(struct request *req, const char **payload, struct err *err)
{
    static const struct json_field fields[] = {{"payload", JSON_OBJECT, JSON_OPTIONAL, 0, 0, 0}};
    const struct json *given = NULL;
    *payload = NULL;
    if (req->body_len == 0)
        return E_OK;
    enum err_code code = request_read(req, fields, COUNT(fields), &given, err);
    if (code != E_OK || given == NULL)
        return code;
    return payload_read(req, given, payload, err);
}
