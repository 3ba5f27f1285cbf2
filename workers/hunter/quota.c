/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/quota.h"

#include "common/media/size.h"

static bool is_over(int64_t bytes, uint32_t max_mb)
{
    return max_mb != 0 && bytes > (int64_t)max_mb << 20;
}

static enum err_code over(struct err *err, const char *whose, int64_t taken_bytes, uint32_t max_mb)
{
    char taken[SIZE_TEXT_SIZE];
    char most[SIZE_TEXT_SIZE];
    size_format((uint64_t)taken_bytes, taken);
    size_format((uint64_t)max_mb << 20, most);
    return fail(err, E_REFUSED, "With it %s would take %s; %s are allowed", whose, taken, most);
}

/* The download's own size is in the database by now, so of two downloads at once each sees the other. */
enum err_code quota_check(struct hunt *hunt, struct err *err)
{
    const struct conf *conf = hunt->hunter->conf;
    struct hunter_room room = {0};
    struct db *db = NULL;
    if (conf->downloads_max_mb == 0 && conf->downloads_max_mb_per_user == 0)
        return E_OK;
    enum err_code code = job_db(hunt->job, &db, err);
    if (code == E_OK)
        code = hunter_store_room(db, hunt->guard.download_id, &room, err);
    db_put(db);
    if (code != E_OK)
        return code;
    if (is_over(room.of_user_bytes, conf->downloads_max_mb_per_user))
        return over(err, "your downloads", room.of_user_bytes, conf->downloads_max_mb_per_user);
    if (is_over(room.of_all_bytes, conf->downloads_max_mb))
        return over(err, "all downloads", room.of_all_bytes, conf->downloads_max_mb);
    return E_OK;
}
