/* SPDX-License-Identifier: Apache-2.0 */
/* libtorrent's alerts, one function each, found through a table.  Their pointers die at the next pop. */
#include "workers/hunter/engine/inside.hpp"

#include <boost/asio/error.hpp>
#include <cerrno>

namespace inside
{

namespace
{

const int CALL_SOON_MS = 3000;
const int REANNOUNCE_S = 5;

record_ptr record_of(struct engine *engine, const lt::torrent_handle &handle)
{
    auto found = engine->by_handle.find(handle);
    return found == engine->by_handle.end() ? nullptr : found->second;
}

void on_added(struct engine *engine, const lt::add_torrent_alert &alert)
{
    const record *added = alert.params.userdata.get<record>(); /* compared only: it may be gone */
    auto found = engine->by_id.end();
    for (auto i = engine->by_id.begin(); i != engine->by_id.end() && found == engine->by_id.end(); i++)
    {
        if (i->second.get() == added)
            found = i;
    }
    if (found == engine->by_id.end())
        return;
    record_ptr rec = found->second;
    if (alert.error)
    {
        bool twice = alert.error == lt::error_code(lt::errors::duplicate_torrent, lt::libtorrent_category());
        torrent_refuse(
            engine, rec,
            failure{twice ? E_CONFLICT : E_UNAVAILABLE,
                    twice ? "the same torrent is here under another id" : "cannot add the torrent"});
        return;
    }
    rec->handle = alert.handle;
    engine->by_handle[alert.handle] = rec;
    if (rec->removing)
    {
        torrent_leave(engine, rec);
        return;
    }
    rec->stat.state = ENGINE_METADATA_WAIT;
    if (alert.params.ti)
        torrent_admit(engine, rec);
    else
        torrent_apply(*rec);
}

void on_metadata(struct engine *engine, const lt::metadata_received_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (!rec || rec->removing)
        return;
    rec->renames = names_ask(rec->handle);
    if (rec->renames == 0)
        torrent_admit(engine, rec);
    engine->call_soon_until_ms = clock_mono_ms() + CALL_SOON_MS;
    engine_adjust(engine);
}

void on_renamed(struct engine *engine, const lt::file_renamed_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec && !rec->removing && rec->renames > 0 && --rec->renames == 0)
        torrent_admit(engine, rec);
}

void on_rename_failed(struct engine *engine, const lt::file_rename_failed_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec && !rec->removing && rec->renames > 0)
        torrent_refuse(engine, rec, failure{E_UNAVAILABLE, "cannot tell its files apart"});
}

void on_states(struct engine *engine, const lt::state_update_alert &alert)
{
    int64_t now = clock_mono_ms();
    for (const lt::torrent_status &status : alert.status)
    {
        record_ptr rec = record_of(engine, status.handle);
        if (!rec || rec->removing)
            continue;
        torrent_status_take(engine, rec, status);
        if (now - rec->progress_ms + 50 < engine->progress_ms)
            continue;
        rec->progress_ms = now;
        event_post(engine, *rec, ENGINE_PROGRESS);
    }
}

void on_finished(struct engine *engine, const lt::torrent_finished_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec && rec->admitted && !rec->removing) /* a torrent that waits at the gate is "finished", too */
        torrent_status_take(engine, rec, alert.handle.status({}));
}

void on_saved(struct engine *engine, const lt::save_resume_data_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec && !rec->leaving)
        torrent_saved(engine, rec, alert.params);
}

void on_save_failed(struct engine *engine, const lt::save_resume_data_failed_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (!rec)
        return;
    rec->saving = false;
    if (rec->progress == step::finishing)
        rec->progress = step::none;
    if (rec->removing)
        torrent_leave(engine, rec);
}

void on_removed(struct engine *engine, const lt::torrent_removed_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec && rec->fate == ENGINE_KEEP_FILES)
        torrent_gone(engine, rec);
}

void on_deleted(struct engine *engine, const lt::torrent_deleted_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec)
        torrent_gone(engine, rec);
}

void on_delete_failed(struct engine *engine, const lt::torrent_delete_failed_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (rec)
        torrent_gone(engine, rec);
}

/* A file is not there any more: no fault of the disk. */
bool is_missing(const lt::error_code &error)
{
    bool system = error.category() == lt::system_category() || error.category() == lt::generic_category();
    return (system && (error.value() == ENOENT || error.value() == ENOTDIR)) ||
           error == boost::asio::error::eof ||
           error == lt::error_code(lt::errors::file_too_short, lt::libtorrent_category());
}

void disk_fault(struct engine *engine, const record_ptr &rec, const lt::error_code &error)
{
    bool system = error.category() == lt::system_category() || error.category() == lt::generic_category();
    bool full = system && (error.value() == ENOSPC || error.value() == EDQUOT);
    torrent_fault(engine, *rec, full ? ENGINE_FAULT_DISK_FULL : ENGINE_FAULT_IO,
                  full ? E_DISK_FULL : E_UNAVAILABLE, full ? ENGINE_TEXT_DISK_FULL : "Disk error",
                  error.message());
}

void on_file_error(struct engine *engine, const lt::file_error_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (!rec || rec->removing)
        return;
    if (is_missing(alert.error) && rec->admitted)
        torrent_mend(engine, rec);
    else
        disk_fault(engine, rec, alert.error);
}

/* All of it has been hashed. */
void on_checked(struct engine *engine, const lt::torrent_checked_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (!rec || rec->removing || !rec->rechecks)
        return;
    rec->rechecks = false;
    /* Trackers got a stop and a start event, perhaps in the wrong order. */
    rec->handle.force_reannounce(REANNOUNCE_S, -1, lt::torrent_handle::ignore_min_interval);
    torrent_status_take(engine, rec, alert.handle.status({}));
}

/* Two magnet links, for the two hashes of a hybrid: the metadata have just shown that they are one torrent,
 * and libtorrent has stopped both.  The torrent of version 1 goes on, as in the database. */
void on_conflict(struct engine *engine, const lt::torrent_conflict_alert &alert)
{
    record_ptr stays = record_of(engine, alert.handle);
    record_ptr goes = record_of(engine, alert.conflicting_torrent);
    if (!stays || !goes)
        return;
    if (!stays->hashes.has_v1())
        stays.swap(goes);
    torrent_refuse(engine, goes, failure{E_CONFLICT, "the torrent is here under its other hash"});
    stays->handle.clear_error();
    torrent_apply(*stays);
}

void on_torrent_error(struct engine *engine, const lt::torrent_error_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (alert.error == lt::error_code(lt::errors::duplicate_torrent, lt::libtorrent_category()))
        return;                                           /* on_conflict handles it */
    if (!rec || rec->removing || is_missing(alert.error)) /* a missing file also has a file_error_alert */
        return;
    if (alert.error == lt::error_code(lt::errors::invalid_swarm_metadata, lt::libtorrent_category()))
        torrent_refuse(engine, rec,
                       failure{E_REFUSED, "its description is broken"}); /* although its hash is right */
    else
        disk_fault(engine, rec, alert.error);
}

bool is_name_failure(const lt::tracker_error_alert &alert)
{
    return alert.op == lt::operation_t::hostname_lookup ||
           alert.error == boost::asio::error::host_not_found ||
           alert.error == boost::asio::error::host_not_found_try_again ||
           alert.error == boost::asio::error::no_data;
}

void on_tracker_error(struct engine *engine, const lt::tracker_error_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (!rec)
        return;
    tracker_state &state = rec->trackers[alert.tracker_url()];
    state.fault = is_name_failure(alert) ? ENGINE_FAULT_DNS : ENGINE_FAULT_TRACKER;
    state.cause = alert.error.message();
    state.reason = alert.failure_reason() == nullptr ? "" : alert.failure_reason();
    torrent_judge_trackers(engine, *rec);
}

void on_tracker_reply(struct engine *engine, const lt::tracker_reply_alert &alert)
{
    record_ptr rec = record_of(engine, alert.handle);
    if (!rec)
        return;
    rec->trackers[alert.tracker_url()] = {};
    torrent_judge_trackers(engine, *rec);
}

void on_listen_failed(struct engine *engine, const lt::listen_failed_alert &alert)
{
    record none;
    none.payload_ms = clock_mono_ms();
    none.stat.fault = ENGINE_FAULT_LISTEN;
    event_post(engine, none, ENGINE_FAULT);
    engine->events.back().code = E_UNAVAILABLE;
    copy_text(engine->events.back().text, ENGINE_TEXT_SIZE, "Cannot listen for BitTorrent peers");
    copy_text(engine->events.back().cause, ENGINE_TEXT_SIZE, alert.message());
}

template <class Alert, void (*handle)(struct engine *, const Alert &)>
bool row(struct engine *engine, lt::alert *alert)
{
    const Alert *mine = lt::alert_cast<Alert>(alert);
    if (mine == nullptr)
        return false;
    handle(engine, *mine);
    return true;
}

using alert_row = bool (*)(struct engine *, lt::alert *);

const alert_row ROWS[] = {
    row<lt::state_update_alert, on_states>,
    row<lt::add_torrent_alert, on_added>,
    row<lt::metadata_received_alert, on_metadata>,
    row<lt::file_renamed_alert, on_renamed>,
    row<lt::file_rename_failed_alert, on_rename_failed>,
    row<lt::torrent_finished_alert, on_finished>,
    row<lt::save_resume_data_alert, on_saved>,
    row<lt::save_resume_data_failed_alert, on_save_failed>,
    row<lt::torrent_removed_alert, on_removed>,
    row<lt::torrent_deleted_alert, on_deleted>,
    row<lt::torrent_delete_failed_alert, on_delete_failed>,
    row<lt::file_error_alert, on_file_error>,
    row<lt::torrent_checked_alert, on_checked>,
    row<lt::torrent_conflict_alert, on_conflict>,
    row<lt::torrent_error_alert, on_torrent_error>,
    row<lt::tracker_error_alert, on_tracker_error>,
    row<lt::tracker_reply_alert, on_tracker_reply>,
    row<lt::listen_failed_alert, on_listen_failed>,
};

} // namespace

void alerts_handle(struct engine *engine)
{
    engine->session->pop_alerts(&engine->alerts);
    for (lt::alert *alert : engine->alerts)
    {
        guard(nullptr,
              [&]
              {
                  for (alert_row take : ROWS)
                  {
                      if (take(engine, alert))
                          break;
                  }
              });
    }
    engine->alerts.clear();
}

} // namespace inside
