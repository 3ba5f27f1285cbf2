/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/accept.h"

#include "api/handlers/answer.h"
#include "api/route.h"
#include "common/base/crash.h"
#include "common/store/interests.h"

#include <stdlib.h>
#include <string.h>

enum
{
    STORED_MAX_BYTES = 2 << 20,
    JOIN_TRIES = 5,
    COMMITTED_MAX = 256 /* more are better read back by the relay than kept in memory twice */
};

/* The key's row: {"location":…,"body":"<the JSON as it was sent>"}, so that the same bytes go out again. */
static const char *stored_write(struct arena *arena, const struct accept_answer *answer)
{
    struct buf buf;
    buf_init(&buf, STORED_MAX_BYTES);
    struct json_writer w = json_writer(&buf);
    json_begin_object(&w, NULL);
    json_put_text(&w, "location", answer->location);
    json_put_text(&w, "body", answer->body);
    json_end_object(&w);
    return buf_keep(&buf, arena);
}

static enum err_code stored_read(struct arena *arena, const char *stored, struct accept_answer *answer,
                                 struct err *err)
{
    const struct json *doc = NULL;
    if (json_parse(arena, stored, strlen(stored), &doc, err) != E_OK)
        return err->code;
    answer->location = json_text(json_get(doc, "location"), NULL);
    answer->body = json_text(json_get(doc, "body"), "{}");
    return E_OK;
}

static struct job_key key_of(struct request *req)
{
    const char *route =
        req->route == NULL ? "" : arena_printf(req->arena, "%s %s", req->method_text, req->target);
    return (struct job_key){req->user.id.text, route, req->idempotency_key, req->body_sha256};
}

/* Inside the transaction.  *again: the answer is an old one and nothing was done. */
static enum err_code work_once(struct request *req, struct db *db, const struct accept *accept,
                               struct accept_answer *answer, bool *again, struct err *err)
{
    const char *stored = NULL;
    struct job_key key = {0};
    if (req->idempotency_key != NULL)
    {
        key = key_of(req);
        if (job_store_key_begin(db, req->arena, &key, &stored, err) != E_OK)
            return err->code;
    }
    *again = stored != NULL;
    if (stored != NULL)
        return stored_read(req->arena, stored, answer, err);
    enum err_code code = accept->work(req, db, accept->of, answer, err);
    if (code != E_OK || req->idempotency_key == NULL)
        return code;
    const char *text = stored_write(req->arena, answer);
    if (text == NULL)
        return fail(err, E_NO_MEMORY, "no memory for an answer");
    return job_store_key_answer(db, &key, text, err);
}

enum err_code accept_rows(struct request *req, struct db *db, const struct job_new *jobs, size_t count,
                          struct just_committed *committed, struct err *err)
{
    struct job_recipient recipient;
    const char *worker = jobs->worker != NULL ? jobs->worker : job_worker_of(jobs->kind);
    if (job_may_be_handed_off(jobs, count) && app_recipient(req->app, worker, &recipient))
        return job_store_hand_off(db, req->arena, jobs, &recipient, committed, err);
    return job_store_accept_rows(db, req->arena, jobs, count, committed, err);
}

enum err_code accept_jobs(struct request *req, struct db *db, const struct job_new *jobs, size_t count,
                          struct accept_answer *answer, struct err *err)
{
    if (count > COMMITTED_MAX)
        return job_store_accept(db, req->arena, jobs, count, err);
    enum err_code code = accept_rows(req, db, jobs, count, &answer->committed, err);
    answer->all_committed = code == E_OK && answer->committed.count == count;
    return code;
}

enum err_code accept_once(struct request *req, const struct accept *accept, struct accept_answer *answer,
                          struct err *err)
{
    struct db *db;
    bool again = false;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    enum err_code code = work_once(req, db, accept, answer, &again, err);
    if (code != E_OK || again)
    {
        db_rollback(db);
        return code;
    }
    crash_point("accept");
    if (db_commit(db, err) != E_OK)
        return err->code;
    crash_point("accepted");
    if (answer->all_committed)
        app_publish(req->app, &answer->committed);
    else
        app_wake(req->app);
    return E_OK;
}

enum err_code accept_send(struct request *req, const struct accept_answer *answer, struct err *err)
{
    reply_header(req, "Location", answer->location);
    return answer_json(req, REPLY_ACCEPTED, answer->body, err);
}

enum err_code accept_reply(struct request *req, const struct accept *accept, struct err *err)
{
    struct accept_answer answer = {0};
    if (accept_once(req, accept, &answer, err) != E_OK)
        return err->code;
    return accept_send(req, &answer, err);
}

enum err_code accept_job_answer(struct request *req, const char *job_id, struct accept_answer *answer,
                                struct err *err)
{
    answer->location = arena_printf(req->arena, "/jobs/%s", job_id);
    answer->body = arena_printf(req->arena, "{\"job_id\":\"%s\",\"status\":\"Pending\"}", job_id);
    return answer->body != NULL ? E_OK : fail(err, E_NO_MEMORY, "no memory for an answer");
}

struct one_job
{
    const struct job_new *job;
    bool lost; /* somebody else's job took the unique key meanwhile */
};

static enum err_code join_or_accept(struct request *req, struct db *db, void *of,
                                    struct accept_answer *answer, struct err *err)
{
    struct one_job *one = of;
    const char *job_id = one->job->job_id;
    enum err_code code = E_NOT_FOUND;
    const struct job_interest interest = {one->job->kind, one->job->unique_key, one->job->user_id};
    if (interest.unique_key != NULL)
        code = job_interest_join(db, req->arena, &interest, &job_id, err);
    if (code == E_NOT_FOUND)
    {
        code = accept_jobs(req, db, one->job, 1, answer, err);
        one->lost = code == E_CONFLICT;
    }
    return code == E_OK ? accept_job_answer(req, job_id, answer, err) : code;
}

enum err_code accept_job(struct request *req, const struct job_new *job, struct accept_answer *answer,
                         struct err *err)
{
    struct one_job one = {.job = job};
    const struct accept accept = {join_or_accept, &one};
    enum err_code code = accept_once(req, &accept, answer, err);
    for (int i = 1; i < JOIN_TRIES && code == E_CONFLICT && one.lost; i++)
    {
        one.lost = false;
        code = accept_once(req, &accept, answer, err);
    }
    return code;
}
