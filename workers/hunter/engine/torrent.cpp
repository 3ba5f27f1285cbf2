/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/engine/inside.hpp"

#include <algorithm>
#include <unistd.h>

namespace inside
{

namespace
{

bool has_metadata(const record &rec)
{
    return rec.info != nullptr;
}

void finish_failed(struct engine *engine, const record_ptr &rec, enum err_code code, const std::string &cause)
{
    rec->progress = step::none; /* tried again at the next look */
    torrent_fault(engine, *rec, code == E_DISK_FULL ? ENGINE_FAULT_DISK_FULL : ENGINE_FAULT_IO, code,
                  code == E_DISK_FULL ? ENGINE_TEXT_DISK_FULL : "Disk error", cause);
}

void finished(struct engine *engine, const record_ptr &rec)
{
    if (rec->progress != step::finishing || rec->removing)
        return;
    rec->progress = step::finished;
    rec->synced = true;
    rec->stat.state = ENGINE_SEEDING;
    rec->stat.mends = false;
    event_post(engine, *rec, ENGINE_FINISHED);
}

/* The files have changed during the sync. */
void look_anew(struct engine *engine, const record_ptr &rec)
{
    if (rec->progress != step::finishing || rec->removing)
        return;
    rec->progress = step::none;
    rec->stat.state = ENGINE_DOWNLOADING;
    torrent_check_finished(engine, rec);
}

void kept(struct engine *engine, const record_ptr &rec, const struct err &err, bool same)
{
    rec->saving = false;
    if (err.code != E_OK)
        finish_failed(engine, rec, err.code, err.text);
    else if (same)
        finished(engine, rec);
    else
        look_anew(engine, rec);
}

/* All data are here: syncs them, checks that they are unchanged, writes clean resume data, then reports. */
void keep(struct engine *engine, const record_ptr &rec, const std::shared_ptr<lt::add_torrent_params> &params)
{
    std::shared_ptr<const lt::torrent_info> info = rec->info;
    std::string path = resume_path(engine->state_dir, rec->id);
    resume_mark mark{engine->boot_id, rec->proven, ending::clean};
    engine->keeper.push(
        [=, lock = rec->lock, save_dir = rec->limits.save_dir, wanted = torrent_priorities(*rec),
         box = engine->inbox]
        {
            struct err err = {};
            bool same = false;
            guard(&err,
                  [&]
                  {
                      files_sync(*info, save_dir);
                      same = files_stamp(*info, save_dir, wanted) == mark.proven;
                      if (same)
                          resume_write(path, *params, mark);
                  });
            box->post([=] { kept(engine, rec, err, same); });
        });
}

/* Takes the result of a look at the disk. */
void looked(struct engine *engine, const record_ptr &rec,
            const std::shared_ptr<lt::add_torrent_params> &params, const disk_look &look)
{
    if (rec->progress == step::finishing && !rec->removing && look.found == soundness::sound)
    {
        rec->proven = look.stamp;
        keep(engine, rec, params);
        return;
    }
    rec->saving = false;
    if (rec->progress != step::finishing || rec->removing)
        return;
    switch (look.found)
    {
    case soundness::unsound:
        torrent_mend(engine, rec);
        return;
    case soundness::likely:
        rec->seeds_only ? finished(engine, rec) : look_anew(engine, rec);
        return;
    default:
        rec->proven = look.stamp; /* valid if libtorrent finds all data */
        torrent_recheck(*rec);
    }
}

/* The session reports that all data are here: checks the disk. */
void finish(struct engine *engine, const record_ptr &rec,
            const std::shared_ptr<lt::add_torrent_params> &params)
{
    std::shared_ptr<const lt::torrent_info> info = rec->info;
    bool seeds = rec->seeds_only;
    bool trusted = seeds && rec->proven.empty(); /* no job waits: not worth minutes of hashing */
    engine->looker.push(
        [=, save_dir = rec->limits.save_dir, wanted = torrent_priorities(*rec), proven = rec->proven,
         stop = engine->stopping, box = engine->inbox]
        {
            disk_look look;
            guard(nullptr,
                  [&]
                  {
                      if (!seeds)
                          files_fit(*info, save_dir, wanted);
                      look = trusted ? files_glance(*info, save_dir, wanted)
                                     : files_look(*info, save_dir, wanted, proven, *stop);
                  });
            box->post([=] { looked(engine, rec, params, look); });
        });
}

} // namespace

std::vector<lt::download_priority_t> torrent_priorities(const record &rec)
{
    std::vector<lt::download_priority_t> all(static_cast<size_t>(rec.info->num_files()),
                                             lt::default_priority);
    for (size_t i = 0; i < all.size() && i < rec.priorities.size(); i++)
        all[i] = rec.priorities[i];
    return all;
}

uint64_t torrent_wanted_bytes(const record &rec)
{
    uint64_t bytes = 0;
    std::vector<lt::download_priority_t> all = torrent_priorities(rec);
    for (lt::file_index_t i : rec.info->files().file_range())
    {
        if (!rec.info->files().pad_file_at(i) &&
            all[static_cast<size_t>(static_cast<int>(i))] != lt::dont_download)
            bytes += size_of(rec.info->files().file_size(i));
    }
    return bytes;
}

void event_post(struct engine *engine, const record &rec, enum engine_event_kind kind)
{
    struct engine_event event = {};
    event.kind = kind;
    copy_text(event.id, sizeof event.id, rec.id);
    event.stat = rec.stat;
    event.stat.idle_s = count_of((clock_mono_ms() - rec.payload_ms) / 1000);
    engine->events.push_back(event);
}

void engine_adjust(struct engine *engine)
{
    bool soon = clock_mono_ms() < engine->call_soon_until_ms;
    bool waits = soon;
    for (const auto &[id, rec] : engine->by_id)
        waits = waits || !(rec->admitted || rec->removing);
    seeds_dial call = soon ? seeds_dial::soon : seeds_dial::usual;
    seeds_stay stay = waits ? seeds_stay::always : seeds_stay::usual;
    if (call == engine->call && stay == engine->stay)
        return;
    engine->call = call;
    engine->stay = stay;
    session_adjust(*engine->session, call, stay);
}

void torrent_refuse(struct engine *engine, const record_ptr &rec, const failure &why)
{
    enum engine_event_kind kind =
        why.code == E_REFUSED || why.code == E_DISK_FULL ? ENGINE_REFUSED : ENGINE_FAILED;
    event_post(engine, *rec, kind);
    engine->events.back().code = why.code;
    copy_text(engine->events.back().text, ENGINE_TEXT_SIZE, why.text);
    if (rec->handle.is_valid())
    {
        engine->by_handle.erase(rec->handle);
        engine->session->remove_torrent(rec->handle);
    }
    rmdir(rec->limits.save_dir.c_str()); /* if nothing was written yet */
    engine->by_id.erase(rec->id);
}

void torrent_apply(record &rec)
{
    if (!rec.handle.is_valid())
        return;
    if (rec.info)
        rec.handle.prioritize_files(torrent_priorities(rec));
    if (rec.paused)
        rec.handle.pause();
    else
        rec.handle.resume();
}

void torrent_let_fetch(record &rec)
{
    if (rec.admitted && !rec.seeds_only)
        rec.handle.unset_flags(lt::torrent_flags::upload_mode);
}

void torrent_admit(struct engine *engine, const record_ptr &rec)
{
    rec->info = rec->handle.torrent_file();
    if (!rec->info)
        return;
    copy_text(rec->stat.name, sizeof rec->stat.name, rec->info->name());
    rec->stat.total_bytes = bytes_of(rec->info->files());
    rec->stat.piece_bytes = count_of(rec->info->piece_length());
    rec->stat.pieces = count_of(rec->info->num_pieces());
    try
    {
        gate_info(*rec->info, rec->limits);
        space_claim(*engine, *rec);
    }
    catch (const failure &why)
    {
        torrent_refuse(engine, rec, why);
        return;
    }
    rec->admitted = true;
    rec->stat.wanted_bytes = torrent_wanted_bytes(*rec);
    rec->dirty = true;
    rec->handle.unset_flags(at_the_gate & ~lt::torrent_flags::upload_mode);
    torrent_apply(*rec);
    torrent_let_fetch(*rec); /* comes last, when there is something to ask peers for */
    event_post(engine, *rec, ENGINE_METADATA);
    torrent_save(engine, rec, lt::torrent_handle::save_info_dict);
}

void torrent_save(struct engine *, const record_ptr &rec, lt::resume_data_flags_t flags)
{
    rec->saving = true;
    rec->dirty = false;
    rec->handle.save_resume_data(flags | lt::torrent_handle::save_info_dict |
                                 lt::torrent_handle::flush_disk_cache);
}

void torrent_saved(struct engine *engine, const record_ptr &rec, lt::add_torrent_params given)
{
    std::shared_ptr<lt::add_torrent_params> params =
        std::make_shared<lt::add_torrent_params>(std::move(given));
    if (rec->progress == step::finishing && !rec->removing)
    {
        finish(engine, rec, params);
        return;
    }
    std::string path = resume_path(engine->state_dir, rec->id);
    bool sync = rec->removing && has_metadata(*rec);
    resume_mark mark{engine->boot_id, rec->proven, rec->synced || sync ? ending::clean : ending::unclean};
    engine->keeper.push(
        [=, lock = rec->lock, info = rec->info, save_dir = rec->limits.save_dir, box = engine->inbox]
        {
            struct err err = {};
            enum err_code code = guard(&err,
                                       [&]
                                       {
                                           if (sync)
                                               files_sync(*info, save_dir);
                                           resume_write(path, *params, mark);
                                       });
            std::string text = err.text;
            box->post(
                [=]
                {
                    rec->saving = false;
                    if (code == E_OK)
                        event_post(engine, *rec, ENGINE_RESUME_SAVED);
                    else if (code == E_DISK_FULL)
                        torrent_fault(engine, *rec, ENGINE_FAULT_DISK_FULL, code, ENGINE_TEXT_DISK_FULL,
                                      text);
                    else
                        rec->dirty = true;
                    if (rec->removing)
                        torrent_leave(engine, rec);
                });
        });
}

/* Removes it from the session; the removal alert is the end. */
void torrent_leave(struct engine *engine, const record_ptr &rec)
{
    if (rec->leaving || !rec->handle.is_valid())
        return;
    rec->leaving = true;
    if (rec->fate == ENGINE_DELETE_FILES)
        engine->session->remove_torrent(rec->handle,
                                        lt::session::delete_files | lt::session::delete_partfile);
    else
        engine->session->remove_torrent(rec->handle);
}

void torrent_gone(struct engine *engine, const record_ptr &rec)
{
    if (rec->handle.is_valid() || rec->leaving)
        engine->by_handle.erase(rec->handle);
    std::string path = resume_path(engine->state_dir, rec->id);
    engine->keeper.push(
        [=, lock = rec->lock, save_dir = rec->limits.save_dir, fate = rec->fate,
         box = engine->inbox]() mutable
        {
            struct err err = {};
            enum err_code code = E_OK;
            if (fate == ENGINE_DELETE_FILES)
            {
                unlink(path.c_str());
                code = guard(&err, [&] { tree_delete(save_dir); });
                lock->forget();
            }
            lock.reset(); /* before the event is posted: its receiver may add the torrent again at once */
            std::string text = err.text;
            box->post(
                [=]
                {
                    rec->lock.reset();
                    engine->by_id.erase(rec->id);
                    event_post(engine, *rec, ENGINE_REMOVED);
                    engine->events.back().code = code;
                    copy_text(engine->events.back().text, ENGINE_TEXT_SIZE, text);
                });
        });
}

} // namespace inside
