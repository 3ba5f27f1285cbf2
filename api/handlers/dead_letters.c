/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/dead_letters.h"

#include "api/dto/work.h"
#include "api/handlers/accept.h"
#include "api/handlers/answer.h"

static const char missing[] = "no such dead letter";

enum err_code dead_letters_list(struct request *req, struct err *err)
{
    struct db *db;
    struct id before;
    struct request_page asked;
    struct store_ask ask;
    struct job_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK)
        return err->code;
    if (ask.cursor != NULL && !id_parse(ask.cursor, &before))
        return request_complain(req, err, "cursor", "is not one that this list has given");
    const struct letter_filter filter = {request_query(req, "kind"), ask.cursor == NULL ? NULL : before.text,
                                         ask.limit, ask.cursor == NULL ? ask.offset : 0};
    if (request_db(req, &db, err) != E_OK || letter_store_list(db, req->arena, &filter, &page, err) != E_OK)
        return err->code;
    return answer_job_page(req, &asked, &page, err);
}

enum err_code dead_letters_get(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    const char *json = NULL;
    if (answer_id(req, &id, missing, err) != E_OK || request_db(req, &db, err) != E_OK ||
        letter_store_get(db, req->arena, id.text, &json, err) != E_OK)
        return err->code;
    return answer_json(req, REPLY_OK, json, err);
}

struct replay
{
    struct id id;
    const char *payload;
};

static enum err_code replay_work(struct request *req, struct db *db, void *of, struct accept_answer *answer,
                                 struct err *err)
{
    const struct replay *replay = of;
    const char *job_id = NULL;
    if (letter_store_replay(db, req->arena, replay->id.text, req->user.id.text, replay->payload, &job_id,
                            err) != E_OK ||
        answer_audit(req, db, "dlq_replayed", NULL, replay->id.text, err) != E_OK)
        return err->code;
    return accept_job_answer(req, job_id, answer, err);
}

enum err_code dead_letters_replay(struct request *req, struct err *err)
{
    struct replay replay;
    const struct accept accept = {replay_work, &replay};
    if (answer_id(req, &replay.id, missing, err) != E_OK ||
        work_replay_read(req, &replay.payload, err) != E_OK)
        return err->code;
    return accept_reply(req, &accept, err);
}

/* `id` NULL: every letter. */
static enum err_code close_dead_letters(struct request *req, const char *id, int64_t *closed, struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    enum err_code code = letter_store_purge(db, id, req->user.id.text, closed, err);
    if (code == E_OK && id != NULL && *closed == 0)
        code = fail(err, E_NOT_FOUND, "%s", missing);
    if (code == E_OK)
        code = answer_audit(req, db, "dlq_purged", NULL, id != NULL ? id : "all", err);
    if (code == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return code;
}

enum err_code dead_letters_delete(struct request *req, struct err *err)
{
    struct id id;
    int64_t closed = 0;
    if (answer_id(req, &id, missing, err) != E_OK || close_dead_letters(req, id.text, &closed, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}

enum err_code dead_letters_purge(struct request *req, struct err *err)
{
    int64_t closed = 0;
    if (close_dead_letters(req, NULL, &closed, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}
