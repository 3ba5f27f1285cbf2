/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/tries.h"

#include "common/base/log.h"
#include "common/job/job.h"

enum
{
    SOON_S = 10 /* a link that works again by then is waited for */
};

enum err_code tries_move_on(struct hunt *hunt, const char *reason, const char *why, struct err *err)
{
    struct release_source *next = NULL;
    struct db *db = NULL;
    enum err_code code = job_db(hunt->job, &db, err);
    if (code == E_OK)
        code = hunter_store_next(db, job_arena(hunt->job), &hunt->guard, reason, why, &next, err);
    db_put(db);
    if (code != E_OK)
        return code;
    hunt->is_last = next == NULL;
    if (next == NULL)
        return E_OK;
    log_info("download_moves_on", "download %s: %s; next is %.100s", hunt->guard.download_id, why,
             next->title);
    hunt->download.release_id = next->id;
    hunt->download.torrent_id = NULL;
    hunt->moved_on = true;
    return E_OK;
}

void tries_note_last(struct hunt *hunt, const char *reason, const char *why)
{
    struct db *db = NULL;
    struct err ignored = ERR_INIT;
    if (job_db(hunt->job, &db, &ignored) == E_OK &&
        hunter_store_tried(db, job_arena(hunt->job), &hunt->guard, reason, why, &ignored) != E_OK)
        log_warn("download_tried", "cannot note the last release: %s", ignored.text);
    db_put(db);
}

/* Failures that are this release's own and will not pass. */
static bool is_dead_end(enum err_code code)
{
    return code == E_NOT_FOUND || code == E_REFUSED || code == E_INVALID || code == E_UNPROCESSABLE ||
           code == E_TOO_LARGE || code == E_CONFIG;
}

/* Failures of its link that may pass: a server's own, and a quota that is used up. */
static bool may_pass(enum err_code code)
{
    return code == E_PROVIDER || code == E_TOO_MANY;
}

/* The best release is tried as often as any job, unless that would take long. */
static bool is_tried_again(const struct hunt *hunt, const struct err *cause)
{
    return cause->code == E_PROVIDER && cause->retry_after_s <= SOON_S &&
           job_attempt(hunt->job) < JOB_MAX_ATTEMPTS;
}

enum err_code tries_leave_dead_end(struct hunt *hunt, enum err_code code, struct err *err)
{
    struct err cause = *err;
    if (!(is_dead_end(code) || may_pass(code)) || hunt->download.release_id == NULL ||
        is_tried_again(hunt, &cause))
        return code;
    if (tries_move_on(hunt, err_reason(code), cause.text, err) != E_OK)
        return err->code;
    if (hunt->moved_on)
        return E_OK;
    if (is_dead_end(code) || job_attempt(hunt->job) >= JOB_MAX_ATTEMPTS)
        tries_note_last(hunt, err_reason(code), cause.text);
    *err = cause;
    return code;
}
