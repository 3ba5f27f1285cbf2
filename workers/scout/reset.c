/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/reset.h"

#include "common/crypt/refresh.h"
#include "common/store/passwords.h"
#include "workers/scout/scout.h"

#include <string.h>

enum
{
    MINUTE_S = 60
};

static enum err_code read_ask(struct job *job, const char **ask_id, struct err *err)
{
    static const struct json_field fields[] = {{"ask_id", JSON_ID, JSON_REQUIRED, 0, 0, 0}};
    return json_read(job_arena(job), job_payload(job), fields, 1, ask_id, NULL, err);
}

/* The page reads the part behind '#', which no browser sends to a server, so no log on the way has it. */
static const char *way_of(struct arena *arena, const char *public_url, const char *token)
{
    size_t len = strlen(public_url);
    while (len > 0 && public_url[len - 1] == '/')
        len--;
    if (len == 0)
        return arena_printf(arena, "Give this code where you asked for it:\n%s", token);
    return arena_printf(arena, "Open this link:\n%.*s/#reset/%s", (int)len, public_url, token);
}

static enum err_code write_notice(struct arena *arena, const struct password_letter *letter, const char *way,
                                  struct notice *notice, struct err *err)
{
    notice->subject = "Set a new password";
    notice->text = arena_printf(arena,
                                "Somebody, hopefully you, has forgotten the password of the account %s.\n\n"
                                "What happens next:\n"
                                "%s\n\n"
                                "It works once, within %d minutes. Setting a new password ends all logins.\n"
                                "If it was not you, there is nothing to do: the password stays as it is.\n",
                                letter->username, way, PASSWORD_RESET_S / MINUTE_S);
    return way != NULL && notice->text != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

enum err_code reset_write(struct job *job, struct notice *notice, const char **address, struct err *err)
{
    const struct conf *conf = scout_conf(job_context(job));
    const struct refresh_token token = refresh_token_new();
    struct digest digest;
    struct password_letter letter;
    struct db *db = NULL;
    const char *ask_id = NULL;
    if (!refresh_token_digest(token.text, &digest))
        return fail(err, E_BUG, "a new token has no digest");
    enum err_code code = read_ask(job, &ask_id, err);
    if (code == E_OK)
        code = job_db(job, &db, err);
    if (code == E_OK)
        code = password_store_issue(db, job_arena(job), ask_id, digest.hex, &letter, err);
    db_put(db);
    *address = NULL;
    if (code != E_OK)
        return code == E_NOT_FOUND ? E_OK : code;
    *address = letter.email;
    return write_notice(job_arena(job), &letter, way_of(job_arena(job), conf->public_url, token.text), notice,
                        err);
}
