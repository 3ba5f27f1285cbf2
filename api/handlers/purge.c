/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/purge.h"

#include "common/store/downloads.h"
#include "common/store/jobs.h"

enum err_code purge_torrent(struct request *req, struct db *db, const char *user_id, const char *torrent_id,
                            struct err *err)
{
    bool wanted = false;
    if (download_store_wants(db, torrent_id, &wanted, err) != E_OK || wanted)
        return wanted ? E_OK : err->code;
    struct id id = id_new();
    const struct job_new job = {
        .job_id = id.text,
        .kind = "purge",
        .user_id = user_id,
        .request_id = req->id,
        .payload = arena_printf(req->arena, "{\"torrent_id\":\"%s\"}", torrent_id),
        .priority = JOB_NORMAL,
    };
    if (job.payload == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a job");
    return job_store_accept(db, req->arena, &job, 1, err);
}
