/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/jobs.h"

#include "api/dto/work.h"
#include "api/handlers/accept.h"
#include "api/handlers/answer.h"
#include "api/route.h"
#include "common/base/crash.h"
#include "common/store/interests.h"

#include <string.h>

/* ---- creating ------------------------------------------------------------------------------- */

static struct job_new job_of(struct request *req, const struct work_job *wanted, const char *job_id)
{
    return (struct job_new){
        .job_id = job_id,
        .kind = wanted->kind,
        .worker = wanted->worker,
        .user_id = req->user.id.text,
        .request_id = req->id,
        .payload = wanted->payload,
        .priority = wanted->priority,
        .run_at_ms = wanted->run_at_ms,
    };
}

/* {"job_ids":[…]}, and job_id too where it is one. */
static enum err_code ids_answer(struct request *req, const struct job_new *jobs, size_t count,
                                struct accept_answer *answer, struct err *err)
{
    struct buf buf;
    buf_init(&buf, WORK_MAX_JOBS * (ID_LEN + 4) + 256);
    struct json_writer w = json_writer(&buf);
    json_begin_object(&w, NULL);
    if (count == 1)
        json_put_text(&w, "job_id", jobs[0].job_id);
    json_begin_array(&w, "job_ids");
    for (size_t i = 0; i < count; i++)
        json_put_text(&w, NULL, jobs[i].job_id);
    json_end_array(&w);
    json_put_text(&w, "status", "Pending");
    json_end_object(&w);
    answer->body = buf_keep(&buf, req->arena);
    return answer->body != NULL ? E_OK : fail(err, E_NO_MEMORY, "no memory for an answer");
}

static enum err_code create_many(struct request *req, struct db *db, void *of, struct accept_answer *answer,
                                 struct err *err)
{
    const struct work_job *wanted = of;
    const size_t count = (size_t)wanted->count;
    struct job_new *jobs = arena_array(req->arena, count, sizeof *jobs);
    struct id *ids = arena_array(req->arena, count, sizeof *ids);
    if (jobs == NULL || ids == NULL)
        return fail(err, E_NO_MEMORY, "no memory for so many jobs");
    for (size_t i = 0; i < count; i++)
    {
        ids[i] = id_new();
        jobs[i] = job_of(req, wanted, ids[i].text);
    }
    if (accept_jobs(req, db, jobs, count, answer, err) != E_OK)
        return err->code;
    return ids_answer(req, jobs, count, answer, err);
}

static enum err_code create(struct request *req, struct work_job *wanted, struct err *err)
{
    struct accept_answer answer = {0};
    if (wanted->count > 0)
    {
        const struct accept accept = {create_many, wanted};
        return accept_reply(req, &accept, err);
    }
    struct id id = id_new();
    const struct job_new job = job_of(req, wanted, id.text);
    if (accept_job(req, &job, &answer, err) != E_OK)
        return err->code;
    return accept_send(req, &answer, err);
}

struct batch
{
    struct request *req[ROUTE_BATCH];
    struct job_new job[ROUTE_BATCH];
    struct id id[ROUTE_BATCH];
    size_t count;
};

/* What needs a transaction of its own gets it now; what is wrong is answered; the rest is gathered. */
static void sort_out(struct batch *batch, struct request *req)
{
    struct err err = ERR_INIT;
    struct work_job wanted;
    enum err_code code = work_job_read(req, &wanted, &err);
    if (code == E_OK && req->idempotency_key == NULL && wanted.count == 0)
    {
        size_t i = batch->count++;
        batch->id[i] = id_new();
        batch->req[i] = req;
        batch->job[i] = job_of(req, &wanted, batch->id[i].text);
        return;
    }
    if (code == E_OK)
        code = create(req, &wanted, &err);
    if (code != E_OK)
        reply_error(req, &err);
}

static enum err_code answer_batch(struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->count; i++)
    {
        struct accept_answer answer = {0};
        if (accept_job_answer(batch->req[i], batch->id[i].text, &answer, err) != E_OK ||
            accept_send(batch->req[i], &answer, err) != E_OK)
            reply_error(batch->req[i], err);
    }
    return E_OK;
}

enum err_code jobs_create_batch(struct request **reqs, size_t count, struct err *err)
{
    struct db *db;
    struct just_committed committed;
    struct batch batch = {.count = 0};
    for (size_t i = 0; i < count; i++)
        sort_out(&batch, reqs[i]);
    if (batch.count == 0)
        return E_OK;
    crash_point("accept");
    if (request_db(batch.req[0], &db, err) != E_OK ||
        accept_rows(batch.req[0], db, batch.job, batch.count, &committed, err) != E_OK)
        return err->code;
    crash_point("accepted");
    app_publish(batch.req[0]->app, &committed);
    if (committed.count < batch.count)
        app_wake(batch.req[0]->app);
    return answer_batch(&batch, err);
}

enum err_code jobs_create(struct request *req, struct err *err)
{
    return jobs_create_batch(&req, 1, err);
}

/* ---- looking -------------------------------------------------------------------------------- */

enum err_code jobs_get(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    const char *json = NULL;
    if (!answer_owned_id(req, &id, err) || request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = job_store_get(db, req->arena, id.text, answer_viewer(req), &json, err);
    if (code != E_OK)
        return answer_owned(req, code, err);
    return answer_json(req, REPLY_OK, json, err);
}

static void answer_look(struct request *req, const char *json)
{
    struct err err = ERR_INIT;
    enum err_code code = json != NULL ? answer_json(req, REPLY_OK, json, &err)
                                      : answer_owned(req, fail(&err, E_NOT_FOUND, "no such job"), &err);
    if (code != E_OK)
        reply_error(req, &err);
}

enum err_code jobs_get_batch(struct request **reqs, size_t count, struct err *err)
{
    struct db *db;
    struct id id[ROUTE_BATCH];
    struct job_look looks[ROUTE_BATCH];
    struct request *asked[ROUTE_BATCH];
    const char *jsons[ROUTE_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (!request_param_id(reqs[i], "id", &id[n]))
        {
            answer_look(reqs[i], NULL);
            continue;
        }
        looks[n] = (struct job_look){id[n].text, answer_viewer(reqs[i])};
        asked[n++] = reqs[i];
    }
    if (n == 0)
        return E_OK;
    if (request_db(asked[0], &db, err) != E_OK ||
        job_store_get_many(db, asked[0]->arena, looks, n, jsons, err) != E_OK)
        return err->code;
    for (size_t i = 0; i < n; i++)
        answer_look(asked[i], jsons[i]);
    return E_OK;
}

static enum err_code filter_read(struct request *req, const struct store_ask *ask, struct job_filter *filter,
                                 struct id *before, struct err *err)
{
    enum job_status status;
    *filter = (struct job_filter){
        .user_id = answer_viewer(req),
        .status = request_query(req, "status"),
        .kind = request_query(req, "kind"),
        .before = ask->cursor == NULL ? NULL : before->text,
        .limit = ask->limit,
        .offset = ask->cursor == NULL ? ask->offset : 0,
    };
    if (ask->cursor != NULL && !id_parse(ask->cursor, before))
        return request_complain(req, err, "cursor", "is not one that this list has given");
    if (filter->status != NULL && !job_status_parse(filter->status, &status))
        return request_complain(req, err, "status", "must be Pending, Running, Completed or Failed");
    return E_OK;
}

enum err_code jobs_list(struct request *req, struct err *err)
{
    struct db *db;
    struct id before;
    struct request_page asked;
    struct store_ask ask;
    struct job_filter filter;
    struct job_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK || filter_read(req, &ask, &filter, &before, err) != E_OK ||
        request_db(req, &db, err) != E_OK || job_store_list(db, req->arena, &filter, &page, err) != E_OK)
        return err->code;
    return answer_job_page(req, &asked, &page, err);
}

/* An admin ends it for all, whoever else only for themselves. */
enum err_code jobs_cancel(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    const char *viewer = answer_viewer(req);
    const char *status = job_status_name(JOB_FAILED);
    if (!answer_owned_id(req, &id, err) || request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = viewer == NULL ? job_store_cancel(db, req->arena, id.text, NULL, err)
                                        : job_interest_cancel(db, req->arena, id.text, viewer, &status, err);
    if (code != E_OK)
        return answer_owned(req, code, err);
    const bool goes_on = strcmp(status, job_status_name(JOB_FAILED)) != 0;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "job_id", id.text);
    json_put_text(&w, "status", status);
    json_put_text(&w, "reason", goes_on ? NULL : "cancelled");
    if (goes_on)
        json_put_text(&w, "detail", "others have asked for it as well; it goes on without you");
    json_end_object(&w);
    return reply_json(req, REPLY_ACCEPTED, err);
}
