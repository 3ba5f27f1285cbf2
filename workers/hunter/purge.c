/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/purge.h"

#include "common/base/clock.h"
#include "common/store/downloads.h"
#include "workers/hunter/hunter.h"

enum
{
    TRY_MS = 10000, /* until its last download has let go of it */
    AGAIN_MS = 300,
    REMOVE_MS = 20000 /* for the files to be gone */
};

static enum err_code wait_gone(struct job *job, const char *torrent_id, struct err *err)
{
    struct hunter *hunter = job_context(job);
    int64_t until_ms = clock_mono_ms() + REMOVE_MS;
    while (swarms_holds(hunter->swarms, torrent_id))
    {
        if (clock_mono_ms() >= until_ms)
            return fail(err, E_TIMEOUT, "the files are not gone yet");
        swarms_wait(hunter->swarms, AGAIN_MS);
    }
    return E_OK;
}

/* In a transaction that holds the torrent's row, so that a new download of it waits. */
static enum err_code remove_files(struct job *job, struct db *db, const char *torrent_id, bool *removed,
                                  struct err *err)
{
    struct hunter *hunter = job_context(job);
    bool wanted = false;
    *removed = false;
    enum err_code code = download_store_wants(db, torrent_id, &wanted, err);
    if (code != E_OK || wanted)
        return code;
    code = swarms_purge(hunter->swarms, torrent_id, err);
    if (code == E_OK)
        code = wait_gone(job, torrent_id, err);
    if (code == E_OK)
        code = hunter_store_forget(db, torrent_id, err);
    *removed = code == E_OK;
    return code;
}

static enum err_code try_purge(struct job *job, const char *torrent_id, bool *removed, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = job_db(job, &db, err);
    if (code == E_OK)
        code = db_begin(db, err);
    if (code == E_OK)
        code = remove_files(job, db, torrent_id, removed, err);
    if (code == E_OK)
        code = db_commit(db, err);
    db_put(db); /* rolls back what is open */
    return code;
}

enum err_code purge_run(struct job *job, struct err *err)
{
    struct id id;
    bool removed = false;
    const char *text = json_text(json_get(job_payload(job), "torrent_id"), "");
    int64_t until_ms = clock_mono_ms() + TRY_MS;
    if (!id_parse(text, &id))
        return fail(err, E_INVALID, "torrent_id must be an id");
    enum err_code code = try_purge(job, id.text, &removed, err);
    while ((code == E_CONFLICT || code == E_UNAVAILABLE) && clock_mono_ms() < until_ms)
    {
        code = job_wait(job, AGAIN_MS, err);
        if (code == E_OK)
            code = try_purge(job, id.text, &removed, err);
    }
    if (code == E_CONFLICT)
        return fail(err, E_UNAVAILABLE, "another hunter holds the torrent");
    if (code != E_OK)
        return code;
    job_set_result(job, removed ? "{\"removed\":true}" : "{\"removed\":false}");
    return E_OK;
}
