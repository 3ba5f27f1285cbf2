/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/stats.h"

#include "common/store/page.h"
#include "common/store/sql.h"

/* Every status is in the answer, also those that no job has. */
static const struct db_stmt get = {
    "stats_get",
    "WITH states AS (SELECT unnest(ARRAY['Pending', 'Running', 'Completed', 'Failed']) AS s), "
    "j AS (SELECT s, count(jobs.job_id) AS n FROM states LEFT JOIN jobs ON jobs.status = s GROUP BY s), "
    "seen AS (SELECT coalesce(jobs.status, d.status) AS s FROM downloads d LEFT JOIN jobs USING (job_id) "
    "WHERE d.wanted <> 'delete'), "
    "d AS (SELECT states.s, count(seen.s) AS n FROM states LEFT JOIN seen USING (s) GROUP BY states.s) "
    "SELECT json_build_object('users', (SELECT count(*) FROM users WHERE role <> 'system'), "
    "'media', (SELECT count(*) FROM media), 'releases', (SELECT count(*) FROM releases), "
    "'favorites', (SELECT count(*) FROM favorites), 'torrents', (SELECT count(*) FROM torrents), "
    "'downloads', (SELECT json_object_agg(s, n) FROM d), 'jobs', (SELECT json_object_agg(s, n) FROM j), "
    "'dead_letters', (SELECT count(*) FROM dead_letters WHERE closed_at IS NULL), "
    "'outbox_pending', " SQL_OUTGOING ")",
    0,
};

enum err_code stats_store_get(struct db *db, struct arena *arena, const char **json, struct err *err)
{
    return store_read_one(db, arena, &(struct db_call){&get, NULL}, "no numbers", json, err);
}
