/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/totp.h"

#include "api/dto/second_factor.h"
#include "api/handlers/answer.h"
#include "api/handlers/throttle.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypt/password.h"
#include "common/crypt/totp.h"
#include "common/http/http.h"
#include "common/store/totp.h"
#include "common/store/users.h"

#include <string.h>

#define ISSUER "Sokoul"

enum err_code totp_get(struct request *req, struct err *err)
{
    struct db *db;
    enum totp_state state;
    int64_t codes = 0;
    if (request_db(req, &db, err) != E_OK ||
        totp_store_state(db, req->user.id.text, &state, &codes, err) != E_OK)
        return err->code;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "enabled", state == TOTP_CONFIRMED);
    json_put_int(&w, "recovery_codes", codes);
    json_end_object(&w);
    return reply_json(req, REPLY_OK, err);
}

/* ---- begin ----------------------------------------------------------------------------------- */

static enum err_code reply_secret(struct request *req, const char *json, const char *secret, struct err *err)
{
    const struct json *user = NULL;
    if (json_parse(req->arena, json, strlen(json), &user, err) != E_OK)
        return err->code;
    const char *name = http_escape(req->arena, json_text(json_get(user, "username"), ""));
    const char *url =
        arena_printf(req->arena, "otpauth://totp/" ISSUER ":%s?secret=%s&issuer=" ISSUER, name, secret);
    if (name == NULL || url == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a second factor");
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "secret", secret);
    json_put_text(&w, "otpauth_url", url);
    json_end_object(&w);
    return reply_json(req, REPLY_CREATED, err);
}

enum err_code totp_begin(struct request *req, struct err *err)
{
    struct db *db;
    const char *json = NULL;
    const char *me = req->user.id.text;
    char text[TOTP_SECRET_SIZE];
    struct totp_secret secret = totp_secret_new();
    totp_secret_write(&secret, text);
    if (request_db(req, &db, err) == E_OK && user_store_get(db, req->arena, me, &json, err) == E_OK &&
        totp_store_begin(db, me, text, err) == E_OK)
        (void)reply_secret(req, json, text, err);
    secret_wipe(&secret, sizeof secret);
    secret_wipe(text, sizeof text);
    return err->code;
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* The step of a code that is right.  E_CODE_NEEDED: it is not. */
static enum err_code check_code(struct request *req, const char *user_id, enum totp_state state,
                                const char *code, int64_t *step, struct err *err)
{
    struct db *db;
    struct totp_try tried;
    struct totp_secret secret;
    if (request_db(req, &db, err) != E_OK ||
        totp_store_try(db, req->arena, user_id, state, &tried, err) != E_OK)
        return err->code;
    if (!totp_secret_read(tried.secret, &secret))
        return fail(err, E_BUG, "a second factor has no secret");
    *step = totp_find(&secret, code, clock_wall_ms() / 1000, tried.last_step);
    secret_wipe(&secret, sizeof secret);
    return *step > 0 ? E_OK : fail(err, E_CODE_NEEDED, "the code is wrong");
}

static enum err_code take_code(struct request *req, const char *user_id, const char *code, struct err *err)
{
    struct db *db;
    int64_t step = 0;
    if (check_code(req, user_id, TOTP_CONFIRMED, code, &step, err) != E_OK ||
        request_db(req, &db, err) != E_OK)
        return err->code;
    return totp_store_take(db, req->arena, user_id, step, err);
}

static enum err_code take_recovery(struct request *req, const char *user_id, const char *code,
                                   struct err *err)
{
    struct db *db;
    struct digest digest;
    if (!recovery_digest(code, &digest))
        return fail(err, E_CODE_NEEDED, "the code is wrong");
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (totp_store_recover(db, user_id, digest.hex, err) == E_OK &&
        answer_audit(req, db, "recovery_code_used", user_id, NULL, err) == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return err->code;
}

static enum err_code refuse(struct request *req, const char *user_id, struct err *err)
{
    struct db *db;
    struct err lost = ERR_INIT;
    if (request_db(req, &db, &lost) != E_OK ||
        answer_audit(req, db, "login_failed", user_id, "second factor", &lost) != E_OK)
        log_error("audit_lost", "a wrong code could not be written down: %s", lost.text);
    return fail(err, E_CODE_NEEDED, "the code is wrong");
}

enum err_code totp_admit(struct request *req, const char *user_id, const char *code, struct err *err)
{
    struct db *db;
    enum totp_state state;
    if (request_db(req, &db, err) != E_OK || totp_store_state(db, user_id, &state, NULL, err) != E_OK)
        return err->code;
    if (state != TOTP_CONFIRMED)
        return E_OK;
    if (code == NULL)
        return fail(err, E_CODE_NEEDED, "a code of your second factor is needed");
    const enum err_code taken =
        totp_is_code(code) ? take_code(req, user_id, code, err) : take_recovery(req, user_id, code, err);
    return taken == E_CODE_NEEDED || taken == E_NOT_FOUND ? refuse(req, user_id, err) : taken;
}

/* ---- confirm --------------------------------------------------------------------------------- */

struct recovery
{
    char code[RECOVERY_CODES][RECOVERY_SIZE];
    const char *hashes; /* an array of Postgres */
};

static enum err_code make_recovery(struct request *req, struct recovery *out, struct err *err)
{
    struct digest digest[RECOVERY_CODES];
    const char *hash[RECOVERY_CODES];
    for (int i = 0; i < RECOVERY_CODES; i++)
    {
        recovery_new(out->code[i]);
        if (!recovery_digest(out->code[i], &digest[i]))
            return fail(err, E_BUG, "a new recovery code has no digest");
        hash[i] = digest[i].hex;
    }
    out->hashes = db_param_array(req->arena, hash, RECOVERY_CODES);
    return out->hashes != NULL ? E_OK : fail(err, E_NO_MEMORY, "no memory for recovery codes");
}

static enum err_code store_confirmed(struct request *req, int64_t step, const struct recovery *recovery,
                                     struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (totp_store_confirm(db, req->arena, req->user.id.text, step, recovery->hashes, err) == E_OK &&
        answer_audit(req, db, "totp_enabled", NULL, NULL, err) == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return err->code;
}

static enum err_code reply_recovery(struct request *req, const struct recovery *recovery, struct err *err)
{
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "recovery_codes");
    for (int i = 0; i < RECOVERY_CODES; i++)
        json_put_text(&w, NULL, recovery->code[i]);
    json_end_array(&w);
    json_end_object(&w);
    return reply_json(req, REPLY_OK, err);
}

enum err_code totp_confirm(struct request *req, struct err *err)
{
    const char *given = NULL;
    struct recovery recovery;
    int64_t step = 0;
    if (second_factor_confirm_read(req, &given, err) != E_OK)
        return err->code;
    enum err_code code = check_code(req, req->user.id.text, TOTP_BEGUN, given, &step, err);
    if (code == E_CODE_NEEDED)
        return request_complain(req, err, "code", "is wrong; does your clock go right?");
    if (code == E_OK && make_recovery(req, &recovery, err) == E_OK &&
        store_confirmed(req, step, &recovery, err) == E_OK)
        (void)reply_recovery(req, &recovery, err);
    secret_wipe(&recovery, sizeof recovery);
    return err->code;
}

/* ---- remove ---------------------------------------------------------------------------------- */

static enum err_code store_removed(struct request *req, const struct user_login *login, struct err *err)
{
    struct db *db;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (user_store_lock(db, login->id, login->password_hash, err) == E_OK &&
        totp_store_remove(db, login->id, err) == E_OK &&
        answer_audit(req, db, "totp_disabled", NULL, NULL, err) == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return err->code;
}

enum err_code totp_remove(struct request *req, struct err *err)
{
    struct second_factor given;
    struct user_login login;
    if (second_factor_remove_read(req, &given, err) != E_OK)
        return err->code;
    enum err_code code = throttle_ask_password(req, given.password, &login, err);
    if (code == E_OK)
        code = totp_admit(req, req->user.id.text, given.code, err);
    if (code == E_CODE_NEEDED)
        return fail(err, E_FORBIDDEN, "the code is wrong");
    if (code == E_OK)
        code = store_removed(req, &login, err);
    return code == E_OK ? reply_no_content(req) : code;
}
