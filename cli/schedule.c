/* SPDX-License-Identifier: Apache-2.0 */
/* schedule put, ls, rm */
#include "cli/payload.h"
#include "cli/show.h"
#include "cli/verb.h"
#include "common/store/schedules.h"

static const struct show_column columns[] = {{"name", 16},      {"kind", 9},     {"cron", 14},
                                             {"every_s", 7},    {"next_at", 24}, {"last_at", 24},
                                             {"last_job_id", 0}};

static enum err_code read_schedule(struct session *session, struct schedule *schedule, struct err *err)
{
    const struct options *options = &session->options;
    const char *priority = option_text(options, OPTION_PRIORITY, "normal");
    *schedule = (struct schedule){.name = session->args[0],
                                  .kind = option_text(options, OPTION_KIND, NULL),
                                  .worker = option_text(options, OPTION_WORKER, NULL),
                                  .cron = option_text(options, OPTION_CRON, NULL),
                                  .missed = option_text(options, OPTION_MISSED, "once")};
    if (schedule->kind == NULL)
        return fail(err, E_USAGE, "--kind is missing");
    if (!job_priority_parse(priority, &schedule->priority))
        return fail(err, E_USAGE, "--priority must be high, normal or low");
    if (option_given(options, OPTION_CRON) == option_given(options, OPTION_EVERY))
        return fail(err, E_USAGE, "give either --cron or --every");
    if (option_number(options, OPTION_EVERY, 1, 31536000, &schedule->every_s, err) != E_OK)
        return err->code;
    return read_payload(session, "{}", &schedule->payload, err);
}

enum err_code verb_schedule_put(struct session *session, struct err *err)
{
    struct schedule schedule;
    struct db *db = NULL;
    enum err_code code = read_schedule(session, &schedule, err);
    if (code == E_OK)
        code = session_db(session, &db, err);
    return code == E_OK ? schedule_store_put(db, session->arena, &schedule, err) : code;
}

enum err_code verb_schedule_ls(struct session *session, struct err *err)
{
    struct db *db = NULL;
    const char *json = NULL;
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = schedule_store_list(db, session->arena, &json, err);
    return code == E_OK ? show_table(session, json, columns, sizeof columns / sizeof columns[0], err) : code;
}

enum err_code verb_schedule_rm(struct session *session, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = session_db(session, &db, err);
    return code == E_OK ? schedule_store_remove(db, session->args[0], err) : code;
}
