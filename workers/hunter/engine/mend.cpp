/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a torrent that somebody has changed or removed: noticed and mended. */
#include "workers/hunter/engine/inside.hpp"

namespace inside
{

namespace
{

const int64_t SEED_LOOK_MS = 5000;
const int MAX_VAIN_MENDS = 5;
const int SEEDS_LOOKED_AT = 64; /* files of so many torrents are looked at in a second */

void look_again(struct engine *engine, const record_ptr &rec)
{
    rec->progress = step::none;
    rec->stat.state = ENGINE_DOWNLOADING;
    torrent_check_finished(engine, rec);
}

bool is_seed(const record &rec)
{
    return rec.seeds_only && rec.progress == step::finished && !rec.removing;
}

/* It was mended some times in a row, and nothing had to be fetched. */
bool is_vain(record &rec)
{
    rec.vain_mends = rec.stat.fetched_bytes == rec.mended_at ? rec.vain_mends + 1 : 0;
    rec.mended_at = rec.stat.fetched_bytes;
    return rec.vain_mends > MAX_VAIN_MENDS;
}

/* Looks at names, sizes and times, and at the data only when these have changed. */
void watch_one(struct engine *engine, const record_ptr &rec)
{
    rec->look_ms = INT64_MAX; /* no second look before the answer */
    engine->looker.push(
        [=, info = rec->info, save_dir = rec->limits.save_dir, wanted = torrent_priorities(*rec),
         box = engine->inbox]
        {
            std::string stamp;
            guard(nullptr, [&] { stamp = files_stamp(*info, save_dir, wanted); });
            box->post(
                [=]
                {
                    bool differs = stamp.empty() || (!rec->proven.empty() && stamp != rec->proven);
                    rec->look_ms = clock_mono_ms() + SEED_LOOK_MS;
                    if (differs && is_seed(*rec))
                        look_again(engine, rec);
                });
        });
}

} // namespace

void torrent_recheck(record &rec)
{
    rec.progress = step::none;
    rec.synced = false;
    rec.rechecks = true;
    rec.stat.state = ENGINE_CHECKING;
    rec.handle.clear_error(); /* libtorrent stops at a file that it cannot read */
    rec.handle.force_recheck();
    torrent_apply(rec);
}

void torrent_mend(struct engine *engine, const record_ptr &rec)
{
    if (rec->rechecks)
        return;
    rec->proven.clear();
    log_warn("torrent_damaged", "torrent %s: something is missing or changed on the disk", rec->id.c_str());
    if (rec->seeds_only)
    {
        torrent_refuse(engine, rec, failure{E_NOT_FOUND, "Its files are no longer on the disk as they were"});
        return;
    }
    if (is_vain(*rec))
    {
        torrent_fault(engine, *rec, ENGINE_FAULT_IO, E_UNAVAILABLE, "Its files do not stay on the disk",
                      "libtorrent finds them, and we do not");
        return;
    }
    rec->stat.mends = true;
    torrent_recheck(*rec);
}

void torrent_want(struct engine *engine, const record_ptr &rec, enum engine_aim aim)
{
    rec->seeds_only = aim == ENGINE_SEED;
    if (!rec->handle.is_valid())
        return; /* read when it is prepared */
    if (rec->seeds_only)
    {
        rec->handle.set_flags(lt::torrent_flags::upload_mode);
        return;
    }
    torrent_let_fetch(*rec);
    if (rec->progress != step::finished)
        return;          /* it is looked at when all is here */
    rec->paused = false; /* its seed limit was reached */
    torrent_apply(*rec);
    look_again(engine, rec);
}

void seeds_watch(struct engine *engine)
{
    int left = SEEDS_LOOKED_AT;
    int64_t now = clock_mono_ms();
    for (const auto &[id, rec] : engine->by_id)
    {
        if (is_seed(*rec) && now >= rec->look_ms && left-- > 0)
            watch_one(engine, rec);
    }
}

} // namespace inside

using namespace inside;

enum err_code engine_is_whole(struct engine *engine, const char *id, const char *save_dir, bool *whole,
                              struct err *err)
{
    return guard(err,
                 [&]
                 {
                     torrent_check_id(id, save_dir);
                     std::unique_ptr<resume_data> saved = resume_read(resume_path(engine->state_dir, id));
                     *whole = false;
                     if (!saved || !saved->params.ti || saved->proven.empty())
                         return;
                     names_settle(saved->params);
                     size_t files = static_cast<size_t>(saved->params.ti->num_files());
                     std::vector<lt::download_priority_t> all(files, lt::default_priority);
                     *whole = files_stamp(*saved->params.ti, save_dir, all) == saved->proven;
                 });
}
