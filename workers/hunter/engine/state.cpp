/* SPDX-License-Identifier: Apache-2.0 */
/* State and faults of a torrent. */
#include "workers/hunter/engine/inside.hpp"

#include <algorithm>

namespace inside
{

namespace
{

enum engine_state state_of(const record &rec, const lt::torrent_status &status)
{
    if (rec.paused)
        return ENGINE_PAUSED;
    if (!rec.admitted || !status.has_metadata)
        return ENGINE_METADATA_WAIT;
    if (rec.rechecks || rec.progress == step::finishing ||
        status.state == lt::torrent_status::checking_files ||
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

void torrent_fault(struct engine *engine, record &rec, enum engine_fault fault, enum err_code code,
                   const std::string &text, const std::string &cause)
{
    if (rec.stat.fault == fault && rec.fault_text == text)
        return;
    bool disk = fault == ENGINE_FAULT_DISK_FULL || fault == ENGINE_FAULT_IO;
    bool was_disk = rec.stat.fault == ENGINE_FAULT_DISK_FULL || rec.stat.fault == ENGINE_FAULT_IO;
    if (was_disk)
        return; /* one fault is reported, and the first is the most specific */
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
    bool found = rec.stat.peers > 0 || rec.stat.down_bytes_s > 0; /* then trackers are not needed */
    if (failed == 0 || failed < rec.tracker_urls.size() || found || done || rec.paused)
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
    bool all = stat.wanted_bytes > 0 && stat.done_bytes >= stat.wanted_bytes &&
               stat.state != ENGINE_CHECKING && !rec->rechecks;
    if (!all || !rec->admitted || rec->removing || rec->progress != step::none ||
        stat.fault == ENGINE_FAULT_IO || stat.fault == ENGINE_FAULT_DISK_FULL)
        return;
    if (stat.wanted_bytes < torrent_wanted_bytes(*rec))
        return; /* a new selection that libtorrent has not taken in yet */
    rec->progress = step::finishing;
    torrent_save(engine, rec, {});
}

void torrent_status_take(struct engine *engine, const record_ptr &rec, const lt::torrent_status &status)
{
    struct engine_stat &stat = rec->stat;
    int64_t now = clock_mono_ms();
    uint64_t fetched = size_of(status.total_payload_download);
    if (fetched != stat.fetched_bytes)
        rec->payload_ms = now;
    stat.fetched_bytes = fetched;
    stat.all_time_up_bytes = size_of(status.all_time_upload);
    bool moving = !rec->paused && status.num_peers > 0; /* libtorrent's mean would fade for half a minute */
    stat.down_bytes_s = moving ? count_of(status.download_payload_rate) : 0;
    stat.up_bytes_s = moving ? count_of(status.upload_payload_rate) : 0;
    stat.peers = count_of(status.num_peers);
    stat.seeds = count_of(status.num_seeds);
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
    if (short_of && rec->seeds_only && stat.state == ENGINE_DOWNLOADING)
        torrent_mend(engine, rec);
}

} // namespace inside

const char *engine_state_name(enum engine_state state)
{
    static const char *const names[ENGINE_STATE_COUNT] = {"preparing",   "metadata", "checking",
                                                          "downloading", "seeding",  "paused"};
    return state < ENGINE_STATE_COUNT ? names[state] : "unknown";
}
