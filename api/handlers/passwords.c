/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/passwords.h"

#include "api/dto/account.h"
#include "api/handlers/answer.h"
#include "common/crypt/password.h"
#include "common/crypt/refresh.h"
#include "common/store/jobs.h"
#include "common/store/passwords.h"
#include "common/store/sessions.h"

/* The job is of nobody and knows the question by its number: no list of jobs shows an address. */
static enum err_code accept_mail(struct request *req, struct db *db, const char *ask_id, struct err *err)
{
    struct id id = id_new();
    const struct job_new job = {
        .job_id = id.text,
        .kind = "notify",
        .user_id = ID_SYSTEM_USER,
        .request_id = req->id,
        .payload = arena_printf(
            req->arena, "{\"channel\":\"email\",\"template\":\"password_reset\",\"ask_id\":\"%s\"}", ask_id),
        .priority = JOB_NORMAL,
    };
    if (job.payload == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a job");
    return job_store_accept(db, req->arena, &job, 1, err);
}

static enum err_code ask(struct request *req, const char *email, struct err *err)
{
    struct db *db;
    const char *ask_id = NULL;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (password_store_ask(db, req->arena, email, &ask_id, err) != E_OK ||
        accept_mail(req, db, ask_id, err) != E_OK ||
        answer_audit(req, db, "password_forgotten", NULL, ask_id, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

enum err_code passwords_forgot(struct request *req, struct err *err)
{
    const char *email = NULL;
    if (account_forgot_read(req, &email, err) != E_OK || ask(req, email, err) != E_OK)
        return err->code;
    app_wake(req->app);
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "detail", "If an account has this address, a mail is on its way to it.");
    json_end_object(&w);
    return reply_json(req, REPLY_ACCEPTED, err);
}

/* The token and all sessions go with the old password. */
static enum err_code set_password(struct request *req, const char *token_hash, const char *user_id,
                                  const struct password_hash *hash, struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (password_store_reset(db, token_hash, hash->text, err) != E_OK ||
        session_store_close_all(db, user_id, NULL, err) != E_OK ||
        answer_audit(req, db, "password_reset", user_id, NULL, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    return db_commit(db, err);
}

static enum err_code find_owner(struct request *req, const char *token_hash, struct password_owner *owner,
                                struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = password_store_owner(db, req->arena, token_hash, owner, err);
    request_db_release(req);
    return code;
}

enum err_code passwords_reset(struct request *req, struct err *err)
{
    struct account_reset reset;
    struct digest digest;
    struct password_owner owner;
    struct password_hash hash;
    if (account_reset_read(req, &reset, err) != E_OK)
        return err->code;
    if (!refresh_token_digest(reset.token, &digest))
        return request_complain(req, err, "token", "is not one that was mailed");
    if (find_owner(req, digest.hex, &owner, err) != E_OK ||
        account_strength_check(req, reset.password, owner.username, owner.email, err) != E_OK ||
        password_hash(reset.password, &hash, err) != E_OK ||
        set_password(req, digest.hex, owner.user_id, &hash, err) != E_OK)
        return err->code;
    return reply_no_content(req);
}
