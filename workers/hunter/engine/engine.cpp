/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/engine/engine.h"

#include "workers/hunter/engine/inside.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace inside;

namespace
{

using hold = std::lock_guard<std::mutex>;

record_ptr find(struct engine *engine, const char *id)
{
    auto found = engine->by_id.find(id == nullptr ? "" : id);
    if (found == engine->by_id.end() || found->second->removing)
        throw failure{E_NOT_FOUND, "no such torrent here"};
    return found->second;
}

record_ptr find_with_info(struct engine *engine, const char *id)
{
    record_ptr rec = find(engine, id);
    if (!rec->info || !rec->handle.is_valid())
        throw failure{E_UNAVAILABLE, "the torrent's metadata are not known yet"};
    return rec;
}

/* More files need disk space; without it nothing changes. */
void select_files(struct engine *engine, record &rec, const uint8_t *priorities, size_t count)
{
    std::vector<lt::download_priority_t> before = rec.priorities;
    torrent_select(rec, priorities, count);
    if (!rec.admitted)
        return;
    try
    {
        space_claim(*engine, rec);
    }
    catch (const failure &)
    {
        rec.priorities = before;
        throw;
    }
}

void tick(struct engine *engine)
{
    int64_t now = clock_mono_ms();
    if (now >= engine->next_update_ms)
    {
        engine->next_update_ms = now + std::min<uint32_t>(engine->progress_ms, 1000);
        engine->session->post_torrent_updates({});
        guard(nullptr, [engine] { space_watch(engine); });
        guard(nullptr, [engine] { seeds_watch(engine); });
    }
    engine_adjust(engine);
    if (now < engine->next_resume_ms)
        return;
    engine->next_resume_ms = now + engine->resume_ms;
    for (const auto &[id, rec] : engine->by_id)
    {
        if (rec->dirty && rec->admitted && !rec->saving && !rec->removing && rec->progress != step::finishing)
            torrent_save(engine, rec, lt::torrent_handle::only_if_modified);
    }
}

void run_inbox(struct engine *engine)
{
    for (std::function<void()> &what : engine->inbox->take())
        guard(nullptr, what);
}

size_t give(struct engine *engine, struct engine_event *events, size_t max)
{
    size_t n = 0;
    while (n < max && !engine->events.empty())
    {
        events[n++] = engine->events.front();
        engine->events.pop_front();
    }
    return n;
}

size_t work(struct engine *engine, struct engine_event *events, size_t max, int64_t *next_ms)
{
    hold lock(engine->mutex);
    run_inbox(engine);
    alerts_handle(engine);
    tick(engine);
    *next_ms = std::min(engine->next_update_ms, engine->next_resume_ms);
    return give(engine, events, max);
}

} // namespace

enum err_code engine_open(const struct engine_config *config, struct engine **engine, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     if (config->state_dir == nullptr)
                         throw failure{E_CONFIG, "the BitTorrent engine needs a folder for its state"};
                     folder_make(config->state_dir);
                     std::unique_ptr<struct engine> made = std::make_unique<struct engine>();
                     made->state_dir = config->state_dir;
                     made->boot_id = config->boot_id != nullptr ? config->boot_id : boot_id_read();
                     made->progress_ms = config->progress_ms == 0 ? 1000 : config->progress_ms;
                     made->reserve_bytes = config->reserve_bytes;
                     made->resume_ms = config->resume_ms == 0 ? 5000 : config->resume_ms;
                     made->inbox = std::make_shared<inside::inbox>();
                     made->stopping = std::make_shared<std::atomic<bool>>(false);
                     made->session = session_open(*config);
                     made->session->set_alert_notify([box = made->inbox] { box->wake(); });
                     *engine = made.release();
                 });
}

void engine_set_promised(struct engine *engine, const struct engine_promise *promises, size_t count)
{
    (void)guard(nullptr,
                [&]
                {
                    std::map<std::string, uint64_t> promised;
                    for (size_t i = 0; i < count; i++)
                        promised[promises[i].id] = promises[i].left_bytes;
                    hold lock(engine->mutex);
                    engine->promised.swap(promised);
                });
}

enum err_code engine_add(struct engine *engine, const struct engine_source *source, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     torrent_add(engine, source);
                 });
}

enum err_code engine_want(struct engine *engine, const char *id, enum engine_aim aim, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     torrent_want(engine, find(engine, id), aim);
                 });
}

enum err_code engine_pause(struct engine *engine, const char *id, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->paused = true;
                     rec->stat.state = ENGINE_PAUSED;
                     torrent_apply(*rec);
                 });
}

enum err_code engine_resume(struct engine *engine, const char *id, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->paused = false;
                     torrent_recovered(engine, *rec);
                     if (!rec->handle.is_valid())
                         return;
                     rec->handle.clear_error();
                     torrent_let_fetch(*rec);
                     torrent_apply(*rec);
                 });
}

enum err_code engine_remove(struct engine *engine, const char *id, enum engine_files_fate fate,
                            struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->removing = true;
                     rec->fate = fate;
                     if (!rec->handle.is_valid())
                         return; /* still being prepared: dropped when it is ready */
                     rec->handle.pause();
                     if (fate == ENGINE_DELETE_FILES)
                         torrent_leave(engine, rec);
                     else
                         torrent_save(engine, rec, {});
                 });
}

enum err_code engine_set_seed_limits(struct engine *engine, const char *id,
                                     const struct engine_seed_limits *limits, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     find(engine, id)->seed_limits = *limits;
                 });
}

enum err_code engine_link(struct engine *engine, const char *id, const char *links, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->linked = links_read(links);
                     torrent_link(*rec);
                 });
}

enum err_code engine_purge(struct engine *engine, const char *id, const char *save_dir, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     torrent_check_id(id, save_dir);
                     hold lock(engine->mutex);
                     if (engine->by_id.count(id) != 0)
                     {
                         record_ptr rec = find(engine, id);
                         rec->removing = true;
                         rec->fate = ENGINE_DELETE_FILES;
                         torrent_leave(engine, rec);
                         return;
                     }
                     record_ptr rec = std::make_shared<record>();
                     rec->id = id;
                     rec->limits.save_dir = save_dir;
                     rec->payload_ms = clock_mono_ms();
                     rec->lock = std::make_shared<torrent_lock>(engine->state_dir, rec->id);
                     rec->removing = true;
                     rec->fate = ENGINE_DELETE_FILES;
                     engine->by_id[rec->id] = rec;
                     torrent_gone(engine, rec);
                 });
}

enum err_code engine_select(struct engine *engine, const char *id, const uint8_t *priorities, size_t count,
                            struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     select_files(engine, *rec, priorities, count);
                     if (!rec->admitted)
                         return;
                     rec->progress = step::none; /* ENGINE_FINISHED comes for this selection */
                     rec->synced = false;
                     rec->dirty = true;
                     torrent_apply(*rec);
                     engine->inbox->wake();
                 });
}

enum err_code engine_want_range(struct engine *engine, const char *id, const struct engine_range *range,
                                struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     range_want(*find_with_info(engine, id), *range);
                 });
}

enum err_code engine_range_ready(struct engine *engine, const char *id, const struct engine_range *range,
                                 uint64_t *ready_bytes, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     *ready_bytes = range_ready(*find_with_info(engine, id), *range);
                 });
}

enum err_code engine_read_stat(struct engine *engine, const char *id, struct engine_stat *stat,
                               struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     *stat = rec->stat;
                     stat->idle_s = static_cast<uint32_t>((clock_mono_ms() - rec->payload_ms) / 1000);
                 });
}

enum err_code engine_files(struct engine *engine, const char *id, struct engine_file_list **files,
                           struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     *files = files_new(*find_with_info(engine, id));
                 });
}

void engine_files_free(struct engine_file_list *files)
{
    free(files);
}

enum err_code engine_metainfo(struct engine *engine, const char *id, unsigned char **bytes, size_t *size,
                              struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     std::string text = metainfo_of(*find_with_info(engine, id));
                     unsigned char *copy = static_cast<unsigned char *>(malloc(text.size()));
                     if (copy == nullptr)
                         throw std::bad_alloc();
                     std::copy(text.begin(), text.end(), copy);
                     *bytes = copy;
                     *size = text.size();
                 });
}

enum err_code engine_connect_peer(struct engine *engine, const char *id, const char *peer, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     std::string text = peer;
                     size_t colon = text.rfind(':');
                     lt::error_code ec;
                     lt::address address =
                         lt::make_address(text.substr(0, colon == std::string::npos ? 0 : colon), ec);
                     long port =
                         colon == std::string::npos ? 0 : strtol(text.c_str() + colon + 1, nullptr, 10);
                     if (ec || port < 1 || port > 65535)
                         throw failure{E_INVALID, "not an address and port"};
                     if (!rec->handle.is_valid())
                         throw failure{E_UNAVAILABLE, "the torrent is still being prepared"};
                     rec->handle.connect_peer({address, static_cast<uint16_t>(port)});
                 });
}

uint16_t engine_port(struct engine *engine)
{
    uint16_t port = 0;
    guard(nullptr,
          [&] { port = engine->session->is_listening() ? engine->session->listen_port() : uint16_t{0}; });
    return port;
}

size_t engine_poll(struct engine *engine, struct engine_event *events, size_t max, uint32_t wait_ms)
{
    size_t n = 0;
    guard(nullptr,
          [&]
          {
              int64_t until = clock_mono_ms() + wait_ms;
              while (true)
              {
                  int64_t next_ms = 0;
                  n = work(engine, events, max, &next_ms);
                  int64_t now = clock_mono_ms();
                  if (n > 0 || now >= until)
                      return;
                  engine->inbox->wait(std::min(until, next_ms) - now);
              }
          });
    return n;
}

void engine_wake(struct engine *engine)
{
    engine->inbox->wake();
}
