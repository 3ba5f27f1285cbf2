/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/stats.h"

#include "common/store/page.h"

#define SQL_BY_STATUS(rows)                                                                                  \
    "(SELECT json_object_agg(s, coalesce(n, 0)) FROM unnest(ARRAY['Pending', 'Running', 'Completed', "       \
    "'Failed']) s LEFT JOIN (SELECT status, count(*) AS n FROM (" rows                                       \
    ") r GROUP BY status) c ON c.status = s)"

static const struct db_stmt
    get =
        {
            "stats_get",
            "SELECT json_build_object('users', (SELECT count(*) FROM users WHERE role <> 'system'), "
            "'media', (SELECT count(*) FROM media), 'releases', (SELECT count(*) FROM releases), "
            "'favorites', (SELECT count(*) FROM favorites), 'torrents', (SELECT count(*) FROM torrents), "
            "'downloads', " SQL_BY_STATUS("SELECT coalesce(j.status, d.status) AS status FROM downloads d "
                                          "LEFT JOIN jobs j ON j.job_id = d.job_id WHERE d.wanted <> "
                                          "'delete'") ", "
                                                      "'jobs', " SQL_BY_STATUS(
                                                          "SELECT status FROM jobs") ", "
                                                                                     "'dead_letters', "
                                                                                     "(SELECT count(*) FROM "
                                                                                     "dead_letters WHERE "
                                                                                     "closed_at IS NULL), "
                                                                                     "'outbox_pending', "
                                                                                     "(SELECT count(*) FROM "
                                                                                     "outbox))",
            0,
};

enum err_code stats_store_get(struct db *db, struct arena *arena, const char **json, struct err *err)
{
    return store_read_one(db, arena, &(struct db_call){&get, NULL}, "no numbers", json, err);
}
