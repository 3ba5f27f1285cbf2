/* SPDX-License-Identifier: Apache-2.0 */
/* migrate up, migrate status */
#include "cli/migrations.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/json/write.h"

#include <inttypes.h>

enum
{
    START_WAIT_MS = 30000 /* a database that is still starting */
};

static enum err_code choose_list(struct session *session, struct migration_list *list, struct err *err)
{
    const char *dir = option_text(&session->options, OPTION_DIR, NULL);
    if (dir != NULL)
        return migrations_read(session->arena, dir, list, err);
    *list = migrations_embedded;
    return E_OK;
}

typedef enum err_code migrate_call(struct db *db, struct arena *arena, struct migration_list list,
                                   struct migration_report *report, struct err *err);

static enum err_code call(struct session *session, migrate_call *run, struct migration_report *report,
                          struct err *err)
{
    const int64_t until_ms = clock_mono_ms() + START_WAIT_MS;
    struct migration_list list = {NULL, 0};
    int wait_ms = 0;
    enum err_code code = choose_list(session, &list, err);
    if (code == E_OK)
        code = session_any_schema(session, SESSION_SLOW_MS, err);
    if (code != E_OK)
        return code;
    do
    {
        struct db *db = NULL;
        code = session_db(session, &db, err);
        if (code == E_OK)
            code = run(db, session->arena, list, report, err);
        if (code != E_DATABASE)
            break;
        session_db_drop(session);
    } while (session_back_off(&wait_ms, until_ms));
    return code;
}

static void put_row(struct json_writer *w, const struct migration_row *row)
{
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, row->version);
    json_begin_object(w, NULL);
    json_put_text(w, "version", version);
    json_put_text(w, "name", row->name);
    json_put_text(w, "state", migration_state_name(row->state));
    if (row->applied_at_ms < 0)
        json_put_null(w, "applied_at");
    else
        json_put_time(w, "applied_at", row->applied_at_ms);
    json_end_object(w);
}

static void put_rows(struct json_writer *w, const char *name, const struct migration_report *report)
{
    json_begin_array(w, name);
    for (size_t i = 0; i < report->count; i++)
        put_row(w, &report->rows[i]);
    json_end_array(w);
}

static void say_row(struct buf *out, const struct migration_row *row)
{
    char at[CLOCK_TEXT_SIZE] = "";
    if (row->applied_at_ms >= 0)
        clock_format(row->applied_at_ms, at);
    buf_addf(out, "%-8s  %" PRId64 "_%s  %s\n", migration_state_name(row->state), row->version, row->name,
             at);
}

enum err_code verb_migrate_up(struct session *session, struct err *err)
{
    struct migration_report applied = {NULL, 0};
    struct buf out;
    enum err_code code = call(session, migrate_up, &applied, err);
    if (code != E_OK)
        return code;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
    {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w, NULL);
        put_rows(&w, "applied", &applied);
        json_end_object(&w);
    }
    else if (applied.count == 0)
        buf_add_text(&out, "the schema is up to date\n");
    for (size_t i = 0; i < applied.count && !session_json(session); i++)
        say_row(&out, &applied.rows[i]);
    code = session_print(&out, err);
    buf_fini(&out);
    return code;
}

enum err_code verb_migrate_status(struct session *session, struct err *err)
{
    struct migration_report report = {NULL, 0};
    struct buf out;
    enum err_code code = call(session, migrate_status, &report, err);
    if (code != E_OK)
        return code;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
    {
        struct json_writer w = json_writer(&out);
        put_rows(&w, NULL, &report);
    }
    for (size_t i = 0; i < report.count; i++)
    {
        if (!session_json(session))
            say_row(&out, &report.rows[i]);
        if (report.rows[i].state == MIGRATION_CHANGED)
            session->verdict = VERDICT_BAD;
    }
    code = session_print(&out, err);
    buf_fini(&out);
    return code;
}
