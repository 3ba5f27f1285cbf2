/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an engine: saves everything, marks it clean, and returns within the deadline. */
#include "workers/hunter/engine/inside.hpp"

#include <future>

using namespace inside;

namespace
{

std::map<lt::torrent_handle, record_ptr> ask_all(struct engine *engine)
{
    std::map<lt::torrent_handle, record_ptr> asked;
    for (const auto &[handle, rec] : engine->by_handle)
    {
        if (!rec->admitted || rec->leaving)
            continue;
        handle.save_resume_data(lt::torrent_handle::save_info_dict | lt::torrent_handle::flush_disk_cache);
        asked.emplace(handle, rec);
    }
    return asked;
}

/* Writes resume data at once; then, when the data are synced, writes them again as clean. */
void keep(struct engine *engine, const record_ptr &rec, const lt::add_torrent_params &given)
{
    std::shared_ptr<lt::add_torrent_params> params = std::make_shared<lt::add_torrent_params>(given);
    engine->keeper.push(
        [=, lock = rec->lock, info = rec->info, save_dir = rec->limits.save_dir, synced = rec->synced,
         proven = rec->proven, boot = engine->boot_id, path = resume_path(engine->state_dir, rec->id)]
        {
            if (!synced)
            {
                resume_write(path, *params, {boot, proven, ending::unclean});
                files_sync(*info, save_dir);
            }
            resume_write(path, *params, {boot, proven, ending::clean});
        });
}

void save_all(struct engine *engine, int64_t until_ms)
{
    std::map<lt::torrent_handle, record_ptr> waiting = ask_all(engine);
    while (!waiting.empty() && clock_mono_ms() < until_ms)
    {
        engine->session->wait_for_alert(lt::milliseconds(std::max<int64_t>(until_ms - clock_mono_ms(), 1)));
        engine->session->pop_alerts(&engine->alerts);
        for (lt::alert *alert : engine->alerts)
        {
            const lt::save_resume_data_alert *saved = lt::alert_cast<lt::save_resume_data_alert>(alert);
            const lt::save_resume_data_failed_alert *failed =
                lt::alert_cast<lt::save_resume_data_failed_alert>(alert);
            auto found = saved != nullptr ? waiting.find(saved->handle) : waiting.end();
            if (found != waiting.end())
                keep(engine, found->second, saved->params);
            if (failed != nullptr)
                found = waiting.find(failed->handle);
            if (found != waiting.end())
                waiting.erase(found);
        }
    }
}

/* Ending a session waits for trackers and disks, so it runs on a thread that may be left behind. */
void end_session(std::unique_ptr<lt::session> session, int64_t until_ms)
{
    std::shared_ptr<std::promise<void>> done = std::make_shared<std::promise<void>>();
    std::future<void> ended = done->get_future();
    std::shared_ptr<lt::session_proxy> proxy = std::make_shared<lt::session_proxy>(session->abort());
    session.reset();
    std::thread(
        [proxy = std::move(proxy), done]() mutable
        {
            proxy.reset();
            done->set_value();
        })
        .detach();
    ended.wait_for(std::chrono::milliseconds(std::max<int64_t>(until_ms - clock_mono_ms(), 0)));
}

} // namespace

void engine_close(struct engine *engine, uint32_t deadline_ms)
{
    if (engine == nullptr)
        return;
    guard(nullptr,
          [&]
          {
              int64_t now = clock_mono_ms();
              int64_t until = now + deadline_ms;
              *engine->stopping = true;
              engine->checker.drop();
              engine->looker.drop();
              engine->session->set_alert_notify([] {});
              engine->session->pause();
              save_all(engine, now + deadline_ms / 2);
              engine->keeper.stop(until - clock_mono_ms() - deadline_ms / 4);
              end_session(std::move(engine->session), until);
              engine->checker.stop(until - clock_mono_ms());
              engine->looker.stop(until - clock_mono_ms());
          });
    delete engine;
}
