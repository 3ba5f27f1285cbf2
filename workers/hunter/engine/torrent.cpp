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

uint64_t size_of(int64_t bytes)
{
    return bytes < 0 ? 0 : static_cast<uint64_t>(bytes);
}

uint32_t count_of(int64_t n)
{
    return n < 0 ? 0 : static_cast<uint32_t>(std::min<int64_t>(n, UINT32_MAX));
}

/* Resume data of the same torrent, as far as this machine's history lets us trust them. */
void use_resume(lt::add_torrent_params &params, resume_data &old, const std::string &boot_id,
                const std::atomic<bool> &stop)
{
    bool same = old.params.info_hashes.v1 == params.info_hashes.v1 ||
                old.params.info_hashes.v2 == params.info_hashes.v2;
    if (!same)
        return;
    lt::add_torrent_params fresh = std::move(params);
    params = std::move(old.params);
    params.save_path = fresh.save_path;
    params.userdata = fresh.userdata;
    if (fresh.ti)
        params.ti = fresh.ti;
    params.piece_priorities.clear(); /* of a stream that nobody watches any more */
    params.file_priorities.clear();  /* zeros if it was saved at the gate */
    for (size_t i = 0; i < fresh.trackers.size(); i++)
    {
        if (std::find(params.trackers.begin(), params.trackers.end(), fresh.trackers[i]) !=
            params.trackers.end())
            continue;
        params.trackers.push_back(fresh.trackers[i]);
        params.tracker_tiers.resize(params.trackers.size() - 1, 0);
        params.tracker_tiers.push_back(i < fresh.tracker_tiers.size() ? fresh.tracker_tiers[i] : 0);
    }
    params.peers.insert(params.peers.end(), fresh.peers.begin(), fresh.peers.end());
    if (old.end == ending::clean)
        return;
    bool v1 = params.ti && params.ti->info_hashes().has_v1();
    if (old.boot_id == boot_id && !boot_id.empty() && v1)
    {
        recover_pieces(params, stop);
        return;
    }
    if (old.boot_id == boot_id && !boot_id.empty() && !params.ti)
        return;
    params.have_pieces.clear(); /* libtorrent hashes everything that is there */
    params.verified_pieces.clear();
    params.unfinished_pieces.clear();
}

uint64_t bytes_had(const lt::add_torrent_params &params)
{
    uint64_t bytes = 0;
    if (!params.ti || params.have_pieces.size() != params.ti->num_pieces())
        return 0;
    for (lt::piece_index_t piece : params.ti->piece_range())
    {
        if (params.have_pieces.get_bit(piece))
            bytes += size_of(params.ti->piece_size(piece));
    }
    return bytes;
}

void set_flags(lt::add_torrent_params &params)
{
    params.flags = lt::torrent_flags::update_subscribe | lt::torrent_flags::duplicate_is_error |
                   lt::torrent_flags::apply_ip_filter | lt::torrent_flags::need_save_resume;
    if (!params.ti)
        params.flags |= lt::torrent_flags::default_dont_download;
    else
        params.flags |= lt::torrent_flags::paused; /* until its priorities are set */
    params.storage_mode = lt::storage_mode_sparse;
}

/* Back from the checker: into the session, if it is still wanted. */
void prepared(struct engine *engine, const record_ptr &rec,
              const std::shared_ptr<lt::add_torrent_params> &params)
{
    if (rec->removing)
    {
        torrent_gone(engine, rec);
        return;
    }
    guard(nullptr,
          [&]
          {
              try
              {
                  gate_sources(*params);
                  if (params->ti)
                  {
                      rec->limits.have_bytes = bytes_had(*params);
                      gate_info(*params->ti, rec->limits);
                  }
                  for (const std::string &url : params->trackers)
                      rec->tracker_urls.insert(url);
                  params->file_priorities = rec->priorities;
                  set_flags(*params);
                  engine_adjust(engine);
                  engine->session->async_add_torrent(*params);
              }
              catch (const failure &why)
              {
                  torrent_refuse(engine, rec, why);
              }
          });
}

std::vector<lt::download_priority_t> priorities_of(const record &rec)
{
    std::vector<lt::download_priority_t> all(static_cast<size_t>(rec.info->num_files()),
                                             lt::default_priority);
    for (size_t i = 0; i < all.size() && i < rec.priorities.size(); i++)
        all[i] = rec.priorities[i];
    return all;
}

uint64_t wanted_bytes(const record &rec)
{
    uint64_t bytes = 0;
    std::vector<lt::download_priority_t> all = priorities_of(rec);
    for (lt::file_index_t i : rec.info->files().file_range())
    {
        if (!rec.info->files().pad_file_at(i) &&
            all[static_cast<size_t>(static_cast<int>(i))] != lt::dont_download)
            bytes += size_of(rec.info->files().file_size(i));
    }
    return bytes;
}

/* Everything is here: sync it, write clean resume data, then say so. */
void finish(struct engine *engine, const record_ptr &rec,
            const std::shared_ptr<lt::add_torrent_params> &params)
{
    std::shared_ptr<const lt::torrent_info> info = rec->info;
    std::string path = resume_path(engine->state_dir, rec->id);
    engine->keeper.push(
        [=, lock = rec->lock, save_dir = rec->limits.save_dir, boot = engine->boot_id, box = engine->inbox]
        {
            struct err err = {};
            enum err_code code = guard(&err,
                                       [&]
                                       {
                                           files_sync(*info, save_dir);
                                           resume_write(path, *params, boot, ending::clean);
                                       });
            std::string text = err.text;
            box->post(
                [=]
                {
                    rec->saving = false;
                    if (code != E_OK)
                    {
                        rec->progress = step::none; /* tried again at the next look */
                        torrent_fault(engine, *rec,
                                      code == E_DISK_FULL ? ENGINE_FAULT_DISK_FULL : ENGINE_FAULT_IO, code,
                                      code == E_DISK_FULL ? ENGINE_TEXT_DISK_FULL : "Disk error", text);
                        return;
                    }
                    if (rec->progress != step::finishing || rec->removing)
                        return;
                    rec->progress = step::finished;
                    rec->synced = true;
                    rec->stat.state = ENGINE_SEEDING;
                    event_post(engine, *rec, ENGINE_FINISHED);
                });
        });
}

} // namespace

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
    seeds_call call = soon ? seeds_call::soon : seeds_call::usual;
    seeds_stay stay = waits ? seeds_stay::always : seeds_stay::usual;
    if (call == engine->call && stay == engine->stay)
        return;
    engine->call = call;
    engine->stay = stay;
    session_adjust(*engine->session, call, stay);
}

void torrent_prepare(struct engine *engine, const record_ptr &rec, lt::add_torrent_params given)
{
    std::shared_ptr<lt::add_torrent_params> params =
        std::make_shared<lt::add_torrent_params>(std::move(given));
    std::string path = resume_path(engine->state_dir, rec->id);
    engine->checker.push(
        [=, boot = engine->boot_id, box = engine->inbox, stop = engine->stopping]
        {
            guard(nullptr,
                  [&]
                  {
                      std::unique_ptr<resume_data> old = resume_read(path);
                      if (old)
                          use_resume(*params, *old, boot, *stop);
                  });
            box->post([=] { prepared(engine, rec, params); });
        });
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
    engine->by_id.erase(rec->id);
}

void torrent_apply(record &rec)
{
    if (!rec.handle.is_valid())
        return;
    if (rec.info)
        rec.handle.prioritize_files(priorities_of(rec));
    if (rec.paused)
        rec.handle.pause();
    else
        rec.handle.resume();
}

void torrent_admit(struct engine *engine, const record_ptr &rec)
{
    rec->info = rec->handle.torrent_file();
    if (!rec->info)
        return;
    copy_text(rec->stat.name, sizeof rec->stat.name, rec->info->name());
    rec->stat.total_bytes = size_of(rec->info->total_size());
    rec->stat.piece_bytes = count_of(rec->info->piece_length());
    rec->stat.pieces = count_of(rec->info->num_pieces());
    rec->stat.files = count_of(rec->info->num_files());
    try
    {
        gate_info(*rec->info, rec->limits);
        gate_space(wanted_bytes(*rec), rec->limits);
    }
    catch (const failure &why)
    {
        torrent_refuse(engine, rec, why);
        return;
    }
    rec->admitted = true;
    rec->stat.wanted_bytes = wanted_bytes(*rec);
    rec->dirty = true;
    rec->handle.unset_flags(lt::torrent_flags::default_dont_download);
    torrent_apply(*rec);
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
    ending end = rec->synced || sync ? ending::clean : ending::unclean;
    engine->keeper.push(
        [=, lock = rec->lock, info = rec->info, save_dir = rec->limits.save_dir, boot = engine->boot_id,
         box = engine->inbox]
        {
            struct err err = {};
            enum err_code code = guard(&err,
                                       [&]
                                       {
                                           if (sync)
                                               files_sync(*info, save_dir);
                                           resume_write(path, *params, boot, end);
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

/* Out of the session; its removal alert ends the story. */
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
        [=, lock = rec->lock, save_dir = rec->limits.save_dir, fate = rec->fate, box = engine->inbox]
        {
            struct err err = {};
            enum err_code code = E_OK;
            if (fate == ENGINE_DELETE_FILES)
            {
                unlink(path.c_str());
                code = guard(&err, [&] { tree_delete(save_dir); });
                lock->forget();
            }
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

void torrent_fault(struct engine *engine, record &rec, enum engine_fault fault, enum err_code code,
                   const std::string &text, const std::string &cause)
{
    if (rec.stat.fault == fault && rec.fault_text == text)
        return;
    bool disk = fault == ENGINE_FAULT_DISK_FULL || fault == ENGINE_FAULT_IO;
    bool was_disk = rec.stat.fault == ENGINE_FAULT_DISK_FULL || rec.stat.fault == ENGINE_FAULT_IO;
    if (was_disk)
        return; /* one is enough, and the first tells most */
    rec.stat.fault = fault;
    rec.fault_text = text;
    if (disk)
    {
        rec.paused = true;
        rec.stat.state = ENGINE_PAUSED;
        if (rec.handle.is_valid())
            rec.handle.pause();
    }
    event_post(engine, rec, ENGINE_FAULT);
    engine->events.back().code = code;
    copy_text(engine->events.back().text, ENGINE_TEXT_SIZE, text);
    copy_text(engine->events.back().cause, ENGINE_TEXT_SIZE, cause);
}

void torrent_recovered(struct engine *engine, record &rec)
{
    if (rec.stat.fault == ENGINE_FAULT_NONE)
        return;
    rec.stat.fault = ENGINE_FAULT_NONE;
    rec.fault_text.clear();
    event_post(engine, rec, ENGINE_RECOVERED);
}

void torrent_judge_trackers(struct engine *engine, record &rec)
{
    size_t failed = 0;
    size_t names = 0;
    const tracker_state *last = nullptr;
    for (const auto &[url, state] : rec.trackers)
    {
        if (state.fault == ENGINE_FAULT_NONE)
            continue;
        failed++;
        names += state.fault == ENGINE_FAULT_DNS ? 1 : 0;
        if (last == nullptr || !state.reason.empty())
            last = &state;
    }
    bool disk = rec.stat.fault == ENGINE_FAULT_DISK_FULL || rec.stat.fault == ENGINE_FAULT_IO;
    bool done = rec.progress != step::none;
    if (disk)
        return;
    if (failed == 0 || failed < rec.tracker_urls.size() || rec.stat.down_bytes_s > 0 || done || rec.paused)
    {
        torrent_recovered(engine, rec);
        return;
    }
    std::string text = last->reason.empty() ? ENGINE_TEXT_TRACKER : "Tracker refuses: " + last->reason;
    torrent_fault(engine, rec, names == failed ? ENGINE_FAULT_DNS : ENGINE_FAULT_TRACKER, E_PROVIDER, text,
                  last->cause);
}

void torrent_check_finished(struct engine *engine, const record_ptr &rec)
{
    const struct engine_stat &stat = rec->stat;
    bool all = stat.wanted_bytes > 0 && stat.done_bytes >= stat.wanted_bytes && stat.state != ENGINE_CHECKING;
    if (!all || !rec->admitted || rec->removing || rec->progress != step::none ||
        stat.fault == ENGINE_FAULT_IO || stat.fault == ENGINE_FAULT_DISK_FULL)
        return;
    rec->progress = step::finishing;
    torrent_save(engine, rec, {});
}

namespace
{

enum engine_state state_of(const record &rec, const lt::torrent_status &status)
{
    if (rec.paused)
        return ENGINE_PAUSED;
    if (!rec.admitted || !status.has_metadata)
        return ENGINE_METADATA_WAIT;
    if (status.state == lt::torrent_status::checking_files ||
        status.state == lt::torrent_status::checking_resume_data)
        return ENGINE_CHECKING;
    return rec.progress == step::finished ? ENGINE_SEEDING : ENGINE_DOWNLOADING;
}

void check_seeded(struct engine *engine, record &rec)
{
    const struct engine_seed_limits &limits = rec.seed_limits;
    const struct engine_stat &stat = rec.stat;
    if (stat.state != ENGINE_SEEDING)
        return;
    bool ratio = limits.ratio_permille > 0 &&
                 stat.all_time_up_bytes / 1000 >= stat.wanted_bytes / 1000 * limits.ratio_permille / 1000;
    bool time = limits.seeding_s > 0 && stat.seeding_s >= limits.seeding_s;
    if (!ratio && !time)
        return;
    rec.paused = true;
    rec.stat.state = ENGINE_PAUSED;
    rec.handle.pause();
    event_post(engine, rec, ENGINE_SEEDED);
}

} // namespace

void torrent_status_take(struct engine *engine, const record_ptr &rec, const lt::torrent_status &status)
{
    struct engine_stat &stat = rec->stat;
    int64_t now = clock_mono_ms();
    uint64_t fetched = size_of(status.total_payload_download);
    if (fetched != stat.fetched_bytes)
        rec->payload_ms = now;
    stat.fetched_bytes = fetched;
    stat.all_time_down_bytes = size_of(status.all_time_download);
    stat.all_time_up_bytes = size_of(status.all_time_upload);
    bool moving = !rec->paused && status.num_peers > 0; /* libtorrent's mean would fade for half a minute */
    stat.down_bytes_s = moving ? count_of(status.download_payload_rate) : 0;
    stat.up_bytes_s = moving ? count_of(status.upload_payload_rate) : 0;
    stat.peers = count_of(status.num_peers);
    stat.seeds = count_of(status.num_seeds);
    stat.pieces_done = count_of(status.num_pieces);
    stat.seeding_s = count_of(status.finished_duration.count());
    if (rec->admitted)
    {
        stat.wanted_bytes = size_of(status.total_wanted);
        stat.done_bytes = size_of(status.total_wanted_done);
    }
    bool short_of = rec->admitted && stat.done_bytes < stat.wanted_bytes;
    if (short_of && rec->progress != step::none)
        rec->progress = step::none; /* more was selected */
    if (short_of)
        rec->synced = false;
    stat.state = state_of(*rec, status);
    rec->dirty = true;
    torrent_judge_trackers(engine, *rec);
    if (status.is_finished)
        torrent_check_finished(engine, rec);
    check_seeded(engine, *rec);
}

} // namespace inside
