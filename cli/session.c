/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/store/schema.h"

#include <stdio.h>

enum err_code session_open(struct session *session, int argc, char *const *argv, struct err *err)
{
    *session = (struct session){.verdict = VERDICT_GOOD};
    session->arena = arena_new(SESSION_ARENA_BYTES);
    if (session->arena == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return options_read(session->arena, argc, argv, &session->options, err);
}

enum err_code session_load(struct session *session, struct err *err)
{
    return conf_load(CONF_CLI, option_text(&session->options, OPTION_ENV_FILE, NULL), &session->conf, err);
}

void session_close(struct session *session)
{
    session_db_drop(session);
    db_pool_close(session->pool);
    conf_free(session->conf);
    arena_free(session->arena);
}

static struct db_pool_config config_of(const struct session *session, int statement_ms)
{
    return (struct db_pool_config){.url = session->conf->database_url,
                                   .name = "sokoulctl",
                                   .size = 1,
                                   .statement_ms = statement_ms,
                                   .plans = DB_PLANS_LOOKUPS};
}

static enum err_code open_pool(struct session *session, struct err *err)
{
    if (session->pool != NULL)
        return E_OK;
    struct db_pool_config config = config_of(session, SESSION_STATEMENT_MS);
    config.check = schema_check;
    return db_pool_open(&config, &session->pool, err);
}

enum err_code session_db(struct session *session, struct db **db, struct err *err)
{
    enum err_code code = E_OK;
    if (session->db == NULL)
    {
        code = open_pool(session, err);
        if (code == E_OK)
            code = db_get(session->pool, &session->db, err);
    }
    if (code == E_OK)
        *db = session->db;
    return code;
}

enum err_code session_any_schema(struct session *session, int statement_ms, struct err *err)
{
    const struct db_pool_config config = config_of(session, statement_ms);
    return db_pool_open(&config, &session->pool, err);
}

void session_db_drop(struct session *session)
{
    db_put(session->db);
    session->db = NULL;
}

bool session_may_pass(enum err_code code)
{
    return code == E_DATABASE || code == E_TIMEOUT || code == E_UNAVAILABLE;
}

bool session_back_off(int *wait_ms, int64_t until_ms)
{
    int64_t left = until_ms - clock_mono_ms();
    if (left <= 0)
        return false;
    *wait_ms = *wait_ms == 0 ? 100 : *wait_ms * 2 > 1000 ? 1000 : *wait_ms * 2;
    int64_t ms = left < *wait_ms ? left : *wait_ms;
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
    return true;
}

bool session_json(const struct session *session)
{
    return option_given(&session->options, OPTION_JSON);
}

bool session_write(FILE *out, const char *text, size_t len)
{
    bool good = true;
    for (size_t at = 0; at < len && good;)
    {
        char shown[UTF8_SHOW_MAX];
        size_t size = 0;
        at += utf8_show_step(text + at, len - at, shown, &size);
        good = fwrite(shown, 1, size, out) == size;
    }
    return good;
}

enum err_code session_print(struct buf *buf, struct err *err)
{
    if (buf->failed)
        return fail(err, E_NO_MEMORY, "the answer is too large");
    if (buf->len == 0 || buf->data[buf->len - 1] != '\n')
        buf_add_char(buf, '\n');
    bool good = session_write(stdout, buf->data, buf->len) && fflush(stdout) == 0;
    buf_clear(buf);
    return good ? E_OK : fail(err, E_UNAVAILABLE, "cannot write to standard output");
}
