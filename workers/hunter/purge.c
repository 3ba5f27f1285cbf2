/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/purge.h"

#include "common/base/clock.h"
#include "common/store/downloads.h"
#include "workers/hunter/hunter.h"

enum
{
    TRY_MS = 2000, /* waits so long until its last download has released it */
    AGAIN_MS = 300,
    REMOVE_MS = 20000, /* for the files to be gone */
    LATER_S = 5        /* else the job goes back for so long */
};

static enum err_code later(struct err *err, const char *why)
{
    enum err_code code = fail(err, E_WAITING, "%s", why);
    err->retry_after_s = LATER_S;
    return code;
}

static enum err_code wait_gone(struct job *job, const char *torrent_id, struct err *err)
{
    struct hunter *hunter = job_context(job);
    int64_t until_ms = clock_mono_ms() + REMOVE_MS;
    enum err_code code = E_OK;
    while (code == E_OK && swarms_holds(hunter->swarms, torrent_id))
        code = clock_mono_ms() < until_ms ? job_wait(job, AGAIN_MS, err)
                                          : later(err, "The files are not gone yet");
    return code;
}

/* Whether a download still wants the torrent.  If not, its row is marked as empty before the files are
 * deleted. A download that begins to want it after that finds the torrent locked (swarms_purge), waits, and
 * fetches it anew. */
static enum err_code forget(struct job *job, const char *torrent_id, bool *wanted, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = job_db(job, &db, err);
    if (code == E_OK)
        code = db_begin(db, err);
    if (code == E_OK)
        code = download_store_wants(db, torrent_id, wanted, err);
    if (code == E_OK && !*wanted)
        code = hunter_store_forget(db, torrent_id, err);
    if (code == E_OK)
        code = db_commit(db, err);
    db_put(db); /* rolls back what is open */
    return code;
}

static enum err_code try_purge(struct job *job, const char *torrent_id, bool *wanted, struct err *err)
{
    struct hunter *hunter = job_context(job);
    enum err_code code = forget(job, torrent_id, wanted, err);
    return code != E_OK || *wanted ? code : swarms_purge(hunter->swarms, torrent_id, err);
}

static bool is_held(enum err_code code)
{
    return code == E_CONFLICT || code == E_UNAVAILABLE;
}

enum err_code purge_run(struct job *job, struct err *err)
{
    struct id id;
    bool wanted = false;
    const char *text = json_text(json_get(job_payload(job), "torrent_id"), "");
    int64_t until_ms = clock_mono_ms() + TRY_MS;
    if (!id_parse(text, &id))
        return fail(err, E_INVALID, "torrent_id must be an id");
    enum err_code code = try_purge(job, id.text, &wanted, err);
    while (is_held(code) && clock_mono_ms() < until_ms)
    {
        code = job_wait(job, AGAIN_MS, err);
        if (code == E_OK)
            code = try_purge(job, id.text, &wanted, err);
    }
    if (is_held(code))
        return later(err, "The torrent is still held");
    if (code == E_OK && !wanted)
        code = wait_gone(job, id.text, err);
    if (code == E_OK)
        job_set_result(job, wanted ? "{\"removed\":false}" : "{\"removed\":true}");
    return code;
}
